//! What inbound calls cost the tenant that is called: by its own number, and by where the caller is (R14).

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::cdr::NumberType;
use super::currency::Currency;
use super::deck::{DECK_ROWS_MAX, Dated, DeckHeader, RowConflict, assert_as_in_a_file, in_force};
use super::money::LineRounding;
use super::number::Country;
use super::price::Price;

/// What an inbound price is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InboundPair {
    /// The kind of the dialled number: service or toll-free. Calls to users are free (R7).
    pub number_type: NumberType,
    /// The dialled number's country.
    pub dialled: Country,
    /// The caller's; `None`: any, and those whose country is not known.
    pub caller: Option<Country>,
}

/// What an inbound price list says of one pair from one instant to another, bands included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InboundRow {
    /// What it prices.
    pub pair: InboundPair,
    /// What calls cost.
    pub price: Price,
    /// In force from this instant on; `None`: always was.
    pub effective_from: Option<Timestamp>,
    /// In force before this instant; `None`: without end.
    pub effective_to: Option<Timestamp>,
}

/// One version of the inbound prices of a price list, complete and valid.
///
/// A price list may have an overlay of a tenant's own, so an exact pair and a default are asked for one at a time: the exact pair
/// of the overlay, that of the published list, the default of the overlay, that of the published list.
#[derive(Debug)]
pub struct InboundDeck {
    header: DeckHeader,
    price_list: Box<str>,
    label: Arc<str>,
    /// Of each pair by date: one at most is in force at any time.
    rows: BTreeMap<InboundPair, Vec<InboundRow>>,
}

impl InboundDeck {
    /// What is said of the whole list.
    pub fn header(&self) -> &DeckHeader {
        &self.header
    }

    /// The same list, in force from another instant on: whoever publishes it says when.
    #[must_use]
    pub fn in_force_from(mut self, at: Timestamp) -> InboundDeck {
        self.header.effective_from = Some(at);
        self
    }

    /// The price list, or overlay, whose inbound prices these are.
    pub fn price_list(&self) -> &str {
        &self.price_list
    }

    /// `id@version`, as debits name it.
    pub fn label(&self) -> &Arc<str> {
        &self.label
    }

    /// The currency of all prices.
    pub fn currency(&self) -> Currency {
        self.header.currency
    }

    /// How a charge line is rounded.
    pub fn rounding(&self) -> LineRounding {
        self.header.rounding
    }

    /// All rows, by pair, then by date.
    pub fn rows(&self) -> impl Iterator<Item = &InboundRow> {
        self.rows.values().flatten()
    }

    /// The price for just this pair of countries.
    pub fn exact(
        &self,
        number_type: NumberType,
        dialled: Country,
        caller: Country,
        at: Timestamp,
    ) -> Option<&InboundRow> {
        self.in_force(InboundPair { number_type, dialled, caller: Some(caller) }, at)
    }

    /// The price for callers from anywhere.
    pub fn default_of(&self, number_type: NumberType, dialled: Country, at: Timestamp) -> Option<&InboundRow> {
        self.in_force(InboundPair { number_type, dialled, caller: None }, at)
    }

    /// The price for a caller as far as this list alone knows: that of the pair, else the default.
    pub fn lookup(
        &self,
        number_type: NumberType,
        dialled: Country,
        caller: Option<Country>,
        at: Timestamp,
    ) -> Option<&InboundRow> {
        caller
            .and_then(|caller| self.exact(number_type, dialled, caller, at))
            .or_else(|| self.default_of(number_type, dialled, at))
    }

    fn in_force(&self, pair: InboundPair, at: Timestamp) -> Option<&InboundRow> {
        self.rows
            .get(&pair)?
            .iter()
            .find(|row| row.effective_from.is_none_or(|from| from <= at) && row.effective_to.is_none_or(|to| at < to))
    }
}

/// Gathers the rows of an inbound deck and proves that no two contradict each other.
#[derive(Debug)]
pub struct InboundDeckBuilder {
    header: DeckHeader,
    price_list: Box<str>,
    rows: BTreeMap<InboundPair, Vec<(u64, InboundRow)>>,
    count: usize,
}

impl InboundDeckBuilder {
    /// A deck without rows, of a price list.
    pub fn new(header: DeckHeader, price_list: impl Into<Box<str>>) -> InboundDeckBuilder {
        InboundDeckBuilder { header, price_list: price_list.into(), rows: BTreeMap::new(), count: 0 }
    }

    /// Adds the row that stands in `line`: with a default rate, or with one time band and no default rate.
    ///
    /// # Panics
    /// If it has several bands, or a band besides a default rate, or prices calls to users: whoever reads rows checks that. With
    /// more than [`DECK_ROWS_MAX`] rows.
    pub fn push(&mut self, line: u64, row: InboundRow) {
        assert!(row.pair.number_type != NumberType::User, "inbound calls to users are free");
        assert_as_in_a_file(&row.price);
        assert!(self.count < DECK_ROWS_MAX, "a deck has at most {DECK_ROWS_MAX} rows");
        self.count += 1;
        self.rows.entry(row.pair).or_default().push((line, row));
    }

    /// The deck, if no two of its rows contradict each other.
    ///
    /// # Errors
    /// Every row that contradicts an earlier one, by line.
    pub fn build(self) -> Result<InboundDeck, Vec<RowConflict>> {
        let mut rows = BTreeMap::new();
        let mut conflicts = Vec::new();
        for (pair, given) in self.rows {
            match in_force(given, || pair.to_string().into()) {
                Ok(of_pair) => drop(rows.insert(pair, of_pair)),
                Err(of_pair) => conflicts.extend(of_pair),
            }
        }
        if !conflicts.is_empty() {
            conflicts.sort_by_key(|conflict| conflict.line);
            return Err(conflicts);
        }
        let label = Arc::from(format!("{}@{}", self.header.id, self.header.version));
        Ok(InboundDeck { header: self.header, price_list: self.price_list, label, rows })
    }
}

impl std::fmt::Display for InboundPair {
    /// `toll_free US from any`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} from ", self.number_type.code(), self.dialled)?;
        match self.caller {
            Some(caller) => write!(f, "{caller}"),
            None => f.write_str("any"),
        }
    }
}

impl Dated for InboundRow {
    fn from(&self) -> Option<Timestamp> {
        self.effective_from
    }

    fn to(&self) -> Option<Timestamp> {
        self.effective_to
    }

    fn price(&self) -> &Price {
        &self.price
    }

    fn with(&self, effective_from: Option<Timestamp>, effective_to: Option<Timestamp>, price: Price) -> InboundRow {
        InboundRow { pair: self.pair, price, effective_from, effective_to }
    }

    fn difference(&self, _other: &InboundRow) -> Option<&'static str> {
        None
    }
}

#[cfg(test)]
mod tests;
