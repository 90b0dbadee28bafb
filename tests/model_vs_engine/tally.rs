//! How often each thing happened: a run in which one never did proves nothing of it.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::model::Outcome;

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
        self.add(format!("event {}", text(&event["type"]).trim_start_matches("tollkeeper.").trim_end_matches(".v1")));
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
            ("back into lots", has("corrected") && has("lots") && has("release") | has("call_id")),
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

    /// Every one of these happened.
    #[track_caller]
    pub(crate) fn assert_has(&self, names: &[&str]) {
        let missing: Vec<&&str> = names.iter().filter(|name| !self.0.contains_key(**name)).collect();
        assert!(missing.is_empty(), "these never happened: {missing:?}");
    }
}
