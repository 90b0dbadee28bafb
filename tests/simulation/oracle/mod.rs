//! The oracle: a plain second implementation of the rules, which shares no decision with the engine. It is given the
//! records of a partition in the order in which they were taken and says, byte for byte of meaning, what must be written.
//!
//! Money is an `i128` in units of 10^-9, price lists are scanned row by row, calls are remembered by their name.

mod account;
mod calls;
mod commands;
mod price;
mod recharges;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use tollkeeper::core::partition::home_partition;

use crate::sent::{Sent, amount, time};
pub(crate) use account::Account;
use calls::{Content, is_beyond_this_release};

pub(crate) const HOUR_MS: i64 = 3_600_000;
pub(crate) const DAY_MS: i64 = 24 * HOUR_MS;
/// 10^15: what no amount and no balance may reach.
pub(crate) const LIMIT: i128 = 1_000_000_000_000_000 * 1_000_000_000;

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
    pub(crate) sent: &'s Sent,
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
#[derive(Debug, Default)]
struct Partition {
    clock_ms: i64,
    /// Of the events that were written.
    latest_event_ms: i64,
    accounts: BTreeMap<String, Account>,
    /// By tenant and call id, with the hour of acceptance.
    calls: BTreeMap<(String, String), (Content, i64)>,
    /// By tenant and command id: body, first event, end of the memory.
    commands: BTreeMap<(String, String), (crate::sent::Body, u64, i64)>,
    /// By tenant and reference: end of the memory.
    payments: BTreeMap<(String, String), i64>,
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
        Oracle { partitions: (0..partitions).map(|_| Partition::default()).collect() }
    }

    /// Takes one record, and writes what must follow.
    pub(crate) fn take(&mut self, delivered: Delivered<'_>) {
        let count = u32::try_from(self.partitions.len()).expect("few");
        let partition = &mut self.partitions[usize::try_from(delivered.partition).expect("small")];
        partition.clock_ms = partition.clock_ms.max(delivered.timestamp_ms);
        let Some(tenant) = delivered.sent.tenant() else {
            let Sent::Poison { reason, .. } = delivered.sent else { unreachable!("only poison names no tenant") };
            return partition.quarantine(&delivered, reason);
        };
        let home = home_partition(tenant, count).0;
        if home != delivered.partition && !delivered.rerouted {
            return partition.reroute(&delivered, home);
        }
        if let Sent::Call(call) = delivered.sent
            && is_beyond_this_release(call)
        {
            return partition.quarantine(&delivered, "unsupported_version");
        }
        if home != delivered.partition {
            return partition.quarantine(&delivered, "misrouted");
        }
        if partition.frozen.contains(tenant) {
            if let Sent::Command(command) = &delivered.sent {
                partition.frozen_command(command);
            }
            return partition.quarantine(&delivered, "account_frozen");
        }
        match delivered.sent {
            Sent::Call(call) => partition.call(&delivered, call),
            Sent::Command(command) => partition.command(&delivered, command),
            Sent::Poison { .. } => unreachable!("it names no tenant"),
        }
    }

    /// The clock was lost with the offsets: what is left is that of the latest event, and what the rewind says.
    pub(crate) fn lose_clock(&mut self, partition: u32, to_ms: i64) {
        let partition = self.of(partition);
        partition.clock_ms = to_ms.max(partition.latest_event_ms);
    }

    pub(crate) fn clock_ms(&self, partition: u32) -> i64 {
        self.partitions[usize::try_from(partition).expect("small")].clock_ms
    }

    /// The ledger of this tenant is broken, and was read.
    pub(crate) fn freeze(&mut self, partition: u32, tenant: &str) {
        self.of(partition).frozen.insert(tenant.to_owned());
    }

    /// Somebody else wrote this into a ledger.
    pub(crate) fn foreign(&mut self, partition: u32, event: Value) {
        self.of(partition).written.ledger.push(event);
    }

    pub(crate) fn written(&self, partition: u32) -> &Streams {
        &self.partitions[usize::try_from(partition).expect("small")].written
    }

    pub(crate) fn accounts(&self) -> impl Iterator<Item = (&String, &Account)> {
        self.partitions.iter().flat_map(|partition| partition.accounts.iter())
    }

    pub(crate) fn frozen(&self) -> impl Iterator<Item = &String> {
        self.partitions.iter().flat_map(|partition| partition.frozen.iter())
    }

    fn of(&mut self, partition: u32) -> &mut Partition {
        &mut self.partitions[usize::try_from(partition).expect("small")]
    }
}

