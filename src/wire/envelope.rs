//! The envelope of the topic `reroute`: a CDR or command on its way to its home partition, or back from quarantine.

use std::borrow::Cow;

use super::bytes::{Names, read_bytes, write_bytes};
use super::cdr::{judge_unread, other_version};
use super::json::Object;
use super::record::record;
use super::source::{RawSource, SourceRef, write_source};
use super::value::{Bounded, Parsed, Text};
use super::{ESCAPED_RECORD_BYTES_MAX, RECORD_BYTES_MAX, Rejected};
use crate::core::decide::Replay;

/// The largest envelope, in bytes: a record of which every byte is escaped, and the rest.
pub const ENVELOPE_BYTES_MAX: usize = ESCAPED_RECORD_BYTES_MAX + 4096;
/// The longest name of what is replayed, in bytes.
pub const REPLAY_OF_BYTES_MAX: usize = 300;

const VERSION: u64 = 1;
const RECORD: Names = Names { text: "record", base64: "record_base64" };

/// A record on its way to its home partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope<'a> {
    /// What the record is.
    pub kind: Kind,
    /// The record as it was first read, byte by byte; at most [`RECORD_BYTES_MAX`].
    pub record: Cow<'a, [u8]>,
    /// Where it was first read.
    pub source: SourceRef<'a>,
    /// How it is taken. On the wire `as_new` is a flag: what it stands for is the source.
    pub replay: Replay<'a>,
}

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A CDR.
    Cdr,
    /// A command.
    Command,
}

impl Kind {
    /// Both kinds.
    pub const ALL: [Kind; 2] = [Kind::Cdr, Kind::Command];

    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Kind::Cdr => "cdr",
            Kind::Command => "command",
        }
    }
}

/// Appends the envelope to `into`.
pub fn encode(envelope: &Envelope<'_>, into: &mut Vec<u8>) {
    let mut object = Object::open(into);
    object.integer("version", VERSION);
    object.text("kind", envelope.kind.code());
    write_bytes(RECORD, &envelope.record, &mut object);
    let mut source = write_source(&envelope.source, &mut object);
    source.time("timestamp", envelope.source.timestamp);
    source.close();
    let Replay { late, as_new, replay_of } = &envelope.replay;
    if *late || as_new.is_some() || replay_of.is_some() {
        let mut replay = object.object("replay");
        if *late {
            replay.flag("late", true);
        }
        if as_new.is_some() {
            replay.flag("as_new", true);
        }
        replay.optional_text("replay_of", replay_of.as_deref());
        replay.close();
    }
    object.close();
}

record! {
    /// An envelope as it is written. A flag that is passed over could move money, so unknown fields are refused.
    struct RawEnvelope<'a>, unknown fields are refused:
    "version" => version: u64,
    "kind" => kind: Parsed<Kind>,
    "record" => record: Text<'a>,
    "record_base64" => record_base64: Text<'a>,
    "source" => source: RawSource<'a>,
    "replay" => replay: RawReplay<'a>,
}

record! {
    /// How a record is taken.
    struct RawReplay<'a>, unknown fields are refused:
    "late" => late: bool,
    "as_new" => as_new: bool,
    "replay_of" => replay_of: Bounded<'a, 1, REPLAY_OF_BYTES_MAX>,
}

/// Reads an envelope. The record in it is not looked into.
///
/// # Errors
/// `unsupported_version` or `malformed`, with the field and the fault.
pub fn decode(bytes: &[u8]) -> Result<Envelope<'_>, Rejected> {
    if bytes.len() > ENVELOPE_BYTES_MAX {
        let detail = format_args!("envelope: {} bytes, more than {ENVELOPE_BYTES_MAX}", bytes.len());
        return Err(Rejected::malformed(detail));
    }
    let json = std::str::from_utf8(bytes).map_err(|_| Rejected::malformed("envelope: not UTF-8"))?;
    let raw: RawEnvelope<'_> = serde_json::from_str(json).map_err(|fault| judge_unread(json, &fault))?;
    match raw.version {
        None => Err(Rejected::malformed("version: missing")),
        Some(VERSION) => raw.into_envelope().map_err(Rejected::malformed),
        Some(other) => Err(other_version(other)),
    }
}

impl<'a> RawEnvelope<'a> {
    fn into_envelope(self) -> Result<Envelope<'a>, String> {
        let Parsed(kind) = self.kind.ok_or("kind: missing")?;
        let record = read_bytes(RECORD, self.record, self.record_base64)?.ok_or("record: missing")?;
        if record.len() > RECORD_BYTES_MAX {
            return Err(format!("record: {} bytes, more than {RECORD_BYTES_MAX}", record.len()));
        }
        let source = self.source.ok_or("source: missing")?;
        let source = source.into_source(None).map_err(|fault| fault.to_string())?;
        let replay = match self.replay {
            None => Replay::default(),
            Some(replay) => Replay {
                late: replay.late.unwrap_or(false),
                as_new: replay.as_new.unwrap_or(false).then(|| Cow::Owned(source.to_string())),
                replay_of: replay.replay_of.map(|Bounded(replay_of)| replay_of),
            },
        };
        Ok(Envelope { kind, record, source, replay })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::partition::PartitionId;
    use crate::core::reason::Reason;
    use proptest::prelude::*;

