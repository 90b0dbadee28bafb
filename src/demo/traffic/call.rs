//! One call of the demo, and its record.

use std::borrow::Cow;
use std::io::Write;

use jiff::Timestamp;

use super::World;
use crate::core::partition::{PartitionId, home_partition};
use crate::demo::numbers::Destination;
use crate::demo::sent::What;
use crate::demo::tenants::Tenant;
use crate::stream::transport::OutRecord;

/// Bytes of a usual record.
const RECORD_BYTES_USUAL: usize = 400;

/// A call, as little as its record can be made from again.
#[derive(Clone, Debug)]
pub(super) struct Call {
    /// The number of the record that was the first of this call.
    pub(super) number: u64,
    pub(super) caller: Caller,
    pub(super) user: u16,
    pub(super) kind: Kind,
    /// The other end, by its place in the phone book.
    pub(super) to: u32,
    pub(super) seconds: u32,
    /// The other end is written with `+`, not as dialled.
    pub(super) spelled_out: bool,
    pub(super) ended_at_ms: i64,
}

/// Whose call it is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Caller {
    /// A tenant's, by its place.
    Tenant(u32),
    /// Of a tenant that was never opened.
    Nobody(u16),
}

/// What kind of call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Outbound,
    /// A meeting calls out.
    DialOut,
    Unanswered,
    OnNet,
    Inbound,
    Emergency,
    /// The first part of a call that goes on: it costs what a call of that duration does.
    FirstPart,
    /// Of a form that a later release may write.
    OtherVersion,
}

/// The number of a call, of its id.
pub(in crate::demo) fn number_of(call_id: &str, run: u32) -> Option<u64> {
    let (of_run, number) = call_id.split_once('-')?;
    let of_run = u32::from_str_radix(of_run, 16).ok()?;
    if of_run == run { number.parse().ok() } else { None }
}

/// The id of a call, of its number.
pub(in crate::demo) fn id_of(number: u64, run: u32) -> String {
    format!("{run:08x}-{number}")
}

impl Call {
    pub(super) fn tenant(&self) -> Option<u32> {
        match self.caller {
            Caller::Tenant(place) => Some(place),
            Caller::Nobody(_) => None,
        }
    }

    /// Its home partition; also for a tenant that does not exist.
    pub(super) fn home(&self, world: &World) -> PartitionId {
        match self.caller {
            Caller::Tenant(place) => tenant(world, place).home,
            Caller::Nobody(_) => home_partition(&self.caller_name(world), world.partitions),
        }
    }

    /// What the proof needs to price it.
    pub(super) fn what(&self) -> What {
        match self.kind {
            Kind::Outbound | Kind::DialOut | Kind::FirstPart => What::Outbound { to: self.to, seconds: self.seconds },
            Kind::Unanswered | Kind::OnNet | Kind::Inbound | Kind::Emergency | Kind::OtherVersion => What::Free,
        }
    }

    fn caller_name<'w>(&self, world: &'w World) -> Cow<'w, str> {
        match self.caller {
            Caller::Tenant(place) => Cow::Borrowed(&*tenant(world, place).name),
            Caller::Nobody(number) => Cow::Owned(format!("nobody-{number}")),
        }
    }

    /// The record, byte for byte the same each time.
    pub(super) fn record(&self, world: &World) -> OutRecord {
        let name = self.caller_name(world);
        let mut value = Vec::with_capacity(RECORD_BYTES_USUAL);
        self.write(world, &name, &mut value).expect("a Vec takes what is written");
        OutRecord { key: name.into_owned().into(), value: value.into() }
    }

    fn write(&self, world: &World, name: &str, into: &mut Vec<u8>) -> std::io::Result<()> {
        let country = match self.caller {
            Caller::Tenant(place) => tenant(world, place).country,
            Caller::Nobody(_) => world.tenants[0].country,
        };
        let service = if self.kind == Kind::DialOut { "conferencing" } else { "calling" };
        let direction = if self.kind == Kind::Inbound { "inbound" } else { "outbound" };
        let own = format!("+{}{:04}", country.own_numbers, self.user);
        let other = match (self.kind, world.book.get(self.to)) {
            (Kind::Emergency, _) => ["112", "911"][usize::from(self.user % 2)].to_owned(),
            (_, Destination::Invalid(text)) => text.to_string(),
            (_, Destination::Number(digits)) if self.spelled_out => format!("+{digits}"),
            (_, Destination::Number(digits)) => format!("{} {digits}", country.international),
        };
        let (from, to) = if self.kind == Kind::Inbound { (&other, &own) } else { (&own, &other) };
        write!(into, r#"{{"call_id":"{:08x}-{}","tenant":"{name}","service":"{service}""#, world.run, self.number)?;
        write!(into, r#","direction":"{direction}","from":"{from}","to":"{to}","number_type":"user""#)?;
        write!(into, r#","user":"u{}@{name}.example""#, self.user)?;
        if self.kind == Kind::OnNet {
            into.extend_from_slice(br#","on_net":true"#);
        }
        match self.kind {
            Kind::FirstPart => into.extend_from_slice(br#","part":0,"final":false"#),
            Kind::OtherVersion => into.extend_from_slice(br#","version":2"#),
            _ => {}
        }
        let ended_at = at(self.ended_at_ms);
        if self.kind == Kind::Unanswered {
            write!(into, r#","answered_at":null,"duration_seconds":0,"ended_at":"{ended_at}"}}"#)
        } else {
            let answered_at = at(self.ended_at_ms - i64::from(self.seconds) * 1_000);
            write!(into, r#","answered_at":"{answered_at}","duration_seconds":{}}}"#, self.seconds)
        }
    }
}

fn tenant(world: &World, place: u32) -> &Tenant {
    &world.tenants[usize::try_from(place).expect("a u32 fits into a usize")]
}

fn at(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(milliseconds).expect("the clock of a machine is within jiff's range")
}
