//! Code and schemas hold each other: what is written is valid, and what is valid is read.

mod rejects;

use std::collections::BTreeSet;
use std::sync::LazyLock;

use jsonschema::Validator;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::core::partition::PartitionId;
use crate::core::reason::{Reason, Refusal};
use crate::wire::alert::{
    CommandOfFrozen, CommandRefused, UnmatchedSettlement, encode_frozen, encode_refused, encode_unmatched,
};
use crate::wire::catalog_record::{self, ItemKind, Withdrawal};
use crate::wire::command::{self, Outgoing};
use crate::wire::event::sample::any_event;
use crate::wire::quarantine::{Duplicate, DuplicateOf, Entry, Kept, Quarantined};
use crate::wire::{SourceRef, cdr, envelope, event, quarantine};

static VALIDATORS: LazyLock<Vec<(&str, Validator)>> = LazyLock::new(|| {
    let validator = |schema: Schema| {
        let text: Value = serde_json::from_str(schema.text).expect("a schema is JSON");
        jsonschema::draft202012::meta::validate(&text).expect("a schema is one of draft 2020-12");
        let validator = jsonschema::options().should_validate_formats(true).build(&text);
        (schema.name, validator.expect("a schema is one"))
    };
    SCHEMAS.map(validator).into()
});

fn validator(name: &str) -> &'static Validator {
    &VALIDATORS.iter().find(|(of, _)| *of == name).expect("a schema of that name").1
}

#[track_caller]
fn assert_valid(name: &str, json: &[u8]) {
    let value: Value = serde_json::from_slice(json).expect("JSON");
    let faults: Vec<String> = validator(name).iter_errors(&value).map(|fault| fault.to_string()).collect();
    assert!(faults.is_empty(), "{name}: {}: {faults:?}", String::from_utf8_lossy(json));
}

fn is_valid(name: &str, json: &str) -> bool {
    serde_json::from_str(json).is_ok_and(|value: Value| validator(name).is_valid(&value))
}

const CDR: &str = r#"{"call_id":"c-81f2","tenant":"contoso","service":"calling","direction":"outbound","from":"+14255550111","to":"+33612345678",
 "number_type":"user","user":"ada@contoso.example","plan":"domestic-us","usage_country":"US",
 "answered_at":"2026-11-20T10:15:30Z","duration_seconds":78}"#;
const COMMAND: &str = r#"{"command_id":"f1","tenant":"contoso","type":"funds.add","at":"2026-11-20T10:00:00Z","amount":"100.00","payment_reference":"pay-1"}"#;
const ENVELOPE: &str = r#"{"version":1,"kind":"cdr","record":"{}","source":{"topic":"tollkeeper.cdrs","partition":3,"offset":4711,"timestamp":"2026-11-20T10:15:30Z"},"replay":{"late":true,"as_new":true,"replay_of":"tollkeeper.quarantine/3/9"}}"#;
const QUARANTINED: &str = r#"{"reason":"no_rate","detail":"to: no row","source":{"topic":"tollkeeper.cdrs","partition":3,"offset":4711},"received_at":"2026-11-20T10:15:30Z","record":"{}"}"#;

/// `json` with one field replaced or added; [`Value::Null`] behind `None` takes it out. `path` is `field` or `object.field`.
fn with(json: &str, path: &str, value: Option<Value>) -> String {
    let mut whole: Value = serde_json::from_str(json).expect("JSON");
    let (object, field) = match path.split_once('.') {
        Some((object, field)) => (&mut whole[object], field),
        None => (&mut whole, path),
    };
    let object = object.as_object_mut().expect("an object");
    match value {
        Some(value) => object.insert(field.into(), value),
        None => object.remove(field),
    };
    whole.to_string()
}

/// The first event of that type that the samples have.
fn sample_of(name: &str) -> String {
    let type_name = format!("tollkeeper.{name}.v1");
    let mut events = event::sample::one_of_each().into_iter();
    let event = events.find(|event| event::type_name(&event.body) == type_name).expect(name);
    let mut json = Vec::new();
    event::encode(&event, &mut json);
    String::from_utf8(json).expect("JSON is UTF-8")
}