    const PLAIN: &str = r#"{"version":1,"kind":"cdr","record":"{}","source":{"topic":"tollkeeper.cdrs","partition":3,"offset":4711,"timestamp":"2026-11-20T10:15:30.5Z"}}"#;

    fn source() -> SourceRef<'static> {
        SourceRef {
            topic: "tollkeeper.cdrs".into(),
            partition: PartitionId(3),
            offset: 4711,
            timestamp: "2026-11-20T10:15:30.5Z".parse().expect("a time"),
        }
    }

    fn written(envelope: &Envelope<'_>) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode(envelope, &mut bytes);
        bytes
    }

    #[track_caller]
    fn rejected(json: &str) -> Rejected {
        decode(json.as_bytes()).expect_err(json)
    }

    #[test]
    fn the_form_is_that_of_the_wire() {
        let plain =
            Envelope { kind: Kind::Cdr, record: b"{}".as_slice().into(), source: source(), replay: Replay::default() };
        assert_eq!(String::from_utf8(written(&plain)).expect("UTF-8"), PLAIN);
        assert_eq!(decode(PLAIN.as_bytes()), Ok(plain));
    }

    #[test]
    fn replayed_as_new_is_named_by_its_source() {
        let json =
            PLAIN.replacen('{', r#"{"replay":{"late":true,"as_new":true,"replay_of":"tollkeeper.quarantine/3/9"},"#, 1);
        let envelope = decode(json.as_bytes()).expect("valid");
        assert!(envelope.replay.late);
        assert_eq!(envelope.replay.as_new.as_deref(), Some("tollkeeper.cdrs/3/4711"));
        assert_eq!(envelope.replay.replay_of.as_deref(), Some("tollkeeper.quarantine/3/9"));
        assert_eq!(decode(&written(&envelope)), Ok(envelope));
    }

    #[test]
    fn r8_an_envelope_of_another_version_is_unsupported() {
        let json = PLAIN.replacen("\"version\":1", "\"version\":2,\"colour\":7", 1);
        assert_eq!(rejected(&json).reason, Reason::UnsupportedVersion);
    }

    #[test]
    fn what_is_not_an_envelope_is_malformed_and_says_why() {
        let cases = [
            ("", "record: EOF while parsing a value at line 1 column 0"),
            ("[]", "invalid type: sequence, expected an object"),
            (&PLAIN.replacen("\"version\":1,", "", 1), "version: missing"),
            (&PLAIN.replacen("\"kind\":\"cdr\",", "", 1), "kind: missing"),
            (&PLAIN.replacen("cdr\"", "fax\"", 1), "kind: not one of cdr, command"),
            (&PLAIN.replacen("\"record\":\"{}\",", "", 1), "record: missing"),
            (
                &PLAIN.replacen("\"record\"", "\"record_base64\":\"e30=\",\"record\"", 1),
                "record_base64: given besides record",
            ),
            (&PLAIN.replacen("\"record\"", "\"record_base64\"", 1), "record_base64: Invalid symbol 123, offset 0."),
            (&PLAIN.replacen('{', "{\"colour\":7,", 1), "colour: unknown field"),
            (&PLAIN.replacen('{', "{\"kind\":\"cdr\",", 1), "kind: given twice"),
            (&PLAIN.replacen("\"offset\":4711", "\"offset\":-1", 1), "source: offset: below zero"),
            (&PLAIN.replacen("\"offset\":4711,", "", 1), "source: offset: missing"),
            (
                &PLAIN.replacen("\"topic\":\"tollkeeper.cdrs\"", "\"topic\":\"\"", 1),
                "source: topic: not 1 to 249 bytes",
            ),
            (&PLAIN.replacen('{', "{\"replay\":{\"later\":true},", 1), "replay: later: unknown field"),
        ];
        for (json, detail) in cases {
            assert_eq!(rejected(json), Rejected { reason: Reason::Malformed, detail: detail.into() }, "{json}");
        }
    }

    #[test]
    fn the_bound_is_that_of_the_record_inside() {
        let envelope = |len| Envelope {
            kind: Kind::Cdr,
            record: Cow::Owned(vec![0_u8; len]), // six characters each
            source: source(),
            replay: Replay::default(),
        };
        let largest = envelope(RECORD_BYTES_MAX);
        assert_eq!(decode(&written(&largest)).expect("within the bound"), largest);
        let detail = decode(&written(&envelope(RECORD_BYTES_MAX + 1))).expect_err("one byte more").detail;
        assert_eq!(detail, "record: 65537 bytes, more than 65536");
        assert!(decode(&vec![b' '; ENVELOPE_BYTES_MAX + 1]).is_err());
    }

    proptest! {
        #[test]
        fn any_record_is_read_back_byte_by_byte(
            record in prop_oneof![proptest::collection::vec(any::<u8>(), 0..60), any::<String>().prop_map(String::into_bytes)],
            (command, late, as_new) in any::<(bool, bool, bool)>(),
            replay_of in proptest::option::of("[ -~]{1,30}"),
        ) {
            let source = source();
            let replay = Replay {
                late,
                as_new: as_new.then(|| Cow::Owned(source.to_string())),
                replay_of: replay_of.map(Cow::Owned),
            };
            let kind = if command { Kind::Command } else { Kind::Cdr };
            let envelope = Envelope { kind, record: record.into(), source, replay };
            let bytes = written(&envelope);
            prop_assert_eq!(decode(&bytes), Ok(envelope));
        }
    }
}
