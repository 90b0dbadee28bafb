//! All that prices a call: price lists, plans, zones and number plans, together in one version.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use crate::core::currency::Currency;
use crate::core::deck::Deck;
use crate::core::inbound::InboundDeck;
use crate::core::number::Country;
use crate::core::number_plan::NumberPlan;
use crate::core::plan::{Plan, Scope};
use crate::core::zone::Zone;

/// The plan without an allotment: every outbound minute is paid from credits (R26).
pub const PAY_AS_YOU_GO: &str = "payg";

/// What a catalog is made of. Of two versions of one thing that are effective from the same instant, the later one in its list
/// counts (F7: then by publication).
#[derive(Debug)]
pub struct CatalogParts {
    /// Names the catalog as a whole.
    pub version: Arc<str>,
    /// Price lists, all versions.
    pub decks: Vec<Arc<Deck>>,
    /// Inbound price lists, all versions.
    pub inbound: Vec<Arc<InboundDeck>>,
    /// Plans, all versions.
    pub plans: Vec<Arc<Plan>>,
    /// Zones, all versions.
    pub zones: Vec<Arc<Zone>>,
    /// Number plans, all versions; one at least.
    pub number_plans: Vec<Arc<NumberPlan>>,
}

/// A complete and valid catalog. It never changes; a new one replaces it as a whole (law 6).
#[derive(Debug)]
pub struct Catalog {
    version: Arc<str>,
    decks: ById<Deck>,
    /// By the price list that they belong to.
    inbound: ById<InboundDeck>,
    plans: ById<Plan>,
    zones: ById<Zone>,
    /// The newest first; one at least.
    number_plans: Vec<Arc<NumberPlan>>,
}

/// The versions of each thing, the newest first.
type ById<T> = BTreeMap<Box<str>, Vec<Arc<T>>>;

/// Why parts are no catalog: they are valid, each for itself, but do not fit together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CatalogFault {
    /// Two versions of a price list are in different currencies, so a tenant's would change (R17).
    #[error("price list {id} is in {one} and in {other}")]
    MixedCurrencies {
        /// The price list.
        id: Box<str>,
        /// The currency of one version.
        one: Currency,
        /// The currency of another.
        other: Currency,
    },
    /// An inbound price list belongs to a price list that is not there.
    #[error("inbound price list {inbound} is of price list {price_list}, which is not in the catalog")]
    UnknownPriceList {
        /// The inbound price list, `id@version`.
        inbound: Arc<str>,
        /// The price list.
        price_list: Box<str>,
    },
    /// An inbound price list is in another currency than its price list, or another version of itself.
    #[error("inbound price list {inbound} is in {currency}, price list {price_list} in {other}")]
    InboundCurrency {
        /// The inbound price list, `id@version`.
        inbound: Arc<str>,
        /// Its currency.
        currency: Currency,
        /// The price list.
        price_list: Box<str>,
        /// Its currency.
        other: Currency,
    },
    /// A price list has two inbound price lists that are no versions of each other.
    #[error("price list {price_list} has two inbound price lists, {one} and {other}")]
    TwoInboundLists {
        /// The price list.
        price_list: Box<str>,
        /// An inbound price list.
        one: Box<str>,
        /// Another.
        other: Box<str>,
    },
    /// A plan names a zone that is not there.
    #[error("plan {plan} names zone {zone}, which is not in the catalog")]
    UnknownZone {
        /// The plan, `id@version`.
        plan: Arc<str>,
        /// The zone.
        zone: Box<str>,
    },
    /// Countries share a pool, but not the number of minutes.
    #[error(
        "allotment {allotment} of plan {plan} has {} minutes in {} and {} in {}, which share a pool in union {union}",
        one.1, one.0, other.1, other.0
    )]
    UnevenUnion {
        /// The plan, `id@version`.
        plan: Arc<str>,
        /// The allotment.
        allotment: Box<str>,
        /// The pool union.
        union: Box<str>,
        /// A country of it and its minutes.
        one: (Country, u32),
        /// Another.
        other: (Country, u32),
    },
    /// Without a number plan no call can be told from another.
    #[error("there is no number plan")]
    NoNumberPlan,
}

impl Catalog {
    /// Puts a catalog together.
    ///
    /// # Errors
    /// All that does not fit together.
    pub fn new(parts: CatalogParts) -> Result<Catalog, Vec<CatalogFault>> {
        let catalog = Catalog {
            version: parts.version,
            decks: by_id(parts.decks, |deck| &deck.header().id, |deck| deck.header().effective_from),
            inbound: by_id(parts.inbound, InboundDeck::price_list, |deck| deck.header().effective_from),
            plans: by_id(parts.plans, Plan::id, Plan::effective_from),
            zones: by_id(parts.zones, |zone| &zone.id, |zone| zone.effective_from),
            number_plans: newest_first(parts.number_plans, |plan| plan.header().effective_from),
        };
        let mut faults: Vec<CatalogFault> = catalog.mixed_currencies().collect();
        faults.extend(catalog.faults_of_inbound());
        faults.extend(catalog.plans.values().flatten().flat_map(|plan| catalog.unknown_zones(plan)));
        faults.extend(catalog.uneven_unions());
        if catalog.number_plans.is_empty() {
            faults.push(CatalogFault::NoNumberPlan);
        }
        if faults.is_empty() { Ok(catalog) } else { Err(faults) }
    }

