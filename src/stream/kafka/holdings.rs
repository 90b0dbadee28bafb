//! What the group gave this member, what it still has to tell, and where each partition is read.
//!
//! Pure: the member's events go in, the worker's come out. The rules that keep a zombie from committing are here.

use std::collections::VecDeque;

use super::super::transport::{GroupEvent, Input, InputOffsets};
use crate::core::partition::PartitionId;

/// A rebalance step as the client brought it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Notice {
    /// These come in addition; `member_id` is ours at that moment.
    Assigned { partitions: Vec<PartitionId>, member_id: String },
    /// These go.
    Revoked(Vec<PartitionId>),
    /// These are gone.
    Lost(Vec<PartitionId>),
}

/// One partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holding {
    /// Not ours.
    None,
    /// Ours, not read: it is restored, or out of order.
    Assigned,
    /// Ours and read; the next offset of each input that was not delivered yet.
    Started(InputOffsets),
}

/// The state of one member.
#[derive(Debug, Default)]
pub(super) struct Holdings {
    /// In the order in which they came, not delivered yet.
    notices: VecDeque<Notice>,
    /// Delivered, not answered yet.
    open: Option<GroupEvent>,
    /// By partition number.
    partitions: Vec<Holding>,
    /// Ours when the partitions were received.
    member_id: String,
}

impl Holdings {
    pub(super) fn note(&mut self, notice: Notice) {
        self.notices.push_back(notice);
    }

    /// The next event for the worker; it stays open until it is answered.
    pub(super) fn next_event(&mut self) -> Option<GroupEvent> {
        let event = match self.notices.pop_front()? {
            Notice::Assigned { partitions, member_id } => self.assigned(partitions, member_id),
            Notice::Revoked(partitions) => GroupEvent::Revoked(partitions),
            Notice::Lost(partitions) => GroupEvent::Lost(partitions),
        };
        self.open = Some(event.clone());
        Some(event)
    }

    /// Partitions of another member id may have had another owner since: they are lost first, and come anew.
    fn assigned(&mut self, partitions: Vec<PartitionId>, member_id: String) -> GroupEvent {
        let held = self.held();
        if !held.is_empty() && member_id != self.member_id {
            let mut all = held.clone();
            all.extend(partitions.into_iter().filter(|new| !held.contains(new)));
            self.notices.push_front(Notice::Assigned { partitions: all, member_id });
            return GroupEvent::Lost(held);
        }
        self.member_id = member_id;
        for partition in &partitions {
            let holding = self.holding_mut(*partition);
            if *holding == Holding::None {
                *holding = Holding::Assigned;
            }
        }
        GroupEvent::Assigned(partitions)
    }

    /// A rebalance is under way that the worker has not answered: the client has paused all partitions.
    pub(super) fn is_rebalancing(&self) -> bool {
        self.open.is_some() || !self.notices.is_empty()
    }

    /// The open event is answered.
    pub(super) fn answered(&mut self) {
        self.open = None;
    }

    /// A revocation that waits was answered already, by an unassignment of our own: others may own its partitions by now.
    pub(super) fn crossed(&mut self) {
        for notice in &mut self.notices {
            if let Notice::Revoked(partitions) = notice {
                *notice = Notice::Lost(std::mem::take(partitions));
            }
        }
    }

    /// Whether a member with this id may commit for all that is held.
    pub(super) fn may_commit_as(&self, member_id: &str) -> bool {
        let lost = matches!(self.open, Some(GroupEvent::Lost(_)))
            || self.notices.iter().any(|notice| matches!(notice, Notice::Lost(_)));
        !lost && !member_id.is_empty() && (self.held().is_empty() || member_id == self.member_id)
    }

    pub(super) fn is_held(&self, partition: PartitionId) -> bool {
        self.holding(partition) != Holding::None
    }

    /// The next offsets of a partition that is read.
    pub(super) fn position(&self, partition: PartitionId) -> Option<InputOffsets> {
        match self.holding(partition) {
            Holding::Started(next) => Some(next),
            Holding::Assigned | Holding::None => None,
        }
    }

    /// All partitions that are read, with their next offsets.
    pub(super) fn positions(&self) -> Vec<(PartitionId, InputOffsets)> {
        self.numbered().filter_map(|partition| Some((partition, self.position(partition)?))).collect()
    }

    /// The partition is read from here on.
    pub(super) fn started(&mut self, partition: PartitionId, at: InputOffsets) {
        *self.holding_mut(partition) = Holding::Started(at);
    }

    /// The partition is not read any more, and still ours.
    pub(super) fn stopped(&mut self, partition: PartitionId) {
        *self.holding_mut(partition) = Holding::Assigned;
    }

    /// The partition is not ours any more.
    pub(super) fn given_up(&mut self, partition: PartitionId) {
        *self.holding_mut(partition) = Holding::None;
    }

    /// `next` is what follows the last record or end that was delivered. False: the partition is not read.
    pub(super) fn advance(&mut self, partition: PartitionId, input: Input, next: i64) -> bool {
        match self.holding_mut(partition) {
            Holding::Started(offsets) => {
                offsets[input.index()] = next;
                true
            }
            Holding::Assigned | Holding::None => false,
        }
    }

