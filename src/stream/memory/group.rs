//! The group coordinator: members, generations and cooperative rebalancing.
//!
//! A rebalance has two phases, as in Kafka. In the first every member joins anew and says what it owns; who does not is
//! waited for until it is expelled. With the last of them the generation grows, and each member has an assignment, which
//! it learns at its next poll. An assignment takes partitions away from their owner or gives free ones out, never both
//! for one partition: what is taken away is given out by the rebalance that its owner starts after giving it up.

use std::collections::{BTreeMap, BTreeSet};

use crate::core::partition::PartitionId;

use super::broker::Refusal;
use super::member::MemoryMembership;

/// The one consumer group of a cluster.
#[derive(Debug)]
pub(super) struct Group {
    partitions: BTreeSet<PartitionId>,
    generation: i32,
    /// Members are asked to join anew; no assignment is valid yet.
    rebalancing: bool,
    members: BTreeMap<String, Member>,
    /// Those that were expelled and whose clients do not know yet.
    unaware: BTreeSet<String>,
    last_member: u64,
}

/// A member as the coordinator knows it.
#[derive(Debug)]
struct Member {
    instance: String,
    /// Whether it joined the rebalance that is under way.
    joined: bool,
    /// What it said it owns when it joined.
    owned: BTreeSet<PartitionId>,
    assigned: BTreeSet<PartitionId>,
}

impl Group {
    /// A group without members.
    pub(super) fn new(partitions: BTreeSet<PartitionId>) -> Group {
        Group {
            partitions,
            generation: 0,
            rebalancing: false,
            members: BTreeMap::new(),
            unaware: BTreeSet::new(),
            last_member: 0,
        }
    }

    /// The generation; it grows with each rebalance.
    pub(super) fn generation(&self) -> i32 {
        self.generation
    }

    /// Whether members are asked to join anew.
    pub(super) fn is_rebalancing(&self) -> bool {
        self.rebalancing
    }

    /// The members: instance, member id, assignment.
    pub(super) fn members(&self) -> impl Iterator<Item = (&str, &str, &BTreeSet<PartitionId>)> {
        self.members.iter().map(|(id, member)| (member.instance.as_str(), id.as_str(), &member.assigned))
    }

    /// Whether this member is one of the group.
    pub(super) fn knows(&self, member_id: &str) -> bool {
        self.members.contains_key(member_id)
    }

    /// Whether a client can still believe in this membership: it is one, or nobody told it otherwise.
    pub(super) fn seems_to_know(&self, member_id: &str) -> bool {
        self.knows(member_id) || self.unaware.contains(member_id)
    }

    /// Whether another member has this static id.
    pub(super) fn has_instance(&self, instance: &str) -> bool {
        self.members.values().any(|member| member.instance == instance)
    }

    /// Whether the rebalance under way waits for this member.
    pub(super) fn waits_for(&self, member_id: &str) -> bool {
        self.rebalancing && self.members.get(member_id).is_some_and(|member| !member.joined)
    }

    /// What the current generation gives to a member.
    pub(super) fn assignment(&self, member_id: &str) -> &BTreeSet<PartitionId> {
        &self.members.get(member_id).expect("only members of the group ask for their assignment").assigned
    }

    /// A client without a member id joins; the id it gets. One with a known static id takes the place of the member that
    /// had it, which is fenced; the group goes on without a rebalance if all partitions are given out.
    pub(super) fn join(&mut self, instance: &str) -> String {
        self.last_member += 1;
        let id = format!("{instance}-{}", self.last_member);
        let former = self.members.iter().find(|(_, member)| member.instance == instance).map(|(id, _)| id.clone());
        let former = former.and_then(|former_id| {
            let member = self.members.remove(&former_id);
            self.unaware.insert(former_id);
            member
        });
        let replaces = former.is_some();
        let assigned = former.map(|member| member.assigned).unwrap_or_default();
        let member = Member { instance: instance.to_owned(), joined: true, owned: BTreeSet::new(), assigned };
        self.members.insert(id.clone(), member);
        // A partition that its owner was to give up when it crashed belongs to nobody; without a rebalance it would stay so.
        let complete =
            self.members.values().map(|member| member.assigned.len()).sum::<usize>() == self.partitions.len();
        if self.rebalancing || !(replaces && complete) {
            self.rejoin(&id, BTreeSet::new());
        }
        id
    }

