//! What the files say, and every fault that they can have.

use super::*;
use crate::core::number_plan::ShortCodePrice;

fn read(countries: &str, prefixes: &str, unions: &str) -> Result<NumberPlan, Faults> {
    let files = NumberPlanFiles { pool_unions: None, short_codes: None, ..files(countries, prefixes, unions, "", "") };
    read_number_plan(files, "v1")
}

fn files<'a>(
    countries: &'a str,
    prefixes: &'a str,
    unions: &'a str,
    pool_unions: &'a str,
    short_codes: &'a str,
) -> NumberPlanFiles<'a> {
    let file = |name, text: &'a str| SourceFile { name, bytes: text.as_bytes() };
    NumberPlanFiles {
        countries: file("c.csv", countries),
        prefixes: file("p.csv", prefixes),
        domestic_unions: file("u.csv", unions),
        pool_unions: Some(file("pu.csv", pool_unions)),
        short_codes: Some(file("s.csv", short_codes)),
    }
}

const COUNTRIES: &str =
    "country,name,international_prefixes,emergency\nGB,United Kingdom,00,999 18000\nNA,Namibia,00,\n";

/// Great Britain and Namibia.
pub(crate) fn small_plan() -> NumberPlan {
    read(COUNTRIES, "prefix,country,note\n44,GB,\n264,NA,\n", "union,country\n").expect("valid")
}

#[test]
fn na_is_namibia() {
    let plan = small_plan();
    let number = "26481123456".parse().expect("a number");
    assert_eq!(plan.country_of(&number), "NA".parse().ok());
    assert!(plan.is_emergency("18000", "GB".parse().expect("a country")));
}

#[test]
fn every_fault_of_countries_prefixes_and_unions_is_listed() {
    let refused = read(
        &format!("{COUNTRIES}GB,Britain,00,\nuk,x,00,\nFR,France,+33,1 2x\nDE,Germany,,110\n"),
        "prefix,country\n44,GB\n44,NA\n1,US\n0,GB\n264,\n",
        "union,country\na,GB\nb,GB\na,XX\n",
    );
    assert_eq!(
        refused.map(|_| ()).expect_err("refused").to_string(),
        "c.csv:4: column 1 (country): also in line 2: \"GB\"\n\
         c.csv:5: column 1 (country): not a country of two capital letters: \"uk\"\n\
         c.csv:6: column 3 (international_prefixes): not digits, at most 8, several with spaces between: \"+33\"\n\
         c.csv:6: column 4 (emergency): not digits, at most 6, several with spaces between: \"1 2x\"\n\
         c.csv:7: column 3 (international_prefixes): missing\n\
         p.csv:3: column 1 (prefix): also in line 2: \"44\"\n\
         p.csv:4: column 2 (country): no country of the list of countries: \"US\"\n\
         p.csv:5: column 1 (prefix): not 1 to 15 digits without a leading 0: \"0\"\n\
         p.csv:6: column 2 (country): missing\n\
         u.csv:3: column 2 (country): the country is in union a already: \"GB\"\n\
         u.csv:4: column 2 (country): no country of the list of countries: \"XX\""
    );
}

const PREFIXES: &str = "prefix,country\n44,GB\n264,NA\n";
const NO_UNION: &str = "union,country\n";

#[test]
fn unions_and_short_codes_are_read() {
    let codes = "# Prices are examples.\ncountry,code,name,rate_per_minute,currency,connect_fee,initial_increment,increment,minimum_charge\n\
        GB,123,Speaking clock,0.30,GBP,0.10,0,6,0.20\nGB,101,Police,free,,,,,\nNA,1188,Directory,0.05,USD,,,,\n";
    let countries = format!("# effective_from: 2027-01-01\n{COUNTRIES}");
    let plan =
        read_number_plan(files(&countries, PREFIXES, NO_UNION, "union,country\nboth,GB\nboth,NA\n", codes), "v1")
            .unwrap_or_else(|faults| panic!("{faults}"));
    assert_eq!(plan.label().as_ref(), "number-plan@v1");
    assert_eq!(plan.header().effective_from, "2027-01-01T00:00:00Z".parse().ok());
    let [gb, na] = ["GB", "NA"].map(|code| code.parse().expect("a country"));
    assert_eq!((plan.pool_union(gb), plan.pool_union(na)), (Some("both"), Some("both")));
    let clock = plan.short_code("1-2-3", gb).expect("it is listed");
    let ShortCodePrice { currency, price } = clock.price.as_ref().expect("it costs");
    assert_eq!(
        (clock.name.as_ref(), currency.as_str(), price.rate.map(|rate| rate.to_string())),
        ("Speaking clock", "GBP", Some("0.30".into()))
    );
    assert_eq!((price.initial_increment, price.increment.get()), (0, 6));
    assert_eq!((price.connect_fee.to_string(), price.minimum_charge.to_string()), ("0.10".into(), "0.20".into()));
    assert_eq!(plan.short_code("101", gb).expect("it is listed").price, None);
    let plain = plan.short_code("1188", na).and_then(|short| short.price.as_ref()).expect("it costs");
    assert_eq!((plain.price.initial_increment, plain.price.increment.get()), (60, 60));
    assert!(plan.short_code("101", na).is_none());
}

