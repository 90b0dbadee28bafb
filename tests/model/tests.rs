//! The worked figures of DOMAIN.md, and what the model says where two rules meet.

mod corrections;
mod credits;
mod figures;
mod imports;
mod parts;
mod world;
