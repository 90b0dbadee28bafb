//! The list of keys: what each means and may be. README's table, the example file and the checks are made from it.

use serde_json::Value;

use super::Settings;
use crate::core::identity::ACCEPTANCE_WINDOW_DAYS_MAX;
use crate::wire::catalog_record::{LEAD_SECONDS_MAX, LEAD_SECONDS_MIN};

/// Partitions at most; more would only cost restore jobs and file handles.
const PARTITIONS_MAX: u64 = 4096;
/// Worker threads at most.
const WORKERS_MAX: u64 = 64;
/// Records in one transaction at most; beyond 20,000 nothing is gained, and the memory of a batch grows.
const BATCH_RECORDS_MAX: u64 = 100_000;
/// `transaction.max.timeout.ms` of a broker that was not changed.
const TRANSACTION_TIMEOUT_MS_MAX: u64 = 900_000;
/// Months that funds live at most: no calendar of a card scheme reaches further.
const LOT_LIFETIME_MONTHS_MAX: u64 = 120;
/// Warnings, or tries of a recharge, at most.
const RULE_LIST_LEN_MAX: usize = 10;

/// One key of the configuration.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its name, with its unit.
    pub name: &'static str,
    /// What it may be.
    pub kind: Kind,
    /// What it means, for the operator.
    pub meaning: &'static str,
}

/// What a value may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// An IP address and a port.
    Address,
    /// A whole number, bounds included.
    Whole {
        /// The least.
        min: u64,
        /// The most.
        max: u64,
    },
    /// A list of whole numbers, bounds included; commas between them on the command line.
    Wholes {
        /// The least.
        min: u64,
        /// The most.
        max: u64,
        /// How many at most.
        len_max: usize,
    },
    /// `true` or `false`.
    Flag,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// The `[kafka]` table.
    Table,
    /// The `[[intake]]` tables.
    Inputs,
}

