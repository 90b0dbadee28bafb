//! What happens to the engine itself, rarely: one struct a thing, one `emit` that counts and logs it, once.
//!
//! Each is a change of state, never one record or one call: those are counted a batch at a time. A message says what to do
//! where there is something to do. Fields are structured, so that JSON logs can be searched by them.

mod alarms;
mod catalog;
mod intake;

use std::time::Duration;

use tracing::{debug, error, info, warn};

pub use alarms::{
    AccountFrozen, AlarmChange, ClockSkewed, InputArrived, InputWaiting, LawViolated, ReroutesHigh, SettlementUnmatched,
};
pub use catalog::{CatalogJudged, CatalogReplaced, PublicationIgnored};

pub use intake::{IntakeBeganAnew, IntakeJoined, IntakeLeft};

use crate::core::partition::PartitionId;
use crate::health::{PartitionState, RestoreProgress, TenantTally};
use crate::metrics::Metrics;

/// The process begins its work.
#[derive(Debug)]
pub struct EngineStarted<'a> {
    /// The consumer group.
    pub group_id: &'a str,
    /// The name of this node in it.
    pub instance: &'a str,
    /// Worker threads.
    pub workers: u32,
    /// Partitions of the topics.
    pub partitions: u32,
    /// The version of the catalog that it begins with.
    pub catalog_version: &'a str,
}

impl EngineStarted<'_> {
    /// Shows the catalog's version and logs.
    pub fn emit(&self, metrics: &Metrics) {
        metrics.set_catalog_version(self.catalog_version);
        let Self { group_id, instance, workers, partitions, catalog_version } = self;
        info!(group_id, instance, workers, partitions, catalog_version, "the engine starts");
    }
}

/// A graceful stop was asked for.
#[derive(Debug)]
pub struct EngineStopping {
    /// By when it ends, committed or not.
    pub deadline: Duration,
}

impl EngineStopping {
    /// Makes the process not ready and logs.
    pub fn emit(&self, metrics: &Metrics) {
        metrics.health().stopping();
        info!(deadline_seconds = self.deadline.as_secs(), "stopping: open transactions are committed");
    }
}

/// A worker made no step for so long that the process is ended: a crash is a normal path.
#[derive(Debug)]
pub struct WatchdogExpired {
    /// The worker.
    pub worker: u32,
    /// How long it was silent.
    pub silent_for: Duration,
}

impl WatchdogExpired {
    /// Logs; the process ends next.
    pub fn emit(&self, _metrics: &Metrics) {
        let silent_seconds = self.silent_for.as_secs();
        error!(worker = self.worker, silent_seconds, "a worker hangs: the process ends, and its next start recovers");
    }
}

/// The group gave partitions to a worker; perhaps none.
#[derive(Debug)]
pub struct RebalanceAssigned<'a> {
    /// The worker.
    pub worker: u32,
    /// What it has now besides what it had.
    pub partitions: &'a [PartitionId],
}

impl RebalanceAssigned<'_> {
    /// Makes the partitions ours, counts and logs.
    pub fn emit(&self, metrics: &Metrics) {
        metrics.rebalances.with_label_values(&["assigned"]).inc();
        metrics.health().worker_joined(self.worker);
        self.partitions.iter().for_each(|partition| metrics.health().assign(*partition));
        info!(worker = self.worker, partitions = ?numbers(self.partitions), "partitions assigned");
    }
}

/// Partitions went to another member, in good order.
#[derive(Debug)]
pub struct RebalanceRevoked<'a> {
    /// The worker.
    pub worker: u32,
    /// What it gave up.
    pub partitions: &'a [PartitionId],
}

impl RebalanceRevoked<'_> {
    /// Forgets the partitions' figures, counts and logs.
    pub fn emit(&self, metrics: &Metrics) {
        metrics.rebalances.with_label_values(&["revoked"]).inc();
        self.partitions.iter().for_each(|partition| metrics.health().give_up(*partition));
        info!(worker = self.worker, partitions = ?numbers(self.partitions), "partitions given up");
    }
}

/// Partitions were taken from a worker, which was silent for longer than the session timeout.
#[derive(Debug)]
pub struct PartitionsLost<'a> {
    /// The worker.
    pub worker: u32,
    /// What it lost.
    pub partitions: &'a [PartitionId],
}

impl PartitionsLost<'_> {
    /// Forgets the partitions' figures, counts and logs.
    pub fn emit(&self, metrics: &Metrics) {
        metrics.rebalances.with_label_values(&["lost"]).inc();
        self.partitions.iter().for_each(|partition| metrics.health().give_up(*partition));
        warn!(
            worker = self.worker,
            partitions = ?numbers(self.partitions),
            "partitions lost: the group heard nothing of this worker for its session timeout; what was open is aborted"
        );
    }
}

/// A restore got on. Emit it at its begin, and then each second at most.
#[derive(Debug)]
pub struct RestoreProgressed {
    /// The partition.
    pub partition: PartitionId,
    /// How far it is.
    pub progress: RestoreProgress,
}

impl RestoreProgressed {
    /// Shows the progress, and logs it for those who look closely.
    pub fn emit(&self, metrics: &Metrics) {
        metrics.health().set_state(self.partition, PartitionState::Restoring(self.progress));
        let RestoreProgress { folded, to_fold } = self.progress;
        debug!(partition = self.partition.0, folded, to_fold, "restoring");
    }
}

/// A partition is recovered: its calls are rated from now on.
#[derive(Debug)]
pub struct PartitionReady {
    /// The partition.
    pub partition: PartitionId,
    /// Events that were folded.
    pub events: u64,
    /// Its accounts.
    pub tenants: TenantTally,
    /// How long it took since the assignment.
    pub took: Duration,
}

