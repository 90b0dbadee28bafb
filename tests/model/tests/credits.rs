//! Lots, debt, expiry, recharges, blocks and limits.

use serde_json::{Value, json};

use super::world::World;
use crate::model::Outcome;

#[test]
fn r31_r35_debits_draw_lots_in_order_and_the_rest_is_debt() {
    let mut world = World::new("0.20");
    world.command("funds.add", json!({"amount": "0.10", "payment_reference": "second"}));
    world.call("a", "+33612345678", 120, json!({}));
    let debit = world.last("call.debited");
    assert_eq!(debit["lots"], json!([{"lot": "l3", "amount": "0.20"}, {"lot": "l5", "amount": "0.05"}]));
    world.call("b", "+33612345678", 60, json!({}));
    assert_eq!(world.last("call.debited")["debt"], "0.075");
    assert_eq!(world.count("balance.reached_zero"), 1, "at every crossing, not at the opening");
    assert_eq!(world.count("tenant.blocked"), 2);
    world.command("funds.add", json!({"amount": "1", "payment_reference": "third"}));
    assert_eq!(world.last("funds.added")["debt_repaid"], "0.075");
    assert_eq!((world.balance().as_str(), world.count("tenant.unblocked")), ("0.925", 2));
}

#[test]
fn r32_f14_a_lot_is_warned_of_and_expires() {
    let mut world = World::new("5");
    let expiring = json!({"amount": "1", "payment_reference": "short", "expires_at": "2026-12-01T00:00:00Z"});
    world.command("funds.add", expiring);
    world.clock("2026-12-01T00:00:00Z");
    // The warning of 30 days would lie before the purchase.
    assert_eq!(world.count("funds.expiring"), 1);
    assert_eq!(world.last("funds.expiring")["days"], 7);
    let expired = world.last("funds.expired");
    assert_eq!((&expired["cause"], &expired["amount"]), (&json!("due/expiry/l5"), &json!("1.00")));
    assert_eq!(world.balance(), "5.00");
}

#[test]
fn r34_a_failed_recharge_is_tried_again_and_at_last_suspended() {
    let mut world = World::new("0");
    let settings = json!({"enabled": true, "trigger": "1", "amount": "10", "payment_method": "pm"});
    world.command("recharge.configure", settings);
    let fail = |world: &mut World| {
        let id = world.last("recharge.requested")["recharge_id"].clone();
        world.command("recharge.settle", json!({"recharge_id": id, "outcome": "failed", "reason": "card expired"}))
    };
    for (attempt, at) in [(1, "2026-11-20T11:00:00Z"), (2, "2026-11-20T17:00:00Z"), (3, "2026-11-21T17:00:00Z")] {
        assert_eq!(fail(&mut world), Outcome::Applied);
        assert_eq!(world.last("recharge.failed")["next_at"], at);
        world.clock(at);
        assert_eq!(world.last("recharge.requested")["attempt"], attempt + 1);
    }
    fail(&mut world);
    assert_eq!((&world.last("recharge.failed")["next_at"], world.count("recharge.suspended")), (&Value::Null, 1));
    world.command("funds.add", json!({"amount": "0.5", "payment_reference": "by hand"}));
    assert_eq!(world.last("recharge.requested")["attempt"], 1);
}

#[test]
fn r34_no_answer_asks_for_the_status_and_then_for_a_person() {
    let mut world = World::new("0");
    world.command(
        "recharge.configure",
        json!({"enabled": true, "trigger": "1", "amount": "10", "payment_method": "pm"}),
    );
    world.clock("2026-11-22T00:00:00Z");
    let times: Vec<Value> = world.model.ledger().iter().rev().take(2).map(|event| event["time"].clone()).collect();
    assert_eq!(times, ["2026-11-21T09:00:00.000Z", "2026-11-20T11:00:00.000Z"]);
    assert_eq!((world.count("recharge.status_requested"), world.count("recharge.unresolved")), (1, 1));
    assert_eq!(world.count("recharge.requested"), 1, "it stays in flight");
}

#[test]
fn r38_limits_of_user_and_day_block_and_open_again() {
    let mut world = World::new("100");
    world.command("user.limit", json!({"user": "ada", "monthly_limit": "0.25"}));
    world.command("tenant.update", json!({"daily_limit": "0.375"}));
    world.call("a", "+33612345678", 120, json!({}));
    assert_eq!((&world.last("user.blocked")["spent"], world.count("tenant.blocked")), (&json!("0.25"), 1));
    world.call("b", "+33612345678", 60, json!({"user": "bob"}));
    assert_eq!(world.last("tenant.blocked")["reason"], "daily_limit");
    world.clock("2026-11-21T00:00:00Z");
    assert_eq!(world.last("tenant.unblocked")["cause"], "due/day/2026-11-21");
    world.command("user.limit", json!({"user": "ada", "monthly_limit": null}));
    assert_eq!(world.last("user.unblocked")["month"], "2026-11");
}

#[test]
fn r35_f16_a_pool_keeps_its_classes_open_until_it_is_used_up() {
    let mut world = World::new("0");
    world.command("licences.set", json!({"plan": "domestic", "usage_country": "US", "quantity": 1}));
    let open = ["inbound_toll_free", "outbound_international", "conference_dial_in"];
    assert_eq!(world.last("tenant.blocked")["classes"], json!(open));
    world.call("a", "+14255550100", 7200, json!({"plan": "domestic"}));
    let blocked = world.last("tenant.blocked");
    assert_eq!(
        (blocked["classes"].as_array().map(Vec::len), &blocked["pools"]),
        (Some(5), &json!(["domestic/included/US"]))
    );
    world.clock("2026-12-01T00:00:00Z");
    assert_eq!(world.last("tenant.blocked")["cause"], "due/month/2026-12");
    assert_eq!(world.last("tenant.blocked")["classes"], json!(open));
}
