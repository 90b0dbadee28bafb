//! What was done before and must not be done again: calls, commands, payments, recharges, corrections of one tenant.
//!
//! It forgets when the engine does: a call id is free again when the acceptance window and a day have passed since its last debit,
//! a command id after [`COMMAND_MEMORY`], a correction after [`CORRECTION_MEMORY`]. So its size is that of one window, however long the ledger is.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use xxhash_rust::xxh3::xxh3_128;

use super::record::Record;
use super::{Breach, Law};
use crate::core::command::COMMAND_MEMORY;
use crate::core::entry::{CORRECTION_MEMORY, PAYMENT_MEMORY, RECHARGE_MEMORY};
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
    /// By a hash of the call id, and the sequence number of the call's first debit.
    corrections: HashMap<(u128, u64), Corrected>,
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
struct Corrected {
    /// Signed.
    given_back: Figure,
    voided: bool,
    last_at: Timestamp,
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
            "call.voided" => {
                self.correct(record, now)?;
                if record.releases_identity() {
                    self.calls.remove(&xxh3_128(record.call_id()?.as_bytes()));
                }
            }
            "balance.adjusted" => self.correct(record, now)?,
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

    /// Corrections of a call add up, and a void is the last of them that gives anything back.
    fn correct(&mut self, record: &Record<'_>, now: Timestamp) -> Result<(), Breach> {
        let wrong = |detail: String| Breach::new(Law::Corrections, detail);
        let Some((call_id, first)) = record.corrects() else { return Ok(()) };
        let none = Corrected { given_back: Figure::ZERO, voided: false, last_at: now };
        let corrected = self.corrections.entry((xxh3_128(call_id.as_bytes()), first)).or_insert(none);
        let is_void = record.kind() == "call.voided";
        if is_void && corrected.voided {
            return Err(wrong(format!("call {call_id} was voided before")));
        }
        let (sum, stated) = (corrected.given_back + record.amount()?, record.corrected()?);
        if sum != stated {
            return Err(wrong(format!("{sum} was given back of call {call_id}, the event says {stated}")));
        }
        *corrected = Corrected { given_back: sum, voided: corrected.voided || is_void, last_at: now };
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
        self.corrections.retain(|_, corrected| now.duration_since(corrected.last_at) < CORRECTION_MEMORY);
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const WEEK: SignedDuration = SignedDuration::from_hours(7 * 24);

    /// What becomes of events, one after another: the first fault, or none.
    fn first_fault(events: &[(&str, Value)]) -> Option<String> {
        let mut memory = Memory::default();
        for ((kind, data), seq) in events.iter().zip(1..) {
            let id = format!("contoso/{seq}");
            let kind = format!("tollkeeper.{kind}.v1");
            let event = json!({"id": id, "type": kind, "time": "2026-11-20T10:00:00Z", "data": data}).to_string();
            let record = Record::read(event.as_bytes()).expect("an event");
            if let Err(Breach { law, detail }) = memory.take(&record, WEEK) {
                return Some(format!("{seq} {law}: {detail}"));
            }
        }
        None
    }

    #[test]
    fn r37_the_corrections_of_a_call_add_up_and_it_is_voided_once() {
        let adjusted = |amount: &str, corrected: &str, first: u64| {
            let data = json!({"amount": amount, "corrected": corrected, "corrects": "c-1", "debits": [first, 9]});
            ("balance.adjusted", data)
        };
        let voided = |amount: &str, corrected: &str| {
            let data = json!({"amount": amount, "corrected": corrected, "call_id": "c-1", "debits": [5]});
            ("call.voided", data)
        };
        let by_hand = ("balance.adjusted", json!({"amount": "7.00"}));
        let sound = [adjusted("0.10", "0.10", 5), by_hand, adjusted("-0.30", "-0.20", 5), voided("0.45", "0.25")];
        assert_eq!(first_fault(&sound), None);
        assert_eq!(first_fault(&[adjusted("0.10", "0.10", 5), adjusted("0.20", "0.20", 6)]), None, "of another call");
        let cases = [
            (
                vec![adjusted("0.10", "0.10", 5), adjusted("0.10", "0.10", 5)],
                "2 corrections: 0.20 was given back of call c-1, the event says 0.10",
            ),
            (vec![voided("0.25", "0.25"), voided("0.00", "0.25")], "2 corrections: call c-1 was voided before"),
        ];
        for (events, fault) in cases {
            assert_eq!(first_fault(&events).as_deref(), Some(fault));
        }
    }

    #[test]
    fn r2_parts_rise_and_a_released_identity_is_free() {
        let debit =
            |part: u64, is_final: bool| ("call.debited", json!({"call_id": "c-1", "part": part, "final": is_final}));
        let released = ("call.voided", json!({"call_id": "c-1", "release": true}));
        assert_eq!(first_fault(&[debit(0, false), debit(3, false), debit(4, true), released, debit(0, true)]), None);
        let fault = "2 cause: part 3 of call c-1 was debited before, at number 1";
        assert_eq!(first_fault(&[debit(3, false), debit(3, true)]).as_deref(), Some(fault));
    }
}
