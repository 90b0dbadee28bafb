//! The committed offsets of the group.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::core::partition::PartitionId;
use crate::stream::transport::{CommittedOffset, CommittedOffsets, Input, OffsetToCommit};

/// Offsets with their metadata, committed or pending in a transaction: one for each partition and input.
#[derive(Debug, Default)]
pub(super) struct Offsets(BTreeMap<(PartitionId, Input), (i64, Arc<str>)>);

impl Offsets {
    /// Puts one in, in the place of an earlier one.
    pub(super) fn put(&mut self, commit: &OffsetToCommit) {
        self.0.insert((commit.partition, commit.input), (commit.offset, Arc::clone(&commit.metadata)));
    }

    /// Puts all of `newer` in.
    pub(super) fn put_all(&mut self, mut newer: Offsets) {
        self.0.append(&mut newer.0);
    }

    /// Whether there is one of this partition.
    pub(super) fn touch(&self, partition: PartitionId) -> bool {
        Input::ALL.into_iter().any(|input| self.0.contains_key(&(partition, input)))
    }

    /// Forgets those of a partition.
    pub(super) fn forget(&mut self, partition: PartitionId) {
        self.0.retain(|(of, _), _| *of != partition);
    }

    /// Those of a partition.
    pub(super) fn of(&self, partition: PartitionId) -> CommittedOffsets {
        Input::ALL.map(|input| {
            let (offset, metadata) = self.0.get(&(partition, input))?;
            Some(CommittedOffset { offset: *offset, metadata: metadata.to_string() })
        })
    }
}
