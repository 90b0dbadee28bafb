//! The people and services around the engine: a payment service that settles recharges, and a desk that helps tenants who
//! are blocked. Both read `alerts`, as they would of a cluster, and answer with commands.
//!
//! What they do with a request depends on the seed and the request; when, on the clock.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::proof::Positions;
use super::sender::{CommandSender, Order};
use super::sent::CommandOutcome;
use super::tenants::{MINIMUM_FUNDING_CENTS, cents};
use crate::core::command::{CommandBody, Settlement};
use crate::core::event::{Event, EventBody};
use crate::core::money::Money;
use crate::core::partition::PartitionId;
use crate::core::reason::Refusal;
use crate::core::recharge::RechargeId;
use crate::stream::memory::Topic;
use crate::wire::alert::{self, Alert};

/// Records of one read at most.
const READ_RECORDS_MAX: usize = 500;
/// Between two looks at alerts that had nothing new.
const IDLE_WAIT: Duration = Duration::from_millis(5);
/// Why a payment fails.
const FAILURES: [&str; 4] = ["expired_card", "insufficient_funds", "card_declined", "issuer_unavailable"];
/// What was asked of the desk and not done; more is left undone.
const PENDING_MAX: usize = 100_000;

/// The payment service and the desk, on one thread.
pub struct Payments {
    sender: CommandSender,
    seed: u64,
    positions: Arc<Positions>,
    /// Places of the tenants by name.
    places: HashMap<String, usize>,
    /// What is to be done, by when and in which order it was thought of.
    pending: BTreeMap<(Duration, u64), Errand>,
    thought_of: u64,
}

struct Errand {
    tenant: usize,
    order: Order,
    astray: bool,
}

impl Payments {
    /// A service that has read nothing yet. `positions` is told how far it reads.
    pub fn new(sender: CommandSender, seed: u64, positions: Arc<Positions>) -> Payments {
        let tenants = sender.world.tenants.iter().enumerate();
        let places = tenants.map(|(place, tenant)| (tenant.name.clone(), place)).collect();
        Payments { sender, seed, positions, places, pending: BTreeMap::new(), thought_of: 0 }
    }

    /// Works until `stop` is set; then does at once what was still to be done, and ends.
    pub fn run(mut self, stop: &AtomicBool) {
        while !stop.load(Ordering::Acquire) {
            let now = self.sender.clock.now().monotonic;
            let read = self.read_alerts(now);
            self.do_what_is_due(now);
            if read == 0 {
                thread::sleep(IDLE_WAIT);
            }
        }
        self.do_what_is_due(Duration::MAX);
    }

    fn read_alerts(&mut self, now: Duration) -> usize {
        let partitions = self.sender.world.partitions;
        let mut read = 0;
        for partition in 0..partitions {
            let from = self.positions.get(0, partition, partitions);
            let cluster = &self.sender.cluster;
            let (records, position) =
                cluster.read_committed(Topic::Alerts, PartitionId(partition), from, READ_RECORDS_MAX);
            read += records.len();
            for record in &records {
                // What cannot be read is the proof's to tell.
                if let Ok(Alert::Event(event)) = alert::decode(record.value()) {
                    self.take(&event, now);
                }
            }
            self.positions.set(0, partition, partitions, position);
        }
        read
    }

    fn take(&mut self, event: &Event<'_>, now: Duration) {
        let Some(place) = self.places.get(&*event.tenant).copied() else { return };
        if self.pending.len() >= PENDING_MAX {
            return;
        }
        let name = format!("{}/{}", event.tenant, event.seq);
        let mut chance = SmallRng::seed_from_u64(xxh3_64_with_seed(name.as_bytes(), self.seed));
        match &event.body {
            EventBody::RechargeRequested { .. } => self.settle(place, RechargeId(event.seq), now, &mut chance),
            EventBody::RechargeSuspended { .. } | EventBody::RechargeCapped { recharge: None, .. } => {
                self.help(place, event, now, &mut chance);
            }
            EventBody::TenantBlocked { .. } if self.sender.world.tenants[place].recharge.is_none() => {
                self.help(place, event, now, &mut chance);
            }
            _ => {}
        }
    }

