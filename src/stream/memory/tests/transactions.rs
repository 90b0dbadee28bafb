//! Producers, epochs and what becomes of transactions.

use super::super::{Act, Fault, LateOutcome, TRANSACTION_TIMEOUT_MS};
use super::*;

/// A worker with one record in an open transaction.
fn worker_with_open_record(cluster: &MemoryCluster, value: &str) -> MemoryTransport {
    let mut worker = sole_worker(cluster);
    worker.begin().unwrap();
    publish(&mut worker, P0, &[value]).unwrap();
    worker
}

#[test]
fn markers_and_aborted_records_take_offsets_and_are_never_seen() {
    let cluster = cluster(1);
    let mut worker = worker_with_open_record(&cluster, "aborted");
    worker.abort().unwrap();
    worker.begin().unwrap();
    publish(&mut worker, P0, &["committed"]).unwrap();
    worker.commit().unwrap();
    append(&cluster, Topic::Ledger, "plain");
    let (records, next) = cluster.read_committed(Topic::Ledger, P0, 0, ALL_AT_ONCE);
    let offsets: Vec<i64> = records.iter().map(|record| record.offset).collect();
    assert_eq!((offsets, next), (vec![2, 4], 5));
    let (all, _) = cluster.read_uncommitted(Topic::Ledger, P0, 0, ALL_AT_ONCE);
    assert_eq!(all.len(), 3, "who reads uncommitted sees the aborted record, and no marker");
}

#[test]
fn the_oldest_open_transaction_holds_the_last_stable_offset_apart_from_the_high_watermark() {
    let cluster = cluster(1);
    append(&cluster, Topic::Ledger, "plain");
    let mut first = worker_with_open_record(&cluster, "first");
    let mut second = cluster.transport("second", "elsewhere");
    second.begin().unwrap();
    publish(&mut second, P0, &["second"]).unwrap();
    second.commit().unwrap();
    assert_eq!(cluster.last_stable_offset(Topic::Ledger, P0), 1);
    assert_eq!(cluster.high_watermark(Topic::Ledger, P0), 4);
    assert_eq!(ledger(&cluster), ["plain"], "what was committed behind an open transaction waits for it");
    let open = cluster.open_transactions();
    assert_eq!(open.len(), 1);
    assert_eq!(open[0].transactional_id, "worker");
    assert_eq!(open[0].partitions, [(Topic::Ledger, P0)]);
    first.commit().unwrap();
    assert_eq!(cluster.last_stable_offset(Topic::Ledger, P0), 5);
    assert_eq!(ledger(&cluster), ["plain", "first", "second"]);
}

#[test]
fn transactions_that_overlap_in_a_partition_end_each_for_itself() {
    let cluster = cluster(1);
    let mut first = worker_with_open_record(&cluster, "first");
    let mut second = cluster.transport("second", "elsewhere");
    second.begin().unwrap();
    publish(&mut second, P0, &["second"]).unwrap();
    assert_eq!(cluster.last_stable_offset(Topic::Ledger, P0), 0);
    first.abort().unwrap();
    assert_eq!(cluster.last_stable_offset(Topic::Ledger, P0), 1);
    assert_eq!(ledger(&cluster), [""; 0], "the end of one does not settle the other");
    second.commit().unwrap();
    assert_eq!(ledger(&cluster), ["second"]);
}

#[test]
fn a_transaction_is_all_or_nothing_over_its_partitions() {
    let cluster = cluster(2);
    let mut worker = sole_worker(&cluster);
    for commits in [false, true] {
        worker.begin().unwrap();
        publish(&mut worker, P0, &["a"]).unwrap();
        publish(&mut worker, P1, &["b"]).unwrap();
        let membership = worker.membership().unwrap();
        worker.send_offsets(&membership, &[offset(P0, 7, "m")]).unwrap();
        if commits { worker.commit() } else { worker.abort() }.unwrap();
        let seen = [P0, P1].map(|partition| cluster.read_committed(Topic::Ledger, partition, 0, 9).0.len());
        assert_eq!(seen, [usize::from(commits); 2]);
        assert_eq!(cluster.committed_offsets(P0)[Input::Cdrs.index()].is_some(), commits);
    }
}

#[test]
fn an_empty_transaction_leaves_no_marker() {
    let cluster = cluster(1);
    let mut worker = sole_worker(&cluster);
    worker.begin().unwrap();
    worker.publish(Output::Ledger, P0, &mut Vec::new()).unwrap();
    worker.commit().unwrap();
    assert_eq!(cluster.high_watermark(Topic::Ledger, P0), 0);
}