    /// Puts a price list in the place of all versions of its name: for those who ask what another list would cost.
    ///
    /// # Errors
    /// It is in another currency than the list was (R17).
    pub fn replace_deck(&mut self, deck: Deck) -> Result<(), CatalogFault> {
        let id = deck.header().id.clone();
        match self.deck_currency(&id).filter(|currency| *currency != deck.currency()) {
            Some(one) => Err(CatalogFault::MixedCurrencies { id, one, other: deck.currency() }),
            None => {
                self.decks.insert(id, vec![Arc::new(deck)]);
                Ok(())
            }
        }
    }

    /// Names this catalog: the same on every node that has the same.
    pub fn version(&self) -> &Arc<str> {
        &self.version
    }

    /// The version of the price list that was in force at the start of a call (R12, F7).
    pub fn deck(&self, id: &str, at: Timestamp) -> Option<&Deck> {
        in_force(self.decks.get(id)?, |deck| deck.header().effective_from, at)
    }

    /// There is a price list of this name, in force or yet to come.
    pub fn has_deck(&self, id: &str) -> bool {
        self.decks.contains_key(id)
    }

    /// The currency of the price list, the same in all its versions.
    pub fn deck_currency(&self, id: &str) -> Option<Currency> {
        self.decks.get(id)?.first().map(|deck| deck.currency())
    }

    /// The names of all price lists, in order.
    pub fn deck_ids(&self) -> impl Iterator<Item = &str> {
        self.decks.keys().map(AsRef::as_ref)
    }

    /// The version of the inbound prices of a price list, or overlay, that was in force at the start of a call (R12, R14).
    pub fn inbound(&self, price_list: &str, at: Timestamp) -> Option<&InboundDeck> {
        in_force(self.inbound.get(price_list)?, |deck| deck.header().effective_from, at)
    }

    /// The version of the plan that was in force at the start of a call (R12); `None` where there is none of this name, or only
    /// later ones.
    pub fn plan(&self, id: &str, at: Timestamp) -> Option<&Plan> {
        in_force(self.plans.get(id)?, Plan::effective_from, at)
    }

    /// There is a plan of this name, in force or yet to come.
    pub fn has_plan(&self, id: &str) -> bool {
        self.plans.contains_key(id)
    }

    /// The names of all plans, in order.
    pub fn plan_ids(&self) -> impl Iterator<Item = &str> {
        self.plans.keys().map(AsRef::as_ref)
    }

    /// The zone, as it was at the start of a call, has the country; `false` where the zone was not yet in force.
    pub fn zone_contains(&self, zone: &str, country: Country, at: Timestamp) -> bool {
        let versions = self.zones.get(zone).map_or(&[][..], Vec::as_slice);
        in_force(versions, |zone| zone.effective_from, at).is_some_and(|zone| zone.countries.contains(country))
    }

    /// The number plan that was in force at the start of a call (R12). For a call that is older than all of them, the oldest:
    /// numbers change little, and what prices it has its own dates.
    pub fn number_plan(&self, at: Timestamp) -> &NumberPlan {
        let plan = in_force(&self.number_plans, |plan| plan.header().effective_from, at);
        plan.or(self.number_plans.last().map(AsRef::as_ref)).expect("there is one at least")
    }

    /// Some version of the number plan describes the country.
    pub fn knows_country(&self, country: Country) -> bool {
        self.number_plans.iter().any(|plan| plan.knows(country))
    }

    fn mixed_currencies(&self) -> impl Iterator<Item = CatalogFault> {
        self.decks.iter().filter_map(|(id, versions)| {
            let one = versions.first()?.currency();
            let other = versions.iter().map(|deck| deck.currency()).find(|other| *other != one)?;
            Some(CatalogFault::MixedCurrencies { id: id.clone(), one, other })
        })
    }

    fn faults_of_inbound(&self) -> impl Iterator<Item = CatalogFault> {
        self.inbound.iter().flat_map(|(price_list, versions)| {
            let of_list = self.deck_currency(price_list);
            let mut faults = Vec::new();
            for deck in versions {
                let inbound = Arc::clone(deck.label());
                let (currency, price_list) = (deck.header().currency, price_list.clone());
                match of_list {
                    None => faults.push(CatalogFault::UnknownPriceList { inbound, price_list }),
                    Some(other) if other != currency => {
                        faults.push(CatalogFault::InboundCurrency { inbound, currency, price_list, other });
                    }
                    Some(_) => {}
                }
            }
            let mut ids = versions.iter().map(|deck| &deck.header().id);
            let one = ids.next();
            if let (Some(one), Some(other)) = (one, ids.find(|other| Some(*other) != one)) {
                let (one, other) = (one.clone(), other.clone());
                faults.push(CatalogFault::TwoInboundLists { price_list: price_list.clone(), one, other });
            }
            faults
        })
    }

