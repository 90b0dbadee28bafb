use super::*;
use crate::core::reason::Reason;
use crate::wire::foreign::{Decoder, Outcome};

fn faults(text: &str, format: Format) -> Vec<String> {
    match Mapping::read(text, format) {
        Ok(_) => Vec::new(),
        Err(MappingFaults(faults)) => faults.iter().map(|fault| format!("{}: {}", fault.key, fault.message)).collect(),
    }
}

#[test]
fn what_a_format_does_not_tell_must_be_in_the_mapping() {
    assert_eq!(faults("tenant = \"contoso\"", Format::Graph), [""; 0]);
    assert_eq!(faults("tenant = \"contoso\"", Format::Twilio), [""; 0]);
    assert_eq!(
        faults("", Format::Kamailio),
        ["tenant: missing: whose calls are these?", "direction: missing: kamailio does not tell it"]
    );
    assert_eq!(
        faults("tenant = \"contoso\"\ndirection = \"inbound\"", Format::AsteriskCsv),
        ["time_zone: missing: the times of asterisk_csv have no zone"]
    );
}

#[test]
fn every_fault_is_listed_by_its_key() {
    let text = r#"
        tenant = { field = ["accountcode", "colour"], values = { "1" = "a b" }, before = "" }
        direction = { field = "dcontext", values = { x = "sideways" }, prefixes = { y = "outbound" }, default = "up" }
        service = "fax"
        usage_country = "fr"
        time_zone = "Mars/Olympus"
        user = { field = [] }
        [national.FRA]
        country_code = "+33"
        national_prefix = "x"
        digits = [0]
        international_prefixes = ["00", ""]
        [fields]
        call_id = ["uniqueid", ""]
        [skip]
        dcontex = ["internal"]
        [attributes]
        trunk = "chanel"
    "#;
    let found = faults(text, Format::AsteriskCsv);
    let keys: Vec<&str> = found.iter().filter_map(|fault| fault.split_once(": ")).map(|(key, _)| key).collect();
    assert_eq!(
        keys,
        [
            "fields.call_id",
            "tenant.values.1",
            "tenant.before",
            "service",
            "direction.default",
            "direction.values.x",
            "usage_country",
            "user.field",
            "time_zone",
            "national.FRA.country_code",
            "national.FRA.national_prefix",
            "national.FRA.international_prefixes",
            "national.FRA.digits",
            "national.FRA",
            "tenant.field",
            "attributes.trunk",
            "skip.dcontex",
            "fields.call_id",
        ],
        "{found:#?}"
    );
    assert!(
        found.contains(&"direction.values.x: \"sideways\" is not one of outbound, inbound".to_owned()),
        "{found:#?}"
    );
}

#[test]
fn a_key_that_does_not_exist_is_a_fault_with_its_line() {
    let cases = [
        ("tenant = \"a\"\ntennant = \"b\"", "line 2, column 1: unknown field `tennant`"),
        ("tenant = { field = \"a\", value = {} }", "unknown field `value`"),
        ("tenant = 7", "invalid type: integer `7`, expected a text or a table with `field`"),
        ("tenant = { values = {} }", "missing field `field`"),
        ("tenant = ", "line 1"),
        ("tenant = \"a\"\n[national.FR]\nprefix = \"0\"", "unknown field `prefix`"),
    ];
    for (text, expected) in cases {
        let found = faults(text, Format::Graph).join("\n");
        assert!(found.contains(expected), "{text}: {found}");
    }
    let large = format!("# {}", "x".repeat(MAPPING_BYTES_MAX));
    assert!(faults(&large, Format::Graph)[0].starts_with("mapping: larger than"));
}

#[test]
fn columns_are_for_tables_without_a_header_and_are_there_once() {
    let with =
        |columns: &str| format!("tenant = \"a\"\ndirection = \"inbound\"\ntime_zone = \"UTC\"\ncolumns = {columns}");
    assert_eq!(faults(&with("[\"uuid\"]"), Format::Kamailio), ["columns: kamailio has none"]);
    assert_eq!(faults(&with("[\"uuid\", \"uuid\"]"), Format::FreeswitchCsv), ["columns: uuid is there twice"]);
    assert_eq!(faults(&with("[\"uuid\", \"billsec\"]"), Format::FreeswitchCsv), [""; 0]);
}

#[test]
fn numbers_can_only_be_completed_where_a_country_is_known() {
    let text = "tenant = \"a\"\ndirection = \"inbound\"\n[national.FR]\ncountry_code = \"33\"";
    let needed = "national: needs usage_country, which says whose numbers are completed";
    assert_eq!(faults(text, Format::Kamailio), [needed]);
    assert_eq!(faults(text, Format::Graph), [""; 0]);
}

#[test]
fn the_native_form_takes_no_mapping_and_others_need_one() {
    let told = |format, mapping| Decoder::new(format, mapping).map(|_| ()).map_err(|faults| faults.to_string());
    assert_eq!(told(Format::Json, None), Ok(()));
    let needless = "mapping: csv is the native form and takes none";
    assert_eq!(told(Format::Csv, Some("tenant = \"a\"")), Err(needless.into()));
    let needed = "mapping: needed for graph: it says at least whose the calls are";
    assert_eq!(told(Format::Graph, None), Err(needed.into()));
}

