//! Commands for the engine: their JSON, their place in the topic, and their way there.

#[cfg(feature = "kafka")]
mod delivery;

#[cfg(feature = "kafka")]
pub(super) use delivery::Publisher;

use std::io::Write;

use anyhow::bail;
use clap::Args;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{ConfigArgs, Exit, LogArgs, require_kafka, values};
use crate::config::Config;
use crate::core::partition::{PartitionId, home_partition};
use crate::core::tenant::TenantId;
use crate::wire;

/// The topic, without its prefix.
pub(super) const COMMANDS_TOPIC: &str = "commands";

/// What every command has.
#[derive(Args, Clone, Debug)]
pub struct CommandArgs {
    /// Whose account
    #[arg(value_name = "TENANT", value_parser = values::tenant)]
    pub tenant: TenantId,
    /// Identity of the command: the same one again is applied once; a random one, which is printed, unless given
    #[arg(long, value_name = "ID", value_parser = values::command_id)]
    pub command_id: Option<String>,
    /// Who asks, for the ledger
    #[arg(long, value_name = "NAME", value_parser = values::command_text)]
    pub actor: Option<String>,
    /// Prints the command and publishes nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Prints the result as JSON
    #[arg(long)]
    pub json: bool,
    /// The configuration.
    #[command(flatten)]
    pub config: ConfigArgs,
}

/// The type of a command and its own fields.
#[derive(Clone, Debug, PartialEq)]
pub struct Body {
    kind: &'static str,
    fields: Map<String, Value>,
}

/// A command on its way to the topic.
#[derive(Clone, Debug, PartialEq)]
pub struct OutgoingCommand {
    /// The full name of the topic.
    pub topic: String,
    /// The tenant's home.
    pub partition: PartitionId,
    /// The key: the tenant.
    pub key: String,
    /// The identity of the command.
    pub command_id: String,
    /// The record.
    pub value: Value,
}

/// What a run of the program takes from outside: the time and the id, so that the rest is a function.
#[derive(Clone, Debug)]
struct Occasion {
    at: Timestamp,
    command_id: String,
}

/// Publishes a command, and says where it went. Its effect shows in the ledger; a refusal, on `alerts`.
///
/// # Errors
///
/// A faulty configuration, a build without Kafka client, topics that are missing or have other partitions, or brokers that do
/// not acknowledge: then it may have been published, and the message says how to repeat it safely.
pub fn submit(args: &CommandArgs, body: &Body, logs: &LogArgs) -> anyhow::Result<Exit> {
    submit_made(args, logs, |_| Ok(body.clone()))
}

/// Publishes a command whose body is made with the configuration, as [`submit`] does.
///
/// # Errors
///
/// As for [`submit`], and what making the body says.
pub fn submit_made(
    args: &CommandArgs,
    logs: &LogArgs,
    make: impl FnOnce(&Config) -> anyhow::Result<Body>,
) -> anyhow::Result<Exit> {
    if !args.dry_run {
        require_kafka()?;
    }
    let config = args.config.begin(logs, &[])?;
    let body = make(&config)?;
    let command = compose(args, &body, Occasion::now(args), &config);
    check(&command)?;
    let mut output = std::io::stdout().lock();
    if args.dry_run {
        writeln!(output, "{}", command.value)?;
        return Ok(Exit::Success);
    }
    let offset = deliver(&config, &command)?;
    let OutgoingCommand { topic, partition, command_id, .. } = &command;
    if args.json {
        let result = json!({"command_id": command_id, "topic": topic, "partition": partition.0, "offset": offset});
        writeln!(output, "{result}")?;
    } else {
        let (kind, tenant) = (body.kind, &args.tenant);
        writeln!(output, "published {kind} for {tenant} as {command_id}, in {topic}/{partition} at offset {offset}")?;
    }
    Ok(Exit::Success)
}

#[cfg(feature = "kafka")]
fn deliver(config: &Config, command: &OutgoingCommand) -> anyhow::Result<i64> {
    Ok(delivery::deliver(config, command)?)
}

