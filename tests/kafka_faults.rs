//! Poison, processes that share partitions, a zombie, lost offsets: on a real Apache Kafka.
#![cfg(feature = "kafka")]

mod support;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rdkafka::admin::AdminOptions;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use serde_json::Value;
use sha2::{Digest, Sha256};
use support::books::{Books, quarantine};
use support::broker::Broker;
use support::calls::{Call, Pattern, Sent, Traffic, platform_producer};
use support::commands::{add_funds, open};
use support::deadline::{Deadline, wait_until};
use support::desk::{Desk, by_reason, debited, wait_debited};
use support::engine::{Engine, Site, wait_shared};
use support::log::{admin, create_topic, ends, wait_for};
use support::price_list::PriceList;

const WITHIN: Duration = Duration::from_secs(60);
/// Graceful stops end by then: `shutdown_deadline_seconds`.
const STOP_WITHIN: Duration = Duration::from_secs(25);
/// A record of 10 MB.
const LARGE_BYTES: usize = 10_000_000;
const LARGE_BYTES_ALLOWED: &str = "12000000";

/// The broker of this binary. It looks for transactions that took too long more often than the usual 10 s.
fn broker() -> &'static Broker {
    static BROKER: OnceLock<Broker> = OnceLock::new();
    BROKER.get_or_init(|| {
        Broker::start_with("faults", &[("transaction.abort.timed.out.transaction.cleanup.interval.ms", "500")])
    })
}

fn traffic(broker: &Broker, site: &Site, desk: &Desk, name: &str, misrouted_percent: u32) -> Traffic {
    let tenants = desk.tenants.clone();
    let pattern = Pattern { seed: 77, name: name.into(), tenants, per_second: 400, misrouted_percent };
    Traffic::start(broker, &site.topic("cdrs"), site.partitions(), Arc::new(PriceList::read()), pattern)
}

/// A record that no call can be read from.
struct Poison {
    name: &'static str,
    value: Option<Vec<u8>>,
}

