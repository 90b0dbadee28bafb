//! Bytes to types and back: the only place that knows the forms of the wire. Pure, like the core.
//!
//! | form | topic | module |
//! |---|---|---|
//! | CDR | `cdrs` | [`cdr`] |
//! | command | `commands` | [`command`] |
//! | event | `ledger`, `alerts` | [`event`] |
//! | refused command, unmatched settlement | `alerts` | [`alert`] |
//! | envelope | `reroute` | [`envelope`] |
//! | quarantine entry | `quarantine` | [`quarantine`] |
//! | metadata of committed offsets | | [`offset_metadata`] |
//!
//! Each form has a JSON Schema ([`schema`]), and tests hold code and schema together. What comes from outside (CDRs, commands,
//! envelopes) gets a reason where it cannot be read; what the engine wrote itself (events, quarantine entries) gets a fault.
//! No decoder panics, whatever the bytes are.

// pub mod alert;
pub mod cdr;
pub mod command;
mod csv_table;
pub mod deck_csv;
// pub mod envelope;
pub mod event;
pub mod fault;
mod fields;
mod json;
pub mod number_plan_csv;
// pub mod offset_metadata;
// pub mod quarantine;
pub mod plan_toml;
mod record;
mod rejected;
// pub mod schema;
// pub mod source;
mod value;

pub use rejected::Rejected;

/// The largest record that is read, in bytes; of an envelope it bounds the record inside.
pub const RECORD_BYTES_MAX: usize = 64 * 1024;
