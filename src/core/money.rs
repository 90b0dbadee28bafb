//! Exact money: amounts, prices and the one rounding that turns a price into an amount.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;

/// Decimals that an amount or a rate may have at most.
pub const DECIMALS_MAX: u32 = 9;
/// Amounts and balances stay below this, in absolute value (F22).
pub const AMOUNT_LIMIT: i64 = 1_000_000_000_000_000;
/// Characters of a written amount at most: sign, 15 digits, point, 9 decimals.
const WRITTEN_LEN_MAX: usize = 26;

/// An exact amount of money in some currency: |amount| < 10^15, at most 9 decimals.
///
/// The currency is not part of it: an account has one (R17). Sums are checked; nothing here rounds. It is written plainly,
/// with at least two decimals and no further trailing zeros (F23).
///
/// ```
/// use tollkeeper::core::money::Money;
/// let fee: Money = "0.026".parse()?;
/// let sum = fee.checked_add("0.224".parse()?).expect("far below the limit");
/// assert_eq!(sum.to_string(), "0.25");
/// # Ok::<(), tollkeeper::core::money::MoneyError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Money(Decimal);

/// Why a text is not an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Not an optional sign, digits, and an optional point with digits.
    #[error("not a decimal number")]
    NotDecimal,
    /// More decimals than [`DECIMALS_MAX`].
    #[error("more than {DECIMALS_MAX} decimals")]
    TooManyDecimals,
    /// The limit of F22 is reached.
    #[error("not below 10^15")]
    TooLarge,
    /// A price below zero.
    #[error("negative")]
    Negative,
}

/// The sum or product would reach the limit of F22.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an amount of 10^15 or more")]
pub struct Overflow;

impl Money {
    /// Nothing.
    pub const ZERO: Money = Money(Decimal::ZERO);

    /// `mantissa` x 10^-`decimals`.
    ///
    /// # Errors
    /// [`MoneyError::TooManyDecimals`] and [`MoneyError::TooLarge`].
    pub fn new(mantissa: i128, decimals: u32) -> Result<Money, MoneyError> {
        if decimals > DECIMALS_MAX {
            return Err(MoneyError::TooManyDecimals);
        }
        let value = Decimal::try_from_i128_with_scale(mantissa, decimals).map_err(|_| MoneyError::TooLarge)?;
        Money::within_limit(value).map_err(|Overflow| MoneyError::TooLarge)
    }

    /// Every sum passes here, some times for each call: mantissas are compared, which takes a fraction of what decimals do.
    fn within_limit(value: Decimal) -> Result<Money, Overflow> {
        let limit = i128::from(AMOUNT_LIMIT) * 10_i128.pow(value.scale().min(DECIMALS_MAX));
        let is_within = value.scale() <= DECIMALS_MAX && value.mantissa().abs() < limit;
        if is_within || value.abs() < Decimal::from(AMOUNT_LIMIT) { Ok(Money(value)) } else { Err(Overflow) }
    }

    /// The sum, exactly.
    ///
    /// # Errors
    /// [`Overflow`] where the sum would reach the limit.
    pub fn checked_add(self, other: Money) -> Result<Money, Overflow> {
        Money::within_limit(self.0 + other.0)
    }

    /// The difference, exactly.
    ///
    /// # Errors
    /// [`Overflow`] where the difference would reach the limit.
    pub fn checked_sub(self, other: Money) -> Result<Money, Overflow> {
        Money::within_limit(self.0 - other.0)
    }

    /// A whole multiple, exactly.
    ///
    /// # Errors
    /// [`Overflow`] where the product would reach the limit.
    pub fn checked_times(self, times: u64) -> Result<Money, Overflow> {
        Money::within_limit(self.0.checked_mul(Decimal::from(times)).ok_or(Overflow)?)
    }

    /// How many whole `unit`s fit into this amount; 0 for a negative amount.
    ///
    /// # Panics
    /// If `unit` is not above zero.
    pub fn whole_multiples_of(self, unit: Money) -> u64 {
        assert!(unit.is_positive(), "a unit to count by is above zero");
        if !self.is_positive() {
            return 0;
        }
        let (amount, unit) = self.aligned(unit);
        u64::try_from(amount / unit).unwrap_or(u64::MAX)
    }

