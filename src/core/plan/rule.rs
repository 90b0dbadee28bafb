//! The rules of a plan: which calls they match, and how those are paid.

use super::{AllotmentIndex, Countries, Country, Direction, Kind, NumberType, Service};

/// A rule: conditions that must all hold, and how the calls are paid then. A condition that is left out always holds.
///
/// An inbound call has no reach, no zone and no kind of destination, so that a rule with such a condition never matches it (F6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanRule {
    /// What was used.
    pub service: Option<Service>,
    /// Which way the call went.
    pub direction: Option<Direction>,
    /// The kind of the tenant's own number.
    pub number_type: Option<NumberType>,
    /// Domestic or not.
    pub reach: Option<Reach>,
    /// A zone that has the destination's country.
    pub zone: Option<Box<str>>,
    /// What the destination is.
    pub kinds: KindCondition,
    /// Where the user is.
    pub usage_countries: Option<Countries>,
    /// How the calls are paid.
    pub payment: Payment,
}

/// How a call is paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payment {
    /// By nobody.
    Free,
    /// By the minutes of an allotment, and by credits when there are none left.
    Pool(AllotmentIndex),
    /// By money.
    Credits,
    /// It must not be made.
    Denied,
}

/// How far an outbound call goes: domestic within the usage country or its domestic union (R20).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reach {
    /// To the usage country or another of its union.
    Domestic,
    /// Anywhere else, also to a number of no country.
    International,
}

impl Reach {
    /// Both.
    pub const ALL: [Reach; 2] = [Reach::Domestic, Reach::International];

    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Reach::Domestic => "domestic",
            Reach::International => "international",
        }
    }
}

/// A set of kinds of destinations, a bit each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Kinds(u8);

impl Kinds {
    /// The kind is one of them.
    pub fn contains(self, kind: Kind) -> bool {
        self.0 & Kinds::bit(kind) != 0
    }

    /// Every one of the others is one of these.
    fn contains_all(self, others: Kinds) -> bool {
        self.0 & others.0 == others.0
    }

    fn bit(kind: Kind) -> u8 {
        let place = Kind::ALL.iter().position(|known| *known == kind);
        1 << place.expect("ALL has every kind")
    }
}

impl FromIterator<Kind> for Kinds {
    fn from_iter<I: IntoIterator<Item = Kind>>(kinds: I) -> Kinds {
        Kinds(kinds.into_iter().fold(0, |bits, kind| bits | Kinds::bit(kind)))
    }
}

const _: () = assert!(Kind::ALL.len() <= 8, "a bit for each kind");

/// What a rule says of the kind of the price list's row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum KindCondition {
    /// Nothing.
    #[default]
    Any,
    /// It is one of these; a call without a row has no kind and does not match.
    Of(Kinds),
    /// It is none of these; a call without a row matches.
    Except(Kinds),
}

impl KindCondition {
    fn holds(self, kind: Option<Kind>) -> bool {
        match self {
            KindCondition::Any => true,
            KindCondition::Of(kinds) => kind.is_some_and(|kind| kinds.contains(kind)),
            KindCondition::Except(kinds) => !kind.is_some_and(|kind| kinds.contains(kind)),
        }
    }

    /// Whatever the other holds for, this one does.
    fn covers(self, other: KindCondition) -> bool {
        match (self, other) {
            (KindCondition::Any, _) => true,
            (KindCondition::Of(own), KindCondition::Of(others)) => own.contains_all(others),
            (KindCondition::Except(own), KindCondition::Of(others)) => own.0 & others.0 == 0,
            (KindCondition::Except(own), KindCondition::Except(others)) => others.contains_all(own),
            (_, KindCondition::Any) | (KindCondition::Of(_), KindCondition::Except(_)) => false,
        }
    }
}

/// What a plan is asked about a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlanQuestion {
    /// What was used.
    pub service: Service,
    /// Which way the call went. What is said of the destination counts only for an outbound call.
    pub direction: Direction,
    /// The kind of the tenant's own number.
    pub number_type: NumberType,
    /// Where the user is.
    pub usage_country: Country,
    /// The destination is in the usage country or in its domestic union.
    pub domestic: bool,
    /// The destination's country by the number plan; `None` for a number of none.
    pub destination: Option<Country>,
    /// The kind of the row that prices the destination; `None` if there is no row.
    pub kind: Option<Kind>,
}

impl PlanQuestion {
    fn reach(&self) -> Reach {
        if self.domestic { Reach::Domestic } else { Reach::International }
    }
}

impl PlanRule {
    /// A rule that every call matches.
    pub fn any(payment: Payment) -> PlanRule {
        PlanRule {
            service: None,
            direction: None,
            number_type: None,
            reach: None,
            zone: None,
            kinds: KindCondition::Any,
            usage_countries: None,
            payment,
        }
    }

    /// All conditions hold.
    pub(super) fn matches(&self, call: &PlanQuestion, zone_contains: impl Fn(&str, Country) -> bool) -> bool {
        self.may_match(call.service, call.direction, call.number_type, call.reach())
            && self.usage_countries.as_ref().is_none_or(|countries| countries.contains(call.usage_country))
            && self.kinds.holds(call.kind)
            && self
                .zone
                .as_deref()
                .is_none_or(|zone| call.destination.is_some_and(|country| zone_contains(zone, country)))
    }

    /// Some call of this kind meets the conditions.
    pub(super) fn may_match(
        &self,
        service: Service,
        direction: Direction,
        number_type: NumberType,
        reach: Reach,
    ) -> bool {
        self.service.is_none_or(|own| own == service)
            && self.direction.is_none_or(|own| own == direction)
            && self.number_type.is_none_or(|own| own == number_type)
            && match direction {
                Direction::Outbound => self.reach.is_none_or(|own| own == reach),
                Direction::Inbound => !self.is_for_destinations(),
            }
    }

    /// Of the calls that [`PlanRule::may_match`] speaks of, some may go on to the next rule.
    pub(super) fn leaves_some(&self) -> bool {
        self.zone.is_some() || self.kinds != KindCondition::Any || self.usage_countries.is_some()
    }

    /// It has a condition that inbound calls never meet.
    pub(super) fn is_for_destinations(&self) -> bool {
        self.reach.is_some() || self.zone.is_some() || self.kinds != KindCondition::Any
    }

    /// A condition that no call, or every call meets: nobody means that.
    pub(super) fn has_empty_list(&self) -> bool {
        self.usage_countries.as_ref().is_some_and(Countries::is_empty)
            || matches!(self.kinds, KindCondition::Of(kinds) | KindCondition::Except(kinds) if kinds == Kinds::default())
    }

    /// Every call that matches the other rule matches this one, as far as can be said without a look into zones.
    pub(super) fn covers(&self, other: &PlanRule) -> bool {
        fn holds<T: PartialEq>(own: &Option<T>, other: &Option<T>) -> bool {
            own.is_none() || own == other
        }
        holds(&self.service, &other.service)
            && holds(&self.direction, &other.direction)
            && holds(&self.number_type, &other.number_type)
            && holds(&self.reach, &other.reach)
            && holds(&self.zone, &other.zone)
            && self.kinds.covers(other.kinds)
            && match (&self.usage_countries, &other.usage_countries) {
                (None, _) => true,
                (Some(own), Some(others)) => own.contains_all(others),
                (Some(_), None) => false,
            }
    }
}
