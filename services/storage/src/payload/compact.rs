//! The short form of a part, for the history: a third to a sixth of the protobuf. Statistics come back bit by bit; a
//! forecast line comes back at 16 bits of its own range and without the smoothing parameters, which only the newest
//! forecast is asked for. Whatever does not fit the form is kept as a message instead.

use prost_types::Timestamp;
use sla_proto::convert;
use sla_proto::result::v1::series_result::Outcome;
use sla_proto::result::v1::{
    Analysis, Forecast, ForecastLine, ForecastPoint, RateStatistics, SeriesResult, StepTiming, WindowStatistics,
};
use sla_proto::series::v1::Point;

use super::bytes::{Sink, Source};

/// Steps that every run has; others are written out. Append only: the position is in the database.
const STEPS: &[&str] = &["extract", "statistics", "metadata", "forecast", "publish"];
/// Marks a step that is written out.
const OTHER_STEP: u8 = 0xff;

const STATISTICS: u8 = 1;
const FORECAST: u8 = 2;

const HAS_RATE: u8 = 1;
const HAS_LAST: u8 = 2;
const HAS_LAST_RATE: u8 = 4;

/// Numbers of a window, in the order of the message.
const NUMBERS: usize = 7;
/// How a number is written, two bits each.
const FULL: u16 = 0;
const INTEGER: u16 = 1;
const SINGLE: u16 = 2;
const AS_BEFORE: u16 = 3;
/// Integers up to here survive the way through f64.
const MAX_INTEGER: f64 = 9_007_199_254_740_992.0;

/// The short form, or `None` when the part has another shape.
pub(super) fn encode(content: &SeriesResult) -> Option<Vec<u8>> {
    let Some(Outcome::Analysis(analysis)) = &content.outcome else {
        return None;
    };
    let mut sink = Sink::default();
    let lossless = match analysis {
        Analysis {
            metadata: None,
            forecast: None,
            ..
        } => {
            sink.byte(STATISTICS);
            put_statistics(&mut sink, analysis)?;
            true
        }
        Analysis {
            metadata: None,
            forecast: Some(forecast),
            windows,
            rate: None,
            ..
        } if windows.is_empty() => {
            sink.byte(FORECAST);
            put_forecast(&mut sink, forecast)?;
            false
        }
        _ => return None,
    };
    put_timings(&mut sink, &content.timings);
    // The proof of the form: what does not come back the same (times in nanoseconds, say) keeps its message.
    // Step times are compared apart: single precision is enough for them.
    let back = decode(&sink.0)?;
    (!lossless || back.outcome == content.outcome).then_some(sink.0)
}

/// What [`encode`] wrote.
pub(super) fn decode(bytes: &[u8]) -> Option<SeriesResult> {
    let mut source = Source(bytes);
    let analysis = match source.byte()? {
        STATISTICS => take_statistics(&mut source)?,
        FORECAST => Analysis {
            forecast: Some(take_forecast(&mut source)?),
            ..Analysis::default()
        },
        _ => return None,
    };
    let timings = take_timings(&mut source)?;
    let content = SeriesResult {
        outcome: Some(Outcome::Analysis(analysis)),
        timings,
        ..SeriesResult::default()
    };
    source.is_empty().then_some(content)
}

fn put_timings(sink: &mut Sink, timings: &[StepTiming]) {
    sink.varint(timings.len() as u64);
    for timing in timings {
        match STEPS.iter().position(|step| *step == timing.step) {
            Some(at) => sink.byte(at as u8),
            None => {
                sink.byte(OTHER_STEP);
                sink.text(&timing.step);
            }
        }
        sink.single(timing.ms as f32);
        sink.interval(timing.window_ms);
    }
}

fn take_timings(source: &mut Source<'_>) -> Option<Vec<StepTiming>> {
    let count = source.count()?;
    let mut timings = Vec::with_capacity(count);
    for _ in 0..count {
        let step = match source.byte()? {
            OTHER_STEP => source.text()?,
            at => (*STEPS.get(usize::from(at))?).to_owned(),
        };
        timings.push(StepTiming {
            step,
            ms: source.single()?.into(),
            window_ms: source.interval()?,
        });
    }
    Some(timings)
}

