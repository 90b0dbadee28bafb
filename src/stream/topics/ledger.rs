//! Reading a partition of the ledger from end to end, for whoever looks for something in it.

use rdkafka::config::ClientConfig;
use rdkafka::message::{Message, OwnedMessage};
use rdkafka::topic_partition_list::Offset;

use super::cluster::Cluster;
use super::failure::TopicsFailure;
use super::layout::topic_name;
use crate::core::partition::PartitionId;

/// A partition of the ledger.
#[derive(Clone, Copy, Debug)]
pub struct LedgerPartition<'a> {
    /// In front of the topic's name.
    pub prefix: &'a str,
    /// Which.
    pub partition: PartitionId,
    /// How many there must be, or the partition is not the home of whom it is thought to be.
    pub partitions: u32,
}

/// Hands every committed event of a partition, with its key, to `take`: from the first that is there to the last at the time
/// of the call. Waits for open transactions.
///
/// # Errors
/// A cluster that does not answer, a topic that is missing or has other partitions, and what `take` says is wrong with an
/// event.
pub fn read_ledger(
    config: &ClientConfig,
    of: &LedgerPartition<'_>,
    mut take: impl FnMut(&[u8], &[u8]) -> Result<(), String>,
) -> Result<(), TopicsFailure> {
    let cluster = Cluster::new(config)?;
    let ledger = topic_name(of.prefix, "ledger");
    let topics = cluster.topics(std::slice::from_ref(&ledger))?;
    let found = topics.get(&ledger).ok_or_else(|| TopicsFailure::NoTopic { topic: ledger.clone() })?;
    if found.partitions != of.partitions {
        return Err(TopicsFailure::PartitionsDiffer { what: ledger, is: found.partitions, asked: of.partitions });
    }
    let partition = of.partition;
    let number = i32::try_from(partition.0).expect("Kafka numbers partitions with 31 bits");
    cluster.read_committed(&ledger, number, Offset::Beginning, |message: OwnedMessage| {
        let (key, event) = (message.key().unwrap_or_default(), message.payload().unwrap_or_default());
        take(key, event).map_err(|detail| TopicsFailure::Record {
            topic: message.topic().to_owned(),
            partition: message.partition(),
            offset: message.offset(),
            detail,
        })
    })
}
