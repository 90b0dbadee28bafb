//! [`RestoreSource`] over Kafka: two clients that stay open over many partitions.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::consumer::Consumer;
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{Offset, TopicPartitionList};
use tracing::warn;

use super::super::raw::{KafkaPayload, RecordQueue};
use super::super::settings::KafkaSettings;
use super::super::transport::{
    CommittedOffsets, Input, InputOffsets, LedgerRecord, Output, RestoreSource, TransportFailure,
};
use super::member::{self, MemberConsumer, MemberContext};
use super::{QUESTION_TIMEOUT, TopicNames, fatal, refused, retry, transport, wire_partition};
use crate::core::partition::PartitionId;

/// Reads ledgers, committed offsets and watermarks beside the worker.
pub struct KafkaRestore {
    topics: TopicNames,
    /// Dropped before the reader.
    queue: RecordQueue<MemberContext>,
    /// Empty between calls.
    fetched: Vec<KafkaPayload>,
    /// Reads committed records. It has the group's id, for its offsets, and never joins it.
    reader: Arc<MemberConsumer>,
    /// Reads uncommitted: a committed reader is told the last stable offset instead of the high watermark.
    watermarks: Arc<MemberConsumer>,
    open: Option<OpenLedger>,
}

#[derive(Clone, Copy)]
struct OpenLedger {
    partition: PartitionId,
    /// Every offset before it is read or passed over.
    position: i64,
}

impl KafkaRestore {
    /// Makes both clients.
    ///
    /// # Errors
    ///
    /// `Fatal` for settings that cannot be, `Retry` while the cluster does not answer.
    pub fn connect(settings: &KafkaSettings) -> Result<KafkaRestore, TransportFailure> {
        let topics = TopicNames::new(settings);
        let ledger = &topics.outputs[Output::Ledger.index()];
        let reader = member::consumer(settings.restore().map_err(refused)?, ledger, "make the ledger reader")?;
        let watermarks =
            member::consumer(settings.watermarks().map_err(refused)?, ledger, "make the watermark client")?;
        // Without it the client learns who leads the ledger's partitions by a look that it takes once a second.
        reader
            .fetch_metadata(Some(ledger), QUESTION_TIMEOUT)
            .map_err(|error| retry("ask who leads the ledger", error))?;
        let queue = RecordQueue::new(&reader);
        Ok(KafkaRestore { topics, queue, fetched: Vec::new(), reader, watermarks, open: None })
    }

    /// How many partitions the ledger has; `None`: there is no such topic. All topics are asked for, since asking for one that is
    /// missing may create it.
    ///
    /// # Errors
    ///
    /// `Retry` while the cluster does not answer.
    pub fn ledger_partitions(&self) -> Result<Option<u32>, TransportFailure> {
        let metadata = self
            .watermarks
            .fetch_metadata(None, QUESTION_TIMEOUT)
            .map_err(|error| retry("ask for the partitions of the ledger", error))?;
        let found = metadata.topics().iter().find(|topic| topic.name() == self.ledger() && topic.error().is_none());
        Ok(found.map(|topic| u32::try_from(topic.partitions().len()).expect("a topic has far fewer partitions")))
    }

    fn ledger(&self) -> &str {
        &self.topics.outputs[Output::Ledger.index()]
    }

    fn range(&self, topic: &str, partition: PartitionId) -> Result<(i64, i64), TransportFailure> {
        self.watermarks
            .fetch_watermarks(topic, wire_partition(partition), QUESTION_TIMEOUT)
            .map_err(|error| retry("read the watermarks", format!("{topic}/{partition}: {error}")))
    }
}

impl RestoreSource for KafkaRestore {
    type Payload = KafkaPayload;

    fn committed(&mut self, partition: PartitionId) -> Result<CommittedOffsets, TransportFailure> {
        let mut answers = transport::committed(&self.reader, &self.topics.inputs, &[partition], QUESTION_TIMEOUT)?;
        Ok(answers.pop().expect("one answer for one partition"))
    }

    fn low_watermarks(&mut self, partition: PartitionId) -> Result<InputOffsets, TransportFailure> {
        let mut low = InputOffsets::default();
        for input in Input::ALL {
            low[input.index()] = self.range(self.topics.input(input), partition)?.0;
        }
        Ok(low)
    }

    fn ledger_range(&mut self, partition: PartitionId) -> Result<(i64, i64), TransportFailure> {
        self.range(self.ledger(), partition)
    }

    fn open_ledger(&mut self, partition: PartitionId, from: i64) -> Result<(), TransportFailure> {
        const ACT: &str = "open the ledger";
        self.close_ledger()?;
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(self.ledger(), wire_partition(partition), Offset::Offset(from))
            .map_err(|error| fatal(ACT, error))?;
        self.queue.forward(self.ledger(), wire_partition(partition));
        self.reader.assign(&list).map_err(|error| fatal(ACT, error))?;
        self.open = Some(OpenLedger { partition, position: from });
        Ok(())
    }

    /// # Errors
    ///
    /// `Fatal` if the ledger cannot be read on from its position: its first records were deleted meanwhile, for example.
    fn read_ledger(
        &mut self,
        max: usize,
        wait: Duration,
        into: &mut Vec<LedgerRecord<KafkaPayload>>,
    ) -> Result<i64, TransportFailure> {
        const ACT: &str = "read the ledger";
        let OpenLedger { partition, mut position } = self.open.expect("a ledger is read after it was opened");
        member::serve(&self.reader)?;
        self.queue.take(max, wait, &mut self.fetched);
        let mut failure = None;
        for message in self.fetched.drain(..) {
            if message.partition() != wire_partition(partition) {
                continue;
            }
            let offset = message.offset();
            match message.error() {
                None => {
                    position = offset + 1;
                    into.push(LedgerRecord { offset, payload: message });
                }
                // Markers and aborted records before the end are passed over.
                Some(RDKafkaErrorCode::PartitionEOF) => position = position.max(offset),
                Some(code) if transport::stops_a_partition(code) => failure = Some((code, message.text())),
                Some(code) => warn!(partition = partition.0, "the ledger reader goes on after: {code:?}"),
            }
        }
        self.open = Some(OpenLedger { partition, position });
        match failure {
            None => Ok(position),
            Some((code, said)) => {
                Err(fatal(ACT, format!("{}/{partition} from offset {position} on: {said} ({code:?})", self.ledger())))
            }
        }
    }

    fn close_ledger(&mut self) -> Result<(), TransportFailure> {
        const ACT: &str = "close the ledger";
        if self.open.take().is_some() {
            self.reader.unassign().map_err(|error| fatal(ACT, error))?;
            // Or the same partition, opened anew, would be taken from our queue.
            member::settle(&self.reader, ACT)?;
        }
        Ok(())
    }
}

impl Drop for KafkaRestore {
    fn drop(&mut self) {
        self.reader.context().answer_at_once();
    }
}
