use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::super::{Now, Worker, WorkerOptions};
use crate::core::decide::Rules;
use crate::core::partition::PartitionId;
use crate::metrics::Metrics;
use crate::stream::catalog::load_directory;
use crate::stream::engine::Engine;
use crate::stream::memory::{MemoryCluster, MemoryTransport, Topic};
use crate::stream::recovery::{RestoreJob, RestoreProgress};
use crate::stream::transport::Input;
use crate::wire::offset_metadata::OffsetMetadata;

const P0: PartitionId = PartitionId(0);
const LAPSE: &str = "2026-11-25T12:00:00Z";

fn at(text: &str) -> Timestamp {
    text.parse().expect(text)
}

/// A worker on a log in memory, the broker's clock, and the wall's.
struct Rater {
    cluster: MemoryCluster,
    broker_ms: Arc<AtomicI64>,
    wall: Timestamp,
    worker: Worker<MemoryTransport>,
}

impl Rater {
    /// Rates the one partition, and has these tenants, with a lot each that lapses at [`LAPSE`].
    fn ready(batch_records_max: usize, tenants: &[&str]) -> Rater {
        let begin = at("2026-11-20T12:00:00Z");
        let broker_ms = Arc::new(AtomicI64::new(begin.as_millisecond()));
        let clock = Arc::clone(&broker_ms);
        let cluster = MemoryCluster::new(1, Arc::new(move || clock.load(Ordering::Relaxed)));
        let rates = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("rates");
        let catalog = Arc::new(load_directory(&rates).unwrap_or_else(|failure| panic!("{failure}")));
        let options = WorkerOptions {
            batch_records_max,
            commit_interval: Duration::ZERO,
            input_wait_alarm: Duration::from_secs(30),
            clock_skew_alarm: Duration::from_secs(30),
            run_id: "run".into(),
        };
        let engine = Engine::new(catalog, Rules::default(), 1, "t");
        let transport = cluster.transport("t-0", "t-0");
        let worker = Worker::new(0, transport, engine, options, Arc::new(Metrics::new()), Box::new(|_| Ok(())));
        let mut rater = Rater { cluster, broker_ms, wall: begin, worker };
        for tenant in tenants {
            rater.command(
                tenant,
                json!({"type": "tenant.open", "currency": "USD", "price_list": "outbound-usd",
                "usage_country": "US"}),
            );
            rater.command(
                tenant,
                json!({"type": "funds.add", "amount": "1.00", "payment_reference": "p",
                "expires_at": LAPSE}),
            );
        }
        for _ in 0..20 {
            rater.step();
        }
        assert_eq!(rater.ledger().len(), 4 * tenants.len(), "opened, blocked, added, unblocked");
        rater
    }

    /// It is so late, for the broker and on the wall.
    fn pass_to(&mut self, at: Timestamp) {
        self.broker_ms.store(at.as_millisecond(), Ordering::Relaxed);
        self.wall = at;
    }

    fn step(&mut self) {
        let now = Now { wall: self.wall, monotonic: Duration::ZERO };
        self.worker.step(now, Duration::ZERO).expect("the memory log answers");
        for request in self.worker.take_restores() {
            let (mut job, mut source) = (RestoreJob::new(request), self.cluster.restore_source());
            loop {
                let progress = job.step(&mut source, Duration::ZERO, &mut |_| Ok(())).expect("the memory log answers");
                if let RestoreProgress::Done(answer) = progress {
                    self.worker.restored(*answer, now).expect("it was asked for");
                    break;
                }
            }
        }
    }

    fn append(&self, topic: Topic, tenant: &str, record: &Value) {
        self.cluster.append(topic, P0, tenant.as_bytes(), record.to_string().into_bytes());
    }

    fn command(&self, tenant: &str, mut body: Value) {
        body["tenant"] = tenant.into();
        body["command_id"] = body["type"].clone();
        body["at"] = self.wall.to_string().into();
        self.append(Topic::Commands, tenant, &body);
    }

    /// A call of a minute to the US that ended just now.
    fn call(&self, tenant: &str) {
        let cdr = json!({"call_id": "c", "tenant": tenant, "service": "calling", "direction": "outbound",
            "from": "+14255550111", "to": "+14255550100", "number_type": "user", "duration_seconds": 60,
            "answered_at": (self.wall - SignedDuration::from_secs(60)).to_string()});
        self.append(Topic::Cdrs, tenant, &cdr);
    }

