//! What the two formats of FreeSWITCH have in common: their variables.
//!
//! Whether a call was answered is told by its time of the answer, not by its cause: a `uuid` comes again with another cause
//! and is the same call. The finest duration counts (`billusec`, else `billmsec`, else `billsec`), and the finest time
//! (`…_uepoch`, `…_epoch`, `…_stamp`; the last is a wall clock and needs `time_zone`).

use jiff::Timestamp;

use super::mapping::{Mapping, SwitchCall};
use super::times::{call_times, epoch_micros, epoch_seconds, micros, millis, seconds, wall_clock};
use super::values::Values;
use super::{Skip, Switch, identity, names};
use crate::core::duration::CallDuration;
use crate::wire::fields::FieldFault;

const IDENTITY: [&str; 1] = ["uuid"];
const FROM: [&str; 2] = ["caller_id_number", "sip_from_user"];
const TO: [&str; 2] = ["destination_number", "sip_to_user"];

/// Reads a call. A leg that was dialled on behalf of another one is skipped: the other has the record that counts.
///
/// # Errors
/// What is missing or wrong.
pub(super) fn read<'v>(values: &'v Values<'_>, mapping: &'v Mapping) -> Result<Switch<'v>, FieldFault> {
    // Some dialplans set it to the leg's own uuid.
    let on_behalf_of = values.first(&["originating_leg_uuid", "originator"])?;
    if on_behalf_of.is_some() && on_behalf_of != values.get("uuid")? {
        return Ok(Switch::Skipped(Skip::InternalLeg));
    }
    let answered_at = time(values, mapping, "answer")?;
    let ended_at = || time(values, mapping, "end")?.ok_or_else(|| FieldFault::missing("end_stamp"));
    Ok(Switch::Call(SwitchCall {
        call_id: identity(values, &names(&mapping.fields.call_id, &IDENTITY))?,
        from: values.first(&names(&mapping.fields.from, &FROM))?.unwrap_or_default(),
        to: values.first(&names(&mapping.fields.to, &TO))?.unwrap_or_default(),
        times: call_times(answered_at, duration(values)?, ended_at)?,
        service: None,
        direction: None,
        number_type: None,
        usage_country: None,
        user: None,
    }))
}

fn duration(values: &Values<'_>) -> Result<CallDuration, FieldFault> {
    if let Some(text) = values.get("billusec")? {
        return micros("billusec", text);
    }
    match values.get("billmsec")? {
        Some(text) => millis("billmsec", text),
        None => seconds("billsec", values.required("billsec")?),
    }
}

fn time(values: &Values<'_>, mapping: &Mapping, of: &str) -> Result<Option<Timestamp>, FieldFault> {
    let [micros, seconds, stamp] = ["uepoch", "epoch", "stamp"].map(|kind| format!("{of}_{kind}"));
    if let Some(text) = values.get(&micros)? {
        return epoch_micros(&micros, text);
    }
    if let Some(text) = values.get(&seconds)? {
        return epoch_seconds(&seconds, text);
    }
    let text = values.get(&stamp)?;
    text.map(|text| wall_clock(&stamp, text, mapping.time_zone.as_ref())).transpose()
}
