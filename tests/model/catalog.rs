//! What decides prices, as plain lists. Everything has an `effective_from`; of the items of one name the newest at or before
//! the call's start counts (R12, F7, A18), of equal ones the one that stands later in the list.

use jiff::Timestamp;

use super::money::{Amount, Rounding};

/// All of it.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    /// Price lists of calls out.
    pub decks: Vec<Deck>,
    /// Price lists of calls in.
    pub inbound: Vec<InboundDeck>,
    /// Plans.
    pub plans: Vec<Plan>,
    /// Lists of countries.
    pub zones: Vec<Zone>,
    /// Whose a number is.
    pub number_plans: Vec<NumberPlan>,
}

/// A version of a price list.
#[derive(Clone, Debug)]
pub struct Deck {
    /// What is said of all rows.
    pub head: DeckHead,
    /// By prefix.
    pub rows: Vec<Row>,
}

/// A version of the inbound prices of a price list.
#[derive(Clone, Debug)]
pub struct InboundDeck {
    /// What is said of all rows.
    pub head: DeckHead,
    /// The price list, or overlay, whose inbound prices they are.
    pub price_list: String,
    /// By the dialled number.
    pub rows: Vec<Inbound>,
}

/// What is said of a whole price list.
#[derive(Clone, Debug)]
pub struct DeckHead {
    /// Its name.
    pub id: String,
    /// Calls that start from here on.
    pub effective_from: Timestamp,
    /// Three letters.
    pub currency: String,
    /// Of a charge line.
    pub decimals: u32,
    /// Of a charge line.
    pub rounding: Rounding,
}

/// What a row costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Price {
    /// Per minute; `None` denies the destination.
    pub rate: Option<Amount>,
    /// Once per paid call.
    pub connect_fee: Amount,
    /// Seconds; 0: all increments alike (F11).
    pub initial: u64,
    /// Seconds.
    pub increment: u64,
    /// Of a call that pays anything.
    pub minimum: Amount,
}

impl Price {
    /// By the full minute, without fees.
    pub fn by_the_minute(rate: Amount) -> Price {
        Price { rate: Some(rate), connect_fee: 0, initial: 60, increment: 60, minimum: 0 }
    }
}

/// A row of a price list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Digits.
    pub prefix: String,
    /// What it is called.
    pub destination: String,
    /// mobile, landline ...; empty: none.
    pub kind: String,
    /// What it costs.
    pub price: Price,
    /// Calls that start from here on (inclusive).
    pub from: Option<Timestamp>,
    /// Until here (exclusive).
    pub to: Option<Timestamp>,
    /// `None`: the default.
    pub band: Option<Band>,
}

/// Hours of a week in which a row counts (R13).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Band {
    /// Monday first.
    pub weekdays: [bool; 7],
    /// Minutes after midnight (inclusive).
    pub from_minute: u16,
    /// Minutes after midnight (exclusive); at or before `from_minute`: of the next day.
    pub to_minute: u16,
    /// IANA.
    pub zone: String,
}

/// A price of inbound calls (R14).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inbound {
    /// service or toll_free.
    pub number_type: String,
    /// Of the dialled number.
    pub country: String,
    /// Of the caller; `None`: any.
    pub caller: Option<String>,
    /// What it costs.
    pub price: Price,
    /// Calls that start from here on (inclusive).
    pub from: Option<Timestamp>,
    /// Until here (exclusive).
    pub to: Option<Timestamp>,
    /// `None`: the default.
    pub band: Option<Band>,
}

/// Whose a number is, and what is dialled.
#[derive(Clone, Debug)]
pub struct NumberPlan {
    /// Calls that start from here on.
    pub effective_from: Timestamp,
    /// All countries.
    pub countries: Vec<Country>,
    /// Neither prefix nor E.164.
    pub short_codes: Vec<ShortCode>,
}

/// A country.
#[derive(Clone, Debug)]
pub struct Country {
    /// Two letters.
    pub code: String,
    /// Whose numbers begin so.
    pub prefixes: Vec<String>,
    /// How it dials abroad.
    pub abroad: Vec<String>,
    /// Besides 112 and 911.
    pub emergency: Vec<String>,
    /// Countries of one are domestic to each other (F12).
    pub domestic_union: Option<String>,
    /// Countries of one share pools (F12).
    pub pool_union: Option<String>,
}

/// A number that is dialled in one country only (F5).
#[derive(Clone, Debug)]
pub struct ShortCode {
    /// Where.
    pub country: String,
    /// As dialled.
    pub code: String,
    /// What it is called.
    pub destination: String,
    /// `None`: free. A price, and its currency.
    pub price: Option<(Price, String)>,
}

/// A version of a list of countries.
#[derive(Clone, Debug)]
pub struct Zone {
    /// Its name.
    pub id: String,
    /// Calls that start from here on.
    pub effective_from: Timestamp,
    /// Two letters each.
    pub countries: Vec<String>,
}

