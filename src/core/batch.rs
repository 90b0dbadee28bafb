//! Everything that a transaction changes, laid over the committed state.
//!
//! Reads look into the batch first. A commit merges it, an abort drops it; nothing committed is touched before. So no
//! reader sees money that may be rolled back, and there is no code that undoes anything.

use std::collections::{BTreeSet, HashMap};
use std::hash::BuildHasherDefault;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dashmap::DashMap;
use jiff::Timestamp;

use super::account::{Account, Broken};
use super::due::{Done, DueKey, DueQueue, next_of};
use super::entry::{Entries, Entry, EntryKey, entries_of};
use super::event::{Cause, Event, EventBody};
use super::identity::{AcceptanceWindow, Hour, Identities, Identity, IdentityKey, KeyIsHash};
use super::partition::PartitionId;
use super::tenant::TenantId;

/// The committed accounts of one partition: written by the worker that owns it, after a commit; read by anyone.
///
/// A partition that is assigned anew gets new ones: whoever held it before, in this process or another, can write into no
/// account that somebody else owns by now.
#[derive(Debug, Default)]
pub struct Accounts {
    live: DashMap<TenantId, Arc<Account>, ahash::RandomState>,
    frozen: DashMap<TenantId, Arc<str>, ahash::RandomState>,
    frozen_count: AtomicUsize,
}

impl Accounts {
    /// The account as of the last commit.
    pub fn get(&self, tenant: &str) -> Option<Arc<Account>> {
        self.live.get(tenant).map(|account| Arc::clone(&account))
    }

    /// Why the account is frozen, if it is.
    pub fn frozen(&self, tenant: &str) -> Option<Arc<str>> {
        // Nearly always none is, and then no shard is locked for the question.
        if self.frozen_count.load(Ordering::Acquire) == 0 {
            return None;
        }
        self.frozen.get(tenant).map(|why| Arc::clone(&why))
    }

    /// Puts a restored account in its place.
    pub fn restore(&self, account: Arc<Account>) {
        self.live.insert(account.tenant.clone(), account);
    }

    /// Freezes an account: its records go to quarantine until an operator has looked.
    pub fn freeze(&self, tenant: TenantId, why: Arc<str>) {
        if self.frozen.insert(tenant, why).is_none() {
            self.frozen_count.fetch_add(1, Ordering::Release);
        }
    }

    /// How many accounts there are, how many of them are blocked, and how many are frozen.
    pub fn census(&self) -> Census {
        let blocked = self.live.iter().filter(|account| account.blocked.is_some()).count();
        Census { accounts: as_u64(self.live.len()), blocked: as_u64(blocked), frozen: as_u64(self.frozen.len()) }
    }

    /// All accounts in the order of their names: for proofs and comparisons.
    pub fn sorted(&self) -> Vec<Arc<Account>> {
        let mut all: Vec<Arc<Account>> = self.live.iter().map(|account| Arc::clone(&account)).collect();
        all.sort_by(|a, b| a.tenant.cmp(&b.tenant));
        all
    }
}

/// How many accounts a partition has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Open or closed.
    pub accounts: u64,
    /// Of these, blocked.
    pub blocked: u64,
    /// Frozen.
    pub frozen: u64,
}

/// The committed state of one partition beside its accounts.
#[derive(Clone, Debug)]
pub struct PartitionState {
    /// Which.
    pub id: PartitionId,
    /// Its clock: never goes back.
    pub clock: Timestamp,
    /// The debited calls.
    pub identities: Identities,
    /// Commands, payments, recharges, and the rest of what is beside an account.
    pub entries: Entries,
    /// Who something is due for.
    pub due: DueQueue,
}

impl PartitionState {
    /// A partition that nothing was ever written for.
    pub fn empty(id: PartitionId) -> PartitionState {
        let (identities, entries, due) = Default::default();
        PartitionState { id, clock: Timestamp::UNIX_EPOCH, identities, entries, due }
    }

    /// Takes what an event leaves beside the account.
    pub fn absorb(&mut self, event: &Event<'_>) {
        for (key, entry) in entries_of(event) {
            self.entries.insert(key, entry);
        }
        match identity_of(event) {
            Some((key, Some(identity))) => self.identities.insert(key, identity),
            Some((key, None)) => self.identities.remove(key),
            None => {}
        }
        self.clock = self.clock.max(event.time);
    }
}

