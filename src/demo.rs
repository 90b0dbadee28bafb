//! The demo: the engine on the in-memory log, with tenants, a payment service, seeded traffic, and a proof at the end.
//!
//! ```text
//!  traffic ──▶ cdrs ─────▶ ┌─────────┐ ─▶ ledger ─────┐
//!  desk, payments ▶ commands ▶ workers │ ─▶ quarantine ──▶ proof ◀── what was sent
//!          ▲                └─────────┘ ─▶ alerts ──┬──┘
//!          └────────────────────────────────────────┘
//! ```
//!
//! Memory has a bound: [`road::BACKLOG_RECORDS_MAX`] records are under way at most, and the logs are deleted behind their readers
//! ([`retention`]). What grows with every call is the engine's own memory of it: an identity, some 30 to 60 bytes with its
//! room in the table, for eight days. Four million calls of a thousand tenants were seen to take 370 MiB in all.

pub mod numbers;
pub mod payments;
pub mod proof;
pub mod retention;
pub mod road;
pub mod sabotage;
pub mod sender;
pub mod sent;
pub mod summary;
pub mod tenants;
#[cfg(test)]
mod testing;
pub mod traffic;

use std::io;
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::core::catalog::Catalog;
use crate::core::decide::Rules;
use crate::desk::http::{HttpFailure, HttpServer};
use crate::metrics::Metrics;
use crate::stream::engine::Engine;
use crate::stream::memory::{MemoryCluster, MemoryTransport};
use crate::stream::runner::{self, Clock, RunningWorker};
use crate::stream::transport::TransportFailure;
use crate::stream::worker::{Worker, WorkerOptions};
use numbers::PhoneBook;
use payments::Payments;
use proof::pricing::PriceList;
use proof::report::Report;
use proof::{Positions, Progress, Proof};
use retention::Retention;
use road::Road;
use sabotage::{Sabotage, Saboteur};
use sender::{CommandSender, Order};
use sent::CommandOutcome;
use summary::{Latency, Live, Memory, Moment, RunFacts};
use traffic::{Traffic, World};

/// The price list of the demo's tenants, if the catalog has it; else its first.
const PRICE_LIST: &str = "outbound-usd";
/// Names of topics begin with it.
const PREFIX: &str = "demo";
/// Between two looks at everything.
const TICK: Duration = Duration::from_millis(50);
/// Between two moments that are shown.
const SHOW_INTERVAL: Duration = Duration::from_secs(1);
/// Without any progress for so long, the engine has stalled.
const STALL_LIMIT: Duration = Duration::from_secs(20);
/// A worker that is silent for longer is not live.
const SILENCE_MAX: Duration = Duration::from_secs(10);
/// A batch is committed at so many records, or when it is so old: as on Kafka, by default.
const BATCH_RECORDS_MAX: usize = 20_000;
/// See [`BATCH_RECORDS_MAX`].
const COMMIT_INTERVAL: Duration = Duration::from_millis(100);

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How long there is traffic.
    pub duration: Duration,
    /// CDRs a second; as fast as it goes unless given.
    pub rate: Option<u32>,
    /// Of everything that is sent.
    pub seed: u64,
    /// Accounts.
    pub tenants: u32,
    /// Partitions of each topic.
    pub partitions: u32,
    /// Worker threads.
    pub workers: u32,
    /// Where metrics and health are served.
    pub http: Option<SocketAddr>,
    /// What is falsified.
    pub sabotage: Option<Sabotage>,
}

impl Plan {
    /// What a reader of the result has to know.
    pub fn facts(&self) -> RunFacts {
        let Plan { seed, tenants, partitions, workers, .. } = *self;
        RunFacts { seed, tenants, partitions, workers }
    }
}

