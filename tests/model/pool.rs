//! Pools: whose they are, how large, what is left (R21 to R24, A3, A4).

use jiff::Timestamp;

use super::account::Account;
use super::catalog::{Allotment, CapRule, Catalog, Plan, Scope};
use super::licences::Feed;
use super::time::{self, Month};

/// A pool in a month.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PoolKey {
    /// As on the wire (A4).
    pub id: String,
    /// Of a pool that is one user's.
    pub user: Option<String>,
    /// It begins anew with each.
    pub month: Month,
}

/// How a pool is at the moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    pub key: PoolKey,
    pub scope: Scope,
    pub size: u64,
    pub used: u64,
    /// What it can give.
    pub available: u64,
    /// Licences that feed it now.
    pub licences: u64,
}

/// From where a pool is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Place<'p> {
    pub usage_country: &'p str,
    pub user: Option<&'p str>,
    /// The call's start: month, and versions of plan and unions.
    pub start: Timestamp,
    /// Older months than the clock's and the six before give nothing.
    pub clock: Timestamp,
}

/// Months before the clock's of which pools are kept (A3).
const MONTHS_KEPT: usize = 6;

/// A pool of a plan.
pub fn pool(catalog: &Catalog, account: &Account, plan: &Plan, allotment: &Allotment, place: Place<'_>) -> Pool {
    let mut pool = alone(catalog, account, plan, allotment, place);
    // F12: with `either`, one that is used up or has size 0 closes all of the plan.
    let is_closed = plan.cap == CapRule::Either
        && plan.allotments.iter().any(|sibling| {
            let sibling = alone(catalog, account, plan, sibling, place);
            sibling.used >= sibling.size
        });
    if is_closed || is_over(&pool.key.month, place.clock) {
        pool.available = 0;
    }
    pool
}

/// Whether a month is older than what is kept (A3).
pub fn is_over(month: &Month, clock: Timestamp) -> bool {
    let mut oldest = time::month_of(clock);
    for _ in 0..MONTHS_KEPT {
        oldest = time::month_before(&oldest);
    }
    *month < oldest
}

fn alone(catalog: &Catalog, account: &Account, plan: &Plan, allotment: &Allotment, place: Place<'_>) -> Pool {
    let (area, countries) = catalog.numbers(place.start).pool_area(place.usage_country);
    let month = time::month_of(place.start);
    let start_of_id = format!("{}/{}", plan.id, allotment.name);
    let (id, feed, user) = match allotment.scope {
        Scope::Shared => (format!("{start_of_id}/{area}"), Some(&*countries), None),
        Scope::Tenant => (start_of_id, None, None),
        Scope::User => (format!("{start_of_id}/user"), None, place.user),
    };
    let feed = Feed { plan: &plan.id, countries: feed };
    // A user's pool is one licence's minutes; without a user it gives nothing.
    let peak = match allotment.scope {
        Scope::User => u64::from(user.is_some()),
        Scope::Shared | Scope::Tenant => feed.peak(&account.licences, &month),
    };
    let in_country = allotment.minutes_in.iter().find(|(country, _)| country == place.usage_country);
    let size = peak * in_country.map_or(allotment.minutes, |(_, minutes)| *minutes);
    let key = PoolKey { id, user: user.map(str::to_owned), month };
    let used = account.used.get(&key).copied().unwrap_or(0);
    Pool {
        scope: allotment.scope,
        size,
        used,
        available: size.saturating_sub(used),
        licences: feed.now(&account.licences),
        key,
    }
}
