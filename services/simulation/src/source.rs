//! The source: the port of the product over the truth, in whatever mood the weather puts it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use sla_domain::SourceId;
use sla_source::reply::{RawSeries, SeriesFailure};
use sla_source::{
    Call, ExpressionRead, ExpressionRequest, LongView, LongViewRequest, MetricNames, MetricSource, RawRead,
    ReadRequest, Replay, SeriesListing, ServerTime, SourceError, SourceInfo,
};
use tokio::time::Instant;

use crate::bug::Bug;
use crate::clock::LifeClock;
use crate::fault::SourceMood;
use crate::truth::Signal;
use crate::weather::Weather;

/// The name of the source.
pub(crate) const SOURCE: &str = "world";
/// How long an answer takes when nothing is wrong.
const QUICK: Duration = Duration::from_millis(3);
/// When nothing comes, this is how long it takes to notice.
const SILENCE: Duration = Duration::from_secs(5);
/// Readings of the server's clock that are kept.
const READINGS: usize = 5;
/// What was delivered is remembered for so long, milliseconds.
const REMEMBERED_MS: i64 = 120_000;
/// How far back a question about present series looks, milliseconds.
const LONG_AGO_MS: i64 = 30 * 86_400_000;

/// At this instant of the world the instance got samples up to another one, both Unix milliseconds.
pub(crate) type Delivery = (i64, i64);

#[derive(Debug, Default)]
struct Told {
    times: VecDeque<ServerTime>,
    delivered: BTreeMap<usize, VecDeque<Delivery>>,
    /// Of the planted bugs: the newest instant asked for, and each series' newest answered one.
    asked_ms: i64,
    answered_ms: BTreeMap<usize, i64>,
}

/// The source of one life.
pub(crate) struct WorldSource {
    id: SourceId,
    signals: Arc<Vec<Signal>>,
    clock: Arc<LifeClock>,
    weather: Arc<Weather>,
    /// Whether its answers carry a date.
    tells_time: bool,
    bug: Option<Bug>,
    told: Mutex<Told>,
}

impl WorldSource {
    pub(crate) fn new(
        signals: Arc<Vec<Signal>>,
        clock: Arc<LifeClock>,
        weather: Arc<Weather>,
        tells_time: bool,
        bug: Option<Bug>,
    ) -> Arc<Self> {
        Arc::new(Self {
            id: SourceId(SOURCE.to_owned()),
            signals,
            clock,
            weather,
            tells_time: tells_time && bug != Some(Bug::ClockNotSeen),
            bug,
            told: Mutex::default(),
        })
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was delivered of a series lately, oldest first.
    pub(crate) fn deliveries(&self, series: usize) -> Vec<Delivery> {
        let told = self.told();
        told.delivered.get(&series).into_iter().flatten().copied().collect()
    }

    /// Takes the time that an answer takes, or fails as the mood is.
    async fn answer(&self, call: &Call, tried: &str) -> Result<SourceMood, SourceError> {
        let mood = self.weather.mood().source;
        let takes = match mood {
            SourceMood::Away => SILENCE,
            SourceMood::Slow(ms) => Duration::from_millis(ms),
            _ => QUICK,
        };
        let outcome = async {
            tokio::time::sleep(takes).await;
            match mood {
                SourceMood::Away => Err(SourceError::Timeout {
                    tried: tried.to_owned(),
                    after: SILENCE,
                }),
                SourceMood::Refusing => Err(SourceError::Server {
                    tried: tried.to_owned(),
                    status: 503,
                    kind: None,
                    excerpt: "try later".to_owned(),
                }),
                fine => Ok(fine),
            }
        };
        let mood = call.guard(tried, Duration::from_secs(10), outcome).await?;
        if self.tells_time {
            let mut told = self.told();
            if told.times.len() == READINGS {
                told.times.pop_front();
            }
            told.times.push_back(ServerTime {
                server_ms: self.clock.world_ms(),
                at: Instant::now(),
            });
        }
        Ok(mood)
    }

    /// Everything as a recording up to now: the product's own adapter answers from it.
    fn recording(&self, mood: SourceMood, after_ms: i64, until_ms: i64) -> Replay {
        let now_ms = self.clock.world_ms();
        let newest_ms = match mood {
            SourceMood::Lagging(by_ms) => now_ms - by_ms,
            SourceMood::Empty => i64::MIN,
            _ => now_ms,
        };
        let withheld = self.weather.mood().withheld;
        let signals = self.signals.iter().enumerate();
        let series = signals.map(|(at, signal)| {
            let mut last_ms = until_ms.min(newest_ms);
            if let Some((series, from_ms)) = withheld
                && series == at
            {
                last_ms = last_ms.min(from_ms);
            }
            (signal.labels.clone(), signal.samples(after_ms, last_ms))
        });
        Replay::recording(
            self.id.clone(),
            Arc::new(sla_domain::ManualClock::at(now_ms)),
            series.collect(),
        )
    }

    fn whole(&self, mood: SourceMood, from_ms: i64) -> Replay {
        self.recording(mood, from_ms, self.clock.world_ms())
    }

    /// Whether a planted bug hides what is asked for.
    fn is_blind(&self, until_ms: i64) -> bool {
        let mut told = self.told();
        let blind = self.bug == Some(Bug::BlindAfterJump) && until_ms < told.asked_ms;
        told.asked_ms = told.asked_ms.max(until_ms);
        blind
    }

    fn deliver(&self, read: &mut RawRead) {
        let now_ms = self.clock.world_ms();
        let mut told = self.told();
        read.series.retain_mut(|one| {
            let Some(at) = self.signals.iter().position(|signal| signal.labels == one.labels) else {
                return true;
            };
            let Some(newest_ms) = newest(one, read.after_ms, read.until_ms) else {
                return true;
            };
            if self.bug == Some(Bug::LateIgnored) {
                let before_ms = told.answered_ms.insert(at, read.until_ms).unwrap_or(i64::MIN);
                // A first look reads all, a tail nothing that lies before the last answer.
                if read.after_ms > now_ms - 15 * 60_000 {
                    let Ok(samples) = one.samples(before_ms.max(read.after_ms), read.until_ms) else {
                        return true;
                    };
                    one.data = sla_source::reply::SeriesData::Plain(samples);
                }
            }
            let deliveries = told.delivered.entry(at).or_default();
            deliveries.push_back((now_ms, newest_ms));
            while deliveries
                .front()
                .is_some_and(|&(when_ms, _)| when_ms < now_ms - REMEMBERED_MS)
                && deliveries.len() > 1
            {
                deliveries.pop_front();
            }
            true
        });
    }
}

fn newest(series: &RawSeries, after_ms: i64, until_ms: i64) -> Option<i64> {
    series.samples(after_ms, until_ms).ok()?.times_ms.last().copied()
}

#[async_trait]
impl MetricSource for WorldSource {
    fn id(&self) -> &SourceId {
        &self.id
    }

