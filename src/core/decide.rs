//! From a CDR or a command to events: single conditions in the order of their precedence, then what happens.
//!
//! Nothing is changed here. What is decided becomes state by [`View::happen`](super::batch::View::happen).

use std::borrow::Cow;

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use smallvec::SmallVec;

use super::account::Account;
use super::batch::View;
use super::catalog::Catalog;
use super::cdr::Cdr;
use super::event::{Classes, Debit, Draw, EventBody, Funds, PricedBy};
use super::identity::{AcceptanceWindow, Content, IdentityKey};
use super::money::{Money, Overflow};
use super::rating::{self, Charge, Rejection};
use super::reason::Reason;
use super::recharge::{Need, RechargeId};
use super::tenant::NoRatePolicy;

/// What the engine is configured to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// When a call is accepted (R4).
    pub window: AcceptanceWindow,
    /// What becomes of a call that nobody can price, where the tenant does not say (R9).
    pub no_rate: NoRatePolicy,
    /// How long a lot lives (R30).
    pub lot_months: i32,
}

impl Default for Rules {
    fn default() -> Self {
        Rules { window: AcceptanceWindow::default(), no_rate: NoRatePolicy::Quarantine, lot_months: 12 }
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
    let part = cdr.part.unwrap_or(0);
    match decide_call(view, catalog, rules, cdr, replay) {
        Ok(Some(debit)) => CallVerdict::Debit(EventBody::CallDebited(debit)),
        Ok(None) => CallVerdict::Duplicate { part },
        Err(rejection) => CallVerdict::Rejected(rejection),
    }
}

/// `None`: a duplicate.
fn decide_call<'a>(
    view: &mut View<'_>,
    catalog: &'a Catalog,
    rules: &Rules,
    cdr: Cdr<'a>,
    replay: Replay<'a>,
) -> Result<Option<Box<Debit<'a>>>, Rejection> {
    rating::beyond_this_release(&cdr)?;
    let now = view.clock();
    let call_id = match &replay.as_new {
        Some(source) => Cow::Owned(format!("{}~{source}", cdr.call_id)),
        None => cdr.call_id.clone(),
    };
    let seen = view.identity(IdentityKey::of(&cdr.tenant, &call_id), rules.window);
    let Some(account) = view.account(&cdr.tenant) else {
        return Err(Rejection::new(Reason::UnknownTenant, format!("tenant {} was not opened", cdr.tenant)));
    };
    let content = Content::of(&cdr, catalog.number_plan(cdr.started_at()), account.settings.usage_country);
    if let Some(seen) = seen {
        if seen.content != content {
            let detail = "the call was debited with other numbers, times or durations";
            return Err(Rejection::new(Reason::ConflictingDuplicate, detail));
        }
        return Ok(None);
    }
    accept(&cdr, account, &replay, rules.window, now)?;
    let charge = rating::rate(&cdr, &account.settings, catalog, rules.no_rate)?;
    let overflow = |Overflow| Rejection::new(Reason::Overflow, "the balance would be 10^15 or more below zero");
    account.balance().checked_sub(charge.amount).map_err(overflow)?;
    account.totals.debited.checked_add(charge.amount).map_err(overflow)?;
    // Nothing below can fail.
    let (lots, debt) = draw(account, charge.amount);
    Ok(Some(debit(cdr, call_id, charge, content, lots, debt, replay.replay_of)))
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

/// Where the money comes from: lots first in, first out; what they lack is debt (R31).
fn draw(account: &Account, amount: Money) -> (SmallVec<[Draw; 2]>, Money) {
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

fn debit<'a>(
    cdr: Cdr<'a>,
    call_id: Cow<'a, str>,
    charge: Charge<'a>,
    content: Content,
    lots: SmallVec<[Draw; 2]>,
    debt: Money,
    replay_of: Option<Cow<'a, str>>,
) -> Box<Debit<'a>> {
    let priced_by = charge.row.zip(charge.rate).map(|((deck, row), rate)| PricedBy {
        destination: Cow::Borrowed(&*row.destination),
        prefix: Cow::Borrowed(&*row.prefix),
        rate,
        deck: Cow::Borrowed(&**deck.label()),
    });
    Box::new(Debit {
        part: cdr.part.unwrap_or(0),
        is_final: cdr.is_final,
        answered_at: cdr.answered_at(),
        duration: cdr.duration(),
        call_id,
        service: cdr.service,
        direction: cdr.direction,
        user: cdr.user,
        number: charge.number,
        billed_seconds: charge.billed_seconds,
        class: charge.class,
        paid_seconds: charge.paid_seconds,
        lines: charge.lines,
        amount: charge.amount,
        priced_by,
        free_call: charge.free_call,
        lots,
        debt,
        content,
        replay_of,
        attributes: cdr.attributes,
    })
}

/// What follows from the state that an event left, in the order of F15: block or unblock, then recharge.
///
/// Nothing follows in a closed account (F19). A need for so much that the sum would overflow asks for nothing: the account
/// stays blocked, which is an alert of its own.
pub fn consequences(account: &Account, now: Timestamp) -> Vec<EventBody<'static>> {
    let mut bodies = Vec::new();
    if account.closed_at.is_some() {
        return bodies;
    }
    let balance = account.balance();
    match (balance <= account.settings.block_at, &account.blocked) {
        (true, None) => bodies.push(EventBody::TenantBlocked { classes: Classes::all_paid() }),
        (false, Some(_)) => bodies.push(EventBody::TenantUnblocked),
        (true, Some(_)) | (false, None) => {}
    }
    match account.recharging.need(balance, now) {
        Ok(Some(Need::Request { amount, wanted })) => {
            let payment_method = account.recharging.settings.as_ref().map(|settings| settings.payment_method.clone());
            let id = RechargeId(account.seq + 1 + u64::try_from(bodies.len()).expect("at most one event"));
            bodies.push(EventBody::RechargeRequested {
                attempt: 1,
                amount,
                payment_method: Cow::Owned(payment_method.unwrap_or_default().into()),
            });
            if amount < wanted {
                bodies.push(EventBody::RechargeCapped { recharge: Some(id), wanted });
            }
        }
        Ok(Some(Need::Capped { wanted })) => bodies.push(EventBody::RechargeCapped { recharge: None, wanted }),
        Ok(None) | Err(Overflow) => {}
    }
    bodies
}

/// A new lot: what of it repays debt, and when the rest lapses: at the same time 12 months later, a month's end clamps (R30).
pub(super) fn funds(
    account: &Account,
    amount: Money,
    purchased_at: Timestamp,
    expires_at: Option<Timestamp>,
    rules: &Rules,
) -> Funds {
    let expires_at = expires_at.unwrap_or_else(|| {
        let later = purchased_at.to_zoned(TimeZone::UTC).checked_add(rules.lot_months.months());
        later.map_or(Timestamp::MAX, |later| later.timestamp())
    });
    Funds { amount, debt_repaid: amount.min(account.debt), expires_at }
}

#[cfg(test)]
mod tests;
