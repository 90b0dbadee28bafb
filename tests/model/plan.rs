//! Plans: which rule matches a call, and which classes a rule can send where.

use super::catalog::{Catalog, Pays, Plan, Reach, Rule};
use super::cdr::Call;

/// The classes that money may have to pay for (R35), in the order in which a block lists them.
pub const PAID_CLASSES: [&str; 5] =
    ["inbound_toll_free", "outbound_domestic", "outbound_international", "conference_dial_out", "conference_dial_in"];

/// What rules ask of an outbound call.
pub struct Destination<'d> {
    pub reach: Reach,
    /// By the number plan.
    pub country: Option<&'d str>,
    /// Of the deck row, where there is one that has one.
    pub kind: Option<&'d str>,
}

/// The first rule that matches (F6). `destination` is of outbound calls only.
pub fn rule<'p>(
    catalog: &Catalog,
    plan: &'p Plan,
    call: &Call,
    usage_country: &str,
    destination: Option<&Destination<'_>>,
) -> Option<&'p Rule> {
    plan.rules.iter().find(|rule| {
        let same = |wanted: &Option<String>, is: &str| wanted.as_deref().is_none_or(|wanted| wanted == is);
        same(&rule.service, &call.service)
            && same(&rule.direction, &call.direction)
            && same(&rule.number_type, &call.number_type)
            && (rule.usage_countries.is_empty() || rule.usage_countries.iter().any(|one| one == usage_country))
            && match destination {
                Some(destination) => matches_destination(catalog, rule, call, destination),
                // Inbound has none of it: a rule with such a condition never matches (A1).
                None => {
                    rule.reach.is_none() && rule.zone.is_none() && rule.kinds.is_empty() && rule.except_kinds.is_empty()
                }
            }
    })
}

fn matches_destination(catalog: &Catalog, rule: &Rule, call: &Call, destination: &Destination<'_>) -> bool {
    let in_zone = |zone: &String| {
        let zone = catalog.zone(zone, call.start());
        zone.is_some_and(|zone| destination.country.is_some_and(|is| zone.countries.iter().any(|one| one == is)))
    };
    let listed = |kinds: &[String]| destination.kind.is_some_and(|is| kinds.iter().any(|kind| kind == is));
    rule.reach.is_none_or(|reach| reach == destination.reach)
        && rule.zone.as_ref().is_none_or(in_zone)
        // No row: no kind, so `kinds` fails and `except_kinds` holds.
        && (rule.kinds.is_empty() || listed(&rule.kinds))
        && !listed(&rule.except_kinds)
}

/// A call as far as rules ask of it: whether each zone has its destination is as free as the rest.
#[derive(Clone, Debug)]
struct Imagined {
    service: &'static str,
    direction: &'static str,
    number_type: &'static str,
    reach: Reach,
    kind: Option<String>,
    zones: Vec<String>,
    usage_country: String,
}

/// The classes that the rules of a plan can send to an allotment (A8): those of which any call is, that one can imagine and
/// whose first matching rule names it.
pub fn classes_of(plan: &Plan, allotment: &str) -> Vec<&'static str> {
    let pool = Pays::Pool(allotment.to_owned());
    let mut found: Vec<&'static str> = Vec::new();
    for call in imagined(plan) {
        let first = plan.rules.iter().find(|rule| matches_imagined(rule, &call));
        if first.is_some_and(|rule| rule.pays == pool) {
            found.extend(class_of(&call));
        }
    }
    PAID_CLASSES.into_iter().filter(|class| found.contains(class)).collect()
}

fn class_of(call: &Imagined) -> Option<&'static str> {
    match (call.direction, call.service, call.number_type, call.reach) {
        ("inbound", _, "toll_free", _) => Some("inbound_toll_free"),
        ("inbound", _, "service", _) => Some("conference_dial_in"),
        ("inbound", ..) => None,
        (_, "conferencing", ..) => Some("conference_dial_out"),
        (.., Reach::Domestic) => Some("outbound_domestic"),
        (.., Reach::International) => Some("outbound_international"),
    }
}

fn imagined(plan: &Plan) -> Vec<Imagined> {
    let rules = &plan.rules;
    let mut zones: Vec<String> = rules.iter().filter_map(|rule| rule.zone.clone()).collect();
    zones.sort();
    zones.dedup();
    let sets: Vec<Vec<String>> = (0..1_usize << zones.len())
        .map(|set| {
            zones.iter().enumerate().filter(|(n, _)| set & (1 << n) != 0).map(|(_, zone)| zone.clone()).collect()
        })
        .collect();
    let mut kinds: Vec<Option<String>> =
        rules.iter().flat_map(|rule| rule.kinds.iter().chain(&rule.except_kinds)).cloned().map(Some).collect();
    // No kind, and one that no rule names.
    kinds.extend([None, Some("of another kind".to_owned())]);
    let mut countries: Vec<String> = rules.iter().flat_map(|rule| rule.usage_countries.clone()).collect();
    countries.push("elsewhere".to_owned());
    let mut calls = Vec::new();
    for service in ["calling", "conferencing", "voice_app"] {
        for direction in ["outbound", "inbound"] {
            for number_type in ["user", "service", "toll_free"] {
                for reach in [Reach::Domestic, Reach::International] {
                    for kind in &kinds {
                        for zones in &sets {
                            for usage_country in &countries {
                                let (kind, zones, usage_country) = (kind.clone(), zones.clone(), usage_country.clone());
                                let call =
                                    Imagined { service, direction, number_type, reach, kind, zones, usage_country };
                                calls.push(call);
                            }
                        }
                    }
                }
            }
        }
    }
    calls
}

fn matches_imagined(rule: &Rule, call: &Imagined) -> bool {
    let same = |wanted: &Option<String>, is: &str| wanted.as_deref().is_none_or(|wanted| wanted == is);
    let listed = |kinds: &[String]| call.kind.as_ref().is_some_and(|kind| kinds.contains(kind));
    let of_destination = rule.reach.is_none_or(|reach| reach == call.reach)
        && rule.zone.as_ref().is_none_or(|zone| call.zones.contains(zone))
        && (rule.kinds.is_empty() || listed(&rule.kinds))
        && !listed(&rule.except_kinds);
    let asks_none =
        rule.reach.is_none() && rule.zone.is_none() && rule.kinds.is_empty() && rule.except_kinds.is_empty();
    same(&rule.service, call.service)
        && same(&rule.direction, call.direction)
        && same(&rule.number_type, call.number_type)
        && (rule.usage_countries.is_empty() || rule.usage_countries.contains(&call.usage_country))
        && if call.direction == "outbound" { of_destination } else { asks_none }
}
