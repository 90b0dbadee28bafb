//! The worker: one consumer, one transactional producer, the partitions that it owns, and no clock of its own.
//!
//! It is a state machine: [`Worker::step`] does what can be done now and returns. A thread steps it on Kafka, the
//! simulation steps it by its seed. What it does in a step stands in `step`; the transaction protocol is in
//! [`transaction`], what the group asks for in [`assignment`].

mod assignment;
mod transaction;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::engine::{Engine, Source};
use super::inputs::{Inputs, Next};
use super::recovery::{RestoreRequest, Stopped};
use super::step::{Probe, Step};
use super::transport::{CommittedOffsets, Fetched, FetchedRecord, Input, InputOffsets, Transport, TransportFailure};
use crate::core::batch::{Accounts, Census, PartitionState};
use crate::core::partition::{PartitionId, home_partition};
use crate::health::{Lag, TenantTally};
use crate::internal_events::{AlarmChange, ClockSkewed, InputArrived, InputWaiting};
use crate::metrics::Metrics;
use transaction::OpenBatch;

/// Records that one fetch brings at most.
const FETCH_RECORDS_MAX: usize = 2_000;
/// Records of one input that lie fetched and not taken, over all partitions, before it is fetched no more: unless some
/// partition waits for it, since what it waits for may lie behind the others' records.
const QUEUED_RECORDS_MAX: usize = 50_000;
/// The offsets of a partition that nothing happens to are committed this often, since brokers forget them.
const QUIET_COMMIT_INTERVAL: Duration = Duration::from_secs(3600);
/// How often what only operators look at is counted anew.
const HEALTH_INTERVAL: Duration = Duration::from_secs(1);

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
    accounts: Arc<Accounts>,
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
}

