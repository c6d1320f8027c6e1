//! Stateless evaluation: what an objective did, or would have done, at any instant.

use std::collections::HashMap;
use std::sync::Arc;

use sla_domain::SeriesId;
use sla_domain::invalid::Invalid;
use sla_domain::objective::ObjectiveId;
use sla_domain::safe_text::SafeText;
use sla_proto::convert;
use sla_proto::result::v1::Forecast;
use sla_proto::violation::v1 as pb;

use crate::core::{DEFAULT_SOURCE, ManagerCore};
use crate::error::SlaError;
use crate::evaluation::asked::Asked;
use crate::evaluation::judge::judge;
use crate::evaluation::status::{as_unread, not_yet, objective_status};
use crate::options::{LATE_SAMPLES_MS, MAX_INLINE_OBJECTIVES, MAX_SAMPLES_PER_ANSWER, MAX_WINDOW_MS, MAX_WINDOWS};
use crate::outlook;
use crate::samples::reader::{ReadPlan, SamplesRead, read};
use crate::samples::series::HeldSeries;
use crate::samples::wanted::Wanted;
use crate::sets::catalog::{KnownObjective, wanted};
use crate::sets::sight::Asker;

/// The longest cap that may be asked for, milliseconds (31 d, as the longest setting of an objective).
const MAX_CAP_MS: i64 = sla_domain::Objective::MAX_DURATION_MS;
/// History before the longest window, milliseconds: a value from before carries in.
const BEFORE_MS: i64 = 10 * 60_000;
/// An instant this much ahead of the source's time has not come yet, milliseconds: clocks differ by less.
const AHEAD_MS: i64 = 60_000;
const CANNOT_EVALUATE: &str = "this cannot be evaluated";

/// For the rpc.
pub(crate) async fn evaluate(
    core: &ManagerCore,
    request: pb::EvaluateRequest,
    asker: &Asker,
) -> Result<pb::EvaluateResponse, SlaError> {
    core.metrics.what_ifs.inc();
    let mut asked = asked(core, &request)?;
    let objectives = objectives(core, &request, asker).await?;
    let queries = wanted(&objectives);
    // The answer has one instant: of several sources the present of the default one.
    let source = only_source(&queries);
    let present_ms = || core.present_of(source.unwrap_or(DEFAULT_SOURCE));
    if request.at.is_none() {
        asked.at_ms = present_ms();
    }
    let mut reading = samples(core, &queries, &asked, request.cached_only).await?;
    let present = request.at.is_none() && !request.cached_only;
    if present
        && let Some(source) = source
        && core.clocks.note(source, &reading.end.status)
    {
        // The first who asks learns only by the answer how far apart the clocks are.
        asked.at_ms = present_ms();
        reading = samples(core, &queries, &asked, request.cached_only).await?;
    }
    let asked = if request.cached_only && request.at.is_none() {
        Asked {
            at_ms: memory_ms(&reading, asked.at_ms),
            ..asked
        }
    } else {
        asked
    };
    let source = reading.end.status.clone();
    let (held, failures) = held(reading);
    let cached_only = request.cached_only;
    let (with_intervals, horizon_ms) = (request.with_intervals, core.options.horizon_ms);
    // What the rounds have found is of now: an instant asked for is forecast from what was known then.
    let board = request.at.is_none().then(|| core.outlooks.clone());
    let drawings = request.with_outlook.then(|| core.drawings.clone());
    // While somebody types the classic forecast would come too late.
    let classic = if request.with_outlook && !request.cached_only {
        classic_forecasts(core, &queries, asked.at_ms).await
    } else {
        HashMap::new()
    };
    let classic = Arc::new(classic);
    // One piece of work an objective, so that all threads take part; answers keep their order.
    let work = objectives.into_iter().map(|known| {
        let (mut series, problem) = answers(&known, &queries, &held, &failures);
        core.spacings.apply(&known, &mut series);
        let (asked, board, drawings, classic) = (asked.clone(), board.clone(), drawings.clone(), classic.clone());
        core.judging.run(move || {
            let judged = judge(&known, &series, &asked, &HashMap::new());
            let mut status = objective_status(&judged, horizon_ms, with_intervals, &problem);
            // What is in memory holds as long as its samples do; of what was read for this, some is missing.
            if !problem.is_empty() && !cached_only {
                as_unread(&mut status, std::iter::empty(), None);
            }
            if let Some(drawings) = &drawings {
                outlook::drawings::add(board.as_deref(), drawings, &classic, &judged, &mut status, horizon_ms);
            }
            status
        })
    });
    let mut told = futures::future::try_join_all(work).await?;
    limit_samples(&mut told, MAX_SAMPLES_PER_ANSWER);
    let ahead_ms = asked.at_ms.saturating_sub(present_ms());
    if ahead_ms > AHEAD_MS {
        for status in &mut told {
            not_yet(status, ahead_ms);
        }
    }
    Ok(pb::EvaluateResponse {
        at: Some(convert::timestamp(asked.at_ms)),
        objectives: told,
        source: Some(source),
    })
}

