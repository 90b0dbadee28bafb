//! `tollkeeper run`: the engine on a Kafka cluster.

use std::num::NonZeroU32;
use std::str::FromStr;

use clap::Args;

use super::config_args::HEADING;
use super::{ConfigArgs, Exit, LogArgs, require_kafka};
use crate::config::Config;
use crate::stream::step::Step;

/// The flags.
#[derive(Args, Clone, Debug)]
pub struct RunArgs {
    /// The configuration.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Name of this node, unique in the group and stable over restarts; the host name unless given
    #[arg(long, help_heading = HEADING, value_name = "NAME")]
    pub instance: Option<String>,
    /// Worker threads
    #[arg(long, help_heading = HEADING, value_name = "N")]
    pub workers: Option<String>,
    /// Directory with the price lists, plans and number plan; without it, what is published in the topic `catalog`
    #[arg(long, help_heading = HEADING, value_name = "DIR")]
    pub catalog: Option<String>,
    /// Where /metrics and /health are served
    #[arg(long, help_heading = HEADING, value_name = "IP:PORT")]
    pub http_listen: Option<String>,
    /// Ends the process, as kill -9 would, the Nth time that a step of the protocol is reached
    #[arg(long, hide = true, value_name = "STEP:N")]
    pub crash_at: Option<CrashAt>,
}

/// Where a chaos test wants the process to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CrashAt {
    /// At which step.
    pub step: Step,
    /// The how manieth time.
    pub nth: NonZeroU32,
}

impl FromStr for CrashAt {
    type Err = String;

    fn from_str(text: &str) -> Result<CrashAt, String> {
        let (step, nth) = text.split_once(':').ok_or("not STEP:N")?;
        Ok(CrashAt { step: step.parse()?, nth: nth.parse().map_err(|_| "N is not a number above zero")? })
    }
}

impl RunArgs {
    /// Reads the configuration and begins logging.
    ///
    /// # Errors
    ///
    /// See [`ConfigArgs::begin`].
    pub fn begin(&self, logs: &LogArgs) -> anyhow::Result<Config> {
        let flags = [
            ("instance", self.instance.clone()),
            ("workers", self.workers.clone()),
            ("catalog", self.catalog.clone()),
            ("http_listen", self.http_listen.clone()),
        ];
        self.config.begin(logs, &flags)
    }
}

/// Runs the engine until it is told to stop.
///
/// # Errors
///
/// A faulty configuration or catalog, topics that differ from what they should be, a cluster that does not answer.
pub fn run(args: &RunArgs, logs: &LogArgs) -> anyhow::Result<Exit> {
    require_kafka()?;
    let config = args.begin(logs)?;
    start(&config, args.crash_at)
}

#[cfg(feature = "kafka")]
fn start(config: &Config, crash_at: Option<CrashAt>) -> anyhow::Result<Exit> {
    use crate::node::{Ended, Node};

    let node = Node::start(config, crash_at.map(|crash| (crash.step, crash.nth)))?;
    Ok(match node.run_until_stopped() {
        Ended::Stopped => Exit::Success,
        Ended::Failed => Exit::Failure,
        Ended::Hung => Exit::Hung,
    })
}

#[cfg(not(feature = "kafka"))]
fn start(_: &Config, _: Option<CrashAt>) -> anyhow::Result<Exit> {
    unreachable!("require_kafka has refused")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crash_is_a_step_of_the_protocol_and_a_count() {
        let crash: CrashAt = "after_send_offsets:3".parse().unwrap();
        assert_eq!((crash.step, crash.nth.get()), (Step::AfterSendOffsets, 3));
        for wrong in ["after_send_offsets", "after_send_offsets:0", "somewhere:1", ":1"] {
            assert!(wrong.parse::<CrashAt>().is_err(), "{wrong}");
        }
    }
}
