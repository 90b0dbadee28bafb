//! The consumer: a member of the group whose rebalances are stashed, not handled, in the client's callback.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::types::{RDKafkaErrorCode, RDKafkaRespErr};
use rdkafka::{ClientContext, TopicPartitionList};
use tracing::warn;

use super::super::raw::{self, Membership};
use super::super::transport::TransportFailure;
use super::holdings::Notice;
use super::{client_config, fatal, log};
use crate::core::partition::PartitionId;

/// A consumer as the transport and the restore job use it.
pub(super) type MemberConsumer = BaseConsumer<MemberContext>;

/// What the client's callbacks leave for the loop.
pub(super) struct MemberContext {
    /// The topic whose assignment is that of the partition.
    topic: String,
    notices: Mutex<VecDeque<Notice>>,
    /// From now on a rebalance is answered at once, or closing the consumer would wait for the answer for ever.
    closing: AtomicBool,
}

/// More events than this at once are left for the next call.
const EVENTS_AT_ONCE_MAX: usize = 1_000;

/// A consumer with these settings; `topic` is the one that it may subscribe to.
pub(super) fn consumer(
    settings: BTreeMap<String, String>,
    topic: &str,
    act: &'static str,
) -> Result<Arc<MemberConsumer>, TransportFailure> {
    let context = MemberContext { topic: topic.into(), notices: Mutex::default(), closing: AtomicBool::new(false) };
    client_config(settings).create_with_context(context).map(Arc::new).map_err(|error| fatal(act, error))
}

/// Serves what the client has to tell, without waiting, and returns the rebalance steps.
pub(super) fn serve(consumer: &MemberConsumer) -> Result<Vec<Notice>, TransportFailure> {
    for _ in 0..EVENTS_AT_ONCE_MAX {
        if raw::waiting_events(consumer) == 0 {
            break;
        }
        if let Some(Err(error)) = consumer.poll(Duration::ZERO) {
            judge(consumer, &error)?;
        }
    }
    Ok(consumer.context().notices().drain(..).collect())
}

/// Waits until the client has done what was asked of it before: its main thread takes requests in their order, this question
/// among them.
pub(super) fn settle(consumer: &MemberConsumer, act: &'static str) -> Result<(), TransportFailure> {
    consumer.assignment().map(|_| ()).map_err(|error| fatal(act, error))
}

/// Leaves the group. The consumer tells nothing any more.
pub(super) fn close(consumer: &MemberConsumer, within: Duration) -> Result<(), TransportFailure> {
    const SLICE: Duration = Duration::from_millis(20);
    consumer.context().answer_at_once();
    if let Err(error) = consumer.close_queue() {
        // A consumer with a fatal error is out of the group already.
        return if consumer.client().fatal_error().is_some() { Ok(()) } else { Err(fatal("leave the group", error)) };
    }
    for _ in 0..within.as_millis() / SLICE.as_millis() {
        if consumer.closed() {
            return Ok(());
        }
        // What it still says (errors of brokers that go away as well) has no meaning any more.
        let _ = consumer.poll(SLICE);
    }
    Err(fatal("leave the group", "the consumer does not end"))
}

/// Most errors are the client's own business: it reconnects, asks again and goes on. A fatal one is ours.
fn judge(consumer: &MemberConsumer, error: &KafkaError) -> Result<(), TransportFailure> {
    let Some((code, reason)) = consumer.client().fatal_error() else {
        warn!("the consumer goes on after: {error}");
        return Ok(());
    };
    Err(match code {
        RDKafkaErrorCode::FencedInstanceId => fatal(
            "stay in the group",
            format!(
                "{reason}: another process runs with the same group.instance.id; give each node a name of its own, and \
                 make sure that the former process has ended"
            ),
        ),
        _ => fatal("stay in the group", format!("{reason} ({code:?})")),
    })
}

impl MemberContext {
    /// See [`closing`](Self::closing).
    pub(super) fn answer_at_once(&self) {
        self.closing.store(true, Ordering::SeqCst);
    }

    fn notices(&self) -> std::sync::MutexGuard<'_, VecDeque<Notice>> {
        // Nothing panics with the lock held.
        self.notices.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientContext for MemberContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        log::client_line(level, facility, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        // An end is no error, it comes with every pause.
        if !matches!(error, KafkaError::Global(RDKafkaErrorCode::PartitionEOF)) {
            log::client_error(&error, reason);
        }
    }
}

impl ConsumerContext for MemberContext {
    fn rebalance(&self, consumer: &MemberConsumer, step: RDKafkaRespErr, list: &mut TopicPartitionList) {
        if self.closing.load(Ordering::SeqCst) {
            if let Err(error) = consumer.unassign() {
                warn!("partitions were not unassigned while leaving the group: {error}");
            }
            return;
        }
        let partitions = list
            .elements_for_topic(&self.topic)
            .iter()
            .filter_map(|element| u32::try_from(element.partition()).ok())
            .map(PartitionId)
            .collect();
        let notice = match step {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => {
                let member_id = Membership::of(consumer).map_or_else(String::new, |own| own.member_id().to_owned());
                Notice::Assigned { partitions, member_id }
            }
            _ if consumer.assignment_lost() => Notice::Lost(partitions),
            _ => Notice::Revoked(partitions),
        };
        self.notices().push_back(notice);
    }
}
