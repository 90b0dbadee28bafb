//! The catalog of the histories: few prefixes, tiny pools, and everything that a catalog can have.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use jiff::Timestamp;

use crate::model::catalog::{
    Allotment, Band, CapRule, Catalog, Country, Deck, DeckHead, Inbound, InboundDeck, NumberPlan, Pays, Plan, Price,
    Reach, Row, Rule, Scope, ShortCode, Zone,
};
use crate::model::money::{self, Rounding};

const ALWAYS: Timestamp = Timestamp::MIN;
/// When the second version of most things begins: inside a day, so that calls lie on both sides of it.
pub(crate) const CHANGE: &str = "2026-10-28T12:00:00Z";
/// The first version of the plan `later`.
pub(crate) const LATER: &str = "2026-11-03T00:00:00Z";

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

pub(crate) fn catalog() -> Catalog {
    Catalog { decks: decks(), inbound: inbound(), plans: plans(), zones: zones(), number_plans: number_plans() }
}

fn head(id: &str, currency: &str, decimals: u32, effective_from: Timestamp) -> DeckHead {
    DeckHead { id: id.into(), effective_from, currency: currency.into(), decimals, rounding: Rounding::HalfUp }
}

fn row(prefix: &str, kind: &str, rate: &str) -> Row {
    Row {
        prefix: prefix.into(),
        destination: format!("destination {prefix}"),
        kind: kind.into(),
        price: Price::by_the_minute(money::of(rate)),
        from: None,
        to: None,
        band: None,
    }
}

fn priced(row: Row, connect_fee: &str, initial: u64, increment: u64, minimum: &str) -> Row {
    let (connect_fee, minimum) = (money::of(connect_fee), money::of(minimum));
    Row { price: Price { connect_fee, initial, increment, minimum, ..row.price.clone() }, ..row }
}

fn banded(row: Row, days: &str, hours: [u16; 2], zone: &str) -> Row {
    let weekdays: Vec<bool> = days.chars().map(|day| day == 'x').collect();
    let weekdays = weekdays.try_into().expect("seven days");
    let [from_minute, to_minute] = hours;
    Row { band: Some(Band { weekdays, from_minute, to_minute, zone: zone.into() }), ..row }
}

fn denied(row: Row) -> Row {
    Row { price: Price { rate: None, ..row.price.clone() }, ..row }
}

fn decks() -> Vec<Deck> {
    let spanish = |rate| priced(row("34", "landline", rate), "0.01", 30, 6, "0");
    let german = |rate| row("49", "mixed", rate);
    let retail = vec![
        row("1", "mixed", "0.013"),
        priced(row("1425", "mixed", "0.0111"), "0", 30, 6, "0"),
        row("33", "landline", "0.02"),
        priced(row("336", "mobile", "0.125"), "0.01", 60, 60, "0"),
        row("3389", "premium", "2.5"),
        priced(row("44", "landline", "0.015"), "0.05", 0, 6, "0"),
        priced(row("447", "mobile", "0.3333"), "0", 1, 1, "0.5"),
        denied(row("44900", "premium", "1")),
        Row { to: Some(at(CHANGE)), ..row("263", "mixed", "0.223") },
        Row { from: Some(at(CHANGE)), ..row("263", "mixed", "0.31") },
        row("882", "mixed", "9.5"),
        row("26399", "mixed", "5000000000000"),
        // No default: at night nobody can price it.
        banded(spanish("0.2"), "xxxxx--", [8 * 60, 18 * 60], "Europe/Madrid"),
        banded(spanish("0.1"), "xxxxxxx", [18 * 60, 22 * 60], "Europe/Madrid"),
        german("0.03"),
        banded(german("0.01"), "xxxxxxx", [18 * 60, 8 * 60], "Europe/Berlin"),
        banded(german("0.007"), "-----xx", [8 * 60, 18 * 60], "Europe/Berlin"),
        // Around the hour that is there twice, or not at all.
        row("1206", "mixed", "0.06"),
        banded(row("1206", "mixed", "0.001"), "xxxxxxx", [60, 3 * 60], "America/New_York"),
    ];
    let dearer: Vec<Row> = retail
        .iter()
        .map(|row| match row.prefix.as_str() {
            "33" | "1425" => {
                let rate = row.price.rate.map(|rate| rate * 2);
                Row { price: Price { rate, ..row.price.clone() }, ..row.clone() }
            }
            _ => row.clone(),
        })
        .collect();
    let special = vec![
        row("3", "mixed", "0.001"),
        row("336", "mobile", "0.1"),
        denied(row("337", "mobile", "1")),
        row("4479", "", "0.2"),
    ];
    vec![
        Deck { head: head("retail", "USD", 4, ALWAYS), rows: retail },
        Deck { head: head("retail", "USD", 4, at(CHANGE)), rows: dearer },
        Deck { head: head("special", "USD", 6, ALWAYS), rows: special },
        Deck {
            head: DeckHead { rounding: Rounding::Up, ..head("cents", "USD", 2, ALWAYS) },
            rows: vec![row("1", "mixed", "0.013"), row("33", "mobile", "0.021"), row("44", "landline", "0.017")],
        },
        Deck { head: head("euro", "EUR", 6, ALWAYS), rows: vec![row("33", "landline", "0.018")] },
    ]
}

