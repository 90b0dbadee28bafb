//! The lines of a file.

use std::io::{BufRead, BufReader, Read};

use jiff::Timestamp;

use super::OfflineFailure;
use crate::wire::RECORD_BYTES_MAX;

/// Bytes that are read at a time.
const READ_BYTES: usize = 1 << 20;

/// The lines of a file, each a record. Blank lines are none.
#[derive(Debug)]
pub struct Lines<R> {
    reader: BufReader<R>,
    buffer: Vec<u8>,
    record_bytes_max: usize,
    line: u64,
    bytes: u64,
}

impl<R: Read> Lines<R> {
    /// The lines of `reader`, each a record of an input.
    pub fn new(reader: R) -> Lines<R> {
        Lines::of_records(reader, RECORD_BYTES_MAX)
    }

    /// The lines of `reader`, each a record of at most so many bytes.
    pub fn of_records(reader: R, record_bytes_max: usize) -> Lines<R> {
        let reader = BufReader::with_capacity(READ_BYTES, reader);
        Lines { reader, buffer: Vec::new(), record_bytes_max, line: 0, bytes: 0 }
    }

    /// The next record, without its line end. One that is longer than it may be is cut just above that, so that the memory it
    /// takes has a bound and the decoder says what is wrong with it.
    ///
    /// # Errors
    /// [`OfflineFailure::Read`].
    pub fn next_record(&mut self) -> Result<Option<&[u8]>, OfflineFailure> {
        Ok(self.next_numbered()?.map(|(_, record)| record))
    }

    /// As [`Self::next_record`], with its line, counted from 1.
    ///
    /// # Errors
    /// [`OfflineFailure::Read`].
    pub fn next_numbered(&mut self) -> Result<Option<(u64, &[u8])>, OfflineFailure> {
        loop {
            self.buffer.clear();
            self.line += 1;
            let read = self.read_line().map_err(|source| OfflineFailure::Read { line: self.line, source })?;
            if read == 0 {
                return Ok(None);
            }
            self.bytes += read;
            if !self.buffer.trim_ascii().is_empty() {
                return Ok(Some((self.line, self.buffer.trim_ascii())));
            }
        }
    }

    /// The line of the last record, counted from 1.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// Bytes read so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    fn read_line(&mut self) -> std::io::Result<u64> {
        let kept_max = self.record_bytes_max + 2;
        let mut read = 0;
        loop {
            let available = self.reader.fill_buf()?;
            if available.is_empty() {
                return Ok(read);
            }
            let end = available.iter().position(|byte| *byte == b'\n').map(|place| place + 1);
            let taken = end.unwrap_or(available.len());
            let room = kept_max.saturating_sub(self.buffer.len());
            self.buffer.extend_from_slice(&available[..taken.min(room)]);
            self.reader.consume(taken);
            read += u64::try_from(taken).expect("a buffer's length");
            if end.is_some() {
                return Ok(read);
            }
        }
    }
}

/// The clock of a partition counts whole milliseconds, as brokers do.
pub(super) fn whole_millis(at: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(at.as_millisecond()).expect("an instant is in range without its last digits")
}
