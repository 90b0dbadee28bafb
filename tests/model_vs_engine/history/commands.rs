//! Commands of a history.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::chance::Chance;
use super::{History, TENANTS, USERS, with};
use crate::model::{Step, time};
use crate::rates::PLANS;

impl History {
    /// The commands at the beginning of a list of calls: tenants with settings of every kind, funds and licences.
    pub(super) fn opening(&mut self) -> Option<Step> {
        let count = usize::try_from(self.count).expect("small") - 1;
        let tenant = TENANTS[count % TENANTS.len()];
        let (kind, body) = match count / TENANTS.len() {
            0 => ("tenant.open", settled(&mut self.chance)),
            1 => ("funds.add", json!({"amount": "100000", "payment_reference": "first"})),
            licences @ 2..6 => {
                let plan = ["domestic", "international", "conferencing", "apart"][licences - 2];
                ("licences.set", json!({"plan": plan, "usage_country": "US", "quantity": 9}))
            }
            _ => return None,
        };
        let head =
            json!({"command_id": format!("k{count}"), "tenant": tenant, "at": self.now.to_string(), "type": kind});
        Some(Step::Command(with(head, body).to_string().into_bytes()))
    }

    pub(crate) fn command(&mut self, ledger: &[Value]) -> Step {
        if self.chance.percent(6)
            && let Some(command) = self.command_again()
        {
            return Step::Command(command.to_string().into_bytes());
        }
        // A request that waits is mostly settled: by its retries the histories come to a suspension.
        let waiting = waiting(ledger).filter(|_| self.chance.percent(40));
        let tenant = waiting.unwrap_or_else(|| self.tenant());
        let at = match self.chance.below(100) {
            0 => self.now - time::days(36),
            1 => self.now - time::days(35),
            2 => self.now + SignedDuration::from_secs(301),
            _ => self.now,
        };
        let mut head = json!({"command_id": format!("k{}", self.count), "tenant": tenant, "at": at.to_string()});
        if self.chance.percent(20) {
            head["actor"] = json!("ada");
        }
        let is_open = ledger.iter().any(|event| event["id"] == format!("{tenant}/1"));
        let (kind, body) = match is_open {
            false if tenant != "nobody" && self.chance.percent(90) => ("tenant.open", open(&mut self.chance)),
            _ if waiting.is_some() => ("recharge.settle", settle(&mut self.chance, tenant, ledger)),
            _ => self.body(tenant, ledger),
        };
        let mut command = with(with(head, json!({ "type": kind })), body);
        if self.chance.percent(3) {
            let spoilt = match self.chance.below(5) {
                0 => json!({"version": 2}),
                1 => json!({"type": "tenant.rename"}),
                2 => json!({"surprise": 1}),
                3 => json!({"at": "yesterday"}),
                _ => json!({"command_id": null}),
            };
            command = with(command, spoilt);
        }
        self.commands.push(command.clone());
        Step::Command(command.to_string().into_bytes())
    }

    /// The same again, or the same id with another body.
    fn command_again(&mut self) -> Option<Value> {
        let command = self.chance.some(&self.commands)?.clone();
        let more = match self.chance.below(4) {
            0 => json!({"at": self.now.to_string(), "reason": "another"}),
            1 => json!({"at": self.now.to_string(), "actor": "bob"}),
            _ => json!({}),
        };
        Some(with(command, more))
    }

