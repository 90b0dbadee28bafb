//! The engine against the plain second implementation (`tests/model`): random calls, and random histories of commands, calls
//! and due work. After every step both have said the same, and live state is the fold of the ledger.
//!
//! `SEED=n cargo test --test model_vs_engine` runs one seed, `SEEDS=n` so many.

mod adapter;
mod compare;
mod engine;
mod history;
#[path = "../model/mod.rs"]
mod model;
mod random_rates;
mod rates;
mod tally;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;
use tollkeeper::core::catalog::Catalog;
use tollkeeper::stream::transport::Output;

use history::chance::Chance;
use engine::Side;
use history::History;
use model::{Model, Step};
use tally::Tally;

/// Catalogs of random prices, and calls of each: 10,000 in all.
const CATALOGS: u64 = 25;
const CALLS: usize = 400;
const HISTORIES: u64 = 500;
const STEPS: usize = 90;
/// Failing seeds after which no more are tried.
const FAILURES_MAX: usize = 400;
/// Events before a difference that are shown.
const EVENTS_SHOWN: usize = 12;
/// Seeds that once found a difference.
const FOUND: [u64; 0] = [];

/// Both sides, and where they are.
struct Run {
    model: Model,
    engine: Side,
    /// The engine again, restored from its ledger after every step.
    restored: Option<Side>,
    steps: Vec<(Timestamp, Step)>,
    /// The engine's ledger.
    ledger: Vec<Value>,
    seen: [usize; 4],
}

impl Run {
    fn new(rates: &model::catalog::Catalog, catalog: &Arc<Catalog>) -> Run {
        Run {
            model: Model::new(rates.clone()),
            engine: Side::new(Arc::clone(catalog)),
            restored: None,
            steps: Vec::new(),
            ledger: Vec::new(),
            seen: [0; 4],
        }
    }

    /// One step on both sides; what each wrote is the same.
    fn step(&mut self, seed: u64, at: Timestamp, step: &Step, tally: &mut Tally) {
        self.steps.push((at, step.clone()));
        let (events, alerts) = (self.model.ledger().len(), self.model.alerts().len());
        let outcome = self.model.step(at, step);
        self.engine.step(at, step);
        tally.outcome(&outcome);
        let place = self.steps.len() - 1;
        let context = || {
            let text = match step {
                Step::Cdr(bytes) => format!("CDR {}", String::from_utf8_lossy(bytes)),
                Step::Command(bytes) => format!("command {}", String::from_utf8_lossy(bytes)),
                Step::Clock => "clock".into(),
            };
            let before: Vec<&Value> = self.ledger[self.ledger.len().saturating_sub(EVENTS_SHOWN)..].iter().collect();
            let before: String = before.iter().map(|event| format!("  {event}\n")).collect();
            if let Ok(path) = std::env::var("TRACE") {
                let all: String = self.ledger.iter().map(|event| format!("{event}\n")).collect();
                std::fs::write(path, all).expect("written");
            }
            format!("before:\n{before}SEED={seed}, step {place} at {at}: {text}\nmodel: {outcome:?}")
        };
        let seen = self.engine.written.each_ref().map(Vec::len);
        let ledger = self.fresh(Output::Ledger, |record| serde_json::from_slice(record).expect("JSON"));
        let plain: Vec<Value> = ledger.iter().map(|event| compare::of(event.clone())).collect();
        let alerted = self.fresh(Output::Alerts, compare::plain);
        let quarantined = self.fresh(Output::Quarantine, compare::outcome_of);
        let of_model: Vec<Value> = self.model.ledger()[events..].iter().cloned().map(compare::of).collect();
        compare::assert_same("event", &of_model, &plain, &context);
        compare::assert_same("alert", &self.model.alerts()[alerts..], &alerted, &context);
        let expected: Vec<Value> = compare::quarantined(&outcome).into_iter().collect();
        compare::assert_same("quarantine entry", &expected, &quarantined, &context);
        if let Some(restored) = &mut self.restored {
            restored.step(at, step);
            restored.restore();
            assert_eq!(restored.state(), self.engine.state(), "law 3: with a restore and without\n{}", context());
            for (output, seen) in Output::ALL.into_iter().zip(self.seen) {
                let of = |side: &Side| side.written[output.index()][seen..].to_vec();
                assert_eq!(of(restored), of(&self.engine), "law 7: the same bytes\n{}", context());
            }
        }
        plain.iter().for_each(|event| tally.event(event));
        self.ledger.extend(ledger);
        self.seen = seen;
    }

    fn fresh(&self, output: Output, read: impl Fn(&[u8]) -> Value) -> Vec<Value> {
        self.engine.written[output.index()][self.seen[output.index()]..].iter().map(|record| read(record)).collect()
    }
}

fn seeds(count: u64) -> Vec<u64> {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    match (number("SEED"), number("SEEDS")) {
        (Some(seed), _) => vec![seed],
        (None, count_wanted) => FOUND.into_iter().chain(1..=count_wanted.unwrap_or(count)).collect(),
    }
}

/// Runs all seeds, and fails with those of which a run fails.
fn for_seeds(count: u64, mut run: impl FnMut(u64)) {
    let mut failed = Vec::new();
    for seed in seeds(count) {
        if catch_unwind(AssertUnwindSafe(|| run(seed))).is_err() {
            failed.push(seed);
        }
        assert!(failed.len() < FAILURES_MAX, "these seeds fail, and more are not tried: {failed:?}");
    }
    assert!(failed.is_empty(), "these seeds fail: {failed:?}");
}

#[test]
fn histories_are_the_same_in_model_and_engine() {
    let rates = rates::catalog();
    let catalog = adapter::catalog(&rates);
    let mut tally = Tally::default();
    for_seeds(HISTORIES, |seed| {
        let mut run = Run::new(&rates, &catalog);
        if std::env::var_os("FAST").is_none() {
            run.restored = Some(Side::new(Arc::clone(&catalog)));
        }
        let mut history = History::of(seed);
        for _ in 0..STEPS {
            let (at, step) = history.next(&run.ledger);
            run.step(seed, at, &step, &mut tally);
        }
        assert!(run.model.accounts().values().all(model::Account::adds_up), "R42, SEED={seed}");
    });
    tally.print();
}

#[test]
fn calls_cost_the_same_in_model_and_engine() {
    let mut tally = Tally::default();
    for_seeds(CATALOGS, |seed| {
        let mut calls = History::of(seed);
        let rates = random_rates::catalog(rates::catalog(), calls.now(), &mut Chance::of(seed));
        let mut run = Run::new(&rates, &adapter::catalog(&rates));
        for _ in 0..CALLS {
            let (at, step) = calls.next_call();
            run.step(seed, at, &step, &mut tally);
        }
    });
    tally.print();
}
