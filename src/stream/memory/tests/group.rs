//! Members, generations, and partitions that move.

use super::super::{MemoryMembership, Notice};
use super::*;

pub(super) fn partitions(numbers: impl IntoIterator<Item = u32>) -> Vec<PartitionId> {
    numbers.into_iter().map(PartitionId).collect()
}

pub(super) fn poll(worker: &mut MemoryTransport) -> Option<GroupEvent> {
    worker.poll_group().unwrap()
}

/// Tries to commit an offset of partition 0 with this membership.
fn commit_with(worker: &mut MemoryTransport, membership: &MemoryMembership) -> &'static str {
    worker.begin().unwrap();
    let sent = kind(&worker.send_offsets(membership, &[offset(P0, 1, "m")]));
    if sent == "ok" { worker.commit() } else { worker.abort() }.unwrap();
    sent
}

fn assigned(cluster: &MemoryCluster, instance: &str) -> Vec<PartitionId> {
    let members = cluster.members();
    members.into_iter().find(|member| member.instance == instance).expect("it is a member").assigned
}

#[test]
fn a_sole_member_is_assigned_everything_and_has_a_membership_from_then_on() {
    let cluster = cluster(4);
    let mut worker = cluster.transport("worker", "instance");
    assert_eq!(worker.membership(), None);
    assert_eq!(poll(&mut worker), Some(GroupEvent::Assigned(partitions(0..4))));
    assert_eq!(poll(&mut worker), None, "an event is given once");
    assert!(worker.membership().is_some());
}

#[test]
fn a_partition_moves_only_after_its_owner_has_given_it_up() {
    let cluster = cluster(4);
    let mut a = cluster.transport("a", "a");
    settle(&mut [&mut a]);
    let mut b = cluster.transport("b", "b");
    assert_eq!(poll(&mut b), None, "it waits for the other to join anew");
    assert_eq!(poll(&mut a), Some(GroupEvent::Revoked(partitions(2..4))));
    for _ in 0..3 {
        assert_eq!(poll(&mut b), None, "nothing is free");
    }
    a.give_up(&partitions(2..4)).unwrap();
    assert_eq!(poll(&mut b), None, "the owner has not told the group");
    assert_eq!(poll(&mut a), None);
    assert_eq!(poll(&mut b), Some(GroupEvent::Assigned(partitions(2..4))));
    assert_eq!(assigned(&cluster, "a"), partitions(0..2), "the rest stayed where it was");
}

#[test]
fn an_answer_names_every_partition_of_its_event() {
    let cluster = cluster(4);
    let mut a = cluster.transport("a", "a");
    settle(&mut [&mut a]);
    let mut b = cluster.transport("b", "b");
    poll(&mut b);
    assert_eq!(poll(&mut a), Some(GroupEvent::Revoked(partitions(2..4))));
    assert_eq!(kind(&a.give_up(&partitions([2]))), "fatal");
    a.give_up(&partitions(2..4)).unwrap();
}

#[test]
fn giving_up_outside_of_an_event_stops_reading_and_keeps_the_assignment() {
    let cluster = cluster(1);
    let mut worker = sole_reader(&cluster);
    worker.give_up(&[P0]).unwrap();
    assert_eq!(fetch(&mut worker, Input::Cdrs, 10), [""; 0]);
    worker.start(P0, [0; 3]).unwrap();
    assert_eq!(fetch(&mut worker, Input::Cdrs, 10), ["end@0"]);
}

#[test]
fn what_is_given_up_is_not_read_on() {
    let cluster = cluster(2);
    let mut a = cluster.transport("a", "a");
    settle(&mut [&mut a]);
    a.start(P0, [0; 3]).unwrap();
    a.start(P1, [0; 3]).unwrap();
    let mut b = cluster.transport("b", "b");
    settle(&mut [&mut b, &mut a]);
    assert_eq!(fetch(&mut a, Input::Cdrs, 10), ["end@0"], "one partition is left");
    assert_eq!(kind(&a.start(P1, [0; 3])), "fatal", "the other is no more its own");
    b.start(P1, [0; 3]).unwrap();
}

