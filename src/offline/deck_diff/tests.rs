//! What counts as dearer, and what as neither.

use super::*;
use crate::wire::deck_csv::{DeckName, read_deck};
use crate::wire::fault::SourceFile;
use proptest::prelude::*;

fn deck(rows: &str) -> Deck {
    let text = format!(
        "# currency: USD\nprefix,destination,rate,connect_fee,initial_increment,increment,minimum_charge,effective_from,time_band\n{rows}"
    );
    let file = SourceFile { name: "d.csv", bytes: text.as_bytes() };
    read_deck(file, DeckName { id: "d", version: "1" }, None).unwrap_or_else(|faults| panic!("{faults}"))
}

fn now() -> Timestamp {
    "2026-11-20T12:00:00Z".parse().expect("a time")
}

#[test]
fn a_change_is_dearer_or_cheaper_if_it_is_so_for_every_call() {
    let night = "daily 20:00-06:00 UTC";
    let cases = [
        ("0.01,,,,,,", "0.01,,60,60,,,", "unchanged"),
        ("0.01,,,,,,", "0.02,,,,,,", "dearer"),
        ("0.02,,,,,,", "0.01,,,,,,", "cheaper"),
        ("0.01,0.05,,,,,", "0.01,0.04,,,,,", "cheaper"),
        ("0.01,,,,,,", "0.01,,,,0.10,,", "dearer"),
        ("0.01,,,,,,", "0.02,,,,0.10,,", "dearer"),
        ("0.01,0.05,,,,,", "0.02,0.04,,,,,", "changed"),
        ("0.01,,6,6,,,", "0.01,,60,60,,,", "dearer"),
        ("0.01,,60,60,,,", "0.01,,1,1,,,", "cheaper"),
        ("0.01,,60,60,,,", "0.01,,0,60,,,", "unchanged"),
        ("0.01,,6,6,,,", "0.01,,7,7,,,", "changed"),
        ("0.01,,6,6,,,", "0.009,,60,60,,,", "changed"),
        ("denied,,,,,,", "0.01,,,,,,", "changed"),
        ("denied,,,,,,", "denied,,,,,,", "unchanged"),
        (&format!("0.01,,,,,,{night}"), &format!("0.02,,,,,,{night}"), "dearer"),
        (&format!("0.01,,,,,,{night}"), "0.01,,,,,,", "changed"),
        (&format!("0.01,,,,,,{night}"), "0.01,,,,,,daily 20:00-06:00 Europe/Berlin", "changed"),
    ];
    for (before, after, expected) in cases {
        let (before, after) = (deck(&format!("44,UK,{before}\n")), deck(&format!("44,UK,{after}\n")));
        let diff = diff(&before, &after, now()).expect("one currency");
        let found = diff.changes.first().map_or("unchanged", |change| change.kind.code());
        assert_eq!(found, expected, "{:?} and {:?}", before.rows(), after.rows());
    }
}

#[test]
fn lists_are_compared_when_all_of_the_later_has_begun() {
    let before = deck("44,UK,0.01,,,,,,\n45,DK,0.01,,,,,,\n46,SE,0.01,,,,,,\n");
    let after = deck("44,UK,0.02,,,,,2027-01-01,\n45,Denmark,0.01,,,,,,\n47,NO,0.01,,,,,,\n");
    let told = |at| {
        let diff = diff(&before, &after, at).expect("one currency");
        let changes = diff.changes.iter().map(|change| format!("{} {}", change.row().prefix, change.kind.code()));
        changes.collect::<Vec<_>>().join(", ")
    };
    assert_eq!(told(now()), "44 removed, 45 changed, 46 removed, 47 added");
    let begun = begun_at(&after, now());
    assert_eq!(begun, "2027-01-01T00:00:00Z".parse().expect("a time"));
    assert_eq!(told(begun), "44 dearer, 45 changed, 46 removed, 47 added");
    assert_eq!(begun_at(&before, now()), now());
}

#[test]
fn other_currencies_are_not_compared() {
    let file = SourceFile { name: "e.csv", bytes: b"# currency: EUR\nprefix,rate\n44,1\n" };
    let euro = read_deck(file, DeckName { id: "e", version: "1" }, None).expect("valid");
    let refused = diff(&deck("44,UK,1,,,,,,\n"), &euro, now()).map(|_| ()).expect_err("refused");
    assert_eq!(refused.to_string(), "the first list is in USD and the second in EUR: prices cannot be compared");
}

proptest! {
    /// Dearer is dearer or as dear for every duration, and cheaper the other way round.
    #[test]
    fn an_order_of_prices_holds_for_every_duration(
        before in (0_u32..4, 0_u32..130, 1_u32..70, 0_u32..3, 0_u32..3),
        after in (0_u32..4, 0_u32..130, 1_u32..70, 0_u32..3, 0_u32..3),
        seconds in prop::collection::vec(1_u64..400, 20),
    ) {
        let price = |(rate, initial, increment, fee, least): (u32, u32, u32, u32, u32)| {
            let rows = format!("44,UK,0.{rate},0.{fee},{initial},{increment},0.{least},,\n");
            deck(&rows).rows()[0].price.clone()
        };
        let (before, after) = (price(before), price(after));
        let Some(order) = compare_prices(&before, &after) else { return Ok(()) };
        for seconds in seconds {
            let duration = seconds.to_string().parse().expect("a duration");
            let cost = |price: &Price| price.charge(now(), duration, 0, Default::default()).expect("priced").amount;
            let found = cost(&before).cmp(&cost(&after));
            prop_assert!(found == order || found == Ordering::Equal, "{order:?} {found:?} at {seconds}");
        }
    }
}
