//! The Kafka transport and the restore source against a real Apache Kafka.
//!
//! The mock broker of librdkafka would not do: it stores no transactional offsets and fences nobody.
#![cfg(feature = "kafka")]

mod support;

use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Headers;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};
use support::broker::Broker;
use tollkeeper::core::partition::PartitionId;
use tollkeeper::stream::kafka::{KafkaRestore, KafkaTransport};
use tollkeeper::stream::settings::KafkaSettings;
use tollkeeper::stream::transport::{
    CommittedOffset, Fetched, GroupEvent, Input, InputOffsets, OffsetToCommit, OutRecord, Output, RestoreSource,
    Transport, TransportFailure,
};

type Item = Fetched<tollkeeper::stream::kafka::KafkaPayload>;

const P0: PartitionId = PartitionId(0);
/// When a test gives up.
const PATIENCE: Duration = Duration::from_secs(40);
const WAIT: Duration = Duration::from_millis(20);

fn new_topic(name: &str, partitions: i32) -> NewTopic<'_> {
    NewTopic::new(name, partitions, TopicReplication::Fixed(1)).set("message.timestamp.type", "LogAppendTime")
}

/// The topics of one test.
struct Cluster {
    brokers: String,
    prefix: String,
}

impl Cluster {
    fn new(name: &str, partitions: i32) -> Cluster {
        static BROKER: OnceLock<Broker> = OnceLock::new();
        // The sessions of these tests are short, so that members expire while one looks.
        let short_sessions = [("group.min.session.timeout.ms", "1000")];
        let brokers = BROKER.get_or_init(|| Broker::start_with("transport", &short_sessions)).bootstrap();
        let prefix = format!("{name}-{:016x}", RandomState::new().build_hasher().finish());
        let cluster = Cluster { brokers, prefix };
        let names = Input::ALL.map(Input::name).into_iter().chain(["ledger", "alerts", "quarantine"]);
        let topics: Vec<String> = names.map(|name| cluster.topic(name)).collect();
        let new: Vec<NewTopic<'_>> = topics.iter().map(|topic| new_topic(topic, partitions)).collect();
        let made = wait_for(cluster.admin().create_topics(&new, &AdminOptions::new())).expect("topics can be made");
        made.into_iter().for_each(|topic| drop(topic.expect("a new topic")));
        cluster
    }

    fn topic(&self, name: &str) -> String {
        format!("{}.{name}", self.prefix)
    }

    fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.brokers);
        config
    }

    fn admin(&self) -> AdminClient<DefaultClientContext> {
        self.client().create().expect("an admin client")
    }

    fn settings(&self, worker: &str) -> KafkaSettings {
        KafkaSettings {
            brokers: self.brokers.clone(),
            topic_prefix: self.prefix.clone(),
            group_id: self.prefix.clone(),
            transactional_id: format!("{}-{worker}", self.prefix),
            group_instance_id: worker.into(),
            overrides: BTreeMap::from([("session.timeout.ms".into(), "6000".into())]),
        }
    }

    fn connect(&self, worker: &str) -> KafkaTransport {
        KafkaTransport::connect(self.settings(worker)).expect("the cluster is there")
    }

    /// Appends `values` to a topic, outside of any transaction.
    fn append(&self, input: Input, partition: i32, values: impl IntoIterator<Item = String>) {
        let producer: BaseProducer = self.client().set("linger.ms", "5").create().expect("a producer");
        for value in values {
            let topic = self.topic(input.name());
            let record = BaseRecord::to(&topic).partition(partition).payload(&value).key("contoso");
            producer.send(record).map_err(|(error, _)| error).expect("room in the queue");
        }
        producer.flush(Duration::from_secs(30)).expect("the broker takes them");
    }
}

fn wait_for<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(future)
}

/// A worker of a test: answers the group at once, starts what it gets at `at`, commits nothing of itself.
struct Worker {
    transport: KafkaTransport,
    owned: Vec<PartitionId>,
    lost: usize,
}

impl Worker {
    fn new(transport: KafkaTransport) -> Worker {
        Worker { transport, owned: Vec::new(), lost: 0 }
    }

