//! Where a worker takes its catalog from: one that never changes, or the latest of the topic.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::core::catalog::Catalog;
use crate::stream::worker::Now;

/// Tells a worker what prices calls.
///
/// Asked once for each transaction: all its calls are priced by one catalog (law 6). Nodes that take a new one at different
/// moments agree all the same, since what prices a call depends on its start and on the versions' own instants, and these
/// lie ahead of their publication.
pub trait CatalogSource: Send + Sync {
    /// The catalog to rate with; `None`: nothing may be rated now.
    fn current(&self, now: Now) -> Option<Arc<Catalog>>;
}

/// The catalog of a directory: it is what it is until the process starts anew.
#[derive(Clone, Debug)]
pub struct FixedCatalog(Arc<Catalog>);

impl FixedCatalog {
    /// This one, always.
    pub fn new(catalog: Arc<Catalog>) -> FixedCatalog {
        FixedCatalog(catalog)
    }
}

impl CatalogSource for FixedCatalog {
    fn current(&self, _: Now) -> Option<Arc<Catalog>> {
        Some(Arc::clone(&self.0))
    }
}

/// The catalog of the topic, as its reader left it last. One reader writes it, all workers of the process read it.
#[derive(Debug)]
pub struct LatestCatalog {
    stale_after: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    catalog: Option<Arc<Catalog>>,
    /// When the last question was asked whose answer is read, by the monotonic clock.
    as_of: Duration,
    /// The topic holds what must not be passed over.
    refused: Option<String>,
}

/// Why nothing may be rated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// The topic was not read to its end since the start.
    #[error("its topic is not yet read to the end")]
    NotRead,
    /// The end that was asked for lately is not reached.
    #[error(
        "as last known {age_seconds} s ago, and after {stale_after_seconds} s it may have changed: brokers do not answer,          or a transaction in its topic stays open"
    )]
    Stale {
        /// How old it is.
        age_seconds: u64,
        /// How old it may become.
        stale_after_seconds: u64,
    },
    /// The topic holds what must not be passed over.
    #[error("{0}")]
    Refused(String),
}

impl LatestCatalog {
    /// Nothing is read yet. A catalog that is known to be complete as of longer ago than `stale_after` prices nothing.
    pub fn new(stale_after: Duration) -> LatestCatalog {
        LatestCatalog { stale_after, state: Mutex::default() }
    }

    /// How old it may become.
    pub fn stale_after(&self) -> Duration {
        self.stale_after
    }

    /// How old it is; zero before it was read.
    pub fn age(&self, now: Now) -> Duration {
        let state = self.lock();
        state.catalog.as_ref().map_or(Duration::ZERO, |_| now.monotonic.saturating_sub(state.as_of))
    }

    /// Why nothing may be rated now, if so.
    pub fn unusable(&self, now: Now) -> Option<Unusable> {
        self.lock().unusable(now, self.stale_after)
    }

    /// All that was in the topic at `as_of` is in the catalog. Where the topic is refused, only a new catalog ends that.
    pub(super) fn read_as_of(&self, as_of: Duration, changed: Option<Arc<Catalog>>) {
        let mut state = self.lock();
        state.as_of = as_of;
        if changed.is_some() {
            state.catalog = changed;
            state.refused = None;
        }
    }

    /// There is something in the topic by which nothing can be priced.
    pub(super) fn refuse(&self, why: String) {
        self.lock().refused = Some(why);
    }

    /// Each change leaves a whole state, so a panic elsewhere takes nothing from it.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn unusable(&self, now: Now, stale_after: Duration) -> Option<Unusable> {
        if let Some(why) = &self.refused {
            return Some(Unusable::Refused(why.clone()));
        }
        if self.catalog.is_none() {
            return Some(Unusable::NotRead);
        }
        let age = now.monotonic.saturating_sub(self.as_of);
        let (age_seconds, stale_after_seconds) = (age.as_secs(), stale_after.as_secs());
        (age > stale_after).then_some(Unusable::Stale { age_seconds, stale_after_seconds })
    }
}

impl CatalogSource for LatestCatalog {
    fn current(&self, now: Now) -> Option<Arc<Catalog>> {
        let state = self.lock();
        let usable = state.unusable(now, self.stale_after).is_none();
        state.catalog.clone().filter(|_| usable)
    }
}
