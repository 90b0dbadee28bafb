//! Exit codes. Scripts rely on them: a number never changes its meaning.

use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0: it did what it was asked to.
    Success,
    /// 1: it could not, for a reason outside (brokers, files, a partition that stopped); the message says which.
    Failure,
    /// 2: the command line or the configuration is wrong. Nothing was done.
    Usage,
    /// 3: a proof or an audit does not add up. Do not trust the balances before you know why.
    DoesNotAddUp,
    /// 4: a check found differences, for example between topics and what they should be. Nothing was changed.
    Differences,
    /// 5: the watchdog ended a process whose worker hung; starting it again recovers.
    Hung,
}

impl Exit {
    /// The number.
    pub fn code(self) -> u8 {
        match self {
            Exit::Success => 0,
            Exit::Failure => 1,
            Exit::Usage => 2,
            Exit::DoesNotAddUp => 3,
            Exit::Differences => 4,
            Exit::Hung => 5,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}