impl PartitionReady {
    /// Makes it ready, shows its accounts and logs.
    pub fn emit(&self, metrics: &Metrics) {
        metrics.health().set_state(self.partition, PartitionState::Ready);
        metrics.health().set_tenants(self.partition, self.tenants);
        let (events, tenants, took_ms) = (self.events, self.tenants.tenants, self.took.as_millis());
        info!(partition = self.partition.0, events, tenants, took_ms, "partition recovered");
    }
}

/// There is doubt about a partition: it is out of order until someone acts.
#[derive(Debug)]
pub struct PartitionStopped<'a> {
    /// The partition.
    pub partition: PartitionId,
    /// What happened and what to do.
    pub message: &'a str,
}

impl PartitionStopped<'_> {
    /// Makes it stopped (and the process not ready) and logs.
    pub fn emit(&self, metrics: &Metrics) {
        metrics.health().set_state(self.partition, PartitionState::Stopped { message: self.message.to_owned() });
        error!(partition = self.partition.0, "partition stopped: {}", self.message);
    }
}

/// A transaction was aborted for sure: its batch is dropped and read again. Part of every rebalance, so not an error.
#[derive(Debug)]
pub struct TransactionAborted<'a> {
    /// The worker.
    pub worker: u32,
    /// What the client said.
    pub cause: &'a str,
}

impl TransactionAborted<'_> {
    /// Counts and logs.
    pub fn emit(&self, metrics: &Metrics) {
        metrics.transactions.with_label_values(&["aborted"]).inc();
        info!(worker = self.worker, cause = self.cause, "transaction aborted: its batch is read again");
    }
}

/// It is not known whether a transaction was committed: the committed offsets will tell.
#[derive(Debug)]
pub struct OutcomeUnknown<'a> {
    /// The worker.
    pub worker: u32,
    /// What the client said.
    pub cause: &'a str,
}

impl OutcomeUnknown<'_> {
    /// Counts and logs.
    pub fn emit(&self, metrics: &Metrics) {
        metrics.outcomes_unknown.inc();
        warn!(
            worker = self.worker,
            cause = self.cause,
            "outcome of a commit unknown: asking for the committed offsets"
        );
    }
}

/// What the committed offsets told of an unknown outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// Committed: the batch is merged.
    Committed,
    /// Aborted: the batch is dropped.
    Aborted,
    /// Neither: the partitions are given up and recovered.
    Recover,
}

/// An unknown outcome became known.
#[derive(Debug)]
pub struct OutcomeResolved {
    /// The worker.
    pub worker: u32,
    /// What it was.
    pub resolution: Resolution,
}

impl OutcomeResolved {
    /// Counts an abort (a commit is counted with its batch) and logs.
    pub fn emit(&self, metrics: &Metrics) {
        if self.resolution == Resolution::Aborted {
            metrics.transactions.with_label_values(&["aborted"]).inc();
        }
        info!(worker = self.worker, resolution = ?self.resolution, "outcome of the commit is known");
    }
}

fn numbers(partitions: &[PartitionId]) -> Vec<u32> {
    partitions.iter().map(|partition| partition.0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exposes(metrics: &Metrics, line: &str) -> bool {
        metrics.exposition().lines().any(|exposed| exposed == line)
    }

    #[test]
    fn a_partition_goes_through_its_states() {
        let metrics = Metrics::new();
        let partition = PartitionId(7);
        RebalanceAssigned { worker: 0, partitions: &[partition] }.emit(&metrics);
        assert!(exposes(&metrics, "tollkeeper_partitions{state=\"assigned\"} 1"));
        let progress = RestoreProgress { folded: 3, to_fold: 9 };
        RestoreProgressed { partition, progress }.emit(&metrics);
        assert!(exposes(&metrics, "tollkeeper_recovery_folded_events 3"));
        assert!(exposes(&metrics, "tollkeeper_recovery_expected_events 9"));
        let tenants = TenantTally { tenants: 2, blocked: 1, frozen: 0 };
        PartitionReady { partition, events: 9, tenants, took: Duration::from_secs(1) }.emit(&metrics);
        assert!(exposes(&metrics, "tollkeeper_partitions{state=\"ready\"} 1"));
        assert!(exposes(&metrics, "tollkeeper_recovery_expected_events 0"));
        assert!(exposes(&metrics, "tollkeeper_tenants 2"));
        PartitionStopped { partition, message: "offsets are lost" }.emit(&metrics);
        assert!(exposes(&metrics, "tollkeeper_partitions{state=\"stopped\"} 1"));
        RebalanceRevoked { worker: 0, partitions: &[partition] }.emit(&metrics);
        assert!(exposes(&metrics, "tollkeeper_partitions{state=\"stopped\"} 0"));
        assert!(exposes(&metrics, "tollkeeper_tenants 0"));
    }

    #[test]
    fn an_unknown_outcome_is_counted_besides_what_it_turned_out_to_be() {
        let metrics = Metrics::new();
        OutcomeUnknown { worker: 0, cause: "timed out" }.emit(&metrics);
        OutcomeResolved { worker: 0, resolution: Resolution::Aborted }.emit(&metrics);
        assert!(exposes(&metrics, "tollkeeper_transaction_outcomes_unknown_total 1"));
        assert!(exposes(&metrics, "tollkeeper_transactions_total{outcome=\"aborted\"} 1"));
        OutcomeResolved { worker: 0, resolution: Resolution::Committed }.emit(&metrics);
        assert!(exposes(&metrics, "tollkeeper_transactions_total{outcome=\"aborted\"} 1"));
    }
}
