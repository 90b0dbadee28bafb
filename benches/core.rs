//! The core on one thread: decode, home check, identity, account copy, rate, apply, encode of the whole event, and the merge
//! at a commit. No log: what Kafka costs is measured elsewhere.
//!
//! `cargo bench --bench core` measures, `cargo bench --bench core -- --test` runs a little of everything, so that it does not
//! rot. Every run checks its result: the calls debited, and that the balances fell by what was charged.

use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use rand_distr::{Distribution, LogNormal, Zipf};
use tollkeeper::core::account::Account;
use tollkeeper::core::batch::{Accounts, Batch, PartitionState};
use tollkeeper::core::catalog::Catalog;
use tollkeeper::core::cdr::Cdr;
use tollkeeper::core::decide::Rules;
use tollkeeper::core::event::Event;
use tollkeeper::core::identity::{Content, IdentityKey};
use tollkeeper::core::money::Money;
use tollkeeper::core::partition::{PartitionId, home_partition};
use tollkeeper::core::rating;
use tollkeeper::metrics::{BatchCounts, Metrics};
use tollkeeper::stream::catalog::load_directory;
use tollkeeper::stream::engine::{Engine, Sink, Source};
use tollkeeper::stream::outputs::Outputs;
use tollkeeper::stream::transport::{Input, Output};
use tollkeeper::wire;

/// As the program has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// As many as a worker's batch has.
const BATCH_RECORDS: usize = 20_000;
/// What is written is handed on this often, as a worker does after each fetch.
const PUBLISH_RECORDS: i64 = 2_000;
const SEED: u64 = 1;

/// How much is run.
#[derive(Clone, Copy)]
struct Size {
    tenants: usize,
    calls: usize,
    rounds: usize,
}

const MEASURED: Size = Size { tenants: 100_000, calls: 500_000, rounds: 3 };
const TINY: Size = Size { tenants: 200, calls: 2_000, rounds: 1 };

/// How calls are spread over tenants.
#[derive(Clone, Copy, Debug)]
enum Spread {
    Uniform,
    Zipf,
}

fn now() -> Timestamp {
    "2026-11-20T12:00:00Z".parse().expect("a time")
}

/// CDRs as a platform writes them: real prefixes, durations of a median minute with spikes, 30 % unanswered.
///
/// `pooled` of a hundred are on a plan whose pool pays at home; the others are Pay-As-You-Go.
fn calls(catalog: &Catalog, size: Size, spread: Spread, pooled: u32) -> Vec<Vec<u8>> {
    let mut chance = SmallRng::seed_from_u64(SEED);
    let deck = catalog.deck("outbound-usd", now()).expect("the list of rates/");
    let numbers: Vec<String> = deck
        .rows()
        .iter()
        .map(|row| format!("{:0<11}", row.prefix))
        .filter(|digits| deck.lookup(&digits.parse().expect("E.164"), now()).is_some_and(|row| !row.denied))
        .collect();
    let tenants = u32::try_from(size.tenants).expect("few enough");
    let zipf = Zipf::new(f64::from(tenants), 1.0).expect("a distribution");
    let lasting = LogNormal::<f64>::new(4.1, 1.0).expect("a distribution");
    let mut records = Vec::with_capacity(size.calls);
    for call in 0..size.calls {
        let tenant = match spread {
            Spread::Uniform => chance.random_range(0..tenants),
            // The sample is a whole number from 1 to the count of tenants.
            Spread::Zipf => format!("{:.0}", zipf.sample(&mut chance)).parse::<u32>().expect("a whole number") - 1,
        };
        let is_pooled = chance.random_range(0..100) < pooled;
        let number = if is_pooled { "14255550100" } else { &*numbers[chance.random_range(0..numbers.len())] };
        let plan = if is_pooled { "domestic-us" } else { "payg" };
        let started = now() - SignedDuration::from_secs(chance.random_range(1_000..500_000));
        let seconds = match chance.random_range(0..20) {
            0..6 => 0,
            6 => 60,
            7 => 61,
            _ => format!("{:.0}", lasting.sample(&mut chance).min(7_000.0)).parse::<u32>().expect("a whole number"),
        };
        let time = if seconds == 0 { "ended_at" } else { "answered_at" };
        records.push(
            format!(
                r#"{{"call_id":"c-{call:012x}","tenant":"tenant-{tenant:06}","service":"calling","direction":"outbound","from":"+14255550111","to":"+{number}","number_type":"user","user":"user-{}@tenant-{tenant:06}.example","plan":"{plan}","usage_country":"US","{time}":"{started}","duration_seconds":{seconds}}}"#,
                call % 50
            )
            .into_bytes(),
        );
    }
    records
}

/// One partition on which all tenants are open and have funds.
struct Partition {
    engine: Engine,
    metrics: Metrics,
    accounts: Accounts,
    state: PartitionState,
}

