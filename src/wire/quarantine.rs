//! Entries of the topic `quarantine`: records that were not rated, whole and with their reason, and duplicates, without their
//! record.

use std::borrow::Cow;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::bytes::{Names, read_bytes, write_bytes};
use super::fields::{FieldFault, Fields, without_place};
use super::json::Object;
use super::record::record;
use super::rejected::bounded;
use super::source::{RawSource, SourceRef, write_source};
use super::value::{FromText, Parsed, Text, read_sequence};
use super::{ESCAPED_RECORD_BYTES_MAX, RECORD_BYTES_MAX};
use crate::core::reason::Reason;

/// How much is kept of a record that is larger than [`RECORD_BYTES_MAX`], in bytes.
pub const PREFIX_BYTES_MAX: usize = 1024;
/// The largest entry, in bytes: a record of which every byte is escaped, and the rest (a detail is quoted and short).
pub const ENTRY_BYTES_MAX: usize = ESCAPED_RECORD_BYTES_MAX + 8192;
const _: () = assert!(ENTRY_BYTES_MAX < 1_000_000, "Kafka takes records of a megabyte unless configured");

const DUPLICATE: &str = "duplicate";
const WHOLE: Names = Names { text: "record", base64: "record_base64" };
const PREFIX: Names = Names { text: "record_prefix", base64: "record_prefix_base64" };

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry<'a> {
    /// A record that was not rated.
    Quarantined(Quarantined<'a>),
    /// A record that was debited or applied before.
    Duplicate(Duplicate<'a>),
}

/// A record that was not rated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantined<'a> {
    /// Why.
    pub reason: Reason,
    /// What exactly.
    pub detail: Cow<'a, str>,
    /// Where it was first read, and when the broker had it (`received_at`).
    pub source: SourceRef<'a>,
    /// The record.
    pub record: Kept<'a>,
}

/// What is kept of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept<'a> {
    /// All of it.
    Whole(Cow<'a, [u8]>),
    /// It is larger than [`RECORD_BYTES_MAX`].
    Prefix {
        /// Its first bytes.
        prefix: Cow<'a, [u8]>,
        /// How many bytes it had.
        length: u64,
        /// SHA-256 of all of it.
        sha256: [u8; 32],
    },
}

impl<'a> Kept<'a> {
    /// What is kept of `record`.
    pub fn of(record: &'a [u8]) -> Kept<'a> {
        if record.len() <= RECORD_BYTES_MAX {
            return Kept::Whole(Cow::Borrowed(record));
        }
        let cut = &record[..PREFIX_BYTES_MAX];
        let prefix = match std::str::from_utf8(cut) {
            // A character that the cut went through is left out.
            Err(fault) if fault.error_len().is_none() => &cut[..fault.valid_up_to()],
            _ => cut,
        };
        Kept::Prefix {
            prefix: Cow::Borrowed(prefix),
            length: u64::try_from(record.len()).expect("a length in memory"),
            sha256: Sha256::digest(record).into(),
        }
    }
}

/// A record that was debited or applied before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Duplicate<'a> {
    /// Whose.
    pub tenant: Cow<'a, str>,
    /// Of what.
    pub of: DuplicateOf<'a>,
    /// Where it was first read, and when the broker had it (`received_at`).
    pub source: SourceRef<'a>,
}

/// The identity of a duplicate within its tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DuplicateOf<'a> {
    /// A call.
    Call {
        /// With the tenant, the identity.
        call_id: Cow<'a, str>,
        /// The part.
        part: u32,
    },
    /// A command.
    Command {
        /// With the tenant, the identity.
        command_id: Cow<'a, str>,
        /// The first result: the sequence number of the first event that it made; on the wire `"first":"<tenant>/<seq>"`.
        first: u64,
    },
}

/// Why an entry cannot be read. Only the engine writes them: something is broken, or a later release wrote it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an entry of the quarantine: {detail}")]
pub struct EntryFault {
    detail: String,
}

impl EntryFault {
    fn new(detail: impl ToString) -> EntryFault {
        EntryFault { detail: bounded(detail.to_string()) }
    }
}

impl From<FieldFault> for EntryFault {
    fn from(fault: FieldFault) -> EntryFault {
        EntryFault::new(fault)
    }
}

/// Appends the entry to `into`.
pub fn encode(entry: &Entry<'_>, into: &mut Vec<u8>) {
    match entry {
        Entry::Quarantined(quarantined) => encode_quarantined(quarantined, into),
        Entry::Duplicate(duplicate) => encode_duplicate(duplicate, into),
    }
}

fn encode_quarantined(entry: &Quarantined<'_>, into: &mut Vec<u8>) {
    let mut object = Object::open(into);
    object.text("reason", entry.reason.code());
    object.text("detail", &bounded(entry.detail.to_string()));
    write_source(&entry.source, &mut object).close();
    object.time("received_at", entry.source.timestamp);
    match &entry.record {
        Kept::Whole(record) => write_bytes(WHOLE, record, &mut object),
        Kept::Prefix { prefix, length, sha256 } => {
            write_bytes(PREFIX, prefix, &mut object);
            object.integer("length", *length);
            object.text("sha256", &hex(sha256));
        }
    }
    object.close();
}

