//! How the source is doing: what the banner says, and when it may be asked again.

use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sla_domain::SafeText;
use sla_proto::convert;
use sla_proto::series::v1::SourceStatus;
use sla_source::{SourceError, SourceInfo, Way};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::error::source_reason;
use crate::source_clock::SourceClock;

/// Pause after the first failure; doubles with every further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Longest pause between two attempts. With an attempt that hangs and the tick of the next evaluation after it, everything is
/// judged again 30 s after the source is back.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Warnings told at once.
const MAX_WARNINGS: usize = 20;
/// Questions whose warnings are remembered.
const MAX_WARNED: usize = 256;
/// Questions of which it is remembered how often they are asked.
const MAX_QUESTIONS: usize = 16_384;
/// Unless the same question is answered without it, a warning stands for twice as long as that question waits to be asked again, at
/// least for this long …
const WARNED_AT_LEAST: Duration = Duration::from_mins(10);
/// … and at most for this long, which is the time of a question that was asked once: above the longest window of 12 h, for no set
/// is judged more rarely.
const WARNED_AT_MOST: Duration = Duration::from_hours(13);

/// What a source is asked for: an answer takes back the warnings of the same question only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Asked {
    /// Names and kinds of metrics.
    Names,
    /// Which series a query means.
    Series,
    /// The newest samples of a selector.
    Samples,
    /// Samples before those.
    History,
    /// The values of an expression.
    Values,
    /// The long view of a query.
    Days,
}

/// What a question is known by: many are long, and most are answered without a warning.
type QuestionKey = (Asked, u64);

/// When a question is asked.
#[derive(Debug)]
struct Rhythm {
    asked: Instant,
    /// The longest it waited of late to be asked again, and when that wait was over.
    wait: Option<(Duration, Instant)>,
}

impl Rhythm {
    fn new() -> Self {
        Self {
            asked: Instant::now(),
            wait: None,
        }
    }

    /// It is asked again. Who looks every few seconds for a while does not hide that a set asks once an hour: a wait counts
    /// until it has been over for twice its length.
    fn again(&mut self) {
        let waited = self.asked.elapsed();
        let is_longest = |(longest, over): (Duration, Instant)| waited >= longest || over.elapsed() > 2 * longest;
        if waited > WARNED_AT_MOST {
            *self = Self::new();
        } else if self.wait.is_none_or(is_longest) {
            self.wait = Some((waited, Instant::now()));
        }
        self.asked = Instant::now();
    }

    /// Whether what was said the last time still stands.
    fn stands(&self) -> bool {
        let wait = self.wait.map_or(WARNED_AT_MOST, |(longest, _)| 2 * longest);
        self.asked.elapsed() < wait.clamp(WARNED_AT_LEAST, WARNED_AT_MOST)
    }
}

/// The questions of a source.
#[derive(Debug, Default)]
struct Questions {
    rhythms: HashMap<QuestionKey, Rhythm>,
    /// What was said beside their last answers.
    warned: HashMap<QuestionKey, Vec<String>>,
    hasher: RandomState,
}

impl Questions {
    fn answered(&mut self, asked: Asked, text: &str, warnings: &[String]) {
        let key = (asked, self.hasher.hash_one(text));
        if self.rhythms.len() >= MAX_QUESTIONS && !self.rhythms.contains_key(&key) {
            // How often the others are asked is soon known again.
            self.rhythms.retain(|key, _| self.warned.contains_key(key));
        }
        let rhythm = self.rhythms.entry(key);
        rhythm.and_modify(Rhythm::again).or_insert_with(Rhythm::new);
        if warnings.is_empty() {
            self.warned.remove(&key);
            return;
        }
        if self.warned.len() >= MAX_WARNED && !self.warned.contains_key(&key) {
            let asked = |key: &&QuestionKey| self.rhythms.get(key).map(|rhythm| rhythm.asked);
            if let Some(oldest) = self.warned.keys().min_by_key(asked).copied() {
                self.warned.remove(&oldest);
            }
        }
        let warnings = warnings.iter().take(MAX_WARNINGS);
        let warnings = warnings.map(|warning| SafeText::new(warning).into_string());
        self.warned.insert(key, warnings.collect());
    }

