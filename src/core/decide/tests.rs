//! What becomes of a call: the reasons in their order, the acceptance window, lots and debt, and what follows.

use jiff::SignedDuration;

use super::*;
use crate::core::cdr::{CallClass, CallTimes, Direction, NumberType};
use crate::core::command::{CommandBody, OpenTenant, UpdateTenant};
use crate::core::scenario::{
    Scenario, add, at, call, catalog, close, country, ended, money, noon, open, recharge, seconds,
};

fn unanswered(call_id: &'static str, to: &'static str) -> Cdr<'static> {
    Cdr { times: CallTimes::Unanswered { ended_at: noon() }, ..call(call_id, to, 0) }
}

/// Opens with other settings, and funds with 100.00.
fn opened_with(open: OpenTenant) -> Scenario {
    let mut scenario = Scenario::empty();
    scenario.command(CommandBody::OpenTenant(open));
    scenario.command(add("100", "first"));
    scenario
}

/// Each record has the faults of two neighbours in the list, and the first is given: so the whole list is in its order.
#[test]
fn r8_the_first_reason_that_applies_is_given() {
    let mut nobody = Scenario::empty();
    assert_eq!(nobody.call(call("a", "+14255550100", 61)), ["quarantined unknown_tenant"]);

    let week = SignedDuration::from_hours(7 * 24);
    let old = noon() - week - SignedDuration::from_secs(1);
    let young = noon() + SignedDuration::from_mins(6);
    let mut scenario = Scenario::funded("100");
    scenario.call(call("a", "+14255550100", 61));
    scenario.clock_to(noon());
    let other_and_old = ended(call("a", "+14255550100", 62), old);
    assert_eq!(scenario.call(other_and_old), ["quarantined conflicting_duplicate"]);
    scenario.command(close(true));
    let after = |to: &'static str| ended(call("b", to, 61), noon() + SignedDuration::from_mins(4));
    assert_eq!(scenario.call(ended(call("b", "12", 61), young)), ["quarantined in_future"]);
    assert_eq!(scenario.call(ended(call("b", "12", 61), old)), ["quarantined too_late"]);
    assert_eq!(scenario.call(after("12")), ["quarantined closed_tenant"]);
    assert_eq!(scenario.call(call("a", "+14255550100", 61)), ["duplicate"], "a duplicate even then");

    let mut scenario = Scenario::funded("100");
    let plan = |cdr: Cdr<'static>| Cdr { plan: Some("domestic-us".into()), ..cdr };
    assert_eq!(scenario.call(plan(call("b", "12", 61))), ["quarantined unknown_plan"]);
    assert_eq!(scenario.call(call("b", "12", 61)), ["quarantined invalid_number"]);
    assert_eq!(scenario.call(call("b", "sip:ada@contoso.example", 61)), ["quarantined invalid_number"]);
    assert_eq!(scenario.call(call("b", "+447012345678", 61)), ["quarantined denied_destination"]);
    assert_eq!(scenario.call(call("b", "+4912345678", 61)), ["quarantined no_rate"]);
    assert_eq!(scenario.call(call("b", "+88112345678", 61)), ["quarantined overflow"]);
    // A later catalog has the list in another currency.
    scenario.catalog = catalog("EUR");
    assert_eq!(scenario.call(call("b", "+447012345678", 61)), ["quarantined denied_destination"]);
    assert_eq!(scenario.call(call("b", "+4912345678", 61)), ["quarantined no_rate"]);
    assert_eq!(scenario.call(call("b", "+88112345678", 61)), ["quarantined currency_mismatch"]);
    assert_eq!(scenario.balance(), "100.00");
}

#[test]
fn f22_an_overflow_moves_nothing() {
    let mut scenario = Scenario::funded("1");
    let before = scenario.account();
    assert_eq!(scenario.call(call("charge", "+88112345678", 120)), ["quarantined overflow"]);
    assert_eq!(scenario.account(), before);
    // Each of these is a charge that can be, but not the balance after the second.
    let half = "debited 500000000000000.00, debt 499999999999999.00";
    assert_eq!(scenario.call(call("half", "+88212345678", 60)), [half, "zero", "blocked"]);
    let before = scenario.account();
    assert_eq!(scenario.call(call("whole", "+88212345678", 60)), ["quarantined overflow"]);
    assert_eq!(scenario.account(), before);
    assert_eq!(scenario.call(call("whole", "+14255550100", 60)), ["debited 0.013, debt 0.013"], "no identity was left");
}

