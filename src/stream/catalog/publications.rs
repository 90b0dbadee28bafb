//! What the topic `catalog` says, record by record. Pure: records in, items out.
//!
//! Which publications count follows from the records alone, in their order, so every reader finds the same:
//!
//! - A publication with `effective_from` counts if that instant lies at least its own lead ahead of the broker's time of its
//!   manifest. Until then every node that rates has read it, or has stopped rating, since its catalog is stale.
//! - A publication without `effective_from` (it always was in force) counts if nothing of that item counts before it: nothing
//!   can have been priced by it yet. That is how a new price list begins.
//! - A withdrawal counts if it comes as long before `effective_from` as the publication had to; one that takes back what is
//!   ignored anyway always counts, and ends its alarm.
//! - Of the publications of an item that count, the one with the latest `effective_from` at or before a call's start prices
//!   it; of two with the same instant, the later in the topic (F7).
//!
//! Memory: the bytes of versions that no call can need any more are dropped ([`Keep`]); their manifests stay, they are small.
//! A call from before that finds no price, and waits in quarantine rather than being mispriced.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};

use super::build::{CatalogFile, CatalogItem, version_of_parts};
use super::content::{Content, DamagedContent};
use super::standing::{Ignored, Publication, Rank, Standing, TopicProblem, Withdrawn, is_in_time};
use crate::wire::catalog_record::{
    CatalogRecord, ContentKey, ItemKind, Manifest, PublicationKey, RecordKey, Withdrawal, decode,
};

/// Publications that are remembered at most.
pub const PUBLICATIONS_MAX: usize = 100_000;
/// Bytes of versions that are kept at most.
pub const CONTENT_BYTES_MAX: usize = 2 << 30;
/// Records that cannot be understood and are listed at most.
pub const FAULTS_MAX: usize = 100;

/// One record of the topic, as a log brings it.
#[derive(Clone, Debug)]
pub struct CatalogLogRecord {
    /// Its offset.
    pub offset: i64,
    /// The broker's time.
    pub at: Timestamp,
    /// The key.
    pub key: Bytes,
    /// The value; empty for a record without one.
    pub value: Bytes,
}

/// Which versions' bytes are kept.
#[derive(Clone, Debug)]
pub struct Keep {
    /// A version is kept for this long after its successor has come into force: the acceptance window and
    /// [`KEPT_BEYOND_WINDOW`].
    pub superseded_for: SignedDuration,
    /// This one besides: what a rollback or an export is about.
    pub wanted: Option<(ItemKind, Box<str>, Box<str>)>,
}

/// How much longer than the acceptance window a superseded version is kept, 104 days: a call lasts a week at most, a partition
/// whose inputs are a week behind judges by its own clock, and a record that was put aside can be replayed for as long as the
/// quarantine keeps it, 90 days.
pub const KEPT_BEYOND_WINDOW: SignedDuration = SignedDuration::from_hours((90 + 14) * 24);

/// All that was read so far.
#[derive(Debug)]
pub struct Publications {
    keep: Keep,
    /// By item, in the order of the topic.
    items: BTreeMap<(ItemKind, Box<str>), Vec<Publication>>,
    contents: BTreeMap<ContentKey, Content>,
    /// Records that were not understood, by key.
    faults: BTreeMap<Bytes, String>,
    /// The latest time of the broker that was read.
    read_to: Timestamp,
    /// A bound was exceeded; nothing makes up for what was not kept.
    too_much: Option<TopicProblem>,
}

impl Publications {
    /// Nothing is read yet.
    pub fn new(keep: Keep) -> Publications {
        Publications {
            keep,
            items: BTreeMap::new(),
            contents: BTreeMap::new(),
            faults: BTreeMap::new(),
            read_to: Timestamp::MIN,
            too_much: None,
        }
    }

    /// Takes the next record.
    pub fn take(&mut self, record: &CatalogLogRecord) {
        self.read_to = self.read_to.max(record.at);
        let decoded = match decode(&record.key, Some(&record.value)) {
            Ok(decoded) => decoded,
            Err(rejected) => {
                if self.faults.len() < FAULTS_MAX {
                    self.faults.insert(record.key.clone(), rejected.to_string());
                } else {
                    let what = "records that cannot be understood";
                    self.too_much = Some(TopicProblem::TooMuch { what, bound: FAULTS_MAX });
                }
                return;
            }
        };
        self.faults.remove(&record.key);
        match decoded {
            CatalogRecord::Partitions => {}
            CatalogRecord::Part(key, number, bytes) => {
                let place = record.value.slice_ref(bytes);
                self.contents.entry(key).or_default().put(number, place, record.offset);
                self.bound_contents();
            }
            CatalogRecord::Manifest(key, manifest) => {
                let item = (key.kind, key.id.clone());
                self.take_manifest(key, manifest, record);
                self.forget(Some(&item), self.read_to);
            }
            CatalogRecord::Withdrawal(key, withdrawal) => self.take_withdrawal(&key, withdrawal, record.at),
            CatalogRecord::Removed(key) => self.remove(&key),
        }
    }

