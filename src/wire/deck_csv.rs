//! Price lists in the project's own layout: settings in lines that begin with `#`, then R10's columns as CSV.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::core::band::{TimeBand, TimeBands};
use crate::core::currency::Currency;
use crate::core::deck::{DECK_ROWS_MAX, Deck, DeckBuilder, DeckHeader, Kind, Row};
use crate::core::money::{DECIMALS_MAX, LineRounding, Money, Rate, Rounding};
use crate::core::number::{Country, NUMBER_DIGITS_MAX};
use crate::core::number_plan::NumberPlan;
use crate::core::prefix::is_prefix;
use crate::core::price::{INCREMENT_DEFAULT_SECONDS, INCREMENT_MAX_SECONDS, Price};
use crate::wire::csv_table::{Column, Line, read_rows};
use crate::wire::fault::{Faults, Place, SourceFile, quoted, text_of};

/// Bytes of a destination at most: it is in every debit.
pub const DESTINATION_LEN_MAX: usize = 100;
/// What stands in the column of the rate where calls are refused (R11).
pub const DENIED: &str = "denied";

/// How the price list is to be called.
#[derive(Clone, Copy, Debug)]
pub struct DeckName<'a> {
    /// What tenants refer to.
    pub id: &'a str,
    /// Tells apart what was in force under this name.
    pub version: &'a str,
}

mod column {
    pub(super) const PREFIX: usize = 0;
    pub(super) const DESTINATION: usize = 1;
    pub(super) const COUNTRY: usize = 2;
    pub(super) const KIND: usize = 3;
    pub(super) const RATE_PER_MINUTE: usize = 4;
    pub(super) const CONNECT_FEE: usize = 5;
    pub(super) const INITIAL_INCREMENT: usize = 6;
    pub(super) const INCREMENT: usize = 7;
    pub(super) const MINIMUM_CHARGE: usize = 8;
    pub(super) const EFFECTIVE_FROM: usize = 9;
    pub(super) const EFFECTIVE_TO: usize = 10;
    pub(super) const TIME_BAND: usize = 11;
}

const COLUMNS: [Column; 12] = [
    Column { name: "prefix", required: true },
    Column { name: "destination", required: false },
    Column { name: "country", required: false },
    Column { name: "kind", required: false },
    Column { name: "rate_per_minute", required: true },
    Column { name: "connect_fee", required: false },
    Column { name: "initial_increment", required: false },
    Column { name: "increment", required: false },
    Column { name: "minimum_charge", required: false },
    Column { name: "effective_from", required: false },
    Column { name: "effective_to", required: false },
    Column { name: "time_band", required: false },
];

/// Reads a price list. With a number plan, countries that it does not have are faults too: `UK` is a slip for `GB`.
///
/// # Errors
/// All faults of the file, by line.
pub fn read_deck(file: SourceFile<'_>, name: DeckName<'_>, plan: Option<&NumberPlan>) -> Result<Deck, Faults> {
    let mut faults = Faults::new();
    let Some(text) = text_of(file, &mut faults) else { return Err(faults) };
    let settings = Settings::read(file.name, text, &mut faults);
    let mut rows: Vec<(u64, Row)> = Vec::new();
    let mut destinations = BTreeSet::new();
    read_rows(file.name, text, &COLUMNS, &mut faults, |line, faults| {
        if let Some(row) = read_row(line, plan, &mut destinations, faults) {
            if rows.len() == DECK_ROWS_MAX {
                line.fault(column::PREFIX, format!("more than {DECK_ROWS_MAX} rows"), faults);
            } else {
                rows.push((line.number, row));
            }
        }
    });
    if rows.is_empty() && faults.is_empty() {
        faults.add(file.name, Place::line(1), "no prices");
    }
    // A currency that is missing is a fault already; the rows are still looked through for duplicates.
    let mut builder = DeckBuilder::new(DeckHeader {
        id: name.id.into(),
        version: name.version.into(),
        currency: settings.currency.unwrap_or("XXX".parse().expect("ISO 4217: no currency")),
        rounding: settings.rounding,
        effective_from: settings.effective_from,
    });
    for (line, row) in rows {
        builder.push(line, row);
    }
    let built = builder.build();
    for duplicate in built.as_ref().err().into_iter().flatten() {
        let place = Place { line: duplicate.line, column: column::PREFIX + 1, column_name: "prefix" };
        faults.add(file.name, place, duplicate.to_string());
    }
    match built {
        Ok(deck) if faults.is_empty() => Ok(deck),
        _ => {
            faults.sort_by_line();
            Err(faults)
        }
    }
}