#[test]
fn r3_a_redelivery_moves_no_money() {
    let mut scenario = Scenario::funded("100");
    assert_eq!(scenario.call(call("a", "+14255550100", 61)), ["debited 0.026"]);
    let before = scenario.account();
    for _ in 0..2 {
        assert_eq!(scenario.call(call("a", "+14255550100", 61)), ["duplicate"]);
        scenario.commit();
    }
    assert_eq!(scenario.account(), before);
}

#[test]
fn r3_other_rated_content_conflicts_and_spelling_does_not() {
    let mut scenario = Scenario::funded("100");
    let first = || call("a", "+1 (425) 555-0100", 61);
    scenario.call(first());
    let same = [
        Cdr { to: "14255550100".into(), ..first() },
        Cdr { to: "011 1 425 555 0100".into(), from: "1-425-555-0111".into(), ..first() },
        Cdr { attributes: vec![("site".into(), "berlin".into())], ..first() },
        Cdr { part: Some(0), ..first() },
    ];
    for cdr in same {
        assert_eq!(scenario.call(cdr.clone()), ["duplicate"], "{cdr:?}");
    }
    let other = [
        Cdr { to: "+14255550101".into(), ..first() },
        Cdr { from: "anonymous".into(), ..first() },
        Cdr { on_net: true, ..first() },
        Cdr { user: None, ..first() },
        Cdr { plan: Some("payg".into()), ..first() },
        Cdr { usage_country: Some(country("GB")), ..first() },
        Cdr { service: crate::core::cdr::Service::Conferencing, ..first() },
        Cdr { times: CallTimes::Answered { at: first().started_at(), duration: seconds(62) }, ..first() },
        ended(first(), noon()),
        unanswered("a", "+14255550100"),
    ];
    for cdr in other {
        assert_eq!(scenario.call(cdr.clone()), ["quarantined conflicting_duplicate"], "{cdr:?}");
    }
}

#[test]
fn r3_what_was_quarantined_can_be_sent_again() {
    let mut scenario = Scenario::funded("100");
    assert_eq!(scenario.call(call("a", "+4912345678", 61)), ["quarantined no_rate"]);
    assert_eq!(scenario.call(call("a", "+14255550100", 61)), ["debited 0.026"]);
}

#[test]
fn r4_both_edges_of_the_acceptance_window_are_inside() {
    let nano = SignedDuration::from_nanos(1);
    let (back, ahead) = (SignedDuration::from_hours(7 * 24), SignedDuration::from_mins(5));
    let cases = [
        (noon() - back, "debited 0.013"),
        (noon() - back - nano, "quarantined too_late"),
        (noon() + ahead, "debited 0.013"),
        (noon() + ahead + nano, "quarantined in_future"),
    ];
    for (end, expected) in cases {
        let mut scenario = Scenario::funded("100");
        assert_eq!(scenario.call(ended(call("a", "+14255550100", 60), end)), [expected], "{end}");
    }
}

#[test]
fn r4_an_identity_outlives_every_record_that_could_repeat_it() {
    let day = SignedDuration::from_hours(24);
    let cdr = || ended(call("a", "+14255550100", 60), noon() + SignedDuration::from_mins(5));
    for (later, expected) in [
        (SignedDuration::ZERO, "duplicate"),
        (day * 7, "duplicate"),
        (day * 8, "duplicate"),
        (day * 8 + SignedDuration::from_hours(2), "quarantined too_late"),
    ] {
        let mut scenario = Scenario::funded("100");
        assert_eq!(scenario.call(cdr()), ["debited 0.013"]);
        scenario.commit();
        scenario.clock_to(noon() + later);
        scenario.commit();
        assert_eq!(scenario.call(cdr()), [expected], "{later} later");
    }
}

#[test]
fn a_replay_passes_the_window_and_can_be_a_call_of_its_own() {
    let mut scenario = Scenario::funded("100");
    let cdr = || ended(call("a", "+14255550100", 60), noon() - SignedDuration::from_hours(8 * 24));
    assert_eq!(scenario.call(cdr()), ["quarantined too_late"]);
    let late = || Replay { late: true, ..Replay::default() };
    assert_eq!(scenario.replay(cdr(), late()), ["debited 0.013"]);
    assert_eq!(scenario.replay(cdr(), late()), ["duplicate"]);
    let as_new = || Replay { as_new: Some("cdrs/3/4711".into()), ..late() };
    assert_eq!(scenario.replay(cdr(), as_new()), ["debited 0.013"]);
    assert_eq!(scenario.replay(cdr(), as_new()), ["duplicate"], "twice is once");
    let future = ended(call("b", "+14255550100", 60), noon() + SignedDuration::from_hours(1));
    assert_eq!(scenario.replay(future, late()), ["quarantined in_future"]);
}

