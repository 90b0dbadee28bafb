use std::convert::Infallible;

use super::*;

/// The outcome of each row of a record, as Debug writes it.
fn outcomes(decoder: &Decoder, record: &[u8]) -> Vec<String> {
    let mut all = Vec::new();
    let mut take = |row: Row<'_>| {
        all.push(match row.outcome {
            Outcome::Call(cdr) => format!("{} {} {}", cdr.call_id, cdr.to, cdr.duration()),
            Outcome::Skipped(skip) => skip.code().to_owned(),
            Outcome::Rejected(rejected) => rejected.to_string(),
        });
        Ok::<(), Infallible>(())
    };
    let Ok(()) = decoder.decode(record, &mut take);
    all
}

fn decoder(format: Format) -> Decoder {
    let mapping = "tenant = \"contoso\"\ndirection = \"outbound\"\ntime_zone = \"UTC\"";
    Decoder::new(format, (!format.is_native()).then_some(mapping)).unwrap_or_else(|faults| panic!("{faults}"))
}

#[test]
fn codes_name_their_format() {
    for format in Format::ALL {
        assert_eq!(format.code().parse(), Ok(format));
    }
    let all = Format::ALL.map(Format::code).join(", ");
    assert_eq!("xml".parse::<Format>().map_err(|fault| fault.to_string()), Err(format!("not one of {all}")));
}

#[test]
fn every_record_has_an_outcome_an_empty_one_too() {
    for format in Format::ALL {
        for record in [&b""[..], b" \n\n ", b"\0", b"\xff\xfe"] {
            let told = outcomes(&decoder(format), record);
            assert_eq!(told.len(), 1, "{format}: {record:?}: {told:?}");
        }
        let large = vec![b'x'; FOREIGN_RECORD_BYTES_MAX + 1];
        let told = outcomes(&decoder(format), &large);
        assert_eq!(told, [format!("malformed: record: {} bytes, more than 4194304", large.len())], "{format}");
    }
}

#[test]
fn a_document_is_a_row_a_list_or_a_page() {
    let row = |id: u8| {
        format!(
            r#"{{"id":"i{id}","callType":"user_out","duration":60,"calleeNumber":"+33612345678","startDateTime":"2026-11-20T10:00:00Z"}}"#
        )
    };
    let calls = |ids: &[u8]| -> Vec<String> { ids.iter().map(|id| format!("i{id} +33612345678 60")).collect() };
    let graph = decoder(Format::Graph);
    assert_eq!(outcomes(&graph, row(1).as_bytes()), calls(&[1]));
    assert_eq!(outcomes(&graph, format!("[{},{}]", row(1), row(2)).as_bytes()), calls(&[1, 2]));
    assert_eq!(outcomes(&graph, format!("\u{feff}{{\"value\":[{}]}}", row(3)).as_bytes()), calls(&[3]));
    assert_eq!(outcomes(&graph, b"{\"value\":[]}"), ["not_a_call"]);
    assert_eq!(outcomes(&graph, b"[]"), ["not_a_call"]);
    let one_is_wrong = format!("[{},7,{}]", row(1), row(2));
    let mut expected = calls(&[1, 2]);
    expected.insert(1, "malformed: record: invalid type: integer `7`, expected an object".into());
    assert_eq!(outcomes(&graph, one_is_wrong.as_bytes()), expected);
    assert_eq!(
        outcomes(&graph, b"{\"value\":[1,"),
        ["malformed: record: EOF while parsing a value at line 1 column 12"]
    );
    assert_eq!(outcomes(&graph, b"{\"value\":{}}"), ["malformed: callType: missing"]);
}

#[test]
fn a_row_of_a_page_that_is_put_aside_is_kept_by_itself() {
    let mut texts = Vec::new();
    let mut take = |row: Row<'_>| {
        texts.push(String::from_utf8_lossy(row.text).into_owned());
        Ok::<(), Infallible>(())
    };
    let Ok(()) = decoder(Format::Graph).decode(br#"{"value": [ {"id":1}, {"id": 2} ]}"#, &mut take);
    let Ok(()) = decoder(Format::Kamailio).decode(b"one\r\n\n two\n", &mut take);
    assert_eq!(texts, ["{\"id\":1}", "{\"id\": 2}", "one", "two"]);
}

#[test]
fn a_record_of_lines_has_a_row_for_each() {
    let line =
        |uuid: &str| format!("x,1001,+33612345678,default,,2026-11-20 10:00:00,2026-11-20 10:01:00,60,60,X,{uuid},,,,");
    let told = outcomes(&decoder(Format::FreeswitchCsv), format!("{}\n\n{}\r\n", line("a"), line("b")).as_bytes());
    assert_eq!(told, ["a +33612345678 60", "b +33612345678 60"]);
}

#[test]
fn the_header_of_a_file_counts_for_all_its_records_and_that_of_a_record_for_itself() {
    let header = "call_id,tenant,service,direction,from,to,number_type,answered_at,duration_seconds";
    let row = "c,t,calling,outbound,1,+33612345678,user,2026-11-20T10:00:00Z,60";
    let csv = decoder(Format::Csv);
    assert_eq!(outcomes(&csv, format!("{header}\n{row}\n{row}").as_bytes()).len(), 2);
    assert_eq!(outcomes(&csv, header.as_bytes()), ["not_a_call"]);
    let mut told = Vec::new();
    let mut take = |row: Row<'_>| {
        told.push(matches!(row.outcome, Outcome::Call(_)));
        Ok::<(), Infallible>(())
    };
    let mut file = csv.file();
    for line in [header, row, row] {
        let Ok(()) = file.decode(line.as_bytes(), &mut take);
    }
    assert_eq!(told, [true, true]);
    assert_eq!(
        outcomes(&csv, format!("{}\n{row}", header.replace("tenant", "tennant")).as_bytes()),
        ["malformed: header: no column tenant"; 2]
    );
    assert_eq!(
        outcomes(&csv, format!("{header},to\n{row}").as_bytes()),
        ["malformed: header: \"to\" is there twice"; 2]
    );
}

#[test]
fn an_identity_beyond_the_bound_is_its_digest() {
    assert_eq!(bounded_identity(&["a", "b"]), "a:b");
    let long = bounded_identity(&["x".repeat(CALL_ID_BYTES_MAX).as_str(), "b"]);
    assert!(long.starts_with("sha256:") && long.len() == 71, "{long}");
    assert_ne!(long, bounded_identity(&["x".repeat(CALL_ID_BYTES_MAX).as_str(), "c"]));
}

#[test]
fn what_a_caller_sends_cannot_shorten_a_call() {
    let kamailio = decoder(Format::Kamailio);
    let cdr = "start_time=1795169730.5; end_time=1795169790.5; duration=60.000; call_id=c; dst_user=+33612345678";
    assert_eq!(outcomes(&kamailio, cdr.as_bytes()), ["c +33612345678 60"]);
    let forged = format!("{cdr}; src_user=ACC: call ended: call_start_time=1795169730;duration=1;call_id=c");
    assert_eq!(outcomes(&kamailio, forged.as_bytes()), ["malformed: duration: given twice"]);
    let freeswitch = decoder(Format::FreeswitchJson);
    let twice = br#"{"variables":{"uuid":"u","answer_epoch":"1795169730","billsec":"60","billsec":"1"},"callflow":[]}"#;
    assert_eq!(outcomes(&freeswitch, twice), ["malformed: billsec: given twice"]);
}
