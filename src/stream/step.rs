//! The named steps of the worker's protocol, at which a simulation or a chaos test can end it.

use std::str::FromStr;

use super::transport::TransportFailure;

/// Told of every step that is reached; an error ends the worker there and then. A chaos test ends the process instead.
pub type Probe = dyn FnMut(Step) -> Result<(), TransportFailure> + Send;

/// A point in the protocol. A worker that ends at any of them, without another act, must lose and repeat nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// A transaction is open, nothing is in it.
    AfterBegin,
    /// Work that was due by time is in the batch.
    AfterDueWork,
    /// Records are published in the open transaction.
    AfterPublish,
    /// The records of a batch are published, the offsets are not yet sent.
    BeforeSendOffsets,
    /// The offsets are in the open transaction.
    AfterSendOffsets,
    /// The transaction is committed, the batch is not yet merged and published to readers.
    AfterCommitBeforePublish,
    /// The transaction is aborted, the inputs are not yet sought back.
    AfterAbortBeforeSeek,
    /// The outcome of a commit is unknown, the producer is renewed, the committed offsets are not yet read.
    AfterRenewBeforeCommitted,
    /// Partitions are being revoked, nothing is done yet.
    InRevokeBeforeCommit,
    /// Partitions are being revoked, the batch is committed, they are not yet given up.
    InRevokeBeforeGiveUp,
    /// A restore has read the committed offsets, not yet the ledger.
    InRestoreAfterCommitted,
    /// A restore has folded a part of the ledger.
    InRestoreFold,
    /// A partition is restored and not yet started.
    BeforeStart,
}

impl Step {
    /// All steps.
    pub const ALL: [Step; 13] = [
        Step::AfterBegin,
        Step::AfterDueWork,
        Step::AfterPublish,
        Step::BeforeSendOffsets,
        Step::AfterSendOffsets,
        Step::AfterCommitBeforePublish,
        Step::AfterAbortBeforeSeek,
        Step::AfterRenewBeforeCommitted,
        Step::InRevokeBeforeCommit,
        Step::InRevokeBeforeGiveUp,
        Step::InRestoreAfterCommitted,
        Step::InRestoreFold,
        Step::BeforeStart,
    ];

    /// The name, as `--crash-at` takes it.
    pub fn name(self) -> &'static str {
        match self {
            Step::AfterBegin => "after_begin",
            Step::AfterDueWork => "after_due_work",
            Step::AfterPublish => "after_publish",
            Step::BeforeSendOffsets => "before_send_offsets",
            Step::AfterSendOffsets => "after_send_offsets",
            Step::AfterCommitBeforePublish => "after_commit_before_publish",
            Step::AfterAbortBeforeSeek => "after_abort_before_seek",
            Step::AfterRenewBeforeCommitted => "after_renew_before_committed",
            Step::InRevokeBeforeCommit => "in_revoke_before_commit",
            Step::InRevokeBeforeGiveUp => "in_revoke_before_give_up",
            Step::InRestoreAfterCommitted => "in_restore_after_committed",
            Step::InRestoreFold => "in_restore_fold",
            Step::BeforeStart => "before_start",
        }
    }
}

impl FromStr for Step {
    type Err = String;

    fn from_str(name: &str) -> Result<Step, String> {
        Step::ALL.into_iter().find(|step| step.name() == name).ok_or_else(|| {
            let known: Vec<&str> = Step::ALL.iter().map(|step| step.name()).collect();
            format!("no step is called {name}; there are {}", known.join(", "))
        })
    }
}
