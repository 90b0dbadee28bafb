//! `tollkeeper audit`: proves a ledger, tenant by tenant. The report goes to standard output, a progress bar to standard error
//! where that is a terminal.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use jiff::SignedDuration;

use super::rate::open;
use super::{ConfigArgs, Exit, LogArgs, require_kafka};
use crate::config::Config;
use crate::core::identity::ACCEPTANCE_WINDOW_DAYS_MAX;
use crate::offline::Lines;
use crate::offline::audit::{Audit, EVENT_BYTES_MAX, Place, Report, Terms};

/// The acceptance window of a ledger that is read from a file, unless given.
const WINDOW_DAYS_DEFAULT: u32 = 7;
/// Events between two looks at the bar.
const BAR_EVENTS: u64 = 1_000;

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
    let report = if args.files.is_empty() {
        require_kafka()?;
        let config = args.config.begin(logs, &[])?;
        of_topic(args, &config)?
    } else {
        logs.begin()?;
        of_files(args)?
    };
    let mut output = std::io::stdout().lock();
    if args.json {
        writeln!(output, "{}", report.json())?;
    } else {
        write!(output, "{report}")?;
    }
    Ok(if report.adds_up() { Exit::Success } else { Exit::DoesNotAddUp })
}

impl AuditArgs {
    fn terms(&self, window_days: u32, partitions: Option<u32>) -> Terms {
        let days = self.acceptance_window_days.unwrap_or(window_days);
        Terms { acceptance_window: SignedDuration::from_hours(24 * i64::from(days)), partitions }
    }
}

fn of_files(args: &AuditArgs) -> anyhow::Result<Report> {
    let mut audit = Audit::new(args.terms(WINDOW_DAYS_DEFAULT, None));
    let bar = bar("{spinner} {pos} events, {elapsed}")?;
    for path in &args.files {
        let file: Arc<str> = path.display().to_string().into();
        let mut lines = Lines::of_records(open(path)?, EVENT_BYTES_MAX);
        while let Some((line, record)) = lines.next_numbered().with_context(|| file.to_string())? {
            audit.take(&Place::Line { file: Arc::clone(&file), line }, record);
            if line.is_multiple_of(BAR_EVENTS) {
                bar.inc(BAR_EVENTS);
            }
        }
    }
    bar.finish_and_clear();
    Ok(audit.finish())
}

#[cfg(feature = "kafka")]
fn of_topic(args: &AuditArgs, config: &Config) -> anyhow::Result<Report> {
    use crate::core::partition::PartitionId;
    use crate::node::kafka_settings;
    use crate::stream::kafka::KafkaRestore;
    use crate::stream::ledger::read_ledger;
    use crate::stream::topics::layout::topic_name;

    let mut source = KafkaRestore::connect(&kafka_settings(config, 0))?;
    let topic = topic_name(&config.topic_prefix, "ledger");
    let partitions = source.ledger_partitions()?;
    let partitions =
        partitions.with_context(|| format!("there is no topic {topic}: see `tollkeeper topics create`"))?;
    let mut audit = Audit::new(args.terms(config.acceptance_window_days, Some(partitions)));
    let bar = bar("{spinner} {pos} events, {msg}, {elapsed}")?;
    for partition in (0..partitions).map(PartitionId) {
        bar.set_message(format!("partition {partition} of {partitions}"));
        let mut events = 0_u64;
        read_ledger(&mut source, partition, |offset, record| {
            audit.take(&Place::Offset { partition, offset }, record);
            events += 1;
            if events.is_multiple_of(BAR_EVENTS) {
                bar.inc(BAR_EVENTS);
            }
        })?;
        audit.close_partition();
    }
    bar.finish_and_clear();
    Ok(audit.finish())
}

#[cfg(not(feature = "kafka"))]
fn of_topic(_: &AuditArgs, _: &Config) -> anyhow::Result<Report> {
    unreachable!("require_kafka has refused")
}

fn bar(template: &str) -> anyhow::Result<ProgressBar> {
    let style = ProgressStyle::with_template(template).context("the template of the bar")?;
    Ok(ProgressBar::new_spinner().with_style(style))
}