#[test]
fn r5_r6_r7_what_is_free_is_debited_with_zero_whatever_its_number() {
    let inbound = |cdr: Cdr<'static>| Cdr { direction: Direction::Inbound, ..cdr };
    let cases = [
        ("unanswered, no number", unanswered("a", "12"), CallClass::Unanswered),
        ("answered for no time", call("b", "+447012345678", 0), CallClass::Unanswered),
        ("on net", Cdr { on_net: true, ..call("c", "sip:bob", 61) }, CallClass::OnNet),
        ("inbound to a user", inbound(call("d", "+14255550111", 61)), CallClass::InboundUser),
        ("911", call("e", "911", 61), CallClass::Emergency),
        ("112, spelt", call("f", "1-1-2", 61), CallClass::Emergency),
        ("the country's own", call("g", "988", 61), CallClass::Emergency),
        (
            "of the country where the user is",
            Cdr { usage_country: Some(country("GB")), ..call("h", "999", 61) },
            CallClass::Emergency,
        ),
        (
            "unanswered, inbound, toll-free",
            Cdr { number_type: NumberType::TollFree, ..inbound(unanswered("i", "+18005550100")) },
            CallClass::Unanswered,
        ),
        ("emergency under any plan", Cdr { plan: Some("other".into()), ..call("j", "911", 61) }, CallClass::Emergency),
    ];
    let mut scenario = Scenario::opened();
    for (what, cdr, class) in cases {
        let settings = &scenario.account().settings;
        let rated =
            rating::rate(&cdr, rating::plan_of(&cdr, settings), settings, &scenario.catalog, NoRatePolicy::Quarantine)
                .expect(what);
        assert!(rated.class == class && matches!(rated.payer, Payer::Nobody), "{what}: {rated:?}");
        assert_eq!(scenario.call(cdr), ["debited 0.00"], "{what}");
    }
    assert_eq!(scenario.call(call("k", "+911", 61)), ["quarantined invalid_number"], "not as dialled");
    assert_eq!(scenario.call(call("l", "999", 61)), ["quarantined invalid_number"], "not of this country");
}

#[test]
fn r9_a_tenant_or_the_engine_may_let_calls_without_a_price_go() {
    use NoRatePolicy::{FreeCall, Quarantine};
    let (free, kept) = ("debited 0.00 as free call", "quarantined no_rate");
    let cases = [
        (None, Quarantine, kept),
        (None, FreeCall, free),
        (Some(Quarantine), FreeCall, kept),
        (Some(FreeCall), Quarantine, free),
    ];
    for (tenant, engine, expected) in cases {
        let mut scenario = opened_with(OpenTenant { no_rate: tenant, ..open() });
        scenario.rules.no_rate = engine;
        assert_eq!(scenario.call(call("a", "+4912345678", 61)), [expected], "{tenant:?} {engine:?}");
        assert_eq!(scenario.call(call("b", "+447012345678", 61)), ["quarantined denied_destination"]);
    }
}

#[test]
fn r31_lots_are_spent_first_in_first_out_and_a_call_is_always_paid() {
    let mut scenario = Scenario::funded("0.20"); // lot l3, and l5 is the next
    scenario.command(add("0.10", "second"));
    assert_eq!(scenario.lots(), ["l3: 0.20", "l5: 0.10"]);
    assert_eq!(scenario.call(call("a", "+33612345678", 60)), ["debited 0.125"]);
    assert_eq!(scenario.lots(), ["l3: 0.075", "l5: 0.10"]);
    assert_eq!(scenario.call(call("b", "+33612345678", 60)), ["debited 0.125"]);
    assert_eq!(scenario.lots(), ["l5: 0.05"]);
    assert_eq!(scenario.call(call("c", "+33612345678", 60)), ["debited 0.125, debt 0.075", "zero", "blocked"]);
    assert_eq!((scenario.lots(), scenario.balance()), (vec![], "-0.075".into()));
    // New funds repay debt first, out of their own lot (F20).
    assert_eq!(scenario.command(add("0.05", "third")), ["added 0.05, repaid 0.05"]);
    assert_eq!((scenario.lots(), scenario.balance()), (vec![], "-0.025".into()));
    assert_eq!(scenario.command(add("1", "fourth")), ["added 1.00, repaid 0.025", "unblocked"]);
    assert_eq!((scenario.lots().len(), scenario.balance()), (1, "0.975".into()));
}

