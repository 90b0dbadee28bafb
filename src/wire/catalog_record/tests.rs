use proptest::prelude::*;

use super::*;
use crate::core::reason::Reason;

const VALUE: &str = r#"{"format":1,"kind":"number_plan","id":"number-plan","version":"0123456789ab","effective_from":"2026-12-01T00:00:00Z","lead_seconds":900,"files":[{"name":"number-plan/countries.csv","bytes":7},{"name":"number-plan/prefixes.csv","bytes":0}],"parts":1,"bytes":7,"sha256":"00000000000000000000000000000000000000000000000000000000000000ff","published_by":"ada","note":"new areas"}"#;
const KEY: &str = "manifest/number_plan/number-plan/00000000000000aa";
const WITHDRAWAL: &str = r#"{"format":1,"kind":"deck","id":"retail","withdrawn_by":"ada"}"#;

/// A manifest with everything; the schema is held against it.
pub(in crate::wire) fn sample() -> (PublicationKey, Manifest) {
    let key =
        PublicationKey { kind: ItemKind::NumberPlan, id: "number-plan".into(), publication: "00000000000000aa".into() };
    let file = |name: &str, bytes| FileEntry { name: name.into(), bytes };
    let manifest = Manifest {
        kind: key.kind,
        id: key.id.clone(),
        version: "0123456789ab".into(),
        effective_from: "2026-12-01T00:00:00Z".parse().ok(),
        lead_seconds: 900,
        files: vec![file("number-plan/countries.csv", 7), file("number-plan/prefixes.csv", 0)],
        parts: 1,
        sha256: format!("{:064x}", 255).into(),
        published_by: "ada".into(),
        note: "new areas".into(),
    };
    (key, manifest)
}

fn rejected(key: &str, value: &str) -> Rejected {
    decode(key.as_bytes(), Some(value.as_bytes())).expect_err(key)
}

#[test]
fn the_forms_are_those_of_the_wire() {
    let (key, manifest) = sample();
    assert_eq!(key.manifest_key(), KEY);
    assert_eq!(String::from_utf8(encode_manifest(&manifest)).expect("UTF-8"), VALUE);
    assert_eq!(decode(KEY.as_bytes(), Some(VALUE.as_bytes())), Ok(CatalogRecord::Manifest(key, manifest)));

    let key = PublicationKey { kind: ItemKind::Deck, id: "retail".into(), publication: "00000000000000ab".into() };
    let withdrawal = Withdrawal { withdrawn_by: "ada".into(), note: "".into() };
    assert_eq!(String::from_utf8(encode_withdrawal(&key, &withdrawal)).expect("UTF-8"), WITHDRAWAL);
    let record = decode(key.withdrawal_key().as_bytes(), Some(WITHDRAWAL.as_bytes()));
    assert_eq!(record, Ok(CatalogRecord::Withdrawal(key, withdrawal)));

    let content = ContentKey { kind: ItemKind::Deck, id: "retail".into(), version: "0123456789ab".into(), parts: 12 };
    assert_eq!(content.part_key(3), "part/deck/retail/0123456789ab/3-12");
    assert_eq!(
        decode(content.part_key(3).as_bytes(), Some(b"44,0.1\n")),
        Ok(CatalogRecord::Part(content.clone(), 3, b"44,0.1\n"))
    );
    assert_eq!(decode(content.part_key(3).as_bytes(), None), Ok(CatalogRecord::Removed(RecordKey::Part(content, 3))));
    assert_eq!(decode(b"partitions", Some(br#"{"partitions":64,"version":1}"#)), Ok(CatalogRecord::Partitions));
}

#[test]
fn what_a_later_release_wrote_is_told_from_what_is_damaged() {
    let later = [
        ("secret/deck/retail/00000000000000aa", VALUE),
        ("manifest/tax/vat/00000000000000aa", VALUE),
        ("catalog", "{}"),
        (KEY, &VALUE.replacen("\"format\":1", "\"format\":2,\"colour\":7", 1)),
    ];
    for (key, value) in later {
        assert_eq!(rejected(key, value).reason, Reason::UnsupportedVersion, "{key} {value}");
    }
    let damaged_keys = [
        "manifest/deck/retail",
        "manifest/deck/re tail/00000000000000aa",
        "manifest/deck/retail/00000000000000AA",
        "manifest/deck/retail/aa",
        "manifest/deck/retail/00000000000000aa/1",
        "part/deck/retail/0123456789ab",
        "part/deck/retail/0123456789ab/0-3",
        "part/deck/retail/0123456789ab/4-3",
        "part/deck/retail/0123456789ab/01-3",
        "part/deck/retail/0123456789ab/1-513",
        "part/deck/retail/0123456789a/1-3",
    ];
    for key in damaged_keys {
        assert_eq!(rejected(key, VALUE).reason, Reason::Malformed, "{key}");
    }
    assert!(decode(b"part/deck/retail/0123456789ab/1-1", Some(&vec![0; PART_BYTES_MAX + 1])).is_err());
}

#[test]
fn a_damaged_manifest_names_its_fault() {
    let cases = [
        ("\"format\":1,", "", "format: missing"),
        ("\"kind\":\"number_plan\"", "\"kind\":\"deck\"", "kind: not that of the key"),
        ("\"id\":\"number-plan\"", "\"id\":\"other\"", "id: not that of the key"),
        ("\"version\":\"0123456789ab\"", "\"version\":\"0123456789AB\"", "version: not 12 hex digits"),
        ("2026-12-01T00:00:00Z", "2026-12-01", "effective_from: not a time as RFC 3339 writes it, with a zone"),
        ("\"lead_seconds\":900", "\"lead_seconds\":9", "lead_seconds: not from 10 to 604800"),
        ("\"bytes\":7}", "\"bytes\":8}", "bytes: not the sum of the files"),
        ("\"parts\":1", "\"parts\":0", "parts: not from 1 to 512"),
        ("\"parts\":1,", "\"parts\":1,\"colour\":7,", "colour: unknown field"),
        ("\"published_by\":\"ada\",", "", "published_by: missing"),
    ];
    for (from, to, detail) in cases {
        let json = VALUE.replacen(from, to, 1);
        assert_eq!(rejected(KEY, &json), Rejected { reason: Reason::Malformed, detail: detail.into() }, "{json}");
    }
}

#[test]
fn a_digest_does_not_depend_on_where_the_bytes_are_cut() {
    // The digest of "abc", from FIPS 180-2.
    let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(&*sha256_of([b"abc".as_slice()]), expected);
    assert_eq!(&*sha256_of([b"a".as_slice(), b"", b"bc"]), expected);
}

proptest! {
    #[test]
    fn no_record_panics(key in "(part|manifest|withdrawal)?/?[a-z_/0-9-]{0,60}", value in proptest::collection::vec(any::<u8>(), 0..80)) {
        let _ = decode(key.as_bytes(), Some(&value));
        let _ = decode(&value, None);
    }
}
