//! Loads a catalog from a directory: `decks/*.csv`, `plans/*.toml` and `number-plan/*.csv`.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use xxhash_rust::xxh3::Xxh3;

use crate::core::catalog::{Catalog, CatalogFault, CatalogParts};
use crate::core::deck::Deck;
use crate::core::number_plan::NumberPlan;
use crate::core::plan::{Plan, PlanParts};
use crate::wire::deck_csv::{DeckName, read_deck};
use crate::wire::fault::{Faults, Place, SourceFile};
use crate::wire::number_plan_csv::{NumberPlanFiles, read_number_plan};
use crate::wire::plan_toml::check_plan;

/// Bytes of one file at most.
pub const FILE_BYTES_MAX: u64 = 256 << 20;
/// Files of one directory at most.
pub const DIRECTORY_FILES_MAX: usize = 10_000;
/// Characters of the name of a deck or plan at most.
pub const NAME_LEN_MAX: usize = 64;
/// Hexadecimal digits of the catalog's hash that are its version.
const VERSION_DIGITS: usize = 12;

const DECKS: &str = "decks";
const PLANS: &str = "plans";
const COUNTRIES: &str = "number-plan/countries.csv";
const PREFIXES: &str = "number-plan/prefixes.csv";
const DOMESTIC_UNIONS: &str = "number-plan/domestic-unions.csv";

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
    let plans = read_files(path, PLANS)?;
    let number_plan = [COUNTRIES, PREFIXES, DOMESTIC_UNIONS].map(|name| read_file(path, name));
    let [countries, prefixes, domestic_unions] = number_plan;
    let (countries, prefixes, domestic_unions) = (countries?, prefixes?, domestic_unions?);
    let version = version_of(decks.iter().chain(&plans).chain([&countries, &prefixes, &domestic_unions]));

    let mut faults = Faults::new();
    let number_plan = collect(
        read_number_plan(
            NumberPlanFiles {
                countries: countries.source(),
                prefixes: prefixes.source(),
                domestic_unions: domestic_unions.source(),
            },
            &version,
        ),
        &mut faults,
    );
    let plans = read_plans(&plans, &version, &mut faults);
    let decks = read_decks(&decks, &version, number_plan.as_ref(), &mut faults);
    match number_plan {
        Some(number_plan) if faults.is_empty() => {
            let number_plans = vec![Arc::new(number_plan)];
            Catalog::new(CatalogParts {
            inbound: Vec::new(), version, decks, plans, zones: Vec::new(), number_plans })
                .map_err(|faults| CatalogFailure::Contradictory { path: path.to_owned(), faults })
        }
        _ => Err(CatalogFailure::Refused { path: path.to_owned(), faults }),
    }
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
    fn stem<'a>(&'a self, extension: &str, faults: &mut Faults) -> Option<&'a str> {
        let (_, file) = self.name.rsplit_once('/').expect("it is in a directory");
        let stem = file.strip_suffix(extension).and_then(|stem| stem.strip_suffix('.'));
        let is_name = |stem: &&str| {
            (1..=NAME_LEN_MAX).contains(&stem.len())
                && stem.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        };
        let stem = stem.filter(is_name);
        if stem.is_none() {
            let message =
                format!("a file here is called NAME.{extension}, NAME being 1 to {NAME_LEN_MAX} of A-Z a-z 0-9 . _ -");
            faults.add(&self.name, Place::line(1), message);
        }
        stem
    }
}

fn read_decks(
    files: &[CatalogFile],
    version: &str,
    number_plan: Option<&NumberPlan>,
    faults: &mut Faults,
) -> Vec<Arc<Deck>> {
    let mut decks = Vec::new();
    for file in files {
        if let Some(id) = file.stem("csv", faults) {
            decks
                .extend(collect(read_deck(file.source(), DeckName { id, version }, number_plan), faults).map(Arc::new));
        }
    }
    decks
}

