//! One run: a seed decides what is sent, who is stepped, what fails, and what time it is.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use serde_json::Value;
use tollkeeper::core::partition::PartitionId;
use tollkeeper::stream::memory::{MemoryCluster, Notice};
use tollkeeper::stream::recovery::Stopped;
use tollkeeper::stream::transport::Input;

use crate::chance::Chance;
use crate::history::History;
use crate::journal::Journal;
use crate::model::Step;
use crate::operator;
use crate::oracle::{Origin, instant};
use crate::process::{Ended, Making, Process, Processes};
use crate::tally::Tally;

/// When a run begins: 2026-10-28T10:00:00Z, in milliseconds since the epoch: two hours before most of the catalog changes.
pub(crate) const BEGIN_MS: i64 = 1_793_181_600_000;
/// Rounds of healing after which a run that is not through is stuck.
const HEAL_ROUNDS_MAX: u32 = 4_000;

/// What a run is made of, besides its seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weather {
    /// Nothing fails.
    Fair,
    /// Everything does.
    Foul,
}

pub(crate) struct Run {
    pub(crate) chance: Chance,
    pub(crate) cluster: MemoryCluster,
    pub(crate) clock_ms: Arc<AtomicI64>,
    pub(crate) processes: Processes,
    /// Processes whose place was taken, and who do not know.
    pub(crate) ghosts: Vec<Process>,
    runs: u64,
    pub(crate) journal: Journal,
    /// What is sent.
    pub(crate) history: History,
    /// What was committed of all ledgers when somebody read them last.
    pub(crate) ledger: Vec<Value>,
    pub(crate) ledger_read: Vec<i64>,
    /// Tenants whose account was asked for.
    pub(crate) opened: BTreeSet<String>,
    /// What was appended, by topic, partition and offset.
    pub(crate) sent: BTreeMap<(&'static str, u32, i64), Step>,
    /// What the simulation put into `reroute` itself, with the origin that it says.
    pub(crate) enveloped: BTreeMap<(u32, i64), (Origin, Step)>,
    pub(crate) tampered: bool,
    pub(crate) tally: Tally,
    pub(crate) trace: Vec<String>,
    pub(crate) weather: Weather,
}

impl Run {
    pub(crate) fn new(seed: u64, weather: Weather) -> Run {
        let mut chance = Chance::of_seed(seed);
        let clock_ms = Arc::new(AtomicI64::new(BEGIN_MS));
        let clock = Arc::clone(&clock_ms);
        let partitions = u32::try_from(chance.between(2, 4)).expect("few");
        let processes = usize::try_from(if weather == Weather::Fair { 1 } else { chance.between(2, 3) }).expect("few");
        let cluster = MemoryCluster::new(partitions, Arc::new(move || clock.load(Ordering::Relaxed)));
        Run {
            chance,
            cluster,
            clock_ms,
            processes: Rc::new(RefCell::new((0..processes).map(|_| None).collect())),
            ghosts: Vec::new(),
            runs: 0,
            journal: Journal::new(),
            history: History::of(seed),
            ledger: Vec::new(),
            ledger_read: vec![0; usize::try_from(partitions).expect("few")],
            opened: BTreeSet::new(),
            sent: BTreeMap::new(),
            enveloped: BTreeMap::new(),
            tampered: false,
            tally: Tally::default(),
            trace: Vec::new(),
            weather,
        }
    }

    /// Runs the seed to its end and heals. `Err`: it got stuck, or a worker did what it must not.
    pub(crate) fn play(&mut self, actions: u32) -> Result<(), String> {
        for _ in 0..actions {
            self.pass_ms(1);
            self.act()?;
        }
        self.heal()
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.clock_ms.load(Ordering::Relaxed)
    }

    pub(crate) fn pass_ms(&self, ms: i64) {
        self.clock_ms.fetch_add(ms, Ordering::Relaxed);
    }

    pub(crate) fn trace(&mut self, what: impl Into<String>) {
        self.trace.push(format!("{:>12} {}", self.now_ms() - BEGIN_MS, what.into()));
    }

