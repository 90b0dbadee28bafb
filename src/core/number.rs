//! Telephone numbers: countries, E.164 numbers, and what was dialled before it is one.

use std::fmt;
use std::str::FromStr;

/// Digits of an E.164 number at least (F4).
pub const NUMBER_DIGITS_MIN: usize = 7;
/// Digits of an E.164 number at most (F4).
pub const NUMBER_DIGITS_MAX: usize = 15;
/// Characters of a dialled number at most, separators dropped: an international prefix and the longest number fit.
pub const DIALLED_LEN_MAX: usize = 24;

/// A country as ISO 3166 alpha-2 writes it, in capitals; `XK` is Kosovo, `NA` is Namibia.
///
/// The form is checked, not that the country exists: the number plan knows those.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Country([u8; 2]);

/// The text is not two capital letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a country of two capital letters")]
pub struct NotACountry;

impl Country {
    /// How many countries two letters can name.
    pub(crate) const COUNT: usize = 26 * 26;

    /// The two letters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("two capital letters")
    }

    /// The place of the country in a table of [`Country::COUNT`].
    pub(crate) fn index(self) -> usize {
        usize::from(self.0[0] - b'A') * 26 + usize::from(self.0[1] - b'A')
    }
}

impl FromStr for Country {
    type Err = NotACountry;

    fn from_str(text: &str) -> Result<Country, NotACountry> {
        match text.as_bytes() {
            [first @ b'A'..=b'Z', second @ b'A'..=b'Z'] => Ok(Country([*first, *second])),
            _ => Err(NotACountry),
        }
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An E.164 number: 7 to 15 digits, the first not 0 (F4). Written with `+`.
///
/// ```
/// use tollkeeper::core::number::Number;
/// let number: Number = "33612345678".parse()?;
/// assert_eq!(number.to_string(), "+33612345678");
/// # Ok::<(), tollkeeper::core::number::NotANumber>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Number {
    /// ASCII digits; those beyond `len` are 0, so that comparing and hashing the whole is right.
    digits: [u8; NUMBER_DIGITS_MAX],
    len: u8,
}

/// The text is not 7 to 15 digits without a leading 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not 7 to 15 digits without a leading 0")]
pub struct NotANumber;

impl Number {
    /// The digits, without `+`.
    pub fn digits(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).expect("ASCII digits")
    }

    /// The digits as ASCII, without `+`.
    pub fn as_bytes(&self) -> &[u8] {
        &self.digits[..usize::from(self.len)]
    }
}

impl FromStr for Number {
    type Err = NotANumber;

    /// Reads bare digits: no `+`, no separators. What was dialled goes through
    /// [`NumberPlan::normalise`](crate::core::number_plan::NumberPlan::normalise).
    fn from_str(text: &str) -> Result<Number, NotANumber> {
        let bytes = text.as_bytes();
        let right_length = (NUMBER_DIGITS_MIN..=NUMBER_DIGITS_MAX).contains(&bytes.len());
        if !right_length || bytes[0] == b'0' || !bytes.iter().all(u8::is_ascii_digit) {
            return Err(NotANumber);
        }
        let mut digits = [0; NUMBER_DIGITS_MAX];
        digits[..bytes.len()].copy_from_slice(bytes);
        Ok(Number { digits, len: u8::try_from(bytes.len()).expect("at most 15") })
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "+{}", self.digits())
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What was dialled, without its separators: an optional `+` and 1 to [`DIALLED_LEN_MAX`] digits. On the stack.
#[derive(Clone, Copy, Debug)]
pub struct Dialled {
    text: [u8; DIALLED_LEN_MAX],
    len: usize,
}

impl Dialled {
    /// Drops space, `-`, `.`, `(` and `)` (F4). `None` for what cannot be a number or a short code: a SIP name, `*` and `#`,
    /// nothing at all, or more than [`DIALLED_LEN_MAX`] characters. Reads no further than it must.
    pub fn read(raw: &str) -> Option<Dialled> {
        let mut dialled = Dialled { text: [0; DIALLED_LEN_MAX], len: 0 };
        for byte in raw.bytes() {
            match byte {
                b' ' | b'-' | b'.' | b'(' | b')' => continue,
                b'0'..=b'9' => {}
                b'+' if dialled.len == 0 => {}
                _ => return None,
            }
            *dialled.text.get_mut(dialled.len)? = byte;
            dialled.len += 1;
        }
        if matches!(dialled.as_str(), "" | "+") { None } else { Some(dialled) }
    }

    /// The characters that count.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.text[..self.len]).expect("ASCII digits and a plus")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f4_a_number_has_7_to_15_digits_and_no_leading_zero() {
        for valid in ["1234567", "123456789012345"] {
            assert_eq!(valid.parse::<Number>().map(|n| n.to_string()), Ok(format!("+{valid}")), "{valid}");
        }
        for invalid in ["", "123456", "1234567890123456", "0123456789", "+1234567", "12345a7", "１２３４５６７"]
        {
            assert_eq!(invalid.parse::<Number>(), Err(NotANumber), "{invalid}");
        }
    }

    #[test]
    fn f4_separators_are_dropped_and_names_are_not_numbers() {
        let cases = [
            ("+1 (425) 555-01.00", Some("+14255550100")),
            ("911", Some("911")),
            ("9-1-1", Some("911")),
            ("", None),
            (" - ", None),
            ("+", None),
            ("1+2", None),
            ("++1", None),
            ("*21#", None),
            ("sip:ada@contoso.example", None),
            ("anonymous", None),
            ("1\u{a0}2", None),
            ("123456789012345678901234", Some("123456789012345678901234")),
            ("1234567890123456789012345", None),
        ];
        for (raw, expected) in cases {
            assert_eq!(Dialled::read(raw).as_ref().map(Dialled::as_str), expected, "{raw:?}");
        }
        assert!(Dialled::read(&"7".repeat(1 << 20)).is_none());
    }

    #[test]
    fn a_country_is_two_capital_letters() {
        assert_eq!("NA".parse::<Country>().map(|c| c.to_string()), Ok("NA".to_owned()));
        for wrong in ["", "N", "na", "NAM", "N1", "ÄÖ"] {
            assert_eq!(wrong.parse::<Country>(), Err(NotACountry), "{wrong}");
        }
    }
}
