//! Corrections of balances and calls, limits of users, and licences (R23, R37, R38).

use std::borrow::Cow;

use jiff::Timestamp;
use smallvec::SmallVec;

use super::{Bodies, Refused, check_lots, refuse};
use crate::core::account::Account;
use crate::core::batch::View;
use crate::core::catalog::Catalog;
use crate::core::command::NamedDebit;
use crate::core::decide::{Rules, draw, funds, limit_and_spend, spent_with};
use crate::core::entry::{EntryKey, EntryValue};
use crate::core::event::{AdjustedMoney, Adjustment, CommandMark, Corrects, Debit, Draw, EventBody, PoolUse, Void};
use crate::core::identity::IdentityKey;
use crate::core::money::{Money, Overflow};
use crate::core::month::Month;
use crate::core::number::Country;
use crate::core::reason::Refusal;

pub(super) fn licences<'a>(
    catalog: &Catalog,
    account: &Account,
    now: Timestamp,
    plan: Cow<'a, str>,
    usage_country: Country,
    quantity: u32,
    command: CommandMark<'a>,
) -> Result<Bodies<'a>, Refused<'a>> {
    if !catalog.has_plan(&plan) {
        return refuse(Refusal::UnknownPlan, format!("the catalog has no plan {plan}"));
    }
    if account.allotments.as_ref().is_some_and(|of| of.is_full(&plan, usage_country)) {
        let most = crate::core::allotments::LICENCES_MAX;
        return refuse(Refusal::Overflow, format!("a tenant has licences of at most {most} plans and countries"));
    }
    let union = catalog.number_plan(now).pool_union(usage_country).map(|union| Cow::Owned(union.to_owned()));
    Ok(vec![EventBody::LicencesSet { command, plan, usage_country, union, quantity }])
}

/// Sets or lifts a limit; the user may be blocked or unblocked by it in the month that it is (R38).
pub(super) fn limit_user<'a>(
    view: &View<'_>,
    account: &Account,
    user: Cow<'a, str>,
    monthly_limit: Option<Money>,
    command: CommandMark<'a>,
) -> Bodies<'a> {
    let month = Month::of(view.clock());
    let since = match view.entry(EntryKey::limit(account.tenant.as_str(), &user)).map(|entry| entry.value) {
        Some(EntryValue::Limit { since, .. }) => since,
        _ => account.seq + 1,
    };
    let before = limit_and_spend(view, account, &user, month);
    let spent = before.map_or(Money::ZERO, |(_, spent)| spent);
    let was_reached = before.is_some_and(|(limit, spent)| spent >= limit);
    let follows = match monthly_limit.filter(|limit| spent >= *limit) {
        Some(monthly_limit) if !was_reached => {
            Some(EventBody::UserBlocked { user: user.clone(), month, spent, monthly_limit })
        }
        None if was_reached => Some(EventBody::UserUnblocked { user: user.clone(), month }),
        _ => None,
    };
    let set = EventBody::UserLimitSet { command, user, monthly_limit, since };
    std::iter::once(set).chain(follows).collect()
}

pub(super) struct Adjust<'a> {
    pub(super) amount: Money,
    pub(super) reason: Cow<'a, str>,
    pub(super) corrects: Option<(Cow<'a, str>, Vec<NamedDebit<'a>>)>,
}

