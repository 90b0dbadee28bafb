//! The engine against the plain second implementation (`tests/model`): random calls, and random histories of commands, calls
//! and due work. After every step both have written the same, and so has an engine that is restored from its ledger after
//! every step; live and folded state are equal field by field.
//!
//! `SEED=n cargo test --test model_vs_engine` runs one seed, `SEEDS=n` so many; `FAST=1` leaves the restores out. With
//! `--nocapture` the run prints how often each thing happened.

mod adapter;
mod compare;
mod engine;
mod found;
mod history;
#[path = "../model/mod.rs"]
mod model;
mod random_rates;
mod rates;
mod run;
mod tally;

use std::panic::{AssertUnwindSafe, catch_unwind};

use history::History;
use history::chance::Chance;
use run::Run;
use tally::Tally;

/// Catalogs of random prices, and calls of each: 10,000 in all.
const CATALOGS: u64 = 25;
const CALLS: usize = 400;
const HISTORIES: u64 = 500;
/// Of a history.
const STEPS: usize = 90;
/// Failing seeds after which no more are tried.
const FAILURES_MAX: usize = 12;
/// Seeds of histories that once found a difference.
const FOUND: [u64; 6] = [622, 646, 1057, 1227, 1635, 2365];

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

/// Runs all seeds, those that were found first; what is to happen must have happened in them.
fn for_seeds(found: &[u64], count: u64, must_happen: &[String], mut run: impl FnMut(u64, &mut Tally)) {
    let (one, some) = (number("SEED"), number("SEEDS"));
    let seeds: Vec<u64> = match one {
        Some(seed) => vec![seed],
        None => found.iter().copied().chain(1..=some.unwrap_or(count)).collect(),
    };
    println!("seeds: {found:?}, and up to {}", seeds[seeds.len() - 1]);
    let mut tally = Tally::default();
    let mut failed = Vec::new();
    for seed in seeds {
        if catch_unwind(AssertUnwindSafe(|| run(seed, &mut tally))).is_err() {
            failed.push(seed);
        }
        if failed.len() == FAILURES_MAX {
            break;
        }
    }
    tally.print();
    let is_whole = one.is_none() && some.is_none();
    let missing = if is_whole { tally.missing_of(must_happen) } else { Vec::new() };
    assert!(failed.is_empty() && missing.is_empty(), "these seeds fail: {failed:?}; these never happened: {missing:?}");
}

#[test]
fn histories_are_the_same_in_model_and_engine() {
    let rates = rates::catalog();
    let catalog = adapter::catalog(&rates);
    let is_fast = std::env::var_os("FAST").is_some();
    for_seeds(&FOUND, HISTORIES, &tally::of_histories(), |seed, tally| {
        let mut run = Run::new(seed, &rates, &catalog);
        if !is_fast {
            run.restore_after_every_step(&catalog);
        }
        let mut history = History::of(seed);
        for _ in 0..STEPS {
            let (at, step) = history.next(&run.ledger);
            run.step(at, &step, tally);
        }
        run.assert_adds_up();
    });
}

#[test]
fn calls_cost_the_same_in_model_and_engine() {
    for_seeds(&[], CATALOGS, &tally::of_calls(), |seed, tally| {
        let mut calls = History::of(seed);
        let rates = random_rates::catalog(rates::catalog(), calls.now(), &mut Chance::of(seed));
        let mut run = Run::new(seed, &rates, &adapter::catalog(&rates));
        for _ in 0..CALLS {
            let (at, step) = calls.next_call();
            run.step(at, &step, tally);
        }
        run.assert_adds_up();
    });
}
