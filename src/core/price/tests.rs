//! The lines of a charge.

use proptest::prelude::*;

use super::*;
use crate::core::band::TimeBand;
use crate::core::band::tests::{CHANGES, bands};
use crate::core::money::Rounding;
use crate::core::scenario::{money, noon, seconds};

fn price(rate: &str, connect_fee: &str, minimum_charge: &str) -> Price {
    let flat = Price::flat(rate.parse().expect(rate));
    Price { connect_fee: money(connect_fee), minimum_charge: money(minimum_charge), ..flat }
}

fn rounding(decimals: u32, mode: Rounding) -> LineRounding {
    LineRounding { decimals, mode }
}

/// `usage 0.03 + connect 0.05 = 0.08`.
fn lines(priced: &Priced) -> String {
    let sum = priced.lines.iter().try_fold(Money::ZERO, |sum, line| sum.checked_add(line.amount));
    assert_eq!(sum, Ok(priced.amount), "the lines sum to the charge");
    let lines: Vec<String> = priced.lines.iter().map(|line| format!("{} {}", line.kind.code(), line.amount)).collect();
    format!("{} = {}", lines.join(" + "), priced.amount)
}

#[test]
fn r15_seconds_are_billed_by_increments() {
    let cases = [
        ("0", 60, 60, 0),
        ("0.000001", 60, 60, 60),
        ("1", 60, 60, 60),
        ("60", 60, 60, 60),
        ("60.000001", 60, 60, 120),
        ("61", 60, 60, 120),
        ("205", 6, 6, 210),
        ("205", 30, 6, 210),
        ("29", 30, 6, 30),
        ("205", 1, 1, 205),
        ("204.3", 1, 1, 205),
        ("7", 0, 6, 12), // F11: all increments alike
        ("1", 0, 60, 60),
        ("0", 0, 60, 0),
        ("604800", 60, 86_400, 604_800 + 60),
    ];
    for (duration, initial_increment, increment, expected) in cases {
        let increment = NonZeroU32::new(increment).expect("not 0");
        let price = Price { initial_increment, increment, ..Price::none() };
        let duration: CallDuration = duration.parse().expect("a duration");
        assert_eq!(price.billed_seconds(duration), expected, "{duration} at {initial_increment}/{increment}");
    }
}

#[test]
fn r16_f9_each_part_of_a_charge_is_a_line_that_is_rounded_once() {
    let cases = [
        (6, price("0.015", "0", "0"), 60, "usage 0.015 = 0.015"),
        (6, price("0.015", "0.05", "0"), 120, "usage 0.03 + connect 0.05 = 0.08"),
        (6, price("0.015", "0.05", "0.10"), 120, "usage 0.03 + connect 0.05 + minimum 0.02 = 0.10"),
        (6, price("0.015", "0.05", "0.08"), 120, "usage 0.03 + connect 0.05 = 0.08"),
        (6, price("0", "0", "0.10"), 60, "usage 0.00 + minimum 0.10 = 0.10"),
        (6, price("0.10", "0", "0"), 1, "usage 0.001667 = 0.001667"),
        (2, price("0.015", "0.005", "0"), 60, "usage 0.02 + connect 0.01 = 0.03"),
        (2, price("0.014", "0.004", "0.125"), 60, "usage 0.01 + connect 0.00 + minimum 0.12 = 0.13"),
        (0, price("0.50", "0", "0"), 60, "usage 1.00 = 1.00"),
    ];
    for (decimals, price, count, expected) in cases {
        let price = Price { initial_increment: 1, increment: NonZeroU32::MIN, ..price };
        let priced = price.charge(noon(), seconds(count), 0, rounding(decimals, Rounding::HalfUp));
        assert_eq!(lines(&priced.expect("below the limit")), expected, "{price:?}");
    }
}

#[test]
fn r16_the_mode_of_the_deck_rounds_its_lines() {
    for (mode, expected) in
        [(Rounding::HalfUp, "0.03"), (Rounding::HalfEven, "0.02"), (Rounding::Down, "0.02"), (Rounding::Up, "0.03")]
    {
        let priced = price("0.025", "0", "0").charge(noon(), seconds(60), 0, rounding(2, mode));
        assert_eq!(priced.map(|priced| priced.amount.to_string()).as_deref(), Ok(expected), "{mode:?}");
    }
}