    /// All publications, by item, then in the order of the topic.
    pub fn all(&self) -> impl Iterator<Item = &Publication> {
        self.items.values().flatten()
    }

    /// How many publications there are.
    pub fn count(&self) -> usize {
        self.items.values().map(Vec::len).sum()
    }

    /// The publications of one item, in the order of the topic.
    pub fn of(&self, kind: ItemKind, id: &str) -> &[Publication] {
        self.items.get(&(kind, id.into())).map_or(&[], Vec::as_slice)
    }

    /// The publication by which a call that starts at `at` is priced.
    pub fn in_force(&self, kind: ItemKind, id: &str, at: Timestamp) -> Option<&Publication> {
        let begun = |one: &&Publication| one.counts() && one.manifest.effective_from.is_none_or(|from| from <= at);
        self.of(kind, id).iter().filter(begun).max_by_key(|one| one.rank())
    }

    /// The publication that is in force in the end, if no other comes.
    pub fn last_in_force(&self, kind: ItemKind, id: &str) -> Option<&Publication> {
        self.of(kind, id).iter().filter(|one| one.counts()).max_by_key(|one| one.rank())
    }

    /// Names what counts: the same on every node that has read the same.
    pub fn version(&self) -> Arc<str> {
        let counted = self.all().filter(|one| one.counts());
        let named: Vec<String> = counted
            .map(|one| {
                let Manifest { kind, id, version, effective_from, .. } = &one.manifest;
                let from = effective_from.map_or(String::new(), |from| from.to_string());
                format!("{}/{id}/{version}/{from}", kind.code())
            })
            .collect();
        version_of_parts(named.iter().map(String::as_bytes))
    }

    /// Every version that a call can need, with its files; of an item in the order of their publication. `now` is the wall
    /// clock, and all that was in the topic at that time is read.
    ///
    /// # Errors
    /// [`TopicProblem`]: then nothing may be priced.
    pub fn needed(&mut self, now: Timestamp) -> Result<Vec<CatalogItem>, TopicProblem> {
        if let Some(too_much) = &self.too_much {
            return Err(too_much.clone());
        }
        if let Some((key, detail)) = self.faults.first_key_value() {
            let (count, key) = (self.faults.len(), String::from_utf8_lossy(key).into_owned());
            return Err(TopicProblem::NotUnderstood { count, key, detail: detail.clone() });
        }
        self.forget(None, now);
        let mut items = Vec::new();
        for publications in self.items.values() {
            let from = needed_from(publications, &self.keep, now);
            for one in publications.iter().filter(|one| one.counts() && from <= Some(one.rank())) {
                let content = self.contents.entry(one.manifest.content()).or_default();
                items.push(item_of(one, content)?);
            }
        }
        Ok(items)
    }

    /// The files of a version, if its bytes are kept.
    ///
    /// # Errors
    /// What is missing of it.
    pub fn files_of(&mut self, manifest: &Manifest) -> Result<Vec<CatalogFile>, DamagedContent> {
        self.contents.entry(manifest.content()).or_default().files(manifest)
    }

    /// What has no effect and was not told before.
    pub fn take_ignored(&mut self) -> Vec<Ignored> {
        let mut ignored = Vec::new();
        for one in self.items.values_mut().flatten().filter(|one| !one.alarmed) {
            let why = match (one.standing, &one.withdrawn) {
                (_, Some(withdrawn)) if withdrawn.counts => continue,
                (_, Some(_)) => "it was withdrawn too shortly before it is in force",
                (Standing::TooLate, None) => "it was published too shortly before it is in force",
                (Standing::NotFirst, None) => "only the first publication of an item may have no effective_from",
                (Standing::Accepted, None) => continue,
            };
            one.alarmed = true;
            ignored.push(Ignored { key: one.key.clone(), version: one.manifest.version.clone(), why });
        }
        ignored
    }

    fn take_manifest(&mut self, key: PublicationKey, manifest: Manifest, record: &CatalogLogRecord) {
        if self.count() >= PUBLICATIONS_MAX {
            self.too_much = Some(TopicProblem::TooMuch { what: "publications", bound: PUBLICATIONS_MAX });
            return;
        }
        let item = self.items.entry((key.kind, key.id.clone())).or_default();
        // The same key again is the same publication again; nothing that this release has writes it.
        item.retain(|one| one.key != key);
        let standing = match manifest.effective_from {
            Some(from) if is_in_time(record.at, from, &manifest) => Standing::Accepted,
            Some(_) => Standing::TooLate,
            None if item.iter().any(Publication::counts) => Standing::NotFirst,
            None => Standing::Accepted,
        };
        let (offset, published_at) = (record.offset, record.at);
        item.push(Publication { key, manifest, offset, published_at, standing, withdrawn: None, alarmed: false });
    }

