//! `tollkeeper audit` over the topic `ledger` of a real Apache Kafka.
#![cfg(feature = "kafka")]

mod support;

use std::time::Duration;

use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use serde_json::{Value, json};
use support::broker::Broker;
use support::engine::Site;
use support::home;
use support::log::read_committed;

const WITHIN: Duration = Duration::from_secs(60);
const PARTITIONS: u32 = 4;

/// Events as the engine would write them: by transaction, to the tenant's home.
struct Ledger {
    broker: Broker,
    site: Site,
    producer: BaseProducer,
}

impl Ledger {
    fn write(&self, events: &[&str], partition: impl Fn(&str) -> u32) {
        self.producer.begin_transaction().expect("no transaction is open");
        for event in events {
            let json: Value = serde_json::from_str(event).expect("JSON");
            let (tenant, _) = json["id"].as_str().and_then(|id| id.split_once('/')).expect("tenant/seq");
            let partition = i32::try_from(partition(tenant)).expect("few");
            let topic = self.site.topic("ledger");
            let record = BaseRecord::to(&topic).partition(partition).key(tenant).payload(*event);
            self.producer.send(record).expect("a free queue");
        }
        self.producer.flush(WITHIN).expect("the broker takes the records");
    }

    fn commit(&self) {
        self.producer.commit_transaction(WITHIN).expect("the transaction can be committed");
    }

    fn audit(&self) -> (Option<i32>, Value) {
        let output = self.site.try_tollkeeper(&["audit", "--json"]);
        let report = serde_json::from_slice(&output.stdout);
        (output.status.code(), report.unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr))))
    }
}

#[test]
fn r42_a_ledger_on_kafka_is_proved_to_its_end_and_its_faults_have_partition_and_offset() {
    let broker = Broker::start("audit");
    a_ledger_that_is_not_there_is_a_failure(&broker);
    let site = Site::create(&broker, "audit", PARTITIONS);
    let producer: BaseProducer =
        broker.client().set("transactional.id", "audit").create().expect("the settings are valid");
    producer.init_transactions(WITHIN).expect("the coordinator answers");
    let ledger = Ledger { broker, site, producer };
    let (code, empty) = ledger.audit();
    assert_eq!((code, &empty["adds_up"], &empty["events"]), (Some(0), &json!(true), &json!(0)));

    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/ledger.jsonl")).expect("UTF-8");
    let events: Vec<&str> = text.lines().collect();
    let at_home = |tenant: &str| home::partition(tenant, PARTITIONS);
    ledger.write(&events[..10], at_home);
    ledger.commit();
    // What was rolled back is no event.
    ledger.write(&events[10..12], at_home);
    ledger.producer.abort_transaction(WITHIN).expect("the transaction can be aborted");
    ledger.write(&events[10..], at_home);
    ledger.commit();
    let (code, report) = ledger.audit();
    assert_eq!((code, &report["adds_up"]), (Some(0), &json!(true)), "{report}");
    assert_eq!((&report["tenants"], &report["events"]), (&json!(2), &json!(22)));
    assert_eq!(report["sums"][0]["balance"], "148.958");

    let repeated = events.iter().find(|event| event.contains("\"contoso/10\"")).expect("it has ten");
    ledger.write(&[repeated], at_home);
    ledger.commit();
    let astray = events.iter().find(|event| event.contains("\"fabrikam/12\"")).expect("it has twelve");
    let elsewhere = (at_home("fabrikam") + 1) % PARTITIONS;
    ledger.write(&[astray], |_| elsewhere);
    ledger.commit();
    let (code, report) = ledger.audit();
    assert_eq!(code, Some(3));
    let records = read_committed(&ledger.broker, &ledger.site.topic("ledger"), WITHIN);
    let last = |partition: u32| {
        let of_partition = records.iter().filter(|record| u32::try_from(record.partition) == Ok(partition));
        of_partition.map(|record| record.offset).max().expect("there are some")
    };
    let faults = report["faults"].as_array().expect("a list");
    let told: Vec<_> =
        faults.iter().map(|fault| (&fault["event"], &fault["law"], &fault["partition"], &fault["offset"])).collect();
    let contoso = at_home("contoso");
    assert_eq!(
        told,
        [
            (&json!("contoso/10"), &json!("sequence"), &json!(contoso), &json!(last(contoso))),
            (&json!("fabrikam/12"), &json!("partition"), &json!(elsewhere), &json!(last(elsewhere))),
        ],
        "{report}"
    );
}

fn a_ledger_that_is_not_there_is_a_failure(broker: &Broker) {
    let output = Site::of_existing(broker, "nowhere", PARTITIONS).try_tollkeeper(&["audit"]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("there is no topic nowhere.ledger"), "{said}");
}
