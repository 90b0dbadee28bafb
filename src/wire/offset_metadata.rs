//! What is committed with an offset: who committed it, in which batch, and the partition's clock.

use std::fmt;
use std::str::FromStr;

/// `<transactional id>/<random id of the run>/<batch number>/<partition clock, ms>`.
///
/// By it a batch whose commit has an unknown outcome is recognised, and the clock of a partition is recovered. Neither id may
/// contain `/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetMetadata {
    /// Of the producer that committed; stable over restarts.
    pub transactional_id: String,
    /// Random for each run of a process.
    pub run_id: String,
    /// Counts the batches of a run.
    pub batch: u64,
    /// The partition's clock, in milliseconds since the epoch.
    pub clock_ms: i64,
}

/// Metadata of an offset that this engine did not write.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not <transactional id>/<run id>/<batch>/<clock in ms>: {written:?}")]
pub struct OffsetMetadataFault {
    written: String,
}

impl fmt::Display for OffsetMetadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}/{}", self.transactional_id, self.run_id, self.batch, self.clock_ms)
    }
}

impl FromStr for OffsetMetadata {
    type Err = OffsetMetadataFault;

    /// # Errors
    /// Not four parts, an empty id, or a number that is written in another way than [`Display`](fmt::Display) does.
    fn from_str(written: &str) -> Result<OffsetMetadata, OffsetMetadataFault> {
        let read = || {
            let mut parts = written.split('/');
            let metadata = OffsetMetadata {
                transactional_id: parts.next()?.to_owned(),
                run_id: parts.next()?.to_owned(),
                batch: parts.next()?.parse().ok()?,
                clock_ms: parts.next()?.parse().ok()?,
            };
            let is_whole = !metadata.transactional_id.is_empty() && !metadata.run_id.is_empty();
            (is_whole && metadata.to_string() == written).then_some(metadata)
        };
        read().ok_or_else(|| OffsetMetadataFault { written: written.chars().take(200).collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_form_is_that_of_the_protocol() {
        let metadata = OffsetMetadata {
            transactional_id: "tollkeeper-node-a-0".into(),
            run_id: "9f3c".into(),
            batch: 17,
            clock_ms: 1_795_169_730_123,
        };
        assert_eq!(metadata.to_string(), "tollkeeper-node-a-0/9f3c/17/1795169730123");
    }

    #[test]
    fn what_another_wrote_is_refused() {
        for written in [
            "",
            "a",
            "a/b/1",
            "a/b/1/2/3",
            "/b/1/2",
            "a//1/2",
            "a/b/x/2",
            "a/b/-1/2",
            "a/b/1/2.5",
            "a/b/01/2",
            "a/b/+1/2",
        ] {
            assert!(written.parse::<OffsetMetadata>().is_err(), "{written}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            transactional_id in "[^/]{1,20}", run_id in "[^/]{1,20}", batch: u64, clock_ms: i64,
        ) {
            let metadata = OffsetMetadata { transactional_id, run_id, batch, clock_ms };
            prop_assert_eq!(metadata.to_string().parse(), Ok(metadata));
        }

        #[test]
        fn no_text_panics(text: String) {
            let _ = text.parse::<OffsetMetadata>();
        }
    }
}
