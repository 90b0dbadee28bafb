//! `tollkeeper intake`: the intake on a Kafka cluster, in a process of its own.

use clap::Args;

use super::config_args::HEADING;
use super::{ConfigArgs, Exit, LogArgs, require_kafka};
use crate::config::Config;

/// The flags.
#[derive(Args, Clone, Debug)]
pub struct IntakeArgs {
    /// The configuration.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Name of this node, unique in the group and stable over restarts; the host name unless given
    #[arg(long, help_heading = HEADING, value_name = "NAME")]
    pub instance: Option<String>,
    /// Where /metrics and /health are served
    #[arg(long, help_heading = HEADING, value_name = "IP:PORT")]
    pub http_listen: Option<String>,
}

/// Runs the intake until it is told to stop.
///
/// # Errors
///
/// A faulty configuration or mapping, topics that differ from what they should be, a cluster that does not answer.
pub fn run(args: &IntakeArgs, logs: &LogArgs) -> anyhow::Result<Exit> {
    require_kafka()?;
    let flags = [("instance", args.instance.clone()), ("http_listen", args.http_listen.clone())];
    let config = args.config.begin(logs, &flags)?;
    start(&config)
}

#[cfg(feature = "kafka")]
fn start(config: &Config) -> anyhow::Result<Exit> {
    use crate::node::{Ended, Node};

    Ok(match Node::start_intake(config)?.run_until_stopped() {
        Ended::Stopped => Exit::Success,
        Ended::Failed => Exit::Failure,
        Ended::Hung => Exit::Hung,
    })
}

#[cfg(not(feature = "kafka"))]
fn start(_: &Config) -> anyhow::Result<Exit> {
    unreachable!("require_kafka has refused")
}
