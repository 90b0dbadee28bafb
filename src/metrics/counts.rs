//! What happened to the records of one batch, counted without atomics on the way and published when it is committed.

use super::AccountEvent;
use crate::core::currency::Currency;
use crate::core::due::DueKind;
use crate::core::money::Money;
use crate::core::reason::{Reason, Refusal};
use crate::stream::transport::{Input, Output};

/// What became of one CDR: exactly one of these (R8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CdrOutcome {
    /// A debit, one of zero included.
    Debited,
    /// The same part of the same call again (R3).
    Duplicate,
    /// Put aside.
    Quarantined(Reason),
    /// Sent to its home partition.
    Rerouted,
}

/// What became of one command: exactly one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandOutcome {
    /// Its event is in the ledger.
    Applied,
    /// The same command again.
    Duplicate,
    /// Answered with `command.refused`.
    Refused(Refusal),
    /// Put aside.
    Quarantined(Reason),
    /// Sent to its home partition.
    Rerouted,
}

/// What can happen to a recharge (R33, R34).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RechargeState {
    /// Asked of the payment service.
    Requested,
    /// Settled: a lot was added.
    Succeeded,
    /// Settled without money.
    Failed,
    /// Auto-recharge is off until someone acts.
    Suspended,
    /// No answer has come; its status was asked for.
    StatusRequested,
    /// Still no answer; a person was asked.
    Unresolved,
    /// A cap made it smaller, or left none.
    Capped,
    /// A settlement that belongs to no recharge: money somewhere.
    Unmatched,
}

impl RechargeState {
    /// All states.
    pub const ALL: [RechargeState; 8] = [
        RechargeState::Requested,
        RechargeState::Succeeded,
        RechargeState::Failed,
        RechargeState::Suspended,
        RechargeState::StatusRequested,
        RechargeState::Unresolved,
        RechargeState::Capped,
        RechargeState::Unmatched,
    ];

    /// The label.
    pub fn name(self) -> &'static str {
        match self {
            RechargeState::Requested => "requested",
            RechargeState::Succeeded => "succeeded",
            RechargeState::Failed => "failed",
            RechargeState::Suspended => "suspended",
            RechargeState::StatusRequested => "status_requested",
            RechargeState::Unresolved => "unresolved",
            RechargeState::Capped => "capped",
            RechargeState::Unmatched => "unmatched",
        }
    }
}

/// The counts of one batch. It is thrown away with a batch that is aborted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BatchCounts {
    /// Records taken from each input, by [`Input::index`].
    pub read: [u64; Input::ALL.len()],
    /// Records published to each output, by [`Output::index`].
    pub written: [u64; Output::ALL.len()],
    /// CDRs that were debited.
    pub cdrs_debited: u64,
    /// CDRs that were duplicates.
    pub cdrs_duplicate: u64,
    /// CDRs put aside, by place in [`Reason::ALL`].
    pub cdrs_quarantined: [u64; Reason::ALL.len()],
    /// CDRs sent to their home partition.
    pub cdrs_rerouted: u64,
    /// Commands that were applied.
    pub commands_applied: u64,
    /// Commands that were duplicates.
    pub commands_duplicate: u64,
    /// Commands that were refused, by place in [`Refusal::ALL`].
    pub commands_refused: [u64; Refusal::ALL.len()],
    /// Commands put aside, by place in [`Reason::ALL`].
    pub commands_quarantined: [u64; Reason::ALL.len()],
    /// Commands sent to their home partition.
    pub commands_rerouted: u64,
    /// Debits that nobody could price and that were made free (R9).
    pub free_calls: u64,
    /// What happened to recharges, by place in [`RechargeState::ALL`].
    pub recharges: [u64; RechargeState::ALL.len()],
    /// Times that a tenant was blocked.
    pub blocks: u64,
    /// Times that a block ended.
    pub unblocks: u64,
    /// Rare events of accounts, by place in [`AccountEvent::ALL`].
    pub account_events: [u64; AccountEvent::ALL.len()],
    /// Work that was due and done, by place in [`DueKind::ALL`].
    pub due_work: [u64; DueKind::ALL.len()],
    /// Exact sums of the debits. A currency stands there twice if one sum would reach the limit of an amount.
    debited: Vec<(Currency, Money)>,
}

