//! The engine is killed again and again in mid-stream, on a real Apache Kafka: nothing is lost, nothing is charged twice.
#![cfg(feature = "kafka")]

mod support;

use std::os::unix::process::ExitStatusExt;
use std::sync::Arc;
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use support::amount::billionths;
use support::books::Books;
use support::broker::Broker;
use support::calls::{Pattern, Traffic, now};
use support::commands::add_funds;
use support::deadline::wait_until;
use support::desk::{Desk, wait_debited};
use support::engine::{Engine, Site, wait_shared};
use support::log::ends;
use support::price_list::PriceList;

const WITHIN: Duration = Duration::from_secs(60);
const SEED: u64 = 20_261_124;
/// Ends the process: `kill -9`, and what `--crash-at` does.
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
    desk: Desk,
    chance: SmallRng,
    tally: Tally,
}

#[test]
fn twenty_kills_in_mid_stream_lose_nothing_and_charge_nothing_twice() {
    let began = now();
    let mut chaos = Chaos::prepare();
    let mut engine = chaos.start_ready();
    chaos.desk.open_accounts(&chaos.broker, &chaos.site);
    let traffic = chaos.traffic();

    let mut crashes = CRASHES.iter();
    while chaos.tally.kills < KILLS || chaos.tally.inside < KILLS_INSIDE {
        assert!(chaos.tally.kills < KILLS_MAX, "too few kills met an open transaction: {:?}", chaos.tally);
        engine = chaos.kill_from_outside(engine);
        // Kills and crashes take turns.
        if chaos.tally.crashes * KILLS < chaos.tally.kills * CRASHES.len()
            && let Some(crash) = crashes.next()
        {
            engine = chaos.crash_itself(engine, crash);
        }
    }
    assert_eq!(chaos.tally.crashes, CRASHES.len());

    let sent = traffic.stop();
    let books = chaos.desk.drain(&chaos.broker, &chaos.site, &mut [&mut engine], &sent);
    let drained = now();
    chaos.desk.compare(&chaos.broker, &chaos.site, &sent, &books);
    chaos.recovered_balances_are_those_of(&books, engine);
    println!(
        "{} kills from outside, {} of them inside an open transaction; {} crashes at named steps; {} records sent, {} calls \
         debited, {} misrouted, {} commands, quarantined {:?}; {} events; {:.1} s until drained, {:.1} s in all",
        chaos.tally.kills,
        chaos.tally.inside,
        chaos.tally.crashes,
        sent.records,
        sent.priced(),
        sent.misrouted,
        chaos.desk.commands(),
        chaos.desk.quarantined(&sent),
        books.events,
        drained.duration_since(began).as_secs_f64(),
        now().duration_since(began).as_secs_f64(),
    );
}

impl Chaos {
    fn prepare() -> Chaos {
        println!("seed {SEED}");
        let broker = Broker::start("chaos");
        let mut site = Site::create(&broker, "chaos", PARTITIONS);
        site.set("commit_interval_ms=200");
        let desk = Desk::new(&broker, TENANTS, SEED);
        Chaos { broker, site, desk, chance: SmallRng::seed_from_u64(SEED), tally: Tally::default() }
    }

    fn start_ready(&self) -> Engine {
        let mut engine = self.site.start("a");
        engine.wait_ready(PARTITIONS.into());
        engine
    }

    fn traffic(&self) -> Traffic {
        let tenants = self.desk.tenants.clone();
        let pattern =
            Pattern { seed: SEED, name: "c".into(), tenants, per_second: CALLS_PER_SECOND, misrouted_percent: 2 };
        Traffic::start(&self.broker, &self.site.topic("cdrs"), PARTITIONS, Arc::new(PriceList::read()), pattern)
    }

