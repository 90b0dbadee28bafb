//! What is appended to the inputs in a run.

use tollkeeper::core::partition::{PartitionId, home_partition};
use tollkeeper::stream::memory::Topic;
use tollkeeper::stream::transport::Input;

use crate::driver::Run;
use crate::oracle::Origin;
use crate::sent::Sent;
use crate::traffic::Traffic;

impl Run {
    /// Sends some records, and lets the payment service read.
    pub(crate) fn send(&mut self) {
        for _ in 0..=self.chance.below(4) {
            self.pay();
            let now_ms = self.now_ms();
            let (sent, input) = match self.chance.below(20) {
                0 => {
                    let is_cdr = self.chance.one_in(2);
                    (Traffic::poison(&mut self.chance, is_cdr), if is_cdr { Input::Cdrs } else { Input::Commands })
                }
                1..=5 => (self.traffic.command(&mut self.chance, now_ms), Input::Commands),
                6 => match self.traffic.settlement(&mut self.chance, now_ms) {
                    Some(sent) => (sent, Input::Commands),
                    None => continue,
                },
                7 if self.chance.one_in(3) => {
                    self.send_misrouted();
                    continue;
                }
                _ => (self.traffic.call(&mut self.chance, now_ms), Input::Cdrs),
            };
            let count = self.cluster.partitions();
            let anywhere = u32::try_from(self.chance.below(u64::from(count))).expect("few");
            let partition = match sent.tenant() {
                Some(tenant) if !self.chance.one_in(8) => home_partition(tenant, count).0,
                _ => anywhere,
            };
            self.append(sent, input, partition);
            if self.chance.one_in(2) {
                let ms = self.chance.between(0, 500);
                self.pass_ms(ms);
            }
        }
    }

    fn append(&mut self, sent: Sent, input: Input, partition: u32) {
        let key = sent.tenant().unwrap_or_default().as_bytes().to_vec();
        let offset = self.cluster.append(Topic::from(input), PartitionId(partition), key, sent.bytes());
        self.trace(format!("append {}/{partition}/{offset} {}", input.name(), brief(&sent)));
        self.sent.insert((input.name(), partition, offset), sent);
    }

    /// Puts an envelope into `reroute`, as `quarantine replay` would: to the wrong partition at times.
    fn send_misrouted(&mut self) {
        let now_ms = self.now_ms();
        let sent = self.traffic.call(&mut self.chance, now_ms);
        let count = self.cluster.partitions();
        let partition = u32::try_from(self.chance.below(u64::from(count))).expect("few");
        let origin = Origin {
            topic: "cdrs",
            partition: 99,
            offset: i64::try_from(self.enveloped.len()).expect("few"),
            timestamp_ms: now_ms,
        };
        let record = String::from_utf8(sent.bytes()).expect("calls are text");
        let source = serde_json::json!({"topic": crate::oracle::topic_name("cdrs"), "partition": origin.partition,
            "offset": origin.offset, "timestamp": crate::sent::time(now_ms)});
        let envelope = serde_json::json!({"version": 1, "kind": "cdr", "record": record, "source": source});
        let offset =
            self.cluster.append(Topic::Reroute, PartitionId(partition), Vec::new(), envelope.to_string().into_bytes());
        self.trace(format!("append reroute/{partition}/{offset} {}", brief(&sent)));
        self.enveloped.insert((partition, offset), (origin, sent));
    }

    /// The payment service reads what it is asked for.
    fn pay(&mut self) {
        for partition in 0..self.cluster.partitions() {
            let place = usize::try_from(partition).expect("few");
            let from = self.alerts_read[place];
            let (records, next) = self.cluster.read_committed(Topic::Alerts, PartitionId(partition), from, usize::MAX);
            self.alerts_read[place] = next;
            for record in records {
                let event: serde_json::Value = serde_json::from_slice(record.value()).expect("alerts are JSON");
                if event["type"] == "tollkeeper.recharge.requested.v1"
                    && let Some(id) = event["data"]["recharge_id"].as_str()
                    && let Some((tenant, _)) = id.split_once('/')
                {
                    self.traffic.requested.push((tenant.to_owned(), id.to_owned()));
                }
            }
        }
    }
}

fn brief(sent: &Sent) -> String {
    match sent {
        Sent::Call(call) => format!("call {}/{}", call.tenant, call.call_id),
        Sent::Command(command) => {
            let body = format!("{:?}", command.body);
            let name = body.split([' ', '(', '{']).next().unwrap_or_default();
            format!("command {}/{} {name}", command.tenant, command.command_id)
        }
        Sent::Poison { reason, .. } => format!("poison, {reason}"),
    }
}
