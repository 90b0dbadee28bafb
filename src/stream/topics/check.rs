//! `tollkeeper topics check`, and the same at every start: what the cluster has that differs from the layout.

use std::collections::BTreeMap;
use std::fmt;

use rdkafka::ClientConfig;
use rdkafka::admin::{ConfigResource, ResourceSpecifier};

use super::TopicsFailure;
use super::cluster::{Cluster, TopicFound};
use super::create::partitions_of;
use super::layout::{
    OFFSETS_RETENTION_MINUTES_MIN, Replication, Setting, Severity, TOPICS, TopicSpec, Value, topic_name,
};

/// Whether a ledger that is deleted after some time, or at some size, is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LedgerDeletion {
    /// It is an error: the ledger is the only record of the accounts.
    Refused,
    /// The operator has said that it is wanted; it is a warning.
    Allowed,
}

/// One thing that differs from the layout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Whether the engine may start with it.
    pub severity: Severity,
    /// Where: the full name of a topic, or `broker ID`.
    pub place: String,
    /// What differs: the name of a setting, `topic`, `partitions`, `recorded partitions` or `replication.factor`.
    pub setting: String,
    /// How it is.
    pub is: String,
    /// How it should be.
    pub should_be: String,
    /// What goes wrong otherwise, and what to do.
    pub action: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Difference { severity, place, setting, is, should_be, action } = self;
        write!(f, "{severity}: {place}: {setting} is {is}, should be {should_be}: {action}")
    }
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// The partition count that is recorded in `catalog`; `None`: none is, and that is among the differences.
    pub partitions: Option<u32>,
    /// Every difference, topic by topic in the order of the layout, then the brokers.
    pub differences: Vec<Difference>,
}

impl Checked {
    /// The differences with which the engine must not start.
    pub fn errors(&self) -> impl Iterator<Item = &Difference> {
        self.differences.iter().filter(|difference| difference.severity == Severity::Error)
    }
}

impl fmt::Display for Checked {
    /// A line for each difference, and a last one with the verdict.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for difference in &self.differences {
            writeln!(f, "{difference}")?;
        }
        let errors = self.errors().count();
        write!(f, "{errors} errors, {} warnings", self.differences.len() - errors)
    }
}

/// Compares the topics of `prefix` and the brokers with the layout. Changes nothing.
///
/// # Errors
///
/// Whatever makes the cluster not answer, and a record of the partition count that cannot be read.
pub fn check(config: &ClientConfig, prefix: &str, deletion: LedgerDeletion) -> Result<Checked, TopicsFailure> {
    let cluster = Cluster::new(config)?;
    let names: Vec<String> = TOPICS.iter().map(|spec| topic_name(prefix, spec.name)).collect();
    let found = cluster.topics(&names)?;
    let brokers = cluster.brokers()?;
    let broker_ids = brokers.iter().map(|id| ResourceSpecifier::Broker(*id));
    let settings = cluster
        .settings(&found.keys().map(|name| ResourceSpecifier::Topic(name)).chain(broker_ids).collect::<Vec<_>>())?;
    let catalog = topic_name(prefix, "catalog");
    let partitions = if found.contains_key(&catalog) { cluster.recorded_partitions(prefix)? } else { None };

    let mut differences = Vec::new();
    if partitions.is_none() {
        differences.push(nothing_recorded(&catalog));
    }
    let replication = Replication::for_brokers(brokers.len());
    for spec in &TOPICS {
        let topic = topic_name(prefix, spec.name);
        match (found.get(&topic), settings.get(&topic)) {
            (Some(found), Some(settings)) => {
                differences.extend(partitions_differ(spec, &topic, found, partitions));
                differences.extend(replication_differs(&topic, found, settings, replication));
                let compared = spec.settings.iter().filter_map(|setting| setting_differs(&topic, settings, setting));
                differences.extend(compared.map(|difference| judge_ledger(spec, difference, deletion)));
            }
            _ => differences.push(missing(topic)),
        }
    }
    differences.extend(brokers.iter().filter_map(|id| offsets_expire_soon(*id, &settings)));
    Ok(Checked { partitions, differences })
}

fn missing(topic: String) -> Difference {
    Difference {
        severity: Severity::Error,
        place: topic,
        setting: String::from("topic"),
        is: String::from("missing"),
        should_be: String::from("there"),
        action: String::from("run `tollkeeper topics create`"),
    }
}

