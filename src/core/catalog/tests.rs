//! What is in force when, and what does not fit together.

use super::*;
use crate::core::deck::{DeckBuilder, DeckHeader};
use crate::core::inbound::InboundDeckBuilder;
use crate::core::money::LineRounding;
use crate::core::number_plan::{CountryDialling, NumberPlanHeader};
use crate::core::plan::{Allotment, AllotmentIndex, Payment, PlanParts, PlanRule};

fn deck(version: &str, currency: &str, effective_from: Option<i64>) -> Arc<Deck> {
    let header = DeckHeader {
        id: "retail".into(),
        version: version.into(),
        currency: currency.parse().expect("a currency"),
        rounding: LineRounding::default(),
        effective_from: effective_from.map(second),
    };
    Arc::new(DeckBuilder::new(header).build().expect("no rows, no duplicates"))
}

fn second(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("near the epoch")
}

/// Nothing but an empty number plan.
fn parts() -> CatalogParts {
    let header = NumberPlanHeader { version: "n".into(), effective_from: None };
    let number_plan = NumberPlan::new(header, Vec::new(), Vec::new()).expect("an empty plan");
    let (decks, inbound, plans, zones) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    CatalogParts { version: "v".into(), decks, inbound, plans, zones, number_plans: vec![Arc::new(number_plan)] }
}

fn catalog(parts: CatalogParts) -> Catalog {
    Catalog::new(parts).unwrap_or_else(|faults| panic!("{faults:?}"))
}

fn faults(parts: CatalogParts) -> Vec<String> {
    let faults = Catalog::new(parts).map(|_| ()).expect_err("refused");
    faults.iter().map(ToString::to_string).collect()
}

#[test]
fn r12_the_version_in_force_at_the_start_of_the_call_prices_it() {
    let decks = vec![
        deck("b", "USD", Some(100)),
        deck("a", "USD", None),
        deck("c", "USD", Some(200)),
        deck("c-again", "USD", Some(200)), // F7: published later, and counts
    ];
    let catalog = catalog(CatalogParts { decks, ..parts() });
    for (at, expected) in [(99, "retail@a"), (100, "retail@b"), (199, "retail@b"), (200, "retail@c-again")] {
        let label = catalog.deck("retail", second(at)).map(|deck| deck.label().to_string());
        assert_eq!(label.as_deref(), Some(expected), "at {at}");
    }
    assert!(catalog.deck("other", second(0)).is_none() && !catalog.has_deck("other"));
    assert_eq!(catalog.deck_currency("retail"), "USD".parse().ok());
}

#[test]
fn f7_a_list_that_is_not_yet_in_force_prices_nothing() {
    let catalog = catalog(CatalogParts { decks: vec![deck("a", "USD", Some(100))], ..parts() });
    assert!(catalog.has_deck("retail") && catalog.deck("retail", second(99)).is_none());
}

#[test]
fn r17_a_price_list_keeps_its_currency() {
    let parts = CatalogParts { decks: vec![deck("a", "USD", None), deck("b", "EUR", Some(1))], ..parts() };
    assert_eq!(faults(parts), ["price list retail is in EUR and in USD"]);
}

fn country(text: &str) -> Country {
    text.parse().expect(text)
}

fn plan(id: &str, version: &str, effective_from: Option<i64>, zone: Option<&str>) -> Arc<Plan> {
    let rule = PlanRule { zone: zone.map(Box::from), ..PlanRule::any(Payment::Free) };
    let parts = PlanParts {
        effective_from: effective_from.map(second),
        rules: vec![rule],
        ..PlanParts::without_rules(id, version)
    };
    Arc::new(Plan::new(parts).expect("a plan"))
}

fn zone(version: &str, effective_from: Option<i64>, countries: &[&str]) -> Arc<Zone> {
    Arc::new(Zone {
        id: "a".into(),
        version: version.into(),
        effective_from: effective_from.map(second),
        countries: countries.iter().map(|code| country(code)).collect(),
    })
}