impl Partition {
    /// With `pooled`, every tenant has licences of a plan.
    fn open(catalog: &Arc<Catalog>, size: Size, pooled: bool) -> Partition {
        let mut partition = Partition {
            engine: Engine::new(Arc::clone(catalog), Rules::default(), 1, "bench"),
            metrics: Metrics::new(),
            accounts: Accounts::default(),
            state: PartitionState::empty(PartitionId(0)),
        };
        let commands: Vec<Vec<u8>> = (0..size.tenants)
            .flat_map(|tenant| {
                let common = format!(r#""tenant":"tenant-{tenant:06}","at":"{}""#, now());
                [
                    format!(
                        r#"{{"command_id":"open",{common},"type":"tenant.open","currency":"USD","price_list":"outbound-usd","usage_country":"US"}}"#
                    ),
                    format!(
                        r#"{{"command_id":"funds",{common},"type":"funds.add","amount":"1000000","payment_reference":"p"}}"#
                    ),
                    format!(
                        r#"{{"command_id":"licences",{common},"type":"licences.set","plan":"domestic-us","usage_country":"US","quantity":10}}"#
                    ),
                ]
                .into_iter()
                .take(if pooled { 3 } else { 2 })
            })
            .map(String::into_bytes)
            .collect();
        partition
            .run(Input::Commands, &commands, |outputs| outputs.pending().for_each(|(.., records)| records.clear()));
        assert_eq!(partition.accounts.sorted().len(), size.tenants);
        partition
    }

    /// Takes the records in batches, each merged as a worker does after its commit.
    fn run(&mut self, input: Input, records: &[Vec<u8>], mut written: impl FnMut(&mut Outputs)) -> BatchCounts {
        let mut all = BatchCounts::default();
        for records in records.chunks(BATCH_RECORDS) {
            let (mut batch, mut outputs, mut counts) = (Batch::default(), Outputs::default(), BatchCounts::default());
            for (record, offset) in records.iter().zip(1..) {
                let mut view = batch.at(&self.accounts, &self.state);
                view.advance_clock(now());
                let source = Source { input, partition: PartitionId(0), offset, at: now() };
                let mut sink = Sink { outputs: &mut outputs, counts: &mut counts, metrics: &self.metrics };
                while self.engine.take_due(&mut view, PartitionId(0), now(), sink.reborrow()) {}
                self.engine.take(&mut view, &source, record, sink);
                if offset % PUBLISH_RECORDS == 0 {
                    written(&mut outputs);
                }
            }
            written(&mut outputs);
            for (_, changes) in batch.into_changes() {
                changes.merge_into(&self.accounts, &mut self.state, self.engine.rules().window);
            }
            all.merge(&counts);
        }
        all
    }

    fn balance(&self) -> Money {
        let accounts = self.accounts.sorted();
        let balances = accounts.iter().map(|account: &Arc<Account>| account.balance());
        balances.fold(Money::ZERO, |sum, balance| sum.checked_add(balance).expect("below the limit"))
    }
}

/// The time that this thread has had a processor, where the system tells (Linux); else the time that has passed. On a machine
/// that has other things to do besides, only the first says what the code takes.
struct Watch {
    on_processor: Option<Duration>,
    began: Instant,
}

impl Watch {
    fn start() -> Watch {
        #[expect(clippy::disallowed_methods, reason = "a bench measures")]
        let began = Instant::now();
        Watch { on_processor: Watch::on_processor(), began }
    }

    fn elapsed(&self) -> Duration {
        match (self.on_processor, Watch::on_processor()) {
            // The system counts in ticks of its own: what took less than one is measured by the clock.
            (Some(began), Some(now)) if now > began => now.saturating_sub(began),
            _ => self.began.elapsed(),
        }
    }

