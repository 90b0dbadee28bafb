//! The files that the commands on price lists read.

use std::fs;
use std::io;
use std::path::Path;

use anyhow::{Context, anyhow, bail};
use jiff::Timestamp;
use xxhash_rust::xxh3::xxh3_64;

use crate::core::deck::Deck;
use crate::core::number_plan::{NumberPlan, NumberPlanHeader};
use crate::stream::catalog::FILE_BYTES_MAX;
use crate::wire::deck_csv::{DeckName, Mapping, read_deck_as, read_mapping};
use crate::wire::fault::{Faults, SourceFile};

/// Hexadecimal digits of the hash that is the version of a single file.
const VERSION_DIGITS: usize = 12;

/// The bytes of a file.
pub(super) fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let cannot = || format!("cannot read {}", path.display());
    if fs::metadata(path).with_context(cannot)?.len() > FILE_BYTES_MAX {
        bail!("{} is too large: more than {FILE_BYTES_MAX} bytes", path.display());
    }
    fs::read(path).with_context(cannot)
}

/// The mapping in a file; without one, the price list says itself how it is to be read.
pub(in crate::cli) fn mapping(path: Option<&Path>) -> anyhow::Result<Mapping> {
    let Some(path) = path else { return Ok(Mapping::default()) };
    let bytes = read(path)?;
    let name = path.display().to_string();
    read_mapping(SourceFile { name: &name, bytes: &bytes }).map_err(|faults| refused("mapping", path, &faults))
}

/// A price list in a file, called after it, or its faults.
pub(super) fn checked_deck(
    path: &Path,
    mapping: &Mapping,
    plan: Option<&NumberPlan>,
) -> anyhow::Result<Result<Deck, Faults>> {
    let bytes = read(path)?;
    let name = path.display().to_string();
    let id = path.file_stem().map_or_else(|| name.clone(), |stem| stem.to_string_lossy().into_owned());
    let version = &format!("{:016x}", xxh3_64(&bytes))[..VERSION_DIGITS];
    Ok(read_deck_as(SourceFile { name: &name, bytes: &bytes }, DeckName { id: &id, version }, plan, mapping))
}

/// A price list in a file. Countries that the number plan does not have are no faults here: nothing depends on them.
pub(in crate::cli) fn deck(path: &Path, mapping: &Mapping) -> anyhow::Result<Deck> {
    checked_deck(path, mapping, None)?.map_err(|faults| refused("price list", path, &faults))
}

fn refused(what: &str, path: &Path, faults: &Faults) -> anyhow::Error {
    anyhow!("the {what} {} is refused, faults in all: {}\n{faults}", path.display(), faults.count())
}

/// A plan that knows no country: numbers are read behind `+`, or as bare digits.
pub(super) fn empty_plan() -> NumberPlan {
    let header = NumberPlanHeader { version: "none".into(), effective_from: None };
    NumberPlan::new(header, Vec::new(), Vec::new()).expect("nothing contradicts itself")
}

/// The time at which a price list is asked, unless one is given.
pub(super) fn now() -> Timestamp {
    #[expect(clippy::disallowed_methods, reason = "whoever asks without a time means now")]
    Timestamp::now()
}

/// Writes to standard output, so that a reader that has seen enough is no failure.
pub(super) fn print(text: &str) -> io::Result<()> {
    use io::Write;
    io::stdout().lock().write_all(text.as_bytes())
}
