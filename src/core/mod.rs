//! The pure core: no async, clock, chance, I/O, logging, serde or Kafka.
//!
#![doc = include_str!("rules.md")]

pub mod account;
pub mod allotments;
pub mod band;
pub mod batch;
pub mod catalog;
pub mod cdr;
pub mod command;
pub mod currency;
pub mod decide;
pub mod decide_command;
pub mod decide_due;
pub mod deck;
pub mod due;
pub mod duration;
pub mod entry;
pub mod event;
pub mod identity;
pub mod inbound;
pub mod money;
pub mod month;
pub mod number;
pub mod number_plan;
pub mod partition;
mod parts;
pub mod plan;
pub mod pool;
pub(crate) mod prefix;
pub mod price;
pub mod rating;
pub mod reason;
pub mod recharge;
#[cfg(test)]
mod scenario;
pub mod tenant;
pub mod zone;
