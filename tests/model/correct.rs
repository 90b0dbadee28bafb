//! Corrections of calls and balances (R37, F20, A15, A16).

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::account::lots;
use super::command::Fields;
use super::money::{self, Amount, LIMIT, amount};
use super::pool::{PoolKey, is_over};
use super::{Model, read, time, unless_zero};

const MEMORY_DAYS: i64 = 400;

/// What was given back of a call.
#[derive(Clone, Debug)]
pub struct Corrected {
    /// Signed.
    pub given_back: Amount,
    pub until: Timestamp,
    /// That it was voided is remembered from the void on: a later adjustment does not renew it.
    pub voided_until: Option<Timestamp>,
}

/// A debit as the command copies it from the ledger.
struct Debit {
    seq: u64,
    part: u64,
    amount: Amount,
    user: Option<String>,
    answered: Option<Timestamp>,
    /// Id, month, minutes, whether it is the user's.
    pool: Option<(String, String, u64, bool)>,
    /// Lot and amount.
    lots: Vec<(u64, Amount)>,
    /// Amount and pool minutes.
    cumulative: Option<(Amount, u64)>,
}

fn debit(event: &Value, tenant: &str, call_id: &str) -> Option<Debit> {
    let data = &event["data"];
    let seq = event["id"].as_str()?.strip_prefix(tenant)?.strip_prefix('/')?.parse().ok()?;
    if event["type"] != "tollkeeper.call.debited.v1" || data["call_id"] != call_id {
        return None;
    }
    let money = |value: &Value| value.as_str().map_or(Some(0), money::read);
    let lots = data["lots"].as_array().into_iter().flatten();
    let cumulative = data
        .get("cumulative")
        .map(|all| (money(&all["amount"]).unwrap_or(0), all["pool_minutes"].as_u64().unwrap_or(0)));
    Some(Debit {
        seq,
        part: data["part"].as_u64().unwrap_or(0),
        amount: money(&data["amount"])?,
        user: data["user"].as_str().map(str::to_owned),
        answered: data["answered_at"].as_str().and_then(|at| at.parse().ok()),
        pool: data.get("pool").map(|pool| {
            let text = |name: &str| pool[name].as_str().unwrap_or("").to_owned();
            (text("id"), text("month"), pool["minutes"].as_u64().unwrap_or(0), pool["of_user"] == true)
        }),
        lots: lots
            .map(|lot| Some((lot["lot"].as_str()?[1..].parse().ok()?, money(&lot["amount"])?)))
            .collect::<Option<_>>()?,
        cumulative,
    })
}

/// Whether the command names a call and its debits, as far as it says so itself.
pub fn is_readable(fields: &Fields, call: &str, required: bool) -> bool {
    let Some(call) = read::text(fields, call, 512) else { return false };
    let debits = fields.get("debits").filter(|debits| !debits.is_null());
    let is_list = debits.is_none_or(|debits| debits.as_array().is_some_and(|all| !all.is_empty()));
    // Both or none; a void always has them.
    is_list && call.is_some() == debits.is_some() && (call.is_some() || !required)
}

/// All debits of the call, checked (A16). Otherwise: malformed.
fn debits(fields: &Fields, tenant: &str, call_id: &str, account_seq: u64) -> Option<Vec<Debit>> {
    let all = fields.get("debits")?.as_array()?;
    let debits: Vec<Debit> = all.iter().map(|event| debit(event, tenant, call_id)).collect::<Option<_>>()?;
    let rises = debits.windows(2).all(|two| two[0].seq < two[1].seq && two[0].part < two[1].part);
    let last = debits.last()?;
    let minutes = |debit: &Debit| debit.pool.as_ref().map_or(0, |(_, _, minutes, _)| *minutes);
    let sums = (debits.iter().map(|debit| debit.amount).sum(), debits.iter().map(minutes).sum());
    let is_whole = last.cumulative.unwrap_or((last.amount, minutes(last))) == sums;
    (rises && is_whole && last.seq <= account_seq).then_some(debits)
}

