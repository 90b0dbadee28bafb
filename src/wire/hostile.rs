//! Nothing that comes from outside panics: any bytes, and what is nearly right.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::event::sample;
use super::{alert, cdr, command, envelope, event, quarantine};

mod files;

/// Every decoder looks at it; what they say is not asked here.
fn decode_all(bytes: &[u8]) {
    let _ = cdr::decode(bytes);
    let _ = command::decode(bytes);
    let _ = envelope::decode(bytes);
    let _ = event::decode(bytes);
    let _ = alert::decode(bytes);
    let _ = quarantine::decode(bytes);
}

/// Records of every form.
fn records() -> Vec<Vec<u8>> {
    let texts = [
        r#"{"call_id":"c\u0031","tenant":"contoso","service":"calling","direction":"outbound","from":"+14255550111","to":"+33612345678","number_type":"user","user":"ada@contoso.example","plan":"payg","usage_country":"US","answered_at":"2026-11-20T10:15:30.123456789+01:00","duration_seconds":78.250000,"on_net":false,"part":1,"final":true,"attributes":{"a":"b"},"version":1,"ended_at":null}"#,
        r#"{"command_id":"k","tenant":"t","type":"tenant.open","at":"2026-11-20T10:00:00Z","actor":"a","currency":"USD","price_list":"d","usage_country":"US","default_plans":{"calling":"payg"},"block_at":"-1.50"}"#,
        r#"{"command_id":"k","tenant":"t","type":"recharge.settle","at":"2026-11-20T10:00:00Z","recharge_id":"t/r1","outcome":"failed","reason":"x"}"#,
        r#"{"version":1,"kind":"cdr","record_base64":"e30=","source":{"topic":"x","partition":3,"offset":4711,"timestamp":"2026-11-20T10:15:30Z"},"replay":{"late":true,"as_new":true,"replay_of":"x"}}"#,
        r#"{"reason":"malformed","detail":"x","source":{"topic":"x","partition":3,"offset":4711},"received_at":"2026-11-20T10:15:30Z","record_prefix":"x","length":70000,"sha256":"cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"}"#,
        r#"{"reason":"duplicate","source":{"topic":"x","partition":3,"offset":1},"received_at":"2026-11-20T10:15:30Z","identity":{"tenant":"t","command_id":"k"},"first":"t/2"}"#,
        r#"{"specversion":"1.0","id":"refused/t/k","source":"/tollkeeper","type":"tollkeeper.command.refused.v1","time":"2026-11-20T10:15:30.000Z","data":{"cause":"k","reason":"overflow","detail":"x"}}"#,
    ];
    let mut records: Vec<Vec<u8>> = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    for event in sample::one_of_each() {
        let mut bytes = Vec::new();
        event::encode(&event, &mut bytes);
        records.push(bytes);
    }
    records
}

/// One small change to a record.
#[derive(Clone, Debug)]
enum Change {
    Set(Index, u8),
    Cut(Index),
    Drop(Index),
    Insert(Index, Vec<u8>),
    /// The value that begins at some colon becomes another.
    Replace(Index, &'static str),
}

const VALUES: [&str; 16] = [
    "null",
    "true",
    "-1",
    "1e999",
    "1e-999",
    "0.0000001",
    "99999999999999999999999999",
    "\"\"",
    "\"\\ud800\"",
    "\"\\u0000\"",
    "[]",
    "{}",
    "[[[[[[[[[[",
    "\"9999-12-31T23:59:59-23:59\"",
    "\"999999999999999.999999999\"",
    "\"-0\"",
];

fn any_change() -> impl Strategy<Value = Change> {
    prop_oneof![
        (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Change::Set(at, byte)),
        any::<Index>().prop_map(Change::Cut),
        any::<Index>().prop_map(Change::Drop),
        (any::<Index>(), vec(any::<u8>(), 1..4)).prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        (any::<Index>(), select(VALUES.to_vec())).prop_map(|(at, value)| Change::Replace(at, value)),
    ]
}

fn changed(mut record: Vec<u8>, changes: &[Change]) -> Vec<u8> {
    for change in changes.iter() {
        if record.is_empty() {
            break;
        }
        let len = record.len();
        match change {
            Change::Set(at, byte) => record[at.index(len)] = *byte,
            Change::Cut(at) => record.truncate(at.index(len)),
            Change::Drop(at) => drop(record.remove(at.index(len))),
            Change::Insert(at, bytes) => {
                let at = at.index(len);
                record.splice(at..at, bytes.iter().copied());
            }
            Change::Replace(at, value) => {
                let colons: Vec<usize> = (0..len).filter(|place| record[*place] == b':').collect();
                if let Some(from) = (!colons.is_empty()).then(|| colons[at.index(colons.len())] + 1) {
                    let to = (from..len).find(|place| matches!(record[*place], b',' | b'}')).unwrap_or(len);
                    record.splice(from..to, value.bytes());
                }
            }
        }
    }
    record
}

#[test]
fn records_that_were_not_changed_are_read_by_their_decoder() {
    let read = |bytes: &[u8]| {
        cdr::decode(bytes).is_ok()
            || command::decode(bytes).is_ok_and(|command| command.request.is_ok())
            || envelope::decode(bytes).is_ok()
            || alert::decode(bytes).is_ok()
            || quarantine::decode(bytes).is_ok()
    };
    for record in records() {
        assert!(read(&record), "{}", String::from_utf8_lossy(&record));
    }
}

#[test]
fn deep_nesting_and_great_size_do_no_harm() {
    for open in ["[", "{\"a\":", "{\"attributes\":", "{\"data\":[", "\"", "{\"call_id\":\""] {
        decode_all(open.repeat(200_000).as_bytes());
    }
    decode_all(&vec![b'7'; 10_000_000]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_bytes_panic(bytes in vec(any::<u8>(), 0..200)) {
        decode_all(&bytes);
    }

    #[test]
    fn no_changed_record_panics(record in select(records()), changes in vec(any_change(), 1..4)) {
        decode_all(&changed(record, &changes));
    }
}
