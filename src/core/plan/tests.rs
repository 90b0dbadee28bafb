//! The first rule that matches says how a call is paid, and a plan that could be misread is refused.

use proptest::prelude::*;
use proptest::sample::select;

use super::*;

fn country(text: &str) -> Country {
    text.parse().expect(text)
}

fn kinds(of: &[Kind]) -> Kinds {
    of.iter().copied().collect()
}

fn pool(place: usize) -> Payment {
    Payment::Pool(AllotmentIndex::new(place).expect("few"))
}

fn allotment(name: &str, scope: Scope, minutes: u32) -> Allotment {
    Allotment { name: name.into(), scope, minutes, minutes_in: Vec::new() }
}

fn outbound(payment: Payment) -> PlanRule {
    PlanRule { direction: Some(Direction::Outbound), ..PlanRule::any(payment) }
}

/// Two pools by reach, and no premium numbers.
fn international() -> PlanParts {
    let reach = |reach, payment| PlanRule { reach: Some(reach), ..outbound(payment) };
    PlanParts {
        allotments: vec![
            Allotment {
                minutes_in: vec![(country("US"), 3000), (country("PR"), 3000)],
                ..allotment("domestic", Scope::Shared, 1200)
            },
            allotment("international", Scope::Shared, 600),
        ],
        rules: vec![
            PlanRule { kinds: KindCondition::Of(kinds(&[Kind::Premium])), ..outbound(Payment::Denied) },
            reach(Reach::Domestic, pool(0)),
            reach(Reach::International, pool(1)),
        ],
        ..PlanParts::without_rules("world", "3")
    }
}

fn plan(parts: PlanParts) -> Plan {
    Plan::new(parts).unwrap_or_else(|faults| panic!("{faults:?}"))
}

/// A user of the US calls a landline at home.
fn call() -> PlanQuestion {
    PlanQuestion {
        service: Service::Calling,
        direction: Direction::Outbound,
        number_type: NumberType::User,
        usage_country: country("US"),
        domestic: true,
        destination: Some(country("US")),
        kind: Some(Kind::Landline),
    }
}

fn abroad(to: &str) -> PlanQuestion {
    PlanQuestion { domestic: false, destination: to.parse().ok(), ..call() }
}

fn no_zone(_: &str, _: Country) -> bool {
    false
}

#[test]
fn r20_the_first_rule_that_matches_says_how_a_call_is_paid() {
    let plan = plan(international());
    let premium = |call| PlanQuestion { kind: Some(Kind::Premium), ..call };
    let cases = [
        (call(), pool(0)),
        (abroad("FR"), pool(1)),
        (abroad("no country"), pool(1)),
        (premium(call()), Payment::Denied),
        (premium(abroad("FR")), Payment::Denied),
        (PlanQuestion { kind: None, ..abroad("FR") }, pool(1)),
    ];
    for (call, expected) in cases {
        assert_eq!(plan.payment(&call, no_zone), expected, "{call:?}");
    }
}

#[test]
fn f6_credits_pay_where_no_rule_matches() {
    let inbound = PlanQuestion { direction: Direction::Inbound, number_type: NumberType::TollFree, ..call() };
    assert_eq!(plan(international()).payment(&inbound, no_zone), Payment::Credits);
    assert_eq!(plan(PlanParts::without_rules("payg", "1")).payment(&call(), no_zone), Payment::Credits);
}

#[test]
fn every_condition_of_a_rule_must_hold() {
    let rule = PlanRule {
        service: Some(Service::Conferencing),
        direction: Some(Direction::Outbound),
        number_type: Some(NumberType::Service),
        reach: Some(Reach::International),
        zone: Some("a".into()),
        kinds: KindCondition::Except(kinds(&[Kind::Premium])),
        usage_countries: Some([country("US"), country("CA")].into_iter().collect()),
        payment: Payment::Free,
    };
    let plan = plan(PlanParts { rules: vec![rule], ..PlanParts::without_rules("p", "1") });
    let right = PlanQuestion { service: Service::Conferencing, number_type: NumberType::Service, ..abroad("FR") };
    let wrong = [
        PlanQuestion { service: Service::Calling, ..right },
        PlanQuestion { direction: Direction::Inbound, ..right },
        PlanQuestion { number_type: NumberType::User, ..right },
        PlanQuestion { domestic: true, ..right },
        PlanQuestion { destination: Some(country("DE")), ..right },
        PlanQuestion { destination: None, ..right },
        PlanQuestion { kind: Some(Kind::Premium), ..right },
        PlanQuestion { usage_country: country("FR"), ..right },
    ];
    let zone = |zone: &str, of: Country| zone == "a" && of == country("FR");
    assert_eq!(plan.payment(&right, zone), Payment::Free);
    assert_eq!(plan.payment(&PlanQuestion { kind: None, ..right }, zone), Payment::Free);
    for call in wrong {
        assert_eq!(plan.payment(&call, zone), Payment::Credits, "{call:?}");
    }
}

