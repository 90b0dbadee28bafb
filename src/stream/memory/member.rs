//! The client's side of the group: what a member believes, and what it tells its worker.

use std::collections::BTreeSet;

use crate::core::partition::PartitionId;
use crate::stream::transport::{GroupEvent, TransportFailure};

use super::group::Group;

/// The group metadata of a consumer, as it is sent with offsets. An empty member id and generation -1 are what a client has
/// that is not (or no more) in the group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryMembership {
    /// The id that the coordinator gave.
    pub(crate) member_id: String,
    /// The last generation that the client heard of.
    pub(crate) generation: i32,
}

impl MemoryMembership {
    /// What a client has that is not in the group.
    fn none() -> MemoryMembership {
        MemoryMembership { member_id: String::new(), generation: -1 }
    }
}

/// A consumer's membership. It learns what happened to the group when it polls, and not before.
#[derive(Debug)]
pub(super) struct GroupMember {
    instance: String,
    membership: MemoryMembership,
    owned: BTreeSet<PartitionId>,
    /// The event that the worker has not answered. It holds up the group's next rebalance.
    unanswered: Option<GroupEvent>,
    /// What comes after a revocation of the same generation.
    then_assigned: BTreeSet<PartitionId>,
    /// It gave something up, which others wait for.
    must_rejoin: bool,
    /// It was thrown out, and the worker has not given everything up.
    lost: bool,
    standing: Standing,
}

/// Whether it takes part in the group at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Subscribed,
    /// Another client with its static id has taken its place.
    Fenced,
    Closed,
}

impl GroupMember {
    /// A client that joins with its first poll.
    pub(super) fn new(instance: &str) -> GroupMember {
        GroupMember {
            instance: instance.to_owned(),
            membership: MemoryMembership::none(),
            owned: BTreeSet::new(),
            unanswered: None,
            then_assigned: BTreeSet::new(),
            must_rejoin: false,
            lost: false,
            standing: Standing::Subscribed,
        }
    }

    /// Whether this partition is its own, as far as it knows.
    pub(super) fn owns(&self, partition: PartitionId) -> bool {
        self.owned.contains(&partition)
    }

    /// The next event. Each is given once, and the next only after an answer.
    pub(super) fn poll(&mut self, group: &mut Group) -> Result<Option<GroupEvent>, TransportFailure> {
        match self.standing {
            Standing::Subscribed => {}
            Standing::Closed => return Ok(None),
            Standing::Fenced => return Err(self.fenced()),
        }
        if self.unanswered.is_some() {
            return Ok(None);
        }
        if !self.membership.member_id.is_empty() && !group.knows(&self.membership.member_id) {
            self.forget_membership(group);
            if group.has_instance(&self.instance) {
                self.standing = Standing::Fenced;
                return Err(self.fenced());
            }
        }
        if self.lost {
            return Ok(self.tell(GroupEvent::Lost(self.owned.iter().copied().collect())));
        }
        if !self.then_assigned.is_empty() {
            let assigned = std::mem::take(&mut self.then_assigned);
            return Ok(self.tell_assigned(assigned));
        }
        self.join_if_needed(group);
        Ok(self.learn_assignment(group))
    }

    /// The worker has taken its assignment.
    pub(super) fn accept_assignment(&mut self) -> Result<(), TransportFailure> {
        match self.unanswered.take_if(|event| matches!(event, GroupEvent::Assigned(_))) {
            Some(_) => Ok(()),
            None => Err(out_of_turn("accept assignment", "there is no assignment to be accepted")),
        }
    }

