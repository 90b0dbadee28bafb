//! The settings of the Kafka clients: what exactly-once rests on, what is tuned, and what the user may add.
//!
//! Pure: strings in, strings out, so that a configuration can be judged without a cluster, and without the client.
//! Whatever the user gives (`kafka.*`: TLS and SASL among it) passes through, except for the keys of [`FIXED`]: those are
//! refused at start, by name and with the reason, instead of being overwritten in silence.

use std::collections::BTreeMap;

/// The transaction timeout that is used unless the user gives another, milliseconds.
pub const TRANSACTION_TIMEOUT_MS: u32 = 10_000;
/// The shortest transaction timeout that is accepted, milliseconds: below it a busy broker aborts healthy batches.
pub const TRANSACTION_TIMEOUT_MS_MIN: u32 = 1_000;
/// The longest, milliseconds: brokers refuse more than `transaction.max.timeout.ms`, 15 minutes by default.
pub const TRANSACTION_TIMEOUT_MS_MAX: u32 = 900_000;

/// Keys that cannot be overridden, and why. Synonyms that librdkafka accepts are listed too.
pub const FIXED: &[(&str, &str)] = &[
    ("acks", "a debit is safe only when all in-sync replicas have it"),
    ("request.required.acks", "a debit is safe only when all in-sync replicas have it"),
    ("auto.commit.enable", OFFSETS_IN_TRANSACTION),
    ("auto.commit.interval.ms", OFFSETS_IN_TRANSACTION),
    ("auto.offset.reset", "a lost offset must stop the partition: anything but `error` skips records or repeats them"),
    ("bootstrap.servers", "the brokers have a setting of their own"),
    ("metadata.broker.list", "the brokers have a setting of their own"),
    ("delivery.report.only.error", "a record that was not delivered must abort its batch"),
    ("enable.auto.commit", OFFSETS_IN_TRANSACTION),
    ("enable.auto.offset.store", OFFSETS_IN_TRANSACTION),
    ("enable.idempotence", "transactions need it"),
    ("enable.partition.eof", "the clock of a partition needs to know that an input is idle"),
    ("group.id", "it is the identity of the committed offsets, and has a setting of its own"),
    ("group.instance.id", "it is the identity of the worker, and follows from its name"),
    ("group.protocol", "the fence against zombies rests on the generations of the classic protocol"),
    ("group.remote.assignor", "the fence against zombies rests on the generations of the classic protocol"),
    ("isolation.level", "records of aborted transactions must never be rated"),
    ("max.in.flight", "more than five requests in flight break the order of events"),
    ("max.in.flight.requests.per.connection", "more than five requests in flight break the order of events"),
    ("message.send.max.retries", "a record that was not delivered must abort its batch, and nothing else"),
    ("partition.assignment.strategy", "partitions are handed over one by one, while the others are rated"),
    ("partitioner", "the home partition of a tenant is that of Java's default partitioner"),
    ("retries", "a record that was not delivered must abort its batch, and nothing else"),
    ("transactional.id", "it is the identity of the worker, and follows from its name"),
];

const OFFSETS_IN_TRANSACTION: &str = "offsets are committed with the events of their records, in one transaction";

/// Why settings are refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsFailure {
    /// A key that exactly-once rests on.
    #[error("kafka.{key} cannot be set: {reason}")]
    Fixed {
        /// The key.
        key: String,
        /// What rests on it.
        reason: &'static str,
    },
    /// A setting that must not be empty is.
    #[error("{name} is empty")]
    Empty {
        /// The setting.
        name: &'static str,
    },
    /// Topic names are made of letters, digits, dot, underscore and dash.
    #[error("the topic prefix {prefix:?} has a character other than A-Z a-z 0-9 . _ -, or is longer than 200")]
    TopicPrefix {
        /// The prefix.
        prefix: String,
    },
    /// Not a number of milliseconds that a broker takes.
    #[error(
        "kafka.transaction.timeout.ms is {value:?}: a number from {TRANSACTION_TIMEOUT_MS_MIN} to \
         {TRANSACTION_TIMEOUT_MS_MAX} is needed"
    )]
    TransactionTimeout {
        /// What was given.
        value: String,
    },
}

/// What the clients of one worker are made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KafkaSettings {
    /// `host:port`, several with commas.
    pub brokers: String,
    /// What topics begin with; `tollkeeper` unless configured.
    pub topic_prefix: String,
    /// The consumer group that owns the committed offsets, the same on all nodes.
    pub group_id: String,
    /// Of this worker, and the same after a restart: the broker then ends what the earlier self left open.
    pub transactional_id: String,
    /// Of this worker, and the same after a restart: it gets its partitions back.
    pub group_instance_id: String,
    /// The user's settings, without the prefix `kafka.`.
    pub overrides: BTreeMap<String, String>,
}

