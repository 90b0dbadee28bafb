//! What prices calls is published on a real Apache Kafka, and running engines take it.
#![cfg(feature = "kafka")]

mod support;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use serde_json::Value;
use support::books::values;
use support::broker::Broker;
use support::calls::{Call, now, platform_producer, send};
use support::deadline::wait_until;
use support::engine::{Engine, Site};
use support::log::flush;
use tollkeeper::stream::catalog::publish::{Terms, publication};
use tollkeeper::stream::catalog::read_item;
use tollkeeper::stream::kafka::CatalogPublisher;
use tollkeeper::stream::settings::KafkaSettings;
use tollkeeper::wire::catalog_record::ItemKind;

const WITHIN: Duration = Duration::from_secs(60);
const STOP_WITHIN: Duration = Duration::from_secs(25);
const PARTITIONS: u32 = 2;
/// The shortest lead of the tests' settings: 3 s until a catalog is stale, and two transactions of 5 s.
const LEAD_SECONDS: u32 = 13;
const SETTINGS: [&str; 5] = [
    "catalog=",
    "catalog_stale_seconds=3",
    "publish_lead_seconds=13",
    "acceptance_ahead_minutes=0",
    "transaction_timeout_ms=5000",
];

fn broker() -> &'static Broker {
    static BROKER: OnceLock<Broker> = OnceLock::new();
    BROKER.get_or_init(|| Broker::start("catalog"))
}

struct Shop {
    site: Site,
    producer: BaseProducer,
    directory: PathBuf,
}

