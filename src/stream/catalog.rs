//! Loads a catalog from a directory: `decks/*.csv`, `inbound/*.csv`, `plans/*.toml`, `zones/*.csv` and `number-plan/*.csv`.

#[cfg(test)]
mod tests;
mod versions;

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use xxhash_rust::xxh3::Xxh3;

use crate::core::catalog::{Catalog, CatalogFault, CatalogParts};
use crate::core::number_plan::NumberPlan;
use crate::wire::deck_csv::{DeckName, read_deck, read_inbound_deck};
use crate::wire::fault::{Faults, Place, SourceFile};
use crate::wire::number_plan_csv::{NumberPlanFiles, read_number_plan};
use crate::wire::plan_toml::{PlanName, read_plan};
use crate::wire::zone_csv::{ZoneName, read_zone};
use versions::{VersionName, Versions};

pub use versions::NAME_LEN_MAX;

/// Bytes of one file at most.
pub const FILE_BYTES_MAX: u64 = 256 << 20;
/// Files of one directory at most.
pub const DIRECTORY_FILES_MAX: usize = 10_000;
/// Hexadecimal digits of the catalog's hash that are its version.
const VERSION_DIGITS: usize = 12;

const DECKS: &str = "decks";
const INBOUND: &str = "inbound";
const PLANS: &str = "plans";
const ZONES: &str = "zones";
const NUMBER_PLAN: &str = "number-plan";
const COUNTRIES: &str = "countries.csv";
const PREFIXES: &str = "prefixes.csv";
const DOMESTIC_UNIONS: &str = "domestic-unions.csv";
const POOL_UNIONS: &str = "pool-unions.csv";
const SHORT_CODES: &str = "short-codes.csv";

/// Why there is no catalog.
#[derive(Debug, thiserror::Error)]
pub enum CatalogFailure {
    /// A file or directory that cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// What could not be read.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file or directory beyond its bound.
    #[error("{} is too large: more than {bound}", path.display())]
    TooLarge {
        /// What is too large.
        path: PathBuf,
        /// The bound, with its unit.
        bound: String,
    },
    /// The files say what cannot be used. Nothing of the catalog is taken.
    #[error("the catalog {} is refused, faults in all: {}\n{faults}", path.display(), faults.count())]
    Refused {
        /// The directory.
        path: PathBuf,
        /// All that is wrong, by file, line and column.
        faults: Faults,
    },
    /// Each file is right, but they do not fit together. Nothing of the catalog is taken.
    #[error("the catalog {} is refused:\n{}", path.display(), written(faults))]
    Contradictory {
        /// The directory.
        path: PathBuf,
        /// All that does not fit.
        faults: Vec<CatalogFault>,
    },
}

