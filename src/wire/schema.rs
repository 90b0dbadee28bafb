//! The JSON Schemas (draft 2020-12) of all forms, as they are in `schemas/`.
//!
//! They describe the whole contract, with the types and fields that a release may not write or act on yet.

/// A schema and its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schema {
    /// What the form is called.
    pub name: &'static str,
    /// The schema, as JSON.
    pub text: &'static str,
}

/// All schemas.
pub const SCHEMAS: [Schema; 7] = [
    Schema { name: "cdr", text: include_str!("schemas/cdr.json") },
    Schema { name: "command", text: include_str!("schemas/command.json") },
    Schema { name: "event", text: include_str!("schemas/event.json") },
    Schema { name: "alert", text: include_str!("schemas/alert.json") },
    Schema { name: "envelope", text: include_str!("schemas/envelope.json") },
    Schema { name: "quarantine", text: include_str!("schemas/quarantine.json") },
    Schema { name: "catalog", text: include_str!("schemas/catalog.json") },
];

/// The schema of that name.
pub fn schema(name: &str) -> Option<Schema> {
    SCHEMAS.into_iter().find(|schema| schema.name == name)
}

#[cfg(test)]
mod tests {
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
        for body in command::tests::one_of_each() {
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
        ];
        for json in [COMMAND, configure, settle, open] {
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
    fn code_and_schema_reject_the_same_events_envelopes_and_entries() {
        let debited = {
            let mut json = Vec::new();
            event::encode(&event::sample::one_of_each()[4], &mut json);
            String::from_utf8(json).expect("UTF-8")
        };
        let events = [
            ("id", Some(json!("contoso/0"))),
            ("source", Some(json!("/other"))),
            ("type", Some(json!("tollkeeper.tenant.flown.v1"))),
            ("data", None),
            ("colour", Some(json!(1))),
            ("data.colour", Some(json!(1))),
            ("data.cause", None),
            ("data.balance", Some(json!("1e3"))),
            ("data.content", Some(json!("xyz"))),
            ("data.class", Some(json!("fax"))),
            ("data.prefix", None),
            ("data.lots", Some(json!([{"lot": "2", "amount": "1.00"}]))),
            ("data.seconds", Some(json!(-1))),
            ("data.billed_seconds", None),
        ];
        for (path, value) in events {
            let json = with(&debited, path, value);
            assert!(event::decode(json.as_bytes()).is_err(), "the code reads {json}");
            assert!(!is_valid("event", &json), "the schema takes {json}");
        }
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
}
