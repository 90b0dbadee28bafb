//! What a tenant's licences include: how many licences there are, and how much of the shared pools is used (R20-R25).
//!
//! A fold of `licences.set`, `call.debited`, `call.voided` and `pool.threshold_reached`. How many minutes a licence is worth,
//! the plan says; here is only what happened. The pools of single users are entries of their own.

use std::fmt;

use compact_str::CompactString;
use smallvec::SmallVec;

use super::month::Month;
use super::number::Country;

/// Months before the clock's whose pools are kept: longer than a call of the widest window can reach back. A call of an
/// older month draws nothing.
pub const POOL_MONTHS_KEPT: u8 = 6;
/// Different (plan, country) of one tenant's licences at most.
pub const LICENCES_MAX: usize = 1_000;

/// A pool, by its name on the wire: `plan/allotment/country-or-union`, `plan/allotment` or `plan/allotment/user`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PoolId(pub CompactString);

impl fmt::Display for PoolId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How far a pool is used when a notice is sent (R25).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Threshold {
    /// 80 %.
    Eighty,
    /// 100 %.
    Hundred,
}

impl Threshold {
    /// Both, in the order of their notices.
    pub const ALL: [Threshold; 2] = [Threshold::Eighty, Threshold::Hundred];

    /// In per cent.
    pub fn percent(self) -> u8 {
        match self {
            Threshold::Eighty => 80,
            Threshold::Hundred => 100,
        }
    }

    /// Whether `used` of `size` minutes are so far (F13).
    pub fn is_reached(self, used: u64, size: u64) -> bool {
        u128::from(used) * 100 >= u128::from(size) * u128::from(self.percent())
    }
}

/// The licences and shared pools of one tenant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allotments {
    /// By plan and country.
    licences: Vec<Licences>,
    /// By plan and feed.
    feeds: Vec<Feed>,
    /// By month and id.
    pools: Vec<Pool>,
}

/// How many licences of a plan a tenant has in a country.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Licences {
    /// The plan.
    pub plan: CompactString,
    /// Where they are used.
    pub country: Country,
    /// The union that shares a pool, or the country itself.
    pub feed: CompactString,
    /// How many.
    pub quantity: u32,
}

/// The licences that feed one pool.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Feed {
    plan: CompactString,
    /// The union or country; `None`: all of the plan.
    feed: Option<CompactString>,
    /// The months in which they changed, rising.
    months: SmallVec<[MonthOfLicences; 2]>,
}

/// A month in which the licences of a feed changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct MonthOfLicences {
    month: Month,
    /// The most there were at any moment of it.
    peak: u64,
    /// At its end, so far.
    closing: u64,
}

/// What happened to a pool in a month.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pool {
    month: Month,
    id: PoolId,
    used: u64,
    noticed: SmallVec<[Threshold; 2]>,
}

impl Allotments {
    /// All licences, by plan and country; also those that are gone, while their pool of the month is there.
    pub fn licences(&self) -> &[Licences] {
        &self.licences
    }

    /// The most licences that fed a pool at any moment of the month (R23, F12); `None`: all of the plan.
    pub fn peak(&self, plan: &str, feed: Option<&str>, month: Month) -> u64 {
        peak(&self.feeds, plan, feed, month)
    }

    /// Minutes of the pool that are used in the month.
    pub fn used(&self, pool: &PoolId, month: Month) -> u64 {
        self.place(pool, month).map_or(0, |place| self.pools[place].used)
    }

    /// The notice was sent in this month.
    pub fn is_noticed(&self, pool: &PoolId, month: Month, threshold: Threshold) -> bool {
        self.place(pool, month).is_ok_and(|place| self.pools[place].noticed.contains(&threshold))
    }

    /// One more (plan, country) would be too many.
    pub fn is_full(&self, plan: &str, country: Country) -> bool {
        self.licences.len() >= LICENCES_MAX && !self.licences.iter().any(|of| of.plan == plan && of.country == country)
    }

