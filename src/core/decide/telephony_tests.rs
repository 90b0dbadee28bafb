//! Plans, pools and parts, corrections, limits and what lapses: a scenario for each rule.

use jiff::SignedDuration;

use super::{CallVerdict, Replay};
use crate::core::catalog::Catalog;
use crate::core::cdr::{Cdr, Direction, NumberType};
use crate::core::command::{CommandBody, NamedDebit, UpdateTenant};
use crate::core::event::{BlockReason, Debit, EventBody};
use crate::core::plan::Classes;
use crate::core::scenario::*;

const HOME: &str = "+14255550100";

fn licences(plan: &'static str, quantity: u32) -> CommandBody<'static> {
    CommandBody::SetLicences { plan: plan.into(), usage_country: country("US"), quantity }
}

fn on_plan(plan: &'static str, cdr: Cdr<'static>) -> Cdr<'static> {
    Cdr { plan: Some(plan.into()), ..cdr }
}

fn limit(amount: Option<&str>) -> CommandBody<'static> {
    CommandBody::LimitUser { user: "ada".into(), monthly_limit: amount.map(money) }
}

fn update(change: impl FnOnce(&mut UpdateTenant)) -> CommandBody<'static> {
    let mut update = UpdateTenant::default();
    change(&mut update);
    CommandBody::UpdateTenant(update)
}

fn part(cdr: Cdr<'static>, part: u32, is_final: bool) -> Cdr<'static> {
    Cdr { part: Some(part), is_final, ..cdr }
}

/// A call that began at a time of its own and has lasted so long.
fn begun(call_id: &'static str, to: &'static str, duration: u64) -> Cdr<'static> {
    let at = noon() - SignedDuration::from_hours(1);
    Cdr { times: crate::core::cdr::CallTimes::Answered { at, duration: seconds(duration) }, ..call(call_id, to, 1) }
}

/// What the plan covers is free; what outlasts the pool is paid, from its end on.
#[test]
fn r24_r25_f15_the_worked_figure_of_a_split_call() {
    let mut scenario = Scenario::funded("10");
    scenario.command(licences("domestic", 1));
    assert_eq!(scenario.call(on_plan("domestic", call("a", HOME, 360))), ["debited 0.00, 6 from the pool"]);
    assert_eq!(
        scenario.call(on_plan("domestic", call("b", HOME, 600))),
        [
            "debited 0.078, 4 from the pool",
            "domestic/domestic/US at 80 %: 10 of 10",
            "domestic/domestic/US at 100 %: 10 of 10"
        ]
    );
    assert_eq!(scenario.call(on_plan("domestic", call("c", HOME, 60))), ["debited 0.013"]);
    assert_eq!(scenario.call(on_plan("domestic", call("d", "+33612345678", 78))), ["debited 0.25"], "no rule: credits");
}

#[test]
fn r23_licences_count_at_once_and_do_not_shrink_the_month() {
    let mut scenario = Scenario::funded("10");
    scenario.command(licences("domestic", 2));
    scenario.command(licences("domestic", 1));
    let calls = [("a", 600), ("b", 600), ("c", 600)];
    let told: Vec<_> = calls
        .iter()
        .map(|(id, length)| scenario.call(on_plan("domestic", call(id, HOME, *length))).remove(0))
        .collect();
    assert_eq!(told, ["debited 0.00, 10 from the pool", "debited 0.00, 10 from the pool", "debited 0.13"]);
    scenario.clock_to(at("2026-12-01T00:00:00Z"));
    let december = |id| ended(on_plan("domestic", call(id, HOME, 600)), at("2026-12-01T00:10:00Z"));
    scenario.clock_to(at("2026-12-01T00:10:00Z"));
    assert_eq!(scenario.call(december("d")).remove(0), "debited 0.00, 10 from the pool", "one licence is left");
    assert_eq!(scenario.call(december("e")).remove(0), "debited 0.13");
}

#[test]
fn r23_a_late_call_draws_on_its_own_month() {
    let mut scenario = Scenario::funded("10");
    scenario.command(licences("domestic", 1));
    scenario.clock_to(at("2026-12-01T12:00:00Z"));
    let late = ended(on_plan("domestic", call("a", HOME, 120)), at("2026-11-30T23:59:59Z"));
    assert_eq!(scenario.call(late), ["debited 0.00, 2 from the pool"]);
    let now = ended(on_plan("domestic", call("b", HOME, 600)), at("2026-12-01T12:00:00Z"));
    assert_eq!(scenario.call(now).remove(0), "debited 0.00, 10 from the pool");
}

