//! The cluster in the hands of its owner: the demo, the simulation, generators and proofs.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use crate::core::partition::PartitionId;
use crate::stream::transport::{CommittedOffsets, OutRecord, TransportFailure};

use super::broker::Broker;
use super::catalog::MemoryCatalogLog;
use super::log::{Isolation, MemoryRecord};
use super::restore::MemoryRestoreSource;
use super::topic::Topic;
use super::transactions::{LateOutcome, OpenTransactionView};
use super::transport::MemoryTransport;

/// How old an open transaction becomes before [`MemoryCluster::expire_transactions`] aborts it, in milliseconds: the
/// `transaction.timeout.ms` of a worker.
pub const TRANSACTION_TIMEOUT_MS: i64 = 10_000;

/// The broker's clock, milliseconds since the epoch. It is asked with every change, never while the cluster is locked; a
/// partition's time does not go back when it does.
pub type BrokerClock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// A cluster of one group, and of the topics in [`Topic::ALL`], each with the same number of partitions. A cheap clone.
#[derive(Clone)]
pub struct MemoryCluster(Arc<Shared>);

struct Shared {
    partitions: u32,
    clock: BrokerClock,
    broker: Mutex<Broker>,
    /// Something was appended, committed or aborted.
    news: Condvar,
}

/// When a member that is expelled hears of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// When it polls its group next; until then it believes (a process that was stopped and continued).
    AtPoll,
    /// At once, from a heartbeat behind the back of its loop: its member id is empty and its generation -1 from now on.
    AtOnce,
}

/// A member of the group as the coordinator knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberView {
    /// Its static id.
    pub instance: String,
    /// The id that the coordinator gave it.
    pub member_id: String,
    /// What the current generation gives it, whether it knows already or not.
    pub assigned: Vec<PartitionId>,
}

impl MemoryCluster {
    /// A cluster without a record, client or committed offset.
    ///
    /// # Panics
    ///
    /// Without a partition.
    pub fn new(partitions: u32, clock: BrokerClock) -> MemoryCluster {
        MemoryCluster(Arc::new(Shared {
            partitions,
            clock,
            broker: Mutex::new(Broker::new(partitions)),
            news: Condvar::new(),
        }))
    }

    /// The number of partitions of each topic.
    pub fn partitions(&self) -> u32 {
        self.0.partitions
    }

    /// A worker's clients. Their producer is initialised here: older ones with this transactional id are fenced, and what
    /// they had open is aborted (or completed, if its commit was prepared).
    pub fn transport(&self, transactional_id: &str, group_instance: &str) -> MemoryTransport {
        MemoryTransport::new(self.clone(), transactional_id, group_instance)
    }

    /// The clients of a restore job.
    pub fn restore_source(&self) -> MemoryRestoreSource {
        MemoryRestoreSource::new(self.clone())
    }

    /// The topic `catalog`, to be read from its first record.
    pub fn catalog_log(&self) -> MemoryCatalogLog {
        MemoryCatalogLog::new(self.clone())
    }

    // Records, outside of transactions.

    /// Appends one record; returns its offset. An empty key or value is none.
    pub fn append(
        &self,
        topic: Topic,
        partition: PartitionId,
        key: impl Into<Box<[u8]>>,
        value: impl Into<Box<[u8]>>,
    ) -> i64 {
        let (key, value): (Box<[u8]>, Box<[u8]>) = (key.into(), value.into());
        self.append_batch(topic, partition, vec![OutRecord { key: key.into(), value: value.into() }])
    }

    /// Appends records with one broker time; returns the offset of the first.
    pub fn append_batch(&self, topic: Topic, partition: PartitionId, records: Vec<OutRecord>) -> i64 {
        let batch: Arc<[OutRecord]> = records.into();
        self.change(|broker, now_ms| broker.append(topic, partition, batch, now_ms))
    }

    /// Up to `max` committed records from `from` on (from the low watermark, if that is higher), and the position to read
    /// on at. It stops at the last stable offset.
    pub fn read_committed(
        &self,
        topic: Topic,
        partition: PartitionId,
        from: i64,
        max: usize,
    ) -> (Vec<MemoryRecord>, i64) {
        self.read(topic, partition, from, max, Isolation::Committed)
    }

    /// As [`MemoryCluster::read_committed`], with the records of open and aborted transactions, to the high watermark.
    pub fn read_uncommitted(
        &self,
        topic: Topic,
        partition: PartitionId,
        from: i64,
        max: usize,
    ) -> (Vec<MemoryRecord>, i64) {
        self.read(topic, partition, from, max, Isolation::Uncommitted)
    }

    /// The first offset that is held.
    pub fn low_watermark(&self, topic: Topic, partition: PartitionId) -> i64 {
        self.lock().log(topic, partition).low_watermark()
    }

    /// The offset that no committed reader passes: the first of the oldest open transaction, else the high watermark.
    pub fn last_stable_offset(&self, topic: Topic, partition: PartitionId) -> i64 {
        self.lock().log(topic, partition).last_stable_offset()
    }

    /// The offset behind the last record or marker.
    pub fn high_watermark(&self, topic: Topic, partition: PartitionId) -> i64 {
        self.lock().log(topic, partition).high_watermark()
    }

