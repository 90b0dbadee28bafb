//! Price lists: what a minute to a prefix costs.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

use crate::core::currency::Currency;
use crate::core::duration::CallDuration;
use crate::core::money::{LineRounding, Money, Rate};
use crate::core::number::{Country, Number};
use crate::core::prefix::{PrefixIndex, is_prefix};

/// The seconds of the first increment and of those after it, unless a row says otherwise (R10).
pub const INCREMENT_DEFAULT_SECONDS: u32 = 60;
/// Seconds of an increment at most: a day.
pub const INCREMENT_MAX_SECONDS: u32 = 86_400;
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

/// One row of a price list (R10).
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
    /// The price of a minute; 0 where the row denies.
    pub rate: Rate,
    /// Once for each paid call.
    pub connect_fee: Money,
    /// Seconds that are billed at least; 0: all increments alike (F11).
    pub initial_increment: u32,
    /// Seconds that are billed at a time beyond those; 1 or more.
    pub increment: u32,
    /// What a paid call costs at least.
    pub minimum_charge: Money,
    /// In force from this instant on; `None`: always was.
    pub effective_from: Option<Timestamp>,
    /// In force before this instant; `None`: without end.
    pub effective_to: Option<Timestamp>,
    /// Calls to it are refused, so that they do not fall through to a cheaper parent (R11).
    pub denied: bool,
}

impl Row {
    /// The seconds to bill for a call of this duration (R15): 0 for 0; the initial increment up to it; beyond, whole
    /// increments. A fraction of a second counts up.
    pub fn billed_seconds(&self, duration: CallDuration) -> u64 {
        let (initial, increment) = (u64::from(self.initial_increment), u64::from(self.increment));
        match duration.seconds_up() {
            0 => 0,
            seconds => initial + seconds.saturating_sub(initial).div_ceil(increment) * increment,
        }
    }

    /// The row is in force at this instant: from inclusive, to exclusive.
    pub fn is_in_force(&self, at: Timestamp) -> bool {
        self.effective_from.is_none_or(|from| from <= at) && self.effective_to.is_none_or(|to| at < to)
    }

    fn overlaps(&self, other: &Row) -> bool {
        let begins_before_end = |a: &Row, b: &Row| match (a.effective_from, b.effective_to) {
            (Some(from), Some(to)) => from < to,
            _ => true,
        };
        begins_before_end(self, other) && begins_before_end(other, self)
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
    /// For each prefix of the index where its rows begin; one more at the end.
    begins: Vec<u32>,
    /// By prefix, then by date.
    rows: Vec<Row>,
}

impl Deck {
    /// What is said of the whole list.
    pub fn header(&self) -> &DeckHeader {
        &self.header
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
            let begin = candidate.index();
            let (begin, end) = (place(self.begins[begin]), place(self.begins[begin + 1]));
            if let Some(row) = self.rows[begin..end].iter().find(|row| row.is_in_force(at)) {
                return Some(row);
            }
            prefix = self.index.next_shorter(candidate);
        }
        None
    }
}

fn place(row: u32) -> usize {
    usize::try_from(row).expect("32 bits fit")
}

/// Two rows of one prefix are in force at the same time (R11).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("prefix {prefix} is also in line {earlier_line}, with overlapping dates")]
pub struct DuplicatePrefix {
    /// The prefix.
    pub prefix: Box<str>,
    /// The line of the row that comes first in the file.
    pub earlier_line: u64,
    /// The line of the row that comes later.
    pub line: u64,
}

/// Gathers the rows of a deck and proves that no two price the same call.
#[derive(Debug)]
pub struct DeckBuilder {
    header: DeckHeader,
    rows: BTreeMap<Box<str>, Vec<(u64, Row)>>,
    duplicates: Vec<DuplicatePrefix>,
}

impl DeckBuilder {
    /// A deck without rows.
    pub fn new(header: DeckHeader) -> DeckBuilder {
        DeckBuilder { header, rows: BTreeMap::new(), duplicates: Vec::new() }
    }

    /// Adds the row that stands in `line`.
    ///
    /// # Panics
    /// If its prefix is not 1 to 15 digits without a leading 0, or its increment is 0: whoever reads rows checks that.
    pub fn push(&mut self, line: u64, row: Row) {
        assert!(is_prefix(&row.prefix), "a prefix is 1 to 15 digits: {:?}", row.prefix);
        assert!(row.increment > 0, "an increment is 1 second or more");
        let same_prefix = self.rows.entry(row.prefix.clone()).or_default();
        if let Some((earlier_line, _)) = same_prefix.iter().find(|(_, earlier)| earlier.overlaps(&row)) {
            self.duplicates.push(DuplicatePrefix { prefix: row.prefix, earlier_line: *earlier_line, line });
        } else {
            same_prefix.push((line, row));
        }
    }

    /// The deck, if no two of its rows price the same call.
    ///
    /// # Errors
    /// Every row that overlaps an earlier one, in the order in which they were added.
    ///
    /// # Panics
    /// With more than [`DECK_ROWS_MAX`] rows.
    pub fn build(self) -> Result<Deck, Vec<DuplicatePrefix>> {
        if !self.duplicates.is_empty() {
            return Err(self.duplicates);
        }
        let index = PrefixIndex::new(self.rows.keys().map(AsRef::as_ref));
        let mut begins = vec![0];
        let mut rows = Vec::new();
        for mut same_prefix in self.rows.into_values() {
            same_prefix.sort_by_key(|(_, row)| row.effective_from);
            rows.extend(same_prefix.into_iter().map(|(_, row)| row));
            begins.push(u32::try_from(rows.len()).expect("fewer rows than the bound"));
        }
        assert!(rows.len() <= DECK_ROWS_MAX, "a deck has at most {DECK_ROWS_MAX} rows");
        let label = Arc::from(format!("{}@{}", self.header.id, self.header.version));
        Ok(Deck { header: self.header, label, index, begins, rows })
    }
}
