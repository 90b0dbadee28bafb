//! A number plan as CSV files: countries and prefixes, domestic and pool unions, and short codes.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::core::number::Country;
use crate::core::number_plan::{CountryDialling, NumberPlan, NumberPlanHeader, is_pool_union};
use crate::core::plan::POOL_NAME_LEN_MAX;
use crate::core::prefix::is_prefix;
use crate::wire::csv_head::read_head;
use crate::wire::csv_table::{Column, Line, read_rows};
use crate::wire::fault::{Faults, Place, SourceFile, text_of};

mod short_codes;
#[cfg(test)]
pub(crate) mod tests;

/// Digits of an international prefix at most.
pub const INTERNATIONAL_PREFIX_DIGITS_MAX: usize = 8;
/// Digits of an emergency number at most.
pub const EMERGENCY_DIGITS_MAX: usize = 6;

/// The files of one version.
#[derive(Clone, Copy, Debug)]
pub struct NumberPlanFiles<'a> {
    /// `country,name,international_prefixes,emergency`; lists with spaces between. Before the columns it may say
    /// `# effective_from: 2027-01-01`, for all files.
    pub countries: SourceFile<'a>,
    /// `prefix,country,note`.
    pub prefixes: SourceFile<'a>,
    /// `union,country`.
    pub domestic_unions: SourceFile<'a>,
    /// `union,country`; absent: no countries share a pool.
    pub pool_unions: Option<SourceFile<'a>>,
    /// `country,code,name,rate_per_minute,currency` and the columns of a price; absent: there is none.
    pub short_codes: Option<SourceFile<'a>>,
}

const COUNTRY_COLUMNS: [Column; 4] = [
    Column { name: "country", required: true },
    Column { name: "name", required: true },
    Column { name: "international_prefixes", required: true },
    Column { name: "emergency", required: false },
];
const PREFIX_COLUMNS: [Column; 3] = [
    Column { name: "prefix", required: true },
    Column { name: "country", required: true },
    Column { name: "note", required: false },
];
const UNION_COLUMNS: [Column; 2] =
    [Column { name: "union", required: true }, Column { name: "country", required: true }];

/// A country as it was read, and where.
type Countries = BTreeMap<Country, (u64, CountryDialling)>;

