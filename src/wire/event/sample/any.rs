//! Any event, of any type.
//!
//! Boxed at each step: strategies nest on the stack, and that of a test is small.

use std::borrow::Cow;

use jiff::Timestamp;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use smallvec::SmallVec;

use super::call::{any_adjustment, any_debit, any_void};
use crate::core::allotments::{PoolId, Threshold};
use crate::core::cdr::{CallClass, Service};
use crate::core::event::{BlockReason, Blocked, Cause, CommandMark, Draw, Event, EventBody, Funds, LotId, PoolUse};
use crate::core::identity::BodyHash;
use crate::core::money::Money;
use crate::core::month::Month;
use crate::core::number::Country;
use crate::core::recharge::{RechargeId, RechargeSettings};
use crate::core::tenant::{NoRatePolicy, TenantSettings};
use crate::wire::event::pool::CALL_MINUTES_MAX;

/// Any event.
pub(in crate::wire) fn any_event() -> BoxedStrategy<Event<'static>> {
    ("[A-Za-z0-9._-]{1,64}", 1..=u64::MAX, any_time_ms(), any_text(0, 60), any_money(), any_body())
        .prop_map(|(tenant, seq, time, cause, balance, body)| Event {
            tenant: Cow::Owned(tenant),
            seq,
            time,
            cause: Cause::Written(Cow::Owned(cause)),
            balance,
            body,
        })
        .boxed()
}

fn any_body() -> BoxedStrategy<EventBody<'static>> {
    let tenant = prop_oneof![
        (any_mark(), any_settings()).prop_map(|(command, settings)| EventBody::TenantOpened { command, settings }),
        (any_mark(), any_settings()).prop_map(|(command, settings)| EventBody::TenantUpdated { command, settings }),
        (any_mark(), any_cow()).prop_map(|(command, reason)| EventBody::TenantClosed { command, reason }),
        any_blocked().prop_map(EventBody::TenantBlocked),
        Just(EventBody::TenantUnblocked),
        (any_mark(), any_name(), any_country(), option::of(any_cow()), any::<u32>()).prop_map(
            |(command, plan, usage_country, union, quantity)| EventBody::LicencesSet {
                command,
                plan: Cow::Owned(plan),
                usage_country,
                union,
                quantity
            }
        ),
    ];
    let funds = prop_oneof![
        (any_mark(), any_funds(), any_cow()).prop_map(|(command, funds, payment_reference)| {
            EventBody::FundsAdded { command, funds, payment_reference }
        }),
        (any_lot(), any_money()).prop_map(|(lot, amount)| EventBody::FundsExpired { lot, amount }),
        (any_lot(), any_money(), any_time(), any::<u32>())
            .prop_map(|(lot, amount, expires_at, days)| EventBody::FundsExpiring { lot, amount, expires_at, days }),
        any_adjustment().prop_map(|adjustment| EventBody::BalanceAdjusted(Box::new(adjustment))),
        any_void().prop_map(|void| EventBody::CallVoided(Box::new(void))),
        (any_cow(), option::of(any_cow()), option::of(any_money())).prop_map(
            |(recharge_id, payment_reference, amount)| EventBody::SettlementUnmatched {
                recharge_id,
                payment_reference,
                amount
            }
        ),
    ];
    prop_oneof![
        tenant,
        funds,
        any_recharge(),
        any_notice(),
        any_debit().prop_map(|debit| EventBody::CallDebited(Box::new(debit)))
    ]
    .boxed()
}

fn any_notice() -> BoxedStrategy<EventBody<'static>> {
    prop_oneof![
        (any_mark(), any_cow(), option::of(any_money()), any::<u64>()).prop_map(
            |(command, user, monthly_limit, since)| EventBody::UserLimitSet { command, user, monthly_limit, since }
        ),
        (any_cow(), any_month(), any_money(), any_money()).prop_map(|(user, month, spent, monthly_limit)| {
            EventBody::UserBlocked { user, month, spent, monthly_limit }
        }),
        (any_cow(), any_month()).prop_map(|(user, month)| EventBody::UserUnblocked { user, month }),
        any_money().prop_map(|notify_below| EventBody::BalanceLow { notify_below }),
        any_money().prop_map(|block_at| EventBody::BalanceReachedZero { block_at }),
        (any_pool_id(), any_month(), select(Threshold::ALL.to_vec()), any::<[u64; 2]>(), option::of(any_cow()))
            .prop_map(|(pool, month, threshold, [used, size], user)| EventBody::PoolThresholdReached {
                pool,
                month,
                threshold,
                used,
                size,
                user
            }),
    ]
    .boxed()
}

