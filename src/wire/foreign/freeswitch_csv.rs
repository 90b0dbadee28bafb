//! FreeSWITCH `mod_cdr_csv`: a line a leg, without header, in the columns of a template.
//!
//! The columns are those of the template `example`, which is the default; for another, `columns` of the mapping names them by
//! the variables of the template (`${billusec}` is `billusec`). FreeSWITCH does not escape quotes in what a caller sends, so
//! a line with another number of cells is refused, never guessed at.

use super::mapping::Mapping;

/// The template `example`.
pub(super) const COLUMNS: [&str; 15] = [
    "caller_id_name",
    "caller_id_number",
    "destination_number",
    "context",
    "start_stamp",
    "answer_stamp",
    "end_stamp",
    "duration",
    "billsec",
    "hangup_cause",
    "uuid",
    "bleg_uuid",
    "accountcode",
    "read_codec",
    "write_codec",
];

/// The columns of a line.
pub(super) fn columns(mapping: &Mapping) -> Vec<&str> {
    names_of(mapping.columns.as_deref()).unwrap_or_else(|| COLUMNS.to_vec())
}

fn names_of(columns: Option<&[String]>) -> Option<Vec<&str>> {
    columns.map(|columns| columns.iter().map(String::as_str).collect())
}
