//! Instants, UTC days and UTC months (A3).

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

/// `2026-11`: sorts as it follows.
pub type Month = String;

const HOURS_PER_DAY: i64 = 24;

/// So many days of 24 hours.
pub fn days(count: i64) -> SignedDuration {
    SignedDuration::from_hours(count * HOURS_PER_DAY)
}

/// As `time` of events.
pub fn in_milliseconds(at: Timestamp) -> String {
    format!("{at:.3}")
}

/// The UTC day of an instant.
pub fn day_of(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date()
}

/// The UTC month of an instant.
pub fn month_of(at: Timestamp) -> Month {
    month_of_day(day_of(at))
}

/// The month of a day.
pub fn month_of_day(day: Date) -> Month {
    format!("{:04}-{:02}", day.year(), day.month())
}

/// The first day of the month that has this name.
pub fn first_day(month: &str) -> Date {
    format!("{month}-01").parse().expect("a month")
}

/// The month that follows.
pub fn next_month(month: &str) -> Month {
    month_of_day(first_day(month) + 1.month())
}

/// The month before.
pub fn month_before(month: &str) -> Month {
    month_of_day(first_day(month) - 1.month())
}

/// Midnight UTC at which a day begins.
pub fn begin(day: Date) -> Timestamp {
    day.to_zoned(TimeZone::UTC).expect("UTC has every day").timestamp()
}

/// The first midnight after an instant.
pub fn next_day(after: Timestamp) -> Timestamp {
    begin(day_of(after) + 1.day())
}

/// The first beginning of a month after an instant.
pub fn next_month_begin(after: Timestamp) -> Timestamp {
    begin(first_day(&next_month(&month_of(after))))
}

/// The same time 12 months later; the 29th of February becomes the 28th (R30).
pub fn a_year_after(at: Timestamp) -> Timestamp {
    (at.to_zoned(TimeZone::UTC) + 12.months()).timestamp()
}
