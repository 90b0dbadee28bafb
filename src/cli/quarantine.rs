//! `tollkeeper quarantine`: what was put aside, and back again.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use jiff::Timestamp;

use super::publish::Publisher;
use super::rate::open;
use super::{ConfigArgs, Exit, LogArgs, require_kafka, values};
use crate::config::Config;
use crate::core::partition::{PartitionId, home_partition};
use crate::core::tenant::TenantId;
use crate::offline::Lines;
use crate::offline::audit::{EVENT_BYTES_MAX, Place};
use crate::offline::quarantine::replay::{ReplayPlan, Terms};
use crate::offline::quarantine::{Listing, Selection, SourceName, Why};
use crate::wire::quarantine::ENTRY_BYTES_MAX;

/// The topic that replayed records go to, without its prefix.
const REROUTE_TOPIC: &str = "reroute";
/// Rows that `list` shows unless told otherwise.
const ROWS_DEFAULT: usize = 100;

/// What to do with the quarantine.
#[derive(Clone, Debug, Subcommand)]
pub enum QuarantineCommand {
    /// Counts what was put aside, and shows the first of it
    List(ListArgs),
    /// Sends records to the engine again; shows what it would send unless --commit is given
    Replay(ReplayArgs),
}

/// Where the quarantine is, and which of its entries are meant: those that meet every condition.
#[derive(Args, Clone, Debug, Default)]
pub struct SelectArgs {
    /// Put aside for this reason; may be repeated
    #[arg(long = "reason", value_name = "REASON")]
    pub reasons: Vec<Why>,
    /// Of this tenant
    #[arg(long, value_parser = values::tenant)]
    pub tenant: Option<TenantId>,
    /// The broker had the record then or later
    #[arg(long, value_name = "TIME", value_parser = values::timestamp)]
    pub from: Option<Timestamp>,
    /// The broker had the record before
    #[arg(long, value_name = "TIME", value_parser = values::timestamp)]
    pub to: Option<Timestamp>,
    /// In this partition of the topic quarantine; may be repeated
    #[arg(long = "partition", value_name = "N", conflicts_with = "files")]
    pub only_partitions: Vec<u32>,
    /// First read there; may be repeated
    #[arg(long = "source", value_name = "TOPIC/PARTITION/OFFSET")]
    pub sources: Vec<SourceName>,
    /// A file of entries, one a line, instead of the topic; - is standard input; may be repeated
    #[arg(long = "file", value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

/// The flags of `list`.
#[derive(Args, Clone, Debug)]
pub struct ListArgs {
    /// Which entries.
    #[command(flatten)]
    pub select: SelectArgs,
    /// Entries that are shown at most; all are counted
    #[arg(long, value_name = "N", default_value_t = ROWS_DEFAULT)]
    pub limit: usize,
    /// Prints the result as JSON
    #[arg(long)]
    pub json: bool,
    /// The configuration.
    #[command(flatten)]
    pub config: ConfigArgs,
}

/// The flags of `replay`.
#[derive(Args, Clone, Debug)]
pub struct ReplayArgs {
    /// Which entries.
    #[command(flatten)]
    pub select: SelectArgs,
    /// Passes the acceptance window; the ledgers of the tenants are read first, and a call that was ever debited is refused
    #[arg(long)]
    pub late: bool,
    /// A conflicting duplicate is a call of its own: its identity is where it was first read
    #[arg(long)]
    pub as_new: bool,
    /// For --late without --commit: a file of the ledger, one event a line, instead of the topic; may be repeated
    #[arg(long = "ledger", value_name = "FILE", requires = "late", conflicts_with = "commit")]
    pub ledger: Vec<PathBuf>,
    /// Sends; without it nothing is changed
    #[arg(long)]
    pub commit: bool,
    /// Prints the result as JSON
    #[arg(long)]
    pub json: bool,
    /// The configuration.
    #[command(flatten)]
    pub config: ConfigArgs,
}

/// Lists or replays.
///
/// # Errors
///
/// A file or topic that cannot be read to its end, an event of the ledger that cannot be read, more selected than one run takes, or
/// brokers that do not acknowledge: then some records may have been sent, and the same again is safe.
pub fn run(command: &QuarantineCommand, logs: &LogArgs) -> anyhow::Result<Exit> {
    match command {
        QuarantineCommand::List(args) => list(args, logs),
        QuarantineCommand::Replay(args) => replay(args, logs),
    }
}

fn list(args: &ListArgs, logs: &LogArgs) -> anyhow::Result<Exit> {
    if args.select.files.is_empty() {
        require_kafka()?;
    }
    let config = args.config.begin(logs, &[])?;
    let mut listing = Listing::new(args.select.selection(), args.limit);
    args.select.each(&config, |place, entry| {
        listing.take(place, entry);
        Ok(())
    })?;
    let mut output = std::io::stdout().lock();
    if args.json {
        writeln!(output, "{}", listing.json())?;
    } else {
        write!(output, "{listing}")?;
    }
    Ok(Exit::Success)
}

fn replay(args: &ReplayArgs, logs: &LogArgs) -> anyhow::Result<Exit> {
    if !args.select.is_selective() {
        eprintln!("error: say which records: --reason, --tenant, --from, --to, --partition or --source");
        return Ok(Exit::Usage);
    }
    if args.commit || args.select.files.is_empty() || (args.late && args.ledger.is_empty()) {
        require_kafka()?;
    }
    let config = args.config.begin(logs, &[])?;
    let mut plan = ReplayPlan::new(Terms {
        selection: args.select.selection(),
        late: args.late,
        as_new: args.as_new,
        topic_prefix: config.topic_prefix.clone(),
        partitions: config.partitions,
    });
    args.select.each(&config, |place, entry| Ok(plan.take(place, entry)?))?;
    check(args, &config, &mut plan)?;
    let became = if args.commit { send(&config, &plan)? } else { "would be sent" };
    let mut output = std::io::stdout().lock();
    if args.json {
        writeln!(output, "{}", plan.json(became))?;
    } else {
        write!(output, "{}", plan.text(became))?;
    }
    if !args.commit && plan.outgoing().next().is_some() {
        eprintln!("nothing was sent: --commit sends");
    }
    Ok(Exit::Success)
}

/// Asks the ledger for what passes the window.
fn check(args: &ReplayArgs, config: &Config, plan: &mut ReplayPlan) -> anyhow::Result<()> {
    let homes = plan.begin_check();
    if homes.is_empty() {
        return Ok(());
    }
    if args.ledger.is_empty() {
        let homes: Vec<PartitionId> = homes.into_iter().collect();
        each_record(config, "ledger", &homes, |_, event| Ok(plan.note(event)?))?;
    } else {
        each_line(&args.ledger, EVENT_BYTES_MAX, |_, event| Ok(plan.note(event)?))?;
    }
    plan.finish_check();
    Ok(())
}

fn send(config: &Config, plan: &ReplayPlan) -> anyhow::Result<&'static str> {
    let mut publisher = Publisher::begin(config, REROUTE_TOPIC)?;
    for outgoing in plan.outgoing() {
        debug_assert_eq!(outgoing.home, home_partition(&outgoing.tenant, config.partitions));
        publisher.send(&outgoing.tenant, &outgoing.envelope)?;
    }
    publisher.finish()?;
    Ok("sent")
}

