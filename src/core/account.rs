//! One tenant's prepaid account: the fold of its events, and nothing else.
//!
//! [`Account::apply`] is the only thing that changes an account, in live work, recovery and audit alike. It decides
//! nothing: it first checks that the event continues this very state, and then nothing can fail.

use std::sync::Arc;

use jiff::Timestamp;
use smallvec::SmallVec;

use super::event::{Classes, Debit, Draw, Event, EventBody, Funds, LotId};
use super::money::{Money, Overflow};
use super::recharge::{InFlight, Month, RechargeId, Recharging};
use super::tenant::{TenantId, TenantSettings};

/// A tenant's account as of one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Whose.
    pub tenant: TenantId,
    /// The sequence number of the last event.
    pub seq: u64,
    /// The time of the last event.
    pub as_of: Timestamp,
    /// As opened and updated.
    pub settings: Arc<TenantSettings>,
    /// When it was closed, if it was.
    pub closed_at: Option<Timestamp>,
    /// What is left of each purchase, oldest first; none is empty.
    pub lots: SmallVec<[Lot; 2]>,
    /// How far the balance is below zero; zero while a lot is left.
    pub debt: Money,
    /// Auto-recharge.
    pub recharging: Recharging,
    /// The classes that must not be set up; `None`: not blocked.
    pub blocked: Option<Classes>,
    /// All money that ever went through it.
    pub totals: Totals,
}

/// What is left of one purchase of funds (R30).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lot {
    /// The event that added it.
    pub id: LotId,
    /// Above zero.
    pub remaining: Money,
    /// When it was added.
    pub purchased_at: Timestamp,
    /// When what is left of it is forfeited.
    pub expires_at: Timestamp,
}

/// Sums over all events: added - debited - expired + adjusted = balance (law 4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Funds by hand and by recharge.
    pub added: Money,
    /// Debits of calls.
    pub debited: Money,
    /// Forfeited.
    pub expired: Money,
    /// Signed corrections.
    pub adjusted: Money,
}

/// An event does not continue the state it is applied to: a law is broken, the account must be frozen.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// Events are missing or out of order.
    #[error("the sequence has a gap: {expected} was expected, {found} came")]
    SequenceGap {
        /// One more than the last.
        expected: u64,
        /// What the event has.
        found: u64,
    },
    /// `tenant.opened` for an account that is open, or something else for one that is not.
    #[error("an account begins with tenant.opened, once")]
    Opening,
    /// The event's balance is not what its amounts make of the last one.
    #[error("the balance would be {computed}, the event says {stated}")]
    Balance {
        /// From the state and the event's amounts.
        computed: Money,
        /// In the event.
        stated: Money,
    },
    /// The lines of a charge do not sum to its debit.
    #[error("the lines of the charge sum to {lines}, the debit is {amount}")]
    Lines {
        /// The sum of the lines.
        lines: Money,
        /// The debit.
        amount: Money,
    },
    /// The draws and the debt of a debit, or the parts of an addition, do not sum to its amount, or a lot does not hold
    /// what is drawn from it.
    #[error("the money drawn or added does not add up at lot {lot}")]
    Lots {
        /// Where it was noticed.
        lot: LotId,
    },
    /// A sum reached the limit of F22.
    #[error("a sum reached 10^15")]
    Overflow,
}

impl From<Overflow> for Broken {
    fn from(_: Overflow) -> Broken {
        Broken::Overflow
    }
}

impl Account {
    /// The account that `tenant.opened` opens.
    ///
    /// # Errors
    /// [`Broken`] where the event is not the first of an account.
    pub fn opened(event: &Event<'_>) -> Result<Account, Broken> {
        let EventBody::TenantOpened { settings, .. } = &event.body else { return Err(Broken::Opening) };
        if event.seq != 1 {
            return Err(Broken::SequenceGap { expected: 1, found: event.seq });
        }
        let computed = Money::ZERO;
        if event.balance != computed {
            return Err(Broken::Balance { computed, stated: event.balance });
        }
        Ok(Account {
            tenant: TenantId::new(&event.tenant).ok_or(Broken::Opening)?,
            seq: event.seq,
            as_of: event.time,
            settings: Arc::new(settings.clone()),
            closed_at: None,
            lots: SmallVec::new(),
            debt: Money::ZERO,
            recharging: Recharging::default(),
            blocked: None,
            totals: Totals::default(),
        })
    }

