//! What the clients say, into our log.

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use tracing::{debug, error, info, warn};

/// A line of librdkafka.
pub(super) fn client_line(level: RDKafkaLogLevel, facility: &str, line: &str) {
    match level {
        // One set of user settings goes to consumers and producers alike: that one of them does not know a key is no news.
        RDKafkaLogLevel::Warning if facility == "CONFWARN" && line.contains("will be ignored by this") => {
            debug!(target: "librdkafka", facility, "{line}");
        }
        RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical | RDKafkaLogLevel::Error => {
            error!(target: "librdkafka", facility, "{line}");
        }
        RDKafkaLogLevel::Warning => warn!(target: "librdkafka", facility, "{line}"),
        RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info => info!(target: "librdkafka", facility, "{line}"),
        RDKafkaLogLevel::Debug => debug!(target: "librdkafka", facility, "{line}"),
    }
}

/// An error that no call returns, such as a broker that is down. The client goes on by itself.
pub(super) fn client_error(error: &KafkaError, reason: &str) {
    warn!(target: "librdkafka", "{error}: {reason}");
}