/// A correction of the balance; of a call, never more is given back than it was debited.
pub(super) fn adjust<'a>(
    view: &View<'_>,
    account: &Account,
    rules: &Rules,
    adjust: Adjust<'a>,
    command: CommandMark<'a>,
) -> Result<Bodies<'a>, Refused<'a>> {
    let Adjust { amount, reason, corrects } = adjust;
    if amount.is_zero() {
        return refuse(Refusal::Malformed, "amount: nothing to adjust");
    }
    let corrects = match corrects {
        None => None,
        Some((call_id, debits)) => {
            let call = WholeCall::check(account, &call_id, &debits)?;
            let (corrected, _) = corrected_before(view, account, &call_id, &call);
            let corrected = corrected.checked_add(amount).map_err(overflow)?;
            if amount.is_positive() && corrected > call.amount {
                let detail = format!("{corrected} would be given back of {}", call.amount);
                return refuse(Refusal::ExceedsDebit, detail);
            }
            Some(Corrects { call_id, debits: call.seqs, corrected })
        }
    };
    check_adjusted(account, amount)?;
    let money = if amount.is_positive() {
        check_lots(account)?;
        AdjustedMoney::Added(funds(account, amount, view.clock(), None, rules))
    } else {
        let amount = amount.negated();
        let (lots, debt) = draw(account, amount);
        AdjustedMoney::Taken { amount, lots, debt }
    };
    Ok(vec![EventBody::BalanceAdjusted(Box::new(Adjustment { command, reason, money, corrects }))])
}

pub(super) struct VoidCall<'a> {
    pub(super) call_id: Cow<'a, str>,
    pub(super) reason: Cow<'a, str>,
    pub(super) release: bool,
    pub(super) debits: Vec<NamedDebit<'a>>,
}

/// Takes a call back: its money, its minutes, its place in the user's spend, and if asked its identity (R37, F20).
pub(super) fn void<'a>(
    view: &View<'_>,
    account: &Account,
    rules: &Rules,
    asked: VoidCall<'a>,
    command: CommandMark<'a>,
) -> Result<Bodies<'a>, Refused<'a>> {
    let VoidCall { call_id, reason, release, debits } = asked;
    let call = WholeCall::check(account, &call_id, &debits)?;
    let (corrected, voided) = corrected_before(view, account, &call_id, &call);
    if voided {
        return refuse(Refusal::ExceedsDebit, "the call was voided before");
    }
    // A part that came since the debits were read would stay charged, and be charged again once its identity is free.
    let last = view.identity(IdentityKey::of(account.tenant.as_str(), &call_id), rules.window);
    if let Some(last) = last.filter(|last| last.part != call.last_part) {
        let detail =
            format!("debits: the last is of part {}, the call was debited to part {}", call.last_part, last.part);
        return refuse(Refusal::Malformed, detail);
    }
    let amount = call.amount.checked_sub(corrected).map_err(overflow)?;
    // Whoever names the debits can name less than the ledger has, after more was given back.
    if amount.is_negative() {
        return refuse(Refusal::ExceedsDebit, format!("{corrected} was given back of {}", call.amount));
    }
    check_adjusted(account, amount)?;
    let Returned { debt_repaid, lots, rest } = give_back(account, amount, &call.draws);
    if rest.is_positive() {
        check_lots(account)?;
    }
    let expires_at = rest.is_positive().then(|| funds(account, rest, view.clock(), None, rules).expires_at);
    let month = call.answered_at.map(Month::of);
    let counted = call.counted_of_user(view, account)?;
    let spent = month.and_then(|month| spent_with(view, account, call.user.as_deref(), month, counted.negated()));
    let pool = call.pool.as_ref().map(|pool| returned_minutes(view, account, call.user.as_deref(), pool));
    let user = call.user.map(Cow::Owned);
    let call_ref = Corrects { call_id, debits: call.seqs, corrected: call.amount };
    let unblocked = unblocked_by(view, account, user.as_deref(), month, spent);
    let void = Void {
        command,
        reason,
        call: call_ref,
        release,
        amount,
        debt_repaid,
        lots,
        expires_at,
        pool,
        user,
        answered_at: call.answered_at,
        spent,
    };
    Ok(std::iter::once(EventBody::CallVoided(Box::new(void))).chain(unblocked).collect())
}

/// The user is under the limit of this month again.
fn unblocked_by<'a>(
    view: &View<'_>,
    account: &Account,
    user: Option<&str>,
    month: Option<Month>,
    spent: Option<Money>,
) -> Option<EventBody<'a>> {
    let (user, month, spent) = (user?, month.filter(|month| *month == Month::of(view.clock()))?, spent?);
    let (limit, before) = limit_and_spend(view, account, user, month)?;
    let is_crossed = before >= limit && spent < limit;
    is_crossed.then(|| EventBody::UserUnblocked { user: Cow::Owned(user.to_owned()), month })
}

