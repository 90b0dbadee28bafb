//! What an answered call costs, and who pays (A2).

use super::Model;
use super::account::Account;
use super::catalog::{Allotment, Pays, Plan, Reach, ShortCode};
use super::cdr::Call;
use super::money::{Amount, LIMIT};
use super::parts::OpenCall;
use super::plan::{Destination, rule};
use super::pool::{Place, Pool, pool};
use super::price::{Cost, Priced, inbound, outbound};

/// The whole of a call so far.
#[derive(Clone, Debug, Default)]
pub struct Charge {
    pub class: &'static str,
    /// The other end, where it is a number.
    pub number: Option<String>,
    /// The plan that was asked; without a rule that matches it says credits (F6).
    pub plan: Option<String>,
    /// Where the CDR names none, the plan of the first part counts for all (R2).
    pub default_plan: Option<String>,
    pub cost: Cost,
    pub amount: Amount,
    pub named: Named,
    /// The pool that gives minutes, before it gave any of this part.
    pub pool: Option<Pool>,
    /// Of the whole call, earlier parts included.
    pub pool_minutes: u64,
    pub free_call: bool,
}

/// What the debit says of the price.
#[derive(Clone, Debug, Default)]
pub struct Named {
    pub destination: Option<String>,
    pub prefix: Option<String>,
    pub deck: Option<String>,
    pub country: Option<String>,
}

/// How a call is paid: the plan's name, where a rule of it decided, and the pool.
struct Paying<'p> {
    plan: Option<&'p Plan>,
    pays: Pays,
}

impl<'p> Paying<'p> {
    fn pool(&self) -> Option<(&'p Plan, &'p Allotment)> {
        let (Some(plan), Pays::Pool(name)) = (self.plan, &self.pays) else { return None };
        Some((plan, plan.allotments.iter().find(|one| one.name == *name).expect("a plan names its own allotments")))
    }
}

