//! What a call costs, computed a second time and in another way: every row is looked at, and money is whole billionths.
//!
//! Nothing of the engine's rating is used, but the rows of its price list.

use std::collections::HashMap;

use jiff::Timestamp;

use crate::core::deck::Deck;
use crate::core::money::{Money, Rounding, WrittenMoney};
use crate::core::reason::Reason;
use crate::demo::numbers::{Destination, PhoneBook};

const BILLION: i128 = 1_000_000_000;

/// A price list as the proof reads it.
#[derive(Debug)]
pub struct PriceList {
    rows: Vec<PlainRow>,
    decimals: u32,
    mode: Rounding,
    /// The row of each number of the phone book that was looked for, so that each is looked for once.
    found: HashMap<u32, Option<usize>, ahash::RandomState>,
}

#[derive(Debug)]
struct PlainRow {
    prefix: String,
    denied: bool,
    rate: i128,
    connect_fee: i128,
    minimum_charge: i128,
    initial: u64,
    increment: u64,
}

/// What a call costs.
#[derive(Debug, PartialEq, Eq)]
pub struct Price<'p> {
    /// The amount.
    pub amount: Money,
    /// The row's prefix; `None` where the call is free.
    pub prefix: Option<&'p str>,
}

impl PriceList {
    /// The rows that are in force now: the demo's calls are of these days.
    pub fn read(deck: &Deck, now: Timestamp) -> PriceList {
        let in_force = deck.rows().iter().filter(|row| {
            row.effective_from.is_none_or(|from| from <= now) && row.effective_to.is_none_or(|to| now < to)
        });
        let rows = in_force.map(|row| PlainRow {
            prefix: row.prefix.to_string(),
            denied: row.denied,
            rate: row.price.rate.map_or(0, |rate| billionths(rate.write_to(&mut WrittenMoney::default()))),
            connect_fee: billionths(&row.price.connect_fee.to_string()),
            minimum_charge: billionths(&row.price.minimum_charge.to_string()),
            initial: row.price.initial_increment.into(),
            increment: row.price.increment.get().into(),
        });
        let rounding = deck.rounding();
        PriceList { rows: rows.collect(), decimals: rounding.decimals, mode: rounding.mode, found: HashMap::default() }
    }

    /// The price of so many seconds to a number of the phone book, or why there is none.
    pub fn price(&mut self, book: &PhoneBook, to: u32, seconds: u32) -> Result<Price<'_>, Reason> {
        if seconds == 0 {
            return Ok(Price { amount: Money::ZERO, prefix: None });
        }
        let digits = match book.get(to) {
            Destination::Number(digits) => digits,
            Destination::Invalid(_) => return Err(Reason::InvalidNumber),
        };
        let found = match self.found.get(&to) {
            Some(found) => *found,
            None => {
                let found = self.scan(digits);
                self.found.insert(to, found);
                found
            }
        };
        let row = &self.rows[found.ok_or(Reason::NoRate)?];
        if row.denied {
            return Err(Reason::DeniedDestination);
        }
        let amount = self.charge(row, seconds.into());
        Ok(Price {
            amount: Money::new(amount, 9).expect("the demo's calls are hours at most"),
            prefix: Some(&row.prefix),
        })
    }

    /// The row of the longest prefix of the number.
    fn scan(&self, digits: &str) -> Option<usize> {
        let mut longest: Option<usize> = None;
        for (place, row) in self.rows.iter().enumerate() {
            let is_longer = longest.is_none_or(|longest| row.prefix.len() > self.rows[longest].prefix.len());
            if is_longer && digits.starts_with(&row.prefix) {
                longest = Some(place);
            }
        }
        longest
    }

    fn charge(&self, row: &PlainRow, seconds: u64) -> i128 {
        let mut billed = row.initial;
        while billed < seconds {
            billed += row.increment;
        }
        let mut amount = self.round(row.rate * i128::from(billed), 60);
        amount += self.round(row.connect_fee, 1);
        if amount < row.minimum_charge {
            amount += self.round(row.minimum_charge - amount, 1);
        }
        amount
    }

    /// `billionths / divisor`, not below zero, to the decimals of the list.
    fn round(&self, billionths: i128, divisor: i128) -> i128 {
        let step = BILLION / 10_i128.pow(self.decimals);
        let (whole, rest) = (billionths / (divisor * step), billionths % (divisor * step));
        let half = (rest * 2).cmp(&(divisor * step));
        let up = match self.mode {
            Rounding::HalfUp => half.is_ge(),
            Rounding::HalfEven => half.is_gt() || (half.is_eq() && whole % 2 == 1),
            Rounding::Down => false,
            Rounding::Up => rest > 0,
        };
        (whole + i128::from(up)) * step
    }
}

/// Reads a plain decimal of at most nine decimals.
fn billionths(text: &str) -> i128 {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    format!("{whole}{decimals:0<9}").parse().expect("a price list has plain decimals")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::testing;

    fn list(decimals: u32, mode: Rounding) -> PriceList {
        PriceList { rows: Vec::new(), decimals, mode, found: HashMap::default() }
    }

    fn row(rate: &str, initial: u64, increment: u64) -> PlainRow {
        PlainRow {
            prefix: "1".into(),
            denied: false,
            rate: billionths(rate),
            connect_fee: billionths("0.05"),
            minimum_charge: billionths("0.10"),
            initial,
            increment,
        }
    }

    #[test]
    fn charges_are_those_of_the_rules() {
        let cases = [
            // 205 s at 6/6 are 210: 0.013 x 3.5 is 0.0455, and the fee.
            (row("0.013", 6, 6), 205, "0.1"),
            (row("0.13", 6, 6), 205, "0.505"),
            (row("0.02", 60, 60), 1, "0.10"),
            (row("0.100001", 1, 1), 31, "0.101667"),
        ];
        for (row, seconds, expected) in cases {
            let amount = list(6, Rounding::HalfUp).charge(&row, seconds);
            assert_eq!(amount, billionths(expected), "{seconds} s");
        }
    }

    #[test]
    fn halves_go_as_the_list_says() {
        for (mode, expected) in
            [(Rounding::HalfUp, "0.03"), (Rounding::HalfEven, "0.02"), (Rounding::Down, "0.02"), (Rounding::Up, "0.03")]
        {
            assert_eq!(list(2, mode).round(billionths("0.025"), 1), billionths(expected), "{mode:?}");
        }
    }

    #[test]
    fn the_worked_figures_come_out() {
        let catalog = testing::catalog();
        let now: Timestamp = "2026-11-20T12:00:00Z".parse().unwrap();
        let list = PriceList::read(catalog.deck("outbound-usd", now).unwrap(), now);
        let price = |number: &str, seconds| {
            let found = list.scan(number).ok_or(Reason::NoRate)?;
            Ok(list.charge(&list.rows[found], seconds))
        };
        for (number, seconds, expected) in [
            ("14255550100", 61, Ok("0.026")),
            ("33612345678", 78, Ok("0.25")),
            ("263771234567", 185, Ok("0.892")),
            ("442071234567", 60, Ok("0.015")),
            ("447911123456", 60, Ok("0.32")),
            ("6829999000", 60, Err(Reason::NoRate)),
        ] {
            assert_eq!(price(number, seconds), expected.map(billionths), "{number}");
        }
    }
}