/// A version of a plan.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Its name.
    pub id: String,
    /// Calls that start from here on.
    pub effective_from: Timestamp,
    /// The first that matches decides.
    pub rules: Vec<Rule>,
    /// The minutes that it includes.
    pub allotments: Vec<Allotment>,
    /// Whether one used-up allotment closes all (R22).
    pub cap: CapRule,
}

/// Of a plan with several allotments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CapRule {
    /// When one is used up, all are.
    Either,
    /// Each for itself.
    Independent,
}

/// Included minutes.
#[derive(Clone, Debug)]
pub struct Allotment {
    /// Its name in the plan.
    pub name: String,
    /// Who shares it.
    pub scope: Scope,
    /// Of a licence, in countries that are not listed.
    pub minutes: u64,
    /// Of a licence, by usage country.
    pub minutes_in: Vec<(String, u64)>,
}

/// Who shares a pool (R21).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Tenant, usage country (or its pool union) and plan.
    Shared,
    /// The tenant.
    Tenant,
    /// One user.
    User,
}

/// A rule of a plan. Every condition that is given must hold (A1).
#[derive(Clone, Debug, Default)]
pub struct Rule {
    /// calling, conferencing, voice_app.
    pub service: Option<String>,
    /// outbound, inbound.
    pub direction: Option<String>,
    /// user, service, toll_free.
    pub number_type: Option<String>,
    /// domestic or international.
    pub reach: Option<Reach>,
    /// The destination's country is in it.
    pub zone: Option<String>,
    /// Of the deck row; empty: any.
    pub kinds: Vec<String>,
    /// Of the deck row.
    pub except_kinds: Vec<String>,
    /// Where the user is; empty: anywhere.
    pub usage_countries: Vec<String>,
    /// Who pays.
    pub pays: Pays,
}

/// Of an outbound call (R20).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// In the usage country or its union.
    Domestic,
    /// Anywhere else.
    International,
}

/// How a class is paid.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Pays {
    /// It costs nothing.
    Free,
    /// The pool of this name, then credits.
    Pool(String),
    /// Money.
    #[default]
    Credits,
    /// It may not be.
    Denied,
}

/// The newest at or before an instant; of equal ones the later in the list.
fn newest<'a, T>(items: impl Iterator<Item = &'a T>, at: Timestamp, from: impl Fn(&T) -> Timestamp) -> Option<&'a T> {
    items.filter(|item| from(item) <= at).max_by_key(|item| from(item))
}

impl Catalog {
    /// The version of a price list that is in force.
    pub fn deck(&self, id: &str, at: Timestamp) -> Option<&Deck> {
        newest(self.decks.iter().filter(|deck| deck.head.id == id), at, |deck| deck.head.effective_from)
    }

    /// The version of the inbound prices of a price list that is in force.
    pub fn inbound(&self, price_list: &str, at: Timestamp) -> Option<&InboundDeck> {
        let of_list = self.inbound.iter().filter(|deck| deck.price_list == price_list);
        newest(of_list, at, |deck| deck.head.effective_from)
    }

    /// The currencies of all versions of a price list, for calls out and in.
    pub fn currencies(&self, price_list: &str) -> Vec<&str> {
        let outbound = self.decks.iter().filter(|deck| deck.head.id == price_list).map(|deck| &*deck.head.currency);
        let inbound = self.inbound.iter().filter(|deck| deck.price_list == price_list);
        outbound.chain(inbound.map(|deck| &*deck.head.currency)).collect()
    }

    /// The version of a plan that is in force.
    pub fn plan(&self, id: &str, at: Timestamp) -> Option<&Plan> {
        newest(self.plans.iter().filter(|plan| plan.id == id), at, |plan| plan.effective_from)
    }

    /// The version of a zone that is in force.
    pub fn zone(&self, id: &str, at: Timestamp) -> Option<&Zone> {
        newest(self.zones.iter().filter(|zone| zone.id == id), at, |zone| zone.effective_from)
    }

    /// The number plan that is in force.
    pub fn numbers(&self, at: Timestamp) -> &NumberPlan {
        newest(self.number_plans.iter(), at, |plan| plan.effective_from).expect("there always was a number plan")
    }
}

impl NumberPlan {
    /// What it says of a country.
    pub fn country(&self, code: &str) -> Option<&Country> {
        self.countries.iter().find(|country| country.code == code)
    }

    /// The countries that share a pool with this one, and the name of what they are together (F12).
    pub fn pool_area(&self, code: &str) -> (String, Vec<String>) {
        match self.country(code).and_then(|country| country.pool_union.clone()) {
            Some(union) => {
                let of_union = self.countries.iter().filter(|country| country.pool_union.as_ref() == Some(&union));
                (union.clone(), of_union.map(|country| country.code.clone()).collect())
            }
            None => (code.to_owned(), vec![code.to_owned()]),
        }
    }
}
