//! `sla notify link`: a chat of Telegram says itself that it wants to be told.

use std::time::Duration;

use color_eyre::eyre::Report;
use serde_json::{Value, json};
use sla_domain::{SafeText, instant};
use sla_proto::notify::v1::{Channel, GetTelegramLinkRequest, LinkState, LinkTelegramRequest, TelegramLink};
use sla_proto::{Peer, convert};
use sla_views as views;

use super::told::{channel_json, routed};
use crate::cli::LinkArgs;
use crate::command::Session;
use crate::exit::{Exit, Failure};
use crate::output;

/// How often it is looked whether the code was sent.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Prints the code; with `--wait` also what becomes of it.
pub(super) async fn link(session: &Session, peer: &Peer, arguments: LinkArgs) -> Result<Exit, Report> {
    let channel = Some(Channel {
        name: arguments.name,
        ..routed(arguments.route)?
    });
    let answer = peer
        .notify()
        .link_telegram(LinkTelegramRequest { channel })
        .await?
        .into_inner();
    let link = answer.link.unwrap_or_default();
    let expires = link.expires.as_ref().map_or(0, convert::millis);
    let is_json = session.global.json;
    if is_json && !arguments.wait {
        output::print_json(&json!({ "code": answer.code, "link": link_json(&link) }));
    } else {
        let words = format!(
            "{}\nsend this to the bot from the chat that shall be told, before {}",
            answer.code,
            instant::format_ms(expires)
        );
        // Whoever waits for JSON gets one document; the code is needed before.
        if is_json {
            output::remark(&words);
        } else {
            output::print(&words);
        }
    }
    if !arguments.wait {
        return Ok(Exit::OK);
    }
    let link = wait(peer, link).await?;
    if is_json {
        output::print_json(&json!({ "link": link_json(&link) }));
    }
    match (link.state(), &link.channel) {
        (LinkState::Linked, Some(channel)) => {
            if !is_json {
                let name = SafeText::new(&channel.name);
                output::print(&format!("{name} is there; try it: sla notify test {name}"));
            }
            Ok(Exit::OK)
        }
        _ => Err(Failure::new(Exit::UNAVAILABLE, SafeText::new(&link.problem).into_string()).into()),
    }
}

/// Looks until it is settled; why the bot cannot be asked is said once each time it changes.
async fn wait(peer: &Peer, mut link: TelegramLink) -> Result<TelegramLink, Report> {
    let mut said = String::new();
    while link.state() == LinkState::Waiting {
        tokio::time::sleep(LOOK_EVERY).await;
        let request = GetTelegramLinkRequest { id: link.id.clone() };
        link = peer
            .notify()
            .get_telegram_link(request)
            .await?
            .into_inner()
            .link
            .unwrap_or_default();
        if link.state() == LinkState::Waiting && link.problem != said {
            said.clone_from(&link.problem);
            if !said.is_empty() {
                output::remark(&format!("the bot cannot be asked: {}", SafeText::new(&said)));
            }
        }
    }
    Ok(link)
}

fn link_json(link: &TelegramLink) -> Value {
    let state = match link.state() {
        LinkState::Waiting => "waiting",
        LinkState::Linked => "linked",
        LinkState::Expired => "expired",
        LinkState::Failed => "failed",
        LinkState::Unspecified => "unknown",
    };
    json!({
        "id": link.id,
        "state": state,
        "expires": views::time(link.expires.as_ref()),
        "channel": link.channel.as_ref().map(channel_json),
        "problem": views::word(&link.problem),
    })
}
