//! A CSV file with named columns, whose every fault has a line and a column.

use std::fmt::Display;
use std::str::FromStr;

use crate::wire::fault::{Faults, Place, quoted};

/// A column that a file may have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    /// The file must have the column, and each line a value in it.
    pub(crate) required: bool,
}

/// A line of a table. Columns are named by their place in the list of [`read_rows`].
pub(crate) struct Line<'a> {
    file: &'a str,
    columns: &'a [Column],
    /// For each column the field that holds it.
    fields: &'a [Option<usize>],
    record: &'a csv::StringRecord,
    pub(crate) number: u64,
}

impl<'a> Line<'a> {
    /// The text of a column, without spaces around it; empty if the file has no such column.
    pub(crate) fn text(&self, column: usize) -> &'a str {
        self.fields[column].and_then(|field| self.record.get(field)).unwrap_or("").trim()
    }

    /// The text of a field, counted from 0, without spaces around it.
    pub(crate) fn field(&self, field: usize) -> &'a str {
        self.record.get(field).unwrap_or("").trim()
    }

    /// Says that the value of a column is wrong, and repeats it.
    pub(crate) fn wrong(&self, column: usize, message: impl Display, faults: &mut Faults) {
        self.fault(column, format!("{message}: {}", quoted(self.text(column))), faults);
    }

    /// Says that something is wrong with a column.
    pub(crate) fn fault(&self, column: usize, message: impl Into<String>, faults: &mut Faults) {
        let field = self.fields[column].unwrap_or(0);
        let place = Place { line: self.number, column: field + 1, column_name: self.columns[column].name };
        faults.add(self.file, place, message);
    }

    /// The value of a column; `None` if it is empty, or wrong, which is a fault then.
    pub(crate) fn parsed<T>(&self, column: usize, faults: &mut Faults) -> Option<T>
    where
        T: FromStr,
        T::Err: Display,
    {
        self.read(column, str::parse, faults)
    }

    /// The value of a column as `read` understands it; `None` if it is empty, or wrong, which is a fault then.
    pub(crate) fn read<T, E: Display>(
        &self,
        column: usize,
        read: impl FnOnce(&'a str) -> Result<T, E>,
        faults: &mut Faults,
    ) -> Option<T> {
        let text = self.text(column);
        if text.is_empty() {
            return None;
        }
        read(text).map_err(|error| self.wrong(column, error, faults)).ok()
    }
}

/// Reads a table: the first line that is no comment (`#`) names its columns, in any order; every line after it is handed to
/// `each`. Lines that have another number of fields, or nothing in a required column, are faults and are not handed on.
pub(crate) fn read_rows(
    file: &str,
    text: &str,
    columns: &[Column],
    faults: &mut Faults,
    each: impl FnMut(&Line<'_>, &mut Faults),
) {
    let table = Table { file, text, line: 1, delimiter: b',', columns };
    let Some(head) = table.head() else {
        faults.add(file, Place::line(1), "no line that names the columns");
        return;
    };
    if let Some(fields) = exact_fields(file, &head, columns, faults) {
        table.read(&fields, head.rows, faults, each);
    }
}

/// A text of lines with fields, and what its lines are to have.
pub(crate) struct Table<'a> {
    pub(crate) file: &'a str,
    pub(crate) text: &'a str,
    /// The line that the text begins with.
    pub(crate) line: u64,
    pub(crate) delimiter: u8,
    pub(crate) columns: &'a [Column],
}

/// The line that names the columns.
pub(crate) struct Head<'a> {
    pub(crate) names: csv::StringRecord,
    pub(crate) line: u64,
    /// What comes after it.
    pub(crate) rows: Rows<'a>,
}

/// The lines of a table that have values.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    text: &'a str,
    /// The line that the text begins with.
    line: u64,
}

/// Which field holds which column, and how many fields a line has.
pub(crate) struct Fields {
    pub(crate) of_columns: Vec<Option<usize>>,
    pub(crate) width: usize,
}

impl<'a> Table<'a> {
    /// The first line that is no comment, as that which names the columns.
    pub(crate) fn head(&self) -> Option<Head<'a>> {
        let mut reader = self.reader(self.text);
        let mut names = csv::StringRecord::new();
        if !reader.read_record(&mut names).expect("memory can be read, and the text is UTF-8") {
            return None;
        }
        let line = line_of(&names, self.text, self.line);
        let end = usize::try_from(reader.position().byte()).expect("the text is in memory");
        let lines_before = self.text[..end].bytes().filter(|byte| *byte == b'\n').fold(0, |lines, _| lines + 1);
        let rows = Rows { text: &self.text[end..], line: self.line + lines_before };
        Some(Head { names, line, rows })
    }

    /// All of it, where no line names the columns.
    pub(crate) fn rows(&self) -> Rows<'a> {
        Rows { text: self.text, line: self.line }
    }

    /// The first line of values, as a sample.
    pub(crate) fn first_of(&self, rows: Rows<'_>) -> csv::StringRecord {
        let mut record = csv::StringRecord::new();
        self.reader(rows.text).read_record(&mut record).expect("memory can be read, and the text is UTF-8");
        record
    }

    fn reader<'t>(&self, text: &'t str) -> csv::Reader<&'t [u8]> {
        csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .comment(Some(b'#'))
            .delimiter(self.delimiter)
            .from_reader(text.as_bytes())
    }

    /// Hands every line of values to `each`, but for those that have a fault of their own.
    pub(crate) fn read(
        &self,
        fields: &Fields,
        rows: Rows<'_>,
        faults: &mut Faults,
        mut each: impl FnMut(&Line<'_>, &mut Faults),
    ) {
        let (file, columns, width) = (self.file, self.columns, fields.width);
        let mut reader = self.reader(rows.text);
        let mut record = csv::StringRecord::new();
        while reader.read_record(&mut record).expect("memory can be read, and the text is UTF-8") {
            let number = line_of(&record, rows.text, rows.line);
            let line = Line { file, columns, fields: &fields.of_columns, record: &record, number };
            if let Some(field) = record.iter().position(|field| field.contains('\n')) {
                let place = Place { line: number, column: field + 1, column_name: "" };
                faults.add(file, place, "the field runs over the end of its line: is a quote left open?");
                continue;
            }
            if record.len() != width {
                let place = Place { line: number, column: record.len().min(width) + 1, column_name: "" };
                faults.add(file, place, format!("{} fields, but the header has {width}", record.len()));
                continue;
            }
            let empty = (0..columns.len()).filter(|column| columns[*column].required && line.text(*column).is_empty());
            let mut is_whole = true;
            for column in empty {
                is_whole = false;
                line.fault(column, "missing", faults);
            }
            if is_whole {
                each(&line, faults);
            }
        }
    }
}

