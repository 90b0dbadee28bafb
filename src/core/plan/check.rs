//! What makes a plan none: all that could be misread, or that nobody means.

use super::{
    ALLOTMENTS_MAX, CapRule, Classes, Countries, Country, Direction, MINUTES_MAX, NumberType, POOL_NAME_LEN_MAX,
    Payment, PlanParts, RULES_MAX, Scope, is_pool_name,
};

/// Why a plan is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanFault {
    /// Above [`ALLOTMENTS_MAX`].
    #[error("more than {ALLOTMENTS_MAX} allotments")]
    TooManyAllotments,
    /// Above [`RULES_MAX`].
    #[error("more than {RULES_MAX} rules")]
    TooManyRules,
    /// One allotment is wrong.
    #[error("allotment {}: {fault}", place + 1)]
    Allotment {
        /// Its place, from 0.
        place: usize,
        /// What is wrong.
        fault: AllotmentFault,
    },
    /// One rule is wrong.
    #[error("rule {}: {fault}", place + 1)]
    Rule {
        /// Its place, from 0.
        place: usize,
        /// What is wrong.
        fault: RuleFault,
    },
}

/// What is wrong with an allotment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AllotmentFault {
    /// Not a name that a pool can have.
    #[error("a name has 1 to {POOL_NAME_LEN_MAX} of a-z 0-9 -")]
    Name,
    /// An earlier one has the same name.
    #[error("an allotment before it has the same name")]
    SameName,
    /// Above [`MINUTES_MAX`].
    #[error("more than {MINUTES_MAX} minutes a month")]
    TooManyMinutes,
    /// A country has two figures.
    #[error("country {0} is there twice")]
    SameCountry(Country),
    /// The pool of all licences has no country.
    #[error("a pool of the whole tenant has one number of minutes, not one for each country")]
    CountriesOfTenant,
    /// No rule sends calls to it.
    #[error("no rule sends calls to it")]
    Unused,
    /// Under [`CapRule::Either`] all have one scope.
    #[error("its scope is another than that of the first, which cap_rule either cannot tie together: say independent")]
    MixedScopes,
}

/// What is wrong with a rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleFault {
    /// It names an allotment that is not there.
    #[error("the plan has no such allotment")]
    UnknownAllotment,
    /// A list without an element is a condition that nothing meets.
    #[error("an empty list matches no call")]
    EmptyList,
    /// Inbound calls have neither.
    #[error("an inbound call has no reach, zone or kind")]
    InboundDestination,
    /// Calls to the numbers of users are free whatever a plan says (R7).
    #[error("an inbound call to a user's number is free whatever a plan says")]
    InboundUser,
    /// A rule before it has all its calls.
    #[error("it never applies: rule {} has all calls that it would match", .0 + 1)]
    Unreachable(usize),
}

/// More allotments or rules than a plan can have: the rest is not looked at then.
pub(super) fn size_fault(parts: &PlanParts) -> Option<PlanFault> {
    if parts.allotments.len() > ALLOTMENTS_MAX {
        return Some(PlanFault::TooManyAllotments);
    }
    (parts.rules.len() > RULES_MAX).then_some(PlanFault::TooManyRules)
}

/// All that is wrong, allotments first. `classes` are what the rules send to each.
pub(super) fn faults(parts: &PlanParts, classes: &[Classes]) -> Vec<PlanFault> {
    let mut faults = Vec::new();
    for (place, classes) in classes.iter().enumerate() {
        let found = allotment_faults(parts, place, *classes);
        faults.extend(found.into_iter().map(|fault| PlanFault::Allotment { place, fault }));
    }
    for place in 0..parts.rules.len() {
        let found = rule_faults(parts, place);
        faults.extend(found.into_iter().map(|fault| PlanFault::Rule { place, fault }));
    }
    faults
}

fn allotment_faults(parts: &PlanParts, place: usize, classes: Classes) -> Vec<AllotmentFault> {
    let allotment = &parts.allotments[place];
    let before = &parts.allotments[..place];
    let mut faults = Vec::new();
    if !is_pool_name(&allotment.name) {
        faults.push(AllotmentFault::Name);
    }
    if before.iter().any(|earlier| earlier.name == allotment.name) {
        faults.push(AllotmentFault::SameName);
    }
    let mut all_minutes = allotment.minutes_in.iter().map(|(_, minutes)| *minutes).chain([allotment.minutes]);
    if all_minutes.any(|minutes| minutes > MINUTES_MAX) {
        faults.push(AllotmentFault::TooManyMinutes);
    }
    let mut seen = Countries::NONE;
    for (country, _) in &allotment.minutes_in {
        if !seen.insert(*country) {
            faults.push(AllotmentFault::SameCountry(*country));
        }
    }
    if allotment.scope == Scope::Tenant && !allotment.minutes_in.is_empty() {
        faults.push(AllotmentFault::CountriesOfTenant);
    }
    if parts.cap_rule == CapRule::Either && before.first().is_some_and(|first| first.scope != allotment.scope) {
        faults.push(AllotmentFault::MixedScopes);
    }
    if classes.is_empty() {
        faults.push(AllotmentFault::Unused);
    }
    faults
}

fn rule_faults(parts: &PlanParts, place: usize) -> Vec<RuleFault> {
    let rule = &parts.rules[place];
    let mut faults = Vec::new();
    if matches!(rule.payment, Payment::Pool(allotment) if allotment.index() >= parts.allotments.len()) {
        faults.push(RuleFault::UnknownAllotment);
    }
    if rule.has_empty_list() {
        faults.push(RuleFault::EmptyList);
    }
    if rule.direction == Some(Direction::Inbound) {
        if rule.is_for_destinations() {
            faults.push(RuleFault::InboundDestination);
        }
        if rule.number_type == Some(NumberType::User) {
            faults.push(RuleFault::InboundUser);
        }
    }
    if let Some(earlier) = parts.rules[..place].iter().position(|earlier| earlier.covers(rule)) {
        faults.push(RuleFault::Unreachable(earlier));
    }
    faults
}
