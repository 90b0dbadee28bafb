//! [`Transport`] over Kafka.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rdkafka::consumer::Consumer;
use rdkafka::error::KafkaResult;
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{Offset, TopicPartitionList};
use tracing::warn;

use super::super::raw::{self, KafkaPayload, Membership, RecordQueue};
use super::super::settings::KafkaSettings;
use super::super::transport::{
    CommittedOffset, CommittedOffsets, Fetched, FetchedRecord, GroupEvent, Input, InputOffsets, OffsetToCommit,
    OutRecord, Output, Transport, TransportFailure,
};
use super::holdings::Holdings;
use super::member::{self, MemberConsumer, MemberContext};
use super::producer::TransactionalProducer;
use super::watchdog::Watchdog;
use super::{QUESTION_TIMEOUT, TopicNames, fatal, refused, retry, wire_partition};
use crate::core::partition::PartitionId;

/// The consumer, the producer and the watchdog of one worker.
pub struct KafkaTransport {
    settings: KafkaSettings,
    topics: TopicNames,
    transaction_timeout: Duration,
    /// By [`Input::index`]: three, so that a command does not wait behind fetched CDRs. Dropped before the consumer.
    queues: [RecordQueue<MemberContext>; 3],
    /// Empty between calls.
    fetched: Vec<KafkaPayload>,
    consumer: Arc<MemberConsumer>,
    holdings: Holdings,
    /// None after a renewal that failed.
    producer: Option<TransactionalProducer>,
    watchdog: Watchdog,
    /// Set from outside: make the group balance itself. See [`orphans`](super::orphans).
    rejoin: Arc<AtomicBool>,
    /// The group was made to balance itself, by a subscription to one topic more, and has not answered yet.
    rejoining: bool,
}

/// How long leaving the group may take at the end.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the client may take to take note of a seek; it asks no broker for that.
const SEEK_TIMEOUT: Duration = Duration::from_secs(5);

impl KafkaTransport {
    /// Makes the producer, which fences an earlier self, then joins the group.
    ///
    /// # Errors
    ///
    /// `Fatal` for settings that cannot be, `Retry` while the cluster does not answer.
    pub fn connect(settings: KafkaSettings) -> Result<KafkaTransport, TransportFailure> {
        let timeout_ms = settings.transaction_timeout_ms().map_err(refused)?;
        let transaction_timeout = Duration::from_millis(u64::from(timeout_ms));
        let watchdog =
            Watchdog::aborting(transaction_timeout * 2).map_err(|error| fatal("start the watchdog", error))?;
        let topics = TopicNames::new(&settings);
        let producer = make_producer(&settings, &topics, transaction_timeout, &watchdog)?;
        let cdrs = topics.input(Input::Cdrs);
        let consumer = member::consumer(settings.consumer().map_err(refused)?, cdrs, "make the consumer")?;
        let queues = std::array::from_fn(|_| RecordQueue::new(&consumer));
        consumer.subscribe(&[cdrs]).map_err(|error| fatal("join the group", error))?;
        Ok(KafkaTransport {
            settings,
            topics,
            transaction_timeout,
            queues,
            fetched: Vec::new(),
            consumer,
            holdings: Holdings::default(),
            producer: Some(producer),
            watchdog,
            rejoin: Arc::default(),
            rejoining: false,
        })
    }

