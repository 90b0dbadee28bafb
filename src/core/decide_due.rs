//! What is due at a time of its own, as events (R32, R34, R38, F14).

use std::borrow::Cow;

use jiff::{SignedDuration, Timestamp};

use super::account::Account;
use super::decide::Rules;
use super::due::{DueKind, is_due};
use super::event::{Cause, EventBody, LotId};
use super::month::{Day, Month};
use super::recharge::RechargeId;

/// One piece of due work: its cause, and the event that it is; none where it only has the account looked at again.
pub type Piece = (Cause<'static>, Option<EventBody<'static>>);

/// The work of a kind that is due for the account at `at`, piece by piece. None, where what was queued has been overtaken.
pub fn pieces(account: &Account, rules: &Rules, kind: DueKind, at: Timestamp) -> Vec<Piece> {
    if !is_due(account, &rules.warning_days, at, kind) {
        return Vec::new();
    }
    match kind {
        DueKind::Expiry => expiries(account, at),
        DueKind::Warning => warnings(account, rules, at),
        DueKind::Month => vec![(named("month", &Month::of(at)), None)],
        DueKind::Day => vec![(named("day", &Day::of(at)), None)],
        DueKind::Retry => {
            account.recharging.retry.iter().map(|retry| (of_recharge(account, kind, retry.failed), None)).collect()
        }
        DueKind::Status | DueKind::Unresolved => timeouts(account, kind),
    }
}

fn expiries(account: &Account, at: Timestamp) -> Vec<Piece> {
    let lapsed = account.lots.iter().filter(|lot| lot.expires_at <= at);
    lapsed.map(|lot| (of_lot(lot.id), Some(EventBody::FundsExpired { lot: lot.id, amount: lot.remaining }))).collect()
}

fn of_lot(lot: LotId) -> Cause<'static> {
    named("expiry", &lot)
}

fn warnings(account: &Account, rules: &Rules, at: Timestamp) -> Vec<Piece> {
    let is_due = |expires_at: Timestamp, days: u32| {
        expires_at.checked_sub(SignedDuration::from_hours(i64::from(days) * 24)).is_ok_and(|due| due == at)
    };
    let lots = account.lots.iter().flat_map(|lot| rules.warning_days.iter().map(move |days| (lot, *days)));
    lots.filter(|(lot, days)| is_due(lot.expires_at, *days) && lot.purchased_at < at)
        .map(|(lot, days)| {
            let (id, amount, expires_at) = (lot.id, lot.remaining, lot.expires_at);
            let cause = named("warning", &format_args!("{id}/{days}"));
            (cause, Some(EventBody::FundsExpiring { lot: id, amount, expires_at, days }))
        })
        .collect()
}

/// An earlier request may have been waited for until now: that wait is over.
fn timeouts(account: &Account, kind: DueKind) -> Vec<Piece> {
    let Some(request) = account.recharging.in_flight else { return Vec::new() };
    let (recharge, attempt, amount) = (request.id, request.attempt, request.amount);
    let body = if kind == DueKind::Status {
        EventBody::RechargeStatusRequested { recharge, attempt, amount }
    } else {
        EventBody::RechargeUnresolved { recharge, attempt, amount }
    };
    vec![(of_recharge(account, kind, recharge), Some(body))]
}

fn of_recharge(account: &Account, kind: DueKind, recharge: RechargeId) -> Cause<'static> {
    named(kind.code(), &recharge.of(account.tenant.as_str()))
}

fn named(kind: &str, what: &dyn std::fmt::Display) -> Cause<'static> {
    Cause::Written(Cow::Owned(format!("due/{kind}/{what}")))
}
