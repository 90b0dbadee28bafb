//! The keys of the topic `catalog`: what a record is of, and what compaction may forget.

use crate::core::tenant::TenantId;
use crate::wire::Rejected;
use crate::wire::value::{FromText, lower_hex};

/// The key of the partition count.
pub const PARTITIONS_KEY: &str = "partitions";
/// Parts of an item at most.
pub const PARTS_MAX: u32 = 512;

/// Hexadecimal digits of a version.
pub(super) const VERSION_DIGITS: usize = 12;
const PUBLICATION_DIGITS: usize = 16;

/// What an item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ItemKind {
    /// A price list for outbound calls.
    Deck,
    /// A price list for inbound calls (R14).
    Inbound,
    /// What a licence includes.
    Plan,
    /// A set of countries that plans refer to.
    Zone,
    /// Whose numbers are whose; its files belong together.
    NumberPlan,
}

impl ItemKind {
    /// All kinds.
    pub const ALL: [ItemKind; 5] =
        [ItemKind::Deck, ItemKind::Inbound, ItemKind::Plan, ItemKind::Zone, ItemKind::NumberPlan];

    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            ItemKind::Deck => "deck",
            ItemKind::Inbound => "inbound",
            ItemKind::Plan => "plan",
            ItemKind::Zone => "zone",
            ItemKind::NumberPlan => "number_plan",
        }
    }

    /// What people call it.
    pub fn noun(self) -> &'static str {
        match self {
            ItemKind::Deck => "a price list",
            ItemKind::Inbound => "an inbound price list",
            ItemKind::Plan => "a plan",
            ItemKind::Zone => "a zone",
            ItemKind::NumberPlan => "a number plan",
        }
    }

    /// The directory of its files in a catalog.
    pub fn directory(self) -> &'static str {
        match self {
            ItemKind::Deck => "decks",
            ItemKind::Inbound => "inbound",
            ItemKind::Plan => "plans",
            ItemKind::Zone => "zones",
            ItemKind::NumberPlan => "number-plan",
        }
    }
}

impl FromText for ItemKind {
    fn from_text(text: &str) -> Result<Self, impl std::fmt::Display> {
        ItemKind::ALL.into_iter().find(|kind| kind.code() == text).ok_or("no kind that this release knows")
    }
}

/// The bytes of one version of an item, as they were cut.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ContentKey {
    /// What the item is.
    pub kind: ItemKind,
    /// Its id.
    pub id: Box<str>,
    /// 12 hexadecimal digits of the hash of its files.
    pub version: Box<str>,
    /// How many parts there are.
    pub parts: u32,
}

/// One publication.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PublicationKey {
    /// What the item is.
    pub kind: ItemKind,
    /// Its id.
    pub id: Box<str>,
    /// 16 hexadecimal digits that no other publication has.
    pub publication: Box<str>,
}

/// The key of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordKey {
    /// The partition count: not ours to read.
    Partitions,
    /// A part, counted from 1.
    Part(ContentKey, u32),
    /// A manifest.
    Manifest(PublicationKey),
    /// A withdrawal.
    Withdrawal(PublicationKey),
}

impl PublicationKey {
    /// The key of its manifest.
    pub fn manifest_key(&self) -> String {
        self.key("manifest")
    }

    /// The key of its withdrawal.
    pub fn withdrawal_key(&self) -> String {
        self.key("withdrawal")
    }

    fn key(&self, form: &str) -> String {
        format!("{form}/{}/{}/{}", self.kind.code(), self.id, self.publication)
    }
}

impl ContentKey {
    /// The key of a part, counted from 1.
    pub fn part_key(&self, number: u32) -> String {
        format!("part/{}/{}/{}/{number}-{}", self.kind.code(), self.id, self.version, self.parts)
    }
}

/// Reads a key.
///
/// # Errors
/// `unsupported_version` for a form or kind that this release does not know, else `malformed`.
pub fn read_key(key: &[u8]) -> Result<RecordKey, Rejected> {
    let text = std::str::from_utf8(key).map_err(|_| Rejected::malformed("key: not UTF-8"))?;
    if text == PARTITIONS_KEY {
        return Ok(RecordKey::Partitions);
    }
    let unsupported =
        |what: &str| Rejected::unsupported(format_args!("key: {what} that this release does not know: {text:?}"));
    let malformed = || Rejected::malformed(format_args!("key: not of its form: {text:?}"));
    let mut pieces = text.split('/');
    let mut next = || pieces.next().ok_or_else(malformed);
    let form = next()?;
    if !["part", "manifest", "withdrawal"].contains(&form) {
        return Err(unsupported("a form of record"));
    }
    let kind = ItemKind::from_text(next()?).map_err(|_| unsupported("a kind of item"))?;
    let id: Box<str> = Some(next()?).filter(|id| TenantId::is_valid(id)).ok_or_else(malformed)?.into();
    let name = next()?;
    let read = if form == "part" {
        let version = Some(name).filter(|version| lower_hex(version, VERSION_DIGITS)).ok_or_else(malformed)?.into();
        let (number, parts) = read_part_number(next()?).ok_or_else(malformed)?;
        RecordKey::Part(ContentKey { kind, id, version, parts }, number)
    } else {
        let publication = Some(name).filter(|name| lower_hex(name, PUBLICATION_DIGITS)).ok_or_else(malformed)?.into();
        let key = PublicationKey { kind, id, publication };
        if form == "manifest" { RecordKey::Manifest(key) } else { RecordKey::Withdrawal(key) }
    };
    if pieces.next().is_some() { Err(malformed()) } else { Ok(read) }
}

/// `<n>-<parts>`, without leading zeros: one part has one key.
fn read_part_number(text: &str) -> Option<(u32, u32)> {
    let (number, parts) = text.split_once('-')?;
    let read = |digits: &str| digits.parse::<u32>().ok().filter(|number| number.to_string() == digits);
    let (number, parts) = (read(number)?, read(parts)?);
    (1 <= number && number <= parts && parts <= PARTS_MAX).then_some((number, parts))
}
