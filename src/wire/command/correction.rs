//! `call.void` and `balance.adjust`: commands that carry debits of the ledger, since past calls are not in the state.
//!
//! A record has at most [`RECORD_BYTES_MAX`](crate::wire::RECORD_BYTES_MAX) bytes, and the debit of a part takes 700 to 900 of
//! them: a call of more than 70 to 90 parts can neither be voided nor be named by a correction.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::text;
use crate::core::command::{CommandBody, NamedDebit};
use crate::core::event::EventBody;
use crate::core::money::Money;
use crate::wire::event::{self, CALL_ID_AS_NEW_BYTES_MAX};
use crate::wire::fields::{FieldFault, Fields};
use crate::wire::value::{Bounded, List, Parsed};

type CallId<'a> = Bounded<'a, 1, CALL_ID_AS_NEW_BYTES_MAX>;

pub(super) fn void_call<'a>(body: &mut Fields<'a>) -> Result<CommandBody<'a>, FieldFault> {
    let Bounded(call_id): CallId<'a> = body.required("call_id")?;
    let release: Option<bool> = body.optional("release")?;
    Ok(CommandBody::VoidCall {
        call_id,
        reason: text(body, "reason")?,
        release: release.unwrap_or(false),
        debits: debits(body)?.ok_or_else(|| FieldFault::missing("debits"))?,
    })
}

pub(super) fn adjust_balance<'a>(body: &mut Fields<'a>) -> Result<CommandBody<'a>, FieldFault> {
    let Parsed::<Money>(amount) = body.required("amount")?;
    if amount.is_zero() {
        return Err(FieldFault::new("amount", "zero"));
    }
    let reason = text(body, "reason")?;
    let call_id: Option<CallId<'a>> = body.optional("corrects")?;
    let corrects: Option<(Cow<'a, str>, _)> = match (call_id, debits(body)?) {
        (None, None) => None,
        (Some(Bounded(call_id)), Some(debits)) => Some((call_id, debits)),
        (Some(_), None) => return Err(FieldFault::new("debits", "missing, and needed with corrects")),
        (None, Some(_)) => return Err(FieldFault::new("corrects", "missing, and needed with debits")),
    };
    Ok(CommandBody::AdjustBalance { amount, reason, corrects })
}

/// Events of the ledger, as they are there.
fn debits<'a>(body: &mut Fields<'a>) -> Result<Option<Vec<NamedDebit<'a>>>, FieldFault> {
    let Some(List(records)) = body.optional::<List<&'a RawValue>>("debits")? else { return Ok(None) };
    if records.is_empty() {
        return Err(FieldFault::new("debits", "empty"));
    }
    let debit = |(place, record): (usize, &'a RawValue)| {
        debit(record).map_err(|problem| FieldFault::new(&format!("debits[{place}]"), problem))
    };
    records.into_iter().enumerate().map(debit).collect::<Result<_, _>>().map(Some)
}

