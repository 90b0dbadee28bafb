//! Where catalogs come from: a directory, or the topic `catalog`.
//!
//! | module | what it is |
//! |---|---|
//! | this one | a directory to a catalog: `decks/*.csv`, `inbound/*.csv`, `plans/*.toml`, `zones/*.csv` and `number-plan/*.csv` |
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
#[cfg(test)]
mod tests;
mod versions;

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::core::catalog::Catalog;
use crate::wire::catalog_record::ItemKind;
use crate::wire::fault::{Faults, Place};
use build::{BuildFailure, CatalogFile, CatalogItem, CountryCheck, catalog_of, version_of};
use versions::{VersionName, check_versions};

pub use crate::core::number_plan::NUMBER_PLAN_ID;
pub use versions::{NAME_LEN_MAX, id_of_stem};

/// Bytes of one file at most.
pub const FILE_BYTES_MAX: u64 = 256 << 20;
/// Files of one directory at most.
pub const DIRECTORY_FILES_MAX: usize = 10_000;

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
    #[error("the catalog {} is refused:\n{source}", path.display())]
    Contradictory {
        /// The directory.
        path: PathBuf,
        /// What does not fit.
        source: BuildFailure,
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
    let contents = build::read_items(&items, CountryCheck::Against, &mut faults);
    check_versions(&items, &contents, &mut faults);
    if !faults.is_empty() {
        return Err(CatalogFailure::Refused { path: path.to_owned(), faults });
    }
    catalog_of(version, contents.into_iter().flatten())
        .map_err(|source| CatalogFailure::Contradictory { path: path.to_owned(), source })
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
    let extension = match kind {
        ItemKind::NumberPlan => return Ok(item(kind, id.into(), read_files(path, NUMBER_PLAN_ID)?)),
        kind => extension(kind),
    };
    // A file that is named after the day from which on it is in force keeps that name.
    let stem = path.file_stem().map(|stem| stem.to_string_lossy()).unwrap_or_default();
    let stem = if id_of_stem(&stem) == Some(id) { &*stem } else { id };
    let name_in_catalog = format!("{}/{stem}.{extension}", kind.directory());
    Ok(item(kind, id.into(), vec![read_one(path, &name_in_catalog)?]))
}

/// That of the files of a kind.
fn extension(kind: ItemKind) -> &'static str {
    match kind {
        ItemKind::Plan => "toml",
        ItemKind::Deck | ItemKind::Inbound | ItemKind::Zone | ItemKind::NumberPlan => "csv",
    }
}

/// The items, and the faults of the names of files.
fn read_items(path: &Path) -> Result<(Vec<CatalogItem>, Faults), CatalogFailure> {
    let mut faults = Faults::new();
    let mut items = Vec::new();
    for kind in [ItemKind::Deck, ItemKind::Inbound, ItemKind::Plan, ItemKind::Zone] {
        let directory = path.join(kind.directory());
        let may_be_absent = matches!(kind, ItemKind::Inbound | ItemKind::Zone);
        if may_be_absent && !directory.exists() {
            continue;
        }
        for file in read_files(&directory, kind.directory())? {
            if let Some(id) = id_of_file(&file.name, extension(kind), &mut faults).map(Box::from) {
                items.push(item(kind, id, vec![file]));
            }
        }
    }
    for directory in number_plan_directories(path, &mut faults)? {
        let files = read_files(&path.join(&directory), &directory)?;
        items.push(item(ItemKind::NumberPlan, NUMBER_PLAN_ID.into(), files));
    }
    Ok((items, faults))
}

/// `number-plan`, and `number-plan@2027-01-01` where there is more than one version.
fn number_plan_directories(catalog: &Path, faults: &mut Faults) -> Result<BTreeSet<String>, CatalogFailure> {
    let failed = |source| CatalogFailure::Read { path: catalog.to_owned(), source };
    let mut directories = BTreeSet::from([NUMBER_PLAN_ID.to_owned()]);
    for entry in fs::read_dir(catalog).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name().to_string_lossy().into_owned();
        if name.strip_prefix(NUMBER_PLAN_ID).is_some_and(|rest| rest.starts_with('@')) {
            if VersionName::read(&name).is_some() {
                directories.insert(name);
            } else {
                let message = format!("the directory is called {NUMBER_PLAN_ID} or {NUMBER_PLAN_ID}@2027-01-01");
                faults.add(&name, Place::line(1), message);
            }
        }
    }
    Ok(directories)
}

fn item(kind: ItemKind, id: Box<str>, files: Vec<CatalogFile>) -> CatalogItem {
    CatalogItem { kind, id, version: Box::from(&*version_of(&files)), effective_from: None, files }
}

/// What tenants and other items call a file; a fault where its name is none, or the extension is another.
fn id_of_file<'a>(name: &'a str, extension: &str, faults: &mut Faults) -> Option<&'a str> {
    let (_, file) = name.rsplit_once('/').expect("it is in a directory");
    let stem = file.strip_suffix(extension).and_then(|stem| stem.strip_suffix('.'));
    let id = stem.and_then(id_of_stem);
    if id.is_none() {
        let message = format!(
            "a file here is called NAME.{extension} or NAME@2023-01-25.{extension}, NAME being 1 to {NAME_LEN_MAX} of A-Z a-z \
             0-9 . _ -"
        );
        faults.add(name, Place::line(1), message);
    }
    id
}

/// The files of a directory, which the catalog knows as `directory`, by name. Hidden ones (editors' and mounts' own) are none.
fn read_files(path: &Path, directory: &str) -> Result<Vec<CatalogFile>, CatalogFailure> {
    let failed = |source| CatalogFailure::Read { path: path.to_owned(), source };
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(path).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') {
            names.insert(name);
        }
        if names.len() > DIRECTORY_FILES_MAX {
            return Err(CatalogFailure::TooLarge {
                path: path.to_owned(),
                bound: format!("{DIRECTORY_FILES_MAX} files"),
            });
        }
    }
    names.into_iter().map(|name| read_one(&path.join(&name), &format!("{directory}/{name}"))).collect()
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
