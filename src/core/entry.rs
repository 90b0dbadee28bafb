//! What is remembered beside an account: applied commands, payments, recharges, calls in parts, corrections, and the limits
//! and pools of single users. It can grow with a tenant's use, so each is an entry of its own, with the sequence number it is as
//! of and an end. An event alone says what its entries are from then on.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;

use compact_str::CompactString;
use jiff::{SignedDuration, Timestamp};
use smallvec::SmallVec;
use xxhash_rust::xxh3::xxh3_128_with_seed;

use super::allotments::{POOL_MONTHS_KEPT, PoolId, Threshold};
use super::command::COMMAND_MEMORY;
use super::duration::CALL_SECONDS_MAX;
use super::event::{CommandMark, Corrects, Cumulative, Debit, Event, EventBody, PoolUse, Void};
use super::identity::{ACCEPTANCE_WINDOW_DAYS_MAX, BodyHash};
use super::money::Money;
use super::month::Month;
use super::recharge::RechargeId;

/// How long the reference of a payment is remembered, so that it is booked once: longer than a lot lives by default.
pub const PAYMENT_MEMORY: SignedDuration = SignedDuration::from_hours(400 * 24);
/// How long a recharge can still be settled, counted from its last event. What comes later is `unknown_recharge`, an alert.
pub const RECHARGE_MEMORY: SignedDuration = SignedDuration::from_hours(400 * 24);
/// How long what was corrected of a call is remembered, counted from its last correction.
pub const CORRECTION_MEMORY: SignedDuration = SignedDuration::from_hours(400 * 24);
/// How long a call that is not final is remembered: as long as an identity of the widest window, which goes first.
pub const OPEN_CALL_MEMORY: SignedDuration = SignedDuration::from_hours(69 * 24);
const _: () = assert!(
    OPEN_CALL_MEMORY.as_secs() > (ACCEPTANCE_WINDOW_DAYS_MAX as i64 + 1) * 86_400 + CALL_SECONDS_MAX.cast_signed()
);
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

    /// Of the spend limit of a user.
    pub fn limit(tenant: &str, user: &str) -> EntryKey {
        EntryKey::of(b'l', tenant, user.as_bytes())
    }

    /// Of what a user spent in a month.
    pub fn spend(tenant: &str, user: &str, month: Month) -> EntryKey {
        EntryKey::of(b's', tenant, format!("{month}/{user}").as_bytes())
    }

    /// Of the pool of a user in a month.
    pub fn user_pool(tenant: &str, user: &str, pool: &PoolId, month: Month) -> EntryKey {
        EntryKey::of(b'u', tenant, format!("{month}/{pool}/{user}").as_bytes())
    }

    /// Of the notice of the pool of a user in a month.
    pub fn user_pool_notice(tenant: &str, user: &str, pool: &PoolId, month: Month, threshold: Threshold) -> EntryKey {
        EntryKey::of(b'n', tenant, format!("{month}/{}/{pool}/{user}", threshold.percent()).as_bytes())
    }

    /// Of a call in parts.
    pub fn open_call(tenant: &str, call_id: &str) -> EntryKey {
        EntryKey::of(b'o', tenant, call_id.as_bytes())
    }

    /// Of what was corrected of a call, by its first debit: a call id that was freed can be debited anew.
    pub fn correction(tenant: &str, call_id: &str, first_debit: u64) -> EntryKey {
        EntryKey::of(b'k', tenant, format!("{first_debit}/{call_id}").as_bytes())
    }

    /// Of a call that was taken back, by its first debit.
    pub fn voided(tenant: &str, call_id: &str, first_debit: u64) -> EntryKey {
        EntryKey::of(b'v', tenant, format!("{first_debit}/{call_id}").as_bytes())
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The sequence number of the event that it is as of; a newer one wins.
    pub as_of: u64,
    /// It counts before this instant.
    pub until: Timestamp,
    /// What it says.
    pub value: EntryValue,
}

