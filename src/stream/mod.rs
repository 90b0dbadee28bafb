//! The worker and the logs that carry it.

pub mod step;
pub mod topics;
pub mod transport;
