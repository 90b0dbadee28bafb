//! A log in memory with the semantics of Kafka's transactions: it carries `demo` and the simulation.
//!
//! ```text
//!  owner (demo, simulation)          worker, restore job
//!    MemoryCluster  Controls         MemoryTransport  MemoryRestoreSource
//!          │           └── faults, limits ──┤ member, reader: what the client believes
//!          └────────────── one lock ────────┴─────────┘
//!                            Broker: what is true
//!                 log   transactions   offsets   group
//! ```
//!
//! What is true (the broker) and what a client believes (its epoch, its membership, its positions) are kept apart, since
//! every fault worth finding lives between the two.
//!
//! It is deterministic: no clock but the owner's, no chance, no order that depends on a hash. Nothing happens by itself
//! either: sessions and transactions time out, late requests arrive and offsets expire when the owner says so. A client
//! that is dropped without [`close`](super::transport::Transport::close) has crashed: its transaction stays open and its
//! member in the group.
//!
//! Kept simpler than Kafka, on purpose: one consumer group; records never compacted; a static member that closes leaves
//! the group at once (there it leaves with its session timeout); the epoch of a producer grows with `init_transactions` and
//! timeouts, not with every transaction (as before KIP-890), so that a late EndTxn can hit a later transaction.
//!
//! Bounds: a partition keeps what its owner does not delete ([`MemoryCluster::delete_before`]); everything else is bounded
//! by the number of clients.

mod broker;
mod catalog;
mod cluster;
mod faults;
mod group;
mod log;
mod member;
mod offsets;
mod reader;
mod restore;
#[cfg(test)]
mod tests;
mod topic;
mod transactions;
mod transport;

#[cfg(test)]
pub(crate) use catalog::HungPublisher;
pub use catalog::{CATALOG_PARTITION, MemoryCatalogLog};
pub use cluster::{BrokerClock, MemberView, MemoryCluster, Notice, TRANSACTION_TIMEOUT_MS};
pub use faults::{Act, Controls, Fault};
pub use log::{MemoryPayload, MemoryRecord};
pub use member::MemoryMembership;
pub use restore::MemoryRestoreSource;
pub use topic::Topic;
pub use transactions::{LateOutcome, OpenTransactionView};
pub use transport::MemoryTransport;
