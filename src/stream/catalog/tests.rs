//! Directories of files, the versions in them, and what is refused.

use super::*;

const DECK: &str = "# currency: USD\nprefix,country,rate_per_minute\n44,GB,0.015\n";

/// A valid catalog, with some files written over or added.
fn directory(changes: &[(&str, &str)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory for the test");
    let valid = [
        ("decks/retail.csv", DECK),
        ("plans/payg.toml", "description = \"Pay-As-You-Go\"\n"),
        ("number-plan/countries.csv", "country,name,international_prefixes,emergency\nGB,United Kingdom,00,999\n"),
        ("number-plan/prefixes.csv", "prefix,country\n44,GB\n"),
        ("number-plan/domestic-unions.csv", "union,country\n"),
    ];
    for (name, content) in valid.iter().chain(changes) {
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().expect("in a directory")).expect("created");
        fs::write(path, content).expect("written");
    }
    directory
}

fn version(changes: &[(&str, &str)]) -> String {
    load_directory(directory(changes).path()).expect("valid").version().to_string()
}

#[test]
fn the_version_is_that_of_the_content() {
    let original = version(&[]);
    // Golden: nodes of other releases and platforms must find the same.
    assert_eq!(original, "cd3a021845a7");
    assert_eq!(version(&[("README.md", "not part of it"), ("decks/.hidden", "nor this")]), original);
    assert_ne!(version(&[("decks/retail.csv", &DECK.replace("0.015", "0.016"))]), original);
    assert_ne!(version(&[("decks/other.csv", DECK)]), original);
}

fn refused(changes: &[(&str, &str)]) -> String {
    let failure = load_directory(directory(changes).path()).map(|_| ()).expect_err("refused").to_string();
    let (_, faults) = failure.split_once('\n').expect("a line for each");
    faults.to_owned()
}

#[test]
fn faults_of_all_files_are_listed_and_nothing_is_taken() {
    let directory = directory(&[
        ("decks/retail.csv", "# currency: USD\nprefix,country,rate_per_minute\n44,UK,x\n"),
        ("decks/second.csv", "prefix,rate_per_minute\n44,1\n"),
        ("decks/old.CSV", ""),
        ("plans/domestic.toml", "description = \"x\"\npay = 1\n"),
        ("zones/a.csv", "country\nFR\n"),
        ("number-plan/domestic-unions.csv", "union,country\nx,GB\nx,GB\n"),
        ("number-plan@2027-01-01/countries.csv", "country,name,international_prefixes\nGB,Britain,00\n"),
        ("number-plan@2027-01-01/short-code.csv", ""),
        ("number-plan@soon/countries.csv", ""),
    ]);
    let failure = load_directory(directory.path()).map(|_| ()).expect_err("refused").to_string();
    let (first, faults) = failure.split_once('\n').expect("a line for each");
    assert!(first.starts_with("the catalog ") && first.ends_with(" is refused, faults in all: 9"), "{first}");
    let name = "NAME being 1 to 64 of A-Z a-z 0-9 . _ -";
    assert_eq!(
        faults,
        format!(
            "decks/old.CSV:1: column 1: a file here is called NAME.csv or NAME@2023-01-25.csv, {name}\n\
             number-plan@soon:1: column 1: the directory is called number-plan or number-plan@2027-01-01\n\
             number-plan/domestic-unions.csv:3: column 2 (country): the country is in union x already: \"GB\"\n\
             number-plan@2027-01-01/short-code.csv:1: column 1: no file of a number plan, which has countries.csv, \
             prefixes.csv, domestic-unions.csv, pool-unions.csv, short-codes.csv\n\
             number-plan@2027-01-01/prefixes.csv:1: column 1: the file is missing\n\
             number-plan@2027-01-01/domestic-unions.csv:1: column 1: the file is missing\n\
             decks/retail.csv:3: column 3 (rate_per_minute): not a decimal number: \"x\"\n\
             decks/second.csv:1: column 1: the currency is missing: begin the file with a line such as `# currency: USD`\n\
             plans/domestic.toml:2: column 1: unknown field `pay`, expected one of `description`, `effective_from`, \
             `cap_rule`, `allotment`, `rule`"
        )
    );
}

