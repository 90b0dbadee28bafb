//! Events of the ledger as CloudEvents: `{"specversion","id","source","type","time","data":{"cause","balance",...}}`.
//!
//! Lean: what is absent, empty or at its default is left out. Ledgers outlive code, so the forms only grow. Decoding refuses
//! types that it does not know, and fields too: an event is all that the state has, and a field of a later release, passed
//! over, would be state lost without a word.
//!
//! What the sequence number says already is not carried twice in memory: the lot of `funds.added` and `recharge.succeeded` and
//! the id of `recharge.requested` are written, and read back only to be compared.

mod account;
mod block;
mod correction;
mod debit;
mod funds;
mod pool;
mod recharge;
#[cfg(test)]
pub(super) mod sample;
#[cfg(test)]
mod tests;
mod user;

pub(super) use account::{DefaultPlans, write_default_plans};
pub(super) use recharge::write_settings as write_recharge_settings;

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::value::RawValue;

use super::fields::{FieldFault, Fields, without_place};
use super::json::{Object, write_escaped, write_integer, write_money, write_time_in_ms};
use super::record::record;
use super::rejected::bounded;
use super::value::{Bounded, Parsed, Text, read_sequence};
use crate::core::cdr::CALL_ID_BYTES_MAX;
use crate::core::command::COMMAND_TEXT_BYTES_MAX;
use crate::core::event::{Cause, CommandMark, Event, EventBody};
use crate::core::money::Money;
use crate::core::tenant::TenantId;

/// `source` of all events of the engine.
pub(super) const SOURCE: &str = "/tollkeeper";

/// The longest call id of a debit, in bytes. An identity that was made anew of a quarantined record is longer than a call id by
/// the source of the record (`~topic/partition/offset`); a topic has up to 249 bytes.
pub const CALL_ID_AS_NEW_BYTES_MAX: usize = CALL_ID_BYTES_MAX + 300;

/// Why an event of a ledger cannot be read. A ledger is written by the engine alone: something is broken, or a later release
/// wrote it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventFault {
    /// Not of its form.
    #[error("not an event: {detail}")]
    Malformed {
        /// Which field, and what is wrong with it.
        detail: String,
    },
    /// Perhaps of a later release.
    #[error("events of type {name} are not known to this release")]
    UnknownType {
        /// The whole type.
        name: String,
    },
}

impl EventFault {
    pub(super) fn malformed(detail: impl ToString) -> EventFault {
        EventFault::Malformed { detail: bounded(detail.to_string()) }
    }
}

impl From<FieldFault> for EventFault {
    fn from(fault: FieldFault) -> EventFault {
        EventFault::malformed(fault)
    }
}

impl From<serde_json::Error> for EventFault {
    fn from(fault: serde_json::Error) -> EventFault {
        if fault.is_data() { EventFault::malformed(without_place(&fault)) } else { EventFault::malformed(fault) }
    }
}

