//! Price lists: what a minute to a prefix costs.

mod builder;
mod in_force;

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

pub use builder::DeckBuilder;
pub(crate) use builder::assert_as_in_a_file;
pub use in_force::{Conflict, ROWS_AT_ONCE_MAX, RowConflict};
pub(crate) use in_force::{Dated, in_force};

use crate::core::currency::Currency;
use crate::core::money::LineRounding;
use crate::core::number::{Country, Number};
use crate::core::prefix::{PrefixId, PrefixIndex};
use crate::core::price::Price;

/// Rows of one deck at most.
pub const DECK_ROWS_MAX: usize = 2_000_000;

/// What a destination is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Mobile networks.
    Mobile,
    /// Fixed networks.
    Landline,
    /// Mobile and fixed alike, or not said.
    Mixed,
    /// The called party pays at home; from abroad it may still cost.
    TollFree,
    /// Corporate, shared-cost and Internet numbers that lie in no area.
    NonGeographic,
    /// Numbers that follow a person.
    Personal,
    /// The called party is paid by the caller.
    Premium,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Kind; 7] =
        [Kind::Mobile, Kind::Landline, Kind::Mixed, Kind::TollFree, Kind::NonGeographic, Kind::Personal, Kind::Premium];

    /// The stable code, as in price lists.
    pub fn code(self) -> &'static str {
        match self {
            Kind::Mobile => "mobile",
            Kind::Landline => "landline",
            Kind::Mixed => "mixed",
            Kind::TollFree => "toll_free",
            Kind::NonGeographic => "non_geographic",
            Kind::Personal => "personal",
            Kind::Premium => "premium",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// What a price list says of one prefix from one instant to another (R10): a row, with the bands of other rows that are in force
/// at the same time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The first digits of the numbers that it prices, without `+`.
    pub prefix: Box<str>,
    /// What a bill calls the destination; may be empty.
    pub destination: Arc<str>,
    /// The country, where the list names one. Only a text to show: whose a number is, the number plan says (R14).
    pub country: Option<Country>,
    /// What the destination is.
    pub kind: Kind,
    /// What calls cost; nothing where the row denies.
    pub price: Price,
    /// In force from this instant on; `None`: always was.
    pub effective_from: Option<Timestamp>,
    /// In force before this instant; `None`: without end.
    pub effective_to: Option<Timestamp>,
    /// Calls to it are refused, so that they do not fall through to a cheaper parent (R11).
    pub denied: bool,
}

impl Row {
    /// The row is in force at this instant: from inclusive, to exclusive.
    pub fn is_in_force(&self, at: Timestamp) -> bool {
        self.effective_from.is_none_or(|from| from <= at) && self.effective_to.is_none_or(|to| at < to)
    }
}

/// What is said of a whole price list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeckHeader {
    /// The name that tenants refer to.
    pub id: Box<str>,
    /// Tells apart what was in force under this name.
    pub version: Box<str>,
    /// The currency of all its prices (R17).
    pub currency: Currency,
    /// How a charge line is rounded (R16).
    pub rounding: LineRounding,
    /// Calls that start before this instant are not priced by this version (F7); `None`: always was.
    pub effective_from: Option<Timestamp>,
}

/// One version of a price list, complete and valid.
#[derive(Debug)]
pub struct Deck {
    header: DeckHeader,
    label: Arc<str>,
    index: PrefixIndex,
    /// By prefix, then by date: of a prefix, one at most is in force at any time. The index names the first of a prefix.
    rows: Vec<Row>,
}

impl Deck {
    /// What is said of the whole list.
    pub fn header(&self) -> &DeckHeader {
        &self.header
    }

    /// The same list, in force from another instant on: a version that is taken back into force, for example.
    pub fn in_force_from(mut self, at: Timestamp) -> Deck {
        self.header.effective_from = Some(at);
        self
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

    /// All rows, by prefix, then by date.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The row that prices a call to `number` that started `at` (R11, F7): of the longest prefix that has a row in force.
    /// Rows outside their own dates are not seen. A denial is an answer: look at [`Row::denied`]. `None`: no rate.
    pub fn lookup(&self, number: &Number, at: Timestamp) -> Option<&Row> {
        let mut prefix = self.index.longest(number);
        while let Some(candidate) = prefix {
            if let Some(row) = self.rows_of(candidate).find(|row| row.is_in_force(at)) {
                return Some(row);
            }
            prefix = self.index.next_shorter(candidate);
        }
        None
    }

    /// All rows whose prefix the number begins with: the longest first, then by date.
    pub fn candidates<'d>(&'d self, number: &Number) -> impl Iterator<Item = &'d Row> + use<'d> {
        let longest = self.index.longest(number);
        let prefixes = std::iter::successors(longest, |prefix| self.index.next_shorter(*prefix));
        prefixes.flat_map(|prefix| self.rows_of(prefix))
    }

    fn rows_of(&self, prefix: PrefixId) -> impl Iterator<Item = &Row> {
        let rows = &self.rows[prefix.index()..];
        rows.iter().take_while(|row| row.prefix == rows[0].prefix)
    }
}

#[cfg(test)]
mod tests;
