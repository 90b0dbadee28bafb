//! One event as plain JSON: what the audit reads of it by itself.

use jiff::Timestamp;
use serde_json::Value;

use super::figure::Figure;
use super::{Breach, Law};
use crate::core::tenant::TenantId;

const TYPE_PREFIX: &str = "tollkeeper.";
const TYPE_SUFFIX: &str = ".v1";

/// An event of some tenant.
#[derive(Debug)]
pub(super) struct Record {
    json: Value,
    tenant_len: usize,
    seq: u64,
}

impl Record {
    /// Reads as much as tells whose event it is, and which.
    ///
    /// # Errors
    /// In words, why that cannot be told.
    pub(super) fn read(bytes: &[u8]) -> Result<Record, String> {
        let json: Value = serde_json::from_slice(bytes).map_err(|fault| format!("not JSON: {fault}"))?;
        let id = json["id"].as_str().ok_or("id: missing")?;
        let (tenant, seq) =
            id.split_once('/').filter(|(tenant, _)| TenantId::is_valid(tenant)).ok_or("id: not tenant/seq")?;
        let number: u64 = seq.parse().map_err(|_| "id: not tenant/seq")?;
        if number.to_string() != seq {
            return Err("id: not tenant/seq".to_owned());
        }
        let tenant_len = tenant.len();
        Ok(Record { tenant_len, seq: number, json })
    }

    /// `<tenant>/<seq>`.
    pub(super) fn id(&self) -> &str {
        self.json["id"].as_str().expect("read as a text")
    }

    pub(super) fn tenant(&self) -> &str {
        &self.id()[..self.tenant_len]
    }

    pub(super) fn seq(&self) -> u64 {
        self.seq
    }

    /// The type without prefix and version; empty where it is none of ours, which the decoder then says.
    pub(super) fn kind(&self) -> &str {
        let bare =
            self.json["type"].as_str().and_then(|name| name.strip_prefix(TYPE_PREFIX)?.strip_suffix(TYPE_SUFFIX));
        bare.unwrap_or_default()
    }

    pub(super) fn time(&self) -> Result<Timestamp, Breach> {
        let time = self.json["time"].as_str().and_then(|time| time.parse().ok());
        time.ok_or_else(|| Breach::new(Law::Form, "time: not a time"))
    }

    /// A text of `data`.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.json["data"][name].as_str()
    }

    pub(super) fn required_text(&self, name: &str) -> Result<&str, Breach> {
        self.text(name).ok_or_else(|| Breach::new(Law::Form, format!("{name}: missing")))
    }

    /// A number of `data`.
    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.json["data"][name].as_u64()
    }

    pub(super) fn flag(&self, name: &str) -> Option<bool> {
        self.json["data"][name].as_bool()
    }

    /// An amount of `data`.
    pub(super) fn amount(&self, name: &str) -> Result<Figure, Breach> {
        read_amount(&self.json["data"], name)
    }

    /// An amount of `data` that is left out where it is zero.
    pub(super) fn amount_or_zero(&self, name: &str) -> Result<Figure, Breach> {
        if self.json["data"].get(name).is_none() { Ok(Figure::ZERO) } else { self.amount(name) }
    }

    /// The sum of the amounts of a list of `data`, which is left out where it is empty.
    pub(super) fn sum_of(&self, list: &str) -> Result<Figure, Breach> {
        let amounts = self.elements(list).iter().map(|element| read_amount(element, "amount"));
        amounts.sum()
    }

    /// The lots of `data`, each by the number of the event that made it, and their amounts.
    pub(super) fn lots(&self) -> Result<Vec<(u64, Figure)>, Breach> {
        let read = |element: &Value| {
            let lot = element["lot"].as_str().and_then(read_lot);
            let lot = lot.ok_or_else(|| Breach::new(Law::Form, "lots: not a lot"))?;
            Ok((lot, read_amount(element, "amount")?))
        };
        self.elements("lots").iter().map(read).collect()
    }

    fn elements(&self, list: &str) -> &[Value] {
        self.json["data"][list].as_array().map_or(&[], Vec::as_slice)
    }
}

/// `l<seq>`.
pub(super) fn read_lot(written: &str) -> Option<u64> {
    written.strip_prefix('l')?.parse().ok()
}

fn read_amount(object: &Value, name: &str) -> Result<Figure, Breach> {
    let written = object[name].as_str().ok_or_else(|| Breach::new(Law::Form, format!("{name}: missing")))?;
    Figure::read(written).ok_or_else(|| Breach::new(Law::Form, format!("{name}: {written} is not an amount")))
}
