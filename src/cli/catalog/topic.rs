//! The commands over the topic of a cluster.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use anyhow::{Context, bail};
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::list::{lines, table};
use super::proposal::{OwnTime, Proposal, Refused, When, propose};
use super::{ExportArgs, ListArgs, PublishArgs, RollbackArgs, WithdrawArgs, WriteArgs};
use crate::cli::{Exit, values};
use crate::config::Config;
use crate::node::{kafka_settings, keep};
use crate::stream::catalog::build::CatalogItem;
use crate::stream::catalog::publications::{Keep, Publications};
use crate::stream::catalog::publish::{self, Terms, publication};
use crate::stream::catalog::reader::CatalogLog;
use crate::stream::catalog::standing::Publication;
use crate::stream::catalog::{NUMBER_PLAN_ID, read_directory, read_item};
use crate::stream::kafka::{CatalogPublisher, KafkaCatalogLog};
use crate::stream::transport::OutRecord;
use crate::wire::catalog_record::{ItemKind, Manifest, Withdrawal};

/// How long a read waits for the next records.
const READ_WAIT: Duration = Duration::from_millis(100);
/// Reads in a row that bring nothing, 30 s in all, after which something in the topic is open for too long.
const EMPTY_READS_MAX: u32 = 300;
/// Records of one read at most.
const READ_RECORDS_MAX: usize = 64;

/// Publishes files.
pub(super) fn publish(args: &PublishArgs, config: &Config) -> anyhow::Result<Exit> {
    let items = match (&args.directory, &args.file) {
        (Some(directory), _) => read_directory(directory)?,
        (None, Some(file)) => {
            let kind = ItemKind::from(args.kind);
            let id = match &args.id {
                Some(id) => id.clone(),
                None if kind == ItemKind::NumberPlan => NUMBER_PLAN_ID.to_owned(),
                None => {
                    let stem = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
                    values::catalog_id(&stem).map_err(|why| anyhow::anyhow!("--id is needed: {stem:?} is {why}"))?
                }
            };
            vec![read_item(kind, &id, file)?]
        }
        (None, None) => unreachable!("clap demands one of them"),
    };
    let single = items.first().filter(|_| args.file.is_some()).cloned();
    let writing = Writing::begin(&args.write, config, None)?;
    let when = writing.when(args.effective_from, OwnTime::Counts);
    writing.propose(items, single, when)
}

/// Lists publications.
pub(super) fn list(args: &ListArgs, config: &Config) -> anyhow::Result<Exit> {
    let mut publications = read(config, None)?;
    if let Err(problem) = publications.needed(now()) {
        eprintln!("warning: no node rates with this: {problem}");
    }
    let lines = lines(&publications, args.id.as_deref(), now());
    if args.json {
        lines.iter().for_each(|line| println!("{}", line.json()));
    } else if lines.is_empty() {
        println!("nothing is published");
    } else {
        print!("{}", table(&lines));
    }
    Ok(Exit::Success)
}

/// Publishes an earlier version anew.
pub(super) fn rollback(args: &RollbackArgs, config: &Config) -> anyhow::Result<Exit> {
    let (kind, id) = (ItemKind::from(args.item.kind), &args.item.id);
    let mut writing = Writing::begin(&args.write, config, Some((kind, id.as_str().into(), args.to.as_str().into())))?;
    let manifest = find_version(&writing.publications, kind, id, &args.to)?;
    let item = CatalogItem {
        kind,
        id: id.as_str().into(),
        version: manifest.version.clone(),
        effective_from: None,
        files: writing.publications.files_of(&manifest).with_context(|| format!("version {}", args.to))?,
    };
    let when = writing.when(Some(args.effective_from), OwnTime::Overruled);
    writing.propose(vec![item.clone()], Some(item), when)
}

