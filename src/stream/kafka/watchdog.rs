//! Ends the process when the client blocks in an act of the transaction protocol.
//!
//! `send_offsets_to_transaction` may ignore its timeout and block for ever (librdkafka issue 5456). A crash is a normal
//! path, a worker that stands still with open partitions is not.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use tracing::error;

/// What the thread does with the name of an act that took too long.
type OnOverdue = Box<dyn FnOnce(&'static str) + Send>;

/// Watches the acts of one worker.
pub(super) struct Watchdog {
    watched: Arc<Watched>,
    thread: Option<thread::JoinHandle<()>>,
}

struct Watched {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    /// The act that goes on, with its number: two acts of one name are two.
    act: Option<(&'static str, u64)>,
    acts: u64,
    ended: bool,
}

/// An act goes on until this is dropped.
pub(super) struct Watch<'a>(&'a Watched);

impl Watchdog {
    /// Aborts the process when an act takes longer than `limit`.
    pub(super) fn aborting(limit: Duration) -> std::io::Result<Watchdog> {
        Watchdog::start(
            limit,
            Box::new(move |act| {
                let seconds = limit.as_secs();
                error!(act, seconds, "the Kafka client blocks in an act of the transaction protocol; the process ends");
                std::process::abort();
            }),
        )
    }

    fn start(limit: Duration, on_overdue: OnOverdue) -> std::io::Result<Watchdog> {
        let watched = Arc::new(Watched {
            state: Mutex::new(State { act: None, acts: 0, ended: false }),
            changed: Condvar::new(),
        });
        let of_thread = Arc::clone(&watched);
        let thread =
            thread::Builder::new().name("kafka-watchdog".into()).spawn(move || of_thread.guard(limit, on_overdue))?;
        Ok(Watchdog { watched, thread: Some(thread) })
    }

    /// The act begins.
    pub(super) fn watch(&self, act: &'static str) -> Watch<'_> {
        let mut state = self.watched.lock();
        state.acts += 1;
        state.act = Some((act, state.acts));
        self.watched.changed.notify_one();
        Watch(&self.watched)
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        self.0.lock().act = None;
        // No notice: the thread looks again when the time of the act is over, which spares a wake-up an act.
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.watched.lock().ended = true;
        self.watched.changed.notify_one();
        if let Some(thread) = self.thread.take() {
            // A panic of that thread has nothing to tell that its log line did not.
            let _ = thread.join();
        }
    }
}

impl Watched {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // Nothing panics with the lock held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn guard(&self, limit: Duration, on_overdue: OnOverdue) {
        let mut state = self.lock();
        loop {
            // Wait for an act.
            while state.act.is_none() && !state.ended {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            if state.ended {
                return;
            }
            // Give this very act its time.
            let act = state.act;
            let (after, waited) = self
                .changed
                .wait_timeout_while(state, limit, |now| now.act == act && !now.ended)
                .unwrap_or_else(PoisonError::into_inner);
            state = after;
            if let (true, Some((name, _))) = (waited.timed_out() && state.act == act, act) {
                drop(state);
                return on_overdue(name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn watchdog(limit: Duration) -> (Watchdog, mpsc::Receiver<&'static str>) {
        let (sender, receiver) = mpsc::channel();
        let on_overdue = Box::new(move |act| sender.send(act).expect("the test still listens"));
        (Watchdog::start(limit, on_overdue).expect("a thread can be started"), receiver)
    }

    #[test]
    fn an_act_that_does_not_end_is_named() {
        let (watchdog, overdue) = watchdog(Duration::from_millis(20));
        let _act = watchdog.watch("send offsets");
        assert_eq!(overdue.recv_timeout(Duration::from_secs(10)), Ok("send offsets"));
    }

    #[test]
    fn many_short_acts_are_not_taken_for_one_long_one() {
        let limit = Duration::from_secs(1);
        let (watchdog, overdue) = watchdog(limit);
        // Together longer than the limit; each is far from it.
        for _ in 0..6 {
            let _act = watchdog.watch("commit");
            let nothing = overdue.recv_timeout(limit / 4);
            assert_eq!(nothing, Err(mpsc::RecvTimeoutError::Timeout));
        }
    }

    #[test]
    fn a_worker_between_acts_is_left_alone_and_the_thread_ends_with_it() {
        let limit = Duration::from_millis(20);
        let (watchdog, overdue) = watchdog(limit);
        drop(watchdog.watch("begin"));
        assert_eq!(overdue.recv_timeout(limit * 5), Err(mpsc::RecvTimeoutError::Timeout));
        drop(watchdog);
        assert_eq!(overdue.try_recv(), Err(mpsc::TryRecvError::Disconnected));
    }
}
