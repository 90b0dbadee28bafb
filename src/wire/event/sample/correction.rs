//! Adjustments and voids.

use super::{Told, at, funds, mark, money};
use crate::core::allotments::PoolId;
use crate::core::event::{AdjustedMoney, Adjustment, Corrects, Draw, EventBody, LotId, PoolUse, Void};
use crate::core::money::Money;
use crate::core::month::Month;

pub(super) fn bodies() -> Vec<Told> {
    let draw = |lot, amount| Draw { lot: LotId(lot), amount: money(amount) };
    let corrects = |debits: &[u64], corrected| Corrects {
        call_id: "c-8".into(),
        debits: debits.to_vec(),
        corrected: money(corrected),
    };
    let adjusted = |money, corrects| {
        EventBody::BalanceAdjusted(Box::new(Adjustment {
            command: mark(Some("desk:ada")),
            reason: "wrong price".into(),
            money,
            corrects,
        }))
    };
    let taken = |amount, debt| AdjustedMoney::Taken {
        amount: money(amount),
        lots: [draw(11, "0.1")].into_iter().collect(),
        debt: money(debt),
    };
    let whole = Void {
        command: mark(Some("desk:ada")),
        reason: "the call was never made".into(),
        call: corrects(&[19, 20, 21], "0.118"),
        release: true,
        amount: money("0.118"),
        debt_repaid: money("0.05"),
        lots: [draw(2, "0.01"), draw(11, "0.02")].into_iter().collect(),
        expires_at: Some(at("2027-11-20T10:16:48.123Z")),
        pool: Some(PoolUse {
            pool: PoolId("domestic-us/domestic/us-pr".into()),
            month: Month::of(at("2026-11-20T10:15:30Z")),
            minutes: 4,
            used: 11_996,
            size: 0,
            of_user: false,
        }),
        user: Some("ada@contoso.example".into()),
        answered_at: Some(at("2026-11-20T10:15:30Z")),
        spent: Some(money("0.26")),
    };
    let nothing = Void {
        command: mark(None),
        call: corrects(&[6], "0"),
        release: false,
        amount: Money::ZERO,
        debt_repaid: Money::ZERO,
        lots: [].into_iter().collect(),
        expires_at: None,
        pool: None,
        user: None,
        answered_at: None,
        spent: None,
        ..whole.clone()
    };
    vec![
        ("a1", "74.5", adjusted(AdjustedMoney::Added(funds("100", "25.5")), None)),
        ("a2", "74.4", adjusted(taken("0.1", "0"), None)),
        ("a3", "74.45", adjusted(AdjustedMoney::Added(funds("0.05", "0")), Some(corrects(&[19, 20, 21], "0.05")))),
        ("a4", "74.25", adjusted(taken("0.2", "0.1"), Some(corrects(&[19, 20, 21], "-0.15")))),
        ("v1", "74.368", EventBody::CallVoided(Box::new(whole))),
        ("v2", "74.368", EventBody::CallVoided(Box::new(nothing))),
    ]
}
