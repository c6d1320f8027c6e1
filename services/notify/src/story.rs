//! What one channel is told about one series of one objective: a state machine without clock, network or database.

use sla_proto::convert::{millis, timestamp};
use sla_proto::notify::v1::{Channel, ChannelKind, Mark, MarkKind, Notice, NoticeKind};
use sla_proto::storage::v1::Story;

use crate::handle::notice_id;
use crate::{timing, wording};

/// What ended longer ago than this is not told any more, and forgotten, milliseconds.
pub(crate) const OLD_MS: i64 = 24 * 3_600_000;
/// Starts remembered for counting.
const MAX_STARTS: usize = 64;
/// What is expected counts as passed below this share of the probability from which it is told.
const PASSED_SHARE: f64 = 0.5;

/// What a channel wants, and what holds for all.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules<'a> {
    pub(crate) channel: &'a Channel,
    pub(crate) flap_count: u32,
    pub(crate) flap_window_ms: i64,
}

impl Rules<'_> {
    fn repeat_ms(&self) -> i64 {
        timing::repeat_ms(self.channel)
    }

    /// Whether the other end wants states, not news: it groups, repeats and silences by itself.
    pub(crate) fn follows_states(&self) -> bool {
        self.channel.kind() == ChannelKind::Alertmanager
    }

    fn flaps(&self, story: &Story) -> bool {
        !self.follows_states() && story.starts.len() >= self.flap_count.max(2) as usize
    }
}

/// Who wants silence about a series.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Silence {
    /// Start of the violation that somebody takes care of, Unix milliseconds.
    acknowledged: Option<i64>,
    /// Unix milliseconds.
    pub(crate) snoozed_until: Option<i64>,
}

impl Silence {
    /// Of the marks of one handle that hold at `now_ms`.
    pub(crate) fn of<'a>(marks: impl Iterator<Item = &'a Mark>, now_ms: i64) -> Self {
        let mut silence = Self::default();
        for mark in marks {
            match mark.kind() {
                MarkKind::Acknowledged => silence.acknowledged = mark.start.as_ref().map(millis),
                MarkKind::Snoozed => {
                    silence.snoozed_until = mark.until.as_ref().map(millis).filter(|until| *until > now_ms);
                }
                MarkKind::Unspecified => {}
            }
        }
        silence
    }
}

/// A violation as the ledger has it.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// Its figures and names, without id and kind.
    pub(crate) notice: Notice,
    pub(crate) start_ms: i64,
    pub(crate) end_ms: Option<i64>,
    /// Its objective was deleted or changed.
    pub(crate) retired: bool,
}

/// A change of the ledger; what is to be told of it.
pub(crate) fn heard(
    story: &mut Story,
    seen: Seen,
    rules: &Rules<'_>,
    silence: Silence,
    now_ms: i64,
) -> Option<NoticeKind> {
    let known_start = story.start.as_ref().map(millis);
    // The record that goes on: its start may have been moved by late samples since it was told.
    let going = story.last.as_ref().and_then(|last| last.since.as_ref()).map(millis);
    let (start_ms, end_ms) = (seen.start_ms, seen.end_ms);
    match end_ms {
        None if story.open => {
            story.last = Some(seen.notice);
            None
        }
        None => {
            begin(story, seen);
            story.open = true;
            count(story, start_ms, rules, now_ms);
            began(story, rules, silence, start_ms, now_ms)
        }
        Some(end_ms)
            if story.open
                && going
                    .or(known_start)
                    .is_none_or(|going| is_end_of(going, start_ms, end_ms)) =>
        {
            story.open = false;
            story.next = None;
            let mut notice = seen.notice;
            // Late samples may have moved the start: what was told is what ends.
            notice.since = story.start;
            story.last = Some(notice);
            let tell = story.told && story.flaps == 0 && (rules.follows_states() || !rules.channel.only_begins);
            tell.then_some(NoticeKind::Resolved)
        }
        Some(end_ms) => {
            let created_ms = rules.channel.created.as_ref().map_or(0, millis);
            let is_news = !seen.retired
                && known_start.is_none_or(|known| start_ms > known)
                && end_ms >= created_ms
                && now_ms - end_ms < OLD_MS;
            if !is_news {
                return None;
            }
            // It came and went while nobody looked.
            begin(story, seen);
            count(story, start_ms, rules, now_ms);
            if silence.snoozed_until.is_some() {
                return None;
            }
            if rules.flaps(story) {
                return flapping(story);
            }
            Some(NoticeKind::Resolved)
        }
    }
}

