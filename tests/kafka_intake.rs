//! The intake on a real Apache Kafka: what a switch writes, keyed as it likes, is native and at home exactly once.
#![cfg(feature = "kafka")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use rdkafka::producer::BaseProducer;
use serde_json::{Value, json};
use support::broker::Broker;
use support::deadline::wait_until;
use support::engine::{Engine, Site};
use support::home;
use support::log::{create_topic, flush, produce, producer, read_committed};
use tollkeeper::wire::cdr;

const WITHIN: Duration = Duration::from_secs(60);
const STOP_WITHIN: Duration = Duration::from_secs(25);
/// Of the engine's topics, and of the switch's.
const PARTITIONS: u32 = 4;
const SWITCH_PARTITIONS: u32 = 3;
const TOPIC: &str = "freeswitch-cdrs";
const READS: &str = "the intake reads";
const TENANTS: [&str; 4] = ["contoso", "fabrikam", "adatum", "wingtip"];

struct Switch {
    broker: Broker,
    site: Site,
    producer: BaseProducer,
    config: String,
    /// What was published so far.
    sent: Sent,
}

#[derive(Default)]
struct Sent {
    /// Call id and tenant.
    calls: BTreeMap<String, String>,
    /// Records that nobody can read, by partition and text.
    garbage: usize,
    records: u32,
}

impl Switch {
    fn start(broker: Broker) -> Switch {
        create_topic(&broker, TOPIC, SWITCH_PARTITIONS, &[]);
        let mut site = Site::create(&broker, "intake", PARTITIONS);
        // Long, so that kills and rebalances come while a transaction is open.
        site.set("commit_interval_ms=2000");
        let mapping = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/formats/freeswitch_json.toml");
        let config =
            format!("[[intake]]\ntopic = \"{TOPIC}\"\nformat = \"freeswitch_json\"\nmapping = \"{mapping}\"\n");
        let config = site.write_file("intake.toml", &config);
        Switch { producer: producer(&broker), broker, site, config, sent: Sent::default() }
    }

    fn intake(&self, instance: &str) -> Engine {
        self.site.start_intake(instance, &["--config", &self.config])
    }

    /// Publishes records, in turn to each partition, none keyed by tenant: mostly calls, a leg of a call each 10th, garbage
    /// each 25th.
    fn send(&mut self, records: u32) {
        let now = Timestamp::from_second(1_795_169_730).expect("a time").as_microsecond();
        for _ in 0..records {
            let number = self.sent.records;
            self.sent.records += 1;
            let (uuid, tenant) = (format!("uuid-{number:06}"), TENANTS[number as usize % TENANTS.len()]);
            let mut document = json!({
                "switchname": "fs1",
                "variables": {
                    "uuid": uuid, "accountcode": format!("{tenant}-{number}"), "billusec": "77539896",
                    "answer_uepoch": now.to_string(), "end_uepoch": (now + 77_539_896).to_string(),
                },
                "callflow": [{"caller_profile": {
                    "caller_id_number": "0140000001", "destination_number": "%2B442071234567", "context": "internal",
                }}],
            });
            let value = if number % 25 == 3 {
                self.sent.garbage += 1;
                format!("{{\"variables\": broken {number}")
            } else if number % 10 == 7 {
                document["variables"]["originator"] = "another leg".into();
                document.to_string()
            } else {
                self.sent.calls.insert(uuid, tenant.to_owned());
                document.to_string()
            };
            let key = format!("fs1-{number}");
            produce(&self.producer, TOPIC, number % SWITCH_PARTITIONS, key.as_bytes(), value.as_bytes());
        }
        flush(&self.producer);
    }

    /// How many CDRs are committed.
    fn arrived(&self) -> usize {
        read_committed(&self.broker, &self.site.topic("cdrs"), WITHIN).len()
    }

    fn wait_arrived(&self, at_least: usize, intake: &Engine) {
        let what = || format!("{at_least} CDRs have arrived:\n{}", intake.log_tail());
        wait_until("CDRs arrive", WITHIN, || {
            let arrived = self.arrived();
            if arrived < at_least && intake.log().contains("could not go on") {
                panic!("{}", what());
            }
            arrived >= at_least
        });
    }

