use super::*;
use proptest::prelude::*;

fn money(text: &str) -> Money {
    text.parse().expect(text)
}

#[test]
fn f23_amounts_are_written_plainly() {
    let cases = [
        ("0", "0.00"),
        ("0.25", "0.25"),
        ("0.0260", "0.026"),
        ("100", "100.00"),
        ("-0.5", "-0.50"),
        ("-0", "0.00"),
        ("1.100000000", "1.10"),
        ("0.000000001", "0.000000001"),
        ("999999999999999.999999999", "999999999999999.999999999"),
        ("-999999999999999.999999999", "-999999999999999.999999999"),
        ("0012.30", "12.30"),
        ("1.0000000000", "1.00"),
    ];
    for (text, written) in cases {
        assert_eq!(money(text).to_string(), written, "{text}");
    }
}

#[test]
fn what_is_not_an_amount_is_refused() {
    let cases = [
        ("", MoneyError::NotDecimal),
        ("-", MoneyError::NotDecimal),
        (".5", MoneyError::NotDecimal),
        ("5.", MoneyError::NotDecimal),
        ("+5", MoneyError::NotDecimal),
        ("1e3", MoneyError::NotDecimal),
        ("1,5", MoneyError::NotDecimal),
        ("1.2.3", MoneyError::NotDecimal),
        (" 1", MoneyError::NotDecimal),
        ("0.0000000001", MoneyError::TooManyDecimals),
        ("1000000000000000", MoneyError::TooLarge),
        ("99999999999999999999999999999999999999999999999", MoneyError::TooLarge),
    ];
    for (text, error) in cases {
        assert_eq!(text.parse::<Money>(), Err(error), "{text}");
    }
    assert_eq!("-0.1".parse::<Rate>(), Err(MoneyError::Negative));
}

#[test]
fn r16_a_line_is_rounded_once_and_half_up() {
    let cases = [
        ("0.013", 120, 6, Rounding::HalfUp, "0.026"),
        ("0.125", 120, 6, Rounding::HalfUp, "0.25"),
        ("0.223", 240, 6, Rounding::HalfUp, "0.892"),
        ("0.022", 1800, 6, Rounding::HalfUp, "0.66"),
        ("0.10", 1, 6, Rounding::HalfUp, "0.001667"),
        ("0.10", 1, 6, Rounding::Down, "0.001666"),
        ("0.10", 1, 6, Rounding::Up, "0.001667"),
        ("0.00003", 1, 6, Rounding::HalfUp, "0.000001"), // 0.0000005: the half goes up
        ("0.00003", 1, 6, Rounding::HalfEven, "0.00"),
        ("0.00009", 1, 6, Rounding::HalfEven, "0.000002"), // 0.0000015: to the even digit
        ("0.000029999", 1, 6, Rounding::HalfUp, "0.00"),
        ("3", 7, 0, Rounding::HalfUp, "0.00"),
        ("0.999999999", 604_800, 9, Rounding::HalfUp, "10079.99998992"),
    ];
    for (rate, seconds, decimals, mode, expected) in cases {
        let rate: Rate = rate.parse().expect(rate);
        let price = rate.price_of(seconds, LineRounding { decimals, mode }).expect("small");
        assert_eq!(price.to_string(), expected, "{rate} x {seconds} s, {decimals} decimals, {mode:?}");
    }
}

#[test]
fn f22_sums_stop_at_the_limit() {
    let most = money("999999999999999.999999999");
    assert_eq!(most.checked_add(money("0.000000001")), Err(Overflow));
    assert_eq!(most.negated().checked_sub(money("0.000000001")), Err(Overflow));
    assert_eq!(money("500000000000000").checked_times(2), Err(Overflow));
    let rate: Rate = "999999999999999".parse().expect("a rate");
    assert_eq!(rate.price_of(120, LineRounding::default()), Err(Overflow));
    assert_eq!(rate.price_of(u64::MAX, LineRounding::default()), Err(Overflow));
}

#[test]
fn multiples_count_whole_units() {
    let unit = money("100");
    for (amount, fit, cover) in
        [("0", 0, 0), ("-1", 0, 0), ("0.01", 0, 1), ("100", 1, 1), ("100.01", 1, 2), ("250", 2, 3)]
    {
        assert_eq!(money(amount).whole_multiples_of(unit), fit, "{amount}");
        assert_eq!(money(amount).multiples_to_cover(unit), cover, "{amount}");
    }
}

proptest! {
    /// Reading what was written gives the same amount.
    #[test]
    fn written_amounts_read_back(mantissa in -999_999_999_999_999_999_999_999_i128..=999_999_999_999_999_999_999_999, decimals in 0_u32..=9) {
        if let Ok(amount) = Money::new(mantissa, decimals) {
            let written = amount.to_string();
            prop_assert_eq!(written.parse::<Money>(), Ok(amount));
            let decimals = written.split('.').nth(1).expect("at least two decimals");
            prop_assert!(decimals.len() == 2 || decimals.len() > 2 && !decimals.ends_with('0'));
        }
    }

    /// The rounded price is within one unit of the last decimal of the exact one, and never off by more than a half
    /// where the mode is to the nearest.
    #[test]
    fn rounding_moves_at_most_half_a_unit(mantissa in 0_i128..10_000_000, scale in 0_u32..=9, seconds in 0_u64..700_000) {
        let rate: Rate = Money::new(mantissa, scale).expect("small").to_string().parse().expect("a rate");
        let price = rate.price_of(seconds, LineRounding::default()).expect("small");
        // Exact in units of 10^-9 / 60: no division.
        let exact = mantissa * 10_i128.pow(9 - scale) * i128::from(seconds);
        let (got, _) = price.aligned(Money::ZERO);
        prop_assert!((got * 60 - exact).abs() * 2 <= 60 * 1000);
    }
}
