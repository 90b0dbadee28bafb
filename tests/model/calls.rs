//! What must become of a CDR: its reason, or its debit.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::account::{Drawn, lots};
use super::block::Drew;
use super::cdr::{Call, read, seconds};
use super::charge::Charge;
use super::money::{LIMIT, amount};
use super::parts::{Content, KnownCall, Meaning, OpenCall, Share, meaning, share};
use super::{Model, Outcome, time, unless_zero, without_nulls};

const AHEAD_MAX: SignedDuration = SignedDuration::from_mins(5);
const WINDOW_DAYS: i64 = 7;
/// A window and a day (R4).
const MEMORY_HOURS: i64 = (WINDOW_DAYS + 1) * 24;
/// A call that is not over can go on for as long as a call lasts.
const CALL_HOURS_MAX: i64 = 7 * 24;

/// A call that will be debited.
struct Judged {
    part: u32,
    content: Content,
    charge: Charge,
    share: Share,
}

impl Model {
    pub(super) fn take_cdr(&mut self, bytes: &[u8]) -> Outcome {
        let call = match read(bytes) {
            Ok(call) => call,
            Err(reason) => return Outcome::Quarantined(reason),
        };
        match self.judge(&call) {
            Ok(Ok(judged)) => {
                self.debit(&call, judged);
                Outcome::Debited
            }
            Ok(Err(part)) => Outcome::DuplicateCall { tenant: call.tenant, call_id: call.call_id, part },
            Err(reason) => Outcome::Quarantined(reason),
        }
    }

    /// The first reason of R8's list that applies. The inner error is the part of a duplicate.
    fn judge(&self, call: &Call) -> Result<Result<Judged, u32>, &'static str> {
        let account = self.accounts.get(&call.tenant).ok_or("unknown_tenant")?;
        if self.frozen.contains(&call.tenant) {
            return Err("account_frozen");
        }
        let content = Content::of(call, account, self.catalog.numbers(call.start()));
        let known = self.known(&call.tenant, &call.call_id);
        let (part, open) = match meaning(call, &content, known) {
            Meaning::First(part) => (part, None),
            Meaning::Newer(part) => (part, known.and_then(|known| known.open.as_ref())),
            Meaning::Duplicate(part) => return Ok(Err(part)),
            Meaning::Conflict => return Err("conflicting_duplicate"),
        };
        // R4, edges inclusive.
        if call.end() < self.clock - time::days(WINDOW_DAYS) {
            return Err("too_late");
        }
        if call.end() > self.clock + AHEAD_MAX {
            return Err("in_future");
        }
        // R39: what started before the close is rated for one window.
        if let Some(closed) = account.closed
            && (call.start() >= closed || self.clock > closed + time::days(WINDOW_DAYS))
        {
            return Err("closed_tenant");
        }
        let charge = self.charge(account, call, open.unwrap_or(&OpenCall::default()))?;
        let share = share(call, &charge, open);
        if account.balance() - share.amount <= -LIMIT || account.debited + share.amount >= LIMIT {
            return Err("overflow");
        }
        Ok(Ok(Judged { part, content, charge, share }))
    }

    pub(super) fn known(&self, tenant: &str, call_id: &str) -> Option<&KnownCall> {
        let known = self.calls.get(&(tenant.to_owned(), call_id.to_owned()))?;
        let goes_on = if known.is_final { 0 } else { CALL_HOURS_MAX };
        (hour_of(self.clock) <= known.hour + MEMORY_HOURS + goes_on).then_some(known)
    }

    fn debit(&mut self, call: &Call, judged: Judged) {
        let Judged { part, content, charge, share } = judged;
        let cause = format!("{}/{part}", call.call_id);
        let before = self.before(&call.tenant);
        let (clock, month) = (self.clock, time::month_of(call.start()));
        let account = self.account_mut(&call.tenant);
        let drawn = account.draw(share.amount);
        account.debited += share.amount;
        *account.spent_on.entry(time::day_of(call.start())).or_insert(0) += share.amount;
        let mut spent = None;
        if let Some(limit) = call.user.as_ref().and_then(|user| account.limits.get_mut(user)) {
            let of_month = limit.spent.entry(month).or_insert(0);
            *of_month += share.amount;
            spent = Some(*of_month);
        }
        let mut drew = None;
        if let Some(mut pool) = charge.pool.clone().filter(|_| share.pool_minutes > 0) {
            pool.used += share.pool_minutes;
            account.used.insert(pool.key.clone(), pool.used);
            drew = Some(Drew { pool, minutes: share.pool_minutes });
        }
        let open = (!call.is_final).then(|| share.cumulative.clone());
        let known =
            KnownCall { part, is_final: call.is_final, content, micros: call.micros, hour: hour_of(clock), open };
        self.calls.insert((call.tenant.clone(), call.call_id.clone()), known);
        let mut body = body(call, part, &charge, &share, &drawn);
        // What changes nothing says nothing of the limit.
        body["spent"] = json!(spent.filter(|_| share.amount != 0).map(amount));
        body["pool"] = json!(drew.as_ref().map(Drew::json));
        self.event(&call.tenant, "call.debited", &cause, body);
        self.follow(&call.tenant, &cause, before, drew.as_ref(), 1);
    }
}

fn hour_of(at: Timestamp) -> i64 {
    at.as_second().div_euclid(3600)
}

/// The body but for pool and spend; defaults are left out (B).
fn body(call: &Call, part: u32, charge: &Charge, share: &Share, drawn: &Drawn) -> Value {
    let is_inbound = call.direction == "inbound";
    let lines: Vec<Value> =
        share.lines.iter().map(|(kind, money)| json!({"kind": kind, "amount": amount(*money)})).collect();
    let has_parts = part > 0 || !call.is_final;
    let whole = &share.cumulative;
    let unless_none = |count: u64| (count > 0).then_some(count);
    let cumulative = has_parts.then(|| {
        without_nulls(json!({
            "seconds": seconds(whole.micros), "billed_seconds": whole.billed, "paid_seconds": whole.paid,
            "pool_minutes": unless_none(whole.pool_minutes), "amount": unless_zero(whole.amount),
            "connect": unless_zero(whole.connect), "minimum": unless_zero(whole.minimum),
        }))
    });
    json!({
        "call_id": call.call_id, "part": (part > 0).then_some(part), "final": (!call.is_final).then_some(false),
        "shrunk": share.shrunk.then_some(true),
        "service": (call.service != "calling").then_some(&call.service),
        "direction": is_inbound.then_some(&call.direction),
        "number_type": (is_inbound && call.number_type != "user").then_some(&call.number_type),
        "user": call.user, "number": charge.number.as_ref().map(|number| format!("+{number}")),
        "answered_at": call.answered.map(|at| at.to_string()), "seconds": seconds(share.micros),
        "billed_seconds": share.billed, "paid_seconds": (share.paid != share.billed).then_some(share.paid),
        "class": charge.class, "plan": charge.plan,
        "lines": if lines.is_empty() { Value::Null } else { json!(lines) }, "amount": amount(share.amount),
        "destination": charge.named.destination, "prefix": charge.named.prefix, "country": charge.named.country,
        "rate": charge.cost.rate.map(amount), "deck": charge.named.deck,
        "free_call": charge.free_call.then_some(true), "lots": lots(&drawn.lots), "debt": unless_zero(drawn.debt),
        "attributes": call.attributes, "cumulative": cumulative,
    })
}
