//! `tollkeeper rate`: the same core offline, files of CDRs in, charges out.
//!
//! Charges go to standard output or a file, the summary to standard error, and a progress bar too where that is a terminal.

mod decoders;
mod files;
mod summary;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use clap::{Args, ValueEnum};
use jiff::{SignedDuration, Timestamp};

use super::values;
use super::{Exit, LogArgs};
use crate::core::catalog::Catalog;
use crate::core::decide::Rules;
use crate::core::identity::{ACCEPTANCE_WINDOW_DAYS_MAX, AcceptanceWindow};
use crate::core::money::Money;
use crate::core::number::Country;
use crate::core::tenant::TenantSettings;
use crate::metrics::BatchCounts;
use crate::offline::{
    CsvCharges, JsonCharges, Lines, Offered, OfflineFailure, Pricing, Rating, WriteCharges, latest_end,
};
use crate::stream::catalog::load_directory;
use crate::wire::foreign::Format;
use files::Files;
pub(super) use files::open;
use summary::Summary;

/// Bytes that are written at a time.
const WRITE_BYTES: usize = 1 << 20;
/// The price list of calls that are only priced, where the catalog has several.
const PRICE_LIST_DEFAULT: &str = "outbound-usd";

/// The flags.
#[derive(Args, Clone, Debug)]
pub struct RateArgs {
    /// Directory with the price lists and the number plan
    #[arg(long, value_name = "DIR", default_value = "rates")]
    pub catalog: PathBuf,
    /// Commands (JSON lines) that open and fund tenants; without them CDRs are only priced, for any tenant
    #[arg(long, value_name = "FILE")]
    pub commands: Option<PathBuf>,
    /// Form of the output
    #[arg(long, value_enum, default_value_t = OutputFormat::Json)]
    pub format: OutputFormat,
    /// Format of the CDRs; by the extension of each file unless given (.jsonl, .ndjson, .json, .csv: the native form)
    #[arg(long, value_name = "FORMAT", value_parser = decoders::format())]
    pub input_format: Option<Format>,
    /// Says what a switch does not: whose the calls are, which way they went, in which zone its clock runs
    #[arg(long, value_name = "FILE.toml", requires = "input_format")]
    pub mapping: Option<PathBuf>,
    /// Where the charges go; standard output unless given
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Writes the whole ledger there (with --commands)
    #[arg(long, value_name = "FILE", requires = "commands")]
    pub events: Option<PathBuf>,
    /// The clock of the acceptance window (with --commands); the end of the latest call unless given
    #[arg(long, value_name = "TIME", value_parser = values::timestamp, requires = "commands")]
    pub now: Option<Timestamp>,
    /// How long before the clock a call may have ended (with --commands)
    #[arg(long, value_name = "DAYS", default_value_t = 7, requires = "commands",
          value_parser = clap::value_parser!(u32).range(1..=i64::from(ACCEPTANCE_WINDOW_DAYS_MAX)))]
    pub acceptance_window_days: u32,
    /// The price list (without --commands); the catalog's only one, or outbound-usd
    #[arg(long, value_name = "ID", conflicts_with = "commands", value_parser = values::catalog_id)]
    pub price_list: Option<String>,
    /// Where the callers are (without --commands)
    #[arg(long, value_name = "COUNTRY", default_value = "US", conflicts_with = "commands")]
    pub usage_country: Country,
    /// Prints the summary as JSON
    #[arg(long)]
    pub json: bool,
    /// Files of CDRs; - is standard input
    #[arg(required = true, value_name = "CDRFILE")]
    pub files: Vec<PathBuf>,
}

/// How a charge is written, one a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// JSON lines.
    Json,
    /// CSV with a header.
    Csv,
}

/// Rates the files.
///
/// # Errors
///
/// A file or the catalog cannot be read, a command was refused, or the output cannot be written.
pub fn run(args: &RateArgs, logs: &LogArgs) -> anyhow::Result<Exit> {
    logs.begin()?;
    let catalog = Arc::new(load_directory(&args.catalog)?);
    let sources = match usage_fault(args, &catalog).map_or_else(|| decoders::of_files(args), Err) {
        Ok(sources) => sources,
        Err(wrong) => {
            eprintln!("error: {wrong}");
            return Ok(Exit::Usage);
        }
    };
    #[expect(clippy::disallowed_methods, reason = "how long it took is for the user to see")]
    let began = Instant::now();
    let mut files = Files::find(sources)?;
    let mut charges = charges(args)?;
    let counts = match &args.commands {
        Some(commands) => rate(args, commands, catalog, &mut files, &mut *charges)?,
        None => price(args, catalog, &mut files, &mut *charges)?,
    };
    charges.finish()?;
    files.finish();
    let summary = Summary { counts: &counts, skipped: files.skipped(), took: began.elapsed() };
    if args.json {
        eprintln!("{}", summary.json())
    } else {
        eprint!("{summary}")
    }
    Ok(Exit::Success)
}

