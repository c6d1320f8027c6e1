//! What is kept how long: all results of two days, then one an hour, then one a day, and never more bytes than agreed.
//! Violations, sets and dead letters stay.

use std::sync::Arc;

use sla_domain::Clock;
use sla_runtime::status;
use tokio_util::sync::CancellationToken;

use crate::error::StoreError;
use crate::metrics::StorageMetrics;
use crate::options::RetentionOptions;
use crate::store::SqlStore;
use crate::store::thinning::{Deletion, Kind};
use crate::transaction::Database;
use crate::trusting::Trusting;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// State without an objective is left alone for so long: its set may be on its way.
const STRAY_MS: i64 = HOUR_MS;

/// Results are thinned to one a span once they are old enough.
#[derive(Debug, Clone, Copy)]
struct Tier {
    /// The key of its mark in the database.
    name: &'static str,
    span_ms: i64,
}

const HOURLY: Tier = Tier {
    name: "hourly",
    span_ms: HOUR_MS,
};
const DAILY: Tier = Tier {
    name: "daily",
    span_ms: DAY_MS,
};

/// What one pass deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retired {
    /// Parts of results that were thinned out or too old.
    pub results: u64,
    /// Parts of results that had to go for the sake of the size limit.
    pub over_size: u64,
    /// Runs, forecasts, state and series that nothing needs any more.
    pub others: u64,
    /// Whether the database is still above its limit: what is left is kept for ever.
    pub still_over_size: bool,
}

/// The background task.
pub(crate) struct Retention<D> {
    store: SqlStore<D>,
    options: RetentionOptions,
    clock: Arc<dyn Clock>,
    metrics: StorageMetrics,
}

impl<D: Database> Retention<D> {
    pub(crate) fn new(
        store: SqlStore<D>,
        options: RetentionOptions,
        clock: Arc<dyn Clock>,
        metrics: StorageMetrics,
    ) -> Self {
        Self {
            store,
            options,
            clock,
            metrics,
        }
    }

    /// A pass now and then, until `token` falls.
    pub(crate) async fn run(self, token: &CancellationToken) {
        let mut trusting = Trusting::default();
        while !token.is_cancelled() {
            match self.once(&mut trusting, token).await {
                Ok(retired) => {
                    self.metrics
                        .retired_rows
                        .inc_by(retired.results + retired.over_size + retired.others);
                    if retired.still_over_size {
                        tracing::warn!(
                            max_bytes = self.options.max_bytes,
                            "the database stays above its size limit"
                        );
                    } else {
                        tracing::debug!(?retired, "retention");
                    }
                }
                Err(StoreError::Closed) => return,
                Err(error) => tracing::warn!(error = status::chain(&error), "retention will be tried again"),
            }
            tokio::select! {
                () = token.cancelled() => {}
                () = tokio::time::sleep(self.options.every) => {}
            }
        }
    }
}

impl<D: Database> Retention<D> {
    /// By size in any case, by age as soon as the clock is believed.
    async fn once(&self, trusting: &mut Trusting, token: &CancellationToken) -> Result<Retired, StoreError> {
        let now_ms = self.clock.now_ms();
        if trusting
            .believes(&self.store, now_ms, self.options.proven_after)
            .await?
        {
            return pass(&self.store, &self.options, now_ms, token).await;
        }
        let mut retired = Retired::default();
        fit(&self.store, &self.options, &mut retired, token).await?;
        Ok(retired)
    }
}

/// One pass as of `now_ms` (Unix milliseconds); ends early, between two transactions, when `token` falls.
pub async fn pass<D: Database>(
    store: &SqlStore<D>,
    options: &RetentionOptions,
    now_ms: i64,
    token: &CancellationToken,
) -> Result<Retired, StoreError> {
    let mut retired = Retired::default();
    let oldest_ms = now_ms.saturating_sub(options.daily_ms);
    let old = |kind, before_ms| Deletion::Old(kind, before_ms);
    retired.results += repeat(store, token, old(Kind::Results, oldest_ms)).await?;
    for (tier, age_ms) in [(DAILY, options.hourly_ms), (HOURLY, options.full_ms)] {
        retired.results += thin(store, tier, now_ms.saturating_sub(age_ms), token).await?;
    }
    for what in [
        old(Kind::Runs, now_ms.saturating_sub(options.run_ms)),
        old(Kind::Forecasts, now_ms.saturating_sub(options.forecast_ms)),
        old(Kind::State, now_ms),
        old(Kind::Notices, now_ms.saturating_sub(options.notice_ms)),
        old(Kind::Latest, oldest_ms),
        old(Kind::Series, oldest_ms),
        Deletion::Counters,
    ] {
        retired.others += repeat(store, token, what).await?;
    }
    if !token.is_cancelled() {
        retired.others += store.forget_strays(now_ms.saturating_sub(STRAY_MS)).await?;
    }
    fit(store, options, &mut retired, token).await?;
    Ok(retired)
}

/// The oldest results go until the database is below its limit.
async fn fit<D: Database>(
    store: &SqlStore<D>,
    options: &RetentionOptions,
    retired: &mut Retired,
    token: &CancellationToken,
) -> Result<(), StoreError> {
    while !token.is_cancelled() && store.database.space().await?.used_bytes > options.max_bytes {
        let rows = store.delete(Deletion::OldestResults).await?;
        retired.over_size += rows;
        if rows == 0 {
            retired.still_over_size = true;
            break;
        }
    }
    while !token.is_cancelled() && store.database.give_back(options.max_bytes).await? {}
    Ok(())
}

/// Repeats a bounded deletion until it finds nothing.
async fn repeat<D: Database>(
    store: &SqlStore<D>,
    token: &CancellationToken,
    what: Deletion,
) -> Result<u64, StoreError> {
    let mut total = 0;
    while !token.is_cancelled() {
        let rows = store.delete(what).await?;
        total += rows;
        if rows == 0 {
            break;
        }
    }
    Ok(total)
}

/// Thins all whole spans that end at or before `until_ms` and were not thinned yet.
async fn thin<D: Database>(
    store: &SqlStore<D>,
    tier: Tier,
    until_ms: i64,
    token: &CancellationToken,
) -> Result<u64, StoreError> {
    let until_ms = until_ms.div_euclid(tier.span_ms) * tier.span_ms;
    let mut total = 0;
    // A mark ahead of it was made by a wrong clock: what came since was never thinned.
    let mark_ms = store.retention_mark(tier.name).await?;
    let mut mark_ms = mark_ms.filter(|&mark_ms| mark_ms <= until_ms).unwrap_or(i64::MIN);
    while mark_ms < until_ms && !token.is_cancelled() {
        // Jump over spans without runs.
        let Some(first_ms) = store.first_run(mark_ms, until_ms).await? else {
            store.set_retention_mark(tier.name, until_ms).await?;
            break;
        };
        let from_ms = first_ms.div_euclid(tier.span_ms) * tier.span_ms;
        let to_ms = from_ms + tier.span_ms;
        total += repeat(store, token, Deletion::Thin(from_ms, to_ms)).await?;
        if token.is_cancelled() {
            break;
        }
        store.set_retention_mark(tier.name, to_ms).await?;
        mark_ms = to_ms;
    }
    Ok(total)
}
