//! Rare events of accounts that operators count: neither calls nor recharges nor blocks of a tenant, which have metrics of their own.

use crate::core::allotments::Threshold;
use crate::core::event::EventBody;

/// An event of an account that is counted by what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountEvent {
    /// A pool is used to 80 % (R25).
    PoolEighty,
    /// A pool is used up.
    PoolHundred,
    /// A user has reached the monthly limit (R38).
    UserBlocked,
    /// A user may call again.
    UserUnblocked,
    /// The balance fell below `notify_below` (R36).
    BalanceLow,
    /// The balance fell to `block_at` or below.
    BalanceReachedZero,
    /// Funds will lapse (R32).
    FundsExpiring,
    /// Funds have lapsed.
    FundsExpired,
    /// A balance was put right by hand.
    BalanceAdjusted,
    /// A call was taken back.
    CallVoided,
}

impl AccountEvent {
    /// All of them.
    pub const ALL: [AccountEvent; 10] = [
        AccountEvent::PoolEighty,
        AccountEvent::PoolHundred,
        AccountEvent::UserBlocked,
        AccountEvent::UserUnblocked,
        AccountEvent::BalanceLow,
        AccountEvent::BalanceReachedZero,
        AccountEvent::FundsExpiring,
        AccountEvent::FundsExpired,
        AccountEvent::BalanceAdjusted,
        AccountEvent::CallVoided,
    ];

    /// What an event counts as, if as anything.
    pub fn of(body: &EventBody<'_>) -> Option<AccountEvent> {
        Some(match body {
            EventBody::PoolThresholdReached { threshold: Threshold::Eighty, .. } => AccountEvent::PoolEighty,
            EventBody::PoolThresholdReached { threshold: Threshold::Hundred, .. } => AccountEvent::PoolHundred,
            EventBody::UserBlocked { .. } => AccountEvent::UserBlocked,
            EventBody::UserUnblocked { .. } => AccountEvent::UserUnblocked,
            EventBody::BalanceLow { .. } => AccountEvent::BalanceLow,
            EventBody::BalanceReachedZero { .. } => AccountEvent::BalanceReachedZero,
            EventBody::FundsExpiring { .. } => AccountEvent::FundsExpiring,
            EventBody::FundsExpired { .. } => AccountEvent::FundsExpired,
            EventBody::BalanceAdjusted(_) => AccountEvent::BalanceAdjusted,
            EventBody::CallVoided(_) => AccountEvent::CallVoided,
            _ => return None,
        })
    }

    /// The label.
    pub fn name(self) -> &'static str {
        match self {
            AccountEvent::PoolEighty => "pool_80",
            AccountEvent::PoolHundred => "pool_100",
            AccountEvent::UserBlocked => "user_blocked",
            AccountEvent::UserUnblocked => "user_unblocked",
            AccountEvent::BalanceLow => "balance_low",
            AccountEvent::BalanceReachedZero => "balance_reached_zero",
            AccountEvent::FundsExpiring => "funds_expiring",
            AccountEvent::FundsExpired => "funds_expired",
            AccountEvent::BalanceAdjusted => "balance_adjusted",
            AccountEvent::CallVoided => "call_voided",
        }
    }
}
