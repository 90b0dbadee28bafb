//! Which rows may stand together, and which prices a call.

use super::in_force::overlap;
use super::*;
use proptest::prelude::*;

fn row(prefix: &str) -> Row {
    Row {
        prefix: prefix.into(),
        destination: "somewhere".into(),
        country: None,
        kind: Kind::Mixed,
        price: Price::flat("0.01".parse().expect("a rate")),
        effective_from: None,
        effective_to: None,
        denied: false,
    }
}

/// In force from one second of the epoch to another.
fn dated(prefix: &str, from: Option<i64>, to: Option<i64>) -> Row {
    let instant = |second| Timestamp::from_second(second).expect("near the epoch");
    Row { effective_from: from.map(instant), effective_to: to.map(instant), ..row(prefix) }
}

fn build(rows: impl IntoIterator<Item = Row>) -> Result<Deck, Vec<RowConflict>> {
    let mut builder = DeckBuilder::new(DeckHeader {
        id: "test".into(),
        version: "1".into(),
        currency: "USD".parse().expect("a currency"),
        rounding: LineRounding::default(),
        effective_from: None,
    });
    for (line, row) in (2..).zip(rows) {
        builder.push(line, row);
    }
    builder.build()
}

/// Each as `line: what is wrong`.
fn conflicts(rows: impl IntoIterator<Item = Row>) -> Vec<String> {
    let conflicts = build(rows).map(|_| ()).expect_err("refused");
    conflicts.iter().map(|conflict| format!("{}: {conflict}", conflict.line)).collect()
}

fn found(deck: &Deck, number: &str, second: i64) -> Option<String> {
    let at = Timestamp::from_second(second).expect("near the epoch");
    let row = deck.lookup(&number.parse().expect("a number"), at)?;
    Some(format!("{}{}", row.prefix, if row.denied { " denied" } else { "" }))
}

#[test]
fn f7_rows_outside_their_dates_are_not_seen() {
    let deck = build([
        row("44"),
        dated("447", Some(100), Some(200)),
        dated("447", Some(200), Some(300)),
        Row { denied: true, ..dated("44790", Some(250), None) },
    ])
    .expect("no overlap");
    let cases = [
        (99, "44"),
        (100, "447"),
        (199, "447"),
        (200, "447"),
        (249, "447"),
        (250, "44790 denied"),
        (300, "44790 denied"),
    ];
    for (second, expected) in cases {
        assert_eq!(found(&deck, "447900123456", second).as_deref(), Some(expected), "at {second}");
    }
    assert_eq!(found(&deck, "447800123456", 300).as_deref(), Some("44"));
    assert_eq!(found(&deck, "33612345678", 0), None);
    let priced_by = deck.lookup(&"447800123456".parse().expect("a number"), Timestamp::from_second(200).expect("near"));
    assert_eq!(priced_by.and_then(|row| row.effective_to), Timestamp::from_second(300).ok());
}

#[test]
fn r11_two_rows_of_a_prefix_in_force_at_once_are_a_fault() {
    let rows = [
        dated("44", Some(100), Some(200)),
        dated("44", Some(200), None),
        dated("45", None, None),
        dated("44", Some(199), Some(200)),
        dated("45", Some(5), None),
        dated("44", None, Some(100)),
    ];
    assert_eq!(
        conflicts(rows),
        [
            "5: prefix 44 is also in line 2, with overlapping dates",
            "6: prefix 45 is also in line 4, with overlapping dates"
        ]
    );
}

proptest! {
    /// Few digits and few instants, so that prefixes lie inside each other and dates meet.
    #[test]
    fn law6_lookup_equals_a_naive_scan_with_dates(
        rows in prop::collection::vec(("[12]{1,6}", 0_i64..6, 1_i64..6, any::<bool>()), 0..60),
        calls in prop::collection::vec(("[12]{7,9}", 0_i64..12), 1..20),
    ) {
        let mut kept: Vec<Row> = Vec::new();
        for (prefix, from, lasts, denied) in rows {
            let new = Row { denied, ..dated(&prefix, Some(from), Some(from + lasts)) };
            if !kept.iter().any(|row| row.prefix == new.prefix && overlap(row, &new)) {
                kept.push(new);
            }
        }
        let deck = build(kept.clone()).expect("no overlaps are left");
        for (number, second) in calls {
            let number: Number = number.parse().expect("a number");
            let at = Timestamp::from_second(second).expect("near the epoch");
            let in_force = |row: &&Row| {
                row.effective_from.expect("given") <= at && at < row.effective_to.expect("given")
            };
            let naive = kept.iter()
                .filter(|row| number.digits().starts_with(row.prefix.as_ref()))
                .filter(in_force)
                .max_by_key(|row| row.prefix.len());
            prop_assert_eq!(deck.lookup(&number, at), naive);
        }
    }
}
