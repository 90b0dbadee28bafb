//! Events of every type, for tests: any at all, and one of each to be read by people.

use std::borrow::Cow;

use jiff::Timestamp;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use crate::core::cdr::{CallClass, Direction, Service};
use crate::core::duration::CallDuration;
use crate::core::event::{
    Cause, ChargeLine, Classes, CommandMark, Debit, Draw, Event, EventBody, Funds, LineKind, LotId, PricedBy,
};
use crate::core::identity::{BodyHash, Content};
use crate::core::money::Money;
use crate::core::recharge::{RechargeId, RechargeSettings};
use crate::core::tenant::{NoRatePolicy, TenantSettings};

/// Any event, of any type.
///
/// (Boxed at each step: strategies nest on the stack, and that of a test is small.)
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
        subsequence(CallClass::PAID.to_vec(), 0..=5)
            .prop_map(|classes| EventBody::TenantBlocked { classes: classes.into_iter().collect::<Classes>() }),
        Just(EventBody::TenantUnblocked),
    ];
    let funds = prop_oneof![
        (any_mark(), any_funds(), any_cow()).prop_map(|(command, funds, payment_reference)| {
            EventBody::FundsAdded { command, funds, payment_reference }
        }),
        (any::<u64>(), any_money())
            .prop_map(|(lot, amount)| EventBody::FundsExpired { lot: LotId(lot.max(1)), amount }),
        (any_cow(), option::of(any_cow()), option::of(any_money())).prop_map(
            |(recharge_id, payment_reference, amount)| EventBody::SettlementUnmatched {
                recharge_id,
                payment_reference,
                amount
            }
        ),
    ];
    prop_oneof![tenant, funds, any_recharge(), any_debit().prop_map(|debit| EventBody::CallDebited(Box::new(debit)))]
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
        (any_mark(), id(), any::<u32>(), any_time(), any_money(), any_cow()).prop_map(
            |(command, recharge, attempt, requested_at, amount, reason)| EventBody::RechargeFailed {
                command,
                recharge,
                attempt,
                requested_at,
                amount,
                reason
            }
        ),
        id().prop_map(|recharge| EventBody::RechargeSuspended { recharge }),
        (option::of(id()), any_money()).prop_map(|(recharge, wanted)| EventBody::RechargeCapped { recharge, wanted }),
    ]
    .boxed()
}

prop_compose! {
    fn any_debit()(
        (call_id, part, is_final) in (any_text(1, 128), any::<u32>(), any::<bool>()),
        (service, direction) in (select(Service::ALL.to_vec()), select(Direction::ALL.to_vec())),
        (user, number) in (option::of(any_cow()), option::of("[1-9][0-9]{6,14}")),
        (answered_at, micros) in (option::of(any_time()), 0_u64..=604_800_000_000),
        (billed_seconds, paid_seconds) in (any::<u64>(), prop_oneof![Just(None), any::<u64>().prop_map(Some)]),
        class in select(CallClass::ALL.to_vec()),
        lines in vec((select(LineKind::ALL.to_vec()), any_money()), 0..5),
        (amount, debt) in (any_money(), any_money()),
        priced_by in option::of(any_price()),
        free_call: bool,
        lots in vec((1..=u64::MAX, any_money()), 0..4),
        (content, replay_of) in (any::<u32>(), option::of(any_cow())),
        attributes in proptest::collection::btree_map("[a-z\"]{0,4}", any_text(0, 8), 0..5),
    ) -> Debit<'static> {
        Debit {
            call_id: Cow::Owned(call_id),
            part,
            is_final,
            service,
            direction,
            user,
            number: number.map(|digits| digits.parse().expect("a number")),
            answered_at,
            duration: CallDuration::from_micros(micros).expect("not above 7 days"),
            billed_seconds,
            class,
            paid_seconds: paid_seconds.unwrap_or(billed_seconds),
            lines: lines.into_iter().map(|(kind, amount)| ChargeLine { kind, amount }).collect(),
            amount,
            priced_by,
            free_call,
            lots: lots.into_iter().map(|(lot, amount)| Draw { lot: LotId(lot), amount }).collect(),
            debt,
            content: Content(content),
            replay_of,
            attributes: attributes.into_iter().map(|(name, value)| (Cow::Owned(name), Cow::Owned(value))).collect(),
        }
    }
}