    /// Serves the group; new partitions start where the committed offsets say, or at 0.
    fn serve(&mut self) {
        while let Some(event) = self.transport.poll_group().expect("the group goes on") {
            match event {
                GroupEvent::Assigned(new) => {
                    self.transport.accept_assignment().expect("accepted");
                    for partition in new {
                        let committed = until(|| self.transport.committed(&[partition]).ok());
                        let at = committed[0].clone().map(|offset| offset.map_or(0, |offset| offset.offset));
                        self.transport.start(partition, at).expect("started");
                        self.owned.push(partition);
                    }
                }
                GroupEvent::Revoked(gone) | GroupEvent::Lost(gone) if gone.is_empty() => {
                    self.transport.give_up(&gone).expect("answered");
                }
                GroupEvent::Revoked(gone) => self.give_up(&gone),
                GroupEvent::Lost(gone) => {
                    self.lost += 1;
                    self.give_up(&gone);
                }
            }
        }
    }

    fn give_up(&mut self, gone: &[PartitionId]) {
        self.transport.give_up(gone).expect("answered");
        self.owned.retain(|partition| !gone.contains(partition));
    }

    fn own(&mut self, count: usize) {
        until(|| {
            self.serve();
            (self.owned.len() == count).then_some(())
        });
    }

    /// Reads an input until `enough`; the group is served meanwhile.
    fn read_until(&mut self, input: Input, mut enough: impl FnMut(&[Item]) -> bool) -> Vec<Item> {
        let mut items = Vec::new();
        until(|| {
            self.serve();
            self.transport.fetch(input, 500, WAIT, &mut items).expect("fetched");
            enough(&items).then_some(())
        });
        items
    }
}

/// Tries until there is something, with a pause between two tries.
#[expect(clippy::disallowed_methods, reason = "a test against a real cluster needs a deadline")]
fn until<T>(mut attempt: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        if let Some(done) = attempt() {
            return done;
        }
        std::thread::park_timeout(Duration::from_millis(2));
    }
    panic!("it did not come to pass within {PATIENCE:?}");
}

fn records(items: &[Item]) -> Vec<(u32, i64, String)> {
    items
        .iter()
        .filter_map(|item| match item {
            Fetched::Record(record) => {
                Some((record.partition.0, record.offset, String::from_utf8_lossy(record.payload.as_ref()).into_owned()))
            }
            _ => None,
        })
        .collect()
}

fn ends(items: &[Item]) -> Vec<(u32, i64)> {
    items
        .iter()
        .filter_map(|item| match item {
            Fetched::End { partition, position, .. } => Some((partition.0, *position)),
            _ => None,
        })
        .collect()
}

fn out(value: &str) -> OutRecord {
    OutRecord { key: Bytes::from_static(b"contoso"), value: Bytes::copy_from_slice(value.as_bytes()) }
}

fn offsets(partition: PartitionId, next: InputOffsets, metadata: &str) -> Vec<OffsetToCommit> {
    let metadata: Arc<str> = metadata.into();
    Input::ALL
        .map(|input| OffsetToCommit { input, partition, offset: next[input.index()], metadata: Arc::clone(&metadata) })
        .into()
}

/// One whole transaction that writes `value` to the ledger.
fn commit_one(
    worker: &mut Worker,
    partition: PartitionId,
    value: &str,
    next: InputOffsets,
) -> Result<(), TransportFailure> {
    let membership = until(|| worker.transport.membership());
    worker.transport.begin()?;
    worker.transport.publish(Output::Ledger, partition, &mut vec![out(value)])?;
    worker.transport.send_offsets(&membership, &offsets(partition, next, "meta"))?;
    worker.transport.commit()
}

/// The committed records of a ledger partition from `from` up to its high watermark.
fn ledger(restore: &mut KafkaRestore, partition: PartitionId, from: i64) -> Vec<(i64, String)> {
    let (_, high) = until(|| restore.ledger_range(partition).ok());
    restore.open_ledger(partition, from).expect("opened");
    let mut read = Vec::new();
    until(|| (restore.read_ledger(100, WAIT, &mut read).expect("read") >= high).then_some(()));
    restore.close_ledger().expect("closed");
    read.iter().map(|record| (record.offset, String::from_utf8_lossy(record.payload.as_ref()).into_owned())).collect()
}

