//! The number plan as three CSV files: countries, prefixes and domestic unions.

use std::collections::BTreeMap;

use crate::core::number::Country;
use crate::core::number_plan::{CountryDialling, NumberPlan, NumberPlanHeader};
use crate::core::prefix::is_prefix;
use crate::wire::csv_table::{Column, Line, read_rows};
use crate::wire::fault::{Faults, SourceFile, text_of};

/// Digits of an international prefix at most.
pub const INTERNATIONAL_PREFIX_DIGITS_MAX: usize = 8;
/// Digits of an emergency number at most.
pub const EMERGENCY_DIGITS_MAX: usize = 6;

/// The three files.
#[derive(Clone, Copy, Debug)]
pub struct NumberPlanFiles<'a> {
    /// `country,name,international_prefixes,emergency`; lists with spaces between.
    pub countries: SourceFile<'a>,
    /// `prefix,country,note`.
    pub prefixes: SourceFile<'a>,
    /// `union,country`.
    pub domestic_unions: SourceFile<'a>,
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

/// Reads a number plan.
///
/// # Errors
/// All faults of the three files, by file and line.
pub fn read_number_plan(files: NumberPlanFiles<'_>, version: &str) -> Result<NumberPlan, Faults> {
    let mut faults = Faults::new();
    let mut countries = read_countries(files.countries, &mut faults);
    let prefixes = read_prefixes(files.prefixes, &countries, &mut faults);
    read_unions(files.domestic_unions, &mut countries, &mut faults);
    if !faults.is_empty() {
        return Err(faults);
    }
    let prefixes = prefixes.into_iter().map(|(prefix, (_, country))| (prefix, country)).collect();
    let dialling = countries.into_values().map(|(_, dialling)| dialling).collect();
    let header = NumberPlanHeader { version: version.into(), effective_from: None };
    Ok(NumberPlan::new(header, prefixes, dialling).expect("whatever it refuses was a fault with its line"))
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
        if let Some(union) = dialling.domestic_union.replace(line.text(0).into()) {
            line.wrong(1, format!("the country is in union {union} already"), faults);
        }
    });
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

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    fn read(countries: &str, prefixes: &str, unions: &str) -> Result<NumberPlan, Faults> {
        let files = NumberPlanFiles {
            countries: SourceFile { name: "c.csv", bytes: countries.as_bytes() },
            prefixes: SourceFile { name: "p.csv", bytes: prefixes.as_bytes() },
            domestic_unions: SourceFile { name: "u.csv", bytes: unions.as_bytes() },
        };
        read_number_plan(files, "v1")
    }

    const COUNTRIES: &str =
        "country,name,international_prefixes,emergency\nGB,United Kingdom,00,999 18000\nNA,Namibia,00,\n";

    /// Great Britain and Namibia.
    pub(crate) fn small_plan() -> NumberPlan {
        read(COUNTRIES, "prefix,country,note\n44,GB,\n264,NA,\n", "union,country\n").expect("valid")
    }

    #[test]
    fn na_is_namibia() {
        let plan = small_plan();
        let number = "26481123456".parse().expect("a number");
        assert_eq!(plan.country_of(&number), "NA".parse().ok());
        assert!(plan.is_emergency("18000", "GB".parse().expect("a country")));
    }

    #[test]
    fn every_fault_of_the_three_files_is_listed() {
        let refused = read(
            &format!("{COUNTRIES}GB,Britain,00,\nuk,x,00,\nFR,France,+33,1 2x\nDE,Germany,,110\n"),
            "prefix,country\n44,GB\n44,NA\n1,US\n0,GB\n264,\n",
            "union,country\na,GB\nb,GB\na,XX\n",
        );
        assert_eq!(
            refused.map(|_| ()).expect_err("refused").to_string(),
            "c.csv:4: column 1 (country): also in line 2: \"GB\"\n\
             c.csv:5: column 1 (country): not a country of two capital letters: \"uk\"\n\
             c.csv:6: column 3 (international_prefixes): not digits, at most 8, several with spaces between: \"+33\"\n\
             c.csv:6: column 4 (emergency): not digits, at most 6, several with spaces between: \"1 2x\"\n\
             c.csv:7: column 3 (international_prefixes): missing\n\
             p.csv:3: column 1 (prefix): also in line 2: \"44\"\n\
             p.csv:4: column 2 (country): no country of the list of countries: \"US\"\n\
             p.csv:5: column 1 (prefix): not 1 to 15 digits without a leading 0: \"0\"\n\
             p.csv:6: column 2 (country): missing\n\
             u.csv:3: column 2 (country): the country is in union a already: \"GB\"\n\
             u.csv:4: column 2 (country): no country of the list of countries: \"XX\""
        );
    }
}
