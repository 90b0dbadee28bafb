//! `tollkeeper topics create`: makes the topics that are missing and records the partition count.

use std::collections::BTreeMap;
use std::fmt;

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminOptions, NewTopic, TopicReplication};
use rdkafka::error::KafkaError;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::types::RDKafkaErrorCode;

use super::TopicsFailure;
use super::cluster::{ANSWER_WITHIN, Cluster, LOOK_AGAIN, LOOKS_MAX, LOOKS_SECONDS, TopicFound, wait_for};
use super::layout::{PARTITIONS_KEY, Partitions, Replication, TOPICS, TopicSpec, topic_name};

/// What was done for one topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Created {
    /// It is new.
    New {
        /// Its full name.
        topic: String,
        /// Its partitions.
        partitions: u32,
        /// Its replication.
        replication: Replication,
    },
    /// It was there and was left as it is.
    Existed {
        /// Its full name.
        topic: String,
    },
}

impl fmt::Display for Created {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Created::New { topic, partitions, replication } => write!(
                f,
                "{topic}: created, partitions {partitions}, replication {}, min.insync.replicas {}",
                replication.factor, replication.min_insync
            ),
            Created::Existed { topic } => write!(f, "{topic}: exists, left as it is"),
        }
    }
}

/// Creates every topic of the layout that is missing, with `partitions` partitions where they are keyed by tenant, and
/// records that count in `catalog`. It may be called again after a failure. Settings of topics that are there are not
/// touched: [`check`](super::check()) says what differs.
///
/// # Errors
///
/// [`TopicsFailure::PartitionsDiffer`] before anything is created, if a topic or the record has another count;
/// [`TopicsFailure::Refused`] if the cluster does not want a topic (replication, rights, name); and whatever makes the
/// cluster not answer.
pub fn create(config: &ClientConfig, prefix: &str, partitions: u32) -> Result<Vec<Created>, TopicsFailure> {
    let cluster = Cluster::new(config)?;
    let names: Vec<String> = TOPICS.iter().map(|spec| topic_name(prefix, spec.name)).collect();
    let found = cluster.topics(&names)?;
    refuse_other_count(&found, prefix, partitions)?;
    let catalog_found = found.contains_key(&topic_name(prefix, "catalog"));
    let recorded = if catalog_found { cluster.recorded_partitions(prefix)? } else { None };
    if let Some(is) = recorded.filter(|is| *is != partitions) {
        return Err(TopicsFailure::PartitionsDiffer { what: String::from("the record"), is, asked: partitions });
    }

    let replication = Replication::for_brokers(cluster.brokers()?.len());
    let mut created = Vec::with_capacity(TOPICS.len());
    for spec in &TOPICS {
        let topic = topic_name(prefix, spec.name);
        created.push(if found.contains_key(&topic) {
            Created::Existed { topic }
        } else {
            let partitions = partitions_of(spec, partitions);
            create_one(&cluster, spec, &topic, partitions, replication)?
        });
    }
    wait_until_visible(&cluster, &names)?;
    if recorded.is_none() {
        record_partitions(&cluster, prefix, partitions)?;
    }
    Ok(created)
}

/// The partitions that a topic has where those keyed by tenant have `by_tenant`.
pub(super) fn partitions_of(spec: &TopicSpec, by_tenant: u32) -> u32 {
    match spec.partitions {
        Partitions::ByTenant => by_tenant,
        Partitions::One => 1,
    }
}

fn refuse_other_count(
    found: &BTreeMap<String, TopicFound>,
    prefix: &str,
    partitions: u32,
) -> Result<(), TopicsFailure> {
    for spec in &TOPICS {
        let topic = topic_name(prefix, spec.name);
        let asked = partitions_of(spec, partitions);
        if let Some(is) = found.get(&topic).map(|found| found.partitions).filter(|is| *is != asked) {
            return Err(TopicsFailure::PartitionsDiffer { what: topic, is, asked });
        }
    }
    Ok(())
}

