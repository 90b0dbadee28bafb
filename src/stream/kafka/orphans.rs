//! Partitions that nobody in the group has, and how they get an owner again.
//!
//! A cooperative rebalance has two rounds: the first takes partitions from a member, the second gives them to another, and it
//! is that member's answer to the first that brings the second about. A static member that dies in between and starts again
//! gets the remaining partitions back without a rebalance, as it is meant to; the second round never comes, and what was taken
//! belongs to nobody for as long as the group does not change. (Seen on Apache Kafka 4.1.1; no member is told of it.)
//!
//! So a thread of the process asks for the group now and then. When partitions have had no owner at two looks in a row, in a
//! group that is stable and the same, the member whose id comes first makes the group balance itself anew.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use tracing::{debug, warn};

use super::super::settings::KafkaSettings;
use super::super::transport::TransportFailure;
use super::{QUESTION_TIMEOUT, client_config, fatal, refused};

/// How often the group is asked for. A round of a rebalance takes a commit, which is shorter.
const LOOK_INTERVAL: Duration = Duration::from_secs(3);
/// What a group is called that has no rebalance under way.
const STABLE: &str = "Stable";

/// A worker of this process, as the group knows it.
#[derive(Clone, Debug)]
pub struct Rejoiner {
    /// Its `group.instance.id`: the id of the member begins with it.
    pub group_instance_id: String,
    /// Set when it shall make the group balance itself.
    pub rejoin: Arc<AtomicBool>,
}

/// Looks for partitions without an owner, until it is dropped.
#[derive(Debug)]
pub struct OrphanWatch {
    ended: Arc<(Mutex<bool>, Condvar)>,
    thread: Option<JoinHandle<()>>,
}

impl OrphanWatch {
    /// Starts the thread. `settings` are those of any worker, `partitions` how many there are.
    ///
    /// # Errors
    ///
    /// `Fatal` for settings that cannot be, or if the system has no thread left.
    pub fn start(
        settings: &KafkaSettings,
        partitions: u32,
        workers: Vec<Rejoiner>,
    ) -> Result<OrphanWatch, TransportFailure> {
        const ACT: &str = "watch the group";
        let client: BaseConsumer =
            client_config(settings.client().map_err(refused)?).create().map_err(|error| fatal(ACT, error))?;
        let (topic, group) = (settings.topic("cdrs"), settings.group_id.clone());
        let ended = Arc::new((Mutex::new(false), Condvar::new()));
        let told = Arc::clone(&ended);
        let thread = thread::Builder::new()
            .name("orphan-watch".into())
            .spawn(move || {
                let mut seen_before = None;
                while !waited(&told, LOOK_INTERVAL) {
                    let seen = look(&client, &group, &topic, partitions);
                    if seen.is_some() && seen == seen_before {
                        seen.iter().for_each(|orphans| rejoin(orphans, &workers));
                    }
                    seen_before = seen;
                }
            })
            .map_err(|error| fatal(ACT, error))?;
        Ok(OrphanWatch { ended, thread: Some(thread) })
    }
}

impl Drop for OrphanWatch {
    fn drop(&mut self) {
        *self.ended.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.ended.1.notify_all();
        if let Some(thread) = self.thread.take() {
            // A panic of that thread has been printed, and changes nothing here.
            let _ = thread.join();
        }
    }
}

/// Waits, and says whether the watch has ended.
fn waited(ended: &(Mutex<bool>, Condvar), interval: Duration) -> bool {
    let (lock, changed) = ended;
    let guard = lock.lock().unwrap_or_else(PoisonError::into_inner);
    let waited = changed.wait_timeout_while(guard, interval, |ended| !*ended);
    *waited.unwrap_or_else(PoisonError::into_inner).0
}

/// A stable group in which partitions have no owner.
#[derive(Debug, PartialEq, Eq)]
struct Orphans {
    members: BTreeSet<String>,
    partitions: BTreeSet<u32>,
}

