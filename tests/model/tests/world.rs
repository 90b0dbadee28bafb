//! A small catalog with the prices of the worked figures, and a partition to try things on.

use serde_json::{Value, json};

use crate::model::catalog::{
    Allotment, CapRule, Catalog, Country, Deck, DeckHead, Inbound, InboundDeck, NumberPlan, Pays, Plan, Price, Reach,
    Row, Rule, Scope, Zone,
};
use crate::model::money::{self, Rounding};
use crate::model::{Model, Outcome, Step};

const ALWAYS: jiff::Timestamp = jiff::Timestamp::MIN;

fn row(prefix: &str, destination: &str, rate: &str) -> Row {
    let price = Price::by_the_minute(money::of(rate));
    Row {
        prefix: prefix.into(),
        destination: destination.into(),
        kind: String::new(),
        price,
        from: None,
        to: None,
        band: None,
    }
}

fn country(code: &str, prefixes: &[&str], union: Option<&str>) -> Country {
    Country {
        code: code.into(),
        prefixes: prefixes.iter().map(|prefix| (*prefix).into()).collect(),
        abroad: vec!["00".into()],
        emergency: Vec::new(),
        domestic_union: union.map(Into::into),
        pool_union: None,
    }
}

fn plan(id: &str, scope: Scope, minutes: u64, rule: Rule) -> Plan {
    let allotment = Allotment { name: "included".into(), scope, minutes, minutes_in: Vec::new() };
    Plan { id: id.into(), effective_from: ALWAYS, rules: vec![rule], allotments: vec![allotment], cap: CapRule::Either }
}

/// The catalog of the figures.
pub(super) fn catalog() -> Catalog {
    let head = |id: &str| DeckHead {
        id: id.into(),
        effective_from: ALWAYS,
        currency: "USD".into(),
        decimals: 6,
        rounding: Rounding::HalfUp,
    };
    let rows = vec![
        row("1425", "USA", "0.013"),
        row("336", "France, mobile", "0.125"),
        row("263", "Zimbabwe", "0.223"),
        row("4420", "London", "0.015"),
    ];
    let toll_free = Inbound {
        number_type: "toll_free".into(),
        country: "US".into(),
        caller: None,
        price: Price::by_the_minute(money::of("0.022")),
        from: None,
        to: None,
        band: None,
    };
    let to_pool = || Pays::Pool("included".into());
    let domestic = Rule { reach: Some(Reach::Domestic), pays: to_pool(), ..Rule::default() };
    let zone_a =
        Rule { service: Some("conferencing".into()), zone: Some("zone-a".into()), pays: to_pool(), ..Rule::default() };
    Catalog {
        decks: vec![Deck { head: head("retail"), rows }],
        inbound: vec![InboundDeck { head: head("retail-in"), price_list: "retail".into(), rows: vec![toll_free] }],
        plans: vec![plan("domestic", Scope::Shared, 120, domestic), plan("conferencing", Scope::Tenant, 60, zone_a)],
        zones: vec![Zone { id: "zone-a".into(), effective_from: ALWAYS, countries: vec!["GB".into(), "US".into()] }],
        number_plans: vec![NumberPlan {
            effective_from: ALWAYS,
            countries: vec![
                country("US", &["1425"], Some("nanp")),
                country("FR", &["33"], None),
                country("GB", &["44"], None),
                country("ZW", &["263"], None),
            ],
            short_codes: Vec::new(),
        }],
    }
}

/// A partition on which contoso is opened with money.
pub(super) struct World {
    pub(super) model: Model,
    commands: u32,
}

impl World {
    pub(super) fn new(funds: &str) -> World {
        let mut world = World { model: Model::new(catalog()), commands: 0 };
        world.command("tenant.open", json!({"currency": "USD", "price_list": "retail", "usage_country": "US"}));
        if funds != "0" {
            world.command("funds.add", json!({"amount": funds, "payment_reference": "first"}));
        }
        world
    }

    fn at() -> jiff::Timestamp {
        "2026-11-20T10:00:00Z".parse().expect("a time")
    }

    /// Applies a command now.
    pub(super) fn command(&mut self, kind: &str, body: Value) -> Outcome {
        self.commands += 1;
        let now = self.model.clock().max(World::at());
        let mut all = json!({"command_id": format!("k{}", self.commands), "tenant": "contoso", "type": kind,
            "at": now.to_string()});
        if let (Value::Object(all), Value::Object(body)) = (&mut all, body) {
            all.extend(body);
        }
        self.model.step(now, &Step::Command(all.to_string().into_bytes()))
    }

    /// A call that has ended just now. `more` replaces fields.
    pub(super) fn call(&mut self, id: &str, to: &str, seconds: i64, more: Value) -> Outcome {
        let now = self.model.clock().max(World::at());
        let start = now - jiff::SignedDuration::from_secs(seconds);
        let mut all = json!({"call_id": id, "tenant": "contoso", "service": "calling", "direction": "outbound",
            "from": "+14255550111", "to": to, "number_type": "user", "user": "ada", "answered_at": start.to_string(),
            "duration_seconds": seconds});
        if let (Value::Object(all), Value::Object(more)) = (&mut all, more) {
            all.extend(more);
        }
        self.model.step(now, &Step::Cdr(all.to_string().into_bytes()))
    }

    pub(super) fn clock(&mut self, to: &str) {
        self.model.step(to.parse().expect("a time"), &Step::Clock);
    }

    /// The data of the last event of a type.
    #[track_caller]
    pub(super) fn last(&self, kind: &str) -> Value {
        let wanted = format!("tollkeeper.{kind}.v1");
        let found = self.model.ledger().iter().rev().find(|event| event["type"] == wanted);
        found.unwrap_or_else(|| panic!("no {kind} in {:#?}", self.model.ledger()))["data"].clone()
    }

    pub(super) fn count(&self, kind: &str) -> usize {
        let wanted = format!("tollkeeper.{kind}.v1");
        self.model.ledger().iter().filter(|event| event["type"] == wanted).count()
    }

    /// All debits of a call, as a void copies them.
    pub(super) fn debits(&self, id: &str) -> Vec<Value> {
        let events = self.model.ledger().iter().filter(|event| event["data"]["call_id"] == id);
        events.filter(|event| event["type"] == "tollkeeper.call.debited.v1").cloned().collect()
    }

    pub(super) fn balance(&self) -> String {
        let account = &self.model.accounts()["contoso"];
        assert!(account.adds_up(), "R42");
        money::amount(account.balance())
    }
}
