//! [`CatalogLog`] over Kafka: the topic `catalog`, read from its first record.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use rdkafka::consumer::Consumer;
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{Offset, TopicPartitionList};
use tracing::warn;

use super::super::catalog::publications::CatalogLogRecord;
use super::super::catalog::reader::CatalogLog;
use super::super::raw::{KafkaPayload, RecordQueue};
use super::super::settings::KafkaSettings;
use super::super::transport::TransportFailure;
use super::member::{self, MemberConsumer, MemberContext};
use super::{QUESTION_TIMEOUT, fatal, refused, retry, transport};

/// The topic has one partition.
const PARTITION: i32 = 0;

/// Reads the topic beside the workers; it joins no group.
pub struct KafkaCatalogLog {
    topic: String,
    /// Dropped before the reader.
    queue: RecordQueue<MemberContext>,
    /// Empty between calls.
    fetched: Vec<KafkaPayload>,
    reader: Arc<MemberConsumer>,
    /// Reads uncommitted: a committed reader is told the last stable offset instead of the high watermark.
    watermarks: Arc<MemberConsumer>,
    /// Every offset before it is read or passed over.
    position: i64,
}

impl KafkaCatalogLog {
    /// Makes both clients, and begins at the first record.
    ///
    /// # Errors
    ///
    /// `Fatal` for settings that cannot be, `Retry` while the cluster does not answer.
    pub fn open(settings: &KafkaSettings) -> Result<KafkaCatalogLog, TransportFailure> {
        const ACT: &str = "open the catalog";
        let topic = settings.topic("catalog");
        let reader = member::consumer(settings.restore().map_err(refused)?, &topic, "make the catalog reader")?;
        let watermarks =
            member::consumer(settings.watermarks().map_err(refused)?, &topic, "make the watermark client")?;
        let queue = RecordQueue::new(&reader);
        let mut log = KafkaCatalogLog { topic, queue, fetched: Vec::new(), reader, watermarks, position: 0 };
        log.position = log.range()?.0;
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&log.topic, PARTITION, Offset::Offset(log.position))
            .map_err(|error| fatal(ACT, error))?;
        log.queue.forward(&log.topic, PARTITION);
        log.reader.assign(&list).map_err(|error| fatal(ACT, error))?;
        Ok(log)
    }

    /// First offset and high watermark.
    fn range(&self) -> Result<(i64, i64), TransportFailure> {
        self.watermarks
            .fetch_watermarks(&self.topic, PARTITION, QUESTION_TIMEOUT)
            .map_err(|error| retry("ask for the end of the catalog", format!("{}: {error}", self.topic)))
    }

    fn record(&self, message: &KafkaPayload) -> Result<CatalogLogRecord, TransportFailure> {
        let at = message.append_time_ms().and_then(|ms| Timestamp::from_millisecond(ms).ok()).ok_or_else(|| {
            let topic = &self.topic;
            let detail =
                format!("{topic} must have message.timestamp.type=LogAppendTime, see `tollkeeper topics check`");
            fatal("read the catalog", detail)
        })?;
        Ok(CatalogLogRecord {
            offset: message.offset(),
            at,
            key: Bytes::copy_from_slice(message.key()),
            value: Bytes::copy_from_slice(message.as_ref()),
        })
    }
}

impl CatalogLog for KafkaCatalogLog {
    fn end(&mut self) -> Result<i64, TransportFailure> {
        Ok(self.range()?.1)
    }

    /// # Errors
    ///
    /// `Fatal` if the topic cannot be read on from the position, for example since it was made anew.
    fn read(&mut self, max: usize, wait: Duration, into: &mut Vec<CatalogLogRecord>) -> Result<i64, TransportFailure> {
        member::serve(&self.reader)?;
        let mut fetched = std::mem::take(&mut self.fetched);
        self.queue.take(max, wait, &mut fetched);
        for message in fetched.drain(..) {
            let offset = message.offset();
            match message.error() {
                None => {
                    into.push(self.record(&message)?);
                    self.position = offset + 1;
                }
                // Markers and aborted records before the end are passed over.
                Some(RDKafkaErrorCode::PartitionEOF) => self.position = self.position.max(offset),
                Some(code) if transport::stops_a_partition(code) => {
                    let (topic, position) = (&self.topic, self.position);
                    let detail = format!("{topic} from offset {position} on: {} ({code:?})", message.text());
                    return Err(fatal("read the catalog", detail));
                }
                Some(code) => warn!("the catalog reader goes on after: {code:?}"),
            }
        }
        self.fetched = fetched;
        Ok(self.position)
    }
}

impl Drop for KafkaCatalogLog {
    fn drop(&mut self) {
        self.reader.context().answer_at_once();
    }
}
