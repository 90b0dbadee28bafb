//! CDRs as switches write them, decoded to native ones. Pure: what a switch cannot know is in a [`Mapping`].
//!
//! | [`Format`] | what it is | identity (`call_id`) | answered |
//! |---|---|---|---|
//! | `json` | the native form | its own | its own |
//! | `csv` | the native form as a table whose header names the fields | its own | its own |
//! | `graph` | Microsoft Graph `pstnCallLogRow`, one or a collection | `id` (`callId` is not unique) | `duration` above 0 |
//! | `freeswitch_json` | FreeSWITCH `mod_json_cdr` | `uuid` | has a time of the answer |
//! | `freeswitch_csv` | FreeSWITCH `mod_cdr_csv` | `uuid` | has a time of the answer |
//! | `asterisk_csv` | Asterisk `Master.csv` | `uniqueid:sequence` | `disposition` is `ANSWERED` |
//! | `kamailio` | lines of the `acc` module of Kamailio and OpenSIPS | `call_id:to_tag` | a CDR, no transaction |
//! | `twilio` | Twilio call resource, one or a page | `sid` | `status` is `completed` |
//!
//! The identity of a call is what its switch repeats when it writes the call again, so that a redelivery is a duplicate (R3):
//! a FreeSWITCH `uuid` that comes again with another hangup cause is the same call, and an Asterisk `uniqueid` has several
//! rows, which are different ones. An identity beyond 128 bytes is replaced by its SHA-256.
//!
//! One record holds no call, one or several. Every row of it has one [`Outcome`]: a native CDR, a reason why it cannot be
//! read, or a reason why there is nothing to read ([`Skip`]). No decoder panics, and no duration goes through a float.

mod asterisk_csv;
mod csv_line;
mod documents;
mod freeswitch;
mod freeswitch_csv;
mod freeswitch_json;
mod graph;
mod kamailio;
mod mapping;
mod native_csv;
mod numbers;
mod times;
mod twilio;
mod values;

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

use super::Rejected;
use super::cdr;
use super::fields::FieldFault;
use crate::core::cdr::{CALL_ID_BYTES_MAX, Cdr};
use mapping::SwitchCall;
pub use mapping::{MAPPING_BYTES_MAX, Mapping, MappingFault, MappingFaults};
use values::Values;

/// The largest record of a foreign format, in bytes: a page of a thousand rows fits. The native form has its own bound.
pub const FOREIGN_RECORD_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Between the parts of an identity.
const JOINT: &str = ":";

/// How a CDR is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// Native, as JSON.
    Json,
    /// Native, as a table with a header.
    Csv,
    /// Microsoft Graph `pstnCallLogRow`.
    Graph,
    /// FreeSWITCH `mod_json_cdr`.
    FreeswitchJson,
    /// FreeSWITCH `mod_cdr_csv`.
    FreeswitchCsv,
    /// Asterisk `Master.csv`.
    AsteriskCsv,
    /// Kamailio or OpenSIPS `acc`.
    Kamailio,
    /// Twilio call resource.
    Twilio,
}

impl Format {
    /// All formats.
    pub const ALL: [Format; 8] = [
        Format::Json,
        Format::Csv,
        Format::Graph,
        Format::FreeswitchJson,
        Format::FreeswitchCsv,
        Format::AsteriskCsv,
        Format::Kamailio,
        Format::Twilio,
    ];