    async fn probe(&self, call: &Call) -> Result<SourceInfo, SourceError> {
        let mood = self.answer(call, "probing the world").await?;
        self.whole(mood, self.clock.world_ms() - 1).probe(call).await
    }

    async fn metric_names(&self, limit: usize, call: &Call) -> Result<MetricNames, SourceError> {
        let mood = self.answer(call, "names of the world").await?;
        let from_ms = self.clock.world_ms() - 600_000;
        self.whole(mood, from_ms).metric_names(limit, call).await
    }

    async fn series(
        &self,
        selectors: &[String],
        start_ms: i64,
        end_ms: i64,
        limit: usize,
        call: &Call,
    ) -> Result<SeriesListing, SourceError> {
        let mood = self.answer(call, "series of the world").await?;
        let known = self.recording(mood, start_ms - 1, end_ms);
        known.series(selectors, start_ms, end_ms, limit, call).await
    }

    async fn read(&self, request: &ReadRequest, call: &Call) -> Result<RawRead, SourceError> {
        let mood = self.answer(call, "samples of the world").await?;
        let mood = if self.is_blind(request.until_ms) {
            SourceMood::Empty
        } else {
            mood
        };
        let known = self.recording(mood, request.after_ms, request.until_ms);
        let mut read = known.read(request, call).await?;
        if let SourceMood::Partial(at) = mood
            && let Some(failing) = self.signals.get(at)
        {
            read.series.retain(|one| one.labels != failing.labels);
            read.failures.push(SeriesFailure {
                labels: failing.labels.clone(),
                error: SourceError::Decode {
                    tried: "samples of the world".to_owned(),
                    what: "half a chunk".to_owned(),
                    cause: None,
                },
            });
        }
        self.deliver(&mut read);
        Ok(read)
    }

    async fn read_expression(&self, request: &ExpressionRequest, call: &Call) -> Result<ExpressionRead, SourceError> {
        let mood = self.answer(call, "an expression").await?;
        self.whole(mood, request.start_ms).read_expression(request, call).await
    }

    async fn check_query(&self, expression: &str, call: &Call) -> Result<(), SourceError> {
        let mood = self.answer(call, "a query").await?;
        self.whole(mood, self.clock.world_ms() - 1)
            .check_query(expression, call)
            .await
    }

    async fn long_view(&self, request: &LongViewRequest, call: &Call) -> Result<LongView, SourceError> {
        let mood = self.answer(call, "days of the world").await?;
        let from_ms = request.end_ms - request.length_ms.min(LONG_AGO_MS);
        self.recording(mood, from_ms, request.end_ms)
            .long_view(request, call)
            .await
    }

    fn server_times(&self) -> Vec<ServerTime> {
        self.told().times.iter().copied().collect()
    }
}