fn inbound() -> Vec<InboundDeck> {
    let price = |number_type: &str, country: &str, caller: Option<&str>, rate: &str| Inbound {
        number_type: number_type.into(),
        country: country.into(),
        caller: caller.map(Into::into),
        price: Price::by_the_minute(money::of(rate)),
        from: None,
        to: None,
        band: None,
    };
    let published = vec![
        price("toll_free", "US", None, "0.022"),
        price("toll_free", "US", Some("US"), "0.011"),
        price("toll_free", "FR", None, "0.033"),
        price("service", "GB", None, "0.02"),
    ];
    let own = vec![price("toll_free", "US", None, "0.02"), price("service", "GB", Some("FR"), "0.015")];
    vec![
        InboundDeck { head: head("retail-in", "USD", 6, ALWAYS), price_list: "retail".into(), rows: published },
        InboundDeck { head: head("special-in", "USD", 6, ALWAYS), price_list: "special".into(), rows: own },
    ]
}

fn country(code: &str, prefixes: &[&str], abroad: &[&str], emergency: &[&str]) -> Country {
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    Country {
        code: code.into(),
        prefixes: owned(prefixes),
        abroad: owned(abroad),
        emergency: owned(emergency),
        domestic_union: None,
        pool_union: None,
    }
}

fn number_plans() -> Vec<NumberPlan> {
    let union = |of: Country, pool: Option<&str>| Country {
        domestic_union: Some("north-america".into()),
        pool_union: pool.map(Into::into),
        ..of
    };
    let countries = vec![
        union(country("US", &["1425", "1206"], &["011"], &[]), Some("us-pr")),
        union(country("PR", &["1787"], &["011"], &[]), Some("us-pr")),
        union(country("CA", &["1604"], &["011"], &[]), None),
        country("FR", &["33"], &["00"], &["15"]),
        country("GB", &["44"], &["00"], &["999"]),
        country("ES", &["34"], &["00"], &[]),
        country("DE", &["49"], &["00"], &["110"]),
        country("ZW", &["263"], &["00", "000"], &[]),
    ];
    let short = |country: &str, code: &str, price: Option<(&str, &str)>| ShortCode {
        country: country.into(),
        code: code.into(),
        destination: format!("code {code}"),
        price: price.map(|(rate, currency)| (Price::by_the_minute(money::of(rate)), currency.to_owned())),
    };
    let codes = |directory: &str| {
        vec![
            short("US", "411", Some((directory, "USD"))),
            short("US", "311", None),
            short("FR", "3900", Some(("0.5", "EUR"))),
        ]
    };
    let mut moved = countries.clone();
    // A prefix that goes from one country to another, and a union that ends.
    moved[0].prefixes = vec!["1425".into()];
    moved[2].prefixes.push("1206".into());
    vec![
        NumberPlan { effective_from: ALWAYS, countries, short_codes: codes("1.5") },
        NumberPlan { effective_from: at(CHANGE), countries: moved, short_codes: codes("1.75") },
    ]
}

