//! `tollkeeper deck check`.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use serde_json::{Value, json};

use super::files;
use crate::cli::Exit;
use crate::core::deck::Deck;
use crate::stream::catalog::load_directory;
use crate::wire::deck_csv::write_deck;
use crate::wire::fault::Faults;

/// The flags.
#[derive(Args, Clone, Debug)]
pub struct CheckArgs {
    /// The price list
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// How to read it, where it does not say so itself (TOML)
    #[arg(long, value_name = "FILE")]
    pub mapping: Option<PathBuf>,
    /// Directory with the number plan that must know the countries of the list
    #[arg(long, value_name = "DIR")]
    pub catalog: Option<PathBuf>,
    /// Writes the list there in Tollkeeper's own layout, if it has no fault
    #[arg(long, value_name = "FILE")]
    pub write: Option<PathBuf>,
    /// Prints the result as JSON
    #[arg(long)]
    pub json: bool,
}

pub(super) fn run(args: &CheckArgs) -> anyhow::Result<Exit> {
    let mapping = files::mapping(args.mapping.as_deref())?;
    let catalog = args.catalog.as_deref().map(load_directory).transpose()?;
    let plan = catalog.as_ref().map(|catalog| catalog.number_plan(files::now()));
    let checked = files::checked_deck(&args.file, &mapping, plan)?;
    let name = args.file.display().to_string();
    match checked {
        Ok(deck) => {
            if let Some(path) = &args.write {
                std::fs::write(path, write_deck(&deck)).with_context(|| format!("cannot write {}", path.display()))?;
            }
            let facts = Facts::of(&deck);
            files::print(&if args.json { format!("{}\n", facts.json(&name)) } else { facts.text(&name) })?;
            Ok(Exit::Success)
        }
        Err(faults) => {
            files::print(&if args.json {
                format!("{}\n", faults_json(&name, &faults))
            } else {
                faults_text(&name, &faults)
            })?;
            Ok(Exit::Differences)
        }
    }
}

/// What is worth knowing of a list without faults.
struct Facts<'d> {
    deck: &'d Deck,
    denied: usize,
    banded: usize,
    dated: usize,
}

impl Facts<'_> {
    fn of(deck: &Deck) -> Facts<'_> {
        let count = |is: fn(&crate::core::deck::Row) -> bool| deck.rows().iter().filter(|row| is(row)).count();
        Facts {
            deck,
            denied: count(|row| row.denied),
            banded: count(|row| row.price.bands.is_some()),
            dated: count(|row| row.effective_from.is_some() || row.effective_to.is_some()),
        }
    }

    fn text(&self, name: &str) -> String {
        let Facts { deck, denied, banded, dated } = self;
        let from = deck.header().effective_from.map_or(String::new(), |from| format!(", in force from {from}"));
        let (rows, currency) = (deck.rows().len(), deck.currency());
        format!(
            "{name}: no faults; {rows} rows in {currency}{from}; {denied} denied, {banded} with time bands, {dated} with dates\n"
        )
    }

    fn json(&self, name: &str) -> Value {
        let Facts { deck, denied, banded, dated } = self;
        json!({
            "file": name,
            "faults": 0,
            "rows": deck.rows().len(),
            "currency": deck.currency().as_str(),
            "effective_from": deck.header().effective_from.map(|from| from.to_string()),
            "denied": denied,
            "with_bands": banded,
            "with_dates": dated,
        })
    }
}

fn faults_text(name: &str, faults: &Faults) -> String {
    format!("{faults}\n{name}: refused, faults in all: {}\n", faults.count())
}

fn faults_json(name: &str, faults: &Faults) -> Value {
    let listed: Vec<Value> = faults
        .listed()
        .iter()
        .map(|fault| {
            json!({
                "line": fault.line,
                "column": fault.column,
                "column_name": &*fault.column_name,
                "message": fault.message,
            })
        })
        .collect();
    json!({"file": name, "faults": faults.count(), "listed": listed})
}
