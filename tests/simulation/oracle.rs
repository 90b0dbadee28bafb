//! The oracle: the plain second implementation of the rules (`tests/model`) for each partition, and around it what only a log
//! has: reroutes, the place where a record was first read, a ledger that somebody else wrote into, a clock that was lost.
//!
//! It is given the records of a partition in the order in which they were taken, and says what must be written.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Value, json};
use tollkeeper::core::partition::home_partition;

use crate::compare;
use crate::model::{self, Account, Model, Outcome, Step};
use crate::rates;

pub(crate) const HOUR_MS: i64 = 3_600_000;
pub(crate) const DAY_MS: i64 = 24 * HOUR_MS;

const RECORD_BYTES_MAX: usize = 65_536;

/// Where a record was first read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Origin {
    pub(crate) topic: &'static str,
    pub(crate) partition: u32,
    pub(crate) offset: i64,
    pub(crate) timestamp_ms: i64,
}

/// A record as it was taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Delivered<'s> {
    pub(crate) partition: u32,
    pub(crate) timestamp_ms: i64,
    pub(crate) origin: Origin,
    pub(crate) rerouted: bool,
    pub(crate) sent: &'s Step,
}

/// What one partition must have written, in order.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    pub(crate) ledger: Vec<Value>,
    pub(crate) alerts: Vec<Value>,
    pub(crate) quarantine: Vec<Value>,
    /// With the partition that it went to.
    pub(crate) reroute: Vec<(u32, Value)>,
}

/// What one partition remembers.
#[derive(Debug)]
struct Partition {
    model: Model,
    /// Events and alerts of the model that are written.
    seen: [usize; 2],
    latest_event_ms: i64,
    frozen: BTreeSet<String>,
    written: Streams,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Oracle {
    partitions: Vec<Partition>,
}

impl Oracle {
    pub(crate) fn new(partitions: u32) -> Oracle {
        let partition = || Partition {
            model: Model::new(rates::catalog()),
            seen: [0; 2],
            latest_event_ms: 0,
            frozen: BTreeSet::new(),
            written: Streams::default(),
        };
        Oracle { partitions: (0..partitions).map(|_| partition()).collect() }
    }

    /// Takes one record, and before it all that is due by its time; writes what must follow.
    pub(crate) fn take(&mut self, delivered: Delivered<'_>) {
        let count = u32::try_from(self.partitions.len()).expect("few");
        let partition = self.of(delivered.partition);
        let home = model::tenant_of(delivered.sent).map(|tenant| home_partition(&tenant, count).0);
        let is_home = home.is_none_or(|home| home == delivered.partition);
        let step = if is_home { delivered.sent } else { &Step::Clock };
        let outcome = partition.step(delivered.timestamp_ms, step);
        match home.filter(|_| !is_home) {
            Some(home) if !delivered.rerouted => partition.reroute(&delivered, home),
            Some(_) => partition.quarantine(&delivered, &Outcome::Quarantined("misrouted")),
            None => partition.quarantine(&delivered, &outcome),
        }
    }

    /// The clock went on without a record, and what is due by it was done. `Err`: nothing was due then, and a clock goes by
    /// nothing else.
    pub(crate) fn pass(&mut self, partition: u32, to_ms: i64) -> Result<(), String> {
        let of = self.of(partition);
        if to_ms <= of.model.clock().as_millisecond() {
            return Ok(());
        }
        of.step(to_ms - 1, &Step::Clock);
        if !of.model.is_due_at(instant(to_ms)) {
            return Err(format!("partition {partition}: the clock went to {to_ms}, where nothing was due"));
        }
        of.step(to_ms, &Step::Clock);
        Ok(())
    }

    /// Does what is due by a time at which nothing more may be.
    pub(crate) fn finish(&mut self, partition: u32, to_ms: i64) {
        self.of(partition).step(to_ms, &Step::Clock);
    }

    /// The clock was lost with the offsets: what is left is that of the latest event, and what the rewind says.
    pub(crate) fn lose_clock(&mut self, partition: u32, to_ms: i64) {
        let partition = self.of(partition);
        partition.model.lose_clock(instant(to_ms.max(partition.latest_event_ms)));
    }

    pub(crate) fn clock_ms(&self, partition: u32) -> i64 {
        self.partitions[usize::try_from(partition).expect("small")].model.clock().as_millisecond()
    }