fn zones() -> Vec<Zone> {
    let zone = |effective_from, countries: &[&str]| Zone {
        id: "zone-a".into(),
        effective_from,
        countries: countries.iter().map(|code| (*code).into()).collect(),
    };
    vec![zone(ALWAYS, &["US", "GB"]), zone(at(CHANGE), &["US", "GB", "FR"])]
}

fn allotment(name: &str, scope: Scope, minutes: u64) -> Allotment {
    Allotment { name: name.into(), scope, minutes, minutes_in: Vec::new() }
}

fn plan(id: &str, rules: Vec<Rule>, allotments: Vec<Allotment>) -> Plan {
    Plan { id: id.into(), effective_from: ALWAYS, rules, allotments, cap: CapRule::Either }
}

fn to(pool: &str) -> Pays {
    Pays::Pool(pool.into())
}

/// The names of all plans, and of one that there is not.
pub(crate) const PLANS: [&str; 9] =
    ["payg", "domestic", "international", "apart", "solo", "conferencing", "strict", "later", "nowhere"];

fn plans() -> Vec<Plan> {
    let some = |text: &str| Some(text.to_owned());
    let reach = |reach, pays| Rule { direction: Some("outbound".into()), reach: Some(reach), pays, ..Rule::default() };
    let domestic = |minutes, britain| Plan {
        allotments: vec![Allotment {
            minutes_in: vec![("GB".into(), britain)],
            ..allotment("national", Scope::Shared, minutes)
        }],
        ..plan(
            "domestic",
            vec![Rule {
                service: some("calling"),
                except_kinds: vec!["premium".into()],
                ..reach(Reach::Domestic, to("national"))
            }],
            Vec::new(),
        )
    };
    let both = |id: &str, cap| Plan {
        cap,
        ..plan(
            id,
            vec![reach(Reach::Domestic, to("national")), reach(Reach::International, to("abroad"))],
            vec![allotment("national", Scope::Shared, 3), allotment("abroad", Scope::Shared, 2)],
        )
    };
    let conferencing = vec![
        Rule { direction: some("inbound"), number_type: some("service"), pays: Pays::Free, ..Rule::default() },
        Rule { direction: some("inbound"), number_type: some("toll_free"), pays: to("dial-in"), ..Rule::default() },
        Rule {
            service: some("conferencing"),
            zone: some("zone-a"),
            except_kinds: vec!["mobile".into()],
            pays: to("dial-out"),
            ..Rule::default()
        },
    ];
    let strict = vec![
        Rule { kinds: vec!["mobile".into(), "premium".into()], pays: Pays::Denied, ..Rule::default() },
        Rule { direction: some("inbound"), pays: Pays::Denied, ..Rule::default() },
        Rule { usage_countries: vec!["FR".into(), "GB".into()], pays: Pays::Credits, ..Rule::default() },
        Rule { reach: Some(Reach::Domestic), pays: Pays::Free, ..Rule::default() },
        Rule { usage_countries: vec!["US".into()], pays: to("bonus"), ..Rule::default() },
    ];
    vec![
        plan("payg", Vec::new(), Vec::new()),
        domestic(3, 2),
        Plan { effective_from: at(CHANGE), ..domestic(4, 2) },
        both("international", CapRule::Either),
        both("apart", CapRule::Independent),
        plan("solo", vec![reach(Reach::Domestic, to("own"))], vec![allotment("own", Scope::User, 3)]),
        Plan {
            cap: CapRule::Independent,
            ..plan(
                "conferencing",
                conferencing,
                vec![allotment("dial-out", Scope::Tenant, 2), allotment("dial-in", Scope::Shared, 2)],
            )
        },
        plan("strict", strict, vec![allotment("bonus", Scope::Tenant, 2)]),
        Plan { effective_from: at(LATER), ..plan("later", Vec::new(), Vec::new()) },
    ]
}
