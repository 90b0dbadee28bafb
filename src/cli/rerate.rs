//! `tollkeeper rerate`: what the calls of a ledger would cost by another catalog, and the corrections if asked for.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::Args;
use jiff::Timestamp;

use super::deck::files;
use super::ledger::{Ledger, Piece};
use super::publish::{COMMANDS_TOPIC, Publisher};
use super::{ConfigArgs, Exit, LogArgs, require_kafka, values};
use crate::config::Config;
use crate::core::catalog::Catalog;
use crate::core::tenant::TenantId;
use crate::offline::rerate::{Proposal, Report, Rerate, Terms};
use crate::stream::catalog::load_directory;

/// Bytes that are written at a time.
const WRITE_BYTES: usize = 1 << 20;

/// The flags.
#[derive(Args, Clone, Debug)]
pub struct RerateArgs {
    /// Calls that started then or later
    #[arg(long, value_name = "TIME", value_parser = values::timestamp)]
    pub from: Timestamp,
    /// Calls that started before
    #[arg(long, value_name = "TIME", value_parser = values::timestamp)]
    pub to: Timestamp,
    /// Calls of this tenant only
    #[arg(long, value_parser = values::tenant)]
    pub tenant: Option<TenantId>,
    /// Directory with the price lists and the number plan to price by
    #[arg(long, value_name = "DIR", default_value = "rates")]
    pub catalog: PathBuf,
    /// A price list that takes the place of the catalog's of the same name (ID.csv); may be repeated
    #[arg(long = "deck", value_name = "FILE")]
    pub decks: Vec<PathBuf>,
    /// How to read --deck, where the files do not say so themselves (TOML)
    #[arg(long, value_name = "FILE", requires = "decks")]
    pub mapping: Option<PathBuf>,
    /// A file of events, one a line, instead of the topic `ledger`; may be repeated
    #[arg(long = "ledger", value_name = "FILE")]
    pub ledger: Vec<PathBuf>,
    /// Publishes the corrections (balance.adjust), each to the home partition of its tenant
    #[arg(long, conflicts_with = "commands")]
    pub apply: bool,
    /// Writes the corrections there, one command a line, and publishes nothing
    #[arg(long, value_name = "FILE")]
    pub commands: Option<PathBuf>,
    /// Who asks, for the ledger
    #[arg(long, value_name = "NAME", value_parser = values::command_text)]
    pub actor: Option<String>,
    /// Prints the report as JSON
    #[arg(long)]
    pub json: bool,
    /// The configuration.
    #[command(flatten)]
    pub config: ConfigArgs,
}

/// Re-rates.
///
/// # Errors
///
/// The catalog or the ledger cannot be read, or the corrections not be written or published; then some of them may be, and the
/// same again is safe.
pub fn run(args: &RerateArgs, logs: &LogArgs) -> anyhow::Result<Exit> {
    if args.from >= args.to {
        eprintln!("error: --from is not before --to");
        return Ok(Exit::Usage);
    }
    if args.apply || args.ledger.is_empty() {
        require_kafka()?;
    }
    let config = match args.apply || args.ledger.is_empty() {
        true => Some(args.config.begin(logs, &[])?),
        false => {
            logs.begin()?;
            None
        }
    };
    let mut ledger = match &config {
        Some(config) if args.ledger.is_empty() => Ledger::of_topic(config)?,
        _ => Ledger::Files(args.ledger.clone()),
    };
    if ledger.is_stream() {
        eprintln!("error: --ledger -: the ledger is read twice, and standard input can be read once; give a file");
        return Ok(Exit::Usage);
    }
    let catalog = Arc::new(catalog(args)?);
    let mut corrections = Corrections::begin(args, config.as_ref())?;
    let report = rerate(args, catalog, &mut ledger, &mut corrections)?;
    let became = corrections.finish()?;
    let mut output = std::io::stdout().lock();
    if args.json {
        writeln!(output, "{}", report.json(became))?;
    } else {
        write!(output, "{report}")?;
        writeln!(output, "{:>12} corrections {became}", report.changed())?;
    }
    Ok(Exit::Success)
}

/// Corrections first, over all of the ledger: a fault in it is then known before anything is published.
fn rerate(
    args: &RerateArgs,
    catalog: Arc<Catalog>,
    ledger: &mut Ledger,
    corrections: &mut Corrections<'_>,
) -> anyhow::Result<Report> {
    let terms = Terms { from: args.from, to: args.to, tenant: args.tenant.clone() };
    let mut rerate = Rerate::new(terms, catalog);
    ledger.each(|piece| match piece {
        Piece::Event(_, record) => Ok(rerate.note(record)?),
        Piece::EndOfPartition => Ok(()),
    })?;
    ledger.each(|piece| match piece {
        Piece::Event(_, record) => rerate.take(record, |proposal| corrections.take(&proposal)),
        Piece::EndOfPartition => rerate.close_partition(|proposal| corrections.take(&proposal)),
    })?;
    Ok(rerate.report().clone())
}

/// Where corrections go.
struct Corrections<'a> {
    at: Timestamp,
    actor: Option<&'a str>,
    to: Outlet,
}

enum Outlet {
    Nowhere,
    File(BufWriter<File>),
    Topic(Box<Publisher>),
}

impl<'a> Corrections<'a> {
    #[expect(clippy::disallowed_methods, reason = "a command is asked for now")]
    fn begin(args: &'a RerateArgs, config: Option<&Config>) -> anyhow::Result<Corrections<'a>> {
        let to = match (&args.commands, config) {
            (Some(path), _) => {
                let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
                Outlet::File(BufWriter::with_capacity(WRITE_BYTES, file))
            }
            (None, Some(config)) if args.apply => Outlet::Topic(Box::new(Publisher::begin(config, COMMANDS_TOPIC)?)),
            _ => Outlet::Nowhere,
        };
        Ok(Corrections { at: Timestamp::now(), actor: args.actor.as_deref(), to })
    }

    fn take(&mut self, proposal: &Proposal) -> anyhow::Result<()> {
        let command = || proposal.command(self.at, self.actor);
        match &mut self.to {
            Outlet::Nowhere => {}
            Outlet::File(file) => writeln!(file, "{}", command())?,
            Outlet::Topic(publisher) => publisher.send(&proposal.tenant, &command())?,
        }
        Ok(())
    }

    /// What became of them, in a word.
    fn finish(self) -> anyhow::Result<&'static str> {
        Ok(match self.to {
            Outlet::Nowhere => "proposed",
            Outlet::File(mut file) => {
                file.flush()?;
                "written"
            }
            Outlet::Topic(publisher) => {
                publisher.finish()?;
                "published"
            }
        })
    }
}

/// The catalog to price by.
fn catalog(args: &RerateArgs) -> anyhow::Result<Catalog> {
    let mut catalog = load_directory(&args.catalog)?;
    let mapping = files::mapping(args.mapping.as_deref())?;
    for path in &args.decks {
        let deck = files::deck(path, &mapping)?;
        let id = &deck.header().id;
        if !catalog.has_deck(id) {
            let known: Vec<&str> = catalog.deck_ids().collect();
            let (path, directory) = (path.display(), args.catalog.display());
            bail!(
                "{path}: the catalog {directory} has no price list {id} that it could replace, it has {}",
                known.join(", ")
            );
        }
        catalog.replace_deck(deck).with_context(|| path.display().to_string())?;
    }
    Ok(catalog)
}
