//! What platforms, desks and payment services send: few tenants and few ids, so that everything collides.

use std::collections::BTreeMap;

use serde_json::json;

use crate::chance::Chance;
use crate::oracle::DAY_MS;
use crate::sent::{Body, Call, Changes, Command, Recharge, Sent, Settings};

pub(crate) const TENANTS: [&str; 5] = ["alpha", "beta", "gamma", "delta", "nobody"];
const UNIT: i128 = 1_000_000_000;
const NUMBERS: [&str; 16] = [
    "+14255550100",
    "+33612345678",
    "0033 1 22 33 44 55",
    "011 44 7911 123456",
    "+447911123456",
    "+44 (20) 7123-4567",
    "+449001234567",
    "+263771234567",
    "+88212345678",
    "+6829999000",
    "911",
    "15",
    "999",
    "sip:ada@example.com",
    "123",
    "+16045550100",
];
const MILLIS: [i64; 9] = [0, 1_000, 59_000, 60_000, 61_000, 78_000, 205_500, 600_000, 30_000];

/// What was sent so far, as far as the next thing depends on it.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    calls: BTreeMap<String, Vec<Call>>,
    commands: BTreeMap<String, Vec<Command>>,
    opened: Vec<&'static str>,
    /// Recharges that somebody asked for.
    pub(crate) requested: Vec<(String, String)>,
}

impl Traffic {
    pub(crate) fn call(&mut self, chance: &mut Chance, now_ms: i64) -> Sent {
        let tenant = self.tenant(chance);
        let sent = self.calls.entry(tenant.to_owned()).or_default();
        if !sent.is_empty() && chance.one_in(4) {
            let mut call = chance.pick(sent).clone();
            match chance.below(8) {
                // Other content under the same id.
                0 => call.millis += 1_000,
                1 => call.to = chance.text(&NUMBERS).into(),
                // The same content, otherwise written.
                2 => call.from = "+1 425 555-0111".into(),
                3 => call.note = Some("again"),
                _ => {}
            }
            if call.answered_ms.is_none() {
                call.millis = 0;
            }
            return Sent::Call(call);
        }
        let millis = *chance.pick(&MILLIS);
        let ended_ms = match chance.below(24) {
            0 => now_ms - 8 * DAY_MS,
            1 => now_ms + 600_000,
            2 => now_ms - chance.between(0, 7 * DAY_MS),
            _ => now_ms - chance.between(0, 7_200_000),
        };
        let answered_ms = (millis > 0 || chance.one_in(2)).then(|| (ended_ms - millis) / 1000 * 1000);
        let inbound = chance.one_in(8);
        let mut call = Call {
            call_id: format!("c{}", sent.len()),
            tenant: tenant.into(),
            service: chance.text(&["calling", "calling", "conferencing", "voice_app"]),
            direction: if inbound { "inbound" } else { "outbound" },
            number_type: chance.text(&["user", "user", "user", "toll_free"]),
            from: "+14255550111".into(),
            to: chance.text(&NUMBERS).into(),
            user: chance.one_in(2).then_some("ada"),
            plan: match chance.below(12) {
                0 => Some("domestic-us"),
                1 => Some("payg"),
                _ => None,
            },
            usage_country: chance.one_in(6).then(|| chance.text(&["US", "FR", "GB"])),
            on_net: chance.one_in(20),
            part: chance.one_in(20).then_some(0),
            is_final: true,
            answered_ms,
            ended_ms: ended_ms / 1000 * 1000,
            millis,
            note: chance.one_in(10).then_some("x"),
        };
        if inbound {
            std::mem::swap(&mut call.from, &mut call.to);
        }
        match chance.below(60) {
            0 => call.part = Some(2),
            1 => call.is_final = false,
            2 => {
                call.to = "+26399123456".into();
                call.millis = if chance.one_in(4) { 60_000 } else { 86_400_000 };
                call.answered_ms = Some(call.ended_ms - call.millis);
            }
            _ => {}
        }
        sent.push(call.clone());
        Sent::Call(call)
    }

    pub(crate) fn command(&mut self, chance: &mut Chance, now_ms: i64) -> Sent {
        let missing: Vec<&&str> = TENANTS[..4].iter().filter(|tenant| !self.opened.contains(tenant)).collect();
        let opens = !missing.is_empty() && chance.one_in(2);
        let tenant = if opens { **chance.pick(&missing) } else { self.tenant(chance) };
        let body = if opens { self.open(chance, tenant) } else { self.body(chance, tenant, now_ms) };
        let sent = self.commands.entry(tenant.to_owned()).or_default();
        if !opens && !sent.is_empty() && chance.one_in(6) {
            let mut again = chance.pick(sent).clone();
            match chance.below(4) {
                0 => again.body = body,
                1 => again.actor = Some("somebody else"),
                _ => {}
            }
            return Sent::Command(again);
        }
        let at_ms = match chance.below(30) {
            0 => now_ms - 36 * DAY_MS,
            1 => now_ms + 3_600_000,
            _ => now_ms - chance.between(0, 60_000),
        };
        let command = Command {
            command_id: format!("k{}", sent.len()),
            tenant: tenant.into(),
            at_ms,
            actor: chance.one_in(2).then_some("desk"),
            body,
        };
        sent.push(command.clone());
        Sent::Command(command)
    }

