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
    /// Bytes of a record at most.
    longest: usize,
    buffer: Vec<u8>,
    line: u64,
    bytes: u64,
}

impl<R: Read> Lines<R> {
    /// The lines of `reader`, of native records.
    pub fn new(reader: R) -> Lines<R> {
        Lines::up_to(RECORD_BYTES_MAX, reader)
    }

    /// The lines of `reader`, of records that may be as long as that.
    pub fn up_to(longest: usize, reader: R) -> Lines<R> {
        Lines { reader: BufReader::with_capacity(READ_BYTES, reader), longest, buffer: Vec::new(), line: 0, bytes: 0 }
    }

    /// The next record, without its line end. One that is longer than the wire allows is cut just above that, so that the
    /// memory it takes has a bound and the decoder says what is wrong with it.
    ///
    /// # Errors
    /// [`OfflineFailure::Read`].
    pub fn next_record(&mut self) -> Result<Option<&[u8]>, OfflineFailure> {
        loop {
            self.buffer.clear();
            self.line += 1;
            let read = self.read_line().map_err(|source| OfflineFailure::Read { line: self.line, source })?;
            if read == 0 {
                return Ok(None);
            }
            self.bytes += read;
            if !self.buffer.trim_ascii().is_empty() {
                return Ok(Some(self.buffer.trim_ascii()));
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
        let kept_max = self.longest + 2;
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
