//! Price lists as they are found, and every fault of them.

use super::*;
use crate::core::money::{LineRounding, Rounding};
use crate::wire::number_plan_csv::tests::small_plan;
use proptest::prelude::*;

fn read(text: &str) -> Result<Deck, Faults> {
    let file = SourceFile { name: "d.csv", bytes: text.as_bytes() };
    read_deck(file, DeckName { id: "test", version: "abc" }, Some(&small_plan()))
}

fn faults(text: &str) -> String {
    read(text).map(|_| ()).expect_err("refused").to_string()
}

#[test]
fn r10_only_prefix_and_rate_are_required() {
    let deck = read("# currency: EUR\nprefix,rate_per_minute\n44,0.015\n").expect("valid");
    let row = &deck.rows()[0];
    assert_eq!(deck.label().as_ref(), "test@abc");
    assert_eq!((deck.currency().as_str(), deck.rounding()), ("EUR", LineRounding::default()));
    assert_eq!((row.prefix.as_ref(), row.destination.as_ref(), row.country, row.kind), ("44", "", None, Kind::Mixed));
    assert_eq!(row.price, Price::flat("0.015".parse().expect("a rate")));
    assert_eq!((row.effective_from, row.effective_to, row.denied), (None, None, false));
}

#[test]
fn r10_every_column_is_read() {
    let text = "\u{feff}# currency: USD,,,,\r\n# decimals: 4\r\n# rounding: up\r\n# effective_from: 2026-01-01\r\n# note: a: b\r\n\r\n\
        prefix,destination,country,kind,rate_per_minute,connect_fee,initial_increment,increment,minimum_charge,effective_from,effective_to,time_band\r\n\
        264,\"Namibia, all\",NA,mobile,0.123456789,0.05,0,6,0.10,2026-02-01,2026-03-01T12:00:00+02:00,\r\n\
        # premium\r\n\
        26490,Namibia,NA,premium,denied,,,,,,,\r\n";
    let deck = read(text).expect("valid");
    assert_eq!(deck.rounding(), LineRounding { decimals: 4, mode: Rounding::Up });
    assert_eq!(deck.header().effective_from, "2026-01-01T00:00:00Z".parse().ok());
    let row = &deck.rows()[0];
    assert_eq!((row.destination.as_ref(), row.country), ("Namibia, all", "NA".parse().ok()));
    assert_eq!((row.kind, row.price.rate), (Kind::Mobile, "0.123456789".parse().ok()));
    assert_eq!((Ok(row.price.connect_fee), Ok(row.price.minimum_charge)), ("0.05".parse(), "0.10".parse()));
    assert_eq!((row.price.initial_increment, row.price.increment.get()), (0, 6));
    assert_eq!(row.effective_from, "2026-02-01T00:00:00Z".parse().ok());
    assert_eq!(row.effective_to, "2026-03-01T10:00:00Z".parse().ok());
    assert!(!row.denied && deck.rows()[1].denied);
}