#[test]
fn an_unanswered_assignment_holds_up_the_next_rebalance() {
    let cluster = cluster(2);
    let mut a = cluster.transport("a", "a");
    assert_eq!(poll(&mut a), Some(GroupEvent::Assigned(partitions(0..2))));
    let mut b = cluster.transport("b", "b");
    poll(&mut b);
    assert_eq!(poll(&mut a), None);
    assert_eq!(cluster.generation(), (1, true));
    a.accept_assignment().unwrap();
    assert_eq!(poll(&mut a), Some(GroupEvent::Revoked(partitions([1]))));
    assert_eq!(cluster.generation(), (2, false));
}

#[test]
fn a_commit_of_a_stale_generation_is_refused_and_one_of_the_new_is_taken() {
    let cluster = cluster(2);
    let mut a = cluster.transport("a", "a");
    settle(&mut [&mut a]);
    let stale = a.membership().unwrap();
    let mut b = cluster.transport("b", "b");
    poll(&mut b);
    assert_eq!(commit_with(&mut a, &stale), "ok", "the generation ends when the last member has joined anew");
    settle(&mut [&mut b, &mut a]);
    assert_eq!(commit_with(&mut a, &stale), "abort");
    let fresh = a.membership().unwrap();
    assert_eq!(commit_with(&mut a, &fresh), "ok");
}

#[test]
fn a_rebalance_that_ended_behind_a_members_back_refuses_its_commit_once() {
    let cluster = cluster(2);
    let mut a = cluster.transport("a", "a");
    let mut b = cluster.transport("b", "b");
    settle(&mut [&mut a]);
    poll(&mut b);
    settle(&mut [&mut a, &mut b]);
    cluster.rebalance();
    poll(&mut a);
    poll(&mut b);
    let believed = a.membership().unwrap();
    assert_eq!(commit_with(&mut a, &believed), "abort");
    poll(&mut a);
    let learned = a.membership().unwrap();
    assert_eq!(commit_with(&mut a, &learned), "ok");
}

#[test]
fn a_commit_of_an_unknown_member_is_refused() {
    let cluster = cluster(1);
    let mut worker = sole_worker(&cluster);
    let unknown = MemoryMembership { member_id: "nobody".into(), ..worker.membership().unwrap() };
    assert_eq!(commit_with(&mut worker, &unknown), "abort");
    let half_empty = MemoryMembership { member_id: String::new(), ..worker.membership().unwrap() };
    assert_eq!(commit_with(&mut worker, &half_empty), "abort");
}

#[test]
fn an_empty_member_id_with_generation_minus_one_is_taken_as_a_plain_commit() {
    let cluster = cluster(1);
    let mut worker = cluster.transport("worker", "never joined");
    let none = MemoryMembership { member_id: String::new(), generation: -1 };
    assert_eq!(commit_with(&mut worker, &none), "ok");
    assert_eq!(cluster.committed_offsets(P0)[2].as_ref().unwrap().offset, 1);
}

#[test]
fn a_zombie_believes_until_it_polls_and_the_coordinator_refuses_it() {
    let cluster = cluster(2);
    let mut zombie = cluster.transport("a", "a");
    let mut other = cluster.transport("b", "b");
    settle(&mut [&mut zombie]);
    zombie.start(P0, [0; 3]).unwrap();
    poll(&mut other);
    assert!(cluster.expire_member("a", Notice::AtPoll));
    assert_eq!(poll(&mut other), Some(GroupEvent::Assigned(partitions(0..2))), "they are out already");
    let believed = zombie.membership().expect("nobody told it");
    assert_eq!(fetch(&mut zombie, Input::Cdrs, 10), ["end@0"], "it reads on");
    assert_eq!(commit_with(&mut zombie, &believed), "abort");
    assert_eq!(poll(&mut zombie), Some(GroupEvent::Lost(partitions(0..2))));
    assert_eq!(zombie.membership(), None);
    zombie.give_up(&partitions(0..2)).unwrap();
    assert_eq!(fetch(&mut zombie, Input::Cdrs, 10), [""; 0]);
}

#[test]
fn a_member_that_hears_at_once_that_it_is_expelled_has_no_membership_before_it_polls() {
    let cluster = cluster(1);
    let mut worker = sole_worker(&cluster);
    assert!(cluster.expire_member("instance", Notice::AtOnce));
    assert_eq!(worker.membership(), None);
    assert_eq!(poll(&mut worker), Some(GroupEvent::Lost(partitions(0..1))));
    assert_eq!(worker.membership(), None);
    worker.give_up(&[P0]).unwrap();
    assert_eq!(poll(&mut worker), Some(GroupEvent::Assigned(partitions(0..1))), "it is back as a new member");
    assert!(worker.membership().is_some());
    assert!(!cluster.expire_member("nobody", Notice::AtOnce));
}

