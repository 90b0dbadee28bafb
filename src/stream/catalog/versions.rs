//! Versions of one thing side by side in a directory: `plans/domestic.toml` and `plans/domestic@2023-01-25.toml`.
//!
//! What a file says in `effective_from` counts. The day behind `@` repeats it, so that a listing shows what is in force when, and
//! a name that says another day is a fault.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::wire::fault::{Faults, Place};

/// Characters of the name of a deck, plan or zone at most.
pub const NAME_LEN_MAX: usize = 64;

/// What a file or directory of the catalog is called, without its extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct VersionName<'a> {
    /// 1 to [`NAME_LEN_MAX`] of `[A-Za-z0-9._-]`.
    pub(super) id: &'a str,
    /// The UTC day from which on it is in force.
    pub(super) day: Option<Date>,
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
}

/// The versions of one kind of things that were read so far: id, and from when on in force, with the file.
#[derive(Debug, Default)]
pub(super) struct Versions<'a>(BTreeMap<(&'a str, Option<Timestamp>), &'a str>);

impl<'a> Versions<'a> {
    /// One more. Faults where its name says another day than its content, and where another is in force from the same instant:
    /// which of them would count is nothing that a directory can say.
    pub(super) fn add(
        &mut self,
        file: &'a str,
        name: VersionName<'a>,
        effective_from: Option<Timestamp>,
        faults: &mut Faults,
    ) {
        let said = effective_from.map(|from| from.to_zoned(TimeZone::UTC).date());
        if let Some(day) = name.day.filter(|day| Some(*day) != said) {
            let said = said.map_or("nothing".to_owned(), |said| said.to_string());
            let message = format!("the name says that it is in force from {day}, its effective_from says {said}");
            faults.add(file, Place::line(1), message);
        }
        if let Some(other) = self.0.insert((name.id, effective_from), file) {
            let from = effective_from.map_or("ever".to_owned(), |from| from.to_string());
            faults.add(
                file,
                Place::line(1),
                format!("in force from {from}, and so is {other}: give one effective_from"),
            );
        }
    }
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

    #[test]
    fn a_name_that_contradicts_its_file_is_a_fault_and_so_are_two_versions_of_one_instant() {
        let mut faults = Faults::new();
        let mut versions = Versions::default();
        let mut add = |file, stem, from: Option<&str>| {
            let name = VersionName::read(stem).expect(stem);
            versions.add(file, name, from.map(|from| from.parse().expect(from)), &mut faults);
        };
        add("p/a.toml", "a", None);
        add("p/a@2023-01-25.toml", "a@2023-01-25", Some("2023-01-25T00:00:00Z"));
        add("p/b@2023-01-25.toml", "b@2023-01-25", Some("2023-01-25T23:30:00Z"));
        add("p/c@2023-01-25.toml", "c@2023-01-25", Some("2023-01-25T23:30:00-02:00"));
        add("p/d@2023-01-25.toml", "d@2023-01-25", None);
        add("p/a@2023-01-26.toml", "a@2023-01-26", Some("2023-01-25T00:00:00Z"));
        assert_eq!(
            faults.to_string(),
            "p/c@2023-01-25.toml:1: column 1: the name says that it is in force from 2023-01-25, its effective_from says \
             2023-01-26\n\
             p/d@2023-01-25.toml:1: column 1: the name says that it is in force from 2023-01-25, its effective_from says \
             nothing\n\
             p/a@2023-01-26.toml:1: column 1: the name says that it is in force from 2023-01-26, its effective_from says \
             2023-01-25\n\
             p/a@2023-01-26.toml:1: column 1: in force from 2023-01-25T00:00:00Z, and so is p/a@2023-01-25.toml: give one \
             effective_from"
        );
    }
}
