//! `tollkeeper deck publish`, `list`, `rollback`, `withdraw` and `export`: what is in the topic `catalog`.
//!
//! What changes something is a dry run unless `--commit` is given. It reads the topic whole, judges as the nodes will, and
//! writes one transaction.

#[cfg(feature = "kafka")]
mod changes;
#[cfg(feature = "kafka")]
mod list;
#[cfg(feature = "kafka")]
mod proposal;
#[cfg(feature = "kafka")]
mod topic;

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use jiff::Timestamp;

use super::{ConfigArgs, Exit, LogArgs, require_kafka, values};
use crate::config::Config;
use crate::wire::catalog_record::ItemKind;

/// What to do with what is published.
#[derive(Clone, Debug, Subcommand)]
pub enum CatalogCommand {
    /// Publishes a price list, a plan, the number plan, or what differs in a directory; a dry run without --commit
    Publish(PublishArgs),
    /// Lists every version that was published, and which is in force
    List(ListArgs),
    /// Takes an earlier version back into force; a dry run without --commit
    Rollback(RollbackArgs),
    /// Takes back a publication that is not yet in force; a dry run without --commit
    Withdraw(WithdrawArgs),
    /// Writes the files of a published version
    Export(ExportArgs),
}

/// What is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum KindArg {
    /// A price list for outbound calls.
    Deck,
    /// A price list for inbound calls.
    Inbound,
    /// What a licence includes.
    Plan,
    /// A set of countries.
    Zone,
    /// The number plan: a directory of files.
    NumberPlan,
}

impl From<KindArg> for ItemKind {
    fn from(kind: KindArg) -> ItemKind {
        match kind {
            KindArg::Deck => ItemKind::Deck,
            KindArg::Inbound => ItemKind::Inbound,
            KindArg::Plan => ItemKind::Plan,
            KindArg::Zone => ItemKind::Zone,
            KindArg::NumberPlan => ItemKind::NumberPlan,
        }
    }
}

/// What every command that writes has.
#[derive(Args, Clone, Debug)]
pub struct WriteArgs {
    /// Publishes; without it, nothing is written
    #[arg(long)]
    pub commit: bool,
    /// Who does it, for the list; the user's name unless given
    #[arg(long, value_name = "NAME", value_parser = values::command_text)]
    pub actor: Option<String>,
    /// Why, for the list
    #[arg(long, value_name = "TEXT", value_parser = values::command_text)]
    pub note: Option<String>,
    /// Prints the result as JSON
    #[arg(long)]
    pub json: bool,
    /// The configuration.
    #[command(flatten)]
    pub config: ConfigArgs,
}

/// Which item.
#[derive(Args, Clone, Debug)]
pub struct ItemArgs {
    /// Its id: what tenants and plans refer to it by
    #[arg(long, value_name = "ID", value_parser = values::catalog_id)]
    pub id: String,
    /// What it is
    #[arg(long, value_enum, default_value_t = KindArg::Deck)]
    pub kind: KindArg,
}

/// The flags of `publish`.
#[derive(Args, Clone, Debug)]
pub struct PublishArgs {
    /// The file; of the number plan, its directory
    #[arg(value_name = "FILE", required_unless_present = "directory", conflicts_with = "directory")]
    pub file: Option<PathBuf>,
    /// A whole catalog, as `rates`: publishes what differs from what is in force
    #[arg(long, value_name = "DIRECTORY")]
    pub directory: Option<PathBuf>,
    /// What tenants and plans refer to it by; the file's name without extension unless given
    #[arg(long, value_name = "ID", value_parser = values::catalog_id, conflicts_with = "directory")]
    pub id: Option<String>,
    /// What it is
    #[arg(long, value_enum, default_value_t = KindArg::Deck, conflicts_with = "directory")]
    pub kind: KindArg,
    /// In force for calls that start from here on (RFC 3339): at least `publish_lead_seconds` ahead. Not needed in the first
    /// publication of an item, nor where a price list says it itself
    #[arg(long, value_name = "TIME", value_parser = values::timestamp)]
    pub effective_from: Option<Timestamp>,
    /// What every command that writes has.
    #[command(flatten)]
    pub write: WriteArgs,
}

