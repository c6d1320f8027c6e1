//! What one channel is told about what is unknown: a story of its own, beside that of the violations.

use sla_proto::convert::timestamp;
use sla_proto::notify::v1::{Notice, NoticeKind};
use sla_proto::storage::v1::Story;

use crate::story::{Rules, Silence, tell_again_later};

/// What is known of something that nothing was known of.
#[derive(Debug, Clone)]
pub(crate) enum Lack {
    /// Nothing, and why: of kind `NoData` or `SourceAway`.
    Unknown(Box<Notice>),
    /// Something.
    Known,
    /// It is agreed no more: that is no news of it.
    Gone,
}

/// What one look says about what may be unknown.
pub(crate) fn unknown(
    story: &mut Story,
    lack: Lack,
    rules: &Rules<'_>,
    silence: Silence,
    now_ms: i64,
) -> Option<NoticeKind> {
    match lack {
        Lack::Unknown(notice) if story.open => {
            story.last = Some(Notice {
                since: story.start,
                ..*notice
            });
            None
        }
        Lack::Unknown(_) if silence.snoozed_until.is_some() => None,
        Lack::Unknown(notice) => {
            story.open = true;
            story.told = true;
            story.start = notice.since;
            let kind = notice.kind();
            story.last = Some(*notice);
            tell_again_later(story, rules, now_ms);
            Some(kind)
        }
        Lack::Known if story.open => {
            end(story);
            let last = story.last.as_mut()?;
            last.until = Some(timestamp(now_ms));
            let kind = match last.kind() {
                NoticeKind::SourceAway => NoticeKind::SourceBack,
                _ => NoticeKind::DataAgain,
            };
            (rules.follows_states() || !rules.channel.only_begins).then_some(kind)
        }
        Lack::Gone if story.open => {
            end(story);
            None
        }
        Lack::Known | Lack::Gone => None,
    }
}

fn end(story: &mut Story) {
    story.open = false;
    story.next = None;
}

#[cfg(test)]
mod tests {
    use super::*;
    use sla_proto::notify::v1::{Channel, ChannelKind};

    const M: i64 = 60_000;

    /// Goes through looks and the time between; what was told.
    struct Play {
        channel: Channel,
        story: Story,
        silence: Silence,
        now_ms: i64,
        told: Vec<NoticeKind>,
    }

    impl Play {
        fn of(kind: ChannelKind) -> Self {
            Self {
                channel: Channel {
                    kind: kind.into(),
                    ..Channel::default()
                },
                story: Story::default(),
                silence: Silence::default(),
                now_ms: 0,
                told: Vec::new(),
            }
        }

        fn step(&mut self, act: impl FnOnce(&mut Story, &Rules<'_>, Silence, i64) -> Option<NoticeKind>) {
            let rules = Rules {
                channel: &self.channel,
                flap_count: 3,
                flap_window_ms: 30 * M,
            };
            self.told
                .extend(act(&mut self.story, &rules, self.silence, self.now_ms));
        }

        fn look(&mut self, lack: Lack) {
            self.step(|story, rules, silence, now_ms| unknown(story, lack, rules, silence, now_ms));
        }

        fn until(&mut self, now_ms: i64) {
            while self.now_ms < now_ms {
                self.now_ms += M;
                self.step(crate::story::tick);
            }
        }
    }

    fn lack(kind: NoticeKind) -> Lack {
        Lack::Unknown(Box::new(Notice {
            kind: kind.into(),
            since: Some(timestamp(0)),
            ..Notice::default()
        }))
    }

    #[test]
    fn what_is_unknown_ends_when_it_is_known_and_not_by_silence() {
        use NoticeKind::{DataAgain, NoData, SourceAway, SourceBack};
        let mut play = Play::of(ChannelKind::Webhook);
        play.look(Lack::Known);
        play.look(lack(NoData));
        play.look(lack(NoData));
        play.until(60 * M);
        assert_eq!(play.told, [NoData], "hours of silence are no end");
        play.look(Lack::Known);
        play.look(Lack::Known);
        assert_eq!(play.told, [NoData, DataAgain]);
        play.look(lack(NoData));
        play.look(Lack::Gone);
        assert_eq!(
            play.told,
            [NoData, DataAgain, NoData],
            "what is agreed no more is not known again"
        );
        let mut source = Play::of(ChannelKind::Alertmanager);
        source.look(lack(SourceAway));
        source.until(11 * M);
        source.look(Lack::Known);
        assert_eq!(
            source.told,
            [SourceAway, SourceAway, SourceAway, SourceBack],
            "Alertmanager is told every 5 minutes, or it would call it resolved"
        );
        let mut snoozed = Play::of(ChannelKind::Webhook);
        snoozed.silence.snoozed_until = Some(20 * M);
        snoozed.look(lack(NoData));
        assert!(snoozed.told.is_empty());
    }
}
