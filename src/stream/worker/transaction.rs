//! One transaction: begin, publish, send the offsets, commit; and what to do when it cannot be known how that ended.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::{Active, Now, Slot, Worker};
use crate::core::batch::{Accounts, Batch, PartitionState};
use crate::core::partition::PartitionId;
use crate::internal_events::{LawViolated, OutcomeResolved, OutcomeUnknown, Resolution, TransactionAborted};
use crate::metrics::{BatchCounts, Law, TransactionTimes};
use crate::stream::inputs::Inputs;
use crate::stream::outputs::Outputs;
use crate::stream::step::Step;
use crate::stream::transport::{CommittedOffset, CommittedOffsets, Input, OffsetToCommit, Transport, TransportFailure};
use crate::wire::offset_metadata::OffsetMetadata;

/// How often the committed offsets are asked for after an unknown outcome, before the partitions are recovered instead.
const COMMITTED_ATTEMPTS_MAX: u32 = 20;

/// Aborts in a row after which the worker ends: the process starts anew, and an operator sees it restart.
const ABORTS_IN_A_ROW_MAX: u32 = 20;
/// The pause after the first abort; it doubles up to 2.56 s, so that the worker gives up after about half a minute.
const ABORT_PAUSE_FIRST: Duration = Duration::from_millis(10);
const ABORT_PAUSE_DOUBLINGS_MAX: u32 = 8;

/// A transaction that is open, and all that it will change.
pub(super) struct OpenBatch {
    pub(super) batch: Batch,
    pub(super) outputs: Outputs,
    pub(super) counts: BatchCounts,
    /// The partitions that records were taken from, or whose offsets are committed.
    pub(super) touched: BTreeSet<PartitionId>,
    pub(super) records: usize,
    /// There was a catalog when it began; else it takes no record.
    pub(super) has_catalog: bool,
    /// By the monotonic clock.
    pub(super) began: Duration,
    /// What its records took to be rated.
    pub(super) rating: Duration,
    /// The broker's time of its oldest record.
    pub(super) oldest: Option<Timestamp>,
    number: u64,
}

/// Aborts without a commit between them. One is a normal path; many are an outage, and a worker that replayed its batch at
/// full speed would only add to it.
#[derive(Debug, Default)]
pub(super) struct AbortsInARow {
    count: u32,
    not_before: Duration,
}

impl AbortsInARow {
    /// Waits a little at first, then twice as long each time.
    fn add(&mut self, now: Now) {
        let pause = ABORT_PAUSE_FIRST.saturating_mul(1 << self.count.min(ABORT_PAUSE_DOUBLINGS_MAX));
        self.count += 1;
        self.not_before = now.monotonic + pause;
    }
}

impl<T: Transport> Worker<T> {
    /// Whether a transaction is open or may be opened: after an abort only when its pause is over.
    pub(super) fn may_begin(&self, now: Now) -> bool {
        self.open.is_some() || now.monotonic >= self.aborts.not_before
    }

    /// Opens a transaction, if the producer lets us. Where it does not, the outcome of what was before is looked up.
    pub(super) fn begin(&mut self, now: Now) -> Result<(), TransportFailure> {
        self.batches += 1;
        let open = OpenBatch {
            batch: Batch::default(),
            outputs: Outputs::default(),
            counts: BatchCounts::default(),
            touched: BTreeSet::new(),
            records: 0,
            has_catalog: self.take_catalog(now),
            began: now.monotonic,
            rating: Duration::ZERO,
            oldest: None,
            number: self.batches,
        };
        self.open = Some(open);
        match self.transport.begin() {
            Ok(()) => self.reached(Step::AfterBegin),
            Err(failure) => self.failed(failure, now),
        }
    }

    /// Hands the batch's records to the producer.
    pub(super) fn publish(&mut self, now: Now) -> Result<(), TransportFailure> {
        let Some(open) = self.open.as_mut() else { return Ok(()) };
        let mut published = false;
        let mut result = Ok(());
        for (output, partition, records) in open.outputs.pending() {
            open.counts.add_written(output, u64::try_from(records.len()).expect("a batch is small"));
            published = true;
            result = self.transport.publish(output, partition, records);
            if result.is_err() {
                break;
            }
        }
        match result {
            Ok(()) if published => self.reached(Step::AfterPublish),
            Ok(()) => Ok(()),
            Err(failure) => self.failed(failure, now),
        }
    }

