//! The price of a call that was debited before, by another catalog. Only the price is looked up anew: who pays for the call, and
//! the minutes that a pool gave, stay as its debit says.

use super::{Offer, PriceLists, Rejection};
use crate::core::catalog::Catalog;
use crate::core::cdr::Direction;
use crate::core::currency::Currency;
use crate::core::event::Debit;
use crate::core::reason::Reason;
use crate::core::tenant::TenantSettings;

/// What prices a call that a debit names a price of; `None`: nothing had to, it was free.
///
/// # Errors
/// `denied_destination`, `no_rate` or `currency_mismatch`.
pub fn offer_of_debit<'c>(
    debit: &Debit<'_>,
    settings: &TenantSettings,
    catalog: &'c Catalog,
) -> Result<Option<Offer<'c>>, Rejection> {
    let (Some(was), Some(at), false) = (&debit.priced_by, debit.answered_at, debit.free_call) else { return Ok(None) };
    let lists = PriceLists { settings, catalog, at };
    let numbers = catalog.number_plan(at);
    let found = match (debit.direction, &debit.number) {
        (Direction::Outbound, Some(number)) => match lists.row(number) {
            Some((deck, row)) if row.denied => {
                let detail = format!("{number} is denied by prefix {} of {}", row.prefix, deck.label());
                return Err(Rejection::new(Reason::DeniedDestination, detail));
            }
            found => found.map(|(deck, row)| (Offer::of_row(deck, row), deck.currency())),
        },
        // A short code: it stands in the place of the prefix.
        (Direction::Outbound, None) => was.prefix.as_deref().zip(was.country).and_then(|(code, country)| {
            let code = numbers.short_code(code, country)?;
            let of = code.price.as_ref()?;
            Some((Offer::of_short_code(numbers, code, &of.price, country), of.currency))
        }),
        (Direction::Inbound, caller) => was.country.and_then(|dialled| {
            let caller = caller.as_ref().and_then(|number| numbers.country_of(number));
            let (deck, row) = lists.inbound(debit.number_type, dialled, caller)?;
            Some((Offer::of_inbound(deck, row), deck.currency()))
        }),
    };
    let (offer, currency): (Offer<'c>, Currency) = found.ok_or_else(|| {
        Rejection::new(Reason::NoRate, format!("no price in force for {} in {}", was.destination, settings.price_list))
    })?;
    if currency != settings.currency {
        let detail = format!("{} is in {currency}, the account in {}", offer.deck, settings.currency);
        return Err(Rejection::new(Reason::CurrencyMismatch, detail));
    }
    Ok(Some(offer))
}