#[test]
fn a_crashed_producer_leaves_its_transaction_open_until_its_successor_is_initialised() {
    let cluster = cluster(1);
    drop(worker_with_open_record(&cluster, "lost"));
    assert_eq!(cluster.last_stable_offset(Topic::Ledger, P0), 0);
    assert_eq!(cluster.open_transactions().len(), 1);
    drop(cluster.transport("another id", "elsewhere"));
    assert_eq!(cluster.open_transactions().len(), 1, "only its own id ends it");
    drop(cluster.transport("worker", "instance"));
    assert_eq!(cluster.open_transactions(), []);
    assert_eq!((ledger(&cluster).len(), cluster.last_stable_offset(Topic::Ledger, P0)), (0, 2));
}

#[test]
fn requests_of_an_older_epoch_are_fenced() {
    let cluster = cluster(1);
    let mut zombie = worker_with_open_record(&cluster, "zombie");
    let membership = zombie.membership().unwrap();
    let _successor = cluster.transport("worker", "elsewhere");
    assert_eq!(kind(&publish(&mut zombie, P0, &["more"])), "unknown");
    assert_eq!(kind(&zombie.send_offsets(&membership, &[offset(P0, 1, "m")])), "unknown");
    assert_eq!(kind(&zombie.commit()), "unknown");
    assert_eq!(kind(&zombie.abort()), "unknown");
    assert_eq!(ledger(&cluster), [""; 0]);
}

#[test]
fn renewing_completes_a_commit_that_was_prepared() {
    let cluster = cluster(1);
    let mut worker = worker_with_open_record(&cluster, "a");
    worker.controls().plan(Act::Commit, Fault::UnknownPrepared);
    assert_eq!(kind(&worker.commit()), "unknown");
    assert_eq!(ledger(&cluster), [""; 0]);
    assert!(cluster.open_transactions()[0].commit_prepared);
    worker.renew_producer().unwrap();
    assert_eq!(ledger(&cluster), ["a"]);
}

#[test]
fn a_prepared_commit_cannot_be_aborted_by_its_producer_or_by_time() {
    let (cluster, clock) = cluster_and_clock(1);
    let mut worker = worker_with_open_record(&cluster, "a");
    worker.controls().plan(Act::Commit, Fault::UnknownPrepared);
    assert_eq!(kind(&worker.commit()), "unknown");
    assert_eq!(kind(&worker.abort()), "unknown");
    clock.set(1_000_000 + 2 * TRANSACTION_TIMEOUT_MS);
    assert_eq!(cluster.expire_transactions(), [""; 0]);
    cluster.complete_prepared();
    assert_eq!(ledger(&cluster), ["a"]);
}

#[test]
fn markers_may_come_after_the_commit_was_answered_and_before_the_next_transaction() {
    let cluster = cluster(1);
    let mut worker = worker_with_open_record(&cluster, "a");
    worker.controls().plan(Act::Commit, Fault::MarkersLater);
    worker.commit().unwrap();
    assert_eq!(ledger(&cluster), [""; 0]);
    worker.begin().unwrap();
    publish(&mut worker, P0, &["b"]).unwrap();
    assert_eq!(ledger(&cluster), ["a"]);
    worker.abort().unwrap();
    assert_eq!(ledger(&cluster), ["a"]);
}

#[test]
fn a_transaction_times_out_by_the_owners_clock_and_fences_its_producer() {
    let (cluster, clock) = cluster_and_clock(1);
    let mut worker = worker_with_open_record(&cluster, "a");
    clock.set(1_000_000 + TRANSACTION_TIMEOUT_MS - 1);
    assert_eq!(cluster.expire_transactions(), [""; 0]);
    clock.set(1_000_000 + TRANSACTION_TIMEOUT_MS);
    assert_eq!(cluster.expire_transactions(), ["worker"]);
    assert_eq!(cluster.last_stable_offset(Topic::Ledger, P0), 2);
    assert_eq!(kind(&worker.commit()), "unknown");
    worker.renew_producer().unwrap();
    worker.begin().unwrap();
    publish(&mut worker, P0, &["b"]).unwrap();
    worker.commit().unwrap();
    assert_eq!(ledger(&cluster), ["b"]);
}

#[test]
fn the_time_of_a_transaction_runs_from_its_first_record() {
    let (cluster, clock) = cluster_and_clock(1);
    let mut worker = sole_worker(&cluster);
    worker.begin().unwrap();
    clock.set(1_000_000 + TRANSACTION_TIMEOUT_MS);
    publish(&mut worker, P0, &["a"]).unwrap();
    assert_eq!(cluster.expire_transactions(), [""; 0]);
}

#[test]
fn a_commit_of_unknown_outcome_may_have_had_its_effect() {
    let cluster = cluster(1);
    let mut worker = worker_with_open_record(&cluster, "a");
    worker.controls().plan(Act::Commit, Fault::UnknownApplied);
    assert_eq!(kind(&worker.commit()), "unknown");
    assert_eq!(ledger(&cluster), ["a"]);
    worker.renew_producer().unwrap();
    assert_eq!(ledger(&cluster), ["a"]);
}

