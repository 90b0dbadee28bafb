//! What was sent: told to the proof before it is in the log, so that no outcome comes unexpected.

use crate::core::partition::PartitionId;
use crate::core::reason::{Reason, Refusal};

/// What a sender tells the proof.
#[derive(Debug)]
pub enum Sent {
    /// Records of `cdrs`, in the order of their numbers: 0, 1, 2 ... over the whole run.
    Records(Vec<SentRecord>),
    /// A record of `commands`.
    Command(SentCommand),
}

/// One record of `cdrs`.
#[derive(Clone, Copy, Debug)]
pub struct SentRecord {
    /// Where it was sent to.
    pub partition: PartitionId,
    /// Its offset there.
    pub offset: i64,
    /// Whose call, by its place among the tenants; `None`: nobody's.
    pub tenant: Option<u32>,
    /// It was keyed to a partition that is not its tenant's.
    pub astray: bool,
    /// The number of the record that was the first of this call: its own, unless it is a copy.
    pub call: u64,
    /// Whether the call was sent before.
    pub copy: Copy,
    /// What the call is, or the first of its call was.
    pub what: What,
}

/// Whether a call was sent before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Copy {
    /// It was not.
    First,
    /// The same record again.
    Exact,
    /// The same call with another duration.
    Conflicting,
}

/// What a record is, as far as its price goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// An outbound call that somebody may have to pay.
    Outbound {
        /// The place of the number in the phone book.
        to: u32,
        /// How long it lasted.
        seconds: u32,
    },
    /// Unanswered, on-net, inbound to a user, emergency: free whatever its number is.
    Free,
    /// Not to be rated at all, for this reason.
    Unratable(Reason),
}

/// One record of `commands`.
#[derive(Debug)]
pub struct SentCommand {
    /// Its id.
    pub id: String,
    /// It was keyed to a partition that is not its tenant's.
    pub astray: bool,
    /// What has to become of it.
    pub expected: CommandOutcome,
}

/// What becomes of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandOutcome {
    /// It makes its event.
    Applied,
    /// It was applied, or its recharge settled, before.
    Duplicate,
    /// It is refused.
    Refused(Refusal),
}
