//! What changes when one price list replaces another.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::deck_text::row_json;
use crate::core::band::TimeBands;
use crate::core::currency::Currency;
use crate::core::deck::{Deck, Row};
use crate::core::money::Rate;
use crate::core::price::Price;

/// How a prefix differs between two lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChangeKind {
    /// Only the later list has it in force. A shorter prefix may have priced its numbers before.
    Added,
    /// Only the earlier list has it in force. A shorter prefix may price its numbers now, or none.
    Removed,
    /// No call costs less, and some cost more.
    Dearer,
    /// No call costs more, and some cost less.
    Cheaper,
    /// Some calls may cost more and some less; or it is denied, or no longer; or it is called or classed otherwise.
    Changed,
}

impl ChangeKind {
    /// All kinds.
    pub const ALL: [ChangeKind; 5] =
        [ChangeKind::Added, ChangeKind::Removed, ChangeKind::Dearer, ChangeKind::Cheaper, ChangeKind::Changed];

    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            ChangeKind::Added => "added",
            ChangeKind::Removed => "removed",
            ChangeKind::Dearer => "dearer",
            ChangeKind::Cheaper => "cheaper",
            ChangeKind::Changed => "changed",
        }
    }
}

/// A prefix that is not the same in both lists.
#[derive(Clone, Copy, Debug)]
pub struct Change<'d> {
    /// How it differs.
    pub kind: ChangeKind,
    /// What the earlier list says of it.
    pub before: Option<&'d Row>,
    /// What the later list says of it.
    pub after: Option<&'d Row>,
}

impl<'d> Change<'d> {
    /// The row that names the prefix.
    pub fn row(&self) -> &'d Row {
        self.after.or(self.before).expect("one of the lists has it")
    }
}

/// The differences between what two price lists have in force at one time.
#[derive(Debug)]
pub struct DeckDiff<'d> {
    /// The earlier list.
    pub before: &'d Deck,
    /// The later list.
    pub after: &'d Deck,
    /// When both are looked at.
    pub at: Timestamp,
    /// By prefix.
    pub changes: Vec<Change<'d>>,
    /// Prefixes that are the same in both.
    pub unchanged: usize,
}

/// The lists are in different currencies: nothing can be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the first list is in {before} and the second in {after}: prices cannot be compared")]
pub struct OtherCurrency {
    /// Of the earlier list.
    pub before: Currency,
    /// Of the later list.
    pub after: Currency,
}

/// When all of a list has begun: `now`, or later where it or a row of it is in force only then.
pub fn begun_at(deck: &Deck, now: Timestamp) -> Timestamp {
    let rows = deck.rows().iter().filter_map(|row| row.effective_from);
    rows.chain(deck.header().effective_from).fold(now, Timestamp::max)
}

/// Compares what two lists have in force at a time, prefix by prefix.
///
/// # Errors
/// [`OtherCurrency`].
pub fn diff<'d>(before: &'d Deck, after: &'d Deck, at: Timestamp) -> Result<DeckDiff<'d>, OtherCurrency> {
    if before.currency() != after.currency() {
        return Err(OtherCurrency { before: before.currency(), after: after.currency() });
    }
    let mut rows: BTreeMap<&str, [Option<&Row>; 2]> = BTreeMap::new();
    for (place, deck) in [before, after].into_iter().enumerate() {
        for row in deck.rows().iter().filter(|row| row.is_in_force(at)) {
            rows.entry(&row.prefix).or_default()[place] = Some(row);
        }
    }
    let mut changes = Vec::new();
    let mut unchanged = 0;
    for [before, after] in rows.into_values() {
        let kind = match (before, after) {
            (Some(before), Some(after)) => compare(before, after),
            (None, _) => Some(ChangeKind::Added),
            (_, None) => Some(ChangeKind::Removed),
        };
        match kind {
            Some(kind) => changes.push(Change { kind, before, after }),
            None => unchanged += 1,
        }
    }
    Ok(DeckDiff { before, after, at, changes, unchanged })
}

