//! A call detail record: one finished call, as a telephony platform reports it (R1).

use std::borrow::Cow;

use jiff::{SignedDuration, Timestamp};

use super::duration::CallDuration;
use super::number::Country;

/// The longest call id, in bytes.
pub const CALL_ID_BYTES_MAX: usize = 128;
/// The longest name of a user, in bytes.
pub const USER_BYTES_MAX: usize = 256;
/// Attributes of one record at most.
pub const ATTRIBUTES_MAX: usize = 16;
/// Names and values of all attributes of a record together, in bytes.
pub const ATTRIBUTE_BYTES_MAX: usize = 1024;

/// Free text that the platform attaches to a call and that is copied to its debit.
///
/// Most calls have none, and an empty `Vec` does not allocate.
pub type Attributes<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

/// One call, borrowed from the record it was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cdr<'a> {
    /// 1 to 128 bytes; with the tenant it is the identity of the call (R3).
    pub call_id: Cow<'a, str>,
    /// A valid name of a tenant, see [`TenantId`](super::tenant::TenantId).
    pub tenant: Cow<'a, str>,
    /// What was used.
    pub service: Service,
    /// Which way the call went.
    pub direction: Direction,
    /// The caller, E.164 or as dialled; may be withheld or a SIP name (R6).
    pub from: Cow<'a, str>,
    /// The callee, E.164 or as dialled.
    pub to: Cow<'a, str>,
    /// The kind of the tenant's own number.
    pub number_type: NumberType,
    /// Who holds the licence: caller, or meeting organiser; absent for voice apps.
    pub user: Option<Cow<'a, str>>,
    /// The licence that the user held then; absent: the tenant's default for the service.
    pub plan: Option<Cow<'a, str>>,
    /// Where the user is; absent: the tenant's.
    pub usage_country: Option<Country>,
    /// Between the platform's own users: free (R7).
    pub on_net: bool,
    /// 0, 1, 2 ...; absent on a lone record: 0 (F1).
    pub part: Option<u32>,
    /// No further part will come.
    pub is_final: bool,
    /// When, and for how long.
    pub times: CallTimes,
    /// Copied to the debit.
    pub attributes: Attributes<'a>,
}

impl Cdr<'_> {
    /// The start: what decides the price (R12). An unanswered call starts and ends at once.
    pub fn started_at(&self) -> Timestamp {
        match self.times {
            CallTimes::Answered { at, .. } => at,
            CallTimes::Unanswered { ended_at } => ended_at,
        }
    }

    /// The end: what decides whether the call is accepted (R4).
    pub fn ended_at(&self) -> Timestamp {
        match self.times {
            CallTimes::Answered { at, duration } => {
                let micros = i64::try_from(duration.micros()).expect("at most 7 days");
                at.checked_add(SignedDuration::from_micros(micros)).unwrap_or(Timestamp::MAX)
            }
            CallTimes::Unanswered { ended_at } => ended_at,
        }
    }

    /// How long the call lasted; zero where nobody answered.
    pub fn duration(&self) -> CallDuration {
        match self.times {
            CallTimes::Answered { duration, .. } => duration,
            CallTimes::Unanswered { .. } => CallDuration::ZERO,
        }
    }

    /// When it was answered, if it was.
    pub fn answered_at(&self) -> Option<Timestamp> {
        match self.times {
            CallTimes::Answered { at, .. } => Some(at),
            CallTimes::Unanswered { .. } => None,
        }
    }
}

/// When a call was, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallTimes {
    /// Somebody answered.
    Answered {
        /// When.
        at: Timestamp,
        /// For how long; may be zero.
        duration: CallDuration,
    },
    /// Nobody did.
    Unanswered {
        /// When the attempt ended.
        ended_at: Timestamp,
    },
}

/// What was used for the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    /// A user's telephony.
    Calling,
    /// Audio conferencing: dial-in and dial-out of meetings.
    Conferencing,
    /// An auto attendant, a queue, a bot.
    VoiceApp,
}

impl Service {
    /// All services.
    pub const ALL: [Service; 3] = [Service::Calling, Service::Conferencing, Service::VoiceApp];

    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Service::Calling => "calling",
            Service::Conferencing => "conferencing",
            Service::VoiceApp => "voice_app",
        }
    }
}

/// Which way a call went, seen from the tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// From the tenant.
    Outbound,
    /// To the tenant.
    Inbound,
}

impl Direction {
    /// Both directions.
    pub const ALL: [Direction; 2] = [Direction::Outbound, Direction::Inbound];

    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Direction::Outbound => "outbound",
            Direction::Inbound => "inbound",
        }
    }
}

/// The kind of the tenant's own number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NumberType {
    /// A user's.
    User,
    /// A service's: a conference bridge, an attendant.
    Service,
    /// Toll-free: the tenant pays for those who call it.
    TollFree,
}

impl NumberType {
    /// All kinds.
    pub const ALL: [NumberType; 3] = [NumberType::User, NumberType::Service, NumberType::TollFree];

    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            NumberType::User => "user",
            NumberType::Service => "service",
            NumberType::TollFree => "toll_free",
        }
    }
}

/// What kind of call a debit was for: the five classes that can be blocked, and those that are always free.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CallClass {
    /// Inbound to a toll-free number of the tenant.
    InboundTollFree,
    /// Outbound within the usage country or its union.
    OutboundDomestic,
    /// Outbound to any other country.
    OutboundInternational,
    /// A meeting that calls out.
    ConferenceDialOut,
    /// A participant who calls into a meeting.
    ConferenceDialIn,
    /// Inbound to a user's number: free (R7).
    InboundUser,
    /// Between the platform's own users: free (R7).
    OnNet,
    /// An emergency call: free and never blocked (R6).
    Emergency,
    /// Nobody answered, or for no time at all: free (R5).
    Unanswered,
}

impl CallClass {
    /// All classes.
    pub const ALL: [CallClass; 9] = [
        CallClass::InboundTollFree,
        CallClass::OutboundDomestic,
        CallClass::OutboundInternational,
        CallClass::ConferenceDialOut,
        CallClass::ConferenceDialIn,
        CallClass::InboundUser,
        CallClass::OnNet,
        CallClass::Emergency,
        CallClass::Unanswered,
    ];

    /// The classes that somebody pays for: what a block lists while no pool covers any of them (R35).
    pub const PAID: [CallClass; 5] = [
        CallClass::InboundTollFree,
        CallClass::OutboundDomestic,
        CallClass::OutboundInternational,
        CallClass::ConferenceDialOut,
        CallClass::ConferenceDialIn,
    ];

    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            CallClass::InboundTollFree => "inbound_toll_free",
            CallClass::OutboundDomestic => "outbound_domestic",
            CallClass::OutboundInternational => "outbound_international",
            CallClass::ConferenceDialOut => "conference_dial_out",
            CallClass::ConferenceDialIn => "conference_dial_in",
            CallClass::InboundUser => "inbound_user",
            CallClass::OnNet => "on_net",
            CallClass::Emergency => "emergency",
            CallClass::Unanswered => "unanswered",
        }
    }
}
