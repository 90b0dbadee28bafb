//! Which row of a price list prices a number at a time, and why.

use std::fmt;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::deck_text::{answer_text, row_json};
use crate::core::band::TimeBand;
use crate::core::deck::{Deck, Row};
use crate::core::money::Rate;
use crate::core::number::{Country, Number};
use crate::core::number_plan::NumberPlan;

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub struct Question<'q> {
    /// As it is dialled.
    pub dialled: &'q str,
    /// Where it is dialled.
    pub country: Country,
    /// When the call starts.
    pub at: Timestamp,
}

/// What a price list says of a number.
#[derive(Debug)]
pub struct Lookup<'q> {
    question: Question<'q>,
    deck: &'q Deck,
    number: Option<Number>,
    /// Whose number it is.
    owner: Option<Country>,
    candidates: Vec<Candidate<'q>>,
    answer: Answer<'q>,
}

/// A row whose prefix the number begins with.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'d> {
    /// The row.
    pub row: &'d Row,
    /// Why it prices the call, or does not.
    pub standing: Standing,
}

/// Why a row prices a call, or does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The longest prefix that is in force.
    Prices,
    /// In force, but a longer prefix is as well.
    Shorter,
    /// In force from a later time on.
    NotYet,
    /// No longer in force.
    Over,
}

/// What the call costs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Answer<'d> {
    /// Free, and not looked for in any price list.
    Emergency,
    /// No number, so no call of a price list.
    InvalidNumber,
    /// No row in force: no rate.
    NoRow,
    /// Such calls are refused.
    Denied(&'d Row),
    /// The row has no rate at this time of the week, and no other row takes its place.
    NoBand(&'d Row),
    /// Per minute, for an increment that begins then.
    Rate {
        /// The row.
        row: &'d Row,
        /// The rate.
        rate: Rate,
        /// The band that it is of; `None`: the default.
        band: Option<&'d TimeBand>,
    },
}

/// Looks for a number in a price list, as rating does, and keeps all that was looked at.
pub fn look_up<'q>(deck: &'q Deck, plan: &NumberPlan, question: Question<'q>) -> Lookup<'q> {
    let Question { dialled, country, at } = question;
    let number = plan.normalise(dialled, country);
    let emergency = plan.is_emergency(dialled, country);
    let priced_by = number.as_ref().filter(|_| !emergency).and_then(|number| deck.lookup(number, at));
    let standing = |row: &Row| match (row.effective_from, row.effective_to) {
        (Some(from), _) if at < from => Standing::NotYet,
        (_, Some(to)) if to <= at => Standing::Over,
        _ if priced_by.is_some_and(|priced_by| std::ptr::eq(priced_by, row)) => Standing::Prices,
        _ => Standing::Shorter,
    };
    let candidates = number.as_ref().filter(|_| !emergency).into_iter().flat_map(|number| deck.candidates(number));
    let candidates = candidates.map(|row| Candidate { row, standing: standing(row) }).collect();
    let answer = match (emergency, number, priced_by) {
        (true, ..) => Answer::Emergency,
        (_, None, _) => Answer::InvalidNumber,
        (.., None) => Answer::NoRow,
        (.., Some(row)) if row.denied => Answer::Denied(row),
        (.., Some(row)) => match row.price.rate_at(at) {
            None => Answer::NoBand(row),
            Some(rate) => {
                let band = row.price.bands.as_ref().and_then(|bands| bands.band_at(at));
                Answer::Rate { row, rate, band: band.map(|(band, _)| band) }
            }
        },
    };
    let owner = number.as_ref().and_then(|number| plan.country_of(number));
    Lookup { question, deck, number, owner, candidates, answer }
}

impl<'q> Lookup<'q> {
    /// What the call costs.
    pub fn answer(&self) -> Answer<'q> {
        self.answer
    }

    /// All rows whose prefix the number begins with, the longest first.
    pub fn candidates(&self) -> &[Candidate<'q>] {
        &self.candidates
    }

    /// All of it as one object.
    pub fn json(&self) -> Value {
        let candidates: Vec<Value> = self
            .candidates
            .iter()
            .map(|candidate| json!({"row": row_json(candidate.row), "standing": candidate.standing.code()}))
            .collect();
        let (answer, rate, band, row) = match &self.answer {
            Answer::Emergency => ("emergency", None, None, None),
            Answer::InvalidNumber => ("invalid_number", None, None, None),
            Answer::NoRow => ("no_rate", None, None, None),
            Answer::Denied(row) => ("denied_destination", None, None, Some(row)),
            Answer::NoBand(row) => ("no_rate", None, None, Some(row)),
            Answer::Rate { row, rate, band } => ("rate", Some(rate), *band, Some(row)),
        };
        json!({
            "dialled": self.question.dialled,
            "number": self.number.map(|number| number.to_string()),
            "country": self.owner.map(|country| country.as_str().to_owned()),
            "at": self.question.at.to_string(),
            "deck": &**self.deck.label(),
            "currency": self.deck.currency().as_str(),
            "answer": answer,
            "prefix": row.map(|row| row.prefix.to_string()),
            "rate": rate.map(ToString::to_string),
            "band": band.map(ToString::to_string),
            "candidates": candidates,
        })
    }
}

impl Standing {
    fn code(self) -> &'static str {
        match self {
            Standing::Prices => "prices",
            Standing::Shorter => "shorter",
            Standing::NotYet => "not_yet",
            Standing::Over => "over",
        }
    }
}

impl fmt::Display for Candidate<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Candidate { row, standing } = self;
        let why = match (standing, row.effective_from, row.effective_to) {
            (Standing::NotYet, Some(from), _) => format!("not in force before {from}"),
            (Standing::Over, _, Some(to)) => format!("in force until {to}"),
            (Standing::Prices, ..) => "in force, and the longest".to_owned(),
            _ => "in force, but a longer one is too".to_owned(),
        };
        let destination = if row.destination.is_empty() { "-" } else { &row.destination };
        write!(f, "{}  {destination}, {}  {}: {why}", row.prefix, row.kind, answer_text(row))
    }
}

impl fmt::Display for Lookup<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Question { dialled, country, at } = self.question;
        let number = match (self.number, self.owner) {
            (Some(number), Some(owner)) => format!("{number}, a number of {owner}"),
            (Some(number), None) => number.to_string(),
            (None, _) => "not an E.164 number".to_owned(),
        };
        writeln!(f, "dialled     {dialled} in {country}")?;
        writeln!(f, "number      {number}")?;
        writeln!(f, "call at     {at}")?;
        writeln!(f, "price list  {}, {}", self.deck.label(), self.deck.currency())?;
        for (place, candidate) in self.candidates.iter().enumerate() {
            writeln!(f, "{}{candidate}", if place == 0 { "prefixes    " } else { "            " })?;
        }
        let answer = match &self.answer {
            Answer::Emergency => "an emergency number, as dialled: free".to_owned(),
            Answer::InvalidNumber => {
                "none: only emergency numbers and short codes of the number plan are no numbers".to_owned()
            }
            Answer::NoRow => "no rate: no prefix in force".to_owned(),
            Answer::Denied(row) => format!("denied by prefix {}", row.prefix),
            Answer::NoBand(row) => format!("no rate: prefix {} has none at this time of the week", row.prefix),
            Answer::Rate { row, rate, band: None } => format!("{rate} a minute by prefix {}", row.prefix),
            Answer::Rate { row, rate, band: Some(band) } => {
                format!("{rate} a minute by prefix {}, in the time band {band}", row.prefix)
            }
        };
        writeln!(f, "answer      {answer}")
    }
}