/// `None`: nothing differs.
fn compare(before: &Row, after: &Row) -> Option<ChangeKind> {
    let same_texts =
        before.destination == after.destination && before.country == after.country && before.kind == after.kind;
    if before.denied || after.denied {
        return (before.denied != after.denied || !same_texts).then_some(ChangeKind::Changed);
    }
    match compare_prices(&before.price, &after.price) {
        Some(Ordering::Equal) => (!same_texts).then_some(ChangeKind::Changed),
        Some(Ordering::Less) => Some(ChangeKind::Dearer),
        Some(Ordering::Greater) => Some(ChangeKind::Cheaper),
        None => Some(ChangeKind::Changed),
    }
}

/// The order of two prices if it is the same for every call; `None` if it is not.
fn compare_prices(before: &Price, after: &Price) -> Option<Ordering> {
    let rate = match (before.rate, after.rate) {
        (Some(before), Some(after)) => before.cmp(&after),
        (None, None) => Ordering::Equal,
        _ => return None,
    };
    let parts = [
        rate,
        compare_bands(before.bands.as_deref(), after.bands.as_deref())?,
        before.connect_fee.cmp(&after.connect_fee),
        before.minimum_charge.cmp(&after.minimum_charge),
        compare_increments(before, after)?,
    ];
    all_agree(parts)
}

fn all_agree(parts: impl IntoIterator<Item = Ordering>) -> Option<Ordering> {
    parts.into_iter().try_fold(Ordering::Equal, |all, part| match (all, part) {
        (Ordering::Equal, part) => Some(part),
        (all, part) => (part == Ordering::Equal || part == all).then_some(all),
    })
}

/// Only bands at the same hours can be compared.
fn compare_bands(before: Option<&TimeBands>, after: Option<&TimeBands>) -> Option<Ordering> {
    let by_hours = |bands: Option<&TimeBands>| -> BTreeMap<String, Rate> {
        bands.iter().flat_map(|bands| bands.all()).map(|(band, rate)| (band.to_string(), *rate)).collect()
    };
    let (before, after) = (by_hours(before), by_hours(after));
    if !before.keys().eq(after.keys()) {
        return None;
    }
    all_agree(before.values().zip(after.values()).map(|(before, after)| before.cmp(after)))
}

/// Increments whose ends are all ends of the other's increments bill as much as those or more, for every duration.
fn compare_increments(before: &Price, after: &Price) -> Option<Ordering> {
    // An initial increment of 0: all increments alike (F11).
    let first_end =
        |price: &Price| if price.initial_increment == 0 { price.increment.get() } else { price.initial_increment };
    let ends_are_among = |coarse: &Price, fine: &Price| {
        let step = fine.increment.get();
        first_end(coarse).checked_sub(first_end(fine)).is_some_and(|more| more.is_multiple_of(step))
            && coarse.increment.get().is_multiple_of(step)
    };
    match (ends_are_among(after, before), ends_are_among(before, after)) {
        (true, true) => Some(Ordering::Equal),
        (true, false) => Some(Ordering::Less),
        (false, true) => Some(Ordering::Greater),
        (false, false) => None,
    }
}

impl DeckDiff<'_> {
    /// How many prefixes differ so.
    pub fn count(&self, kind: ChangeKind) -> usize {
        self.of_kind(kind).count()
    }

    /// The prefixes that differ so.
    pub fn of_kind(&self, kind: ChangeKind) -> impl Iterator<Item = &Change<'_>> {
        self.changes.iter().filter(move |change| change.kind == kind)
    }

    /// The counts and all rows that differ, as one object.
    pub fn json(&self) -> Value {
        let counts: BTreeMap<&str, usize> = ChangeKind::ALL.map(|kind| (kind.code(), self.count(kind))).into();
        let rows: Vec<Value> = self
            .changes
            .iter()
            .map(|change| {
                json!({
                    "change": change.kind.code(),
                    "before": change.before.map(row_json),
                    "after": change.after.map(row_json),
                })
            })
            .collect();
        json!({
            "before": &**self.before.label(),
            "after": &**self.after.label(),
            "currency": self.after.currency().as_str(),
            "at": self.at.to_string(),
            "counts": counts,
            "unchanged": self.unchanged,
            "rows": rows,
        })
    }
}

#[cfg(test)]
mod tests;
