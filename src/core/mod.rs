//! The pure core: no async, clock, chance, I/O, logging, serde or Kafka.

pub mod catalog;
pub mod currency;
pub mod deck;
pub mod duration;
pub mod money;
pub mod number;
pub mod number_plan;
pub mod partition;
pub(crate) mod prefix;
pub mod reason;
