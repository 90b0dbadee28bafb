//! Calls in parts.

use serde_json::{Value, json};

use super::world::World;
use crate::model::Outcome;

/// A part of a call that began at 06:00.
fn part(part: u32, seconds: u64, is_final: bool) -> Value {
    json!({"part": part, "final": is_final, "answered_at": "2026-11-20T06:00:00Z", "duration_seconds": seconds,
        "plan": "domestic"})
}

#[test]
fn r2_the_parts_of_a_call_cost_what_one_final_cdr_would() {
    let licence = json!({"plan": "domestic", "usage_country": "US", "quantity": 1});
    let mut whole = World::new("100");
    whole.command("licences.set", licence.clone());
    whole.call("c", "+14255550100", 0, part(0, 8000, true));
    let mut parts = World::new("100");
    parts.command("licences.set", licence);
    for (number, seconds, is_final) in [(0, 59, false), (2, 7199, false), (3, 7201, false), (7, 8000, true)] {
        assert_eq!(parts.call("c", "+14255550100", 0, part(number, seconds, is_final)), Outcome::Debited);
    }
    assert_eq!(whole.balance(), parts.balance());
    assert_eq!(parts.last("call.debited")["cumulative"]["pool_minutes"], 120);
    let seconds: u64 = parts.debits("c").iter().map(|debit| debit["data"]["seconds"].as_u64().expect("whole")).sum();
    assert_eq!(seconds, 8000);
}

#[test]
fn r2_a_shorter_part_charges_nothing_and_older_ones_are_duplicates() {
    let mut world = World::new("100");
    let mut send = |number: u32, seconds: u64, is_final: bool| {
        let outcome = world.call("c", "+33612345678", 0, part(number, seconds, is_final));
        (outcome, world.balance())
    };
    let duplicate = |part: u32| Outcome::DuplicateCall { tenant: "contoso".into(), call_id: "c".into(), part };
    let conflict = || Outcome::Quarantined("conflicting_duplicate");
    assert_eq!(send(1, 120, false), (Outcome::Debited, "99.75".into()));
    assert_eq!(send(0, 60, false), (duplicate(0), "99.75".into()));
    assert_eq!(send(1, 121, false), (conflict(), "99.75".into()));
    assert_eq!(send(2, 60, false), (Outcome::Debited, "99.75".into()));
    assert_eq!(send(3, 180, true), (Outcome::Debited, "99.625".into()));
    assert_eq!(send(4, 180, true), (duplicate(4), "99.625".into()));
    assert_eq!(send(4, 240, true), (conflict(), "99.625".into()));
}