/// The `type` of an event, whole.
pub fn type_name(body: &EventBody<'_>) -> &'static str {
    match body {
        EventBody::TenantOpened { .. } => "tollkeeper.tenant.opened.v1",
        EventBody::TenantUpdated { .. } => "tollkeeper.tenant.updated.v1",
        EventBody::TenantClosed { .. } => "tollkeeper.tenant.closed.v1",
        EventBody::LicencesSet { .. } => "tollkeeper.licences.set.v1",
        EventBody::UserLimitSet { .. } => "tollkeeper.user.limit_set.v1",
        EventBody::FundsAdded { .. } => "tollkeeper.funds.added.v1",
        EventBody::FundsExpiring { .. } => "tollkeeper.funds.expiring.v1",
        EventBody::FundsExpired { .. } => "tollkeeper.funds.expired.v1",
        EventBody::BalanceAdjusted(_) => "tollkeeper.balance.adjusted.v1",
        EventBody::CallVoided(_) => "tollkeeper.call.voided.v1",
        EventBody::RechargeConfigured { .. } => "tollkeeper.recharge.configured.v1",
        EventBody::RechargeRequested { .. } => "tollkeeper.recharge.requested.v1",
        EventBody::RechargeSucceeded { .. } => "tollkeeper.recharge.succeeded.v1",
        EventBody::RechargeFailed { .. } => "tollkeeper.recharge.failed.v1",
        EventBody::RechargeSuspended { .. } => "tollkeeper.recharge.suspended.v1",
        EventBody::RechargeCapped { .. } => "tollkeeper.recharge.capped.v1",
        EventBody::RechargeStatusRequested { .. } => "tollkeeper.recharge.status_requested.v1",
        EventBody::RechargeUnresolved { .. } => "tollkeeper.recharge.unresolved.v1",
        EventBody::SettlementUnmatched { .. } => "tollkeeper.settlement.unmatched.v1",
        EventBody::CallDebited(_) => debit::TYPE,
        EventBody::TenantBlocked(_) => "tollkeeper.tenant.blocked.v1",
        EventBody::TenantUnblocked => "tollkeeper.tenant.unblocked.v1",
        EventBody::UserBlocked { .. } => "tollkeeper.user.blocked.v1",
        EventBody::UserUnblocked { .. } => "tollkeeper.user.unblocked.v1",
        EventBody::BalanceLow { .. } => "tollkeeper.balance.low.v1",
        EventBody::BalanceReachedZero { .. } => "tollkeeper.balance.reached_zero.v1",
        EventBody::PoolThresholdReached { .. } => "tollkeeper.pool.threshold_reached.v1",
    }
}

/// Appends the event to `into`.
pub fn encode(event: &Event<'_>, into: &mut Vec<u8>) {
    write_head(event, into);
    if let EventBody::CallDebited(debit) = &event.body {
        debit::write(debit, into);
    } else {
        write_body(event, &mut Object::go_on(into));
    }
    into.extend_from_slice(b"}}");
}

/// Everything up to the balance in `data`.
fn write_head(event: &Event<'_>, into: &mut Vec<u8>) {
    into.extend_from_slice(br#"{"specversion":"1.0","id":""#);
    write_escaped(&event.tenant, into);
    into.push(b'/');
    write_integer(event.seq, into);
    into.extend_from_slice(br#"","source":"/tollkeeper","type":""#);
    into.extend_from_slice(type_name(&event.body).as_bytes());
    into.extend_from_slice(br#"","time":"#);
    write_time_in_ms(event.time, into);
    into.extend_from_slice(br#","data":{"cause":""#);
    match &event.cause {
        Cause::Call { call_id, part } => {
            write_escaped(call_id, into);
            into.push(b'/');
            write_integer(*part, into);
        }
        Cause::Written(text) => write_escaped(text, into),
    }
    into.extend_from_slice(br#"","balance":"#);
    write_money(event.balance, into);
}

fn write_body(event: &Event<'_>, data: &mut Object<'_>) {
    match &event.body {
        EventBody::CallDebited(_) => unreachable!("debits are written by hand"),
        EventBody::TenantOpened { command, settings } | EventBody::TenantUpdated { command, settings } => {
            write_mark(command, data);
            account::write_settings(settings, data);
        }
        EventBody::TenantClosed { command, reason } => {
            write_mark(command, data);
            data.text("reason", reason);
        }
        EventBody::TenantUnblocked => {}
        EventBody::LicencesSet { .. } | EventBody::PoolThresholdReached { .. } => pool::write(event, data),
        EventBody::UserLimitSet { .. } | EventBody::UserBlocked { .. } | EventBody::UserUnblocked { .. } => {
            user::write(event, data);
        }
        EventBody::TenantBlocked(_) | EventBody::BalanceLow { .. } | EventBody::BalanceReachedZero { .. } => {
            block::write(event, data);
        }
        EventBody::FundsAdded { .. }
        | EventBody::FundsExpiring { .. }
        | EventBody::FundsExpired { .. }
        | EventBody::SettlementUnmatched { .. } => funds::write(event, data),
        EventBody::BalanceAdjusted(_) | EventBody::CallVoided(_) => correction::write(event, data),
        EventBody::RechargeConfigured { .. }
        | EventBody::RechargeRequested { .. }
        | EventBody::RechargeSucceeded { .. }
        | EventBody::RechargeFailed { .. }
        | EventBody::RechargeSuspended { .. }
        | EventBody::RechargeCapped { .. }
        | EventBody::RechargeStatusRequested { .. }
        | EventBody::RechargeUnresolved { .. } => recharge::write(event, data),
    }
}

fn write_mark(command: &CommandMark<'_>, data: &mut Object<'_>) {
    data.plain("body_hash", format_args!("{:016x}", command.body_hash.0));
    data.optional_text("actor", command.actor.as_deref());
}

record! {
    /// The frame of an event.
    pub(super) struct RawEvent<'a>, unknown fields are refused:
    "specversion" => specversion: Text<'a>,
    "id" => id: Text<'a>,
    "source" => source: Text<'a>,
    "type" => type_name: Text<'a>,
    "time" => time: Parsed<Timestamp>,
    "data" => data: &'a RawValue,
}

impl<'a> RawEvent<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Result<RawEvent<'a>, EventFault> {
        let json = std::str::from_utf8(bytes).map_err(|_| EventFault::malformed("not UTF-8"))?;
        let raw: RawEvent<'_> = serde_json::from_str(json)?;
        for (name, text, expected) in [("specversion", &raw.specversion, "1.0"), ("source", &raw.source, SOURCE)] {
            if text.as_ref().is_none_or(|Text(text)| text != expected) {
                return Err(EventFault::malformed(format_args!("{name}: not {expected}")));
            }
        }
        Ok(raw)
    }

    pub(super) fn id(&self) -> Result<&Cow<'a, str>, FieldFault> {
        self.id.as_ref().map(|Text(id)| id).ok_or_else(|| FieldFault::missing("id"))
    }

    pub(super) fn type_name(&self) -> Result<&str, FieldFault> {
        self.type_name.as_ref().map(|Text(name)| &**name).ok_or_else(|| FieldFault::missing("type"))
    }

    pub(super) fn time(&self) -> Result<Timestamp, FieldFault> {
        self.time.as_ref().map(|Parsed(time)| *time).ok_or_else(|| FieldFault::missing("time"))
    }

    pub(super) fn data(&self) -> Result<&'a str, FieldFault> {
        self.data.map(RawValue::get).ok_or_else(|| FieldFault::missing("data"))
    }
}

/// The account and the place in its sequence that a body belongs to.
struct Place<'a> {
    tenant: Cow<'a, str>,
    seq: u64,
}

/// `data` of an event.
struct Data<'a> {
    cause: Cow<'a, str>,
    balance: Money,
    body: EventBody<'a>,
}

/// Reads an event of a ledger. Its cause is [`Cause::Written`].
///
/// # Errors
/// [`EventFault`]: not of the form that [`encode`] writes, or of a type or with a field that this release does not know.
pub fn decode(bytes: &[u8]) -> Result<Event<'_>, EventFault> {
    let raw = RawEvent::read(bytes)?;
    let place = place_of(raw.id()?).ok_or_else(|| FieldFault::new("id", "not tenant/seq"))?;
    let (time, type_name, data) = (raw.time()?, raw.type_name()?, raw.data()?);
    let Data { cause, balance, body } =
        if type_name == debit::TYPE { debit::read(data)? } else { read_data(type_name, &place, data)? };
    Ok(Event { tenant: place.tenant, seq: place.seq, time, cause: Cause::Written(cause), balance, body })
}