fn debit(record: &RawValue) -> Result<NamedDebit<'_>, String> {
    let event = event::decode(record.get().as_bytes()).map_err(|fault| fault.to_string())?;
    let type_name = event::type_name(&event.body);
    match event.body {
        EventBody::CallDebited(debit) => Ok(NamedDebit { tenant: event.tenant, seq: event.seq, debit }),
        _ => Err(format!("{type_name}, not a debit")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::reason::Refusal;
    use crate::wire::RECORD_BYTES_MAX;
    use crate::wire::command::decode;
    use crate::wire::command::tests::{command, money, read, refused};
    use crate::wire::event::sample;

    fn ledger_line(at: usize) -> String {
        let mut bytes = Vec::new();
        event::encode(&sample::one_of_each()[at], &mut bytes);
        String::from_utf8(bytes).expect("JSON is UTF-8")
    }

    /// The first debit of the samples, `contoso/5`.
    fn debit_line() -> String {
        ledger_line(4)
    }

    fn void(more: &str, debits: &str) -> String {
        command("call.void", &format!(r#""call_id":"c-1","reason":"never made"{more},"debits":[{debits}]"#))
    }

    #[test]
    fn debits_are_read_as_they_are_in_the_ledger() {
        let line = debit_line();
        let json = void("", &line);
        let CommandBody::VoidCall { call_id, reason, release, debits } = read(&json) else { panic!("another command") };
        assert_eq!((&*call_id, &*reason, release), ("c-1", "never made", false));
        let [NamedDebit { tenant, seq, debit }] = debits.as_slice() else { panic!("{debits:?}") };
        assert_eq!((&**tenant, *seq), ("contoso", 5));
        assert_eq!(EventBody::CallDebited(debit.clone()), sample::one_of_each()[4].body);
        let json = void(r#","release":true"#, &format!("{line},{line}"));
        let CommandBody::VoidCall { release, debits, .. } = read(&json) else { panic!("another command") };
        assert_eq!((release, debits.len()), (true, 2));
    }

    #[test]
    fn an_adjustment_is_signed_and_may_name_the_call_that_it_corrects() {
        let adjust = |body: &str| command("balance.adjust", body);
        let plain = adjust(r#""amount":"-12.5","reason":"a fee""#);
        let expected = CommandBody::AdjustBalance { amount: money("-12.5"), reason: "a fee".into(), corrects: None };
        assert_eq!(read(&plain), expected);
        let line = debit_line();
        let correcting = adjust(&format!(r#""amount":"0.05","reason":"price","corrects":"c-1","debits":[{line}]"#));
        let CommandBody::AdjustBalance { corrects: Some((call_id, debits)), .. } = read(&correcting) else {
            panic!("without a call")
        };
        assert_eq!((&*call_id, debits.len()), ("c-1", 1));
    }

    #[test]
    fn what_is_not_a_debit_is_named_by_its_place() {
        let line = debit_line();
        let adjust = |body: &str| command("balance.adjust", body);
        let other = ledger_line(1);
        let cases = [
            (void("", ""), "debits: empty"),
            (void("", "7"), "debits[0]: not an event: invalid type: integer `7`, expected an object"),
            (void("", &format!("{line},{{}}")), "debits[1]: not an event: specversion: not 1.0"),
            (void("", &format!("{line},{line},{other}")), "debits[2]: tollkeeper.funds.added.v1, not a debit"),
            (
                void("", &line.replace("debited", "flown")),
                "debits[0]: events of type tollkeeper.call.flown.v1 are not known",
            ),
            (void("", &line.replacen("\"data\":{", "\"data\":{\"colour\":1,", 1)), "debits[0]: not an event: colour"),
            (void("", &line.replacen("contoso/5", "contoso/05", 1)), "debits[0]: not an event: id: not tenant/seq"),
            (command("call.void", r#""call_id":"c-1","reason":"x","debits":{}"#), "debits: invalid type: map"),
            (command("call.void", r#""call_id":"c-1","reason":"x""#), "debits: missing"),
            (command("call.void", r#""call_id":"","reason":"x""#), "call_id: not 1 to 428 bytes"),
            (adjust(r#""amount":"0.00","reason":"x""#), "amount: zero"),
            (adjust(r#""reason":"x""#), "amount: missing"),
            (adjust(r#""amount":"1","reason":"x","corrects":"c-1""#), "debits: missing, and needed with corrects"),
            (
                adjust(&format!(r#""amount":"1","reason":"x","debits":[{line}]"#)),
                "corrects: missing, and needed with debits",
            ),
        ];
        for (json, expected) in cases {
            let (refusal, detail) = refused(&json);
            assert_eq!(refusal, Refusal::Malformed, "{json}");
            assert!(detail.starts_with(expected), "{json}: {detail}");
        }
    }

    #[test]
    fn the_hash_covers_the_debits() {
        let hash = |json: &str| decode(json.as_bytes()).expect(json).request.expect(json).body_hash;
        let line = debit_line();
        let first = hash(&void("", &line));
        assert_eq!(hash(&void("", &line.replacen("{", "{ ", 1))), first);
        assert_ne!(hash(&void("", &line.replace("0.30", "0.31"))), first);
        assert_ne!(hash(&void("", &line.replace("contoso/5", "contoso/6"))), first);
        assert_ne!(hash(&void("", &format!("{line},{line}"))), first);
    }

    #[test]
    fn a_call_of_seventy_parts_can_be_voided() {
        const PARTS: usize = 70;
        // The longest of the samples: the last of three parts, with a fee and a minimum.
        let line = ledger_line(20);
        assert!(line.contains("cumulative") && line.contains("minimum"));
        let bytes = void("", &vec![line; PARTS].join(",")).len();
        assert!(bytes <= RECORD_BYTES_MAX, "{bytes}");
    }
}
