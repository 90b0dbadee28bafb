//! A ledger as the commands read it that look at all of it: from files, or the topic.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};

use super::rate::open;
use super::require_kafka;
use crate::config::Config;
use crate::offline::Lines;
use crate::offline::audit::{EVENT_BYTES_MAX, Place};

/// Events between two looks at the bar.
const BAR_EVENTS: u64 = 1_000;

/// What comes of a ledger, in its order.
#[derive(Debug)]
pub(super) enum Piece<'a> {
    /// An event, and where it stands.
    Event(&'a Place, &'a [u8]),
    /// No tenant of what came before comes again.
    EndOfPartition,
}

/// Where a ledger is.
pub(super) enum Ledger {
    /// Files of JSON lines, `-` is standard input.
    Files(Vec<PathBuf>),
    /// The topic.
    #[cfg(feature = "kafka")]
    Topic {
        /// Beside the engine's own clients.
        source: Box<crate::stream::kafka::KafkaRestore>,
        /// How many it has.
        partitions: u32,
    },
}

impl Ledger {
    /// The topic of a configuration.
    ///
    /// # Errors
    /// A build without Kafka client, brokers that do not answer, or no such topic.
    pub(super) fn of_topic(config: &Config) -> anyhow::Result<Ledger> {
        require_kafka()?;
        on_cluster(config)
    }

    /// Of the topic; `None` for files.
    pub(super) fn partitions(&self) -> Option<u32> {
        match self {
            Ledger::Files(_) => None,
            #[cfg(feature = "kafka")]
            Ledger::Topic { partitions, .. } => Some(*partitions),
        }
    }

    /// Whether it can be read once only.
    pub(super) fn is_stream(&self) -> bool {
        matches!(self, Ledger::Files(files) if files.iter().any(|file| file == Path::new("-")))
    }

    /// Gives all of it to `take`, with a bar on standard error where that is a terminal.
    ///
    /// # Errors
    /// It cannot be read to its end, or what `take` says, with the place of the event.
    pub(super) fn each(&mut self, take: impl FnMut(Piece<'_>) -> anyhow::Result<()>) -> anyhow::Result<()> {
        let style = ProgressStyle::with_template("{spinner} {pos} events, {msg}, {elapsed}");
        let bar = ProgressBar::new_spinner().with_style(style.context("the template of the bar")?);
        let taking = Taking { take, bar, events: 0 };
        match self {
            Ledger::Files(files) => each_line(files, taking),
            #[cfg(feature = "kafka")]
            Ledger::Topic { source, partitions } => each_record(source, *partitions, taking),
        }
    }
}

/// Hands pieces on, and counts them.
struct Taking<F> {
    take: F,
    bar: ProgressBar,
    events: u64,
}

impl<F: FnMut(Piece<'_>) -> anyhow::Result<()>> Taking<F> {
    fn event(&mut self, place: &Place, record: &[u8]) -> anyhow::Result<()> {
        self.events += 1;
        if self.events.is_multiple_of(BAR_EVENTS) {
            self.bar.set_position(self.events);
        }
        (self.take)(Piece::Event(place, record)).with_context(|| place.to_string())
    }

    fn end_of_partition(&mut self) -> anyhow::Result<()> {
        (self.take)(Piece::EndOfPartition)
    }
}

/// A tenant's events may go on from one file to the next.
fn each_line<F: FnMut(Piece<'_>) -> anyhow::Result<()>>(
    files: &[PathBuf],
    mut taking: Taking<F>,
) -> anyhow::Result<()> {
    for path in files {
        let file: Arc<str> = path.display().to_string().into();
        taking.bar.set_message(file.to_string());
        let mut lines = Lines::of_records(open(path)?, EVENT_BYTES_MAX);
        while let Some((line, record)) = lines.next_numbered().with_context(|| file.to_string())? {
            taking.event(&Place::Line { file: Arc::clone(&file), line }, record)?;
        }
    }
    taking.end_of_partition()?;
    taking.bar.finish_and_clear();
    Ok(())
}

#[cfg(feature = "kafka")]
fn each_record<F: FnMut(Piece<'_>) -> anyhow::Result<()>>(
    source: &mut crate::stream::kafka::KafkaRestore,
    partitions: u32,
    mut taking: Taking<F>,
) -> anyhow::Result<()> {
    use crate::core::partition::PartitionId;
    use crate::stream::ledger::read_ledger;

    for partition in (0..partitions).map(PartitionId) {
        taking.bar.set_message(format!("partition {partition} of {partitions}"));
        read_ledger(source, partition, |offset, record| taking.event(&Place::Offset { partition, offset }, record))?;
        taking.end_of_partition()?;
    }
    taking.bar.finish_and_clear();
    Ok(())
}

#[cfg(feature = "kafka")]
fn on_cluster(config: &Config) -> anyhow::Result<Ledger> {
    use crate::node::kafka_settings;
    use crate::stream::kafka::KafkaRestore;
    use crate::stream::topics::layout::topic_name;

    let source = Box::new(KafkaRestore::connect(&kafka_settings(config, 0))?);
    let topic = topic_name(&config.topic_prefix, "ledger");
    let partitions = source.ledger_partitions()?;
    let partitions =
        partitions.with_context(|| format!("there is no topic {topic}: see `tollkeeper topics create`"))?;
    Ok(Ledger::Topic { source, partitions })
}

#[cfg(not(feature = "kafka"))]
fn on_cluster(_: &Config) -> anyhow::Result<Ledger> {
    unreachable!("require_kafka has refused")
}
