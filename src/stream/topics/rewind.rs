//! `tollkeeper offsets rewind`: gives partitions whose committed offsets were lost (expired, or deleted) new ones.
//!
//! The three inputs are set, by the broker's time, to one hour before the ledger's last event of the partition. That
//! repeats at least an hour of input, which is harmless: identities and remembered commands make duplicates of it.
//!
//! The offsets are committed in a transaction of our own, without a membership. A broker takes a plain commit from outside
//! for an empty group only (`UNKNOWN_MEMBER_ID` otherwise), and so does the admin call for altering offsets; a transactional
//! commit it takes also while the group has members. So one stopped partition can be rewound while the others are rated.

use std::collections::BTreeMap;
use std::fmt;

use jiff::{SignedDuration, Timestamp};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{Message, OwnedMessage};
use rdkafka::producer::{BaseProducer, Producer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaErrorCode;

use super::TopicsFailure;
use super::cluster::{ANSWER_WITHIN, Cluster};
use super::layout::topic_name;
use crate::core::partition::PartitionId;
use crate::stream::transport::Input;

/// How far before the ledger's last event the inputs are set. More than any difference between the partition's clock and
/// the broker's time (30 s at most), and than what was read and not yet committed.
pub const REWIND_BEFORE_LAST_EVENT: SignedDuration = SignedDuration::from_hours(1);
/// How many offsets of a ledger's end are read first; if only markers and aborted records are there, ever more.
const LEDGER_TAIL_FIRST: i64 = 1_000;

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct RewindRequest<'a> {
    /// The prefix of the topics.
    pub prefix: &'a str,
    /// The engine's consumer group.
    pub group: &'a str,
    /// Which partitions; none named: all.
    pub partitions: &'a [PartitionId],
    /// What to do about offsets that are there.
    pub existing: ExistingOffsets,
    /// A random id of this call; it goes into the offsets' metadata.
    pub run_id: &'a str,
}

/// What to do about a partition that has committed offsets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExistingOffsets {
    /// It is left alone.
    Keep,
    /// They are replaced: the operator insists.
    Replace,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewind {
    /// The members that the group has now; 0: the engine does not run.
    pub members: usize,
    /// What was done for each partition, in their order.
    pub partitions: Vec<Rewound>,
}

/// What was done for one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewound {
    /// The partition.
    pub partition: PartitionId,
    /// What was done.
    pub outcome: RewindOutcome,
}

/// What was done, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RewindOutcome {
    /// The offsets of the three inputs are committed.
    Set {
        /// The time of the ledger's last event, which is the partition's clock now.
        last_event: Timestamp,
        /// The broker's time from which the inputs are read again.
        to: Timestamp,
        /// The offsets, in the order of [`Input::ALL`].
        offsets: [RewoundOffset; 3],
    },
    /// Nothing was done, since there are committed offsets.
    Kept {
        /// What is committed, by input.
        committed: BTreeMap<Input, i64>,
    },
    /// Nothing was done, since the ledger has no event: the partition starts at the oldest input by itself.
    LedgerEmpty,
}

/// The new offset of one input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RewoundOffset {
    /// The input.
    pub input: Input,
    /// The next offset to be read.
    pub offset: i64,
    /// What was committed before.
    pub before: Option<i64>,
    /// Older records than this one were deleted: the input may lack some that were never rated.
    pub older_deleted: bool,
}

/// Sets the committed offsets of the inputs of each partition, all in one transaction.
///
/// # Errors
///
/// A topic or partition that is not there, a last event that cannot be read, an open transaction in a ledger, and whatever
/// makes the cluster not answer. Nothing is set then, except if the last step, the commit, got no answer: call it again, it
/// says what is committed.
pub fn rewind(config: &ClientConfig, request: &RewindRequest<'_>) -> Result<Rewind, TopicsFailure> {
    let cluster = Cluster::new(config)?;
    let partitions = chosen_partitions(&cluster, request)?;
    let group = cluster.committed_reader(Some(request.group))?;
    let committed = committed_offsets(&group, request, &partitions)?;

    let mut rewound = Vec::with_capacity(partitions.len());
    for partition in partitions {
        let before = committed.get(&partition).cloned().unwrap_or_default();
        let outcome = if request.existing == ExistingOffsets::Keep && !before.is_empty() {
            RewindOutcome::Kept { committed: before }
        } else {
            plan(&cluster, request.prefix, partition, &before)?
        };
        rewound.push(Rewound { partition, outcome });
    }
    commit(&cluster, &group, request, &rewound)?;
    let act = format!("asking for the members of group {}", request.group);
    let groups = group.fetch_group_list(Some(request.group), ANSWER_WITHIN).map_err(TopicsFailure::of(act))?;
    let members = groups.groups().iter().map(|group| group.members().len()).sum();
    Ok(Rewind { members, partitions: rewound })
}

