//! What is computed when a scrape asks: figures of partitions, and sums of money on their way out.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{CounterVec, GaugeVec, IntGauge, IntGaugeVec};

use super::registry::{DebitedSums, VALID};
use super::{
    ACCOUNTS_FROZEN, DEBITED, DUE_QUEUED, IDENTITIES, INPUT_LAG_RECORDS, INPUT_LAG_SECONDS, INPUTS_WAITING, MetricDoc,
    PARTITIONS, QUEUED_BYTES, QUEUED_RECORDS, RECOVERY_EXPECTED, RECOVERY_FOLDED, TENANTS, TENANTS_BLOCKED,
};
use crate::health::{Health, Lag, PartitionHealth, PartitionState, PartitionTally, RestoreProgress};
use crate::stream::transport::Input;

/// Sums what [`Health`] knows of the partitions.
#[derive(Clone)]
pub(super) struct HealthCollector {
    health: Arc<Health>,
    tenants: IntGauge,
    tenants_blocked: IntGauge,
    accounts_frozen: IntGauge,
    identities: IntGauge,
    due_queued: IntGauge,
    queued_bytes: IntGauge,
    recovery_folded: IntGauge,
    recovery_expected: IntGauge,
    partitions: IntGaugeVec,
    lag_records: IntGaugeVec,
    lag_seconds: GaugeVec,
    waiting: IntGaugeVec,
    queued_records: IntGaugeVec,
}

impl HealthCollector {
    pub(super) fn new(health: Arc<Health>) -> HealthCollector {
        HealthCollector {
            health,
            tenants: gauge(TENANTS),
            tenants_blocked: gauge(TENANTS_BLOCKED),
            accounts_frozen: gauge(ACCOUNTS_FROZEN),
            identities: gauge(IDENTITIES),
            due_queued: gauge(DUE_QUEUED),
            queued_bytes: gauge(QUEUED_BYTES),
            recovery_folded: gauge(RECOVERY_FOLDED),
            recovery_expected: gauge(RECOVERY_EXPECTED),
            partitions: gauges(PARTITIONS),
            lag_records: gauges(INPUT_LAG_RECORDS),
            lag_seconds: GaugeVec::new(INPUT_LAG_SECONDS.opts(), INPUT_LAG_SECONDS.labels).expect(VALID),
            waiting: gauges(INPUTS_WAITING),
            queued_records: gauges(QUEUED_RECORDS),
        }
    }

    fn parts(&self) -> [&dyn Collector; 13] {
        [
            &self.tenants,
            &self.tenants_blocked,
            &self.accounts_frozen,
            &self.identities,
            &self.due_queued,
            &self.queued_bytes,
            &self.recovery_folded,
            &self.recovery_expected,
            &self.partitions,
            &self.lag_records,
            &self.lag_seconds,
            &self.waiting,
            &self.queued_records,
        ]
    }

    fn set_inputs<'a>(&self, partitions: impl Iterator<Item = &'a PartitionHealth> + Clone) {
        for input in Input::ALL {
            let lags = partitions.clone().map(|partition| partition.lag[input.index()]);
            let worst = lags.clone().map(|lag: Lag| lag.event_time).max().unwrap_or(Duration::ZERO);
            let waiting = partitions.clone().filter(|partition| partition.waiting[input.index()]).count();
            let queued = partitions.clone().map(|partition| partition.sizes.queued_records[input.index()]).sum();
            let labels = [input.name()];
            self.queued_records.with_label_values(&labels).set(signed(queued));
            self.lag_records.with_label_values(&labels).set(signed(lags.map(|lag| lag.records).sum()));
            self.lag_seconds.with_label_values(&labels).set(worst.as_secs_f64());
            self.waiting.with_label_values(&labels).set(i64::try_from(waiting).unwrap_or(i64::MAX));
        }
    }
}

impl Collector for HealthCollector {
    fn desc(&self) -> Vec<&Desc> {
        self.parts().into_iter().flat_map(Collector::desc).collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let partitions = self.health.partitions();
        let tenants = || partitions.values().map(|partition| partition.tenants);
        self.tenants.set(signed(tenants().map(|tally| tally.tenants).sum()));
        self.tenants_blocked.set(signed(tenants().map(|tally| tally.blocked).sum()));
        self.accounts_frozen.set(signed(tenants().map(|tally| tally.frozen).sum()));

        let sizes = || partitions.values().map(|partition| partition.sizes);
        self.identities.set(signed(sizes().map(|sizes| sizes.identities).sum()));
        self.due_queued.set(signed(sizes().map(|sizes| sizes.due).sum()));
        self.queued_bytes.set(signed(sizes().map(|sizes| sizes.queued_bytes).sum()));

        let restores = || partitions.values().filter_map(restore_progress);
        self.recovery_folded.set(signed(restores().map(|progress| progress.folded).sum()));
        self.recovery_expected.set(signed(restores().map(|progress| progress.to_fold).sum()));

        let tally = PartitionTally::of(partitions.values());
        let states = [
            ("assigned", tally.assigned),
            ("restoring", tally.restoring),
            ("ready", tally.ready),
            ("stopped", tally.stopped),
        ];
        for (state, count) in states {
            self.partitions.with_label_values(&[state]).set(signed(count));
        }
        self.set_inputs(partitions.values());
        self.parts().into_iter().flat_map(Collector::collect).collect()
    }
}

/// Shows the exact sums of debits as the nearest binary fractions: the one conversion is at the exposition, so errors do not
/// add up.
#[derive(Clone)]
pub(super) struct DebitedCollector {
    sums: Arc<DebitedSums>,
    description: CounterVec,
}

impl DebitedCollector {
    pub(super) fn new(sums: Arc<DebitedSums>) -> DebitedCollector {
        DebitedCollector { sums, description: amounts() }
    }
}

impl Collector for DebitedCollector {
    fn desc(&self) -> Vec<&Desc> {
        self.description.desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let counters = amounts();
        for (currency, sum) in &*self.sums.lock().unwrap_or_else(PoisonError::into_inner) {
            let nearest: f64 = sum.to_string().parse().expect("an amount is written as a decimal number");
            counters.with_label_values(&[currency.as_str()]).inc_by(nearest);
        }
        counters.collect()
    }
}

fn restore_progress(partition: &PartitionHealth) -> Option<RestoreProgress> {
    match partition.state {
        PartitionState::Restoring(progress) => Some(progress),
        PartitionState::Assigned | PartitionState::Ready | PartitionState::Stopped { .. } => None,
    }
}

fn amounts() -> CounterVec {
    CounterVec::new(DEBITED.opts(), DEBITED.labels).expect(VALID)
}

fn gauge(doc: MetricDoc) -> IntGauge {
    IntGauge::with_opts(doc.opts()).expect(VALID)
}

fn gauges(doc: MetricDoc) -> IntGaugeVec {
    IntGaugeVec::new(doc.opts(), doc.labels).expect(VALID)
}

/// A gauge is signed; a count that does not fit is shown as the largest.
fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
