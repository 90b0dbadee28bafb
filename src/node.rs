//! One node: an engine process on a Kafka cluster, from its checks at start to its last commit; or an intake alone.

mod intake;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use jiff::SignedDuration;
use rand::Rng;
use rdkafka::ClientConfig;

use crate::config::Config;
use crate::core::catalog::Catalog;
use crate::core::decide::Rules;
use crate::core::identity::AcceptanceWindow;
use crate::desk::http::HttpServer;
use crate::internal_events::{EngineStarted, EngineStopping, WatchdogExpired};
use crate::metrics::Metrics;
use crate::stream::catalog::follower::{CatalogFollower, Following};
use crate::stream::catalog::load_directory;
use crate::stream::catalog::publications::{KEPT_BEYOND_WINDOW, Keep};
use crate::stream::catalog::source::{CatalogSource, FixedCatalog, LatestCatalog};
use crate::stream::engine::Engine;
use crate::stream::kafka::{KafkaCatalogLog, KafkaRestore, KafkaTransport, OrphanWatch, Rejoiner};
use crate::stream::runner::{Clock, Parts, RunningWorker, spawn};
use crate::stream::settings::KafkaSettings;
use crate::stream::step::{Probe, Step};
use crate::stream::topics::{Checked, LedgerDeletion, check};
use crate::stream::transport::TransportFailure;
use crate::stream::worker::{Worker, WorkerOptions};

/// How often the main thread looks after the others.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);
/// How long a start waits for a cluster that does not answer yet.
const CONNECT_ATTEMPTS_MAX: u32 = 30;
const CONNECT_PAUSE: Duration = Duration::from_secs(1);

/// How often a node that waits for its first catalog says so.
const WAITING_NOTICE: Duration = Duration::from_secs(60);

/// A running engine.
pub struct Node {
    /// Reads the catalog's topic, if that is where it is.
    follower: Option<CatalogFollower>,
    workers: Vec<RunningWorker>,
    orphans: Option<OrphanWatch>,
    http: HttpServer,
    metrics: Arc<Metrics>,
    stop: Arc<AtomicBool>,
    signalled: Arc<AtomicBool>,
    shutdown_deadline: Duration,
    watchdog_limit: Duration,
}

/// How a node ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It was told to, and everything is committed.
    Stopped,
    /// A worker could not go on; it was logged why. A new start recovers.
    Failed,
    /// A worker hung; the process must end at once.
    Hung,
}

impl Node {
    /// Checks catalog and topics, then starts HTTP and the workers. `crash_at` ends the process at a step, for chaos tests.
    ///
    /// With the catalog in its topic, the workers start when it is read: a node that cannot rate takes no partition from one
    /// that can. Until then `/health/ready` says what is missing.
    ///
    /// # Errors
    /// A catalog with faults, topics that differ from what they should be, an address that is taken, a cluster that does not
    /// answer.
    pub fn start(config: &Config, crash_at: Option<(Step, NonZeroU32)>) -> anyhow::Result<Node> {
        let signalled = signals()?;
        let directory = config.catalog_directory().map(load_directory).transpose()?;
        let decoders = intake::decoders(config)?;
        check_topics(config)?;
        let metrics = Arc::new(Metrics::new());
        let http = HttpServer::start(config.http_listen, Arc::clone(&metrics), config.watchdog_limit())?;
        // Port 0 is any free one, so the address is said.
        tracing::info!("HTTP is served on {}", http.address());
        let clock = Clock::start();
        let mut node = Node {
            follower: None,
            workers: Vec::new(),
            orphans: None,
            http,
            metrics,
            stop: Arc::new(AtomicBool::new(false)),
            signalled,
            shutdown_deadline: config.shutdown_deadline(),
            watchdog_limit: config.watchdog_limit(),
        };
        let (catalogs, catalog) = match directory.map(Arc::new) {
            Some(catalog) => (Arc::new(FixedCatalog::new(Arc::clone(&catalog))) as Arc<dyn CatalogSource>, catalog),
            None => node.follow_catalog(config, clock)?,
        };
        EngineStarted {
            group_id: &config.group_id,
            instance: &config.instance,
            workers: config.workers,
            partitions: config.partitions,
            catalog_version: catalog.version(),
        }
        .emit(&node.metrics);
        let engine = Engine::new(catalog, rules(config)?, config.partitions, &config.topic_prefix);
        node.start_workers(config, (&engine, &catalogs), clock, &CrashCounter::new(crash_at))?;
        node.start_intakes(config, decoders)?;
        Ok(node)
    }

