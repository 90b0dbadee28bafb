//! The one registry, and how it is written and read.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus::core::{Collector, Metric};
use prometheus::{Gauge, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGaugeVec, Registry, TextEncoder};

use super::collectors::{DebitedCollector, HealthCollector};
use super::{
    ACCOUNT_EVENTS, AccountEvent, BATCH_RECORDS, BLOCKS, BUILD_INFO, BatchCounts, CATALOG_AGE, CATALOG_INFO, CDRS,
    CLOCK_SKEW, COMMANDS, COMMIT_SECONDS, DEBIT_LATENCY, DUE_WORK, FREE_CALLS, INTAKE_ROWS, INTAKE_TRANSACTIONS,
    LAWS_VIOLATED, Law, MetricDoc, OUTCOMES_UNKNOWN, PUBLICATIONS_IGNORED, RATING_SECONDS, REBALANCES, RECHARGES,
    RECORDS_READ, RECORDS_WRITTEN, RechargeState, TRANSACTION_SECONDS, TRANSACTIONS,
};
use crate::core::currency::Currency;
use crate::core::due::DueKind;
use crate::core::money::Money;
use crate::core::reason::{Reason, Refusal};
use crate::health::Health;
use crate::stream::intake::IntakeCounts;
use crate::stream::transport::{Input, Output};
use crate::wire::foreign::Skip;

/// Upper bounds of durations: a commit takes 1 ms on a quiet broker, and a transaction ends after some seconds or never.
const SECONDS_BUCKETS: [f64; 13] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// Upper bounds of batches.
const RECORDS_BUCKETS: [f64; 10] = [1.0, 10.0, 100.0, 500.0, 1e3, 2.5e3, 5e3, 1e4, 2e4, 1e5];

/// How long a committed transaction took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TransactionTimes {
    /// From its begin until it was committed.
    pub open: Duration,
    /// The commit alone.
    pub commit: Duration,
    /// The rating alone.
    pub rating: Duration,
    /// Since the broker's time of its oldest record, if it has one.
    pub since_oldest: Option<Duration>,
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
    account_events: IntCounterVec,
    due_work: IntCounterVec,
    transaction_seconds: Histogram,
    commit_seconds: Histogram,
    rating_seconds: Histogram,
    debit_latency: Histogram,
    batch_records: Histogram,
    pub(crate) transactions: IntCounterVec,
    pub(crate) outcomes_unknown: IntCounter,
    pub(crate) rebalances: IntCounterVec,
    intake_rows: IntCounterVec,
    pub(crate) intake_transactions: IntCounterVec,
    pub(crate) clock_skew: Gauge,
    pub(crate) laws_violated: IntCounterVec,
    pub(crate) catalog_info: IntGaugeVec,
    pub(crate) catalog_age: Gauge,
    pub(crate) publications_ignored: IntCounter,
}

/// Exact sums of debits by currency.
pub(super) type DebitedSums = Mutex<BTreeMap<Currency, Money>>;

impl Metrics {
    /// All metrics at zero, in a registry of their own, with a [`Health`] of their own.
    pub fn new() -> Metrics {
        let registry = Registry::new();
        let health = Arc::new(Health::new());
        let debited = Arc::new(DebitedSums::default());
        register(&registry, HealthCollector::new(Arc::clone(&health)));
        register(&registry, DebitedCollector::new(Arc::clone(&debited)));
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
            account_events: counters(&registry, ACCOUNT_EVENTS),
            due_work: counters(&registry, DUE_WORK),
            transaction_seconds: histogram(&registry, TRANSACTION_SECONDS, &SECONDS_BUCKETS),
            commit_seconds: histogram(&registry, COMMIT_SECONDS, &SECONDS_BUCKETS),
            rating_seconds: histogram(&registry, RATING_SECONDS, &SECONDS_BUCKETS),
            debit_latency: histogram(&registry, DEBIT_LATENCY, &SECONDS_BUCKETS),
            batch_records: histogram(&registry, BATCH_RECORDS, &RECORDS_BUCKETS),
            transactions: counters(&registry, TRANSACTIONS),
            outcomes_unknown: counter(&registry, OUTCOMES_UNKNOWN),
            rebalances: counters(&registry, REBALANCES),
            intake_rows: counters(&registry, INTAKE_ROWS),
            intake_transactions: counters(&registry, INTAKE_TRANSACTIONS),
            clock_skew: register(&registry, Gauge::with_opts(CLOCK_SKEW.opts()).expect(VALID)),
            laws_violated: counters(&registry, LAWS_VIOLATED),
            catalog_info: gauges(&registry, CATALOG_INFO),
            catalog_age: register(&registry, Gauge::with_opts(CATALOG_AGE.opts()).expect(VALID)),
            publications_ignored: counter(&registry, PUBLICATIONS_IGNORED),
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
        self.rating_seconds.observe(times.rating.as_secs_f64());
        times.since_oldest.iter().for_each(|since| self.debit_latency.observe(since.as_secs_f64()));
        self.batch_records.observe(counts.records_read() as f64);
        self.apply(counts);
    }

