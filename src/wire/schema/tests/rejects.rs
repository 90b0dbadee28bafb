//! What is wrong is wrong for both: the code and the schema.

use serde_json::{Value, json};

use super::{CDR, COMMAND, ENVELOPE, QUARANTINED, assert_valid, is_valid, sample_of, with};
use crate::wire::{cdr, command, envelope, event, quarantine};

#[test]
fn code_and_schema_reject_the_same_cdrs() {
    let long = |len: usize| json!("x".repeat(len));
    let many: serde_json::Map<String, Value> = (0..17).map(|n| (format!("a{n}"), json!(""))).collect();
    let cases = [
        ("call_id", None),
        ("call_id", Some(json!(""))),
        ("call_id", Some(long(129))),
        ("call_id", Some(json!(7))),
        ("tenant", Some(json!("a b"))),
        ("tenant", Some(long(65))),
        ("service", Some(json!("fax"))),
        ("direction", Some(json!(null))),
        ("from", Some(json!(null))),
        ("from", Some(long(257))),
        ("to", None),
        ("number_type", Some(json!("tollfree"))),
        ("user", Some(json!(""))),
        ("user", Some(long(257))),
        ("plan", Some(json!("a/b"))),
        ("usage_country", Some(json!("us"))),
        ("answered_at", None),
        ("answered_at", Some(json!("2026-11-20T10:15:30"))),
        ("answered_at", Some(json!("2026-02-29T10:15:30Z"))),
        ("duration_seconds", None),
        ("duration_seconds", Some(json!(-1))),
        ("duration_seconds", Some(json!(604_801))),
        ("duration_seconds", Some(json!("60"))),
        ("on_net", Some(json!("yes"))),
        ("part", Some(json!(-1))),
        ("part", Some(json!(4_294_967_296_u64))),
        ("final", Some(json!(0))),
        ("attributes", Some(Value::Object(many))),
        ("attributes", Some(json!({"a": 1}))),
        ("version", Some(json!(2))),
    ];
    for (path, value) in cases {
        let json = with(CDR, path, value);
        assert!(cdr::decode(json.as_bytes()).is_err(), "the code reads {json}");
        assert!(!is_valid("cdr", &json), "the schema takes {json}");
    }
}

