//! `tollkeeper quarantine replay`: which entries go back to the engine, each in one envelope to the home partition of its tenant.
//!
//! Nothing is charged twice: a record that is replayed again has the identity that the first left, so the engine finds a duplicate.
//! An identity is forgotten a day after the acceptance window, and `late` passes the window; so for `late` the ledger is asked
//! first ([`ReplayPlan::note`]): a call that was ever debited, and not voided and released since, is not sent. A call that is
//! replayed as new is looked for under the id that it would get.
//!
//! What the ledger cannot say is what is still on its way: do not replay `late` a second time before the engine has read the first.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

use serde_json::{Value, json};

use super::select::{PutAside, Row, Selection};
use crate::core::decide::Replay;
use crate::core::event::EventBody;
use crate::core::partition::{PartitionId, home_partition};
use crate::core::reason::Reason;
use crate::offline::audit::Place;
use crate::wire::envelope::{self, Envelope, Kind};
use crate::wire::event::{self, EventFault};
use crate::wire::quarantine::{self, Entry, Kept, Quarantined};
use crate::wire::{cdr, command};

/// Records of one run at most.
pub const REPLAYED_RECORDS_MAX: usize = 100_000;
/// Bytes of the envelopes of one run at most.
pub const REPLAYED_BYTES_MAX: usize = 256 << 20;

/// How records are replayed.
#[derive(Clone, Debug)]
pub struct Terms {
    /// Which.
    pub selection: Selection,
    /// They pass the acceptance window.
    pub late: bool,
    /// Conflicting duplicates are calls of their own.
    pub as_new: bool,
    /// What the names of the engine's topics begin with.
    pub topic_prefix: String,
    /// How many partitions a tenant can be at home in.
    pub partitions: u32,
}

/// Why an entry is not replayed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The entry has no record.
    #[error("it was debited or applied before, and the record was not kept")]
    Duplicate,
    /// The record was over 64 KiB.
    #[error(
        "the record was cut: it had {length} bytes, more than {}; it has to be sent anew, smaller",
        crate::wire::RECORD_BYTES_MAX
    )]
    Cut {
        /// How many bytes it had.
        length: u64,
    },
    /// The record is no native one.
    #[error(
        "it was read from {topic}, which is no input of the engine: mend the mapping and let the intake read it again"
    )]
    Foreign {
        /// Where it was first read.
        topic: String,
    },
    /// No tenant can be read.
    #[error("it still cannot be read ({reason}: {detail}): it has to be sent anew, corrected")]
    Unreadable {
        /// The reason that the engine would give.
        reason: Reason,
        /// What exactly.
        detail: String,
    },
    /// A command, with flags for calls.
    #[error("it is a command; --late and --as-new are for calls")]
    NoCall,
    /// `as_new` for something that is no conflicting duplicate.
    #[error("it is no conflicting_duplicate, so it needs no identity of its own: replay it without --as-new")]
    NoConflict,
    /// The ledger has it.
    #[error("the call was debited before, by {event}")]
    Debited {
        /// The event's id.
        event: String,
    },
}

impl Refused {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Refused::Duplicate => "duplicate",
            Refused::Cut { .. } => "cut",
            Refused::Foreign { .. } => "foreign",
            Refused::Unreadable { .. } => "unreadable",
            Refused::NoCall => "no_call",
            Refused::NoConflict => "no_conflict",
            Refused::Debited { .. } => "debited",
        }
    }
}

/// More is selected than one run replays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "more than {REPLAYED_RECORDS_MAX} records or {} MiB are selected: replay them in pieces, by --from and --to or --partition",
    REPLAYED_BYTES_MAX >> 20
)]
pub struct TooMany;

/// An envelope on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// The key.
    pub tenant: String,
    /// The home of the tenant.
    pub home: PartitionId,
    /// The record of the topic `reroute`: JSON.
    pub envelope: String,
    /// The ids under which the ledger may have the call; empty for a command.
    call_ids: Vec<String>,
}

/// One record that was selected.
#[derive(Clone, Debug)]
struct Chosen {
    row: Row,
    outcome: Result<Outgoing, Refused>,
}

/// What is replayed and what is not.
#[derive(Clone, Debug)]
pub struct ReplayPlan {
    terms: Terms,
    chosen: Vec<Chosen>,
    /// By source: a record that came back to the quarantine is there more than once.
    by_source: HashMap<Arc<str>, usize>,
    bytes: usize,
    unreadable: u64,
    /// By tenant and call: the last debit that the ledger has of it.
    debits: HashMap<String, HashMap<String, Option<u64>>>,
}

