//! Events are read back as they were written, whatever is in them, and their forms stay.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::sample::{any_event, one_of_each, typical_debit};
use super::*;

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/events.jsonl");

fn written(event: &Event<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(event, &mut bytes);
    bytes
}

fn text(event: &Event<'_>) -> String {
    String::from_utf8(written(event)).expect("JSON is UTF-8")
}

/// The golden file is written as this release writes, and what earlier ones wrote is read: one line for each event.
#[test]
fn the_forms_of_the_ledger_stay_as_they_are() {
    let lines: String = one_of_each().iter().map(|event| text(event) + "\n").collect();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(GOLDEN, &lines).expect("the golden file can be written");
    }
    let golden = std::fs::read_to_string(GOLDEN).expect("the golden file is there");
    for (line, expected) in lines.lines().zip(golden.lines()) {
        assert_eq!(line, expected);
    }
    let read: Vec<Event<'_>> = golden.lines().map(|line| decode(line.as_bytes()).expect(line)).collect();
    assert_eq!(read, one_of_each());
}

#[test]
fn there_is_a_sample_of_every_type() {
    let sampled: BTreeSet<&str> = one_of_each().iter().map(|event| type_name(&event.body)).collect();
    assert_eq!(sampled.len(), 27, "{sampled:?}");
}

#[test]
fn a_typical_debit_has_at_most_650_bytes() {
    let event = Event {
        tenant: "contoso".into(),
        seq: 123_456,
        time: "2026-11-20T10:16:48.123Z".parse().expect("a time"),
        cause: Cause::Call { call_id: typical_debit().call_id, part: 0 },
        balance: "1234.5678".parse().expect("an amount"),
        body: EventBody::CallDebited(Box::new(typical_debit())),
    };
    let json = text(&event);
    assert!(json.len() <= 650, "{} bytes: {json}", json.len());
}

#[test]
fn the_cause_of_a_call_is_its_id_and_part() {
    let mut event = one_of_each().remove(4);
    event.cause = Cause::Call { call_id: "a/\"b\"".into(), part: 7 };
    let bytes = written(&event);
    assert_eq!(decode(&bytes).expect("an event").cause, Cause::Written("a/\"b\"/7".into()));
}

#[test]
fn types_that_are_not_known_are_refused() {
    let good = text(&one_of_each()[11]);
    for other in ["tollkeeper.pool.drained.v1", "tollkeeper.tenant.unblocked.v2", "tenant.unblocked", ""] {
        let json = good.replace("tollkeeper.tenant.unblocked.v1", other);
        assert_eq!(decode(json.as_bytes()), Err(EventFault::UnknownType { name: other.into() }));
    }
}

#[test]
fn fields_that_are_not_known_are_refused() {
    for event in one_of_each() {
        let json = text(&event);
        let inside = json.replacen("\"data\":{", "\"data\":{\"colour\":1,", 1);
        let outside = json.replacen('{', "{\"colour\":1,", 1);
        for bad in [inside, outside] {
            let fault = EventFault::Malformed { detail: "colour: unknown field".into() };
            assert_eq!(decode(bad.as_bytes()), Err(fault), "{bad}");
        }
    }
}

