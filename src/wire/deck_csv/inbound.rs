//! Inbound price lists: what a tenant pays for calls to its own toll-free and service numbers (R14).

use super::DeckName;
use super::settings::{Scope, Settings};
use crate::core::cdr::NumberType;
use crate::core::deck::DECK_ROWS_MAX;
use crate::core::inbound::{InboundDeck, InboundDeckBuilder, InboundPair, InboundRow};
use crate::core::number::Country;
use crate::core::number_plan::NumberPlan;
use crate::wire::csv_table::{Column, Line, read_rows};
use crate::wire::fault::{Faults, Place, SourceFile, text_of};
use crate::wire::price_columns::{Answer, Forms, PriceColumns, read_period, read_price};

/// A caller from anywhere.
pub(super) const ANY: &str = "any";

mod column {
    pub(super) const NUMBER_TYPE: usize = 0;
    pub(super) const DIALLED_COUNTRY: usize = 1;
    pub(super) const CALLER_COUNTRY: usize = 2;
    pub(super) const RATE_PER_MINUTE: usize = 3;
    pub(super) const CONNECT_FEE: usize = 4;
    pub(super) const INITIAL_INCREMENT: usize = 5;
    pub(super) const INCREMENT: usize = 6;
    pub(super) const MINIMUM_CHARGE: usize = 7;
    pub(super) const EFFECTIVE_FROM: usize = 8;
    pub(super) const EFFECTIVE_TO: usize = 9;
    pub(super) const TIME_BAND: usize = 10;
}

const COLUMNS: [Column; 11] = [
    Column { name: "number_type", required: true },
    Column { name: "dialled_country", required: true },
    Column { name: "caller_country", required: true },
    Column { name: "rate_per_minute", required: true },
    Column { name: "connect_fee", required: false },
    Column { name: "initial_increment", required: false },
    Column { name: "increment", required: false },
    Column { name: "minimum_charge", required: false },
    Column { name: "effective_from", required: false },
    Column { name: "effective_to", required: false },
    Column { name: "time_band", required: false },
];

const PRICE_COLUMNS: PriceColumns = PriceColumns {
    rate_per_minute: column::RATE_PER_MINUTE,
    connect_fee: column::CONNECT_FEE,
    initial_increment: column::INITIAL_INCREMENT,
    increment: column::INCREMENT,
    increments: None,
    minimum_charge: column::MINIMUM_CHARGE,
    time_band: Some(column::TIME_BAND),
};

/// Reads an inbound price list, in the project's own layout only. `# price_list: NAME` says whose inbound prices these are; else
/// they are those of the price list, or overlay, of the file's own name.
///
/// # Errors
/// All faults of the file, by line.
pub fn read_inbound_deck(
    file: SourceFile<'_>,
    name: DeckName<'_>,
    plan: Option<&NumberPlan>,
) -> Result<InboundDeck, Faults> {
    let mut faults = Faults::new();
    let Some(text) = text_of(file, &mut faults) else { return Err(faults) };
    let settings = Settings::read(file.name, text, 1, Scope::Inbound, &mut faults);
    settings.require_currency(file.name, 1, &mut faults);
    let price_list = settings.price_list.as_deref().unwrap_or(name.id);
    let mut builder = InboundDeckBuilder::new(settings.header(name), price_list);
    let mut forms = Forms { currency: settings.currency, ..Forms::own() };
    let mut rows = 0;
    read_rows(file.name, text, &COLUMNS, &mut faults, |line, faults| {
        let Some(row) = read_row(line, plan, &mut forms, faults) else { return };
        if rows == DECK_ROWS_MAX {
            line.fault(column::NUMBER_TYPE, format!("more than {DECK_ROWS_MAX} rows"), faults);
            return;
        }
        rows += 1;
        builder.push(line.number, row);
    });
    if rows == 0 && faults.is_empty() {
        faults.add(file.name, Place::line(1), "no prices");
    }
    let built = builder.build();
    for conflict in built.as_ref().err().into_iter().flatten() {
        faults.add(file.name, Place::line(conflict.line), conflict.to_string());
    }
    match built {
        Ok(deck) if faults.is_empty() => Ok(deck),
        _ => {
            faults.sort_by_line();
            Err(faults)
        }
    }
}