fn encode_duplicate(duplicate: &Duplicate<'_>, into: &mut Vec<u8>) {
    let mut object = Object::open(into);
    object.text("reason", DUPLICATE);
    write_source(&duplicate.source, &mut object).close();
    object.time("received_at", duplicate.source.timestamp);
    let mut identity = object.object("identity");
    identity.text("tenant", &duplicate.tenant);
    match &duplicate.of {
        DuplicateOf::Call { call_id, part } => {
            identity.text("call_id", call_id);
            identity.integer("part", *part);
            identity.close();
        }
        DuplicateOf::Command { command_id, first } => {
            identity.text("command_id", command_id);
            identity.close();
            object.text("first", &format!("{}/{first}", duplicate.tenant));
        }
    }
    object.close();
}

impl FromText for Reason {
    fn from_text(text: &str) -> Result<Self, impl std::fmt::Display> {
        Reason::ALL.into_iter().find(|reason| reason.code() == text).ok_or("not a reason of this release")
    }
}

record! {
    /// The identity of a duplicate.
    struct RawIdentity<'a>, unknown fields are refused:
    "tenant" => tenant: Text<'a>,
    "call_id" => call_id: Text<'a>,
    "part" => part: u32,
    "command_id" => command_id: Text<'a>,
}

/// Reads an entry.
///
/// # Errors
/// [`EntryFault`]: not of the form that [`encode`] writes.
pub fn decode(bytes: &[u8]) -> Result<Entry<'_>, EntryFault> {
    let json = std::str::from_utf8(bytes).map_err(|_| EntryFault::new("not UTF-8"))?;
    let mut fields: Fields<'_> = serde_json::from_str(json).map_err(|fault| EntryFault::new(without_place(&fault)))?;
    let Text(reason) = fields.required("reason")?;
    let Parsed(received_at) = fields.required::<Parsed<Timestamp>>("received_at")?;
    let source = fields.required::<RawSource<'_>>("source")?.into_source(Some(received_at))?;
    let entry = if reason == DUPLICATE {
        Entry::Duplicate(read_duplicate(&mut fields, source)?)
    } else {
        let reason = Reason::from_text(&reason).map_err(|fault| FieldFault::new("reason", fault))?;
        let Text(detail) = fields.required("detail")?;
        Entry::Quarantined(Quarantined { reason, detail, source, record: read_kept(&mut fields)? })
    };
    fields.finish()?;
    Ok(entry)
}

fn read_kept<'a>(fields: &mut Fields<'a>) -> Result<Kept<'a>, EntryFault> {
    let mut bytes = |names: Names| {
        let (text, base64) = (fields.optional(names.text)?, fields.optional(names.base64)?);
        read_bytes(names, text, base64).map_err(EntryFault::new)
    };
    match (bytes(WHOLE)?, bytes(PREFIX)?) {
        (Some(record), None) => Ok(Kept::Whole(record)),
        (None, Some(prefix)) => {
            let Text(sha256) = fields.required("sha256")?;
            let sha256 = unhex(&sha256).ok_or_else(|| FieldFault::new("sha256", "not 64 hex digits"))?;
            Ok(Kept::Prefix { prefix, length: fields.required("length")?, sha256 })
        }
        (None, None) => Err(FieldFault::missing("record").into()),
        (Some(_), Some(_)) => Err(FieldFault::new("record", "given besides a prefix").into()),
    }
}

fn read_duplicate<'a>(fields: &mut Fields<'a>, source: SourceRef<'a>) -> Result<Duplicate<'a>, EntryFault> {
    let identity: RawIdentity<'a> = fields.required("identity")?;
    let first: Option<Text<'a>> = fields.optional("first")?;
    let Text(tenant) = identity.tenant.ok_or_else(|| FieldFault::new("identity", "tenant: missing"))?;
    let of = match (identity.call_id, identity.part, identity.command_id, first) {
        (Some(Text(call_id)), Some(part), None, None) => DuplicateOf::Call { call_id, part },
        (None, None, Some(Text(command_id)), Some(Text(first))) => {
            let seq = first.strip_prefix(&*tenant).and_then(|rest| rest.strip_prefix('/')).and_then(read_sequence);
            let first = seq.ok_or_else(|| FieldFault::new("first", "not an event of the tenant"))?;
            DuplicateOf::Command { command_id, first }
        }
        _ => return Err(FieldFault::new("identity", "neither of a call nor of a command").into()),
    };
    Ok(Duplicate { tenant, of, source })
}

