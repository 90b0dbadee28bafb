//! What must become of a command: the refusals in their order, the memory, and the body's event.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::recharge::Settlement;
use super::settings::{Changes, FIELDS, Settings};
use super::{Account, Model, Outcome, read, time};

/// The body of a command, without what all commands have.
pub type Fields = Map<String, Value>;

const AGE_MAX_DAYS: i64 = 35;
const AHEAD_MAX: SignedDuration = SignedDuration::from_mins(5);
const MEMORY_DAYS: i64 = 36;

/// A command that was applied.
#[derive(Clone, Debug)]
pub struct Applied {
    kind: String,
    fields: Fields,
    /// Its first event.
    first: u64,
    until: Timestamp,
}

/// What becomes of a command.
pub enum Verdict {
    Apply,
    /// The event that answered it first.
    Duplicate(u64),
    Refuse(&'static str),
    /// And somebody's money is somewhere.
    RefuseUnmatched(&'static str),
}

/// Those that all commands have.
struct Head {
    tenant: String,
    command_id: String,
    kind: String,
    at: Timestamp,
    actor: Option<String>,
}

const COMMON: [&str; 6] = ["command_id", "tenant", "type", "at", "actor", "version"];

/// The fields that a command may have besides; anything else is refused.
fn known_fields(kind: &str) -> Option<Vec<&'static str>> {
    Some(match kind {
        "tenant.open" => FIELDS.to_vec(),
        "tenant.update" => FIELDS.into_iter().filter(|field| *field != "currency").collect(),
        "tenant.close" => vec!["reason", "forfeit"],
        "licences.set" => vec!["plan", "usage_country", "quantity"],
        "funds.add" => vec!["amount", "payment_reference", "expires_at"],
        "recharge.configure" => vec![
            "enabled",
            "trigger",
            "amount",
            "payment_method",
            "max_per_month",
            "max_amount",
            "max_amount_per_month",
        ],
        "recharge.settle" => vec!["recharge_id", "outcome", "reason", "payment_reference"],
        "call.void" => vec!["call_id", "reason", "release", "debits"],
        "balance.adjust" => vec!["amount", "reason", "corrects", "debits"],
        "user.limit" => vec!["user", "monthly_limit"],
        _ => return None,
    })
}

impl Model {
    pub(super) fn take_command(&mut self, bytes: &[u8]) -> Outcome {
        let Some(mut fields) = read::object_of(bytes, read::RECORD_BYTES_MAX) else {
            return Outcome::Quarantined("malformed");
        };
        let Some((tenant, command_id)) = address(&fields) else { return Outcome::Quarantined("malformed") };
        if self.frozen.contains(&tenant) {
            let body = json!({"cause": command_id, "detail": "*"});
            self.answer(&format!("frozen/{tenant}/{command_id}"), "account.frozen", body);
            return Outcome::Quarantined("account_frozen");
        }
        let head = head_of(&fields, &tenant, &command_id);
        fields.retain(|name, _| !COMMON.contains(&name.as_str()));
        let verdict = match head.and_then(|head| is_readable(&head, &fields).map(|()| head)) {
            Ok(head) => self.judge_command(&head, &fields),
            Err(refusal) => Verdict::Refuse(refusal),
        };
        match verdict {
            Verdict::Apply => Outcome::Applied,
            Verdict::Duplicate(seq) => {
                let first = format!("{tenant}/{seq}");
                Outcome::DuplicateCommand { tenant, command_id, first }
            }
            Verdict::Refuse(refusal) => self.refuse(&tenant, &command_id, refusal),
            Verdict::RefuseUnmatched(refusal) => {
                let refused = self.refuse(&tenant, &command_id, refusal);
                self.unmatched(&tenant, &command_id, &fields);
                refused
            }
        }
    }

    fn refuse(&mut self, tenant: &str, command_id: &str, refusal: &'static str) -> Outcome {
        let data = json!({"cause": command_id, "reason": refusal, "detail": "*"});
        self.answer(&format!("refused/{tenant}/{command_id}"), "command.refused", data);
        Outcome::Refused(refusal)
    }

