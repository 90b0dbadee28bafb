//! `apply` takes what continues the state, and refuses everything else without changing anything.

use std::borrow::Cow;

use super::*;
use crate::core::event::{Cause, ChargeLine, LineKind};
use crate::core::scenario::*;

/// The next event of an account whose balance is 3.00 in the lots l3 (1.00) and l5 (2.00).
fn next(account: &Account, balance: &str, body: EventBody<'static>) -> Event<'static> {
    Event {
        tenant: TENANT.into(),
        seq: account.seq + 1,
        time: noon(),
        cause: Cause::Written("test".into()),
        balance: money(balance),
        body,
    }
}

fn two_lots() -> Account {
    let mut scenario = Scenario::funded("1");
    scenario.command(add("2", "second"));
    Account::clone(&scenario.account())
}

/// A debit as the engine decides one, of a call that costs 0.125.
fn debit(change: impl FnOnce(&mut Debit<'static>)) -> EventBody<'static> {
    let mut debit = Debit {
        call_id: "a".into(),
        part: 0,
        is_final: true,
        shrunk: false,
        number_type: crate::core::cdr::NumberType::User,
        plan: None,
        pool: None,
        cumulative: None,
        spent: None,
        service: crate::core::cdr::Service::Calling,
        direction: crate::core::cdr::Direction::Outbound,
        user: None,
        number: None,
        answered_at: None,
        duration: seconds(60),
        billed_seconds: 60,
        class: crate::core::cdr::CallClass::OutboundInternational,
        paid_seconds: 60,
        lines: [ChargeLine { kind: LineKind::Usage, amount: money("0.125") }].into_iter().collect(),
        amount: money("0.125"),
        priced_by: None,
        free_call: false,
        lots: [draw(3, "0.125")].into_iter().collect(),
        debt: Money::ZERO,
        content: crate::core::identity::Content(1),
        replay_of: None,
        attributes: Vec::new(),
    };
    change(&mut debit);
    EventBody::CallDebited(Box::new(debit))
}

fn draw(lot: u64, amount: &str) -> Draw {
    Draw { lot: LotId(lot), amount: money(amount) }
}

/// Costs this much, in one line.
fn costs(debit: &mut Debit<'static>, amount: &str) {
    debit.amount = money(amount);
    debit.lines[0].amount = debit.amount;
}

fn funds(amount: &str, debt_repaid: &str) -> EventBody<'static> {
    EventBody::FundsAdded {
        command: mark(),
        funds: Funds { amount: money(amount), debt_repaid: money(debt_repaid), expires_at: at("2027-11-20T12:00:00Z") },
        payment_reference: "r".into(),
    }
}

fn mark() -> crate::core::event::CommandMark<'static> {
    crate::core::event::CommandMark { body_hash: crate::core::identity::BodyHash(1), actor: None }
}

#[test]
fn r42_an_event_that_does_not_continue_the_state_changes_nothing() {
    let account = two_lots();
    let good = next(&account, "2.875", debit(|_| ()));
    let case = |what, event: Event<'static>| (what, event);
    let with = |balance: &str, change: fn(&mut Debit<'static>)| next(&account, balance, debit(change));
    let cases = [
        case("a gap", Event { seq: good.seq + 1, ..good.clone() }),
        case("a repeat", Event { seq: good.seq - 1, ..good.clone() }),
        case("another balance", Event { balance: money("2.874999999"), ..good.clone() }),
        case("lines that do not sum to the amount", with("2.875", |debit| debit.lines[0].amount = money("0.124"))),
        case("no lines", with("2.875", |debit| debit.lines.clear())),
        case("too little drawn", with("2.875", |debit| debit.lots[0].amount = money("0.1"))),
        case("drawn and owed", with("2.875", |debit| debit.debt = money("0.125"))),
        case(
            "owed while lots are left",
            with("2.875", |debit| {
                debit.lots.clear();
                debit.debt = money("0.125");
            }),
        ),
        case(
            "owed while one lot is left",
            with("1.875", |debit| {
                costs(debit, "1.125");
                debit.lots[0] = draw(3, "1");
                debit.debt = money("0.125");
            }),
        ),
        case("a lot that is not there", with("2.875", |debit| debit.lots[0].lot = LotId(4))),
        case(
            "more than the lot holds",
            with("1.999", |debit| {
                costs(debit, "1.001");
                debit.lots[0].amount = money("1.001");
            }),
        ),
        case(
            "one lot twice",
            with("1", |debit| {
                costs(debit, "2");
                debit.lots = [draw(3, "1"), draw(3, "1")].into_iter().collect();
            }),
        ),
        case(
            "lots out of order",
            with("2", |debit| {
                costs(debit, "1");
                debit.lots = [draw(5, "0.5"), draw(3, "0.5")].into_iter().collect();
            }),
        ),
        case("a draw of nothing", with("2.875", |debit| debit.lots.push(draw(5, "0")))),
        case(
            "a negative debit",
            with("3.125", |debit| {
                costs(debit, "-0.125");
                debit.lots[0].amount = money("-0.125");
            }),
        ),
        case("an opening of what is open", Event { body: opening(), ..next(&account, "3", debit(|_| ())) }),
        case("funds of nothing", next(&account, "3", funds("0", "0"))),
        case("funds that repay a debt that is not", next(&account, "4", funds("1", "1"))),
        case("a sum at the limit", next(&account, "3", funds("999999999999999", "0"))),
        case("a lot that expires twice", next(&account, "2", expired(4, "1"))),
        case("more expired than there was", next(&account, "1", expired(3, "2"))),
    ];
    for (what, event) in cases {
        let mut broken = account.clone();
        assert!(broken.apply(&event).is_err(), "{what}");
        assert_eq!(broken, account, "{what}");
    }
    let mut sound = account.clone();
    sound.apply(&good).expect("it continues the state");
    assert_eq!((sound.balance(), sound.seq, sound.totals.debited), (money("2.875"), account.seq + 1, money("0.125")));
}

fn expired(lot: u64, amount: &str) -> EventBody<'static> {
    EventBody::FundsExpired { lot: LotId(lot), amount: money(amount) }
}

fn opening() -> EventBody<'static> {
    let settings = TenantSettings::clone(&Scenario::opened().account().settings);
    EventBody::TenantOpened { command: mark(), settings }
}