/// What an entry says.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// A user may spend so much in a month.
    Limit {
        /// 0 or more.
        monthly_limit: Money,
        /// The event from which on the user's spend is counted.
        since: u64,
    },
    /// A user with a limit spent so much in a month.
    Spend(Money),
    /// Minutes of a user's pool that are used in a month.
    UserPool {
        /// 0 or more.
        used: u64,
    },
    /// A notice of a user's pool was sent in a month.
    UserPoolNotice,
    /// A call that goes on.
    OpenCall(Box<OpenCall>),
    /// What was corrected of a call.
    Correction {
        /// Given back so far; below zero: more was taken than the debits say.
        corrected: Money,
    },
    /// A call was taken back: whatever is adjusted of it after that, it cannot be taken back twice.
    Voided,
}

/// A call that goes on: what its next part is rated by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenCall {
    /// Its parts so far.
    pub so_far: Cumulative,
    /// The plan that decided at its first paid second, by its id (R2); a tenant's default can change while a call goes on.
    pub plan: Option<CompactString>,
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

type Made = SmallVec<[(EntryKey, Entry); 2]>;

/// The entries that an event makes or renews. The event alone says what is in them, so this is `apply` for one entry.
pub fn entries_of(event: &Event<'_>) -> Made {
    let mut made = Made::new();
    match &event.body {
        EventBody::CallDebited(debit) => of_debit(event, debit, &mut made),
        EventBody::CallVoided(void) => of_void(event, void, &mut made),
        EventBody::BalanceAdjusted(adjustment) => {
            if let Some(corrects) = &adjustment.corrects {
                add_correction(event, corrects, &mut made);
            }
        }
        EventBody::UserLimitSet { user, monthly_limit, since, .. } => {
            let key = EntryKey::limit(&event.tenant, user);
            // A limit that is lifted ends here.
            let (until, monthly_limit) = match monthly_limit {
                Some(limit) => (Timestamp::MAX, *limit),
                None => (event.time, Money::ZERO),
            };
            add(event, key, until, EntryValue::Limit { monthly_limit, since: *since }, &mut made);
        }
        EventBody::PoolThresholdReached { pool, month, threshold, user: Some(user), .. } => {
            let key = EntryKey::user_pool_notice(&event.tenant, user, pool, *month, *threshold);
            add(event, key, end_of_pools(*month), EntryValue::UserPoolNotice, &mut made);
        }
        _ => of_payment(event, &mut made),
    }
    if let Some(CommandMark { body_hash, .. }) = event.body.command() {
        let key = EntryKey::command(&event.tenant, &event.cause.to_string());
        let value = EntryValue::Command { body_hash: *body_hash };
        add(event, key, lasting(event, COMMAND_MEMORY), value, &mut made);
    }
    made
}

fn add(event: &Event<'_>, key: EntryKey, until: Timestamp, value: EntryValue, made: &mut Made) {
    made.push((key, Entry { as_of: event.seq, until, value }));
}

fn lasting(event: &Event<'_>, memory: SignedDuration) -> Timestamp {
    event.time.checked_add(memory).unwrap_or(Timestamp::MAX)
}

/// When calls of a month can come no more.
fn end_of_pools(month: Month) -> Timestamp {
    month.ahead(POOL_MONTHS_KEPT + 1).start()
}

fn of_debit(event: &Event<'_>, debit: &Debit<'_>, made: &mut Made) {
    let tenant = &*event.tenant;
    if let Some(cumulative) = &debit.cumulative {
        let key = EntryKey::open_call(tenant, &debit.call_id);
        let until = if debit.is_final { event.time } else { lasting(event, OPEN_CALL_MEMORY) };
        let plan = debit.plan.as_deref().map(|label| label.split('@').next().unwrap_or(label).into());
        let open = Box::new(OpenCall { so_far: **cumulative, plan });
        add(event, key, until, EntryValue::OpenCall(open), made);
    }
    if let (Some(pool), Some(user)) = (debit.pool.as_deref(), debit.user.as_deref()) {
        add_user_pool(event, user, pool, made);
    }
    if let (Some(spent), Some(user), Some(at)) = (debit.spent, debit.user.as_deref(), debit.answered_at) {
        add_spend(event, user, Month::of(at), spent, made);
    }
}