fn read_plans(files: &[CatalogFile], version: &str, faults: &mut Faults) -> Vec<Arc<Plan>> {
    let mut plans = Vec::new();
    for file in files {
        if let Some(name) = file.stem("toml", faults)
            && collect(check_plan(file.source(), name), faults).is_some()
        {
            plans.push(Arc::new(Plan::new(PlanParts::without_rules(name, version)).expect("no rule, no fault")));
        }
    }
    plans
}

/// What was read, or its faults to the others.
fn collect<T>(read: Result<T, Faults>, faults: &mut Faults) -> Option<T> {
    read.map_err(|more| faults.append(more)).ok()
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

#[cfg(test)]
mod tests {
    use super::*;

    const DECK: &str = "# currency: USD\nprefix,country,rate_per_minute\n44,GB,0.015\n";

    /// A valid catalog, with some files written over or added.
    fn directory(changes: &[(&str, &str)]) -> tempfile::TempDir {
        let directory = tempfile::tempdir().expect("a directory for the test");
        let valid = [
            ("decks/retail.csv", DECK),
            ("plans/payg.toml", "description = \"Pay-As-You-Go\"\n"),
            (COUNTRIES, "country,name,international_prefixes,emergency\nGB,United Kingdom,00,999\n"),
            (PREFIXES, "prefix,country\n44,GB\n"),
            (DOMESTIC_UNIONS, "union,country\n"),
        ];
        for (name, content) in valid.iter().chain(changes) {
            let path = directory.path().join(name);
            fs::create_dir_all(path.parent().expect("in a directory")).expect("created");
            fs::write(path, content).expect("written");
        }
        directory
    }

    fn version(changes: &[(&str, &str)]) -> String {
        load_directory(directory(changes).path()).expect("valid").version().to_string()
    }

    #[test]
    fn the_version_is_that_of_the_content() {
        let original = version(&[]);
        // Golden: nodes of other releases and platforms must find the same.
        assert_eq!(original, "cd3a021845a7");
        assert_eq!(version(&[("README.md", "not part of it"), ("decks/.hidden", "nor this")]), original);
        assert_ne!(version(&[("decks/retail.csv", &DECK.replace("0.015", "0.016"))]), original);
        assert_ne!(version(&[("decks/other.csv", DECK)]), original);
    }

    #[test]
    fn faults_of_all_files_are_listed_and_nothing_is_taken() {
        let directory = directory(&[
            ("decks/retail.csv", "# currency: USD\nprefix,country,rate_per_minute\n44,UK,x\n"),
            ("decks/second.csv", "prefix,rate_per_minute\n44,1\n"),
            ("decks/old.CSV", ""),
            ("plans/domestic.toml", "description = \"x\"\n"),
            (DOMESTIC_UNIONS, "union,country\nx,FR\n"),
        ]);
        let failure = load_directory(directory.path()).map(|_| ()).expect_err("refused").to_string();
        let (first, faults) = failure.split_once('\n').expect("a line for each");
        assert!(first.starts_with("the catalog ") && first.ends_with(" is refused, faults in all: 5"), "{first}");
        assert_eq!(
            faults,
            "number-plan/domestic-unions.csv:2: column 2 (country): no country of the list of countries: \"FR\"\n\
             plans/domestic.toml:1: column 1: plan \"domestic\" is not supported by this release, only payg is\n\
             decks/old.CSV:1: column 1: a file here is called NAME.csv, NAME being 1 to 64 of A-Z a-z 0-9 . _ -\n\
             decks/retail.csv:3: column 3 (rate_per_minute): not a decimal number: \"x\"\n\
             decks/second.csv:1: column 1: the currency is missing: begin the file with a line such as `# currency: USD`"
        );
    }

    #[test]
    fn a_missing_directory_is_named() {
        let directory = tempfile::tempdir().expect("a directory for the test");
        let failure = load_directory(directory.path()).map(|_| ()).expect_err("nothing there");
        assert!(failure.to_string().ends_with("decks"), "{failure}");
    }
}
