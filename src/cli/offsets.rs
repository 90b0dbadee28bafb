//! `tollkeeper offsets`: the way out of lost offsets.

use clap::{Args, Subcommand};

use super::{ConfigArgs, Exit, LogArgs, require_kafka};

/// What to do with the offsets.
#[derive(Clone, Debug, Subcommand)]
pub enum OffsetsCommand {
    /// Sets the inputs of partitions to one hour before the last event of their ledger
    ///
    /// For partitions that stopped since their committed offsets are lost or out of range. Safe: what is read again is
    /// recognised by its identity, nothing is charged twice. The engine must not hold the partitions meanwhile.
    Rewind(RewindArgs),
}

/// The flags of `rewind`.
#[derive(Args, Clone, Debug)]
pub struct RewindArgs {
    /// The configuration.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Only this partition; may be repeated
    #[arg(long = "partition", value_name = "N")]
    pub only_partitions: Vec<u32>,
    /// Partitions whose offsets are in order too; without it they are left alone
    #[arg(long)]
    pub force: bool,
    /// Says what would be set, and sets nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Prints the result as JSON
    #[arg(long)]
    pub json: bool,
}

/// Rewinds.
///
/// # Errors
///
/// A faulty configuration, a cluster that does not answer, or a group that is running.
pub fn run(command: &OffsetsCommand, logs: &LogArgs) -> anyhow::Result<Exit> {
    require_kafka()?;
    let OffsetsCommand::Rewind(args) = command;
    let _config = args.config.begin(logs, &[])?;
    anyhow::bail!("offsets are not merged yet")
}
