//! Prefixes as carriers write them: `93`, `+93`, `0093`, `^93.*`, `880 10`, lists `61 38,39` and ranges `44 7400-7409` (R10).

use crate::core::number::NUMBER_DIGITS_MAX;
use crate::core::prefix::is_prefix;

/// Prefixes that one cell stands for, at most.
pub const PREFIXES_OF_A_CELL_MAX: usize = 10_000;
/// Bytes of a cell of prefixes at most.
const CELL_LEN_MAX: usize = 65_536;

/// All prefixes that a cell stands for, in its order.
///
/// What is before the last space is the beginning of each: `61 38,39` is 6138 and 6139. A range has two ends of one length.
///
/// # Errors
/// What cannot be read in it.
pub(super) fn read_prefixes(cell: &str) -> Result<Vec<Box<str>>, String> {
    // Nearly all are one.
    let plain = without_sign(cell);
    if is_prefix(plain) {
        return Ok(vec![plain.into()]);
    }
    if cell.len() > CELL_LEN_MAX {
        return Err(format!("longer than {CELL_LEN_MAX} bytes"));
    }
    let joined = without_spaces_at_separators(cell);
    let (head, items) = joined.rsplit_once(' ').unwrap_or(("", &joined));
    let head = if head.is_empty() { String::new() } else { digits_of(head)? };
    let mut prefixes = Vec::new();
    for item in items.split([',', ';']) {
        add_item(&head, item, &mut prefixes)?;
    }
    Ok(prefixes)
}

/// `61 38, 39` is `61 38,39`; several spaces are one.
fn without_spaces_at_separators(cell: &str) -> String {
    let is_separator = |letter: char| matches!(letter, ',' | ';' | '-');
    let mut joined = String::with_capacity(cell.len());
    let mut waits = false;
    for letter in cell.chars() {
        if letter == ' ' || letter == '\u{a0}' || letter == '\t' {
            waits = true;
            continue;
        }
        if waits && !is_separator(letter) && joined.chars().next_back().is_some_and(|last| !is_separator(last)) {
            joined.push(' ');
        }
        waits = false;
        joined.push(letter);
    }
    joined
}

/// The digits of a beginning: `+880`, `00880`, `44 20`.
fn digits_of(head: &str) -> Result<String, String> {
    let digits: String = without_sign(head).split(' ').collect();
    if is_prefix(&digits) { Ok(digits) } else { Err(not_a_prefix()) }
}

/// Without `^`, `+` or `00` before it, and `.*` or `*` behind.
fn without_sign(text: &str) -> &str {
    let text = text.strip_prefix('^').unwrap_or(text);
    let text = text.strip_suffix('*').map_or(text, |text| text.strip_suffix('.').unwrap_or(text));
    text.strip_prefix("\\+").or_else(|| text.strip_prefix('+')).or_else(|| text.strip_prefix("00")).unwrap_or(text)
}

/// One item of a list: a prefix or a range.
fn add_item(head: &str, item: &str, prefixes: &mut Vec<Box<str>>) -> Result<(), String> {
    let sign_free = |text| if head.is_empty() { without_sign(text) } else { text };
    let mut add = |digits: &str| {
        let prefix: Box<str> = format!("{head}{digits}").into();
        if prefixes.len() == PREFIXES_OF_A_CELL_MAX {
            Err(format!("stands for more than {PREFIXES_OF_A_CELL_MAX} prefixes"))
        } else if is_prefix(&prefix) {
            prefixes.push(prefix);
            Ok(())
        } else {
            Err(not_a_prefix())
        }
    };
    let Some((first, last)) = item.split_once('-') else {
        return add(sign_free(item));
    };
    let (first, last) = (sign_free(first), sign_free(last));
    let number = |text: &str| {
        let is_plain = (1..=NUMBER_DIGITS_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        is_plain.then(|| text.parse::<u64>().ok()).flatten()
    };
    let (Some(from), Some(to)) = (number(first), number(last)) else { return Err(not_a_prefix()) };
    let width = first.len();
    if width != last.len() || from > to {
        return Err("a range has two ends of one length, the lower first".to_owned());
    }
    (from..=to).try_for_each(|digits| add(&format!("{digits:0width$}")))
}

fn not_a_prefix() -> String {
    format!("not 1 to {NUMBER_DIGITS_MAX} digits without a leading 0")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(cell: &str) -> String {
        read_prefixes(cell).map_or_else(|error| error, |prefixes| prefixes.join(" "))
    }

    #[test]
    fn r10_prefixes_are_read_as_carriers_write_them() {
        let cases = [
            ("93", "93"),
            ("+93", "93"),
            ("0093", "93"),
            ("^93.*", "93"),
            ("^93", "93"),
            ("^\\+93.*", "93"),
            ("93*", "93"),
            ("880 10", "88010"),
            ("+44 20 7", "44207"),
            ("00880 10", "88010"),
            ("61 38,39", "6138 6139"),
            ("61 38, 39 ,  4", "6138 6139 614"),
            ("93,94;+95", "93 94 95"),
            ("44 7400-7403", "447400 447401 447402 447403"),
            ("44 7400 - 7401, 75", "447400 447401 4475"),
            ("7-9", "7 8 9"),
            ("+7400-+7401", "7400 7401"),
            ("61 08-11", "6108 6109 6110 6111"),
            ("1\u{a0}242", "1242"),
        ];
        for (cell, expected) in cases {
            assert_eq!(read(cell), expected, "{cell}");
        }
    }

    #[test]
    fn what_is_no_prefix_is_refused() {
        let no_prefix = not_a_prefix();
        let ends = "a range has two ends of one length, the lower first";
        let cases = [
            ("", &*no_prefix),
            ("+", &no_prefix),
            ("0", &no_prefix),
            ("044", &no_prefix),
            ("000", &no_prefix),
            ("01144", &no_prefix),
            ("4.47E+05", &no_prefix),
            ("44x", &no_prefix),
            ("44.", &no_prefix),
            ("93,", &no_prefix),
            (",93", &no_prefix),
            ("61 38,+39", &no_prefix),
            ("880 10,880 11", &no_prefix),
            ("1234567890123456", &no_prefix),
            ("1234567 123456780-123456789", &no_prefix),
            ("44-", &no_prefix),
            ("44 7400--7409", &no_prefix),
            ("1-242", ends),
            ("44 7409-7400", ends),
            ("99999999999999999999-99999999999999999999", &no_prefix),
            ("44 00000-99999", "stands for more than 10000 prefixes"),
            ("٤٤", &no_prefix),
        ];
        for (cell, expected) in cases {
            assert_eq!(read(cell), expected, "{cell}");
        }
        assert_eq!(read(&"44,".repeat(30_000)), "longer than 65536 bytes");
    }

    proptest! {
        #[test]
        fn a_cell_never_panics_and_gives_prefixes_only(cell in "[0-9 ,;+^*.\\-]{0,20}|\\PC{0,20}") {
            for prefix in read_prefixes(&cell).into_iter().flatten() {
                prop_assert!(is_prefix(&prefix));
            }
        }

        #[test]
        fn r10_a_range_is_all_between_its_ends(from in 0_u64..9_990, more in 0_u64..300) {
            let to = (from + more).min(9_999);
            let prefixes = read_prefixes(&format!("44 {from:04}-{to:04}")).expect("a range");
            let expected: Vec<Box<str>> = (from..=to).map(|digits| format!("44{digits:04}").into()).collect();
            prop_assert_eq!(prefixes, expected);
        }
    }
}