/// Why the demo could not be run to its end.
#[derive(Debug, thiserror::Error)]
pub enum DemoFailure {
    /// The catalog has nothing that calls could be priced by.
    #[error("the catalog has no price list that is in force")]
    NoPriceList,
    /// The address is taken.
    #[error(transparent)]
    Http(#[from] HttpFailure),
    /// No thread.
    #[error("cannot start the thread {name}")]
    Thread {
        /// Which.
        name: &'static str,
        /// Why.
        source: io::Error,
    },
    /// The engine does nothing more.
    #[error("the engine has stalled: {0}")]
    Stalled(String),
    /// A worker could not go on.
    #[error("worker {id} ended")]
    Worker {
        /// Which.
        id: usize,
        /// Why.
        source: TransportFailure,
    },
}

/// What came out.
#[derive(Debug)]
pub struct Outcome {
    /// The end of the traffic.
    pub last: Moment,
    /// The proof.
    pub report: Report,
}

/// Runs it. Traffic ends early when `interrupt` is set; the proof is made all the same.
///
/// # Errors
/// [`DemoFailure`]. That something does not add up is no failure: it stands in the report.
pub fn run(plan: &Plan, catalog: Catalog, interrupt: &AtomicBool) -> Result<Outcome, DemoFailure> {
    Demo::start(plan, catalog)?.run(plan, interrupt)
}

/// Everything that runs.
struct Demo {
    clock: Clock,
    world: Arc<World>,
    metrics: Arc<Metrics>,
    workers: Vec<RunningWorker>,
    stop_workers: Arc<AtomicBool>,
    proof: JoinHandle<Report>,
    finish_proof: Arc<AtomicBool>,
    progress: Arc<Progress>,
    payments: JoinHandle<()>,
    stop_payments: Arc<AtomicBool>,
    retention: Retention,
    desk: CommandSender,
    price_list: (String, crate::core::currency::Currency),
    sent: Arc<AtomicU64>,
    http: Option<HttpServer>,
}

impl Demo {
    fn start(plan: &Plan, catalog: Catalog) -> Result<Demo, DemoFailure> {
        let clock = Clock::start();
        let now = clock.now().wall;
        let is_ours = |id: &&str| *id == PRICE_LIST;
        let id = catalog.deck_ids().find(is_ours).or_else(|| catalog.deck_ids().next());
        let deck = id.and_then(|id| catalog.deck(id, now)).ok_or(DemoFailure::NoPriceList)?;
        let price_list = (deck.header().id.to_string(), deck.currency());

        let mut rng = SmallRng::seed_from_u64(plan.seed);
        let world = Arc::new(World {
            book: PhoneBook::new(deck, &tenants::home_countries(), &mut rng),
            tenants: tenants::found(plan.tenants, plan.partitions, &mut rng),
            partitions: plan.partitions,
            run: rng.random(),
        });
        let prices = PriceList::read(deck, now);
        let metrics = Arc::new(Metrics::new());
        metrics.set_catalog_version(catalog.version());
        let http =
            plan.http.map(|address| HttpServer::start(address, Arc::clone(&metrics), SILENCE_MAX)).transpose()?;

        let cluster = MemoryCluster::new(plan.partitions, Arc::new(move || clock.now().wall.as_millisecond()));
        let stop_workers = Arc::new(AtomicBool::new(false));
        let workers = start_workers(plan, catalog, (&cluster, &metrics), clock, &stop_workers);

        let (announce, announced) = channel();
        let progress = Arc::new(Progress::new(plan.partitions));
        let finish_proof = Arc::new(AtomicBool::new(false));
        let proof = Proof::new(proof::Parts {
            cluster: cluster.clone(),
            world: Arc::clone(&world),
            prices,
            sent: announced,
            saboteur: Saboteur::new(plan.sabotage),
            progress: Arc::clone(&progress),
        });
        let finish = Arc::clone(&finish_proof);
        let proof = spawn("proof", move || proof.run(&finish))?;

        let sender = |actor| CommandSender {
            cluster: cluster.clone(),
            world: Arc::clone(&world),
            announce: announce.clone(),
            clock,
            actor,
        };
        let positions = Arc::new(Positions::new(1, plan.partitions));
        let stop_payments = Arc::new(AtomicBool::new(false));
        let payments = Payments::new(sender("payments"), plan.seed, Arc::clone(&positions));
        let stop = Arc::clone(&stop_payments);
        let payments = spawn("payments", move || payments.run(&stop))?;
        let desk = sender("desk");
        let retention = Retention { cluster, proof: Arc::clone(&progress), payments: positions };
        Ok(Demo {
            clock,
            world,
            metrics,
            workers,
            stop_workers,
            proof,
            finish_proof,
            progress,
            payments,
            stop_payments,
            retention,
            desk,
            price_list,
            sent: Arc::new(AtomicU64::new(0)),
            http,
        })
    }

