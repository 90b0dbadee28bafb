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

/// The classes that the rules of a plan can send to an allotment (A8): by the conditions of each rule for itself, without a
/// look at earlier rules, at zones or at usage countries.
pub fn classes_of(plan: &Plan, allotment: &str) -> Vec<&'static str> {
    let can_be = |wanted: &Option<String>, is: &str| wanted.as_deref().is_none_or(|wanted| wanted == is);
    let sends = |class: &str| {
        plan.rules.iter().filter(|rule| rule.pays == Pays::Pool(allotment.to_owned())).any(|rule| {
            let calls = can_be(&rule.service, "calling") || can_be(&rule.service, "voice_app");
            let outbound = can_be(&rule.direction, "outbound");
            let has_destination =
                rule.reach.is_some() || rule.zone.is_some() || !rule.kinds.is_empty() || !rule.except_kinds.is_empty();
            let inbound = can_be(&rule.direction, "inbound") && !has_destination;
            match class {
                "inbound_toll_free" => inbound && can_be(&rule.number_type, "toll_free"),
                "conference_dial_in" => inbound && can_be(&rule.number_type, "service"),
                "outbound_domestic" => outbound && calls && rule.reach != Some(Reach::International),
                "outbound_international" => outbound && calls && rule.reach != Some(Reach::Domestic),
                "conference_dial_out" => outbound && can_be(&rule.service, "conferencing"),
                other => unreachable!("{other} is no paid class"),
            }
        })
    };
    PAID_CLASSES.into_iter().filter(|class| sends(class)).collect()
}
