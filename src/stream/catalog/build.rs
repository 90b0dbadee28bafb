//! Files to a catalog: one function, whatever the files come from (a directory, the topic).

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use xxhash_rust::xxh3::Xxh3;

use crate::core::catalog::{Catalog, CatalogFault, CatalogParts};
use crate::core::deck::Deck;
use crate::core::inbound::InboundDeck;
use crate::core::number_plan::{NUMBER_PLAN_ID, NumberPlan};
use crate::core::plan::Plan;
use crate::core::zone::Zone;
use crate::wire::catalog_record::ItemKind;
use crate::wire::deck_csv::{DeckName, read_deck, read_inbound_deck};
use crate::wire::fault::{Faults, Place, SourceFile};
use crate::wire::number_plan_csv::{NumberPlanFiles, read_number_plan};
use crate::wire::plan_toml::{PlanName, read_plan};
use crate::wire::zone_csv::{ZoneName, read_zone};

/// The list of countries of a number plan.
pub const COUNTRIES: &str = "countries.csv";
/// Whose numbers are whose.
pub const PREFIXES: &str = "prefixes.csv";
/// Which countries are domestic to each other.
pub const DOMESTIC_UNIONS: &str = "domestic-unions.csv";
/// The licences of which countries feed one pool. Need not be there.
pub const POOL_UNIONS: &str = "pool-unions.csv";
/// Numbers of a few digits. Need not be there.
pub const SHORT_CODES: &str = "short-codes.csv";

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

/// What an item says.
#[derive(Clone, Debug)]
pub enum ItemContent {
    /// A version of a price list.
    Deck(Arc<Deck>),
    /// A version of an inbound price list.
    Inbound(Arc<InboundDeck>),
    /// A version of a plan.
    Plan(Arc<Plan>),
    /// A version of a zone.
    Zone(Arc<Zone>),
    /// A version of the number plan.
    NumberPlan(Arc<NumberPlan>),
}

impl ItemContent {
    /// From when on it is in force; `None`: always was.
    pub fn effective_from(&self) -> Option<Timestamp> {
        match self {
            ItemContent::Deck(deck) => deck.header().effective_from,
            ItemContent::Inbound(deck) => deck.header().effective_from,
            ItemContent::Plan(plan) => plan.effective_from(),
            ItemContent::Zone(zone) => zone.effective_from,
            ItemContent::NumberPlan(plan) => plan.header().effective_from,
        }
    }
}

/// Whether countries in files are looked up in the number plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CountryCheck {
    /// One that the number plan does not have is a fault: `UK` is a slip for `GB`.
    Against,
    /// They were looked up when the file was published. A number plan that came later takes nothing out of force.
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
    /// Each file is right, but they do not fit together.
    #[error("{}", written(faults))]
    Contradictory {
        /// All that does not fit.
        faults: Vec<CatalogFault>,
    },
}

/// A line for each.
fn written(faults: &[CatalogFault]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
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
    let contents = read_items(items, countries, &mut faults);
    if !faults.is_empty() {
        return Err(BuildFailure::Faulty { faults });
    }
    catalog_of(version, contents.into_iter().flatten())
}

/// Makes a catalog of what was read.
///
/// # Errors
/// [`BuildFailure::Contradictory`].
pub fn catalog_of(version: Arc<str>, contents: impl IntoIterator<Item = ItemContent>) -> Result<Catalog, BuildFailure> {
    let mut parts = CatalogParts {
        version,
        decks: Vec::new(),
        inbound: Vec::new(),
        plans: Vec::new(),
        zones: Vec::new(),
        number_plans: Vec::new(),
    };
    for content in contents {
        match content {
            ItemContent::Deck(deck) => parts.decks.push(deck),
            ItemContent::Inbound(deck) => parts.inbound.push(deck),
            ItemContent::Plan(plan) => parts.plans.push(plan),
            ItemContent::Zone(zone) => parts.zones.push(zone),
            ItemContent::NumberPlan(plan) => parts.number_plans.push(plan),
        }
    }
    Catalog::new(parts).map_err(|faults| BuildFailure::Contradictory { faults })
}