    fn run(self, plan: &Plan, interrupt: &AtomicBool) -> Result<Outcome, DemoFailure> {
        self.wait_until("its partitions are not ready", || {
            let (_, rebalancing) = self.retention.cluster.generation();
            let readiness = self.metrics.health().readiness();
            let joined = self.retention.cluster.members().len() == self.workers.len();
            joined && !rebalancing && readiness.is_ready() && readiness.partitions.ready == u64::from(plan.partitions)
        })?;
        self.open_accounts();
        self.wait_until("accounts are not opened", || {
            let tally = self.progress.tally();
            tally.commands_settled >= tally.commands_sent && tally.commands_sent > 0 && self.retention.is_drained()
        })?;

        let began = self.clock.now().monotonic;
        let stop_traffic = Arc::new(AtomicBool::new(false));
        let traffic = self.start_traffic(plan, &stop_traffic)?;
        let mut live = Live::new();
        live.begin(&plan.facts(), self.http.as_ref().map(HttpServer::address));
        let mut shown = Duration::ZERO;
        loop {
            let elapsed = self.clock.now().monotonic.saturating_sub(began);
            self.retention.delete_what_was_read();
            if elapsed >= shown + SHOW_INTERVAL {
                shown = elapsed;
                live.show(&self.moment(elapsed));
            }
            if elapsed >= plan.duration || interrupt.load(Ordering::Acquire) || self.a_worker_ended() {
                break;
            }
            thread::sleep(TICK.min(plan.duration - elapsed));
        }
        stop_traffic.store(true, Ordering::Release);
        join(traffic);
        let mut last = self.moment(self.clock.now().monotonic.saturating_sub(began));
        live.show(&last);
        let report = self.finish()?;
        last.memory = Memory::read();
        last.blocked = report.blocked;
        Ok(Outcome { last, report })
    }

    fn open_accounts(&self) {
        let (price_list, currency) = &self.price_list;
        for tenant in &self.world.tenants {
            let order = |what: &str, body| Order {
                id: format!("{what}/{}", tenant.name),
                body,
                expected: CommandOutcome::Applied,
            };
            self.desk.send(tenant, &order("open", tenant.open(price_list, *currency)));
            self.desk.send(tenant, &order("first-funds", tenant.first_funds()));
            if let Some(settings) = &tenant.recharge {
                let body = crate::core::command::CommandBody::ConfigureRecharge(settings.clone());
                self.desk.send(tenant, &order("recharge", body));
            }
        }
    }

    fn start_traffic(&self, plan: &Plan, stop: &Arc<AtomicBool>) -> Result<JoinHandle<()>, DemoFailure> {
        let road = Road {
            traffic: Traffic::new(Arc::clone(&self.world), plan.seed),
            cluster: self.retention.cluster.clone(),
            announce: self.desk.announce.clone(),
            clock: self.clock,
            rate: plan.rate,
            progress: Arc::clone(&self.progress),
            sent: Arc::clone(&self.sent),
        };
        let stop = Arc::clone(stop);
        spawn("traffic", move || road.run(&stop))
    }

