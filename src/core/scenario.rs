//! A partition with one catalog and one tenant, for the tests of the core: commands and calls go in, and what they did comes
//! back as short texts.

use std::borrow::Cow;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::account::Account;
use super::batch::{Accounts, Batch, PartitionState, View};
use super::catalog::{Catalog, CatalogParts, PAY_AS_YOU_GO};
use super::cdr::{Attributes, CallTimes, Cdr, Direction, NumberType, Service};
use super::command::{Command, CommandBody, OpenTenant, Request, Settlement, Unreadable};
use super::decide::{self, CallVerdict, Replay, Rules, Stood};
use super::decide_command::{self, CommandVerdict};
use super::decide_due;
use super::deck::{DeckBuilder, DeckHeader, Kind, Row};
use super::due::{Done, DueKey, DueKind};
use super::duration::CallDuration;
use super::event::{BlockReason, Blocked, Cause, Event, EventBody, Void};
use super::identity::BodyHash;
use super::inbound::{InboundDeck, InboundDeckBuilder, InboundPair, InboundRow};
use super::money::{LineRounding, Money};
use super::number::Country;
use super::number_plan::{CountryDialling, NumberPlan, NumberPlanHeader};
use super::partition::PartitionId;
use super::plan::{Allotment, AllotmentIndex, KindCondition, Payment, Plan, PlanParts, PlanRule, Reach, Scope};
use super::price::Price;
use super::recharge::{RechargeId, RechargeSettings};

pub(super) const TENANT: &str = "contoso";

/// Where the clock of a scenario begins.
pub(super) fn noon() -> Timestamp {
    at("2026-11-20T12:00:00Z")
}

pub(super) fn at(text: &str) -> Timestamp {
    text.parse().expect(text)
}

pub(super) fn money(text: &str) -> Money {
    text.parse().expect(text)
}

pub(super) fn country(text: &str) -> Country {
    text.parse().expect(text)
}

pub(super) fn seconds(count: u64) -> CallDuration {
    CallDuration::from_micros(count * 1_000_000).expect("not above 7 days")
}

/// A call that ended a minute before noon.
pub(super) fn call(call_id: &'static str, to: &'static str, duration: u64) -> Cdr<'static> {
    let duration = seconds(duration);
    let started = noon() - SignedDuration::from_mins(1) - SignedDuration::from_micros(duration.micros().cast_signed());
    Cdr {
        call_id: call_id.into(),
        tenant: TENANT.into(),
        service: Service::Calling,
        direction: Direction::Outbound,
        from: "+14255550111".into(),
        to: to.into(),
        number_type: NumberType::User,
        user: Some("ada".into()),
        plan: None,
        usage_country: None,
        on_net: false,
        part: None,
        is_final: true,
        times: CallTimes::Answered { at: started, duration },
        attributes: Attributes::new(),
    }
}

