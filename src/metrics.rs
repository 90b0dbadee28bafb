//! Metrics: every name, what it means, and the one registry.
//!
//! Workers count into a [`BatchCounts`] and publish it when its transaction is committed; rare things are counted where they
//! are logged ([`crate::internal_events`]); what a scrape can ask for (partitions, tenants, lag) is read from [`Health`](crate::health::Health) when
//! it asks. No tenant, number or call id is ever a label. Partitions are none either: with three inputs they would make
//! hundreds of series that move between nodes; lag is the sum (records) or the worst (seconds) over the partitions of the
//! process, and `/health/ready` names a partition that is stuck.

mod account_event;
mod collectors;
mod counts;
mod registry;

pub use account_event::AccountEvent;
pub use counts::{BatchCounts, CdrOutcome, CommandOutcome, RechargeState};
pub use registry::{Metrics, TransactionTimes};

use crate::core::account::Broken;

/// What a metric is, for README and registration alike.
#[derive(Clone, Copy, Debug)]
pub struct MetricDoc {
    /// Its name: noun, base unit, `_total` for counters.
    pub name: &'static str,
    /// `counter`, `gauge` or `histogram`.
    pub kind: &'static str,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// What it means.
    pub help: &'static str,
}

const fn doc(name: &'static str, kind: &'static str, labels: &'static [&'static str], help: &'static str) -> MetricDoc {
    MetricDoc { name, kind, labels, help }
}

const CDRS: MetricDoc = doc(
    "tollkeeper_cdrs_total",
    "counter",
    &["outcome", "reason"],
    "CDRs by outcome (debited, duplicate, quarantined, rerouted) and, for quarantined ones, reason",
);
const COMMANDS: MetricDoc = doc(
    "tollkeeper_commands_total",
    "counter",
    &["outcome", "reason"],
    "commands by outcome (applied, duplicate, refused, quarantined, rerouted) and the reason of refused and quarantined ones",
);
const RECORDS_READ: MetricDoc = doc(
    "tollkeeper_records_read_total",
    "counter",
    &["input"],
    "records taken from the inputs, in committed transactions",
);
const RECORDS_WRITTEN: MetricDoc = doc(
    "tollkeeper_records_written_total",
    "counter",
    &["output"],
    "records published to the outputs, in committed transactions",
);
const DEBITED: MetricDoc = doc(
    "tollkeeper_debited_amount_total",
    "counter",
    &["currency"],
    "money debited; summed exactly, shown as the nearest binary fraction: the ledger is the record",
);
const FREE_CALLS: MetricDoc = doc(
    "tollkeeper_free_calls_total",
    "counter",
    &[],
    "calls without a price that were debited with 0 (`no_rate = \"free_call\"`)",
);
const RECHARGES: MetricDoc = doc(
    "tollkeeper_recharges_total",
    "counter",
    &["state"],
    "what happened to recharges (requested, succeeded, failed, suspended, capped, unmatched); unmatched is money somewhere: act",
);
const BLOCKS: MetricDoc =
    doc("tollkeeper_tenant_blocks_total", "counter", &["change"], "times a tenant was blocked or unblocked");
const ACCOUNT_EVENTS: MetricDoc = doc(
    "tollkeeper_account_events_total",
    "counter",
    &["event"],
    "rare events of accounts (pool_80, pool_100, user_blocked, user_unblocked, balance_low, balance_reached_zero, funds_expiring, funds_expired, balance_adjusted, call_voided)",
);
const DUE_WORK: MetricDoc = doc(
    "tollkeeper_due_work_total",
    "counter",
    &["kind"],
    "work that was due by time and done (expiry, warning, month, day, retry, status, unresolved)",
);
const TENANTS: MetricDoc = doc("tollkeeper_tenants", "gauge", &[], "accounts on the partitions of this process");
const TENANTS_BLOCKED: MetricDoc =
    doc("tollkeeper_tenants_blocked", "gauge", &[], "accounts in which paid calls must not be set up");
const ACCOUNTS_FROZEN: MetricDoc =
    doc("tollkeeper_accounts_frozen", "gauge", &[], "accounts that are frozen since a law was broken; must stay 0");
const IDENTITIES: MetricDoc = doc(
    "tollkeeper_identities",
    "gauge",
    &[],
    "calls that are remembered on the partitions of this process, so that a redelivery is known; those that have lapsed leave within the hour",
);
const DUE_QUEUED: MetricDoc =
    doc("tollkeeper_due_queued", "gauge", &[], "accounts that wait for a time of theirs (expiry, retry, month, ...)");
