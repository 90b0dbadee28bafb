//! Tollkeeper: a streaming call-rating engine for prepaid telephony.

pub mod cli;
pub mod config;
pub mod core;
pub mod demo;
pub mod desk;
pub mod health;
pub mod internal_events;
pub mod logs;
pub mod metrics;
pub mod offline;
pub mod stream;
pub mod wire;
