//! The intake of a node: a thread for each input that is configured.

use std::sync::Arc;

use anyhow::{Context, bail};

use super::{Node, kafka_settings};
use crate::config::{Config, IntakeSettings};
use crate::stream::intake::Intake;
use crate::stream::kafka::{IntakeParts, spawn_intake};
use crate::stream::runner::Clock;
use crate::wire::foreign::{Decoder, MAPPING_BYTES_MAX};

impl Node {
    /// Starts a thread for each input. They count as workers behind those of the engine.
    pub(super) fn start_intakes(&mut self, config: &Config, decoders: Vec<Decoder>) -> anyhow::Result<()> {
        let clock = Clock::start();
        for (worker, (input, decoder)) in (config.workers..).zip(config.intake.iter().zip(decoders)) {
            let mut settings = kafka_settings(config, worker);
            settings.group_id = config.intake_group(input);
            settings.transactional_id = config.intake_id(input);
            settings.group_instance_id = config.intake_id(input);
            let parts = IntakeParts {
                intake: Intake::new(decoder, input.topic.clone(), config.partitions),
                settings,
                worker,
                batch_records_max: usize::try_from(config.batch_records_max)?,
                commit_interval: config.commit_interval(),
                metrics: Arc::clone(&self.metrics),
            };
            self.workers.push(spawn_intake(parts, clock, Arc::clone(&self.stop)));
        }
        Ok(())
    }
}

/// The decoders of the configured inputs, in their order; their mappings are read and checked.
///
/// # Errors
/// A mapping that cannot be read, or has faults: all of them.
pub(super) fn decoders(config: &Config) -> anyhow::Result<Vec<Decoder>> {
    config.intake.iter().map(decoder).collect()
}

fn decoder(input: &IntakeSettings) -> anyhow::Result<Decoder> {
    let path = &input.mapping;
    if path.as_os_str().is_empty() {
        return Ok(Decoder::new(input.format, None)?);
    }
    let size = std::fs::metadata(path).with_context(|| format!("cannot read the mapping {}", path.display()))?.len();
    if size > u64::try_from(MAPPING_BYTES_MAX)? {
        bail!("the mapping {} is larger than {MAPPING_BYTES_MAX} bytes", path.display());
    }
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read the mapping {}", path.display()))?;
    Decoder::new(input.format, Some(&text)).with_context(|| format!("the mapping {} has faults", path.display()))
}
