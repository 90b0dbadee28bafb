//! `tollkeeper recharge`: automatic top-ups.

use clap::{Args, Subcommand, ValueEnum};

use super::publish::{self, Body, CommandArgs};
use super::values;
use super::{Exit, LogArgs};
use crate::core::money::Money;

/// What to do with recharges.
#[derive(Clone, Debug, Subcommand)]
pub enum RechargeCommand {
    /// Sets up auto-recharge for an account, or turns it off
    Configure(ConfigureArgs),
    /// Says how a requested recharge went; the payment service does this in operation
    Settle(SettleArgs),
}

/// The flags of `configure`.
#[derive(Args, Clone, Debug)]
pub struct ConfigureArgs {
    /// What every command has.
    #[command(flatten)]
    pub command: CommandArgs,
    /// Whether anything is requested; the other settings are kept either way
    #[arg(long, value_name = "BOOL", action = clap::ArgAction::Set, default_value_t = true)]
    pub enabled: bool,
    /// A balance strictly below it is topped up
    #[arg(long, value_name = "AMOUNT", allow_negative_numbers = true)]
    pub trigger: Money,
    /// What one top-up adds; a request is for whole multiples of it
    #[arg(long, value_parser = values::positive_amount)]
    pub amount: Money,
    /// Token of the payment service; never a card number
    #[arg(long, value_name = "TOKEN", value_parser = values::command_text)]
    pub payment_method: String,
    /// Requests in a month (UTC) that did not fail, at most
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_per_month: Option<u32>,
    /// Money of one request, at most
    #[arg(long, value_name = "AMOUNT", value_parser = values::positive_amount)]
    pub max_amount: Option<Money>,
    /// Money of the requests in a month (UTC), at most
    #[arg(long, value_name = "AMOUNT", value_parser = values::positive_amount)]
    pub max_amount_per_month: Option<Money>,
}

/// The flags of `settle`.
#[derive(Args, Clone, Debug)]
pub struct SettleArgs {
    /// What every command has.
    #[command(flatten)]
    pub command: CommandArgs,
    /// Which recharge, as `recharge.requested` names it
    #[arg(long, value_name = "ID", value_parser = values::command_text)]
    pub recharge_id: String,
    /// How it went
    #[arg(long, value_enum)]
    pub outcome: Outcome,
    /// Why it failed
    #[arg(long, value_parser = values::command_text, required_if_eq("outcome", "failed"))]
    pub reason: Option<String>,
    /// Reference of the payment
    #[arg(long, value_name = "REF", value_parser = values::command_text)]
    pub payment_reference: Option<String>,
}

/// How a recharge went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Outcome {
    /// The money is here.
    Succeeded,
    /// It is not.
    Failed,
}

/// Publishes the command.
///
/// # Errors
///
/// See [`publish::submit`].
pub fn run(command: &RechargeCommand, logs: &LogArgs) -> anyhow::Result<Exit> {
    match command {
        RechargeCommand::Configure(args) => publish::submit(&args.command, &args.body(), logs),
        RechargeCommand::Settle(args) => publish::submit(&args.command, &args.body(), logs),
    }
}

impl ConfigureArgs {
    /// The body of `recharge.configure`.
    pub fn body(&self) -> Body {
        let mut body = Body::new("recharge.configure");
        body.set("enabled", self.enabled);
        body.set("trigger", self.trigger.to_string());
        body.set("amount", self.amount.to_string());
        body.set("payment_method", self.payment_method.as_str());
        body.set_given("max_per_month", self.max_per_month);
        body.set_given("max_amount", self.max_amount.map(|amount| amount.to_string()));
        body.set_given("max_amount_per_month", self.max_amount_per_month.map(|amount| amount.to_string()));
        body
    }
}

impl SettleArgs {
    /// The body of `recharge.settle`.
    pub fn body(&self) -> Body {
        let mut body = Body::new("recharge.settle");
        body.set("recharge_id", self.recharge_id.as_str());
        body.set("outcome", self.outcome.code());
        body.set_given("reason", self.reason.as_deref());
        body.set_given("payment_reference", self.payment_reference.as_deref());
        body
    }
}

impl Outcome {
    fn code(self) -> &'static str {
        match self {
            Outcome::Succeeded => "succeeded",
            Outcome::Failed => "failed",
        }
    }
}
