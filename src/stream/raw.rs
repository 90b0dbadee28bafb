//! The calls of librdkafka that rdkafka does not wrap, or wraps too slowly, behind a safe interface.
//!
//! - Records are taken in batches from a queue of our own (`rd_kafka_consume_batch_queue`: 150-350 ns a record, against
//!   1 us with `BaseConsumer::poll`, which on the main queue would swallow rebalances besides).
//! - Records are produced in batches for one partition (`rd_kafka_produce_batch`).
//! - The transaction calls return librdkafka's error with its three classes, and `commit` without rdkafka's flush, which
//!   waits in steps of 100 ms.
//! - The group metadata is an object that can be looked at before that very object is sent.
//! - Lists of offsets are read without trusting foreign metadata to be UTF-8.
#![allow(unsafe_code, reason = "the calls below exist in C only; this is the one file that may call them")]

use std::ffi::{CStr, CString, c_int, c_void};
use std::ptr::{self, NonNull};
use std::slice;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::producer::{BaseProducer, Producer, ProducerContext};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka_sys as sys;

use super::transport::OutRecord;

/// A message of librdkafka, owned: a record, or the report that a partition ended or failed.
///
/// It keeps its client alive, since it may outlive the transport that fetched it.
pub struct KafkaPayload {
    message: NonNull<sys::rd_kafka_message_t>,
    /// Released after the message, by the order of `drop`.
    _client: Arc<dyn Send + Sync>,
}

// SAFETY: librdkafka is thread-safe as a whole; a message is owned by one `KafkaPayload` and freed once, on any thread.
unsafe impl Send for KafkaPayload {}

impl KafkaPayload {
    fn message(&self) -> &sys::rd_kafka_message_t {
        // SAFETY: the message is valid until `drop`, and nothing writes to it.
        unsafe { self.message.as_ref() }
    }

    /// What it reports instead of a record.
    pub(crate) fn error(&self) -> Option<RDKafkaErrorCode> {
        let code = RDKafkaErrorCode::from(self.message().err);
        (code != RDKafkaErrorCode::NoError).then_some(code)
    }

    /// The words of a report; for a record its value.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(self.as_ref()).into_owned()
    }

    /// The key of a record; empty if it has none.
    pub(crate) fn key(&self) -> &[u8] {
        let message = self.message();
        if message.key.is_null() {
            return &[];
        }
        // SAFETY: librdkafka gives pointer and length of one buffer that lives as long as the message.
        unsafe { slice::from_raw_parts(message.key.cast(), message.key_len) }
    }

    pub(crate) fn partition(&self) -> i32 {
        self.message().partition
    }

    /// Of the record; of the end: the offset that would be read next.
    pub(crate) fn offset(&self) -> i64 {
        self.message().offset
    }

    /// The time that the topic has, the broker's or the producer's, milliseconds since the epoch; negative: none.
    pub(crate) fn topic_time_ms(&self) -> i64 {
        let mut kind = sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        // SAFETY: the message is valid, the kind is ours to be written.
        unsafe { sys::rd_kafka_message_timestamp(self.message.as_ptr(), &mut kind) }
    }

    /// The broker's time (LogAppendTime), milliseconds since the epoch; `None` where the topic keeps the producer's.
    pub(crate) fn append_time_ms(&self) -> Option<i64> {
        let mut kind = sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        // SAFETY: the message is valid, the kind is ours to be written.
        let timestamp_ms = unsafe { sys::rd_kafka_message_timestamp(self.message.as_ptr(), &mut kind) };
        (kind == sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME).then_some(timestamp_ms)
    }
}

impl AsRef<[u8]> for KafkaPayload {
    fn as_ref(&self) -> &[u8] {
        let message = self.message();
        if message.payload.is_null() {
            return &[];
        }
        // SAFETY: librdkafka gives pointer and length of one buffer that lives as long as the message.
        unsafe { slice::from_raw_parts(message.payload.cast(), message.len) }
    }
}

impl std::fmt::Debug for KafkaPayload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KafkaPayload({} bytes)", self.as_ref().len())
    }
}

impl Drop for KafkaPayload {
    fn drop(&mut self) {
        // SAFETY: owned, destroyed here only, and its client lives still.
        unsafe { sys::rd_kafka_message_destroy(self.message.as_ptr()) }
    }
}

