//! The topics as a table: names, partitions, and the settings that the engine rests on.

use std::fmt;

/// The key of the record in `catalog` that holds the partition count.
pub const PARTITIONS_KEY: &str = "partitions";
/// A group that is down for longer than the brokers keep offsets loses them; below this many minutes that is a warning.
pub const OFFSETS_RETENTION_MINUTES_MIN: i64 = 14 * 24 * 60;

/// One topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopicSpec {
    /// The name without the prefix.
    pub name: &'static str,
    /// How many partitions it has.
    pub partitions: Partitions,
    /// The settings that matter; all others are the operator's.
    pub settings: &'static [Setting],
}

/// How many partitions a topic has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Partitions {
    /// As many as all topics that are keyed by tenant.
    ByTenant,
    /// One: it is read whole.
    One,
}

/// A setting of a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Kafka's name of it.
    pub key: &'static str,
    /// What it is created with.
    pub value: Value,
    /// Which other values do as well.
    pub accepts: Accepts,
    /// What a value that does not do is.
    pub severity: Severity,
    /// What goes wrong with another value, as half a sentence.
    pub otherwise: &'static str,
}

/// The value of a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// A word.
    Word(&'static str),
    /// A time in days; Kafka has it in milliseconds.
    Days(u32),
    /// A size in MiB; Kafka has it in bytes.
    Mebibytes(u32),
    /// Without end; Kafka says -1.
    Unlimited,
}

/// Which values a setting may have besides its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepts {
    /// None.
    Same,
    /// Greater ones; -1 is greater than any.
    OrMore,
    /// Smaller ones.
    OrLess,
}

/// How bad a difference is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The engine starts and says so.
    Warning,
    /// The engine does not start.
    Error,
}

/// How often a record is kept, and how many copies must have it before it counts as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replication {
    /// `replication.factor`.
    pub factor: u32,
    /// `min.insync.replicas`.
    pub min_insync: u32,
}

impl Replication {
    /// Three and two where there are three brokers; fewer brokers cannot lose one and go on, so one and one.
    pub fn for_brokers(brokers: usize) -> Replication {
        if brokers >= 3 { Replication { factor: 3, min_insync: 2 } } else { Replication { factor: 1, min_insync: 1 } }
    }
}

impl fmt::Display for Value {
    /// As Kafka takes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Word(word) => f.write_str(word),
            Value::Days(days) => (u64::from(*days) * 24 * 60 * 60 * 1000).fmt(f),
            Value::Mebibytes(mebibytes) => (u64::from(*mebibytes) * 1024 * 1024).fmt(f),
            Value::Unlimited => f.write_str("-1"),
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Severity::Warning => "warning",
            Severity::Error => "error",
        })
    }
}

impl Setting {
    /// Whether `value`, as Kafka shows it, will do.
    pub fn accepts(&self, value: &str) -> bool {
        let own = self.value.to_string();
        let greater = |one: i64, other: i64| one != other && other != -1 && (one == -1 || one > other);
        match (self.accepts, value.parse::<i64>(), own.parse::<i64>()) {
            _ if value == own => true,
            (Accepts::OrMore, Ok(is), Ok(own)) => greater(is, own),
            (Accepts::OrLess, Ok(is), Ok(own)) => greater(own, is),
            _ => false,
        }
    }
}

/// The full name of a topic.
pub fn topic_name(prefix: &str, name: &str) -> String {
    format!("{prefix}.{name}")
}

const fn kept(days: u32) -> Setting {
    Setting {
        key: "retention.ms",
        value: Value::Days(days),
        accepts: Accepts::OrMore,
        severity: Severity::Warning,
        otherwise: "records are gone sooner than the guarantees count on",
    }
}

const UNBOUNDED_SIZE: Setting = Setting {
    key: "retention.bytes",
    value: Value::Unlimited,
    accepts: Accepts::Same,
    severity: Severity::Warning,
    otherwise: "records are gone before their time when there are many",
};

const DELETED: Setting = Setting {
    key: "cleanup.policy",
    value: Value::Word("delete"),
    accepts: Accepts::Same,
    severity: Severity::Error,
    otherwise: "compaction removes all but the last record of each tenant",
};

const COMPACTED: Setting = Setting {
    key: "cleanup.policy",
    value: Value::Word("compact"),
    accepts: Accepts::Same,
    severity: Severity::Error,
    otherwise: "what is still in force is deleted by its age",
};

const APPEND_TIME: Setting = Setting {
    key: "message.timestamp.type",
    value: Value::Word("LogAppendTime"),
    accepts: Accepts::Same,
    severity: Severity::Error,
    otherwise: "the partition's clock follows the clocks of producers",
};

