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
    /// By prefix, then by date. The index names the first row of a prefix.
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
            let mut place = candidate.index();
            loop {
                let row = &self.rows[place];
                if row.is_in_force(at) {
                    return Some(row);
                }
                place += 1;
                if self.rows.get(place).is_none_or(|next| next.prefix != row.prefix) {
                    break;
                }
            }
            prefix = self.index.next_shorter(candidate);
        }
        None
    }
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
        let mut rows = Vec::new();
        for mut same_prefix in self.rows.into_values() {
            same_prefix.sort_by_key(|(_, row)| row.effective_from);
            rows.extend(same_prefix.into_iter().map(|(_, row)| row));
        }
        assert!(rows.len() <= DECK_ROWS_MAX, "a deck has at most {DECK_ROWS_MAX} rows");
        let index = PrefixIndex::new(rows.iter().map(|row| row.prefix.as_ref()));
        let label = Arc::from(format!("{}@{}", self.header.id, self.header.version));
        Ok(Deck { header: self.header, label, index, rows })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn row(prefix: &str) -> Row {
        Row {
            prefix: prefix.into(),
            destination: "somewhere".into(),
            country: None,
            kind: Kind::Mixed,
            rate: "0.01".parse().expect("a rate"),
            connect_fee: Money::ZERO,
            initial_increment: 60,
            increment: 60,
            minimum_charge: Money::ZERO,
            effective_from: None,
            effective_to: None,
            denied: false,
        }
    }

    /// In force from one second of the epoch to another.
    fn dated(prefix: &str, from: Option<i64>, to: Option<i64>) -> Row {
        let instant = |second| Timestamp::from_second(second).expect("near the epoch");
        Row { effective_from: from.map(instant), effective_to: to.map(instant), ..row(prefix) }
    }

    fn build(rows: impl IntoIterator<Item = Row>) -> Result<Deck, Vec<DuplicatePrefix>> {
        let mut builder = DeckBuilder::new(DeckHeader {
            id: "test".into(),
            version: "1".into(),
            currency: "USD".parse().expect("a currency"),
            rounding: LineRounding::default(),
            effective_from: None,
        });
        for (line, row) in (2..).zip(rows) {
            builder.push(line, row);
        }
        builder.build()
    }

    fn found(deck: &Deck, number: &str, second: i64) -> Option<String> {
        let at = Timestamp::from_second(second).expect("near the epoch");
        let row = deck.lookup(&number.parse().expect("a number"), at)?;
        Some(format!("{}{}", row.prefix, if row.denied { " denied" } else { "" }))
    }

    #[test]
    fn r15_seconds_are_billed_by_increments() {
        let cases = [
            ("0", 60, 60, 0),
            ("0.000001", 60, 60, 60),
            ("1", 60, 60, 60),
            ("60", 60, 60, 60),
            ("60.000001", 60, 60, 120),
            ("61", 60, 60, 120),
            ("205", 6, 6, 210),
            ("205", 30, 6, 210),
            ("29", 30, 6, 30),
            ("205", 1, 1, 205),
            ("204.3", 1, 1, 205),
            ("7", 0, 6, 12), // F11: all increments alike
            ("1", 0, 60, 60),
            ("0", 0, 60, 0),
            ("604800", 60, 86_400, 604_800 + 60),
        ];
        for (duration, initial_increment, increment, expected) in cases {
            let row = Row { initial_increment, increment, ..row("44") };
            let duration: CallDuration = duration.parse().expect("a duration");
            assert_eq!(row.billed_seconds(duration), expected, "{duration} at {initial_increment}/{increment}");
        }
    }

    #[test]
    fn f7_rows_outside_their_dates_are_not_seen() {
        let deck = build([
            row("44"),
            dated("447", Some(100), Some(200)),
            dated("447", Some(200), Some(300)),
            Row { denied: true, ..dated("44790", Some(250), None) },
        ])
        .expect("no overlap");
        let cases = [
            (99, "44"),
            (100, "447"),
            (199, "447"),
            (200, "447"),
            (249, "447"),
            (250, "44790 denied"),
            (300, "44790 denied"),
        ];
        for (second, expected) in cases {
            assert_eq!(found(&deck, "447900123456", second).as_deref(), Some(expected), "at {second}");
        }
        assert_eq!(found(&deck, "447800123456", 300).as_deref(), Some("44"));
        assert_eq!(found(&deck, "33612345678", 0), None);
        let priced_by =
            deck.lookup(&"447800123456".parse().expect("a number"), Timestamp::from_second(200).expect("near"));
        assert_eq!(priced_by.and_then(|row| row.effective_to), Timestamp::from_second(300).ok());
    }

    #[test]
    fn r11_two_rows_of_a_prefix_in_force_at_once_are_a_fault() {
        let rows = [
            dated("44", Some(100), Some(200)),
            dated("44", Some(200), None),
            dated("45", None, None),
            dated("44", Some(199), Some(200)),
            dated("45", Some(5), None),
            dated("44", None, Some(100)),
        ];
        let duplicate =
            |prefix: &str, earlier_line, line| DuplicatePrefix { prefix: prefix.into(), earlier_line, line };
        assert_eq!(build(rows).map(|_| ()), Err(vec![duplicate("44", 2, 5), duplicate("45", 4, 6)]));
        assert_eq!(duplicate("44", 2, 5).to_string(), "prefix 44 is also in line 2, with overlapping dates");
    }

    proptest! {
        /// Few digits and few instants, so that prefixes lie inside each other and dates meet.
        #[test]
        fn law6_lookup_equals_a_naive_scan_with_dates(
            rows in prop::collection::vec(("[12]{1,6}", 0_i64..6, 1_i64..6, any::<bool>()), 0..60),
            calls in prop::collection::vec(("[12]{7,9}", 0_i64..12), 1..20),
        ) {
            let mut kept: Vec<Row> = Vec::new();
            for (prefix, from, lasts, denied) in rows {
                let new = Row { denied, ..dated(&prefix, Some(from), Some(from + lasts)) };
                if !kept.iter().any(|row| row.prefix == new.prefix && row.overlaps(&new)) {
                    kept.push(new);
                }
            }
            let deck = build(kept.clone()).expect("no overlaps are left");
            for (number, second) in calls {
                let number: Number = number.parse().expect("a number");
                let at = Timestamp::from_second(second).expect("near the epoch");
                let in_force = |row: &&Row| {
                    row.effective_from.expect("given") <= at && at < row.effective_to.expect("given")
                };
                let naive = kept.iter()
                    .filter(|row| number.digits().starts_with(row.prefix.as_ref()))
                    .filter(in_force)
                    .max_by_key(|row| row.prefix.len());
                prop_assert_eq!(deck.lookup(&number, at), naive);
            }
        }
    }
}