#[test]
fn r22_f12_either_pool_that_is_used_up_ends_both() {
    let mut scenario = Scenario::funded("10");
    scenario.command(licences("international", 1));
    let abroad = on_plan("international", call("a", "+442071234567", 300));
    assert_eq!(scenario.call(abroad).remove(0), "debited 0.00, 5 from the pool");
    assert_eq!(scenario.call(on_plan("international", call("b", HOME, 60))), ["debited 0.013"]);
    scenario.command(licences("international", 2));
    let reopened = scenario.call(on_plan("international", call("c", HOME, 60)));
    assert_eq!(reopened, ["debited 0.00, 1 from the pool"], "licences added later reopen them");
}

#[test]
fn r21_a_pool_of_a_user_is_one_licence() {
    let mut scenario = Scenario::funded("10");
    let bob = |id, length| Cdr { user: Some("bob".into()), ..on_plan("personal", call(id, HOME, length)) };
    assert_eq!(
        scenario.call(on_plan("personal", call("a", HOME, 660))),
        [
            "debited 0.013, 10 from the pool",
            "personal/domestic/user at 80 %: 10 of 10",
            "personal/domestic/user at 100 %: 10 of 10"
        ]
    );
    assert_eq!(scenario.call(bob("b", 60)), ["debited 0.00, 1 from the pool"]);
    scenario.commit();
    assert_eq!(scenario.call(bob("c", 60)), ["debited 0.00, 1 from the pool"]);
    let nobody = Cdr { user: None, ..on_plan("personal", call("d", HOME, 60)) };
    assert_eq!(scenario.call(nobody), ["debited 0.013"]);
}

#[test]
fn r35_f16_a_block_leaves_open_what_a_pool_covers_and_changes_with_it() {
    let mut scenario = Scenario::opened();
    let blocked = |scenario: &mut Scenario| scenario.account().blocked.as_deref().cloned().expect("blocked");
    assert_eq!(scenario.command(licences("domestic", 1)), ["licences 1", "blocked"]);
    let all_but_domestic =
        Classes::all_paid().without([crate::core::cdr::CallClass::OutboundDomestic].into_iter().collect());
    assert_eq!(blocked(&mut scenario).classes, all_but_domestic);
    let told = scenario.call(on_plan("domestic", call("a", HOME, 600)));
    assert_eq!(told.last().map(String::as_str), Some("blocked"), "{told:?}");
    let used_up = blocked(&mut scenario);
    assert_eq!((used_up.classes, used_up.pools.len()), (Classes::all_paid(), 1));
    assert_eq!(scenario.clock_to(at("2026-12-01T00:00:00Z")), ["due/month/2026-12", "blocked"], "it is renewed");
    assert_eq!(blocked(&mut scenario).classes, all_but_domestic);
}

#[test]
fn r2_f1_the_parts_of_a_call_cost_what_one_final_record_would() {
    let mut whole = Scenario::funded("10");
    whole.call(begun("a", "+33612345678", 185));
    let mut scenario = Scenario::funded("10");
    assert_eq!(scenario.call(part(begun("a", "+33612345678", 61), 0, false)), ["debited 0.25"]);
    assert_eq!(scenario.call(part(begun("a", "+33612345678", 61), 0, false)), ["duplicate"]);
    scenario.commit();
    assert_eq!(scenario.call(part(begun("a", "+33612345678", 121), 3, false)), ["debited 0.125"], "gaps are fine");
    assert_eq!(scenario.call(part(begun("a", "+33612345678", 90), 2, false)), ["duplicate"], "not newer");
    assert_eq!(scenario.call(part(begun("a", "+33612345678", 60), 4, false)), ["shrunk, debited 0.00"]);
    let last = Cdr { part: None, ..begun("a", "+33612345678", 185) };
    assert_eq!(scenario.call(last.clone()), ["debited 0.125"], "F1: after all parts so far");
    assert_eq!(scenario.balance(), whole.balance());
    assert_eq!(scenario.call(last), ["duplicate"]);
    assert_eq!(scenario.call(part(begun("a", "+33612345678", 185), 9, false)), ["duplicate"], "content of the final's");
    assert_eq!(scenario.call(part(begun("a", "+33612345678", 186), 9, true)), ["quarantined conflicting_duplicate"]);
}

