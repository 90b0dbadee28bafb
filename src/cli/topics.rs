//! `tollkeeper topics`: what the cluster must hold.

use clap::{Args, Subcommand};

use super::{ConfigArgs, Exit, LogArgs, require_kafka};
use crate::config::Config;

/// What to do with the topics.
#[derive(Clone, Debug, Subcommand)]
pub enum TopicsCommand {
    /// Creates the topics that are missing; those that exist are left as they are
    Create(CreateArgs),
    /// Says what differs from what the engine needs; exit code 4 if anything does
    Check(CheckArgs),
}

/// The flags of `create`.
#[derive(Args, Clone, Debug)]
pub struct CreateArgs {
    /// The configuration.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Prints the result as JSON
    #[arg(long)]
    pub json: bool,
}

/// The flags of `check`.
#[derive(Args, Clone, Debug)]
pub struct CheckArgs {
    /// The configuration.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Prints the differences as JSON
    #[arg(long)]
    pub json: bool,
}

/// Creates or checks.
///
/// # Errors
///
/// A faulty configuration, or a cluster that does not answer or refuses.
pub fn run(command: &TopicsCommand, logs: &LogArgs) -> anyhow::Result<Exit> {
    require_kafka()?;
    let config = match command {
        TopicsCommand::Create(args) => &args.config,
        TopicsCommand::Check(args) => &args.config,
    };
    let config = config.begin(logs, &[])?;
    on_cluster(command, &config)
}

#[cfg(feature = "kafka")]
fn on_cluster(command: &TopicsCommand, config: &Config) -> anyhow::Result<Exit> {
    use serde_json::json;

    use crate::node::{client_config, ledger_deletion};
    use crate::stream::topics::{Created, check, create};

    let client = client_config(config)?;
    match command {
        TopicsCommand::Create(args) => {
            let created = create(&client, &config.topic_prefix, config.partitions)?;
            let as_json = |topic: &Created| match topic {
                Created::New { topic, partitions, replication } => json!({
                    "topic": topic, "created": true, "partitions": partitions, "replication": replication.factor,
                }),
                Created::Existed { topic } => json!({"topic": topic, "created": false}),
            };
            print_each(&created, args.json, as_json);
            Ok(Exit::Success)
        }
        TopicsCommand::Check(args) => {
            let checked = check(&client, &config.topic_prefix, ledger_deletion(config))?;
            print_each(&checked.differences, args.json, |difference| {
                json!({
                    "severity": difference.severity.to_string(), "place": difference.place,
                    "setting": difference.setting, "is": difference.is, "should_be": difference.should_be,
                    "action": difference.action,
                })
            });
            if !args.json {
                let errors = checked.errors().count();
                println!("{errors} errors, {} warnings", checked.differences.len() - errors);
            }
            Ok(if checked.differences.is_empty() { Exit::Success } else { Exit::Differences })
        }
    }
}

#[cfg(not(feature = "kafka"))]
fn on_cluster(_: &TopicsCommand, _: &Config) -> anyhow::Result<Exit> {
    unreachable!("require_kafka has refused")
}

/// A line for each, or a JSON object a line.
#[cfg(feature = "kafka")]
pub(super) fn print_each<T: std::fmt::Display>(all: &[T], json: bool, as_json: impl Fn(&T) -> serde_json::Value) {
    for one in all {
        if json {
            println!("{}", as_json(one));
        } else {
            println!("{one}");
        }
    }
}
