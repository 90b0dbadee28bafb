//! `balance.adjusted` and `call.voided`: entries of the ledger that refer to what they correct (R37).

use std::borrow::Cow;

use jiff::Timestamp;

use super::funds::{read_draws, read_funds_of, read_own_lot, write_draws};
use super::pool::{RawPool, write_pool};
use super::{
    CALL_ID_AS_NEW_BYTES_MAX, Place, read_bounded, read_mark, read_money, read_optional_bounded, read_optional_money,
    read_text, write_mark,
};
use crate::core::cdr::USER_BYTES_MAX;
use crate::core::event::{AdjustedMoney, Adjustment, Corrects, Event, EventBody, Funds, LotId, Void};
use crate::core::money::Money;
use crate::wire::fields::{FieldFault, Fields};
use crate::wire::json::{Object, write_integer};
use crate::wire::value::{List, Parsed};

pub(super) fn write(event: &Event<'_>, data: &mut Object<'_>) {
    match &event.body {
        EventBody::BalanceAdjusted(adjustment) => write_adjustment(event.seq, adjustment, data),
        EventBody::CallVoided(void) => write_void(event.seq, void, data),
        other => unreachable!("{} is written elsewhere", super::type_name(other)),
    }
}

fn write_adjustment(seq: u64, adjustment: &Adjustment<'_>, data: &mut Object<'_>) {
    write_mark(&adjustment.command, data);
    data.money("amount", adjustment.amount());
    data.text("reason", &adjustment.reason);
    match &adjustment.money {
        AdjustedMoney::Added(Funds { amount: _, debt_repaid, expires_at }) => {
            data.plain("lot", LotId(seq));
            data.money_unless_zero("debt_repaid", *debt_repaid);
            data.time("expires_at", *expires_at);
        }
        AdjustedMoney::Taken { amount: _, lots, debt } => {
            if !lots.is_empty() {
                write_draws(lots, data.value("lots"));
            }
            data.money_unless_zero("debt", *debt);
        }
    }
    if let Some(corrects) = &adjustment.corrects {
        data.text("corrects", &corrects.call_id);
        write_corrected(corrects, data);
    }
}

fn write_void(seq: u64, void: &Void<'_>, data: &mut Object<'_>) {
    write_mark(&void.command, data);
    data.text("call_id", &void.call.call_id);
    data.text("reason", &void.reason);
    if void.release {
        data.flag("release", true);
    }
    data.money("amount", void.amount);
    data.money_unless_zero("debt_repaid", void.debt_repaid);
    if !void.lots.is_empty() {
        write_draws(&void.lots, data.value("lots"));
    }
    if let Some(expires_at) = void.expires_at {
        data.plain("lot", LotId(seq));
        data.optional_money("lot_amount", void.new_lot());
        data.time("expires_at", expires_at);
    }
    if let Some(pool) = &void.pool {
        write_pool(pool, data.value("pool"));
    }
    data.optional_text("user", void.user.as_deref());
    data.optional_time("answered_at", void.answered_at);
    data.optional_money("spent", void.spent);
    write_corrected(&void.call, data);
}

fn write_corrected(corrects: &Corrects<'_>, data: &mut Object<'_>) {
    data.list("debits", &corrects.debits, |seq, into| write_integer(*seq, into));
    data.money("corrected", corrects.corrected);
}

pub(super) fn read_adjusted<'a>(place: &Place<'a>, data: &mut Fields<'a>) -> Result<EventBody<'a>, FieldFault> {
    let corrects = read_optional_bounded::<CALL_ID_AS_NEW_BYTES_MAX>(data, "corrects")?;
    Ok(EventBody::BalanceAdjusted(Box::new(Adjustment {
        command: read_mark(data)?,
        reason: read_text(data, "reason")?,
        money: read_adjusted_money(place, data)?,
        corrects: corrects.map(|call_id| read_corrected(call_id, data)).transpose()?,
    })))
}

/// The sign of the amount says which it is.
fn read_adjusted_money(place: &Place<'_>, data: &mut Fields<'_>) -> Result<AdjustedMoney, FieldFault> {
    let amount = read_money(data, "amount")?;
    if amount.is_positive() {
        return read_funds_of(amount, place, data).map(AdjustedMoney::Added);
    }
    if amount.is_zero() {
        return Err(FieldFault::new("amount", "zero"));
    }
    let lots = read_draws(data.optional("lots")?)?;
    let debt = read_optional_money(data, "debt")?.unwrap_or(Money::ZERO);
    Ok(AdjustedMoney::Taken { amount: amount.negated(), lots, debt })
}

pub(super) fn read_voided<'a>(place: &Place<'a>, data: &mut Fields<'a>) -> Result<EventBody<'a>, FieldFault> {
    let call_id = read_bounded::<CALL_ID_AS_NEW_BYTES_MAX>(data, "call_id")?;
    let release: Option<bool> = data.optional("release")?;
    let pool: Option<RawPool<'a>> = data.optional("pool")?;
    let answered_at: Option<Parsed<_>> = data.optional("answered_at")?;
    let new_lot = read_new_lot(place, data)?;
    let void = Void {
        command: read_mark(data)?,
        reason: read_text(data, "reason")?,
        call: read_corrected(call_id, data)?,
        release: release.unwrap_or(false),
        amount: read_money(data, "amount")?,
        debt_repaid: read_optional_money(data, "debt_repaid")?.unwrap_or(Money::ZERO),
        lots: read_draws(data.optional("lots")?)?,
        expires_at: new_lot.map(|(_, expires_at)| expires_at),
        pool: pool.map(RawPool::into_pool).transpose()?,
        user: read_optional_bounded::<USER_BYTES_MAX>(data, "user")?,
        answered_at: answered_at.map(|Parsed(at)| at),
        spent: read_optional_money(data, "spent")?,
    };
    if void.new_lot() != Some(new_lot.map_or(Money::ZERO, |(amount, _)| amount)) {
        return Err(FieldFault::new("amount", "not the sum of what repaid debt, went back to lots, and is a new lot"));
    }
    Ok(EventBody::CallVoided(Box::new(void)))
}

/// The amount of the new lot and when it lapses, where there is one.
fn read_new_lot(place: &Place<'_>, data: &mut Fields<'_>) -> Result<Option<(Money, Timestamp)>, FieldFault> {
    let Some(amount) = read_optional_money(data, "lot_amount")? else { return Ok(None) };
    read_own_lot(place, data)?;
    let Parsed(expires_at) = data.required("expires_at")?;
    Ok(Some((amount, expires_at)))
}

/// `debits` and `corrected`, of a correction of the call.
fn read_corrected<'a>(call_id: Cow<'a, str>, data: &mut Fields<'a>) -> Result<Corrects<'a>, FieldFault> {
    let List(debits): List<u64> = data.required("debits")?;
    if debits.is_empty() {
        return Err(FieldFault::new("debits", "empty"));
    }
    Ok(Corrects { call_id, debits: debits.into_vec(), corrected: read_money(data, "corrected")? })
}
