//! The questions that creating, checking and rewinding ask of a cluster.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, ConfigResource, OwnedResourceSpecifier, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{Message, OwnedMessage};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::TopicsFailure;
use super::layout::{PARTITIONS_KEY, topic_name};

/// How long the cluster may take for one answer.
pub(super) const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// How long a wait between two looks at the same thing is.
pub(super) const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// How many looks are taken: with [`LOOK_AGAIN`] at least a minute, longer than any transaction of the engine lasts.
pub(super) const LOOKS_MAX: u32 = 600;
/// The least time that [`LOOKS_MAX`] looks take.
pub(super) const LOOKS_SECONDS: u64 = 60;

/// Clients of one cluster.
pub(super) struct Cluster {
    config: ClientConfig,
    admin: AdminClient<DefaultClientContext>,
    /// Reads what is there, open transactions included: high watermarks.
    uncommitted: BaseConsumer,
}

/// What is there of a topic.
#[derive(Clone, Debug)]
pub(super) struct TopicFound {
    /// Its partitions.
    pub(super) partitions: u32,
    /// The smallest replication factor among them.
    pub(super) replicas_min: usize,
}

impl Cluster {
    /// Clients with these settings; `config` needs `bootstrap.servers` and whatever TLS and SASL want.
    pub(super) fn new(config: &ClientConfig) -> Result<Cluster, TopicsFailure> {
        let admin = config.create().map_err(TopicsFailure::of("creating an admin client"))?;
        let uncommitted = reader(config, None, "read_uncommitted")?;
        Ok(Cluster { config: config.clone(), admin, uncommitted })
    }

    pub(super) fn admin(&self) -> &AdminClient<DefaultClientContext> {
        &self.admin
    }

    pub(super) fn config(&self) -> &ClientConfig {
        &self.config
    }

    /// A consumer that sees only what is committed. With a group it can ask for that group's offsets; it never joins.
    pub(super) fn committed_reader(&self, group: Option<&str>) -> Result<BaseConsumer, TopicsFailure> {
        reader(&self.config, group, "read_committed")
    }

    /// A consumer that sees what is in open transactions too; for watermarks and times.
    pub(super) fn uncommitted_reader(&self) -> &BaseConsumer {
        &self.uncommitted
    }

    /// The ids of the brokers.
    pub(super) fn brokers(&self) -> Result<Vec<i32>, TopicsFailure> {
        let metadata = self.metadata()?;
        Ok(metadata.brokers().iter().map(|broker| broker.id()).collect())
    }

    /// The topics of `names` that exist. Asks for all topics, since asking for one by name may create it.
    pub(super) fn topics(&self, names: &[String]) -> Result<BTreeMap<String, TopicFound>, TopicsFailure> {
        let metadata = self.metadata()?;
        let found = metadata.topics().iter().filter(|topic| names.iter().any(|name| name == topic.name()));
        Ok(found
            .map(|topic| {
                let found = TopicFound {
                    partitions: u32::try_from(topic.partitions().len()).expect("a topic has far fewer partitions"),
                    replicas_min: topic.partitions().iter().map(|part| part.replicas().len()).min().unwrap_or(0),
                };
                (String::from(topic.name()), found)
            })
            .collect())
    }

