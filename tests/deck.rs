//! `tollkeeper deck` as its users run it, the price lists of `rates/` that it is for, and what the READMEs say of both.

use std::path::PathBuf;
use std::process::{Command, Output};

use jiff::Timestamp;
use serde_json::Value;
use tollkeeper::core::cdr::NumberType;
use tollkeeper::stream::catalog::load_directory;
use tollkeeper::wire::deck_csv::{self, DeckName, read_inbound_deck};
use tollkeeper::wire::fault::SourceFile;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn deck(line: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollkeeper"));
    command.current_dir(root()).arg("deck").args(line.split(' ')).output().expect("the program starts")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

fn json(line: &str) -> Value {
    let output = deck(line);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|fault| panic!("{fault}: {}", text(&output.stderr)))
}

/// Replaces what stands between the markers, with UPDATE_GOLDEN; else it must be that.
fn stands_in(file: &str, name: &str, expected: &str) {
    let path = root().join(file);
    let document = std::fs::read_to_string(&path).expect("it is there");
    let (begin, end) = (format!("<!-- {name}:begin -->\n"), format!("<!-- {name}:end -->"));
    let (before, rest) = document.split_once(&begin).unwrap_or_else(|| panic!("{file} has no {name}"));
    let (found, after) = rest.split_once(&end).unwrap_or_else(|| panic!("{name} has no end in {file}"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, format!("{before}{begin}{expected}{end}{after}")).expect("written");
    } else {
        assert_eq!(found, expected, "UPDATE_GOLDEN=1 rewrites {name} in {file}");
    }
}

/// What a command of the README prints, in its block; the command itself must be there too.
fn is_example(name: &str, line: &str, exit_code: i32) {
    let readme = std::fs::read_to_string(root().join("README.md")).expect("it is there");
    assert!(readme.contains(&format!("```sh\ntollkeeper deck {line}\n```")), "README.md does not say {line}");
    let output = deck(line);
    assert_eq!(output.status.code(), Some(exit_code), "{}", text(&output.stderr));
    stands_in("README.md", name, &format!("```text\n{}```\n", text(&output.stdout)));
}

#[test]
fn the_examples_of_the_readme_are_what_the_commands_print() {
    is_example("deck-check", "check tests/data/carrier-faulty.csv", 4);
    let at = "--at 2027-01-04T19:30:00Z";
    is_example("deck-lookup", &format!("lookup --deck tests/data/prices-2027.csv {at} +33612345678"), 0);
    let lists = "tests/data/prices-2026.csv tests/data/prices-2027.csv";
    is_example("deck-diff", &format!("diff {lists} --at 2027-01-01T00:00:00Z --traffic tests/data/calls.jsonl"), 0);
}

#[test]
fn r10_the_names_of_columns_are_documented() {
    stands_in("rates/README.md", "columns", &deck_csv::markdown_table());
}

#[test]
fn a_list_with_faults_is_a_check_that_found_differences() {
    let clean = deck("check tests/data/carrier.csv");
    assert_eq!((clean.status.code(), text(&clean.stderr)), (Some(0), ""));
    let found = json("check tests/data/carrier-faulty.csv --json");
    assert_eq!((&found["faults"], &found["listed"][1]["line"]), (&5.into(), &3.into()));
    let absent = deck("check tests/data/absent.csv");
    assert_eq!(absent.status.code(), Some(1));
    assert!(text(&absent.stderr).contains("cannot read tests/data/absent.csv"), "{}", text(&absent.stderr));
    // A list that is needed, and has faults, is a failure.
    let lookup = deck("lookup --deck tests/data/carrier-faulty.csv +4930123456");
    assert_eq!(lookup.status.code(), Some(1));
    assert!(text(&lookup.stderr).contains("faults in all: 5\n"), "{}", text(&lookup.stderr));
}

#[test]
fn r10_a_list_of_a_carrier_is_written_for_the_catalog() {
    let directory = tempfile::tempdir().expect("a directory for the test");
    let (mapping, written) = (directory.path().join("m.toml"), directory.path().join("w.csv"));
    std::fs::write(&mapping, "ignore = [\"Valid to\", \"Effective date\"]\ndecimal_comma = true\n").expect("written");
    let (mapping, written) = (mapping.display(), written.display());
    let faulty = deck(&format!("check tests/data/carrier-faulty.csv --mapping {mapping} --write {written}"));
    assert_eq!(faulty.status.code(), Some(4), "{}", text(&faulty.stdout));
    assert!(!directory.path().join("w.csv").exists(), "a list with faults is not written");
    let clean = deck(&format!("check tests/data/carrier.csv --write {written}"));
    assert_eq!(clean.status.code(), Some(0), "{}", text(&clean.stderr));
    let diff = json(&format!("diff tests/data/carrier.csv {written} --json"));
    assert_eq!((&diff["unchanged"], &diff["rows"]), (&6.into(), &Value::Array(Vec::new())));
}

