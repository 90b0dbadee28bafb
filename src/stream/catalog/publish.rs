//! An item to the records of its publication: the parts, then the manifest. All of them in one transaction.

use bytes::{Bytes, BytesMut};
use jiff::Timestamp;

use super::build::CatalogItem;
use crate::stream::transport::OutRecord;
use crate::wire::catalog_record::{
    FileEntry, ITEM_BYTES_MAX, ITEM_FILES_MAX, Manifest, PART_BYTES_MAX, PublicationKey, Withdrawal, encode_manifest,
    encode_withdrawal, sha256_of,
};

/// How a version is published.
#[derive(Clone, Debug)]
pub struct Terms {
    /// 16 hexadecimal digits that no other publication has.
    pub publication: Box<str>,
    /// In force from here on; `None`: always was, for the first publication of an item alone.
    pub effective_from: Option<Timestamp>,
    /// How far ahead that is at least.
    pub lead_seconds: u32,
    /// Who publishes it.
    pub published_by: Box<str>,
    /// Why; may be empty.
    pub note: Box<str>,
}

/// An item is too large for the topic.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unpublishable {
    /// Too many bytes, or none.
    #[error("{bytes} bytes cannot be published: 1 to {ITEM_BYTES_MAX}")]
    Bytes {
        /// How many it has.
        bytes: usize,
    },
    /// Too many files, or none.
    #[error("{files} files cannot be published together: 1 to {ITEM_FILES_MAX}")]
    Files {
        /// How many it has.
        files: usize,
    },
}

/// A publication, ready to be written.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// Its key.
    pub key: PublicationKey,
    /// What it says.
    pub manifest: Manifest,
    /// Its records, the manifest last.
    pub records: Vec<OutRecord>,
}

/// Makes the publication of a version.
///
/// # Errors
/// [`Unpublishable`].
pub fn publication(item: &CatalogItem, terms: Terms) -> Result<Outgoing, Unpublishable> {
    if !(1..=ITEM_FILES_MAX).contains(&item.files.len()) {
        return Err(Unpublishable::Files { files: item.files.len() });
    }
    let mut all = BytesMut::new();
    item.files.iter().for_each(|file| all.extend_from_slice(&file.bytes));
    let bytes = all.len();
    if all.is_empty() || u64::try_from(bytes).is_ok_and(|bytes| bytes > ITEM_BYTES_MAX) {
        return Err(Unpublishable::Bytes { bytes });
    }
    let all = all.freeze();
    let parts = bytes.div_ceil(PART_BYTES_MAX);
    let entry = |file: &super::build::CatalogFile| FileEntry {
        name: file.name.as_str().into(),
        bytes: u64::try_from(file.bytes.len()).expect("64 bits fit"),
    };
    let manifest = Manifest {
        kind: item.kind,
        id: item.id.clone(),
        version: item.version.clone(),
        effective_from: terms.effective_from,
        lead_seconds: terms.lead_seconds,
        files: item.files.iter().map(entry).collect(),
        parts: u32::try_from(parts).expect("the bytes are bounded"),
        sha256: sha256_of([&all[..]]),
        published_by: terms.published_by,
        note: terms.note,
    };
    let content = manifest.content();
    let part = |number: u32| {
        let from = usize::try_from(number - 1).expect("parts are few") * PART_BYTES_MAX;
        OutRecord { key: content.part_key(number).into(), value: all.slice(from..bytes.min(from + PART_BYTES_MAX)) }
    };
    let mut records: Vec<OutRecord> = (1..=manifest.parts).map(part).collect();
    let key = PublicationKey { kind: item.kind, id: item.id.clone(), publication: terms.publication };
    records.push(OutRecord { key: key.manifest_key().into(), value: encode_manifest(&manifest).into() });
    Ok(Outgoing { key, manifest, records })
}

/// Makes the record that takes a publication back.
pub fn withdrawal(key: &PublicationKey, withdrawal: &Withdrawal) -> OutRecord {
    OutRecord { key: key.withdrawal_key().into(), value: Bytes::from(encode_withdrawal(key, withdrawal)) }
}
