//! Prices: the row of a number by a look at every row, and the money of a call increment by increment.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};

use super::catalog::{Band, Catalog, Deck, DeckHead, Inbound, Price, Row, ShortCode};
use super::money::{Amount, Rounding, rounded};

/// What prices a call: rows of one prefix in one deck, which differ in their bands.
pub struct Priced<'c> {
    pub deck: &'c str,
    pub currency: &'c str,
    pub decimals: u32,
    pub rounding: Rounding,
    pub destination: Option<&'c str>,
    /// Nothing for inbound calls.
    pub prefix: Option<&'c str>,
    pub kind: &'c str,
    /// With the band of each; `None`: the default.
    pub prices: Vec<(Option<&'c Band>, &'c Price)>,
}

impl<'c> Priced<'c> {
    fn of(head: &'c DeckHead, prices: Vec<(Option<&'c Band>, &'c Price)>) -> Priced<'c> {
        Priced {
            deck: &head.id,
            currency: &head.currency,
            decimals: head.decimals,
            rounding: head.rounding,
            destination: None,
            prefix: None,
            kind: "",
            prices,
        }
    }

    /// A short code, with the six decimals and the half up of a deck that says nothing else (R16). `None`: it is free.
    pub fn of_short_code(short: &'c ShortCode) -> Option<Priced<'c>> {
        let (price, currency) = short.price.as_ref()?;
        Some(Priced {
            deck: "number-plan",
            currency,
            decimals: 6,
            rounding: Rounding::HalfUp,
            destination: Some(&short.destination),
            prefix: Some(&short.code),
            kind: "",
            prices: vec![(None, price)],
        })
    }
}

fn is_in_force(from: Option<Timestamp>, to: Option<Timestamp>, start: Timestamp) -> bool {
    from.is_none_or(|from| from <= start) && to.is_none_or(|to| start < to)
}

/// The rows of the longest prefix in force in one deck; those outside their own dates are not seen (F7).
fn rows_of<'c>(deck: &'c Deck, number: &str, start: Timestamp) -> Option<Priced<'c>> {
    let in_force = |row: &&Row| number.starts_with(row.prefix.as_str()) && is_in_force(row.from, row.to, start);
    let longest = deck.rows.iter().filter(in_force).map(|row| row.prefix.len()).max()?;
    let rows: Vec<&Row> = deck.rows.iter().filter(in_force).filter(|row| row.prefix.len() == longest).collect();
    // A band changes the rate only (F8), so any of the rows says the rest; the default first.
    let named = rows.iter().find(|row| row.band.is_none()).unwrap_or(&rows[0]);
    Some(Priced {
        destination: Some(&named.destination),
        prefix: Some(&named.prefix),
        kind: &named.kind,
        ..Priced::of(&deck.head, rows.iter().map(|row| (row.band.as_ref(), &row.price)).collect())
    })
}

/// R17, F11: the overlay first, where its prefix is of equal or greater length.
pub fn outbound<'c>(
    catalog: &'c Catalog,
    price_list: &str,
    overlay: Option<&str>,
    number: &str,
    start: Timestamp,
) -> Option<Priced<'c>> {
    let find = |id: &str| catalog.deck(id, start).and_then(|deck| rows_of(deck, number, start));
    let length = |priced: &Priced<'_>| priced.prefix.map_or(0, str::len);
    match (overlay.and_then(find), find(price_list)) {
        (Some(own), Some(published)) if length(&own) < length(&published) => Some(published),
        (Some(own), _) => Some(own),
        (None, published) => published,
    }
}

/// R14: the exact pair of the overlay, then of the published deck; then the default of each.
pub fn inbound<'c>(
    catalog: &'c Catalog,
    lists: [Option<&str>; 2],
    number_type: &str,
    dialled: &str,
    caller: Option<&str>,
    start: Timestamp,
) -> Option<Priced<'c>> {
    let find = |list: Option<&str>, wanted: Option<&str>| {
        let deck = catalog.inbound(list?, start)?;
        let is_it = |row: &&Inbound| {
            row.number_type == number_type
                && row.country == dialled
                && row.caller.as_deref() == wanted
                && is_in_force(row.from, row.to, start)
        };
        let rows: Vec<&Inbound> = deck.rows.iter().filter(is_it).collect();
        let prices = rows.iter().map(|row| (row.band.as_ref(), &row.price)).collect();
        // A row has no name of its own: what is called is the kind of number.
        let destination = Some(rows.first()?.number_type.as_str());
        Some(Priced { destination, ..Priced::of(&deck.head, prices) })
    };
    let exact = || lists.iter().find_map(|list| find(*list, Some(caller?)));
    let default = || lists.iter().find_map(|list| find(*list, None));
    exact().or_else(default)
}