/// A line for each.
fn written(faults: &[CatalogFault]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// Loads the catalog of a directory, whole or not at all. Its version is the first 12 hexadecimal digits of the xxh3 hash of
/// the files' names and bytes, so nodes with the same files have the same version, and debits name it.
///
/// # Errors
/// [`CatalogFailure`]; where the files have faults, all of them.
pub fn load_directory(path: &Path) -> Result<Catalog, CatalogFailure> {
    let decks = read_files(path, DECKS)?;
    let inbound = read_files_if_any(path, INBOUND)?;
    let plans = read_files(path, PLANS)?;
    let zones = read_files_if_any(path, ZONES)?;
    let number_plans = read_number_plan_files(path)?;
    let version =
        version_of(decks.iter().chain(&inbound).chain(&plans).chain(&zones).chain(number_plans.iter().flatten()));

    let mut faults = Faults::new();
    let number_plans = read_number_plans(&number_plans, &version, &mut faults);
    // Countries are looked up in the newest: what an older one did not know, it need not know.
    let numbers = number_plans.iter().max_by_key(|plan| plan.header().effective_from).map(AsRef::as_ref);
    let zones = read_versions(&zones, "csv", &mut faults, |file, id, faults| {
        let zone = collect(read_zone(file, ZoneName { id, version: &version }, numbers), faults)?;
        Some((zone.effective_from, zone))
    });
    let plans = read_versions(&plans, "toml", &mut faults, |file, id, faults| {
        let plan = collect(read_plan(file, PlanName { id, version: &version }, numbers), faults)?;
        Some((plan.effective_from(), plan))
    });
    let decks = read_versions(&decks, "csv", &mut faults, |file, id, faults| {
        let deck = collect(read_deck(file, DeckName { id, version: &version }, numbers), faults)?;
        Some((deck.header().effective_from, deck))
    });
    let inbound = read_versions(&inbound, "csv", &mut faults, |file, id, faults| {
        let deck = collect(read_inbound_deck(file, DeckName { id, version: &version }, numbers), faults)?;
        Some((deck.header().effective_from, deck))
    });
    if !faults.is_empty() {
        return Err(CatalogFailure::Refused { path: path.to_owned(), faults });
    }
    Catalog::new(CatalogParts { version, decks, inbound, plans, zones, number_plans })
        .map_err(|faults| CatalogFailure::Contradictory { path: path.to_owned(), faults })
}

/// A file of the catalog.
struct CatalogFile {
    /// The path inside the catalog, with `/`.
    name: String,
    bytes: Vec<u8>,
}

impl CatalogFile {
    fn source(&self) -> SourceFile<'_> {
        SourceFile { name: &self.name, bytes: &self.bytes }
    }

    /// What the file is called without directory and extension; a fault where that is no name, or the extension is another.
    fn version_name<'a>(&'a self, extension: &str, faults: &mut Faults) -> Option<VersionName<'a>> {
        let (_, file) = self.name.rsplit_once('/').expect("it is in a directory");
        let stem = file.strip_suffix(extension).and_then(|stem| stem.strip_suffix('.'));
        let name = stem.and_then(VersionName::read);
        if name.is_none() {
            let message = format!(
                "a file here is called NAME.{extension} or NAME@2023-01-25.{extension}, NAME being 1 to {NAME_LEN_MAX} of \
                 A-Z a-z 0-9 . _ -"
            );
            faults.add(&self.name, Place::line(1), message);
        }
        name
    }
}

/// Reads files that are one version of something each. `read` says from when on it is in force.
fn read_versions<T>(
    files: &[CatalogFile],
    extension: &str,
    faults: &mut Faults,
    read: impl Fn(SourceFile<'_>, &str, &mut Faults) -> Option<(Option<Timestamp>, T)>,
) -> Vec<Arc<T>> {
    let mut versions = Versions::default();
    let mut found = Vec::new();
    for file in files {
        if let Some(name) = file.version_name(extension, faults)
            && let Some((effective_from, one)) = read(file.source(), name.id, faults)
        {
            versions.add(&file.name, name, effective_from, faults);
            found.push(Arc::new(one));
        }
    }
    found
}

/// The files of each version of the number plan: `number-plan/`, and `number-plan@2027-01-01/` where there is more than one.
fn read_number_plan_files(catalog: &Path) -> Result<Vec<Vec<CatalogFile>>, CatalogFailure> {
    let failed = |source| CatalogFailure::Read { path: catalog.to_owned(), source };
    let mut directories = BTreeSet::from([NUMBER_PLAN.to_owned()]);
    for entry in fs::read_dir(catalog).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name().to_string_lossy().into_owned();
        if name.strip_prefix(NUMBER_PLAN).is_some_and(|rest| rest.starts_with('@')) {
            directories.insert(name);
        }
    }
    directories.iter().map(|directory| read_files(catalog, directory)).collect()
}

fn read_number_plans(
    versions_of_files: &[Vec<CatalogFile>],
    version: &str,
    faults: &mut Faults,
) -> Vec<Arc<NumberPlan>> {
    let mut versions = Versions::default();
    let mut found = Vec::new();
    for files in versions_of_files {
        let Some(first) = files.first() else { continue };
        let (directory, _) = first.name.split_once('/').expect("it is in a directory");
        let Some(name) = VersionName::read(directory) else {
            let message = format!("the directory is called {NUMBER_PLAN} or {NUMBER_PLAN}@2027-01-01");
            faults.add(directory, Place::line(1), message);
            continue;
        };
        if let Some(plan) = read_one_number_plan(directory, files, version, faults) {
            versions.add(&first.name, name, plan.header().effective_from, faults);
            found.push(Arc::new(plan));
        }
    }
    found
}

