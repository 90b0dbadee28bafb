//! A partition comes back: its committed offsets, and the fold of its ledger.
//!
//! A job is a state machine that a thread of its own steps (in the simulation, the seed does), so that the other
//! partitions of the worker go on.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::core::account::{Account, Broken};
use crate::core::batch::PartitionState;
use crate::core::event::Event;
use crate::core::identity::AcceptanceWindow;
use crate::core::partition::PartitionId;
use crate::core::tenant::TenantId;
use crate::wire::event;
use crate::wire::offset_metadata::OffsetMetadata;

use super::step::{Probe, Step};
use super::transport::{CommittedOffsets, Input, InputOffsets, LedgerRecord, RestoreSource, TransportFailure};

/// Ledger records that one step folds at most.
const FOLD_RECORDS_MAX: usize = 20_000;

/// What a worker asks to be restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RestoreRequest {
    /// Which partition.
    pub partition: PartitionId,
    /// Which assignment it is for: an answer to an earlier one is thrown away.
    pub assignment: u64,
}

/// What became of a request.
#[derive(Debug)]
pub struct RestoreAnswer {
    /// What was asked.
    pub request: RestoreRequest,
    /// The partition as it was, or why it cannot be rated.
    pub outcome: Result<Restored, Stopped>,
}

/// A partition that can go on.
#[derive(Debug)]
pub struct Restored {
    /// Everything beside the accounts.
    pub state: PartitionState,
    /// The accounts.
    pub accounts: Vec<Arc<Account>>,
    /// Those that are broken, and how.
    pub frozen: Vec<(TenantId, String)>,
    /// Where reading goes on.
    pub at: InputOffsets,
    /// The offsets as they are committed: what an outcome that is not known is compared with.
    pub committed: CommittedOffsets,
    /// Events that were folded.
    pub events: u64,
}

/// Doubt about the whole partition: it is not rated until a person has acted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stopped {
    /// There is a ledger, but nothing says how far its inputs were read.
    #[error(
        "partition {partition} has a ledger of {events} events, but committed offsets are missing for {missing}; run \
         `tollkeeper offsets rewind --partition {partition}` to set them by the ledger's last event (no call is charged \
         twice by it; a command that was refused in the last hour is judged anew)"
    )]
    OffsetsLost {
        /// Which partition.
        partition: PartitionId,
        /// How many events its ledger has.
        events: u64,
        /// The topics without an offset.
        missing: String,
    },
    /// A committed offset is not in the form that the engine writes.
    #[error(
        "partition {partition}: the metadata of a committed offset of {input} cannot be read ({detail}): it was not the \
         engine that committed it; stop the engine and run `tollkeeper offsets rewind --force --partition {partition}`"
    )]
    Metadata {
        /// Which partition.
        partition: PartitionId,
        /// Of which topic.
        input: &'static str,
        /// What is wrong with it.
        detail: String,
    },
    /// A record of the ledger cannot be read by this release.
    #[error(
        "partition {partition}: the record at offset {offset} of its ledger cannot be read ({detail}): a later release may \
         have written it; run that release"
    )]
    Ledger {
        /// Which partition.
        partition: PartitionId,
        /// Where.
        offset: i64,
        /// What is wrong with it.
        detail: String,
    },
    /// The partition's past cannot be read, however often it is tried.
    #[error("partition {partition} cannot be restored: {detail}; the next start of the engine tries again")]
    Restore {
        /// Which partition.
        partition: PartitionId,
        /// What the client said.
        detail: String,
    },
    /// An input cannot be read on.
    #[error("partition {partition}: {message}")]
    Input {
        /// Which partition.
        partition: PartitionId,
        /// What the client said.
        message: String,
    },
}

impl Stopped {
    /// The partition in doubt.
    pub fn partition(&self) -> PartitionId {
        match self {
            Stopped::OffsetsLost { partition, .. }
            | Stopped::Metadata { partition, .. }
            | Stopped::Ledger { partition, .. }
            | Stopped::Restore { partition, .. }
            | Stopped::Input { partition, .. } => *partition,
        }
    }
}

/// How far a job is.
#[derive(Debug)]
pub enum RestoreProgress {
    /// Step it again.
    Working {
        /// Events folded so far.
        folded: u64,
        /// Offsets of the ledger still to be passed.
        to_go: u64,
    },
    /// Nothing could be done yet; step it again after a while.
    Waiting,
    /// It is done.
    Done(Box<RestoreAnswer>),
}