impl Model {
    /// Prices the whole call. `open` is what earlier parts took.
    pub(super) fn charge(&self, account: &Account, call: &Call, open: &OpenCall) -> Result<Charge, &'static str> {
        let settings = &account.settings;
        let numbers = self.catalog.numbers(call.start());
        let usage_country = call.usage_country.as_deref().unwrap_or(&settings.usage_country);
        let is_outbound = call.direction == "outbound";
        let other_end = if is_outbound { &call.to } else { &call.from };
        let number = numbers.number(other_end, &settings.usage_country);
        let default_plan = match &open.plan {
            Some(of_first_part) => of_first_part.clone(),
            None => settings.default_plans.get(&call.service).cloned(),
        };
        let free = |class| Charge {
            class,
            number: number.clone(),
            default_plan: default_plan.clone(),
            pool_minutes: open.pool_minutes,
            ..Charge::default()
        };
        if call.micros == 0 {
            return Ok(free("unanswered"));
        }
        if call.on_net {
            return Ok(free("on_net"));
        }
        if !is_outbound && call.number_type == "user" {
            return Ok(free("inbound_user"));
        }
        if is_outbound && numbers.is_emergency(&call.to, usage_country) {
            return Ok(free("emergency"));
        }
        if is_outbound && let Some(short) = numbers.short_code(&call.to, usage_country) {
            return self.short_code(account, call, open, free("outbound_domestic"), short);
        }
        let name = call.plan.as_ref().or(default_plan.as_ref());
        let plan = match name {
            Some(name) => Some(self.catalog.plan(name, call.start()).ok_or("unknown_plan")?),
            None => None,
        };
        let charge = free("");
        match is_outbound {
            true => self.outbound(account, call, open, charge, plan),
            false => self.inbound(account, call, open, charge, plan),
        }
    }

    /// Free, or by credits: the plan is not asked (F6, A2).
    fn short_code(
        &self,
        account: &Account,
        call: &Call,
        open: &OpenCall,
        mut charge: Charge,
        short: &ShortCode,
    ) -> Result<Charge, &'static str> {
        let Some(priced) = Priced::of_short_code(short) else { return Ok(charge) };
        let usage_country = call.usage_country.as_ref().unwrap_or(&account.settings.usage_country);
        charge.named.country = Some(usage_country.clone());
        self.paid(account, call, open, charge, &Paying { plan: None, pays: Pays::Credits }, Some(priced))
    }

    fn outbound(
        &self,
        account: &Account,
        call: &Call,
        open: &OpenCall,
        charge: Charge,
        plan: Option<&Plan>,
    ) -> Result<Charge, &'static str> {
        let settings = &account.settings;
        let usage_country = call.usage_country.as_deref().unwrap_or(&settings.usage_country);
        let numbers = self.catalog.numbers(call.start());
        let number = charge.number.clone().ok_or("invalid_number")?;
        let country = numbers.country_of(&number);
        let is_domestic = country.is_some_and(|country| numbers.is_domestic(usage_country, country));
        let reach = if is_domestic { Reach::Domestic } else { Reach::International };
        let class = match (call.service.as_str(), reach) {
            ("conferencing", _) => "conference_dial_out",
            (_, Reach::Domestic) => "outbound_domestic",
            (_, Reach::International) => "outbound_international",
        };
        let overlay = settings.overlay.as_deref();
        let priced = outbound(&self.catalog, &settings.price_list, overlay, &number, call.start());
        if priced.as_ref().is_some_and(Priced::is_denied) {
            return Err("denied_destination");
        }
        let kind = priced.as_ref().map(|priced| priced.kind).filter(|kind| !kind.is_empty());
        let destination = Destination { reach, country, kind };
        let rule = plan.and_then(|plan| rule(&self.catalog, plan, call, usage_country, Some(&destination)));
        let paying = Paying { plan, pays: rule.map_or(Pays::Credits, |rule| rule.pays.clone()) };
        let charge = Charge { class, plan: plan.map(|plan| plan.id.clone()), ..charge };
        self.paid(account, call, open, charge, &paying, priced)
    }

    fn inbound(
        &self,
        account: &Account,
        call: &Call,
        open: &OpenCall,
        charge: Charge,
        plan: Option<&Plan>,
    ) -> Result<Charge, &'static str> {
        let settings = &account.settings;
        let numbers = self.catalog.numbers(call.start());
        let usage_country = call.usage_country.as_deref().unwrap_or(&settings.usage_country);
        let class = if call.number_type == "toll_free" { "inbound_toll_free" } else { "conference_dial_in" };
        let dialled = numbers.number(&call.to, &settings.usage_country).ok_or("invalid_number")?;
        // A2: the plan comes before the price, so a free or denied call needs no country of the dialled number either.
        let rule = plan.and_then(|plan| rule(&self.catalog, plan, call, usage_country, None));
        let paying = Paying { plan, pays: rule.map_or(Pays::Credits, |rule| rule.pays.clone()) };
        let mut charge = Charge { class, plan: plan.map(|plan| plan.id.clone()), ..charge };
        let caller = charge.number.as_deref().and_then(|number| numbers.country_of(number));
        let lists = [settings.overlay.as_deref(), Some(settings.price_list.as_str())];
        let country = numbers.country_of(&dialled);
        let priced = country.and_then(|to| inbound(&self.catalog, lists, &call.number_type, to, caller, call.start()));
        if priced.is_some() && matches!(paying.pays, Pays::Pool(_) | Pays::Credits) {
            charge.named.country = country.map(str::to_owned);
        }
        self.paid(account, call, open, charge, &paying, priced)
    }

    /// Denied, free, or by pool and credits.
    fn paid(
        &self,
        account: &Account,
        call: &Call,
        open: &OpenCall,
        charge: Charge,
        paying: &Paying<'_>,
        priced: Option<Priced<'_>>,
    ) -> Result<Charge, &'static str> {
        match paying.pays {
            Pays::Denied => return Err("denied_destination"),
            Pays::Free => return Ok(charge),
            Pays::Pool(_) | Pays::Credits => {}
        }
        let Some((priced, pool, cost, minutes)) = self.priced(account, call, open, paying, priced) else {
            return match account.settings.no_rate.as_deref() {
                Some("free_call") => {
                    let named = Named::default();
                    Ok(Charge { free_call: true, named, ..charge })
                }
                _ => Err("no_rate"),
            };
        };
        if priced.is_denied() {
            return Err("denied_destination");
        }
        if priced.currency != account.settings.currency {
            return Err("currency_mismatch");
        }
        let amount: Amount = cost.lines.iter().map(|(_, money)| money).sum();
        if amount >= LIMIT {
            return Err("overflow");
        }
        let named = Named {
            destination: priced.destination.map(str::to_owned),
            prefix: priced.prefix.map(str::to_owned),
            deck: Some(priced.deck.to_owned()),
            country: charge.named.country.clone(),
        };
        Ok(Charge { cost, amount, named, pool, pool_minutes: minutes, ..charge })
    }

    fn priced<'c>(
        &self,
        account: &Account,
        call: &Call,
        open: &OpenCall,
        paying: &Paying<'_>,
        priced: Option<Priced<'c>>,
    ) -> Option<(Priced<'c>, Option<Pool>, Cost, u64)> {
        let priced = priced?;
        if priced.is_denied() {
            return Some((priced, None, Cost::default(), open.pool_minutes));
        }
        let seconds = call.seconds_up();
        let place = Place {
            usage_country: call.usage_country.as_deref().unwrap_or(&account.settings.usage_country),
            user: call.user.as_deref(),
            start: call.start(),
            clock: self.clock,
        };
        let pool = paying.pool().map(|(plan, allotment)| pool(&self.catalog, account, plan, allotment, place));
        // F2, F10: the minutes that earlier parts took, and as many new ones as are needed and there.
        let needed = seconds.div_ceil(60).saturating_sub(open.pool_minutes);
        let minutes = open.pool_minutes + needed.min(pool.as_ref().map_or(0, |pool| pool.available));
        // R2: a part that shrunk charges nothing, so that nothing of it needs a rate.
        let cost = match call.micros < open.micros {
            true => Cost::default(),
            false => priced.cost(call.start(), seconds, minutes)?,
        };
        Some((priced, pool, cost, minutes))
    }
}
