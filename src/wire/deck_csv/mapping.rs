//! How to read a price list that does not say so itself: a TOML file for strange ones (R10).

use std::collections::BTreeMap;

use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use serde::Deserialize;
use toml::Spanned;

use super::columns::COLUMNS;
use crate::core::currency::Currency;
use crate::wire::fault::{Faults, Place, SourceFile, line_and_character, quoted, text_of};

/// Lines before the columns that can be left out, at most.
pub const SKIPPED_LINES_MAX: usize = 1_000;
/// Fields that a prefix can be put together from, at most.
const PREFIX_PARTS_MAX: usize = 4;

/// What a person says of a price list. The default says nothing: all is told from the file.
#[derive(Clone, Debug, PartialEq)]
pub struct Mapping {
    /// Between fields; else told from the line that names the columns.
    pub delimiter: Option<u8>,
    /// Prices have a comma before their decimals (true) or a point (false); else told from the delimiter and the first price.
    pub decimal_comma: Option<bool>,
    /// How dates are written, as `strftime` has it; else 2026-11-20 and the like.
    pub date_format: Option<String>,
    /// Whose midnight begins a date.
    pub date_zone: TimeZone,
    /// A date in `effective_to` is the last day of the price, not the first without it.
    pub last_day_included: bool,
    /// Where the file does not name it.
    pub currency: Option<Currency>,
    /// Lines at the beginning that are left out.
    pub skip_lines: usize,
    /// A line names the columns; else all are given by position.
    pub has_header: bool,
    /// Names of columns that are left out.
    pub ignore: Vec<String>,
    /// For columns by their place in [`COLUMNS`], where they are; a prefix may be put together from several.
    pub(super) columns: BTreeMap<usize, Vec<Field>>,
}

/// Where a column is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub(super) enum Field {
    /// Counted from 1.
    Position(usize),
    /// By what it is called in the file.
    Name(String),
}

impl Default for Mapping {
    fn default() -> Mapping {
        Mapping {
            delimiter: None,
            decimal_comma: None,
            date_format: None,
            date_zone: TimeZone::UTC,
            last_day_included: false,
            currency: None,
            skip_lines: 0,
            has_header: true,
            ignore: Vec::new(),
            columns: BTreeMap::new(),
        }
    }
}

/// The form of the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MappingFile {
    delimiter: Option<Spanned<String>>,
    decimal_comma: Option<bool>,
    date_format: Option<Spanned<String>>,
    date_zone: Option<Spanned<String>>,
    #[serde(default)]
    last_day_included: bool,
    currency: Option<Spanned<String>>,
    #[serde(default)]
    skip_lines: Option<Spanned<usize>>,
    has_header: Option<bool>,
    #[serde(default)]
    ignore: Vec<String>,
    #[serde(default)]
    columns: BTreeMap<Spanned<String>, Spanned<OneOrMore>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(Field),
    More(Vec<Field>),
}

/// Reads a mapping.
///
/// # Errors
/// All that is wrong with its values, by line; a TOML reader stops at the first fault of its form.
pub fn read_mapping(file: SourceFile<'_>) -> Result<Mapping, Faults> {
    let mut faults = Faults::new();
    let Some(text) = text_of(file, &mut faults) else { return Err(faults) };
    let read = match toml::from_str::<MappingFile>(text) {
        Ok(read) => read,
        Err(error) => {
            add(file.name, text, error.span().map_or(0, |span| span.start), error.message(), &mut faults);
            return Err(faults);
        }
    };
    let mut check = Check { file: file.name, text, faults: &mut faults };
    let columns = check.columns(read.columns, read.has_header.unwrap_or(true));
    let mapping = Mapping {
        delimiter: check.value(read.delimiter, "not one ASCII character that can stand between fields", |text| {
            read_delimiter(text)
        }),
        decimal_comma: read.decimal_comma,
        date_format: check.value(read.date_format, "not a form of dates, as %d/%m/%Y", |text| read_date_format(text)),
        date_zone: check
            .value(read.date_zone, "no zone of the IANA database, as Europe/Berlin", |text| read_zone(text))
            .unwrap_or(TimeZone::UTC),
        last_day_included: read.last_day_included,
        currency: check.value(read.currency, "not a currency of three capital letters", |text| text.parse().ok()),
        skip_lines: check
            .value(read.skip_lines, "more than 1000 lines", |lines| (*lines <= SKIPPED_LINES_MAX).then_some(*lines))
            .unwrap_or(0),
        has_header: read.has_header.unwrap_or(true),
        ignore: read.ignore,
        columns,
    };
    const _: () = assert!(SKIPPED_LINES_MAX == 1_000, "the message says so");
    if faults.is_empty() { Ok(mapping) } else { Err(faults) }
}

fn add(file: &str, text: &str, byte: usize, message: &str, faults: &mut Faults) {
    let (line, column) = line_and_character(&text[..byte]);
    faults.add(file, Place { line, column, column_name: "" }, message);
}

struct Check<'a> {
    file: &'a str,
    text: &'a str,
    faults: &'a mut Faults,
}