/// Takes a publication back.
pub(super) fn withdraw(args: &WithdrawArgs, config: &Config) -> anyhow::Result<Exit> {
    let writing = Writing::begin(&args.write, config, None)?;
    let found = writing.publications.all().find(|one| *one.key.publication == *args.publication);
    let Some(one) = found else { bail!("there is no publication {}: see `tollkeeper deck list`", args.publication) };
    if one.is_withdrawn() {
        bail!("publication {} is withdrawn already", args.publication);
    }
    let bounds = (one.manifest.effective_from, one.manifest.lead_seconds);
    let is_accepted = one.counts();
    let judge = |at: Timestamp| match bounds {
        _ if !is_accepted => Ok(()),
        (Some(from), lead) => timely(at, from, lead),
        (None, _) => Err("it is in force since ever: publish another version in its place".to_owned()),
    };
    judge(writing.now).map_err(|why| anyhow::anyhow!("it cannot be withdrawn any more: {why}"))?;
    let withdrawal =
        Withdrawal { withdrawn_by: args.write.actor(), note: args.write.note.clone().unwrap_or_default().into() };
    let record = publish::withdrawal(&one.key, &withdrawal);
    let key = record.key.clone();
    let Publication { key: of, manifest, .. } = one;
    if args.write.json {
        println!("{}", json!({"kind": of.kind.code(), "id": of.id, "publication": of.publication, "withdrawn": true}));
    } else {
        println!("{} {}: withdraws version {}", of.kind.code(), of.id, manifest.version);
    }
    writing.write(&[record], |times| times.get(&key).map_or(Ok(()), |at| judge(*at)))
}

/// Writes the files of a version.
pub(super) fn export(args: &ExportArgs, config: &Config) -> anyhow::Result<Exit> {
    let (kind, id) = (ItemKind::from(args.item.kind), &args.item.id);
    let version = match &args.wanted {
        Some(version) => version.clone(),
        None => {
            let publications = read(config, None)?;
            let in_force = publications.in_force(kind, id, now());
            let in_force = in_force.with_context(|| format!("nothing of {} {id} is in force", kind.code()))?;
            in_force.manifest.version.to_string()
        }
    };
    let mut publications = read(config, Some((kind, id.as_str().into(), version.as_str().into())))?;
    let manifest = find_version(&publications, kind, id, &version)?;
    for file in publications.files_of(&manifest).with_context(|| format!("version {version}"))? {
        // Names come from the topic: none of them may lead out of the directory.
        let is_plain = |piece: &str| !piece.is_empty() && piece != "." && piece != "..";
        if !file.name.split('/').all(is_plain) {
            bail!("the name of the file is no path inside a catalog: {:?}", file.name);
        }
        let path = args.output.join(&file.name);
        let parent = path.parent().expect("it is in the output directory");
        fs::create_dir_all(parent).with_context(|| format!("cannot create {}", parent.display()))?;
        fs::write(&path, &file.bytes).with_context(|| format!("cannot write {}", path.display()))?;
        println!("{}", path.display());
    }
    Ok(Exit::Success)
}

/// The first manifest of a version.
fn find_version(publications: &Publications, kind: ItemKind, id: &str, version: &str) -> anyhow::Result<Manifest> {
    let of_item = publications.of(kind, id);
    let found = of_item.iter().find(|one| *one.manifest.version == *version);
    found.map(|one| one.manifest.clone()).with_context(|| {
        let all: Vec<&str> = of_item.iter().map(|one| &*one.manifest.version).collect();
        format!("there is no version {version} of {} {id}; there are: {}", kind.code(), all.join(", "))
    })
}

/// A command that writes: what it has read, and whether it may.
struct Writing<'a> {
    args: &'a WriteArgs,
    config: &'a Config,
    /// Made before the topic was read, so that nothing is published in between. Absent in a dry run.
    publisher: Option<CatalogPublisher>,
    publications: Publications,
    now: Timestamp,
}

