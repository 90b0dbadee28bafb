//! Amounts as reports count them: whole billionths, whose sums over all tenants have room. The arithmetic is their own: it audits
//! that of the engine's money.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Neg, Sub, SubAssign};

use crate::core::money::{Money, WrittenMoney};

/// Digits before the point, at most (F22).
const WHOLE_DIGITS_MAX: usize = 15;
/// Decimals, at most.
const DECIMALS_MAX: usize = 9;
/// Decimals that are always written (F23).
const DECIMALS_MIN: usize = 2;
const BILLION: i128 = 1_000_000_000;

/// An amount in billionths. An amount of the wire is below 10^24 of them, so that a sum of 10^14 of these still fits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Figure(i128);

impl Figure {
    /// Nothing.
    pub const ZERO: Figure = Figure(0);

    /// An amount of the engine, by what it writes.
    pub(super) fn of(amount: Money) -> Figure {
        Figure::read(amount.write_to(&mut WrittenMoney::default())).expect("amounts are written as they are read")
    }

    /// Reads `-0.026`: a sign, 1 to 15 digits, and a point with 1 to 9 decimals, where there is one.
    pub(super) fn read(text: &str) -> Option<Figure> {
        let (is_negative, plain) = text.strip_prefix('-').map_or((false, text), |plain| (true, plain));
        let (whole, decimals) = plain.split_once('.').unwrap_or((plain, "0"));
        let places = decimals.len();
        if whole.len() > WHOLE_DIGITS_MAX || places > DECIMALS_MAX {
            return None;
        }
        let zeros = u32::try_from(DECIMALS_MAX - places).expect("nine at most");
        let size = i128::from(digits(whole)?) * BILLION + i128::from(digits(decimals)? * 10_u64.pow(zeros));
        Some(Figure(if is_negative { -size } else { size }))
    }

    /// Above zero.
    pub(super) fn is_positive(self) -> bool {
        self.0 > 0
    }

    /// Below zero.
    pub(super) fn is_negative(self) -> bool {
        self.0 < 0
    }
}

impl Add for Figure {
    type Output = Figure;

    fn add(self, other: Figure) -> Figure {
        Figure(self.0 + other.0)
    }
}

impl Sub for Figure {
    type Output = Figure;

    fn sub(self, other: Figure) -> Figure {
        Figure(self.0 - other.0)
    }
}

impl Neg for Figure {
    type Output = Figure;

    fn neg(self) -> Figure {
        Figure(-self.0)
    }
}

impl AddAssign for Figure {
    fn add_assign(&mut self, other: Figure) {
        *self = *self + other;
    }
}

impl SubAssign for Figure {
    fn sub_assign(&mut self, other: Figure) {
        *self = *self - other;
    }
}

impl Sum for Figure {
    fn sum<I: Iterator<Item = Figure>>(figures: I) -> Figure {
        figures.fold(Figure::ZERO, Figure::add)
    }
}

impl fmt::Display for Figure {
    /// As amounts are written (F23).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = self.0.abs();
        let mut decimals = format!("{:0DECIMALS_MAX$}", size % BILLION);
        while decimals.len() > DECIMALS_MIN && decimals.ends_with('0') {
            decimals.pop();
        }
        f.pad_integral(self.0 >= 0, "", &format!("{}.{decimals}", size / BILLION))
    }
}

/// One digit or more, 15 at most.
fn digits(text: &str) -> Option<u64> {
    let value =
        text.bytes().try_fold(0, |value, byte| byte.is_ascii_digit().then(|| value * 10 + u64::from(byte - b'0')));
    value.filter(|_| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f23_figures_are_read_exactly_and_written_plainly() {
        for (text, written) in [
            ("0.00", "0.00"),
            ("0", "0.00"),
            ("100", "100.00"),
            ("0.25", "0.25"),
            ("0.026", "0.026"),
            ("-1.10", "-1.10"),
            ("-0.000000001", "-0.000000001"),
            ("999999999999999.999999999", "999999999999999.999999999"),
        ] {
            assert_eq!(Figure::read(text).map(|figure| figure.to_string()).as_deref(), Some(written), "{text}");
        }
        for wrong in ["", "-", ".5", "5.", "1e3", "+1", " 1", "1,5", "0.0000000001", "1000000000000000", "--1", "1.-1"]
        {
            assert_eq!(Figure::read(wrong), None, "{wrong}");
        }
    }
}