/// A call lasts up to seven days, and its end may come a whole window late.
#[test]
fn r4_a_call_that_goes_on_is_remembered_until_its_last_part_can_come_no_more() {
    const DAY: u64 = 86_400;
    let mut scenario = Scenario::funded("10000");
    let begun = |duration| begun("a", "+33612345678", duration);
    assert_eq!(scenario.call(part(begun(3_600), 0, false)), ["debited 7.50"]);
    scenario.commit();
    scenario.clock_to(noon() + SignedDuration::from_hours(13 * 24));
    scenario.commit();
    // 10,080 minutes at 0.125, less 60.
    assert_eq!(scenario.call(part(begun(7 * DAY), 1, true)), ["debited 1252.50"]);
    assert_eq!(scenario.call(part(begun(7 * DAY), 1, true)), ["duplicate"]);
}

#[test]
fn r2_a_part_of_another_call_is_a_conflict() {
    let mut scenario = Scenario::funded("10");
    scenario.call(part(begun("a", "+33612345678", 61), 0, false));
    assert_eq!(scenario.call(part(begun("a", HOME, 121), 1, false)), ["quarantined conflicting_duplicate"]);
}

#[test]
fn f2_parts_draw_on_a_pool_like_one_call() {
    let mut scenario = Scenario::funded("10");
    scenario.command(licences("domestic", 1));
    let long = |length, number, is_final| part(on_plan("domestic", begun("a", HOME, length)), number, is_final);
    assert_eq!(scenario.call(long(300, 0, false)), ["debited 0.00, 5 from the pool"]);
    assert_eq!(scenario.call(long(540, 1, false)).remove(0), "debited 0.00, 4 from the pool");
    assert_eq!(scenario.call(long(720, 2, true)).remove(0), "debited 0.026, 1 from the pool");
    assert_eq!(scenario.balance(), "9.974");
}

#[test]
fn r32_a_lot_is_warned_of_and_lapses() {
    let mut scenario = Scenario::funded("2");
    scenario.command(CommandBody::AddFunds {
        amount: money("1"),
        payment_reference: "short".into(),
        expires_at: Some(at("2026-12-01T12:00:00Z")),
    });
    let told = scenario.clock_to(at("2026-12-01T12:00:00Z"));
    assert_eq!(told, ["due/warning/l5/7", "l5 expires in 7 days: 1.00", "due/expiry/l5", "expired l5: 1.00"]);
    let told = scenario.clock_to(at("2027-11-20T12:00:00Z"));
    let warned = ["due/warning/l3/30", "l3 expires in 30 days: 2.00", "due/warning/l3/7", "l3 expires in 7 days: 2.00"];
    let lapsed = ["due/expiry/l3", "expired l3: 2.00", "zero", "blocked"];
    assert_eq!(told, warned.into_iter().chain(lapsed).collect::<Vec<_>>());
}

/// F14: a lot that expires at the instant of a debit is gone.
#[test]
fn f14_what_is_due_comes_before_the_call_at_the_same_instant() {
    let mut scenario = Scenario::funded("0.10");
    scenario.clock_to(at("2027-11-20T12:00:00Z"));
    let call = ended(call("a", HOME, 60), at("2027-11-20T12:00:00Z"));
    assert_eq!(scenario.call(call), ["debited 0.013, debt 0.013"]);
}

/// What is queued for the lot has been overtaken; the month's start behind it at that instant has not.
#[test]
fn f14_a_month_begins_though_the_lot_that_was_to_lapse_then_is_spent() {
    let mut scenario = Scenario::opened();
    scenario.command(update(|of| of.block_at = Some(money("-1"))));
    scenario.command(licences("domestic", 1));
    scenario.call(on_plan("domestic", call("a", HOME, 600)));
    let short = |amount: &str, expires_at: Option<&str>, reference| CommandBody::AddFunds {
        amount: money(amount),
        payment_reference: reference,
        expires_at: expires_at.map(at),
    };
    scenario.clock_to(at("2026-11-26T12:00:00Z"));
    scenario.command(short("0.026", Some("2026-12-01T00:00:00Z"), "short".into()));
    scenario.command(short("1", None, "long".into()));
    scenario.command(update(|of| of.block_at = Some(money("5"))));
    let spent = ended(call("b", HOME, 120), at("2026-11-26T12:00:00Z"));
    assert_eq!(scenario.call(spent), ["debited 0.026"]);
    assert_eq!(scenario.clock_to(at("2026-12-01T00:00:00Z")), ["due/month/2026-12", "blocked"], "the pool is new");
}

