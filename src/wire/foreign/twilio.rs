//! Twilio call resource: one, a list, or a page with `calls`.
//!
//! A leg that a call dialled (`parent_call_sid`) is a call of its own, as it is for Twilio. Its prices are Twilio's, not ours:
//! nobody looks at them.

use super::mapping::{Mapping, SwitchCall};
use super::times::{call_times, rfc_2822, seconds};
use super::values::Values;
use super::{Skip, Switch, identity, names};
use crate::core::cdr::Direction;
use crate::core::duration::CallDuration;
use crate::wire::Rejected;
use crate::wire::fields::FieldFault;

/// Seen from the account.
const DIRECTIONS: [(&str, Direction); 6] = [
    ("inbound", Direction::Inbound),
    ("outbound-api", Direction::Outbound),
    ("outbound-dial", Direction::Outbound),
    ("outbound", Direction::Outbound),
    // Of a trunk: from the telephone network to the customer, and back.
    ("trunking-originating", Direction::Inbound),
    ("trunking-terminating", Direction::Outbound),
];
const ANSWERED: &str = "completed";
const UNANSWERED: [&str; 4] = ["busy", "failed", "no-answer", "canceled"];
const RUNNING: [&str; 4] = ["queued", "initiated", "ringing", "in-progress"];

/// Reads a call.
///
/// # Errors
/// What is missing or wrong; `unsupported_version` for a status or a direction that is not known.
pub(super) fn read<'v>(values: &'v Values<'_>, mapping: &'v Mapping) -> Result<Switch<'v>, Rejected> {
    let status = values.required("status")?;
    if RUNNING.contains(&status) {
        return Ok(Switch::Skipped(Skip::NotFinished));
    }
    let (answered_at, duration) = if status == ANSWERED {
        let duration = seconds("duration", values.required("duration")?)?;
        (Some(rfc_2822("start_time", values.required("start_time")?)?), duration)
    } else if UNANSWERED.contains(&status) {
        (None, CallDuration::ZERO)
    } else {
        return Err(Rejected::unsupported(format_args!("status: {status:?} is not known")));
    };
    let ended_at = || {
        let end = values.first(&["end_time", "date_updated"])?.ok_or_else(|| FieldFault::missing("end_time"))?;
        rfc_2822("end_time", end)
    };
    Ok(Switch::Call(SwitchCall {
        call_id: identity(values, &names(&mapping.fields.call_id, &["sid"]))?,
        from: values.first(&names(&mapping.fields.from, &["from"]))?.unwrap_or_default(),
        to: values.first(&names(&mapping.fields.to, &["to"]))?.unwrap_or_default(),
        times: call_times(answered_at, duration, ended_at)?,
        service: None,
        direction: Some(direction(values)?),
        number_type: None,
        usage_country: None,
        user: None,
    }))
}

fn direction(values: &Values<'_>) -> Result<Direction, Rejected> {
    let code = values.required("direction")?;
    let known = DIRECTIONS.into_iter().find(|(known, _)| *known == code);
    known
        .map(|(_, direction)| direction)
        .ok_or_else(|| Rejected::unsupported(format_args!("direction: {code:?} is not known")))
}
