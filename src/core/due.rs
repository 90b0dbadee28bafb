//! Work that is due at a time of its own: what lapses, is warned of, begins anew or is asked again (F14).
//!
//! Nothing of it is stored: an account and the clock say what is due next. The queue only finds the accounts that nothing
//! touches, so an entry may be out of date; whoever takes it asks the account again.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Bound;

use jiff::{SignedDuration, Timestamp};

use super::account::Account;
use super::event::BlockReason;
use super::month::{Day, Month};
use super::recharge::{STATUS_AFTER, UNRESOLVED_AFTER};
use super::tenant::TenantId;

/// Kinds of due work, in the order in which they are done at one instant (F14).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DueKind {
    /// A lot lapses (R32).
    Expiry,
    /// A lot will lapse (R32).
    Warning,
    /// A month begins: pools and caps begin anew (R23, F17).
    Month,
    /// A day begins: the ceiling of the day before counts no more (R38).
    Day,
    /// A failed recharge is tried again (R34).
    Retry,
    /// A recharge has no answer: its status is asked for (R34).
    Status,
    /// A recharge still has no answer: a person is asked (R34).
    Unresolved,
}

impl DueKind {
    /// All kinds, in their order.
    pub const ALL: [DueKind; 7] = [
        DueKind::Expiry,
        DueKind::Warning,
        DueKind::Month,
        DueKind::Day,
        DueKind::Retry,
        DueKind::Status,
        DueKind::Unresolved,
    ];

    /// The stable code, as in the causes of its events.
    pub fn code(self) -> &'static str {
        match self {
            DueKind::Expiry => "expiry",
            DueKind::Warning => "warning",
            DueKind::Month => "month",
            DueKind::Day => "day",
            DueKind::Retry => "retry",
            DueKind::Status => "status",
            DueKind::Unresolved => "unresolved",
        }
    }
}

impl fmt::Display for DueKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// A moment in the order of all work: all of `at` up to the kind is done, or everything where there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Done {
    /// Everything before this instant is done.
    pub at: Timestamp,
    /// At this instant: all up to and with this kind. `None`: all.
    pub up_to: Option<DueKind>,
}

impl Done {
    /// All work of the instant and before it.
    pub fn all_at(at: Timestamp) -> Done {
        Done { at, up_to: None }
    }

    fn is_before(self, at: Timestamp, kind: DueKind) -> bool {
        at > self.at || at == self.at && self.up_to.is_some_and(|done| done < kind)
    }
}

/// What an account is due for next, after all that is done.
pub fn next_of(account: &Account, warning_days: &[u32], done: Done) -> Option<(Timestamp, DueKind)> {
    all_of(account, warning_days, done).min()
}

/// Whether the account is due for just this: what was queued may have been overtaken.
pub fn is_due(account: &Account, warning_days: &[u32], at: Timestamp, kind: DueKind) -> bool {
    let before = Done::all_at(at.checked_sub(SignedDuration::from_nanos(1)).unwrap_or(Timestamp::MIN));
    all_of(account, warning_days, before).any(|due| due == (at, kind))
}

/// Everything that an account is due for after all that is done, in no order.
fn all_of<'a>(
    account: &'a Account,
    warning_days: &'a [u32],
    done: Done,
) -> impl Iterator<Item = (Timestamp, DueKind)> + 'a {
    // A lot that is there has not lapsed, whatever was done at this instant.
    let expiries = account.lots.iter().map(|lot| (lot.expires_at, DueKind::Expiry));
    let timed = account.closed_at.is_none().then(|| timed(account, warning_days, done));
    expiries.chain(timed.into_iter().flatten())
}

/// What comes at a time and then is over. Nothing of it happens to a closed account (F19).
fn timed<'a>(
    account: &'a Account,
    warning_days: &'a [u32],
    done: Done,
) -> impl Iterator<Item = (Timestamp, DueKind)> + 'a {
    let warnings = account.lots.iter().flat_map(|lot| {
        let at = |days: &u32| lot.expires_at.checked_sub(SignedDuration::from_hours(i64::from(*days) * 24)).ok();
        let purchased_at = lot.purchased_at;
        warning_days.iter().filter_map(at).filter(move |at| *at > purchased_at).map(|at| (at, DueKind::Warning))
    });
    let months = judged_months(account, done).map(|month| (month.start(), DueKind::Month));
    let is_braked = account.blocked.as_ref().is_some_and(|blocked| blocked.reason == BlockReason::DailyLimit);
    let day = is_braked.then(|| (next_day(done), DueKind::Day));
    let retry = account.recharging.retry.map(|retry| (retry.at, DueKind::Retry));
    let after = |wait: SignedDuration, kind| {
        let at = account.recharging.in_flight?.requested_at.checked_add(wait).ok()?;
        Some((at, kind))
    };
    let timeouts = [after(STATUS_AFTER, DueKind::Status), after(UNRESOLVED_AFTER, DueKind::Unresolved)];
    warnings
        .chain(months)
        .chain(day)
        .chain(retry)
        .chain(timeouts.into_iter().flatten())
        .filter(move |(at, kind)| done.is_before(*at, *kind))
}

/// The first month whose start is not yet judged.
fn next_month(done: Done) -> Month {
    let month = Month::of(done.at);
    if done.is_before(month.start(), DueKind::Month) { month } else { month.next() }
}

/// The first start of a day that is not yet judged.
fn next_day(done: Done) -> Timestamp {
    let day = Day::of(done.at);
    if done.is_before(day.start(), DueKind::Day) { day.start() } else { day.end() }
}

/// The months whose start can change the block list or free a cap.
fn judged_months(account: &Account, done: Done) -> impl Iterator<Item = Month> {
    let lists_pools = account.blocked.is_some() && account.allotments.is_some();
    let capped = account.recharging.month.filter(|of| of.capped);
    lists_pools.then(|| next_month(done)).into_iter().chain(capped.map(|of| of.month.next()))
}

/// An account that something is due for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DueKey {
    /// When.
    pub at: Timestamp,
    /// What.
    pub kind: DueKind,
    /// Whose.
    pub tenant: TenantId,
}

/// The accounts of a partition that something is due for, in the order of the work.
#[derive(Clone, Debug, Default)]
pub struct DueQueue {
    keys: BTreeSet<DueKey>,
}

impl DueQueue {
    /// The queue of these accounts, with all work done as of `done`.
    pub fn of<'a>(accounts: impl Iterator<Item = &'a Account>, warning_days: &[u32], done: Done) -> DueQueue {
        let key = |account: &Account| {
            let (at, kind) = next_of(account, warning_days, done)?;
            Some(DueKey { at, kind, tenant: account.tenant.clone() })
        };
        DueQueue { keys: accounts.filter_map(key).collect() }
    }

    /// The first behind `taken`; with `None` the first of all.
    pub fn first_after(&self, taken: Option<&DueKey>) -> Option<&DueKey> {
        match taken {
            None => self.keys.first(),
            Some(taken) => self.keys.range((Bound::Excluded(taken), Bound::Unbounded)).next(),
        }
    }

    /// How many are queued.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether none is queued.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    pub(super) fn drop_up_to(&mut self, taken: &DueKey) {
        while self.keys.first().is_some_and(|first| first <= taken) {
            self.keys.pop_first();
        }
    }

    pub(super) fn extend(&mut self, keys: impl IntoIterator<Item = DueKey>) {
        self.keys.extend(keys);
    }
}