    pub(super) fn set_licences(&mut self, plan: &str, country: Country, feed: &str, quantity: u32, month: Month) {
        let key = (plan, country);
        let mut left = None;
        match self.licences.binary_search_by(|of| (of.plan.as_str(), of.country).cmp(&key)) {
            Ok(place) => {
                self.licences[place].quantity = quantity;
                left = Some(std::mem::replace(&mut self.licences[place].feed, feed.into()));
            }
            Err(_) if quantity == 0 => {}
            Err(place) => {
                let licences = Licences { plan: plan.into(), country, feed: feed.into(), quantity };
                self.licences.insert(place, licences);
            }
        }
        // Since a country can join or leave a union, in another number plan.
        if let Some(left) = left.filter(|left| left != feed) {
            self.recount(plan, Some(&left), month);
        }
        self.recount(plan, Some(feed), month);
        self.recount(plan, None, month);
        self.forget(month);
    }

    /// The sum of the licences of a feed has changed in `month`.
    fn recount(&mut self, plan: &str, feed: Option<&str>, month: Month) {
        let feeds = |of: &&Licences| of.plan == plan && feed.is_none_or(|feed| of.feed == feed);
        let sum: u64 = self.licences.iter().filter(feeds).map(|of| u64::from(of.quantity)).sum();
        let opening = self.peak(plan, feed, month);
        let key = (plan, feed);
        let place = match self.feeds.binary_search_by(|of| (of.plan.as_str(), of.feed.as_deref()).cmp(&key)) {
            Ok(place) => place,
            Err(place) => {
                let feed = feed.map(CompactString::from);
                self.feeds.insert(place, Feed { plan: plan.into(), feed, months: SmallVec::new() });
                place
            }
        };
        let months = &mut self.feeds[place].months;
        let changed = MonthOfLicences { month, peak: opening.max(sum), closing: sum };
        match months.last_mut().filter(|last| last.month >= month) {
            Some(last) => *last = MonthOfLicences { month: last.month, ..changed },
            None => months.push(changed),
        }
        // The last of the months before those that are kept says what they began with.
        let oldest = month.back(POOL_MONTHS_KEPT);
        while months.get(1).is_some_and(|second| second.month <= oldest) {
            months.remove(0);
        }
    }

    /// Sets what is used of a pool; `now` is the clock's month.
    pub(super) fn set_used(&mut self, pool: &PoolId, month: Month, used: u64, now: Month) {
        self.pool_at(pool, month).used = used;
        self.forget(now);
    }

    pub(super) fn notice(&mut self, pool: &PoolId, month: Month, threshold: Threshold) {
        let noticed = &mut self.pool_at(pool, month).noticed;
        if !noticed.contains(&threshold) {
            noticed.push(threshold);
        }
    }

    fn place(&self, pool: &PoolId, month: Month) -> Result<usize, usize> {
        self.pools.binary_search_by(|of| (of.month, &of.id).cmp(&(month, pool)))
    }

    fn pool_at(&mut self, pool: &PoolId, month: Month) -> &mut Pool {
        let place = match self.place(pool, month) {
            Ok(place) => place,
            Err(place) => {
                self.pools.insert(place, Pool { month, id: pool.clone(), used: 0, noticed: SmallVec::new() });
                place
            }
        };
        &mut self.pools[place]
    }

    fn forget(&mut self, now: Month) {
        let Allotments { licences, feeds, .. } = self;
        licences.retain(|of| of.quantity > 0 || peak(feeds, &of.plan, Some(&of.feed), now) > 0);
        let oldest = now.back(POOL_MONTHS_KEPT);
        self.pools.retain(|of| of.month >= oldest);
    }
}

