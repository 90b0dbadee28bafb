//! Commands: what is read, what is refused, and what is quarantined.

use proptest::option;
use proptest::prelude::*;

use super::sample::any_command_body;
use super::*;
use crate::core::cdr::Service;
use crate::core::command::{CommandBody, OpenTenant, Settlement, UpdateTenant};
use crate::core::money::Money;
use crate::core::recharge::RechargeId;
use crate::core::tenant::NoRatePolicy;
use crate::wire::event::sample::{any_text, any_time};

pub(super) fn command(kind: &str, body: &str) -> String {
    let head = format!(r#"{{"command_id":"k1","tenant":"contoso","type":"{kind}","at":"2026-11-20T10:00:00Z""#);
    if body.is_empty() { format!("{head}}}") } else { format!("{head},{body}}}") }
}

#[track_caller]
pub(super) fn read(json: &str) -> CommandBody<'_> {
    decode(json.as_bytes()).expect(json).request.unwrap_or_else(|fault| panic!("{json}: {fault:?}")).body
}

#[track_caller]
pub(super) fn refused(json: &str) -> (Refusal, String) {
    let command = decode(json.as_bytes()).unwrap_or_else(|rejected| panic!("{json}: {rejected}"));
    let Err(Unreadable { refusal, detail }) = command.request else { panic!("{json} was read") };
    (refusal, detail)
}

pub(super) fn money(text: &str) -> Money {
    text.parse().expect(text)
}

