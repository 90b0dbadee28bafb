//! The engine is killed again and again in mid-stream, on a real Apache Kafka: nothing is lost, nothing is charged twice.
#![cfg(feature = "kafka")]

mod support;

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::sync::Arc;
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use rdkafka::producer::{BaseProducer, Producer};
use support::amount::billionths;
use support::books::{Books, quarantine};
use support::broker::Broker;
use support::calls::{Pattern, Sent, Traffic, now, platform_producer};
use support::commands::{add_funds, open};
use support::deadline::{Deadline, wait_until};
use support::engine::{Engine, Site};
use support::log::ends;
use support::price_list::PriceList;

const WITHIN: Duration = Duration::from_secs(60);
/// Ends the process (`kill -9`, and what `--crash-at` does).
const SIGKILL: i32 = 9;
const PARTITIONS: u32 = 6;
const TENANTS: usize = 24;
const CALLS_PER_SECOND: u32 = 800;
/// Kills from outside, and how many of them must have met an open transaction.
const KILLS: usize = 12;
const KILLS_INSIDE: usize = 6;
/// Kills from outside after which it is a fault that not enough of them met one.
const KILLS_MAX: usize = 30;
/// Where the process ends itself.
const CRASHES: [Crash; 8] = [
    Crash { step: "after_publish", nth: 20..60, place: Place::Running },
    Crash { step: "in_restore_after_committed", nth: 2..5, place: Place::Restoring },
    Crash { step: "before_send_offsets", nth: 5..30, place: Place::Running },
    Crash { step: "in_revoke_before_commit", nth: 1..2, place: Place::Revoking },
    Crash { step: "after_send_offsets", nth: 5..30, place: Place::Running },
    Crash { step: "in_restore_fold", nth: 2..6, place: Place::Restoring },
    Crash { step: "in_revoke_before_give_up", nth: 1..2, place: Place::Revoking },
    Crash { step: "after_commit_before_publish", nth: 5..30, place: Place::Running },
];

struct Crash {
    step: &'static str,
    /// The how manieth time, from these.
    nth: std::ops::Range<u32>,
    place: Place,
}

/// What the engine does meanwhile.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Running,
    Restoring,
    /// A second process joins, and takes partitions over.
    Revoking,
}

/// What was done to the engine.
#[derive(Debug, Default)]
struct Tally {
    kills: usize,
    inside: usize,
    crashes: usize,
}

struct Chaos {
    broker: Broker,
    site: Site,
    chance: SmallRng,
    producer: BaseProducer,
    tenants: Vec<String>,
    /// What was added by hand, in billionths.
    funded: BTreeMap<String, i128>,
    /// How many commands were sent, and how many of them are repeats.
    fundings: usize,
    funding_repeats: usize,
    tally: Tally,
}

#[test]
fn twenty_kills_in_mid_stream_lose_nothing_and_charge_nothing_twice() {
    let began = now();
    let mut chaos = Chaos::prepare(20_261_124);
    let mut engine = chaos.start_ready();
    chaos.open_accounts();
    let traffic = chaos.traffic();

    let mut crashes = CRASHES.iter();
    while chaos.tally.kills < KILLS || chaos.tally.inside < KILLS_INSIDE {
        assert!(chaos.tally.kills < KILLS_MAX, "too few kills met an open transaction: {:?}", chaos.tally);
        engine = chaos.kill_from_outside(engine);
        // Crashes and kills take turns.
        if chaos.tally.crashes * KILLS < chaos.tally.kills * CRASHES.len() {
            if let Some(crash) = crashes.next() {
                engine = chaos.crash_itself(engine, crash);
            }
        }
    }
    assert_eq!(chaos.tally.crashes, CRASHES.len());

    let sent = traffic.stop();
    let books = chaos.drain(&mut engine, &sent);
    let drained = now();
    chaos.check(&sent, &books);
    chaos.check_recovery(engine, &books);
    println!(
        "{} kills from outside, {} of them inside an open transaction; {} crashes at named steps; {} records sent, {} calls \
         debited, {} misrouted, quarantined {:?}; {} events; {:.1} s until drained, {:.1} s in all",
        chaos.tally.kills,
        chaos.tally.inside,
        chaos.tally.crashes,
        sent.records,
        sent.priced(),
        sent.misrouted,
        sent.quarantined,
        books.events,
        drained.duration_since(began).as_secs_f64(),
        now().duration_since(began).as_secs_f64(),
    );
}

