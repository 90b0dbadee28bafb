//! The configuration: one struct, read from a file, the environment and flags, in rising precedence.
//!
//! A [`Config`] in hand is valid: every key is in its range and the rules between keys hold. Whatever is wrong is listed at
//! once, each fault with its key and the place it came from, so that nobody mends a configuration one start at a time.

mod intake;
mod keys;
mod settings;

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Map, Value};

pub use intake::{INTAKES_MAX, IntakeSettings};
pub use keys::{KEYS, Key, Kind, example_file, markdown_table};
pub use settings::{KafkaSettings, LogFormat, Settings};

/// What every variable of the environment begins with: `TOLLKEEPER_COMMIT_INTERVAL_MS` sets `commit_interval_ms`, and
/// `TOLLKEEPER_KAFKA_SECURITY_PROTOCOL` the `security.protocol` of the `[kafka]` table.
pub const ENVIRONMENT_PREFIX: &str = "TOLLKEEPER_";
/// The variable that names the file; the command line reads it.
pub const FILE_VARIABLE: &str = "TOLLKEEPER_CONFIG";
/// Kubernetes puts variables like `TOLLKEEPER_SERVICE_HOST` and `TOLLKEEPER_PORT_9464_TCP` into every pod beside a service of
/// our name. Variables with these marks are passed over; every other unknown one is a fault, as an unknown key is.
const FOREIGN_VARIABLE_MARKS: [&str; 2] = ["_SERVICE_", "_PORT"];
/// Bytes that a transactional id may have at most; brokers take more, but monitoring and ACL tools do not.
const TRANSACTIONAL_ID_LEN_MAX: usize = 249;

/// A configuration that is known to be valid. The [`Settings`] are read through it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    settings: Settings,
}

/// Where a configuration comes from. Nothing else is looked at: no file is searched for, no variable read on the way.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The TOML file, if there is one.
    pub file: Option<PathBuf>,
    /// The variables of the environment, all of them; those without [`ENVIRONMENT_PREFIX`] are passed over.
    pub environment: Vec<(String, String)>,
    /// Keys and values of the command line, keys as in the file; `kafka.security.protocol` for the table.
    pub flags: Vec<(String, String)>,
    /// The name of this host, the default of `instance`.
    pub host_name: Option<String>,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The key.
    pub key: String,
    /// Where its value came from; `None` for rules between keys, and for defaults.
    pub origin: Option<String>,
    /// What is wrong with it.
    pub message: String,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigFailure {
    /// The file cannot be read.
    #[error("cannot read the configuration file {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("the configuration file {} is not valid TOML", path.display())]
    NotToml {
        /// The file.
        path: PathBuf,
        /// Line, column and cause.
        source: toml::de::Error,
    },
    /// Keys are unknown, out of range, or contradict each other: all faults that were found.
    #[error("{}", Faults(.0))]
    Faulty(Vec<Fault>),
}

impl Config {
    /// Reads and checks a configuration: defaults < file < environment < flags.
    ///
    /// # Errors
    ///
    /// A file that cannot be read or is not TOML; else every fault of every source.
    pub fn load(sources: &Sources) -> Result<Config, ConfigFailure> {
        let mut layers = Layers::default();
        if let Some(path) = &sources.file {
            layers.add_file(path)?;
        }
        layers.add_environment(&sources.environment);
        layers.add_flags(&sources.flags);
        let mut settings = layers.into_settings().map_err(ConfigFailure::Faulty)?;
        if settings.instance.is_empty() {
            settings.instance = sources.host_name.clone().unwrap_or_default();
        }
        Config::new(settings)
    }

    /// Checks settings that were made in code.
    ///
    /// # Errors
    ///
    /// [`ConfigFailure::Faulty`] with every key out of its range and every broken rule between keys.
    pub fn new(settings: Settings) -> Result<Config, ConfigFailure> {
        let mut faults = settings.faults_of_keys();
        faults.extend(settings.faults_between_keys());
        if faults.is_empty() { Ok(Config { settings }) } else { Err(ConfigFailure::Faulty(faults)) }
    }

    /// The full name of a topic: `<topic_prefix>.<name>`.
    pub fn topic(&self, name: &str) -> String {
        format!("{}.{name}", self.topic_prefix)
    }

    /// The `transactional.id` and `group.instance.id` of a worker, stable over restarts: `<group>-<instance>-<worker>`.
    pub fn worker_id(&self, worker: u32) -> String {
        self.settings.worker_id(worker)
    }

    /// How long a transaction is kept open at most before it is committed.
    pub fn commit_interval(&self) -> Duration {
        Duration::from_millis(self.commit_interval_ms)
    }