/// The fields of columns that are known by their exact names. `None` if a required one is missing: the lines would be nothing
/// but faults.
fn exact_fields(file: &str, head: &Head<'_>, columns: &[Column], faults: &mut Faults) -> Option<Fields> {
    let mut fields = vec![None; columns.len()];
    for (field, name) in head.names.iter().enumerate() {
        let place = Place { line: head.line, column: field + 1, column_name: "" };
        match columns.iter().position(|column| column.name == name.trim()) {
            None => {
                let known: Vec<&str> = columns.iter().map(|column| column.name).collect();
                let message = format!("no such column: {}; there are {}", quoted(name.trim()), known.join(", "));
                faults.add(file, place, message);
            }
            Some(column) if fields[column].is_some() => {
                faults.add(file, place, format!("the column is there twice: {}", quoted(name.trim())));
            }
            Some(column) => fields[column] = Some(field),
        }
    }
    has_required(file, head.line, columns, &fields, faults)
        .then_some(Fields { of_columns: fields, width: head.names.len() })
}

/// Every required column is there; those that are not are faults of the line that names the columns.
pub(crate) fn has_required(
    file: &str,
    line: u64,
    columns: &[Column],
    fields: &[Option<usize>],
    faults: &mut Faults,
) -> bool {
    let mut has_all = true;
    for (column, _) in columns.iter().zip(fields).filter(|(column, field)| column.required && field.is_none()) {
        has_all = false;
        faults.add(file, Place::line(line), format!("the column {} is missing", column.name));
    }
    has_all
}

/// The line that a record begins in. The reader's own position is that of the comments and empty lines before it.
fn line_of(record: &csv::StringRecord, text: &str, first_line: u64) -> u64 {
    let position = record.position().expect("a record that was read has a position");
    let begin = usize::try_from(position.byte()).expect("the text is in memory");
    let skipped = text[begin..].split('\n').take_while(|line| line.starts_with('#') || matches!(*line, "" | "\r"));
    skipped.fold(first_line + position.line() - 1, |line, _| line + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 3] = [
        Column { name: "prefix", required: true },
        Column { name: "rate", required: true },
        Column { name: "note", required: false },
    ];

    /// The rows as `line prefix rate note`, and the faults.
    fn read(text: &str) -> (Vec<String>, String) {
        let mut faults = Faults::new();
        let mut rows = Vec::new();
        read_rows("t.csv", text, &COLUMNS, &mut faults, |line, _| {
            rows.push(format!("{} {} {} {}", line.number, line.text(0), line.text(1), line.text(2)));
        });
        (rows, faults.to_string())
    }

    #[test]
    fn lines_are_counted_across_comments_empty_lines_and_both_line_ends() {
        for end in ["\n", "\r\n"] {
            let text =
                "# head: 1\n\nrate,prefix\n# between\n0.1, 44\n\n\n# again\n0.2,\"45\"\n0.3,46".replace('\n', end);
            let (rows, faults) = read(&text);
            assert_eq!(rows, ["5 44 0.1 ", "9 45 0.2 ", "10 46 0.3 "]);
            assert_eq!(faults, "");
        }
    }

    #[test]
    fn every_fault_of_a_table_has_line_and_column() {
        let (rows, faults) =
            read("prefix,rate,note\n44\n45,0.1,x,y\n,0.1,\n46,,\n47,0.2,\"a, b\"\n48,\"0.1,z\n49,0.1,z\n");
        assert_eq!(rows, ["6 47 0.2 a, b"]);
        assert_eq!(
            faults,
            "t.csv:2: column 2: 1 fields, but the header has 3\n\
             t.csv:3: column 4: 4 fields, but the header has 3\n\
             t.csv:4: column 1 (prefix): missing\n\
             t.csv:5: column 2 (rate): missing\n\
             t.csv:7: column 2: the field runs over the end of its line: is a quote left open?"
        );
    }

    #[test]
    fn columns_are_known_by_their_exact_names() {
        let (rows, faults) = read("prefix,price,rate,rate\n44,0.1,0.1,0.1\n");
        assert_eq!(rows, ["2 44 0.1 "]);
        assert_eq!(
            faults,
            "t.csv:1: column 2: no such column: \"price\"; there are prefix, rate, note\n\
             t.csv:1: column 4: the column is there twice: \"rate\""
        );
        assert_eq!(read("prefix,note\n44,x\n").1, "t.csv:1: column 1: the column rate is missing");
        assert_eq!(read("# only a comment\n").1, "t.csv:1: column 1: no line that names the columns");
    }
}