impl Chaos {
    fn prepare(seed: u64) -> Chaos {
        println!("seed {seed}");
        let broker = Broker::start("chaos");
        let mut site = Site::create(&broker, "chaos", PARTITIONS);
        site.set("commit_interval_ms=200");
        let producer = platform_producer(&broker);
        let tenants = (0..TENANTS).map(|number| format!("tenant-{number}")).collect();
        Chaos {
            broker,
            site,
            chance: SmallRng::seed_from_u64(seed),
            producer,
            tenants,
            funded: BTreeMap::new(),
            fundings: 0,
            funding_repeats: 0,
            tally: Tally::default(),
        }
    }

    fn start_ready(&self) -> Engine {
        let mut engine = self.site.start("a");
        engine.wait_ready(PARTITIONS.into());
        engine
    }

    fn open_accounts(&mut self) {
        for tenant in self.tenants.clone() {
            open(&self.producer, &self.site, &tenant);
            self.fund(&tenant);
        }
        self.producer.flush(WITHIN).expect("the broker takes the commands");
    }

    /// Adds funds, and sends the command again at once half of the time: it counts once.
    fn fund(&mut self, tenant: &str) {
        self.fundings += 1;
        let amount = format!("{}.50", self.chance.random_range(1..1000));
        let reference = format!("p{}", self.fundings);
        add_funds(&self.producer, &self.site, tenant, &amount, &reference);
        *self.funded.entry(tenant.into()).or_default() += billionths(&amount);
        if self.chance.random_bool(0.5) {
            add_funds(&self.producer, &self.site, tenant, &amount, &reference);
            self.funding_repeats += 1;
        }
    }

    fn fund_any(&mut self) {
        let tenant = self.tenants[self.chance.random_range(0..self.tenants.len())].clone();
        self.fund(&tenant);
        self.producer.flush(WITHIN).expect("the broker takes the commands");
    }

    fn traffic(&self) -> Traffic {
        let pattern = Pattern {
            seed: 1,
            name: "c".into(),
            tenants: self.tenants.clone(),
            per_second: CALLS_PER_SECOND,
        };
        Traffic::start(&self.broker, &self.site.topic("cdrs"), PARTITIONS, Arc::new(PriceList::read()), pattern)
    }

    /// Waits until an engine has debited this many calls since its start.
    fn wait_debited(&self, engine: &mut Engine, calls: u32) {
        wait_until("calls are debited", WITHIN, || debited(engine) >= f64::from(calls));
    }

    /// Kills the process at a seeded moment, looks whether a transaction was open, and starts it again.
    fn kill_from_outside(&mut self, mut engine: Engine) -> Engine {
        self.fund_any();
        let calls = self.chance.random_range(50..600);
        self.wait_debited(&mut engine, calls);
        // Counters move with commits. A transaction lasts 200 ms: this spreads the kills over all of it.
        std::thread::sleep(Duration::from_millis(self.chance.random_range(0..250)));
        engine.kill();
        self.tally.kills += 1;
        let inside = ends(&self.broker, &self.site.topic("ledger")).values().any(|end| end.last_stable < end.high_watermark);
        self.tally.inside += usize::from(inside);
        self.start_ready()
    }

    /// Stops the engine, and starts one that ends itself at a step of the protocol; then starts it again.
    fn crash_itself(&mut self, mut engine: Engine, crash: &Crash) -> Engine {
        self.fund_any();
        assert!(engine.stop(WITHIN).success(), "{}", engine.log_tail());
        let crash_at = format!("{}:{}", crash.step, self.chance.random_range(crash.nth.clone()));
        let mut crashing = self.site.start_with("a", &["--crash-at", &crash_at]);
        let mut second = (crash.place == Place::Revoking).then(|| {
            crashing.wait_ready(PARTITIONS.into());
            self.wait_debited(&mut crashing, 50);
            self.site.start("b")
        });
        let status = crashing.wait_ended(WITHIN);
        assert_eq!(status.signal(), Some(SIGKILL), "{crash_at}:\n{}", crashing.log_tail());
        let told = format!("crashing here, as told step=\"{}\"", crash.step);
        assert!(crashing.log().contains(&told), "{crash_at}:\n{}", crashing.log_tail());
        self.tally.crashes += 1;
        let mut engine = self.site.start("a");
        if let Some(second) = &mut second {
            let deadline = Deadline::after(WITHIN);
            while ready(&mut engine) + ready(second) < u64::from(PARTITIONS) || ready(second) == 0 {
                assert!(!deadline.passed(), "{crash_at}:\n{}\n{}", engine.log_tail(), second.log_tail());
                std::thread::sleep(Duration::from_millis(20));
            }
            self.wait_debited(second, 50);
            assert!(second.stop(WITHIN).success(), "{}", second.log_tail());
        }
        engine.wait_ready(PARTITIONS.into());
        engine
    }

