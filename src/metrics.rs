//! Metrics: every name, what it means, and the one registry.
//!
//! Workers count into a [`BatchCounts`] and publish it when its transaction is committed; rare things are counted where they
//! are logged ([`crate::internal_events`]); what a scrape can ask for (partitions, tenants, lag) is read from [`Health`] when
//! it asks. No tenant, number or call id is ever a label. Partitions are none either: with three inputs they would make
//! hundreds of series that move between nodes; lag is the sum (records) or the worst (seconds) over the partitions of the
//! process, and `/health/ready` names a partition that is stuck.

mod collectors;
mod counts;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus::core::{Collector, Metric};
use prometheus::{
    Gauge, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGaugeVec, Opts, Registry, TextEncoder,
};

pub use counts::{BatchCounts, CdrOutcome, CommandOutcome, RechargeState};

use crate::core::account::Broken;
use crate::core::currency::Currency;
use crate::core::money::Money;
use crate::core::reason::{Reason, Refusal};
use crate::health::Health;
use crate::stream::transport::{Input, Output};

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
const TENANTS: MetricDoc = doc("tollkeeper_tenants", "gauge", &[], "accounts on the partitions of this process");
const TENANTS_BLOCKED: MetricDoc =
    doc("tollkeeper_tenants_blocked", "gauge", &[], "accounts in which paid calls must not be set up");
