//! Random price lists over few digits: prefixes that lie in each other, dates, bands, fees, increments and roundings.

use jiff::Timestamp;

use crate::history::chance::Chance;
use crate::model::catalog::{Band, Catalog, Deck, Inbound, InboundDeck, Price, Row};
use crate::model::money::{Amount, ONE, Rounding};
use crate::model::time;

/// Beginnings of prefixes: of countries of the number plan, and of none.
const BEGINNINGS: [&str; 9] = ["1", "1425", "1206", "33", "336", "44", "263", "61", "7"];
const ZONES: [&str; 4] = ["UTC", "America/New_York", "Europe/Berlin", "Asia/Kolkata"];
const KINDS: [&str; 6] = ["mobile", "landline", "mixed", "premium", "toll_free", ""];
const PREFIXES: i64 = 24;

/// The catalog of the histories with other prices.
pub(crate) fn catalog(mut from: Catalog, around: Timestamp, chance: &mut Chance) -> Catalog {
    for deck in &mut from.decks {
        if deck.head.currency == "USD" {
            change(deck, around, chance);
        }
    }
    for deck in &mut from.inbound {
        change_inbound(deck, around, chance);
    }
    for numbers in &mut from.number_plans {
        for (price, _) in numbers.short_codes.iter_mut().filter_map(|short| short.price.as_mut()) {
            *price = Price { rate: Some(rate(chance)), ..self::price(chance) };
        }
    }
    from
}

fn change(deck: &mut Deck, around: Timestamp, chance: &mut Chance) {
    let modes = [Rounding::HalfUp, Rounding::HalfEven, Rounding::Down, Rounding::Up];
    deck.head.rounding = *chance.some(&modes).expect("some");
    deck.head.decimals = u32::try_from(chance.between(2, 9)).expect("small");
    deck.rows.clear();
    let mut prefixes: Vec<String> = (0..PREFIXES).map(|_| prefix(chance)).collect();
    prefixes.sort();
    prefixes.dedup();
    for prefix in prefixes {
        for (from, to) in periods(around, chance) {
            let row = Row {
                destination: format!("to {prefix}, from {}", from.map_or("ever".to_owned(), |at| at.to_string())),
                prefix: prefix.clone(),
                kind: (*chance.one(&KINDS)).to_owned(),
                price: price(chance),
                from,
                to,
                band: None,
            };
            if chance.percent(8) {
                deck.rows.push(Row { price: Price { rate: None, ..Price::by_the_minute(0) }, ..row });
                continue;
            }
            for (band, rate) in bands(chance) {
                deck.rows.push(Row { price: Price { rate: Some(rate), ..row.price.clone() }, band, ..row.clone() });
            }
        }
    }
}

fn change_inbound(deck: &mut InboundDeck, around: Timestamp, chance: &mut Chance) {
    deck.rows.clear();
    for number_type in ["toll_free", "service"] {
        for country in ["US", "GB", "FR"] {
            for caller in [None, Some("US"), Some("FR")].into_iter().filter(|_| chance.percent(60)).collect::<Vec<_>>()
            {
                for (from, to) in periods(around, chance) {
                    let of_period = price(chance);
                    for (band, rate) in bands(chance) {
                        deck.rows.push(Inbound {
                            number_type: number_type.into(),
                            country: country.into(),
                            caller: caller.map(Into::into),
                            price: Price { rate: Some(rate), ..of_period.clone() },
                            from,
                            to,
                            band,
                        });
                    }
                }
            }
        }
    }
    if deck.rows.is_empty() {
        change_inbound(deck, around, chance);
    }
}

fn prefix(chance: &mut Chance) -> String {
    let mut prefix = (*chance.one(&BEGINNINGS)).to_owned();
    for _ in 0..chance.below(4) {
        prefix += chance.one(&["0", "1", "2", "5"]);
    }
    prefix
}

/// One that always was, or two with a border and perhaps a gap.
fn periods(around: Timestamp, chance: &mut Chance) -> Vec<(Option<Timestamp>, Option<Timestamp>)> {
    if chance.percent(70) {
        return vec![(None, None)];
    }
    let border = around + jiff::SignedDuration::from_hours(chance.between(-100, 100));
    let gap = if chance.percent(50) { time::days(0) } else { jiff::SignedDuration::from_hours(chance.between(1, 30)) };
    vec![(None, Some(border)), (Some(border + gap), None)]
}

/// The default, bands, or both; bands of one zone side by side, since they must not overlap.
fn bands(chance: &mut Chance) -> Vec<(Option<Band>, Amount)> {
    if chance.percent(55) {
        return vec![(None, rate(chance))];
    }
    let zone = *chance.one(&ZONES.each_ref());
    let hours =
        |chance: &mut Chance, from: i64, to: i64| u16::try_from(chance.between(from, to) * 15).expect("minutes");
    let (morning, noon, evening) = (hours(chance, 4, 34), hours(chance, 40, 60), hours(chance, 65, 90));
    let weekdays = [true, true, true, true, true, false, false];
    let band = |from_minute, to_minute, weekdays| Some(Band { weekdays, from_minute, to_minute, zone: zone.into() });
    let all = [
        band(morning, noon, [true; 7]),
        band(noon, evening, weekdays),
        // Past midnight, with the weekday of its evening.
        band(evening, morning, weekdays),
    ];
    let mut bands: Vec<_> = all.into_iter().filter(|_| chance.percent(70)).map(|band| (band, 0)).collect();
    if chance.percent(75) || bands.is_empty() {
        bands.push((None, 0));
    }
    bands.iter_mut().for_each(|(_, own)| *own = rate(chance));
    bands
}

/// Up to 9 decimals; now and then 0.
fn rate(chance: &mut Chance) -> Amount {
    let steps: [Amount; 4] = [1, 1_000, 1_000_000, 5_000_000];
    let step = chance.some(&steps).expect("some");
    Amount::from(chance.below(400)) * step
}

fn price(chance: &mut Chance) -> Price {
    let fee = |chance: &mut Chance, percent| if chance.percent(percent) { rate(chance).min(ONE) } else { 0 };
    let seconds = |chance: &mut Chance, all: &[u64]| *chance.some(all).expect("some");
    Price {
        rate: None,
        connect_fee: fee(chance, 30),
        initial: seconds(chance, &[60, 60, 0, 1, 6, 30]),
        increment: seconds(chance, &[60, 60, 1, 6, 30, 7]),
        minimum: fee(chance, 20),
    }
}
