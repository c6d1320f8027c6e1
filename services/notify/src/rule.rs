//! What a channel must be: field, value, rule, fix, one after the other.

use sla_proto::notify::v1::{Channel, ChannelKind, QuietHours};
use sla_proto::{convert, words};

use crate::asker::Asker;
use crate::channel::{Channels, base_url, is_address, redacted};
use crate::error::NotifyError;
use crate::timing;

/// The longest name, characters.
const MAX_NAME_CHARS: usize = 40;
/// The longest address, bytes.
const MAX_ADDRESS_BYTES: usize = 2_048;
/// Sets that one channel may name.
const MAX_SETS: usize = 100;
/// How long messages may be gathered, milliseconds.
const DIGEST_MS: std::ops::RangeInclusive<i64> = 60_000..=86_400_000;
/// How often what goes on may be told, milliseconds.
const REPEAT_MS: std::ops::RangeInclusive<i64> = 60_000..=604_800_000;

/// Refuses what cannot work. `sets` are looked at where they are known.
pub(crate) fn check(channel: &Channel, asker: &Asker, channels: &Channels) -> Result<(), NotifyError> {
    name(&channel.name)?;
    let kind = channel.kind();
    if kind == ChannelKind::Unspecified {
        let fix = "give webhook, telegram, email or alertmanager";
        return invalid("kind", "", "a channel has a kind", fix);
    }
    if let Some((rule, fix)) = channels.lacks(kind) {
        return invalid("kind", words::channel(kind), rule, fix);
    }
    address(kind, &channel.address, asker)?;
    if channel.sets.len() > MAX_SETS {
        let value = channel.sets.len().to_string();
        return invalid("sets", &value, "at most 100 sets", "give * for all that you see");
    }
    span(
        "digest",
        channel.digest.as_ref(),
        DIGEST_MS,
        "zero, or from 1 min to 24 h",
        "give 15m, or 0s for at once",
    )?;
    span(
        "repeat",
        channel.repeat.as_ref(),
        REPEAT_MS,
        "zero, or from 1 min to 7 d",
        "give 1h, or leave it out",
    )?;
    if kind == ChannelKind::Alertmanager
        && channel
            .repeat
            .as_ref()
            .is_some_and(|given| convert::duration_ms(given) == 0)
    {
        let fix = "give 5m, or leave it out";
        return invalid("repeat", "0s", "Alertmanager forgets what it is not told again", fix);
    }
    channel.quiet.as_ref().map_or(Ok(()), quiet)
}

pub(crate) fn invalid<T>(field: &'static str, value: &str, rule: &str, fix: &str) -> Result<T, NotifyError> {
    Err(NotifyError::Invalid {
        field,
        value: value.chars().take(80).collect(),
        rule: rule.to_owned(),
        fix: fix.to_owned(),
    })
}

fn name(name: &str) -> Result<(), NotifyError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || name.len() > MAX_NAME_CHARS || !name.chars().all(plain) {
        let rule = "a name has 1 to 40 letters, digits, - _ or .";
        return invalid("name", name, rule, "choose a simple name such as phone");
    }
    Ok(())
}

fn address(kind: ChannelKind, address: &str, asker: &Asker) -> Result<(), NotifyError> {
    if address.len() > MAX_ADDRESS_BYTES {
        return invalid(
            "address",
            &address.len().to_string(),
            "at most 2048 bytes",
            "give a shorter one",
        );
    }
    match kind {
        ChannelKind::Webhook | ChannelKind::Alertmanager => {
            if base_url(address).is_none() {
                // It may hold a secret, and be no URL for that very reason.
                return invalid(
                    "address",
                    "…",
                    "an http:// or https:// address with a host",
                    "give https://host/path",
                );
            }
            if !asker.may_name_addresses() {
                return Err(NotifyError::NotAllowed {
                    words: format!(
                        "address = {:?}: only operators and admins make the instance call an address",
                        redacted(address)
                    ),
                    hint: "ask an operator, or take telegram or email",
                });
            }
        }
        ChannelKind::Telegram => {
            let digits = address.strip_prefix('-').unwrap_or(address);
            let is_id = (1..=19).contains(&digits.len()) && digits.chars().all(|c| c.is_ascii_digit());
            let is_name = address.strip_prefix('@').is_some_and(|name| {
                (5..=32).contains(&name.len()) && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            });
            if !is_id && !is_name {
                let fix = "ask @userinfobot in Telegram for yours, and write to the bot once";
                return invalid("address", address, "the number of a chat, or @channel", fix);
            }
        }
        ChannelKind::Email => {
            if !is_address(address) {
                return invalid("address", address, "one mail address", "give name@example.org");
            }
        }
        ChannelKind::Unspecified => {}
    }
    Ok(())
}