/// `<tenant>/<seq>`.
fn place_of<'a>(id: &Cow<'a, str>) -> Option<Place<'a>> {
    let (tenant, seq) = id.split_once('/')?;
    let seq = read_sequence(seq)?;
    TenantId::is_valid(tenant).then_some(())?;
    let tenant = match id {
        Cow::Borrowed(id) => Cow::Borrowed(&id[..tenant.len()]),
        Cow::Owned(_) => Cow::Owned(tenant.to_owned()),
    };
    Some(Place { tenant, seq })
}

fn read_data<'a>(type_name: &str, place: &Place<'a>, data: &'a str) -> Result<Data<'a>, EventFault> {
    let mut fields: Fields<'a> = serde_json::from_str(data)?;
    let Text(cause) = fields.required("cause")?;
    let Parsed(balance) = fields.required("balance")?;
    let body = read_body(type_name, place, &mut fields)?;
    fields.finish()?;
    Ok(Data { cause, balance, body })
}

fn read_body<'a>(type_name: &str, place: &Place<'a>, data: &mut Fields<'a>) -> Result<EventBody<'a>, EventFault> {
    let unknown = || EventFault::UnknownType { name: bounded(type_name.to_owned()) };
    let bare = type_name.strip_prefix("tollkeeper.").and_then(|name| name.strip_suffix(".v1")).ok_or_else(unknown)?;
    Ok(match bare {
        "tenant.opened" => {
            EventBody::TenantOpened { command: read_mark(data)?, settings: account::read_settings(data)? }
        }
        "tenant.updated" => {
            EventBody::TenantUpdated { command: read_mark(data)?, settings: account::read_settings(data)? }
        }
        "tenant.closed" => EventBody::TenantClosed { command: read_mark(data)?, reason: read_text(data, "reason")? },
        "tenant.blocked" => block::read_blocked(data)?,
        "tenant.unblocked" => EventBody::TenantUnblocked,
        "licences.set" => pool::read_licences_set(data)?,
        "pool.threshold_reached" => pool::read_threshold_reached(data)?,
        "user.limit_set" => user::read_limit_set(place, data)?,
        "user.blocked" => user::read_blocked(data)?,
        "user.unblocked" => user::read_unblocked(data)?,
        "balance.low" => block::read_low(data)?,
        "balance.reached_zero" => block::read_reached_zero(data)?,
        "balance.adjusted" => correction::read_adjusted(place, data)?,
        "call.voided" => correction::read_voided(place, data)?,
        "funds.added" => funds::read_added(place, data)?,
        "funds.expiring" => funds::read_expiring(data)?,
        "funds.expired" => funds::read_expired(data)?,
        "settlement.unmatched" => funds::read_unmatched(data)?,
        "recharge.configured" => recharge::read_configured(data)?,
        "recharge.requested" => recharge::read_requested(place, data)?,
        "recharge.succeeded" => recharge::read_succeeded(place, data)?,
        "recharge.failed" => recharge::read_failed(place, data)?,
        "recharge.suspended" => recharge::read_suspended(place, data)?,
        "recharge.capped" => recharge::read_capped(place, data)?,
        "recharge.status_requested" => recharge::read_status_requested(place, data)?,
        "recharge.unresolved" => recharge::read_unresolved(place, data)?,
        _ => return Err(unknown()),
    })
}

