//! From a command to events, or to the reason why it is refused.

use std::borrow::Cow;

use jiff::Timestamp;

mod correct;

use super::account::Account;
use super::batch::View;
use super::catalog::Catalog;
use super::cdr::Service;
use super::command::{
    COMMAND_AGE_MAX, COMMAND_AHEAD_MAX, Command, CommandBody, OpenTenant, Request, Settlement, UpdateTenant,
};
use super::currency::Currency;
use super::decide::{Rules, funds};
use super::entry::{EntryKey, EntryValue, RechargeState};
use super::event::{CommandMark, EventBody};
use super::money::Money;
use super::reason::Refusal;
use super::recharge::{AfterFailure, RechargeId};
use super::tenant::TenantSettings;

/// What becomes of a command that is at home and whose account is sound.
#[derive(Debug)]
pub enum CommandVerdict<'a> {
    /// It is applied: these events, and what follows from them.
    Apply(Vec<EventBody<'a>>),
    /// It was applied before.
    Duplicate {
        /// The first event of the first time.
        first: u64,
    },
    /// It is refused.
    Refused(Refused<'a>),
}

/// A command that was refused.
#[derive(Debug)]
pub struct Refused<'a> {
    /// The code.
    pub refusal: Refusal,
    /// What exactly.
    pub detail: String,
    /// Money that came with it all the same: a settlement that nothing waits for.
    pub unmatched: Option<Box<EventBody<'a>>>,
}

/// Lots that an account holds at most by funds added by hand and corrections: a debit that draws from all of them is still a record that
/// Kafka takes. A recharge that was paid is booked all the same; there is one at a time.
pub const LOTS_MAX: usize = 10_000;
/// What a draw takes in a written debit, at most: `{"lot":"l<20 digits>","amount":"<26 characters>"},`.
const DRAW_BYTES_MAX: usize = 75;
const _: () = assert!(LOTS_MAX * DRAW_BYTES_MAX < 900_000, "Kafka takes records of a megabyte unless configured");

type Verdict<'a> = Result<CommandVerdict<'a>, Refused<'a>>;
type Bodies<'a> = Vec<EventBody<'a>>;

fn refuse<T>(refusal: Refusal, detail: impl Into<String>) -> Result<T, Refused<'static>> {
    Err(Refused { refusal, detail: detail.into(), unmatched: None })
}

/// Decides a command. Refusals come in the order of [`Refusal`].
pub fn command<'a>(view: &mut View<'_>, catalog: &Catalog, rules: &Rules, command: Command<'a>) -> CommandVerdict<'a> {
    decide(view, catalog, rules, command).unwrap_or_else(CommandVerdict::Refused)
}

fn decide<'a>(view: &mut View<'_>, catalog: &Catalog, rules: &Rules, command: Command<'a>) -> Verdict<'a> {
    let now = view.clock();
    let request = match command.request {
        Ok(request) => request,
        Err(unreadable) => return refuse(unreadable.refusal, unreadable.detail),
    };
    if let Some(applied) = view.entry(EntryKey::command(&command.tenant, &command.command_id)) {
        return match applied.value {
            EntryValue::Command { body_hash } if body_hash == request.body_hash => {
                Ok(CommandVerdict::Duplicate { first: applied.as_of })
            }
            _ => refuse(Refusal::ConflictingCommand, "a command with this id and another body was applied"),
        };
    }
    let age = now.duration_since(request.at);
    if age > COMMAND_AGE_MAX {
        return refuse(Refusal::TooOld, format!("asked at {}, the clock is at {now}", request.at));
    }
    if -age > COMMAND_AHEAD_MAX {
        return refuse(Refusal::InFuture, format!("asked at {}, the clock is at {now}", request.at));
    }
    let Request { actor, body_hash, body, .. } = request;
    let mark = CommandMark { body_hash, actor };
    let account = view.account(&command.tenant).cloned();
    let (body, account) = match (body, account) {
        (CommandBody::OpenTenant(open), None) => return self::open(catalog, open, mark).map(CommandVerdict::Apply),
        (CommandBody::OpenTenant(_), Some(_)) => {
            return refuse(Refusal::AlreadyOpen, format!("tenant {} is open or was closed", command.tenant));
        }
        (body, Some(account)) => (body, account),
        (body, None) => {
            let detail = format!("tenant {} was not opened", command.tenant);
            return Err(Refused { refusal: Refusal::UnknownTenant, detail, unmatched: unmatched(body) });
        }
    };
    let works_when_closed = matches!(body, CommandBody::SettleRecharge { .. } | CommandBody::AdjustBalance { .. });
    if let (Some(closed_at), false) = (account.closed_at, works_when_closed) {
        return refuse(Refusal::ClosedTenant, format!("the account was closed {closed_at}"));
    }
    let bodies = match body {
        CommandBody::OpenTenant(_) => unreachable!("answered above"),
        CommandBody::UpdateTenant(update) => self::update(catalog, &account, update, mark)?,
        CommandBody::CloseTenant { reason, forfeit } => close(&account, reason, forfeit, mark)?,
        CommandBody::SetLicences { plan, usage_country, quantity } => {
            correct::licences(catalog, &account, now, plan, usage_country, quantity, mark)?
        }
        CommandBody::LimitUser { user, monthly_limit } => {
            correct::limit_user(view, &account, user, monthly_limit, mark)
        }
        CommandBody::VoidCall { call_id, reason, release, debits } => {
            correct::void(view, &account, rules, correct::VoidCall { call_id, reason, release, debits }, mark)?
        }
        CommandBody::AdjustBalance { amount, reason, corrects } => {
            correct::adjust(view, &account, rules, correct::Adjust { amount, reason, corrects }, mark)?
        }
        CommandBody::AddFunds { amount, payment_reference, expires_at } => {
            let booked = view.entry(EntryKey::payment(&command.tenant, &payment_reference)).is_some();
            add_funds(&account, rules, now, AddFunds { amount, payment_reference, expires_at, booked }, mark)?
        }
        CommandBody::ConfigureRecharge(settings) => {
            vec![EventBody::RechargeConfigured { command: mark, settings }]
        }
        CommandBody::SettleRecharge { recharge_id, written_id, settlement } => {
            let known = recharge_id.and_then(|id| {
                let entry = view.entry(EntryKey::recharge(&command.tenant, id))?;
                Some((id, entry))
            });
            return settle(&account, rules, now, known, written_id, settlement, mark);
        }
    };
    Ok(CommandVerdict::Apply(bodies))
}