    fn ledger(&self) -> Vec<Value> {
        let (records, _) = self.cluster.read_committed(Topic::Ledger, P0, 0, usize::MAX);
        records.iter().map(|record| serde_json::from_slice(record.value()).expect("JSON")).collect()
    }

    /// The events after the first so many, in short.
    fn told_after(&self, count: usize) -> Vec<String> {
        let ledger = self.ledger();
        let tell = |event: &Value| {
            let (kind, id) = (event["type"].as_str().expect("a type"), event["id"].as_str().expect("an id"));
            let kind = kind.trim_start_matches("tollkeeper.").trim_end_matches(".v1");
            format!(
                "{} {kind} {}",
                id.split('/').next().unwrap_or_default(),
                event["data"]["balance"].as_str().expect("one")
            )
        };
        ledger[count..].iter().map(tell).collect()
    }
}

#[test]
fn with_nothing_more_to_read_the_wall_clock_says_what_is_due() {
    let mut rater = Rater::ready(100, &["contoso"]);
    rater.pass_to(at(LAPSE) - SignedDuration::from_millis(1));
    rater.step();
    assert!(rater.told_after(4).is_empty());
    rater.pass_to(at(LAPSE));
    rater.step();
    let lapsed = ["contoso funds.expired 0.00", "contoso balance.reached_zero 0.00", "contoso tenant.blocked 0.00"];
    assert_eq!(rater.told_after(4), lapsed);
    assert_eq!(rater.ledger()[4]["time"], "2026-11-25T12:00:00.000Z");
}

/// After an outage: a call that came before the lapse is paid from the lot, however late it is on the wall.
#[test]
fn a_record_at_hand_comes_before_what_is_due_after_its_time() {
    let mut rater = Rater::ready(100, &["contoso"]);
    rater.pass_to(at(LAPSE) - SignedDuration::from_secs(1));
    rater.call("contoso");
    rater.pass_to(at(LAPSE) + SignedDuration::from_hours(48));
    rater.append(Topic::Cdrs, "contoso", &json!("poison"));
    rater.step();
    assert_eq!(rater.told_after(4)[..2], ["contoso call.debited 0.987", "contoso funds.expired 0.00"]);
    assert_eq!(rater.ledger()[4]["data"]["lots"][0]["lot"], "l3");
}

#[test]
fn a_wall_clock_that_is_off_says_nothing_until_a_record_shows_it_right() {
    let mut rater = Rater::ready(100, &["contoso"]);
    rater.step();
    let broker = at("2026-11-20T13:00:00Z");
    rater.pass_to(broker);
    rater.call("contoso");
    rater.wall = at(LAPSE) + SignedDuration::from_hours(1);
    rater.step();
    rater.step();
    assert_eq!(rater.told_after(4), ["contoso call.debited 0.987"]);
    // The next record was written just now, by both clocks.
    rater.pass_to(at(LAPSE) + SignedDuration::from_hours(1));
    rater.append(Topic::Cdrs, "contoso", &json!("poison"));
    rater.step();
    assert_eq!(rater.told_after(5)[0], "contoso funds.expired 0.00");
}

/// Whoever restores the partition takes it that all that is due by its clock was done.
#[test]
fn a_full_batch_is_committed_with_all_that_is_due_by_its_clock() {
    let mut rater = Rater::ready(1, &["adatum", "contoso", "fabrikam"]);
    rater.pass_to(at(LAPSE));
    rater.step();
    let expired = ["adatum funds.expired 0.00", "contoso funds.expired 0.00", "fabrikam funds.expired 0.00"];
    let told = rater.told_after(12);
    assert_eq!(
        told.iter().filter(|told| told.contains("expired")).collect::<Vec<_>>(),
        expired.iter().collect::<Vec<_>>()
    );
    let committed = rater.cluster.committed_offsets(P0);
    let metadata = &committed[Input::Cdrs.index()].as_ref().expect("committed").metadata;
    let clock_ms = metadata.parse::<OffsetMetadata>().expect("ours").clock_ms;
    assert_eq!(clock_ms, at(LAPSE).as_millisecond());
}
