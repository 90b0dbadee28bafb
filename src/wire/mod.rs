//! Bytes to types and back: pure, no I/O, and the only place that knows the forms of files and records.

mod csv_table;
pub mod deck_csv;
pub mod fault;
pub mod number_plan_csv;
pub mod plan_toml;