    /// A settlement of something that was asked for.
    pub(crate) fn settlement(&mut self, chance: &mut Chance, now_ms: i64) -> Option<Sent> {
        if self.requested.is_empty() {
            return None;
        }
        let (tenant, recharge_id) = chance.pick(&self.requested).clone();
        let sent = self.commands.entry(tenant.clone()).or_default();
        let reference = chance.one_in(2).then(|| format!("p{}", chance.below(9)));
        let body = Body::Settle { recharge_id, success: !chance.one_in(3), reference };
        let command =
            Command { command_id: format!("k{}", sent.len()), tenant, at_ms: now_ms, actor: Some("payments"), body };
        sent.push(command.clone());
        Some(Sent::Command(command))
    }

    pub(crate) fn poison(chance: &mut Chance, is_cdr: bool) -> Sent {
        let text = |text: &str| text.as_bytes().to_vec();
        let unknown_version = if is_cdr { "unsupported_version" } else { "malformed" };
        let (bytes, reason) = match chance.below(8) {
            0 => (text("{"), "malformed"),
            1 => (vec![b'"', 0xff, 0xfe, b'"'], "malformed"),
            2 => (Vec::new(), "malformed"),
            3 => (text(r#"{"version":2,"anything":"else"}"#), unknown_version),
            4 => (vec![b'x'; 70_000], "malformed"),
            5 => (text("[]"), "malformed"),
            6 => (text(r#"{"call_id":"c0","tenant":"al pha"}"#), "malformed"),
            _ => (text("null"), "malformed"),
        };
        Sent::Poison { bytes, reason }
    }

    fn tenant(&self, chance: &mut Chance) -> &'static str {
        let among: &[&'static str] = if chance.one_in(12) || self.opened.is_empty() { &TENANTS } else { &self.opened };
        chance.text(among)
    }

    fn open(&mut self, chance: &mut Chance, tenant: &'static str) -> Body {
        let settings = Settings {
            currency: "USD",
            price_list: "retail",
            overlay: chance.one_in(3).then_some("overlay"),
            usage_country: chance.text(&["US", "US", "FR", "GB"]),
            default_plan: chance.one_in(4).then_some("payg"),
            no_rate: *chance.pick(&[None, None, Some("free_call"), Some("quarantine")]),
            minimum_funding: *chance.pick(&[0, 0, UNIT]),
            block_at: *chance.pick(&[0, 0, -2 * UNIT]),
        };
        let settings = match chance.below(10) {
            0 => Settings { price_list: "nothing", ..settings },
            1 => Settings { price_list: "euro", ..settings },
            2 => Settings { default_plan: Some("domestic-us"), ..settings },
            3 => Settings { overlay: Some("euro"), ..settings },
            _ => {
                self.opened.push(tenant);
                settings
            }
        };
        Body::Open(settings)
    }

    fn body(&mut self, chance: &mut Chance, tenant: &str, now_ms: i64) -> Body {
        match chance.below(20) {
            0..=6 => Body::Funds {
                amount: *chance.pick(&[UNIT / 2, UNIT, 2 * UNIT, 5 * UNIT, 20 * UNIT]),
                reference: format!("p{}", chance.below(30)),
                expires_ms: match chance.below(12) {
                    0 => Some(now_ms - 1_000),
                    1 => Some((now_ms + 40 * DAY_MS) / 1000 * 1000),
                    _ => None,
                },
            },
            7..=11 => {
                let amount = *chance.pick(&[UNIT, 2 * UNIT, 10 * UNIT]);
                Body::Configure(Recharge {
                    enabled: !chance.one_in(6),
                    trigger: *chance.pick(&[0, UNIT, 5 * UNIT]),
                    amount,
                    max_per_month: chance.one_in(3).then(|| *chance.pick(&[1, 2, 5])),
                    max_amount: chance.one_in(4).then(|| *chance.pick(&[UNIT / 2, 3 * UNIT])),
                    max_amount_per_month: chance.one_in(4).then(|| *chance.pick(&[5 * UNIT, 15 * UNIT])),
                })
            }
            12..=14 => Body::Update(Changes {
                price_list: chance.one_in(6).then(|| chance.text(&["retail", "euro", "nothing"])),
                overlay: chance.one_in(3).then(|| *chance.pick(&[None, Some("overlay")])),
                usage_country: chance.one_in(3).then(|| chance.text(&["US", "FR", "GB"])),
                no_rate: chance.one_in(3).then(|| *chance.pick(&[None, Some("free_call")])),
                block_at: chance.one_in(3).then(|| *chance.pick(&[0, -UNIT, UNIT])),
            }),
            15 => Body::Close { forfeit: chance.one_in(4) },
            16 => Body::Settle {
                recharge_id: match chance.below(3) {
                    0 => "what is this".into(),
                    1 => format!("{tenant}/r{}", chance.between(1, 40)),
                    _ => "alpha/r0002".into(),
                },
                success: chance.one_in(2),
                reference: None,
            },
            17 => Body::Open(Settings {
                currency: "USD",
                price_list: "retail",
                overlay: None,
                usage_country: "US",
                default_plan: None,
                no_rate: None,
                minimum_funding: 0,
                block_at: 0,
            }),
            18 => Body::Unreadable {
                extra: json!({"type": "licences.set", "quantity": 3}),
                refusal: "unsupported_version",
            },
            _ => Body::Unreadable {
                extra: json!({"type": "funds.add", "amount": 12, "payment_reference": "p1"}),
                refusal: "malformed",
            },
        }
    }
}
