//! `funds.added`, `funds.expiring`, `funds.expired`, `settlement.unmatched`: money that came, goes, went, or waits for a
//! person. And lots, as all events name them.

use smallvec::SmallVec;

use super::{Place, read_mark, read_money, read_optional_money, read_optional_text, read_text, required, write_mark};
use crate::core::event::{Draw, Event, EventBody, Funds, LotId};
use crate::core::money::Money;
use crate::wire::fields::{FieldFault, Fields};
use crate::wire::json::{Object, write_integer, write_list, write_money};
use crate::wire::record::record;
use crate::wire::value::{List, Parsed};

pub(super) fn write(event: &Event<'_>, data: &mut Object<'_>) {
    match &event.body {
        EventBody::FundsAdded { command, funds, payment_reference } => {
            write_mark(command, data);
            write_funds(event.seq, *funds, data);
            data.text("payment_reference", payment_reference);
        }
        EventBody::FundsExpiring { lot, amount, expires_at, days } => {
            data.plain("lot", lot);
            data.money("amount", *amount);
            data.time("expires_at", *expires_at);
            data.integer("days", *days);
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
    let amount = read_money(data, "amount")?;
    read_funds_of(amount, place, data)
}

/// The funds whose amount was read already.
pub(super) fn read_funds_of(amount: Money, place: &Place<'_>, data: &mut Fields<'_>) -> Result<Funds, FieldFault> {
    read_own_lot(place, data)?;
    let debt_repaid = read_optional_money(data, "debt_repaid")?.unwrap_or(Money::ZERO);
    let Parsed(expires_at) = data.required("expires_at")?;
    Ok(Funds { amount, debt_repaid, expires_at })
}

/// The lot that an event adds, which its sequence number names already.
pub(super) fn read_own_lot(place: &Place<'_>, data: &mut Fields<'_>) -> Result<(), FieldFault> {
    let Parsed(LotId(seq)) = data.required("lot")?;
    if seq != place.seq {
        return Err(FieldFault::new("lot", format_args!("l{seq}, but its event has the number {}", place.seq)));
    }
    Ok(())
}

pub(super) fn write_draws(lots: &[Draw], into: &mut Vec<u8>) {
    write_list(lots, into, |draw, into| {
        into.extend_from_slice(br#"{"lot":"l"#);
        write_integer(draw.lot.0, into);
        into.extend_from_slice(br#"","amount":"#);
        write_money(draw.amount, into);
        into.push(b'}');
    });
}

pub(super) fn read_draws(lots: Option<List<RawDraw<'_>>>) -> Result<SmallVec<[Draw; 2]>, FieldFault> {
    let lots = lots.map(|List(lots)| lots).unwrap_or_default();
    lots.into_iter().map(RawDraw::into_draw).collect()
}

record! {
    /// What was drawn from a lot, or went back to it.
    pub(super) struct RawDraw<'a>, unknown fields are refused:
    "lot" => lot: Parsed<LotId>,
    "amount" => amount: Parsed<Money>,
}

impl RawDraw<'_> {
    fn into_draw(self) -> Result<Draw, FieldFault> {
        Ok(Draw { lot: required("lot", self.lot)?.0, amount: required("amount", self.amount)?.0 })
    }
}

pub(super) fn read_added<'a>(place: &Place<'a>, data: &mut Fields<'a>) -> Result<EventBody<'a>, FieldFault> {
    Ok(EventBody::FundsAdded {
        command: read_mark(data)?,
        funds: read_funds(place, data)?,
        payment_reference: read_text(data, "payment_reference")?,
    })
}

pub(super) fn read_expiring<'a>(data: &mut Fields<'a>) -> Result<EventBody<'a>, FieldFault> {
    let Parsed(lot) = data.required("lot")?;
    let Parsed(expires_at) = data.required("expires_at")?;
    let amount = read_money(data, "amount")?;
    Ok(EventBody::FundsExpiring { lot, amount, expires_at, days: data.required("days")? })
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
