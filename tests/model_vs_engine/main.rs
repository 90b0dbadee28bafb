//! The model against the engine.
#[path = "../model/mod.rs"]
mod model;