fn any_blocked() -> BoxedStrategy<Blocked> {
    (select(BlockReason::ALL.to_vec()), subsequence(CallClass::PAID.to_vec(), 0..=5), vec(any_pool_id(), 0..3))
        .prop_map(|(reason, classes, pools)| Blocked { reason, classes: classes.into_iter().collect(), pools })
        .boxed()
}

fn any_recharge() -> BoxedStrategy<EventBody<'static>> {
    let id = || (1..=u64::MAX).prop_map(RechargeId);
    prop_oneof![
        (any_mark(), any_recharge_settings())
            .prop_map(|(command, settings)| EventBody::RechargeConfigured { command, settings }),
        (any::<u32>(), any_money(), any_cow()).prop_map(|(attempt, amount, payment_method)| {
            EventBody::RechargeRequested { attempt, amount, payment_method }
        }),
        (any_mark(), id(), any::<u32>(), any_time(), any_funds(), option::of(any_cow())).prop_map(
            |(command, recharge, attempt, requested_at, funds, payment_reference)| EventBody::RechargeSucceeded {
                command,
                recharge,
                attempt,
                requested_at,
                funds,
                payment_reference
            }
        ),
        (any_mark(), id(), any::<u32>(), any_time(), any_money(), any_cow(), option::of(any_time())).prop_map(
            |(command, recharge, attempt, requested_at, amount, reason, next_at)| EventBody::RechargeFailed {
                command,
                recharge,
                attempt,
                requested_at,
                amount,
                reason,
                next_at
            }
        ),
        (id(), any::<u32>(), any_money()).prop_map(|(recharge, attempt, amount)| {
            EventBody::RechargeStatusRequested { recharge, attempt, amount }
        }),
        (id(), any::<u32>(), any_money()).prop_map(|(recharge, attempt, amount)| EventBody::RechargeUnresolved {
            recharge,
            attempt,
            amount
        }),
        id().prop_map(|recharge| EventBody::RechargeSuspended { recharge }),
        (option::of(id()), any_money()).prop_map(|(recharge, wanted)| EventBody::RechargeCapped { recharge, wanted }),
    ]
    .boxed()
}

prop_compose! {
    fn any_settings()(
        (currency, price_list) in ("[A-Z]{3}", "[A-Za-z0-9._-]{1,64}"),
        (overlay, usage_country) in (option::of("[A-Za-z0-9._-]{1,64}"), "[A-Z]{2}"),
        (services, plan) in (subsequence(Service::ALL.to_vec(), 0..=3), "[A-Za-z0-9._-]{1,64}"),
        contacts_ref in option::of(any_text(1, 60)),
        no_rate in option::of(select(vec![NoRatePolicy::Quarantine, NoRatePolicy::FreeCall])),
        (minimum_funding, block_at) in (any_money(), any_money()),
        (notify_below, daily_limit) in (option::of(any_money()), option::of(any_money())),
    ) -> TenantSettings {
        TenantSettings {
            currency: currency.parse().expect("a currency"),
            price_list: price_list.into(),
            overlay: overlay.map(Into::into),
            usage_country: usage_country.parse().expect("a country"),
            default_plans: services.into_iter().map(|service| (service, plan.as_str().into())).collect(),
            contacts_ref: contacts_ref.map(Into::into),
            no_rate,
            minimum_funding,
            block_at,
            notify_below,
            daily_limit,
        }
    }
}