#[test]
fn r36_a_low_balance_is_told_once_for_each_crossing() {
    let mut scenario = Scenario::funded("1");
    assert_eq!(scenario.command(update(|of| of.notify_below = Some(Some(money("0.9"))))), ["updated"]);
    assert_eq!(scenario.call(call("a", "+33612345678", 60)), ["debited 0.125", "low"]);
    assert_eq!(scenario.call(call("b", "+33612345678", 60)), ["debited 0.125"]);
    assert_eq!(scenario.command(add("1", "more")), ["added 1.00"]);
    assert_eq!(scenario.command(update(|of| of.notify_below = Some(Some(money("5"))))), ["updated", "low"]);
}

#[test]
fn r38_f21_a_user_at_the_limit_is_blocked_for_the_month() {
    let mut scenario = Scenario::funded("10");
    assert_eq!(scenario.command(limit(Some("0.25"))), ["limit 0.25"]);
    assert_eq!(scenario.call(call("a", "+33612345678", 60)), ["debited 0.125"]);
    assert_eq!(scenario.call(call("b", "+33612345678", 60)), ["debited 0.125", "user blocked at 0.25"]);
    assert_eq!(scenario.call(call("c", "+33612345678", 60)), ["debited 0.125"], "told once");
    assert_eq!(scenario.command(limit(Some("1"))), ["limit 1.00", "user unblocked"]);
    assert_eq!(scenario.command(limit(Some("0.375"))), ["limit 0.375", "user blocked at 0.375"], "exactly is reached");
    assert_eq!(scenario.command(limit(None)), ["limit lifted", "user unblocked"]);
    assert_eq!(scenario.command(limit(Some("0"))), ["limit 0.00", "user blocked at 0.00"]);
}

#[test]
fn r38_a_day_at_the_ceiling_is_blocked_until_the_next() {
    let mut scenario = Scenario::funded("10");
    scenario.command(update(|of| of.daily_limit = Some(Some(money("0.2")))));
    assert_eq!(scenario.call(call("a", "+33612345678", 60)), ["debited 0.125"]);
    assert_eq!(scenario.call(call("b", "+33612345678", 60)), ["debited 0.125", "blocked for the day"]);
    let reason = scenario.account().blocked.as_ref().map(|blocked| blocked.reason);
    assert_eq!(reason, Some(BlockReason::DailyLimit));
    assert_eq!(scenario.clock_to(at("2026-11-21T00:00:00Z")), ["due/day/2026-11-21", "unblocked"]);
}

/// The debits of a call, as a command names them.
fn debits_of(scenario: &mut Scenario, cdr: Cdr<'static>) -> Vec<NamedDebit<'static>> {
    let seq = scenario.account().seq + 1;
    let (rules, catalog) = (scenario.rules.clone(), catalog("USD"));
    let catalog: &'static Catalog = Box::leak(Box::new(catalog));
    let verdict = super::call(&mut scenario.view(), catalog, &rules, cdr.clone(), Replay::default());
    let CallVerdict::Debit(EventBody::CallDebited(debit)) = verdict else { panic!("{verdict:?}") };
    scenario.call(cdr);
    vec![NamedDebit { tenant: TENANT.into(), seq, debit }]
}

fn void(call_id: &'static str, release: bool, debits: Vec<NamedDebit<'static>>) -> CommandBody<'static> {
    CommandBody::VoidCall { call_id: call_id.into(), reason: "wrong".into(), release, debits }
}

#[test]
fn r37_a_void_gives_back_money_minutes_and_identity() {
    let mut scenario = Scenario::funded("10");
    scenario.command(licences("domestic", 1));
    let wrong = on_plan("domestic", call("a", HOME, 720));
    let debits = debits_of(&mut scenario, wrong.clone());
    assert_eq!(scenario.balance(), "9.974");
    assert_eq!(scenario.command(void("a", true, debits.clone())), ["voided 0.026, 0.026 to l3"]);
    assert_eq!(scenario.balance(), "10.00");
    let again = scenario.call(on_plan("domestic", call("a", HOME, 600)));
    assert_eq!(again, ["debited 0.00, 10 from the pool"], "not told again");
    assert_eq!(scenario.command(void("a", true, debits)), ["refused exceeds_debit"]);
}

