//! `recharge.*`: automatic top-ups, from their settings to their end.

use jiff::Timestamp;

use super::funds::{read_funds, write_funds};
use super::{Place, read_mark, read_money, read_optional_money, read_optional_text, read_text, write_mark};
use crate::core::event::{Event, EventBody};
use crate::core::recharge::{RechargeId, RechargeSettings};
use crate::wire::fields::{FieldFault, Fields};
use crate::wire::json::Object;
use crate::wire::value::{Parsed, Text};

pub(super) fn write(event: &Event<'_>, data: &mut Object<'_>) {
    let tenant = &*event.tenant;
    match &event.body {
        EventBody::RechargeConfigured { command, settings } => {
            write_mark(command, data);
            write_settings(settings, data);
        }
        EventBody::RechargeRequested { attempt, amount, payment_method } => {
            data.plain("recharge_id", RechargeId(event.seq).of(tenant));
            data.integer("attempt", *attempt);
            data.money("amount", *amount);
            data.text("payment_method", payment_method);
        }
        EventBody::RechargeSucceeded { command, recharge, attempt, requested_at, funds, payment_reference } => {
            write_mark(command, data);
            data.plain("recharge_id", recharge.of(tenant));
            data.integer("attempt", *attempt);
            data.time("requested_at", *requested_at);
            write_funds(event.seq, *funds, data);
            data.optional_text("payment_reference", payment_reference.as_deref());
        }
        EventBody::RechargeFailed { command, recharge, attempt, requested_at, amount, reason, next_at } => {
            write_mark(command, data);
            data.plain("recharge_id", recharge.of(tenant));
            data.integer("attempt", *attempt);
            data.time("requested_at", *requested_at);
            data.money("amount", *amount);
            data.text("reason", reason);
            data.optional_time("next_at", *next_at);
        }
        EventBody::RechargeStatusRequested { recharge, attempt, amount }
        | EventBody::RechargeUnresolved { recharge, attempt, amount } => {
            data.plain("recharge_id", recharge.of(tenant));
            data.integer("attempt", *attempt);
            data.money("amount", *amount);
        }
        EventBody::RechargeSuspended { recharge } => data.plain("recharge_id", recharge.of(tenant)),
        EventBody::RechargeCapped { recharge, wanted } => {
            if let Some(recharge) = recharge {
                data.plain("recharge_id", recharge.of(tenant));
            }
            data.money("wanted", *wanted);
        }
        other => unreachable!("{} is written elsewhere", super::type_name(other)),
    }
}

pub(in crate::wire) fn write_settings(settings: &RechargeSettings, data: &mut Object<'_>) {
    data.flag("enabled", settings.enabled);
    data.money("trigger", settings.trigger);
    data.money("amount", settings.amount);
    data.text("payment_method", &settings.payment_method);
    if let Some(requests) = settings.max_per_month {
        data.integer("max_per_month", requests);
    }
    data.optional_money("max_amount", settings.max_amount);
    data.optional_money("max_amount_per_month", settings.max_amount_per_month);
}

pub(super) fn read_configured<'a>(data: &mut Fields<'a>) -> Result<EventBody<'a>, FieldFault> {
    Ok(EventBody::RechargeConfigured {
        command: read_mark(data)?,
        settings: RechargeSettings {
            enabled: data.required("enabled")?,
            trigger: read_money(data, "trigger")?,
            amount: read_money(data, "amount")?,
            payment_method: read_text(data, "payment_method")?.into(),
            max_per_month: data.optional("max_per_month")?,
            max_amount: read_optional_money(data, "max_amount")?,
            max_amount_per_month: read_optional_money(data, "max_amount_per_month")?,
        },
    })
}

/// Its id is its own sequence number.
pub(super) fn read_requested<'a>(place: &Place<'a>, data: &mut Fields<'a>) -> Result<EventBody<'a>, FieldFault> {
    let RechargeId(seq) = read_id(place, data)?;
    if seq != place.seq {
        return Err(FieldFault::new("recharge_id", format_args!("r{seq}, but its event has the number {}", place.seq)));
    }
    Ok(EventBody::RechargeRequested {
        attempt: data.required("attempt")?,
        amount: read_money(data, "amount")?,
        payment_method: read_text(data, "payment_method")?,
    })
}

pub(super) fn read_succeeded<'a>(place: &Place<'a>, data: &mut Fields<'a>) -> Result<EventBody<'a>, FieldFault> {
    Ok(EventBody::RechargeSucceeded {
        command: read_mark(data)?,
        recharge: read_id(place, data)?,
        attempt: data.required("attempt")?,
        requested_at: read_requested_at(data)?,
        funds: read_funds(place, data)?,
        payment_reference: read_optional_text(data, "payment_reference")?,
    })
}

pub(super) fn read_failed<'a>(place: &Place<'a>, data: &mut Fields<'a>) -> Result<EventBody<'a>, FieldFault> {
    let next_at: Option<Parsed<_>> = data.optional("next_at")?;
    Ok(EventBody::RechargeFailed {
        command: read_mark(data)?,
        recharge: read_id(place, data)?,
        attempt: data.required("attempt")?,
        requested_at: read_requested_at(data)?,
        amount: read_money(data, "amount")?,
        reason: read_text(data, "reason")?,
        next_at: next_at.map(|Parsed(at)| at),
    })
}

pub(super) fn read_status_requested<'a>(place: &Place<'a>, data: &mut Fields<'a>) -> Result<EventBody<'a>, FieldFault> {
    Ok(EventBody::RechargeStatusRequested {
        recharge: read_id(place, data)?,
        attempt: data.required("attempt")?,
        amount: read_money(data, "amount")?,
    })
}

pub(super) fn read_unresolved<'a>(place: &Place<'a>, data: &mut Fields<'a>) -> Result<EventBody<'a>, FieldFault> {
    Ok(EventBody::RechargeUnresolved {
        recharge: read_id(place, data)?,
        attempt: data.required("attempt")?,
        amount: read_money(data, "amount")?,
    })
}

pub(super) fn read_suspended<'a>(place: &Place<'a>, data: &mut Fields<'a>) -> Result<EventBody<'a>, FieldFault> {
    Ok(EventBody::RechargeSuspended { recharge: read_id(place, data)? })
}

pub(super) fn read_capped<'a>(place: &Place<'a>, data: &mut Fields<'a>) -> Result<EventBody<'a>, FieldFault> {
    Ok(EventBody::RechargeCapped { recharge: read_optional_id(place, data)?, wanted: read_money(data, "wanted")? })
}

fn read_id(place: &Place<'_>, data: &mut Fields<'_>) -> Result<RechargeId, FieldFault> {
    read_optional_id(place, data)?.ok_or_else(|| FieldFault::missing("recharge_id"))
}

fn read_optional_id(place: &Place<'_>, data: &mut Fields<'_>) -> Result<Option<RechargeId>, FieldFault> {
    let Some(Text(written)) = data.optional("recharge_id")? else { return Ok(None) };
    let id = RechargeId::parse(&written, &place.tenant);
    id.map(Some).ok_or_else(|| FieldFault::new("recharge_id", "not a recharge of this tenant"))
}

fn read_requested_at(data: &mut Fields<'_>) -> Result<Timestamp, FieldFault> {
    let Parsed(at) = data.required("requested_at")?;
    Ok(at)
}
