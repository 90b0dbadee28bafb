//! The order that the engine may take records in, said anew: by broker time over the three inputs of a partition, and
//! never past an input that may still have something earlier.

use std::collections::VecDeque;

use tollkeeper::stream::transport::{Input, InputOffsets};

/// A record that was fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AtHand {
    pub(crate) input: Input,
    pub(crate) offset: i64,
    pub(crate) timestamp_ms: i64,
}

/// What a worker has at hand of one partition, as far as it was given it.
#[derive(Debug, Default)]
pub(crate) struct Merge {
    queues: [VecDeque<AtHand>; 3],
    at_end: [bool; 3],
}

impl Merge {
    pub(crate) fn record(&mut self, record: AtHand) {
        let place = record.input.index();
        self.queues[place].push_back(record);
        self.at_end[place] = false;
    }

    pub(crate) fn end(&mut self, input: Input) {
        self.at_end[input.index()] = true;
    }

    /// The one record that may be taken now, if there is one.
    pub(crate) fn next(&self) -> Option<AtHand> {
        let mut first: Option<AtHand> = None;
        for (queue, at_end) in self.queues.iter().zip(self.at_end) {
            match queue.front() {
                None if !at_end => return None,
                None => {}
                // The inputs stand in the order that counts at equal times.
                Some(record) if first.is_none_or(|first| record.timestamp_ms < first.timestamp_ms) => {
                    first = Some(*record);
                }
                Some(_) => {}
            }
        }
        first
    }

    /// Takes it.
    pub(crate) fn take(&mut self) -> Option<AtHand> {
        let first = self.next()?;
        self.queues[first.input.index()].pop_front()
    }

    /// Everything that there is was taken.
    pub(crate) fn is_caught_up(&self) -> bool {
        self.queues.iter().all(VecDeque::is_empty) && self.at_end == [true; 3]
    }

    /// Takes until nothing is left before these offsets. `Err`: that is no order which may be taken.
    pub(crate) fn take_until(&mut self, offsets: InputOffsets) -> Result<Vec<AtHand>, String> {
        let is_before = |record: &AtHand| record.offset < offsets[record.input.index()];
        let mut taken = Vec::new();
        while self.queues.iter().any(|queue| queue.front().is_some_and(is_before)) {
            let record = self.take().ok_or("a record was taken while another input was silent")?;
            if !is_before(&record) {
                return Err(format!("{record:?} was to be taken before others up to {offsets:?}"));
            }
            taken.push(record);
        }
        Ok(taken)
    }
}
