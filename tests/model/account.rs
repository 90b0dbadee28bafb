//! An account: lots, debt, and everything that is remembered of a tenant.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Value, json};

use super::licences::Change;
use super::money::{Amount, LIMIT, amount};
use super::pool::PoolKey;
use super::recharge::Recharges;
use super::settings::Settings;
use super::time::{self, Month};

/// One purchase of funds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lot {
    /// Of the event that made it: `l<seq>`.
    pub seq: u64,
    /// What is left.
    pub left: Amount,
    /// When it was bought.
    pub purchased_at: Timestamp,
    /// From here on it is gone.
    pub expires_at: Timestamp,
    /// Warnings that were sent, by days before.
    pub warned: BTreeSet<i64>,
}

/// A spend limit of a user, with what was spent since there is one, by the call's month (A10).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// The event since which there is one.
    pub since: u64,
    /// Per month.
    pub limit: Amount,
    /// By month.
    pub spent: BTreeMap<Month, Amount>,
}

/// A block in force, as its event said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// `balance` or `daily_limit`.
    pub reason: &'static str,
    /// Blocked classes.
    pub classes: Vec<&'static str>,
    /// Used-up pools.
    pub pools: Vec<String>,
}

/// What a tenant has.
#[derive(Clone, Debug)]
pub struct Account {
    /// Of the last event.
    pub seq: u64,
    /// What an administrator sets.
    pub settings: Settings,
    /// Since when it is closed.
    pub closed: Option<Timestamp>,
    /// Oldest first. A lot of which nothing is left is none any more (F14).
    pub lots: Vec<Lot>,
    /// How far the balance is below zero.
    pub debt: Amount,
    /// Sum of all additions.
    pub added: Amount,
    /// Sum of all debits.
    pub debited: Amount,
    /// Sum of all that expired.
    pub expired: Amount,
    /// Sum of all adjustments, signed.
    pub adjusted: Amount,
    /// The block in force.
    pub block: Option<Block>,
    /// Automatic top-ups.
    pub recharges: Recharges,
    /// Every change of licences.
    pub licences: Vec<Change>,
    /// Minutes that were drawn.
    pub used: BTreeMap<PoolKey, u64>,
    /// Notices that were sent, with the threshold.
    pub noticed: BTreeSet<(PoolKey, u64)>,
    /// By user.
    pub limits: BTreeMap<String, Limit>,
    /// By the UTC day on which calls started (A9).
    pub spent_on: BTreeMap<Date, Amount>,
    /// The last month begin that was judged.
    pub judged_month: Timestamp,
    /// The last midnight that was judged.
    pub judged_day: Timestamp,
}

/// Where the money of a debit came from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drawn {
    /// Lot and amount.
    pub lots: Vec<(u64, Amount)>,
    /// What no lot could pay.
    pub debt: Amount,
}

impl Account {
    /// An account on which nothing has happened.
    pub fn new(settings: Settings, now: Timestamp) -> Account {
        Account {
            seq: 0,
            settings,
            closed: None,
            lots: Vec::new(),
            debt: 0,
            added: 0,
            debited: 0,
            expired: 0,
            adjusted: 0,
            block: None,
            recharges: Recharges::default(),
            licences: Vec::new(),
            used: BTreeMap::new(),
            noticed: BTreeSet::new(),
            limits: BTreeMap::new(),
            spent_on: BTreeMap::new(),
            judged_month: now,
            judged_day: now,
        }
    }

    /// R31.
    pub fn balance(&self) -> Amount {
        self.lots.iter().map(|lot| lot.left).sum::<Amount>() - self.debt
    }

    /// R42: added - debited - expired + adjusted = balance.
    pub fn adds_up(&self) -> bool {
        self.added - self.debited - self.expired + self.adjusted == self.balance()
    }

    /// Takes money from the lots, oldest first; what they lack is debt (R31).
    pub fn draw(&mut self, money: Amount) -> Drawn {
        let mut drawn = Drawn { lots: Vec::new(), debt: money };
        for lot in &mut self.lots {
            let part = drawn.debt.min(lot.left);
            if part > 0 {
                lot.left -= part;
                drawn.debt -= part;
                drawn.lots.push((lot.seq, part));
            }
        }
        self.lots.retain(|lot| lot.left > 0);
        self.debt += drawn.debt;
        drawn
    }

    /// Debt first (F20). Says how much of it was repaid.
    pub fn repay(&mut self, money: Amount) -> Amount {
        let repaid = money.min(self.debt);
        self.debt -= repaid;
        repaid
    }

    /// Adds funds as the lot of the next event, less the debt that they repay. The fields of that event.
    pub fn add_lot(&mut self, money: Amount, now: Timestamp, expires_at: Timestamp) -> Value {
        let repaid = self.repay(money);
        let seq = self.seq + 1;
        if money > repaid {
            let lot = Lot { seq, left: money - repaid, purchased_at: now, expires_at, warned: BTreeSet::new() };
            self.lots.push(lot);
        }
        json!({"lot": format!("l{seq}"), "amount": amount(money), "debt_repaid": super::unless_zero(repaid),
            "expires_at": expires_at.to_string()})
    }

    /// F22: neither the balance nor the sum of what was added may reach the limit.
    pub fn can_add(&self, money: Amount) -> bool {
        self.balance() + money < LIMIT && self.added + money < LIMIT
    }

    /// Whether a user may not spend in a month (F21).
    pub fn is_user_blocked(&self, user: &str, month: &Month) -> bool {
        self.limits.get(user).is_some_and(|limit| limit.spent.get(month).copied().unwrap_or(0) >= limit.limit)
    }

    /// A9.
    pub fn spent_today(&self, now: Timestamp) -> Amount {
        self.spent_on.get(&time::day_of(now)).copied().unwrap_or(0)
    }
}

/// `lots` of an event.
pub fn lots(lots: &[(u64, Amount)]) -> Value {
    let list: Vec<Value> =
        lots.iter().map(|(seq, money)| json!({"lot": format!("l{seq}"), "amount": amount(*money)})).collect();
    if list.is_empty() { Value::Null } else { Value::Array(list) }
}
