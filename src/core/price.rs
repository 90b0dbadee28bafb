//! What a minute costs, and what that makes a call cost: increments, time bands, fees and the lines of a charge.
//!
//! One form of price serves rows of decks, inbound prices and short codes, and [`Price::charge`] alone turns it into money.

use std::num::NonZeroU32;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use smallvec::SmallVec;

use super::band::{BandId, Holds, TimeBands, floor_second};
use super::duration::CallDuration;
use super::event::{ChargeLine, LineKind};
use super::money::{LineRounding, Money, Overflow, Rate};

/// The seconds of the first increment and of those after it, unless a row says otherwise (R10).
pub const INCREMENT_DEFAULT_SECONDS: u32 = 60;
/// Seconds of an increment at most: a day.
pub const INCREMENT_MAX_SECONDS: u32 = 86_400;
/// A pool counts whole minutes (R24).
const POOL_MINUTE_SECONDS: u64 = 60;

/// What calls cost, whatever they are calls to (R10). Every value is a valid price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Price {
    /// Per minute, outside all bands. `None`: there nothing has a rate (F8).
    pub rate: Option<Rate>,
    /// Hours with a rate of their own.
    pub bands: Option<Arc<TimeBands>>,
    /// Once for each paid call.
    pub connect_fee: Money,
    /// Seconds that are billed at least; 0: all increments alike (F11).
    pub initial_increment: u32,
    /// Seconds that are billed at a time beyond those.
    pub increment: NonZeroU32,
    /// What a paid call costs at least.
    pub minimum_charge: Money,
}

/// What a call costs at a price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Priced {
    /// How long it counts (R15).
    pub billed_seconds: u64,
    /// The last of those, which money pays for (F10).
    pub paid_seconds: u64,
    /// Each rounded once; their sum is the amount.
    pub lines: SmallVec<[ChargeLine; 2]>,
    /// What the call costs.
    pub amount: Money,
    /// The rate of the first paid increment; `None` where nothing is paid.
    pub rate: Option<Rate>,
}

impl Priced {
    /// A call that costs nothing, and counts for nothing.
    pub fn nothing() -> Priced {
        let (lines, amount) = (SmallVec::new(), Money::ZERO);
        Priced { billed_seconds: 0, paid_seconds: 0, lines, amount, rate: None }
    }
}

/// Why a price cannot price a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PriceFault {
    /// A paid increment begins then, in no band, and there is no default rate (F8).
    #[error("no rate at {0}, which is in no time band")]
    NoRate(Timestamp),
    /// An amount would reach the limit (F22).
    #[error(transparent)]
    Overflow(#[from] Overflow),
}

impl Price {
    /// A rate by the full minute, and nothing else.
    pub fn flat(rate: Rate) -> Price {
        Price { rate: Some(rate), ..Price::none() }
    }

    /// A price without any rate: that of a row that denies.
    pub fn none() -> Price {
        Price {
            rate: None,
            bands: None,
            connect_fee: Money::ZERO,
            initial_increment: INCREMENT_DEFAULT_SECONDS,
            increment: NonZeroU32::new(INCREMENT_DEFAULT_SECONDS).expect("not 0"),
            minimum_charge: Money::ZERO,
        }
    }

    /// The seconds to bill for a call of this duration (R15): 0 for 0; the initial increment up to it; beyond, whole
    /// increments. A fraction of a second counts up.
    pub fn billed_seconds(&self, duration: CallDuration) -> u64 {
        self.whole_increments(duration.seconds_up())
    }

    /// The end of the increment in which a call of so many seconds ends: also the first begin of one at or after them.
    fn whole_increments(&self, seconds: u64) -> u64 {
        let (initial, increment) = (u64::from(self.initial_increment), u64::from(self.increment.get()));
        match seconds {
            0 => 0,
            seconds => initial + seconds.saturating_sub(initial).div_ceil(increment) * increment,
        }
    }

    /// The begin of the increment that a second of the call is in.
    fn increment_begin(&self, second: u64) -> u64 {
        let (initial, increment) = (u64::from(self.initial_increment), u64::from(self.increment.get()));
        second.checked_sub(initial).map_or(0, |beyond| initial + beyond / increment * increment)
    }

    /// The rate of an increment that begins at this instant.
    pub fn rate_at(&self, at: Timestamp) -> Option<Rate> {
        let band = self.bands.as_ref().and_then(|bands| bands.band_at(at));
        band.map_or(self.rate, |(_, rate)| Some(*rate))
    }

