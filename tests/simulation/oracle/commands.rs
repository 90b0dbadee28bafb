//! What must become of a command.

use serde_json::{Value, json};

use super::price::list;
use super::recharges::State;
use super::{Account, DAY_MS, Delivered, Partition, time_in_ms};
use crate::sent::{Body, Command, amount, time, without_nulls};

const AGE_MAX_MS: i64 = 35 * DAY_MS;
const AHEAD_MAX_MS: i64 = 5 * 60_000;
const MEMORY_MS: i64 = 36 * DAY_MS;
const PAYMENT_MEMORY_MS: i64 = 400 * DAY_MS;

/// What becomes of a command.
enum Verdict {
    /// Events: kind and body.
    Apply,
    Duplicate(u64),
    Refuse(&'static str),
    /// And somebody's money is somewhere.
    RefuseUnmatched(&'static str),
}

impl Partition {
    pub(super) fn command(&mut self, delivered: &Delivered<'_>, command: &Command) {
        let tenant = &*command.tenant;
        match self.apply(command) {
            Verdict::Apply => self.follow(tenant, &command.command_id),
            Verdict::Duplicate(first) => {
                let identity = json!({"tenant": tenant, "command_id": command.command_id});
                self.duplicate(delivered, identity, Some(format!("{tenant}/{first}")));
            }
            Verdict::Refuse(refusal) => self.refuse(command, refusal),
            Verdict::RefuseUnmatched(refusal) => {
                self.refuse(command, refusal);
                self.unmatched(command);
            }
        }
    }

    /// Decides, and where nothing speaks against it applies.
    fn apply(&mut self, command: &Command) -> Verdict {
        let clock_ms = self.clock_ms;
        let tenant = &*command.tenant;
        let key = (tenant.to_owned(), command.command_id.clone());
        if let Body::Unreadable { refusal, .. } = &command.body {
            return Verdict::Refuse(refusal);
        }
        if let Some((body, first, until_ms)) = self.commands.get(&key)
            && clock_ms < *until_ms
        {
            return if *body == command.body {
                Verdict::Duplicate(*first)
            } else {
                Verdict::Refuse("conflicting_command")
            };
        }
        if clock_ms - command.at_ms > AGE_MAX_MS {
            return Verdict::Refuse("too_old");
        }
        if command.at_ms - clock_ms > AHEAD_MAX_MS {
            return Verdict::Refuse("in_future");
        }
        let is_settlement = matches!(command.body, Body::Settle { .. });
        match (self.accounts.get(tenant), &command.body) {
            (Some(_), Body::Open(_)) => return Verdict::Refuse("already_open"),
            (None, Body::Open(_)) => {}
            (None, Body::Settle { success: true, .. }) => return Verdict::RefuseUnmatched("unknown_tenant"),
            (None, _) => return Verdict::Refuse("unknown_tenant"),
            (Some(account), _) if account.closed_ms.is_some() && !is_settlement => {
                return Verdict::Refuse("closed_tenant");
            }
            (Some(_), _) => {}
        }
        let first = self.accounts.get(tenant).map_or(1, |account| account.seq + 1);
        let verdict = match &command.body {
            Body::Settle { recharge_id, success, reference } => self.settle(command, recharge_id, *success, reference),
            _ => match self.change(command) {
                Ok(()) => Verdict::Apply,
                Err(refusal) => Verdict::Refuse(refusal),
            },
        };
        if let Verdict::Apply = verdict {
            self.commands.insert(key, (command.body.clone(), first, clock_ms + MEMORY_MS));
        }
        verdict
    }

    fn change(&mut self, command: &Command) -> Result<(), &'static str> {
        let (clock_ms, tenant) = (self.clock_ms, &*command.tenant);
        match &command.body {
            Body::Open(settings) => {
                if settings.default_plan.is_some_and(|plan| plan != "payg") {
                    return Err("unknown_plan");
                }
                check_list(settings.price_list, settings.currency)?;
                settings.overlay.map_or(Ok(()), |overlay| check_list(overlay, settings.currency))?;
                self.accounts.insert(tenant.to_owned(), Account::new(settings.clone()));
                self.command_event(command, "tenant.opened", settings.json());
            }
            Body::Update(changes) => {
                let settings = &mut self.accounts.get_mut(tenant).expect("it is open").settings;
                let lists = [changes.price_list, changes.overlay.flatten()];
                lists.into_iter().flatten().try_for_each(|id| check_list(id, settings.currency))?;
                settings.price_list = changes.price_list.unwrap_or(settings.price_list);
                settings.overlay = changes.overlay.unwrap_or(settings.overlay);
                settings.usage_country = changes.usage_country.unwrap_or(settings.usage_country);
                settings.no_rate = changes.no_rate.unwrap_or(settings.no_rate);
                settings.block_at = changes.block_at.unwrap_or(settings.block_at);
                let body = settings.json();
                self.command_event(command, "tenant.updated", body);
            }
            Body::Close { forfeit } => {
                let account = self.accounts.get_mut(tenant).expect("it is open");
                if account.balance() > 0 && !forfeit {
                    return Err("balance_not_zero");
                }
                account.closed_ms = Some(clock_ms);
                let lots = account.lots.clone();
                self.command_event(command, "tenant.closed", json!({"reason": "they left"}));
                for (seq, left) in lots {
                    let account = self.accounts.get_mut(tenant).expect("it is open");
                    account.lots.retain(|(of, _)| *of != seq);
                    account.expired += left;
                    let body = json!({"lot": format!("l{seq}"), "amount": amount(left)});
                    self.event(tenant, "funds.expired", &command.command_id, body);
                }
            }
            Body::Funds { amount: money, reference, expires_ms } => {
                if expires_ms.is_some_and(|expires_ms| expires_ms <= clock_ms) {
                    return Err("malformed");
                }
                let payment = (tenant.to_owned(), reference.clone());
                let is_booked = self.payments.get(&payment).is_some_and(|until_ms| clock_ms < *until_ms);
                let account = self.accounts.get_mut(tenant).expect("it is open");
                if *money < account.settings.minimum_funding {
                    return Err("below_minimum");
                }
                if is_booked {
                    return Err("duplicate_payment_reference");
                }
                if !account.can_add(*money) {
                    return Err("overflow");
                }
                account.recharges.suspended = false;
                let mut body = self.add(tenant, *money, expires_ms.map_or_else(|| a_year_after(clock_ms), time));
                body["payment_reference"] = json!(reference);
                self.payments.insert(payment, clock_ms + PAYMENT_MEMORY_MS);
                self.command_event(command, "funds.added", body);
            }
            Body::Configure(settings) => {
                let recharges = &mut self.accounts.get_mut(tenant).expect("it is open").recharges;
                recharges.settings = Some(settings.clone());
                recharges.suspended = false;
                self.command_event(command, "recharge.configured", settings.json());
            }
            Body::Settle { .. } | Body::Unreadable { .. } => unreachable!("dealt with elsewhere"),
        }
        Ok(())
    }

    fn settle(&mut self, command: &Command, id: &str, success: bool, reference: &Option<String>) -> Verdict {
        let (clock_ms, tenant) = (self.clock_ms, &*command.tenant);
        let account = self.accounts.get_mut(tenant).expect("it is open");
        let seq = id.strip_prefix(tenant).and_then(|rest| rest.strip_prefix("/r")).and_then(|seq| seq.parse().ok());
        let seq = seq.filter(|seq: &u64| format!("{tenant}/r{seq}") == id);
        let Some(place) = seq.and_then(|seq| account.recharges.place_of(seq, clock_ms)) else {
            return match success {
                true => Verdict::RefuseUnmatched("unknown_recharge"),
                false => Verdict::Refuse("unknown_recharge"),
            };
        };
        let is_closed = account.closed_ms.is_some();
        let request = account.recharges.all[place].clone();
        match (request.state, success) {
            (State::Paid, _) | (State::Failed, false) => return Verdict::Duplicate(request.last.0),
            (State::Open | State::Failed, true) if !account.can_add(request.amount) => {
                return Verdict::Refuse("overflow");
            }
            (State::Open | State::Failed, true) | (State::Open, false) => {}
        }
        let settled = &mut account.recharges.all[place];
        settled.state = if success { State::Paid } else { State::Failed };
        settled.last = (account.seq + 1, clock_ms);
        let mut body = json!({"recharge_id": id, "attempt": 1, "requested_at": time(request.at_ms)});
        let Value::Object(fields) = &mut body else { unreachable!("written as one") };
        if success {
            let Value::Object(funds) = self.add(tenant, request.amount, a_year_after(clock_ms)) else {
                unreachable!("funds are an object")
            };
            fields.extend(funds);
            if let Some(reference) = reference {
                fields.insert("payment_reference".into(), json!(reference));
                self.payments.insert((tenant.to_owned(), reference.clone()), clock_ms + PAYMENT_MEMORY_MS);
            }
            self.command_event(command, "recharge.succeeded", body);
            if is_closed {
                self.settlement_unmatched(command, Some(request.amount));
            }
        } else {
            fields.insert("amount".into(), json!(amount(request.amount)));
            fields.insert("reason".into(), json!("card expired"));
            self.command_event(command, "recharge.failed", body);
            if !is_closed {
                self.accounts.get_mut(tenant).expect("it is open").recharges.suspended = true;
                self.event(tenant, "recharge.suspended", &command.command_id, json!({ "recharge_id": id }));
            }
        }
        Verdict::Apply
    }

    fn add(&mut self, tenant: &str, money: i128, expires_at: String) -> Value {
        let account = self.accounts.get_mut(tenant).expect("it is open");
        let lot = format!("l{}", account.seq + 1);
        let repaid = account.add(money);
        without_nulls(json!({"lot": lot, "amount": amount(money), "expires_at": expires_at,
            "debt_repaid": (repaid != 0).then(|| amount(repaid))}))
    }

    fn command_event(&mut self, command: &Command, kind: &str, mut body: Value) {
        body["body_hash"] = json!("*");
        if let Some(actor) = command.actor {
            body["actor"] = json!(actor);
        }
        self.event(&command.tenant, kind, &command.command_id, body);
    }

    fn refuse(&mut self, command: &Command, refusal: &str) {
        let data = json!({"cause": command.command_id, "reason": refusal, "detail": "*"});
        self.answer(command, "refused", "command.refused", data);
    }

    /// A command for a frozen account may be money: somebody is told.
    pub(super) fn frozen_command(&mut self, command: &Command) {
        let data = json!({"cause": command.command_id, "detail": "*"});
        self.answer(command, "frozen", "account.frozen", data);
    }

    fn unmatched(&mut self, command: &Command) {
        if self.accounts.contains_key(&command.tenant) {
            return self.settlement_unmatched(command, None);
        }
        let Body::Settle { recharge_id, reference, .. } = &command.body else { unreachable!("money came with it") };
        let data = without_nulls(json!({"cause": command.command_id, "recharge_id": recharge_id,
            "payment_reference": reference}));
        self.answer(command, "unmatched", "settlement.unmatched", data);
    }

    fn settlement_unmatched(&mut self, command: &Command, booked: Option<i128>) {
        let Body::Settle { recharge_id, reference, .. } = &command.body else { unreachable!("money came with it") };
        let body = without_nulls(json!({"recharge_id": recharge_id, "payment_reference": reference,
            "amount": booked.map(amount)}));
        self.event(&command.tenant, "settlement.unmatched", &command.command_id, body);
    }

    fn answer(&mut self, command: &Command, kind: &str, event: &str, data: Value) {
        let id = format!("{kind}/{}/{}", command.tenant, command.command_id);
        self.written.alerts.push(json!({"specversion": "1.0", "id": id, "source": "/tollkeeper",
            "type": format!("tollkeeper.{event}.v1"), "time": time_in_ms(self.clock_ms), "data": data}));
    }
}

fn check_list(id: &str, currency: &str) -> Result<(), &'static str> {
    match list(id) {
        None => Err("unknown_price_list"),
        Some(list) if list.currency != currency => Err("currency_mismatch"),
        Some(_) => Ok(()),
    }
}

/// The same time of the same day a year later; the 29th of February becomes the 28th.
fn a_year_after(ms: i64) -> String {
    let at = time(ms);
    let year: i32 = at[..4].parse().expect("a year");
    let rest = if at[4..].starts_with("-02-29") { format!("-02-28{}", &at[10..]) } else { at[4..].to_owned() };
    format!("{}{rest}", year + 1)
}
