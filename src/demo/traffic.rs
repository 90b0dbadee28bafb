//! Seeded traffic: what tenants' users do in a day, at the speed of a benchmark.
//!
//! Everything that is sent depends on the seed and the number of the record alone; only the times lie near the clock.

mod call;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_distr::weighted::WeightedAliasIndex;
use rand_distr::{Distribution, LogNormal};

use super::numbers::PhoneBook;
use super::sent::{Copy, SentRecord, What};
use super::tenants::Tenant;
use crate::core::partition::PartitionId;
use crate::core::reason::Reason;
use crate::stream::transport::OutRecord;
use call::{Call, Caller, Kind};
pub(super) use call::{id_of as call_id_of, number_of as call_number_of};

/// Calls that copies are made of: the latest that were sent home.
const RECENT_CALLS: usize = 4_096;
/// In each so many records, one of each kind of poison.
const POISON_EVERY: u64 = 10_000;
/// Bytes of a record that is too large.
const GIANT_BYTES: usize = 100 << 10;
/// Of all calls; most of the answered ones are between the tenth and the ninetieth percentile of 25 and 300 seconds.
const UNANSWERED_PERCENT: u32 = 30;
/// The usual traps of billing: nothing, an instant, and both sides of a minute.
const SPIKE_SECONDS: [u32; 5] = [0, 1, 59, 60, 61];
/// Mean and deviation of the logarithm of seconds.
const DURATION_LOG: (f64, f64) = (4.5, 1.0);
/// The longest call, in seconds.
const DURATION_SECONDS_MAX: f64 = 14_400.0;

/// Who calls whom.
#[derive(Debug)]
pub struct World {
    /// The busiest first.
    pub tenants: Vec<Tenant>,
    /// Whom they call.
    pub book: PhoneBook,
    /// Partitions of each topic.
    pub partitions: u32,
    /// What call ids begin with, so that two runs are told apart.
    pub run: u32,
}

/// A generator of records.
pub struct Traffic {
    world: Arc<World>,
    rng: SmallRng,
    busiest: WeightedAliasIndex<u64>,
    durations: LogNormal<f64>,
    /// The number of the next record.
    next: u64,
    recent: Vec<Call>,
    /// The offset of the next record of each partition.
    offsets: Vec<i64>,
}

/// Records in the order of their numbers, and what the proof has to know of them.
#[derive(Debug, Default)]
pub struct Chunk {
    /// By partition.
    pub records: Vec<Vec<OutRecord>>,
    /// All of them.
    pub sent: Vec<SentRecord>,
}

impl Traffic {
    /// The traffic of a seed.
    pub fn new(world: Arc<World>, seed: u64) -> Traffic {
        // Zipf: the business of a tenant falls with its rank.
        let weights = (1..=world.tenants.len()).map(|rank| 1_000_000_000 / u64::try_from(rank).expect("a rank"));
        let busiest = WeightedAliasIndex::new(weights.collect()).expect("every tenant has a weight above zero");
        let durations = LogNormal::new(DURATION_LOG.0, DURATION_LOG.1).expect("the deviation is finite");
        let offsets = vec![0; usize::try_from(world.partitions).expect("a u32 fits into a usize")];
        let rng = SmallRng::seed_from_u64(seed);
        Traffic { world, rng, busiest, durations, next: 0, recent: Vec::new(), offsets }
    }

    /// The next `count` records, of calls that have ended by `now_ms`.
    pub fn next_chunk(&mut self, count: usize, now_ms: i64) -> Chunk {
        let mut chunk = Chunk { records: Vec::new(), sent: Vec::with_capacity(count) };
        chunk.records.resize_with(self.offsets.len(), Vec::new);
        for _ in 0..count {
            let (mut sent, record) = self.next_record(now_ms);
            let place = usize::try_from(sent.partition.0).expect("a u32 fits into a usize");
            sent.offset = self.offsets[place];
            self.offsets[place] += 1;
            chunk.records[place].push(record);
            chunk.sent.push(sent);
            self.next += 1;
        }
        chunk
    }

    fn next_record(&mut self, now_ms: i64) -> (SentRecord, OutRecord) {
        match self.next % POISON_EVERY {
            // Not at the beginning alone: somewhere in the first thousand, so that a short run has them too.
            place @ 700..703 => self.poison(place - 700),
            _ => match self.rng.random_range(0..10_000) {
                0..50 => self.copy(Copy::Exact, now_ms),
                50..58 => self.copy(Copy::Conflicting, now_ms),
                _ => self.call(now_ms),
            },
        }
    }

    /// A call that was not sent before.
    fn call(&mut self, now_ms: i64) -> (SentRecord, OutRecord) {
        let rank = self.busiest.sample(&mut self.rng);
        let tenant = u32::try_from(rank).expect("as many tenants as a u32 can count");
        let mut call = Call {
            number: self.next,
            caller: Caller::Tenant(tenant),
            user: self.rng.random_range(0..200),
            kind: self.draw_kind(),
            to: self.world.book.draw(self.world.tenants[rank].country.code, &mut self.rng),
            seconds: self.draw_seconds(),
            spelled_out: self.rng.random_range(0..10) > 0,
            ended_at_ms: now_ms - self.rng.random_range(0..30_000),
        };
        let mut unratable = None;
        match self.rng.random_range(0..10_000) {
            0..4 => {
                call.caller = Caller::Nobody(self.rng.random_range(0..50));
                unratable = Some(Reason::UnknownTenant);
            }
            4..6 => {
                call.ended_at_ms -= 8 * 24 * 3_600_000;
                unratable = Some(Reason::TooLate);
            }
            6 => {
                call.ended_at_ms += 3_600_000;
                unratable = Some(Reason::InFuture);
            }
            7..10 => {
                call.kind = Kind::OtherVersion;
                unratable = Some(Reason::UnsupportedVersion);
            }
            10..40 => call.kind = Kind::FirstPart,
            _ => {}
        }
        let what = unratable.map_or_else(|| call.what(), What::Unratable);
        let home = call.home(&self.world);
        let astray = unratable.is_none() && self.world.partitions > 1 && self.rng.random_range(0..1_000) < 2;
        let partition = if astray { self.next_to(home) } else { home };
        if unratable.is_none() && !astray {
            self.remember(call.clone());
        }
        let sent = SentRecord {
            partition,
            offset: 0,
            tenant: call.tenant(),
            astray,
            call: call.number,
            copy: Copy::First,
            what,
        };
        (sent, call.record(&self.world))
    }