impl Model {
    fn corrected(&self, key: &(String, String, u64)) -> Corrected {
        let known = self.corrections.get(key).filter(|known| self.clock < known.until).cloned();
        known.unwrap_or(Corrected { given_back: 0, until: self.clock, voided_until: None })
    }

    fn remember_correction(&mut self, key: (String, String, u64), given_back: Amount, voided_until: Option<Timestamp>) {
        let until = self.clock + time::days(MEMORY_DAYS);
        self.corrections.insert(key, Corrected { given_back, until, voided_until });
    }

    pub(super) fn adjust(&mut self, tenant: &str, fields: &Fields) -> Result<(&'static str, Value), &'static str> {
        let money = read::amount(fields, "amount").flatten().ok_or("malformed")?;
        let reason = read::text(fields, "reason", 256).flatten().ok_or("malformed")?;
        let corrects = read::text(fields, "corrects", 512).ok_or("malformed")?;
        let mut body = json!({ "amount": amount(money), "reason": reason });
        let mut correction = None;
        if let Some(call_id) = &corrects {
            let debits = debits(fields, tenant, call_id, self.account(tenant).seq).ok_or("malformed")?;
            let key = (tenant.to_owned(), call_id.clone(), debits[0].seq);
            let known = self.corrected(&key);
            let given_back = known.given_back + money;
            // R37: what was corrected of a call never exceeds its debit. (A15 wants 0 as a lower bound for positive amounts
            // too; read so that to take back a part of a dearer re-rating is fine.)
            if money > 0 && given_back > debits.iter().map(|debit| debit.amount).sum() {
                return Err("exceeds_debit");
            }
            body["corrects"] = json!(call_id);
            body["debits"] = json!(debits.iter().map(|debit| debit.seq).collect::<Vec<_>>());
            body["corrected"] = json!(amount(given_back));
            correction = Some((key, given_back, known.voided_until));
        }
        let clock = self.clock;
        let account = self.account_mut(tenant);
        if (account.balance() + money).abs() >= LIMIT || (account.adjusted + money).abs() >= LIMIT {
            return Err("overflow");
        }
        account.adjusted += money;
        if money > 0 {
            let lot = account.add_lot(money, clock, time::a_year_after(clock));
            if let (Value::Object(body), Value::Object(lot)) = (&mut body, lot) {
                body.extend(lot);
            }
        } else {
            let drawn = account.draw(-money);
            body["lots"] = lots(&drawn.lots);
            body["debt"] = unless_zero(drawn.debt);
        }
        if let Some((key, given_back, voided_until)) = correction {
            self.remember_correction(key, given_back, voided_until);
        }
        Ok(("balance.adjusted", body))
    }

    pub(super) fn void(&mut self, tenant: &str, fields: &Fields) -> Result<(&'static str, Value), &'static str> {
        let call_id = read::text(fields, "call_id", 512).flatten().ok_or("malformed")?;
        let reason = read::text(fields, "reason", 256).flatten().ok_or("malformed")?;
        let releases = fields.get("release").and_then(Value::as_bool).unwrap_or(false);
        let debits = debits(fields, tenant, &call_id, self.account(tenant).seq).ok_or("malformed")?;
        let key = (tenant.to_owned(), call_id.clone(), debits[0].seq);
        let known = self.corrected(&key);
        if known.voided_until.is_some_and(|until| self.clock < until) {
            return Err("exceeds_debit");
        }
        // WIRE.md: all of them.
        if self
            .known(tenant, &call_id)
            .is_some_and(|known| debits.last().is_none_or(|last| last.part != u64::from(known.part)))
        {
            return Err("malformed");
        }
        let debited: Amount = debits.iter().map(|debit| debit.amount).sum();
        let money = debited - known.given_back;
        let account = self.account_mut(tenant);
        if account.balance() + money >= LIMIT || account.adjusted + money >= LIMIT {
            return Err("overflow");
        }
        let mut body = json!({
            "call_id": call_id, "reason": reason, "release": releases.then_some(true), "amount": amount(money),
            "debits": debits.iter().map(|debit| debit.seq).collect::<Vec<_>>(), "user": debits[0].user,
            "answered_at": debits[0].answered.map(|at| at.to_string()), "corrected": amount(debited),
        });
        self.give_back(tenant, money, &debits, &mut body);
        self.give_minutes_back(tenant, &debits, &mut body);
        self.take_spend_back(tenant, &debits, &mut body);
        let voided_until = self.clock + time::days(MEMORY_DAYS);
        self.remember_correction(key, debited, Some(voided_until));
        if releases {
            self.calls.remove(&(tenant.to_owned(), call_id));
        }
        Ok(("call.voided", body))
    }

    /// Debt first, then the lots that it came from, then a new lot (F20).
    fn give_back(&mut self, tenant: &str, money: Amount, debits: &[Debit], body: &mut Value) {
        let clock = self.clock;
        let account = self.account_mut(tenant);
        account.adjusted += money;
        let repaid = account.repay(money);
        let mut left = money - repaid;
        let mut drawn: Vec<(u64, Amount)> = Vec::new();
        for (lot, part) in debits.iter().flat_map(|debit| &debit.lots) {
            match drawn.iter_mut().find(|(one, _)| one == lot) {
                Some((_, sum)) => *sum += part,
                None => drawn.push((*lot, *part)),
            }
        }
        let mut returned = Vec::new();
        for (seq, most) in drawn {
            let Some(lot) = account.lots.iter_mut().find(|lot| lot.seq == seq) else { continue };
            let part = left.min(most);
            if part > 0 {
                lot.left += part;
                left -= part;
                returned.push((seq, part));
            }
        }
        body["debt_repaid"] = unless_zero(repaid);
        body["lots"] = lots(&returned);
        if left > 0 {
            let expires_at = time::a_year_after(clock);
            let seq = account.seq + 1;
            let warned = BTreeSet::new();
            account.lots.push(super::account::Lot { seq, left, purchased_at: clock, expires_at, warned });
            body["lot"] = json!(format!("l{seq}"));
            body["lot_amount"] = json!(amount(left));
            body["expires_at"] = json!(expires_at.to_string());
        }
    }

    fn give_minutes_back(&mut self, tenant: &str, debits: &[Debit], body: &mut Value) {
        let clock = self.clock;
        let account = self.account_mut(tenant);
        let pools = || debits.iter().filter_map(|debit| debit.pool.as_ref());
        let minutes: u64 = pools().map(|(_, _, minutes, _)| minutes).sum();
        let Some((id, month, _, of_user)) = pools().next() else { return };
        let user = debits[0].user.clone().filter(|_| *of_user);
        let key = PoolKey { id: id.clone(), user, month: month.clone() };
        // What is older than what is kept (A3) has no counter any more.
        let kept = if is_over(&key.month, clock) { 0 } else { account.used.get(&key).copied().unwrap_or(0) };
        let used = kept.saturating_sub(minutes);
        account.used.insert(key, used);
        body["pool"] = super::without_nulls(json!({"id": id, "month": month, "minutes": minutes, "used": used,
            "of_user": of_user.then_some(true)}));
    }

    /// Of the user's month and of the day: what the debits added, whatever was corrected of them (R37), and of the user only
    /// those since there is a limit. What users spent is read to be kept for as long as pools are (A3; A10 names no end).
    fn take_spend_back(&mut self, tenant: &str, debits: &[Debit], body: &mut Value) {
        let first = &debits[0];
        let clock = self.clock;
        let account = self.account_mut(tenant);
        let Some(start) = first.answered else { return };
        let today = account.spent_on.entry(time::day_of(start)).or_insert(0);
        *today = (*today - debits.iter().map(|debit| debit.amount).sum::<Amount>()).max(0);
        if let Some(limit) = first.user.as_ref().and_then(|user| account.limits.get_mut(user)) {
            let month = time::month_of(start);
            if is_over(&month, clock) {
                limit.spent.remove(&month);
            }
            let counted: Amount = debits.iter().filter(|debit| debit.seq > limit.since).map(|debit| debit.amount).sum();
            let spent = limit.spent.entry(month).or_insert(0);
            *spent = (*spent - counted).max(0);
            body["spent"] = json!((counted != 0).then(|| amount(*spent)));
        }
    }
}
