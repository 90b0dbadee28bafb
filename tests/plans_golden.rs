//! How the plans of `rates/` pay for calls, in a file that whoever sets tariffs can read and extend: `tests/golden/plans.txt`.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use jiff::Timestamp;
use tollkeeper::core::catalog::Catalog;
use tollkeeper::core::cdr::{Direction, NumberType, Service};
use tollkeeper::core::number::Country;
use tollkeeper::core::number_plan::{NumberPlan, ShortCodePrice};
use tollkeeper::core::plan::{AllotmentIndex, Payment, Plan, PlanQuestion, Scope};
use tollkeeper::stream::catalog::load_directory;
use tollkeeper::wire::fault::SourceFile;
use tollkeeper::wire::plan_toml::{PlanName, read_plan};
use tollkeeper::wire::zone_csv::{ZoneName, read_zone};

const LIST: &str = "outbound-usd";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn catalog() -> Catalog {
    load_directory(&root().join("rates")).unwrap_or_else(|failure| panic!("{failure}"))
}

/// A call, as the first column describes it: `calling of US, to +14255550100`, `conferencing of GB, inbound to toll_free`.
struct Case<'a> {
    service: Service,
    usage_country: Country,
    other_end: OtherEnd<'a>,
    at: Timestamp,
}

enum OtherEnd<'a> {
    Outbound(&'a str),
    Inbound(NumberType),
}

impl<'a> Case<'a> {
    fn read(text: &'a str) -> Case<'a> {
        let mut words = text.split(", ");
        let (service, usage_country) = words
            .next()
            .and_then(|first| first.split_once(" of "))
            .unwrap_or_else(|| panic!("whose call is `{text}`?"));
        let end = words.next().unwrap_or_else(|| panic!("where does `{text}` go?"));
        let other_end = match end.strip_prefix("inbound to ") {
            Some(own) => {
                OtherEnd::Inbound(*NumberType::ALL.iter().find(|known| known.code() == own).expect("a number type"))
            }
            None => OtherEnd::Outbound(end.strip_prefix("to ").unwrap_or_else(|| panic!("what is `{end}`?"))),
        };
        let at = words.next().map_or("2026-11-20", |at| at.strip_prefix("at ").expect("at DATE"));
        Case {
            service: *Service::ALL.iter().find(|known| known.code() == service).expect("a service"),
            usage_country: usage_country.parse().expect("a country"),
            other_end,
            at: format!("{at}T12:00:00Z").parse().expect("a date"),
        }
    }

    fn result(&self, catalog: &Catalog, plan: &str) -> String {
        let numbers = catalog.number_plan(self.at);
        match self.other_end {
            OtherEnd::Inbound(number_type) => {
                let question = PlanQuestion {
                    direction: Direction::Inbound,
                    number_type,
                    domestic: false,
                    destination: None,
                    kind: None,
                    ..self.question()
                };
                format!("inbound | {}", self.payment(catalog, plan, &question))
            }
            OtherEnd::Outbound(raw) if numbers.is_emergency(raw, self.usage_country) => "emergency | free".into(),
            OtherEnd::Outbound(raw) => match numbers.short_code(raw, self.usage_country) {
                Some(short) => match &short.price {
                    None => format!("short code: {} | free", short.name),
                    Some(ShortCodePrice { currency, price }) => {
                        let rate = price.rate.expect("a price without bands has a rate");
                        format!("short code: {} | credits, {currency} {rate}/min", short.name)
                    }
                },
                None => self.outbound(catalog, numbers, plan, raw),
            },
        }
    }

    fn outbound(&self, catalog: &Catalog, numbers: &NumberPlan, plan: &str, raw: &str) -> String {
        let Some(number) = numbers.normalise(raw, self.usage_country) else {
            return "no number | quarantined".into();
        };
        let destination = numbers.country_of(&number);
        let deck = catalog.deck(LIST, self.at).expect("in force since ever");
        let row = deck.lookup(&number, self.at);
        let question = PlanQuestion {
            domestic: destination.is_some_and(|to| numbers.are_domestic(to, self.usage_country)),
            destination,
            kind: row.map(|row| row.kind),
            ..self.question()
        };
        let reach = if question.domestic { "domestic" } else { "international" };
        let to = destination.map_or("no country".into(), |to| to.to_string());
        let kind = question.kind.map_or("no row", |kind| kind.code());
        let payment = self.payment(catalog, plan, &question);
        let payment = match row {
            Some(row) if row.denied => "denied by the price list".into(),
            None if payment != "free" => format!("nobody has a price (else {payment})"),
            _ => payment,
        };
        format!("{reach}, {to}, {kind} | {payment}")
    }

    fn question(&self) -> PlanQuestion {
        PlanQuestion {
            service: self.service,
            direction: Direction::Outbound,
            number_type: NumberType::User,
            usage_country: self.usage_country,
            domestic: false,
            destination: None,
            kind: None,
        }
    }

    fn payment(&self, catalog: &Catalog, id: &str, question: &PlanQuestion) -> String {
        let plan = catalog.plan(id, self.at).unwrap_or_else(|| panic!("no plan {id}"));
        match plan.payment(question, |zone, country| catalog.zone_contains(zone, country, self.at)) {
            Payment::Free => "free".into(),
            Payment::Credits => "credits".into(),
            Payment::Denied => "denied".into(),
            Payment::Pool(index) => self.pool(catalog, plan, index),
        }
    }

    /// `pool domestic/domestic/us-pr, 3000 minutes a licence, then credits`.
    fn pool(&self, catalog: &Catalog, plan: &Plan, index: AllotmentIndex) -> String {
        let feed = catalog.number_plan(self.at).feed_name(&self.usage_country);
        let minutes = plan.minutes(index, self.usage_country);
        let of = if plan.allotment(index).scope == Scope::User { "user" } else { "licence" };
        let tied: Vec<&str> = plan.siblings(index).map(|other| &*plan.allotment(other).name).collect();
        let tied = if tied.is_empty() { String::new() } else { format!(" (ends with {})", tied.join(", ")) };
        format!("pool {}, {minutes} minutes a {of}{tied}, then credits", plan.pool_id(index, feed))
    }
}

#[test]
fn r20_plans_pay_for_calls_as_the_file_says() {
    let path = root().join("tests/golden/plans.txt");
    let golden = fs::read_to_string(&path).expect("UTF-8");
    let catalog = catalog();
    let (mut found, mut plan, mut plans, mut cases) = (String::new(), "", BTreeSet::new(), 0);
    for line in golden.lines() {
        let case = line.split(" | ").next().unwrap_or_default().trim();
        if let Some(name) = case.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            plan = name;
            plans.insert(name);
        }
        if case.is_empty() || case.starts_with(['#', '[']) {
            found.push_str(line);
        } else {
            cases += 1;
            found.push_str(&format!("{case} | {}", Case::read(case).result(&catalog, plan)));
        }
        found.push('\n');
    }
    assert!(cases > 100, "the file has its cases");
    assert!(catalog.plan_ids().eq(plans), "every plan of rates/ is in the file");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &found).expect("written");
    } else {
        for (expected, found) in golden.lines().zip(found.lines()) {
            assert_eq!(found, expected, "UPDATE_GOLDEN=1 rewrites tests/golden/plans.txt");
        }
    }
}

