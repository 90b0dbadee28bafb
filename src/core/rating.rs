//! What kind of call a CDR is, and who pays for it at which price. Nothing of balances, and nothing of what is left of a pool.

mod again;

pub use again::offer_of_debit;

use super::catalog::Catalog;
use super::cdr::{CallClass, Cdr, Direction, NumberType, Service};
use super::deck::{Deck, Kind, Row};
use super::duration::CallDuration;
use super::inbound::{InboundDeck, InboundRow};
use super::money::LineRounding;
use super::month::Month;
use super::number::{Country, Number};
use super::number_plan::{NumberPlan, ShortCode};
use super::plan::{Payment, Plan, PlanQuestion};
use super::pool::PoolOfCall;
use super::price::{Price, PriceFault, Priced};
use super::reason::Reason;
use super::tenant::{NoRatePolicy, TenantSettings};

use jiff::Timestamp;

/// Why a call was not rated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// The code.
    pub reason: Reason,
    /// What exactly, for the person who looks into the quarantine.
    pub detail: String,
}

impl Rejection {
    /// A reason with its detail.
    pub fn new(reason: Reason, detail: impl Into<String>) -> Rejection {
        Rejection { reason, detail: detail.into() }
    }
}

/// What is known of a call before money and minutes are looked at.
#[derive(Clone, Debug)]
pub struct Rated<'c> {
    /// What kind of call.
    pub class: CallClass,
    /// The other end, where it is a number.
    pub number: Option<Number>,
    /// The plan, where one decided.
    pub plan: Option<&'c Plan>,
    /// Who pays.
    pub payer: Payer<'c>,
}

/// Who pays for a call.
#[derive(Clone, Debug)]
pub enum Payer<'c> {
    /// Nobody: it is free.
    Nobody,
    /// Nobody: no price was found, and it is let go (R9).
    NobodyKnows,
    /// Credits.
    Credits(Offer<'c>),
    /// A pool, then credits.
    Pool(PoolOfCall<'c>, Offer<'c>),
}

impl<'c> Payer<'c> {
    /// The price, where one is needed.
    pub fn offer(&self) -> Option<&Offer<'c>> {
        match self {
            Payer::Nobody | Payer::NobodyKnows => None,
            Payer::Credits(offer) | Payer::Pool(_, offer) => Some(offer),
        }
    }
}

/// The price of a call, and whose it is.
#[derive(Clone, Copy, Debug)]
pub struct Offer<'c> {
    /// The price.
    pub price: &'c Price,
    /// How its lines are rounded.
    pub rounding: LineRounding,
    /// What a bill calls the destination.
    pub destination: &'c str,
    /// The prefix, or the short code; `None` for inbound calls.
    pub prefix: Option<&'c str>,
    /// `id@version` of the list.
    pub deck: &'c str,
    /// Inbound: the dialled number's country; a short code: where it was dialled.
    pub country: Option<Country>,
}

impl<'c> Offer<'c> {
    fn of_row(deck: &'c Deck, row: &'c Row) -> Offer<'c> {
        Offer {
            price: &row.price,
            rounding: deck.rounding(),
            destination: &row.destination,
            prefix: Some(&row.prefix),
            deck: deck.label(),
            country: None,
        }
    }

    fn of_inbound(deck: &'c InboundDeck, row: &'c InboundRow) -> Offer<'c> {
        Offer {
            price: &row.price,
            rounding: deck.rounding(),
            destination: row.pair.number_type.code(),
            prefix: None,
            deck: deck.label(),
            country: Some(row.pair.dialled),
        }
    }

    fn of_short_code(numbers: &'c NumberPlan, code: &'c ShortCode, price: &'c Price, dialled: Country) -> Offer<'c> {
        Offer {
            price,
            rounding: LineRounding::default(),
            destination: &code.name,
            prefix: Some(&code.code),
            deck: numbers.label(),
            country: Some(dialled),
        }
    }

    /// What a call costs of which a pool pays the first minutes.
    ///
    /// # Errors
    /// `no_rate` or `overflow`.
    pub fn charge(&self, start: Timestamp, duration: CallDuration, pool_minutes: u64) -> Result<Priced, Rejection> {
        self.price.charge(start, duration, pool_minutes, self.rounding).map_err(|fault| match fault {
            PriceFault::NoRate(_) => Rejection::new(Reason::NoRate, format!("{} has {fault}", self.deck)),
            PriceFault::Overflow(_) => Rejection::new(Reason::Overflow, "the charge would be 10^15 or more"),
        })
    }
}

