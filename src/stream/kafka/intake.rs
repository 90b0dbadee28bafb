//! The thread of one input of the intake: one consumer, one transactional producer, a group of its own.
//!
//! Exactly once, with less machinery than a worker has, since there is no state to keep: whatever goes wrong, the clients are
//! dropped and made anew. `init_transactions` then ends what was open, one way or the other, and the committed offsets tell
//! where to go on, so an unknown outcome needs no answer of its own. A rebalance aborts what is open, for the same reason.
//! (The group is balanced eagerly: its members start from the committed offsets each time, and nothing is handed over.)
//!
//! A zombie is fenced twice: by its transactional id, and where another node took its partitions, by the membership that goes
//! with the offsets of every transaction. Every transaction has records, so every one has offsets.
//!
//! A group that has no committed offset begins at the oldest record: the engine knows the calls that it has debited. A
//! committed offset whose record was deleted ends the process with the lost range, as in a worker.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use rdkafka::consumer::Consumer;
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{Offset, TopicPartitionList};
use tracing::warn;

use super::super::intake::{ForeignRecord, Intake, IntakeBatch, IntakeOutput};
use super::super::raw::{self, KafkaPayload, Membership, RecordQueue};
use super::super::runner::{Clock, RunningWorker, stepped_at};
use super::super::settings::KafkaSettings;
use super::super::transport::TransportFailure;
use super::holdings::Notice;
use super::member::{self, MemberConsumer, MemberContext};
use super::producer::TransactionalProducer;
use super::transport::stops_a_partition;
use super::watchdog::Watchdog;
use super::{QUESTION_TIMEOUT, fatal, refused, retry, wire_partition};
use crate::internal_events::{IntakeBeganAnew, IntakeJoined, IntakeLeft};
use crate::metrics::Metrics;

/// Records that are taken at a time; decoding them takes far less than a commit interval.
const FETCH_RECORDS_MAX: usize = 500;
/// How long an idle input waits for a record before it looks for anything else to do.
const IDLE_WAIT: Duration = Duration::from_millis(5);
/// How long it waits before it asks again for offsets that are not stable.
const UNSTABLE_WAIT: Duration = Duration::from_millis(20);
/// How long leaving the group may take at the end.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);
/// Failures without a commit between them after which the thread ends, and the process with it.
const FAILURES_IN_A_ROW_MAX: u32 = 20;
/// The pause after the first failure; it doubles up to 2.56 s.
const PAUSE_FIRST: Duration = Duration::from_millis(10);
const PAUSE_DOUBLINGS_MAX: u32 = 8;

/// What the thread of an input is made of.
pub struct IntakeParts {
    /// What it does with a record.
    pub intake: Intake,
    /// Its clients: group, transactional id and instance id are its own.
    pub settings: KafkaSettings,
    /// Its number among the workers of the process, for health.
    pub worker: u32,
    /// A transaction is committed at this many records at the latest.
    pub batch_records_max: usize,
    /// A transaction is committed after this time at the latest.
    pub commit_interval: Duration,
    /// Shared by the process.
    pub metrics: Arc<Metrics>,
}

/// Starts the thread. It ends when `stop` is set, after a last commit, or when it cannot go on.
///
/// # Panics
/// If the system gives no thread.
pub fn spawn_intake(parts: IntakeParts, clock: Clock, stop: Arc<AtomicBool>) -> RunningWorker {
    let run = move || {
        let result = parts.run(&clock, &stop);
        parts.metrics.health().worker_ended(parts.worker);
        result
    };
    RunningWorker::of(thread::Builder::new().name("intake".into()).spawn(run).expect("the system has a thread left"))
}

impl IntakeParts {
    fn run(&self, clock: &Clock, stop: &AtomicBool) -> Result<(), TransportFailure> {
        let mut in_a_row = 0;
        while !stop.load(Ordering::Acquire) {
            self.stepped(clock);
            let mut committed = false;
            let failure = match self.session(clock, stop, &mut committed) {
                Ok(()) => return Ok(()),
                Err(failure @ TransportFailure::Fatal { .. }) => return Err(failure),
                Err(failure) => failure,
            };
            in_a_row = if committed { 1 } else { in_a_row + 1 };
            if in_a_row > FAILURES_IN_A_ROW_MAX {
                return Err(failure);
            }
            let pause = PAUSE_FIRST.saturating_mul(1 << (in_a_row - 1).min(PAUSE_DOUBLINGS_MAX));
            IntakeBeganAnew { topic: self.intake.topic(), failure: &failure, in_a_row, pause }.emit(&self.metrics);
            thread::sleep(pause);
        }
        Ok(())
    }

