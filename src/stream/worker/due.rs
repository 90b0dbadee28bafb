//! What is due by time: before a record is taken by the time of that record, and with nothing more to read by the wall clock.

use jiff::Timestamp;

use super::{Now, Slot, Worker};
use crate::core::partition::PartitionId;
use crate::stream::engine::Sink;
use crate::stream::inputs::Next;
use crate::stream::step::Step;
use crate::stream::transport::{Transport, TransportFailure};

impl<T: Transport> Worker<T> {
    /// The partition's clock, where work is still due by it. A clock is committed only with all that is due by it, however full
    /// the batch is: whoever restores the partition takes it that all of it was done.
    pub(super) fn due_by_clock(&self, partition: PartitionId) -> Option<Timestamp> {
        let (Some(open), Some(Slot::Active(active))) = (&self.open, self.slots.get(&partition)) else { return None };
        let clock = open.batch.clock(partition)?;
        open.batch.first_due(&active.state).filter(|first| first.at <= clock).map(|_| clock)
    }

    /// By when work is to be done before anything else of the partition: by the time of the record that is next; where there is
    /// none, by the wall clock, if nothing says that it is wrong and we may write. `None`: nothing is due by then.
    pub(super) fn due_until(&mut self, partition: PartitionId, next: Next, now: Now) -> Option<Timestamp> {
        let Some(Slot::Active(active)) = self.slots.get(&partition) else { return None };
        let first = match &self.open {
            Some(open) => open.batch.first_due(&active.state),
            None => active.state.due.first_after(None),
        }?;
        let until = match next {
            Next::Record(input) => active.inputs.time_of(input)?,
            Next::CaughtUp => now.wall,
            Next::Waiting(_) => return None,
        };
        if first.at > until {
            return None;
        }
        // A clock that is off for one partition is off for all of the process.
        let is_trusted = !self.active().any(|active| active.skewed);
        let may_write = next != Next::CaughtUp || is_trusted && self.transport.membership().is_some();
        may_write.then_some(until)
    }

    /// Does the first work that is due.
    pub(super) fn take_due(&mut self, partition: PartitionId, until: Timestamp) -> Result<(), TransportFailure> {
        let Some(Slot::Active(active)) = self.slots.get_mut(&partition) else {
            unreachable!("work is due in an active partition")
        };
        let open = self.open.as_mut().expect("a transaction is begun before due work is done");
        let mut view = open.batch.at(&active.accounts, &active.state);
        let sink = Sink { outputs: &mut open.outputs, counts: &mut open.counts, metrics: &self.metrics };
        self.engine.take_due(&mut view, partition, until, sink);
        open.touched.insert(partition);
        open.records += 1;
        self.reached(Step::AfterDueWork)
    }
}

#[cfg(test)]
mod tests;