fn read_one_number_plan(
    directory: &str,
    files: &[CatalogFile],
    version: &str,
    faults: &mut Faults,
) -> Option<NumberPlan> {
    let known = [COUNTRIES, PREFIXES, DOMESTIC_UNIONS, POOL_UNIONS, SHORT_CODES];
    let find = |name: &str| files.iter().find(|file| file.name.split_once('/').is_some_and(|(_, own)| own == name));
    for file in files.iter().filter(|file| !known.iter().any(|name| file.name == format!("{directory}/{name}"))) {
        let message = format!("no file of a number plan, which has {}", known.join(", "));
        faults.add(&file.name, Place::line(1), message);
    }
    let mut needed = |name: &str| {
        let found = find(name).map(CatalogFile::source);
        if found.is_none() {
            faults.add(&format!("{directory}/{name}"), Place::line(1), "the file is missing");
        }
        found
    };
    let (countries, prefixes, domestic_unions) = (needed(COUNTRIES), needed(PREFIXES), needed(DOMESTIC_UNIONS));
    let files = NumberPlanFiles {
        countries: countries?,
        prefixes: prefixes?,
        domestic_unions: domestic_unions?,
        pool_unions: find(POOL_UNIONS).map(CatalogFile::source),
        short_codes: find(SHORT_CODES).map(CatalogFile::source),
    };
    collect(read_number_plan(files, version), faults)
}

/// What was read, or its faults to the others.
fn collect<T>(read: Result<T, Faults>, faults: &mut Faults) -> Option<T> {
    read.map_err(|more| faults.append(more)).ok()
}

/// The files of a directory that need not be there.
fn read_files_if_any(catalog: &Path, directory: &str) -> Result<Vec<CatalogFile>, CatalogFailure> {
    if catalog.join(directory).exists() { read_files(catalog, directory) } else { Ok(Vec::new()) }
}

/// The files of a directory, by name. Hidden ones (editors' and mounts' own) are none.
fn read_files(catalog: &Path, directory: &str) -> Result<Vec<CatalogFile>, CatalogFailure> {
    let path = catalog.join(directory);
    let failed = |source| CatalogFailure::Read { path: path.clone(), source };
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(&path).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') {
            names.insert(format!("{directory}/{name}"));
        }
        if names.len() > DIRECTORY_FILES_MAX {
            return Err(CatalogFailure::TooLarge { path, bound: format!("{DIRECTORY_FILES_MAX} files") });
        }
    }
    names.into_iter().map(|name| read_file(catalog, &name)).collect()
}

fn read_file(catalog: &Path, name: &str) -> Result<CatalogFile, CatalogFailure> {
    let path = catalog.join(name);
    let failed = |source| CatalogFailure::Read { path: path.clone(), source };
    if fs::metadata(&path).map_err(failed)?.len() > FILE_BYTES_MAX {
        return Err(CatalogFailure::TooLarge { path, bound: format!("{FILE_BYTES_MAX} bytes") });
    }
    let bytes = fs::read(&path).map_err(failed)?;
    Ok(CatalogFile { name: name.to_owned(), bytes })
}

/// Names and contents with their lengths before them, in the order of the names: no two catalogs run together.
fn version_of<'a>(files: impl Iterator<Item = &'a CatalogFile>) -> Arc<str> {
    let mut files: Vec<&CatalogFile> = files.collect();
    files.sort_by(|a, b| a.name.cmp(&b.name));
    let mut hash = Xxh3::new();
    for file in files {
        for part in [file.name.as_bytes(), &file.bytes] {
            hash.update(&u64::try_from(part.len()).expect("64 bits fit").to_le_bytes());
            hash.update(part);
        }
    }
    Arc::from(&format!("{:016x}", hash.digest())[..VERSION_DIGITS])
}