fn any_price() -> BoxedStrategy<PricedBy<'static>> {
    (any_cow(), "[0-9]{1,9}", 0_i64..=i64::MAX >> 20, any_cow())
        .prop_map(|(destination, prefix, nanos, deck)| PricedBy {
            destination,
            prefix: Cow::Owned(prefix),
            rate: Money::new(nanos.into(), 9).expect("small").to_string().parse().expect("a rate"),
            deck,
        })
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

fn any_mark() -> BoxedStrategy<CommandMark<'static>> {
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

fn any_time_ms() -> BoxedStrategy<Timestamp> {
    (-62_135_596_800_000_i64..253_370_764_800_000)
        .prop_map(|millis| Timestamp::from_millisecond(millis).expect("in range"))
        .boxed()
}

fn any_cow() -> BoxedStrategy<Cow<'static, str>> {
    any_text(1, 60).prop_map(Cow::Owned).boxed()
}

/// Text of `min` to `max` bytes, with what JSON escapes among it.
pub(in crate::wire) fn any_text(min: usize, max: usize) -> BoxedStrategy<String> {
    let character =
        prop_oneof![8 => any::<char>(), 8 => proptest::char::range(' ', '~'), 1 => select(vec!['"', '\\', '\0'])];
    vec(character, min..=max / 4).prop_map(|characters| characters.into_iter().collect()).boxed()
}

fn money(text: &str) -> Money {
    text.parse().expect(text)
}

fn at(text: &str) -> Timestamp {
    text.parse().expect(text)
}

fn mark(actor: Option<&'static str>) -> CommandMark<'static> {
    CommandMark { body_hash: BodyHash(0x0123_4567_89ab_cdef), actor: actor.map(Cow::Borrowed) }
}

fn settings() -> TenantSettings {
    TenantSettings {
        currency: "USD".parse().expect("a currency"),
        price_list: "outbound-usd".into(),
        overlay: None,
        usage_country: "US".parse().expect("a country"),
        default_plans: vec![(Service::Calling, "payg".into())],
        contacts_ref: Some("desk-17".into()),
        no_rate: None,
        minimum_funding: Money::ZERO,
        block_at: Money::ZERO,
    }
}

/// A debit as they mostly are: a call abroad, of somebody, with a fee.
pub(in crate::wire) fn typical_debit() -> Debit<'static> {
    Debit {
        call_id: "01J9ZK4Q7V3M8N2R5T6W".into(),
        part: 0,
        is_final: true,
        service: Service::Calling,
        direction: Direction::Outbound,
        user: Some("ada@contoso.example".into()),
        number: Some("33612345678".parse().expect("a number")),
        answered_at: Some(at("2026-11-20T10:15:30Z")),
        duration: "78".parse().expect("a duration"),
        billed_seconds: 120,
        class: CallClass::OutboundInternational,
        paid_seconds: 120,
        lines: [(LineKind::Usage, "0.25"), (LineKind::Connect, "0.05")]
            .into_iter()
            .map(|(kind, amount)| ChargeLine { kind, amount: money(amount) })
            .collect(),
        amount: money("0.30"),
        priced_by: Some(PricedBy {
            destination: "France Mobile".into(),
            prefix: "336".into(),
            rate: "0.125".parse().expect("a rate"),
            deck: "outbound-usd@0a1b2c3d4e5f".into(),
        }),
        free_call: false,
        lots: [Draw { lot: LotId(2), amount: money("0.30") }].into_iter().collect(),
        debt: Money::ZERO,
        content: Content(0xdead_beef),
        replay_of: None,
        attributes: [].into_iter().collect(),
    }
}

