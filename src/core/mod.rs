//! The pure core: no async, clock, chance, I/O, logging, serde or Kafka.

pub mod money;
pub mod partition;
pub mod reason;