    /// Checks topics and mappings, then starts HTTP and the intake, and no worker.
    ///
    /// # Errors
    /// No input is configured; else as [`Self::start`], but for the catalog.
    pub fn start_intake(config: &Config) -> anyhow::Result<Node> {
        let signalled = signals()?;
        if config.intake.is_empty() {
            bail!("no input is configured: [[intake]] in the configuration file has topic, format and mapping");
        }
        let decoders = intake::decoders(config)?;
        check_topics(config)?;
        let metrics = Arc::new(Metrics::new());
        let http = HttpServer::start(config.http_listen, Arc::clone(&metrics), config.watchdog_limit())?;
        tracing::info!("HTTP is served on {}", http.address());
        let mut node = Node {
            follower: None,
            workers: Vec::new(),
            orphans: None,
            http,
            metrics,
            stop: Arc::new(AtomicBool::new(false)),
            signalled,
            shutdown_deadline: config.shutdown_deadline(),
            watchdog_limit: config.watchdog_limit(),
        };
        node.start_intakes(config, decoders)?;
        Ok(node)
    }

    /// Begins to read the topic, and waits until there is something to rate with.
    fn follow_catalog(
        &mut self,
        config: &Config,
        clock: Clock,
    ) -> anyhow::Result<(Arc<dyn CatalogSource>, Arc<Catalog>)> {
        let latest = Arc::new(LatestCatalog::new(config.catalog_stale_after()));
        let settings = kafka_settings(config, 0);
        let following = Following {
            open: move || KafkaCatalogLog::open(&settings),
            keep: keep(config)?,
            latest: Arc::clone(&latest),
            metrics: Arc::clone(&self.metrics),
        };
        self.follower = Some(CatalogFollower::start(following, clock));
        let mut notice_at = now() + WAITING_NOTICE;
        loop {
            if let Some(catalog) = latest.current(clock.now()) {
                return Ok((latest, catalog));
            }
            if self.signalled.load(Ordering::Acquire) {
                bail!("stopped before there was a catalog to rate with");
            }
            if now() >= notice_at {
                notice_at = now() + WAITING_NOTICE;
                let why = latest.unusable(clock.now()).map(|why| why.to_string());
                tracing::warn!(why, "the workers wait for a catalog");
            }
            thread::sleep(LOOK_INTERVAL);
        }
    }

    fn start_workers(
        &mut self,
        config: &Config,
        (engine, catalogs): (&Engine, &Arc<dyn CatalogSource>),
        clock: Clock,
        crash: &CrashCounter,
    ) -> anyhow::Result<()> {
        let options = WorkerOptions {
            batch_records_max: usize::try_from(config.batch_records_max)?,
            commit_interval: config.commit_interval(),
            input_wait_alarm: config.input_wait_alarm(),
            clock_skew_alarm: config.clock_skew_alarm(),
            run_id: run_id(),
        };
        let mut rejoiners = Vec::new();
        for id in 0..config.workers {
            let settings = kafka_settings(config, id);
            let transport = self.connect(&settings)?;
            let group_instance_id = settings.group_instance_id.clone();
            rejoiners.push(Rejoiner { group_instance_id, rejoin: transport.rejoin_request() });
            let worker =
                Worker::new(id, transport, engine.clone(), options.clone(), Arc::clone(&self.metrics), crash.probe());
            let parts = Parts {
                worker: worker.priced_by(Arc::clone(catalogs)),
                id,
                source: move || KafkaRestore::connect(&settings),
                restore_probe: crash.probe(),
                metrics: Arc::clone(&self.metrics),
                source_type: std::marker::PhantomData,
            };
            self.workers.push(spawn(parts, clock, Arc::clone(&self.stop)));
        }
        self.orphans = Some(OrphanWatch::start(&kafka_settings(config, 0), config.partitions, rejoiners)?);
        Ok(())
    }