const QUEUED_RECORDS: MetricDoc = doc(
    "tollkeeper_queued_records",
    "gauge",
    &["input"],
    "records that are fetched and not yet rated, on the partitions of this process",
);
const QUEUED_BYTES: MetricDoc =
    doc("tollkeeper_queued_bytes", "gauge", &[], "memory of the records that are fetched and not yet rated");
const PARTITIONS: MetricDoc = doc(
    "tollkeeper_partitions",
    "gauge",
    &["state"],
    "partitions of this process by state (assigned: restore not begun, restoring, ready, stopped)",
);
const RECOVERY_FOLDED: MetricDoc = doc(
    "tollkeeper_recovery_folded_events",
    "gauge",
    &[],
    "ledger offsets that the restores in progress have folded; 0 when none is",
);
const RECOVERY_EXPECTED: MetricDoc = doc(
    "tollkeeper_recovery_expected_events",
    "gauge",
    &[],
    "ledger offsets that the restores in progress have to fold in all",
);
const INPUT_LAG_RECORDS: MetricDoc = doc(
    "tollkeeper_input_lag_records",
    "gauge",
    &["input"],
    "offsets between the next record and the end of the input, summed over the partitions that are rated (not restoring or stopped)",
);
const INPUT_LAG_SECONDS: MetricDoc = doc(
    "tollkeeper_input_lag_seconds",
    "gauge",
    &["input"],
    "how far the partition furthest behind is behind in event time, of those that are rated",
);
const INPUTS_WAITING: MetricDoc = doc(
    "tollkeeper_inputs_waiting",
    "gauge",
    &["input"],
    "partitions that have waited for this input for longer than `input_wait_alarm_seconds`",
);
const TRANSACTION_SECONDS: MetricDoc = doc(
    "tollkeeper_transaction_duration_seconds",
    "histogram",
    &[],
    "from the begin of a transaction until it was committed",
);
const COMMIT_SECONDS: MetricDoc =
    doc("tollkeeper_commit_duration_seconds", "histogram", &[], "the commit alone: offsets sent and transaction ended");
const RATING_SECONDS: MetricDoc = doc(
    "tollkeeper_rating_duration_seconds",
    "histogram",
    &[],
    "the rating of one committed transaction alone: records decoded, rated, debited and encoded, due work included",
);
const DEBIT_LATENCY: MetricDoc = doc(
    "tollkeeper_debit_latency_seconds",
    "histogram",
    &[],
    "from the broker's time of a transaction's oldest record until it was committed, by this host's clock: what readers of the ledger wait",
);
const BATCH_RECORDS: MetricDoc =
    doc("tollkeeper_batch_records", "histogram", &[], "records taken in one committed transaction");
const TRANSACTIONS: MetricDoc =
    doc("tollkeeper_transactions_total", "counter", &["outcome"], "transactions that were committed or aborted");
const OUTCOMES_UNKNOWN: MetricDoc = doc(
    "tollkeeper_transaction_outcomes_unknown_total",
    "counter",
    &[],
    "transactions whose outcome had to be read from the committed offsets; counted besides their final outcome",
);
const REBALANCES: MetricDoc = doc(
    "tollkeeper_rebalances_total",
    "counter",
    &["change"],
    "what the group told a worker (assigned, revoked, lost)",
);
const INTAKE_ROWS: MetricDoc = doc(
    "tollkeeper_intake_rows_total",
    "counter",
    &["outcome", "reason"],
    "rows that switches wrote, by outcome (call, quarantined, skipped) and the reason of quarantined and skipped ones, in committed transactions",
);
const INTAKE_TRANSACTIONS: MetricDoc = doc(
    "tollkeeper_intake_transactions_total",
    "counter",
    &["outcome"],
    "transactions of the intake that were committed, or failed and were begun anew",
);
const CLOCK_SKEW: MetricDoc = doc(
    "tollkeeper_clock_skew_seconds",
    "gauge",
    &[],
    "wall clock less the broker's clock, as last compared; beyond `clock_skew_alarm_seconds` it is an alarm",
);
const LAWS_VIOLATED: MetricDoc = doc(
    "tollkeeper_laws_violated_total",
    "counter",
    &["law"],
    "checks of the engine's laws that failed (one_outcome, sequence, balance, lines); must stay 0",
);
const CATALOG_INFO: MetricDoc = doc(
    "tollkeeper_catalog_info",
    "gauge",
    &["version"],
    "1 for the version of the catalog in force; the same on all nodes",
);
const CATALOG_AGE: MetricDoc = doc(
    "tollkeeper_catalog_age_seconds",
    "gauge",
    &[],
    "how long ago the end of the topic `catalog` was asked for, of which all is read; beyond `catalog_stale_seconds` nothing is rated; 0 with a directory",
);
const PUBLICATIONS_IGNORED: MetricDoc = doc(
    "tollkeeper_catalog_publications_ignored_total",
    "counter",
    &[],
    "publications and withdrawals in the topic `catalog` that have no effect, since they came too late; each is in the log, at every start again",
);
const BUILD_INFO: MetricDoc = doc(
    "tollkeeper_build_info",
    "gauge",
    &["version", "kafka"],
    "1; the version, and whether the Kafka client is built in",
);

