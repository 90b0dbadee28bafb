//! Price lists: how long a large one takes to read, and what a charge costs with and without time bands.
//!
//! `cargo bench --bench deck` measures, `cargo bench --bench deck -- --test` runs a little of everything. Every run checks its
//! result.

use std::hint::black_box;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use tollkeeper::core::deck::Deck;
use tollkeeper::core::duration::CallDuration;
use tollkeeper::core::money::LineRounding;
use tollkeeper::core::price::Price;
use tollkeeper::wire::deck_csv::{DeckName, read_deck, write_deck};
use tollkeeper::wire::fault::SourceFile;

const ROUNDS: usize = 5;

fn read(text: &str) -> Deck {
    let file = SourceFile { name: "bench.csv", bytes: text.as_bytes() };
    read_deck(file, DeckName { id: "bench", version: "1" }, None).unwrap_or_else(|faults| panic!("{faults}"))
}

/// As many prefixes of six to nine digits, a fifth of them with a time band.
fn carrier(rows: usize) -> String {
    let mut text = "Country,Description,Dial code,Rate (USD),Billing increment,Effective date,Band\n".to_owned();
    for row in 0..rows {
        let prefix = format!("{}{:05}", 1 + row % 9, row);
        let line = format!("Somewhere,Destination {},+{prefix},0.{:04},60/60,2026-01-01", row / 30, 1 + row % 9_000);
        text += &format!("{line},\n");
        if row % 5 == 0 {
            let night = line.replace(",0.", ",0.00");
            text += &format!("{night},mon-fri 18:00-08:00 Europe/Berlin\n");
        }
    }
    text
}

/// The time that this thread had a processor, where the system tells (Linux), else the time that passed; of the best round.
fn best_of(rounds: usize, mut run: impl FnMut()) -> Duration {
    let on_processor = || {
        let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
        text.split(' ').next()?.parse().ok().map(Duration::from_nanos)
    };
    let round = |_| {
        #[expect(clippy::disallowed_methods, reason = "a bench measures")]
        let (began, busy) = (Instant::now(), on_processor());
        run();
        match (busy, on_processor()) {
            (Some(before), Some(after)) if after > before => after - before,
            _ => began.elapsed(),
        }
    };
    (0..rounds).map(round).min().expect("a round or more")
}

/// Prints what one charge takes.
fn measure_charges(what: &str, price: &Price, seconds: u32, lines: usize, times: i64) {
    let duration: CallDuration = seconds.to_string().parse().expect("a duration");
    let start: Timestamp = "2026-11-20T16:59:00Z".parse().expect("a time");
    let took = best_of(ROUNDS, || {
        for time in 0..times {
            let start = start + SignedDuration::from_secs(time % 30);
            let priced = black_box(price).charge(black_box(start), duration, 0, LineRounding::default());
            assert_eq!(black_box(priced).expect("priced").lines.len(), lines, "{what}");
        }
    });
    println!("{what:<60} {:>9} ns", took.as_nanos() / u128::try_from(times).expect("a count"));
}

fn main() {
    let measured = std::env::args().any(|arg| arg == "--bench") && !std::env::args().any(|arg| arg == "--test");
    let (rows, times, rounds) = if measured { (200_000, 200_000, ROUNDS) } else { (2_000, 200, 1) };
    let text = carrier(rows);
    let lines = text.lines().count() - 1;
    let took = best_of(rounds, || assert_eq!(black_box(read(&text)).rows().len(), rows));
    println!("a carrier's list of {lines} lines is read in {took:?}");
    let own = write_deck(&read(&text));
    let took = best_of(rounds, || assert_eq!(black_box(read(&own)).rows().len(), rows));
    println!("the same in the project's own layout, in {took:?}");
    let faulty = text.replace(",+", ",x");
    let took = best_of(rounds, || {
        let file = SourceFile { name: "bench.csv", bytes: faulty.as_bytes() };
        let refused = read_deck(file, DeckName { id: "bench", version: "1" }, None).map(|_| ());
        assert_eq!(refused.expect_err("refused").count(), lines);
    });
    println!("the same with a fault in every line, in {took:?}");

    let price = |rows: &str| {
        let deck = read(&format!("# currency: USD\nprefix,rate,increments,band\n{rows}"));
        deck.rows()[0].price.clone()
    };
    let flat = price("49,0.10,60/60,\n");
    let night = "49,0.04,60/60,mon-fri 18:00-08:00 Europe/Berlin\n";
    let banded = price(&format!("49,0.10,60/60,\n{night}"));
    let by_second = price(&format!("49,0.10,60/60,\n{night}").replace("60/60", "1/1"));
    measure_charges("a charge without time bands", &flat, 78, 1, times);
    measure_charges("a charge with time bands, in one", &banded, 30, 1, times);
    measure_charges("a charge across a border", &banded, 240, 2, times);
    measure_charges("a week by the second, across 11 borders", &by_second, 604_800, 11, times / 20);
}