fn poisons() -> Vec<Poison> {
    let large = format!(r#"{{"call_id":"large","attributes":{{"padding":"{}"}}}}"#, "x".repeat(LARGE_BYTES));
    let poison = |name, value: &[u8]| Poison { name, value: Some(value.into()) };
    vec![
        poison("10 MB", large.as_bytes()),
        poison("broken JSON", br#"{"call_id":"c-1","tenant":"#),
        poison("not UTF-8", b"{\"call_id\":\"\xff\xfe\"}"),
        poison("empty", b""),
        Poison { name: "null", value: None },
    ]
}

/// Publishes the poison to a partition, and returns what the quarantine must say, by topic, partition and offset.
fn publish_poison(producer: &BaseProducer, topic: &str, partition: u32, first_offset: i64) -> BTreeMap<Place, Poison> {
    let mut places = BTreeMap::new();
    for (offset, poison) in (first_offset..).zip(poisons()) {
        let mut record: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(topic).partition(partition.cast_signed());
        if let Some(value) = &poison.value {
            record = record.payload(value);
        }
        producer.send(record).unwrap_or_else(|(fault, _)| panic!("{}: {fault}", poison.name));
        // One after the other, so that each has its offset.
        producer.flush(WITHIN).expect("the broker takes it");
        places.insert((topic.into(), i64::from(partition), offset), poison);
    }
    places
}

/// Topic, partition and offset.
type Place = (String, i64, i64);

fn place_of(entry: &Value) -> Place {
    let source = &entry["source"];
    let number = |name: &str| source[name].as_i64().expect("a number");
    (source["topic"].as_str().expect("a topic").into(), number("partition"), number("offset"))
}

#[test]
fn poison_at_the_head_and_in_the_middle_is_quarantined_and_the_calls_behind_it_are_rated() {
    const PARTITIONS: u32 = 2;
    for topic in ["cdrs", "commands", "reroute"] {
        let settings = [
            ("retention.ms", "3456000000"),
            ("message.timestamp.type", "LogAppendTime"),
            ("max.message.bytes", LARGE_BYTES_ALLOWED),
        ];
        create_topic(broker(), &format!("poison.{topic}"), PARTITIONS, &settings);
    }
    let site = Site::create(broker(), "poison", PARTITIONS);
    let producer = platform_producer(broker());
    let tenant = "contoso";
    let home = support::home::partition(tenant, PARTITIONS);
    let end = |topic: &str| ends(broker(), topic)[&home.cast_signed()].high_watermark;

    let mut expected = BTreeMap::new();
    for topic in ["cdrs", "commands", "reroute"] {
        expected.extend(publish_poison(&producer, &site.topic(topic), home, 0));
    }
    open(&producer, &site, tenant);
    add_funds(&producer, &site, tenant, "100", "p1");
    producer.flush(WITHIN).expect("the broker takes the commands");
    let call = |name: &str| {
        let call = Call::ended_now(tenant, name, "33612345678", 78);
        support::calls::send(&producer, &site.topic("cdrs"), tenant, &call.cdr());
        producer.flush(WITHIN).expect("the broker takes the call");
    };
    call("behind the head");
    let mut engine = site.start("a");
    engine.wait_ready(PARTITIONS.into());
    wait_debited(&mut engine, 1);
    expected.extend(publish_poison(&producer, &site.topic("cdrs"), home, end(&site.topic("cdrs"))));
    call("in the middle");
    wait_debited(&mut engine, 2);

    let books = Books::read(broker(), &site, WITHIN);
    assert_eq!(books.accounts[tenant].balance, support::amount::billionths("99.50"));
    let found: BTreeMap<Place, Value> =
        quarantine(broker(), &site, WITHIN).into_iter().map(|entry| (place_of(&entry), entry)).collect();
    assert_eq!(
        found.keys().collect::<Vec<_>>(),
        expected.keys().collect::<Vec<_>>(),
        "each has its entry, and nothing else"
    );
    for (place, poison) in &expected {
        judge_entry(&found[place], poison);
    }
    println!("{} poison records, each with its entry", expected.len());
    assert!(engine.stop(STOP_WITHIN).success(), "{}", engine.log_tail());

    // None of it comes back after a restart.
    let mut engine = site.start("a");
    engine.wait_ready(PARTITIONS.into());
    call("after the restart");
    wait_debited(&mut engine, 1);
    assert_eq!(quarantine(broker(), &site, WITHIN).len(), expected.len());
}

fn judge_entry(entry: &Value, poison: &Poison) {
    let name = poison.name;
    assert_eq!(entry["reason"], "malformed", "{name}: {entry}");
    assert!(entry["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{name}: {entry}");
    let value = poison.value.as_deref().unwrap_or_default();
    match std::str::from_utf8(value) {
        Ok(text) if value.len() <= 65_536 => assert_eq!(entry["record"], text, "{name}"),
        Ok(text) => {
            let prefix = entry["record_prefix"].as_str().expect("a prefix");
            assert!(!prefix.is_empty() && text.starts_with(prefix), "{name}: {prefix}");
            assert_eq!(entry["length"], value.len(), "{name}");
            let digest = Sha256::digest(value).iter().fold(String::new(), |mut hex, byte| {
                write!(hex, "{byte:02x}").expect("a string grows");
                hex
            });
            assert_eq!(entry["sha256"], digest, "{name}");
        }
        Err(_) => assert!(entry["record_base64"].is_string(), "{name}: {entry}"),
    }
}

#[test]
fn two_processes_share_partitions_and_a_zombie_and_a_leaver_lose_nothing_and_repeat_nothing() {
    const PARTITIONS: u32 = 4;
    let mut site = Site::create(broker(), "shared", PARTITIONS);
    // Long enough that the zombie is likely to be stopped with an open transaction.
    site.set("commit_interval_ms=400");
    let mut desk = Desk::new(broker(), 12, 5);
    let (mut a, mut b) = (site.start("a"), site.start("b"));
    wait_shared(&mut [&mut a, &mut b], PARTITIONS);
    desk.open_accounts(broker(), &site);
    let traffic = traffic(broker(), &site, &desk, "s", 2);
    wait_debited(&mut a, 200);
    wait_debited(&mut b, 200);

    // A zombie: stopped past its session, while its transaction is open.
    let ledger = site.topic("ledger");
    let stopped_inside = stop_inside_a_transaction(&b, &ledger);
    assert!(stopped_inside, "the zombie was to be stopped inside a transaction");
    a.wait_ready(PARTITIONS.into());
    wait_debited(&mut a, 2_000);
    desk.fund_any(&site);
    b.signal("CONT");
    wait_shared(&mut [&mut a, &mut b], PARTITIONS);
    wait_debited(&mut b, 1_000);

    // A leaver.
    assert!(b.stop(STOP_WITHIN).success(), "{}", b.log_tail());
    desk.fund_any(&site);
    a.wait_ready(PARTITIONS.into());
    let before = debited(&mut a);
    wait_until("the one that stays goes on", WITHIN, || debited(&mut a) > before + 500.0);

    let sent = traffic.stop();
    let books = desk.drain(broker(), &site, &mut [&mut a], &sent);
    desk.compare(broker(), &site, &sent, &books);
    println!("zombie stopped inside a transaction: {stopped_inside}; {} calls debited", books.debit_count());
}

/// Stops the process (SIGSTOP) at a moment when a transaction of the ledger stays open, if one comes within some attempts.
fn stop_inside_a_transaction(engine: &Engine, ledger: &str) -> bool {
    for _ in 0..20 {
        engine.signal("STOP");
        let open = || ends(broker(), ledger).values().filter(|end| end.last_stable < end.high_watermark).count();
        // The other process has transactions too; those end within its commit interval, so what stays is the stopped one's.
        let deadline = Deadline::after(Duration::from_millis(1200));
        let mut stays = open() > 0;
        while stays && !deadline.passed() {
            stays = open() > 0;
        }
        if stays {
            return true;
        }
        engine.signal("CONT");
    }
    engine.signal("STOP");
    false
}

/// Commits are under way when the broker goes: their outcome is looked up, or their records are read again. Where the client
/// blocks for too long in the meantime, the watchdog ends the process, and the next start recovers.
#[test]
fn a_broker_that_is_killed_and_comes_back_costs_no_call_and_charges_none_twice() {
    const PARTITIONS: u32 = 3;
    const BROKER_KILLS: usize = 2;
    let mut broker = Broker::start("killed");
    let mut site = Site::create(&broker, "killed", PARTITIONS);
    site.set("transaction_timeout_ms=15000");
    let mut desk = Desk::new(&broker, 8, 21);
    let mut engine = site.start("a");
    engine.wait_ready(PARTITIONS.into());
    desk.open_accounts(&broker, &site);
    let traffic = traffic(&broker, &site, &desk, "k", 2);
    let mut ended = 0;
    let mut recent = 0.0;
    for _ in 0..BROKER_KILLS {
        wait_until("the engine goes on", WITHIN, || {
            if !engine.is_running() {
                ended += 1;
                recent = 0.0;
                engine = site.start("a");
                engine.wait_ready(PARTITIONS.into());
            }
            engine.is_running() && engine.try_get("/metrics").is_some() && debited(&mut engine) > recent + 300.0
        });
        broker.kill();
        broker.start_again();
        desk.fund_any(&site);
        recent = if engine.is_running() { debited(&mut engine) } else { 0.0 };
    }
    let sent = traffic.stop();
    if !engine.is_running() {
        ended += 1;
        engine = site.start("a");
    }
    engine.wait_ready(PARTITIONS.into());
    let books = desk.drain(&broker, &site, &mut [&mut engine], &sent);
    desk.compare(&broker, &site, &sent, &books);
    println!(
        "{BROKER_KILLS} kills of the broker, {ended} ends of the engine by them; {} transactions aborted, {} outcomes unknown; \
         {} calls debited",
        engine.metric("tollkeeper_transactions_total{outcome=\"aborted\"}"),
        engine.metric("tollkeeper_transaction_outcomes_unknown_total"),
        books.debit_count()
    );
}

#[test]
fn lost_offsets_stop_the_partition_and_a_rewind_gets_it_going_with_nothing_charged_twice() {
    const PARTITIONS: u32 = 3;
    let site = Site::create(broker(), "rewound", PARTITIONS);
    // Fewer tenants than would fill all partitions with certainty: an empty ledger must not stop.
    let mut desk = Desk::new(broker(), 6, 9);
    let mut engine = site.start("a");
    engine.wait_ready(PARTITIONS.into());
    desk.open_accounts(broker(), &site);
    let first = traffic(broker(), &site, &desk, "r", 0);
    wait_debited(&mut engine, 1_000);
    let mut sent = first.stop();
    desk.drain(broker(), &site, &mut [&mut engine], &sent);
    assert!(engine.stop(STOP_WITHIN).success(), "{}", engine.log_tail());
    delete_group(&site);

    let before = Books::read(broker(), &site, WITHIN);
    let counted = by_reason(broker(), &site);
    let homes: std::collections::BTreeSet<u32> =
        desk.tenants.iter().map(|tenant| support::home::partition(tenant, PARTITIONS)).collect();
    let mut engine = site.start("a");
    wait_until("each partition with a ledger has stopped", WITHIN, || {
        let Some((503, body)) = engine.try_get("/health/ready") else { return false };
        homes.iter().all(|home| {
            body.contains(&format!("partition {home} is stopped"))
                && body.contains(&format!("`tollkeeper offsets rewind --partition {home}`"))
        })
    });
    // Calls go on meanwhile; they wait.
    let more = traffic(broker(), &site, &desk, "w", 0);
    wait_until("calls are published", WITHIN, || more.sent() > 500);
    sent.join(more.stop());
    assert_eq!(Books::read(broker(), &site, WITHIN).events, before.events, "nothing is rated without offsets");
    assert!(engine.stop(STOP_WITHIN).success(), "{}", engine.log_tail());

    let said = site.tollkeeper(&["offsets", "rewind"]);
    println!("{said}");
    let mut engine = site.start("a");
    engine.wait_ready(PARTITIONS.into());
    // Everything of the last hour is read again, so each call and each command that had its effect is a duplicate now.
    let expected = all_read_again(&desk, &sent, &before, &counted);
    let mut books = Books::default();
    wait_until("everything is read again", WITHIN, || {
        books = Books::read(broker(), &site, WITHIN);
        books.debit_count() >= sent.priced() && by_reason(broker(), &site) == expected
    });
    sent.compare(&books);
    for (tenant, account) in &books.accounts {
        assert_eq!(account.added, before.accounts[tenant].added, "{tenant}: funds count once");
    }
    println!(
        "{} calls before, {} in all; quarantined {:?}",
        before.debit_count(),
        books.debit_count(),
        by_reason(broker(), &site)
    );
}

/// The quarantine after all inputs were read a second time.
fn all_read_again(
    desk: &Desk,
    sent: &Sent,
    before: &Books,
    counted: &BTreeMap<String, usize>,
) -> BTreeMap<String, usize> {
    let mut expected = desk.quarantined(sent);
    for (reason, count) in counted {
        *expected.entry(reason.clone()).or_default() += count;
    }
    let applied = desk.commands() - desk.repeats();
    *expected.entry("duplicate".into()).or_default() += before.debit_count() + applied;
    expected
}

/// Deletes the group with its offsets, as brokers do after `offsets.retention.minutes`; its static members time out first.
fn delete_group(site: &Site) {
    let admin = admin(broker());
    wait_until("the group is empty and can be deleted", WITHIN, || {
        let results = wait_for(admin.delete_groups(&[site.group()], &AdminOptions::new())).expect("the broker answers");
        results.iter().all(Result::is_ok)
    });
}
