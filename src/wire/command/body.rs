//! The bodies of the commands, type by type.

use super::{correction, optional_text, text, unsupported};
use crate::core::cdr::USER_BYTES_MAX;
use crate::core::command::{COMMAND_TEXT_BYTES_MAX, CommandBody, OpenTenant, Settlement, Unreadable, UpdateTenant};
use crate::core::money::Money;
use crate::core::recharge::{RechargeId, RechargeSettings};
use crate::core::tenant::NoRatePolicy;
use crate::wire::event::DefaultPlans;
use crate::wire::fields::{FieldFault, Fields};
use crate::wire::value::{Bounded, Name, Parsed};

pub(super) fn read<'a>(kind: &str, tenant: &str, body: &mut Fields<'a>) -> Result<CommandBody<'a>, Unreadable> {
    Ok(match kind {
        "tenant.open" => CommandBody::OpenTenant(open_tenant(body)?),
        "tenant.update" => CommandBody::UpdateTenant(update_tenant(body)?),
        "tenant.close" => CommandBody::CloseTenant {
            reason: text(body, "reason")?,
            forfeit: body.optional("forfeit")?.unwrap_or(false),
        },
        "funds.add" => add_funds(body)?,
        "recharge.configure" => CommandBody::ConfigureRecharge(configure_recharge(body)?),
        "recharge.settle" => settle_recharge(tenant, body)?,
        "licences.set" => set_licences(body)?,
        "user.limit" => limit_user(body)?,
        "call.void" => correction::void_call(body)?,
        "balance.adjust" => correction::adjust_balance(body)?,
        other => return Err(unsupported(format_args!("type: {other} is not known to this release"))),
    })
}

fn open_tenant(body: &mut Fields<'_>) -> Result<OpenTenant, FieldFault> {
    let Parsed(currency) = body.required("currency")?;
    let Name(price_list) = body.required("price_list")?;
    let overlay: Option<Name<'_>> = body.optional("overlay")?;
    let Parsed(usage_country) = body.required("usage_country")?;
    let default_plans: Option<DefaultPlans> = body.optional("default_plans")?;
    let no_rate: Option<Parsed<NoRatePolicy>> = body.optional("no_rate")?;
    Ok(OpenTenant {
        currency,
        price_list: price_list.into(),
        overlay: overlay.map(|Name(deck)| deck.into()),
        usage_country,
        default_plans: default_plans.map(|DefaultPlans(plans)| plans).unwrap_or_default(),
        contacts_ref: optional_text(body, "contacts_ref")?.map(Into::into),
        no_rate: no_rate.map(|Parsed(policy)| policy),
        minimum_funding: minimum_funding(body)?.unwrap_or(Money::ZERO),
        block_at: amount(body, "block_at")?.unwrap_or(Money::ZERO),
        notify_below: amount(body, "notify_below")?,
        daily_limit: positive(body, "daily_limit")?,
    })
}

/// `null` takes away what can be absent (`overlay`, `contacts_ref`, `no_rate`); elsewhere it equals absent.
fn update_tenant(body: &mut Fields<'_>) -> Result<UpdateTenant, FieldFault> {
    if body.nullable::<serde::de::IgnoredAny>("currency")?.is_some() {
        return Err(FieldFault::new("currency", "is fixed when a tenant is opened"));
    }
    let price_list: Option<Name<'_>> = body.optional("price_list")?;
    let overlay: Option<Option<Name<'_>>> = body.nullable("overlay")?;
    let usage_country: Option<Parsed<_>> = body.optional("usage_country")?;
    let default_plans: Option<DefaultPlans> = body.optional("default_plans")?;
    let contacts_ref: Option<Option<Bounded<'_, 1, COMMAND_TEXT_BYTES_MAX>>> = body.nullable("contacts_ref")?;
    let no_rate: Option<Option<Parsed<NoRatePolicy>>> = body.nullable("no_rate")?;
    Ok(UpdateTenant {
        price_list: price_list.map(|Name(deck)| deck.into()),
        overlay: overlay.map(|overlay| overlay.map(|Name(deck)| deck.into())),
        usage_country: usage_country.map(|Parsed(country)| country),
        default_plans: default_plans.map(|DefaultPlans(plans)| plans),
        contacts_ref: contacts_ref.map(|contacts| contacts.map(|Bounded(contacts)| contacts.into())),
        no_rate: no_rate.map(|policy| policy.map(|Parsed(policy)| policy)),
        minimum_funding: minimum_funding(body)?,
        block_at: amount(body, "block_at")?,
        notify_below: removable_amount(body, "notify_below")?,
        daily_limit: match removable_amount(body, "daily_limit")? {
            Some(Some(limit)) if !limit.is_positive() => return Err(FieldFault::new("daily_limit", "not above zero")),
            daily_limit => daily_limit,
        },
    })
}

