//! The CDRs of a file in any format, as native records.

use std::io::Read;

use jiff::Timestamp;

use super::lines::whole_millis;
use super::{Lines, OfflineFailure};
use crate::wire::foreign::{Decoder, FOREIGN_RECORD_BYTES_MAX, FileDecoder, Format, Outcome, Row, Skip};
use crate::wire::{self, RECORD_BYTES_MAX, Rejected};

/// What a file has to offer.
#[derive(Debug)]
pub enum Offered<'r> {
    /// A native record, which may be faulty itself.
    Record(&'r [u8]),
    /// What a switch wrote and nobody can read; the detail begins with its line.
    Rejected(&'r Rejected),
    /// What a switch wrote and nobody needs to rate.
    Skipped(Skip),
}

/// How many rows were skipped, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SkipCounts([u64; Skip::ALL.len()]);

impl SkipCounts {
    /// One more.
    pub fn add(&mut self, skip: Skip) {
        self.0[skip as usize] += 1;
    }

    /// Those that happened.
    pub fn iter(&self) -> impl Iterator<Item = (Skip, u64)> {
        Skip::ALL.into_iter().zip(self.0).filter(|(_, rows)| *rows > 0)
    }
}

/// Takes what a file has to offer.
pub type TakeOffered<'t> = dyn FnMut(Offered<'_>) -> Result<(), OfflineFailure> + 't;

/// The records of a file.
///
/// A record is a line; where the format has documents, a line that is one, or the lines from one that begins a document to
/// the one that ends it. Which of both a file has is told by its first line, so that in a file of lines a broken one harms no other.
#[derive(Debug)]
pub struct Records<'d, R> {
    lines: Lines<R>,
    format: Format,
    decoder: FileDecoder<'d>,
    /// A document may be spread over lines; `None` before the first line.
    spread: Option<bool>,
    /// The record at hand.
    document: Vec<u8>,
    native: Vec<u8>,
}

impl<'d, R: Read> Records<'d, R> {
    /// The records of `reader`.
    pub fn new(reader: R, decoder: &'d Decoder) -> Records<'d, R> {
        let format = decoder.format();
        let longest = if format.is_native() { RECORD_BYTES_MAX } else { FOREIGN_RECORD_BYTES_MAX };
        Records {
            lines: Lines::of_records(reader, longest),
            format,
            decoder: decoder.file(),
            spread: None,
            document: Vec::new(),
            native: Vec::new(),
        }
    }

    /// Hands over what the next record has to offer; `false` behind the last one.
    ///
    /// # Errors
    /// [`OfflineFailure::Read`], and what `take` returns.
    pub fn next(&mut self, take: &mut TakeOffered<'_>) -> Result<bool, OfflineFailure> {
        if self.format.has_documents() && self.spread != Some(false) {
            return self.next_document(take);
        }
        self.document.clear();
        let Some(line) = self.lines.next_record()? else { return Ok(false) };
        if self.format == Format::Json {
            // As it is: the reader of the native form says what is wrong with it.
            take(Offered::Record(line))?;
            return Ok(true);
        }
        self.document.extend_from_slice(line);
        self.offer(self.lines.line(), take)?;
        Ok(true)
    }

    fn next_document(&mut self, take: &mut TakeOffered<'_>) -> Result<bool, OfflineFailure> {
        self.document.clear();
        let mut open = Nesting::default();
        let mut first = None;
        while let Some(line) = self.lines.next_record()? {
            open.go_through(line);
            if self.document.len() <= FOREIGN_RECORD_BYTES_MAX {
                self.document.extend_from_slice(line);
                self.document.push(b'\n');
            }
            first = first.or(Some(self.lines.line()));
            self.spread = self.spread.or(Some(open.is_open()));
            if !open.is_open() {
                break;
            }
        }
        let Some(first) = first else { return Ok(false) };
        self.offer(first, take)?;
        Ok(true)
    }

    /// What the record at hand holds, which began in that line.
    fn offer(&mut self, line: u64, take: &mut TakeOffered<'_>) -> Result<(), OfflineFailure> {
        let Records { decoder, document, native, .. } = self;
        decoder.decode(document.trim_ascii(), &mut |row: Row<'_>| match row.outcome {
            Outcome::Call(cdr) => {
                native.clear();
                wire::cdr::encode(cdr, native);
                take(Offered::Record(native))
            }
            Outcome::Rejected(Rejected { reason, detail }) => {
                take(Offered::Rejected(&Rejected { reason: *reason, detail: format!("line {line}: {detail}") }))
            }
            Outcome::Skipped(skip) => take(Offered::Skipped(skip)),
        })
    }

    /// Bytes read so far.
    pub fn bytes(&self) -> u64 {
        self.lines.bytes()
    }
}