    /// Set by [`OrphanWatch`](super::OrphanWatch): the group shall balance itself.
    pub fn rejoin_request(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.rejoin)
    }

    /// A member that comes back with the same subscription changes nothing in the group, and there is no call to ask for a
    /// rebalance. Another subscription does bring one about, and nobody's partitions move for it: so one more topic, which
    /// nothing is ever read from, until the group has answered.
    fn rejoin(&mut self) -> Result<(), TransportFailure> {
        let topics = [self.topics.input(Input::Cdrs), &self.topics.owners];
        self.consumer.subscribe(&topics).map_err(|error| fatal("rejoin the group", error))?;
        self.rejoining = true;
        Ok(())
    }

    /// Notes what the client has to tell.
    fn serve(&mut self) -> Result<(), TransportFailure> {
        for notice in member::serve(&self.consumer)? {
            self.holdings.note(notice);
        }
        Ok(())
    }

    /// Changes what the client reads. During a rebalance that also answers it and lets all partitions go on: from the right
    /// place, which the client does not know (see the module's page).
    fn reassign(
        &mut self,
        act: &'static str,
        change: impl FnOnce(&MemberConsumer) -> KafkaResult<()>,
    ) -> Result<(), TransportFailure> {
        self.serve()?;
        if self.holdings.is_rebalancing() {
            self.restate_positions(act)?;
        }
        change(&self.consumer).map_err(|error| fatal(act, error))
    }

    /// Stops reading, and waits until the client has done so: it takes the partition from our queue when it stops, and
    /// would do that after a start that follows at once, whose records then came to nobody.
    fn unassign(&mut self, act: &'static str, list: &TopicPartitionList) -> Result<(), TransportFailure> {
        self.reassign(act, |consumer| consumer.incremental_unassign(list))?;
        member::settle(&self.consumer, act)
    }

    fn restate_positions(&self, act: &'static str) -> Result<(), TransportFailure> {
        let mut list = TopicPartitionList::new();
        for (partition, offsets) in self.holdings.positions() {
            self.list_inputs(&mut list, partition, offsets).map_err(|error| fatal(act, error))?;
        }
        if list.count() == 0 {
            return Ok(());
        }
        // A partition that has stopped with a fault cannot be sought, and says so itself.
        self.consumer.seek_partitions(list, SEEK_TIMEOUT).map(|_| ()).map_err(|error| fatal(act, error))
    }

    fn list_inputs(
        &self,
        list: &mut TopicPartitionList,
        partition: PartitionId,
        offsets: InputOffsets,
    ) -> KafkaResult<()> {
        Input::ALL.iter().try_for_each(|input| {
            let offset = Offset::Offset(offsets[input.index()]);
            list.add_partition_offset(self.topics.input(*input), wire_partition(partition), offset)
        })
    }

    /// The inputs of partitions, without offsets.
    fn named(&self, partitions: &[PartitionId]) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        for partition in partitions {
            for input in Input::ALL {
                list.add_partition(self.topics.input(input), wire_partition(*partition));
            }
        }
        list
    }

    fn producer(&mut self, act: &'static str) -> Result<(&mut TransactionalProducer, &Watchdog), TransportFailure> {
        match &mut self.producer {
            Some(producer) => Ok((producer, &self.watchdog)),
            None => Err(TransportFailure::Unknown { act, detail: "the producer was not renewed".into() }),
        }
    }

    /// What a message of `input` says to the worker; nothing for a partition that is not read any more.
    fn judge(&mut self, input: Input, message: KafkaPayload) -> Option<Fetched<KafkaPayload>> {
        let partition = PartitionId(u32::try_from(message.partition()).ok()?);
        let offset = message.offset();
        match message.error() {
            None => self.holdings.advance(partition, input, offset + 1).then(|| {
                // A producer's time would become the partition's clock, which never goes back.
                let Some(timestamp_ms) = message.append_time_ms() else {
                    let topic = self.topics.input(input);
                    let message = format!(
                        "the record at offset {offset} of {topic} has its producer's time: set message.timestamp.type of the \
                         topic to LogAppendTime (see `tollkeeper topics check`), delete such records and send them again"
                    );
                    return Fetched::Fault { input, partition, message };
                };
                Fetched::Record(FetchedRecord { input, partition, offset, timestamp_ms, payload: message })
            }),
            Some(RDKafkaErrorCode::PartitionEOF) => {
                let read = self.holdings.advance(partition, input, offset);
                read.then_some(Fetched::End { input, partition, position: offset })
            }
            Some(code) if stops_a_partition(code) => {
                let next = self.holdings.position(partition)?[input.index()];
                let position = if offset >= 0 { offset } else { next };
                let message = self.fault(input, partition, position, code, &message.text());
                Some(Fetched::Fault { input, partition, message })
            }
            Some(code) => {
                let topic = self.topics.input(input);
                warn!(topic, partition = partition.0, "the consumer goes on after: {} ({code:?})", message.text());
                None
            }
        }
    }

    /// Names topic, partition and what is lost of it.
    fn fault(&self, input: Input, partition: PartitionId, position: i64, code: RDKafkaErrorCode, said: &str) -> String {
        let topic = self.topics.input(input);
        let mut message = format!("{topic}/{partition} cannot be read from offset {position} on: ");
        if !is_out_of_range(code) {
            let _ = write!(message, "{said} ({code:?})");
            return message;
        }
        // Writing to a string cannot fail.
        let _ = match self.consumer.fetch_watermarks(topic, wire_partition(partition), QUESTION_TIMEOUT) {
            Ok((low, _)) if position < low => {
                write!(message, "the records {position} to {} are lost, the topic begins at {low}", low - 1)
            }
            Ok((low, high)) => write!(
                message,
                "the topic holds offsets {low} to {high} (exclusive) only; it was truncated, or deleted and created again"
            ),
            Err(error) => write!(message, "the offset is out of range, and the range cannot be asked for: {error}"),
        };
        message
    }
}

