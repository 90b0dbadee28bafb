//! The narrow waist between the worker and a log: poll a batch, publish, commit with offsets, assignment changes.
//!
//! There are two implementations, [`kafka`](super::kafka) and [`memory`](super::memory); both keep the semantics that KAFKA
//! transactions have, the unpleasant ones included. It is not a plug-in point.

use std::time::Duration;

use bytes::Bytes;

use crate::core::partition::PartitionId;

/// One of the three topics that a partition is driven by.
///
/// The order is that of the merge: at equal broker time commands come first, then reroute, then cdrs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Input {
    /// `commands`: what desk, payment service and command line ask for.
    Commands,
    /// `reroute`: envelopes with what arrived at a foreign partition, or is replayed.
    Reroute,
    /// `cdrs`: native call detail records.
    Cdrs,
}

impl Input {
    /// All inputs, in the order of the merge.
    pub const ALL: [Input; 3] = [Input::Commands, Input::Reroute, Input::Cdrs];

    /// The topic's name without its prefix.
    pub fn name(self) -> &'static str {
        match self {
            Input::Commands => "commands",
            Input::Reroute => "reroute",
            Input::Cdrs => "cdrs",
        }
    }

    /// The place in [`Input::ALL`], for arrays with one element an input.
    pub fn index(self) -> usize {
        match self {
            Input::Commands => 0,
            Input::Reroute => 1,
            Input::Cdrs => 2,
        }
    }
}

/// One of the topics that a batch is published to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Output {
    /// `ledger`: every event.
    Ledger,
    /// `alerts`: copies of the low-volume events, and refused commands.
    Alerts,
    /// `quarantine`: what could not be rated; duplicates.
    Quarantine,
    /// `reroute`: what belongs to another partition.
    Reroute,
}

impl Output {
    /// All outputs.
    pub const ALL: [Output; 4] = [Output::Ledger, Output::Alerts, Output::Quarantine, Output::Reroute];

    /// The topic's name without its prefix.
    pub fn name(self) -> &'static str {
        match self {
            Output::Ledger => "ledger",
            Output::Alerts => "alerts",
            Output::Quarantine => "quarantine",
            Output::Reroute => "reroute",
        }
    }

    /// The place in [`Output::ALL`].
    pub fn index(self) -> usize {
        match self {
            Output::Ledger => 0,
            Output::Alerts => 1,
            Output::Quarantine => 2,
            Output::Reroute => 3,
        }
    }
}

/// The next offset to be read of each input of one partition, by [`Input::index`].
pub type InputOffsets = [i64; 3];

/// What a fetch brings.
#[derive(Debug)]
pub enum Fetched<P> {
    /// A record that is committed (`read_committed`).
    Record(FetchedRecord<P>),
    /// The end of the input as it stood; `position` is the offset that would be read next.
    End {
        /// Which input.
        input: Input,
        /// Which partition of it.
        partition: PartitionId,
        /// The next offset; markers and aborted records before it are passed over.
        position: i64,
    },
    /// The partition cannot be read on, for example since its offset is out of range. It stops.
    Fault {
        /// Which input.
        input: Input,
        /// Which partition of it.
        partition: PartitionId,
        /// What happened, in words for the operator.
        message: String,
    },
}

/// One record of an input.
#[derive(Debug)]
pub struct FetchedRecord<P> {
    /// Which input.
    pub input: Input,
    /// Which partition of it.
    pub partition: PartitionId,
    /// The offset of the record in its input.
    pub offset: i64,
    /// The broker's time of the record (LogAppendTime), milliseconds since the epoch.
    pub timestamp_ms: i64,
    /// The value; empty for a record without one.
    pub payload: P,
}

/// What the group tells its member. Each must be answered at once, from the loop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupEvent {
    /// These partitions are ours now: answer with [`Transport::accept_assignment`], restore, then [`Transport::start`].
    Assigned(Vec<PartitionId>),
    /// These go to another member: commit, drop their state, then [`Transport::give_up`].
    Revoked(Vec<PartitionId>),
    /// These were taken from us; another member may have them already: abort, drop their state, [`Transport::give_up`].
    Lost(Vec<PartitionId>),
}

/// One record to be published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutRecord {
    /// The key: the tenant, or empty where there is none (it is then written without a key).
    pub key: Bytes,
    /// The value.
    pub value: Bytes,
}

/// An offset to be committed with a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetToCommit {
    /// Which input.
    pub input: Input,
    /// Which partition of it.
    pub partition: PartitionId,
    /// The next offset to be read.
    pub offset: i64,
    /// `<transactional id>/<random id of this run>/<batch number>/<partition clock, ms>`.
    pub metadata: std::sync::Arc<str>,
}

/// A committed offset as the group coordinator has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommittedOffset {
    /// The next offset to be read.
    pub offset: i64,
    /// See [`OffsetToCommit::metadata`].
    pub metadata: String,
}

/// The committed offsets of one partition, by [`Input::index`]; `None`: never committed, or expired.
pub type CommittedOffsets = [Option<CommittedOffset>; 3];

/// Why an act on the log failed, by what has to be done about it.
#[derive(Debug, thiserror::Error)]
pub enum TransportFailure {
    /// Nothing happened; the same may be tried again.
    #[error("{act}: {detail}")]
    Retry {
        /// The act that failed.
        act: &'static str,
        /// What the client said.
        detail: String,
    },
    /// The open transaction can only be aborted; it has no effect yet and will have none.
    #[error("{act}: the transaction has to be aborted: {detail}")]
    Abort {
        /// The act that failed.
        act: &'static str,
        /// What the client said.
        detail: String,
    },
    /// It is not known whether the transaction was committed, or the producer can do nothing any more (fenced, fatal):
    /// drop the producer, make a new one and read the committed offsets.
    #[error("{act}: the outcome is unknown: {detail}")]
    Unknown {
        /// The act that failed.
        act: &'static str,
        /// What the client said.
        detail: String,
    },
    /// The worker cannot go on; the process ends, and a new one recovers.
    #[error("{act}: {detail}")]
    Fatal {
        /// The act that failed.
        act: &'static str,
        /// What the client said.
        detail: String,
    },
}

