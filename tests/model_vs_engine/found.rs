//! What random histories found, each as short as it can be, and a bound that they never meet: independent of how the histories
//! of the day are made.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::model::Step;
use crate::run::Run;
use crate::tally::Tally;
use crate::{adapter, rates};

/// A history written by hand, of the tenant north.
struct Script {
    run: Run,
    now: Timestamp,
    count: u32,
}

impl Script {
    fn of_tenant(settings: Value) -> Script {
        let rates = rates::catalog();
        let run = Run::new(0, &rates, &adapter::catalog(&rates));
        let mut script = Script { run, now: "2026-11-02T10:00:00Z".parse().expect("a time"), count: 0 };
        script.command(
            "tenant.open",
            json!({"currency": "USD", "price_list": "retail", "usage_country": "US"}),
            settings,
        );
        script
    }

    fn step(&mut self, step: &Step) {
        self.run.step(self.now, step, &mut Tally::default());
    }

    fn after(&mut self, hours: i64) {
        self.now += SignedDuration::from_hours(hours);
        self.step(&Step::Clock);
    }

    fn command(&mut self, kind: &str, body: Value, more: Value) {
        self.count += 1;
        let mut command = json!({"command_id": format!("k{}", self.count), "tenant": "north", "type": kind,
            "at": self.now.to_string()});
        for fields in [body, more] {
            let (Value::Object(command), Value::Object(fields)) = (&mut command, fields) else { panic!("objects") };
            command.extend(fields);
        }
        self.step(&Step::Command(command.to_string().into_bytes()));
    }

    /// A call that began an hour ago.
    fn call(&mut self, id: &str, to: &str, seconds: i64, more: Value) {
        let start = self.now - SignedDuration::from_hours(1);
        let mut call = json!({"call_id": id, "tenant": "north", "service": "calling", "direction": "outbound",
            "from": "+14255550111", "to": to, "number_type": "user", "answered_at": start.to_string(),
            "duration_seconds": seconds});
        let (Value::Object(fields), Value::Object(more)) = (&mut call, more) else { panic!("objects") };
        fields.extend(more);
        self.step(&Step::Cdr(call.to_string().into_bytes()));
    }

    fn licences(&mut self, plan: &str, quantity: u32) {
        self.command("licences.set", json!({"plan": plan, "usage_country": "US", "quantity": quantity}), json!({}));
    }

    fn configure(&mut self) {
        let body = json!({"enabled": true, "trigger": "1", "amount": "3", "payment_method": "pm"});
        self.command("recharge.configure", body, json!({}));
    }

    /// The data of the last event of a type.
    #[track_caller]
    fn last(&self, kind: &str) -> &Value {
        let kind = format!("tollkeeper.{kind}.v1");
        let event = self.run.ledger.iter().rev().find(|event| event["type"] == kind);
        &event.unwrap_or_else(|| panic!("no {kind}"))["data"]
    }

    fn count(&self, kind: &str) -> usize {
        let kind = format!("tollkeeper.{kind}.v1");
        self.run.ledger.iter().filter(|event| event["type"] == kind).count()
    }
}

#[test]
fn r39_a_closed_account_is_not_asked_about_its_recharge() {
    let mut script = Script::of_tenant(json!({}));
    script.configure();
    script.command("tenant.close", json!({"reason": "moved away"}), json!({}));
    script.after(48);
    assert_eq!((script.count("recharge.requested"), script.count("recharge.status_requested")), (1, 0));
}

#[test]
fn r34_the_waits_of_a_settled_recharge_are_not_those_of_the_next() {
    let mut script = Script::of_tenant(json!({}));
    script.configure();
    script.after(19);
    let id = script.last("recharge.requested")["recharge_id"].clone();
    let failed = json!({"recharge_id": id, "outcome": "failed", "reason": "card expired"});
    script.command("recharge.settle", failed, json!({}));
    script.after(5);
    assert_eq!((script.count("recharge.requested"), script.count("recharge.unresolved")), (2, 0));
}

#[test]
fn r37_a_voided_call_is_not_voided_again_behind_a_correction() {
    let mut script = Script::of_tenant(json!({}));
    script.licences("domestic", 1);
    script.call("c", "+14255550100", 600, json!({"plan": "domestic"}));
    let debits: Vec<Value> =
        script.run.ledger.iter().filter(|event| event["data"]["call_id"] == "c").cloned().collect();
    let void = json!({"call_id": "c", "reason": "wrong", "debits": debits});
    script.command("call.void", void.clone(), json!({}));
    let adjust = json!({"amount": "-0.01", "reason": "dearer", "corrects": "c", "debits": debits});
    script.command("balance.adjust", adjust, json!({}));
    script.command("call.void", void, json!({}));
    assert_eq!(script.count("call.voided"), 1, "its minutes would go back twice");
}

#[test]
fn r2_the_default_plan_at_the_first_part_is_that_of_the_call() {
    let plan = |plan: &str| json!({"default_plans": {"calling": plan}});
    let mut script = Script::of_tenant(plan("strict"));
    script.call("c", "+16045550100", 600, json!({"final": false}));
    script.command("tenant.update", plan("payg"), json!({}));
    script.call("c", "+16045550100", 900, json!({"part": 1}));
    assert_eq!(script.last("call.debited")["amount"], "0.00", "free by the plan that it began with");
}

#[test]
fn f16_used_up_pools_of_the_month_are_listed_when_their_licences_are_gone() {
    let mut script = Script::of_tenant(json!({}));
    script.licences("apart", 1);
    script.call("a", "+442071234567", 33, json!({"plan": "apart"}));
    script.licences("apart", 0);
    script.call("b", "+442071234567", 33, json!({"plan": "apart"}));
    assert_eq!(script.last("tenant.blocked")["pools"], json!(["apart/abroad/us-pr"]));
}

#[test]
fn r2_a_part_that_shrunk_needs_no_rate() {
    let mut script = Script::of_tenant(json!({}));
    // Spain has no price at night, and needs none while a pool pays.
    script.now = "2026-11-02T22:00:00Z".parse().expect("a time");
    script.licences("international", 1);
    script.call("c", "+34911234567", 60, json!({"final": false, "plan": "international"}));
    script.call("c", "+34911234567", 30, json!({"part": 1, "plan": "international"}));
    assert_eq!(script.last("call.debited")["shrunk"], true);
}

#[test]
fn a_tenant_has_at_most_1000_counts_of_licences() {
    let mut script = Script::of_tenant(json!({"block_at": "-1"}));
    let letters = || "ABCDEFGHIJKLMNOPQRSTUVWXYZ".chars();
    let countries: Vec<String> =
        letters().flat_map(|first| letters().map(move |second| format!("{first}{second}"))).collect();
    let places = ["domestic", "apart"].into_iter().flat_map(|plan| countries.iter().map(move |at| (plan, at)));
    for (plan, country) in places.take(1_002) {
        script.command("licences.set", json!({"plan": plan, "usage_country": country, "quantity": 1}), json!({}));
    }
    script.command("licences.set", json!({"plan": "domestic", "usage_country": "US", "quantity": 2}), json!({}));
    assert_eq!(script.count("licences.set"), 1_001, "what is there can still be changed");
}