    fn on_processor() -> Option<Duration> {
        let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
        text.split(' ').next()?.parse().ok().map(Duration::from_nanos)
    }
}

/// The way of a call as the worker has it, batch by batch.
fn measure_engine(catalog: &Arc<Catalog>, size: Size, spread: Spread, pooled: u32) {
    let records = calls(catalog, size, spread, pooled);
    let mut best = Duration::MAX;
    let mut bytes = 0_usize;
    for _ in 0..size.rounds {
        let mut partition = Partition::open(catalog, size, pooled > 0);
        let before = partition.balance();
        let mut ledger = 0_usize;
        let began = Watch::start();
        let counts = partition.run(Input::Cdrs, &records, |outputs| {
            for (output, _, records) in outputs.pending() {
                if output == Output::Ledger {
                    ledger += records.iter().map(|record| record.value.len()).sum::<usize>();
                }
                records.clear();
            }
        });
        best = best.min(began.elapsed());
        bytes = ledger / records.len();
        assert_eq!(counts.cdrs_debited, u64::try_from(records.len()).expect("few"), "{counts:?}");
        let [(_, charged)] = counts.debited() else { panic!("one currency") };
        assert_eq!(before.checked_sub(*charged), Ok(partition.balance()), "the balances fell by what was charged");
        assert!(charged.is_positive() || pooled == 100, "a pool pays for everything only where every call has one");
    }
    print_rate(&format!("engine, {} tenants, {spread:?}, {pooled} % pool", size.tenants), records.len(), best);
    println!("    {bytes} bytes of ledger a call");
}

fn print_rate(what: &str, calls: usize, took: Duration) {
    let nanos = took.as_nanos().max(1);
    let calls = u128::try_from(calls).expect("a count");
    println!("{what:<44} {:>9} calls/s {:>6} ns/call", calls * 1_000_000_000 / nanos, nanos / calls.max(1));
}

/// Runs `stage` over the records some times, and prints the fastest.
fn measure_stage<T>(what: &str, size: Size, inputs: &[T], mut stage: impl FnMut(&T) -> usize) {
    let mut best = Duration::MAX;
    for _ in 0..size.rounds {
        let mut checked = 0;
        let began = Watch::start();
        for input in inputs {
            checked += black_box(stage(black_box(input)));
        }
        best = best.min(began.elapsed());
        assert!(checked >= inputs.len(), "{what} did something for every call");
    }
    print_rate(what, inputs.len(), best);
}

/// What each part of the way takes when it is done alone.
fn measure_stages(catalog: &Arc<Catalog>, size: Size) {
    let size = Size { calls: size.calls.min(100_000), ..size };
    let records = calls(catalog, size, Spread::Uniform, 0);
    let mut partition = Partition::open(catalog, size, false);
    let mut ledger: Vec<Bytes> = Vec::new();
    partition.run(Input::Cdrs, &records, |outputs| {
        for (output, _, records) in outputs.pending() {
            if output == Output::Ledger {
                ledger.extend(records.drain(..).map(|record| record.value));
            }
        }
    });
    let cdrs: Vec<Cdr<'_>> = records.iter().map(|record| wire::cdr::decode(record).expect("valid")).collect();
    let events: Vec<Event<'_>> = ledger.iter().map(|record| wire::event::decode(record).expect("valid")).collect();
    let settings = Arc::clone(&partition.accounts.get("tenant-000000").expect("opened").settings);

    measure_stage("  decode", size, &records, |record| wire::cdr::decode(record).expect("valid").call_id.len());
    measure_stage("  home partition", size, &cdrs, |cdr| 1 + usize::from(home_partition(&cdr.tenant, 64).0 == 0));
    measure_stage("  identity key and content", size, &cdrs, |cdr| {
        let key = IdentityKey::of(&cdr.tenant, &cdr.call_id);
        let content = Content::of(cdr, catalog.number_plan(cdr.started_at()), settings.usage_country);
        1 + usize::from(black_box((key, content)).1 == Content(0))
    });
    measure_stage("  rate", size, &cdrs, |cdr| {
        let call = rating::price(cdr, &settings, catalog).expect("priced");
        1 + call.priced.lines.len()
    });
    measure_stage("  account copy", size, &cdrs, |cdr| {
        let account = partition.accounts.get(&cdr.tenant).expect("opened");
        1 + Account::clone(&account).lots.len()
    });
    let mut buffer = Vec::new();
    measure_stage("  encode", size, &events, |event| {
        buffer.clear();
        wire::event::encode(event, &mut buffer);
        buffer.len()
    });
    measure_stage("  decode of the event (restore)", size, &ledger, |record| {
        usize::try_from(wire::event::decode(record).expect("valid").seq).expect("small")
    });
}

/// The first line of what a command prints; `?` where there is no such command.
fn first_line(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    text.lines().next().map_or("?".into(), |line| line.trim().to_owned())
}

fn machine() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':')).map(|(_, model)| model.trim());
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!("{}, {cores} cores, {}", model.unwrap_or("an unknown processor"), std::env::consts::OS)
}

fn main() {
    // `cargo bench` says --bench; `cargo test --benches` says nothing, and wants little.
    let measured = std::env::args().any(|arg| arg == "--bench") && !std::env::args().any(|arg| arg == "--test");
    let size = if measured { MEASURED } else { TINY };
    let rates = Path::new(env!("CARGO_MANIFEST_DIR")).join("rates");
    let catalog = Arc::new(load_directory(&rates).unwrap_or_else(|failure| panic!("{failure}")));
    println!("machine: {}", machine());
    println!("commit:  {}", first_line("git", &["log", "-1", "--format=%h %cs"]));
    println!(
        "time:    {}",
        if Watch::on_processor().is_some() { "that the thread had a processor" } else { "that passed" }
    );
    println!(
        "data:    {} calls in batches of {BATCH_RECORDS}, price list of {} rows, seed {SEED}, best of {}",
        size.calls,
        catalog.deck("outbound-usd", now()).expect("the list of rates/").rows().len(),
        size.rounds
    );
    for (spread, pooled) in [(Spread::Uniform, 0), (Spread::Zipf, 0), (Spread::Uniform, 5), (Spread::Uniform, 100)] {
        measure_engine(&catalog, size, spread, pooled);
    }
    measure_stages(&catalog, size);
}