    fn judge_command(&mut self, head: &Head, fields: &Fields) -> Verdict {
        let (tenant, clock) = (&head.tenant, self.clock);
        let key = (tenant.clone(), head.command_id.clone());
        if let Some(applied) = self.commands.get(&key).filter(|applied| clock < applied.until) {
            return match applied.kind == head.kind && applied.fields == *fields {
                true => Verdict::Duplicate(applied.first),
                false => Verdict::Refuse("conflicting_command"),
            };
        }
        if clock.duration_since(head.at) > time::days(AGE_MAX_DAYS) {
            return Verdict::Refuse("too_old");
        }
        if head.at.duration_since(clock) > AHEAD_MAX {
            return Verdict::Refuse("in_future");
        }
        // R39: in a closed account only these two still work.
        let works_closed = ["recharge.settle", "balance.adjust"].contains(&head.kind.as_str());
        match (self.accounts.get(tenant), head.kind.as_str()) {
            (Some(_), "tenant.open") => return Verdict::Refuse("already_open"),
            (None, "tenant.open") => {}
            (None, "recharge.settle") if Settlement::read(fields).is_some_and(|of| of.is_success) => {
                return Verdict::RefuseUnmatched("unknown_tenant");
            }
            (None, _) => return Verdict::Refuse("unknown_tenant"),
            (Some(account), _) if account.closed.is_some() && !works_closed => {
                return Verdict::Refuse("closed_tenant");
            }
            (Some(_), _) => {}
        }
        let first = self.accounts.get(tenant).map_or(1, |account| account.seq + 1);
        let before = self.before(tenant);
        let verdict = match head.kind.as_str() {
            "recharge.settle" => self.settle(tenant, &head.command_id, fields),
            _ => match self.change(head, fields) {
                Ok(()) => Verdict::Apply,
                Err(refusal) => Verdict::Refuse(refusal),
            },
        };
        if let Verdict::Apply = verdict {
            let until = clock + time::days(MEMORY_DAYS);
            let applied = Applied { kind: head.kind.clone(), fields: fields.clone(), first, until };
            self.commands.insert(key, applied);
            self.add_actor(head, first);
            self.follow(tenant, &head.command_id, before, None, 1);
        }
        verdict
    }

    /// Who asked stands in the first event of a command.
    fn add_actor(&mut self, head: &Head, first: u64) {
        let id = format!("{}/{first}", head.tenant);
        for list in [&mut self.ledger, &mut self.alerts] {
            if let (Some(actor), Some(event)) = (&head.actor, list.iter_mut().rev().find(|event| event["id"] == *id)) {
                event["data"]["actor"] = json!(actor);
            }
        }
    }

    fn change(&mut self, head: &Head, fields: &Fields) -> Result<(), &'static str> {
        let tenant = &head.tenant;
        let (kind, body) = match head.kind.as_str() {
            "tenant.open" => self.open(tenant, fields)?,
            "tenant.update" => self.update(tenant, fields)?,
            "tenant.close" => return self.close(tenant, &head.command_id, fields),
            "licences.set" => self.set_licences(tenant, fields)?,
            "funds.add" => self.add_funds(tenant, fields)?,
            "recharge.configure" => self.configure(tenant, fields)?,
            "call.void" => self.void(tenant, fields)?,
            "balance.adjust" => self.adjust(tenant, fields)?,
            "user.limit" => self.limit_user(tenant, fields)?,
            other => unreachable!("{other} was not readable"),
        };
        self.event(tenant, kind, &head.command_id, body);
        Ok(())
    }

    fn open(&mut self, tenant: &str, fields: &Fields) -> Result<(&'static str, Value), &'static str> {
        let settings = Changes::read(fields).and_then(Changes::opened).ok_or("malformed")?;
        self.check_settings(
            &settings,
            settings.default_plans.values(),
            [Some(&settings.price_list), settings.overlay.as_ref()],
        )?;
        let body = settings.json();
        self.accounts.insert(tenant.to_owned(), Account::new(settings, self.clock));
        Ok(("tenant.opened", body))
    }

    fn update(&mut self, tenant: &str, fields: &Fields) -> Result<(&'static str, Value), &'static str> {
        let changes = Changes::read(fields).ok_or("malformed")?;
        let settings = self.account(tenant).settings.clone();
        // Only what is set anew is looked up.
        let lists = [changes.price_list.as_ref(), changes.overlay.as_ref().and_then(Option::as_ref)];
        self.check_settings(&settings, changes.default_plans.iter().flat_map(|plans| plans.values()), lists)?;
        let settings = changes.applied_to(settings);
        let body = settings.json();
        self.account_mut(tenant).settings = settings;
        Ok(("tenant.updated", body))
    }

    /// By the whole catalog, whatever its dates (A18).
    fn check_settings<'s>(
        &self,
        settings: &Settings,
        mut plans: impl Iterator<Item = &'s String>,
        lists: [Option<&String>; 2],
    ) -> Result<(), &'static str> {
        if plans.any(|plan| !self.knows_plan(plan)) {
            return Err("unknown_plan");
        }
        let lists: Vec<Vec<&str>> = lists.into_iter().flatten().map(|id| self.catalog.currencies(id)).collect();
        if lists.iter().any(Vec::is_empty) {
            return Err("unknown_price_list");
        }
        let is_ours = |currency: &&str| *currency == settings.currency;
        if lists.iter().flatten().all(is_ours) { Ok(()) } else { Err("currency_mismatch") }
    }