fn read_mark<'a>(data: &mut Fields<'a>) -> Result<CommandMark<'a>, FieldFault> {
    let Parsed(body_hash) = data.required("body_hash")?;
    Ok(CommandMark { body_hash, actor: read_optional_text(data, "actor")? })
}

/// A text of a command, as long as one may be.
fn read_text<'a>(data: &mut Fields<'a>, name: &'static str) -> Result<Cow<'a, str>, FieldFault> {
    read_optional_text(data, name)?.ok_or_else(|| FieldFault::missing(name))
}

fn read_optional_text<'a>(data: &mut Fields<'a>, name: &'static str) -> Result<Option<Cow<'a, str>>, FieldFault> {
    read_optional_bounded::<COMMAND_TEXT_BYTES_MAX>(data, name)
}

/// A text of 1 to `MAX` bytes.
fn read_bounded<'a, const MAX: usize>(data: &mut Fields<'a>, name: &'static str) -> Result<Cow<'a, str>, FieldFault> {
    read_optional_bounded::<MAX>(data, name)?.ok_or_else(|| FieldFault::missing(name))
}

fn read_optional_bounded<'a, const MAX: usize>(
    data: &mut Fields<'a>,
    name: &'static str,
) -> Result<Option<Cow<'a, str>>, FieldFault> {
    let text: Option<Bounded<'a, 1, MAX>> = data.optional(name)?;
    Ok(text.map(|Bounded(text)| text))
}

fn read_money(data: &mut Fields<'_>, name: &'static str) -> Result<Money, FieldFault> {
    let Parsed(amount) = data.required(name)?;
    Ok(amount)
}

fn read_optional_money(data: &mut Fields<'_>, name: &'static str) -> Result<Option<Money>, FieldFault> {
    let amount: Option<Parsed<Money>> = data.optional(name)?;
    Ok(amount.map(|Parsed(amount)| amount))
}

/// A field that was read and must be there.
fn required<T>(name: &str, field: Option<T>) -> Result<T, FieldFault> {
    field.ok_or_else(|| FieldFault::missing(name))
}