/// One event of each type, and debits of each kind, as one account could have them.
pub(in crate::wire) fn one_of_each() -> Vec<Event<'static>> {
    let funds = |amount, debt| Funds {
        amount: money(amount),
        debt_repaid: money(debt),
        expires_at: at("2027-11-20T10:00:00Z"),
    };
    let requested_at = at("2026-11-20T10:16:48.123Z");
    let recharge = RechargeId(9);
    let full_settings = TenantSettings {
        overlay: Some("contoso-special".into()),
        default_plans: Service::ALL.map(|service| (service, "payg".into())).to_vec(),
        no_rate: Some(NoRatePolicy::FreeCall),
        minimum_funding: money("10"),
        block_at: money("-25.5"),
        ..settings()
    };
    let recharge_settings = RechargeSettings {
        enabled: true,
        trigger: money("50"),
        amount: money("100"),
        payment_method: "pm_1".into(),
        max_per_month: Some(5),
        max_amount: Some(money("300")),
        max_amount_per_month: Some(money("1000")),
    };
    let free = Debit {
        service: Service::Conferencing,
        direction: Direction::Inbound,
        user: None,
        number: None,
        class: CallClass::OnNet,
        paid_seconds: 0,
        lines: [].into_iter().collect(),
        amount: Money::ZERO,
        priced_by: None,
        lots: [].into_iter().collect(),
        duration: "78.25".parse().expect("a duration"),
        ..typical_debit()
    };
    let unanswered = Debit {
        answered_at: None,
        duration: CallDuration::ZERO,
        billed_seconds: 0,
        class: CallClass::Unanswered,
        ..free.clone()
    };
    let into_debt = Debit {
        part: 2,
        is_final: false,
        free_call: true,
        lots: [Draw { lot: LotId(2), amount: money("0.1") }, Draw { lot: LotId(5), amount: money("0.15") }]
            .into_iter()
            .collect(),
        debt: money("0.05"),
        replay_of: Some("tollkeeper.quarantine/3/9".into()),
        attributes: [("site".into(), "Paris \"Est\"".into()), ("queue".into(), "".into())].into_iter().collect(),
        ..typical_debit()
    };
    let bodies: Vec<(&'static str, &str, EventBody<'static>)> = vec![
        ("o1", "0", EventBody::TenantOpened { command: mark(Some("desk:ada")), settings: settings() }),
        (
            "f1",
            "100",
            EventBody::FundsAdded { command: mark(None), funds: funds("100", "0"), payment_reference: "pay-1".into() },
        ),
        ("u1", "100", EventBody::TenantUpdated { command: mark(None), settings: full_settings }),
        ("rc1", "100", EventBody::RechargeConfigured { command: mark(None), settings: recharge_settings }),
        ("01J9ZK4Q7V3M8N2R5T6W/0", "99.70", EventBody::CallDebited(Box::new(typical_debit()))),
        ("c-2/0", "99.70", EventBody::CallDebited(Box::new(free))),
        ("c-3/0", "99.70", EventBody::CallDebited(Box::new(unanswered))),
        ("c-4/2", "-0.05", EventBody::CallDebited(Box::new(into_debt))),
        (
            "c-4/2",
            "-0.05",
            EventBody::RechargeRequested { attempt: 1, amount: money("100"), payment_method: "pm_1".into() },
        ),
        ("c-4/2", "-0.05", EventBody::TenantBlocked { classes: Classes::all_paid() }),
        (
            "s1",
            "99.95",
            EventBody::RechargeSucceeded {
                command: mark(Some("payments")),
                recharge,
                attempt: 1,
                requested_at,
                funds: funds("100", "0.05"),
                payment_reference: Some("pay-2".into()),
            },
        ),
        ("s1", "99.95", EventBody::TenantUnblocked),
        (
            "s2",
            "99.95",
            EventBody::RechargeFailed {
                command: mark(None),
                recharge,
                attempt: 1,
                requested_at,
                amount: money("100"),
                reason: "card expired".into(),
            },
        ),
        ("s2", "99.95", EventBody::RechargeSuspended { recharge }),
        ("c-5/0", "99.95", EventBody::RechargeCapped { recharge: Some(recharge), wanted: money("300") }),
        ("c-6/0", "99.95", EventBody::RechargeCapped { recharge: None, wanted: money("300") }),
        (
            "s3",
            "99.95",
            EventBody::SettlementUnmatched {
                recharge_id: "contoso/r999".into(),
                payment_reference: Some("pay-3".into()),
                amount: None,
            },
        ),
        ("x1", "99.95", EventBody::TenantClosed { command: mark(None), reason: "moved away".into() }),
        ("x1", "0", EventBody::FundsExpired { lot: LotId(11), amount: money("99.95") }),
    ];
    bodies
        .into_iter()
        .zip(1..)
        .map(|((cause, balance, mut body), seq)| {
            if let (EventBody::CallDebited(debit), Some((call_id, _))) = (&mut body, cause.split_once('/')) {
                debit.call_id = call_id.into();
            }
            (cause, balance, body, seq)
        })
        .map(|(cause, balance, body, seq)| Event {
            tenant: "contoso".into(),
            seq,
            time: at("2026-11-20T10:16:48.123Z"),
            cause: Cause::Written(cause.into()),
            balance: money(balance),
            body,
        })
        .collect()
}