#[test]
fn f6_an_inbound_call_has_no_reach_no_zone_and_no_kind() {
    let conditions = [
        PlanRule { reach: Some(Reach::Domestic), ..PlanRule::any(Payment::Free) },
        PlanRule { reach: Some(Reach::International), ..PlanRule::any(Payment::Free) },
        PlanRule { zone: Some("a".into()), ..PlanRule::any(Payment::Free) },
        PlanRule { kinds: KindCondition::Of(kinds(&Kind::ALL)), ..PlanRule::any(Payment::Free) },
        PlanRule { kinds: KindCondition::Except(kinds(&[Kind::Premium])), ..PlanRule::any(Payment::Free) },
    ];
    let inbound = PlanQuestion { direction: Direction::Inbound, number_type: NumberType::Service, ..call() };
    for rule in conditions {
        let plan = plan(PlanParts { rules: vec![rule.clone()], ..PlanParts::without_rules("p", "1") });
        assert_eq!(plan.payment(&inbound, |_, _| true), Payment::Credits, "{rule:?}");
    }
}

#[test]
fn r21_minutes_are_those_of_the_usage_country() {
    let plan = plan(international());
    let index = |place| AllotmentIndex::new(place).expect("few");
    for (place, of, minutes) in [(0, "US", 3000), (0, "PR", 3000), (0, "FR", 1200), (1, "US", 600), (1, "ZZ", 600)] {
        assert_eq!(plan.minutes(index(place), country(of)), minutes, "{place} {of}");
    }
    assert_eq!(plan.label().as_ref(), "world@3");
}

#[test]
fn r21_a_pool_is_named_after_who_shares_it() {
    let only = AllotmentIndex::new(0).expect("few");
    for (scope, name) in
        [(Scope::Shared, "meet/dial-out/us-pr"), (Scope::Tenant, "meet/dial-out"), (Scope::User, "meet/dial-out/user")]
    {
        let plan = plan(PlanParts {
            allotments: vec![allotment("dial-out", scope, 60)],
            rules: vec![outbound(pool(0))],
            ..PlanParts::without_rules("meet", "1")
        });
        assert_eq!(plan.pool_id(only, "us-pr"), name);
    }
}

