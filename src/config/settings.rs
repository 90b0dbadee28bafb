//! The keys of the configuration as Rust has them, and the rules between them.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::keys::KEYS;
use super::{Fault, IntakeSettings, TRANSACTIONAL_ID_LEN_MAX};
use crate::core::tenant::NoRatePolicy;
use crate::stream::settings::FIXED;

/// All keys with their values. What each means and its range are in [`KEYS`], which is also the README's table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "KEYS documents each key once, for README, example file and reader alike")]
pub struct Settings {
    pub brokers: String,
    pub topic_prefix: String,
    pub partitions: u32,
    pub group_id: String,
    pub instance: String,
    pub workers: u32,
    pub catalog: PathBuf,
    pub catalog_stale_seconds: u64,
    pub publish_lead_seconds: u32,
    pub http_listen: SocketAddr,
    pub commit_interval_ms: u64,
    pub batch_records_max: u32,
    pub transaction_timeout_ms: u64,
    pub shutdown_deadline_seconds: u64,
    pub acceptance_window_days: u32,
    pub acceptance_ahead_minutes: u32,
    #[serde(with = "no_rate_code")]
    pub no_rate: NoRatePolicy,
    pub lot_lifetime_months: u16,
    pub expiry_warning_days: Vec<u32>,
    pub recharge_retry_minutes: Vec<u32>,
    pub input_wait_alarm_seconds: u64,
    pub clock_skew_alarm_seconds: u64,
    pub allow_ledger_retention: bool,
    pub log_format: LogFormat,
    pub log_filter: String,
    pub kafka: KafkaSettings,
    pub intake: Vec<IntakeSettings>,
}

/// The form of the logs on standard error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One object a line, for machines.
    Json,
}

/// Settings of the Kafka client that are passed through as they are, TLS and SASL among them.
///
/// None of them is one that exactly-once rests on. Its debug form hides secrets.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KafkaSettings(BTreeMap<String, String>);

/// Parts of the names of client settings that hold a secret.
const SECRET_MARKS: [&str; 4] = ["password", "secret", "pem", "jaas"];

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            brokers: "localhost:9092".to_owned(),
            topic_prefix: "tollkeeper".to_owned(),
            partitions: 64,
            group_id: "tollkeeper".to_owned(),
            instance: String::new(),
            workers: 2,
            catalog: PathBuf::new(),
            catalog_stale_seconds: 300,
            publish_lead_seconds: 900,
            http_listen: SocketAddr::from(([127, 0, 0, 1], 9464)),
            commit_interval_ms: 100,
            batch_records_max: 20_000,
            transaction_timeout_ms: 10_000,
            shutdown_deadline_seconds: 25,
            acceptance_window_days: 7,
            acceptance_ahead_minutes: 5,
            no_rate: NoRatePolicy::Quarantine,
            lot_lifetime_months: 12,
            expiry_warning_days: vec![30, 7],
            recharge_retry_minutes: vec![60, 6 * 60, 24 * 60],
            input_wait_alarm_seconds: 30,
            clock_skew_alarm_seconds: 30,
            allow_ledger_retention: false,
            log_format: LogFormat::Text,
            log_filter: "info".to_owned(),
            kafka: KafkaSettings::default(),
            intake: Vec::new(),
        }
    }
}

impl Settings {
    /// Keys out of their ranges.
    pub(super) fn faults_of_keys(&self) -> Vec<Fault> {
        let Ok(Value::Object(values)) = serde_json::to_value(self) else {
            return vec![fault("catalog", "is not a path in UTF-8".to_owned())];
        };
        let kafka_faults = self.kafka.0.keys().filter_map(|name| {
            KafkaSettings::check(name).err().map(|message| fault(&format!("kafka.{name}"), message))
        });
        KEYS.iter()
            .filter_map(|key| key.kind.check(&values[key.name]).err().map(|message| fault(key.name, message)))
            .chain(kafka_faults)
            .collect()
    }