fn span(
    field: &'static str,
    given: Option<&prost_types::Duration>,
    range: std::ops::RangeInclusive<i64>,
    rule: &str,
    fix: &str,
) -> Result<(), NotifyError> {
    let Some(ms) = given.map(convert::duration_ms) else {
        return Ok(());
    };
    if ms == 0 || range.contains(&ms) {
        return Ok(());
    }
    invalid(field, &sla_domain::duration::format_ms(ms), rule, fix)
}

fn quiet(quiet: &QuietHours) -> Result<(), NotifyError> {
    for (field, text) in [("quiet.start", &quiet.start), ("quiet.end", &quiet.end)] {
        if timing::time_of_day(text).is_none() {
            return invalid(field, text, "a time of day", "give 22:00");
        }
    }
    if quiet.start == quiet.end {
        let fix = "leave quiet hours out, or disable the channel";
        return invalid("quiet.end", &quiet.end, "differs from the start", fix);
    }
    if timing::zone(&quiet.zone).is_none() {
        let fix = "give a name such as Europe/Rome, or leave it out for UTC";
        return invalid("quiet.zone", &quiet.zone, "a zone of the IANA database", fix);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::NotifyOptions;
    use sla_proto::convert::duration;

    fn good() -> Channel {
        Channel {
            name: "pager".to_owned(),
            kind: ChannelKind::Webhook.into(),
            address: "https://example.org/hook/SECRET".to_owned(),
            ..Channel::default()
        }
    }

    #[test]
    fn what_cannot_work_is_refused_by_field() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let channels = Channels::new(NotifyOptions::default()).unwrap();
        let asker = Asker::of(&tonic::Extensions::new());
        check(&good(), &asker, &channels).unwrap();
        let with = |change: fn(&mut Channel)| {
            let mut channel = good();
            change(&mut channel);
            channel
        };
        let table: [(&str, Channel); 14] = [
            ("name", with(|c| c.name = String::new())),
            ("name", with(|c| c.name = "a b".to_owned())),
            ("name", with(|c| c.name = "x".repeat(41))),
            ("kind", with(|c| c.kind = 0)),
            ("kind", with(|c| c.kind = ChannelKind::Telegram.into())),
            ("kind", with(|c| c.kind = ChannelKind::Email.into())),
            ("address", with(|c| c.address = "SECRET".to_owned())),
            (
                "address",
                with(|c| c.address = format!("https://h/{}SECRET", "x".repeat(2_048))),
            ),
            ("sets", with(|c| c.sets = vec![String::new(); 101])),
            ("digest", with(|c| c.digest = Some(duration(1_000)))),
            ("repeat", with(|c| c.repeat = Some(duration(700_000_000)))),
            (
                "quiet.start",
                with(|c| {
                    c.quiet = Some(QuietHours {
                        start: "25:00".to_owned(),
                        ..QuietHours::default()
                    });
                }),
            ),
            (
                "quiet.end",
                with(|c| {
                    c.quiet = Some(QuietHours {
                        start: "07:00".to_owned(),
                        end: "07:00".to_owned(),
                        zone: String::new(),
                    });
                }),
            ),
            (
                "quiet.zone",
                with(|c| {
                    c.quiet = Some(QuietHours {
                        start: "22:00".to_owned(),
                        end: "07:00".to_owned(),
                        zone: "Rome".to_owned(),
                    });
                }),
            ),
        ];
        for (wanted, channel) in table {
            match check(&channel, &asker, &channels) {
                Err(error @ NotifyError::Invalid { field, .. }) => {
                    assert_eq!(field, wanted);
                    assert!(!error.to_string().contains("SECRET"), "{error}");
                }
                other => panic!("{wanted}: {other:?}"),
            }
        }
        let mut silent = good();
        silent.kind = ChannelKind::Alertmanager.into();
        silent.repeat = Some(duration(0));
        assert!(check(&silent, &asker, &channels).is_err());
    }

    #[test]
    fn chats_and_mail_addresses() {
        let asker = Asker::of(&tonic::Extensions::new());
        let is_good = |kind, text: &str| address(kind, text, &asker).is_ok();
        for chat in ["12345", "-1001234567890", "@weather_alerts"] {
            assert!(is_good(ChannelKind::Telegram, chat), "{chat}");
        }
        for chat in ["", "-", "12a", "@no", "@a b c d", "99999999999999999999"] {
            assert!(!is_good(ChannelKind::Telegram, chat), "{chat}");
        }
        assert!(is_good(ChannelKind::Email, "ada@example.org"));
        for mail in [
            "",
            "ada",
            "ada@",
            "a@b c",
            "a@x.org, b@x.org",
            "a@x.org\r\nBcc: b@x.org",
        ] {
            assert!(!is_good(ChannelKind::Email, mail), "{mail:?}");
        }
    }
}