/// The source of all queries, by the name that they give it.
fn only_source(queries: &[Wanted]) -> Option<&str> {
    let source = queries.first()?.key.source();
    queries.iter().all(|want| want.key.source() == source).then_some(source)
}

/// What the queries find up to the instant that is asked for.
async fn samples(
    core: &ManagerCore,
    queries: &[Wanted],
    asked: &Asked,
    cached_only: bool,
) -> Result<SamplesRead, SlaError> {
    if queries.is_empty() {
        return Ok(SamplesRead::default());
    }
    let carry_ms = asked.cap_ms.unwrap_or(BEFORE_MS).clamp(BEFORE_MS, MAX_WINDOW_MS);
    let plan = ReadPlan {
        queries: queries.iter().map(|want| want.message.clone()).collect(),
        after_ms: asked.at_ms.saturating_sub(asked.longest_ms()).saturating_sub(carry_ms),
        until_ms: asked.at_ms,
        max_series: core.options.max_series,
        cached_only,
    };
    read(&core.peer, &core.judging, &plan).await
}

/// Classic forecasts made at an instant, by series; what cannot be forecast is left out.
async fn classic_forecasts(core: &ManagerCore, queries: &[Wanted], at_ms: i64) -> HashMap<SeriesId, Forecast> {
    let mut found = HashMap::new();
    for want in queries {
        match outlook::classic::forecasts(&core.peer, want.message.clone(), at_ms).await {
            Ok(of_query) => found.extend(of_query),
            Err(error) => tracing::debug!(error = %error.words(), "no classic forecast"),
        }
    }
    found
}

fn asked(core: &ManagerCore, request: &pb::EvaluateRequest) -> Result<Asked, SlaError> {
    let refuse = |field: &str, value: i64, rule: String, fix: &str| {
        let invalid = Invalid::new(field, &sla_domain::duration::format_ms(value), rule, fix);
        Err(SlaError::invalid(CANNOT_EVALUATE, invalid))
    };
    let windows_ms: Vec<i64> = if request.windows.is_empty() {
        core.options.windows_ms.clone()
    } else {
        request.windows.iter().map(convert::duration_ms).collect()
    };
    if windows_ms.len() > MAX_WINDOWS {
        let invalid = Invalid::new(
            "windows",
            &windows_ms.len().to_string(),
            format!("at most {MAX_WINDOWS} windows can be asked for"),
            "ask for fewer",
        );
        return Err(SlaError::invalid(CANNOT_EVALUATE, invalid));
    }
    for (at, &window) in windows_ms.iter().enumerate() {
        if !(1..=MAX_WINDOW_MS).contains(&window) {
            let rule = format!(
                "must lie above 0 and at most at {}",
                sla_domain::duration::format_ms(MAX_WINDOW_MS)
            );
            return refuse(&format!("windows[{at}]"), window, rule, "give a window such as 12h");
        }
    }
    let cap_ms = request.cap.as_ref().map(convert::duration_ms);
    if let Some(cap) = cap_ms
        && !(1..=MAX_CAP_MS).contains(&cap)
    {
        return refuse(
            "cap",
            cap,
            "must lie above 0 and at most at 31d".to_owned(),
            "give a cap such as 120s",
        );
    }
    Ok(Asked {
        at_ms: request.at.as_ref().map_or_else(|| core.present_ms(), convert::millis),
        windows_ms,
        cap_ms,
    })
}

