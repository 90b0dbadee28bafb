//! CDRs as switches write them, and what becomes of each row: `tests/data/formats/*.golden`.

use std::convert::Infallible;
use std::fs;
use std::path::{Path, PathBuf};

use tollkeeper::wire::cdr;
use tollkeeper::wire::foreign::{Decoder, Format, Outcome, Row};

/// The samples: what each format is, and the ending of its file.
const SAMPLES: [(Format, &str); 7] = [
    (Format::Csv, "csv"),
    (Format::Graph, "json"),
    (Format::FreeswitchJson, "json"),
    (Format::FreeswitchCsv, "csv"),
    (Format::AsteriskCsv, "csv"),
    (Format::Kamailio, "log"),
    (Format::Twilio, "json"),
];

fn file(format: Format, ending: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/formats").join(format!("{format}.{ending}"))
}

fn decoder(format: Format) -> Decoder {
    let mapping = fs::read_to_string(file(format, "toml")).ok();
    Decoder::new(format, mapping.as_deref()).unwrap_or_else(|faults| panic!("{format}: {faults}"))
}

/// A line for each row; a call as its native CDR.
fn told(row: &Row<'_>) -> String {
    match row.outcome {
        Outcome::Call(call) => {
            let mut json = Vec::new();
            cdr::encode(call, &mut json);
            assert_eq!(cdr::decode(&json).as_ref(), Ok(call), "what is written is read back");
            format!("call     {}\n", String::from_utf8(json).expect("JSON is UTF-8"))
        }
        Outcome::Skipped(skip) => format!("skipped  {}\n", skip.code()),
        Outcome::Rejected(rejected) => format!("rejected {rejected}\n"),
    }
}

fn decode(decoder: &Decoder, record: &[u8]) -> String {
    let mut all = String::new();
    let mut take = |row: Row<'_>| {
        all += &told(&row);
        Ok::<(), Infallible>(())
    };
    decoder.decode(record, &mut take).unwrap();
    all
}

#[test]
fn every_row_of_every_format_has_its_outcome() {
    for (format, ending) in SAMPLES {
        let found = decode(&decoder(format), &fs::read(file(format, ending)).unwrap());
        let golden = file(format, "golden");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&golden, &found).unwrap();
        }
        let expected = fs::read_to_string(&golden).unwrap_or_default();
        assert_eq!(found, expected, "{format}: UPDATE_GOLDEN=1 rewrites {}", golden.display());
    }
}

#[test]
fn r3_a_call_that_a_switch_writes_again_has_its_identity_and_its_content() {
    let decoder = decoder(Format::FreeswitchCsv);
    let table = fs::read_to_string(file(Format::FreeswitchCsv, "csv")).unwrap();
    let of_one_uuid = table.lines().filter(|line| line.contains("f6000000-0000-4000-8000-000000000002"));
    let told: Vec<String> = of_one_uuid.map(|line| decode(&decoder, line.as_bytes())).collect();
    assert_eq!(told.len(), 3, "one of them with another cause");
    assert!(told.iter().all(|line| line == &told[0] && line.starts_with("call ")), "{told:?}");
}

/// The capabilities that Microsoft documents.
const CAPABILITIES: [&str; 19] = [
    "MCOEV",
    "MCOEV_VIRTUALUSER",
    "MCOEV_VIRTUALUSER_GOV",
    "FREECALL",
    "MCOPSTN1",
    "MCOPSTN2",
    "MCOPSTN5",
    "MCOPSTN6",
    "MCOPSTN8",
    "MCOPSTN9",
    "MCOPSTNCAP",
    "MCOPSTNPP",
    "MCOPSTNU",
    "MCOMEETADD",
    "MCOMEETADD_DIALOUT_US",
    "MCOMEETADD_CN_GLOBAL",
    "MCOMEETADD_TATA",
    "MCOMEETACPEA",
    "MCOMEETACPEA_GOV",
];

#[test]
fn the_example_mapping_of_graph_has_a_plan_of_rates_for_every_capability() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/graph-mapping.example.toml");
    let mapping = fs::read_to_string(path).unwrap();
    let decoder = Decoder::new(Format::Graph, Some(&mapping)).unwrap_or_else(|faults| panic!("{faults}"));
    let plan = |capability: &str, country: &str| {
        let row = format!(
            r#"{{"tenantId":"00000000-0000-0000-0000-000000000000","id":"i","callType":"user_out","duration":60,
            "startDateTime":"2026-11-20T10:15:30Z","calleeNumber":"+33612345678","usageCountryCode":"{country}",
            "licenseCapability":"{capability}"}}"#
        );
        decode(&decoder, row.as_bytes())
    };
    for (capability, country) in CAPABILITIES.into_iter().flat_map(|of| [(of, "DE"), (of, "MX")]) {
        let told = plan(capability, country);
        let (_, named) = told.split_once(r#""plan":""#).unwrap_or_else(|| panic!("{told}"));
        let named = named.split('"').next().unwrap();
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("rates/plans/{named}.toml"));
        assert!(file.exists(), "{capability}: rates/ has no plan {named}");
    }
    assert!(plan("MCOPSTN1", "MX").contains(r#""plan":"domestic-mexico""#));
    assert!(
        plan("MCOPSTN77", "DE").starts_with("rejected malformed: licenseCapability/usageCountryCode: the mapping has")
    );
}
