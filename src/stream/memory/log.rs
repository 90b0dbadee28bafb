//! One partition of a topic: batches of records and control markers, by offset.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use crate::stream::transport::OutRecord;

/// A record's value, shared with the batch that it was appended with: reading copies no bytes.
#[derive(Clone)]
pub struct MemoryPayload {
    batch: Arc<[OutRecord]>,
    place: usize,
}

impl MemoryPayload {
    /// The key; empty for a record without one.
    pub fn key(&self) -> &[u8] {
        &self.batch[self.place].key
    }
}

impl AsRef<[u8]> for MemoryPayload {
    fn as_ref(&self) -> &[u8] {
        &self.batch[self.place].value
    }
}

impl fmt::Debug for MemoryPayload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(self.as_ref()))
    }
}

/// A record as a reader of the log sees it.
#[derive(Clone, Debug)]
pub struct MemoryRecord {
    /// Its offset.
    pub offset: i64,
    /// LogAppendTime, milliseconds since the epoch by the owner's clock; never less than that of an earlier record.
    pub timestamp_ms: i64,
    /// Key and value.
    pub payload: MemoryPayload,
}

impl MemoryRecord {
    /// The key; empty for a record without one.
    pub fn key(&self) -> &[u8] {
        self.payload.key()
    }

    /// The value; empty for a record without one.
    pub fn value(&self) -> &[u8] {
        self.payload.as_ref()
    }
}

/// What a reader is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Isolation {
    /// What is committed, up to the last stable offset.
    Committed,
    /// Everything up to the high watermark: open and aborted records too.
    Uncommitted,
}

/// How a transaction ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Commit,
    Abort,
}

/// The number of a transaction, unique in a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TransactionNumber(pub(super) u64);

/// What a read left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ReadUpTo {
    /// The offset that is read next; markers and aborted records before it are passed over.
    pub(super) position: i64,
    /// How many records were taken.
    pub(super) taken: usize,
}

/// One partition. Its batches lie without a gap from the low watermark (or somewhat before it) to the high watermark.
#[derive(Debug, Default)]
pub(super) struct PartitionLog {
    batches: VecDeque<Batch>,
    low_watermark: i64,
    high_watermark: i64,
    last_timestamp_ms: i64,
    open: Vec<OpenSpan>,
}

#[derive(Debug)]
struct Batch {
    first: i64,
    /// The offset behind the last record.
    end: i64,
    timestamp_ms: i64,
    content: Content,
}

#[derive(Debug)]
enum Content {
    /// A commit or abort marker: it takes an offset, nobody sees it.
    Marker,
    /// Plain records, or those of a committed transaction.
    Committed(Arc<[OutRecord]>),
    /// Records of a transaction that is not decided.
    Open(Arc<[OutRecord]>, TransactionNumber),
    /// Records that no `read_committed` reader will ever see.
    Aborted(Arc<[OutRecord]>),
}

/// An undecided transaction in this partition.
#[derive(Debug)]
struct OpenSpan {
    transaction: TransactionNumber,
    first: i64,
}

impl PartitionLog {
    /// The first offset that is held.
    pub(super) fn low_watermark(&self) -> i64 {
        self.low_watermark
    }

    /// The offset behind the last record or marker.
    pub(super) fn high_watermark(&self) -> i64 {
        self.high_watermark
    }

    /// The first offset that `read_committed` readers must not pass: that of the oldest open transaction here.
    pub(super) fn last_stable_offset(&self) -> i64 {
        self.open.iter().map(|span| span.first).min().unwrap_or(self.high_watermark)
    }

    /// Appends plain records; returns the offset of the first.
    pub(super) fn append(&mut self, records: Arc<[OutRecord]>, now_ms: i64) -> i64 {
        let count = records.len();
        self.push(Content::Committed(records), count, now_ms)
    }