    pub(super) fn knows_plan(&self, id: &str) -> bool {
        self.catalog.plans.iter().any(|plan| plan.id == id)
    }
}

/// Tenant and id: without them it is no command.
pub fn address(fields: &Fields) -> Option<(String, String)> {
    let tenant = fields.get("tenant").and_then(Value::as_str).filter(|name| read::is_name(name))?;
    Some((tenant.to_owned(), read::text(fields, "command_id", 128)??))
}

/// What all commands have; a version comes before everything else.
fn head_of(fields: &Fields, tenant: &str, command_id: &str) -> Result<Head, &'static str> {
    match fields.get("version") {
        None | Some(Value::Null) => {}
        Some(version) if *version == 1 => {}
        Some(version) if version.is_u64() => return Err("unsupported_version"),
        Some(_) => return Err("malformed"),
    }
    let kind = fields.get("type").and_then(Value::as_str).ok_or("malformed")?;
    if known_fields(kind).is_none() {
        return Err("unsupported_version");
    }
    Ok(Head {
        tenant: tenant.to_owned(),
        command_id: command_id.to_owned(),
        kind: kind.to_owned(),
        at: read::time(fields, "at").flatten().ok_or("malformed")?,
        actor: read::text(fields, "actor", 256).ok_or("malformed")?,
    })
}

/// Whether the body is one, as far as it says so itself.
fn is_readable(head: &Head, fields: &Fields) -> Result<(), &'static str> {
    let known = known_fields(&head.kind).ok_or("unsupported_version")?;
    if fields.keys().any(|name| !known.contains(&name.as_str())) {
        return Err("malformed");
    }
    let required = |name: &str| fields.get(name).is_some_and(|value| !value.is_null());
    let is_text = |name: &str| read::text(fields, name, 256).flatten().is_some();
    let is_right = match head.kind.as_str() {
        "tenant.open" => Changes::read(fields).and_then(Changes::opened).is_some(),
        "tenant.update" => Changes::read(fields).is_some(),
        "tenant.close" => is_text("reason") && fields.get("forfeit").is_none_or(|it| it.is_boolean() || it.is_null()),
        "licences.set" => {
            let country = fields.get("usage_country").and_then(Value::as_str).unwrap_or("");
            fields.get("plan").and_then(Value::as_str).is_some_and(read::is_name)
                && country.len() == 2
                && country.bytes().all(|byte| byte.is_ascii_uppercase())
                && fields.get("quantity").and_then(Value::as_u64).is_some_and(|count| u32::try_from(count).is_ok())
        }
        "funds.add" => {
            read::amount(fields, "amount").flatten().is_some_and(|money| money > 0)
                && is_text("payment_reference")
                && read::time(fields, "expires_at").is_some()
        }
        "recharge.configure" => super::recharge::RechargeSettings::read(fields).is_some(),
        "recharge.settle" => Settlement::read(fields).is_some(),
        "call.void" => is_text("reason") && super::correct::is_readable(fields, "call_id", true),
        "balance.adjust" => {
            is_text("reason")
                && read::amount(fields, "amount").flatten().is_some_and(|money| money != 0)
                && super::correct::is_readable(fields, "corrects", false)
        }
        "user.limit" => {
            is_text("user")
                // null lifts the limit, so the field must be there (WIRE).
                && fields.contains_key("monthly_limit")
                && read::amount(fields, "monthly_limit").is_some_and(|money| money.is_none_or(|money| money >= 0))
        }
        _ => required("type"),
    };
    if is_right { Ok(()) } else { Err("malformed") }
}
