//! The records of the topic `catalog`: what prices calls, published item by item.
//!
//! A *publication* puts one version of one item (a price list, a plan, the number plan) into force from an instant on. It is
//! one transaction: the bytes in parts, and last the manifest, which completes it.
//!
//! | key | value |
//! |---|---|
//! | `partitions` | the partition count of the other topics; `topics create` writes it |
//! | `part/<kind>/<id>/<version>/<n>-<parts>` | bytes of the item's files, one after the other, in parts from 1 |
//! | `manifest/<kind>/<id>/<publication>` | [`Manifest`] |
//! | `withdrawal/<kind>/<id>/<publication>` | [`Withdrawal`] |
//!
//! The topic is compacted, so keys say what may be forgotten. A publication has an id of its own (16 hexadecimal digits), and
//! with it its manifest stays for ever: a version that comes back into force has two, and calls of both times need both. The
//! parts are named by their content: publishing a version again writes the same bytes under the same keys, and one copy stays.
//!
//! A record that cannot be understood was written by a later release: whoever prices calls must stop, not pass over it.

mod key;
#[cfg(test)]
pub(super) mod tests;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::fields::{FieldFault, Fields};
use super::json::Object;
use super::record::record;
use super::value::{Bounded, List, Name, Parsed, lower_hex};
use super::{RECORD_BYTES_MAX, Rejected};
use key::VERSION_DIGITS;

pub use key::{ContentKey, ItemKind, PARTITIONS_KEY, PARTS_MAX, PublicationKey, RecordKey, read_key};

/// Bytes of a part at most: well below what brokers take (1 MB unless configured otherwise).
pub const PART_BYTES_MAX: usize = 512 * 1024;
/// Bytes of an item at most, all its files together.
pub const ITEM_BYTES_MAX: u64 = 256 << 20;
/// Files of an item at most.
pub const ITEM_FILES_MAX: usize = 32;
/// Bytes of a file's name at most.
pub const FILE_NAME_BYTES_MAX: usize = 128;
/// Bytes of a note, and of the name of who publishes, at most.
pub const NOTE_BYTES_MAX: usize = 256;
/// The shortest lead of a publication, seconds. What a lead must hold is in `config`; below this, no clock is good enough.
pub const LEAD_SECONDS_MIN: u32 = 10;
/// The longest lead, seconds: a week.
pub const LEAD_SECONDS_MAX: u32 = 7 * 24 * 60 * 60;

const _: () = assert!(PARTS_MAX as u64 * PART_BYTES_MAX as u64 == ITEM_BYTES_MAX);

const FORMAT: u64 = 1;
const SHA256_DIGITS: usize = 64;

/// What completes a publication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// What the item is.
    pub kind: ItemKind,
    /// What tenants and other items refer to: 1 to 64 of `[A-Za-z0-9._-]`.
    pub id: Box<str>,
    /// 12 hexadecimal digits of the hash of its files.
    pub version: Box<str>,
    /// In force for calls that start from here on; absent only in the first publication of an item: always was.
    pub effective_from: Option<Timestamp>,
    /// How far `effective_from` is ahead of the broker's time of this record at least. It stands here, and not in the
    /// configuration of readers, so that all readers judge a publication alike, today and after the setting has changed.
    pub lead_seconds: u32,
    /// The files, in the order in which their bytes follow each other.
    pub files: Vec<FileEntry>,
    /// How many parts there are.
    pub parts: u32,
    /// The digest of all bytes.
    pub sha256: Box<str>,
    /// Who published it; for people.
    pub published_by: Box<str>,
    /// Why; may be empty.
    pub note: Box<str>,
}

/// A file of a publication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileEntry {
    /// The path inside the catalog, with `/`.
    pub name: Box<str>,
    /// Its length.
    pub bytes: u64,
}

/// Takes a publication back before it is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withdrawal {
    /// Who withdrew it; for people.
    pub withdrawn_by: Box<str>,
    /// Why; may be empty.
    pub note: Box<str>,
}

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CatalogRecord<'a> {
    /// The partition count.
    Partitions,
    /// A part.
    Part(ContentKey, u32, &'a [u8]),
    /// A manifest.
    Manifest(PublicationKey, Manifest),
    /// A withdrawal.
    Withdrawal(PublicationKey, Withdrawal),
    /// A record without a value: what was under this key is gone. Nothing here writes it; it is a way to repair a topic.
    Removed(RecordKey),
}

