//! Commands of every type, for tests: any at all, and one of each.

use std::borrow::Cow;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::tests::money;
use crate::core::cdr::Service;
use crate::core::command::{CommandBody, NamedDebit, OpenTenant, Settlement, UpdateTenant};
use crate::core::money::Money;
use crate::core::recharge::{RechargeId, RechargeSettings};
use crate::core::tenant::NoRatePolicy;
use crate::wire::event::sample::{
    any_debit, any_money, any_positive, any_recharge_settings, any_text, any_time, typical_debit,
};

/// Any command.
pub(super) fn any_command_body() -> impl Strategy<Value = CommandBody<'static>> {
    let name = || "[A-Za-z0-9._-]{1,64}".prop_map(Box::<str>::from);
    let text = || any_text(1, 60).prop_map(Cow::<'static, str>::Owned);
    let boxed = || any_text(1, 60).prop_map(Box::<str>::from);
    let policy = || select(vec![NoRatePolicy::Quarantine, NoRatePolicy::FreeCall]);
    let not_negative = || any_money().prop_filter("not below zero", |amount| !amount.is_negative());
    let plans = || {
        (subsequence(Service::ALL.to_vec(), 0..=3), name()).prop_map(|(services, plan)| {
            services.into_iter().map(|service| (service, plan.clone())).collect::<Vec<_>>()
        })
    };
    let country = || "[A-Z]{2}".prop_map(|country| country.parse().expect("a country"));
    let settings = (name(), option::of(name()), country(), plans(), option::of(boxed()), option::of(policy()));
    let update = (
        option::of(name()),
        option::of(option::of(name())),
        option::of(country()),
        option::of(plans()),
        option::of(option::of(boxed())),
        option::of(option::of(policy())),
        option::of(not_negative()),
        option::of(any_money()),
        (option::of(option::of(any_money())), option::of(option::of(any_positive()))),
    );
    let limits = (option::of(any_money()), option::of(any_positive()));
    prop_oneof![
        ("[A-Z]{3}", settings, not_negative(), any_money(), limits).prop_map(
            |(currency, settings, minimum_funding, block_at, (notify_below, daily_limit))| {
                let (price_list, overlay, usage_country, default_plans, contacts_ref, no_rate) = settings;
                let currency = currency.parse().expect("a currency");
                CommandBody::OpenTenant(OpenTenant {
                    currency,
                    price_list,
                    overlay,
                    usage_country,
                    default_plans,
                    contacts_ref,
                    no_rate,
                    minimum_funding,
                    block_at,
                    notify_below,
                    daily_limit,
                })
            }
        ),
        update.prop_map(|update| {
            let (
                price_list,
                overlay,
                usage_country,
                default_plans,
                contacts_ref,
                no_rate,
                minimum_funding,
                block_at,
                limits,
            ) = update;
            let (notify_below, daily_limit) = limits;
            CommandBody::UpdateTenant(UpdateTenant {
                price_list,
                overlay,
                usage_country,
                default_plans,
                contacts_ref,
                no_rate,
                minimum_funding,
                block_at,
                notify_below,
                daily_limit,
            })
        }),
        (text(), any::<bool>()).prop_map(|(reason, forfeit)| CommandBody::CloseTenant { reason, forfeit }),
        (name(), country(), any::<u32>()).prop_map(|(plan, usage_country, quantity)| CommandBody::SetLicences {
            plan: Cow::Owned(plan.into()),
            usage_country,
            quantity,
        }),
        (text(), option::of(not_negative()))
            .prop_map(|(user, monthly_limit)| CommandBody::LimitUser { user, monthly_limit }),
        (text(), text(), any::<bool>(), any_debits()).prop_map(|(call_id, reason, release, debits)| {
            CommandBody::VoidCall { call_id, reason, release, debits }
        }),
        (any_not_zero(), text(), option::of((text(), any_debits())))
            .prop_map(|(amount, reason, corrects)| CommandBody::AdjustBalance { amount, reason, corrects }),
        (any_positive(), text(), option::of(any_time())).prop_map(|(amount, payment_reference, expires_at)| {
            CommandBody::AddFunds { amount, payment_reference, expires_at }
        }),
        any_recharge_settings().prop_map(CommandBody::<'static>::ConfigureRecharge),
        (1..=u64::MAX, option::of(text())).prop_map(|(id, payment_reference)| CommandBody::SettleRecharge {
            recharge_id: Some(RechargeId(id)),
            written_id: Cow::Owned(RechargeId(id).of("contoso").to_string()),
            settlement: Settlement::Succeeded { payment_reference },
        }),
        text().prop_map(|reason| CommandBody::SettleRecharge {
            recharge_id: None,
            written_id: "elsewhere".into(),
            settlement: Settlement::Failed { reason },
        }),
    ]
}

fn any_debits() -> BoxedStrategy<Vec<NamedDebit<'static>>> {
    let debit = ("[A-Za-z0-9._-]{1,64}", 1..=u64::MAX, any_debit()).prop_map(|(tenant, seq, debit)| NamedDebit {
        tenant: Cow::Owned(tenant),
        seq,
        debit: Box::new(debit),
    });
    vec(debit, 1..3).boxed()
}

