//! What somebody has to look at: broken laws, frozen accounts, clocks, inputs that do not answer.

use std::time::Duration;

use jiff::SignedDuration;
use tracing::{error, info, warn};

use crate::core::partition::PartitionId;
use crate::metrics::{Law, Metrics};
use crate::stream::transport::Input;

/// A law was found broken. Somebody has to look.
#[derive(Debug)]
pub struct LawViolated<'a> {
    /// Which law.
    pub law: Law,
    /// Where.
    pub partition: PartitionId,
    /// What was expected and what was found.
    pub detail: &'a str,
}

impl LawViolated<'_> {
    /// Counts and logs.
    pub fn emit(&self, metrics: &Metrics) {
        metrics.laws_violated.with_label_values(&[self.law.name()]).inc();
        error!(
            law = self.law.name(),
            partition = self.partition.0,
            detail = self.detail,
            "a law of the engine is broken"
        );
    }
}

/// An account was frozen since a law was broken in it: its records go to quarantine, the others go on. The gauge of frozen
/// accounts follows with the partition's [`TenantTally`](crate::health::TenantTally).
#[derive(Debug)]
pub struct AccountFrozen<'a> {
    /// Whose account.
    pub tenant: &'a str,
    /// Where it is at home.
    pub partition: PartitionId,
    /// What was found.
    pub detail: &'a str,
}

impl AccountFrozen<'_> {
    /// Logs.
    pub fn emit(&self, _metrics: &Metrics) {
        let Self { tenant, partition, detail } = self;
        error!(
            tenant,
            partition = partition.0,
            detail,
            "account frozen: its records are quarantined as account_frozen"
        );
    }
}

/// A settlement belongs to no recharge that is known: money somewhere. It is on `alerts` too.
#[derive(Debug)]
pub struct SettlementUnmatched<'a> {
    /// The tenant that it names.
    pub tenant: &'a str,
    /// The recharge that it names.
    pub recharge_id: &'a str,
}

impl SettlementUnmatched<'_> {
    /// Logs; it is counted with its batch.
    pub fn emit(&self, _metrics: &Metrics) {
        warn!(
            tenant = self.tenant,
            recharge_id = self.recharge_id,
            "settlement matches no recharge: money to be traced"
        );
    }
}

/// The wall clock was compared with the broker's.
#[derive(Debug)]
pub struct ClockSkewed {
    /// Wall clock less the broker's, milliseconds.
    pub skew_ms: i64,
    /// Whether it is beyond the alarm, and was before.
    pub change: AlarmChange,
}

/// Whether an alarm begins, goes on or ends; only changes are logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlarmChange {
    /// All is well, as before.
    Quiet,
    /// It begins.
    Raised,
    /// It goes on.
    Standing,
    /// It ends.
    Cleared,
}

impl AlarmChange {
    /// The change from one state to the next.
    pub fn between(was_raised: bool, is_raised: bool) -> AlarmChange {
        match (was_raised, is_raised) {
            (false, false) => AlarmChange::Quiet,
            (false, true) => AlarmChange::Raised,
            (true, true) => AlarmChange::Standing,
            (true, false) => AlarmChange::Cleared,
        }
    }
}

impl ClockSkewed {
    /// Shows the skew, and logs changes.
    pub fn emit(&self, metrics: &Metrics) {
        metrics.clock_skew.set(SignedDuration::from_millis(self.skew_ms).as_secs_f64());
        match self.change {
            AlarmChange::Raised => {
                error!(skew_ms = self.skew_ms, "the clock of this host is off the broker's: set it right");
            }
            AlarmChange::Cleared => {
                info!(skew_ms = self.skew_ms, "the clock of this host agrees with the broker's again")
            }
            AlarmChange::Quiet | AlarmChange::Standing => {}
        }
    }
}

/// A partition waits for one of its inputs for longer than the alarm allows.
#[derive(Debug)]
pub struct InputWaiting {
    /// The partition.
    pub partition: PartitionId,
    /// The input that is waited for.
    pub input: Input,
    /// For how long.
    pub waited: Duration,
}

impl InputWaiting {
    /// Shows it and logs. Emit it once a wait.
    pub fn emit(&self, metrics: &Metrics) {
        metrics.health().set_waiting(self.partition, self.input, true);
        let waited_seconds = self.waited.as_secs();
        warn!(
            partition = self.partition.0,
            input = self.input.name(),
            waited_seconds,
            "waiting for an input: nothing of the partition is rated until it answers; look at its brokers"
        );
    }
}

/// The wait is over.
#[derive(Debug)]
pub struct InputArrived {
    /// The partition.
    pub partition: PartitionId,
    /// The input that was waited for.
    pub input: Input,
}

impl InputArrived {
    /// Shows it and logs.
    pub fn emit(&self, metrics: &Metrics) {
        metrics.health().set_waiting(self.partition, self.input, false);
        info!(partition = self.partition.0, input = self.input.name(), "the input answers again");
    }
}

/// More records than usual arrived away from home; the producers are set wrongly. They are counted as outcome `rerouted`.
#[derive(Debug)]
pub struct ReroutesHigh {
    /// Records of the last minute that were rerouted.
    pub rerouted: u64,
    /// Records of the last minute.
    pub records: u64,
}

impl ReroutesHigh {
    /// Logs.
    pub fn emit(&self, _metrics: &Metrics) {
        let Self { rerouted, records } = self;
        warn!(
            rerouted,
            records,
            "many records arrive at a foreign partition: producers must key by tenant and set partitioner=murmur2_random"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exposes(metrics: &Metrics, line: &str) -> bool {
        metrics.exposition().lines().any(|exposed| exposed == line)
    }

    #[test]
    fn skew_keeps_its_sign() {
        let metrics = Metrics::new();
        ClockSkewed { skew_ms: -31_500, change: AlarmChange::between(false, true) }.emit(&metrics);
        assert!(exposes(&metrics, "tollkeeper_clock_skew_seconds -31.5"));
    }

    #[test]
    fn broken_laws_are_counted_by_law() {
        let metrics = Metrics::new();
        LawViolated { law: Law::Sequence, partition: PartitionId(1), detail: "7 after 5" }.emit(&metrics);
        assert!(exposes(&metrics, "tollkeeper_laws_violated_total{law=\"sequence\"} 1"));
        assert!(exposes(&metrics, "tollkeeper_laws_violated_total{law=\"balance\"} 0"));
    }
}
