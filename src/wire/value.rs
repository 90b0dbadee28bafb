//! The values that forms are made of: texts with bounds, names, and what is written as a text and is more than that.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use jiff::Timestamp;
use jiff::fmt::temporal::DateTimeParser;
use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};
use serde_json::value::RawValue;
use smallvec::SmallVec;

use super::envelope::Kind;
use crate::core::cdr::{CallClass, Direction, NumberType, Service};
use crate::core::currency::Currency;
use crate::core::duration::{CallDuration, DurationError};
use crate::core::event::{BlockReason, Classes, LineKind, LotId};
use crate::core::identity::{BodyHash, Content};
use crate::core::money::{Money, Rate};
use crate::core::month::Month;
use crate::core::number::{Country, Number};
use crate::core::tenant::{NoRatePolicy, TenantId};

/// Any text; borrowed unless it holds escapes.
pub(super) struct Text<'a>(pub(super) Cow<'a, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_text(deserializer, |_| Ok(())).map(Text)
    }
}

/// A text of `MIN` to `MAX` bytes.
pub(super) struct Bounded<'a, const MIN: usize, const MAX: usize>(pub(super) Cow<'a, str>);

impl<'de, const MIN: usize, const MAX: usize> Deserialize<'de> for Bounded<'de, MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let check = |text: &str| {
            if (MIN..=MAX).contains(&text.len()) { Ok(()) } else { Err(Problem::Length { min: MIN, max: MAX }) }
        };
        read_text(deserializer, check).map(Bounded)
    }
}

/// A name as tenants, plans and decks have them: 1 to 64 of `[A-Za-z0-9._-]`.
pub(super) struct Name<'a>(pub(super) Cow<'a, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let check = |text: &str| if TenantId::is_valid(text) { Ok(()) } else { Err(Problem::Name) };
        read_text(deserializer, check).map(Name)
    }
}

/// What is wrong with a text; written only where it is needed.
enum Problem {
    Length { min: usize, max: usize },
    Name,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::Length { min, max } => write!(f, "not {min} to {max} bytes"),
            Problem::Name => f.write_str("not 1 to 64 of [A-Za-z0-9._-]"),
        }
    }
}

fn read_text<'de, D: Deserializer<'de>>(
    deserializer: D,
    check: impl Fn(&str) -> Result<(), Problem>,
) -> Result<Cow<'de, str>, D::Error> {
    struct Checked<C>(C);
    impl<'de, C: Fn(&str) -> Result<(), Problem>> Visitor<'de> for Checked<C> {
        type Value = Cow<'de, str>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a text")
        }

        fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
            (self.0)(text).map(|()| Cow::Borrowed(text)).map_err(E::custom)
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
            (self.0)(text).map(|()| Cow::Owned(text.to_owned())).map_err(E::custom)
        }
    }
    deserializer.deserialize_str(Checked(check))
}

/// What is written as a text and is more than that.
pub(super) trait FromText: Sized {
    /// Reads it.
    ///
    /// # Errors
    /// What it is not.
    fn from_text(text: &str) -> Result<Self, impl fmt::Display>;
}

/// A value that is read from a text.
pub(super) struct Parsed<T>(pub(super) T);

impl<'de, T: FromText> Deserialize<'de> for Parsed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader<T>(PhantomData<T>);
        impl<T: FromText> Visitor<'_> for Reader<T> {
            type Value = Parsed<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Parsed<T>, E> {
                T::from_text(text).map(Parsed).map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Reader(PhantomData))
    }
}

/// Types whose `FromStr` reads the form of the wire.
macro_rules! read_by_from_str {
    ($($type:ty),*) => {$(
        impl FromText for $type {
            fn from_text(text: &str) -> Result<Self, impl fmt::Display> {
                text.parse::<$type>()
            }
        }
    )*};
}
read_by_from_str!(Money, Rate, Currency, Country);

/// Closed lists of codes.
macro_rules! read_by_code {
    ($($type:ty: $all:expr),* $(,)?) => {$(
        impl FromText for $type {
            fn from_text(text: &str) -> Result<Self, impl fmt::Display> {
                $all.into_iter().find(|of| of.code() == text).ok_or_else(|| {
                    let codes = $all.map(<$type>::code);
                    format!("not one of {}", codes.join(", "))
                })
            }
        }
    )*};
}
read_by_code!(
    Service: Service::ALL,
    Direction: Direction::ALL,
    NumberType: NumberType::ALL,
    CallClass: CallClass::ALL,
    LineKind: LineKind::ALL,
    BlockReason: BlockReason::ALL,
    Kind: Kind::ALL,
    NoRatePolicy: [NoRatePolicy::Quarantine, NoRatePolicy::FreeCall],
);

