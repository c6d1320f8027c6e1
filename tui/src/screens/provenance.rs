//! Why a number is what it is: where it was read, how, over which window, and when.

use sla_domain::Unit;
use sla_proto::objective::v1::{MissingPolicy, Objective};
use sla_proto::violation::v1::{Outlook, WindowResult};

use super::trust;
use crate::context::{Context, wire};
use crate::format::{duration, maybe, number, percent};
use crate::say;

/// Where samples come from and how they are read.
pub(crate) fn source_lines(cx: &Context) -> Vec<String> {
    let Some(source) = cx.source() else {
        return vec![say::provenance::source_nothing_was_told().to_owned()];
    };
    let place = if source.address.is_empty() {
        source.source.clone()
    } else {
        say::provenance::at(&source.source, &source.address)
    };
    let version = if source.version.is_empty() {
        String::new()
    } else {
        format!(", {}", source.version)
    };
    let way = match source.way.as_str() {
        "chunks" => say::provenance::remote_read_of_compressed(),
        "samples" => say::provenance::remote_read_of_samples(),
        "instant" => say::provenance::an_instant_query_of(),
        "range" => say::provenance::a_range_query_at(),
        "replay" => say::provenance::a_replayed_recording_raw(),
        "" => say::provenance::not_told_yet(),
        other => other,
    };
    let now = cx.data_now_ms();
    let last = wire::ms(source.last_success.as_ref()).map_or_else(
        || say::provenance::never().to_owned(),
        |t| format!("{} {}", cx.zone.moment(t, now), cx.zone.word()),
    );
    let mut lines = vec![
        say::provenance::source(&place, &version),
        say::provenance::read_by_last_answer(&way, &last),
    ];
    if source.hides_stale_markers {
        lines.push(say::provenance::this_way_hides_stale().to_owned());
    }
    if !source.problem.is_empty() {
        lines.push(say::provenance::problem(&source.problem));
    }
    lines.extend(source.warnings.iter().map(|warning| say::provenance::warning(&warning)));
    if let Some(at) = cx.overview.get().and_then(|o| wire::ms(o.evaluated.as_ref())) {
        lines.push(say::provenance::judged_at_all_windows(
            &cx.zone.moment(at, now),
            &cx.zone.word(),
        ));
    }
    lines
}

/// How an objective is judged.
pub(crate) fn rule_lines(objective: &Objective, cap_ms: Option<i64>) -> Vec<String> {
    let missing = match objective.missing() {
        MissingPolicy::Gap | MissingPolicy::Unspecified => say::provenance::is_dropped_gap().to_owned(),
        MissingPolicy::Good => say::provenance::counts_as_good().to_owned(),
        MissingPolicy::Bad => say::provenance::counts_as_bad().to_owned(),
        MissingPolicy::Hold => say::provenance::holds_the_last_value(&duration(objective.hold_max_ms)),
        MissingPolicy::Zero => say::provenance::is_judged_as_the().to_owned(),
    };
    let hold = cap_ms.filter(|ms| *ms > 0).map_or_else(
        || say::provenance::a_sample_holds_until().to_owned(),
        |ms| say::provenance::a_sample_holds_until_the(&duration(ms)),
    );
    let suggested = if objective.suggested {
        say::provenance::suggested_agreed_by_nobody()
    } else {
        ""
    };
    vec![
        say::provenance::query(&wire::query_text(objective.query.as_ref())),
        say::provenance::range_bounds_are_good(
            &wire::range_text(objective.range.as_ref(), wire::objective_unit(objective)),
            &objective.generation,
            &suggested,
        ),
        say::provenance::time_what_is_unknown(&hold, &missing),
    ]
}

/// How the figures of one window come about.
pub(crate) fn window_lines(w: &WindowResult, unit: Unit) -> Vec<String> {
    let length = duration(w.window_ms);
    if w.judged_ms == 0 {
        return vec![say::provenance::nothing_is_known_of(&format_args!("{length:<10}"))];
    }
    let share = 1.0 - w.bad_ms as f64 / w.judged_ms as f64;
    let floor = if w.percent_good.is_none() {
        say::provenance::too_little_is_known()
    } else {
        ""
    };
    let nan = if w.samples_nan > 0 {
        say::provenance::nan_skipped(&w.samples_nan)
    } else {
        String::new()
    };
    vec![
        say::provenance::good_1_bad_judged(
            &format_args!("{length:<10}"),
            &duration(w.bad_ms),
            &duration(w.judged_ms),
            &percent(share),
            &floor,
        ),
        say::provenance::outside_for_worst_of(
            &say::counts::intervals(&w.violations),
            &duration(w.violated_ms),
            &maybe(w.worst, unit),
            &w.samples_violating,
            &w.samples,
            &nan,
            &percent(w.coverage),
            &duration(w.unknown_ms),
        ),
    ]
}

/// Where a probability comes from and how often such words were right.
pub(crate) fn outlook_lines(cx: &Context, outlook: &Outlook) -> Vec<String> {
    let horizon = trust::horizon_ms(cx, outlook);
    let made = wire::ms(outlook.made.as_ref()).map_or_else(String::new, |t| say::provenance::made(&cx.zone.clock(t)));
    let told = trust::probability(outlook).map_or_else(
        || say::provenance::no_probability_is_given().to_owned(),
        |p| say::provenance::to_leave_the_range(&p),
    );
    let mut lines = vec![
        say::provenance::future_within(&told, &duration(horizon), &made),
        say::provenance::the_greatest_allowed_value().to_owned(),
    ];
    if !outlook.method.is_empty() {
        lines.push(say::provenance::method(&outlook.method));
    }
    lines.push(say::provenance::record(&trust::words(outlook)));
    if let Some(record) = &outlook.track_record {
        let scores: Vec<String> = [
            (say::provenance::this_forecast(), record.brier),
            (say::provenance::as_it_is_now(), record.brier_last_value),
            (say::provenance::base_rate(), record.brier_base_rate),
            (say::provenance::arima(), record.brier_arima),
        ]
        .into_iter()
        .filter_map(|(name, score)| score.map(|score| format!("{name} {}", number(score, Unit::PLAIN))))
        .collect();
        if !scores.is_empty() {
            lines.push(say::provenance::brier_score_less_is(&scores.join(", ")));
        }
        if let Some(inside) = record.coverage_95 {
            lines.push(say::provenance::of_the_values_lay(&percent(inside)));
        }
    }
    lines.push(say::provenance::unproven_until_30_forecasts().to_owned());
    if outlook.low_confidence {
        lines.push(say::provenance::low_confidence_under_an().to_owned());
    }
    lines
}