/// All keys, in the order of README and example file.
pub const KEYS: [Key; 27] = [
    Key { name: "brokers", kind: Kind::Text, meaning: "Kafka brokers to begin with, `host:port`, separated by commas" },
    Key { name: "topic_prefix", kind: Kind::Text, meaning: "topics are called `<topic_prefix>.<name>`" },
    Key {
        name: "partitions",
        kind: Kind::Whole { min: 1, max: PARTITIONS_MAX },
        meaning: "partitions of every topic that is keyed by tenant; fixed once the topics exist, any difference stops the start",
    },
    Key { name: "group_id", kind: Kind::Text, meaning: "the consumer group; all nodes of one engine share it" },
    Key {
        name: "instance",
        kind: Kind::Text,
        meaning: "name of this node, unique in the group and stable over restarts: `<group_id>-<instance>-<worker>` is `transactional.id` and `group.instance.id`; empty: the host name",
    },
    Key {
        name: "workers",
        kind: Kind::Whole { min: 1, max: WORKERS_MAX },
        meaning: "worker threads, each with a consumer and a transactional producer; two per core hide the wait for commits",
    },
    Key {
        name: "catalog",
        kind: Kind::Text,
        meaning: "directory with the price lists, plans and number plan, the same on all nodes; empty: what is published in the topic `catalog`",
    },
    Key {
        name: "catalog_stale_seconds",
        kind: Kind::Whole { min: 3, max: 3_600 },
        meaning: "nothing is rated while it is not known for longer what is published in the topic `catalog`; its end is asked for ten times as often",
    },
    Key {
        name: "publish_lead_seconds",
        kind: Kind::Whole { min: LEAD_SECONDS_MIN as u64, max: LEAD_SECONDS_MAX as u64 },
        meaning: "what `tollkeeper deck` publishes comes into force so long after at the earliest; every node knows of it by then",
    },
    Key {
        name: "http_listen",
        kind: Kind::Address,
        meaning: "where `/metrics`, `/health/live` and `/health/ready` are served; no authentication, so keep it private",
    },
    Key {
        name: "commit_interval_ms",
        kind: Kind::Whole { min: 1, max: 60_000 },
        meaning: "a transaction is committed after this time at the latest; at most half of `transaction_timeout_ms`",
    },
    Key {
        name: "batch_records_max",
        kind: Kind::Whole { min: 1, max: BATCH_RECORDS_MAX },
        meaning: "a transaction is committed at this many records at the latest",
    },
    Key {
        name: "transaction_timeout_ms",
        kind: Kind::Whole { min: 1_000, max: TRANSACTION_TIMEOUT_MS_MAX },
        meaning: "the broker aborts a transaction that is open for longer; the watchdog ends the process after twice this time without a step",
    },
    Key {
        name: "shutdown_deadline_seconds",
        kind: Kind::Whole { min: 1, max: 600 },
        meaning: "a graceful stop (SIGTERM) ends by then, committed or not; at least `transaction_timeout_ms`, and below the grace period of the container",
    },
    Key {
        name: "acceptance_window_days",
        kind: Kind::Whole { min: 1, max: ACCEPTANCE_WINDOW_DAYS_MAX as u64 },
        meaning: "a call that ended longer ago is quarantined as `too_late`; identities are remembered for the window and a day",
    },
    Key {
        name: "acceptance_ahead_minutes",
        kind: Kind::Whole { min: 0, max: 1_440 },
        meaning: "a call that ends further ahead of the partition's clock is quarantined as `in_future`",
    },
    Key {
        name: "no_rate",
        kind: Kind::Choice(&["quarantine", "free_call"]),
        meaning: "a call that no price list prices: put aside as `no_rate`, or debited with 0 and marked; a tenant may say otherwise",
    },
    Key {
        name: "lot_lifetime_months",
        kind: Kind::Whole { min: 1, max: LOT_LIFETIME_MONTHS_MAX },
        meaning: "what is left of funds lapses so long after they were added",
    },
    Key {
        name: "expiry_warning_days",
        kind: Kind::Wholes { min: 1, max: 365, len_max: RULE_LIST_LEN_MAX },
        meaning: "days before funds lapse on which `funds.expiring` is sent",
    },
    Key {
        name: "recharge_retry_minutes",
        kind: Kind::Wholes { min: 1, max: 30 * 24 * 60, len_max: RULE_LIST_LEN_MAX },
        meaning: "how long after each failure in a row a recharge is tried again; after the last, auto-recharge is suspended",
    },
    Key {
        name: "input_wait_alarm_seconds",
        kind: Kind::Whole { min: 1, max: 3_600 },
        meaning: "a partition that waits longer for one of its inputs raises the alarm",
    },
    Key {
        name: "clock_skew_alarm_seconds",
        kind: Kind::Whole { min: 1, max: 3_600 },
        meaning: "a wall clock further off the broker's raises the alarm",
    },
    Key {
        name: "allow_ledger_retention",
        kind: Kind::Flag,
        meaning: "start although the `ledger` topic deletes records some day: what is deleted cannot be recovered",
    },
    Key { name: "log_format", kind: Kind::Choice(&["text", "json"]), meaning: "form of the logs on standard error" },
    Key {
        name: "log_filter",
        kind: Kind::Text,
        meaning: "what is logged: a level, or `target=level` directives separated by commas",
    },
    Key {
        name: "kafka",
        kind: Kind::Table,
        meaning: "settings of the Kafka client (librdkafka) that are passed through, TLS and SASL among them; what exactly-once rests on is refused",
    },
    Key {
        name: "intake",
        kind: Kind::Inputs,
        meaning: "topics with CDRs as switches write them: `topic` (its whole name), `format` (as `--input-format` of `tollkeeper rate`), `mapping` (its file); each is a thread of `tollkeeper run` or `tollkeeper intake`",
    },
];

impl Key {
    /// The key of this name.
    pub fn named(name: &str) -> Option<&'static Key> {
        KEYS.iter().find(|key| key.name == name)
    }

    /// The default as TOML writes it.
    pub fn default_text(&self) -> String {
        let defaults = serde_json::to_value(Settings::default()).expect("the default paths are UTF-8");
        // JSON and TOML write strings without control characters, whole numbers and flags alike; the table is empty.
        defaults[self.name].to_string()
    }
}

impl Kind {
    /// Reads a value from the environment or the command line.
    pub(super) fn parse(self, text: &str) -> Result<Value, String> {
        match self {
            Kind::Text | Kind::Address | Kind::Choice(_) => Ok(Value::from(text)),
            Kind::Whole { .. } => {
                text.parse::<i64>().map(Value::from).map_err(|_| format!("{text} is not a whole number"))
            }
            Kind::Wholes { .. } => {
                let numbers = text.split(',').map(str::trim).filter(|one| !one.is_empty()).map(str::parse::<i64>);
                let numbers = numbers.collect::<Result<Vec<i64>, _>>();
                numbers.map(Value::from).map_err(|_| format!("{text} is not a list of whole numbers, as 30,7"))
            }
            Kind::Flag => text.parse::<bool>().map(Value::from).map_err(|_| format!("{text} is not true or false")),
            Kind::Table => Err("give single settings: `kafka.<setting>`".to_owned()),
            Kind::Inputs => Err("can be given in the file only".to_owned()),
        }
    }