    /// Kills the process at a seeded moment, looks whether a transaction was open, and starts it again.
    fn kill_from_outside(&mut self, mut engine: Engine) -> Engine {
        self.desk.fund_any(&self.site);
        wait_debited(&mut engine, self.chance.random_range(50..600));
        // The count moves with a commit, and a transaction lasts 200 ms: this spreads the kills over all of it.
        std::thread::sleep(Duration::from_millis(self.chance.random_range(0..250)));
        engine.kill();
        self.tally.kills += 1;
        let ledger = ends(&self.broker, &self.site.topic("ledger"));
        let inside = ledger.values().any(|end| end.last_stable < end.high_watermark);
        self.tally.inside += usize::from(inside);
        self.start_ready()
    }

    /// Stops the engine, starts one that ends itself at a step of the protocol, and then one that goes on.
    fn crash_itself(&mut self, mut engine: Engine, crash: &Crash) -> Engine {
        self.desk.fund_any(&self.site);
        assert!(engine.stop(WITHIN).success(), "{}", engine.log_tail());
        let crash_at = format!("{}:{}", crash.step, self.chance.random_range(crash.nth.clone()));
        let mut crashing = self.site.start_with("a", &["--crash-at", &crash_at]);
        let second = (crash.place == Place::Revoking).then(|| {
            crashing.wait_ready(PARTITIONS.into());
            wait_debited(&mut crashing, 50);
            self.site.start("b")
        });
        let status = crashing.wait_ended(WITHIN);
        assert_eq!(status.signal(), Some(SIGKILL), "{crash_at}:\n{}", crashing.log_tail());
        let told = format!("crashing here, as told step=\"{}\"", crash.step);
        assert!(crashing.log().contains(&told), "{crash_at}:\n{}", crashing.log_tail());
        self.tally.crashes += 1;
        let mut engine = self.site.start("a");
        if let Some(mut second) = second {
            // What was being handed over has an owner again, whoever that is.
            wait_shared(&mut [&mut engine, &mut second], PARTITIONS);
            wait_debited(&mut second, 50);
            assert!(second.stop(WITHIN).success(), "{}", second.log_tail());
        }
        engine.wait_ready(PARTITIONS.into());
        engine
    }

    /// What a fresh process recovers are the balances of the ledger: the next event of each account says so.
    fn recovered_balances_are_those_of(&mut self, books: &Books, mut engine: Engine) {
        let (_, metrics) = engine.get("/metrics");
        let mut laws = metrics.lines().filter(|line| line.starts_with("tollkeeper_laws_violated_total{")).peekable();
        assert!(laws.peek().is_some() && laws.all(|line| line.ends_with(" 0")), "{metrics}");
        assert!(engine.stop(WITHIN).success(), "{}", engine.log_tail());
        let _fresh = self.start_ready();
        for tenant in &self.desk.tenants {
            add_funds(&self.desk.producer, &self.site, tenant, "1.00", "after-recovery");
        }
        self.desk.flush();
        let mut after = Books::default();
        wait_until("each account has its next event", WITHIN, || {
            after = Books::read(&self.broker, &self.site, WITHIN);
            self.desk.tenants.iter().all(|tenant| after.accounts[tenant].seq > books.accounts[tenant].seq)
        });
        for tenant in &self.desk.tenants {
            let (now, before) = (&after.accounts[tenant], &books.accounts[tenant]);
            assert_eq!(now.balance, before.balance + billionths("1.00"), "{tenant}");
        }
        assert_eq!(after.debit_count(), books.debit_count(), "a restart repeats nothing");
        self.the_ledger_is_proved(&after);
    }
    /// The engine runs meanwhile.
    fn the_ledger_is_proved(&self, books: &Books) {
        let report: serde_json::Value =
            serde_json::from_str(&self.site.tollkeeper(&["audit", "--json"])).expect("one object");
        assert_eq!((&report["adds_up"], &report["tenants"]), (&true.into(), &books.accounts.len().into()), "{report}");
        assert_eq!(report["events"].as_u64(), u64::try_from(books.events).ok());
    }
}