/// Errors after which the client does not read on, or would say the same for ever.
pub(super) fn stops_a_partition(code: RDKafkaErrorCode) -> bool {
    is_out_of_range(code)
        || matches!(
            code,
            RDKafkaErrorCode::UnknownTopic
                | RDKafkaErrorCode::UnknownPartition
                | RDKafkaErrorCode::UnknownTopicOrPartition
                | RDKafkaErrorCode::TopicAuthorizationFailed
                | RDKafkaErrorCode::BadMessage
                | RDKafkaErrorCode::InvalidMessage
                | RDKafkaErrorCode::BadCompression
                | RDKafkaErrorCode::NotImplemented
        )
}

fn is_out_of_range(code: RDKafkaErrorCode) -> bool {
    matches!(code, RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange)
}

fn make_producer(
    settings: &KafkaSettings,
    topics: &TopicNames,
    timeout: Duration,
    watchdog: &Watchdog,
) -> Result<TransactionalProducer, TransportFailure> {
    let _watch = watchdog.watch("make the producer");
    TransactionalProducer::new(settings.producer().map_err(refused)?, topics.outputs.to_vec(), timeout)
}

/// Asks for the committed offsets of the three inputs of partitions, in the order of `partitions`.
pub(super) fn committed(
    consumer: &MemberConsumer,
    inputs: &[String; 3],
    partitions: &[PartitionId],
    timeout: Duration,
) -> Result<Vec<CommittedOffsets>, TransportFailure> {
    const ACT: &str = "read the committed offsets";
    let mut list = TopicPartitionList::new();
    for partition in partitions {
        for topic in inputs {
            list.add_partition(topic, wire_partition(*partition));
        }
    }
    let mut answers = vec![CommittedOffsets::default(); partitions.len()];
    if partitions.is_empty() {
        return Ok(answers);
    }
    for listed in raw::committed(consumer, &list, timeout).map_err(|code| retry(ACT, code))? {
        if let Some(code) = listed.error {
            return Err(retry(ACT, format!("{}/{}: {code}", listed.topic, listed.partition)));
        }
        let partition = partitions.iter().position(|asked| wire_partition(*asked) == listed.partition);
        let input = inputs.iter().position(|topic| *topic == listed.topic);
        let (Some(partition), Some(input)) = (partition, input) else {
            continue;
        };
        answers[partition][input] =
            (listed.offset >= 0).then_some(CommittedOffset { offset: listed.offset, metadata: listed.metadata });
    }
    Ok(answers)
}

impl Transport for KafkaTransport {
    type Payload = KafkaPayload;
    type Membership = Membership;

    fn transactional_id(&self) -> &str {
        &self.settings.transactional_id
    }

    fn poll_group(&mut self) -> Result<Option<GroupEvent>, TransportFailure> {
        self.serve()?;
        if self.rejoin.swap(false, Ordering::AcqRel) {
            self.rejoin()?;
        }
        Ok(self.holdings.next_event())
    }

    fn fetch(
        &mut self,
        input: Input,
        max: usize,
        wait: Duration,
        into: &mut Vec<Fetched<KafkaPayload>>,
    ) -> Result<(), TransportFailure> {
        let mut fetched = std::mem::take(&mut self.fetched);
        self.queues[input.index()].take(max, wait, &mut fetched);
        into.reserve(fetched.len());
        into.extend(fetched.drain(..).filter_map(|message| self.judge(input, message)));
        self.fetched = fetched;
        Ok(())
    }

    fn accept_assignment(&mut self) -> Result<(), TransportFailure> {
        let nothing = TopicPartitionList::new();
        self.reassign("accept the assignment", |consumer| consumer.incremental_assign(&nothing))?;
        self.holdings.answered();
        if std::mem::take(&mut self.rejoining) {
            let topics = [self.topics.input(Input::Cdrs)];
            self.consumer.subscribe(&topics).map_err(|error| fatal("rejoin the group", error))?;
        }
        Ok(())
    }

    fn start(&mut self, partition: PartitionId, at: InputOffsets) -> Result<(), TransportFailure> {
        const ACT: &str = "start a partition";
        assert!(self.holdings.is_held(partition), "partition {partition} is started without being assigned");
        assert!(self.holdings.position(partition).is_none(), "partition {partition} is started twice");
        let mut list = TopicPartitionList::new();
        self.list_inputs(&mut list, partition, at).map_err(|error| fatal(ACT, error))?;
        for input in Input::ALL {
            self.queues[input.index()].forward(self.topics.input(input), wire_partition(partition));
        }
        self.reassign(ACT, |consumer| consumer.incremental_assign(&list))?;
        self.holdings.started(partition, at);
        Ok(())
    }

    fn stop(&mut self, partition: PartitionId) -> Result<(), TransportFailure> {
        if self.holdings.position(partition).is_none() {
            return Ok(());
        }
        let list = self.named(&[partition]);
        self.unassign("stop a partition", &list)?;
        self.holdings.stopped(partition);
        // This may have answered a revocation: see `Holdings::crossed`.
        self.serve()?;
        self.holdings.crossed();
        Ok(())
    }

