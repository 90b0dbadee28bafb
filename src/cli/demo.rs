//! `tollkeeper demo`: the engine on the in-memory log, with seeded traffic and a proof at the end.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::values::{self, HttpListen};
use super::{Exit, LogArgs};

/// Where the demo serves HTTP unless told otherwise.
const HTTP_DEFAULT: HttpListen = HttpListen::On(SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 9464));

/// The flags.
#[derive(Args, Clone, Debug)]
pub struct DemoArgs {
    /// How long traffic is generated
    #[arg(long = "for", value_name = "DURATION", default_value = "30s", value_parser = values::duration)]
    pub duration: Duration,
    /// CDRs a second; as fast as it goes unless given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub rate: Option<u32>,
    /// Seed of the traffic; a random one, which is printed, unless given
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Tenants with an account
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub tenants: u32,
    /// Partitions of the in-memory log
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=256))]
    pub partitions: u32,
    /// Worker threads
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub workers: u32,
    /// Directory with the price lists and the number plan
    #[arg(long, value_name = "DIR", default_value = "rates")]
    pub catalog: PathBuf,
    /// Where /metrics and /health are served [default: 127.0.0.1:9464; off: not at all]
    #[arg(long, value_name = "IP:PORT", value_parser = values::http_listen)]
    pub http: Option<HttpListen>,
    /// Prints the summary as JSON
    #[arg(long)]
    pub json: bool,
    /// Falsifies one debit on its way to the proof, which must notice
    #[arg(long, hide = true, value_enum)]
    pub sabotage: Option<Sabotage>,
}

/// What is done to one debit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Sabotage {
    /// It is left out.
    Drop,
    /// It is there twice.
    Double,
    /// Its amount is off by 0.01.
    Cent,
}

impl DemoArgs {
    /// Where HTTP is served. An address that was asked for must be free; the default one may be taken by another demo.
    pub fn http(&self) -> HttpListen {
        self.http.unwrap_or(HTTP_DEFAULT)
    }
}

/// Runs the demo.
///
/// # Errors
///
/// The catalog cannot be read, or the address of HTTP is taken.
pub fn run(_args: &DemoArgs, logs: &LogArgs) -> anyhow::Result<Exit> {
    logs.begin()?;
    anyhow::bail!("the demo is not merged yet")
}
