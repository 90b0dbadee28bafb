//! Zones as CSV: one version of a list of countries in a file.

use std::collections::BTreeMap;

use crate::core::number::Country;
use crate::core::number_plan::NumberPlan;
use crate::core::zone::Zone;
use crate::wire::csv_head::read_head;
use crate::wire::csv_table::{Column, read_rows};
use crate::wire::fault::{Faults, Place, SourceFile, text_of};

/// How the zone is to be called.
#[derive(Clone, Copy, Debug)]
pub struct ZoneName<'a> {
    /// What plans refer to.
    pub id: &'a str,
    /// Tells apart what was in force under this name.
    pub version: &'a str,
}

const COLUMNS: [Column; 2] = [Column { name: "country", required: true }, Column { name: "name", required: false }];

/// Reads a version of a zone: the column `country`, and names for people. With a number plan, countries that it does not have are
/// faults too.
///
/// # Errors
/// All faults of the file, by line.
pub fn read_zone(file: SourceFile<'_>, name: ZoneName<'_>, numbers: Option<&NumberPlan>) -> Result<Zone, Faults> {
    let mut faults = Faults::new();
    let Some(text) = text_of(file, &mut faults) else { return Err(faults) };
    let head = read_head(file.name, text, &mut faults);
    let mut countries: BTreeMap<Country, u64> = BTreeMap::new();
    read_rows(file.name, text, &COLUMNS, &mut faults, |line, faults| {
        let Some(country) = line.parsed::<Country>(0, faults) else { return };
        if numbers.is_some_and(|numbers| !numbers.knows(country)) {
            line.wrong(0, "no country of the number plan", faults);
        } else if let Some(earlier) = countries.get(&country) {
            line.wrong(0, format!("also in line {earlier}"), faults);
        } else {
            countries.insert(country, line.number);
        }
    });
    if countries.is_empty() && faults.is_empty() {
        faults.add(file.name, Place::line(1), "no countries");
    }
    if !faults.is_empty() {
        faults.sort_by_line();
        return Err(faults);
    }
    Ok(Zone {
        id: name.id.into(),
        version: name.version.into(),
        effective_from: head.effective_from,
        countries: countries.into_keys().collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::number_plan_csv::tests::small_plan;

    fn read(text: &str) -> Result<Zone, Faults> {
        let file = SourceFile { name: "z.csv", bytes: text.as_bytes() };
        read_zone(file, ZoneName { id: "a", version: "1" }, Some(&small_plan()))
    }

    #[test]
    fn a_zone_is_its_countries() {
        let zone =
            read("# Zone A\n# effective_from: 2027-01-01\nname,country\nUnited Kingdom,GB\n,NA\n").expect("valid");
        assert_eq!((zone.label().as_ref(), zone.countries.count()), ("a@1", 2));
        assert_eq!(zone.effective_from, "2027-01-01T00:00:00Z".parse().ok());
        let has = |code: &str| zone.countries.contains(code.parse().expect(code));
        assert!(has("GB") && has("NA") && !has("US"));
    }

    #[test]
    fn every_fault_of_a_zone_is_listed() {
        let cases = [
            ("", "z.csv:1: column 1: the file is empty"),
            ("country\n", "z.csv:1: column 1: no countries"),
            ("name\nGB\n", "z.csv:1: column 1: the column country is missing"),
            (
                "# effective: 1\ncountry,name\nUK,x\nGB,\ngb,\n,x\nGB,y\nNA\n",
                "z.csv:1: column 1: no such setting: \"effective\"; there are effective_from, note\n\
                 z.csv:3: column 1 (country): no country of the number plan: \"UK\"\n\
                 z.csv:5: column 1 (country): not a country of two capital letters: \"gb\"\n\
                 z.csv:6: column 1 (country): missing\n\
                 z.csv:7: column 1 (country): also in line 4: \"GB\"\n\
                 z.csv:8: column 2: 1 fields, but the header has 2",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(read(text).map(|_| ()).expect_err("refused").to_string(), expected);
        }
    }
}