    /// Retention: deletes what lies before `offset`, at most up to the last stable offset.
    pub fn delete_before(&self, topic: Topic, partition: PartitionId, offset: i64) {
        let gone = self.lock().log_mut(topic, partition).delete_before(offset);
        drop(gone);
    }

    // Transactions and offsets.

    /// The transactions that are not ended, by transactional id.
    pub fn open_transactions(&self) -> Vec<OpenTransactionView> {
        self.lock().transactions.open()
    }

    /// Aborts the transactions that are [`TRANSACTION_TIMEOUT_MS`] old and fences their producers, whose transactional ids
    /// it returns. Prepared commits stay.
    pub fn expire_transactions(&self) -> Vec<String> {
        self.change(|broker, now_ms| broker.expire_transactions(now_ms - TRANSACTION_TIMEOUT_MS, now_ms))
    }

    /// Delivers the EndTxn requests that are under way, in the order in which they were sent; says what became of each.
    pub fn deliver_late(&self) -> Vec<LateOutcome> {
        self.change(Broker::deliver_late)
    }

    /// How many EndTxn requests are under way.
    pub fn late_len(&self) -> usize {
        self.lock().transactions.late_len()
    }

    /// Writes the markers of the commits that are prepared.
    pub fn complete_prepared(&self) {
        self.change(Broker::complete_prepared);
    }

    /// What is committed now, whatever is pending.
    pub fn committed_offsets(&self, partition: PartitionId) -> CommittedOffsets {
        self.lock().offsets.of(partition)
    }

    /// The committed offsets of a partition expire.
    pub fn forget_offsets(&self, partition: PartitionId) {
        self.lock().offsets.forget(partition);
    }

    // The group.

    /// The members, by member id.
    pub fn members(&self) -> Vec<MemberView> {
        let broker = self.lock();
        let view = |(instance, member_id, assigned): (&str, &str, &BTreeSet<PartitionId>)| MemberView {
            instance: instance.to_owned(),
            member_id: member_id.to_owned(),
            assigned: assigned.iter().copied().collect(),
        };
        broker.group.members().map(view).collect()
    }

    /// The generation, and whether the next is under way: then it waits for members to poll, or to be expelled.
    pub fn generation(&self) -> (i32, bool) {
        let broker = self.lock();
        (broker.group.generation(), broker.group.is_rebalancing())
    }

    /// Asks every member to join anew.
    pub fn rebalance(&self) {
        self.lock().group.start_rebalance();
    }

    /// The session of the member with this static id times out; its partitions go to others. Returns whether there was one.
    pub fn expire_member(&self, group_instance: &str, notice: Notice) -> bool {
        let mut broker = self.lock();
        let was_member = broker.group.expel(group_instance);
        match notice {
            Notice::AtPoll => {}
            Notice::AtOnce => broker.group.tell_expelled(group_instance),
        }
        was_member
    }

    // For the clients.

    /// Changes what is true, at the broker's time, and wakes who waits.
    pub(super) fn change<T>(&self, act: impl FnOnce(&mut Broker, i64) -> T) -> T {
        let now_ms = (self.0.clock)();
        let result = act(&mut self.lock(), now_ms);
        self.0.news.notify_all();
        result
    }

    /// As [`MemoryCluster::change`], for the end of a client that may itself be dropped by a panic.
    pub(super) fn change_unless_poisoned(&self, act: impl FnOnce(&mut Broker)) {
        if let Ok(mut broker) = self.0.broker.lock() {
            act(&mut broker);
        }
    }

    /// Locks the broker, waits up to `timeout` until `ready`; does not wait with a timeout of zero.
    pub(super) fn wait(&self, timeout: Duration, mut ready: impl FnMut(&Broker) -> bool) -> MutexGuard<'_, Broker> {
        let broker = self.lock();
        if timeout.is_zero() {
            return broker;
        }
        let waited = self.0.news.wait_timeout_while(broker, timeout, |broker| !ready(broker));
        waited.expect(UNPOISONED).0
    }

    /// The committed offsets of a partition; `Retry` while they are not stable.
    pub(super) fn stable_offsets(&self, partition: PartitionId) -> Result<CommittedOffsets, TransportFailure> {
        self.lock().stable_offsets(partition).ok_or_else(|| TransportFailure::Retry {
            act: "committed",
            detail: format!("the offsets of partition {partition} are unstable: an open transaction has newer ones"),
        })
    }

    fn read(
        &self,
        topic: Topic,
        partition: PartitionId,
        from: i64,
        max: usize,
        isolation: Isolation,
    ) -> (Vec<MemoryRecord>, i64) {
        let broker = self.lock();
        let log = broker.log(topic, partition);
        let mut records = Vec::new();
        let up_to = log.read(from.max(log.low_watermark()), max, isolation, |record| records.push(record));
        (records, up_to.position)
    }

    /// What is true, without news for those who wait.
    pub(super) fn lock(&self) -> MutexGuard<'_, Broker> {
        self.0.broker.lock().expect(UNPOISONED)
    }
}

/// Why taking the lock cannot fail.
const UNPOISONED: &str = "no holder of the lock panics but for a bug, which ends the process";

impl fmt::Debug for MemoryCluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryCluster").field("partitions", &self.0.partitions).finish_non_exhaustive()
    }
}
