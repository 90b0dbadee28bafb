//! Both sides on one history.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;
use tollkeeper::core::catalog::Catalog;
use tollkeeper::stream::transport::Output;

use crate::compare::{assert_same, outcome_of, plain, quarantined, without_what_only_the_engine_knows};
use crate::engine::Side;
use crate::model::{self, Model, Outcome, Step};
use crate::tally::Tally;

/// Events before a difference that are shown.
const EVENTS_SHOWN: usize = 12;

/// Model and engine, step by step.
pub(crate) struct Run {
    seed: u64,
    steps: usize,
    model: Model,
    engine: Side,
    /// The engine again, restored from its ledger after every step.
    restored: Option<Side>,
    /// The engine's ledger, as it is.
    pub(crate) ledger: Vec<Value>,
    /// How many records of each output were compared.
    seen: [usize; 4],
}

impl Run {
    pub(crate) fn new(seed: u64, rates: &model::catalog::Catalog, catalog: &Arc<Catalog>) -> Run {
        Run {
            seed,
            steps: 0,
            model: Model::new(rates.clone()),
            engine: Side::new(Arc::clone(catalog)),
            restored: None,
            ledger: Vec::new(),
            seen: [0; 4],
        }
    }

    /// From here on the engine runs a second time, and is restored after every step.
    pub(crate) fn restore_after_every_step(&mut self, catalog: &Arc<Catalog>) {
        assert_eq!(self.steps, 0, "from the beginning");
        self.restored = Some(Side::new(Arc::clone(catalog)));
    }

    /// One step on both sides: what each wrote is the same.
    pub(crate) fn step(&mut self, at: Timestamp, step: &Step, tally: &mut Tally) {
        let written = (self.model.ledger().len(), self.model.alerts().len());
        let outcome = self.model.step(at, step);
        self.engine.step(at, step);
        let mut restored = self.restored.take();
        let context = || self.context(at, step, &outcome);
        let ledger = self.fresh(Output::Ledger, |record| serde_json::from_slice(record).expect("JSON"));
        let events: Vec<Value> = ledger.iter().cloned().map(without_what_only_the_engine_knows).collect();
        let by_model = self.model.ledger()[written.0..].iter().cloned();
        let by_model: Vec<Value> = by_model.map(without_what_only_the_engine_knows).collect();
        let alerts = self.fresh(Output::Alerts, plain);
        let alerts_by_model = self.model.alerts()[written.1..].iter().cloned();
        let alerts_by_model: Vec<Value> = alerts_by_model.map(without_what_only_the_engine_knows).collect();
        let entries_by_model: Vec<Value> = quarantined(&outcome).into_iter().collect();
        assert_same("event", &by_model, &events, &context);
        assert_same("alert", &alerts_by_model, &alerts, &context);
        assert_same("quarantine entry", &entries_by_model, &self.fresh(Output::Quarantine, outcome_of), &context);
        if let Some(restored) = &mut restored {
            restored.step(at, step);
            restored.restore();
            self.assert_equal(restored, &context);
        }
        self.restored = restored;
        tally.outcome(&outcome);
        events.iter().for_each(|event| tally.event(event));
        self.ledger.extend(ledger);
        self.seen = self.engine.written.each_ref().map(Vec::len);
        self.steps += 1;
    }

    /// Laws 3 and 7: a restore changes nothing, in the state and in what is written.
    #[track_caller]
    fn assert_equal(&self, restored: &Side, context: &dyn Fn() -> String) {
        assert!(
            restored.state() == self.engine.state(),
            "law 3: restored {:#?}\nnot restored {:#?}\n{}",
            restored.state(),
            self.engine.state(),
            context()
        );
        for (output, seen) in Output::ALL.into_iter().zip(self.seen) {
            let of = |side: &Side| side.written[output.index()][seen..].to_vec();
            assert_eq!(of(restored), of(&self.engine), "law 7: the same bytes\n{}", context());
        }
    }

    /// R42 of every account of the model, which the engine's equal.
    #[track_caller]
    pub(crate) fn assert_adds_up(&self) {
        assert!(self.model.accounts().values().all(model::Account::adds_up), "R42, SEED={}", self.seed);
    }

    fn fresh(&self, output: Output, read: impl Fn(&[u8]) -> Value) -> Vec<Value> {
        self.engine.written[output.index()][self.seen[output.index()]..].iter().map(|record| read(record)).collect()
    }

    /// Where a difference is.
    fn context(&self, at: Timestamp, step: &Step, outcome: &Outcome) -> String {
        let text = match step {
            Step::Cdr(bytes) => format!("CDR {}", String::from_utf8_lossy(bytes)),
            Step::Command(bytes) => format!("command {}", String::from_utf8_lossy(bytes)),
            Step::Clock => "clock".into(),
        };
        let late = &self.ledger[self.ledger.len().saturating_sub(EVENTS_SHOWN)..];
        let before: String = late.iter().map(|event| format!("  {event}\n")).collect();
        format!("before:\n{before}SEED={}, step {} at {at}: {text}\nmodel: {outcome:?}", self.seed, self.steps)
    }
}
