//! What was done, for people and for scripts.

use std::fmt;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::core::reason::Reason;
use crate::metrics::BatchCounts;
use crate::offline::SkipCounts;

/// What was done, and how long it took.
pub(super) struct Summary<'a> {
    pub(super) counts: &'a BatchCounts,
    /// Rows of switches that hold nothing to rate; they are no records.
    pub(super) skipped: SkipCounts,
    pub(super) took: Duration,
}

impl Summary<'_> {
    /// As one object.
    pub(super) fn json(&self) -> Value {
        let quarantined: Map<String, Value> =
            self.quarantined().map(|(reason, records)| (reason.code().to_owned(), records.into())).collect();
        let amounts: Vec<Value> = self
            .counts
            .debited()
            .iter()
            .map(|(currency, amount)| json!({"currency": currency.as_str(), "amount": amount.to_string()}))
            .collect();
        let skipped: Map<String, Value> =
            self.skipped.iter().map(|(skip, rows)| (skip.code().to_owned(), rows.into())).collect();
        json!({
            "records": self.counts.cdrs(),
            "debited": self.counts.cdrs_debited,
            "duplicates": self.counts.cdrs_duplicate,
            "quarantined": quarantined,
            "skipped": skipped,
            "amounts": amounts,
            "seconds": self.took.as_secs_f64(),
            "records_per_second": self.records_per_second(),
        })
    }

    fn quarantined(&self) -> impl Iterator<Item = (Reason, u64)> {
        Reason::ALL.into_iter().zip(self.counts.cdrs_quarantined).filter(|(_, records)| *records > 0)
    }

    fn records_per_second(&self) -> u64 {
        let micros = self.took.as_micros().max(1);
        u64::try_from(u128::from(self.counts.cdrs()) * 1_000_000 / micros).unwrap_or(u64::MAX)
    }
}

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self.counts;
        writeln!(f, "{:>12} records", counts.cdrs())?;
        writeln!(f, "{:>12} debited", counts.cdrs_debited)?;
        writeln!(f, "{:>12} duplicates", counts.cdrs_duplicate)?;
        let quarantined: u64 = counts.cdrs_quarantined.iter().sum();
        writeln!(f, "{quarantined:>12} quarantined")?;
        for (reason, records) in self.quarantined() {
            writeln!(f, "{records:>12}   {reason}")?;
        }
        for (skip, rows) in self.skipped.iter() {
            writeln!(f, "{rows:>12} skipped, {}", skip.code())?;
        }
        for (currency, amount) in counts.debited() {
            writeln!(f, "{amount:>12} {currency}")?;
        }
        writeln!(f, "{:>12} records a second", self.records_per_second())
    }
}
