//! Money as whole numbers of 10^-9, written as text.

/// Units of 10^-9.
pub type Amount = i128;

/// One whole unit of a currency.
pub const ONE: Amount = 1_000_000_000;
/// 10^15: what no amount and no balance may reach (F22).
pub const LIMIT: Amount = 1_000_000_000_000_000 * ONE;

/// How a charge line is rounded (R16).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// The half away from zero (F9).
    HalfUp,
    /// The half to the even digit.
    HalfEven,
    /// Towards zero.
    Down,
    /// Away from zero.
    Up,
}

/// The plain form (F23): two decimals or more, no further zeros.
pub fn amount(money: Amount) -> String {
    let sign = if money < 0 { "-" } else { "" };
    let mut decimals = format!("{:09}", money.abs() % ONE);
    while decimals.len() > 2 && decimals.ends_with('0') {
        decimals.pop();
    }
    format!("{sign}{}.{decimals}", money.abs() / ONE)
}

/// An amount as it is written: up to 15 digits, up to 9 decimals. `None`: it is none.
pub fn read(written: &str) -> Option<Amount> {
    let (negative, rest) = match written.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, written),
    };
    let (whole, decimals) = match rest.split_once('.') {
        Some((whole, decimals)) if !decimals.is_empty() => (whole, decimals),
        Some(_) => return None,
        None => (rest, ""),
    };
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || whole.len() > 15 || decimals.len() > 9 || !is_digits(whole) || !is_digits(decimals) {
        return None;
    }
    let money = whole.parse::<Amount>().ok()? * ONE + format!("{decimals:0<9}").parse::<Amount>().ok()?;
    Some(if negative { -money } else { money })
}

/// An amount that a test wrote.
pub fn of(written: &str) -> Amount {
    read(written).unwrap_or_else(|| panic!("{written} is no amount"))
}

/// `numerator / divisor`, both in whole numbers and not negative, rounded to so many decimals of a unit.
pub fn rounded(numerator: Amount, divisor: Amount, decimals: u32, rounding: Rounding) -> Amount {
    assert!(numerator >= 0 && divisor > 0, "a line is rounded before it is taken from another");
    let step = 10_i128.pow(9 - decimals);
    let divisor = divisor * step;
    let (down, rest) = (numerator / divisor, numerator % divisor);
    let up = match rounding {
        Rounding::Down => false,
        Rounding::Up => rest > 0,
        Rounding::HalfUp => rest * 2 >= divisor,
        Rounding::HalfEven => rest * 2 > divisor || (rest * 2 == divisor && down % 2 == 1),
    };
    (down + Amount::from(up)) * step
}
