//! Rating without a log: files of CDRs in, one charge a line out, through the same core as on Kafka.
//!
//! With commands ([`Rating`]) tenants are opened and funded by them and calls are debited by the engine itself; without
//! ([`Pricing`]) calls are only priced, for any tenant and without a balance. And price lists themselves: which row prices a number
//! ([`deck_lookup`]), and what another list changes ([`deck_diff`], [`deck_effect`]). [`audit`] proves a ledger that was written,
//! [`rerate`] prices its calls again, [`quarantine`] shows what was put aside and what of it can go back.

pub mod audit;
mod charge;
pub mod deck_diff;
pub mod deck_effect;
pub mod deck_lookup;
pub mod deck_report;
mod deck_text;
mod figure;
mod lines;
mod pricing;
pub mod quarantine;
mod rating;
mod records;
pub mod rerate;

pub use charge::{Charge, CsvCharges, Debited, JsonCharges, WriteCharges};
pub use figure::Figure;
pub use lines::Lines;
pub use pricing::Pricing;
pub use rating::Rating;
pub use records::{Offered, Records, SkipCounts, TakeOffered, latest_end};

/// What went wrong with a file.
#[derive(Debug, thiserror::Error)]
pub enum OfflineFailure {
    /// A line could not be read.
    #[error("line {line} cannot be read")]
    Read {
        /// Counted from 1.
        line: u64,
        /// Why.
        source: std::io::Error,
    },
    /// A charge or an event could not be written.
    #[error("the output cannot be written")]
    Write(#[from] std::io::Error),
    /// A line of the commands was not applied.
    #[error("command in line {line}: {detail}")]
    Command {
        /// Counted from 1.
        line: u64,
        /// What was said of it.
        detail: String,
    },
}