#[test]
fn every_fault_of_pool_unions_is_listed() {
    let unions = "# effective_from: 2027-01-01\nunion,country\nGB,GB\nuser,NA\na,NA\nb,XX\n";
    let read =
        read_number_plan(files(COUNTRIES, PREFIXES, NO_UNION, unions, "country,code,name,rate_per_minute\n"), "v1");
    let form = "not 1 to 32 of a-z 0-9 -, nor \"user\", as pools have it in their names";
    assert_eq!(
        read.map(|_| ()).expect_err("refused").to_string(),
        format!(
            "pu.csv:1: column 1: effective_from of all files stands in c.csv\n\
             pu.csv:3: column 1 (union): {form}: \"GB\"\n\
             pu.csv:4: column 1 (union): {form}: \"user\"\n\
             pu.csv:5: column 2 (country): the country is in union user already: \"NA\"\n\
             pu.csv:6: column 2 (country): no country of the list of countries: \"XX\""
        )
    );
}

#[test]
fn every_fault_of_short_codes_is_listed() {
    const HEAD: &str =
        "country,code,name,rate_per_minute,currency,connect_fee,initial_increment,increment,minimum_charge";
    let cases = [
        ("GB,101,a,free,,,,,\nGB,101,b,free,,,,,", "s.csv:3: column 2 (code): also in line 2: \"101\""),
        ("US,101,a,free,,,,,", "s.csv:2: column 1 (country): no country of the list of countries: \"US\""),
        ("GB,999,a,free,,,,,", "s.csv:2: column 2 (code): an emergency number, which is free anyway: \"999\""),
        ("GB,112,a,1,GBP,,,,", "s.csv:2: column 2 (code): an emergency number, which is free anyway: \"112\""),
        ("GB,1181181,a,free,,,,,", "s.csv:2: column 2 (code): not 1 to 6 digits: \"1181181\""),
        ("GB,*21#,a,free,,,,,", "s.csv:2: column 2 (code): not 1 to 6 digits: \"*21#\""),
        ("GB,,a,free,,,,,", "s.csv:2: column 2 (code): missing"),
        ("GB,101,,free,,,,,", "s.csv:2: column 3 (name): missing"),
        ("GB,101,a,,,,,,", "s.csv:2: column 4 (rate_per_minute): missing"),
        ("GB,101,a,gratis,GBP,,,,", "s.csv:2: column 4 (rate_per_minute): not a decimal number: \"gratis\""),
        ("GB,101,a,-1,GBP,,,,", "s.csv:2: column 4 (rate_per_minute): negative: \"-1\""),
        (
            "GB,101,a,denied,GBP,,,,",
            "s.csv:2: column 4 (rate_per_minute): a code that must not be called is left out: \"denied\"",
        ),
        ("GB,101,a,1,,,,,", "s.csv:2: column 5 (currency): missing: a price has one"),
        ("GB,101,a,1,gbp,,,,", "s.csv:2: column 5 (currency): not a currency of three capital letters: \"gbp\""),
        ("GB,101,a,1,GBP,-1,,,", "s.csv:2: column 6 (connect_fee): negative: \"-1\""),
        ("GB,101,a,1,GBP,,-1,,", "s.csv:2: column 7 (initial_increment): not whole seconds from 0 to 86400: \"-1\""),
        ("GB,101,a,1,GBP,,,0,", "s.csv:2: column 8 (increment): not whole seconds from 1 to 86400: \"0\""),
        ("GB,101,a,1,GBP,,,,x", "s.csv:2: column 9 (minimum_charge): not a decimal number: \"x\""),
        (
            "GB,101,a,free,GBP,,,,1",
            "s.csv:2: column 5 (currency): a code that is free has none: \"GBP\"\n\
          s.csv:2: column 9 (minimum_charge): a code that is free has none: \"1\"",
        ),
    ];
    for (lines, expected) in cases {
        let codes = format!("{HEAD}\n{lines}\n");
        let read = read_number_plan(files(COUNTRIES, PREFIXES, NO_UNION, NO_UNION, &codes), "v1");
        assert_eq!(read.map(|_| ()).expect_err(lines).to_string(), expected, "{lines}");
    }
}