impl SelectArgs {
    fn selection(&self) -> Selection {
        Selection {
            reasons: self.reasons.clone(),
            tenant: self.tenant.clone(),
            from: self.from,
            to: self.to,
            sources: self.sources.clone(),
        }
    }

    fn is_selective(&self) -> bool {
        self.selection() != Selection::default() || !self.only_partitions.is_empty()
    }

    /// Gives the entries of the partitions or files to `take`.
    fn each(&self, config: &Config, take: impl FnMut(&Place, &[u8]) -> anyhow::Result<()>) -> anyhow::Result<()> {
        if !self.files.is_empty() {
            return each_line(&self.files, ENTRY_BYTES_MAX, take);
        }
        if let Some(beyond) = self.only_partitions.iter().find(|partition| **partition >= config.partitions) {
            bail!("there is no partition {beyond}: `partitions` says {}", config.partitions);
        }
        let partitions: Vec<PartitionId> = match self.only_partitions.is_empty() {
            true => (0..config.partitions).map(PartitionId).collect(),
            false => self.only_partitions.iter().copied().map(PartitionId).collect(),
        };
        each_record(config, "quarantine", &partitions, take)
    }
}

fn each_line(
    files: &[PathBuf],
    record_bytes_max: usize,
    mut take: impl FnMut(&Place, &[u8]) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    for path in files {
        let file: Arc<str> = path.display().to_string().into();
        let mut lines = Lines::of_records(open(path)?, record_bytes_max);
        while let Some((line, record)) = lines.next_numbered().with_context(|| file.to_string())? {
            let place = Place::Line { file: Arc::clone(&file), line };
            take(&place, record).with_context(|| place.to_string())?;
        }
    }
    Ok(())
}

/// Gives every committed record of the partitions of a topic to `take`.
#[cfg(feature = "kafka")]
fn each_record(
    config: &Config,
    topic: &str,
    partitions: &[PartitionId],
    mut take: impl FnMut(&Place, &[u8]) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    use crate::node::client_config;
    use crate::stream::topics::TopicReader;

    let reader = TopicReader::open(&client_config(config)?, config.topic(topic), config.partitions)?;
    for partition in partitions.iter().copied() {
        reader.read(partition, |offset, _, record| {
            take(&Place::Offset { partition, offset }, record).map_err(|failure| format!("{failure:#}"))
        })?;
    }
    Ok(())
}

#[cfg(not(feature = "kafka"))]
fn each_record(
    _: &Config,
    _: &str,
    _: &[PartitionId],
    _: impl FnMut(&Place, &[u8]) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    unreachable!("require_kafka has refused")
}