/// One partition being restored.
#[derive(Debug)]
pub struct RestoreJob {
    request: RestoreRequest,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// The committed offsets come first: they wait for open transactions, so the ledger that is read next has all of them.
    Offsets,
    Range(CommittedOffsets),
    Fold(Box<Fold>),
    Over,
}

#[derive(Debug)]
struct Fold {
    committed: CommittedOffsets,
    /// Every offset before it is folded or passed over.
    position: i64,
    /// The high watermark when the fold began, uncommitted records included.
    until: i64,
    /// The source has this ledger open.
    is_open: bool,
    folded: LedgerFold,
}

impl RestoreJob {
    /// A job that has not begun.
    pub fn new(request: RestoreRequest) -> RestoreJob {
        RestoreJob { request, stage: Stage::Offsets }
    }

    /// What it is for.
    pub fn request(&self) -> RestoreRequest {
        self.request
    }

    /// Goes on a little. `wait` bounds how long it waits for records.
    ///
    /// # Errors
    /// A failure of the log that is not of the kind "try again": begin a new job.
    pub fn step<S: RestoreSource>(
        &mut self,
        source: &mut S,
        wait: Duration,
        probe: &mut Probe,
    ) -> Result<RestoreProgress, TransportFailure> {
        match self.advance(source, wait, probe) {
            // The stage is what it was.
            Err(TransportFailure::Retry { .. }) => Ok(RestoreProgress::Waiting),
            result => result,
        }
    }

    fn advance<S: RestoreSource>(
        &mut self,
        source: &mut S,
        wait: Duration,
        probe: &mut Probe,
    ) -> Result<RestoreProgress, TransportFailure> {
        let partition = self.request.partition;
        match &mut self.stage {
            Stage::Offsets => {
                let committed = source.committed(partition)?;
                probe(Step::InRestoreAfterCommitted)?;
                self.stage = Stage::Range(committed);
                Ok(RestoreProgress::Working { folded: 0, to_go: 0 })
            }
            Stage::Range(committed) => {
                let (first, until) = source.ledger_range(partition)?;
                let (committed, folded) = (committed.clone(), LedgerFold::new(partition));
                let fold = Fold { committed, position: first, until, is_open: false, folded };
                self.stage = Stage::Fold(Box::new(fold));
                Ok(RestoreProgress::Working { folded: 0, to_go: u64::try_from(until - first).unwrap_or(0) })
            }
            Stage::Fold(fold) => {
                if !fold.is_open {
                    source.open_ledger(partition, fold.position)?;
                    fold.is_open = true;
                }
                let mut records = Vec::new();
                fold.position = source.read_ledger(FOLD_RECORDS_MAX, wait, &mut records)?;
                let read = records.len();
                if let Err(stopped) = fold.folded.take_all(records) {
                    source.close_ledger()?;
                    return Ok(self.done(Err(stopped)));
                }
                probe(Step::InRestoreFold)?;
                if fold.position < fold.until {
                    let to_go = u64::try_from(fold.until - fold.position).unwrap_or(0);
                    let folded = fold.folded.events;
                    return Ok(match read {
                        0 => RestoreProgress::Waiting,
                        _ => RestoreProgress::Working { folded, to_go },
                    });
                }
                // Asked only where an answer is used: an input that nobody needs the beginning of may be away.
                let low = match fold.committed.iter().all(Option::is_some) {
                    true => [0; 3],
                    false => source.low_watermarks(partition)?,
                };
                source.close_ledger()?;
                let Stage::Fold(fold) = std::mem::replace(&mut self.stage, Stage::Over) else {
                    unreachable!("matched just now")
                };
                let outcome = fold.folded.finish(fold.committed, low);
                Ok(self.done(outcome))
            }
            Stage::Over => panic!("a restore job is not stepped after its answer"),
        }
    }

    /// Lets another job use the source; this one opens its ledger anew when it goes on.
    pub fn set_aside(&mut self) {
        if let Stage::Fold(fold) = &mut self.stage {
            fold.is_open = false;
        }
    }

    fn done(&self, outcome: Result<Restored, Stopped>) -> RestoreProgress {
        RestoreProgress::Done(Box::new(RestoreAnswer { request: self.request, outcome }))
    }
}

