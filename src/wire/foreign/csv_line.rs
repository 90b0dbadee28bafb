//! One line of a table.

use super::values::{Layer, Values};
use crate::wire::Rejected;

/// The cells of a line. A record is one line: a quote that is left open is a fault of its own line, not of all that follow.
///
/// # Errors
/// A quote that is left open.
pub(super) fn cells(line: &str) -> Result<Vec<String>, Rejected> {
    if !line.bytes().filter(|byte| *byte == b'"').count().is_multiple_of(2) {
        return Err(Rejected::malformed("record: a quote is left open"));
    }
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(line.as_bytes());
    let record =
        reader.records().next().transpose().map_err(|fault| Rejected::malformed(format_args!("record: {fault}")))?;
    Ok(record.map_or_else(Vec::new, |record| record.iter().map(str::to_owned).collect()))
}

/// A line as named texts.
///
/// # Errors
/// Another number of cells than of columns, or a quote that is left open.
pub(super) fn values<'a>(line: &str, columns: Vec<&'a str>) -> Result<Values<'a>, Rejected> {
    named(cells(line)?, columns)
}

/// Cells as named texts.
///
/// # Errors
/// Another number of cells than of columns.
pub(super) fn named<'a>(cells: Vec<String>, columns: Vec<&'a str>) -> Result<Values<'a>, Rejected> {
    if cells.len() != columns.len() {
        let (found, expected) = (cells.len(), columns.len());
        let problem =
            format_args!("record: {found} cells, but there are {expected} columns: give columns in the mapping");
        return Err(Rejected::malformed(problem));
    }
    let layer: Layer<'a> = columns.into_iter().map(Into::into).zip(cells.into_iter().map(Into::into)).collect();
    Ok(Values::of(layer))
}
