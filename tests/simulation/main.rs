//! The engine in a simulated world: everything that can go wrong does, by a seed, and then every number must be right.
//!
//! `SIM_SEED=n` runs one seed and shows what it did; `SIM_SEEDS=n` runs more of them.

#[path = "../model_vs_engine/adapter.rs"]
mod adapter;
mod chance;
mod checks;
#[path = "../model_vs_engine/compare.rs"]
mod compare;
mod disturb;
mod driver;
mod feed;
#[path = "../model_vs_engine/history/mod.rs"]
mod history;
mod journal;
mod merge;
#[path = "../model/mod.rs"]
mod model;
mod observed;
mod operator;
mod oracle;
mod process;
#[path = "../model_vs_engine/rates.rs"]
mod rates;
mod tally;

use std::panic::{AssertUnwindSafe, catch_unwind};

use driver::{Run, Weather};
use tally::Tally;
use tollkeeper::core::due::DueKind;
use tollkeeper::stream::step::Step;

/// Seeds of a normal run.
const SEEDS: u64 = 200;
/// Actions of one seed.
const ACTIONS: u32 = 400;
/// Seeds above the normal range that failed once with the traffic of today. Those that failed so far lie in the range itself, or
/// mean another run since the traffic was changed.
const ONCE_FAILED: [u64; 0] = [];

/// Faults that the seeds together must meet: one that never happens proves nothing.
const FAULTS: [&str; 20] = [
    "aborted with due work in the batch",
    "clock jumps by hours",
    "commit: Abort",
    "commit: MarkersLater",
    "commit: UnknownApplied",
    "commit: UnknownLate",
    "commit: UnknownLost",
    "commit: UnknownPrepared",
    "fenced by its successor",
    "late EndTxn Fenced",
    "ledger tampered with",
    "member expired, told AtOnce",
    "member expired, told AtPoll",
    "offsets expired",
    "offsets rewound",
    "partition stopped",
    "rebalance",
    "restored with work that is due",
    "successor beside a zombie",
    "transaction timed out",
];

/// Plays a seed; `Err` is what was wrong, with what was done.
fn play(seed: u64, weather: Weather, tally: &Tally) -> Result<Run, String> {
    let mut run = Run::new(seed, weather);
    let tally_of_run = run.tally.clone();
    let result = catch_unwind(AssertUnwindSafe(|| {
        run.play(ACTIONS)?;
        checks::check(&run)
    }));
    tally.add(&tally_of_run);
    let failure = match result {
        Ok(Ok(())) => return Ok(run),
        Ok(Err(failure)) => failure,
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            format!("panicked: {}", text.or(panic.downcast_ref::<&str>().map(|s| (*s).into())).unwrap_or_default())
        }
    };
    if std::env::var_os("SIM_SEED").is_some() {
        for (partition, happened) in &run.journal.pages().happened {
            happened.iter().for_each(|happened| println!("partition {partition}: {happened:?}"));
        }
    }
    let shown = if std::env::var_os("SIM_SEED").is_some() { run.trace.len() } else { 40 };
    let trace = run.trace[run.trace.len() - shown.min(run.trace.len())..].join("\n");
    Err(format!(
        "seed {seed}: {failure}\nSIM_SEED={seed} shows all of it; the last of what was done:\n{trace}\nseed {seed}: {failure}"
    ))
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().expect("a number"))
}

#[test]
fn in_fair_weather_every_record_has_its_outcome() {
    let tally = Tally::default();
    for seed in 0..10 {
        if let Err(failure) = play(seed, Weather::Fair, &tally) {
            panic!("{failure}");
        }
    }
}

#[test]
fn whatever_fails_nothing_is_lost_and_nothing_charged_twice() {
    let tally = Tally::default();
    let seeds: Vec<u64> = match number("SIM_SEED") {
        Some(seed) => vec![seed],
        None => ONCE_FAILED.into_iter().chain(0..number("SIM_SEEDS").unwrap_or(SEEDS)).collect(),
    };
    let mut failures = Vec::new();
    for seed in &seeds {
        if let Err(failure) = play(*seed, Weather::Foul, &tally) {
            failures.push((*seed, failure));
        }
    }
    println!("{}", tally.lines().join("\n"));
    if let Some((_, first)) = failures.first() {
        failures.iter().for_each(|(_, failure)| println!("{}", failure.lines().next().unwrap_or_default()));
        let all: Vec<u64> = failures.iter().map(|(seed, _)| *seed).collect();
        panic!("{} of {} seeds failed: {all:?}\n{first}", failures.len(), seeds.len());
    }
    if seeds.len() > 1 {
        for step in Step::ALL {
            assert!(tally.of("steps reached", step.name()) > 0, "no seed ever reached {}", step.name());
            assert!(tally.of("crashes", step.name()) > 0, "no seed ever crashed at {}", step.name());
        }
        for kind in DueKind::ALL {
            assert!(tally.of("due", kind.code()) > 0, "no seed ever had {kind} to do");
        }
        for fault in FAULTS {
            assert!(tally.of("faults", fault) > 0, "no seed ever met: {fault}");
        }
    }
}

#[test]
fn law_7_the_same_seed_writes_the_same_bytes() {
    for seed in [1, 2, 3] {
        let one = play(seed, Weather::Foul, &Tally::default());
        let other = play(seed, Weather::Foul, &Tally::default());
        match (one, other) {
            (Ok(one), Ok(other)) => assert!(checks::written(&one) == checks::written(&other), "seed {seed}"),
            (Err(failure), _) | (_, Err(failure)) => panic!("{failure}"),
        }
    }
}