    /// The worker has dropped these partitions.
    pub(super) fn give_up(&mut self, partitions: &[PartitionId]) -> Result<(), TransportFailure> {
        match &self.unanswered {
            // Kept or restored on its own account; the group has no part in it.
            None | Some(GroupEvent::Assigned(_)) => return Ok(()),
            Some(GroupEvent::Revoked(taken) | GroupEvent::Lost(taken)) => {
                if !taken.iter().all(|partition| partitions.contains(partition)) {
                    return Err(out_of_turn("give up", "an answer names every partition of its event"));
                }
            }
        }
        match self.unanswered.take() {
            Some(GroupEvent::Revoked(taken)) => {
                self.owned.retain(|partition| !taken.contains(partition));
                self.must_rejoin = true;
            }
            Some(GroupEvent::Lost(_)) => {
                self.owned.clear();
                self.lost = false;
            }
            None | Some(GroupEvent::Assigned(_)) => {}
        }
        Ok(())
    }

    /// The membership, if it is valid as far as the client knows.
    pub(super) fn membership(&mut self, group: &mut Group) -> Option<MemoryMembership> {
        let membership = self.group_metadata(group);
        let valid = membership.generation >= 0 && !membership.member_id.is_empty() && !self.lost;
        valid.then_some(membership)
    }

    /// Leaves the group.
    pub(super) fn close(&mut self, group: &mut Group) {
        group.leave(&self.membership.member_id);
        self.forget_membership(group);
        self.standing = Standing::Closed;
    }

    /// The client is gone without a word to the group.
    pub(super) fn crash(&self, group: &mut Group) {
        group.forget_expelled(&self.membership.member_id);
    }

    /// What the client would send with offsets, checked by nobody. A heartbeat may have told it meanwhile that it is expelled.
    fn group_metadata(&mut self, group: &mut Group) -> MemoryMembership {
        if !self.membership.member_id.is_empty() && !group.seems_to_know(&self.membership.member_id) {
            self.forget_membership(group);
        }
        self.membership.clone()
    }

    fn forget_membership(&mut self, group: &mut Group) {
        group.forget_expelled(&self.membership.member_id);
        self.membership = MemoryMembership::none();
        self.must_rejoin = false;
        self.then_assigned.clear();
        self.lost = !self.owned.is_empty();
    }

    fn join_if_needed(&mut self, group: &mut Group) {
        if self.membership.member_id.is_empty() {
            self.membership.member_id = group.join(&self.instance);
        } else if self.must_rejoin || group.waits_for(&self.membership.member_id) {
            self.must_rejoin = false;
            group.rejoin(&self.membership.member_id, self.owned.clone());
        }
    }

    /// Takes over a new generation: first what is revoked, what is assigned after that.
    fn learn_assignment(&mut self, group: &Group) -> Option<GroupEvent> {
        if group.is_rebalancing() || self.membership.generation == group.generation() {
            return None;
        }
        self.membership.generation = group.generation();
        let assigned = group.assignment(&self.membership.member_id);
        let revoked: Vec<PartitionId> = self.owned.difference(assigned).copied().collect();
        let added: BTreeSet<PartitionId> = assigned.difference(&self.owned).copied().collect();
        if revoked.is_empty() {
            return self.tell_assigned(added);
        }
        self.then_assigned = added;
        self.tell(GroupEvent::Revoked(revoked))
    }

    fn tell_assigned(&mut self, added: BTreeSet<PartitionId>) -> Option<GroupEvent> {
        if added.is_empty() {
            return None;
        }
        self.owned.extend(&added);
        self.tell(GroupEvent::Assigned(added.into_iter().collect()))
    }

    fn tell(&mut self, event: GroupEvent) -> Option<GroupEvent> {
        self.unanswered = Some(event.clone());
        Some(event)
    }

    fn fenced(&self) -> TransportFailure {
        let detail =
            format!("another client runs as group instance {}: give each worker an id of its own", self.instance);
        TransportFailure::Fatal { act: "poll group", detail }
    }
}

/// The worker broke the protocol: a bug, which ends the process rather than being swallowed.
pub(super) fn out_of_turn(act: &'static str, law: &str) -> TransportFailure {
    TransportFailure::Fatal { act, detail: format!("out of turn: {law}") }
}
