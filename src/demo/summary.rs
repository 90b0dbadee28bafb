//! What the demo shows: a few lines every second while it runs, and the result ([`result`]) at the end.

pub mod result;

use std::io::{self, IsTerminal, Write};
use std::net::SocketAddr;
use std::time::Duration;

use super::proof::report::{Tally, grouped, grouped_money};
use crate::core::reason::Reason;
use crate::metrics::Metrics;

/// How the run was asked for.
#[derive(Clone, Copy, Debug)]
pub struct RunFacts {
    /// The seed.
    pub seed: u64,
    /// Tenants.
    pub tenants: u32,
    /// Partitions.
    pub partitions: u32,
    /// Workers.
    pub workers: u32,
}

/// What is seen at one moment.
#[derive(Clone, Debug)]
pub struct Moment {
    /// Since traffic began.
    pub elapsed: Duration,
    /// What the proof has found so far.
    pub tally: Tally,
    /// CDRs that were sent.
    pub sent: u64,
    /// Tenants that are blocked now.
    pub blocked: u64,
    /// How long transactions take.
    pub latency: Latency,
    /// Resident memory.
    pub memory: Memory,
}

/// The bounds, of the histograms', under which half and 99 of a hundred transactions stayed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Latency {
    /// From the begin until all is committed: how long a record waits at most for what was rated with it.
    pub transaction: [Option<Duration>; 2],
    /// The commit alone.
    pub commit: [Option<Duration>; 2],
}

impl Latency {
    /// As the metrics have it.
    pub fn read(metrics: &Metrics) -> Latency {
        Latency {
            transaction: [50, 99].map(|percent| metrics.transaction_duration_within(percent)),
            commit: [50, 99].map(|percent| metrics.commit_duration_within(percent)),
        }
    }
}

/// Resident memory of the process in KiB; nothing where the system does not tell.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memory {
    /// Now.
    pub now_kib: Option<u64>,
    /// At most so far.
    pub peak_kib: Option<u64>,
}

impl Memory {
    /// As Linux tells it.
    pub fn read() -> Memory {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_ascii_whitespace().next()?.parse().ok()
        };
        Memory { now_kib: field("VmRSS:"), peak_kib: field("VmHWM:") }
    }
}

/// Shows moments on standard error: in place on a terminal, else a line for each.
pub struct Live {
    in_place: bool,
    lines: usize,
    before: (Duration, u64),
}

impl Live {
    /// Nothing is shown yet.
    pub fn new() -> Live {
        Live { in_place: io::stderr().is_terminal(), lines: 0, before: (Duration::ZERO, 0) }
    }

    /// Says how it was begun, so that it can be repeated.
    pub fn begin(&self, facts: &RunFacts, metrics_at: Option<SocketAddr>) {
        let RunFacts { seed, tenants, partitions, workers } = facts;
        let metrics_at = metrics_at.map(|at| format!(", metrics on http://{at}/metrics")).unwrap_or_default();
        let text = format!("seed {seed}: {tenants} tenants, {partitions} partitions, {workers} workers{metrics_at}\n");
        let _ = io::stderr().write_all(text.as_bytes());
    }

    /// Shows a moment. What cannot be written is not: the result is what counts.
    pub fn show(&mut self, moment: &Moment) {
        let rate = per_second(moment.tally.settled - self.before.1, moment.elapsed.saturating_sub(self.before.0));
        self.before = (moment.elapsed, moment.tally.settled);
        let lines = lines(moment, rate);
        let text = if self.in_place {
            let up = if self.lines > 0 { format!("\x1b[{}A\x1b[J", self.lines) } else { String::new() };
            self.lines = lines.len();
            // Lines are cut at the edge rather than wrapped: else it would not be known how far up the next ones begin.
            format!("{up}\x1b[?7l{}\x1b[?7h\n", lines.join("\n"))
        } else {
            format!("{}\n", lines.join(" | "))
        };
        let _ = io::stderr().write_all(text.as_bytes());
    }
}

impl Default for Live {
    fn default() -> Self {
        Live::new()
    }
}

fn per_second(count: u64, elapsed: Duration) -> u64 {
    let milliseconds = u128::max(elapsed.as_millis(), 1);
    u64::try_from(u128::from(count) * 1_000 / milliseconds).unwrap_or(u64::MAX)
}

fn lines(moment: &Moment, rate: u64) -> Vec<String> {
    let tally = &moment.tally;
    let n = grouped;
    let recharges = &tally.recharges;
    let lag = moment.sent.saturating_sub(tally.settled);
    vec![
        format!("{:>3} s  {} CDRs rated, {}/s, {} behind", moment.elapsed.as_secs(), n(tally.settled), n(rate), n(lag)),
        format!(
            "{} debited, {} USD, {} duplicates",
            n(tally.debited),
            grouped_money(tally.amount),
            n(tally.duplicates)
        ),
        format!("{} quarantined{}", n(tally.quarantined_in_all()), by_reason(tally)),
        format!(
            "{} recharges requested, {} succeeded, {} failed",
            n(recharges.requested),
            n(recharges.succeeded),
            n(recharges.failed)
        ),
        format!("{} blocks, {} unblocks, {} blocked now", n(tally.blocks), n(tally.unblocks), n(moment.blocked)),
        format!("commits {}, memory {}", in_words(moment.latency.commit), mebibytes(moment.memory.now_kib)),
    ]
}

fn by_reason(tally: &Tally) -> String {
    let counted = Reason::ALL.iter().zip(tally.quarantined).filter(|(_, count)| *count > 0);
    let texts: Vec<String> = counted.map(|(reason, count)| format!("{reason} {}", grouped(count))).collect();
    if texts.is_empty() { String::new() } else { format!(" ({})", texts.join(", ")) }
}

fn in_words(bounds: [Option<Duration>; 2]) -> String {
    let [p50, p99] = bounds.map(|within| within.map_or("-".to_owned(), |within| format!("{within:?}")));
    format!("p50 within {p50}, p99 within {p99}")
}

fn mebibytes(kib: Option<u64>) -> String {
    kib.map_or("-".to_owned(), |kib| format!("{} MiB", grouped(kib / 1024)))
}
