//! The worker: one consumer, one transactional producer, the partitions that it owns, and no clock of its own.
//!
//! It is a state machine: [`Worker::step`] does what can be done now and returns. A thread steps it on Kafka, the
//! simulation steps it by its seed. What it does in a step stands in `step`; the transaction protocol is in
//! `worker/transaction.rs`, what the group asks for in `worker/assignment.rs`, what is due by time in `worker/due.rs`, what
//! operators are told in `worker/watch.rs`.

mod assignment;
mod due;
mod pricing;
mod transaction;
mod watch;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::catalog::source::{CatalogSource, FixedCatalog};
use super::engine::{Engine, Sink, Source};
use super::inputs::{Inputs, Next};
use super::recovery::{RestoreRequest, Stopped};
use super::step::{Probe, Step};
use super::transport::{CommittedOffsets, Fetched, FetchedRecord, Input, InputOffsets, Transport, TransportFailure};
use crate::core::batch::{Accounts, PartitionState};
use crate::core::partition::PartitionId;
use crate::metrics::Metrics;
use transaction::{AbortsInARow, OpenBatch};
use watch::{ReroutesOfMinute, end_waiting, note_skew, note_waiting};

/// Records that one fetch brings at most.
const FETCH_RECORDS_MAX: usize = 2_000;
/// An input is fetched as long as some partition has fewer records of it that are not taken.
const QUEUED_RECORDS_ENOUGH: usize = 4_000;
/// Bytes of one partition's records that are fetched and not taken, at most: more than a batch of usual records.
const QUEUED_BYTES_MAX: usize = 128 * 1024 * 1024;
/// The offsets of a partition that nothing happens to are committed this often, since brokers forget them.
const QUIET_COMMIT_INTERVAL: Duration = Duration::from_secs(3600);
/// The time, told from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// The wall clock; may jump.
    pub wall: Timestamp,
    /// Never goes back; since any fixed point.
    pub monotonic: Duration,
}

/// What a worker is configured to.
#[derive(Clone, Debug)]
pub struct WorkerOptions {
    /// Records of one transaction at most.
    pub batch_records_max: usize,
    /// A transaction is committed when it is this old.
    pub commit_interval: Duration,
    /// A partition that waits for one of its inputs for longer is an alarm.
    pub input_wait_alarm: Duration,
    /// A broker's clock that is further off ours is an alarm.
    pub clock_skew_alarm: Duration,
    /// Tells this run of the worker from any other: random, or the seed's.
    pub run_id: String,
}

/// One worker. See the module.
pub struct Worker<T: Transport> {
    id: u32,
    transport: T,
    engine: Engine,
    catalogs: Arc<dyn CatalogSource>,
    options: WorkerOptions,
    metrics: Arc<Metrics>,
    probe: Box<Probe>,
    slots: BTreeMap<PartitionId, Slot<T::Payload>>,
    open: Option<OpenBatch>,
    batches: u64,
    assignments: u64,
    restores: Vec<RestoreRequest>,
    fetched: Vec<Fetched<T::Payload>>,
    health_at: Option<Duration>,
    aborts: AbortsInARow,
    reroutes: ReroutesOfMinute,
    stopwatch: Option<Stopwatch>,
}

/// Reads the monotonic clock in the middle of a step: to measure how long a commit takes, and for nothing else.
pub type Stopwatch = Box<dyn Fn() -> Duration + Send>;

/// A partition that is assigned to us.
enum Slot<P> {
    /// A job reads its past.
    Restoring {
        /// Which assignment it is for.
        assignment: u64,
        /// By the monotonic clock.
        requested: Duration,
    },
    /// It is rated.
    Active(Box<Active<P>>),
    /// It is in doubt: nothing is read and nothing written until a person has acted and the process starts anew.
    Stopped,
}

/// A partition that is rated.
struct Active<P> {
    accounts: Arc<Accounts>,
    state: PartitionState,
    inputs: Inputs<P>,
    /// The offsets as last read or committed, with their metadata.
    committed: CommittedOffsets,
    /// Where the inputs go on after an abort.
    committed_at: InputOffsets,
    committed_when: Duration,
    waiting: Option<Waiting>,
    caught_up: bool,
    /// It was caught up when the next record came: by that record the clocks are compared.
    was_caught_up: bool,
    last_record: Option<Timestamp>,
    skewed: bool,
}