    fn unknown_zones(&self, plan: &Plan) -> impl Iterator<Item = CatalogFault> {
        let zones: BTreeSet<&Box<str>> = plan.parts().rules.iter().filter_map(|rule| rule.zone.as_ref()).collect();
        zones
            .into_iter()
            .filter(|zone| !self.zones.contains_key(*zone))
            .map(|zone| CatalogFault::UnknownZone { plan: Arc::clone(plan.label()), zone: zone.clone() })
    }

    /// Each plan under each number plan that is in force at some time of its own.
    fn uneven_unions(&self) -> impl Iterator<Item = CatalogFault> {
        let numbers = periods(&self.number_plans, |plan| plan.header().effective_from);
        self.plans.values().flat_map(|versions| periods(versions, Plan::effective_from)).flat_map(
            move |(plan, period)| {
                let at_its_time = numbers.iter().filter(|(_, other)| period.overlaps(other)).collect::<Vec<_>>();
                at_its_time.into_iter().find_map(|(numbers, _)| uneven_union(plan, numbers))
            },
        )
    }
}

/// When a version is in force.
#[derive(Clone, Copy, Debug)]
struct Period {
    /// From here on; `None`: always was.
    from: Option<Timestamp>,
    /// Until a newer version takes over.
    to: Option<Timestamp>,
}

impl Period {
    fn overlaps(&self, other: &Period) -> bool {
        let begins_before_end = |a: &Period, b: &Period| match (a.from, b.to) {
            (Some(from), Some(to)) => from < to,
            _ => true,
        };
        begins_before_end(self, other) && begins_before_end(other, self)
    }
}

/// The versions with the time of each; not those of which another takes the place at once.
fn periods<T>(newest_first: &[Arc<T>], effective_from: impl Fn(&T) -> Option<Timestamp>) -> Vec<(&Arc<T>, Period)> {
    let mut found: Vec<(&Arc<T>, Period)> = Vec::new();
    for version in newest_first {
        let from = effective_from(version);
        if found.last().is_none_or(|(_, newer)| newer.from != from) {
            found.push((version, Period { from, to: found.last().and_then(|(_, newer)| newer.from) }));
        }
    }
    found
}

/// The first allotment whose shared pool is one for countries with different minutes.
fn uneven_union(plan: &Plan, numbers: &NumberPlan) -> Option<CatalogFault> {
    let mut first_of_union: BTreeMap<&str, Country> = BTreeMap::new();
    for dialling in numbers.countries() {
        let Some(union) = dialling.pool_union.as_deref() else { continue };
        let first = *first_of_union.entry(union).or_insert(dialling.country);
        let uneven = plan.allotments().map(|(_, allotment)| allotment).find(|allotment| {
            allotment.scope == Scope::Shared && allotment.minutes(first) != allotment.minutes(dialling.country)
        });
        if let Some(allotment) = uneven {
            let minutes = |country| (country, allotment.minutes(country));
            return Some(CatalogFault::UnevenUnion {
                plan: Arc::clone(plan.label()),
                allotment: allotment.name.clone(),
                union: union.into(),
                one: minutes(first),
                other: minutes(dialling.country),
            });
        }
    }
    None
}

fn by_id<T>(
    items: Vec<Arc<T>>,
    id: impl Fn(&T) -> &str,
    effective_from: impl Fn(&T) -> Option<Timestamp> + Copy,
) -> ById<T> {
    let mut by_id: BTreeMap<Box<str>, Vec<Arc<T>>> = BTreeMap::new();
    for item in items {
        by_id.entry(id(&item).into()).or_default().push(item);
    }
    by_id.into_iter().map(|(id, versions)| (id, newest_first(versions, effective_from))).collect()
}

/// Of those that are effective from the same instant, the one that was published later comes first.
fn newest_first<T>(mut versions: Vec<Arc<T>>, effective_from: impl Fn(&T) -> Option<Timestamp>) -> Vec<Arc<T>> {
    versions.reverse();
    versions.sort_by_key(|version| std::cmp::Reverse(effective_from(version)));
    versions
}

/// The newest version that is effective from this instant or an earlier one.
fn in_force<T>(newest_first: &[Arc<T>], effective_from: impl Fn(&T) -> Option<Timestamp>, at: Timestamp) -> Option<&T> {
    let mut versions = newest_first.iter().map(AsRef::as_ref);
    versions.find(|version| effective_from(version).is_none_or(|from| from <= at))
}

#[cfg(test)]
mod tests;
