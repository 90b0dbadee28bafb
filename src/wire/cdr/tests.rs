use super::*;
use crate::core::reason::Reason;

const EXAMPLE: &str = r#"{"call_id":"c-81f2","tenant":"contoso","service":"calling","direction":"outbound","from":"+14255550111","to":"+33612345678",
"number_type":"user","user":"ada@contoso.example","plan":"domestic-us","usage_country":"US",
"answered_at":"2026-11-20T10:15:30Z","duration_seconds":78}"#;

/// The example with one field replaced, added (name unknown) or, for an empty value, taken out.
fn with(field: &str, value: &str) -> String {
    let mut fields: serde_json::Map<String, serde_json::Value> = serde_json::from_str(EXAMPLE).expect("valid");
    fields.remove(field);
    let mut json = serde_json::to_string(&fields).expect("valid");
    if !value.is_empty() {
        json.truncate(json.len() - 1);
        json += &format!(",\"{field}\":{value}}}");
    }
    json
}

#[track_caller]
fn fault(json: &str) -> String {
    match decode(json.as_bytes()) {
        Err(Rejected { reason: Reason::Malformed, detail }) => detail,
        other => panic!("{json}: {other:?}"),
    }
}

#[test]
fn r1_the_example_of_the_wire_is_read_without_a_copy() {
    let cdr = decode(EXAMPLE.as_bytes()).expect("valid");
    let seconds = |text: &str| text.parse::<crate::core::duration::CallDuration>().expect("a duration");
    let expected = Cdr {
        call_id: "c-81f2".into(),
        tenant: "contoso".into(),
        service: Service::Calling,
        direction: Direction::Outbound,
        from: "+14255550111".into(),
        to: "+33612345678".into(),
        number_type: NumberType::User,
        user: Some("ada@contoso.example".into()),
        plan: Some("domestic-us".into()),
        usage_country: Some("US".parse().expect("a country")),
        on_net: false,
        part: None,
        is_final: true,
        times: CallTimes::Answered { at: "2026-11-20T10:15:30Z".parse().expect("a time"), duration: seconds("78") },
        attributes: Attributes::new(),
    };
    assert_eq!(cdr, expected);
    for text in [&cdr.call_id, &cdr.tenant, &cdr.from, &cdr.to] {
        assert!(matches!(text, std::borrow::Cow::Borrowed(_)), "{text}");
    }
    assert!(matches!(cdr.user, Some(std::borrow::Cow::Borrowed(_))));
}

#[test]
fn f3_60_equals_60_0() {
    let read = |value: &str| decode(with("duration_seconds", value).as_bytes()).map(|cdr| cdr.duration().micros());
    for (value, micros) in [
        ("60", 60_000_000),
        ("60.0", 60_000_000),
        ("60.000000", 60_000_000),
        ("0.1", 100_000),
        ("0.000001", 1),
        ("604800", 604_800_000_000),
        ("0", 0),
    ] {
        assert_eq!(read(value), Ok(micros), "{value}");
    }
}

#[test]
fn a_duration_outside_the_form_is_malformed() {
    for value in [
        "60.0000000",
        "0.0000001",
        "6e1",
        "-1",
        "604800.000001",
        "604801",
        "1e400",
        "\"60\"",
        "true",
        "[60]",
        "99999999999999999999999",
    ] {
        let detail = fault(&with("duration_seconds", value));
        assert!(detail.starts_with("duration_seconds: "), "{value}: {detail}");
    }
    assert_eq!(fault(&with("duration_seconds", "")), "duration_seconds: missing");
    assert_eq!(fault(&with("duration_seconds", "null")), "duration_seconds: missing");
}

