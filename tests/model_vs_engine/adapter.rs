//! The catalog of the model as files, in the forms of the project: the engine reads the same with its own readers.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tollkeeper::core::catalog::Catalog;
use tollkeeper::stream::catalog::load_directory;

use crate::model::catalog as plain;
use crate::model::money::{Amount, Rounding, amount};

/// The same catalog for the engine.
pub(crate) fn catalog(from: &plain::Catalog) -> Arc<Catalog> {
    let directory = tempfile::tempdir().expect("a directory");
    let put = |name: String, text: String| {
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().expect("it is in one")).expect("a directory");
        fs::write(path, text).expect("a file");
    };
    for deck in &from.decks {
        put(format!("decks/{}.csv", version(&deck.head.id, deck.head.effective_from)), deck_csv(deck));
    }
    for deck in &from.inbound {
        put(format!("inbound/{}.csv", version(&deck.head.id, deck.head.effective_from)), inbound_csv(deck));
    }
    for plan in &from.plans {
        put(format!("plans/{}.toml", version(&plan.id, plan.effective_from)), plan_toml(plan));
    }
    for zone in &from.zones {
        put(format!("zones/{}.csv", version(&zone.id, zone.effective_from)), zone_csv(zone));
    }
    for numbers in &from.number_plans {
        for (name, text) in number_plan_files(numbers) {
            put(format!("{}/{name}", version("number-plan", numbers.effective_from)), text);
        }
    }
    Arc::new(load(directory.path()))
}

fn load(directory: &Path) -> Catalog {
    load_directory(directory).unwrap_or_else(|failure| panic!("{failure}"))
}

/// `domestic`, and from a day on `domestic@2026-10-28`.
fn version(id: &str, from: Timestamp) -> String {
    match effective_from(from) {
        None => id.to_owned(),
        Some(from) => format!("{id}@{}", from.to_zoned(TimeZone::UTC).date()),
    }
}

fn effective_from(at: Timestamp) -> Option<Timestamp> {
    (at != Timestamp::MIN).then_some(at)
}

/// The line of a CSV file that says from when on it is in force.
fn since(at: Timestamp) -> String {
    effective_from(at).map_or(String::new(), |from| format!("# effective_from: {from}\n"))
}

fn head(head: &plain::DeckHead) -> String {
    let rounding = match head.rounding {
        Rounding::HalfUp => "half_up",
        Rounding::HalfEven => "half_even",
        Rounding::Down => "down",
        Rounding::Up => "up",
    };
    let plain::DeckHead { currency, decimals, effective_from, .. } = head;
    format!("# currency: {currency}\n# decimals: {decimals}\n# rounding: {rounding}\n{}", since(*effective_from))
}

const PRICE: &str = "rate_per_minute,connect_fee,initial_increment,increment,minimum_charge";
const DATES: &str = "effective_from,effective_to,time_band";

/// The columns of a price.
fn price(price: &plain::Price) -> String {
    let plain::Price { rate, connect_fee, initial, increment, minimum } = price;
    let rate = rate.map_or("denied".to_owned(), amount);
    // A price without a fee leaves it out, as most files do.
    let fee = |money: Amount| if money == 0 { String::new() } else { amount(money) };
    format!("{rate},{},{initial},{increment},{}", fee(*connect_fee), fee(*minimum))
}

/// The columns of dates and band.
fn dates(from: Option<Timestamp>, to: Option<Timestamp>, band: Option<&plain::Band>) -> String {
    let time = |at: Option<Timestamp>| at.map_or(String::new(), |at| at.to_string());
    format!("{},{},\"{}\"", time(from), time(to), band.map_or(String::new(), band_text))
}

fn band_text(band: &plain::Band) -> String {
    let names = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let days: Vec<&str> = names.into_iter().zip(band.weekdays).filter(|(_, is)| *is).map(|(name, _)| name).collect();
    let hours = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
    format!("{} {}-{} {}", days.join(","), hours(band.from_minute), hours(band.to_minute), band.zone)
}

fn deck_csv(deck: &plain::Deck) -> String {
    let mut csv = format!("{}prefix,destination,kind,{PRICE},{DATES}\n", head(&deck.head));
    for row in &deck.rows {
        let (price, dates) = (price(&row.price), dates(row.from, row.to, row.band.as_ref()));
        writeln!(csv, "{},\"{}\",{},{price},{dates}", row.prefix, row.destination, row.kind).expect("a string");
    }
    csv
}