/// Whether a record that ended is the one that began at `going_ms`, or became it when its own start was moved. One that ended before
/// is another, and so is the empty record that a moved start leaves behind.
fn is_end_of(going_ms: i64, start_ms: i64, end_ms: i64) -> bool {
    start_ms == going_ms || (start_ms < going_ms && end_ms >= going_ms)
}

fn begin(story: &mut Story, seen: Seen) {
    story.start = Some(timestamp(seen.start_ms));
    story.told = false;
    story.next = None;
    story.last = Some(seen.notice);
}

/// Notes a start, and forgets those that are too old to count.
fn count(story: &mut Story, start_ms: i64, rules: &Rules<'_>, now_ms: i64) {
    let start = timestamp(start_ms);
    if !story.starts.contains(&start) {
        story.starts.push(start);
    }
    let from_ms = now_ms.max(start_ms) - rules.flap_window_ms;
    story.starts.retain(|start| millis(start) > from_ms);
    let too_many = story.starts.len().saturating_sub(MAX_STARTS);
    story.starts.drain(..too_many);
}

fn began(story: &mut Story, rules: &Rules<'_>, silence: Silence, start_ms: i64, now_ms: i64) -> Option<NoticeKind> {
    if let Some(until_ms) = silence.snoozed_until {
        story.next = Some(timestamp(until_ms));
        return None;
    }
    if rules.flaps(story) {
        return flapping(story);
    }
    if silence.acknowledged == Some(start_ms) && !rules.follows_states() {
        return None;
    }
    tell_again_later(story, rules, now_ms);
    story.told = true;
    Some(NoticeKind::Opened)
}

/// One more that came and went; told the first time.
fn flapping(story: &mut Story) -> Option<NoticeKind> {
    if story.flaps > 0 {
        story.flaps = story.flaps.saturating_add(1);
        return None;
    }
    story.flaps = story.starts.len() as u32;
    story.flapping_since = story.starts.first().copied();
    Some(NoticeKind::Flapping)
}

/// Notes when what goes on is told again, where the channel wants it.
pub(crate) fn tell_again_later(story: &mut Story, rules: &Rules<'_>, now_ms: i64) {
    let repeat_ms = rules.repeat_ms();
    story.next = (repeat_ms > 0).then(|| timestamp(now_ms + repeat_ms));
}

/// What the passing of time brings.
pub(crate) fn tick(story: &mut Story, rules: &Rules<'_>, silence: Silence, now_ms: i64) -> Option<NoticeKind> {
    if story.flaps > 0 {
        let last_ms = story.starts.last().map_or(i64::MIN, millis);
        if now_ms - last_ms < rules.flap_window_ms {
            return None;
        }
        calm(story, rules, now_ms)
    } else {
        let next_ms = story.next.as_ref().map(millis)?;
        if !story.open || next_ms > now_ms {
            return None;
        }
        if let Some(until_ms) = silence.snoozed_until {
            story.next = Some(timestamp(until_ms));
            return None;
        }
        tell_again_later(story, rules, now_ms);
        let start_ms = story.start.as_ref().map(millis);
        if silence.acknowledged.is_some() && silence.acknowledged == start_ms && !rules.follows_states() {
            return None;
        }
        let lacking = |last: &&Notice| wording::is_unknown(last) && wording::is_firing(last);
        let kind = if let Some(last) = story.last.as_ref().filter(lacking) {
            last.kind()
        } else if story.told {
            NoticeKind::Still
        } else {
            NoticeKind::Opened
        };
        story.told = true;
        Some(kind)
    }
}