#[test]
fn r42_funds_repay_debt_first_and_all_of_it_that_they_can() {
    let mut scenario = Scenario::opened();
    scenario.call(call("a", "+33612345678", 60));
    let account = Account::clone(&scenario.account());
    assert_eq!(account.debt, money("0.125"));
    for wrong in ["0", "0.1", "0.126", "1"] {
        let mut broken = account.clone();
        assert!(broken.apply(&next(&account, "0.875", funds("1", wrong))).is_err(), "{wrong}");
        assert_eq!(broken, account);
    }
    let mut sound = account.clone();
    sound.apply(&next(&account, "0.875", funds("1", "0.125"))).expect("it continues the state");
    assert_eq!((sound.debt, sound.lots[0].remaining), (Money::ZERO, money("0.875")));
}

#[test]
fn r42_an_account_begins_with_its_opening() {
    let first = Event { seq: 1, ..next(&two_lots(), "0", opening()) };
    let account = Account::opened(&first).expect("an opening");
    assert_eq!((account.balance(), account.seq), (Money::ZERO, 1));
    for (what, event) in [
        ("not the first", Event { seq: 2, ..first.clone() }),
        ("with money", Event { balance: money("1"), ..first.clone() }),
        ("of no tenant", Event { tenant: Cow::Borrowed("a/b"), ..first.clone() }),
        ("something else", Event { seq: 1, ..next(&two_lots(), "0", EventBody::TenantUnblocked) }),
    ] {
        assert!(Account::opened(&event).is_err(), "{what}");
    }
}
