//! Which series a selector means, and how new their samples are.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use sla_domain::{Labels, Selector, SeriesId};
use sla_source::SourceError;
use tokio::time::Instant;

/// The source is asked again which series a selector means when the answer is older than this.
pub(super) const MEMBERS_AGE: Duration = Duration::from_secs(30);
/// … or than this, where it was that there is none: a server that has just been started, or lost what it had, says so, too.
const NOBODY_AGE: Duration = Duration::from_secs(5);
/// Selectors that nobody read for this long are forgotten, with the samples only they need.
pub(super) const UNUSED_AGE: Duration = Duration::from_hours(1);
/// Selectors remembered.
pub(super) const MAX_SELECTORS: usize = 4_096;
/// An instant this long before the one the members were asked for wants its own answer, milliseconds. One after it does as soon as
/// the answer were too old: a clock that was wrong for a moment has asked about a past that knows no younger series.
pub(super) const SAME_TIME_MS: i64 = 600_000;

/// The series of one selector.
#[derive(Debug, Clone)]
pub(super) struct Members {
    /// In the order of their labels.
    pub(super) series: Arc<Vec<Labels>>,
    /// The instant they were asked for, Unix milliseconds.
    pub(super) at_ms: i64,
    asked: Instant,
    used: Instant,
    /// Their samples are known up to this instant; `None` when some of them were never read.
    pub(super) fresh_until_ms: Option<i64>,
    /// Series of these that could not be read last time.
    pub(super) failures: HashMap<SeriesId, SourceError>,
}

/// The selectors of one source, by their normal form.
#[derive(Debug, Default)]
pub(super) struct Membership {
    selectors: HashMap<String, Members>,
}

impl Membership {
    /// The members known, whatever their age.
    pub(super) fn get(&mut self, selector: &str) -> Option<&mut Members> {
        let members = self.selectors.get_mut(selector)?;
        members.used = Instant::now();
        Some(members)
    }

    /// Members of other selectors that this one means, too.
    pub(super) fn matching<'m>(&'m self, selector: &'m Selector) -> impl Iterator<Item = &'m Labels> {
        let all = self.selectors.values().flat_map(|members| members.series.iter());
        all.filter(|labels| selector.matches(labels))
    }

    /// Whether the source should be asked about the members at `at_ms`.
    pub(super) fn is_due(&self, selector: &str, at_ms: i64) -> bool {
        self.selectors.get(selector).is_none_or(|members| {
            let age = if members.series.is_empty() {
                NOBODY_AGE
            } else {
                MEMBERS_AGE
            };
            let later_ms = at_ms.saturating_sub(members.at_ms);
            members.asked.elapsed() >= age || later_ms > age.as_millis() as i64 || later_ms < -SAME_TIME_MS
        })
    }

    /// What the source answered for `at_ms`. New members make the selector unread.
    pub(super) fn answered(&mut self, selector: &str, series: Vec<Labels>, at_ms: i64) {
        let now = Instant::now();
        let before = self.selectors.remove(selector);
        let grown = before.as_ref().is_none_or(|before| {
            let known: std::collections::HashSet<&Labels> = before.series.iter().collect();
            series.iter().any(|labels| !known.contains(labels))
        });
        let members = Members {
            series: Arc::new(series),
            at_ms,
            asked: now,
            used: now,
            fresh_until_ms: before
                .as_ref()
                .and_then(|before| before.fresh_until_ms)
                .filter(|_| !grown),
            failures: before.map(|before| before.failures).unwrap_or_default(),
        };
        if self.selectors.len() >= MAX_SELECTORS {
            let oldest = self
                .selectors
                .iter()
                .min_by_key(|(_, members)| members.used)
                .map(|(text, _)| text.clone());
            if let Some(oldest) = oldest {
                self.selectors.remove(&oldest);
            }
        }
        self.selectors.insert(selector.to_owned(), members);
    }

    /// Forgets what nobody read for long; gives the series still wanted.
    pub(super) fn wanted(&mut self) -> std::collections::HashSet<Labels> {
        self.selectors.retain(|_, members| members.used.elapsed() < UNUSED_AGE);
        self.selectors
            .values()
            .flat_map(|members| members.series.iter().cloned())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(name: &str) -> Labels {
        Labels::from_pairs([("__name__", name)])
    }

    #[tokio::test(start_paused = true)]
    async fn members_are_asked_again_after_a_while_or_for_another_time() {
        let mut membership = Membership::default();
        assert!(membership.is_due("up", 0));
        membership.answered("up", vec![labels("up")], 1_000_000);
        assert!(!membership.is_due("up", 1_000_000 - SAME_TIME_MS));
        assert!(membership.is_due("up", 999_999 - SAME_TIME_MS));
        assert!(!membership.is_due("up", 1_030_000));
        assert!(membership.is_due("up", 1_030_001), "who is younger was not there yet");
        membership.answered("gone", Vec::new(), 1_000_000);
        tokio::time::advance(NOBODY_AGE).await;
        assert!(!membership.is_due("up", 1_000_000));
        assert!(
            membership.is_due("gone", 1_000_000),
            "nothing may become something soon"
        );
        tokio::time::advance(MEMBERS_AGE).await;
        assert!(membership.is_due("up", 1_000_000));
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_member_makes_the_selector_unread() {
        let mut membership = Membership::default();
        membership.answered("up", vec![labels("a"), labels("b")], 0);
        membership.get("up").unwrap().fresh_until_ms = Some(7);
        membership.answered("up", vec![labels("a")], 0);
        assert_eq!(membership.get("up").unwrap().fresh_until_ms, Some(7));
        membership.answered("up", vec![labels("a"), labels("c")], 0);
        assert_eq!(membership.get("up").unwrap().fresh_until_ms, None);
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_reads_is_forgotten() {
        let mut membership = Membership::default();
        membership.answered("a", vec![labels("a"), labels("x")], 0);
        tokio::time::advance(UNUSED_AGE / 2).await;
        membership.answered("b", vec![labels("b"), labels("x")], 0);
        assert_eq!(membership.wanted().len(), 3);
        tokio::time::advance(UNUSED_AGE / 2).await;
        assert_eq!(membership.wanted(), [labels("b"), labels("x")].into());
    }
}
