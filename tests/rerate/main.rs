//! Calls are priced again, and the engine takes the corrections: afterwards the account stands as if the new prices had always been.

mod command_line;
#[path = "../support/partition.rs"]
mod partition;
mod world;

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tollkeeper::stream::transport::Output;
use world::{FIRST, Prices, SECOND, START, World, call, catalog, rerate, terms, terms_of, told, with};

/// Calls of every payer: their price by the first and by the second catalog is beside them.
fn every_payer(world: &mut World) {
    let domestic = [("plan", json!("domestic"))];
    let toll_free = [("direction", json!("inbound")), ("number_type", json!("toll_free"))];
    world.call(&call("france", "+33612345678", 78)); // 2 x 0.125, 2 x 0.10
    world.call(&call("germany", "+4930123456", 60)); // 0.02, 0.02
    world.call(&with(call("pooled", "+14255550100", 400), &domestic)); // 7 pool minutes
    world.call(&with(call("split", "+14255550100", 300), &domestic)); // 3 pool minutes, 2 x 0.013, 2 x 0.02
    world.call(&with(
        call("from-gb", "+18005550100", 60),
        &[&toll_free[..], &[("from", json!("+442071234567"))]].concat(),
    )); // 0.04, 0.05
    world.call(&with(call("from-us", "+18005550100", 60), &toll_free)); // 0.022, 0.02
    world.call(&call("directory", "4411", 60)); // 0.50, 0.25
    world.call(&call("emergency", "911", 60)); // free
    world.call(&with(call("on-net", "+14255550100", 60), &[("on_net", json!(true))])); // free
}

#[test]
fn calls_of_every_payer_are_priced_anew_and_pools_stay_as_they_were() {
    let mut world = World::funded();
    every_payer(&mut world);
    assert_eq!(world.balance(), "99.142"); // 100 - 0.25 - 0.02 - 0.026 - 0.04 - 0.022 - 0.50

    let (report, proposals) = world.rerate(&FIRST);
    assert_eq!((report.changed(), told(&proposals)), (0, vec![]), "the same prices change nothing");

    let (report, proposals) = world.rerate(&SECOND);
    assert_eq!(
        told(&proposals),
        [
            ("france", "0.05".into()),
            ("split", "-0.014".into()),
            ("from-gb", "-0.01".into()),
            ("from-us", "0.002".into()),
            ("directory", "0.25".into()),
        ]
    );
    assert_eq!((report.dearer, report.cheaper, report.free), (2, 3, 2));
    assert!(report.left.is_empty(), "{report}");
    let sum = report.sums()["USD"];
    assert_eq!((sum.before.to_string(), sum.after.to_string(), sum.calls), ("0.858".into(), "0.58".into(), 7));
    world.apply(&proposals);
    assert_eq!(world.balance(), "99.42");

    let mut anew = World::funded_by(&SECOND);
    every_payer(&mut anew);
    assert_eq!(anew.balance(), world.balance(), "as if the second prices had always been");
}

#[test]
fn a_correction_that_is_applied_twice_counts_once_and_then_nothing_is_left_to_propose() {
    let mut world = World::funded();
    world.call(&call("france", "+33612345678", 78));
    let (_, first) = world.rerate(&SECOND);
    let (_, again) = world.rerate(&SECOND);
    assert_eq!(first[0].command_id, again[0].command_id);
    world.apply(&first);
    let (balance, events) = (world.balance(), world.events().len());
    world.give_command(&again[0].command("2026-11-24T00:00:00Z".parse().expect("a time"), None));
    assert_eq!((world.balance(), world.events().len()), (balance, events), "neither time nor actor makes it another");
    assert_eq!(world.last_said(Output::Quarantine)["reason"], "duplicate");
    let (report, proposals) = world.rerate(&SECOND);
    assert_eq!((report.changed(), proposals.len()), (0, 0));
}