fn number_plan(version: &str, effective_from: Option<i64>, countries: Vec<CountryDialling>) -> Arc<NumberPlan> {
    let header = NumberPlanHeader { version: version.into(), effective_from: effective_from.map(second) };
    Arc::new(NumberPlan::new(header, Vec::new(), countries).expect("a number plan"))
}

#[test]
fn r12_plans_zones_and_number_plans_are_those_of_the_start_of_the_call() {
    let catalog = catalog(CatalogParts {
        plans: vec![plan("late", "1", Some(100), None), plan("p", "1", None, None), plan("p", "2", Some(100), None)],
        zones: vec![zone("1", None, &["FR"]), zone("2", Some(100), &["FR", "DE"])],
        number_plans: vec![
            number_plan("2", Some(100), vec![CountryDialling::of(country("DE"))]),
            number_plan("1", None, vec![]),
        ],
        ..parts()
    });
    for (at, label, late, has_de, numbers) in
        [(99, "p@1", None, false, "number-plan@1"), (100, "p@2", Some("late@1"), true, "number-plan@2")]
    {
        let plan = |id| catalog.plan(id, second(at)).map(|plan| plan.label().as_ref());
        assert_eq!((plan("p"), plan("late"), plan("none")), (Some(label), late, None), "at {at}");
        assert!(catalog.zone_contains("a", country("FR"), second(at)));
        assert_eq!(catalog.zone_contains("a", country("DE"), second(at)), has_de, "at {at}");
        assert_eq!(catalog.number_plan(second(at)).label().as_ref(), numbers, "at {at}");
    }
    assert!(!catalog.zone_contains("b", country("FR"), second(0)));
    // Commands go by the whole catalog: a plan that is yet to come can be named.
    assert!(catalog.has_plan("late") && !catalog.has_plan("none"));
    assert!(catalog.knows_country(country("DE")) && !catalog.knows_country(country("FR")));
    assert_eq!(catalog.plan_ids().collect::<Vec<_>>(), ["late", "p"]);
}

#[test]
fn a_zone_that_a_plan_names_is_there() {
    let named = || vec![plan("p", "1", None, Some("a"))];
    catalog(CatalogParts { plans: named(), zones: vec![zone("1", Some(5), &["FR"])], ..parts() });
    assert_eq!(
        faults(CatalogParts { plans: named(), ..parts() }),
        ["plan p@1 names zone a, which is not in the catalog"]
    );
}

#[test]
fn r21_countries_that_share_a_pool_have_the_same_minutes() {
    let allotment = |scope| Allotment {
        name: "domestic".into(),
        scope,
        minutes: 1200,
        minutes_in: vec![(country("US"), 3000), (country("CA"), 3000)],
    };
    let plan = |scope| {
        let index = AllotmentIndex::new(0).expect("few");
        let parts = PlanParts {
            allotments: vec![allotment(scope)],
            rules: vec![PlanRule::any(Payment::Pool(index))],
            ..PlanParts::without_rules("p", "1")
        };
        Arc::new(Plan::new(parts).expect("a plan"))
    };
    let union = |codes: &[&str]| {
        let member =
            |code: &&str| CountryDialling { pool_union: Some("shared".into()), ..CountryDialling::of(country(code)) };
        vec![number_plan("1", None, codes.iter().map(member).collect())]
    };
    let of = |scope, codes: &[&str]| CatalogParts { plans: vec![plan(scope)], number_plans: union(codes), ..parts() };
    catalog(of(Scope::Shared, &["US", "CA"]));
    catalog(of(Scope::Shared, &["PR", "MX"]));
    catalog(of(Scope::User, &["US", "PR"]));
    assert_eq!(
        faults(of(Scope::Shared, &["US", "PR"])),
        ["allotment domestic of plan p@1 has 1200 minutes in PR and 3000 in US, which share a pool in union shared"]
    );
}