impl Shop {
    fn open(prefix: &str) -> Shop {
        let mut site = Site::create(broker(), prefix, PARTITIONS);
        SETTINGS.into_iter().for_each(|setting| site.set(setting));
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("shop-{prefix}-{}", std::process::id()));
        fs::create_dir_all(&directory).expect("target is writable");
        Shop { site, producer: platform_producer(broker()), directory }
    }

    /// `tollkeeper deck …` with the settings of the site; it must succeed.
    fn deck(&self, line: &str) -> String {
        let (succeeded, output) = self.try_deck(line);
        assert!(succeeded, "{line}: {output}");
        output
    }

    /// What it printed if it succeeds, and else what it complained of.
    fn try_deck(&self, line: &str) -> (bool, String) {
        let mut arguments: Vec<&str> = std::iter::once("deck").chain(line.split(' ')).collect();
        SETTINGS.iter().for_each(|setting| arguments.extend(["--set", setting]));
        let output = self.site.try_tollkeeper(&arguments);
        let text = if output.status.success() { output.stdout } else { output.stderr };
        (output.status.success(), String::from_utf8(text).expect("UTF-8"))
    }

    /// The lines of `deck list`.
    fn list(&self) -> Vec<Value> {
        self.deck("list --json").lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    fn states(&self, id: &str) -> Vec<String> {
        let lines = self.list();
        let of_id = lines.iter().filter(|line| line["id"] == id);
        of_id.map(|line| line["state"].as_str().expect("a text").to_owned()).collect()
    }

    /// A price list with one row, in a file.
    fn price_list(&self, rate: &str) -> String {
        let path = self.directory.join("retail.csv");
        fs::write(&path, format!("# currency: USD\nprefix,country,rate_per_minute\n1,US,{rate}\n")).expect("written");
        path.to_str().expect("UTF-8").to_owned()
    }

    fn command(&self, line: &str) {
        self.site.tollkeeper(&line.split(' ').collect::<Vec<_>>());
    }

    /// Opens an account whose calls `retail` prices, and waits until it is open.
    fn open_account(&self, tenant: &str) {
        self.command(&format!("tenant open {tenant} --currency USD --price-list retail --usage-country US"));
        wait_until("the account is open", WITHIN, || {
            let ledger = values(broker(), &self.site.topic("ledger"), WITHIN);
            ledger.iter().any(|event| event["id"] == format!("{tenant}/1"))
        });
    }

    fn call(&self, call_id: &str, answered_at: Timestamp) {
        let call = Call {
            tenant: "contoso".into(),
            call_id: call_id.into(),
            to: "14255550100".into(),
            seconds: 1,
            answered_at,
        };
        send(&self.producer, &self.site.topic("cdrs"), &call.tenant, &call.cdr());
        flush(&self.producer);
    }

    /// The amount and the price list of a debit; nothing while there is none.
    fn debit(&self, call_id: &str) -> Option<(String, String)> {
        let ledger = values(broker(), &self.site.topic("ledger"), WITHIN);
        let data = ledger.into_iter().map(|event| event["data"].clone()).find(|data| data["call_id"] == call_id)?;
        let text = |field: &str| data[field].as_str().expect("a text").to_owned();
        Some((text("amount"), text("deck")))
    }

    fn wait_debit(&self, call_id: &str) -> (String, String) {
        let mut found = None;
        wait_until(&format!("{call_id} is debited"), WITHIN, || {
            found = self.debit(call_id);
            found.is_some()
        });
        found.expect("it was waited for")
    }

    fn wait_reason(&self, engine: &mut Engine, reason: &str) {
        wait_until(&format!("not ready since {reason}"), WITHIN, || {
            assert!(engine.is_running(), "{}", engine.log_tail());
            engine.try_get("/health/ready").is_some_and(|(status, body)| status == 503 && body.contains(reason))
        });
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// In so many seconds.
fn ahead(seconds: u32) -> Timestamp {
    // Whole seconds, as people write them.
    let whole = Timestamp::from_second(now().as_second()).expect("a time");
    whole + SignedDuration::from_secs(i64::from(seconds) + 1)
}

fn wait_for_time(at: Timestamp) {
    wait_until("the time comes", WITHIN, || now() > at);
}

fn version(engine: &mut Engine) -> String {
    let (_, metrics) = engine.get("/metrics");
    let (_, rest) = metrics.split_once("tollkeeper_catalog_info{version=\"").expect("a catalog");
    rest.split_once('"').expect("a label").0.to_owned()
}

#[test]
fn r12_running_engines_take_what_is_published_for_the_calls_that_start_in_it() {
    let shop = Shop::open("publish");
    let mut engine = shop.site.start("a");
    shop.wait_reason(&mut engine, "catalog: nothing is published yet");
    first_prices(&shop);
    engine.wait_ready(PARTITIONS.into());
    shop.open_account("contoso");
    let first = format!(
        "retail@{}",
        shop.list().iter().find(|line| line["id"] == "retail").expect("listed")["version"].as_str().expect("a text")
    );

    let from = ahead(LEAD_SECONDS + 3);
    let second = shop.price_list("0.02");
    let published = shop.deck(&format!("publish {second} --effective-from {from} --commit --actor ada"));
    assert!(published.contains("0 rows added, 0 removed, 1 dearer, 0 cheaper"), "{published}");
    assert_eq!(shop.states("retail"), ["in force", "to come"]);
    late_publications_are_refused_and_ignored(&shop, &mut engine);
    let mut other = shop.site.start("b");
    other.wait_ready(0);

    wait_for_time(from + SignedDuration::from_secs(2));
    assert_eq!(shop.states("retail"), ["superseded", "in force", "ignored: too late"]);
    shop.call("last of the old", from - SignedDuration::from_nanos(1_000));
    shop.call("first of the new", from);
    shop.call("an old one, late", from - SignedDuration::from_hours(24));
    assert_eq!(shop.wait_debit("last of the old"), ("0.01".to_owned(), first.clone()));
    let new = shop.wait_debit("first of the new");
    assert_eq!((new.0.as_str(), new.1 != first), ("0.02", true));
    assert_eq!(shop.wait_debit("an old one, late"), ("0.01".to_owned(), first.clone()));
    assert_eq!(version(&mut engine), version(&mut other));

    an_earlier_version_comes_back(&shop, first.strip_prefix("retail@").expect("id@version"));
    for engine in [&mut engine, &mut other] {
        assert!(engine.stop(STOP_WITHIN).success(), "{}", engine.log_tail());
    }
}

/// The catalog of the project, and a price list of its own.
fn first_prices(shop: &Shop) {
    let rates = Path::new(env!("CARGO_MANIFEST_DIR")).join("rates");
    let line = format!("publish --directory {}", rates.display());
    let dry = shop.deck(&line);
    assert!(dry.contains("deck outbound-usd: ") && dry.ends_with("--commit publishes\n"), "{dry}");
    assert!(shop.list().is_empty(), "a dry run writes nothing");
    let committed = shop.deck(&format!("{line} --commit"));
    assert_eq!(committed.lines().count(), dry.lines().count() - 1, "{committed}");
    assert_eq!(shop.deck(&line), "nothing differs from what is in force\n");
    let list = shop.price_list("0.01");
    shop.deck(&format!("publish {list} --commit --note first"));
    let (succeeded, refused) = shop.try_deck(&format!("publish {list} --commit"));
    assert!(!succeeded && refused.contains("what is in force then is version"), "{refused}");
    let exported = shop.directory.join("exported");
    shop.deck(&format!("export --id outbound-usd --output {}", exported.display()));
    let original = fs::read(rates.join("decks/outbound-usd.csv")).expect("there");
    assert!(fs::read(exported.join("decks/outbound-usd.csv")).expect("written") == original);
}

/// The command line refuses what the nodes would ignore; what comes into the topic all the same has no effect.
fn late_publications_are_refused_and_ignored(shop: &Shop, engine: &mut Engine) {
    let third = shop.price_list("0.03");
    let (succeeded, refused) = shop.try_deck(&format!("publish {third} --effective-from {} --commit", ahead(5)));
    assert!(!succeeded && refused.contains("is too soon"), "{refused}");
    let item = read_item(ItemKind::Deck, "retail", Path::new(&third)).expect("readable");
    let terms = Terms {
        publication: "00000000000000aa".into(),
        effective_from: Some(ahead(5)),
        lead_seconds: LEAD_SECONDS,
        published_by: "a test".into(),
        note: "".into(),
    };
    let late = publication(&item, terms).expect("small");
    let settings = KafkaSettings {
        brokers: broker().bootstrap(),
        topic_prefix: "publish".into(),
        group_id: "publish".into(),
        transactional_id: "test".into(),
        group_instance_id: "test".into(),
        overrides: std::collections::BTreeMap::new(),
    };
    let publisher = CatalogPublisher::connect(&settings).expect("the broker answers");
    let untimely = publisher.publish(&late.records, |_| Err("too late".to_owned())).expect_err("it is judged");
    assert_eq!(untimely.to_string(), "too late; nothing is published");
    assert_eq!(shop.states("retail").len(), 2, "what is judged too late is taken back");
    let at = late.key.manifest_key();
    publisher
        .publish(&late.records, |times| times.get(at.as_bytes()).map(|_| ()).ok_or("no time of the broker".to_owned()))
        .expect("the broker takes it");
    engine.wait_logged("a publication is ignored", WITHIN);
    assert_eq!(engine.metric("tollkeeper_catalog_publications_ignored_total"), 1.0);
}

fn an_earlier_version_comes_back(shop: &Shop, first: &str) {
    let back = ahead(LEAD_SECONDS + 3);
    let line = format!("rollback --id retail --to {first} --effective-from {back}");
    assert!(shop.deck(&line).contains("0 dearer, 1 cheaper"));
    shop.deck(&format!("{line} --commit --note dear"));
    let line = shop.list().into_iter().find(|line| line["state"] == "to come").expect("it is to come");
    assert_eq!((&line["version"], &line["note"]), (&first.into(), &"dear".into()));
    let withdraw = format!("withdraw {} --commit", line["publication"].as_str().expect("an id"));
    shop.deck(&withdraw);
    assert_eq!(shop.states("retail").last().map(String::as_str), Some("withdrawn"));
    let (succeeded, refused) = shop.try_deck(&withdraw);
    assert!(!succeeded && refused.contains("is withdrawn already"), "{refused}");
}

#[test]
fn a_worker_that_cannot_reach_the_end_of_the_catalog_does_not_rate() {
    let shop = Shop::open("hung");
    first_prices(&shop);
    let mut engine = shop.site.start("a");
    engine.wait_ready(PARTITIONS.into());
    shop.open_account("contoso");
    shop.call("before", now() - SignedDuration::from_secs(10));
    shop.wait_debit("before");

    let hung: BaseProducer = broker()
        .client()
        .set("transactional.id", "hung")
        .set("transaction.timeout.ms", "600000")
        .create()
        .expect("the settings are valid");
    hung.init_transactions(WITHIN).expect("the coordinator answers");
    hung.begin_transaction().expect("no transaction is open");
    let topic = shop.site.topic("catalog");
    hung.send(BaseRecord::<str, str>::to(&topic).partition(0).key("k").payload("v")).expect("a free queue");
    hung.flush(WITHIN).expect("the broker takes the record");
    shop.wait_reason(&mut engine, "catalog: as last known");
    shop.call("waits", now() - SignedDuration::from_secs(10));
    wait_until("the engine knows of the call", WITHIN, || {
        engine.metric("tollkeeper_input_lag_records{input=\"cdrs\"}") >= 1.0
    });
    assert_eq!(shop.debit("waits"), None);
    assert!(engine.metric("tollkeeper_catalog_age_seconds") > 3.0);
    let aborted = engine.metric("tollkeeper_transactions_total{outcome=\"aborted\"}");

    hung.abort_transaction(WITHIN).expect("it can be aborted");
    assert_eq!(shop.wait_debit("waits").0, "0.01");
    wait_until("it is ready again", WITHIN, || engine.get("/health/ready").0 == 200);
    assert_eq!(engine.metric("tollkeeper_transactions_total{outcome=\"aborted\"}"), aborted);
    assert!(engine.stop(STOP_WITHIN).success(), "{}", engine.log_tail());
}

#[test]
fn two_hundred_thousand_rows_are_published_and_read() {
    const ROWS: u32 = 200_000;
    let shop = Shop::open("large");
    first_prices(&shop);
    let path = shop.directory.join("wholesale.csv");
    let mut text = "# currency: USD\nprefix,destination,rate_per_minute\n".to_owned();
    for row in 0..ROWS {
        writeln!(text, "{},Somewhere {},0.{:04}", 1_000_000 + row, row / 10, 1 + row % 9_999)
            .expect("a string takes all");
    }
    fs::write(&path, &text).expect("written");
    let began = clock();
    let published = shop.deck(&format!("publish {} --commit", path.display()));
    let publishing = began.elapsed();
    assert!(published.contains("200000 rows added"), "{published}");
    let began = clock();
    let mut engine = shop.site.start("a");
    engine.wait_ready(PARTITIONS.into());
    println!(
        "{ROWS} rows, {} bytes: published in {publishing:?}, an engine ready in {:?}",
        text.len(),
        began.elapsed()
    );
    shop.command("tenant open contoso --currency USD --price-list wholesale --usage-country US");
    wait_until("the account is open", WITHIN, || !values(broker(), &shop.site.topic("ledger"), WITHIN).is_empty());
    let call = Call { to: "1199999000".into(), ..Call::ended_now("contoso", "large", "1", 60) };
    send(&shop.producer, &shop.site.topic("cdrs"), &call.tenant, &call.cdr());
    flush(&shop.producer);
    assert_eq!(shop.wait_debit("large").0, format!("0.{:04}", 1 + 199_999 % 9_999).trim_end_matches('0'));
    assert!(engine.stop(STOP_WITHIN).success(), "{}", engine.log_tail());
}

#[expect(clippy::disallowed_methods, reason = "how long it takes is printed")]
fn clock() -> Instant {
    Instant::now()
}
