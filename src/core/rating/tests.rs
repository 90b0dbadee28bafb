//! Which row prices a call, and the lines of its charge.

use super::*;
use crate::core::currency::Currency;
use crate::core::deck::{DeckBuilder, DeckHeader, Kind};
use crate::core::money::{LineRounding, Rate, Rounding};
use crate::core::scenario::{Scenario, call, country, money};

fn row(rate: &str, connect_fee: &str, minimum_charge: &str) -> Row {
    Row {
        prefix: "44".into(),
        destination: "UK".into(),
        country: None,
        kind: Kind::Mixed,
        rate: rate.parse::<Rate>().expect(rate),
        connect_fee: money(connect_fee),
        initial_increment: 60,
        increment: 60,
        minimum_charge: money(minimum_charge),
        effective_from: None,
        effective_to: None,
        denied: false,
    }
}

fn deck(decimals: u32, mode: Rounding) -> Deck {
    let currency: Currency = "USD".parse().expect("a currency");
    let rounding = LineRounding { decimals, mode };
    let header = DeckHeader { id: "x".into(), version: "1".into(), currency, rounding, effective_from: None };
    DeckBuilder::new(header).build().expect("no rows, no duplicates")
}

fn lines(decimals: u32, row: &Row, seconds: u64) -> String {
    let (lines, amount) = charge_lines(&deck(decimals, Rounding::HalfUp), row, seconds).expect("below the limit");
    let sum = lines.iter().try_fold(Money::ZERO, |sum, line| sum.checked_add(line.amount)).expect("below the limit");
    assert_eq!(sum, amount, "the lines sum to the charge");
    let lines: Vec<String> = lines.iter().map(|line| format!("{} {}", line.kind.code(), line.amount)).collect();
    format!("{} = {amount}", lines.join(" + "))
}

#[test]
fn r16_f9_each_part_of_a_charge_is_a_line_that_is_rounded_once() {
    let cases = [
        (6, row("0.015", "0", "0"), 60, "usage 0.015 = 0.015"),
        (6, row("0.015", "0.05", "0"), 120, "usage 0.03 + connect 0.05 = 0.08"),
        (6, row("0.015", "0.05", "0.10"), 120, "usage 0.03 + connect 0.05 + minimum 0.02 = 0.10"),
        (6, row("0.015", "0.05", "0.08"), 120, "usage 0.03 + connect 0.05 = 0.08"),
        (6, row("0", "0", "0.10"), 60, "usage 0.00 + minimum 0.10 = 0.10"),
        (6, row("0.10", "0", "0"), 1, "usage 0.001667 = 0.001667"),
        (2, row("0.015", "0.005", "0"), 60, "usage 0.02 + connect 0.01 = 0.03"),
        (2, row("0.014", "0.004", "0.125"), 60, "usage 0.01 + connect 0.00 + minimum 0.12 = 0.13"),
        (0, row("0.50", "0", "0"), 60, "usage 1.00 = 1.00"),
    ];
    for (decimals, row, seconds, expected) in cases {
        assert_eq!(lines(decimals, &row, seconds), expected, "{row:?}");
    }
}

#[test]
fn r16_the_mode_of_the_deck_rounds_its_lines() {
    for (mode, expected) in
        [(Rounding::HalfUp, "0.03"), (Rounding::HalfEven, "0.02"), (Rounding::Down, "0.02"), (Rounding::Up, "0.03")]
    {
        let (_, amount) = charge_lines(&deck(2, mode), &row("0.025", "0", "0"), 60).expect("below the limit");
        assert_eq!(amount.to_string(), expected, "{mode:?}");
    }
}

#[test]
fn f22_a_charge_at_the_limit_is_none() {
    for row in [row("999999999999999", "0", "0"), row("500000000000000", "1", "0"), row("1", "999999999999999", "0")] {
        assert_eq!(charge_lines(&deck(6, Rounding::HalfUp), &row, 120), Err(Overflow), "{row:?}");
    }
}

#[test]
fn r17_f11_the_overlay_goes_first_where_its_prefix_is_as_long() {
    let mut scenario = Scenario::opened();
    let settings =
        TenantSettings { overlay: Some("own".into()), ..TenantSettings::clone(&scenario.account().settings) };
    for (to, deck, prefix, why) in [
        ("+442071234567", "own@1", "44", "of equal length"),
        ("+33612345678", "retail@1", "33", "the overlay's 3 is shorter"),
        ("+39061234567", "own@1", "3", "the overlay alone has one"),
        ("+14255550100", "retail@1", "1425", "the published list alone has one"),
    ] {
        let cdr = call("a", to, 60);
        let charge = rate(&cdr, &settings, &scenario.catalog, NoRatePolicy::Quarantine).expect(to);
        let (found, row) = charge.row.expect(to);
        assert_eq!((&**found.label(), &*row.prefix), (deck, prefix), "{why}");
    }
    let denied = call("a", "+447012345678", 60);
    let rejected = rate(&denied, &settings, &scenario.catalog, NoRatePolicy::Quarantine).expect_err("denied");
    assert_eq!(rejected.reason, Reason::DeniedDestination, "the published 4470 is longer than the overlay's 44");
}

#[test]
fn domestic_is_what_the_number_plan_says() {
    let mut scenario = Scenario::opened();
    let settings = TenantSettings::clone(&scenario.account().settings);
    let class = |cdr: &Cdr<'_>, scenario: &Scenario| {
        rate(cdr, &settings, &scenario.catalog, NoRatePolicy::FreeCall).expect("rated").class
    };
    let home = call("a", "+14255550100", 60);
    let abroad = call("a", "+442071234567", 60);
    assert_eq!(class(&home, &scenario), CallClass::OutboundDomestic);
    assert_eq!(class(&abroad, &scenario), CallClass::OutboundInternational);
    let moved = Cdr { usage_country: Some(country("GB")), ..abroad };
    assert_eq!(class(&moved, &scenario), CallClass::OutboundDomestic);
    let meeting = Cdr { service: Service::Conferencing, ..home };
    assert_eq!(class(&meeting, &scenario), CallClass::ConferenceDialOut);
    let nowhere = call("a", "+8835100001234", 60);
    assert_eq!(class(&nowhere, &scenario), CallClass::OutboundInternational);
}
