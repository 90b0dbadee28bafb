//! The three inputs of one partition, merged by broker time.
//!
//! A record is taken only when each other input has a record at hand or is idle: when the last thing read from it was its
//! end. So a command that was written before a call is applied before it, however the two topics are fetched, and the same
//! inputs give the same order on any node (law 7).

use std::collections::VecDeque;

use jiff::Timestamp;

use super::transport::{FetchedRecord, Input, InputOffsets};

/// What a partition has to offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// A record can be taken.
    Record(Input),
    /// Nothing can be taken before this input has spoken.
    Waiting(Input),
    /// All inputs are idle and empty: caught up.
    CaughtUp,
}

/// What was fetched for one partition and not yet taken.
#[derive(Debug)]
pub struct Inputs<P> {
    queues: [Queue<P>; 3],
    queued_bytes: usize,
}

#[derive(Debug)]
struct Queue<P> {
    records: VecDeque<FetchedRecord<P>>,
    /// The offset behind the last record that was taken: what is committed.
    next: i64,
    /// The end, if it was the last thing read.
    idle_at: Option<i64>,
}

impl<P: AsRef<[u8]>> Inputs<P> {
    /// Nothing is fetched; reading begins at these offsets. No input is idle until it says so.
    pub fn new(at: InputOffsets) -> Inputs<P> {
        let queues = at.map(|next| Queue { records: VecDeque::new(), next, idle_at: None });
        Inputs { queues, queued_bytes: 0 }
    }

    /// A record was fetched. One below the next offset was taken before and is skipped.
    pub fn push(&mut self, record: FetchedRecord<P>) {
        let queue = &mut self.queues[record.input.index()];
        queue.idle_at = None;
        let last = queue.records.back().map_or(queue.next - 1, |last| last.offset);
        if record.offset > last {
            self.queued_bytes += bytes_of(&record);
            queue.records.push_back(record);
        }
    }

    /// The end of an input was met; `position` is what would be read next.
    pub fn end(&mut self, input: Input, position: i64) {
        self.queues[input.index()].idle_at = Some(position);
    }

    /// What can be taken.
    pub fn next(&self) -> Next {
        let at_hand = Input::ALL
            .into_iter()
            .filter_map(|input| Some((self.queues[input.index()].records.front()?.timestamp_ms, input)))
            .min();
        let silent = Input::ALL.into_iter().find(|input| {
            let queue = &self.queues[input.index()];
            queue.records.is_empty() && queue.idle_at.is_none()
        });
        match (silent, at_hand) {
            (Some(input), _) => Next::Waiting(input),
            (None, Some((_, input))) => Next::Record(input),
            (None, None) => Next::CaughtUp,
        }
    }

    /// The broker's time of the record that [`Self::next`] named.
    pub fn time_of(&self, input: Input) -> Option<Timestamp> {
        let first = self.queues[input.index()].records.front()?;
        // A time outside of jiff's range is not a time at all.
        Some(Timestamp::from_millisecond(first.timestamp_ms).unwrap_or(Timestamp::UNIX_EPOCH))
    }

    /// Takes the record that [`Self::next`] named.
    pub fn take(&mut self, input: Input) -> Option<FetchedRecord<P>> {
        let queue = &mut self.queues[input.index()];
        let record = queue.records.pop_front()?;
        queue.next = record.offset + 1;
        self.queued_bytes -= bytes_of(&record);
        Some(record)
    }

    /// The offsets to commit: behind the last record that was taken, or at the end that was met with nothing before it.
    pub fn offsets(&self) -> InputOffsets {
        let offset_of = |queue: &Queue<P>| match queue.idle_at {
            Some(end) if queue.records.is_empty() => end.max(queue.next),
            _ => queue.next,
        };
        [0, 1, 2].map(|place| offset_of(&self.queues[place]))
    }

    /// The memory of the records that are fetched and not yet taken.
    pub fn queued_bytes(&self) -> usize {
        self.queued_bytes
    }

    /// How many records of an input are fetched and not yet taken.
    pub fn queued(&self, input: Input) -> usize {
        self.queues[input.index()].records.len()
    }
}

