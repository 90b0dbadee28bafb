//! Records that are JSON: one row, a list of rows, or a page that holds one.

use serde_json::value::RawValue;

use super::values::{Values, layer_of, member};
use super::{Format, Mapping, Outcome, Read, Row, Skip, TakeRow, freeswitch_json, give, read_values};
use crate::wire::Rejected;
use crate::wire::fields::{Fields, without_place};

/// Decodes a document.
///
/// # Errors
/// What `take` returns.
pub(super) fn decode<E>(format: Format, mapping: &Mapping, record: &[u8], take: &mut TakeRow<'_, E>) -> Result<(), E> {
    let document = match parse(record) {
        Ok(document) => document,
        Err(rejected) => return take(Row { text: record, outcome: Outcome::Rejected(&rejected) }),
    };
    let page = match page_of(format, document) {
        Ok(page) => page,
        Err(rejected) => return take(Row { text: record, outcome: Outcome::Rejected(&rejected) }),
    };
    if page.rows.is_empty() {
        return take(Row { text: record, outcome: Outcome::Skipped(Skip::NotACall) });
    }
    page.rows.iter().try_for_each(|row| give(row.get().as_bytes(), read_row(format, mapping, row, &page), take))
}

/// Rows, and what is said of all of them.
struct Page<'a> {
    rows: Vec<&'a RawValue>,
    around: Option<Fields<'a>>,
}

/// What holds the rows of a page.
fn list_name(format: Format) -> Option<&'static str> {
    match format {
        Format::Graph => Some("value"),
        Format::Twilio => Some("calls"),
        _ => None,
    }
}

fn parse(record: &[u8]) -> Result<&RawValue, Rejected> {
    let text = std::str::from_utf8(record)
        .map_err(|fault| Rejected::malformed(format_args!("record: not UTF-8 from byte {} on", fault.valid_up_to())))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    serde_json::from_str(text).map_err(|fault| Rejected::malformed(format_args!("record: {fault}")))
}

fn page_of(format: Format, document: &RawValue) -> Result<Page<'_>, Rejected> {
    if document.get().starts_with('[') {
        return Ok(Page { rows: rows_of("record", document)?, around: None });
    }
    let Some(name) = list_name(format) else { return Ok(Page { rows: vec![document], around: None }) };
    let object = object_of(document)?;
    match member(&object, name).filter(|list| list.get().starts_with('[')) {
        Some(list) => Ok(Page { rows: rows_of(name, list)?, around: Some(object) }),
        None => Ok(Page { rows: vec![document], around: None }),
    }
}

fn rows_of<'a>(name: &str, list: &'a RawValue) -> Result<Vec<&'a RawValue>, Rejected> {
    serde_json::from_str(list.get())
        .map_err(|fault| Rejected::malformed(format_args!("{name}: {}", without_place(&fault))))
}

fn object_of(row: &RawValue) -> Result<Fields<'_>, Rejected> {
    serde_json::from_str(row.get())
        .map_err(|fault| Rejected::malformed(format_args!("record: {}", without_place(&fault))))
}

fn read_row(format: Format, mapping: &Mapping, row: &RawValue, page: &Page<'_>) -> Read {
    let object = object_of(row)?;
    let mut values = match format {
        Format::FreeswitchJson => freeswitch_json::values(&object)?,
        _ => Values::of(layer_of(&object)),
    };
    if let Some(around) = &page.around {
        values.push(layer_of(around));
    }
    read_values(format, mapping, &values)
}
