//! Committed and pending offsets.

use crate::stream::transport::{CommittedOffset, RestoreSource};

use super::super::{Act, Fault};
use super::*;

fn send_offset(worker: &mut MemoryTransport, commit: OffsetToCommit) {
    let membership = worker.membership().unwrap();
    worker.begin().unwrap();
    worker.send_offsets(&membership, &[commit]).unwrap();
}

#[test]
fn offsets_are_committed_with_their_metadata_input_by_input() {
    let cluster = cluster(2);
    let mut worker = sole_worker(&cluster);
    assert_eq!(worker.committed(&[P0]).unwrap(), [[None, None, None]]);
    send_offset(&mut worker, offset(P1, 7, "worker/run/1/1000"));
    worker.commit().unwrap();
    let expected = CommittedOffset { offset: 7, metadata: "worker/run/1/1000".into() };
    assert_eq!(worker.committed(&[P0, P1]).unwrap(), [[None, None, None], [None, None, Some(expected)]]);
}

#[test]
fn committed_offsets_wait_for_pending_ones() {
    let cluster = cluster(2);
    let mut worker = sole_worker(&cluster);
    let mut source = cluster.restore_source();
    send_offset(&mut worker, offset(P0, 7, "m"));
    assert_eq!(kind(&source.committed(P0)), "retry");
    assert_eq!(kind(&worker.committed(&[P1, P0])), "retry");
    assert_eq!(kind(&source.committed(P1)), "ok", "those of other partitions are stable");
    worker.commit().unwrap();
    assert_eq!(source.committed(P0).unwrap()[2].as_ref().unwrap().offset, 7);
}

#[test]
fn committed_offsets_wait_for_the_markers_of_a_prepared_commit() {
    let cluster = cluster(1);
    let mut worker = sole_worker(&cluster);
    send_offset(&mut worker, offset(P0, 7, "m"));
    worker.controls().plan(Act::Commit, Fault::MarkersLater);
    worker.commit().unwrap();
    assert_eq!(kind(&worker.committed(&[P0])), "retry");
    cluster.complete_prepared();
    assert_eq!(worker.committed(&[P0]).unwrap()[0][2].as_ref().unwrap().offset, 7);
}

#[test]
fn an_abort_drops_pending_offsets() {
    let cluster = cluster(1);
    let mut worker = sole_worker(&cluster);
    send_offset(&mut worker, offset(P0, 7, "kept"));
    worker.commit().unwrap();
    send_offset(&mut worker, offset(P0, 9, "dropped"));
    worker.abort().unwrap();
    let kept = CommittedOffset { offset: 7, metadata: "kept".into() };
    assert_eq!(worker.committed(&[P0]).unwrap()[0][2], Some(kept));
}

#[test]
fn offsets_expire_when_the_owner_says_so() {
    let cluster = cluster(2);
    let mut worker = sole_worker(&cluster);
    for partition in [P0, P1] {
        send_offset(&mut worker, offset(partition, 7, "m"));
        worker.commit().unwrap();
    }
    cluster.forget_offsets(P0);
    assert_eq!(cluster.restore_source().committed(P0).unwrap(), [None, None, None]);
    assert!(cluster.restore_source().committed(P1).unwrap()[2].is_some());
}
