//! A worker's hold on the log, with an observer between them who notes what was given and what was taken.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tollkeeper::core::partition::PartitionId;
use tollkeeper::stream::memory::{MemoryCluster, MemoryMembership, MemoryPayload, MemoryTransport};
use tollkeeper::stream::transport::{
    CommittedOffsets, Fetched, GroupEvent, Input, InputOffsets, OffsetToCommit, OutRecord, Output, Transport,
    TransportFailure,
};

use crate::journal::{Attempt, Happened, Journal, Taken};
use crate::merge::{AtHand, Merge};

pub(crate) struct Observed {
    inner: MemoryTransport,
    cluster: MemoryCluster,
    journal: Journal,
    merges: BTreeMap<PartitionId, Merge>,
    taken: BTreeMap<PartitionId, Vec<Taken>>,
    walls: Vec<(u64, i64)>,
    step: ThisStep,
}

/// What was seen since the step began.
#[derive(Debug, Default)]
struct ThisStep {
    number: u64,
    wall_ms: i64,
    fetched: bool,
    /// The worker went back after it had taken: what it says to have taken is nothing any more.
    went_back: bool,
    taken: usize,
}

impl Observed {
    pub(crate) fn new(inner: MemoryTransport, cluster: MemoryCluster, journal: Journal) -> Observed {
        Observed {
            inner,
            cluster,
            journal,
            merges: BTreeMap::new(),
            taken: BTreeMap::new(),
            walls: Vec::new(),
            step: ThisStep::default(),
        }
    }

    pub(crate) fn controls(&self) -> tollkeeper::stream::memory::Controls {
        self.inner.controls()
    }

    /// The worker is about to be stepped.
    pub(crate) fn begin_step(&mut self, wall_ms: i64) {
        let mut pages = self.journal.pages();
        pages.step += 1;
        self.step = ThisStep { number: pages.step, wall_ms, ..ThisStep::default() };
        self.walls.push((pages.step, wall_ms));
    }

    /// The worker was stepped and says to have taken so many records.
    pub(crate) fn end_step(&mut self, records: usize) {
        if self.step.went_back {
            return;
        }
        let mut left = records - self.step.taken.min(records);
        for (partition, merge) in &mut self.merges {
            while left > 0 {
                let Some(record) = merge.take() else { break };
                self.taken.entry(*partition).or_default().push(Taken { record, step: self.step.number });
                left -= 1;
            }
        }
        if left > 0 {
            let text = format!("step {}: {left} records were taken that could not be", self.step.number);
            self.journal.pages().violations.push(text);
        }
    }

    fn went_back(&mut self) {
        self.step.went_back |= self.step.fetched;
        self.forget_transaction();
    }

    fn forget_transaction(&mut self) {
        self.taken.clear();
        let now = (self.step.number, self.step.wall_ms);
        self.walls = vec![now];
    }

    /// What the transaction is to commit: with these offsets it took everything before them.
    fn note_attempt(&mut self, offsets: &[OffsetToCommit]) {
        let partitions: BTreeSet<PartitionId> = offsets.iter().map(|offset| offset.partition).collect();
        for partition in partitions {
            let of = |input: Input| offsets.iter().find(|o| o.partition == partition && o.input == input);
            let Some(target) = Input::ALL.into_iter().map(|i| of(i).map(|o| o.offset)).collect::<Option<Vec<_>>>()
            else {
                self.journal.pages().violations.push(format!("{partition}: not all offsets are sent"));
                continue;
            };
            let target: InputOffsets = target.try_into().expect("three inputs");
            let until = self.merges.entry(partition).or_default().take_until(target);
            let taken = self.taken.entry(partition).or_default();
            match until {
                Ok(records) => {
                    self.step.taken += records.len();
                    taken.extend(records.into_iter().map(|record| Taken { record, step: self.step.number }));
                }
                Err(why) => self.journal.pages().violations.push(format!("partition {partition}: {why}")),
            }
            let metadata = &of(Input::Cdrs).expect("looked at above").metadata;
            let (id, _clock) = metadata.rsplit_once('/').expect("metadata ends in the clock");
            let attempt = Attempt { taken: taken.clone(), walls: self.walls.clone() };
            self.journal.pages().attempts.insert((id.to_owned(), partition), attempt);
        }
    }

