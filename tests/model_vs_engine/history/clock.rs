//! How the time goes on.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::History;
use super::chance::Chance;
use crate::model::time;

/// Clocks are put back in Europe, then in America; and forward again.
const DST: [&str; 4] = ["2026-10-25T01:00:00Z", "2026-11-01T06:00:00Z", "2027-03-14T07:00:00Z", "2027-03-28T01:00:00Z"];

impl History {
    /// Lets time pass: mostly little, at times to where something is due.
    pub(crate) fn advance(&mut self, ledger: &[Value]) -> Timestamp {
        let now = self.now;
        let seconds = |count: i64| SignedDuration::from_secs(count);
        let to = match self.chance.below(1000) {
            0..600 => now + seconds(self.chance.below(90)),
            600..720 => now + seconds(self.chance.below(3600)),
            720..800 => now + seconds(self.chance.between(3600, 30 * 3600)),
            800..850 => time::next_day(now) + seconds(self.chance.between(-120, 120)),
            850..890 => time::next_month_begin(now) + seconds(self.chance.between(-120, 120)),
            890..960 => {
                let named = instant_of(ledger, &mut self.chance);
                self.about(named)
            }
            960..975 => {
                let border: Timestamp = self.chance.one(&DST).parse().expect("a time");
                border + seconds(self.chance.between(-1800, 3600))
            }
            975..990 => now + time::days(7) + seconds(self.chance.between(-60, 60)),
            990..998 => now + time::days(self.chance.between(8, 40)),
            _ => now + time::days(self.chance.between(40, 420)),
        };
        // Now and then a broker's clock goes back; a partition's does not.
        let back = if self.chance.percent(2) { seconds(self.chance.below(120)) } else { seconds(0) };
        self.now = to.max(now) - back;
        self.now
    }

    /// By minutes, and now and then to another time of another day.
    pub(super) fn go_on(&mut self) {
        let seconds = if self.chance.percent(90) { 600 } else { 30 * 3600 };
        self.now += SignedDuration::from_secs(self.chance.below(seconds));
    }

    /// An instant that something is due at, or a millisecond beside it.
    fn about(&mut self, at: Option<Timestamp>) -> Timestamp {
        let beside = SignedDuration::from_millis(self.chance.between(-1, 1));
        at.map_or(self.now, |at| at + beside)
    }
}

/// An instant that a late event names.
fn instant_of(ledger: &[Value], chance: &mut Chance) -> Option<Timestamp> {
    let late = &ledger[ledger.len().saturating_sub(30)..];
    let event = chance.some(late)?;
    let named = |name: &str| event["data"][name].as_str().and_then(|at| at.parse::<Timestamp>().ok());
    let at = named("next_at").or_else(|| named("expires_at"));
    let days = chance.one(&[&0_i64, &7, &30]);
    let made: Timestamp = event["time"].as_str()?.parse().ok()?;
    Some(match at {
        Some(at) => at - time::days(*days),
        None => made + SignedDuration::from_hours(*chance.one(&[&1_i64, &24])),
    })
}