/// Asks for the group. Nothing if it is as it should be, or not stable, or does not answer.
fn look(client: &BaseConsumer, group: &str, topic: &str, partitions: u32) -> Option<Orphans> {
    let groups = match client.fetch_group_list(Some(group), QUESTION_TIMEOUT) {
        Ok(groups) => groups,
        Err(error) => {
            debug!(%error, "the group could not be asked for");
            return None;
        }
    };
    let group = groups.groups().iter().find(|found| found.name() == group && found.state() == STABLE)?;
    let mut orphans: BTreeSet<u32> = (0..partitions).collect();
    for member in group.members() {
        for owned in assigned(member.assignment()?, topic)? {
            orphans.remove(&owned);
        }
    }
    let members = group.members().iter().map(|member| member.id().to_owned()).collect();
    (!orphans.is_empty()).then_some(Orphans { members, partitions: orphans })
}

/// Tells the member whose id comes first, if it is one of ours.
fn rejoin(orphans: &Orphans, workers: &[Rejoiner]) {
    let Some(first) = orphans.members.first() else { return };
    let is_first = |worker: &&Rejoiner| {
        first.strip_prefix(&*worker.group_instance_id).is_some_and(|unique| unique.starts_with('-'))
    };
    if let Some(worker) = workers.iter().find(is_first) {
        let partitions = &orphans.partitions;
        warn!(?partitions, "partitions belong to nobody in the group; it balances itself anew");
        worker.rejoin.store(true, Ordering::Release);
    }
}

/// The partitions of `topic` in an assignment: version, topics with their partitions, and what we do not need. `None` if it is
/// not of that form.
fn assigned(mut bytes: &[u8], topic: &str) -> Option<Vec<u32>> {
    let mut found = Vec::new();
    let rest = &mut bytes;
    if rest.is_empty() {
        return Some(found);
    }
    take::<2>(rest)?;
    for _ in 0..i32::from_be_bytes(take(rest)?) {
        let length = usize::try_from(i16::from_be_bytes(take(rest)?)).ok()?;
        let (name, after) = rest.split_at_checked(length)?;
        *rest = after;
        for _ in 0..i32::from_be_bytes(take(rest)?) {
            let partition = u32::try_from(i32::from_be_bytes(take(rest)?)).ok()?;
            if name == topic.as_bytes() {
                found.push(partition);
            }
        }
    }
    Some(found)
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Version 1, `t.cdrs` with 3 and 5, `t.other` with 4, no user data.
    const ASSIGNMENT: &[u8] =
        b"\0\x01\0\0\0\x02\0\x06t.cdrs\0\0\0\x02\0\0\0\x03\0\0\0\x05\0\x07t.other\0\0\0\x01\0\0\0\x04\xff\xff\xff\xff";

    #[test]
    fn the_partitions_of_the_topic_are_read_and_nothing_else() {
        assert_eq!(assigned(ASSIGNMENT, "t.cdrs"), Some(vec![3, 5]));
        assert_eq!(assigned(ASSIGNMENT, "t"), Some(vec![]));
        assert_eq!(assigned(b"", "t.cdrs"), Some(vec![]), "a member without partitions");
        for cut in 1..ASSIGNMENT.len() - 4 {
            assert_eq!(assigned(&ASSIGNMENT[..cut], "t.cdrs"), None, "cut after {cut}");
        }
    }

    #[test]
    fn only_the_first_member_of_the_group_acts() {
        let worker = |id: &str| Rejoiner { group_instance_id: id.into(), rejoin: Arc::default() };
        let workers = [worker("g-a-1"), worker("g-a-10"), worker("g-b-0")];
        let told = |members: &[&str]| {
            let members = members.iter().map(|id| (*id).to_owned()).collect();
            rejoin(&Orphans { members, partitions: BTreeSet::from([7]) }, &workers);
            workers.each_ref().map(|worker| worker.rejoin.swap(false, Ordering::AcqRel))
        };
        assert_eq!(told(&["g-b-0-9f", "g-c-0-11"]), [false, false, true]);
        assert_eq!(told(&["g-a-0-77", "g-a-1-3e"]), [false, false, false], "another process's");
        assert_eq!(told(&["g-a-10-3e", "g-a-2-00"]), [false, true, false], "1 is not 10");
    }
}
