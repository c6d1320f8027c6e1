//! How fast messages go out: to one address, and of one kind in all.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use sla_proto::notify::v1::{Channel, ChannelKind};

/// Addresses remembered at most; the oldest are forgotten, which lets one message through early.
const MAX_ADDRESSES: usize = 4_096;
/// Between two messages of one kind, milliseconds: 25 a second, below the 30 that Telegram allows a bot.
const KIND_GAP_MS: i64 = 40;
/// Between two messages to one address, milliseconds …
const ADDRESS_GAP_MS: i64 = 1_000;
/// … and to a group of Telegram, which takes 20 a minute.
const GROUP_GAP_MS: i64 = 3_000;

/// When the next message may go.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    free_from: Mutex<HashMap<(i32, String), i64>>,
}

impl Pace {
    /// Reserves the next place of a channel; how long until then, milliseconds.
    pub(crate) fn reserve(&self, channel: &Channel, now_ms: i64) -> i64 {
        let is_group = channel.kind() == ChannelKind::Telegram && channel.address.starts_with(['-', '@']);
        let gap_ms = if is_group { GROUP_GAP_MS } else { ADDRESS_GAP_MS };
        let mut free_from = self.free_from.lock().unwrap_or_else(PoisonError::into_inner);
        if free_from.len() >= MAX_ADDRESSES {
            free_from.retain(|_, free_ms| *free_ms > now_ms);
        }
        let of_kind = (channel.kind, String::new());
        let of_address = (channel.kind, channel.address.clone());
        let free = |key| free_from.get(key).copied().unwrap_or(i64::MIN);
        let at_ms = now_ms.max(free(&of_kind)).max(free(&of_address));
        free_from.insert(of_kind, at_ms + KIND_GAP_MS);
        free_from.insert(of_address, at_ms + gap_ms);
        at_ms - now_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chat(address: &str) -> Channel {
        Channel {
            kind: ChannelKind::Telegram.into(),
            address: address.to_owned(),
            ..Channel::default()
        }
    }

    #[test]
    fn chats_have_a_pace_of_their_own_and_all_together_one() {
        let pace = Pace::default();
        assert_eq!(pace.reserve(&chat("1"), 0), 0);
        assert_eq!(pace.reserve(&chat("1"), 0), 1_000);
        assert_eq!(pace.reserve(&chat("-2"), 5_000), 0);
        assert_eq!(pace.reserve(&chat("-2"), 5_000), 3_000);
        let many = Pace::default();
        let waits: Vec<i64> = (0..100).map(|n| many.reserve(&chat(&n.to_string()), 0)).collect();
        assert_eq!((waits[0], waits[99]), (0, 99 * KIND_GAP_MS));
    }
}