/// What clap cannot see is wrong with the flags.
fn usage_fault(args: &RateArgs, catalog: &Catalog) -> Option<String> {
    let from_stdin = args.files.iter().filter(|file| is_stdin(file)).count();
    if from_stdin > 1 {
        return Some("standard input (-) can be read once".into());
    }
    if from_stdin > 0 && args.commands.is_some() && args.now.is_none() {
        let need =
            "standard input (-) with --commands needs --now: it cannot be read twice, to find its latest call first";
        return Some(need.into());
    }
    if args.commands.is_some() {
        return None;
    }
    if !catalog.knows_country(args.usage_country) {
        return Some(format!("--usage-country: the number plan has no country {}", args.usage_country));
    }
    let list = price_list(args, catalog);
    if !catalog.has_deck(list) {
        let known: Vec<&str> = catalog.deck_ids().collect();
        return Some(format!("--price-list: the catalog has no {list}, it has {}", known.join(", ")));
    }
    None
}

fn is_stdin(file: &Path) -> bool {
    file == Path::new("-")
}

fn price_list<'a>(args: &'a RateArgs, catalog: &'a Catalog) -> &'a str {
    let mut lists = catalog.deck_ids();
    match (&args.price_list, lists.next(), lists.next()) {
        (Some(given), ..) => given,
        (None, Some(only), None) => only,
        _ => PRICE_LIST_DEFAULT,
    }
}

/// Where the charges go.
fn charges(args: &RateArgs) -> anyhow::Result<Box<dyn WriteCharges>> {
    let writer: Box<dyn Write> = match &args.output {
        Some(path) => Box::new(create(path)?),
        None => Box::new(io::stdout().lock()),
    };
    let writer = BufWriter::with_capacity(WRITE_BYTES, writer);
    Ok(match args.format {
        OutputFormat::Json => Box::new(JsonCharges::new(writer)),
        OutputFormat::Csv => Box::new(CsvCharges::new(writer)?),
    })
}

fn create(path: &Path) -> anyhow::Result<File> {
    File::create(path).with_context(|| format!("cannot write {}", path.display()))
}

fn price(
    args: &RateArgs,
    catalog: Arc<Catalog>,
    files: &mut Files,
    charges: &mut dyn WriteCharges,
) -> anyhow::Result<BatchCounts> {
    let list = price_list(args, &catalog);
    let settings = TenantSettings {
        currency: catalog.deck_currency(list).context("the price list has gone")?,
        price_list: list.into(),
        overlay: None,
        usage_country: args.usage_country,
        default_plans: Vec::new(),
        contacts_ref: None,
        no_rate: None,
        minimum_funding: Money::ZERO,
        block_at: Money::ZERO,
        notify_below: None,
        daily_limit: None,
    };
    let mut pricing = Pricing::new(catalog, settings);
    files.each_record(|offered| match offered {
        Offered::Record(record) => pricing.take(record, charges),
        Offered::Rejected(rejected) => pricing.reject(rejected, charges),
        Offered::Skipped(_) => Ok(()),
    })?;
    Ok(pricing.counts().clone())
}

fn rate(
    args: &RateArgs,
    commands: &Path,
    catalog: Arc<Catalog>,
    files: &mut Files,
    charges: &mut dyn WriteCharges,
) -> anyhow::Result<BatchCounts> {
    let now = match args.now {
        Some(now) => now,
        // Without any call it does not matter what time it is.
        None => files.read_first(latest_end)?.unwrap_or(Timestamp::UNIX_EPOCH),
    };
    let back = SignedDuration::from_hours(24 * i64::from(args.acceptance_window_days));
    let rules = Rules { window: AcceptanceWindow { back, ..AcceptanceWindow::default() }, ..Rules::default() };
    let mut events =
        args.events.as_deref().map(create).transpose()?.map(|file| BufWriter::with_capacity(WRITE_BYTES, file));
    let mut rating = Rating::new(catalog, rules, now, events.as_mut().map(|events| events as &mut dyn Write));
    let named = || format!("{}", commands.display());
    let file = File::open(commands).with_context(|| format!("cannot read {}", commands.display()))?;
    rating.read_commands(&mut Lines::new(file)).with_context(named)?;
    let rated = files.each_record(|offered| match offered {
        Offered::Record(record) => rating.take(record, charges),
        Offered::Rejected(rejected) => rating.reject(rejected, charges),
        Offered::Skipped(_) => Ok(()),
    });
    rated.map_err(|failure| of_commands(failure, commands))?;
    rating.finish().with_context(named)?;
    Ok(rating.counts().clone())
}

/// A command that is refused while calls are rated is in another file than they are.
fn of_commands(failure: anyhow::Error, commands: &Path) -> anyhow::Error {
    match failure.downcast_ref::<OfflineFailure>() {
        Some(OfflineFailure::Command { .. }) => failure.context(commands.display().to_string()),
        _ => failure,
    }
}
