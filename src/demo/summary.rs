//! What the demo shows: a few lines every second while it runs, and the result at the end.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use serde_json::{Value, json};

use super::proof::report::{Report, Tally, grouped, grouped_money};
use crate::core::reason::Reason;
use crate::metrics::Metrics;

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
    pub transactions: Latency,
    /// Resident memory.
    pub memory: Memory,
}

/// The bounds, of the histogram's, under which transactions stayed, from their begin until they were committed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Latency {
    /// Half of them.
    pub p50: Option<Duration>,
    /// All but one in a hundred.
    pub p99: Option<Duration>,
}

impl Latency {
    /// As the metrics have it.
    pub fn read(metrics: &Metrics) -> Latency {
        let within = |percent| metrics.transaction_duration_within(percent);
        Latency { p50: within(50), p99: within(99) }
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

    /// Shows a moment. What cannot be written is not: the result is what counts.
    pub fn show(&mut self, moment: &Moment) {
        let rate = per_second(moment.tally.settled - self.before.1, moment.elapsed.saturating_sub(self.before.0));
        self.before = (moment.elapsed, moment.tally.settled);
        let lines = lines(moment, rate);
        let text = if self.in_place {
            let up = if self.lines > 0 { format!("\x1b[{}A\x1b[J", self.lines) } else { String::new() };
            self.lines = lines.len();
            format!("{up}{}\n", lines.join("\n"))
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
        format!("transactions {}, memory {}", in_words(moment.transactions), mebibytes(moment.memory.now_kib)),
    ]
}

fn by_reason(tally: &Tally) -> String {
    let counted = Reason::ALL.iter().zip(tally.quarantined).filter(|(_, count)| *count > 0);
    let texts: Vec<String> = counted.map(|(reason, count)| format!("{reason} {}", grouped(count))).collect();
    if texts.is_empty() { String::new() } else { format!(" ({})", texts.join(", ")) }
}

fn in_words(latency: Latency) -> String {
    let text = |within: Option<Duration>| within.map_or("-".to_owned(), |within| format!("{} ms", within.as_millis()));
    format!("p50 within {}, p99 within {}", text(latency.p50), text(latency.p99))
}

fn mebibytes(kib: Option<u64>) -> String {
    kib.map_or("-".to_owned(), |kib| format!("{} MiB", grouped(kib / 1024)))
}

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

/// The result as a table, and the proof line by line.
pub fn table(facts: &RunFacts, last: &Moment, report: &Report) -> String {
    let tally = &report.tally;
    let n = grouped;
    let recharges = &tally.recharges;
    let mut rows = vec![
        ("seed", facts.seed.to_string()),
        ("tenants, partitions, workers", format!("{}, {}, {}", facts.tenants, facts.partitions, facts.workers)),
        ("traffic", format!("{:.1} s", last.elapsed.as_secs_f64())),
        ("CDRs rated", n(tally.settled)),
        ("CDRs a second", n(per_second(tally.settled, last.elapsed))),
        ("debited", n(tally.debited)),
        ("  of these, not free", n(tally.paid)),
        ("  amount, USD", grouped_money(tally.amount)),
        ("duplicates", n(tally.duplicates)),
        ("rerouted", n(tally.rerouted)),
        ("quarantined", n(tally.quarantined_in_all())),
    ];
    for (reason, count) in Reason::ALL.iter().zip(tally.quarantined).filter(|(_, count)| *count > 0) {
        rows.push(("", format!("{} {reason}", n(count))));
    }
    rows.extend([
        ("recharges requested", n(recharges.requested)),
        ("  succeeded", n(recharges.succeeded)),
        ("  failed", n(recharges.failed)),
        ("blocks, unblocks", format!("{}, {}", n(tally.blocks), n(tally.unblocks))),
        ("tenants blocked at the end", n(last.blocked)),
        ("transactions", in_words(last.transactions)),
        ("memory at most", mebibytes(last.memory.peak_kib)),
    ]);
    let mut text = String::new();
    for (name, value) in rows {
        text.push_str(&format!("{name:<30}{value}\n"));
    }
    text.push_str("\nProof, by a separate reader of the logs:\n");
    for finding in &report.findings {
        let mark = if finding.faults.count == 0 { "  ok     " } else { "  WRONG  " };
        text.push_str(&format!("{mark}{}\n", finding.text));
        for fault in &finding.faults.first {
            text.push_str(&format!("           {fault}\n"));
        }
        let untold = finding.faults.count.saturating_sub(u64::try_from(finding.faults.first.len()).unwrap_or(0));
        if untold > 0 {
            text.push_str(&format!("           and {} more\n", grouped(untold)));
        }
    }
    text.push_str(if report.adds_up() { "It adds up.\n" } else { "It does not add up.\n" });
    text
}

/// The result for scripts.
pub fn as_json(facts: &RunFacts, last: &Moment, report: &Report) -> Value {
    let tally = &report.tally;
    let reasons = Reason::ALL.iter().zip(tally.quarantined).filter(|(_, count)| *count > 0);
    let quarantined: serde_json::Map<String, Value> =
        reasons.map(|(reason, count)| (reason.code().to_owned(), count.into())).collect();
    let findings = report.findings.iter().map(|finding| {
        json!({
            "finding": finding.text,
            "ok": finding.faults.count == 0,
            "faults": finding.faults.count,
            "first_faults": finding.faults.first,
        })
    });
    let milliseconds =
        |within: Option<Duration>| within.map(|within| u64::try_from(within.as_millis()).unwrap_or(u64::MAX));
    json!({
        "seed": facts.seed,
        "tenants": facts.tenants,
        "partitions": facts.partitions,
        "workers": facts.workers,
        "traffic_ms": u64::try_from(last.elapsed.as_millis()).unwrap_or(u64::MAX),
        "cdrs": tally.settled,
        "cdrs_per_second": per_second(tally.settled, last.elapsed),
        "debited": tally.debited,
        "paid": tally.paid,
        "amount": report.money.debited.to_string(),
        "duplicates": tally.duplicates,
        "rerouted": tally.rerouted,
        "quarantined": quarantined,
        "recharges": {
            "requested": tally.recharges.requested,
            "succeeded": tally.recharges.succeeded,
            "failed": tally.recharges.failed,
            "in_flight": tally.recharges.in_flight,
        },
        "blocks": tally.blocks,
        "unblocks": tally.unblocks,
        "transaction_p50_within_ms": milliseconds(last.transactions.p50),
        "transaction_p99_within_ms": milliseconds(last.transactions.p99),
        "memory_peak_kib": last.memory.peak_kib,
        "proof": findings.collect::<Vec<Value>>(),
        "adds_up": report.adds_up(),
    })
}
