//! Where catalogs come from: a directory, or the topic `catalog`.
//!
//! | module | what it is |
//! |---|---|
//! | this one | a directory to a catalog: `decks/*.csv`, `plans/*.toml` and `number-plan/*.csv` |
//! | [`build`] | items to a catalog, whatever they come from |
//! | [`publications`], [`standing`] | records of the topic to items: which publications count |
//! | [`reader`] | follows the topic, and replaces the latest catalog |
//! | [`follower`] | the thread of that |
//! | [`source`] | what workers ask for their catalog |
//! | [`publish`] | an item to the records of a publication |

pub mod build;
mod content;
pub mod follower;
pub mod publications;
pub mod publish;
pub mod reader;
pub mod source;
pub mod standing;
#[cfg(test)]
pub(crate) mod testing;

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::core::catalog::{Catalog, MixedCurrencies};
use crate::wire::catalog_record::ItemKind;
use crate::wire::fault::{Faults, Place};
use build::{
    BuildFailure, COUNTRIES, CatalogFile, CatalogItem, CountryCheck, DOMESTIC_UNIONS, PREFIXES, build_catalog,
    version_of,
};

/// Bytes of one file at most.
pub const FILE_BYTES_MAX: u64 = 256 << 20;
/// Files of one directory at most.
pub const DIRECTORY_FILES_MAX: usize = 10_000;
/// Characters of the name of a deck or plan at most.
pub const NAME_LEN_MAX: usize = 64;
/// What the one number plan of a directory is called.
pub const NUMBER_PLAN_ID: &str = "number-plan";

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
    /// The price lists contradict each other.
    #[error("the catalog {} is refused", path.display())]
    MixedCurrencies {
        /// The directory.
        path: PathBuf,
        /// Which.
        source: MixedCurrencies,
    },
}

/// Loads the catalog of a directory, whole or not at all. Its version is the first 12 hexadecimal digits of the xxh3 hash of
/// the files' names and bytes, so nodes with the same files have the same version, and debits name it.
///
/// # Errors
/// [`CatalogFailure`]; where the files have faults, all of them.
pub fn load_directory(path: &Path) -> Result<Catalog, CatalogFailure> {
    let (mut items, mut faults) = read_items(path)?;
    let version = version_of(items.iter().flat_map(|item| &item.files));
    for item in &mut items {
        item.version = Box::from(&*version);
    }
    match build_catalog(version, &items, CountryCheck::Against) {
        Ok(catalog) if faults.is_empty() => Ok(catalog),
        Err(BuildFailure::MixedCurrencies(source)) if faults.is_empty() => {
            Err(CatalogFailure::MixedCurrencies { path: path.to_owned(), source })
        }
        built => {
            if let Err(BuildFailure::Faulty { faults: more }) = built {
                faults.append(more);
            }
            Err(CatalogFailure::Refused { path: path.to_owned(), faults })
        }
    }
}

/// The items of a directory, each with the version of its own files. The files are not looked into.
///
/// # Errors
/// [`CatalogFailure`]: what cannot be read, and every file whose name is none.
pub fn read_directory(path: &Path) -> Result<Vec<CatalogItem>, CatalogFailure> {
    match read_items(path)? {
        (items, faults) if faults.is_empty() => Ok(items),
        (_, faults) => Err(CatalogFailure::Refused { path: path.to_owned(), faults }),
    }
}

/// One item: a file, or for the number plan the directory of its files.
///
/// # Errors
/// [`CatalogFailure`]: what cannot be read. The files are not looked into.
pub fn read_item(kind: ItemKind, id: &str, path: &Path) -> Result<CatalogItem, CatalogFailure> {
    let name_in_catalog = match kind {
        ItemKind::NumberPlan => {
            let names = [COUNTRIES, PREFIXES, DOMESTIC_UNIONS].into_iter();
            let files = names.map(|name| read_one(&path.join(file_name(name)), name));
            return Ok(item(kind, NUMBER_PLAN_ID.into(), files.collect::<Result<_, _>>()?));
        }
        ItemKind::Plan => format!("{}/{id}.toml", kind.directory()),
        ItemKind::Deck | ItemKind::Inbound | ItemKind::Zone => format!("{}/{id}.csv", kind.directory()),
    };
    Ok(item(kind, id.into(), vec![read_one(path, &name_in_catalog)?]))
}

/// What is behind the directory.
fn file_name(name: &str) -> &str {
    name.rsplit_once('/').expect("it is in a directory").1
}

/// The items, and the faults of the names of files.
fn read_items(path: &Path) -> Result<(Vec<CatalogItem>, Faults), CatalogFailure> {
    let mut faults = Faults::new();
    let mut items = Vec::new();
    for (kind, extension) in [(ItemKind::Deck, "csv"), (ItemKind::Plan, "toml")] {
        for file in read_files(path, kind.directory())? {
            if let Some(id) = stem(&file.name, extension, &mut faults).map(Box::from) {
                items.push(item(kind, id, vec![file]));
            }
        }
    }
    let files = [COUNTRIES, PREFIXES, DOMESTIC_UNIONS].into_iter().map(|name| read_file(path, name));
    items.push(item(ItemKind::NumberPlan, NUMBER_PLAN_ID.into(), files.collect::<Result<_, _>>()?));
    Ok((items, faults))
}

fn item(kind: ItemKind, id: Box<str>, files: Vec<CatalogFile>) -> CatalogItem {
    CatalogItem { kind, id, version: Box::from(&*version_of(&files)), effective_from: None, files }
}

/// What a file is called without directory and extension; a fault where that is no name, or the extension is another.
fn stem<'a>(name: &'a str, extension: &str, faults: &mut Faults) -> Option<&'a str> {
    let stem = file_name(name).strip_suffix(extension).and_then(|stem| stem.strip_suffix('.'));
    let is_name = |stem: &&str| {
        (1..=NAME_LEN_MAX).contains(&stem.len())
            && stem.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
    };
    let stem = stem.filter(is_name);
    if stem.is_none() {
        let message =
            format!("a file here is called NAME.{extension}, NAME being 1 to {NAME_LEN_MAX} of A-Z a-z 0-9 . _ -");
        faults.add(name, Place::line(1), message);
    }
    stem
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
    read_one(&catalog.join(name), name)
}

/// The file at `path`, which the catalog knows as `name`.
fn read_one(path: &Path, name: &str) -> Result<CatalogFile, CatalogFailure> {
    let path = path.to_owned();
    let failed = |source| CatalogFailure::Read { path: path.clone(), source };
    if fs::metadata(&path).map_err(failed)?.len() > FILE_BYTES_MAX {
        return Err(CatalogFailure::TooLarge { path, bound: format!("{FILE_BYTES_MAX} bytes") });
    }
    let bytes = fs::read(&path).map_err(failed)?;
    Ok(CatalogFile { name: name.to_owned(), bytes: bytes.into() })
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
            "decks/old.CSV:1: column 1: a file here is called NAME.csv, NAME being 1 to 64 of A-Z a-z 0-9 . _ -\n\
             number-plan/domestic-unions.csv:2: column 2 (country): no country of the list of countries: \"FR\"\n\
             plans/domestic.toml:1: column 1: plan \"domestic\" is not supported by this release, only payg is\n\
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
