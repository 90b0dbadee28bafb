//! All that prices a call: price lists, plans and the number plan, together in one version.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use crate::core::currency::Currency;
use crate::core::deck::Deck;
use crate::core::number_plan::NumberPlan;

/// The plan without an allotment: every outbound minute is paid from credits (R26).
pub const PAY_AS_YOU_GO: &str = "payg";

/// A complete and valid catalog. It never changes; a new one replaces it as a whole (law 6).
#[derive(Debug)]
pub struct Catalog {
    version: Arc<str>,
    /// The versions of each list, the newest first.
    decks: BTreeMap<Box<str>, Vec<Arc<Deck>>>,
    plans: BTreeSet<Box<str>>,
    number_plan: NumberPlan,
}

/// Two versions of a price list are in different currencies, so a tenant's would change (R17).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("price list {id} is in {one} and in {other}")]
pub struct MixedCurrencies {
    /// The price list.
    pub id: Box<str>,
    /// The currency of one version.
    pub one: Currency,
    /// The currency of another.
    pub other: Currency,
}

impl Catalog {
    /// Puts a catalog together. Where two versions of a list are effective from the same instant, the later one in `decks`
    /// counts (F7: then by publication).
    ///
    /// # Errors
    /// [`MixedCurrencies`].
    pub fn new(
        version: Arc<str>,
        decks: Vec<Deck>,
        plans: BTreeSet<Box<str>>,
        number_plan: NumberPlan,
    ) -> Result<Catalog, MixedCurrencies> {
        let mut by_id: BTreeMap<Box<str>, Vec<Arc<Deck>>> = BTreeMap::new();
        for deck in decks.into_iter().rev() {
            let versions = by_id.entry(deck.header().id.clone()).or_default();
            if let Some(first) = versions.first().filter(|first| first.currency() != deck.currency()) {
                let id = deck.header().id.clone();
                return Err(MixedCurrencies { id, one: first.currency(), other: deck.currency() });
            }
            versions.push(Arc::new(deck));
        }
        for versions in by_id.values_mut() {
            versions.sort_by_key(|deck| std::cmp::Reverse(deck.header().effective_from));
        }
        Ok(Catalog { version, decks: by_id, plans, number_plan })
    }

    /// Names this catalog: the same on every node that has the same.
    pub fn version(&self) -> &Arc<str> {
        &self.version
    }

    /// The version of the price list that was in force at the start of a call (R12, F7).
    pub fn deck(&self, id: &str, at: Timestamp) -> Option<&Deck> {
        let in_force = |deck: &&Arc<Deck>| deck.header().effective_from.is_none_or(|from| from <= at);
        self.decks.get(id)?.iter().find(in_force).map(AsRef::as_ref)
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

    /// There is a plan of this name.
    pub fn has_plan(&self, name: &str) -> bool {
        self.plans.contains(name)
    }

    /// The table of countries.
    pub fn number_plan(&self) -> &NumberPlan {
        &self.number_plan
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::deck::{DeckBuilder, DeckHeader};
    use crate::core::money::LineRounding;

    fn deck(version: &str, currency: &str, effective_from: Option<i64>) -> Deck {
        let header = DeckHeader {
            id: "retail".into(),
            version: version.into(),
            currency: currency.parse().expect("a currency"),
            rounding: LineRounding::default(),
            effective_from: effective_from.map(second),
        };
        DeckBuilder::new(header).build().expect("no rows, no duplicates")
    }

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("near the epoch")
    }

    fn catalog(decks: Vec<Deck>) -> Result<Catalog, MixedCurrencies> {
        let number_plan = NumberPlan::new(Vec::new(), Vec::new()).expect("an empty plan");
        Catalog::new("v".into(), decks, BTreeSet::from([PAY_AS_YOU_GO.into()]), number_plan)
    }

    #[test]
    fn r12_the_version_in_force_at_the_start_of_the_call_prices_it() {
        let decks = vec![
            deck("b", "USD", Some(100)),
            deck("a", "USD", None),
            deck("c", "USD", Some(200)),
            deck("c-again", "USD", Some(200)), // F7: published later, and counts
        ];
        let catalog = catalog(decks).expect("one currency");
        for (at, expected) in [(99, "retail@a"), (100, "retail@b"), (199, "retail@b"), (200, "retail@c-again")] {
            let label = catalog.deck("retail", second(at)).map(|deck| deck.label().to_string());
            assert_eq!(label.as_deref(), Some(expected), "at {at}");
        }
        assert!(catalog.deck("other", second(0)).is_none() && !catalog.has_deck("other"));
        assert_eq!(catalog.deck_currency("retail"), "USD".parse().ok());
    }

    #[test]
    fn f7_a_list_that_is_not_yet_in_force_prices_nothing() {
        let catalog = catalog(vec![deck("a", "USD", Some(100))]).expect("one currency");
        assert!(catalog.has_deck("retail") && catalog.deck("retail", second(99)).is_none());
    }

    #[test]
    fn r17_a_price_list_keeps_its_currency() {
        let refused = catalog(vec![deck("a", "USD", None), deck("b", "EUR", Some(1))]).map(|_| ());
        assert_eq!(refused.expect_err("refused").to_string(), "price list retail is in EUR and in USD");
    }
}
