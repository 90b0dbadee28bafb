//! How a price list is put together from its rows.

use std::sync::Arc;

use jiff::Timestamp;

use super::{DECK_ROWS_MAX, Dated, Deck, DeckHeader, Row, RowConflict, in_force};
use crate::core::prefix::{PrefixIndex, is_prefix};
use crate::core::price::Price;

/// Gathers the rows of a deck and proves that no two contradict each other.
#[derive(Debug)]
pub struct DeckBuilder {
    header: DeckHeader,
    rows: Vec<(u64, Row)>,
}

impl DeckBuilder {
    /// A deck without rows.
    pub fn new(header: DeckHeader) -> DeckBuilder {
        DeckBuilder { header, rows: Vec::new() }
    }

    /// Adds the row that stands in `line`: with a default rate, or with one time band and no default rate.
    ///
    /// # Panics
    /// If its prefix is not 1 to 15 digits without a leading 0, or it has several bands, or a band besides a default rate:
    /// whoever reads rows checks that. With more than [`DECK_ROWS_MAX`] rows.
    pub fn push(&mut self, line: u64, row: Row) {
        assert!(is_prefix(&row.prefix), "a prefix is 1 to 15 digits: {:?}", row.prefix);
        assert_as_in_a_file(&row.price);
        assert!(self.rows.len() < DECK_ROWS_MAX, "a deck has at most {DECK_ROWS_MAX} rows");
        self.rows.push((line, row));
    }

    /// The deck, if no two of its rows contradict each other (R11, F8).
    ///
    /// # Errors
    /// Every row that contradicts an earlier one, by line.
    pub fn build(self) -> Result<Deck, Vec<RowConflict>> {
        let mut given = self.rows;
        given.sort_by(|(_, a), (_, b)| a.prefix.cmp(&b.prefix));
        let mut rows = Vec::with_capacity(given.len());
        let mut conflicts = Vec::new();
        let mut given = given.into_iter().peekable();
        while let Some(first) = given.next() {
            let prefix = first.1.prefix.clone();
            let mut same_prefix = vec![first];
            while let Some(next) = given.next_if(|(_, row)| row.prefix == prefix) {
                same_prefix.push(next);
            }
            match in_force(same_prefix, || format!("prefix {prefix}").into()) {
                Ok(of_prefix) => rows.extend(of_prefix),
                Err(of_prefix) => conflicts.extend(of_prefix),
            }
        }
        if !conflicts.is_empty() {
            conflicts.sort_by_key(|conflict| conflict.line);
            return Err(conflicts);
        }
        let index = PrefixIndex::new(rows.iter().map(|row| row.prefix.as_ref()));
        let label = Arc::from(format!("{}@{}", self.header.id, self.header.version));
        Ok(Deck { header: self.header, label, index, rows })
    }
}

/// # Panics
/// If a price is not that of one line of a file.
pub(crate) fn assert_as_in_a_file(price: &Price) {
    if let Some(bands) = &price.bands {
        assert!(bands.all().len() == 1 && price.rate.is_none(), "a line has a default rate or one time band");
    }
}

impl Dated for Row {
    fn from(&self) -> Option<Timestamp> {
        self.effective_from
    }

    fn to(&self) -> Option<Timestamp> {
        self.effective_to
    }

    fn price(&self) -> &Price {
        &self.price
    }

    fn with(&self, effective_from: Option<Timestamp>, effective_to: Option<Timestamp>, price: Price) -> Row {
        Row { effective_from, effective_to, price, ..self.clone() }
    }

    fn difference(&self, other: &Row) -> Option<&'static str> {
        let differing = [
            ("destination", self.destination != other.destination),
            ("country", self.country != other.country),
            ("kind", self.kind != other.kind),
            ("answer (a rate, or denied)", self.denied != other.denied),
        ];
        differing.into_iter().find(|(_, differs)| *differs).map(|(field, _)| field)
    }
}
