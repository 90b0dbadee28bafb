//! What a sample of traffic would cost by two price lists.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::core::cdr::{Cdr, Direction};
use crate::core::deck::Deck;
use crate::core::money::{Money, Overflow};
use crate::core::number::Country;
use crate::core::number_plan::NumberPlan;

/// Calls of one destination, or of all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// How many both lists price.
    pub calls: u64,
    /// What they cost by the earlier list.
    pub before: Money,
    /// What they cost by the later list.
    pub after: Money,
}

impl Sum {
    fn add(&mut self, before: Money, after: Money) -> Result<(), Overflow> {
        let (before, after) = (self.before.checked_add(before)?, self.after.checked_add(after)?);
        *self = Sum { calls: self.calls + 1, before, after };
        Ok(())
    }
}

/// What calls would cost by two lists. Their own times decide on time bands; which rows are in force, the one time at which the
/// lists are compared: the calls of last month tell what next month's prices will do.
#[derive(Debug)]
pub struct Effect<'d> {
    before: &'d Deck,
    after: &'d Deck,
    plan: &'d NumberPlan,
    usage_country: Country,
    at: Timestamp,
    /// Calls that both price.
    pub total: Sum,
    /// The same by what the later list calls the destination, or else the earlier.
    pub destinations: BTreeMap<Box<str>, Sum>,
    /// Calls that only the earlier list prices: from now on without a rate, or denied.
    pub lost: u64,
    /// Calls that only the later list prices.
    pub gained: u64,
    /// Calls that neither prices.
    pub neither: u64,
    /// Records that no price list would be asked for: inbound, on-net, unanswered, emergency, or no number.
    pub not_priced: u64,
}

impl<'d> Effect<'d> {
    /// No calls yet. `usage_country` is where callers are whose record does not say it.
    pub fn new(
        before: &'d Deck,
        after: &'d Deck,
        plan: &'d NumberPlan,
        usage_country: Country,
        at: Timestamp,
    ) -> Effect<'d> {
        Effect {
            before,
            after,
            plan,
            usage_country,
            at,
            total: Sum::default(),
            destinations: BTreeMap::new(),
            lost: 0,
            gained: 0,
            neither: 0,
            not_priced: 0,
        }
    }

    /// Prices one call by both.
    ///
    /// # Errors
    /// [`Overflow`] where the sum of all would reach the limit.
    pub fn take(&mut self, cdr: &Cdr<'_>) -> Result<(), Overflow> {
        let country = cdr.usage_country.unwrap_or(self.usage_country);
        let is_priced = cdr.direction == Direction::Outbound
            && !cdr.on_net
            && !cdr.duration().is_zero()
            && !self.plan.is_emergency(&cdr.to, country);
        let Some(number) = self.plan.normalise(&cdr.to, country).filter(|_| is_priced) else {
            self.not_priced += 1;
            return Ok(());
        };
        let cost = |deck: &'d Deck| {
            let row = deck.lookup(&number, self.at).filter(|row| !row.denied)?;
            let priced = row.price.charge(cdr.started_at(), cdr.duration(), 0, deck.rounding()).ok()?;
            Some((row, priced.amount))
        };
        match (cost(self.before), cost(self.after)) {
            (Some((old, before)), Some((new, after))) => {
                self.total.add(before, after)?;
                let destination = if new.destination.is_empty() { &old.destination } else { &new.destination };
                match self.destinations.get_mut(&**destination) {
                    Some(sum) => sum.add(before, after)?,
                    None => {
                        self.destinations.insert((**destination).into(), Sum { calls: 1, before, after });
                    }
                }
            }
            (Some(_), None) => self.lost += 1,
            (None, Some(_)) => self.gained += 1,
            (None, None) => self.neither += 1,
        }
        Ok(())
    }

    /// The destinations whose cost changes most, first.
    pub fn by_change(&self) -> Vec<(&str, Sum)> {
        let mut sorted: Vec<(&str, Sum)> = self.destinations.iter().map(|(name, sum)| (&**name, *sum)).collect();
        sorted.sort_by_key(|(_, sum)| std::cmp::Reverse(distance(sum)));
        sorted
    }

    /// All of it as one object.
    pub fn json(&self) -> Value {
        let sum =
            |sum: &Sum| json!({"calls": sum.calls, "before": sum.before.to_string(), "after": sum.after.to_string()});
        let destinations: BTreeMap<&str, Value> =
            self.destinations.iter().map(|(name, one)| (&**name, sum(one))).collect();
        json!({
            "total": sum(&self.total),
            "destinations": destinations,
            "lost": self.lost,
            "gained": self.gained,
            "neither": self.neither,
            "not_priced": self.not_priced,
        })
    }
}

/// How far the two amounts are apart.
fn distance(sum: &Sum) -> Money {
    let (more, less) = if sum.after < sum.before { (sum.before, sum.after) } else { (sum.after, sum.before) };
    more.checked_sub(less).expect("both are 0 or more")
}