    /// What stands of what was said, each once, in the order of words: nothing flickers.
    fn told(&mut self) -> BTreeSet<&String> {
        let rhythms = &self.rhythms;
        self.warned
            .retain(|key, _| rhythms.get(key).is_some_and(Rhythm::stands));
        self.warned.values().flatten().collect()
    }
}

#[derive(Debug, Default)]
struct Health {
    info: Option<SourceInfo>,
    way: Option<Way>,
    hides_stale: bool,
    questions: Questions,
    last_success: Option<Stamp>,
    outage: Option<Outage>,
}

/// An instant of the past by both clocks.
#[derive(Debug, Clone, Copy)]
struct Stamp {
    wall_ms: i64,
    at: Instant,
}

impl Stamp {
    fn at(wall_ms: i64) -> Self {
        Self {
            wall_ms,
            at: Instant::now(),
        }
    }

    /// In Unix milliseconds as our clock counts now: what is past never lies in the future, whatever the clock did since.
    fn shown_ms(self, now_ms: i64) -> i64 {
        if self.wall_ms <= now_ms {
            return self.wall_ms;
        }
        now_ms - self.at.elapsed().as_millis() as i64
    }
}

#[derive(Debug)]
struct Outage {
    error: SourceError,
    problem: String,
    reason: &'static str,
    since: Stamp,
    failures: u32,
    next_attempt_ms: i64,
    /// The monotonic twin of `next_attempt_ms`: the wall clock may stand still or jump.
    next_attempt: Instant,
}

/// The health of one source. Cheap to clone.
#[derive(Clone)]
pub struct SourceHealth {
    source: Arc<str>,
    state: Arc<Mutex<Health>>,
    /// It failed, or may be asked earlier than was said.
    changed: Arc<Notify>,
    clock: Arc<SourceClock>,
}

impl std::fmt::Debug for SourceHealth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SourceHealth")
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

impl SourceHealth {
    /// Of a source that was not asked yet.
    pub fn new(source: &str, clock: Arc<SourceClock>) -> Self {
        Self {
            source: source.into(),
            state: Arc::default(),
            changed: Arc::default(),
            clock,
        }
    }

    fn state(&self) -> MutexGuard<'_, Health> {
        // Every change is one assignment after the other without a panic in between.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The source told what it is.
    pub fn identified(&self, info: SourceInfo) {
        let mut state = self.state();
        if state.way.is_none() {
            state.way = info.ways.first().copied();
        }
        state.info = Some(info);
        state.outage = None;
        state.last_success = Some(Stamp::at(self.clock.own_ms()));
    }

    /// Whether the source told what it is since it last failed.
    pub fn is_identified(&self) -> bool {
        self.state().info.is_some()
    }

    /// A read succeeded; `way` where raw samples were read.
    pub fn succeeded(&self, way: Option<Way>) {
        let mut state = self.state();
        state.outage = None;
        state.last_success = Some(Stamp::at(self.clock.own_ms()));
        if let Some(way) = way {
            state.way = Some(way);
            state.hides_stale = way.hides_stale();
        }
    }

    /// What was said beside the answer to the question `text`: partial data are not all data. It is told until the same question
    /// is answered without it, or is not asked any more.
    pub(crate) fn warned(&self, asked: Asked, text: &str, warnings: &[String]) {
        self.state().questions.answered(asked, text, warnings);
    }