/// A partition waits for one of its inputs.
struct Waiting {
    input: Input,
    /// By the monotonic clock.
    since: Duration,
    /// The alarm was raised.
    said: bool,
}

/// What a step has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Records taken.
    pub records: usize,
    /// A transaction is open.
    pub open: bool,
    /// Every partition is rated and has nothing more to read.
    pub caught_up: bool,
    /// There is no catalog to rate with: what is there to be read waits.
    pub wants_catalog: bool,
}

impl<T: Transport> Worker<T> {
    /// A worker that owns nothing yet, and rates with the engine's own catalog unless told otherwise
    /// ([`Self::priced_by`]). `probe` is told of every step of the protocol.
    pub fn new(
        id: u32,
        transport: T,
        engine: Engine,
        options: WorkerOptions,
        metrics: Arc<Metrics>,
        probe: Box<Probe>,
    ) -> Worker<T> {
        Worker {
            id,
            transport,
            catalogs: Arc::new(FixedCatalog::new(Arc::clone(engine.catalog()))),
            engine,
            options,
            metrics,
            probe,
            slots: BTreeMap::new(),
            open: None,
            batches: 0,
            assignments: 0,
            restores: Vec::new(),
            fetched: Vec::new(),
            health_at: None,
            aborts: AbortsInARow::default(),
            reroutes: ReroutesOfMinute::default(),
            stopwatch: None,
        }
    }

    /// Measures commits by this clock; without it they count as taking no time.
    pub fn measured_by(mut self, stopwatch: Stopwatch) -> Worker<T> {
        self.stopwatch = Some(stopwatch);
        self
    }

    /// Does what can be done now. Waits up to `wait` for the first record where there is none.
    ///
    /// # Errors
    /// Whatever it is, the worker must be dropped; what it had open has no effect, or recovery finds it. `Retry` too: it comes where
    /// an outcome has to be known and the log does not answer, and a process that starts anew asks again.
    pub fn step(&mut self, now: Now, wait: Duration) -> Result<Progress, TransportFailure> {
        while let Some(event) = self.transport.poll_group()? {
            self.group_event(event, now)?;
        }
        self.fetch(now, wait)?;
        self.bound_queues(now)?;
        let rating_began = self.measured(now);
        let records = if self.may_begin(now) { self.take_records(now)? } else { 0 };
        let rating = self.measured(now).saturating_sub(rating_began);
        self.open.iter_mut().for_each(|open| open.rating += rating);
        self.commit_quiet_offsets(now)?;
        if self.open.is_some() {
            self.publish(now)?;
        }
        if self.open.as_ref().is_some_and(|open| self.is_due(open, now)) {
            self.commit(now)?;
        }
        self.report_health(now);
        Ok(Progress {
            records,
            open: self.open.is_some(),
            caught_up: self.is_caught_up(),
            wants_catalog: !self.has_catalog(now),
        })
    }

    /// Commits what is open and leaves the group.
    ///
    /// # Errors
    /// As [`Self::step`].
    pub fn shut_down(&mut self, now: Now) -> Result<(), TransportFailure> {
        self.commit(now)?;
        let owned: Vec<PartitionId> = self.slots.keys().copied().collect();
        self.drop_partitions(&owned);
        self.transport.give_up(&owned)?;
        self.transport.close()
    }

    /// The partitions that are to be restored, each to be answered by [`Self::restored`].
    pub fn take_restores(&mut self) -> Vec<RestoreRequest> {
        std::mem::take(&mut self.restores)
    }

    /// A partition beside its accounts, as of the last commit; `None` while it is not rated here. For proofs and comparisons.
    pub fn partition_state(&self, partition: PartitionId) -> Option<&PartitionState> {
        match self.slots.get(&partition) {
            Some(Slot::Active(active)) => Some(&active.state),
            Some(Slot::Restoring { .. } | Slot::Stopped) | None => None,
        }
    }