/// What each item says, in the order of the items; `None` where it has faults. Countries are looked up in the newest number
/// plan among the items: what an older one did not know, nothing need leave out.
pub fn read_items(items: &[CatalogItem], countries: CountryCheck, faults: &mut Faults) -> Vec<Option<ItemContent>> {
    let mut contents: Vec<Option<ItemContent>> = Vec::new();
    contents.resize_with(items.len(), || None);
    for (item, content) in items.iter().zip(&mut contents).filter(|(item, _)| item.kind == ItemKind::NumberPlan) {
        *content = read_numbers(item, faults).map(|plan| ItemContent::NumberPlan(Arc::new(plan)));
    }
    let number_plans = contents.iter().filter_map(|content| match content {
        Some(ItemContent::NumberPlan(plan)) => Some(Arc::clone(plan)),
        _ => None,
    });
    let newest = number_plans.max_by_key(|plan| plan.header().effective_from);
    let numbers = newest.as_deref().filter(|_| countries == CountryCheck::Against);
    for (item, content) in items.iter().zip(&mut contents).filter(|(item, _)| item.kind != ItemKind::NumberPlan) {
        *content = read_file(item, numbers, faults);
    }
    contents
}

/// What an item of one file says.
fn read_file(item: &CatalogItem, numbers: Option<&NumberPlan>, faults: &mut Faults) -> Option<ItemContent> {
    let file = only_file(item, faults)?.source();
    let (id, version, from) = (&*item.id, &*item.version, item.effective_from);
    let content = match item.kind {
        ItemKind::Deck => {
            let deck = collect(read_deck(file, DeckName { id, version }, numbers), faults)?;
            ItemContent::Deck(Arc::new(at(deck, from, Deck::in_force_from)))
        }
        ItemKind::Inbound => {
            let deck = collect(read_inbound_deck(file, DeckName { id, version }, numbers), faults)?;
            ItemContent::Inbound(Arc::new(at(deck, from, InboundDeck::in_force_from)))
        }
        ItemKind::Plan => {
            let plan = collect(read_plan(file, PlanName { id, version }, numbers), faults)?;
            ItemContent::Plan(Arc::new(at(plan, from, Plan::in_force_from)))
        }
        ItemKind::Zone => {
            let zone = collect(read_zone(file, ZoneName { id, version }, numbers), faults)?;
            ItemContent::Zone(Arc::new(at(zone, from, Zone::in_force_from)))
        }
        ItemKind::NumberPlan => unreachable!("a number plan has several files"),
    };
    Some(content)
}

/// In force from when its publication says, else from where the file says.
fn at<T>(read: T, published: Option<Timestamp>, in_force_from: impl Fn(T, Timestamp) -> T) -> T {
    match published {
        Some(from) => in_force_from(read, from),
        None => read,
    }
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

/// What the files of a number plan say. They are known by their names, whatever their directory.
fn read_numbers(item: &CatalogItem, faults: &mut Faults) -> Option<NumberPlan> {
    const KNOWN: [&str; 5] = [COUNTRIES, PREFIXES, DOMESTIC_UNIONS, POOL_UNIONS, SHORT_CODES];
    let directory = item
        .files
        .first()
        .and_then(|file| file.name.rsplit_once('/'))
        .map_or(NUMBER_PLAN_ID, |(directory, _)| directory);
    let find = |name: &str| {
        let path = format!("{directory}/{name}");
        item.files.iter().find(|file| file.name == path).map(CatalogFile::source)
    };
    for file in item.files.iter().filter(|file| !KNOWN.iter().any(|name| file.name == format!("{directory}/{name}"))) {
        faults.add(&file.name, Place::line(1), format!("no file of a number plan, which has {}", KNOWN.join(", ")));
    }
    let mut needed = |name: &str| {
        let found = find(name);
        if found.is_none() {
            faults.add(&format!("{directory}/{name}"), Place::line(1), "the file is missing");
        }
        found
    };
    let (countries, prefixes, domestic_unions) = (needed(COUNTRIES), needed(PREFIXES), needed(DOMESTIC_UNIONS));
    let files = NumberPlanFiles {
        countries: countries?,
        prefixes: prefixes?,
        domestic_unions: domestic_unions?,
        pool_unions: find(POOL_UNIONS),
        short_codes: find(SHORT_CODES),
    };
    let plan = collect(read_number_plan(files, &item.version), faults)?;
    Some(at(plan, item.effective_from, NumberPlan::in_force_from))
}

/// What was read, or its faults to the others.
fn collect<T>(read: Result<T, Faults>, faults: &mut Faults) -> Option<T> {
    read.map_err(|more| faults.append(more)).ok()
}
