//! Closing the proof: what was not settled, and everything that has to add up, in words.

use std::sync::Arc;

use super::accounts::Sums;
use super::report::{Faults, Finding, MoneyTally, Report, grouped, grouped_money};
use super::{AllFaults, Proof};
use crate::core::money::Money;

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
        let AllFaults { outcomes, prices, reroutes, commands, sequences, money: sums, recharges, forms } =
            std::mem::take(&mut self.faults);
        let n = grouped;
        let expected = |money: Money| grouped_money(money);
        let accounts = u64::try_from(self.accounts.len()).expect("a length in memory");
        let finding = |text: String, faults: Faults| Finding { text, faults };
        let recharged = &tally.recharges;
        let world = Arc::clone(&self.world);
        vec![
            finding(
                format!(
                    "{} CDRs sent: {} debited once, {} recognised as duplicates, {} quarantined for the expected reason",
                    n(tally.sent),
                    n(tally.debited),
                    n(tally.duplicates),
                    n(tally.quarantined_in_all()),
                ),
                outcomes,
            ),
            finding(
                format!(
                    "{} prices computed a second time, {} USD in all: equal to the last digit",
                    n(tally.debited),
                    expected(tally.amount),
                ),
                prices,
            ),
            finding(
                format!(
                    "{} CDRs and {} commands sent astray: each came home to one of {} partitions by one reroute",
                    n(tally.rerouted),
                    n(tally.commands_rerouted),
                    world.partitions,
                ),
                reroutes,
            ),
            finding(
                format!(
                    "{} commands sent: {} applied, {} recognised as duplicates, {} refused for the expected reason",
                    n(tally.commands_sent),
                    n(tally.commands_applied),
                    n(tally.commands_duplicate),
                    n(tally.commands_refused),
                ),
                commands,
            ),
            finding(
                format!("{} events of {} accounts: every sequence without a gap", n(self.accounts.events), n(accounts)),
                sequences,
            ),
            finding(
                format!(
                    "{} added - {} debited - {} expired = {} of balances; lines, lots and debt fit in each",
                    expected(money.added),
                    expected(money.debited),
                    expected(money.expired),
                    expected(money.balance),
                ),
                sums,
            ),
            finding(
                format!(
                    "{} recharges requested: {} succeeded ({} of them late, after they had failed), {} failed for good, \
                     {} in flight",
                    n(recharged.requested),
                    n(recharged.succeeded),
                    n(recharged.succeeded_late),
                    n(recharged.failed - recharged.succeeded_late),
                    n(recharged.in_flight),
                ),
                recharges,
            ),
            finding("every record of the logs can be read".to_owned(), forms),
        ]
    }
}
