//! Zones: lists of countries that plans name, as those that a conferencing licence dials out to (R20).

use std::sync::Arc;

use jiff::Timestamp;

use super::number::Country;

/// A set of countries, a bit each.
#[derive(Clone, PartialEq, Eq)]
pub struct Countries([u64; Countries::WORDS]);

impl Countries {
    const WORDS: usize = Country::COUNT.div_ceil(64);

    /// No country.
    pub const NONE: Countries = Countries([0; Countries::WORDS]);

    /// The country is one of them.
    pub fn contains(&self, country: Country) -> bool {
        let (word, bit) = Countries::place(country);
        self.0[word] & bit != 0
    }

    /// Adds a country; `false` if it was there.
    pub fn insert(&mut self, country: Country) -> bool {
        let (word, bit) = Countries::place(country);
        let is_new = self.0[word] & bit == 0;
        self.0[word] |= bit;
        is_new
    }

    /// There is none.
    pub fn is_empty(&self) -> bool {
        *self == Countries::NONE
    }

    /// How many there are.
    pub fn count(&self) -> u32 {
        self.0.iter().map(|word| word.count_ones()).sum()
    }

    /// Every one of the others is one of these.
    pub fn contains_all(&self, others: &Countries) -> bool {
        self.0.iter().zip(&others.0).all(|(own, other)| own & other == *other)
    }

    fn place(country: Country) -> (usize, u64) {
        (country.index() / 64, 1 << (country.index() % 64))
    }
}

impl FromIterator<Country> for Countries {
    fn from_iter<I: IntoIterator<Item = Country>>(countries: I) -> Countries {
        let mut set = Countries::NONE;
        for country in countries {
            set.insert(country);
        }
        set
    }
}

impl std::fmt::Debug for Countries {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} countries", self.count())
    }
}

/// One version of a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    /// The name that plans refer to.
    pub id: Box<str>,
    /// Tells apart what was in force under this name.
    pub version: Box<str>,
    /// Calls that start before this instant do not see this version; `None`: always was.
    pub effective_from: Option<Timestamp>,
    /// What it covers.
    pub countries: Countries,
}

impl Zone {
    /// The same, in force from another instant on: whoever publishes it says when.
    #[must_use]
    pub fn in_force_from(self, at: Timestamp) -> Zone {
        Zone { effective_from: Some(at), ..self }
    }

    /// `id@version`.
    pub fn label(&self) -> Arc<str> {
        format!("{}@{}", self.id, self.version).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn country(text: &str) -> Country {
        text.parse().expect(text)
    }

    #[test]
    fn a_country_is_in_the_set_that_it_was_put_in() {
        let all: Vec<Country> = (b'A'..=b'Z')
            .flat_map(|first| (b'A'..=b'Z').map(move |second| country(&String::from_utf8_lossy(&[first, second]))))
            .collect();
        let mut set = Countries::NONE;
        for (place, one) in all.iter().enumerate() {
            assert!(!set.contains(*one) && set.insert(*one) && !set.insert(*one) && set.contains(*one), "{one}");
            assert_eq!(usize::try_from(set.count()), Ok(place + 1));
        }
        assert!(Countries::NONE.is_empty() && !set.is_empty());
        let two: Countries = [country("AA"), country("ZZ")].into_iter().collect();
        assert!(set.contains_all(&two) && !two.contains_all(&set) && two.contains_all(&Countries::NONE));
    }
}
