//! Changes of channels: what is right is written together with its entry in the audit log.

use sla_proto::account::v1::AuditEntry;
use sla_proto::convert::timestamp;
use sla_proto::notify::v1::{Channel, ChannelKind};
use sla_proto::storage::v1::ChangeChannelsRequest;
use sla_proto::words;

use crate::asker::Asker;
use crate::channel::redacted;
use crate::core::Core;
use crate::desk::ALL_SETS;
use crate::error::NotifyError;
use crate::rule;

/// Channels that one owner may have.
const MAX_CHANNELS_EACH: usize = 20;

/// A channel as others may see it.
pub(crate) fn shown(channel: &Channel) -> Channel {
    let address = match channel.kind() {
        ChannelKind::Webhook | ChannelKind::Alertmanager => redacted(&channel.address),
        _ => channel.address.clone(),
    };
    Channel {
        address,
        ..channel.clone()
    }
}

/// Ids of the sets named by id or name; each must be there for the asker.
async fn sets(core: &Core, asker: &Asker, wanted: &[String]) -> Result<Vec<String>, NotifyError> {
    if wanted.iter().all(|name| name == ALL_SETS) {
        return Ok(wanted.to_vec());
    }
    let sets = core.book.sets(&core.peer).await?;
    let id = |name: &String| {
        if name == ALL_SETS {
            return Ok(name.clone());
        }
        let key = name.trim().to_lowercase();
        let mut seen = sets.values().filter(|set| asker.sees(set));
        let found = seen.find(|set| set.id == *name || set.name.trim().to_lowercase() == key);
        match found {
            Some(set) => Ok(set.id.clone()),
            None => rule::invalid(
                "sets",
                name,
                "names a set",
                "`sla sets list` has them; * is all that you see",
            ),
        }
    };
    wanted.iter().map(id).collect()
}

/// A channel of the asker as it would be stored, when everything about it is right.
pub(crate) async fn checked(core: &Core, asker: &Asker, wanted: Channel) -> Result<Channel, NotifyError> {
    let mut channel = Channel {
        id: String::new(),
        owner: asker.owner(),
        disabled: false,
        disabled_why: String::new(),
        created: Some(timestamp(core.now_ms())),
        version: 0,
        ..wanted
    };
    rule::check(&channel, asker, &core.channels)?;
    channel.sets = sets(core, asker, &channel.sets).await?;
    let pages = core.book.read(&core.peer).await?;
    let own = pages
        .channels
        .iter()
        .filter(|other| other.owner == channel.owner)
        .count();
    if own >= MAX_CHANNELS_EACH {
        let value = own.to_string();
        return rule::invalid("channel", &value, "at most 20 channels each", "remove one first");
    }
    Ok(channel)
}

/// Stores a new channel that was found right.
pub(crate) async fn write(core: &Core, asker: &Asker, action: &str, channel: Channel) -> Result<Channel, NotifyError> {
    let written = change(core, asker, action, Some(channel), None).await?;
    Ok(shown(&written))
}

/// Writes a channel, or removes one, with its entry in the audit log.
pub(crate) async fn change(
    core: &Core,
    asker: &Asker,
    action: &str,
    put: Option<Channel>,
    removed: Option<&Channel>,
) -> Result<Channel, NotifyError> {
    let words = |channel: &Channel| {
        let state = if channel.disabled { ", disabled" } else { "" };
        format!("{} {}{state}", words::channel(channel.kind()), shown(channel).address)
    };
    let subject = put
        .as_ref()
        .or(removed)
        .map(|channel| channel.name.clone())
        .unwrap_or_default();
    let entry = AuditEntry {
        author: asker.name().to_owned(),
        action: action.to_owned(),
        subject,
        before: removed.map(words).unwrap_or_default(),
        after: put.as_ref().map(words).unwrap_or_default(),
        ..AuditEntry::default()
    };
    let request = ChangeChannelsRequest {
        puts: put.into_iter().collect(),
        removed: removed.map(|channel| channel.id.clone()).into_iter().collect(),
        audit: vec![entry],
        ..ChangeChannelsRequest::default()
    };
    let answer = core.peer.notify_store().change_channels(request).await;
    core.book.is_old();
    core.changed.notify_one();
    let answer = answer.map_err(|status| NotifyError::upstream("writing the channel", status))?;
    Ok(answer.into_inner().channels.into_iter().next().unwrap_or_default())
}
