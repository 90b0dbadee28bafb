//! What would be published, and whether the nodes would take it. Pure: items and the topic's content in, proposals out.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::changes::Changes;
use crate::stream::catalog::build::{BuildFailure, CatalogItem, CountryCheck, ItemContent, build_catalog, read_items};
use crate::stream::catalog::publications::{CONTENT_BYTES_MAX, PUBLICATIONS_MAX, Publications};
use crate::stream::catalog::standing::TopicProblem;
use crate::wire::catalog_record::ItemKind;
use crate::wire::fault::Faults;

/// A version that is to be published.
#[derive(Clone, Debug)]
pub(super) struct Proposal {
    /// With the instant from which it is in force.
    pub(super) item: CatalogItem,
    /// The version that it takes over from.
    before: Option<Box<str>>,
    /// Of a price list.
    changes: Option<Changes>,
}

/// When the versions are to come into force.
#[derive(Clone, Copy, Debug)]
pub(super) struct When {
    pub(super) now: Timestamp,
    pub(super) lead_seconds: u32,
    /// As it was asked for.
    pub(super) effective_from: Option<Timestamp>,
    /// What a file says itself.
    pub(super) own: OwnTime,
}

/// What the `effective_from` in a file means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OwnTime {
    /// It counts, and nothing else may be asked for.
    Counts,
    /// It was that of another time.
    Overruled,
}

/// Why nothing is published.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    #[error("{} {id} is published already: give --effective-from, {lead_seconds} s or more ahead", kind.code())]
    NeedsTime { kind: ItemKind, id: Box<str>, lead_seconds: u32 },
    #[error("{} {id}: {from} is too soon, nodes have to know of it before: {earliest} at the earliest", kind.code())]
    TooSoon { kind: ItemKind, id: Box<str>, from: Timestamp, earliest: Timestamp },
    #[error("{} {id}: --effective-from says {asked}, its file {own}: change one of them", kind.code())]
    TwoTimes { kind: ItemKind, id: Box<str>, asked: Timestamp, own: Timestamp },
    #[error("{} {id}: what is in force then is version {version} already", kind.code())]
    Unchanged { kind: ItemKind, id: Box<str>, version: Box<str> },
    #[error("the nodes would refuse it; {0}")]
    Build(BuildFailure),
    #[error(
        "nodes keep at most {bound} {what}, and this would be more: a version is dropped when it is superseded for long"
    )]
    TooMuch { what: &'static str, bound: usize },
    #[error("nothing can be published before the topic is mended: {0}")]
    Topic(TopicProblem),
}

/// Those of `items` that differ from what is in force at that time (in the end, if none is asked for), each as it would be
/// published. Of several versions of one item, those that another has taken the place of by now are history, and passed over.
///
/// # Errors
/// What the nodes would refuse.
pub(super) fn propose(
    items: Vec<CatalogItem>,
    publications: &mut Publications,
    when: &When,
) -> Result<Vec<Proposal>, Refused> {
    let current = publications.needed(when.now).map_err(Refused::Topic)?;
    let mut candidates = read_alone(items, &current)?;
    // In the order in which they take over from each other.
    candidates.sort_by_key(|one| one.own);
    let mut proposed: Vec<Candidate> = Vec::new();
    while !candidates.is_empty() {
        let mut one = candidates.remove(0);
        let successor = candidates.iter().find(|other| other.is_of(&one.item)).map(|other| other.own);
        if successor.is_some_and(|from| from <= Some(when.now))
            || !differs(&one, successor.is_some(), publications, when)
        {
            continue;
        }
        let is_first = publications.last_in_force(one.item.kind, &one.item.id).is_none()
            && !proposed.iter().any(|other| other.is_of(&one.item));
        one.item.effective_from = effective_from(&one, is_first, when)?;
        proposed.push(one);
    }
    if proposed.is_empty() {
        return Ok(Vec::new());
    }
    let whole: Vec<CatalogItem> = current.into_iter().chain(proposed.iter().map(|one| one.item.clone())).collect();
    refuse_too_much(publications.count() + proposed.len(), &whole)?;
    let whole = build_catalog("proposed".into(), &whole, CountryCheck::Passed).map_err(Refused::Build)?;
    let proposal = |Candidate { item, own }: Candidate| {
        let changes = (item.kind == ItemKind::Deck).then(|| {
            let begin = item.effective_from.or(own).unwrap_or(Timestamp::MIN);
            let a_moment = SignedDuration::from_nanos(1);
            let before = item.effective_from.and_then(|from| whole.deck(&item.id, from.checked_sub(a_moment).ok()?));
            let new = whole.deck(&item.id, begin).expect("it is in force from its own beginning on");
            Changes::between(before, new)
        });
        let last = |from: Timestamp| publications.in_force(item.kind, &item.id, from);
        let before = item.effective_from.and_then(last).map(|last| last.manifest.version.clone());
        Proposal { item, before, changes }
    };
    Ok(proposed.into_iter().map(proposal).collect())
}

