//! What a new version of a price list changes, counted.

use std::cmp::Ordering;
use std::fmt;

use jiff::Timestamp;

use crate::core::deck::{Deck, Row};

/// Rows by what becomes of them. A row is known by its prefix and the beginning of its own time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Changes {
    pub(super) added: usize,
    pub(super) removed: usize,
    pub(super) dearer: usize,
    pub(super) cheaper: usize,
    /// Another increment, fee, name, denial or end, at the same rate.
    pub(super) otherwise: usize,
    pub(super) same: usize,
}

impl Changes {
    /// From one version to the next; all rows are added where there was none.
    pub(super) fn between(old: Option<&Deck>, new: &Deck) -> Changes {
        let mut changes = Changes::default();
        // Both are sorted by prefix, then by date.
        let (mut old, mut new) = (old.map_or(&[][..], Deck::rows), new.rows());
        loop {
            let order = match (old.first(), new.first()) {
                (None, None) => return changes,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(old), Some(new)) => place(old).cmp(&place(new)),
            };
            match order {
                Ordering::Less => changes.removed += 1,
                Ordering::Greater => changes.added += 1,
                Ordering::Equal => *changes.of_pair(&old[0], &new[0]) += 1,
            }
            old = &old[usize::from(order != Ordering::Greater)..];
            new = &new[usize::from(order != Ordering::Less)..];
        }
    }

    fn of_pair(&mut self, old: &Row, new: &Row) -> &mut usize {
        // Rows that have a rate in their bands only are not compared: dearer in the evening, cheaper by day is neither.
        let order = new.price.rate.zip(old.price.rate).map(|(new, old)| new.cmp(&old));
        match order {
            _ if old == new => &mut self.same,
            Some(Ordering::Greater) => &mut self.dearer,
            Some(Ordering::Less) => &mut self.cheaper,
            Some(Ordering::Equal) | None => &mut self.otherwise,
        }
    }
}

fn place(row: &Row) -> (&str, Option<Timestamp>) {
    (&row.prefix, row.effective_from)
}

impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Changes { added, removed, dearer, cheaper, otherwise, same } = self;
        write!(
            f,
            "{added} rows added, {removed} removed, {dearer} dearer, {cheaper} cheaper, {otherwise} changed otherwise, \
             {same} as before"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::deck_csv::{DeckName, read_deck};
    use crate::wire::fault::SourceFile;

    fn deck(rows: &str) -> Deck {
        let text = format!("# currency: USD\nprefix,rate_per_minute,connect_fee,effective_from\n{rows}");
        let file = SourceFile { name: "d.csv", bytes: text.as_bytes() };
        read_deck(file, DeckName { id: "d", version: "1" }, None).expect("valid")
    }

    #[test]
    fn rows_are_counted_by_what_becomes_of_them() {
        let old = deck("1,0.1,,\n2,0.1,,\n3,0.1,,\n4,0.1,,\n44,denied,,\n5,0.1,,2026-01-01\n");
        let new = deck("1,0.1,,\n2,0.2,,\n3,0.05,,\n4,0.1,1,\n44,0.1,,\n5,0.1,,2026-02-01\n6,1,,\n");
        let expected = Changes { added: 2, removed: 1, dearer: 1, cheaper: 1, otherwise: 2, same: 1 };
        assert_eq!(Changes::between(Some(&old), &new), expected);
        assert_eq!(Changes::between(None, &old), Changes { added: 6, ..Changes::default() });
    }
}
