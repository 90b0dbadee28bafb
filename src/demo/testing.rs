//! What the demo's tests share.

use std::path::Path;

use jiff::Timestamp;
use rand::SeedableRng;
use rand::rngs::SmallRng;

use super::numbers::PhoneBook;
use super::tenants;
use super::traffic::World;
use crate::core::catalog::Catalog;
use crate::stream::catalog::load_directory;

/// The catalog of the checkout.
pub(super) fn catalog() -> Catalog {
    load_directory(&Path::new(env!("CARGO_MANIFEST_DIR")).join("rates")).expect("the project's own catalog is sound")
}

/// A small world.
pub(super) fn world(tenants: u32, partitions: u32) -> World {
    let catalog = catalog();
    let now: Timestamp = "2026-11-20T12:00:00Z".parse().expect("a time");
    let deck = catalog.deck("outbound-usd", now).expect("the project's own price list");
    let mut rng = SmallRng::seed_from_u64(1);
    World {
        book: PhoneBook::new(deck, &tenants::home_countries(), &mut rng),
        tenants: tenants::found(tenants, partitions, &mut rng),
        partitions,
        run: 0xabc,
    }
}