    fn held(&self) -> Vec<PartitionId> {
        self.numbered().filter(|partition| self.is_held(*partition)).collect()
    }

    fn numbered(&self) -> impl Iterator<Item = PartitionId> {
        (0..u32::try_from(self.partitions.len()).expect("partition numbers have 31 bits")).map(PartitionId)
    }

    fn holding(&self, partition: PartitionId) -> Holding {
        self.partitions.get(place(partition)).copied().unwrap_or(Holding::None)
    }

    fn holding_mut(&mut self, partition: PartitionId) -> &mut Holding {
        let place = place(partition);
        if self.partitions.len() <= place {
            self.partitions.resize(place + 1, Holding::None);
        }
        &mut self.partitions[place]
    }
}

fn place(partition: PartitionId) -> usize {
    usize::try_from(partition.0).expect("a usize has at least 32 bits")
}

#[cfg(test)]
mod tests {
    use super::*;

    const P1: PartitionId = PartitionId(1);
    const P2: PartitionId = PartitionId(2);

    fn assigned(partitions: &[PartitionId], member_id: &str) -> Notice {
        Notice::Assigned { partitions: partitions.to_vec(), member_id: member_id.into() }
    }

    /// A member `a` that reads partitions 1 and 2.
    fn reading() -> Holdings {
        let mut holdings = Holdings::default();
        holdings.note(assigned(&[P1, P2], "a"));
        assert_eq!(holdings.next_event(), Some(GroupEvent::Assigned(vec![P1, P2])));
        holdings.answered();
        holdings.started(P1, [1, 2, 3]);
        holdings.started(P2, [0, 0, 0]);
        holdings
    }

    #[test]
    fn events_come_in_their_order_and_stay_open_until_answered() {
        let mut holdings = reading();
        holdings.note(Notice::Revoked(vec![P2]));
        holdings.note(assigned(&[], "a"));
        assert!(holdings.is_rebalancing());
        assert_eq!(holdings.next_event(), Some(GroupEvent::Revoked(vec![P2])));
        assert!(holdings.may_commit_as("a"), "what is revoked may still be committed");
        holdings.given_up(P2);
        holdings.answered();
        assert_eq!(holdings.next_event(), Some(GroupEvent::Assigned(vec![])));
        assert!(holdings.is_rebalancing());
        holdings.answered();
        assert!(!holdings.is_rebalancing());
        assert_eq!(holdings.next_event(), None);
        assert_eq!(holdings.positions(), vec![(P1, [1, 2, 3])]);
    }

    #[test]
    fn nothing_is_committed_under_another_member_id_than_that_of_the_assignment() {
        let holdings = reading();
        assert!(holdings.may_commit_as("a"));
        assert!(!holdings.may_commit_as("b"));
        assert!(!holdings.may_commit_as(""));
    }

    #[test]
    fn partitions_of_a_former_member_id_are_lost_before_new_ones_come() {
        let mut holdings = reading();
        holdings.note(assigned(&[PartitionId(3)], "b"));
        assert_eq!(holdings.next_event(), Some(GroupEvent::Lost(vec![P1, P2])));
        assert!(!holdings.may_commit_as("b"));
        holdings.given_up(P1);
        holdings.given_up(P2);
        holdings.answered();
        assert_eq!(holdings.next_event(), Some(GroupEvent::Assigned(vec![P1, P2, PartitionId(3)])));
        holdings.answered();
        assert!(holdings.may_commit_as("b"));
        assert_eq!(holdings.positions(), vec![], "they are restored, not read on");
    }

    #[test]
    fn what_is_lost_stops_commits_from_the_notice_to_the_answer() {
        let mut holdings = reading();
        holdings.note(Notice::Lost(vec![P1, P2]));
        assert!(!holdings.may_commit_as("a"), "noted");
        assert_eq!(holdings.next_event(), Some(GroupEvent::Lost(vec![P1, P2])));
        assert!(!holdings.may_commit_as("a"), "delivered");
        holdings.given_up(P1);
        holdings.given_up(P2);
        holdings.answered();
        assert!(holdings.may_commit_as("a"));
    }

    #[test]
    fn a_revocation_that_crossed_a_stop_of_ours_is_lost() {
        let mut holdings = reading();
        holdings.note(Notice::Revoked(vec![P2]));
        holdings.crossed();
        assert!(!holdings.may_commit_as("a"));
        assert_eq!(holdings.next_event(), Some(GroupEvent::Lost(vec![P2])));
    }

    #[test]
    fn only_a_partition_that_is_read_advances() {
        let mut holdings = reading();
        assert!(holdings.advance(P1, Input::Cdrs, 9));
        assert_eq!(holdings.position(P1), Some([1, 2, 9]));
        holdings.stopped(P1);
        assert!(!holdings.advance(P1, Input::Cdrs, 10));
        assert!(holdings.is_held(P1));
        assert!(!holdings.advance(PartitionId(77), Input::Cdrs, 1));
        assert!(!holdings.is_held(PartitionId(77)));
    }
}
