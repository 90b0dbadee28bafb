//! Time bands: hours of the week, by the wall clock of a zone, at which another rate holds (R13, F8).

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::money::Rate;

const MINUTE_SECONDS: u32 = 60;
const DAY_SECONDS: u32 = 86_400;
const WEEK_SECONDS: u32 = 7 * DAY_SECONDS;
/// Days from the Monday before the epoch, which was a Thursday, to it.
const EPOCH_AFTER_MONDAY_DAYS: i64 = 3;
const DAY_NAMES: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
/// All days of the week.
const DAILY: &str = "daily";

/// Hours of some days of the week: from inclusive, to exclusive, by the wall clock of its zone.
///
/// Hours past midnight belong to the weekday of their evening (F8): `fri 18:00-08:00` ends on Saturday. Where clocks are put
/// back the repeated hour counts twice, where they are put forward the missing one is not there: only what the clock shows
/// matters. Read and written as days, hours and zone, days as a list, a range or both:
///
/// ```
/// use tollkeeper::core::band::TimeBand;
/// let evenings: TimeBand = "sun-thu 18:00-08:00 Europe/Berlin".parse()?;
/// assert_eq!(evenings.to_string(), "mon-thu,sun 18:00-08:00 Europe/Berlin");
/// assert!("daily 00:00-24:00 UTC".parse::<TimeBand>().is_ok());
/// # Ok::<(), tollkeeper::core::band::TimeBandError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeBand {
    /// Bit 0 is Monday; at least one is set.
    days: u8,
    /// Second of the day, below that of its end.
    from: u32,
    /// Second of the day after `from`; above 86,400 where the band runs past midnight.
    to: u32,
    zone: TimeZone,
}

/// Why a text is no time band.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimeBandError {
    /// Not three parts with spaces between.
    #[error("not days, hours and a zone, as `mon-fri 18:00-08:00 Europe/Berlin`")]
    Form,
    /// Not a list or range of days.
    #[error("not days as `mon-fri`, `sat,sun` or `daily`")]
    Days,
    /// Not two times of the day.
    #[error("not hours from 00:00 to 24:00, as `18:00-08:00`")]
    Hours,
    /// It begins when it ends.
    #[error("begins when it ends: the whole day is 00:00-24:00")]
    Empty,
    /// No zone of the database.
    #[error("no zone of the IANA database, as Europe/Berlin")]
    Zone,
}

impl FromStr for TimeBand {
    type Err = TimeBandError;

    fn from_str(text: &str) -> Result<TimeBand, TimeBandError> {
        let mut parts = text.split_ascii_whitespace();
        let (Some(days), Some(hours), Some(zone), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(TimeBandError::Form);
        };
        let days = read_days(days).ok_or(TimeBandError::Days)?;
        let (from, to) = hours.split_once('-').ok_or(TimeBandError::Hours)?;
        let from = read_hour(from).filter(|from| *from < DAY_SECONDS).ok_or(TimeBandError::Hours)?;
        let to = read_hour(to).ok_or(TimeBandError::Hours)?;
        if from == to {
            return Err(TimeBandError::Empty);
        }
        let to = if to < from { to + DAY_SECONDS } else { to };
        // The database is compiled in: no file is read, and all nodes have the same.
        let zone = TimeZone::get(zone).ok().filter(|zone| !zone.is_unknown()).ok_or(TimeBandError::Zone)?;
        Ok(TimeBand { days, from, to, zone })
    }
}

fn read_days(text: &str) -> Option<u8> {
    if text == DAILY {
        return Some(0x7f);
    }
    let day = |name: &str| DAY_NAMES.iter().position(|day| *day == name);
    text.split(',').try_fold(0, |days, part| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (day(first)?, day(last)?);
        // `fri-mon` goes on into the next week.
        let length = (last + DAY_NAMES.len() - first) % DAY_NAMES.len();
        Some((first..=first + length).fold(days, |days, day| days | 1 << (day % DAY_NAMES.len())))
    })
}

/// `hh:mm` as seconds of the day; 24:00 is its end.
fn read_hour(text: &str) -> Option<u32> {
    let two_digits = |text: &str| {
        let are_digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        are_digits.then(|| text.parse::<u32>().ok()).flatten()
    };
    let (hour, minute) = text.split_once(':')?;
    let (hour, minute) = (two_digits(hour)?, two_digits(minute)?);
    let second = (hour * 60 + minute) * MINUTE_SECONDS;
    (minute < 60 && second <= DAY_SECONDS).then_some(second)
}

impl fmt::Display for TimeBand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.days == 0x7f {
            f.write_str(DAILY)?;
        } else {
            f.write_str(&self.written_days())?;
        }
        let to = if self.to > DAY_SECONDS { self.to - DAY_SECONDS } else { self.to };
        let minutes = |second: u32| (second / 3600, second / MINUTE_SECONDS % 60);
        let ((from_hour, from_minute), (to_hour, to_minute)) = (minutes(self.from), minutes(to));
        write!(f, " {from_hour:02}:{from_minute:02}-{to_hour:02}:{to_minute:02} ")?;
        f.write_str(self.zone.iana_name().unwrap_or("UTC"))
    }
}

