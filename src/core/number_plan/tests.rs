//! Whose a number is, how each country dials, and what cannot be misread.

use super::*;

fn country(text: &str) -> Country {
    text.parse().expect(text)
}

fn dialling(of: &str, international: &[&str], emergency: &[&str], union: Option<&str>) -> CountryDialling {
    let boxed = |texts: &[&str]| texts.iter().map(|text| Box::from(*text)).collect();
    CountryDialling {
        international_prefixes: boxed(international),
        emergency: boxed(emergency),
        domestic_union: union.map(Box::from),
        ..CountryDialling::of(country(of))
    }
}

fn header() -> NumberPlanHeader {
    NumberPlanHeader { version: "7".into(), effective_from: None }
}

fn plan() -> NumberPlan {
    let prefixes =
        [("1425", "US"), ("1604", "CA"), ("7", "RU"), ("77", "KZ"), ("44", "GB"), ("91", "IN"), ("81", "JP")];
    NumberPlan::new(
        header(),
        prefixes.iter().map(|(prefix, owner)| (Box::from(*prefix), country(owner))).collect(),
        vec![
            dialling("US", &["011"], &[], Some("nanp")),
            dialling("CA", &["011"], &[], Some("nanp")),
            dialling("GB", &["00"], &["999"], None),
            dialling("IN", &["00"], &["100"], None),
            dialling("RU", &["810"], &[], None),
            dialling("KZ", &["810"], &[], None),
            dialling("BR", &["00", "0014"], &[], None),
            dialling("JP", &["010", "0033010"], &["110", "119"], None),
        ],
    )
    .expect("a valid plan")
}

#[test]
fn f4_numbers_are_normalised_by_the_country_that_dials() {
    let cases = [
        ("+44 20 7123-4567", "US", Some("+442071234567")),
        ("011 44 20 7123 4567", "US", Some("+442071234567")),
        ("00442071234567", "GB", Some("+442071234567")),
        ("00442071234567", "US", None),
        ("01144207123456", "GB", None),
        ("442071234567", "GB", Some("+442071234567")),
        ("02071234567", "GB", None),
        ("8~10 44 2071234567", "RU", None),
        ("810442071234567", "RU", Some("+442071234567")),
        ("0033010442071234567", "JP", Some("+442071234567")),
        ("010442071234567", "JP", Some("+442071234567")),
        ("0014442071234567", "BR", Some("+442071234567")),
        ("00442071234567", "ZZ", None),
        ("+0442071234567", "GB", None),
        ("+00442071234567", "GB", None),
        ("anonymous", "US", None),
        ("911", "US", None),
        ("+1425555010012345", "US", None),
    ];
    let plan = plan();
    for (raw, from, expected) in cases {
        let number = plan.normalise(raw, country(from)).map(|number| number.to_string());
        assert_eq!(number.as_deref(), expected, "{raw} in {from}");
    }
}

#[test]
fn f5_emergency_is_as_dialled() {
    let cases = [
        ("911", "US", true),
        ("9-1-1", "IN", true),
        ("112", "ZZ", true),
        ("999", "GB", true),
        ("999", "US", false),
        ("110", "JP", true),
        ("+911", "IN", false),
        ("+91100", "IN", false),
        ("00911", "IN", false),
        ("9115550100", "US", false),
        ("", "US", false),
    ];
    let plan = plan();
    for (raw, from, expected) in cases {
        assert_eq!(plan.is_emergency(raw, country(from)), expected, "{raw} in {from}");
    }
}

#[test]
fn r20_a_union_is_domestic_and_others_are_not() {
    let plan = plan();
    for (a, b, expected) in
        [("US", "CA", true), ("GB", "GB", true), ("GB", "US", false), ("RU", "KZ", false), ("ZZ", "ZZ", true)]
    {
        assert_eq!(plan.are_domestic(country(a), country(b)), expected, "{a} and {b}");
    }
}

