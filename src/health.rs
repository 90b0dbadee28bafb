//! What the process knows of its own state: workers, and the partitions that they hold.
//!
//! Workers write it, `/health`, `/metrics` and the watchdog read it. It decides nothing about calls or money.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::core::partition::PartitionId;
use crate::stream::transport::Input;

/// The shared state. Cheap to write: a worker does it once a step, never once a record.
#[derive(Debug, Default)]
pub struct Health {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    stopping: bool,
    /// Why the catalog prices nothing, if so.
    catalog: Option<String>,
    workers: BTreeMap<u32, WorkerHealth>,
    partitions: BTreeMap<PartitionId, PartitionHealth>,
}

#[derive(Debug)]
struct WorkerHealth {
    stepped_at: Instant,
    joined: bool,
}

/// One partition that the group gave to this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionHealth {
    /// What can be expected of it.
    pub state: PartitionState,
    /// Its accounts.
    pub tenants: TenantTally,
    /// What it holds besides.
    pub sizes: Sizes,
    /// How far it is behind, by [`Input::index`].
    pub lag: [Lag; 3],
    /// Whether it waits for an input for longer than the alarm allows, by [`Input::index`].
    pub waiting: [bool; 3],
}

/// What can be expected of a partition. The states exclude each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PartitionState {
    /// It is ours, its restore has not begun.
    Assigned,
    /// Its ledger is folded.
    Restoring(RestoreProgress),
    /// It is recovered: its calls are rated.
    Ready,
    /// It is out of order until someone acts.
    Stopped {
        /// What happened and what to do, for the operator.
        message: String,
    },
}

/// How far a restore is, in offsets of the partition's ledger (markers of transactions are among them).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RestoreProgress {
    /// Folded or passed over so far.
    pub folded: u64,
    /// To be folded in all.
    pub to_fold: u64,
}

/// How many accounts there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TenantTally {
    /// Accounts, closed ones included.
    pub tenants: u64,
    /// Those in which paid calls must not be set up (R35).
    pub blocked: u64,
    /// Those that were frozen since a law was broken.
    pub frozen: u64,
}

/// What a partition holds besides its accounts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    /// Calls that are remembered.
    pub identities: u64,
    /// Accounts that wait for a time of theirs.
    pub due: u64,
    /// Records that are fetched and not taken, by [`Input::index`].
    pub queued_records: [u64; 3],
    /// Their memory, in bytes.
    pub queued_bytes: u64,
}

/// How far an input is behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lag {
    /// Records (offsets) between the next to be read and the end of the input.
    pub records: u64,
    /// Wall clock less the broker's time of the record that was last taken; 0 when nothing is left to be read.
    pub event_time: Duration,
}

/// Whether the process can do its work, and why not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Readiness {
    /// Empty if ready; else every reason, for the operator.
    pub reasons: Vec<String>,
    /// How many partitions are in which state.
    pub partitions: PartitionTally,
}

/// How many partitions are in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PartitionTally {
    /// Ours, the restore not begun.
    pub assigned: u64,
    /// In a restore.
    pub restoring: u64,
    /// Recovered.
    pub ready: u64,
    /// Out of order.
    pub stopped: u64,
}

impl Readiness {
    /// Whether calls are rated on all partitions of the process.
    pub fn is_ready(&self) -> bool {
        self.reasons.is_empty()
    }
}

impl PartitionTally {
    /// The tally of these partitions.
    pub fn of<'a>(partitions: impl IntoIterator<Item = &'a PartitionHealth>) -> PartitionTally {
        let mut tally = PartitionTally::default();
        for partition in partitions {
            match partition.state {
                PartitionState::Assigned => tally.assigned += 1,
                PartitionState::Restoring(_) => tally.restoring += 1,
                PartitionState::Ready => tally.ready += 1,
                PartitionState::Stopped { .. } => tally.stopped += 1,
            }
        }
        tally
    }

    /// All partitions of the process.
    pub fn total(self) -> u64 {
        self.assigned + self.restoring + self.ready + self.stopped
    }
}

impl Health {
    /// A process without workers: alive, not ready.
    pub fn new() -> Health {
        Health::default()
    }

