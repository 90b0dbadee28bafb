//! One record to the topic `commands`, acknowledged by all in-sync replicas.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::error::KafkaError;
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};
use rdkafka::types::RDKafkaErrorCode;

use super::OutgoingCommand;
use crate::config::Config;
use crate::core::partition::home_partition;

/// How long the brokers may take to tell the topics.
const METADATA_TIMEOUT: Duration = Duration::from_secs(10);
/// How long they may take to acknowledge; the client retries meanwhile.
const DELIVERY_TIMEOUT_MS: u64 = 30_000;
/// How long one wait for room in the queue is.
const POLL: Duration = Duration::from_millis(20);

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
    /// As before, of many.
    #[error("{missing} of {sent} records were not acknowledged and may have been published: the same again is safe")]
    SomeUnacknowledged {
        /// How many.
        missing: u64,
        /// Of how many.
        sent: u64,
        /// What the client says of the first.
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

/// Many records by one producer, each to the home partition of its tenant.
pub(crate) struct Publisher {
    producer: BaseProducer<Acknowledged>,
    topic: String,
    partitions: u32,
    sent: u64,
}

impl Publisher {
    /// Makes the client, and looks at the topic, which is named without its prefix.
    pub(crate) fn begin(config: &Config, topic: &str) -> Result<Publisher, DeliveryFailure> {
        let producer = client_of(config, Acknowledged::default())?;
        let topic = config.topic(topic);
        check_topic(config, &producer, &topic)?;
        Ok(Publisher { producer, topic, partitions: config.partitions, sent: 0 })
    }

    /// Hands one record over; waits while too many are on their way.
    pub(crate) fn send(&mut self, tenant: &str, record: &str) -> Result<(), DeliveryFailure> {
        let partition = home_partition(tenant, self.partitions).0;
        let partition = i32::try_from(partition).expect("the configuration bounds the number of partitions");
        let mut record = BaseRecord::to(&self.topic).partition(partition).key(tenant).payload(record);
        loop {
            match self.producer.send(record) {
                Ok(()) => break,
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    record = back;
                    self.producer.poll(POLL);
                }
                Err((failure, _)) => return Err(DeliveryFailure::NotSent(failure)),
            }
        }
        self.sent += 1;
        // Reports are taken as they come, or they would fill the queue.
        self.producer.poll(Duration::ZERO);
        Ok(())
    }

    /// Waits until all are acknowledged.
    pub(crate) fn finish(self) -> Result<(), DeliveryFailure> {
        let sent = self.sent;
        let patience = Duration::from_millis(DELIVERY_TIMEOUT_MS) + METADATA_TIMEOUT;
        let flushed = self.producer.flush(patience);
        let (acknowledged, failure) = self.producer.context().take();
        match failure.or(flushed.err()) {
            None => Ok(()),
            Some(source) => Err(DeliveryFailure::SomeUnacknowledged { missing: sent - acknowledged, sent, source }),
        }
    }
}

fn producer(config: &Config) -> Result<BaseProducer<DeliveryReport>, DeliveryFailure> {
    client_of(config, DeliveryReport::default())
}

fn client_of<C: ProducerContext>(config: &Config, context: C) -> Result<BaseProducer<C>, DeliveryFailure> {
    let mut client = ClientConfig::new();
    for (name, value) in config.kafka.iter() {
        client.set(name, value);
    }
    client
        .set("bootstrap.servers", &config.brokers)
        .set("acks", "all")
        .set("enable.idempotence", "true")
        .set("message.timeout.ms", DELIVERY_TIMEOUT_MS.to_string())
        .create_with_context(context)
        .map_err(DeliveryFailure::Client)
}

/// Asks for all topics: to ask for one that is missing would create it on some brokers, with other partitions.
fn check_topic<C: ProducerContext>(
    config: &Config,
    producer: &BaseProducer<C>,
    topic: &str,
) -> Result<(), DeliveryFailure> {
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

/// Counts what became of many records.
#[derive(Default)]
struct Acknowledged(Mutex<(u64, Option<KafkaError>)>);

impl Acknowledged {
    /// How many arrived, and why the first that did not.
    fn take(&self) -> (u64, Option<KafkaError>) {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ClientContext for Acknowledged {}

impl ProducerContext for Acknowledged {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match result {
            Ok(_) => state.0 += 1,
            Err((failure, _)) => {
                state.1.get_or_insert_with(|| failure.clone());
            }
        }
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
