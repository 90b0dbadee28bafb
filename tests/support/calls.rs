//! Calls as a telephony platform would publish them, and what is expected of each.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use serde_json::json;

use super::books::{Books, Debit};
use super::broker::Broker;
use super::price_list::{Price, PriceList};

/// How long the broker may take to acknowledge what is still queued.
const FLUSH_WITHIN: Duration = Duration::from_secs(60);
/// Records of one burst of steady traffic.
const BURSTS_PER_SECOND: u32 = 50;

/// The wall clock.
#[expect(clippy::disallowed_methods, reason = "calls end about now, or they would be too late")]
pub fn now() -> Timestamp {
    Timestamp::now()
}

/// One call, as it is published.
#[derive(Clone, Debug)]
pub struct Call {
    /// Whose.
    pub tenant: String,
    /// Unique in its tenant.
    pub call_id: String,
    /// The called number, digits alone.
    pub to: String,
    /// How long it was.
    pub seconds: u32,
    /// When it was answered.
    pub answered_at: Timestamp,
}

impl Call {
    /// A call of `seconds` that ended a moment ago.
    pub fn ended_now(tenant: &str, call_id: &str, to: &str, seconds: u32) -> Call {
        let answered_at = now() - SignedDuration::from_secs(i64::from(seconds) + 5);
        Call { tenant: tenant.into(), call_id: call_id.into(), to: to.into(), seconds, answered_at }
    }

    /// The record.
    pub fn cdr(&self) -> Vec<u8> {
        let Call { tenant, call_id, to, seconds, answered_at } = self;
        let mut cdr = json!({
            "call_id": call_id, "tenant": tenant, "service": "calling", "direction": "outbound",
            "from": "+14255550111", "to": format!("+{to}"), "number_type": "user", "user": "ada@example.com",
            "duration_seconds": seconds,
        });
        match seconds {
            0 => cdr["ended_at"] = answered_at.to_string().into(),
            _ => cdr["answered_at"] = answered_at.to_string().into(),
        }
        cdr.to_string().into_bytes()
    }
}

/// A producer as the documentation tells platforms to configure theirs: the partition follows from the key as in Java.
pub fn platform_producer(broker: &Broker) -> BaseProducer {
    let mut client = broker.client();
    client.set("partitioner", "murmur2_random").set("enable.idempotence", "true").set("linger.ms", "5");
    client.set("message.max.bytes", "20000000");
    client.create().expect("the settings are valid")
}

/// Queues a record for its tenant's home partition.
pub fn send(producer: &BaseProducer, topic: &str, tenant: &str, value: &[u8]) {
    queue(producer, BaseRecord::to(topic).key(tenant.as_bytes()).payload(value));
}

fn queue(producer: &BaseProducer, record: BaseRecord<'_, [u8], [u8]>) {
    producer.send(record).unwrap_or_else(|(fault, _)| panic!("a record was not taken: {fault}"));
    producer.poll(Duration::ZERO);
}

/// Steady seeded traffic on a thread of its own, until it is stopped.
#[derive(Debug)]
pub struct Traffic {
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
    thread: JoinHandle<Sent>,
}

/// Everything that was published.
#[derive(Debug, Default)]
pub struct Sent {
    /// Each call once, with its price.
    pub calls: BTreeMap<(String, String), (Call, Price)>,
    /// Records published, repeats included.
    pub records: u64,
    /// Records that must be in quarantine, by reason; `duplicate` among them.
    pub quarantined: BTreeMap<String, usize>,
    /// Records that were put into a foreign partition.
    pub misrouted: u64,
}

/// What traffic is like.
#[derive(Clone, Debug)]
pub struct Pattern {
    /// Of the chance in it.
    pub seed: u64,
    /// Begins the ids of its calls.
    pub name: String,
    /// Who calls.
    pub tenants: Vec<String>,
    /// Calls a second.
    pub per_second: u32,
    /// How many of a hundred records are put into a foreign partition.
    pub misrouted_percent: u32,
}

impl Traffic {
    /// Starts it. The broker must outlive it.
    pub fn start(broker: &Broker, topic: &str, partitions: u32, prices: Arc<PriceList>, pattern: Pattern) -> Traffic {
        let producer = platform_producer(broker);
        let (stop, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (stopped, counted, topic) = (Arc::clone(&stop), Arc::clone(&sent), topic.to_owned());
        let thread = thread::spawn(move || {
            let mut source = Source::new(pattern, prices);
            let mut all = Sent::default();
            while !stopped.load(Ordering::Acquire) {
                for _ in 0..source.pattern.per_second.div_ceil(BURSTS_PER_SECOND) {
                    source.publish(&producer, &topic, partitions, &mut all);
                }
                counted.store(all.records, Ordering::Release);
                // The pace of the traffic; nothing waits for its end.
                thread::sleep(Duration::from_secs(1) / BURSTS_PER_SECOND);
            }
            producer.flush(FLUSH_WITHIN).expect("the broker takes the records");
            all
        });
        Traffic { stop, sent, thread }
    }

    /// Records published so far.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Acquire)
    }

