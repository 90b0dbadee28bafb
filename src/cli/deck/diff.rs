//! `tollkeeper deck diff`.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use jiff::Timestamp;
use serde_json::json;

use super::files;
use crate::cli::{Exit, values};
use crate::core::number::Country;
use crate::offline::Lines;
use crate::offline::deck_diff::{begun_at, diff};
use crate::offline::deck_effect::Effect;
use crate::offline::deck_report::{diff_text, effect_text};
use crate::stream::catalog::load_directory;
use crate::wire;

/// The flags.
#[derive(Args, Clone, Debug)]
pub struct DiffArgs {
    /// The earlier price list
    #[arg(value_name = "BEFORE")]
    pub before: PathBuf,
    /// The later price list
    #[arg(value_name = "AFTER")]
    pub after: PathBuf,
    /// How to read the earlier list, where it does not say so itself (TOML)
    #[arg(long, value_name = "FILE")]
    pub mapping_before: Option<PathBuf>,
    /// How to read the later list, where it does not say so itself (TOML)
    #[arg(long, value_name = "FILE")]
    pub mapping_after: Option<PathBuf>,
    /// CDRs (native JSON lines) that both lists price
    #[arg(long, value_name = "CDRFILE")]
    pub traffic: Option<PathBuf>,
    /// Directory with the number plan by which the numbers of --traffic are read
    #[arg(long, value_name = "DIR", requires = "traffic")]
    pub catalog: Option<PathBuf>,
    /// Where callers of --traffic are whose record does not say it
    #[arg(long, value_name = "COUNTRY", default_value = "US", requires = "traffic")]
    pub usage_country: Country,
    /// When both lists are compared; when all of the later one has begun unless given
    #[arg(long, value_name = "TIME", value_parser = values::timestamp)]
    pub at: Option<Timestamp>,
    /// Rows of each kind, and destinations, that are printed; JSON has all
    #[arg(long, value_name = "ROWS", default_value_t = 20)]
    pub rows: usize,
    /// Prints the result as JSON
    #[arg(long)]
    pub json: bool,
}

pub(super) fn run(args: &DiffArgs) -> anyhow::Result<Exit> {
    let before = files::deck(&args.before, &files::mapping(args.mapping_before.as_deref())?)?;
    let after = files::deck(&args.after, &files::mapping(args.mapping_after.as_deref())?)?;
    let at = args.at.unwrap_or_else(|| begun_at(&after, files::now()));
    let found = diff(&before, &after, at)?;
    let catalog = args.catalog.as_deref().map(load_directory).transpose()?;
    let empty = files::empty_plan();
    let plan = catalog.as_ref().map_or(&empty, |catalog| catalog.number_plan(at));
    let effect = match &args.traffic {
        Some(path) => {
            let mut effect = Effect::new(&before, &after, plan, args.usage_country, at);
            price(path, &mut effect).with_context(|| path.display().to_string())?;
            Some(effect)
        }
        None => None,
    };
    if args.json {
        let mut all = found.json();
        if let Some(effect) = &effect {
            all["effect"] = effect.json();
        }
        files::print(&format!("{}\n", json!(all)))?;
    } else {
        let effect = effect.map_or(String::new(), |effect| effect_text(&effect, args.rows));
        files::print(&format!("{}{effect}", diff_text(&found, args.rows)))?;
    }
    Ok(Exit::Success)
}

/// Prices every record of a file by both lists. A record that is no CDR ends it: a sample is not to be taken for another.
fn price(path: &Path, effect: &mut Effect<'_>) -> anyhow::Result<()> {
    let mut lines = Lines::new(File::open(path).context("cannot be read")?);
    let mut number = 0;
    while let Some(record) = lines.next_record()? {
        number += 1;
        let cdr = wire::cdr::decode(record)
            .map_err(|rejected| anyhow::anyhow!("record {number} is no CDR: {}", rejected.detail))?;
        effect.take(&cdr).with_context(|| format!("record {number}"))?;
    }
    Ok(())
}