    /// A read failed. Only an outage changes the health: a bad question is the asker's problem.
    pub fn failed(&self, error: &SourceError) {
        if !error.is_outage() {
            return;
        }
        let now_ms = self.clock.own_ms();
        let mut state = self.state();
        let (since, failures) = state
            .outage
            .as_ref()
            .map_or((Stamp::at(now_ms), 0), |outage| (outage.since, outage.failures));
        let pause = (FIRST_PAUSE * 2_u32.saturating_pow(failures.min(8))).min(LONGEST_PAUSE);
        state.outage = Some(Outage {
            error: error.clone(),
            problem: SafeText::new(&error.to_string()).into_string(),
            reason: source_reason(error),
            since,
            failures: failures + 1,
            next_attempt_ms: now_ms + pause.as_millis() as i64,
            next_attempt: Instant::now() + pause,
        });
        drop(state);
        self.changed.notify_one();
    }

    /// Whether the source may be asked now; after an outage not before the next attempt.
    pub fn may_ask(&self) -> bool {
        self.state()
            .outage
            .as_ref()
            .is_none_or(|outage| Instant::now() >= outage.next_attempt)
    }

    /// The last outage while its pause lasts: the source is not asked, and this is the answer.
    pub fn gate(&self) -> Result<(), SourceError> {
        match self.state().outage.as_ref() {
            Some(outage) if Instant::now() < outage.next_attempt => Err(outage.error.clone()),
            _ => Ok(()),
        }
    }

    /// When the next attempt is due; `None` while all is well.
    pub fn next_attempt(&self) -> Option<Instant> {
        self.state().outage.as_ref().map(|outage| outage.next_attempt)
    }

    /// Lets the next question through at once.
    pub fn forgive(&self) {
        let now_ms = self.clock.own_ms();
        if let Some(outage) = self.state().outage.as_mut() {
            outage.next_attempt = Instant::now();
            outage.next_attempt_ms = now_ms;
        }
        self.changed.notify_one();
    }

    /// Waits until the source is to be asked what it is: nobody knows, or it was away and its pause is over. One waits at a time.
    pub(crate) async fn is_to_be_identified(&self) {
        loop {
            let attempt = match &*self.state() {
                Health {
                    outage: Some(outage), ..
                } => Some(outage.next_attempt),
                Health { info: None, .. } => return,
                Health { info: Some(_), .. } => None,
            };
            match attempt {
                None => self.changed.notified().await,
                Some(due) if due <= Instant::now() => return,
                Some(due) => {
                    // Whoever failed or succeeded meanwhile has moved it.
                    let _ = tokio::time::timeout_at(due, self.changed.notified()).await;
                }
            }
        }
    }

    /// For the banner.
    pub fn status(&self) -> SourceStatus {
        let (now_ms, notice) = (self.clock.own_ms(), self.clock.notice());
        let mut state = self.state();
        let told = state.questions.told();
        let mut warnings: Vec<String> = notice
            .iter()
            .chain(told.into_iter().take(MAX_WARNINGS))
            .cloned()
            .collect();
        let info = state.info.as_ref();
        if let Some(info) = info {
            warnings.extend(info.notices.iter().map(|notice| SafeText::new(notice).into_string()));
            warnings.truncate(MAX_WARNINGS);
        }
        let outage = state.outage.as_ref();
        SourceStatus {
            source: self.source.to_string(),
            address: info
                .map(|info| SafeText::new(&info.url).into_string())
                .unwrap_or_default(),
            version: info
                .map(|info| SafeText::new(&info.version).into_string())
                .unwrap_or_default(),
            way: state.way.map(way_word).unwrap_or_default().to_owned(),
            last_success: state
                .last_success
                .map(|stamp| convert::timestamp(stamp.shown_ms(now_ms))),
            problem: outage.map(|outage| outage.problem.clone()).unwrap_or_default(),
            problem_reason: outage.map(|outage| outage.reason.to_owned()).unwrap_or_default(),
            problem_cause: outage
                .and_then(|outage| outage.error.fault())
                .map(|fault| fault.word().to_owned())
                .unwrap_or_default(),
            problem_hint: outage
                .map(|outage| SafeText::new(&outage.error.hint()).into_string())
                .unwrap_or_default(),
            redirect_to: outage
                .and_then(|outage| outage.error.redirect_to())
                .map(|to| SafeText::new(to).into_string())
                .unwrap_or_default(),
            failing_since: outage.map(|outage| convert::timestamp(outage.since.shown_ms(now_ms))),
            next_attempt: outage.map(|outage| convert::timestamp(outage.next_attempt_ms)),
            demo: info.is_some_and(|info| info.is_replay),
            hides_stale_markers: state.hides_stale,
            warnings,
            clock_offset_ms: self.clock.offset_ms(),
            clock_notice: notice.unwrap_or_default(),
        }
    }
}

