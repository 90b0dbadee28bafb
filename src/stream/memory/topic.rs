//! The topics of the log.

use crate::stream::transport::{Input, Output};

/// A topic, by its name without prefix. All have the same number of partitions; of `catalog` the first alone is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// Native call detail records.
    Cdrs,
    /// What desk, payment service and command line ask for.
    Commands,
    /// What arrived at a foreign partition.
    Reroute,
    /// Every event.
    Ledger,
    /// Copies of the low-volume events, and refused commands.
    Alerts,
    /// What could not be rated; duplicates.
    Quarantine,
    /// What prices calls.
    Catalog,
}

impl Topic {
    /// All topics.
    pub const ALL: [Topic; 7] =
        [Topic::Cdrs, Topic::Commands, Topic::Reroute, Topic::Ledger, Topic::Alerts, Topic::Quarantine, Topic::Catalog];

    /// The name without its prefix.
    pub fn name(self) -> &'static str {
        match self {
            Topic::Cdrs => "cdrs",
            Topic::Commands => "commands",
            Topic::Reroute => "reroute",
            Topic::Ledger => "ledger",
            Topic::Alerts => "alerts",
            Topic::Quarantine => "quarantine",
            Topic::Catalog => "catalog",
        }
    }

    /// The place in [`Topic::ALL`].
    pub(super) fn index(self) -> usize {
        match self {
            Topic::Cdrs => 0,
            Topic::Commands => 1,
            Topic::Reroute => 2,
            Topic::Ledger => 3,
            Topic::Alerts => 4,
            Topic::Quarantine => 5,
            Topic::Catalog => 6,
        }
    }
}

impl From<Input> for Topic {
    fn from(input: Input) -> Topic {
        match input {
            Input::Commands => Topic::Commands,
            Input::Reroute => Topic::Reroute,
            Input::Cdrs => Topic::Cdrs,
        }
    }
}

impl From<Output> for Topic {
    fn from(output: Output) -> Topic {
        match output {
            Output::Ledger => Topic::Ledger,
            Output::Alerts => Topic::Alerts,
            Output::Quarantine => Topic::Quarantine,
            Output::Reroute => Topic::Reroute,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_and_outputs_name_the_same_topics_as_the_transport() {
        for (place, topic) in Topic::ALL.into_iter().enumerate() {
            assert_eq!(topic.index(), place);
        }
        for input in Input::ALL {
            assert_eq!(Topic::from(input).name(), input.name());
        }
        for output in Output::ALL {
            assert_eq!(Topic::from(output).name(), output.name());
        }
    }
}