fn set_licences<'a>(body: &mut Fields<'a>) -> Result<CommandBody<'a>, FieldFault> {
    let Name(plan) = body.required("plan")?;
    let Parsed(usage_country) = body.required("usage_country")?;
    Ok(CommandBody::SetLicences { plan, usage_country, quantity: body.required("quantity")? })
}

/// `null` lifts the limit; that it is absent does not.
fn limit_user<'a>(body: &mut Fields<'a>) -> Result<CommandBody<'a>, FieldFault> {
    let Bounded::<'a, 1, USER_BYTES_MAX>(user) = body.required("user")?;
    let monthly_limit: Option<Option<Parsed<Money>>> = body.nullable("monthly_limit")?;
    let monthly_limit = monthly_limit.ok_or_else(|| FieldFault::missing("monthly_limit"))?;
    match monthly_limit.map(|Parsed(limit)| limit) {
        Some(limit) if limit.is_negative() => Err(FieldFault::new("monthly_limit", "below zero")),
        monthly_limit => Ok(CommandBody::LimitUser { user, monthly_limit }),
    }
}

fn add_funds<'a>(body: &mut Fields<'a>) -> Result<CommandBody<'a>, FieldFault> {
    let expires_at: Option<Parsed<_>> = body.optional("expires_at")?;
    Ok(CommandBody::AddFunds {
        amount: positive(body, "amount")?.ok_or_else(|| FieldFault::missing("amount"))?,
        payment_reference: text(body, "payment_reference")?,
        expires_at: expires_at.map(|Parsed(at)| at),
    })
}

fn configure_recharge(body: &mut Fields<'_>) -> Result<RechargeSettings, FieldFault> {
    let max_per_month = body.optional("max_per_month")?;
    if max_per_month == Some(0) {
        return Err(FieldFault::new("max_per_month", "not above zero"));
    }
    Ok(RechargeSettings {
        enabled: body.required("enabled")?,
        trigger: amount(body, "trigger")?.ok_or_else(|| FieldFault::missing("trigger"))?,
        amount: positive(body, "amount")?.ok_or_else(|| FieldFault::missing("amount"))?,
        payment_method: text(body, "payment_method")?.into(),
        max_per_month,
        max_amount: positive(body, "max_amount")?,
        max_amount_per_month: positive(body, "max_amount_per_month")?,
    })
}

/// `reason` of a success and `payment_reference` of a failure are read and say nothing: what reports money is not refused for
/// a word too many.
fn settle_recharge<'a>(tenant: &str, body: &mut Fields<'a>) -> Result<CommandBody<'a>, FieldFault> {
    let written_id = text(body, "recharge_id")?;
    let reason = optional_text(body, "reason")?;
    let payment_reference = optional_text(body, "payment_reference")?;
    let outcome = text(body, "outcome")?;
    let settlement = match &*outcome {
        "succeeded" => Settlement::Succeeded { payment_reference },
        "failed" => Settlement::Failed { reason: reason.ok_or_else(|| FieldFault::missing("reason"))? },
        _ => return Err(FieldFault::new("outcome", "not one of succeeded, failed")),
    };
    let recharge_id = RechargeId::parse(&written_id, tenant);
    Ok(CommandBody::SettleRecharge { recharge_id, written_id, settlement })
}

fn minimum_funding(body: &mut Fields<'_>) -> Result<Option<Money>, FieldFault> {
    match amount(body, "minimum_funding")? {
        Some(below) if below.is_negative() => Err(FieldFault::new("minimum_funding", "below zero")),
        minimum => Ok(minimum),
    }
}

fn positive(body: &mut Fields<'_>, name: &'static str) -> Result<Option<Money>, FieldFault> {
    match amount(body, name)? {
        Some(amount) if !amount.is_positive() => Err(FieldFault::new(name, "not above zero")),
        amount => Ok(amount),
    }
}

/// An amount that `null` takes away.
fn removable_amount(body: &mut Fields<'_>, name: &'static str) -> Result<Option<Option<Money>>, FieldFault> {
    let amount: Option<Option<Parsed<Money>>> = body.nullable(name)?;
    Ok(amount.map(|amount| amount.map(|Parsed(amount)| amount)))
}

fn amount(body: &mut Fields<'_>, name: &'static str) -> Result<Option<Money>, FieldFault> {
    let amount: Option<Parsed<Money>> = body.optional(name)?;
    Ok(amount.map(|Parsed(amount)| amount))
}
