//! The worked figures, one by one.

use serde_json::json;

use super::world::World;
use crate::model::Outcome;

#[test]
fn r16_the_worked_figures_of_paid_calls_come_out() {
    let conferencing = || json!({"service": "conferencing", "plan": "conferencing"});
    let toll_free =
        || json!({"direction": "inbound", "number_type": "toll_free", "to": "+14255550199", "from": "+14255550111"});
    let cases = [
        ("+14255550100", 61, json!({}), "0.026"),
        ("+33612345678", 78, json!({"plan": "domestic"}), "0.25"),
        ("+263771234567", 185, conferencing(), "0.892"),
        ("", 1770, toll_free(), "0.66"),
    ];
    for (to, seconds, more, expected) in cases {
        let mut world = World::new("100");
        world.command("licences.set", json!({"plan": "conferencing", "usage_country": "US", "quantity": 1}));
        assert_eq!(world.call("c", to, seconds, more.clone()), Outcome::Debited, "{more}");
        assert_eq!(world.last("call.debited")["amount"], expected, "{more}");
    }
}

#[test]
fn r24_a_call_that_outlasts_the_pool_pays_the_rest() {
    let mut world = World::new("100");
    world.command("licences.set", json!({"plan": "domestic", "usage_country": "US", "quantity": 1}));
    world.call("fill", "+14255550100", 116 * 60, json!({"plan": "domestic"}));
    assert_eq!(world.last("pool.threshold_reached")["threshold"], 80);
    world.call("split", "+14255550100", 600, json!({"plan": "domestic"}));
    let debit = world.last("call.debited");
    assert_eq!(
        debit["pool"],
        json!({"id": "domestic/included/US", "month": "2026-11", "minutes": 4, "used": 120, "size": 120})
    );
    assert_eq!(
        (&debit["amount"], &debit["paid_seconds"], &debit["rate"]),
        (&json!("0.078"), &json!(360), &json!("0.013"))
    );
    assert_eq!(world.last("pool.threshold_reached")["threshold"], 100);
    assert_eq!(world.count("pool.threshold_reached"), 2);
}

#[test]
fn r24_a_call_that_the_pool_covers_costs_nothing() {
    let mut world = World::new("100");
    world.command("licences.set", json!({"plan": "conferencing", "usage_country": "GB", "quantity": 1}));
    world.call("c", "+442071234567", 600, json!({"service": "conferencing", "plan": "conferencing"}));
    let debit = world.last("call.debited");
    assert_eq!((&debit["amount"], &debit["paid_seconds"], &debit["lines"]), (&json!("0.00"), &json!(0), &json!(null)));
    assert_eq!(debit["pool"]["minutes"], 10);
}

#[test]
fn r33_the_trigger_is_strictly_below() {
    for (funds, after, requests) in [("50.10", "49.85", 1), ("50.25", "50.00", 0)] {
        let mut world = World::new(funds);
        let settings = json!({"enabled": true, "trigger": "50", "amount": "100", "payment_method": "pm"});
        world.command("recharge.configure", settings);
        world.call("c", "+33612345678", 78, json!({}));
        assert_eq!((world.balance().as_str(), world.count("recharge.requested")), (after, requests));
        if requests == 1 {
            let id = world.last("recharge.requested")["recharge_id"].clone();
            world.command("recharge.settle", json!({"recharge_id": id, "outcome": "succeeded"}));
            assert_eq!(world.balance(), "149.85");
        }
    }
}

#[test]
fn r21_pools_are_licences_times_minutes() {
    for (plan, licences, size) in [("conferencing", 115, 6_900), ("domestic", 100, 12_000)] {
        let mut world = World::new("1");
        world.command("licences.set", json!({"plan": plan, "usage_country": "US", "quantity": licences}));
        world.call("c", "+14255550100", 60, json!({"service": "conferencing", "plan": plan}));
        assert_eq!(world.last("call.debited")["pool"]["size"], size);
    }
}

#[test]
fn f12_the_peak_of_the_month_is_the_size() {
    let mut world = World::new("1");
    for quantity in [3, 5, 2] {
        world.command("licences.set", json!({"plan": "domestic", "usage_country": "US", "quantity": quantity}));
    }
    world.call("november", "+14255550100", 60, json!({"plan": "domestic"}));
    assert_eq!(world.last("call.debited")["pool"]["size"], 600);
    world.clock("2026-12-02T00:00:00Z");
    world.call("december", "+14255550100", 60, json!({"plan": "domestic"}));
    assert_eq!(world.last("call.debited")["pool"]["size"], 240);
}
