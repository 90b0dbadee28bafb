//! The accounts, folded once more from the ledger: sequences, lots, debt and sums, by nothing of the engine's.

use std::collections::{BTreeMap, HashMap};

use crate::core::event::{Debit, Event, EventBody, Funds};
use crate::core::money::{Money, Overflow};

/// All accounts.
#[derive(Debug, Default)]
pub struct Accounts {
    by_tenant: HashMap<String, Account, ahash::RandomState>,
    /// Events folded.
    pub events: u64,
}

/// Sums of one account, or of all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Added by hand and by recharges.
    pub added: Money,
    /// Debited.
    pub debited: Money,
    /// Forfeited.
    pub expired: Money,
}

/// Recharges by state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RechargeTally {
    /// Asked for.
    pub requested: u64,
    /// Lots added.
    pub succeeded: u64,
    /// Of these, after they had failed.
    pub succeeded_late: u64,
    /// Refused by the payment service.
    pub failed: u64,
    /// Neither yet.
    pub in_flight: u64,
}

#[derive(Debug, Default)]
struct Account {
    seq: u64,
    sums: Sums,
    /// What is left of each lot, by the number of the event that added it: the oldest first.
    lots: BTreeMap<u64, Money>,
    debt: Money,
    balance: Money,
    blocked: bool,
    recharges: HashMap<u64, Recharge>,
}

/// A recharge that can still be settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Recharge {
    InFlight,
    Failed,
}

/// What is wrong with an event, by what it breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Breach {
    /// The sequence has a gap or a repeat.
    Sequence(String),
    /// Money moved otherwise than the event says.
    Money(String),
    /// A recharge that was not asked for, or was settled before.
    Recharge(String),
}

impl Accounts {
    /// Folds one event; says what is wrong with it. Goes on from what it says, so that one fault is told once.
    pub fn fold(&mut self, event: &Event<'_>, recharges: &mut RechargeTally) -> Vec<Breach> {
        self.events += 1;
        if !self.by_tenant.contains_key(&*event.tenant) {
            self.by_tenant.insert(event.tenant.to_string(), Account::default());
        }
        let account = self.by_tenant.get_mut(&*event.tenant).expect("inserted just now");
        let mut breaches = Vec::new();
        let expected = account.seq + 1;
        if event.seq != expected || (expected == 1) != matches!(event.body, EventBody::TenantOpened { .. }) {
            let found = format!("{}: event {} where {expected} comes next", event.tenant, event.seq);
            breaches.push(Breach::Sequence(format!("{found} (cause {})", event.cause)));
        }
        account.seq = event.seq;
        match account.money(event) {
            Ok(()) if account.balance == event.balance => {}
            Ok(()) => {
                let (tenant, seq, cause) = (&event.tenant, event.seq, &event.cause);
                let (own, said) = (account.balance, event.balance);
                breaches
                    .push(Breach::Money(format!("{tenant}/{seq} (cause {cause}): balance {said}, sums give {own}")));
                account.balance = event.balance;
            }
            Err(detail) => {
                let (tenant, seq, cause) = (&event.tenant, event.seq, &event.cause);
                breaches.push(Breach::Money(format!("{tenant}/{seq} (cause {cause}): {detail}")));
                account.balance = event.balance;
            }
        }
        breaches.extend(account.recharge(event, recharges).map(Breach::Recharge));
        match event.body {
            EventBody::TenantBlocked { .. } => account.blocked = true,
            EventBody::TenantUnblocked => account.blocked = false,
            _ => {}
        }
        breaches
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_tenant.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_tenant.is_empty()
    }

    /// Accounts that are blocked.
    pub fn blocked(&self) -> usize {
        self.by_tenant.values().filter(|account| account.blocked).count()
    }

