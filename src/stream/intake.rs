//! The intake: what switches write, turned into native CDRs at home. Pure; the clients are in `kafka/intake`.
//!
//! ```text
//!  any topic, any key, any partition count          one Kafka transaction per batch
//!  ───────────────▶ decode ─▶ cdrs        key tenant, on its home partition
//!                          └▶ quarantine  what cannot be read, with its reason and source
//!                          └▶ input offsets
//! ```
//!
//! Every row of a record has one outcome: a native CDR, an entry of the quarantine, or it is skipped and counted. The engine
//! knows nothing of it: a call that comes twice is a duplicate there, as any other.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::convert::Infallible;

use bytes::Bytes;
use jiff::Timestamp;

use super::transport::OutRecord;
use crate::core::partition::{PartitionId, home_partition};
use crate::core::reason::Reason;
use crate::wire::foreign::{Decoder, Outcome, Row, Skip};
use crate::wire::quarantine::{self, Entry, Kept, Quarantined};
use crate::wire::{SourceRef, cdr};

/// One of the topics that the intake writes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IntakeOutput {
    /// `cdrs`: native CDRs.
    Cdrs,
    /// `quarantine`: what cannot be read.
    Quarantine,
}

impl IntakeOutput {
    /// Both.
    pub const ALL: [IntakeOutput; 2] = [IntakeOutput::Cdrs, IntakeOutput::Quarantine];

    /// The topic's name without its prefix.
    pub fn name(self) -> &'static str {
        match self {
            IntakeOutput::Cdrs => "cdrs",
            IntakeOutput::Quarantine => "quarantine",
        }
    }
}

/// A record of an input topic.
#[derive(Clone, Copy, Debug)]
pub struct ForeignRecord<'r> {
    /// Its partition in the input topic.
    pub partition: u32,
    /// Its offset.
    pub offset: i64,
    /// When the topic says that it came.
    pub at: Timestamp,
    /// The value; empty for a record without one.
    pub value: &'r [u8],
}

/// What became of the rows of some records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IntakeCounts {
    /// Rows that are calls.
    pub calls: u64,
    /// Rows that were put aside, by place in [`Reason::ALL`].
    pub quarantined: [u64; Reason::ALL.len()],
    /// Rows that hold nothing to rate, by place in [`Skip::ALL`].
    pub skipped: [u64; Skip::ALL.len()],
}

/// What one input turns its records into.
#[derive(Debug)]
pub struct Intake {
    decoder: Decoder,
    topic: String,
    partitions: u32,
}

/// What a batch publishes, by topic and partition.
#[derive(Debug, Default)]
pub struct IntakeBatch {
    records: BTreeMap<(IntakeOutput, PartitionId), Vec<OutRecord>>,
    counts: IntakeCounts,
    buffer: Vec<u8>,
}

impl Intake {
    /// An input; `partitions` is how many `cdrs` has.
    pub fn new(decoder: Decoder, topic: String, partitions: u32) -> Intake {
        Intake { decoder, topic, partitions }
    }

    /// The input topic.
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// Turns one record into what is to be published.
    pub fn take(&self, record: ForeignRecord<'_>, batch: &mut IntakeBatch) {
        let mut take = |row: Row<'_>| {
            match row.outcome {
                Outcome::Call(call) => {
                    batch.counts.calls += 1;
                    let home = home_partition(&call.tenant, self.partitions);
                    batch.push(IntakeOutput::Cdrs, home, &call.tenant, |into| cdr::encode(call, into));
                }
                Outcome::Skipped(skip) => batch.counts.skipped[skip as usize] += 1,
                Outcome::Rejected(rejected) => {
                    batch.counts.quarantined[rejected.reason as usize] += 1;
                    let entry = Entry::Quarantined(Quarantined {
                        reason: rejected.reason,
                        detail: Cow::Borrowed(&rejected.detail),
                        source: self.source(record),
                        record: Kept::of(row.text),
                    });
                    let partition = PartitionId(record.partition % self.partitions);
                    batch.push(IntakeOutput::Quarantine, partition, "", |into| quarantine::encode(&entry, into));
                }
            }
            Ok::<(), Infallible>(())
        };
        let Ok(()) = self.decoder.decode(record.value, &mut take);
    }

    fn source(&self, record: ForeignRecord<'_>) -> SourceRef<'_> {
        SourceRef {
            topic: Cow::Borrowed(&self.topic),
            partition: PartitionId(record.partition),
            offset: record.offset,
            timestamp: record.at,
        }
    }
}

