//! FreeSWITCH `mod_json_cdr`: a document a leg.
//!
//! A name is looked for in `variables` (URL-encoded by default; `+` is a plus there, and a space is `%20`), then in the
//! `caller_profile` of the call as it came in, which has the number that was dialled, then at the top (`switchname`). A
//! transfer adds a profile before that one: whoever is to be charged for where a call was transferred to names another field
//! (`fields.to`).

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use serde_json::value::RawValue;

use super::values::{Layer, Values, layer_of, member};
use crate::wire::Rejected;
use crate::wire::fields::{Fields, without_place};

/// The named texts of a document.
///
/// # Errors
/// No `variables`, or parts that are not what they are called.
pub(super) fn values<'a>(document: &Fields<'a>) -> Result<Values<'a>, Rejected> {
    let variables = member(document, "variables").ok_or_else(|| Rejected::malformed("variables: missing"))?;
    let mut values = Values::of(decoded(layer_of(&object("variables", variables)?)));
    let flow: Vec<Fields<'_>> = match member(document, "callflow") {
        Some(list) => read("callflow", list)?,
        None => Vec::new(),
    };
    // The newest is the first.
    if let Some(profile) = flow.last().and_then(|oldest| member(oldest, "caller_profile")) {
        values.push(decoded(layer_of(&object("caller_profile", profile)?)));
    }
    values.push(layer_of(document));
    Ok(values)
}

fn object<'a>(name: &str, raw: &'a RawValue) -> Result<Fields<'a>, Rejected> {
    read(name, raw)
}

fn read<'a, T: serde::Deserialize<'a>>(name: &str, raw: &'a RawValue) -> Result<T, Rejected> {
    serde_json::from_str(raw.get())
        .map_err(|fault| Rejected::malformed(format_args!("{name}: {}", without_place(&fault))))
}

fn decoded(mut layer: Layer<'_>) -> Layer<'_> {
    for (_, text) in layer.iter_mut().filter(|(_, text)| text.contains('%')) {
        *text = Cow::Owned(percent_decode_str(text).decode_utf8_lossy().into_owned());
    }
    layer
}
