//! Price lists as CSV: settings in lines that begin with `#`, then R10's columns, under the names that the project or that
//! carriers have for them, with the delimiters, numbers, dates and prefixes that are found in the wild.
//!
//! What a file does not tell, a [`Mapping`] does. A file with any fault is refused as a whole.

mod columns;
mod inbound;
mod layout;
mod mapping;
mod prefixes;
mod settings;
mod write;

use std::collections::BTreeSet;
use std::sync::Arc;

pub use columns::markdown_table;
pub use inbound::read_inbound_deck;
pub use mapping::{Mapping, SKIPPED_LINES_MAX, read_mapping};
pub use prefixes::PREFIXES_OF_A_CELL_MAX;
pub use write::write_deck;

use crate::core::currency::Currency;
use crate::core::deck::{DECK_ROWS_MAX, Deck, DeckBuilder, Kind, Row};
use crate::core::number::Country;
use crate::core::number_plan::NumberPlan;
use crate::core::price::Price;
use crate::wire::csv_table::Line;
use crate::wire::fault::{Faults, Place, SourceFile, quoted, text_of};
use crate::wire::price_columns::{Answer, DecimalMark, Forms, PriceColumns, read_period, read_price};
use layout::Layout;
use prefixes::read_prefixes;
use settings::{Scope, Settings};

/// Bytes of a destination at most: it is in every debit.
pub const DESTINATION_LEN_MAX: usize = 100;

/// How the price list is to be called.
#[derive(Clone, Copy, Debug)]
pub struct DeckName<'a> {
    /// What tenants refer to.
    pub id: &'a str,
    /// Tells apart what was in force under this name.
    pub version: &'a str,
}

const PRICE_COLUMNS: PriceColumns = PriceColumns {
    rate_per_minute: columns::RATE_PER_MINUTE,
    connect_fee: columns::CONNECT_FEE,
    initial_increment: columns::INITIAL_INCREMENT,
    increment: columns::INCREMENT,
    increments: Some(columns::INCREMENTS),
    minimum_charge: columns::MINIMUM_CHARGE,
    time_band: Some(columns::TIME_BAND),
};

/// Reads a price list that says itself how it is to be read. With a number plan, countries that it does not have are faults too:
/// `UK` is a slip for `GB`.
///
/// # Errors
/// All faults of the file, by line.
pub fn read_deck(file: SourceFile<'_>, name: DeckName<'_>, plan: Option<&NumberPlan>) -> Result<Deck, Faults> {
    read_deck_as(file, name, plan, &Mapping::default())
}

/// Reads a price list as a mapping says.
///
/// # Errors
/// All faults of the file, by line.
pub fn read_deck_as(
    file: SourceFile<'_>,
    name: DeckName<'_>,
    plan: Option<&NumberPlan>,
    mapping: &Mapping,
) -> Result<Deck, Faults> {
    let mut faults = Faults::new();
    let Some(text) = text_of(file, &mut faults) else { return Err(faults) };
    let (text, first_line) = without_first_lines(text, mapping.skip_lines);
    let mut settings = Settings::read(file.name, text, first_line, Scope::Outbound, &mut faults);
    let layout = Layout::read(file.name, text, first_line, mapping, &mut faults);
    settings.currency = settings.currency.or(mapping.currency).or_else(|| layout.as_ref().and_then(Layout::currency));
    settings.require_currency(file.name, first_line, &mut faults);
    let mut reading = Reading {
        plan,
        currency: settings.currency,
        forms: forms(mapping, layout.as_ref(), settings.currency),
        destinations: BTreeSet::new(),
        builder: DeckBuilder::new(settings.header(name)),
        rows: 0,
    };
    if let Some(layout) = &layout {
        settings.currency.iter().for_each(|currency| layout.check_currency(*currency, &mut faults));
        layout.read_lines(&mut faults, |line, faults| reading.take(line, layout, faults));
    }
    if reading.rows == 0 && faults.is_empty() {
        faults.add(file.name, Place::line(first_line), "no prices");
    }
    // Rows that contradict each other are found where other values are wrong, too.
    let built = reading.builder.build();
    for conflict in built.as_ref().err().into_iter().flatten() {
        let column = layout.as_ref().map_or(1, Layout::prefix_column);
        let place = Place { line: conflict.line, column, column_name: "prefix" };
        faults.add(file.name, place, conflict.to_string());
    }
    match built {
        Ok(deck) if faults.is_empty() => Ok(deck),
        _ => {
            faults.sort_by_line();
            Err(faults)
        }
    }
}

/// What is behind some lines, and the number of its first line.
fn without_first_lines(text: &str, lines: usize) -> (&str, u64) {
    let skipped = text.split_inclusive('\n').take(lines).map(str::len).sum();
    let line = text[..skipped].bytes().filter(|byte| *byte == b'\n').fold(1, |line, _| line + 1);
    (&text[skipped..], line)
}

