//! The phone book of the demo: numbers made from the prefixes of the price list, and some that nobody can price.

use std::collections::BTreeMap;

use rand::Rng;
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;

use crate::core::deck::{Deck, Row};

/// Countries that are called often from everywhere.
const COMMON: [&str; 10] = ["GB", "DE", "FR", "MX", "IN", "CA", "ES", "IT", "NL", "AU"];
/// Numbers at home, for each country that tenants are in.
const HOME_NUMBERS: usize = 400;
/// Numbers in each common country.
const COMMON_NUMBERS: usize = 150;
/// Numbers anywhere in the world.
const ANYWHERE_NUMBERS: usize = 1_500;
/// Numbers under a row that denies, and numbers that no row prices.
const UNRATED_NUMBERS: usize = 100;
/// Digits of a number unless its prefix is longer; numbers of +1 have exactly so many.
const DIGITS: usize = 11;
/// Where the world's numbering has gaps, as a beginning of numbers without a price.
const GAPS: [&str; 6] = ["6829", "999", "888", "210", "8835", "979"];
/// What was dialled and is no number.
const INVALID: [&str; 6] = ["12345", "0123456789", "sip:reception", "*21#", "+1425555010012345", "anonymous"];

/// The numbers that are called. A number is referred to by its place.
#[derive(Debug)]
pub struct PhoneBook {
    numbers: Vec<Destination>,
    home: BTreeMap<&'static str, Vec<u32>>,
    common: Vec<u32>,
    anywhere: Vec<u32>,
    unrated: Vec<u32>,
}

/// What can be dialled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// An E.164 number, its digits without `+`.
    Number(Box<str>),
    /// Something else.
    Invalid(Box<str>),
}

impl PhoneBook {
    /// Numbers under the prefixes of `deck`, for tenants in the countries `home`.
    pub fn new(deck: &Deck, home: &[&'static str], rng: &mut SmallRng) -> PhoneBook {
        let mut book = PhoneBook {
            numbers: Vec::new(),
            home: BTreeMap::new(),
            common: Vec::new(),
            anywhere: Vec::new(),
            unrated: Vec::new(),
        };
        let rows_in = |country: &str| -> Vec<&Row> {
            let is_there = |row: &&Row| !row.denied && row.country.is_some_and(|of| of.as_str() == country);
            deck.rows().iter().filter(is_there).collect()
        };
        for country in home {
            let places = book.add_under(&rows_in(country), HOME_NUMBERS, rng);
            book.home.insert(country, places);
        }
        for country in COMMON {
            let places = book.add_under(&rows_in(country), COMMON_NUMBERS, rng);
            book.common.extend(places);
        }
        let (denied, priced): (Vec<&Row>, Vec<&Row>) = deck.rows().iter().partition(|row| row.denied);
        book.anywhere = book.add_under(&priced, ANYWHERE_NUMBERS, rng);
        book.unrated = book.add_under(&denied, UNRATED_NUMBERS, rng);
        book.add_gaps(deck, rng);
        for text in INVALID {
            let place = book.add(Destination::Invalid(text.into()));
            book.unrated.push(place);
        }
        book
    }

    /// The number at a place.
    pub fn get(&self, place: u32) -> &Destination {
        &self.numbers[usize::try_from(place).expect("a u32 fits into a usize")]
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    /// Somebody to be called from `country`: mostly at home, now and then abroad, rarely somebody that cannot be.
    pub fn draw(&self, country: &str, rng: &mut SmallRng) -> u32 {
        let home = self.home.get(country).map_or(&[][..], |home| home);
        let drawn = match rng.random_range(0..1_000) {
            0..700 => home.choose(rng),
            700..900 => self.common.choose(rng),
            900..995 => self.anywhere.choose(rng),
            _ => self.unrated.choose(rng),
        };
        // A price list may have no row in a country: then anywhere, and every price list has some row.
        drawn.or_else(|| self.anywhere.choose(rng)).or_else(|| self.unrated.choose(rng)).copied().unwrap_or(0)
    }

    fn add(&mut self, destination: Destination) -> u32 {
        self.numbers.push(destination);
        u32::try_from(self.numbers.len() - 1).expect("a phone book of some thousand numbers")
    }

    fn add_under(&mut self, rows: &[&Row], count: usize, rng: &mut SmallRng) -> Vec<u32> {
        let mut places = Vec::new();
        for _ in 0..count {
            if let Some(row) = rows.choose(rng) {
                places.push(self.add(Destination::Number(complete(&row.prefix, rng))));
            }
        }
        places
    }

    /// Numbers that no row of the price list prices. A list without gaps has none.
    fn add_gaps(&mut self, deck: &Deck, rng: &mut SmallRng) {
        for _ in 0..UNRATED_NUMBERS {
            let Some(gap) = GAPS.choose(rng) else { continue };
            let digits = complete(gap, rng);
            if !deck.rows().iter().any(|row| digits.starts_with(&*row.prefix)) {
                let place = self.add(Destination::Number(digits));
                self.unrated.push(place);
            }
        }
    }
}

/// A number that begins with `prefix`.
fn complete(prefix: &str, rng: &mut SmallRng) -> Box<str> {
    let mut digits = String::from(prefix);
    while digits.len() < DIGITS.max(prefix.len() + 1).min(15) {
        digits.push(char::from(b'0' + rng.random_range(0..10_u8)));
    }
    digits.into()
}