    /// Closes the books: all sums and balances, and every account in which they do not fit together.
    pub fn close(&self) -> Result<(Sums, Money, Vec<String>), Overflow> {
        let (mut all, mut balances, mut faults) = (Sums::default(), Money::ZERO, Vec::new());
        for (tenant, account) in &self.by_tenant {
            let Sums { added, debited, expired } = account.sums;
            all.added = all.added.checked_add(added)?;
            all.debited = all.debited.checked_add(debited)?;
            all.expired = all.expired.checked_add(expired)?;
            balances = balances.checked_add(account.balance)?;
            let by_sums = added.checked_sub(debited)?.checked_sub(expired)?;
            let by_lots = account.by_lots()?;
            if by_sums != account.balance || by_lots != account.balance {
                let balance = account.balance;
                faults.push(format!("{tenant}: balance {balance}, by its sums {by_sums}, by its lots {by_lots}"));
            }
        }
        faults.sort();
        Ok((all, balances, faults))
    }
}

impl Account {
    /// Moves the money as the event says, oldest lot first.
    fn money(&mut self, event: &Event<'_>) -> Result<(), String> {
        let text = |overflow: Overflow| overflow.to_string();
        match &event.body {
            EventBody::CallDebited(debit) => {
                self.sums.debited = self.sums.debited.checked_add(debit.amount).map_err(text)?;
                self.balance = self.balance.checked_sub(debit.amount).map_err(text)?;
                self.draw(debit)
            }
            EventBody::FundsAdded { funds, .. } | EventBody::RechargeSucceeded { funds, .. } => {
                self.sums.added = self.sums.added.checked_add(funds.amount).map_err(text)?;
                self.balance = self.balance.checked_add(funds.amount).map_err(text)?;
                self.add(event.seq, funds)
            }
            EventBody::FundsExpired { lot, amount } => {
                self.sums.expired = self.sums.expired.checked_add(*amount).map_err(text)?;
                self.balance = self.balance.checked_sub(*amount).map_err(text)?;
                match self.lots.remove(&lot.0) {
                    Some(left) if left == *amount => Ok(()),
                    left => Err(format!("{lot} forfeits {amount}, left of it is {left:?}")),
                }
            }
            _ => Ok(()),
        }
    }

    fn draw(&mut self, debit: &Debit<'_>) -> Result<(), String> {
        let text = |overflow: Overflow| overflow.to_string();
        let mut lines = Money::ZERO;
        for line in &debit.lines {
            lines = lines.checked_add(line.amount).map_err(text)?;
        }
        if lines != debit.amount {
            return Err(format!("the lines sum to {lines}, the debit is {}", debit.amount));
        }
        let mut paid = debit.debt;
        for draw in &debit.lots {
            paid = paid.checked_add(draw.amount).map_err(text)?;
            let Some(mut oldest) = self.lots.first_entry().filter(|lot| *lot.key() == draw.lot.0) else {
                return Err(format!("{} is drawn from and is not the oldest lot", draw.lot));
            };
            let left = oldest.get().checked_sub(draw.amount).map_err(text)?;
            if left.is_negative() {
                return Err(format!("{} is drawn from by {}, and has {}", draw.lot, draw.amount, oldest.get()));
            }
            if left.is_zero() {
                oldest.remove();
            } else {
                oldest.insert(left);
            }
        }
        if paid != debit.amount {
            return Err(format!("lots and debt paid {paid}, the debit is {}", debit.amount));
        }
        if !debit.debt.is_zero() && !self.lots.is_empty() {
            return Err("there is new debt while a lot is left".to_owned());
        }
        self.debt = self.debt.checked_add(debit.debt).map_err(text)?;
        Ok(())
    }

    fn add(&mut self, seq: u64, funds: &Funds) -> Result<(), String> {
        let text = |overflow: Overflow| overflow.to_string();
        let owed = self.debt.min(funds.amount);
        if funds.debt_repaid != owed {
            return Err(format!("repays {} of a debt of {}", funds.debt_repaid, self.debt));
        }
        self.debt = self.debt.checked_sub(owed).map_err(text)?;
        let left = funds.amount.checked_sub(owed).map_err(text)?;
        if left.is_positive() {
            self.lots.insert(seq, left);
        }
        Ok(())
    }