    /// Each call once, native, at home; each piece of garbage once, aside, with its source.
    fn check(&self) {
        let mut calls = BTreeMap::new();
        for record in read_committed(&self.broker, &self.site.topic("cdrs"), WITHIN) {
            let call = cdr::decode(&record.value).unwrap_or_else(|rejected| panic!("{rejected}"));
            assert_eq!(record.key, call.tenant.as_bytes());
            assert_eq!(u32::try_from(record.partition), Ok(home::partition(&call.tenant, PARTITIONS)));
            assert_eq!((&*call.from, &*call.to), ("+33140000001", "+442071234567"));
            assert_eq!(call.duration().micros(), 77_539_896);
            let before = calls.insert(call.call_id.into_owned(), call.tenant.into_owned());
            assert_eq!(before, None, "a call arrived twice");
        }
        assert_eq!(calls, self.sent.calls, "no call is lost");
        let mut sources = BTreeSet::new();
        for record in read_committed(&self.broker, &self.site.topic("quarantine"), WITHIN) {
            let entry: Value = serde_json::from_slice(&record.value).expect("JSON");
            assert_eq!((&entry["reason"], &entry["source"]["topic"]), (&json!("malformed"), &json!(TOPIC)));
            assert!(entry["record"].as_str().is_some_and(|text| text.contains("broken")), "{entry}");
            assert!(sources.insert(entry["source"].to_string()), "put aside twice: {entry}");
        }
        assert_eq!(sources.len(), self.sent.garbage);
    }
}

#[test]
fn what_a_switch_writes_is_native_and_at_home_exactly_once() {
    let mut switch = Switch::start(Broker::start("intake"));
    it_survives_kills(&mut switch);
    a_zombie_publishes_nothing(&mut switch);
    metrics_and_the_end(&mut switch);
}

/// Killed while it works, again and again; what it left open is aborted, what it had committed is not read again.
fn it_survives_kills(switch: &mut Switch) {
    switch.send(1_000);
    for round in 0..4 {
        let mut intake = switch.intake("a");
        intake.wait_logged(READS, WITHIN);
        let before = switch.arrived();
        switch.send(500);
        switch.wait_arrived(before + 1 + 100 * round, &intake);
        switch.send(500);
        intake.kill();
    }
    let mut intake = switch.intake("a");
    switch.wait_arrived(switch.sent.calls.len(), &intake);
    switch.check();
    assert!(intake.stop(STOP_WITHIN).success(), "{}", intake.log_tail());
}

/// A process that stands still loses its partitions; when it wakes up with a transaction open, nobody takes that.
fn a_zombie_publishes_nothing(switch: &mut Switch) {
    let zombie = switch.intake("a");
    zombie.wait_logged(READS, WITHIN);
    let mut heir = switch.intake("b");
    heir.wait_logged(READS, WITHIN);
    for _ in 0..3 {
        let assignments = heir.log().matches(READS).count();
        switch.send(300);
        zombie.signal("STOP");
        switch.send(300);
        wait_until("the heir has it all", WITHIN, || heir.log().matches(READS).count() > assignments);
        // Sooner than its own watchdog ends it, and while the broker waits for its transaction.
        zombie.signal("CONT");
        switch.send(300);
        switch.wait_arrived(switch.sent.calls.len(), &heir);
        switch.check();
    }
    let mut zombie = zombie;
    assert!(zombie.stop(STOP_WITHIN).success(), "{}", zombie.log_tail());
    assert!(heir.stop(STOP_WITHIN).success(), "{}", heir.log_tail());
    switch.check();
}

fn metrics_and_the_end(switch: &mut Switch) {
    let mut intake = switch.intake("a");
    intake.wait_logged(READS, WITHIN);
    let (calls, garbage) = (switch.sent.calls.len(), switch.sent.garbage);
    switch.send(100);
    switch.wait_arrived(switch.sent.calls.len(), &intake);
    let (calls, garbage) = (switch.sent.calls.len() - calls, switch.sent.garbage - garbage);
    let legs = 100 - calls - garbage;
    let counts = [("call", "", calls), ("quarantined", "malformed", garbage), ("skipped", "internal_leg", legs)];
    wait_until("the rows are counted", WITHIN, || {
        let (_, metrics) = intake.get("/metrics");
        counts.iter().all(|(outcome, reason, rows)| {
            let series = "tollkeeper_intake_rows_total";
            metrics.contains(&format!("{series}{{outcome=\"{outcome}\",reason=\"{reason}\"}} {rows}\n"))
        })
    });
    assert_eq!(intake.get("/health/ready").0, 200);
    assert!(intake.stop(STOP_WITHIN).success(), "{}", intake.log_tail());
    switch.check();
}
