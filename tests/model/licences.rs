//! Licences, as the list of all that was ever said of them.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::time::{self, Month};

/// `licences.set`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The clock at it.
    pub at: Timestamp,
    /// Of which plan.
    pub plan: String,
    /// Where.
    pub country: String,
    /// The new total.
    pub quantity: u64,
}

/// Which licences feed a pool: all of a plan, or those in some countries.
#[derive(Clone, Copy, Debug)]
pub struct Feed<'f> {
    pub plan: &'f str,
    /// `None`: anywhere.
    pub countries: Option<&'f [String]>,
}

impl Feed<'_> {
    fn has(&self, change: &Change) -> bool {
        change.plan == self.plan && self.countries.is_none_or(|countries| countries.contains(&change.country))
    }

    /// F12, A3: the largest sum at any moment of a month; what is carried in counts.
    pub fn peak(&self, changes: &[Change], month: &Month) -> u64 {
        let begin = time::begin(time::first_day(month));
        let end = time::begin(time::first_day(&time::next_month(month)));
        let mut now: BTreeMap<&str, u64> = BTreeMap::new();
        let mut peak = 0;
        for change in changes.iter().filter(|change| self.has(change)) {
            now.insert(&change.country, change.quantity);
            let sum = now.values().sum();
            if change.at < begin {
                peak = sum;
            } else if change.at < end {
                peak = peak.max(sum);
            }
        }
        peak
    }

    /// The sum that was set last.
    pub fn now(&self, changes: &[Change]) -> u64 {
        let mut now: BTreeMap<&str, u64> = BTreeMap::new();
        for change in changes.iter().filter(|change| self.has(change)) {
            now.insert(&change.country, change.quantity);
        }
        now.values().sum()
    }
}

/// Plans and countries of which licences were ever set.
pub fn places(changes: &[Change]) -> Vec<(String, String)> {
    let mut places: Vec<(String, String)> =
        changes.iter().map(|change| (change.plan.clone(), change.country.clone())).collect();
    places.sort();
    places.dedup();
    places
}