impl Manifest {
    /// The bytes of all files.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// Where its bytes are.
    pub fn content(&self) -> ContentKey {
        ContentKey { kind: self.kind, id: self.id.clone(), version: self.version.clone(), parts: self.parts }
    }
}

/// The digest of bytes that lie in pieces, as manifests have it.
pub fn sha256_of<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Box<str> {
    let mut digest = Sha256::new();
    pieces.into_iter().for_each(|piece| digest.update(piece));
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect::<String>().into()
}

/// The value of a manifest.
pub fn encode_manifest(manifest: &Manifest) -> Vec<u8> {
    let mut json = Vec::new();
    let mut object = Object::open(&mut json);
    object.integer("format", FORMAT);
    object.text("kind", manifest.kind.code());
    object.text("id", &manifest.id);
    object.text("version", &manifest.version);
    if let Some(from) = manifest.effective_from {
        object.time("effective_from", from);
    }
    object.integer("lead_seconds", manifest.lead_seconds);
    object.list("files", &manifest.files, |file, into| {
        let mut object = Object::open(into);
        object.text("name", &file.name);
        object.integer("bytes", file.bytes);
        object.close();
    });
    object.integer("parts", manifest.parts);
    object.integer("bytes", manifest.bytes());
    object.text("sha256", &manifest.sha256);
    object.text("published_by", &manifest.published_by);
    object.optional_text("note", Some(&*manifest.note).filter(|note| !note.is_empty()));
    object.close();
    json
}

/// The value of a withdrawal.
pub fn encode_withdrawal(key: &PublicationKey, withdrawal: &Withdrawal) -> Vec<u8> {
    let mut json = Vec::new();
    let mut object = Object::open(&mut json);
    object.integer("format", FORMAT);
    object.text("kind", key.kind.code());
    object.text("id", &key.id);
    object.text("withdrawn_by", &withdrawal.withdrawn_by);
    object.optional_text("note", Some(&*withdrawal.note).filter(|note| !note.is_empty()));
    object.close();
    json
}

/// Reads a record. `value` is `None` where it has none.
///
/// # Errors
/// `unsupported_version` for kinds, formats and keys that this release does not know, else `malformed`; with the fault.
pub fn decode<'a>(key: &[u8], value: Option<&'a [u8]>) -> Result<CatalogRecord<'a>, Rejected> {
    let key = read_key(key)?;
    let Some(value) = value.filter(|value| !value.is_empty()) else { return Ok(CatalogRecord::Removed(key)) };
    match key {
        RecordKey::Partitions => Ok(CatalogRecord::Partitions),
        RecordKey::Part(..) if value.len() > PART_BYTES_MAX => {
            Err(Rejected::malformed(format_args!("part: {} bytes, more than {PART_BYTES_MAX}", value.len())))
        }
        RecordKey::Part(content, number) => Ok(CatalogRecord::Part(content, number, value)),
        RecordKey::Manifest(key) => {
            let manifest = read_fields(value, &key, read_manifest)?;
            Ok(CatalogRecord::Manifest(key, manifest))
        }
        RecordKey::Withdrawal(key) => {
            let withdrawal = read_fields(value, &key, read_withdrawal)?;
            Ok(CatalogRecord::Withdrawal(key, withdrawal))
        }
    }
}

