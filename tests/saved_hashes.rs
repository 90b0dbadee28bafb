//! Hashes that are saved, or compared with saved ones, are the same in every release and on every platform.

use jiff::Timestamp;
use tollkeeper::core::identity::{AcceptanceWindow, Content, Hour, Identities, Identity, IdentityKey};
use tollkeeper::core::number::Country;
use tollkeeper::core::number_plan::{CountryDialling, NumberPlan, NumberPlanHeader};
use tollkeeper::wire;

const CDR: &str = r#"{"call_id":"c-81f2","tenant":"contoso","service":"calling","direction":"outbound","from":"+14255550111",
 "to":"+33612345678","number_type":"user","user":"ada@contoso.example","plan":"payg","usage_country":"US",
 "answered_at":"2026-11-20T10:15:30Z","duration_seconds":78}"#;

fn us() -> Country {
    "US".parse().expect("a country")
}

fn number_plan() -> NumberPlan {
    let us = CountryDialling {
        international_prefixes: vec!["011".into()],
        emergency: vec!["911".into()],
        ..CountryDialling::of(us())
    };
    let header = NumberPlanHeader { version: "1".into(), effective_from: None };
    NumberPlan::new(header, vec![("1".into(), self::us())], vec![us]).expect("a plan")
}

fn content(json: &str) -> String {
    let cdr = wire::cdr::decode(json.as_bytes()).expect(json);
    format!("{:08x}", Content::of(&cdr, &number_plan(), us()).0)
}

/// The key of a call as it is saved.
fn key(tenant: &str, call_id: &str) -> String {
    let now: Timestamp = "2026-11-20T10:15:30Z".parse().expect("a time");
    let identity = Identity { content: Content(0), part: 0, is_final: true, hour: Hour::of(now) };
    let mut identities = Identities::default();
    identities.insert(IdentityKey::of(tenant, call_id), identity);
    format!("{:016x}", identities.sorted(AcceptanceWindow::default(), now)[0].0)
}

#[test]
fn keys_of_identities_stay() {
    let cases = [
        ("contoso", "c-81f2", "b976feda1724a9fe"),
        ("contoso", "c-81f2~tollkeeper.cdrs/3/4711", "d1f4c30c1d1f1401"),
        ("contosoc", "-81f2", "10c3a00073200b95"),
    ];
    let expected: Vec<&str> = cases.iter().map(|(_, _, key)| *key).collect();
    let found: Vec<String> = cases.iter().map(|(tenant, call_id, _)| key(tenant, call_id)).collect();
    assert_eq!(found, expected);
}

#[test]
fn contents_of_calls_stay() {
    let unanswered = CDR.replace(
        "\"answered_at\":\"2026-11-20T10:15:30Z\",\"duration_seconds\":78",
        "\"duration_seconds\":0,\"ended_at\":\"2026-11-20T10:15:40Z\"",
    );
    let withheld = CDR.replace("+14255550111", "anonymous");
    let cases = [(CDR, "935d5280"), (&unanswered, "ff1bcf9b"), (&withheld, "b6052030")];
    let found: Vec<String> = cases.iter().map(|(json, _)| content(json)).collect();
    let expected: Vec<&str> = cases.iter().map(|(_, content)| *content).collect();
    assert_eq!(found, expected);
}

#[test]
fn f3_spelling_and_attributes_are_not_content_and_everything_rated_is() {
    let same = [
        CDR.replace("+33612345678", "011 33 6-12.34(56)78"),
        CDR.replace(":78}", ":78.000000,\"attributes\":{\"site\":\"Paris\"},\"colour\":1,\"final\":true,\"part\":0}"),
        CDR.replace("10:15:30Z", "11:15:30.000+01:00"),
    ];
    for json in same {
        assert_eq!(content(&json), content(CDR), "{json}");
    }
    let other = [
        CDR.replace("+33612345678", "+33612345679"),
        CDR.replace("+14255550111", "+14255550112"),
        CDR.replace(":78}", ":78.000001}"),
        CDR.replace("10:15:30Z", "10:15:31Z"),
        CDR.replace("\"payg\"", "\"payg2\""),
        CDR.replace("ada@", "eve@"),
        CDR.replace("\"US\"", "\"CA\""),
        CDR.replace("calling", "conferencing"),
        CDR.replace("outbound", "inbound"),
        CDR.replace("\"number_type\":\"user\"", "\"number_type\":\"service\""),
        CDR.replace(":78}", ":78,\"on_net\":true}"),
    ];
    for json in other {
        assert_ne!(content(&json), content(CDR), "{json}");
    }
}
