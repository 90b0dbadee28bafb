//! One run: a seed decides what is sent, who is stepped, what fails, and what time it is.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use tollkeeper::core::partition::{PartitionId, home_partition};
use tollkeeper::stream::memory::{Act, Fault, MemoryCluster, Notice, Topic};
use tollkeeper::stream::recovery::Stopped;
use tollkeeper::stream::step::Step;
use tollkeeper::stream::transport::Input;

use crate::chance::Chance;
use crate::journal::Journal;
use crate::observed::Place;
use crate::operator;
use crate::oracle::{DAY_MS, HOUR_MS, Origin};
use crate::process::{Ended, Making, Process, Processes};
use crate::rates::BEGIN_MS;
use crate::sent::Sent;
use crate::tally::Tally;
use crate::traffic::Traffic;

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
    clock_ms: Arc<AtomicI64>,
    pub(crate) processes: Processes,
    /// Processes whose place was taken, and who do not know.
    ghosts: Vec<Process>,
    runs: u64,
    pub(crate) journal: Journal,
    traffic: Traffic,
    /// What was appended, by topic, partition and offset.
    pub(crate) sent: BTreeMap<(&'static str, u32, i64), Sent>,
    /// What the simulation put into `reroute` itself, with the origin that it says.
    pub(crate) enveloped: BTreeMap<(u32, i64), (Origin, Sent)>,
    alerts_read: Vec<i64>,
    pub(crate) tampered: bool,
    pub(crate) tally: Tally,
    pub(crate) trace: Vec<String>,
    weather: Weather,
}

