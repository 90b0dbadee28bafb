//! The bytes of one version of an item, as they come in parts.

use bytes::{Bytes, BytesMut};

use super::build::CatalogFile;
use crate::wire::catalog_record::{Manifest, sha256_of};

/// Why the bytes of a version are not what its manifest says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DamagedContent {
    /// A part is not in the topic.
    #[error("part {number} of {parts} is missing; publish the version again, or withdraw it")]
    Missing {
        /// From 1.
        number: u32,
        /// How many there should be.
        parts: u32,
    },
    /// The parts are there and are not what was published.
    #[error("its parts are not what was published (another length, or another digest)")]
    Other,
}

/// Parts by their number, and all of it once that was asked for.
#[derive(Debug, Default)]
pub(super) struct Content {
    /// From 1; a part that was removed is empty.
    parts: Vec<Bytes>,
    /// All bytes, with the digest that they were found to have.
    whole: Option<(Bytes, Box<str>)>,
    last_offset: i64,
}

impl Content {
    /// Keeps a part; one that is there already is replaced.
    pub(super) fn put(&mut self, number: u32, bytes: Bytes, offset: i64) {
        let place = place(number);
        if self.parts.len() <= place {
            self.parts.resize(place + 1, Bytes::new());
        }
        self.parts[place] = bytes;
        self.last_offset = offset;
        self.whole = None;
    }

    /// Forgets a part.
    pub(super) fn remove(&mut self, number: u32) {
        if let Some(part) = self.parts.get_mut(place(number)) {
            *part = Bytes::new();
            self.whole = None;
        }
    }

    /// What it takes in memory.
    pub(super) fn bytes(&self) -> usize {
        self.parts.iter().map(Bytes::len).sum()
    }

    /// The offset of the part that came last.
    pub(super) fn last_offset(&self) -> i64 {
        self.last_offset
    }

    /// The files, if all parts are there and are what was published.
    ///
    /// # Errors
    /// [`DamagedContent`].
    pub(super) fn files(&mut self, manifest: &Manifest) -> Result<Vec<CatalogFile>, DamagedContent> {
        let whole = self.whole(manifest)?;
        let mut from = 0;
        let file = |entry: &crate::wire::catalog_record::FileEntry| {
            let len = usize::try_from(entry.bytes).expect("an item is far smaller than memory");
            let bytes = whole.slice(from..from + len);
            from += len;
            CatalogFile { name: entry.name.to_string(), bytes }
        };
        Ok(manifest.files.iter().map(file).collect())
    }

    fn whole(&mut self, manifest: &Manifest) -> Result<Bytes, DamagedContent> {
        if let Some((whole, digest)) = &self.whole
            && *digest == manifest.sha256
        {
            return Ok(whole.clone());
        }
        let parts = manifest.parts;
        let is_missing = |number: &u32| self.parts.get(place(*number)).is_none_or(Bytes::is_empty);
        if let Some(number) = (1..=parts).find(is_missing) {
            return Err(DamagedContent::Missing { number, parts });
        }
        let digest = sha256_of(self.parts.iter().map(|part| &part[..]));
        let len = self.parts.iter().map(Bytes::len).sum::<usize>();
        if digest != manifest.sha256 || u64::try_from(len) != Ok(manifest.bytes()) {
            return Err(DamagedContent::Other);
        }
        let mut whole = BytesMut::with_capacity(len);
        self.parts.iter().for_each(|part| whole.extend_from_slice(part));
        let whole = whole.freeze();
        // The parts lie in the one piece from here on: half the memory.
        let mut from = 0;
        for part in &mut self.parts {
            let to = from + part.len();
            *part = whole.slice(from..to);
            from = to;
        }
        self.whole = Some((whole.clone(), digest));
        Ok(whole)
    }
}

fn place(number: u32) -> usize {
    usize::try_from(number - 1).expect("parts are counted from 1 to 512")
}
