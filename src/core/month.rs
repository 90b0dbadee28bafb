//! Calendar months and days in UTC: what pools, caps and spend limits are counted by.

use std::fmt;

use jiff::civil;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

const SECONDS_PER_DAY: i64 = 86_400;

/// A calendar month in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month {
    year: i16,
    month: i8,
}

impl Month {
    /// The month of an instant.
    pub fn of(at: Timestamp) -> Month {
        let date: civil::Date = TimeZone::UTC.to_datetime(at).date();
        Month { year: date.year(), month: date.month() }
    }

    /// Reads `yyyy-mm`.
    pub fn parse(text: &str) -> Option<Month> {
        let (year, month) = text.split_once('-')?;
        let digits = |text: &str, len| text.len() == len && text.bytes().all(|byte| byte.is_ascii_digit());
        let is_plain = digits(year, 4) && digits(month, 2);
        let month = Month { year: year.parse().ok()?, month: month.parse().ok()? };
        (is_plain && (1..=12).contains(&month.month)).then_some(month)
    }

    /// Its first instant; `Timestamp::MAX` beyond the calendar's end.
    pub fn start(self) -> Timestamp {
        let first = civil::Date::new(self.year, self.month, 1).and_then(|date| date.to_zoned(TimeZone::UTC));
        first.map_or(Timestamp::MAX, |first| first.timestamp())
    }

    /// The one after it.
    pub fn next(self) -> Month {
        self.ahead(1)
    }

    /// So many months before it.
    pub fn back(self, months: u8) -> Month {
        self.shifted(-i32::from(months))
    }

    /// So many months after it.
    pub fn ahead(self, months: u8) -> Month {
        self.shifted(i32::from(months))
    }

    fn shifted(self, months: i32) -> Month {
        let count = i32::from(self.year) * 12 + i32::from(self.month) - 1 + months;
        let year = i16::try_from(count.div_euclid(12)).expect("a few months before a year of 16 bits");
        Month { year, month: i8::try_from(count.rem_euclid(12) + 1).expect("1 to 12") }
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

/// A day in UTC, counted from the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(i32);

impl Day {
    /// The day of an instant.
    pub fn of(at: Timestamp) -> Day {
        Day(i32::try_from(at.as_second().div_euclid(SECONDS_PER_DAY)).expect("the calendar has four million days"))
    }

    /// The first instant of the day after it.
    pub fn end(self) -> Timestamp {
        let next = (i64::from(self.0) + 1) * SECONDS_PER_DAY;
        Timestamp::from_second(next).unwrap_or(Timestamp::MAX)
    }

    /// Its first instant.
    pub fn start(self) -> Timestamp {
        let start = i64::from(self.0) * SECONDS_PER_DAY;
        Timestamp::from_second(start).unwrap_or(Timestamp::MIN)
    }
}

impl fmt::Display for Day {
    /// `yyyy-mm-dd`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", TimeZone::UTC.to_datetime(self.start()).date())
    }
}

/// The same time some months later; a month's end clamps (R30).
pub fn months_later(at: Timestamp, months: i32) -> Timestamp {
    let later = at.to_zoned(TimeZone::UTC).checked_add(months.months());
    later.map_or(Timestamp::MAX, |later| later.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect(text)
    }

    #[test]
    fn r23_a_month_is_a_calendar_month_in_utc() {
        let november = Month::of(at("2026-11-30T23:59:59.999Z"));
        assert_eq!(november.to_string(), "2026-11");
        assert_eq!(november.next().start(), at("2026-12-01T00:00:00Z"));
        assert_eq!(november.next().next().to_string(), "2027-01");
        assert_eq!(november.back(6).to_string(), "2026-05");
        assert_eq!(november.back(11).to_string(), "2025-12");
        for text in ["2026-11", "0001-01"] {
            assert_eq!(Month::parse(text).map(|month| month.to_string()).as_deref(), Some(text));
        }
        for text in ["2026-13", "2026-00", "26-11", "2026-1", "2026-011", "+026-11", "2026"] {
            assert_eq!(Month::parse(text), None, "{text}");
        }
    }

    #[test]
    fn r38_a_day_ends_at_midnight_in_utc() {
        let day = Day::of(at("2026-11-30T23:59:59.999Z"));
        assert_eq!((day.to_string().as_str(), day.end()), ("2026-11-30", at("2026-12-01T00:00:00Z")));
        assert_eq!(Day::of(day.end()).to_string(), "2026-12-01");
        assert_eq!(Day::of(at("1969-12-31T23:00:00Z")).to_string(), "1969-12-31");
    }

    #[test]
    fn r30_a_year_later_at_the_end_of_february() {
        assert_eq!(months_later(at("2028-02-29T10:00:00Z"), 12), at("2029-02-28T10:00:00Z"));
    }
}
