//! Automatic top-ups (R33, R34, F17, F18, A12), as the list of all that were ever asked for.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::command::{Fields, Verdict};
use super::money::{Amount, LIMIT, amount};
use super::time::{self, Month};
use super::{Model, unless_zero};

/// How long a recharge can be settled after its last event.
const MEMORY_DAYS: i64 = 400;
/// Before a retry, by the attempt that failed.
const BACKOFF_HOURS: [i64; 3] = [1, 6, 24];

/// What `recharge.configure` sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RechargeSettings {
    pub enabled: bool,
    pub trigger: Amount,
    pub amount: Amount,
    pub payment_method: String,
    pub max_per_month: Option<u64>,
    pub max_amount: Option<Amount>,
    pub max_amount_per_month: Option<Amount>,
}

/// Top-ups of a tenant.
#[derive(Clone, Debug, Default)]
pub struct Recharges {
    pub settings: Option<RechargeSettings>,
    pub all: Vec<Request>,
    pub suspended: bool,
    /// The wait for another attempt.
    pub retry: Option<Retry>,
    /// The last wait that was over by time.
    pub waited_for: Option<Retry>,
    /// Months in which it was said that nothing fits.
    pub capped: BTreeSet<Month>,
}

/// One request.
#[derive(Clone, Debug)]
pub struct Request {
    pub seq: u64,
    pub amount: Amount,
    pub attempt: u32,
    pub at: Timestamp,
    pub state: State,
    /// The last event about it: its number and time.
    pub last: (u64, Timestamp),
    pub status_asked: bool,
    pub unresolved: bool,
}

/// How far a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Open,
    Failed,
    Paid,
}

/// A wait.
#[derive(Clone, Debug)]
pub struct Retry {
    /// The request that failed.
    pub failed: u64,
    /// Of the next request.
    pub attempt: u32,
    pub at: Timestamp,
}

impl Recharges {
    /// Nothing is waited for any more.
    pub fn end_wait(&mut self) {
        self.retry = None;
        self.waited_for = None;
    }

    /// The clock is back at `to`: a wait of which the ledger does not say that it is over goes on.
    pub fn wait_again(&mut self, to: Timestamp) {
        let is_ahead = |retry: &Retry| to < retry.at;
        self.retry = self.waited_for.take_if(|retry| is_ahead(retry)).or(self.retry.take());
    }

    pub fn in_flight(&self) -> Option<&Request> {
        self.all.iter().find(|request| request.state == State::Open)
    }
}

impl RechargeSettings {
    /// `None`: malformed.
    pub fn read(fields: &Fields) -> Option<RechargeSettings> {
        let positive = |name: &str| {
            let money = super::read::amount(fields, name)?;
            money.is_none_or(|money| money > 0).then_some(money)
        };
        let max_per_month = match fields.get("max_per_month") {
            None | Some(Value::Null) => None,
            Some(count) => Some(count.as_u64().filter(|count| (1..=u64::from(u32::MAX)).contains(count))?),
        };
        Some(RechargeSettings {
            enabled: fields.get("enabled")?.as_bool()?,
            trigger: super::read::amount(fields, "trigger")??,
            amount: positive("amount")??,
            payment_method: super::read::text(fields, "payment_method", 256)??,
            max_per_month,
            max_amount: positive("max_amount")?,
            max_amount_per_month: positive("max_amount_per_month")?,
        })
    }

    pub fn json(&self) -> Value {
        json!({
            "enabled": self.enabled, "trigger": amount(self.trigger), "amount": amount(self.amount),
            "payment_method": self.payment_method, "max_per_month": self.max_per_month,
            "max_amount": self.max_amount.map(amount), "max_amount_per_month": self.max_amount_per_month.map(amount),
        })
    }
}

