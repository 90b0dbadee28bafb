//! What calls cost, in a file that whoever sets prices can read and extend: `tests/golden/charges.txt`.

use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use tollkeeper::core::catalog::Catalog;
use tollkeeper::core::cdr::{Attributes, CallTimes, Cdr, Direction, NumberType, Service};
use tollkeeper::core::money::Money;
use tollkeeper::core::price::Priced;
use tollkeeper::core::rating::{Offer, Payer, Rated, Rejection, plan_of, rate};
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
    /// What is left of the pool, if the plan says that one pays first.
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
                ("voice_app", "") => cdr.service = Service::VoiceApp,
                ("conferencing", "") => cdr.service = Service::Conferencing,
                ("inbound", "") => cdr.direction = Direction::Inbound,
                ("number", "toll_free") => cdr.number_type = NumberType::TollFree,
                ("number", "service") => cdr.number_type = NumberType::Service,
                ("plan", plan) => cdr.plan = Some(plan.into()),
                ("from", number) => cdr.from = number.into(),
                ("left", minutes) => pool_minutes = minutes.parse().expect(word),
                ("on", "net") => cdr.on_net = true,
                _ => panic!("what is `{word}` in `{text}`?"),
            }
        }
        cdr.times = CallTimes::Answered { at, duration };
        Case { cdr, settings, pool_minutes }
    }

    fn result(&self, catalog: &Catalog) -> String {
        let told =
            rate(&self.cdr, plan_of(&self.cdr, &self.settings), &self.settings, catalog, NoRatePolicy::Quarantine)
                .and_then(|rated| match &rated.payer {
                    Payer::Nobody => Ok(format!("free, {}", rated.class.code())),
                    Payer::NobodyKnows => Ok(format!("free call, nobody has a price, {}", rated.class.code())),
                    Payer::Credits(offer) => self.tell(&rated, offer, None),
                    Payer::Pool(pool, offer) => {
                        let minutes = self.cdr.duration().minutes_up().min(self.pool_minutes);
                        self.tell(&rated, offer, Some((pool.id().to_string(), minutes)))
                    }
                });
        told.unwrap_or_else(|Rejection { reason, .. }| format!("quarantined: {reason}"))
    }

    /// `outbound-usd 1425 USA 0.013/min 60/60 | 120 s billed | 0.026`.
    fn tell(&self, rated: &Rated<'_>, offer: &Offer<'_>, pool: Option<(String, u64)>) -> Result<String, Rejection> {
        let minutes = pool.as_ref().map_or(0, |(_, minutes)| *minutes);
        let Priced { billed_seconds, paid_seconds, lines, amount, rate } =
            offer.charge(self.cdr.started_at(), self.cdr.duration(), minutes)?;
        let (list, _) = offer.deck.split_once('@').expect("id@version");
        let prefix = offer.prefix.map(|prefix| format!("{prefix} ")).unwrap_or_default();
        let rate = rate.map(|rate| format!("{rate}/min ")).unwrap_or_default();
        let (initial, increment) = (offer.price.initial_increment, offer.price.increment);
        let priced =
            format!("{list} {prefix}{} {rate}{initial}/{increment}, {}", offer.destination, rated.class.code());
        let pooled = pool.map(|(id, minutes)| format!(", {minutes} min from {id}, {paid_seconds} s paid"));
        let lines: Vec<String> = lines.iter().map(|line| format!("{} {}", line.kind.code(), line.amount)).collect();
        let amount = match &lines[..] {
            [] | [_] => amount.to_string(),
            lines => format!("{} = {amount}", lines.join(" + ")),
        };
        Ok(format!("{priced} | {billed_seconds} s billed{} | {amount}", pooled.unwrap_or_default()))
    }
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
