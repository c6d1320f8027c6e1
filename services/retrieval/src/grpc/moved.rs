//! What else moved around an instant.

use std::time::Instant;

use sla_analysis::around::{Frame, Kind, Moved, PROVEN, Profile, best_lag, profile, rank};
use sla_domain::duration::format_ms;
use sla_proto::convert;
use sla_proto::retrieval::v1::{ListMovedRequest, ListMovedResponse, MovedKind, MovedSeries};
use sla_proto::series::v1::{CounterMode, Series};

use crate::circles::Circles;
use crate::error::RetrievalError;
use crate::figures;
use crate::minutes::{drawn, minutes};
use crate::options::{
    DEFAULT_MOVED_ROWS, DEFAULT_MOVED_SPAN_MS, MAX_MOVED_ROWS, MAX_MOVED_SPAN_MS, MIN_MOVED_SPAN_MS, MOVED_BIN_MS,
    MOVED_FALSE_SHARE, MOVED_GUARD_MS, MOVED_PAST_MS, PROVEN_PAST_MS, RATE_LOOK_BACK_MS,
};
use crate::samples::{ReadSeries, each};
use crate::service::Core;

impl Core {
    pub(super) async fn moved(&self, request: ListMovedRequest) -> Result<ListMovedResponse, RetrievalError> {
        let now_ms = self.instant_ms(None, request.query.as_slice()).await;
        let around = Around::asked(&request, now_ms)?;
        let grid = Grid::new(around)?;
        let rows = match request.max_rows as usize {
            0 => DEFAULT_MOVED_ROWS,
            asked => asked.min(MAX_MOVED_ROWS),
        };
        let started = Instant::now();
        let range = (grid.from_ms - RATE_LOOK_BACK_MS, around.until_ms);
        let circles = Circles::read(self, request.query.unwrap_or_default(), &request.series_id, range).await?;
        let read_ms = started.elapsed().as_secs_f64() * 1_000.0;
        let started = Instant::now();
        // The series in question came first.
        let measured = each(&self.pool, circles.series, move |one| Measured::of(one, grid)).await?;
        let measured: Vec<Measured> = measured.into_iter().collect::<Result<_, _>>()?;
        let past_ms = known_ms(&measured);
        let proven = Some(PROVEN).filter(|_| past_ms >= PROVEN_PAST_MS);
        let ranked = self.pool.run(move || ranked(&measured, rows)).await?;
        let (after_ms, until_ms) = grid.near_ms();
        Ok(ListMovedResponse {
            at: Some(convert::timestamp(around.at_ms)),
            span_ms: around.until_ms - around.at_ms,
            past_ms,
            left_out: circles.left_out,
            minutes_after: Some(convert::timestamp(after_ms)),
            minutes_until: Some(convert::timestamp(until_ms)),
            false_share: MOVED_FALSE_SHARE,
            source: Some(circles.source),
            read_ms,
            rank_ms: started.elapsed().as_secs_f64() * 1_000.0,
            problems: circles.problems,
            proven_first_three: proven.map(|rate| rate.first_three),
            proven_first_five: proven.map(|rate| rate.first_five),
            ..ranked
        })
    }
}

/// The past that is known of the half of the measured series that is known longest, milliseconds.
fn known_ms(all: &[Measured]) -> i64 {
    let mut known: Vec<i64> = all
        .iter()
        .filter(|one| one.profile.is_some())
        .map(|one| one.known_ms)
        .collect();
    known.sort_unstable();
    known.get(known.len() / 2).copied().unwrap_or(0)
}

/// What moved with the first of these.
fn ranked(all: &[Measured], rows: usize) -> ListMovedResponse {
    let Some((question, others)) = all.split_first() else {
        return ListMovedResponse::default();
    };
    let profiles: Vec<Option<&Profile>> = others.iter().map(|one| one.profile.as_ref()).collect();
    let ranking = rank(&profiles, MOVED_FALSE_SHARE);
    let shown = ranking.moved.iter().take(rows);
    ListMovedResponse {
        rows: shown
            .map(|moved| row(moved, &others[moved.index], &question.near))
            .collect(),
        moved: ranking.moved.len() as u32,
        tested: ranking.tested as u32,
        untested: ranking.untested as u32,
        series: Some(question.series.clone()),
        minutes: drawn(&question.near),
        ..ListMovedResponse::default()
    }
}

/// The instant and the stretch after it, Unix milliseconds.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_field_names, reason = "the unit is part of each name")]
struct Around {
    at_ms: i64,
    span_ms: i64,
    until_ms: i64,
}

impl Around {
    fn asked(request: &ListMovedRequest, now_ms: i64) -> Result<Self, RetrievalError> {
        let span_ms = match request.span_ms {
            0 => DEFAULT_MOVED_SPAN_MS,
            asked => asked,
        };
        if !(MIN_MOVED_SPAN_MS..=MAX_MOVED_SPAN_MS).contains(&span_ms) {
            let (least, most) = (format_ms(MIN_MOVED_SPAN_MS), format_ms(MAX_MOVED_SPAN_MS));
            return Err(RetrievalError::invalid(
                "span_ms",
                &span_ms.to_string(),
                format!("must lie between {least} and {most}"),
                "leave it out for 15m",
            ));
        }
        let at_ms = request.at.as_ref().map_or(now_ms - span_ms, convert::millis);
        let until_ms = at_ms.saturating_add(span_ms).min(now_ms);
        if until_ms.saturating_sub(at_ms) < MIN_MOVED_SPAN_MS {
            return Err(RetrievalError::invalid(
                "at",
                &sla_domain::instant::format_ms(at_ms),
                format!("must lie at least {} before now", format_ms(MIN_MOVED_SPAN_MS)),
                "wait a little: what moved is told from three minutes on",
            ));
        }
        Ok(Self {
            at_ms,
            span_ms,
            until_ms,
        })
    }
}