impl KafkaSettings {
    /// Judges the settings as a whole.
    ///
    /// # Errors
    ///
    /// The first of: an empty setting, a prefix that no topic can have, a fixed key, a transaction timeout out of range.
    pub fn check(&self) -> Result<(), SettingsFailure> {
        let named = [
            ("the list of brokers", &self.brokers),
            ("the topic prefix", &self.topic_prefix),
            ("the consumer group", &self.group_id),
            ("the transactional id", &self.transactional_id),
            ("the group instance id", &self.group_instance_id),
        ];
        if let Some((name, _)) = named.into_iter().find(|(_, value)| value.is_empty()) {
            return Err(SettingsFailure::Empty { name });
        }
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        if self.topic_prefix.len() > TOPIC_PREFIX_LEN_MAX || !self.topic_prefix.bytes().all(fits) {
            return Err(SettingsFailure::TopicPrefix { prefix: self.topic_prefix.clone() });
        }
        for key in self.overrides.keys() {
            if let Some((_, reason)) = FIXED.iter().find(|(fixed, _)| fixed == key) {
                return Err(SettingsFailure::Fixed { key: key.clone(), reason });
            }
        }
        self.transaction_timeout_ms().map(|_| ())
    }

    /// How long a transaction may stay open, milliseconds.
    ///
    /// # Errors
    ///
    /// [`SettingsFailure::TransactionTimeout`] if the user gave something else than a number in range.
    pub fn transaction_timeout_ms(&self) -> Result<u32, SettingsFailure> {
        let Some(given) = self.overrides.get("transaction.timeout.ms") else {
            return Ok(TRANSACTION_TIMEOUT_MS);
        };
        let range = TRANSACTION_TIMEOUT_MS_MIN..=TRANSACTION_TIMEOUT_MS_MAX;
        given
            .parse()
            .ok()
            .filter(|ms| range.contains(ms))
            .ok_or_else(|| SettingsFailure::TransactionTimeout { value: given.clone() })
    }

    /// The full name of a topic.
    pub fn topic(&self, name: &str) -> String {
        format!("{}.{name}", self.topic_prefix)
    }

    /// Of any client, an admin client among them: brokers and the user's settings.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check).
    pub fn client(&self) -> Result<BTreeMap<String, String>, SettingsFailure> {
        self.layered(&[], &[])
    }

    /// Of the worker's consumer.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check).
    pub fn consumer(&self) -> Result<BTreeMap<String, String>, SettingsFailure> {
        let mut settings = self.layered(
            &[
                ("session.timeout.ms", "10000"),
                ("heartbeat.interval.ms", "1000"),
                ("max.poll.interval.ms", "300000"),
                ("fetch.wait.max.ms", "10"),
                ("fetch.queue.backoff.ms", "5"),
                ("queued.max.messages.kbytes", "65536"),
                ("max.partition.fetch.bytes", "2097152"),
            ],
            &READER_FIXED,
        )?;
        settings.insert("partition.assignment.strategy".into(), "cooperative-sticky".into());
        settings.insert("group.id".into(), self.group_id.clone());
        settings.insert("group.instance.id".into(), self.group_instance_id.clone());
        Ok(settings)
    }

    /// Of the worker's producer.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check).
    pub fn producer(&self) -> Result<BTreeMap<String, String>, SettingsFailure> {
        let timeout = self.transaction_timeout_ms()?.to_string();
        let mut settings = self.layered(
            &[
                ("transaction.timeout.ms", timeout.as_str()),
                ("linger.ms", "5"),
                ("compression.codec", "lz4"),
                ("retry.backoff.ms", "10"),
                ("queue.buffering.max.messages", "1000000"),
            ],
            &[
                ("enable.idempotence", "true"),
                ("acks", "all"),
                ("delivery.report.only.error", "true"),
                ("partitioner", "murmur2_random"),
            ],
        )?;
        settings.insert("transactional.id".into(), self.transactional_id.clone());
        Ok(settings)
    }

    /// Of the reader of ledgers. It asks for the offsets of the group and never joins it: no instance id, no subscription.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check).
    pub fn restore(&self) -> Result<BTreeMap<String, String>, SettingsFailure> {
        let mut settings = self.layered(
            &[
                ("fetch.wait.max.ms", "10"),
                ("fetch.queue.backoff.ms", "5"),
                ("queued.max.messages.kbytes", "65536"),
                ("max.partition.fetch.bytes", "4194304"),
            ],
            &READER_FIXED,
        )?;
        settings.insert("group.id".into(), self.group_id.clone());
        Ok(settings)
    }

