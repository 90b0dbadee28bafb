//! The catalog of the model as the engine has it.

use std::fmt::Write as _;
use std::num::NonZeroU32;
use std::sync::Arc;

use jiff::Timestamp;
use tollkeeper::core::band::TimeBands;
use tollkeeper::core::catalog::{Catalog, CatalogParts};
use tollkeeper::core::cdr::{Direction, NumberType, Service};
use tollkeeper::core::deck::{DeckHeader, Kind};
use tollkeeper::core::inbound::{InboundDeckBuilder, InboundPair, InboundRow};
use tollkeeper::core::money::{LineRounding, Money, Rate, Rounding};
use tollkeeper::core::number::Country;
use tollkeeper::core::number_plan::{CountryDialling, NumberPlan, NumberPlanHeader, ShortCode, ShortCodePrice};
use tollkeeper::core::plan::{
    Allotment, AllotmentIndex, CapRule, KindCondition, Kinds, Payment, Plan, PlanParts, PlanRule, Reach, Scope,
};
use tollkeeper::core::price::Price;
use tollkeeper::core::zone::Zone;
use tollkeeper::wire::deck_csv::{DeckName, read_deck};
use tollkeeper::wire::fault::SourceFile;

use crate::model::catalog as plain;
use crate::model::money::{Amount, amount};

/// The same catalog for the engine.
pub(crate) fn catalog(from: &plain::Catalog) -> Arc<Catalog> {
    let versions = |place: usize| format!("v{place}");
    let number_plans: Vec<Arc<NumberPlan>> =
        from.number_plans.iter().enumerate().map(|(n, plan)| Arc::new(number_plan(plan, &versions(n)))).collect();
    let decks = from.decks.iter().enumerate().map(|(n, deck)| {
        let csv = csv_of(deck);
        let file = SourceFile { name: &deck.head.id, bytes: csv.as_bytes() };
        let name = DeckName { id: &deck.head.id, version: &versions(n) };
        Arc::new(read_deck(file, name, None).unwrap_or_else(|faults| panic!("{faults}\n{csv}")))
    });
    let parts = CatalogParts {
        version: "v".into(),
        decks: decks.collect(),
        inbound: from.inbound.iter().enumerate().map(|(n, deck)| Arc::new(inbound(deck, &versions(n)))).collect(),
        plans: from.plans.iter().enumerate().map(|(n, one)| Arc::new(plan(one, &versions(n)))).collect(),
        zones: from.zones.iter().enumerate().map(|(n, zone)| Arc::new(zone_of(zone, &versions(n)))).collect(),
        number_plans,
    };
    Arc::new(Catalog::new(parts).unwrap_or_else(|faults| panic!("{faults:?}")))
}

fn effective_from(at: Timestamp) -> Option<Timestamp> {
    (at != Timestamp::MIN).then_some(at)
}

fn country(code: &str) -> Country {
    code.parse().expect("a code")
}

fn countries<'c>(codes: impl IntoIterator<Item = &'c String>) -> Vec<Country> {
    codes.into_iter().map(|code| country(code)).collect()
}

fn money(money: Amount) -> Money {
    amount(money).parse().expect("an amount")
}

fn rate(money: Amount) -> Rate {
    amount(money).parse().expect("a rate")
}

fn rounding(head: &plain::DeckHead) -> LineRounding {
    use crate::model::money::Rounding as Plain;
    let mode = match head.rounding {
        Plain::HalfUp => Rounding::HalfUp,
        Plain::HalfEven => Rounding::HalfEven,
        Plain::Down => Rounding::Down,
        Plain::Up => Rounding::Up,
    };
    LineRounding { decimals: head.decimals, mode }
}

fn band_text(band: &plain::Band) -> String {
    let names = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let days: Vec<&str> = names.into_iter().zip(band.weekdays).filter(|(_, is)| *is).map(|(name, _)| name).collect();
    let hours = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
    format!("{} {}-{} {}", days.join(","), hours(band.from_minute), hours(band.to_minute), band.zone)
}

