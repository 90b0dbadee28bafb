//! What the tests against a real Apache Kafka share.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part of it")]

pub mod broker;
pub mod deadline;
pub mod log;
