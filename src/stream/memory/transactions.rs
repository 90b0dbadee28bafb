//! The transaction coordinator: producers by transactional id, their epochs, and what they have open.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::core::partition::PartitionId;
use crate::stream::transport::{OffsetToCommit, OutRecord};

use super::broker::{Broker, Refusal};
use super::log::{TransactionNumber, Verdict};
use super::member::MemoryMembership;
use super::offsets::Offsets;
use super::topic::Topic;

/// What a client says of itself in each request of its producer.
#[derive(Clone, Debug)]
pub(super) struct ProducerHandle {
    pub(super) transactional_id: Arc<str>,
    pub(super) epoch: u32,
}

/// All transactional producers, and the requests that are still under way.
#[derive(Debug, Default)]
pub(super) struct Transactions {
    producers: BTreeMap<Arc<str>, Producer>,
    late: Vec<LateEnd>,
    last_number: u64,
}

#[derive(Debug, Default)]
struct Producer {
    epoch: u32,
    open: Option<OpenTransaction>,
}

/// A transaction from its first record or offset to its markers.
#[derive(Debug)]
struct OpenTransaction {
    number: TransactionNumber,
    since_ms: i64,
    /// The commit is decided, the markers are not written.
    commit_prepared: bool,
    partitions: BTreeSet<(Topic, PartitionId)>,
    offsets: Offsets,
}

#[derive(Debug)]
struct LateEnd {
    sender: ProducerHandle,
    verdict: Verdict,
}

/// What became of an EndTxn that arrived late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LateOutcome {
    /// Its producer has a newer epoch.
    Fenced,
    /// It ended the transaction that its producer has open now, whichever that is.
    EndedOpenTransaction,
    /// Its producer has nothing open.
    NothingOpen,
}

/// A transaction that is not ended, as its owner sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenTransactionView {
    /// Whose it is.
    pub transactional_id: String,
    /// Where it has records, and so holds the last stable offset.
    pub partitions: Vec<(Topic, PartitionId)>,
    /// Whether its commit is decided, and only its markers are missing.
    pub commit_prepared: bool,
}

impl Transactions {
    /// Whether an open transaction has offsets of this partition.
    pub(super) fn touch_offsets_of(&self, partition: PartitionId) -> bool {
        self.producers.values().filter_map(|producer| producer.open.as_ref()).any(|open| open.offsets.touch(partition))
    }

    /// The transactions that are not ended, by transactional id.
    pub(super) fn open(&self) -> Vec<OpenTransactionView> {
        let view = |(id, producer): (&Arc<str>, &Producer)| {
            let open = producer.open.as_ref()?;
            Some(OpenTransactionView {
                transactional_id: id.to_string(),
                partitions: open.partitions.iter().copied().collect(),
                commit_prepared: open.commit_prepared,
            })
        };
        self.producers.iter().filter_map(view).collect()
    }

    /// How many requests are under way.
    pub(super) fn late_len(&self) -> usize {
        self.late.len()
    }

    /// Keeps a request under way.
    pub(super) fn delay_end(&mut self, sender: &ProducerHandle, verdict: Verdict) {
        self.late.push(LateEnd { sender: sender.clone(), verdict });
    }

    /// The sender's producer, if no newer epoch of it exists.
    fn admit(&mut self, sender: &ProducerHandle) -> Result<&mut Producer, Refusal> {
        let producer = self.producers.get_mut(&sender.transactional_id).filter(|known| known.epoch == sender.epoch);
        producer.ok_or(Refusal::Fenced)
    }

    /// The transaction of an admitted sender, opened if there is none.
    fn open_for(&mut self, sender: &ProducerHandle, now_ms: i64) -> Result<&mut OpenTransaction, Refusal> {
        let number = TransactionNumber(self.last_number + 1);
        let producer = self.admit(sender)?;
        if producer.open.is_none() {
            let offsets = Offsets::default();
            let partitions = BTreeSet::new();
            producer.open =
                Some(OpenTransaction { number, since_ms: now_ms, commit_prepared: false, partitions, offsets });
            self.last_number = number.0;
        }
        self.admit(sender).map(|producer| producer.open.as_mut().expect("it was opened above"))
    }

    fn ids_where(&self, chosen: impl Fn(&OpenTransaction) -> bool) -> Vec<Arc<str>> {
        let open = self.producers.iter().filter(|(_, producer)| producer.open.as_ref().is_some_and(&chosen));
        open.map(|(id, _)| Arc::clone(id)).collect()
    }
}

/// The requests of transactional producers.
impl Broker {
    /// `InitProducerId`: a new epoch, which fences every older one. What was open is aborted, or completed if its commit was
    /// prepared.
    pub(super) fn init_transactions(&mut self, transactional_id: &Arc<str>, now_ms: i64) -> ProducerHandle {
        self.finish(transactional_id, Verdict::Abort, now_ms);
        let producer = self.transactions.producers.entry(Arc::clone(transactional_id)).or_default();
        producer.epoch += 1;
        ProducerHandle { transactional_id: Arc::clone(transactional_id), epoch: producer.epoch }
    }