/// What a debit leaves of its call; `None` in it: a void frees the call's identity.
pub fn identity_of(event: &Event<'_>) -> Option<(IdentityKey, Option<Identity>)> {
    match &event.body {
        EventBody::CallDebited(debit) => {
            let (content, hour) = (debit.content, Hour::of(event.time));
            let identity = Identity { content, part: debit.part, is_final: debit.is_final, hour };
            Some((IdentityKey::of(&event.tenant, &debit.call_id), Some(identity)))
        }
        EventBody::CallVoided(void) if void.release => Some((IdentityKey::of(&event.tenant, &void.call.call_id), None)),
        _ => None,
    }
}

fn as_u64(count: usize) -> u64 {
    u64::try_from(count).expect("a count of things in memory")
}

/// What one transaction changes.
#[derive(Debug, Default)]
pub struct Batch {
    partitions: HashMap<PartitionId, Changes, ahash::RandomState>,
}

/// What a transaction changes of one partition.
#[derive(Debug)]
pub struct Changes {
    clock: Timestamp,
    accounts: HashMap<TenantId, Arc<Account>, ahash::RandomState>,
    frozen: Vec<(TenantId, Arc<str>)>,
    /// `None`: freed.
    identities: HashMap<IdentityKey, Option<Identity>, BuildHasherDefault<KeyIsHash>>,
    entries: HashMap<EntryKey, Entry, ahash::RandomState>,
    /// The last of the committed queue that was taken.
    due_taken: Option<DueKey>,
    /// Queued by this batch.
    due: BTreeSet<DueKey>,
}

impl Batch {
    /// The state of a partition as it is with this batch.
    pub fn at<'b>(&'b mut self, accounts: &'b Accounts, committed: &'b PartitionState) -> View<'b> {
        let changes = self.partitions.entry(committed.id).or_insert_with(|| Changes {
            clock: committed.clock,
            accounts: HashMap::default(),
            frozen: Vec::new(),
            identities: HashMap::default(),
            entries: HashMap::default(),
            due_taken: None,
            due: BTreeSet::new(),
        });
        View { accounts, committed, changes }
    }

    /// The first account of a partition that something is due for, with this batch.
    pub fn first_due<'b>(&'b self, committed: &'b PartitionState) -> Option<&'b DueKey> {
        let changes = self.partitions.get(&committed.id);
        let taken = changes.and_then(|changes| changes.due_taken.as_ref());
        let queued = changes.and_then(|changes| changes.due.first());
        committed.due.first_after(taken).into_iter().chain(queued).min()
    }

    /// The partition's clock with this batch, if the batch has touched the partition.
    pub fn clock(&self, partition: PartitionId) -> Option<Timestamp> {
        self.partitions.get(&partition).map(|changes| changes.clock)
    }

    /// What was committed, to be merged into each partition.
    pub fn into_changes(self) -> impl Iterator<Item = (PartitionId, Changes)> {
        self.partitions.into_iter()
    }
}

impl Changes {
    /// Makes the changes the partition's own and publishes its accounts; once an hour of its clock, what counts no more is
    /// dropped.
    pub fn merge_into(self, accounts: &Accounts, state: &mut PartitionState, window: AcceptanceWindow) {
        for account in self.accounts.into_values() {
            accounts.restore(account);
        }
        for (tenant, why) in self.frozen {
            accounts.freeze(tenant, why);
        }
        let new_hour = Hour::of(state.clock) != Hour::of(self.clock);
        state.clock = self.clock;
        for (key, identity) in self.identities {
            match identity {
                Some(identity) => state.identities.set(key, identity),
                None => state.identities.remove(key),
            }
        }
        for (key, entry) in self.entries {
            state.entries.insert(key, entry);
        }
        if let Some(taken) = self.due_taken {
            state.due.drop_up_to(&taken);
        }
        state.due.extend(self.due);
        if new_hour {
            state.identities.prune(window, state.clock);
            state.entries.prune(state.clock);
        }
    }
}

/// One partition's state with a batch laid over it: what decisions read, and where events are recorded.
#[derive(Debug)]
pub struct View<'b> {
    accounts: &'b Accounts,
    committed: &'b PartitionState,
    changes: &'b mut Changes,
}