/// A version that may have to be published.
struct Candidate {
    item: CatalogItem,
    /// From when on its file says that it is in force.
    own: Option<Timestamp>,
}

impl Candidate {
    /// It is a version of the same thing.
    fn is_of(&self, item: &CatalogItem) -> bool {
        (self.item.kind, &self.item.id) == (item.kind, &item.id)
    }
}

/// The files alone, countries looked up: a fault in what was published before is not theirs.
fn read_alone(items: Vec<CatalogItem>, current: &[CatalogItem]) -> Result<Vec<Candidate>, Refused> {
    let count = items.len();
    let mut alone = items;
    if !alone.iter().any(|item| item.kind == ItemKind::NumberPlan) {
        alone.extend(current.iter().rfind(|item| item.kind == ItemKind::NumberPlan).cloned());
    }
    let mut faults = Faults::new();
    let contents = read_items(&alone, CountryCheck::Against, &mut faults);
    if !faults.is_empty() {
        return Err(Refused::Build(BuildFailure::Faulty { faults }));
    }
    let candidate = |(item, content): (CatalogItem, Option<ItemContent>)| Candidate {
        own: content.and_then(|content| content.effective_from()),
        item,
    };
    Ok(alone.into_iter().zip(contents).take(count).map(candidate).collect())
}

/// Another version is in force when this one is to be: at the time that is asked for, at its own if that is to come, and now where
/// the files have a later version.
fn differs(one: &Candidate, has_successor: bool, publications: &Publications, when: &When) -> bool {
    let (kind, id) = (one.item.kind, &one.item.id);
    let own = one.own.filter(|own| when.own == OwnTime::Counts && *own > when.now);
    let now = Some(when.now).filter(|_| has_successor);
    let then = match when.effective_from.or(own).or(now) {
        Some(from) => publications.in_force(kind, id, from),
        None => publications.last_in_force(kind, id),
    };
    then.is_none_or(|then| then.manifest.version != one.item.version)
}

/// More than nodes can hold would stop them.
fn refuse_too_much(publications: usize, items: &[CatalogItem]) -> Result<(), Refused> {
    let bytes: usize = items.iter().flat_map(|item| &item.files).map(|file| file.bytes.len()).sum();
    if publications > PUBLICATIONS_MAX {
        return Err(Refused::TooMuch { what: "publications", bound: PUBLICATIONS_MAX });
    }
    if bytes > CONTENT_BYTES_MAX {
        return Err(Refused::TooMuch { what: "bytes of versions", bound: CONTENT_BYTES_MAX });
    }
    Ok(())
}

/// When the version comes into force, if the nodes would take that.
fn effective_from(one: &Candidate, is_first: bool, when: &When) -> Result<Option<Timestamp>, Refused> {
    let (kind, id, lead_seconds) = (one.item.kind, one.item.id.clone(), when.lead_seconds);
    let own = one.own.filter(|_| when.own == OwnTime::Counts);
    if let (Some(asked), Some(own)) = (when.effective_from, own)
        && asked != own
    {
        return Err(Refused::TwoTimes { kind, id, asked, own });
    }
    let from = match when.effective_from.or(own.filter(|_| !is_first)) {
        Some(from) => from,
        // The file's own time counts all the same: nothing can have been priced by it yet.
        None if is_first => return Ok(None),
        None => return Err(Refused::NeedsTime { kind, id, lead_seconds }),
    };
    let earliest = when.now.saturating_add(SignedDuration::from_secs(i64::from(lead_seconds)));
    let earliest = earliest.expect("a lead is at most a week");
    if from < earliest { Err(Refused::TooSoon { kind, id, from, earliest }) } else { Ok(Some(from)) }
}

impl Proposal {
    /// For scripts.
    pub(super) fn json(&self) -> Value {
        let CatalogItem { kind, id, version, effective_from, .. } = &self.item;
        let mut json = json!({"kind": kind.code(), "id": id, "version": version});
        if let Some(from) = effective_from {
            json["effective_from"] = from.to_string().into();
        }
        if let Some(before) = &self.before {
            json["before"] = (**before).into();
        }
        if let Some(Changes { added, removed, dearer, cheaper, otherwise, same }) = self.changes {
            json["rows"] = json!({
                "added": added, "removed": removed, "dearer": dearer, "cheaper": cheaper, "otherwise": otherwise,
                "same": same,
            });
        }
        json
    }
}