#[test]
fn a_crashed_member_holds_up_the_group_until_it_is_expired() {
    let cluster = cluster(2);
    let mut crashed = cluster.transport("a", "a");
    settle(&mut [&mut crashed]);
    drop(crashed);
    let mut b = cluster.transport("b", "b");
    assert_eq!(poll(&mut b), None);
    assert_eq!(poll(&mut b), None);
    cluster.expire_member("a", Notice::AtPoll);
    assert_eq!(poll(&mut b), Some(GroupEvent::Assigned(partitions(0..2))));
}

#[test]
fn a_member_that_leaves_hands_its_partitions_on() {
    let cluster = cluster(2);
    let mut a = cluster.transport("a", "a");
    settle(&mut [&mut a]);
    let mut b = cluster.transport("b", "b");
    settle(&mut [&mut b, &mut a]);
    a.close().unwrap();
    assert_eq!(poll(&mut a), None);
    assert_eq!(a.membership(), None);
    assert_eq!(poll(&mut b), Some(GroupEvent::Assigned(partitions([0]))));
    assert_eq!(cluster.members().len(), 1);
}

#[test]
fn a_restarted_static_member_has_its_partitions_back_without_a_rebalance() {
    let cluster = cluster(4);
    let mut a = cluster.transport("a", "a");
    settle(&mut [&mut a]);
    let mut b = cluster.transport("b", "b");
    settle(&mut [&mut b, &mut a]);
    let before = cluster.generation();
    drop(b);
    let mut b = cluster.transport("b", "b");
    assert_eq!(poll(&mut b), Some(GroupEvent::Assigned(partitions(2..4))));
    assert_eq!(poll(&mut a), None);
    assert_eq!(cluster.generation(), before);
    let membership = b.membership().unwrap();
    assert_eq!(commit_with(&mut b, &membership), "ok");
}

#[test]
fn of_two_clients_with_one_static_id_the_older_is_fenced() {
    let cluster = cluster(1);
    let mut older = cluster.transport("a", "same");
    settle(&mut [&mut older]);
    let mut newer = cluster.transport("b", "same");
    assert_eq!(poll(&mut newer), Some(GroupEvent::Assigned(partitions(0..1))));
    let believed = older.membership().expect("nobody told it");
    assert_eq!(commit_with(&mut older, &believed), "abort");
    for _ in 0..2 {
        let refused = older.poll_group();
        assert_eq!(kind(&refused), "fatal");
        assert!(refused.unwrap_err().to_string().contains("group instance same"));
    }
    assert_eq!(older.membership(), None);
    assert!(newer.membership().is_some());
}

#[test]
fn a_partition_whose_owner_crashes_while_giving_it_up_is_not_orphaned() {
    let cluster = cluster(2);
    let mut a = cluster.transport("a", "a");
    settle(&mut [&mut a]);
    let mut b = cluster.transport("b", "b");
    poll(&mut b);
    assert_eq!(poll(&mut a), Some(GroupEvent::Revoked(partitions([1]))));
    drop(a);
    let mut a = cluster.transport("a", "a");
    settle(&mut [&mut a, &mut b]);
    assert_eq!(assigned(&cluster, "a").len(), 1);
    assert_eq!(assigned(&cluster, "b").len(), 1);
}

#[test]
fn shares_are_balanced_and_as_little_as_possible_moves() {
    let cluster = cluster(7);
    let mut a = cluster.transport("a", "a");
    settle(&mut [&mut a]);
    let mut b = cluster.transport("b", "b");
    settle(&mut [&mut b, &mut a]);
    assert_eq!((assigned(&cluster, "a"), assigned(&cluster, "b")), (partitions(0..4), partitions(4..7)));
    let mut c = cluster.transport("c", "c");
    settle(&mut [&mut c, &mut a, &mut b]);
    assert_eq!(assigned(&cluster, "a"), partitions(0..3));
    assert_eq!(assigned(&cluster, "b"), partitions(4..6));
    assert_eq!(assigned(&cluster, "c"), partitions([3, 6]));
}