    /// Commits what is open: the records, and the offsets of every partition that it wrote for.
    pub(super) fn commit(&mut self, now: Now) -> Result<(), TransportFailure> {
        let commit_began = self.measured(now);
        self.publish(now)?;
        let Some(open) = self.open.as_ref() else { return Ok(()) };
        let offsets = self.offsets_of(open);
        self.reached(Step::BeforeSendOffsets)?;
        // The only fence against a zombie under another transactional id. The object that is checked is the one that is sent:
        // a broker takes an empty member with generation -1 as a plain commit.
        let Some(membership) = self.transport.membership() else {
            return self.abort("the membership is not valid", now);
        };
        if let Err(failure) = self.transport.send_offsets(&membership, &offsets) {
            return self.failed(failure, now);
        }
        self.reached(Step::AfterSendOffsets)?;
        match self.transport.commit() {
            Ok(()) => {
                self.reached(Step::AfterCommitBeforePublish)?;
                self.committed(&offsets, commit_began, now);
                Ok(())
            }
            Err(failure) => self.failed(failure, now),
        }
    }

    pub(super) fn measured(&self, now: Now) -> Duration {
        self.stopwatch.as_ref().map_or(now.monotonic, |stopwatch| stopwatch())
    }

    fn offsets_of(&self, open: &OpenBatch) -> Vec<OffsetToCommit> {
        let mut offsets = Vec::with_capacity(open.touched.len() * Input::ALL.len());
        for partition in &open.touched {
            let Some(Slot::Active(active)) = self.slots.get(partition) else { continue };
            let clock = open.batch.clock(*partition).unwrap_or(active.state.clock);
            let metadata = OffsetMetadata {
                transactional_id: self.transport.transactional_id().to_owned(),
                run_id: self.options.run_id.clone(),
                batch: open.number,
                clock_ms: clock.as_millisecond(),
            };
            let metadata: Arc<str> = metadata.to_string().into();
            let at = active.inputs.offsets();
            offsets.extend(Input::ALL.map(|input| OffsetToCommit {
                input,
                partition: *partition,
                offset: at[input.index()],
                metadata: Arc::clone(&metadata),
            }));
        }
        offsets
    }

    /// The transaction is committed: merge the batch, publish it to readers, and remember the offsets.
    fn committed(&mut self, offsets: &[OffsetToCommit], commit_began: Duration, now: Now) {
        let open = self.open.take().expect("only an open transaction is committed");
        for offset in offsets {
            if let Some(Slot::Active(active)) = self.slots.get_mut(&offset.partition) {
                let place = offset.input.index();
                let metadata = offset.metadata.to_string();
                active.committed[place] = Some(CommittedOffset { offset: offset.offset, metadata });
                active.committed_at[place] = offset.offset;
                active.committed_when = now.monotonic;
            }
        }
        let window = self.engine.rules().window;
        for (partition, changes) in open.batch.into_changes() {
            if let Some(Slot::Active(active)) = self.slots.get_mut(&partition) {
                changes.merge_into(&active.accounts, &mut active.state, window);
            }
        }
        if open.counts.records_read() != open.counts.outcomes() {
            let (read, outcomes) = (open.counts.records_read(), open.counts.outcomes());
            let detail = format!("{read} records were read, {outcomes} outcomes given");
            let partition = open.touched.first().copied().unwrap_or(PartitionId(0));
            LawViolated { law: Law::OneOutcome, partition, detail: &detail }.emit(&self.metrics);
        }
        self.aborts = AbortsInARow::default();
        self.reroutes.count(&open.counts, now, &self.metrics);
        let ended = self.measured(now);
        let ended_at = now.wall + ended.saturating_sub(now.monotonic);
        let times = TransactionTimes {
            open: ended.saturating_sub(open.began),
            commit: ended.saturating_sub(commit_began),
            rating: open.rating,
            // A broker whose clock is ahead of ours has no record from the future.
            since_oldest: open.oldest.map(|at| Duration::try_from(ended_at.duration_since(at)).unwrap_or_default()),
        };
        self.metrics.transaction_committed(&open.counts, times);
    }

    /// What a failed act asks for.
    fn failed(&mut self, failure: TransportFailure, now: Now) -> Result<(), TransportFailure> {
        match failure {
            TransportFailure::Fatal { .. } => Err(failure),
            TransportFailure::Abort { .. } | TransportFailure::Retry { .. } => self.abort(&failure.to_string(), now),
            TransportFailure::Unknown { .. } => self.resolve(&failure.to_string(), now),
        }
    }

    /// Ends a transaction that certainly has no effect: drop the batch, go back.
    pub(super) fn abort(&mut self, cause: &str, now: Now) -> Result<(), TransportFailure> {
        match self.transport.abort() {
            Ok(()) => {
                TransactionAborted { worker: self.id, cause }.emit(&self.metrics);
                self.reached(Step::AfterAbortBeforeSeek)?;
                self.go_back(now)
            }
            Err(failure @ TransportFailure::Fatal { .. }) => Err(failure),
            Err(failure) => self.resolve(&failure.to_string(), now),
        }
    }

