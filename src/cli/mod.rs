//! The command line: one file for each command, thin over the library.
//!
//! A command's `run` returns how it ended ([`Exit`]) or an error, which is printed here, once, with its causes. Results go to
//! standard output, everything else to standard error.

pub mod audit;
pub mod balance;
pub mod call;
pub mod catalog;
mod config_args;
pub mod debits;
pub mod deck;
pub mod demo;
mod exit;
pub mod funds;
pub mod intake;
mod ledger;
pub mod offsets;
pub mod publish;
pub mod quarantine;
pub mod rate;
pub mod recharge;
pub mod rerate;
pub mod run;
pub mod tenant;
pub mod topics;
mod values;

use std::io;
use std::process::ExitCode;

use anyhow::{anyhow, bail};
use clap::{Args, Parser, Subcommand};

pub use config_args::ConfigArgs;
pub use exit::Exit;

use crate::config::{ConfigFailure, LogFormat};
use crate::logs;

/// Rates prepaid calls from Kafka, exactly once.
#[derive(Debug, Parser)]
#[command(name = "tollkeeper", version, propagate_version = true, arg_required_else_help = true, after_help = EXIT_CODES)]
pub struct Cli {
    /// How logs are written.
    #[command(flatten)]
    pub logs: LogArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 done, 1 failed, 2 wrong command line or configuration, 3 a proof does not add up, \
                          4 a check found differences, 5 ended by the watchdog";

/// Logs go to standard error.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Logs")]
pub struct LogArgs {
    /// Form of the logs
    #[arg(long, global = true, value_name = "FORMAT", env = "TOLLKEEPER_LOG_FORMAT", value_parser = ["text", "json"])]
    pub log_format: Option<String>,
    /// What is logged: a level, or target=level directives
    #[arg(long, global = true, value_name = "FILTER", env = "TOLLKEEPER_LOG_FILTER")]
    pub log_filter: Option<String>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Runs the engine on an in-memory log with seeded traffic, and proves at the end that it adds up
    Demo(demo::DemoArgs),
    /// Runs the engine on a Kafka cluster
    Run(run::RunArgs),
    /// Turns CDRs as switches write them into native ones, on a Kafka cluster, without an engine
    Intake(intake::IntakeArgs),
    /// Rates files of CDRs offline
    Rate(rate::RateArgs),
    /// Checks, looks up and compares price lists
    #[command(subcommand)]
    Deck(deck::DeckCommand),
    /// Proves a ledger, of the topic or of files, tenant by tenant; exit code 3 if it does not add up
    Audit(audit::AuditArgs),
    /// Prices the calls of a ledger again: what would change, and the corrections if asked for
    Rerate(rerate::RerateArgs),
    /// Shows what was put aside, and sends it to the engine again
    #[command(subcommand)]
    Quarantine(quarantine::QuarantineCommand),
    /// Creates or checks the topics of the cluster
    #[command(subcommand)]
    Topics(topics::TopicsCommand),
    /// Mends the committed offsets of the inputs
    #[command(subcommand)]
    Offsets(offsets::OffsetsCommand),
    /// Opens, changes and closes accounts, and sets their licences and limits
    #[command(subcommand)]
    Tenant(tenant::TenantCommand),
    /// Adds funds to an account
    #[command(subcommand)]
    Funds(funds::FundsCommand),
    /// Puts balances right
    #[command(subcommand)]
    Balance(balance::BalanceCommand),
    /// Takes calls back
    #[command(subcommand)]
    Call(call::CallCommand),
    /// Configures automatic recharges and settles them
    #[command(subcommand)]
    Recharge(recharge::RechargeCommand),
}

/// Reads the command line of the process, does what it says, and tells how that ended.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        // Clap prints to the right stream, and its own code for usage is 2 as well.
        Err(refused) => refused.exit(),
    };
    end(run(&cli)).into()
}

