//! Series for `sla analyze` and `sla backtest`: from files, which need nothing else, or from the source of an instance.

use std::time::Duration;

use color_eyre::eyre::{Report, WrapErr as _, eyre};
use serde_json::Value;
use sla_domain::{Clock as _, Invalid, Query, SafeText, Samples, SystemClock, counter, duration, is_stale, spacing};
use sla_proto::convert;
use sla_proto::etl::v1::ReadSamplesRequest;
use sla_proto::samples::{RawReading, RawSeries, ReadLimits};
use sla_proto::series::v1::SeriesKind;
use sla_runtime::ToStatus as _;
use sla_runtime::status::unread;
use sla_source::xor;
use sla_views::{Seconds, labels};

use super::{Session, away, csv_file, samples};
use crate::cli::Input;
use crate::output;

/// Series analysed in one command at most: each gives some hundred kilobytes of JSON.
const MAX_SERIES: usize = 200;
/// What the source of an instance may bring to one command.
const LIMITS: ReadLimits = ReadLimits {
    series: MAX_SERIES,
    bytes: 256 << 20,
    time: Duration::from_secs(15),
};
/// Slots of a regular grid at most.
const MAX_SLOTS: usize = 1_000_000;
/// Longest distance of values, seconds: four months.
const MAX_STEP_S: f64 = 1e7;
/// Read before the window for the first rates of counters, milliseconds.
const RATE_LOOK_BACK_MS: i64 = 600_000;
/// Distance of values whose file says nothing about it.
const DEFAULT_STEP_MS: i64 = 15_000;

/// A series and what is known about its spacing.
#[derive(Debug, Clone)]
pub(super) struct Measured {
    /// What it is called on screen.
    pub(super) name: String,
    /// Its labels; a file has none.
    pub(super) labels: Option<Value>,
    /// For a counter: over how long the rates in `samples` were taken, milliseconds.
    pub(super) rate_over_ms: Option<i64>,
    /// Samples, oldest first; NaN and infinities are kept.
    pub(super) samples: Samples,
    /// Usual distance of samples, milliseconds, at least 1.
    pub(super) step_ms: i64,
}

impl Measured {
    /// The values on a regular grid of `step_ms` from the first sample on; NaN where nothing was seen. Of two samples that
    /// fall into one slot the later stays.
    pub(super) fn grid(&self) -> Result<Vec<f64>, Invalid> {
        let (Some(first), Some(last)) = (self.samples.times_ms.first(), self.samples.times_ms.last()) else {
            return Ok(Vec::new());
        };
        let slot = |time: i64| {
            let distance = i128::from(time) - i128::from(*first);
            (distance * 2 + i128::from(self.step_ms)) / (2 * i128::from(self.step_ms))
        };
        let count = slot(*last) + 1;
        if count > MAX_SLOTS as i128 {
            return Err(Invalid::new(
                "step",
                &duration::format_ms(self.step_ms),
                format!("gives {count} steps, more than {MAX_SLOTS}"),
                "give a longer --step, or a shorter part of the series",
            ));
        }
        let mut slots = vec![f64::NAN; count as usize];
        for (time, value) in self.samples.iter() {
            slots[slot(time) as usize] = value;
        }
        Ok(slots)
    }

    /// The distance of samples in seconds, as a JSON number.
    pub(super) fn step_json(&self) -> Value {
        Seconds(self.step_ms).json()
    }
}

/// The series of a file; needs no configuration and no instance.
pub(super) fn of_file(input: &Input) -> Result<Measured, Report> {
    let at = input.at.ms()?;
    let (path, mut samples, step_ms) = if let Some(path) = &input.csv {
        let samples = csv_file::read(path, &input.columns)?;
        let step_ms = match input.step {
            Some(step) => checked_step_ms("step", step.ms() as f64 / 1000.0)?,
            None => spacing::spacing_ms(&samples).unwrap_or(DEFAULT_STEP_MS).max(1),
        };
        (path, samples, step_ms)
    } else {
        let path = input
            .values
            .as_ref()
            .ok_or_else(|| eyre!("neither --csv nor --values was given"))?;
        let file = samples::read_values(path)?;
        let step_ms = match (input.step, file.step_seconds) {
            (Some(step), _) => checked_step_ms("step", step.ms() as f64 / 1000.0)?,
            (None, Some(seconds)) => checked_step_ms("step_seconds", seconds)?,
            (None, None) => DEFAULT_STEP_MS,
        };
        let times = (0..file.values.len() as i64).map(|k| k * step_ms).collect();
        (path, Samples::from_columns(times, file.values), step_ms)
    };
    if let Some(at_ms) = at {
        let upto = samples.times_ms.partition_point(|&time| time <= at_ms);
        samples.times_ms.truncate(upto);
        samples.values.truncate(upto);
    }
    Ok(Measured {
        name: path.display().to_string(),
        labels: None,
        rate_over_ms: None,
        samples,
        step_ms,
    })
}

