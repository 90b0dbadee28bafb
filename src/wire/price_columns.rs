//! The columns of a price, the same in price lists, inbound price lists and lists of short codes.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;

use jiff::civil::Date;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::core::band::{TimeBand, TimeBandError, TimeBands};
use crate::core::currency::Currency;
use crate::core::money::{Money, MoneyError, Rate};
use crate::core::price::{INCREMENT_DEFAULT_SECONDS, INCREMENT_MAX_SECONDS, Price};
use crate::wire::csv_table::Line;
use crate::wire::fault::Faults;

/// What stands in the column of the rate where calls are refused (R11).
pub(crate) const DENIED: &str = "denied";
/// The same as carriers write it.
const BLOCKED: &str = "blocked";
/// Time bands of a file that are read once only; more are read each time.
const BANDS_KEPT_MAX: usize = 1_000;

/// Which columns of a table are those of a price. A table may lack all but the rate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PriceColumns {
    pub(crate) rate_per_minute: usize,
    pub(crate) connect_fee: usize,
    pub(crate) initial_increment: usize,
    pub(crate) increment: usize,
    /// Both increments in one, as `60/60`.
    pub(crate) increments: Option<usize>,
    pub(crate) minimum_charge: usize,
    pub(crate) time_band: Option<usize>,
}

/// What a line says that a call costs.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answer {
    /// This, with a default rate or one time band.
    Price(Price),
    /// Such calls are refused.
    Denied,
}

/// An instant, and the date whose midnight it is, if it was written as one.
type Moment = (Timestamp, Option<Date>);

/// Which mark stands before the decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DecimalMark {
    Point,
    Comma,
    /// Whichever the first number has that has one.
    AsTheFirst,
}

/// How the values of a file are written.
#[derive(Debug)]
pub(crate) struct Forms {
    pub(crate) decimal_mark: DecimalMark,
    /// Whose sign may stand beside a price.
    pub(crate) currency: Option<Currency>,
    /// As `strftime` has it; `None`: the project's own forms.
    pub(crate) date_format: Option<String>,
    pub(crate) date_zone: TimeZone,
    /// A date at the end of a period is its last day.
    pub(crate) last_day_included: bool,
    /// The date that was read last: most lines repeat it.
    pub(crate) last_date: Option<(Box<str>, Moment)>,
    /// Bands that were read, by their texts: most lines repeat a few.
    pub(crate) bands: BTreeMap<Box<str>, TimeBand>,
}

impl Forms {
    /// The project's own.
    pub(crate) fn own() -> Forms {
        Forms {
            decimal_mark: DecimalMark::Point,
            currency: None,
            date_format: None,
            date_zone: TimeZone::UTC,
            last_day_included: false,
            last_date: None,
            bands: BTreeMap::new(),
        }
    }

    fn amount(&mut self, text: &str) -> Result<Money, String> {
        let amount: Money = self.plain(text)?.parse().map_err(|error: MoneyError| error.to_string())?;
        if amount.is_negative() { Err("negative".to_owned()) } else { Ok(amount) }
    }

    fn rate(&mut self, text: &str) -> Result<Rate, String> {
        self.plain(text)?.parse().map_err(|error: MoneyError| error.to_string())
    }

