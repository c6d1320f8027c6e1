//! `sla notify`: channels, the delivery log, acknowledging and snoozing.

mod link;
mod told;

use std::fmt::Write as _;

use color_eyre::eyre::Report;
use serde_json::{Value, json};
use sla_domain::duration::{format_ms, format_short_ms};
use sla_domain::{Clock as _, SystemClock, instant};
use sla_proto::notify::v1::{
    AcknowledgeRequest, AddChannelRequest, Channel, ChannelKind, Delivery, DeliveryState, EnableChannelRequest,
    ListChannelsRequest, ListDeliveriesRequest, ListMarksRequest, Mark, MarkKind, RemoveChannelRequest, SnoozeRequest,
    Subject, TestChannelRequest,
};
use sla_proto::{Peer, convert, words};
use sla_views as views;

use super::people::secrets;
use super::table::table;
use told::{channel_json, routed};

use crate::cli::{AddArgs, NotifyAction, NotifyArgs};
use crate::command::Session;
use crate::exit::Exit;
use crate::output;

/// Deliveries asked for at once.
const PAGE: u32 = 200;

/// Does what was asked for.
pub(crate) async fn notify(session: &Session, arguments: NotifyArgs) -> Result<Exit, Report> {
    let peer = session.peer().await?;
    match arguments.action {
        NotifyAction::Channels => channels(session, &peer).await,
        NotifyAction::Add(arguments) => {
            let channel = Some(wanted(arguments)?);
            let answer = peer.notify().add_channel(AddChannelRequest { channel }).await?;
            let channel = answer.into_inner().channel.unwrap_or_default();
            let test = format!("{} is there; try it: sla notify test {}", channel.name, channel.name);
            Ok(said(session, &channel, &test))
        }
        NotifyAction::Link(arguments) => link::link(session, &peer, arguments).await,
        NotifyAction::Remove { channel } => {
            let answer = peer.notify().remove_channel(RemoveChannelRequest { channel }).await?;
            let channel = answer.into_inner().channel.unwrap_or_default();
            Ok(said(session, &channel, &format!("{} is gone", channel.name)))
        }
        NotifyAction::Enable { channel } => {
            let answer = peer.notify().enable_channel(EnableChannelRequest { channel }).await?;
            let channel = answer.into_inner().channel.unwrap_or_default();
            Ok(said(session, &channel, &format!("{} is used", channel.name)))
        }
        NotifyAction::Test { channel } => test(session, &peer, channel).await,
        NotifyAction::Log { channel, limit } => log(session, &peer, channel.unwrap_or_default(), limit).await,
        NotifyAction::Ack { handle } => {
            let subject = Some(of_handle(handle));
            let answer = peer.notify().acknowledge(AcknowledgeRequest { subject }).await?;
            Ok(marked(session, &answer.into_inner().mark.unwrap_or_default()))
        }
        NotifyAction::Snooze { handle, length } => {
            let request = SnoozeRequest {
                subject: Some(of_handle(handle)),
                length: Some(convert::duration(length.ms())),
            };
            let answer = peer.notify().snooze(request).await?;
            Ok(marked(session, &answer.into_inner().mark.unwrap_or_default()))
        }
        NotifyAction::Marks => marks(session, &peer).await,
    }
}

fn of_handle(handle: String) -> Subject {
    Subject {
        handle,
        ..Subject::default()
    }
}

/// The channel that is wanted, as it was typed; the rules are the role's.
fn wanted(arguments: AddArgs) -> Result<Channel, Report> {
    let address = match (arguments.address, arguments.address_file) {
        (Some(address), _) => address,
        (None, Some(file)) => secrets::from_file(&file)?.to_string(),
        (None, None) => String::new(),
    };
    let channel = routed(arguments.route)?;
    Ok(Channel {
        name: arguments.name,
        kind: arguments.kind.message().into(),
        address,
        ..channel
    })
}

fn said(session: &Session, channel: &Channel, words: &str) -> Exit {
    if session.global.json {
        output::print_json(&json!({ "channel": channel_json(channel) }));
    } else {
        output::print(words);
    }
    Exit::OK
}

