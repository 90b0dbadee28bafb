//! What goes wrong in a run.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tollkeeper::core::partition::PartitionId;
use tollkeeper::stream::memory::{Act, Fault, Notice, Topic};
use tollkeeper::stream::recovery::Stopped;
use tollkeeper::stream::step::Step;
use tollkeeper::stream::transport::Input;

use crate::driver::{Run, Weather};
use crate::journal::Journal;
use crate::model;
use crate::observed::Place;
use crate::operator;
use crate::oracle::{DAY_MS, HOUR_MS, instant};
use crate::process::{Ended, Processes};

impl Run {
    /// Time passes: mostly little, sometimes days, and the broker's clock goes back at times.
    pub(crate) fn pass_some(&mut self) {
        let ms = match self.chance.below(40) {
            _ if self.chance.one_in(4) => self.until_what_is_due(),
            0 => self.chance.between(HOUR_MS, DAY_MS),
            1 if self.weather == Weather::Foul && self.chance.one_in(3) => self.chance.between(DAY_MS, 12 * DAY_MS),
            2 if self.weather == Weather::Foul => -self.chance.between(1, 60_000),
            3..=12 => self.chance.between(10_000, 120_000),
            _ => self.chance.between(1, 5_000),
        };
        if ms > HOUR_MS {
            self.tally.count("faults", "clock jumps by hours");
        }
        self.pass_ms(ms);
        self.trace(format!("time passes: {ms} ms"));
    }

    /// How long it is to a time at which something may be due, or a moment beside it: one of the next that the ledger speaks of.
    fn until_what_is_due(&mut self) -> i64 {
        self.read_ledger();
        let now = instant(self.now_ms());
        let mut named: Vec<Timestamp> = self.ledger.iter().flat_map(due_of).filter(|at| *at > now).collect();
        named.extend([model::time::next_day(now), model::time::next_month_begin(now)]);
        named.sort();
        named.dedup();
        let soon = named.len().min(3);
        let to = *self.chance.pick(&named[..soon]);
        to.as_millisecond() - now.as_millisecond() + self.chance.between(-1, 1)
    }

    /// One thing goes wrong, or is planned to.
    pub(crate) fn disturb(&mut self) -> Result<(), String> {
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
                let skew_ms = self.chance.between(-20_000, 20_000);
                if let Some(process) = self.processes.borrow_mut()[place].as_mut() {
                    process.skew_ms = skew_ms;
                }
                self.trace(format!("wall clock of process {place} jumps"));
            }
            37 => self.forget_offsets(),
            38 if self.journal.pages().offsets_lost => operator::rewind(self)?,
            _ => {
                if !self.tampered && self.chance.one_in(2) {
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
        let rounds = self.chance.between(1, 12);
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
}

/// When work may be due after an event.
fn due_of(event: &Value) -> Vec<Timestamp> {
    let of = |time: &Value| time.as_str().and_then(|at| at.parse::<Timestamp>().ok());
    let data = &event["data"];
    let hours = SignedDuration::from_hours;
    let lapse = of(&data["expires_at"]);
    let lapses = lapse.into_iter().flat_map(|at| [at, at - hours(7 * 24), at - hours(30 * 24)]);
    let request = of(&event["time"]).filter(|_| event["type"] == "tollkeeper.recharge.requested.v1");
    let timeouts = request.into_iter().flat_map(|at| [at + hours(1), at + hours(23)]);
    lapses.chain(timeouts).chain(of(&data["next_at"])).collect()
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
