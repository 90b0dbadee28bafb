//! An entry of the quarantine as an operator looks at it, and which of them are meant.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::core::reason::Reason;
use crate::core::tenant::TenantId;
use crate::offline::audit::Place;
use crate::wire::SourceRef;
use crate::wire::quarantine::{DuplicateOf, Entry, Kept};

/// What duplicates are called among the reasons.
const DUPLICATE: &str = "duplicate";

/// Why a record is in the quarantine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// It was not rated.
    Reason(Reason),
    /// It was debited or applied before.
    Duplicate,
}

impl Why {
    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Why::Reason(reason) => reason.code(),
            Why::Duplicate => DUPLICATE,
        }
    }
}

impl FromStr for Why {
    type Err = String;

    fn from_str(text: &str) -> Result<Why, String> {
        if text == DUPLICATE {
            return Ok(Why::Duplicate);
        }
        let found = Reason::ALL.into_iter().find(|reason| reason.code() == text);
        let codes = || Reason::ALL.map(Reason::code).join(", ");
        found.map(Why::Reason).ok_or_else(|| format!("not one of {DUPLICATE}, {}", codes()))
    }
}

/// Where a record was first read, written as `topic/partition/offset`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceName {
    topic: String,
    partition: u32,
    offset: i64,
}

impl SourceName {
    fn is_of(&self, source: &SourceRef<'_>) -> bool {
        self.topic == source.topic && self.partition == source.partition.0 && self.offset == source.offset
    }
}

impl FromStr for SourceName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<SourceName, &'static str> {
        let read = || {
            let mut pieces = text.rsplitn(3, '/');
            let offset: i64 = pieces.next()?.parse().ok()?;
            let partition = pieces.next()?.parse().ok()?;
            let topic = pieces.next().filter(|topic| !topic.is_empty())?.to_owned();
            (offset >= 0).then_some(SourceName { topic, partition, offset })
        };
        read().ok_or("not TOPIC/PARTITION/OFFSET")
    }
}

/// Which entries are meant: those that meet every condition that is given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// One of these reasons; none given: any.
    pub reasons: Vec<Why>,
    /// Of this tenant; an entry whose tenant cannot be read is nobody's.
    pub tenant: Option<TenantId>,
    /// The broker had the record then or later.
    pub from: Option<Timestamp>,
    /// The broker had the record before.
    pub to: Option<Timestamp>,
    /// First read at one of these places; none given: anywhere.
    pub sources: Vec<SourceName>,
}

impl Selection {
    /// Whether an entry is meant.
    pub fn takes(&self, aside: &PutAside<'_>) -> bool {
        let Selection { reasons, tenant, from, to, sources } = self;
        let received_at = aside.source().timestamp;
        (reasons.is_empty() || reasons.contains(&aside.why()))
            && tenant.as_ref().is_none_or(|tenant| aside.tenant.as_deref() == Some(tenant.as_str()))
            && from.is_none_or(|from| received_at >= from)
            && to.is_none_or(|to| received_at < to)
            && (sources.is_empty() || sources.iter().any(|source| source.is_of(aside.source())))
    }
}

/// What a record says of itself, as far as that can be read.
#[derive(Default, Deserialize)]
struct Names<'a> {
    #[serde(borrow, default)]
    tenant: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    call_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    command_id: Option<Cow<'a, str>>,
}

/// An entry, and whose it is.
#[derive(Clone, Debug)]
pub struct PutAside<'a> {
    /// The entry.
    pub entry: Entry<'a>,
    /// Whose; `None` where the record does not say it in a way that can be read.
    pub tenant: Option<String>,
    /// The call or command, likewise.
    pub id: Option<String>,
}

