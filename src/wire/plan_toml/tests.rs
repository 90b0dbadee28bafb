//! What a plan's file says, and every fault that it can have, with its place.

use super::*;
use crate::core::plan::{ALLOTMENTS_MAX, RULES_MAX};
use crate::wire::number_plan_csv::tests::small_plan;

fn read(text: &str) -> Result<Plan, Faults> {
    let file = SourceFile { name: "p.toml", bytes: text.as_bytes() };
    read_plan(file, PlanName { id: "domestic", version: "v1" }, Some(&small_plan()))
}

fn faults(text: &str) -> String {
    read(text).map(|_| ()).expect_err("refused").to_string()
}

#[test]
fn f6_a_plan_without_rules_pays_everything_from_credits() {
    let plan = read("description = \"Pay-As-You-Go\"\n").expect("valid");
    assert_eq!((plan.id(), plan.label().as_ref(), plan.effective_from()), ("domestic", "domestic@v1", None));
    let parts = PlanParts { description: "Pay-As-You-Go".into(), ..PlanParts::without_rules("domestic", "v1") };
    assert_eq!(*plan.parts(), parts);
}

#[test]
fn every_key_is_read() {
    let text = r#"
        description = "All of it"
        effective_from = 2023-01-25
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
        direction = "outbound"
        zone = "conferencing-a"
        kinds = ["landline"]
        pay = { pool = "dial-out" }

        [[rule]]
        direction = "inbound"
        number_type = "service"
        pay = "free"

        [[rule]]
        direction = "inbound"
        pay = "credits"

        [[rule]]
        pay = "denied"
    "#;
    let plan = read(text).unwrap_or_else(|faults| panic!("{faults}"));
    let country = |text: &str| text.parse::<Country>().expect(text);
    let pool = |place| Payment::Pool(AllotmentIndex::new(place).expect("few"));
    let rule = |payment| PlanRule { direction: Some(Direction::Outbound), ..PlanRule::any(payment) };
    let inbound = |payment| PlanRule { direction: Some(Direction::Inbound), ..PlanRule::any(payment) };
    let expected = PlanParts {
        id: "domestic".into(),
        version: "v1".into(),
        effective_from: "2023-01-25T00:00:00Z".parse().ok(),
        description: "All of it".into(),
        cap_rule: CapRule::Independent,
        allotments: vec![
            Allotment {
                name: "domestic".into(),
                scope: Scope::Shared,
                minutes: 1200,
                minutes_in: vec![(country("GB"), 3000), (country("NA"), 0)],
            },
            Allotment { name: "dial-out".into(), scope: Scope::Tenant, minutes: 60, minutes_in: Vec::new() },
        ],
        rules: vec![
            PlanRule {
                service: Some(Service::Calling),
                number_type: Some(NumberType::User),
                reach: Some(Reach::Domestic),
                kinds: KindCondition::Except([Kind::Premium, Kind::Personal].into_iter().collect()),
                usage_countries: Some([country("GB"), country("NA")].into_iter().collect()),
                ..rule(pool(0))
            },
            PlanRule {
                service: Some(Service::Conferencing),
                zone: Some("conferencing-a".into()),
                kinds: KindCondition::Of([Kind::Landline].into_iter().collect()),
                ..rule(pool(1))
            },
            PlanRule { number_type: Some(NumberType::Service), ..inbound(Payment::Free) },
            inbound(Payment::Credits),
            PlanRule::any(Payment::Denied),
        ],
    };
    assert_eq!(*plan.parts(), expected);
}

