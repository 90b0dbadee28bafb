//! Bytes to types and back: the only place that knows the forms of the wire. Pure, like the core.
//!
//! | form | topic | module |
//! |---|---|---|
//! | CDR | `cdrs` | [`cdr`] |
//! | CDR as a switch writes it | inputs of the intake, files | [`foreign`] |
//! | command | `commands` | [`command`] |
//! | event | `ledger`, `alerts` | [`event`] |
//! | refused command, unmatched settlement | `alerts` | [`alert`] |
//! | envelope | `reroute` | [`envelope`] |
//! | quarantine entry | `quarantine` | [`quarantine`] |
//! | manifests and parts of price lists, plans, number plans | `catalog` | [`catalog_record`] |
//! | metadata of committed offsets | | [`offset_metadata`] |
//! | price list, number plan, plan, zone | files of a catalog | [`deck_csv`], [`number_plan_csv`], [`plan_toml`], [`zone_csv`] |
//!
//! Each form has a JSON Schema ([`schema`]), and tests hold code and schema together. What comes from outside (CDRs, commands,
//! envelopes) gets a reason where it cannot be read, a file of a catalog gets all its faults, and what the engine wrote itself
//! (events, quarantine entries) gets one.
//! No decoder panics, whatever the bytes are.

pub mod alert;
mod bytes;
pub mod catalog_record;
pub mod cdr;
pub mod command;
mod csv_head;
mod csv_table;
pub mod deck_csv;
pub mod envelope;
pub mod event;
pub mod fault;
mod fields;
pub mod foreign;
#[cfg(test)]
mod hostile;
mod json;
pub mod number_plan_csv;
pub mod offset_metadata;
pub mod plan_toml;
mod price_columns;
pub mod quarantine;
mod record;
mod rejected;
pub mod schema;
mod source;
mod value;
pub mod zone_csv;

pub use rejected::Rejected;
pub use source::SourceRef;

/// The largest record that is read, in bytes; of an envelope it bounds the record inside.
pub const RECORD_BYTES_MAX: usize = 64 * 1024;
/// The largest such record as a JSON text: every byte a control character, written as `\u0000`.
const ESCAPED_RECORD_BYTES_MAX: usize = 6 * RECORD_BYTES_MAX;
