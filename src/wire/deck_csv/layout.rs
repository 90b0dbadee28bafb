//! How a price list is laid out: its delimiter, and which field of a line is what.

use std::borrow::Cow;

use super::columns::{self, AMBIGUOUS_ADVICE, COLUMNS, Meaning, meaning, plain};
use super::mapping::{Field, Mapping};
use crate::core::currency::Currency;
use crate::wire::csv_table::{Fields, Line, Rows, Table, has_required};
use crate::wire::fault::{Faults, Place, quoted};

/// What can stand between fields, the likeliest first.
const DELIMITERS: [u8; 3] = [b',', b';', b'\t'];
/// A name that is taken only where there is no better one.
const LAST_RANK: usize = usize::MAX;

/// How a file is laid out.
pub(super) struct Layout<'a> {
    table: Table<'a>,
    rows: Rows<'a>,
    fields: Fields,
    /// The fields that a prefix is put together from.
    prefix_parts: Vec<usize>,
    /// The currencies that columns name, and where.
    named_currencies: Vec<(Currency, usize)>,
    /// The line that names the columns.
    header_line: u64,
}

impl<'a> Layout<'a> {
    /// `None` where no line could be read; the faults say why.
    pub(super) fn read(
        file: &'a str,
        text: &'a str,
        first_line: u64,
        mapping: &Mapping,
        faults: &mut Faults,
    ) -> Option<Layout<'a>> {
        let delimiter = mapping.delimiter.unwrap_or_else(|| delimiter_of(text));
        let table = Table { file, text, line: first_line, delimiter, columns: &COLUMNS };
        let (names, header_line, rows) = match table.head().filter(|_| mapping.has_header) {
            Some(head) => (head.names, head.line, head.rows),
            None if mapping.has_header => {
                faults.add(file, Place::line(first_line), "no line that names the columns");
                return None;
            }
            None => (csv::StringRecord::new(), first_line, table.rows()),
        };
        let sample = table.first_of(rows);
        let width = if mapping.has_header { names.len() } else { sample.len() };
        let mut search = Search {
            file,
            line: header_line,
            width,
            names: &names,
            found: vec![None; columns::COUNT],
            prefix_parts: Vec::new(),
            named_currencies: Vec::new(),
            faults,
        };
        search.as_mapped(mapping);
        search.by_names(&sample, mapping);
        let Search { found, prefix_parts, named_currencies, .. } = search;
        let of_columns: Vec<Option<usize>> = found.iter().map(|place| place.map(|(field, _)| field)).collect();
        has_required(file, header_line, &COLUMNS, &of_columns, faults).then_some(Layout {
            table,
            rows,
            fields: Fields { of_columns, width },
            prefix_parts,
            named_currencies,
            header_line,
        })
    }

    /// What stands between the fields.
    pub(super) fn delimiter(&self) -> u8 {
        self.table.delimiter
    }

    /// Where the prefix is, counted from 1.
    pub(super) fn prefix_column(&self) -> usize {
        self.prefix_parts.first().map_or(1, |field| field + 1)
    }

    /// The prefix of a line, with spaces between what it is put together from.
    pub(super) fn prefix_of<'l>(&self, line: &Line<'l>) -> Cow<'l, str> {
        if let [field] = self.prefix_parts[..] {
            return line.field(field).into();
        }
        let parts = self.prefix_parts.iter().map(|field| line.field(*field)).filter(|part| !part.is_empty());
        parts.collect::<Vec<_>>().join(" ").into()
    }

    /// The currency that the file itself says: in the names of its columns, or in its first line.
    pub(super) fn currency(&self) -> Option<Currency> {
        let of_first = || {
            let field = self.fields.of_columns[columns::CURRENCY]?;
            self.table.first_of(self.rows).get(field)?.trim().parse().ok()
        };
        self.named_currencies.first().map(|(currency, _)| *currency).or_else(of_first)
    }

    /// A fault for each column whose name says another currency than the list's.
    pub(super) fn check_currency(&self, list: Currency, faults: &mut Faults) {
        for (currency, field) in self.named_currencies.iter().filter(|(currency, _)| *currency != list) {
            let place = Place { line: self.header_line, column: field + 1, column_name: "" };
            faults.add(self.table.file, place, format!("the column is in {currency}, the list in {list}"));
        }
    }

    /// Hands on every line of prices.
    pub(super) fn read_lines(&self, faults: &mut Faults, each: impl FnMut(&Line<'_>, &mut Faults)) {
        self.table.read(&self.fields, self.rows, faults, each);
    }
}

