//! A partition with a tenant whose calls have every kind of payer, and catalogs that differ in their prices.
#![allow(unreachable_pub, reason = "a module of one test binary")]

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tollkeeper::core::catalog::{Catalog, CatalogParts};
use tollkeeper::core::cdr::{Direction, NumberType, Service};
use tollkeeper::core::deck::{Deck, DeckBuilder, DeckHeader, Kind, Row};
use tollkeeper::core::inbound::{InboundDeck, InboundDeckBuilder, InboundPair, InboundRow};
use tollkeeper::core::money::LineRounding;
use tollkeeper::core::number::Country;
use tollkeeper::core::number_plan::{CountryDialling, NumberPlan, NumberPlanHeader, ShortCode, ShortCodePrice};
use tollkeeper::core::plan::{
    Allotment, AllotmentIndex, KindCondition, Payment, Plan, PlanParts, PlanRule, Reach, Scope,
};
use tollkeeper::core::price::Price;
use tollkeeper::core::tenant::TenantId;
use tollkeeper::offline::audit::{self, Audit, Place};
use tollkeeper::offline::rerate::{Proposal, Report, Rerate, Terms};
use tollkeeper::stream::transport::{Input, Output};

use crate::partition::Partition;

/// When all calls begin.
pub const START: &str = "2026-11-20T10:00:00Z";

/// Prices: those of the first catalog, or of later ones.
#[derive(Clone, Copy)]
pub struct Prices {
    pub version: &'static str,
    /// France; `denied`: no call goes there.
    pub france: &'static str,
    /// The US.
    pub us: &'static str,
    /// Germany; `None`: the list does not have it.
    pub germany: Option<&'static str>,
    /// Inbound toll-free, from anywhere and from Great Britain.
    pub toll_free: [&'static str; 2],
    /// The short code 4411.
    pub short_code: &'static str,
}

pub const FIRST: Prices = Prices {
    version: "1",
    france: "0.125",
    us: "0.013",
    germany: Some("0.02"),
    toll_free: ["0.022", "0.04"],
    short_code: "0.50",
};

pub const SECOND: Prices = Prices {
    version: "2",
    france: "0.10",
    us: "0.02",
    germany: Some("0.02"),
    toll_free: ["0.02", "0.05"],
    short_code: "0.25",
};

fn country(code: &str) -> Country {
    code.parse().expect(code)
}

fn flat(rate: &str) -> Price {
    Price::flat(rate.parse().expect(rate))
}

fn header(id: &str, version: &str) -> DeckHeader {
    DeckHeader {
        id: id.into(),
        version: version.into(),
        currency: "USD".parse().expect("a currency"),
        rounding: LineRounding::default(),
        effective_from: None,
    }
}

fn deck(prices: &Prices) -> Deck {
    let row = |prefix: &str, destination: &str, rate: &str| Row {
        prefix: prefix.into(),
        destination: destination.into(),
        country: None,
        kind: Kind::Mixed,
        price: if rate == "denied" { Price::none() } else { flat(rate) },
        effective_from: None,
        effective_to: None,
        denied: rate == "denied",
    };
    let mut builder = DeckBuilder::new(header("retail", prices.version));
    builder.push(1, row("1", "USA", prices.us));
    builder.push(2, row("33", "France", prices.france));
    if let Some(rate) = prices.germany {
        builder.push(3, row("49", "Germany", rate));
    }
    builder.build().expect("no duplicates")
}

fn inbound(prices: &Prices) -> InboundDeck {
    let mut builder = InboundDeckBuilder::new(header("inbound", prices.version), "retail");
    for (line, caller, rate) in [(1, None, prices.toll_free[0]), (2, Some("GB"), prices.toll_free[1])] {
        let pair =
            InboundPair { number_type: NumberType::TollFree, dialled: country("US"), caller: caller.map(country) };
        builder.push(line, InboundRow { pair, price: flat(rate), effective_from: None, effective_to: None });
    }
    builder.build().expect("no duplicates")
}

/// Ten domestic minutes for each licence.
fn plan() -> Plan {
    let rule = PlanRule {
        service: Some(Service::Calling),
        direction: Some(Direction::Outbound),
        number_type: None,
        reach: Some(Reach::Domestic),
        zone: None,
        kinds: KindCondition::Any,
        usage_countries: None,
        payment: Payment::Pool(AllotmentIndex::new(0).expect("a small plan")),
    };
    let allotment = Allotment { name: "domestic".into(), scope: Scope::Shared, minutes: 10, minutes_in: Vec::new() };
    let parts =
        PlanParts { allotments: vec![allotment], rules: vec![rule], ..PlanParts::without_rules("domestic", "1") };
    Plan::new(parts).expect("a plan")
}

pub fn catalog(prices: &Prices) -> Arc<Catalog> {
    let mut us = CountryDialling::of(country("US"));
    let price = ShortCodePrice { currency: "USD".parse().expect("a currency"), price: flat(prices.short_code) };
    us.short_codes = vec![ShortCode { code: "4411".into(), name: "Directory".into(), price: Some(price) }];
    let others = ["FR", "GB", "DE"].map(|code| CountryDialling::of(country(code)));
    let prefixes = [("1", "US"), ("33", "FR"), ("44", "GB"), ("49", "DE")];
    let prefixes = prefixes.map(|(prefix, code)| (prefix.into(), country(code)));
    let header = NumberPlanHeader { version: prices.version.into(), effective_from: None };
    let numbers = NumberPlan::new(header, prefixes.into(), others.into_iter().chain([us]).collect()).expect("a plan");
    let parts = CatalogParts {
        version: prices.version.into(),
        decks: vec![Arc::new(deck(prices))],
        inbound: vec![Arc::new(inbound(prices))],
        plans: vec![Arc::new(plan())],
        zones: Vec::new(),
        number_plans: vec![Arc::new(numbers)],
    };
    Arc::new(Catalog::new(parts).expect("they fit together"))
}

pub fn at(text: &str) -> Timestamp {
    text.parse().expect(text)
}

/// A CDR of contoso.
pub fn call(call_id: &str, to: &str, seconds: u64) -> Value {
    json!({
        "call_id": call_id, "tenant": "contoso", "service": "calling", "direction": "outbound", "from": "+14255550111",
        "to": to, "number_type": "user", "answered_at": START, "duration_seconds": seconds,
    })
}

/// With other fields.
pub fn with(mut record: Value, fields: &[(&str, Value)]) -> Value {
    for (name, value) in fields {
        record[*name] = value.clone();
    }
    record
}

/// The engine with what it has written, and a clock.
pub struct World {
    pub partition: Partition,
    now: Timestamp,
}

impl World {
    /// Contoso is open, and has funds and one licence; calls are priced by the first prices.
    pub fn funded() -> World {
        World::funded_by(&FIRST)
    }