    /// Waits until everything that was sent has its outcome.
    fn drain(&self, engine: &mut Engine, sent: &Sent) -> Books {
        let mut books = Books::default();
        let expected = self.quarantined(sent);
        let found = || by_reason(&self.broker, &self.site);
        wait_until("everything has its outcome", WITHIN * 2, || {
            if lag(engine) > 0.0 {
                return false;
            }
            books = Books::read(&self.broker, &self.site, WITHIN);
            // More than what was sent ends the waiting too: the check says what it is.
            books.debit_count() >= sent.priced() && found().values().sum::<usize>() >= expected.values().sum()
        });
        books
    }

    fn quarantined(&self, sent: &Sent) -> BTreeMap<String, usize> {
        let mut expected = sent.quarantined.clone();
        *expected.entry("duplicate".into()).or_default() += self.funding_repeats;
        expected
    }

    fn check(&self, sent: &Sent, books: &Books) {
        let records = |topic: &str| -> i64 {
            ends(&self.broker, &self.site.topic(topic)).values().map(|end| end.high_watermark).sum()
        };
        assert_eq!(records("cdrs"), i64::try_from(sent.records).expect("few"), "each record was published once");
        sent.compare(books);
        assert_eq!(by_reason(&self.broker, &self.site), self.quarantined(sent));
        for (tenant, funded) in &self.funded {
            assert_eq!(books.accounts[tenant].added, *funded, "{tenant}");
        }
        assert_eq!(books.accounts.len(), TENANTS);
        let rerouted = support::log::read_committed(&self.broker, &self.site.topic("reroute"), WITHIN).len();
        assert_eq!(rerouted, usize::try_from(sent.misrouted).expect("few"));
    }

    /// The balances that a fresh process recovers are those of the ledger: its next event says so.
    fn check_recovery(&mut self, mut engine: Engine, books: &Books) {
        for law in ["one_outcome", "sequence", "balance"] {
            assert!(engine.get("/metrics").1.contains("tollkeeper_laws_violated_total"), "{law}");
        }
        assert!(engine.stop(WITHIN).success(), "{}", engine.log_tail());
        let mut fresh = self.start_ready();
        for tenant in &self.tenants {
            add_funds(&self.producer, &self.site, tenant, "1.00", "after-recovery");
        }
        self.producer.flush(WITHIN).expect("the broker takes the commands");
        let mut after = Books::default();
        wait_until("each account has its next event", WITHIN, || {
            after = Books::read(&self.broker, &self.site, WITHIN);
            let has_more = |tenant: &String| after.accounts[tenant].seq > books.accounts[tenant].seq;
            self.tenants.iter().all(has_more)
        });
        for tenant in &self.tenants {
            let (now, before) = (&after.accounts[tenant], &books.accounts[tenant]);
            assert_eq!(now.balance, before.balance + billionths("1.00"), "{tenant}");
        }
        assert_eq!(after.debit_count(), books.debit_count(), "a restart repeats nothing");
        fresh.kill();
    }
}

fn by_reason(broker: &Broker, site: &Site) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    for entry in quarantine(broker, site, WITHIN) {
        *found.entry(entry["reason"].as_str().expect("a reason").to_owned()).or_default() += 1;
    }
    found
}

fn debited(engine: &mut Engine) -> f64 {
    engine.metric("tollkeeper_cdrs_total{outcome=\"debited\",reason=\"\"}")
}

fn lag(engine: &mut Engine) -> f64 {
    ["cdrs", "commands", "reroute"]
        .map(|input| engine.metric(&format!("tollkeeper_input_lag_records{{input=\"{input}\"}}")))
        .iter()
        .sum()
}

/// How many partitions the process rates; 0 while it does not answer.
fn ready(engine: &mut Engine) -> u64 {
    let answer = engine.try_get("/health/ready").map(|(_, body)| serde_json::from_str(&body).expect("health is JSON"));
    answer.and_then(|body: serde_json::Value| body["partitions"]["ready"].as_u64()).unwrap_or(0)
}