#[test]
fn r11_lookup_tells_the_row_and_why() {
    let cases = [
        ("+18005550100", "rate", Some("1800"), Some("0.013")),
        ("+33140000000", "rate", Some("331"), Some("0.016")),
        ("+447911123456", "rate", Some("447911"), Some("0.32")),
        ("+525512345678", "rate", Some("5255"), Some("0.013")),
        ("+5215512345678", "rate", Some("521"), Some("0.045")),
        ("01186138123456", "rate", Some("86"), None),
        ("+8613812345678", "rate", Some("8613"), Some("0.054")),
        ("+18765550000", "rate", Some("1876555"), Some("0.305")),
        ("911", "emergency", None, None),
        ("+449012345678", "denied_destination", Some("449"), None),
        ("+6829999000", "no_rate", None, None),
        ("12", "invalid_number", None, None),
    ];
    for (number, answer, prefix, rate) in cases {
        let found = json(&format!("lookup --json --at 2026-11-20T12:00:00Z {number}"));
        assert_eq!(found["answer"], answer, "{number}");
        if number.starts_with('+') {
            assert_eq!((found["prefix"].as_str(), found["rate"].as_str()), (prefix, rate), "{number}");
        }
    }
    assert_eq!(json("lookup --json --country GB 999")["answer"], "emergency");
    assert_eq!(deck("lookup --country ZZ 999").status.code(), Some(2), "the number plan knows no ZZ");
    let other = deck("lookup --price-list other +18005550100");
    assert_eq!(other.status.code(), Some(1));
    assert!(text(&other.stderr).contains("the catalog has no price list other, it has "), "{}", text(&other.stderr));
}

#[test]
fn r13_lookup_tells_the_band() {
    let lookup = |at: &str| json(&format!("lookup --json --deck tests/data/prices-2027.csv --at {at} +33612345678"));
    let evening = lookup("2027-01-04T17:00:00Z");
    assert_eq!((&evening["rate"], &evening["band"]), (&"0.09".into(), &"mon-fri 18:00-08:00 Europe/Paris".into()));
    let noon = lookup("2027-01-04T16:59:59Z");
    assert_eq!((&noon["rate"], &noon["band"]), (&"0.14".into(), &Value::Null));
}

#[test]
fn a_sample_with_something_else_in_it_is_no_sample() {
    let lists = "tests/data/prices-2026.csv tests/data/prices-2027.csv";
    let output = deck(&format!("diff {lists} --traffic tests/data/carrier.csv"));
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("record 1 is no CDR"), "{}", text(&output.stderr));
    let effect = &json(&format!("diff {lists} --json --traffic tests/data/calls.jsonl --catalog rates"))["effect"];
    assert_eq!(effect["total"]["calls"], 5);
    assert_eq!(effect["destinations"]["Zimbabwe"], serde_json::json!({"calls": 1, "before": "0.892", "after": "1.01"}));
}

#[test]
fn r14_inbound_prices_are_the_published_ones() {
    let catalog = load_directory(&root().join("rates")).unwrap_or_else(|failure| panic!("{failure}"));
    let bytes = std::fs::read(root().join("rates/inbound/inbound-usd.csv")).expect("it is there");
    let file = SourceFile { name: "inbound/inbound-usd.csv", bytes: &bytes };
    let name = DeckName { id: "inbound-usd", version: "1" };
    let inbound = read_inbound_deck(file, name, Some(catalog.number_plan(jiff::Timestamp::UNIX_EPOCH)))
        .unwrap_or_else(|faults| panic!("{faults}"));
    assert_eq!((inbound.price_list(), inbound.currency().as_str()), ("outbound-usd", "USD"));
    let cases = [
        (NumberType::TollFree, "US", Some("0.022")),
        (NumberType::TollFree, "GB", Some("0.029")),
        (NumberType::TollFree, "SA", Some("0.5408")),
        (NumberType::TollFree, "FR", None),
        (NumberType::Service, "US", Some("0.0085")),
        (NumberType::Service, "FR", Some("0.01")),
        (NumberType::Service, "NZ", None),
    ];
    for (number_type, dialled, expected) in cases {
        let (dialled, caller) = (dialled.parse().expect(dialled), "US".parse().ok());
        let row = inbound.lookup(number_type, dialled, caller, Timestamp::UNIX_EPOCH);
        let rate = row.and_then(|row| row.price.rate).map(|rate| rate.to_string());
        assert_eq!(rate.as_deref(), expected, "{number_type:?} {dialled}");
    }
    // A worked figure: 1,770 s of toll-free dial-in at 0.022 is 30 x 0.022.
    let row = inbound.default_of(NumberType::TollFree, "US".parse().expect("a country"), Timestamp::UNIX_EPOCH);
    let duration = "1770".parse().expect("a duration");
    let priced = row.expect("published").price.charge(Timestamp::UNIX_EPOCH, duration, 0, inbound.rounding());
    assert_eq!(priced.map(|priced| priced.amount), Ok("0.66".parse().expect("an amount")));
    assert_eq!(inbound.rows().count(), 48, "29 toll-free and 19 geographic prices are published");
}
