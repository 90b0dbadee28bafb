//! The threads: one a worker, one beside it for its restores. Nothing else in the engine knows that there are any.

use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::recovery::{RestoreAnswer, RestoreJob, RestoreProgress, RestoreRequest, Stopped};
use super::step::Probe;
use super::transport::{RestoreSource, Transport, TransportFailure};
use super::worker::{Now, Stopwatch, Worker};
use crate::health::RestoreProgress as Progress;
use crate::internal_events::RestoreProgressed;
use crate::metrics::Metrics;

/// How long an idle worker waits for a record before it looks for anything else to do.
const IDLE_WAIT: Duration = Duration::from_millis(5);
/// How long a restore waits for records, and before it asks again for offsets that are not stable.
const RESTORE_WAIT: Duration = Duration::from_millis(20);
/// Failures after which the partition is stopped; the pauses between them double, up to 10 s.
const RESTORE_FAILURES_MAX: u32 = 10;
/// Waits in a row, 2 s in all, after which the next restore has its turn.
const WAITS_OF_A_TURN: u32 = 100;
/// Waits in a row, 30 s in all, that are worth a warning.
const WAITS_BEFORE_ALARM: u32 = 1_500;

/// The clocks of a process.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    started: Instant,
}

impl Clock {
    /// A clock that starts now.
    #[expect(clippy::disallowed_methods, reason = "the one place where the engine's threads read the monotonic clock")]
    pub fn start() -> Clock {
        Clock { started: Instant::now() }
    }

    /// Measures commits by this clock.
    pub fn stopwatch(self) -> Stopwatch {
        Box::new(move || self.started.elapsed())
    }

    /// What to tell a worker.
    #[expect(clippy::disallowed_methods, reason = "the one place where the engine's threads read the wall clock")]
    pub fn now(&self) -> Now {
        Now { wall: Timestamp::now(), monotonic: self.started.elapsed() }
    }
}

/// A worker on its thread.
#[derive(Debug)]
pub struct RunningWorker {
    thread: JoinHandle<Result<(), TransportFailure>>,
}

impl RunningWorker {
    /// Something else that runs beside the workers and is looked after as they are.
    #[cfg(feature = "kafka")]
    pub(super) fn of(thread: JoinHandle<Result<(), TransportFailure>>) -> RunningWorker {
        RunningWorker { thread }
    }

