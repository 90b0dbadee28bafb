//! Writes to the topic `catalog`, all of it or none.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};

use super::super::settings::{KafkaSettings, SettingsFailure};
use super::super::transport::OutRecord;
use super::{client_config, log};

/// How long each step of a publication may take; the broker ends the transaction after its own timeout.
const STEP_TIMEOUT: Duration = Duration::from_secs(60);

/// Why nothing was published, or may have been.
#[derive(Debug, thiserror::Error)]
pub enum PublishFailure {
    /// A setting that cannot be.
    #[error("the settings of the Kafka client cannot be used")]
    Settings(#[source] SettingsFailure),
    /// Before the end of the transaction: nothing is published.
    #[error("{act} failed; nothing is published")]
    NotPublished {
        /// What was tried.
        act: &'static str,
        /// What the client said.
        source: KafkaError,
    },
    /// The brokers took the records at a time that does not do; they were taken back.
    #[error("{0}; nothing is published")]
    Untimely(String),
    /// The end of the transaction was not acknowledged.
    #[error(
        "the brokers did not acknowledge the end of the publication: see `tollkeeper deck list` whether it is there"
    )]
    Unknown(#[source] KafkaError),
}

/// A producer of which there is one at a time: a second fences the first. So what a publisher has read of the topic since
/// it was made is all there is, when its transaction is committed.
pub struct CatalogPublisher {
    topic: String,
    client: BaseProducer<Deliveries>,
}

impl CatalogPublisher {
    /// Makes the producer; whoever publishes at the same time can no longer.
    ///
    /// # Errors
    ///
    /// [`PublishFailure::Settings`], or brokers that do not answer.
    pub fn connect(settings: &KafkaSettings) -> Result<CatalogPublisher, PublishFailure> {
        let mut producer = settings.producer().map_err(PublishFailure::Settings)?;
        producer.insert("transactional.id".into(), format!("{}-catalog", settings.topic_prefix));
        // The reports tell the broker's time.
        producer.insert("delivery.report.only.error".into(), "false".into());
        let client: BaseProducer<Deliveries> = client_config(producer)
            .create_with_context(Deliveries::default())
            .map_err(not_published("making the producer"))?;
        client.init_transactions(STEP_TIMEOUT).map_err(not_published("taking the turn to publish"))?;
        Ok(CatalogPublisher { topic: settings.topic("catalog"), client })
    }

    /// Writes the records, in their order, in one transaction. `judge` is asked with the broker's time of each key before it is
    /// committed.
    ///
    /// # Errors
    ///
    /// [`PublishFailure`]; [`PublishFailure::Unknown`] alone may have published something.
    pub fn publish(
        &self,
        records: &[OutRecord],
        judge: impl Fn(&BTreeMap<Bytes, Timestamp>) -> Result<(), String>,
    ) -> Result<(), PublishFailure> {
        self.client.begin_transaction().map_err(not_published("beginning the transaction"))?;
        let written = self.write(records).and_then(|times| judge(&times).map_err(PublishFailure::Untimely));
        if let Err(failure) = written {
            // What cannot be aborted now is by the broker, after the transaction's timeout.
            let _ = self.client.abort_transaction(STEP_TIMEOUT);
            return Err(failure);
        }
        self.client.commit_transaction(STEP_TIMEOUT).map_err(PublishFailure::Unknown)
    }

    fn write(&self, records: &[OutRecord]) -> Result<BTreeMap<Bytes, Timestamp>, PublishFailure> {
        let act = "writing the records";
        for record in records {
            let message: BaseRecord<'_, [u8], [u8]> =
                BaseRecord::to(&self.topic).partition(0).key(&record.key[..]).payload(&record.value[..]);
            self.client.send(message).map_err(|(source, _)| PublishFailure::NotPublished { act, source })?;
        }
        self.client.flush(STEP_TIMEOUT).map_err(not_published(act))?;
        let mut reports = self.client.context().0.lock().unwrap_or_else(PoisonError::into_inner);
        let Reports { times, failure } = std::mem::take(&mut *reports);
        match failure {
            Some(source) => Err(PublishFailure::NotPublished { act, source }),
            None => Ok(times),
        }
    }
}

fn not_published(act: &'static str) -> impl FnOnce(KafkaError) -> PublishFailure {
    move |source| PublishFailure::NotPublished { act, source }
}

/// What the brokers said of each record; the reports come on the thread that polls.
#[derive(Default)]
struct Deliveries(Mutex<Reports>);

#[derive(Default)]
struct Reports {
    times: BTreeMap<Bytes, Timestamp>,
    failure: Option<KafkaError>,
}

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        log::client_line(level, facility, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        log::client_error(&error, reason);
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, report: &DeliveryResult<'_>, (): ()) {
        let mut reports = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match report {
            Ok(message) => {
                let at = message.timestamp().to_millis().and_then(|ms| Timestamp::from_millisecond(ms).ok());
                if let (Some(at), Some(key)) = (at, message.key()) {
                    reports.times.insert(Bytes::copy_from_slice(key), at);
                }
            }
            Err((error, _)) => reports.failure = reports.failure.take().or_else(|| Some(error.clone())),
        }
    }
}