#[test]
fn every_wrong_value_is_a_fault_of_its_own() {
    const HEAD: &str = "# currency: USD\nprefix,destination,country,kind,rate_per_minute,connect_fee,initial_increment,\
        increment,minimum_charge,effective_from,effective_to,time_band\n";
    let cases = [
        ("044,,,,1,,,,,,,", "column 1 (prefix): not 1 to 15 digits without a leading 0: \"044\""),
        (
            "1234567890123456,,,,1,,,,,,,",
            "column 1 (prefix): not 1 to 15 digits without a leading 0: \"1234567890123456\"",
        ),
        ("44,,UK,,1,,,,,,,", "column 3 (country): no country of the number plan: \"UK\""),
        ("44,,gb,,1,,,,,,,", "column 3 (country): not a country of two capital letters: \"gb\""),
        (
            "44,,,satellite,1,,,,,,,",
            "column 4 (kind): none of mobile, landline, mixed, toll_free, non_geographic, personal, premium: \"satellite\"",
        ),
        ("44,,,,,,,,,,,", "column 5 (rate_per_minute): missing"),
        ("44,,,,-0.1,,,,,,,", "column 5 (rate_per_minute): negative: \"-0.1\""),
        ("44,,,,0.0000000001,,,,,,,", "column 5 (rate_per_minute): more than 9 decimals: \"0.0000000001\""),
        ("44,,,,1e-3,,,,,,,", "column 5 (rate_per_minute): not a decimal number: \"1e-3\""),
        ("44,,,,refused,,,,,,,", "column 5 (rate_per_minute): not a decimal number: \"refused\""),
        ("44,,,,Denied,,,,,,,daily 00:00-06:00 UTC", "column 12 (time_band): what is denied has no time band"),
        ("44,,,,1,-1,,,,,,", "column 6 (connect_fee): negative: \"-1\""),
        ("44,,,,1,,-1,,,,,", "column 7 (initial_increment): not whole seconds from 0 to 86400: \"-1\""),
        ("44,,,,1,,,0,,,,", "column 8 (increment): not whole seconds from 1 to 86400: \"0\""),
        ("44,,,,1,,,86401,,,,", "column 8 (increment): not whole seconds from 1 to 86400: \"86401\""),
        ("44,,,,1,,,,1000000000000000,,,", "column 9 (minimum_charge): not below 10^15: \"1000000000000000\""),
        (
            "44,,,,1,,,,,2026-02-30,,",
            "column 10 (effective_from): neither a date as 2026-11-20 nor an instant as 2026-11-20T00:00:00Z: \"2026-02-30\"",
        ),
        (
            "44,,,,1,,,,,2026-02-03T10:00:00,,",
            "column 10 (effective_from): neither a date as 2026-11-20 nor an instant as 2026-11-20T00:00:00Z: \"2026-02-03T10:00:00\"",
        ),
        ("44,,,,1,,,,,2026-02-03,2026-02-03,", "column 11 (effective_to): not after effective_from"),
        (
            "44,,,,1,,,,,,,evening",
            "column 12 (time_band): not days, hours and a zone, as `mon-fri 18:00-08:00 Europe/Berlin`: \"evening\"",
        ),
    ];
    for (line, expected) in cases {
        assert_eq!(faults(&format!("{HEAD}{line}\n")), format!("d.csv:3: {expected}"), "{line}");
    }
}

#[test]
fn all_faults_of_a_file_are_listed_by_line() {
    let text = "# currncy: USD\nprefix,rate_per_minute\n44,0.1\nx,y\n44,0.2\n45\n";
    assert_eq!(
        faults(text),
        "d.csv:1: column 1: no such setting: \"currncy\"; there are currency, decimals, rounding, effective_from, note\n\
         d.csv:1: column 1: the currency is missing: begin the file with a line such as `# currency: USD`\n\
         d.csv:4: column 1 (prefix): not 1 to 15 digits without a leading 0: \"x\"\n\
         d.csv:4: column 2 (rate_per_minute): not a decimal number: \"y\"\n\
         d.csv:5: column 1 (prefix): prefix 44 is also in line 3, with overlapping dates\n\
         d.csv:6: column 2: 1 fields, but the header has 2"
    );
}

#[test]
fn a_fault_is_told_without_the_control_characters_of_its_file() {
    let text = "# currency: USD\n# p\u{1}\u{0}: x\n# p\u{1}\u{0}: x\nprefix,rate_per_minute\n44,0.1\n";
    let found = faults(text);
    assert!(found.ends_with("d.csv:3: column 1: \"p\\u{1}\\0\" is there twice"), "{found}");
}

#[test]
fn a_file_without_prices_is_refused() {
    assert_eq!(faults(""), "d.csv:1: column 1: the file is empty");
    assert_eq!(faults("# currency: USD\nprefix,rate_per_minute\n"), "d.csv:1: column 1: no prices");
    assert_eq!(
        faults("# currency: usd\n# decimals: 10\n# rounding: near\nprefix,rate_per_minute\n44,1\n"),
        "d.csv:1: column 1: currency: not a currency of three capital letters: \"usd\"\n\
         d.csv:2: column 1: decimals: not from 0 to 9: \"10\"\n\
         d.csv:3: column 1: rounding: none of half_up, half_even, down, up: \"near\""
    );
}

