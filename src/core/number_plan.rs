//! Whose a number is: country codes and area codes, how each country dials abroad, and its emergency numbers.

use crate::core::number::{Country, Dialled, Number};
use crate::core::prefix::{PrefixIndex, is_prefix};

/// Emergency in every country, whatever its own list says (F5).
pub const EMERGENCY_EVERYWHERE: [&str; 2] = ["112", "911"];

/// The table of countries and their prefixes. Never made from a price list (R14).
#[derive(Debug)]
pub struct NumberPlan {
    index: PrefixIndex,
    /// The country of each prefix of the index.
    owners: Vec<Country>,
    /// By [`Country::index`].
    countries: Box<[Option<CountryDialling>]>,
}

/// How one country dials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CountryDialling {
    /// The country.
    pub country: Country,
    /// What is dialled before a number abroad: `00`, `011`. Several where carriers have their own.
    pub international_prefixes: Vec<Box<str>>,
    /// Short numbers that are free and never blocked, besides [`EMERGENCY_EVERYWHERE`].
    pub emergency: Vec<Box<str>>,
    /// The domestic union that the country is in (R20).
    pub domestic_union: Option<Box<str>>,
}

/// Why a number plan was refused. Whoever reads it from files finds these first, with line and column.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NumberPlanError {
    /// Two prefixes are the same.
    #[error("prefix {0} is there twice")]
    DuplicatePrefix(Box<str>),
    /// Not 1 to 15 digits without a leading 0.
    #[error("not a prefix: {0:?}")]
    NotAPrefix(Box<str>),
    /// A country is described twice.
    #[error("country {0} is there twice")]
    DuplicateCountry(Country),
    /// A prefix belongs to a country that is not described.
    #[error("prefix {0} is of country {1}, which is not in the list of countries")]
    UnknownCountry(Box<str>, Country),
}

