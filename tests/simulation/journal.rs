//! What happened in a run, as somebody who stands between the worker and the log sees it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::Value;
use tollkeeper::core::partition::PartitionId;
use tollkeeper::stream::memory::MemoryCluster;
use tollkeeper::stream::transport::{CommittedOffsets, InputOffsets};

use crate::merge::AtHand;

/// What a worker did with a partition.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Taken {
    /// It took a record.
    Record(AtHand),
    /// Its clock is there: all that is due by then was done.
    Clock { ms: i64 },
    /// Nothing had happened for so long that its offsets were committed as they are.
    Quiet,
}

/// What happened to one partition, in order.
#[derive(Clone, Debug)]
pub(crate) enum Happened {
    /// Offsets were committed, with their metadata.
    Committed { offsets: InputOffsets, metadata: String },
    /// A worker began to read it.
    Started {
        #[expect(dead_code, reason = "shown with a seed that fails")]
        at: InputOffsets,
    },
    /// An operator set the offsets back.
    Rewound { offsets: InputOffsets, clock_ms: i64 },
    /// A copy of an event of this tenant was put into the ledger by somebody else.
    Tampered { tenant: String, event: Value },
}

/// Shared by all that observe one run.
#[derive(Clone, Debug)]
pub(crate) struct Journal(Arc<Mutex<Pages>>);

#[derive(Debug, Default)]
pub(crate) struct Pages {
    /// Counts the steps of all workers.
    pub(crate) step: u64,
    /// By `<transactional id>/<run>/<batch>` and partition.
    pub(crate) attempts: BTreeMap<(String, PartitionId), Vec<Taken>>,
    pub(crate) happened: BTreeMap<PartitionId, Vec<Happened>>,
    /// A partition stopped since its offsets are lost.
    pub(crate) offsets_lost: bool,
    /// What a worker did that no worker may do.
    pub(crate) violations: Vec<String>,
    seen: BTreeMap<PartitionId, CommittedOffsets>,
}

impl Journal {
    pub(crate) fn new() -> Journal {
        Journal(Arc::default())
    }

    pub(crate) fn pages(&self) -> MutexGuard<'_, Pages> {
        self.0.lock().expect("a panic ends the run")
    }

    /// Looks for offsets that were committed since. To be called after everything that can end a transaction.
    pub(crate) fn note_commits(&self, cluster: &MemoryCluster) {
        let mut pages = self.pages();
        for partition in (0..cluster.partitions()).map(PartitionId) {
            let now = cluster.committed_offsets(partition);
            if pages.seen.get(&partition) == Some(&now) {
                continue;
            }
            if let [Some(commands), Some(reroute), Some(cdrs)] = &now {
                let offsets = [commands.offset, reroute.offset, cdrs.offset];
                let metadata = cdrs.metadata.clone();
                let happened = match metadata.strip_prefix("rewind/0/0/") {
                    Some(clock) => {
                        Happened::Rewound { offsets, clock_ms: clock.parse().expect("written by the rewind") }
                    }
                    None => Happened::Committed { offsets, metadata },
                };
                pages.happened.entry(partition).or_default().push(happened);
            }
            pages.seen.insert(partition, now);
        }
    }

    pub(crate) fn note(&self, partition: PartitionId, happened: Happened) {
        self.pages().happened.entry(partition).or_default().push(happened);
    }
}