prop_compose! {
    pub(in crate::wire) fn any_recharge_settings()(
        (enabled, trigger, amount) in (any::<bool>(), any_money(), any_positive()),
        payment_method in any_text(1, 60),
        max_per_month in option::of(1..=u32::MAX),
        (max_amount, max_amount_per_month) in (option::of(any_positive()), option::of(any_positive())),
    ) -> RechargeSettings {
        RechargeSettings {
            enabled,
            trigger,
            amount,
            payment_method: payment_method.into(),
            max_per_month,
            max_amount,
            max_amount_per_month,
        }
    }
}

fn any_funds() -> BoxedStrategy<Funds> {
    (any_money(), any_money(), any_time())
        .prop_map(|(amount, debt_repaid, expires_at)| Funds { amount, debt_repaid, expires_at })
        .boxed()
}

pub(super) fn any_mark() -> BoxedStrategy<CommandMark<'static>> {
    (any::<u64>(), option::of(any_cow()))
        .prop_map(|(hash, actor)| CommandMark { body_hash: BodyHash(hash), actor })
        .boxed()
}

/// Any amount, zero among the commonest.
pub(in crate::wire) fn any_money() -> BoxedStrategy<Money> {
    const LIMIT: i128 = 10_i128.pow(24);
    prop_oneof![
        Just(Money::ZERO),
        (-100_000_i128..100_000).prop_map(|cents| Money::new(cents, 2).expect("small")),
        (1 - LIMIT..LIMIT).prop_map(|nanos| Money::new(nanos, 9).expect("below the limit")),
    ]
    .boxed()
}

pub(in crate::wire) fn any_positive() -> BoxedStrategy<Money> {
    any_money().prop_filter("above zero", |amount| amount.is_positive()).boxed()
}

/// A time of four digits of a year, to the nanosecond.
pub(in crate::wire) fn any_time() -> BoxedStrategy<Timestamp> {
    (-62_135_596_800_i64..253_370_764_800, 0..1_000_000_000_i32)
        .prop_map(|(second, nanos)| Timestamp::new(second, if second < 0 { 0 } else { nanos }).expect("in range"))
        .boxed()
}

pub(super) fn any_lot() -> BoxedStrategy<LotId> {
    (1..=u64::MAX).prop_map(LotId).boxed()
}

pub(super) fn any_draws() -> BoxedStrategy<SmallVec<[Draw; 2]>> {
    vec((any_lot(), any_money()), 0..4)
        .prop_map(|draws| draws.into_iter().map(|(lot, amount)| Draw { lot, amount }).collect())
        .boxed()
}

fn any_month() -> BoxedStrategy<Month> {
    any_time().prop_map(Month::of).boxed()
}

fn any_name() -> BoxedStrategy<String> {
    "[A-Za-z0-9._-]{1,64}".boxed()
}

pub(super) fn any_country() -> BoxedStrategy<Country> {
    "[A-Z]{2}".prop_map(|country| country.parse().expect("a country")).boxed()
}

fn any_pool_id() -> BoxedStrategy<PoolId> {
    any_text(1, 60).prop_map(|id| PoolId(id.into())).boxed()
}

pub(super) fn any_pool_use() -> BoxedStrategy<PoolUse> {
    (any_pool_id(), any_month(), 0..=CALL_MINUTES_MAX, any::<[u64; 2]>(), any::<bool>())
        .prop_map(|(pool, month, minutes, [used, size], of_user)| PoolUse { pool, month, minutes, used, size, of_user })
        .boxed()
}

fn any_time_ms() -> BoxedStrategy<Timestamp> {
    (-62_135_596_800_000_i64..253_370_764_800_000)
        .prop_map(|millis| Timestamp::from_millisecond(millis).expect("in range"))
        .boxed()
}

pub(super) fn any_cow() -> BoxedStrategy<Cow<'static, str>> {
    any_text(1, 60).prop_map(Cow::Owned).boxed()
}

/// Text of `min` to `max` bytes, with what JSON escapes among it.
pub(in crate::wire) fn any_text(min: usize, max: usize) -> BoxedStrategy<String> {
    let character =
        prop_oneof![8 => any::<char>(), 8 => proptest::char::range(' ', '~'), 1 => select(vec!['"', '\\', '\0'])];
    vec(character, min..=max / 4).prop_map(|characters| characters.into_iter().collect()).boxed()
}
