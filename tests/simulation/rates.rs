//! The price lists and the number plan of the simulation: as data of its own, as the engine's catalog, and scanned
//! row by row.

use std::fmt::Write as _;
use std::sync::{Arc, OnceLock};

use tollkeeper::core::catalog::{Catalog, CatalogParts, PAY_AS_YOU_GO};
use tollkeeper::core::number_plan::{CountryDialling, NumberPlan, NumberPlanHeader};
use tollkeeper::core::plan::{Plan, PlanParts};
use tollkeeper::wire::deck_csv::{DeckName, read_deck};
use tollkeeper::wire::fault::SourceFile;

/// When a run begins: 2026-11-20T10:00:00Z, in milliseconds since the epoch.
pub(crate) const BEGIN_MS: i64 = 1_795_168_800_000;
/// When the price of +263 changes, six hours later.
const CHANGE_MS: i64 = BEGIN_MS + 6 * 3_600_000;
const CHANGE: &str = "2026-11-20T16:00:00Z";

/// A price list.
#[derive(Debug)]
pub(crate) struct List {
    pub(crate) id: &'static str,
    pub(crate) currency: &'static str,
    /// Decimals of a charge line.
    pub(crate) decimals: u32,
    pub(crate) rows: &'static [Row],
}

/// A row; amounts in units of 10^-9.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub(crate) prefix: &'static str,
    pub(crate) destination: &'static str,
    /// As written; `denied` refuses.
    pub(crate) rate: &'static str,
    pub(crate) connect_fee: &'static str,
    pub(crate) initial: u64,
    pub(crate) increment: u64,
    pub(crate) minimum: &'static str,
    /// In force from (inclusive) and to (exclusive), milliseconds.
    pub(crate) from_ms: i64,
    pub(crate) to_ms: i64,
}

const ALWAYS: (i64, i64) = (i64::MIN, i64::MAX);

const fn row(prefix: &'static str, destination: &'static str, rate: &'static str) -> Row {
    let (from_ms, to_ms) = ALWAYS;
    Row { prefix, destination, rate, connect_fee: "0", initial: 60, increment: 60, minimum: "0", from_ms, to_ms }
}

const RETAIL: &[Row] = &[
    row("1", "North America", "0.013"),
    Row { initial: 30, increment: 6, ..row("1425", "Seattle", "0.0111") },
    row("33", "France", "0.02"),
    row("336", "France, mobile", "0.125"),
    Row { connect_fee: "0.05", initial: 0, increment: 6, ..row("44", "Great Britain", "0.015") },
    Row { minimum: "0.5", initial: 1, increment: 1, ..row("447", "Great Britain, mobile", "0.3333") },
    row("44900", "Great Britain, premium", "denied"),
    Row { to_ms: CHANGE_MS, ..row("263", "Zimbabwe", "0.223") },
    Row { from_ms: CHANGE_MS, ..row("263", "Zimbabwe", "0.31") },
    row("882", "Satellites", "9.5"),
    row("26399", "Zimbabwe, the costliest", "5000000000000"),
];
const OVERLAY: &[Row] =
    &[row("3", "Europe", "0.001"), row("336", "France, ours", "0.1"), row("4479", "Mobile, ours", "0.2")];
const EURO: &[Row] = &[row("33", "France", "0.018")];

/// All price lists. The version of each is `v1`.
pub(crate) const LISTS: [List; 3] = [
    List { id: "retail", currency: "USD", decimals: 4, rows: RETAIL },
    List { id: "overlay", currency: "USD", decimals: 6, rows: OVERLAY },
    List { id: "euro", currency: "EUR", decimals: 6, rows: EURO },
];

/// A country: prefixes, how it dials abroad, emergency numbers, domestic union.
pub(crate) struct Country {
    pub(crate) code: &'static str,
    pub(crate) prefixes: &'static [&'static str],
    pub(crate) abroad: &'static str,
    pub(crate) emergency: &'static [&'static str],
    pub(crate) union: &'static str,
}

/// All countries.
pub(crate) const COUNTRIES: [Country; 6] = [
    Country { code: "US", prefixes: &["1425", "1206"], abroad: "011", emergency: &[], union: "nanp" },
    Country { code: "CA", prefixes: &["1604"], abroad: "011", emergency: &[], union: "nanp" },
    Country { code: "FR", prefixes: &["33"], abroad: "00", emergency: &["15"], union: "" },
    Country { code: "GB", prefixes: &["44"], abroad: "00", emergency: &["999"], union: "" },
    Country { code: "ZW", prefixes: &["263"], abroad: "00", emergency: &[], union: "" },
    Country { code: "IN", prefixes: &["91"], abroad: "00", emergency: &["100"], union: "" },
];

/// The engine's catalog of it all: the same for every run.
pub(crate) fn catalog() -> Arc<Catalog> {
    static CATALOG: OnceLock<Arc<Catalog>> = OnceLock::new();
    Arc::clone(CATALOG.get_or_init(|| Arc::new(make_catalog())))
}

fn make_catalog() -> Catalog {
    let plan = {
        let prefixes = COUNTRIES.iter().flat_map(|country| {
            country.prefixes.iter().map(|p| (Box::from(*p), country.code.parse().expect("a code")))
        });
        let boxed = |texts: &[&str]| texts.iter().map(|text| Box::from(*text)).collect::<Vec<Box<str>>>();
        let dialling = COUNTRIES.iter().map(|country| CountryDialling {
            international_prefixes: boxed(&[country.abroad]),
            emergency: boxed(country.emergency),
            domestic_union: (!country.union.is_empty()).then(|| country.union.into()),
            ..CountryDialling::of(country.code.parse().expect("a code"))
        });
        let header = NumberPlanHeader { version: "v1".into(), effective_from: None };
        NumberPlan::new(header, prefixes.collect(), dialling.collect()).expect("a valid plan")
    };
    let decks = LISTS.iter().map(|list| {
        let csv = csv_of(list);
        let file = SourceFile { name: list.id, bytes: csv.as_bytes() };
        read_deck(file, DeckName { id: list.id, version: "v1" }, Some(&plan)).unwrap_or_else(|f| panic!("{f}\n{csv}"))
    });
    let decks: Vec<Arc<_>> = decks.map(Arc::new).collect();
    let payg = Plan::new(PlanParts::without_rules(PAY_AS_YOU_GO, "v1")).expect("a plan");
    Catalog::new(CatalogParts {
        version: "v1".into(),
        decks,
        inbound: Vec::new(),
        plans: vec![Arc::new(payg)],
        zones: Vec::new(),
        number_plans: vec![Arc::new(plan)],
    })
    .expect("one currency a list")
}

fn csv_of(list: &List) -> String {
    let mut csv = format!("# currency: {}\n# decimals: {}\n", list.currency, list.decimals);
    csv += "prefix,destination,rate_per_minute,connect_fee,initial_increment,increment,minimum_charge,effective_from,\
            effective_to\n";
    for row in list.rows {
        let Row { prefix, destination, rate, connect_fee, initial, increment, minimum, from_ms, to_ms } = row;
        let from = if *from_ms == ALWAYS.0 { "" } else { CHANGE };
        let to = if *to_ms == ALWAYS.1 { "" } else { CHANGE };
        writeln!(csv, "{prefix},\"{destination}\",{rate},{connect_fee},{initial},{increment},{minimum},{from},{to}")
            .expect("a string takes all");
    }
    csv
}
