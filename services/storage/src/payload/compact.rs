//! The short form of a part, for the history: a half to a sixth of the protobuf. Of statistics, counts, minima and maxima
//! come back bit by bit, the other figures to 11 digits; a forecast line comes back at 16 bits of its own range and without
//! the smoothing parameters, which only the newest forecast is asked for. Step times come back to 10 µs. Whatever does not
//! fit the form is kept as a message instead.

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
/// Methods that many forecasts have; others are written out. Append only.
const METHODS: &[&str] = &["Holt-Winters 2-min bins m = 5", "Holt-Winters 1-min bins m = 10"];
/// Marks a step or method that is written out.
const OTHER_WORD: u8 = 0xff;

const STATISTICS: u8 = 1;
const FORECAST: u8 = 2;

const HAS_RATE: u8 = 1;
const HAS_LAST: u8 = 2;
const HAS_LAST_RATE: u8 = 4;

/// Numbers of a window, in the order of the message.
const NUMBERS: usize = 7;
/// Of these, minimum and maximum keep every bit: they are compared with bounds.
const EXACT: u8 = 0b000_0110;
/// How a number is written, two bits each.
const FULL: u16 = 0;
const INTEGER: u16 = 1;
const SINGLE: u16 = 2;
const AS_BEFORE: u16 = 3;
/// Step times are kept in units of 10 µs.
const UNITS_A_MS: f64 = 100.0;
/// Integers up to here survive the way through f64.
const MAX_INTEGER: f64 = 9_007_199_254_740_992.0;

/// The short form, or `None` when the part has another shape.
pub(super) fn encode(content: &SeriesResult) -> Option<Vec<u8>> {
    let Some(Outcome::Analysis(analysis)) = &content.outcome else {
        return None;
    };
    let mut sink = Sink::default();
    let mut wanted = None;
    match analysis {
        Analysis {
            metadata: None,
            forecast: None,
            ..
        } => {
            let rounded = rounded(analysis)?;
            sink.byte(STATISTICS);
            put_statistics(&mut sink, &rounded)?;
            wanted = Some(Outcome::Analysis(rounded));
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
        }
        _ => return None,
    }
    put_timings(&mut sink, &content.timings)?;
    // The proof of the form: what does not come back the same (times in nanoseconds, say) keeps its message.
    let back = decode(&sink.0)?;
    (wanted.is_none() || back.outcome == wanted).then_some(sink.0)
}

/// The figures as they will come back.
fn rounded(analysis: &Analysis) -> Option<Analysis> {
    let mut rounded = analysis.clone();
    let rates = rounded.rate.iter_mut().flat_map(|rate| &mut rate.windows);
    for window in rounded.windows.iter_mut().chain(rates) {
        for figure in [
            &mut window.mean,
            &mut window.std,
            &mut window.median,
            &mut window.p95,
            &mut window.p99,
        ] {
            *figure = match *figure {
                Some(number) => Some(eleven_digits(number)?),
                None => None,
            };
        }
    }
    Some(rounded)
}