#[test]
fn code_and_schema_reject_the_same_commands() {
    let configure = r#"{"command_id":"k","tenant":"t","type":"recharge.configure","at":"2026-11-20T10:00:00Z","enabled":true,"trigger":"50","amount":"100","payment_method":"pm"}"#;
    let settle = r#"{"command_id":"k","tenant":"t","type":"recharge.settle","at":"2026-11-20T10:00:00Z","recharge_id":"t/r1","outcome":"failed","reason":"x"}"#;
    let open = r#"{"command_id":"k","tenant":"t","type":"tenant.open","at":"2026-11-20T10:00:00Z","currency":"USD","price_list":"d","usage_country":"US"}"#;
    let licences = r#"{"command_id":"k","tenant":"t","type":"licences.set","at":"2026-11-20T10:00:00Z","plan":"p","usage_country":"US","quantity":1}"#;
    let limit = r#"{"command_id":"k","tenant":"t","type":"user.limit","at":"2026-11-20T10:00:00Z","user":"ada","monthly_limit":null}"#;
    let debit: Value = serde_json::from_str(&sample_of("call.debited")).expect("JSON");
    let body = |json: Value| json.to_string();
    let void = body(json!({"command_id": "k", "tenant": "t", "type": "call.void", "at": "2026-11-20T10:00:00Z",
        "call_id": "c", "reason": "x", "release": true, "debits": [debit.clone()]}));
    let adjust = body(json!({"command_id": "k", "tenant": "t", "type": "balance.adjust", "at": "2026-11-20T10:00:00Z",
        "amount": "-1", "reason": "x", "corrects": "c", "debits": [debit]}));
    let cases = [
        (COMMAND, "command_id", None),
        (COMMAND, "tenant", Some(json!("a b"))),
        (COMMAND, "type", None),
        (COMMAND, "type", Some(json!("tenant.fly"))),
        (COMMAND, "at", None),
        (COMMAND, "at", Some(json!("yesterday"))),
        (COMMAND, "version", Some(json!(2))),
        (COMMAND, "actor", Some(json!(""))),
        (COMMAND, "colour", Some(json!("red"))),
        (COMMAND, "amount", Some(json!("0.00"))),
        (COMMAND, "amount", Some(json!("-1"))),
        (COMMAND, "amount", Some(json!("1e3"))),
        (COMMAND, "amount", Some(json!(100))),
        (COMMAND, "amount", Some(json!("1000000000000000"))),
        (COMMAND, "amount", Some(json!("0.0000000001"))),
        (COMMAND, "payment_reference", Some(json!(""))),
        (COMMAND, "expires_at", Some(json!("2027-01-01"))),
        (configure, "max_per_month", Some(json!(0))),
        (configure, "max_amount", Some(json!("0"))),
        (configure, "trigger", None),
        (configure, "enabled", Some(json!("yes"))),
        (settle, "reason", None),
        (settle, "outcome", Some(json!("maybe"))),
        (open, "currency", Some(json!("usd"))),
        (open, "minimum_funding", Some(json!("-1"))),
        (open, "default_plans", Some(json!({"fax": "payg"}))),
        (open, "no_rate", Some(json!("free"))),
        (open, "daily_limit", Some(json!("0"))),
        (open, "notify_below", Some(json!(20))),
        (licences, "plan", Some(json!("a b"))),
        (licences, "usage_country", None),
        (licences, "quantity", Some(json!(-1))),
        (licences, "quantity", Some(json!(4_294_967_296_u64))),
        (limit, "user", Some(json!(""))),
        (limit, "monthly_limit", None),
        (limit, "monthly_limit", Some(json!("-1"))),
        (&void, "call_id", None),
        (&void, "release", Some(json!("yes"))),
        (&void, "debits", None),
        (&void, "debits", Some(json!([]))),
        (&void, "debits", Some(json!([{}]))),
        (&void, "debits", Some(json!({}))),
        (&adjust, "amount", Some(json!("0.00"))),
        (&adjust, "reason", None),
        (&adjust, "corrects", None),
        (&adjust, "debits", None),
    ];
    for json in [COMMAND, configure, settle, open, licences, limit, &void, &adjust] {
        assert_valid("command", json.as_bytes());
    }
    for (json, path, value) in cases {
        let json = with(json, path, value);
        let read = command::decode(json.as_bytes()).is_ok_and(|command| command.request.is_ok());
        assert!(!read, "the code reads {json}");
        assert!(!is_valid("command", &json), "the schema takes {json}");
    }
}

