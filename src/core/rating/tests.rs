//! Which row prices a call, and its class.

use super::*;
use crate::core::scenario::{Scenario, call, country};

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
        let rated =
            rate(&cdr, plan_of(&cdr, &settings), &settings, &scenario.catalog, NoRatePolicy::Quarantine).expect(to);
        let offer = rated.payer.offer().expect(to);
        assert_eq!((offer.deck, offer.prefix), (deck, Some(prefix)), "{why}");
    }
    let denied = call("a", "+447012345678", 60);
    let rejected = rate(&denied, plan_of(&denied, &settings), &settings, &scenario.catalog, NoRatePolicy::Quarantine)
        .expect_err("denied");
    assert_eq!(rejected.reason, Reason::DeniedDestination, "the published 4470 is longer than the overlay's 44");
}

#[test]
fn domestic_is_what_the_number_plan_says() {
    let mut scenario = Scenario::opened();
    let settings = TenantSettings::clone(&scenario.account().settings);
    let class = |cdr: &Cdr<'_>, scenario: &Scenario| {
        rate(cdr, plan_of(cdr, &settings), &settings, &scenario.catalog, NoRatePolicy::FreeCall).expect("rated").class
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