/// A queue that the partitions of one topic are forwarded to.
pub(crate) struct RecordQueue<C: ConsumerContext> {
    queue: NonNull<sys::rd_kafka_queue_t>,
    /// Room for one batch of pointers; empty between calls.
    batch: Vec<*mut sys::rd_kafka_message_t>,
    /// Released after the queue, by the order of `drop`.
    consumer: Arc<BaseConsumer<C>>,
}

// SAFETY: librdkafka's queues are thread-safe; the batch holds no pointer between calls.
unsafe impl<C: ConsumerContext> Send for RecordQueue<C> {}

impl<C: ConsumerContext + 'static> RecordQueue<C> {
    pub(crate) fn new(consumer: &Arc<BaseConsumer<C>>) -> RecordQueue<C> {
        // SAFETY: the client is alive.
        let queue = unsafe { sys::rd_kafka_queue_new(consumer.client().native_ptr()) };
        RecordQueue {
            queue: NonNull::new(queue).expect("rd_kafka_queue_new only allocates"),
            batch: Vec::new(),
            consumer: Arc::clone(consumer),
        }
    }

    /// Sends what will be fetched of a partition here. To be done before the partition is assigned.
    pub(crate) fn forward(&self, topic: &str, partition: i32) {
        let topic = c_string(topic);
        // SAFETY: the client and both queues are alive; the handle of the partition's queue is given back, the forwarding
        // stays.
        unsafe {
            let source =
                sys::rd_kafka_queue_get_partition(self.consumer.client().native_ptr(), topic.as_ptr(), partition);
            if !source.is_null() {
                sys::rd_kafka_queue_forward(source, self.queue.as_ptr());
                sys::rd_kafka_queue_destroy(source);
            }
        }
    }

    /// Appends up to `max` messages; waits up to `wait` for the first, never for more.
    pub(crate) fn take(&mut self, max: usize, wait: Duration, into: &mut Vec<KafkaPayload>) {
        // The call itself waits for a full batch. So: what is there; if nothing is, one message, and what came with it.
        let taken = self.take_within(max, Duration::ZERO, into);
        if taken == 0 && !wait.is_zero() && self.take_within(max.min(1), wait, into) == 1 {
            self.take_within(max - 1, Duration::ZERO, into);
        }
    }

    fn take_within(&mut self, max: usize, wait: Duration, into: &mut Vec<KafkaPayload>) -> usize {
        if max == 0 {
            return 0;
        }
        self.batch.reserve(max);
        let room = self.batch.spare_capacity_mut().as_mut_ptr().cast();
        // SAFETY: the queue is alive, and `room` has space for `max` pointers.
        let count = unsafe { sys::rd_kafka_consume_batch_queue(self.queue.as_ptr(), millis(wait), room, max) };
        let count = usize::try_from(count).unwrap_or(0);
        // SAFETY: the first `count` pointers were written by the call.
        unsafe { self.batch.set_len(count) };
        into.reserve(count);
        for message in self.batch.drain(..) {
            let message = NonNull::new(message).expect("librdkafka returns messages, never null");
            into.push(KafkaPayload { message, _client: Arc::clone(&self.consumer) as Arc<dyn Send + Sync> });
        }
        count
    }
}

impl<C: ConsumerContext> Drop for RecordQueue<C> {
    fn drop(&mut self) {
        // SAFETY: made by `rd_kafka_queue_new`, destroyed here only; partitions that are forwarded to it hold references.
        unsafe { sys::rd_kafka_queue_destroy(self.queue.as_ptr()) }
    }
}

/// How many events (rebalances, errors, logs) wait in the consumer's own queue.
pub(crate) fn waiting_events<C: ConsumerContext>(consumer: &BaseConsumer<C>) -> usize {
    // SAFETY: the client is alive; the handle is destroyed, the queue stays.
    unsafe {
        let queue = sys::rd_kafka_queue_get_consumer(consumer.client().native_ptr());
        if queue.is_null() {
            return 0;
        }
        let length = sys::rd_kafka_queue_length(queue);
        sys::rd_kafka_queue_destroy(queue);
        length
    }
}

