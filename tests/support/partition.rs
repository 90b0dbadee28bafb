//! One partition without a log: the engine, what is committed, and what it has written.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part of it")]

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use tollkeeper::core::account::Account;
use tollkeeper::core::batch::{Accounts, Batch, PartitionState};
use tollkeeper::core::catalog::Catalog;
use tollkeeper::core::decide::Rules;
use tollkeeper::core::due::{Done, DueKey, DueQueue, next_of};
use tollkeeper::core::entry::{Entry, EntryKey};
use tollkeeper::core::identity::{AcceptanceWindow, Identity};
use tollkeeper::core::partition::PartitionId;
use tollkeeper::metrics::{BatchCounts, Metrics};
use tollkeeper::stream::catalog::load_directory;
use tollkeeper::stream::engine::{Engine, Sink, Source};
use tollkeeper::stream::outputs::Outputs;
use tollkeeper::stream::recovery::{LedgerFold, Restored};
use tollkeeper::stream::transport::{CommittedOffset, Input, Output};
use tollkeeper::wire::event;
use tollkeeper::wire::offset_metadata::OffsetMetadata;

/// The only partition that there is.
pub const PARTITION: PartitionId = PartitionId(0);

/// The catalog of `rates/`.
pub fn rates() -> Arc<Catalog> {
    let rates = Path::new(env!("CARGO_MANIFEST_DIR")).join("rates");
    Arc::new(load_directory(&rates).unwrap_or_else(|failure| panic!("{failure}")))
}

/// A partition on which everybody is at home.
pub struct Partition {
    engine: Engine,
    metrics: Metrics,
    accounts: Accounts,
    state: PartitionState,
    batch: Batch,
    outputs: Outputs,
    /// Of what was committed.
    pub counts: BatchCounts,
    open_counts: BatchCounts,
    /// Committed records, in order, by [`Output::index`].
    pub written: [Vec<Bytes>; 4],
    offset: i64,
}

/// All that a ledger says of a partition.
#[derive(Debug, PartialEq)]
pub struct State {
    pub accounts: Vec<Arc<Account>>,
    pub entries: Vec<(EntryKey, Entry)>,
    pub identities: Vec<(u64, Identity)>,
    pub clock: Timestamp,
    /// What each account is due for next.
    pub due: Vec<DueKey>,
}

impl Partition {
    pub fn new(catalog: Arc<Catalog>) -> Partition {
        Partition {
            engine: Engine::new(catalog, Rules::default(), 1, "tollkeeper"),
            metrics: Metrics::new(),
            accounts: Accounts::default(),
            state: PartitionState::empty(PARTITION),
            batch: Batch::default(),
            outputs: Outputs::default(),
            counts: BatchCounts::default(),
            open_counts: BatchCounts::default(),
            written: Default::default(),
            offset: 0,
        }
    }

    /// A record that the broker took `at`, and before it all that is due by then.
    pub fn take(&mut self, input: Input, at: Timestamp, record: &[u8]) {
        self.pass(at);
        let source = Source { input, partition: PARTITION, offset: self.offset, at };
        let mut view = self.batch.at(&self.accounts, &self.state);
        view.advance_clock(at);
        let sink = Sink { outputs: &mut self.outputs, counts: &mut self.open_counts, metrics: &self.metrics };
        self.engine.take(&mut view, &source, record, sink);
        self.offset += 1;
    }

    /// Nothing more is to be read, and it is `until` on the wall: all that is due by then is done.
    pub fn pass(&mut self, until: Timestamp) {
        while self.take_due(until) {}
    }

    /// The first of what is due by `until`, if anything is.
    pub fn take_due(&mut self, until: Timestamp) -> bool {
        let mut view = self.batch.at(&self.accounts, &self.state);
        let sink = Sink { outputs: &mut self.outputs, counts: &mut self.open_counts, metrics: &self.metrics };
        self.engine.take_due(&mut view, PARTITION, until, sink)
    }

