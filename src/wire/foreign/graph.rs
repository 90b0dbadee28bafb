//! Microsoft Graph `pstnCallLogRow`: one, a list, or a page with `value` (getPstnCalls).
//!
//! `callType` tells service and direction (below), `inventoryType` the kind of the tenant's number. `id` is the identity;
//! `callId` is not unique. The licence of the call (`licenseCapability`) becomes a plan by the mapping, as its size depends on
//! the country too: `plan = { field = ["licenseCapability", "usageCountryCode"], prefixes = { … } }`. A row does not say
//! whose it is: the tenant is fixed, or a field that whoever asks Graph adds to the row or to the page (`tenantId`).
//! `charge` is Microsoft's, not ours: nobody looks at it.

use jiff::Timestamp;

use super::mapping::{Mapping, SwitchCall};
use super::times::{call_times, seconds};
use super::values::Values;
use super::{Skip, Switch, identity, names};
use crate::core::cdr::{Direction, NumberType, Service};
use crate::core::number::Country;
use crate::wire::Rejected;
use crate::wire::fields::FieldFault;
use crate::wire::value::FromText;

/// What each type of call is.
const CALL_TYPES: [(&str, Service, Direction); 10] = [
    ("user_in", Service::Calling, Direction::Inbound),
    ("user_out", Service::Calling, Direction::Outbound),
    ("user_out_conf", Service::Calling, Direction::Outbound),
    ("user_out_transfer", Service::Calling, Direction::Outbound),
    ("user_out_forwarding", Service::Calling, Direction::Outbound),
    ("unassigned_in", Service::Calling, Direction::Inbound),
    ("conf_in", Service::Conferencing, Direction::Inbound),
    ("conf_out", Service::Conferencing, Direction::Outbound),
    ("ucap_in", Service::VoiceApp, Direction::Inbound),
    ("ucap_out", Service::VoiceApp, Direction::Outbound),
];
/// Calls of the tenant's own carrier, who charges for them.
const DIRECT_ROUTING: &str = "dr_";
/// What each kind of number is called.
const INVENTORY_TYPES: [(&str, NumberType); 3] =
    [("Subscriber", NumberType::User), ("Service", NumberType::Service), ("TollFree", NumberType::TollFree)];

/// Reads a row.
///
/// # Errors
/// What is missing or wrong; `unsupported_version` for a type of call or of number that is not known.
pub(super) fn read<'v>(values: &'v Values<'_>, mapping: &'v Mapping) -> Result<Switch<'v>, Rejected> {
    let call_type = values.required("callType")?;
    if call_type.starts_with(DIRECT_ROUTING) {
        return Ok(Switch::Skipped(Skip::DirectRouting));
    }
    let known = CALL_TYPES.into_iter().find(|(known, ..)| *known == call_type);
    let Some((_, service, direction)) = known else {
        return Err(Rejected::unsupported(format_args!("callType: {call_type:?} is not known")));
    };
    let duration = seconds("duration", values.required("duration")?)?;
    let answered_at = if duration.is_zero() { None } else { Some(time(values, "startDateTime")?) };
    Ok(Switch::Call(SwitchCall {
        call_id: identity(values, &names(&mapping.fields.call_id, &["id"]))?,
        from: values.first(&names(&mapping.fields.from, &["callerNumber"]))?.unwrap_or_default(),
        to: values.first(&names(&mapping.fields.to, &["calleeNumber"]))?.unwrap_or_default(),
        times: call_times(answered_at, duration, || time(values, "endDateTime"))?,
        service: Some(service),
        direction: Some(direction),
        number_type: number_type(values)?,
        usage_country: country(values)?,
        // Principal names change; an id does not.
        user: values.first(&["userId", "userPrincipalName"])?,
    }))
}

fn number_type(values: &Values<'_>) -> Result<Option<NumberType>, Rejected> {
    let Some(code) = values.get("inventoryType")? else { return Ok(None) };
    match INVENTORY_TYPES.into_iter().find(|(known, _)| *known == code) {
        Some((_, number_type)) => Ok(Some(number_type)),
        None => Err(Rejected::unsupported(format_args!("inventoryType: {code:?} is not known"))),
    }
}

fn country(values: &Values<'_>) -> Result<Option<Country>, FieldFault> {
    let Some(code) = values.get("usageCountryCode")? else { return Ok(None) };
    let country = code.to_ascii_uppercase().parse();
    country.map(Some).map_err(|fault| FieldFault::new("usageCountryCode", fault))
}

fn time(values: &Values<'_>, name: &str) -> Result<Timestamp, FieldFault> {
    Timestamp::from_text(values.required(name)?).map_err(|fault| FieldFault::new(name, fault))
}