#[test]
fn what_the_engine_does_not_write_is_refused() {
    let events = one_of_each();
    let (opened, added, debited, requested) = (text(&events[0]), text(&events[1]), text(&events[4]), text(&events[8]));
    let cases = [
        ("", "EOF"),
        ("null", "invalid type"),
        (&opened.replacen("1.0", "0.3", 1), "specversion"),
        (&opened.replacen("/tollkeeper", "/other", 1), "source"),
        (&opened.replacen("contoso/1", "contoso/01", 1), "id: not tenant/seq"),
        (&opened.replacen("contoso/1", "contoso/0", 1), "id: not tenant/seq"),
        (&opened.replacen("contoso/1", "contoso/+1", 1), "id: not tenant/seq"),
        (&opened.replacen("contoso/1", "contoso/18446744073709551616", 1), "id: not tenant/seq"),
        (&opened.replacen("contoso/1", "c o/1", 1), "id: not tenant/seq"),
        (&opened.replacen("contoso/1", "contoso", 1), "id: not tenant/seq"),
        (&opened.replacen("10:16:48.123Z", "10:16", 1), "time: "),
        (&opened.replacen("\"cause\"", "\"because\"", 1), "cause: missing"),
        (&opened.replacen("0123456789abcdef", "0123456789ABCDEF", 1), "body_hash: not 16 hex digits"),
        (&opened.replacen("\"USD\"", "\"usd\"", 1), "currency: "),
        (&added.replacen("\"l2\"", "\"l3\"", 1), "lot: l3, but its event has the number 2"),
        (&added.replacen("100.00", "1e2", 2), "balance: not a decimal number"),
        (&requested.replacen("contoso/r9", "contoso/r8", 1), "recharge_id: r8, but its event has the number 9"),
        (&requested.replacen("contoso/r9", "fabrikam/r9", 1), "recharge_id: not a recharge of this tenant"),
        (&debited.replacen("\"prefix\":\"336\",", "", 1), "some, but not all"),
        (&debited.replacen("deadbeef", "+eadbeef", 1), "content: not 8 hex digits"),
        (&debited.replacen("\"kind\":\"usage\",", "", 1), "kind: missing"),
        (&debited.replacen("\"usage\"", "\"surcharge\"", 1), "lines: kind: not one of usage, connect, minimum"),
        (&debited.replacen("\"+336", "\"336", 1), "number: not +"),
        (&debited.replacen("\"content\"", "\"content\":\"deadbeef\",\"content\"", 1), "content: given twice"),
        (&debited.replacen("\"billed_seconds\":120,", "", 1), "billed_seconds: missing"),
    ];
    for (json, expected) in cases {
        match decode(json.as_bytes()) {
            Err(EventFault::Malformed { detail }) => assert!(detail.contains(expected), "{json}: {detail}"),
            other => panic!("{json}: {other:?}"),
        }
    }
    assert!(decode(b"\xff").is_err());
}

#[test]
fn corrections_that_do_not_add_up_are_refused() {
    let of_type = |name: &str| {
        let type_name = format!("tollkeeper.{name}.v1");
        let event = one_of_each().into_iter().find(|event| super::type_name(&event.body) == type_name).expect(name);
        text(&event)
    };
    let (adjusted, voided, debited) = (of_type("balance.adjusted"), of_type("call.voided"), of_type("call.debited"));
    let inbound = r#""direction":"inbound","seconds""#;
    let cases = [
        (voided.replacen("\"0.118\"", "\"0.119\"", 1), "amount: not the sum of what repaid debt"),
        (voided.replacen("\"debt_repaid\":\"0.05\",", "", 1), "amount: not the sum of what repaid debt"),
        (voided.replacen("\"l48\"", "\"l47\"", 1), "lot: l47, but its event has the number 48"),
        (voided.replacen("\"lot_amount\":\"0.038\",", "", 1), "amount: not the sum of what repaid debt"),
        (voided.replacen("[19,20,21]", "[]", 1), "debits: empty"),
        (voided.replacen("\"month\":\"2026-11\"", "\"month\":\"2026-00\"", 1), "pool: month: not a month"),
        (adjusted.replacen("100.00", "0.00", 1), "amount: zero"),
        (adjusted.replacen("100.00", "-100.00", 1), "unknown field"),
        (debited.replacen("\"seconds\"", inbound, 1), "prefix: of an inbound call"),
        (debited.replacen("\"content\"", "\"cumulative\":{\"seconds\":1},\"content\"", 1), "content: missing"),
    ];
    for (json, expected) in cases {
        match decode(json.as_bytes()) {
            Err(EventFault::Malformed { detail }) => assert!(detail.contains(expected), "{json}: {detail}"),
            other => panic!("{json}: {other:?}"),
        }
    }
}

proptest! {
    #[test]
    fn any_event_is_read_back_as_it_was_written(event in any_event()) {
        let bytes = written(&event);
        let read = decode(&bytes);
        prop_assert_eq!(read.as_ref(), Ok(&event), "{}", String::from_utf8_lossy(&bytes));
        prop_assert_eq!(written(&event), written(read.as_ref().expect("read above")));
    }

    #[test]
    fn any_event_is_json_for_another_reader(event in any_event()) {
        let json: serde_json::Value = serde_json::from_slice(&written(&event)).expect("JSON");
        prop_assert_eq!(json["id"].as_str(), Some(&*format!("{}/{}", event.tenant, event.seq)));
        prop_assert_eq!(json["data"]["balance"].as_str(), Some(&*event.balance.to_string()));
    }
}