/// The plan of a call, by name: the CDR's, else the tenant's default for the service.
pub fn plan_of<'a>(cdr: &'a Cdr<'_>, settings: &'a TenantSettings) -> Option<&'a str> {
    cdr.plan.as_deref().or_else(|| settings.default_plan(cdr.service))
}

/// Says of a call of a tenant who pays for it, by the catalog as it was at the call's start (R12). `plan` is the name of the plan
/// that the user had then, see [`plan_of`].
///
/// # Errors
/// [`Rejection`] with the first reason that applies, from `unknown_plan` on.
pub fn rate<'c>(
    cdr: &Cdr<'_>,
    plan: Option<&str>,
    settings: &TenantSettings,
    catalog: &'c Catalog,
    no_rate: NoRatePolicy,
) -> Result<Rated<'c>, Rejection> {
    let call = Call::new(cdr, plan, settings, catalog);
    if let Some(class) = call.always_free() {
        let number = if class == CallClass::Emergency { None } else { call.number };
        return Ok(Rated { class, number, plan: None, payer: Payer::Nobody });
    }
    if cdr.direction == Direction::Outbound
        && let Some(code) = call.numbers.short_code(&cdr.to, call.usage_country)
    {
        return call.short_code(code);
    }
    let rated = match cdr.direction {
        Direction::Outbound => call.outbound(),
        Direction::Inbound => call.inbound(),
    };
    match rated {
        Err(Unrated::NoRate { class, number, plan, .. }) if settings.lets_go(no_rate) => {
            Ok(Rated { class, number, plan, payer: Payer::NobodyKnows })
        }
        Err(Unrated::NoRate { detail, .. }) => Err(Rejection::new(Reason::NoRate, detail)),
        Err(Unrated::Rejected(rejection)) => Err(rejection),
        Ok(rated) => Ok(rated),
    }
}

/// What a lone call costs, for whoever only wants to know: without balances, and with nothing left in any pool.
#[derive(Clone, Debug)]
pub struct PricedAlone<'c> {
    /// What kind of call it is, and who pays.
    pub rated: Rated<'c>,
    /// The charge.
    pub priced: Priced,
}

/// Prices a call as if nothing had been before it.
///
/// # Errors
/// As [`rate`].
pub fn price<'c>(cdr: &Cdr<'_>, settings: &TenantSettings, catalog: &'c Catalog) -> Result<PricedAlone<'c>, Rejection> {
    let rated = rate(cdr, plan_of(cdr, settings), settings, catalog, NoRatePolicy::Quarantine)?;
    let priced = match rated.payer.offer() {
        Some(offer) => offer.charge(cdr.started_at(), cdr.duration(), 0)?,
        None => Priced::nothing(),
    };
    Ok(PricedAlone { rated, priced })
}

/// A call that is not rated, or not yet.
enum Unrated<'c> {
    /// It has no price; the tenant may let it go all the same.
    NoRate {
        class: CallClass,
        number: Option<Number>,
        plan: Option<&'c Plan>,
        detail: String,
    },
    Rejected(Rejection),
}

impl From<Rejection> for Unrated<'_> {
    fn from(rejection: Rejection) -> Self {
        Unrated::Rejected(rejection)
    }
}

/// A call with what its start says of it.
struct Call<'k, 'c> {
    cdr: &'k Cdr<'k>,
    /// The plan that the user had, by name.
    plan_id: Option<&'k str>,
    settings: &'k TenantSettings,
    catalog: &'c Catalog,
    numbers: &'c NumberPlan,
    at: Timestamp,
    usage_country: Country,
    /// The other end.
    number: Option<Number>,
}

impl<'k, 'c> Call<'k, 'c> {
    fn new(
        cdr: &'k Cdr<'_>,
        plan_id: Option<&'k str>,
        settings: &'k TenantSettings,
        catalog: &'c Catalog,
    ) -> Call<'k, 'c> {
        let at = cdr.started_at();
        let numbers = catalog.number_plan(at);
        let usage_country = cdr.usage_country.unwrap_or(settings.usage_country);
        let other_end = match cdr.direction {
            Direction::Outbound => &cdr.to,
            Direction::Inbound => &cdr.from,
        };
        let number = numbers.normalise(other_end, settings.usage_country);
        Call { cdr, plan_id, settings, catalog, numbers, at, usage_country, number }
    }