#[cfg(not(feature = "kafka"))]
fn deliver(_config: &Config, _command: &OutgoingCommand) -> anyhow::Result<i64> {
    anyhow::bail!(super::NO_KAFKA_CLIENT)
}

/// Many records by one producer; there is none in a build without Kafka client.
#[cfg(not(feature = "kafka"))]
pub(super) enum Publisher {}

#[cfg(not(feature = "kafka"))]
impl Publisher {
    pub(super) fn begin(_: &Config, _: &str) -> anyhow::Result<Publisher> {
        anyhow::bail!(super::NO_KAFKA_CLIENT)
    }

    pub(super) fn send(&mut self, _: &str, _: &str) -> anyhow::Result<()> {
        match *self {}
    }

    pub(super) fn finish(self) -> anyhow::Result<()> {
        match self {}
    }
}

/// Refuses what the engine would refuse without looking at the account: a call of too many parts, for example.
fn check(command: &OutgoingCommand) -> anyhow::Result<()> {
    let value = command.value.to_string();
    let refused = match wire::command::decode(value.as_bytes()) {
        Ok(read) => read.request.err().map(|unreadable| unreadable.detail),
        Err(rejected) => Some(rejected.detail),
    };
    match refused {
        Some(detail) => bail!("the engine would refuse the command: {detail}"),
        None => Ok(()),
    }
}

fn compose(args: &CommandArgs, body: &Body, occasion: Occasion, config: &Config) -> OutgoingCommand {
    let tenant = args.tenant.as_str();
    let mut value = body.fields.clone();
    value.insert("type".to_owned(), body.kind.into());
    value.insert("tenant".to_owned(), tenant.into());
    value.insert("command_id".to_owned(), occasion.command_id.as_str().into());
    value.insert("at".to_owned(), format!("{:.3}", occasion.at).into());
    if let Some(actor) = &args.actor {
        value.insert("actor".to_owned(), actor.as_str().into());
    }
    OutgoingCommand {
        topic: config.topic(COMMANDS_TOPIC),
        partition: home_partition(tenant, config.partitions),
        key: tenant.to_owned(),
        command_id: occasion.command_id,
        value: Value::Object(value),
    }
}

impl Body {
    /// A command of this type, without fields.
    pub fn new(kind: &'static str) -> Body {
        Body { kind, fields: Map::new() }
    }

    /// Sets a field.
    pub fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.fields.insert(name.to_owned(), value.into());
    }

    /// Sets a field that was given.
    pub fn set_given(&mut self, name: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.set(name, value);
        }
    }
}

impl Occasion {
    #[expect(clippy::disallowed_methods, reason = "a command is asked for now, and needs an id that nobody had")]
    fn now(args: &CommandArgs) -> Occasion {
        let command_id = args.command_id.clone().unwrap_or_else(|| format!("{:032x}", rand::random::<u128>()));
        Occasion { at: Timestamp::now(), command_id }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command, balance, call, funds, recharge, tenant};
    use crate::config::Settings;

    fn composed(line: &str) -> OutgoingCommand {
        let cli = Cli::try_parse_from(line.split_whitespace()).unwrap_or_else(|refused| panic!("{line}: {refused}"));
        let (args, body) = match &cli.command {
            Command::Tenant(tenant::TenantCommand::Open(args)) => (&args.command, args.body()),
            Command::Tenant(tenant::TenantCommand::Update(args)) => (&args.command, args.body()),
            Command::Tenant(tenant::TenantCommand::Close(args)) => (&args.command, args.body()),
            Command::Tenant(tenant::TenantCommand::Licences(args)) => (&args.command, args.body()),
            Command::Tenant(tenant::TenantCommand::Limit(args)) => (&args.command, args.body()),
            Command::Call(call::CallCommand::Void(args)) => (&args.command, args.body(vec![debit()])),
            Command::Balance(balance::BalanceCommand::Adjust(args)) => {
                (&args.command, args.body(args.corrects.is_some().then(|| vec![debit()])))
            }
            Command::Funds(funds::FundsCommand::Add(args)) => (&args.command, args.body()),
            Command::Recharge(recharge::RechargeCommand::Configure(args)) => (&args.command, args.body()),
            Command::Recharge(recharge::RechargeCommand::Settle(args)) => (&args.command, args.body()),
            other => panic!("{other:?} publishes nothing"),
        };
        let settings = Settings { instance: "test".to_owned(), ..Settings::default() };
        let occasion = Occasion {
            at: "2026-11-20T10:15:30.123456789Z".parse().unwrap(),
            command_id: args.command_id.clone().unwrap_or_else(|| "0f".to_owned()),
        };
        compose(args, &body, occasion, &Config::new(settings).unwrap())
    }