fn inbound_csv(deck: &plain::InboundDeck) -> String {
    let mut csv = format!("{}# price_list: {}\n", head(&deck.head), deck.price_list);
    csv += &format!("number_type,dialled_country,caller_country,{PRICE},{DATES}\n");
    for row in &deck.rows {
        let (price, dates) = (price(&row.price), dates(row.from, row.to, row.band.as_ref()));
        let caller = row.caller.as_deref().unwrap_or("any");
        writeln!(csv, "{},{},{caller},{price},{dates}", row.number_type, row.country).expect("a string");
    }
    csv
}

fn zone_csv(zone: &plain::Zone) -> String {
    format!("{}country\n{}\n", since(zone.effective_from), zone.countries.join("\n"))
}

fn number_plan_files(plan: &plain::NumberPlan) -> Vec<(&'static str, String)> {
    let mut countries = format!("{}country,name,international_prefixes,emergency\n", since(plan.effective_from));
    let mut prefixes = "prefix,country\n".to_owned();
    let [mut domestic, mut pools] = ["union,country\n", "union,country\n"].map(str::to_owned);
    for plain::Country { code, prefixes: own, abroad, emergency, domestic_union, pool_union } in &plan.countries {
        writeln!(countries, "{code},{code},{},{}", abroad.join(" "), emergency.join(" ")).expect("a string");
        own.iter().for_each(|prefix| writeln!(prefixes, "{prefix},{code}").expect("a string"));
        for (union, file) in [(domestic_union, &mut domestic), (pool_union, &mut pools)] {
            union.iter().for_each(|union| writeln!(file, "{union},{code}").expect("a string"));
        }
    }
    let mut codes = format!("country,code,name,currency,{PRICE}\n");
    for short in &plan.short_codes {
        let (currency, price) = match &short.price {
            None => ("", "free,,,,".to_owned()),
            Some((of_code, currency)) => (currency.as_str(), price(of_code)),
        };
        writeln!(codes, "{},{},{},{currency},{price}", short.country, short.code, short.destination).expect("a string");
    }
    vec![
        ("countries.csv", countries),
        ("prefixes.csv", prefixes),
        ("domestic-unions.csv", domestic),
        ("pool-unions.csv", pools),
        ("short-codes.csv", codes),
    ]
}

fn plan_toml(plan: &plain::Plan) -> String {
    let mut toml = format!("description = \"{}\"\n", plan.id);
    if let Some(from) = effective_from(plan.effective_from) {
        writeln!(toml, "effective_from = {from}").expect("a string");
    }
    let cap = if plan.cap == plain::CapRule::Either { "either" } else { "independent" };
    writeln!(toml, "cap_rule = \"{cap}\"").expect("a string");
    for plain::Allotment { name, scope, minutes, minutes_in } in &plan.allotments {
        let scope = match scope {
            plain::Scope::Shared => "shared",
            plain::Scope::Tenant => "tenant",
            plain::Scope::User => "user",
        };
        let own: Vec<String> = minutes_in.iter().map(|(country, own)| format!("{country} = {own}")).collect();
        write!(
            toml,
            "\n[[allotment]]\nname = \"{name}\"\nscope = \"{scope}\"\nminutes = {minutes}\nminutes_in = {{ {} }}\n",
            own.join(", ")
        )
        .expect("a string");
    }
    plan.rules.iter().for_each(|rule| toml += &rule_toml(rule));
    toml
}

fn rule_toml(rule: &plain::Rule) -> String {
    let reach = rule.reach.map(|reach| match reach {
        plain::Reach::Domestic => "domestic".to_owned(),
        plain::Reach::International => "international".to_owned(),
    });
    let mut toml = "\n[[rule]]\n".to_owned();
    let texts = [
        ("service", &rule.service),
        ("direction", &rule.direction),
        ("number_type", &rule.number_type),
        ("reach", &reach),
        ("zone", &rule.zone),
    ];
    for (name, text) in texts {
        text.iter().for_each(|text| writeln!(toml, "{name} = \"{text}\"").expect("a string"));
    }
    let lists =
        [("kinds", &rule.kinds), ("except_kinds", &rule.except_kinds), ("usage_countries", &rule.usage_countries)];
    for (name, list) in lists.into_iter().filter(|(_, list)| !list.is_empty()) {
        writeln!(toml, "{name} = [\"{}\"]", list.join("\", \"")).expect("a string");
    }
    let pay = match &rule.pays {
        plain::Pays::Free => "\"free\"".to_owned(),
        plain::Pays::Credits => "\"credits\"".to_owned(),
        plain::Pays::Denied => "\"denied\"".to_owned(),
        plain::Pays::Pool(name) => format!("{{ pool = \"{name}\" }}"),
    };
    writeln!(toml, "pay = {pay}").expect("a string");
    toml
}
