//! The inputs of the intake: topics with CDRs as switches write them.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::settings::fault;
use super::{Fault, Settings, TRANSACTIONAL_ID_LEN_MAX};
use crate::wire::foreign::Format;

/// Inputs at most; each is a thread with a consumer and a producer.
pub const INTAKES_MAX: usize = 16;
/// The longest name of a topic, in bytes; Kafka's own bound.
const TOPIC_LEN_MAX: usize = 249;

/// One input of the intake.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IntakeSettings {
    /// The whole name of the topic.
    pub topic: String,
    /// How its records are written.
    #[serde(with = "format_code")]
    pub format: Format,
    /// The file that says what the switch does not; empty for the native form, which needs none.
    #[serde(default)]
    pub mapping: PathBuf,
}

/// What is wrong with the value of `intake` by itself.
pub(super) fn check(value: &Value) -> Result<(), String> {
    let Value::Array(inputs) = value else { return Err("must be tables: [[intake]]".to_owned()) };
    for (place, input) in inputs.iter().enumerate() {
        serde_json::from_value::<IntakeSettings>(input.clone())
            .map_err(|fault| format!("input {}: {fault}", place + 1))?;
    }
    Ok(())
}

impl Settings {
    /// Rules between the inputs, and between them and other keys.
    pub(super) fn faults_of_intake(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mut add = |message: String| faults.push(fault("intake", message));
        if self.intake.len() > INTAKES_MAX {
            add(format!("{} inputs, more than {INTAKES_MAX}", self.intake.len()));
        }
        for (place, input) in self.intake.iter().enumerate() {
            let topic = &input.topic;
            let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
            if topic.is_empty() || topic.len() > TOPIC_LEN_MAX || !topic.bytes().all(fits) {
                add(format!("topic `{topic}` is not the name of a topic"));
            }
            if topic.starts_with(&format!("{}.", self.topic_prefix)) {
                add(format!("topic `{topic}` is one of the engine's own (it begins with topic_prefix)"));
            }
            if self.intake[..place].iter().any(|other| other.topic == *topic) {
                add(format!("topic `{topic}` is there twice"));
            }
            match (input.format.is_native(), input.mapping.as_os_str().is_empty()) {
                (true, false) => {
                    add(format!("topic `{topic}`: {} is the native form and takes no mapping", input.format))
                }
                (false, true) => add(format!("topic `{topic}`: {} needs a mapping", input.format)),
                _ => {}
            }
            let id_len = self.intake_id(input).len();
            if id_len > TRANSACTIONAL_ID_LEN_MAX {
                add(format!(
                    "topic `{topic}` makes a transactional.id of {id_len} bytes, over {TRANSACTIONAL_ID_LEN_MAX}"
                ));
            }
        }
        faults
    }

    /// The `transactional.id` and `group.instance.id` of this node for an input, stable over restarts.
    pub fn intake_id(&self, input: &IntakeSettings) -> String {
        format!("{}-{}-intake-{}", self.group_id, self.instance, input.topic)
    }

    /// The consumer group of an input; all nodes share it.
    pub fn intake_group(&self, input: &IntakeSettings) -> String {
        format!("{}-intake-{}", self.group_id, input.topic)
    }
}

/// A format, written as its stable code.
mod format_code {
    use serde::de::{Deserialize, Deserializer, Error};
    use serde::ser::Serializer;

    use crate::wire::foreign::Format;

    pub(super) fn serialize<S: Serializer>(format: &Format, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(format.code())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Format, D::Error> {
        let code = String::deserialize(deserializer)?;
        code.parse().map_err(|fault| D::Error::custom(format_args!("format `{code}` is {fault}")))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Config, ConfigFailure, Sources, example_file};

    fn load(text: &str) -> Result<Config, Vec<String>> {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), text).expect("written");
        let sources =
            Sources { file: Some(file.path().to_owned()), host_name: Some("a".to_owned()), ..Sources::default() };
        Config::load(&sources).map_err(|failure| match failure {
            ConfigFailure::Faulty(faults) => faults.iter().map(|fault| fault.message.clone()).collect(),
            other => panic!("{other}"),
        })
    }

    #[test]
    fn an_input_has_a_topic_a_format_and_a_mapping() {
        let config = load("[[intake]]\ntopic = \"fs\"\nformat = \"freeswitch_json\"\nmapping = \"fs.toml\"\n");
        let config = config.expect("valid");
        assert_eq!(config.intake[0].topic, "fs");
        assert_eq!(config.intake_id(&config.intake[0]), "tollkeeper-a-intake-fs");
        assert_eq!(config.intake_group(&config.intake[0]), "tollkeeper-intake-fs");
    }

    #[test]
    fn faults_of_an_input_are_named() {
        let cases = [
            ("intake = 1", "must be tables: [[intake]]"),
            ("[[intake]]\ntopic = \"a\"\nformat = \"fax\"", "input 1: format `fax` is not one of json, csv"),
            ("[[intake]]\ntopic = \"a\"", "input 1: missing field `format`"),
            ("[[intake]]\ntopic = \"a\"\nformat = \"json\"\ncolour = 1", "input 1: unknown field `colour`"),
            ("[[intake]]\ntopic = \"a b\"\nformat = \"json\"", "topic `a b` is not the name of a topic"),
            (
                "[[intake]]\ntopic = \"tollkeeper.cdrs\"\nformat = \"json\"",
                "topic `tollkeeper.cdrs` is one of the engine's",
            ),
            ("[[intake]]\ntopic = \"a\"\nformat = \"graph\"", "topic `a`: graph needs a mapping"),
            ("[[intake]]\ntopic = \"a\"\nformat = \"csv\"\nmapping = \"x\"", "topic `a`: csv is the native form"),
            (
                "[[intake]]\ntopic = \"a\"\nformat = \"json\"\n[[intake]]\ntopic = \"a\"\nformat = \"json\"",
                "topic `a` is there twice",
            ),
        ];
        for (text, expected) in cases {
            let faults = load(text).expect_err(text);
            assert_eq!(faults.len(), 1, "{faults:?}");
            assert!(faults[0].starts_with(expected), "{faults:?}");
        }
    }

    #[test]
    fn the_example_of_an_input_is_valid_without_its_comment_signs() {
        let example = example_file();
        let (_, input) = example.split_once("\n# [[intake]]\n").expect("an example of an input");
        let input: String = input.lines().map(|line| format!("{}\n", line.trim_start_matches("# "))).collect();
        let (input, _) = input.split_once("\n\n").unwrap_or((&input, ""));
        let config = load(&format!("[[intake]]\n{input}")).expect("valid");
        assert_eq!(config.intake.len(), 1);
    }
}
