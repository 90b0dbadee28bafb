//! What the group asks for: partitions come, are restored and started, and go.

use std::sync::Arc;

use super::transaction::Reading;
use super::watch::tally;
use super::{Active, Now, Slot, Worker};
use crate::core::batch::Accounts;
use crate::core::due::{Done, DueQueue};
use crate::core::partition::PartitionId;
use crate::internal_events::{
    AccountFrozen, PartitionReady, PartitionStopped, PartitionsLost, RebalanceAssigned, RebalanceRevoked,
};
use crate::stream::recovery::{RestoreAnswer, RestoreRequest, Stopped};
use crate::stream::step::Step;
use crate::stream::transport::{GroupEvent, Transport, TransportFailure};

impl<T: Transport> Worker<T> {
    pub(super) fn group_event(&mut self, event: GroupEvent, now: Now) -> Result<(), TransportFailure> {
        match event {
            GroupEvent::Assigned(partitions) => self.assigned(&partitions, now),
            GroupEvent::Revoked(partitions) => self.revoked(&partitions, now),
            GroupEvent::Lost(partitions) => self.lost(&partitions, now),
        }
    }

    /// Ends what is open, answers at once, and restores beside the work: until it is answered, the client pauses every
    /// partition and the group waits.
    fn assigned(&mut self, partitions: &[PartitionId], now: Now) -> Result<(), TransportFailure> {
        self.commit(now)?;
        self.transport.accept_assignment()?;
        RebalanceAssigned { worker: self.id, partitions }.emit(&self.metrics);
        for partition in partitions {
            self.request_restore(*partition, now);
        }
        Ok(())
    }

    fn request_restore(&mut self, partition: PartitionId, now: Now) {
        self.assignments += 1;
        let assignment = self.assignments;
        self.slots.insert(partition, Slot::Restoring { assignment, requested: now.monotonic });
        self.restores.push(RestoreRequest { partition, assignment });
    }

    /// Commits, drops the state of the partitions, and only then gives them up: their next owner finds all of it.
    fn revoked(&mut self, partitions: &[PartitionId], now: Now) -> Result<(), TransportFailure> {
        self.reached(Step::InRevokeBeforeCommit)?;
        self.commit(now)?;
        self.reached(Step::InRevokeBeforeGiveUp)?;
        self.drop_partitions(partitions);
        RebalanceRevoked { worker: self.id, partitions }.emit(&self.metrics);
        self.transport.give_up(partitions)
    }

    /// Another member may have them already: what is open must not be committed.
    fn lost(&mut self, partitions: &[PartitionId], now: Now) -> Result<(), TransportFailure> {
        if self.open.is_some() {
            self.abort("partitions were lost", now)?;
        }
        self.drop_partitions(partitions);
        PartitionsLost { worker: self.id, partitions }.emit(&self.metrics);
        self.transport.give_up(partitions)
    }

    /// Forgets partitions with their accounts. A restore that is under way is answered to nobody.
    pub(super) fn drop_partitions(&mut self, partitions: &[PartitionId]) {
        for partition in partitions {
            self.slots.remove(partition);
            self.restores.retain(|request| request.partition != *partition);
        }
    }

    /// What we hold of a partition is worth nothing: its state is read again from the log.
    pub(super) fn restore_anew(&mut self, partition: PartitionId, now: Now) -> Result<(), TransportFailure> {
        if let Some(Slot::Active(_)) = self.slots.get(&partition) {
            self.transport.stop(partition)?;
            self.drop_partitions(&[partition]);
            self.request_restore(partition, now);
        }
        Ok(())
    }

    /// Whether anyone waits for the answer to a request.
    pub fn awaits(&self, request: RestoreRequest) -> bool {
        matches!(self.slots.get(&request.partition),
            Some(Slot::Restoring { assignment, .. }) if *assignment == request.assignment)
    }

    /// Starts a partition whose past was read, or stops it. An answer to an earlier assignment is thrown away.
    ///
    /// # Errors
    /// As [`Worker::step`].
    pub fn restored(&mut self, answer: RestoreAnswer, now: Now) -> Result<(), TransportFailure> {
        let requested = match self.slots.get(&answer.request.partition) {
            Some(Slot::Restoring { assignment, requested }) if *assignment == answer.request.assignment => *requested,
            _ => return Ok(()),
        };
        let partition = answer.request.partition;
        let restored = match answer.outcome {
            Ok(restored) => restored,
            Err(stopped) => {
                self.note_stopped(&stopped);
                return Ok(());
            }
        };
        self.reached(Step::BeforeStart)?;
        self.transport.start(partition, restored.at)?;
        let mut state = restored.state;
        // Whatever was due by the clock was done: the clock is committed with it.
        let (warning_days, done) = (&self.engine.rules().warning_days, Done::all_at(state.clock));
        state.due = DueQueue::of(restored.accounts.iter().map(AsRef::as_ref), warning_days, done);
        let accounts = Arc::new(Accounts::default());
        for account in restored.accounts {
            accounts.restore(account);
        }
        for (tenant, detail) in restored.frozen {
            AccountFrozen { tenant: tenant.as_str(), partition, detail: &detail }.emit(&self.metrics);
            accounts.freeze(tenant, detail.into());
        }
        let tenants = tally(&accounts);
        let reading = Reading { at: restored.at, committed: restored.committed };
        self.slots.insert(partition, Slot::Active(Box::new(Active::new(accounts, state, reading, now))));
        let took = now.monotonic.saturating_sub(requested);
        PartitionReady { partition, events: restored.events, tenants, took }.emit(&self.metrics);
        Ok(())
    }

    /// Stops a partition that was rated: what is open is sound and is committed with the rest, then its state is dropped.
    pub(super) fn stop(&mut self, stopped: &Stopped, now: Now) -> Result<(), TransportFailure> {
        self.commit(now)?;
        let partition = stopped.partition();
        if let Some(Slot::Active(_)) = self.slots.get(&partition) {
            self.transport.stop(partition)?;
            self.drop_partitions(&[partition]);
        }
        self.note_stopped(stopped);
        Ok(())
    }

    fn note_stopped(&mut self, stopped: &Stopped) {
        let partition = stopped.partition();
        self.slots.insert(partition, Slot::Stopped);
        PartitionStopped { partition, message: &stopped.to_string() }.emit(&self.metrics);
    }
}
