//! Short codes: what is dialled with a few digits, and what it costs.

use std::collections::BTreeMap;

use super::{Countries, known_country};
use crate::core::currency::Currency;
use crate::core::number_plan::{CountryDialling, SHORT_CODE_DIGITS_MAX, ShortCode, ShortCodePrice, is_short_code};
use crate::wire::csv_table::{Column, Line, read_rows};
use crate::wire::deck_csv::read_destination;
use crate::wire::fault::{Faults, SourceFile, text_of};
use crate::wire::price_columns::{Answer, Forms, PriceColumns, read_price};

/// What stands in the column of the rate where a code costs nothing.
const FREE: &str = "free";

mod column {
    pub(super) const COUNTRY: usize = 0;
    pub(super) const CODE: usize = 1;
    pub(super) const NAME: usize = 2;
    pub(super) const RATE_PER_MINUTE: usize = 3;
    pub(super) const CURRENCY: usize = 4;
    pub(super) const CONNECT_FEE: usize = 5;
    pub(super) const INITIAL_INCREMENT: usize = 6;
    pub(super) const INCREMENT: usize = 7;
    pub(super) const MINIMUM_CHARGE: usize = 8;
    /// Those that only a price has.
    pub(super) const OF_A_PRICE: [usize; 5] = [CURRENCY, CONNECT_FEE, INITIAL_INCREMENT, INCREMENT, MINIMUM_CHARGE];
}

const COLUMNS: [Column; 9] = [
    Column { name: "country", required: true },
    Column { name: "code", required: true },
    Column { name: "name", required: true },
    Column { name: "rate_per_minute", required: true },
    Column { name: "currency", required: false },
    Column { name: "connect_fee", required: false },
    Column { name: "initial_increment", required: false },
    Column { name: "increment", required: false },
    Column { name: "minimum_charge", required: false },
];

const PRICE_COLUMNS: PriceColumns = PriceColumns {
    rate_per_minute: column::RATE_PER_MINUTE,
    connect_fee: column::CONNECT_FEE,
    initial_increment: column::INITIAL_INCREMENT,
    increment: column::INCREMENT,
    increments: None,
    minimum_charge: column::MINIMUM_CHARGE,
    time_band: None,
};

/// Gives the countries their short codes.
pub(super) fn read(file: SourceFile<'_>, countries: &mut Countries, faults: &mut Faults) {
    let Some(text) = text_of(file, faults) else { return };
    let mut lines = BTreeMap::new();
    let mut forms = Forms::own();
    read_rows(file.name, text, &COLUMNS, faults, |line, faults| {
        let Some(country) = known_country(line, column::COUNTRY, countries, faults) else { return };
        let (_, dialling) = countries.get_mut(&country).expect("it is known");
        let before = faults.count();
        let code: Box<str> = line.text(column::CODE).into();
        if let Err(error) = check_code(&code, dialling) {
            line.wrong(column::CODE, error, faults);
        } else if let Some(earlier) = lines.insert((country, code.clone()), line.number) {
            line.wrong(column::CODE, format!("also in line {earlier}"), faults);
        }
        let name = line.read(column::NAME, read_destination, faults).unwrap_or_default();
        let price = read_code_price(line, &mut forms, faults);
        if faults.count() == before {
            dialling.short_codes.push(ShortCode { code, name: name.into(), price });
        }
    });
}

fn check_code(code: &str, dialling: &CountryDialling) -> Result<(), String> {
    if is_short_code(code, dialling) {
        Ok(())
    } else if dialling.is_emergency(code) {
        Err("an emergency number, which is free anyway".to_owned())
    } else {
        Err(format!("not 1 to {SHORT_CODE_DIGITS_MAX} digits"))
    }
}

/// `None` where the code is free, or where something is wrong, which is a fault then.
fn read_code_price(line: &Line<'_>, forms: &mut Forms, faults: &mut Faults) -> Option<ShortCodePrice> {
    if line.text(column::RATE_PER_MINUTE).eq_ignore_ascii_case(FREE) {
        for column in column::OF_A_PRICE.into_iter().filter(|column| !line.text(*column).is_empty()) {
            line.wrong(column, "a code that is free has none", faults);
        }
        return None;
    }
    if line.text(column::CURRENCY).is_empty() {
        line.fault(column::CURRENCY, "missing: a price has one", faults);
    }
    let currency: Option<Currency> = line.parsed(column::CURRENCY, faults);
    match read_price(line, &PRICE_COLUMNS, forms, faults)? {
        Answer::Price(price) => Some(ShortCodePrice { currency: currency?, price }),
        Answer::Denied => {
            line.wrong(column::RATE_PER_MINUTE, "a code that must not be called is left out", faults);
            None
        }
    }
}
