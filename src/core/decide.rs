//! From a CDR to events: single conditions in the order of their precedence, then what happens; and what follows from the
//! state that an event left.
//!
//! Nothing is changed here. What is decided becomes state by [`View::happen`](super::batch::View::happen).

use std::borrow::Cow;

use jiff::{SignedDuration, Timestamp};
use smallvec::SmallVec;

use super::account::Account;
use super::batch::View;
use super::catalog::Catalog;
use super::cdr::{Cdr, Direction, NumberType};
use super::due::DueKind;
use super::entry::{EntryKey, EntryValue, OpenCall};
use super::event::{Cumulative, Debit, Draw, EventBody, Funds, PricedBy};
use super::identity::{AcceptanceWindow, Content, Identity, IdentityKey};
use super::money::{Money, Overflow};
use super::month::{Month, months_later};
use super::parts::{Share, Standing, standing};
use super::pool;
use super::rating::{self, Offer, Payer, Rated, Rejection};
use super::reason::Reason;
use super::recharge::{Need, RETRY_BACKOFF, RechargeId};
use super::tenant::NoRatePolicy;

/// What the engine is configured to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// When a call is accepted (R4).
    pub window: AcceptanceWindow,
    /// What becomes of a call that nobody can price, where the tenant does not say (R9).
    pub no_rate: NoRatePolicy,
    /// How long a lot lives (R30).
    pub lot_months: i32,
    /// Days before a lot lapses on which a warning is sent (R32).
    pub warning_days: SmallVec<[u32; 4]>,
    /// How long after a failure a recharge is tried again, attempt by attempt; behind the last, auto-recharge is suspended (R34).
    pub retry_backoff: SmallVec<[SignedDuration; 4]>,
}

impl Default for Rules {
    fn default() -> Self {
        Rules {
            window: AcceptanceWindow::default(),
            no_rate: NoRatePolicy::Quarantine,
            lot_months: 12,
            warning_days: SmallVec::from_slice(&[30, 7]),
            retry_backoff: SmallVec::from_slice(&RETRY_BACKOFF),
        }
    }
}

/// How a record came back from quarantine; nothing for one that is read for the first time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replay<'a> {
    /// It passes the acceptance window.
    pub late: bool,
    /// It is a call of its own, whatever was debited under its id: the identity is its source.
    pub as_new: Option<Cow<'a, str>>,
    /// Where the quarantined record came from; the debit says it.
    pub replay_of: Option<Cow<'a, str>>,
}

/// What becomes of a CDR that is at home and whose account is sound.
#[derive(Debug)]
pub enum CallVerdict<'a> {
    /// It is debited.
    Debit(EventBody<'a>),
    /// It was debited before.
    Duplicate {
        /// The part that was.
        part: u32,
    },
    /// It is not rated.
    Rejected(Rejection),
}

/// Decides a CDR. Reasons come in the order of R8.
pub fn call<'a>(
    view: &mut View<'_>,
    catalog: &'a Catalog,
    rules: &Rules,
    cdr: Cdr<'a>,
    replay: Replay<'a>,
) -> CallVerdict<'a> {
    match decide_call(view, catalog, rules, cdr, replay) {
        Ok(Decided::Debit(debit)) => CallVerdict::Debit(EventBody::CallDebited(debit)),
        Ok(Decided::Duplicate { part }) => CallVerdict::Duplicate { part },
        Err(rejection) => CallVerdict::Rejected(rejection),
    }
}

enum Decided<'a> {
    Debit(Box<Debit<'a>>),
    Duplicate { part: u32 },
}

