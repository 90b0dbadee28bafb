//! The result: as a table for people, as JSON for scripts.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Moment, RunFacts, in_words, mebibytes, per_second};
use crate::core::reason::Reason;
use crate::demo::proof::report::{Finding, Report, grouped, grouped_money};

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
        ("transactions", in_words(last.latency.transaction)),
        ("commits", in_words(last.latency.commit)),
        ("memory at most", mebibytes(last.memory.peak_kib)),
    ]);
    let mut text = String::new();
    for (name, value) in rows {
        text.push_str(&format!("{name:<30}{value}\n"));
    }
    text.push_str("\nProof, by a separate reader of the logs:\n");
    for finding in &report.findings {
        let Finding { subject, claim, faults } = finding;
        if faults.count == 0 {
            text.push_str(&format!("  ok     {subject}: {claim}\n"));
        } else {
            text.push_str(&format!("  WRONG  {subject}; not so that \"{claim}\": {} faults\n", grouped(faults.count)));
        }
        for fault in &faults.first {
            text.push_str(&format!("           {fault}\n"));
        }
        let untold = faults.count.saturating_sub(u64::try_from(faults.first.len()).unwrap_or(0));
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
            "subject": finding.subject,
            "claim": finding.claim,
            "ok": finding.faults.count == 0,
            "faults": finding.faults.count,
            "first_faults": finding.faults.first,
        })
    });
    let micros = |bounds: [Option<Duration>; 2]| {
        let [p50, p99] = bounds.map(|within| within.and_then(|within| u64::try_from(within.as_micros()).ok()));
        json!({"p50_within_us": p50, "p99_within_us": p99})
    };
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
        "transactions": micros(last.latency.transaction),
        "commits": micros(last.latency.commit),
        "memory_peak_kib": last.memory.peak_kib,
        "proof": findings.collect::<Vec<Value>>(),
        "adds_up": report.adds_up(),
    })
}