#[test]
fn a_tenant_is_opened_with_defaults_for_what_is_left_out() {
    let least = opened(&command("tenant.open", r#""currency":"USD","price_list":"outbound-usd","usage_country":"US""#));
    let expected = OpenTenant {
        currency: "USD".parse().expect("a currency"),
        price_list: "outbound-usd".into(),
        overlay: None,
        usage_country: "US".parse().expect("a country"),
        default_plans: Vec::new(),
        contacts_ref: None,
        no_rate: None,
        minimum_funding: Money::ZERO,
        block_at: Money::ZERO,
        notify_below: None,
        daily_limit: None,
    };
    assert_eq!(least, expected);
    let most = command(
        "tenant.open",
        r#""currency":"USD","price_list":"outbound-usd","usage_country":"US","overlay":"special","default_plans":{"voice_app":"payg",
        "calling":"payg"},"contacts_ref":"desk-17","no_rate":"free_call","minimum_funding":"10","block_at":"-25.50","notify_below":"-5","daily_limit":"100""#,
    );
    let expected = OpenTenant {
        overlay: Some("special".into()),
        default_plans: vec![(Service::Calling, "payg".into()), (Service::VoiceApp, "payg".into())],
        contacts_ref: Some("desk-17".into()),
        no_rate: Some(NoRatePolicy::FreeCall),
        minimum_funding: money("10"),
        block_at: money("-25.5"),
        notify_below: Some(money("-5")),
        daily_limit: Some(money("100")),
        ..expected
    };
    assert_eq!(opened(&most), expected);
}

#[track_caller]
fn opened(json: &str) -> OpenTenant {
    match read(json) {
        CommandBody::OpenTenant(open) => open,
        other => panic!("{json}: {other:?}"),
    }
}

#[test]
fn an_update_tells_null_from_absent_where_a_setting_can_be_taken_away() {
    let update = |body: &str| match read(&command("tenant.update", body)) {
        CommandBody::UpdateTenant(update) => update,
        other => panic!("{other:?}"),
    };
    assert_eq!(update(""), UpdateTenant::default());
    let taken_away = UpdateTenant {
        overlay: Some(None),
        contacts_ref: Some(None),
        no_rate: Some(None),
        notify_below: Some(None),
        daily_limit: Some(None),
        ..UpdateTenant::default()
    };
    let all_null = r#""price_list":null,"overlay":null,"usage_country":null,"default_plans":null,"contacts_ref":null,"no_rate":null,"minimum_funding":null,"block_at":null,"notify_below":null,"daily_limit":null"#;
    assert_eq!(update(all_null), taken_away);
    let (refusal, detail) = refused(&command("tenant.update", r#""currency":"EUR""#));
    assert_eq!((refusal, detail.as_str()), (Refusal::Malformed, "currency: is fixed when a tenant is opened"));
}

#[test]
fn money_is_added_closed_and_settled() {
    assert_eq!(
        read(&command(
            "funds.add",
            r#""amount":"100.00","payment_reference":"pay-1","expires_at":"2027-01-31T00:00:00+01:00""#
        )),
        CommandBody::AddFunds {
            amount: money("100"),
            payment_reference: "pay-1".into(),
            expires_at: Some("2027-01-30T23:00:00Z".parse().expect("a time")),
        }
    );
    assert_eq!(
        read(&command("tenant.close", r#""reason":"moved away""#)),
        CommandBody::CloseTenant { reason: "moved away".into(), forfeit: false }
    );
    let settle = |recharge_id, written_id: &'static str, settlement| CommandBody::SettleRecharge {
        recharge_id,
        written_id: written_id.into(),
        settlement,
    };
    assert_eq!(
        read(&command(
            "recharge.settle",
            r#""recharge_id":"contoso/r9","outcome":"succeeded","payment_reference":"pay-2","reason":null"#
        )),
        settle(Some(RechargeId(9)), "contoso/r9", Settlement::Succeeded { payment_reference: Some("pay-2".into()) })
    );
    assert_eq!(
        read(&command("recharge.settle", r#""recharge_id":"fabrikam/r9","outcome":"failed","reason":"card expired""#)),
        settle(None, "fabrikam/r9", Settlement::Failed { reason: "card expired".into() })
    );
}

#[test]
fn r38_a_user_is_limited_and_licences_are_set() {
    let limit =
        |limit: &str| command("user.limit", &format!(r#""user":"ada@contoso.example","monthly_limit":{limit}"#));
    for (written, monthly_limit) in [("\"50\"", Some(money("50"))), ("\"0\"", Some(Money::ZERO)), ("null", None)] {
        let expected = CommandBody::LimitUser { user: "ada@contoso.example".into(), monthly_limit };
        assert_eq!(read(&limit(written)), expected);
    }
    assert_eq!(
        read(&command("licences.set", r#""plan":"domestic-us","usage_country":"US","quantity":0"#)),
        CommandBody::SetLicences {
            plan: "domestic-us".into(),
            usage_country: "US".parse().expect("a country"),
            quantity: 0
        }
    );
    let cases = [
        (limit("\"-1\""), "monthly_limit: below zero"),
        (command("user.limit", r#""user":"ada""#), "monthly_limit: missing"),
        (command("user.limit", r#""monthly_limit":null"#), "user: missing"),
        (command("licences.set", r#""plan":"a b","usage_country":"US","quantity":1"#), "plan: not 1 to 64"),
        (command("licences.set", r#""plan":"p","quantity":1"#), "usage_country: missing"),
        (command("licences.set", r#""plan":"p","usage_country":"US","quantity":-1"#), "quantity: invalid value"),
        (
            command("licences.set", r#""plan":"p","usage_country":"US","quantity":4294967296"#),
            "quantity: invalid value",
        ),
    ];
    for (json, expected) in cases {
        let (refusal, detail) = refused(&json);
        assert_eq!(refusal, Refusal::Malformed, "{json}");
        assert!(detail.starts_with(expected), "{json}: {detail}");
    }
}

#[test]
fn what_is_wrong_with_a_body_is_refused_and_named() {
    let open = |more: &str| {
        command("tenant.open", &format!(r#""currency":"USD","price_list":"d","usage_country":"US"{more}"#))
    };
    let configure = |amount: &str, more: &str| {
        command(
            "recharge.configure",
            &format!(r#""enabled":true,"trigger":"-5","amount":"{amount}","payment_method":"pm"{more}"#),
        )
    };
    let fund = |amount: &str, reference: &str| {
        command("funds.add", &format!(r#""amount":{amount},"payment_reference":{reference}"#))
    };
    read(&configure("1", ""));
    read(&fund("\"0.000000001\"", "\"p\""));
    let long = format!("\"{}\"", "x".repeat(257));
    let cases = [
        (open(r#","colour":"red""#), "colour: unknown field"),
        (open(r#","currency":"USD""#), "currency: given twice"),
        (open(r#","overlay":"a b""#), "overlay: not 1 to 64 of [A-Za-z0-9._-]"),
        (open(r#","no_rate":"free""#), "no_rate: not one of quarantine, free_call"),
        (open(r#","minimum_funding":"-1""#), "minimum_funding: below zero"),
        (open(r#","daily_limit":"0""#), "daily_limit: not above zero"),
        (command("tenant.update", r#""daily_limit":"-1""#), "daily_limit: not above zero"),
        (open(r#","notify_below":true"#), "notify_below: invalid type: boolean `true`, expected a text"),
        (open(r#","block_at":0"#), "block_at: invalid type: integer `0`, expected a text"),
        (open(r#","default_plans":{"fax":"payg"}"#), "default_plans: not one of calling, conferencing, voice_app"),
        (open(r#","default_plans":{"calling":"a","calling":"b"}"#), "default_plans: calling: given twice"),
        (open(&format!(r#","contacts_ref":{long}"#)), "contacts_ref: not 1 to 256 bytes"),
        (command("tenant.open", r#""currency":"USD""#), "price_list: missing"),
        (command("tenant.close", ""), "reason: missing"),
        (fund("\"0\"", "\"p\""), "amount: not above zero"),
        (fund("\"-1\"", "\"p\""), "amount: not above zero"),
        (fund("\"1e3\"", "\"p\""), "amount: not a decimal number"),
        (fund("\"0.0000000001\"", "\"p\""), "amount: more than 9 decimals"),
        (fund("\"1000000000000000\"", "\"p\""), "amount: not below 10^15"),
        (fund("100", "\"p\""), "amount: invalid type: integer `100`, expected a text"),
        (fund("null", "\"p\""), "amount: missing"),
        (fund("\"1\"", "\"\""), "payment_reference: not 1 to 256 bytes"),
        (fund("\"1\"", &long), "payment_reference: not 1 to 256 bytes"),
        (configure("0", ""), "amount: not above zero"),
        (configure("1", r#","max_amount":"0""#), "max_amount: not above zero"),
        (configure("1", r#","max_amount_per_month":"-1""#), "max_amount_per_month: not above zero"),
        (configure("1", r#","max_per_month":0"#), "max_per_month: not above zero"),
        (
            configure("1", r#","max_per_month":4294967296"#),
            "max_per_month: invalid value: integer `4294967296`, expected u32",
        ),
        (command("recharge.settle", r#""recharge_id":"r","outcome":"maybe""#), "outcome: not one of succeeded, failed"),
        (command("recharge.settle", r#""recharge_id":"r","outcome":"failed""#), "reason: missing"),
        (command("recharge.settle", r#""outcome":"succeeded""#), "recharge_id: missing"),
        (r#"{"command_id":"k1","tenant":"contoso","at":"2026-11-20T10:00:00Z"}"#.into(), "type: missing"),
        (r#"{"command_id":"k1","tenant":"contoso","type":"tenant.close","reason":"x"}"#.into(), "at: missing"),
        (command("tenant.close", r#""reason":"x","actor":"""#), "actor: not 1 to 256 bytes"),
    ];
    for (json, expected) in cases {
        assert_eq!(refused(&json), (Refusal::Malformed, expected.to_owned()), "{json}");
    }
}

#[test]
fn what_this_release_would_not_act_on_is_refused_as_unsupported() {
    let cases = [
        (command("tenant.fly", ""), "type: tenant.fly is not known to this release"),
        (command("tenant.close", r#""version":2,"colour":"red""#), "version: 2, not 1"),
        (command("tenant.close", r#""version":"1""#), "version: \"1\", not 1"),
    ];
    for (json, expected) in cases {
        assert_eq!(refused(&json), (Refusal::UnsupportedVersion, expected.to_owned()), "{json}");
    }
    read(&command("tenant.close", r#""version":1,"reason":"x""#));
}

#[test]
fn without_a_tenant_or_an_id_a_command_is_quarantined() {
    let cases = [
        ("", "record: EOF"),
        ("[]", "record: invalid type"),
        ("{", "record: EOF"),
        ("{} {}", "record: trailing"),
        ("{}", "command_id: missing"),
        (r#"{"command_id":"","tenant":"t"}"#, "command_id: not 1 to 128 bytes"),
        (r#"{"command_id":7,"tenant":"t"}"#, "command_id: invalid type"),
        (r#"{"command_id":"k1"}"#, "tenant: missing"),
        (r#"{"command_id":"k1","tenant":"a b"}"#, "tenant: not 1 to 64"),
        (r#"{"command_id":"k1","command_id":"k2","tenant":"t"}"#, "command_id: given twice"),
        (r#"{"command_id":"k1","tenant":"t","tenant":"t"}"#, "tenant: given twice"),
        (r#"{"command_id":"k1","version":2}"#, "tenant: missing"),
    ];
    for (json, expected) in cases {
        let rejected = decode(json.as_bytes()).expect_err(json);
        assert_eq!(rejected.reason, crate::core::reason::Reason::Malformed);
        assert!(rejected.detail.starts_with(expected), "{json}: {}", rejected.detail);
    }
    assert!(decode(b"\xff").is_err());
    assert!(decode(&vec![b' '; crate::wire::RECORD_BYTES_MAX + 1]).is_err());
}

#[test]
fn the_hash_is_that_of_type_and_body_alone() {
    let hash = |json: &str| decode(json.as_bytes()).expect(json).request.expect(json).body_hash;
    let first = hash(&command("funds.add", r#""amount":"1.00","payment_reference":"p""#));
    let same = [
        r#"{"payment_reference":"p","amount":"1.00","type":"funds.add","command_id":"k2","tenant":"fabrikam","at":"2026-01-01T00:00:00Z"}"#,
        r#"{ "version":1, "actor":"ada", "command_id":"k1","tenant":"contoso","type":"funds.add","at":"2026-11-20T10:00:00Z","amount":"1.0\u0030","payment_reference":"p"}"#,
    ];
    for json in same {
        assert_eq!(hash(json), first, "{json}");
    }
    for (kind, body) in [
        ("funds.add", r#""amount":"1.01","payment_reference":"p""#),
        ("funds.add", r#""amount":"1.0","payment_reference":"p""#),
        ("funds.add", r#""amount":"1.00","payment_reference":"q""#),
        ("funds.add", r#""amount":"1.00","payment_reference":"p","expires_at":null"#),
    ] {
        assert_ne!(hash(&command(kind, body)), first, "{body}");
    }
}

#[test]
fn the_hash_is_the_same_in_every_release() {
    let json = command("funds.add", r#""amount":"100.00","payment_reference":"pay-1""#);
    let request = decode(json.as_bytes()).expect("a command").request.expect("read whole");
    assert_eq!(format!("{:016x}", request.body_hash.0), "29523a0abffc1dd7");
}

proptest! {
    #[test]
    fn any_command_is_read_back_as_it_was_written(
        body in any_command_body(), at in any_time(), actor in option::of(any_text(1, 60)),
    ) {
        let outgoing = Outgoing { command_id: "k1", tenant: "contoso", at, actor: actor.as_deref(), body: &body };
        let mut bytes = Vec::new();
        encode(&outgoing, &mut bytes);
        let request = decode(&bytes).expect("a command").request;
        let request = request.unwrap_or_else(|fault| panic!("{}: {fault:?}", String::from_utf8_lossy(&bytes)));
        prop_assert_eq!(&request.body, &body);
        prop_assert_eq!((request.at, request.actor.as_deref()), (at, actor.as_deref()));
    }
}