    /// A debit of a ledger.
    fn debit() -> Value {
        let line = include_str!("../../tests/golden/events.jsonl").lines().nth(4).unwrap();
        serde_json::from_str(line).unwrap()
    }

    #[test]
    fn command_lines_become_the_commands_of_the_wire() {
        let cases = [
            (
                "tollkeeper tenant open contoso --currency USD --price-list outbound-usd --usage-country US \
                 --default-plan calling=payg --block-at -20 --minimum-funding 10 --no-rate free_call --actor ada",
                json!({
                    "type": "tenant.open", "currency": "USD", "price_list": "outbound-usd", "usage_country": "US",
                    "default_plans": {"calling": "payg"}, "block_at": "-20.00", "minimum_funding": "10.00",
                    "no_rate": "free_call", "actor": "ada",
                }),
            ),
            (
                "tollkeeper tenant update contoso --overlay contoso-usd --unset contacts-ref --unset no-rate",
                json!({"type": "tenant.update", "overlay": "contoso-usd", "contacts_ref": null, "no_rate": null}),
            ),
            (
                "tollkeeper tenant close contoso --reason moved --forfeit",
                json!({"type": "tenant.close", "reason": "moved", "forfeit": true}),
            ),
            (
                "tollkeeper tenant update contoso --notify-below -5 --daily-limit 250",
                json!({"type": "tenant.update", "notify_below": "-5.00", "daily_limit": "250.00"}),
            ),
            (
                "tollkeeper tenant update contoso --unset notify-below --unset daily-limit",
                json!({"type": "tenant.update", "notify_below": null, "daily_limit": null}),
            ),
            (
                "tollkeeper tenant licences contoso --plan domestic-us --usage-country US --quantity 100",
                json!({"type": "licences.set", "plan": "domestic-us", "usage_country": "US", "quantity": 100}),
            ),
            (
                "tollkeeper tenant limit contoso --user ada@contoso.example --monthly-limit 0",
                json!({"type": "user.limit", "user": "ada@contoso.example", "monthly_limit": "0.00"}),
            ),
            (
                "tollkeeper tenant limit contoso --user ada@contoso.example --lift",
                json!({"type": "user.limit", "user": "ada@contoso.example", "monthly_limit": null}),
            ),
            (
                "tollkeeper call void contoso --call-id c-1 --reason unmade --release",
                json!({
                    "type": "call.void", "call_id": "c-1", "reason": "unmade", "release": true, "debits": [debit()],
                }),
            ),
            (
                "tollkeeper balance adjust contoso --amount -12.5 --reason fee",
                json!({"type": "balance.adjust", "amount": "-12.50", "reason": "fee"}),
            ),
            (
                "tollkeeper balance adjust contoso --amount 0.05 --reason price --corrects c-1",
                json!({
                    "type": "balance.adjust", "amount": "0.05", "reason": "price", "corrects": "c-1",
                    "debits": [debit()],
                }),
            ),
            (
                "tollkeeper funds add contoso --amount 100 --payment-reference p-1 --expires-at 2027-01-01T00:00:00Z",
                json!({
                    "type": "funds.add", "amount": "100.00", "payment_reference": "p-1",
                    "expires_at": "2027-01-01T00:00:00Z",
                }),
            ),
            (
                "tollkeeper recharge configure contoso --trigger 50 --amount 100 --payment-method tok_1 --max-per-month 5",
                json!({
                    "type": "recharge.configure", "enabled": true, "trigger": "50.00", "amount": "100.00",
                    "payment_method": "tok_1", "max_per_month": 5,
                }),
            ),
            (
                "tollkeeper recharge settle contoso --recharge-id contoso/r7 --outcome failed --reason expired_card",
                json!({
                    "type": "recharge.settle", "recharge_id": "contoso/r7", "outcome": "failed",
                    "reason": "expired_card",
                }),
            ),
        ];
        for (line, mut expected) in cases {
            expected["tenant"] = "contoso".into();
            expected["command_id"] = "0f".into();
            expected["at"] = "2026-11-20T10:15:30.123Z".into();
            let command = composed(line);
            assert_eq!(command.value, expected, "{line}");
            check(&command).unwrap_or_else(|refused| panic!("{line}: {refused}"));
        }
    }

