//! What a simulation has met: a fault or step that never happens proves nothing.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// Counts by kind and name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally(Arc<Mutex<BTreeMap<(&'static str, String), u64>>>);

impl Tally {
    pub(crate) fn count(&self, kind: &'static str, name: impl Into<String>) {
        *self.0.lock().expect("a panic ends the run").entry((kind, name.into())).or_default() += 1;
    }

    pub(crate) fn add(&self, other: &Tally) {
        let other = other.0.lock().expect("a panic ends the run").clone();
        let mut own = self.0.lock().expect("a panic ends the run");
        for (key, count) in other {
            *own.entry(key).or_default() += count;
        }
    }

    pub(crate) fn of(&self, kind: &'static str, name: &str) -> u64 {
        self.0.lock().expect("a panic ends the run").get(&(kind, name.to_owned())).copied().unwrap_or(0)
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        let counts = self.0.lock().expect("a panic ends the run");
        let mut lines: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for ((kind, name), count) in counts.iter() {
            lines.entry(kind).or_default().push(format!("{name} {count}"));
        }
        lines.into_iter().map(|(kind, counts)| format!("{kind}: {}", counts.join(", "))).collect()
    }
}