impl Partition {
    fn quarantine(&mut self, delivered: &Delivered<'_>, reason: &str) {
        let mut entry = entry(delivered, reason);
        let bytes = delivered.sent.bytes();
        entry["detail"] = json!("*");
        match String::from_utf8(bytes) {
            Ok(text) if text.len() > RECORD_BYTES_MAX => {
                entry["record_prefix"] = json!("*");
                entry["length"] = json!(text.len());
                entry["sha256"] = json!("*");
            }
            Ok(text) => entry["record"] = json!(text),
            Err(_) => entry["record_base64"] = json!("*"),
        }
        self.written.quarantine.push(entry);
    }

    fn duplicate(&mut self, delivered: &Delivered<'_>, identity: Value, first: Option<String>) {
        let mut entry = entry(delivered, "duplicate");
        entry["identity"] = identity;
        if let Some(first) = first {
            entry["first"] = json!(first);
        }
        self.written.quarantine.push(entry);
    }

    fn reroute(&mut self, delivered: &Delivered<'_>, home: u32) {
        let Origin { topic, partition, offset, timestamp_ms } = delivered.origin;
        let kind = if let Sent::Call(_) = delivered.sent { "cdr" } else { "command" };
        let record = String::from_utf8(delivered.sent.bytes()).expect("what names a tenant is text");
        let source = json!({"topic": topic_name(topic), "partition": partition, "offset": offset,
            "timestamp": time(timestamp_ms)});
        let envelope = json!({"version": 1, "kind": kind, "record": record, "source": source});
        self.written.reroute.push((home, envelope));
    }

    /// Writes the next event of a tenant whose account says what it is after it.
    fn event(&mut self, tenant: &str, kind: &str, cause: &str, body: Value) {
        self.latest_event_ms = self.clock_ms;
        let account = self.accounts.get_mut(tenant).expect("an event is of an account");
        account.seq += 1;
        let mut data = Map::new();
        data.insert("cause".into(), json!(cause));
        data.insert("balance".into(), json!(amount(account.balance())));
        let Value::Object(body) = body else { unreachable!("bodies are objects") };
        data.extend(body);
        let event = json!({"specversion": "1.0", "id": format!("{tenant}/{}", account.seq), "source": "/tollkeeper",
            "type": format!("tollkeeper.{kind}.v1"), "time": time_in_ms(self.clock_ms), "data": data});
        let is_alert = !matches!(
            kind,
            "tenant.opened"
                | "tenant.updated"
                | "tenant.closed"
                | "funds.added"
                | "recharge.configured"
                | "call.debited"
        );
        if is_alert {
            self.written.alerts.push(event.clone());
        }
        self.written.ledger.push(event);
    }
}

pub(crate) fn topic_name(topic: &str) -> String {
    format!("sim.{topic}")
}

fn entry(delivered: &Delivered<'_>, reason: &str) -> Value {
    let Origin { topic, partition, offset, timestamp_ms } = delivered.origin;
    json!({"reason": reason, "received_at": time(timestamp_ms),
        "source": {"topic": topic_name(topic), "partition": partition, "offset": offset}})
}

fn time_in_ms(ms: i64) -> String {
    format!("{:.3}", jiff::Timestamp::from_millisecond(ms).expect("a time of the simulation"))
}

/// Whether an output is what was expected; `*` stands for any text.
pub(crate) fn is_as_expected(expected: &Value, actual: &Value) -> bool {
    match (expected, actual) {
        (Value::String(any), Value::String(_)) if any == "*" => true,
        (Value::Object(expected), Value::Object(actual)) => {
            expected.len() == actual.len()
                && expected
                    .iter()
                    .all(|(name, value)| actual.get(name).is_some_and(|found| is_as_expected(value, found)))
        }
        (Value::Array(expected), Value::Array(actual)) => {
            expected.len() == actual.len() && expected.iter().zip(actual).all(|(e, a)| is_as_expected(e, a))
        }
        (expected, actual) => expected == actual,
    }
}