impl BatchCounts {
    /// Counts a record taken from an input. Every one is also counted by [`Self::add_cdr`] or [`Self::add_command`].
    pub fn add_read(&mut self, input: Input) {
        self.read[input.index()] += 1;
    }

    /// Counts records published to an output.
    pub fn add_written(&mut self, output: Output, records: u64) {
        self.written[output.index()] += records;
    }

    /// Counts what became of a CDR.
    pub fn add_cdr(&mut self, outcome: CdrOutcome) {
        *match outcome {
            CdrOutcome::Debited => &mut self.cdrs_debited,
            CdrOutcome::Duplicate => &mut self.cdrs_duplicate,
            CdrOutcome::Quarantined(reason) => &mut self.cdrs_quarantined[reason as usize],
            CdrOutcome::Rerouted => &mut self.cdrs_rerouted,
        } += 1;
    }

    /// Counts what became of a command.
    pub fn add_command(&mut self, outcome: CommandOutcome) {
        *match outcome {
            CommandOutcome::Applied => &mut self.commands_applied,
            CommandOutcome::Duplicate => &mut self.commands_duplicate,
            CommandOutcome::Refused(refusal) => &mut self.commands_refused[refusal as usize],
            CommandOutcome::Quarantined(reason) => &mut self.commands_quarantined[reason as usize],
            CommandOutcome::Rerouted => &mut self.commands_rerouted,
        } += 1;
    }

    /// Adds the amount of a debit.
    pub fn add_debited(&mut self, currency: Currency, amount: Money) {
        let sum = self.debited.iter_mut().rev().find(|(code, _)| *code == currency);
        match sum.map(|(_, sum)| (sum.checked_add(amount), sum)) {
            Some((Ok(total), sum)) => *sum = total,
            Some((Err(_), _)) | None => self.debited.push((currency, amount)),
        }
    }

    /// Counts what happened to a recharge.
    pub fn add_recharge(&mut self, state: RechargeState) {
        self.recharges[state as usize] += 1;
    }

    /// Counts a rare event of an account.
    pub fn add_account_event(&mut self, event: AccountEvent) {
        self.account_events[event as usize] += 1;
    }

    /// Counts a piece of work that was due.
    pub fn add_due_work(&mut self, kind: DueKind) {
        self.due_work[kind as usize] += 1;
    }

    /// The sums of the debits.
    pub fn debited(&self) -> &[(Currency, Money)] {
        &self.debited
    }

    /// Records taken from all inputs.
    pub fn records_read(&self) -> u64 {
        self.read.iter().sum()
    }

    /// Outcomes given to CDRs and commands: law 1 says that they are as many as the records read.
    pub fn outcomes(&self) -> u64 {
        self.cdrs() + self.commands()
    }

    /// CDRs with an outcome.
    pub fn cdrs(&self) -> u64 {
        let quarantined: u64 = self.cdrs_quarantined.iter().sum();
        self.cdrs_debited + self.cdrs_duplicate + quarantined + self.cdrs_rerouted
    }

    /// Commands with an outcome.
    pub fn commands(&self) -> u64 {
        let refused: u64 = self.commands_refused.iter().sum();
        let quarantined: u64 = self.commands_quarantined.iter().sum();
        self.commands_applied + self.commands_duplicate + refused + quarantined + self.commands_rerouted
    }