    /// A partition's clock, with what is open; `None` while it is not rated here.
    pub fn clock(&self, partition: PartitionId) -> Option<Timestamp> {
        let open = self.open.as_ref().and_then(|open| open.batch.clock(partition));
        open.or_else(|| self.partition_state(partition).map(|state| state.clock))
    }

    /// A partition's accounts, as of the last commit; `None` while it is not rated here.
    pub fn accounts(&self, partition: PartitionId) -> Option<&Arc<Accounts>> {
        match self.slots.get(&partition) {
            Some(Slot::Active(active)) => Some(&active.accounts),
            Some(Slot::Restoring { .. } | Slot::Stopped) | None => None,
        }
    }

    /// The log that the worker works on; for whoever drives a simulation.
    pub fn transport_mut(&mut self) -> &mut T {
        &mut self.transport
    }

    fn is_due(&self, open: &OpenBatch, now: Now) -> bool {
        open.records >= self.options.batch_records_max
            || now.monotonic.saturating_sub(open.began) >= self.options.commit_interval
    }

    fn is_caught_up(&self) -> bool {
        self.slots.values().all(|slot| match slot {
            Slot::Active(active) => active.caught_up,
            Slot::Restoring { .. } => false,
            Slot::Stopped => true,
        })
    }

    fn fetch(&mut self, now: Now, wait: Duration) -> Result<(), TransportFailure> {
        let mut fetched = std::mem::take(&mut self.fetched);
        let has_catalog = self.has_catalog(now);
        // Calls are the traffic, so a worker with nothing to do waits for them; the others are asked in passing.
        for input in Input::ALL {
            let wait = if input == Input::Cdrs && !self.has_records() { wait } else { Duration::ZERO };
            if self.wants(input, has_catalog) {
                self.transport.fetch(input, FETCH_RECORDS_MAX, wait, &mut fetched)?;
            }
        }
        let mut faults = Vec::new();
        for item in fetched.drain(..) {
            match item {
                Fetched::Record(record) => {
                    if let Some(Slot::Active(active)) = self.slots.get_mut(&record.partition) {
                        active.inputs.push(record);
                    }
                }
                Fetched::End { input, partition, position } => {
                    if let Some(Slot::Active(active)) = self.slots.get_mut(&partition) {
                        active.inputs.end(input, position);
                    }
                }
                Fetched::Fault { partition, message, .. } => faults.push(Stopped::Input { partition, message }),
            }
        }
        self.fetched = fetched;
        // Only now: a commit that fails goes back, and what was fetched before must not be taken after that.
        faults.iter().try_for_each(|stopped| self.stop(stopped, now))
    }

    fn active(&self) -> impl Iterator<Item = &Active<T::Payload>> {
        self.slots.values().filter_map(|slot| match slot {
            Slot::Active(active) => Some(&**active),
            Slot::Restoring { .. } | Slot::Stopped => None,
        })
    }

    fn has_records(&self) -> bool {
        self.active().any(|active| matches!(active.inputs.next(), Next::Record(_)))
    }

    /// Whether some partition could do with more of an input: one that has plenty does not keep the others from theirs. While
    /// nothing can be taken it does, or what is fetched for it would have no bound.
    fn wants(&self, input: Input, has_catalog: bool) -> bool {
        let has_enough = |active: &Active<T::Payload>| active.inputs.queued(input) >= QUEUED_RECORDS_ENOUGH;
        if has_catalog { !self.active().all(has_enough) } else { !self.active().any(has_enough) }
    }

    /// Drops what was fetched for partitions that wait for one input while another brings more and more, and reads their past
    /// anew: so a topic without a leader costs time, and no memory without a bound.
    fn bound_queues(&mut self, now: Now) -> Result<(), TransportFailure> {
        let overfull = |active: &Active<T::Payload>| active.inputs.queued_bytes() > QUEUED_BYTES_MAX;
        let partitions: Vec<PartitionId> =
            self.active().filter(|a| overfull(a)).map(|active| active.state.id).collect();
        if partitions.is_empty() {
            return Ok(());
        }
        self.commit(now)?;
        for partition in partitions {
            self.restore_anew(partition, now)?;
        }
        Ok(())
    }

