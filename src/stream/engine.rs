//! From one record to its outcome: decode, rate, debit, encode. All of the engine but the log.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::transport::{Input, OutRecord, Output};
use crate::core::batch::View;
use crate::core::catalog::Catalog;
use crate::core::cdr::Cdr;
use crate::core::command::Command;
use crate::core::decide::{CallVerdict, Replay, Rules, call, consequences};
use crate::core::decide_command::{CommandVerdict, Refused, command};
use crate::core::event::{Cause, EventBody};
use crate::core::partition::{PartitionId, home_partition};
use crate::core::reason::Reason;
use crate::internal_events::{AccountFrozen, LawViolated};
use crate::metrics::{BatchCounts, CdrOutcome, CommandOutcome, Metrics, RechargeState};
use crate::wire;