    /// What is free whatever the number and the plan (R5, R6, R7).
    fn always_free(&self) -> Option<CallClass> {
        let cdr = self.cdr;
        if cdr.duration().is_zero() {
            return Some(CallClass::Unanswered);
        }
        if cdr.on_net {
            return Some(CallClass::OnNet);
        }
        if cdr.direction == Direction::Inbound {
            return (cdr.number_type == NumberType::User).then_some(CallClass::InboundUser);
        }
        self.numbers.is_emergency(&cdr.to, self.usage_country).then_some(CallClass::Emergency)
    }

    /// A short code of the usage country: free or paid by credits, whatever the plan (F5, F6).
    fn short_code(&self, code: &'c ShortCode) -> Result<Rated<'c>, Rejection> {
        let payer = match &code.price {
            None => Payer::Nobody,
            Some(of) if of.currency != self.settings.currency => {
                let detail = format!(
                    "short code {} is in {}, the account in {}",
                    code.code, of.currency, self.settings.currency
                );
                return Err(Rejection::new(Reason::CurrencyMismatch, detail));
            }
            Some(of) => Payer::Credits(Offer::of_short_code(self.numbers, code, &of.price, self.usage_country)),
        };
        Ok(Rated { class: CallClass::OutboundDomestic, number: None, plan: None, payer })
    }

    /// The plan that the user had at the start; `None`: none, everything is paid by credits.
    fn plan(&self) -> Result<Option<&'c Plan>, Rejection> {
        let Some(id) = self.plan_id else { return Ok(None) };
        match self.catalog.plan(id, self.at) {
            Some(plan) => Ok(Some(plan)),
            None => Err(Rejection::new(Reason::UnknownPlan, format!("the catalog had no plan {id} at {}", self.at))),
        }
    }

    /// How the plan pays for the call (F6).
    fn payment(&self, plan: Option<&Plan>, destination: Option<Country>, kind: Option<Kind>) -> Payment {
        let Some(plan) = plan else { return Payment::Credits };
        let question = PlanQuestion {
            service: self.cdr.service,
            direction: self.cdr.direction,
            number_type: self.cdr.number_type,
            usage_country: self.usage_country,
            domestic: self.is_domestic(destination),
            destination,
            kind,
        };
        plan.payment(&question, |zone, country| self.catalog.zone_contains(zone, country, self.at))
    }

    fn is_domestic(&self, destination: Option<Country>) -> bool {
        destination.is_some_and(|country| self.numbers.are_domestic(country, self.usage_country))
    }

    fn outbound(&self) -> Result<Rated<'c>, Unrated<'c>> {
        let plan = self.plan()?;
        let Some(number) = self.number else {
            return Err(Rejection::new(Reason::InvalidNumber, format!("{} is not an E.164 number", self.cdr.to)).into());
        };
        // Its country is the number plan's, never a price list's, which may name a neighbour's range as its own (R14).
        let destination = self.numbers.country_of(&number);
        let class = match self.cdr.service {
            Service::Conferencing => CallClass::ConferenceDialOut,
            Service::Calling | Service::VoiceApp if self.is_domestic(destination) => CallClass::OutboundDomestic,
            Service::Calling | Service::VoiceApp => CallClass::OutboundInternational,
        };
        let found = self.lists().row(&number);
        if let Some((deck, row)) = found.filter(|(_, row)| row.denied) {
            let detail = format!("{number} is denied by prefix {} of {}", row.prefix, deck.label());
            return Err(Rejection::new(Reason::DeniedDestination, detail).into());
        }
        let payment = self.payment(plan, destination, found.map(|(_, row)| row.kind));
        let no_rate = || format!("no row in force for {number} in {}", self.settings.price_list);
        let offer = found.map(|(deck, row)| (Offer::of_row(deck, row), deck.currency()));
        self.paid_by(payment, class, Some(number), plan, offer, no_rate)
    }

