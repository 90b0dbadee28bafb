//! `tollkeeper quarantine` over a real Apache Kafka: what was put aside goes back through `reroute`, and is debited once.
#![cfg(feature = "kafka")]

mod support;

use std::time::Duration;

use jiff::SignedDuration;
use rdkafka::producer::BaseProducer;
use serde_json::{Value, json};
use support::books::values;
use support::broker::Broker;
use support::calls::{Call, platform_producer, send};
use support::commands::{add_funds, open};
use support::deadline::wait_until;
use support::engine::Site;
use support::log::{flush, read_committed};

const WITHIN: Duration = Duration::from_secs(60);
const PARTITIONS: u32 = 4;

struct World {
    broker: Broker,
    site: Site,
    producer: BaseProducer,
}

impl World {
    fn call(&self, call: &Call) {
        send(&self.producer, &self.site.topic("cdrs"), &call.tenant, &call.cdr());
        flush(&self.producer);
    }

    fn quarantine(&self, line: &str) -> Value {
        let words: Vec<&str> = ["quarantine"].into_iter().chain(line.split(' ')).chain(["--json"]).collect();
        serde_json::from_str(&self.site.tollkeeper(&words)).expect("one object")
    }

    fn count(&self, reason: &str) -> u64 {
        self.quarantine("list")["by_reason"][reason].as_u64().unwrap_or(0)
    }

    fn debits(&self) -> Vec<Value> {
        let events = values(&self.broker, &self.site.topic("ledger"), WITHIN);
        events.into_iter().filter(|event| event["type"] == "tollkeeper.call.debited.v1").collect()
    }

    fn wait_debits(&self, count: usize) {
        wait_until(&format!("{count} debits"), WITHIN, || self.debits().len() == count);
    }

    fn wait_reason(&self, reason: &str, count: u64) {
        wait_until(&format!("{count} of {reason}"), WITHIN, || self.count(reason) == count);
    }

    fn reroutes(&self) -> usize {
        read_committed(&self.broker, &self.site.topic("reroute"), WITHIN).len()
    }
}

#[test]
fn what_was_put_aside_is_listed_and_replayed_once() {
    let broker = Broker::start("quarantine");
    let site = Site::create(&broker, "quarantine", PARTITIONS);
    let mut engine = site.start("a");
    engine.wait_ready(PARTITIONS.into());
    let world = World { producer: platform_producer(&broker), broker, site };

    // Calls that come before their tenant is opened, one that is too late, and one with another content.
    for number in 0..3 {
        world.call(&Call::ended_now("contoso", &format!("early-{number}"), "33612345678", 78));
    }
    world.wait_reason("unknown_tenant", 3);
    open(&world.producer, &world.site, "contoso");
    add_funds(&world.producer, &world.site, "contoso", "100.00", "p-1");
    flush(&world.producer);
    wait_until("contoso is funded", WITHIN, || values(&world.broker, &world.site.topic("ledger"), WITHIN).len() >= 2);
    let mut late = Call::ended_now("contoso", "late", "33612345678", 78);
    late.answered_at -= SignedDuration::from_hours(24 * 9);
    world.call(&late);
    let call = Call::ended_now("contoso", "twice", "33612345678", 78);
    world.call(&call);
    world.call(&Call { seconds: 200, ..call });
    world.wait_reason("too_late", 1);
    world.wait_reason("conflicting_duplicate", 1);
    world.wait_debits(1);

    let listed = world.quarantine("list --tenant contoso --reason unknown_tenant --limit 2");
    assert_eq!((&listed["entries"], &listed["rows_left_out"]), (&json!(3), &json!(1)), "{listed}");
    let home = listed["rows"][0]["partition"].as_u64().expect("a partition");
    assert_eq!(world.quarantine(&format!("list --partition {home}"))["entries"], 5);
    assert_eq!(world.quarantine(&format!("list --partition {}", (home + 1) % 4))["entries"], 0);

    // One by its source, by way of a dry run that changes nothing; then all, that one again among them.
    let source = listed["rows"][1]["source"].as_str().expect("a source");
    let dry = world.quarantine(&format!("replay --source {source}"));
    assert_eq!((&dry["records"], &dry["replay"]), (&json!(1), &json!("would be sent")));
    assert_eq!(world.reroutes(), 0);
    world.quarantine(&format!("replay --source {source} --commit"));
    world.wait_debits(2);
    let replayed = world.debits().into_iter().find(|debit| debit["data"]["replay_of"] != Value::Null).expect("one is");
    let offset = &listed["rows"][1]["offset"];
    assert_eq!(replayed["data"]["replay_of"], format!("quarantine.quarantine/{home}/{offset}"));
    assert_eq!(world.quarantine("replay --reason unknown_tenant --commit")["records"], 3);
    world.wait_debits(4);
    world.wait_reason("duplicate", 1);

    // Late: debited once, and the next time the ledger says so.
    assert_eq!(world.quarantine("replay --reason too_late --late --commit")["records"], 1);
    world.wait_debits(5);
    let again = world.quarantine("replay --reason too_late --late --commit");
    assert_eq!((&again["records"], &again["refused"]), (&json!(0), &json!({"debited": 1})), "{again}");
    let debit = world.debits().into_iter().find(|debit| debit["data"]["call_id"] == "late").expect("it was debited");
    assert_eq!(again["rows"][0]["event"], debit["id"]);

    // As new: twice is once.
    for _ in 0..2 {
        world.quarantine("replay --reason conflicting_duplicate --as-new --commit");
    }
    world.wait_debits(6);
    world.wait_reason("duplicate", 2);
    assert_eq!(world.debits().len(), 6);
    let audit: Value = serde_json::from_str(&world.site.tollkeeper(&["audit", "--json"])).expect("one object");
    assert_eq!((&audit["adds_up"], &audit["sums"][0]["debited"]), (&json!(true), &json!("1.75")), "{audit}");
    assert!(engine.stop(WITHIN).success(), "{}", engine.log_tail());
}