impl Model {
    /// Asks for a top-up, if one is needed (R33).
    pub(super) fn recharge(&mut self, tenant: &str, cause: &str, attempt: u32) {
        let clock = self.clock;
        let account = self.account_mut(tenant);
        let (balance, seq) = (account.balance(), account.seq + 1);
        let recharges = &mut account.recharges;
        let Some(settings) = recharges.settings.clone() else { return };
        let is_waiting = recharges.in_flight().is_some() || recharges.retry.is_some();
        if !settings.enabled || recharges.suspended || is_waiting || balance >= settings.trigger {
            return;
        }
        // The fewest whole multiples that bring the balance to the trigger or above.
        let multiples = (settings.trigger - balance + settings.amount - 1) / settings.amount;
        let wanted = multiples * settings.amount;
        if settings.trigger - balance >= LIMIT || wanted >= LIMIT {
            return;
        }
        let month = time::month_of(clock);
        let fitting = fitting(recharges, &settings, multiples, &month);
        if fitting == 0 {
            if recharges.capped.insert(month) {
                self.event(tenant, "recharge.capped", cause, json!({ "wanted": amount(wanted) }));
            }
            return;
        }
        let money = fitting * settings.amount;
        recharges.end_wait();
        recharges.all.push(Request {
            seq,
            amount: money,
            attempt,
            at: clock,
            state: State::Open,
            last: (seq, clock),
            status_asked: false,
            unresolved: false,
        });
        let id = format!("{tenant}/r{seq}");
        let body = json!({"recharge_id": id, "attempt": attempt, "amount": amount(money),
            "payment_method": settings.payment_method});
        self.event(tenant, "recharge.requested", cause, body);
        if money < wanted {
            let body = json!({"recharge_id": id, "wanted": amount(wanted)});
            self.event(tenant, "recharge.capped", cause, body);
        }
    }

    /// `recharge.settle`, of a tenant that there is.
    pub(super) fn settle(&mut self, tenant: &str, command_id: &str, fields: &Fields) -> Verdict {
        let Some(settlement) = Settlement::read(fields) else { return Verdict::Refuse("malformed") };
        let clock = self.clock;
        let account = self.account_mut(tenant);
        let is_it = |request: &Request| {
            format!("{tenant}/r{}", request.seq) == settlement.recharge_id
                && clock < request.last.1 + time::days(MEMORY_DAYS)
        };
        let Some(place) = account.recharges.all.iter().position(is_it) else {
            return match settlement.is_success {
                true => Verdict::RefuseUnmatched("unknown_recharge"),
                false => Verdict::Refuse("unknown_recharge"),
            };
        };
        let request = account.recharges.all[place].clone();
        // F18: a repetition, or a failure after a success.
        if request.state == State::Paid || (request.state == State::Failed && !settlement.is_success) {
            return Verdict::Duplicate(request.last.0);
        }
        if settlement.is_success && !account.can_add(request.amount) {
            return Verdict::Refuse("overflow");
        }
        let settled = &mut account.recharges.all[place];
        settled.state = if settlement.is_success { State::Paid } else { State::Failed };
        settled.last = (account.seq + 1, clock);
        let mut body = json!({"recharge_id": settlement.recharge_id, "attempt": request.attempt,
            "requested_at": request.at.to_string()});
        match settlement.is_success {
            true => self.succeed(tenant, command_id, &request, &settlement, &mut body),
            false => self.fail(tenant, command_id, &request, &settlement, &mut body),
        }
        Verdict::Apply
    }

    fn succeed(&mut self, tenant: &str, command_id: &str, request: &Request, of: &Settlement, body: &mut Value) {
        let clock = self.clock;
        let account = self.account_mut(tenant);
        // R34: a success, late or not, ends a wait.
        account.recharges.end_wait();
        account.added += request.amount;
        let lot = account.add_lot(request.amount, clock, time::a_year_after(clock));
        let is_closed = account.closed.is_some();
        if let (Value::Object(body), Value::Object(lot)) = (&mut *body, lot) {
            body.extend(lot);
            body.insert("payment_reference".into(), json!(of.payment_reference));
        }
        if let Some(reference) = &of.payment_reference {
            self.remember_payment(tenant, reference);
        }
        self.event(tenant, "recharge.succeeded", command_id, body.clone());
        if is_closed {
            let body = json!({"recharge_id": of.recharge_id, "payment_reference": of.payment_reference,
                "amount": amount(request.amount)});
            self.event(tenant, "settlement.unmatched", command_id, body);
        }
    }

