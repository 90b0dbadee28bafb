//! The worker and the logs that carry it.

pub mod catalog;
pub mod memory;
pub mod step;
pub mod transport;