const ACCOUNTS_FROZEN: MetricDoc =
    doc("tollkeeper_accounts_frozen", "gauge", &[], "accounts that are frozen since a law was broken; must stay 0");
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
    "offsets between the next record and the end of the input, summed over partitions",
);
const INPUT_LAG_SECONDS: MetricDoc = doc(
    "tollkeeper_input_lag_seconds",
    "gauge",
    &["input"],
    "how far the partition furthest behind is behind in event time",
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
const CLOCK_SKEW: MetricDoc = doc(
    "tollkeeper_clock_skew_seconds",
    "gauge",
    &[],
    "wall clock less the broker's clock, as last compared; beyond `clock_skew_alarm_seconds` due work stops",
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
const BUILD_INFO: MetricDoc = doc(
    "tollkeeper_build_info",
    "gauge",
    &["version", "kafka"],
    "1; the version, and whether the Kafka client is built in",
);

/// Every metric of the engine, in README's order. Those of the process ([`PROCESS_METRICS`]) come from the library.
pub const METRICS: [MetricDoc; 27] = [
    CDRS,
    COMMANDS,
    RECORDS_READ,
    RECORDS_WRITTEN,
    DEBITED,
    FREE_CALLS,
    RECHARGES,
    BLOCKS,
    TENANTS,
    TENANTS_BLOCKED,
    ACCOUNTS_FROZEN,
    PARTITIONS,
    RECOVERY_FOLDED,
    RECOVERY_EXPECTED,
    INPUT_LAG_RECORDS,
    INPUT_LAG_SECONDS,
    INPUTS_WAITING,
    TRANSACTION_SECONDS,
    COMMIT_SECONDS,
    BATCH_RECORDS,
    TRANSACTIONS,
    OUTCOMES_UNKNOWN,
    REBALANCES,
    CLOCK_SKEW,
    LAWS_VIOLATED,
    CATALOG_INFO,
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

/// Upper bounds of durations: a commit takes 1 ms on a quiet broker, and a transaction ends after some seconds or never.
const SECONDS_BUCKETS: [f64; 13] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// Upper bounds of batches.
const RECORDS_BUCKETS: [f64; 10] = [1.0, 10.0, 100.0, 500.0, 1e3, 2.5e3, 5e3, 1e4, 2e4, 1e5];

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

/// How long a committed transaction took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransactionTimes {
    /// From its begin until it was committed.
    pub open: Duration,
    /// The commit alone.
    pub commit: Duration,
}

/// The metrics of one process. Shared as `Arc<Metrics>`.
pub struct Metrics {
    registry: Registry,
    health: Arc<Health>,
    cdrs: IntCounterVec,
    commands: IntCounterVec,
    records_read: IntCounterVec,
    records_written: IntCounterVec,
    debited: Arc<DebitedSums>,
    free_calls: IntCounter,
    recharges: IntCounterVec,
    blocks: IntCounterVec,
    transaction_seconds: Histogram,
    commit_seconds: Histogram,
    batch_records: Histogram,
    pub(crate) transactions: IntCounterVec,
    pub(crate) outcomes_unknown: IntCounter,
    pub(crate) rebalances: IntCounterVec,
    pub(crate) clock_skew: Gauge,
    pub(crate) laws_violated: IntCounterVec,
    pub(crate) catalog_info: IntGaugeVec,
}

/// Exact sums of debits by currency.
type DebitedSums = Mutex<BTreeMap<Currency, Money>>;

impl Metrics {
    /// All metrics at zero, in a registry of their own, with a [`Health`] of their own.
    pub fn new() -> Metrics {
        let registry = Registry::new();
        let health = Arc::new(Health::new());
        let debited = Arc::new(DebitedSums::default());
        register(&registry, collectors::HealthCollector::new(Arc::clone(&health)));
        register(&registry, collectors::DebitedCollector::new(Arc::clone(&debited)));
        #[cfg(target_os = "linux")]
        registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self())).expect(VALID);
        let metrics = Metrics {
            cdrs: counters(&registry, CDRS),
            commands: counters(&registry, COMMANDS),
            records_read: counters(&registry, RECORDS_READ),
            records_written: counters(&registry, RECORDS_WRITTEN),
            free_calls: counter(&registry, FREE_CALLS),
            recharges: counters(&registry, RECHARGES),
            blocks: counters(&registry, BLOCKS),
            transaction_seconds: histogram(&registry, TRANSACTION_SECONDS, &SECONDS_BUCKETS),
            commit_seconds: histogram(&registry, COMMIT_SECONDS, &SECONDS_BUCKETS),
            batch_records: histogram(&registry, BATCH_RECORDS, &RECORDS_BUCKETS),
            transactions: counters(&registry, TRANSACTIONS),
            outcomes_unknown: counter(&registry, OUTCOMES_UNKNOWN),
            rebalances: counters(&registry, REBALANCES),
            clock_skew: register(&registry, Gauge::with_opts(CLOCK_SKEW.opts()).expect(VALID)),
            laws_violated: counters(&registry, LAWS_VIOLATED),
            catalog_info: gauges(&registry, CATALOG_INFO),
            registry,
            health,
            debited,
        };
        metrics.show_zeros();
        let kafka = if cfg!(feature = "kafka") { "yes" } else { "no" };
        gauges(&metrics.registry, BUILD_INFO).with_label_values(&[env!("CARGO_PKG_VERSION"), kafka]).set(1);
        metrics
    }

    /// What the process knows of its workers and partitions.
    pub fn health(&self) -> &Arc<Health> {
        &self.health
    }

    /// Publishes the counts of a batch whose transaction was committed, and how long that took.
    pub fn transaction_committed(&self, counts: &BatchCounts, times: TransactionTimes) {
        self.transactions.with_label_values(&["committed"]).inc();
        self.transaction_seconds.observe(times.open.as_secs_f64());
        self.commit_seconds.observe(times.commit.as_secs_f64());
        self.batch_records.observe(counts.records_read() as f64);
        self.apply(counts);
    }

    /// Publishes counts. About 70 labels are looked up, so do it once a batch.
    pub fn apply(&self, counts: &BatchCounts) {
        let outcomes = [
            (&self.cdrs, "debited", counts.cdrs_debited),
            (&self.cdrs, "duplicate", counts.cdrs_duplicate),
            (&self.cdrs, "rerouted", counts.cdrs_rerouted),
            (&self.commands, "applied", counts.commands_applied),
            (&self.commands, "duplicate", counts.commands_duplicate),
            (&self.commands, "rerouted", counts.commands_rerouted),
        ];
        for (counters, outcome, count) in outcomes {
            counters.with_label_values(&[outcome, ""]).inc_by(count);
        }
        for (place, reason) in Reason::ALL.iter().enumerate() {
            let labels = ["quarantined", reason.code()];
            self.cdrs.with_label_values(&labels).inc_by(counts.cdrs_quarantined[place]);
            self.commands.with_label_values(&labels).inc_by(counts.commands_quarantined[place]);
        }
        for (place, refusal) in Refusal::ALL.iter().enumerate() {
            self.commands.with_label_values(&["refused", refusal.code()]).inc_by(counts.commands_refused[place]);
        }
        for input in Input::ALL {
            self.records_read.with_label_values(&[input.name()]).inc_by(counts.read[input.index()]);
        }
        for output in Output::ALL {
            self.records_written.with_label_values(&[output.name()]).inc_by(counts.written[output.index()]);
        }
        for (place, state) in RechargeState::ALL.iter().enumerate() {
            self.recharges.with_label_values(&[state.name()]).inc_by(counts.recharges[place]);
        }
        self.blocks.with_label_values(&["blocked"]).inc_by(counts.blocks);
        self.blocks.with_label_values(&["unblocked"]).inc_by(counts.unblocks);
        self.free_calls.inc_by(counts.free_calls);
        self.add_debited(counts.debited());
    }

    /// The exact sum of the debits published so far, by currency. A sum that would reach 10^15 begins anew, which
    /// Prometheus takes for a restart.
    pub fn debited(&self) -> BTreeMap<Currency, Money> {
        self.debited.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The catalog in force; the one before is forgotten.
    pub fn set_catalog_version(&self, version: &str) {
        self.catalog_info.reset();
        self.catalog_info.with_label_values(&[version]).set(1);
    }

    /// The bound under which `percent` of the transactions stayed, of the histogram's bounds; `None` without transactions,
    /// or if it is above the last bound.
    pub fn transaction_duration_within(&self, percent: u64) -> Option<Duration> {
        let metric = self.transaction_seconds.metric();
        let histogram = metric.get_histogram();
        let needed = histogram.get_sample_count().saturating_mul(percent).div_ceil(100);
        let mut buckets = histogram.get_bucket().iter();
        let bucket = buckets.find(|bucket| needed > 0 && bucket.cumulative_count() >= needed)?;
        Duration::try_from_secs_f64(bucket.upper_bound()).ok()
    }

    /// Everything, in the text format of Prometheus.
    pub fn exposition(&self) -> String {
        TextEncoder::new().encode_to_string(&self.registry.gather()).expect("names and labels are valid text")
    }

    fn add_debited(&self, amounts: &[(Currency, Money)]) {
        let mut sums = self.debited.lock().unwrap_or_else(PoisonError::into_inner);
        for (currency, amount) in amounts {
            let sum = sums.entry(*currency).or_default();
            *sum = sum.checked_add(*amount).unwrap_or(*amount);
        }
    }

    /// A series that appears with its first count hides that count from `increase()`: all begin at zero.
    fn show_zeros(&self) {
        self.apply(&BatchCounts::default());
        for outcome in ["committed", "aborted"] {
            self.transactions.with_label_values(&[outcome]);
        }
        for change in ["assigned", "revoked", "lost"] {
            self.rebalances.with_label_values(&[change]);
        }
        for law in Law::ALL {
            self.laws_violated.with_label_values(&[law.name()]);
        }
    }
}

impl Default for Metrics {
    fn default() -> Metrics {
        Metrics::new()
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

/// Why registration cannot fail.
const VALID: &str = "a test registers every metric: names and labels are valid and distinct";

impl MetricDoc {
    fn opts(self) -> Opts {
        Opts::new(self.name, self.help)
    }
}

fn register<C: Collector + Clone + 'static>(registry: &Registry, collector: C) -> C {
    registry.register(Box::new(collector.clone())).expect(VALID);
    collector
}

fn counter(registry: &Registry, doc: MetricDoc) -> IntCounter {
    register(registry, IntCounter::with_opts(doc.opts()).expect(VALID))
}

fn counters(registry: &Registry, doc: MetricDoc) -> IntCounterVec {
    register(registry, IntCounterVec::new(doc.opts(), doc.labels).expect(VALID))
}

fn gauges(registry: &Registry, doc: MetricDoc) -> IntGaugeVec {
    register(registry, IntGaugeVec::new(doc.opts(), doc.labels).expect(VALID))
}

fn histogram(registry: &Registry, doc: MetricDoc, buckets: &[f64]) -> Histogram {
    let opts = HistogramOpts::new(doc.name, doc.help).buckets(buckets.to_vec());
    register(registry, Histogram::with_opts(opts).expect(VALID))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::partition::PartitionId;
    use crate::health::{Lag, PartitionState, TenantTally};

    fn usd() -> Currency {
        "USD".parse().unwrap()
    }

    fn value(metrics: &Metrics, series: &str) -> String {
        let text = metrics.exposition();
        let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no series {series} in\n{text}")).to_owned()
    }

    #[test]
    fn what_is_exposed_is_what_is_documented() {
        let metrics = Metrics::new();
        metrics.set_catalog_version("0123");
        metrics.add_debited(&[(usd(), Money::ZERO)]);
        let mut exposed: Vec<(String, String)> = Vec::new();
        for line in metrics.exposition().lines() {
            if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
                exposed.push((name.to_owned(), kind.to_owned()));
            }
        }
        let process = if cfg!(target_os = "linux") { &PROCESS_METRICS[..] } else { &[] };
        let mut documented: Vec<(String, String)> =
            METRICS.iter().chain(process).map(|doc| (doc.name.to_owned(), doc.kind.to_owned())).collect();
        documented.sort();
        assert_eq!(exposed, documented);
    }

    #[test]
    fn names_follow_the_rules_of_prometheus() {
        for metric in METRICS {
            assert!(metric.name.starts_with("tollkeeper_"), "{}", metric.name);
            assert_eq!(metric.name.ends_with("_total"), metric.kind == "counter", "{}", metric.name);
            assert!(!metric.labels.contains(&"tenant") && !metric.labels.contains(&"partition"), "{}", metric.name);
        }
    }

    #[test]
    fn every_outcome_has_a_series_before_the_first_record() {
        let metrics = Metrics::new();
        for series in [
            "tollkeeper_cdrs_total{outcome=\"debited\",reason=\"\"}",
            "tollkeeper_cdrs_total{outcome=\"quarantined\",reason=\"no_rate\"}",
            "tollkeeper_commands_total{outcome=\"refused\",reason=\"too_old\"}",
            "tollkeeper_laws_violated_total{law=\"balance\"}",
            "tollkeeper_transactions_total{outcome=\"aborted\"}",
            "tollkeeper_partitions{state=\"ready\"}",
            "tollkeeper_inputs_waiting{input=\"reroute\"}",
        ] {
            assert_eq!(value(&metrics, series), "0", "{series}");
        }
    }

    #[test]
    fn a_committed_batch_is_counted_with_its_exact_sum() {
        let metrics = Metrics::new();
        let mut counts = BatchCounts::default();
        for _ in 0..10 {
            counts.add_read(Input::Cdrs);
            counts.add_cdr(CdrOutcome::Debited);
            counts.add_debited(usd(), "0.1".parse().unwrap());
        }
        counts.add_read(Input::Cdrs);
        counts.add_cdr(CdrOutcome::Quarantined(Reason::NoRate));
        let times = TransactionTimes { open: Duration::from_millis(90), commit: Duration::from_millis(20) };
        metrics.transaction_committed(&counts, times);
        metrics.transaction_committed(&counts, times);
        assert_eq!(value(&metrics, "tollkeeper_cdrs_total{outcome=\"debited\",reason=\"\"}"), "20");
        assert_eq!(value(&metrics, "tollkeeper_cdrs_total{outcome=\"quarantined\",reason=\"no_rate\"}"), "2");
        assert_eq!(value(&metrics, "tollkeeper_records_read_total{input=\"cdrs\"}"), "22");
        assert_eq!(value(&metrics, "tollkeeper_debited_amount_total{currency=\"USD\"}"), "2");
        assert_eq!(metrics.debited()[&usd()], "2".parse().unwrap());
        assert_eq!(value(&metrics, "tollkeeper_transaction_duration_seconds_count"), "2");
        assert_eq!(value(&metrics, "tollkeeper_batch_records_bucket{le=\"100\"}"), "2");
        assert_eq!(value(&metrics, "tollkeeper_batch_records_bucket{le=\"10\"}"), "0");
    }

    #[test]
    fn the_bound_of_a_percentile_is_that_of_its_bucket() {
        let metrics = Metrics::new();
        assert_eq!(metrics.transaction_duration_within(50), None);
        for millis in [3, 40, 40, 700] {
            let open = Duration::from_millis(millis);
            metrics.transaction_committed(&BatchCounts::default(), TransactionTimes { open, commit: open });
        }
        let bounds = [25, 50, 75, 99].map(|percent| metrics.transaction_duration_within(percent).unwrap().as_millis());
        assert_eq!(bounds, [5, 50, 50, 1000]);
    }

    #[test]
    fn a_sum_that_reaches_the_limit_begins_anew() {
        let metrics = Metrics::new();
        metrics.add_debited(&[(usd(), "999999999999999".parse().unwrap()), (usd(), "2".parse().unwrap())]);
        assert_eq!(metrics.debited()[&usd()], "2".parse().unwrap());
    }

    #[test]
    fn partitions_are_summed_at_the_scrape_and_leave_with_their_figures() {
        let metrics = Metrics::new();
        let health = metrics.health();
        for (partition, seconds) in [(0, 4), (1, 9)] {
            let partition = PartitionId(partition);
            health.assign(partition);
            health.set_state(partition, PartitionState::Ready);
            health.set_tenants(partition, TenantTally { tenants: 10, blocked: 3, frozen: 1 });
            health.set_lag(partition, Input::Cdrs, Lag { records: 100, event_time: Duration::from_secs(seconds) });
            health.set_waiting(partition, Input::Commands, true);
        }
        assert_eq!(value(&metrics, "tollkeeper_partitions{state=\"ready\"}"), "2");
        assert_eq!(value(&metrics, "tollkeeper_tenants"), "20");
        assert_eq!(value(&metrics, "tollkeeper_tenants_blocked"), "6");
        assert_eq!(value(&metrics, "tollkeeper_accounts_frozen"), "2");
        assert_eq!(value(&metrics, "tollkeeper_input_lag_records{input=\"cdrs\"}"), "200");
        assert_eq!(value(&metrics, "tollkeeper_input_lag_seconds{input=\"cdrs\"}"), "9");
        assert_eq!(value(&metrics, "tollkeeper_inputs_waiting{input=\"commands\"}"), "2");
        health.give_up(PartitionId(1));
        assert_eq!(value(&metrics, "tollkeeper_tenants"), "10");
        assert_eq!(value(&metrics, "tollkeeper_input_lag_seconds{input=\"cdrs\"}"), "4");
    }
}