fn decide_call<'a>(
    view: &mut View<'_>,
    catalog: &'a Catalog,
    rules: &Rules,
    cdr: Cdr<'a>,
    replay: Replay<'a>,
) -> Result<Decided<'a>, Rejection> {
    let now = view.clock();
    let call_id = match &replay.as_new {
        Some(source) => Cow::Owned(format!("{}~{source}", cdr.call_id)),
        None => cdr.call_id.clone(),
    };
    let seen = view.identity(IdentityKey::of(&cdr.tenant, &call_id), rules.window);
    let Some(account) = view.account(&cdr.tenant).cloned() else {
        return Err(Rejection::new(Reason::UnknownTenant, format!("tenant {} was not opened", cdr.tenant)));
    };
    let (numbers, home) = (catalog.number_plan(cdr.started_at()), account.settings.usage_country);
    let content = Content::of(&cdr, numbers, home);
    let open = seen.filter(|seen: &Identity| !seen.is_final).and_then(|_| open_call(view, &cdr.tenant, &call_id));
    let (part, open) = match standing(&cdr, content, seen, open, || Content::of_call(&cdr, numbers, home)) {
        Standing::New { part } => (part, None),
        Standing::Newer { part, open } => (part, Some(open)),
        Standing::Duplicate { part } => return Ok(Decided::Duplicate { part }),
        Standing::Conflict(detail) => return Err(Rejection::new(Reason::ConflictingDuplicate, detail)),
    };
    accept(&cdr, &account, &replay, rules.window, now)?;
    // A part keeps the plan of the call's start (R2); where nothing was paid yet, none has decided.
    let begun = open.as_deref().filter(|open| !open.so_far.duration.is_zero());
    let plan = begun.map_or_else(|| rating::plan_of(&cdr, &account.settings), |open| open.plan.as_deref());
    let so_far = open.as_deref().map(|open| &open.so_far);
    let mut rated = rating::rate(&cdr, plan, &account.settings, catalog, rules.no_rate)?;
    let has_parts = so_far.is_some() || part > 0 || !cdr.is_final;
    let call_content = if has_parts { Content::of_call(&cdr, numbers, home) } else { Content::default() };
    let share = match share(view, &account, &cdr, &rated, so_far, call_content) {
        Err(unpriced) if unpriced.reason == Reason::NoRate && account.settings.lets_go(rules.no_rate) => {
            rated.payer = Payer::NobodyKnows;
            Share::free(cdr.duration(), call_content, so_far)
        }
        share => share?,
    };
    let overflow = |Overflow| Rejection::new(Reason::Overflow, "the balance would be 10^15 or more below zero");
    account.balance().checked_sub(share.amount).map_err(overflow)?;
    account.totals.debited.checked_add(share.amount).map_err(overflow)?;
    // Nothing below can fail.
    let (lots, debt) = draw(&account, share.amount);
    let spent = spent_with(view, &account, cdr.user.as_deref(), Month::of(cdr.started_at()), share.amount);
    let identity = DebitIdentity { call_id, part, content, has_parts, replay_of: replay.replay_of };
    Ok(Decided::Debit(debit(cdr, identity, rated, share, lots, debt, spent)))
}

fn open_call(view: &View<'_>, tenant: &str, call_id: &str) -> Option<Box<OpenCall>> {
    match view.entry(EntryKey::open_call(tenant, call_id))?.value {
        EntryValue::OpenCall(open) => Some(open),
        _ => None,
    }
}

/// The acceptance window and the account's end (R4, R39).
fn accept(
    cdr: &Cdr<'_>,
    account: &Account,
    replay: &Replay<'_>,
    window: AcceptanceWindow,
    now: Timestamp,
) -> Result<(), Rejection> {
    let ended_at = cdr.ended_at();
    let age = now.duration_since(ended_at);
    if age > window.back && !replay.late {
        return Err(Rejection::new(Reason::TooLate, format!("the call ended {ended_at}, the clock is at {now}")));
    }
    if -age > window.ahead {
        return Err(Rejection::new(Reason::InFuture, format!("the call ended {ended_at}, the clock is at {now}")));
    }
    if let Some(closed_at) = account.closed_at {
        let started_before = cdr.started_at() < closed_at;
        if !started_before || now.duration_since(closed_at) > window.back {
            return Err(Rejection::new(Reason::ClosedTenant, format!("the account was closed {closed_at}")));
        }
    }
    Ok(())
}

/// What this part of the call costs, and the minutes that it takes from a pool.
fn share(
    view: &View<'_>,
    account: &Account,
    cdr: &Cdr<'_>,
    rated: &Rated<'_>,
    so_far: Option<&Cumulative>,
    content: Content,
) -> Result<Share, Rejection> {
    let duration = cdr.duration();
    match so_far {
        // A shorter part costs nothing, and takes nothing back (R2).
        Some(so_far) if duration < so_far.duration => return Ok(Share::shrunk(so_far)),
        _ => {}
    }
    let Some(offer) = rated.payer.offer() else { return Ok(Share::free(duration, content, so_far)) };
    let taken = so_far.map_or(0, |so_far| so_far.pool_minutes);
    let (minutes, pool) = match &rated.payer {
        Payer::Pool(of, _) if !is_too_old(of.month, view.clock()) => {
            let (level, left) = of.level(view, account, cdr.user.as_deref());
            let minutes = duration.minutes_up().saturating_sub(taken).min(left);
            (minutes, (minutes > 0).then(|| of.draw(level, minutes)))
        }
        _ => (0, None),
    };
    let priced = offer.charge(cdr.started_at(), duration, taken + minutes)?;
    Share::of(priced, duration, content, taken + minutes, pool, so_far)
        .map_err(|Overflow| Rejection::new(Reason::Overflow, "the charge would be 10^15 or more"))
}

/// The pools of the month are kept no more.
fn is_too_old(month: Month, now: Timestamp) -> bool {
    month < Month::of(now).back(super::allotments::POOL_MONTHS_KEPT)
}