impl<'a> Writing<'a> {
    fn begin(args: &'a WriteArgs, config: &'a Config, wanted: Wanted) -> anyhow::Result<Writing<'a>> {
        let publisher = args.commit.then(|| CatalogPublisher::connect(&kafka_settings(config, 0))).transpose()?;
        let publications = read(config, wanted)?;
        Ok(Writing { args, config, publisher, publications, now: now() })
    }

    fn when(&self, effective_from: Option<Timestamp>, own: OwnTime) -> When {
        When { now: self.now, lead_seconds: self.config.publish_lead_seconds, effective_from, own }
    }

    /// Says what the items would change, and publishes them if that is asked for. `single` is what must not be unchanged.
    fn propose(mut self, items: Vec<CatalogItem>, single: Option<CatalogItem>, when: When) -> anyhow::Result<Exit> {
        let proposals = propose(items, &mut self.publications, &when)?;
        if let Some(CatalogItem { kind, id, version, .. }) = single.filter(|_| proposals.is_empty()) {
            return Err(Refused::Unchanged { kind, id, version }.into());
        }
        let mut records = Vec::new();
        let mut froms = BTreeMap::new();
        for proposal in &proposals {
            let terms = Terms {
                publication: random_id(),
                effective_from: proposal.item.effective_from,
                lead_seconds: when.lead_seconds,
                published_by: self.args.actor(),
                note: self.args.note.clone().unwrap_or_default().into(),
            };
            let one = publication(&proposal.item, terms)?;
            self.print(proposal, &one.key.publication);
            if let Some(from) = one.manifest.effective_from {
                froms.insert(Bytes::from(one.key.manifest_key()), from);
            }
            records.extend(one.records);
        }
        if proposals.is_empty() && !self.args.json {
            println!("nothing differs from what is in force");
        }
        let lead = when.lead_seconds;
        self.write(&records, |times| {
            froms.iter().try_for_each(|(key, from)| times.get(key).map_or(Ok(()), |at| timely(*at, *from, lead)))
        })
    }

    fn print(&self, proposal: &Proposal, publication: &str) {
        match (self.args.json, self.args.commit) {
            (true, commit) => {
                let mut json = proposal.json();
                json["published"] = commit.into();
                if commit {
                    json["publication"] = publication.into();
                }
                println!("{json}");
            }
            (false, true) => println!("{proposal} (publication {publication})"),
            (false, false) => println!("{proposal}"),
        }
    }

    /// Writes the records in one transaction; `judge` sees the broker's time of each before it is committed.
    fn write(
        self,
        records: &[OutRecord],
        judge: impl Fn(&BTreeMap<Bytes, Timestamp>) -> Result<(), String>,
    ) -> anyhow::Result<Exit> {
        match &self.publisher {
            _ if records.is_empty() => {}
            Some(publisher) => publisher.publish(records, judge)?,
            None if self.args.json => {}
            None => println!("nothing is written: this was a dry run, --commit publishes"),
        }
        Ok(Exit::Success)
    }
}

/// A version whose bytes are kept besides those that nodes need.
type Wanted = Option<(ItemKind, Box<str>, Box<str>)>;

/// Reads the topic to its end.
fn read(config: &Config, wanted: Wanted) -> anyhow::Result<Publications> {
    let mut publications = Publications::new(Keep { wanted, ..keep(config)? });
    let mut log = KafkaCatalogLog::open(&kafka_settings(config, 0)).with_context(|| {
        format!("the topic {} cannot be read (`tollkeeper topics create` makes it)", config.topic("catalog"))
    })?;
    let end = log.end()?;
    let mut records = Vec::new();
    let mut empty_reads = 0;
    loop {
        let position = log.read(READ_RECORDS_MAX, READ_WAIT, &mut records)?;
        empty_reads = if records.is_empty() { empty_reads + 1 } else { 0 };
        records.drain(..).for_each(|record| publications.take(&record));
        if position >= end {
            return Ok(publications);
        }
        if empty_reads > EMPTY_READS_MAX {
            bail!(
                "{} cannot be read beyond offset {position} of {end}: a transaction is open; try again after its timeout",
                config.topic("catalog")
            );
        }
    }
}

/// The instant is as far ahead as the nodes want it.
fn timely(at: Timestamp, from: Timestamp, lead_seconds: u32) -> Result<(), String> {
    if from.duration_since(at) >= SignedDuration::from_secs(i64::from(lead_seconds)) {
        return Ok(());
    }
    Err(format!("it comes into force at {from}, and at {at} that is less than {lead_seconds} s ahead"))
}

#[expect(clippy::disallowed_methods, reason = "what is published comes into force in real time")]
fn now() -> Timestamp {
    Timestamp::now()
}

#[expect(clippy::disallowed_methods, reason = "a publication needs an id that no other has")]
fn random_id() -> Box<str> {
    format!("{:016x}", rand::random::<u64>()).into()
}