    /// The fewest whole `unit`s that are not less than this amount; 0 for an amount of zero or below.
    ///
    /// # Panics
    /// If `unit` is not above zero.
    pub fn multiples_to_cover(self, unit: Money) -> u64 {
        assert!(unit.is_positive(), "a unit to count by is above zero");
        if !self.is_positive() {
            return 0;
        }
        let (amount, unit) = self.aligned(unit);
        u64::try_from((amount + unit - 1) / unit).unwrap_or(u64::MAX)
    }

    /// Both mantissas at the scale of [`DECIMALS_MAX`]; below 10^24, so sums of them cannot overflow.
    fn aligned(self, other: Money) -> (i128, i128) {
        let at_nine = |value: Decimal| value.mantissa() * 10_i128.pow(DECIMALS_MAX - value.scale());
        (at_nine(self.0), at_nine(other.0))
    }

    /// The amount with its sign turned.
    #[must_use]
    pub fn negated(self) -> Money {
        Money(-self.0)
    }

    /// Above zero.
    pub fn is_positive(self) -> bool {
        !self.0.is_sign_negative() && !self.0.is_zero()
    }

    /// Below zero.
    pub fn is_negative(self) -> bool {
        self.0.is_sign_negative() && !self.0.is_zero()
    }

    /// Exactly zero.
    pub fn is_zero(self) -> bool {
        self.0.is_zero()
    }

    /// Writes the amount in the form of F23 and returns the text; the buffer is on the caller's stack.
    pub fn write_to(self, buffer: &mut WrittenMoney) -> &str {
        write_decimal(self.0, 2, buffer)
    }
}

/// Room for a written amount, on the stack.
pub type WrittenMoney = [u8; WRITTEN_LEN_MAX];

/// Writes with at least `decimals_min` decimals and no further trailing zeros.
fn write_decimal(value: Decimal, decimals_min: u32, buffer: &mut [u8; WRITTEN_LEN_MAX]) -> &str {
    let mut mantissa = value.mantissa().unsigned_abs();
    let mut scale = value.scale();
    while scale < decimals_min {
        mantissa *= 10;
        scale += 1;
    }
    // Nearly all amounts fit 64 bits, where a division costs a tenth of one of 128.
    let mut end = WRITTEN_LEN_MAX;
    let mut started = scale == decimals_min;
    let mut decimals = scale;
    let mut put = |digit: u8, decimals: &mut u32| {
        if *decimals > decimals_min && !started && digit == 0 {
            *decimals -= 1;
            return;
        }
        started = true;
        if scale > 0 && *decimals == 0 {
            end -= 1;
            buffer[end] = b'.';
            *decimals = u32::MAX;
        }
        end -= 1;
        buffer[end] = b'0' + digit;
        if *decimals != u32::MAX {
            *decimals -= 1;
        }
    };
    let mut digits_left = scale + 1;
    while digits_left > 0 || mantissa > 0 {
        let digit = match u64::try_from(mantissa) {
            Ok(small) => {
                mantissa = u128::from(small / 10);
                u8::try_from(small % 10).expect("a digit")
            }
            Err(_) => {
                let digit = u8::try_from(mantissa % 10).expect("a digit");
                mantissa /= 10;
                digit
            }
        };
        put(digit, &mut decimals);
        digits_left = digits_left.saturating_sub(1);
    }
    if value.is_sign_negative() && !value.is_zero() {
        end -= 1;
        buffer[end] = b'-';
    }
    std::str::from_utf8(&buffer[end..]).expect("digits, a point and a sign")
}

/// Reads an optional sign, digits, and an optional point with digits. No exponent, no spaces, no float on the way.
fn read_decimal(text: &str) -> Result<Decimal, MoneyError> {
    let (negative, digits) = match text.as_bytes() {
        [b'-', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let mut mantissa: i128 = 0;
    let mut decimals: Option<u32> = None;
    let mut seen = 0_u32;
    for byte in digits {
        match byte {
            b'0'..=b'9' => {
                if let Some(count) = &mut decimals {
                    if *count == DECIMALS_MAX {
                        // Further zeros say nothing; further digits are too many.
                        if *byte == b'0' {
                            continue;
                        }
                        return Err(MoneyError::TooManyDecimals);
                    }
                    *count += 1;
                }
                seen += 1;
                mantissa = mantissa * 10 + i128::from(byte - b'0');
                if mantissa >= 10_i128.pow(15 + DECIMALS_MAX) {
                    return Err(MoneyError::TooLarge);
                }
            }
            b'.' if decimals.is_none() && seen > 0 => decimals = Some(0),
            _ => return Err(MoneyError::NotDecimal),
        }
    }
    if seen == 0 || (decimals == Some(0)) {
        return Err(MoneyError::NotDecimal);
    }
    let value = Decimal::try_from_i128_with_scale(mantissa, decimals.unwrap_or(0)).map_err(|_| MoneyError::TooLarge)?;
    Ok(if negative { -value } else { value })
}

impl FromStr for Money {
    type Err = MoneyError;

    fn from_str(text: &str) -> Result<Money, MoneyError> {
        Money::within_limit(read_decimal(text)?).map_err(|Overflow| MoneyError::TooLarge)
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad_integral(true, "", self.write_to(&mut [0; WRITTEN_LEN_MAX]))
    }
}

impl fmt::Debug for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.write_to(&mut [0; WRITTEN_LEN_MAX]))
    }
}