/// Each deck corrects what those before it have left, and the way back is a correction of its own however often it is gone.
#[test]
fn decks_after_one_another_are_right_there_and_back_and_there_again() {
    let mut world = World::funded();
    world.call(&call("france", "+33612345678", 78));
    let third = Prices { version: "3", france: "0.30", ..FIRST };
    let mut ids = BTreeSet::new();
    for (prices, amount, balance) in [
        (SECOND, "0.05", "99.80"),
        (third, "-0.40", "99.40"),
        (SECOND, "0.40", "99.80"),
        (third, "-0.40", "99.40"),
        (FIRST, "0.35", "99.75"),
    ] {
        let (_, proposals) = world.rerate(&prices);
        assert_eq!(told(&proposals), [("france", amount.into())], "by {}", prices.version);
        assert!(ids.insert(proposals[0].command_id.clone()), "a command of its own");
        world.apply(&proposals);
        assert_eq!(world.balance(), balance);
    }
    let (_, proposals) = world.rerate(&FIRST);
    assert!(proposals.is_empty());
}

#[test]
fn r2_the_parts_of_a_call_are_corrected_together() {
    let part = |number: u64, seconds: u64, last: bool| {
        with(call("long", "+33612345678", seconds), &[("part", json!(number)), ("final", json!(last))])
    };
    let mut world = World::funded();
    world.call(&part(0, 61, false));
    let (_, running) = world.rerate(&SECOND);
    assert_eq!(told(&running), [("long", "0.05".into())], "as far as it is");
    world.apply(&running);
    world.call(&part(1, 200, false));
    world.call(&part(2, 200, true));
    let (_, whole) = world.rerate(&SECOND);
    assert_eq!(told(&whole), [("long", "0.05".into())], "4 x 0.125 - 0.05 is 0.45, by the second list 0.40");
    let command: Value =
        serde_json::from_str(&whole[0].command("2026-11-20T12:00:00Z".parse().expect("a time"), None)).expect("JSON");
    let parts: Vec<&Value> =
        command["debits"].as_array().expect("a list").iter().map(|debit| &debit["data"]["call_id"]).collect();
    assert_eq!(parts, ["long"; 3]);
    world.apply(&whole);
    let (_, left) = world.rerate(&SECOND);
    assert!(left.is_empty());
}

/// A command that names all its debits would be longer than a record may be.
#[test]
fn law8_a_call_of_too_many_parts_is_left_alone_and_told() {
    let mut world = World::funded();
    for part in 0..150 {
        let is_last = json!(part == 149);
        world.call(&with(call("endless", "+33612345678", 60 + part), &[("part", json!(part)), ("final", is_last)]));
    }
    let (report, proposals) = world.rerate(&SECOND);
    assert!(proposals.is_empty());
    assert_eq!(report.json("proposed")["left"], json!({"too_many_parts": 1}));
    assert_eq!((report.left_first[0].call_id.as_str(), report.left_first[0].detail.as_str()), ("endless", "150 parts"));
}

/// The identity is freed by a void, or forgotten after the window: what comes then under the id is a call of its own.
#[test]
fn a_call_id_that_comes_again_is_another_call() {
    let mut world = World::funded();
    world.call(&call("again", "+33612345678", 78));
    let debit = world.events().last().expect("some").clone();
    world.command(
        "void",
        "call.void",
        json!({"call_id": "again", "reason": "wrong", "release": true, "debits": [debit]}),
    );
    world.call(&call("again", "+33612345678", 61));
    let (report, proposals) = world.rerate(&SECOND);
    assert_eq!(told(&proposals), [("again", "0.05".into())]);
    assert_eq!(report.left.iter().map(|(left, calls)| (left.code(), *calls)).collect::<Vec<_>>(), [("voided", 1)]);
    world.apply(&proposals);
    assert_eq!(world.balance(), "99.80");
}

