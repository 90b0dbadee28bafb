//! The worker and the logs that carry it.

pub mod catalog;
pub mod memory;
#[cfg(feature = "kafka")]
pub mod kafka;
#[cfg(feature = "kafka")]
mod raw;
pub mod settings;
pub mod step;
pub mod transport;
