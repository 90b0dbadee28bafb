//! A price list in the project's own layout: how one from the wild goes into a catalog.

use jiff::Timestamp;

use super::columns::{self, COLUMNS, COUNT};
use super::settings::ROUNDINGS;
use crate::core::deck::{Deck, Row};
use crate::core::money::Rate;
use crate::core::price::Price;
use crate::wire::price_columns::DENIED;

/// Columns that are written. What a carrier has in one column, or for each row, has columns or a setting of its own here.
const WRITTEN: [usize; 12] = [
    columns::PREFIX,
    columns::DESTINATION,
    columns::COUNTRY,
    columns::KIND,
    columns::RATE_PER_MINUTE,
    columns::CONNECT_FEE,
    columns::INITIAL_INCREMENT,
    columns::INCREMENT,
    columns::MINIMUM_CHARGE,
    columns::EFFECTIVE_FROM,
    columns::EFFECTIVE_TO,
    columns::TIME_BAND,
];

/// The deck as a file that reads as the same deck. Values at their defaults are left empty.
pub fn write_deck(deck: &Deck) -> String {
    let header = deck.header();
    let (_, mode) = ROUNDINGS.iter().find(|(mode, _)| *mode == header.rounding.mode).expect("all modes are in it");
    let mut text = format!("# currency: {}\n", header.currency);
    text += &format!("# decimals: {}\n# rounding: {mode}\n", header.rounding.decimals);
    if let Some(from) = header.effective_from {
        text += &format!("# effective_from: {from}\n");
    }
    let mut writer = csv::WriterBuilder::new().from_writer(Vec::new());
    let mut write = |fields: &[String; COUNT]| {
        let written = writer.write_record(WRITTEN.map(|column| &fields[column]));
        written.expect("memory can be written, and all lines have the same fields");
    };
    write(&COLUMNS.map(|column| column.name.to_owned()));
    for row in deck.rows() {
        lines_of(row, &mut write);
    }
    let rows = writer.into_inner().expect("memory can be written");
    text + std::str::from_utf8(&rows).expect("made of texts")
}

/// The line of the default rate, and one for each band.
fn lines_of(row: &Row, write: &mut impl FnMut(&[String; COUNT])) {
    let default = Price::none();
    let unless = |is_default: bool, value: String| if is_default { String::new() } else { value };
    let date = |at: Option<Timestamp>| at.map_or(String::new(), |at| at.to_string());
    let price = &row.price;
    let mut fields: [String; COUNT] = std::array::from_fn(|_| String::new());
    fields[columns::PREFIX] = row.prefix.to_string();
    fields[columns::DESTINATION] = row.destination.to_string();
    fields[columns::COUNTRY] = row.country.map_or(String::new(), |country| country.to_string());
    fields[columns::KIND] = row.kind.to_string();
    fields[columns::CONNECT_FEE] = unless(price.connect_fee.is_zero(), price.connect_fee.to_string());
    fields[columns::INITIAL_INCREMENT] =
        unless(price.initial_increment == default.initial_increment, price.initial_increment.to_string());
    fields[columns::INCREMENT] = unless(price.increment == default.increment, price.increment.to_string());
    fields[columns::MINIMUM_CHARGE] = unless(price.minimum_charge.is_zero(), price.minimum_charge.to_string());
    fields[columns::EFFECTIVE_FROM] = date(row.effective_from);
    fields[columns::EFFECTIVE_TO] = date(row.effective_to);
    let mut line = |rate: String, band: String| {
        fields[columns::RATE_PER_MINUTE] = rate;
        fields[columns::TIME_BAND] = band;
        write(&fields);
    };
    if row.denied {
        return line(DENIED.to_owned(), String::new());
    }
    if let Some(rate) = price.rate {
        line(rate.to_string(), String::new());
    }
    let bands: &[(_, Rate)] = price.bands.as_ref().map_or(&[], |bands| bands.all());
    for (band, rate) in bands {
        line(rate.to_string(), band.to_string());
    }
}
