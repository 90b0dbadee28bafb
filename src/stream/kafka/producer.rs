//! The transactional producer of one worker or intake, and what its errors mean.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::message::{DeliveryResult, Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{ClientContext, Message, TopicPartitionList};

use super::super::raw::{self, Membership, OutTopic};
use super::super::transport::{OutRecord, Output, TransportFailure};
use super::{client_config, fatal, log, retry};

/// A producer after `init_transactions`.
pub(super) struct TransactionalProducer {
    /// In the order of their names, which for a worker is that of [`Output::index`]. Dropped before the producer.
    topics: Vec<OutTopic<Deliveries>>,
    names: Vec<String>,
    client: Arc<BaseProducer<Deliveries>>,
    timeout: Duration,
}

/// One wait inside the client, between two looks at the delivery reports.
const SLICE: Duration = Duration::from_millis(10);

impl TransactionalProducer {
    /// Makes a producer for these topics; the broker fences its predecessors and finishes or aborts what they left open.
    pub(super) fn new(
        settings: BTreeMap<String, String>,
        names: Vec<String>,
        timeout: Duration,
    ) -> Result<TransactionalProducer, TransportFailure> {
        const ACT: &str = "make the producer";
        let client: BaseProducer<Deliveries> =
            client_config(settings).create_with_context(Deliveries::default()).map_err(|error| fatal(ACT, error))?;
        raw::init_transactions(&client, timeout).map_err(|error| match error.fatal {
            true => fatal(ACT, error),
            false => retry(ACT, error),
        })?;
        let client = Arc::new(client);
        let topics = names.iter().map(|name| OutTopic::new(&client, name)).collect();
        Ok(TransactionalProducer { topics, names, client, timeout })
    }

    pub(super) fn begin(&mut self) -> Result<(), TransportFailure> {
        const ACT: &str = "begin the transaction";
        self.client.context().forget();
        raw::begin(&self.client).map_err(|error| match (error.requires_abort, error.retriable && !error.fatal) {
            (true, _) => abort_needed(ACT, error),
            (false, true) => retry(ACT, error),
            (false, false) => unknown(ACT, error),
        })
    }

    /// Publishes what a worker has for one of its topics.
    pub(super) fn publish(
        &mut self,
        output: Output,
        partition: i32,
        records: &[OutRecord],
    ) -> Result<(), TransportFailure> {
        if output == Output::Alerts {
            return records.iter().try_for_each(|record| self.publish_alert(partition, record));
        }
        self.publish_to(output.index(), partition, records)
    }

    /// Copies the records into the client's queue, for the topic at that place. It is full only if the brokers do not follow:
    /// then we wait, no longer than the transaction may last.
    pub(super) fn publish_to(
        &mut self,
        place: usize,
        partition: i32,
        records: &[OutRecord],
    ) -> Result<(), TransportFailure> {
        const ACT: &str = "publish";
        let mut rest = records;
        for _ in 0..slices(self.timeout) {
            let produced = self.topics[place].produce(partition, rest);
            rest = &rest[produced.count..];
            match produced.stopped_by {
                None => return Ok(()),
                Some(RDKafkaErrorCode::QueueFull) => self.client.poll(SLICE),
                Some(code) => return Err(self.publish_failure(ACT, place, code)),
            }
        }
        Err(abort_needed(ACT, "the client's queue stays full, the brokers do not follow"))
    }