impl View<'_> {
    /// The partition's clock.
    pub fn clock(&self) -> Timestamp {
        self.changes.clock
    }

    /// Moves the clock on; it never goes back.
    pub fn advance_clock(&mut self, to: Timestamp) {
        self.changes.clock = self.changes.clock.max(to);
    }

    /// The account, if the tenant was opened.
    pub fn account(&mut self, tenant: &str) -> Option<&Arc<Account>> {
        self.touch(tenant);
        self.changes.accounts.get(tenant)
    }

    /// Brings the account into the batch, if there is one.
    fn touch(&mut self, tenant: &str) {
        if !self.changes.accounts.contains_key(tenant)
            && let Some(account) = self.accounts.get(tenant)
        {
            self.changes.accounts.insert(account.tenant.clone(), account);
        }
    }

    /// Why the account is frozen, if it is.
    pub fn frozen(&self, tenant: &str) -> Option<Arc<str>> {
        let here =
            self.changes.frozen.iter().find(|(frozen, _)| frozen.as_str() == tenant).map(|(_, why)| Arc::clone(why));
        here.or_else(|| self.accounts.frozen(tenant))
    }

    /// What is remembered of a call.
    pub fn identity(&self, key: IdentityKey, window: AcceptanceWindow) -> Option<Identity> {
        let now = self.clock();
        // One memory whether it is committed or not: where a batch ends must not decide what is a duplicate (law 7).
        match self.changes.identities.get(&key) {
            Some(here) => here.filter(|identity| window.remembers(identity, now)),
            None => self.committed.identities.get(key, window, now),
        }
    }

    /// What is remembered under a key.
    pub fn entry(&self, key: EntryKey) -> Option<Entry> {
        let now = self.clock();
        match self.changes.entries.get(&key) {
            Some(here) => Some(here).filter(|entry| now < entry.until).cloned(),
            None => self.committed.entries.get(key, now),
        }
    }

    /// The first account that something is due for, with this batch.
    pub fn first_due(&self) -> Option<&DueKey> {
        let committed = self.committed.due.first_after(self.changes.due_taken.as_ref());
        committed.into_iter().chain(self.changes.due.first()).min()
    }

    /// Takes what [`Self::first_due`] named.
    pub fn take_due(&mut self) -> Option<DueKey> {
        let first = self.first_due()?.clone();
        if !self.changes.due.remove(&first) || self.committed_has(&first) {
            self.changes.due_taken = Some(first.clone());
        }
        Some(first)
    }

    fn committed_has(&self, key: &DueKey) -> bool {
        self.committed.due.first_after(self.changes.due_taken.as_ref()) == Some(key)
    }

    /// Queues what the account is due for next, after all that is done.
    pub fn arm(&mut self, tenant: &str, warning_days: &[u32], done: Done) {
        self.touch(tenant);
        let Some(account) = self.changes.accounts.get(tenant) else { return };
        if let Some((at, kind)) = next_of(account, warning_days, done) {
            self.changes.due.insert(DueKey { at, kind, tenant: account.tenant.clone() });
        }
    }

    /// Makes `body` the next event of the tenant, at the partition's clock, and applies it.
    ///
    /// # Errors
    /// [`Broken`] where the event does not continue the account; nothing is changed then.
    pub fn happen<'a>(
        &mut self,
        tenant: &std::borrow::Cow<'a, str>,
        cause: &Cause<'a>,
        body: EventBody<'a>,
    ) -> Result<Event<'a>, Broken> {
        let (tenant, cause, time) = (tenant.clone(), cause.clone(), self.clock());
        self.touch(&tenant);
        let event = match self.changes.accounts.get_mut(&*tenant) {
            None => {
                let event = Event { tenant, seq: 1, time, cause, balance: super::money::Money::ZERO, body };
                let account = Account::opened(&event)?;
                self.changes.accounts.insert(account.tenant.clone(), Arc::new(account));
                event
            }
            Some(account) => {
                let (seq, balance) = (account.seq + 1, account.balance_after(&body)?);
                let event = Event { tenant, seq, time, cause, balance, body };
                Arc::make_mut(account).apply(&event)?;
                event
            }
        };
        self.changes.entries.extend(entries_of(&event));
        self.changes.identities.extend(identity_of(&event));
        Ok(event)
    }

    /// Freezes an account from here on.
    pub fn freeze(&mut self, tenant: &str, why: impl Into<Arc<str>>) {
        self.changes.frozen.extend(TenantId::new(tenant).map(|tenant| (tenant, why.into())));
    }
}

#[cfg(test)]
mod tests;