/// The same call, begun so that it ended at `ended_at`.
pub(super) fn ended(mut cdr: Cdr<'static>, ended_at: Timestamp) -> Cdr<'static> {
    let duration = cdr.duration();
    let lasted = SignedDuration::from_micros(duration.micros().cast_signed());
    cdr.times = CallTimes::Answered { at: ended_at - lasted, duration };
    cdr
}

/// A US tenant in USD without a credit line.
pub(super) fn open() -> OpenTenant {
    OpenTenant {
        currency: "USD".parse().expect("a currency"),
        price_list: "retail".into(),
        overlay: None,
        usage_country: country("US"),
        default_plans: Vec::new(),
        contacts_ref: None,
        no_rate: None,
        minimum_funding: Money::ZERO,
        block_at: Money::ZERO,
        notify_below: None,
        daily_limit: None,
    }
}

pub(super) fn recharge(trigger: &str, amount: &str) -> RechargeSettings {
    RechargeSettings {
        enabled: true,
        trigger: money(trigger),
        amount: money(amount),
        payment_method: "pm-1".into(),
        max_per_month: None,
        max_amount: None,
        max_amount_per_month: None,
    }
}

pub(super) fn settle(id: u64, reference: Option<&'static str>) -> CommandBody<'static> {
    let settlement = Settlement::Succeeded { payment_reference: reference.map(Cow::Borrowed) };
    settlement_of(id, settlement)
}

pub(super) fn fail(id: u64) -> CommandBody<'static> {
    settlement_of(id, Settlement::Failed { reason: "card expired".into() })
}

fn settlement_of(id: u64, settlement: Settlement<'static>) -> CommandBody<'static> {
    let written_id = Cow::Owned(RechargeId(id).of(TENANT).to_string());
    CommandBody::SettleRecharge { recharge_id: Some(RechargeId(id)), written_id, settlement }
}

pub(super) fn add(amount: &str, reference: &'static str) -> CommandBody<'static> {
    CommandBody::AddFunds { amount: money(amount), payment_reference: reference.into(), expires_at: None }
}

pub(super) fn close(forfeit: bool) -> CommandBody<'static> {
    CommandBody::CloseTenant { reason: "left".into(), forfeit }
}

/// `retail` in USD: the US at 0.013, Great Britain at 0.015 with a denied range, France at 0.125, and a price at which any call
/// overflows. `own` is an overlay, `euro` a list in another currency.
pub(super) fn catalog(retail_currency: &str) -> Catalog {
    let row = |prefix: &str, rate: &str| Row {
        prefix: prefix.into(),
        destination: "somewhere".into(),
        country: None,
        kind: Kind::Mixed,
        price: if rate == "denied" { Price::none() } else { Price::flat(rate.parse().expect(rate)) },
        effective_from: None,
        effective_to: None,
        denied: rate == "denied",
    };
    let deck = |id: &str, currency: &str, rows: Vec<Row>| {
        let mut builder = DeckBuilder::new(DeckHeader {
            id: id.into(),
            version: "1".into(),
            currency: currency.parse().expect("a currency"),
            rounding: LineRounding::default(),
            effective_from: None,
        });
        (1..).zip(rows).for_each(|(line, row)| builder.push(line, row));
        builder.build().expect("no duplicates")
    };
    let decks = vec![
        deck(
            "retail",
            retail_currency,
            vec![
                row("1425", "0.013"),
                row("44", "0.015"),
                row("4470", "denied"),
                row("33", "0.125"),
                row("881", "999999999999999"),
                row("882", "500000000000000"),
            ],
        ),
        deck("own", "USD", vec![row("44", "0.01"), row("3", "0.9")]),
        deck("euro", "EUR", vec![row("1425", "0.02")]),
    ];
    let dialling = |code: &str, international: &str, emergency: &str| CountryDialling {
        international_prefixes: vec![international.into()],
        emergency: vec![emergency.into()],
        ..CountryDialling::of(country(code))
    };
    let countries = vec![dialling("US", "011", "988"), dialling("GB", "00", "999"), dialling("FR", "00", "15")];
    let prefixes = [("1", "US"), ("44", "GB"), ("33", "FR")].map(|(prefix, code)| (prefix.into(), country(code)));
    let header = NumberPlanHeader { version: "1".into(), effective_from: None };
    let numbers = NumberPlan::new(header, prefixes.into(), countries).expect("a plan");
    let payg = Plan::new(PlanParts::without_rules(PAY_AS_YOU_GO, "1")).expect("a plan");
    Catalog::new(CatalogParts {
        version: "v1".into(),
        decks: decks.into_iter().map(Arc::new).collect(),
        inbound: vec![Arc::new(inbound(retail_currency))],
        plans: vec![payg, pooled("domestic", Scope::Shared), pooled("personal", Scope::User), international()]
            .into_iter()
            .map(Arc::new)
            .collect(),
        zones: Vec::new(),
        number_plans: vec![Arc::new(numbers)],
    })
    .expect("one currency a list")
}

/// Toll-free numbers of the US at 0.022, from Great Britain at 0.04.
fn inbound(currency: &str) -> InboundDeck {
    let header = DeckHeader {
        id: "inbound".into(),
        version: "1".into(),
        currency: currency.parse().expect("a currency"),
        rounding: LineRounding::default(),
        effective_from: None,
    };
    let mut builder = InboundDeckBuilder::new(header, "retail");
    for (line, caller, rate) in [(1, None, "0.022"), (2, Some("GB"), "0.04")] {
        let pair =
            InboundPair { number_type: NumberType::TollFree, dialled: country("US"), caller: caller.map(country) };
        let price = Price::flat(rate.parse().expect(rate));
        builder.push(line, InboundRow { pair, price, effective_from: None, effective_to: None });
    }
    builder.build().expect("no duplicates")
}

fn rule(reach: Option<Reach>, payment: Payment) -> PlanRule {
    PlanRule {
        service: Some(Service::Calling),
        direction: Some(Direction::Outbound),
        number_type: None,
        reach,
        zone: None,
        kinds: KindCondition::Any,
        usage_countries: None,
        payment,
    }
}

fn allotment(name: &str, scope: Scope, minutes: u32) -> Allotment {
    Allotment { name: name.into(), scope, minutes, minutes_in: Vec::new() }
}

fn pool_of(place: usize) -> Payment {
    Payment::Pool(AllotmentIndex::new(place).expect("a small plan"))
}

/// 10 domestic minutes for each licence.
fn pooled(id: &str, scope: Scope) -> Plan {
    Plan::new(PlanParts {
        allotments: vec![allotment("domestic", scope, 10)],
        rules: vec![rule(Some(Reach::Domestic), pool_of(0))],
        ..PlanParts::without_rules(id, "1")
    })
    .expect("a plan")
}

/// 10 domestic and 5 international minutes, of which either ends both.
fn international() -> Plan {
    Plan::new(PlanParts {
        allotments: vec![allotment("domestic", Scope::Shared, 10), allotment("international", Scope::Shared, 5)],
        rules: vec![rule(Some(Reach::Domestic), pool_of(0)), rule(Some(Reach::International), pool_of(1))],
        ..PlanParts::without_rules("international", "1")
    })
    .expect("a plan")
}

pub(super) struct Scenario {
    pub(super) catalog: Catalog,
    pub(super) rules: Rules,
    pub(super) accounts: Accounts,
    pub(super) state: PartitionState,
    pub(super) batch: Batch,
    commands: u64,
}

impl Scenario {
    /// Nothing has happened yet.
    pub(super) fn empty() -> Scenario {
        let mut state = PartitionState::empty(PartitionId(0));
        state.clock = noon();
        Scenario {
            catalog: catalog("USD"),
            rules: Rules::default(),
            accounts: Accounts::default(),
            state,
            batch: Batch::default(),
            commands: 0,
        }
    }

    /// A tenant is open, and has nothing.
    pub(super) fn opened() -> Scenario {
        let mut scenario = Scenario::empty();
        assert_eq!(scenario.command(CommandBody::OpenTenant(open())), ["opened", "blocked"]);
        scenario
    }

    /// A tenant is open, and has this much: events 1 to 4.
    pub(super) fn funded(amount: &str) -> Scenario {
        let mut scenario = Scenario::opened();
        scenario.command(add(amount, "first"));
        scenario
    }

    pub(super) fn view(&mut self) -> View<'_> {
        self.batch.at(&self.accounts, &self.state)
    }

    /// Moves the clock on; what is due until then comes first, and is told.
    pub(super) fn clock_to(&mut self, to: Timestamp) -> Vec<String> {
        let mut told = Vec::new();
        let mut view = self.batch.at(&self.accounts, &self.state);
        while view.first_due().is_some_and(|first| first.at <= to) {
            let DueKey { at, kind, .. } = view.take_due().expect("looked at just now");
            view.advance_clock(at);
            let account = Arc::clone(view.account(TENANT).expect("it was queued"));
            for (cause, body) in decide_due::pieces(&account, &self.rules, kind, at) {
                told.push(cause.to_string());
                told.extend(happen(&mut view, &self.catalog, &cause, body.into_iter().collect(), Some(kind)));
            }
            view.arm(TENANT, &self.rules.warning_days, Done { at, up_to: Some(kind) });
        }
        view.advance_clock(to);
        told
    }

    pub(super) fn account(&mut self) -> Arc<Account> {
        Arc::clone(self.view().account(TENANT).expect("opened"))
    }

    pub(super) fn balance(&mut self) -> String {
        self.account().balance().to_string()
    }

    /// What is left of each lot, by its id.
    pub(super) fn lots(&mut self) -> Vec<String> {
        self.account().lots.iter().map(|lot| format!("{}: {}", lot.id, lot.remaining)).collect()
    }

    pub(super) fn commit(&mut self) {
        for (_, changes) in std::mem::take(&mut self.batch).into_changes() {
            changes.merge_into(&self.accounts, &mut self.state, self.rules.window);
        }
    }

    pub(super) fn abort(&mut self) {
        self.batch = Batch::default();
    }

    /// A command that nobody has sent before.
    pub(super) fn command(&mut self, body: CommandBody<'static>) -> Vec<String> {
        self.commands += 1;
        let id = format!("command-{}", self.commands);
        let now = self.view().clock();
        self.command_as(id, now, body)
    }

    pub(super) fn command_as(
        &mut self,
        id: impl Into<String>,
        asked: Timestamp,
        body: CommandBody<'static>,
    ) -> Vec<String> {
        // The wire hashes the canonical bytes; here any text that differs where the body does.
        let body_hash = BodyHash::of(format!("{body:?}").as_bytes());
        self.request(id, Ok(Request { at: asked, actor: None, body_hash, body }))
    }

    pub(super) fn request(
        &mut self,
        id: impl Into<String>,
        request: Result<Request<'static>, Unreadable>,
    ) -> Vec<String> {
        let command_id: Cow<'static, str> = Cow::Owned(id.into());
        let command = Command { command_id: command_id.clone(), tenant: TENANT.into(), request };
        let mut view = self.batch.at(&self.accounts, &self.state);
        match decide_command::command(&mut view, &self.catalog, &self.rules, command) {
            CommandVerdict::Apply(bodies) => {
                let told = happen(&mut view, &self.catalog, &Cause::Written(command_id), bodies, None);
                let done = Done::all_at(view.clock());
                view.arm(TENANT, &self.rules.warning_days, done);
                told
            }
            CommandVerdict::Duplicate { first } => vec![format!("duplicate of {first}")],
            CommandVerdict::Refused(refused) => {
                let unmatched = refused.unmatched.iter().map(|_| "unmatched".to_owned());
                std::iter::once(format!("refused {}", refused.refusal)).chain(unmatched).collect()
            }
        }
    }

    pub(super) fn call(&mut self, cdr: Cdr<'static>) -> Vec<String> {
        self.replay(cdr, Replay::default())
    }

    pub(super) fn replay(&mut self, cdr: Cdr<'static>, replay: Replay<'static>) -> Vec<String> {
        let mut view = self.batch.at(&self.accounts, &self.state);
        match decide::call(&mut view, &self.catalog, &self.rules, cdr, replay) {
            CallVerdict::Debit(body) => {
                let EventBody::CallDebited(debit) = &body else { unreachable!("a call is debited") };
                let cause = Cause::Call { call_id: debit.call_id.clone(), part: debit.part };
                let told = happen(&mut view, &self.catalog, &cause, vec![body], None);
                // As the engine does it: a debit alone makes nothing due earlier.
                if told.len() > 1 {
                    let done = Done::all_at(view.clock());
                    view.arm(TENANT, &self.rules.warning_days, done);
                }
                told
            }
            CallVerdict::Duplicate { .. } => vec!["duplicate".to_owned()],
            CallVerdict::Rejected(rejection) => vec![format!("quarantined {}", rejection.reason)],
        }
    }
}

/// Makes the bodies happen, and what follows from them.
fn happen<'a>(
    view: &mut View<'_>,
    catalog: &Catalog,
    cause: &Cause<'a>,
    bodies: Vec<EventBody<'a>>,
    due: Option<DueKind>,
) -> Vec<String> {
    let tenant = Cow::Borrowed(TENANT);
    let mut told: Vec<String> = Vec::new();
    let stood = Stood::of(view.account(TENANT).map(AsRef::as_ref));
    for body in bodies {
        let event = view.happen(&tenant, cause, body).expect("what was decided applies");
        told.push(tell(&event));
        if let EventBody::CallDebited(debit) = &event.body {
            let account = Arc::clone(view.account(TENANT).expect("it was debited"));
            for body in decide::notices_of_debit(view, &account, debit) {
                told.push(tell(&view.happen(&tenant, cause, body).expect("what was decided applies")));
            }
        }
    }
    let now = view.clock();
    let account = Arc::clone(view.account(TENANT).expect("something happened to it"));
    for body in decide::consequences(stood, &account, catalog, now, due) {
        told.push(tell(&view.happen(&tenant, cause, body).expect("what was decided applies")));
    }
    told
}

