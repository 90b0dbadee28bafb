//! Sending commands: each is announced to the proof before it is in the log.

use std::sync::Arc;
use std::sync::mpsc::Sender;

use super::sent::{CommandOutcome, Sent, SentCommand};
use super::tenants::Tenant;
use super::traffic::World;
use crate::core::command::CommandBody;
use crate::core::partition::PartitionId;
use crate::stream::memory::{MemoryCluster, Topic};
use crate::stream::runner::Clock;
use crate::wire::command::{Outgoing, encode};

/// Sends commands in the name of a desk or a payment service.
#[derive(Clone)]
pub struct CommandSender {
    /// Where to.
    pub cluster: MemoryCluster,
    /// Whom they are for.
    pub world: Arc<World>,
    /// Who hears of it first.
    pub announce: Sender<Sent>,
    /// When it is.
    pub clock: Clock,
    /// Who asks.
    pub actor: &'static str,
}

/// A command to be sent.
#[derive(Debug)]
pub struct Order {
    /// Its id.
    pub id: String,
    /// What is asked.
    pub body: CommandBody<'static>,
    /// What has to become of it.
    pub expected: CommandOutcome,
}

impl CommandSender {
    /// Sends a command to its tenant's home partition.
    pub fn send(&self, tenant: &Tenant, order: &Order) {
        self.send_to(tenant.home, tenant, order);
    }

    /// Sends a command to a partition that is not its tenant's, if there is one: it finds its way home.
    pub fn send_astray(&self, tenant: &Tenant, order: &Order) {
        self.send_to(PartitionId((tenant.home.0 + 1) % self.world.partitions), tenant, order);
    }

    fn send_to(&self, partition: PartitionId, tenant: &Tenant, order: &Order) {
        let mut value = Vec::new();
        let outgoing = Outgoing {
            command_id: &order.id,
            tenant: &tenant.name,
            at: self.clock.now().wall,
            actor: Some(self.actor),
            body: &order.body,
        };
        encode(&outgoing, &mut value);
        let astray = partition != tenant.home;
        // The proof ends last; where it ended by a panic, that panic is what is told.
        let _ =
            self.announce.send(Sent::Command(SentCommand { id: order.id.clone(), astray, expected: order.expected }));
        self.cluster.append(Topic::Commands, partition, tenant.name.as_bytes(), value);
    }
}