    fn act(&mut self) -> Result<(), String> {
        match self.chance.below(1000) {
            0..=279 => self.send(),
            280..=349 => self.start_one(),
            350..=699 => self.step_one()?,
            700..=859 => self.restore_one()?,
            860..=899 => self.pass_some(),
            _ if self.weather == Weather::Foul => self.disturb()?,
            _ => self.step_one()?,
        }
        Ok(())
    }

    // Processes.

    fn start_one(&mut self) {
        let place = self.any_place();
        if !self.is_running(place) {
            self.start(place);
        }
    }

    pub(crate) fn start(&mut self, place: usize) {
        self.runs += 1;
        let skew_ms = if self.weather == Weather::Fair { 0 } else { self.chance.between(-20_000, 20_000) };
        let making = Making {
            number: place,
            run: self.runs,
            batch_records_max: usize::try_from(self.chance.between(1, 12)).expect("few"),
            commit_interval_ms: *self.chance.pick(&[0, 1, 100, 2_000]),
            skew_ms,
        };
        let process = Process::start(&self.cluster, &self.journal, &self.tally, &making);
        self.put(place, Some(process));
        self.trace(format!("start process {place} as run {}", self.runs));
    }

    fn count(&self) -> usize {
        self.processes.borrow().len()
    }

    pub(crate) fn any_place(&mut self) -> usize {
        let count = self.count();
        self.chance.place(count)
    }

    fn is_running(&self, place: usize) -> bool {
        self.processes.borrow()[place].is_some()
    }

    fn jobs_of(&self, place: usize) -> usize {
        self.processes.borrow()[place].as_ref().map_or(0, |process| process.jobs.len())
    }

    pub(crate) fn take(&self, place: usize) -> Option<Process> {
        self.processes.borrow_mut()[place].take()
    }

    /// Out of the list first: who ends may look at it.
    fn put(&self, place: usize, process: Option<Process>) {
        let former = std::mem::replace(&mut self.processes.borrow_mut()[place], process);
        drop(former);
    }

    pub(crate) fn step_one(&mut self) -> Result<(), String> {
        if !self.ghosts.is_empty() && self.chance.one_in(4) {
            let ghost = self.chance.place(self.ghosts.len());
            self.trace(format!("step ghost {ghost}"));
            let now_ms = self.now_ms();
            if let Err(ended) = self.ghosts[ghost].step(now_ms) {
                drop(self.ghosts.remove(ghost));
                self.note_end(ended)?;
            }
            return Ok(());
        }
        let place = self.any_place();
        self.step(place)
    }

    pub(crate) fn step(&mut self, place: usize) -> Result<(), String> {
        let now_ms = self.now_ms();
        let Some(mut process) = self.take(place) else { return Ok(()) };
        self.trace(format!("step process {place}"));
        let result = process.step(now_ms);
        self.put(place, Some(process));
        result.or_else(|ended| self.end(place, ended))
    }

    fn restore_one(&mut self) -> Result<(), String> {
        let place = self.any_place();
        let jobs = self.jobs_of(place);
        if jobs == 0 {
            return Ok(());
        }
        let job = self.chance.place(jobs);
        self.restore(place, job)
    }

    fn restore(&mut self, place: usize, job: usize) -> Result<(), String> {
        let now_ms = self.now_ms();
        let Some(mut process) = self.take(place) else { return Ok(()) };
        let partition = process.jobs[job].0.request().partition;
        let result = process.restore(job, now_ms);
        self.put(place, Some(process));
        self.trace(format!("restore partition {partition} in process {place}"));
        match result {
            Ok(None) => Ok(()),
            Ok(Some(Stopped::OffsetsLost { partition, .. })) => {
                self.trace(format!("partition {partition} has lost its offsets and stops"));
                self.tally.count("faults", "partition stopped");
                self.journal.pages().offsets_lost = true;
                Ok(())
            }
            Ok(Some(stopped)) => Err(format!("a partition stopped: {stopped}")),
            Err(ended) => self.end(place, ended),
        }
    }