#[test]
fn a_batch_is_read_published_and_committed_with_its_offsets() {
    let cluster = Cluster::new("roundtrip", 1);
    cluster.append(Input::Commands, 0, ["c0".into()]);
    cluster.append(Input::Cdrs, 0, ["d0".into(), "d1".into(), String::new()]);
    let mut worker = Worker::new(cluster.connect("a"));
    assert!(worker.transport.membership().is_none(), "nobody is a member before the first assignment");
    worker.own(1);

    let commands = worker.read_until(Input::Commands, |items| !ends(items).is_empty());
    assert_eq!(records(&commands), [(0, 0, "c0".into())]);
    assert_eq!(ends(&commands), [(0, 1)]);
    let reroute = worker.read_until(Input::Reroute, |items| !ends(items).is_empty());
    assert_eq!((records(&reroute), ends(&reroute)), (vec![], vec![(0, 0)]), "an empty topic has an end too");
    let cdrs = worker.read_until(Input::Cdrs, |items| !ends(items).is_empty());
    assert_eq!(records(&cdrs), [(0, 0, "d0".into()), (0, 1, "d1".into()), (0, 2, String::new())]);
    assert_eq!(ends(&cdrs), [(0, 3)]);
    let Fetched::Record(first) = &cdrs[0] else { panic!("a record comes first") };
    assert!(first.timestamp_ms > 1_600_000_000_000, "{}", first.timestamp_ms);

    let membership = worker.transport.membership().expect("a member");
    worker.transport.begin().expect("begun");
    for output in Output::ALL {
        let mut batch = vec![out(&format!("{} 0", output.name())), out(&format!("{} 1", output.name()))];
        worker.transport.publish(output, P0, &mut batch).expect("published");
        assert!(batch.is_empty());
    }
    let metadata = "a/4f/1/1700000000000";
    worker.transport.send_offsets(&membership, &offsets(P0, [1, 0, 3], metadata)).expect("sent");
    worker.transport.commit().expect("committed");

    let expected = [1, 0, 3].map(|offset| Some(CommittedOffset { offset, metadata: metadata.into() }));
    assert_eq!(until(|| worker.transport.committed(&[P0]).ok()), std::slice::from_ref(&expected));
    let mut restore = KafkaRestore::connect(&cluster.settings("a")).expect("clients");
    assert_eq!(until(|| restore.committed(P0).ok()), expected);
    assert_eq!(until(|| restore.low_watermarks(P0).ok()), [0, 0, 0]);
    assert_eq!(ledger(&mut restore, P0, 0), [(0, "ledger 0".into()), (1, "ledger 1".into())]);

    // What was published to an input comes back through it; the marker behind it is passed over.
    let rerouted = worker.read_until(Input::Reroute, |items| !ends(items).is_empty());
    assert_eq!(records(&rerouted), [(0, 0, "reroute 0".into()), (0, 1, "reroute 1".into())]);
    assert_eq!(ends(&rerouted), [(0, 3)]);
    worker.transport.close().expect("left");

    let alerts = all_of(&cluster, "alerts");
    assert_eq!(alerts, [("alerts 0".into(), vec![CLOUD_EVENT]), ("alerts 1".into(), vec![CLOUD_EVENT])]);
    assert_eq!(all_of(&cluster, "ledger")[0], ("ledger 0".into(), vec![]), "a ledger is lean");
}

const CLOUD_EVENT: (&str, &str) = ("content-type", "application/cloudevents+json");

/// The first two values of partition 0 with their headers.
fn all_of(cluster: &Cluster, name: &str) -> Vec<(String, Vec<(&'static str, &'static str)>)> {
    let consumer: BaseConsumer =
        cluster.client().set("group.id", "reader").set("enable.auto.commit", "false").create().expect("a consumer");
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(&cluster.topic(name), 0, Offset::Beginning).expect("listed");
    consumer.assign(&list).expect("assigned");
    let mut found = Vec::new();
    until(|| {
        if let Some(Ok(message)) = consumer.poll(WAIT) {
            let value = String::from_utf8_lossy(message.payload().unwrap_or_default()).into_owned();
            let headers = message.headers().map_or(Vec::new(), |headers| {
                headers
                    .iter()
                    .map(|header| {
                        assert_eq!((header.key, header.value), (CLOUD_EVENT.0, Some(CLOUD_EVENT.1.as_bytes())));
                        CLOUD_EVENT
                    })
                    .collect()
            });
            found.push((value, headers));
        }
        (found.len() == 2).then_some(())
    });
    found
}

