//! Why an act on the cluster's topics or offsets could not be done.

use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode;

/// Why an act on topics or offsets failed. Differences that a check finds are results, not failures.
#[derive(Debug, thiserror::Error)]
pub enum TopicsFailure {
    /// A question to the cluster was not answered, or refused.
    #[error("{act} failed")]
    Kafka {
        /// The act, with the topic or group where there is one.
        act: String,
        /// What the client said.
        #[source]
        source: KafkaError,
    },
    /// The cluster refused to create a topic.
    #[error("{topic} cannot be created: {code}")]
    Refused {
        /// The topic.
        topic: String,
        /// What the broker said.
        code: RDKafkaErrorCode,
    },
    /// Topics have another partition count than asked for. It is fixed once they exist.
    #[error(
        "{what} has {is} partitions, not {asked}: the count cannot change, since it decides where a tenant is at home; ask \
         for {is}, or use another prefix and migrate from the ledger"
    )]
    PartitionsDiffer {
        /// The topic, or what was recorded in `catalog`.
        what: String,
        /// What it has.
        is: u32,
        /// What was asked for.
        asked: u32,
    },
    /// Created topics did not become visible.
    #[error("{topic} was created and is not visible after {waited_seconds} s")]
    NotVisible {
        /// The topic.
        topic: String,
        /// How long was waited.
        waited_seconds: u64,
    },
    /// There is no such topic.
    #[error("there is no topic {topic}: see `tollkeeper topics create`")]
    NoTopic {
        /// The topic.
        topic: String,
    },
    /// A partition was asked for that the topics do not have.
    #[error("there is no partition {partition}: {topic} has {partitions}")]
    NoPartition {
        /// The partition asked for.
        partition: u32,
        /// The topic that was looked at.
        topic: String,
        /// What it has.
        partitions: u32,
    },
    /// A record does not have the form that it must have.
    #[error("{topic}/{partition}, offset {offset}: {detail}")]
    Record {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// The record's offset.
        offset: i64,
        /// What is wrong with it.
        detail: String,
    },
    /// A transaction stays open, so that what is committed cannot be known.
    #[error(
        "{topic}/{partition}: a transaction has been open for {waited_seconds} s at offset {at}; stop its producer, or wait for \
         its timeout"
    )]
    OpenTransaction {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// Its last stable offset.
        at: i64,
        /// How long was waited.
        waited_seconds: u64,
    },
}

impl TopicsFailure {
    /// Names the act that a client's error came from.
    pub(super) fn of(act: impl Into<String>) -> impl FnOnce(KafkaError) -> TopicsFailure {
        let act = act.into();
        move |source| TopicsFailure::Kafka { act, source }
    }
}
