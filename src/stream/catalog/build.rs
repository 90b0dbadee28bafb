//! Files to a catalog: one function, whatever the files come from (a directory, the topic).

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use xxhash_rust::xxh3::Xxh3;

use crate::core::catalog::{Catalog, MixedCurrencies};
use crate::core::deck::Deck;
use crate::core::number_plan::NumberPlan;
use crate::wire::catalog_record::ItemKind;
use crate::wire::deck_csv::{DeckName, read_deck};
use crate::wire::fault::{Faults, Place, SourceFile};
use crate::wire::number_plan_csv::{NumberPlanFiles, read_number_plan};
use crate::wire::plan_toml::check_plan;

/// The list of countries of a number plan.
pub const COUNTRIES: &str = "number-plan/countries.csv";
/// Whose numbers are whose.
pub const PREFIXES: &str = "number-plan/prefixes.csv";
/// Which countries are domestic to each other.
pub const DOMESTIC_UNIONS: &str = "number-plan/domestic-unions.csv";

/// Hexadecimal digits of the hash that are a version.
const VERSION_DIGITS: usize = 12;

/// A file of a catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogFile {
    /// The path inside the catalog, with `/`.
    pub name: String,
    /// The content.
    pub bytes: Bytes,
}

impl CatalogFile {
    fn source(&self) -> SourceFile<'_> {
        SourceFile { name: &self.name, bytes: &self.bytes }
    }
}

/// One version of one thing that a catalog is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogItem {
    /// What it is.
    pub kind: ItemKind,
    /// What tenants and other items refer to.
    pub id: Box<str>,
    /// Tells apart what was in force under this name; debits name it.
    pub version: Box<str>,
    /// In force from here on; `None`: from where the file says, else it always was.
    pub effective_from: Option<Timestamp>,
    /// One file; those of a number plan together.
    pub files: Vec<CatalogFile>,
}

/// Whether countries in price lists are looked up in the number plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CountryCheck {
    /// One that the number plan does not have is a fault: `UK` is a slip for `GB`.
    Against,
    /// They were looked up when the list was published. A number plan that came later takes no price list out of force.
    Passed,
}

/// Why files make no catalog. Nothing of it is taken.
#[derive(Debug, thiserror::Error)]
pub enum BuildFailure {
    /// The files say what cannot be used.
    #[error("faults in all: {}\n{faults}", faults.count())]
    Faulty {
        /// All that is wrong, by file, line and column.
        faults: Faults,
    },
    /// The versions of a price list contradict each other.
    #[error("{0}")]
    MixedCurrencies(MixedCurrencies),
    /// Without a number plan no call can be told from another.
    #[error("there is no number plan ({COUNTRIES} and the files beside it)")]
    NoNumberPlan,
}

/// Makes a catalog of all versions of all items, whole or not at all. Where two versions of an item are effective from the
/// same instant, the later one in `items` counts (F7).
///
/// # Errors
/// [`BuildFailure`]; where files have faults, all of them.
pub fn build_catalog(
    version: Arc<str>,
    items: &[CatalogItem],
    countries: CountryCheck,
) -> Result<Catalog, BuildFailure> {
    let mut faults = Faults::new();
    let number_plan = read_number_plans(items, &mut faults);
    let plans = read_plans(items, &mut faults);
    let checked_against = number_plan.as_ref().filter(|_| countries == CountryCheck::Against);
    let decks = read_decks(items, checked_against, &mut faults);
    refuse_unread(items, &mut faults);
    if !faults.is_empty() {
        return Err(BuildFailure::Faulty { faults });
    }
    let number_plan = number_plan.ok_or(BuildFailure::NoNumberPlan)?;
    Catalog::new(version, decks, plans, number_plan).map_err(BuildFailure::MixedCurrencies)
}

/// The first 12 hexadecimal digits of the xxh3 hash over names and contents with their lengths before them, in the order of
/// the names: the same files have the same version on every node, and no two sets of files run together.
pub fn version_of<'a>(files: impl IntoIterator<Item = &'a CatalogFile>) -> Arc<str> {
    let mut files: Vec<&CatalogFile> = files.into_iter().collect();
    files.sort_by(|a, b| a.name.cmp(&b.name));
    version_of_parts(files.iter().flat_map(|file| [file.name.as_bytes(), &file.bytes]))
}

