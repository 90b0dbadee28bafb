//! Where a record was first read.

use std::borrow::Cow;
use std::fmt;

use jiff::Timestamp;

use super::fields::FieldFault;
use super::json::Object;
use super::record::record;
use super::value::{Bounded, Parsed};
use crate::core::partition::PartitionId;

/// The longest name of a topic, in bytes; Kafka's own bound.
const TOPIC_BYTES_MAX: usize = 249;

/// Where a record was first read, before any reroute or replay. Displayed as `topic/partition/offset`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceRef<'a> {
    /// The whole name of the topic.
    pub topic: Cow<'a, str>,
    /// Which partition of it.
    pub partition: PartitionId,
    /// The offset; 0 or more.
    pub offset: i64,
    /// The broker's time of the record, in whole milliseconds.
    pub timestamp: Timestamp,
}

impl fmt::Display for SourceRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.topic, self.partition, self.offset)
    }
}

record! {
    /// A source as it is written; without a timestamp where another field has it.
    pub(super) struct RawSource<'a>, unknown fields are refused:
    "topic" => topic: Bounded<'a, 1, TOPIC_BYTES_MAX>,
    "partition" => partition: u32,
    "offset" => offset: i64,
    "timestamp" => timestamp: Parsed<Timestamp>,
}

/// Writes `"source":{...}` without the timestamp, and returns it open.
pub(super) fn write_source<'o>(source: &SourceRef<'_>, object: &'o mut Object<'_>) -> Object<'o> {
    let mut place = object.object("source");
    place.text("topic", &source.topic);
    place.integer("partition", source.partition.0);
    place.integer("offset", source.offset);
    place
}

impl<'a> RawSource<'a> {
    /// The source; `elsewhere` is its timestamp where the form has that in another field.
    pub(super) fn into_source(self, elsewhere: Option<Timestamp>) -> Result<SourceRef<'a>, FieldFault> {
        let missing = |name: &'static str| move || FieldFault::new("source", format_args!("{name}: missing"));
        let offset = self.offset.ok_or_else(missing("offset"))?;
        if offset < 0 {
            return Err(FieldFault::new("source", "offset: below zero"));
        }
        let timestamp = match (elsewhere, self.timestamp) {
            (Some(_), Some(_)) => return Err(FieldFault::new("source", "timestamp: unknown field")),
            (Some(at), None) => at,
            (None, at) => at.ok_or_else(missing("timestamp"))?.0,
        };
        Ok(SourceRef {
            topic: self.topic.ok_or_else(missing("topic"))?.0,
            partition: PartitionId(self.partition.ok_or_else(missing("partition"))?),
            offset,
            timestamp,
        })
    }
}
