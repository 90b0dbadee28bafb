//! What the columns of a price list are called: by the project, and by carriers.

use crate::core::currency::Currency;
use crate::wire::csv_table::Column;

pub(super) const PREFIX: usize = 0;
pub(super) const DESTINATION: usize = 1;
pub(super) const COUNTRY: usize = 2;
pub(super) const KIND: usize = 3;
pub(super) const RATE_PER_MINUTE: usize = 4;
pub(super) const CONNECT_FEE: usize = 5;
pub(super) const INITIAL_INCREMENT: usize = 6;
pub(super) const INCREMENT: usize = 7;
pub(super) const INCREMENTS: usize = 8;
pub(super) const MINIMUM_CHARGE: usize = 9;
pub(super) const EFFECTIVE_FROM: usize = 10;
pub(super) const EFFECTIVE_TO: usize = 11;
pub(super) const TIME_BAND: usize = 12;
pub(super) const CURRENCY: usize = 13;
pub(super) const COUNT: usize = 14;

/// All columns that a price list may have, by their own names.
pub(super) const COLUMNS: [Column; COUNT] = [
    Column { name: "prefix", required: true },
    Column { name: "destination", required: false },
    Column { name: "country", required: false },
    Column { name: "kind", required: false },
    Column { name: "rate_per_minute", required: true },
    Column { name: "connect_fee", required: false },
    Column { name: "initial_increment", required: false },
    Column { name: "increment", required: false },
    Column { name: "increments", required: false },
    Column { name: "minimum_charge", required: false },
    Column { name: "effective_from", required: false },
    Column { name: "effective_to", required: false },
    Column { name: "time_band", required: false },
    Column { name: "currency", required: false },
];

/// For each of [`COLUMNS`] the other names that it goes by, as [`plain`] writes them.
pub(super) const SYNONYMS: [&[&str]; COUNT] = [
    &[
        "prefixes",
        "code",
        "codes",
        "dial code",
        "dial codes",
        "dialcode",
        "dialcodes",
        "dialing code",
        "dialling code",
        "dial prefix",
        "area code",
        "area codes",
        "breakout",
        "breakout code",
        "breakouts",
        "destination code",
        "destination prefix",
        "dst prefix",
        "called prefix",
        "phone prefix",
        "number prefix",
        "digits",
        "dialed digits",
        "dialled digits",
    ],
    &[
        "destination name",
        "description",
        "destination description",
        "country name",
        "name",
        "code name",
        "dial code name",
        "prefix name",
        "country destination",
        "location",
        "breakout name",
        "area name",
        "route",
        "termination",
    ],
    &["country iso", "iso country", "iso country code", "iso", "iso2", "iso code", "country iso2"],
    &["type", "destination type", "number type", "line type", "call type", "network type"],
    &[
        "rate",
        "rates",
        "price",
        "prices",
        "cost",
        "rate min",
        "rate per min",
        "rate minute",
        "price per minute",
        "price min",
        "price per min",
        "price minute",
        "cost per minute",
        "cost min",
        "cost per min",
        "per minute",
        "per min",
        "per minute rate",
        "per min rate",
        "minute rate",
        "minute price",
        "charge per minute",
        "call rate",
        "voice rate",
        "tariff",
        "new rate",
        "new price",
        "current rate",
        "sell rate",
    ],
    &[
        "connection fee",
        "connect charge",
        "connection charge",
        "connection cost",
        "connect cost",
        "connectcost",
        "setup fee",
        "set up fee",
        "setup charge",
        "set up charge",
        "setup cost",
        "setup price",
        "setup rate",
        "call setup fee",
        "call setup charge",
        "flag fall",
        "flagfall",
    ],
    &[
        "initial interval",
        "first interval",
        "first increment",
        "1st interval",
        "1st increment",
        "interval 1",
        "increment 1",
        "initial period",
        "first period",
        "min duration",
        "minimum duration",
        "minimum time",
        "min time",
        "min interval",
        "minimum interval",
        "minimum increment",
        "initial billing increment",
        "initial seconds",
    ],
    &[
        "next interval",
        "next increment",
        "subsequent interval",
        "subsequent increment",
        "additional increment",
        "additional interval",
        "interval n",
        "interval 2",
        "increment 2",
        "2nd interval",
        "2nd increment",
        "second interval",
        "second increment",
        "next period",
        "subsequent period",
        "subsequent billing increment",
        "next seconds",
    ],
    &[
        "billing increments",
        "billing increment",
        "billing",
        "billing interval",
        "billing intervals",
        "billing terms",
        "billing cycle",
        "billing unit",
        "intervals",
        "interval",
        "pulse",
        "charging interval",
        "charge increments",
        "rate increment",
        "rate increments",
    ],
    &["min charge", "minimum fee", "minimum price", "min price", "minimum cost", "min cost", "minimum call charge"],
    &[
        "effective",
        "effective date",
        "effective start date",
        "effective from date",
        "effective since",
        "effectivedate",
        "valid from",
        "valid since",
        "validity",
        "start date",
        "from date",
        "date from",
        "begin date",
        "activation date",
        "active from",
        "activate date",
    ],
    &["effective until", "effective till"],
    &["timeband", "time class", "time period", "band"],
    &["currency code", "ccy"],
];

