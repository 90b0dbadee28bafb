//! Times and durations as switches write them. Digits are read as digits: no float on the way.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::fmt::rfc2822::DateTimeParser;
use jiff::tz::{AmbiguousOffset, TimeZone};

use crate::core::cdr::CallTimes;
use crate::core::duration::CallDuration;
use crate::wire::fields::FieldFault;

/// Digits of a number of seconds since 1970 at most; more is beyond the year 9999.
const EPOCH_DIGITS_MAX: usize = 12;
const NANOS_DIGITS: usize = 9;

/// When a call was: answered for `duration`, or not at all.
///
/// # Errors
/// A call that lasted and was not answered.
pub(super) fn call_times(
    answered_at: Option<Timestamp>,
    duration: CallDuration,
    ended_at: impl FnOnce() -> Result<Timestamp, FieldFault>,
) -> Result<CallTimes, FieldFault> {
    match answered_at {
        Some(at) => Ok(CallTimes::Answered { at, duration }),
        None if !duration.is_zero() => {
            Err(FieldFault::new("record", format_args!("lasted {duration} s, but has no time of an answer")))
        }
        None => Ok(CallTimes::Unanswered { ended_at: ended_at()? }),
    }
}

/// Seconds since 1970 with up to nine decimals: `1474639281`, `1374493797.123`. 0 is no time.
pub(super) fn epoch_seconds(name: &str, text: &str) -> Result<Option<Timestamp>, FieldFault> {
    let fault = || FieldFault::new(name, "not seconds since 1970");
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let fits = digits(whole) && whole.len() <= EPOCH_DIGITS_MAX && digits(fraction) && fraction.len() <= NANOS_DIGITS;
    if !fits {
        return Err(fault());
    }
    let seconds: i64 = whole.parse().map_err(|_| fault())?;
    let nanos: i32 = format!("{fraction:0<NANOS_DIGITS$}").parse().map_err(|_| fault())?;
    if (seconds, nanos) == (0, 0) {
        return Ok(None);
    }
    Timestamp::new(seconds, nanos).map(Some).map_err(|_| fault())
}

/// Microseconds since 1970. 0 is no time.
pub(super) fn epoch_micros(name: &str, text: &str) -> Result<Option<Timestamp>, FieldFault> {
    let fault = || FieldFault::new(name, "not microseconds since 1970");
    let micros: i64 = if digits(text) { text.parse().map_err(|_| fault())? } else { return Err(fault()) };
    if micros == 0 { Ok(None) } else { Timestamp::from_microsecond(micros).map(Some).map_err(|_| fault()) }
}

/// A wall clock in a zone: `2024-01-27 15:07:24`, `2020/2/10 22:41`, with a fraction of a second too. A time that came
/// twice, when clocks went back, is the earlier one; one that never came is a fault.
pub(super) fn wall_clock(name: &str, text: &str, zone: Option<&TimeZone>) -> Result<Timestamp, FieldFault> {
    let zone = zone.ok_or_else(|| FieldFault::new(name, "has no zone: give time_zone in the mapping"))?;
    let civil = read_civil(text).ok_or_else(|| FieldFault::new(name, "not a date and a time"))?;
    let ambiguous = zone.to_ambiguous_timestamp(civil);
    if matches!(ambiguous.offset(), AmbiguousOffset::Gap { .. }) {
        return Err(FieldFault::new(name, "a time that clocks went past when they were put forward"));
    }
    ambiguous.earlier().map_err(|_| FieldFault::new(name, "out of range"))
}

fn read_civil(text: &str) -> Option<DateTime> {
    let (date, time) = text.split_once([' ', 'T'])?;
    let separator = if date.contains('/') { '/' } else { '-' };
    let [year, month, day] = parts(date, separator)?;
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let [hour, minute, second] = match parts(time, ':') {
        Some(parts) => parts,
        None => {
            let [hour, minute] = parts(time, ':')?;
            [hour, minute, "0"]
        }
    };
    if year.len() != 4 || !digits(fraction) || fraction.len() > NANOS_DIGITS {
        return None;
    }
    let nanos = format!("{fraction:0<NANOS_DIGITS$}").parse().ok()?;
    let two = |text: &str| if text.len() <= 2 { text.parse::<i8>().ok() } else { None };
    DateTime::new(year.parse().ok()?, two(month)?, two(day)?, two(hour)?, two(minute)?, two(second)?, nanos).ok()
}

/// Exactly so many runs of digits.
fn parts<const N: usize>(text: &str, separator: char) -> Option<[&str; N]> {
    let mut found = text.split(separator);
    let parts: [Option<&str>; N] = std::array::from_fn(|_| found.next().filter(|part| digits(part)));
    if found.next().is_some() || parts.contains(&None) {
        return None;
    }
    Some(parts.map(Option::unwrap_or_default))
}

/// `Tue, 31 Aug 2010 20:36:28 +0000`.
pub(super) fn rfc_2822(name: &str, text: &str) -> Result<Timestamp, FieldFault> {
    const PARSER: DateTimeParser = DateTimeParser::new();
    PARSER.parse_timestamp(text).map_err(|_| FieldFault::new(name, "not a time as RFC 2822 writes it"))
}