/// The high watermark of a partition as the last fetch told it; `None` before the first. Asks no broker.
pub(crate) fn known_high_watermark<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    topic: &str,
    partition: i32,
) -> Option<i64> {
    let topic = CString::new(topic).ok()?;
    let (mut low, mut high) = (-1, -1);
    // SAFETY: the client and the name are alive during the call; it writes two numbers.
    let answer = unsafe {
        let client = consumer.client().native_ptr();
        sys::rd_kafka_get_watermark_offsets(client, topic.as_ptr(), partition, &raw mut low, &raw mut high)
    };
    (RDKafkaErrorCode::from(answer) == RDKafkaErrorCode::NoError && high >= 0).then_some(high)
}

/// The membership of a consumer in its group, as it was when this was taken.
pub struct Membership(NonNull<sys::rd_kafka_consumer_group_metadata_t>);

// SAFETY: the object is a copy that belongs to us alone and refers to no client.
unsafe impl Send for Membership {}

impl Membership {
    /// Copies the consumer's membership; `None` for a consumer without a group.
    pub(crate) fn of<C: ConsumerContext>(consumer: &BaseConsumer<C>) -> Option<Membership> {
        // SAFETY: the client is alive; the returned object is ours.
        NonNull::new(unsafe { sys::rd_kafka_consumer_group_metadata(consumer.client().native_ptr()) }).map(Membership)
    }

    /// The generation of the group; -1 outside of one.
    pub(crate) fn generation(&self) -> i32 {
        // SAFETY: the object is valid until `drop`.
        unsafe { sys::rd_kafka_consumer_group_metadata_generation_id(self.0.as_ptr()) }
    }

    /// The member's id; empty outside of a group.
    pub(crate) fn member_id(&self) -> &str {
        // SAFETY: the object is valid until `drop`, and the string lives as long as it.
        unsafe {
            let id = sys::rd_kafka_consumer_group_metadata_member_id(self.0.as_ptr());
            if id.is_null() { "" } else { CStr::from_ptr(id).to_str().unwrap_or("") }
        }
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        // SAFETY: owned, destroyed here only.
        unsafe { sys::rd_kafka_consumer_group_metadata_destroy(self.0.as_ptr()) }
    }
}

/// A committed offset as it was read.
pub(crate) struct ListedOffset {
    pub(crate) topic: String,
    pub(crate) partition: i32,
    /// Negative: there is none.
    pub(crate) offset: i64,
    /// Lossy: another program may have written it.
    pub(crate) metadata: String,
    pub(crate) error: Option<RDKafkaErrorCode>,
}

/// Asks the group's coordinator for the committed offsets of `list`; under `read_committed` for stable ones.
pub(crate) fn committed<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    list: &TopicPartitionList,
    timeout: Duration,
) -> Result<Vec<ListedOffset>, RDKafkaErrorCode> {
    // SAFETY: client and list are alive; the call writes offsets and metadata into the list.
    let answer = unsafe { sys::rd_kafka_committed(consumer.client().native_ptr(), list.ptr(), millis(timeout)) };
    match RDKafkaErrorCode::from(answer) {
        RDKafkaErrorCode::NoError => Ok(listed(list)),
        code => Err(code),
    }
}

fn listed(list: &TopicPartitionList) -> Vec<ListedOffset> {
    // SAFETY: the list is alive and not changed meanwhile; its elements, their topics (C strings) and their metadata
    // (pointer and size) belong to it.
    unsafe {
        let raw = &*list.ptr();
        if raw.elems.is_null() {
            return Vec::new();
        }
        let elements = slice::from_raw_parts(raw.elems, usize::try_from(raw.cnt).unwrap_or(0));
        elements
            .iter()
            .map(|element| ListedOffset {
                topic: CStr::from_ptr(element.topic).to_string_lossy().into_owned(),
                partition: element.partition,
                offset: element.offset,
                metadata: match element.metadata.is_null() {
                    true => String::new(),
                    false => String::from_utf8_lossy(slice::from_raw_parts(
                        element.metadata.cast::<u8>(),
                        element.metadata_size,
                    ))
                    .into_owned(),
                },
                error: match RDKafkaErrorCode::from(element.err) {
                    RDKafkaErrorCode::NoError => None,
                    code => Some(code),
                },
            })
            .collect()
    }
}