    fn after<T>(&mut self, result: T) -> T {
        self.journal.note_commits(&self.cluster);
        result
    }
}

impl Transport for Observed {
    type Payload = MemoryPayload;
    type Membership = MemoryMembership;

    fn transactional_id(&self) -> &str {
        self.inner.transactional_id()
    }

    fn poll_group(&mut self) -> Result<Option<GroupEvent>, TransportFailure> {
        self.inner.poll_group()
    }

    fn fetch(
        &mut self,
        input: Input,
        max: usize,
        wait: Duration,
        into: &mut Vec<Fetched<MemoryPayload>>,
    ) -> Result<(), TransportFailure> {
        self.step.fetched = true;
        let before = into.len();
        self.inner.fetch(input, max, wait, into)?;
        for item in &into[before..] {
            match item {
                Fetched::Record(record) => {
                    let (offset, timestamp_ms) = (record.offset, record.timestamp_ms);
                    let at_hand = AtHand { input: record.input, offset, timestamp_ms };
                    self.merges.entry(record.partition).or_default().record(at_hand);
                }
                Fetched::End { input, partition, .. } => self.merges.entry(*partition).or_default().end(*input),
                Fetched::Fault { .. } => {}
            }
        }
        Ok(())
    }

    fn accept_assignment(&mut self) -> Result<(), TransportFailure> {
        self.inner.accept_assignment()
    }

    fn start(&mut self, partition: PartitionId, at: InputOffsets) -> Result<(), TransportFailure> {
        self.merges.insert(partition, Merge::default());
        self.journal.note(partition, Happened::Started { at });
        self.inner.start(partition, at)
    }

    fn stop(&mut self, partition: PartitionId) -> Result<(), TransportFailure> {
        self.merges.remove(&partition);
        self.inner.stop(partition)
    }

    fn seek(&mut self, partition: PartitionId, to: InputOffsets) -> Result<(), TransportFailure> {
        self.merges.insert(partition, Merge::default());
        self.went_back();
        self.inner.seek(partition, to)
    }

    fn give_up(&mut self, partitions: &[PartitionId]) -> Result<(), TransportFailure> {
        for partition in partitions {
            self.merges.remove(partition);
        }
        self.inner.give_up(partitions)
    }

    fn membership(&mut self) -> Option<MemoryMembership> {
        self.inner.membership()
    }

    fn begin(&mut self) -> Result<(), TransportFailure> {
        self.forget_transaction();
        self.inner.begin()
    }

    fn publish(
        &mut self,
        output: Output,
        partition: PartitionId,
        records: &mut Vec<OutRecord>,
    ) -> Result<(), TransportFailure> {
        let result = self.inner.publish(output, partition, records);
        self.after(result)
    }

    fn send_offsets(
        &mut self,
        membership: &MemoryMembership,
        offsets: &[OffsetToCommit],
    ) -> Result<(), TransportFailure> {
        self.note_attempt(offsets);
        let result = self.inner.send_offsets(membership, offsets);
        self.after(result)
    }

    fn commit(&mut self) -> Result<(), TransportFailure> {
        let result = self.inner.commit();
        self.after(result)
    }

    fn abort(&mut self) -> Result<(), TransportFailure> {
        let result = self.inner.abort();
        self.after(result)
    }

    fn renew_producer(&mut self) -> Result<(), TransportFailure> {
        let result = self.inner.renew_producer();
        self.after(result)
    }

    fn committed(&mut self, partitions: &[PartitionId]) -> Result<Vec<CommittedOffsets>, TransportFailure> {
        self.inner.committed(partitions)
    }

    fn known_end(&mut self, input: Input, partition: PartitionId) -> Option<i64> {
        self.inner.known_end(input, partition)
    }

    fn close(&mut self) -> Result<(), TransportFailure> {
        self.inner.close()
    }
}