fn put_statistics(sink: &mut Sink, analysis: &Analysis) -> Option<()> {
    let mut flags = 0;
    for (present, flag) in [
        (analysis.rate.is_some(), HAS_RATE),
        (analysis.last.is_some(), HAS_LAST),
        (analysis.last_rate.is_some(), HAS_LAST_RATE),
    ] {
        if present {
            flags |= flag;
        }
    }
    sink.byte(flags);
    sink.interval(analysis.spacing_ms);
    put_windows(sink, &analysis.windows);
    if let Some(rate) = &analysis.rate {
        sink.interval(rate.over_ms);
        put_windows(sink, &rate.windows);
    }
    for point in [&analysis.last, &analysis.last_rate].into_iter().flatten() {
        sink.zigzag(convert::millis(point.time.as_ref()?));
        sink.double(point.value);
    }
    Some(())
}

fn take_statistics(source: &mut Source<'_>) -> Option<Analysis> {
    let flags = source.byte()?;
    let mut analysis = Analysis {
        spacing_ms: source.interval()?,
        windows: take_windows(source)?,
        ..Analysis::default()
    };
    if flags & HAS_RATE != 0 {
        analysis.rate = Some(RateStatistics {
            over_ms: source.interval()?,
            windows: take_windows(source)?,
        });
    }
    if flags & HAS_LAST != 0 {
        analysis.last = Some(take_point(source)?);
    }
    if flags & HAS_LAST_RATE != 0 {
        analysis.last_rate = Some(take_point(source)?);
    }
    Some(analysis)
}

fn take_point(source: &mut Source<'_>) -> Option<Point> {
    Some(Point {
        time: Some(take_time(source)?),
        value: source.double()?,
    })
}

fn take_time(source: &mut Source<'_>) -> Option<Timestamp> {
    source.zigzag().map(convert::timestamp)
}

fn numbers(window: &WindowStatistics) -> [Option<f64>; NUMBERS] {
    [
        window.mean,
        window.min,
        window.max,
        window.std,
        window.median,
        window.p95,
        window.p99,
    ]
}

fn same(a: Option<f64>, b: f64) -> bool {
    a.is_some_and(|a| a.to_bits() == b.to_bits())
}

fn put_windows(sink: &mut Sink, windows: &[WindowStatistics]) {
    sink.varint(windows.len() as u64);
    let mut before = [None; NUMBERS];
    for window in windows {
        sink.interval(window.window_ms);
        sink.varint(window.n);
        sink.varint(window.n_nan);
        sink.interval(window.spanned_ms);
        let numbers = numbers(window);
        let mut present = 0_u8;
        let mut forms = 0_u16;
        for (at, number) in numbers.iter().enumerate() {
            if let Some(number) = *number {
                present |= 1 << at;
                forms |= form(number, before[at]) << (2 * at);
            }
        }
        sink.byte(present);
        sink.short(forms);
        for (at, number) in numbers.iter().enumerate() {
            if let Some(number) = *number {
                match form(number, before[at]) {
                    INTEGER => sink.zigzag(number as i64),
                    SINGLE => sink.single(number as f32),
                    FULL => sink.double(number),
                    _ => {}
                }
            }
        }
        before = numbers;
    }
}

/// The shortest way to write `number`; `before` is the same figure of the window before.
fn form(number: f64, before: Option<f64>) -> u16 {
    if same(before, number) {
        AS_BEFORE
    } else if number.abs() < MAX_INTEGER && same(Some(number as i64 as f64), number) {
        INTEGER
    } else if same(Some(f64::from(number as f32)), number) {
        SINGLE
    } else {
        FULL
    }
}

fn take_windows(source: &mut Source<'_>) -> Option<Vec<WindowStatistics>> {
    let count = source.count()?;
    let mut windows = Vec::with_capacity(count);
    let mut before = [None; NUMBERS];
    for _ in 0..count {
        let mut window = WindowStatistics {
            window_ms: source.interval()?,
            n: source.varint()?,
            n_nan: source.varint()?,
            spanned_ms: source.interval()?,
            ..WindowStatistics::default()
        };
        let present = source.byte()?;
        let forms = source.short()?;
        let mut numbers = [None; NUMBERS];
        for (at, number) in numbers.iter_mut().enumerate() {
            if present & (1 << at) != 0 {
                *number = Some(match (forms >> (2 * at)) & 3 {
                    FULL => source.double()?,
                    INTEGER => source.zigzag()? as f64,
                    SINGLE => source.single()?.into(),
                    _ => before[at]?,
                });
            }
        }
        [
            window.mean,
            window.min,
            window.max,
            window.std,
            window.median,
            window.p95,
            window.p99,
        ] = numbers;
        before = numbers;
        windows.push(window);
    }
    Some(windows)
}

