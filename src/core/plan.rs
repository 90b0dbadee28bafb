//! Plans: what a licence includes, and how each kind of call is paid (R20-R22, F6).
//!
//! A plan is a list of rules; the first that matches a call says how it is paid, and none means credits. What a rule sends to a
//! pool is counted by an allotment: minutes for each licence and month, in one counter of the scope.

use std::sync::Arc;

use compact_str::{CompactString, format_compact};
use jiff::Timestamp;

use super::cdr::{CallClass, Direction, NumberType, Service};
use super::deck::Kind;
use super::number::Country;
use super::zone::Countries;

mod check;
mod classes;
mod rule;
#[cfg(test)]
mod tests;

pub use check::{AllotmentFault, PlanFault, RuleFault};
pub use classes::{Classes, class_of};
pub use rule::{KindCondition, Kinds, Payment, PlanQuestion, PlanRule, Reach};

/// Allotments of one plan at most.
pub const ALLOTMENTS_MAX: usize = 8;
/// Rules of one plan at most.
pub const RULES_MAX: usize = 100;
/// Minutes for each licence and month at most: more than a month has.
pub const MINUTES_MAX: u32 = 1_000_000;
/// Characters of the name of an allotment, or of a pool union, at most.
pub const POOL_NAME_LEN_MAX: usize = 32;

/// One version of a plan, complete and valid.
#[derive(Clone, Debug)]
pub struct Plan {
    parts: PlanParts,
    label: Arc<str>,
    /// By allotment.
    classes: Box<[Classes]>,
}

/// What a plan is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanParts {
    /// The name that licences and CDRs refer to.
    pub id: Box<str>,
    /// Tells apart what was in force under this name.
    pub version: Box<str>,
    /// Calls that start before this instant are not of this version (R12); `None`: always was.
    pub effective_from: Option<Timestamp>,
    /// What a bill calls it.
    pub description: Box<str>,
    /// What a used-up allotment does to the others.
    pub cap_rule: CapRule,
    /// The included minutes; at most [`ALLOTMENTS_MAX`].
    pub allotments: Vec<Allotment>,
    /// In order: the first that matches wins; at most [`RULES_MAX`].
    pub rules: Vec<PlanRule>,
}

impl PlanParts {
    /// A plan without an allotment or a rule: every call is paid by credits.
    pub fn without_rules(id: &str, version: &str) -> PlanParts {
        PlanParts {
            id: id.into(),
            version: version.into(),
            effective_from: None,
            description: id.into(),
            cap_rule: CapRule::default(),
            allotments: Vec::new(),
            rules: Vec::new(),
        }
    }
}

/// Included minutes, and who shares them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allotment {
    /// What rules and pools call it: 1 to [`POOL_NAME_LEN_MAX`] of `[a-z0-9-]`.
    pub name: Box<str>,
    /// Who shares them.
    pub scope: Scope,
    /// Minutes for each licence and month, where [`Allotment::minutes_in`] does not say otherwise.
    pub minutes: u32,
    /// By the usage country of the licence; each once. Empty for the scope [`Scope::Tenant`], whose pool has no country.
    pub minutes_in: Vec<(Country, u32)>,
}

impl Allotment {
    /// Minutes for each licence and month of this usage country.
    pub fn minutes(&self, usage_country: Country) -> u32 {
        let own = self.minutes_in.iter().find(|(country, _)| *country == usage_country);
        own.map_or(self.minutes, |(_, minutes)| *minutes)
    }
}

/// Who shares the minutes of an allotment (R21).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// The licences of the plan in one usage country, or in one pool union.
    Shared,
    /// All licences of the plan.
    Tenant,
    /// Nobody: each user has the minutes of one licence.
    User,
}

impl Scope {
    /// All scopes.
    pub const ALL: [Scope; 3] = [Scope::Shared, Scope::Tenant, Scope::User];

    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Scope::Shared => "shared",
            Scope::Tenant => "tenant",
            Scope::User => "user",
        }
    }
}

/// What becomes of the other allotments of a plan when one is used up (R22).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum CapRule {
    /// They give nothing more that month.
    #[default]
    Either,
    /// Nothing.
    Independent,
}

impl CapRule {
    /// Both rules.
    pub const ALL: [CapRule; 2] = [CapRule::Either, CapRule::Independent];

    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            CapRule::Either => "either",
            CapRule::Independent => "independent",
        }
    }
}

/// The place of an allotment in its version of the plan. Another version may have it elsewhere: what lasts is the pool's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AllotmentIndex(u8);

impl AllotmentIndex {
    /// The place of an allotment in [`PlanParts::allotments`]; `None` where no plan has so many.
    pub fn new(place: usize) -> Option<AllotmentIndex> {
        u8::try_from(place).ok().filter(|_| place < ALLOTMENTS_MAX).map(AllotmentIndex)
    }