    /// Ends it; everything is acknowledged then.
    pub fn stop(self) -> Sent {
        self.stop.store(true, Ordering::Release);
        self.thread.join().expect("the traffic does not panic")
    }
}

/// A seeded source of calls.
struct Source {
    pattern: Pattern,
    prices: Arc<PriceList>,
    chance: SmallRng,
    made: u64,
    /// Some of the last calls, to be repeated.
    recent: Vec<Call>,
}

impl Source {
    fn new(pattern: Pattern, prices: Arc<PriceList>) -> Source {
        Source { chance: SmallRng::seed_from_u64(pattern.seed), pattern, prices, made: 0, recent: Vec::new() }
    }

    fn publish(&mut self, producer: &BaseProducer, topic: &str, partitions: u32, all: &mut Sent) {
        let repeats = !self.recent.is_empty() && self.chance.random_bool(0.02);
        let call =
            if repeats { self.recent[self.chance.random_range(0..self.recent.len())].clone() } else { self.call() };
        let cdr = call.cdr();
        let mut record: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(topic).key(call.tenant.as_bytes()).payload(&cdr);
        all.records += 1;
        if self.chance.random_ratio(self.pattern.misrouted_percent, 100) {
            // Any partition but the tenant's own.
            let home = super::home::partition(&call.tenant, partitions);
            let other = (home + self.chance.random_range(1..partitions)) % partitions;
            record = record.partition(i32::try_from(other).expect("few partitions"));
            all.misrouted += 1;
        }
        queue(producer, record);
        let price = self.prices.price(&call.to, call.seconds);
        // What was quarantined left no identity: its repeat is judged anew.
        let reason = price.err().or(repeats.then_some("duplicate"));
        if let Some(reason) = reason {
            *all.quarantined.entry(reason.into()).or_default() += 1;
        }
        if repeats {
            return;
        }
        if self.recent.len() < 64 {
            self.recent.push(call.clone());
        } else {
            let place = self.chance.random_range(0..self.recent.len());
            self.recent[place] = call.clone();
        }
        all.calls.insert((call.tenant.clone(), call.call_id.clone()), (call, price));
    }

    fn call(&mut self) -> Call {
        self.made += 1;
        let tenant = &self.pattern.tenants[self.chance.random_range(0..self.pattern.tenants.len())];
        let seconds = match self.chance.random_range(0..10) {
            0 | 1 => 0,
            2 => [1, 59, 60, 61][self.chance.random_range(0..4)],
            _ => self.chance.random_range(1..1800),
        };
        let to = if self.chance.random_bool(0.01) {
            // No row of the price list begins so.
            format!("682{:07}", self.chance.random_range(0..10_000_000))
        } else {
            let row = self.chance.random_range(0..self.prices.len());
            format!("{}{:06}", self.prices.prefix(row), self.chance.random_range(0..1_000_000))
                .chars()
                .take(15)
                .collect()
        };
        Call::ended_now(tenant, &format!("{}-{}", self.pattern.name, self.made), &to, seconds)
    }
}

impl Sent {
    /// Adds the traffic of another source.
    pub fn join(&mut self, other: Sent) {
        self.calls.extend(other.calls);
        self.records += other.records;
        for (reason, count) in other.quarantined {
            *self.quarantined.entry(reason).or_default() += count;
        }
        self.misrouted += other.misrouted;
    }

    /// Calls that must be debited.
    pub fn priced(&self) -> usize {
        self.calls.values().filter(|(_, price)| price.is_ok()).count()
    }

    /// Compares the ledger with what was sent, call by call.
    ///
    /// # Panics
    ///
    /// If a call was not debited, was debited twice, at another price or without one, or if a debit belongs to no call.
    pub fn compare(&self, books: &Books) {
        for (key, (call, price)) in &self.calls {
            let debits = books.debits.get(key).map_or(&[][..], Vec::as_slice);
            let expected: Vec<Debit> =
                price.iter().map(|amount| Debit { amount: *amount, seconds: u64::from(call.seconds) }).collect();
            assert_eq!(debits, expected, "{key:?} to +{} of {} s", call.to, call.seconds);
        }
        for key in books.debits.keys() {
            assert!(self.calls.contains_key(key), "{key:?} is in the ledger and was never sent");
        }
    }
}