    fn body(&mut self, tenant: &str, ledger: &[Value]) -> (&'static str, Value) {
        let chance = &mut self.chance;
        match chance.below(100) {
            0..2 => ("tenant.open", open(chance)),
            2..12 => ("tenant.update", update(chance)),
            12 => ("tenant.close", json!({"reason": "moved away", "forfeit": chance.percent(60)})),
            13..32 => {
                let country = chance.one(&["US", "US", "US", "PR", "CA", "FR", "GB"]);
                let plans = if chance.percent(90) { &PLANS[1..7] } else { &PLANS[..] };
                let plan = chance.one(plans);
                let body =
                    json!({"plan": plan, "usage_country": country, "quantity": chance.one(&[&0, &1, &1, &2, &3])});
                ("licences.set", body)
            }
            32..48 => ("funds.add", self.funds()),
            48..63 => ("recharge.configure", configure(chance)),
            63..68 => ("recharge.settle", settle(chance, tenant, ledger)),
            68..80 => {
                void(chance, tenant, ledger).map_or(("balance.adjust", adjust(chance)), |body| ("call.void", body))
            }
            80..90 => {
                let corrected = void(chance, tenant, ledger).filter(|_| chance.percent(60));
                let body = match corrected {
                    Some(of) => {
                        let corrects = json!({"corrects": of["call_id"], "debits": of["debits"]});
                        with(adjust(chance), corrects)
                    }
                    None => adjust(chance),
                };
                ("balance.adjust", body)
            }
            _ => {
                let limit = chance.one(&["0", "0.02", "0.1", "0.5", "0.5", ""]);
                let limit = if limit.is_empty() { Value::Null } else { json!(limit) };
                ("user.limit", json!({"user": chance.one(&USERS), "monthly_limit": limit}))
            }
        }
    }

    fn funds(&mut self) -> Value {
        let chance = &mut self.chance;
        let amount = chance.one(&["0.10", "0.25", "0.5", "1", "1", "5", "20", "999999999999999"]);
        let amount = if *amount == *"999999999999999" && chance.percent(80) { "2" } else { amount };
        let reference = format!("pay-{}", chance.below(60));
        let mut body = json!({"amount": amount, "payment_reference": reference});
        if chance.percent(60) {
            let day = 86_400;
            let after = match chance.below(12) {
                0 => chance.below(2),
                1 => 7 * day,
                2 => 30 * day,
                3 => 30 * day + 1,
                4 => chance.between(25, 35) * day,
                5 | 6 => chance.between(5, 9) * day,
                _ => chance.between(60, 2 * day),
            };
            body["expires_at"] = json!((self.now + SignedDuration::from_secs(after)).to_string());
        }
        body
    }
}

/// An opening that nothing speaks against.
fn settled(chance: &mut Chance) -> Value {
    let country = chance.one(&["US", "US", "PR", "FR", "GB"]);
    with(json!({"currency": "USD", "price_list": "retail", "usage_country": country}), settings(chance))
}

fn open(chance: &mut Chance) -> Value {
    let body = settled(chance);
    match chance.below(30) {
        0 => with(body, json!({"currency": "EUR"})),
        1 => with(body, json!({"currency": "EUR", "price_list": "euro", "overlay": null})),
        2 => with(body, json!({"price_list": "nothing"})),
        3 => with(body, json!({"default_plans": {"calling": "nowhere"}})),
        4 => with(body, json!({"currency": null})),
        _ => body,
    }
}

fn update(chance: &mut Chance) -> Value {
    let all = settings(chance);
    let mut some = json!({});
    for (name, value) in all.as_object().expect("an object") {
        if chance.percent(40) {
            some[name] = if chance.percent(15) { Value::Null } else { value.clone() };
        }
    }
    match chance.below(14) {
        0 => with(some, json!({"price_list": "euro"})),
        1 => with(some, json!({"currency": "USD"})),
        2 => with(some, json!({"price_list": chance.one(&["cents", "retail", "nothing"])})),
        3 => with(some, json!({"usage_country": chance.one(&["US", "FR"])})),
        _ => some,
    }
}

/// Settings that can be left out, each in some cases.
fn settings(chance: &mut Chance) -> Value {
    let mut body = json!({});
    let mut maybe = |name: &str, percent: u32, values: &[&str]| {
        if chance.percent(percent) {
            body[name] = json!(chance.one(values));
        }
    };
    maybe("overlay", 40, &["special"]);
    maybe("no_rate", 40, &["free_call", "free_call", "quarantine"]);
    maybe("minimum_funding", 20, &["0.25", "0"]);
    maybe("block_at", 40, &["-0.5", "0.1", "0", "-2"]);
    maybe("notify_below", 60, &["0.5", "1", "-0.1"]);
    maybe("daily_limit", 35, &["0.1", "0.5", "3"]);
    maybe("contacts_ref", 10, &["desk-1"]);
    if chance.percent(60) {
        let mut plans = json!({});
        for service in ["calling", "conferencing", "voice_app"] {
            if chance.percent(60) {
                plans[service] = json!(chance.one(&PLANS[..8]));
            }
        }
        body["default_plans"] = plans;
    }
    body
}