/// What the `# key: value` lines before the columns say.
#[derive(Default)]
struct Settings {
    currency: Option<Currency>,
    rounding: LineRounding,
    effective_from: Option<Timestamp>,
}

impl Settings {
    fn read(file: &str, text: &str, faults: &mut Faults) -> Settings {
        let mut settings = Settings::default();
        let mut seen = BTreeSet::new();
        let head = (1..).zip(text.lines()).take_while(|(_, line)| line.starts_with('#') || line.trim().is_empty());
        for (number, line) in head {
            // A spreadsheet that saves the file fills such a line up with commas.
            let line = line.trim_start_matches('#').trim_end_matches([',', ' ', '\t']).trim_start();
            if line.is_empty() {
                continue;
            }
            let (key, value) = line.split_once(':').map_or((line, ""), |(key, value)| (key.trim(), value.trim()));
            if key != "note" && !seen.insert(key) {
                faults.add(file, Place::line(number), format!("{key} is there twice"));
            } else if let Err(error) = settings.set(key, value) {
                faults.add(file, Place::line(number), error);
            }
        }
        if !seen.contains("currency") {
            faults.add(
                file,
                Place::line(1),
                "the currency is missing: begin the file with a line such as `# currency: USD`",
            );
        }
        settings
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        let wrong = |error: &dyn std::fmt::Display| format!("{key}: {error}: {}", quoted(value));
        match key {
            "currency" => self.currency = Some(value.parse().map_err(|error| wrong(&error))?),
            "decimals" => {
                let decimals = value.parse().ok().filter(|decimals| *decimals <= DECIMALS_MAX);
                self.rounding.decimals = decimals.ok_or_else(|| wrong(&"not from 0 to 9"))?;
            }
            "rounding" => {
                self.rounding.mode = match value {
                    "half_up" => Rounding::HalfUp,
                    "half_even" => Rounding::HalfEven,
                    "down" => Rounding::Down,
                    "up" => Rounding::Up,
                    _ => return Err(wrong(&"none of half_up, half_even, down, up")),
                }
            }
            "effective_from" => self.effective_from = Some(read_instant(value).map_err(|error| wrong(&error))?),
            "note" => {}
            _ => {
                let known = "there are currency, decimals, rounding, effective_from, note";
                return Err(format!("no such setting: {}; {known}", quoted(key)));
            }
        }
        Ok(())
    }
}

