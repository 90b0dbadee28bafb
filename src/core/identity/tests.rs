//! The hashes that are saved never change, and what is remembered ends when it may.

use super::*;
use crate::core::cdr::{Direction, Service};
use crate::core::duration::CallDuration;
use crate::core::scenario::{at, call, catalog, country, noon};

fn content(cdr: &Cdr<'_>) -> u32 {
    Content::of(cdr, catalog("USD").number_plan(noon()), country("US")).0
}

/// Golden: these are in ledgers. If one changes, redelivered calls are charged twice after an upgrade.
#[test]
fn r3_hashes_are_the_same_in_every_release() {
    assert_eq!(IdentityKey::of("contoso", "c-81f2"), IdentityKey(13_364_149_156_913_129_982));
    assert_eq!(IdentityKey::of("", ""), IdentityKey(16_260_472_842_100_574_192));
    assert_eq!(BodyHash::of(br#"{"amount":"10.00","type":"funds.add"}"#), BodyHash(14_782_012_922_483_464_214));
    let answered = call("c-81f2", "+33612345678", 78);
    assert_eq!(content(&answered), 3_195_287_422);
    let unanswered = Cdr {
        times: CallTimes::Unanswered { ended_at: noon() },
        from: "anonymous".into(),
        user: None,
        plan: Some("payg".into()),
        usage_country: Some(country("GB")),
        service: Service::VoiceApp,
        direction: Direction::Inbound,
        on_net: true,
        ..answered
    };
    assert_eq!(content(&unanswered), 4_174_691_130);
}

#[test]
fn fields_do_not_run_together() {
    assert_ne!(IdentityKey::of("ab", "c"), IdentityKey::of("a", "bc"));
    let user = Cdr { user: Some("x".into()), plan: None, ..call("a", "+33612345678", 78) };
    let plan = Cdr { user: None, plan: Some("x".into()), ..user.clone() };
    let empty = Cdr { user: None, plan: None, ..user.clone() };
    assert_ne!(content(&user), content(&plan));
    assert_ne!(content(&empty), content(&Cdr { user: Some("".into()), ..empty.clone() }));
}

#[test]
fn f3_content_is_compared_by_value() {
    let sixty: CallDuration = "60".parse().expect("seconds");
    let decimal: CallDuration = "60.000".parse().expect("seconds");
    let started = at("2026-11-20T10:15:30Z");
    let elsewhere = at("2026-11-20T11:15:30.000+01:00");
    let of = |at, duration| Cdr { times: CallTimes::Answered { at, duration }, ..call("a", "+33612345678", 0) };
    assert_eq!(content(&of(started, sixty)), content(&of(elsewhere, decimal)));
    assert_ne!(content(&of(started, sixty)), content(&of(started, "60.000001".parse().expect("seconds"))));
    // Somebody who answered for no time is not nobody.
    let unanswered = Cdr { times: CallTimes::Unanswered { ended_at: started }, ..of(started, sixty) };
    assert_ne!(content(&of(started, CallDuration::ZERO)), content(&unanswered));
}

#[test]
fn the_later_debit_wins_and_within_an_hour_the_higher_part() {
    let key = IdentityKey::of("contoso", "a");
    let identity = |hour, part| Identity { content: Content(hour * 10 + part), part, is_final: true, hour: Hour(hour) };
    let remembered = |debits: &[(u32, u32)]| {
        let mut identities = Identities::default();
        debits.iter().for_each(|(hour, part)| identities.insert(key, identity(*hour, *part)));
        identities.get(key, AcceptanceWindow::default(), Timestamp::UNIX_EPOCH)
    };
    for (debits, expected) in [
        (&[(5, 0), (5, 1)][..], (5, 1)),
        (&[(5, 1), (5, 0)], (5, 1)),
        (&[(5, 1), (6, 2), (5, 0)], (6, 2)),
        // The first was forgotten long before the second came.
        (&[(5, 3), (500, 0)], (500, 0)),
    ] {
        assert_eq!(remembered(debits), Some(identity(expected.0, expected.1)), "{debits:?}");
    }
}

#[test]
fn r4_identities_last_for_one_window_and_one_day() {
    let window = AcceptanceWindow { back: SignedDuration::from_hours(48), ..AcceptanceWindow::default() };
    let key = IdentityKey::of("contoso", "a");
    let hour = Hour::of(noon());
    let mut identities = Identities::default();
    identities.insert(key, Identity { content: Content(1), part: 0, is_final: true, hour });
    let after = |hours| noon() + SignedDuration::from_hours(hours);
    assert!(identities.get(key, window, after(72)).is_some());
    assert!(identities.get(key, window, after(73)).is_none());
    identities.prune(window, after(72));
    assert_eq!(identities.len(), 1);
    identities.prune(window, after(73));
    assert!(identities.is_empty() && identities.sorted(window, noon()).is_empty());
}

#[test]
fn hours_before_the_epoch_are_the_first() {
    assert_eq!(Hour::of(at("1969-12-31T23:00:00Z")), Hour(0));
    assert_eq!(Hour::of(at("1970-01-01T01:59:59.999Z")), Hour(1));
}