    #[test]
    fn a_command_goes_to_the_home_partition_of_its_tenant() {
        let command = composed("tollkeeper funds add contoso --amount 1 --payment-reference p --command-id once");
        assert_eq!(command.topic, "tollkeeper.commands");
        assert_eq!((&*command.key, command.partition), ("contoso", home_partition("contoso", 64)));
        assert_eq!(command.command_id, "once");
    }

    #[test]
    fn what_the_engine_would_refuse_is_refused_at_once() {
        for line in [
            "tollkeeper funds add contoso --amount 0 --payment-reference p",
            "tollkeeper funds add contoso --amount 1.0000000001 --payment-reference p",
            "tollkeeper funds add con/toso --amount 1 --payment-reference p",
            "tollkeeper funds add contoso --amount 1",
            "tollkeeper tenant open contoso --currency usd --price-list d --usage-country US",
            "tollkeeper tenant open contoso --currency USD --price-list d --usage-country USA",
            "tollkeeper tenant open contoso --currency USD --price-list d --usage-country US --default-plan fax=payg",
            "tollkeeper tenant update contoso --daily-limit 0",
            "tollkeeper tenant licences contoso --plan p --usage-country US --quantity -1",
            "tollkeeper tenant limit contoso --user ada",
            "tollkeeper tenant limit contoso --user ada --monthly-limit 1 --lift",
            "tollkeeper balance adjust contoso --amount 0.00 --reason fee",
            "tollkeeper call void contoso --call-id c-1",
            "tollkeeper recharge configure contoso --trigger 50 --amount 0 --payment-method t",
            "tollkeeper recharge settle contoso --recharge-id contoso/r7 --outcome failed",
        ] {
            assert!(Cli::try_parse_from(line.split_whitespace()).is_err(), "{line}");
        }
    }

    #[test]
    fn a_call_of_too_many_parts_is_refused_before_it_is_published() {
        let mut command = composed("tollkeeper call void contoso --call-id c-1 --reason unmade");
        command.value["debits"] = vec![debit(); 200].into();
        let refused = check(&command).unwrap_err().to_string();
        assert!(refused.contains("more than 65536"), "{refused}");
        command.value["debits"] = json!([{}]);
        assert!(check(&command).unwrap_err().to_string().contains("debits[0]"));
    }

    #[test]
    fn ids_of_commands_differ() {
        let cli = Cli::try_parse_from(["tollkeeper", "tenant", "close", "contoso", "--reason", "moved"]).unwrap();
        let Command::Tenant(tenant::TenantCommand::Close(args)) = &cli.command else { panic!("another command") };
        let ids = [Occasion::now(&args.command).command_id, Occasion::now(&args.command).command_id];
        assert_ne!(ids[0], ids[1]);
        assert!(ids.iter().all(|id| id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit())), "{ids:?}");
    }
}
