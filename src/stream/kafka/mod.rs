//! Apache Kafka as the log: one consumer and one transactional producer for each worker, two more clients for restores.
//!
//! - [`KafkaTransport`] is what a worker rates over, [`KafkaRestore`] what a restore job reads with.
//! - `holdings` knows what the group gave us and where we read; it is pure, and holds the rules that keep a zombie out.
//! - `member` is the consumer, `producer` the producer, `watchdog` ends a process that the client blocks for ever.
//! - [`KafkaCatalogLog`] is what the catalog is read from, [`CatalogPublisher`] what publishes to it.
//! - `intake` reads what switches write, with clients and a group of its own.
//! - `orphans` finds partitions that nobody in the group has, which no member is told of.
//! - The calls that rdkafka does not have are in `stream/raw.rs`.
//!
//! # What librdkafka does that one would not expect
//!
//! - Every answer to a rebalance answers whichever rebalance is open, and any `incremental_assign` or `incremental_unassign`
//!   is such an answer, and clears the mark that an assignment was lost. A revocation that came while we stopped a partition
//!   for reasons of our own counts as answered; it is then delivered as lost, and nothing of it is committed.
//! - A rebalance pauses all partitions, and goes on from what it believes the application has read. A batch with a
//!   PARTITION_EOF moves that belief one offset too far: the next record would be skipped. So before a rebalance is
//!   answered, every partition is sought to the position that was really delivered.
//! - A partition that is unassigned is taken from our queue by the client's main thread, a little later. So unassigning waits
//!   for that thread; a partition that were started again at once would be fetched and never delivered.
//! - The member id changes only when the broker has thrown the member out. Partitions that were received under another id
//!   than the present one may belong to somebody else: there is no membership to commit with until they are given up.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;

use super::settings::{KafkaSettings, SettingsFailure};
use super::transport::{Input, Output, TransportFailure};
use crate::core::partition::PartitionId;

mod catalog;
mod catalog_publisher;
mod holdings;
mod intake;
mod log;
mod member;
mod orphans;
mod producer;
mod restore;
mod transport;
mod watchdog;

pub use super::raw::{KafkaPayload, Membership};
pub use catalog::KafkaCatalogLog;
pub use catalog_publisher::{CatalogPublisher, PublishFailure};
pub use intake::{IntakeParts, spawn_intake};
pub use orphans::{OrphanWatch, Rejoiner};
pub use restore::KafkaRestore;
pub use transport::KafkaTransport;

/// How long a question to the cluster (committed offsets, watermarks) may take.
const QUESTION_TIMEOUT: Duration = Duration::from_secs(5);

/// The full names of the topics.
struct TopicNames {
    inputs: [String; 3],
    outputs: [String; 4],
    owners: String,
}

impl TopicNames {
    fn new(settings: &KafkaSettings) -> TopicNames {
        TopicNames {
            inputs: Input::ALL.map(|input| settings.topic(input.name())),
            outputs: Output::ALL.map(|output| settings.topic(output.name())),
            owners: settings.topic("owners"),
        }
    }

    fn input(&self, input: Input) -> &str {
        &self.inputs[input.index()]
    }
}

/// What rdkafka makes a client from. Its log level is not taken from the `log` crate, which nobody listens to.
fn client_config(settings: std::collections::BTreeMap<String, String>) -> ClientConfig {
    let mut config: ClientConfig = settings.into_iter().collect();
    config.set_log_level(RDKafkaLogLevel::Info);
    config
}

/// The number of a partition, as the client writes it.
fn wire_partition(partition: PartitionId) -> i32 {
    i32::try_from(partition.0).expect("Kafka numbers partitions with 31 bits")
}

fn retry(act: &'static str, detail: impl ToString) -> TransportFailure {
    TransportFailure::Retry { act, detail: detail.to_string() }
}

fn fatal(act: &'static str, detail: impl ToString) -> TransportFailure {
    TransportFailure::Fatal { act, detail: detail.to_string() }
}

fn refused(failure: SettingsFailure) -> TransportFailure {
    fatal("read the Kafka settings", failure)
}