#[test]
fn f22_a_charge_at_the_limit_is_none() {
    let limit = "999999999999999";
    for price in [price(limit, "0", "0"), price("500000000000000", "1", "0"), price("1", limit, "0")] {
        let priced = price.charge(noon(), seconds(120), 0, LineRounding::default());
        assert_eq!(priced, Err(PriceFault::Overflow(Overflow)), "{price:?}");
    }
}

/// A default rate (none: no default) with bands, and increments.
fn banded(default: &str, bands: &[(&str, &str)], initial_increment: u32, increment: u32) -> Price {
    let read = |(band, rate): &(&str, &str)| (band.parse().expect(band), rate.parse().expect(rate));
    Price {
        rate: (!default.is_empty()).then(|| default.parse().expect(default)),
        bands: (!bands.is_empty()).then(|| Arc::new(TimeBands::new(bands.iter().map(read).collect()))),
        initial_increment,
        increment: NonZeroU32::new(increment).expect("not 0"),
        ..Price::none()
    }
}

const EVENING: &str = "mon-fri 18:00-08:00 Europe/Berlin";

#[test]
fn r13_a_call_across_a_border_is_split_there() {
    let minutes = banded("0.10", &[(EVENING, "0.04")], 60, 60);
    let seconds_each = banded("0.10", &[(EVENING, "0.04")], 1, 1);
    let long_first = banded("0.10", &[(EVENING, "0.04")], 300, 60);
    let alike = banded("0.10", &[(EVENING, "0.04")], 0, 90);
    // 20 November 2026 is a Friday; Berlin is an hour ahead of UTC.
    let cases = [
        ("before it", &minutes, "2026-11-20T16:00:00Z", 120, "usage 0.20 = 0.20"),
        ("in it", &minutes, "2026-11-20T17:00:00Z", 120, "usage 0.08 = 0.08"),
        ("across it", &minutes, "2026-11-20T16:58:00Z", 240, "usage 0.20 + usage 0.08 = 0.28"),
        (
            "an increment keeps the band of its start",
            &minutes,
            "2026-11-20T16:59:59Z",
            61,
            "usage 0.10 + usage 0.04 = 0.14",
        ),
        ("by the second", &seconds_each, "2026-11-20T16:59:30Z", 60, "usage 0.05 + usage 0.02 = 0.07"),
        (
            "a fraction is before it",
            &seconds_each,
            "2026-11-20T16:59:59.5Z",
            2,
            "usage 0.001667 + usage 0.000667 = 0.002334",
        ),
        ("the initial increment too", &long_first, "2026-11-20T16:59:59Z", 360, "usage 0.50 + usage 0.04 = 0.54"),
        ("F11: increments alike", &alike, "2026-11-20T16:59:00Z", 100, "usage 0.15 + usage 0.06 = 0.21"),
        ("out of it again", &minutes, "2026-11-21T06:59:00Z", 120, "usage 0.04 + usage 0.10 = 0.14"),
        ("Saturday's evening is in no band", &minutes, "2026-11-21T20:00:00Z", 60, "usage 0.10 = 0.10"),
        ("both borders", &minutes, "2026-11-20T16:59:00Z", 50_520, "usage 0.10 + usage 33.60 + usage 0.10 = 33.80"),
    ];
    for (why, price, start, count, expected) in cases {
        let start: Timestamp = start.parse().expect(start);
        let priced = price.charge(start, seconds(count), 0, LineRounding::default()).expect("priced");
        assert_eq!(lines(&priced), expected, "{why}");
    }
}

#[test]
fn f9_a_line_is_an_unbroken_run_of_one_row() {
    // A night that is cut at midnight is two rows; one that runs over it is one, and so is a day that follows itself.
    let nights = [("fri 18:00-24:00 UTC", "0.04"), ("sat 00:00-06:00 UTC", "0.04")];
    let cases = [
        (banded("0.10", &nights, 60, 60), "usage 0.04 + usage 0.04 = 0.08"),
        (banded("0.10", &[("fri 18:00-06:00 UTC", "0.04")], 60, 60), "usage 0.08 = 0.08"),
        (banded("0.10", &[("daily 00:00-24:00 UTC", "0.04")], 60, 60), "usage 0.08 = 0.08"),
        (banded("0.04", &[("sat 00:00-24:00 UTC", "0.04")], 60, 60), "usage 0.04 + usage 0.04 = 0.08"),
        (banded("0.04", &[("sun 00:00-24:00 UTC", "0.01")], 60, 60), "usage 0.08 = 0.08"),
    ];
    let start = "2026-11-20T23:59:00Z".parse().expect("a time"); // a Friday
    for (price, expected) in cases {
        let priced = price.charge(start, seconds(120), 0, LineRounding::default()).expect("priced");
        assert_eq!(lines(&priced), expected, "{price:?}");
    }
}