    /// What is left of all lots, less debt (R31).
    pub fn balance(&self) -> Money {
        let lots = self.lots.iter().try_fold(Money::ZERO, |sum, lot| sum.checked_add(lot.remaining));
        lots.and_then(|sum| sum.checked_sub(self.debt)).expect("checked when the last event was applied")
    }

    /// The balance after `body`.
    ///
    /// # Errors
    /// [`Overflow`] where it would reach the limit of F22.
    pub fn balance_after(&self, body: &EventBody<'_>) -> Result<Money, Overflow> {
        match body {
            EventBody::CallDebited(debit) => self.balance().checked_sub(debit.amount),
            EventBody::FundsExpired { amount, .. } => self.balance().checked_sub(*amount),
            EventBody::FundsAdded { funds, .. } | EventBody::RechargeSucceeded { funds, .. } => {
                self.balance().checked_add(funds.amount)
            }
            _ => Ok(self.balance()),
        }
    }

    /// Takes one event over.
    ///
    /// # Errors
    /// [`Broken`] where the event does not continue this state; nothing is changed then.
    pub fn apply(&mut self, event: &Event<'_>) -> Result<(), Broken> {
        let totals = self.check(event)?;
        // Nothing below can fail.
        self.seq = event.seq;
        self.as_of = event.time;
        self.totals = totals;
        match &event.body {
            EventBody::TenantOpened { .. } => unreachable!("refused by the check"),
            EventBody::TenantUpdated { settings, .. } => self.settings = Arc::new(settings.clone()),
            EventBody::TenantClosed { .. } => self.closed_at = Some(event.time),
            EventBody::FundsAdded { funds, .. } => {
                self.add(LotId(event.seq), event.time, funds);
                self.recharging.suspended = false;
            }
            EventBody::FundsExpired { lot, amount } => self.draw(*lot, *amount),
            EventBody::RechargeConfigured { settings, .. } => {
                self.recharging.settings = Some(Arc::new(settings.clone()));
                self.recharging.suspended = false;
            }
            EventBody::RechargeRequested { attempt, amount, .. } => {
                let request = InFlight {
                    id: RechargeId(event.seq),
                    amount: *amount,
                    attempt: *attempt,
                    requested_at: event.time,
                };
                self.recharging.begin(request);
            }
            EventBody::RechargeSucceeded { recharge, requested_at, funds, .. } => {
                self.recharging.succeed(*recharge, *requested_at, funds.amount);
                self.add(LotId(event.seq), event.time, funds);
            }
            EventBody::RechargeFailed { recharge, requested_at, amount, .. } => {
                self.recharging.fail(*recharge, *requested_at, *amount);
            }
            EventBody::RechargeSuspended { .. } => self.recharging.suspended = true,
            EventBody::RechargeCapped { recharge: None, .. } => {
                self.recharging.month_at(Month::of(event.time)).capped = true;
            }
            EventBody::RechargeCapped { recharge: Some(_), .. } | EventBody::SettlementUnmatched { .. } => {}
            EventBody::CallDebited(debit) => {
                for draw in &debit.lots {
                    self.draw(draw.lot, draw.amount);
                }
                self.debt = self.debt.checked_add(debit.debt).expect("checked with the balance");
            }
            EventBody::TenantBlocked { classes } => self.blocked = Some(*classes),
            EventBody::TenantUnblocked => self.blocked = None,
        }
        Ok(())
    }

