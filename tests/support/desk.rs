//! Who opens accounts and adds funds in the tests, and what the ledger must say of that.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use rdkafka::producer::{BaseProducer, Producer};

use super::amount::billionths;
use super::books::{Books, quarantine};
use super::broker::Broker;
use super::calls::{Sent, platform_producer};
use super::commands::{add_funds, open};
use super::deadline::{Deadline, wait_until};
use super::engine::{Engine, Site};
use super::log::{ends, read_committed};

const WITHIN: Duration = Duration::from_secs(60);

/// The desk of a site: its commands, seeded.
pub struct Desk {
    /// Whose accounts it keeps.
    pub tenants: Vec<String>,
    /// Keyed as the platform's.
    pub producer: BaseProducer,
    chance: SmallRng,
    /// What was added by hand, in billionths.
    funded: BTreeMap<String, i128>,
    fundings: usize,
    repeats: usize,
}

impl Desk {
    /// A desk that has not opened anything.
    pub fn new(broker: &Broker, tenants: usize, seed: u64) -> Desk {
        Desk {
            tenants: (0..tenants).map(|number| format!("tenant-{number}")).collect(),
            producer: platform_producer(broker),
            chance: SmallRng::seed_from_u64(seed),
            funded: BTreeMap::new(),
            fundings: 0,
            repeats: 0,
        }
    }

    /// Opens all accounts, adds funds to each, and waits until they are open: live, a call that follows within a fetch can
    /// overtake the command that opens its account, since the end of `commands` was the last thing read from there.
    pub fn open_accounts(&mut self, broker: &Broker, site: &Site) {
        for tenant in self.tenants.clone() {
            open(&self.producer, site, &tenant);
            self.fund(site, &tenant);
        }
        self.flush();
        wait_until("the accounts are open", WITHIN, || {
            Books::read(broker, site, WITHIN).accounts.len() == self.tenants.len()
        });
    }

    /// Adds funds to one of the tenants.
    pub fn fund_any(&mut self, site: &Site) {
        let tenant = self.tenants[self.chance.random_range(0..self.tenants.len())].clone();
        self.fund(site, &tenant);
        self.flush();
    }

    /// Adds funds, and sends the command again at once half of the time: it counts once.
    fn fund(&mut self, site: &Site, tenant: &str) {
        self.fundings += 1;
        let amount = format!("{}.50", self.chance.random_range(1..1000));
        let reference = format!("p{}", self.fundings);
        add_funds(&self.producer, site, tenant, &amount, &reference);
        *self.funded.entry(tenant.into()).or_default() += billionths(&amount);
        if self.chance.random_bool(0.5) {
            add_funds(&self.producer, site, tenant, &amount, &reference);
            self.repeats += 1;
        }
    }

    /// Waits until everything queued is written.
    pub fn flush(&self) {
        self.producer.flush(WITHIN).expect("the broker takes the commands");
    }

    /// Commands published so far, repeats included.
    pub fn commands(&self) -> usize {
        self.tenants.len() + self.fundings + self.repeats
    }

    /// How many of them are repeats.
    pub fn repeats(&self) -> usize {
        self.repeats
    }

    /// What must be in quarantine, by reason: that of the calls, and a duplicate for each repeat of a command.
    pub fn quarantined(&self, sent: &Sent) -> BTreeMap<String, usize> {
        let mut expected = sent.quarantined.clone();
        *expected.entry("duplicate".into()).or_default() += self.repeats;
        expected.retain(|_, count| *count > 0);
        expected
    }

    /// Waits until everything that was sent has its outcome; `engines` have all partitions.
    pub fn drain(&self, broker: &Broker, site: &Site, engines: &mut [&mut Engine], sent: &Sent) -> Books {
        let expected: usize = self.quarantined(sent).values().sum();
        let deadline = Deadline::after(WITHIN * 2);
        loop {
            let lag: f64 = engines.iter_mut().map(|engine| lag(engine)).sum();
            let (books, found) = (Books::read(broker, site, WITHIN), by_reason(broker, site));
            // More than was sent ends the waiting too: the comparison says what it is.
            if lag == 0.0 && books.debit_count() >= sent.priced() && found.values().sum::<usize>() >= expected {
                return books;
            }
            if deadline.passed() {
                let debits = books.debit_count();
                let tails: Vec<String> = engines.iter().map(|engine| engine.log_tail()).collect();
                panic!(
                    "{lag} records are not read; {debits} of {} calls are debited; quarantined {found:?} of {:?}\n{}",
                    sent.priced(),
                    self.quarantined(sent),
                    tails.join("\n")
                );
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Compares ledger and quarantine with what was sent: each record has its one outcome.
    ///
    /// # Panics
    ///
    /// If anything is lost, there twice, or at another price.
    pub fn compare(&self, broker: &Broker, site: &Site, sent: &Sent, books: &Books) {
        let records: i64 = ends(broker, &site.topic("cdrs")).values().map(|end| end.high_watermark).sum();
        assert_eq!(records, i64::try_from(sent.records).expect("few"), "each record was published once");
        sent.compare(books);
        assert_eq!(by_reason(broker, site), self.quarantined(sent));
        assert_eq!(books.accounts.len(), self.tenants.len());
        for (tenant, funded) in &self.funded {
            assert_eq!(books.accounts[tenant].added, *funded, "{tenant}");
        }
        let rerouted = read_committed(broker, &site.topic("reroute"), WITHIN).len();
        assert_eq!(rerouted, usize::try_from(sent.misrouted).expect("few"));
    }
}

/// The entries of the quarantine by their reason.
pub fn by_reason(broker: &Broker, site: &Site) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    for entry in quarantine(broker, site, WITHIN) {
        *found.entry(entry["reason"].as_str().expect("a reason").to_owned()).or_default() += 1;
    }
    found
}

/// CDRs that a process has debited since its start.
pub fn debited(engine: &mut Engine) -> f64 {
    engine.metric("tollkeeper_cdrs_total{outcome=\"debited\",reason=\"\"}")
}

/// Waits until a process has debited this many calls since its start.
pub fn wait_debited(engine: &mut Engine, calls: u32) {
    wait_until("calls are debited", WITHIN, || debited(engine) >= f64::from(calls));
}

/// Records of all inputs that a process has not yet taken.
pub fn lag(engine: &mut Engine) -> f64 {
    let series = |input| format!("tollkeeper_input_lag_records{{input=\"{input}\"}}");
    ["cdrs", "commands", "reroute"].map(|input| engine.metric(&series(input))).iter().sum()
}
