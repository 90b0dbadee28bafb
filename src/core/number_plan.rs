//! Whose a number is: country codes and area codes, how each country dials abroad, and its emergency numbers and short codes.

use std::sync::Arc;

use jiff::Timestamp;

use crate::core::currency::Currency;
use crate::core::number::{Country, Dialled, NUMBER_DIGITS_MIN, Number};
use crate::core::plan::is_pool_name;
use crate::core::prefix::{PrefixIndex, is_prefix};
use crate::core::price::Price;

/// Emergency in every country, whatever its own list says (F5).
pub const EMERGENCY_EVERYWHERE: [&str; 2] = ["112", "911"];
/// Digits of a short code at most: fewer than a number has.
pub const SHORT_CODE_DIGITS_MAX: usize = 6;

const _: () = assert!(SHORT_CODE_DIGITS_MAX < NUMBER_DIGITS_MIN, "no short code is a number");

/// What a debit calls the number plan: `number-plan@version`.
pub const NUMBER_PLAN_ID: &str = "number-plan";

/// One version of the table of countries and their prefixes. Never made from a price list (R14).
#[derive(Debug)]
pub struct NumberPlan {
    header: NumberPlanHeader,
    label: Arc<str>,
    index: PrefixIndex,
    /// The country of each prefix of the index.
    owners: Vec<Country>,
    /// By [`Country::index`].
    countries: Box<[Option<CountryDialling>]>,
}

/// What is said of a whole number plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NumberPlanHeader {
    /// Tells apart what was in force.
    pub version: Box<str>,
    /// Calls that start before this instant do not see this version (R12); `None`: always was in force.
    pub effective_from: Option<Timestamp>,
}

/// How one country dials, and which unions it is in.
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
    /// The union whose licences feed one pool (R21); its name is one that [`is_pool_union`] allows.
    pub pool_union: Option<Box<str>>,
    /// Short numbers that are no emergency numbers.
    pub short_codes: Vec<ShortCode>,
}

impl CountryDialling {
    /// A country that is in no union, and of which nothing else is known.
    pub fn of(country: Country) -> CountryDialling {
        CountryDialling {
            country,
            international_prefixes: Vec::new(),
            emergency: Vec::new(),
            domestic_union: None,
            pool_union: None,
            short_codes: Vec::new(),
        }
    }
}

/// A short number: a directory, a bank's service, the time (F5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShortCode {
    /// As dialled: 1 to [`SHORT_CODE_DIGITS_MAX`] digits.
    pub code: Box<str>,
    /// What a bill calls it.
    pub name: Arc<str>,
    /// What it costs, paid by credits whatever the plan is; `None`: free.
    pub price: Option<ShortCodePrice>,
}

/// What calls to a short code cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShortCodePrice {
    /// The currency of the price; tenants of another cannot call it.
    pub currency: Currency,
    /// The price. Lines of a charge are rounded by the default, for a number plan says nothing of that.
    pub price: Price,
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
    /// The name of a pool union could be taken for something else in the name of a pool.
    #[error("not a name of a pool union: {0:?}")]
    NotAUnion(Box<str>),
    /// A short code is no digits, too long, or an emergency number.
    #[error("not a short code of {1}: {0:?}")]
    NotAShortCode(Box<str>, Country),
    /// A country has a short code twice.
    #[error("short code {0} of {1} is there twice")]
    DuplicateShortCode(Box<str>, Country),
}

/// What a pool union can be called: what an allotment can, but not `user`, which ends the names of the pools of users.
pub fn is_pool_union(name: &str) -> bool {
    is_pool_name(name) && name != "user"
}

/// What a short code of a country can be: 1 to [`SHORT_CODE_DIGITS_MAX`] digits, and no emergency number (F5: those go first).
pub fn is_short_code(code: &str, dialling: &CountryDialling) -> bool {
    (1..=SHORT_CODE_DIGITS_MAX).contains(&code.len())
        && code.bytes().all(|byte| byte.is_ascii_digit())
        && !dialling.is_emergency(code)
}

impl CountryDialling {
    /// The digits are an emergency number, of this country or of all.
    pub fn is_emergency(&self, digits: &str) -> bool {
        EMERGENCY_EVERYWHERE.contains(&digits) || self.emergency.iter().any(|number| number.as_ref() == digits)
    }

    fn check(&self) -> Result<(), NumberPlanError> {
        if let Some(union) = self.pool_union.as_ref().filter(|union| !is_pool_union(union)) {
            return Err(NumberPlanError::NotAUnion(union.clone()));
        }
        for (place, code) in (0..).zip(self.short_codes.iter().map(|short| &short.code)) {
            if !is_short_code(code, self) {
                return Err(NumberPlanError::NotAShortCode(code.clone(), self.country));
            }
            if self.short_codes.iter().take(place).any(|earlier| earlier.code == *code) {
                return Err(NumberPlanError::DuplicateShortCode(code.clone(), self.country));
            }
        }
        Ok(())
    }
}

impl NumberPlan {
    /// # Errors
    /// [`NumberPlanError`], the first that is met.
    pub fn new(
        header: NumberPlanHeader,
        prefixes: Vec<(Box<str>, Country)>,
        dialling: Vec<CountryDialling>,
    ) -> Result<NumberPlan, NumberPlanError> {
        let mut countries: Box<[Option<CountryDialling>]> = vec![None; Country::COUNT].into_boxed_slice();
        for mut one in dialling {
            // The longest first: where one prefix begins another, the number is behind the longer.
            one.international_prefixes.sort_by_key(|prefix| std::cmp::Reverse(prefix.len()));
            one.check()?;
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
        let label = Arc::from(format!("{NUMBER_PLAN_ID}@{}", header.version));
        Ok(NumberPlan { header, label, index, owners, countries })
    }

    /// The same, in force from another instant on: whoever publishes it says when.
    #[must_use]
    pub fn in_force_from(mut self, at: Timestamp) -> NumberPlan {
        self.header.effective_from = Some(at);
        self
    }

    /// What is said of the whole plan.
    pub fn header(&self) -> &NumberPlanHeader {
        &self.header
    }

    /// `number-plan@version`, as debits name it.
    pub fn label(&self) -> &Arc<str> {
        &self.label
    }

    /// All countries that it describes.
    pub fn countries(&self) -> impl Iterator<Item = &CountryDialling> {
        self.countries.iter().flatten()
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
        let dialled = dialled.as_str();
        EMERGENCY_EVERYWHERE.contains(&dialled)
            || self.dialling(country).is_some_and(|dialling| dialling.is_emergency(dialled))
    }

    /// The short code that was dialled in `country` (F5), as dialled: `+101…` is none. Ask for emergency numbers first.
    pub fn short_code(&self, raw: &str, country: Country) -> Option<&ShortCode> {
        let dialling = self.dialling(country)?;
        let dialled = Dialled::read(raw)?;
        dialling.short_codes.iter().find(|short| short.code.as_ref() == dialled.as_str())
    }

    /// The pool union that the country is in (R21).
    pub fn pool_union(&self, country: Country) -> Option<&str> {
        self.dialling(country)?.pool_union.as_deref()
    }

    /// Whose licences feed the shared pools of the country, as the names of pools have it: its pool union, or itself.
    pub fn feed_name<'a>(&'a self, country: &'a Country) -> &'a str {
        self.pool_union(*country).unwrap_or(country.as_str())
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
mod tests;