#[test]
fn r12_versions_of_one_thing_lie_side_by_side() {
    let later = "# effective_from: 2023-01-25\n";
    let catalog = load_directory(
        directory(&[
            ("decks/retail@2023-01-25.csv", &format!("{later}{DECK}")),
            ("plans/payg@2023-01-25.toml", "description = \"New\"\neffective_from = 2023-01-25\n"),
            ("zones/a.csv", "country\nGB\n"),
            ("zones/a@2023-01-25.csv", &format!("{later}country\nFR\n")),
            (
                "number-plan@2023-01-25/countries.csv",
                &format!("{later}country,name,international_prefixes\nGB,Britain,00\nFR,France,00\n"),
            ),
            ("number-plan@2023-01-25/prefixes.csv", "prefix,country\n44,GB\n33,FR\n"),
            ("number-plan@2023-01-25/domestic-unions.csv", "union,country\nchannel,GB\nchannel,FR\n"),
            ("number-plan@2023-01-25/pool-unions.csv", "union,country\nchannel,GB\nchannel,FR\n"),
            ("number-plan@2023-01-25/short-codes.csv", "country,code,name,rate_per_minute\nGB,101,Police,free\n"),
        ])
        .path(),
    )
    .unwrap_or_else(|failure| panic!("{failure}"));
    let [gb, fr] = ["GB", "FR"].map(|code| code.parse().expect("a country"));
    for (at, is_later) in [("2023-01-24T23:59:59Z", false), ("2023-01-25T00:00:00Z", true)] {
        let at = at.parse().expect("an instant");
        let plan = catalog.plan("payg", at).expect("in force since ever");
        assert_eq!(&*plan.parts().description, if is_later { "New" } else { "Pay-As-You-Go" });
        let zone = ["GB", "FR"].map(|code| catalog.zone_contains("a", code.parse().expect("a country"), at));
        assert_eq!(zone, [!is_later, is_later]);
        let deck = catalog.deck("retail", at).expect("in force since ever");
        assert_eq!(deck.header().effective_from.is_some(), is_later);
        let numbers = catalog.number_plan(at);
        assert_eq!((numbers.are_domestic(gb, fr), numbers.pool_union(gb).is_some()), (is_later, is_later));
        assert_eq!(numbers.short_code("101", gb).is_some(), is_later);
    }
}

#[test]
fn versions_that_cannot_be_told_apart_are_refused() {
    let plan = |more: &str| format!("description = \"x\"\n{more}");
    assert_eq!(
        refused(&[
            ("plans/payg@2023-01-25.toml", &plan("")),
            ("plans/payg@2023-01-26.toml", &plan("effective_from = 2023-01-26T12:00:00Z\n")),
            ("plans/a@2023-01-25.toml", &plan("effective_from = 2023-01-26\n")),
        ]),
        "plans/a@2023-01-25.toml:1: column 1: the name says that it is in force from 2023-01-25, its effective_from \
         says 2023-01-26\n\
         plans/payg@2023-01-25.toml:1: column 1: the name says that it is in force from 2023-01-25, its effective_from \
         says nothing\n\
         plans/payg@2023-01-25.toml:1: column 1: in force from ever, and so is plans/payg.toml: give one effective_from"
    );
}

#[test]
fn files_that_do_not_fit_together_are_refused() {
    let plan = "description = \"x\"\n[[rule]]\nzone = \"a\"\npay = \"free\"\n";
    let faults = refused(&[
        ("plans/meet.toml", plan),
        (
            "decks/retail@2023-01-25.csv",
            &DECK.replace("# currency: USD", "# currency: EUR\n# effective_from: 2023-01-25"),
        ),
    ]);
    let (first, second) = faults.split_once('\n').expect("two");
    assert_eq!(first, "price list retail is in EUR and in USD");
    assert!(
        second.starts_with("plan meet@") && second.ends_with(" names zone a, which is not in the catalog"),
        "{second}"
    );
}

#[test]
fn a_missing_directory_is_named() {
    let directory = tempfile::tempdir().expect("a directory for the test");
    let failure = load_directory(directory.path()).map(|_| ()).expect_err("nothing there");
    assert!(failure.to_string().ends_with("decks"), "{failure}");
}

#[test]
fn a_zone_and_a_number_plan_are_there_before_what_needs_them() {
    let later = "# effective_from: 2023-01-25\n";
    let countries = "country,name,international_prefixes\nGB,Britain,00\n";
    let plan = |from: &str| format!("description = \"x\"\n{from}\n[[rule]]\nzone = \"a\"\npay = \"free\"\n");
    assert_eq!(
        refused(&[
            ("zones/a@2023-01-25.csv", &format!("{later}country\nGB\n")),
            ("plans/a.toml", &plan("")),
            ("plans/b@2023-01-24.toml", &plan("effective_from = 2023-01-24")),
            ("plans/c@2023-01-25.toml", &plan("effective_from = 2023-01-25")),
            ("number-plan/countries.csv", &format!("{later}{countries}")),
        ]),
        "plans/a.toml:1: column 1: in force from ever, but its zone a only from 2023-01-25T00:00:00Z\n\
         plans/b@2023-01-24.toml:1: column 1: in force from 2023-01-24T00:00:00Z, but its zone a only from \
         2023-01-25T00:00:00Z\n\
         number-plan/countries.csv:1: column 1: calls before 2023-01-25T00:00:00Z have no number plan: the first one has no \
         effective_from"
    );
}