async fn objectives(
    core: &ManagerCore,
    request: &pb::EvaluateRequest,
    asker: &Asker,
) -> Result<Vec<Arc<KnownObjective>>, SlaError> {
    if request.objectives.is_empty() {
        let sets = core.sets().await?;
        let shown = asker.shown(&sets, None);
        let mut of_set: Vec<Arc<KnownObjective>> = match (request.set.as_str(), request.objective_id.as_str()) {
            // Nothing named: what is watched.
            ("", "") => sets.watched().objectives.clone(),
            ("", _) => sets.all.iter().flat_map(|set| set.objectives.iter().cloned()).collect(),
            (set, _) => asker.find(&sets, set)?.objectives.clone(),
        };
        of_set.retain(|known| shown.has(&known.set_id));
        if request.objective_id.is_empty() {
            return Ok(of_set);
        }
        let wanted = &request.objective_id;
        let one = of_set
            .iter()
            .find(|known| known.objective.id.as_str() == wanted)
            .or_else(|| of_set.iter().find(|known| known.objective.name == *wanted));
        return one.map(|known| vec![known.clone()]).ok_or_else(|| SlaError::NotFound {
            what: "objective",
            name: SafeText::new(wanted),
        });
    }
    if request.objectives.len() > MAX_INLINE_OBJECTIVES {
        let invalid = Invalid::new(
            "objectives",
            &request.objectives.len().to_string(),
            format!("at most {MAX_INLINE_OBJECTIVES} objectives can be evaluated at once"),
            "ask in several calls",
        );
        return Err(SlaError::invalid(CANNOT_EVALUATE, invalid));
    }
    let mut known = Vec::with_capacity(request.objectives.len());
    let mut problems = Vec::new();
    for (at, asked) in request.objectives.iter().enumerate() {
        match convert::objective(asked) {
            Ok(mut objective) => {
                // Nothing that is stored nowhere may be mistaken for something stored.
                if asked.id.is_empty()
                    && let Ok(id) = ObjectiveId::new(format!("what-if-{at}"))
                {
                    objective.id = id;
                }
                known.push(Arc::new(KnownObjective::new("", "", objective, asked)));
            }
            Err(found) => {
                let path = format!("objectives[{at}]");
                problems.extend(found.into_iter().map(|invalid| invalid.within(&path)));
            }
        }
    }
    if problems.is_empty() {
        return Ok(known);
    }
    Err(SlaError::Invalid {
        what: CANNOT_EVALUATE,
        problems,
    })
}

/// Leaves the lists of violating samples away once `left` of them are listed; their number stays.
fn limit_samples(objectives: &mut [pb::ObjectiveStatus], mut left: usize) {
    let series = objectives.iter_mut().flat_map(|objective| &mut objective.series);
    let windows = series.flat_map(|series| &mut series.windows);
    for interval in windows.flat_map(|window| &mut window.intervals) {
        interval.sample_times.truncate(left);
        interval.sample_values.truncate(left);
        left -= interval.sample_times.len();
    }
}