    /// Whether it has ended, by itself or since it was told to.
    pub fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }

    /// How it ended.
    ///
    /// # Errors
    /// What it could not go on from.
    ///
    /// # Panics
    /// If the worker panicked: a bug.
    pub fn join(self) -> Result<(), TransportFailure> {
        self.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

/// What a worker's threads are made of.
pub struct Parts<T: Transport, S, F> {
    /// The worker; owned by its thread from here on.
    pub worker: Worker<T>,
    /// Which of the process's workers it is.
    pub id: u32,
    /// Makes the clients of the restore thread, on that thread, when they are first needed.
    pub source: F,
    /// Told of every step of a restore.
    pub restore_probe: Box<Probe>,
    /// Shared by the process.
    pub metrics: Arc<Metrics>,
    /// Names the type of the clients.
    pub source_type: std::marker::PhantomData<S>,
}

/// Starts a worker. It ends when `stop` is set, after a last commit, or when it cannot go on.
///
/// # Panics
/// If the system gives no thread.
pub fn spawn<T, S, F>(parts: Parts<T, S, F>, clock: Clock, stop: Arc<AtomicBool>) -> RunningWorker
where
    T: Transport + Send + 'static,
    T::Payload: Send,
    S: RestoreSource + 'static,
    F: Fn() -> Result<S, TransportFailure> + Send + 'static,
{
    let Parts { worker, id, source, restore_probe, metrics, .. } = parts;
    let (ask, asked) = channel();
    let (answer, answers) = channel();
    let cancelled = Cancelled::default();
    let worker = worker.measured_by(clock.stopwatch());
    let restores = Restores { asked, answer, cancelled: cancelled.clone(), probe: restore_probe };
    let spawn = |name: String| thread::Builder::new().name(name);
    spawn(format!("restore-{id}")).spawn(move || restores.run(source)).expect("the system has a thread left");
    let thread = spawn(format!("worker-{id}"))
        .spawn(move || {
            let desk = RestoreDesk { ask, answers, cancelled, waiting: Vec::new() };
            let result = run_worker(worker, id, &clock, &stop, desk, &metrics);
            metrics.health().worker_ended(id);
            result
        })
        .expect("the system has a thread left");
    RunningWorker { thread }
}

fn run_worker<T: Transport>(
    mut worker: Worker<T>,
    id: u32,
    clock: &Clock,
    stop: &AtomicBool,
    mut desk: RestoreDesk,
    metrics: &Metrics,
) -> Result<(), TransportFailure> {
    while !stop.load(Ordering::Acquire) {
        let now = clock.now();
        metrics.health().worker_stepped(id, stepped_at(clock, now));
        if worker.step(now, IDLE_WAIT)?.wants_catalog {
            // A worker that has records and may not take them does not wait for more.
            thread::park_timeout(IDLE_WAIT);
        }
        desk.exchange(&mut worker, clock, metrics)?;
    }
    worker.shut_down(clock.now())
}

/// The worker's side of its restore thread.
struct RestoreDesk {
    ask: Sender<RestoreRequest>,
    answers: Receiver<FromRestore>,
    cancelled: Cancelled,
    waiting: Vec<RestoreRequest>,
}

/// What the restore thread tells its worker.
enum FromRestore {
    /// How far it is. Only the worker knows whether the partition is still its own to speak of.
    Progress(RestoreRequest, Progress),
    /// It is done, or cannot be.
    Answer(Box<RestoreAnswer>),
}

/// Requests that nobody waits for any more.
type Cancelled = Arc<Mutex<BTreeSet<RestoreRequest>>>;

impl RestoreDesk {
    /// Hands on what is to be restored, takes in what was, and cancels what was revoked meanwhile.
    fn exchange<T: Transport>(
        &mut self,
        worker: &mut Worker<T>,
        clock: &Clock,
        metrics: &Metrics,
    ) -> Result<(), TransportFailure> {
        for request in worker.take_restores() {
            self.waiting.push(request);
            self.ask.send(request).expect("the restore thread lives as long as its worker");
        }
        loop {
            match self.answers.try_recv() {
                Ok(FromRestore::Progress(request, progress)) if worker.awaits(request) => {
                    RestoreProgressed { partition: request.partition, progress }.emit(metrics);
                }
                Ok(FromRestore::Progress(..)) => {}
                Ok(FromRestore::Answer(answer)) => {
                    self.waiting.retain(|request| *request != answer.request);
                    worker.restored(*answer, clock.now())?;
                }
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => panic!("the restore thread ended before its worker"),
            }
        }
        let (waiting, gone) =
            std::mem::take(&mut self.waiting).into_iter().partition(|request| worker.awaits(*request));
        self.waiting = waiting;
        let gone: Vec<RestoreRequest> = gone;
        if !gone.is_empty() {
            lock(&self.cancelled).extend(gone);
        }
        Ok(())
    }
}

fn lock(cancelled: &Cancelled) -> MutexGuard<'_, BTreeSet<RestoreRequest>> {
    cancelled.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The instant of a step, for the watchdog.
pub(super) fn stepped_at(clock: &Clock, now: Now) -> Instant {
    clock.started + now.monotonic
}

/// The thread beside a worker: its restores, with one set of clients. One goes on until it is done, unless it waits for the
/// log for long: then the next has its turn.
struct Restores {
    asked: Receiver<RestoreRequest>,
    answer: Sender<FromRestore>,
    cancelled: Cancelled,
    probe: Box<Probe>,
}

/// A restore in the line.
struct Queued {
    job: RestoreJob,
    /// Beginnings that failed.
    failures: u32,
    /// Steps in a row that found nothing to do.
    waits: u32,
}

impl Queued {
    fn new(request: RestoreRequest, failures: u32) -> Queued {
        Queued { job: RestoreJob::new(request), failures, waits: 0 }
    }
}

impl Restores {
    /// Ends when the worker does.
    fn run<S: RestoreSource>(mut self, source: impl Fn() -> Result<S, TransportFailure>) {
        let mut clients: Option<S> = None;
        let mut line: VecDeque<Queued> = VecDeque::new();
        loop {
            if line.is_empty() {
                let Ok(request) = self.asked.recv() else { return };
                line.push_back(Queued::new(request, 0));
            }
            line.extend(self.asked.try_iter().map(|request| Queued::new(request, 0)));
            let Some(queued) = line.pop_front() else { continue };
            if lock(&self.cancelled).remove(&queued.job.request()) {
                continue;
            }
            match self.go_on(queued, &mut clients, &source) {
                Next::First(queued) => line.push_front(queued),
                Next::Last(mut queued) => {
                    queued.job.set_aside();
                    line.push_back(queued);
                }
                Next::Answered(answer) => {
                    if self.answer.send(FromRestore::Answer(answer)).is_err() {
                        return;
                    }
                }
            }
        }
    }

    fn go_on<S: RestoreSource>(
        &mut self,
        mut queued: Queued,
        clients: &mut Option<S>,
        source: impl Fn() -> Result<S, TransportFailure>,
    ) -> Next {
        let request = queued.job.request();
        let made = match clients {
            Some(clients) => Ok(clients),
            None => source().map(|made| clients.insert(made)),
        };
        match made.and_then(|clients| queued.job.step(clients, RESTORE_WAIT, &mut *self.probe)) {
            Ok(RestoreProgress::Working { folded, to_go }) => {
                queued.waits = 0;
                // A worker that has ended does not listen; the answer then ends this thread.
                let progress = Progress { folded, to_fold: folded + to_go };
                let _ = self.answer.send(FromRestore::Progress(request, progress));
                Next::First(queued)
            }
            Ok(RestoreProgress::Done(answer)) => Next::Answered(answer),
            Ok(RestoreProgress::Waiting) | Err(TransportFailure::Retry { .. }) => {
                queued.waits += 1;
                if queued.waits == WAITS_BEFORE_ALARM {
                    tracing::warn!(partition = request.partition.0, "a restore waits for its ledger or its offsets");
                }
                thread::park_timeout(RESTORE_WAIT);
                if queued.waits.is_multiple_of(WAITS_OF_A_TURN) { Next::Last(queued) } else { Next::First(queued) }
            }
            Err(failure) if queued.failures + 1 < RESTORE_FAILURES_MAX => {
                tracing::warn!(partition = request.partition.0, %failure, "a restore begins anew");
                // New clients, and from the start: what was folded in part is thrown away.
                *clients = None;
                thread::park_timeout(RESTORE_WAIT.saturating_mul(1 << queued.failures));
                Next::Last(Queued::new(request, queued.failures + 1))
            }
            Err(failure) => {
                *clients = None;
                let outcome = Err(Stopped::Restore { partition: request.partition, detail: failure.to_string() });
                Next::Answered(Box::new(RestoreAnswer { request, outcome }))
            }
        }
    }
}

/// What becomes of a restore after a step.
enum Next {
    /// It goes on.
    First(Queued),
    /// The others have their turn first.
    Last(Queued),
    /// It is over.
    Answered(Box<RestoreAnswer>),
}
