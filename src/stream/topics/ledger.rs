//! Reading a partition of a topic, the ledger above all, from end to end, for whoever looks for something in it.

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
    TopicReader::open(config, topic_name(of.prefix, "ledger"), of.partitions)?
        .read(of.partition, |_, key, event| take(key, event))
}

/// A topic of the engine, for whoever looks for something in it.
#[expect(missing_debug_implementations, reason = "the client has none")]
pub struct TopicReader {
    cluster: Cluster,
    topic: String,
}

impl TopicReader {
    /// Looks at the topic of this full name, which must have so many partitions.
    ///
    /// # Errors
    /// A cluster that does not answer, a topic that is missing or has other partitions.
    pub fn open(config: &ClientConfig, topic: String, partitions: u32) -> Result<TopicReader, TopicsFailure> {
        let cluster = Cluster::new(config)?;
        let topics = cluster.topics(std::slice::from_ref(&topic))?;
        let found = topics.get(&topic).ok_or_else(|| TopicsFailure::NoTopic { topic: topic.clone() })?;
        if found.partitions != partitions {
            return Err(TopicsFailure::PartitionsDiffer { what: topic, is: found.partitions, asked: partitions });
        }
        Ok(TopicReader { cluster, topic })
    }

    /// Hands every committed record of a partition to `take`, with its offset and key, as [`read_ledger`] does.
    ///
    /// # Errors
    /// A cluster that does not answer, and what `take` says is wrong with a record.
    pub fn read(
        &self,
        partition: PartitionId,
        mut take: impl FnMut(i64, &[u8], &[u8]) -> Result<(), String>,
    ) -> Result<(), TopicsFailure> {
        let number = i32::try_from(partition.0).expect("Kafka numbers partitions with 31 bits");
        self.cluster.read_committed(&self.topic, number, Offset::Beginning, |message: OwnedMessage| {
            let (key, value) = (message.key().unwrap_or_default(), message.payload().unwrap_or_default());
            take(message.offset(), key, value).map_err(|detail| TopicsFailure::Record {
                topic: message.topic().to_owned(),
                partition: message.partition(),
                offset: message.offset(),
                detail,
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rdkafka::mocking::MockCluster;
    use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

    use super::*;

    fn config(cluster: &MockCluster<'_, impl rdkafka::producer::ProducerContext>) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", cluster.bootstrap_servers());
        config
    }

    #[test]
    fn every_event_of_the_partition_is_handed_over_in_order() {
        let cluster = MockCluster::new(1).unwrap();
        cluster.create_topic("t.ledger", 4, 1).unwrap();
        let producer: BaseProducer = config(&cluster).create().unwrap();
        for (partition, key, event) in [(2, "contoso", "a"), (1, "other", "b"), (2, "fabrikam", "c")] {
            producer.send(BaseRecord::to("t.ledger").partition(partition).key(key).payload(event)).unwrap();
        }
        producer.flush(Duration::from_secs(20)).unwrap();

        let of = LedgerPartition { prefix: "t", partition: PartitionId(2), partitions: 4 };
        let mut found = Vec::new();
        read_ledger(&config(&cluster), &of, |key, event| {
            found.push(String::from_utf8([key, b" ", event].concat()).unwrap());
            Ok(())
        })
        .unwrap();
        assert_eq!(found, ["contoso a", "fabrikam c"]);

        let wrong = read_ledger(&config(&cluster), &of, |_, _| Err("not an event".to_owned())).unwrap_err();
        assert!(wrong.to_string().ends_with("t.ledger/2, offset 0: not an event"), "{wrong}");
        let other = LedgerPartition { partitions: 8, ..of };
        let differs = read_ledger(&config(&cluster), &other, |_, _| Ok(())).unwrap_err();
        assert!(matches!(differs, TopicsFailure::PartitionsDiffer { is: 4, asked: 8, .. }), "{differs}");
        let missing = LedgerPartition { prefix: "x", ..of };
        let missing = read_ledger(&config(&cluster), &missing, |_, _| Ok(())).unwrap_err();
        assert!(matches!(missing, TopicsFailure::NoTopic { .. }), "{missing}");
    }
}
