//! What `sla backtest --live` replays.

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct LiveArgs {
    /// Replay what the role itself would have said, with what it keeps between forecasts; the series should be days long.
    #[arg(long)]
    pub(crate) live: bool,
    /// The bound of --live: least allowed value; default quantiles of the first day as greatest ones.
    #[arg(long, requires = "live", allow_hyphen_values = true, value_name = "VALUE")]
    pub(crate) min: Option<String>,
    /// The bound of --live: greatest allowed value.
    #[arg(long, requires = "live", allow_hyphen_values = true, value_name = "VALUE")]
    pub(crate) max: Option<String>,
}