/// What a command says of a past call is not in the state: it must not plant a month that is never forgotten.
#[test]
fn r37_a_void_gives_no_minutes_to_another_month() {
    let mut scenario = Scenario::funded("10");
    scenario.command(licences("domestic", 1));
    let mut debits = debits_of(&mut scenario, on_plan("domestic", call("a", HOME, 60)));
    debits[0].debit.pool.as_mut().expect("a pool paid").month =
        crate::core::month::Month::parse("9999-12").expect("a month");
    assert_eq!(scenario.command(void("a", false, debits)), ["refused malformed"]);
}

#[test]
fn f20_a_void_pays_debt_first_and_what_has_no_lot_is_a_new_one() {
    let mut scenario = Scenario::funded("0.10");
    let debits = debits_of(&mut scenario, call("a", "+33612345678", 60)); // all of l3, and debt
    assert_eq!(scenario.balance(), "-0.025");
    let told = scenario.command(void("a", false, debits));
    assert_eq!(told, ["voided 0.125, 0.025 to debt, 0.10 as a new lot", "unblocked"]);
    assert_eq!(scenario.call(call("a", "+33612345678", 60)), ["duplicate"], "not released");
}

#[test]
fn r37_a_correction_of_a_call_never_exceeds_its_debit() {
    let mut scenario = Scenario::funded("10");
    let debits = debits_of(&mut scenario, call("a", "+33612345678", 60));
    let adjust = |amount: &str, debits: &[NamedDebit<'static>]| CommandBody::AdjustBalance {
        amount: money(amount),
        reason: "rate".into(),
        corrects: Some(("a".into(), debits.to_vec())),
    };
    assert_eq!(scenario.command(adjust("0.10", &debits)), ["adjusted 0.10"]);
    assert_eq!(scenario.command(adjust("0.026", &debits)), ["refused exceeds_debit"]);
    assert_eq!(scenario.command(adjust("0.025", &debits)), ["adjusted 0.025"]);
    assert_eq!(scenario.command(void("a", false, debits.clone())), ["voided 0.00"], "nothing is left to give back");
    assert_eq!(scenario.balance(), "10.00");
    assert_eq!(scenario.command(adjust("-0.05", &debits)), ["adjusted -0.05"], "a dearer price");
    assert_eq!(scenario.command(void("a", false, debits.clone())), ["refused exceeds_debit"], "once is all");
    assert_eq!(scenario.balance(), "9.95");
    let other = vec![NamedDebit { seq: 99, ..debits[0].clone() }];
    assert_eq!(scenario.command(adjust("0.01", &other)), ["refused malformed"]);
}

#[test]
fn r37_a_void_takes_from_the_users_spend_what_the_call_had_added() {
    let mut scenario = Scenario::funded("10");
    let before = debits_of(&mut scenario, call("a", "+33612345678", 60)); // 0.125, before there is a limit
    scenario.command(limit(Some("0.25")));
    let b = debits_of(&mut scenario, call("b", "+33612345678", 60));
    assert_eq!(scenario.call(call("c", "+33612345678", 60)), ["debited 0.125", "user blocked at 0.25"]);
    assert_eq!(scenario.command(void("a", false, before)), ["voided 0.125, 0.125 to l3"], "was never counted");
    let corrects = Some(("b".into(), b.clone()));
    let dearer = CommandBody::AdjustBalance { amount: money("-0.25"), reason: "rate".into(), corrects };
    assert_eq!(scenario.command(dearer), ["adjusted -0.25"]);
    let told = scenario.command(void("b", false, b));
    assert_eq!(told, ["voided 0.375, 0.125 to l3, 0.25 as a new lot", "user unblocked"]);
    assert_eq!(
        scenario.call(call("d", "+33612345678", 60)),
        ["debited 0.125", "user blocked at 0.25"],
        "0.125 of c is left"
    );
}

#[test]
fn r37_a_void_takes_from_the_day_what_the_call_had_added() {
    let mut scenario = Scenario::funded("10");
    scenario.command(update(|of| of.daily_limit = Some(Some(money("0.25")))));
    let debits = debits_of(&mut scenario, call("a", "+33612345678", 60));
    assert_eq!(scenario.call(call("b", "+33612345678", 60)), ["debited 0.125", "blocked for the day"]);
    let corrects = Some(("a".into(), debits.clone()));
    let dearer = CommandBody::AdjustBalance { amount: money("-0.25"), reason: "rate".into(), corrects };
    scenario.command(dearer);
    scenario.command(void("a", false, debits));
    assert_eq!(scenario.call(call("c", "+33612345678", 60)), ["debited 0.125", "blocked for the day"], "b and c");
}

