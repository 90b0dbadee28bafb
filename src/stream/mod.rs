//! The worker and the logs that carry it.

pub mod catalog;
pub mod step;
pub mod transport;
