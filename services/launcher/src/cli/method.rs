//! The ways in which `sla forecast` answers.

/// A way to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Method {
    /// ARIMA(1,1,1), fitted to the newest stretch without a gap.
    Arima,
    /// The pool of `sla backtest`, its weights learned inside the history.
    Pool,
}

impl Method {
    /// As it is written.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Arima => "arima",
            Self::Pool => "pool",
        }
    }
}
