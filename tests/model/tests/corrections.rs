//! Voids and adjustments.

use serde_json::json;

use super::world::World;
use crate::model::Outcome;

#[test]
fn r37_f20_a_void_pays_debt_then_the_lots_it_came_from_then_a_new_one() {
    let mut world = World::new("0.10");
    world.command("funds.add", json!({"amount": "0.10", "payment_reference": "second"}));
    world.call("a", "+33612345678", 60, json!({}));
    world.call("b", "+33612345678", 60, json!({}));
    let void = json!({"call_id": "a", "reason": "wrong", "debits": world.debits("a")});
    assert_eq!(world.command("call.void", void.clone()), Outcome::Applied);
    let voided = world.last("call.voided");
    // b drew the rest of the second lot and left debt, so neither lot is there any more.
    assert_eq!(
        (&voided["debt_repaid"], &voided["lot_amount"], &voided["lots"]),
        (&json!("0.05"), &json!("0.075"), &json!(null))
    );
    assert_eq!(world.balance(), "0.075");
    assert_eq!(world.command("call.void", void), Outcome::Refused("exceeds_debit"));
}

#[test]
fn r37_what_was_corrected_never_exceeds_the_debit() {
    let mut world = World::new("10");
    world.call("a", "+33612345678", 120, json!({}));
    let adjust = |world: &mut World, amount: &str| {
        let debits = world.debits("a");
        world.command(
            "balance.adjust",
            json!({"amount": amount, "reason": "re-rated", "corrects": "a", "debits": debits}),
        )
    };
    assert_eq!(adjust(&mut world, "0.15"), Outcome::Applied);
    assert_eq!(adjust(&mut world, "0.11"), Outcome::Refused("exceeds_debit"));
    assert_eq!(adjust(&mut world, "-0.20"), Outcome::Applied);
    assert_eq!(world.last("balance.adjusted")["corrected"], "-0.05");
    let void = json!({"call_id": "a", "reason": "wrong", "debits": world.debits("a"), "release": true});
    assert_eq!(world.command("call.void", void), Outcome::Applied);
    assert_eq!((&world.last("call.voided")["amount"], world.balance().as_str()), (&json!("0.30"), "10.00"));
    assert_eq!(world.call("a", "+33612345678", 60, json!({})), Outcome::Debited, "the identity was freed");
}

#[test]
fn r37_minutes_go_back_to_their_pool() {
    let mut world = World::new("1");
    world.command("licences.set", json!({"plan": "domestic", "usage_country": "US", "quantity": 1}));
    world.call("a", "+14255550100", 600, json!({"plan": "domestic"}));
    world.command("call.void", json!({"call_id": "a", "reason": "wrong", "debits": world.debits("a")}));
    let pool = &world.last("call.voided")["pool"];
    assert_eq!(*pool, json!({"id": "domestic/included/US", "month": "2026-11", "minutes": 10, "used": 0}));
}

#[test]
fn r37_the_spend_goes_back_as_it_came() {
    let mut world = World::new("10");
    world.call("a", "+33612345678", 60, json!({}));
    world.command("user.limit", json!({"user": "ada", "monthly_limit": "5"}));
    world.call("b", "+33612345678", 60, json!({}));
    world.command("call.void", json!({"call_id": "a", "reason": "wrong", "debits": world.debits("a")}));
    assert_eq!(world.last("call.voided")["spent"], json!(null), "it is older than the limit");
    let dearer = json!({"amount": "-0.25", "reason": "re-rated", "corrects": "b", "debits": world.debits("b")});
    world.command("balance.adjust", dearer);
    world.command("call.void", json!({"call_id": "b", "reason": "wrong", "debits": world.debits("b")}));
    let voided = world.last("call.voided");
    assert_eq!((&voided["amount"], &voided["spent"]), (&json!("0.375"), &json!("0.00")));
}

#[test]
fn r37_a_void_names_all_parts() {
    let mut world = World::new("10");
    let start = json!({"answered_at": "2026-11-20T09:50:00Z", "part": 0, "final": false});
    world.call("a", "+33612345678", 60, start);
    let first = world.debits("a");
    world.call("a", "+33612345678", 120, json!({"answered_at": "2026-11-20T09:50:00Z", "part": 1, "final": false}));
    let void = |debits| json!({"call_id": "a", "reason": "wrong", "debits": debits, "release": true});
    assert_eq!(world.command("call.void", void(first)), Outcome::Refused("malformed"));
    let all = world.debits("a");
    assert_eq!(world.command("call.void", void(all)), Outcome::Applied);
}
