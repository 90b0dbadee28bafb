//! The thread that follows the topic `catalog`, one a process, beside the workers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::publications::Keep;
use super::reader::{CatalogLog, CatalogReader};
use super::source::LatestCatalog;
use crate::metrics::Metrics;
use crate::stream::runner::Clock;
use crate::stream::transport::TransportFailure;

/// How long a step waits for a record; a stop is noticed within that.
const STEP_WAIT: Duration = Duration::from_millis(200);
/// How long the thread waits before it opens a log anew.
const OPEN_AGAIN: Duration = Duration::from_secs(1);

/// Follows the topic until it is dropped.
#[derive(Debug)]
pub struct CatalogFollower {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// What a follower is made of.
pub struct Following<F> {
    /// Opens the log at its first record, on the thread; again after a failure that the log cannot go on from.
    pub open: F,
    /// Which versions' bytes it keeps.
    pub keep: Keep,
    /// What it keeps up to date.
    pub latest: Arc<LatestCatalog>,
    /// Shared by the process.
    pub metrics: Arc<Metrics>,
}

impl CatalogFollower {
    /// Starts the thread.
    ///
    /// # Panics
    /// If the system gives no thread.
    pub fn start<L, F>(following: Following<F>, clock: Clock) -> CatalogFollower
    where
        L: CatalogLog,
        F: Fn() -> Result<L, TransportFailure> + Send + 'static,
    {
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let thread = thread::Builder::new()
            .name("catalog".into())
            .spawn(move || {
                // Whoever asks after a panic must not be told that all is well.
                let _ended = EndedMark(Arc::clone(&following.metrics));
                while !told.load(Ordering::Acquire) {
                    if let Err(failure) = follow(&following, clock, &told) {
                        tracing::warn!(%failure, "the catalog is read anew from its beginning");
                        thread::park_timeout(OPEN_AGAIN);
                    }
                }
            })
            .expect("the system has a thread left");
        CatalogFollower { stop, thread: Some(thread) }
    }
}

/// Until the log cannot go on, or the thread is told to stop.
fn follow<L, F>(following: &Following<F>, clock: Clock, stop: &AtomicBool) -> Result<(), TransportFailure>
where
    L: CatalogLog,
    F: Fn() -> Result<L, TransportFailure>,
{
    let Following { open, keep, latest, metrics } = following;
    let mut reader = CatalogReader::new(open()?, keep.clone(), Arc::clone(latest), Arc::clone(metrics));
    while !stop.load(Ordering::Acquire) {
        match reader.step(clock.now(), STEP_WAIT) {
            Ok(()) => {}
            Err(TransportFailure::Retry { act, detail }) => {
                tracing::warn!(act, detail, "the catalog cannot be asked for; trying again");
                thread::park_timeout(STEP_WAIT);
            }
            Err(failure) => return Err(failure),
        }
    }
    Ok(())
}

impl Drop for CatalogFollower {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // A panic of that thread has been printed, and changes nothing here.
            let _ = thread.join();
        }
    }
}

/// Says at its end that nothing follows the catalog any more.
struct EndedMark(Arc<Metrics>);

impl Drop for EndedMark {
    fn drop(&mut self) {
        self.0.health().set_catalog(Some("the thread that follows it has ended".to_owned()));
    }
}