/// Seconds between values as milliseconds.
fn checked_step_ms(field: &str, step_s: f64) -> Result<i64, Invalid> {
    if (0.001..=MAX_STEP_S).contains(&step_s) {
        Ok((step_s * 1000.0).round() as i64)
    } else {
        Err(Invalid::new(
            field,
            &step_s.to_string(),
            format!("must lie between 0.001 and {MAX_STEP_S} seconds"),
            "give the time between two values",
        ))
    }
}

/// The series of the source that match, counters as rates; that there are none is said.
pub(super) async fn of_source(session: &Session, input: &Input) -> Result<Vec<Measured>, Report> {
    let text = input.selector.as_deref().unwrap_or("");
    let query = Query::parse(text).map_err(|error| error.into_invalid("selector", text))?;
    let asked_ms = input.at.ms()?;
    let at_ms = asked_ms.unwrap_or_else(|| SystemClock.now_ms());
    let after_ms = at_ms.saturating_sub(input.window.ms());
    let request = ReadSamplesRequest {
        queries: vec![sla_proto::series::v1::Query {
            source: input.source.clone().unwrap_or_default(),
            ..convert::query_message(&query, input.step.map_or(0, crate::config::Span::ms))
        }],
        // The first rates look back before the window.
        after: Some(convert::timestamp(after_ms.saturating_sub(RATE_LOOK_BACK_MS))),
        until: Some(convert::timestamp(at_ms)),
        max_series: MAX_SERIES as u32,
        ..ReadSamplesRequest::default()
    };
    let RawReading { series, summary } = session
        .peer()
        .await?
        .read_samples(request, LIMITS)
        .await
        .map_err(|error| error.to_status())?;
    if let Some(failure) = summary.failures.first() {
        return Err(
            unread(&failure.reason, failure.message.as_str(), summary.status.as_ref())
                .status()
                .into(),
        );
    }
    away::remark(summary.status.as_ref());
    let problem = summary.status.map(|status| status.problem).unwrap_or_default();
    if !problem.is_empty() {
        output::remark(&format!("the source: {}", SafeText::new(&problem)));
    }
    if series.is_empty() && !session.global.json {
        output::remark(&away::no_series(asked_ms, "the window"));
    }
    series
        .into_iter()
        .map(|raw| measured(&raw, input, after_ms, at_ms))
        .collect()
}

fn measured(raw: &RawSeries, input: &Input, after_ms: i64, until_ms: i64) -> Result<Measured, Report> {
    let name = raw.labels().to_string();
    let mut all = Samples::default();
    for chunk in &raw.chunks {
        xor::decode_range(&chunk.xor, i64::MIN, until_ms, &mut all)
            .wrap_err_with(|| format!("the samples of {} cannot be decoded", SafeText::new(&name)))?;
    }
    let step_ms = raw.spacing_ms.max(1);
    let rate_over_ms = (raw.series.kind() == SeriesKind::Counter).then(|| counter::rate_over_ms(None, step_ms));
    if let Some(over_ms) = rate_over_ms {
        all = counter::rate(&all, over_ms);
    }
    let (times, values) = all.between(after_ms, until_ms);
    // Stale markers say that a series ended: no samples.
    let seen = times.iter().zip(values).filter(|(_, value)| !is_stale(**value));
    let (times, values) = seen.map(|(time, value)| (*time, *value)).unzip();
    Ok(Measured {
        name,
        labels: Some(serde_json::json!(labels(Some(&raw.series)))),
        rate_over_ms,
        samples: Samples::from_columns(times, values),
        step_ms: input.step.map_or(step_ms, crate::config::Span::ms).max(1),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(times_ms: Vec<i64>, values: Vec<f64>, step_ms: i64) -> Measured {
        Measured {
            name: String::new(),
            labels: None,
            rate_over_ms: None,
            samples: Samples { times_ms, values },
            step_ms,
        }
    }

    #[test]
    fn a_grid_keeps_gaps_and_bears_with_jitter() {
        let jittered = series(vec![0, 15_300, 29_800, 60_000], vec![1.0, 2.0, 3.0, 5.0], 15_000);
        let slots = jittered.grid().unwrap();
        assert_eq!(slots.len(), 5);
        assert_eq!((slots[0], slots[1], slots[2], slots[4]), (1.0, 2.0, 3.0, 5.0));
        assert!(slots[3].is_nan());
        assert!(series(Vec::new(), Vec::new(), 1).grid().unwrap().is_empty());
    }

    #[test]
    fn an_endless_grid_is_refused() {
        let far = series(vec![i64::MIN, i64::MAX], vec![0.0, 1.0], 1);
        assert_eq!(far.grid().unwrap_err().field, "step");
    }
}
