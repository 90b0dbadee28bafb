//! `tollkeeper quarantine`: what was put aside, by reason, tenant, time and place ([`Listing`]), and what of it can go back
//! ([`ReplayPlan`](replay::ReplayPlan)).

mod listing;
pub mod replay;
mod select;

pub use listing::Listing;
pub use select::{PutAside, Row, Selection, SourceName, Why};
