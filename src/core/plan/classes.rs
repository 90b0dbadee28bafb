//! Which classes of paid calls the rules of a plan can send to an allotment.

use super::{AllotmentIndex, CallClass, Direction, NumberType, Payment, PlanRule, Reach, Service};

/// A set of classes that somebody pays for ([`CallClass::PAID`]), a bit each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Classes(u8);

impl Classes {
    /// No class.
    pub const NONE: Classes = Classes(0);

    /// The class is one of them.
    pub fn contains(self, class: CallClass) -> bool {
        self.0 & Classes::bit(class) != 0
    }

    /// There is none.
    pub fn is_empty(self) -> bool {
        self == Classes::NONE
    }

    /// These and a further one. A class that nobody pays for is never in the set.
    #[must_use]
    pub fn with(self, class: CallClass) -> Classes {
        Classes(self.0 | Classes::bit(class))
    }

    /// Those of both.
    #[must_use]
    pub fn union(self, other: Classes) -> Classes {
        Classes(self.0 | other.0)
    }

    /// All that somebody pays for.
    pub fn all_paid() -> Classes {
        CallClass::PAID.into_iter().collect()
    }

    /// These without those of the other.
    #[must_use]
    pub fn without(self, other: Classes) -> Classes {
        Classes(self.0 & !other.0)
    }

    /// In the order of [`CallClass::PAID`].
    pub fn iter(self) -> impl Iterator<Item = CallClass> {
        CallClass::PAID.into_iter().filter(move |class| self.contains(*class))
    }

    fn bit(class: CallClass) -> u8 {
        CallClass::PAID.iter().position(|paid| *paid == class).map_or(0, |place| 1 << place)
    }
}

impl FromIterator<CallClass> for Classes {
    fn from_iter<I: IntoIterator<Item = CallClass>>(classes: I) -> Classes {
        classes.into_iter().fold(Classes::NONE, Classes::with)
    }
}

/// The class of a call that somebody may have to pay for: of an inbound call by the tenant's own number, of an outbound one
/// by its reach. `None` for inbound calls to users, which are free (R7).
pub fn class_of(service: Service, direction: Direction, number_type: NumberType, reach: Reach) -> Option<CallClass> {
    match (direction, number_type, service, reach) {
        (Direction::Inbound, NumberType::User, _, _) => None,
        (Direction::Inbound, NumberType::TollFree, _, _) => Some(CallClass::InboundTollFree),
        (Direction::Inbound, NumberType::Service, _, _) => Some(CallClass::ConferenceDialIn),
        (Direction::Outbound, _, Service::Conferencing, _) => Some(CallClass::ConferenceDialOut),
        (Direction::Outbound, _, _, Reach::Domestic) => Some(CallClass::OutboundDomestic),
        (Direction::Outbound, _, _, Reach::International) => Some(CallClass::OutboundInternational),
    }
}

/// The classes of all calls that some rule can send to the allotment. Every kind of call goes through the rules; where a rule
/// also asks for a zone, kinds or usage countries, it is taken to match some calls and to leave others to the rules after it.
pub(super) fn sent_to(rules: &[PlanRule], allotment: AllotmentIndex) -> Classes {
    let mut classes = Classes::NONE;
    for service in Service::ALL {
        for direction in Direction::ALL {
            for number_type in NumberType::ALL {
                for reach in Reach::ALL {
                    let Some(class) = class_of(service, direction, number_type, reach) else { continue };
                    let may_match = rules.iter().filter(|rule| rule.may_match(service, direction, number_type, reach));
                    for rule in may_match {
                        if rule.payment == Payment::Pool(allotment) {
                            classes = classes.with(class);
                        }
                        if !rule.leaves_some() {
                            break;
                        }
                    }
                }
            }
        }
    }
    classes
}