#[test]
fn r37_a_void_names_all_parts_that_were_debited() {
    let part = |number, seconds, is_final| part(begun("a", "+33612345678", seconds), number, is_final);
    let mut scenario = Scenario::funded("10");
    let mut debits = debits_of(&mut scenario, part(0, 60, false));
    let rest = debits_of(&mut scenario, part(1, 120, false));
    assert_eq!(scenario.command(void("a", true, debits.clone())), ["refused malformed"], "part 1 would be paid twice");
    debits.extend(rest);
    assert_eq!(scenario.command(void("a", true, debits)), ["voided 0.25, 0.25 to l3"]);
    assert_eq!(scenario.call(part(2, 180, true)), ["debited 0.375"]);
    assert_eq!(scenario.balance(), "9.625");
}

#[test]
fn law10_debits_that_say_less_than_the_ledger_are_refused_and_freeze_nothing() {
    let mut scenario = Scenario::funded("10");
    let debits = debits_of(&mut scenario, call("a", "+33612345678", 60));
    let naming = |amount: &str| {
        let debit = Box::new(Debit { amount: money(amount), ..(*debits[0].debit).clone() });
        vec![NamedDebit { debit, ..debits[0].clone() }]
    };
    assert_eq!(scenario.command(void("a", false, naming("-0.125"))), ["refused malformed"]);
    let adjust = CommandBody::AdjustBalance {
        amount: money("0.10"),
        reason: "rate".into(),
        corrects: Some(("a".into(), debits.clone())),
    };
    assert_eq!(scenario.command(adjust), ["adjusted 0.10"]);
    assert_eq!(scenario.command(void("a", false, naming("0.05"))), ["refused exceeds_debit"]);
    assert_eq!(scenario.command(void("a", false, debits)), ["voided 0.025, 0.025 to l3"]);
}

#[test]
fn r14_an_inbound_toll_free_call_is_priced_by_both_ends() {
    let inbound = |id, from: &'static str, to: &'static str| Cdr {
        direction: Direction::Inbound,
        number_type: NumberType::TollFree,
        from: from.into(),
        ..call(id, to, 1770)
    };
    let mut scenario = Scenario::funded("100");
    assert_eq!(scenario.call(inbound("a", HOME, "+18005550100")), ["debited 0.66"]);
    assert_eq!(scenario.call(inbound("b", "+442071234567", "+18005550100")), ["debited 1.20"], "an exact pair");
    assert_eq!(scenario.call(inbound("c", "anonymous", "+18005550100")), ["debited 0.66"], "an unknown caller");
    assert_eq!(scenario.call(inbound("d", HOME, "+448001234567")), ["quarantined no_rate"]);
    assert_eq!(scenario.call(inbound("e", HOME, "12")), ["quarantined invalid_number"]);
}

#[test]
fn r26_pay_as_you_go_pays_every_outbound_minute_by_credits() {
    let mut scenario = Scenario::funded("10");
    scenario.command(licences("domestic", 1));
    assert_eq!(scenario.call(on_plan("payg", call("a", HOME, 61))), ["debited 0.026"]);
    let meeting = Cdr { service: crate::core::cdr::Service::Conferencing, ..call("b", HOME, 61) };
    assert_eq!(scenario.call(on_plan("payg", meeting)), ["debited 0.026"]);
}

#[test]
fn r43_what_someone_must_act_on_is_an_alert_and_a_debit_is_not() {
    let mut scenario = Scenario::funded("10");
    let debits = debits_of(&mut scenario, call("a", HOME, 60));
    let debited = EventBody::CallDebited(debits[0].debit.clone());
    let blocked = scenario.account().blocked.as_deref().cloned().map(EventBody::TenantBlocked);
    assert!(!debited.is_alert() && blocked.is_none());
    for body in [
        EventBody::TenantUnblocked,
        EventBody::BalanceReachedZero { block_at: money("0") },
        EventBody::BalanceLow { notify_below: money("5") },
        EventBody::RechargeSuspended { recharge: crate::core::recharge::RechargeId(1) },
    ] {
        assert!(body.is_alert(), "{body:?}");
    }
}