    /// The settings of topics and brokers, by topic name or broker id.
    pub(super) fn settings(
        &self,
        of: &[ResourceSpecifier<'_>],
    ) -> Result<BTreeMap<String, ConfigResource>, TopicsFailure> {
        let options = AdminOptions::new().request_timeout(Some(ANSWER_WITHIN));
        let act = "asking for the settings of topics and brokers";
        let answers = wait_for(self.admin.describe_configs(of, &options)).map_err(TopicsFailure::of(act))?;
        let mut settings = BTreeMap::new();
        for answer in answers {
            let resource = answer.map_err(|code| TopicsFailure::of(act)(KafkaError::AdminOp(code)))?;
            let name = match &resource.specifier {
                OwnedResourceSpecifier::Topic(name) | OwnedResourceSpecifier::Group(name) => name.clone(),
                OwnedResourceSpecifier::Broker(id) => id.to_string(),
            };
            settings.insert(name, resource);
        }
        Ok(settings)
    }

    /// The partition count as it is recorded in `catalog`, which must exist; `None`: it was never recorded.
    pub(super) fn recorded_partitions(&self, prefix: &str) -> Result<Option<u32>, TopicsFailure> {
        let topic = topic_name(prefix, "catalog");
        let mut recorded = None;
        self.read_committed(&topic, 0, Offset::Beginning, |message| {
            if message.key() == Some(PARTITIONS_KEY.as_bytes()) {
                recorded = Some(parse_partitions(&message)?);
            }
            Ok(())
        })?;
        Ok(recorded)
    }

    /// First offset and high watermark of a partition, open transactions included.
    pub(super) fn range(&self, topic: &str, partition: i32) -> Result<(i64, i64), TopicsFailure> {
        let act = || format!("asking for the offsets of {topic}/{partition}");
        self.uncommitted.fetch_watermarks(topic, partition, ANSWER_WITHIN).map_err(TopicsFailure::of(act()))
    }

    /// Hands over every committed record from `from` to the high watermark at the time of the call. Waits for open
    /// transactions below it.
    pub(super) fn read_committed(
        &self,
        topic: &str,
        partition: i32,
        from: Offset,
        mut take: impl FnMut(OwnedMessage) -> Result<(), TopicsFailure>,
    ) -> Result<(), TopicsFailure> {
        let act = || format!("reading {topic}/{partition}");
        let consumer = self.committed_reader(None)?;
        self.wait_until_stable(&consumer, topic, partition)?;
        let mut assignment = TopicPartitionList::new();
        assignment.add_partition_offset(topic, partition, from).map_err(TopicsFailure::of(act()))?;
        consumer.assign(&assignment).map_err(TopicsFailure::of(act()))?;
        loop {
            match consumer.poll(ANSWER_WITHIN) {
                // An end is told under read_committed at the last stable offset, which has reached the high watermark.
                Some(Err(KafkaError::PartitionEOF(_))) => return Ok(()),
                Some(Ok(message)) => take(message.detach())?,
                Some(Err(source)) => return Err(TopicsFailure::Kafka { act: act(), source }),
                None => return Err(TopicsFailure::of(act())(KafkaError::NoMessageReceived)),
            }
        }
    }

    fn wait_until_stable(&self, committed: &BaseConsumer, topic: &str, partition: i32) -> Result<(), TopicsFailure> {
        let (_, high_watermark) = self.range(topic, partition)?;
        let mut last_stable = 0;
        for _ in 0..LOOKS_MAX {
            let act = || format!("asking for the last stable offset of {topic}/{partition}");
            // Under read_committed the upper watermark is the last stable offset.
            (_, last_stable) =
                committed.fetch_watermarks(topic, partition, ANSWER_WITHIN).map_err(TopicsFailure::of(act()))?;
            if last_stable >= high_watermark {
                return Ok(());
            }
            std::thread::sleep(LOOK_AGAIN);
        }
        let topic = String::from(topic);
        Err(TopicsFailure::OpenTransaction { topic, partition, at: last_stable, waited_seconds: LOOKS_SECONDS })
    }

    fn metadata(&self) -> Result<rdkafka::metadata::Metadata, TopicsFailure> {
        self.uncommitted
            .fetch_metadata(None, ANSWER_WITHIN)
            .map_err(TopicsFailure::of("asking the cluster for its topics"))
    }
}

/// Runs an admin call to its end. It is completed by a thread of the client, so a runtime without timers or I/O will do.
pub(super) fn wait_for<T>(call: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime without I/O takes nothing that could be missing")
        .block_on(call)
}

fn reader(config: &ClientConfig, group: Option<&str>, isolation: &str) -> Result<BaseConsumer, TopicsFailure> {
    let mut config = config.clone();
    config
        // A member of the engine's group must not be taken for another one of the same name.
        .remove("group.instance.id")
        // librdkafka wants a group even where none is used.
        .set("group.id", group.unwrap_or("tollkeeper-topics"))
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("enable.partition.eof", "true")
        .set("auto.offset.reset", "error")
        .set("fetch.wait.max.ms", "20")
        .set("fetch.queue.backoff.ms", "5")
        .set("isolation.level", isolation);
    config.create().map_err(TopicsFailure::of("creating a consumer"))
}

fn parse_partitions(message: &OwnedMessage) -> Result<u32, TopicsFailure> {
    let value: Option<serde_json::Value> = message.payload().and_then(|value| serde_json::from_slice(value).ok());
    let count = value.as_ref().and_then(|value| value.get("partitions")?.as_u64());
    count.and_then(|count| u32::try_from(count).ok()).filter(|count| *count > 0).ok_or_else(|| TopicsFailure::Record {
        topic: String::from(message.topic()),
        partition: message.partition(),
        offset: message.offset(),
        detail: String::from("the recorded partition count is not of the form {\"version\":1,\"partitions\":64}"),
    })
}
