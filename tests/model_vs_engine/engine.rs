//! The engine's side: one partition without a log, on which everybody is at home.

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use tollkeeper::core::account::Account;
use tollkeeper::core::batch::{Accounts, Batch, PartitionState};
use tollkeeper::core::catalog::Catalog;
use tollkeeper::core::decide::Rules;
use tollkeeper::core::due::{Done, DueQueue};
use tollkeeper::core::entry::{Entry, EntryKey};
use tollkeeper::core::identity::{AcceptanceWindow, Identity};
use tollkeeper::core::partition::PartitionId;
use tollkeeper::metrics::{BatchCounts, Metrics};
use tollkeeper::stream::engine::{Engine, Sink, Source};
use tollkeeper::stream::outputs::Outputs;
use tollkeeper::stream::recovery::{LedgerFold, Restored};
use tollkeeper::stream::transport::{CommittedOffset, Input, Output};
use tollkeeper::wire::event;
use tollkeeper::wire::offset_metadata::OffsetMetadata;

use crate::model::Step;

const PARTITION: PartitionId = PartitionId(0);

/// A partition, and what it has written.
pub(crate) struct Side {
    engine: Engine,
    metrics: Metrics,
    accounts: Accounts,
    state: PartitionState,
    /// Committed records in order, by `Output::index`.
    pub(crate) written: [Vec<Bytes>; 4],
    offset: i64,
}

/// All that a ledger says of a partition.
#[derive(Debug, PartialEq)]
pub(crate) struct State {
    accounts: Vec<Arc<Account>>,
    entries: Vec<(EntryKey, Entry)>,
    identities: Vec<(u64, Identity)>,
    clock: Timestamp,
}

impl Side {
    pub(crate) fn new(catalog: Arc<Catalog>) -> Side {
        Side {
            engine: Engine::new(catalog, Rules::default(), 1, "tollkeeper"),
            metrics: Metrics::new(),
            accounts: Accounts::default(),
            state: PartitionState::empty(PARTITION),
            written: Default::default(),
            offset: 0,
        }
    }

    /// What is due, then the record, in one transaction that is committed.
    pub(crate) fn step(&mut self, at: Timestamp, step: &Step) {
        let until = self.state.clock.max(at);
        let (mut batch, mut outputs, mut counts) = (Batch::default(), Outputs::default(), BatchCounts::default());
        let mut sink = Sink { outputs: &mut outputs, counts: &mut counts, metrics: &self.metrics };
        let mut view = batch.at(&self.accounts, &self.state);
        while self.engine.take_due(&mut view, PARTITION, until, sink.reborrow()) {}
        view.advance_clock(until);
        let record = match step {
            Step::Cdr(bytes) => Some((Input::Cdrs, bytes)),
            Step::Command(bytes) => Some((Input::Commands, bytes)),
            Step::Clock => None,
        };
        if let Some((input, bytes)) = record {
            let source = Source { input, partition: PARTITION, offset: self.offset, at };
            self.engine.take(&mut view, &source, bytes, sink.reborrow());
            self.offset += 1;
        }
        for (output, _, records) in outputs.pending() {
            self.written[output.index()].extend(records.drain(..).map(|record| record.value));
        }
        for (_, changes) in batch.into_changes() {
            changes.merge_into(&self.accounts, &mut self.state, self.engine.rules().window);
        }
    }

    /// Everything but the ledger and the committed offsets is lost, and comes back from them.
    pub(crate) fn restore(&mut self) {
        let restored = self.folded();
        self.accounts = Accounts::default();
        let rules = self.engine.rules();
        let done = Done::all_at(restored.state.clock);
        let due = DueQueue::of(restored.accounts.iter().map(AsRef::as_ref), &rules.warning_days, done);
        restored.accounts.into_iter().for_each(|account| self.accounts.restore(account));
        self.state = PartitionState { due, ..restored.state };
    }

    /// Accounts, entries, identities and the clock, field by field.
    pub(crate) fn state(&self) -> State {
        let PartitionState { clock, entries, identities, .. } = &self.state;
        State {
            accounts: self.accounts.sorted(),
            entries: entries.sorted(*clock),
            identities: identities.sorted(AcceptanceWindow::default(), *clock),
            clock: *clock,
        }
    }

    /// The fold of the whole ledger.
    fn folded(&self) -> Restored {
        let mut fold = LedgerFold::new(PARTITION);
        for record in &self.written[Output::Ledger.index()] {
            let text = || String::from_utf8_lossy(record);
            fold.take(&event::decode(record).unwrap_or_else(|fault| panic!("{fault}: {}", text())));
        }
        let metadata = OffsetMetadata {
            transactional_id: "test".into(),
            run_id: "run".into(),
            batch: 1,
            clock_ms: self.state.clock.as_millisecond(),
        };
        let committed = [0, 1, 2].map(|_| Some(CommittedOffset { offset: 0, metadata: metadata.to_string() }));
        let restored = fold.finish(committed, [0; 3]).unwrap_or_else(|stopped| panic!("{stopped}"));
        assert!(restored.frozen.is_empty(), "{:?}", restored.frozen);
        restored
    }
}
