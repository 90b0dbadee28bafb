//! `tollkeeper call`: calls that are taken back.

use clap::{Args, Subcommand};
use serde_json::Value;

use super::debits::{CallName, DebitsArgs};
use super::publish::{self, Body, CommandArgs};
use super::values;
use super::{Exit, LogArgs};

/// What to do with a call.
#[derive(Clone, Debug, Subcommand)]
pub enum CallCommand {
    /// Takes a call back: its money to the lots it came from, its minutes to their pool
    Void(VoidArgs),
}

/// The flags of `void`.
#[derive(Args, Clone, Debug)]
pub struct VoidArgs {
    /// What every command has.
    #[command(flatten)]
    pub command: CommandArgs,
    /// Which call
    #[arg(long, value_name = "ID", value_parser = values::call_id)]
    pub call_id: String,
    /// Why
    #[arg(long, value_parser = values::command_text)]
    pub reason: String,
    /// Frees the call's identity, so that a corrected CDR can come
    #[arg(long)]
    pub release: bool,
    /// Its debits.
    #[command(flatten)]
    pub debits: DebitsArgs,
}

/// Publishes the command.
///
/// # Errors
///
/// See [`publish::submit`] and [`DebitsArgs::find`].
pub fn run(command: &CallCommand, logs: &LogArgs) -> anyhow::Result<Exit> {
    let CallCommand::Void(args) = command;
    publish::submit_made(&args.command, logs, |config| {
        let call = CallName { tenant: &args.command.tenant, call_id: &args.call_id };
        Ok(args.body(args.debits.find(call, config)?))
    })
}

impl VoidArgs {
    /// The body of `call.void`.
    pub fn body(&self, debits: Vec<Value>) -> Body {
        let mut body = Body::new("call.void");
        body.set("call_id", self.call_id.as_str());
        body.set("reason", self.reason.as_str());
        body.set_given("release", self.release.then_some(true));
        body.set("debits", debits);
        body
    }
}
