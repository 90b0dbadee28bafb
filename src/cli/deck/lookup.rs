//! `tollkeeper deck lookup`.

use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use clap::Args;
use jiff::Timestamp;

use super::files;
use crate::cli::{Exit, values};
use crate::core::catalog::Catalog;
use crate::core::deck::Deck;
use crate::core::number::Country;
use crate::core::number_plan::NumberPlan;
use crate::offline::deck_lookup::{Question, look_up};
use crate::stream::catalog::load_directory;
use crate::wire::deck_csv::Mapping;

/// The price list that is asked, where the catalog has several.
const PRICE_LIST_DEFAULT: &str = "outbound-usd";

/// The flags.
#[derive(Args, Clone, Debug)]
pub struct LookupArgs {
    /// The number as it is dialled
    #[arg(value_name = "NUMBER", allow_hyphen_values = true)]
    pub number: String,
    /// A price list in a file, instead of one of the catalog
    #[arg(long, value_name = "FILE", conflicts_with = "price_list")]
    pub deck: Option<PathBuf>,
    /// How to read it, where it does not say so itself (TOML)
    #[arg(long, value_name = "FILE", requires = "deck")]
    pub mapping: Option<PathBuf>,
    /// Directory with price lists and the number plan; rates unless --deck is given
    #[arg(long, value_name = "DIR")]
    pub catalog: Option<PathBuf>,
    /// The price list of the catalog; its only one, or outbound-usd
    #[arg(long, value_name = "ID", value_parser = values::catalog_id)]
    pub price_list: Option<String>,
    /// When the call starts; now unless given
    #[arg(long, value_name = "TIME", value_parser = values::timestamp)]
    pub at: Option<Timestamp>,
    /// Where the number is dialled
    #[arg(long, value_name = "COUNTRY", default_value = "US")]
    pub country: Country,
    /// Prints the answer as JSON
    #[arg(long)]
    pub json: bool,
}

pub(super) fn run(args: &LookupArgs) -> anyhow::Result<Exit> {
    let at = args.at.unwrap_or_else(files::now);
    let directory = args.catalog.as_deref().or(args.deck.is_none().then_some(Path::new("rates")));
    let catalog = directory.map(load_directory).transpose()?;
    if let Some(catalog) = catalog.as_ref().filter(|catalog| !catalog.number_plan(at).knows(args.country)) {
        let version = catalog.version();
        eprintln!("error: --country: the number plan of catalog {version} has no country {}", args.country);
        return Ok(Exit::Usage);
    }
    match (&args.deck, &catalog) {
        (Some(path), _) => {
            let mapping = match &args.mapping {
                Some(mapping) => files::mapping(Some(mapping))?,
                None => Mapping::default(),
            };
            let deck = files::deck(path, &mapping)?;
            let empty = files::empty_plan();
            print(args, &deck, catalog.as_ref().map_or(&empty, |catalog| catalog.number_plan(at)), at)
        }
        (None, Some(catalog)) => {
            let id = price_list(args, catalog);
            let deck = catalog.deck(id, at).with_context(|| absent(catalog, id, at))?;
            print(args, deck, catalog.number_plan(at), at)
        }
        (None, None) => Err(anyhow!("neither a price list nor a catalog")),
    }
}

fn print(args: &LookupArgs, deck: &Deck, plan: &NumberPlan, at: Timestamp) -> anyhow::Result<Exit> {
    let lookup = look_up(deck, plan, Question { dialled: &args.number, country: args.country, at });
    files::print(&if args.json { format!("{}\n", lookup.json()) } else { lookup.to_string() })?;
    Ok(Exit::Success)
}

fn price_list<'a>(args: &'a LookupArgs, catalog: &'a Catalog) -> &'a str {
    let mut lists = catalog.deck_ids();
    match (&args.price_list, lists.next(), lists.next()) {
        (Some(given), ..) => given,
        (None, Some(only), None) => only,
        _ => PRICE_LIST_DEFAULT,
    }
}

fn absent(catalog: &Catalog, id: &str, at: Timestamp) -> String {
    if catalog.has_deck(id) {
        return format!("price list {id} is not in force at {at}");
    }
    let known: Vec<&str> = catalog.deck_ids().collect();
    format!("the catalog has no price list {id}, it has {}", known.join(", "))
}