#[test]
fn a_plan_that_contradicts_itself_is_refused() {
    let us = || dialling("US", &["011"], &[], None);
    let prefix = |text: &str, owner: &str| (Box::from(text), country(owner));
    let refused = |prefixes, dialling| NumberPlan::new(header(), prefixes, dialling).expect_err("refused");
    assert_eq!(
        refused(vec![prefix("1", "US"), prefix("1", "US")], vec![us()]),
        NumberPlanError::DuplicatePrefix("1".into())
    );
    assert_eq!(refused(vec![prefix("01", "US")], vec![us()]), NumberPlanError::NotAPrefix("01".into()));
    assert_eq!(refused(vec![], vec![us(), us()]), NumberPlanError::DuplicateCountry(country("US")));
    assert_eq!(
        refused(vec![prefix("44", "GB")], vec![us()]),
        NumberPlanError::UnknownCountry("44".into(), country("GB"))
    );
}

#[test]
fn f5_a_short_code_is_as_dialled_and_of_the_country() {
    let cases = [
        ("411", "US", Some("directory")),
        ("4-1-1", "US", Some("directory")),
        ("211", "US", Some("help")),
        ("+411", "US", None),
        ("4111", "US", None),
        ("41", "US", None),
        ("411", "GB", None),
        ("411", "ZZ", None),
        ("911", "US", None),
        ("411@example.com", "US", None),
    ];
    let short = |code: &str, name: &str| ShortCode { code: code.into(), name: name.into(), price: None };
    let us = CountryDialling {
        short_codes: vec![short("211", "help"), short("411", "directory")],
        ..dialling("US", &["011"], &[], None)
    };
    let plan = NumberPlan::new(header(), vec![], vec![us, dialling("GB", &["00"], &[], None)]).expect("a plan");
    for (raw, from, expected) in cases {
        let name = plan.short_code(raw, country(from)).map(|short| short.name.as_ref());
        assert_eq!(name, expected, "{raw} in {from}");
    }
}

#[test]
fn r21_licences_of_a_pool_union_feed_one_pool() {
    let member = |of: &str| CountryDialling { pool_union: Some("us-pr".into()), ..dialling(of, &[], &[], None) };
    let countries = vec![member("US"), member("PR"), dialling("CA", &[], &[], Some("nanp"))];
    let plan = NumberPlan::new(header(), vec![], countries).expect("a plan");
    for (of, feed) in [("US", "us-pr"), ("PR", "us-pr"), ("CA", "CA"), ("ZZ", "ZZ")] {
        assert_eq!(plan.feed_name(&country(of)), feed);
    }
    assert_eq!((plan.pool_union(country("PR")), plan.pool_union(country("CA"))), (Some("us-pr"), None));
    assert_eq!(plan.label().as_ref(), "number-plan@7");
}

#[test]
fn names_and_codes_that_could_be_taken_for_others_are_refused() {
    let refused = |us: CountryDialling| NumberPlan::new(header(), vec![], vec![us]).map(|_| ()).err();
    let us = || dialling("US", &["011"], &["988"], None);
    for union in ["US", "user", "", "a/b", "A", &"a".repeat(33)] {
        let one = CountryDialling { pool_union: Some(union.into()), ..us() };
        assert_eq!(refused(one), Some(NumberPlanError::NotAUnion(union.into())), "{union}");
    }
    let short = |code: &str| ShortCode { code: code.into(), name: code.into(), price: None };
    for code in ["", "1234567", "+1", "4a", "112", "911", "988"] {
        let one = CountryDialling { short_codes: vec![short(code)], ..us() };
        assert_eq!(refused(one), Some(NumberPlanError::NotAShortCode(code.into(), country("US"))), "{code}");
    }
    let twice = CountryDialling { short_codes: vec![short("411"), short("411")], ..us() };
    assert_eq!(refused(twice), Some(NumberPlanError::DuplicateShortCode("411".into(), country("US"))));
    let right = CountryDialling { short_codes: vec![short("411"), short("0"), short("118118")], ..us() };
    assert_eq!(refused(right), None);
}
