//! What a batch publishes, by topic and partition.

use std::collections::BTreeMap;

use bytes::BytesMut;

use super::transport::{OutRecord, Output};
use crate::core::partition::PartitionId;

/// Bytes that are allocated at a time for the records of a batch.
const ROOM_BYTES: usize = 256 * 1024;

/// The records of a batch, by topic and partition, in order.
#[derive(Debug, Default)]
pub struct Outputs {
    records: BTreeMap<(Output, PartitionId), Vec<OutRecord>>,
    buffer: Vec<u8>,
    /// Room for records that are to come: they lie side by side, since an allocation for each is most of what it costs.
    room: BytesMut,
}

impl Outputs {
    /// Appends a record whose value `write` writes, and returns the value.
    pub(super) fn push(
        &mut self,
        output: Output,
        partition: PartitionId,
        key: &str,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> &[u8] {
        self.buffer.clear();
        write(&mut self.buffer);
        let needed = key.len() + self.buffer.len();
        if self.room.capacity() < needed {
            self.room = BytesMut::with_capacity(ROOM_BYTES.max(needed));
        }
        self.room.extend_from_slice(key.as_bytes());
        let key = self.room.split().freeze();
        self.room.extend_from_slice(&self.buffer);
        let value = self.room.split().freeze();
        self.records.entry((output, partition)).or_default().push(OutRecord { key, value });
        &self.buffer
    }

    /// What was not yet handed to the producer; whoever takes it leaves the lists empty.
    pub fn pending(&mut self) -> impl Iterator<Item = (Output, PartitionId, &mut Vec<OutRecord>)> {
        let filled = self.records.iter_mut().filter(|(_, records)| !records.is_empty());
        filled.map(|((output, partition), records)| (*output, *partition, records))
    }
}