    /// What a call costs of which a pool pays the first minutes (R16, R24, F8-F10): a line for each unbroken run of one rate, the
    /// connect fee, and what is missing up to the minimum charge. Nothing where the pool covers the whole call.
    ///
    /// Increments are counted from the call's start, and each has the rate of the instant in which it begins, also one that
    /// is cut by the pool's end. It takes as long as there are borders of bands in the call, however short its increments.
    ///
    /// # Errors
    /// [`PriceFault`].
    pub fn charge(
        &self,
        start: Timestamp,
        duration: CallDuration,
        pool_minutes: u64,
        rounding: LineRounding,
    ) -> Result<Priced, PriceFault> {
        let billed_seconds = self.billed_seconds(duration);
        let pooled = pool_minutes.saturating_mul(POOL_MINUTE_SECONDS);
        if pooled >= duration.seconds_up() {
            let (lines, amount) = (SmallVec::new(), Money::ZERO);
            return Ok(Priced { billed_seconds, paid_seconds: 0, lines, amount, rate: None });
        }
        let paid_seconds = billed_seconds - pooled;
        let mut lines = Lines { rounding, lines: SmallVec::new(), amount: Money::ZERO };
        let rate = match &self.bands {
            None => {
                let rate = self.rate.ok_or(PriceFault::NoRate(start))?;
                lines.add_usage(rate, paid_seconds)?;
                rate
            }
            Some(bands) => self.add_runs(bands, start, pooled, billed_seconds, &mut lines)?,
        };
        if !self.connect_fee.is_zero() {
            lines.add(LineKind::Connect, rounding.round(self.connect_fee)?)?;
        }
        if lines.amount < self.minimum_charge {
            let missing = self.minimum_charge.checked_sub(lines.amount)?;
            lines.add(LineKind::Minimum, rounding.round(missing)?)?;
        }
        Ok(Priced { billed_seconds, paid_seconds, lines: lines.lines, amount: lines.amount, rate: Some(rate) })
    }

    /// A usage line for each run of one row over the paid seconds, from `pooled` to `billed` of the call; the first rate.
    fn add_runs(
        &self,
        bands: &TimeBands,
        start: Timestamp,
        pooled: u64,
        billed: u64,
        lines: &mut Lines,
    ) -> Result<Rate, PriceFault> {
        let start_second = floor_second(start);
        let signed = |seconds: u64| i64::try_from(seconds).expect("some days");
        let mut first = None;
        // The run that is not yet a line: its row, its rate, and its seconds so far.
        let mut run: Option<(Option<BandId>, Rate, u64)> = None;
        let mut begin = self.increment_begin(pooled);
        while begin < billed {
            let Holds { band, until } = bands.holds_at(start_second + signed(begin));
            let rate = band.map_or(self.rate, |band| Some(bands.rate_of(band)));
            let rate = rate.ok_or_else(|| PriceFault::NoRate(later(start, begin)))?;
            first.get_or_insert(rate);
            let border = u64::try_from(until - start_second).expect("later than the begin of an increment");
            let end = self.whole_increments(border).min(billed);
            let seconds = end - begin.max(pooled);
            match &mut run {
                Some((of, _, so_far)) if *of == band => *so_far += seconds,
                other => {
                    if let Some((_, rate, seconds)) = other.replace((band, rate, seconds)) {
                        lines.add_usage(rate, seconds)?;
                    }
                }
            }
            begin = end;
        }
        let (_, rate, seconds) = run.expect("a paid call has an increment");
        lines.add_usage(rate, seconds)?;
        Ok(first.unwrap_or(rate))
    }
}

/// The end of time where the calendar has no such instant.
fn later(start: Timestamp, seconds: u64) -> Timestamp {
    let seconds = SignedDuration::from_secs(i64::try_from(seconds).expect("some days"));
    start.checked_add(seconds).unwrap_or(Timestamp::MAX)
}

/// A charge as it grows.
struct Lines {
    rounding: LineRounding,
    lines: SmallVec<[ChargeLine; 2]>,
    amount: Money,
}

impl Lines {
    fn add_usage(&mut self, rate: Rate, seconds: u64) -> Result<(), Overflow> {
        self.add(LineKind::Usage, rate.price_of(seconds, self.rounding)?)
    }

    fn add(&mut self, kind: LineKind, amount: Money) -> Result<(), Overflow> {
        // Nearly all charges have one line: a sum less for each call.
        self.amount = if self.lines.is_empty() { amount } else { self.amount.checked_add(amount)? };
        self.lines.push(ChargeLine { kind, amount });
        Ok(())
    }
}

#[cfg(test)]
mod tests;