fn chosen_partitions(cluster: &Cluster, request: &RewindRequest<'_>) -> Result<Vec<PartitionId>, TopicsFailure> {
    let names = Input::ALL.map(Input::name).into_iter().chain(["ledger"]);
    let names: Vec<String> = names.map(|name| topic_name(request.prefix, name)).collect();
    let found = cluster.topics(&names)?;
    let mut all = Vec::new();
    for topic in names {
        let Some(partitions) = found.get(&topic).map(|found| found.partitions) else {
            return Err(TopicsFailure::NoTopic { topic });
        };
        if let Some(PartitionId(partition)) = request.partitions.iter().find(|partition| partition.0 >= partitions) {
            return Err(TopicsFailure::NoPartition { partition: *partition, topic, partitions });
        }
        all = (0..partitions).map(PartitionId).collect();
    }
    if request.partitions.is_empty() {
        return Ok(all);
    }
    let mut chosen = request.partitions.to_vec();
    chosen.sort();
    chosen.dedup();
    Ok(chosen)
}

/// What the group has committed, by partition and input.
fn committed_offsets(
    group: &BaseConsumer,
    request: &RewindRequest<'_>,
    partitions: &[PartitionId],
) -> Result<BTreeMap<PartitionId, BTreeMap<Input, i64>>, TopicsFailure> {
    let topics = Input::ALL.map(|input| (input, topic_name(request.prefix, input.name())));
    let mut question = TopicPartitionList::new();
    for (_, topic) in &topics {
        for partition in partitions {
            question.add_partition(topic, kafka_number(*partition));
        }
    }
    let act = format!("asking for the committed offsets of group {}", request.group);
    let answer = group.committed_offsets(question, ANSWER_WITHIN).map_err(TopicsFailure::of(act.as_str()))?;
    let mut committed: BTreeMap<PartitionId, BTreeMap<Input, i64>> = BTreeMap::new();
    for element in answer.elements() {
        element.error().map_err(TopicsFailure::of(act.as_str()))?;
        let input = topics.iter().find(|(_, topic)| topic == element.topic());
        let partition = u32::try_from(element.partition()).map(PartitionId);
        if let (Some((input, _)), Ok(partition), Offset::Offset(offset)) = (input, partition, element.offset()) {
            committed.entry(partition).or_default().insert(*input, offset);
        }
    }
    Ok(committed)
}

/// Finds the offsets for one partition.
fn plan(
    cluster: &Cluster,
    prefix: &str,
    partition: PartitionId,
    before: &BTreeMap<Input, i64>,
) -> Result<RewindOutcome, TopicsFailure> {
    let Some(last_event) = last_event_time(cluster, &topic_name(prefix, "ledger"), partition)? else {
        return Ok(RewindOutcome::LedgerEmpty);
    };
    let to = last_event.checked_sub(REWIND_BEFORE_LAST_EVENT).unwrap_or(Timestamp::UNIX_EPOCH);
    let mut offsets = Input::ALL.map(|input| RewoundOffset {
        input,
        offset: 0,
        before: before.get(&input).copied(),
        older_deleted: false,
    });
    for rewound in &mut offsets {
        let topic = topic_name(prefix, rewound.input.name());
        // The end is asked for before the time: a record that arrives in between is read, not skipped.
        let (oldest, end) = cluster.range(&topic, kafka_number(partition))?;
        let at_time = offset_at(cluster.uncommitted_reader(), &topic, partition, to)?;
        rewound.offset = at_time.unwrap_or(end);
        rewound.older_deleted = oldest > 0 && rewound.offset == oldest;
    }
    Ok(RewindOutcome::Set { last_event, to, offsets })
}

/// The latest time among the last committed events; `None`: there is no committed event.
fn last_event_time(
    cluster: &Cluster,
    ledger: &str,
    partition: PartitionId,
) -> Result<Option<Timestamp>, TopicsFailure> {
    let partition = kafka_number(partition);
    let (oldest, end) = cluster.range(ledger, partition)?;
    let mut tail = LEDGER_TAIL_FIRST;
    loop {
        let from = end.saturating_sub(tail).max(oldest);
        let mut latest: Option<Timestamp> = None;
        cluster.read_committed(ledger, partition, Offset::Offset(from), |message| {
            // An event of due work carries the time at which it was due, which may lie before that of its forerunner.
            latest = latest.max(Some(event_time(&message)?));
            Ok(())
        })?;
        if latest.is_some() || from == oldest {
            return Ok(latest);
        }
        tail = tail.saturating_mul(10);
    }
}

fn event_time(message: &OwnedMessage) -> Result<Timestamp, TopicsFailure> {
    let event: Option<serde_json::Value> = message.payload().and_then(|value| serde_json::from_slice(value).ok());
    let time = event.as_ref().and_then(|event| event.get("time")?.as_str());
    time.and_then(|time| time.parse().ok()).ok_or_else(|| TopicsFailure::Record {
        topic: String::from(message.topic()),
        partition: message.partition(),
        offset: message.offset(),
        detail: String::from("this is not an event with a time"),
    })
}