    /// After this the broker aborts a transaction.
    pub fn transaction_timeout(&self) -> Duration {
        Duration::from_millis(self.transaction_timeout_ms)
    }

    /// A worker that is silent for longer is hung: the watchdog ends the process, a crash being a normal path. Twice the
    /// transaction timeout.
    pub fn watchdog_limit(&self) -> Duration {
        self.transaction_timeout().saturating_mul(2)
    }

    /// How long a graceful stop may take.
    pub fn shutdown_deadline(&self) -> Duration {
        Duration::from_secs(self.shutdown_deadline_seconds)
    }

    /// An input that is waited for longer raises the alarm.
    pub fn input_wait_alarm(&self) -> Duration {
        Duration::from_secs(self.input_wait_alarm_seconds)
    }

    /// A wall clock further off the broker's raises the alarm.
    pub fn clock_skew_alarm(&self) -> Duration {
        Duration::from_secs(self.clock_skew_alarm_seconds)
    }

    /// The directory of the catalog; `None`: it is in its topic.
    pub fn catalog_directory(&self) -> Option<&Path> {
        Some(self.catalog.as_path()).filter(|path| !path.as_os_str().is_empty())
    }

    /// A catalog that is known to be complete as of longer ago prices nothing.
    pub fn catalog_stale_after(&self) -> Duration {
        Duration::from_secs(self.catalog_stale_seconds)
    }

    /// How far back a call may have ended (R4).
    pub fn acceptance_window(&self) -> Duration {
        Duration::from_secs(u64::from(self.acceptance_window_days) * 24 * 60 * 60)
    }

    /// How far ahead a call may end (R4).
    pub fn acceptance_ahead(&self) -> Duration {
        Duration::from_secs(u64::from(self.acceptance_ahead_minutes) * 60)
    }
}

impl Deref for Config {
    type Target = Settings;

    fn deref(&self) -> &Settings {
        &self.settings
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Some(origin) => write!(f, "{} ({origin}): {}", self.key, self.message),
            None => write!(f, "{}: {}", self.key, self.message),
        }
    }
}

/// Writes faults one a line, as the operator sees them.
struct Faults<'a>(&'a [Fault]);

impl fmt::Display for Faults<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the configuration has faults:")?;
        self.0.iter().try_for_each(|fault| write!(f, "\n  {fault}"))
    }
}

/// Values laid over each other, the last one of a key in force, and what was wrong on the way.
#[derive(Default)]
struct Layers {
    values: Map<String, Value>,
    kafka: BTreeMap<String, String>,
    faults: Vec<Fault>,
}