fn peak(feeds: &[Feed], plan: &str, feed: Option<&str>, month: Month) -> u64 {
    let Some(feed) = feeds.iter().find(|of| of.plan == plan && of.feed.as_deref() == feed) else { return 0 };
    match feed.months.iter().rev().find(|of| of.month <= month) {
        Some(of) if of.month == month => of.peak,
        Some(before) => before.closing,
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn month(text: &str) -> Month {
        Month::parse(text).expect(text)
    }

    fn set(allotments: &mut Allotments, country: &str, feed: &str, quantity: u32, at: &str) {
        allotments.set_licences("domestic", country.parse().expect(country), feed, quantity, month(at));
    }

    #[test]
    fn f12_a_pool_counts_the_peak_of_the_sum_of_its_licences() {
        let mut allotments = Allotments::default();
        set(&mut allotments, "US", "us-pr", 10, "2026-10");
        set(&mut allotments, "PR", "us-pr", 5, "2026-11");
        set(&mut allotments, "US", "us-pr", 2, "2026-11");
        set(&mut allotments, "GB", "GB", 3, "2026-11");
        let peak = |feed, at| allotments.peak("domestic", feed, month(at));
        let us = Some("us-pr");
        assert_eq!(
            [peak(us, "2026-09"), peak(us, "2026-10"), peak(us, "2026-11"), peak(us, "2026-12")],
            [0, 10, 15, 7]
        );
        // 10, 15, 7, then 10 with Great Britain's.
        assert_eq!([peak(None, "2026-11"), peak(None, "2026-12")], [15, 10]);
        assert_eq!(allotments.peak("other", None, month("2026-11")), 0);
    }

    #[test]
    fn r23_licences_removed_do_not_shrink_the_month() {
        let mut allotments = Allotments::default();
        set(&mut allotments, "GB", "GB", 3, "2026-11");
        set(&mut allotments, "GB", "GB", 0, "2026-11");
        assert_eq!(allotments.peak("domestic", Some("GB"), month("2026-11")), 3);
        assert_eq!(allotments.peak("domestic", Some("GB"), month("2026-12")), 0);
        assert_eq!(allotments.licences().len(), 1, "its pool is there");
        set(&mut allotments, "FR", "FR", 1, "2026-12");
        assert_eq!(allotments.licences().len(), 1, "Great Britain's is forgotten");
    }

    #[test]
    fn f12_licences_whose_country_leaves_a_union_feed_its_pool_no_more() {
        let mut allotments = Allotments::default();
        set(&mut allotments, "US", "us-pr", 10, "2026-10");
        set(&mut allotments, "PR", "us-pr", 5, "2026-10");
        set(&mut allotments, "PR", "PR", 5, "2026-11");
        let peak = |feed, at| allotments.peak("domestic", feed, month(at));
        assert_eq!([peak(Some("us-pr"), "2026-11"), peak(Some("us-pr"), "2026-12")], [15, 10]);
        assert_eq!([peak(Some("PR"), "2026-12"), peak(None, "2026-12")], [5, 15]);
    }

    #[test]
    fn old_months_are_forgotten_but_what_they_closed_with() {
        let mut allotments = Allotments::default();
        let pool = PoolId("domestic/domestic/GB".into());
        set(&mut allotments, "GB", "GB", 3, "2026-01");
        set(&mut allotments, "GB", "GB", 4, "2026-02");
        allotments.set_used(&pool, month("2026-02"), 7, month("2026-02"));
        set(&mut allotments, "GB", "GB", 5, "2026-11");
        assert_eq!(allotments.used(&pool, month("2026-02")), 0);
        assert_eq!(allotments.peak("domestic", Some("GB"), month("2026-05")), 4);
        assert_eq!(allotments.peak("domestic", Some("GB"), month("2026-01")), 0);
        allotments.set_used(&pool, month("2026-11"), 7, month("2026-11"));
        allotments.notice(&pool, month("2026-11"), Threshold::Eighty);
        assert_eq!(allotments.used(&pool, month("2026-11")), 7);
        assert!(allotments.is_noticed(&pool, month("2026-11"), Threshold::Eighty));
    }

    #[test]
    fn f13_a_threshold_is_reached_exactly() {
        for (used, size, reached) in [(79, 100, false), (80, 100, true), (4, 5, true), (3, 4, false), (0, 0, true)] {
            assert_eq!(Threshold::Eighty.is_reached(used, size), reached, "{used} of {size}");
        }
        assert!(!Threshold::Hundred.is_reached(99, 100) && Threshold::Hundred.is_reached(100, 100));
    }
}