/// The tenant that a mapping tells of an Asterisk line with this account code and these ends, or the reason why none.
fn tenant(told: &str, account: &str, [from, to]: [&str; 2]) -> String {
    let mapping = format!("tenant = {told}\ndirection = \"inbound\"\ntime_zone = \"UTC\"");
    let decoder = Decoder::new(Format::AsteriskCsv, Some(&mapping)).unwrap_or_else(|faults| panic!("{faults}"));
    let line = format!(
        "{account},{from},{to},in,,,,,,2026-11-20 10:00:00,2026-11-20 10:00:00,2026-11-20 10:01:00,60,60,ANSWERED,,u"
    );
    let mut told = String::new();
    let mut take = |row: crate::wire::foreign::Row<'_>| {
        told = match row.outcome {
            Outcome::Call(cdr) => cdr.tenant.to_string(),
            Outcome::Rejected(Rejected { reason: Reason::UnknownTenant, detail }) => format!("unknown: {detail}"),
            Outcome::Rejected(other) => other.to_string(),
            Outcome::Skipped(skip) => skip.code().to_owned(),
        };
        Ok::<(), std::convert::Infallible>(())
    };
    let Ok(()) = decoder.decode(line.as_bytes(), &mut take);
    told
}

#[test]
fn a_tenant_is_told_by_the_field_that_names_it() {
    let ends = ["+14255550111", "+33612345678"];
    let cases = [
        ("\"contoso\"", "", "contoso"),
        ("{ field = \"accountcode\" }", "contoso", "contoso"),
        ("{ field = \"accountcode\", before = \"-\" }", "contoso-1-2", "contoso"),
        ("{ field = \"accountcode\", after = \"@\", before = \".\" }", "1001@contoso.example", "contoso"),
        ("{ field = \"accountcode\", before = \"-\" }", "contoso", "contoso"),
        (
            "{ field = \"accountcode\", values = { \"1001\" = \"contoso\" }, prefixes = { \"10\" = \"a\" } }",
            "1001",
            "contoso",
        ),
        ("{ field = \"accountcode\", prefixes = { \"1\" = \"a\", \"100\" = \"b\", \"10\" = \"c\" } }", "1009", "b"),
        ("{ field = \"accountcode\", values = { \"1\" = \"a\" }, default = \"z\" }", "2", "z"),
        ("{ field = \"accountcode\", values = { \"1\" = \"a\" }, default = \"z\" }", "", "z"),
        ("{ field = [\"accountcode\", \"dcontext\"], values = { \"1/in\" = \"a\" } }", "1", "a"),
        ("{ field = \"own_number\", prefixes = { \"+336\" = \"a\" } }", "1", "a"),
        ("{ field = \"own_number\", values = { \"+14255550111\" = \"a\" }, default = \"b\" }", "1", "b"),
        (
            "{ field = \"accountcode\", values = { \"1\" = \"a\" } }",
            "2",
            "unknown: tenant: accountcode: the mapping has nothing for \"2\"",
        ),
        ("{ field = \"accountcode\" }", "", "unknown: tenant: accountcode is empty and there is no default"),
        ("{ field = \"accountcode\" }", "a b", "unknown: tenant: accountcode: \"a b\": not 1 to 64 of [A-Za-z0-9._-]"),
    ];
    for (told, account, expected) in cases {
        assert_eq!(tenant(told, account, ends), expected, "{told} {account}");
    }
}

#[test]
fn a_value_in_another_encoding_counts_only_where_it_is_looked_at() {
    let text = "tenant = { field = \"accountcode\" }\ndirection = \"inbound\"\ntime_zone = \"UTC\"";
    let decoder = Decoder::new(Format::AsteriskCsv, Some(text)).expect("a mapping");
    let decode = |line: &[u8]| {
        let mut told = String::new();
        let mut take = |row: crate::wire::foreign::Row<'_>| {
            told = format!("{:?}", row.outcome);
            Ok::<(), std::convert::Infallible>(())
        };
        let Ok(()) = decoder.decode(line, &mut take);
        told
    };
    let rest = "2026-11-20 10:00:00,2026-11-20 10:00:00,2026-11-20 10:01:00,60,60,ANSWERED,,u";
    let line = |account: &[u8], clid: &[u8]| {
        let mut line = account.to_vec();
        line.extend_from_slice(b",1,2,in,");
        line.extend_from_slice(clid);
        line.extend_from_slice(format!(",,,,,{rest}").as_bytes());
        line
    };
    assert!(decode(&line(b"contoso", b"Zo\xeb")).starts_with("Call"));
    let told = decode(&line(b"conto\xdfo", b"Zoe"));
    assert!(told.contains("accountcode: not UTF-8"), "{told}");
}

#[test]
fn attributes_are_cut_rather_than_a_call_refused() {
    let text = "tenant = \"a\"\n[attributes]\nfirst = \"x\"\nsecond = \"y\"";
    let mapping = Mapping::read(text, Format::Graph).expect("a mapping");
    let long = "ä".repeat(1000);
    let values = Values::of(vec![("x".into(), long.as_str().into()), ("y".into(), "z".into())]);
    let attributes = mapping.attributes(&values).expect("readable");
    // 1024 bytes less `first`, whole characters.
    assert_eq!((attributes[0].1.len(), attributes.len()), (1018, 1));
}
