//! `call.void` and `balance.adjust`: commands that carry debits of the ledger, since past calls are not in the state.
//!
//! A record has at most [`RECORD_BYTES_MAX`](crate::wire::RECORD_BYTES_MAX) bytes, so a call that is voided or corrected has a
//! hundred parts or so: a debit of a part mostly takes 500 to 650 bytes.

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