    /// Takes records of all partitions into the batch until it is full.
    fn take_records(&mut self, now: Now) -> Result<usize, TransportFailure> {
        let mut partitions: Vec<PartitionId> = self.slots.keys().copied().collect();
        // Each batch begins with another one, so that a partition with an endless backlog does not keep the others waiting.
        let turn = usize::try_from(self.batches).expect("a count of batches") % partitions.len().max(1);
        partitions.rotate_left(turn);
        let mut taken = 0;
        for partition in partitions {
            loop {
                // A full batch takes nothing more, but what is said of each partition is true at every step.
                let may_take = self.may_take(now);
                let Some(Slot::Active(active)) = self.slots.get_mut(&partition) else { break };
                let next = active.inputs.next();
                active.caught_up = next == Next::CaughtUp;
                active.was_caught_up |= active.caught_up;
                let due = match self.due_by_clock(partition) {
                    None if may_take => self.due_until(partition, next, now),
                    due => due,
                };
                if let Some(until) = due {
                    match self.open.is_some() {
                        true => self.take_due(partition, until)?,
                        false => self.begin(now)?,
                    }
                    continue;
                }
                let Some(Slot::Active(active)) = self.slots.get_mut(&partition) else { break };
                let Next::Record(input) = next else {
                    // A record that has waited says nothing of the clocks.
                    active.was_caught_up &= !matches!(next, Next::Waiting(_));
                    note_waiting(active, next, now, &self.options, &self.metrics);
                    break;
                };
                end_waiting(active, &self.metrics);
                if !may_take {
                    break;
                }
                if self.open.is_none() {
                    self.begin(now)?;
                    continue;
                }
                let record = active.inputs.take(input).expect("the merge has just named it");
                self.take_record(record, now);
                taken += 1;
            }
        }
        Ok(taken)
    }

    fn take_record(&mut self, record: FetchedRecord<T::Payload>, now: Now) {
        let Some(Slot::Active(active)) = self.slots.get_mut(&record.partition) else {
            unreachable!("a record is taken from an active partition")
        };
        let open = self.open.as_mut().expect("a transaction is begun before a record is taken");
        // A broker's time outside of jiff's range is not a time at all; the clock then stays where it is.
        let at = Timestamp::from_millisecond(record.timestamp_ms).unwrap_or(Timestamp::UNIX_EPOCH);
        note_skew(active, at, now, &self.options, &self.metrics);
        active.last_record = Some(at);
        let mut view = open.batch.at(&active.accounts, &active.state);
        view.advance_clock(at);
        let source = Source { input: record.input, partition: record.partition, offset: record.offset, at };
        let sink = Sink { outputs: &mut open.outputs, counts: &mut open.counts, metrics: &self.metrics };
        self.engine.take(&mut view, &source, record.payload.as_ref(), sink);
        open.touched.insert(record.partition);
        open.oldest = Some(open.oldest.map_or(at, |oldest| oldest.min(at)));
        open.records += 1;
    }

    /// Commits the offsets of partitions that nothing happened to for long. Their clocks stay where they are: what is due
    /// moves them by itself, and a wall clock that no record has confirmed lately must not become the partition's.
    fn commit_quiet_offsets(&mut self, now: Now) -> Result<(), TransportFailure> {
        let is_quiet = |active: &Active<T::Payload>| {
            active.caught_up && now.monotonic.saturating_sub(active.committed_when) >= QUIET_COMMIT_INTERVAL
        };
        let quiet: Vec<PartitionId> = self.active().filter(|a| is_quiet(a)).map(|active| active.state.id).collect();
        if quiet.is_empty() || !self.may_begin(now) {
            return Ok(());
        }
        if self.open.is_none() {
            self.begin(now)?;
        }
        if let Some(open) = self.open.as_mut() {
            open.touched.extend(quiet);
        }
        Ok(())
    }

    fn reached(&mut self, step: Step) -> Result<(), TransportFailure> {
        (self.probe)(step)
    }
}