/// Reads a version of a number plan.
///
/// # Errors
/// All faults of the files, by file and line.
pub fn read_number_plan(files: NumberPlanFiles<'_>, version: &str) -> Result<NumberPlan, Faults> {
    let mut faults = Faults::new();
    let effective_from = read_heads(files, &mut faults);
    let mut countries = read_countries(files.countries, &mut faults);
    let prefixes = read_prefixes(files.prefixes, &countries, &mut faults);
    read_unions(files.domestic_unions, &mut countries, &mut faults);
    if let Some(file) = files.pool_unions {
        read_pool_unions(file, &mut countries, &mut faults);
    }
    if let Some(file) = files.short_codes {
        short_codes::read(file, &mut countries, &mut faults);
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let prefixes = prefixes.into_iter().map(|(prefix, (_, country))| (prefix, country)).collect();
    let dialling = countries.into_values().map(|(_, dialling)| dialling).collect();
    let header = NumberPlanHeader { version: version.into(), effective_from };
    Ok(NumberPlan::new(header, prefixes, dialling).expect("whatever it refuses was a fault with its line"))
}

/// From when on the files are in force: the list of countries says it for all.
fn read_heads(files: NumberPlanFiles<'_>, faults: &mut Faults) -> Option<Timestamp> {
    let others = [Some(files.prefixes), Some(files.domestic_unions), files.pool_unions, files.short_codes];
    for file in others.into_iter().flatten() {
        // What is no text is a fault where the rows are read.
        let Ok(text) = std::str::from_utf8(file.bytes) else { continue };
        if read_head(file.name, text, faults).effective_from.is_some() {
            let message = format!("effective_from of all files stands in {}", files.countries.name);
            faults.add(file.name, Place::line(1), message);
        }
    }
    let text = std::str::from_utf8(files.countries.bytes).ok()?;
    read_head(files.countries.name, text, faults).effective_from
}

fn read_countries(file: SourceFile<'_>, faults: &mut Faults) -> Countries {
    let mut countries = Countries::new();
    let Some(text) = text_of(file, faults) else { return countries };
    read_rows(file.name, text, &COUNTRY_COLUMNS, faults, |line, faults| {
        let country: Option<Country> = line.parsed(0, faults);
        let international = line.read(2, |text| read_digit_lists(text, INTERNATIONAL_PREFIX_DIGITS_MAX), faults);
        let emergency = line.read(3, |text| read_digit_lists(text, EMERGENCY_DIGITS_MAX), faults);
        let (Some(country), Some(international_prefixes)) = (country, international) else { return };
        let dialling = CountryDialling {
            international_prefixes,
            emergency: emergency.unwrap_or_default(),
            ..CountryDialling::of(country)
        };
        if let Some((earlier, _)) = countries.get(&country) {
            line.wrong(0, format!("also in line {earlier}"), faults);
        } else {
            countries.insert(country, (line.number, dialling));
        }
    });
    countries
}

fn read_prefixes(
    file: SourceFile<'_>,
    countries: &Countries,
    faults: &mut Faults,
) -> BTreeMap<Box<str>, (u64, Country)> {
    let mut prefixes: BTreeMap<Box<str>, (u64, Country)> = BTreeMap::new();
    let Some(text) = text_of(file, faults) else { return prefixes };
    read_rows(file.name, text, &PREFIX_COLUMNS, faults, |line, faults| {
        let prefix = line.text(0);
        if !is_prefix(prefix) {
            line.wrong(0, "not 1 to 15 digits without a leading 0", faults);
        }
        let Some(country) = known_country(line, 1, countries, faults) else { return };
        if let Some((earlier, _)) = prefixes.get(prefix) {
            line.wrong(0, format!("also in line {earlier}"), faults);
        } else {
            prefixes.insert(prefix.into(), (line.number, country));
        }
    });
    prefixes
}

fn read_unions(file: SourceFile<'_>, countries: &mut Countries, faults: &mut Faults) {
    let Some(text) = text_of(file, faults) else { return };
    read_rows(file.name, text, &UNION_COLUMNS, faults, |line, faults| {
        let Some(country) = known_country(line, 1, countries, faults) else { return };
        let (_, dialling) = countries.get_mut(&country).expect("it is known");
        join(line, &mut dialling.domestic_union, faults);
    });
}

fn read_pool_unions(file: SourceFile<'_>, countries: &mut Countries, faults: &mut Faults) {
    let Some(text) = text_of(file, faults) else { return };
    read_rows(file.name, text, &UNION_COLUMNS, faults, |line, faults| {
        if !is_pool_union(line.text(0)) {
            let form =
                format!("not 1 to {POOL_NAME_LEN_MAX} of a-z 0-9 -, nor \"user\", as pools have it in their names");
            line.wrong(0, form, faults);
        }
        let Some(country) = known_country(line, 1, countries, faults) else { return };
        let (_, dialling) = countries.get_mut(&country).expect("it is known");
        join(line, &mut dialling.pool_union, faults);
    });
}

/// The country of the line is in the union of the line, and was in none.
fn join(line: &Line<'_>, union_of_country: &mut Option<Box<str>>, faults: &mut Faults) {
    if let Some(union) = union_of_country.replace(line.text(0).into()) {
        line.wrong(1, format!("the country is in union {union} already"), faults);
    }
}

/// The country of a column, if it is one of the list.
fn known_country(line: &Line<'_>, column: usize, countries: &Countries, faults: &mut Faults) -> Option<Country> {
    let country = line.parsed(column, faults)?;
    if countries.contains_key(&country) {
        return Some(country);
    }
    line.wrong(column, "no country of the list of countries", faults);
    None
}

/// Digits, several with spaces between.
fn read_digit_lists(text: &str, digits_max: usize) -> Result<Vec<Box<str>>, String> {
    text.split_ascii_whitespace()
        .map(|digits| {
            let right = digits.len() <= digits_max && digits.bytes().all(|byte| byte.is_ascii_digit());
            right
                .then(|| digits.into())
                .ok_or_else(|| format!("not digits, at most {digits_max}, several with spaces between"))
        })
        .collect()
}