/// The flags of `list`.
#[derive(Args, Clone, Debug)]
pub struct ListArgs {
    /// Only of this id
    #[arg(long, value_name = "ID", value_parser = values::catalog_id)]
    pub id: Option<String>,
    /// Prints one JSON object a line
    #[arg(long)]
    pub json: bool,
    /// The configuration.
    #[command(flatten)]
    pub config: ConfigArgs,
}

/// The flags of `rollback`.
#[derive(Args, Clone, Debug)]
pub struct RollbackArgs {
    /// Which item.
    #[command(flatten)]
    pub item: ItemArgs,
    /// The version that comes back
    #[arg(long, value_name = "VERSION")]
    pub to: String,
    /// In force again for calls that start from here on (RFC 3339): at least `publish_lead_seconds` ahead
    #[arg(long, value_name = "TIME", value_parser = values::timestamp)]
    pub effective_from: Timestamp,
    /// What every command that writes has.
    #[command(flatten)]
    pub write: WriteArgs,
}

/// The flags of `withdraw`.
#[derive(Args, Clone, Debug)]
pub struct WithdrawArgs {
    /// The publication, as `list` shows it
    #[arg(value_name = "PUBLICATION")]
    pub publication: String,
    /// What every command that writes has.
    #[command(flatten)]
    pub write: WriteArgs,
}

/// The flags of `export`.
#[derive(Args, Clone, Debug)]
pub struct ExportArgs {
    /// Which item.
    #[command(flatten)]
    pub item: ItemArgs,
    /// The version; the one that is in force now unless given
    #[arg(value_name = "VERSION")]
    pub wanted: Option<String>,
    /// The directory to write the files to, as in a catalog (`decks/NAME.csv`)
    #[arg(long, value_name = "DIRECTORY")]
    pub output: PathBuf,
    /// The configuration.
    #[command(flatten)]
    pub config: ConfigArgs,
}

/// Does what the command says.
///
/// # Errors
///
/// A faulty configuration, a cluster that does not answer, files or times that the nodes would refuse.
pub fn run(command: &CatalogCommand, logs: &LogArgs) -> anyhow::Result<Exit> {
    require_kafka()?;
    let config = match command {
        CatalogCommand::Publish(PublishArgs { write, .. })
        | CatalogCommand::Rollback(RollbackArgs { write, .. })
        | CatalogCommand::Withdraw(WithdrawArgs { write, .. }) => &write.config,
        CatalogCommand::List(args) => &args.config,
        CatalogCommand::Export(args) => &args.config,
    };
    let config = config.begin(logs, &[])?;
    on_cluster(command, &config)
}

#[cfg(feature = "kafka")]
fn on_cluster(command: &CatalogCommand, config: &Config) -> anyhow::Result<Exit> {
    match command {
        CatalogCommand::Publish(args) => topic::publish(args, config),
        CatalogCommand::List(args) => topic::list(args, config),
        CatalogCommand::Rollback(args) => topic::rollback(args, config),
        CatalogCommand::Withdraw(args) => topic::withdraw(args, config),
        CatalogCommand::Export(args) => topic::export(args, config),
    }
}

#[cfg(not(feature = "kafka"))]
fn on_cluster(_: &CatalogCommand, _: &Config) -> anyhow::Result<Exit> {
    unreachable!("require_kafka has refused")
}

impl WriteArgs {
    /// Who does it.
    #[cfg(feature = "kafka")]
    fn actor(&self) -> Box<str> {
        let user =
            || std::env::var("USER").ok().filter(|user| !user.is_empty()).unwrap_or_else(|| "unknown".to_owned());
        self.actor.clone().unwrap_or_else(user).into()
    }
}