#[test]
fn what_the_wire_shows_is_valid_and_read() {
    assert_valid("cdr", CDR.as_bytes());
    cdr::decode(CDR.as_bytes()).expect("read");
    let unanswered = with(CDR, "answered_at", Some(Value::Null));
    let unanswered = with(&unanswered, "duration_seconds", Some(json!(0)));
    let unanswered = with(&unanswered, "ended_at", Some(json!("2026-11-20T10:15:40+01:00")));
    assert_valid("cdr", unanswered.as_bytes());
    cdr::decode(unanswered.as_bytes()).expect("read");
    assert_valid("command", COMMAND.as_bytes());
    command::decode(COMMAND.as_bytes()).expect("read").request.expect("read whole");
    assert_valid("envelope", ENVELOPE.as_bytes());
    envelope::decode(ENVELOPE.as_bytes()).expect("read");
    assert_valid("quarantine", QUARANTINED.as_bytes());
    quarantine::decode(QUARANTINED.as_bytes()).expect("read");
}

#[test]
fn what_is_written_is_valid() {
    for event in event::sample::one_of_each() {
        let mut json = Vec::new();
        event::encode(&event, &mut json);
        assert_valid("event", &json);
    }
    let at = "2026-11-20T10:15:30.5Z".parse().expect("a time");
    for body in command::sample::one_of_each() {
        let mut json = Vec::new();
        command::encode(
            &Outgoing { command_id: "k1", tenant: "contoso", at, actor: Some("ada"), body: &body },
            &mut json,
        );
        assert_valid("command", &json);
    }
    let (tenant, command_id) = ("contoso", "f1");
    let mut json = Vec::new();
    let detail = "5.00 is less than 10.00".into();
    let refusal = Refusal::BelowMinimum;
    encode_refused(
        &CommandRefused { tenant: tenant.into(), command_id: command_id.into(), time: at, refusal, detail },
        &mut json,
    );
    assert_valid("alert", &json);
    json.clear();
    let unmatched = UnmatchedSettlement {
        tenant: tenant.into(),
        command_id: command_id.into(),
        time: at,
        recharge_id: "contoso/r9".into(),
        payment_reference: Some("pay-7".into()),
    };
    encode_unmatched(&unmatched, &mut json);
    assert_valid("alert", &json);
    json.clear();
    let detail = "the sequence has a gap".into();
    let frozen = CommandOfFrozen { tenant: tenant.into(), command_id: command_id.into(), time: at, detail };
    encode_frozen(&frozen, &mut json);
    assert_valid("alert", &json);
}

#[test]
fn what_is_set_aside_or_sent_on_is_valid() {
    let source = SourceRef {
        topic: "tollkeeper.cdrs".into(),
        partition: PartitionId(3),
        offset: 4711,
        timestamp: "2026-11-20T10:15:30.5Z".parse().expect("a time"),
    };
    let large = vec![b'x'; 100_000];
    let large_binary = vec![0xff; 100_000];
    let records: [&[u8]; 4] = [CDR.as_bytes(), b"\xff", &large, &large_binary];
    let mut entries: Vec<Entry<'_>> = Reason::ALL
        .into_iter()
        .zip(records.into_iter().cycle())
        .map(|(reason, record)| {
            let record = Kept::of(record);
            Entry::Quarantined(Quarantined { reason, detail: "x".into(), source: source.clone(), record })
        })
        .collect();
    let duplicates = [
        DuplicateOf::Call { call_id: "c-81f2".into(), part: 0 },
        DuplicateOf::Command { command_id: "f1".into(), first: 2 },
    ];
    entries.extend(
        duplicates.map(|of| Entry::Duplicate(Duplicate { tenant: "contoso".into(), of, source: source.clone() })),
    );
    for entry in &entries {
        let mut json = Vec::new();
        quarantine::encode(entry, &mut json);
        assert_valid("quarantine", &json);
    }
    for record in [CDR.as_bytes(), b"\xff".as_slice()] {
        let mut json = Vec::new();
        let replay = crate::core::decide::Replay { late: true, ..Default::default() };
        let envelope =
            envelope::Envelope { kind: envelope::Kind::Cdr, record: record.into(), source: source.clone(), replay };
        envelope::encode(&envelope, &mut json);
        assert_valid("envelope", &json);
    }
}

