//! The harness that the tests against a real Apache Kafka rest on does what it says.
#![cfg(feature = "kafka")]

mod support;

use std::process::Command;
use std::time::Duration;

use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use support::broker::Broker;
use support::deadline::wait_until;
use support::log::{LogRecord, create_topic, ends, flush, produce, producer, read_committed};

const WITHIN: Duration = Duration::from_secs(30);

fn values(records: &[LogRecord]) -> Vec<(i32, &str)> {
    records.iter().map(|r| (r.partition, std::str::from_utf8(&r.value).expect("a test's own text"))).collect()
}

fn transactional(broker: &Broker) -> BaseProducer {
    let producer: BaseProducer =
        broker.client().set("transactional.id", "harness").create().expect("the settings are valid");
    producer.init_transactions(WITHIN).expect("the coordinator answers");
    producer
}

fn write(producer: &BaseProducer, value: &str) {
    producer.send(BaseRecord::<(), str>::to("log").partition(1).payload(value)).expect("a free queue");
    producer.flush(WITHIN).expect("the broker takes the record");
}

#[test]
fn reading_shows_what_is_committed_and_survives_a_killed_and_a_stopped_broker() {
    let mut broker = Broker::start("harness");
    create_topic(&broker, "log", 2, &[]);
    let plain = producer(&broker);
    produce(&plain, "log", 0, b"contoso", b"plain");
    flush(&plain);

    let transactions = transactional(&broker);
    transactions.begin_transaction().expect("no transaction is open");
    write(&transactions, "aborted");
    transactions.abort_transaction(WITHIN).expect("the transaction can be aborted");
    transactions.begin_transaction().expect("no transaction is open");
    write(&transactions, "committed");
    let open = ends(&broker, "log")[&1];
    assert_eq!((open.last_stable, open.high_watermark), (2, 3), "the open transaction holds the last stable offset");
    transactions.commit_transaction(WITHIN).expect("the transaction can be committed");

    let expected = [(0, "plain"), (1, "committed")];
    let before = read_committed(&broker, "log", WITHIN);
    assert_eq!(values(&before), expected);
    let address = broker.bootstrap();
    broker.kill();
    assert!(!broker.is_running());
    broker.start_again();
    assert_eq!(broker.bootstrap(), address);
    assert_eq!(read_committed(&broker, "log", WITHIN), before);
    broker.stop();
    broker.start_again();
    assert_eq!(read_committed(&broker, "log", WITHIN), before);
}

/// The supervisor is asked directly, with a command that never ends in the broker's place.
#[test]
fn the_end_of_the_test_process_ends_the_broker_and_removes_its_data() {
    let data = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("target is writable").keep();
    let mut supervisor = Command::new("sh")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/kafka/supervise.sh"))
        .arg(&data)
        .args(["sh", "-c", "echo $$ >\"$0\"/pid; exec sleep 1000"])
        .arg(&data)
        .stdin(std::process::Stdio::piped())
        .spawn()
        .expect("sh starts");
    let pid_file = data.join("pid");
    let read_pid = || std::fs::read_to_string(&pid_file).unwrap_or_default();
    wait_until("the command starts", WITHIN, || read_pid().ends_with('\n'));
    let process = format!("/proc/{}", read_pid().trim());
    assert!(std::path::Path::new(&process).exists());
    drop(supervisor.stdin.take());
    supervisor.wait().expect("a child can be waited for");
    assert!(!std::path::Path::new(&process).exists(), "the command outlived its test");
    assert!(!data.exists(), "its data is left");
}