fn csv_of(deck: &plain::Deck) -> String {
    let plain::DeckHead { currency, decimals, .. } = &deck.head;
    let mode = match rounding(&deck.head).mode {
        Rounding::HalfUp => "half_up",
        Rounding::HalfEven => "half_even",
        Rounding::Down => "down",
        Rounding::Up => "up",
    };
    let mut csv = format!("# currency: {currency}\n# decimals: {decimals}\n# rounding: {mode}\n");
    if let Some(from) = effective_from(deck.head.effective_from) {
        writeln!(csv, "# effective_from: {from}").expect("a string takes all");
    }
    csv += "prefix,destination,kind,rate_per_minute,connect_fee,initial_increment,increment,minimum_charge,effective_from,\
            effective_to,time_band\n";
    for row in &deck.rows {
        let plain::Price { rate, connect_fee, initial, increment, minimum } = &row.price;
        let rate = rate.map_or("denied".to_owned(), amount);
        let time = |at: Option<Timestamp>| at.map_or(String::new(), |at| at.to_string());
        let band = row.band.as_ref().map_or(String::new(), band_text);
        let fee = |money: &Amount| if *money == 0 { String::new() } else { amount(*money) };
        let (prefix, destination, kind) = (&row.prefix, &row.destination, &row.kind);
        let (fee, minimum, from, to) = (fee(connect_fee), fee(minimum), time(row.from), time(row.to));
        writeln!(
            csv,
            "{prefix},\"{destination}\",{kind},{rate},{fee},{initial},{increment},{minimum},{from},{to},\"{band}\""
        )
        .expect("a string takes all");
    }
    csv
}

fn price(from: &plain::Price, band: Option<&plain::Band>) -> Price {
    let own = from.rate.map(rate).expect("a price");
    let bands = band.map(|band| Arc::new(TimeBands::new(vec![(band_text(band).parse().expect("a band"), own)])));
    Price {
        rate: band.is_none().then_some(own),
        bands,
        connect_fee: money(from.connect_fee),
        initial_increment: u32::try_from(from.initial).expect("seconds"),
        increment: NonZeroU32::new(u32::try_from(from.increment).expect("seconds")).expect("not 0"),
        minimum_charge: money(from.minimum),
    }
}

fn inbound(deck: &plain::InboundDeck, version: &str) -> tollkeeper::core::inbound::InboundDeck {
    let header = DeckHeader {
        id: deck.head.id.as_str().into(),
        version: version.into(),
        currency: deck.head.currency.parse().expect("a currency"),
        effective_from: effective_from(deck.head.effective_from),
        rounding: rounding(&deck.head),
    };
    let mut builder = InboundDeckBuilder::new(header, deck.price_list.as_str());
    for (line, row) in (1..).zip(&deck.rows) {
        let pair = InboundPair {
            number_type: number_type(&row.number_type),
            dialled: country(&row.country),
            caller: row.caller.as_deref().map(country),
        };
        let price = price(&row.price, row.band.as_ref());
        builder.push(line, InboundRow { pair, price, effective_from: row.from, effective_to: row.to });
    }
    builder.build().unwrap_or_else(|conflicts| panic!("{conflicts:?}"))
}

fn number_type(code: &str) -> NumberType {
    NumberType::ALL.into_iter().find(|one| one.code() == code).expect("a code")
}

