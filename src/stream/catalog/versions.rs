//! Versions of one thing side by side in a directory: `plans/domestic.toml` and `plans/domestic@2023-01-25.toml`.
//!
//! What a file says in `effective_from` counts. The day behind `@` repeats it, so that a listing shows what is in force when, and
//! a name that says another day is a fault.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::build::{CatalogItem, ItemContent};
use crate::core::number_plan::NUMBER_PLAN_ID;
use crate::wire::catalog_record::ItemKind;
use crate::wire::fault::{Faults, Place};

/// Characters of the name of a deck, plan or zone at most.
pub const NAME_LEN_MAX: usize = 64;

/// What a file or directory of the catalog is called, without its extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct VersionName<'a> {
    /// 1 to [`NAME_LEN_MAX`] of `[A-Za-z0-9._-]`.
    id: &'a str,
    /// The UTC day from which on it is in force.
    day: Option<Date>,
}

impl<'a> VersionName<'a> {
    /// `NAME` or `NAME@2023-01-25`.
    pub(super) fn read(stem: &'a str) -> Option<VersionName<'a>> {
        const DAY_LEN: usize = "2023-01-25".len();
        let (id, day) = match stem.split_once('@') {
            None => (stem, None),
            Some((id, day)) if day.len() == DAY_LEN => (id, Some(day.parse().ok()?)),
            Some(_) => return None,
        };
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let is_name = (1..=NAME_LEN_MAX).contains(&id.len()) && id.bytes().all(allowed);
        is_name.then_some(VersionName { id, day })
    }

    /// That of the file, or of the directory of a number plan.
    fn of(item: &'a CatalogItem) -> Option<VersionName<'a>> {
        let (directory, file) = item.files.first()?.name.rsplit_once('/')?;
        let stem = match item.kind {
            ItemKind::NumberPlan => directory,
            _ => file.rsplit_once('.')?.0,
        };
        VersionName::read(stem)
    }
}

/// What others call a file with this name before its extension: `domestic` for `domestic` and `domestic@2023-01-25`. `None` where
/// that is no name.
pub fn id_of_stem(stem: &str) -> Option<&str> {
    VersionName::read(stem).map(|name| name.id)
}

/// Looks for what a directory cannot mean: a name that says another day than its content; two versions of one thing from the same
/// instant, for which of them would count is nothing that a directory can say; a plan older than a zone that it names; calls
/// without a number plan.
pub(super) fn check_versions(items: &[CatalogItem], contents: &[Option<ItemContent>], faults: &mut Faults) {
    let read = || items.iter().zip(contents).filter_map(|(item, content)| Some((item, content.as_ref()?)));
    let mut seen: BTreeMap<(ItemKind, &str, Option<Timestamp>), &str> = BTreeMap::new();
    let mut oldest: BTreeMap<(ItemKind, &str), (Option<Timestamp>, &str)> = BTreeMap::new();
    for (item, content) in read() {
        let (file, from) = (&*item.files[0].name, content.effective_from());
        let said = from.map(|from| from.to_zoned(TimeZone::UTC).date());
        if let Some(day) = VersionName::of(item).and_then(|name| name.day).filter(|day| Some(*day) != said) {
            let said = said.map_or("nothing".to_owned(), |said| said.to_string());
            let message = format!("the name says that it is in force from {day}, its effective_from says {said}");
            faults.add(file, Place::line(1), message);
        }
        if let Some(other) = seen.insert((item.kind, &item.id, from), file) {
            let message = format!("in force from {}, and so is {other}: give one effective_from", told(from));
            faults.add(file, Place::line(1), message);
        }
        let first = oldest.entry((item.kind, &item.id)).or_insert((from, file));
        if from < first.0 {
            *first = (from, file);
        }
    }
    for (item, content) in read() {
        let ItemContent::Plan(plan) = content else { continue };
        for zone in plan.parts().rules.iter().filter_map(|rule| rule.zone.as_deref()) {
            let first = oldest.get(&(ItemKind::Zone, zone)).filter(|(first, _)| *first > plan.effective_from());
            if let Some((first, _)) = first {
                let (own, first) = (told(plan.effective_from()), told(*first));
                let message = format!("in force from {own}, but its zone {zone} only from {first}");
                faults.add(&item.files[0].name, Place::line(1), message);
            }
        }
    }
    if let Some((Some(first), file)) = oldest.get(&(ItemKind::NumberPlan, NUMBER_PLAN_ID)) {
        let message = format!("calls before {first} have no number plan: the first one has no effective_from");
        faults.add(file, Place::line(1), message);
    }
}

fn told(from: Option<Timestamp>) -> String {
    from.map_or("ever".to_owned(), |from| from.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_named_after_the_day_from_which_on_it_is_in_force() {
        let cases = [
            ("domestic", Some(("domestic", None))),
            ("domestic@2023-01-25", Some(("domestic", Some("2023-01-25")))),
            ("a.b_C-9", Some(("a.b_C-9", None))),
            ("", None),
            ("@2023-01-25", None),
            ("domestic@", None),
            ("domestic@2023-02-30", None),
            ("domestic@2023-1-5", None),
            ("domestic@2023-01-25@2023-01-25", None),
            ("domestic us", None),
            ("ä", None),
        ];
        for (stem, expected) in cases {
            let found = VersionName::read(stem);
            let expected = expected.map(|(id, day)| VersionName { id, day: day.map(|day| day.parse().expect(day)) });
            assert_eq!(found, expected, "{stem}");
        }
        assert!(VersionName::read(&"x".repeat(64)).is_some() && VersionName::read(&"x".repeat(65)).is_none());
    }
}