#[test]
fn f11_an_initial_increment_of_0_is_like_the_others() {
    let evening = [(EVENING, "0.04")];
    let start = "2026-11-20T16:58:30Z".parse().expect("a time"); // Berlin's evening begins at 17:00
    for count in [1, 29, 30, 31, 90, 91, 120, 3_600] {
        let charge =
            |initial| banded("0.10", &evening, initial, 30).charge(start, seconds(count), 0, Default::default());
        assert_eq!(charge(0), charge(30), "{count} s");
    }
}

#[test]
fn f8_an_increment_in_no_band_has_no_rate_without_a_default() {
    let evenings = banded("", &[(EVENING, "0.04")], 60, 60);
    let start: Timestamp = "2026-11-20T16:59:00Z".parse().expect("a time");
    let evening: Timestamp = "2026-11-20T17:00:00Z".parse().expect("a time");
    let morning: Timestamp = "2026-11-21T07:00:00Z".parse().expect("a time");
    let price = |from, count, pool| evenings.charge(from, seconds(count), pool, LineRounding::default());
    assert_eq!(price(start, 120, 0), Err(PriceFault::NoRate(start)));
    assert_eq!(price(evening, 120, 0).map(|priced| priced.amount), Ok(money("0.08")));
    assert_eq!(price(evening, 14 * 3600 + 1, 0), Err(PriceFault::NoRate(morning)));
    assert_eq!(price(start, 120, 1).map(|priced| priced.amount), Ok(money("0.04")), "what a pool pays needs no rate");
    assert_eq!((evenings.rate_at(start), evenings.rate_at(evening)), (None, "0.04".parse().ok()));
    let nothing = Price::none().charge(start, seconds(1), 0, LineRounding::default());
    assert_eq!(nothing, Err(PriceFault::NoRate(start)));
}

#[test]
fn f10_a_pool_pays_the_first_minutes_and_money_the_last_seconds() {
    let fees = price("0.013", "0.05", "0.10");
    let long_first = Price { initial_increment: 180, ..price("0.06", "0", "0") };
    let six = Price { initial_increment: 6, increment: NonZeroU32::new(6).expect("not 0"), ..price("0.06", "0", "0") };
    let crossing = banded("0.10", &[(EVENING, "0.04")], 120, 120);
    let case = |price: &Price, count, pool| {
        let start: Timestamp = "2026-11-20T16:58:00Z".parse().expect("a time");
        let priced = price.charge(start, seconds(count), pool, LineRounding::default()).expect("priced");
        let rate = priced.rate.map_or("none".to_owned(), |rate| rate.to_string());
        format!("{} - {}: {} at {rate}", priced.billed_seconds, priced.paid_seconds, lines(&priced))
    };
    let cases = [
        ("nothing of it", case(&fees, 600, 0), "600 - 600: usage 0.13 + connect 0.05 = 0.18 at 0.013"),
        (
            "R24: split, one connect fee",
            case(&fees, 600, 9),
            "600 - 60: usage 0.013 + connect 0.05 + minimum 0.037 = 0.10 at 0.013",
        ),
        ("wholly: neither fee nor minimum", case(&fees, 600, 10), "600 - 0:  = 0.00 at none"),
        ("unanswered", case(&fees, 0, 0), "0 - 0:  = 0.00 at none"),
        ("covered by minutes, billed for more", case(&long_first, 61, 2), "180 - 0:  = 0.00 at none"),
        ("a part of the initial increment", case(&long_first, 61, 1), "180 - 120: usage 0.12 = 0.12 at 0.06"),
        ("a part of a minute", case(&six, 61, 1), "66 - 6: usage 0.006 = 0.006 at 0.06"),
        // Increments begin at 17:58, 18:00, 18:02; the pool ends at 17:59, at 18:01.
        (
            "a cut increment keeps its band",
            case(&crossing, 360, 1),
            "360 - 300: usage 0.10 + usage 0.16 = 0.26 at 0.10",
        ),
        ("cut in the band", case(&crossing, 360, 3), "360 - 180: usage 0.12 = 0.12 at 0.04"),
    ];
    for (why, found, expected) in cases {
        assert_eq!(found, expected, "{why}");
    }
}