    fn inbound(&self) -> Result<Rated<'c>, Unrated<'c>> {
        let plan = self.plan()?;
        let Some(dialled) = self.numbers.normalise(&self.cdr.to, self.settings.usage_country) else {
            return Err(Rejection::new(Reason::InvalidNumber, format!("{} is not an E.164 number", self.cdr.to)).into());
        };
        let class = match self.cdr.number_type {
            NumberType::TollFree => CallClass::InboundTollFree,
            NumberType::Service | NumberType::User => CallClass::ConferenceDialIn,
        };
        let payment = self.payment(plan, None, None);
        let caller = self.number.and_then(|number| self.numbers.country_of(&number));
        let country = self.numbers.country_of(&dialled);
        let found = country.and_then(|country| self.lists().inbound(self.cdr.number_type, country, caller));
        let no_rate = || format!("no inbound price in force for {dialled} in {}", self.settings.price_list);
        let offer = found.map(|(deck, row)| (Offer::of_inbound(deck, row), deck.currency()));
        self.paid_by(payment, class, self.number, plan, offer, no_rate)
    }

    /// Puts together who pays with the price that was found.
    fn paid_by(
        &self,
        payment: Payment,
        class: CallClass,
        number: Option<Number>,
        plan: Option<&'c Plan>,
        offer: Option<(Offer<'c>, super::currency::Currency)>,
        no_rate: impl Fn() -> String,
    ) -> Result<Rated<'c>, Unrated<'c>> {
        let pool = match payment {
            Payment::Free => return Ok(Rated { class, number, plan, payer: Payer::Nobody }),
            Payment::Denied => {
                let detail = format!("the plan denies {} calls like this one", class.code());
                return Err(Rejection::new(Reason::DeniedDestination, detail).into());
            }
            Payment::Credits => None,
            Payment::Pool(allotment) => plan.map(|plan| PoolOfCall {
                plan,
                allotment,
                usage_country: self.usage_country,
                union: self.numbers.pool_union(self.usage_country),
                month: Month::of(self.at),
            }),
        };
        let Some((offer, currency)) = offer else {
            return Err(Unrated::NoRate { class, number, plan, detail: no_rate() });
        };
        if currency != self.settings.currency {
            let detail = format!("{} is in {currency}, the account in {}", offer.deck, self.settings.currency);
            return Err(Rejection::new(Reason::CurrencyMismatch, detail).into());
        }
        let payer = match pool {
            Some(pool) => Payer::Pool(pool, offer),
            None => Payer::Credits(offer),
        };
        Ok(Rated { class, number, plan, payer })
    }

    fn lists(&self) -> PriceLists<'k, 'c> {
        PriceLists { settings: self.settings, catalog: self.catalog, at: self.at }
    }
}

/// The price lists of a tenant as they were at a call's start: its overlay, and the published one.
#[derive(Clone, Copy)]
struct PriceLists<'k, 'c> {
    settings: &'k TenantSettings,
    catalog: &'c Catalog,
    at: Timestamp,
}

impl<'c> PriceLists<'_, 'c> {
    /// The longest prefix in force; the overlay wins where it is of equal length (F11, R17).
    fn row(&self, number: &Number) -> Option<(&'c Deck, &'c Row)> {
        let row_of = |id: &str| {
            let deck = self.catalog.deck(id, self.at)?;
            deck.lookup(number, self.at).map(|row| (deck, row))
        };
        let published = row_of(&self.settings.price_list);
        match (self.settings.overlay.as_deref().and_then(row_of), published) {
            (Some(own), Some(shared)) if own.1.prefix.len() < shared.1.prefix.len() => Some(shared),
            (Some(own), _) => Some(own),
            (None, shared) => shared,
        }
    }

    /// The exact pair beats the default, and the overlay the published list at each (R14).
    fn inbound(
        &self,
        number_type: NumberType,
        dialled: Country,
        caller: Option<Country>,
    ) -> Option<(&'c InboundDeck, &'c InboundRow)> {
        let lists = [self.settings.overlay.as_deref(), Some(&*self.settings.price_list)];
        let decks = || lists.into_iter().flatten().filter_map(|id| self.catalog.inbound(id, self.at));
        let exact = caller.and_then(|caller| {
            decks().find_map(|deck| deck.exact(number_type, dialled, caller, self.at).map(|row| (deck, row)))
        });
        exact.or_else(|| decks().find_map(|deck| deck.default_of(number_type, dialled, self.at).map(|row| (deck, row))))
    }
}

#[cfg(test)]
mod tests;