    /// Drops the batch and reads every owned partition again from its committed offsets. What was fetched and not taken
    /// goes too: it would be taken twice, or out of order.
    fn go_back(&mut self, now: Now) -> Result<(), TransportFailure> {
        self.open = None;
        self.aborts.add(now);
        if self.aborts.count > ABORTS_IN_A_ROW_MAX {
            let detail = format!("{ABORTS_IN_A_ROW_MAX} transactions in a row were aborted; the log says why");
            return Err(TransportFailure::Fatal { act: "rate", detail });
        }
        for (partition, slot) in &mut self.slots {
            if let Slot::Active(active) = slot {
                self.transport.seek(*partition, active.committed_at)?;
                active.inputs = Inputs::new(active.committed_at);
                active.caught_up = false;
                active.was_caught_up = false;
            }
        }
        Ok(())
    }

    /// It is not known how the transaction ended. A new producer of the same id finishes or aborts it at the broker; then
    /// the committed offsets tell. Going on with the old producer is never right: the broker may yet apply its EndTxn, to a
    /// later transaction (librdkafka issue 5423).
    fn resolve(&mut self, cause: &str, now: Now) -> Result<(), TransportFailure> {
        OutcomeUnknown { worker: self.id, cause }.emit(&self.metrics);
        let resolve_began = self.measured(now);
        self.transport.renew_producer()?;
        self.reached(Step::AfterRenewBeforeCommitted)?;
        let Some(open) = self.open.as_ref() else { return Ok(()) };
        let ours = self.offsets_of(open);
        let partitions: Vec<PartitionId> = open.touched.iter().copied().collect();
        let resolution = match self.read_committed(&partitions)? {
            Some(found) => self.compare(&partitions, &found, &ours),
            None => Resolution::Recover,
        };
        OutcomeResolved { worker: self.id, resolution }.emit(&self.metrics);
        match resolution {
            Resolution::Committed => {
                self.committed(&ours, resolve_began, now);
                Ok(())
            }
            Resolution::Aborted => {
                self.reached(Step::AfterAbortBeforeSeek)?;
                self.go_back(now)
            }
            Resolution::Recover => {
                for partition in partitions {
                    self.restore_anew(partition, now)?;
                }
                self.go_back(now)
            }
        }
    }

    fn read_committed(
        &mut self,
        partitions: &[PartitionId],
    ) -> Result<Option<Vec<CommittedOffsets>>, TransportFailure> {
        for _ in 0..COMMITTED_ATTEMPTS_MAX {
            match self.transport.committed(partitions) {
                Ok(found) => return Ok(Some(found)),
                Err(TransportFailure::Retry { .. }) => {}
                Err(failure) => return Err(failure),
            }
        }
        Ok(None)
    }

    /// All partitions show our offsets: committed. All show what was there before: aborted. Anything else is somebody
    /// else's work: what we hold of them is worth nothing.
    fn compare(&self, partitions: &[PartitionId], found: &[CommittedOffsets], ours: &[OffsetToCommit]) -> Resolution {
        let is_ours = |(partition, found): (&PartitionId, &CommittedOffsets)| {
            let mut of_partition = ours.iter().filter(|offset| offset.partition == *partition).peekable();
            of_partition.peek().is_some()
                && of_partition.all(|offset| {
                    found[offset.input.index()]
                        .as_ref()
                        .is_some_and(|found| found.offset == offset.offset && *found.metadata == *offset.metadata)
                })
        };
        let is_remembered = |(partition, found): (&PartitionId, &CommittedOffsets)| match self.slots.get(partition) {
            Some(Slot::Active(active)) => active.committed == *found,
            Some(Slot::Restoring { .. } | Slot::Stopped) | None => false,
        };
        if partitions.iter().zip(found).all(is_remembered) {
            Resolution::Aborted
        } else if partitions.iter().zip(found).all(is_ours) {
            Resolution::Committed
        } else {
            Resolution::Recover
        }
    }
}

impl<P: AsRef<[u8]>> Active<P> {
    /// A partition as it was restored.
    pub(super) fn new(accounts: Arc<Accounts>, state: PartitionState, reading: Reading, now: Now) -> Active<P> {
        let Reading { at, committed } = reading;
        Active {
            accounts,
            state,
            inputs: Inputs::new(at),
            committed,
            committed_at: at,
            committed_when: now.monotonic,
            waiting: None,
            caught_up: false,
            was_caught_up: false,
            last_record: None,
            skewed: false,
        }
    }
}

/// Where a restored partition goes on.
pub(super) struct Reading {
    pub(super) at: crate::stream::transport::InputOffsets,
    pub(super) committed: CommittedOffsets,
}
