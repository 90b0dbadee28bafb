//! What the proof says at the end, line by line.

use crate::core::money::Money;
use crate::core::reason::Reason;
use crate::metrics::Metrics;

/// Faults of one kind that are told in full; of the others, how many there are.
const FAULTS_TOLD: usize = 5;

/// Faults of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// How many there are.
    pub count: u64,
    /// The first of them, in words.
    pub first: Vec<String>,
}

impl Faults {
    /// Notes a fault.
    pub fn add(&mut self, fault: impl FnOnce() -> String) {
        self.count += 1;
        if self.first.len() < FAULTS_TOLD {
            self.first.push(fault());
        }
    }
}

/// One thing that adds up, or does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at, with its numbers.
    pub subject: String,
    /// What has to be true of it.
    pub claim: &'static str,
    /// None, if it adds up.
    pub faults: Faults,
}

/// The proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// All that was looked at.
    pub findings: Vec<Finding>,
    /// What came out, for the summary.
    pub tally: Tally,
    /// Sums over all accounts.
    pub money: MoneyTally,
    /// Accounts that are blocked at the end.
    pub blocked: u64,
}

impl Report {
    /// Compares the engine's own counts with what is in the logs.
    pub fn compare_with_metrics(&mut self, metrics: &Metrics) {
        let exposition = metrics.exposition();
        let mut faults = Faults::default();
        let compared = [
            (r#"tollkeeper_cdrs_total{outcome="debited""#, self.tally.debited),
            (r#"tollkeeper_cdrs_total{outcome="duplicate""#, self.tally.duplicates),
            (r#"tollkeeper_cdrs_total{outcome="quarantined""#, self.tally.quarantined_in_all()),
            (r#"tollkeeper_cdrs_total{outcome="rerouted""#, self.tally.rerouted),
            (r#"tollkeeper_commands_total{outcome="applied""#, self.tally.commands_applied),
            (r#"tollkeeper_commands_total{outcome="duplicate""#, self.tally.commands_duplicate),
            (r#"tollkeeper_commands_total{outcome="refused""#, self.tally.commands_refused),
            ("tollkeeper_laws_violated_total{", 0),
        ];
        for (series, found) in compared {
            let counted = sum_of(&exposition, series);
            if counted != found {
                faults.add(|| format!("{series}...}} is {counted}, the logs have {found}"));
            }
        }
        let subject = "The engine's own metrics".to_owned();
        self.findings.push(Finding { subject, claim: "count what is in the logs, and no law was violated", faults });
    }

    /// Whether everything adds up.
    pub fn adds_up(&self) -> bool {
        self.findings.iter().all(|finding| finding.faults.count == 0)
    }
}

/// Sums over all accounts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MoneyTally {
    /// Added.
    pub added: Money,
    /// Debited.
    pub debited: Money,
    /// Forfeited.
    pub expired: Money,
    /// What is left.
    pub balance: Money,
}

/// What was counted, while it goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Records of `cdrs` that were announced.
    pub sent: u64,
    /// Records with their outcome.
    pub settled: u64,
    /// Of these, debited.
    pub debited: u64,
    /// Of these, debited with more than nothing.
    pub paid: u64,
    /// Duplicates.
    pub duplicates: u64,
    /// Put aside, by place in [`Reason::ALL`].
    pub quarantined: [u64; Reason::ALL.len()],
    /// Sent on to their home partition.
    pub rerouted: u64,
    /// Commands that were announced.
    pub commands_sent: u64,
    /// Commands with their outcome.
    pub commands_settled: u64,
    /// Of these, applied.
    pub commands_applied: u64,
    /// Of these, duplicates.
    pub commands_duplicate: u64,
    /// Of these, refused.
    pub commands_refused: u64,
    /// Commands sent on to their home partition.
    pub commands_rerouted: u64,
    /// Recharges.
    pub recharges: super::accounts::RechargeTally,
    /// Blocks, and their ends.
    pub blocks: u64,
    /// Ends of blocks.
    pub unblocks: u64,
    /// The sum of the debits.
    pub amount: Money,
}

impl Tally {
    /// Records put aside, whatever the reason.
    pub fn quarantined_in_all(&self) -> u64 {
        self.quarantined.iter().sum()
    }
}

/// The sum of all series that begin so.
fn sum_of(exposition: &str, series: &str) -> u64 {
    let values = exposition.lines().filter(|line| line.starts_with(series)).filter_map(|line| line.rsplit_once(' '));
    values.filter_map(|(_, value)| value.parse::<u64>().ok()).sum()
}

/// `1234567` as `1,234,567`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// An amount with two decimals or more, its whole part grouped.
pub fn grouped_money(amount: Money) -> String {
    let text = amount.to_string();
    let (sign, plain) = text.strip_prefix('-').map_or(("", &*text), |plain| ("-", plain));
    let (whole, decimals) = plain.split_once('.').unwrap_or((plain, "00"));
    format!("{sign}{}.{decimals}", grouped(whole.parse().unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_three() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), text);
        }
        assert_eq!(grouped_money("-1234.5".parse().unwrap()), "-1,234.50");
    }
}
