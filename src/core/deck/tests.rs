//! Which rows may stand together, and which prices a call.

use super::in_force::overlap;
use super::*;
use crate::core::band::TimeBands;
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

/// In force at some hours only, from one second of the epoch to another.
fn banded(prefix: &str, band: &str, rate: &str, from: Option<i64>, to: Option<i64>) -> Row {
    let bands = TimeBands::new(vec![(band.parse().expect(band), rate.parse().expect(rate))]);
    let price = Price { bands: Some(Arc::new(bands)), ..Price::none() };
    Row { price, ..dated(prefix, from, to) }
}

/// The rates in force: the default, then those of the bands.
fn rates(row: &Row) -> String {
    let default = row.price.rate.map_or("none".to_owned(), |rate| rate.to_string());
    let bands = row.price.bands.as_ref().map_or(&[][..], |bands| bands.all());
    bands.iter().fold(default, |rates, (band, rate)| format!("{rates}, {rate} {band}"))
}

#[test]
fn f8_rows_with_bands_are_in_force_together_with_the_default() {
    let (night, noon) = ("daily 18:00-08:00 UTC", "daily 12:00-13:00 UTC");
    let deck = build([
        banded("44", night, "0.005", None, Some(200)),
        dated("44", Some(100), Some(300)),
        banded("44", noon, "0.002", Some(250), None),
        dated("44", Some(300), Some(400)),
        banded("45", night, "0.005", None, None),
        row("4"),
    ])
    .expect("nothing contradicts");
    let night_rate = format!("0.005 {night}");
    let noon_rate = format!("0.002 {noon}");
    let cases = [
        ("441234567", 99, format!("none, {night_rate}")),
        ("441234567", 100, format!("0.01, {night_rate}")),
        ("441234567", 200, "0.01".to_owned()),
        ("441234567", 250, format!("0.01, {noon_rate}")),
        ("441234567", 399, format!("0.01, {noon_rate}")),
        ("441234567", 400, format!("none, {noon_rate}")),
        // No default and no band for a time of the day is no rate: it does not fall through to 4.
        ("451234567", 0, format!("none, {night_rate}")),
        ("461234567", 0, "0.01".to_owned()),
    ];
    for (number, second, expected) in cases {
        let at = Timestamp::from_second(second).expect("near the epoch");
        let row = deck.lookup(&number.parse().expect("a number"), at).expect("in force");
        assert_eq!(rates(row), expected, "{number} at {second}");
    }
    let candidates = deck.candidates(&"441234567".parse().expect("a number"));
    let prefixes: Vec<&str> = candidates.map(|row| row.prefix.as_ref()).collect();
    assert_eq!(prefixes, ["44", "44", "44", "44", "44", "44", "4"], "cut at 100, 200, 250, 300 and 400");
}

#[test]
fn f8_bands_that_overlap_or_change_more_than_the_rate_are_a_fault() {
    let evening = "mon-fri 18:00-08:00 Europe/Berlin";
    let with = |change: fn(&mut Row)| {
        let mut row = banded("44", "sat 08:00-09:00 Europe/Berlin", "0.1", Some(0), Some(9));
        change(&mut row);
        row
    };
    let rows = [
        row("44"),
        banded("44", evening, "0.005", None, None),
        banded("44", "sat 07:59-09:00 Europe/Berlin", "0.005", None, None),
        banded("44", "sat 08:00-09:00 Europe/London", "0.005", None, None),
        with(|row| row.destination = "elsewhere".into()),
        with(|row| row.price.connect_fee = "0.1".parse().expect("an amount")),
        with(|row| row.price.increment = std::num::NonZeroU32::MIN),
        with(|row| row.denied = true),
        with(|_| ()),
        with(|_| ()),
        row("44"),
    ];
    let only_the_rate = "a time band changes the rate only";
    assert_eq!(
        conflicts(rows),
        [
            "4: prefix 44 is also in line 3, with an overlapping time band".to_owned(),
            "5: prefix 44 is also in line 3, with a time band of another zone: all bands of one need one zone"
                .to_owned(),
            format!("6: prefix 44 is also in line 2, with another destination: {only_the_rate}"),
            format!("7: prefix 44 is also in line 2, with another connect_fee: {only_the_rate}"),
            format!("8: prefix 44 is also in line 2, with another increment: {only_the_rate}"),
            format!("9: prefix 44 is also in line 2, with another answer (a rate, or denied): {only_the_rate}"),
            "11: prefix 44 is also in line 10, with an overlapping time band".to_owned(),
            "12: prefix 44 is also in line 2, with overlapping dates".to_owned(),
        ]
    );
}

#[test]
fn rows_of_one_prefix_have_a_bound() {
    let rows = |count: usize| {
        let seconds = (0..).take(count);
        seconds.map(|second| dated("44", Some(second), Some(second + 1)))
    };
    assert_eq!(build(rows(ROWS_AT_ONCE_MAX)).map(|deck| deck.rows().len()), Ok(ROWS_AT_ONCE_MAX));
    assert_eq!(conflicts(rows(ROWS_AT_ONCE_MAX + 9)), ["258: prefix 44 is in more than 256 lines"]);
}
