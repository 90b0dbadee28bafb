//! CDRs of a history.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{History, USERS, with};
use crate::model::Step;
use crate::rates::PLANS;

/// Numbers of every kind that the catalog knows, and of kinds that it does not.
const DIGITS: [&str; 25] = [
    "14255550100",
    "14255550100",
    "14255550101",
    "12065550100",
    "12065550100",
    "17875550100",
    "16045550100",
    "33123456789",
    "33612345678",
    "33712345678",
    "33891234567",
    "442071234567",
    "447911123456",
    "449001234567",
    "263771234567",
    "263991234567",
    "34911234567",
    "34911234567",
    "34912345678",
    "4930123456",
    "4930123456",
    "4940123456",
    "8821612345678",
    "61234567890",
    "14255550101",
];
/// What is dialled otherwise.
const DIALLED: [&str; 12] =
    ["911", "112", "15", "999", "411", "311", "3900", "12345", "sip:ada@example", "", "0123456", "+911"];
/// Numbers of the tenants that are called.
const OWN: [&str; 5] = ["+14255550199", "+442071230000", "+33123000000", "+8825551234567", "reception"];

impl History {
    pub(crate) fn cdr(&mut self) -> Step {
        let cdr = match self.chance.below(100) {
            0..8 => self.again(),
            8..28 => self.another_part(),
            28..31 => return Step::Cdr(self.unreadable()),
            _ => None,
        };
        let cdr = cdr.unwrap_or_else(|| self.call());
        self.cdrs.push(cdr.clone());
        Step::Cdr(cdr.to_string().into_bytes())
    }

    /// A call of a number of any digits, at any time of the day.
    pub(super) fn random_call(&mut self) -> Step {
        if self.chance.percent(15) {
            return self.cdr();
        }
        let mut call = self.call();
        if call["direction"] == "outbound" && self.chance.percent(85) {
            let mut digits = self.chance.one(&["1425", "1206", "33", "336", "44", "263", "61", "7"]).to_owned();
            while digits.len() < 11 {
                digits += self.chance.one(&["0", "1", "2", "5"]);
            }
            call["to"] = json!(self.spelled(&digits));
        }
        if self.chance.percent(35) {
            let micros = self.chance.between(1800, 7 * 3600) * 1_000_000;
            call = self.with_times(call, micros);
        }
        self.cdrs.push(call.clone());
        Step::Cdr(call.to_string().into_bytes())
    }

    fn call(&mut self) -> Value {
        let tenant = self.tenant();
        let call = json!({"call_id": format!("c{}", self.count), "tenant": tenant});
        let call = self.with_ends(call);
        let micros = self.micros();
        let call = self.with_times(call, micros);
        let chance = &mut self.chance;
        let mut more = json!({});
        if chance.percent(60) {
            more["user"] = json!(chance.one(&USERS));
        }
        if chance.percent(70) {
            // Mostly one that has a pool.
            let plans = if chance.percent(70) { &PLANS[1..6] } else { &PLANS[..] };
            more["plan"] = json!(chance.one(plans));
        }
        if chance.percent(20) {
            more["usage_country"] = json!(chance.one(&["US", "PR", "CA", "FR", "GB", "DE"]));
        }
        if chance.percent(3) {
            more["on_net"] = json!(true);
        }
        if chance.percent(30) {
            more["final"] = json!(chance.percent(10));
        }
        if chance.percent(15) {
            more["part"] = json!(chance.one(&[&0, &1, &3]));
        }
        if chance.percent(5) {
            more["attributes"] = json!({"site": "Paris"});
        }
        with(call, more)
    }

    fn with_ends(&mut self, call: Value) -> Value {
        let service = self.chance.one(&["calling", "calling", "calling", "conferencing", "conferencing", "voice_app"]);
        let is_inbound = self.chance.percent(25);
        let number_type =
            if is_inbound { self.chance.one(&["user", "service", "toll_free", "toll_free"]) } else { "user" };
        let other = self.number();
        let (from, to) = match is_inbound {
            true => (other, self.chance.one(&OWN).to_owned()),
            false => ("+14255550111".to_owned(), other),
        };
        let direction = if is_inbound { "inbound" } else { "outbound" };
        with(
            call,
            json!({"service": service, "direction": direction, "number_type": number_type, "from": from, "to": to}),
        )
    }

    pub(crate) fn number(&mut self) -> String {
        if self.chance.percent(15) {
            return self.chance.one(&DIALLED).to_owned();
        }
        let digits = self.chance.one(&DIGITS);
        self.spelled(digits)
    }

    fn spelled(&mut self, digits: &str) -> String {
        match self.chance.below(10) {
            0..6 => format!("+{digits}"),
            6 => digits.to_owned(),
            7 => format!("+{} ({})-{}", &digits[..2], &digits[2..5], &digits[5..]),
            8 => format!("011{digits}"),
            _ => format!("00{digits}"),
        }
    }