fn open<'a>(catalog: &Catalog, open: OpenTenant, command: CommandMark<'a>) -> Result<Bodies<'a>, Refused<'a>> {
    check_plans(catalog, &open.default_plans)?;
    check_decks(catalog, [Some(&*open.price_list), open.overlay.as_deref()], open.currency)?;
    let settings = TenantSettings {
        currency: open.currency,
        price_list: open.price_list.into(),
        overlay: open.overlay,
        usage_country: open.usage_country,
        default_plans: open.default_plans,
        contacts_ref: open.contacts_ref,
        no_rate: open.no_rate,
        minimum_funding: open.minimum_funding,
        block_at: open.block_at,
        notify_below: open.notify_below,
        daily_limit: open.daily_limit,
    };
    Ok(vec![EventBody::TenantOpened { command, settings }])
}

fn update<'a>(
    catalog: &Catalog,
    account: &Account,
    update: UpdateTenant,
    command: CommandMark<'a>,
) -> Result<Bodies<'a>, Refused<'a>> {
    let old = &*account.settings;
    check_plans(catalog, update.default_plans.as_deref().unwrap_or_default())?;
    check_decks(
        catalog,
        [update.price_list.as_deref(), update.overlay.as_ref().and_then(Option::as_deref)],
        old.currency,
    )?;
    let settings = TenantSettings {
        currency: old.currency,
        price_list: update.price_list.map_or_else(|| old.price_list.clone(), Into::into),
        overlay: update.overlay.unwrap_or_else(|| old.overlay.clone()),
        usage_country: update.usage_country.unwrap_or(old.usage_country),
        default_plans: update.default_plans.unwrap_or_else(|| old.default_plans.clone()),
        contacts_ref: update.contacts_ref.unwrap_or_else(|| old.contacts_ref.clone()),
        no_rate: update.no_rate.unwrap_or(old.no_rate),
        minimum_funding: update.minimum_funding.unwrap_or(old.minimum_funding),
        block_at: update.block_at.unwrap_or(old.block_at),
        notify_below: update.notify_below.unwrap_or(old.notify_below),
        daily_limit: update.daily_limit.unwrap_or(old.daily_limit),
    };
    Ok(vec![EventBody::TenantUpdated { command, settings }])
}

fn check_plans(catalog: &Catalog, plans: &[(Service, Box<str>)]) -> Result<(), Refused<'static>> {
    match plans.iter().find(|(_, plan)| !catalog.has_plan(plan)) {
        Some((_, plan)) => refuse(Refusal::UnknownPlan, format!("the catalog has no plan {plan}")),
        None => Ok(()),
    }
}

/// All are there, and then: all are in the account's currency.
fn check_decks(catalog: &Catalog, decks: [Option<&str>; 2], currency: Currency) -> Result<(), Refused<'static>> {
    let decks = decks.into_iter().flatten();
    if let Some(deck) = decks.clone().find(|deck| !catalog.has_deck(deck)) {
        return refuse(Refusal::UnknownPriceList, format!("the catalog has no price list {deck}"));
    }
    for deck in decks {
        if let Some(other) = catalog.deck_currency(deck).filter(|other| *other != currency) {
            let detail = format!("price list {deck} is in {other}, the account in {currency}");
            return refuse(Refusal::CurrencyMismatch, detail);
        }
    }
    Ok(())
}

