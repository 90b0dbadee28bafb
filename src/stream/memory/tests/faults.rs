//! Faults that an owner plans.

use super::super::{Act, Fault};
use super::*;

/// Runs a transaction up to `act` and does that; returns its outcome.
fn do_up_to(act: Act, worker: &mut MemoryTransport) -> Result<(), TransportFailure> {
    let begun = worker.begin();
    if act == Act::Begin {
        return begun;
    }
    let published = publish(worker, P0, &["a"]);
    if act == Act::Publish {
        return published;
    }
    let membership = worker.membership().unwrap();
    let sent = worker.send_offsets(&membership, &[offset(P0, 1, "m")]);
    match act {
        Act::SendOffsets => sent,
        Act::Commit => worker.commit(),
        Act::Abort | Act::Begin | Act::Publish => worker.abort(),
    }
}

#[test]
fn every_fault_shows_as_its_failure_and_a_renewed_producer_goes_on() {
    for act in Act::ALL {
        for fault in Fault::ALL.into_iter().filter(|fault| act.can_meet(*fault)) {
            let cluster = cluster(1);
            let mut worker = sole_worker(&cluster);
            worker.controls().plan(act, fault);
            let expected = match fault {
                Fault::Retry => "retry",
                Fault::Abort => "abort",
                Fault::MarkersLater => "ok",
                Fault::UnknownApplied | Fault::UnknownLost | Fault::UnknownLate | Fault::UnknownPrepared => "unknown",
            };
            assert_eq!(kind(&do_up_to(act, &mut worker)), expected, "{act:?} {fault:?}");
            assert_eq!(worker.controls().planned_len(), 0, "a fault happens once");
            let committed = act == Act::Commit
                && matches!(fault, Fault::UnknownApplied | Fault::UnknownPrepared | Fault::MarkersLater);
            worker.renew_producer().unwrap();
            assert_eq!(ledger(&cluster).len(), usize::from(committed), "{act:?} {fault:?}");
            do_up_to(Act::Commit, &mut worker).unwrap();
            assert_eq!(ledger(&cluster).len(), 1 + usize::from(committed), "{act:?} {fault:?}");
        }
    }
}

#[test]
fn a_refused_act_leaves_a_transaction_that_can_be_aborted_with_the_same_producer() {
    for act in [Act::Begin, Act::Publish, Act::SendOffsets, Act::Commit] {
        let cluster = cluster(1);
        let mut worker = sole_worker(&cluster);
        worker.controls().plan(act, Fault::Abort);
        assert_eq!(kind(&do_up_to(act, &mut worker)), "abort");
        worker.abort().unwrap();
        assert_eq!(cluster.open_transactions(), []);
        do_up_to(Act::Commit, &mut worker).unwrap();
        assert_eq!(ledger(&cluster), ["a"]);
    }
}

#[test]
fn what_can_be_tried_again_keeps_its_records() {
    let cluster = cluster(1);
    let mut worker = sole_worker(&cluster);
    worker.controls().plan(Act::Publish, Fault::Retry);
    worker.begin().unwrap();
    let mut records = vec![out("a")];
    assert_eq!(kind(&worker.publish(Output::Ledger, P0, &mut records)), "retry");
    assert_eq!(records.len(), 1);
    worker.publish(Output::Ledger, P0, &mut records).unwrap();
    assert!(records.is_empty());
    worker.controls().plan(Act::Commit, Fault::Retry);
    assert_eq!(kind(&worker.commit()), "retry");
    worker.commit().unwrap();
    assert_eq!(ledger(&cluster), ["a"]);
}

#[test]
fn faults_come_in_the_order_in_which_they_were_planned_until_healed() {
    let cluster = cluster(1);
    let mut worker = sole_worker(&cluster);
    let controls = worker.controls();
    for fault in [Fault::Retry, Fault::Abort, Fault::UnknownLost] {
        controls.plan(Act::Begin, fault);
    }
    assert_eq!(kind(&worker.begin()), "retry");
    assert_eq!(kind(&worker.begin()), "abort");
    controls.heal();
    assert_eq!(kind(&worker.begin()), "ok");
}

#[test]
#[should_panic(expected = "Abort cannot happen to abort")]
fn an_abort_cannot_be_refused() {
    sole_worker(&cluster(1)).controls().plan(Act::Abort, Fault::Abort);
}
