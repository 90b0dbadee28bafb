//! What a re-rating has found, for people and for scripts.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{Left, Terms};
use crate::core::money::Money;
use crate::offline::figure::Figure;

/// Calls that are left alone and are told one by one; the others are counted.
const LEFT_TOLD_MAX: usize = 10;
/// What is said under every report.
const NOTE: &str =
    "Pools are not dealt out anew: plans, pool minutes and free calls are as they were, only prices are new.";

/// Whose calls, and where to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RowKey {
    /// Whose.
    pub tenant: String,
    /// Of the account.
    pub currency: String,
    /// As the debits name it.
    pub destination: String,
}

/// What calls cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// Calls that were priced.
    pub calls: u64,
    /// Of these, with another price than before.
    pub changed: u64,
    /// What they have cost: debits less what was given back.
    pub before: Figure,
    /// What they cost by the catalog.
    pub after: Figure,
}

impl Row {
    fn add(&mut self, other: Row) {
        self.calls += other.calls;
        self.changed += other.changed;
        self.before += other.before;
        self.after += other.after;
    }

    fn write_to(self, json: &mut Value) {
        json["calls"] = self.calls.into();
        json["changed"] = self.changed.into();
        json["before"] = self.before.to_string().into();
        json["after"] = self.after.to_string().into();
        json["difference"] = (self.after - self.before).to_string().into();
    }
}

/// A call that is left as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftAlone {
    /// Whose.
    pub tenant: String,
    /// Which.
    pub call_id: String,
    /// Why.
    pub left: Left,
    /// What exactly.
    pub detail: String,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    from: Timestamp,
    to: Timestamp,
    catalog: String,
    /// Calls that were free and stay so.
    pub free: u64,
    /// Calls that cost more than before.
    pub dearer: u64,
    /// Calls that cost less.
    pub cheaper: u64,
    /// The calls that were priced, by tenant and destination.
    pub rows: BTreeMap<RowKey, Row>,
    /// How many calls are left as they are, by why.
    pub left: BTreeMap<Left, u64>,
    /// The first 10 of them.
    pub left_first: Vec<LeftAlone>,
}

impl Report {
    pub(super) fn new(terms: &Terms, catalog: &str) -> Report {
        Report {
            from: terms.from,
            to: terms.to,
            catalog: catalog.to_owned(),
            free: 0,
            dearer: 0,
            cheaper: 0,
            rows: BTreeMap::new(),
            left: BTreeMap::new(),
            left_first: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, key: RowKey, before: Money, after: Money) {
        self.dearer += u64::from(after > before);
        self.cheaper += u64::from(after < before);
        let call =
            Row { calls: 1, changed: u64::from(after != before), before: Figure::of(before), after: Figure::of(after) };
        self.rows.entry(key).or_default().add(call);
    }

    pub(super) fn leave(&mut self, call: LeftAlone) {
        *self.left.entry(call.left).or_default() += 1;
        if self.left_first.len() < LEFT_TOLD_MAX {
            self.left_first.push(call);
        }
    }

    /// Calls with another price than before.
    pub fn changed(&self) -> u64 {
        self.dearer + self.cheaper
    }

    /// All calls that were priced, by currency.
    pub fn sums(&self) -> BTreeMap<&str, Row> {
        let mut sums: BTreeMap<&str, Row> = BTreeMap::new();
        for (key, row) in &self.rows {
            sums.entry(&*key.currency).or_default().add(*row);
        }
        sums
    }

    /// As one object; `corrections`: what became of them.
    pub fn json(&self, corrections: &str) -> Value {
        let rows = self.rows.iter().map(|(key, row)| {
            let mut json = json!({"tenant": key.tenant, "currency": key.currency, "destination": key.destination});
            row.write_to(&mut json);
            json
        });
        let sums = self.sums().into_iter().map(|(currency, row)| {
            let mut json = json!({"currency": currency});
            row.write_to(&mut json);
            json
        });
        let left: Map<String, Value> =
            self.left.iter().map(|(left, calls)| (left.code().to_owned(), (*calls).into())).collect();
        let left_first = self.left_first.iter().map(|call| {
            json!({"tenant": call.tenant, "call_id": call.call_id, "reason": call.left.code(), "detail": call.detail})
        });
        json!({
            "from": self.from.to_string(),
            "to": self.to.to_string(),
            "catalog": self.catalog,
            "dearer": self.dearer,
            "cheaper": self.cheaper,
            "free": self.free,
            "sums": sums.collect::<Vec<_>>(),
            "rows": rows.collect::<Vec<_>>(),
            "left": left,
            "left_first": left_first.collect::<Vec<_>>(),
            "corrections": corrections,
            "note": NOTE,
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let changed = || self.rows.iter().filter(|(_, row)| row.changed > 0);
        let width = |of: fn(&RowKey) -> usize, least: usize| changed().map(|(key, _)| of(key)).fold(least, usize::max);
        let tenant = width(|key| key.tenant.chars().count(), 6);
        let destination = width(|key| key.destination.chars().count(), 11);
        if changed().next().is_some() {
            let heads = ["calls", "changed", "before", "after", "difference"];
            write!(f, "{:tenant$}  {:destination$}", "tenant", "destination")?;
            writeln!(f, "{:>9}{:>9}{:>14}{:>14}{:>14}", heads[0], heads[1], heads[2], heads[3], heads[4])?;
        }
        for (key, row) in changed() {
            let Row { calls, changed, before, after } = row;
            let difference = *after - *before;
            write!(f, "{:tenant$}  {:destination$}", key.tenant, key.destination)?;
            writeln!(f, "{calls:>9}{changed:>9}{before:>14}{after:>14}{difference:>14} {}", key.currency)?;
        }
        for call in &self.left_first {
            writeln!(f, "left   {} of {}: {}: {}", call.call_id, call.tenant, call.left.code(), call.detail)?;
        }
        writeln!(f, "calls that started from {} to {}:", self.from, self.to)?;
        let priced: u64 = self.rows.values().map(|row| row.calls).sum();
        writeln!(f, "{priced:>12} priced, of these {} dearer and {} cheaper than before", self.dearer, self.cheaper)?;
        writeln!(f, "{:>12} free, as before", self.free)?;
        for (left, calls) in &self.left {
            writeln!(f, "{calls:>12} left as they are: {}", left.code())?;
        }
        for (currency, Row { before, after, .. }) in self.sums() {
            writeln!(f, "{:>12} {currency} in all: {before} before, {after} after", after - before)?;
        }
        writeln!(f, "{NOTE}")
    }
}