/// The rows as `prefix destination rate initial/increment fee`, by prefix.
fn told(deck: &Deck) -> Vec<String> {
    let tell = |row: &Row| {
        let rate = row.price.rate.map_or("denied".to_owned(), |rate| rate.to_string());
        let price = &row.price;
        let (initial, increment) = (price.initial_increment, price.increment);
        format!("{} {} {rate} {initial}/{increment} {}", row.prefix, row.destination, price.connect_fee)
    };
    deck.rows().iter().map(tell).collect()
}

fn read_as(text: &str, mapping: &str) -> Result<Deck, Faults> {
    let mapping = read_mapping(SourceFile { name: "m.toml", bytes: mapping.as_bytes() })?;
    let file = SourceFile { name: "d.csv", bytes: text.as_bytes() };
    read_deck_as(file, DeckName { id: "test", version: "abc" }, Some(&small_plan()), &mapping)
}

#[test]
fn r10_lists_of_carriers_are_read_as_they_are() {
    let cases: [(&str, &str, &[&str]); 9] = [
        (
            "the usual",
            "Country,Description,Dial Code,Rate (USD),Billing Increment,Effective Date,Comments\n\
             Afghanistan,Afghanistan Mobile,\"93 70,79\",$0.2500,60/60,2026-01-01,new\n\
             Albania,Albania,+355,0.10,30/6,20-Nov-2026,\n",
            &[
                "355 Albania 0.10 30/6 0.00",
                "9370 Afghanistan Mobile 0.25 60/60 0.00",
                "9379 Afghanistan Mobile 0.25 60/60 0.00",
            ],
        ),
        (
            "semicolons and decimal commas",
            "\u{feff}Country name;Prefix;Price per minute EUR;Setup fee;1st interval;Next interval\r\n\
             Deutschland;0049;0,0150;0,05;1;1\r\n\"Deutschland; Mobil\";\"49 15-17\";0,12;;60;1\r\n",
            &[
                "49 Deutschland 0.015 1/1 0.05",
                "4915 Deutschland; Mobil 0.12 60/1 0.00",
                "4916 Deutschland; Mobil 0.12 60/1 0.00",
                "4917 Deutschland; Mobil 0.12 60/1 0.00",
            ],
        ),
        ("semicolons and decimal points", "# currency: USD\nCode;Rate\n44;0.015\n", &["44  0.015 60/60 0.00"]),
        (
            "tabs, regular expressions, a currency for each row",
            "Prefix\tName\tCost\tCurrency\n^93.*\tAfghanistan\t0.25\tUSD\n^44.*\tUK\t0.01\tUSD\n",
            &["44 UK 0.01 60/60 0.00", "93 Afghanistan 0.25 60/60 0.00"],
        ),
        (
            "a country where the destination should be",
            "# currency: USD\nCountry,Area code,Rate\nUnited Kingdom,44,0.015\n",
            &["44 United Kingdom 0.015 60/60 0.00"],
        ),
        (
            "a country as its code",
            "# currency: USD\nCountry,Area code,Rate\nGB,44,blocked\n",
            &["44  denied 60/60 0.00"],
        ),
        (
            "one increment for both",
            "# currency: USD\nCode,Rate,Billing Increments\n44,0.015,6\n45,0.015,\n",
            &["44  0.015 6/6 0.00", "45  0.015 60/60 0.00"],
        ),
        (
            "both increments under the name of one",
            "# currency: USD\nprefix,rate,increment\n44,0.015,30/6\n",
            &["44  0.015 30/6 0.00"],
        ),
        (
            "the best of several names, and what says nothing",
            "# currency: USD\nDestination,Description,Code,Rate,Status,\nUK,United Kingdom,44,0.015,active,\n",
            &["44 UK 0.015 60/60 0.00"],
        ),
    ];
    for (what, text, expected) in cases {
        let deck = read(text).unwrap_or_else(|faults| panic!("{what}: {faults}"));
        assert_eq!(told(&deck), expected, "{what}");
    }
}

