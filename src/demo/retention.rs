//! Deletes from the logs what all who read them have read, so that memory has a bound.
//!
//! Only the demo may delete from a ledger: its workers never restore a partition once they have begun, since nobody joins or
//! leaves their group.

use std::sync::Arc;

use super::proof::{Positions, Progress, READ};
use crate::core::partition::PartitionId;
use crate::stream::memory::{MemoryCluster, Topic};
use crate::stream::transport::Input;

/// What is needed to know what was read.
pub struct Retention {
    /// The logs.
    pub cluster: MemoryCluster,
    /// How far the proof is.
    pub proof: Arc<Progress>,
    /// How far the payment service is in `alerts`.
    pub payments: Arc<Positions>,
}

impl Retention {
    /// Deletes it.
    pub fn delete_what_was_read(&self) {
        let partitions = self.cluster.partitions();
        for partition in 0..partitions {
            let committed = self.cluster.committed_offsets(PartitionId(partition));
            let by_engine = |input: Input| committed[input.index()].as_ref().map_or(0, |committed| committed.offset);
            let by_proof = |topic: Topic| {
                let place = READ.iter().position(|read| *read == topic).expect("the proof reads it");
                self.proof.positions.get(place, partition, partitions)
            };
            let by_payments = self.payments.get(0, partition, partitions);
            let read = [
                (Topic::Cdrs, by_engine(Input::Cdrs)),
                (Topic::Commands, by_engine(Input::Commands)),
                (Topic::Reroute, by_engine(Input::Reroute).min(by_proof(Topic::Reroute))),
                (Topic::Ledger, by_proof(Topic::Ledger)),
                (Topic::Quarantine, by_proof(Topic::Quarantine)),
                (Topic::Alerts, by_payments.min(by_proof(Topic::Alerts))),
            ];
            for (topic, offset) in read {
                self.cluster.delete_before(topic, PartitionId(partition), offset);
            }
        }
    }

    /// Whether the engine has read its inputs to their ends, and nothing is open.
    pub fn is_drained(&self) -> bool {
        let has_more = |input: Input, partition: PartitionId| {
            let committed = self.cluster.committed_offsets(partition);
            let from = committed[input.index()].as_ref().map_or(0, |committed| committed.offset);
            !self.cluster.read_committed(input.into(), partition, from, 1).0.is_empty()
        };
        let mut partitions = (0..self.cluster.partitions()).map(PartitionId);
        self.cluster.open_transactions().is_empty()
            && !partitions.any(|partition| Input::ALL.into_iter().any(|input| has_more(input, partition)))
    }
}