/// What a record takes in the queue: its value, and what is around it.
fn bytes_of<P: AsRef<[u8]>>(record: &FetchedRecord<P>) -> usize {
    record.payload.as_ref().len() + size_of::<FetchedRecord<P>>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::partition::PartitionId;

    fn record(input: Input, offset: i64, timestamp_ms: i64) -> FetchedRecord<Vec<u8>> {
        FetchedRecord { input, partition: PartitionId(0), offset, timestamp_ms, payload: Vec::new() }
    }

    fn drain(inputs: &mut Inputs<Vec<u8>>) -> Vec<(Input, i64)> {
        let mut taken = Vec::new();
        while let Next::Record(input) = inputs.next() {
            taken.extend(inputs.take(input).map(|record| (record.input, record.offset)));
        }
        taken
    }

    #[test]
    fn nothing_is_taken_before_every_input_has_spoken() {
        let mut inputs = Inputs::new([0, 0, 0]);
        inputs.push(record(Input::Cdrs, 0, 100));
        assert_eq!(inputs.next(), Next::Waiting(Input::Commands));
        inputs.end(Input::Commands, 0);
        assert_eq!(inputs.next(), Next::Waiting(Input::Reroute));
        inputs.end(Input::Reroute, 0);
        assert_eq!(inputs.next(), Next::Record(Input::Cdrs));
    }

    #[test]
    fn records_come_by_broker_time_and_commands_first_among_equals() {
        let mut inputs = Inputs::new([0, 0, 0]);
        for (offset, time) in [(0, 100), (1, 200), (2, 300)] {
            inputs.push(record(Input::Cdrs, offset, time));
        }
        inputs.push(record(Input::Commands, 0, 200));
        inputs.push(record(Input::Reroute, 0, 200));
        assert_eq!(drain(&mut inputs), [(Input::Cdrs, 0), (Input::Commands, 0)]);
        assert_eq!(inputs.next(), Next::Waiting(Input::Commands), "commands has not said that it is at its end");
        inputs.end(Input::Commands, 1);
        assert_eq!(drain(&mut inputs), [(Input::Reroute, 0)]);
        inputs.end(Input::Reroute, 1);
        assert_eq!(drain(&mut inputs), [(Input::Cdrs, 1), (Input::Cdrs, 2)]);
        inputs.end(Input::Cdrs, 3);
        assert_eq!(inputs.next(), Next::CaughtUp);
    }

    #[test]
    fn an_input_is_idle_no_more_once_it_has_brought_a_record() {
        let mut inputs = Inputs::new([0, 0, 0]);
        Input::ALL.into_iter().for_each(|input| inputs.end(input, 0));
        assert_eq!(inputs.next(), Next::CaughtUp);
        inputs.push(record(Input::Commands, 0, 50));
        inputs.push(record(Input::Cdrs, 0, 100));
        assert_eq!(drain(&mut inputs), [(Input::Commands, 0)]);
        assert_eq!(inputs.next(), Next::Waiting(Input::Commands));
    }

    #[test]
    fn what_was_taken_before_is_skipped() {
        let mut inputs = Inputs::new([0, 0, 5]);
        inputs.end(Input::Commands, 0);
        inputs.end(Input::Reroute, 0);
        for offset in [4, 5, 6, 6] {
            inputs.push(record(Input::Cdrs, offset, 100));
        }
        assert_eq!(drain(&mut inputs), [(Input::Cdrs, 5), (Input::Cdrs, 6)]);
    }

    #[test]
    fn offsets_pass_over_markers_only_when_all_before_them_is_taken() {
        let mut inputs = Inputs::new([3, 0, 0]);
        assert_eq!(inputs.offsets(), [3, 0, 0]);
        inputs.end(Input::Commands, 7);
        inputs.push(record(Input::Cdrs, 0, 100));
        inputs.end(Input::Cdrs, 9);
        inputs.end(Input::Reroute, 0);
        assert_eq!(inputs.offsets(), [7, 0, 0]);
        assert_eq!(drain(&mut inputs).len(), 1);
        assert_eq!(inputs.offsets(), [7, 0, 9]);
    }
}