#[test]
fn r10_every_fault_of_a_carriers_list_has_line_and_column() {
    let text =
        "Code;Rate EUR;Setup fee USD;Peak;Country code\n44;0,01;0,1;;\n45;0.02;;;\n46 1-22;0,02;;;\n47,;0,02;$1;;\n";
    let columns = COLUMN_NAMES;
    assert_eq!(
        faults(text),
        format!(
            "d.csv:1: column 3: the column is in USD, the list in EUR\n\
             d.csv:1: column 4: no such column: \"Peak\"; there are {columns}; a mapping can say what it is, or to ignore it\n\
             d.csv:1: column 5: \"Country code\": carriers call different things so; a mapping has to say which column it is, or to ignore it\n\
             d.csv:3: column 2 (rate_per_minute): a point where prices have a decimal comma: \"0.02\"\n\
             d.csv:4: column 1 (prefix): a range has two ends of one length, the lower first: \"46 1-22\"\n\
             d.csv:5: column 1 (prefix): not 1 to 15 digits without a leading 0: \"47,\"\n\
             d.csv:5: column 3 (connect_fee): not a decimal number: \"$1\""
        )
    );
    let twice = "# currency: USD\nCode,Prefix,Rate,Cost,Increment,Billing\n44,44,1,1,6,30/6\n";
    assert_eq!(
        faults(twice),
        "d.csv:2: column 2: the column prefix is there twice: \"Prefix\"\n\
         d.csv:2: column 4: the column rate_per_minute is there twice: \"Cost\"\n\
         d.csv:3: column 5 (increment): the increments are in a column of their own as well"
    );
    let currencies = "Code,Rate,Currency\n44,1,USD\n45,1,EUR\n";
    assert_eq!(faults(currencies), "d.csv:3: column 3 (currency): EUR in a list in USD");
    let headless = faults("# currency: USD\n44,0.01\n45,0.01\n");
    assert!(headless.contains("d.csv:2: column 1: the column prefix is missing"), "{headless}");
}

const COLUMN_NAMES: &str = "prefix, destination, country, kind, rate_per_minute, connect_fee, initial_increment, increment, \
    increments, minimum_charge, effective_from, effective_to, time_band, currency";

#[test]
fn r10_a_mapping_reads_a_strange_list() {
    let titled = "Carrier AG\nprices; as of today\nLand;Vorwahl;Ort;Peak;Arbeitspreis;gültig ab;gültig bis\n\
        Deutschland;49;30;1;0.01;01.02.2026;28.02.2026\nDeutschland;49;;1;0.02;01.02.2026;\n";
    let mapping = "skip_lines = 2\ncurrency = \"EUR\"\ndate_format = \"%d.%m.%Y\"\ndate_zone = \"Europe/Berlin\"\n\
        last_day_included = true\nignore = [\"peak\"]\n[columns]\nprefix = [\"Vorwahl\", \"Ort\"]\n\
        rate_per_minute = \"Arbeitspreis\"\ndestination = 1\neffective_from = \"Gültig ab\"\neffective_to = 7\n";
    let deck = read_as(titled, mapping).expect("valid");
    assert_eq!(told(&deck), ["49 Deutschland 0.02 60/60 0.00", "4930 Deutschland 0.01 60/60 0.00"]);
    assert_eq!(deck.rows()[1].effective_from, "2026-02-01T00:00:00+01:00".parse().ok());
    assert_eq!(deck.rows()[1].effective_to, "2026-03-01T00:00:00+01:00".parse().ok());

    let bare = "44|x|0,5\n45|y|1,5\n";
    let positions = "has_header = false\ndelimiter = \"|\"\ndecimal_comma = true\ncurrency = \"USD\"\n\
        [columns]\nprefix = 1\nrate_per_minute = 3\n";
    assert_eq!(told(&read_as(bare, positions).expect("valid")), ["44  0.50 60/60 0.00", "45  1.50 60/60 0.00"]);

    let missing = "currency = \"USD\"\n[columns]\nprefix = \"Kennzahl\"\nrate_per_minute = 9\n";
    assert_eq!(
        read_as("Code,Rate\n44,1\n", missing).map(|_| ()).expect_err("refused").to_string(),
        "d.csv:1: column 1: the mapping says that prefix is \"Kennzahl\", which is not here\n\
         d.csv:1: column 1: the mapping says that rate_per_minute is field 9, but there are 2"
    );
    let dates = "date_format = \"%d/%m/%Y\"\n";
    assert_eq!(
        read_as("# currency: USD\nCode,Rate,Effective\n44,1,2026-02-01\n", dates)
            .map(|_| ())
            .expect_err("refused")
            .to_string(),
        "d.csv:3: column 3 (effective_from): not a date in the form %d/%m/%Y: \"2026-02-01\""
    );
}