    fn end(&mut self, place: usize, ended: Ended) -> Result<(), String> {
        self.trace(format!("process {place} ended"));
        self.put(place, None);
        self.note_end(ended)
    }

    pub(crate) fn note_end(&mut self, ended: Ended) -> Result<(), String> {
        self.journal.note_commits(&self.cluster);
        match ended {
            Ended::Crashed => {}
            Ended::Fenced => self.tally.count("faults", "fenced by its successor"),
            Ended::Failed(why) => return Err(format!("a worker ended by itself: {why}")),
        }
        Ok(())
    }

    /// Ends every process and everything that is under way, as operators do before they touch the log.
    pub(crate) fn end_all(&mut self) -> Result<(), String> {
        self.ghosts.clear();
        for place in 0..self.count() {
            let Some(process) = self.take(place) else { continue };
            if self.chance.one_in(2) {
                process.controls.heal();
                let now_ms = self.now_ms();
                process.shut_down(now_ms).or_else(|ended| self.note_end(ended))?;
            }
        }
        self.settle_log();
        Ok(())
    }

    pub(crate) fn settle_log(&mut self) {
        for place in 0..self.count() {
            if !self.is_running(place) {
                self.cluster.expire_member(&format!("node-{place}"), Notice::AtOnce);
            }
        }
        self.cluster.deliver_late();
        self.cluster.complete_prepared();
        self.pass_ms(11_000);
        self.cluster.expire_transactions();
        self.journal.note_commits(&self.cluster);
    }

    // And what heals.

    fn heal(&mut self) -> Result<(), String> {
        self.trace("heal");
        self.ghosts.clear();
        for process in self.processes.borrow().iter().flatten() {
            process.pause.cancel();
            process.controls.heal();
            *process.crash.lock().expect("a panic ends the run") = None;
        }
        self.settle_log();
        for round in 0..HEAL_ROUNDS_MAX {
            self.pass_ms(200);
            let is_lost = self.journal.pages().offsets_lost;
            if is_lost {
                operator::rewind(self)?;
            }
            for place in 0..self.count() {
                if !self.is_running(place) {
                    self.start(place);
                }
                self.step(place)?;
                for job in (0..self.jobs_of(place)).rev() {
                    self.restore(place, job)?;
                }
            }
            if round % 20 == 19 {
                self.settle_log();
            }
            if self.is_through() {
                return Ok(());
            }
        }
        Err(format!("not caught up after {HEAL_ROUNDS_MAX} rounds"))
    }

    fn is_through(&self) -> bool {
        let all = (0..self.cluster.partitions()).map(PartitionId);
        let committed = |partition| {
            Input::ALL.into_iter().all(|input| {
                let end = self.cluster.high_watermark(input.into(), partition);
                let at = &self.cluster.committed_offsets(partition)[input.index()];
                let from = at.as_ref().map_or(0, |at| at.offset);
                from <= end && self.cluster.read_committed(input.into(), partition, from, 1).0.is_empty()
            })
        };
        let processes = self.processes.borrow();
        let is_done = |process: &Process, partition| {
            let wall = instant(self.now_ms() + process.skew_ms);
            let state = process.worker.partition_state(partition);
            state.is_some_and(|state| state.due.first_after(None).is_none_or(|first| first.at > wall))
        };
        processes.iter().all(|process| process.as_ref().is_some_and(|p| p.caught_up && p.jobs.is_empty()))
            && all.clone().all(committed)
            && all.into_iter().all(|partition| {
                let mut holders = processes.iter().flatten().filter(|p| p.worker.partition_state(partition).is_some());
                holders.next().is_some_and(|holder| is_done(holder, partition)) && holders.next().is_none()
            })
    }

    /// The wall clock of the process that rates a partition.
    pub(crate) fn wall_ms_of(&self, partition: PartitionId) -> Result<i64, String> {
        let processes = self.processes.borrow();
        let holder = processes.iter().flatten().find(|process| process.worker.partition_state(partition).is_some());
        holder
            .map(|process| self.now_ms() + process.skew_ms)
            .ok_or_else(|| format!("nobody holds partition {partition}"))
    }
}