fn hex(bytes: &[u8; 32]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 2 * bytes.len() || !text.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    for (place, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * place..2 * place + 2], 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::partition::PartitionId;
    use proptest::prelude::*;

    fn source() -> SourceRef<'static> {
        SourceRef {
            topic: "tollkeeper.cdrs".into(),
            partition: PartitionId(3),
            offset: 4711,
            timestamp: "2026-11-20T10:15:30.25Z".parse().expect("a time"),
        }
    }

    fn quarantined<'a>(detail: &'a str, record: &'a [u8]) -> Entry<'a> {
        Entry::Quarantined(Quarantined {
            reason: Reason::NoRate,
            detail: detail.into(),
            source: source(),
            record: Kept::of(record),
        })
    }

    fn written(entry: &Entry<'_>) -> String {
        let mut bytes = Vec::new();
        encode(entry, &mut bytes);
        String::from_utf8(bytes).expect("JSON is UTF-8")
    }

    #[test]
    fn the_forms_are_those_of_the_wire() {
        let of_call = DuplicateOf::Call { call_id: "c-81f2".into(), part: 0 };
        let of_command = DuplicateOf::Command { command_id: "f1".into(), first: 2 };
        let duplicate = |of| Entry::Duplicate(Duplicate { tenant: "contoso".into(), of, source: source() });
        const SOURCE: &str = r#""source":{"topic":"tollkeeper.cdrs","partition":3,"offset":4711},"received_at":"2026-11-20T10:15:30.25Z""#;
        let cases = [
            (
                quarantined("to: no row", b"{\"a\":1}"),
                format!(r#"{{"reason":"no_rate","detail":"to: no row",{SOURCE},"record":"{{\"a\":1}}"}}"#),
            ),
            (
                quarantined("x", b"\xff"),
                format!(r#"{{"reason":"no_rate","detail":"x",{SOURCE},"record_base64":"/w=="}}"#),
            ),
            (
                duplicate(of_call),
                format!(
                    r#"{{"reason":"duplicate",{SOURCE},"identity":{{"tenant":"contoso","call_id":"c-81f2","part":0}}}}"#
                ),
            ),
            (
                duplicate(of_command),
                format!(
                    r#"{{"reason":"duplicate",{SOURCE},"identity":{{"tenant":"contoso","command_id":"f1"}},"first":"contoso/2"}}"#
                ),
            ),
        ];
        for (entry, json) in cases {
            assert_eq!(written(&entry), json);
            assert_eq!(decode(json.as_bytes()), Ok(entry));
        }
    }

    #[test]
    fn a_record_over_64_kib_leaves_a_prefix_its_length_and_its_digest() {
        let largest = vec![b'x'; RECORD_BYTES_MAX];
        assert_eq!(Kept::of(&largest), Kept::Whole(largest.as_slice().into()));
        let larger = "ä".repeat(5 * 1024 * 1024);
        let entry = quarantined("x", &larger.as_bytes()[1..]);
        let json = written(&entry);
        assert!(
            json.len() < 4096 && json.contains("record_prefix_base64") && json.contains("\"length\":10485759"),
            "{json}"
        );
        assert_eq!(decode(json.as_bytes()), Ok(entry));
        let text = format!("x{larger}"); // byte 1024 is the first half of a character
        let Kept::Prefix { prefix, length, .. } = Kept::of(text.as_bytes()) else { panic!("kept whole") };
        assert_eq!((prefix.len(), length), (1023, 10_485_761));
        let million = vec![b'a'; 1_000_000];
        assert!(
            written(&quarantined("x", &million))
                .contains("\"cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0\"")
        );
    }

    #[test]
    fn no_entry_is_larger_than_kafka_takes() {
        let worst = vec![0_u8; RECORD_BYTES_MAX];
        let detail = "\0".repeat(100_000);
        assert!(written(&quarantined(&detail, &worst)).len() <= ENTRY_BYTES_MAX);
    }

    #[test]
    fn what_the_engine_does_not_write_is_refused() {
        let good = written(&quarantined("x", b"{}"));
        for bad in [
            good.replacen("no_rate", "no_idea", 1),
            good.replacen("\"record\":\"{}\"", "\"length\":1", 1),
            good.replacen('{', "{\"colour\":1,", 1),
            good.replacen("\"offset\":4711", "\"offset\":4711,\"timestamp\":\"2026-11-20T10:15:30Z\"", 1),
            good.replacen("\"record\"", "\"record_prefix\":\"\",\"record\"", 1),
            "[]".into(),
        ] {
            assert!(decode(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(decode(b"\xff").is_err());
    }

    proptest! {
        #[test]
        fn any_record_is_read_back_byte_by_byte(
            record in prop_oneof![proptest::collection::vec(any::<u8>(), 0..60), any::<String>().prop_map(String::into_bytes)],
            reason in proptest::sample::select(Reason::ALL.to_vec()),
            detail in ".{0,60}",
        ) {
            let entry = Entry::Quarantined(Quarantined {
                reason, detail: detail.into(), source: source(), record: Kept::of(&record),
            });
            let json = written(&entry);
            prop_assert_eq!(decode(json.as_bytes()), Ok(entry));
        }
    }
}
