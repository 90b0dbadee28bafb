//! Automatic top-ups, as a plain list of all that were ever asked for.

use std::collections::BTreeSet;

use serde_json::json;

use super::{DAY_MS, LIMIT, Partition};
use crate::sent::{Recharge, amount};

/// How long a recharge can be settled after its last event.
const MEMORY_MS: i64 = 400 * DAY_MS;

#[derive(Clone, Debug, Default)]
pub(crate) struct Recharges {
    pub(crate) settings: Option<Recharge>,
    pub(crate) all: Vec<Request>,
    pub(crate) suspended: bool,
    /// Months in which it was said that nothing fits.
    pub(crate) said: BTreeSet<String>,
}

#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) seq: u64,
    pub(crate) amount: i128,
    pub(crate) at_ms: i64,
    pub(crate) state: State,
    /// The last event about it: its number and time.
    pub(crate) last: (u64, i64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Open,
    Failed,
    Paid,
}

impl Recharges {
    pub(crate) fn in_flight(&self) -> Option<&Request> {
        self.all.iter().find(|request| request.state == State::Open)
    }

    /// A request that can still be settled.
    pub(super) fn place_of(&self, seq: u64, clock_ms: i64) -> Option<usize> {
        self.all.iter().position(|request| request.seq == seq && clock_ms < request.last.1 + MEMORY_MS)
    }
}

/// `yyyy-mm` in UTC.
fn month(ms: i64) -> String {
    crate::sent::time(ms)[..7].to_owned()
}

impl Partition {
    /// Asks for a top-up, if one is needed (R33).
    pub(super) fn recharge(&mut self, tenant: &str, cause: &str) {
        let clock_ms = self.clock_ms;
        let account = self.accounts.get_mut(tenant).expect("something has just happened to it");
        let (balance, seq) = (account.balance(), account.seq);
        let recharges = &mut account.recharges;
        let Some(settings) = recharges.settings.clone() else { return };
        if !settings.enabled || recharges.suspended || recharges.in_flight().is_some() || balance >= settings.trigger {
            return;
        }
        let unit = settings.amount;
        let multiples = (settings.trigger - balance + unit - 1) / unit;
        let wanted = multiples * unit;
        if settings.trigger - balance >= LIMIT || wanted >= LIMIT {
            return;
        }
        let now = month(clock_ms);
        let counted: Vec<&Request> =
            recharges.all.iter().filter(|r| r.state != State::Failed && month(r.at_ms) == now).collect();
        let mut fitting = multiples;
        if settings.max_per_month.is_some_and(|max| counted.len() >= usize::try_from(max).expect("small")) {
            fitting = 0;
        }
        if let Some(max) = settings.max_amount {
            fitting = fitting.min(max / unit);
        }
        if let Some(max) = settings.max_amount_per_month {
            let asked: i128 = counted.iter().map(|request| request.amount).sum();
            fitting = fitting.min((max - asked).max(0) / unit);
        }
        if fitting == 0 {
            if recharges.said.insert(now) {
                self.event(tenant, "recharge.capped", cause, json!({"wanted": amount(wanted)}));
            }
            return;
        }
        let money = fitting * unit;
        let seq = seq + 1;
        recharges.all.push(Request { seq, amount: money, at_ms: clock_ms, state: State::Open, last: (seq, clock_ms) });
        let id = format!("{tenant}/r{seq}");
        let body = json!({"recharge_id": id, "attempt": 1, "amount": amount(money), "payment_method": "pm-1"});
        self.event(tenant, "recharge.requested", cause, body);
        if money < wanted {
            self.event(tenant, "recharge.capped", cause, json!({"recharge_id": id, "wanted": amount(wanted)}));
        }
    }
}