/// Why a transaction call failed.
#[derive(Debug)]
pub(crate) struct TransactionError {
    pub(crate) code: RDKafkaErrorCode,
    pub(crate) text: String,
    /// The transaction can only be aborted.
    pub(crate) requires_abort: bool,
    /// The producer can do nothing any more.
    pub(crate) fatal: bool,
    /// The same call may be made again.
    pub(crate) retriable: bool,
}

impl std::fmt::Display for TransactionError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({:?})", self.text, self.code)
    }
}

/// Takes over an error object.
///
/// # Safety
///
/// `error` is null, or an error object that nobody else destroys.
unsafe fn transaction_result(error: *mut sys::rd_kafka_error_t) -> Result<(), TransactionError> {
    if error.is_null() {
        return Ok(());
    }
    // SAFETY: the object is valid until it is destroyed at the end, the string as long as it.
    unsafe {
        let failure = TransactionError {
            code: RDKafkaErrorCode::from(sys::rd_kafka_error_code(error)),
            text: CStr::from_ptr(sys::rd_kafka_error_string(error)).to_string_lossy().into_owned(),
            requires_abort: sys::rd_kafka_error_txn_requires_abort(error) != 0,
            fatal: sys::rd_kafka_error_is_fatal(error) != 0,
            retriable: sys::rd_kafka_error_is_retriable(error) != 0,
        };
        sys::rd_kafka_error_destroy(error);
        Err(failure)
    }
}

/// `rd_kafka_init_transactions`: fences earlier producers of the same id and ends what they left open.
pub(crate) fn init_transactions<C: ProducerContext>(
    producer: &BaseProducer<C>,
    timeout: Duration,
) -> Result<(), TransactionError> {
    // SAFETY: the client is alive; the error object is ours.
    unsafe { transaction_result(sys::rd_kafka_init_transactions(producer.client().native_ptr(), millis(timeout))) }
}

/// `rd_kafka_begin_transaction`.
pub(crate) fn begin<C: ProducerContext>(producer: &BaseProducer<C>) -> Result<(), TransactionError> {
    // SAFETY: the client is alive; the error object is ours.
    unsafe { transaction_result(sys::rd_kafka_begin_transaction(producer.client().native_ptr())) }
}

/// `rd_kafka_send_offsets_to_transaction`, with the membership that was checked.
pub(crate) fn send_offsets<C: ProducerContext>(
    producer: &BaseProducer<C>,
    offsets: &TopicPartitionList,
    membership: &Membership,
    timeout: Duration,
) -> Result<(), TransactionError> {
    // SAFETY: client, list and membership are alive and only read; the error object is ours.
    unsafe {
        transaction_result(sys::rd_kafka_send_offsets_to_transaction(
            producer.client().native_ptr(),
            offsets.ptr(),
            membership.0.as_ptr(),
            millis(timeout),
        ))
    }
}

/// Waits until nothing is queued or in flight, up to `timeout`; whether that is so. Delivery reports must be polled
/// besides. It ends as soon as it can: this client uses events, for which librdkafka waits on a condition, not in steps.
pub(crate) fn flush<C: ProducerContext>(producer: &BaseProducer<C>, timeout: Duration) -> bool {
    // SAFETY: the client is alive.
    let answer = unsafe { sys::rd_kafka_flush(producer.client().native_ptr(), millis(timeout)) };
    RDKafkaErrorCode::from(answer) == RDKafkaErrorCode::NoError
}

/// `rd_kafka_commit_transaction`.
pub(crate) fn commit<C: ProducerContext>(
    producer: &BaseProducer<C>,
    timeout: Duration,
) -> Result<(), TransactionError> {
    // SAFETY: the client is alive; the error object is ours.
    unsafe { transaction_result(sys::rd_kafka_commit_transaction(producer.client().native_ptr(), millis(timeout))) }
}

/// `rd_kafka_abort_transaction`. With messages in the queue it ends only if another thread polls the producer.
pub(crate) fn abort<C: ProducerContext>(producer: &BaseProducer<C>, timeout: Duration) -> Result<(), TransactionError> {
    // SAFETY: the client is alive; the error object is ours.
    unsafe { transaction_result(sys::rd_kafka_abort_transaction(producer.client().native_ptr(), millis(timeout))) }
}

