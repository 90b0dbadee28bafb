//! `funds.added`, `funds.expired`, `settlement.unmatched`: money that came, went, or waits for a person.

use super::{Place, read_mark, read_money, read_optional_money, read_optional_text, read_text, write_mark};
use crate::core::event::{Event, EventBody, Funds, LotId};
use crate::core::money::Money;
use crate::wire::fields::{FieldFault, Fields};
use crate::wire::json::Object;
use crate::wire::value::Parsed;

pub(super) fn write(event: &Event<'_>, data: &mut Object<'_>) {
    match &event.body {
        EventBody::FundsAdded { command, funds, payment_reference } => {
            write_mark(command, data);
            write_funds(event.seq, *funds, data);
            data.text("payment_reference", payment_reference);
        }
        EventBody::FundsExpired { lot, amount } => {
            data.plain("lot", lot);
            data.money("amount", *amount);
        }
        EventBody::SettlementUnmatched { recharge_id, payment_reference, amount } => {
            data.text("recharge_id", recharge_id);
            data.optional_text("payment_reference", payment_reference.as_deref());
            data.optional_money("amount", *amount);
        }
        other => unreachable!("{} is written elsewhere", super::type_name(other)),
    }
}

/// The lot is named by the sequence number of its event.
pub(super) fn write_funds(seq: u64, funds: Funds, data: &mut Object<'_>) {
    data.plain("lot", LotId(seq));
    data.money("amount", funds.amount);
    data.money_unless_zero("debt_repaid", funds.debt_repaid);
    data.time("expires_at", funds.expires_at);
}

pub(super) fn read_funds(place: &Place<'_>, data: &mut Fields<'_>) -> Result<Funds, FieldFault> {
    let Parsed(LotId(seq)) = data.required("lot")?;
    if seq != place.seq {
        return Err(FieldFault::new("lot", format_args!("l{seq}, but its event has the number {}", place.seq)));
    }
    let amount = read_money(data, "amount")?;
    let debt_repaid = read_optional_money(data, "debt_repaid")?.unwrap_or(Money::ZERO);
    let Parsed(expires_at) = data.required("expires_at")?;
    Ok(Funds { amount, debt_repaid, expires_at })
}

pub(super) fn read_added<'a>(place: &Place<'a>, data: &mut Fields<'a>) -> Result<EventBody<'a>, FieldFault> {
    Ok(EventBody::FundsAdded {
        command: read_mark(data)?,
        funds: read_funds(place, data)?,
        payment_reference: read_text(data, "payment_reference")?,
    })
}

pub(super) fn read_expired<'a>(data: &mut Fields<'a>) -> Result<EventBody<'a>, FieldFault> {
    let Parsed(lot) = data.required("lot")?;
    Ok(EventBody::FundsExpired { lot, amount: read_money(data, "amount")? })
}

pub(super) fn read_unmatched<'a>(data: &mut Fields<'a>) -> Result<EventBody<'a>, FieldFault> {
    Ok(EventBody::SettlementUnmatched {
        recharge_id: read_text(data, "recharge_id")?,
        payment_reference: read_optional_text(data, "payment_reference")?,
        amount: read_optional_money(data, "amount")?,
    })
}