    fn micros(&mut self) -> i64 {
        let chance = &mut self.chance;
        let seconds = match chance.below(100) {
            0..5 => 0,
            5..50 => chance.between(1, 200),
            50..65 => *chance.one(&[&59, &60, &61, &119, &120, &121, &180]),
            65..90 => chance.between(200, 900),
            90..99 => chance.between(900, 12 * 3600),
            _ => chance.between(3 * 86_400, 7 * 86_400),
        };
        let fraction = if seconds > 0 && seconds < 86_400 && chance.percent(10) { 250_000 } else { 0 };
        seconds * 1_000_000 + fraction
    }

    /// Start and duration of a call that ended just now, or at an edge of the window.
    fn with_times(&mut self, call: Value, micros: i64) -> Value {
        let chance = &mut self.chance;
        let after_seconds = match chance.below(100) {
            0..80 => -chance.below(300),
            80..90 => -chance.below(86_400 * 3),
            90..93 => 300 + chance.below(2),
            93..95 => -7 * 86_400 - chance.below(2),
            _ => chance.between(-8 * 86_400, 400),
        };
        let end = self.now + SignedDuration::from_secs(after_seconds);
        if micros == 0 && chance.percent(70) {
            return with(call, json!({"answered_at": null, "ended_at": end.to_string(), "duration_seconds": 0}));
        }
        let start = end - SignedDuration::from_micros(micros);
        with(call, json!({"answered_at": start.to_string(), "duration_seconds": seconds(micros)}))
    }

    /// A CDR that was there before, as it was or a little changed.
    fn again(&mut self) -> Option<Value> {
        let late = self.cdrs.len().saturating_sub(8);
        let cdr = self.chance.some(&self.cdrs[late..])?.clone();
        let more = match self.chance.below(12) {
            // Another call under an id that is remembered, or was forgotten.
            10.. => {
                let micros = self.micros();
                self.with_times(json!({}), micros)
            }
            0..4 => json!({}),
            4 => json!({"attributes": {"site": "London"}}),
            5 => json!({"on_net": true}),
            6 => json!({"plan": "payg"}),
            7 => json!({"part": self.chance.below(4)}),
            8 => json!({"duration_seconds": cdr["duration_seconds"].as_f64().unwrap_or(0.0)}),
            _ => json!({"final": self.chance.percent(50)}),
        };
        let changed = with(cdr, more);
        if self.chance.percent(30) {
            let respelled = changed["to"].as_str().unwrap_or("").replace('+', "+ ");
            return Some(with(changed, json!({ "to": respelled })));
        }
        Some(changed)
    }

    /// A later part of a call.
    fn another_part(&mut self) -> Option<Value> {
        let is_open = |cdr: &&Value| cdr["final"] == false && cdr["answered_at"].is_string();
        let open: Vec<&Value> = self.cdrs.iter().rev().take(10).filter(is_open).collect();
        let cdr = (*self.chance.some(&open)?).clone();
        let part = cdr["part"].as_i64().unwrap_or(0);
        let before = micros_of(&cdr["duration_seconds"]);
        let micros = (before + self.chance.between(-60, 240) * 1_000_000).clamp(0, 604_800_000_000);
        let more = json!({"duration_seconds": seconds(micros), "final": self.chance.percent(40),
            "part": part + self.chance.between(0, 3)});
        let mut later = with(cdr, more);
        if self.chance.percent(30) {
            let fields = later.as_object_mut().expect("an object");
            fields.remove("part");
            fields.insert("final".into(), json!(!self.chance.percent(5)));
        }
        Some(later)
    }

    fn unreadable(&mut self) -> Vec<u8> {
        let call = self.call();
        let bytes = match self.chance.below(6) {
            0 => return b"{".to_vec(),
            1 => with(call, json!({"version": 2})),
            2 => with(call, json!({"duration_seconds": -1})),
            3 => with(call, json!({"answered_at": null, "ended_at": null})),
            4 => with(call, json!({"service": "fax"})),
            _ => with(call, json!({"call_id": null})),
        };
        bytes.to_string().into_bytes()
    }
}

fn seconds(micros: i64) -> Value {
    let text = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
    serde_json::from_str(text.trim_end_matches('0').trim_end_matches('.')).expect("a number")
}

fn micros_of(seconds: &Value) -> i64 {
    let text = seconds.to_string();
    let (whole, decimals) = text.split_once('.').unwrap_or((&text, ""));
    let micros: i64 = format!("{decimals:0<6}").parse().expect("decimals");
    whole.parse::<i64>().expect("seconds") * 1_000_000 + micros
}
