//! Writing JSON by hand: the fields of an object one after the other, straight into the bytes of a record.

use std::fmt;

use jiff::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;

use crate::core::duration::CallDuration;
use crate::core::money::{Money, Rate, WrittenMoney};

const TIME: DateTimePrinter = DateTimePrinter::new();
const TIME_IN_MS: DateTimePrinter = DateTimePrinter::new().precision(Some(3));
const MICROS_PER_SECOND: u64 = 1_000_000;

/// An object that is being written. A field that is `None` is left out.
pub(super) struct Object<'v> {
    into: &'v mut Vec<u8>,
    is_empty: bool,
}

impl<'v> Object<'v> {
    /// Begins an object.
    pub(super) fn open(into: &'v mut Vec<u8>) -> Object<'v> {
        into.push(b'{');
        Object { into, is_empty: true }
    }

    /// Goes on with an object that has fields already.
    pub(super) fn go_on(into: &'v mut Vec<u8>) -> Object<'v> {
        Object { into, is_empty: false }
    }

    /// Ends it.
    pub(super) fn close(self) {
        self.into.push(b'}');
    }

    /// Writes the name; the value is to be written into what is returned.
    pub(super) fn value(&mut self, name: &str) -> &mut Vec<u8> {
        if !self.is_empty {
            self.into.push(b',');
        }
        self.is_empty = false;
        write_text(name, self.into);
        self.into.push(b':');
        self.into
    }

    pub(super) fn text(&mut self, name: &str, text: &str) {
        write_text(text, self.value(name));
    }

    pub(super) fn optional_text(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.text(name, text);
        }
    }

    /// Something that writes itself without any character that JSON escapes.
    pub(super) fn plain(&mut self, name: &str, plain: impl fmt::Display) {
        write_plain(plain, self.value(name));
    }

    pub(super) fn money(&mut self, name: &str, amount: Money) {
        write_money(amount, self.value(name));
    }

    pub(super) fn optional_money(&mut self, name: &str, amount: Option<Money>) {
        if let Some(amount) = amount {
            self.money(name, amount);
        }
    }

    /// An amount whose default is zero: left out if it is that.
    pub(super) fn money_unless_zero(&mut self, name: &str, amount: Money) {
        if !amount.is_zero() {
            self.money(name, amount);
        }
    }

    pub(super) fn integer(&mut self, name: &str, integer: impl itoa::Integer) {
        write_integer(integer, self.value(name));
    }

    pub(super) fn flag(&mut self, name: &str, flag: bool) {
        self.value(name).extend_from_slice(if flag { b"true" } else { b"false" });
    }

    /// Nanoseconds exactly, no more digits than it has.
    pub(super) fn time(&mut self, name: &str, at: Timestamp) {
        write_time(at, self.value(name));
    }

    pub(super) fn optional_time(&mut self, name: &str, at: Option<Timestamp>) {
        if let Some(at) = at {
            self.time(name, at);
        }
    }

    pub(super) fn null(&mut self, name: &str) {
        self.value(name).extend_from_slice(b"null");
    }

    pub(super) fn object(&mut self, name: &str) -> Object<'_> {
        Object::open(self.value(name))
    }

    /// A list; `write` writes one element.
    pub(super) fn list<T>(
        &mut self,
        name: &str,
        elements: impl IntoIterator<Item = T>,
        write: impl FnMut(T, &mut Vec<u8>),
    ) {
        write_list(elements, self.value(name), write);
    }
}

/// `[...]`; `write` writes one element.
pub(super) fn write_list<T>(
    elements: impl IntoIterator<Item = T>,
    into: &mut Vec<u8>,
    mut write: impl FnMut(T, &mut Vec<u8>),
) {
    into.push(b'[');
    for (place, element) in elements.into_iter().enumerate() {
        if place > 0 {
            into.push(b',');
        }
        write(element, into);
    }
    into.push(b']');
}

/// A string with its quotes, escaped where it must be: most strings need one look and one copy.
pub(super) fn write_text(text: &str, into: &mut Vec<u8>) {
    into.push(b'"');
    write_escaped(text, into);
    into.push(b'"');
}

/// A string without its quotes.
pub(super) fn write_escaped(text: &str, into: &mut Vec<u8>) {
    let mut rest = text.as_bytes();
    if is_plain(rest) {
        return into.extend_from_slice(rest);
    }
    while let Some(place) = rest.iter().position(|byte| must_be_escaped(*byte)) {
        into.extend_from_slice(&rest[..place]);
        match rest[place] {
            b'"' => into.extend_from_slice(b"\\\""),
            b'\\' => into.extend_from_slice(b"\\\\"),
            b'\n' => into.extend_from_slice(b"\\n"),
            b'\r' => into.extend_from_slice(b"\\r"),
            b'\t' => into.extend_from_slice(b"\\t"),
            control => into.extend_from_slice(format!("\\u{control:04x}").as_bytes()),
        }
        rest = &rest[place + 1..];
    }
    into.extend_from_slice(rest);
}

