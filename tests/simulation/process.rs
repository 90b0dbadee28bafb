//! A process of the simulation: one worker with its restore jobs, ended without a word or shut down in order.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use tollkeeper::core::catalog::Catalog;
use tollkeeper::core::decide::Rules;
use tollkeeper::core::partition::PartitionId;
use tollkeeper::metrics::Metrics;
use tollkeeper::stream::engine::Engine;
use tollkeeper::stream::memory::{Controls, MemoryCluster, MemoryRestoreSource};
use tollkeeper::stream::recovery::{RestoreJob, RestoreProgress, Stopped};
use tollkeeper::stream::step::Step;
use tollkeeper::stream::transport::TransportFailure;
use tollkeeper::stream::worker::{Now, Worker, WorkerOptions};

use crate::journal::Journal;
use crate::observed::{Observed, Pause, Time};
use crate::tally::Tally;
use crate::{adapter, rates};

/// How the failure of a crash that the simulation asked for is called.
const CRASH: &str = "simulated crash";

/// Where a process is to crash: at this step, after it was passed so many times.
pub(crate) type CrashPlan = Arc<Mutex<Option<(Step, u64)>>>;

/// The processes of a run, by place. One that is being stepped is taken out meanwhile.
pub(crate) type Processes = Rc<RefCell<Vec<Option<Process>>>>;

pub(crate) struct Process {
    pub(crate) worker: Worker<Observed>,
    pub(crate) controls: Controls,
    pub(crate) pause: Pause,
    pub(crate) jobs: Vec<(RestoreJob, MemoryRestoreSource)>,
    pub(crate) crash: CrashPlan,
    /// Milliseconds that its wall clock is ahead of the broker's.
    pub(crate) skew_ms: i64,
    pub(crate) caught_up: bool,
    /// Its monotonic clock: the broker's of the simulation goes back at times.
    monotonic_ms: i64,
    cluster: MemoryCluster,
    journal: Journal,
    tally: Tally,
}

/// How a process is made.
pub(crate) struct Making {
    pub(crate) number: usize,
    pub(crate) run: u64,
    pub(crate) batch_records_max: usize,
    pub(crate) commit_interval_ms: u64,
    pub(crate) skew_ms: i64,
}

/// Why a process is no more.
pub(crate) enum Ended {
    /// As the simulation wanted.
    Crashed,
    /// Another has taken its place.
    Fenced,
    /// Neither: a bug.
    Failed(String),
}

impl Process {
    pub(crate) fn start(cluster: &MemoryCluster, journal: &Journal, tally: &Tally, making: &Making) -> Process {
        let Making { number, run, batch_records_max, commit_interval_ms, skew_ms } = making;
        let transport = cluster.transport(&format!("sim-{number}"), &format!("node-{number}"));
        journal.note_commits(cluster);
        let transport = Observed::new(transport, cluster.clone(), journal.clone(), tally.clone());
        let (controls, pause) = (transport.controls(), transport.pause());
        let options = WorkerOptions {
            batch_records_max: *batch_records_max,
            commit_interval: Duration::from_millis(*commit_interval_ms),
            input_wait_alarm: Duration::from_secs(30),
            // Time jumps while records wait: by them no wall clock can be judged here.
            clock_skew_alarm: Duration::MAX,
            run_id: format!("run{run}"),
        };
        let crash: CrashPlan = Arc::default();
        let engine = Engine::new(catalog(), Rules::default(), cluster.partitions(), "sim");
        let id = u32::try_from(*number).expect("few processes");
        let probe = probe(&crash, tally);
        let worker = Worker::new(id, transport, engine, options, Arc::new(Metrics::new()), probe);
        Process {
            worker,
            controls,
            pause,
            jobs: Vec::new(),
            crash,
            skew_ms: *skew_ms,
            caught_up: false,
            monotonic_ms: 0,
            cluster: cluster.clone(),
            journal: journal.clone(),
            tally: tally.clone(),
        }
    }