fn any_not_zero() -> BoxedStrategy<Money> {
    any_money().prop_filter("not zero", |amount| !amount.is_zero()).boxed()
}

/// One command of each type.
pub(in crate::wire) fn one_of_each() -> Vec<CommandBody<'static>> {
    let settings = RechargeSettings {
        enabled: true,
        trigger: money("50"),
        amount: money("100"),
        payment_method: "pm_1".into(),
        max_per_month: Some(5),
        max_amount: Some(money("300")),
        max_amount_per_month: None,
    };
    let open = OpenTenant {
        currency: "USD".parse().expect("a currency"),
        price_list: "outbound-usd".into(),
        overlay: Some("special".into()),
        usage_country: "US".parse().expect("a country"),
        default_plans: vec![(Service::Calling, "payg".into())],
        contacts_ref: Some("desk-17".into()),
        no_rate: Some(NoRatePolicy::Quarantine),
        minimum_funding: money("10"),
        block_at: money("-5"),
        notify_below: Some(money("20")),
        daily_limit: Some(money("250")),
    };
    let debits = || vec![NamedDebit { tenant: "contoso".into(), seq: 17, debit: Box::new(typical_debit()) }];
    let call_id = typical_debit().call_id;
    let settlement = |settlement| CommandBody::SettleRecharge {
        recharge_id: Some(RechargeId(9)),
        written_id: "contoso/r9".into(),
        settlement,
    };
    vec![
        CommandBody::OpenTenant(open),
        CommandBody::UpdateTenant(UpdateTenant {
            overlay: Some(None),
            block_at: Some(Money::ZERO),
            notify_below: Some(None),
            daily_limit: Some(Some(money("250"))),
            ..Default::default()
        }),
        CommandBody::CloseTenant { reason: "moved away".into(), forfeit: true },
        CommandBody::SetLicences {
            plan: "domestic-us".into(),
            usage_country: "US".parse().expect("a country"),
            quantity: 100,
        },
        CommandBody::VoidCall {
            call_id: call_id.clone(),
            reason: "never made".into(),
            release: true,
            debits: debits(),
        },
        CommandBody::AdjustBalance { amount: money("-5"), reason: "a fee".into(), corrects: None },
        CommandBody::AdjustBalance {
            amount: money("0.1"),
            reason: "wrong price".into(),
            corrects: Some((call_id, debits())),
        },
        CommandBody::LimitUser { user: "ada@contoso.example".into(), monthly_limit: Some(Money::ZERO) },
        CommandBody::LimitUser { user: "ada@contoso.example".into(), monthly_limit: None },
        CommandBody::AddFunds { amount: money("100"), payment_reference: "pay-1".into(), expires_at: None },
        CommandBody::ConfigureRecharge(settings),
        settlement(Settlement::Succeeded { payment_reference: Some("pay-2".into()) }),
        settlement(Settlement::Failed { reason: "card expired".into() }),
    ]
}
