//! What happens to the intake.

use std::time::Duration;

use tracing::{info, warn};

use crate::metrics::Metrics;
use crate::stream::transport::TransportFailure;

/// The group gave partitions of its topic to an input; perhaps none.
#[derive(Debug)]
pub struct IntakeJoined<'a> {
    /// Among the workers of the process.
    pub worker: u32,
    /// The input topic.
    pub topic: &'a str,
    /// What it reads now.
    pub partitions: &'a [u32],
}

impl IntakeJoined<'_> {
    /// Makes the input ready, counts and logs.
    pub fn emit(&self, metrics: &Metrics) {
        metrics.rebalances.with_label_values(&["assigned"]).inc();
        metrics.health().worker_joined(self.worker);
        info!(topic = self.topic, partitions = ?self.partitions, "the intake reads");
    }
}

/// The group took the partitions of an input back.
#[derive(Debug)]
pub struct IntakeLeft<'a> {
    /// The input topic.
    pub topic: &'a str,
    /// In good order, or since the group heard nothing of this member.
    pub lost: bool,
}

impl IntakeLeft<'_> {
    /// Counts and logs.
    pub fn emit(&self, metrics: &Metrics) {
        metrics.rebalances.with_label_values(&[if self.lost { "lost" } else { "revoked" }]).inc();
        info!(topic = self.topic, lost = self.lost, "the intake gives its partitions back; what was open is aborted");
    }
}

/// A transaction failed, or its outcome is unknown: the input connects anew and reads what was committed.
#[derive(Debug)]
pub struct IntakeBeganAnew<'a> {
    /// The input topic.
    pub topic: &'a str,
    /// What failed.
    pub failure: &'a TransportFailure,
    /// Failures without a commit between them.
    pub in_a_row: u32,
    /// How long it waits.
    pub pause: Duration,
}

impl IntakeBeganAnew<'_> {
    /// Counts and logs.
    pub fn emit(&self, metrics: &Metrics) {
        metrics.intake_transactions.with_label_values(&["failed"]).inc();
        let Self { topic, failure, in_a_row, pause } = self;
        let pause_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        warn!(topic, %failure, in_a_row, pause_ms, "the intake begins anew from what is committed");
    }
}
