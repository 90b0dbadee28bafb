//! What a worker tells operators: how far behind it is, what it waits for, whether its clock is right.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::{Active, Now, Slot, Waiting, Worker, WorkerOptions};
use crate::core::batch::{Accounts, Census};
use crate::health::{Lag, Sizes, TenantTally};
use crate::internal_events::{AlarmChange, ClockSkewed, InputArrived, InputWaiting, ReroutesHigh};
use crate::metrics::{BatchCounts, Metrics};
use crate::stream::inputs::Next;
use crate::stream::transport::{Input, Transport};

/// How often what only operators look at is counted anew.
const HEALTH_INTERVAL: Duration = Duration::from_secs(5);
/// How often reroutes are looked at.
const REROUTES_INTERVAL: Duration = Duration::from_secs(60);
/// More than one of so many records rerouted is a warning.
const REROUTES_ONE_IN: u64 = 100;

/// The records of the minute that goes on.
#[derive(Debug, Default)]
pub(super) struct ReroutesOfMinute {
    began: Duration,
    rerouted: u64,
    records: u64,
}

impl ReroutesOfMinute {
    /// Counts a committed batch, and warns at the end of a minute in which too much was rerouted.
    pub(super) fn count(&mut self, counts: &BatchCounts, now: Now, metrics: &Metrics) {
        self.rerouted += counts.cdrs_rerouted + counts.commands_rerouted;
        self.records += counts.records_read();
        if now.monotonic.saturating_sub(self.began) < REROUTES_INTERVAL {
            return;
        }
        let ReroutesOfMinute { rerouted, records, .. } =
            std::mem::replace(self, ReroutesOfMinute { began: now.monotonic, rerouted: 0, records: 0 });
        if rerouted.saturating_mul(REROUTES_ONE_IN) > records {
            ReroutesHigh { rerouted, records }.emit(metrics);
        }
    }
}

impl<T: Transport> Worker<T> {
    /// Tells operators how far behind each partition is, and how many tenants it has.
    pub(super) fn report_health(&mut self, now: Now) {
        if self.health_at.is_some_and(|at| now.monotonic.saturating_sub(at) < HEALTH_INTERVAL) {
            return;
        }
        self.health_at = Some(now.monotonic);
        let health = Arc::clone(self.metrics.health());
        for (partition, slot) in &self.slots {
            let Slot::Active(active) = slot else { continue };
            let at = active.inputs.offsets();
            let behind = active.last_record.filter(|_| !active.caught_up);
            let event_time = behind
                .map_or(Duration::ZERO, |at| Duration::try_from(now.wall.duration_since(at)).unwrap_or(Duration::ZERO));
            for input in Input::ALL {
                let end = self.transport.known_end(input, *partition).unwrap_or(at[input.index()]);
                let records = u64::try_from(end - at[input.index()]).unwrap_or(0);
                health.set_lag(*partition, input, Lag { records, event_time });
            }
            health.set_tenants(*partition, tally(&active.accounts));
            health.set_sizes(*partition, sizes(active));
        }
    }
}

/// What a partition holds besides its accounts, as of the last commit.
fn sizes<P: AsRef<[u8]>>(active: &Active<P>) -> Sizes {
    let count = |len: usize| u64::try_from(len).expect("a length in memory");
    Sizes {
        identities: count(active.state.identities.len()),
        due: count(active.state.due.len()),
        queued_records: Input::ALL.map(|input| count(active.inputs.queued(input))),
        queued_bytes: count(active.inputs.queued_bytes()),
    }
}

/// How many tenants a partition has.
pub(super) fn tally(accounts: &Accounts) -> TenantTally {
    let Census { accounts, blocked, frozen } = accounts.census();
    TenantTally { tenants: accounts, blocked, frozen }
}

/// Says once that a partition waits for an input for too long, and that it no longer does.
pub(super) fn note_waiting<P>(
    active: &mut Active<P>,
    next: Next,
    now: Now,
    options: &WorkerOptions,
    metrics: &Metrics,
) {
    let partition = active.state.id;
    let Next::Waiting(input) = next else {
        end_waiting(active, metrics);
        return;
    };
    match &mut active.waiting {
        Some(waiting) if waiting.input == input => {
            let waited = now.monotonic.saturating_sub(waiting.since);
            if waited > options.input_wait_alarm && !waiting.said {
                waiting.said = true;
                InputWaiting { partition, input, waited }.emit(metrics);
            }
        }
        _ => {
            end_waiting(active, metrics);
            active.waiting = Some(Waiting { input, since: now.monotonic, said: false });
        }
    }
}

pub(super) fn end_waiting<P>(active: &mut Active<P>, metrics: &Metrics) {
    if let Some(Waiting { input, said: true, .. }) = active.waiting.take() {
        InputArrived { partition: active.state.id, input }.emit(metrics);
    }
}

/// Compares the broker's clock with ours, by a record that came while the partition was caught up: it was written just now.
pub(super) fn note_skew<P>(
    active: &mut Active<P>,
    at: Timestamp,
    now: Now,
    options: &WorkerOptions,
    metrics: &Metrics,
) {
    if !active.was_caught_up {
        return;
    }
    active.was_caught_up = false;
    let skew = now.wall.duration_since(at);
    let is_skewed = skew.unsigned_abs() > options.clock_skew_alarm;
    let change = AlarmChange::between(active.skewed, is_skewed);
    active.skewed = is_skewed;
    ClockSkewed { skew_ms: i64::try_from(skew.as_millis()).unwrap_or(i64::MAX), change }.emit(metrics);
}
