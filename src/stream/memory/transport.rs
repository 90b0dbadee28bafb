//! A worker's hold on the log: one consumer and one transactional producer.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use crate::core::partition::PartitionId;
use crate::stream::transport::{
    CommittedOffsets, Fetched, GroupEvent, Input, InputOffsets, OffsetToCommit, OutRecord, Output, Transport,
    TransportFailure,
};

use super::broker::{Broker, Refusal};
use super::cluster::MemoryCluster;
use super::faults::{Act, Controls, Fault};
use super::log::{MemoryPayload, Verdict};
use super::member::{GroupMember, MemoryMembership, out_of_turn};
use super::reader::PartitionReader;
use super::topic::Topic;
use super::transactions::ProducerHandle;

/// [`Transport`] over a [`MemoryCluster`]. Dropping it without [`Transport::close`] is a crash.
#[derive(Debug)]
pub struct MemoryTransport {
    cluster: MemoryCluster,
    producer: ProducerHandle,
    in_transaction: bool,
    member: GroupMember,
    readers: BTreeMap<PartitionId, PartitionReader>,
    /// The partition that was served last, by [`Input::index`]: the next fetch begins behind it, so that none starves.
    served_last: [Option<PartitionId>; 3],
    controls: Controls,
}

impl MemoryTransport {
    /// A client whose producer is initialised, and which joins the group with its first poll.
    pub(super) fn new(cluster: MemoryCluster, transactional_id: &str, group_instance: &str) -> MemoryTransport {
        let producer = cluster.change(|broker, now_ms| broker.init_transactions(&Arc::from(transactional_id), now_ms));
        MemoryTransport {
            cluster,
            producer,
            in_transaction: false,
            member: GroupMember::new(group_instance),
            readers: BTreeMap::new(),
            served_last: [None; 3],
            controls: Controls::default(),
        }
    }

    /// The owner's hold on this transport.
    pub fn controls(&self) -> Controls {
        self.controls.clone()
    }

    /// The cluster that it is a client of.
    #[cfg(test)]
    pub(super) fn cluster(&self) -> &MemoryCluster {
        &self.cluster
    }

    /// What it believes of the group.
    #[cfg(test)]
    pub(super) fn member(&self) -> &GroupMember {
        &self.member
    }

    /// Sends a request of the producer, unless a fault that is planned for it decides otherwise.
    fn request(
        &self,
        act: Act,
        send: impl FnOnce(&mut Broker, &ProducerHandle, i64) -> Result<(), Refusal>,
    ) -> Result<(), TransportFailure> {
        let fault = self.controls.next_fault(act);
        let detail = match fault {
            Some(Fault::Retry) => return Err(TransportFailure::Retry { act: act.name(), detail: "not now".into() }),
            Some(Fault::Abort) => "illegal generation",
            Some(Fault::UnknownApplied | Fault::UnknownPrepared) => "the answer was lost",
            Some(Fault::UnknownLost | Fault::UnknownLate) => "timed out",
            None | Some(Fault::MarkersLater) => "refused",
        };
        let sent = self.cluster.change(|broker, now_ms| match fault {
            None | Some(Fault::UnknownApplied) => send(broker, &self.producer, now_ms),
            Some(Fault::UnknownPrepared | Fault::MarkersLater) => broker.prepare_commit(&self.producer),
            Some(Fault::UnknownLate) => {
                let verdict = if act == Act::Commit { Verdict::Commit } else { Verdict::Abort };
                broker.transactions.delay_end(&self.producer, verdict);
                Ok(())
            }
            Some(Fault::Retry | Fault::Abort | Fault::UnknownLost) => Ok(()),
        });
        match fault {
            None | Some(Fault::MarkersLater) => sent.map_err(|refusal| failure(act, refusal)),
            Some(Fault::Abort) => Err(TransportFailure::Abort { act: act.name(), detail: detail.into() }),
            Some(_) => Err(TransportFailure::Unknown { act: act.name(), detail: detail.into() }),
        }
    }

    fn expect_transaction(&self, act: &'static str) -> Result<(), TransportFailure> {
        if self.in_transaction { Ok(()) } else { Err(out_of_turn(act, "no transaction is open")) }
    }

    /// The partitions that are read, beginning behind the one that was served last.
    fn in_turn(&self, input: Input) -> Vec<PartitionId> {
        let Some(last) = self.served_last[input.index()] else { return self.readers.keys().copied().collect() };
        let after = self.readers.range((Bound::Excluded(last), Bound::Unbounded));
        after.chain(self.readers.range(..=last)).map(|(partition, _)| *partition).collect()
    }

    fn reader_of(
        &mut self,
        act: &'static str,
        partition: PartitionId,
    ) -> Result<&mut PartitionReader, TransportFailure> {
        self.readers.get_mut(&partition).ok_or_else(|| out_of_turn(act, "the partition is not started"))
    }
}

impl Transport for MemoryTransport {
    type Payload = MemoryPayload;
    type Membership = MemoryMembership;

    fn transactional_id(&self) -> &str {
        &self.producer.transactional_id
    }

    fn poll_group(&mut self) -> Result<Option<GroupEvent>, TransportFailure> {
        self.member.poll(&mut self.cluster.lock().group)
    }

