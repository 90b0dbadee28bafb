//! How often each thing happened: a run in which one never did proves nothing of it.

use std::collections::BTreeMap;

use serde_json::Value;
use tollkeeper::core::reason::{Reason, Refusal};

use crate::model::Outcome;

/// Reasons that one healthy partition never has: a second hop, and a broken account.
const OF_OTHER_PARTITIONS: [&str; 2] = ["misrouted", "account_frozen"];

/// Borders that random histories must cross.
const CROSSINGS: [&str; 28] = [
    "back into lots",
    "band border",
    "block by the day",
    "block with pools",
    "cap in part",
    "cap in whole",
    "connect fee",
    "correction of a call",
    "debt",
    "debt repaid",
    "free call",
    "identity freed",
    "inbound price",
    "into a new lot",
    "limit spent",
    "minimum",
    "minutes given back",
    "month end",
    "negative line",
    "part",
    "pool end",
    "pool of a user",
    "pool only",
    "retry",
    "several lots",
    "short code",
    "shrunk",
    "union of pools",
];

/// All that random histories must meet: every reason, refusal and type of event that there is, every kind of due work and of
/// outcome, every class, and every border.
pub(crate) fn of_histories() -> Vec<String> {
    let mut all: Vec<String> = CROSSINGS.iter().map(|name| format!("crossing {name}")).collect();
    let reasons = Reason::ALL.into_iter().map(Reason::code).filter(|code| !OF_OTHER_PARTITIONS.contains(code));
    all.extend(reasons.map(|code| format!("reason {code}")));
    all.extend(Refusal::ALL.into_iter().map(|refusal| format!("refusal {}", refusal.code())));
    let schema: Value = serde_json::from_str(include_str!("../../src/wire/schemas/event.json")).expect("JSON");
    let types = schema["properties"]["type"]["enum"].as_array().expect("a list");
    all.extend(types.iter().map(|kind| format!("event {}", name_of(kind))));
    all.extend(DUE.iter().map(|kind| format!("due {kind}")));
    let outcomes = ["none", "debited", "applied", "duplicate call", "duplicate command"];
    all.extend(outcomes.iter().map(|outcome| format!("outcome {outcome}")));
    all.extend(CLASSES.iter().map(|class| format!("class {class}")));
    all
}

/// All that random calls must meet.
pub(crate) fn of_calls() -> Vec<String> {
    let crossings =
        ["band border", "connect fee", "minimum", "free call", "inbound price", "month end", "part", "pool end"];
    let reasons = ["denied_destination", "invalid_number", "no_rate", "too_late", "in_future", "conflicting_duplicate"];
    let crossings = crossings.iter().map(|name| format!("crossing {name}"));
    let reasons = reasons.iter().map(|reason| format!("reason {reason}"));
    crossings.chain(reasons).chain(CLASSES.iter().map(|class| format!("class {class}"))).collect()
}

const DUE: [&str; 7] = ["expiry", "warning", "month", "day", "retry", "status", "unresolved"];
const CLASSES: [&str; 9] = [
    "inbound_toll_free",
    "outbound_domestic",
    "outbound_international",
    "conference_dial_out",
    "conference_dial_in",
    "inbound_user",
    "on_net",
    "emergency",
    "unanswered",
];

fn name_of(kind: &Value) -> &str {
    kind.as_str().unwrap_or("").trim_start_matches("tollkeeper.").trim_end_matches(".v1")
}

/// Counts by name.
#[derive(Debug, Default)]
pub(crate) struct Tally(BTreeMap<String, u64>);

impl Tally {
    pub(crate) fn add(&mut self, name: impl Into<String>) {
        *self.0.entry(name.into()).or_insert(0) += 1;
    }

    pub(crate) fn outcome(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::None => self.add("outcome none"),
            Outcome::Debited => self.add("outcome debited"),
            Outcome::DuplicateCall { .. } => self.add("outcome duplicate call"),
            Outcome::DuplicateCommand { .. } => self.add("outcome duplicate command"),
            Outcome::Applied => self.add("outcome applied"),
            Outcome::Quarantined(reason) => self.add(format!("reason {reason}")),
            Outcome::Refused(refusal) => self.add(format!("refusal {refusal}")),
        }
    }

    /// An event, and the borders that it says were crossed.
    pub(crate) fn event(&mut self, event: &Value) {
        let data = &event["data"];
        let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
        self.add(format!("event {}", name_of(&event["type"])));
        if let Some(work) = text(&data["cause"]).strip_prefix("due/") {
            self.add(format!("due {}", work.split('/').next().unwrap_or("")));
        }
        let has = |name: &str| !data[name].is_null();
        if has("class") {
            self.add(format!("class {}", text(&data["class"])));
        }
        let kinds = |kind: &str| data["lines"].as_array().into_iter().flatten().filter(|l| l["kind"] == kind).count();
        let is_other_month = has("answered_at") && text(&data["answered_at"])[..7] != text(&event["time"])[..7];
        let crossings = [
            ("band border", kinds("usage") > 1),
            ("pool end", has("pool") && has("lines")),
            ("pool only", has("pool") && !has("lines") && has("class")),
            ("pool of a user", data["pool"]["of_user"] == true),
            ("month end", is_other_month && has("class")),
            ("part", has("cumulative")),
            ("negative line", data["lines"].to_string().contains("\"-")),
            ("shrunk", has("shrunk")),
            ("debt", has("debt")),
            ("debt repaid", has("debt_repaid")),
            ("several lots", data["lots"].as_array().is_some_and(|lots| lots.len() > 1)),
            ("free call", has("free_call")),
            ("connect fee", kinds("connect") > 0),
            ("minimum", kinds("minimum") > 0),
            ("retry", data["attempt"].as_u64().is_some_and(|attempt| attempt > 1)),
            ("cap in part", has("wanted") && has("recharge_id")),
            ("cap in whole", has("wanted") && !has("recharge_id")),
            ("limit spent", has("spent")),
            ("block by the day", data["reason"] == "daily_limit"),
            ("block with pools", has("classes") && has("pools")),
            ("minutes given back", has("corrected") && has("pool")),
            ("back into lots", has("corrected") && has("lots") && has("call_id")),
            ("into a new lot", has("lot_amount")),
            ("correction of a call", has("corrects")),
            ("identity freed", has("release")),
            ("union of pools", has("union")),
            ("short code", has("country") && has("prefix")),
            ("inbound price", has("country") && !has("prefix")),
        ];
        for (name, is_crossed) in crossings {
            if is_crossed {
                self.add(format!("crossing {name}"));
            }
        }
    }

    pub(crate) fn print(&self) {
        for (name, count) in &self.0 {
            println!("{count:>8} {name}");
        }
    }

    /// Those of them that never happened.
    pub(crate) fn missing_of<'n>(&self, names: &'n [String]) -> Vec<&'n str> {
        names.iter().filter(|name| !self.0.contains_key(*name)).map(String::as_str).collect()
    }
}