    fn take_withdrawal(&mut self, key: &PublicationKey, withdrawal: Withdrawal, at: Timestamp) {
        let item = self.items.get_mut(&(key.kind, key.id.clone()));
        let Some(one) = item.and_then(|item| item.iter_mut().find(|one| one.key == *key)) else { return };
        if one.is_withdrawn() {
            return;
        }
        let in_time = one.manifest.effective_from.is_some_and(|from| is_in_time(at, from, &one.manifest));
        let counts = in_time || one.standing != Standing::Accepted;
        one.withdrawn = Some(Withdrawn { withdrawal, at, counts });
        one.alarmed = false;
    }

    fn remove(&mut self, key: &RecordKey) {
        match key {
            RecordKey::Partitions => {}
            RecordKey::Part(content, number) => {
                if let Some(content) = self.contents.get_mut(content) {
                    content.remove(*number);
                }
            }
            RecordKey::Manifest(key) => {
                if let Some(item) = self.items.get_mut(&(key.kind, key.id.clone())) {
                    item.retain(|one| one.key != *key);
                }
            }
            RecordKey::Withdrawal(key) => {
                let item = self.items.get_mut(&(key.kind, key.id.clone()));
                for one in item.into_iter().flatten().filter(|one| one.key == *key) {
                    one.withdrawn = None;
                }
            }
        }
    }

    /// Drops the bytes that nothing needs any more, of one item or of all. Parts behind the last manifest that names them are
    /// the beginning of a publication, and stay.
    ///
    /// `now` is the time of the topic while it is read: what supersedes a version may yet turn out to be withdrawn, and it
    /// cannot any more when the topic itself is so far beyond its beginning.
    fn forget(&mut self, item: Option<&(ItemKind, Box<str>)>, now: Timestamp) {
        let mut named: BTreeMap<ContentKey, (bool, i64)> = BTreeMap::new();
        let is_meant = |one: &(ItemKind, Box<str>)| item.is_none_or(|item| item == one);
        for (_, publications) in self.items.iter().filter(|(of, _)| is_meant(of)) {
            let from = needed_from(publications, &self.keep, now);
            for one in publications {
                let (needed, last) = named.entry(one.manifest.content()).or_insert((false, i64::MIN));
                *needed |= (one.counts() && from <= Some(one.rank())) || self.keep.wants(&one.manifest);
                *last = one.offset.max(*last);
            }
        }
        self.contents.retain(|key, content| match named.get(key) {
            Some((needed, last)) => *needed || content.last_offset() > *last,
            None => true,
        });
    }

    fn bound_contents(&mut self) {
        let held = |contents: &BTreeMap<ContentKey, Content>| contents.values().map(Content::bytes).sum::<usize>();
        if held(&self.contents) > CONTENT_BYTES_MAX {
            self.forget(None, self.read_to);
            if held(&self.contents) > CONTENT_BYTES_MAX {
                self.contents.clear();
                let what = "bytes of versions that are needed";
                self.too_much = Some(TopicProblem::TooMuch { what, bound: CONTENT_BYTES_MAX });
            }
        }
    }
}

impl Keep {
    fn wants(&self, manifest: &Manifest) -> bool {
        self.wanted.as_ref().is_some_and(|(kind, id, version)| {
            *kind == manifest.kind && *id == manifest.id && *version == manifest.version
        })
    }
}

/// The rank from which on publications are needed: that of the last one which has been in force for longer than what came
/// before it is kept.
fn needed_from(publications: &[Publication], keep: &Keep, now: Timestamp) -> Option<Rank> {
    let is_old = |from: Timestamp| now.duration_since(from) > keep.superseded_for;
    let old = publications.iter().filter(|one| one.counts() && one.manifest.effective_from.is_some_and(is_old));
    old.map(Publication::rank).max()
}

fn item_of(one: &Publication, content: &mut Content) -> Result<CatalogItem, TopicProblem> {
    let Manifest { kind, id, version, effective_from, .. } = &one.manifest;
    let files = content.files(&one.manifest).map_err(|source| TopicProblem::Damaged {
        kind: *kind,
        id: id.clone(),
        publication: one.key.publication.clone(),
        source,
    })?;
    Ok(CatalogItem { kind: *kind, id: id.clone(), version: version.clone(), effective_from: *effective_from, files })
}

#[cfg(test)]
mod tests;
