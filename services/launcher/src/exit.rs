//! Exit codes that mean something: 0 to 3 are the states monitoring systems expect, 64 and above follow sysexits.h.

use std::process::ExitCode;

use color_eyre::eyre::Report;
use sla_domain::Invalid;
use sla_proto::PeerError;
use sla_runtime::reason;
use sla_runtime::server::{ServerError, TlsError};
use sla_runtime::status::Problem;
use tonic::Code;

use crate::config::ConfigError;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Exit(u8);

impl Exit {
    /// All is well.
    pub(crate) const OK: Self = Self(0);
    /// An objective is at risk.
    pub(crate) const AT_RISK: Self = Self(1);
    /// An objective is violated.
    pub(crate) const VIOLATED: Self = Self(2);
    /// There are no data to judge by.
    pub(crate) const NO_DATA: Self = Self(3);
    /// The command line is wrong (EX_USAGE).
    pub(crate) const USAGE: Self = Self(64);
    /// The input is wrong (EX_DATAERR).
    pub(crate) const DATA: Self = Self(65);
    /// A service or the metric source is away (EX_UNAVAILABLE).
    pub(crate) const UNAVAILABLE: Self = Self(69);
    /// Something broke here (EX_SOFTWARE).
    pub(crate) const SOFTWARE: Self = Self(70);
    /// Nobody is known to call, or the user may not do that (EX_NOPERM).
    pub(crate) const NOT_ALLOWED: Self = Self(77);
    /// The configuration is wrong (EX_CONFIG).
    pub(crate) const CONFIG: Self = Self(78);

    /// Ended by a signal: 128 and its number, as shells count.
    pub(crate) fn signal(number: u8) -> Self {
        Self(128 + number)
    }

    /// The number.
    pub(crate) fn code(self) -> u8 {
        self.0
    }

    /// What a program is told where no service has said it: the reason that belongs to the code.
    pub(crate) fn problem(self, words: &str) -> Problem {
        let (code, reason) = match self {
            Self::USAGE => (Code::InvalidArgument, reason::BAD_USAGE),
            Self::CONFIG => (Code::InvalidArgument, reason::BAD_CONFIG),
            Self::DATA => (Code::InvalidArgument, reason::INVALID_FIELD),
            Self::UNAVAILABLE => (Code::Unavailable, reason::UNAVAILABLE),
            Self::NOT_ALLOWED => (Code::PermissionDenied, reason::NOT_ALLOWED),
            _ => (Code::Internal, reason::INTERNAL),
        };
        Problem::new(code, reason, words)
    }

    /// Whether a status was made on the way: a service that fails says why in the details.
    pub(crate) fn is_lost(status: &tonic::Status) -> bool {
        use tonic_types::StatusExt as _;
        let lost = matches!(status.code(), Code::Unknown | Code::Internal | Code::Cancelled);
        lost && status.get_details_error_info().is_none()
    }

    /// The code for an error that ended a command.
    pub(crate) fn of_report(report: &Report) -> Self {
        for cause in report.chain() {
            if cause.downcast_ref::<ConfigError>().is_some() || cause.downcast_ref::<TlsError>().is_some() {
                return Self::CONFIG;
            }
            match cause.downcast_ref::<ServerError>() {
                Some(ServerError::Open { .. } | ServerError::MetricsOpen { .. }) => return Self::CONFIG,
                Some(_) => return Self::UNAVAILABLE,
                None => {}
            }
            if cause.downcast_ref::<Invalid>().is_some() {
                return Self::DATA;
            }
            match cause.downcast_ref::<PeerError>() {
                Some(PeerError::Connect { .. } | PeerError::Distrust { .. }) => return Self::UNAVAILABLE,
                Some(PeerError::Address { .. } | PeerError::Certificates(_)) => return Self::USAGE,
                None => {}
            }
            if let Some(status) = cause.downcast_ref::<tonic::Status>() {
                return Self::of_status(status);
            }
            if cause.downcast_ref::<sla_storage::StoreError>().is_some() {
                return Self::UNAVAILABLE;
            }
            // A file that was named cannot be read or written.
            if cause.downcast_ref::<std::io::Error>().is_some() {
                return Self::DATA;
            }
            if cause
                .downcast_ref::<Failure>()
                .is_some_and(|failure| failure.exit != Self::OK)
            {
                return cause
                    .downcast_ref::<Failure>()
                    .map_or(Self::SOFTWARE, |failure| failure.exit);
            }
        }
        Self::SOFTWARE
    }

    fn of_status(status: &tonic::Status) -> Self {
        if Self::is_lost(status) {
            return Self::UNAVAILABLE;
        }
        match status.code() {
            Code::InvalidArgument | Code::NotFound | Code::AlreadyExists | Code::OutOfRange | Code::Aborted => {
                Self::DATA
            }
            Code::Unavailable | Code::DeadlineExceeded | Code::ResourceExhausted | Code::FailedPrecondition => {
                Self::UNAVAILABLE
            }
            Code::Unauthenticated | Code::PermissionDenied => Self::NOT_ALLOWED,
            _ => Self::SOFTWARE,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.0)
    }
}

/// An error of a command with the exit code it shall have.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Failure {
    /// The code.
    pub(crate) exit: Exit,
    /// What went wrong and what to do.
    pub(crate) message: String,
}

impl Failure {
    /// A failure with `exit` and a sentence.
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            message: message.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use tonic::Status;

    use super::*;

    #[test]
    fn a_call_lost_on_its_way_is_no_fault_of_ours() {
        let of = |status: Status| Exit::of_report(&Report::from(status));
        assert_eq!(of(Status::unknown("transport error")), Exit::UNAVAILABLE);
        assert_eq!(of(Status::internal("h2 protocol error")), Exit::UNAVAILABLE);
        let crashed = Problem::new(Code::Internal, reason::INTERNAL, "this part has crashed");
        assert_eq!(of(crashed.status()), Exit::SOFTWARE);
    }
}