/// Nothing is to be escaped: eight bytes at a time (the bit tricks of "Determine if a word has a byte less than n, or equal
/// to n", Bit Twiddling Hacks).
fn is_plain(text: &[u8]) -> bool {
    const LOW_BITS: u64 = 0x0101_0101_0101_0101;
    const HIGH_BITS: u64 = 0x8080_8080_8080_8080;
    let has_less = |word: u64, than: u8| word.wrapping_sub(LOW_BITS * u64::from(than)) & !word & HIGH_BITS != 0;
    let has = |word: u64, byte: u8| has_less(word ^ (LOW_BITS * u64::from(byte)), 1);
    let (words, rest) = text.as_chunks::<8>();
    words
        .iter()
        .map(|word| u64::from_le_bytes(*word))
        .all(|word| !has_less(word, 0x20) && !has(word, b'"') && !has(word, b'\\'))
        && !rest.iter().any(|byte| must_be_escaped(*byte))
}

fn must_be_escaped(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

/// Something that writes itself without any character that JSON escapes, in quotes.
pub(super) fn write_plain(plain: impl fmt::Display, into: &mut Vec<u8>) {
    use std::io::Write;
    write!(into, "\"{plain}\"").expect("a vector takes all");
}

pub(super) fn write_money(amount: Money, into: &mut Vec<u8>) {
    into.push(b'"');
    into.extend_from_slice(amount.write_to(&mut WrittenMoney::default()).as_bytes());
    into.push(b'"');
}

pub(super) fn write_rate(rate: Rate, into: &mut Vec<u8>) {
    into.push(b'"');
    into.extend_from_slice(rate.write_to(&mut WrittenMoney::default()).as_bytes());
    into.push(b'"');
}

pub(super) fn write_integer(integer: impl itoa::Integer, into: &mut Vec<u8>) {
    into.extend_from_slice(itoa::Buffer::new().format(integer).as_bytes());
}

pub(super) fn write_time(at: Timestamp, into: &mut Vec<u8>) {
    into.push(b'"');
    TIME.print_timestamp(&at, &mut *into).expect("a vector takes all");
    into.push(b'"');
}

/// With three decimals, always: what is finer is cut.
pub(super) fn write_time_in_ms(at: Timestamp, into: &mut Vec<u8>) {
    into.push(b'"');
    TIME_IN_MS.print_timestamp(&at, &mut *into).expect("a vector takes all");
    into.push(b'"');
}

/// A number of seconds, exactly, without trailing zeros: `78`, `78.25`.
pub(super) fn write_seconds(duration: CallDuration, into: &mut Vec<u8>) {
    let (seconds, mut fraction) = (duration.micros() / MICROS_PER_SECOND, duration.micros() % MICROS_PER_SECOND);
    write_integer(seconds, into);
    if fraction > 0 {
        into.push(b'.');
        let mut decimal = MICROS_PER_SECOND / 10;
        while fraction > 0 {
            into.push(b'0' + u8::try_from(fraction / decimal).expect("a digit"));
            fraction %= decimal;
            decimal /= 10;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut bytes = Vec::new();
        write(&mut bytes);
        String::from_utf8(bytes).expect("JSON is UTF-8")
    }

    #[test]
    fn seconds_are_exact_and_have_no_trailing_zeros() {
        let cases = [
            (0, "0"),
            (60_000_000, "60"),
            (78_250_000, "78.25"),
            (1, "0.000001"),
            (1_000_100, "1.0001"),
            (604_800_000_000, "604800"),
        ];
        for (micros, expected) in cases {
            let duration = CallDuration::from_micros(micros).expect("not above 7 days");
            assert_eq!(written(|into| write_seconds(duration, into)), expected);
        }
    }

    #[test]
    fn times_are_rfc_3339_in_utc() {
        let at: Timestamp = "2026-11-20T10:15:30.5Z".parse().expect("a time");
        assert_eq!(written(|into| write_time(at, into)), "\"2026-11-20T10:15:30.5Z\"");
        assert_eq!(written(|into| write_time_in_ms(at, into)), "\"2026-11-20T10:15:30.500Z\"");
    }

    proptest! {
        #[test]
        fn any_text_is_read_back_by_another_reader(text in ".*|[\\x00-\\x1f\"\\\\a]{0,20}") {
            let json = written(|into| write_text(&text, into));
            prop_assert_eq!(serde_json::from_str::<String>(&json).expect("valid JSON"), text);
        }

        #[test]
        fn seconds_are_read_back(micros in 0_u64..=604_800_000_000) {
            let duration = CallDuration::from_micros(micros).expect("not above 7 days");
            let json = written(|into| write_seconds(duration, into));
            prop_assert_eq!(json.parse::<CallDuration>(), Ok(duration));
        }
    }
}
