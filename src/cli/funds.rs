//! `tollkeeper funds`: money that is added by hand.

use clap::{Args, Subcommand};
use jiff::Timestamp;

use super::publish::{self, Body, CommandArgs};
use super::values;
use super::{Exit, LogArgs};
use crate::core::money::Money;

/// What to do with funds.
#[derive(Clone, Debug, Subcommand)]
pub enum FundsCommand {
    /// Adds a lot to an account; debt is repaid from it first
    Add(AddArgs),
}

/// The flags of `add`.
#[derive(Args, Clone, Debug)]
pub struct AddArgs {
    /// What every command has.
    #[command(flatten)]
    pub command: CommandArgs,
    /// How much, in the account's currency
    #[arg(long, value_parser = values::positive_amount)]
    pub amount: Money,
    /// Reference of the payment; the same one is booked once
    #[arg(long, value_name = "REF", value_parser = values::command_text)]
    pub payment_reference: String,
    /// When what is left is forfeited; 12 months later unless given
    #[arg(long, value_name = "TIME", value_parser = values::timestamp)]
    pub expires_at: Option<Timestamp>,
}

/// Publishes the command.
///
/// # Errors
///
/// See [`publish::submit`].
pub fn run(command: &FundsCommand, logs: &LogArgs) -> anyhow::Result<Exit> {
    let FundsCommand::Add(args) = command;
    publish::submit(&args.command, &args.body(), logs)
}

impl AddArgs {
    /// The body of `funds.add`.
    pub fn body(&self) -> Body {
        let mut body = Body::new("funds.add");
        body.set("amount", self.amount.to_string());
        body.set("payment_reference", self.payment_reference.as_str());
        body.set_given("expires_at", self.expires_at.map(|at| at.to_string()));
        body
    }
}