    fn fetch(
        &mut self,
        input: Input,
        max: usize,
        wait: Duration,
        into: &mut Vec<Fetched<MemoryPayload>>,
    ) -> Result<(), TransportFailure> {
        let mut room = max.min(self.controls.fetch_limit(input));
        if room == 0 {
            return Ok(());
        }
        let turns = self.in_turn(input);
        let readers = &mut self.readers;
        let served_last = &mut self.served_last[input.index()];
        let topic = Topic::from(input);
        let broker = self.cluster.wait(wait, |broker| {
            readers.iter().any(|(partition, reader)| reader.input(input).has_news(broker.log(topic, *partition)))
        });
        for partition in turns {
            let before = into.len();
            let reader = readers.get_mut(&partition).expect("turns are those of the readers").input_mut(input);
            reader.read(broker.log(topic, partition), (input, partition), room, into);
            if into.len() > before {
                *served_last = Some(partition);
                room -= into.len() - before;
            }
        }
        Ok(())
    }

    fn accept_assignment(&mut self) -> Result<(), TransportFailure> {
        self.member.accept_assignment()
    }

    fn start(&mut self, partition: PartitionId, at: InputOffsets) -> Result<(), TransportFailure> {
        if !self.member.owns(partition) {
            return Err(out_of_turn("start", "only what is assigned is started"));
        }
        if self.readers.contains_key(&partition) {
            return Err(out_of_turn("start", "the partition is started already"));
        }
        self.readers.insert(partition, PartitionReader::at(at));
        Ok(())
    }

    fn stop(&mut self, partition: PartitionId) -> Result<(), TransportFailure> {
        self.reader_of("stop", partition)?;
        self.readers.remove(&partition);
        Ok(())
    }

    fn seek(&mut self, partition: PartitionId, to: InputOffsets) -> Result<(), TransportFailure> {
        *self.reader_of("seek", partition)? = PartitionReader::at(to);
        Ok(())
    }

    fn give_up(&mut self, partitions: &[PartitionId]) -> Result<(), TransportFailure> {
        self.member.give_up(partitions)?;
        for partition in partitions {
            self.readers.remove(partition);
        }
        Ok(())
    }

    fn membership(&mut self) -> Option<MemoryMembership> {
        self.member.membership(&mut self.cluster.lock().group)
    }

    fn begin(&mut self) -> Result<(), TransportFailure> {
        if self.in_transaction {
            return Err(out_of_turn("begin", "a transaction is open already"));
        }
        // Local to the client: the broker hears of a transaction with its first record.
        self.request(Act::Begin, |_, _, _| Ok(()))?;
        self.in_transaction = true;
        Ok(())
    }

    fn publish(
        &mut self,
        output: Output,
        partition: PartitionId,
        records: &mut Vec<OutRecord>,
    ) -> Result<(), TransportFailure> {
        self.expect_transaction("publish")?;
        let sent = self.request(Act::Publish, |broker, producer, now_ms| {
            broker.publish(producer, (output.into(), partition), records.drain(..).collect(), now_ms)
        });
        if !matches!(sent, Err(TransportFailure::Retry { .. })) {
            records.clear();
        }
        sent
    }

    fn send_offsets(
        &mut self,
        membership: &MemoryMembership,
        offsets: &[OffsetToCommit],
    ) -> Result<(), TransportFailure> {
        self.expect_transaction("send offsets")?;
        self.request(Act::SendOffsets, |broker, producer, now_ms| {
            broker.send_offsets(producer, membership, offsets, now_ms)
        })
    }

    fn commit(&mut self) -> Result<(), TransportFailure> {
        self.expect_transaction("commit")?;
        let outcome = self
            .request(Act::Commit, |broker, producer, now_ms| broker.end_transaction(producer, Verdict::Commit, now_ms));
        // Refused or postponed it is open as before. Of unknown outcome it is over for the client, right or wrong: whoever
        // goes on with this producer instead of renewing it meets what the broker made of it.
        self.in_transaction = matches!(outcome, Err(TransportFailure::Abort { .. } | TransportFailure::Retry { .. }));
        outcome
    }

    fn abort(&mut self) -> Result<(), TransportFailure> {
        self.in_transaction = false;
        self.request(Act::Abort, |broker, producer, now_ms| broker.end_transaction(producer, Verdict::Abort, now_ms))
    }

    fn renew_producer(&mut self) -> Result<(), TransportFailure> {
        self.in_transaction = false;
        let id = Arc::clone(&self.producer.transactional_id);
        self.producer = self.cluster.change(|broker, now_ms| broker.init_transactions(&id, now_ms));
        Ok(())
    }

    fn committed(&mut self, partitions: &[PartitionId]) -> Result<Vec<CommittedOffsets>, TransportFailure> {
        partitions.iter().map(|partition| self.cluster.stable_offsets(*partition)).collect()
    }

    fn known_end(&mut self, input: Input, partition: PartitionId) -> Option<i64> {
        let broker = self.cluster.lock();
        Some(broker.log(Topic::from(input), partition).last_stable_offset())
    }

    fn close(&mut self) -> Result<(), TransportFailure> {
        self.readers.clear();
        self.member.close(&mut self.cluster.lock().group);
        Ok(())
    }
}

impl Drop for MemoryTransport {
    fn drop(&mut self) {
        let member = &self.member;
        self.cluster.change_unless_poisoned(|broker| member.crash(&mut broker.group));
    }
}

fn failure(act: Act, refusal: Refusal) -> TransportFailure {
    let (act, detail) = (act.name(), refusal.to_string());
    match refusal {
        Refusal::Fenced | Refusal::Decided => TransportFailure::Unknown { act, detail },
        Refusal::IllegalGeneration | Refusal::UnknownMember => TransportFailure::Abort { act, detail },
    }
}
