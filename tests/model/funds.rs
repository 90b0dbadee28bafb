//! Commands that change money, licences and limits, and the end of an account.

use serde_json::{Value, json};

use super::account::Limit;
use super::command::Fields;
use super::licences::{Change, places};
use super::money::amount;
use super::{Model, read, time};

/// How long the reference of a payment is remembered.
const PAYMENT_MEMORY_DAYS: i64 = 400;
/// Pairs of plan and country of which a tenant may have licences (A3).
const PLACES_MAX: usize = 1_000;

/// An event's kind and body, or the code of a refusal.
type Change0 = Result<(&'static str, Value), &'static str>;

impl Model {
    pub(super) fn add_funds(&mut self, tenant: &str, fields: &Fields) -> Change0 {
        let clock = self.clock;
        let money = read::amount(fields, "amount").flatten().ok_or("malformed")?;
        let reference = read::text(fields, "payment_reference", 256).flatten().ok_or("malformed")?;
        let expires_at = read::time(fields, "expires_at").ok_or("malformed")?;
        if expires_at.is_some_and(|at| at <= clock) {
            return Err("malformed");
        }
        let is_booked = self.payments.get(&(tenant.to_owned(), reference.clone())).is_some_and(|until| clock < *until);
        let account = self.account_mut(tenant);
        if money < account.settings.minimum_funding {
            return Err("below_minimum");
        }
        if is_booked {
            return Err("duplicate_payment_reference");
        }
        if !account.can_add(money) {
            return Err("overflow");
        }
        // F17: funds by hand end a suspension, and the wait for a retry.
        account.recharges.suspended = false;
        account.recharges.end_wait();
        account.added += money;
        let mut body = account.add_lot(money, clock, expires_at.unwrap_or_else(|| time::a_year_after(clock)));
        body["payment_reference"] = json!(reference);
        self.remember_payment(tenant, &reference);
        Ok(("funds.added", body))
    }

    pub(super) fn remember_payment(&mut self, tenant: &str, reference: &str) {
        let until = self.clock + time::days(PAYMENT_MEMORY_DAYS);
        self.payments.insert((tenant.to_owned(), reference.to_owned()), until);
    }

    pub(super) fn set_licences(&mut self, tenant: &str, fields: &Fields) -> Change0 {
        let text = |name: &str| fields.get(name).and_then(Value::as_str).map(str::to_owned).ok_or("malformed");
        let (plan, country) = (text("plan")?, text("usage_country")?);
        let quantity = fields.get("quantity").and_then(Value::as_u64).ok_or("malformed")?;
        if !self.knows_plan(&plan) {
            return Err("unknown_plan");
        }
        let clock = self.clock;
        let union = self.catalog.numbers(clock).country(&country).and_then(|of| of.pool_union.clone());
        let account = self.account_mut(tenant);
        let known = places(&account.licences);
        if known.len() >= PLACES_MAX && !known.contains(&(plan.clone(), country.clone())) {
            return Err("overflow");
        }
        let body = json!({"plan": plan, "usage_country": country, "quantity": quantity, "union": union});
        account.licences.push(Change { at: clock, plan, country, quantity });
        Ok(("licences.set", body))
    }

    pub(super) fn limit_user(&mut self, tenant: &str, fields: &Fields) -> Change0 {
        let user = read::text(fields, "user", 256).flatten().ok_or("malformed")?;
        let limit = read::amount(fields, "monthly_limit").ok_or("malformed")?;
        let account = self.account_mut(tenant);
        let seq = account.seq + 1;
        let since = account.limits.get(&user).map(|of_user| of_user.since);
        match limit {
            // A10: lifting forgets what was spent.
            None => drop(account.limits.remove(&user)),
            Some(limit) => {
                let new = Limit { since: seq, limit, spent: Default::default() };
                account.limits.entry(user.clone()).or_insert(new).limit = limit;
            }
        }
        Ok(("user.limit_set", json!({"user": user, "monthly_limit": limit.map(amount), "since": since})))
    }

    pub(super) fn close(&mut self, tenant: &str, command_id: &str, fields: &Fields) -> Result<(), &'static str> {
        let reason = read::text(fields, "reason", 256).flatten().ok_or("malformed")?;
        let forfeits = fields.get("forfeit").and_then(Value::as_bool).unwrap_or(false);
        let clock = self.clock;
        let account = self.account_mut(tenant);
        if account.balance() > 0 && !forfeits {
            return Err("balance_not_zero");
        }
        account.closed = Some(clock);
        let lots: Vec<u64> = account.lots.iter().map(|lot| lot.seq).collect();
        self.event(tenant, "tenant.closed", command_id, json!({ "reason": reason }));
        for lot in lots {
            self.expire(tenant, command_id, lot);
        }
        Ok(())
    }

    /// What is left of a lot is gone (R32).
    pub(super) fn expire(&mut self, tenant: &str, cause: &str, lot: u64) {
        let account = self.account_mut(tenant);
        let place = account.lots.iter().position(|one| one.seq == lot).expect("the lot was there");
        let left = account.lots.remove(place).left;
        account.expired += left;
        self.event(tenant, "funds.expired", cause, json!({"lot": format!("l{lot}"), "amount": amount(left)}));
    }
}