/// As [`version_of`], over anything, in its order.
pub(super) fn version_of_parts<'a>(parts: impl Iterator<Item = &'a [u8]>) -> Arc<str> {
    let mut hash = Xxh3::new();
    for part in parts {
        hash.update(&u64::try_from(part.len()).expect("64 bits fit").to_le_bytes());
        hash.update(part);
    }
    Arc::from(&format!("{:016x}", hash.digest())[..VERSION_DIGITS])
}

fn of_kind(items: &[CatalogItem], kind: ItemKind) -> impl Iterator<Item = &CatalogItem> {
    items.iter().filter(move |item| item.kind == kind)
}

/// The one file of an item; a fault where there is another number.
fn only_file<'a>(item: &'a CatalogItem, faults: &mut Faults) -> Option<&'a CatalogFile> {
    match &item.files[..] {
        [file] => Some(file),
        files => {
            let name = files.first().map_or(&*item.id, |file| &file.name);
            faults.add(name, Place::line(1), format!("{} is one file, not {}", item.kind.noun(), files.len()));
            None
        }
    }
}

/// This release knows one number plan for all times: a second version is a fault rather than a wrong country.
fn read_number_plans(items: &[CatalogItem], faults: &mut Faults) -> Option<NumberPlan> {
    let mut versions = of_kind(items, ItemKind::NumberPlan);
    let first = versions.next()?;
    if versions.next().is_some() {
        faults.add(COUNTRIES, Place::line(1), "this release supports one version of the number plan, there are more");
    }
    let mut find = |name: &str| {
        let found = first.files.iter().find(|file| file.name == name);
        if found.is_none() {
            faults.add(name, Place::line(1), "the file is missing");
        }
        found
    };
    let (countries, prefixes, domestic_unions) = (find(COUNTRIES), find(PREFIXES), find(DOMESTIC_UNIONS));
    let known = [COUNTRIES, PREFIXES, DOMESTIC_UNIONS];
    for file in first.files.iter().filter(|file| !known.contains(&&*file.name)) {
        faults.add(&file.name, Place::line(1), "no file of a number plan");
    }
    let files = NumberPlanFiles {
        countries: countries?.source(),
        prefixes: prefixes?.source(),
        domestic_unions: domestic_unions?.source(),
    };
    collect(read_number_plan(files), faults)
}

fn read_plans(items: &[CatalogItem], faults: &mut Faults) -> BTreeSet<Box<str>> {
    let mut plans = BTreeSet::new();
    for item in of_kind(items, ItemKind::Plan) {
        if let Some(file) = only_file(item, faults)
            && collect(check_plan(file.source(), &item.id), faults).is_some()
        {
            plans.insert(item.id.clone());
        }
    }
    plans
}

fn read_decks(items: &[CatalogItem], plan: Option<&NumberPlan>, faults: &mut Faults) -> Vec<Deck> {
    let mut decks = Vec::new();
    for item in of_kind(items, ItemKind::Deck) {
        let Some(file) = only_file(item, faults) else { continue };
        let name = DeckName { id: &item.id, version: &item.version };
        let deck = collect(read_deck(file.source(), name, plan), faults);
        decks.extend(deck.map(|deck| match item.effective_from {
            Some(from) => deck.in_force_from(from),
            None => deck,
        }));
    }
    decks
}

/// What the forms have and this release does not read.
fn refuse_unread(items: &[CatalogItem], faults: &mut Faults) {
    for item in items.iter().filter(|item| matches!(item.kind, ItemKind::Inbound | ItemKind::Zone)) {
        let name = item.files.first().map_or(&*item.id, |file| &file.name);
        faults.add(name, Place::line(1), format!("{} is not supported by this release", item.kind.noun()));
    }
}

/// What was read, or its faults to the others.
fn collect<T>(read: Result<T, Faults>, faults: &mut Faults) -> Option<T> {
    read.map_err(|more| faults.append(more)).ok()
}
