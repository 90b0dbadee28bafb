//! Commands as a desk or a payment service would publish them.

use rdkafka::producer::BaseProducer;
use serde_json::{Value, json};

use super::calls::{now, send};
use super::engine::Site;

/// Publishes a command; `body` has its own fields. The same `command_id` again is a repeat if the body is the same too.
pub fn command(producer: &BaseProducer, site: &Site, tenant: &str, command_id: &str, kind: &str, body: Value) {
    let mut command = json!({"type": kind, "tenant": tenant, "command_id": command_id, "at": now().to_string()});
    let fields = command.as_object_mut().expect("an object");
    fields.extend(body.as_object().expect("fields").clone());
    send(producer, &site.topic("commands"), tenant, command.to_string().as_bytes());
}

/// Opens an account in US dollars on the price list of `rates/`.
pub fn open(producer: &BaseProducer, site: &Site, tenant: &str) {
    let body = json!({"currency": "USD", "price_list": "outbound-usd", "usage_country": "US"});
    command(producer, site, tenant, &format!("open-{tenant}"), "tenant.open", body);
}

/// Adds funds; `reference` names the payment and the command.
pub fn add_funds(producer: &BaseProducer, site: &Site, tenant: &str, amount: &str, reference: &str) {
    let body = json!({"amount": amount, "payment_reference": reference});
    command(producer, site, tenant, &format!("funds-{reference}"), "funds.add", body);
}