impl IntakeBatch {
    fn push(&mut self, output: IntakeOutput, partition: PartitionId, key: &str, write: impl FnOnce(&mut Vec<u8>)) {
        self.buffer.clear();
        write(&mut self.buffer);
        let record =
            OutRecord { key: Bytes::copy_from_slice(key.as_bytes()), value: Bytes::copy_from_slice(&self.buffer) };
        self.records.entry((output, partition)).or_default().push(record);
    }

    /// What was not yet handed to the producer; whoever takes it leaves the lists empty.
    pub fn pending(&mut self) -> impl Iterator<Item = (IntakeOutput, PartitionId, &mut Vec<OutRecord>)> {
        let filled = self.records.iter_mut().filter(|(_, records)| !records.is_empty());
        filled.map(|((output, partition), records)| (*output, *partition, records))
    }

    /// What became of its rows.
    pub fn counts(&self) -> &IntakeCounts {
        &self.counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::foreign::Format;

    const MAPPING: &str = "tenant = { field = \"tenantId\" }\n";

    fn intake(partitions: u32) -> Intake {
        let decoder = Decoder::new(Format::Graph, Some(MAPPING)).unwrap_or_else(|faults| panic!("{faults}"));
        Intake::new(decoder, "graph-rows".into(), partitions)
    }

    fn record(value: &str) -> ForeignRecord<'_> {
        ForeignRecord {
            partition: 5,
            offset: 4711,
            at: "2026-11-20T10:15:30Z".parse().expect("a time"),
            value: value.as_bytes(),
        }
    }

    fn row(id: &str, tenant: &str) -> String {
        format!(
            r#"{{"id":"{id}","tenantId":"{tenant}","callType":"user_out","duration":60,"calleeNumber":"+33612345678","startDateTime":"2026-11-20T10:00:00Z"}}"#
        )
    }

    #[test]
    fn calls_go_home_and_what_cannot_be_read_goes_aside_with_its_source() {
        let page =
            format!("[{},{},{{\"id\":\"x\"}},{{\"callType\":\"dr_in\"}}]", row("a", "contoso"), row("b", "fabrikam"));
        let mut batch = IntakeBatch::default();
        intake(4).take(record(&page), &mut batch);
        let mut told = Vec::new();
        for (output, partition, records) in batch.pending() {
            for out in records.drain(..) {
                let key = String::from_utf8(out.key.to_vec()).expect("UTF-8");
                match output {
                    IntakeOutput::Cdrs => {
                        let cdr = cdr::decode(&out.value).expect("a native CDR");
                        assert_eq!((&*cdr.tenant, partition), (&*key, home_partition(&key, 4)));
                        told.push(format!("{} {key}", cdr.call_id));
                    }
                    IntakeOutput::Quarantine => {
                        let Ok(Entry::Quarantined(entry)) = quarantine::decode(&out.value) else { panic!("an entry") };
                        assert_eq!((&*key, partition), ("", PartitionId(1)));
                        assert_eq!(entry.source.to_string(), "graph-rows/5/4711");
                        assert_eq!(entry.record, Kept::of(b"{\"id\":\"x\"}"));
                        told.push(format!("{} {}", entry.reason, entry.detail));
                    }
                }
            }
        }
        told.sort();
        assert_eq!(told, ["a contoso", "b fabrikam", "malformed callType: missing"]);
        let counts = batch.counts();
        assert_eq!((counts.calls, counts.quarantined.iter().sum::<u64>()), (2, 1));
        assert_eq!(counts.skipped[Skip::DirectRouting as usize], 1);
        assert_eq!(batch.pending().count(), 0);
    }

    #[test]
    fn law1_a_record_without_a_value_has_its_outcome() {
        let mut batch = IntakeBatch::default();
        intake(1).take(record(""), &mut batch);
        assert_eq!(batch.counts().quarantined[Reason::Malformed as usize], 1);
    }

    #[test]
    fn discriminants_are_places_in_the_list() {
        assert!(Skip::ALL.iter().enumerate().all(|(place, skip)| *skip as usize == place));
    }
}
