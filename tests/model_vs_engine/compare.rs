//! What both sides wrote, step by step: equal but for what only the engine can know.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use serde_json::{Map, Value, json};

use crate::model::Outcome;

/// A record without hashes, details and versions.
pub(crate) fn plain(record: &[u8]) -> Value {
    without_what_only_the_engine_knows(serde_json::from_slice(record).expect("the engine writes JSON"))
}

/// The same of one that was read.
pub(crate) fn without_what_only_the_engine_knows(mut event: Value) -> Value {
    if let Some(data) = event.get_mut("data").and_then(Value::as_object_mut) {
        data.remove("body_hash");
        data.remove("content");
        if let Some(Value::Object(cumulative)) = data.get_mut("cumulative") {
            cumulative.remove("content");
        }
        // The rate is that of the first paid increment; of a debit that pays nothing no rule says which one is named.
        if data.contains_key("call_id") && !data.contains_key("lines") {
            data.remove("rate");
        }
        if data.contains_key("detail") {
            data.insert("detail".into(), json!("*"));
        }
        for name in ["deck", "plan"] {
            if let Some(Value::String(label)) = data.get_mut(name)
                && let Some((id, _)) = label.split_once('@')
            {
                *label = id.to_owned();
            }
        }
    }
    event
}

/// An entry of the engine's quarantine as an outcome.
pub(crate) fn outcome_of(entry: &[u8]) -> Value {
    let entry: Value = serde_json::from_slice(entry).expect("the engine writes JSON");
    let kept = ["reason", "identity", "first"].into_iter().filter_map(|name| Some((name, entry.get(name)?.clone())));
    Value::Object(kept.map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>())
}

/// The same of an outcome of the model.
pub(crate) fn quarantined(outcome: &Outcome) -> Option<Value> {
    match outcome {
        Outcome::Quarantined(reason) => Some(json!({ "reason": reason })),
        Outcome::DuplicateCall { tenant, call_id, part } => {
            let identity = json!({"tenant": tenant, "call_id": call_id, "part": part});
            Some(json!({"reason": "duplicate", "identity": identity}))
        }
        Outcome::DuplicateCommand { tenant, command_id, first } => {
            let identity = json!({"tenant": tenant, "command_id": command_id});
            Some(json!({"reason": "duplicate", "identity": identity, "first": first}))
        }
        Outcome::None | Outcome::Debited | Outcome::Applied | Outcome::Refused(_) => None,
    }
}

/// Panics with the first difference.
#[track_caller]
pub(crate) fn assert_same(what: &str, model: &[Value], engine: &[Value], context: &dyn Fn() -> String) {
    for (place, (by_model, by_engine)) in model.iter().zip(engine).enumerate() {
        assert!(
            by_model == by_engine,
            "{what} {place} differs\n model {by_model}\nengine {by_engine}\n{}\n{}",
            difference(by_model, by_engine),
            context()
        );
    }
    let rest =
        |all: &[Value], other: usize| all.iter().skip(other).map(|event| format!("\n  {event}")).collect::<String>();
    assert!(
        model.len() == engine.len(),
        "{what}: the model has besides{}\nthe engine has besides{}\n{}",
        rest(model, engine.len()),
        rest(engine, model.len()),
        context()
    );
}

fn difference(model: &Value, engine: &Value) -> String {
    match (model, engine) {
        (Value::Object(one), Value::Object(other)) => {
            let mut names: Vec<&String> = one.keys().chain(other.keys()).collect();
            names.sort();
            names.dedup();
            let differing = names.into_iter().filter(|name| one.get(*name) != other.get(*name));
            let null = Value::Null;
            let lines = differing.map(|name| {
                let (one, other) = (one.get(name).unwrap_or(&null), other.get(name).unwrap_or(&null));
                match (one, other) {
                    (Value::Object(_), Value::Object(_)) => format!("in {name}: {}", difference(one, other)),
                    _ => format!("{name}: model {one}, engine {other}"),
                }
            });
            lines.collect::<Vec<_>>().join("; ")
        }
        _ => format!("model {model}, engine {engine}"),
    }
}