    fn index(self) -> usize {
        usize::from(self.0)
    }
}

impl Plan {
    /// Proves that the parts make a plan.
    ///
    /// # Errors
    /// All that is wrong, allotments first.
    pub fn new(parts: PlanParts) -> Result<Plan, Vec<PlanFault>> {
        if let Some(fault) = check::size_fault(&parts) {
            return Err(vec![fault]);
        }
        let classes: Box<[Classes]> = (0..parts.allotments.len())
            .map(|place| classes::sent_to(&parts.rules, AllotmentIndex::new(place).expect("at most ALLOTMENTS_MAX")))
            .collect();
        let faults = check::faults(&parts, &classes);
        if !faults.is_empty() {
            return Err(faults);
        }
        let label = Arc::from(format!("{}@{}", parts.id, parts.version));
        Ok(Plan { parts, label, classes })
    }

    /// The same, in force from another instant on: whoever publishes it says when.
    #[must_use]
    pub fn in_force_from(mut self, at: Timestamp) -> Plan {
        self.parts.effective_from = Some(at);
        self
    }

    /// What licences and CDRs call it.
    pub fn id(&self) -> &str {
        &self.parts.id
    }

    /// `id@version`, as debits name it.
    pub fn label(&self) -> &Arc<str> {
        &self.label
    }

    /// Calls that start before this instant are not of this version; `None`: always was.
    pub fn effective_from(&self) -> Option<Timestamp> {
        self.parts.effective_from
    }

    /// All that it was made of.
    pub fn parts(&self) -> &PlanParts {
        &self.parts
    }

    /// How a call is paid (R20, F6): as the first rule says that matches it; by credits if none does.
    ///
    /// `zone_contains` says whether a zone, by name, has a country; the catalog knows, as of the call's start. It is asked
    /// only where everything else of a rule matches.
    pub fn payment(&self, call: &PlanQuestion, zone_contains: impl Fn(&str, Country) -> bool) -> Payment {
        let first = self.parts.rules.iter().find(|rule| rule.matches(call, &zone_contains));
        first.map_or(Payment::Credits, |rule| rule.payment)
    }

    /// The allotments, in order.
    pub fn allotments(&self) -> impl Iterator<Item = (AllotmentIndex, &Allotment)> {
        (0..).map(AllotmentIndex).zip(&self.parts.allotments)
    }

    /// One allotment.
    ///
    /// # Panics
    /// If the index is of another plan that has more.
    pub fn allotment(&self, index: AllotmentIndex) -> &Allotment {
        &self.parts.allotments[index.index()]
    }

    /// The classes of paid calls that some rule can send to the allotment: what its pool keeps open in a block (R35).
    pub fn classes(&self, index: AllotmentIndex) -> Classes {
        self.classes[index.index()]
    }

    /// Minutes of an allotment for each licence and month, by the usage country of the licence.
    pub fn minutes(&self, index: AllotmentIndex, usage_country: Country) -> u32 {
        self.allotment(index).minutes(usage_country)
    }

    /// The allotments that give nothing more once this one is used up, and the other way round (R22, F12); this one is not
    /// among them.
    pub fn siblings(&self, index: AllotmentIndex) -> impl Iterator<Item = AllotmentIndex> {
        let all = match self.parts.cap_rule {
            CapRule::Either => self.parts.allotments.len(),
            CapRule::Independent => 0,
        };
        (0..).map(AllotmentIndex).take(all).filter(move |other| *other != index)
    }

    /// What the pool of an allotment is called: `plan/allotment/feed` where it is shared, `feed` being the pool union or else the
    /// usage country ([`NumberPlan::feed_name`](super::number_plan::NumberPlan::feed_name)), `plan/allotment` where it is the
    /// tenant's, and `plan/allotment/user` for each user.
    pub fn pool_id(&self, index: AllotmentIndex, feed: &str) -> CompactString {
        let allotment = self.allotment(index);
        let (plan, name) = (&self.parts.id, &allotment.name);
        match allotment.scope {
            Scope::Shared => format_compact!("{plan}/{name}/{feed}"),
            Scope::Tenant => format_compact!("{plan}/{name}"),
            Scope::User => format_compact!("{plan}/{name}/user"),
        }
    }
}

/// What a part of a pool's name can be: 1 to [`POOL_NAME_LEN_MAX`] of `[a-z0-9-]`. No country is one, and no union can be taken
/// for one.
pub fn is_pool_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=POOL_NAME_LEN_MAX).contains(&name.len()) && name.bytes().all(allowed)
}
