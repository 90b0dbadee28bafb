//! One record to the topic `commands`, acknowledged by all in-sync replicas.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::error::KafkaError;
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};

use super::OutgoingCommand;
use crate::config::Config;

/// How long the brokers may take to tell the topics.
const METADATA_TIMEOUT: Duration = Duration::from_secs(10);
/// How long they may take to acknowledge; the client retries meanwhile.
const DELIVERY_TIMEOUT_MS: u64 = 30_000;

/// Why a command is not known to be published.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DeliveryFailure {
    /// A setting of the `[kafka]` table is unknown to the client or has a wrong value.
    #[error("cannot make a Kafka client of these settings")]
    Client(#[source] KafkaError),
    /// Nobody answers, or not to us.
    #[error("no answer from the brokers {brokers}")]
    Unreachable {
        /// As configured.
        brokers: String,
        /// What the client says.
        source: KafkaError,
    },
    /// The topic is missing.
    #[error("the topic {topic} does not exist: `tollkeeper topics create` makes it")]
    NoTopic {
        /// Its full name.
        topic: String,
    },
    /// The command would go to a foreign partition.
    #[error("the topic {topic} has {actual} partitions, `partitions` says {configured}")]
    OtherPartitions {
        /// Its full name.
        topic: String,
        /// What the cluster has.
        actual: usize,
        /// What is configured.
        configured: u32,
    },
    /// It cannot be sent.
    #[error("the command was not published")]
    NotSent(#[source] KafkaError),
    /// It was sent, and nobody says that it arrived.
    #[error(
        "the command {command_id} was not acknowledged and may have been published: the same again with \
         --command-id {command_id} is safe"
    )]
    Unacknowledged {
        /// Its identity.
        command_id: String,
        /// What the client says.
        source: KafkaError,
    },
}

/// Publishes the command; its offset.
pub(super) fn deliver(config: &Config, command: &OutgoingCommand) -> Result<i64, DeliveryFailure> {
    let producer = producer(config)?;
    check_topic(config, &producer, &command.topic)?;
    let partition = i32::try_from(command.partition.0).expect("the configuration bounds the number of partitions");
    let value = command.value.to_string();
    let record = BaseRecord::to(&command.topic).partition(partition).key(&command.key).payload(&value);
    producer.send(record).map_err(|(failure, _)| DeliveryFailure::NotSent(failure))?;
    let unacknowledged = |source| DeliveryFailure::Unacknowledged { command_id: command.command_id.clone(), source };
    // The client itself gives up after the delivery timeout; the rest is for its report.
    let patience = Duration::from_millis(DELIVERY_TIMEOUT_MS) + METADATA_TIMEOUT;
    producer.flush(patience).map_err(unacknowledged)?;
    producer.context().take_report().unwrap_or(Err(KafkaError::Canceled)).map_err(unacknowledged)
}

fn producer(config: &Config) -> Result<BaseProducer<DeliveryReport>, DeliveryFailure> {
    let mut client = ClientConfig::new();
    for (name, value) in config.kafka.iter() {
        client.set(name, value);
    }
    client
        .set("bootstrap.servers", &config.brokers)
        .set("acks", "all")
        .set("enable.idempotence", "true")
        .set("message.timeout.ms", DELIVERY_TIMEOUT_MS.to_string())
        .create_with_context(DeliveryReport::default())
        .map_err(DeliveryFailure::Client)
}

/// Asks for all topics: to ask for one that is missing would create it on some brokers, with other partitions.
fn check_topic(config: &Config, producer: &BaseProducer<DeliveryReport>, topic: &str) -> Result<(), DeliveryFailure> {
    let metadata = producer
        .client()
        .fetch_metadata(None, METADATA_TIMEOUT)
        .map_err(|source| DeliveryFailure::Unreachable { brokers: config.brokers.clone(), source })?;
    let found = metadata.topics().iter().find(|known| known.name() == topic && known.error().is_none());
    let actual = found.ok_or_else(|| DeliveryFailure::NoTopic { topic: topic.to_owned() })?.partitions().len();
    let configured = config.partitions;
    if u32::try_from(actual) == Ok(configured) {
        Ok(())
    } else {
        Err(DeliveryFailure::OtherPartitions { topic: topic.to_owned(), actual, configured })
    }
}

