//! What was done before and must not be done again: calls, commands, payments, recharges of one tenant.
//!
//! It forgets when the engine does: a call id is free again when the acceptance window and a day have passed since its last debit,
//! a command id after [`COMMAND_MEMORY`]. So its size is that of one window, however long the ledger is.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use xxhash_rust::xxh3::xxh3_128;

use super::record::Record;
use super::{Breach, Law};
use crate::core::command::COMMAND_MEMORY;
use crate::core::entry::{PAYMENT_MEMORY, RECHARGE_MEMORY};
use crate::offline::figure::Figure;

const SECONDS_PER_HOUR: i64 = 3_600;
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// The memory of one tenant.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// By a hash of the call id that is wide enough to be unique.
    calls: HashMap<u128, LastPart>,
    commands: HashMap<Box<str>, Once>,
    payments: HashMap<Box<str>, Once>,
    /// By the sequence number of the request.
    recharges: HashMap<u64, Recharge>,
    pruned_at: Option<Timestamp>,
}

#[derive(Debug)]
struct LastPart {
    part: u32,
    is_final: bool,
    /// Whole hours since the epoch, as the engine counts an identity's age.
    hour: i64,
    seq: u64,
}

#[derive(Debug)]
struct Once {
    at: Timestamp,
    seq: u64,
}

#[derive(Debug)]
struct Recharge {
    amount: Figure,
    state: State,
    last_at: Timestamp,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    Requested,
    Failed,
    Succeeded,
}

impl Memory {
    /// Whether the event repeats one; remembers it.
    pub(super) fn take(&mut self, record: &Record<'_>, window: SignedDuration) -> Result<(), Breach> {
        let now = record.time()?;
        self.prune(window, now);
        match record.kind() {
            "call.debited" => self.debit(record, window, now)?,
            "call.voided" if record.releases_identity() => {
                self.calls.remove(&xxh3_128(record.call_id()?.as_bytes()));
            }
            "recharge.requested" => {
                let request = Recharge { amount: record.amount()?, state: State::Requested, last_at: now };
                self.recharges.insert(record.seq(), request);
            }
            "recharge.succeeded" | "recharge.failed" => self.settle(record, now)?,
            _ => {}
        }
        if record.is_of_command() {
            let cause = record.cause()?;
            once(&mut self.commands, cause, COMMAND_MEMORY, Once { at: now, seq: record.seq() }, "command")?;
        }
        if let ("funds.added", Some(reference)) = (record.kind(), record.payment_reference()) {
            once(&mut self.payments, reference, PAYMENT_MEMORY, Once { at: now, seq: record.seq() }, "payment")?;
        }
        Ok(())
    }

    /// Parts rise, and nothing comes after the final one (R3).
    fn debit(&mut self, record: &Record<'_>, window: SignedDuration, now: Timestamp) -> Result<(), Breach> {
        let (call_id, part) = (record.call_id()?, record.part());
        let (key, hour) = (xxh3_128(call_id.as_bytes()), hour_of(now));
        if let Some(last) = self.calls.get(&key)
            && is_remembered(last.hour, window, hour)
            && (last.is_final || part <= last.part)
        {
            let detail = format!("part {part} of call {call_id} was debited before, at number {}", last.seq);
            return Err(Breach::new(Law::Cause, detail));
        }
        let is_final = record.is_final();
        self.calls.insert(key, LastPart { part, is_final, hour, seq: record.seq() });
        Ok(())
    }

    /// A recharge is settled after it was requested, with its amount, and moves money once (R34).
    fn settle(&mut self, record: &Record<'_>, now: Timestamp) -> Result<(), Breach> {
        let wrong = |detail: String| Breach::new(Law::Recharge, detail);
        let id = record.recharge_id()?;
        let request = id.rsplit_once("/r").and_then(|(_, seq)| seq.parse().ok());
        let Some(recharge) = request.and_then(|seq: u64| self.recharges.get_mut(&seq)) else {
            return Err(wrong(format!("{id} was not requested")));
        };
        let state = if record.kind() == "recharge.succeeded" { State::Succeeded } else { State::Failed };
        if recharge.state == State::Succeeded || recharge.state == state {
            return Err(wrong(format!("{id} was settled before")));
        }
        let amount = record.amount()?;
        if amount != recharge.amount {
            return Err(wrong(format!("{id} was requested with {}, and settled with {amount}", recharge.amount)));
        }
        (recharge.state, recharge.last_at) = (state, now);
        Ok(())
    }

    /// Once in a day of the account's clock.
    fn prune(&mut self, window: SignedDuration, now: Timestamp) {
        if self.pruned_at.is_some_and(|at| now.duration_since(at) < DAY) {
            return;
        }
        let hour = hour_of(now);
        self.pruned_at = Some(now);
        self.calls.retain(|_, last| is_remembered(last.hour, window, hour));
        self.commands.retain(|_, applied| now.duration_since(applied.at) < COMMAND_MEMORY);
        self.payments.retain(|_, booked| now.duration_since(booked.at) < PAYMENT_MEMORY);
        self.recharges.retain(|_, recharge| now.duration_since(recharge.last_at) < RECHARGE_MEMORY);
    }
}

fn once(
    known: &mut HashMap<Box<str>, Once>,
    id: &str,
    memory: SignedDuration,
    now: Once,
    what: &str,
) -> Result<(), Breach> {
    if let Some(before) = known.get(id).filter(|before| now.at.duration_since(before.at) < memory) {
        return Err(Breach::new(Law::Cause, format!("{what} {id} was applied before, at number {}", before.seq)));
    }
    known.insert(id.into(), now);
    Ok(())
}

fn hour_of(at: Timestamp) -> i64 {
    at.as_second().div_euclid(SECONDS_PER_HOUR)
}

fn is_remembered(hour: i64, window: SignedDuration, now: i64) -> bool {
    now <= hour + window.as_hours() + DAY.as_hours()
}