    /// Appends records to the sender's transaction.
    pub(super) fn publish(
        &mut self,
        sender: &ProducerHandle,
        (topic, partition): (Topic, PartitionId),
        records: Arc<[OutRecord]>,
        now_ms: i64,
    ) -> Result<(), Refusal> {
        let open = self.open_transaction(sender, now_ms)?;
        if records.is_empty() {
            return Ok(());
        }
        open.partitions.insert((topic, partition));
        let number = open.number;
        self.log_mut(topic, partition).append_open(records, number, now_ms);
        Ok(())
    }

    /// `TxnOffsetCommit`: adds offsets to the sender's transaction, if the membership is the group's.
    pub(super) fn send_offsets(
        &mut self,
        sender: &ProducerHandle,
        membership: &MemoryMembership,
        offsets: &[OffsetToCommit],
        now_ms: i64,
    ) -> Result<(), Refusal> {
        self.open_transaction(sender, now_ms)?;
        self.group.admit_commit(membership)?;
        let open = self.open_transaction(sender, now_ms)?;
        for offset in offsets {
            open.offsets.put(offset);
        }
        Ok(())
    }

    /// `EndTxn`, with its markers. Nothing open is no error: an empty transaction never reaches the broker.
    pub(super) fn end_transaction(
        &mut self,
        sender: &ProducerHandle,
        verdict: Verdict,
        now_ms: i64,
    ) -> Result<(), Refusal> {
        let producer = self.transactions.admit(sender)?;
        let prepared = producer.open.as_ref().is_some_and(|open| open.commit_prepared);
        if prepared && verdict == Verdict::Abort {
            return Err(Refusal::Decided);
        }
        self.finish(&sender.transactional_id, verdict, now_ms);
        Ok(())
    }

    /// `EndTxn` that is decided and whose markers are not written yet.
    pub(super) fn prepare_commit(&mut self, sender: &ProducerHandle) -> Result<(), Refusal> {
        if let Some(open) = &mut self.transactions.admit(sender)?.open {
            open.commit_prepared = true;
        }
        Ok(())
    }

    /// Writes the markers of every commit that is prepared.
    pub(super) fn complete_prepared(&mut self, now_ms: i64) {
        for id in self.transactions.ids_where(|open| open.commit_prepared) {
            self.finish(&id, Verdict::Commit, now_ms);
        }
    }

    /// Delivers what is under way, in the order in which it was sent.
    pub(super) fn deliver_late(&mut self, now_ms: i64) -> Vec<LateOutcome> {
        let arrived = std::mem::take(&mut self.transactions.late);
        arrived.iter().map(|end| self.deliver(end, now_ms)).collect()
    }

    /// Aborts the transactions that began at `since_ms` or before, and fences their producers.
    pub(super) fn expire_transactions(&mut self, since_ms: i64, now_ms: i64) -> Vec<String> {
        let expired = self.transactions.ids_where(|open| open.since_ms <= since_ms && !open.commit_prepared);
        for id in &expired {
            self.finish(id, Verdict::Abort, now_ms);
            let producer = self.transactions.producers.get_mut(id).expect("it had a transaction open");
            producer.epoch += 1;
        }
        expired.iter().map(ToString::to_string).collect()
    }

    fn deliver(&mut self, end: &LateEnd, now_ms: i64) -> LateOutcome {
        let Ok(producer) = self.transactions.admit(&end.sender) else { return LateOutcome::Fenced };
        if producer.open.is_none() {
            return LateOutcome::NothingOpen;
        }
        self.finish(&end.sender.transactional_id, end.verdict, now_ms);
        LateOutcome::EndedOpenTransaction
    }

    /// The sender's transaction, opened if there is none. The client waits until the markers of the last one are written.
    fn open_transaction(&mut self, sender: &ProducerHandle, now_ms: i64) -> Result<&mut OpenTransaction, Refusal> {
        let last = self.transactions.admit(sender)?;
        if last.open.as_ref().is_some_and(|open| open.commit_prepared) {
            self.finish(&sender.transactional_id, Verdict::Commit, now_ms);
        }
        self.transactions.open_for(sender, now_ms)
    }

    /// Ends what a producer has open: markers, offsets. A prepared commit is a commit whatever is asked for.
    fn finish(&mut self, transactional_id: &Arc<str>, verdict: Verdict, now_ms: i64) {
        let producer = self.transactions.producers.get_mut(transactional_id);
        let Some(open) = producer.and_then(|producer| producer.open.take()) else { return };
        let verdict = if open.commit_prepared { Verdict::Commit } else { verdict };
        for (topic, partition) in open.partitions {
            self.log_mut(topic, partition).end(open.number, verdict, now_ms);
        }
        match verdict {
            Verdict::Commit => self.offsets.put_all(open.offsets),
            Verdict::Abort => {}
        }
    }
}
