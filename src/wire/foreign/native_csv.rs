//! The native CDR as a table: the header has the names of the fields, in any order; `attributes.NAME` is an attribute.
//!
//! An empty cell is an absent field, but an empty `from` or `to` is a withheld one. Other columns are ignored, as other fields
//! of a CDR are. A row is turned into the JSON that it stands for and read by the one reader of the native form, so that both
//! have the same bounds and say the same of what is wrong.

use super::csv_line::cells;
use super::{Outcome, Row, TakeRow};
use crate::wire::Rejected;
use crate::wire::cdr;
use crate::wire::json::Object;

/// Numbers and truths; all others are texts.
const PLAIN: [&str; 5] = ["duration_seconds", "part", "version", "on_net", "final"];
/// Texts that may be empty.
const MAY_BE_EMPTY: [&str; 2] = ["from", "to"];
/// Columns without which no row can be read.
const NEEDED: [&str; 8] =
    ["call_id", "tenant", "service", "direction", "from", "to", "number_type", "duration_seconds"];
const ATTRIBUTE: &str = "attributes.";

/// The columns of a table, or why its rows cannot be read.
#[derive(Debug)]
pub(super) struct Header(Result<Vec<String>, Rejected>);

/// Decodes a line: the header, if there was none yet, else a row.
///
/// # Errors
/// What `take` returns.
pub(super) fn decode<E>(header: &mut Option<Header>, line: &[u8], take: &mut TakeRow<'_, E>) -> Result<(), E> {
    let mut json = Vec::new();
    let read = match header {
        Some(header) => header.row(line, &mut json).and_then(|()| cdr::decode(&json)),
        None => match &header.insert(Header::read(line)).0 {
            Ok(_) => return Ok(()),
            Err(rejected) => Err(rejected.clone()),
        },
    };
    match read {
        Ok(cdr) => take(Row { text: line, outcome: Outcome::Call(&cdr) }),
        Err(rejected) => take(Row { text: line, outcome: Outcome::Rejected(&rejected) }),
    }
}

impl Header {
    fn read(line: &[u8]) -> Header {
        let faulty = |detail: std::fmt::Arguments<'_>| Header(Err(Rejected::malformed(detail)));
        let names = match text_of(line).and_then(|text| cells(text.trim_start_matches('\u{feff}'))) {
            Ok(cells) => cells.iter().map(|name| name.trim().to_owned()).collect::<Vec<String>>(),
            Err(rejected) => return Header(Err(rejected)),
        };
        if let Some((_, twice)) = names.iter().enumerate().find(|(at, name)| names[..*at].contains(name)) {
            return faulty(format_args!("header: {twice:?} is there twice"));
        }
        match NEEDED.iter().find(|needed| !names.iter().any(|name| name == *needed)) {
            Some(missing) => faulty(format_args!("header: no column {missing}")),
            None => Header(Ok(names)),
        }
    }

    /// Writes the JSON of a row.
    fn row(&self, line: &[u8], json: &mut Vec<u8>) -> Result<(), Rejected> {
        let names = self.0.as_ref().map_err(Rejected::clone)?;
        let cells = cells(text_of(line)?)?;
        if cells.len() != names.len() {
            let (found, expected) = (cells.len(), names.len());
            return Err(Rejected::malformed(format_args!("record: {found} cells, but the header has {expected}")));
        }
        let mut object = Object::open(json);
        let is_attribute = |name: &str| name.starts_with(ATTRIBUTE);
        for (name, cell) in names.iter().zip(&cells).filter(|(name, _)| !is_attribute(name)) {
            let cell = cell.trim();
            if cell.is_empty() && !MAY_BE_EMPTY.contains(&name.as_str()) {
                continue;
            }
            if PLAIN.contains(&name.as_str()) && is_plain(cell) {
                object.value(name).extend_from_slice(cell.as_bytes());
            } else {
                object.text(name, cell);
            }
        }
        if names.iter().any(|name| is_attribute(name)) {
            let mut attributes = object.object("attributes");
            for (name, cell) in names.iter().zip(&cells).filter(|(_, cell)| !cell.is_empty()) {
                if let Some(name) = name.strip_prefix(ATTRIBUTE) {
                    attributes.text(name, cell);
                }
            }
            attributes.close();
        }
        object.close();
        Ok(())
    }
}

/// What JSON writes without quotes. Anything else is given as a text, and the reader says what it is not.
fn is_plain(cell: &str) -> bool {
    matches!(cell, "true" | "false") || cell.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}

fn text_of(line: &[u8]) -> Result<&str, Rejected> {
    std::str::from_utf8(line)
        .map_err(|fault| Rejected::malformed(format_args!("record: not UTF-8 from byte {} on", fault.valid_up_to())))
}
