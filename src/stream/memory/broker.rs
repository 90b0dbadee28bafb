//! What is true in the cluster: the logs, the transactions, the committed offsets, the group.

use std::sync::Arc;

use crate::core::partition::PartitionId;
use crate::stream::transport::{CommittedOffsets, OutRecord};

use super::group::Group;
use super::log::PartitionLog;
use super::offsets::Offsets;
use super::topic::Topic;
use super::transactions::Transactions;

/// The state behind the lock. The requests of transactional producers are in [`super::transactions`].
#[derive(Debug)]
pub(super) struct Broker {
    partitions: usize,
    /// By topic, then by partition.
    logs: Vec<PartitionLog>,
    pub(super) transactions: Transactions,
    pub(super) offsets: Offsets,
    pub(super) group: Group,
}

/// Why the broker refuses a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    /// A newer epoch of the producer exists, or its transaction timed out.
    #[error("fenced: a newer epoch of this producer exists")]
    Fenced,
    /// The end of the transaction is decided and cannot be changed.
    #[error("invalid transaction state: its commit is prepared")]
    Decided,
    /// The offsets come with a generation that is not the group's.
    #[error("illegal generation")]
    IllegalGeneration,
    /// The offsets come from a member that the group does not know (any more).
    #[error("unknown member id")]
    UnknownMember,
}

impl Broker {
    /// A cluster without a record.
    pub(super) fn new(partitions: u32) -> Broker {
        assert!(partitions > 0, "a topic has at least one partition");
        let count = usize::try_from(partitions).expect("a u32 fits into a usize");
        let mut logs = Vec::new();
        logs.resize_with(count * Topic::ALL.len(), PartitionLog::default);
        Broker {
            partitions: count,
            logs,
            transactions: Transactions::default(),
            offsets: Offsets::default(),
            group: Group::new((0..partitions).map(PartitionId).collect()),
        }
    }

    /// One partition of a topic.
    pub(super) fn log(&self, topic: Topic, partition: PartitionId) -> &PartitionLog {
        &self.logs[self.place(topic, partition)]
    }

    /// One partition of a topic, to be changed.
    pub(super) fn log_mut(&mut self, topic: Topic, partition: PartitionId) -> &mut PartitionLog {
        let place = self.place(topic, partition);
        &mut self.logs[place]
    }

    /// Appends records outside of a transaction; returns the offset of the first.
    pub(super) fn append(
        &mut self,
        topic: Topic,
        partition: PartitionId,
        records: Arc<[OutRecord]>,
        now_ms: i64,
    ) -> i64 {
        self.log_mut(topic, partition).append(records, now_ms)
    }

    /// The committed offsets of a partition; `None` while they are not stable: an open transaction has newer ones.
    pub(super) fn stable_offsets(&self, partition: PartitionId) -> Option<CommittedOffsets> {
        (!self.transactions.touch_offsets_of(partition)).then(|| self.offsets.of(partition))
    }

    fn place(&self, topic: Topic, partition: PartitionId) -> usize {
        let number = usize::try_from(partition.0).expect("a u32 fits into a usize");
        assert!(number < self.partitions, "there is no partition {partition} of {}", topic.name());
        topic.index() * self.partitions + number
    }
}
