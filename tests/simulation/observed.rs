//! A worker's hold on the log, with an observer between them who notes what was given and what was taken.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use tollkeeper::core::partition::PartitionId;
use tollkeeper::stream::memory::{MemoryCluster, MemoryMembership, MemoryPayload, MemoryTransport};
use tollkeeper::stream::transport::{
    CommittedOffsets, Fetched, GroupEvent, Input, InputOffsets, OffsetToCommit, OutRecord, Output, Transport,
    TransportFailure,
};

use crate::journal::{Happened, Journal, Taken};
use crate::merge::{AtHand, Merge};
use crate::tally::Tally;

/// A partition that is caught up and of which nothing was committed for this long moves its clock by the wall's.
const QUIET_MS: i64 = 3_600_000;

pub(crate) struct Observed {
    inner: MemoryTransport,
    cluster: MemoryCluster,
    journal: Journal,
    merges: BTreeMap<PartitionId, Merge>,
    taken: BTreeMap<PartitionId, Vec<Taken>>,
    /// When offsets of a partition were committed last, or it was started, by the monotonic clock.
    committed_ms: BTreeMap<PartitionId, i64>,
    /// Whose offsets are in a transaction that was neither taken back nor followed by another.
    sent: BTreeSet<PartitionId>,
    /// The clocks of the partitions, as far as they are known.
    clocks_ms: BTreeMap<PartitionId, i64>,
    /// Events of due work are in the open transaction.
    has_due_work: bool,
    step: ThisStep,
    pause: Pause,
    tally: Tally,
}

/// Where a worker can be stopped and continued, in the middle of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// It has asked the group, and now fetches.
    InFetch,
    /// It has published, and now looks at its membership.
    BeforeMembership,
    /// It has looked at its membership, and now sends its offsets.
    BeforeSendOffsets,
}

type Meanwhile = Box<dyn FnOnce()>;

/// What happens at such a place: the rest of the world goes on. A cheap clone.
#[derive(Clone, Default)]
pub(crate) struct Pause(Rc<RefCell<Option<(Place, Meanwhile)>>>);

impl Pause {
    pub(crate) fn plan(&self, at: Place, meanwhile: Meanwhile) {
        *self.0.borrow_mut() = Some((at, meanwhile));
    }

    pub(crate) fn cancel(&self) {
        drop(self.0.borrow_mut().take());
    }
}

/// What was seen since the step began.
#[derive(Debug, Default)]
struct ThisStep {
    number: u64,
    time: Time,
    fetched: bool,
    /// The worker went back after it had taken: what it says to have taken is nothing any more.
    went_back: bool,
    taken: usize,
    /// Partitions that were looked at after their records were taken.
    settled: BTreeSet<PartitionId>,
}

/// The time that a worker is told, in milliseconds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Time {
    pub(crate) wall_ms: i64,
    pub(crate) monotonic_ms: i64,
}

impl Observed {
    pub(crate) fn new(inner: MemoryTransport, cluster: MemoryCluster, journal: Journal, tally: Tally) -> Observed {
        Observed {
            inner,
            cluster,
            journal,
            merges: BTreeMap::new(),
            taken: BTreeMap::new(),
            committed_ms: BTreeMap::new(),
            sent: BTreeSet::new(),
            clocks_ms: BTreeMap::new(),
            has_due_work: false,
            step: ThisStep::default(),
            pause: Pause::default(),
            tally,
        }
    }

    pub(crate) fn controls(&self) -> tollkeeper::stream::memory::Controls {
        self.inner.controls()
    }

    /// The hold on what happens while the worker is in the middle of a step.
    pub(crate) fn pause(&self) -> Pause {
        self.pause.clone()
    }

    /// The process is stopped here and continued, if that is planned.
    fn here(&mut self, place: Place) {
        let due = self.pause.0.borrow_mut().take_if(|(at, _)| *at == place);
        if let Some((_, meanwhile)) = due {
            meanwhile();
        }
    }

    /// The worker is about to be stepped, or to be told of a restored partition; its clocks are these.
    pub(crate) fn begin_step(&mut self, time: Time, clocks_ms: BTreeMap<PartitionId, i64>) {
        self.clocks_ms = clocks_ms;
        let mut pages = self.journal.pages();
        pages.step += 1;
        self.step = ThisStep { number: pages.step, time, ..ThisStep::default() };
    }

    /// The worker was stepped and says to have taken so many records; its clocks are these now.
    pub(crate) fn end_step(&mut self, records: usize, clocks_ms: BTreeMap<PartitionId, i64>) {
        if self.step.went_back {
            return;
        }
        // An outcome that was unknown and was not taken back was a commit.
        self.was_committed_if_sent();
        let mut left = records - self.step.taken.min(records);
        let partitions: Vec<PartitionId> = self.merges.keys().copied().collect();
        for partition in &partitions {
            while left > 0 {
                let Some(record) = self.merges.get_mut(partition).and_then(Merge::take) else { break };
                self.took(*partition, record);
                left -= 1;
            }
        }
        if left > 0 {
            let text = format!("step {}: {left} records were taken that could not be", self.step.number);
            self.journal.pages().violations.push(text);
        }
        clocks_ms.into_iter().for_each(|(partition, ms)| self.note_clock(partition, ms));
        partitions.into_iter().for_each(|partition| self.note_quiet(partition));
    }

    fn took(&mut self, partition: PartitionId, record: AtHand) {
        if let Some(clock_ms) = self.clocks_ms.get_mut(&partition) {
            *clock_ms = record.timestamp_ms.max(*clock_ms);
        }
        self.taken.entry(partition).or_default().push(Taken::Record(record));
    }

