//! Topics of a real Kafka as a test writes and reads them.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::broker::Broker;
use super::deadline::Deadline;

const ASK_WITHIN: Duration = Duration::from_secs(30);

/// One committed record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogRecord {
    /// The partition.
    pub partition: i32,
    /// The offset in it.
    pub offset: i64,
    /// Milliseconds since the epoch, as the topic has it.
    pub timestamp_ms: i64,
    /// The key; empty if there is none.
    pub key: Vec<u8>,
    /// The value; empty if there is none.
    pub value: Vec<u8>,
}

/// How far a partition has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    /// The next offset to be written.
    pub high_watermark: i64,
    /// The first offset of the oldest open transaction, or the high watermark.
    pub last_stable: i64,
}

/// Runs an admin call to its end.
pub fn wait_for<T>(call: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime of this thread").block_on(call)
}

/// A client for admin calls.
pub fn admin(broker: &Broker) -> AdminClient<DefaultClientContext> {
    broker.client().create().expect("the settings are valid")
}

/// Creates a topic of one replica with these settings; it is there when this returns.
pub fn create_topic(broker: &Broker, name: &str, partitions: u32, settings: &[(&str, &str)]) {
    let partitions = i32::try_from(partitions).expect("few partitions");
    let mut topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
    for (key, value) in settings {
        topic = topic.set(key, value);
    }
    let results =
        wait_for(admin(broker).create_topics(&[topic], &AdminOptions::new().operation_timeout(Some(ASK_WITHIN))));
    for result in results.expect("the broker answers") {
        result.expect("the topic is new and its settings are valid");
    }
}

/// A producer without transactions; a record is safe after [`flush`].
pub fn producer(broker: &Broker) -> BaseProducer {
    broker
        .client()
        .set("linger.ms", "5")
        .set("acks", "all")
        .set("message.max.bytes", "20000000")
        .create()
        .expect("the settings are valid")
}

/// Queues a record for a partition; an empty key is none.
pub fn produce(producer: &BaseProducer, topic: &str, partition: u32, key: &[u8], value: &[u8]) {
    let partition = i32::try_from(partition).expect("few partitions");
    let mut record: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(topic).partition(partition).payload(value);
    if !key.is_empty() {
        record = record.key(key);
    }
    loop {
        match producer.send(record) {
            Ok(()) => return,
            Err((KafkaError::MessageProduction(rdkafka::types::RDKafkaErrorCode::QueueFull), back)) => {
                record = back;
                producer.poll(Duration::from_millis(10));
            }
            Err((fault, _)) => panic!("a record for {topic} was not taken: {fault}"),
        }
    }
}

/// Waits until every queued record is written.
pub fn flush(producer: &BaseProducer) {
    producer.flush(ASK_WITHIN).expect("the broker takes the records");
}

/// High watermark and last stable offset of every partition of `topic`.
pub fn ends(broker: &Broker, topic: &str) -> BTreeMap<i32, Ends> {
    let (uncommitted, committed) = (reader(broker, "read_uncommitted"), reader(broker, "read_committed"));
    let mut ends = BTreeMap::new();
    for partition in partitions(&uncommitted, topic) {
        // The stable end first: the other can only have grown since, so stable <= high always holds.
        let (_, last_stable) = committed.fetch_watermarks(topic, partition, ASK_WITHIN).expect("the broker answers");
        let (_, high_watermark) =
            uncommitted.fetch_watermarks(topic, partition, ASK_WITHIN).expect("the broker answers");
        ends.insert(partition, Ends { high_watermark, last_stable });
    }
    ends
}

/// Every committed record of `topic`, from its beginning to the high watermark at the time of the call, by partition
/// and offset.
///
/// # Panics
///
/// If a transaction stays open below that high watermark, or the records do not come, until `within` has passed.
pub fn read_committed(broker: &Broker, topic: &str, within: Duration) -> Vec<LogRecord> {
    let deadline = Deadline::after(within);
    let targets: BTreeMap<i32, i64> =
        ends(broker, topic).into_iter().map(|(partition, ends)| (partition, ends.high_watermark)).collect();
    wait_until_stable(broker, topic, &targets, deadline);
    let consumer = reader(broker, "read_committed");
    // Without it the client learns who leads the partitions by a look that it takes once a second.
    partitions(&consumer, topic);
    let mut assignment = TopicPartitionList::new();
    for partition in targets.keys() {
        assignment.add_partition_offset(topic, *partition, Offset::Beginning).expect("an offset of an assignment");
    }
    consumer.assign(&assignment).expect("the partitions exist");
    let mut records = Vec::new();
    // An end that is told after the target was stable lies at or behind the target.
    let mut ended = std::collections::BTreeSet::new();
    while ended.len() < targets.len() {
        assert!(!deadline.passed(), "{topic}: partitions {ended:?} of {targets:?} were read within {within:?}");
        match consumer.poll(Duration::from_millis(200)) {
            None => {}
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                ended.insert(partition);
            }
            Some(Err(fault)) => panic!("{topic} cannot be read: {fault}"),
            Some(Ok(message)) => records.push(LogRecord {
                partition: message.partition(),
                offset: message.offset(),
                timestamp_ms: message.timestamp().to_millis().unwrap_or(-1),
                key: message.key().unwrap_or_default().to_vec(),
                value: message.payload().unwrap_or_default().to_vec(),
            }),
        }
    }
    records.sort_by_key(|record| (record.partition, record.offset));
    records
}

fn wait_until_stable(broker: &Broker, topic: &str, targets: &BTreeMap<i32, i64>, deadline: Deadline) {
    let committed = reader(broker, "read_committed");
    for (partition, target) in targets {
        loop {
            let (_, stable) = committed.fetch_watermarks(topic, *partition, ASK_WITHIN).expect("the broker answers");
            if stable >= *target {
                break;
            }
            assert!(!deadline.passed(), "{topic}/{partition}: a transaction stays open at {stable} of {target}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn reader(broker: &Broker, isolation: &str) -> BaseConsumer {
    broker
        .client()
        .set("group.id", "no group: offsets are never committed")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .set("isolation.level", isolation)
        .set("auto.offset.reset", "error")
        .set("fetch.wait.max.ms", "20")
        .set("fetch.queue.backoff.ms", "5")
        .create()
        .expect("the settings are valid")
}

fn partitions(client: &BaseConsumer, topic: &str) -> Vec<i32> {
    let metadata = client.fetch_metadata(Some(topic), ASK_WITHIN).expect("the broker answers");
    let topic = metadata.topics().first().expect("the topic was asked for");
    assert!(topic.error().is_none(), "{}: {:?}", topic.name(), topic.error());
    topic.partitions().iter().map(|partition| partition.id()).collect()
}