    /// From a new pair of clients until it is told to stop, or anything fails.
    fn session(&self, clock: &Clock, stop: &AtomicBool, committed: &mut bool) -> Result<(), TransportFailure> {
        let mut link = Link::connect(&self.settings, self.intake.topic())?;
        let mut open: Option<Open> = None;
        let mut fetched = Vec::new();
        while !stop.load(Ordering::Acquire) {
            self.stepped(clock);
            if self.follow_group(&mut link)? {
                link.abort(open.take())?;
            }
            link.take(&mut fetched);
            for message in fetched.drain(..) {
                let Some(offset) = link.judge(&message)? else { continue };
                if open.is_none() {
                    link.begin()?;
                }
                let open = open.get_or_insert_with(|| Open::new(clock.now().monotonic));
                self.intake.take(foreign(&message), &mut open.batch);
                open.offsets.insert(message.partition(), offset + 1);
                open.records += 1;
            }
            let Some(batch) = &mut open else { continue };
            link.publish(&mut batch.batch)?;
            let age = clock.now().monotonic.saturating_sub(batch.began);
            if batch.records >= self.batch_records_max || age >= self.commit_interval {
                self.commit(&mut link, open.take())?;
                *committed = true;
            }
        }
        self.commit(&mut link, open)?;
        link.close()
    }

    fn commit(&self, link: &mut Link, open: Option<Open>) -> Result<(), TransportFailure> {
        let Some(open) = open else { return Ok(()) };
        link.commit(&open.offsets)?;
        self.metrics.intake_committed(open.batch.counts());
        Ok(())
    }

    /// Does what the group says. True: what is open has to be aborted, since its records may be another member's now.
    fn follow_group(&self, link: &mut Link) -> Result<bool, TransportFailure> {
        let topic = self.intake.topic();
        let mut changed = false;
        for notice in member::serve(&link.consumer)? {
            changed = true;
            match notice {
                Notice::Assigned { partitions, member_id } => {
                    link.member_id = member_id;
                    link.waiting = Some(partitions.iter().map(|partition| wire_partition(*partition)).collect());
                }
                Notice::Revoked(_) => {
                    link.unassign()?;
                    IntakeLeft { topic, lost: false }.emit(&self.metrics);
                }
                Notice::Lost(_) => {
                    link.unassign()?;
                    IntakeLeft { topic, lost: true }.emit(&self.metrics);
                }
            }
        }
        if let Some(partitions) = link.assign_when_stable()? {
            IntakeJoined { worker: self.worker, topic, partitions: &partitions }.emit(&self.metrics);
        }
        Ok(changed)
    }

    fn stepped(&self, clock: &Clock) {
        self.metrics.health().worker_stepped(self.worker, stepped_at(clock, clock.now()));
    }
}

/// A transaction that is open.
struct Open {
    batch: IntakeBatch,
    /// The next offset of each partition that records were taken from.
    offsets: BTreeMap<i32, i64>,
    records: usize,
    /// By the monotonic clock.
    began: Duration,
}

impl Open {
    fn new(began: Duration) -> Open {
        Open { batch: IntakeBatch::default(), offsets: BTreeMap::new(), records: 0, began }
    }
}

fn foreign(message: &KafkaPayload) -> ForeignRecord<'_> {
    let at = Timestamp::from_millisecond(message.topic_time_ms().max(0)).unwrap_or(Timestamp::UNIX_EPOCH);
    let partition = u32::try_from(message.partition()).expect("the partition of a record is not negative");
    ForeignRecord { partition, offset: message.offset(), at, value: message.as_ref() }
}

