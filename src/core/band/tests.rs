//! Hours of the week, compared with what a clock on the wall shows.

use jiff::civil::Weekday;
use proptest::prelude::*;

use super::*;

/// Zones whose clocks change by an hour, by half an hour, and never; and days around their changes.
pub(crate) const ZONES: [&str; 5] =
    ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"];
/// The midnight before each of these days in UTC is where random instants begin; the clock changes within two days.
pub(crate) const CHANGES: [&str; 7] =
    ["2026-03-28", "2026-10-24", "2026-03-07", "2026-10-31", "2026-04-04", "2026-10-03", "2026-07-15"];

fn band(text: &str) -> TimeBand {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn rate(text: &str) -> Rate {
    text.parse().expect(text)
}

/// F8, word by word: the days, and from and to by the wall clock; past midnight it is still the evening's day.
pub(crate) fn is_in(text: &str, at: Timestamp) -> bool {
    let [days, hours, zone] = text.split(' ').collect::<Vec<_>>()[..] else { panic!("{text}") };
    let wall = at.to_zoned(TimeZone::get(zone).expect(zone));
    let (from, to) = hours.split_once('-').expect(hours);
    let clock = wall.strftime("%H:%M").to_string();
    let is_on = |day: Weekday| {
        let name = DAY_NAMES[usize::try_from(day.to_monday_zero_offset()).expect("0 to 6")];
        days == "daily" || days.split(',').any(|of| of == name)
    };
    if from < to {
        is_on(wall.weekday()) && from <= clock.as_str() && clock.as_str() < to
    } else {
        (is_on(wall.weekday()) && from <= clock.as_str()) || (is_on(wall.weekday().previous()) && clock.as_str() < to)
    }
}

/// Bands of one zone on the half hour: many meet, and some run past midnight.
pub(crate) fn bands(count: usize) -> impl Strategy<Value = Vec<String>> {
    let one = (1_u8..128, 0_u32..48, 1_u32..=48).prop_map(|(days, from, to)| {
        let names: Vec<&str> = (0..7).filter(|day| days & 1 << day != 0).map(|day| DAY_NAMES[day]).collect();
        let to = if to == from { (to + 6) % 48 } else { to };
        let hour = |half: u32| format!("{:02}:{:02}", half / 2, half % 2 * 30);
        format!("{} {}-{}", names.join(","), hour(from), hour(to))
    });
    (prop::sample::select(&ZONES[..]), prop::collection::vec(one, 1..=count))
        .prop_map(|(zone, bands)| bands.iter().map(|hours| format!("{hours} {zone}")).collect())
}

#[test]
fn f8_a_band_is_read_and_written() {
    let cases = [
        ("mon-fri 18:00-08:00 Europe/Berlin", "mon-fri 18:00-08:00 Europe/Berlin"),
        ("sat,sun 00:00-24:00 UTC", "sat,sun 00:00-24:00 UTC"),
        ("fri-mon,wed 07:30-07:31 America/New_York", "mon,wed,fri-sun 07:30-07:31 America/New_York"),
        ("daily  20:00-00:00\tAsia/Kolkata", "daily 20:00-24:00 Asia/Kolkata"),
        ("sun-sat 20:00-24:00 Asia/Kolkata", "daily 20:00-24:00 Asia/Kolkata"),
    ];
    for (text, written) in cases {
        assert_eq!(band(text).to_string(), written, "{text}");
        assert_eq!(band(written), band(text), "{text}");
    }
}

#[test]
fn f8_what_is_no_band_is_refused() {
    let cases = [
        ("", TimeBandError::Form),
        ("evening", TimeBandError::Form),
        ("daily 18:00-08:00", TimeBandError::Form),
        ("daily 18:00 - 08:00 UTC", TimeBandError::Form),
        ("monday 18:00-08:00 UTC", TimeBandError::Days),
        ("mon, 18:00-08:00 UTC", TimeBandError::Days),
        ("Mon 18:00-08:00 UTC", TimeBandError::Days),
        ("mon-tue-wed 18:00-08:00 UTC", TimeBandError::Days),
        ("daily 18:00 UTC", TimeBandError::Hours),
        ("daily 18-08 UTC", TimeBandError::Hours),
        ("daily 6:00-08:00 UTC", TimeBandError::Hours),
        ("daily 06:60-08:00 UTC", TimeBandError::Hours),
        ("daily 06:00-24:01 UTC", TimeBandError::Hours),
        ("daily 24:00-06:00 UTC", TimeBandError::Hours),
        ("daily +6:00-08:00 UTC", TimeBandError::Hours),
        ("daily 06:00-06:00 UTC", TimeBandError::Empty),
        ("daily 18:00-08:00 Berlin", TimeBandError::Zone),
        ("daily 18:00-08:00 Etc/Unknown", TimeBandError::Zone),
        ("daily 18:00-08:00 ../../etc/passwd", TimeBandError::Zone),
    ];
    for (text, error) in cases {
        assert_eq!(text.parse::<TimeBand>().map(|band| band.to_string()), Err(error), "{text}");
    }
}

#[test]
fn f8_dst_changes_what_the_wall_shows_and_so_the_band() {
    // In Berlin the clock goes from 01:59 to 03:00 on 29 March (01:00 UTC), from 02:59 back to 02:00 on 25 October (01:00 UTC).
    let cases = [
        ("sun 02:30-04:00 Europe/Berlin", "2026-03-29T00:59:59Z", false),
        ("sun 02:30-04:00 Europe/Berlin", "2026-03-29T01:00:00Z", true), // 03:00 on the wall
        ("sun 02:30-04:00 Europe/Berlin", "2026-03-29T02:00:00Z", false),
        ("sun 02:30-04:00 Europe/Berlin", "2026-10-25T00:30:00Z", true), // 02:30, the first time
        ("sun 02:30-04:00 Europe/Berlin", "2026-10-25T01:00:00Z", false), // 02:00 again
        ("sun 02:30-04:00 Europe/Berlin", "2026-10-25T01:30:00Z", true), // 02:30 again
        ("sat 18:00-08:00 Europe/Berlin", "2026-03-29T05:59:59.999Z", true),
        ("sat 18:00-08:00 Europe/Berlin", "2026-03-29T06:00:00Z", false),
        ("sun 18:00-08:00 Europe/Berlin", "2026-03-29T01:00:00Z", false), // still Saturday's evening
        ("sun 18:00-08:00 Europe/Berlin", "2026-03-30T01:00:00Z", true),
        ("daily 00:00-24:00 UTC", "1969-12-31T23:59:59.5Z", true),
        ("wed 23:59-24:00 UTC", "1969-12-31T23:59:59.999999Z", true),
        ("wed 23:59-24:00 UTC", "1970-01-01T00:00:00Z", false),
    ];
    for (text, at, expected) in cases {
        let bands = TimeBands::new(vec![(band(text), rate("1"))]);
        let at: Timestamp = at.parse().expect(at);
        assert_eq!(bands.band_at(at).is_some(), expected, "{text} at {at}");
        assert_eq!(is_in(text, at), expected, "{text} at {at}, word by word");
    }
}

#[test]
fn the_week_of_a_band_that_covers_it_has_no_border() {
    let bands = TimeBands::new(vec![(band("daily 00:00-24:00 UTC"), rate("1"))]);
    assert_eq!(bands.week.len(), 1);
    let evening = TimeBands::new(vec![(band("daily 18:00-08:00 UTC"), rate("1"))]);
    assert_eq!(evening.week.len(), 15, "the night from Sunday to Monday is cut at the end of the week alone");
}

proptest! {
    /// What holds is what the wall clock says, and no border is missed on the way to the one that is named.
    #[test]
    fn r13_what_holds_is_what_the_wall_shows(
        texts in bands(4),
        day in prop::sample::select(&CHANGES[..]),
        second in 0_i64..260_000,
    ) {
        let mut kept: Vec<&str> = Vec::new();
        for text in &texts {
            if kept.iter().all(|other| !band(other).overlaps(&band(text))) {
                kept.push(text);
            }
        }
        let bands = TimeBands::new(kept.iter().map(|text| (band(text), rate("1"))).collect());
        let midnight: Timestamp = format!("{day}T00:00:00Z").parse().expect("a day");
        let begin = midnight.as_second() + second;
        let holds = bands.holds_at(begin);
        prop_assert!(holds.until > begin);
        for probe in (begin..holds.until).step_by(1_799).chain([holds.until - 1]) {
            let at = Timestamp::from_second(probe).expect("in range");
            let wall: Vec<usize> = (0..kept.len()).filter(|place| is_in(kept[*place], at)).collect();
            let expected: Vec<usize> = holds.band.iter().map(|band| usize::from(band.0)).collect();
            prop_assert_eq!(&wall, &expected, "{} at {}", kept.join("; "), at);
        }
    }

    /// Two bands overlap where both hold in some half hour of the week.
    #[test]
    fn f8_overlapping_bands_share_an_hour_of_the_week(texts in bands(2)) {
        prop_assume!(texts.len() == 2);
        let share = (0..7 * 48).any(|half| {
            let at: Timestamp = "2026-07-13T00:00:00Z".parse().expect("a Monday");
            let at = at + jiff::SignedDuration::from_mins(half * 30);
            let utc = |text: &str| format!("{} UTC", text.rsplit_once(' ').expect("a zone").0);
            is_in(&utc(&texts[0]), at) && is_in(&utc(&texts[1]), at)
        });
        prop_assert_eq!(band(&texts[0]).overlaps(&band(&texts[1])), share, "{:?}", texts);
    }
}
