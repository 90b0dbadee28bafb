//! Keys that are the same in every release, and what each event leaves to be remembered.

use super::*;
use crate::core::scenario::{Scenario, add, call, fail, noon, recharge, settle};

/// Golden: snapshots will hold them.
#[test]
fn keys_are_the_same_in_every_release() {
    assert_eq!(EntryKey::command("contoso", "c-1"), EntryKey(226_170_840_327_253_911_956_453_681_679_720_827_869));
    assert_eq!(EntryKey::payment("contoso", "c-1"), EntryKey(250_610_204_926_216_466_492_808_590_869_877_176_443));
    assert_eq!(
        EntryKey::recharge("contoso", RechargeId(17)),
        EntryKey(328_236_694_567_643_633_531_729_819_644_257_788_619)
    );
}

#[test]
fn keys_of_different_things_differ() {
    assert_ne!(EntryKey::command("ab", "c"), EntryKey::command("a", "bc"));
    assert_ne!(EntryKey::command("a", "b"), EntryKey::payment("a", "b"));
}

#[test]
fn an_entry_counts_before_its_end_and_the_newer_one_wins() {
    let mut entries = Entries::default();
    let key = EntryKey::payment("contoso", "x");
    let entry = |as_of, until| Entry { as_of, until, value: EntryValue::Payment };
    let later = noon() + SignedDuration::from_secs(1);
    entries.insert(key, entry(5, later));
    entries.insert(key, entry(4, noon()));
    assert_eq!(entries.get(key, noon()).map(|entry| entry.as_of), Some(5));
    assert_eq!(entries.get(key, later), None);
    entries.insert(key, entry(6, later + SignedDuration::from_secs(1)));
    assert_eq!(entries.get(key, later).map(|entry| entry.as_of), Some(6));
    entries.prune(later);
    assert_eq!(entries.len(), 1);
}

/// The states of recharge r7, as they are remembered after each of its events.
#[test]
fn r34_a_recharge_is_remembered_with_its_state() {
    let mut scenario = Scenario::funded("50.10");
    scenario.command(crate::core::command::CommandBody::ConfigureRecharge(recharge("50", "100")));
    let state = |scenario: &mut Scenario| {
        let entry = scenario.view().entry(EntryKey::recharge("contoso", RechargeId(7))).expect("requested");
        match entry.value {
            EntryValue::Recharge { state, amount, requested_at, attempt: 1 } => {
                assert_eq!((amount.to_string(), requested_at), ("100.00".to_owned(), noon()));
                (state, entry.as_of)
            }
            other => panic!("{other:?}"),
        }
    };
    scenario.call(call("a", "+33612345678", 78));
    assert_eq!(state(&mut scenario), (RechargeState::Requested, 7));
    scenario.command(fail(7));
    assert_eq!(state(&mut scenario), (RechargeState::Failed, 8));
    scenario.commit();
    scenario.command(settle(7, Some("pay")));
    assert_eq!(state(&mut scenario), (RechargeState::Succeeded, 9));
    scenario.command(add("1", "other"));
    assert!(scenario.view().entry(EntryKey::payment("contoso", "pay")).is_some());
}