/// The clients of one session.
struct Link {
    topic: String,
    /// Dropped before the consumer.
    queue: RecordQueue<MemberContext>,
    consumer: Arc<MemberConsumer>,
    producer: TransactionalProducer,
    watchdog: Watchdog,
    /// Ours when the partitions were received.
    member_id: String,
    /// Given to us, and not read until their committed offsets are stable.
    waiting: Option<Vec<i32>>,
    /// The next offset of each partition that is read; before it is an older life of the partition.
    next: BTreeMap<i32, i64>,
}

impl Link {
    /// Makes the producer, which fences an earlier self and ends what it left open, then joins the group.
    fn connect(settings: &KafkaSettings, topic: &str) -> Result<Link, TransportFailure> {
        let timeout_ms = settings.transaction_timeout_ms().map_err(refused)?;
        let timeout = Duration::from_millis(u64::from(timeout_ms));
        let watchdog = Watchdog::aborting(timeout * 2).map_err(|error| fatal("start the watchdog", error))?;
        let producer = {
            let _watch = watchdog.watch("make the producer");
            let topics = IntakeOutput::ALL.map(|output| settings.topic(output.name()));
            TransactionalProducer::new(settings.producer().map_err(refused)?, topics.into(), timeout)?
        };
        let mut of_consumer = settings.consumer().map_err(refused)?;
        // Eager: see the page of this module.
        of_consumer.insert("partition.assignment.strategy".into(), "range".into());
        let consumer = member::consumer(of_consumer, topic, "make the consumer")?;
        there_is(&consumer, topic)?;
        let queue = RecordQueue::new(&consumer);
        consumer.subscribe(&[topic]).map_err(|error| fatal("join the group", error))?;
        Ok(Link {
            topic: topic.into(),
            queue,
            consumer,
            producer,
            watchdog,
            member_id: String::new(),
            waiting: None,
            next: BTreeMap::new(),
        })
    }

    /// Reads what the group gave us from its committed offsets on, as soon as no other member's transaction touches them.
    fn assign_when_stable(&mut self) -> Result<Option<Vec<u32>>, TransportFailure> {
        const ACT: &str = "start reading";
        let Some(partitions) = &self.waiting else { return Ok(None) };
        let offsets = match self.committed(partitions) {
            Ok(offsets) => offsets,
            Err(TransportFailure::Retry { detail, .. }) => {
                tracing::debug!(topic = self.topic, detail, "the committed offsets are not stable yet");
                thread::sleep(UNSTABLE_WAIT);
                return Ok(None);
            }
            Err(failure) => return Err(failure),
        };
        let mut list = TopicPartitionList::new();
        for (partition, offset) in &offsets {
            self.queue.forward(&self.topic, *partition);
            let from = offset.map_or(Offset::Beginning, Offset::Offset);
            list.add_partition_offset(&self.topic, *partition, from).map_err(|error| fatal(ACT, error))?;
        }
        self.consumer.assign(&list).map_err(|error| fatal(ACT, error))?;
        self.next = offsets.iter().map(|(partition, offset)| (*partition, offset.unwrap_or(0))).collect();
        self.waiting = None;
        Ok(Some(offsets.keys().filter_map(|partition| u32::try_from(*partition).ok()).collect()))
    }

    fn committed(&self, partitions: &[i32]) -> Result<BTreeMap<i32, Option<i64>>, TransportFailure> {
        const ACT: &str = "read the committed offsets";
        if partitions.is_empty() {
            return Ok(BTreeMap::new());
        }
        let mut list = TopicPartitionList::new();
        for partition in partitions {
            list.add_partition(&self.topic, *partition);
        }
        let mut offsets = BTreeMap::new();
        for listed in raw::committed(&self.consumer, &list, QUESTION_TIMEOUT).map_err(|code| retry(ACT, code))? {
            if let Some(code) = listed.error {
                return Err(retry(ACT, format!("{}/{}: {code}", listed.topic, listed.partition)));
            }
            offsets.insert(listed.partition, (listed.offset >= 0).then_some(listed.offset));
        }
        Ok(offsets)
    }

    fn unassign(&mut self) -> Result<(), TransportFailure> {
        const ACT: &str = "give partitions back";
        self.waiting = None;
        self.next.clear();
        self.consumer.unassign().map_err(|error| fatal(ACT, error))?;
        member::settle(&self.consumer, ACT)?;
        // What was fetched goes with its queue: a record of the life before must not be taken for one of the next.
        self.queue = RecordQueue::new(&self.consumer);
        Ok(())
    }

