//! The native CDR of the topic `cdrs`: read by the engine, written by the intake.
//!
//! Bounds: those of WIRE, and 256 bytes for `from` and `to`, which may be empty (withheld). `null` equals absent. Unknown
//! fields are ignored. `ended_at` of an answered call must be a time, but the duration counts.

mod write;

use std::fmt;

use jiff::Timestamp;
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::fields::without_place;
use super::record::{given_twice, record};
use super::value::{Bounded, Name, Parsed, Seconds, Text};
use super::{RECORD_BYTES_MAX, Rejected};
use crate::core::cdr::{
    ATTRIBUTE_BYTES_MAX, ATTRIBUTES_MAX, Attributes, CALL_ID_BYTES_MAX, CallTimes, Cdr, Direction, NumberType, Service,
    USER_BYTES_MAX,
};
use crate::core::number::Country;

pub use write::{check, encode};

/// The longest number or SIP name of either end, in bytes.
pub const NUMBER_BYTES_MAX: usize = 256;

/// The only version of the form.
const VERSION: u64 = 1;

record! {
    /// A CDR as it is written.
    struct RawCdr<'a>, unknown fields are ignored:
    "call_id" => call_id: Bounded<'a, 1, CALL_ID_BYTES_MAX>,
    "tenant" => tenant: Name<'a>,
    "service" => service: Parsed<Service>,
    "direction" => direction: Parsed<Direction>,
    "from" => from: Bounded<'a, 0, NUMBER_BYTES_MAX>,
    "to" => to: Bounded<'a, 0, NUMBER_BYTES_MAX>,
    "number_type" => number_type: Parsed<NumberType>,
    "user" => user: Bounded<'a, 1, USER_BYTES_MAX>,
    "plan" => plan: Name<'a>,
    "usage_country" => usage_country: Parsed<Country>,
    "answered_at" => answered_at: Parsed<Timestamp>,
    "duration_seconds" => duration_seconds: Seconds,
    "ended_at" => ended_at: Parsed<Timestamp>,
    "on_net" => on_net: bool,
    "part" => part: u32,
    "final" => is_final: bool,
    "attributes" => attributes: RawAttributes<'a>,
    "version" => version: u64,
}

/// Reads a CDR.
///
/// # Errors
/// `unsupported_version` where it says that it is of another version, whatever else is in it; else `malformed`. The detail
/// names the field and the fault.
pub fn decode(bytes: &[u8]) -> Result<Cdr<'_>, Rejected> {
    let json = text_of(bytes)?;
    let raw: RawCdr<'_> = serde_json::from_str(json).map_err(|fault| judge_unread(json, &fault))?;
    match raw.version {
        None | Some(VERSION) => raw.into_cdr().map_err(Rejected::malformed),
        Some(other) => Err(other_version(other)),
    }
}

/// The text of a record of at most [`RECORD_BYTES_MAX`].
pub(super) fn text_of(bytes: &[u8]) -> Result<&str, Rejected> {
    if bytes.len() > RECORD_BYTES_MAX {
        return Err(Rejected::malformed(format_args!("record: {} bytes, more than {RECORD_BYTES_MAX}", bytes.len())));
    }
    std::str::from_utf8(bytes)
        .map_err(|fault| Rejected::malformed(format_args!("record: not UTF-8 from byte {} on", fault.valid_up_to())))
}

impl<'a> RawCdr<'a> {
    fn into_cdr(self) -> Result<Cdr<'a>, String> {
        let times = self.times()?;
        Ok(Cdr {
            call_id: required("call_id", self.call_id)?.0,
            tenant: required("tenant", self.tenant)?.0,
            service: required("service", self.service)?.0,
            direction: required("direction", self.direction)?.0,
            from: required("from", self.from)?.0,
            to: required("to", self.to)?.0,
            number_type: required("number_type", self.number_type)?.0,
            user: self.user.map(|user| user.0),
            plan: self.plan.map(|plan| plan.0),
            usage_country: self.usage_country.map(|country| country.0),
            on_net: self.on_net.unwrap_or(false),
            part: self.part,
            is_final: self.is_final.unwrap_or(true),
            times,
            attributes: self.attributes.map(|attributes| attributes.0).unwrap_or_default(),
        })
    }

    fn times(&self) -> Result<CallTimes, String> {
        let Some(Seconds(duration)) = self.duration_seconds else { return Err("duration_seconds: missing".into()) };
        match (&self.answered_at, &self.ended_at) {
            (Some(Parsed(at)), _) => Ok(CallTimes::Answered { at: *at, duration }),
            (None, _) if !duration.is_zero() => Err("answered_at: missing, but the call lasted".into()),
            (None, Some(Parsed(ended_at))) => Ok(CallTimes::Unanswered { ended_at: *ended_at }),
            (None, None) => Err("ended_at: missing, and nobody answered".into()),
        }
    }
}

fn required<T>(name: &str, field: Option<T>) -> Result<T, String> {
    field.ok_or_else(|| format!("{name}: missing"))
}

/// `{"name":"text"}` within the bounds of attributes.
pub(super) struct RawAttributes<'a>(pub(super) Attributes<'a>);

impl<'de> Deserialize<'de> for RawAttributes<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = RawAttributes<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of texts")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut attributes = Attributes::new();
                let mut bytes = 0;
                while let Some((Text(name), Text(value))) = map.next_entry()? {
                    bytes += name.len() + value.len();
                    if attributes.len() == ATTRIBUTES_MAX || bytes > ATTRIBUTE_BYTES_MAX {
                        let bound =
                            format_args!("more than {ATTRIBUTES_MAX}, or than {ATTRIBUTE_BYTES_MAX} bytes in all");
                        return Err(A::Error::custom(bound));
                    }
                    if attributes.iter().any(|(other, _)| *other == name) {
                        return Err(given_twice(&name));
                    }
                    attributes.push((name, value));
                }
                Ok(RawAttributes(attributes))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

/// A record could not be read: of another version, or malformed?
#[cold]
pub(super) fn judge_unread(json: &str, fault: &serde_json::Error) -> Rejected {
    match version_of(json) {
        Some(other) if other != VERSION => other_version(other),
        _ if fault.is_data() => Rejected::malformed(without_place(fault)),
        _ => Rejected::malformed(format_args!("record: {fault}")),
    }
}

pub(super) fn other_version(version: u64) -> Rejected {
    Rejected::unsupported(format_args!("version: {version}, not {VERSION}"))
}

/// The version of a record that is an object, whatever else is in it. `None`: it names none.
fn version_of(json: &str) -> Option<u64> {
    struct VersionAlone(Option<u64>);
    impl<'de> Deserialize<'de> for VersionAlone {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Object;
            impl<'de> Visitor<'de> for Object {
                type Value = VersionAlone;

                fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str("an object")
                }

                fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<VersionAlone, A::Error> {
                    let mut version = None;
                    while let Some(Text(name)) = map.next_key()? {
                        if name == "version" {
                            let raw: &'de RawValue = map.next_value()?;
                            version = raw.get().parse().ok();
                        } else {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                    Ok(VersionAlone(version))
                }
            }
            deserializer.deserialize_map(Object)
        }
    }
    serde_json::from_str::<VersionAlone>(json).ok()?.0
}

#[cfg(test)]
mod tests;
