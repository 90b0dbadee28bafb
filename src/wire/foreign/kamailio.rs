//! Lines of the `acc` module of Kamailio and OpenSIPS, as syslog has them.
//!
//! | line | what it is |
//! |---|---|
//! | `ACC: call ended: …;duration=5;ms_duration=4250;…` | a call (OpenSIPS) |
//! | `start_time=…; end_time=…; duration=4.250; …` | a call (Kamailio, `cdr_enable=1`) |
//! | `ACC: call missed: …`, a transaction of an INVITE with a code from 300 on | an attempt that nobody answered |
//! | `ACC: transaction answered: …` of an INVITE | the beginning of a call: skipped, its end is a line of its own |
//! | any other transaction | skipped |
//!
//! What precedes these (time, host, program) is not looked at. A CDR has the numbers and the call id only where the proxy is
//! told to log them (`cdr_extra`, `log_extra`; OpenSIPS `extra_fields`), by the names `src_user`, `dst_ouser` or `dst_user`, and
//! `call_id` or `callid`; others are given in `fields` of the mapping. Kamailio counts from the INVITE unless
//! `cdr_start_on_confirmed=1`. A field that comes twice with two texts is a fault: a caller can put `;duration=1` into a name.
//!
//! An attempt is another identity than the call: an INVITE may be missed on one branch and answered on the next.

use std::borrow::Cow;

use super::mapping::{Mapping, SwitchCall};
use super::times::{call_times, epoch_seconds, millis, seconds};
use super::values::{Layer, Values};
use super::{Skip, Switch, bounded_identity, names};
use crate::core::cdr::CallTimes;
use crate::core::duration::CallDuration;
use crate::wire::Rejected;
use crate::wire::fields::FieldFault;

const ACC: &str = "ACC: ";
/// What a CDR of Kamailio begins with.
const CDR: &str = "start_time=";
/// The name under which the kind of a line stands among its values; no field of a line can be called so.
const KIND: &str = "=kind";
const ENDED: &str = "call ended";
const CALL_ID: [&str; 2] = ["call_id", "callid"];
const FROM: [&str; 1] = ["src_user"];
const TO: [&str; 2] = ["dst_ouser", "dst_user"];
/// The first SIP code that says that a call was not answered.
const FAILURES_FROM: u16 = 300;

/// The named texts of a line, and its kind.
///
/// # Errors
/// No line of `acc`.
pub(super) fn values(line: &str) -> Result<Values<'static>, Rejected> {
    // The first of both counts: what a caller sent stands behind it.
    let (kind, fields) = match (line.find(ACC), line.find(CDR)) {
        (Some(acc), cdr) if cdr.is_none_or(|cdr| acc < cdr) => {
            let rest = &line[acc + ACC.len()..];
            rest.split_once(": ").ok_or_else(|| Rejected::malformed("record: ACC: without fields"))?
        }
        (_, Some(cdr)) => (ENDED, &line[cdr..]),
        (_, None) => return Err(Rejected::malformed("record: no line of acc")),
    };
    let mut layer: Layer<'static> = vec![(KIND.into(), kind.to_owned().into())];
    for part in fields.split(';') {
        match part.split_once('=') {
            Some((name, text)) => layer.push((name.trim().to_owned().into(), text.trim().to_owned().into())),
            // A semicolon inside of a text.
            None => {
                if let Some((_, Cow::Owned(text))) = layer.last_mut() {
                    text.push(';');
                    text.push_str(part);
                }
            }
        }
    }
    Ok(Values::of(layer))
}

/// Reads a call.
///
/// # Errors
/// What is missing or wrong; `unsupported_version` for a kind of line that is not known.
pub(super) fn read<'v>(values: &'v Values<'_>, mapping: &'v Mapping) -> Result<Switch<'v>, Rejected> {
    match values.required(KIND)? {
        ENDED => Ok(Switch::Call(ended(values, mapping)?)),
        "transaction answered" | "call missed" => {
            if values.required("method")? != "INVITE" {
                return Ok(Switch::Skipped(Skip::NotACall));
            }
            let code: u16 = values.required("code")?.parse().map_err(|_| FieldFault::new("code", "not a SIP code"))?;
            if code < FAILURES_FROM {
                return Ok(Switch::Skipped(Skip::NotFinished));
            }
            Ok(Switch::Call(missed(values, mapping)?))
        }
        "request acknowledged" | "request accounted" => Ok(Switch::Skipped(Skip::NotACall)),
        other => Err(Rejected::unsupported(format_args!("record: ACC: {other}: is not known"))),
    }
}

fn ended<'v>(values: &'v Values<'_>, mapping: &'v Mapping) -> Result<SwitchCall<'v>, FieldFault> {
    let started = values.first(&["call_start_time", "start_time"])?.ok_or_else(|| FieldFault::missing("start_time"))?;
    let duration = match values.get("ms_duration")? {
        Some(text) => millis("ms_duration", text)?,
        None => seconds("duration", values.required("duration")?)?,
    };
    let started = epoch_seconds("start_time", started)?;
    let no_end = || Err(FieldFault::missing("start_time"));
    let call_id = match call_ids(values, mapping)? {
        mut own if mapping.fields.call_id.is_empty() => {
            own.extend(values.get("to_tag")?);
            bounded_identity(&own)
        }
        given => bounded_identity(&given),
    };
    call(values, mapping, call_id, call_times(started, duration, no_end)?)
}

fn missed<'v>(values: &'v Values<'_>, mapping: &'v Mapping) -> Result<SwitchCall<'v>, FieldFault> {
    let at = values.required("timestamp")?;
    let ended = || epoch_seconds("timestamp", at)?.ok_or_else(|| FieldFault::missing("timestamp"));
    let mut identity = call_ids(values, mapping)?;
    identity.extend(["missed", at]);
    call(values, mapping, bounded_identity(&identity), call_times(None, CallDuration::ZERO, ended)?)
}

fn call<'v>(
    values: &'v Values<'_>,
    mapping: &'v Mapping,
    call_id: String,
    times: CallTimes,
) -> Result<SwitchCall<'v>, FieldFault> {
    Ok(SwitchCall {
        call_id,
        from: values.first(&names(&mapping.fields.from, &FROM))?.unwrap_or_default(),
        to: values.first(&names(&mapping.fields.to, &TO))?.unwrap_or_default(),
        times,
        service: None,
        direction: None,
        number_type: None,
        usage_country: None,
        user: None,
    })
}

fn call_ids<'v>(values: &'v Values<'_>, mapping: &Mapping) -> Result<Vec<&'v str>, FieldFault> {
    if mapping.fields.call_id.is_empty() {
        let missing = || FieldFault::new("call_id", "missing: log it with cdr_extra, or name its field in the mapping");
        return Ok(vec![values.first(&CALL_ID)?.ok_or_else(missing)?]);
    }
    mapping.fields.call_id.iter().map(|name| values.required(name)).collect()
}