    fn take(&mut self, fetched: &mut Vec<KafkaPayload>) {
        self.queue.take(FETCH_RECORDS_MAX, IDLE_WAIT, fetched);
    }

    /// The offset of a record that is to be taken; nothing for what is none, or is not ours.
    fn judge(&mut self, message: &KafkaPayload) -> Result<Option<i64>, TransportFailure> {
        let Some(next) = self.next.get_mut(&message.partition()) else { return Ok(None) };
        match message.error() {
            None if message.offset() < *next => Ok(None),
            None => {
                *next = message.offset() + 1;
                Ok(Some(message.offset()))
            }
            Some(RDKafkaErrorCode::PartitionEOF) => Ok(None),
            Some(code) if stops_a_partition(code) => {
                let (topic, partition) = (&self.topic, message.partition());
                let detail = format!(
                    "{topic}/{partition} cannot be read from offset {next} on: {} ({code:?}); if its records were deleted, \
                     delete the committed offset of the group to go on at the oldest one",
                    message.text()
                );
                Err(fatal("read", detail))
            }
            Some(code) => {
                warn!(topic = self.topic, "the consumer goes on after: {} ({code:?})", message.text());
                Ok(None)
            }
        }
    }

    fn begin(&mut self) -> Result<(), TransportFailure> {
        let _watch = self.watchdog.watch("begin the transaction");
        self.producer.begin()
    }

    fn publish(&mut self, batch: &mut IntakeBatch) -> Result<(), TransportFailure> {
        let _watch = self.watchdog.watch("publish");
        for (output, partition, records) in batch.pending() {
            let place = match output {
                IntakeOutput::Cdrs => 0,
                IntakeOutput::Quarantine => 1,
            };
            self.producer.publish_to(place, wire_partition(partition), records)?;
            records.clear();
        }
        Ok(())
    }

    fn commit(&mut self, offsets: &BTreeMap<i32, i64>) -> Result<(), TransportFailure> {
        const ACT: &str = "send the offsets";
        let membership = self.membership()?;
        let mut list = TopicPartitionList::with_capacity(offsets.len());
        for (partition, offset) in offsets {
            let offset = Offset::Offset(*offset);
            list.add_partition_offset(&self.topic, *partition, offset).map_err(|error| fatal(ACT, error))?;
        }
        {
            let _watch = self.watchdog.watch(ACT);
            self.producer.send_offsets(&membership, &list)?;
        }
        let _watch = self.watchdog.watch("commit");
        self.producer.commit()
    }

    /// The very object that is sent with the offsets, if it is that of a member which received what it read. (A member that
    /// was thrown out has an empty id and the generation -1, which a broker takes for a plain commit.)
    fn membership(&self) -> Result<Membership, TransportFailure> {
        let membership = Membership::of(&self.consumer).filter(|membership| {
            membership.generation() >= 0
                && !membership.member_id().is_empty()
                && membership.member_id() == self.member_id
                && !self.consumer.assignment_lost()
                && self.consumer.client().fatal_error().is_none()
        });
        membership.ok_or(TransportFailure::Abort { act: "commit", detail: "no valid membership".into() })
    }

    fn abort(&mut self, open: Option<Open>) -> Result<(), TransportFailure> {
        if open.is_none() {
            return Ok(());
        }
        let _watch = self.watchdog.watch("abort");
        self.producer.abort()
    }

    fn close(self) -> Result<(), TransportFailure> {
        member::close(&self.consumer, CLOSE_TIMEOUT)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        // Without `close` the consumer leaves the group in its own drop, and waits there for an answer to the revocation.
        self.consumer.context().answer_at_once();
    }
}

/// The topic exists; else the consumer would wait for it in silence.
fn there_is(consumer: &MemberConsumer, topic: &str) -> Result<(), TransportFailure> {
    const ACT: &str = "look for the input topic";
    let metadata = consumer.fetch_metadata(Some(topic), QUESTION_TIMEOUT).map_err(|error| retry(ACT, error))?;
    match metadata.topics().first().and_then(|found| found.error()) {
        Some(code) => Err(retry(ACT, format!("{topic}: {}", RDKafkaErrorCode::from(code)))),
        None => Ok(()),
    }
}