#[test]
fn r13_bands_are_read_together_with_their_default() {
    let text =
        "# currency: USD\nprefix,rate_per_minute,time_band\n49,0.02,\n49,0.01,mon-fri 18:00-08:00 Europe/Berlin\n";
    let deck = read(text).expect("valid");
    let [row] = deck.rows() else { panic!("one row") };
    assert_eq!(row.price.rate, "0.02".parse().ok());
    assert_eq!(row.price.bands.as_ref().map(|bands| bands.all().len()), Some(1));
    assert_eq!(
        faults(&format!("{text}49,0.005,fri 20:00-21:00 Europe/Berlin\n")),
        "d.csv:5: column 1 (prefix): prefix 49 is also in line 4, with an overlapping time band"
    );
}

#[test]
fn thousands_of_faults_are_counted_and_some_listed() {
    let lines: String = (0..5_000).map(|line| format!("x{line},1\n")).collect();
    let refused = read(&format!("# currency: USD\nprefix,rate\n{lines}")).map(|_| ()).expect_err("refused");
    assert_eq!((refused.count(), refused.listed().len()), (5_000, crate::wire::fault::FAULTS_LISTED_MAX));
    assert!(refused.to_string().ends_with("\nand 4800 more"));
}

proptest! {
    /// Whatever the bytes are: a deck or faults.
    #[test]
    fn law10_no_text_panics_the_reader(
        head in "(# currency: USD\n)?",
        names in prop::sample::select(&["prefix,rate", "Code;Price;Billing;Effective;Name", "Dial code\tRate\tSetup fee\tBand", "x"][..]),
        lines in prop::collection::vec("[0-9+^.*;,\t \"/:a-z\u{e4}-]{0,30}", 0..12),
    ) {
        let text = format!("{head}{names}\n{}\n", lines.join("\n"));
        let _ = read(&text);
        let _ = read_as(&text, "currency = \"EUR\"\nskip_lines = 2\nhas_header = false\n[columns]\nprefix = [1, 2]\nrate_per_minute = 2\n");
    }

    /// What is written reads as the same rows.
    #[test]
    fn a_deck_that_is_written_reads_as_the_same(
        lines in prop::collection::vec(
            ("[1-3]{1,3}", "[a-z,\" ]{0,6}", prop::sample::select(&["0.01", "2.5", "denied"][..]), 0_u32..3, 1_u32..3, 0_u32..4,
             prop::sample::select(&["", "daily 00:00-06:00 Europe/Berlin", "sat,sun 08:00-09:00 Europe/Berlin"][..])),
            1..20,
        ),
    ) {
        let mut text = "# currency: EUR\n# decimals: 4\n# effective_from: 2026-01-01\n\
            prefix,destination,rate,initial_increment,increment,effective_from,effective_to,time_band\n".to_owned();
        for (prefix, name, rate, initial, increment, day, band) in lines {
            let band = if rate == "denied" { "" } else { band };
            let name = name.trim().replace('"', "\"\"");
            text += &format!("{prefix},\"{name}\",{rate},{initial},{increment},2026-01-0{},2026-02-0{},{band}\n", day + 1, day + 1);
        }
        let Ok(deck) = read(&text) else { return Ok(()) };
        let written = write_deck(&deck);
        let again = read(&written).unwrap_or_else(|faults| panic!("{faults}\n{written}"));
        prop_assert_eq!(again.header(), deck.header());
        prop_assert_eq!(again.rows(), deck.rows());
    }
}
