//! What is left of a pool, and what of it a tenant's block keeps open (R21-R25, R35).

use super::account::Account;
use super::allotments::{Allotments, PoolId, Threshold};
use super::batch::View;
use super::catalog::Catalog;
use super::entry::{EntryKey, EntryValue};
use super::event::{BlockReason, Blocked, Debit, EventBody, PoolUse};
use super::month::{Day, Month};
use super::number::Country;
use super::plan::{AllotmentIndex, Classes, Plan, Scope};

use jiff::Timestamp;

/// The pool that a call may draw on.
#[derive(Clone, Copy, Debug)]
pub struct PoolOfCall<'c> {
    /// The plan, as it was at the call's start.
    pub plan: &'c Plan,
    /// Which of its allotments.
    pub allotment: AllotmentIndex,
    /// Where the user is.
    pub usage_country: Country,
    /// The pool union of that country, if it is in one.
    pub union: Option<&'c str>,
    /// The month of the call's start.
    pub month: Month,
}

/// How much of a pool is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// Minutes.
    pub used: u64,
    /// Minutes.
    pub size: u64,
}

impl Level {
    fn is_used_up(self) -> bool {
        self.used >= self.size
    }
}

impl PoolOfCall<'_> {
    /// Its name.
    pub fn id(&self) -> PoolId {
        PoolId(self.plan.pool_id(self.allotment, self.feed()))
    }

    fn feed(&self) -> &str {
        self.union.unwrap_or(self.usage_country.as_str())
    }

    fn is_of_user(&self) -> bool {
        self.plan.allotment(self.allotment).scope == Scope::User
    }

    /// How much of it is used, and how many minutes it has left: none where a sibling is used up (F12).
    pub fn level(&self, view: &View<'_>, account: &Account, user: Option<&str>) -> (Level, u64) {
        let none = Allotments::default();
        let allotments = account.allotments.as_deref().unwrap_or(&none);
        let level = |allotment| match (self.is_of_user(), user) {
            (false, _) => shared_level(allotments, self.plan, allotment, self.usage_country, self.feed(), self.month),
            (true, Some(user)) => {
                let pool = PoolId(self.plan.pool_id(allotment, self.feed()));
                let key = EntryKey::user_pool(account.tenant.as_str(), user, &pool, self.month);
                let used = match view.entry(key).map(|entry| entry.value) {
                    Some(EntryValue::UserPool { used }) => used,
                    _ => 0,
                };
                Level { used, size: u64::from(self.plan.minutes(allotment, self.usage_country)) }
            }
            // Nobody holds a licence.
            (true, None) => Level { used: 0, size: 0 },
        };
        let own = level(self.allotment);
        (own, left(own, self.plan.siblings(self.allotment).map(level)))
    }

    /// The use of it, after a call has taken `minutes`.
    pub fn draw(&self, level: Level, minutes: u64) -> PoolUse {
        let (pool, month) = (self.id(), self.month);
        PoolUse { pool, month, minutes, used: level.used + minutes, size: level.size, of_user: self.is_of_user() }
    }
}

fn left(own: Level, mut siblings: impl Iterator<Item = Level>) -> u64 {
    if siblings.any(Level::is_used_up) { 0 } else { own.size.saturating_sub(own.used) }
}

/// A pool of the tenant: of one feed, or of all licences of the plan.
fn shared_level(
    allotments: &Allotments,
    plan: &Plan,
    allotment: AllotmentIndex,
    usage_country: Country,
    feed: &str,
    month: Month,
) -> Level {
    let of_feed = (plan.allotment(allotment).scope == Scope::Shared).then_some(feed);
    let licences = allotments.peak(plan.id(), of_feed, month);
    let size = licences.saturating_mul(u64::from(plan.minutes(allotment, usage_country)));
    Level { used: allotments.used(&PoolId(plan.pool_id(allotment, feed)), month), size }
}

/// The notices that a debit gives rise to (R25, F13).
pub fn notices<'a>(view: &View<'_>, account: &Account, debit: &Debit<'a>) -> Vec<EventBody<'a>> {
    let Some(PoolUse { pool, month, used, size, of_user, .. }) = debit.pool.as_deref() else { return Vec::new() };
    let user = debit.user.as_ref().filter(|_| *of_user);
    let is_noticed = |threshold| match user {
        Some(user) => {
            let key = EntryKey::user_pool_notice(account.tenant.as_str(), user, pool, *month, threshold);
            view.entry(key).is_some()
        }
        None => account.allotments.as_ref().is_some_and(|of| of.is_noticed(pool, *month, threshold)),
    };
    let reached = Threshold::ALL.into_iter().filter(|threshold| threshold.is_reached(*used, *size));
    reached
        .filter(|threshold| !is_noticed(*threshold))
        .map(|threshold| EventBody::PoolThresholdReached {
            pool: pool.clone(),
            month: *month,
            threshold,
            used: *used,
            size: *size,
            user: user.cloned(),
        })
        .collect()
}

/// What must not be set up for the tenant, as things are (R35, R38, F16).
pub fn wanted_block(account: &Account, catalog: &Catalog, now: Timestamp) -> Option<Blocked> {
    let settings = &account.settings;
    let spent = account.today.on(Day::of(now));
    let reason = if account.balance() <= settings.block_at {
        BlockReason::Balance
    } else if settings.daily_limit.is_some_and(|limit| spent >= limit) {
        BlockReason::DailyLimit
    } else {
        return None;
    };
    let (mut covered, mut pools) = (Classes::default(), Vec::new());
    if let Some(allotments) = account.allotments.as_deref() {
        let month = Month::of(now);
        for licences in allotments.licences() {
            let Some(plan) = catalog.plan(&licences.plan, now) else { continue };
            for (index, _) in plan.allotments().filter(|(_, of)| of.scope != Scope::User) {
                let level = |index| shared_level(allotments, plan, index, licences.country, &licences.feed, month);
                let own = level(index);
                let left = left(own, plan.siblings(index).map(level));
                if left > 0 && licences.quantity > 0 {
                    covered = covered.union(plan.classes(index));
                } else if left == 0 && own.size > 0 {
                    pools.push(PoolId(plan.pool_id(index, &licences.feed)));
                }
            }
        }
        pools.sort();
        pools.dedup();
    }
    Some(Blocked { reason, classes: Classes::all_paid().without(covered), pools })
}