impl Check<'_> {
    fn value<T, R>(&mut self, given: Option<Spanned<T>>, wrong: &str, read: impl Fn(&T) -> Option<R>) -> Option<R> {
        let given = given?;
        let value = read(given.get_ref());
        if value.is_none() {
            add(self.file, self.text, given.span().start, wrong, self.faults);
        }
        value
    }

    fn columns(
        &mut self,
        given: BTreeMap<Spanned<String>, Spanned<OneOrMore>>,
        has_header: bool,
    ) -> BTreeMap<usize, Vec<Field>> {
        let mut columns = BTreeMap::new();
        for (name, fields) in given {
            let place = fields.span().start;
            let Some(column) = COLUMNS.iter().position(|column| column.name == name.get_ref()) else {
                let known: Vec<&str> = COLUMNS.iter().map(|column| column.name).collect();
                let message = format!("no such column: {}; there are {}", quoted(name.get_ref()), known.join(", "));
                add(self.file, self.text, name.span().start, &message, self.faults);
                continue;
            };
            let fields = match fields.into_inner() {
                OneOrMore::One(field) => vec![field],
                OneOrMore::More(fields) => fields,
            };
            let message = if fields.is_empty() || fields.len() > PREFIX_PARTS_MAX {
                "1 to 4 fields"
            } else if fields.len() > 1 && COLUMNS[column].name != "prefix" {
                "only a prefix is put together from several fields"
            } else if fields.contains(&Field::Position(0)) {
                "positions are counted from 1"
            } else if !has_header && fields.iter().any(|field| matches!(field, Field::Name(_))) {
                "without a header columns are given by position"
            } else {
                columns.insert(column, fields);
                continue;
            };
            add(self.file, self.text, place, message, self.faults);
        }
        columns
    }
}

fn read_delimiter(text: &str) -> Option<u8> {
    match text.as_bytes() {
        [one] if one.is_ascii() && !one.is_ascii_alphanumeric() && !b"\"#\r\n ".contains(one) => Some(*one),
        _ => None,
    }
}

/// A form that writes a date so that it can be read again.
fn read_date_format(text: &str) -> Option<String> {
    let sample = jiff::civil::date(2026, 11, 20);
    let written = strtime::format(text, sample).ok()?;
    let read = strtime::parse(text, &written).and_then(|read| read.to_date()).ok()?;
    (read == sample).then(|| text.to_owned())
}

fn read_zone(text: &str) -> Option<TimeZone> {
    TimeZone::get(text).ok().filter(|zone| !zone.is_unknown())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Mapping, String> {
        read_mapping(SourceFile { name: "m.toml", bytes: text.as_bytes() }).map_err(|faults| faults.to_string())
    }

    #[test]
    fn r10_a_mapping_says_what_the_file_does_not() {
        let text = "delimiter = \"|\"\ndecimal_comma = true\ndate_format = \"%d/%m/%Y\"\ndate_zone = \"Europe/Berlin\"\n\
            last_day_included = true\ncurrency = \"EUR\"\nskip_lines = 3\nignore = [\"Peak\"]\n\
            [columns]\nprefix = [\"CC\", 4]\nrate_per_minute = \"Arbitrage\"\n";
        let mapping = read(text).expect("valid");
        assert_eq!((mapping.delimiter, mapping.decimal_comma, mapping.skip_lines), (Some(b'|'), Some(true), 3));
        assert_eq!(mapping.date_zone.iana_name(), Some("Europe/Berlin"));
        assert_eq!(mapping.currency, "EUR".parse().ok());
        assert_eq!(mapping.columns[&0], [Field::Name("CC".into()), Field::Position(4)]);
        assert_eq!(mapping.columns[&4], [Field::Name("Arbitrage".into())]);
        assert_eq!(read("[columns]\n"), Ok(Mapping::default()));
    }

    #[test]
    fn every_wrong_value_of_a_mapping_is_a_fault() {
        let cases = [
            ("delimeter = \";\"\n", "m.toml:1: column 1: unknown field `delimeter`"),
            ("delimiter = \";;\"\n", "m.toml:1: column 13: not one ASCII character that can stand between fields"),
            ("currency = \"usd\"\n", "m.toml:1: column 12: not a currency of three capital letters"),
            ("\nskip_lines = 1001\n", "m.toml:2: column 14: more than 1000 lines"),
            ("date_format = \"%d/%m\"\n", "m.toml:1: column 15: not a form of dates, as %d/%m/%Y"),
            ("date_zone = \"Berlin\"\n", "m.toml:1: column 13: no zone of the IANA database, as Europe/Berlin"),
            ("[columns]\nrate = 1\n", "m.toml:2: column 1: no such column: \"rate\"; there are prefix, "),
            ("[columns]\nprefix = 0\n", "m.toml:2: column 10: positions are counted from 1"),
            ("[columns]\nprefix = []\n", "m.toml:2: column 10: 1 to 4 fields"),
            ("[columns]\nkind = [1, 2]\n", "m.toml:2: column 8: only a prefix is put together from several fields"),
            (
                "has_header = false\n[columns]\nprefix = \"x\"\n",
                "m.toml:3: column 10: without a header columns are given by position",
            ),
        ];
        for (text, expected) in cases {
            let fault = read(text).expect_err(text);
            assert!(fault.starts_with(expected), "{text}: {fault}");
        }
    }
}