#[test]
fn a_week_by_the_second_takes_as_many_steps_as_it_has_borders() {
    let week = banded("0.10", &[(EVENING, "0.04"), ("sat 10:00-12:00 Europe/Berlin", "0.02")], 1, 1);
    let start: Timestamp = "2026-10-20T00:00:00Z".parse().expect("a time"); // the clock changes on the 25th
    let priced = week.charge(start, seconds(604_800), 0, LineRounding::default()).expect("priced");
    assert_eq!((priced.billed_seconds, priced.lines.len()), (604_800, 13));
    let end_of_time = week.charge(Timestamp::MAX, seconds(604_800), 0, LineRounding::default());
    assert!(end_of_time.is_ok(), "the calendar ends before the call does");
}

/// R13, F8 to F10 word by word: every increment is looked at, with its band by the wall clock.
fn naive(
    price: &Price,
    texts: &[String],
    rates: &[&str],
    start: Timestamp,
    count: u64,
    pool: u64,
) -> Option<Vec<(String, u64)>> {
    let (initial, increment) = (u64::from(price.initial_increment), u64::from(price.increment.get()));
    let mut runs: Vec<(Option<usize>, String, u64)> = Vec::new();
    let mut begin = 0;
    while begin < count {
        let end = if begin == 0 && initial > 0 { initial } else { begin + increment };
        let paid = end - begin.max(60 * pool).min(end);
        if paid > 0 {
            let at = start + SignedDuration::from_secs(i64::try_from(begin).expect("days"));
            let band = texts.iter().position(|text| crate::core::band::tests::is_in(text, at));
            let rate = match band {
                Some(band) => rates[band].to_owned(),
                None => price.rate?.to_string(),
            };
            match runs.last_mut() {
                Some((of, _, seconds)) if *of == band => *seconds += paid,
                _ => runs.push((band, rate, paid)),
            }
        }
        begin = end;
    }
    Some(runs.into_iter().map(|(_, rate, seconds)| (rate, seconds)).collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    /// The runs between borders are those of every increment looked at alone, on days when clocks change too.
    #[test]
    fn r13_split_at_borders_equals_every_increment_alone(
        texts in bands(4),
        day in prop::sample::select(&CHANGES[..]),
        micros in 0_i64..260_000_000_000,
        initial in prop::sample::select(&[0_u32, 1, 6, 60, 90, 1_800, 7_000][..]),
        increment in prop::sample::select(&[1_u32, 6, 60, 90, 1_800, 7_000][..]),
        (count, pool) in prop_oneof![(1_u64..4_000, 0_u64..70), (1_u64..200_000, 0_u64..3_000)],
        has_default in any::<bool>(),
    ) {
        let rates = ["0.01", "0.02", "0.02", "0.03"];
        let increment = if count > 4_000 { increment.max(60) } else { increment };
        let mut kept: Vec<String> = Vec::new();
        for text in texts {
            let band = |text: &str| text.parse::<TimeBand>().expect("a band");
            if kept.iter().all(|other| !band(other).overlaps(&band(&text))) {
                kept.push(text);
            }
        }
        let with_rates: Vec<(&str, &str)> = kept.iter().map(String::as_str).zip(rates).collect();
        let price = banded(if has_default { "0.05" } else { "" }, &with_rates, initial, increment);
        let midnight: Timestamp = format!("{day}T00:00:00Z").parse().expect("a day");
        let start = midnight + SignedDuration::from_micros(micros);
        let pool = pool.min(count.div_ceil(60));
        let found = price.charge(start, seconds(count), pool, LineRounding { decimals: 9, mode: Rounding::HalfUp });
        if pool * 60 >= count {
            prop_assert_eq!(found.expect("nothing is paid").lines.len(), 0);
            return Ok(());
        }
        let Some(expected) = naive(&price, &kept, &rates, start, count, pool) else {
            prop_assert!(matches!(found, Err(PriceFault::NoRate(_))));
            return Ok(());
        };
        let found = found.expect("priced");
        let lines: Vec<Money> = found.lines.iter().map(|line| line.amount).collect();
        let amounts: Vec<Money> = expected
            .iter()
            .map(|(rate, seconds)| {
                let rate: Rate = rate.parse().expect("a rate");
                rate.price_of(*seconds, LineRounding { decimals: 9, mode: Rounding::HalfUp }).expect("small")
            })
            .collect();
        prop_assert_eq!(lines, amounts);
        prop_assert_eq!(found.paid_seconds, expected.iter().map(|(_, seconds)| seconds).sum::<u64>());
        prop_assert_eq!(found.billed_seconds, found.paid_seconds + 60 * pool);
        prop_assert_eq!(found.rate, expected[0].0.parse().ok());
    }
}
