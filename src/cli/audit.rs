//! `tollkeeper audit`: proves a ledger, tenant by tenant. The report goes to standard output, a progress bar to standard error
//! where that is a terminal.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use jiff::SignedDuration;

use super::ledger::{Ledger, Piece};
use super::{ConfigArgs, Exit, LogArgs, require_kafka};
use crate::core::identity::ACCEPTANCE_WINDOW_DAYS_MAX;
use crate::offline::audit::{Audit, Terms};

/// The acceptance window of a ledger that is read from a file, unless given.
const WINDOW_DAYS_DEFAULT: u32 = 7;

/// The flags.
#[derive(Args, Clone, Debug)]
pub struct AuditArgs {
    /// Files of events, one a line, as the topic `ledger` has them or `rate --events` writes them; - is standard input. Without
    /// any, the topic itself is read
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// The engine's acceptance window: how long a call id must not come again; as configured, or 7 for files
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=i64::from(ACCEPTANCE_WINDOW_DAYS_MAX)))]
    pub acceptance_window_days: Option<u32>,
    /// Prints the report as JSON
    #[arg(long)]
    pub json: bool,
    /// The configuration.
    #[command(flatten)]
    pub config: ConfigArgs,
}

/// Audits; [`Exit::DoesNotAddUp`] where a fault is found.
///
/// # Errors
///
/// A file or the topic cannot be read to its end.
pub fn run(args: &AuditArgs, logs: &LogArgs) -> anyhow::Result<Exit> {
    let (mut ledger, window_days) = if args.files.is_empty() {
        require_kafka()?;
        let config = args.config.begin(logs, &[])?;
        (Ledger::of_topic(&config)?, config.acceptance_window_days)
    } else {
        logs.begin()?;
        (Ledger::Files(args.files.clone()), WINDOW_DAYS_DEFAULT)
    };
    let days = args.acceptance_window_days.unwrap_or(window_days);
    let acceptance_window = SignedDuration::from_hours(24 * i64::from(days));
    let mut audit = Audit::new(Terms { acceptance_window, partitions: ledger.partitions() });
    ledger.each(|piece| {
        match piece {
            Piece::Event(place, record) => audit.take(place, record),
            Piece::EndOfPartition => audit.close_partition(),
        }
        Ok(())
    })?;
    let report = audit.finish();
    let mut output = std::io::stdout().lock();
    if args.json {
        writeln!(output, "{}", report.json())?;
    } else {
        write!(output, "{report}")?;
    }
    Ok(if report.adds_up() { Exit::Success } else { Exit::DoesNotAddUp })
}