    /// A worker made a step of its loop (or began it) at `now`.
    pub fn worker_stepped(&self, worker: u32, now: Instant) {
        let mut inner = self.lock();
        inner.workers.entry(worker).or_insert(WorkerHealth { stepped_at: now, joined: false }).stepped_at = now;
    }

    /// The group answered a worker, perhaps with no partition at all.
    pub fn worker_joined(&self, worker: u32) {
        if let Some(worker) = self.lock().workers.get_mut(&worker) {
            worker.joined = true;
        }
    }

    /// A worker ended in good order; its silence is no longer a fault.
    pub fn worker_ended(&self, worker: u32) {
        self.lock().workers.remove(&worker);
    }

    /// The process ends gracefully: it is not ready from now on.
    pub fn stopping(&self) {
        self.lock().stopping = true;
    }

    /// Sets why the catalog prices nothing; `None`: it is as it should be.
    pub fn set_catalog(&self, problem: Option<String>) {
        self.lock().catalog = problem;
    }

    /// A partition is ours from now on, its restore not begun.
    pub fn assign(&self, partition: PartitionId) {
        self.lock().partitions.insert(partition, PartitionHealth::new());
    }

    /// Sets the state of a partition. Ignored for one that is not ours (any more): a restore may speak late.
    pub fn set_state(&self, partition: PartitionId, state: PartitionState) {
        self.change(partition, |health| health.state = state);
    }

    /// Sets the tally of a partition's accounts. Ignored for a partition that is not ours (any more).
    pub fn set_tenants(&self, partition: PartitionId, tenants: TenantTally) {
        self.change(partition, |health| health.tenants = tenants);
    }

    /// Sets what a partition holds. Ignored for a partition that is not ours (any more).
    pub fn set_sizes(&self, partition: PartitionId, sizes: Sizes) {
        self.change(partition, |health| health.sizes = sizes);
    }

    /// Sets how far an input of a partition is behind. Ignored for a partition that is not ours (any more).
    pub fn set_lag(&self, partition: PartitionId, input: Input, lag: Lag) {
        self.change(partition, |health| health.lag[input.index()] = lag);
    }

    /// Sets whether a partition waits too long for an input. Ignored for a partition that is not ours (any more).
    pub fn set_waiting(&self, partition: PartitionId, input: Input, waiting: bool) {
        self.change(partition, |health| health.waiting[input.index()] = waiting);
    }

    /// A partition is not ours any more: whatever was known of it is forgotten.
    pub fn give_up(&self, partition: PartitionId) {
        self.lock().partitions.remove(&partition);
    }

    /// A copy of what is known of the partitions.
    pub fn partitions(&self) -> BTreeMap<PartitionId, PartitionHealth> {
        self.lock().partitions.clone()
    }

    /// Workers that made no step for longer than `limit`, with how long. A hung worker is a fault of the process.
    pub fn silent_workers(&self, now: Instant, limit: Duration) -> Vec<(u32, Duration)> {
        let silence = |worker: &WorkerHealth| now.saturating_duration_since(worker.stepped_at);
        let inner = self.lock();
        inner.workers.iter().map(|(id, worker)| (*id, silence(worker))).filter(|(_, for_)| *for_ > limit).collect()
    }

    /// Whether there is a catalog, all partitions are recovered and none is stopped; every reason why not.
    pub fn readiness(&self) -> Readiness {
        let inner = self.lock();
        let partitions = PartitionTally::of(inner.partitions.values());
        let mut reasons = Vec::new();
        if inner.stopping {
            reasons.push("stopping".to_owned());
        }
        if let Some(problem) = &inner.catalog {
            reasons.push(format!("catalog: {problem}"));
        }
        let joined = inner.workers.values().filter(|worker| worker.joined).count();
        if joined == 0 || joined < inner.workers.len() {
            reasons.push(format!("joining the group: {joined} of {} workers have joined", inner.workers.len()));
        }
        if partitions.assigned + partitions.restoring > 0 {
            reasons.push(restoring_reason(&inner, partitions));
        }
        for (id, partition) in &inner.partitions {
            if let PartitionState::Stopped { message } = &partition.state {
                reasons.push(format!("partition {id} is stopped: {message}"));
            }
        }
        Readiness { reasons, partitions }
    }

