//! Debits of each kind, to be read by people.

use super::{at, money};
use crate::core::allotments::PoolId;
use crate::core::cdr::{CallClass, Direction, NumberType, Service};
use crate::core::duration::CallDuration;
use crate::core::event::{ChargeLine, Cumulative, Debit, Draw, LineKind, LotId, PoolUse, PricedBy};
use crate::core::identity::Content;
use crate::core::money::Money;
use crate::core::month::Month;

/// A debit as they mostly are: a call abroad, of somebody, with a fee.
pub(in crate::wire) fn typical_debit() -> Debit<'static> {
    Debit {
        call_id: "01J9ZK4Q7V3M8N2R5T6W".into(),
        part: 0,
        is_final: true,
        shrunk: false,
        service: Service::Calling,
        direction: Direction::Outbound,
        number_type: NumberType::User,
        user: Some("ada@contoso.example".into()),
        number: Some("33612345678".parse().expect("a number")),
        answered_at: Some(at("2026-11-20T10:15:30Z")),
        duration: "78".parse().expect("a duration"),
        billed_seconds: 120,
        class: CallClass::OutboundInternational,
        plan: None,
        pool: None,
        paid_seconds: 120,
        lines: [(LineKind::Usage, "0.25"), (LineKind::Connect, "0.05")]
            .into_iter()
            .map(|(kind, amount)| ChargeLine { kind, amount: money(amount) })
            .collect(),
        amount: money("0.30"),
        priced_by: Some(PricedBy {
            destination: "France Mobile".into(),
            prefix: Some("336".into()),
            rate: "0.125".parse().expect("a rate"),
            deck: "outbound-usd@0a1b2c3d4e5f".into(),
            country: None,
        }),
        free_call: false,
        lots: [Draw { lot: LotId(2), amount: money("0.30") }].into_iter().collect(),
        debt: Money::ZERO,
        cumulative: None,
        spent: None,
        content: Content(0xdead_beef),
        replay_of: None,
        attributes: [].into_iter().collect(),
    }
}

/// A free call, an attempt, and a call into debt.
pub(super) fn first_debits() -> [Debit<'static>; 3] {
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
    [free, unanswered, into_debt]
}

/// Debits that a plan, a pool, an inbound price, a short code or earlier parts had a word in.
pub(super) fn later_debits() -> Vec<Debit<'static>> {
    let pool = |minutes, used| {
        Some(Box::new(PoolUse {
            pool: PoolId("domestic-us/domestic/us-pr".into()),
            month: Month::of(at("2026-11-20T10:15:30Z")),
            minutes,
            used,
            size: 12_000,
            of_user: false,
        }))
    };
    let line = |kind, amount| ChargeLine { kind, amount: money(amount) };
    let seconds = |text: &str| -> CallDuration { text.parse().expect(text) };
    let domestic = PricedBy {
        destination: "United States".into(),
        prefix: Some("1425".into()),
        rate: "0.013".parse().expect("a rate"),
        deck: "outbound-usd@0a1b2c3d4e5f".into(),
        country: None,
    };
    let split = Debit {
        number: Some("14255550100".parse().expect("a number")),
        duration: seconds("600"),
        billed_seconds: 600,
        class: CallClass::OutboundDomestic,
        plan: Some("domestic-us".into()),
        pool: pool(4, 12_000),
        paid_seconds: 360,
        lines: [line(LineKind::Usage, "0.078")].into_iter().collect(),
        amount: money("0.078"),
        priced_by: Some(domestic),
        lots: [Draw { lot: LotId(2), amount: money("0.078") }].into_iter().collect(),
        spent: Some(money("0.378")),
        ..typical_debit()
    };
    let first_part = Debit {
        is_final: false,
        duration: seconds("61"),
        billed_seconds: 120,
        pool: pool(2, 11_998),
        paid_seconds: 0,
        lines: [].into_iter().collect(),
        amount: Money::ZERO,
        lots: [].into_iter().collect(),
        cumulative: Some(Box::new(Cumulative {
            content: Content(0x0bad_cafe),
            duration: seconds("61"),
            billed_seconds: 120,
            paid_seconds: 0,
            pool_minutes: 2,
            ..Cumulative::default()
        })),
        spent: None,
        ..split.clone()
    };
    let last_part = Debit {
        part: 3,
        duration: seconds("539"),
        billed_seconds: 480,
        pool: pool(2, 12_000),
        lines: [line(LineKind::Usage, "0.078"), line(LineKind::Connect, "0.05"), line(LineKind::Minimum, "-0.01")]
            .into_iter()
            .collect(),
        amount: money("0.118"),
        lots: [].into_iter().collect(),
        debt: money("0.118"),
        cumulative: Some(Box::new(Cumulative {
            content: Content(0x0bad_cafe),
            duration: seconds("600"),
            billed_seconds: 600,
            paid_seconds: 360,
            pool_minutes: 4,
            amount: money("0.118"),
            connect: money("0.05"),
            minimum: money("-0.01"),
        })),
        spent: None,
        ..split.clone()
    };
    let shrunk = Debit {
        part: 2,
        shrunk: true,
        duration: CallDuration::ZERO,
        billed_seconds: 0,
        pool: None,
        ..first_part.clone()
    };
    let dialled_in = Debit {
        service: Service::Conferencing,
        direction: Direction::Inbound,
        number_type: NumberType::TollFree,
        duration: seconds("1770"),
        billed_seconds: 1_800,
        class: CallClass::InboundTollFree,
        plan: Some("conferencing@fedcba987654".into()),
        paid_seconds: 1_800,
        lines: [line(LineKind::Usage, "0.66")].into_iter().collect(),
        amount: money("0.66"),
        priced_by: Some(PricedBy {
            destination: "toll_free".into(),
            prefix: None,
            rate: "0.022".parse().expect("a rate"),
            deck: "inbound-usd@0a1b2c3d4e5f".into(),
            country: "US".parse().ok(),
        }),
        lots: [Draw { lot: LotId(2), amount: money("0.66") }].into_iter().collect(),
        ..typical_debit()
    };
    let short_code = Debit {
        number: None,
        class: CallClass::OutboundDomestic,
        lines: [line(LineKind::Usage, "1.25")].into_iter().collect(),
        amount: money("1.25"),
        priced_by: Some(PricedBy {
            destination: "Directory assistance".into(),
            prefix: Some("411".into()),
            rate: "1.25".parse().expect("a rate"),
            deck: "number-plan@0a1b2c3d4e5f".into(),
            country: "US".parse().ok(),
        }),
        lots: [Draw { lot: LotId(2), amount: money("1.25") }].into_iter().collect(),
        ..typical_debit()
    };
    let of_user = Debit {
        pool: Some(Box::new(PoolUse {
            pool: PoolId("abroad/world/user".into()),
            month: Month::of(at("2026-11-20T10:15:30Z")),
            minutes: 2,
            used: 48,
            size: 60,
            of_user: true,
        })),
        plan: Some("abroad".into()),
        paid_seconds: 0,
        lines: [].into_iter().collect(),
        amount: Money::ZERO,
        lots: [].into_iter().collect(),
        ..typical_debit()
    };
    vec![split, first_part, shrunk, last_part, dialled_in, short_code, of_user]
}