impl FromText for Timestamp {
    /// RFC 3339 with a zone, and nothing of the wider forms that jiff reads (a zone's name, weeks, no seconds).
    fn from_text(text: &str) -> Result<Self, impl fmt::Display> {
        const PARSER: DateTimeParser = DateTimeParser::new();
        let parsed = if has_the_shape_of_rfc_3339(text.as_bytes()) { PARSER.parse_timestamp(text).ok() } else { None };
        parsed.ok_or("not a time as RFC 3339 writes it, with a zone")
    }
}

/// `2026-11-20T10:15:30Z`, with any fraction of a second, and `+01:00` for `Z`. Whether the date exists is not looked at.
fn has_the_shape_of_rfc_3339(text: &[u8]) -> bool {
    let Some((civil, rest)) = text.split_first_chunk::<19>() else { return false };
    let shape = b"dddd-dd-ddTdd:dd:dd";
    let fits = civil.iter().zip(shape).all(|(byte, expected)| match expected {
        b'd' => byte.is_ascii_digit(),
        b'T' => matches!(byte, b'T' | b't'),
        separator => byte == separator,
    });
    let zone = match rest {
        [b'.', fraction @ ..] => {
            let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
            if digits == 0 {
                return false;
            }
            &fraction[digits..]
        }
        zone => zone,
    };
    fits && match zone {
        [b'Z' | b'z'] => true,
        [b'+' | b'-', a, b, b':', c, d] => [a, b, c, d].into_iter().all(u8::is_ascii_digit),
        _ => false,
    }
}

impl FromText for Number {
    /// With its `+`.
    fn from_text(text: &str) -> Result<Self, impl fmt::Display> {
        text.strip_prefix('+')
            .and_then(|digits| digits.parse().ok())
            .ok_or("not + and 7 to 15 digits without a leading 0")
    }
}

impl FromText for LotId {
    /// `l<seq>`.
    fn from_text(text: &str) -> Result<Self, impl fmt::Display> {
        text.strip_prefix('l').and_then(read_sequence).map(LotId).ok_or("not a lot")
    }
}

impl FromText for Month {
    /// `yyyy-mm`.
    fn from_text(text: &str) -> Result<Self, impl fmt::Display> {
        Month::parse(text).ok_or("not a month as 2026-11")
    }
}

impl FromText for Content {
    /// 8 lower-case hex digits.
    fn from_text(text: &str) -> Result<Self, impl fmt::Display> {
        let hash = lower_hex(text, 8).then(|| u32::from_str_radix(text, 16).ok()).flatten();
        hash.map(Content).ok_or("not 8 hex digits")
    }
}

impl FromText for BodyHash {
    /// 16 lower-case hex digits.
    fn from_text(text: &str) -> Result<Self, impl fmt::Display> {
        let hash = lower_hex(text, 16).then(|| u64::from_str_radix(text, 16).ok()).flatten();
        hash.map(BodyHash).ok_or("not 16 hex digits")
    }
}

pub(super) fn lower_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// A sequence number of an account as ids carry it: from 1, without leading zeros.
pub(super) fn read_sequence(digits: &str) -> Option<u64> {
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
    plain.then(|| digits.parse().ok()).flatten()
}

/// The duration of a call, read exactly from the text of a JSON number.
pub(super) struct Seconds(pub(super) CallDuration);

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&'de RawValue>::deserialize(deserializer)?;
        read_seconds(raw.get()).map(Seconds).map_err(D::Error::custom)
    }
}

/// Digits, and at most six decimals. An exponent is not a form that the wire has, although the core could read it.
fn read_seconds(text: &str) -> Result<CallDuration, DurationError> {
    if text.len() <= 6 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // Nearly all of them. JSON has no leading zeros, and six digits cannot overflow.
        let seconds = text.bytes().fold(0_u64, |sum, digit| sum * 10 + u64::from(digit - b'0'));
        return CallDuration::from_micros(seconds * 1_000_000);
    }
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    if !unsigned.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return Err(DurationError::NotANumber);
    }
    if text.split_once('.').is_some_and(|(_, decimals)| decimals.len() > 6) {
        return Err(DurationError::TooManyDecimals);
    }
    text.parse()
}

/// A list of call classes.
pub(super) struct ClassList(pub(super) Classes);

impl<'de> Deserialize<'de> for ClassList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let List(classes) = List::<Parsed<CallClass>>::deserialize(deserializer)?;
        if let Some(free) = classes.iter().find(|Parsed(class)| !CallClass::PAID.contains(class)) {
            return Err(D::Error::custom(format_args!("{} is always free", free.0.code())));
        }
        Ok(ClassList(classes.into_iter().map(|Parsed(class)| class).collect()))
    }
}

/// A list of anything; one or two without an allocation.
pub(super) struct List<T>(pub(super) SmallVec<[T; 2]>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Elements<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Elements<T> {
            type Value = List<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<List<T>, A::Error> {
                let mut elements = SmallVec::new();
                while let Some(element) = list.next_element()? {
                    elements.push(element);
                }
                Ok(List(elements))
            }
        }
        deserializer.deserialize_seq(Elements(PhantomData))
    }
}