impl fmt::Display for Proposal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CatalogItem { kind, id, version, effective_from, .. } = &self.item;
        write!(f, "{} {id}: ", kind.code())?;
        if let Some(before) = &self.before {
            write!(f, "{before} to ")?;
        }
        match effective_from {
            Some(from) => write!(f, "{version} from {from} on")?,
            None => write!(f, "{version}, the first, in force at once")?,
        }
        match &self.changes {
            Some(changes) => write!(f, "; {changes}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::catalog::publications::Keep;
    use crate::stream::catalog::reader::CatalogLog;
    use crate::stream::catalog::testing::{Desk, LEAD_SECONDS, beginning, deck, item, number_plan};

    fn published(desk: &Desk) -> Publications {
        let mut publications =
            Publications::new(Keep { superseded_for: SignedDuration::from_hours(21 * 24), wanted: None });
        let mut records = Vec::new();
        desk.log().read(usize::MAX, std::time::Duration::ZERO, &mut records).expect("the memory log answers");
        records.iter().for_each(|record| publications.take(record));
        publications
    }

    fn when(effective_from: Option<Timestamp>) -> When {
        When { now: beginning(), lead_seconds: LEAD_SECONDS, effective_from, own: OwnTime::Counts }
    }

    fn proposed(items: Vec<CatalogItem>, desk: &Desk, effective_from: Option<Timestamp>) -> Result<String, String> {
        let proposals = propose(items, &mut published(desk), &when(effective_from));
        let lines = |all: Vec<Proposal>| all.iter().map(Proposal::to_string).collect::<Vec<_>>().join("\n");
        proposals.map(lines).map_err(|refused| refused.to_string())
    }

    fn dated(rate: &str, from: Timestamp) -> CatalogItem {
        let text = format!("# currency: USD\n# effective_from: {from}\nprefix,rate_per_minute\n44,{rate}\n");
        item(ItemKind::Deck, "retail", &[("decks/retail.csv", &text)])
    }

    fn earliest() -> Timestamp {
        beginning() + SignedDuration::from_secs(i64::from(LEAD_SECONDS))
    }

    #[test]
    fn the_first_publication_of_an_item_needs_no_time_and_the_next_does() {
        let empty = Desk::new();
        let first = proposed(vec![number_plan(), deck("0.01")], &empty, None).expect("taken");
        let (plan, list) = (number_plan().version, deck("0.01").version);
        assert_eq!(
            first,
            format!(
                "number_plan number-plan: {plan}, the first, in force at once\n\
                 deck retail: {list}, the first, in force at once; 1 rows added, 0 removed, 0 dearer, 0 cheaper, \
                 0 changed otherwise, 0 as before"
            )
        );
        let desk = Desk::with_first_versions();
        let refused = proposed(vec![deck("0.02")], &desk, None).expect_err("no time");
        assert_eq!(refused, "deck retail is published already: give --effective-from, 900 s or more ahead");
        let next = proposed(vec![number_plan(), deck("0.02")], &desk, Some(earliest())).expect("taken");
        assert_eq!(
            next,
            format!(
                "deck retail: {list} to {} from 2026-11-20T10:15:00Z on; 0 rows added, 0 removed, 1 dearer, 0 cheaper, \
                 0 changed otherwise, 0 as before",
                deck("0.02").version
            ),
            "and what is unchanged is left alone"
        );
    }

    #[test]
    fn what_differs_is_judged_by_what_is_in_force_then() {
        let mut desk = Desk::with_first_versions();
        let (sooner, later) = (earliest(), earliest() + SignedDuration::from_hours(2));
        desk.publish(&deck("0.02"), Some(later));
        let hour = SignedDuration::from_hours(1);
        assert_eq!(proposed(vec![deck("0.02")], &desk, Some(later + hour)).as_deref(), Ok(""));
        assert_eq!(proposed(vec![deck("0.01")], &desk, Some(sooner)).as_deref(), Ok(""));
        let brought_forward = proposed(vec![deck("0.02")], &desk, Some(sooner)).expect("taken");
        assert!(brought_forward.contains("1 dearer"), "{brought_forward}");
    }

    #[test]
    fn what_the_nodes_would_refuse_is_refused_here() {
        let desk = Desk::with_first_versions();
        let text = |text: &str| item(ItemKind::Deck, "retail", &[("decks/retail.csv", text)]);
        let a_moment = SignedDuration::from_nanos(1);
        let cases = [
            (
                deck("0.02"),
                earliest() - a_moment,
                "deck retail: 2026-11-20T10:14:59.999999999Z is too soon, nodes have to know of it before: \
                 2026-11-20T10:15:00Z at the earliest",
            ),
            (
                text("# currency: EUR\nprefix,rate_per_minute\n44,1\n"),
                earliest(),
                "the nodes would refuse it; price list retail is in EUR and in USD",
            ),
            (
                text("# currency: USD\nprefix,country,rate_per_minute\n44,UK,1\n"),
                earliest(),
                "the nodes would refuse it; faults in all: 1\ndecks/retail.csv:3: column 2 (country): no country of the \
                 number plan: \"UK\"",
            ),
            (
                dated("0.02", earliest()),
                earliest() + a_moment,
                "deck retail: --effective-from says 2026-11-20T10:15:00.000000001Z, its file 2026-11-20T10:15:00Z: \
                 change one of them",
            ),
        ];
        for (item, from, expected) in cases {
            assert_eq!(proposed(vec![item], &desk, Some(from)).expect_err(expected), expected);
        }
        let empty = Desk::new();
        let refused = proposed(vec![deck("0.01")], &empty, None).expect_err("whose numbers are whose?");
        assert!(refused.contains("there is no number plan"), "{refused}");
    }

    #[test]
    fn the_time_in_a_file_counts_unless_a_version_comes_back() {
        let desk = Desk::with_first_versions();
        let taken = proposed(vec![dated("0.02", earliest())], &desk, None).expect("taken");
        assert!(taken.contains("from 2026-11-20T10:15:00Z on"), "{taken}");
        let later = earliest() + SignedDuration::from_hours(1);
        let back = When { own: OwnTime::Overruled, ..when(Some(later)) };
        let proposals = propose(vec![dated("0.02", earliest())], &mut published(&desk), &back).expect("taken");
        assert_eq!(proposals[0].item.effective_from, Some(later));
    }

    #[test]
    fn of_several_versions_of_an_item_history_is_passed_over_and_the_rest_takes_its_turn() {
        let (now, later) = (beginning(), earliest() + SignedDuration::from_hours(1));
        let versions = || {
            let history = dated("0.02", now - SignedDuration::from_hours(1));
            vec![dated("0.04", later), deck("0.01"), dated("0.03", now), history, number_plan()]
        };
        let lines = |proposed: &str| -> Vec<String> {
            proposed.lines().map(|line| line.split(';').next().unwrap_or_default().to_owned()).collect()
        };
        let mut desk = Desk::new();
        let (plan, current, next) = (number_plan().version, dated("0.03", now).version, dated("0.04", later).version);
        assert_eq!(
            lines(&proposed(versions(), &desk, None).expect("taken")),
            [
                format!("number_plan number-plan: {plan}, the first, in force at once"),
                format!("deck retail: {current}, the first, in force at once"),
                format!("deck retail: {next} from 2026-11-20T11:15:00Z on"),
            ]
        );
        desk.publish(&number_plan(), None);
        desk.publish(&dated("0.03", now), None);
        assert_eq!(
            lines(&proposed(versions(), &desk, None).expect("taken")),
            [format!("deck retail: {current} to {next} from 2026-11-20T11:15:00Z on")]
        );
        desk.publish(&dated("0.04", later), Some(later));
        assert_eq!(proposed(versions(), &desk, None).as_deref(), Ok(""));
    }

    #[test]
    fn a_plan_is_published_beside_the_zone_that_is_there() {
        let text = "description = \"x\"\n[[rule]]\nzone = \"a\"\npay = \"free\"\n";
        let plan = item(ItemKind::Plan, "meet", &[("plans/meet.toml", text)]);
        let zone = item(ItemKind::Zone, "a", &[("zones/a.csv", "country\nGB\n")]);
        let mut desk = Desk::with_first_versions();
        let refused = proposed(vec![plan.clone()], &desk, None).expect_err("no zone");
        let missing =
            format!("the nodes would refuse it; plan meet@{} names zone a, which is not in the catalog", plan.version);
        assert_eq!(refused, missing);
        let both = proposed(vec![plan.clone(), zone.clone()], &desk, None).expect("taken");
        assert_eq!(both.lines().count(), 2, "{both}");
        desk.publish(&zone, None);
        let alone = proposed(vec![plan], &desk, None).expect("taken");
        assert_eq!(alone.lines().count(), 1, "{alone}");
    }
}
