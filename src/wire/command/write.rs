//! Writing commands: for the demo's payment service and for tests. People and desks write the JSON of WIRE themselves.

use jiff::Timestamp;

use crate::core::command::{CommandBody, NamedDebit, OpenTenant, Settlement, UpdateTenant};
use crate::core::event::{Cause, Event, EventBody};
use crate::core::money::Money;
use crate::wire::event::{self, write_default_plans, write_recharge_settings};
use crate::wire::json::Object;

/// A command to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing<'a> {
    /// 1 to 128 bytes.
    pub command_id: &'a str,
    /// A valid name of a tenant.
    pub tenant: &'a str,
    /// When it is asked.
    pub at: Timestamp,
    /// Who asks.
    pub actor: Option<&'a str>,
    /// What is asked.
    pub body: &'a CommandBody<'a>,
}

/// Appends the command to `into`.
pub fn encode(command: &Outgoing<'_>, into: &mut Vec<u8>) {
    let mut object = Object::open(into);
    object.text("command_id", command.command_id);
    object.text("tenant", command.tenant);
    object.text("type", type_name(command.body));
    object.time("at", command.at);
    object.optional_text("actor", command.actor);
    write_body(command, &mut object);
    object.close();
}

fn type_name(body: &CommandBody<'_>) -> &'static str {
    match body {
        CommandBody::OpenTenant(_) => "tenant.open",
        CommandBody::UpdateTenant(_) => "tenant.update",
        CommandBody::CloseTenant { .. } => "tenant.close",
        CommandBody::SetLicences { .. } => "licences.set",
        CommandBody::VoidCall { .. } => "call.void",
        CommandBody::AdjustBalance { .. } => "balance.adjust",
        CommandBody::LimitUser { .. } => "user.limit",
        CommandBody::AddFunds { .. } => "funds.add",
        CommandBody::ConfigureRecharge(_) => "recharge.configure",
        CommandBody::SettleRecharge { .. } => "recharge.settle",
    }
}

fn write_body(command: &Outgoing<'_>, object: &mut Object<'_>) {
    match command.body {
        CommandBody::OpenTenant(settings) => write_open(settings, object),
        CommandBody::UpdateTenant(changes) => write_update(changes, object),
        CommandBody::CloseTenant { reason, forfeit } => {
            object.text("reason", reason);
            object.flag("forfeit", *forfeit);
        }
        CommandBody::SetLicences { plan, usage_country, quantity } => {
            object.text("plan", plan);
            object.plain("usage_country", usage_country);
            object.integer("quantity", *quantity);
        }
        CommandBody::VoidCall { call_id, reason, release, debits } => {
            object.text("call_id", call_id);
            object.text("reason", reason);
            object.flag("release", *release);
            write_debits(debits, command.at, object);
        }
        CommandBody::AdjustBalance { amount, reason, corrects } => {
            object.money("amount", *amount);
            object.text("reason", reason);
            if let Some((call_id, debits)) = corrects {
                object.text("corrects", call_id);
                write_debits(debits, command.at, object);
            }
        }
        CommandBody::LimitUser { user, monthly_limit } => {
            object.text("user", user);
            match monthly_limit {
                Some(limit) => object.money("monthly_limit", *limit),
                None => object.null("monthly_limit"),
            }
        }
        CommandBody::AddFunds { amount, payment_reference, expires_at } => {
            object.money("amount", *amount);
            object.text("payment_reference", payment_reference);
            if let Some(at) = expires_at {
                object.time("expires_at", *at);
            }
        }
        CommandBody::ConfigureRecharge(settings) => write_recharge_settings(settings, object),
        CommandBody::SettleRecharge { written_id, settlement, recharge_id: _ } => {
            object.text("recharge_id", written_id);
            match settlement {
                Settlement::Succeeded { payment_reference } => {
                    object.text("outcome", "succeeded");
                    object.optional_text("payment_reference", payment_reference.as_deref());
                }
                Settlement::Failed { reason } => {
                    object.text("outcome", "failed");
                    object.text("reason", reason);
                }
            }
        }
    }
}

/// A command keeps of a debit what is read of it; time and balance are not, so they are those of nobody: the command's time,
/// and 0.
fn write_debits(debits: &[NamedDebit<'_>], at: Timestamp, object: &mut Object<'_>) {
    object.list("debits", debits, |NamedDebit { tenant, seq, debit }, into| {
        let cause = Cause::Call { call_id: debit.call_id.clone(), part: debit.part };
        let body = EventBody::CallDebited(debit.clone());
        let (tenant, balance) = (tenant.clone(), Money::ZERO);
        event::encode(&Event { tenant, seq: *seq, time: at, cause, balance, body }, into);
    });
}

fn write_open(settings: &OpenTenant, object: &mut Object<'_>) {
    object.plain("currency", settings.currency);
    object.text("price_list", &settings.price_list);
    object.optional_text("overlay", settings.overlay.as_deref());
    object.plain("usage_country", settings.usage_country);
    write_default_plans(&settings.default_plans, object);
    object.optional_text("contacts_ref", settings.contacts_ref.as_deref());
    object.optional_text("no_rate", settings.no_rate.map(|policy| policy.code()));
    object.money("minimum_funding", settings.minimum_funding);
    object.money("block_at", settings.block_at);
    object.optional_money("notify_below", settings.notify_below);
    object.optional_money("daily_limit", settings.daily_limit);
}

fn write_update(changes: &UpdateTenant, object: &mut Object<'_>) {
    object.optional_text("price_list", changes.price_list.as_deref());
    write_removable(object, "overlay", changes.overlay.as_ref().map(Option::as_deref));
    if let Some(country) = changes.usage_country {
        object.plain("usage_country", country);
    }
    if let Some(plans) = &changes.default_plans {
        write_default_plans(plans, object);
    }
    write_removable(object, "contacts_ref", changes.contacts_ref.as_ref().map(Option::as_deref));
    write_removable(object, "no_rate", changes.no_rate.map(|policy| policy.map(|policy| policy.code())));
    object.optional_money("minimum_funding", changes.minimum_funding);
    object.optional_money("block_at", changes.block_at);
    write_removable_money(object, "notify_below", changes.notify_below);
    write_removable_money(object, "daily_limit", changes.daily_limit);
}

/// What `null` takes away.
fn write_removable(object: &mut Object<'_>, name: &str, change: Option<Option<&str>>) {
    match change {
        None => {}
        Some(None) => object.null(name),
        Some(Some(text)) => object.text(name, text),
    }
}

fn write_removable_money(object: &mut Object<'_>, name: &str, change: Option<Option<Money>>) {
    match change {
        None => {}
        Some(None) => object.null(name),
        Some(Some(amount)) => object.money(name, amount),
    }
}