/// `None` where a value is wrong; all wrong values of the line are faults then.
fn read_row(
    line: &Line<'_>,
    plan: Option<&NumberPlan>,
    destinations: &mut BTreeSet<Arc<str>>,
    faults: &mut Faults,
) -> Option<Row> {
    let before = faults.count();
    let prefix = line.read(column::PREFIX, read_prefix, faults);
    let destination = line.read(column::DESTINATION, read_destination, faults).unwrap_or("");
    let country: Option<Country> = line.parsed(column::COUNTRY, faults);
    if country.is_some_and(|country| plan.is_some_and(|plan| !plan.knows(country))) {
        line.wrong(column::COUNTRY, "no country of the number plan", faults);
    }
    let kind = line.read(column::KIND, read_kind, faults).unwrap_or(Kind::Mixed);
    let denied = line.text(column::RATE_PER_MINUTE) == DENIED;
    let rate: Option<Rate> = if denied { None } else { line.parsed(column::RATE_PER_MINUTE, faults) };
    let connect_fee = line.read(column::CONNECT_FEE, read_amount, faults).unwrap_or(Money::ZERO);
    let initial_increment = line.read(column::INITIAL_INCREMENT, |text| read_increment(text, 0), faults);
    let increment = line.read(column::INCREMENT, |text| read_increment(text, 1), faults).and_then(NonZeroU32::new);
    let minimum_charge = line.read(column::MINIMUM_CHARGE, read_amount, faults).unwrap_or(Money::ZERO);
    let effective_from = line.read(column::EFFECTIVE_FROM, read_instant, faults);
    let effective_to = line.read(column::EFFECTIVE_TO, read_instant, faults);
    if effective_from.is_some_and(|from| effective_to.is_some_and(|to| to <= from)) {
        line.fault(column::EFFECTIVE_TO, "not after effective_from", faults);
    }
    let time_band: Option<TimeBand> = line.parsed(column::TIME_BAND, faults);
    if denied && time_band.is_some() {
        line.fault(column::TIME_BAND, "what is denied has no time band", faults);
    }
    let (Some(prefix), true) = (prefix, faults.count() == before) else { return None };
    let (rate, bands) = match (rate, time_band) {
        (Some(rate), Some(band)) => (None, Some(Arc::new(TimeBands::new(vec![(band, rate)])))),
        (rate, _) => (rate, None),
    };
    let price = Price {
        rate,
        bands,
        connect_fee,
        initial_increment: initial_increment.unwrap_or(INCREMENT_DEFAULT_SECONDS),
        increment: increment.unwrap_or(Price::none().increment),
        minimum_charge,
    };
    Some(Row {
        prefix: prefix.into(),
        destination: shared(destination, destinations),
        country,
        kind,
        price,
        effective_from,
        effective_to,
        denied,
    })
}

/// One copy for all rows of a destination.
fn shared(destination: &str, destinations: &mut BTreeSet<Arc<str>>) -> Arc<str> {
    if let Some(known) = destinations.get(destination) {
        return Arc::clone(known);
    }
    let new: Arc<str> = Arc::from(destination);
    destinations.insert(Arc::clone(&new));
    new
}

fn read_prefix(text: &str) -> Result<&str, String> {
    let wrong = || format!("not 1 to {NUMBER_DIGITS_MAX} digits without a leading 0");
    if is_prefix(text) { Ok(text) } else { Err(wrong()) }
}

fn read_destination(text: &str) -> Result<&str, String> {
    if text.len() > DESTINATION_LEN_MAX {
        Err(format!("longer than {DESTINATION_LEN_MAX} bytes"))
    } else if text.chars().any(char::is_control) {
        Err("control characters".to_owned())
    } else {
        Ok(text)
    }
}

fn read_kind(text: &str) -> Result<Kind, String> {
    let known = || Kind::ALL.map(Kind::code).join(", ");
    Kind::ALL.into_iter().find(|kind| kind.code() == text).ok_or_else(|| format!("none of {}", known()))
}

fn read_amount(text: &str) -> Result<Money, String> {
    match text.parse::<Money>() {
        Ok(amount) if amount.is_negative() => Err("negative".to_owned()),
        Ok(amount) => Ok(amount),
        Err(error) => Err(error.to_string()),
    }
}

fn read_increment(text: &str, least: u32) -> Result<u32, String> {
    let wrong = || format!("not whole seconds from {least} to {INCREMENT_MAX_SECONDS}");
    text.parse().ok().filter(|seconds| (least..=INCREMENT_MAX_SECONDS).contains(seconds)).ok_or_else(wrong)
}