#[test]
fn code_and_schema_reject_the_same_events() {
    let debited = "call.debited";
    let events = [
        (debited, "id", Some(json!("contoso/0"))),
        (debited, "source", Some(json!("/other"))),
        (debited, "type", Some(json!("tollkeeper.tenant.flown.v1"))),
        (debited, "data", None),
        (debited, "colour", Some(json!(1))),
        (debited, "data.colour", Some(json!(1))),
        (debited, "data.cause", None),
        (debited, "data.balance", Some(json!("1e3"))),
        (debited, "data.content", Some(json!("xyz"))),
        (debited, "data.class", Some(json!("fax"))),
        (debited, "data.prefix", None),
        (debited, "data.direction", Some(json!("inbound"))),
        (debited, "data.rate", None),
        (debited, "data.lots", Some(json!([{"lot": "2", "amount": "1.00"}]))),
        (debited, "data.seconds", Some(json!(-1))),
        (debited, "data.billed_seconds", None),
        (debited, "data.number_type", Some(json!("fax"))),
        (debited, "data.country", Some(json!("USA"))),
        (debited, "data.spent", Some(json!(1))),
        (debited, "data.shrunk", Some(json!(1))),
        (debited, "data.pool", Some(json!({"id": "p", "month": "2026-11", "minutes": 1}))),
        (debited, "data.pool", Some(json!({"id": "p", "month": "2026-13", "minutes": 1, "used": 1}))),
        (debited, "data.pool", Some(json!({"id": "", "month": "2026-11", "minutes": 1, "used": 1}))),
        (debited, "data.pool", Some(json!({"id": "p", "month": "2026-11", "minutes": 1, "used": 1, "left": 1}))),
        (debited, "data.pool", Some(json!({"id": "p", "month": "2026-11", "minutes": 10_081, "used": 1}))),
        (debited, "data.cumulative", Some(json!({"content": "0badcafe", "seconds": 1, "billed_seconds": 1}))),
        ("licences.set", "data.quantity", Some(json!(-1))),
        ("licences.set", "data.plan", None),
        ("licences.set", "data.union", Some(json!(""))),
        ("user.limit_set", "data.user", None),
        ("user.limit_set", "data.since", Some(json!(-1))),
        ("user.blocked", "data.spent", None),
        ("user.blocked", "data.month", Some(json!("2026-11-01"))),
        ("user.unblocked", "data.month", None),
        ("funds.expiring", "data.days", None),
        ("funds.expiring", "data.lot", Some(json!("17"))),
        ("balance.low", "data.notify_below", None),
        ("balance.reached_zero", "data.colour", Some(json!(1))),
        ("balance.adjusted", "data.amount", Some(json!("0.00"))),
        ("balance.adjusted", "data.lot", None),
        ("balance.adjusted", "data.expires_at", None),
        ("balance.adjusted", "data.debits", Some(json!([1]))),
        ("balance.adjusted", "data.corrects", Some(json!("c"))),
        ("balance.adjusted", "data.lots", Some(json!([{"lot": "l2", "amount": "1.00"}]))),
        ("call.voided", "data.debits", Some(json!([]))),
        ("call.voided", "data.corrected", None),
        ("call.voided", "data.lot", None),
        ("call.voided", "data.lot_amount", None),
        ("call.voided", "data.expires_at", None),
        ("call.voided", "data.release", Some(json!("yes"))),
        ("recharge.failed", "data.next_at", Some(json!("tomorrow"))),
        ("recharge.requested", "data.next_at", Some(json!("2026-11-20T10:00:00Z"))),
        ("recharge.status_requested", "data.amount", None),
        ("recharge.unresolved", "data.attempt", None),
        ("tenant.blocked", "data.reason", Some(json!("mood"))),
        ("tenant.blocked", "data.classes", None),
        ("tenant.blocked", "data.pools", Some(json!([""]))),
        ("tenant.updated", "data.daily_limit", Some(json!(100))),
        ("pool.threshold_reached", "data.threshold", Some(json!(90))),
        ("pool.threshold_reached", "data.size", None),
    ];
    for (of, path, value) in events {
        let json = with(&sample_of(of), path, value);
        assert!(event::decode(json.as_bytes()).is_err(), "the code reads {json}");
        assert!(!is_valid("event", &json), "the schema takes {json}");
    }
}

#[test]
fn code_and_schema_reject_the_same_envelopes_and_entries() {
    let envelopes = [
        ("version", None),
        ("version", Some(json!(2))),
        ("kind", Some(json!("fax"))),
        ("record", None),
        ("record_base64", Some(json!("e30="))),
        ("source.offset", Some(json!(-1))),
        ("source.timestamp", None),
        ("replay.later", Some(json!(true))),
        ("colour", Some(json!(1))),
    ];
    for (path, value) in envelopes {
        let json = with(ENVELOPE, path, value);
        assert!(envelope::decode(json.as_bytes()).is_err(), "the code reads {json}");
        assert!(!is_valid("envelope", &json), "the schema takes {json}");
    }
    let entries = [
        ("reason", Some(json!("no_idea"))),
        ("reason", Some(json!("duplicate"))),
        ("detail", None),
        ("record", None),
        ("record_prefix", Some(json!("x"))),
        ("received_at", None),
        ("source.topic", Some(json!(""))),
        ("source.timestamp", Some(json!("2026-11-20T10:15:30Z"))),
        ("colour", Some(json!(1))),
    ];
    for (path, value) in entries {
        let json = with(QUARANTINED, path, value);
        assert!(quarantine::decode(json.as_bytes()).is_err(), "the code reads {json}");
        assert!(!is_valid("quarantine", &json), "the schema takes {json}");
    }
}
