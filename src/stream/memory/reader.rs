//! The client's side of reading: the positions in the inputs of one partition.

use crate::core::partition::PartitionId;
use crate::stream::transport::{Fetched, FetchedRecord, Input, InputOffsets};

use super::log::{Isolation, MemoryPayload, PartitionLog};
use super::topic::Topic;

/// What a consumer knows of one partition that it reads.
#[derive(Debug)]
pub(super) struct PartitionReader([InputReader; 3]);

/// Where it stands in one input.
#[derive(Debug)]
pub(super) struct InputReader {
    position: i64,
    /// The position at which the end was told last, if nothing came since.
    end_told_at: Option<i64>,
    /// It cannot be read on, and that was said.
    faulted: bool,
}

impl PartitionReader {
    /// Reads from these offsets on.
    pub(super) fn at(offsets: InputOffsets) -> PartitionReader {
        PartitionReader(offsets.map(|position| InputReader { position, end_told_at: None, faulted: false }))
    }

    /// Where it stands in one input.
    pub(super) fn input(&self, input: Input) -> &InputReader {
        &self.0[input.index()]
    }

    /// Where it stands in one input, to be moved.
    pub(super) fn input_mut(&mut self, input: Input) -> &mut InputReader {
        &mut self.0[input.index()]
    }
}

impl InputReader {
    /// Whether a read would bring something.
    pub(super) fn has_news(&self, log: &PartitionLog) -> bool {
        !self.faulted
            && (self.position < log.last_stable_offset()
                || self.end_told_at != Some(self.position)
                || out_of_range(self.position, log).is_some())
    }

    /// Appends up to `max` committed records, then the end if it is reached and was not told.
    pub(super) fn read(
        &mut self,
        log: &PartitionLog,
        (input, partition): (Input, PartitionId),
        max: usize,
        into: &mut Vec<Fetched<MemoryPayload>>,
    ) {
        if max == 0 || !self.has_news(log) {
            return;
        }
        if let Some(range) = out_of_range(self.position, log) {
            self.faulted = true;
            let message = format!("{}/{partition}: {range}", Topic::from(input).name());
            into.push(Fetched::Fault { input, partition, message });
            return;
        }
        let up_to = log.read(self.position, max, Isolation::Committed, |record| {
            into.push(Fetched::Record(FetchedRecord {
                input,
                partition,
                offset: record.offset,
                timestamp_ms: record.timestamp_ms,
                payload: record.payload,
            }));
        });
        self.position = up_to.position;
        if self.position >= log.last_stable_offset() && up_to.taken < max && self.end_told_at != Some(self.position) {
            self.end_told_at = Some(self.position);
            into.push(Fetched::End { input, partition, position: self.position });
        }
    }
}

/// In words, if this offset is not one that the log has or will have next.
fn out_of_range(position: i64, log: &PartitionLog) -> Option<String> {
    let (low, high) = (log.low_watermark(), log.high_watermark());
    if position < low {
        return Some(format!("offsets {position} to {} are deleted", low - 1));
    }
    (position > high).then(|| format!("offset {position} lies beyond the end, {high}"))
}
