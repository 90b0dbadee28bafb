//! An account of the oracle.

use serde_json::{Value, json};

use super::recharges::Recharges;
use super::{LIMIT, Partition};
use crate::sent::{Settings, amount};

/// What a tenant has. Amounts in units of 10^-9.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) seq: u64,
    pub(crate) settings: Settings,
    pub(crate) closed_ms: Option<i64>,
    /// Sequence number and what is left, oldest first.
    pub(crate) lots: Vec<(u64, i128)>,
    pub(crate) debt: i128,
    pub(crate) blocked: bool,
    pub(crate) recharges: Recharges,
    pub(crate) added: i128,
    pub(crate) debited: i128,
    pub(crate) expired: i128,
}

impl Account {
    pub(super) fn new(settings: Settings) -> Account {
        Account {
            seq: 0,
            settings,
            closed_ms: None,
            lots: Vec::new(),
            debt: 0,
            blocked: false,
            recharges: Recharges::default(),
            added: 0,
            debited: 0,
            expired: 0,
        }
    }

    pub(crate) fn balance(&self) -> i128 {
        self.lots.iter().map(|(_, left)| left).sum::<i128>() - self.debt
    }

    /// Takes a debit from the lots, oldest first; what they lack is debt. Says what came from where.
    pub(super) fn spend(&mut self, money: i128) -> (Vec<Value>, i128) {
        let mut missing = money;
        let mut drawn = Vec::new();
        for (seq, left) in &mut self.lots {
            let part = missing.min(*left);
            if part > 0 {
                *left -= part;
                missing -= part;
                drawn.push(json!({"lot": format!("l{seq}"), "amount": amount(part)}));
            }
        }
        self.lots.retain(|(_, left)| *left > 0);
        self.debt += missing;
        self.debited += money;
        (drawn, missing)
    }

    /// Adds funds as the lot of the next event; says how much of them repaid debt.
    pub(super) fn add(&mut self, money: i128) -> i128 {
        let repaid = money.min(self.debt);
        self.debt -= repaid;
        if money > repaid {
            self.lots.push((self.seq + 1, money - repaid));
        }
        self.added += money;
        repaid
    }

    pub(super) fn can_add(&self, money: i128) -> bool {
        self.balance() + money < LIMIT && self.added + money < LIMIT
    }
}

impl Partition {
    /// Block or unblock, then recharge (F15); nothing in a closed account (F19).
    pub(super) fn follow(&mut self, tenant: &str, cause: &str) {
        let account = self.accounts.get_mut(tenant).expect("something has just happened to it");
        if account.closed_ms.is_some() {
            return;
        }
        let must_be_blocked = account.balance() <= account.settings.block_at;
        if must_be_blocked != account.blocked {
            account.blocked = must_be_blocked;
            let classes = json!([
                "inbound_toll_free",
                "outbound_domestic",
                "outbound_international",
                "conference_dial_out",
                "conference_dial_in"
            ]);
            match must_be_blocked {
                true => self.event(tenant, "tenant.blocked", cause, json!({ "classes": classes })),
                false => self.event(tenant, "tenant.unblocked", cause, json!({})),
            }
        }
        self.recharge(tenant, cause);
    }
}