impl NumberPlan {
    /// # Errors
    /// [`NumberPlanError`], the first that is met.
    pub fn new(
        prefixes: Vec<(Box<str>, Country)>,
        dialling: Vec<CountryDialling>,
    ) -> Result<NumberPlan, NumberPlanError> {
        let mut countries: Box<[Option<CountryDialling>]> = vec![None; Country::COUNT].into_boxed_slice();
        for mut one in dialling {
            // The longest first: where one prefix begins another, the number is behind the longer.
            one.international_prefixes.sort_by_key(|prefix| std::cmp::Reverse(prefix.len()));
            let country = one.country;
            if countries[country.index()].replace(one).is_some() {
                return Err(NumberPlanError::DuplicateCountry(country));
            }
        }
        let mut prefixes = prefixes;
        prefixes.sort();
        if let Some(pair) = prefixes.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(NumberPlanError::DuplicatePrefix(pair[0].0.clone()));
        }
        for (prefix, country) in &prefixes {
            if !is_prefix(prefix) {
                return Err(NumberPlanError::NotAPrefix(prefix.clone()));
            }
            if countries[country.index()].is_none() {
                return Err(NumberPlanError::UnknownCountry(prefix.clone(), *country));
            }
        }
        let index = PrefixIndex::new(prefixes.iter().map(|(prefix, _)| prefix.as_ref()));
        let owners = prefixes.into_iter().map(|(_, country)| country).collect();
        Ok(NumberPlan { index, owners, countries })
    }

    /// The plan describes this country.
    pub fn knows(&self, country: Country) -> bool {
        self.dialling(country).is_some()
    }

    /// How the country dials; `None` if the plan does not describe it.
    pub fn dialling(&self, country: Country) -> Option<&CountryDialling> {
        self.countries[country.index()].as_ref()
    }

    /// The number is an emergency call when dialled in `country` (F5): as dialled, so `+911…` is none, and `911` is one
    /// although 91 is a country.
    pub fn is_emergency(&self, raw: &str, country: Country) -> bool {
        let Some(dialled) = Dialled::read(raw) else { return false };
        let listed = |numbers: &[Box<str>]| numbers.iter().any(|number| number.as_ref() == dialled.as_str());
        EMERGENCY_EVERYWHERE.contains(&dialled.as_str())
            || self.dialling(country).is_some_and(|dialling| listed(&dialling.emergency))
    }

    /// The E.164 number that was dialled in `country` (F4): behind `+`, else behind an international prefix of the country,
    /// else the bare digits as they stand. `None` where that is no valid number: a SIP name, a short code, a national number
    /// with its leading 0.
    pub fn normalise(&self, raw: &str, country: Country) -> Option<Number> {
        let dialled = Dialled::read(raw)?;
        let digits = dialled.as_str();
        if let Some(international) = digits.strip_prefix('+') {
            return international.parse().ok();
        }
        let international = self.dialling(country).and_then(|dialling| {
            dialling.international_prefixes.iter().find_map(|own| digits.strip_prefix(own.as_ref()))
        });
        international.unwrap_or(digits).parse().ok()
    }

    /// Whose the number is, by the longest prefix of this plan; `None` for ranges of no country (satellites, international
    /// networks) and for what is not assigned.
    pub fn country_of(&self, number: &Number) -> Option<Country> {
        self.index.longest(number).map(|prefix| self.owners[prefix.index()])
    }

    /// A call between the two is domestic: the same country, or both in one declared union (R20).
    pub fn are_domestic(&self, a: Country, b: Country) -> bool {
        let union_of = |country| self.dialling(country).and_then(|dialling| dialling.domestic_union.as_ref());
        a == b || union_of(a).is_some_and(|union| union_of(b) == Some(union))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn country(text: &str) -> Country {
        text.parse().expect(text)
    }

    fn dialling(of: &str, international: &[&str], emergency: &[&str], union: Option<&str>) -> CountryDialling {
        let boxed = |texts: &[&str]| texts.iter().map(|text| Box::from(*text)).collect();
        CountryDialling {
            country: country(of),
            international_prefixes: boxed(international),
            emergency: boxed(emergency),
            domestic_union: union.map(Box::from),
        }
    }

    fn plan() -> NumberPlan {
        let prefixes =
            [("1425", "US"), ("1604", "CA"), ("7", "RU"), ("77", "KZ"), ("44", "GB"), ("91", "IN"), ("81", "JP")];
        NumberPlan::new(
            prefixes.iter().map(|(prefix, owner)| (Box::from(*prefix), country(owner))).collect(),
            vec![
                dialling("US", &["011"], &[], Some("nanp")),
                dialling("CA", &["011"], &[], Some("nanp")),
                dialling("GB", &["00"], &["999"], None),
                dialling("IN", &["00"], &["100"], None),
                dialling("RU", &["810"], &[], None),
                dialling("KZ", &["810"], &[], None),
                dialling("BR", &["00", "0014"], &[], None),
                dialling("JP", &["010", "0033010"], &["110", "119"], None),
            ],
        )
        .expect("a valid plan")
    }

    #[test]
    fn f4_numbers_are_normalised_by_the_country_that_dials() {
        let cases = [
            ("+44 20 7123-4567", "US", Some("+442071234567")),
            ("011 44 20 7123 4567", "US", Some("+442071234567")),
            ("00442071234567", "GB", Some("+442071234567")),
            ("00442071234567", "US", None),
            ("01144207123456", "GB", None),
            ("442071234567", "GB", Some("+442071234567")),
            ("02071234567", "GB", None),
            ("8~10 44 2071234567", "RU", None),
            ("810442071234567", "RU", Some("+442071234567")),
            ("0033010442071234567", "JP", Some("+442071234567")),
            ("010442071234567", "JP", Some("+442071234567")),
            ("0014442071234567", "BR", Some("+442071234567")),
            ("00442071234567", "ZZ", None),
            ("+0442071234567", "GB", None),
            ("+00442071234567", "GB", None),
            ("anonymous", "US", None),
            ("911", "US", None),
            ("+1425555010012345", "US", None),
        ];
        let plan = plan();
        for (raw, from, expected) in cases {
            let number = plan.normalise(raw, country(from)).map(|number| number.to_string());
            assert_eq!(number.as_deref(), expected, "{raw} in {from}");
        }
    }

    #[test]
    fn f5_emergency_is_as_dialled() {
        let cases = [
            ("911", "US", true),
            ("9-1-1", "IN", true),
            ("112", "ZZ", true),
            ("999", "GB", true),
            ("999", "US", false),
            ("110", "JP", true),
            ("+911", "IN", false),
            ("+91100", "IN", false),
            ("00911", "IN", false),
            ("9115550100", "US", false),
            ("", "US", false),
        ];
        let plan = plan();
        for (raw, from, expected) in cases {
            assert_eq!(plan.is_emergency(raw, country(from)), expected, "{raw} in {from}");
        }
    }

    #[test]
    fn r20_a_union_is_domestic_and_others_are_not() {
        let plan = plan();
        for (a, b, expected) in
            [("US", "CA", true), ("GB", "GB", true), ("GB", "US", false), ("RU", "KZ", false), ("ZZ", "ZZ", true)]
        {
            assert_eq!(plan.are_domestic(country(a), country(b)), expected, "{a} and {b}");
        }
    }

    #[test]
    fn a_plan_that_contradicts_itself_is_refused() {
        let us = || dialling("US", &["011"], &[], None);
        let prefix = |text: &str, owner: &str| (Box::from(text), country(owner));
        let refused = |prefixes, dialling| NumberPlan::new(prefixes, dialling).expect_err("refused");
        assert_eq!(
            refused(vec![prefix("1", "US"), prefix("1", "US")], vec![us()]),
            NumberPlanError::DuplicatePrefix("1".into())
        );
        assert_eq!(refused(vec![prefix("01", "US")], vec![us()]), NumberPlanError::NotAPrefix("01".into()));
        assert_eq!(refused(vec![], vec![us(), us()]), NumberPlanError::DuplicateCountry(country("US")));
        assert_eq!(
            refused(vec![prefix("44", "GB")], vec![us()]),
            NumberPlanError::UnknownCountry("44".into(), country("GB"))
        );
    }
}