    /// Tells the observer the time, and says what to tell the worker.
    fn now(&mut self, broker_ms: i64) -> Now {
        self.monotonic_ms = self.monotonic_ms.max(broker_ms);
        let time = Time { wall_ms: broker_ms + self.skew_ms, monotonic_ms: self.monotonic_ms };
        let clocks_ms = self.clocks_ms();
        self.worker.transport_mut().begin_step(time, clocks_ms);
        let wall = jiff::Timestamp::from_millisecond(time.wall_ms).expect("a time of the simulation");
        let monotonic = u64::try_from(time.monotonic_ms).expect("after the epoch");
        Now { wall, monotonic: Duration::from_millis(monotonic) }
    }

    fn clocks_ms(&self) -> BTreeMap<PartitionId, i64> {
        let all = (0..self.cluster.partitions()).map(PartitionId);
        all.filter_map(|partition| Some((partition, self.worker.clock(partition)?.as_millisecond()))).collect()
    }

    pub(crate) fn step(&mut self, broker_ms: i64) -> Result<(), Ended> {
        let now = self.now(broker_ms);
        let progress = self.worker.step(now, Duration::ZERO);
        self.journal.note_commits(&self.cluster);
        let progress = progress.map_err(ended)?;
        let clock_ms =
            |worker: &Worker<Observed>, partition| Some((partition, worker.clock(partition)?.as_millisecond()));
        let all = (0..self.cluster.partitions()).map(PartitionId);
        let clocks = all.filter_map(|partition| clock_ms(&self.worker, partition)).collect();
        self.worker.transport_mut().end_step(progress.records, clocks);
        self.caught_up = progress.caught_up && !progress.open;
        for request in self.worker.take_restores() {
            self.jobs.push((RestoreJob::new(request), self.cluster.restore_source()));
        }
        Ok(())
    }

    /// Steps one restore; says which partition has lost its offsets, if one has.
    pub(crate) fn restore(&mut self, place: usize, broker_ms: i64) -> Result<Option<Stopped>, Ended> {
        let now = self.now(broker_ms);
        let (mut job, mut source) = self.jobs.remove(place);
        let mut probe = probe(&self.crash, &self.tally);
        match job.step(&mut source, Duration::ZERO, &mut *probe).map_err(ended)? {
            RestoreProgress::Working { .. } | RestoreProgress::Waiting => {
                self.jobs.insert(place, (job, source));
                Ok(None)
            }
            RestoreProgress::Done(answer) => {
                let is_awaited = self.worker.awaits(answer.request);
                let stopped = answer.outcome.as_ref().err().cloned().filter(|_| is_awaited);
                let partition = answer.request.partition;
                self.worker.restored(*answer, now).map_err(ended)?;
                let first = self.worker.partition_state(partition).and_then(|state| state.due.first_after(None));
                if is_awaited && first.is_some_and(|first| first.at <= now.wall) {
                    self.tally.count("faults", "restored with work that is due");
                }
                Ok(stopped)
            }
        }
    }

    pub(crate) fn shut_down(mut self, broker_ms: i64) -> Result<(), Ended> {
        let now = self.now(broker_ms);
        let result = self.worker.shut_down(now);
        self.journal.note_commits(&self.cluster);
        result.map_err(ended)
    }
}

/// The engine's catalog: the same for every run.
fn catalog() -> Arc<Catalog> {
    static CATALOG: OnceLock<Arc<Catalog>> = OnceLock::new();
    Arc::clone(CATALOG.get_or_init(|| adapter::catalog(&rates::catalog())))
}

fn probe(crash: &CrashPlan, tally: &Tally) -> Box<tollkeeper::stream::step::Probe> {
    let (crash, tally) = (Arc::clone(crash), tally.clone());
    Box::new(move |step| {
        tally.count("steps reached", step.name());
        let mut plan = crash.lock().expect("a panic ends the run");
        match &mut *plan {
            Some((at, 0)) if *at == step => {
                *plan = None;
                tally.count("crashes", step.name());
                Err(TransportFailure::Fatal { act: CRASH, detail: step.name().into() })
            }
            Some((at, left)) if *at == step => {
                *left -= 1;
                Ok(())
            }
            _ => Ok(()),
        }
    })
}

fn ended(failure: TransportFailure) -> Ended {
    match failure {
        TransportFailure::Fatal { act: CRASH, .. } => Ended::Crashed,
        TransportFailure::Fatal { act: "poll group", .. } => Ended::Fenced,
        other => Ended::Failed(other.to_string()),
    }
}
