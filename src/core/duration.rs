//! How long a call lasted, exactly.

use std::fmt;
use std::str::FromStr;

/// Seconds of a call at most: 7 days (WIRE).
pub const CALL_SECONDS_MAX: u64 = 7 * 24 * 60 * 60;
const MICROS_PER_SECOND: u64 = 1_000_000;
/// Decimals of a second that are read.
const DECIMALS_MAX: i32 = 6;
/// Characters of a written duration that are looked at, at most.
const TEXT_LEN_MAX: usize = 32;

/// The duration of a call in whole microseconds: 0 to 7 days.
///
/// Read from the text of a JSON number without a float on the way; `60`, `60.0` and `6e1` are the same value (F3).
///
/// ```
/// use tollkeeper::core::duration::CallDuration;
/// let duration: CallDuration = "78.25".parse()?;
/// assert_eq!((duration.micros(), duration.seconds_up()), (78_250_000, 79));
/// # Ok::<(), tollkeeper::core::duration::DurationError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct CallDuration {
    micros: u64,
}

/// Why a text or a count is not the duration of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// Not a JSON number, or one of more than 32 characters.
    #[error("not a number of seconds")]
    NotANumber,
    /// Below zero.
    #[error("negative")]
    Negative,
    /// Parts of a microsecond.
    #[error("more than {DECIMALS_MAX} decimals")]
    TooManyDecimals,
    /// More than [`CALL_SECONDS_MAX`].
    #[error("longer than 7 days")]
    TooLong,
}

impl CallDuration {
    /// No time at all: an unanswered call.
    pub const ZERO: CallDuration = CallDuration { micros: 0 };

    /// # Errors
    /// [`DurationError::TooLong`] above 7 days.
    pub fn from_micros(micros: u64) -> Result<CallDuration, DurationError> {
        if micros > CALL_SECONDS_MAX * MICROS_PER_SECOND {
            Err(DurationError::TooLong)
        } else {
            Ok(CallDuration { micros })
        }
    }

    /// The whole of it, in microseconds.
    pub fn micros(self) -> u64 {
        self.micros
    }

    /// Whole seconds; a fraction counts up (R15).
    pub fn seconds_up(self) -> u64 {
        self.micros.div_ceil(MICROS_PER_SECOND)
    }

    /// Whole minutes, a fraction counted up: what a pool counts (R24).
    pub fn minutes_up(self) -> u64 {
        self.seconds_up().div_ceil(60)
    }

    /// How much longer this is; nothing where it is shorter.
    pub fn saturating_sub(self, other: CallDuration) -> CallDuration {
        CallDuration { micros: self.micros.saturating_sub(other.micros) }
    }

    /// Exactly zero.
    pub fn is_zero(self) -> bool {
        self.micros == 0
    }
}

impl FromStr for CallDuration {
    type Err = DurationError;

    /// Reads the text of a JSON number of seconds.
    fn from_str(text: &str) -> Result<CallDuration, DurationError> {
        if text.len() > TEXT_LEN_MAX {
            return Err(DurationError::NotANumber);
        }
        let (negative, unsigned) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (significand, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((significand, exponent)) => (significand, read_exponent(exponent)?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = match significand.split_once('.') {
            Some((_, "")) => return Err(DurationError::NotANumber),
            Some(parts) => parts,
            None => (significand, ""),
        };
        let micros = micros_of(whole, fraction, exponent)?;
        if negative && micros != Ok(0) {
            return Err(DurationError::Negative);
        }
        CallDuration::from_micros(micros?)
    }
}

/// A JSON exponent: an optional sign and digits. Three digits are beyond all that a duration can need.
fn read_exponent(text: &str) -> Result<i32, DurationError> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || digits.len() > 3 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(DurationError::NotANumber);
    }
    text.parse().map_err(|_| DurationError::NotANumber)
}