#[test]
fn r22_allotments_are_tied_by_the_rule_either() {
    let siblings = |cap_rule, place| {
        let plan = plan(PlanParts { cap_rule, ..international() });
        let index = AllotmentIndex::new(place).expect("few");
        plan.siblings(index).map(|other| plan.allotment(other).name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(siblings(CapRule::Either, 0), ["international"]);
    assert_eq!(siblings(CapRule::Either, 1), ["domestic"]);
    assert!(siblings(CapRule::Independent, 0).is_empty());
    assert_eq!(CapRule::default(), CapRule::Either);
}

#[test]
fn r35_a_pool_keeps_open_the_classes_that_rules_can_send_to_it() {
    use CallClass::*;
    let calling = |payment| PlanRule { service: Some(Service::Calling), ..outbound(payment) };
    let zone = |payment| PlanRule { zone: Some("a".into()), ..outbound(payment) };
    let conferencing = |payment| PlanRule { service: Some(Service::Conferencing), ..PlanRule::any(payment) };
    let cases: [(Vec<PlanRule>, Vec<CallClass>); 7] = [
        (vec![calling(pool(0))], vec![OutboundDomestic, OutboundInternational]),
        (vec![PlanRule { reach: Some(Reach::Domestic), ..calling(pool(0)) }], vec![OutboundDomestic]),
        (
            vec![PlanRule { reach: Some(Reach::Domestic), ..calling(Payment::Free) }, calling(pool(0))],
            vec![OutboundInternational],
        ),
        // A zone may leave some of the domestic calls to the second rule.
        (vec![zone(Payment::Free), calling(pool(0))], vec![OutboundDomestic, OutboundInternational]),
        (vec![conferencing(pool(0))], vec![InboundTollFree, ConferenceDialOut, ConferenceDialIn]),
        (vec![PlanRule { zone: Some("a".into()), ..conferencing(pool(0)) }], vec![ConferenceDialOut]),
        (vec![PlanRule::any(pool(0))], CallClass::PAID.to_vec()),
    ];
    for (rules, expected) in cases {
        let parts = PlanParts {
            allotments: vec![allotment("a", Scope::Shared, 1)],
            rules,
            ..PlanParts::without_rules("p", "1")
        };
        let plan = plan(parts);
        let (index, _) = plan.allotments().next().expect("one");
        let found: Vec<CallClass> = plan.classes(index).iter().collect();
        assert_eq!(found, expected, "{:?}", plan.parts().rules);
    }
}

#[test]
fn everything_that_could_be_misread_is_a_fault() {
    let any = PlanRule::any;
    let base = || PlanParts {
        allotments: vec![allotment("a", Scope::Shared, 1)],
        rules: vec![outbound(pool(0))],
        ..PlanParts::without_rules("p", "1")
    };
    let with_allotment = |change: Allotment| PlanParts { allotments: vec![change], ..base() };
    let with_rule = |rule: PlanRule| PlanParts { rules: vec![rule, outbound(pool(0))], ..base() };
    let inbound = |payment| PlanRule { direction: Some(Direction::Inbound), ..any(payment) };
    let two = |cap_rule, scope| PlanParts {
        cap_rule,
        allotments: vec![allotment("a", Scope::Shared, 1), allotment("b", scope, 1)],
        rules: vec![PlanRule { reach: Some(Reach::Domestic), ..outbound(pool(0)) }, outbound(pool(1))],
        ..base()
    };
    let cases = [
        (base(), ""),
        (with_allotment(allotment("A", Scope::Shared, 1)), "allotment 1: a name has 1 to 32 of a-z 0-9 -"),
        (with_allotment(allotment("", Scope::Shared, 1)), "allotment 1: a name has 1 to 32 of a-z 0-9 -"),
        (with_allotment(allotment("a/b", Scope::Shared, 1)), "allotment 1: a name has 1 to 32 of a-z 0-9 -"),
        (with_allotment(allotment("a", Scope::Shared, 1_000_000)), ""),
        (with_allotment(allotment("a", Scope::Shared, 1_000_001)), "allotment 1: more than 1000000 minutes a month"),
        (
            with_allotment(Allotment {
                minutes_in: vec![(country("US"), 1), (country("US"), u32::MAX)],
                ..allotment("a", Scope::Tenant, 1)
            }),
            "allotment 1: more than 1000000 minutes a month\n\
             allotment 1: country US is there twice\n\
             allotment 1: a pool of the whole tenant has one number of minutes, not one for each country",
        ),
        (PlanParts { rules: vec![], ..base() }, "allotment 1: no rule sends calls to it"),
        (
            PlanParts { rules: vec![PlanRule { number_type: Some(NumberType::User), ..inbound(pool(0)) }], ..base() },
            "allotment 1: no rule sends calls to it\nrule 1: an inbound call to a user's number is free whatever a plan says",
        ),
        (two(CapRule::Independent, Scope::Tenant), ""),
        (
            two(CapRule::Either, Scope::Tenant),
            "allotment 2: its scope is another than that of the first, which cap_rule either cannot tie together: say \
             independent",
        ),
        (
            PlanParts { allotments: vec![allotment("a", Scope::Shared, 1); 2], ..base() },
            "allotment 2: an allotment before it has the same name\nallotment 2: no rule sends calls to it",
        ),
        (
            with_rule(PlanRule { reach: Some(Reach::Domestic), ..outbound(pool(1)) }),
            "rule 1: the plan has no such allotment",
        ),
        (
            with_rule(PlanRule { usage_countries: Some(Countries::NONE), ..any(Payment::Free) }),
            "rule 1: an empty list matches no call",
        ),
        (
            with_rule(PlanRule { kinds: KindCondition::Except(Kinds::default()), ..any(Payment::Free) }),
            "rule 1: an empty list matches no call",
        ),
        (
            with_rule(PlanRule { zone: Some("a".into()), ..inbound(Payment::Free) }),
            "rule 1: an inbound call has no reach, zone or kind",
        ),
        (
            PlanParts { rules: vec![outbound(pool(0)), inbound(Payment::Free), outbound(Payment::Denied)], ..base() },
            "rule 3: it never applies: rule 1 has all calls that it would match",
        ),
        (
            PlanParts { allotments: vec![allotment("a", Scope::Shared, 1); ALLOTMENTS_MAX + 1], ..base() },
            "more than 8 allotments",
        ),
        (PlanParts { rules: vec![any(Payment::Free); RULES_MAX + 1], ..base() }, "more than 100 rules"),
    ];
    for (parts, expected) in cases {
        let faults = Plan::new(parts.clone()).err().unwrap_or_default();
        let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert_eq!(told.join("\n"), expected, "{parts:?}");
    }
}

fn any_rule() -> impl Strategy<Value = PlanRule> {
    let countries = select(vec![vec!["US"], vec!["FR"], vec!["US", "FR"]])
        .prop_map(|list| list.into_iter().map(country).collect::<Countries>());
    let some_kinds = select(vec![vec![Kind::Mobile], vec![Kind::Premium], vec![Kind::Mobile, Kind::Premium]])
        .prop_map(|list| kinds(&list));
    let kind_condition = prop_oneof![
        Just(KindCondition::Any),
        some_kinds.clone().prop_map(KindCondition::Of),
        some_kinds.prop_map(KindCondition::Except),
    ];
    (
        prop::option::of(select(Service::ALL.to_vec())),
        prop::option::of(select(Direction::ALL.to_vec())),
        prop::option::of(select(NumberType::ALL.to_vec())),
        prop::option::of(select(Reach::ALL.to_vec())),
        prop::option::of(select(vec!["a", "b"])),
        kind_condition,
        prop::option::of(countries),
        select(vec![Payment::Free, Payment::Credits, Payment::Denied, pool(0), pool(1)]),
    )
        .prop_map(|(service, direction, number_type, reach, zone, kinds, usage_countries, payment)| {
            let zone = zone.map(Box::from);
            PlanRule { service, direction, number_type, reach, zone, kinds, usage_countries, payment }
        })
}

fn any_call() -> impl Strategy<Value = PlanQuestion> {
    (
        select(Service::ALL.to_vec()),
        select(Direction::ALL.to_vec()),
        select(NumberType::ALL.to_vec()),
        select(vec![country("US"), country("FR"), country("DE")]),
        any::<bool>(),
        prop::option::of(select(vec![country("US"), country("FR")])),
        prop::option::of(select(vec![Kind::Mobile, Kind::Premium, Kind::Landline])),
    )
        .prop_map(|(service, direction, number_type, usage_country, domestic, destination, kind)| PlanQuestion {
            service,
            direction,
            number_type,
            usage_country,
            domestic,
            destination,
            kind,
        })
}

/// Zone a has the US, zone b has none.
fn zone_a(zone: &str, of: Country) -> bool {
    zone == "a" && of == country("US")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// A rule that is refused because an earlier one covers it would in truth never apply.
    #[test]
    fn a_rule_that_covers_another_has_all_its_calls(one in any_rule(), other in any_rule(), call in any_call()) {
        if one.covers(&other) && other.matches(&call, zone_a) {
            prop_assert!(one.matches(&call, zone_a), "{one:?}\n{other:?}");
        }
    }

    #[test]
    fn a_rule_covers_itself(rule in any_rule()) {
        prop_assert!(rule.covers(&rule));
    }

    /// A block leaves open what a pool covers: no call that a pool pays is of a class that the pool does not list.
    #[test]
    fn r35_a_call_that_a_pool_pays_is_of_a_class_of_the_pool(
        rules in prop::collection::vec(any_rule(), 1..5),
        call in any_call(),
    ) {
        let parts = PlanParts { rules, ..PlanParts::without_rules("p", "1") };
        let first = parts.rules.iter().find(|rule| rule.matches(&call, zone_a));
        let reach = if call.domestic { Reach::Domestic } else { Reach::International };
        let class = class_of(call.service, call.direction, call.number_type, reach);
        if let (Some(Payment::Pool(index)), Some(class)) = (first.map(|rule| rule.payment), class) {
            prop_assert!(classes::sent_to(&parts.rules, index).contains(class));
        }
    }
}