/// What a call costs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    pub billed: u64,
    pub paid: u64,
    /// Kind and money.
    pub lines: Vec<(&'static str, Amount)>,
    /// Of the first paid increment; of the call's first where none is paid.
    pub rate: Option<Amount>,
}

impl Priced<'_> {
    pub fn is_denied(&self) -> bool {
        self.prices.iter().any(|(_, price)| price.rate.is_none())
    }

    fn any_price(&self) -> &Price {
        self.prices.iter().find(|(band, _)| band.is_none()).unwrap_or(&self.prices[0]).1
    }

    /// R15.
    pub fn billed(&self, seconds: u64) -> u64 {
        self.increments(seconds).last().map_or(0, |(_, to)| *to)
    }

    /// Beginning and end of each increment that a call of so many seconds begins.
    fn increments(&self, seconds: u64) -> Vec<(u64, u64)> {
        let Price { initial, increment, .. } = *self.any_price();
        let mut increments = Vec::new();
        let mut at = 0;
        while at < seconds {
            let length = if at == 0 && initial > 0 { initial } else { increment };
            increments.push((at, at + length));
            at += length;
        }
        increments
    }

    /// The row that counts at an instant: the one whose band it lies in, else the one without a band (F8).
    fn row_at(&self, at: Timestamp) -> Option<usize> {
        let banded = self.prices.iter().position(|(band, _)| band.is_some_and(|band| band.holds(at)));
        banded.or_else(|| self.prices.iter().position(|(band, _)| band.is_none()))
    }

    /// R16, F8 to F10: what a call of `seconds` from `start` costs of which a pool gives the first minutes. `None`: a paid
    /// increment has no row. (F8 is read so that minutes of a pool need none: they have no price.)
    pub fn cost(&self, start: Timestamp, seconds: u64, pool_minutes: u64) -> Option<Cost> {
        let billed = self.billed(seconds);
        let is_pooled = pool_minutes >= seconds.div_ceil(60);
        // The paid seconds are the last of the call (F10).
        let paid_from = if is_pooled { billed } else { (60 * pool_minutes).min(billed) };
        let at = |second: u64| start + SignedDuration::from_secs(i64::try_from(second).expect("a call's second"));
        // Unbroken runs of one row at one rate: the row, and seconds (F9).
        let mut runs: Vec<(usize, u64)> = Vec::new();
        for (from, to) in self.increments(seconds) {
            let paid = to.saturating_sub(paid_from.max(from));
            if paid == 0 {
                continue;
            }
            // An increment that the pool's end cuts keeps the band of its own start.
            let row = self.row_at(at(from))?;
            match runs.last_mut() {
                Some((last, seconds)) if *last == row => *seconds += paid,
                _ => runs.push((row, paid)),
            }
        }
        let rate_of = |row: usize| self.prices[row].1.rate.expect("a denied row is not priced");
        let round = |numerator, divisor| rounded(numerator, divisor, self.decimals, self.rounding);
        let mut lines: Vec<(&'static str, Amount)> = Vec::new();
        for (row, seconds) in &runs {
            lines.push(("usage", round(rate_of(*row) * Amount::from(*seconds), 60)));
        }
        if !runs.is_empty() {
            let price = self.any_price();
            if price.connect_fee > 0 {
                lines.push(("connect", round(price.connect_fee, 1)));
            }
            let sum: Amount = lines.iter().map(|(_, money)| money).sum();
            if sum < price.minimum {
                lines.push(("minimum", round(price.minimum - sum, 1)));
            }
        }
        let first = runs.first().map(|(row, _)| *row).or_else(|| self.row_at(start));
        Some(Cost { billed, paid: billed - paid_from, lines, rate: first.map(rate_of) })
    }
}

impl Band {
    /// R13, F8: on the wall clock of its zone; a band past midnight has the weekday of its evening.
    fn holds(&self, at: Timestamp) -> bool {
        let zone = TimeZone::get(&self.zone).expect("a zone of the tz database");
        let local: Zoned = at.to_zoned(zone);
        let day = usize::try_from(local.date().weekday().to_monday_zero_offset()).expect("0 to 6");
        let minute = u16::try_from(i32::from(local.hour()) * 60 + i32::from(local.minute())).expect("of a day");
        let evening_before = (day + 6) % 7;
        if self.from_minute < self.to_minute {
            return self.weekdays[day] && (self.from_minute..self.to_minute).contains(&minute);
        }
        (self.weekdays[day] && minute >= self.from_minute) || (self.weekdays[evening_before] && minute < self.to_minute)
    }
}
