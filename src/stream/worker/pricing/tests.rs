use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::super::{Now, Progress, Worker, WorkerOptions};
use crate::core::catalog::Catalog;
use crate::core::decide::Rules;
use crate::core::partition::{PartitionId, home_partition};
use crate::metrics::Metrics;
use crate::stream::catalog::build::{CountryCheck, build_catalog};
use crate::stream::catalog::publications::Keep;
use crate::stream::catalog::reader::CatalogReader;
use crate::stream::catalog::source::{CatalogSource, LatestCatalog};
use crate::stream::catalog::testing::{Desk, LEAD_SECONDS, STALE_AFTER, beginning, deck, number_plan};
use crate::stream::engine::Engine;
use crate::stream::memory::{HungPublisher, MemoryCatalogLog, MemoryTransport, Topic};
use crate::stream::recovery::{RestoreJob, RestoreProgress};

const P0: PartitionId = PartitionId(0);

/// A worker that rates with the catalog of the topic, on a log in memory.
struct Rater {
    desk: Desk,
    worker: Worker<MemoryTransport>,
    reader: CatalogReader<MemoryCatalogLog>,
    metrics: Arc<Metrics>,
}

impl Rater {
    /// One that has read the catalog, and rates its one partition.
    fn ready() -> Rater {
        Rater::of(1, Duration::ZERO)
    }

    fn of(partitions: u32, commit_interval: Duration) -> Rater {
        let desk = Desk::with_first_versions_for(partitions);
        let metrics = Arc::new(Metrics::new());
        let latest = Arc::new(LatestCatalog::new(STALE_AFTER));
        let keep = Keep { superseded_for: SignedDuration::from_hours(21 * 24), wanted: None };
        let mut reader = CatalogReader::new(desk.log(), keep, Arc::clone(&latest), Arc::clone(&metrics));
        reader.step(desk.now(), Duration::ZERO).expect("the memory log answers");
        let first = latest.current(desk.now()).expect("read");
        let options = WorkerOptions {
            batch_records_max: 100,
            commit_interval,
            input_wait_alarm: Duration::from_secs(30),
            clock_skew_alarm: Duration::MAX,
            run_id: "run".into(),
        };
        let engine = Engine::new(first, Rules::default(), partitions, "t");
        let transport = desk.cluster.transport("t-0", "t-0");
        let worker = Worker::new(0, transport, engine, options, Arc::clone(&metrics), Box::new(|_| Ok(())));
        let mut rater = Rater { worker: worker.priced_by(latest), desk, reader, metrics };
        rater.command(json!({"type": "tenant.open", "currency": "USD", "price_list": "retail", "usage_country": "GB"}));
        let home = home_partition("contoso", partitions);
        while rater.worker.accounts(home).is_none_or(|all| all.census().accounts == 0) || !rater.step().caught_up {
            rater.step();
            rater.restore();
            rater.desk.pass(SignedDuration::from_millis(100));
        }
        rater
    }

    fn step(&mut self) -> Progress {
        self.worker.step(self.desk.now(), Duration::ZERO).expect("the memory log answers")
    }

    fn restore(&mut self) {
        for request in self.worker.take_restores() {
            let mut job = RestoreJob::new(request);
            let mut source = self.desk.cluster.restore_source();
            loop {
                let progress = job.step(&mut source, Duration::ZERO, &mut |_| Ok(())).expect("the memory log answers");
                if let RestoreProgress::Done(answer) = progress {
                    self.worker.restored(*answer, self.desk.now()).expect("it was asked for");
                    break;
                }
            }
        }
    }

    fn follow_catalog(&mut self) {
        self.desk.pass(SignedDuration::from_secs(31));
        self.reader.step(self.desk.now(), Duration::ZERO).expect("the memory log answers");
    }

    fn command(&self, mut body: Value) {
        body["tenant"] = "contoso".into();
        body["command_id"] = body["type"].clone();
        body["at"] = self.desk.now().wall.to_string().into();
        let home = home_partition("contoso", self.desk.cluster.partitions());
        self.desk.cluster.append(Topic::Commands, home, *b"contoso", body.to_string().into_bytes());
    }

    /// A call of a minute to 44, as the platform publishes it.
    fn call(&self, call_id: &str, answered_at: Timestamp) {
        let cdr = json!({
            "call_id": call_id, "tenant": "contoso", "service": "calling", "direction": "outbound",
            "from": "+442071234000", "to": "+442071234567", "number_type": "user",
            "answered_at": answered_at.to_string(), "duration_seconds": 60,
        });
        self.desk.cluster.append(Topic::Cdrs, P0, *b"contoso", cdr.to_string().into_bytes());
    }

    /// Call, amount and price list of every debit in the ledger.
    fn debits(&self) -> Vec<(String, String, String)> {
        let (records, _) = self.desk.cluster.read_committed(Topic::Ledger, P0, 0, usize::MAX);
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let events = records.iter().map(|record| serde_json::from_slice::<Value>(record.value()).expect("JSON"));
        events
            .filter(|event| event["type"] == "tollkeeper.call.debited.v1")
            .map(|event| ["call_id", "amount", "deck"].map(|field| text(&event["data"][field])).into())
            .collect()
    }

    /// Transactions that were committed, and aborted.
    fn transactions(&self) -> [u64; 2] {
        ["committed", "aborted"].map(|outcome| self.metrics.transactions.with_label_values(&[outcome]).get())
    }
}