/// All debits of a call, taken together.
struct WholeCall {
    seqs: Vec<u64>,
    /// One for each of those.
    amounts: Vec<Money>,
    last_part: u32,
    amount: Money,
    draws: SmallVec<[Draw; 2]>,
    pool: Option<PoolUse>,
    user: Option<String>,
    answered_at: Option<Timestamp>,
}

impl WholeCall {
    /// The debits are all of one call of the account, as far as they themselves can say.
    fn check(account: &Account, call_id: &str, debits: &[NamedDebit<'_>]) -> Result<WholeCall, Refused<'static>> {
        let wrong = |detail: String| refuse(Refusal::Malformed, format!("debits: {detail}"));
        let Some(last) = debits.last().map(|named| &*named.debit) else {
            return wrong("none is named".to_owned());
        };
        let foreign =
            debits.iter().find(|named| named.tenant != account.tenant.as_str() || named.debit.call_id != call_id);
        if let Some(NamedDebit { tenant, seq, debit }) = foreign {
            return wrong(format!("{tenant}/{seq} is of call {} of {tenant}", debit.call_id));
        }
        if let Some(named) = debits.iter().find(|named| named.seq > account.seq) {
            return wrong(format!("the account has no event {} yet", named.seq));
        }
        if let Some(named) = debits.iter().find(|named| named.debit.amount.is_negative()) {
            return wrong(format!("{} is of {}, and no debit is below zero", named.seq, named.debit.amount));
        }
        let in_order = |pair: &[NamedDebit<'_>]| pair[0].seq < pair[1].seq && pair[0].debit.part < pair[1].debit.part;
        if let Some(pair) = debits.windows(2).find(|pair| !in_order(pair)) {
            return wrong(format!("{} and {} are not two parts in their order", pair[0].seq, pair[1].seq));
        }
        let sum = |of: fn(&Debit<'_>) -> Money| {
            debits.iter().map(|named| of(&named.debit)).try_fold(Money::ZERO, Money::checked_add)
        };
        let amount = sum(|debit| debit.amount).map_err(overflow)?;
        let minutes: u64 = debits.iter().filter_map(|named| named.debit.pool.as_deref()).map(|pool| pool.minutes).sum();
        if let Some(cumulative) =
            last.cumulative.as_deref().filter(|of| of.amount != amount || of.pool_minutes != minutes)
        {
            return wrong(format!(
                "together they are {amount} and {minutes} pool minutes, the call is {} and {}: all of its debits are needed",
                cumulative.amount, cumulative.pool_minutes
            ));
        }
        // A pool is of the month of its call's start, and no call was debited that has not begun: so no month is planted that
        // never ends.
        let months = last.answered_at.map(Month::of);
        let is_of_call = |pool: &PoolUse| Some(pool.month) == months && pool.month <= Month::of(account.as_of).next();
        let mut pools = debits.iter().filter_map(|named| named.debit.pool.as_deref());
        if let Some(pool) = pools.clone().find(|pool| !is_of_call(pool)) {
            return wrong(format!("pool {} of {} is not of the call's month", pool.pool, pool.month));
        }
        let pool = pools.next_back().map(|pool| PoolUse { minutes, ..pool.clone() });
        Ok(WholeCall {
            seqs: debits.iter().map(|named| named.seq).collect(),
            amounts: debits.iter().map(|named| named.debit.amount).collect(),
            last_part: last.part,
            amount,
            draws: draws_of(debits).map_err(overflow)?,
            pool,
            user: last.user.as_deref().map(str::to_owned),
            answered_at: last.answered_at,
        })
    }

    /// What of it was counted as the user's spend: its debits, whatever was corrected of them, since there is a limit.
    fn counted_of_user(&self, view: &View<'_>, account: &Account) -> Result<Money, Refused<'static>> {
        let limit = self.user.as_deref().map(|user| EntryKey::limit(account.tenant.as_str(), user));
        let Some(EntryValue::Limit { since, .. }) = limit.and_then(|key| view.entry(key)).map(|entry| entry.value)
        else {
            return Ok(Money::ZERO);
        };
        let counted = self.seqs.iter().zip(&self.amounts).filter(|(seq, _)| **seq > since);
        counted.map(|(_, amount)| *amount).try_fold(Money::ZERO, Money::checked_add).map_err(overflow)
    }
}

/// What the call drew of each lot, in the order of the lots.
fn draws_of(debits: &[NamedDebit<'_>]) -> Result<SmallVec<[Draw; 2]>, Overflow> {
    let mut draws: SmallVec<[Draw; 2]> = SmallVec::new();
    for draw in debits.iter().flat_map(|named| &named.debit.lots) {
        match draws.iter_mut().find(|known| known.lot == draw.lot) {
            Some(known) => known.amount = known.amount.checked_add(draw.amount)?,
            None => draws.push(*draw),
        }
    }
    draws.sort_by_key(|draw| draw.lot);
    Ok(draws)
}

/// What was corrected of the call before, and whether it was voided.
fn corrected_before(view: &View<'_>, account: &Account, call_id: &str, call: &WholeCall) -> (Money, bool) {
    let (tenant, first) = (account.tenant.as_str(), call.seqs.first().copied().unwrap_or_default());
    let corrected = match view.entry(EntryKey::correction(tenant, call_id, first)).map(|entry| entry.value) {
        Some(EntryValue::Correction { corrected }) => corrected,
        _ => Money::ZERO,
    };
    (corrected, view.entry(EntryKey::voided(tenant, call_id, first)).is_some())
}

struct Returned {
    debt_repaid: Money,
    lots: SmallVec<[Draw; 2]>,
    /// A new lot.
    rest: Money,
}

/// Debt first, then the lots that the money came from and that are still there, then a new one (F20).
fn give_back(account: &Account, amount: Money, draws: &[Draw]) -> Returned {
    let less = |a: Money, b: Money| a.checked_sub(b).expect("a part of an amount is below the limit");
    let debt_repaid = amount.min(account.debt);
    let mut rest = less(amount, debt_repaid);
    let mut lots = SmallVec::new();
    for draw in draws {
        let amount = draw.amount.min(rest);
        if amount.is_positive() && account.lots.iter().any(|held| held.id == draw.lot) {
            lots.push(Draw { lot: draw.lot, amount });
            rest = less(rest, amount);
        }
    }
    Returned { debt_repaid, lots, rest }
}

/// The minutes go back to their pool and month; what was told of the pool is not told again.
fn returned_minutes(view: &View<'_>, account: &Account, user: Option<&str>, pool: &PoolUse) -> PoolUse {
    let used = match user.filter(|_| pool.of_user) {
        Some(user) => {
            let key = EntryKey::user_pool(account.tenant.as_str(), user, &pool.pool, pool.month);
            match view.entry(key).map(|entry| entry.value) {
                Some(EntryValue::UserPool { used }) => used,
                _ => 0,
            }
        }
        None => account.allotments.as_ref().map_or(0, |of| of.used(&pool.pool, pool.month)),
    };
    PoolUse { used: used.saturating_sub(pool.minutes), size: 0, ..pool.clone() }
}

/// The balance and the sum of all corrections stay below the limit (F22).
fn check_adjusted(account: &Account, amount: Money) -> Result<(), Refused<'static>> {
    account.totals.adjusted.checked_add(amount).map_err(overflow)?;
    account.balance().checked_add(amount).map(|_| ()).map_err(overflow)
}

fn overflow(overflow: Overflow) -> Refused<'static> {
    Refused { refusal: Refusal::Overflow, detail: overflow.to_string(), unmatched: None }
}
