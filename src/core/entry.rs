//! What is remembered beside an account: applied commands, payments, recharges. It can grow with a tenant's use, so each
//! is an entry of its own, with the sequence number it is as of and an end.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use smallvec::SmallVec;
use xxhash_rust::xxh3::xxh3_128_with_seed;

use super::command::COMMAND_MEMORY;
use super::event::{CommandMark, Event, EventBody};
use super::identity::BodyHash;
use super::money::Money;
use super::recharge::RechargeId;

/// How long the reference of a payment is remembered, so that it is booked once: longer than a lot lives by default.
pub const PAYMENT_MEMORY: SignedDuration = SignedDuration::from_hours(400 * 24);
/// How long a recharge can still be settled, counted from its last event. What comes later is `unknown_recharge`, an alert.
pub const RECHARGE_MEMORY: SignedDuration = SignedDuration::from_hours(400 * 24);
const SEED: u64 = 0x746f_6c6c; // "toll"

/// The key of an entry: a hash of its kind, tenant and id, wide enough to be unique.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryKey(u128);

impl EntryKey {
    /// Of an applied command.
    pub fn command(tenant: &str, command_id: &str) -> EntryKey {
        EntryKey::of(b'c', tenant, command_id.as_bytes())
    }

    /// Of a booked payment.
    pub fn payment(tenant: &str, reference: &str) -> EntryKey {
        EntryKey::of(b'p', tenant, reference.as_bytes())
    }

    /// Of a requested recharge.
    pub fn recharge(tenant: &str, recharge: RechargeId) -> EntryKey {
        EntryKey::of(b'r', tenant, &recharge.0.to_le_bytes())
    }

    fn of(kind: u8, tenant: &str, id: &[u8]) -> EntryKey {
        let mut bytes: SmallVec<[u8; 256]> = SmallVec::new();
        bytes.push(kind);
        bytes.push(u8::try_from(tenant.len()).expect("a tenant is at most 64 bytes"));
        bytes.extend_from_slice(tenant.as_bytes());
        bytes.extend_from_slice(id);
        EntryKey(xxh3_128_with_seed(&bytes, SEED))
    }
}

/// One thing that is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The sequence number of the event that it is as of; a newer one wins.
    pub as_of: u64,
    /// It counts before this instant.
    pub until: Timestamp,
    /// What it says.
    pub value: EntryValue,
}

/// What an entry says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryValue {
    /// A command was applied; `as_of` is its first event.
    Command {
        /// Of its body.
        body_hash: BodyHash,
    },
    /// A payment was booked.
    Payment,
    /// A recharge was requested.
    Recharge {
        /// What was asked for.
        amount: Money,
        /// Which attempt it is.
        attempt: u32,
        /// When it was asked for.
        requested_at: Timestamp,
        /// How far it is.
        state: RechargeState,
    },
}

/// How far a recharge is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RechargeState {
    /// No settlement has come.
    Requested,
    /// It was not paid; a late success still counts.
    Failed,
    /// It was paid.
    Succeeded,
}

/// The entries that an event makes or renews. The event alone says what is in them, so this is `apply` for one entry.
pub fn entries_of(event: &Event<'_>) -> SmallVec<[(EntryKey, Entry); 2]> {
    let tenant = &*event.tenant;
    let lasting = |memory: SignedDuration| event.time.checked_add(memory).unwrap_or(Timestamp::MAX);
    let mut entries = SmallVec::new();
    let mut add = |key, memory, value| {
        entries.push((key, Entry { as_of: event.seq, until: lasting(memory), value }));
    };
    if let Some(CommandMark { body_hash, .. }) = event.body.command() {
        let key = EntryKey::command(tenant, &event.cause.to_string());
        add(key, COMMAND_MEMORY, EntryValue::Command { body_hash: *body_hash });
    }
    if let EventBody::FundsAdded { payment_reference: reference, .. }
    | EventBody::RechargeSucceeded { payment_reference: Some(reference), .. } = &event.body
    {
        add(EntryKey::payment(tenant, reference), PAYMENT_MEMORY, EntryValue::Payment);
    }
    let recharge = match &event.body {
        EventBody::RechargeRequested { attempt, amount, .. } => {
            Some((RechargeId(event.seq), *amount, *attempt, event.time, RechargeState::Requested))
        }
        EventBody::RechargeSucceeded { recharge, attempt, requested_at, funds, .. } => {
            Some((*recharge, funds.amount, *attempt, *requested_at, RechargeState::Succeeded))
        }
        EventBody::RechargeFailed { recharge, attempt, requested_at, amount, .. } => {
            Some((*recharge, *amount, *attempt, *requested_at, RechargeState::Failed))
        }
        _ => None,
    };
    if let Some((id, amount, attempt, requested_at, state)) = recharge {
        let value = EntryValue::Recharge { amount, attempt, requested_at, state };
        add(EntryKey::recharge(tenant, id), RECHARGE_MEMORY, value);
    }
    entries
}

/// The entries of one partition.
#[derive(Clone, Debug, Default)]
pub struct Entries {
    table: HashMap<EntryKey, Entry, ahash::RandomState>,
}

impl Entries {
    /// What is remembered under `key` at `now`.
    pub fn get(&self, key: EntryKey, now: Timestamp) -> Option<Entry> {
        self.table.get(&key).copied().filter(|entry| now < entry.until)
    }

    /// Takes an entry; the newer one wins.
    pub fn insert(&mut self, key: EntryKey, entry: Entry) {
        let kept = self.table.entry(key).or_insert(entry);
        if entry.as_of > kept.as_of {
            *kept = entry;
        }
    }

    /// Drops what counts no more at `now`.
    pub fn prune(&mut self, now: Timestamp) {
        self.table.retain(|_, entry| now < entry.until);
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
    pub fn sorted(&self, now: Timestamp) -> Vec<(EntryKey, Entry)> {
        let mut all: Vec<_> =
            self.table.iter().filter(|(_, entry)| now < entry.until).map(|(key, entry)| (*key, *entry)).collect();
        all.sort_unstable_by_key(|(key, _)| *key);
        all
    }
}

#[cfg(test)]
mod tests;
