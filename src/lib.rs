//! Tollkeeper: a streaming call-rating engine for prepaid telephony.

pub mod config;
pub mod core;
pub mod logs;
pub mod stream;