    /// Few, and with a header, which a batch cannot have: the content type of a CloudEvent in structured mode.
    fn publish_alert(&self, partition: i32, record: &OutRecord) -> Result<(), TransportFailure> {
        const ACT: &str = "publish an alert";
        let content_type =
            OwnedHeaders::new().insert(Header { key: "content-type", value: Some("application/cloudevents+json") });
        let mut message: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(&self.names[Output::Alerts.index()])
            .partition(partition)
            .payload(&record.value[..])
            .headers(content_type);
        if !record.key.is_empty() {
            message = message.key(&record.key[..]);
        }
        for _ in 0..slices(self.timeout) {
            match self.client.send(message) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    message = back;
                    self.client.poll(SLICE);
                }
                Err((KafkaError::MessageProduction(code), _)) => {
                    return Err(self.publish_failure(ACT, Output::Alerts.index(), code));
                }
                Err((error, _)) => return Err(abort_needed(ACT, error)),
            }
        }
        Err(abort_needed(ACT, "the client's queue stays full, the brokers do not follow"))
    }

    /// A producer that is fenced or broken refuses records too; the transaction may then not even be aborted.
    fn publish_failure(&self, act: &'static str, place: usize, code: RDKafkaErrorCode) -> TransportFailure {
        match self.client.client().fatal_error() {
            Some((fatal_code, reason)) => unknown(act, format!("{reason} ({fatal_code:?})")),
            None => abort_needed(act, format!("{}: {code}", self.names[place])),
        }
    }

    pub(super) fn send_offsets(
        &mut self,
        membership: &Membership,
        offsets: &TopicPartitionList,
    ) -> Result<(), TransportFailure> {
        const ACT: &str = "send the offsets";
        // Nothing has an effect before the commit: whatever is not fatal (a generation that has passed, a coordinator that
        // moved, a timeout) ends in an abort and a replay.
        raw::send_offsets(&self.client, offsets, membership, self.timeout).map_err(|error| match error.fatal {
            true => unknown(ACT, error),
            false => abort_needed(ACT, error),
        })
    }

    /// Delivers what is queued, then commits.
    ///
    /// `Abort`: the end of the transaction was not asked for, or refused by a broker; that this is so is certain when the
    /// abort that follows succeeds, since a transaction that is committed cannot be aborted.
    pub(super) fn commit(&mut self) -> Result<(), TransportFailure> {
        const ACT: &str = "commit";
        let mut slices = 0..slices(self.timeout);
        loop {
            let delivered = raw::flush(&self.client, SLICE);
            self.client.poll(Duration::ZERO);
            if let Some(failure) = self.client.context().failure() {
                return Err(match self.client.client().fatal_error() {
                    Some((code, reason)) => unknown(ACT, format!("{failure}; {reason} ({code:?})")),
                    None => abort_needed(ACT, failure),
                });
            }
            if delivered {
                break;
            }
            if slices.next().is_none() {
                return Err(abort_needed(ACT, "the records were not delivered in time"));
            }
        }
        let left = SLICE * u32::try_from(slices.len()).unwrap_or(u32::MAX) + SLICE;
        raw::commit(&self.client, left).map_err(|error| match error.requires_abort && !error.fatal {
            true => abort_needed(ACT, error),
            // Timed out, retriable, fatal: the end may have been written, or may yet be. It is never asked for again: the
            // broker could apply the first request to a later transaction (librdkafka issue 5423).
            false => unknown(ACT, error),
        })
    }

    /// Aborts. Records in the queue are dropped, and their reports served meanwhile, or the call would wait for that until
    /// its timeout.
    pub(super) fn abort(&mut self) -> Result<(), TransportFailure> {
        let (client, timeout) = (&self.client, self.timeout);
        let done = AtomicBool::new(client.in_flight_count() == 0);
        let aborted = thread::scope(|scope| {
            if !done.load(Ordering::Relaxed) {
                scope.spawn(|| {
                    while !done.load(Ordering::Relaxed) {
                        client.poll(SLICE);
                    }
                });
            }
            let aborted = raw::abort(client, timeout);
            done.store(true, Ordering::Relaxed);
            aborted
        });
        self.client.context().forget();
        aborted.map_err(|error| unknown("abort", error))
    }
}

/// Whether records were delivered; the reports come on the thread that polls.
#[derive(Default)]
pub(super) struct Deliveries {
    first_failure: Mutex<Option<String>>,
}

impl Deliveries {
    fn failure(&self) -> Option<String> {
        self.first_failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A transaction begins, or has ended: what fails afterwards belongs to the next.
    fn forget(&self) {
        *self.first_failure.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
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
        if let Err((error, message)) = report {
            let mut first = self.first_failure.lock().unwrap_or_else(PoisonError::into_inner);
            first.get_or_insert_with(|| {
                format!("a record for {}/{} was not delivered: {error}", message.topic(), message.partition())
            });
        }
    }
}

fn slices(timeout: Duration) -> usize {
    usize::try_from(timeout.as_millis() / SLICE.as_millis()).unwrap_or(usize::MAX)
}

fn abort_needed(act: &'static str, detail: impl ToString) -> TransportFailure {
    TransportFailure::Abort { act, detail: detail.to_string() }
}

fn unknown(act: &'static str, detail: impl ToString) -> TransportFailure {
    TransportFailure::Unknown { act, detail: detail.to_string() }
}