    /// A member joins anew with what it owns; this starts a rebalance if none is under way.
    pub(super) fn rejoin(&mut self, member_id: &str, owned: BTreeSet<PartitionId>) {
        self.start_rebalance();
        let member = self.members.get_mut(member_id).expect("only members of the group join anew");
        member.owned = owned;
        member.joined = true;
        self.finish_rebalance_if_complete();
    }

    /// Asks every member to join anew.
    pub(super) fn start_rebalance(&mut self) {
        // Without members there would be nobody to end it.
        if self.rebalancing || self.members.is_empty() {
            return;
        }
        self.rebalancing = true;
        for member in self.members.values_mut() {
            member.joined = false;
        }
    }

    /// A member leaves; the others share what it had.
    pub(super) fn leave(&mut self, member_id: &str) {
        if self.members.remove(member_id).is_some() {
            self.start_rebalance();
            self.finish_rebalance_if_complete();
        }
    }

    /// The session of the member with this static id has timed out. Its client knows only when it is told or polls.
    /// Returns whether there was such a member.
    pub(super) fn expel(&mut self, instance: &str) -> bool {
        let found = self.members.iter().find(|(_, member)| member.instance == instance);
        let Some(id) = found.map(|(id, _)| id.clone()) else { return false };
        self.leave(&id);
        self.unaware.insert(id);
        true
    }

    /// Clients of expelled members with this static id hear of it (from a heartbeat, behind the back of their loop).
    pub(super) fn tell_expelled(&mut self, instance: &str) {
        let prefix = format!("{instance}-");
        self.unaware
            .retain(|id| id.strip_prefix(&prefix).is_none_or(|number| number.bytes().any(|b| !b.is_ascii_digit())));
    }

    /// A client knows that it is expelled, or is gone.
    pub(super) fn forget_expelled(&mut self, member_id: &str) {
        self.unaware.remove(member_id);
    }

    /// Whether offsets from this membership are taken. Without member id and generation they are a plain commit, which
    /// brokers take from anyone: whoever sends them must have checked its membership before.
    pub(super) fn admit_commit(&self, membership: &MemoryMembership) -> Result<(), Refusal> {
        if membership.member_id.is_empty() && membership.generation < 0 {
            return Ok(());
        }
        if !self.knows(&membership.member_id) {
            return Err(Refusal::UnknownMember);
        }
        if membership.generation != self.generation {
            return Err(Refusal::IllegalGeneration);
        }
        Ok(())
    }

    fn finish_rebalance_if_complete(&mut self) {
        if !self.rebalancing || self.members.values().any(|member| !member.joined) {
            return;
        }
        self.rebalancing = false;
        self.generation += 1;
        self.assign();
    }

    /// Sticky and balanced: everyone keeps what it owns up to its share, and what nobody owns fills the others up.
    fn assign(&mut self) {
        if self.members.is_empty() {
            return;
        }
        let mut free = self.partitions.clone();
        for member in self.members.values() {
            free.retain(|partition| !member.owned.contains(partition));
        }
        let mut free = free.into_iter();
        let share = self.partitions.len() / self.members.len();
        let larger_shares = self.partitions.len() % self.members.len();
        // The larger shares go to those that own most, so that as little as possible moves; ties go by member id.
        let mut members: Vec<&mut Member> = self.members.values_mut().collect();
        members.sort_by_key(|member| std::cmp::Reverse(member.owned.len()));
        for (place, member) in members.into_iter().enumerate() {
            let quota = share + usize::from(place < larger_shares);
            member.assigned = member.owned.iter().copied().take(quota).collect();
            let missing = quota - member.assigned.len();
            member.assigned.extend(free.by_ref().take(missing));
        }
    }
}