    fn fail(&mut self, tenant: &str, command_id: &str, request: &Request, of: &Settlement, body: &mut Value) {
        let clock = self.clock;
        let account = self.account_mut(tenant);
        // A12: switched off, or closed (A17: nothing is due there but expiry), there is neither retry nor suspension.
        let is_on = account.closed.is_none() && account.recharges.settings.as_ref().is_some_and(|s| s.enabled);
        let failed = usize::try_from(request.attempt).expect("few");
        let wait = BACKOFF_HOURS.get(failed - 1).filter(|_| is_on);
        let next_at = wait.map(|hours| clock + SignedDuration::from_hours(*hours));
        account.recharges.end_wait();
        account.recharges.retry = next_at.map(|at| Retry { failed: request.seq, attempt: request.attempt + 1, at });
        let is_suspended = is_on && next_at.is_none();
        account.recharges.suspended |= is_suspended;
        body["amount"] = json!(amount(request.amount));
        body["reason"] = json!(of.reason);
        body["next_at"] = json!(next_at.map(|at| at.to_string()));
        self.event(tenant, "recharge.failed", command_id, body.clone());
        if is_suspended {
            let body = json!({ "recharge_id": of.recharge_id });
            self.event(tenant, "recharge.suspended", command_id, body);
        }
    }

    /// A settlement that nothing waits for is money somewhere.
    pub(super) fn unmatched(&mut self, tenant: &str, command_id: &str, fields: &Fields) {
        let of = Settlement::read(fields).expect("it was read before");
        let mut body = json!({"recharge_id": of.recharge_id, "payment_reference": of.payment_reference});
        if self.accounts.contains_key(tenant) {
            return self.event(tenant, "settlement.unmatched", command_id, body);
        }
        body["cause"] = json!(command_id);
        self.answer(&format!("unmatched/{tenant}/{command_id}"), "settlement.unmatched", body);
    }

    pub(super) fn configure(&mut self, tenant: &str, fields: &Fields) -> Result<(&'static str, Value), &'static str> {
        let settings = RechargeSettings::read(fields).ok_or("malformed")?;
        let recharges = &mut self.account_mut(tenant).recharges;
        let body = settings.json();
        recharges.settings = Some(settings);
        recharges.suspended = false;
        recharges.end_wait();
        Ok(("recharge.configured", body))
    }
}

/// The whole multiples that the caps leave (R33).
fn fitting(recharges: &Recharges, settings: &RechargeSettings, multiples: Amount, month: &Month) -> Amount {
    let counted = recharges.all.iter().filter(|one| one.state != State::Failed && time::month_of(one.at) == *month);
    let asked: Vec<Amount> = counted.map(|request| request.amount).collect();
    let count = u64::try_from(asked.len()).expect("few");
    if settings.max_per_month.is_some_and(|max| count >= max) {
        return 0;
    }
    let of_request = settings.max_amount.map_or(multiples, |max| max / settings.amount);
    let left = settings.max_amount_per_month.map(|max| (max - asked.iter().sum::<Amount>()).max(0));
    multiples.min(of_request).min(left.map_or(multiples, |left| left / settings.amount))
}

pub struct Settlement {
    pub recharge_id: String,
    pub is_success: bool,
    pub reason: Option<String>,
    pub payment_reference: Option<String>,
}

impl Settlement {
    /// `None`: malformed.
    pub fn read(fields: &Fields) -> Option<Settlement> {
        let reason = super::read::text(fields, "reason", 256)?;
        let is_success = match fields.get("outcome")?.as_str()? {
            "succeeded" => true,
            "failed" if reason.is_some() => false,
            _ => return None,
        };
        Some(Settlement {
            recharge_id: super::read::text(fields, "recharge_id", 256)??,
            is_success,
            reason,
            payment_reference: super::read::text(fields, "payment_reference", 256)?,
        })
    }
}

/// Of a request that was made, for the events of due work.
pub fn request_json(tenant: &str, request: &Request) -> Value {
    json!({"recharge_id": format!("{tenant}/r{}", request.seq), "attempt": request.attempt,
        "amount": unless_zero(request.amount)})
}
