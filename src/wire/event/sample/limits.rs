//! Licences, limits, blocks and notices.

use super::{Told, at, blocked, mark, money, settings};
use crate::core::allotments::{PoolId, Threshold};
use crate::core::event::{BlockReason, EventBody, LotId};
use crate::core::month::Month;
use crate::core::recharge::RechargeId;
use crate::core::tenant::TenantSettings;

pub(super) fn bodies() -> Vec<Told> {
    let month = Month::of(at("2026-11-20T10:15:30Z"));
    let licences = |plan: &'static str, country: &str, union, quantity| EventBody::LicencesSet {
        command: mark(None),
        plan: plan.into(),
        usage_country: country.parse().expect(country),
        union,
        quantity,
    };
    let limit = |monthly_limit, since| EventBody::UserLimitSet {
        command: mark(Some("desk:ada")),
        user: "ada@contoso.example".into(),
        monthly_limit,
        since,
    };
    let threshold = |pool: &str, threshold, used, size, user| EventBody::PoolThresholdReached {
        pool: PoolId(pool.into()),
        month,
        threshold,
        used,
        size,
        user,
    };
    let settings = TenantSettings { notify_below: Some(money("20")), daily_limit: Some(money("250")), ..settings() };
    let mut bodies = vec![
        ("u2", "-0.12", EventBody::TenantUpdated { command: mark(None), settings }),
        ("li1", "-0.12", licences("domestic-us", "PR", Some("us-pr".into()), 100)),
        ("li2", "-0.12", licences("conferencing", "GB", None, 0)),
        ("ul1", "-0.12", limit(Some(money("50")), FIRST + 3)),
        ("ul2", "-0.12", limit(Some(money("0")), FIRST + 3)),
        ("ul3", "-0.12", limit(None, FIRST + 3)),
        ("c-12/0", "-0.12", threshold("domestic-us/domestic/us-pr", Threshold::Eighty, 9_600, 12_000, None)),
        (
            "c-12/0",
            "-0.12",
            threshold("abroad/world/user", Threshold::Hundred, 60, 60, Some("ada@contoso.example".into())),
        ),
        (
            "c-12/0",
            "-0.12",
            EventBody::UserBlocked {
                user: "ada@contoso.example".into(),
                month,
                spent: money("50.125"),
                monthly_limit: money("50"),
            },
        ),
        ("ul3", "-0.12", EventBody::UserUnblocked { user: "ada@contoso.example".into(), month }),
        ("c-12/0", "-0.12", EventBody::BalanceLow { notify_below: money("20") }),
        ("c-12/0", "-0.12", EventBody::BalanceReachedZero { block_at: money("0") }),
        ("c-12/0", "-25.5", EventBody::BalanceReachedZero { block_at: money("-25.5") }),
        (
            "c-12/0",
            "-25.5",
            EventBody::TenantBlocked(blocked(
                BlockReason::Balance,
                &["conferencing/dial-out", "domestic-us/domestic/us-pr"],
            )),
        ),
        ("due/day/2026-11-21", "-25.5", EventBody::TenantBlocked(blocked(BlockReason::DailyLimit, &[]))),
    ];
    bodies.extend(due(RechargeId(9)));
    bodies
}

/// The number of the first of these.
const FIRST: u64 = 25;

/// Events of work that was due.
fn due(recharge: RechargeId) -> Vec<Told> {
    let amount = money("100");
    let expires_at = at("2027-11-20T10:00:00Z");
    vec![
        (
            "due/warning/l11/30",
            "-25.5",
            EventBody::FundsExpiring { lot: LotId(11), amount: money("12.5"), expires_at, days: 30 },
        ),
        (
            "s4",
            "-25.5",
            EventBody::RechargeFailed {
                command: mark(None),
                recharge,
                attempt: 1,
                requested_at: at("2026-11-20T10:16:48.123Z"),
                amount,
                reason: "card expired".into(),
                next_at: Some(at("2026-11-20T11:16:48.123Z")),
            },
        ),
        ("due/status/contoso/r9", "-25.5", EventBody::RechargeStatusRequested { recharge, attempt: 2, amount }),
        ("due/unresolved/contoso/r9", "-25.5", EventBody::RechargeUnresolved { recharge, attempt: 2, amount }),
    ]
}