fn run(cli: &Cli) -> anyhow::Result<Exit> {
    match &cli.command {
        Command::Demo(args) => demo::run(args, &cli.logs),
        Command::Run(args) => run::run(args, &cli.logs),
        Command::Intake(args) => intake::run(args, &cli.logs),
        Command::Rate(args) => rate::run(args, &cli.logs),
        Command::Deck(command) => deck::run(command, &cli.logs),
        Command::Audit(args) => audit::run(args, &cli.logs),
        Command::Rerate(args) => rerate::run(args, &cli.logs),
        Command::Quarantine(command) => quarantine::run(command, &cli.logs),
        Command::Topics(command) => topics::run(command, &cli.logs),
        Command::Offsets(command) => offsets::run(command, &cli.logs),
        Command::Tenant(command) => tenant::run(command, &cli.logs),
        Command::Funds(command) => funds::run(command, &cli.logs),
        Command::Balance(command) => balance::run(command, &cli.logs),
        Command::Call(command) => call::run(command, &cli.logs),
        Command::Recharge(command) => recharge::run(command, &cli.logs),
    }
}

/// Prints an error, and turns it into an exit code.
fn end(result: anyhow::Result<Exit>) -> Exit {
    let error = match result {
        Ok(exit) => return exit,
        Err(error) => error,
    };
    // Whoever reads our output has seen enough: `tollkeeper rate … | head` is no failure.
    if error.chain().any(|cause| cause.downcast_ref::<io::Error>().is_some_and(is_broken_pipe)) {
        return Exit::Success;
    }
    eprintln!("error: {}", with_causes(&error));
    if error.chain().any(<dyn std::error::Error>::is::<ConfigFailure>) { Exit::Usage } else { Exit::Failure }
}

/// The message and its causes; a cause that the one before it repeats (the Kafka client's do) is left out.
fn with_causes(error: &anyhow::Error) -> String {
    let mut written = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if written.is_empty() {
            written = cause;
        } else if !written.ends_with(&cause) {
            written = format!("{written}: {cause}");
        }
    }
    written
}

fn is_broken_pipe(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::BrokenPipe
}

impl LogArgs {
    /// Begins logging for a command without a configuration; warnings only unless asked for.
    ///
    /// # Errors
    ///
    /// The filter is not one, or logging was begun before.
    pub fn begin(&self) -> anyhow::Result<()> {
        let format = if self.log_format.as_deref() == Some("json") { LogFormat::Json } else { LogFormat::Text };
        logs::init(format, self.log_filter.as_deref().unwrap_or("warn")).map_err(|message| anyhow!(message))
    }
}

/// What is said where a build without Kafka client would need one.
pub const NO_KAFKA_CLIENT: &str = "this build has no Kafka client: build it with `cargo build --release --features kafka` \
                                   (needs make, g++, pkg-config, libssl-dev, zlib1g-dev)";

/// Refuses what needs a Kafka client, before anything else is looked at.
///
/// # Errors
///
/// [`NO_KAFKA_CLIENT`], in a build without the feature `kafka`.
pub fn require_kafka() -> anyhow::Result<()> {
    if cfg!(feature = "kafka") { Ok(()) } else { bail!(NO_KAFKA_CLIENT) }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn faults_of_the_configuration_are_usage() {
        let faulty = || ConfigFailure::Faulty(Vec::new());
        assert_eq!(end(Err(faulty().into())), Exit::Usage);
        assert_eq!(end(Err(anyhow::Error::from(faulty()).context("starting"))), Exit::Usage);
        assert_eq!(end(Err(anyhow!("no broker answers"))), Exit::Failure);
        assert_eq!(end(Err(io::Error::from(io::ErrorKind::BrokenPipe).into())), Exit::Success);
    }

    #[test]
    fn causes_are_printed_once() {
        let error = anyhow!("timed out").context("fetching failed: timed out").context("no answer");
        assert_eq!(with_causes(&error), "no answer: fetching failed: timed out");
    }

    #[test]
    fn exit_codes_are_distinct() {
        let exits = [Exit::Success, Exit::Failure, Exit::Usage, Exit::DoesNotAddUp, Exit::Differences, Exit::Hung];
        assert_eq!(exits.map(Exit::code), [0, 1, 2, 3, 4, 5]);
    }
}
