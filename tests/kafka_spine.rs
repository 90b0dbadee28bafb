//! The engine end to end on a real Apache Kafka: commands and calls in, the ledger out.
#![cfg(feature = "kafka")]

mod support;

use std::time::Duration;

use rdkafka::producer::Producer;
use support::amount::billionths;
use support::books::Books;
use support::broker::Broker;
use support::calls::{Call, platform_producer, send};
use support::deadline::wait_until;
use support::engine::Site;

const WITHIN: Duration = Duration::from_secs(60);

#[test]
fn thin() {
    let broker = Broker::start("spine");
    let site = Site::create(&broker, "spine", 4);
    let mut engine = site.start("a");
    engine.wait_ready(4);
    println!(
        "{}",
        site.tollkeeper(&[
            "tenant",
            "open",
            "contoso",
            "--currency",
            "USD",
            "--price-list",
            "outbound-usd",
            "--usage-country",
            "US"
        ])
    );
    println!("{}", site.tollkeeper(&["funds", "add", "contoso", "--amount", "100", "--payment-reference", "p1"]));
    let producer = platform_producer(&broker);
    for place in 0..10 {
        let call = Call::ended_now("contoso", &format!("c{place}"), "33612345678", 78);
        send(&producer, &site.topic("cdrs"), "contoso", &call.cdr());
    }
    producer.flush(WITHIN).unwrap();
    wait_until("debited", WITHIN, || Books::read(&broker, &site, WITHIN).debit_count() == 10);
    let books = Books::read(&broker, &site, WITHIN);
    println!("{books:?}");
    assert_eq!(books.accounts["contoso"].balance, billionths("97.50"));
    let status = engine.stop(Duration::from_secs(25));
    println!("{status:?}\n{}", engine.log());
    let mut engine = site.start("a");
    engine.wait_ready(4);
    for place in 5..15 {
        let call = Call::ended_now("contoso", &format!("c{place}"), "33612345678", 78);
        send(&producer, &site.topic("cdrs"), "contoso", &call.cdr());
    }
    producer.flush(WITHIN).unwrap();
    wait_until("debited", WITHIN, || Books::read(&broker, &site, WITHIN).debit_count() == 15);
    println!("{}", engine.log());
    println!("{:?}", Books::read(&broker, &site, WITHIN).accounts);
}
