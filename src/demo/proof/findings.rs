//! Closing the proof: what was not settled, and everything that has to add up, in words.

use super::Proof;
use super::accounts::Sums;
use super::report::{Finding, MoneyTally, Report, grouped, grouped_money};

impl Proof {
    /// Everything is read: what is open now is lost.
    pub(super) fn close(mut self) -> Report {
        let open: Vec<_> = self.window.open().map(|(number, slot)| (number, *slot)).collect();
        for (number, slot) in &open {
            self.lost(*number, slot);
        }
        for (id, expected) in &self.commands {
            self.faults.commands.add(|| format!("command {id} has no outcome, expected {expected:?}"));
        }
        let money = self.close_books();
        let rerouted = self.tally.commands_rerouted;
        if rerouted != self.commands_astray {
            let astray = self.commands_astray;
            self.faults.reroutes.add(|| format!("{astray} commands were sent astray, {rerouted} were sent home"));
        }
        let findings = self.findings(money);
        let blocked = u64::try_from(self.accounts.blocked()).expect("a length in memory");
        Report { findings, tally: self.tally, money, blocked }
    }

    fn close_books(&mut self) -> MoneyTally {
        let tally = match self.accounts.close() {
            Ok((Sums { added, debited, expired }, balance, faults)) => {
                for fault in faults {
                    self.faults.money.add(|| fault);
                }
                MoneyTally { added, debited, expired, balance }
            }
            Err(overflow) => {
                self.faults.money.add(|| format!("the books cannot be closed: {overflow}"));
                MoneyTally::default()
            }
        };
        if tally.debited != self.tally.amount {
            let (accounts, calls) = (tally.debited, self.tally.amount);
            self.faults.money.add(|| format!("the accounts were debited {accounts}, the calls cost {calls}"));
        }
        tally
    }

    fn findings(&mut self, money: MoneyTally) -> Vec<Finding> {
        let tally = &self.tally;
        let faults = std::mem::take(&mut self.faults);
        let n = grouped;
        let m = grouped_money;
        let recharges = &tally.recharges;
        let calls = format!(
            "{} CDRs sent, {} debited, {} duplicates, {} quarantined",
            n(tally.sent),
            n(tally.debited),
            n(tally.duplicates),
            n(tally.quarantined_in_all())
        );
        let prices = format!("{} prices computed a second time, {} USD in all", n(tally.debited), m(tally.amount));
        let reroutes = format!(
            "{} CDRs and {} commands keyed to a wrong one of {} partitions",
            n(tally.rerouted),
            n(tally.commands_rerouted),
            self.world.partitions
        );
        let commands = format!(
            "{} commands sent, {} applied, {} duplicates, {} refused",
            n(tally.commands_sent),
            n(tally.commands_applied),
            n(tally.commands_duplicate),
            n(tally.commands_refused)
        );
        let accounts = u64::try_from(self.accounts.len()).expect("a length in memory");
        let sequences = format!("{} events of {} accounts", n(self.accounts.events), n(accounts));
        let sums = format!(
            "{} added - {} debited - {} expired = {} left",
            m(money.added),
            m(money.debited),
            m(money.expired),
            m(money.balance)
        );
        let settled = format!(
            "{} recharges requested, {} succeeded ({} of them late, after a failure), {} failed, {} in flight",
            n(recharges.requested),
            n(recharges.succeeded),
            n(recharges.succeeded_late),
            n(recharges.failed - recharges.succeeded_late),
            n(recharges.in_flight)
        );
        let forms = "All records of ledger, quarantine, reroute and alerts".to_owned();
        let finding = |subject, claim, faults| Finding { subject, claim, faults };
        vec![
            finding(calls, "each has exactly one outcome, the expected one", faults.outcomes),
            finding(prices, "equal to the last digit", faults.prices),
            finding(reroutes, "each came home by one reroute", faults.reroutes),
            finding(commands, "each has exactly one outcome, the expected one", faults.commands),
            finding(sequences, "every sequence without a gap", faults.sequences),
            finding(sums, "so in every account; lines, lots and debt fit", faults.money),
            finding(settled, "each settled at most once", faults.recharges),
            finding(forms, "can be read", faults.forms),
        ]
    }
}