    /// Publishes counts. About 90 labels are looked up, so do it once a batch.
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
        for (event, count) in AccountEvent::ALL.iter().zip(counts.account_events) {
            self.account_events.with_label_values(&[event.name()]).inc_by(count);
        }
        for (kind, count) in DueKind::ALL.iter().zip(counts.due_work) {
            self.due_work.with_label_values(&[kind.code()]).inc_by(count);
        }
        self.free_calls.inc_by(counts.free_calls);
        self.add_debited(counts.debited());
    }

    /// Publishes the counts of a transaction of the intake that was committed.
    pub fn intake_committed(&self, counts: &IntakeCounts) {
        self.intake_transactions.with_label_values(&["committed"]).inc();
        self.apply_intake(counts);
    }

    fn apply_intake(&self, counts: &IntakeCounts) {
        self.intake_rows.with_label_values(&["call", ""]).inc_by(counts.calls);
        for (reason, rows) in Reason::ALL.iter().zip(counts.quarantined) {
            self.intake_rows.with_label_values(&["quarantined", reason.code()]).inc_by(rows);
        }
        for (skip, rows) in Skip::ALL.iter().zip(counts.skipped) {
            self.intake_rows.with_label_values(&["skipped", skip.code()]).inc_by(rows);
        }
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
        within(&self.transaction_seconds, percent)
    }

    /// As [`Self::transaction_duration_within`], of the commits alone.
    pub fn commit_duration_within(&self, percent: u64) -> Option<Duration> {
        within(&self.commit_seconds, percent)
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
        self.apply_intake(&IntakeCounts::default());
        for outcome in ["committed", "failed"] {
            self.intake_transactions.with_label_values(&[outcome]);
        }
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

/// Why registration cannot fail.
pub(super) const VALID: &str = "a test registers every metric: names and labels are valid and distinct";

/// The bound under which `percent` of the observations stayed.
fn within(histogram: &Histogram, percent: u64) -> Option<Duration> {
    let metric = histogram.metric();
    let histogram = metric.get_histogram();
    let needed = histogram.get_sample_count().saturating_mul(percent).div_ceil(100);
    let mut buckets = histogram.get_bucket().iter();
    let bucket = buckets.find(|bucket| needed > 0 && bucket.cumulative_count() >= needed)?;
    Duration::try_from_secs_f64(bucket.upper_bound()).ok()
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
    use crate::health::{Lag, PartitionState, Sizes, TenantTally};
    use crate::metrics::{CdrOutcome, METRICS, PROCESS_METRICS};

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
        counts.add_account_event(AccountEvent::PoolHundred);
        counts.add_due_work(DueKind::Expiry);
        let times = TransactionTimes {
            open: Duration::from_millis(90),
            commit: Duration::from_millis(20),
            rating: Duration::from_millis(2),
            since_oldest: Some(Duration::from_millis(120)),
        };
        metrics.transaction_committed(&counts, times);
        metrics.transaction_committed(&counts, times);
        assert_eq!(value(&metrics, "tollkeeper_cdrs_total{outcome=\"debited\",reason=\"\"}"), "20");
        assert_eq!(value(&metrics, "tollkeeper_cdrs_total{outcome=\"quarantined\",reason=\"no_rate\"}"), "2");
        assert_eq!(value(&metrics, "tollkeeper_records_read_total{input=\"cdrs\"}"), "22");
        assert_eq!(value(&metrics, "tollkeeper_debited_amount_total{currency=\"USD\"}"), "2");
        assert_eq!(metrics.debited()[&usd()], "2".parse().unwrap());
        assert_eq!(value(&metrics, "tollkeeper_account_events_total{event=\"pool_100\"}"), "2");
        assert_eq!(value(&metrics, "tollkeeper_due_work_total{kind=\"expiry\"}"), "2");
        assert_eq!(value(&metrics, "tollkeeper_rating_duration_seconds_bucket{le=\"0.0025\"}"), "2");
        assert_eq!(value(&metrics, "tollkeeper_debit_latency_seconds_bucket{le=\"0.1\"}"), "0");
        assert_eq!(value(&metrics, "tollkeeper_debit_latency_seconds_bucket{le=\"0.25\"}"), "2");
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
            metrics.transaction_committed(
                &BatchCounts::default(),
                TransactionTimes { open, commit: open, ..TransactionTimes::default() },
            );
        }
        let bounds = [25, 50, 75, 99].map(|percent| metrics.transaction_duration_within(percent).unwrap().as_millis());
        assert_eq!(bounds, [5, 50, 50, 1000]);
        assert_eq!(metrics.commit_duration_within(99), Some(Duration::from_secs(1)));
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
            health.set_sizes(partition, Sizes { identities: 7, due: 2, queued_records: [5, 0, 0], queued_bytes: 900 });
        }
        assert_eq!(value(&metrics, "tollkeeper_partitions{state=\"ready\"}"), "2");
        assert_eq!(value(&metrics, "tollkeeper_tenants"), "20");
        assert_eq!(value(&metrics, "tollkeeper_tenants_blocked"), "6");
        assert_eq!(value(&metrics, "tollkeeper_accounts_frozen"), "2");
        assert_eq!(value(&metrics, "tollkeeper_input_lag_records{input=\"cdrs\"}"), "200");
        assert_eq!(value(&metrics, "tollkeeper_input_lag_seconds{input=\"cdrs\"}"), "9");
        assert_eq!(value(&metrics, "tollkeeper_inputs_waiting{input=\"commands\"}"), "2");
        assert_eq!(value(&metrics, "tollkeeper_identities"), "14");
        assert_eq!(value(&metrics, "tollkeeper_due_queued"), "4");
        let first = format!("tollkeeper_queued_records{{input=\"{}\"}}", Input::ALL[0].name());
        assert_eq!(value(&metrics, &first), "10");
        assert_eq!(value(&metrics, "tollkeeper_queued_bytes"), "1800");
        health.give_up(PartitionId(1));
        assert_eq!(value(&metrics, "tollkeeper_tenants"), "10");
        assert_eq!(value(&metrics, "tollkeeper_input_lag_seconds{input=\"cdrs\"}"), "4");
    }
}