    /// Whether a value is of this kind and in its range.
    pub(super) fn check(self, value: &Value) -> Result<(), String> {
        let text = || value.as_str().ok_or_else(|| "must be a string".to_owned());
        match self {
            Kind::Text => text().map(|_| ()),
            Kind::Address => {
                let text = text()?;
                let parsed = text.parse::<std::net::SocketAddr>();
                parsed.map(|_| ()).map_err(|_| format!("`{text}` is not an IP address and a port, as 127.0.0.1:9464"))
            }
            Kind::Whole { min, max } => match value.as_i64().map(u64::try_from) {
                Some(Ok(number)) if (min..=max).contains(&number) => Ok(()),
                Some(_) => Err(format!("{value} is not from {min} to {max}")),
                None => Err("must be a whole number".to_owned()),
            },
            Kind::Wholes { min, max, len_max } => {
                let numbers = value.as_array().ok_or_else(|| "must be a list of whole numbers".to_owned())?;
                if numbers.len() > len_max {
                    return Err(format!("{value} has more than {len_max}"));
                }
                numbers.iter().try_for_each(|number| Kind::Whole { min, max }.check(number))
            }
            Kind::Flag => value.as_bool().map(|_| ()).ok_or_else(|| "must be true or false".to_owned()),
            Kind::Choice(words) => {
                let word = text()?;
                if words.contains(&word) { Ok(()) } else { Err(format!("{word} is not one of {}", words.join(", "))) }
            }
            Kind::Table => value.as_object().map(|_| ()).ok_or_else(|| "must be a table".to_owned()),
            Kind::Inputs => super::intake::check(value),
        }
    }

    /// The range in words.
    fn describe(self) -> String {
        match self {
            Kind::Text => "text".to_owned(),
            Kind::Address => "IP:port".to_owned(),
            Kind::Whole { min, max } => format!("{min} to {max}"),
            Kind::Wholes { min, max, len_max } => format!("up to {len_max} of {min} to {max}"),
            Kind::Flag => "`true`, `false`".to_owned(),
            Kind::Choice(words) => words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", "),
            Kind::Table => "table".to_owned(),
            Kind::Inputs => "tables".to_owned(),
        }
    }
}

/// README's table of keys.
pub fn markdown_table() -> String {
    let mut table = String::from("| key | default | range | meaning |\n|---|---|---|---|\n");
    for key in &KEYS {
        let (name, default, range) = (key.name, key.default_text(), key.kind.describe());
        table.push_str(&format!("| `{name}` | `{default}` | {range} | {} |\n", key.meaning));
    }
    table
}

/// The text of `deploy/tollkeeper.example.toml`: every key at its default.
pub fn example_file() -> String {
    let mut file = String::from(
        "# Tollkeeper's configuration: every key with its default. Keys left out keep it; unknown keys are refused.\n\
         # A variable TOLLKEEPER_<KEY> of the environment beats this file, a flag beats both.\n",
    );
    for key in KEYS.iter().filter(|key| !matches!(key.kind, Kind::Table | Kind::Inputs)) {
        let (name, default, range) = (key.name, key.default_text(), key.kind.describe().replace('`', ""));
        let meaning = key.meaning.replace('`', "");
        file.push_str(&format!("\n# {meaning}\n# ({range})\n{name} = {default}\n"));
    }
    let kafka = Key::named("kafka").expect("the table is a key");
    file.push_str(&format!("\n# {}\n[kafka]\n", kafka.meaning));
    file.push_str(
        "# security.protocol = \"SASL_SSL\"\n# ssl.ca.location = \"/etc/tollkeeper/ca.pem\"\n\
         # sasl.mechanism = \"SCRAM-SHA-512\"\n# sasl.username = \"tollkeeper\"\n\
         # sasl.password comes best from the environment: TOLLKEEPER_KAFKA_SASL_PASSWORD\n",
    );
    let intake = Key::named("intake").expect("the inputs are a key");
    file.push_str(&format!(
        "\n# {}\n# [[intake]]\n# topic = \"freeswitch-cdrs\"\n# format = \"freeswitch_json\"\n\
         # mapping = \"/etc/tollkeeper/freeswitch.toml\"\n",
        intake.meaning.replace('`', "")
    ));
    file
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_field_of_the_settings_is_a_documented_key() {
        let defaults = serde_json::to_value(Settings::default()).unwrap();
        let fields: BTreeSet<&str> = defaults.as_object().unwrap().keys().map(String::as_str).collect();
        let keys: BTreeSet<&str> = KEYS.iter().map(|key| key.name).collect();
        assert_eq!(fields, keys);
    }

    #[test]
    fn bounds_belong_to_the_range() {
        let kind = Kind::Whole { min: 1, max: 3 };
        for (value, accepted) in [(0, false), (1, true), (3, true), (4, false), (-1, false)] {
            assert_eq!(kind.check(&Value::from(value)).is_ok(), accepted, "{value}");
        }
        assert!(kind.check(&Value::from(1.5)).is_err());
        assert!(kind.check(&Value::from("1")).is_err());
    }
}