/// Which way a charge line goes that lies between two amounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Rounding {
    /// To the nearest; the half away from zero (F9). The default.
    #[default]
    HalfUp,
    /// To the nearest; the half to the even digit.
    HalfEven,
    /// Towards zero.
    Down,
    /// Away from zero.
    Up,
}

/// The decimals that charge lines are rounded to, and the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineRounding {
    /// 0 to 9; a deck has 6 unless it says otherwise (R16).
    pub decimals: u32,
    /// The direction.
    pub mode: Rounding,
}

impl Default for LineRounding {
    fn default() -> Self {
        LineRounding { decimals: 6, mode: Rounding::HalfUp }
    }
}

impl LineRounding {
    /// An amount to these decimals, rounded once: for a connect fee or a minimum that has more of them.
    ///
    /// # Errors
    /// [`Overflow`] where the rounded amount reaches the limit of F22.
    pub fn round(self, amount: Money) -> Result<Money, Overflow> {
        self.quotient(amount.0.mantissa(), amount.0.scale(), 1)
    }

    /// `mantissa` x 10^-`scale` / `divisor`, rounded once.
    fn quotient(self, mantissa: i128, scale: u32, divisor: i128) -> Result<Money, Overflow> {
        let (numerator, divisor) = if scale > self.decimals {
            (mantissa, divisor * 10_i128.pow(scale - self.decimals))
        } else {
            (mantissa.checked_mul(10_i128.pow(self.decimals - scale)).ok_or(Overflow)?, divisor)
        };
        let (quotient, rest) = match (i64::try_from(numerator), i64::try_from(divisor)) {
            (Ok(n), Ok(d)) => (i128::from(n / d), i128::from(n % d)),
            _ => (numerator / divisor, numerator % divisor),
        };
        let away = match self.mode {
            Rounding::HalfUp => rest.abs() * 2 >= divisor,
            Rounding::HalfEven => match (rest.abs() * 2).cmp(&divisor) {
                Ordering::Greater => true,
                Ordering::Equal => quotient % 2 != 0,
                Ordering::Less => false,
            },
            Rounding::Down => false,
            Rounding::Up => rest != 0,
        };
        let rounded = if away { quotient + numerator.signum() } else { quotient };
        Money::new(rounded, self.decimals).map_err(|_| Overflow)
    }
}

/// A price per minute: 0 or more, below 10^15, at most 9 decimals (R10).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Rate(Decimal);

impl Rate {
    /// The price of `seconds`, rounded once to the deck's decimals: rate x seconds / 60 (R16).
    ///
    /// # Errors
    /// [`Overflow`] where the amount would reach the limit of F22.
    pub fn price_of(self, seconds: u64, rounding: LineRounding) -> Result<Money, Overflow> {
        let mantissa = self.0.mantissa().checked_mul(i128::from(seconds)).ok_or(Overflow)?;
        rounding.quotient(mantissa, self.0.scale(), 60)
    }

    /// Writes the rate plainly, in the form of amounts (F23).
    pub fn write_to(self, buffer: &mut WrittenMoney) -> &str {
        write_decimal(self.0, 2, buffer)
    }
}

impl FromStr for Rate {
    type Err = MoneyError;

    fn from_str(text: &str) -> Result<Rate, MoneyError> {
        let amount: Money = text.parse()?;
        if amount.is_negative() { Err(MoneyError::Negative) } else { Ok(Rate(amount.0)) }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.write_to(&mut [0; WRITTEN_LEN_MAX]))
    }
}

impl fmt::Debug for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests;