    /// One of the latest calls again. Both are sent home, so that the first is debited first.
    fn copy(&mut self, copy: Copy, now_ms: i64) -> (SentRecord, OutRecord) {
        let Some(first) = self.recent.choose(&mut self.rng) else { return self.call(now_ms) };
        let mut call = first.clone();
        let what = call.what();
        // What never was answered has no duration to differ in.
        let copy = if call.kind == Kind::Unanswered { Copy::Exact } else { copy };
        if copy == Copy::Conflicting {
            call.seconds += 61;
        }
        let sent = SentRecord {
            partition: call.home(&self.world),
            offset: 0,
            tenant: call.tenant(),
            astray: false,
            call: call.number,
            copy,
            what,
        };
        (sent, call.record(&self.world))
    }

    /// A record that is not a CDR.
    fn poison(&mut self, kind: u64) -> (SentRecord, OutRecord) {
        let value = match kind {
            0 => br#"{"call_id":"half-a-record","tenant":"conto"#.to_vec(),
            1 => b"\xff\xfe\x00\x9f not JSON, not UTF-8 \xc0\xaf".to_vec(),
            _ => vec![b'['; GIANT_BYTES],
        };
        let partition = PartitionId(self.rng.random_range(0..self.world.partitions));
        let sent = SentRecord {
            partition,
            offset: 0,
            tenant: None,
            astray: false,
            call: self.next,
            copy: Copy::First,
            what: What::Unratable(Reason::Malformed),
        };
        (sent, OutRecord { key: Bytes::new(), value: value.into() })
    }

    fn remember(&mut self, call: Call) {
        if self.recent.len() < RECENT_CALLS {
            self.recent.push(call);
        } else {
            let place = self.rng.random_range(0..RECENT_CALLS);
            self.recent[place] = call;
        }
    }

    fn next_to(&self, home: PartitionId) -> PartitionId {
        PartitionId((home.0 + 1) % self.world.partitions)
    }

    fn draw_kind(&mut self) -> Kind {
        if self.rng.random_range(0..100) < UNANSWERED_PERCENT {
            return Kind::Unanswered;
        }
        match self.rng.random_range(0..1_000) {
            0..150 => Kind::Inbound,
            150..230 => Kind::OnNet,
            230..232 => Kind::Emergency,
            232..300 => Kind::DialOut,
            _ => Kind::Outbound,
        }
    }

    fn draw_seconds(&mut self) -> u32 {
        if self.rng.random_range(0..100) < 12 {
            return *SPIKE_SECONDS.choose(&mut self.rng).expect("there are spikes");
        }
        let seconds = self.durations.sample(&mut self.rng).clamp(2.0, DURATION_SECONDS_MAX);
        u32::try_from(Duration::from_secs_f64(seconds).as_secs()).expect("some hours at most")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::testing::world;
    use crate::wire;

    const NOW_MS: i64 = 1_790_000_000_000;

    #[test]
    fn a_seed_gives_the_same_records_again_and_another_seed_others() {
        let records = |seed| {
            let mut traffic = Traffic::new(Arc::new(world(50, 4)), seed);
            traffic.next_chunk(2_000, NOW_MS).records
        };
        assert_eq!(records(7), records(7));
        assert_ne!(records(7), records(8));
    }

    #[test]
    fn what_the_proof_is_told_is_what_is_in_the_records() {
        let world = Arc::new(world(50, 4));
        let chunk = Traffic::new(Arc::clone(&world), 1).next_chunk(20_000, NOW_MS);
        let (mut exact, mut conflicting, mut astray, mut malformed) = (0, 0, 0, 0);
        for sent in &chunk.sent {
            let place = usize::try_from(sent.offset).unwrap();
            let record = &chunk.records[usize::try_from(sent.partition.0).unwrap()][place];
            let cdr = match wire::cdr::decode(&record.value) {
                Ok(cdr) => cdr,
                Err(rejected) => {
                    assert_eq!(sent.what, What::Unratable(rejected.reason));
                    malformed += u32::from(rejected.reason == Reason::Malformed);
                    continue;
                }
            };
            assert_eq!(call::number_of(&cdr.call_id, world.run), Some(sent.call));
            exact += u32::from(sent.copy == Copy::Exact);
            conflicting += u32::from(sent.copy == Copy::Conflicting);
            astray += u32::from(sent.astray);
            if let Some(tenant) = sent.tenant {
                let tenant = &world.tenants[usize::try_from(tenant).unwrap()];
                assert_eq!(cdr.tenant, tenant.name);
                assert_eq!(sent.astray, sent.partition != tenant.home);
            }
            if let (What::Outbound { seconds, .. }, Copy::First) = (sent.what, sent.copy) {
                assert_eq!(cdr.duration().seconds_up(), u64::from(seconds));
            }
        }
        assert_eq!(malformed, 6, "one of each kind of poison in each ten thousand");
        assert!(exact > 50 && conflicting > 5 && astray > 15, "{exact} {conflicting} {astray}");
    }
}