/// What stands most often in the first line that is no comment, outside quotes.
fn delimiter_of(text: &str) -> u8 {
    let is_comment = |line: &&str| line.starts_with('#') || line.trim().is_empty();
    let head = text.lines().find(|line| !is_comment(line)).unwrap_or("");
    let outside = head.split('"').step_by(2);
    let counts = outside.fold([0_u32; DELIMITERS.len()], |mut counts, part| {
        for byte in part.bytes() {
            if let Some(place) = DELIMITERS.iter().position(|delimiter| *delimiter == byte) {
                counts[place] += 1;
            }
        }
        counts
    });
    // Of equal counts the first.
    let most = (0..DELIMITERS.len()).rev().max_by_key(|place| counts[*place]).expect("there are three");
    DELIMITERS[most]
}

/// The search for the columns of a header.
struct Search<'s> {
    file: &'s str,
    line: u64,
    width: usize,
    names: &'s csv::StringRecord,
    /// For each column its field, and how usual its name there is: the lower, the more.
    found: Vec<Option<(usize, usize)>>,
    prefix_parts: Vec<usize>,
    named_currencies: Vec<(Currency, usize)>,
    faults: &'s mut Faults,
}

impl Search<'_> {
    fn fault(&mut self, field: usize, message: String) {
        let place = Place { line: self.line, column: field + 1, column_name: "" };
        self.faults.add(self.file, place, message);
    }

    /// What the mapping says goes before what names say.
    fn as_mapped(&mut self, mapping: &Mapping) {
        for (column, given) in &mapping.columns {
            for field in given {
                let place = match field {
                    Field::Position(position) => Some(*position - 1).filter(|place| *place < self.width),
                    Field::Name(name) => self.names.iter().position(|known| plain(known) == plain(name)),
                };
                let name = COLUMNS[*column].name;
                match (place, field) {
                    (Some(place), _) => self.take(*column, place, 0),
                    (None, Field::Name(field)) => {
                        self.fault(0, format!("the mapping says that {name} is {}, which is not here", quoted(field)));
                    }
                    (None, Field::Position(position)) => {
                        let width = self.width;
                        self.fault(
                            0,
                            format!("the mapping says that {name} is field {position}, but there are {width}"),
                        );
                    }
                }
            }
        }
    }

    fn take(&mut self, column: usize, field: usize, rank: usize) {
        if column == columns::PREFIX {
            self.prefix_parts.push(field);
        }
        self.found[column].get_or_insert((field, rank));
    }

    /// All names that the mapping says nothing of.
    fn by_names(&mut self, sample: &csv::StringRecord, mapping: &Mapping) {
        let is_mapped: Vec<bool> = self.found.iter().map(Option::is_some).collect();
        let mapped: Vec<usize> =
            self.found.iter().flatten().map(|(field, _)| *field).chain(self.prefix_parts.iter().copied()).collect();
        for (field, name) in self.names.iter().enumerate() {
            let is_ignored = mapping.ignore.iter().any(|ignored| plain(ignored) == plain(name));
            if is_ignored || mapped.contains(&field) {
                continue;
            }
            let is_country = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_alphabetic());
            let first = sample.get(field).unwrap_or("").trim();
            match meaning(name) {
                Meaning::Silent => {}
                // A carrier's `Country` is `Afghanistan`: what a bill calls the destination, if nothing else does.
                Meaning::Column { column: columns::COUNTRY, rank: 0, .. }
                    if !first.is_empty() && !is_country(first) =>
                {
                    if !is_mapped[columns::DESTINATION] {
                        self.found[columns::DESTINATION].get_or_insert((field, LAST_RANK));
                    }
                }
                Meaning::Column { column, rank, currency } if !is_mapped[column] => {
                    self.named_currencies.extend(currency.map(|currency| (currency, field)));
                    self.by_name(column, field, rank);
                }
                Meaning::Column { .. } => {}
                Meaning::Ambiguous => self.fault(field, format!("{}: {AMBIGUOUS_ADVICE}", quoted(name.trim()))),
                Meaning::Unknown => {
                    let known: Vec<&str> = COLUMNS.iter().map(|column| column.name).collect();
                    let advice = "a mapping can say what it is, or to ignore it";
                    let known = known.join(", ");
                    self.fault(field, format!("no such column: {}; there are {known}; {advice}", quoted(name.trim())));
                }
            }
        }
    }

    fn by_name(&mut self, column: usize, field: usize, rank: usize) {
        match self.found[column] {
            None => self.take(column, field, rank),
            // Of several names of the destination the most usual is taken: no price depends on it.
            Some((_, other)) if column == columns::DESTINATION => {
                if rank < other {
                    self.found[column] = Some((field, rank));
                }
            }
            Some(_) => {
                let name = quoted(self.names.get(field).unwrap_or("").trim());
                self.fault(field, format!("the column {} is there twice: {name}", COLUMNS[column].name));
            }
        }
    }
}