/// Seconds with up to six decimals.
pub(super) fn seconds(name: &str, text: &str) -> Result<CallDuration, FieldFault> {
    text.parse().map_err(|fault| FieldFault::new(name, fault))
}

/// Whole thousandths of a second.
pub(super) fn millis(name: &str, text: &str) -> Result<CallDuration, FieldFault> {
    whole(name, text, 1_000)
}

/// Whole millionths of a second.
pub(super) fn micros(name: &str, text: &str) -> Result<CallDuration, FieldFault> {
    whole(name, text, 1)
}

fn whole(name: &str, text: &str, micros_each: u64) -> Result<CallDuration, FieldFault> {
    let count: Option<u64> = if digits(text) { text.parse().ok() } else { None };
    let count = count.ok_or_else(|| FieldFault::new(name, "not a whole number"))?;
    let micros = count.saturating_mul(micros_each);
    CallDuration::from_micros(micros).map_err(|fault| FieldFault::new(name, fault))
}

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told<T: ToString>(read: Result<T, FieldFault>) -> String {
        read.map_or_else(|fault| fault.to_string(), |value| value.to_string())
    }

    #[test]
    fn epochs_are_read_to_the_last_digit() {
        let seconds =
            |text: &str| told(epoch_seconds("x", text).map(|at| at.map_or("none".into(), |at| at.to_string())));
        let micros = |text: &str| told(epoch_micros("x", text).map(|at| at.map_or("none".into(), |at| at.to_string())));
        assert_eq!(seconds("1474639281"), "2016-09-23T14:01:21Z");
        assert_eq!(seconds("1474639281.123"), "2016-09-23T14:01:21.123Z");
        assert_eq!(micros("1515666347954373"), "2018-01-11T10:25:47.954373Z");
        assert_eq!((seconds("0"), micros("0")), ("none".into(), "none".into()));
        for wrong in ["", "-1", "1e9", "1.", ".5", "1474639281.1234567890", "9999999999999", "x"] {
            assert_eq!(seconds(wrong), "x: not seconds since 1970", "{wrong}");
        }
        for wrong in ["", "-1", "1.5", "99999999999999999999", "9223372036854775807"] {
            assert_eq!(micros(wrong), "x: not microseconds since 1970", "{wrong}");
        }
    }

    #[test]
    fn a_wall_clock_needs_a_zone_and_knows_its_summer_time() {
        let paris = TimeZone::get("Europe/Paris").expect("bundled");
        let read = |text: &str| told(wall_clock("x", text, Some(&paris)));
        let cases = [
            ("2024-01-27 15:07:24", "2024-01-27T14:07:24Z"),
            ("2024-07-27T15:07:24.5", "2024-07-27T13:07:24.5Z"),
            ("2020/2/10 22:41", "2020-02-10T21:41:00Z"),
            // 02:30 came twice: the earlier one.
            ("2024-10-27 02:30:00", "2024-10-27T00:30:00Z"),
            ("2024-03-31 02:30:00", "x: a time that clocks went past when they were put forward"),
            ("2024-02-30 10:00:00", "x: not a date and a time"),
            ("2024-01-27", "x: not a date and a time"),
            ("24-01-27 10:00:00", "x: not a date and a time"),
            ("2024-01-27 10:00:00:00", "x: not a date and a time"),
            ("2024-01-27 10:00:00Z", "x: not a date and a time"),
            ("2024-+1-27 10:00:00", "x: not a date and a time"),
            ("", "x: not a date and a time"),
        ];
        for (text, expected) in cases {
            assert_eq!(read(text), expected, "{text}");
        }
        let zoneless = told(wall_clock("x", "2024-01-27 15:07:24", None));
        assert_eq!(zoneless, "x: has no zone: give time_zone in the mapping");
    }

    #[test]
    fn rfc_2822_has_names_and_an_offset() {
        let read = |text: &str| told(rfc_2822("x", text));
        assert_eq!(read("Tue, 31 Aug 2010 20:36:28 +0000"), "2010-08-31T20:36:28Z");
        assert_eq!(read("Tue, 31 Aug 2010 20:36:28 +0200"), "2010-08-31T18:36:28Z");
        for wrong in ["", "2010-08-31T20:36:28Z", "Wed, 31 Aug 2010 20:36:28 +0000", "31 Aug"] {
            assert_eq!(read(wrong), "x: not a time as RFC 2822 writes it", "{wrong}");
        }
    }

    #[test]
    fn durations_are_exact_in_every_unit() {
        assert_eq!(told(seconds("x", "4.25")), "4.25");
        assert_eq!(told(millis("x", "4250")), "4.25");
        assert_eq!(told(micros("x", "67539896")), "67.539896");
        assert_eq!(told(millis("x", "4250.0")), "x: not a whole number");
        assert_eq!(told(micros("x", "-5")), "x: not a whole number");
        assert_eq!(told(millis("x", "18446744073709551615")), "x: longer than 7 days");
        assert_eq!(told(seconds("x", "-5")), "x: negative");
    }
}