    /// Connects, and waits for a cluster that is not there yet, unless told to stop.
    fn connect(&self, settings: &KafkaSettings) -> anyhow::Result<KafkaTransport> {
        let mut attempts = 0;
        loop {
            match KafkaTransport::connect(settings.clone()) {
                Ok(transport) => return Ok(transport),
                Err(failure @ TransportFailure::Retry { .. }) if attempts < CONNECT_ATTEMPTS_MAX => {
                    attempts += 1;
                    tracing::warn!(attempts, %failure, "the cluster does not answer; trying again");
                    if self.signalled.load(Ordering::Acquire) {
                        bail!("stopped before the cluster answered");
                    }
                    thread::sleep(CONNECT_PAUSE);
                }
                Err(failure) => return Err(failure.into()),
            }
        }
    }

    /// Looks after the workers until a signal comes, or one of them ends or hangs.
    pub fn run_until_stopped(mut self) -> Ended {
        let mut ended = Ended::Stopped;
        while !self.signalled.load(Ordering::Acquire) {
            if self.workers.iter().any(RunningWorker::is_finished) {
                ended = Ended::Failed;
                break;
            }
            if let Some((worker, silent_for)) = self.silent_worker() {
                WatchdogExpired { worker, silent_for }.emit(&self.metrics);
                return Ended::Hung;
            }
            thread::sleep(LOOK_INTERVAL);
        }
        EngineStopping { deadline: self.shutdown_deadline }.emit(&self.metrics);
        self.stop.store(true, Ordering::Release);
        let deadline = now() + self.shutdown_deadline;
        while self.workers.iter().any(|worker| !worker.is_finished()) {
            if now() >= deadline {
                tracing::error!("a worker did not stop in time; what it had open is aborted by the broker");
                return Ended::Hung;
            }
            thread::sleep(LOOK_INTERVAL);
        }
        for worker in std::mem::take(&mut self.workers) {
            if let Err(failure) = worker.join() {
                tracing::error!(%failure, "a worker could not go on");
                ended = Ended::Failed;
            }
        }
        self.http.stop();
        ended
    }

    fn silent_worker(&self) -> Option<(u32, Duration)> {
        self.metrics.health().silent_workers(now(), self.watchdog_limit).into_iter().next()
    }
}

#[expect(clippy::disallowed_methods, reason = "the watchdog and the deadline of a stop measure real time")]
fn now() -> Instant {
    Instant::now()
}

/// Set when the process is told to stop.
fn signals() -> anyhow::Result<Arc<AtomicBool>> {
    let signalled = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT] {
        signal_hook::flag::register(signal, Arc::clone(&signalled)).context("signals cannot be listened to")?;
    }
    Ok(signalled)
}

fn rules(config: &Config) -> anyhow::Result<Rules> {
    let minutes = |minutes: &u32| SignedDuration::from_mins(i64::from(*minutes));
    Ok(Rules {
        window: window(config)?,
        no_rate: config.no_rate,
        lot_months: i32::from(config.lot_lifetime_months),
        warning_days: config.expiry_warning_days.iter().copied().collect(),
        retry_backoff: config.recharge_retry_minutes.iter().map(minutes).collect(),
    })
}