impl<T: Transport> Worker<T> {
    /// A worker that owns nothing yet. `probe` is told of every step of the protocol.
    pub fn new(
        id: u32,
        transport: T,
        engine: Engine,
        accounts: Arc<Accounts>,
        options: WorkerOptions,
        metrics: Arc<Metrics>,
        probe: Box<Probe>,
    ) -> Worker<T> {
        Worker {
            id,
            transport,
            engine,
            accounts,
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
    /// [`TransportFailure::Fatal`]: the worker must be dropped; whatever it had open has no effect, or recovery finds it.
    pub fn step(&mut self, now: Now, wait: Duration) -> Result<Progress, TransportFailure> {
        while let Some(event) = self.transport.poll_group()? {
            self.group_event(event, now)?;
        }
        self.fetch(now, wait)?;
        let records = self.take_records(now)?;
        self.commit_quiet_offsets(now)?;
        if self.open.is_some() {
            self.publish(now)?;
        }
        if self.open.as_ref().is_some_and(|open| self.is_due(open, now)) {
            self.commit(now)?;
        }
        self.report_health(now);
        Ok(Progress { records, open: self.open.is_some(), caught_up: self.is_caught_up() })
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
        // Calls are the traffic, so a worker with nothing to do waits for them; the others are asked in passing.
        for input in Input::ALL {
            let wait =
                if input == Input::Cdrs && self.open.is_none() && !self.has_records() { wait } else { Duration::ZERO };
            if self.wants(input) {
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

    fn wants(&self, input: Input) -> bool {
        let queued: usize = self.active().map(|active| active.inputs.queued(input)).sum();
        queued < QUEUED_RECORDS_MAX || self.active().any(|active| active.inputs.next() == Next::Waiting(input))
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
                let is_full = self.open.as_ref().is_some_and(|open| open.records >= self.options.batch_records_max);
                let Some(Slot::Active(active)) = self.slots.get_mut(&partition) else { break };
                let next = active.inputs.next();
                active.caught_up = next == Next::CaughtUp;
                active.was_caught_up |= active.caught_up;
                let Next::Record(input) = next else {
                    note_waiting(active, next, now, &self.options, &self.metrics);
                    break;
                };
                end_waiting(active, &self.metrics);
                if is_full {
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
        let mut view = open.batch.at(&self.accounts, &active.state);
        view.advance_clock(at);
        let source = Source { input: record.input, partition: record.partition, offset: record.offset, at };
        self.engine.take(
            &mut view,
            &source,
            record.payload.as_ref(),
            &mut open.outputs,
            &mut open.counts,
            &self.metrics,
        );
        open.touched.insert(record.partition);
        open.records += 1;
    }

    /// Commits the offsets of partitions that nothing happened to for long, and moves their clocks: they are caught up, so
    /// that is the wall clock, as far as it can be trusted.
    fn commit_quiet_offsets(&mut self, now: Now) -> Result<(), TransportFailure> {
        let is_quiet = |active: &Active<T::Payload>| {
            active.caught_up && now.monotonic.saturating_sub(active.committed_when) >= QUIET_COMMIT_INTERVAL
        };
        let quiet: Vec<PartitionId> = self.active().filter(|a| is_quiet(a)).map(|active| active.state.id).collect();
        if quiet.is_empty() {
            return Ok(());
        }
        if self.open.is_none() {
            self.begin(now)?;
        }
        let Some(open) = self.open.as_mut() else { return Ok(()) };
        for partition in quiet {
            let Some(Slot::Active(active)) = self.slots.get(&partition) else { continue };
            let mut view = open.batch.at(&self.accounts, &active.state);
            if !active.skewed {
                view.advance_clock(whole_millis(now.wall));
            }
            open.touched.insert(partition);
        }
        Ok(())
    }

    fn reached(&mut self, step: Step) -> Result<(), TransportFailure> {
        (self.probe)(step)
    }

    /// Tells operators how far behind each partition is, and how many tenants it has.
    fn report_health(&mut self, now: Now) {
        if self.health_at.is_some_and(|at| now.monotonic.saturating_sub(at) < HEALTH_INTERVAL) {
            return;
        }
        self.health_at = Some(now.monotonic);
        let health = Arc::clone(self.metrics.health());
        for (partition, slot) in &self.slots {
            let Slot::Active(active) = slot else { continue };
            let at = active.inputs.offsets();
            let behind = active.last_record.filter(|_| !active.caught_up);
            let event_time = behind
                .map_or(Duration::ZERO, |at| Duration::try_from(now.wall.duration_since(at)).unwrap_or(Duration::ZERO));
            for input in Input::ALL {
                let end = self.transport.known_end(input, *partition).unwrap_or(at[input.index()]);
                let records = u64::try_from(end - at[input.index()]).unwrap_or(0);
                health.set_lag(*partition, input, Lag { records, event_time });
            }
        }
        let count = self.engine.partitions();
        for (partition, census) in self.accounts.census(|tenant| home_partition(tenant.as_str(), count)) {
            if let Some(Slot::Active(_)) = self.slots.get(&partition) {
                let Census { accounts, blocked, frozen } = census;
                health.set_tenants(partition, TenantTally { tenants: accounts, blocked, frozen });
            }
        }
    }
}

/// Says once that a partition waits for an input for too long, and that it no longer does.
fn note_waiting<P>(active: &mut Active<P>, next: Next, now: Now, options: &WorkerOptions, metrics: &Metrics) {
    let partition = active.state.id;
    let Next::Waiting(input) = next else {
        end_waiting(active, metrics);
        return;
    };
    match &mut active.waiting {
        Some(waiting) if waiting.input == input => {
            let waited = now.monotonic.saturating_sub(waiting.since);
            if waited > options.input_wait_alarm && !waiting.said {
                waiting.said = true;
                InputWaiting { partition, input, waited }.emit(metrics);
            }
        }
        _ => {
            end_waiting(active, metrics);
            active.waiting = Some(Waiting { input, since: now.monotonic, said: false });
        }
    }
}

fn end_waiting<P>(active: &mut Active<P>, metrics: &Metrics) {
    if let Some(Waiting { input, said: true, .. }) = active.waiting.take() {
        InputArrived { partition: active.state.id, input }.emit(metrics);
    }
}

/// Compares the broker's clock with ours, by a record that came while the partition was caught up: it was written just now.
fn note_skew<P>(active: &mut Active<P>, at: Timestamp, now: Now, options: &WorkerOptions, metrics: &Metrics) {
    if !active.was_caught_up {
        return;
    }
    active.was_caught_up = false;
    let skew = now.wall.duration_since(at);
    let is_skewed = skew.unsigned_abs() > options.clock_skew_alarm;
    let change = AlarmChange::between(active.skewed, is_skewed);
    active.skewed = is_skewed;
    ClockSkewed { skew_ms: i64::try_from(skew.as_millis()).unwrap_or(i64::MAX), change }.emit(metrics);
}

fn whole_millis(at: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(at.as_millisecond()).expect("a timestamp's milliseconds are in range")
}