    pub fn commit(&mut self) {
        for (output, _, records) in self.outputs.pending() {
            self.written[output.index()].extend(records.drain(..).map(|record| record.value));
        }
        for (_, changes) in std::mem::take(&mut self.batch).into_changes() {
            changes.merge_into(&self.accounts, &mut self.state, self.engine.rules().window);
        }
        self.counts.merge(&std::mem::take(&mut self.open_counts));
    }

    pub fn abort(&mut self) {
        self.outputs = Outputs::default();
        self.batch = Batch::default();
        self.open_counts = BatchCounts::default();
    }

    /// Everything but the ledger and the committed offsets is lost, and comes back from them.
    pub fn restore(&mut self) {
        let restored = fold(self.ledger().iter(), self.state.clock);
        assert!(restored.frozen.is_empty(), "{:?}", restored.frozen);
        let (days, done) = (&self.engine.rules().warning_days, Done::all_at(restored.state.clock));
        let due = DueQueue::of(restored.accounts.iter().map(AsRef::as_ref), days, done);
        self.accounts = Accounts::default();
        restored.accounts.into_iter().for_each(|account| self.accounts.restore(account));
        self.state = PartitionState { due, ..restored.state };
    }

    pub fn ledger(&self) -> &[Bytes] {
        &self.written[Output::Ledger.index()]
    }

    /// What is committed, field by field.
    pub fn state(&self) -> State {
        let clock = self.state.clock;
        let accounts = self.accounts.sorted();
        let due = self.due_of(&accounts, clock);
        for key in &due {
            // What is queued may have been overtaken: whoever takes it asks the account again. It must not come later.
            let is_found = self.queue().any(|queued| queued.tenant == key.tenant && queued <= key);
            assert!(is_found, "{key:?} is not queued");
        }
        State {
            due,
            accounts,
            entries: self.state.entries.sorted(clock),
            identities: self.state.identities.sorted(AcceptanceWindow::default(), clock),
            clock,
        }
    }

    /// What its ledger says.
    pub fn folded(&self) -> State {
        let restored = fold(self.ledger().iter(), self.state.clock);
        assert!(restored.frozen.is_empty(), "{:?}", restored.frozen);
        let (accounts, clock) = (Accounts::default(), restored.state.clock);
        restored.accounts.into_iter().for_each(|account| accounts.restore(account));
        let accounts = accounts.sorted();
        State {
            due: self.due_of(&accounts, clock),
            accounts,
            entries: restored.state.entries.sorted(clock),
            identities: restored.state.identities.sorted(AcceptanceWindow::default(), clock),
            clock,
        }
    }

    fn due_of(&self, accounts: &[Arc<Account>], clock: Timestamp) -> Vec<DueKey> {
        let key = |account: &Arc<Account>| {
            let (at, kind) = next_of(account, &self.engine.rules().warning_days, Done::all_at(clock))?;
            Some(DueKey { at, kind, tenant: account.tenant.clone() })
        };
        accounts.iter().filter_map(key).collect()
    }

    fn queue(&self) -> impl Iterator<Item = &DueKey> {
        std::iter::successors(self.state.due.first_after(None), |taken| self.state.due.first_after(Some(taken)))
    }
}

/// The fold of a ledger, with offsets that were committed at `clock`.
pub fn fold<R: AsRef<[u8]>>(ledger: impl Iterator<Item = R>, clock: Timestamp) -> Restored {
    let mut fold = LedgerFold::new(PARTITION);
    for record in ledger {
        let text = String::from_utf8_lossy(record.as_ref());
        fold.take(&event::decode(record.as_ref()).unwrap_or_else(|fault| panic!("{fault}: {text}")));
    }
    let metadata = OffsetMetadata {
        transactional_id: "test".into(),
        run_id: "run".into(),
        batch: 1,
        clock_ms: clock.as_millisecond(),
    };
    let committed = [0, 1, 2].map(|_| Some(CommittedOffset { offset: 0, metadata: metadata.to_string() }));
    fold.finish(committed, [0; 3]).unwrap_or_else(|stopped| panic!("{stopped}"))
}
