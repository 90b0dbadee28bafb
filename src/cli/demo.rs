//! `tollkeeper demo`: the engine on the in-memory log, with seeded traffic and a proof at the end.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::Context;
use clap::Args;

use super::values::{self, HttpListen};
use super::{Exit, LogArgs};
use crate::demo::sabotage::Sabotage;
use crate::demo::summary::result;
use crate::demo::{self, Outcome, Plan};
use crate::stream::catalog::load_directory;

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
    /// Worker threads, at most one for each partition
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

impl DemoArgs {
    /// What is asked for, with a seed.
    #[expect(clippy::disallowed_methods, reason = "a demo without a seed takes one, once, and prints it")]
    fn plan(&self) -> Plan {
        let http = match self.http() {
            HttpListen::Off => None,
            // Another demo may have the default address: this one then goes without.
            HttpListen::On(address) if self.http.is_none() && TcpListener::bind(address).is_err() => {
                eprintln!("{address} is taken: no metrics are served; --http IP:PORT gives another address");
                None
            }
            HttpListen::On(address) => Some(address),
        };
        Plan {
            duration: self.duration,
            rate: self.rate,
            seed: self.seed.unwrap_or_else(|| u64::from(rand::random::<u32>())),
            tenants: self.tenants,
            partitions: self.partitions,
            // A worker without a partition would have nothing to do.
            workers: self.workers.min(self.partitions),
            http,
            sabotage: self.sabotage,
        }
    }

    /// Where HTTP is served. An address that was asked for must be free; the default one may be taken by another demo.
    pub fn http(&self) -> HttpListen {
        self.http.unwrap_or(HTTP_DEFAULT)
    }
}

/// Runs the demo, shows it on standard error, and prints what came out. Ctrl-C ends the traffic early; a second one, all.
///
/// # Errors
///
/// The catalog cannot be read, or the address of HTTP is taken.
pub fn run(args: &DemoArgs, logs: &LogArgs) -> anyhow::Result<Exit> {
    logs.begin()?;
    let catalog = load_directory(&args.catalog).with_context(|| {
        format!("the demo reads its prices from {}: run it in the checkout, or give --catalog", args.catalog.display())
    })?;
    let plan = args.plan();
    let facts = plan.facts();
    let interrupt = interrupt()?;
    let Outcome { last, report } = demo::run(&plan, catalog, &interrupt)?;
    let mut output = std::io::stdout().lock();
    if args.json {
        writeln!(output, "{}", result::as_json(&facts, &last, &report))?;
    } else {
        write!(output, "\n{}", result::table(&facts, &last, &report))?;
    }
    Ok(if report.adds_up() { Exit::Success } else { Exit::DoesNotAddUp })
}

/// Set by Ctrl-C. The second one ends the process.
fn interrupt() -> anyhow::Result<Arc<AtomicBool>> {
    let interrupt = Arc::new(AtomicBool::new(false));
    #[cfg(unix)]
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        // In this order: the first signal finds the flag unset and only sets it.
        signal_hook::flag::register_conditional_default(signal, Arc::clone(&interrupt))?;
        signal_hook::flag::register(signal, Arc::clone(&interrupt))?;
    }
    Ok(interrupt)
}