/// An event in a few words.
pub(super) fn tell(event: &Event<'_>) -> String {
    match &event.body {
        EventBody::TenantOpened { .. } => "opened".into(),
        EventBody::TenantUpdated { .. } => "updated".into(),
        EventBody::TenantClosed { .. } => "closed".into(),
        EventBody::FundsAdded { funds, .. } if funds.debt_repaid.is_zero() => format!("added {}", funds.amount),
        EventBody::FundsAdded { funds, .. } => format!("added {}, repaid {}", funds.amount, funds.debt_repaid),
        EventBody::FundsExpired { lot, amount } => format!("expired {lot}: {amount}"),
        EventBody::RechargeConfigured { .. } => "configured".into(),
        EventBody::RechargeRequested { amount, .. } => format!("requested r{}: {amount}", event.seq),
        EventBody::RechargeSucceeded { recharge, funds, .. } => format!("succeeded r{}: {}", recharge.0, funds.amount),
        EventBody::RechargeFailed { recharge, .. } => format!("failed r{}", recharge.0),
        EventBody::RechargeSuspended { recharge } => format!("suspended by r{}", recharge.0),
        EventBody::RechargeCapped { recharge: None, wanted } => format!("capped, wanted {wanted}"),
        EventBody::RechargeCapped { recharge: Some(id), wanted } => format!("capped r{}, wanted {wanted}", id.0),
        EventBody::SettlementUnmatched { .. } => "unmatched".into(),
        EventBody::LicencesSet { quantity, .. } => format!("licences {quantity}"),
        EventBody::UserLimitSet { monthly_limit: None, .. } => "limit lifted".into(),
        EventBody::UserLimitSet { monthly_limit: Some(limit), .. } => format!("limit {limit}"),
        EventBody::UserBlocked { spent, .. } => format!("user blocked at {spent}"),
        EventBody::UserUnblocked { .. } => "user unblocked".into(),
        EventBody::FundsExpiring { lot, amount, days, .. } => format!("{lot} expires in {days} days: {amount}"),
        EventBody::BalanceAdjusted(adjustment) => format!("adjusted {}", adjustment.amount()),
        EventBody::CallVoided(void) => tell_void(void),
        EventBody::RechargeStatusRequested { recharge, .. } => format!("status of r{}", recharge.0),
        EventBody::RechargeUnresolved { recharge, .. } => format!("unresolved r{}", recharge.0),
        EventBody::BalanceLow { .. } => "low".into(),
        EventBody::BalanceReachedZero { .. } => "zero".into(),
        EventBody::PoolThresholdReached { pool, threshold, used, size, .. } => {
            format!("{pool} at {} %: {used} of {size}", threshold.percent())
        }
        EventBody::CallDebited(debit) if debit.shrunk => format!("shrunk, debited {}", debit.amount),
        EventBody::CallDebited(debit) if debit.pool.is_some() => {
            let minutes = debit.pool.as_ref().map_or(0, |pool| pool.minutes);
            format!("debited {}, {minutes} from the pool", debit.amount)
        }
        EventBody::CallDebited(debit) if debit.free_call => "debited 0.00 as free call".into(),
        EventBody::CallDebited(debit) if debit.debt.is_zero() => format!("debited {}", debit.amount),
        EventBody::CallDebited(debit) => format!("debited {}, debt {}", debit.amount, debit.debt),
        EventBody::TenantBlocked(Blocked { reason: BlockReason::DailyLimit, .. }) => "blocked for the day".into(),
        EventBody::TenantBlocked(_) => "blocked".into(),
        EventBody::TenantUnblocked => "unblocked".into(),
    }
}

fn tell_void(void: &Void<'_>) -> String {
    let lots = void.lots.iter().map(|draw| format!(", {} to {}", draw.amount, draw.lot));
    let rest = void.new_lot().filter(|_| void.expires_at.is_some()).map(|rest| format!(", {rest} as a new lot"));
    let debt = (!void.debt_repaid.is_zero()).then(|| format!(", {} to debt", void.debt_repaid));
    format!("voided {}{}", void.amount, debt.into_iter().chain(lots).chain(rest).collect::<String>())
}