/// What a user has spent in a month once `amount` is added; `None` for a user without a limit (R38).
pub(super) fn spent_with(
    view: &View<'_>,
    account: &Account,
    user: Option<&str>,
    month: Month,
    amount: Money,
) -> Option<Money> {
    let user = user.filter(|_| account.has_limits && !amount.is_zero())?;
    let (_, spent) = limit_and_spend(view, account, user, month)?;
    // A sum that would reach the limit of F22 stays where it is: no spend limit is as high.
    let sum = spent.checked_add(amount).unwrap_or(spent);
    Some(if sum.is_negative() { Money::ZERO } else { sum })
}

/// The limit of a user, and what the user has spent of it in a month; `None` for a user without one.
pub(super) fn limit_and_spend(view: &View<'_>, account: &Account, user: &str, month: Month) -> Option<(Money, Money)> {
    let tenant = account.tenant.as_str();
    let EntryValue::Limit { monthly_limit, since } = view.entry(EntryKey::limit(tenant, user))?.value else {
        return None;
    };
    let spent = view.entry(EntryKey::spend(tenant, user, month)).filter(|entry| entry.as_of >= since);
    let spent = match spent.map(|entry| entry.value) {
        Some(EntryValue::Spend(spent)) => spent,
        _ => Money::ZERO,
    };
    Some((monthly_limit, spent))
}

/// Where the money comes from: lots first in, first out; what they lack is debt (R31).
pub(super) fn draw(account: &Account, amount: Money) -> (SmallVec<[Draw; 2]>, Money) {
    let mut missing = amount;
    let mut lots = SmallVec::new();
    for lot in &account.lots {
        if !missing.is_positive() {
            break;
        }
        let amount = missing.min(lot.remaining);
        lots.push(Draw { lot: lot.id, amount });
        missing = missing.checked_sub(amount).expect("a part of an amount is below the limit");
    }
    (lots, missing)
}

/// What a debit is of.
struct DebitIdentity<'a> {
    call_id: Cow<'a, str>,
    part: u32,
    content: Content,
    has_parts: bool,
    replay_of: Option<Cow<'a, str>>,
}

fn debit<'a>(
    cdr: Cdr<'a>,
    of: DebitIdentity<'a>,
    rated: Rated<'a>,
    share: Share,
    lots: SmallVec<[Draw; 2]>,
    debt: Money,
    spent: Option<Money>,
) -> Box<Debit<'a>> {
    let offer = rated.payer.offer().copied();
    let started_at = cdr.started_at();
    Box::new(Debit {
        part: of.part,
        is_final: cdr.is_final,
        shrunk: share.shrunk,
        answered_at: cdr.answered_at(),
        duration: share.duration,
        call_id: of.call_id,
        service: cdr.service,
        direction: cdr.direction,
        // Outbound it decides nothing behind the plan's rules, and debits do not carry it.
        number_type: match cdr.direction {
            Direction::Inbound => cdr.number_type,
            Direction::Outbound => NumberType::User,
        },
        user: cdr.user,
        number: rated.number,
        billed_seconds: share.billed_seconds,
        class: rated.class,
        plan: rated.plan.map(|plan| plan_label(plan, offer)),
        pool: share.pool.map(Box::new),
        paid_seconds: share.paid_seconds,
        priced_by: offer.map(|offer| priced_by(offer, share.rate, started_at)),
        lines: share.lines,
        amount: share.amount,
        free_call: matches!(rated.payer, Payer::NobodyKnows),
        lots,
        debt,
        cumulative: of.has_parts.then(|| Box::new(share.cumulative)),
        spent,
        content: of.content,
        replay_of: of.replay_of,
        attributes: cdr.attributes,
    })
}

/// `id@version`; the version is left out where it is that of the price list, as in a catalog that is published whole.
fn plan_label<'a>(plan: &'a super::plan::Plan, offer: Option<Offer<'a>>) -> Cow<'a, str> {
    let version_of = |label: &'a str| label.rsplit_once('@').map(|(_, version)| version);
    let same = offer.is_some_and(|offer| version_of(offer.deck) == version_of(plan.label()));
    Cow::Borrowed(if same { plan.id() } else { plan.label() })
}

/// The rate is that of the first paid increment; of a call that nobody has to pay for, that of its start.
fn priced_by(offer: Offer<'_>, rate: Option<super::money::Rate>, started_at: Timestamp) -> PricedBy<'_> {
    PricedBy {
        destination: Cow::Borrowed(offer.destination),
        prefix: offer.prefix.map(Cow::Borrowed),
        rate: rate.or_else(|| offer.price.rate_at(started_at)).unwrap_or_default(),
        deck: Cow::Borrowed(offer.deck),
        country: offer.country,
    }
}

/// How an account stood before a cause: what is crossed is told once (R36, F16).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stood {
    is_low: bool,
    is_at_zero: bool,
}

