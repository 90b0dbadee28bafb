//! Topics are created, checked and rewound on a real Apache Kafka.
#![cfg(feature = "kafka")]

mod support;

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaErrorCode;
use support::broker::Broker;
use support::deadline::wait_until;
use support::log::{create_topic, flush, produce, producer, read_committed};
use tollkeeper::core::partition::PartitionId;
use tollkeeper::stream::topics::layout::Severity;
use tollkeeper::stream::topics::{
    Checked, Created, Difference, ExistingOffsets, LedgerDeletion, RewindOutcome, RewindRequest, TopicsFailure, check,
    create, rewind,
};
use tollkeeper::stream::transport::Input;

const WITHIN: Duration = Duration::from_secs(60);

/// The broker of this binary. It keeps offsets for a week, less than what the engine wants, so that each check says so.
fn broker() -> &'static Broker {
    static BROKER: OnceLock<Broker> = OnceLock::new();
    BROKER.get_or_init(|| Broker::start_with("topics", &[("offsets.retention.minutes", "10080")]))
}

fn checked(prefix: &str, deletion: LedgerDeletion) -> Checked {
    check(&broker().client(), prefix, deletion).expect("the broker answers")
}

/// What is said about one setting of one topic.
fn about<'a>(checked: &'a Checked, place: &str, setting: &str) -> Option<(Severity, &'a str)> {
    let mut found = checked.differences.iter().filter(|one| one.place == place && one.setting == setting);
    let first: Option<&Difference> = found.next();
    assert!(found.next().is_none(), "{place}: {setting} twice");
    first.map(|difference| (difference.severity, difference.is.as_str()))
}