fn create_one(
    cluster: &Cluster,
    spec: &TopicSpec,
    topic: &str,
    partitions: u32,
    replication: Replication,
) -> Result<Created, TopicsFailure> {
    let act = || format!("creating {topic}");
    let count = |count: u32| {
        i32::try_from(count)
            .map_err(|_| TopicsFailure::of(act())(KafkaError::AdminOpCreation(format!("{count} is too many"))))
    };
    let min_insync = replication.min_insync.to_string();
    let values: Vec<String> = spec.settings.iter().map(|setting| setting.value.to_string()).collect();
    let mut new = NewTopic::new(topic, count(partitions)?, TopicReplication::Fixed(count(replication.factor)?))
        .set("min.insync.replicas", &min_insync);
    for (setting, value) in spec.settings.iter().zip(&values) {
        new = new.set(setting.key, value);
    }
    let options = AdminOptions::new().request_timeout(Some(ANSWER_WITHIN)).operation_timeout(Some(ANSWER_WITHIN));
    let results = wait_for(cluster.admin().create_topics([&new], &options)).map_err(TopicsFailure::of(act()))?;
    let topic = String::from(topic);
    match results.into_iter().next() {
        Some(Err((_, RDKafkaErrorCode::TopicAlreadyExists))) => Ok(Created::Existed { topic }),
        Some(Err((_, code))) => Err(TopicsFailure::Refused { topic, code }),
        Some(Ok(_)) | None => Ok(Created::New { topic, partitions, replication }),
    }
}

/// A broker may know of a topic a little later than the controller.
fn wait_until_visible(cluster: &Cluster, names: &[String]) -> Result<(), TopicsFailure> {
    let mut missing = None;
    for _ in 0..LOOKS_MAX {
        let found = cluster.topics(names)?;
        missing = names.iter().find(|name| !found.contains_key(*name));
        if missing.is_none() {
            return Ok(());
        }
        std::thread::sleep(LOOK_AGAIN);
    }
    let topic = missing.cloned().unwrap_or_default();
    Err(TopicsFailure::NotVisible { topic, waited_seconds: LOOKS_SECONDS })
}

fn record_partitions(cluster: &Cluster, prefix: &str, partitions: u32) -> Result<(), TopicsFailure> {
    let topic = topic_name(prefix, "catalog");
    let act = || format!("recording the partition count in {topic}");
    let mut config = cluster.config().clone();
    config.set("enable.idempotence", "true").set("delivery.timeout.ms", ANSWER_WITHIN.as_millis().to_string());
    let producer: BaseProducer<Delivery> =
        config.create_with_context(Delivery::default()).map_err(TopicsFailure::of(act()))?;
    let value = serde_json::json!({ "version": 1, "partitions": partitions }).to_string();
    let record = BaseRecord::<str, str>::to(&topic).partition(0).key(PARTITIONS_KEY).payload(&value);
    producer.send(record).map_err(|(source, _)| TopicsFailure::Kafka { act: act(), source })?;
    producer.flush(ANSWER_WITHIN).map_err(TopicsFailure::of(act()))?;
    // A flush ends well even when the broker has refused the record.
    match producer.context().failed() {
        Some(source) => Err(TopicsFailure::Kafka { act: act(), source }),
        None => Ok(()),
    }
}

/// Remembers that a record could not be delivered.
#[derive(Default)]
struct Delivery(std::sync::Mutex<Option<KafkaError>>);

impl Delivery {
    fn failed(&self) -> Option<KafkaError> {
        self.0.lock().expect("no holder of the lock panics").clone()
    }
}

impl rdkafka::ClientContext for Delivery {}

impl rdkafka::producer::ProducerContext for Delivery {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &rdkafka::message::DeliveryResult<'_>, (): ()) {
        if let Err((fault, _)) = result {
            *self.0.lock().expect("no holder of the lock panics") = Some(fault.clone());
        }
    }
}