    /// All records of this step are taken. The clock goes on without a record only to what is due, and past neither the record that
    /// is next nor, where there is none, the wall's clock.
    fn note_clock(&mut self, partition: PartitionId, ms: i64) {
        self.taken.entry(partition).or_default().push(Taken::Clock { ms });
        // After an abort it is not known, and nothing more is taken in that step.
        let known_ms = self.clocks_ms.insert(partition, ms).unwrap_or(ms);
        let merge = self.merges.get(&partition);
        let until_ms = merge.and_then(|merge| match merge.next() {
            Some(next) => Some(next.timestamp_ms),
            None => merge.is_caught_up().then_some(self.step.time.wall_ms),
        });
        if ms > known_ms && until_ms.is_none_or(|until_ms| ms > until_ms) {
            let number = self.step.number;
            let text = format!("step {number}: clock {partition} went from {known_ms} to {ms}, past {until_ms:?}");
            self.journal.pages().violations.push(text);
        }
    }

    /// All records of this step are taken: the offsets are committed all the same, if the partition is quiet.
    fn note_quiet(&mut self, partition: PartitionId) {
        if !self.step.fetched || !self.step.settled.insert(partition) {
            return;
        }
        let Time { monotonic_ms, .. } = self.step.time;
        let since_ms = self.committed_ms.get(&partition).map_or(0, |at| monotonic_ms - at);
        if self.merges.get(&partition).is_some_and(Merge::is_caught_up) && since_ms >= QUIET_MS {
            self.taken.entry(partition).or_default().push(Taken::Quiet);
        }
    }

    fn went_back(&mut self) {
        self.step.went_back |= self.step.fetched;
        self.taken.clear();
        self.sent.clear();
    }

    fn was_committed_if_sent(&mut self) {
        if !self.sent.is_empty() {
            self.was_committed();
        }
    }

    fn was_committed(&mut self) {
        for partition in std::mem::take(&mut self.sent) {
            self.committed_ms.insert(partition, self.step.time.monotonic_ms);
        }
        self.taken.clear();
    }

    /// What the transaction is to commit: with these offsets it took everything before them.
    fn note_attempt(&mut self, offsets: &[OffsetToCommit]) {
        let partitions: BTreeSet<PartitionId> = offsets.iter().map(|offset| offset.partition).collect();
        for partition in partitions.iter().copied() {
            let of = |input: Input| offsets.iter().find(|o| o.partition == partition && o.input == input);
            let Some(target) = Input::ALL.into_iter().map(|i| of(i).map(|o| o.offset)).collect::<Option<Vec<_>>>()
            else {
                self.journal.pages().violations.push(format!("{partition}: not all offsets are sent"));
                continue;
            };
            let target: InputOffsets = target.try_into().expect("three inputs");
            let until = self.merges.entry(partition).or_default().take_until(target);
            match until {
                Ok(records) => {
                    self.step.taken += records.len();
                    records.into_iter().for_each(|record| self.took(partition, record));
                }
                Err(why) => self.journal.pages().violations.push(format!("partition {partition}: {why}")),
            }
        }
        for partition in partitions {
            let of = |input: Input| offsets.iter().find(|o| o.partition == partition && o.input == input);
            let metadata = &of(Input::Cdrs).expect("looked at above").metadata;
            let (id, clock_ms) = metadata.rsplit_once('/').expect("metadata ends in the clock");
            self.note_clock(partition, clock_ms.parse().expect("metadata ends in the clock"));
            self.note_quiet(partition);
            self.sent.insert(partition);
            let taken = self.taken.get(&partition).cloned().unwrap_or_default();
            self.journal.pages().attempts.insert((id.to_owned(), partition), taken);
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
        self.here(Place::InFetch);
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
        self.clocks_ms.remove(&partition);
        self.committed_ms.insert(partition, self.step.time.monotonic_ms);
        self.journal.note(partition, Happened::Started { at });
        self.inner.start(partition, at)
    }

    fn stop(&mut self, partition: PartitionId) -> Result<(), TransportFailure> {
        // It is recovered: what was taken of it in this step is nothing any more.
        self.merges.remove(&partition);
        self.went_back();
        self.inner.stop(partition)
    }

    fn seek(&mut self, partition: PartitionId, to: InputOffsets) -> Result<(), TransportFailure> {
        self.merges.insert(partition, Merge::default());
        self.clocks_ms.remove(&partition);
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
        self.here(Place::BeforeMembership);
        self.inner.membership()
    }

    fn begin(&mut self) -> Result<(), TransportFailure> {
        self.taken.clear();
        self.sent.clear();
        self.has_due_work = false;
        self.inner.begin()
    }

    fn publish(
        &mut self,
        output: Output,
        partition: PartitionId,
        records: &mut Vec<OutRecord>,
    ) -> Result<(), TransportFailure> {
        let is_due_work = |record: &OutRecord| record.value.windows(13).any(|part| part == br#""cause":"due/"#);
        self.has_due_work |= records.iter().any(is_due_work);
        let result = self.inner.publish(output, partition, records);
        self.after(result)
    }

    fn send_offsets(
        &mut self,
        membership: &MemoryMembership,
        offsets: &[OffsetToCommit],
    ) -> Result<(), TransportFailure> {
        self.note_attempt(offsets);
        self.here(Place::BeforeSendOffsets);
        let result = self.inner.send_offsets(membership, offsets);
        self.after(result)
    }

    fn commit(&mut self) -> Result<(), TransportFailure> {
        let result = self.inner.commit();
        if result.is_ok() {
            self.was_committed();
        }
        self.after(result)
    }

    fn abort(&mut self) -> Result<(), TransportFailure> {
        if self.has_due_work {
            self.tally.count("faults", "aborted with due work in the batch");
        }
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