async fn channels(session: &Session, peer: &Peer) -> Result<Exit, Report> {
    let answer = peer.notify().list_channels(ListChannelsRequest {}).await?;
    let channels = answer.into_inner().channels;
    if session.global.json {
        let channels: Vec<Value> = channels.iter().map(channel_json).collect();
        output::print_json(&json!({ "channels": channels }));
        return Ok(Exit::OK);
    }
    if channels.is_empty() {
        output::print("there is no channel yet: sla notify add NAME webhook|telegram|email|alertmanager ADDRESS");
        return Ok(Exit::OK);
    }
    let rows: Vec<Vec<String>> = channels
        .iter()
        .map(|channel| {
            vec![
                channel.name.clone(),
                channel.owner.clone(),
                words::channel(channel.kind()).to_owned(),
                channel.address.clone(),
                when(channel),
                state(channel),
            ]
        })
        .collect();
    output::print(&table(&["NAME", "OWNER", "KIND", "ADDRESS", "WHEN", "STATE"], &rows));
    Ok(Exit::OK)
}

/// When it is told something, in words.
fn when(channel: &Channel) -> String {
    let span = |span: &Option<prost_types::Duration>| span.as_ref().map(convert::duration_ms);
    let mut words = match span(&channel.digest) {
        None if matches!(channel.kind(), ChannelKind::Telegram | ChannelKind::Email) => "every 15m".to_owned(),
        None | Some(0) => "at once".to_owned(),
        Some(ms) => format!("every {}", format_ms(ms)),
    };
    if let Some(ms) = span(&channel.repeat).filter(|ms| *ms > 0) {
        let _ = write!(words, ", again after {}", format_ms(ms));
    }
    if let Some(quiet) = &channel.quiet {
        let zone = if quiet.zone.is_empty() { "UTC" } else { &quiet.zone };
        let _ = write!(words, ", not {}-{} {zone}", quiet.start, quiet.end);
    }
    if channel.coming {
        words.push_str(", what is coming");
    }
    if channel.no_data {
        words.push_str(", what is without data");
    }
    words
}

fn state(channel: &Channel) -> String {
    if channel.disabled {
        format!("disabled: {}", channel.disabled_why)
    } else {
        "used".to_owned()
    }
}

async fn test(session: &Session, peer: &Peer, channel: String) -> Result<Exit, Report> {
    let request = TestChannelRequest {
        channel: channel.clone(),
    };
    let answer = peer.notify().test_channel(request).await?.into_inner();
    if session.global.json {
        output::print_json(&json!({ "sent": answer.sent, "problem": views::word(&answer.problem) }));
    } else if answer.sent {
        output::print(&format!("{channel}: the other end has it"));
    } else {
        output::print(&format!("{channel}: {}", sla_domain::SafeText::new(&answer.problem)));
    }
    Ok(if answer.sent { Exit::OK } else { Exit::UNAVAILABLE })
}