/// A plan and a number plan that are never in force together need not fit.
#[test]
fn r21_only_what_is_in_force_together_is_held_together() {
    let versions = |evened: i64| {
        let allotment = |us| Allotment {
            name: "a".into(),
            scope: Scope::Shared,
            minutes: 1200,
            minutes_in: vec![(country("US"), us)],
        };
        let plan = |version: &str, from: Option<i64>, us| {
            let index = AllotmentIndex::new(0).expect("few");
            let parts = PlanParts {
                effective_from: from.map(second),
                allotments: vec![allotment(us)],
                rules: vec![PlanRule::any(Payment::Pool(index))],
                ..PlanParts::without_rules("p", version)
            };
            Arc::new(Plan::new(parts).expect("a plan"))
        };
        let member =
            |code: &str| CountryDialling { pool_union: Some("shared".into()), ..CountryDialling::of(country(code)) };
        CatalogParts {
            plans: vec![plan("1", None, 3000), plan("2", Some(evened), 1200)],
            number_plans: vec![
                number_plan("1", None, vec![]),
                number_plan("2", Some(100), vec![member("US"), member("PR")]),
            ],
            ..parts()
        }
    };
    catalog(versions(100));
    catalog(versions(99));
    assert_eq!(
        faults(versions(101)),
        ["allotment a of plan p@1 has 1200 minutes in PR and 3000 in US, which share a pool in union shared"]
    );
}

#[test]
fn every_call_has_a_number_plan() {
    assert_eq!(faults(CatalogParts { number_plans: vec![], ..parts() }), ["there is no number plan"]);
    let later = vec![number_plan("2", Some(200), vec![]), number_plan("1", Some(100), vec![])];
    let catalog = catalog(CatalogParts { number_plans: later, ..parts() });
    for (at, expected) in [(0, "number-plan@1"), (100, "number-plan@1"), (200, "number-plan@2")] {
        assert_eq!(catalog.number_plan(second(at)).label().as_ref(), expected, "at {at}");
    }
}

/// Inbound prices without a row.
fn inbound(id: &str, version: &str, price_list: &str, currency: &str, effective_from: Option<i64>) -> Arc<InboundDeck> {
    let header = DeckHeader {
        id: id.into(),
        version: version.into(),
        currency: currency.parse().expect("a currency"),
        rounding: LineRounding::default(),
        effective_from: effective_from.map(second),
    };
    Arc::new(InboundDeckBuilder::new(header, price_list).build().expect("no rows, no conflict"))
}

#[test]
fn r14_inbound_prices_are_those_of_a_price_list() {
    let catalog = catalog(CatalogParts {
        decks: vec![deck("a", "USD", None)],
        inbound: vec![inbound("in", "2", "retail", "USD", Some(100)), inbound("in", "1", "retail", "USD", None)],
        ..parts()
    });
    let label = |list, at| catalog.inbound(list, second(at)).map(|deck| deck.label().to_string());
    assert_eq!((label("retail", 99).as_deref(), label("retail", 100).as_deref()), (Some("in@1"), Some("in@2")));
    assert_eq!(label("in", 100), None);
}

#[test]
fn inbound_prices_belong_to_one_price_list_in_its_currency() {
    let with = |inbound| CatalogParts { decks: vec![deck("a", "USD", None)], inbound, ..parts() };
    assert_eq!(
        faults(with(vec![inbound("in", "1", "wholesale", "USD", None)])),
        ["inbound price list in@1 is of price list wholesale, which is not in the catalog"]
    );
    assert_eq!(
        faults(with(vec![inbound("in", "1", "retail", "EUR", None), inbound("in", "2", "retail", "USD", Some(1))])),
        ["inbound price list in@1 is in EUR, price list retail in USD"]
    );
    assert_eq!(
        faults(with(vec![inbound("in", "1", "retail", "USD", None), inbound("other", "1", "retail", "USD", None)])),
        ["price list retail has two inbound price lists, other and in"]
    );
}