/// Looks at the format before anything else, then lets `read` take all fields.
fn read_fields<T>(
    value: &[u8],
    key: &PublicationKey,
    read: impl FnOnce(&mut Fields<'_>, &PublicationKey) -> Result<T, FieldFault>,
) -> Result<T, Rejected> {
    if value.len() > RECORD_BYTES_MAX {
        return Err(Rejected::malformed(format_args!("{} bytes, more than {RECORD_BYTES_MAX}", value.len())));
    }
    let json = std::str::from_utf8(value).map_err(|_| Rejected::malformed("not UTF-8"))?;
    let mut fields: Fields<'_> = serde_json::from_str(json).map_err(Rejected::malformed)?;
    let format: u64 = fields.required("format").map_err(Rejected::malformed)?;
    if format != FORMAT {
        return Err(Rejected::unsupported(format_args!("format: {format}, this release reads {FORMAT}")));
    }
    let result = read(&mut fields, key).map_err(Rejected::malformed)?;
    fields.finish().map_err(Rejected::malformed)?;
    Ok(result)
}

record! {
    /// A file as it is written.
    struct RawFile<'a>, unknown fields are refused:
    "name" => name: Bounded<'a, 1, FILE_NAME_BYTES_MAX>,
    "bytes" => bytes: u64,
}

fn read_manifest(fields: &mut Fields<'_>, key: &PublicationKey) -> Result<Manifest, FieldFault> {
    check_item(fields, key)?;
    let within = |is: bool, field: &str, problem: &str| if is { Ok(()) } else { Err(FieldFault::new(field, problem)) };
    let version: Bounded<'_, VERSION_DIGITS, VERSION_DIGITS> = fields.required("version")?;
    within(lower_hex(&version.0, VERSION_DIGITS), "version", "not 12 hex digits")?;
    let effective_from = fields.optional::<Parsed<Timestamp>>("effective_from")?.map(|Parsed(from)| from);
    let lead_seconds: u32 = fields.required("lead_seconds")?;
    within((LEAD_SECONDS_MIN..=LEAD_SECONDS_MAX).contains(&lead_seconds), "lead_seconds", "not from 10 to 604800")?;
    let List(raw): List<RawFile<'_>> = fields.required("files")?;
    within((1..=ITEM_FILES_MAX).contains(&raw.len()), "files", "not 1 to 32")?;
    let mut files = Vec::with_capacity(raw.len());
    for file in raw {
        let (Some(Bounded(name)), Some(bytes)) = (file.name, file.bytes) else {
            return Err(FieldFault::new("files", "name or bytes missing"));
        };
        files.push(FileEntry { name: name.into(), bytes });
    }
    let total = files.iter().try_fold(0_u64, |sum, file| sum.checked_add(file.bytes));
    within(total.is_some_and(|total| (1..=ITEM_BYTES_MAX).contains(&total)), "files", "not 1 byte to 256 MiB")?;
    let parts: u32 = fields.required("parts")?;
    within((1..=PARTS_MAX).contains(&parts), "parts", "not from 1 to 512")?;
    within(Some(fields.required::<u64>("bytes")?) == total, "bytes", "not the sum of the files")?;
    let sha256: Bounded<'_, SHA256_DIGITS, SHA256_DIGITS> = fields.required("sha256")?;
    within(lower_hex(&sha256.0, SHA256_DIGITS), "sha256", "not 64 hex digits")?;
    let published_by: Bounded<'_, 1, NOTE_BYTES_MAX> = fields.required("published_by")?;
    Ok(Manifest {
        kind: key.kind,
        id: key.id.clone(),
        version: version.0.into(),
        effective_from,
        lead_seconds,
        files,
        parts,
        sha256: sha256.0.into(),
        published_by: published_by.0.into(),
        note: read_note(fields)?,
    })
}

fn read_withdrawal(fields: &mut Fields<'_>, key: &PublicationKey) -> Result<Withdrawal, FieldFault> {
    check_item(fields, key)?;
    let withdrawn_by: Bounded<'_, 1, NOTE_BYTES_MAX> = fields.required("withdrawn_by")?;
    Ok(Withdrawal { withdrawn_by: withdrawn_by.0.into(), note: read_note(fields)? })
}

fn read_note(fields: &mut Fields<'_>) -> Result<Box<str>, FieldFault> {
    let note = fields.optional::<Bounded<'_, 0, NOTE_BYTES_MAX>>("note")?;
    Ok(note.map_or(Box::default(), |Bounded(note)| note.into()))
}

/// A value says by itself what it is of; under another key it is somebody's mistake.
fn check_item(fields: &mut Fields<'_>, key: &PublicationKey) -> Result<(), FieldFault> {
    let Parsed(kind) = fields.required::<Parsed<ItemKind>>("kind")?;
    let Name(id) = fields.required::<Name<'_>>("id")?;
    if kind != key.kind {
        return Err(FieldFault::new("kind", "not that of the key"));
    }
    if id != *key.id {
        return Err(FieldFault::new("id", "not that of the key"));
    }
    Ok(())
}