#[test]
fn r30_a_lot_lapses_at_the_same_time_twelve_months_later_and_a_months_end_clamps() {
    let cases = [
        ("2026-11-20T12:34:56.789Z", "2027-11-20T12:34:56.789Z"),
        ("2028-02-29T23:59:59.999Z", "2029-02-28T23:59:59.999Z"),
        ("2027-02-28T00:00:00Z", "2028-02-28T00:00:00Z"),
        ("2026-12-31T23:00:00Z", "2027-12-31T23:00:00Z"),
    ];
    for (bought, lapses) in cases {
        let mut scenario = Scenario::opened();
        scenario.clock_to(at(bought));
        scenario.command(add("1", "x"));
        assert_eq!(scenario.account().lots[0].expires_at, at(lapses), "{bought}");
    }
    let mut scenario = Scenario::opened();
    scenario.rules.lot_months = 1;
    scenario.clock_to(at("2027-01-31T10:00:00Z"));
    scenario.command(add("1", "x"));
    assert_eq!(scenario.account().lots[0].expires_at, at("2027-02-28T10:00:00Z"));
}

#[test]
fn r35_a_tenant_is_blocked_at_the_limit_once_for_each_crossing() {
    let mut scenario = Scenario::funded("0.25");
    assert_eq!(scenario.call(call("a", "+33612345678", 60)), ["debited 0.125"]);
    assert_eq!(scenario.call(call("b", "+33612345678", 60)), ["debited 0.125", "zero", "blocked"], "exactly 0.00");
    assert_eq!(scenario.call(call("c", "+33612345678", 60)), ["debited 0.125, debt 0.125"], "rated, not blocked again");
    assert_eq!(scenario.command(add("0.125", "second")), ["added 0.125, repaid 0.125"], "0.00 is still blocked");
    assert_eq!(scenario.command(add("0.01", "third")), ["added 0.01", "unblocked"]);
    assert_eq!(scenario.call(call("d", "+14255550100", 60)), ["debited 0.013, debt 0.003", "zero", "blocked"]);
}

#[test]
fn r35_a_credit_line_moves_the_limit_and_counts_at_once() {
    let mut scenario = opened_with(OpenTenant { block_at: money("-1"), ..open() });
    assert!(scenario.account().blocked.is_none(), "R39: not blocked at 0");
    let block_at = |amount: &str| {
        CommandBody::UpdateTenant(UpdateTenant { block_at: Some(money(amount)), ..UpdateTenant::default() })
    };
    assert_eq!(scenario.command(block_at("100")), ["updated", "zero", "blocked"]);
    assert_eq!(scenario.command(block_at("100")), ["updated"], "a command that changes nothing still makes its event");
    assert_eq!(scenario.command(block_at("99.99")), ["updated", "unblocked"]);
}

#[test]
fn r35_a_block_lists_the_paid_classes_alone() {
    let mut scenario = Scenario::opened();
    let blocked = scenario.account().blocked.clone().expect("opened at 0");
    for class in CallClass::ALL {
        assert_eq!(blocked.classes.contains(class), CallClass::PAID.contains(&class), "{class:?}");
    }
}

#[test]
fn r39_calls_that_started_before_the_close_are_debited_for_one_window() {
    let mut scenario = Scenario::funded("0.10");
    scenario.command(CommandBody::ConfigureRecharge(recharge("0.05", "1")));
    let closed_at = noon();
    assert_eq!(scenario.command(close(true)), ["closed", "expired l3: 0.10"]);
    // F19: debt is allowed, and no recharge, block or notice follows.
    assert_eq!(scenario.call(call("before", "+14255550100", 60)), ["debited 0.013, debt 0.013"]);
    let started_at =
        |id, started: Timestamp| ended(call(id, "+14255550100", 60), started + SignedDuration::from_secs(60));
    let nano = SignedDuration::from_nanos(1);
    assert_eq!(scenario.call(started_at("at the close", closed_at)), ["quarantined closed_tenant"]);
    assert_eq!(scenario.call(started_at("just before", closed_at - nano)), ["debited 0.013, debt 0.013"]);
    let week = SignedDuration::from_hours(7 * 24);
    scenario.clock_to(closed_at + week);
    assert_eq!(scenario.call(started_at("late", closed_at - nano)), ["debited 0.013, debt 0.013"]);
    scenario.clock_to(closed_at + week + nano);
    assert_eq!(scenario.call(started_at("later", closed_at - nano)), ["quarantined closed_tenant"]);
}

#[test]
fn r40_the_sequence_has_no_gap() {
    let mut scenario = Scenario::funded("0.02");
    assert_eq!(scenario.account().seq, 4, "opened, blocked, added, unblocked");
    scenario.call(call("a", "+14255550100", 61));
    assert_eq!(scenario.account().seq, 7, "debited, zero, blocked");
    scenario.call(call("a", "+14255550100", 61));
    assert_eq!(scenario.account().seq, 7, "a duplicate has no event");
}