    fn seek(&mut self, partition: PartitionId, to: InputOffsets) -> Result<(), TransportFailure> {
        const ACT: &str = "seek";
        assert!(self.holdings.position(partition).is_some(), "partition {partition} is sought without being started");
        let mut list = TopicPartitionList::new();
        self.list_inputs(&mut list, partition, to).map_err(|error| fatal(ACT, error))?;
        // The call raises the version of each partition at once, here in this thread: whatever was fetched before is
        // thrown away when it is taken from our queue, however far it has come.
        let sought = self.consumer.seek_partitions(list, SEEK_TIMEOUT).map_err(|error| fatal(ACT, error))?;
        if sought.elements().iter().all(|element| element.error().is_ok()) {
            self.holdings.started(partition, to);
            return Ok(());
        }
        // An input of it has stopped with a fault, and cannot be sought: it starts anew, and will say its fault again.
        self.stop(partition)?;
        self.start(partition, to)
    }

    fn give_up(&mut self, partitions: &[PartitionId]) -> Result<(), TransportFailure> {
        let started: Vec<PartitionId> =
            partitions.iter().copied().filter(|partition| self.holdings.position(*partition).is_some()).collect();
        let list = self.named(&started);
        self.unassign("give partitions up", &list)?;
        for partition in partitions {
            self.holdings.given_up(*partition);
        }
        self.holdings.answered();
        Ok(())
    }

    fn membership(&mut self) -> Option<Membership> {
        // A loss that waits in the queue counts. A failure here will come again with the next poll.
        self.serve().ok()?;
        let membership = Membership::of(&self.consumer)?;
        let valid = membership.generation() >= 0
            && self.holdings.may_commit_as(membership.member_id())
            && !self.consumer.assignment_lost()
            && self.consumer.client().fatal_error().is_none();
        valid.then_some(membership)
    }

    fn begin(&mut self) -> Result<(), TransportFailure> {
        let (producer, watchdog) = self.producer("begin the transaction")?;
        let _watch = watchdog.watch("begin the transaction");
        producer.begin()
    }

    fn publish(
        &mut self,
        output: Output,
        partition: PartitionId,
        records: &mut Vec<OutRecord>,
    ) -> Result<(), TransportFailure> {
        let (producer, watchdog) = self.producer("publish")?;
        let _watch = watchdog.watch("publish");
        let published = producer.publish(output, wire_partition(partition), records);
        records.clear();
        published
    }

    fn send_offsets(&mut self, membership: &Membership, offsets: &[OffsetToCommit]) -> Result<(), TransportFailure> {
        const ACT: &str = "send the offsets";
        let mut list = TopicPartitionList::with_capacity(offsets.len());
        for offset in offsets {
            let mut element = list.add_partition(self.topics.input(offset.input), wire_partition(offset.partition));
            element.set_offset(Offset::Offset(offset.offset)).map_err(|error| fatal(ACT, error))?;
            element.set_metadata(&*offset.metadata);
        }
        let (producer, watchdog) = self.producer(ACT)?;
        let _watch = watchdog.watch(ACT);
        producer.send_offsets(membership, &list)
    }

    fn commit(&mut self) -> Result<(), TransportFailure> {
        let (producer, watchdog) = self.producer("commit")?;
        let _watch = watchdog.watch("commit");
        producer.commit()
    }

    fn abort(&mut self) -> Result<(), TransportFailure> {
        let (producer, watchdog) = self.producer("abort")?;
        let _watch = watchdog.watch("abort");
        producer.abort()
    }

    fn renew_producer(&mut self) -> Result<(), TransportFailure> {
        // Dropped first, its records are purged: two producers of one transactional id would fence each other.
        self.producer = None;
        let made = make_producer(&self.settings, &self.topics, self.transaction_timeout, &self.watchdog)?;
        self.producer = Some(made);
        Ok(())
    }

    fn committed(&mut self, partitions: &[PartitionId]) -> Result<Vec<CommittedOffsets>, TransportFailure> {
        committed(&self.consumer, &self.topics.inputs, partitions, QUESTION_TIMEOUT)
    }

    fn known_end(&mut self, input: Input, partition: PartitionId) -> Option<i64> {
        raw::known_high_watermark(&self.consumer, self.topics.input(input), wire_partition(partition))
    }

    fn close(&mut self) -> Result<(), TransportFailure> {
        self.producer = None;
        member::close(&self.consumer, CLOSE_TIMEOUT)
    }
}

impl Drop for KafkaTransport {
    fn drop(&mut self) {
        // Without `close` the consumer leaves the group in its own drop, and waits there for an answer to the revocation.
        self.consumer.context().answer_at_once();
    }
}
