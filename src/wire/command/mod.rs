//! Commands of the topic `commands`.
//!
//! A command that names its tenant and itself has an answer, whatever else is wrong with it: it is refused. Without that it is
//! quarantined. Unknown fields are refused: a setting that is passed over without a word would harm.
//!
//! Amounts: `funds.add` and the `amount` of `recharge.configure` are above zero, and so are its caps; `minimum_funding` is zero
//! or more, as is `monthly_limit`; `daily_limit` is above zero; the `amount` of `balance.adjust` is not zero; `trigger`,
//! `block_at` and `notify_below` are any amount, since a credit line goes below zero. Texts (reasons, references, tokens,
//! actors) have 1 to 256 bytes, decks and plans are named like tenants.
//!
//! `body_hash` is that of the type and body as JSON without spaces, fields sorted by name: `null` and absent differ, and so do
//! `1.0` and `1.00`. A sender that repeats itself does so literally.

mod body;
mod canonical;
mod correction;
#[cfg(test)]
pub(super) mod sample;
#[cfg(test)]
mod tests;
mod write;

pub use write::{Outgoing, encode};

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::value::RawValue;

use super::Rejected;
use super::cdr::text_of;
use super::fields::{FieldFault, Fields, without_place};
use super::rejected::bounded;
use super::value::{Bounded, Name, Parsed, Text};
use crate::core::command::{COMMAND_ID_BYTES_MAX, COMMAND_TEXT_BYTES_MAX, Command, Request, Unreadable};
use crate::core::identity::BodyHash;
use crate::core::reason::Refusal;

/// The only version of the form.
const VERSION: &str = "1";

/// Reads a command.
///
/// # Errors
/// `malformed` where no tenant or command id can be read; everything else is in [`Command::request`].
pub fn decode(bytes: &[u8]) -> Result<Command<'_>, Rejected> {
    let json = text_of(bytes)?;
    let mut fields: Fields<'_> = serde_json::from_str(json).map_err(|fault| {
        if fault.is_data() {
            Rejected::malformed(format_args!("record: {}", without_place(&fault)))
        } else {
            Rejected::malformed(format_args!("record: {fault}"))
        }
    })?;
    let Bounded::<'_, 1, COMMAND_ID_BYTES_MAX>(command_id) =
        fields.required("command_id").map_err(Rejected::malformed)?;
    let Name(tenant) = fields.required("tenant").map_err(Rejected::malformed)?;
    let request = read_request(&tenant, fields);
    Ok(Command { command_id, tenant, request })
}

fn read_request<'a>(tenant: &str, mut fields: Fields<'a>) -> Result<Request<'a>, Unreadable> {
    match fields.optional::<&RawValue>("version")? {
        Some(version) if version.get() != VERSION => {
            return Err(unsupported(format_args!("version: {version}, not {VERSION}")));
        }
        _ => {}
    }
    let Text(kind) = fields.required("type")?;
    let Parsed(at) = fields.required::<Parsed<Timestamp>>("at")?;
    let actor: Option<Bounded<'a, 1, COMMAND_TEXT_BYTES_MAX>> = fields.optional("actor")?;
    let body_hash = BodyHash::of(&canonical::bytes(&kind, fields.left()));
    let body = body::read(&kind, tenant, &mut fields)?;
    fields.finish()?;
    Ok(Request { at, actor: actor.map(|Bounded(actor)| actor), body_hash, body })
}

impl From<FieldFault> for Unreadable {
    fn from(fault: FieldFault) -> Unreadable {
        Unreadable { refusal: Refusal::Malformed, detail: bounded(fault.to_string()) }
    }
}

fn unsupported(detail: impl ToString) -> Unreadable {
    Unreadable { refusal: Refusal::UnsupportedVersion, detail: bounded(detail.to_string()) }
}

/// A text of a command.
fn text<'a>(fields: &mut Fields<'a>, name: &'static str) -> Result<Cow<'a, str>, FieldFault> {
    optional_text(fields, name)?.ok_or_else(|| FieldFault::missing(name))
}

fn optional_text<'a>(fields: &mut Fields<'a>, name: &'static str) -> Result<Option<Cow<'a, str>>, FieldFault> {
    let text: Option<Bounded<'a, 1, COMMAND_TEXT_BYTES_MAX>> = fields.optional(name)?;
    Ok(text.map(|Bounded(text)| text))
}