impl<'a> PutAside<'a> {
    /// Looks into the record of an entry.
    pub fn new(entry: Entry<'a>) -> PutAside<'a> {
        let (tenant, id) = match &entry {
            Entry::Quarantined(quarantined) => match &quarantined.record {
                Kept::Whole(record) => {
                    let names: Names<'_> = serde_json::from_slice(record).unwrap_or_default();
                    (names.tenant, names.call_id.or(names.command_id))
                }
                Kept::Prefix { .. } => (None, None),
            },
            Entry::Duplicate(duplicate) => match &duplicate.of {
                DuplicateOf::Call { call_id: id, .. } | DuplicateOf::Command { command_id: id, .. } => {
                    (Some(duplicate.tenant.clone()), Some(id.clone()))
                }
            },
        };
        let (tenant, id) = (tenant.map(Cow::into_owned), id.map(Cow::into_owned));
        PutAside { entry, tenant, id }
    }

    /// Why it is there.
    pub fn why(&self) -> Why {
        match &self.entry {
            Entry::Quarantined(quarantined) => Why::Reason(quarantined.reason),
            Entry::Duplicate(_) => Why::Duplicate,
        }
    }

    /// Where it was first read.
    pub fn source(&self) -> &SourceRef<'a> {
        match &self.entry {
            Entry::Quarantined(quarantined) => &quarantined.source,
            Entry::Duplicate(duplicate) => &duplicate.source,
        }
    }

    /// What is shown of it.
    pub fn row(&self, place: &Place) -> Row {
        let detail = match &self.entry {
            Entry::Quarantined(quarantined) => quarantined.detail.clone().into_owned(),
            Entry::Duplicate(duplicate) => match &duplicate.of {
                DuplicateOf::Call { part, .. } => format!("part {part} was debited before"),
                DuplicateOf::Command { first, .. } => format!("applied before by {}/{first}", duplicate.tenant),
            },
        };
        Row {
            place: place.clone(),
            why: self.why(),
            tenant: self.tenant.clone(),
            id: self.id.clone(),
            source: self.source().to_string(),
            received_at: self.source().timestamp,
            detail,
        }
    }
}

/// What is shown of an entry. Displayed as one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Where the entry stands.
    pub place: Place,
    /// Why it is there.
    pub why: Why,
    /// Whose, if that can be read.
    pub tenant: Option<String>,
    /// The call or command, if that can be read.
    pub id: Option<String>,
    /// Where the record was first read: `topic/partition/offset`.
    pub source: String,
    /// When the broker had it.
    pub received_at: Timestamp,
    /// What exactly.
    pub detail: String,
}

impl Row {
    /// As JSON.
    pub fn json(&self) -> Value {
        let mut row = json!({
            "reason": self.why.code(), "tenant": self.tenant, "id": self.id, "source": self.source,
            "received_at": self.received_at.to_string(), "detail": self.detail,
        });
        match &self.place {
            Place::Line { file, line } => {
                row["file"] = (**file).into();
                row["line"] = (*line).into();
            }
            Place::Offset { partition, offset } => {
                row["partition"] = partition.0.into();
                row["offset"] = (*offset).into();
            }
        }
        row
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = |name: &Option<String>| name.clone().unwrap_or_else(|| "?".to_owned());
        let (tenant, id) = (named(&self.tenant), named(&self.id));
        write!(f, "{:.3} {} {tenant} {id} {}: {}", self.received_at, self.why.code(), self.source, self.detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_a_topic_a_partition_and_an_offset() {
        let read: SourceName = "tollkeeper.cdrs/3/4711".parse().unwrap();
        assert_eq!(read, SourceName { topic: "tollkeeper.cdrs".into(), partition: 3, offset: 4711 });
        for wrong in ["", "t/1", "/1/2", "t/-1/2", "t/1/-2", "t/1/x"] {
            assert!(wrong.parse::<SourceName>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_reason_can_be_asked_for_by_its_code() {
        for reason in Reason::ALL {
            assert_eq!(reason.code().parse(), Ok(Why::Reason(reason)));
        }
        assert_eq!("duplicate".parse(), Ok(Why::Duplicate));
        assert!("gone".parse::<Why>().unwrap_err().contains("too_late"));
    }
}
