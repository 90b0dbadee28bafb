//! CDRs, native and as switches write them, and the mappings that read those.

use std::convert::Infallible;
use std::sync::LazyLock;

use tollkeeper::wire::cdr;
use tollkeeper::wire::foreign::{Decoder, Format, Outcome, Row};

/// Uses all that a mapping has.
const MAPPING: &str = r#"
tenant = { field = "accountcode", after = "@", before = "-", prefixes = { "1" = "t" }, default = "contoso" }
direction = { field = "context", values = { public = "inbound" }, default = "outbound" }
number_type = { field = "own_number", prefixes = { "+1800" = "toll_free" }, default = "user" }
usage_country = "FR"
time_zone = "Europe/Paris"
national.FR = { country_code = "33", national_prefix = "0", digits = [9], international_prefixes = ["00"] }
"#;

/// The same for formats whose fields have other names, or that tell it themselves.
const PLAIN_MAPPING: &str = r#"
tenant = "contoso"
direction = "outbound"
number_type = { field = "own_number", prefixes = { "+1800" = "toll_free" }, default = "user" }
usage_country = "FR"
time_zone = "America/New_York"
national.FR = { country_code = "33", national_prefix = "0", international_prefixes = ["00"] }
"#;

static DECODERS: LazyLock<[Decoder; 8]> = LazyLock::new(|| {
    Format::ALL.map(|format| match Decoder::new(format, (!format.is_native()).then_some(MAPPING)) {
        Ok(decoder) => decoder,
        Err(_) => Decoder::new(format, Some(PLAIN_MAPPING)).unwrap_or_else(|faults| panic!("{format}: {faults}")),
    })
});

/// Every record has a row; a call keeps the bounds of the native form, and what is refused says why.
fn decode(decoder: &Decoder, bytes: &[u8]) {
    let mut rows = 0;
    let mut take = |row: Row<'_>| {
        rows += 1;
        match row.outcome {
            Outcome::Call(call) => {
                let mut json = Vec::new();
                cdr::encode(call, &mut json);
                assert_eq!(cdr::decode(&json).as_ref(), Ok(call), "{}", String::from_utf8_lossy(&json));
            }
            Outcome::Rejected(rejected) => assert!(!rejected.to_string().is_empty()),
            Outcome::Skipped(_) => {}
        }
        Ok::<(), Infallible>(())
    };
    let Ok(()) = decoder.decode(bytes, &mut take);
    assert!(rows > 0, "a record without a row");
}

fn of(format: Format, bytes: &[u8]) {
    decode(DECODERS.iter().find(|decoder| decoder.format() == format).expect("all are there"), bytes);
}

pub fn json(bytes: &[u8]) {
    of(Format::Json, bytes);
}

pub fn csv(bytes: &[u8]) {
    of(Format::Csv, bytes);
}

pub fn graph(bytes: &[u8]) {
    of(Format::Graph, bytes);
}

pub fn freeswitch_json(bytes: &[u8]) {
    of(Format::FreeswitchJson, bytes);
}

pub fn freeswitch_csv(bytes: &[u8]) {
    of(Format::FreeswitchCsv, bytes);
}

pub fn asterisk_csv(bytes: &[u8]) {
    of(Format::AsteriskCsv, bytes);
}

pub fn kamailio(bytes: &[u8]) {
    of(Format::Kamailio, bytes);
}

pub fn twilio(bytes: &[u8]) {
    of(Format::Twilio, bytes);
}

/// The bytes as a mapping of every format; behind a line `===` a record that is read by it.
pub fn mapping(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (mapping, record) = text.split_once("\n===\n").unwrap_or((&text, ""));
    for format in Format::ALL {
        match Decoder::new(format, Some(mapping)) {
            Ok(decoder) => decode(&decoder, record.as_bytes()),
            Err(faults) => assert!(!faults.to_string().is_empty()),
        }
    }
}
