//! What the owner of a cluster does to one transport: faults of its producer, limits of its fetches.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use crate::stream::transport::Input;

/// An act of the producer that can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Act {
    /// `begin`.
    Begin,
    /// `publish`.
    Publish,
    /// `send_offsets`.
    SendOffsets,
    /// `commit`.
    Commit,
    /// `abort`.
    Abort,
}

impl Act {
    /// All acts.
    pub const ALL: [Act; 5] = [Act::Begin, Act::Publish, Act::SendOffsets, Act::Commit, Act::Abort];

    /// As failures name it.
    pub fn name(self) -> &'static str {
        match self {
            Act::Begin => "begin",
            Act::Publish => "publish",
            Act::SendOffsets => "send offsets",
            Act::Commit => "commit",
            Act::Abort => "abort",
        }
    }

    /// Whether this can happen to it.
    pub fn can_meet(self, fault: Fault) -> bool {
        match fault {
            // An abort that fails is of unknown outcome.
            Fault::Retry | Fault::Abort => self != Act::Abort,
            Fault::UnknownApplied | Fault::UnknownLost => true,
            Fault::UnknownLate => matches!(self, Act::Commit | Act::Abort),
            Fault::UnknownPrepared | Fault::MarkersLater => self == Act::Commit,
        }
    }
}

/// What happens to an act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// Fails with `Retry`; nothing happened.
    Retry,
    /// Fails with `Abort`; nothing happened. For `send_offsets` and `commit`: an illegal generation in a rebalance.
    Abort,
    /// Fails with `Unknown`; it had its effect, the answer was lost.
    UnknownApplied,
    /// Fails with `Unknown`; the request was lost.
    UnknownLost,
    /// Fails with `Unknown`; the request is under way until
    /// [`deliver_late`](super::MemoryCluster::deliver_late).
    UnknownLate,
    /// Fails with `Unknown`; the commit is decided, its markers come with
    /// [`complete_prepared`](super::MemoryCluster::complete_prepared), `init_transactions` or the next transaction.
    UnknownPrepared,
    /// Succeeds; the markers come later, as above.
    MarkersLater,
}

impl Fault {
    /// All faults.
    pub const ALL: [Fault; 7] = [
        Fault::Retry,
        Fault::Abort,
        Fault::UnknownApplied,
        Fault::UnknownLost,
        Fault::UnknownLate,
        Fault::UnknownPrepared,
        Fault::MarkersLater,
    ];
}

/// The owner's hold on one transport, which the worker has. A cheap clone; it may outlive the transport.
#[derive(Clone, Debug, Default)]
pub struct Controls(Arc<Mutex<Planned>>);

#[derive(Debug, Default)]
struct Planned {
    faults: BTreeMap<Act, VecDeque<Fault>>,
    fetch_limits: [Option<usize>; 3],
}

impl Controls {
    /// Plans a fault for the next such act; after those planned before.
    ///
    /// # Panics
    ///
    /// When the fault cannot happen to this act ([`Act::can_meet`]).
    pub fn plan(&self, act: Act, fault: Fault) {
        assert!(act.can_meet(fault), "{fault:?} cannot happen to {}", act.name());
        self.planned().faults.entry(act).or_default().push_back(fault);
    }

    /// Drops the planned faults and lifts the limits.
    pub fn heal(&self) {
        *self.planned() = Planned::default();
    }

    /// How many faults have not happened yet.
    pub fn planned_len(&self) -> usize {
        self.planned().faults.values().map(VecDeque::len).sum()
    }

    /// How many records and ends of an input a fetch brings at most, from now on; 0: nothing this time, `None`: what the
    /// worker asks for.
    pub fn limit_fetch(&self, input: Input, limit: Option<usize>) {
        self.planned().fetch_limits[input.index()] = limit;
    }

    /// The fault that happens to this act now.
    pub(super) fn next_fault(&self, act: Act) -> Option<Fault> {
        self.planned().faults.get_mut(&act)?.pop_front()
    }

    /// The limit of a fetch.
    pub(super) fn fetch_limit(&self, input: Input) -> usize {
        self.planned().fetch_limits[input.index()].unwrap_or(usize::MAX)
    }

    fn planned(&self) -> MutexGuard<'_, Planned> {
        self.0.lock().expect("nothing panics while it holds this lock")
    }
}