/// The bins of all series.
#[derive(Debug, Clone, Copy)]
struct Grid {
    from_ms: i64,
    frame: Frame,
}

impl Grid {
    fn new(around: Around) -> Result<Self, RetrievalError> {
        let bins = |ms: i64| usize::try_from(ms / MOVED_BIN_MS).unwrap_or(0);
        let at = bins(MOVED_PAST_MS);
        let count = at + bins(around.until_ms - around.at_ms);
        let frame = Frame::new(count, at, bins(around.span_ms), bins(MOVED_GUARD_MS)).map_err(|why| {
            let asked = format_ms(around.span_ms);
            RetrievalError::invalid("span_ms", &asked, why.to_string(), "give a shorter span")
        })?;
        Ok(Self {
            from_ms: around.at_ms - MOVED_PAST_MS,
            frame,
        })
    }

    /// The first of the bins around the instant that are told: as much before what it is held against as is after it.
    fn near_at(&self) -> usize {
        self.frame.at.saturating_sub(2 * self.frame.before)
    }

    fn near_ms(&self) -> (i64, i64) {
        let at = |bin: usize| self.from_ms + bin as i64 * MOVED_BIN_MS;
        (at(self.near_at()), at(self.frame.count))
    }
}

/// A series on the grid of minutes.
struct Measured {
    series: Series,
    rate: bool,
    /// From its first sample to the instant, at most what was asked for, milliseconds.
    known_ms: i64,
    /// Its bins around the instant.
    near: Vec<f64>,
    profile: Option<Profile>,
}

impl Measured {
    fn of(one: &ReadSeries, grid: Grid) -> Result<Self, RetrievalError> {
        let rate = figures::is_rate(one.series.kind(), CounterMode::Auto);
        let samples = figures::drawn(one.samples()?, one.spacing_ms, rate);
        let mut bins = minutes(&samples, grid.from_ms, MOVED_BIN_MS, grid.frame.count, one.spacing_ms);
        let profile = profile(&bins, &grid.frame);
        let first = bins.iter().position(|value| value.is_finite());
        let known = first.map_or(0, |first| grid.frame.at.saturating_sub(first));
        Ok(Self {
            series: one.series.clone(),
            rate,
            known_ms: known as i64 * MOVED_BIN_MS,
            near: bins.split_off(grid.near_at()),
            profile,
        })
    }
}

fn row(moved: &Moved, one: &Measured, question: &[f64]) -> MovedSeries {
    let reach = usize::try_from(MOVED_GUARD_MS / MOVED_BIN_MS).unwrap_or(0);
    let lag = best_lag(question, &one.near, reach);
    let kind = match moved.kind {
        Kind::Level => MovedKind::Level,
        Kind::Spread => MovedKind::Spread,
        Kind::Rate => MovedKind::Rate,
        Kind::Silence => MovedKind::Silence,
    };
    let finite = |value: f64| if value.is_finite() { value } else { 0.0 };
    MovedSeries {
        series: Some(one.series.clone()),
        kind: kind.into(),
        p: moved.p,
        size: moved.size,
        before: finite(moved.change.before),
        after: finite(moved.change.after),
        rate: one.rate,
        onset_ms: moved.onset.map(|bins| bins * MOVED_BIN_MS),
        lag_ms: lag.map(|lag| lag.bins * MOVED_BIN_MS),
        correlation: lag.map(|lag| lag.correlation),
        minutes: drawn(&one.near),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stretch_is_checked() {
        let now = 100 * 3_600_000;
        let plain = Around::asked(&ListMovedRequest::default(), now).unwrap();
        assert_eq!((plain.at_ms, plain.until_ms), (now - DEFAULT_MOVED_SPAN_MS, now));
        let recent = ListMovedRequest {
            at: Some(convert::timestamp(now - 5 * 60_000)),
            ..ListMovedRequest::default()
        };
        let recent = Around::asked(&recent, now).unwrap();
        assert_eq!(recent.until_ms, now, "what is not yet is not looked at");
        let grid = Grid::new(recent).unwrap();
        assert_eq!(grid.frame.after, 5);
        assert_eq!(grid.near_ms(), (recent.at_ms - 2 * DEFAULT_MOVED_SPAN_MS, now));
        let long = ListMovedRequest {
            at: Some(convert::timestamp(now - MAX_MOVED_SPAN_MS)),
            span_ms: MAX_MOVED_SPAN_MS,
            ..ListMovedRequest::default()
        };
        assert!(
            Grid::new(Around::asked(&long, now).unwrap()).is_ok(),
            "the longest span has a past"
        );
        for (at_ms, span_ms) in [(now - 60_000, 0), (now - 3_600_000, 60_000), (i64::MAX / 2_000_000, 0)] {
            let wrong = ListMovedRequest {
                at: Some(convert::timestamp(at_ms)),
                span_ms,
                ..ListMovedRequest::default()
            };
            assert!(Around::asked(&wrong, now).is_err(), "{wrong:?}");
        }
    }
}
