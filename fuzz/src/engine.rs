//! The engine behind the decoders: any history of records. Each has one outcome, and the state is the fold of what was written.

#[path = "../../tests/support/partition.rs"]
mod partition;

use std::path::Path;
use std::sync::{Arc, LazyLock};

use jiff::{SignedDuration, Timestamp};
use partition::Partition;
use tollkeeper::core::catalog::Catalog;
use tollkeeper::stream::catalog::load_directory;
use tollkeeper::stream::transport::Input;

/// Records of a history at most: a run takes milliseconds.
const RECORDS_MAX: usize = 40;

/// The catalog of `rates/`, beside this crate or in the package whose test it is.
static RATES: LazyLock<Arc<Catalog>> = LazyLock::new(|| {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    let rates = [own.join("rates"), own.join("../rates")].into_iter().find(|path| path.exists());
    let catalog = load_directory(&rates.expect("rates/ is in the package"));
    Arc::new(catalog.unwrap_or_else(|failure| panic!("{failure}")))
});

/// A record a line: `SECONDS INPUT RECORD`; so many seconds after the one before. Lines of another form are CDRs.
pub fn history(bytes: &[u8]) {
    let mut partition = Partition::new(Arc::clone(&RATES));
    let mut clock: Timestamp = "2026-11-20T10:00:00Z".parse().expect("a time");
    let mut taken = 0;
    for line in bytes.split(|byte| *byte == b'\n').take(RECORDS_MAX) {
        let (seconds, input, record) = record(line);
        clock += SignedDuration::from_secs(seconds);
        partition.take(input, clock, record);
        partition.commit();
        taken += 1;
        assert_eq!(partition.counts.outcomes(), taken, "every record has one outcome");
    }
    assert_eq!(partition.folded(), partition.state(), "the state is the fold of the ledger");
}

/// At most a day between two records.
fn record(line: &[u8]) -> (i64, Input, &[u8]) {
    let read = || {
        let mut words = line.splitn(3, |byte| *byte == b' ');
        let seconds: u32 = std::str::from_utf8(words.next()?).ok()?.parse().ok()?;
        let name = words.next()?;
        let input = Input::ALL.into_iter().find(|input| input.name().as_bytes() == name)?;
        Some((i64::from(seconds % (24 * 60 * 60 + 1)), input, words.next()?))
    };
    read().unwrap_or((0, Input::Cdrs, line))
}
