//! Which inbound price counts.

use super::*;
use crate::core::scenario::{at, country};

fn pair(dialled: &str, caller: &str) -> InboundPair {
    let caller = (!caller.is_empty()).then(|| country(caller));
    InboundPair { number_type: NumberType::TollFree, dialled: country(dialled), caller }
}

fn row(pair: InboundPair, rate: &str) -> InboundRow {
    let price = Price::flat(rate.parse().expect(rate));
    InboundRow { pair, price, effective_from: None, effective_to: None }
}

fn build(rows: Vec<InboundRow>) -> Result<InboundDeck, Vec<RowConflict>> {
    let header = DeckHeader {
        id: "inbound-usd".into(),
        version: "1".into(),
        currency: "USD".parse().expect("a currency"),
        rounding: LineRounding::default(),
        effective_from: None,
    };
    let mut builder = InboundDeckBuilder::new(header, "outbound-usd");
    (2..).zip(rows).for_each(|(line, row)| builder.push(line, row));
    builder.build()
}

#[test]
fn r14_the_exact_pair_beats_the_default() {
    let service = InboundPair { number_type: NumberType::Service, ..pair("US", "") };
    let until = InboundRow { effective_to: Some(at("2026-07-01T00:00:00Z")), ..row(pair("GB", "FR"), "0.05") };
    let rows = vec![
        row(pair("US", ""), "0.022"),
        row(pair("US", "CA"), "0.03"),
        row(service, "0.0085"),
        row(pair("GB", ""), "0.029"),
        until,
    ];
    let deck = build(rows).expect("no conflicts");
    assert_eq!((deck.price_list(), deck.label().as_ref()), ("outbound-usd", "inbound-usd@1"));
    let found = |number_type, dialled: &str, caller: &str, date: &str| {
        let caller = (!caller.is_empty()).then(|| country(caller));
        let row = deck.lookup(number_type, country(dialled), caller, at(&format!("{date}T00:00:00Z")))?;
        row.price.rate.map(|rate| rate.to_string())
    };
    let cases = [
        (NumberType::TollFree, "US", "US", "2026-01-01", Some("0.022")),
        (NumberType::TollFree, "US", "CA", "2026-01-01", Some("0.03")),
        (NumberType::TollFree, "US", "", "2026-01-01", Some("0.022")),
        (NumberType::Service, "US", "CA", "2026-01-01", Some("0.0085")),
        (NumberType::TollFree, "GB", "FR", "2026-06-30", Some("0.05")),
        (NumberType::TollFree, "GB", "FR", "2026-07-01", Some("0.029")),
        (NumberType::Service, "GB", "FR", "2026-01-01", None),
        (NumberType::TollFree, "FR", "US", "2026-01-01", None),
    ];
    for (number_type, dialled, caller, date, expected) in cases {
        let rate = found(number_type, dialled, caller, date);
        assert_eq!(rate.as_deref(), expected, "{number_type:?} {dialled} from {caller:?} on {date}");
    }
    let noon = at("2026-01-01T12:00:00Z");
    assert!(deck.exact(NumberType::TollFree, country("US"), country("US"), noon).is_none(), "only the default has it");
    assert!(deck.default_of(NumberType::TollFree, country("US"), noon).is_some());
}

#[test]
fn r14_two_rows_of_a_pair_in_force_at_once_are_a_fault() {
    let rows = vec![
        row(pair("US", ""), "0.022"),
        row(pair("US", "CA"), "0.03"),
        row(pair("US", ""), "0.03"),
        row(pair("US", "CA"), "0.03"),
    ];
    let conflicts = build(rows).map(|_| ()).expect_err("refused");
    let conflicts: Vec<String> = conflicts.iter().map(|found| format!("{}: {found}", found.line)).collect();
    assert_eq!(
        conflicts,
        [
            "4: toll_free US from any is also in line 2, with overlapping dates",
            "5: toll_free US from CA is also in line 3, with overlapping dates"
        ]
    );
}