    /// Most recharges succeed soon; some fail, some are told twice, some succeed after they had failed.
    fn settle(&mut self, tenant: usize, recharge: RechargeId, now: Duration, chance: &mut SmallRng) {
        let written = recharge.of(&self.sender.world.tenants[tenant].name).to_string();
        let settle = |told: u32, settlement: Settlement<'static>, expected| Order {
            id: format!("settle/{written}/{told}"),
            body: CommandBody::SettleRecharge {
                recharge_id: Some(recharge),
                written_id: written.clone().into(),
                settlement,
            },
            expected,
        };
        let succeeded = || Settlement::Succeeded { payment_reference: Some(format!("psp/{written}").into()) };
        let failed = Settlement::Failed { reason: (*FAILURES.choose(chance).expect("there are reasons")).into() };
        let soon = now + Duration::from_millis(chance.random_range(10..300));
        let late = now + Duration::from_millis(chance.random_range(1_000..4_000));
        match chance.random_range(0..100) {
            0..8 => self.plan(soon, tenant, settle(1, failed, CommandOutcome::Applied)),
            8..11 => {
                self.plan(soon, tenant, settle(1, failed, CommandOutcome::Applied));
                self.plan(late, tenant, settle(2, succeeded(), CommandOutcome::Applied));
            }
            11..14 => {
                // Two answers to one question.
                self.plan(soon, tenant, settle(1, succeeded(), CommandOutcome::Applied));
                self.plan(late, tenant, settle(2, succeeded(), CommandOutcome::Duplicate));
            }
            14..17 => {
                // One answer, delivered twice.
                self.plan(soon, tenant, settle(1, succeeded(), CommandOutcome::Applied));
                self.plan(soon, tenant, settle(1, succeeded(), CommandOutcome::Duplicate));
            }
            _ => self.plan(soon, tenant, settle(1, succeeded(), CommandOutcome::Applied)),
        }
    }

    /// The desk adds funds by hand, or sets the recharge up again; now and then it mistypes the amount first.
    fn help(&mut self, tenant: usize, event: &Event<'_>, now: Duration, chance: &mut SmallRng) {
        let when = now + Duration::from_millis(chance.random_range(500..2_500));
        let id = |what: &str| format!("{what}/{}/{}", event.tenant, event.seq);
        let recharge = self.sender.world.tenants[tenant].recharge.clone();
        let is_suspended = matches!(event.body, EventBody::RechargeSuspended { .. });
        if let (Some(settings), true, 0..60) = (recharge, is_suspended, chance.random_range(0..100)) {
            let body = CommandBody::ConfigureRecharge(settings);
            return self.plan(when, tenant, Order { id: id("configure"), body, expected: CommandOutcome::Applied });
        }
        let add = |what: &str, amount: Money, expected| Order {
            id: id(what),
            body: CommandBody::AddFunds { amount, payment_reference: id(what).into(), expires_at: None },
            expected,
        };
        if chance.random_range(0..100) < 5 {
            let refused = CommandOutcome::Refused(Refusal::BelowMinimum);
            self.plan(when, tenant, add("mistyped", cents(MINIMUM_FUNDING_CENTS - 1), refused));
        }
        let owed = if event.balance.is_negative() { event.balance.negated() } else { Money::ZERO };
        let more = cents(chance.random_range(50..500) * 100);
        let Ok(amount) = owed.checked_add(more) else { return };
        let order = add("funds", amount, CommandOutcome::Applied);
        let astray = chance.random_range(0..100) < 10;
        self.plan_errand(when, Errand { tenant, order, astray });
    }

    fn plan(&mut self, when: Duration, tenant: usize, order: Order) {
        self.plan_errand(when, Errand { tenant, order, astray: false });
    }

    fn plan_errand(&mut self, when: Duration, errand: Errand) {
        self.thought_of += 1;
        self.pending.insert((when, self.thought_of), errand);
    }

    fn do_what_is_due(&mut self, now: Duration) {
        while let Some(first) = self.pending.first_entry() {
            if first.key().0 > now {
                return;
            }
            let Errand { tenant, order, astray } = first.remove();
            let tenant = &self.sender.world.tenants[tenant];
            if astray {
                self.sender.send_astray(tenant, &order);
            } else {
                self.sender.send(tenant, &order);
            }
        }
    }
}
