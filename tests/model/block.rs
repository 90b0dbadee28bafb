//! What follows from a cause, in the order of F15: pool 80, pool 100; user blocked; balance low; balance reached zero; tenant
//! blocked or unblocked; recharge.

use serde_json::{Value, json};

use super::account::{Account, Block};
use super::catalog::Scope;
use super::licences::places;
use super::money::amount;
use super::plan::{PAID_CLASSES, classes_of};
use super::pool::{Place, Pool, PoolKey, pool};
use super::{Model, time};

/// Minutes that a debit drew.
pub struct Drew {
    /// The pool after it.
    pub pool: Pool,
    pub minutes: u64,
}

impl Drew {
    pub fn json(&self) -> Value {
        let Pool { key: PoolKey { id, month, .. }, size, used, scope, .. } = &self.pool;
        super::without_nulls(json!({"id": id, "month": month, "minutes": self.minutes, "used": used, "size": size,
            "of_user": (*scope == Scope::User).then_some(true)}))
    }
}

/// What was true before a cause (A7, A10).
pub struct Before {
    is_low: bool,
    is_at_zero: bool,
    blocked_users: Vec<String>,
}

fn is_low(account: &Account) -> bool {
    account.settings.notify_below.is_some_and(|below| account.balance() < below)
}

fn is_at_zero(account: &Account) -> bool {
    account.balance() <= account.settings.block_at
}

impl Model {
    /// To be asked before anything is changed. `None`: there is no account yet.
    pub(super) fn before(&self, tenant: &str) -> Option<Before> {
        let account = self.accounts.get(tenant)?;
        Some(Before {
            is_low: is_low(account),
            is_at_zero: is_at_zero(account),
            blocked_users: self.blocked_users(account),
        })
    }

    /// By the clock's month (A10).
    fn blocked_users(&self, account: &Account) -> Vec<String> {
        let month = time::month_of(self.clock);
        account.limits.keys().filter(|user| account.is_user_blocked(user, &month)).cloned().collect()
    }

    /// `attempt` is that of a recharge which is due.
    pub(super) fn follow(
        &mut self,
        tenant: &str,
        cause: &str,
        before: Option<Before>,
        drew: Option<&Drew>,
        attempt: u32,
    ) {
        // F19: in a closed account nothing follows.
        if self.account(tenant).closed.is_some() {
            return;
        }
        if let Some(drew) = drew {
            self.pool_notices(tenant, cause, &drew.pool);
        }
        if let Some(before) = before {
            self.user_notices(tenant, cause, &before);
            let account = self.account(tenant);
            let (low, zero) = (is_low(account) && !before.is_low, is_at_zero(account) && !before.is_at_zero);
            let settings = account.settings.clone();
            if low {
                let below = settings.notify_below.map(amount);
                self.event(tenant, "balance.low", cause, json!({ "notify_below": below }));
            }
            if zero {
                let block_at = super::unless_zero(settings.block_at);
                self.event(tenant, "balance.reached_zero", cause, json!({ "block_at": block_at }));
            }
        }
        self.block_or_unblock(tenant, cause);
        self.recharge(tenant, cause, attempt);
    }

    /// F13, A5: once per pool, month and threshold.
    fn pool_notices(&mut self, tenant: &str, cause: &str, pool: &Pool) {
        for threshold in [80, 100] {
            let account = self.account_mut(tenant);
            let is_reached = pool.used * 100 >= pool.size * threshold;
            if is_reached && account.noticed.insert((pool.key.clone(), threshold)) {
                let PoolKey { id, user, month } = &pool.key;
                let body = json!({"pool": id, "month": month, "threshold": threshold, "used": pool.used,
                    "size": pool.size, "user": user});
                self.event(tenant, "pool.threshold_reached", cause, body);
            }
        }
    }

    fn user_notices(&mut self, tenant: &str, cause: &str, before: &Before) {
        let month = time::month_of(self.clock);
        let now = self.blocked_users(self.account(tenant));
        for user in now.iter().filter(|user| !before.blocked_users.contains(user)) {
            let limit = &self.account(tenant).limits[user];
            let body = json!({"user": user, "month": month, "monthly_limit": amount(limit.limit),
                "spent": amount(limit.spent.get(&month).copied().unwrap_or(0))});
            self.event(tenant, "user.blocked", cause, body);
        }
        for user in before.blocked_users.iter().filter(|user| !now.contains(user)) {
            self.event(tenant, "user.unblocked", cause, json!({"user": user, "month": month}));
        }
    }

    /// A8: an event whenever what is wanted differs from what is in force.
    fn block_or_unblock(&mut self, tenant: &str, cause: &str) {
        let wanted = self.wanted_block(self.account(tenant));
        if wanted == self.account(tenant).block {
            return;
        }
        self.account_mut(tenant).block.clone_from(&wanted);
        match wanted {
            None => self.event(tenant, "tenant.unblocked", cause, json!({})),
            Some(Block { reason, classes, pools }) => {
                let body = json!({"reason": (reason != "balance").then_some(reason), "classes": classes,
                    "pools": (!pools.is_empty()).then_some(pools)});
                self.event(tenant, "tenant.blocked", cause, body);
            }
        }
    }

    fn wanted_block(&self, account: &Account) -> Option<Block> {
        let limit = account.settings.daily_limit;
        let reason = if is_at_zero(account) {
            "balance"
        } else if limit.is_some_and(|limit| account.spent_today(self.clock) >= limit) {
            "daily_limit"
        } else {
            return None;
        };
        let mut covered: Vec<&'static str> = Vec::new();
        let mut pools: Vec<String> = Vec::new();
        for (plan, country) in places(&account.licences) {
            let Some(plan) = self.catalog.plan(&plan, self.clock) else { continue };
            let place = Place { usage_country: &country, user: None, start: self.clock, clock: self.clock };
            for allotment in plan.allotments.iter().filter(|allotment| allotment.scope != Scope::User) {
                let pool = pool(&self.catalog, account, plan, allotment, place);
                if pool.available > 0 && pool.licences > 0 {
                    covered.extend(classes_of(plan, &allotment.name));
                }
                if pool.size > 0 && pool.available == 0 {
                    pools.push(pool.key.id);
                }
            }
        }
        pools.sort();
        pools.dedup();
        let classes = PAID_CLASSES.into_iter().filter(|class| !covered.contains(class)).collect();
        Some(Block { reason, classes, pools })
    }
}
