//! One line of a table.

use std::cell::RefCell;

use super::values::{Layer, Values};
use crate::wire::Rejected;

thread_local! {
    /// Made once: its tables take longer to build than a line to read. (A clone of it does not read: it lacks half of them.)
    static READER: RefCell<csv_core::Reader> = RefCell::new(csv_core::Reader::new());
}

/// The cells of a line. A record is one line: a quote that is left open is a fault of its own line, not of all that follow.
///
/// # Errors
/// A quote that is left open, and a line end inside of the line that is not quoted.
pub(super) fn cells(line: &str) -> Result<Vec<String>, Rejected> {
    if !line.bytes().filter(|byte| *byte == b'"').count().is_multiple_of(2) {
        return Err(Rejected::malformed("record: a quote is left open"));
    }
    let ended = [line.as_bytes(), b"\n"].concat();
    // Cells are no longer than the line; each but the first stands behind a comma.
    let mut texts = vec![0; ended.len()];
    let mut ends = vec![0; ended.iter().filter(|byte| **byte == b',').count() + 2];
    let (_, read, _, count) = READER.with_borrow_mut(|reader| {
        reader.reset();
        reader.read_record(&ended, &mut texts, &mut ends)
    });
    if !ended[read..].trim_ascii().is_empty() {
        return Err(Rejected::malformed("record: a line end inside of a line"));
    }
    let mut from = 0;
    let cell = |end: &usize| {
        let cell = &texts[std::mem::replace(&mut from, *end)..*end];
        std::str::from_utf8(cell).expect("a text without its quotes is a text").to_owned()
    };
    Ok(ends[..count].iter().map(cell).collect())
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_line_ends_once() {
        let told = |line| cells(line).map_err(|rejected| rejected.to_string());
        assert_eq!(
            told("a,\"b\r\nc\",\"d\"\"e\","),
            Ok(vec!["a".into(), "b\r\nc".into(), "d\"e".into(), String::new()])
        );
        assert_eq!(told("a,b\r"), Ok(vec!["a".into(), "b".into()]));
        assert_eq!(told(""), Ok(Vec::new()));
        let fault = told("a,b\rc,d").expect_err("two lines");
        assert!(fault.contains("a line end inside of a line"), "{fault}");
    }

    proptest! {
        /// The reader of whole tables says the same.
        #[test]
        fn cells_are_those_of_a_table_of_one_line(line in "[ab,\"\u{feff}é ]{0,12}") {
            let Ok(found) = cells(&line) else { return Ok(()) };
            let mut table = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(line.as_bytes());
            let expected = table.records().next().map(|record| record.expect("UTF-8"));
            let expected: Vec<String> = expected.iter().flatten().map(str::to_owned).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