fn lines(forecast: &Forecast) -> [Option<&ForecastLine>; 3] {
    [forecast.mean.as_ref(), forecast.max.as_ref(), forecast.min.as_ref()]
}

fn put_forecast(sink: &mut Sink, forecast: &Forecast) -> Option<()> {
    let present = lines(forecast)
        .iter()
        .zip(0..)
        .fold(0, |mask, (line, at)| mask | u8::from(line.is_some()) << at);
    sink.byte(present | u8::from(forecast.of_rate) << 3);
    sink.text(&forecast.method);
    sink.interval(forecast.step_ms);
    sink.varint(forecast.n);
    sink.varint(forecast.notes.len() as u64);
    for note in &forecast.notes {
        sink.text(note);
    }
    let first_ms = lines(forecast)
        .into_iter()
        .flatten()
        .flat_map(|line| &line.points)
        .find_map(|p| p.time.as_ref());
    let first_ms = first_ms.map_or(0, convert::millis);
    sink.zigzag(first_ms);
    for line in lines(forecast).into_iter().flatten() {
        for (at, point) in (0..).zip(&line.points) {
            let expected_ms = forecast.step_ms.checked_mul(at)?.checked_add(first_ms)?;
            if point.time != Some(convert::timestamp(expected_ms)) {
                return None;
            }
        }
        put_line(sink, line)?;
    }
    Some(())
}

fn take_forecast(source: &mut Source<'_>) -> Option<Forecast> {
    let flags = source.byte()?;
    let mut forecast = Forecast {
        of_rate: flags & 8 != 0,
        method: source.text()?,
        step_ms: source.interval()?,
        n: source.varint()?,
        ..Forecast::default()
    };
    for _ in 0..source.count()? {
        forecast.notes.push(source.text()?);
    }
    let first_ms = source.zigzag()?;
    let step_ms = forecast.step_ms;
    let mut line = |at: u8| -> Option<Option<ForecastLine>> {
        if flags & (1 << at) == 0 {
            Some(None)
        } else {
            Some(Some(take_line(source, first_ms, step_ms)?))
        }
    };
    forecast.mean = line(0)?;
    forecast.max = line(1)?;
    forecast.min = line(2)?;
    Some(forecast)
}

/// A line's numbers lie between `floor` and `floor + range`.
#[derive(Clone, Copy)]
struct Scale {
    floor: f64,
    range: f64,
}

impl Scale {
    const STEPS: f64 = u16::MAX as f64;

    fn of(line: &ForecastLine) -> Option<Self> {
        let numbers = || {
            line.points
                .iter()
                .flat_map(|point| [point.value, point.low, point.high])
        };
        let floor = numbers().fold(f64::INFINITY, f64::min);
        let top = numbers().fold(f64::NEG_INFINITY, f64::max);
        if line.points.is_empty() {
            return Some(Self { floor: 0.0, range: 0.0 });
        }
        (floor.is_finite() && (top - floor).is_finite()).then_some(Self {
            floor,
            range: top - floor,
        })
    }

    fn short(self, number: f64) -> u16 {
        if self.range == 0.0 {
            0
        } else {
            ((number - self.floor) / self.range * Self::STEPS).round() as u16
        }
    }

    fn number(self, short: u16) -> f64 {
        self.floor + self.range * (f64::from(short) / Self::STEPS)
    }
}

fn put_line(sink: &mut Sink, line: &ForecastLine) -> Option<()> {
    let scale = Scale::of(line)?;
    sink.single(line.sse as f32);
    sink.double(scale.floor);
    sink.double(scale.range);
    sink.varint(line.points.len() as u64);
    for point in &line.points {
        for number in [point.value, point.low, point.high] {
            sink.short(scale.short(number));
        }
    }
    Some(())
}

fn take_line(source: &mut Source<'_>, first_ms: i64, step_ms: i64) -> Option<ForecastLine> {
    let sse = source.single()?.into();
    let scale = Scale {
        floor: source.double()?,
        range: source.double()?,
    };
    let count = source.count()?;
    let mut points = Vec::with_capacity(count);
    for at in 0..count {
        let time_ms = step_ms.checked_mul(at as i64)?.checked_add(first_ms)?;
        let time = Some(convert::timestamp(time_ms));
        let mut number = || source.short().map(|short| scale.number(short));
        points.push(ForecastPoint {
            time,
            value: number()?,
            low: number()?,
            high: number()?,
        });
    }
    Some(ForecastLine {
        points,
        parameters: Vec::new(),
        sse,
    })
}