fn of_void(event: &Event<'_>, void: &Void<'_>, made: &mut Made) {
    let tenant = &*event.tenant;
    add_correction(event, &void.call, made);
    let key = EntryKey::voided(tenant, &void.call.call_id, first_of(&void.call));
    add(event, key, lasting(event, CORRECTION_MEMORY), EntryValue::Voided, made);
    if void.release {
        let none = Box::default();
        add(event, EntryKey::open_call(tenant, &void.call.call_id), event.time, EntryValue::OpenCall(none), made);
    }
    if let (Some(pool), Some(user)) = (&void.pool, void.user.as_deref()) {
        add_user_pool(event, user, pool, made);
    }
    if let (Some(spent), Some(user), Some(at)) = (void.spent, void.user.as_deref(), void.answered_at) {
        add_spend(event, user, Month::of(at), spent, made);
    }
}

fn add_user_pool(event: &Event<'_>, user: &str, pool: &PoolUse, made: &mut Made) {
    if pool.of_user {
        let key = EntryKey::user_pool(&event.tenant, user, &pool.pool, pool.month);
        add(event, key, end_of_pools(pool.month), EntryValue::UserPool { used: pool.used }, made);
    }
}

fn add_spend(event: &Event<'_>, user: &str, month: Month, spent: Money, made: &mut Made) {
    let key = EntryKey::spend(&event.tenant, user, month);
    add(event, key, end_of_pools(month), EntryValue::Spend(spent), made);
}

fn first_of(corrects: &Corrects<'_>) -> u64 {
    corrects.debits.first().copied().unwrap_or_default()
}

fn add_correction(event: &Event<'_>, corrects: &Corrects<'_>, made: &mut Made) {
    let key = EntryKey::correction(&event.tenant, &corrects.call_id, first_of(corrects));
    let value = EntryValue::Correction { corrected: corrects.corrected };
    add(event, key, lasting(event, CORRECTION_MEMORY), value, made);
}

/// Payments and recharges.
fn of_payment(event: &Event<'_>, made: &mut Made) {
    let tenant = &*event.tenant;
    if let EventBody::FundsAdded { payment_reference: reference, .. }
    | EventBody::RechargeSucceeded { payment_reference: Some(reference), .. } = &event.body
    {
        let key = EntryKey::payment(tenant, reference);
        add(event, key, lasting(event, PAYMENT_MEMORY), EntryValue::Payment, made);
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
        add(event, EntryKey::recharge(tenant, id), lasting(event, RECHARGE_MEMORY), value, made);
    }
}

/// The entries of one partition.
#[derive(Clone, Debug, Default)]
pub struct Entries {
    table: HashMap<EntryKey, Entry, ahash::RandomState>,
}

impl Entries {
    /// What is remembered under `key` at `now`.
    pub fn get(&self, key: EntryKey, now: Timestamp) -> Option<Entry> {
        self.table.get(&key).filter(|entry| now < entry.until).cloned()
    }

    /// Takes an entry; the newer one wins.
    pub fn insert(&mut self, key: EntryKey, entry: Entry) {
        match self.table.entry(key) {
            Slot::Vacant(slot) => drop(slot.insert(entry)),
            Slot::Occupied(mut slot) if entry.as_of > slot.get().as_of => drop(slot.insert(entry)),
            Slot::Occupied(_) => {}
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
        let mut all: Vec<_> = self
            .table
            .iter()
            .filter(|(_, entry)| now < entry.until)
            .map(|(key, entry)| (*key, entry.clone()))
            .collect();
        all.sort_unstable_by_key(|(key, _)| *key);
        all
    }
}

#[cfg(test)]
mod tests;