/// A topic that a producer writes to.
pub(crate) struct OutTopic<C: ProducerContext + 'static> {
    topic: NonNull<sys::rd_kafka_topic_t>,
    /// Room for one batch; empty between calls.
    batch: Vec<sys::rd_kafka_message_t>,
    /// Released after the topic, by the order of `drop`.
    _producer: Arc<BaseProducer<C>>,
}

// SAFETY: librdkafka's topics are thread-safe; the batch holds no pointer between calls.
unsafe impl<C: ProducerContext> Send for OutTopic<C> {}

/// How far a batch went into the producer's queue.
pub(crate) struct Produced {
    /// So many records, from the first on, are in the queue.
    pub(crate) count: usize,
    /// Why the next one is not.
    pub(crate) stopped_by: Option<RDKafkaErrorCode>,
}

impl<C: ProducerContext + 'static> OutTopic<C> {
    pub(crate) fn new(producer: &Arc<BaseProducer<C>>, name: &str) -> OutTopic<C> {
        let name = c_string(name);
        // SAFETY: the client is alive, the name is copied, and a null configuration means the default.
        let topic = unsafe { sys::rd_kafka_topic_new(producer.client().native_ptr(), name.as_ptr(), ptr::null_mut()) };
        OutTopic {
            topic: NonNull::new(topic).expect("a topic name without NUL, at most 249 bytes, is valid"),
            batch: Vec::new(),
            _producer: Arc::clone(producer),
        }
    }

    /// Copies records into the producer's queue, in order. A record without a key has none, not an empty one.
    ///
    /// A full queue stops the rest (librdkafka then refuses all that follow). After any other error later records may be
    /// in the queue: the transaction has to be aborted.
    pub(crate) fn produce(&mut self, partition: i32, records: &[OutRecord]) -> Produced {
        let mut produced = Produced { count: 0, stopped_by: None };
        for chunk in records.chunks(PRODUCE_BATCH_LEN_MAX) {
            self.batch.extend(chunk.iter().map(|record| sys::rd_kafka_message_t {
                err: sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR,
                rkt: ptr::null_mut(),
                partition,
                payload: record.value.as_ptr().cast_mut().cast::<c_void>(),
                len: record.value.len(),
                key: match record.key.is_empty() {
                    true => ptr::null_mut(),
                    false => record.key.as_ptr().cast_mut().cast::<c_void>(),
                },
                key_len: record.key.len(),
                offset: 0,
                _private: ptr::null_mut(),
            }));
            let length = c_int::try_from(self.batch.len()).expect("PRODUCE_BATCH_LEN_MAX fits");
            // SAFETY: the topic is alive; the array has `length` messages whose keys and values outlive the call; with
            // F_COPY they are read, not kept and not freed.
            unsafe {
                sys::rd_kafka_produce_batch(
                    self.topic.as_ptr(),
                    partition,
                    sys::RD_KAFKA_MSG_F_COPY,
                    self.batch.as_mut_ptr(),
                    length,
                );
            }
            let codes = self.batch.iter().map(|message| RDKafkaErrorCode::from(message.err));
            let stop = codes.enumerate().find(|(_, code)| *code != RDKafkaErrorCode::NoError);
            produced.count += stop.map_or(chunk.len(), |(place, _)| place);
            produced.stopped_by = stop.map(|(_, code)| code);
            self.batch.clear();
            if produced.stopped_by.is_some() {
                break;
            }
        }
        produced
    }
}

/// Records in one call; bounds the array, not what can be published.
const PRODUCE_BATCH_LEN_MAX: usize = 100_000;

impl<C: ProducerContext> Drop for OutTopic<C> {
    fn drop(&mut self) {
        // SAFETY: made by `rd_kafka_topic_new`, destroyed here only, and its client lives still.
        unsafe { sys::rd_kafka_topic_destroy(self.topic.as_ptr()) }
    }
}

fn c_string(name: &str) -> CString {
    CString::new(name).expect("names of topics are checked and have no NUL")
}

fn millis(wait: Duration) -> c_int {
    c_int::try_from(wait.as_millis()).unwrap_or(c_int::MAX)
}
