//! Rows that price the same calls at the same time: which of them contradict each other, and what the others say together.

use std::sync::Arc;

use jiff::Timestamp;

use crate::core::band::{TimeBand, TimeBands};
use crate::core::money::Rate;
use crate::core::price::Price;

/// Rows of one prefix, or of one pair of countries, at most: all are compared with each other.
pub const ROWS_AT_ONCE_MAX: usize = 256;

/// A row that contradicts an earlier one, or one too many.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} {conflict}")]
pub struct RowConflict {
    /// What both price, as `prefix 44`.
    pub what: Box<str>,
    /// The line of the row that comes later.
    pub line: u64,
    /// How.
    pub conflict: Conflict,
}

/// How two rows contradict each other; `earlier_line` is that of the row that comes first in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    /// Both price the whole week (R11).
    #[error("is also in line {earlier_line}, with overlapping dates")]
    Duplicate {
        /// Where the other is.
        earlier_line: u64,
    },
    /// Both have a rate for the same hours (F8).
    #[error("is also in line {earlier_line}, with an overlapping time band")]
    OverlappingBands {
        /// Where the other is.
        earlier_line: u64,
    },
    /// Whether their hours overlap would change with the clocks.
    #[error("is also in line {earlier_line}, with a time band of another zone: all bands of one need one zone")]
    OtherZone {
        /// Where the other is.
        earlier_line: u64,
    },
    /// They differ in more than the rate (F8).
    #[error("is also in line {earlier_line}, with another {field}: a time band changes the rate only")]
    Differs {
        /// Where the other is.
        earlier_line: u64,
        /// The column in which they differ.
        field: &'static str,
    },
    /// More than [`ROWS_AT_ONCE_MAX`].
    #[error("is in more than {ROWS_AT_ONCE_MAX} lines")]
    TooMany,
}

/// A row that is in force for a time, with a default rate or with one band, as it stands in a file.
pub(crate) trait Dated: Clone {
    fn from(&self) -> Option<Timestamp>;
    fn to(&self) -> Option<Timestamp>;
    fn price(&self) -> &Price;
    /// The same row from and to other instants, at another price.
    fn with(&self, from: Option<Timestamp>, to: Option<Timestamp>, price: Price) -> Self;
    /// The first column besides dates, band and price in which the two differ.
    fn difference(&self, other: &Self) -> Option<&'static str>;
}

pub(super) fn overlap(a: &impl Dated, b: &impl Dated) -> bool {
    let begins_before_end = |from: Option<Timestamp>, to: Option<Timestamp>| match (from, to) {
        (Some(from), Some(to)) => from < to,
        _ => true,
    };
    begins_before_end(a.from(), b.to()) && begins_before_end(b.from(), a.to())
}

/// The one band of a row as it stands in a file.
fn band_of(row: &impl Dated) -> Option<&(TimeBand, Rate)> {
    row.price().bands.as_ref().map(|bands| &bands.all()[0])
}

fn conflict<R: Dated>(earlier: &R, earlier_line: u64, later: &R) -> Option<Conflict> {
    if !overlap(earlier, later) {
        return None;
    }
    let (a, b) = match (band_of(earlier), band_of(later)) {
        (None, None) => return Some(Conflict::Duplicate { earlier_line }),
        (Some((a, _)), Some((b, _))) => (Some(a), Some(b)),
        _ => (None, None),
    };
    if let (Some(a), Some(b)) = (a, b) {
        if a.zone() != b.zone() {
            return Some(Conflict::OtherZone { earlier_line });
        }
        if a.overlaps(b) {
            return Some(Conflict::OverlappingBands { earlier_line });
        }
    }
    let field = earlier.difference(later).or_else(|| price_difference(earlier.price(), later.price()))?;
    Some(Conflict::Differs { earlier_line, field })
}

/// The first column besides rate and band in which two prices differ.
fn price_difference(a: &Price, b: &Price) -> Option<&'static str> {
    let differing = [
        ("connect_fee", a.connect_fee != b.connect_fee),
        ("initial_increment", a.initial_increment != b.initial_increment),
        ("increment", a.increment != b.increment),
        ("minimum_charge", a.minimum_charge != b.minimum_charge),
    ];
    differing.into_iter().find(|(_, differs)| *differs).map(|(field, _)| field)
}

/// Puts the rows of one prefix together, as they stand in a file with their lines: by date, so that at any time one at most is
/// in force and has all that is said of that time.
///
/// # Errors
/// Every row that contradicts an earlier one.
pub(crate) fn in_force<R: Dated>(
    given: Vec<(u64, R)>,
    what: impl Fn() -> Box<str>,
) -> Result<Vec<R>, Vec<RowConflict>> {
    let fault = |line, conflict| RowConflict { what: what(), line, conflict };
    if let Some((line, _)) = given.get(ROWS_AT_ONCE_MAX) {
        return Err(vec![fault(*line, Conflict::TooMany)]);
    }
    let mut kept: Vec<(u64, R)> = Vec::with_capacity(given.len());
    let mut conflicts = Vec::new();
    for (line, row) in given {
        match kept.iter().find_map(|(earlier_line, earlier)| conflict(earlier, *earlier_line, &row)) {
            Some(conflict) => conflicts.push(fault(line, conflict)),
            None => kept.push((line, row)),
        }
    }
    if !conflicts.is_empty() {
        return Err(conflicts);
    }
    let mut rows: Vec<R> = kept.into_iter().map(|(_, row)| row).collect();
    if rows.iter().any(|row| row.price().bands.is_some()) {
        rows = cut_at_all_dates(&rows);
    }
    rows.sort_by_key(Dated::from);
    Ok(rows)
}

/// Between two dates at which a row begins or ends the same rows are in force: they are one there.
fn cut_at_all_dates<R: Dated>(rows: &[R]) -> Vec<R> {
    let mut dates: Vec<Timestamp> = rows.iter().flat_map(|row| [row.from(), row.to()]).flatten().collect();
    dates.sort_unstable();
    dates.dedup();
    let begins = [None].into_iter().chain(dates.iter().copied().map(Some));
    let ends = dates.iter().copied().map(Some).chain([None]);
    begins.zip(ends).filter_map(|(from, to)| together(rows, from, to)).collect()
}

/// What is in force from one date to the next, as one row.
fn together<R: Dated>(rows: &[R], from: Option<Timestamp>, to: Option<Timestamp>) -> Option<R> {
    let covers = |row: &&R| {
        let begun = row.from().is_none_or(|begin| from.is_some_and(|from| begin <= from));
        begun && row.to().is_none_or(|end| to.is_some_and(|to| to <= end))
    };
    let in_force: Vec<&R> = rows.iter().filter(covers).collect();
    let bands: Vec<(TimeBand, Rate)> = in_force.iter().filter_map(|row| band_of(*row).cloned()).collect();
    let default = in_force.iter().find(|row| row.price().bands.is_none());
    let first = default.or(in_force.first())?;
    let price = Price {
        rate: first.price().rate,
        bands: (!bands.is_empty()).then(|| Arc::new(TimeBands::new(bands))),
        ..first.price().clone()
    };
    Some(first.with(from, to, price))
}