    /// Of the client that asks for watermarks: uncommitted, since a committed reader would be told the last stable offset.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check).
    pub fn watermarks(&self) -> Result<BTreeMap<String, String>, SettingsFailure> {
        self.layered(&[], &[("isolation.level", "read_uncommitted"), ("enable.auto.commit", "false")])
    }

    /// Defaults, below the user's settings, below what is fixed.
    fn layered(
        &self,
        defaults: &[(&str, &str)],
        fixed: &[(&str, &str)],
    ) -> Result<BTreeMap<String, String>, SettingsFailure> {
        self.check()?;
        let owned = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        let mut settings: BTreeMap<String, String> = owned(defaults).into_iter().collect();
        settings.extend(self.overrides.clone());
        settings.extend(owned(fixed));
        settings.insert("bootstrap.servers".into(), self.brokers.clone());
        Ok(settings)
    }
}

/// Kafka takes 249 characters; the rest is for the topic's own name.
const TOPIC_PREFIX_LEN_MAX: usize = 200;

/// What every reader of committed records has.
const READER_FIXED: [(&str, &str); 5] = [
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    ("isolation.level", "read_committed"),
    ("auto.offset.reset", "error"),
    ("enable.partition.eof", "true"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(overrides: &[(&str, &str)]) -> KafkaSettings {
        KafkaSettings {
            brokers: "kafka:9092".into(),
            topic_prefix: "tollkeeper".into(),
            group_id: "tollkeeper".into(),
            transactional_id: "tollkeeper-a-0".into(),
            group_instance_id: "a-0".into(),
            overrides: overrides.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect(),
        }
    }

    #[test]
    fn what_exactly_once_rests_on_is_refused_by_name_and_reason() {
        for (key, reason) in FIXED {
            let failure = settings(&[(key, "true")]).check().expect_err("a fixed key");
            assert_eq!(failure, SettingsFailure::Fixed { key: (*key).into(), reason });
            assert!(failure.to_string().contains(key), "{failure}");
        }
    }

    #[test]
    fn every_setting_that_the_clients_fix_is_in_the_list_of_fixed_keys() {
        let plain = settings(&[]);
        let every = [plain.consumer(), plain.producer(), plain.restore(), plain.watermarks()];
        let tunable = [
            "session.timeout.ms",
            "heartbeat.interval.ms",
            "max.poll.interval.ms",
            "fetch.wait.max.ms",
            "fetch.queue.backoff.ms",
            "queued.max.messages.kbytes",
            "max.partition.fetch.bytes",
            "transaction.timeout.ms",
            "linger.ms",
            "compression.codec",
            "retry.backoff.ms",
            "queue.buffering.max.messages",
        ];
        for key in every.into_iter().flat_map(|made| made.expect("plain settings are fine").into_keys()) {
            let fixed = FIXED.iter().any(|(name, _)| *name == key);
            assert!(fixed != tunable.contains(&key.as_str()), "{key} is either fixed or tunable");
        }
    }

    #[test]
    fn security_and_tuning_pass_through_to_every_client() {
        let given = settings(&[("security.protocol", "sasl_ssl"), ("linger.ms", "1")]);
        for made in [given.client(), given.consumer(), given.producer(), given.restore(), given.watermarks()] {
            let made = made.expect("fine");
            assert_eq!(made["security.protocol"], "sasl_ssl");
            assert_eq!(made["linger.ms"], "1");
            assert_eq!(made["bootstrap.servers"], "kafka:9092");
        }
    }

    #[test]
    fn the_reader_of_ledgers_shares_the_group_without_the_workers_identity() {
        let restore = settings(&[]).restore().expect("fine");
        assert_eq!(restore["group.id"], "tollkeeper");
        assert!(!restore.contains_key("group.instance.id"));
    }

    #[test]
    fn faults_of_the_worker_are_found_at_start() {
        let mut nameless = settings(&[]);
        nameless.transactional_id.clear();
        assert_eq!(nameless.check(), Err(SettingsFailure::Empty { name: "the transactional id" }));
        let mut spaced = settings(&[]);
        spaced.topic_prefix = "toll keeper".into();
        assert_eq!(spaced.check(), Err(SettingsFailure::TopicPrefix { prefix: "toll keeper".into() }));
        for value in ["", "soon", "999", "900001", "-1"] {
            let failure = settings(&[("transaction.timeout.ms", value)]).check();
            assert_eq!(failure, Err(SettingsFailure::TransactionTimeout { value: value.into() }));
        }
        let longest = settings(&[("transaction.timeout.ms", "900000")]);
        assert_eq!(longest.transaction_timeout_ms(), Ok(900_000));
        assert_eq!(longest.producer().expect("fine")["transaction.timeout.ms"], "900000");
    }
}