/// The instant of what is in memory: the oldest of the queries' newest samples, so that figures do not fade while
/// somebody types. Queries that were silent long before `now_ms` do not hold it back.
fn memory_ms(reading: &SamplesRead, now_ms: i64) -> i64 {
    let mut newest: HashMap<usize, i64> = HashMap::new();
    for series in &reading.series {
        if let Some(&last) = series.held.samples.times_ms.last() {
            let newest = newest.entry(series.query_index).or_insert(last);
            *newest = last.max(*newest);
        }
    }
    newest
        .into_values()
        .filter(|&last| last > now_ms - LATE_SAMPLES_MS)
        .min()
        .map_or(now_ms, |oldest| oldest.min(now_ms))
}

/// Problems of the queries of a reading; the source's own concerns them all.
struct Failures {
    by_query: HashMap<usize, String>,
    of_source: String,
}

/// The series with the query they were found by, their samples shared by all objectives they answer.
fn held(reading: SamplesRead) -> (Vec<(usize, HeldSeries)>, Failures) {
    let failures = Failures {
        by_query: reading
            .end
            .failures
            .into_iter()
            .map(|failure| (failure.query_index as usize, failure.message))
            .collect(),
        of_source: reading.end.status.problem,
    };
    let held = reading
        .series
        .into_iter()
        .map(|series| (series.query_index, series.held));
    (held.collect(), failures)
}

/// The series that answer an objective, and why its query failed.
fn answers(
    known: &KnownObjective,
    queries: &[Wanted],
    held: &[(usize, HeldSeries)],
    failures: &Failures,
) -> (Vec<HeldSeries>, String) {
    let index = queries.iter().position(|want| want.key == known.wanted.key);
    let series = held
        .iter()
        .filter(|(found_by, held)| {
            // A series comes once, for the first query it answers: the others recognise it by its labels.
            let found = queries.get(*found_by);
            Some(*found_by) == index || found.is_some_and(|found| known.wanted.is_answered_by(&held.head, found))
        })
        .map(|(_, held)| held.clone())
        .collect();
    let failure = index.and_then(|index| failures.by_query.get(&index));
    let words = failure.unwrap_or(&failures.of_source);
    (series, SafeText::new(words).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::judge::tests::{held, known};
    use crate::samples::reader::{ReadEnd, ReadSeries};
    use sla_domain::range::AllowedRange;
    use sla_proto::etl::v1::QueryFailure;
    use sla_proto::series::v1::SeriesKind;

    fn series(host: &str, query_index: usize, last_ms: i64) -> ReadSeries {
        ReadSeries {
            held: held("up", host, SeriesKind::Gauge, 15_000, &[(0, 1.0), (last_ms, 1.0)]),
            query_index,
        }
    }

    #[test]
    fn each_objective_gets_its_series_and_its_problem() {
        let range = AllowedRange::at_least(1.0).unwrap();
        let all = known("up", range);
        let one = known("up{instance=\"a\"}", range);
        let queries = wanted(&[all.clone(), one.clone()]);
        let index = |known: &KnownObjective| queries.iter().position(|want| want.key == known.wanted.key).unwrap();
        let reading = SamplesRead {
            series: vec![series("a", index(&all), 60_000), series("b", index(&all), 75_000)],
            end: ReadEnd {
                failures: vec![QueryFailure {
                    query_index: index(&one) as u32,
                    reason: "X".into(),
                    message: "503".into(),
                }],
                ..ReadEnd::default()
            },
        };
        assert_eq!(memory_ms(&reading, 80_000), 75_000);
        assert_eq!(memory_ms(&reading, 70_000), 70_000, "nothing of the future");
        assert_eq!(memory_ms(&reading, 10_000_000), 10_000_000, "long silence is silence");
        let (held, failures) = super::held(reading);
        let (of_all, fine) = answers(&all, &queries, &held, &failures);
        assert_eq!((of_all.len(), fine.as_str()), (2, ""));
        let (of_one, problem) = answers(&one, &queries, &held, &failures);
        assert_eq!((of_one.len(), problem.as_str()), (1, "503"));
    }
}
