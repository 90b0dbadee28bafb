//! Asterisk `Master.csv`: a line a leg, without header, in local time.
//!
//! The columns depend on `cdr.conf`: 16 always; `uniqueid` with `loguniqueid=yes`, without which nothing tells one call from
//! another; `userfield` with `loguserfield=yes`; `peeraccount`, `linkedid` and `sequence` with `newcdrcolumns=yes`. Their
//! number tells which are there; `columns` of the mapping says otherwise. A call has several lines with one `uniqueid` (a line
//! for each phone that rang), so `sequence` belongs to the identity. Without it they contradict each other and all but the
//! first go to quarantine.
//!
//! `disposition` tells whether somebody answered: a line of `NO ANSWER` has `billsec` 60 where the dialplan took the call and
//! nobody picked up a phone.

use super::csv_line::{cells, named};
use super::mapping::{Mapping, SwitchCall};
use super::times::{call_times, seconds, wall_clock};
use super::values::Values;
use super::{Switch, identity, names};
use crate::core::duration::CallDuration;
use crate::wire::Rejected;

/// All columns.
pub(super) const COLUMNS: [&str; 21] = [
    "accountcode",
    "src",
    "dst",
    "dcontext",
    "clid",
    "channel",
    "dstchannel",
    "lastapp",
    "lastdata",
    "start",
    "answer",
    "end",
    "duration",
    "billsec",
    "disposition",
    "amaflags",
    "uniqueid",
    "userfield",
    "peeraccount",
    "linkedid",
    "sequence",
];
/// Columns that are always there.
const ALWAYS: usize = 16;
const ANSWERED: &str = "ANSWERED";
const UNANSWERED: [&str; 4] = ["NO ANSWER", "BUSY", "FAILED", "CONGESTION"];

/// The named texts of a line.
///
/// # Errors
/// A number of cells that `cdr.conf` cannot make.
pub(super) fn values<'m>(line: &str, mapping: &'m Mapping) -> Result<Values<'m>, Rejected> {
    let cells = cells(line)?;
    let columns: Vec<&str> = match &mapping.columns {
        Some(columns) => columns.iter().map(String::as_str).collect(),
        None => columns_of(cells.len())?,
    };
    named(cells, columns)
}

fn columns_of(cells: usize) -> Result<Vec<&'static str>, Rejected> {
    let (always, uniqueid, userfield, new) = (&COLUMNS[..ALWAYS], &COLUMNS[16..17], &COLUMNS[17..18], &COLUMNS[18..]);
    match cells {
        16 => Err(Rejected::malformed("uniqueid: missing, set loguniqueid=yes in cdr.conf")),
        17 => Ok([always, uniqueid].concat()),
        18 => Ok([always, uniqueid, userfield].concat()),
        20 => Ok([always, uniqueid, new].concat()),
        21 => Ok(COLUMNS.to_vec()),
        other => {
            let problem = format_args!("record: {other} cells, Asterisk writes 16 to 18, 20 or 21");
            Err(Rejected::malformed(problem))
        }
    }
}

/// Reads a call.
///
/// # Errors
/// What is missing or wrong; `unsupported_version` for a disposition that is not known.
pub(super) fn read<'v>(values: &'v Values<'_>, mapping: &'v Mapping) -> Result<Switch<'v>, Rejected> {
    let zone = mapping.time_zone.as_ref();
    let disposition = values.required("disposition")?;
    let (answered_at, duration) = if disposition == ANSWERED {
        let answer = wall_clock("answer", values.required("answer")?, zone)?;
        (Some(answer), seconds("billsec", values.required("billsec")?)?)
    } else if UNANSWERED.contains(&disposition) {
        (None, CallDuration::ZERO)
    } else {
        return Err(Rejected::unsupported(format_args!("disposition: {disposition:?} is not known")));
    };
    let ended_at = || wall_clock("end", values.required("end")?, zone);
    let own = if values.get("sequence")?.is_some() { &["uniqueid", "sequence"][..] } else { &["uniqueid"] };
    Ok(Switch::Call(SwitchCall {
        call_id: identity(values, &names(&mapping.fields.call_id, own))?,
        from: values.first(&names(&mapping.fields.from, &["src"]))?.unwrap_or_default(),
        to: values.first(&names(&mapping.fields.to, &["dst"]))?.unwrap_or_default(),
        times: call_times(answered_at, duration, ended_at)?,
        service: None,
        direction: None,
        number_type: None,
        usage_country: None,
        user: None,
    }))
}
