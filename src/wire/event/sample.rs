//! One event of each type, to be read by people, and any event at all.

mod any;
mod call;
mod correction;
mod debit;
mod limits;

pub(in crate::wire) use any::{any_event, any_money, any_positive, any_recharge_settings, any_text, any_time};
pub(in crate::wire) use call::any_debit;
pub(in crate::wire) use debit::typical_debit;

use std::borrow::Cow;

use jiff::Timestamp;

use self::debit::{first_debits, later_debits};
use crate::core::allotments::PoolId;
use crate::core::cdr::Service;
use crate::core::event::{BlockReason, Blocked, Cause, Classes, CommandMark, Event, EventBody, Funds, LotId};
use crate::core::identity::BodyHash;
use crate::core::money::Money;
use crate::core::recharge::{RechargeId, RechargeSettings};
use crate::core::tenant::{NoRatePolicy, TenantSettings};

/// Cause, balance after it, and what happened.
type Told = (&'static str, &'static str, EventBody<'static>);

fn money(text: &str) -> Money {
    text.parse().expect(text)
}

fn at(text: &str) -> Timestamp {
    text.parse().expect(text)
}

fn mark(actor: Option<&'static str>) -> CommandMark<'static> {
    CommandMark { body_hash: BodyHash(0x0123_4567_89ab_cdef), actor: actor.map(Cow::Borrowed) }
}

fn funds(amount: &str, debt: &str) -> Funds {
    Funds { amount: money(amount), debt_repaid: money(debt), expires_at: at("2027-11-20T10:00:00Z") }
}

fn blocked(reason: BlockReason, pools: &[&str]) -> Blocked {
    let pools = pools.iter().map(|pool| PoolId((*pool).into())).collect();
    Blocked { reason, classes: Classes::all_paid(), pools }
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
        notify_below: None,
        daily_limit: None,
    }
}

/// One event of each type, and debits of each kind, as one account could have them.
pub(in crate::wire) fn one_of_each() -> Vec<Event<'static>> {
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
    let [free, unanswered, into_debt] = first_debits();
    let bodies: Vec<Told> = vec![
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
        ("c-4/2", "-0.05", EventBody::TenantBlocked(blocked(BlockReason::Balance, &[]))),
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
                next_at: None,
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
    ];
    let bodies = bodies.into_iter().chain(further_bodies());
    let bodies = bodies.chain(closing_bodies());
    bodies
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

/// What this release added to the ledger.
fn further_bodies() -> Vec<Told> {
    let debits = ["c-7/0", "c-8/0", "c-8/2", "c-8/3", "c-9/0", "c-10/0", "c-11/0"];
    let debits = debits
        .into_iter()
        .zip(later_debits())
        .map(|(cause, debit)| (cause, "-0.12", EventBody::CallDebited(Box::new(debit))));
    debits.chain(limits::bodies()).chain(correction::bodies()).collect()
}

fn closing_bodies() -> Vec<Told> {
    vec![
        ("x1", "99.95", EventBody::TenantClosed { command: mark(None), reason: "moved away".into() }),
        ("x1", "0", EventBody::FundsExpired { lot: LotId(11), amount: money("99.95") }),
    ]
}