    /// As [`Self::funded`], by other prices.
    pub fn funded_by(prices: &Prices) -> World {
        let mut world = World { partition: Partition::new(catalog(prices)), now: at("2026-11-20T09:00:00Z") };
        world.command("open", "tenant.open", json!({"currency": "USD", "price_list": "retail", "usage_country": "US"}));
        world.command("funds", "funds.add", json!({"amount": "100.00", "payment_reference": "p-1"}));
        let licence = json!({"plan": "domestic", "usage_country": "US", "quantity": 1});
        world.command("licence", "licences.set", licence);
        world.now = at("2026-11-20T12:00:00Z");
        world
    }

    pub fn command(&mut self, id: &str, kind: &str, body: Value) {
        let fields = [("command_id", json!(id)), ("tenant", json!("contoso")), ("type", json!(kind))];
        self.give_command(&with(body, &fields).to_string());
    }

    /// Gives a command to the engine as if it were asked for now.
    pub fn give_command(&mut self, record: &str) {
        let mut command: Value = serde_json::from_str(record).expect("JSON");
        command["at"] = self.now.to_string().into();
        self.give(Input::Commands, &command);
    }

    pub fn call(&mut self, cdr: &Value) {
        self.give(Input::Cdrs, cdr);
    }

    /// Each record a second after the one before.
    fn give(&mut self, input: Input, record: &Value) {
        self.partition.take(input, self.now, record.to_string().as_bytes());
        self.partition.commit();
        self.now += SignedDuration::from_secs(1);
    }

    pub fn ledger(&self) -> Vec<Vec<u8>> {
        self.partition.ledger().iter().map(|event| event.to_vec()).collect()
    }

    pub fn events(&self) -> Vec<Value> {
        self.partition.ledger().iter().map(|event| serde_json::from_slice(event).expect("JSON")).collect()
    }

    pub fn balance(&self) -> String {
        self.events().last().expect("some")["data"]["balance"].as_str().expect("a balance").to_owned()
    }

    /// The ledger adds up, corrections included.
    pub fn audit(&self) {
        let mut audit =
            Audit::new(audit::Terms { acceptance_window: SignedDuration::from_hours(7 * 24), partitions: None });
        for (event, line) in self.ledger().iter().zip(1..) {
            audit.take(&Place::Line { file: "ledger".into(), line }, event);
        }
        let report = audit.finish();
        assert!(report.adds_up(), "{report}");
    }

    /// The last record of the quarantine or the alerts.
    pub fn last_said(&self, output: Output) -> Value {
        let said = self.partition.written[output.index()].last().expect("something was said");
        serde_json::from_slice(said).expect("JSON")
    }

    /// What is proposed by other prices, over all of its ledger.
    pub fn rerate(&self, prices: &Prices) -> (Report, Vec<Proposal>) {
        rerate(&self.ledger(), catalog(prices), terms())
    }

    /// Gives every proposal to the engine; all of them must be applied.
    pub fn apply(&mut self, proposals: &[Proposal]) {
        self.give_all(proposals);
        self.audit();
    }

    fn give_all(&mut self, proposals: &[Proposal]) {
        for proposal in proposals {
            let before = self.partition.ledger().len();
            self.give_command(&proposal.command(self.now, Some("billing")));
            let events = self.events();
            assert_eq!(events[before]["type"], "tollkeeper.balance.adjusted.v1", "{proposal:?}: {}", events[before]);
        }
    }
}

/// All calls of the day.
pub fn terms() -> Terms {
    terms_of("2026-11-20T00:00:00Z", "2026-11-21T00:00:00Z", None)
}

pub fn terms_of(from: &str, to: &str, tenant: Option<TenantId>) -> Terms {
    Terms { from: at(from), to: at(to), tenant }
}

pub fn rerate(ledger: &[Vec<u8>], catalog: Arc<Catalog>, terms: Terms) -> (Report, Vec<Proposal>) {
    let mut rerate = Rerate::new(terms, catalog);
    let mut proposals = Vec::new();
    let mut keep = |proposal| -> anyhow::Result<()> {
        proposals.push(proposal);
        Ok(())
    };
    ledger.iter().for_each(|event| rerate.note(event).expect("an event"));
    ledger.iter().for_each(|event| rerate.take(event, &mut keep).expect("an event"));
    rerate.close_partition(&mut keep).expect("it keeps them");
    (rerate.report().clone(), proposals)
}

/// Call and amount of each.
pub fn told(proposals: &[Proposal]) -> Vec<(&str, String)> {
    proposals.iter().map(|proposal| (&*proposal.call_id, proposal.amount.to_string())).collect()
}