/// The word of the contract.
fn way_word(way: Way) -> &'static str {
    match way {
        Way::RemoteReadChunks => "chunks",
        Way::RemoteReadSamples => "samples",
        Way::InstantQuery => "instant",
        Way::QueryRange => "range",
        Way::Replay => "replay",
    }
}

#[cfg(test)]
mod tests {
    use sla_domain::{Clock as _, ManualClock, SourceId};
    use sla_source::{Replay, ReplayOptions};

    use super::*;

    fn health_at(clock: &Arc<ManualClock>) -> SourceHealth {
        let replay = Replay::demo(SourceId("prom".into()), clock.clone(), ReplayOptions::default());
        SourceHealth::new("prom", Arc::new(SourceClock::new(clock.clone(), Arc::new(replay))))
    }

    fn info() -> SourceInfo {
        SourceInfo {
            version: String::new(),
            ways: Vec::new(),
            url: String::new(),
            is_replay: false,
            notices: Vec::new(),
        }
    }

    fn away() -> SourceError {
        SourceError::Timeout {
            tried: "POST http://h/api".into(),
            after: Duration::from_secs(10),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_outage_says_since_when_and_when_it_is_tried_again() {
        let clock = Arc::new(ManualClock::at(1_000_000));
        let health = health_at(&clock);
        assert!(health.may_ask());
        health.failed(&away());
        assert!(!health.may_ask());
        clock.advance(1_000);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(health.may_ask());
        health.failed(&away());
        let status = health.status();
        assert_eq!(status.problem_reason, "SOURCE_UNREACHABLE");
        assert_eq!(convert::millis(&status.failing_since.unwrap()), 1_000_000);
        // The second pause is twice as long.
        assert_eq!(convert::millis(&status.next_attempt.unwrap()), 1_003_000);
        health.forgive();
        assert!(health.may_ask());
        health.succeeded(Some(Way::InstantQuery));
        let status = health.status();
        assert!(status.problem.is_empty() && status.failing_since.is_none());
        assert!(status.hides_stale_markers);
        assert_eq!(status.way, "instant");
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_to_ask_what_it_is_is_woken_by_an_outage_alone() {
        let health = health_at(&Arc::new(ManualClock::at(0)));
        let waited = async |most_s: u64| {
            let begun = Instant::now();
            let most = Duration::from_secs(most_s);
            let waiting = tokio::time::timeout(most, health.is_to_be_identified()).await;
            waiting.is_ok().then(|| begun.elapsed())
        };
        assert_eq!(waited(1).await, Some(Duration::ZERO), "nobody knows what it is");
        health.identified(info());
        assert_eq!(waited(86_400).await, None, "it answers");
        let fails = async {
            tokio::time::sleep(Duration::from_secs(5)).await;
            health.failed(&away());
        };
        let (woken, ()) = tokio::join!(waited(60), fails);
        assert_eq!(woken, Some(Duration::from_secs(6)), "after the first pause");
        health.failed(&away());
        health.failed(&away());
        let forgiven = async { health.forgive() };
        let (woken, ()) = tokio::join!(waited(60), forgiven);
        assert_eq!(woken, Some(Duration::ZERO), "somebody wants it asked at once");
        health.succeeded(None);
        assert_eq!(waited(86_400).await, None, "a read has ended the outage");
    }

    #[tokio::test(start_paused = true)]
    async fn a_warning_lasts_until_the_same_question_is_answered_without_it() {
        let health = health_at(&Arc::new(ManualClock::at(0)));
        let told = || health.status().warnings;
        let partial = ["store b is away".to_owned()];
        health.warned(Asked::Samples, "bad", &partial);
        health.warned(Asked::Series, "bad", &partial);
        health.succeeded(None);
        health.warned(Asked::Samples, "good", &[]);
        health.warned(Asked::Names, "", &["b and a".into()]);
        assert_eq!(told(), ["b and a", "store b is away"]);
        health.warned(Asked::Samples, "bad", &[]);
        assert_eq!(told().len(), 2, "the list of series was partial, too");
        health.warned(Asked::Series, "bad", &[]);
        assert_eq!(told(), ["b and a"]);
        tokio::time::advance(WARNED_AT_MOST).await;
        assert!(told().is_empty(), "nobody asks any more");
        for n in 0..=MAX_WARNED {
            health.warned(Asked::Values, &n.to_string(), &[format!("w{n}")]);
        }
        assert_eq!(told().len(), MAX_WARNINGS);
        let warned = || health.state().questions.warned.len();
        assert_eq!(warned(), MAX_WARNED);
        for n in 0..=MAX_QUESTIONS {
            health.warned(Asked::Samples, &n.to_string(), &[]);
        }
        assert!(health.state().questions.rhythms.len() <= MAX_QUESTIONS);
        assert_eq!(warned(), MAX_WARNED, "what warns stays");
    }

    #[tokio::test(start_paused = true)]
    async fn a_warning_stands_until_its_question_should_have_been_asked_again() {
        let health = health_at(&Arc::new(ManualClock::at(0)));
        let told = || health.status().warnings;
        let asked = |warnings: &[String]| health.warned(Asked::Samples, "hourly", warnings);
        let partial = ["store b is away".to_owned()];
        let (hour, moment) = (Duration::from_hours(1), Duration::from_secs(15));
        // A set that is judged once an hour, and a console that looks at it for a while.
        asked(&partial);
        tokio::time::advance(hour).await;
        assert_eq!(told(), partial, "nobody asked since");
        asked(&[]);
        assert!(told().is_empty());
        for _ in 0..100 {
            tokio::time::advance(moment).await;
            asked(&partial);
        }
        tokio::time::advance(hour + hour / 16).await;
        assert_eq!(told(), partial);
        tokio::time::advance(hour).await;
        assert!(told().is_empty(), "the set is gone");
        // What a console alone asks for.
        for _ in 0..=3 * hour.as_secs() / moment.as_secs() {
            health.warned(Asked::Samples, "watched", &partial);
            tokio::time::advance(moment).await;
        }
        assert_eq!(told(), partial);
        tokio::time::advance(WARNED_AT_LEAST).await;
        assert!(told().is_empty(), "it is closed");
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_are_bounded_and_bad_questions_do_not_count() {
        let health = health_at(&Arc::new(ManualClock::at(0)));
        health.failed(&SourceError::BadQuery {
            query: "x".into(),
            message: "no".into(),
            position: None,
        });
        assert!(health.may_ask() && health.status().problem.is_empty());
        for _ in 0..100 {
            health.failed(&away());
        }
        assert!(health.next_attempt().unwrap() <= Instant::now() + LONGEST_PAUSE);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_that_is_past_lies_in_the_future() {
        let clock = Arc::new(ManualClock::at(10_000_000));
        let health = health_at(&clock);
        health.succeeded(None);
        health.failed(&away());
        clock.advance(-3_600_000);
        tokio::time::advance(Duration::from_secs(5)).await;
        let status = health.status();
        for told in [status.last_success, status.failing_since] {
            assert_eq!(convert::millis(&told.unwrap()), clock.now_ms() - 5_000);
        }
    }
}