/// It has stopped coming and going.
fn calm(story: &mut Story, rules: &Rules<'_>, now_ms: i64) -> Option<NoticeKind> {
    let (count, since) = (story.flaps, story.flapping_since.take());
    story.flaps = 0;
    story.starts.clear();
    if let Some(last) = &mut story.last {
        last.count = count;
        if !story.open {
            last.since = since;
        }
    }
    if story.open {
        story.told = true;
        tell_again_later(story, rules, now_ms);
        return Some(NoticeKind::Still);
    }
    (!rules.channel.only_begins).then_some(NoticeKind::Calmed)
}

/// What a forecast of a proven forecaster says; `None` where there is none any more.
pub(crate) fn expected(
    story: &mut Story,
    notice: Option<Notice>,
    from: f64,
    rules: &Rules<'_>,
    silence: Silence,
    now_ms: i64,
) -> Option<NoticeKind> {
    let probability = notice.as_ref().and_then(|notice| notice.probability).unwrap_or(0.0);
    if story.open {
        if probability >= from * PASSED_SHARE {
            story.last = notice;
            return None;
        }
        story.open = false;
        let tell = story.told && (rules.follows_states() || !rules.channel.only_begins);
        return tell.then_some(NoticeKind::Passed);
    }
    if probability < from || silence.snoozed_until.is_some() {
        return None;
    }
    story.open = true;
    story.told = true;
    story.start = Some(timestamp(now_ms));
    story.last = notice;
    Some(NoticeKind::Coming)
}

/// Whether nothing of it will be needed again.
pub(crate) fn is_over(story: &Story, now_ms: i64) -> bool {
    let last_ms = story.start.as_ref().map_or(0, millis);
    let ended_ms = story
        .last
        .as_ref()
        .and_then(|last| last.until.as_ref())
        .map_or(last_ms, millis);
    !story.open && story.flaps == 0 && now_ms - ended_ms.max(last_ms) > OLD_MS
}

