//! Which calls were debited: the memory that makes a redelivery harmless (R3, R4).
//!
//! The key is (tenant, call id), never content: a call that is sent again with another start or duration must be found. What
//! is hashed is length-prefixed, with a fixed seed, by xxh3: the same on every platform and in every release.
//!
//! Two calls of one partition share a key by chance with a probability of about n² / 2^65 for n identities alive: 1 in 1,300
//! for 168 million, within a whole window. The second of them is then quarantined as `conflicting_duplicate`, since its
//! content differs (but for 1 in 2^32), so even that is not a silent loss: it can be replayed as new.

use std::hash::{BuildHasherDefault, Hasher};

use jiff::{SignedDuration, Timestamp};
use smallvec::SmallVec;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::cdr::{CallTimes, Cdr};
use super::duration::CALL_SECONDS_MAX;
use super::number::Country;
use super::number_plan::NumberPlan;

/// The seed of all hashes that are saved.
const SEED: u64 = 0x746f_6c6c; // "toll"
const MICROS_PER_HOUR: i64 = 3_600_000_000;
/// Hours of a call at most: 7 days.
const CALL_HOURS_MAX: u32 = 7 * 24;
const _: () = assert!(CALL_SECONDS_MAX == CALL_HOURS_MAX as u64 * 3_600);
/// The widest acceptance window that can be configured, in days: it bounds what is remembered of calls.
pub const ACCEPTANCE_WINDOW_DAYS_MAX: u32 = 60;

/// The hash of (tenant, call id).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct IdentityKey(u64);

impl IdentityKey {
    /// The key of a call.
    pub fn of(tenant: &str, call_id: &str) -> IdentityKey {
        let mut fields = Fields::default();
        fields.text(tenant);
        fields.text(call_id);
        IdentityKey(fields.hash())
    }
}

/// 32 bits of the hash of a call's rated content: numbers, times, duration, plan, service and the rest that a price can
/// depend on; not attributes, not spelling (F3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Content(pub u32);

impl Content {
    /// The content of a call. Numbers count as they are after normalisation in `country`, the tenant's; what is not a
    /// number counts as it is spelled, without separators.
    pub fn of(cdr: &Cdr<'_>, numbers: &NumberPlan, country: Country) -> Content {
        let mut fields = Fields::of_call(cdr, numbers, country);
        fields.bytes.extend_from_slice(&cdr.duration().micros().to_le_bytes());
        fields.content()
    }

    /// What all parts of a call have in common: its content but for the duration.
    pub fn of_call(cdr: &Cdr<'_>, numbers: &NumberPlan, country: Country) -> Content {
        Fields::of_call(cdr, numbers, country).content()
    }
}

impl Fields {
    /// All that is rated of a call but its duration.
    fn of_call(cdr: &Cdr<'_>, numbers: &NumberPlan, country: Country) -> Fields {
        let mut fields = Fields::default();
        fields.text(cdr.service.code());
        fields.text(cdr.direction.code());
        fields.text(cdr.number_type.code());
        for raw in [&cdr.from, &cdr.to] {
            match numbers.normalise(raw, country) {
                Some(number) => fields.text(number.digits()),
                None => fields.spelling(raw),
            }
        }
        fields.optional(cdr.user.as_deref());
        fields.optional(cdr.plan.as_deref());
        fields.optional(cdr.usage_country.as_ref().map(Country::as_str));
        fields.bytes.push(u8::from(cdr.on_net));
        let (answered, at) = match cdr.times {
            CallTimes::Answered { at, .. } => (1, at),
            CallTimes::Unanswered { ended_at } => (0, ended_at),
        };
        fields.bytes.push(answered);
        fields.bytes.extend_from_slice(&at.as_nanosecond().to_le_bytes());
        fields
    }
}

/// The hash of a command's type and body; the wire computes it, since only the wire knows the body's form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyHash(pub u64);

impl BodyHash {
    /// Of the canonical bytes of a body.
    pub fn of(canonical: &[u8]) -> BodyHash {
        BodyHash(xxh3_64_with_seed(canonical, SEED))
    }
}

/// Length-prefixed fields, to be hashed at once.
#[derive(Default)]
struct Fields {
    bytes: SmallVec<[u8; 320]>,
}

impl Fields {
    fn text(&mut self, text: &str) {
        let len = u32::try_from(text.len()).expect("a field of a record is far below 4 GiB");
        self.bytes.extend_from_slice(&len.to_le_bytes());
        self.bytes.extend_from_slice(text.as_bytes());
    }

    fn optional(&mut self, text: Option<&str>) {
        self.bytes.push(u8::from(text.is_some()));
        self.text(text.unwrap_or_default());
    }

