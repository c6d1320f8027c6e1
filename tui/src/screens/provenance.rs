//! Why a number is what it is: where it was read, how, over which window, and when.

use sla_domain::Unit;
use sla_proto::objective::v1::{MissingPolicy, Objective};
use sla_proto::violation::v1::{Outlook, WindowResult};

use super::trust;
use crate::context::{Context, wire};
use crate::format::{duration, maybe, number, percent, plural};

/// Where samples come from and how they are read.
pub(crate) fn source_lines(cx: &Context) -> Vec<String> {
    let Some(source) = cx.source() else {
        return vec!["source     nothing was told about it yet".to_owned()];
    };
    let place = if source.address.is_empty() {
        source.source.clone()
    } else {
        format!("{} at {}", source.source, source.address)
    };
    let version = if source.version.is_empty() {
        String::new()
    } else {
        format!(", {}", source.version)
    };
    let way = match source.way.as_str() {
        "chunks" => "remote read of compressed chunks: raw samples",
        "samples" => "remote read of samples: raw samples",
        "instant" => "an instant query of a range, as JSON: raw samples",
        "range" => "a range query at a step: no raw samples",
        "replay" => "a replayed recording: raw samples",
        "" => "not told yet",
        other => other,
    };
    let now = cx.data_now_ms();
    let last = wire::ms(source.last_success.as_ref()).map_or_else(
        || "never".to_owned(),
        |t| format!("{} {}", cx.zone.moment(t, now), cx.zone.word()),
    );
    let mut lines = vec![
        format!("source     {place}{version}"),
        format!("read by    {way}; last answer {last}"),
    ];
    if source.hides_stale_markers {
        lines.push(
            "           this way hides stale markers: a gap then begins when the last sample's hold ends".to_owned(),
        );
    }
    if !source.problem.is_empty() {
        lines.push(format!("problem    {}", source.problem));
    }
    lines.extend(source.warnings.iter().map(|warning| format!("warning    {warning}")));
    if let Some(at) = cx.overview.get().and_then(|o| wire::ms(o.evaluated.as_ref())) {
        lines.push(format!(
            "judged     at {} {}, all windows at that one instant",
            cx.zone.moment(at, now),
            cx.zone.word()
        ));
    }
    lines
}

/// How an objective is judged.
pub(crate) fn rule_lines(objective: &Objective, cap_ms: Option<i64>) -> Vec<String> {
    let missing = match objective.missing() {
        MissingPolicy::Gap | MissingPolicy::Unspecified => "is dropped (gap)".to_owned(),
        MissingPolicy::Good => "counts as good".to_owned(),
        MissingPolicy::Bad => "counts as bad".to_owned(),
        MissingPolicy::Hold => format!("holds the last value, at most {}", duration(objective.hold_max_ms)),
        MissingPolicy::Zero => "is judged as the value 0".to_owned(),
    };
    let hold = cap_ms.filter(|ms| *ms > 0).map_or_else(
        || "a sample holds until the next, at most twice the usual spacing".to_owned(),
        |ms| format!("a sample holds until the next, at most {}", duration(ms)),
    );
    let suggested = if objective.suggested {
        ", suggested, agreed by nobody yet"
    } else {
        ""
    };
    vec![
        format!("query      {}", wire::query_text(objective.query.as_ref())),
        format!(
            "range      {} (bounds are good), generation {}{suggested}",
            wire::range_text(objective.range.as_ref(), wire::objective_unit(objective)),
            objective.generation
        ),
        format!("time       {hold}; what is unknown {missing}"),
    ]
}

/// How the figures of one window come about.
pub(crate) fn window_lines(w: &WindowResult, unit: Unit) -> Vec<String> {
    let length = duration(w.window_ms);
    if w.judged_ms == 0 {
        return vec![format!("{length:<10} nothing is known of it: no data")];
    }
    let share = 1.0 - w.bad_ms as f64 / w.judged_ms as f64;
    let floor = if w.percent_good.is_none() {
        "; too little is known: shown as no data"
    } else {
        ""
    };
    let nan = if w.samples_nan > 0 {
        format!(", {} NaN skipped", w.samples_nan)
    } else {
        String::new()
    };
    vec![
        format!(
            "{length:<10} good = 1 - bad / judged = 1 - {} / {} = {}{floor}",
            duration(w.bad_ms),
            duration(w.judged_ms),
            percent(share)
        ),
        format!(
            "           {} outside for {}, worst {}; {} of {} samples{nan}; known {} of it, unknown {}",
            plural(w.violations, "interval"),
            duration(w.violated_ms),
            maybe(w.worst, unit),
            w.samples_violating,
            w.samples,
            percent(w.coverage),
            duration(w.unknown_ms)
        ),
    ]
}

/// Where a probability comes from and how often such words were right.
pub(crate) fn outlook_lines(cx: &Context, outlook: &Outlook) -> Vec<String> {
    let horizon = trust::horizon_ms(cx, outlook);
    let made = wire::ms(outlook.made.as_ref()).map_or_else(String::new, |t| format!(", made {}", cx.zone.clock(t)));
    let told = trust::probability(outlook).map_or_else(
        || "no probability is given".to_owned(),
        |p| format!("{p} to leave the range"),
    );
    let mut lines = vec![
        format!("future     {told} within {}{made}", duration(horizon)),
        format!(
            "           the greatest allowed value is held against the forecast of the max, the least against that of the min"
        ),
    ];
    if !outlook.method.is_empty() {
        lines.push(format!("method     {}", outlook.method));
    }
    lines.push(format!("record     {}", trust::words(outlook)));
    if let Some(record) = &outlook.track_record {
        let scores: Vec<String> = [
            ("this forecast", record.brier),
            ("as it is now", record.brier_last_value),
            ("base rate", record.brier_base_rate),
            ("ARIMA", record.brier_arima),
        ]
        .into_iter()
        .filter_map(|(name, score)| score.map(|score| format!("{name} {}", number(score, Unit::PLAIN))))
        .collect();
        if !scores.is_empty() {
            lines.push(format!("           Brier score, less is better: {}", scores.join(", ")));
        }
        if let Some(inside) = record.coverage_95 {
            lines.push(format!(
                "           {} of the values lay inside the 95 % band",
                percent(inside)
            ));
        }
    }
    lines.push(
        "           unproven until 30 forecasts are scored with 5 of each outcome; withheld when worse than `as it is now`"
            .to_owned(),
    );
    if outlook.low_confidence {
        lines.push(
            "           low confidence: under an hour of history, constant, changed, or short against the horizon"
                .to_owned(),
        );
    }
    lines
}