    /// Whether the event continues this state, and the totals after it.
    fn check(&self, event: &Event<'_>) -> Result<Totals, Broken> {
        if event.seq != self.seq + 1 {
            return Err(Broken::SequenceGap { expected: self.seq + 1, found: event.seq });
        }
        let mut totals = self.totals;
        match &event.body {
            EventBody::TenantOpened { .. } => return Err(Broken::Opening),
            EventBody::CallDebited(debit) => {
                self.check_debit(debit)?;
                totals.debited = totals.debited.checked_add(debit.amount)?;
            }
            EventBody::FundsExpired { lot, amount } => {
                self.check_draw(*lot, *amount)?;
                totals.expired = totals.expired.checked_add(*amount)?;
            }
            EventBody::FundsAdded { funds, .. } | EventBody::RechargeSucceeded { funds, .. } => {
                if !funds.amount.is_positive() || funds.debt_repaid != funds.amount.min(self.debt) {
                    return Err(Broken::Lots { lot: LotId(event.seq) });
                }
                totals.added = totals.added.checked_add(funds.amount)?;
            }
            _ => {}
        }
        let computed = self.balance_after(&event.body)?;
        if computed != event.balance {
            return Err(Broken::Balance { computed, stated: event.balance });
        }
        Ok(totals)
    }

    fn check_debit(&self, debit: &Debit<'_>) -> Result<(), Broken> {
        let lines = debit.lines.iter().try_fold(Money::ZERO, |sum, line| sum.checked_add(line.amount))?;
        if lines != debit.amount {
            return Err(Broken::Lines { lines, amount: debit.amount });
        }
        let mut drawn = debit.debt;
        // First in, first out, so the ids rise: and no lot is named twice, which would be checked as if it were full.
        if let Some(pair) = debit.lots.windows(2).find(|pair| pair[0].lot >= pair[1].lot) {
            return Err(Broken::Lots { lot: pair[1].lot });
        }
        for draw in &debit.lots {
            self.check_draw(draw.lot, draw.amount)?;
            drawn = drawn.checked_add(draw.amount)?;
        }
        if drawn != debit.amount || debit.debt.is_negative() {
            return Err(Broken::Lots { lot: debit.lots.last().map_or(LotId(0), |draw| draw.lot) });
        }
        // There is no debt while a lot has money (R31): so the balance bounds the debt too.
        let is_emptied = |lot: &&Lot| debit.lots.contains(&Draw { lot: lot.id, amount: lot.remaining });
        match self.lots.iter().find(|lot| !is_emptied(lot)) {
            Some(lot) if debit.debt.is_positive() => Err(Broken::Lots { lot: lot.id }),
            _ => Ok(()),
        }
    }

    fn check_draw(&self, lot: LotId, amount: Money) -> Result<(), Broken> {
        let held = self.lots.iter().find(|held| held.id == lot).map_or(Money::ZERO, |held| held.remaining);
        if amount.is_positive() && amount <= held { Ok(()) } else { Err(Broken::Lots { lot }) }
    }

    fn draw(&mut self, lot: LotId, amount: Money) {
        let place = self.lots.iter().position(|held| held.id == lot).expect("the check has seen the lot");
        let held = &mut self.lots[place];
        held.remaining = held.remaining.checked_sub(amount).expect("the check has seen what the lot holds");
        if held.remaining.is_zero() {
            self.lots.remove(place);
        }
    }

    /// Repays debt and appends the rest as a lot. Sequence numbers rise and the clock never goes back, so the end is the
    /// place of the youngest.
    fn add(&mut self, id: LotId, purchased_at: Timestamp, funds: &Funds) {
        self.debt = self.debt.checked_sub(funds.debt_repaid).expect("the check has seen the debt");
        let remaining = funds.amount.checked_sub(funds.debt_repaid).expect("the check has seen the amount");
        if remaining.is_positive() {
            self.lots.push(Lot { id, remaining, purchased_at, expires_at: funds.expires_at });
        }
    }
}

#[cfg(test)]
mod tests;