/// The fold of one partition's ledger: the same [`Account::apply`] as in live work.
#[derive(Debug)]
pub struct LedgerFold {
    state: PartitionState,
    accounts: HashMap<TenantId, Account, ahash::RandomState>,
    frozen: HashMap<TenantId, String, ahash::RandomState>,
    events: u64,
    /// By the clock of the ledger.
    pruned_at: Timestamp,
}

impl LedgerFold {
    /// Nothing folded.
    pub fn new(partition: PartitionId) -> LedgerFold {
        LedgerFold {
            state: PartitionState::empty(partition),
            accounts: HashMap::default(),
            frozen: HashMap::default(),
            events: 0,
            pruned_at: Timestamp::UNIX_EPOCH,
        }
    }

    fn take_all<P: AsRef<[u8]>>(&mut self, records: Vec<LedgerRecord<P>>) -> Result<(), Stopped> {
        for record in records {
            let partition = self.state.id;
            let event = event::decode(record.payload.as_ref()).map_err(|fault| Stopped::Ledger {
                partition,
                offset: record.offset,
                detail: fault.to_string(),
            })?;
            self.take(&event);
        }
        Ok(())
    }

    /// Takes one event. An account that it does not continue is frozen; the others go on.
    pub fn take(&mut self, event: &Event<'_>) {
        self.events += 1;
        self.forget_daily(event.time);
        self.state.absorb(event);
        if self.frozen.contains_key(&*event.tenant) {
            return;
        }
        if let Err((tenant, broken)) = self.apply(event) {
            self.frozen.insert(tenant, format!("event {}/{}: {broken}", event.tenant, event.seq));
        }
    }

    /// A ledger is for ever, what is remembered of it is not: so the memory that a fold takes has a bound. The window is not
    /// known here; what the widest has forgotten, ours has too.
    fn forget_daily(&mut self, now: Timestamp) {
        if now.duration_since(self.pruned_at) > SignedDuration::from_hours(24) {
            self.pruned_at = now;
            self.state.identities.prune(AcceptanceWindow::widest(), now);
            self.state.entries.prune(now);
        }
    }

    fn apply(&mut self, event: &Event<'_>) -> Result<(), (TenantId, Broken)> {
        let named = || TenantId::new(&event.tenant).expect("a decoded event names a tenant");
        match self.accounts.get_mut(&*event.tenant) {
            Some(account) => account.apply(event).map_err(|broken| (named(), broken)),
            None => {
                let account = Account::opened(event).map_err(|broken| (named(), broken))?;
                self.accounts.insert(account.tenant.clone(), account);
                Ok(())
            }
        }
    }

    /// Joins the fold with the committed offsets. Where there are none, an empty ledger begins at the oldest records, and
    /// one that is not empty stops: reading all again could add funds anew that the memory of commands has forgotten.
    ///
    /// # Errors
    /// [`Stopped`]: some offsets are missing, or their metadata cannot be read.
    pub fn finish(mut self, committed: CommittedOffsets, low: InputOffsets) -> Result<Restored, Stopped> {
        let partition = self.state.id;
        let missing: Vec<&str> =
            Input::ALL.into_iter().filter(|input| committed[input.index()].is_none()).map(Input::name).collect();
        if !missing.is_empty() && (self.events > 0 || missing.len() < Input::ALL.len()) {
            let missing = missing.join(", ");
            return Err(Stopped::OffsetsLost { partition, events: self.events, missing });
        }
        let mut at = low;
        for input in Input::ALL {
            let Some(offset) = &committed[input.index()] else { continue };
            at[input.index()] = offset.offset;
            let metadata: OffsetMetadata = offset.metadata.parse().map_err(|fault| Stopped::Metadata {
                partition,
                input: input.name(),
                detail: format!("{fault}"),
            })?;
            let clock = Timestamp::from_millisecond(metadata.clock_ms).map_err(|fault| Stopped::Metadata {
                partition,
                input: input.name(),
                detail: fault.to_string(),
            })?;
            self.state.clock = self.state.clock.max(clock);
        }
        Ok(Restored {
            state: self.state,
            accounts: self.accounts.into_values().map(Arc::new).collect(),
            frozen: self.frozen.into_iter().collect(),
            at,
            committed,
            events: self.events,
        })
    }
}
