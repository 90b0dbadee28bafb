//! The files of a catalog: any bytes, and what is nearly right. They are read or get their faults; nothing panics.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::{any_change, changed};
use crate::core::number_plan::NumberPlan;
use crate::wire::deck_csv::{DeckName, read_deck, read_inbound_deck};
use crate::wire::fault::{Faults, SourceFile};
use crate::wire::number_plan_csv::{NumberPlanFiles, read_number_plan, tests::small_plan};
use crate::wire::plan_toml::{PlanName, read_plan};
use crate::wire::zone_csv::{ZoneName, read_zone};

const PLAN: &str = r#"description = "All of it"
effective_from = 2023-01-25T01:00:00+01:00
cap_rule = "independent"
[[allotment]]
name = "domestic"
scope = "shared"
minutes = 1_200
minutes_in = { GB = 3000, NA = 0 }
[[allotment]]
name = "dial-out"
scope = "tenant"
minutes = 60
[[rule]]
service = "calling"
direction = "outbound"
number_type = "user"
reach = "domestic"
except_kinds = ["premium", "personal"]
usage_countries = ["GB", "NA"]
pay = { pool = "domestic" }
[[rule]]
service = "conferencing"
zone = "conferencing-a"
kinds = ["landline"]
pay = { pool = "dial-out" }
[[rule]]
pay = "denied"
"#;
const ZONE: &str = "# effective_from: 2027-01-01\ncountry,name\nGB,\"United Kingdom\"\nNA,Namibia\n";
const COUNTRIES: &str = "# effective_from: 2027-01-01\ncountry,name,international_prefixes,emergency\nGB,Britain,00 011,999\nNA,Namibia,00,\n";
const PREFIXES: &str = "prefix,country,note\n44,GB,\n264,NA,\n";
const UNIONS: &str = "union,country\na,GB\na,NA\n";
const SHORT_CODES: &str = "country,code,name,rate_per_minute,currency,connect_fee,initial_increment,increment,minimum_charge\nGB,101,Police,free,,,,,\nGB,123,Clock,0.30,GBP,0.1,0,6,0.2\n";
const DECK: &str =
    "# currency: USD\nprefix,country,kind,rate_per_minute,effective_from,time_band\n44,GB,mobile,0.1,2027-01-01,\n";
const INBOUND: &str =
    "# currency: USD\nnumber_type,dialled_country,caller_country,rate_per_minute\ntoll_free,GB,any,0.1\n";

/// Read as every form: the first faults say nothing of what the others find.
fn read_as_all(bytes: &[u8]) -> Vec<Result<(), Faults>> {
    let file = |name| SourceFile { name, bytes };
    let numbers = small_plan();
    let plan = PlanName { id: "a", version: "1" };
    let deck = DeckName { id: "a", version: "1" };
    let mut results = vec![
        read_plan(file("p.toml"), plan, Some(&numbers)).map(|_| ()),
        read_plan(file("p.toml"), plan, None).map(|_| ()),
        read_zone(file("z.csv"), ZoneName { id: "a", version: "1" }, Some(&numbers)).map(|_| ()),
        read_deck(file("d.csv"), deck, Some(&numbers)).map(|_| ()),
        read_inbound_deck(file("i.csv"), deck, Some(&numbers)).map(|_| ()),
    ];
    for place in 0..5 {
        results.push(numbers_with(place, bytes).map(|_| ()));
    }
    results
}

/// A number plan of which one file is this.
fn numbers_with(place: usize, bytes: &[u8]) -> Result<NumberPlan, Faults> {
    let texts = [COUNTRIES, PREFIXES, UNIONS, UNIONS, SHORT_CODES];
    let file = |own: usize, name| {
        let bytes = if own == place { bytes } else { texts[own].as_bytes() };
        SourceFile { name, bytes }
    };
    let files = NumberPlanFiles {
        countries: file(0, "countries.csv"),
        prefixes: file(1, "prefixes.csv"),
        domestic_unions: file(2, "domestic-unions.csv"),
        pool_unions: Some(file(3, "pool-unions.csv")),
        short_codes: Some(file(4, "short-codes.csv")),
    };
    read_number_plan(files, "1")
}

/// What is refused says why, and where: a line and a column from 1 on.
fn check(results: Vec<Result<(), Faults>>) {
    for faults in results.into_iter().filter_map(Result::err) {
        assert!(!faults.is_empty());
        for fault in faults.listed() {
            assert!(fault.line > 0 && fault.column > 0 && !fault.message.is_empty(), "{fault}");
            assert!(!fault.to_string().contains(|letter: char| letter.is_control() && letter != '\n'), "{fault:?}");
        }
    }
}

const FILES: [&str; 9] = [PLAN, ZONE, COUNTRIES, PREFIXES, UNIONS, SHORT_CODES, DECK, INBOUND, "x"];

#[test]
fn files_that_were_not_changed_are_read() {
    for text in &FILES[..8] {
        let results = read_as_all(text.as_bytes());
        assert!(results.iter().any(Result::is_ok), "{text}");
        check(results);
    }
    assert!(read_as_all(b"x").iter().all(Result::is_err));
}

#[test]
fn deep_nesting_long_lists_and_great_numbers_do_no_harm() {
    let rule = "[[rule]]\npay = \"free\"\n";
    let texts = [
        format!("description = {}", "[".repeat(100_000)),
        format!("description = {}", "{a=".repeat(100_000)),
        format!("description{} = 1", ".a".repeat(100_000)),
        format!("description = \"x\"\n{}", rule.repeat(20_000)),
        format!("description = \"x\"\n[[rule]]\nusage_countries = [{}]\npay = \"free\"", "\"GB\",".repeat(50_000)),
        format!("description = \"x\"\n[[allotment]]\nname = \"a\"\nscope = \"user\"\nminutes = {}\n", "9".repeat(400)),
        format!("country,name\n{}", "GB,x\n".repeat(50_000)),
        format!("{}\n", "country,".repeat(50_000)),
        "#".repeat(100_000),
        format!("# {}", "effective_from:".repeat(10_000)),
    ];
    for text in texts {
        check(read_as_all(text.as_bytes()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn no_bytes_panic(bytes in vec(any::<u8>(), 0..200)) {
        check(read_as_all(&bytes));
    }

    #[test]
    fn no_changed_file_panics(text in select(FILES.to_vec()), changes in vec(any_change(), 1..4)) {
        check(read_as_all(&changed(text.as_bytes().to_vec(), &changes)));
    }

    /// Lines in another order, twice, or of another file.
    #[test]
    fn no_shuffled_file_panics(lines in vec(select(FILES.join("\n").lines().map(str::to_owned).collect::<Vec<_>>()), 0..30)) {
        check(read_as_all(lines.join("\n").as_bytes()));
    }
}
