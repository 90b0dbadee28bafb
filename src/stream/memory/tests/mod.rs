//! What the in-memory log promises, each promise by a test that names it.

mod churn;
mod faults;
mod group;
mod offsets;
mod reading;
mod transactions;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bytes::Bytes;

use crate::core::partition::PartitionId;
use crate::stream::transport::{
    Fetched, GroupEvent, Input, OffsetToCommit, OutRecord, Output, Transport, TransportFailure,
};

use super::{MemoryCluster, MemoryTransport, Topic};

const P0: PartitionId = PartitionId(0);
const P1: PartitionId = PartitionId(1);
const ALL_AT_ONCE: usize = 1000;

/// The owner's clock.
#[derive(Clone)]
struct TestClock(Arc<AtomicI64>);

impl TestClock {
    fn set(&self, now_ms: i64) {
        self.0.store(now_ms, Ordering::SeqCst);
    }
}

fn cluster_and_clock(partitions: u32) -> (MemoryCluster, TestClock) {
    let clock = TestClock(Arc::new(AtomicI64::new(1_000_000)));
    let asked = clock.clone();
    (MemoryCluster::new(partitions, Arc::new(move || asked.0.load(Ordering::SeqCst))), clock)
}

fn cluster(partitions: u32) -> MemoryCluster {
    cluster_and_clock(partitions).0
}

/// A worker that has all partitions and reads none.
fn sole_worker(cluster: &MemoryCluster) -> MemoryTransport {
    let mut worker = cluster.transport("worker", "instance");
    settle(&mut [&mut worker]);
    worker
}

/// A worker that reads partition 0 from the start.
fn sole_reader(cluster: &MemoryCluster) -> MemoryTransport {
    let mut worker = sole_worker(cluster);
    worker.start(P0, [0; 3]).unwrap();
    worker
}

/// Polls all in turn and answers every event, until nothing happens any more.
fn settle(workers: &mut [&mut MemoryTransport]) {
    for _ in 0..100 {
        let mut quiet = true;
        for worker in workers.iter_mut() {
            if let Some(event) = worker.poll_group().unwrap() {
                answer(worker, &event);
                quiet = false;
            }
        }
        if quiet && !workers[0].generation_is_under_way() {
            return;
        }
    }
    panic!("the group does not settle");
}

fn answer(worker: &mut MemoryTransport, event: &GroupEvent) {
    match event {
        GroupEvent::Assigned(_) => worker.accept_assignment().unwrap(),
        GroupEvent::Revoked(partitions) | GroupEvent::Lost(partitions) => worker.give_up(partitions).unwrap(),
    }
}

impl MemoryTransport {
    fn generation_is_under_way(&self) -> bool {
        self.cluster().generation().1
    }
}

fn out(value: &str) -> OutRecord {
    OutRecord { key: Bytes::from_static(b"tenant"), value: Bytes::copy_from_slice(value.as_bytes()) }
}

fn publish(worker: &mut MemoryTransport, partition: PartitionId, values: &[&str]) -> Result<(), TransportFailure> {
    worker.publish(Output::Ledger, partition, &mut values.iter().map(|value| out(value)).collect())
}

fn offset(partition: PartitionId, next: i64, metadata: &str) -> OffsetToCommit {
    OffsetToCommit { input: Input::Cdrs, partition, offset: next, metadata: metadata.into() }
}

fn append(cluster: &MemoryCluster, topic: Topic, value: &str) -> i64 {
    cluster.append(topic, P0, *b"tenant", value.as_bytes())
}

/// The committed values of `ledger/0`.
fn ledger(cluster: &MemoryCluster) -> Vec<String> {
    let (records, _) = cluster.read_committed(Topic::Ledger, P0, 0, ALL_AT_ONCE);
    records.iter().map(|record| String::from_utf8(record.value().to_vec()).unwrap()).collect()
}

/// What one fetch brings, in short: `value@offset`, `end@position`, `fault: …`.
fn fetch(worker: &mut MemoryTransport, input: Input, max: usize) -> Vec<String> {
    let mut fetched = Vec::new();
    worker.fetch(input, max, Duration::ZERO, &mut fetched).unwrap();
    fetched.iter().map(in_short).collect()
}

fn in_short<P: AsRef<[u8]>>(fetched: &Fetched<P>) -> String {
    match fetched {
        Fetched::Record(record) => format!("{}@{}", String::from_utf8_lossy(record.payload.as_ref()), record.offset),
        Fetched::End { position, .. } => format!("end@{position}"),
        Fetched::Fault { message, .. } => format!("fault: {message}"),
    }
}

/// Which kind of outcome this is.
fn kind<T>(outcome: &Result<T, TransportFailure>) -> &'static str {
    match outcome {
        Ok(_) => "ok",
        Err(TransportFailure::Retry { .. }) => "retry",
        Err(TransportFailure::Abort { .. }) => "abort",
        Err(TransportFailure::Unknown { .. }) => "unknown",
        Err(TransportFailure::Fatal { .. }) => "fatal",
    }
}