    /// Rules that a single value cannot show.
    pub(super) fn faults_between_keys(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        for broker in self.brokers.split(',').map(str::trim) {
            let is_address = broker
                .rsplit_once(':')
                .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0));
            if !is_address {
                faults.push(fault("brokers", format!("`{broker}` is not host:port")));
            }
        }
        for (key, name) in
            [("topic_prefix", &self.topic_prefix), ("group_id", &self.group_id), ("instance", &self.instance)]
        {
            if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)) {
                faults.push(fault(key, format!("`{name}` is not made of letters, digits, `.`, `_` and `-`")));
            }
        }
        let id_len = self.worker_id(self.workers).len();
        if id_len > TRANSACTIONAL_ID_LEN_MAX {
            let message =
                format!("with group_id it makes a transactional.id of {id_len} bytes, over {TRANSACTIONAL_ID_LEN_MAX}");
            faults.push(fault("instance", message));
        }
        if self.workers > self.partitions {
            faults.push(fault("workers", format!("{} are more than partitions ({})", self.workers, self.partitions)));
        }
        if self.commit_interval_ms > self.transaction_timeout_ms / 2 {
            let message = format!(
                "{} is more than half of transaction_timeout_ms ({}): the broker would abort slow commits",
                self.commit_interval_ms, self.transaction_timeout_ms
            );
            faults.push(fault("commit_interval_ms", message));
        }
        if self.shutdown_deadline_seconds.saturating_mul(1000) < self.transaction_timeout_ms {
            let message = format!(
                "{} is shorter than transaction_timeout_ms ({}): the last commit could not end",
                self.shutdown_deadline_seconds, self.transaction_timeout_ms
            );
            faults.push(fault("shutdown_deadline_seconds", message));
        }
        // A publication is committed, and a batch with the catalog before it, within a transaction's timeout each.
        let ahead_seconds = u64::from(self.acceptance_ahead_minutes) * 60;
        let transactions_seconds = self.transaction_timeout_ms.saturating_mul(2).div_ceil(1000);
        let lead_min_seconds = ahead_seconds + self.catalog_stale_seconds + transactions_seconds;
        if u64::from(self.publish_lead_seconds) < lead_min_seconds {
            let message = format!(
                "{} is less than acceptance_ahead_minutes, catalog_stale_seconds and twice transaction_timeout_ms together \
                 ({lead_min_seconds}): a call could be rated before its node knows of the version that prices it",
                self.publish_lead_seconds
            );
            faults.push(fault("publish_lead_seconds", message));
        }
        if let Err(message) = crate::logs::check_filter(&self.log_filter) {
            faults.push(fault("log_filter", message));
        }
        faults.extend(self.faults_of_intake());
        faults
    }

    pub(super) fn worker_id(&self, worker: u32) -> String {
        format!("{}-{}-{worker}", self.group_id, self.instance)
    }
}

impl KafkaSettings {
    /// The settings, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether a client setting may be passed through.
    pub(super) fn check(name: &str) -> Result<(), String> {
        match FIXED.iter().find(|(fixed, _)| *fixed == name) {
            Some((_, why)) => Err((*why).to_owned()),
            None if name == "transaction.timeout.ms" => Err("it is set by `transaction_timeout_ms`".to_owned()),
            None if name.is_empty() => Err("a client setting needs a name".to_owned()),
            None => Ok(()),
        }
    }
}

impl FromIterator<(String, String)> for KafkaSettings {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(settings: I) -> KafkaSettings {
        KafkaSettings(settings.into_iter().collect())
    }
}

impl fmt::Debug for KafkaSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let masked = self.iter().map(|(name, value)| {
            let secret = SECRET_MARKS.iter().any(|mark| name.contains(mark));
            (name, if secret { "***" } else { value })
        });
        f.debug_map().entries(masked).finish()
    }
}

pub(super) fn fault(key: &str, message: String) -> Fault {
    Fault { key: key.to_owned(), origin: None, message }
}

/// The policy of the core, written as its stable code.
mod no_rate_code {
    use serde::de::{Deserialize, Deserializer, Error};
    use serde::ser::Serializer;

    use crate::core::tenant::NoRatePolicy;

    pub(super) fn serialize<S: Serializer>(policy: &NoRatePolicy, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(policy.code())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NoRatePolicy, D::Error> {
        let code = String::deserialize(deserializer)?;
        let policies = [NoRatePolicy::Quarantine, NoRatePolicy::FreeCall];
        policies.into_iter().find(|policy| policy.code() == code).ok_or_else(|| D::Error::custom("no such policy"))
    }
}
