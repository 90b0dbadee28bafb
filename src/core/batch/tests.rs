//! A batch is laid over what is committed: read first, merged whole, or dropped without a trace.

use super::*;
use crate::core::command::CommandBody;
use crate::core::scenario::*;

#[test]
fn what_the_batch_holds_is_read_before_what_is_committed() {
    let mut scenario = Scenario::funded("1");
    scenario.commit();
    scenario.call(call("a", "+14255550100", 61));
    assert_eq!(scenario.balance(), "0.974", "in the batch");
    assert_eq!(scenario.accounts.get(TENANT).expect("committed").balance(), money("1"), "for readers");
    assert_eq!(scenario.call(call("a", "+14255550100", 61)), ["duplicate"], "of a call in the same batch");
    assert!(scenario.state.identities.is_empty());
}

#[test]
fn a_batch_that_is_dropped_leaves_nothing() {
    let mut scenario = Scenario::funded("1");
    scenario.command(CommandBody::ConfigureRecharge(recharge("0.5", "10")));
    scenario.commit();
    let (accounts, clock) = (scenario.accounts.sorted(), scenario.state.clock);
    let entries = scenario.state.entries.sorted(clock);
    let run = |scenario: &mut Scenario| {
        let mut told = scenario.call(call("a", "+33612345678", 600));
        told.extend(scenario.command_as("more", noon(), add("5", "more")));
        scenario.view().freeze(TENANT, "a law was broken");
        scenario.clock_to(noon() + jiff::SignedDuration::from_hours(1));
        told
    };
    let first = run(&mut scenario);
    scenario.abort();
    assert_eq!(scenario.accounts.sorted(), accounts);
    assert_eq!(scenario.state.entries.sorted(clock), entries);
    assert_eq!((scenario.state.identities.len(), scenario.state.clock), (0, clock));
    assert!(scenario.view().frozen(TENANT).is_none());
    assert_eq!(run(&mut scenario), first, "and the same happens again");
}

#[test]
fn a_commit_makes_everything_of_the_batch_the_partitions_own() {
    let mut scenario = Scenario::funded("1");
    scenario.call(call("a", "+14255550100", 61));
    scenario.clock_to(noon() + jiff::SignedDuration::from_secs(1));
    let account = scenario.account();
    assert!(scenario.accounts.get(TENANT).is_none(), "nothing is committed yet");
    scenario.commit();
    assert_eq!(scenario.accounts.get(TENANT), Some(account));
    assert_eq!((scenario.state.identities.len(), scenario.state.entries.len()), (1, 3), "open, funds and the payment");
    assert_eq!(scenario.state.clock, noon() + jiff::SignedDuration::from_secs(1));
    assert_eq!(scenario.call(call("a", "+14255550100", 61)), ["duplicate"]);
}

#[test]
fn the_clock_never_goes_back() {
    let mut scenario = Scenario::empty();
    scenario.clock_to(noon() - jiff::SignedDuration::from_secs(1));
    assert_eq!(scenario.view().clock(), noon());
}

#[test]
fn an_event_that_breaks_a_law_changes_nothing_in_the_batch() {
    let mut scenario = Scenario::funded("1");
    let before = scenario.account();
    let body = EventBody::FundsExpired { lot: super::super::event::LotId(99), amount: money("1") };
    assert!(scenario.view().happen(&TENANT.into(), &Cause::Written("test".into()), body).is_err());
    assert_eq!(scenario.account(), before);
}

#[test]
fn frozen_accounts_are_counted() {
    let mut scenario = Scenario::funded("1");
    scenario.view().freeze(TENANT, "why");
    assert_eq!(scenario.view().frozen(TENANT).as_deref(), Some("why"), "from here on, in the same batch");
    assert!(scenario.accounts.frozen(TENANT).is_none());
    scenario.commit();
    assert_eq!(scenario.accounts.census(), Census { accounts: 1, blocked: 0, frozen: 1 });
    assert_eq!(scenario.accounts.frozen(TENANT).as_deref(), Some("why"));
}

#[test]
fn what_counts_no_more_is_dropped_with_the_hour() {
    let mut scenario = Scenario::funded("1");
    scenario.call(call("a", "+14255550100", 61));
    scenario.commit();
    scenario.clock_to(noon() + jiff::SignedDuration::from_hours(24 * 401));
    scenario.commit();
    assert!(scenario.state.identities.is_empty() && scenario.state.entries.is_empty());
}

#[test]
fn r4_a_batch_forgets_as_what_is_committed_does() {
    let forgotten = jiff::SignedDuration::from_hours(24 * 8 + 2);
    for commit_between in [false, true] {
        let mut scenario = Scenario::funded("1");
        scenario.call(call("a", "+14255550100", 61));
        if commit_between {
            scenario.commit();
        }
        scenario.clock_to(noon() + forgotten);
        let other = ended(call("a", "+14255550100", 61), noon() + forgotten);
        assert_eq!(scenario.call(other), ["debited 0.026"], "{commit_between}");
    }
}