fn read_row(line: &Line<'_>, plan: Option<&NumberPlan>, forms: &mut Forms, faults: &mut Faults) -> Option<InboundRow> {
    let before = faults.count();
    let number_type = line.read(column::NUMBER_TYPE, read_number_type, faults);
    let country = |column, faults: &mut Faults| -> Option<Country> {
        let country = line.parsed(column, faults);
        if country.is_some_and(|country| plan.is_some_and(|plan| !plan.knows(country))) {
            line.wrong(column, "no country of the number plan", faults);
        }
        country
    };
    let dialled = country(column::DIALLED_COUNTRY, faults);
    let is_any = line.text(column::CALLER_COUNTRY) == ANY;
    let caller = if is_any { None } else { country(column::CALLER_COUNTRY, faults) };
    let price = match read_price(line, &PRICE_COLUMNS, forms, faults) {
        Some(Answer::Denied) => {
            line.fault(column::RATE_PER_MINUTE, "a call that comes in was not refused: it needs a rate", faults);
            None
        }
        Some(Answer::Price(price)) => Some(price),
        None => None,
    };
    let period = read_period(line, column::EFFECTIVE_FROM, column::EFFECTIVE_TO, forms, faults);
    if faults.count() > before {
        return None;
    }
    let pair = InboundPair { number_type: number_type?, dialled: dialled?, caller };
    Some(InboundRow { pair, price: price?, effective_from: period.from, effective_to: period.to })
}

fn read_number_type(text: &str) -> Result<NumberType, &'static str> {
    let priced = [NumberType::Service, NumberType::TollFree];
    priced.into_iter().find(|number_type| number_type.code() == text).ok_or("none of service, toll_free")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::number_plan_csv::tests::small_plan;

    fn read(text: &str) -> Result<InboundDeck, String> {
        let file = SourceFile { name: "i.csv", bytes: text.as_bytes() };
        let name = DeckName { id: "test", version: "1" };
        read_inbound_deck(file, name, Some(&small_plan())).map_err(|faults| faults.to_string())
    }

    #[test]
    fn r14_inbound_prices_are_read() {
        let text = "# currency: USD\n# price_list: retail\nnumber_type,dialled_country,caller_country,rate_per_minute,increment\n\
            toll_free,NA,any,0.022,\ntoll_free,NA,GB,0.05,6\nservice,GB,any,0.009,\n";
        let deck = read(text).expect("valid");
        assert_eq!((deck.price_list(), deck.label().as_ref(), deck.rows().count()), ("retail", "test@1", 3));
        let country = |code: &str| code.parse().expect(code);
        let exact = deck.exact(NumberType::TollFree, country("NA"), country("GB"), jiff::Timestamp::UNIX_EPOCH);
        assert_eq!(exact.map(|row| row.price.increment.get()), Some(6));
        let own = read(&text.replace("# price_list: retail\n", "")).expect("valid");
        assert_eq!(own.price_list(), "test", "by its own name unless it says another");
    }

    #[test]
    fn every_fault_of_an_inbound_list_is_listed() {
        const HEAD: &str = "# currency: USD\nnumber_type,dialled_country,caller_country,rate_per_minute,time_band\n";
        let cases = [
            ("user,NA,any,1,", "column 1 (number_type): none of service, toll_free: \"user\""),
            ("service,UK,any,1,", "column 2 (dialled_country): no country of the number plan: \"UK\""),
            ("service,NA,*,1,", "column 3 (caller_country): not a country of two capital letters: \"*\""),
            ("service,NA,,1,", "column 3 (caller_country): missing"),
            ("service,NA,any,x,", "column 4 (rate_per_minute): not a decimal number: \"x\""),
            (
                "service,NA,any,denied,",
                "column 4 (rate_per_minute): a call that comes in was not refused: it needs a rate",
            ),
            (
                "service,NA,any,1,\nservice,NA,any,1,",
                "column 1: service NA from any is also in line 3, with overlapping dates",
            ),
        ];
        for (lines, expected) in cases {
            let line = 2 + lines.lines().count();
            assert_eq!(
                read(&format!("{HEAD}{lines}\n")).map(|_| ()),
                Err(format!("i.csv:{line}: {expected}")),
                "{lines}"
            );
        }
        assert_eq!(
            read("# price_list: a b\nnumber_type,dialled_country,caller_country,rate_per_minute\n").map(|_| ()),
            Err("i.csv:1: column 1: price_list: not 1 to 64 of A-Z a-z 0-9 . _ -: \"a b\"\n\
                 i.csv:1: column 1: the currency is missing: begin the file with a line such as `# currency: USD`"
                .to_owned())
        );
    }
}