    fn spelling(&mut self, raw: &str) {
        let kept = raw.bytes().filter(|b| !matches!(b, b' ' | b'-' | b'.' | b'(' | b')'));
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[0; 4]);
        self.bytes.extend(kept);
        let len = u32::try_from(self.bytes.len() - start - 4).expect("a field of a record is far below 4 GiB");
        self.bytes[start..start + 4].copy_from_slice(&len.to_le_bytes());
    }

    fn content(&self) -> Content {
        Content(u32::try_from(self.hash() >> 32).expect("32 bits are left"))
    }

    fn hash(&self) -> u64 {
        xxh3_64_with_seed(&self.bytes, SEED)
    }
}

/// What is remembered of a debited call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Of the last part.
    pub content: Content,
    /// The last part.
    pub part: u32,
    /// No further part was to come.
    pub is_final: bool,
    /// The hour of its last acceptance by the partition's clock, since the epoch.
    pub hour: Hour,
}

/// A whole hour since the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hour(u32);

impl Hour {
    /// The hour that an instant lies in; the epoch's for what lies before.
    pub fn of(at: Timestamp) -> Hour {
        Hour(u32::try_from(at.as_microsecond() / MICROS_PER_HOUR).unwrap_or(0))
    }
}

/// The window in which a call is accepted, and the memory that follows from it (R4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AcceptanceWindow {
    /// How far back a call may have ended.
    pub back: SignedDuration,
    /// How far ahead of the clock it may end.
    pub ahead: SignedDuration,
}

impl Default for AcceptanceWindow {
    fn default() -> Self {
        AcceptanceWindow { back: SignedDuration::from_hours(7 * 24), ahead: SignedDuration::from_mins(5) }
    }
}

impl AcceptanceWindow {
    /// As wide as any can be: what it forgets, every window has forgotten.
    pub fn widest() -> AcceptanceWindow {
        let back = SignedDuration::from_hours(i64::from(ACCEPTANCE_WINDOW_DAYS_MAX) * 24);
        AcceptanceWindow { back, ..AcceptanceWindow::default() }
    }

    /// How long the identity of a call that is over is kept after its last acceptance: one window and one day.
    fn memory_hours(self) -> u32 {
        u32::try_from(self.back.as_hours() + 24).expect("a window is some days")
    }

    /// Whether an identity still counts at `now`. Nothing that it could be is accepted any more when it does not: of a call
    /// that goes on the next part can end as much later as a call can last.
    pub(super) fn remembers(self, identity: &Identity, now: Timestamp) -> bool {
        let goes_on_hours = if identity.is_final { 0 } else { CALL_HOURS_MAX };
        Hour::of(now).0 <= identity.hour.0.saturating_add(self.memory_hours() + goes_on_hours)
    }
}

/// The identities of one partition.
#[derive(Clone, Debug, Default)]
pub struct Identities {
    table: hashbrown::HashMap<u64, Identity, BuildHasherDefault<KeyIsHash>>,
    pruned_at: Option<Hour>,
}

impl Identities {
    /// What is remembered under `key` at `now`.
    pub fn get(&self, key: IdentityKey, window: AcceptanceWindow, now: Timestamp) -> Option<Identity> {
        self.table.get(&key.0).copied().filter(|identity| window.remembers(identity, now))
    }

    /// Remembers a debit; the later one wins, and within an hour the higher part: what is left of a call that was forgotten
    /// must not hide the one that came after it.
    pub fn insert(&mut self, key: IdentityKey, identity: Identity) {
        let kept = self.table.entry(key.0).or_insert(identity);
        if (identity.hour, identity.part) >= (kept.hour, kept.part) {
            *kept = identity;
        }
    }

    /// Remembers what was decided last, whatever was there: a call that was freed begins anew with a lower part.
    pub(super) fn set(&mut self, key: IdentityKey, identity: Identity) {
        self.table.insert(key.0, identity);
    }

    /// Forgets a call: its identity was freed (R37).
    pub fn remove(&mut self, key: IdentityKey) {
        self.table.remove(&key.0);
    }

    /// Drops what counts no more at `now`. Cheap but for the first call in an hour.
    pub fn prune(&mut self, window: AcceptanceWindow, now: Timestamp) {
        let hour = Hour::of(now);
        if self.pruned_at != Some(hour) {
            self.table.retain(|_, identity| window.remembers(identity, now));
            self.pruned_at = Some(hour);
        }
    }

    /// How many are held.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether none is held.
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// All that count at `now`, in the order of their keys: for comparisons.
    pub fn sorted(&self, window: AcceptanceWindow, now: Timestamp) -> Vec<(u64, Identity)> {
        let mut all: Vec<(u64, Identity)> = self
            .table
            .iter()
            .filter(|(_, identity)| window.remembers(identity, now))
            .map(|(key, identity)| (*key, *identity))
            .collect();
        all.sort_unstable_by_key(|(key, _)| *key);
        all
    }
}

/// A hasher for keys that are hashes already.
#[derive(Debug, Default)]
pub(super) struct KeyIsHash(u64);

impl Hasher for KeyIsHash {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("the keys are u64");
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }
}

#[cfg(test)]
mod tests;
