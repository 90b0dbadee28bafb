//! The price list of `rates/` as a tariff manager would read it: a naive scan and whole numbers, nothing of the engine.

use std::fs;

use super::amount::billionths;

/// Billionths of a dollar, or the reason of the quarantine.
pub type Price = Result<i128, &'static str>;

/// The rows of `rates/decks/outbound-usd.csv`.
#[derive(Debug)]
pub struct PriceList {
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    prefix: String,
    /// Billionths of a dollar; none where calls are denied.
    per_minute: Option<i128>,
}

impl PriceList {
    /// Reads the file. All its rows are billed by the full minute, without fees.
    pub fn read() -> PriceList {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/rates/decks/outbound-usd.csv");
        let text = fs::read_to_string(file).expect("the price list is part of the project");
        let mut lines = text.lines().filter(|line| !line.starts_with('#'));
        assert_eq!(
            lines.next(),
            Some("prefix,destination,country,kind,rate_per_minute"),
            "the columns that this knows"
        );
        let rows: Vec<Row> = lines
            .map(|line| {
                let fields: Vec<&str> = line.split(',').collect();
                let [prefix, _, _, _, rate] = fields[..] else { panic!("{line:?} has other columns") };
                let per_minute = (rate != "denied").then(|| billionths(rate));
                assert_eq!(per_minute.unwrap_or(0) % 1000, 0, "{line:?} would need a rounding to six decimals");
                Row { prefix: prefix.into(), per_minute }
            })
            .collect();
        assert!(rows.len() > 6000, "{} rows", rows.len());
        PriceList { rows }
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// The prefix of a row.
    pub fn prefix(&self, row: usize) -> &str {
        &self.rows[row].prefix
    }

    /// What an outbound call from credits costs, in billionths, or the reason why it has no price.
    pub fn price(&self, digits: &str, seconds: u32) -> Price {
        if seconds == 0 {
            return Ok(0);
        }
        let fitting = self.rows.iter().filter(|row| digits.starts_with(&row.prefix));
        let row = fitting.max_by_key(|row| row.prefix.len()).ok_or("no_rate")?;
        let per_minute = row.per_minute.ok_or("denied_destination")?;
        Ok(per_minute * i128::from(seconds.div_ceil(60)))
    }
}

#[test]
fn the_worked_figures_come_out() {
    let list = PriceList::read();
    let cases = [
        ("14255550100", 61, Ok("0.026")),
        ("33612345678", 78, Ok("0.25")),
        ("263771234567", 185, Ok("0.892")),
        ("442071234567", 60, Ok("0.015")),
        ("447911123456", 60, Ok("0.32")),
        ("6829999000", 60, Err("no_rate")),
        ("6829999000", 0, Ok("0")),
    ];
    for (digits, seconds, expected) in cases {
        assert_eq!(list.price(digits, seconds), expected.map(billionths), "{seconds} s to +{digits}");
    }
}