#[test]
fn created_topics_pass_the_check_and_creating_again_changes_nothing() {
    let config = broker().client();
    let created = create(&config, "whole", 3).expect("the broker takes the topics");
    assert_eq!(created.len(), 9);
    assert!(created.iter().all(|one| matches!(one, Created::New { .. })), "{created:?}");
    let found = checked("whole", LedgerDeletion::Refused);
    assert_eq!(found.partitions, Some(3));
    let lines: Vec<String> = found.differences.iter().map(Difference::to_string).collect();
    assert_eq!(
        lines,
        ["warning: broker 1: offsets.retention.minutes is 10080, should be 20160 or more: an engine that is down for \
          longer loses its offsets and needs `tollkeeper offsets rewind`; set it in the brokers' server.properties"]
    );

    let again = create(&config, "whole", 3).expect("the same again is fine");
    assert!(again.iter().all(|one| matches!(one, Created::Existed { .. })), "{again:?}");
    assert_eq!(checked("whole", LedgerDeletion::Refused), found);
    let records = read_committed(broker(), "whole.catalog", WITHIN);
    assert_eq!(records.len(), 1, "the partition count is recorded once");
    assert_eq!((&*records[0].key, &*records[0].value), (&b"partitions"[..], &br#"{"partitions":3,"version":1}"#[..]));
}

#[test]
fn another_partition_count_is_refused_before_anything_is_created() {
    let config = broker().client();
    create_topic(broker(), "grown.alerts", 4, &[]);
    match create(&config, "grown", 3) {
        Err(TopicsFailure::PartitionsDiffer { what, is: 4, asked: 3 }) => assert_eq!(what, "grown.alerts"),
        other => panic!("{other:?}"),
    }
    let missing = checked("grown", LedgerDeletion::Refused);
    assert_eq!(about(&missing, "grown.cdrs", "topic"), Some((Severity::Error, "missing")));
    assert_eq!(about(&missing, "grown.alerts", "topic"), None);
    assert_eq!(about(&missing, "grown.catalog", "recorded partitions"), Some((Severity::Error, "missing")));
}

#[test]
fn each_unsafe_setting_is_named_with_how_bad_it_is() {
    let week = ("retention.ms", "604800000");
    create_topic(
        broker(),
        "unsafe.ledger",
        2,
        &[week, ("retention.bytes", "1000000000"), ("cleanup.policy", "delete")],
    );
    create_topic(broker(), "unsafe.cdrs", 2, &[week, ("message.timestamp.type", "CreateTime")]);
    create_topic(broker(), "unsafe.snapshots", 2, &[("cleanup.policy", "delete")]);
    create_topic(broker(), "unsafe.catalog", 1, &[("cleanup.policy", "compact")]);
    create_topic(
        broker(),
        "unsafe.commands",
        2,
        &[("retention.ms", "-1"), ("message.timestamp.type", "LogAppendTime")],
    );
    create(&broker().client(), "unsafe", 2).expect("what is there is left as it is");

    let found = checked("unsafe", LedgerDeletion::Refused);
    let expected = [
        ("ledger", "retention.ms", Some((Severity::Error, "604800000"))),
        ("ledger", "retention.bytes", Some((Severity::Error, "1000000000"))),
        ("ledger", "cleanup.policy", None),
        ("cdrs", "retention.ms", Some((Severity::Warning, "604800000"))),
        ("cdrs", "message.timestamp.type", Some((Severity::Error, "CreateTime"))),
        ("snapshots", "cleanup.policy", Some((Severity::Error, "delete"))),
        ("snapshots", "segment.bytes", Some((Severity::Warning, "1073741824"))),
        ("catalog", "cleanup.policy", None),
        ("catalog", "message.timestamp.type", Some((Severity::Error, "CreateTime"))),
        ("commands", "retention.ms", None),
        ("alerts", "retention.ms", None),
    ];
    for (topic, setting, expected) in expected {
        assert_eq!(about(&found, &format!("unsafe.{topic}"), setting), expected, "{topic} {setting}");
    }
    let allowed = checked("unsafe", LedgerDeletion::Allowed);
    for setting in ["retention.ms", "retention.bytes"] {
        assert_eq!(
            about(&allowed, "unsafe.ledger", setting).map(|found| found.0),
            Some(Severity::Warning),
            "{setting}"
        );
    }
    assert_eq!(allowed.errors().count(), found.errors().count() - 2, "nothing else is allowed with it");
}

#[test]
fn a_topic_that_has_grown_stops_the_start() {
    let config = broker().client();
    create(&config, "later", 2).expect("the broker takes the topics");
    let admin = support::log::admin(broker());
    let more = rdkafka::admin::NewPartitions::new("later.cdrs", 3);
    let results = support::log::wait_for(admin.create_partitions(&[more], &rdkafka::admin::AdminOptions::new()));
    assert!(results.expect("the broker answers").iter().all(Result::is_ok));
    wait_until("the new partition is visible", WITHIN, || {
        about(&checked("later", LedgerDeletion::Refused), "later.cdrs", "partitions") == Some((Severity::Error, "3"))
    });
}

/// Three CDRs of rising broker time on partition 1, of which the third is the first after the point that the ledger's last
/// event names; one command before it; no reroute.
struct Lost {
    prefix: &'static str,
    group: &'static str,
    last_event: Timestamp,
}

impl Lost {
    fn prepare(prefix: &'static str, group: &'static str) -> Lost {
        let broker = broker();
        create(&broker.client(), prefix, 2).expect("the broker takes the topics");
        let plain = producer(broker);
        let topic = |name: &str| format!("{prefix}.{name}");
        produce(&plain, &topic("commands"), 1, b"contoso", b"{}");
        flush(&plain);
        let cdrs = topic("cdrs");
        let mut times = Vec::new();
        // The broker's clock has milliseconds; the third record is written again until it is later than the second.
        wait_until("the broker's clock moves on", WITHIN, || {
            produce(&plain, &cdrs, 1, b"contoso", b"{}");
            flush(&plain);
            times = read_committed(broker, &cdrs, WITHIN).iter().map(|record| record.timestamp_ms).collect();
            times.len() > 2 && times[times.len() - 2] < times[times.len() - 1]
        });
        let last = times.last().copied().expect("there are three");
        let last_event = Timestamp::from_millisecond(last).expect("a time of today") + SignedDuration::from_hours(1);
        let event = |time: Timestamp| format!(r#"{{"specversion":"1.0","id":"contoso/1","time":"{time}"}}"#);
        let ledger = transactional(prefix);
        write(&ledger, &topic("ledger"), &event(last_event), Ends::Committed);
        // What was rolled back is no event.
        write(&ledger, &topic("ledger"), &event(last_event + SignedDuration::from_hours(5)), Ends::Aborted);
        Lost { prefix, group, last_event }
    }

    fn rewind(&self, existing: ExistingOffsets) -> tollkeeper::stream::topics::Rewind {
        let request =
            RewindRequest { prefix: self.prefix, group: self.group, partitions: &[], existing, run_id: "5eed" };
        rewind(&broker().client(), &request).expect("the broker answers")
    }

    /// Offset and metadata of the committed offsets of a partition, by input.
    fn committed(&self, partition: i32) -> BTreeMap<Input, (i64, String)> {
        let asking: BaseConsumer =
            broker().client().set("group.id", self.group).create().expect("the settings are valid");
        let mut committed = BTreeMap::new();
        for input in Input::ALL {
            let mut question = TopicPartitionList::new();
            question.add_partition(&format!("{}.{}", self.prefix, input.name()), partition);
            let answer = asking.committed_offsets(question, WITHIN).expect("the broker answers");
            if let Offset::Offset(offset) = answer.elements()[0].offset() {
                committed.insert(input, (offset, String::from(answer.elements()[0].metadata())));
            }
        }
        committed
    }

    /// The offset of the last CDR.
    fn last_cdr(&self) -> i64 {
        let records = read_committed(broker(), &format!("{}.cdrs", self.prefix), WITHIN);
        records.iter().map(|record| record.offset).max().expect("there are three")
    }

    fn expected(&self) -> BTreeMap<Input, (i64, String)> {
        let metadata = format!("rewind/5eed/0/{}", self.last_event.as_millisecond());
        let offsets = [(Input::Commands, 1), (Input::Reroute, 0), (Input::Cdrs, self.last_cdr())];
        offsets.into_iter().map(|(input, offset)| (input, (offset, metadata.clone()))).collect()
    }
}

enum Ends {
    Committed,
    Aborted,
}

fn transactional(id: &str) -> BaseProducer {
    let producer: BaseProducer =
        broker().client().set("transactional.id", id).create().expect("the settings are valid");
    producer.init_transactions(WITHIN).expect("the coordinator answers");
    producer
}

fn write(producer: &BaseProducer, ledger: &str, event: &str, ends: Ends) {
    producer.begin_transaction().expect("no transaction is open");
    producer.send(BaseRecord::<(), str>::to(ledger).partition(1).payload(event)).expect("a free queue");
    producer.flush(WITHIN).expect("the broker takes the record");
    match ends {
        Ends::Committed => producer.commit_transaction(WITHIN).expect("the transaction can be committed"),
        Ends::Aborted => producer.abort_transaction(WITHIN).expect("the transaction can be aborted"),
    }
}

#[test]
fn lost_offsets_are_set_to_an_hour_before_the_last_event_and_kept_unless_forced() {
    let lost = Lost::prepare("lost", "lost-engine");
    let done = lost.rewind(ExistingOffsets::Keep);
    assert_eq!(done.members, 0);
    assert_eq!(done.partitions[0].outcome, RewindOutcome::LedgerEmpty);
    assert!(matches!(done.partitions[1].outcome, RewindOutcome::Set { .. }), "{done}");
    assert_eq!(lost.committed(0), BTreeMap::new());
    assert_eq!(lost.committed(1), lost.expected());

    let outside: BaseConsumer = broker().client().set("group.id", lost.group).create().expect("the settings are valid");
    let mut other = TopicPartitionList::new();
    other.add_partition_offset("lost.cdrs", 1, Offset::Offset(1)).expect("an offset");
    outside.commit(&other, CommitMode::Sync).expect("the group is empty");
    let kept = lost.rewind(ExistingOffsets::Keep);
    let committed = [(Input::Commands, 1), (Input::Reroute, 0), (Input::Cdrs, 1)].into_iter().collect();
    assert_eq!(kept.partitions[1].outcome, RewindOutcome::Kept { committed });
    assert_eq!(lost.committed(1)[&Input::Cdrs].0, 1, "kept means kept");

    lost.rewind(ExistingOffsets::Replace);
    assert_eq!(lost.committed(1), lost.expected());
}

#[test]
fn a_stopped_partition_is_rewound_while_the_group_has_static_members() {
    let lost = Lost::prepare("shared", "shared-engine");
    let member: BaseConsumer = broker()
        .client()
        .set("group.id", lost.group)
        .set("group.instance.id", "worker-1")
        .set("partition.assignment.strategy", "cooperative-sticky")
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "error")
        .create()
        .expect("the settings are valid");
    member.subscribe(&["shared.cdrs"]).expect("a topic");
    wait_until("the member has its partitions", WITHIN, || {
        let _ = member.poll(Duration::from_millis(50));
        member.assignment().is_ok_and(|assignment| assignment.count() == 2)
    });
    let mut own = TopicPartitionList::new();
    own.add_partition_offset("shared.cdrs", 0, Offset::Offset(0)).expect("an offset");
    member.commit(&own, CommitMode::Sync).expect("a member may commit");

    // Why the rewind is a transaction: from outside, this is refused.
    let outside: BaseConsumer = broker().client().set("group.id", lost.group).create().expect("the settings are valid");
    match outside.commit(&own, CommitMode::Sync) {
        Err(KafkaError::ConsumerCommit(RDKafkaErrorCode::UnknownMemberId)) => {}
        other => panic!("{other:?}"),
    }

    let done = lost.rewind(ExistingOffsets::Keep);
    assert_eq!(done.members, 1);
    let committed = [(Input::Cdrs, 0)].into_iter().collect();
    assert_eq!(done.partitions[0].outcome, RewindOutcome::Kept { committed });
    assert_eq!(lost.committed(1), lost.expected());
    assert_eq!(lost.committed(0), [(Input::Cdrs, (0, String::new()))].into_iter().collect());
    member.commit(&own, CommitMode::Sync).expect("the member is still one");
}

#[test]
fn a_partition_or_a_prefix_that_is_not_there_is_named() {
    let config = broker().client();
    create(&config, "named", 2).expect("the broker takes the topics");
    let request = |prefix, partitions| RewindRequest {
        prefix,
        group: "named-engine",
        partitions,
        existing: ExistingOffsets::Keep,
        run_id: "5eed",
    };
    match rewind(&config, &request("named", &[PartitionId(2)])) {
        Err(TopicsFailure::NoPartition { partition: 2, partitions: 2, .. }) => {}
        other => panic!("{other:?}"),
    }
    match rewind(&config, &request("nowhere", &[])) {
        Err(TopicsFailure::NoTopic { topic }) => assert_eq!(topic, "nowhere.commands"),
        other => panic!("{other:?}"),
    }
}
