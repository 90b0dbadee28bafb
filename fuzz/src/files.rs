//! The files of a catalog: price lists, plans, zones, the number plan.

use std::sync::LazyLock;

use tollkeeper::core::deck::Deck;
use tollkeeper::core::number_plan::NumberPlan;
use tollkeeper::wire::deck_csv::{
    DeckName, Mapping, read_deck, read_deck_as, read_inbound_deck, read_mapping, write_deck,
};
use tollkeeper::wire::fault::{Faults, SourceFile};
use tollkeeper::wire::number_plan_csv::{NumberPlanFiles, read_number_plan};
use tollkeeper::wire::plan_toml::{PlanName, read_plan};
use tollkeeper::wire::zone_csv::{ZoneName, read_zone};

const NAME: DeckName<'_> = DeckName { id: "a", version: "1" };
const COUNTRIES: &str = "country,name,international_prefixes,emergency\nGB,Britain,00 011,999\nNA,Namibia,00,\n";
const PREFIXES: &str = "prefix,country,note\n44,GB,\n264,NA,\n";
const UNIONS: &str = "union,country\na,GB\na,NA\n";
const SHORT_CODES: &str = "country,code,name,rate_per_minute,currency\nGB,101,Police,free,\n";
/// A list of a carrier, for mappings.
const DECK: &str = "Ziel;Vorwahl;Preis;ab\nUnited Kingdom;44 20,21;0,0150;24.12.2026\nNamibia;264;0,25;01.01.2027\n";

static NUMBERS: LazyLock<NumberPlan> =
    LazyLock::new(|| read_numbers(["", "", "", "", ""]).unwrap_or_else(|faults| panic!("{faults}")));

fn file<'a>(name: &'a str, text: &'a str) -> SourceFile<'a> {
    SourceFile { name, bytes: text.as_bytes() }
}

/// The files of a number plan; one that is empty is the small one of here.
fn read_numbers(texts: [&str; 5]) -> Result<NumberPlan, Faults> {
    let own = [COUNTRIES, PREFIXES, UNIONS, UNIONS, SHORT_CODES];
    let [countries, prefixes, domestic, pools, codes] =
        std::array::from_fn(|place| if texts[place].is_empty() { own[place] } else { texts[place] });
    let files = NumberPlanFiles {
        countries: file("countries.csv", countries),
        prefixes: file("prefixes.csv", prefixes),
        domestic_unions: file("domestic-unions.csv", domestic),
        pool_unions: Some(file("pool-unions.csv", pools)),
        short_codes: Some(file("short-codes.csv", codes)),
    };
    read_number_plan(files, "1")
}

/// What is refused says why, and where: a line and a column from 1 on, in a text without control characters.
fn check<T>(read: Result<T, Faults>) -> Option<T> {
    let faults = match read {
        Ok(read) => return Some(read),
        Err(faults) => faults,
    };
    assert!(!faults.is_empty() && faults.count() >= faults.listed().len(), "refused without a fault");
    for fault in faults.listed() {
        assert!(fault.line > 0 && fault.column > 0 && !fault.message.is_empty(), "{fault}");
        assert!(!fault.to_string().contains(|letter: char| letter.is_control() && letter != '\n'), "{fault:?}");
    }
    None
}

/// A price list that was read is written as one that reads as the same.
fn check_deck(deck: &Deck) {
    let text = write_deck(deck);
    let again = read_deck(file("again.csv", &text), NAME, None);
    let again = again.unwrap_or_else(|faults| panic!("{faults}\n{text}"));
    assert_eq!(again.header(), deck.header());
    assert!(again.rows().eq(deck.rows()), "another price list:\n{text}");
}

pub fn deck(bytes: &[u8]) {
    let source = SourceFile { name: "d.csv", bytes };
    check(read_deck(source, NAME, Some(&NUMBERS)));
    if let Some(deck) = check(read_deck(source, NAME, None)) {
        check_deck(&deck);
    }
}

/// The bytes as a mapping; behind a line `===` the list that is read by it.
pub fn deck_mapping(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (mapping, list) = text.split_once("\n===\n").unwrap_or((&text, DECK));
    let Some(mapping) = check::<Mapping>(read_mapping(file("m.toml", mapping))) else { return };
    if let Some(deck) = check(read_deck_as(file("d.csv", list), NAME, None, &mapping)) {
        check_deck(&deck);
    }
}

pub fn inbound(bytes: &[u8]) {
    let source = SourceFile { name: "i.csv", bytes };
    check(read_inbound_deck(source, NAME, Some(&NUMBERS)));
    check(read_inbound_deck(source, NAME, None));
}

pub fn plan(bytes: &[u8]) {
    let source = SourceFile { name: "p.toml", bytes };
    let name = PlanName { id: "a", version: "1" };
    check(read_plan(source, name, Some(&NUMBERS)));
    check(read_plan(source, name, None));
}

pub fn zone(bytes: &[u8]) {
    let source = SourceFile { name: "z.csv", bytes };
    let name = ZoneName { id: "a", version: "1" };
    check(read_zone(source, name, Some(&NUMBERS)));
    check(read_zone(source, name, None));
}

/// Up to five files, in the order of [`NumberPlanFiles`], with a line `===` between them.
pub fn number_plan(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut texts = [""; 5];
    texts.iter_mut().zip(text.split("===\n")).for_each(|(own, text)| *own = text);
    let Some(numbers) = check(read_numbers(texts)) else { return };
    // What it then says of numbers is asked with numbers of its own.
    let britain = "GB".parse().expect("a country");
    for number in text.split(|letter: char| !letter.is_ascii_digit()) {
        let _ = numbers.is_emergency(number, britain);
        let _ = numbers.short_code(number, britain);
        let _ = numbers.normalise(number, britain);
    }
}