fn configure(chance: &mut Chance) -> Value {
    let mut body = json!({"enabled": chance.percent(85), "trigger": chance.one(&["0", "0.5", "1", "-1"]),
        "amount": chance.one(&["0.25", "1", "3"]), "payment_method": chance.one(&["pm-1", "pm-2"])});
    if chance.percent(30) {
        body["max_per_month"] = json!(chance.one(&[&1, &2, &3]));
    }
    if chance.percent(30) {
        body["max_amount"] = json!(chance.one(&["0.2", "1", "2"]));
    }
    if chance.percent(30) {
        body["max_amount_per_month"] = json!(chance.one(&["0.5", "2", "5"]));
    }
    if chance.percent(2) {
        body["amount"] = json!("0");
    }
    body
}

/// A tenant whose last event of a recharge is a request without an answer.
fn waiting(ledger: &[Value]) -> Option<&'static str> {
    let last = ledger.iter().rev().take(25).find(|event| !event["data"]["attempt"].is_null())?;
    let is_open = !["tollkeeper.recharge.failed.v1", "tollkeeper.recharge.succeeded.v1"]
        .contains(&last["type"].as_str().unwrap_or(""));
    TENANTS.into_iter().find(|tenant| is_open && last["id"].as_str().is_some_and(|id| id.starts_with(tenant)))
}

fn settle(chance: &mut Chance, tenant: &str, ledger: &[Value]) -> Value {
    let is_request = |event: &&Value| {
        event["type"] == "tollkeeper.recharge.requested.v1"
            && event["id"].as_str().is_some_and(|id| id.starts_with(&format!("{tenant}/")))
    };
    let asked: Vec<&Value> = ledger.iter().rev().filter(is_request).take(4).collect();
    // Mostly the last one.
    let of = if chance.percent(75) { asked.first().copied() } else { chance.some(&asked).copied() };
    let id = of.map_or(json!(format!("{tenant}/r1")), |event| event["data"]["recharge_id"].clone());
    let id = if chance.percent(4) { json!(format!("{}/r7", chance.one(&TENANTS))) } else { id };
    match chance.percent(45) {
        true => {
            json!({"recharge_id": id, "outcome": "succeeded", "payment_reference": format!("pay-{}", chance.below(60))})
        }
        false => json!({"recharge_id": id, "outcome": "failed", "reason": "card expired"}),
    }
}

/// A void of a call that was debited: of all its debits, or not quite.
fn void(chance: &mut Chance, tenant: &str, ledger: &[Value]) -> Option<Value> {
    let is_debit = |event: &&Value| {
        event["type"] == "tollkeeper.call.debited.v1"
            && event["id"].as_str().is_some_and(|id| id.starts_with(&format!("{tenant}/")))
    };
    let late: Vec<&Value> = ledger.iter().rev().filter(is_debit).take(12).collect();
    let call_id = chance.some(&late)?["data"]["call_id"].clone();
    let all = ledger.iter().filter(is_debit).filter(|event| event["data"]["call_id"] == call_id);
    let mut debits: Vec<Value> = all.cloned().collect();
    match chance.below(40) {
        0 => debits.clear(),
        1 => drop(debits.pop()),
        2 => debits.reverse(),
        3 => drop(debits.remove(0)),
        4 => debits.extend(debits.clone()),
        _ => {}
    }
    let mut body = json!({"call_id": call_id, "reason": "wrong", "debits": debits});
    if chance.percent(30) {
        body["release"] = json!(true);
    }
    if chance.percent(2) {
        body["call_id"] = json!("another");
    }
    Some(body)
}

fn adjust(chance: &mut Chance) -> Value {
    let amounts = ["0.01", "0.1", "1", "-0.01", "-0.1", "-1", "0.0000001", "0", "-999999999999999"];
    let likely = if chance.percent(90) { &amounts[..7] } else { &amounts[..] };
    json!({"amount": chance.one(likely), "reason": "goodwill"})
}