/// The first offset whose record is of `time` or later by the broker; `None`: all are earlier.
fn offset_at(
    consumer: &BaseConsumer,
    topic: &str,
    partition: PartitionId,
    time: Timestamp,
) -> Result<Option<i64>, TopicsFailure> {
    let act = format!("asking for the offset of {topic}/{partition} at {time}");
    let mut question = TopicPartitionList::new();
    let at = Offset::Offset(time.as_millisecond().max(0));
    question.add_partition_offset(topic, kafka_number(partition), at).map_err(TopicsFailure::of(act.as_str()))?;
    let answer = consumer.offsets_for_times(question, ANSWER_WITHIN).map_err(TopicsFailure::of(act.as_str()))?;
    let elements = answer.elements();
    let element = elements.first().ok_or(KafkaError::NoMessageReceived).map_err(TopicsFailure::of(act.as_str()))?;
    element.error().map_err(TopicsFailure::of(act.as_str()))?;
    match element.offset() {
        Offset::Offset(offset) => Ok(Some(offset)),
        Offset::End => Ok(None),
        // `offsets_for_times` knows no other answer.
        _ => Err(TopicsFailure::of(act)(KafkaError::OffsetFetch(RDKafkaErrorCode::BadMessage))),
    }
}

/// Commits everything that is to be set, or nothing.
fn commit(
    cluster: &Cluster,
    group: &BaseConsumer,
    request: &RewindRequest<'_>,
    rewound: &[Rewound],
) -> Result<(), TopicsFailure> {
    let act = |step: &str| format!("{step} the offsets of group {}", request.group);
    let offsets = offsets_to_commit(request, rewound).map_err(TopicsFailure::of(act("listing")))?;
    if offsets.count() == 0 {
        return Ok(());
    }
    let mut config = cluster.config().clone();
    config.set("transactional.id", format!("{}-offsets-rewind", request.group));
    let producer: BaseProducer = config.create().map_err(TopicsFailure::of(act("creating a producer for")))?;
    producer.init_transactions(ANSWER_WITHIN).map_err(TopicsFailure::of(act("preparing to commit")))?;
    producer.begin_transaction().map_err(TopicsFailure::of(act("preparing to commit")))?;
    // This consumer never joined: its metadata is that of nobody, which is what makes the commit one from outside.
    let nobody = group
        .group_metadata()
        .ok_or(KafkaError::NoMessageReceived)
        .map_err(TopicsFailure::of(act("preparing to commit")))?;
    producer
        .send_offsets_to_transaction(&offsets, &nobody, ANSWER_WITHIN)
        .map_err(TopicsFailure::of(act("sending")))?;
    producer.commit_transaction(ANSWER_WITHIN).map_err(TopicsFailure::of(act("committing")))
}

fn offsets_to_commit(request: &RewindRequest<'_>, rewound: &[Rewound]) -> Result<TopicPartitionList, KafkaError> {
    let mut list = TopicPartitionList::new();
    for Rewound { partition, outcome } in rewound {
        let RewindOutcome::Set { last_event, offsets, .. } = outcome else { continue };
        // The four fields that every committed offset has: transactional id, run, batch, clock of the partition.
        let metadata = format!("rewind/{}/0/{}", request.run_id, last_event.as_millisecond());
        for RewoundOffset { input, offset, .. } in offsets {
            let topic = topic_name(request.prefix, input.name());
            list.add_partition_offset(&topic, kafka_number(*partition), Offset::Offset(*offset))?;
            if let Some(mut element) = list.find_partition(&topic, kafka_number(*partition)) {
                element.set_metadata(&metadata);
            }
        }
    }
    Ok(list)
}

fn kafka_number(partition: PartitionId) -> i32 {
    i32::try_from(partition.0).expect("it was compared with the count of a topic, which is far smaller")
}

impl fmt::Display for Rewind {
    /// A line for each partition and what to do next.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for partition in &self.partitions {
            writeln!(f, "{partition}")?;
        }
        let set = self.partitions.iter().filter(|one| matches!(one.outcome, RewindOutcome::Set { .. })).count();
        write!(f, "{set} of {} partitions rewound; ", self.partitions.len())?;
        match self.members {
            0 => f.write_str("the engine does not run"),
            members => {
                write!(f, "the group has {members} members: a partition that has stopped starts again with its worker")
            }
        }
    }
}

impl fmt::Display for Rewound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "partition {}: ", self.partition)?;
        match &self.outcome {
            RewindOutcome::LedgerEmpty => f.write_str("left alone: its ledger is empty, it starts at the oldest input"),
            RewindOutcome::Kept { committed } => {
                f.write_str("left alone: it has committed offsets (")?;
                for (place, (input, offset)) in committed.iter().enumerate() {
                    let separator = if place == 0 { "" } else { ", " };
                    write!(f, "{separator}{} {offset}", input.name())?;
                }
                f.write_str("); they are replaced only if forced")
            }
            RewindOutcome::Set { last_event, to, offsets } => {
                write!(f, "last event {last_event}, set to {to}:")?;
                for rewound in offsets {
                    write!(f, " {rewound}")?;
                }
                Ok(())
            }
        }
    }
}

impl fmt::Display for RewoundOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.input.name(), self.offset)?;
        if let Some(before) = self.before {
            write!(f, " (was {before})")?;
        }
        if self.older_deleted {
            f.write_str(" (older records are deleted: what was not rated of them is lost)")?;
        }
        Ok(())
    }
}
