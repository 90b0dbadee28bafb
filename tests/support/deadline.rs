//! Waiting for a condition, with an end. No test sleeps for luck.

use std::time::{Duration, Instant};

/// A point in time until which a test waits.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Instant);

impl Deadline {
    /// The point `within` from now.
    pub fn after(within: Duration) -> Deadline {
        #[expect(clippy::disallowed_methods, reason = "tests wait for processes, which live in real time")]
        let now = Instant::now();
        Deadline(now + within)
    }

    /// Whether it has passed.
    pub fn passed(self) -> bool {
        #[expect(clippy::disallowed_methods, reason = "tests wait for processes, which live in real time")]
        let now = Instant::now();
        now > self.0
    }
}

/// Waits until `condition` holds.
///
/// # Panics
///
/// With `what`, a clause like "the engine is ready", if it does not hold within `within`.
pub fn wait_until(what: &str, within: Duration, mut condition: impl FnMut() -> bool) {
    let deadline = Deadline::after(within);
    while !condition() {
        assert!(!deadline.passed(), "{what}: not within {within:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