/// What is left is forfeited lot by lot (R39); a debt stays.
fn close<'a>(
    account: &Account,
    reason: Cow<'a, str>,
    forfeit: bool,
    command: CommandMark<'a>,
) -> Result<Bodies<'a>, Refused<'a>> {
    if account.balance().is_positive() && !forfeit {
        let detail = format!("a balance of {} is left, and is not to be forfeited", account.balance());
        return refuse(Refusal::BalanceNotZero, detail);
    }
    let mut bodies: Bodies<'a> = vec![EventBody::TenantClosed { command, reason }];
    bodies.extend(account.lots.iter().map(|lot| EventBody::FundsExpired { lot: lot.id, amount: lot.remaining }));
    Ok(bodies)
}

struct AddFunds<'a> {
    amount: Money,
    payment_reference: Cow<'a, str>,
    expires_at: Option<Timestamp>,
    booked: bool,
}

fn add_funds<'a>(
    account: &Account,
    rules: &Rules,
    now: Timestamp,
    add: AddFunds<'a>,
    command: CommandMark<'a>,
) -> Result<Bodies<'a>, Refused<'a>> {
    if let Some(expires_at) = add.expires_at.filter(|expires_at| *expires_at <= now) {
        return refuse(Refusal::Malformed, format!("expires_at: {expires_at} is not after the clock, {now}"));
    }
    if add.amount < account.settings.minimum_funding {
        let minimum = account.settings.minimum_funding;
        return refuse(Refusal::BelowMinimum, format!("{} is less than the minimum funding of {minimum}", add.amount));
    }
    if add.booked {
        let detail = format!("payment {} was booked before", add.payment_reference);
        return refuse(Refusal::DuplicatePaymentReference, detail);
    }
    check_lots(account)?;
    check_sums(account, add.amount)?;
    let funds = funds(account, add.amount, now, add.expires_at, rules);
    Ok(vec![EventBody::FundsAdded { command, funds, payment_reference: add.payment_reference }])
}

/// Another lot has its place.
fn check_lots(account: &Account) -> Result<(), Refused<'static>> {
    if account.lots.len() < LOTS_MAX {
        return Ok(());
    }
    let detail = format!("the account holds {LOTS_MAX} lots, and a debit has to name all that it draws from");
    refuse(Refusal::Overflow, detail)
}

fn check_sums(account: &Account, amount: Money) -> Result<(), Refused<'static>> {
    let sums = account.balance().checked_add(amount).and_then(|_| account.totals.added.checked_add(amount));
    sums.map_or_else(|overflow| refuse(Refusal::Overflow, overflow.to_string()), |_| Ok(()))
}

/// A settlement, against the recharge that it names (R34, F18).
fn settle<'a>(
    account: &Account,
    rules: &Rules,
    now: Timestamp,
    known: Option<(RechargeId, super::entry::Entry)>,
    written_id: Cow<'a, str>,
    settlement: Settlement<'a>,
    command: CommandMark<'a>,
) -> Verdict<'a> {
    let Some((recharge, entry)) = known else {
        let detail = format!("no recharge {written_id} was requested");
        let body = CommandBody::SettleRecharge { recharge_id: None, written_id, settlement };
        return Err(Refused { refusal: Refusal::UnknownRecharge, detail, unmatched: unmatched(body) });
    };
    let EntryValue::Recharge { amount, attempt, requested_at, state } = entry.value else {
        unreachable!("the key of a recharge holds a recharge");
    };
    let bodies = match (state, settlement) {
        (RechargeState::Succeeded, _) | (RechargeState::Failed, Settlement::Failed { .. }) => {
            return Ok(CommandVerdict::Duplicate { first: entry.as_of });
        }
        (RechargeState::Requested | RechargeState::Failed, Settlement::Succeeded { payment_reference }) => {
            check_sums(account, amount)?;
            let funds = funds(account, amount, now, None, rules);
            let alarm = account.closed_at.is_some().then(|| EventBody::SettlementUnmatched {
                recharge_id: written_id,
                payment_reference: payment_reference.clone(),
                amount: Some(amount),
            });
            let succeeded =
                EventBody::RechargeSucceeded { command, recharge, attempt, requested_at, funds, payment_reference };
            std::iter::once(succeeded).chain(alarm).collect()
        }
        (RechargeState::Requested, Settlement::Failed { reason }) => {
            let after = match account.closed_at {
                Some(_) => AfterFailure::Nothing,
                None => account.recharging.after_failure(attempt, now, &rules.retry_backoff),
            };
            let next_at = if let AfterFailure::Retry(at) = after { Some(at) } else { None };
            let failed =
                EventBody::RechargeFailed { command, recharge, attempt, requested_at, amount, reason, next_at };
            let suspended = (after == AfterFailure::Suspend).then_some(EventBody::RechargeSuspended { recharge });
            std::iter::once(failed).chain(suspended).collect()
        }
    };
    Ok(CommandVerdict::Apply(bodies))
}

/// A success that nothing waits for is money somewhere (R34).
fn unmatched(body: CommandBody<'_>) -> Option<Box<EventBody<'_>>> {
    match body {
        CommandBody::SettleRecharge { written_id, settlement: Settlement::Succeeded { payment_reference }, .. } => {
            let alarm = EventBody::SettlementUnmatched { recharge_id: written_id, payment_reference, amount: None };
            Some(Box::new(alarm))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