const LEDGER_FOR_EVER: Setting = Setting {
    severity: Severity::Error,
    accepts: Accepts::Same,
    value: Value::Unlimited,
    otherwise: "events of accounts are deleted, and the ledger is their only record",
    ..kept(0)
};

const LEDGER_UNBOUNDED: Setting =
    Setting { severity: Severity::Error, otherwise: LEDGER_FOR_EVER.otherwise, ..UNBOUNDED_SIZE };

/// Every topic.
pub const TOPICS: [TopicSpec; 9] = [
    TopicSpec {
        name: "cdrs",
        partitions: Partitions::ByTenant,
        settings: &[DELETED, kept(14), UNBOUNDED_SIZE, APPEND_TIME],
    },
    TopicSpec {
        name: "commands",
        partitions: Partitions::ByTenant,
        settings: &[DELETED, kept(40), UNBOUNDED_SIZE, APPEND_TIME],
    },
    TopicSpec {
        name: "reroute",
        partitions: Partitions::ByTenant,
        settings: &[DELETED, kept(14), UNBOUNDED_SIZE, APPEND_TIME],
    },
    TopicSpec {
        name: "ledger",
        partitions: Partitions::ByTenant,
        settings: &[DELETED, LEDGER_FOR_EVER, LEDGER_UNBOUNDED],
    },
    TopicSpec { name: "alerts", partitions: Partitions::ByTenant, settings: &[DELETED, kept(30)] },
    TopicSpec { name: "quarantine", partitions: Partitions::ByTenant, settings: &[DELETED, kept(90)] },
    TopicSpec {
        name: "snapshots",
        partitions: Partitions::ByTenant,
        settings: &[
            COMPACTED,
            Setting {
                key: "min.cleanable.dirty.ratio",
                value: Value::Word("0.1"),
                accepts: Accepts::Same,
                severity: Severity::Warning,
                otherwise: "old snapshots are read through at every start",
            },
            Setting {
                key: "segment.bytes",
                value: Value::Mebibytes(128),
                accepts: Accepts::OrLess,
                severity: Severity::Warning,
                otherwise: "the last segment is never compacted, and read through at every start",
            },
            Setting {
                key: "delete.retention.ms",
                value: Value::Days(1),
                accepts: Accepts::OrMore,
                severity: Severity::Warning,
                otherwise: "a long restore can miss that something was removed",
            },
        ],
    },
    TopicSpec { name: "catalog", partitions: Partitions::One, settings: &[COMPACTED, APPEND_TIME] },
    TopicSpec { name: "owners", partitions: Partitions::One, settings: &[COMPACTED] },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::transport::{Input, Output};

    #[test]
    fn every_input_and_output_is_a_topic_of_all_partitions() {
        let names = Input::ALL.map(Input::name).into_iter().chain(Output::ALL.map(Output::name));
        for name in names {
            let spec = TOPICS.iter().find(|spec| spec.name == name);
            assert_eq!(spec.map(|spec| spec.partitions), Some(Partitions::ByTenant), "{name}");
        }
    }

    #[test]
    fn a_setting_accepts_what_is_as_safe() {
        let cases = [
            (kept(14), "1209600000", true),
            (kept(14), "1209600001", true),
            (kept(14), "1209599999", false),
            (kept(14), "-1", true),
            (LEDGER_FOR_EVER, "-1", true),
            (LEDGER_FOR_EVER, "604800000", false),
            (LEDGER_UNBOUNDED, "1073741824", false),
            (APPEND_TIME, "LogAppendTime", true),
            (APPEND_TIME, "CreateTime", false),
            (COMPACTED, "compact,delete", false),
        ];
        for (setting, value, expected) in cases {
            assert_eq!(setting.accepts(value), expected, "{}={value}", setting.key);
        }
        let segment = TOPICS[6].settings[2];
        let cases = [("134217728", true), ("67108864", true), ("1073741824", false), ("-1", false)];
        for (value, expected) in cases {
            assert_eq!(segment.accepts(value), expected, "{}={value}", segment.key);
        }
    }

    #[test]
    fn three_brokers_keep_three_copies() {
        assert_eq!(Replication::for_brokers(1), Replication { factor: 1, min_insync: 1 });
        assert_eq!(Replication::for_brokers(2), Replication { factor: 1, min_insync: 1 });
        assert_eq!(Replication::for_brokers(5), Replication { factor: 3, min_insync: 2 });
    }
}
