//! The worker and the logs that carry it; the intake.

pub mod catalog;
pub mod engine;
pub mod inputs;
pub mod intake;
#[cfg(feature = "kafka")]
pub mod kafka;
pub mod ledger;
pub mod memory;
pub mod outputs;
#[cfg(feature = "kafka")]
mod raw;
pub mod recovery;
pub mod runner;
pub mod settings;
pub mod step;
pub mod topics;
pub mod transport;
pub mod worker;
