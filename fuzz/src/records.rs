//! Records of the topics, and what is committed with offsets.

use jiff::Timestamp;
use tollkeeper::wire;
use tollkeeper::wire::catalog_record::{CatalogRecord, encode_manifest, encode_withdrawal};
use tollkeeper::wire::command::Outgoing;
use tollkeeper::wire::offset_metadata::OffsetMetadata;

fn written(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(&mut bytes);
    bytes
}

/// A command that was read is written as one with the same body.
pub fn command(bytes: &[u8]) {
    let Ok(command) = wire::command::decode(bytes) else { return };
    let Ok(request) = &command.request else { return };
    let outgoing = Outgoing {
        command_id: &command.command_id,
        tenant: &command.tenant,
        at: request.at,
        actor: request.actor.as_deref(),
        body: &request.body,
    };
    let again = written(|into| wire::command::encode(&outgoing, into));
    let again = wire::command::decode(&again).unwrap_or_else(|fault| panic!("{fault:?}"));
    assert_eq!(again.request.as_ref().map(|request| &request.body), Ok(&request.body));
}

/// An event that was read is written as one that reads as the same, and then to the byte.
pub fn event(bytes: &[u8]) {
    let Ok(event) = wire::event::decode(bytes) else { return };
    let once = written(|into| wire::event::encode(&event, into));
    let text = || String::from_utf8_lossy(&once).into_owned();
    let again = wire::event::decode(&once).unwrap_or_else(|fault| panic!("{fault}: {}", text()));
    // The time is written in whole milliseconds.
    assert_eq!(
        (&again.tenant, again.seq, &again.cause, &again.body),
        (&event.tenant, event.seq, &event.cause, &event.body)
    );
    assert_eq!(written(|into| wire::event::encode(&again, into)), once, "{}", text());
}

pub fn alert(bytes: &[u8]) {
    let _ = wire::alert::decode(bytes);
}

pub fn envelope(bytes: &[u8]) {
    let Ok(envelope) = wire::envelope::decode(bytes) else { return };
    let again = written(|into| wire::envelope::encode(&envelope, into));
    assert_eq!(wire::envelope::decode(&again).as_ref(), Ok(&envelope), "{}", String::from_utf8_lossy(&again));
}

/// A detail is cut when it is written; what was written once stays as it is.
pub fn quarantine(bytes: &[u8]) {
    let Ok(entry) = wire::quarantine::decode(bytes) else { return };
    let once = written(|into| wire::quarantine::encode(&entry, into));
    let text = || String::from_utf8_lossy(&once).into_owned();
    let again = wire::quarantine::decode(&once).unwrap_or_else(|fault| panic!("{fault}: {}", text()));
    assert_eq!(written(|into| wire::quarantine::encode(&again, into)), once, "{}", text());
}

/// The first line is the key, the rest the value; without a second line there is none.
pub fn catalog_record(bytes: &[u8]) {
    let mut lines = bytes.splitn(2, |byte| *byte == b'\n');
    let (key, value) = (lines.next().unwrap_or_default(), lines.next());
    let Ok(record) = wire::catalog_record::decode(key, value) else { return };
    let again = match &record {
        CatalogRecord::Manifest(_, manifest) => encode_manifest(manifest),
        CatalogRecord::Withdrawal(key, withdrawal) => encode_withdrawal(key, withdrawal),
        _ => return,
    };
    assert_eq!(wire::catalog_record::decode(key, Some(&again)).as_ref(), Ok(&record));
}

pub fn offset_metadata(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(metadata) = text.parse::<OffsetMetadata>() {
        assert_eq!(metadata.to_string(), text);
        let _ = Timestamp::from_millisecond(metadata.clock_ms);
    }
}
