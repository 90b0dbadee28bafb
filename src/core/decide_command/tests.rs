//! What becomes of a command: refusals in their order, repeats, funds, recharges and their settlements, closing.

use jiff::SignedDuration;

use super::*;
use crate::core::command::Unreadable;
use crate::core::recharge::RechargeSettings;
use crate::core::scenario::{Scenario, add, at, call, close, fail, money, noon, open, recharge, settle};

fn configure(settings: RechargeSettings) -> CommandBody<'static> {
    CommandBody::ConfigureRecharge(settings)
}

fn overlay(deck: &str) -> UpdateTenant {
    UpdateTenant { overlay: Some(Some(deck.into())), ..UpdateTenant::default() }
}

/// Funded with 50.10, and recharged by 100 below 50: the settings of the worked figures.
fn recharged() -> Scenario {
    let mut scenario = Scenario::funded("50.10");
    assert_eq!(scenario.command(configure(recharge("50", "100"))), ["configured"]);
    scenario
}

/// Two minutes to France.
fn quarter(call_id: &'static str) -> crate::core::cdr::Cdr<'static> {
    call(call_id, "+33612345678", 78)
}

#[test]
fn refusals_come_in_their_order() {
    let unreadable = |refusal| Err(Unreadable { refusal, detail: String::new() });
    let unknown_deck = || OpenTenant { price_list: "none".into(), overlay: Some("euro".into()), ..open() };
    let unknown_plan = || OpenTenant {
        default_plans: vec![(Service::Calling, "domestic-us".into())],
        price_list: "none".into(),
        ..open()
    };
    let (day, second) = (SignedDuration::from_hours(24), SignedDuration::from_secs(1));
    let too_old = noon() - day * 35 - second;
    let ahead = noon() + SignedDuration::from_mins(5) + second;

    let mut nobody = Scenario::empty();
    assert_eq!(nobody.request("x", unreadable(Refusal::UnsupportedVersion)), ["refused unsupported_version"]);
    assert_eq!(nobody.request("x", unreadable(Refusal::Malformed)), ["refused malformed"]);
    assert_eq!(nobody.command_as("x", too_old, add("1", "r")), ["refused too_old"]);
    assert_eq!(nobody.command_as("x", ahead, add("1", "r")), ["refused in_future"]);
    assert_eq!(nobody.command(add("1", "r")), ["refused unknown_tenant"]);
    assert_eq!(nobody.command(CommandBody::OpenTenant(unknown_plan())), ["refused unknown_plan"]);
    assert_eq!(nobody.command(CommandBody::OpenTenant(unknown_deck())), ["refused unknown_price_list"]);
    let euro = OpenTenant { overlay: Some("euro".into()), ..open() };
    assert_eq!(nobody.command(CommandBody::OpenTenant(euro)), ["refused currency_mismatch"]);

    let mut scenario = Scenario::funded("100");
    scenario.command_as("applied", noon(), add("1", "second"));
    assert_eq!(scenario.command_as("applied", too_old, add("2", "third")), ["refused conflicting_command"]);
    assert_eq!(scenario.command(CommandBody::OpenTenant(unknown_plan())), ["refused already_open"]);
    let two_faults = UpdateTenant { price_list: Some("euro".into()), ..overlay("none") };
    assert_eq!(scenario.command(CommandBody::UpdateTenant(two_faults)), ["refused unknown_price_list"]);
    assert_eq!(scenario.command(CommandBody::UpdateTenant(overlay("euro"))), ["refused currency_mismatch"]);
    let minimum = UpdateTenant { minimum_funding: Some(money("10")), ..UpdateTenant::default() };
    scenario.command(CommandBody::UpdateTenant(minimum));
    assert_eq!(scenario.command(add("9.99", "second")), ["refused below_minimum"]);
    assert_eq!(scenario.command(add("999999999999999", "second")), ["refused duplicate_payment_reference"]);
    assert_eq!(scenario.command(add("999999999999999", "third")), ["refused overflow"]);
    assert_eq!(scenario.command(settle(99, None)), ["refused unknown_recharge", "unmatched"]);
    assert_eq!(scenario.command(fail(99)), ["refused unknown_recharge"], "no money, no alert");
    assert_eq!(scenario.command(close(false)), ["refused balance_not_zero"]);
    assert_eq!(scenario.balance(), "101.00");
    scenario.command(close(true));
    assert_eq!(scenario.command(CommandBody::UpdateTenant(overlay("none"))), ["refused closed_tenant"]);
    assert_eq!(scenario.command(CommandBody::OpenTenant(open())), ["refused already_open"], "nor is it opened again");
}

#[test]
fn a_command_is_applied_once() {
    let mut scenario = Scenario::opened();
    assert_eq!(scenario.command_as("funds", noon(), add("10", "p-1")), ["added 10.00", "unblocked"]);
    let before = scenario.account();
    assert_eq!(scenario.command_as("funds", noon(), add("10", "p-1")), ["duplicate of 3"]);
    scenario.commit();
    // Asked again at another time: `at` is not part of the body.
    let day = SignedDuration::from_hours(24);
    scenario.clock_to(noon() + day * 35);
    assert_eq!(scenario.command_as("funds", noon() + day, add("10", "p-1")), ["duplicate of 3"]);
    assert_eq!(scenario.command_as("funds", noon() + day, add("11", "p-1")), ["refused conflicting_command"]);
    assert_eq!(scenario.account(), before);
    // Forgotten after 36 days, when the same record is too old.
    scenario.clock_to(noon() + day * 36);
    assert_eq!(scenario.command_as("funds", noon(), add("10", "p-1")), ["refused too_old"]);
    assert_eq!(
        scenario.command_as("funds", noon() + day * 36, add("10", "p-1")),
        ["refused duplicate_payment_reference"]
    );
}

#[test]
fn the_edges_of_a_commands_age_are_inside() {
    let (day, ahead) = (SignedDuration::from_hours(24), SignedDuration::from_mins(5));
    for asked in [noon() - day * 35, noon() + ahead] {
        let mut scenario = Scenario::opened();
        assert_eq!(scenario.command_as("x", asked, add("1", "r")), ["added 1.00", "unblocked"], "{asked}");
    }
}

#[test]
fn a_refused_command_is_judged_anew() {
    let mut scenario = Scenario::empty();
    assert_eq!(scenario.command_as("x", noon(), add("1", "r")), ["refused unknown_tenant"]);
    scenario.command(CommandBody::OpenTenant(open()));
    assert_eq!(scenario.command_as("x", noon(), add("1", "r")), ["added 1.00", "unblocked"]);
}

#[test]
fn funds_that_lapsed_already_are_refused() {
    let lapsing = |expires_at| CommandBody::AddFunds {
        amount: money("1"),
        payment_reference: "r".into(),
        expires_at: Some(expires_at),
    };
    let mut scenario = Scenario::opened();
    assert_eq!(scenario.command(lapsing(noon())), ["refused malformed"]);
    assert_eq!(scenario.command(lapsing(noon() + SignedDuration::from_millis(1))), ["added 1.00", "unblocked"]);
}

#[test]
fn r33_a_recharge_is_requested_strictly_below_the_trigger() {
    let mut scenario = Scenario::funded("50.25");
    scenario.command(configure(recharge("50", "100")));
    assert_eq!(scenario.call(quarter("a")), ["debited 0.25"], "50.00 is not below 50");
    assert_eq!(scenario.call(call("b", "+14255550100", 1)), ["debited 0.013", "requested r8: 100.00"]);
    assert_eq!(scenario.call(quarter("c")), ["debited 0.25"], "one is in flight");
}

#[test]
fn r33_the_worked_figure() {
    let mut scenario = recharged();
    assert_eq!(scenario.call(quarter("a")), ["debited 0.25", "requested r7: 100.00"]);
    assert_eq!(scenario.balance(), "49.85");
    assert_eq!(scenario.command(settle(7, Some("pay-1"))), ["succeeded r7: 100.00"]);
    assert_eq!(scenario.balance(), "149.85");
}

#[test]
fn r33_settings_count_at_once_and_a_request_keeps_its_amount() {
    let mut scenario = Scenario::opened();
    assert_eq!(scenario.command(configure(recharge("50", "20"))), ["configured", "requested r4: 60.00"]);
    assert_eq!(scenario.command(configure(recharge("500", "1000"))), ["configured"], "one is in flight");
    assert_eq!(scenario.command(settle(4, None)), ["succeeded r4: 60.00", "unblocked", "requested r8: 1000.00"]);
    let off = RechargeSettings { enabled: false, ..recharge("500", "1000") };
    assert_eq!(scenario.command(configure(off)), ["configured"]);
    assert_eq!(scenario.command(settle(8, None)), ["succeeded r8: 1000.00"], "what was asked for is taken");
}

#[test]
fn r33_a_capped_request_asks_for_what_fits_and_says_so_once_a_month() {
    let capped = RechargeSettings { max_amount_per_month: Some(money("150")), ..recharge("50", "50") };
    let mut scenario = Scenario::opened();
    scenario.call(call("debt", "+33612345678", 60 * 60 * 24)); // 180.00
    assert_eq!(scenario.balance(), "-180.00");
    assert_eq!(scenario.command(configure(capped)), ["configured", "requested r5: 150.00", "capped r5, wanted 250.00"]);
    assert_eq!(scenario.command(settle(5, None)), ["succeeded r5: 150.00", "capped, wanted 100.00"]);
    assert_eq!(scenario.call(quarter("a")), ["debited 0.25, debt 0.25"], "it was said this month");
    // F17: the next month has room, and its start judges anew.
    let told = scenario.clock_to(at("2026-12-01T00:00:00Z"));
    assert_eq!(told, ["due/month/2026-12", "requested r10: 100.00"]);
}

/// One hour, six, and a day after the failure before; then auto-recharge is suspended until it is configured again.
#[test]
fn r34_a_failure_is_tried_again_three_times_and_the_last_suspends() {
    let mut scenario = recharged();
    scenario.call(quarter("a"));
    let tries = [
        (7, "2026-11-20T13:00:00Z", "due/retry/contoso/r7", "requested r9: 100.00"),
        (9, "2026-11-20T19:00:00Z", "due/retry/contoso/r9", "requested r11: 100.00"),
        (11, "2026-11-21T19:00:00Z", "due/retry/contoso/r11", "requested r13: 100.00"),
    ];
    for (failed, next, cause, requested) in tries {
        assert_eq!(scenario.command(fail(failed)), [format!("failed r{failed}")]);
        let before = at(next) - SignedDuration::from_millis(1);
        assert_eq!(scenario.clock_to(before), Vec::<String>::new(), "nothing is due before {next}");
        assert_eq!(scenario.clock_to(at(next)), [cause, requested]);
    }
    assert_eq!(scenario.account().recharging.in_flight.map(|request| request.attempt), Some(4));
    assert_eq!(scenario.command(fail(13)), ["failed r13", "suspended by r13"]);
    assert_eq!(scenario.command(CommandBody::UpdateTenant(UpdateTenant::default())), ["updated"], "suspended");
    assert_eq!(scenario.command(configure(recharge("50", "100"))), ["configured", "requested r18: 100.00"]);
}

#[test]
fn r34_while_a_retry_waits_nothing_else_is_requested() {
    let mut scenario = recharged();
    scenario.call(quarter("a"));
    scenario.command(fail(7));
    assert_eq!(scenario.call(quarter("b")), ["debited 0.25"]);
    // Sized anew when its time has come, and attempt 2.
    assert_eq!(scenario.clock_to(at("2026-11-20T13:00:00Z")), ["due/retry/contoso/r7", "requested r10: 100.00"]);
}

#[test]
fn r34_a_retry_is_dropped_if_the_balance_has_recovered() {
    let mut scenario = recharged();
    scenario.call(quarter("a"));
    scenario.command(fail(7));
    let corrected = CommandBody::AdjustBalance { amount: money("10"), reason: "goodwill".into(), corrects: None };
    assert_eq!(scenario.command(corrected), ["adjusted 10.00"], "an adjustment is not funds by hand: the wait goes on");
    assert_eq!(scenario.clock_to(at("2026-11-20T13:00:00Z")), ["due/retry/contoso/r7"]);
    assert!(scenario.account().recharging.in_flight.is_none());
}

#[test]
fn r34_f17_funds_by_hand_end_the_wait_and_the_need_is_judged_anew() {
    let mut scenario = recharged();
    scenario.call(quarter("a"));
    scenario.command(fail(7));
    assert_eq!(scenario.command(add("0.10", "by hand")), ["added 0.10", "requested r10: 100.00"]);
    assert_eq!(scenario.account().recharging.in_flight.map(|request| request.attempt), Some(1));
}

#[test]
fn r34_no_answer_asks_for_the_status_then_for_a_person_and_never_for_a_new_charge() {
    let mut scenario = recharged();
    scenario.call(quarter("a"));
    assert_eq!(scenario.clock_to(at("2026-11-20T12:59:59Z")), Vec::<String>::new());
    assert_eq!(scenario.clock_to(at("2026-11-20T13:00:00Z")), ["due/status/contoso/r7", "status of r7"]);
    assert_eq!(scenario.clock_to(at("2026-11-21T10:59:59Z")), Vec::<String>::new());
    assert_eq!(scenario.clock_to(at("2026-11-21T11:00:00Z")), ["due/unresolved/contoso/r7", "unresolved r7"]);
    assert_eq!(scenario.clock_to(at("2027-03-01T00:00:00Z")), Vec::<String>::new());
    assert_eq!(scenario.command(settle(7, None)), ["succeeded r7: 100.00"], "it stayed in flight");
}

#[test]
fn r34_f18_a_settlement_twice_moves_money_once() {
    let mut scenario = recharged();
    scenario.call(quarter("a"));
    scenario.command(settle(7, Some("pay-1")));
    let before = scenario.account();
    assert_eq!(scenario.command(settle(7, Some("pay-1"))), ["duplicate of 8"]);
    assert_eq!(scenario.command(settle(7, Some("pay-2"))), ["duplicate of 8"]);
    assert_eq!(scenario.command(fail(7)), ["duplicate of 8"], "F18: a failure after a success");
    scenario.commit();
    assert_eq!(scenario.command(settle(7, Some("pay-1"))), ["duplicate of 8"]);
    assert_eq!(scenario.account(), before);
    assert_eq!(scenario.command(add("1", "pay-1")), ["refused duplicate_payment_reference"]);
}

#[test]
fn r34_a_late_success_after_a_failure_adds_its_lot() {
    let mut scenario = recharged();
    scenario.call(quarter("a"));
    scenario.command(fail(7));
    assert_eq!(scenario.command(fail(7)), ["duplicate of 8"]);
    assert_eq!(scenario.command(settle(7, None)), ["succeeded r7: 100.00"]);
    assert_eq!(scenario.command(fail(7)), ["duplicate of 9"]);
    assert_eq!(scenario.balance(), "149.85");
    assert_eq!(scenario.clock_to(at("2026-11-20T14:00:00Z")), Vec::<String>::new(), "it cancels the retry");
}

#[test]
fn r34_a_late_success_does_not_end_the_request_that_is_in_flight() {
    let mut scenario = recharged();
    scenario.call(quarter("a"));
    scenario.command(fail(7));
    scenario.command(configure(recharge("50", "100"))); // requests r10
    assert_eq!(scenario.command(settle(7, None)), ["succeeded r7: 100.00"]);
    assert_eq!(scenario.account().recharging.in_flight.map(|request| request.id), Some(RechargeId(10)));
    let month = scenario.account().recharging.month.expect("two requests that did not fail");
    assert_eq!((month.requests, month.amount), (2, money("200")));
}

#[test]
fn r34_a_failed_request_counts_no_more_for_the_caps() {
    let capped = RechargeSettings { max_per_month: Some(1), ..recharge("50", "100") };
    let mut scenario = Scenario::funded("50.10");
    scenario.command(configure(capped.clone()));
    assert_eq!(scenario.call(quarter("a")), ["debited 0.25", "requested r7: 100.00"]);
    scenario.command(fail(7));
    assert_eq!(scenario.command(configure(capped)), ["configured", "requested r10: 100.00"]);
}

#[test]
fn r34_money_for_a_closed_or_unknown_tenant_is_an_alert() {
    let mut nobody = Scenario::empty();
    assert_eq!(nobody.command(settle(7, Some("pay-1"))), ["refused unknown_tenant", "unmatched"]);
    assert_eq!(nobody.command(fail(7)), ["refused unknown_tenant"]);

    let mut scenario = recharged();
    scenario.call(quarter("a"));
    assert_eq!(scenario.command(close(true)), ["closed", "expired l3: 49.85"]);
    // F18: its lot is booked even so.
    assert_eq!(scenario.command(settle(7, Some("pay-1"))), ["succeeded r7: 100.00", "unmatched"]);
    assert_eq!(scenario.balance(), "100.00");
    assert_eq!(scenario.command(settle(7, Some("pay-1"))), ["duplicate of 10"]);
    assert_eq!(scenario.command(settle(99, None)), ["refused unknown_recharge", "unmatched"]);
}

#[test]
fn f19_a_failure_in_a_closed_account_suspends_nothing() {
    let mut scenario = recharged();
    scenario.call(quarter("a"));
    scenario.command(close(true));
    assert_eq!(scenario.command(fail(7)), ["failed r7"]);
}

#[test]
fn r39_a_tenant_opens_blocked_unless_it_has_a_credit_line() {
    for (block_at, expected) in
        [("0", &["opened", "blocked"][..]), ("-0.01", &["opened"]), ("5", &["opened", "blocked"])]
    {
        let mut scenario = Scenario::empty();
        let open = OpenTenant { block_at: money(block_at), ..open() };
        assert_eq!(scenario.command(CommandBody::OpenTenant(open)), expected, "{block_at}");
    }
}

#[test]
fn r39_closing_forfeits_lot_by_lot_and_a_debt_stays() {
    let mut scenario = Scenario::funded("1");
    scenario.command(add("2", "second"));
    assert_eq!(scenario.command(close(true)), ["closed", "expired l3: 1.00", "expired l5: 2.00"]);
    assert_eq!((scenario.balance(), scenario.account().totals.expired), ("0.00".into(), money("3")));

    let mut scenario = Scenario::opened();
    scenario.call(quarter("a"));
    assert_eq!(scenario.command(close(false)), ["closed"], "nothing is left to forfeit");
    assert_eq!(scenario.balance(), "-0.25");
}

#[test]
fn an_update_keeps_what_it_does_not_name() {
    let mut scenario = Scenario::opened();
    let before = scenario.account().settings.clone();
    scenario.command(CommandBody::UpdateTenant(UpdateTenant::default()));
    assert_eq!(scenario.account().settings, before);
    scenario.command(CommandBody::UpdateTenant(overlay("own")));
    assert_eq!(scenario.account().settings.overlay.as_deref(), Some("own"));
    scenario.command(CommandBody::UpdateTenant(UpdateTenant { overlay: Some(None), ..UpdateTenant::default() }));
    assert_eq!(scenario.account().settings, before);
}

#[test]
fn an_account_holds_so_many_lots_by_hand_that_a_debit_can_name_them_all() {
    let mut scenario = Scenario::funded("1");
    scenario.commit();
    let mut account = Account::clone(&scenario.account());
    let lot = account.lots[0];
    account.lots.extend(std::iter::repeat_n(lot, LOTS_MAX - 2));
    scenario.accounts.restore(account.into());
    scenario.abort();
    assert_eq!(scenario.command(add("0.01", "payment-1")), ["added 0.01"]);
    assert_eq!(scenario.command(add("0.01", "one-more")), ["refused overflow"]);
    let adjust = |amount| CommandBody::AdjustBalance { amount: money(amount), reason: "fee".into(), corrects: None };
    assert_eq!(scenario.command(adjust("0.01")), ["refused overflow"]);
    assert_eq!(scenario.command(adjust("-0.01")), ["adjusted -0.01"]);
    assert_eq!(scenario.command(add("0.01", "payment-1")), ["refused duplicate_payment_reference"]);
}