impl ReplayPlan {
    /// Nothing is selected yet.
    pub fn new(terms: Terms) -> ReplayPlan {
        ReplayPlan {
            terms,
            chosen: Vec::new(),
            by_source: HashMap::new(),
            bytes: 0,
            unreadable: 0,
            debits: HashMap::new(),
        }
    }

    /// Looks at an entry of the quarantine.
    ///
    /// # Errors
    /// [`TooMany`]; then nothing should be sent.
    pub fn take(&mut self, place: &Place, bytes: &[u8]) -> Result<(), TooMany> {
        let Ok(entry) = quarantine::decode(bytes) else {
            self.unreadable += 1;
            return Ok(());
        };
        let aside = PutAside::new(entry);
        if !self.terms.selection.takes(&aside) {
            return Ok(());
        }
        let chosen = Chosen { row: aside.row(place), outcome: self.terms.judge(&aside, place) };
        let known = self.by_source.get(&*chosen.row.source).copied();
        if known.is_some_and(|known| self.chosen[known].outcome.is_ok()) {
            return Ok(());
        }
        self.bytes += chosen.outcome.as_ref().map_or(0, |outgoing| outgoing.envelope.len());
        match known {
            Some(known) => self.chosen[known] = chosen,
            None => {
                self.by_source.insert(chosen.row.source.as_str().into(), self.chosen.len());
                self.chosen.push(chosen);
            }
        }
        if self.chosen.len() > REPLAYED_RECORDS_MAX || self.bytes > REPLAYED_BYTES_MAX { Err(TooMany) } else { Ok(()) }
    }

    /// The partitions whose ledgers must be read to their ends, with [`Self::note`], before anything is sent.
    pub fn begin_check(&mut self) -> BTreeSet<PartitionId> {
        let mut homes = BTreeSet::new();
        if !self.terms.late {
            return homes;
        }
        for outgoing in self.chosen.iter().filter_map(|chosen| chosen.outcome.as_ref().ok()) {
            homes.insert(outgoing.home);
            let of_tenant = self.debits.entry(outgoing.tenant.clone()).or_default();
            of_tenant.extend(outgoing.call_ids.iter().map(|call_id| (call_id.clone(), None)));
        }
        homes
    }

