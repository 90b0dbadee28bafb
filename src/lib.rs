//! Tollkeeper: a streaming call-rating engine for prepaid telephony.
//!
//! It reads call detail records (CDRs) from Kafka, prices them against per-destination price lists, debits each tenant's
//! prepaid balance in memory, and publishes every debit, recharge and block in the same Kafka transaction as the input
//! offsets. README.md is for those who use it; this page is the map for those who change it.
//!
//! ```text
//!                      one Kafka transaction per batch: all of it, or none
//!           ┌─────────────────────────────────────────────────────────────────┐
//!  cdrs ───▶│ decode ─▶ rate ─▶ debit ─▶ encode ├─▶ ledger      every event of every account
//!  commands▶│          (pure core, one owner)   ├─▶ alerts      what someone must act on
//!  reroute ▶│                                   ├─▶ quarantine  what could not be rated; duplicates
//!           │                                   ├─▶ reroute     what belongs to another partition
//!           └───────────────────────────────────┴─▶ input offsets, of every partition written for
//!  catalog (decks, plans) ─▶ every worker           committed accounts ─▶ HTTP, metrics
//! ```
//!
//! # State is a fold of the ledger
//!
//! An account is never edited. The core *decides* ([`core::decide`], [`core::decide_command`], [`core::decide_due`]: a CDR, a
//! command or due work in, events out) and *applies* those same events ([`core::account::Account::apply`], which decides nothing). Live work, recovery
//! ([`stream::recovery`]) and every proof use the one `apply`, so the ledger alone rebuilds any account. What is remembered
//! beside an account (debited calls, applied commands, payments, recharges) follows from single events too
//! ([`core::entry`], [`core::identity`]).
//!
//! What a batch changes lies over the committed state until the transaction is committed ([`core::batch`]): reads look there
//! first, an abort drops it. So no reader sees money that may be rolled back, and there is no code that undoes anything.
//!
//! # The way of a call, in five jumps
//!
//! `main` → [`node`] starts workers → [`stream::runner`] steps them → [`stream::worker::Worker::step`] takes records in the
//! order of the merge ([`stream::inputs`]) → [`stream::engine::Engine::take`]: decode ([`wire::cdr`]), rate
//! ([`core::rating`]), debit ([`core::decide`]), encode ([`wire::event`]).
//!
//! # What switches write
//!
//! The engine reads native CDRs only. The intake ([`stream::intake`], threads of the same process or of `tollkeeper intake`) reads
//! topics with CDRs as switches write them, in any number of partitions and with any key, and produces native ones to `cdrs`, at
//! home, in one transaction with its own offsets: decoders and mappings are in [`wire::foreign`], and `tollkeeper rate` has the
//! same. It keeps no state, so whatever goes wrong it begins anew from its committed offsets.
//!
//! # Where code lives
//!
//! | module | what it is |
//! |---|---|
//! | [`core`] | pure: money, numbers, price lists, accounts, decisions. No async, clock, chance, I/O, logging, serde, Kafka |
//! | [`wire`] | bytes to types and back, pure: CDRs (those of switches too), commands, CloudEvents, envelopes, price list files, and their JSON Schemas |
//! | [`stream`] | the worker, its restores, the intake, and the two logs that carry them: Kafka and memory |
//! | [`desk`] | HTTP: metrics and health |
//! | [`offline`] | `tollkeeper rate`: the same core over files; `deck`: what a price list says, and what another changes; `audit`: the proof of a ledger; `rerate`: its calls priced again; `quarantine`: what was put aside, and back |
//! | [`demo`] | `tollkeeper demo`: traffic, a payment service and a proof, on the log in memory |
//! | [`node`] | one engine process on a cluster, from its checks at start to its last commit (feature `kafka`) |
//! | [`cli`] | the command line, thin |
//! | [`config`] | one valid struct from file, environment and flags |
//! | [`metrics`], [`health`], [`internal_events`], [`logs`] | what operators see: names, states, one struct for each thing that happens |
//!
//! Dependencies point one way: `stream` and `desk` → `wire` → `core`; a test proves it (`tests/architecture.rs`).
//!
//! # One owner, no locks on the way
//!
//! A worker is a plain thread with one consumer and one transactional producer. A partition belongs to one worker, and
//! everything of a tenant is on its home partition, `murmur2(tenant) % partitions` ([`core::partition::home_partition`]). A
//! record that arrives elsewhere goes home through `reroute`, one hop.
//!
//! A worker is a state machine ([`stream::worker`]), and so is a restore: their threads are in [`stream::runner`], so that
//! the simulation (`tests/simulation`) steps all of them by its seed, on a log in memory ([`stream::memory`]) that has the
//! semantics of Kafka's transactions, the unpleasant ones included.
//!
//! # One clock per partition
//!
//! The core knows no clock. Each partition has one, part of its state, that never goes back: the broker's time of the record at
//! hand, or of the work that is due (lots that lapse, retries, months and days: [`core::due`]), which is done before any record
//! of a later time, and by the wall clock when nothing is left to read. It alone feeds the acceptance window, the memory of
//! commands and the `time` of events, so a backlog is rated as it would have been. It is saved with the offsets and recovered as the maximum of that and the last event.
//!
//! # One catalog for each transaction
//!
//! What prices calls is published in the topic `catalog` ([`wire::catalog_record`]) and followed by one thread of each process
//! ([`stream::catalog`]), which builds a new catalog whole, beside the one that is in use. A worker takes one for each
//! transaction, and none while it is not known to be fresh: then it takes no record. What prices a call depends on its start and
//! on the versions' own instants, and those lie so far ahead of their publication that every node knows a version, or has
//! stopped rating, before the first call that it prices.
//!
//! # The laws
//!
//! 1. Every record in has exactly one outcome: debit, duplicate, quarantine or reroute; for a command: applied, duplicate,
//!    refused, quarantine or reroute.
//! 2. No charge is lost, none is made twice: across crash, kill -9, rebalance, zombie, broker restart, redelivery, a commit of
//!    unknown outcome.
//! 3. state = fold(ledger), field by field (the clock aside); sequences have no gap.
//! 4. added - debited - expired + adjusted = balance, per tenant and in total. The lines of a charge sum to its debit.
//! 5. The parts of a call cost what one final CDR would, if nothing else of the tenant lies between.
//! 6. Longest prefix equals a naive scan; a catalog changes between two transactions, as a whole.
//! 7. Same inputs in the same order give the same bytes out.
//! 8. Every queue, map, batch, retry, record and loop has a bound with a name.
//! 9. No float ever holds money. One rounding per charge line, its direction named.
//! 10. What comes from outside never panics the process and never blocks a partition: it gets a reason.
//!
//! # What this release leaves to the next
//!
//! Snapshots: a restore folds the whole ledger. And the answers before a call (`authorize`).
//!
//! # Where the design was changed while building, and why
//!
//! - Threads are in [`stream::runner`], not in `stream/kafka`: the demo runs the same worker and restore threads on the log in
//!   memory.
//! - Only records and due work move a partition's clock, to their own times; the wall clock only says by when work is due. The same
//!   inputs then give the same bytes on any machine, and a wall clock that is off the broker's stops due work.
//! - References of payments are remembered for 400 days, not for ever: a month longer than a lot lives (law 8).
//! - An account that breaks a law while it is rated is frozen until its partition is restored; the freeze is not an event.
//! - A record without the broker's time (LogAppendTime) stops its partition: a producer's time would become its clock.
//! - Recovery folds the ledger from its start, so a repeated sequence number freezes the account as a gap does: nothing that the
//!   fold meets can have been seen before.
//! - The lead of a publication stands in its manifest. If it were each reader's setting, a change of it would change which
//!   versions were in force, and two nodes could disagree.
//! - How far `catalog` goes is asked for uncommitted: a transaction that stays open hides what is committed behind it, and a
//!   reader that is kept from that must know that it is stale.
//! - A node whose catalog is in its topic joins the group when it has read it: it takes no partition from one that can rate.
//! - `kafka` is a cargo feature, off by default: the demo and offline rating build with nothing but Rust and the C compiler that it links with.

pub mod cli;
pub mod config;
pub mod core;
pub mod demo;
pub mod desk;
pub mod health;
pub mod internal_events;
pub mod logs;
pub mod metrics;
#[cfg(feature = "kafka")]
pub mod node;
pub mod offline;
pub mod stream;
pub mod wire;