fn window(config: &Config) -> anyhow::Result<AcceptanceWindow> {
    let back = config.acceptance_window().try_into().context("acceptance_window_days")?;
    let ahead = config.acceptance_ahead().try_into().context("acceptance_ahead_minutes")?;
    Ok(AcceptanceWindow { back, ahead })
}

/// Which versions a node keeps: those that a call within the acceptance window can need, and longer.
///
/// # Errors
/// A window that is no duration.
pub fn keep(config: &Config) -> anyhow::Result<Keep> {
    let superseded_for = window(config)?.back.saturating_add(KEPT_BEYOND_WINDOW);
    Ok(Keep { superseded_for, wanted: None })
}

/// Any difference that is an error stops the start: better no engine than one whose ledger is deleted after a week.
fn check_topics(config: &Config) -> anyhow::Result<()> {
    let checked: Checked = check(&client_config(config)?, &config.topic_prefix, ledger_deletion(config))?;
    for difference in &checked.differences {
        tracing::warn!("{difference}");
    }
    let errors: Vec<String> = checked.errors().map(ToString::to_string).collect();
    if !errors.is_empty() {
        bail!("the topics are not as they must be (see `tollkeeper topics check`):\n{}", errors.join("\n"));
    }
    if checked.partitions != Some(config.partitions) {
        let found = checked.partitions.map_or("not recorded".to_owned(), |count| count.to_string());
        bail!("partitions: the configuration says {}, the topics were created with {found}", config.partitions);
    }
    Ok(())
}

/// What any client of the cluster is made from, one for administration among them.
///
/// # Errors
/// Settings that cannot be.
pub fn client_config(config: &Config) -> anyhow::Result<ClientConfig> {
    let mut client = ClientConfig::new();
    for (key, value) in kafka_settings(config, 0).client()? {
        client.set(key, value);
    }
    Ok(client)
}

/// Whether the ledger may be deleted after some days.
pub fn ledger_deletion(config: &Config) -> LedgerDeletion {
    if config.allow_ledger_retention { LedgerDeletion::Allowed } else { LedgerDeletion::Refused }
}

/// The clients' settings of one worker.
pub fn kafka_settings(config: &Config, worker: u32) -> KafkaSettings {
    let id = config.worker_id(worker);
    let mut overrides: std::collections::BTreeMap<String, String> =
        config.kafka.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    overrides.insert("transaction.timeout.ms".to_owned(), config.transaction_timeout_ms.to_string());
    KafkaSettings {
        brokers: config.brokers.clone(),
        topic_prefix: config.topic_prefix.clone(),
        group_id: config.group_id.clone(),
        transactional_id: id.clone(),
        group_instance_id: id,
        overrides,
    }
}

/// Tells this run from any other in the offsets' metadata.
#[expect(clippy::disallowed_methods, reason = "a run needs an id that no other has")]
pub fn run_id() -> String {
    format!("{:016x}", rand::rng().random::<u64>())
}

/// Ends the process, as kill -9 would, the Nth time that a step is reached by any of its workers.
#[derive(Clone)]
struct CrashCounter {
    step: Option<Step>,
    left: Arc<AtomicU32>,
}

impl CrashCounter {
    fn new(crash_at: Option<(Step, NonZeroU32)>) -> CrashCounter {
        let left = crash_at.map_or(0, |(_, nth)| nth.get());
        CrashCounter { step: crash_at.map(|(step, _)| step), left: Arc::new(AtomicU32::new(left)) }
    }

    fn probe(&self) -> Box<Probe> {
        let CrashCounter { step, left } = self.clone();
        Box::new(move |reached| {
            if step == Some(reached) && left.fetch_sub(1, Ordering::AcqRel) == 1 {
                tracing::error!(step = reached.name(), "crashing here, as told");
                // The process is gone before this returns; if the signal cannot be sent, aborting comes closest.
                let _sent = signal_hook::low_level::raise(signal_hook::consts::SIGKILL);
                std::process::abort();
            }
            Ok(())
        })
    }
}