#[test]
fn the_zones_of_rates_have_their_countries() {
    let catalog = catalog();
    let now = "2026-11-20T12:00:00Z".parse().expect("a time");
    let count = |zone: &str| {
        let letters = || b'A'..=b'Z';
        let countries = letters().flat_map(|a| letters().map(move |b| String::from_utf8_lossy(&[a, b]).into_owned()));
        countries.filter(|code| catalog.zone_contains(zone, code.parse().expect("two letters"), now)).count()
    };
    assert_eq!((count("conferencing-a"), count("us-ca"), count("calling-plan"), count("none")), (44, 2, 199, 0));
}

#[test]
fn the_examples_of_the_readme_are_read() {
    let text = fs::read_to_string(root().join("rates/README.md")).expect("UTF-8");
    let blocks = text.split("```").skip(1).step_by(2);
    let (mut plans, mut zones) = (0, 0);
    for block in blocks {
        let (form, example) = block.split_once('\n').expect("a form and its lines");
        let file = SourceFile { name: "rates/README.md", bytes: example.as_bytes() };
        if form == "toml" && example.contains("[[rule]]") {
            plans += 1;
            read_plan(file, PlanName { id: "x", version: "1" }, None).unwrap_or_else(|faults| panic!("{faults}"));
        } else if example.contains("country,name\n") {
            zones += 1;
            read_zone(file, ZoneName { id: "x", version: "1" }, None).unwrap_or_else(|faults| panic!("{faults}"));
        }
    }
    assert_eq!((plans, zones), (1, 1));
}