#[test]
fn code_and_schema_agree_on_the_records_of_the_catalog() {
    let (key, manifest) = catalog_record::tests::sample();
    let json = String::from_utf8(catalog_record::encode_manifest(&manifest)).expect("UTF-8");
    assert_valid("catalog", json.as_bytes());
    let withdrawal = Withdrawal { withdrawn_by: "ada".into(), note: "a slip".into() };
    assert_valid("catalog", &catalog_record::encode_withdrawal(&key, &withdrawal));
    assert_valid("catalog", br#"{"partitions":64,"version":1}"#);
    let first = with(&json, "effective_from", None);
    assert_valid("catalog", first.as_bytes());
    catalog_record::decode(key.manifest_key().as_bytes(), Some(first.as_bytes())).expect("read");
    let cases = [
        ("format", Some(json!(2))),
        ("kind", Some(json!("tax"))),
        ("id", Some(json!("a b"))),
        ("version", Some(json!("0123"))),
        ("effective_from", Some(json!("2026-12-01"))),
        ("lead_seconds", Some(json!(9))),
        ("lead_seconds", None),
        ("files", Some(json!([]))),
        ("parts", Some(json!(513))),
        ("bytes", None),
        ("sha256", Some(json!("ff"))),
        ("published_by", Some(json!(""))),
        ("colour", Some(json!(1))),
    ];
    for (path, value) in cases {
        let json = with(&json, path, value);
        let key = key.manifest_key();
        assert!(catalog_record::decode(key.as_bytes(), Some(json.as_bytes())).is_err(), "the code reads {json}");
        assert!(!is_valid("catalog", &json), "the schema takes {json}");
    }
}

#[test]
fn the_lists_of_the_schemas_are_those_of_the_code() {
    let list = |name: &str, pointer: &str| -> BTreeSet<String> {
        let schema: Value = serde_json::from_str(schema(name).expect("there").text).expect("JSON");
        let list = schema.pointer(pointer).and_then(Value::as_array).expect(pointer);
        list.iter().map(|code| code.as_str().expect("a text").to_owned()).collect()
    };
    let refusals = Refusal::ALL.map(|refusal| refusal.code().to_owned());
    assert_eq!(list("alert", "/$defs/command.refused/properties/reason/enum"), refusals.into());
    let mut reasons = BTreeSet::from(Reason::ALL.map(|reason| reason.code().to_owned()));
    reasons.insert("duplicate".into());
    assert_eq!(list("quarantine", "/properties/reason/enum"), reasons);
    assert_eq!(list("catalog", "/$defs/kind/enum"), ItemKind::ALL.map(|kind| kind.code().to_owned()).into());
    let types = list("event", "/properties/type/enum");
    for event in event::sample::one_of_each() {
        assert!(types.contains(event::type_name(&event.body)));
    }
    let of_the_wire = "tenant.opened tenant.updated tenant.closed licences.set user.limit_set recharge.configured call.debited \
        funds.added funds.expiring funds.expired balance.adjusted call.voided recharge.requested recharge.succeeded \
        recharge.failed recharge.suspended recharge.capped recharge.status_requested recharge.unresolved tenant.blocked \
        tenant.unblocked user.blocked user.unblocked balance.low balance.reached_zero pool.threshold_reached \
        settlement.unmatched";
    assert_eq!(types, of_the_wire.split_whitespace().map(|name| format!("tollkeeper.{name}.v1")).collect());
}

proptest! {
    #[test]
    fn any_event_is_valid(event in any_event()) {
        let mut json = Vec::new();
        event::encode(&event, &mut json);
        assert_valid("event", &json);
    }
}