#[test]
fn what_the_catalog_does_not_price_is_left_alone_and_told() {
    let mut world = World::funded();
    every_payer(&mut world);
    let (report, proposals) = world.rerate(&Prices { france: "denied", germany: None, ..FIRST });
    assert!(proposals.is_empty());
    let left: Vec<_> = report.left_first.iter().map(|call| (&*call.call_id, call.left.code(), &*call.detail)).collect();
    assert_eq!(
        left,
        [
            ("france", "denied_destination", "+33612345678 is denied by prefix 33 of retail@1"),
            ("germany", "no_rate", "no price in force for Germany in retail"),
        ]
    );
    assert_eq!(report.json("proposed")["left"], json!({"denied_destination": 1, "no_rate": 1}));
}

#[test]
fn calls_outside_the_time_and_of_other_tenants_are_not_looked_at() {
    let mut world = World::funded();
    world.call(&call("france", "+33612345678", 78));
    let proposed = |from: &str, to: &str, tenant: Option<&str>| {
        let tenant = tenant.and_then(tollkeeper::core::tenant::TenantId::new);
        let terms = terms_of(from, to, tenant);
        rerate(&world.ledger(), catalog(&SECOND), terms).1.len()
    };
    let (day, next) = ("2026-11-20T00:00:00Z", "2026-11-21T00:00:00Z");
    assert_eq!(proposed(day, next, None), 1);
    assert_eq!(proposed(START, "2026-11-20T10:00:00.000001Z", None), 1, "the start is in it");
    assert_eq!(proposed(day, START, None), 0, "the end is not");
    assert_eq!(proposed(day, next, Some("contoso")), 1);
    assert_eq!(proposed(day, next, Some("fabrikam")), 0);
}

/// A ledger that begins in the middle tells neither settings nor earlier parts.
#[test]
fn what_is_not_known_of_a_call_is_no_reason_to_correct_it() {
    let mut world = World::funded();
    world.call(&call("lone", "+33612345678", 78));
    let part = |number: u64, last: bool| {
        with(call("long", "+33612345678", 61 + 60 * number), &[("part", json!(number)), ("final", json!(last))])
    };
    world.call(&part(0, false));
    world.call(&part(1, true));
    let ledger = world.ledger();
    let (report, proposals) = rerate(&ledger[5..], catalog(&SECOND), terms());
    assert!(proposals.is_empty());
    assert_eq!(report.left.values().sum::<u64>(), 2, "{report}");
    let without_part = |text: &str| {
        let is_it = |event: &Vec<u8>| !String::from_utf8_lossy(event).contains(text);
        ledger.iter().filter(|event| is_it(event)).cloned().collect::<Vec<_>>()
    };
    let (report, proposals) = rerate(&without_part("\"cause\":\"long/0\""), catalog(&SECOND), terms());
    assert_eq!(told(&proposals), [("lone", "0.05".into())]);
    assert_eq!(report.left_first[0].left.code(), "incomplete");
}

#[test]
fn a_closed_account_is_corrected_too() {
    let mut world = World::funded();
    world.call(&call("france", "+33612345678", 78));
    world.command("close", "tenant.close", json!({"reason": "moved", "forfeit": true}));
    let (_, proposals) = world.rerate(&SECOND);
    world.apply(&proposals);
    assert_eq!(world.balance(), "0.05");
}

/// What the command carries is the ledger's own words.
#[test]
fn a_correction_names_its_debits_as_they_are_in_the_ledger() {
    let mut world = World::funded();
    world.call(&call("france", "+33612345678", 78));
    let (_, proposals) = world.rerate(&SECOND);
    let command = proposals[0].command("2026-11-24T10:00:00Z".parse().expect("a time"), Some("billing"));
    let debit = world.ledger().pop().expect("some");
    assert!(command.ends_with(&format!("\"debits\":[{}]}}", String::from_utf8(debit).expect("UTF-8"))), "{command}");
    let mut command: Value = serde_json::from_str(&command).expect("JSON");
    command.as_object_mut().expect("an object").retain(|name, _| name != "debits" && name != "command_id");
    assert_eq!(
        command,
        json!({
            "tenant": "contoso", "type": "balance.adjust", "at": "2026-11-24T10:00:00.000Z", "actor": "billing",
            "amount": "0.05", "reason": "re-rated by retail@2", "corrects": "france",
        })
    );
}
