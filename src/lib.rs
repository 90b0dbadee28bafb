//! Tollkeeper: a streaming call-rating engine for prepaid telephony.

pub mod core;
pub mod stream;
pub mod wire;