#[test]
fn after_a_seek_nothing_comes_that_was_fetched_before_it() {
    const RECORDS: i64 = 30_000;
    let cluster = Cluster::new("seek", 1);
    cluster.append(Input::Cdrs, 0, (0..RECORDS).map(|number| format!("{number:0200}")));
    let mut worker = Worker::new(cluster.connect("a"));
    worker.own(1);
    let mut next = 0;
    // Read on by uneven steps, each time go back from the middle of what the client has fetched ahead.
    for (round, back_to) in [0, 40, 12, 5_000, 4_999, 100, 0].into_iter().enumerate() {
        let upto = next + 700 * (i64::try_from(round).expect("few rounds") + 1);
        read_in_sequence(&mut worker, next, upto);
        worker.transport.seek(P0, [0, 0, back_to]).expect("sought");
        next = back_to;
    }
    assert_eq!(read_in_sequence(&mut worker, next, RECORDS), RECORDS);
    worker.transport.close().expect("left");
}

/// Reads until `upto` at least, and asserts that each record follows the one before.
fn read_in_sequence(worker: &mut Worker, from: i64, upto: i64) -> i64 {
    let mut next = from;
    until(|| {
        let mut items = Vec::new();
        worker.transport.fetch(Input::Cdrs, 333, WAIT, &mut items).expect("fetched");
        for (_, offset, _) in records(&items) {
            assert_eq!(offset, next, "a record from before the seek, or one is missing");
            next += 1;
        }
        (next >= upto).then_some(())
    });
    next
}

