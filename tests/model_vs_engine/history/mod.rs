//! Random histories: at most three tenants, tiny pools, few prefixes, few users, so that corners meet.
#![allow(dead_code, reason = "each test binary uses a part of it")]

mod calls;
pub(crate) mod chance;
mod clock;
mod commands;

use jiff::Timestamp;
use serde_json::Value;

use crate::model::Step;
use chance::Chance;

/// Writes a history step by step, looking at what was written so far.
pub(crate) struct History {
    chance: Chance,
    now: Timestamp,
    count: u32,
    /// CDRs that were sent, as they were.
    cdrs: Vec<Value>,
    /// Commands that were sent, as they were.
    commands: Vec<Value>,
}

const TENANTS: [&str; 3] = ["north", "south", "west"];
const USERS: [&str; 2] = ["ada", "bob"];

impl History {
    pub(crate) fn of(seed: u64) -> History {
        let now = "2026-10-20T10:00:00Z".parse().expect("a time");
        History { chance: Chance::of(seed), now, count: 0, cdrs: Vec::new(), commands: Vec::new() }
    }

    /// The next step after what the ledger says.
    pub(crate) fn next(&mut self, ledger: &[Value]) -> (Timestamp, Step) {
        let now = self.advance(ledger);
        self.at(now);
        let is_begin = self.count <= 6;
        let step = match self.chance.below(100) {
            _ if is_begin => self.command(ledger),
            0..52 => self.cdr(),
            52..92 => self.command(ledger),
            _ => Step::Clock,
        };
        (self.now, step)
    }

    /// The next record is sent at this time.
    pub(crate) fn at(&mut self, now: Timestamp) {
        self.count += 1;
        self.now = now;
    }

    /// The same with calls alone, of tenants that have money and licences.
    pub(crate) fn next_call(&mut self) -> (Timestamp, Step) {
        self.count += 1;
        let opening = self.opening();
        if opening.is_none() {
            self.go_on();
        }
        let step = opening.unwrap_or_else(|| self.random_call());
        (self.now, step)
    }

    /// Where it is.
    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    fn tenant(&mut self) -> &'static str {
        if self.chance.percent(1) { "nobody" } else { self.chance.one(&TENANTS) }
    }
}

/// Puts fields over others; null takes one away.
fn with(mut object: Value, more: Value) -> Value {
    let (Value::Object(fields), Value::Object(more)) = (&mut object, more) else { unreachable!("objects") };
    fields.extend(more);
    object
}