#[test]
fn a_version_is_in_force_from_a_day_or_a_time_with_its_zone() {
    for (text, expected) in [
        ("2023-01-25", Some("2023-01-25T00:00:00Z")),
        ("2023-01-25T01:00:00+01:00", Some("2023-01-25T00:00:00Z")),
        ("2023-01-25 00:00:00Z", Some("2023-01-25T00:00:00Z")),
        ("2023-01-25T00:00:00", None),
        ("00:00:00", None),
    ] {
        let read = read(&format!("description = \"x\"\neffective_from = {text}\n"));
        match expected {
            Some(from) => assert_eq!(read.expect("valid").effective_from(), from.parse().ok(), "{text}"),
            None => assert_eq!(
                read.map(|_| ()).expect_err("refused").to_string(),
                format!(
                    "p.toml:2: column 18: neither a date as 2026-11-20 nor an instant as 2026-11-20T00:00:00Z: {text:?}"
                )
            ),
        }
    }
}

/// What ends the reading.
#[test]
fn a_file_that_is_no_plan_is_a_fault_with_its_place() {
    const HEAD: &str = "description = \"x\"\n";
    let cases = [
        ("", "p.toml:1: column 1: the file is empty"),
        ("# x\n", "p.toml:1: column 1: missing field `description`"),
        ("description = 1\n", "p.toml:1: column 15: invalid type: integer `1`, expected a string"),
        ("description = \"x\n", "p.toml:1: column 17: invalid basic string, expected `\"`"),
    ];
    for (text, expected) in cases {
        assert_eq!(faults(text), expected, "{text}");
    }
    let cases = [
        (
            "plan = 1\n",
            "2: column 1: unknown field `plan`, expected one of `description`, `effective_from`, `cap_rule`, `allotment`, `rule`",
        ),
        ("description = \"y\"\n", "2: column 1: duplicate key"),
        (
            "effective_from = \"2023-01-25\"\n",
            "2: column 18: invalid type: string \"2023-01-25\", expected a TOML datetime",
        ),
        ("[[rule]]\nservice = \"calling\"\n", "2: column 1: missing field `pay`"),
        (
            "[[rule]]\npay = \"cash\"\n",
            "3: column 7: invalid value: string \"cash\", expected \"free\", \"credits\", \"denied\" or { pool = \"NAME\" }",
        ),
        (
            "[[rule]]\npay = \"pool\"\n",
            "3: column 7: invalid value: string \"pool\", expected \"free\", \"credits\", \"denied\" or { pool = \"NAME\" }",
        ),
        ("[[rule]]\npay = { pool = \"a\", free = 1 }\n", "3: column 21: unknown field `free`, expected `pool`"),
        (
            "[[rule]]\npay = \"free\"\nservices = []\n",
            "4: column 1: unknown field `services`, expected one of `service`, `direction`, `number_type`, `reach`, `zone`, `kinds`, `except_kinds`, `usage_countries`, `pay`",
        ),
        (
            "[[allotment]]\nname = \"a\"\nscope = \"shared\"\nminutes = -1\n",
            "5: column 11: invalid value: integer `-1`, expected u32",
        ),
        (
            "[[allotment]]\nname = \"a\"\nscope = \"shared\"\nminutes = 1.5\n",
            "5: column 11: invalid type: floating point `1.5`, expected u32",
        ),
        (
            "[[allotment]]\nname = \"a\"\nscope = \"shared\"\nminutes = 1\nminutes_in = { GB = 1, GB = 2 }\n",
            "6: column 24: duplicate key",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(faults(&format!("{HEAD}{text}")), format!("p.toml:{expected}"), "{text}");
    }
}

/// What is found all together.
#[test]
fn all_wrong_values_of_a_plan_are_listed_by_line() {
    let text = r#"description = " "
effective_from = 10:00:00
cap_rule = "both"
[[allotment]]
name = "domestic"
scope = "private"
minutes = 1
minutes_in = { UK = 3000, GB = 1, gb = 2 }
[[rule]]
service = "Calling"
direction = "out"
number_type = "tollfree"
reach = "zone"
kinds = ["cell"]
except_kinds = ["premium"]
usage_countries = ["GB", "XX", "GB"]
pay = { pool = "international" }
"#;
    assert_eq!(
        faults(text),
        "p.toml:1: column 15: the description is empty\n\
         p.toml:2: column 18: neither a date as 2026-11-20 nor an instant as 2026-11-20T00:00:00Z: \"10:00:00\"\n\
         p.toml:3: column 12: none of either, independent: \"both\"\n\
         p.toml:6: column 9: none of shared, tenant, user: \"private\"\n\
         p.toml:8: column 16: no country of the number plan: \"UK\"\n\
         p.toml:8: column 35: not a country of two capital letters: \"gb\"\n\
         p.toml:10: column 11: none of calling, conferencing, voice_app: \"Calling\"\n\
         p.toml:11: column 13: none of outbound, inbound: \"out\"\n\
         p.toml:12: column 15: none of user, service, toll_free: \"tollfree\"\n\
         p.toml:13: column 9: none of domestic, international: \"zone\"\n\
         p.toml:15: column 16: kinds and except_kinds: a rule has one of them\n\
         p.toml:16: column 26: no country of the number plan: \"XX\"\n\
         p.toml:16: column 32: the country is there twice: \"GB\"\n\
         p.toml:17: column 16: no allotment of the plan: \"international\"; there are domestic"
    );
    let one = |rule: &str| faults(&format!("description = \"x\"\n[[rule]]\n{rule}\npay = \"free\"\n"));
    assert_eq!(
        one("kinds = [\"cell\"]"),
        "p.toml:3: column 10: none of mobile, landline, mixed, toll_free, non_geographic, personal, premium: \"cell\""
    );
    assert_eq!(
        faults("description = \"x\"\n[[rule]]\npay = { pool = \"a\" }\n"),
        "p.toml:3: column 16: no allotment of the plan: \"a\"; there is none"
    );
    let long = "x".repeat(DESCRIPTION_LEN_MAX + 1);
    assert_eq!(
        faults(&format!("description = \"{long}\"\n")),
        "p.toml:1: column 15: a description longer than 200 bytes"
    );
    assert_eq!(faults("description = \"a\\nb\"\n"), "p.toml:1: column 15: control characters in the description");
}

#[test]
fn a_plan_that_could_be_misread_is_refused_at_its_table() {
    let text = r#"description = "x"

[[allotment]]
name = "Domestic"
scope = "tenant"
minutes = 2_000_000
minutes_in = { GB = 1 }

[[rule]]
direction = "inbound"
number_type = "user"
zone = "a"
pay = "free"

[[rule]]
usage_countries = []
pay = "free"

[[rule]]
pay = "free"

[[rule]]
service = "calling"
pay = { pool = "Domestic" }
"#;
    assert_eq!(
        faults(text),
        "p.toml:3: column 1: allotment 1: a name has 1 to 32 of a-z 0-9 -\n\
         p.toml:3: column 1: allotment 1: more than 1000000 minutes a month\n\
         p.toml:3: column 1: allotment 1: a pool of the whole tenant has one number of minutes, not one for each country\n\
         p.toml:3: column 1: allotment 1: no rule sends calls to it\n\
         p.toml:9: column 1: rule 1: an inbound call has no reach, zone or kind\n\
         p.toml:9: column 1: rule 1: an inbound call to a user's number is free whatever a plan says\n\
         p.toml:15: column 1: rule 2: an empty list matches no call\n\
         p.toml:22: column 1: rule 4: it never applies: rule 3 has all calls that it would match"
    );
    let rules = "[[rule]]\npay = \"free\"\n".repeat(RULES_MAX + 1);
    assert_eq!(faults(&format!("description = \"x\"\n{rules}")), "p.toml:202: column 1: more than 100 rules");
    let allotments = "[[allotment]]\nname = \"a\"\nscope = \"user\"\nminutes = 1\n".repeat(ALLOTMENTS_MAX + 1);
    assert_eq!(faults(&format!("description = \"x\"\n{allotments}")), "p.toml:34: column 1: more than 8 allotments");
}