    /// A number with a point before its decimals and no sign of a currency.
    fn plain<'t>(&mut self, text: &'t str) -> Result<Cow<'t, str>, String> {
        let text = self.without_currency(text);
        if self.decimal_mark == DecimalMark::AsTheFirst {
            match text.find([',', '.']) {
                Some(place) if text[place..].starts_with(',') => self.decimal_mark = DecimalMark::Comma,
                Some(_) => self.decimal_mark = DecimalMark::Point,
                None => {}
            }
        }
        match self.decimal_mark {
            DecimalMark::Comma if text.contains('.') => Err("a point where prices have a decimal comma".to_owned()),
            DecimalMark::Comma => Ok(text.replace(',', ".").into()),
            DecimalMark::Point if text.contains(',') => Err("a comma where prices have a decimal point".to_owned()),
            DecimalMark::Point | DecimalMark::AsTheFirst => Ok(text.into()),
        }
    }

    /// `$0.01` and `0,01 EUR` as the number, if the sign is that of the list.
    fn without_currency<'t>(&self, text: &'t str) -> &'t str {
        let Some(currency) = self.currency else { return text };
        let code = currency.as_str();
        let sign = match code {
            "USD" => "$",
            "EUR" => "€",
            "GBP" => "£",
            _ => code,
        };
        let stripped = [code, sign].iter().find_map(|mark| text.strip_prefix(mark).or_else(|| text.strip_suffix(mark)));
        stripped.map_or(text, str::trim)
    }

    /// The beginning of a period.
    pub(crate) fn from(&mut self, text: &str) -> Result<Timestamp, String> {
        self.moment(text).map(|(instant, _)| instant)
    }

    /// The end of a period, which is not in it.
    pub(crate) fn to(&mut self, text: &str) -> Result<Timestamp, String> {
        let (instant, date) = self.moment(text)?;
        match date.filter(|_| self.last_day_included) {
            Some(last) => {
                last.checked_add(1.day()).and_then(|next| self.midnight(next)).map_err(|error| error.to_string())
            }
            None => Ok(instant),
        }
    }

    fn moment(&mut self, text: &str) -> Result<Moment, String> {
        if let Some((_, moment)) = self.last_date.as_ref().filter(|(known, _)| &**known == text) {
            return Ok(*moment);
        }
        let moment = self.read_moment(text)?;
        self.last_date = Some((text.into(), moment));
        Ok(moment)
    }

    /// An instant of RFC 3339, or a date for its midnight.
    fn read_moment(&self, text: &str) -> Result<Moment, String> {
        if let Some(form) = &self.date_format {
            let wrong = |_| format!("not a date in the form {form}");
            let read = strtime::parse(form, text).map_err(wrong)?;
            if let Ok(instant) = read.to_timestamp() {
                return Ok((instant, None));
            }
            let wall = read.to_datetime().map_err(wrong)?;
            let instant = wall.to_zoned(self.date_zone.clone()).map_err(wrong)?.timestamp();
            return Ok((instant, (wall.time() == jiff::civil::Time::midnight()).then(|| wall.date())));
        }
        let wrong = || "neither a date as 2026-11-20 nor an instant as 2026-11-20T00:00:00Z".to_owned();
        if let Some(date) = read_date(text) {
            return self.midnight(date).map(|instant| (instant, Some(date))).map_err(|_| wrong());
        }
        text.parse().map(|instant| (instant, None)).map_err(|_| wrong())
    }

    fn midnight(&self, date: Date) -> Result<Timestamp, jiff::Error> {
        date.to_zoned(self.date_zone.clone()).map(|midnight| midnight.timestamp())
    }

    fn band(&mut self, text: &str) -> Result<TimeBand, TimeBandError> {
        if let Some(band) = self.bands.get(text) {
            return Ok(band.clone());
        }
        let band: TimeBand = text.parse()?;
        if self.bands.len() < BANDS_KEPT_MAX {
            self.bands.insert(text.into(), band.clone());
        }
        Ok(band)
    }
}

/// A date that can be read in one way only: 2026-11-20, 2026/11/20, 20-Nov-2026, 20 Nov 2026.
fn read_date(text: &str) -> Option<Date> {
    if matches!(text.as_bytes(), [_, _, _, _, b'-' | b'/', _, _, _, _, _]) {
        return text.replace('/', "-").parse().ok();
    }
    let joined = text.replace(' ', "-");
    ["%d-%b-%Y", "%d-%B-%Y"].iter().find_map(|form| Date::strptime(form, &joined).ok())
}