    /// Looks at an event of the ledger.
    ///
    /// # Errors
    /// It cannot be read: then nobody knows what it debits, and nothing should be sent.
    pub fn note(&mut self, bytes: &[u8]) -> Result<(), EventFault> {
        let event = event::decode(bytes)?;
        let Some(of_tenant) = self.debits.get_mut(&*event.tenant) else { return Ok(()) };
        match &event.body {
            EventBody::CallDebited(debit) => {
                if let Some(last) = of_tenant.get_mut(&*debit.call_id) {
                    *last = Some(event.seq);
                }
            }
            // A void names all debits of its call, so the last is among them.
            EventBody::CallVoided(void) if void.release => {
                if let Some(last) = of_tenant.get_mut(&*void.call.call_id) {
                    *last = last.filter(|seq| !void.call.debits.contains(seq));
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Refuses what the ledger has.
    pub fn finish_check(&mut self) {
        for chosen in &mut self.chosen {
            let Ok(Outgoing { tenant, call_ids, .. }) = &chosen.outcome else { continue };
            let Some(of_tenant) = self.debits.get(tenant) else { continue };
            if let Some(seq) = call_ids.iter().find_map(|call_id| of_tenant.get(call_id).copied().flatten()) {
                let event = format!("{tenant}/{seq}");
                chosen.outcome = Err(Refused::Debited { event });
            }
        }
    }

    /// What goes to the topic `reroute`, in the order of the quarantine.
    pub fn outgoing(&self) -> impl Iterator<Item = &Outgoing> {
        self.chosen.iter().filter_map(|chosen| chosen.outcome.as_ref().ok())
    }

    /// As JSON; `became` says what became of those that are not refused.
    pub fn json(&self, became: &str) -> Value {
        let rows: Vec<Value> = self.chosen.iter().map(|chosen| chosen.json(became)).collect();
        json!({
            "selected": self.chosen.len(),
            "replay": became,
            "records": self.outgoing().count(),
            "refused": self.refused(),
            "unreadable": self.unreadable,
            "rows": rows,
        })
    }

    /// As text; `became` as for [`Self::json`].
    pub fn text(&self, became: &str) -> String {
        let mut text = String::new();
        for Chosen { row, outcome } in &self.chosen {
            match outcome {
                Ok(outgoing) => text += &format!("{became} to partition {}: {row}\n", outgoing.home),
                Err(refused) => text += &format!("refused, {refused}: {row}\n"),
            }
        }
        text += &format!("{:>12} {became}\n", self.outgoing().count());
        for (code, count) in self.refused() {
            text += &format!("{count:>12} refused: {code}\n");
        }
        if self.unreadable > 0 {
            text += &format!(
                "{:>12} entries unreadable: a later release wrote them, or something is broken\n",
                self.unreadable
            );
        }
        text
    }

    fn refused(&self) -> BTreeMap<&'static str, u64> {
        let mut refused = BTreeMap::new();
        for why in self.chosen.iter().filter_map(|chosen| chosen.outcome.as_ref().err()) {
            *refused.entry(why.code()).or_default() += 1;
        }
        refused
    }
}

impl Chosen {
    fn json(&self, became: &str) -> Value {
        let mut row = self.row.json();
        match &self.outcome {
            Ok(outgoing) => {
                row["replay"] = became.into();
                row["home"] = outgoing.home.0.into();
            }
            Err(refused) => {
                row["replay"] = "refused".into();
                row["refused"] = refused.code().into();
                row["why"] = refused.to_string().into();
                if let Refused::Debited { event } = refused {
                    row["event"] = event.as_str().into();
                }
            }
        }
        row
    }
}

impl Terms {
    fn judge(&self, aside: &PutAside<'_>, place: &Place) -> Result<Outgoing, Refused> {
        let Entry::Quarantined(Quarantined { reason, source, record, .. }) = &aside.entry else {
            return Err(Refused::Duplicate);
        };
        let kind = self.kind_of(&source.topic).ok_or_else(|| Refused::Foreign { topic: source.topic.to_string() })?;
        let record = match record {
            Kept::Whole(record) => record,
            Kept::Prefix { length, .. } => return Err(Refused::Cut { length: *length }),
        };
        if kind == Kind::Command && (self.late || self.as_new) {
            return Err(Refused::NoCall);
        }
        if self.as_new && *reason != Reason::ConflictingDuplicate {
            return Err(Refused::NoConflict);
        }
        let unreadable =
            |rejected: crate::wire::Rejected| Refused::Unreadable { reason: rejected.reason, detail: rejected.detail };
        let (tenant, call_id) = match kind {
            Kind::Cdr => {
                let cdr = cdr::decode(record).map_err(unreadable)?;
                (cdr.tenant.into_owned(), Some(cdr.call_id.into_owned()))
            }
            Kind::Command => (command::decode(record).map_err(unreadable)?.tenant.into_owned(), None),
        };
        let replay = Replay {
            late: self.late,
            as_new: self.as_new.then(|| source.to_string().into()),
            replay_of: Some(self.name_of(place, source).into()),
        };
        let mut envelope = Vec::new();
        envelope::encode(&Envelope { kind, record: record.clone(), source: source.clone(), replay }, &mut envelope);
        let envelope = String::from_utf8(envelope).expect("what is not UTF-8 in an envelope is base64");
        let as_new_id = call_id.as_ref().map(|call_id| format!("{call_id}~{source}"));
        // One that was replayed as new was debited as well, whatever it is replayed as now.
        let call_ids = as_new_id.into_iter().chain(call_id.filter(|_| !self.as_new)).collect();
        Ok(Outgoing { home: home_partition(&tenant, self.partitions), tenant, envelope, call_ids })
    }

    fn kind_of(&self, topic: &str) -> Option<Kind> {
        match topic.strip_prefix(&*self.topic_prefix)?.strip_prefix('.')? {
            "cdrs" => Some(Kind::Cdr),
            "commands" => Some(Kind::Command),
            _ => None,
        }
    }

    /// The name that the debit carries: the entry's place in the topic, or of a file, what the entry itself names.
    fn name_of(&self, place: &Place, source: &impl fmt::Display) -> String {
        match place {
            Place::Offset { partition, offset } => format!("{}.quarantine/{partition}/{offset}", self.topic_prefix),
            Place::Line { .. } => source.to_string(),
        }
    }
}