    /// Adds another batch to this one.
    pub fn merge(&mut self, other: &BatchCounts) {
        add_each(&mut self.read, &other.read);
        add_each(&mut self.written, &other.written);
        self.cdrs_debited += other.cdrs_debited;
        self.cdrs_duplicate += other.cdrs_duplicate;
        add_each(&mut self.cdrs_quarantined, &other.cdrs_quarantined);
        self.cdrs_rerouted += other.cdrs_rerouted;
        self.commands_applied += other.commands_applied;
        self.commands_duplicate += other.commands_duplicate;
        add_each(&mut self.commands_refused, &other.commands_refused);
        add_each(&mut self.commands_quarantined, &other.commands_quarantined);
        self.commands_rerouted += other.commands_rerouted;
        self.free_calls += other.free_calls;
        add_each(&mut self.recharges, &other.recharges);
        self.blocks += other.blocks;
        self.unblocks += other.unblocks;
        add_each(&mut self.account_events, &other.account_events);
        add_each(&mut self.due_work, &other.due_work);
        other.debited.iter().for_each(|(currency, amount)| self.add_debited(*currency, *amount));
    }
}

fn add_each<const N: usize>(sums: &mut [u64; N], more: &[u64; N]) {
    sums.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usd() -> Currency {
        "USD".parse().unwrap()
    }

    fn eur() -> Currency {
        "EUR".parse().unwrap()
    }

    /// The arrays are indexed by discriminant and read in the order of `ALL`.
    #[test]
    fn discriminants_are_places_in_the_lists() {
        assert!(Reason::ALL.iter().enumerate().all(|(place, reason)| *reason as usize == place));
        assert!(Refusal::ALL.iter().enumerate().all(|(place, refusal)| *refusal as usize == place));
        assert!(RechargeState::ALL.iter().enumerate().all(|(place, state)| *state as usize == place));
        assert!(AccountEvent::ALL.iter().enumerate().all(|(place, event)| *event as usize == place));
        assert!(DueKind::ALL.iter().enumerate().all(|(place, kind)| *kind as usize == place));
    }

    #[test]
    fn every_outcome_is_counted_once() {
        let mut counts = BatchCounts::default();
        let reasons = Reason::ALL.map(CdrOutcome::Quarantined);
        for outcome in reasons.into_iter().chain([CdrOutcome::Debited, CdrOutcome::Duplicate, CdrOutcome::Rerouted]) {
            let before = counts.cdrs();
            counts.add_cdr(outcome);
            assert_eq!(counts.cdrs(), before + 1, "{outcome:?}");
        }
        let refusals = Refusal::ALL.map(CommandOutcome::Refused);
        let rest = [CommandOutcome::Applied, CommandOutcome::Duplicate, CommandOutcome::Rerouted];
        for outcome in refusals.into_iter().chain(rest).chain(Reason::ALL.map(CommandOutcome::Quarantined)) {
            let before = counts.commands();
            counts.add_command(outcome);
            assert_eq!(counts.commands(), before + 1, "{outcome:?}");
        }
    }

    #[test]
    fn merged_batches_count_as_one() {
        let mut first = BatchCounts::default();
        first.add_read(Input::Cdrs);
        first.add_written(Output::Ledger, 2);
        first.add_cdr(CdrOutcome::Debited);
        first.add_debited(usd(), "0.25".parse().unwrap());
        let mut second = BatchCounts::default();
        second.add_read(Input::Commands);
        second.add_command(CommandOutcome::Refused(Refusal::TooOld));
        second.add_recharge(RechargeState::Failed);
        second.add_debited(usd(), "0.026".parse().unwrap());
        second.add_debited(eur(), "1".parse().unwrap());
        first.merge(&second);
        assert_eq!(first.records_read(), 2);
        assert_eq!(first.outcomes(), 2);
        assert_eq!(first.debited(), [(usd(), "0.276".parse().unwrap()), (eur(), "1".parse().unwrap())]);
    }

    #[test]
    fn a_sum_at_the_limit_of_an_amount_loses_nothing() {
        let most: Money = "999999999999999".parse().unwrap();
        let mut counts = BatchCounts::default();
        counts.add_debited(usd(), most);
        counts.add_debited(usd(), most);
        assert_eq!(counts.debited(), [(usd(), most), (usd(), most)]);
    }
}