/// How deep a JSON text is inside of objects, lists and strings.
#[derive(Default)]
struct Nesting {
    depth: usize,
    in_text: bool,
    escaped: bool,
}

impl Nesting {
    fn go_through(&mut self, json: &[u8]) {
        for byte in json {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' if self.in_text => self.escaped = true,
                b'"' => self.in_text = !self.in_text,
                _ if self.in_text => {}
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
        }
        // No text of JSON goes over the end of its line: an open quote is a fault of its own line.
        (self.in_text, self.escaped) = (false, false);
    }

    fn is_open(&self) -> bool {
        self.depth > 0
    }
}

/// The end of the latest call of some records, in whole milliseconds: the clock, unless one is given.
///
/// # Errors
/// [`OfflineFailure::Read`].
pub fn latest_end<R: Read>(records: &mut Records<'_, R>) -> Result<Option<Timestamp>, OfflineFailure> {
    let mut latest = None;
    let mut look = |offered: Offered<'_>| {
        if let Offered::Record(record) = offered
            && let Ok(cdr) = wire::cdr::decode(record)
        {
            latest = latest.max(Some(cdr.ended_at()));
        }
        Ok(())
    };
    while records.next(&mut look)? {}
    Ok(latest.map(whole_millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAPPING: &str = "tenant = \"contoso\"";

    /// What is offered, a word each: the callee, the reason or the skip.
    fn told(format: Format, text: &str) -> Vec<String> {
        let mapping = (!format.is_native()).then_some(MAPPING);
        let decoder = Decoder::new(format, mapping).unwrap_or_else(|faults| panic!("{faults}"));
        let mut records = Records::new(text.as_bytes(), &decoder);
        let mut all = Vec::new();
        let mut take = |offered: Offered<'_>| {
            all.push(match offered {
                Offered::Record(record) => match wire::cdr::decode(record) {
                    Ok(cdr) => cdr.call_id.into_owned(),
                    Err(rejected) => rejected.reason.code().to_owned(),
                },
                Offered::Rejected(rejected) => rejected.reason.code().to_owned(),
                Offered::Skipped(skip) => skip.code().to_owned(),
            });
            Ok(())
        };
        while records.next(&mut take).expect("memory can be read") {}
        all
    }

    fn row(id: &str) -> String {
        format!(
            r#"{{"id":"{id}","callType":"user_out","duration":60,"calleeNumber":"+33612345678","startDateTime":"2026-11-20T10:00:00Z"}}"#
        )
    }

    fn over_lines(json: &str) -> String {
        json.replace(',', ",\n  ").replace('{', "{\n  ").replace('}', "\n}")
    }

    #[test]
    fn a_file_of_documents_has_them_on_a_line_each_or_over_many() {
        let (a, b, c) = (row("a"), row("b"), row("c"));
        assert_eq!(told(Format::Graph, &format!("{a}\n{b}\n\n{c}\n")), ["a", "b", "c"]);
        assert_eq!(told(Format::Graph, &format!("{}\n{}", over_lines(&a), over_lines(&b))), ["a", "b"]);
        assert_eq!(told(Format::Graph, &format!("[\n{a},\n{b}\n]\n")), ["a", "b"]);
        assert_eq!(told(Format::Graph, &over_lines(&format!("{{\"value\":[{a},{b}]}}"))), ["a", "b"]);
        assert_eq!(told(Format::Graph, ""), [""; 0]);
    }

    #[test]
    fn law10_a_broken_line_harms_no_other() {
        let (a, b) = (row("a"), row("b"));
        assert_eq!(told(Format::Graph, &format!("{a}\n{{\"id\":\n{b}\n")), ["a", "malformed", "b"]);
        assert_eq!(told(Format::Graph, &format!("{a}\n{{\"id\":\"\n{b}\n")), ["a", "malformed", "b"]);
        assert_eq!(told(Format::Graph, &format!("{}\n{{\n{b}", over_lines(&a))), ["a", "malformed"]);
    }

    #[test]
    fn a_document_that_never_ends_takes_bounded_memory() {
        let text = format!("[\n{}", "1,\n".repeat(FOREIGN_RECORD_BYTES_MAX));
        assert_eq!(told(Format::Graph, &text), ["malformed"]);
    }

    #[test]
    fn the_header_of_a_table_is_no_record() {
        let header = "call_id,tenant,service,direction,from,to,number_type,answered_at,duration_seconds";
        let row = |id: &str| format!("{id},t,calling,outbound,1,+33612345678,user,2026-11-20T10:00:00Z,60");
        assert_eq!(told(Format::Csv, &format!("{header}\n{}\nx\n{}\n", row("a"), row("b"))), ["a", "malformed", "b"]);
    }
}
