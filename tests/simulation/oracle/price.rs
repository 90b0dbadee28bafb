//! Prices, by looking at every row.

use serde_json::{Value, json};

use super::LIMIT;
use crate::rates::{COUNTRIES, Country, LISTS, List, Row};
use crate::sent::{amount, nanos};

/// What a call costs, line by line.
pub(super) struct Price {
    pub(super) billed: u64,
    pub(super) lines: Vec<Value>,
    pub(super) amount: i128,
}

pub(super) fn list(id: &str) -> Option<&'static List> {
    LISTS.iter().find(|list| list.id == id)
}

fn country(code: &str) -> Option<&'static Country> {
    COUNTRIES.iter().find(|country| country.code == code)
}

/// Without separators; `None` for a name.
fn dialled(raw: &str) -> Option<String> {
    let kept: String = raw.chars().filter(|c| !" -.()".contains(*c)).collect();
    let (plus, digits) = match kept.strip_prefix('+') {
        Some(rest) => ("+", rest),
        None => ("", kept.as_str()),
    };
    let fine = !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit());
    fine.then(|| format!("{plus}{digits}"))
}

/// The digits of the E.164 number that was dialled in a country (F4).
pub(super) fn number(raw: &str, dialled_in: &str) -> Option<String> {
    let dialled = dialled(raw)?;
    let abroad = country(dialled_in).map(|country| country.abroad);
    let digits = match dialled.strip_prefix('+') {
        Some(digits) => digits,
        None => abroad.and_then(|abroad| dialled.strip_prefix(abroad)).unwrap_or(&dialled),
    };
    ((7..=15).contains(&digits.len()) && !digits.starts_with('0')).then(|| digits.to_owned())
}

/// How an end of a call counts in its content.
pub(super) fn spelling(raw: &str, dialled_in: &str) -> String {
    number(raw, dialled_in).unwrap_or_else(|| format!("as is: {}", raw.replace([' ', '-', '.', '(', ')'], "")))
}

pub(super) fn is_emergency(raw: &str, user_in: &str) -> bool {
    let Some(dialled) = dialled(raw) else { return false };
    let own = country(user_in).map_or(&[] as &[&str], |country| country.emergency);
    ["112", "911"].contains(&dialled.as_str()) || own.contains(&dialled.as_str())
}

/// Whether a number is in the country, or in its union, by the longest prefix.
pub(super) fn is_domestic(number: &str, user_in: &str) -> bool {
    let owners = COUNTRIES.iter().flat_map(|country| country.prefixes.iter().map(move |prefix| (prefix, country)));
    let owner = owners.filter(|(prefix, _)| number.starts_with(**prefix)).max_by_key(|(prefix, _)| prefix.len());
    let Some((_, owner)) = owner else { return false };
    let union = country(user_in).map_or("", |country| country.union);
    owner.code == user_in || (!union.is_empty() && owner.union == union)
}

/// The row of the longest prefix in force in one list.
fn row_of(list: &'static List, number: &str, at_ms: i64) -> Option<&'static Row> {
    let in_force = |row: &&Row| number.starts_with(row.prefix) && row.from_ms <= at_ms && at_ms < row.to_ms;
    list.rows.iter().filter(in_force).max_by_key(|row| row.prefix.len())
}

/// The row that prices a call, with its list: the overlay's where its prefix is not shorter (F11).
pub(super) fn row(
    price_list: &str,
    overlay: Option<&str>,
    number: &str,
    at_ms: i64,
) -> Option<(&'static List, &'static Row)> {
    let find = |id: &str| list(id).and_then(|list| row_of(list, number, at_ms).map(|row| (list, row)));
    match (overlay.and_then(find), find(price_list)) {
        (Some(own), Some(shared)) if own.1.prefix.len() < shared.1.prefix.len() => Some(shared),
        (Some(own), _) => Some(own),
        (None, shared) => shared,
    }
}

/// `None`: 10^15 or more.
pub(super) fn price(list: &List, row: &Row, millis: i64) -> Option<Price> {
    let seconds = u64::try_from(millis).expect("not negative").div_ceil(1000);
    let billed = match seconds {
        0 => 0,
        short if short <= row.initial => row.initial,
        long => row.initial + (long - row.initial).div_ceil(row.increment) * row.increment,
    };
    let unit = 10_i128.pow(9 - list.decimals);
    // Half up, in units of the list's last decimal.
    let rounded = |numerator: i128, divisor: i128| {
        let divisor = divisor * unit;
        (2 * numerator + divisor) / (2 * divisor) * unit
    };
    let mut total = rounded(nanos(row.rate) * i128::from(billed), 60);
    let mut lines = vec![json!({"kind": "usage", "amount": amount(total)})];
    let fee = nanos(row.connect_fee);
    if fee > 0 {
        lines.push(json!({"kind": "connect", "amount": amount(rounded(fee, 1))}));
        total += rounded(fee, 1);
    }
    let minimum = nanos(row.minimum);
    if total < minimum {
        let missing = rounded(minimum - total, 1);
        lines.push(json!({"kind": "minimum", "amount": amount(missing)}));
        total += missing;
    }
    (total < LIMIT).then_some(Price { billed, lines, amount: total })
}
