//! `tollkeeper deck`: price lists, before they price calls.

mod check;
mod diff;
pub(super) mod files;
mod lookup;

use clap::Subcommand;

use super::catalog::CatalogCommand;
use super::{Exit, LogArgs};

pub use check::CheckArgs;
pub use diff::DiffArgs;
pub use lookup::LookupArgs;

/// What to do with price lists.
#[derive(Clone, Debug, Subcommand)]
pub enum DeckCommand {
    /// Reads a price list and lists every fault; exit code 4 if there is any
    Check(CheckArgs),
    /// Says which row prices a number at a time, and why
    Lookup(LookupArgs),
    /// Compares two price lists, and what a sample of traffic costs by both
    Diff(DiffArgs),
    /// What is published
    #[command(flatten)]
    Catalog(CatalogCommand),
}

/// Checks, looks up or compares.
///
/// # Errors
///
/// A file that cannot be read, or one with faults where prices are needed.
pub fn run(command: &DeckCommand, logs: &LogArgs) -> anyhow::Result<Exit> {
    if let DeckCommand::Catalog(command) = command {
        return super::catalog::run(command, logs);
    }
    logs.begin()?;
    match command {
        DeckCommand::Check(args) => check::run(args),
        DeckCommand::Lookup(args) => lookup::run(args),
        DeckCommand::Diff(args) => diff::run(args),
        DeckCommand::Catalog(_) => unreachable!("answered above"),
    }
}
