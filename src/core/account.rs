//! One tenant's prepaid account: the fold of its events, and nothing else.
//!
//! [`Account::apply`] is the only thing that changes an account, in live work, recovery and audit alike. It decides
//! nothing: it first checks that the event continues this very state, and then nothing can fail.

use std::sync::Arc;

use jiff::Timestamp;
use smallvec::SmallVec;

use super::allotments::Allotments;
use super::event::{AdjustedMoney, Adjustment, Blocked, Debit, Draw, Event, EventBody, Funds, LotId, Void};
use super::money::{Money, Overflow};
use super::month::{Day, Month};
use super::recharge::{InFlight, RechargeId, Recharging, Retry};
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
    /// What must not be set up; `None`: not blocked.
    pub blocked: Option<Arc<Blocked>>,
    /// Licences and the use of shared pools; `None`: never any.
    pub allotments: Option<Arc<Allotments>>,
    /// Some user had a spend limit at some time; while none ever had, nobody looks for one.
    pub has_limits: bool,
    /// What the calls of a day cost that were charged on it.
    pub today: Spend,
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

/// What the calls of one UTC day cost, as far as they were charged on that very day: what the ceiling counts (R38, F21).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spend {
    /// The day.
    pub day: Day,
    /// In money; 0 or more.
    pub amount: Money,
}

impl Spend {
    /// The spend on `day`.
    pub fn on(&self, day: Day) -> Money {
        if self.day == day { self.amount } else { Money::ZERO }
    }

