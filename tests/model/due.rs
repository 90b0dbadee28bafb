//! Due work (F14, A14): of everything that could be due the earliest is done, until nothing is.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::account::Account;
use super::money::amount;
use super::recharge::request_json;
use super::{Model, time};

/// Before a lot expires (R32).
const WARNING_DAYS: [i64; 2] = [30, 7];
const STATUS_AFTER: SignedDuration = SignedDuration::from_hours(1);
/// R34 is read so that both waits begin with the request.
const UNRESOLVED_AFTER: SignedDuration = SignedDuration::from_hours(23);

/// A kind of due work; the order is that in which work of one instant is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Work {
    Expiry { lot: u64 },
    Warning { lot: u64, days: i64 },
    Month,
    Day,
    Retry,
    Status { request: u64 },
    Unresolved { request: u64 },
}

impl Work {
    fn kind(self) -> u8 {
        match self {
            Work::Expiry { .. } => 0,
            Work::Warning { .. } => 1,
            Work::Month => 2,
            Work::Day => 3,
            Work::Retry => 4,
            Work::Status { .. } => 5,
            Work::Unresolved { .. } => 6,
        }
    }
}

/// Everything that will be due of an account, as it is now.
pub(super) fn works(account: &Account) -> Vec<(Timestamp, Work)> {
    let mut works: Vec<(Timestamp, Work)> =
        account.lots.iter().map(|lot| (lot.expires_at, Work::Expiry { lot: lot.seq })).collect();
    if account.closed.is_some() {
        return works;
    }
    for lot in &account.lots {
        for days in WARNING_DAYS {
            let at = lot.expires_at - time::days(days);
            // One that would lie before the purchase, or at it, is left out.
            if at > lot.purchased_at && !lot.warned.contains(&days) {
                works.push((at, Work::Warning { lot: lot.seq, days }));
            }
        }
    }
    works.push((time::next_month_begin(account.judged_month), Work::Month));
    works.push((time::next_day(account.judged_day), Work::Day));
    if let Some(retry) = &account.recharges.retry {
        works.push((retry.at, Work::Retry));
    }
    if let Some(request) = account.recharges.in_flight() {
        if !request.status_asked {
            works.push((request.at + STATUS_AFTER, Work::Status { request: request.seq }));
        }
        if !request.unresolved {
            works.push((request.at + UNRESOLVED_AFTER, Work::Unresolved { request: request.seq }));
        }
    }
    works
}

impl Model {
    pub(super) fn do_what_is_due(&mut self, until: Timestamp) {
        loop {
            let all = self.accounts.iter().filter(|(tenant, _)| !self.frozen.contains(*tenant));
            let all = all.flat_map(|(tenant, account)| {
                works(account).into_iter().map(move |(at, work)| (at, work.kind(), tenant, work))
            });
            let Some((at, _, tenant, work)) = all.filter(|(at, ..)| *at <= until).min() else { return };
            let tenant = tenant.clone();
            self.clock = self.clock.max(at);
            self.work(&tenant, at, work);
        }
    }

    fn work(&mut self, tenant: &str, at: Timestamp, work: Work) {
        let before = self.before(tenant);
        let mut attempt = 1;
        let cause = match work {
            Work::Expiry { lot } => {
                let cause = format!("due/expiry/l{lot}");
                self.expire(tenant, &cause, lot);
                cause
            }
            Work::Warning { lot, days } => self.warn(tenant, lot, days),
            Work::Month => {
                self.account_mut(tenant).judged_month = at;
                if !self.month_matters(tenant, at) {
                    return;
                }
                format!("due/month/{}", time::month_of(at))
            }
            Work::Day => {
                let account = self.account_mut(tenant);
                account.judged_day = at;
                // A9: the daily ceiling's block ends with the day.
                if account.block.as_ref().is_none_or(|block| block.reason != "daily_limit") {
                    return;
                }
                format!("due/day/{}", time::day_of(at))
            }
            Work::Retry => {
                // The wait is over, whatever comes of it.
                let recharges = &mut self.account_mut(tenant).recharges;
                let retry = recharges.retry.take().expect("it was due");
                recharges.waited_for = Some(retry.clone());
                attempt = retry.attempt;
                format!("due/retry/{tenant}/r{}", retry.failed)
            }
            Work::Status { request } => self.ask(tenant, request, "status"),
            Work::Unresolved { request } => self.ask(tenant, request, "unresolved"),
        };
        self.follow(tenant, &cause, before, None, attempt);
    }

    /// A13: blocked with licences, or capped with nothing fitting in the month before.
    fn month_matters(&self, tenant: &str, at: Timestamp) -> bool {
        let account = self.account(tenant);
        // Also where all were taken away: their pools of the month before may stand in the block.
        let has_licences = !account.licences.is_empty();
        let was_capped = account.recharges.capped.contains(&time::month_before(&time::month_of(at)));
        (account.block.is_some() && has_licences) || was_capped
    }

    fn warn(&mut self, tenant: &str, lot: u64, days: i64) -> String {
        let cause = format!("due/warning/l{lot}/{days}");
        let account = self.account_mut(tenant);
        let of = account.lots.iter_mut().find(|one| one.seq == lot).expect("the lot was there");
        of.warned.insert(days);
        let body = json!({"lot": format!("l{lot}"), "amount": amount(of.left), "days": days,
            "expires_at": of.expires_at.to_string()});
        self.event(tenant, "funds.expiring", &cause, body);
        cause
    }

    /// No answer came: its status is asked, and at last a person.
    fn ask(&mut self, tenant: &str, request: u64, what: &str) -> String {
        let cause = format!("due/{what}/{tenant}/r{request}");
        let all = &mut self.account_mut(tenant).recharges.all;
        let of = all.iter_mut().find(|one| one.seq == request).expect("the request was there");
        let kind = if what == "status" {
            of.status_asked = true;
            "recharge.status_requested"
        } else {
            of.unresolved = true;
            "recharge.unresolved"
        };
        let body = request_json(tenant, of);
        self.event(tenant, kind, &cause, body);
        cause
    }
}