async fn log(session: &Session, peer: &Peer, channel: String, limit: u32) -> Result<Exit, Report> {
    let (mut rows, mut page_token) = (Vec::new(), String::new());
    while rows.len() < limit as usize {
        let request = ListDeliveriesRequest {
            channel: channel.clone(),
            page_size: PAGE.min(limit - rows.len() as u32),
            page_token,
        };
        let answer = peer.notify().list_deliveries(request).await?.into_inner();
        rows.extend(answer.deliveries);
        page_token = answer.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    if session.global.json {
        output::print_json(&json!({ "deliveries": rows.iter().map(delivery_json).collect::<Vec<_>>() }));
        return Ok(Exit::OK);
    }
    if rows.is_empty() {
        output::print("nothing was sent yet");
        return Ok(Exit::OK);
    }
    let rows: Vec<Vec<String>> = rows.iter().map(delivery_row).collect();
    let head = [
        "MADE",
        "CHANNEL",
        "STATE",
        "WHAT",
        "SET / OBJECTIVE",
        "HANDLE",
        "PROBLEM",
    ];
    output::print(&table(&head, &rows));
    Ok(Exit::OK)
}

fn delivery_row(delivery: &Delivery) -> Vec<String> {
    let notice = delivery.notice.clone().unwrap_or_default();
    let made = notice
        .made
        .as_ref()
        .map(|made| instant::format_ms(convert::millis(made)));
    let what = match notice.count {
        0 | 1 => words::notice(notice.kind()).to_owned(),
        count => format!("{} ({count})", words::notice(notice.kind())),
    };
    let about = if notice.set_name.is_empty() {
        "–".to_owned()
    } else {
        format!("{} / {}", notice.set_name, notice.objective_name)
    };
    let state = match (delivery.state(), delivery.attempts) {
        (state, 0 | 1) => delivery_word(state).to_owned(),
        (state, attempts) => format!("{}, attempt {attempts}", delivery_word(state)),
    };
    vec![
        made.unwrap_or_else(|| "–".to_owned()),
        delivery.channel.clone(),
        state,
        what,
        about,
        notice.handle,
        delivery.problem.clone(),
    ]
}

fn marked(session: &Session, mark: &Mark) -> Exit {
    if session.global.json {
        output::print_json(&json!({ "mark": views::Care::from(mark) }));
        return Exit::OK;
    }
    let about = format!("{} / {}", mark.set_name, mark.objective_name);
    let words = match (mark.kind(), mark.until.as_ref().map(convert::millis)) {
        (MarkKind::Snoozed, Some(until_ms)) if until_ms <= SystemClock.now_ms() => {
            format!("{about}: not snoozed any more")
        }
        (MarkKind::Snoozed, Some(until_ms)) => {
            format!("{about}: nothing is told until {}", instant::format_ms(until_ms))
        }
        _ => format!("{about}: {} takes care; its end will be told", mark.author),
    };
    output::print(&sla_domain::SafeText::new(&words).into_string());
    Exit::OK
}

async fn marks(session: &Session, peer: &Peer) -> Result<Exit, Report> {
    let marks = peer.notify().list_marks(ListMarksRequest {}).await?.into_inner().marks;
    if session.global.json {
        output::print_json(&json!({ "marks": marks.iter().map(views::Care::from).collect::<Vec<_>>() }));
        return Ok(Exit::OK);
    }
    if marks.is_empty() {
        output::print("nothing is acknowledged or snoozed");
        return Ok(Exit::OK);
    }
    let now_ms = SystemClock.now_ms();
    let rows: Vec<Vec<String>> = marks
        .iter()
        .map(|mark| {
            let ends = mark.until.as_ref().map(|until| convert::millis(until) - now_ms);
            vec![
                mark.handle.clone(),
                views::mark_word(mark.kind()).to_owned(),
                format!("{} / {}", mark.set_name, mark.objective_name),
                mark.author.clone(),
                ends.map_or_else(
                    || "with the violation".to_owned(),
                    |left| format!("in {}", format_short_ms(left)),
                ),
            ]
        })
        .collect();
    output::print(&table(&["HANDLE", "WHAT", "SET / OBJECTIVE", "BY", "ENDS"], &rows));
    Ok(Exit::OK)
}

fn delivery_word(state: DeliveryState) -> &'static str {
    match state {
        DeliveryState::Sent => "sent",
        DeliveryState::GivenUp => "given up",
        DeliveryState::Due | DeliveryState::Unspecified => "due",
    }
}

fn delivery_json(delivery: &Delivery) -> Value {
    let notice = delivery.notice.clone().unwrap_or_default();
    json!({
        "id": notice.id,
        "message_id": views::word(&delivery.message_id),
        "channel": views::word(&delivery.channel),
        "state": delivery_word(delivery.state()),
        "attempts": delivery.attempts,
        "time": views::time(delivery.time.as_ref()),
        "problem": views::word(&delivery.problem),
        "what": words::notice(notice.kind()),
        "handle": views::word(&notice.handle),
        "set": views::word(&notice.set_name),
        "objective": views::word(&notice.objective_name),
        "count": notice.count,
        "value": notice.value,
        "bound": notice.bound,
        "excess": notice.excess,
        "probability": notice.probability,
        "since": views::time(notice.since.as_ref()),
        "until": views::time(notice.until.as_ref()),
        "made": views::time(notice.made.as_ref()),
    })
}