/// RFC 3339 with a zone, or a date for its midnight in UTC.
fn read_instant(text: &str) -> Result<Timestamp, &'static str> {
    const DATE_LEN: usize = "2026-11-20".len();
    let wrong = "neither a date as 2026-11-20 nor an instant as 2026-11-20T00:00:00Z";
    if text.len() == DATE_LEN {
        let date: Date = text.parse().map_err(|_| wrong)?;
        return date.to_zoned(TimeZone::UTC).map(|midnight| midnight.timestamp()).map_err(|_| wrong);
    }
    text.parse().map_err(|_| wrong)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::number_plan_csv::tests::small_plan;

    fn read(text: &str) -> Result<Deck, Faults> {
        let file = SourceFile { name: "d.csv", bytes: text.as_bytes() };
        read_deck(file, DeckName { id: "test", version: "abc" }, Some(&small_plan()))
    }

    fn faults(text: &str) -> String {
        read(text).map(|_| ()).expect_err("refused").to_string()
    }

    #[test]
    fn r10_only_prefix_and_rate_are_required() {
        let deck = read("# currency: EUR\nprefix,rate_per_minute\n44,0.015\n").expect("valid");
        let row = &deck.rows()[0];
        assert_eq!(deck.label().as_ref(), "test@abc");
        assert_eq!((deck.currency().as_str(), deck.rounding()), ("EUR", LineRounding::default()));
        assert_eq!(
            (row.prefix.as_ref(), row.destination.as_ref(), row.country, row.kind),
            ("44", "", None, Kind::Mixed)
        );
        assert_eq!(row.price, Price::flat("0.015".parse().expect("a rate")));
        assert_eq!((row.effective_from, row.effective_to, row.denied), (None, None, false));
    }

    #[test]
    fn r10_every_column_is_read() {
        let text = "\u{feff}# currency: USD,,,,\r\n# decimals: 4\r\n# rounding: up\r\n# effective_from: 2026-01-01\r\n# note: a: b\r\n\r\n\
            prefix,destination,country,kind,rate_per_minute,connect_fee,initial_increment,increment,minimum_charge,effective_from,effective_to,time_band\r\n\
            264,\"Namibia, all\",NA,mobile,0.123456789,0.05,0,6,0.10,2026-02-01,2026-03-01T12:00:00+02:00,\r\n\
            # premium\r\n\
            26490,Namibia,NA,premium,denied,,,,,,,\r\n";
        let deck = read(text).expect("valid");
        assert_eq!(deck.rounding(), LineRounding { decimals: 4, mode: Rounding::Up });
        assert_eq!(deck.header().effective_from, "2026-01-01T00:00:00Z".parse().ok());
        let row = &deck.rows()[0];
        assert_eq!((row.destination.as_ref(), row.country), ("Namibia, all", "NA".parse().ok()));
        assert_eq!((row.kind, row.price.rate), (Kind::Mobile, "0.123456789".parse().ok()));
        assert_eq!((Ok(row.price.connect_fee), Ok(row.price.minimum_charge)), ("0.05".parse(), "0.10".parse()));
        assert_eq!((row.price.initial_increment, row.price.increment.get()), (0, 6));
        assert_eq!(row.effective_from, "2026-02-01T00:00:00Z".parse().ok());
        assert_eq!(row.effective_to, "2026-03-01T10:00:00Z".parse().ok());
        assert!(!row.denied && deck.rows()[1].denied);
    }

    #[test]
    fn every_wrong_value_is_a_fault_of_its_own() {
        const HEAD: &str = "# currency: USD\nprefix,destination,country,kind,rate_per_minute,connect_fee,initial_increment,\
            increment,minimum_charge,effective_from,effective_to,time_band\n";
        let cases = [
            ("+44,,,,1,,,,,,,", "column 1 (prefix): not 1 to 15 digits without a leading 0: \"+44\""),
            ("044,,,,1,,,,,,,", "column 1 (prefix): not 1 to 15 digits without a leading 0: \"044\""),
            (
                "1234567890123456,,,,1,,,,,,,",
                "column 1 (prefix): not 1 to 15 digits without a leading 0: \"1234567890123456\"",
            ),
            ("44,,UK,,1,,,,,,,", "column 3 (country): no country of the number plan: \"UK\""),
            ("44,,gb,,1,,,,,,,", "column 3 (country): not a country of two capital letters: \"gb\""),
            (
                "44,,,cell,1,,,,,,,",
                "column 4 (kind): none of mobile, landline, mixed, toll_free, non_geographic, personal, premium: \"cell\"",
            ),
            ("44,,,,,,,,,,,", "column 5 (rate_per_minute): missing"),
            ("44,,,,-0.1,,,,,,,", "column 5 (rate_per_minute): negative: \"-0.1\""),
            ("44,,,,0.0000000001,,,,,,,", "column 5 (rate_per_minute): more than 9 decimals: \"0.0000000001\""),
            ("44,,,,1e-3,,,,,,,", "column 5 (rate_per_minute): not a decimal number: \"1e-3\""),
            ("44,,,,Denied,,,,,,,", "column 5 (rate_per_minute): not a decimal number: \"Denied\""),
            ("44,,,,1,-1,,,,,,", "column 6 (connect_fee): negative: \"-1\""),
            ("44,,,,1,,-1,,,,,", "column 7 (initial_increment): not whole seconds from 0 to 86400: \"-1\""),
            ("44,,,,1,,,0,,,,", "column 8 (increment): not whole seconds from 1 to 86400: \"0\""),
            ("44,,,,1,,,86401,,,,", "column 8 (increment): not whole seconds from 1 to 86400: \"86401\""),
            ("44,,,,1,,,,1000000000000000,,,", "column 9 (minimum_charge): not below 10^15: \"1000000000000000\""),
            (
                "44,,,,1,,,,,2026-02-30,,",
                "column 10 (effective_from): neither a date as 2026-11-20 nor an instant as 2026-11-20T00:00:00Z: \"2026-02-30\"",
            ),
            (
                "44,,,,1,,,,,2026-02-03T10:00:00,,",
                "column 10 (effective_from): neither a date as 2026-11-20 nor an instant as 2026-11-20T00:00:00Z: \"2026-02-03T10:00:00\"",
            ),
            ("44,,,,1,,,,,2026-02-03,2026-02-03,", "column 11 (effective_to): not after effective_from"),
            (
                "44,,,,1,,,,,,,evening",
                "column 12 (time_band): not days, hours and a zone, as `mon-fri 18:00-08:00 Europe/Berlin`: \"evening\"",
            ),
        ];
        for (line, expected) in cases {
            assert_eq!(faults(&format!("{HEAD}{line}\n")), format!("d.csv:3: {expected}"), "{line}");
        }
    }

    #[test]
    fn all_faults_of_a_file_are_listed_by_line() {
        let text = "# currncy: USD\nprefix,rate_per_minute\n44,0.1\nx,y\n44,0.2\n45\n";
        assert_eq!(
            faults(text),
            "d.csv:1: column 1: no such setting: \"currncy\"; there are currency, decimals, rounding, effective_from, note\n\
             d.csv:1: column 1: the currency is missing: begin the file with a line such as `# currency: USD`\n\
             d.csv:4: column 1 (prefix): not 1 to 15 digits without a leading 0: \"x\"\n\
             d.csv:4: column 2 (rate_per_minute): not a decimal number: \"y\"\n\
             d.csv:5: column 1 (prefix): prefix 44 is also in line 3, with overlapping dates\n\
             d.csv:6: column 2: 1 fields, but the header has 2"
        );
    }

    #[test]
    fn a_file_without_prices_is_refused() {
        assert_eq!(faults(""), "d.csv:1: column 1: the file is empty");
        assert_eq!(faults("# currency: USD\nprefix,rate_per_minute\n"), "d.csv:1: column 1: no prices");
        assert_eq!(
            faults("# currency: usd\n# decimals: 10\n# rounding: near\nprefix,rate_per_minute\n44,1\n"),
            "d.csv:1: column 1: currency: not a currency of three capital letters: \"usd\"\n\
             d.csv:2: column 1: decimals: not from 0 to 9: \"10\"\n\
             d.csv:3: column 1: rounding: none of half_up, half_even, down, up: \"near\""
        );
    }
}
