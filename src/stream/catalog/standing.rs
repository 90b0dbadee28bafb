//! A publication, and whether it counts.

use jiff::{SignedDuration, Timestamp};

use super::content::DamagedContent;
use crate::wire::catalog_record::{ItemKind, Manifest, PublicationKey, Withdrawal};

/// Whether a publication counts by its own manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It came in time.
    Accepted,
    /// `effective_from` was not far enough ahead.
    TooLate,
    /// It has no `effective_from`, and is not the first of its item.
    NotFirst,
}

/// A publication, as its reader sees it.
#[derive(Clone, Debug)]
pub struct Publication {
    /// Which.
    pub key: PublicationKey,
    /// What it says.
    pub manifest: Manifest,
    /// Where its manifest is.
    pub offset: i64,
    /// The broker's time of its manifest.
    pub published_at: Timestamp,
    /// Whether it came in time.
    pub standing: Standing,
    /// The last withdrawal of it, if there is one.
    pub withdrawn: Option<Withdrawn>,
    /// It has no effect, and somebody was told.
    pub(super) alarmed: bool,
}

/// A withdrawal, as its reader sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withdrawn {
    /// What it says.
    pub withdrawal: Withdrawal,
    /// The broker's time of it.
    pub at: Timestamp,
    /// It came in time; else it is ignored.
    pub counts: bool,
}

impl Publication {
    /// It is, or will be, in force.
    pub fn counts(&self) -> bool {
        self.standing == Standing::Accepted && !self.is_withdrawn()
    }

    /// It was taken back in time.
    pub fn is_withdrawn(&self) -> bool {
        self.withdrawn.as_ref().is_some_and(|withdrawn| withdrawn.counts)
    }

    /// In the order in which publications take over from each other; a smaller one never again after a greater one.
    pub(super) fn rank(&self) -> Rank {
        (self.manifest.effective_from, self.offset)
    }
}

/// See [`Publication::rank`].
pub(super) type Rank = (Option<Timestamp>, i64);

/// Something that somebody meant and that has no effect: an alarm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ignored {
    /// Which publication.
    pub key: PublicationKey,
    /// Its version.
    pub version: Box<str>,
    /// Why.
    pub why: &'static str,
}

/// Why the topic makes no catalog. Nothing may be priced.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TopicProblem {
    /// Records that this release does not understand.
    #[error(
        "{count} records of the topic cannot be understood; a later release may have written them: upgrade, or write each \
         key again. The first is {key:?}: {detail}"
    )]
    NotUnderstood {
        /// How many.
        count: usize,
        /// The key of the first.
        key: String,
        /// What is wrong with it.
        detail: String,
    },
    /// A publication that counts has lost its bytes, or has others.
    #[error("publication {publication} of {} {id}: {source}", kind.code())]
    Damaged {
        /// What the item is.
        kind: ItemKind,
        /// Its id.
        id: Box<str>,
        /// Which publication.
        publication: Box<str>,
        /// What is wrong.
        source: DamagedContent,
    },
    /// A bound is exceeded.
    #[error("the topic holds more than {bound} {what}")]
    TooMuch {
        /// Of what.
        what: &'static str,
        /// How many at most.
        bound: usize,
    },
}

/// `from` is as far ahead of `at` as the manifest promises.
pub(super) fn is_in_time(at: Timestamp, from: Timestamp, manifest: &Manifest) -> bool {
    from.duration_since(at) >= SignedDuration::from_secs(i64::from(manifest.lead_seconds))
}