/// Every metric of the engine, in README's order. Those of the process ([`PROCESS_METRICS`]) come from the library.
pub const METRICS: [MetricDoc; 39] = [
    CDRS,
    COMMANDS,
    RECORDS_READ,
    RECORDS_WRITTEN,
    DEBITED,
    FREE_CALLS,
    RECHARGES,
    BLOCKS,
    ACCOUNT_EVENTS,
    DUE_WORK,
    TENANTS,
    TENANTS_BLOCKED,
    ACCOUNTS_FROZEN,
    IDENTITIES,
    DUE_QUEUED,
    QUEUED_RECORDS,
    QUEUED_BYTES,
    PARTITIONS,
    RECOVERY_FOLDED,
    RECOVERY_EXPECTED,
    INPUT_LAG_RECORDS,
    INPUT_LAG_SECONDS,
    INPUTS_WAITING,
    TRANSACTION_SECONDS,
    COMMIT_SECONDS,
    RATING_SECONDS,
    DEBIT_LATENCY,
    BATCH_RECORDS,
    TRANSACTIONS,
    OUTCOMES_UNKNOWN,
    REBALANCES,
    INTAKE_ROWS,
    INTAKE_TRANSACTIONS,
    CLOCK_SKEW,
    LAWS_VIOLATED,
    CATALOG_INFO,
    CATALOG_AGE,
    PUBLICATIONS_IGNORED,
    BUILD_INFO,
];
/// Metrics of the process, on Linux.
pub const PROCESS_METRICS: [MetricDoc; 7] = [
    doc("process_cpu_seconds_total", "counter", &[], "processor time, user and system"),
    doc("process_max_fds", "gauge", &[], "file descriptors that the process may open"),
    doc("process_open_fds", "gauge", &[], "file descriptors that are open"),
    doc("process_resident_memory_bytes", "gauge", &[], "resident memory"),
    doc("process_start_time_seconds", "gauge", &[], "start of the process, seconds since the epoch"),
    doc("process_threads", "gauge", &[], "threads"),
    doc("process_virtual_memory_bytes", "gauge", &[], "virtual memory"),
];

/// A law whose breach is seen while running (the laws are listed in the crate's documentation).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Law {
    /// Every record has exactly one outcome (law 1).
    OneOutcome,
    /// The sequence of an account has no gap (law 3).
    Sequence,
    /// Added - debited - expired + adjusted = balance (law 4).
    Balance,
    /// The lines of a charge sum to its debit (law 4).
    Lines,
}

impl Law {
    /// All laws that are watched.
    pub const ALL: [Law; 4] = [Law::OneOutcome, Law::Sequence, Law::Balance, Law::Lines];

    /// The law that an event breaks which does not continue its account.
    pub fn of(broken: &Broken) -> Law {
        match broken {
            Broken::SequenceGap { .. } | Broken::Opening => Law::Sequence,
            Broken::Balance { .. } | Broken::Lots { .. } | Broken::Overflow => Law::Balance,
            Broken::Lines { .. } => Law::Lines,
        }
    }

    /// The label.
    pub fn name(self) -> &'static str {
        match self {
            Law::OneOutcome => "one_outcome",
            Law::Sequence => "sequence",
            Law::Balance => "balance",
            Law::Lines => "lines",
        }
    }
}

/// README's table of metrics.
pub fn markdown_table() -> String {
    let mut table = String::from("| metric | kind | labels | meaning |\n|---|---|---|---|\n");
    for metric in METRICS.iter().chain(&PROCESS_METRICS) {
        let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        table.push_str(&format!("| `{}` | {} | {} | {} |\n", metric.name, metric.kind, labels.join(", "), metric.help));
    }
    table
}

impl MetricDoc {
    fn opts(self) -> prometheus::Opts {
        prometheus::Opts::new(self.name, self.help)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_rules_of_prometheus() {
        for metric in METRICS {
            assert!(metric.name.starts_with("tollkeeper_"), "{}", metric.name);
            assert_eq!(metric.name.ends_with("_total"), metric.kind == "counter", "{}", metric.name);
            assert!(!metric.labels.contains(&"tenant") && !metric.labels.contains(&"partition"), "{}", metric.name);
        }
    }
}
