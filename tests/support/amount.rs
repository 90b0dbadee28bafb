//! Money as the tests count it: whole billionths, with nothing of the engine in between.

/// Reads a decimal string exactly, as billionths.
///
/// # Panics
///
/// If it is not a plain decimal with at most nine decimals.
pub fn billionths(text: &str) -> i128 {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    assert!(!whole.is_empty() && fraction.len() <= 9, "{text:?} is not an amount");
    let padded = format!("{whole}{fraction:0<9}");
    sign * padded.parse::<i128>().unwrap_or_else(|_| panic!("{text:?} is not an amount"))
}

#[test]
fn amounts_are_read_exactly() {
    for (text, expected) in
        [("0.026", 26_000_000), ("-1.5", -1_500_000_000), ("100.00", 100_000_000_000), ("0.000000001", 1)]
    {
        assert_eq!(billionths(text), expected, "{text}");
    }
}