    fn moment(&self, elapsed: Duration) -> Moment {
        let partitions = self.metrics.health().partitions();
        Moment {
            elapsed,
            tally: self.progress.tally(),
            sent: self.sent.load(Ordering::Acquire),
            blocked: partitions.values().map(|partition| partition.tenants.blocked).sum(),
            latency: Latency::read(&self.metrics),
            memory: Memory::read(),
        }
    }

    fn a_worker_ended(&self) -> bool {
        self.workers.iter().any(RunningWorker::is_finished)
    }

    /// Waits, without a limit as long as something moves.
    fn wait_until(&self, stalled: &str, mut done: impl FnMut() -> bool) -> Result<(), DemoFailure> {
        let mut seen = self.progress.tally();
        let mut moved_at = self.clock.now().monotonic;
        while !done() {
            let now = self.clock.now().monotonic;
            let tally = self.progress.tally();
            if tally != seen {
                seen = tally;
                moved_at = now;
            }
            if self.a_worker_ended() || now.saturating_sub(moved_at) > STALL_LIMIT {
                let reasons = self.metrics.health().readiness().reasons.join("; ");
                return Err(DemoFailure::Stalled(format!("{stalled} ({reasons})")));
            }
            self.retention.delete_what_was_read();
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Drains what is under way, stops everything in the order of the flow, and closes the proof.
    fn finish(self) -> Result<Report, DemoFailure> {
        self.stop_payments.store(true, Ordering::Release);
        while !self.payments.is_finished() {
            thread::sleep(Duration::from_millis(1));
        }
        // What is not drained is for the proof to tell: it names what has no outcome.
        let drained = self.wait_until("inputs are not read to their ends", || self.retention.is_drained());
        self.stop_workers.store(true, Ordering::Release);
        let Demo { workers, payments, proof, finish_proof, metrics, .. } = self;
        join(payments);
        for (id, worker) in workers.into_iter().enumerate() {
            worker.join().map_err(|source| DemoFailure::Worker { id, source })?;
        }
        drained?;
        finish_proof.store(true, Ordering::Release);
        let mut report = join(proof);
        report.compare_with_metrics(&metrics);
        Ok(report)
    }
}

fn start_workers(
    plan: &Plan,
    catalog: Catalog,
    (cluster, metrics): (&MemoryCluster, &Arc<Metrics>),
    clock: Clock,
    stop: &Arc<AtomicBool>,
) -> Vec<RunningWorker> {
    let engine = Engine::new(Arc::new(catalog), Rules::default(), plan.partitions, PREFIX);
    let start = |id: u32| {
        let name = format!("{PREFIX}-{id}");
        let transport: MemoryTransport = cluster.transport(&name, &name);
        let options = WorkerOptions {
            batch_records_max: BATCH_RECORDS_MAX,
            commit_interval: COMMIT_INTERVAL,
            input_wait_alarm: Duration::from_secs(30),
            clock_skew_alarm: Duration::from_secs(30),
            run_id: format!("{:016x}", plan.seed),
        };
        let metrics = Arc::clone(metrics);
        let worker = Worker::new(id, transport, engine.clone(), options, Arc::clone(&metrics), Box::new(|_| Ok(())));
        let cluster = cluster.clone();
        let parts = runner::Parts {
            worker,
            id,
            source: move || Ok(cluster.restore_source()),
            restore_probe: Box::new(|_| Ok(())),
            metrics,
            source_type: PhantomData,
        };
        runner::spawn(parts, clock, Arc::clone(stop))
    };
    (0..plan.workers).map(start).collect()
}

fn spawn<T: Send + 'static>(
    name: &'static str,
    run: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>, DemoFailure> {
    let thread = thread::Builder::new().name(name.to_owned()).spawn(run);
    thread.map_err(|source| DemoFailure::Thread { name, source })
}

fn join<T>(thread: JoinHandle<T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