    /// Appends records of an open transaction.
    pub(super) fn append_open(&mut self, records: Arc<[OutRecord]>, transaction: TransactionNumber, now_ms: i64) {
        let count = records.len();
        let first = self.push(Content::Open(records, transaction), count, now_ms);
        if !self.open.iter().any(|span| span.transaction == transaction) {
            self.open.push(OpenSpan { transaction, first });
        }
    }

    /// Ends a transaction with its marker. It has records here.
    pub(super) fn end(&mut self, transaction: TransactionNumber, verdict: Verdict, now_ms: i64) {
        let place = self
            .open
            .iter()
            .position(|span| span.transaction == transaction)
            .expect("a partition takes part in a transaction from its first record to its marker");
        let span = self.open.swap_remove(place);
        let from = self.batches.partition_point(|batch| batch.end <= span.first);
        for batch in self.batches.range_mut(from..) {
            batch.content.settle(transaction, verdict);
        }
        self.push(Content::Marker, 1, now_ms);
    }

    /// Gives `take` up to `max` records from `from` on, which is at least the low watermark.
    pub(super) fn read(
        &self,
        from: i64,
        max: usize,
        isolation: Isolation,
        mut take: impl FnMut(MemoryRecord),
    ) -> ReadUpTo {
        let end = match isolation {
            Isolation::Committed => self.last_stable_offset(),
            Isolation::Uncommitted => self.high_watermark,
        };
        let mut up_to = ReadUpTo { position: from, taken: 0 };
        let first = self.batches.partition_point(|batch| batch.end <= from);
        for batch in self.batches.range(first..) {
            // The last stable offset is the first of a batch, so that no batch is cut by it.
            if batch.first >= end {
                break;
            }
            let Some(records) = batch.content.seen_under(isolation) else {
                up_to.position = batch.end;
                continue;
            };
            let skipped = usize::try_from(up_to.position - batch.first).expect("the batch holds the position");
            for place in skipped..records.len() {
                if up_to.taken == max {
                    return up_to;
                }
                take(MemoryRecord {
                    offset: up_to.position,
                    timestamp_ms: batch.timestamp_ms,
                    payload: MemoryPayload { batch: Arc::clone(records), place },
                });
                up_to.position += 1;
                up_to.taken += 1;
            }
        }
        up_to
    }

    /// Deletes what lies before `offset`, at most up to the last stable offset. Returns what was held, so that it can be
    /// freed without the lock.
    pub(super) fn delete_before(&mut self, offset: i64) -> impl Sized + use<> {
        self.low_watermark = offset.clamp(self.low_watermark, self.last_stable_offset());
        let gone = self.batches.partition_point(|batch| batch.end <= self.low_watermark);
        self.batches.drain(..gone).collect::<Vec<Batch>>()
    }

    fn push(&mut self, content: Content, count: usize, now_ms: i64) -> i64 {
        let first = self.high_watermark;
        if count == 0 {
            return first;
        }
        self.last_timestamp_ms = self.last_timestamp_ms.max(now_ms);
        self.high_watermark += i64::try_from(count).expect("a batch fits into memory");
        self.batches.push_back(Batch {
            first,
            end: self.high_watermark,
            timestamp_ms: self.last_timestamp_ms,
            content,
        });
        first
    }
}

impl Content {
    fn seen_under(&self, isolation: Isolation) -> Option<&Arc<[OutRecord]>> {
        match (self, isolation) {
            (Content::Marker, _) => None,
            (Content::Committed(records), _) => Some(records),
            (Content::Open(records, _) | Content::Aborted(records), Isolation::Uncommitted) => Some(records),
            (Content::Open(..) | Content::Aborted(_), Isolation::Committed) => None,
        }
    }

    fn settle(&mut self, ended: TransactionNumber, verdict: Verdict) {
        let Content::Open(records, transaction) = self else { return };
        if *transaction != ended {
            return;
        }
        let records = Arc::clone(records);
        *self = match verdict {
            Verdict::Commit => Content::Committed(records),
            Verdict::Abort => Content::Aborted(records),
        };
    }
}