impl TimeBand {
    /// The zone whose clock counts.
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// Three days in a row or more are a range.
    fn written_days(&self) -> String {
        let mut runs: Vec<(usize, usize)> = Vec::new();
        for day in self.days() {
            match runs.last_mut() {
                Some((_, last)) if *last + 1 == day => *last = day,
                _ => runs.push((day, day)),
            }
        }
        let written = runs.into_iter().map(|(first, last)| match last - first {
            0 => DAY_NAMES[first].to_owned(),
            1 => format!("{},{}", DAY_NAMES[first], DAY_NAMES[last]),
            _ => format!("{}-{}", DAY_NAMES[first], DAY_NAMES[last]),
        });
        written.collect::<Vec<_>>().join(",")
    }

    /// From Monday, 0.
    fn days(&self) -> impl Iterator<Item = usize> {
        (0..DAY_NAMES.len()).filter(|day| self.days & 1 << day != 0)
    }

    /// The two have an hour of the week in common, by the same clock.
    pub(crate) fn overlaps(&self, other: &TimeBand) -> bool {
        self.hours().any(|(from, to)| other.hours().any(|(other_from, other_to)| from < other_to && other_from < to))
    }

    /// Its hours as seconds of the week; what runs over the end of the week is cut in two.
    fn hours(&self) -> impl Iterator<Item = (u32, u32)> {
        self.days().flat_map(|day| {
            let midnight = u32::try_from(day).expect("0 to 6") * DAY_SECONDS;
            let (from, to) = (midnight + self.from, midnight + self.to);
            let next_week = to.saturating_sub(WEEK_SECONDS);
            [(from, to.min(WEEK_SECONDS)), (0, next_week)].into_iter().filter(|(from, to)| from < to)
        })
    }
}

/// The bands of one price: no two overlap, and all are of one zone. What lies in none has the default rate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeBands {
    bands: Box<[(TimeBand, Rate)]>,
    /// The week from Monday on, by the second: what begins then. The first begins at 0, neighbours differ.
    week: Box<[Hours]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Hours {
    from: u32,
    band: Option<BandId>,
}

/// The place of a band in its [`TimeBands`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BandId(u16);

/// What holds at an instant, and how long it surely does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Holds {
    /// The band; `None`: the default.
    pub(crate) band: Option<BandId>,
    /// Second of the epoch until which nothing changes; later than the instant that was asked for.
    pub(crate) until: i64,
}

impl TimeBands {
    /// # Panics
    /// If there is no band, two overlap, or they are not of one zone: whoever reads bands checks that.
    pub fn new(bands: Vec<(TimeBand, Rate)>) -> TimeBands {
        let mut hours: Vec<(u32, u32, BandId)> = Vec::new();
        for (place, (band, _)) in (0..).zip(&bands) {
            assert!(band.zone == bands[0].0.zone, "the bands of a price are of one zone");
            hours.extend(band.hours().map(|(from, to)| (from, to, BandId(place))));
        }
        assert!(!hours.is_empty(), "there is a band");
        hours.sort_unstable_by_key(|(from, ..)| *from);
        let mut week: Vec<Hours> = Vec::new();
        let mut begin = |from, band| {
            if week.last().is_none_or(|last: &Hours| last.band != band) {
                week.push(Hours { from, band });
            }
        };
        let mut end_before = 0;
        for (from, to, band) in hours {
            assert!(end_before <= from, "the bands of a price do not overlap");
            if end_before < from {
                begin(end_before, None);
            }
            begin(from, Some(band));
            end_before = to;
        }
        if end_before < WEEK_SECONDS {
            begin(end_before, None);
        }
        TimeBands { bands: bands.into(), week: week.into() }
    }

    /// The bands with their rates.
    pub fn all(&self) -> &[(TimeBand, Rate)] {
        &self.bands
    }

    /// The band that an instant lies in, with its rate.
    pub fn band_at(&self, at: Timestamp) -> Option<&(TimeBand, Rate)> {
        self.holds_at(floor_second(at)).band.map(|band| &self.bands[usize::from(band.0)])
    }

    pub(crate) fn rate_of(&self, band: BandId) -> Rate {
        self.bands[usize::from(band.0)].1
    }

    /// What holds at a second of the epoch. Until the next change of the clock the wall is a fixed way off, so that the next
    /// border by the wall is a border in time as well.
    pub(crate) fn holds_at(&self, second: i64) -> Holds {
        let zone = &self.bands[0].0.zone;
        let at = Timestamp::from_second(second).unwrap_or(Timestamp::MAX);
        let wall = second + i64::from(zone.to_offset(at).seconds());
        let monday = EPOCH_AFTER_MONDAY_DAYS * i64::from(DAY_SECONDS);
        let of_week = u32::try_from((wall + monday).rem_euclid(WEEK_SECONDS.into())).expect("below a week");
        let place = self.week.partition_point(|hours| hours.from <= of_week) - 1;
        let border = self.week.get(place + 1).map_or(WEEK_SECONDS, |next| next.from);
        let until = second + i64::from(border - of_week);
        let change = zone.following(at).next().map(|change| floor_second(change.timestamp()));
        Holds { band: self.week[place].band, until: change.map_or(until, |change| until.min(change)) }
    }
}

/// The second of the epoch that an instant lies in.
pub(crate) fn floor_second(at: Timestamp) -> i64 {
    at.as_microsecond().div_euclid(1_000_000)
}

#[cfg(test)]
pub(crate) mod tests;
