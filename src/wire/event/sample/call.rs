//! Any debit, and any correction of one.

use std::borrow::Cow;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::any::{
    any_country, any_cow, any_draws, any_lot, any_mark, any_money, any_pool_use, any_positive, any_text, any_time,
};
use crate::core::cdr::{CallClass, Direction, NumberType, Service};
use crate::core::duration::CallDuration;
use crate::core::event::{
    AdjustedMoney, Adjustment, ChargeLine, Corrects, Cumulative, Debit, Draw, Funds, LineKind, PricedBy, Void,
};
use crate::core::identity::Content;
use crate::core::money::Money;

prop_compose! {
    pub(in crate::wire) fn any_debit()(
        (call_id, part, is_final) in (any_text(1, 128), any::<u32>(), any::<bool>()),
        service in select(Service::ALL.to_vec()),
        way in any_way(),
        shrunk: bool,
        (user, number) in (option::of(any_cow()), option::of("[1-9][0-9]{6,14}")),
        (answered_at, micros) in (option::of(any_time()), 0_u64..=604_800_000_000),
        (billed_seconds, paid_seconds) in (any::<u64>(), prop_oneof![Just(None), any::<u64>().prop_map(Some)]),
        class in select(CallClass::ALL.to_vec()),
        (plan, pool, cumulative) in (option::of(any_cow()), option::of(any_pool_use()), option::of(any_cumulative())),
        lines in vec((select(LineKind::ALL.to_vec()), any_money()), 0..5),
        (amount, debt) in (any_money(), any_money()),
        free_call: bool,
        (lots, spent) in (any_draws(), option::of(any_money())),
        (content, replay_of) in (any::<u32>(), option::of(any_cow())),
        attributes in proptest::collection::btree_map("[a-z\"]{0,4}", any_text(0, 8), 0..5),
    ) -> Debit<'static> {
        let (direction, number_type, priced_by) = way;
        Debit {
            call_id: Cow::Owned(call_id),
            part,
            is_final,
            shrunk,
            service,
            direction,
            number_type,
            user,
            number: number.map(|digits| digits.parse().expect("a number")),
            answered_at,
            duration: CallDuration::from_micros(micros).expect("not above 7 days"),
            billed_seconds,
            class,
            plan,
            pool: pool.map(Box::new),
            paid_seconds: paid_seconds.unwrap_or(billed_seconds),
            lines: lines.into_iter().map(|(kind, amount)| ChargeLine { kind, amount }).collect(),
            amount,
            priced_by,
            free_call,
            lots,
            debt,
            cumulative: cumulative.map(Box::new),
            spent,
            content: Content(content),
            replay_of,
            attributes: attributes.into_iter().map(|(name, value)| (Cow::Owned(name), Cow::Owned(value))).collect(),
        }
    }
}

/// What depends on the way of a call: outbound it has a prefix, inbound a number of the tenant's that matters.
fn any_way() -> BoxedStrategy<(Direction, NumberType, Option<PricedBy<'static>>)> {
    let price = |prefix: BoxedStrategy<Option<String>>| {
        (any_cow(), prefix, 0_i64..=i64::MAX >> 20, any_cow(), option::of(any_country())).prop_map(
            |(destination, prefix, nanos, deck, country)| PricedBy {
                destination,
                prefix: prefix.map(Cow::Owned),
                rate: Money::new(nanos.into(), 9).expect("small").to_string().parse().expect("a rate"),
                deck,
                country,
            },
        )
    };
    let outbound = option::of(price("[0-9]{1,9}".prop_map(Some).boxed()));
    let inbound = (select(NumberType::ALL.to_vec()), option::of(price(Just(None).boxed())));
    prop_oneof![
        outbound.prop_map(|price| (Direction::Outbound, NumberType::User, price)),
        inbound.prop_map(|(number_type, price)| (Direction::Inbound, number_type, price)),
    ]
    .boxed()
}

prop_compose! {
    fn any_cumulative()(
        (content, micros) in (any::<u32>(), 0_u64..=604_800_000_000),
        (billed_seconds, paid_seconds, pool_minutes) in any::<(u64, u64, u64)>(),
        (amount, connect, minimum) in (any_money(), any_money(), any_money()),
    ) -> Cumulative {
        Cumulative {
            content: Content(content),
            duration: CallDuration::from_micros(micros).expect("not above 7 days"),
            billed_seconds,
            paid_seconds,
            pool_minutes,
            amount,
            connect,
            minimum,
        }
    }
}

pub(super) fn any_adjustment() -> BoxedStrategy<Adjustment<'static>> {
    let added = (any_positive(), any_money(), any_time())
        .prop_map(|(amount, debt_repaid, expires_at)| AdjustedMoney::Added(Funds { amount, debt_repaid, expires_at }));
    let taken = (any_positive(), any_draws(), any_money()).prop_map(|(amount, lots, debt)| AdjustedMoney::Taken {
        amount,
        lots,
        debt,
    });
    (any_mark(), any_cow(), prop_oneof![added, taken], option::of(any_corrects()))
        .prop_map(|(command, reason, money, corrects)| Adjustment { command, reason, money, corrects })
        .boxed()
}

fn any_corrects() -> BoxedStrategy<Corrects<'static>> {
    (any_cow(), vec(any::<u64>(), 1..5), any_money())
        .prop_map(|(call_id, debits, corrected)| Corrects { call_id, debits, corrected })
        .boxed()
}

prop_compose! {
    /// The amounts add up: a new lot is there where something is left for it.
    pub(super) fn any_void()(
        (command, reason, call) in (any_mark(), any_cow(), any_corrects()),
        release: bool,
        (repaid, drawn, rest) in (0_u32..9, vec((any_lot(), 0_u32..9), 0..4), 0_u32..3),
        expires_at in any_time(),
        (pool, user) in (option::of(any_pool_use()), option::of(any_cow())),
        (answered_at, spent) in (option::of(any_time()), option::of(any_money())),
    ) -> Void<'static> {
        let cents = |cents: u32| Money::new(cents.into(), 2).expect("small");
        Void {
            command,
            reason,
            call,
            release,
            amount: cents(repaid + rest + drawn.iter().map(|(_, amount)| amount).sum::<u32>()),
            debt_repaid: cents(repaid),
            lots: drawn.into_iter().map(|(lot, amount)| Draw { lot, amount: cents(amount) }).collect(),
            expires_at: (rest > 0).then_some(expires_at),
            pool,
            user,
            answered_at,
            spent,
        }
    }
}