#[test]
fn a_commit_of_unknown_outcome_may_have_had_none() {
    let cluster = cluster(1);
    let mut worker = worker_with_open_record(&cluster, "a");
    worker.controls().plan(Act::Commit, Fault::UnknownLost);
    assert_eq!(kind(&worker.commit()), "unknown");
    assert_eq!(cluster.open_transactions().len(), 1);
    worker.renew_producer().unwrap();
    assert_eq!(cluster.open_transactions(), []);
    assert_eq!(ledger(&cluster), [""; 0]);
}

#[test]
fn a_late_end_of_a_dropped_producer_is_fenced() {
    let cluster = cluster(1);
    let mut worker = worker_with_open_record(&cluster, "a");
    worker.controls().plan(Act::Commit, Fault::UnknownLate);
    assert_eq!(kind(&worker.commit()), "unknown");
    worker.renew_producer().unwrap();
    worker.begin().unwrap();
    publish(&mut worker, P0, &["b"]).unwrap();
    assert_eq!(cluster.late_len(), 1);
    assert_eq!(cluster.deliver_late(), [LateOutcome::Fenced]);
    assert_eq!(cluster.late_len(), 0);
    assert_eq!(ledger(&cluster), [""; 0]);
    worker.commit().unwrap();
    assert_eq!(ledger(&cluster), ["b"]);
}

#[test]
fn a_late_end_of_a_kept_producer_hits_its_next_transaction() {
    let cluster = cluster(1);
    let mut worker = worker_with_open_record(&cluster, "a");
    worker.controls().plan(Act::Commit, Fault::UnknownLate);
    assert_eq!(kind(&worker.commit()), "unknown");
    worker.abort().unwrap();
    worker.begin().unwrap();
    publish(&mut worker, P0, &["half"]).unwrap();
    assert_eq!(cluster.deliver_late(), [LateOutcome::EndedOpenTransaction]);
    assert_eq!(ledger(&cluster), ["half"], "committed before it was whole");
}

#[test]
fn a_late_end_that_finds_nothing_open_does_nothing() {
    let cluster = cluster(1);
    let mut worker = worker_with_open_record(&cluster, "a");
    worker.controls().plan(Act::Commit, Fault::UnknownLate);
    assert_eq!(kind(&worker.commit()), "unknown");
    worker.abort().unwrap();
    assert_eq!(cluster.deliver_late(), [LateOutcome::NothingOpen]);
    assert_eq!(ledger(&cluster), [""; 0]);
}

#[test]
fn a_late_end_of_unknown_outcome_can_still_commit_its_own_transaction() {
    let cluster = cluster(1);
    let mut worker = worker_with_open_record(&cluster, "a");
    worker.controls().plan(Act::Commit, Fault::UnknownLate);
    assert_eq!(kind(&worker.commit()), "unknown");
    assert_eq!(cluster.deliver_late(), [LateOutcome::EndedOpenTransaction]);
    worker.renew_producer().unwrap();
    assert_eq!(ledger(&cluster), ["a"]);
}

#[test]
fn a_producer_that_goes_on_after_a_lost_commit_meets_its_old_transaction() {
    let cluster = cluster(1);
    let mut worker = worker_with_open_record(&cluster, "a");
    worker.controls().plan(Act::Commit, Fault::UnknownLost);
    assert_eq!(kind(&worker.commit()), "unknown");
    worker.begin().unwrap();
    publish(&mut worker, P0, &["a again"]).unwrap();
    worker.commit().unwrap();
    assert_eq!(ledger(&cluster), ["a", "a again"]);
}

#[test]
fn acts_out_of_turn_end_the_worker() {
    let cluster = cluster(1);
    let mut worker = sole_worker(&cluster);
    let membership = worker.membership().unwrap();
    assert_eq!(kind(&publish(&mut worker, P0, &["a"])), "fatal");
    assert_eq!(kind(&worker.send_offsets(&membership, &[])), "fatal");
    assert_eq!(kind(&worker.commit()), "fatal");
    worker.begin().unwrap();
    assert_eq!(kind(&worker.begin()), "fatal");
    assert_eq!(kind(&worker.stop(P0)), "fatal");
    assert_eq!(kind(&worker.seek(P0, [0; 3])), "fatal");
    assert_eq!(kind(&worker.accept_assignment()), "fatal");
    assert_eq!(kind(&worker.start(PartitionId(7), [0; 3])), "fatal");
    worker.start(P0, [0; 3]).unwrap();
    assert_eq!(kind(&worker.start(P0, [0; 3])), "fatal");
}
