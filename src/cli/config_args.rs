//! The configuration on the command line: a flag for each key that people set by hand, `--set` for all of them.

use std::path::PathBuf;

use anyhow::anyhow;
use clap::Args;

use super::LogArgs;
use crate::config::{Config, FILE_VARIABLE, Sources};
use crate::logs;

/// Where Linux tells the name of the host.
const HOST_NAME_FILE: &str = "/proc/sys/kernel/hostname";

/// Over the flags in the help; given for each of them, since a heading would otherwise go on over the command's own flags.
pub(super) const HEADING: &str = "Configuration (file < environment TOLLKEEPER_<KEY> < flags)";

/// Configuration: defaults < file < environment (`TOLLKEEPER_<KEY>`) < flags.
#[derive(Args, Clone, Debug, Default)]
pub struct ConfigArgs {
    /// TOML file with the configuration
    #[arg(long, help_heading = HEADING, value_name = "FILE", env = FILE_VARIABLE)]
    pub config: Option<PathBuf>,
    /// Kafka brokers to begin with, separated by commas
    #[arg(long, help_heading = HEADING, value_name = "HOST:PORT,…")]
    pub brokers: Option<String>,
    /// What the names of the topics begin with
    #[arg(long, help_heading = HEADING, value_name = "NAME")]
    pub topic_prefix: Option<String>,
    /// Partitions of every topic that is keyed by tenant
    #[arg(long, help_heading = HEADING, value_name = "N")]
    pub partitions: Option<String>,
    /// The consumer group of the engine
    #[arg(long, help_heading = HEADING, value_name = "NAME")]
    pub group_id: Option<String>,
    /// Sets any key, for example commit_interval_ms=50 or kafka.security.protocol=SSL; may be repeated
    #[arg(long = "set", help_heading = HEADING, value_name = "KEY=VALUE", value_parser = key_and_value)]
    pub set: Vec<(String, String)>,
}

impl ConfigArgs {
    /// Reads the configuration and begins logging as it says.
    ///
    /// # Errors
    ///
    /// A [`ConfigFailure`](crate::config::ConfigFailure), or a log that was begun before.
    pub fn begin(&self, logs: &LogArgs, more: &[(&str, Option<String>)]) -> anyhow::Result<Config> {
        let config = Config::load(&self.sources(logs, more))?;
        logs::init(config.log_format, &config.log_filter).map_err(|message| anyhow!(message))?;
        Ok(config)
    }

    /// Where the configuration comes from; `more` are the flags of a single command, by key.
    pub fn sources(&self, logs: &LogArgs, more: &[(&str, Option<String>)]) -> Sources {
        let flags = [
            ("brokers", &self.brokers),
            ("topic_prefix", &self.topic_prefix),
            ("partitions", &self.partitions),
            ("group_id", &self.group_id),
            ("log_format", &logs.log_format),
            ("log_filter", &logs.log_filter),
        ];
        let given = flags.into_iter().chain(more.iter().map(|(key, value)| (*key, value)));
        let given = given.filter_map(|(key, value)| Some((key.to_owned(), value.clone()?)));
        Sources {
            file: self.config.clone(),
            environment: std::env::vars_os()
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
                .collect(),
            flags: given.chain(self.set.iter().cloned()).collect(),
            host_name: host_name(),
        }
    }
}

fn key_and_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("not KEY=VALUE")?;
    Ok((key.trim().to_owned(), value.to_owned()))
}

/// The name of this host. Elsewhere than on Linux, where a shell exports it.
fn host_name() -> Option<String> {
    let name = std::fs::read_to_string(HOST_NAME_FILE).ok().or_else(|| std::env::var("HOSTNAME").ok())?;
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}
