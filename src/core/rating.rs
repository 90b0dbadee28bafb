//! What a call costs: its class, the row that prices it, and the charge line by line. Nothing of balances.

use smallvec::SmallVec;

use super::catalog::Catalog;
use super::cdr::{CallClass, Cdr, Direction, NumberType, Service};
use super::deck::{Deck, Row};
use super::event::ChargeLine;
use super::money::{Money, Rate};
use super::number::{Country, Number};
use super::number_plan::NumberPlan;
use super::price::PriceFault;
use super::reason::Reason;
use super::tenant::{NoRatePolicy, TenantSettings};

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

/// What one call costs.
#[derive(Clone, Debug)]
pub struct Charge<'c> {
    /// What kind of call.
    pub class: CallClass,
    /// The other end, where it is a number.
    pub number: Option<Number>,
    /// The row that priced it, and its deck; absent where nothing had to.
    pub row: Option<(&'c Deck, &'c Row)>,
    /// How long it counts (R15).
    pub billed_seconds: u64,
    /// The seconds that money pays for: all of the billed ones, while no pool covers any.
    pub paid_seconds: u64,
    /// Each rounded once; their sum is the amount.
    pub lines: SmallVec<[ChargeLine; 2]>,
    /// What the call costs.
    pub amount: Money,
    /// Per minute, of the first paid increment; absent where nothing is paid.
    pub rate: Option<Rate>,
    /// Nobody could price it, and it was let go (R9).
    pub free_call: bool,
}

impl<'c> Charge<'c> {
    fn free(class: CallClass, number: Option<Number>) -> Charge<'c> {
        Charge {
            class,
            number,
            row: None,
            billed_seconds: 0,
            paid_seconds: 0,
            lines: SmallVec::new(),
            amount: Money::ZERO,
            rate: None,
            free_call: false,
        }
    }
}

/// What of a record this release does not rate: it is quarantined rather than mispriced.
pub fn beyond_this_release(cdr: &Cdr<'_>) -> Result<(), Rejection> {
    let unsupported = |detail: &str| Err(Rejection::new(Reason::UnsupportedVersion, detail));
    if cdr.part.unwrap_or(0) > 0 || !cdr.is_final {
        return unsupported("parts of a call are not rated by this release");
    }
    let free = cdr.on_net || cdr.duration().is_zero();
    if cdr.direction == Direction::Inbound && cdr.number_type != NumberType::User && !free {
        return unsupported("inbound calls to service and toll-free numbers are not rated by this release");
    }
    Ok(())
}

/// Prices a call of a tenant by the catalog as it was at the call's start (R12).
///
/// # Errors
/// [`Rejection`] with the first reason that applies, from `unknown_plan` on. In this release a plan that is not known is
/// `unsupported_version`, in the place of `unknown_plan`: only for a call that is not free does the plan decide.
pub fn rate<'c>(
    cdr: &Cdr<'_>,
    settings: &TenantSettings,
    catalog: &'c Catalog,
    no_rate: NoRatePolicy,
) -> Result<Charge<'c>, Rejection> {
    let numbers = catalog.number_plan(cdr.started_at());
    let usage_country = cdr.usage_country.unwrap_or(settings.usage_country);
    let other_end = match cdr.direction {
        Direction::Outbound => &cdr.to,
        Direction::Inbound => &cdr.from,
    };
    let number = numbers.normalise(other_end, settings.usage_country);

    // What is free, whatever the number (R5, R6, R7).
    if cdr.duration().is_zero() {
        return Ok(Charge::free(CallClass::Unanswered, number));
    }
    if cdr.on_net {
        return Ok(Charge::free(CallClass::OnNet, number));
    }
    if cdr.direction == Direction::Inbound {
        return Ok(Charge::free(CallClass::InboundUser, number));
    }
    if numbers.is_emergency(&cdr.to, usage_country) {
        return Ok(Charge::free(CallClass::Emergency, None));
    }

    if let Some(plan) = cdr.plan.as_deref().or_else(|| settings.default_plan(cdr.service)) {
        // A plan of a later release decides how the call is paid; until it can be read, nothing is charged.
        if catalog.plan(plan, cdr.started_at()).is_none_or(|plan| !plan.parts().rules.is_empty()) {
            let detail = format!("plan {plan} is not one of this release, which has pay-as-you-go alone");
            return Err(Rejection::new(Reason::UnsupportedVersion, detail));
        }
    }
    let Some(number) = number else {
        return Err(Rejection::new(Reason::InvalidNumber, format!("{} is not an E.164 number", cdr.to)));
    };

    let found = price_list_row(cdr, settings, catalog, &number);
    let class = outbound_class(cdr.service, numbers.country_of(&number), usage_country, numbers);
    let Some((deck, row)) = found else {
        if settings.no_rate.unwrap_or(no_rate) == NoRatePolicy::FreeCall {
            return Ok(Charge { free_call: true, ..Charge::free(class, Some(number)) });
        }
        return Err(Rejection::new(Reason::NoRate, format!("no row in force for {number} in {}", settings.price_list)));
    };
    if row.denied {
        let detail = format!("{number} is denied by prefix {} of {}", row.prefix, deck.label());
        return Err(Rejection::new(Reason::DeniedDestination, detail));
    }
    if deck.currency() != settings.currency {
        let detail = format!("{} is in {}, the account in {}", deck.label(), deck.currency(), settings.currency);
        return Err(Rejection::new(Reason::CurrencyMismatch, detail));
    }
    let priced =
        row.price.charge(cdr.started_at(), cdr.duration(), 0, deck.rounding()).map_err(|fault| match fault {
            PriceFault::NoRate(_) => Rejection::new(Reason::NoRate, format!("prefix {}: {fault}", row.prefix)),
            PriceFault::Overflow(_) => Rejection::new(Reason::Overflow, "the charge would be 10^15 or more"),
        })?;
    Ok(Charge {
        class,
        number: Some(number),
        row: Some((deck, row)),
        billed_seconds: priced.billed_seconds,
        paid_seconds: priced.paid_seconds,
        lines: priced.lines,
        amount: priced.amount,
        rate: priced.rate,
        free_call: false,
    })
}

/// The class of a call that is paid. Its country is the number plan's, never a price list's, which may name a neighbour's range
/// as its own (R14).
fn outbound_class(
    service: Service,
    destination: Option<Country>,
    usage_country: Country,
    numbers: &NumberPlan,
) -> CallClass {
    match (service, destination) {
        (Service::Conferencing, _) => CallClass::ConferenceDialOut,
        (Service::Calling | Service::VoiceApp, Some(country)) if numbers.are_domestic(country, usage_country) => {
            CallClass::OutboundDomestic
        }
        (Service::Calling | Service::VoiceApp, _) => CallClass::OutboundInternational,
    }
}

/// The longest prefix in force at the call's start; the overlay wins where it is of equal length (F11, R17).
fn price_list_row<'c>(
    cdr: &Cdr<'_>,
    settings: &TenantSettings,
    catalog: &'c Catalog,
    number: &Number,
) -> Option<(&'c Deck, &'c Row)> {
    let at = cdr.started_at();
    let row_of = |id: &str| {
        let deck = catalog.deck(id, at)?;
        deck.lookup(number, at).map(|row| (deck, row))
    };
    let published = row_of(&settings.price_list);
    match (settings.overlay.as_deref().and_then(row_of), published) {
        (Some(own), Some(shared)) if own.1.prefix.len() < shared.1.prefix.len() => Some(shared),
        (Some(own), _) => Some(own),
        (None, shared) => shared,
    }
}

#[cfg(test)]
mod tests;
