//! What an audit has found, for people and for scripts.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Value, json};

use super::Place;
use super::books::Sums;
use crate::offline::figure::Figure;

/// Records that are no events and are told one by one; the others are counted.
const UNREADABLE_TOLD_MAX: usize = 10;

/// What a fault breaks. The codes are stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Law {
    /// The event is of the form that the engine writes (R41).
    Form,
    /// All events of a tenant are in its home partition.
    Partition,
    /// Sequence numbers begin at 1 and have no gap and no repeat (R40).
    Sequence,
    /// Ids of lots and recharges, and the causes of debits, come from where they are made (R41).
    Ids,
    /// No part of a call, no command and no payment takes effect twice (law 2).
    Cause,
    /// A recharge is settled once, as it was requested (R34).
    Recharge,
    /// What was corrected of a call is the sum of its corrections, and it is voided once (R37).
    Corrections,
    /// The lines of a charge sum to its debit (law 4).
    Lines,
    /// Lots are drawn oldest first and hold what is drawn; lots and debt sum to the amount (R31).
    Lots,
    /// added - debited - expired + adjusted = the balance that the event states (R42, law 4).
    Balance,
    /// The engine's fold gives what the amounts give (law 3).
    Fold,
}

impl Law {
    /// All laws.
    pub const ALL: [Law; 11] = [
        Law::Form,
        Law::Partition,
        Law::Sequence,
        Law::Ids,
        Law::Cause,
        Law::Recharge,
        Law::Corrections,
        Law::Lines,
        Law::Lots,
        Law::Balance,
        Law::Fold,
    ];

    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Law::Form => "form",
            Law::Partition => "partition",
            Law::Sequence => "sequence",
            Law::Ids => "ids",
            Law::Cause => "cause",
            Law::Recharge => "recharge",
            Law::Corrections => "corrections",
            Law::Lines => "lines",
            Law::Lots => "lots",
            Law::Balance => "balance",
            Law::Fold => "fold",
        }
    }
}

impl fmt::Display for Law {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// One fault: the first of its tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where the event stands.
    pub place: Place,
    /// Its id; `None` where it could not be read.
    pub event: Option<String>,
    /// What it breaks.
    pub law: Law,
    /// How.
    pub detail: String,
}

impl Fault {
    fn json(&self) -> Value {
        let mut fault = match &self.place {
            Place::Line { file, line } => json!({"file": &**file, "line": line}),
            Place::Offset { partition, offset } => json!({"partition": partition.0, "offset": offset}),
        };
        if let Some(event) = &self.event {
            fault["event"] = event.as_str().into();
        }
        fault["law"] = self.law.code().into();
        fault["detail"] = self.detail.as_str().into();
        fault
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.place)?;
        if let Some(event) = &self.event {
            write!(f, "event {event} ")?;
        }
        write!(f, "breaks {}: {}", self.law, self.detail)
    }
}

/// Records of which nobody can tell whose they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unreadable {
    /// How many.
    pub count: u64,
    /// The first 10 of them.
    pub first: Vec<Fault>,
}

impl Unreadable {
    pub(super) fn add(&mut self, place: &Place, detail: String) {
        self.count += 1;
        if self.first.len() < UNREADABLE_TOLD_MAX {
            self.first.push(Fault { place: place.clone(), event: None, law: Law::Form, detail });
        }
    }
}

/// The money of all sound accounts of one currency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CurrencySums {
    /// How many accounts.
    pub tenants: u64,
    /// Funds by hand and by recharge.
    pub added: Figure,
    /// Debits of calls.
    pub debited: Figure,
    /// Forfeited.
    pub expired: Figure,
    /// Signed corrections.
    pub adjusted: Figure,
    /// What their last events state.
    pub balance: Figure,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Accounts: tenants that have events.
    pub tenants: u64,
    /// Events, unreadable records included.
    pub events: u64,
    /// The money of the accounts without a fault, by currency.
    pub sums: BTreeMap<String, CurrencySums>,
    /// The first fault of each tenant that has one.
    pub faults: BTreeMap<String, Fault>,
    /// What is no event at all.
    pub unreadable: Unreadable,
}

impl Report {
    pub(super) fn add(&mut self, currency: &str, account: Sums) {
        let sums = self.sums.entry(currency.to_owned()).or_default();
        sums.tenants += 1;
        sums.added += account.added;
        sums.debited += account.debited;
        sums.expired += account.expired;
        sums.adjusted += account.adjusted;
        sums.balance += account.balance();
    }

    /// No fault was found.
    pub fn adds_up(&self) -> bool {
        self.faults.is_empty() && self.unreadable.count == 0
    }

    /// As one object.
    pub fn json(&self) -> Value {
        let sums: Vec<Value> = self.sums.iter().map(|(currency, sums)| currency_json(currency, sums)).collect();
        let faults = self.faults.iter().map(|(tenant, fault)| {
            let mut json = fault.json();
            json["tenant"] = tenant.as_str().into();
            json
        });
        json!({
            "adds_up": self.adds_up(),
            "tenants": self.tenants,
            "events": self.events,
            "sums": sums,
            "faults": faults.collect::<Vec<_>>(),
            "unreadable": self.unreadable.count,
            "first_unreadable": self.unreadable.first.iter().map(Fault::json).collect::<Vec<_>>(),
        })
    }
}

fn currency_json(currency: &str, sums: &CurrencySums) -> Value {
    json!({
        "currency": currency,
        "tenants": sums.tenants,
        "added": sums.added.to_string(),
        "debited": sums.debited.to_string(),
        "expired": sums.expired.to_string(),
        "adjusted": sums.adjusted.to_string(),
        "balance": sums.balance.to_string(),
    })
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (tenant, fault) in &self.faults {
            writeln!(f, "fault  {tenant}: {fault}")?;
        }
        for fault in &self.unreadable.first {
            writeln!(f, "fault  {fault}")?;
        }
        let told = u64::try_from(self.unreadable.first.len()).expect("a few");
        if self.unreadable.count > told {
            writeln!(f, "       and {} more records that are no events", self.unreadable.count - told)?;
        }
        writeln!(f, "{:>12} tenants", self.tenants)?;
        writeln!(f, "{:>12} events", self.events)?;
        for (currency, sums) in &self.sums {
            let CurrencySums { tenants, added, debited, expired, adjusted, balance } = sums;
            writeln!(
                f,
                "{tenants:>12} in {currency}: {added} added - {debited} debited - {expired} expired + {adjusted} adjusted = \
                 {balance}"
            )?;
        }
        if self.adds_up() {
            return writeln!(f, "It adds up.");
        }
        let (faulty, unreadable) = (self.faults.len(), self.unreadable.count);
        writeln!(f, "It does not add up: tenants with a fault {faulty}, records that are no events {unreadable}.")
    }
}