    /// The stable code, as in configurations.
    pub fn code(self) -> &'static str {
        match self {
            Format::Json => "json",
            Format::Csv => "csv",
            Format::Graph => "graph",
            Format::FreeswitchJson => "freeswitch_json",
            Format::FreeswitchCsv => "freeswitch_csv",
            Format::AsteriskCsv => "asterisk_csv",
            Format::Kamailio => "kamailio",
            Format::Twilio => "twilio",
        }
    }

    /// The native form: it needs no mapping, and takes none.
    pub fn is_native(self) -> bool {
        matches!(self, Format::Json | Format::Csv)
    }

    /// A record is a JSON document, maybe of several lines; else records are lines.
    pub fn has_documents(self) -> bool {
        matches!(self, Format::Graph | Format::FreeswitchJson | Format::Twilio)
    }

    fn tells_direction(self) -> bool {
        matches!(self, Format::Graph | Format::Twilio)
    }

    fn tells_usage_country(self) -> bool {
        self == Format::Graph
    }

    fn has_wall_clocks(self) -> bool {
        matches!(self, Format::FreeswitchCsv | Format::AsteriskCsv)
    }

    /// The columns that the switch writes unless told otherwise.
    fn own_columns(self) -> &'static [&'static str] {
        match self {
            Format::FreeswitchCsv => &freeswitch_csv::COLUMNS,
            Format::AsteriskCsv => &asterisk_csv::COLUMNS,
            _ => &[],
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// The text is the code of no format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not one of json, csv, graph, freeswitch_json, freeswitch_csv, asterisk_csv, kamailio, twilio")]
pub struct NotAFormat;

impl FromStr for Format {
    type Err = NotAFormat;

    fn from_str(code: &str) -> Result<Format, NotAFormat> {
        Format::ALL.into_iter().find(|format| format.code() == code).ok_or(NotAFormat)
    }
}

/// Why there is no CDR in a row, although nothing is wrong with it. Skipped rows are counted, nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Skip {
    /// The other leg of a call that has a record of its own: what FreeSWITCH dialled on behalf of a caller.
    InternalLeg,
    /// No call: a SIP transaction that is no INVITE, a page or a table without rows.
    NotACall,
    /// A call that goes on, or was only set up: its end comes with a later record.
    NotFinished,
    /// Carried by the tenant's own carrier, who charges for it (Graph `dr_…`).
    DirectRouting,
    /// The mapping says so (`[skip]`).
    ByMapping,
}

impl Skip {
    /// All of them.
    pub const ALL: [Skip; 5] =
        [Skip::InternalLeg, Skip::NotACall, Skip::NotFinished, Skip::DirectRouting, Skip::ByMapping];

    /// The stable code, as in summaries and metrics.
    pub fn code(self) -> &'static str {
        match self {
            Skip::InternalLeg => "internal_leg",
            Skip::NotACall => "not_a_call",
            Skip::NotFinished => "not_finished",
            Skip::DirectRouting => "direct_routing",
            Skip::ByMapping => "by_mapping",
        }
    }
}

/// What became of one row of a record.
#[derive(Debug)]
pub enum Outcome<'r> {
    /// A call.
    Call(&'r Cdr<'r>),
    /// Nothing to rate.
    Skipped(Skip),
    /// It cannot be read.
    Rejected(&'r Rejected),
}

/// One row of a record.
#[derive(Debug)]
pub struct Row<'r> {
    /// Its own text: the line, the JSON of the row; the whole record where that cannot be taken apart.
    pub text: &'r [u8],
    /// What became of it.
    pub outcome: Outcome<'r>,
}

/// Takes the rows of a record.
pub type TakeRow<'t, E> = dyn FnMut(Row<'_>) -> Result<(), E> + 't;

/// Decodes records of one format.
#[derive(Clone, Debug)]
pub struct Decoder {
    format: Format,
    mapping: Option<Mapping>,
}

impl Decoder {
    /// A decoder; the mapping is the text of its file.
    ///
    /// # Errors
    /// A mapping with faults, none where one is needed, one where none is taken.
    pub fn new(format: Format, mapping: Option<&str>) -> Result<Decoder, MappingFaults> {
        let mapping = match mapping {
            Some(_) if format.is_native() => {
                let needless = format_args!("{format} is the native form and takes none");
                return Err(MappingFaults::one("mapping", needless));
            }
            None if !format.is_native() => {
                let needed = format_args!("needed for {format}: it says at least whose the calls are");
                return Err(MappingFaults::one("mapping", needed));
            }
            Some(text) => Some(Mapping::read(text, format)?),
            None => None,
        };
        Ok(Decoder { format, mapping })
    }

    /// What it decodes.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Decodes a whole record, as Kafka has it, and hands each row to `take`; at least one, whatever the bytes are. A record of
    /// a format of lines may have several, and one of `csv` begins with its header.
    ///
    /// # Errors
    /// What `take` returns.
    pub fn decode<E>(&self, record: &[u8], take: &mut TakeRow<'_, E>) -> Result<(), E> {
        let mut rows = 0_usize;
        self.file().decode(record, &mut |row: Row<'_>| {
            rows += 1;
            take(row)
        })?;
        // A header without rows.
        if rows == 0 { take(Row { text: record, outcome: Outcome::Skipped(Skip::NotACall) }) } else { Ok(()) }
    }

    /// Decodes a file record by record: the header of a table counts for all of it.
    pub fn file(&self) -> FileDecoder<'_> {
        FileDecoder { decoder: self, header: None }
    }
}

/// Decodes the records of one file, one after the other.
#[derive(Debug)]
pub struct FileDecoder<'d> {
    decoder: &'d Decoder,
    header: Option<native_csv::Header>,
}

