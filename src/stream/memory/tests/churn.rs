//! The group under random joins, crashes, expulsions and departures.

use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

use super::super::{MemoryMembership, Notice};
use super::group::{partitions, poll};
use super::*;

/// A group under random joins, crashes, expulsions and departures, as the coordinator and its clients see it.
struct Churn {
    cluster: MemoryCluster,
    workers: Vec<(String, MemoryTransport)>,
    zombies: Vec<MemoryTransport>,
    unanswered: Vec<(String, GroupEvent)>,
    trace: Vec<String>,
}

impl Churn {
    fn new() -> Churn {
        let (workers, zombies, unanswered, trace) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Churn { cluster: cluster(5), workers, zombies, unanswered, trace }
    }

    fn step(&mut self, chance: &mut SmallRng) {
        const INSTANCES: [&str; 3] = ["a", "b", "c"];
        let instance = (*INSTANCES.choose(chance).unwrap()).to_owned();
        let place = self.workers.iter().position(|(known, _)| *known == instance);
        match (chance.random_range(0..20), place) {
            (0..=1, None) => self.workers.push((instance.clone(), self.cluster.transport(&instance, &instance))),
            (0, Some(place)) => {
                // Crashes; its session expires, or it comes back.
                self.forget(place);
            }
            (1, Some(place)) => {
                self.workers[place].1.close().unwrap();
                self.forget(place);
            }
            (2, Some(place)) => {
                // Is stopped past its session timeout while another process takes its name.
                self.cluster.expire_member(&instance, Notice::AtPoll);
                let zombie = self.workers.remove(place).1;
                self.unanswered.retain(|(of, _)| *of != instance);
                self.zombies.push(zombie);
            }
            (3, None) => {
                self.cluster.expire_member(&instance, Notice::AtPoll);
            }
            (4, _) => self.cluster.rebalance(),
            (5, _) => self.wake_zombie(),
            (_, Some(place)) => self.poll_or_answer(place),
            (_, None) => {}
        }
        self.check();
    }

    fn poll_or_answer(&mut self, place: usize) {
        let (instance, worker) = &mut self.workers[place];
        if let Some(held) = self.unanswered.iter().position(|(of, _)| of == instance) {
            let (_, event) = self.unanswered.remove(held);
            answer(worker, &event);
        } else if let Some(event) = poll(worker) {
            self.trace.push(format!("{instance} {event:?} {:?}", self.cluster.generation()));
            self.unanswered.push((instance.clone(), event));
        }
    }

    /// It goes on where it stood, hears the truth, and crashes.
    fn wake_zombie(&mut self) {
        let Some(mut zombie) = self.zombies.pop() else { return };
        // One that owns nothing has nothing to lose: it joins anew.
        if !partitions(0..5).into_iter().any(|partition| zombie.member().owns(partition)) {
            return;
        }
        let told = zombie.poll_group();
        let knows = matches!(told, Ok(Some(GroupEvent::Lost(_))) | Err(TransportFailure::Fatal { .. }));
        assert!(knows || matches!(told, Ok(None)), "a zombie is neither asked nor given: {told:?}");
        assert_eq!(zombie.membership().is_none(), knows);
        self.trace.push(format!("zombie {told:?}"));
    }

    fn forget(&mut self, place: usize) {
        let (instance, _) = self.workers.remove(place);
        self.unanswered.retain(|(of, _)| *of != instance);
    }

    /// Who owns a partition and is known to the group owns it alone.
    fn check(&mut self) {
        let known: Vec<String> = self.cluster.members().into_iter().map(|member| member.member_id).collect();
        for partition in partitions(0..5) {
            let owners = self.workers.iter_mut().filter_map(|(_, worker)| {
                let membership = worker.membership()?;
                (worker.member().owns(partition) && known.contains(&membership.member_id)).then_some(membership)
            });
            let owners: Vec<MemoryMembership> = owners.collect();
            assert!(owners.len() <= 1, "{partition} is owned by {owners:?}");
        }
    }

    /// Everyone who is left polls and answers until the group stands still; those that crashed expire.
    fn heal(&mut self) {
        for instance in ["a", "b", "c"] {
            if !self.workers.iter().any(|(known, _)| known == instance) {
                self.cluster.expire_member(instance, Notice::AtPoll);
            }
        }
        for _ in 0..100 {
            for place in 0..self.workers.len() {
                self.poll_or_answer(place);
            }
        }
        assert!(!self.cluster.generation().1, "the group stands still");
        let mut owned: Vec<PartitionId> =
            self.cluster.members().into_iter().flat_map(|member| member.assigned).collect();
        owned.sort_unstable();
        let all = if self.workers.is_empty() { Vec::new() } else { partitions(0..5) };
        assert_eq!(owned, all);
        for partition in all {
            assert_eq!(self.workers.iter().filter(|(_, worker)| worker.member().owns(partition)).count(), 1);
        }
    }
}

fn churn(seed: u64) -> Vec<String> {
    let mut chance = SmallRng::seed_from_u64(seed);
    let mut group = Churn::new();
    for _ in 0..300 {
        group.step(&mut chance);
    }
    group.heal();
    group.trace
}

#[test]
fn under_churn_no_partition_has_two_members_and_in_the_end_each_has_one() {
    let events: usize = (0..200).map(|seed| churn(seed).len()).sum();
    assert!(events > 200, "something happened: {events}");
}

#[test]
fn the_same_acts_in_the_same_order_give_the_same_events() {
    for seed in 0..20 {
        assert_eq!(churn(seed), churn(seed), "seed {seed}");
    }
}