    fn by_lots(&self) -> Result<Money, Overflow> {
        let lots = self.lots.values().try_fold(Money::ZERO, |sum, lot| sum.checked_add(*lot))?;
        lots.checked_sub(self.debt)
    }

    fn recharge(&mut self, event: &Event<'_>, tally: &mut RechargeTally) -> Option<String> {
        match &event.body {
            EventBody::RechargeRequested { .. } => {
                tally.requested += 1;
                tally.in_flight += 1;
                self.recharges.insert(event.seq, Recharge::InFlight);
                None
            }
            EventBody::RechargeSucceeded { recharge, .. } => {
                tally.succeeded += 1;
                match self.recharges.remove(&recharge.0) {
                    Some(Recharge::InFlight) => tally.in_flight -= 1,
                    Some(Recharge::Failed) => tally.succeeded_late += 1,
                    None => {
                        return Some(format!("{} succeeded twice, or was never asked for", recharge.of(&event.tenant)));
                    }
                }
                None
            }
            EventBody::RechargeFailed { recharge, .. } => {
                tally.failed += 1;
                if self.recharges.insert(recharge.0, Recharge::Failed) != Some(Recharge::InFlight) {
                    return Some(format!("{} failed and was not in flight", recharge.of(&event.tenant)));
                }
                tally.in_flight -= 1;
                None
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use jiff::Timestamp;

    use super::*;
    use crate::core::event::{Cause, LotId};

    fn event(seq: u64, balance: &str, body: EventBody<'static>) -> Event<'static> {
        let (tenant, cause) = (Cow::Borrowed("contoso"), Cause::Written("c-1".into()));
        Event { tenant, seq, time: Timestamp::UNIX_EPOCH, cause, balance: balance.parse().unwrap(), body }
    }

    fn expired(seq: u64, balance: &str, lot: u64, amount: &str) -> Event<'static> {
        event(seq, balance, EventBody::FundsExpired { lot: LotId(lot), amount: amount.parse().unwrap() })
    }

    /// An account at event 2, with one lot of 10.
    fn funded() -> Accounts {
        let account = Account {
            seq: 2,
            sums: Sums { added: "10".parse().unwrap(), ..Sums::default() },
            lots: BTreeMap::from([(2, "10".parse().unwrap())]),
            balance: "10".parse().unwrap(),
            ..Account::default()
        };
        Accounts { by_tenant: [("contoso".to_owned(), account)].into_iter().collect(), events: 2 }
    }

    #[test]
    fn each_breach_is_told_by_what_it_breaks() {
        type IsThat = fn(&[Breach]) -> bool;
        let cases: [(&str, Event<'static>, IsThat); 5] = [
            ("sound", expired(3, "0", 2, "10"), |found| found.is_empty()),
            ("a gap", expired(4, "0", 2, "10"), |found| matches!(found, [Breach::Sequence(_)])),
            ("a repeat", expired(2, "0", 2, "10"), |found| matches!(found, [Breach::Sequence(_)])),
            ("a wrong balance", expired(3, "1", 2, "10"), |found| matches!(found, [Breach::Money(_)])),
            ("a lot that is not there", expired(3, "0", 9, "10"), |found| matches!(found, [Breach::Money(_)])),
        ];
        for (name, event, is_that) in cases {
            let found = funded().fold(&event, &mut RechargeTally::default());
            assert!(is_that(&found), "{name}: {found:?}");
        }
    }

    #[test]
    fn books_that_do_not_fit_together_are_named() {
        let mut accounts = funded();
        let (sums, balance, faults) = accounts.close().unwrap();
        assert_eq!((sums.added, balance, faults.len()), ("10".parse().unwrap(), "10".parse().unwrap(), 0));
        accounts.by_tenant.get_mut("contoso").unwrap().debt = "1".parse().unwrap();
        let (_, _, faults) = accounts.close().unwrap();
        assert_eq!(faults, ["contoso: balance 10.00, by its sums 10.00, by its lots 9.00"]);
    }
}
