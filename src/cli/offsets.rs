//! `tollkeeper offsets`: the way out of lost offsets.

use clap::{Args, Subcommand};

use super::{ConfigArgs, Exit, LogArgs, require_kafka};
use crate::config::Config;

/// What to do with the offsets.
#[derive(Clone, Debug, Subcommand)]
pub enum OffsetsCommand {
    /// Sets the inputs of partitions to one hour before the last event of their ledger
    ///
    /// For partitions that stopped since their committed offsets are lost or out of range. Safe: what is read again is
    /// recognised by its identity, nothing is charged twice. The engine must not hold the partitions meanwhile.
    Rewind(RewindArgs),
}

/// The flags of `rewind`.
#[derive(Args, Clone, Debug)]
pub struct RewindArgs {
    /// The configuration.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Only this partition; may be repeated
    #[arg(long = "partition", value_name = "N")]
    pub only_partitions: Vec<u32>,
    /// Partitions whose offsets are in order too; without it they are left alone
    #[arg(long)]
    pub force: bool,
    /// Prints the result as JSON
    #[arg(long)]
    pub json: bool,
}

/// Rewinds.
///
/// # Errors
///
/// A faulty configuration, a cluster that does not answer, or a group that is running.
pub fn run(command: &OffsetsCommand, logs: &LogArgs) -> anyhow::Result<Exit> {
    require_kafka()?;
    let OffsetsCommand::Rewind(args) = command;
    let config = args.config.begin(logs, &[])?;
    on_cluster(args, &config)
}

#[cfg(feature = "kafka")]
fn on_cluster(args: &RewindArgs, config: &Config) -> anyhow::Result<Exit> {
    use serde_json::json;

    use super::topics::print_each;
    use crate::core::partition::PartitionId;
    use crate::node::{client_config, run_id};
    use crate::stream::topics::{ExistingOffsets, RewindOutcome, RewindRequest, rewind};

    let partitions: Vec<PartitionId> = args.only_partitions.iter().copied().map(PartitionId).collect();
    let request = RewindRequest {
        prefix: &config.topic_prefix,
        group: &config.group_id,
        partitions: &partitions,
        existing: if args.force { ExistingOffsets::Replace } else { ExistingOffsets::Keep },
        run_id: &run_id(),
    };
    let done = rewind(&client_config(config)?, &request)?;
    print_each(&done.partitions, args.json, |rewound| {
        let partition = rewound.partition.0;
        match &rewound.outcome {
            RewindOutcome::Set { last_event, to, offsets } => {
                let offsets: serde_json::Map<String, serde_json::Value> =
                    offsets.iter().map(|offset| (offset.input.name().to_owned(), json!(offset.offset))).collect();
                json!({
                    "partition": partition, "set": true, "last_event": last_event.to_string(), "to": to.to_string(),
                    "offsets": offsets,
                })
            }
            RewindOutcome::Kept { .. } => json!({"partition": partition, "set": false, "reason": "offsets_exist"}),
            RewindOutcome::LedgerEmpty => json!({"partition": partition, "set": false, "reason": "ledger_empty"}),
        }
    });
    if done.members > 0 {
        eprintln!(
            "the group has {} members: a partition that stopped starts again when its engine is restarted",
            done.members
        );
    }
    Ok(Exit::Success)
}

#[cfg(not(feature = "kafka"))]
fn on_cluster(_: &RewindArgs, _: &Config) -> anyhow::Result<Exit> {
    unreachable!("require_kafka has refused")
}
