//! The records that were sent and have no outcome yet: a window that moves over the numbers of the records.

use std::collections::VecDeque;

use crate::core::partition::PartitionId;
use crate::demo::sent::SentRecord;

/// Records that the window spans at most. One that is left behind by so many others has lost its outcome.
pub const WINDOW_RECORDS_MAX: usize = 500_000;

/// The window. What lies before it has had its outcome.
#[derive(Debug)]
pub struct Window {
    /// The number of the first record in it.
    first: u64,
    slots: VecDeque<Slot>,
    /// The numbers of the records in it, by partition, in the order of their offsets.
    partitions: Vec<Offsets>,
}

/// One record.
#[derive(Clone, Copy, Debug)]
pub struct Slot {
    /// What was sent.
    pub sent: SentRecord,
    /// It has its outcome.
    pub settled: bool,
    /// It was seen on its way home.
    pub rerouted: bool,
}

#[derive(Debug, Default)]
struct Offsets {
    first: i64,
    numbers: VecDeque<u64>,
}

/// Where a number lies.
#[derive(Debug)]
pub enum Place<'w> {
    /// Before the window: it had its outcome.
    Passed,
    /// Behind it: it was not sent.
    Unsent,
    /// In it.
    Here(&'w mut Slot),
}

impl Window {
    /// Nothing was sent yet to so many partitions.
    pub fn new(partitions: u32) -> Window {
        let partitions = (0..partitions).map(|_| Offsets::default()).collect();
        Window { first: 0, slots: VecDeque::new(), partitions }
    }

    /// Takes the next record. Returns one that has waited too long for its outcome, with its number.
    pub fn push(&mut self, sent: SentRecord) -> Option<(u64, Slot)> {
        let number = self.next();
        let offsets = &mut self.partitions[index(sent.partition)];
        if offsets.numbers.is_empty() {
            offsets.first = sent.offset;
        }
        offsets.numbers.push_back(number);
        self.slots.push_back(Slot { sent, settled: false, rerouted: false });
        self.advance();
        let lost = self.slots.len() > WINDOW_RECORDS_MAX;
        lost.then(|| {
            let lost = (self.first, self.slots[0]);
            self.pop();
            self.advance();
            lost
        })
    }

    /// How many records were sent.
    pub fn next(&self) -> u64 {
        self.first + u64::try_from(self.slots.len()).expect("a length in memory")
    }

    /// The record of a number.
    pub fn at(&mut self, number: u64) -> Place<'_> {
        let Some(place) = number.checked_sub(self.first) else { return Place::Passed };
        usize::try_from(place).ok().and_then(|place| self.slots.get_mut(place)).map_or(Place::Unsent, Place::Here)
    }

    /// The number of the record at an offset; `None` before and behind the window.
    pub fn number_at(&self, partition: PartitionId, offset: i64) -> Option<u64> {
        let offsets = self.partitions.get(index(partition))?;
        let place = usize::try_from(offset.checked_sub(offsets.first)?).ok()?;
        offsets.numbers.get(place).copied()
    }

    /// Moves on over records that are done with.
    pub fn advance(&mut self) {
        while self.slots.front().is_some_and(Slot::is_done) {
            self.pop();
        }
    }

    /// The records without an outcome, with their numbers.
    pub fn open(&self) -> impl Iterator<Item = (u64, &Slot)> {
        (self.first..).zip(&self.slots).filter(|(_, slot)| !slot.is_done())
    }

    fn pop(&mut self) {
        let slot = self.slots.pop_front().expect("whoever pops has looked");
        self.first += 1;
        let offsets = &mut self.partitions[index(slot.sent.partition)];
        offsets.numbers.pop_front();
        offsets.first += 1;
    }
}

impl Slot {
    fn is_done(&self) -> bool {
        self.settled && self.rerouted == self.sent.astray
    }
}

fn index(partition: PartitionId) -> usize {
    usize::try_from(partition.0).expect("a u32 fits into a usize")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::sent::{Copy, What};

    fn sent(partition: u32, offset: i64, astray: bool) -> SentRecord {
        let partition = PartitionId(partition);
        SentRecord { partition, offset, tenant: Some(0), astray, call: 0, copy: Copy::First, what: What::Free }
    }

    fn settle(window: &mut Window, number: u64) {
        let Place::Here(slot) = window.at(number) else { panic!("{number} is in the window") };
        slot.settled = true;
        window.advance();
    }

    #[test]
    fn it_moves_over_what_is_done_and_keeps_what_is_not() {
        let mut window = Window::new(2);
        for (partition, offset) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
            assert!(window.push(sent(partition, offset, false)).is_none());
        }
        assert_eq!(window.number_at(PartitionId(1), 1), Some(3));
        settle(&mut window, 1);
        assert_eq!(window.number_at(PartitionId(1), 0), Some(1), "the first is still open");
        settle(&mut window, 0);
        assert_eq!(window.number_at(PartitionId(1), 0), None);
        assert_eq!(window.number_at(PartitionId(0), 1), Some(2));
        assert!(matches!(window.at(1), Place::Passed));
        assert!(matches!(window.at(4), Place::Unsent));
        assert_eq!(window.open().map(|(number, _)| number).collect::<Vec<_>>(), [2, 3]);
    }

    #[test]
    fn what_went_astray_is_done_when_it_was_also_seen_on_its_way_home() {
        let mut window = Window::new(1);
        window.push(sent(0, 0, true));
        settle(&mut window, 0);
        assert_eq!(window.open().count(), 1);
        let Place::Here(slot) = window.at(0) else { panic!("it is still there") };
        slot.rerouted = true;
        window.advance();
        assert_eq!(window.open().count(), 0);
    }

    #[test]
    fn a_record_that_is_left_behind_is_given_up() {
        let mut window = Window::new(1);
        let last = i64::try_from(WINDOW_RECORDS_MAX).unwrap();
        for offset in 0..last {
            assert!(window.push(sent(0, offset, false)).is_none());
        }
        assert_eq!(window.push(sent(0, last, false)).map(|(number, _)| number), Some(0));
        assert!(matches!(window.at(0), Place::Passed));
    }
}