fn nothing_recorded(catalog: &str) -> Difference {
    Difference {
        severity: Severity::Error,
        place: String::from(catalog),
        setting: String::from("recorded partitions"),
        is: String::from("missing"),
        should_be: String::from("the count of all topics"),
        action: String::from("run `tollkeeper topics create` with the count that the topics have"),
    }
}

fn partitions_differ(spec: &TopicSpec, topic: &str, found: &TopicFound, recorded: Option<u32>) -> Option<Difference> {
    let should_be = partitions_of(spec, recorded?);
    (found.partitions != should_be).then(|| Difference {
        severity: Severity::Error,
        place: String::from(topic),
        setting: String::from("partitions"),
        is: found.partitions.to_string(),
        should_be: should_be.to_string(),
        action: String::from(
            "tenants would be looked for on partitions where they are not; the count cannot be taken back: use a new \
             prefix and migrate from the ledger",
        ),
    })
}

fn replication_differs(
    topic: &str,
    found: &TopicFound,
    settings: &ConfigResource,
    replication: Replication,
) -> Vec<Difference> {
    let wanted = [
        ("replication.factor", found.replicas_min.to_string(), replication.factor, "kafka-reassign-partitions.sh"),
        ("min.insync.replicas", shown(settings, "min.insync.replicas"), replication.min_insync, "kafka-configs.sh"),
    ];
    let too_few =
        wanted.into_iter().filter(|(_, is, should_be, _)| is.parse::<u32>().map_or(true, |is| is < *should_be));
    too_few
        .map(|(setting, is, should_be, tool)| Difference {
            severity: Severity::Warning,
            place: String::from(topic),
            setting: String::from(setting),
            is,
            should_be: should_be.to_string(),
            action: format!("the loss of one broker can lose what was acknowledged; raise it with {tool}"),
        })
        .collect()
}

fn setting_differs(topic: &str, settings: &ConfigResource, setting: &Setting) -> Option<Difference> {
    let is = shown(settings, setting.key);
    let should_be = setting.value;
    (!setting.accepts(&is)).then(|| Difference {
        severity: setting.severity,
        place: String::from(topic),
        setting: String::from(setting.key),
        is,
        should_be: match should_be {
            Value::Unlimited => String::from("-1 (unlimited)"),
            Value::Days(days) => format!("{should_be} ({days} days)"),
            Value::Word(_) | Value::Mebibytes(_) => should_be.to_string(),
        },
        action: format!(
            "{}; run `kafka-configs.sh --alter --entity-type topics --entity-name {topic} --add-config {}={should_be}`",
            setting.otherwise, setting.key
        ),
    })
}

/// A ledger with an end is an error, unless the operator has said that it is meant.
fn judge_ledger(spec: &TopicSpec, difference: Difference, deletion: LedgerDeletion) -> Difference {
    let ends = spec.name == "ledger" && difference.setting.starts_with("retention.");
    match deletion {
        LedgerDeletion::Allowed if ends => Difference { severity: Severity::Warning, ..difference },
        LedgerDeletion::Allowed | LedgerDeletion::Refused => difference,
    }
}

fn offsets_expire_soon(broker: i32, settings: &BTreeMap<String, ConfigResource>) -> Option<Difference> {
    const KEY: &str = "offsets.retention.minutes";
    let is = shown(settings.get(&broker.to_string())?, KEY);
    let soon = is.parse::<i64>().map_or(true, |minutes| minutes < OFFSETS_RETENTION_MINUTES_MIN);
    soon.then(|| Difference {
        severity: Severity::Warning,
        place: format!("broker {broker}"),
        setting: String::from(KEY),
        is,
        should_be: format!("{OFFSETS_RETENTION_MINUTES_MIN} or more"),
        action: String::from(
            "an engine that is down for longer loses its offsets and needs `tollkeeper offsets rewind`; set it in the \
             brokers' server.properties",
        ),
    })
}

/// The value as Kafka shows it; the brokers of today show all of those that the layout asks for.
fn shown(settings: &ConfigResource, key: &str) -> String {
    settings.get(key).and_then(|entry| entry.value.clone()).unwrap_or_else(|| String::from("unknown"))
}
