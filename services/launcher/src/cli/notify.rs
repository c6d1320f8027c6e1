//! Arguments of `sla notify`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use sla_proto::notify::v1::ChannelKind;

use super::number::whole;
use crate::config::Span;

/// Where messages go.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Kind {
    /// A POST in the shape of Alertmanager's webhook, version 4.
    Webhook,
    /// A chat of the instance's bot.
    Telegram,
    /// A mail address.
    Email,
    /// An Alertmanager: POST /api/v2/alerts.
    Alertmanager,
}

impl Kind {
    /// For a message.
    pub(crate) fn message(self) -> ChannelKind {
        match self {
            Self::Webhook => ChannelKind::Webhook,
            Self::Telegram => ChannelKind::Telegram,
            Self::Email => ChannelKind::Email,
            Self::Alertmanager => ChannelKind::Alertmanager,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct NotifyArgs {
    #[command(subcommand)]
    pub(crate) action: NotifyAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum NotifyAction {
    /// Your channels, and whether they work.
    Channels,
    /// Add a channel.
    Add(AddArgs),
    /// Print a code; the chat of Telegram that sends it to the bot within ten minutes is told from then on.
    Link(LinkArgs),
    /// Remove a channel; what waits for it is dropped.
    Remove {
        /// Its name.
        channel: String,
    },
    /// Use a channel again that was disabled.
    Enable {
        /// Its name.
        channel: String,
    },
    /// Send a message at once, and say what the other end answered.
    Test {
        /// The channel's name.
        channel: String,
    },
    /// What was sent, waits or was given up, newest first.
    Log {
        /// Only of this channel.
        channel: Option<String>,
        /// How many.
        #[arg(long, default_value_t = 50, value_parser = whole::<u32>)]
        limit: u32,
    },
    /// Take care of a violation: nobody hears of it again until it ends.
    Ack {
        /// As the message tells it; its first 6 digits are enough.
        handle: String,
    },
    /// Hear nothing of an objective and series for a while.
    Snooze {
        /// As the message tells it; its first 6 digits are enough.
        handle: String,
        /// How long: 1m to 30d; 0s ends it.
        #[arg(long = "for", value_name = "DURATION", default_value = "1h", value_parser = Span::or_zero)]
        length: Span,
    },
    /// Acknowledgements and snoozes that hold now.
    Marks,
}

#[derive(Debug, Args)]
pub(crate) struct AddArgs {
    /// A name for it.
    pub(crate) name: String,
    /// What it is.
    #[arg(value_enum)]
    pub(crate) kind: Kind,
    /// URL, number of the chat, or mail address; a URL that is a secret belongs into --address-file.
    #[arg(required_unless_present = "address_file", allow_hyphen_values = true)]
    pub(crate) address: Option<String>,
    /// File whose first line is the address; - for stdin.
    #[arg(long, value_name = "FILE", conflicts_with = "address")]
    pub(crate) address_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) route: RouteArgs,
}

#[derive(Debug, Args)]
pub(crate) struct LinkArgs {
    /// A name for the channel.
    pub(crate) name: String,
    /// Wait until a chat has sent the code, or until it has expired.
    #[arg(long)]
    pub(crate) wait: bool,
    #[command(flatten)]
    pub(crate) route: RouteArgs,
}

/// About what, and when.
#[derive(Debug, Args)]
pub(crate) struct RouteArgs {
    /// A set to be told of; may be given several times. * = all that you see; default: yours, and those that nobody owns.
    #[arg(long = "set", value_name = "SET")]
    pub(crate) sets: Vec<String>,
    /// Also tell what is expected to be violated, where the forecaster is proven.
    #[arg(long)]
    pub(crate) coming: bool,
    /// Also tell that nothing is known any more of what is agreed, and that it is known again; of a source that is away once.
    #[arg(long)]
    pub(crate) no_data: bool,
    /// Gather messages this long; 0s = at once. Default 15m for telegram and email, else at once.
    #[arg(long, value_name = "DURATION", value_parser = Span::or_zero)]
    pub(crate) digest: Option<Span>,
    /// Tell again what goes on; 0s = never, which is the default (alertmanager: 5m).
    #[arg(long, value_name = "DURATION", value_parser = Span::or_zero)]
    pub(crate) repeat: Option<Span>,
    /// Do not tell that a violation ended.
    #[arg(long)]
    pub(crate) only_begins: bool,
    /// Hours in which nothing is sent, such as 22:00-07:00.
    #[arg(long, value_name = "FROM-TO")]
    pub(crate) quiet: Option<String>,
    /// Zone of the quiet hours, such as Europe/Rome; default UTC.
    #[arg(long, value_name = "ZONE", requires = "quiet")]
    pub(crate) zone: Option<String>,
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use crate::cli::Cli;

    #[test]
    fn where_help_says_what_none_means_none_is_taken() {
        for (none, length) in [("0s", "0s"), ("0", "0"), ("15m", "1h")] {
            let add = ["sla", "notify", "add", "me", "email", "a@example.org"];
            let timing = ["--digest", none, "--repeat", none];
            Cli::try_parse_from(add.into_iter().chain(timing)).unwrap();
            Cli::try_parse_from(["sla", "notify", "snooze", "abcdef", "--for", length]).unwrap();
        }
        assert!(Cli::try_parse_from(["sla", "notify", "snooze", "abcdef", "--for", "-1s"]).is_err());
    }
}