impl Stood {
    /// As it stands now; an account that is not yet open has nothing to cross.
    pub fn of(account: Option<&Account>) -> Stood {
        let Some(account) = account else { return Stood { is_low: true, is_at_zero: true } };
        let (balance, settings) = (account.balance(), &account.settings);
        Stood {
            is_low: settings.notify_below.is_some_and(|notice| balance < notice),
            is_at_zero: balance <= settings.block_at,
        }
    }
}

/// The notices of pools and limits that a debit gives rise to: 80 % and 100 % of a pool, then the user (F15).
pub fn notices_of_debit<'a>(view: &View<'_>, account: &Account, debit: &Debit<'a>) -> Vec<EventBody<'a>> {
    if account.closed_at.is_some() {
        return Vec::new();
    }
    let mut bodies = pool::notices(view, account, debit);
    let user = debit.user.as_ref().filter(|_| debit.spent.is_some());
    if let (Some(user), Some(spent), Some(answered_at)) = (user, debit.spent, debit.answered_at) {
        let month = Month::of(answered_at);
        let before = spent.checked_sub(debit.amount).unwrap_or(Money::ZERO);
        let limit = limit_and_spend(view, account, user, month).map(|(limit, _)| limit);
        if let Some(monthly_limit) = limit.filter(|limit| before < *limit && spent >= *limit)
            && month == Month::of(view.clock())
        {
            bodies.push(EventBody::UserBlocked { user: user.clone(), month, spent, monthly_limit });
        }
    }
    bodies
}

/// What follows from the state that the events of a cause left, in the order of F15: balance low, balance at zero, block or
/// unblock, then recharge. `due`: the work that was the cause, if it was not a record.
pub fn consequences(
    stood: Stood,
    account: &Account,
    catalog: &Catalog,
    now: Timestamp,
    due: Option<DueKind>,
) -> SmallVec<[EventBody<'static>; 2]> {
    let mut bodies = SmallVec::new();
    if account.closed_at.is_some() {
        return bodies;
    }
    let (stands, settings) = (Stood::of(Some(account)), &account.settings);
    if let (true, false, Some(notify_below)) = (stands.is_low, stood.is_low, settings.notify_below) {
        bodies.push(EventBody::BalanceLow { notify_below });
    }
    if stands.is_at_zero && !stood.is_at_zero {
        bodies.push(EventBody::BalanceReachedZero { block_at: settings.block_at });
    }
    match (pool::wanted_block(account, catalog, now), account.blocked.as_deref()) {
        (Some(wanted), in_force) if in_force != Some(&wanted) => bodies.push(EventBody::TenantBlocked(wanted)),
        (None, Some(_)) => bodies.push(EventBody::TenantUnblocked),
        (Some(_), _) | (None, None) => {}
    }
    let before = u64::try_from(bodies.len()).expect("a few events");
    recharge(account, now, due, before, &mut bodies);
    bodies
}

/// What is asked for at the account's balance, behind `before` other events.
fn recharge(
    account: &Account,
    now: Timestamp,
    due: Option<DueKind>,
    before: u64,
    bodies: &mut SmallVec<[EventBody<'static>; 2]>,
) {
    match account.recharging.need(account.balance(), now, due) {
        Ok(Some(Need::Request { amount, wanted })) => {
            let payment_method = account.recharging.settings.as_ref().map(|settings| settings.payment_method.clone());
            let retry = account.recharging.retry.filter(|retry| due == Some(DueKind::Retry) && retry.at == now);
            bodies.push(EventBody::RechargeRequested {
                attempt: retry.map_or(1, |retry| retry.attempt),
                amount,
                payment_method: Cow::Owned(payment_method.unwrap_or_default().into()),
            });
            if amount < wanted {
                let id = RechargeId(account.seq + 1 + before);
                bodies.push(EventBody::RechargeCapped { recharge: Some(id), wanted });
            }
        }
        Ok(Some(Need::Capped { wanted })) => bodies.push(EventBody::RechargeCapped { recharge: None, wanted }),
        Ok(None) | Err(Overflow) => {}
    }
}

/// A new lot: what of it repays debt, and when the rest lapses: at the same time 12 months later, a month's end clamps (R30).
pub(super) fn funds(
    account: &Account,
    amount: Money,
    purchased_at: Timestamp,
    expires_at: Option<Timestamp>,
    rules: &Rules,
) -> Funds {
    let expires_at = expires_at.unwrap_or_else(|| months_later(purchased_at, rules.lot_months));
    Funds { amount, debt_repaid: amount.min(account.debt), expires_at }
}

#[cfg(test)]
mod telephony_tests;
#[cfg(test)]
mod tests;
