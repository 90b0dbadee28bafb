//! `tollkeeper balance`: balances that are put right.

use anyhow::bail;
use clap::{Args, Subcommand};
use serde_json::Value;

use super::debits::{CallName, DebitsArgs};
use super::publish::{self, Body, CommandArgs};
use super::values;
use super::{Exit, LogArgs};
use crate::core::money::Money;

/// What to do with a balance.
#[derive(Clone, Debug, Subcommand)]
pub enum BalanceCommand {
    /// Adds to a balance or takes from it, as an entry of its own; what is in the ledger stays as it is
    Adjust(AdjustArgs),
}

/// The flags of `adjust`.
#[derive(Args, Clone, Debug)]
pub struct AdjustArgs {
    /// What every command has.
    #[command(flatten)]
    pub command: CommandArgs,
    /// How much, in the account's currency; below zero it is taken
    #[arg(long, value_parser = values::amount_not_zero, allow_negative_numbers = true)]
    pub amount: Money,
    /// Why
    #[arg(long, value_parser = values::command_text)]
    pub reason: String,
    /// The call that it corrects
    #[arg(long, value_name = "CALL_ID", value_parser = values::call_id)]
    pub corrects: Option<String>,
    /// The debits of that call.
    #[command(flatten)]
    pub debits: DebitsArgs,
}

/// Publishes the command.
///
/// # Errors
///
/// See [`publish::submit`] and [`DebitsArgs::find`].
pub fn run(command: &BalanceCommand, logs: &LogArgs) -> anyhow::Result<Exit> {
    let BalanceCommand::Adjust(args) = command;
    publish::submit_made(&args.command, logs, |config| {
        if args.corrects.is_none() && args.debits.debits.is_some() {
            bail!("--debits without --corrects: whose debits are they");
        }
        let call = |call_id| CallName { tenant: &args.command.tenant, call_id };
        let debits = args.corrects.as_deref().map(|call_id| args.debits.find(call(call_id), config)).transpose()?;
        Ok(args.body(debits))
    })
}

impl AdjustArgs {
    /// The body of `balance.adjust`; `debits` are those of the call that it corrects.
    pub fn body(&self, debits: Option<Vec<Value>>) -> Body {
        let mut body = Body::new("balance.adjust");
        body.set("amount", self.amount.to_string());
        body.set("reason", self.reason.as_str());
        body.set_given("corrects", self.corrects.as_deref());
        body.set_given("debits", debits);
        body
    }
}