/// Reads the price of a line. `None` where a value is wrong; all wrong ones are faults then.
pub(crate) fn read_price(
    line: &Line<'_>,
    columns: &PriceColumns,
    forms: &mut Forms,
    faults: &mut Faults,
) -> Option<Answer> {
    let before = faults.count();
    let text = line.text(columns.rate_per_minute);
    let denied = [DENIED, BLOCKED].iter().any(|word| text.eq_ignore_ascii_case(word));
    let rate = if denied { None } else { line.read(columns.rate_per_minute, |text| forms.rate(text), faults) };
    let connect_fee = line.read(columns.connect_fee, |text| forms.amount(text), faults).unwrap_or(Money::ZERO);
    let (initial_increment, increment) = read_increments(line, columns, faults);
    let minimum_charge = line.read(columns.minimum_charge, |text| forms.amount(text), faults).unwrap_or(Money::ZERO);
    let time_band = columns.time_band.and_then(|column| {
        let band = line.read(column, |text| forms.band(text), faults);
        if denied && band.is_some() {
            line.fault(column, "what is denied has no time band", faults);
        }
        band
    });
    if faults.count() > before {
        return None;
    }
    if denied {
        return Some(Answer::Denied);
    }
    let (rate, bands) = match (rate, time_band) {
        (Some(rate), Some(band)) => (None, Some(Arc::new(TimeBands::new(vec![(band, rate)])))),
        (rate, _) => (rate, None),
    };
    Some(Answer::Price(Price { rate, bands, connect_fee, initial_increment, increment, minimum_charge }))
}

fn read_increments(line: &Line<'_>, columns: &PriceColumns, faults: &mut Faults) -> (u32, NonZeroU32) {
    let default = NonZeroU32::new(INCREMENT_DEFAULT_SECONDS).expect("not 0");
    let both = columns.increments.and_then(|column| line.read(column, read_both_increments, faults));
    let single = [columns.initial_increment, columns.increment];
    if let Some(both) = both {
        for column in single.into_iter().filter(|column| !line.text(*column).is_empty()) {
            line.fault(column, "the increments are in a column of their own as well", faults);
        }
        return both;
    }
    // Some write `60/60` under the one name.
    if line.text(columns.increment).contains('/') && line.text(columns.initial_increment).is_empty() {
        return line.read(columns.increment, read_both_increments, faults).unwrap_or((0, default));
    }
    let initial = line.read(columns.initial_increment, |text| read_increment(text, 0), faults);
    let increment = line.read(columns.increment, |text| read_increment(text, 1), faults).and_then(NonZeroU32::new);
    (initial.unwrap_or(INCREMENT_DEFAULT_SECONDS), increment.unwrap_or(default))
}

/// `60/60`, `30-6`, `1+1`, or one number for both.
fn read_both_increments(text: &str) -> Result<(u32, NonZeroU32), String> {
    let (initial, increment) = text.split_once(['/', '-', '+']).unwrap_or((text, text));
    let initial = read_increment(initial.trim(), 0)?;
    let increment = read_increment(increment.trim(), 1)?;
    Ok((initial, NonZeroU32::new(increment).expect("1 or more")))
}

fn read_increment(text: &str, least: u32) -> Result<u32, String> {
    let wrong = || format!("not whole seconds from {least} to {INCREMENT_MAX_SECONDS}");
    text.parse().ok().filter(|seconds| (least..=INCREMENT_MAX_SECONDS).contains(seconds)).ok_or_else(wrong)
}

/// When a line is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Period {
    pub(crate) from: Option<Timestamp>,
    pub(crate) to: Option<Timestamp>,
}

/// Reads when a line is in force; a fault where it ends before it begins.
pub(crate) fn read_period(line: &Line<'_>, from: usize, to: usize, forms: &mut Forms, faults: &mut Faults) -> Period {
    let period = Period {
        from: line.read(from, |text| forms.from(text), faults),
        to: line.read(to, |text| forms.to(text), faults),
    };
    if period.from.is_some_and(|from| period.to.is_some_and(|to| to <= from)) {
        line.fault(to, "not after effective_from", faults);
    }
    period
}