/// `number` with 36 of its 52 fraction bits, unless it has a short form of its own; `None` when it is not finite.
fn eleven_digits(number: f64) -> Option<f64> {
    const DROPPED: u64 = 0xffff;
    if !number.is_finite() || form(number, None) != FULL {
        return number.is_finite().then_some(number);
    }
    let bits = number.to_bits();
    let up = f64::from_bits((bits + DROPPED / 2 + 1) & !DROPPED);
    Some(if up.is_finite() {
        up
    } else {
        f64::from_bits(bits & !DROPPED)
    })
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

fn put_word(sink: &mut Sink, known: &[&str], word: &str) {
    if let Some(at) = known.iter().position(|known| *known == word) {
        sink.byte(at as u8);
    } else {
        sink.byte(OTHER_WORD);
        sink.text(word);
    }
}

fn take_word(source: &mut Source<'_>, known: &[&str]) -> Option<String> {
    match source.byte()? {
        OTHER_WORD => source.text(),
        at => known.get(usize::from(at)).map(|word| (*word).to_owned()),
    }
}

fn put_timings(sink: &mut Sink, timings: &[StepTiming]) -> Option<()> {
    sink.varint(timings.len() as u64);
    for timing in timings {
        put_word(sink, STEPS, &timing.step);
        let units = (timing.ms * UNITS_A_MS).round();
        if !(0.0..MAX_INTEGER).contains(&units) {
            return None;
        }
        sink.varint(units as u64);
        sink.interval(timing.window_ms);
    }
    Some(())
}

fn take_timings(source: &mut Source<'_>) -> Option<Vec<StepTiming>> {
    let count = source.count()?;
    let mut timings = Vec::with_capacity(count);
    for _ in 0..count {
        let step = take_word(source, STEPS)?;
        timings.push(StepTiming {
            step,
            ms: source.varint()? as f64 / UNITS_A_MS,
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
        // Mostly a little less than the window.
        sink.interval(window.window_ms.wrapping_sub(window.spanned_ms));
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
                    FULL if EXACT & (1 << at) != 0 => sink.double(number),
                    FULL => sink.six_bytes(number),
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
            ..WindowStatistics::default()
        };
        window.spanned_ms = window.window_ms.wrapping_sub(source.interval()?);
        let present = source.byte()?;
        let forms = source.short()?;
        let mut numbers = [None; NUMBERS];
        for (at, number) in numbers.iter_mut().enumerate() {
            if present & (1 << at) != 0 {
                *number = Some(match (forms >> (2 * at)) & 3 {
                    FULL if EXACT & (1 << at) != 0 => source.double()?,
                    FULL => source.six_bytes()?,
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
    put_word(sink, METHODS, &forecast.method);
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
        method: take_word(source, METHODS)?,
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
        // Rounded here, so that writer and reader count in the same steps.
        let exact = top - floor;
        let range = f64::from(exact as f32);
        let fits = floor.is_finite() && range.is_finite() && (range - exact).abs() <= exact * 1e-6;
        fits.then_some(Self { floor, range })
    }

    /// `distance` in steps of the range.
    fn short(self, distance: f64) -> u16 {
        if self.range == 0.0 {
            0
        } else {
            (distance / self.range * Self::STEPS).round() as u16
        }
    }

    fn distance(self, short: u16) -> f64 {
        self.range * (f64::from(short) / Self::STEPS)
    }

    /// Whether each band lies around its value, to a quarter of a step.
    fn is_even(self, line: &ForecastLine) -> bool {
        let slack = self.range / Self::STEPS / 4.0;
        line.points.iter().all(|point| {
            let (below, above) = (point.value - point.low, point.high - point.value);
            below >= 0.0 && (above - below).abs() <= slack
        })
    }
}

fn put_line(sink: &mut Sink, line: &ForecastLine) -> Option<()> {
    let scale = Scale::of(line)?;
    let even = scale.is_even(line);
    sink.single(line.sse as f32);
    sink.double(scale.floor);
    sink.single(scale.range as f32);
    sink.varint((line.points.len() as u64) << 1 | u64::from(even));
    for point in &line.points {
        sink.short(scale.short(point.value - scale.floor));
        if even {
            sink.short(scale.short(point.value - point.low));
        } else {
            sink.short(scale.short(point.low - scale.floor));
            sink.short(scale.short(point.high - scale.floor));
        }
    }
    Some(())
}

fn take_line(source: &mut Source<'_>, first_ms: i64, step_ms: i64) -> Option<ForecastLine> {
    let sse = source.single()?.into();
    let scale = Scale {
        floor: source.double()?,
        range: source.single()?.into(),
    };
    let head = source.varint()?;
    let (count, even) = (i64::try_from(head >> 1).ok()?, head & 1 == 1);
    // Memory grows with the bytes that are there, not with what the count claims.
    let mut points = Vec::new();
    for at in 0..count {
        let time_ms = step_ms.checked_mul(at)?.checked_add(first_ms)?;
        let time = Some(convert::timestamp(time_ms));
        let mut distance = || source.short().map(|short| scale.distance(short));
        let value = scale.floor + distance()?;
        let (low, high) = if even {
            let half = distance()?;
            (value - half, value + half)
        } else {
            (scale.floor + distance()?, scale.floor + distance()?)
        };
        points.push(ForecastPoint { time, value, low, high });
    }
    Some(ForecastLine {
        points,
        parameters: Vec::new(),
        sse,
    })
}
