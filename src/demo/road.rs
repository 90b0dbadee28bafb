//! Traffic on its way into the log: at a rate or as fast as it goes, and never far ahead of the outcomes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::thread;
use std::time::Duration;

use super::proof::Progress;
use super::sent::Sent;
use super::traffic::Traffic;
use crate::core::partition::PartitionId;
use crate::stream::memory::{MemoryCluster, Topic};
use crate::stream::runner::Clock;

/// Records that were sent and have no outcome yet, at most: then the traffic waits.
pub const BACKLOG_RECORDS_MAX: u64 = 100_000;
const _: () = assert!(BACKLOG_RECORDS_MAX * 2 <= super::proof::window::WINDOW_RECORDS_MAX as u64);
/// Records of one chunk of traffic.
const CHUNK_RECORDS: u64 = 500;

/// Traffic on its way into the log.
pub struct Road {
    /// What is sent.
    pub traffic: Traffic,
    /// Where to.
    pub cluster: MemoryCluster,
    /// Who hears of it first.
    pub announce: Sender<Sent>,
    /// When it is.
    pub clock: Clock,
    /// Records a second; as fast as it goes unless given.
    pub rate: Option<u32>,
    /// How much of it has its outcome.
    pub progress: Arc<Progress>,
    /// How many records were sent, for others to see.
    pub sent: Arc<AtomicU64>,
}

impl Road {
    /// Sends until `stop` is set.
    pub fn run(mut self, stop: &AtomicBool) {
        let began = self.clock.now();
        let mut sent = 0_u64;
        while !stop.load(Ordering::Acquire) {
            let elapsed = self.clock.now().monotonic.saturating_sub(began.monotonic);
            let under_way = sent.saturating_sub(self.progress.settled.load(Ordering::Acquire));
            let room = (BACKLOG_RECORDS_MAX.saturating_sub(under_way)).min(self.due(elapsed).saturating_sub(sent));
            let count = room.min(CHUNK_RECORDS);
            if count == 0 {
                thread::sleep(Duration::from_millis(1));
                continue;
            }
            self.send(count);
            sent += count;
            self.sent.store(sent, Ordering::Release);
        }
    }

    /// How many records are to be sent by now.
    fn due(&self, elapsed: Duration) -> u64 {
        self.rate.map_or(u64::MAX, |rate| {
            u64::try_from(elapsed.as_micros() * u128::from(rate) / 1_000_000).unwrap_or(u64::MAX)
        })
    }

    fn send(&mut self, count: u64) {
        let count = usize::try_from(count).expect("a chunk is small");
        let chunk = self.traffic.next_chunk(count, self.clock.now().wall.as_millisecond());
        // The proof ends last; where it ended by a panic, that panic is what is told.
        let _ = self.announce.send(Sent::Records(chunk.sent));
        for (partition, records) in (0..).zip(chunk.records) {
            if !records.is_empty() {
                self.cluster.append_batch(Topic::Cdrs, PartitionId(partition), records);
            }
        }
    }
}