fn number_plan(from: &plain::NumberPlan, version: &str) -> NumberPlan {
    let boxed = |texts: &[String]| texts.iter().map(|text| Box::from(text.as_str())).collect::<Vec<Box<str>>>();
    let prefixes = from
        .countries
        .iter()
        .flat_map(|one| one.prefixes.iter().map(|prefix| (Box::from(prefix.as_str()), country(&one.code))));
    let short_codes = |code: &str| {
        let of_country = from.short_codes.iter().filter(|short| short.country == code);
        let short_code = |short: &plain::ShortCode| ShortCode {
            code: short.code.as_str().into(),
            name: short.destination.as_str().into(),
            price: short.price.as_ref().map(|(own, currency)| ShortCodePrice {
                currency: currency.parse().expect("a currency"),
                price: price(own, None),
            }),
        };
        of_country.map(short_code).collect()
    };
    let dialling = from.countries.iter().map(|one| CountryDialling {
        country: country(&one.code),
        international_prefixes: boxed(&one.abroad),
        emergency: boxed(&one.emergency),
        domestic_union: one.domestic_union.as_deref().map(Box::from),
        pool_union: one.pool_union.as_deref().map(Box::from),
        short_codes: short_codes(&one.code),
    });
    let header = NumberPlanHeader { version: version.into(), effective_from: effective_from(from.effective_from) };
    NumberPlan::new(header, prefixes.collect(), dialling.collect()).expect("a valid plan")
}

fn zone_of(zone: &plain::Zone, version: &str) -> Zone {
    Zone {
        id: zone.id.as_str().into(),
        version: version.into(),
        effective_from: effective_from(zone.effective_from),
        countries: countries(&zone.countries).into_iter().collect(),
    }
}

fn plan(from: &plain::Plan, version: &str) -> Plan {
    let allotments = from.allotments.iter().map(|one| Allotment {
        name: one.name.as_str().into(),
        scope: match one.scope {
            plain::Scope::Shared => Scope::Shared,
            plain::Scope::Tenant => Scope::Tenant,
            plain::Scope::User => Scope::User,
        },
        minutes: u32::try_from(one.minutes).expect("few"),
        minutes_in: one.minutes_in.iter().map(|(at, many)| (country(at), u32::try_from(*many).expect("few"))).collect(),
    });
    Plan::new(PlanParts {
        id: from.id.as_str().into(),
        version: version.into(),
        effective_from: effective_from(from.effective_from),
        description: from.id.as_str().into(),
        cap_rule: match from.cap {
            plain::CapRule::Either => CapRule::Either,
            plain::CapRule::Independent => CapRule::Independent,
        },
        allotments: allotments.collect(),
        rules: from.rules.iter().map(|rule| plan_rule(rule, from)).collect(),
    })
    .unwrap_or_else(|faults| panic!("{}: {faults:?}", from.id))
}

fn plan_rule(rule: &plain::Rule, plan: &plain::Plan) -> PlanRule {
    fn code<T: Copy>(text: Option<&String>, all: &[T], code: impl Fn(T) -> &'static str) -> Option<T> {
        text.map(|text| all.iter().copied().find(|one| code(*one) == text.as_str()).expect("a code"))
    }
    let kinds = |kinds: &[String]| -> Kinds {
        kinds.iter().filter_map(|kind| code(Some(kind), &Kind::ALL, Kind::code)).collect()
    };
    PlanRule {
        service: code(rule.service.as_ref(), &Service::ALL, Service::code),
        direction: code(rule.direction.as_ref(), &Direction::ALL, Direction::code),
        number_type: code(rule.number_type.as_ref(), &NumberType::ALL, NumberType::code),
        reach: rule.reach.map(|reach| match reach {
            plain::Reach::Domestic => Reach::Domestic,
            plain::Reach::International => Reach::International,
        }),
        zone: rule.zone.as_deref().map(Box::from),
        kinds: match (rule.kinds.as_slice(), rule.except_kinds.as_slice()) {
            ([], []) => KindCondition::Any,
            (some, []) => KindCondition::Of(kinds(some)),
            ([], some) => KindCondition::Except(kinds(some)),
            _ => panic!("one of them"),
        },
        usage_countries: (!rule.usage_countries.is_empty())
            .then(|| countries(&rule.usage_countries).into_iter().collect()),
        payment: match &rule.pays {
            plain::Pays::Free => Payment::Free,
            plain::Pays::Credits => Payment::Credits,
            plain::Pays::Denied => Payment::Denied,
            plain::Pays::Pool(name) => {
                let place = plan.allotments.iter().position(|one| one.name == *name).expect("it is the plan's");
                Payment::Pool(AllotmentIndex::new(place).expect("few"))
            }
        },
    }
}
