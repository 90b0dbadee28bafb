//! Prices as people and scripts read them.

use serde_json::{Map, Value, json};

use crate::core::deck::Row;
use crate::core::price::Price;

/// `0.015/min 60/60 + 0.05 to connect, at least 0.10; 0.01/min mon-fri 18:00-08:00 Europe/Berlin`.
pub(super) fn price_text(price: &Price) -> String {
    let mut text = match price.rate {
        Some(rate) => format!("{rate}/min"),
        None => "no rate".to_owned(),
    };
    text += &format!(" {}/{}", price.initial_increment, price.increment);
    if !price.connect_fee.is_zero() {
        text += &format!(" + {} to connect", price.connect_fee);
    }
    if !price.minimum_charge.is_zero() {
        text += &format!(", at least {}", price.minimum_charge);
    }
    for (band, rate) in price.bands.iter().flat_map(|bands| bands.all()) {
        text += &format!("; {rate}/min {band}");
    }
    text
}

/// What a row says, in a line: its price, or that it denies.
pub(super) fn answer_text(row: &Row) -> String {
    if row.denied { "denied".to_owned() } else { price_text(&row.price) }
}

/// A row as an object: what is at its default is left out.
pub(super) fn row_json(row: &Row) -> Value {
    let mut object = Map::new();
    object.insert("prefix".into(), json!(row.prefix));
    object.insert("destination".into(), json!(&*row.destination));
    if let Some(country) = row.country {
        object.insert("country".into(), json!(country.as_str()));
    }
    object.insert("kind".into(), json!(row.kind.code()));
    for (name, date) in [("effective_from", row.effective_from), ("effective_to", row.effective_to)] {
        if let Some(date) = date {
            object.insert(name.into(), json!(date.to_string()));
        }
    }
    if row.denied {
        object.insert("denied".into(), json!(true));
        return Value::Object(object);
    }
    let price = &row.price;
    if let Some(rate) = price.rate {
        object.insert("rate".into(), json!(rate.to_string()));
    }
    object.insert("initial_increment".into(), json!(price.initial_increment));
    object.insert("increment".into(), json!(price.increment.get()));
    for (name, amount) in [("connect_fee", price.connect_fee), ("minimum_charge", price.minimum_charge)] {
        if !amount.is_zero() {
            object.insert(name.into(), json!(amount.to_string()));
        }
    }
    let bands = price.bands.iter().flat_map(|bands| bands.all());
    let bands: Vec<Value> =
        bands.map(|(band, rate)| json!({"band": band.to_string(), "rate": rate.to_string()})).collect();
    if !bands.is_empty() {
        object.insert("bands".into(), Value::Array(bands));
    }
    Value::Object(object)
}