impl FileDecoder<'_> {
    /// Decodes the next record: a line or more, or a document. The header of a table is no row.
    ///
    /// # Errors
    /// What `take` returns.
    pub fn decode<E>(&mut self, record: &[u8], take: &mut TakeRow<'_, E>) -> Result<(), E> {
        let rejected = |detail: fmt::Arguments<'_>, take: &mut TakeRow<'_, E>| {
            take(Row { text: record, outcome: Outcome::Rejected(&Rejected::malformed(detail)) })
        };
        if record.len() > FOREIGN_RECORD_BYTES_MAX {
            let detail = format_args!("record: {} bytes, more than {FOREIGN_RECORD_BYTES_MAX}", record.len());
            return rejected(detail, take);
        }
        if record.trim_ascii().is_empty() {
            return rejected(format_args!("record: empty"), take);
        }
        match (&self.decoder.mapping, self.decoder.format) {
            (Some(mapping), format) if format.has_documents() => documents::decode(format, mapping, record, take),
            (Some(mapping), format) => each_line(record, |line| {
                let text = String::from_utf8_lossy(line);
                give(line, read_line(format, mapping, &text), take)
            }),
            (None, Format::Csv) => each_line(record, |line| native_csv::decode(&mut self.header, line, take)),
            (None, _) => match cdr::decode(record) {
                Ok(cdr) => take(Row { text: record, outcome: Outcome::Call(&cdr) }),
                Err(rejected) => take(Row { text: record, outcome: Outcome::Rejected(&rejected) }),
            },
        }
    }
}

/// What a row was read as.
type Read = Result<Found, Rejected>;

/// A call, or why there is none.
#[derive(Debug)]
enum Found {
    Call(Box<Cdr<'static>>),
    Skipped(Skip),
}

/// What a switch wrote was read as.
#[derive(Debug)]
enum Switch<'v> {
    Call(SwitchCall<'v>),
    Skipped(Skip),
}

fn read_line(format: Format, mapping: &Mapping, line: &str) -> Read {
    let values = match format {
        Format::FreeswitchCsv => csv_line::values(line, freeswitch_csv::columns(mapping))?,
        Format::AsteriskCsv => asterisk_csv::values(line, mapping)?,
        _ => kamailio::values(line)?,
    };
    read_values(format, mapping, &values)
}

/// The one way from what a switch wrote to a native CDR.
fn read_values(format: Format, mapping: &Mapping, values: &Values<'_>) -> Read {
    if mapping.skips(values)? {
        return Ok(Found::Skipped(Skip::ByMapping));
    }
    let switch = match format {
        Format::Graph => graph::read(values, mapping)?,
        Format::FreeswitchJson | Format::FreeswitchCsv => freeswitch::read(values, mapping)?,
        Format::AsteriskCsv => asterisk_csv::read(values, mapping)?,
        Format::Kamailio => kamailio::read(values, mapping)?,
        Format::Twilio => twilio::read(values, mapping)?,
        Format::Json | Format::Csv => unreachable!("the native form takes no mapping"),
    };
    match switch {
        Switch::Call(call) => Ok(Found::Call(Box::new(mapping.complete(call, values)?))),
        Switch::Skipped(skip) => Ok(Found::Skipped(skip)),
    }
}

fn give<E>(text: &[u8], read: Read, take: &mut TakeRow<'_, E>) -> Result<(), E> {
    match read {
        Ok(Found::Call(cdr)) => take(Row { text, outcome: Outcome::Call(&cdr) }),
        Ok(Found::Skipped(skip)) => take(Row { text, outcome: Outcome::Skipped(skip) }),
        Err(rejected) => take(Row { text, outcome: Outcome::Rejected(&rejected) }),
    }
}

/// Every line that is not blank.
fn each_line<E>(record: &[u8], mut each: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
    record.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty()).try_for_each(&mut each)
}

/// The names that the mapping gives, else those that the switch has.
fn names<'n>(given: &'n [String], own: &[&'n str]) -> Vec<&'n str> {
    if given.is_empty() { own.to_vec() } else { given.iter().map(String::as_str).collect() }
}

/// The identity of a call: the texts of these fields, all of which must be there.
fn identity(values: &Values<'_>, names: &[&str]) -> Result<String, FieldFault> {
    let texts = names.iter().map(|name| values.required(name)).collect::<Result<Vec<&str>, FieldFault>>()?;
    Ok(bounded_identity(&texts))
}

fn bounded_identity(texts: &[&str]) -> String {
    let joined = texts.join(JOINT);
    if joined.len() <= CALL_ID_BYTES_MAX {
        return joined;
    }
    let digest = Sha256::digest(joined.as_bytes());
    digest.iter().fold("sha256:".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

impl From<FieldFault> for Rejected {
    fn from(fault: FieldFault) -> Rejected {
        Rejected::malformed(fault)
    }
}

#[cfg(test)]
mod tests;