    fn change(&self, partition: PartitionId, change: impl FnOnce(&mut PartitionHealth)) {
        if let Some(health) = self.lock().partitions.get_mut(&partition) {
            change(health);
        }
    }

    /// Every change is one assignment, so what a panicking thread left behind is whole.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PartitionHealth {
    fn new() -> PartitionHealth {
        PartitionHealth {
            state: PartitionState::Assigned,
            tenants: TenantTally::default(),
            sizes: Sizes::default(),
            lag: [Lag::default(); 3],
            waiting: [false; 3],
        }
    }
}

fn restoring_reason(inner: &Inner, partitions: PartitionTally) -> String {
    let (mut folded, mut to_fold) = (0, 0);
    for partition in inner.partitions.values() {
        if let PartitionState::Restoring(progress) = &partition.state {
            folded += progress.folded;
            to_fold += progress.to_fold;
        }
    }
    let (left, total) = (partitions.assigned + partitions.restoring, partitions.total());
    format!("restoring {left} of {total} partitions: {folded} of {to_fold} ledger offsets are folded")
}

#[cfg(test)]
mod tests {
    use super::*;

    const P0: PartitionId = PartitionId(0);
    const P1: PartitionId = PartitionId(1);

    #[expect(clippy::disallowed_methods, reason = "an instant can only be read; the tests add to it")]
    fn some_instant() -> Instant {
        Instant::now()
    }

    fn joined() -> Health {
        let health = Health::new();
        health.worker_stepped(0, some_instant());
        health.worker_joined(0);
        health
    }

    #[test]
    fn a_process_is_not_ready_before_every_worker_joined() {
        let health = Health::new();
        assert!(!health.readiness().is_ready());
        health.worker_stepped(0, some_instant());
        health.worker_stepped(1, some_instant());
        health.worker_joined(0);
        assert_eq!(health.readiness().reasons, ["joining the group: 1 of 2 workers have joined"]);
        health.worker_joined(1);
        assert!(health.readiness().is_ready(), "a member without partitions is ready to take some");
    }

    #[test]
    fn ready_means_all_recovered_and_none_stopped() {
        let health = joined();
        health.assign(P0);
        health.assign(P1);
        health.set_state(P1, PartitionState::Restoring(RestoreProgress { folded: 10, to_fold: 40 }));
        assert_eq!(health.readiness().reasons, ["restoring 2 of 2 partitions: 10 of 40 ledger offsets are folded"]);
        health.set_state(P0, PartitionState::Ready);
        health.set_state(P1, PartitionState::Stopped { message: "offsets are lost".to_owned() });
        assert_eq!(health.readiness().reasons, ["partition 1 is stopped: offsets are lost"]);
        health.give_up(P1);
        assert!(health.readiness().is_ready());
        health.stopping();
        assert_eq!(health.readiness().reasons, ["stopping"]);
    }

    #[test]
    fn a_process_without_a_catalog_is_not_ready() {
        let health = joined();
        health.set_catalog(Some("its topic is not yet read to the end".to_owned()));
        assert_eq!(health.readiness().reasons, ["catalog: its topic is not yet read to the end"]);
        health.set_catalog(None);
        assert!(health.readiness().is_ready());
    }

    #[test]
    fn figures_of_a_partition_that_was_given_up_do_not_come_back() {
        let health = joined();
        health.assign(P0);
        health.give_up(P0);
        health.set_state(P0, PartitionState::Ready);
        health.set_lag(P0, Input::Cdrs, Lag { records: 5, ..Lag::default() });
        assert!(health.partitions().is_empty());
    }

    #[test]
    fn a_worker_is_silent_only_beyond_the_limit_and_until_it_ends() {
        let (begin, limit) = (some_instant(), Duration::from_secs(20));
        let health = Health::new();
        health.worker_stepped(3, begin);
        assert!(health.silent_workers(begin + limit, limit).is_empty());
        let later = begin + limit + Duration::from_millis(1);
        assert_eq!(health.silent_workers(later, limit), [(3, later - begin)]);
        health.worker_ended(3);
        assert!(health.silent_workers(later, limit).is_empty());
    }
}
