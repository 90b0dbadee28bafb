//! The lines of a charge.

use super::*;
use crate::core::money::Rounding;
use crate::core::scenario::{money, noon, seconds};

fn price(rate: &str, connect_fee: &str, minimum_charge: &str) -> Price {
    let flat = Price::flat(rate.parse().expect(rate));
    Price { connect_fee: money(connect_fee), minimum_charge: money(minimum_charge), ..flat }
}

fn rounding(decimals: u32, mode: Rounding) -> LineRounding {
    LineRounding { decimals, mode }
}

/// `usage 0.03 + connect 0.05 = 0.08`.
fn lines(priced: &Priced) -> String {
    let sum = priced.lines.iter().try_fold(Money::ZERO, |sum, line| sum.checked_add(line.amount));
    assert_eq!(sum, Ok(priced.amount), "the lines sum to the charge");
    let lines: Vec<String> = priced.lines.iter().map(|line| format!("{} {}", line.kind.code(), line.amount)).collect();
    format!("{} = {}", lines.join(" + "), priced.amount)
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
        let increment = NonZeroU32::new(increment).expect("not 0");
        let price = Price { initial_increment, increment, ..Price::none() };
        let duration: CallDuration = duration.parse().expect("a duration");
        assert_eq!(price.billed_seconds(duration), expected, "{duration} at {initial_increment}/{increment}");
    }
}

#[test]
fn r16_f9_each_part_of_a_charge_is_a_line_that_is_rounded_once() {
    let cases = [
        (6, price("0.015", "0", "0"), 60, "usage 0.015 = 0.015"),
        (6, price("0.015", "0.05", "0"), 120, "usage 0.03 + connect 0.05 = 0.08"),
        (6, price("0.015", "0.05", "0.10"), 120, "usage 0.03 + connect 0.05 + minimum 0.02 = 0.10"),
        (6, price("0.015", "0.05", "0.08"), 120, "usage 0.03 + connect 0.05 = 0.08"),
        (6, price("0", "0", "0.10"), 60, "usage 0.00 + minimum 0.10 = 0.10"),
        (6, price("0.10", "0", "0"), 1, "usage 0.001667 = 0.001667"),
        (2, price("0.015", "0.005", "0"), 60, "usage 0.02 + connect 0.01 = 0.03"),
        (2, price("0.014", "0.004", "0.125"), 60, "usage 0.01 + connect 0.00 + minimum 0.12 = 0.13"),
        (0, price("0.50", "0", "0"), 60, "usage 1.00 = 1.00"),
    ];
    for (decimals, price, count, expected) in cases {
        let price = Price { initial_increment: 1, increment: NonZeroU32::MIN, ..price };
        let priced = price.charge(noon(), seconds(count), 0, rounding(decimals, Rounding::HalfUp));
        assert_eq!(lines(&priced.expect("below the limit")), expected, "{price:?}");
    }
}

#[test]
fn r16_the_mode_of_the_deck_rounds_its_lines() {
    for (mode, expected) in
        [(Rounding::HalfUp, "0.03"), (Rounding::HalfEven, "0.02"), (Rounding::Down, "0.02"), (Rounding::Up, "0.03")]
    {
        let priced = price("0.025", "0", "0").charge(noon(), seconds(60), 0, rounding(2, mode));
        assert_eq!(priced.map(|priced| priced.amount.to_string()).as_deref(), Ok(expected), "{mode:?}");
    }
}

#[test]
fn f22_a_charge_at_the_limit_is_none() {
    let limit = "999999999999999";
    for price in [price(limit, "0", "0"), price("500000000000000", "1", "0"), price("1", limit, "0")] {
        let priced = price.charge(noon(), seconds(120), 0, LineRounding::default());
        assert_eq!(priced, Err(PriceFault::Overflow(Overflow)), "{price:?}");
    }
}
