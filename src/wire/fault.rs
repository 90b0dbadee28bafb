//! What is wrong with a file, all of it, by line and column.

use std::fmt;

/// Faults that are listed at most; the rest is counted.
pub const FAULTS_LISTED_MAX: usize = 200;
/// Characters of a wrong value that a fault repeats at most.
const QUOTED_LEN_MAX: usize = 40;

/// A file as it was read, and how to call it in a fault.
#[derive(Clone, Copy, Debug)]
pub struct SourceFile<'a> {
    /// The path inside the catalog.
    pub name: &'a str,
    /// The content.
    pub bytes: &'a [u8],
}

/// Where in a file something is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    /// From 1.
    pub line: u64,
    /// From 1: the field of a CSV line, the character of another.
    pub column: usize,
    /// What the column is called; empty where it has no name.
    pub column_name: &'a str,
}

impl Place<'static> {
    /// The beginning of a line.
    pub(crate) fn line(line: u64) -> Place<'static> {
        Place { line, column: 1, column_name: "" }
    }
}

/// One thing that is wrong. Written as `decks/x.csv:17: column 5 (rate_per_minute): more than 9 decimals: "0.0000000001"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The file.
    pub file: Box<str>,
    /// From 1.
    pub line: u64,
    /// From 1: the field of a CSV line, the character of another.
    pub column: usize,
    /// What the column is called; empty where it has no name.
    pub column_name: Box<str>,
    /// What is wrong and, where it is not plain from that, what would be right.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: column {}", self.file, self.line, self.column)?;
        if !self.column_name.is_empty() {
            write!(f, " ({})", self.column_name)?;
        }
        write!(f, ": {}", self.message)
    }
}

/// The faults of one file or of many: the first [`FAULTS_LISTED_MAX`], and how many there are in all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    listed: Vec<Fault>,
    count: usize,
}

impl Faults {
    /// None so far.
    pub fn new() -> Faults {
        Faults::default()
    }

    /// Nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How many there are, listed or not.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Those that are listed.
    pub fn listed(&self) -> &[Fault] {
        &self.listed
    }

    /// One more.
    pub fn add(&mut self, file: &str, place: Place<'_>, message: impl Into<String>) {
        self.count += 1;
        if self.listed.len() < FAULTS_LISTED_MAX {
            self.listed.push(Fault {
                file: file.into(),
                line: place.line,
                column: place.column,
                column_name: place.column_name.into(),
                message: message.into(),
            });
        }
    }

    /// Those of another file, after these.
    pub fn append(&mut self, other: Faults) {
        self.count += other.count;
        let room = FAULTS_LISTED_MAX - self.listed.len();
        self.listed.extend(other.listed.into_iter().take(room));
    }

    /// In the order of the lines of their file: some are found only when all lines are known.
    pub(crate) fn sort_by_line(&mut self) {
        self.listed.sort_by_key(|fault| (fault.line, fault.column));
    }
}

impl fmt::Display for Faults {
    /// A line for each, and `and N more` for those that are not listed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, fault) in self.listed.iter().enumerate() {
            if place > 0 {
                writeln!(f)?;
            }
            write!(f, "{fault}")?;
        }
        match self.count - self.listed.len() {
            0 => Ok(()),
            more => write!(f, "\nand {more} more"),
        }
    }
}

/// A wrong value as a fault repeats it: quoted, control characters escaped, cut where it is long.
pub(crate) fn quoted(value: &str) -> String {
    match value.char_indices().nth(QUOTED_LEN_MAX) {
        Some((end, _)) => format!("{:?}…", &value[..end]),
        None => format!("{value:?}"),
    }
}

/// The text of a file, without the byte order mark that spreadsheets put there. A fault where it is not UTF-8 or empty.
pub(crate) fn text_of<'a>(file: SourceFile<'a>, faults: &mut Faults) -> Option<&'a str> {
    match std::str::from_utf8(file.bytes) {
        Ok(text) => {
            let text = text.strip_prefix('\u{feff}').unwrap_or(text);
            if text.trim().is_empty() {
                faults.add(file.name, Place::line(1), "the file is empty");
                return None;
            }
            Some(text)
        }
        Err(error) => {
            let before = String::from_utf8_lossy(&file.bytes[..error.valid_up_to()]);
            let (line, column) = line_and_character(&before);
            let place = Place { line, column, column_name: "" };
            faults.add(file.name, place, "not UTF-8: save the file as UTF-8");
            None
        }
    }
}

/// The line and the character, both from 1, that follow this text.
pub(crate) fn line_and_character(before: &str) -> (u64, usize) {
    let line = 1 + before.bytes().filter(|byte| *byte == b'\n').fold(0, |lines, _| lines + 1);
    (line, 1 + before.rsplit('\n').next().map_or(0, |last| last.chars().count()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_beyond_the_bound_are_counted() {
        let mut faults = Faults::new();
        for line in 1..=205 {
            faults.add("x.csv", Place::line(line), "wrong");
        }
        let mut all = Faults::new();
        all.add("a.csv", Place { line: 7, column: 2, column_name: "country" }, "no");
        all.append(faults);
        assert_eq!((all.count(), all.listed().len()), (206, FAULTS_LISTED_MAX));
        let text = all.to_string();
        assert!(text.starts_with("a.csv:7: column 2 (country): no\nx.csv:1: column 1: wrong\n"), "{text}");
        assert!(text.ends_with("x.csv:199: column 1: wrong\nand 6 more"), "{text}");
    }

    #[test]
    fn a_file_that_is_not_utf8_is_a_fault_with_its_place() {
        let mut faults = Faults::new();
        let bytes = b"prefix,rate\n44,0.\xff5\n";
        assert_eq!(text_of(SourceFile { name: "x.csv", bytes }, &mut faults), None);
        assert_eq!(faults.to_string(), "x.csv:2: column 6: not UTF-8: save the file as UTF-8");
    }

    #[test]
    fn a_long_value_is_cut_when_it_is_repeated() {
        assert_eq!(quoted("a\tb"), r#""a\tb""#);
        assert_eq!(quoted(&"ä".repeat(50)), format!("\"{}\"…", "ä".repeat(40)));
    }
}