    /// The ledger of this tenant is broken, and was read.
    pub(crate) fn freeze(&mut self, partition: u32, tenant: &str) {
        let partition = self.of(partition);
        partition.frozen.insert(tenant.to_owned());
        partition.model.freeze(tenant);
    }

    /// Somebody else wrote this into a ledger.
    pub(crate) fn foreign(&mut self, partition: u32, event: &Value) {
        self.of(partition).written.ledger.push(compare::plain(event.to_string().as_bytes()));
    }

    pub(crate) fn written(&self, partition: u32) -> &Streams {
        &self.partitions[usize::try_from(partition).expect("small")].written
    }

    pub(crate) fn accounts(&self) -> BTreeMap<&str, &Account> {
        let all = self.partitions.iter().flat_map(|partition| partition.model.accounts());
        all.map(|(tenant, account)| (tenant.as_str(), account)).collect()
    }

    pub(crate) fn frozen(&self) -> impl Iterator<Item = &String> {
        self.partitions.iter().flat_map(|partition| partition.frozen.iter())
    }

    fn of(&mut self, partition: u32) -> &mut Partition {
        &mut self.partitions[usize::try_from(partition).expect("small")]
    }
}

impl Partition {
    fn step(&mut self, at_ms: i64, step: &Step) -> Outcome {
        let outcome = self.model.step(instant(at_ms), step);
        for event in &self.model.ledger()[self.seen[0]..] {
            let time: Option<Timestamp> = event["time"].as_str().and_then(|time| time.parse().ok());
            self.latest_event_ms = time.expect("events have a time").as_millisecond();
            self.written.ledger.push(compare::without_what_only_the_engine_knows(event.clone()));
        }
        self.written.alerts.extend_from_slice(&self.model.alerts()[self.seen[1]..]);
        self.seen = [self.model.ledger().len(), self.model.alerts().len()];
        outcome
    }

    /// What stands in the quarantine of an outcome, if anything does.
    fn quarantine(&mut self, delivered: &Delivered<'_>, outcome: &Outcome) {
        let Some(mut entry) = compare::quarantined(outcome) else { return };
        let Origin { topic, partition, offset, timestamp_ms } = delivered.origin;
        entry["received_at"] = json!(time(timestamp_ms));
        entry["source"] = json!({"topic": topic_name(topic), "partition": partition, "offset": offset});
        if entry["reason"] != "duplicate" {
            entry["detail"] = json!("*");
            match String::from_utf8(bytes(delivered.sent).to_vec()) {
                Ok(text) if text.len() > RECORD_BYTES_MAX => {
                    entry["record_prefix"] = json!("*");
                    entry["length"] = json!(text.len());
                    entry["sha256"] = json!("*");
                }
                Ok(text) => entry["record"] = json!(text),
                Err(_) => entry["record_base64"] = json!("*"),
            }
        }
        self.written.quarantine.push(entry);
    }

    fn reroute(&mut self, delivered: &Delivered<'_>, home: u32) {
        let Origin { topic, partition, offset, timestamp_ms } = delivered.origin;
        let kind = if let Step::Cdr(_) = delivered.sent { "cdr" } else { "command" };
        let record = std::str::from_utf8(bytes(delivered.sent)).expect("what names a tenant is text");
        let source = json!({"topic": topic_name(topic), "partition": partition, "offset": offset,
            "timestamp": time(timestamp_ms)});
        let envelope = json!({"version": 1, "kind": kind, "record": record, "source": source});
        self.written.reroute.push((home, envelope));
    }
}

/// The bytes of a record.
pub(crate) fn bytes(sent: &Step) -> &[u8] {
    match sent {
        Step::Cdr(bytes) | Step::Command(bytes) => bytes,
        Step::Clock => &[],
    }
}

pub(crate) fn topic_name(topic: &str) -> String {
    format!("sim.{topic}")
}

/// An instant as RFC 3339.
pub(crate) fn time(ms: i64) -> String {
    instant(ms).to_string()
}

pub(crate) fn instant(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).expect("a time of the simulation")
}

/// Whether an entry of the quarantine is what was expected; `*` stands for any text.
pub(crate) fn is_as_expected(expected: &Value, actual: &Value) -> bool {
    match (expected, actual) {
        (Value::String(any), Value::String(_)) if any == "*" => true,
        (Value::Object(expected), Value::Object(actual)) => {
            let is_found = |(name, value)| actual.get(name).is_some_and(|found| is_as_expected(value, found));
            expected.len() == actual.len() && expected.iter().all(is_found)
        }
        (expected, actual) => expected == actual,
    }
}