fn debit(call_id: &str, rate: &str) -> (String, String, String) {
    (call_id.to_owned(), rate.to_owned(), format!("retail@{}", deck(rate).version))
}

#[test]
fn r12_a_running_worker_takes_a_new_version_for_the_calls_that_start_in_it() {
    let mut rater = Rater::ready();
    let from = rater.desk.now().wall + SignedDuration::from_secs(i64::from(LEAD_SECONDS) + 60);
    rater.desk.publish(&deck("0.02"), Some(from));
    rater.follow_catalog();
    rater.desk.pass(SignedDuration::from_hours(1));
    rater.follow_catalog();
    let a_moment = SignedDuration::from_micros(1);
    rater.call("before", from - a_moment);
    rater.call("after", from);
    rater.call("long before", beginning() - SignedDuration::from_hours(24));
    rater.step();
    assert_eq!(rater.debits(), [debit("before", "0.01"), debit("after", "0.02"), debit("long before", "0.01")]);
}

/// A catalog in somebody's hands.
struct Given(Mutex<Arc<Catalog>>);

impl CatalogSource for Given {
    fn current(&self, _: Now) -> Option<Arc<Catalog>> {
        Some(Arc::clone(&self.0.lock().expect("nobody panics with it")))
    }
}

#[test]
fn law6_all_calls_of_a_transaction_are_priced_by_one_catalog() {
    let catalog = |rate| {
        let items = [number_plan(), deck(rate)];
        Arc::new(build_catalog("v".into(), &items, CountryCheck::Against).expect("valid"))
    };
    let interval = SignedDuration::from_secs(1);
    let mut rater = Rater::of(1, Duration::try_from(interval).expect("positive"));
    let given = Arc::new(Given(Mutex::new(catalog("0.01"))));
    rater.worker = rater.worker.priced_by(Arc::clone(&given) as Arc<dyn CatalogSource>);
    rater.desk.pass(interval);
    rater.step();
    rater.call("one", beginning());
    assert!(rater.step().open);
    *given.0.lock().expect("nobody panics with it") = catalog("0.02");
    rater.call("in the same", beginning());
    assert!(rater.step().open);
    rater.desk.pass(interval);
    rater.call("at its end", beginning());
    assert!(!rater.step().open);
    rater.call("in the next", beginning());
    rater.step();
    rater.desk.pass(interval);
    rater.step();
    let expected =
        [debit("one", "0.01"), debit("in the same", "0.01"), debit("at its end", "0.01"), debit("in the next", "0.02")];
    assert_eq!(rater.debits(), expected);
}

#[test]
fn nothing_is_taken_and_nothing_aborted_while_the_end_of_the_catalog_cannot_be_reached() {
    let mut rater = Rater::ready();
    rater.follow_catalog();
    let hung = HungPublisher::begin(&rater.desk.cluster);
    rater.desk.pass(SignedDuration::try_from(STALE_AFTER).expect("short"));
    rater.reader.step(rater.desk.now(), Duration::ZERO).expect("the memory log answers");
    rater.call("fresh", beginning());
    assert!(!rater.step().wants_catalog, "exactly as old as it may be");
    assert_eq!(rater.debits(), [debit("fresh", "0.01")]);

    rater.desk.pass(SignedDuration::from_secs(1));
    rater.call("waits", beginning());
    let [committed, _] = rater.transactions();
    for _ in 0..3 {
        rater.reader.step(rater.desk.now(), Duration::ZERO).expect("the memory log answers");
        let progress = rater.step();
        assert_eq!((progress.records, progress.open, progress.wants_catalog), (0, false, true));
    }
    assert_eq!((rater.debits().len(), rater.transactions()), (1, [committed, 0]));
    hung.abort();
    rater.follow_catalog();
    assert_eq!(rater.step().records, 1);
    assert_eq!(rater.debits(), [debit("fresh", "0.01"), debit("waits", "0.01")]);
    assert_eq!(rater.transactions(), [committed + 1, 0]);
}

/// The offsets of partitions that nothing happens to are committed hourly; no record goes into such a transaction.
#[test]
fn offsets_are_committed_without_a_catalog_and_nothing_is_rated() {
    let interval = SignedDuration::from_secs(1);
    let mut rater = Rater::of(1, Duration::try_from(interval).expect("positive"));
    rater.desk.pass(SignedDuration::from_hours(2));
    assert!(rater.step().open);
    rater.call("waits", beginning());
    let progress = rater.step();
    assert_eq!((progress.records, progress.open), (0, true));
    rater.desk.pass(interval);
    let [committed, _] = rater.transactions();
    assert!(!rater.step().open);
    assert_eq!((rater.transactions(), rater.debits().len()), ([committed + 1, 0], 0));
}

#[test]
fn a_worker_that_may_take_nothing_does_not_fetch_without_a_bound() {
    let mut rater = Rater::of(2, Duration::ZERO);
    rater.desk.pass(SignedDuration::try_from(STALE_AFTER).expect("short") + SignedDuration::from_secs(60));
    for number in 0..20_000 {
        rater.call(&number.to_string(), beginning());
    }
    for _ in 0..50 {
        rater.step();
    }
    let Some(super::super::Slot::Active(active)) = rater.worker.slots.get(&P0) else { panic!("it is rated") };
    let queued = active.inputs.queued(crate::stream::transport::Input::Cdrs);
    assert!((4_000..8_000).contains(&queued), "{queued}");
    rater.follow_catalog();
    while !rater.step().caught_up {}
    assert_eq!(rater.worker.slots.len(), 2);
}
