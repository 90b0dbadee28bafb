//! `tollkeeper quarantine list`: how many, by reason, tenant and partition, and the first of them.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::select::{PutAside, Row, Selection, Why};
use crate::offline::audit::Place;
use crate::wire::quarantine;

/// Tenants that are counted one by one; those that come later are counted together, so that a flood of made-up names has a bound.
const TENANTS_MAX: usize = 10_000;
/// Tenants that the text shows; the JSON has all that are counted.
const TENANTS_SHOWN_MAX: usize = 20;

/// What is in the quarantine.
#[derive(Clone, Debug)]
pub struct Listing {
    selection: Selection,
    rows_max: usize,
    rows: Vec<Row>,
    entries: u64,
    by_reason: BTreeMap<Why, u64>,
    by_tenant: BTreeMap<String, u64>,
    other_tenants: u64,
    without_tenant: u64,
    by_partition: BTreeMap<u32, u64>,
    received: Option<(Timestamp, Timestamp)>,
    /// Entries that this release cannot read.
    unreadable: u64,
}

impl Listing {
    /// Nothing read yet; at most `rows_max` rows are kept.
    pub fn new(selection: Selection, rows_max: usize) -> Listing {
        Listing {
            selection,
            rows_max,
            rows: Vec::new(),
            entries: 0,
            by_reason: BTreeMap::new(),
            by_tenant: BTreeMap::new(),
            other_tenants: 0,
            without_tenant: 0,
            by_partition: BTreeMap::new(),
            received: None,
            unreadable: 0,
        }
    }

    /// Looks at an entry.
    pub fn take(&mut self, place: &Place, bytes: &[u8]) {
        let Ok(entry) = quarantine::decode(bytes) else {
            self.unreadable += 1;
            return;
        };
        let aside = PutAside::new(entry);
        if !self.selection.takes(&aside) {
            return;
        }
        self.entries += 1;
        *self.by_reason.entry(aside.why()).or_default() += 1;
        if let Place::Offset { partition, .. } = place {
            *self.by_partition.entry(partition.0).or_default() += 1;
        }
        let at = aside.source().timestamp;
        self.received = Some(self.received.map_or((at, at), |(first, last)| (first.min(at), last.max(at))));
        if self.rows.len() < self.rows_max {
            self.rows.push(aside.row(place));
        }
        self.count_tenant(aside.tenant);
    }

    fn count_tenant(&mut self, tenant: Option<String>) {
        let Some(tenant) = tenant else {
            self.without_tenant += 1;
            return;
        };
        if let Some(count) = self.by_tenant.get_mut(&tenant) {
            *count += 1;
        } else if self.by_tenant.len() < TENANTS_MAX {
            self.by_tenant.insert(tenant, 1);
        } else {
            self.other_tenants += 1;
        }
    }

    /// As JSON.
    pub fn json(&self) -> Value {
        let by_reason: BTreeMap<&str, u64> = self.by_reason.iter().map(|(why, count)| (why.code(), *count)).collect();
        let rows: Vec<Value> = self.rows.iter().map(Row::json).collect();
        json!({
            "entries": self.entries,
            "by_reason": by_reason,
            "by_tenant": self.by_tenant,
            "other_tenants": self.other_tenants,
            "without_tenant": self.without_tenant,
            "by_partition": self.by_partition,
            "first_received_at": self.received.map(|(first, _)| first.to_string()),
            "last_received_at": self.received.map(|(_, last)| last.to_string()),
            "unreadable": self.unreadable,
            "rows": rows,
            "rows_left_out": self.left_out(),
        })
    }

    fn left_out(&self) -> u64 {
        self.entries - u64::try_from(self.rows.len()).expect("a length in memory")
    }
}

impl fmt::Display for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for row in &self.rows {
            writeln!(f, "{row}")?;
        }
        if self.left_out() > 0 {
            writeln!(f, "… and {} more: see --limit", self.left_out())?;
        }
        writeln!(f, "{:>12} entries", self.entries)?;
        for (why, count) in &self.by_reason {
            writeln!(f, "{count:>12} {}", why.code())?;
        }
        let mut tenants: Vec<(&String, &u64)> = self.by_tenant.iter().collect();
        tenants.sort_by_key(|(tenant, count)| (std::cmp::Reverse(**count), *tenant));
        for (tenant, count) in tenants.iter().take(TENANTS_SHOWN_MAX) {
            writeln!(f, "{count:>12} of {tenant}")?;
        }
        let not_shown: u64 = tenants.iter().skip(TENANTS_SHOWN_MAX).map(|(_, count)| **count).sum();
        for (count, whose) in [
            (self.other_tenants + not_shown, "of other tenants"),
            (self.without_tenant, "of nobody who can be read"),
            (self.unreadable, "unreadable: a later release wrote them, or something is broken"),
        ] {
            if count > 0 {
                writeln!(f, "{count:>12} {whose}")?;
            }
        }
        Ok(())
    }
}