/// What the worker needs of a log. One worker has one transport: one consumer and one transactional producer.
pub trait Transport {
    /// The value of a record, kept as the client has it.
    type Payload: AsRef<[u8]>;
    /// Proof of a valid membership: the very object that was checked and that is sent with the offsets.
    type Membership;

    /// The stable id of the producer.
    fn transactional_id(&self) -> &str;

    /// The next group event, if there is one. Does not wait.
    fn poll_group(&mut self) -> Result<Option<GroupEvent>, TransportFailure>;
    /// Appends up to `max` records (and ends) of `input`, of all started partitions, in order within a partition.
    /// Waits up to `wait` for the first.
    fn fetch(
        &mut self,
        input: Input,
        max: usize,
        wait: Duration,
        into: &mut Vec<Fetched<Self::Payload>>,
    ) -> Result<(), TransportFailure>;
    /// Answers [`GroupEvent::Assigned`] with an empty list, so that the group can go on while we restore.
    fn accept_assignment(&mut self) -> Result<(), TransportFailure>;
    /// Reads the three inputs of `partition` from these offsets on. The partition was assigned and not started.
    fn start(&mut self, partition: PartitionId, at: InputOffsets) -> Result<(), TransportFailure>;
    /// Stops reading a started partition without leaving the group's assignment: it is out of order, or restored anew.
    fn stop(&mut self, partition: PartitionId) -> Result<(), TransportFailure>;
    /// Goes back to these offsets. Whatever was fetched before and not delivered is forgotten.
    fn seek(&mut self, partition: PartitionId, to: InputOffsets) -> Result<(), TransportFailure>;
    /// Answers [`GroupEvent::Revoked`] and [`GroupEvent::Lost`]; unassigns only what was really started, perhaps nothing.
    fn give_up(&mut self, partitions: &[PartitionId]) -> Result<(), TransportFailure>;

    /// The membership, if it is valid: generation at least 0, member id not empty, assignment not lost.
    fn membership(&mut self) -> Option<Self::Membership>;
    /// Opens a transaction.
    fn begin(&mut self) -> Result<(), TransportFailure>;
    /// Adds records to the open transaction, in order; `records` is empty afterwards.
    fn publish(
        &mut self,
        output: Output,
        partition: PartitionId,
        records: &mut Vec<OutRecord>,
    ) -> Result<(), TransportFailure>;
    /// Adds offsets to the open transaction. The coordinator checks the membership: the only fence against a zombie.
    fn send_offsets(
        &mut self,
        membership: &Self::Membership,
        offsets: &[OffsetToCommit],
    ) -> Result<(), TransportFailure>;
    /// Commits. `Abort`: it certainly had no effect; `Unknown`: it may have, or may yet.
    fn commit(&mut self) -> Result<(), TransportFailure>;
    /// Aborts. An error is an unknown outcome.
    fn abort(&mut self) -> Result<(), TransportFailure>;
    /// Drops the producer and makes a new one with the same transactional id; `init_transactions` finishes or aborts
    /// what was open.
    fn renew_producer(&mut self) -> Result<(), TransportFailure>;
    /// The committed offsets; waits for open transactions that touch them. `Retry`: they are not stable yet.
    fn committed(&mut self, partitions: &[PartitionId]) -> Result<Vec<CommittedOffsets>, TransportFailure>;
    /// The end of a started input as the client last heard of it; for the lag that operators see. Does not wait.
    fn known_end(&mut self, input: Input, partition: PartitionId) -> Option<i64>;
    /// Leaves the group; everything was committed and given up before.
    fn close(&mut self) -> Result<(), TransportFailure>;
}

/// What a restore job needs of a log: its own clients, beside the worker's.
pub trait RestoreSource {
    /// The value of a record.
    type Payload: AsRef<[u8]>;

    /// The committed offsets of a partition; `Retry` while a transaction that touches them is open.
    fn committed(&mut self, partition: PartitionId) -> Result<CommittedOffsets, TransportFailure>;
    /// The oldest offsets that the inputs still hold.
    fn low_watermarks(&mut self, partition: PartitionId) -> Result<InputOffsets, TransportFailure>;
    /// First offset and high watermark of the partition's ledger, uncommitted records included: an open transaction of
    /// the past owner must not hide what was committed behind it.
    fn ledger_range(&mut self, partition: PartitionId) -> Result<(i64, i64), TransportFailure>;
    /// Opens the partition's ledger for reading at `from`; closes one that was open.
    fn open_ledger(&mut self, partition: PartitionId, from: i64) -> Result<(), TransportFailure>;
    /// Appends up to `max` committed records, waits up to `wait` for the first. Returns the position: every offset before
    /// it is read or passed over (markers, aborted records).
    fn read_ledger(
        &mut self,
        max: usize,
        wait: Duration,
        into: &mut Vec<LedgerRecord<Self::Payload>>,
    ) -> Result<i64, TransportFailure>;
    /// Closes the ledger.
    fn close_ledger(&mut self) -> Result<(), TransportFailure>;
}

/// One committed record of a ledger.
#[derive(Debug)]
pub struct LedgerRecord<P> {
    /// Its offset.
    pub offset: i64,
    /// The event.
    pub payload: P,
}