/// Columns that say nothing about a price: left out without a word.
pub(super) const SILENT: [&str; 17] = [
    "comment",
    "comments",
    "note",
    "notes",
    "remark",
    "remarks",
    "status",
    "change",
    "changes",
    "rate change",
    "change type",
    "price change",
    "previous rate",
    "old rate",
    "previous price",
    "old price",
    "trend",
];

/// Names that carriers use for different things; a mapping says which. A country code is a dialling code or a country; an end date
/// is the last day of a price or the first without it, and a day at a wrong price is money.
pub(super) const AMBIGUOUS: [&str; 12] = [
    "country code",
    "cc",
    "zone",
    "operator",
    "valid to",
    "valid till",
    "valid until",
    "end date",
    "effective end date",
    "expiry date",
    "expiration date",
    "date to",
];

/// What to do about such a name.
pub(super) const AMBIGUOUS_ADVICE: &str =
    "carriers call different things so; a mapping has to say which column it is, or to ignore it";

/// Currencies that stand in the name of a column: `Rate (USD)`.
const NAMED_CURRENCIES: [&str; 16] =
    ["aud", "cad", "chf", "cny", "czk", "dkk", "eur", "gbp", "hkd", "inr", "jpy", "nok", "nzd", "pln", "sek", "usd"];

/// What a name in the header stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// A column; the lower the rank, the more usual the name. The name may say the currency of its prices.
    Column { column: usize, rank: usize, currency: Option<Currency> },
    /// Nothing about a price.
    Silent,
    /// Different things for different carriers.
    Ambiguous,
    /// Nobody knows.
    Unknown,
}

/// Small letters and digits, with one space for all between: `Rate ($/min)` is `rate min`.
pub(super) fn plain(name: &str) -> String {
    let words = name.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect::<Vec<_>>().join(" ")
}

/// What a header says, by its own or any other name.
pub(super) fn meaning(name: &str) -> Meaning {
    let name = plain(name);
    if let Some((column, rank)) = column_of(&name) {
        return Meaning::Column { column, rank, currency: None };
    }
    if name.is_empty() || SILENT.contains(&&*name) {
        return Meaning::Silent;
    }
    if AMBIGUOUS.contains(&&*name) {
        return Meaning::Ambiguous;
    }
    let (currencies, words): (Vec<&str>, Vec<&str>) = name.split(' ').partition(|word| NAMED_CURRENCIES.contains(word));
    match (column_of(&words.join(" ")), &currencies[..]) {
        (Some((column, rank)), [currency]) if is_money(column) => {
            Meaning::Column { column, rank, currency: currency.to_uppercase().parse().ok() }
        }
        _ => Meaning::Unknown,
    }
}

fn is_money(column: usize) -> bool {
    [RATE_PER_MINUTE, CONNECT_FEE, MINIMUM_CHARGE].contains(&column)
}

fn column_of(name: &str) -> Option<(usize, usize)> {
    COLUMNS.iter().zip(SYNONYMS).zip(0..).find_map(|((column, synonyms), place)| {
        let names = [column.name.replace('_', " ")];
        let mut names = names.iter().map(String::as_str).chain(synonyms.iter().copied());
        names.position(|known| known == name).map(|rank| (place, rank))
    })
}

/// The table of all names, for the documentation.
pub fn markdown_table() -> String {
    let mut table = "| column | also called |\n|---|---|\n".to_owned();
    for (column, synonyms) in COLUMNS.iter().zip(SYNONYMS) {
        table += &format!("| `{}` | {} |\n", column.name, synonyms.join(", "));
    }
    table += &format!("| (left out) | {} |\n", SILENT.join(", "));
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r10_headers_are_known_by_their_synonyms() {
        let cases = [
            ("prefix", "prefix"),
            ("Dial Code", "prefix"),
            ("AREA_CODE", "prefix"),
            ("Rate ($/min)", "rate_per_minute"),
            ("Price per minute, USD", "rate_per_minute"),
            ("Country name", "destination"),
            ("Country/Destination", "destination"),
            ("Setup Fee (EUR)", "connect_fee"),
            ("1st Interval", "initial_increment"),
            ("Min. duration", "initial_increment"),
            ("Next Interval", "increment"),
            ("Billing Increment", "increments"),
            ("Valid From", "effective_from"),
            ("Effective until", "effective_to"),
        ];
        for (name, expected) in cases {
            let found = match meaning(name) {
                Meaning::Column { column, .. } => COLUMNS[column].name,
                _ => "nothing",
            };
            assert_eq!(found, expected, "{name}");
        }
        let usd = meaning("Rate USD");
        assert!(matches!(usd, Meaning::Column { currency: Some(currency), .. } if currency.as_str() == "USD"));
        assert_eq!(meaning("Comments"), Meaning::Silent);
        assert_eq!(meaning("Country code"), Meaning::Ambiguous);
        assert_eq!(meaning("End Date"), Meaning::Ambiguous);
        assert_eq!(meaning("Prefix USD"), Meaning::Unknown);
        assert_eq!(meaning("Rate USD EUR"), Meaning::Unknown);
        assert_eq!(meaning("Peak rate"), Meaning::Unknown);
    }

    #[test]
    fn no_name_stands_for_two_columns() {
        let mut all: Vec<String> = COLUMNS.iter().map(|column| plain(column.name)).collect();
        all.extend(SYNONYMS.iter().copied().flatten().chain(&SILENT).chain(&AMBIGUOUS).map(|name| (*name).to_owned()));
        assert!(all.iter().all(|name| plain(name) == *name));
        let count = all.len();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), count);
    }
}