    fn add(&mut self, day: Day, amount: Money) {
        // The sum of all debits is checked, and this is a part of it.
        let sum = self.on(day).checked_add(amount).unwrap_or(self.amount);
        *self = Spend { day, amount: if sum.is_negative() { Money::ZERO } else { sum } };
    }
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
            allotments: None,
            has_limits: false,
            today: Spend { day: Day::of(event.time), amount: Money::ZERO },
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
            EventBody::BalanceAdjusted(adjustment) => self.balance().checked_add(adjustment.amount()),
            EventBody::CallVoided(void) => self.balance().checked_add(void.amount),
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
            EventBody::LicencesSet { plan, usage_country, union, quantity, .. } => {
                let feed = union.as_deref().unwrap_or(usage_country.as_str());
                self.allotments_mut().set_licences(plan, *usage_country, feed, *quantity, Month::of(event.time));
            }
            EventBody::UserLimitSet { .. } => self.has_limits = true,
            EventBody::FundsAdded { funds, .. } => {
                self.add(LotId(event.seq), event.time, funds);
                self.recharging.suspended = false;
                self.recharging.retry = None;
            }
            EventBody::FundsExpired { lot, amount } => self.draw(*lot, *amount),
            EventBody::BalanceAdjusted(adjustment) => match &adjustment.money {
                AdjustedMoney::Added(funds) => self.add(LotId(event.seq), event.time, funds),
                AdjustedMoney::Taken { lots, debt, .. } => self.draw_all(lots, *debt),
            },
            EventBody::CallVoided(void) => self.give_back(event, void),
            EventBody::RechargeConfigured { settings, .. } => {
                self.recharging.settings = Some(Arc::new(settings.clone()));
                self.recharging.suspended = false;
                self.recharging.retry = None;
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
            EventBody::RechargeFailed { recharge, attempt, requested_at, amount, next_at, .. } => {
                let retry = next_at.map(|at| Retry { failed: *recharge, attempt: attempt.saturating_add(1), at });
                self.recharging.fail(*recharge, *requested_at, *amount, retry);
            }
            EventBody::RechargeSuspended { .. } => self.recharging.suspended = true,
            EventBody::RechargeCapped { recharge: None, .. } => {
                self.recharging.month_at(Month::of(event.time)).capped = true;
            }
            EventBody::CallDebited(debit) => self.debit(event, debit),
            EventBody::TenantBlocked(blocked) => self.blocked = Some(Arc::new(blocked.clone())),
            EventBody::TenantUnblocked => self.blocked = None,
            EventBody::PoolThresholdReached { pool, month, threshold, user: None, .. } => {
                self.allotments_mut().notice(pool, *month, *threshold);
            }
            EventBody::PoolThresholdReached { user: Some(_), .. }
            | EventBody::RechargeCapped { recharge: Some(_), .. }
            | EventBody::RechargeStatusRequested { .. }
            | EventBody::RechargeUnresolved { .. }
            | EventBody::SettlementUnmatched { .. }
            | EventBody::FundsExpiring { .. }
            | EventBody::UserBlocked { .. }
            | EventBody::UserUnblocked { .. }
            | EventBody::BalanceLow { .. }
            | EventBody::BalanceReachedZero { .. } => {}
        }
        Ok(())
    }

    fn debit(&mut self, event: &Event<'_>, debit: &Debit<'_>) {
        self.draw_all(&debit.lots, debit.debt);
        if let Some(pool) = debit.pool.as_deref().filter(|pool| !pool.of_user) {
            self.allotments_mut().set_used(&pool.pool, pool.month, pool.used, Month::of(event.time));
        }
        let today = Day::of(event.time);
        if !debit.amount.is_zero() && debit.answered_at.is_some_and(|at| Day::of(at) == today) {
            self.today.add(today, debit.amount);
        }
    }

    fn give_back(&mut self, event: &Event<'_>, void: &Void<'_>) {
        self.debt = self.debt.checked_sub(void.debt_repaid).expect("the check has seen the debt");
        for draw in &void.lots {
            let held = self.lots.iter_mut().find(|held| held.id == draw.lot).expect("the check has seen the lot");
            held.remaining = held.remaining.checked_add(draw.amount).expect("checked with the balance");
        }
        if let Some(expires_at) = void.expires_at {
            let remaining = void.new_lot().expect("the check has seen the rest");
            self.lots.push(Lot { id: LotId(event.seq), remaining, purchased_at: event.time, expires_at });
        }
        if let Some(pool) = void.pool.as_ref().filter(|pool| !pool.of_user) {
            self.allotments_mut().set_used(&pool.pool, pool.month, pool.used, Month::of(event.time));
        }
        let today = Day::of(event.time);
        if void.answered_at.is_some_and(|at| Day::of(at) == today) {
            // Behind a void all of the call is corrected; earlier corrections took nothing from what the day counts.
            self.today.add(today, void.call.corrected.negated());
        }
    }

    /// The licences, begun where there were none.
    fn allotments_mut(&mut self) -> &mut Allotments {
        Arc::make_mut(self.allotments.get_or_insert_default())
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
                self.check_added(LotId(event.seq), funds)?;
                totals.added = totals.added.checked_add(funds.amount)?;
            }
            EventBody::BalanceAdjusted(adjustment) => {
                self.check_adjustment(event.seq, adjustment)?;
                totals.adjusted = totals.adjusted.checked_add(adjustment.amount())?;
            }
            EventBody::CallVoided(void) => {
                self.check_void(event.seq, void)?;
                totals.adjusted = totals.adjusted.checked_add(void.amount)?;
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
        self.check_taken(debit.amount, &debit.lots, debit.debt)
    }

    /// Lots and debt pay an amount, first in, first out.
    fn check_taken(&self, amount: Money, lots: &[Draw], debt: Money) -> Result<(), Broken> {
        let mut drawn = debt;
        // First in, first out, so the ids rise: and no lot is named twice, which would be checked as if it were full.
        if let Some(pair) = lots.windows(2).find(|pair| pair[0].lot >= pair[1].lot) {
            return Err(Broken::Lots { lot: pair[1].lot });
        }
        for draw in lots {
            self.check_draw(draw.lot, draw.amount)?;
            drawn = drawn.checked_add(draw.amount)?;
        }
        if drawn != amount || debt.is_negative() {
            return Err(Broken::Lots { lot: lots.last().map_or(LotId(0), |draw| draw.lot) });
        }
        // There is no debt while a lot has money (R31): so the balance bounds the debt too.
        let is_emptied = |lot: &&Lot| lots.contains(&Draw { lot: lot.id, amount: lot.remaining });
        match self.lots.iter().find(|lot| !is_emptied(lot)) {
            Some(lot) if debt.is_positive() => Err(Broken::Lots { lot: lot.id }),
            _ => Ok(()),
        }
    }

    fn check_adjustment(&self, seq: u64, adjustment: &Adjustment<'_>) -> Result<(), Broken> {
        match &adjustment.money {
            AdjustedMoney::Added(funds) => self.check_added(LotId(seq), funds),
            AdjustedMoney::Taken { amount, .. } if !amount.is_positive() => Err(Broken::Lots { lot: LotId(seq) }),
            AdjustedMoney::Taken { amount, lots, debt } => self.check_taken(*amount, lots, *debt),
        }
    }

    fn check_added(&self, lot: LotId, funds: &Funds) -> Result<(), Broken> {
        let adds_up = funds.amount.is_positive() && funds.debt_repaid == funds.amount.min(self.debt);
        if adds_up { Ok(()) } else { Err(Broken::Lots { lot }) }
    }

    /// Debt first, then lots that are still there, then a new one (F20).
    fn check_void(&self, seq: u64, void: &Void<'_>) -> Result<(), Broken> {
        let broken = |lot| Err(Broken::Lots { lot });
        if let Some(pair) = void.lots.windows(2).find(|pair| pair[0].lot >= pair[1].lot) {
            return broken(pair[1].lot);
        }
        let is_held = |draw: &&Draw| draw.amount.is_positive() && self.lots.iter().any(|held| held.id == draw.lot);
        if let Some(draw) = void.lots.iter().find(|draw| !is_held(draw)) {
            return broken(draw.lot);
        }
        let rest = void.new_lot();
        let has_rest = rest.is_some_and(Money::is_positive);
        let adds_up = !void.amount.is_negative()
            && void.debt_repaid == void.amount.min(self.debt)
            && rest.is_some_and(|rest| !rest.is_negative())
            && has_rest == void.expires_at.is_some();
        if adds_up { Ok(()) } else { broken(LotId(seq)) }
    }

    fn check_draw(&self, lot: LotId, amount: Money) -> Result<(), Broken> {
        let held = self.lots.iter().find(|held| held.id == lot).map_or(Money::ZERO, |held| held.remaining);
        if amount.is_positive() && amount <= held { Ok(()) } else { Err(Broken::Lots { lot }) }
    }

    fn draw_all(&mut self, lots: &[Draw], debt: Money) {
        for draw in lots {
            self.draw(draw.lot, draw.amount);
        }
        self.debt = self.debt.checked_add(debt).expect("checked with the balance");
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
