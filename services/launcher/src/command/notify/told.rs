//! Channels as they are typed and told.

use color_eyre::eyre::Report;
use serde_json::{Value, json};
use sla_proto::notify::v1::{Channel, QuietHours};
use sla_proto::{convert, words};
use sla_views as views;

use crate::cli::RouteArgs;
use crate::exit::{Exit, Failure};

/// A channel with what it is told of and when.
pub(super) fn routed(arguments: RouteArgs) -> Result<Channel, Report> {
    let quiet = arguments.quiet.map(|hours| {
        let (start, end) = hours.split_once('-').ok_or_else(|| {
            Failure::new(
                Exit::DATA,
                format!("--quiet = {hours:?}: two times of day with a hyphen between; give 22:00-07:00"),
            )
        })?;
        Ok::<_, Failure>(QuietHours {
            start: start.to_owned(),
            end: end.to_owned(),
            zone: arguments.zone.unwrap_or_default(),
        })
    });
    Ok(Channel {
        sets: arguments.sets,
        coming: arguments.coming,
        no_data: arguments.no_data,
        digest: arguments.digest.map(|span| convert::duration(span.ms())),
        repeat: arguments.repeat.map(|span| convert::duration(span.ms())),
        only_begins: arguments.only_begins,
        quiet: quiet.transpose()?,
        ..Channel::default()
    })
}

pub(super) fn channel_json(channel: &Channel) -> Value {
    let quiet = channel.quiet.as_ref().map(|quiet| {
        json!({ "start": quiet.start, "end": quiet.end, "zone": if quiet.zone.is_empty() { "UTC" } else { &quiet.zone } })
    });
    json!({
        "id": channel.id,
        "name": channel.name,
        "owner": views::word(&channel.owner),
        "kind": words::channel(channel.kind()),
        "address": channel.address,
        "sets": channel.sets,
        "coming": channel.coming,
        "no_data": channel.no_data,
        "digest_seconds": seconds(channel.digest.as_ref()),
        "repeat_seconds": seconds(channel.repeat.as_ref()),
        "only_begins": channel.only_begins,
        "quiet": quiet,
        "disabled": channel.disabled,
        "disabled_why": views::word(&channel.disabled_why),
        "created": views::time(channel.created.as_ref()),
    })
}

fn seconds(span: Option<&prost_types::Duration>) -> Option<f64> {
    span.map(|span| convert::duration_ms(span) as f64 / 1_000.0)
}