impl Run {
    pub(crate) fn new(seed: u64, weather: Weather) -> Run {
        let mut chance = Chance::of_seed(seed);
        let clock_ms = Arc::new(AtomicI64::new(BEGIN_MS));
        let clock = Arc::clone(&clock_ms);
        let partitions = u32::try_from(chance.from_to(2, 4)).expect("few");
        let processes = usize::try_from(if weather == Weather::Fair { 1 } else { chance.from_to(2, 3) }).expect("few");
        let cluster = MemoryCluster::new(partitions, Arc::new(move || clock.load(Ordering::Relaxed)));
        Run {
            chance,
            cluster,
            clock_ms,
            processes: Rc::new(RefCell::new((0..processes).map(|_| None).collect())),
            ghosts: Vec::new(),
            runs: 0,
            journal: Journal::new(),
            traffic: Traffic::default(),
            sent: BTreeMap::new(),
            enveloped: BTreeMap::new(),
            alerts_read: vec![0; usize::try_from(partitions).expect("few")],
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

    // Traffic.

    fn send(&mut self) {
        for _ in 0..=self.chance.below(4) {
            self.pay();
            let now_ms = self.now_ms();
            let (sent, input) = match self.chance.below(20) {
                0 => {
                    let is_cdr = self.chance.one_in(2);
                    (Traffic::poison(&mut self.chance, is_cdr), if is_cdr { Input::Cdrs } else { Input::Commands })
                }
                1..=5 => (self.traffic.command(&mut self.chance, now_ms), Input::Commands),
                6 => match self.traffic.settlement(&mut self.chance, now_ms) {
                    Some(sent) => (sent, Input::Commands),
                    None => continue,
                },
                7 if self.chance.one_in(3) => {
                    self.send_misrouted();
                    continue;
                }
                _ => (self.traffic.call(&mut self.chance, now_ms), Input::Cdrs),
            };
            let count = self.cluster.partitions();
            let anywhere = u32::try_from(self.chance.below(u64::from(count))).expect("few");
            let partition = match sent.tenant() {
                Some(tenant) if !self.chance.one_in(8) => home_partition(tenant, count).0,
                _ => anywhere,
            };
            self.append(sent, input, partition);
            if self.chance.one_in(2) {
                let ms = self.chance.from_to(0, 500);
                self.pass_ms(ms);
            }
        }
    }

    fn append(&mut self, sent: Sent, input: Input, partition: u32) {
        let key = sent.tenant().unwrap_or_default().as_bytes().to_vec();
        let offset = self.cluster.append(Topic::from(input), PartitionId(partition), key, sent.bytes());
        self.trace(format!("append {}/{partition}/{offset} {}", input.name(), brief(&sent)));
        self.sent.insert((input.name(), partition, offset), sent);
    }

    /// Puts an envelope into `reroute`, as `quarantine replay` would: to the wrong partition at times.
    fn send_misrouted(&mut self) {
        let now_ms = self.now_ms();
        let sent = self.traffic.call(&mut self.chance, now_ms);
        let count = self.cluster.partitions();
        let partition = u32::try_from(self.chance.below(u64::from(count))).expect("few");
        let origin = Origin {
            topic: "cdrs",
            partition: 99,
            offset: i64::try_from(self.enveloped.len()).expect("few"),
            timestamp_ms: now_ms,
        };
        let record = String::from_utf8(sent.bytes()).expect("calls are text");
        let source = serde_json::json!({"topic": crate::oracle::topic_name("cdrs"), "partition": origin.partition,
            "offset": origin.offset, "timestamp": crate::sent::time(now_ms)});
        let envelope = serde_json::json!({"version": 1, "kind": "cdr", "record": record, "source": source});
        let offset =
            self.cluster.append(Topic::Reroute, PartitionId(partition), Vec::new(), envelope.to_string().into_bytes());
        self.trace(format!("append reroute/{partition}/{offset} {}", brief(&sent)));
        self.enveloped.insert((partition, offset), (origin, sent));
    }

    /// The payment service reads what it is asked for.
    fn pay(&mut self) {
        for partition in 0..self.cluster.partitions() {
            let place = usize::try_from(partition).expect("few");
            let from = self.alerts_read[place];
            let (records, next) = self.cluster.read_committed(Topic::Alerts, PartitionId(partition), from, usize::MAX);
            self.alerts_read[place] = next;
            for record in records {
                let event: serde_json::Value = serde_json::from_slice(record.value()).expect("alerts are JSON");
                if event["type"] == "tollkeeper.recharge.requested.v1"
                    && let Some(id) = event["data"]["recharge_id"].as_str()
                    && let Some((tenant, _)) = id.split_once('/')
                {
                    self.traffic.requested.push((tenant.to_owned(), id.to_owned()));
                }
            }
        }
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
        let skew_ms = if self.weather == Weather::Fair { 0 } else { self.chance.from_to(-20_000, 20_000) };
        let making = Making {
            number: place,
            run: self.runs,
            batch_records_max: usize::try_from(self.chance.from_to(1, 12)).expect("few"),
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

    fn any_place(&mut self) -> usize {
        let count = self.count();
        self.chance.place(count)
    }

    fn is_running(&self, place: usize) -> bool {
        self.processes.borrow()[place].is_some()
    }

    fn jobs_of(&self, place: usize) -> usize {
        self.processes.borrow()[place].as_ref().map_or(0, |process| process.jobs.len())
    }

    fn take(&self, place: usize) -> Option<Process> {
        self.processes.borrow_mut()[place].take()
    }

    /// Out of the list first: who ends may look at it.
    fn put(&self, place: usize, process: Option<Process>) {
        let former = std::mem::replace(&mut self.processes.borrow_mut()[place], process);
        drop(former);
    }

    fn step_one(&mut self) -> Result<(), String> {
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

    fn note_end(&mut self, ended: Ended) -> Result<(), String> {
        self.journal.note_commits(&self.cluster);
        match ended {
            Ended::Crashed => {}
            Ended::Fenced => self.tally.count("faults", "fenced by its successor"),
            Ended::Failed(why) => return Err(format!("a worker ended by itself: {why}")),
        }
        Ok(())
    }

    // Time.

    fn pass_some(&mut self) {
        let ms = match self.chance.below(40) {
            0 => self.chance.from_to(HOUR_MS, DAY_MS),
            1 if self.weather == Weather::Foul && self.chance.one_in(3) => self.chance.from_to(DAY_MS, 12 * DAY_MS),
            2 if self.weather == Weather::Foul => -self.chance.from_to(1, 60_000),
            3..=12 => self.chance.from_to(10_000, 120_000),
            _ => self.chance.from_to(1, 5_000),
        };
        if ms > HOUR_MS {
            self.tally.count("faults", "clock jumps by hours");
        }
        self.pass_ms(ms);
        self.trace(format!("time passes: {ms} ms"));
    }

    // What goes wrong.

    fn disturb(&mut self) -> Result<(), String> {
        let place = self.any_place();
        match self.chance.below(40) {
            0..=13 => self.plan_fault(place),
            14..=18 => self.plan_crash(place),
            19..=23 => self.limit_fetch(place),
            24 => self.plan_pause(place),
            25 => {
                self.tally.count("faults", "rebalance");
                self.trace("rebalance");
                self.cluster.rebalance();
            }
            26..=28 => self.expire_member(place),
            29 => self.replace(place),
            30..=31 => {
                for outcome in self.cluster.deliver_late() {
                    self.tally.count("faults", format!("late EndTxn {outcome:?}"));
                }
                self.trace("late requests arrive");
                self.journal.note_commits(&self.cluster);
            }
            32 => {
                self.trace("prepared commits complete");
                self.cluster.complete_prepared();
                self.journal.note_commits(&self.cluster);
            }
            33..=34 => self.expire_transactions(),
            35 => self.stop_in_order(place)?,
            36 => {
                let skew_ms = self.chance.from_to(-20_000, 20_000);
                if let Some(process) = self.processes.borrow_mut()[place].as_mut() {
                    process.skew_ms = skew_ms;
                }
                self.trace(format!("wall clock of process {place} jumps"));
            }
            37 => self.forget_offsets(),
            38 if self.journal.pages().offsets_lost => operator::rewind(self)?,
            _ => {
                if !self.tampered && self.chance.one_in(6) {
                    operator::tamper(self);
                }
            }
        }
        Ok(())
    }

    fn plan_fault(&mut self, place: usize) {
        let Some(controls) = self.processes.borrow()[place].as_ref().map(|process| process.controls.clone()) else {
            return;
        };
        let act = *self.chance.pick(&[
            Act::Begin,
            Act::Publish,
            Act::SendOffsets,
            Act::Commit,
            Act::Commit,
            Act::Commit,
            Act::Abort,
        ]);
        let fitting: Vec<Fault> = Fault::ALL.into_iter().filter(|fault| act.can_meet(*fault)).collect();
        let fault = *self.chance.pick(&fitting);
        controls.plan(act, fault);
        self.tally.count("faults", format!("{}: {fault:?}", act.name()));
        self.trace(format!("plan {fault:?} for {} of process {place}", act.name()));
    }

    fn plan_crash(&mut self, place: usize) {
        let Some(crash) = self.processes.borrow()[place].as_ref().map(|process| Arc::clone(&process.crash)) else {
            return;
        };
        let step = *self.chance.pick(&Step::ALL);
        *crash.lock().expect("a panic ends the run") = Some((step, self.chance.below(3)));
        self.trace(format!("plan a crash of process {place} at {}", step.name()));
    }

    /// The process will stand still in the middle of a step, past its session's end, while the others go on.
    fn plan_pause(&mut self, place: usize) {
        let Some(pause) = self.processes.borrow()[place].as_ref().map(|process| process.pause.clone()) else { return };
        let at = *self.chance.pick(&[Place::InFetch, Place::BeforeMembership, Place::BeforeSendOffsets]);
        let notice = *self.chance.pick(&[Notice::AtPoll, Notice::AtOnce, Notice::AtOnce]);
        let rounds = self.chance.from_to(1, 12);
        let (processes, cluster, journal) = (Rc::clone(&self.processes), self.cluster.clone(), self.journal.clone());
        let (clock_ms, tally) = (Arc::clone(&self.clock_ms), self.tally.clone());
        let meanwhile = move || {
            tally.count("faults", format!("paused {at:?}, told {notice:?}"));
            cluster.expire_member(&format!("node-{place}"), notice);
            let count = processes.borrow().len();
            for _ in 0..rounds {
                clock_ms.fetch_add(50, Ordering::Relaxed);
                for other in 0..count {
                    others_go_on(&processes, other, clock_ms.load(Ordering::Relaxed), &journal);
                }
            }
        };
        pause.plan(at, Box::new(meanwhile));
        self.trace(format!("plan a pause of process {place} at {at:?}, told {notice:?}"));
    }

    fn limit_fetch(&mut self, place: usize) {
        let Some(controls) = self.processes.borrow()[place].as_ref().map(|process| process.controls.clone()) else {
            return;
        };
        let input = *self.chance.pick(&Input::ALL);
        let limit = *self.chance.pick(&[None, Some(0), Some(1), Some(2), Some(5)]);
        controls.limit_fetch(input, limit);
        self.trace(format!("fetches of {} by process {place} are limited to {limit:?}", input.name()));
    }

    fn expire_member(&mut self, place: usize) {
        let notice = *self.chance.pick(&[Notice::AtPoll, Notice::AtOnce]);
        if self.cluster.expire_member(&format!("node-{place}"), notice) {
            self.tally.count("faults", format!("member expired, told {notice:?}"));
            self.trace(format!("member node-{place} expires, told {notice:?}"));
        }
    }

    /// A successor is started beside a process that goes on.
    fn replace(&mut self, place: usize) {
        if let Some(old) = self.take(place) {
            old.pause.cancel();
            self.ghosts.push(old);
            self.tally.count("faults", "successor beside a zombie");
            self.start(place);
        }
    }

    fn expire_transactions(&mut self) {
        if self.chance.one_in(2) {
            self.pass_ms(11_000);
        }
        let expired = self.cluster.expire_transactions();
        for _ in &expired {
            self.tally.count("faults", "transaction timed out");
        }
        self.trace(format!("transactions time out: {expired:?}"));
    }

    fn stop_in_order(&mut self, place: usize) -> Result<(), String> {
        let Some(process) = self.take(place) else { return Ok(()) };
        self.tally.count("faults", "shut down in order");
        self.trace(format!("shut down process {place}"));
        let now_ms = self.now_ms();
        process.shut_down(now_ms).or_else(|ended| self.note_end(ended))
    }

    fn forget_offsets(&mut self) {
        let partition = u32::try_from(self.chance.below(u64::from(self.cluster.partitions()))).expect("few");
        let (ledger, _) = self.cluster.read_committed(Topic::Ledger, PartitionId(partition), 0, 1);
        if !ledger.is_empty() {
            self.tally.count("faults", "offsets expired");
            self.trace(format!("the offsets of partition {partition} expire"));
            self.cluster.forget_offsets(PartitionId(partition));
            self.journal.note_commits(&self.cluster);
        }
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
        processes.iter().all(|process| process.as_ref().is_some_and(|p| p.caught_up && p.jobs.is_empty()))
            && all.clone().all(committed)
            && all.into_iter().all(|partition| {
                processes.iter().flatten().filter(|p| p.worker.partition_state(partition).is_some()).count() == 1
            })
    }
}

/// Another process goes on while one stands still: a step, and a little of each restore.
fn others_go_on(processes: &Processes, place: usize, now_ms: i64, journal: &Journal) {
    let taken = processes.borrow_mut()[place].take();
    let Some(mut process) = taken else { return };
    let mut go_on = || {
        process.step(now_ms)?;
        for job in (0..process.jobs.len()).rev() {
            if let Some(Stopped::OffsetsLost { .. }) = process.restore(job, now_ms)? {
                journal.pages().offsets_lost = true;
            }
        }
        Ok(())
    };
    match go_on() {
        Ok(()) => processes.borrow_mut()[place] = Some(process),
        Err(Ended::Crashed | Ended::Fenced) => {}
        Err(Ended::Failed(why)) => journal.pages().violations.push(format!("a worker ended by itself: {why}")),
    }
}

fn brief(sent: &Sent) -> String {
    match sent {
        Sent::Call(call) => format!("call {}/{}", call.tenant, call.call_id),
        Sent::Command(command) => {
            let body = format!("{:?}", command.body);
            let name = body.split([' ', '(', '{']).next().unwrap_or_default();
            format!("command {}/{} {name}", command.tenant, command.command_id)
        }
        Sent::Poison { reason, .. } => format!("poison, {reason}"),
    }
}
