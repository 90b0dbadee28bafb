//! What is appended to the inputs in a run: what platforms, desks and payment services send of the histories that the second
//! implementation is compared with, and what nobody should send.

use serde_json::Value;
use tollkeeper::core::partition::{PartitionId, home_partition};
use tollkeeper::stream::memory::Topic;
use tollkeeper::stream::transport::Input;

use crate::driver::Run;
use crate::model::{Step, tenant_of};
use crate::oracle::{Origin, bytes, instant, time, topic_name};

impl Run {
    /// Sends some records, and lets those who send them read the ledger.
    pub(crate) fn send(&mut self) {
        for _ in 0..=self.chance.below(4) {
            self.read_ledger();
            self.history.at(instant(self.now_ms()));
            let sent = match self.chance.below(24) {
                0 => self.poison(),
                1..=8 => self.command(),
                9..=11 => self.settlement().unwrap_or_else(|| self.history.cdr()),
                12 if self.chance.one_in(3) => {
                    self.send_misrouted();
                    continue;
                }
                _ => self.history.cdr(),
            };
            let input = if let Step::Cdr(_) = sent { Input::Cdrs } else { Input::Commands };
            let count = self.cluster.partitions();
            let anywhere = u32::try_from(self.chance.below(u64::from(count))).expect("few");
            let partition = match tenant_of(&sent) {
                Some(tenant) if !self.chance.one_in(8) => home_partition(&tenant, count).0,
                _ => anywhere,
            };
            self.append(sent, input, partition);
            if self.chance.one_in(2) {
                let ms = self.chance.between(0, 500);
                self.pass_ms(ms);
            }
        }
    }

    /// A command. Who opens accounts knows which are asked for, long before the ledger says so.
    fn command(&mut self) -> Step {
        loop {
            let sent = self.history.command(&self.ledger);
            let fields: Value = serde_json::from_slice(bytes(&sent)).expect("a command");
            let is_new = fields["type"] != "tenant.open" || self.opened.insert(fields["tenant"].to_string());
            if is_new || self.chance.one_in(8) {
                return sent;
            }
        }
    }

    /// The payment service settles one of the last requests that it has read.
    fn settlement(&mut self) -> Option<Step> {
        let is_request = |event: &&Value| event["type"] == "tollkeeper.recharge.requested.v1";
        let late: Vec<&Value> = self.ledger.iter().rev().filter(is_request).take(4).collect();
        let id = late.get(self.chance.place(late.len().max(1)))?["data"]["recharge_id"].clone();
        let (tenant, _) = id.as_str().and_then(|id| id.split_once('/')).expect("an id of the engine");
        let now_ms = self.now_ms();
        let mut command = serde_json::json!({"command_id": format!("settled-{now_ms}"), "tenant": tenant,
            "type": "recharge.settle", "at": time(now_ms), "recharge_id": id, "outcome": "succeeded"});
        if !self.chance.one_in(3) {
            command["outcome"] = "failed".into();
            command["reason"] = "card expired".into();
        }
        Some(Step::Command(command.to_string().into_bytes()))
    }

    fn append(&mut self, sent: Step, input: Input, partition: u32) {
        let key = tenant_of(&sent).unwrap_or_default().into_bytes();
        let offset = self.cluster.append(Topic::from(input), PartitionId(partition), key, bytes(&sent).to_vec());
        self.trace(format!("append {}/{partition}/{offset} {}", input.name(), brief(&sent)));
        self.sent.insert((input.name(), partition, offset), sent);
    }

    /// Puts an envelope into `reroute`, as `quarantine replay` would: to the wrong partition at times.
    fn send_misrouted(&mut self) {
        let now_ms = self.now_ms();
        let sent = self.history.cdr();
        let count = self.cluster.partitions();
        let partition = u32::try_from(self.chance.below(u64::from(count))).expect("few");
        let origin = Origin {
            topic: "cdrs",
            partition: 99,
            offset: i64::try_from(self.enveloped.len()).expect("few"),
            timestamp_ms: now_ms,
        };
        let record = std::str::from_utf8(bytes(&sent)).expect("calls are text");
        let source = serde_json::json!({"topic": topic_name("cdrs"), "partition": origin.partition,
            "offset": origin.offset, "timestamp": time(now_ms)});
        let envelope = serde_json::json!({"version": 1, "kind": "cdr", "record": record, "source": source});
        let offset =
            self.cluster.append(Topic::Reroute, PartitionId(partition), Vec::new(), envelope.to_string().into_bytes());
        self.trace(format!("append reroute/{partition}/{offset} {}", brief(&sent)));
        self.enveloped.insert((partition, offset), (origin, sent));
    }

    fn poison(&mut self) -> Step {
        let bytes = match self.chance.below(7) {
            0 => b"{".to_vec(),
            1 => vec![b'"', 0xff, 0xfe, b'"'],
            2 => Vec::new(),
            3 => br#"{"version":2,"anything":"else"}"#.to_vec(),
            4 => vec![b'x'; 70_000],
            5 => br#"{"call_id":"c0","tenant":"al pha"}"#.to_vec(),
            _ => b"null".to_vec(),
        };
        if self.chance.one_in(2) { Step::Cdr(bytes) } else { Step::Command(bytes) }
    }

    /// What is committed of all ledgers since they were read last, one partition behind the other.
    pub(crate) fn read_ledger(&mut self) {
        for partition in 0..self.cluster.partitions() {
            let read = &mut self.ledger_read[usize::try_from(partition).expect("few")];
            let (records, next) = self.cluster.read_committed(Topic::Ledger, PartitionId(partition), *read, usize::MAX);
            *read = next;
            let event = |bytes: &[u8]| serde_json::from_slice(bytes).expect("a ledger is JSON");
            self.ledger.extend(records.iter().map(|record| event(record.value())));
        }
    }
}

fn brief(sent: &Step) -> String {
    let Ok(fields) = serde_json::from_slice::<Value>(bytes(sent)) else { return "poison".into() };
    let text = |name: &str| fields[name].as_str().unwrap_or("?").to_owned();
    match sent {
        Step::Cdr(_) => format!("call {}/{}", text("tenant"), text("call_id")),
        _ => format!("command {}/{} {}", text("tenant"), text("command_id"), text("type")),
    }
}