/// Keeps what became of the one record.
#[derive(Default)]
struct DeliveryReport {
    offset: Mutex<Option<Result<i64, KafkaError>>>,
}

impl DeliveryReport {
    fn take_report(&self) -> Option<Result<i64, KafkaError>> {
        self.offset.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl ClientContext for DeliveryReport {}

impl ProducerContext for DeliveryReport {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let report = match result {
            Ok(message) => Ok(message.offset()),
            Err((failure, _)) => Err(failure.clone()),
        };
        *self.offset.lock().unwrap_or_else(PoisonError::into_inner) = Some(report);
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::Offset;
    use rdkafka::consumer::{BaseConsumer, Consumer};
    use rdkafka::mocking::MockCluster;
    use rdkafka::topic_partition_list::TopicPartitionList;
    use serde_json::json;

    use super::*;
    use crate::config::Settings;
    use crate::core::partition::{PartitionId, home_partition};

    const TOPIC: &str = "tollkeeper.commands";

    fn config(brokers: String, partitions: u32) -> Config {
        let settings = Settings { brokers, partitions, instance: "test".to_owned(), ..Settings::default() };
        Config::new(settings).unwrap()
    }

    fn command(partition: PartitionId) -> OutgoingCommand {
        OutgoingCommand {
            topic: TOPIC.to_owned(),
            partition,
            key: "contoso".to_owned(),
            command_id: "c-1".to_owned(),
            value: json!({"type": "funds.add", "amount": "100.00"}),
        }
    }

    #[test]
    fn a_command_arrives_at_its_partition_with_its_key() {
        let cluster = MockCluster::new(1).unwrap();
        cluster.create_topic(TOPIC, 8, 1).unwrap();
        let config = config(cluster.bootstrap_servers(), 8);
        let home = home_partition("contoso", 8);
        assert_eq!(deliver(&config, &command(home)).unwrap(), 0);
        assert_eq!(deliver(&config, &command(home)).unwrap(), 1);

        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", cluster.bootstrap_servers())
            .set("group.id", "reader")
            .create()
            .unwrap();
        let mut from = TopicPartitionList::new();
        let partition = i32::try_from(home.0).unwrap();
        from.add_partition_offset(TOPIC, partition, Offset::Beginning).unwrap();
        consumer.assign(&from).unwrap();
        let message = consumer.poll(Duration::from_secs(20)).expect("a record within 20 s").unwrap();
        assert_eq!(message.key(), Some(&b"contoso"[..]));
        let value: serde_json::Value = serde_json::from_slice(message.payload().unwrap()).unwrap();
        assert_eq!(value, command(home).value);
    }

    #[test]
    fn a_topic_with_other_partitions_is_refused() {
        let cluster = MockCluster::new(1).unwrap();
        cluster.create_topic(TOPIC, 4, 1).unwrap();
        let failure = deliver(&config(cluster.bootstrap_servers(), 8), &command(PartitionId(3))).unwrap_err();
        assert!(matches!(failure, DeliveryFailure::OtherPartitions { actual: 4, configured: 8, .. }), "{failure}");
    }

    #[test]
    fn a_missing_topic_is_named_and_not_created() {
        let cluster = MockCluster::new(1).unwrap();
        cluster.create_topic("other", 4, 1).unwrap();
        for _ in 0..2 {
            let failure = deliver(&config(cluster.bootstrap_servers(), 4), &command(PartitionId(0))).unwrap_err();
            assert!(matches!(failure, DeliveryFailure::NoTopic { .. }), "{failure}");
        }
    }

    #[test]
    fn a_setting_that_the_client_does_not_know_is_refused() {
        let kafka = [("no.such.setting".to_owned(), "1".to_owned())].into_iter().collect();
        let settings = Settings { kafka, instance: "test".to_owned(), ..Settings::default() };
        let failure = deliver(&Config::new(settings).unwrap(), &command(PartitionId(0))).unwrap_err();
        assert!(matches!(failure, DeliveryFailure::Client(_)), "{failure}");
    }
}
