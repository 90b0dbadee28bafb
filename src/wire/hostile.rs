//! Nothing that comes from outside panics: any bytes, and what is nearly right.

use std::convert::Infallible;
use std::sync::LazyLock;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::event::sample;
use super::foreign::{Decoder, Format, Outcome, Row};
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
    for decoder in FOREIGN.iter() {
        decode_foreign(decoder, bytes);
    }
}

/// The decoders of what switches write, with mappings that use all that a mapping has.
static FOREIGN: LazyLock<Vec<Decoder>> = LazyLock::new(|| {
    let mapping = r#"
        tenant = { field = "accountcode", after = "@", before = "-", prefixes = { "1" = "t" }, default = "contoso" }
        direction = "outbound"
        number_type = { field = "own_number", prefixes = { "+1800" = "toll_free" }, default = "user" }
        usage_country = "FR"
        time_zone = "Europe/Paris"
        national.FR = { country_code = "33", national_prefix = "0", international_prefixes = ["00"] }
    "#;
    let decoder = |format: Format| Decoder::new(format, (!format.is_native()).then_some(mapping)).expect("a mapping");
    Format::ALL.into_iter().map(decoder).collect()
});

/// How many rows were calls; every record has a row, and every call keeps the bounds of the native form.
fn decode_foreign(decoder: &Decoder, bytes: &[u8]) -> usize {
    let (mut rows, mut calls) = (0, 0);
    let mut take = |row: Row<'_>| {
        rows += 1;
        if let Outcome::Call(call) = row.outcome {
            let mut json = Vec::new();
            cdr::encode(call, &mut json);
            assert_eq!(cdr::decode(&json).as_ref(), Ok(call), "{}", String::from_utf8_lossy(bytes));
            calls += 1;
        }
        Ok::<(), Infallible>(())
    };
    let Ok(()) = decoder.decode(bytes, &mut take);
    assert!(rows > 0, "{}: {}", decoder.format(), String::from_utf8_lossy(bytes));
    calls
}

/// A record of each foreign format, in the order of [`Format::ALL`] behind `json`.
const FOREIGN_RECORDS: [&str; 7] = [
    "call_id,tenant,service,direction,from,to,number_type,answered_at,duration_seconds,on_net,attributes.a\nc,t,calling,outbound,1,2,user,2026-11-20T10:15:30Z,78.25,true,\"b\"\"c\"",
    r#"{"tenantId":"t","value":[{"id":"i","userId":"u","startDateTime":"2026-11-20T10:15:30.2589935Z","endDateTime":"2026-11-20T10:16:48Z","duration":78,"callType":"user_out","calleeNumber":"+33612345678","callerNumber":"+1206555010*","usageCountryCode":"us","inventoryType":"Subscriber"}]}"#,
    r#"{"variables":{"uuid":"u","accountcode":"x%401-2","answer_uepoch":"1795169730954373","end_stamp":"2026-11-20%2010:16:48","billusec":"77539896"},"callflow":[{"caller_profile":{"caller_id_number":"0140000001","destination_number":"sip%3A%2B44@h"}}]}"#,
    "\"A, b\",1002,0612345678,default,2026/11/20 22:41,2026-11-20 22:41:05.5,2026/11/20 22:46,329,327,NORMAL_CLEARING,u,,1002,PCMU,PCMU",
    "\"\",\"301\",\"0612345678\",\"x\",\"\"\"3\"\" <3>\",\"c\",\"d\",\"Dial\",\"y,60\",\"2026-11-20 16:20:00\",\"2026-11-20 16:20:10\",\"2026-11-20 16:20:44\",44,33,\"ANSWERED\",\"D\",\"u.5\",\"\",\"\",\"u.5\",4",
    "x ACC: call ended: call_start_time=1795169730;duration=5;ms_duration=4250;to_tag=a;call_id=b;src_user=%2B1425;dst_ouser=0612345678;x=a;b",
    r#"[{"sid":"s","direction":"outbound-dial","status":"completed","from":"client:a","to":"+33612345678","start_time":"Fri, 20 Nov 2026 10:15:30 +0000","duration":"14","price":"-0.12500","parent_call_sid":null}]"#,
];

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
    let mut records: Vec<Vec<u8>> = texts.iter().chain(&FOREIGN_RECORDS).map(|text| text.as_bytes().to_vec()).collect();
    for event in sample::one_of_each() {
        let mut bytes = Vec::new();
        event::encode(&event, &mut bytes);
        records.push(bytes);
    }
    let at = "2026-11-20T10:15:30Z".parse().expect("a time");
    for body in command::sample::one_of_each() {
        let mut bytes = Vec::new();
        let outgoing = command::Outgoing { command_id: "k", tenant: "contoso", at, actor: None, body: &body };
        command::encode(&outgoing, &mut bytes);
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
    /// The value that begins at some colon or equals sign becomes another.
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
                let colons: Vec<usize> = (0..len).filter(|place| matches!(record[*place], b':' | b'=')).collect();
                if let Some(from) = (!colons.is_empty()).then(|| colons[at.index(colons.len())] + 1) {
                    let to = (from..len).find(|place| matches!(record[*place], b',' | b'}' | b';')).unwrap_or(len);
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
            || FOREIGN.iter().any(|decoder| decode_foreign(decoder, bytes) == 1)
    };
    for record in records() {
        assert!(read(&record), "{}", String::from_utf8_lossy(&record));
    }
}

#[test]
fn every_foreign_record_is_a_call_to_its_own_decoder() {
    for (decoder, record) in FOREIGN[1..].iter().zip(FOREIGN_RECORDS) {
        assert_eq!(decode_foreign(decoder, record.as_bytes()), 1, "{}", decoder.format());
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