/// The next notice of a story.
pub(crate) fn notice(story: &mut Story, kind: NoticeKind, now_ms: i64) -> Notice {
    story.number += 1;
    let start_ms = story.start.as_ref().map_or(0, millis);
    let mut notice = story.last.clone().unwrap_or_default();
    match kind {
        NoticeKind::Flapping => {
            notice.count = story.flaps;
            notice.since = story.flapping_since;
        }
        NoticeKind::Calmed | NoticeKind::Still | NoticeKind::SourceAway | NoticeKind::SourceBack => {}
        _ => notice.count = 1,
    }
    Notice {
        id: notice_id(&story.id, story.number, start_ms),
        channel_id: story.channel_id.clone(),
        handle: story.handle.clone(),
        kind: kind.into(),
        made: Some(timestamp(now_ms)),
        ..notice
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use NoticeKind::{Calmed, Coming, Flapping, Opened, Passed, Resolved, Still};
    use sla_proto::convert;

    const S: i64 = 1_000;
    const M: i64 = 60 * S;

    fn channel(kind: ChannelKind, repeat_ms: i64) -> Channel {
        Channel {
            kind: kind.into(),
            repeat: (repeat_ms > 0).then(|| convert::duration(repeat_ms)),
            ..Channel::default()
        }
    }

    /// Goes through changes and the time between; what was told when.
    struct Play {
        channel: Channel,
        story: Story,
        silence: Silence,
        now_ms: i64,
        told: Vec<(i64, NoticeKind, u32)>,
    }

    impl Play {
        fn of(channel: Channel) -> Self {
            Self {
                channel,
                story: Story::default(),
                silence: Silence::default(),
                now_ms: 0,
                told: Vec::new(),
            }
        }

        fn until(&mut self, at_ms: i64) {
            while self.now_ms < at_ms {
                self.now_ms += 10 * S;
                self.step(tick);
            }
        }

        fn step(&mut self, act: impl FnOnce(&mut Story, &Rules<'_>, Silence, i64) -> Option<NoticeKind>) {
            let rules = Rules {
                channel: &self.channel,
                flap_count: 3,
                flap_window_ms: 30 * M,
            };
            let mut silence = self.silence;
            silence.snoozed_until = silence.snoozed_until.filter(|until| *until > self.now_ms);
            if let Some(kind) = act(&mut self.story, &rules, silence, self.now_ms) {
                let notice = notice(&mut self.story, kind, self.now_ms);
                self.told.push((self.now_ms / S, kind, notice.count));
            }
        }

        fn change(&mut self, start_ms: i64, end_ms: Option<i64>, retired: bool) {
            let seen = Seen {
                notice: Notice {
                    since: Some(timestamp(start_ms)),
                    ..Notice::default()
                },
                start_ms,
                end_ms,
                retired,
            };
            self.step(|story, rules, silence, now_ms| heard(story, seen, rules, silence, now_ms));
        }
    }

    #[test]
    fn a_violation_is_told_once_and_its_end_once() {
        let mut play = Play::of(channel(ChannelKind::Webhook, 0));
        play.change(0, None, false);
        play.until(M);
        play.change(0, None, false);
        play.until(40 * M);
        play.change(0, Some(39 * M), false);
        play.change(0, Some(39 * M), false);
        play.change(0, Some(39 * M), true);
        assert_eq!(play.told, [(0, Opened, 1), (2_400, Resolved, 1)]);
        assert!(!is_over(&play.story, play.now_ms) && is_over(&play.story, 2 * OLD_MS));
    }

    #[test]
    fn an_end_is_that_of_the_record_that_goes_on() {
        let mut next_first = Play::of(channel(ChannelKind::Webhook, 0));
        next_first.change(0, None, false);
        next_first.until(2 * M);
        next_first.change(M, None, false);
        next_first.change(0, Some(50 * S), false);
        assert_eq!(next_first.told, [(0, Opened, 1)], "it goes on");
        next_first.change(M, Some(2 * M), false);
        assert_eq!(next_first.told.last(), Some(&(120, Resolved, 1)));

        let mut moved = Play::of(channel(ChannelKind::Webhook, 0));
        moved.until(5 * M);
        moved.change(4 * M, None, false);
        moved.change(3 * M, None, false);
        moved.change(4 * M, Some(4 * M), false);
        assert_eq!(
            moved.told,
            [(300, Opened, 1)],
            "what a moved start leaves behind ends nothing"
        );
        moved.change(3 * M, Some(5 * M), false);
        assert_eq!(moved.told.len(), 2);

        let mut set_back = Play::of(channel(ChannelKind::Webhook, 0));
        set_back.now_ms = 5 * M;
        set_back.change(4 * M, None, false);
        set_back.now_ms = 0;
        set_back.change(4 * M, Some(0), true);
        assert_eq!(
            set_back.told.last(),
            Some(&(0, Resolved, 1)),
            "the clock was set back meanwhile"
        );
    }

    #[test]
    fn what_came_and_went_unseen_is_told_and_what_is_old_is_not() {
        let mut play = Play::of(channel(ChannelKind::Webhook, 0));
        play.until(10 * M);
        play.change(2 * M, Some(3 * M), false);
        play.change(2 * M, Some(4 * M), false);
        play.change(M, Some(5 * M), false);
        assert_eq!(play.told, [(600, Resolved, 1)], "once, and nothing older after it");
        let mut late = Play::of(channel(ChannelKind::Webhook, 0));
        late.now_ms = OLD_MS + 3 * M;
        late.change(M, Some(2 * M), false);
        late.change(5 * M, Some(OLD_MS), true);
        assert!(late.told.is_empty(), "{:?}", late.told);
        let mut young = Play::of(Channel {
            created: Some(timestamp(5 * M)),
            ..Channel::default()
        });
        young.now_ms = 6 * M;
        young.change(2 * M, Some(3 * M), false);
        assert!(young.told.is_empty(), "before there was the channel");
    }

    #[test]
    fn what_goes_on_is_repeated_until_somebody_takes_care() {
        let mut play = Play::of(channel(ChannelKind::Webhook, 10 * M));
        play.change(0, None, false);
        play.until(25 * M);
        play.silence.acknowledged = Some(0);
        play.until(60 * M);
        play.change(0, Some(60 * M), false);
        let told = [(0, Opened, 1), (600, Still, 1), (1_200, Still, 1), (3_600, Resolved, 1)];
        assert_eq!(
            play.told
                .iter()
                .map(|(at, kind, _)| (*at, *kind, 1))
                .collect::<Vec<_>>(),
            told
        );
        // The acknowledgement was of that violation, not of the next one.
        play.until(120 * M);
        play.change(120 * M, None, false);
        assert_eq!(play.told.last(), Some(&(7_200, Opened, 1)));
    }

    #[test]
    fn a_snooze_holds_back_and_tells_at_its_end_what_still_goes_on() {
        let mut play = Play::of(channel(ChannelKind::Webhook, 0));
        play.silence.snoozed_until = Some(20 * M);
        play.change(0, None, false);
        play.until(5 * M);
        play.change(0, Some(5 * M), false);
        play.until(10 * M);
        play.change(10 * M, None, false);
        play.until(30 * M);
        assert_eq!(play.told, [(1_200, Opened, 1)]);
    }

    #[test]
    fn what_comes_and_goes_is_one_message_with_a_count() {
        let mut play = Play::of(channel(ChannelKind::Webhook, 0));
        for n in 0..40 {
            let start = n * 2 * M;
            play.until(start);
            play.change(start, None, false);
            play.until(start + M);
            play.change(start, Some(start + M), false);
        }
        play.until(200 * M);
        let kinds: Vec<_> = play.told.iter().map(|(_, kind, count)| (*kind, *count)).collect();
        let two = [(Opened, 1), (Resolved, 1), (Opened, 1), (Resolved, 1)];
        assert_eq!(kinds[..4], two);
        assert_eq!(kinds[4..], [(Flapping, 3), (Calmed, 40)]);
        let mut states = Play::of(channel(ChannelKind::Alertmanager, 0));
        for n in 0..40 {
            states.change(n * M, None, false);
            states.change(n * M, Some(n * M + 1), false);
        }
        assert_eq!(states.told.len(), 80, "Alertmanager groups by itself");
    }

    #[test]
    fn what_stays_open_after_flapping_is_told_as_going_on() {
        let mut play = Play::of(channel(ChannelKind::Webhook, 0));
        for n in 0..3 {
            play.change(n * M, None, false);
            if n < 2 {
                play.change(n * M, Some(n * M + S), false);
            }
        }
        play.until(60 * M);
        assert_eq!(play.told.last().unwrap().1, Still);
        play.change(2 * M, Some(61 * M), false);
        assert_eq!(play.told.last().unwrap().1, Resolved);
    }

    #[test]
    fn alertmanager_hears_of_what_goes_on_whoever_takes_care() {
        let mut play = Play::of(channel(ChannelKind::Alertmanager, 0));
        play.silence.acknowledged = Some(0);
        play.channel.only_begins = true;
        play.change(0, None, false);
        play.until(11 * M);
        play.change(0, Some(11 * M), false);
        let kinds: Vec<_> = play.told.iter().map(|(at, kind, _)| (*at, *kind)).collect();
        assert_eq!(kinds, [(0, Opened), (300, Still), (600, Still), (660, Resolved)]);
    }

    #[test]
    fn what_is_expected_is_told_once_until_it_is_not() {
        let mut play = Play::of(channel(ChannelKind::Webhook, 0));
        for (at, probability) in [(0, 0.4), (1, 0.6), (2, 0.3), (3, 0.7), (4, 0.2), (5, 0.1), (6, 0.9)] {
            play.now_ms = at * S;
            let notice = Notice {
                probability: Some(probability),
                ..Notice::default()
            };
            play.step(|story, rules, silence, now_ms| expected(story, Some(notice), 0.5, rules, silence, now_ms));
        }
        play.now_ms = 7 * S;
        play.step(|story, rules, silence, now_ms| expected(story, None, 0.5, rules, silence, now_ms));
        let kinds: Vec<_> = play.told.iter().map(|(at, kind, _)| (*at, *kind)).collect();
        assert_eq!(kinds, [(1, Coming), (4, Passed), (6, Coming), (7, Passed)]);
    }

    #[test]
    fn ids_differ_between_notices_and_not_between_attempts() {
        let mut story = Story {
            id: "a".to_owned(),
            ..Story::default()
        };
        let again = story.clone();
        let first = notice(&mut story, Opened, 0);
        assert_eq!(first.id, notice(&mut again.clone(), Opened, 99).id);
        assert_ne!(first.id, notice(&mut story, Still, 1).id);
        assert_eq!(first.id.len(), 32);
    }
}