/// The outer error: not a number. The inner one: a number that is no duration.
fn micros_of(whole: &str, fraction: &str, exponent: i32) -> Result<Result<u64, DurationError>, DurationError> {
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let leading_zero = whole.len() > 1 && whole.starts_with('0');
    if whole.is_empty() || leading_zero || !all_digits(whole) || !all_digits(fraction) {
        return Err(DurationError::NotANumber);
    }
    let mut mantissa: u128 = 0;
    for digit in whole.bytes().chain(fraction.bytes()) {
        mantissa = mantissa * 10 + u128::from(digit - b'0'); // at most 32 digits
    }
    if mantissa == 0 {
        return Ok(Ok(0));
    }
    let decimals = i32::try_from(fraction.len()).expect("at most 32");
    let shift = exponent - decimals + DECIMALS_MAX;
    let power = |exponent: u32| 10_u128.checked_pow(exponent);
    Ok(if shift >= 0 {
        power(shift.unsigned_abs())
            .and_then(|factor| mantissa.checked_mul(factor))
            .and_then(|micros| u64::try_from(micros).ok())
            .ok_or(DurationError::TooLong)
    } else {
        match power(shift.unsigned_abs()) {
            Some(divisor) if mantissa.is_multiple_of(divisor) => {
                u64::try_from(mantissa / divisor).map_err(|_| DurationError::TooLong)
            }
            _ => Err(DurationError::TooManyDecimals),
        }
    })
}

impl fmt::Display for CallDuration {
    /// Seconds, with as many decimals as it has: `78`, `78.25`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, rest) = (self.micros / MICROS_PER_SECOND, self.micros % MICROS_PER_SECOND);
        if rest == 0 {
            write!(f, "{seconds}")
        } else {
            write!(f, "{seconds}.{}", format!("{rest:06}").trim_end_matches('0'))
        }
    }
}

impl fmt::Debug for CallDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f3_equal_numbers_are_equal_durations() {
        let cases = [
            ("0", 0),
            ("-0", 0),
            ("0.0", 0),
            ("0e999", 0),
            ("60", 60_000_000),
            ("60.0", 60_000_000),
            ("6e1", 60_000_000),
            ("600E-1", 60_000_000),
            ("0.6e+2", 60_000_000),
            ("78.25", 78_250_000),
            ("0.000001", 1),
            ("1e-6", 1),
            ("1.00000000000000000000000", 1_000_000),
            ("604800", 604_800_000_000),
        ];
        for (text, micros) in cases {
            assert_eq!(text.parse::<CallDuration>().map(CallDuration::micros), Ok(micros), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_duration_is_refused() {
        let cases = [
            ("", DurationError::NotANumber),
            ("-", DurationError::NotANumber),
            ("abc", DurationError::NotANumber),
            ("\"60\"", DurationError::NotANumber),
            ("1.", DurationError::NotANumber),
            (".5", DurationError::NotANumber),
            ("+1", DurationError::NotANumber),
            ("01", DurationError::NotANumber),
            ("1e", DurationError::NotANumber),
            ("1e+", DurationError::NotANumber),
            ("1.5.2", DurationError::NotANumber),
            ("1e9999", DurationError::NotANumber),
            ("000000000000000000000000000000000000", DurationError::NotANumber),
            ("-1", DurationError::Negative),
            ("-1e999", DurationError::Negative),
            ("0.0000001", DurationError::TooManyDecimals),
            ("1e-999", DurationError::TooManyDecimals),
            ("604800.000001", DurationError::TooLong),
            ("99999999999999999999999999999999", DurationError::TooLong),
            ("1e999", DurationError::TooLong),
        ];
        for (text, error) in cases {
            assert_eq!(text.parse::<CallDuration>(), Err(error), "{text}");
        }
    }

    #[test]
    fn r15_a_fraction_of_a_second_counts_up_and_is_written_exactly() {
        for (micros, seconds_up, written) in [
            (0, 0, "0"),
            (1, 1, "0.000001"),
            (1_000_000, 1, "1"),
            (1_000_001, 2, "1.000001"),
            (78_250_000, 79, "78.25"),
        ] {
            let duration = CallDuration::from_micros(micros).expect("short");
            assert_eq!((duration.seconds_up(), duration.to_string().as_str()), (seconds_up, written));
        }
    }
}