#[test]
fn r5_an_unanswered_call_has_an_end_and_no_duration() {
    let unanswered = |rest: &str| {
        let json = with("answered_at", "");
        json.replacen("\"duration_seconds\":78", rest, 1)
    };
    let cdr = unanswered(r#""answered_at":null,"duration_seconds":0,"ended_at":"2026-11-20T10:15:40Z""#);
    let times = decode(cdr.as_bytes()).expect("valid").times;
    assert_eq!(times, CallTimes::Unanswered { ended_at: "2026-11-20T10:15:40Z".parse().expect("a time") });
    assert_eq!(fault(&unanswered(r#""duration_seconds":0"#)), "ended_at: missing, and nobody answered");
    let lasted = unanswered(r#""duration_seconds":5,"ended_at":"2026-11-20T10:15:40Z""#);
    assert_eq!(fault(&lasted), "answered_at: missing, but the call lasted");
}

#[test]
fn times_are_rfc_3339_with_a_zone() {
    let read =
        |value: &str| decode(with("answered_at", &format!("\"{value}\"")).as_bytes()).map(|cdr| cdr.started_at());
    let same = "2026-11-20T10:15:30Z".parse().expect("a time");
    for value in
        ["2026-11-20T10:15:30z", "2026-11-20t10:15:30.000Z", "2026-11-20T11:15:30+01:00", "2026-11-20T00:15:30-10:00"]
    {
        assert_eq!(read(value), Ok(same), "{value}");
    }
    for value in [
        "2026-11-20T10:15:30",
        "2026-11-20 10:15:30Z",
        "2026-11-20",
        "20261120T101530Z",
        "2026-11-20T10:15Z",
        "2026-13-20T10:15:30Z",
        "2026-02-29T10:15:30Z",
        "2026-11-20T10:15:30+0100",
        "2026-11-20T10:15:30.Z",
        "2026-11-20T10:15:30Z[UTC]",
        "2026-11-20T10:15:30+01:00[Europe/Paris]",
        "2026-11-20T24:00:00Z",
        "",
        "now",
        "+002026-11-20T10:15:30Z",
    ] {
        let detail = fault(&with("answered_at", &format!("\"{value}\"")));
        assert_eq!(detail, "answered_at: not a time as RFC 3339 writes it, with a zone", "{value}");
    }
    assert!(fault(&with("answered_at", "1763633730")).starts_with("answered_at: invalid type"));
}

#[test]
fn every_bound_is_held() {
    let text = |len: usize| format!("\"{}\"", "x".repeat(len));
    let attributes = |count: usize| {
        let fields: Vec<String> = (0..count).map(|n| format!("\"a{n:02}\":\"\"")).collect();
        format!("{{{}}}", fields.join(","))
    };
    let cases = [
        ("call_id", text(128), text(129)),
        ("call_id", text(1), text(0)),
        ("tenant", text(64), text(65)),
        ("tenant", text(1), text(0)),
        ("tenant", "\"A.b_c-9\"".into(), "\"a b\"".into()),
        ("user", text(256), text(257)),
        ("user", text(1), text(0)),
        ("plan", text(64), text(65)),
        ("plan", "\"payg\"".into(), "\"a/b\"".into()),
        ("from", text(256), text(257)),
        ("from", text(0), "null".into()),
        ("to", text(256), text(257)),
        ("to", text(0), "5".into()),
        ("service", "\"voice_app\"".into(), "\"fax\"".into()),
        ("direction", "\"inbound\"".into(), "\"sideways\"".into()),
        ("number_type", "\"toll_free\"".into(), "\"tollfree\"".into()),
        ("usage_country", "\"FR\"".into(), "\"fr\"".into()),
        ("part", "4294967295".into(), "4294967296".into()),
        ("part", "0".into(), "-1".into()),
        ("part", "null".into(), "1.0".into()),
        ("on_net", "true".into(), "\"yes\"".into()),
        ("final", "false".into(), "0".into()),
        ("version", "1".into(), "\"1\"".into()),
        ("version", "null".into(), "1.5".into()),
        ("attributes", attributes(16), attributes(17)),
        ("attributes", format!("{{\"a\":{}}}", text(1023)), format!("{{\"a\":{}}}", text(1024))),
        ("attributes", "{}".into(), "{\"a\":1}".into()),
        ("attributes", "null".into(), "[]".into()),
        ("attributes", "{\"a\":\"\"}".into(), "{\"a\":\"\",\"\\u0061\":\"\"}".into()),
        ("ended_at", "\"2026-11-20T10:16:48Z\"".into(), "\"later\"".into()),
    ];
    for (field, good, bad) in cases {
        let json = with(field, &good);
        assert!(decode(json.as_bytes()).is_ok(), "{json}: {:?}", decode(json.as_bytes()));
        let detail = fault(&with(field, &bad));
        assert!(detail.starts_with(&format!("{field}: ")), "{field} {bad}: {detail}");
    }
}

#[test]
fn a_record_has_at_most_64_kib() {
    let padded = |len: usize| format!("{EXAMPLE}{}", " ".repeat(len - EXAMPLE.len()));
    assert!(decode(padded(RECORD_BYTES_MAX).as_bytes()).is_ok());
    assert_eq!(fault(&padded(RECORD_BYTES_MAX + 1)), "record: 65537 bytes, more than 65536");
}

#[test]
fn r1_optional_fields_may_be_absent_or_null_and_others_may_not() {
    for field in ["user", "plan", "usage_country"] {
        let (absent, null) = (with(field, ""), with(field, "null"));
        assert_eq!(decode(absent.as_bytes()).expect("valid"), decode(null.as_bytes()).expect("valid"), "{field}");
    }
    for field in ["call_id", "tenant", "service", "direction", "from", "to", "number_type"] {
        assert_eq!(fault(&with(field, "")), format!("{field}: missing"));
        assert_eq!(fault(&with(field, "null")), format!("{field}: missing"));
    }
}

#[test]
fn unknown_fields_are_ignored_and_known_ones_are_given_once() {
    let json = with("colour", r#"{"deep":[1,2,{"call_id":5}]}"#);
    assert_eq!(decode(json.as_bytes()), decode(EXAMPLE.as_bytes()));
    let twice = EXAMPLE.replacen('{', r#"{"tenant":"contoso","#, 1);
    assert_eq!(fault(&twice), "tenant: given twice");
    let null_twice = EXAMPLE.replacen('{', r#"{"part":null,"part":1,"#, 1);
    assert_eq!(fault(&null_twice), "part: given twice");
}

#[test]
fn escapes_are_read() {
    let json = with("user", r#""\u0061da\"\\\u00e9\ud83d\ude00""#);
    assert_eq!(decode(json.as_bytes()).expect("valid").user.as_deref(), Some("ada\"\\é😀"));
}

#[test]
fn r8_another_version_is_unsupported_even_if_nothing_else_can_be_read() {
    let others = [
        with("version", "2"),
        with("version", "0"),
        r#"{"version":2}"#.into(),
        r#"{"call_id":7,"tenant":[],"version":2,"answered_at":"x"}"#.into(),
        r#"{"duration_seconds":"x","version":18446744073709551615}"#.into(),
    ];
    for json in others {
        let rejected = decode(json.as_bytes()).expect_err("of another version");
        assert_eq!(rejected.reason, Reason::UnsupportedVersion, "{json}: {rejected}");
    }
    assert_eq!(fault(r#"{"version":1,"call_id":7}"#), "call_id: invalid type: integer `7`, expected a text");
    fault(r#"{"version":2,"call_id":"#);
}

#[test]
fn what_is_not_a_json_object_is_malformed() {
    let deep = "[".repeat(60_000);
    let in_a_field = format!("{{\"x\":{}", "[".repeat(60_000));
    for json in [
        "",
        " ",
        "null",
        "[]",
        "7",
        "{",
        "{}",
        "{\"call_id\"}",
        "{} {}",
        "\"x\"",
        "{'call_id':1}",
        deep.as_str(),
        in_a_field.as_str(),
    ] {
        fault(json);
    }
    let not_utf8 = decode(b"{\"call_id\":\"\xff\"}").expect_err("not UTF-8");
    assert_eq!(not_utf8.detail, "record: not UTF-8 from byte 12 on");
}

#[test]
fn a_detail_is_short_whatever_the_record_holds() {
    let json = with("service", &format!("\"{}\"", "x".repeat(10_000)));
    assert!(fault(&json).len() < 400);
    let json = with("on_net", &format!("\"{}\"", "x".repeat(10_000)));
    assert!(fault(&json).len() < 400);
}