#[test]
fn an_aborted_batch_has_no_effect_and_its_records_come_again() {
    let cluster = Cluster::new("abort", 1);
    cluster.append(Input::Cdrs, 0, (0..10).map(|number| number.to_string()));
    let mut worker = Worker::new(cluster.connect("a"));
    worker.own(1);
    let first = worker.read_until(Input::Cdrs, |items| records(items).len() == 10);
    let membership = worker.transport.membership().expect("a member");
    worker.transport.begin().expect("begun");
    worker.transport.publish(Output::Ledger, P0, &mut vec![out("never")]).expect("published");
    worker.transport.send_offsets(&membership, &offsets(P0, [0, 0, 10], "never")).expect("sent");
    let mut restore = KafkaRestore::connect(&cluster.settings("a")).expect("clients");
    // Not before the broker has the record: an abort throws away what is still queued.
    until(|| (restore.ledger_range(P0).ok()? == (0, 1)).then_some(()));
    worker.transport.abort().expect("aborted");
    worker.transport.seek(P0, [0, 0, 0]).expect("sought");

    let again = worker.read_until(Input::Cdrs, |items| !ends(items).is_empty());
    assert_eq!(records(&again), records(&first));
    assert_eq!(until(|| worker.transport.committed(&[P0]).ok()), [[None, None, None]]);
    commit_one(&mut worker, P0, "once", [0, 0, 10]).expect("committed");

    // Offsets 0 and 1: the aborted record and its marker.
    assert_eq!(ledger(&mut restore, P0, 0), [(2, "once".into())]);
    assert_eq!(ledger(&mut restore, P0, 1), [(2, "once".into())]);
    assert_eq!(ledger(&mut restore, P0, 3), [], "from the marker on nothing comes, and the end is reached");
    worker.transport.close().expect("left");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the claim is about time")]
fn an_abort_with_a_full_queue_is_quick() {
    let cluster = Cluster::new("quick", 1);
    let mut worker = Worker::new(cluster.connect("a"));
    worker.own(1);
    worker.transport.begin().expect("begun");
    for _ in 0..10 {
        let mut batch: Vec<OutRecord> = (0..20_000).map(|number| out(&format!("{number:0400}"))).collect();
        worker.transport.publish(Output::Ledger, P0, &mut batch).expect("published");
    }
    let before = Instant::now();
    worker.transport.abort().expect("aborted");
    let took = before.elapsed();
    assert!(took < Duration::from_secs(3), "the abort took {took:?}, its timeout is 10 s");
    commit_one(&mut worker, P0, "after", [0, 0, 0]).expect("the producer goes on");
    worker.transport.close().expect("left");
}

#[test]
fn partitions_move_between_two_members_and_no_record_is_skipped_or_repeated() {
    let cluster = Cluster::new("move", 4);
    for partition in 0..4 {
        cluster.append(Input::Cdrs, partition, ["first".into()]);
    }
    let mut a = Worker::new(cluster.connect("a"));
    a.own(4);
    let read = a.read_until(Input::Cdrs, |items| ends(items).len() == 4);
    assert_eq!(records(&read).len(), 4);
    for partition in a.owned.clone() {
        commit_one(&mut a, partition, "first", [0, 0, 1]).expect("committed");
    }
    let stale = a.transport.membership().expect("a member");

    // The other joins: two partitions go over while both serve the group.
    let mut b = Worker::new(cluster.connect("b"));
    until(|| {
        a.serve();
        b.serve();
        (a.owned.len() == 2 && b.owned.len() == 2).then_some(())
    });
    assert_eq!((a.lost, b.lost), (0, 0));

    // A membership from before the rebalance is of no use, whatever it would commit.
    a.transport.begin().expect("begun");
    a.transport.publish(Output::Ledger, a.owned[0], &mut vec![out("zombie")]).expect("published");
    let fenced = a.transport.send_offsets(&stale, &offsets(a.owned[0], [0, 0, 99], "zombie"));
    assert!(matches!(fenced, Err(TransportFailure::Abort { .. })), "{fenced:?}");
    a.transport.abort().expect("aborted");

    // `a` had read all its partitions to the end before the rebalance paused them.
    for partition in 0..4 {
        cluster.append(Input::Cdrs, partition, ["second".into(), "third".into()]);
    }
    for worker in [&mut a, &mut b] {
        let read = worker.read_until(Input::Cdrs, |items| records(items).len() >= 4);
        let mut expected: Vec<(u32, i64, String)> = worker
            .owned
            .iter()
            .flat_map(|partition| [(partition.0, 1, "second".into()), (partition.0, 2, "third".into())])
            .collect();
        let mut got = records(&read);
        got.sort();
        expected.sort();
        assert_eq!(got, expected);
        for partition in worker.owned.clone() {
            commit_one(worker, partition, "rest", [0, 0, 3]).expect("committed");
        }
    }

    // `b` ends; when its session has passed, `a` has everything.
    b.transport.close().expect("left");
    drop(b);
    a.own(4);
    assert_eq!(a.lost, 0);
    for partition in a.owned.clone() {
        commit_one(&mut a, partition, "last", [0, 0, 3]).expect("committed");
    }
    a.transport.close().expect("left");
}

#[test]
fn a_lost_range_stops_the_partition_and_is_named() {
    let cluster = Cluster::new("range", 1);
    let topic = cluster.topic("cdrs");
    cluster.append(Input::Cdrs, 0, (0..8).map(|number| number.to_string()));
    let mut before = TopicPartitionList::new();
    before.add_partition_offset(&topic, 0, Offset::Offset(5)).expect("listed");
    wait_for(cluster.admin().delete_records(&before, &AdminOptions::new())).expect("deleted");

    let mut worker = Worker::new(cluster.connect("a"));
    worker.own(1);
    let is_fault = |items: &[Item]| items.iter().any(|item| matches!(item, Fetched::Fault { .. }));
    let fault_of = |items: Vec<Item>| match &items[..] {
        [Fetched::Fault { input: Input::Cdrs, partition: P0, message }] => message.clone(),
        other => panic!("one fault is expected: {other:?}"),
    };
    let message = fault_of(worker.read_until(Input::Cdrs, is_fault));
    assert_eq!(
        message,
        format!("{topic}/0 cannot be read from offset 0 on: the records 0 to 4 are lost, the topic begins at 5")
    );

    // The seek of an abort does not silence it.
    worker.transport.seek(P0, [0, 0, 1]).expect("sought");
    let message = fault_of(worker.read_until(Input::Cdrs, is_fault));
    assert!(message.ends_with("from offset 1 on: the records 1 to 4 are lost, the topic begins at 5"), "{message}");

    // Ahead of the end is a fault as well, not a wait.
    worker.transport.stop(P0).expect("stopped");
    worker.transport.start(P0, [0, 0, 20]).expect("started");
    let message = fault_of(worker.read_until(Input::Cdrs, is_fault));
    assert!(message.contains("holds offsets 5 to 8 (exclusive) only"), "{message}");

    // With offsets that are there it goes on.
    worker.transport.stop(P0).expect("stopped");
    worker.transport.start(P0, [0, 0, 5]).expect("started");
    let read = worker.read_until(Input::Cdrs, |items| !ends(items).is_empty());
    assert_eq!(records(&read), [(0, 5, "5".into()), (0, 6, "6".into()), (0, 7, "7".into())]);
    worker.transport.close().expect("left");
}

#[test]
fn a_partition_and_a_ledger_are_read_however_soon_they_are_opened_again() {
    let cluster = Cluster::new("again", 1);
    cluster.append(Input::Cdrs, 0, ["first".into(), "second".into()]);
    let mut worker = Worker::new(cluster.connect("a"));
    worker.own(1);
    commit_one(&mut worker, P0, "event", [0, 0, 0]).expect("committed");
    let mut restore = KafkaRestore::connect(&cluster.settings("a")).expect("clients");
    for round in 0..60 {
        worker.transport.stop(P0).expect("stopped");
        worker.transport.start(P0, [0, 0, round % 2]).expect("started");
        let read = worker.read_until(Input::Cdrs, |items| !ends(items).is_empty());
        assert_eq!(records(&read).first().map(|(_, offset, _)| *offset), Some(round % 2));
        assert_eq!(ledger(&mut restore, P0, 0), [(0, "event".into())]);
    }
    worker.transport.close().expect("left");
}

#[test]
fn a_producer_that_was_replaced_knows_no_outcome_until_it_is_renewed() {
    let cluster = Cluster::new("fenced", 1);
    let mut worker = Worker::new(cluster.connect("a"));
    worker.own(1);
    let membership = worker.transport.membership().expect("a member");
    worker.transport.begin().expect("begun");
    worker.transport.publish(Output::Ledger, P0, &mut vec![out("fenced")]).expect("published");
    worker.transport.send_offsets(&membership, &offsets(P0, [0, 0, 1], "fenced")).expect("sent");

    // A successor with the same transactional id, in a group of its own.
    let mut successor = cluster.settings("b");
    successor.transactional_id = cluster.settings("a").transactional_id;
    successor.group_id = format!("{}-other", cluster.prefix);
    let successor = KafkaTransport::connect(successor).expect("the cluster is there");

    let outcome = worker.transport.commit();
    assert!(matches!(outcome, Err(TransportFailure::Unknown { .. })), "{outcome:?}");
    let begun = worker.transport.begin();
    assert!(matches!(begun, Err(TransportFailure::Unknown { .. })), "{begun:?}");
    drop(successor);

    worker.transport.renew_producer().expect("renewed");
    assert_eq!(until(|| worker.transport.committed(&[P0]).ok()), [[None, None, None]]);
    commit_one(&mut worker, P0, "after", [0, 0, 1]).expect("committed");
    let mut restore = KafkaRestore::connect(&cluster.settings("a")).expect("clients");
    let read = ledger(&mut restore, P0, 0);
    assert_eq!(read.into_iter().map(|(_, value)| value).collect::<Vec<_>>(), ["after"]);
    worker.transport.close().expect("left");
}

#[test]
fn offsets_of_an_open_transaction_are_waited_for_and_its_records_hide_no_watermark() {
    let cluster = Cluster::new("open", 1);
    let mut worker = Worker::new(cluster.connect("a"));
    worker.own(1);
    commit_one(&mut worker, P0, "first", [0, 0, 1]).expect("committed");
    let membership = worker.transport.membership().expect("a member");
    worker.transport.begin().expect("begun");
    worker.transport.publish(Output::Ledger, P0, &mut vec![out("second")]).expect("published");
    worker.transport.send_offsets(&membership, &offsets(P0, [0, 0, 2], "second")).expect("sent");

    let mut restore = KafkaRestore::connect(&cluster.settings("a")).expect("clients");
    let waiting = restore.committed(P0);
    assert!(matches!(waiting, Err(TransportFailure::Retry { .. })), "{waiting:?}");
    // The record and the marker of the first, and the open record once it is delivered.
    until(|| (restore.ledger_range(P0).ok()? == (0, 3)).then_some(()));
    restore.open_ledger(P0, 0).expect("opened");
    let mut read = Vec::new();
    until(|| (restore.read_ledger(10, WAIT, &mut read).expect("read") == 2).then_some(()));
    assert_eq!(read.len(), 1, "what is open is not read");

    worker.transport.commit().expect("committed");
    until(|| (restore.read_ledger(10, WAIT, &mut read).expect("read") == 4).then_some(()));
    assert_eq!(read.iter().map(|record| record.offset).collect::<Vec<_>>(), [0, 2]);
    let committed = until(|| restore.committed(P0).ok());
    assert_eq!(committed[Input::Cdrs.index()].as_ref().map(|offset| offset.offset), Some(2));
    worker.transport.close().expect("left");
}

#[test]
fn two_processes_with_one_instance_id_are_refused_with_advice() {
    let cluster = Cluster::new("instance", 1);
    let mut first = Worker::new(cluster.connect("a"));
    first.own(1);
    let mut twin = cluster.settings("a");
    twin.transactional_id.push_str("-twin");
    let mut twin = Worker::new(KafkaTransport::connect(twin).expect("the cluster is there"));
    twin.own(1);
    let refused = until(|| first.transport.poll_group().err());
    let TransportFailure::Fatal { detail, .. } = refused else { panic!("fatal is expected: {refused:?}") };
    assert!(detail.contains("group.instance.id") && detail.contains("name of its own"), "{detail}");
    assert!(first.transport.membership().is_none());
    first.transport.close().expect("it is out already");
    twin.transport.close().expect("left");
}

#[test]
fn a_member_that_stood_still_loses_its_partitions_before_it_can_commit() {
    let cluster = Cluster::new("still", 1);
    let mut settings = cluster.settings("a");
    settings.overrides.insert("max.poll.interval.ms".into(), "6000".into());
    let mut a = Worker::new(KafkaTransport::connect(settings).expect("the cluster is there"));
    a.own(1);
    let stale = a.transport.membership().expect("a member");
    a.transport.begin().expect("begun");
    a.transport.publish(Output::Ledger, P0, &mut vec![out("zombie")]).expect("published");

    // `a` polls nothing until another has its partition.
    let mut b = Worker::new(cluster.connect("b"));
    b.own(1);
    assert!(a.transport.membership().is_none());
    // Its transaction has not timed out yet, or has: no way leads to a commit.
    let fenced = a.transport.send_offsets(&stale, &offsets(P0, [0, 0, 99], "zombie"));
    assert!(matches!(fenced, Err(TransportFailure::Abort { .. } | TransportFailure::Unknown { .. })), "{fenced:?}");
    if a.transport.abort().is_err() {
        a.transport.renew_producer().expect("renewed");
    }
    // Once or twice: a loss in the middle of a rebalance is told by the change of the member id first.
    until(|| {
        a.serve();
        b.serve();
        (a.lost > 0 && a.owned.is_empty()).then_some(())
    });
    commit_one(&mut b, P0, "owner", [0, 0, 0]).expect("committed");
    let mut restore = KafkaRestore::connect(&cluster.settings("a")).expect("clients");
    let read = ledger(&mut restore, P0, 0);
    assert_eq!(read.into_iter().map(|(_, value)| value).collect::<Vec<_>>(), ["owner"]);
    a.transport.close().expect("left");
    b.transport.close().expect("left");
}

#[test]
fn a_transport_that_is_dropped_while_it_reads_does_not_hang() {
    let cluster = Cluster::new("drop", 1);
    cluster.append(Input::Cdrs, 0, ["kept".into()]);
    let mut worker = Worker::new(cluster.connect("a"));
    worker.own(1);
    let kept = worker.read_until(Input::Cdrs, |items| !records(items).is_empty());
    let (done, ended) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        drop(worker);
        done.send(()).expect("the test waits");
    });
    ended.recv_timeout(Duration::from_secs(20)).expect("the drop ends");
    // A record outlives the transport that fetched it.
    assert_eq!(records(&kept)[0].2, "kept");
}