fn forms(mapping: &Mapping, layout: Option<&Layout<'_>>, currency: Option<Currency>) -> Forms {
    let decimal_mark = match (mapping.decimal_comma, layout.map(Layout::delimiter)) {
        (Some(true), _) => DecimalMark::Comma,
        (Some(false), _) | (None, Some(b',')) => DecimalMark::Point,
        (None, _) => DecimalMark::AsTheFirst,
    };
    Forms {
        decimal_mark,
        currency,
        date_format: mapping.date_format.clone(),
        date_zone: mapping.date_zone.clone(),
        last_day_included: mapping.last_day_included,
        ..Forms::own()
    }
}

/// The rows of a file as they are read.
struct Reading<'p> {
    plan: Option<&'p NumberPlan>,
    currency: Option<Currency>,
    forms: Forms,
    destinations: BTreeSet<Arc<str>>,
    builder: DeckBuilder,
    rows: usize,
}

impl Reading<'_> {
    /// Adds the rows of a line; where a value is wrong, all wrong values of the line are faults.
    fn take(&mut self, line: &Line<'_>, layout: &Layout<'_>, faults: &mut Faults) {
        let before = faults.count();
        let cell = layout.prefix_of(line);
        let prefixes = read_prefixes(&cell)
            .map_err(|error| line.fault(columns::PREFIX, format!("{error}: {}", quoted(&cell)), faults))
            .unwrap_or_default();
        let destination = line.read(columns::DESTINATION, read_destination, faults).unwrap_or("");
        let country: Option<Country> = line.parsed(columns::COUNTRY, faults);
        if country.is_some_and(|country| self.plan.is_some_and(|plan| !plan.knows(country))) {
            line.wrong(columns::COUNTRY, "no country of the number plan", faults);
        }
        let kind = line.read(columns::KIND, read_kind, faults).unwrap_or(Kind::Mixed);
        let answer = read_price(line, &PRICE_COLUMNS, &mut self.forms, faults);
        let period = read_period(line, columns::EFFECTIVE_FROM, columns::EFFECTIVE_TO, &mut self.forms, faults);
        let currency: Option<Currency> = line.parsed(columns::CURRENCY, faults);
        if let (Some(other), Some(list)) = (currency.filter(|other| Some(*other) != self.currency), self.currency) {
            line.fault(columns::CURRENCY, format!("{other} in a list in {list}"), faults);
        }
        let (Some(answer), true) = (answer, faults.count() == before) else { return };
        let denied = answer == Answer::Denied;
        let price = match answer {
            Answer::Price(price) => price,
            Answer::Denied => Price::none(),
        };
        let mut row = Row {
            prefix: "".into(),
            destination: shared(destination, &mut self.destinations),
            country,
            kind,
            price,
            effective_from: period.from,
            effective_to: period.to,
            denied,
        };
        let mut prefixes = prefixes.into_iter();
        let last = prefixes.next_back();
        for prefix in prefixes {
            self.push(line, Row { prefix, ..row.clone() }, faults);
        }
        if let Some(prefix) = last {
            row.prefix = prefix;
            self.push(line, row, faults);
        }
    }

    fn push(&mut self, line: &Line<'_>, row: Row, faults: &mut Faults) {
        if self.rows == DECK_ROWS_MAX {
            line.fault(columns::PREFIX, format!("more than {DECK_ROWS_MAX} rows"), faults);
            return;
        }
        self.rows += 1;
        self.builder.push(line.number, row);
    }
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

pub(crate) fn read_destination(text: &str) -> Result<&str, String> {
    if text.len() > DESTINATION_LEN_MAX {
        Err(format!("longer than {DESTINATION_LEN_MAX} bytes"))
    } else if text.chars().any(char::is_control) {
        Err("control characters".to_owned())
    } else {
        Ok(text)
    }
}

/// A kind by its code, or as carriers call it.
fn read_kind(text: &str) -> Result<Kind, String> {
    let known = || Kind::ALL.map(Kind::code).join(", ");
    let text = text.to_lowercase().replace([' ', '-'], "_");
    let kind = match text.as_str() {
        "mob" | "cell" | "cellular" => Some(Kind::Mobile),
        "fixed" | "fix" | "land" | "fixed_line" | "fixedline" | "geographic" => Some(Kind::Landline),
        "tollfree" | "freephone" => Some(Kind::TollFree),
        "prs" | "premium_rate" => Some(Kind::Premium),
        code => Kind::ALL.into_iter().find(|kind| kind.code() == code),
    };
    kind.ok_or_else(|| format!("none of {}", known()))
}

#[cfg(test)]
mod tests;
