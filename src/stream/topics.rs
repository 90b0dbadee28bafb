//! What the cluster must hold: the topics and their settings, how they are created and checked, and the way out of lost
//! offsets.
//!
//! [`layout`] is the table that everything here follows. [`create`] makes what is missing and alters nothing that is
//! there: a setting that an operator has chosen is theirs. [`check`] says what differs, and whether the engine may start
//! with it. [`rewind`] gives a partition committed offsets again, [`read_ledger`] and [`TopicReader`] show what a partition of a topic holds.
//!
//! Nothing here prints or exits; the results say in words what they are. The calls block, so they must not be made from
//! within an async runtime.

pub mod layout;

#[cfg(feature = "kafka")]
mod check;
#[cfg(feature = "kafka")]
mod cluster;
#[cfg(feature = "kafka")]
mod create;
#[cfg(feature = "kafka")]
mod failure;
#[cfg(feature = "kafka")]
mod ledger;
#[cfg(feature = "kafka")]
mod rewind;

#[cfg(feature = "kafka")]
pub use {
    check::{Checked, Difference, LedgerDeletion, check},
    create::{Created, create},
    failure::TopicsFailure,
    ledger::{LedgerPartition, TopicReader, read_ledger},
    rewind::{
        ExistingOffsets, REWIND_BEFORE_LAST_EVENT, Rewind, RewindOutcome, RewindRequest, Rewound, RewoundOffset, rewind,
    },
};
