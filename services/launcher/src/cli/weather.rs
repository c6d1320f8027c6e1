//! Arguments of the commands about weather.

use clap::{Args, Subcommand};

use super::number::finite;

#[derive(Debug, Args)]
pub(crate) struct WeatherArgs {
    #[command(subcommand)]
    pub(crate) action: Option<WeatherAction>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum WeatherAction {
    /// The cities that are polled, with their weather now.
    Cities {
        /// Only this one, by name or key.
        city: Option<String>,
        /// With what the provider expects; it is no measurement.
        #[arg(long)]
        forecast: bool,
    },
    /// Places of a name.
    Search {
        /// The name, for example Springfield or "Springfield, US".
        name: String,
    },
    /// Poll a city from now on.
    Add {
        /// Its name; with region and country where several places have it.
        city: String,
    },
    /// Poll a city no longer.
    Remove {
        /// Its name or key.
        city: String,
    },
    /// Make a set of your own from a city and limits: it is violated when the weather leaves them.
    Subscribe {
        /// Its name; with region and country where several places have it.
        city: String,
        #[command(flatten)]
        limits: LimitArgs,
        /// Others may see it.
        #[arg(long)]
        shared: bool,
    },
    /// Your subscriptions, and those that others share.
    Subscriptions,
    /// Change a subscription; what is not given stays.
    Change(ChangeArgs),
    /// Delete a subscription; its ledger stays.
    Unsubscribe {
        /// Its id, from the list.
        id: String,
    },
}

/// What is agreed.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct LimitArgs {
    /// Violated below so many degrees Celsius.
    #[arg(long, value_name = "DEGREES", allow_negative_numbers = true, value_parser = finite)]
    pub(crate) t_min: Option<f64>,
    /// Violated above so many degrees Celsius.
    #[arg(long, value_name = "DEGREES", allow_negative_numbers = true, value_parser = finite)]
    pub(crate) t_max: Option<f64>,
    /// Violated when rain falls.
    #[arg(long)]
    pub(crate) rain: bool,
    /// Violated when snow falls.
    #[arg(long)]
    pub(crate) snow: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ChangeArgs {
    /// Its id, from the list.
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) limits: LimitArgs,
    /// Without a lower limit.
    #[arg(long, conflicts_with = "t_min")]
    pub(crate) no_t_min: bool,
    /// Without an upper limit.
    #[arg(long, conflicts_with = "t_max")]
    pub(crate) no_t_max: bool,
    /// Rain does not matter.
    #[arg(long, conflicts_with = "rain")]
    pub(crate) no_rain: bool,
    /// Snow does not matter.
    #[arg(long, conflicts_with = "snow")]
    pub(crate) no_snow: bool,
    /// Judge it no longer, until --resume.
    #[arg(long, conflicts_with = "resume")]
    pub(crate) pause: bool,
    /// Judge it again.
    #[arg(long)]
    pub(crate) resume: bool,
    /// Others may see it.
    #[arg(long, conflicts_with = "hidden")]
    pub(crate) shared: bool,
    /// Only you and admins may see it.
    #[arg(long)]
    pub(crate) hidden: bool,
}
