//! What calls cost, in a file that whoever sets prices can read and extend: `tests/golden/charges.txt`.

use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use tollkeeper::core::catalog::Catalog;
use tollkeeper::core::cdr::{Attributes, CallTimes, Cdr, Direction, NumberType, Service};
use tollkeeper::core::money::Money;
use tollkeeper::core::price::Priced;
use tollkeeper::core::rating::{Offer, Payer, Rated, Rejection, rate};
use tollkeeper::core::tenant::{NoRatePolicy, TenantSettings};
use tollkeeper::stream::catalog::load_directory;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("created");
    for entry in fs::read_dir(from).expect("a directory") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("copied");
        }
    }
}

/// `rates/`, with the lists of the test beside its own.
fn catalog() -> Catalog {
    let directory = tempfile::tempdir().expect("a directory for the test");
    copy(&root().join("rates"), directory.path());
    copy(&root().join("tests/golden/charges"), &directory.path().join("decks"));
    load_directory(directory.path()).unwrap_or_else(|failure| panic!("{failure}"))
}

/// A call and its tenant, as the first column describes them.
struct Case<'a> {
    cdr: Cdr<'a>,
    settings: TenantSettings,
    /// What is left in the pool.
    pool_minutes: u64,
}

impl<'a> Case<'a> {
    fn read(text: &'a str) -> Case<'a> {
        let mut words = text.split(", ");
        let call = words.next().expect("a call");
        let (seconds, to) = call.split_once(" s to ").unwrap_or_else(|| panic!("not `SECONDS s to NUMBER`: {call}"));
        let duration = seconds.parse().expect(call);
        let mut at: Timestamp = "2026-11-20T12:00:00Z".parse().expect("a time");
        let mut settings = TenantSettings {
            currency: "USD".parse().expect("a currency"),
            price_list: "outbound-usd".into(),
            overlay: None,
            usage_country: "US".parse().expect("a country"),
            default_plans: Vec::new(),
            contacts_ref: None,
            no_rate: None,
            minimum_funding: Money::ZERO,
            block_at: Money::ZERO,
            notify_below: None,
            daily_limit: None,
        };
        let mut pool_minutes = 0;
        let mut cdr = Cdr {
            call_id: "call".into(),
            tenant: "contoso".into(),
            service: Service::Calling,
            direction: Direction::Outbound,
            from: "+14255550111".into(),
            to: to.into(),
            number_type: NumberType::User,
            user: None,
            plan: None,
            usage_country: None,
            on_net: false,
            part: None,
            is_final: true,
            times: CallTimes::Answered { at, duration },
            attributes: Attributes::new(),
        };
        for word in words {
            match word.split_once(' ').unwrap_or((word, "")) {
                ("at", time) => at = time.parse().expect(word),
                ("list", list) => settings.price_list = list.into(),
                ("overlay", list) => settings.overlay = Some(list.into()),
                ("in", currency) => settings.currency = currency.parse().expect(word),
                ("of", country) => settings.usage_country = country.parse().expect(word),
                ("free_call", "") => settings.no_rate = Some(NoRatePolicy::FreeCall),
                ("conferencing", "") => cdr.service = Service::Conferencing,
                ("inbound", "") => cdr.direction = Direction::Inbound,
                ("number", "toll_free") => cdr.number_type = NumberType::TollFree,
                ("number", "service") => cdr.number_type = NumberType::Service,
                ("from", number) => cdr.from = number.into(),
                ("user", country) => cdr.usage_country = Some(country.parse().expect(word)),
                ("plan", plan) => cdr.plan = Some(plan.into()),
                ("pool", minutes) => pool_minutes = minutes.parse().expect(word),
                ("on", "net") => cdr.on_net = true,
                _ => panic!("what is `{word}` in `{text}`?"),
            }
        }
        cdr.times = CallTimes::Answered { at, duration };
        Case { cdr, settings, pool_minutes }
    }

    fn result(&self, catalog: &Catalog) -> String {
        match self.charge(catalog) {
            Ok(charge) => tell(&charge),
            Err(Rejection { reason, .. }) => format!("quarantined: {reason}"),
        }
    }

    fn charge<'c>(&self, catalog: &'c Catalog) -> Result<Charge<'c>, Rejection> {
        let Case { cdr, settings, pool_minutes } = self;
        let rated = rate(cdr, settings, catalog, NoRatePolicy::Quarantine)?;
        let pool_minutes = match rated.payer {
            Payer::Pool(..) => cdr.duration().minutes_up().min(*pool_minutes),
            Payer::Credits(_) | Payer::Nobody | Payer::NobodyKnows => 0,
        };
        let priced = match rated.payer.offer() {
            Some(offer) => offer.charge(cdr.started_at(), cdr.duration(), pool_minutes)?,
            None => Priced::nothing(),
        };
        Ok(Charge { rated, pool_minutes, priced })
    }
}

/// Who pays what for a call.
struct Charge<'c> {
    rated: Rated<'c>,
    pool_minutes: u64,
    priced: Priced,
}

/// `outbound-usd 1425 USA 0.013/min 60/60, outbound_domestic | 120 s billed | 0.026`.
fn tell(charge: &Charge<'_>) -> String {
    let Charge { rated, pool_minutes, priced } = charge;
    let class = rated.class.code();
    let (billed, amount) = (priced.billed_seconds, priced.amount);
    let Some(offer) = rated.payer.offer() else {
        let is_unknown = matches!(rated.payer, Payer::NobodyKnows);
        let why = if is_unknown { "free call, nobody has a price" } else { "free" };
        return format!("{why}, {class} | {billed} s billed | {amount}");
    };
    let lines: Vec<String> = priced.lines.iter().map(|line| format!("{} {}", line.kind.code(), line.amount)).collect();
    let amount = match &lines[..] {
        [] | [_] => amount.to_string(),
        lines => format!("{} = {amount}", lines.join(" + ")),
    };
    let pool = match pool_minutes {
        0 => String::new(),
        minutes => format!(", {minutes} pool minutes, {} s paid", priced.paid_seconds),
    };
    format!("{}, {class} | {billed} s billed{pool} | {amount}", tell_price(offer, priced))
}

/// `outbound-usd 1425 USA 0.013/min 60/60`.
fn tell_price(offer: &Offer<'_>, priced: &Priced) -> String {
    let (list, _) = offer.deck.split_once('@').expect("id@version");
    let (initial, increment) = (offer.price.initial_increment, offer.price.increment);
    let of = offer.prefix.map_or_else(|| offer.country.map(|of| of.to_string()).unwrap_or_default(), str::to_owned);
    let rate = priced.rate.map_or_else(|| "nothing paid".to_owned(), |rate| format!("{rate}/min"));
    format!("{list} {of} {} {rate} {initial}/{increment}", offer.destination)
}

#[test]
fn calls_cost_what_the_file_says() {
    let path = root().join("tests/golden/charges.txt");
    let golden = fs::read_to_string(&path).expect("UTF-8");
    let catalog = catalog();
    let mut found = String::new();
    let mut cases = 0;
    for line in golden.lines() {
        let case = line.split(" | ").next().unwrap_or_default().trim();
        if case.is_empty() || case.starts_with('#') {
            found.push_str(line);
        } else {
            cases += 1;
            found.push_str(&format!("{case} | {}", Case::read(case).result(&catalog)));
        }
        found.push('\n');
    }
    assert!(cases > 80, "the file has its cases");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &found).expect("written");
    } else {
        for (expected, found) in golden.lines().zip(found.lines()) {
            assert_eq!(found, expected, "UPDATE_GOLDEN=1 rewrites tests/golden/charges.txt");
        }
    }
}