impl Layers {
    fn add_file(&mut self, path: &Path) -> Result<(), ConfigFailure> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigFailure::Unreadable { path: path.to_owned(), source })?;
        let table: toml::Table =
            text.parse().map_err(|source| ConfigFailure::NotToml { path: path.to_owned(), source })?;
        let origin = path.display().to_string();
        for (name, value) in table {
            let value = serde_json::to_value(value).expect("every TOML value has a JSON form");
            match (name.as_str(), value) {
                ("kafka", Value::Object(entries)) => self.add_kafka_table("", entries, &origin),
                (name, value) => self.add(name, value, &origin),
            }
        }
        Ok(())
    }

    /// `security.protocol = "SSL"` without quotation marks is a table in a table for TOML; both spellings are taken.
    fn add_kafka_table(&mut self, prefix: &str, entries: Map<String, Value>, origin: &str) {
        for (name, value) in entries {
            let name = format!("{prefix}{name}");
            match value {
                Value::Object(inner) => self.add_kafka_table(&format!("{name}."), inner, origin),
                Value::String(text) => self.add_kafka(name, text, origin),
                Value::Bool(_) | Value::Number(_) => self.add_kafka(name, value.to_string(), origin),
                Value::Array(_) | Value::Null => {
                    self.fault(&format!("kafka.{name}"), origin, "must be a string, a number, true or false");
                }
            }
        }
    }

    fn add_environment(&mut self, environment: &[(String, String)]) {
        for (variable, text) in environment {
            let Some(name) = variable.strip_prefix(ENVIRONMENT_PREFIX) else { continue };
            let origin = format!("environment {variable}");
            let key = name.to_ascii_lowercase();
            if let Some(setting) = key.strip_prefix("kafka_") {
                self.add_kafka(setting.replace('_', "."), text.clone(), &origin);
            } else if Key::named(&key).is_some() {
                self.add_text(&key, text, &origin);
            } else if variable != FILE_VARIABLE && !FOREIGN_VARIABLE_MARKS.iter().any(|mark| variable.contains(mark)) {
                self.fault(&key, &origin, "no such key");
            }
        }
    }

    fn add_flags(&mut self, flags: &[(String, String)]) {
        for (name, text) in flags {
            match name.strip_prefix("kafka.") {
                Some(setting) => self.add_kafka(setting.to_owned(), text.clone(), "command line"),
                None => self.add_text(name, text, "command line"),
            }
        }
    }

    fn add_text(&mut self, name: &str, text: &str, origin: &str) {
        match Key::named(name).map(|key| key.kind.parse(text)) {
            Some(Ok(value)) => self.add(name, value, origin),
            Some(Err(message)) => self.fault(name, origin, &message),
            None => self.fault(name, origin, "no such key"),
        }
    }

    fn add(&mut self, name: &str, value: Value, origin: &str) {
        match Key::named(name).map(|key| key.kind.check(&value)) {
            Some(Ok(())) => {
                self.values.insert(name.to_owned(), value);
            }
            Some(Err(message)) => self.fault(name, origin, &message),
            None => self.fault(name, origin, "no such key"),
        }
    }

    fn add_kafka(&mut self, name: String, text: String, origin: &str) {
        match KafkaSettings::check(&name) {
            Ok(()) => {
                self.kafka.insert(name, text);
            }
            Err(message) => self.fault(&format!("kafka.{name}"), origin, &message),
        }
    }

    fn fault(&mut self, key: &str, origin: &str, message: &str) {
        self.faults.push(Fault { key: key.to_owned(), origin: Some(origin.to_owned()), message: message.to_owned() });
    }

    fn into_settings(mut self) -> Result<Settings, Vec<Fault>> {
        if !self.faults.is_empty() {
            return Err(self.faults);
        }
        if !self.kafka.is_empty() {
            let entries = self.kafka.into_iter().map(|(name, text)| (name, Value::String(text))).collect();
            self.values.insert("kafka".to_owned(), Value::Object(entries));
        }
        Ok(serde_json::from_value(Value::Object(self.values)).expect("each value was checked against its key"))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::core::tenant::NoRatePolicy;

    fn with_environment(variables: &[(&str, &str)]) -> Sources {
        Sources {
            environment: variables.iter().map(|(name, text)| (name.to_string(), text.to_string())).collect(),
            host_name: Some("rater-1".to_owned()),
            ..Sources::default()
        }
    }

    fn file_with(text: &str) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file
    }

    fn with_file(file: &tempfile::NamedTempFile) -> Sources {
        Sources { file: Some(file.path().to_owned()), ..with_environment(&[]) }
    }

    fn faults(result: Result<Config, ConfigFailure>) -> Vec<String> {
        match result {
            Err(ConfigFailure::Faulty(faults)) => faults.iter().map(Fault::to_string).collect(),
            other => panic!("expected faults, not {other:?}"),
        }
    }

    #[test]
    fn the_default_instance_is_the_host_name() {
        let config = Config::load(&with_environment(&[])).unwrap();
        assert_eq!(config.instance, "rater-1");
        assert_eq!(config.worker_id(1), "tollkeeper-rater-1-1");
        assert_eq!(config.topic("ledger"), "tollkeeper.ledger");
    }

    #[test]
    fn a_host_without_a_name_needs_an_instance() {
        let found = faults(Config::load(&Sources::default()));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("instance: "), "{found:?}");
    }

    #[test]
    fn flags_beat_the_environment_and_the_environment_beats_the_file() {
        let file = file_with("workers = 3\ngroup_id = \"from-file\"\ntopic_prefix = \"from-file\"\n");
        let mut sources = with_environment(&[("TOLLKEEPER_WORKERS", "4"), ("TOLLKEEPER_GROUP_ID", "from-env")]);
        sources.file = Some(file.path().to_owned());
        sources.flags = vec![("workers".to_owned(), "5".to_owned())];
        sources.environment.push(("TOLLKEEPER_NO_RATE".to_owned(), "free_call".to_owned()));
        let config = Config::load(&sources).unwrap();
        assert_eq!(config.no_rate, NoRatePolicy::FreeCall);
        assert_eq!((config.workers, &*config.group_id, &*config.topic_prefix), (5, "from-env", "from-file"));
    }

    #[test]
    fn every_fault_is_listed_with_its_key_and_origin() {
        let file =
            file_with("wrokers = 3\npartitions = 0\nhttp_listen = 9464\n[kafka]\n\"enable.idempotence\" = false\n");
        let mut sources = with_environment(&[("TOLLKEEPER_NO_RATE", "maybe"), ("TOLLKEEPER_TYPO", "1")]);
        sources.file = Some(file.path().to_owned());
        sources.flags = vec![("commit_interval_ms".to_owned(), "fast".to_owned())];
        let found = faults(Config::load(&sources));
        let path = file.path().display();
        for expected in [
            format!("wrokers ({path}): no such key"),
            format!("partitions ({path}): 0 is not from 1 to 4096"),
            format!("http_listen ({path}): must be a string"),
            "no_rate (environment TOLLKEEPER_NO_RATE): maybe is not one of quarantine, free_call".to_owned(),
            "typo (environment TOLLKEEPER_TYPO): no such key".to_owned(),
            "commit_interval_ms (command line): fast is not a whole number".to_owned(),
        ] {
            assert!(found.contains(&expected), "{expected} is not in {found:#?}");
        }
        assert!(found.iter().any(|fault| fault.starts_with("kafka.enable.idempotence")), "{found:#?}");
        assert_eq!(found.len(), 7, "{found:#?}");
    }

    #[test]
    fn variables_that_kubernetes_makes_for_a_service_are_passed_over() {
        let sources = with_environment(&[
            ("TOLLKEEPER_SERVICE_HOST", "10.0.0.1"),
            ("TOLLKEEPER_PORT", "tcp://10.0.0.1:9464"),
            ("TOLLKEEPER_METRICS_PORT_9464_TCP_ADDR", "10.0.0.1"),
            ("TOLLKEEPER_CONFIG", "/etc/tollkeeper.toml"),
        ]);
        assert!(Config::load(&sources).is_ok());
    }

    #[test]
    fn rules_between_keys_name_both_keys() {
        type Change = fn(&mut Settings);
        let changes: [(&str, Change); 6] = [
            (
                "publish_lead_seconds: 619 is less than acceptance_ahead_minutes, catalog_stale_seconds and twice \
                 transaction_timeout_ms together (620)",
                |s| s.publish_lead_seconds = 619,
            ),
            ("workers: 9 are more than partitions (8)", |s| (s.workers, s.partitions) = (9, 8)),
            ("commit_interval_ms: 6000 is more than half of transaction_timeout_ms (10000)", |s| {
                s.commit_interval_ms = 6_000;
            }),
            ("shutdown_deadline_seconds: 9 is shorter than transaction_timeout_ms (10000)", |s| {
                s.shutdown_deadline_seconds = 9;
            }),
            ("brokers: `localhost` is not host:port", |s| s.brokers = "localhost".to_owned()),
            ("log_filter: ", |s| s.log_filter = "tollkeeper=loud".to_owned()),
        ];
        for (expected, change) in changes {
            let mut settings = Settings { instance: "a".to_owned(), ..Settings::default() };
            change(&mut settings);
            let found = faults(Config::new(settings));
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].starts_with(expected), "{found:?}");
        }
    }

    #[test]
    fn client_settings_pass_through_in_both_spellings_and_from_the_environment() {
        let file = file_with("[kafka]\nsecurity.protocol = \"SASL_SSL\"\n\"socket.timeout.ms\" = 5000\n");
        let mut sources = with_environment(&[("TOLLKEEPER_KAFKA_SASL_PASSWORD", "hunter2")]);
        sources.file = Some(file.path().to_owned());
        let config = Config::load(&sources).unwrap();
        let passed: Vec<(&str, &str)> = config.kafka.iter().collect();
        assert_eq!(
            passed,
            [("sasl.password", "hunter2"), ("security.protocol", "SASL_SSL"), ("socket.timeout.ms", "5000")]
        );
        assert!(!format!("{config:?}").contains("hunter2"), "a secret is in the debug form");
    }

    #[test]
    fn what_exactly_once_rests_on_cannot_be_overridden() {
        for setting in ["isolation.level", "transactional.id", "acks", "enable.auto.commit", "group.protocol"] {
            let file = file_with(&format!("[kafka]\n\"{setting}\" = \"x\"\n"));
            let found = faults(Config::load(&with_file(&file)));
            assert_eq!(found.len(), 1, "{setting}: {found:?}");
            assert!(found[0].starts_with(&format!("kafka.{setting} (")), "{found:?}");
        }
    }

    #[test]
    fn a_broken_file_is_named() {
        let file = file_with("workers = \n");
        let failure = Config::load(&with_file(&file)).unwrap_err();
        assert!(failure.to_string().contains(&file.path().display().to_string()), "{failure}");
        let missing = Sources { file: Some("/nonexistent/tollkeeper.toml".into()), ..Sources::default() };
        assert!(matches!(Config::load(&missing), Err(ConfigFailure::Unreadable { .. })));
    }
}
