//! The proof: a reader of its own of `ledger`, `quarantine`, `reroute` and `alerts`, which compares them, record by record,
//! with what was sent. It shares no state with the engine.
//!
//! It goes along while the engine runs, so that nothing of the logs has to be kept for it: what it holds is the window of
//! records without an outcome ([`window`]), and the accounts ([`accounts`]).

pub mod accounts;
mod findings;
pub mod pricing;
pub mod report;
mod taking;
pub mod window;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::sabotage::Saboteur;
use super::sent::{CommandOutcome, Sent};
use super::traffic::World;
use crate::core::partition::PartitionId;
use crate::stream::memory::{MemoryCluster, Topic};
use accounts::Accounts;
use pricing::PriceList;
use report::{Faults, Report, Tally};
use window::Window;

/// What the proof reads.
pub const READ: [Topic; 4] = [Topic::Ledger, Topic::Quarantine, Topic::Reroute, Topic::Alerts];
/// Records of one read at most.
const READ_RECORDS_MAX: usize = 2_000;
/// Between two looks at logs that had nothing new.
const IDLE_WAIT: Duration = Duration::from_millis(2);

/// How far a reader is, for whoever deletes what was read.
#[derive(Debug)]
pub struct Positions(Vec<AtomicI64>);

impl Positions {
    /// At the beginning of so many partitions of so many topics.
    pub fn new(topics: usize, partitions: u32) -> Positions {
        let count = topics * usize::try_from(partitions).expect("a u32 fits into a usize");
        Positions((0..count).map(|_| AtomicI64::new(0)).collect())
    }

    /// The offset that is read next, of a topic by its place in the list of what is read.
    pub fn get(&self, topic: usize, partition: u32, partitions: u32) -> i64 {
        self.0[Positions::place(topic, partition, partitions)].load(Ordering::Acquire)
    }

    /// Everything before this offset was read.
    pub fn set(&self, topic: usize, partition: u32, partitions: u32, position: i64) {
        self.0[Positions::place(topic, partition, partitions)].store(position, Ordering::Release);
    }

    fn place(topic: usize, partition: u32, partitions: u32) -> usize {
        let width = usize::try_from(partitions).expect("a u32 fits into a usize");
        topic * width + usize::try_from(partition).expect("a u32 fits into a usize")
    }
}

/// What others see of a proof while it goes on.
#[derive(Debug)]
pub struct Progress {
    /// How far it has read, by place in [`READ`].
    pub positions: Positions,
    /// Records of `cdrs` whose outcome was found.
    pub settled: AtomicU64,
    tally: Mutex<Tally>,
}

impl Progress {
    /// Nothing yet.
    pub fn new(partitions: u32) -> Progress {
        let positions = Positions::new(READ.len(), partitions);
        Progress { positions, settled: AtomicU64::new(0), tally: Mutex::default() }
    }

    /// What was counted so far.
    pub fn tally(&self) -> Tally {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What a proof is made of.
pub struct Parts {
    /// Where it reads.
    pub cluster: MemoryCluster,
    /// Who the tenants are and what they dial.
    pub world: Arc<World>,
    /// The prices.
    pub prices: PriceList,
    /// What is sent.
    pub sent: Receiver<Sent>,
    /// Who stands between the ledger and the proof.
    pub saboteur: Saboteur,
    /// What others see.
    pub progress: Arc<Progress>,
}

/// The reader.
pub struct Proof {
    cluster: MemoryCluster,
    world: Arc<World>,
    prices: PriceList,
    sent: Receiver<Sent>,
    saboteur: Saboteur,
    progress: Arc<Progress>,
    window: Window,
    commands: HashMap<String, Vec<CommandOutcome>>,
    commands_astray: u64,
    accounts: Accounts,
    tally: Tally,
    faults: AllFaults,
}

/// The faults found so far, by what they break.
#[derive(Debug, Default)]
struct AllFaults {
    outcomes: Faults,
    prices: Faults,
    reroutes: Faults,
    commands: Faults,
    sequences: Faults,
    money: Faults,
    recharges: Faults,
    forms: Faults,
}

impl Proof {
    /// A proof that has read nothing yet.
    pub fn new(parts: Parts) -> Proof {
        let Parts { cluster, world, prices, sent, saboteur, progress } = parts;
        let window = Window::new(world.partitions);
        Proof {
            cluster,
            world,
            prices,
            sent,
            saboteur,
            progress,
            window,
            commands: HashMap::new(),
            commands_astray: 0,
            accounts: Accounts::default(),
            tally: Tally::default(),
            faults: AllFaults::default(),
        }
    }

    /// Reads until `finish` is set, which promises that nothing more is written, and all is read.
    pub fn run(mut self, finish: &AtomicBool) -> Report {
        loop {
            let last = finish.load(Ordering::Acquire);
            let read = self.read_round();
            *self.progress.tally.lock().unwrap_or_else(PoisonError::into_inner) = self.tally.clone();
            self.progress.settled.store(self.tally.settled, Ordering::Release);
            match (read, last) {
                (0, true) => return self.close(),
                (0, false) => thread::sleep(IDLE_WAIT),
                _ => {}
            }
        }
    }

    /// Reads a little of everything; returns how many records that were.
    fn read_round(&mut self) -> usize {
        let (cluster, progress, partitions) = (self.cluster.clone(), Arc::clone(&self.progress), self.world.partitions);
        let mut read = 0;
        for partition in 0..partitions {
            for (place, topic) in READ.into_iter().enumerate() {
                let from = progress.positions.get(place, partition, partitions);
                let (records, position) = cluster.read_committed(topic, PartitionId(partition), from, READ_RECORDS_MAX);
                read += records.len();
                // What is in the log was announced before: after this, no outcome is a surprise.
                self.hear();
                for record in &records {
                    self.take(topic, PartitionId(partition), record);
                }
                progress.positions.set(place, partition, partitions, position);
            }
        }
        self.hear();
        read
    }

    /// Listens to what is sent.
    fn hear(&mut self) {
        while let Ok(sent) = self.sent.try_recv() {
            match sent {
                Sent::Records(records) => {
                    self.tally.sent += u64::try_from(records.len()).expect("a length in memory");
                    for record in records {
                        if let Some((number, lost)) = self.window.push(record) {
                            self.tally.settled += 1;
                            self.lost(number, &lost);
                        }
                    }
                }
                Sent::Command(command) => {
                    self.tally.commands_sent += 1;
                    self.commands_astray += u64::from(command.astray);
                    self.commands.entry(command.id).or_default().push(command.expected);
                }
            }
        }
    }
}
