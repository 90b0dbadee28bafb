//! What the tests against a real Apache Kafka share.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part of it")]

pub mod amount;
pub mod books;
pub mod broker;
pub mod calls;
pub mod commands;
pub mod deadline;
pub mod desk;
pub mod engine;
pub mod home;
pub mod log;
pub mod price_list;
