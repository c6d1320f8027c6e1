//! One series: how much it changed at the instant, and at the places of its past.

use std::ops::Range;

use super::frame::{Frame, Kind, PLACES_MIN};
use super::repeating::differences;
use super::tails::Tails;
use super::usual::Usual;
use super::window::{last_third, median, moments, rate, share_alive, share_known, steps, thirds};

/// Of the usual distance from one bin to the next, so much is noise whatever the past says.
const FLOOR: f64 = 0.25;
/// A ratio of spreads below this is noise.
const SPREAD_FLOOR: f64 = 0.25;
/// Spreads below this share of the usual distance from one bin to the next are alike.
const STEADY: f64 = 0.2;
/// A share of missing bins below this is noise.
const SILENCE_FLOOR: f64 = 0.05;
/// Where nothing ever varied, any change is this many times the usual.
pub(super) const SCORE_MAX: f64 = 1e6;
/// Of a window at least so many of its bins must be known.
const KNOWN_MIN: f64 = 0.5;
/// Parts of the past, each with the tails of the others.
const BLOCKS: usize = 6;
/// A series is used to be zero where more of its bins than this are.
const ZEROS: f64 = 0.01;
/// What never varied is measured in this share of its level.
const STILL_UNIT: f64 = 0.01;

/// What one way of looking says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Change {
    /// The change at the instant in units of what is usual for the series; 0 where it cannot be told.
    pub score: f64,
    /// What it was before (of a series that repeats: what it would have been), and after: the level, the spread, the rate a
    /// bin, the share of bins in which it lived.
    pub before: f64,
    /// See `before`.
    pub after: f64,
}

/// One series against its own past.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// In the order of [`Kind::ALL`].
    pub changes: [Change; 4],
    /// The same scores at the places of the past, each with the tails of the other half of the past: were they those of all of
    /// it, a series without bursts would be one that never had any, and its first burst a surprise.
    pub(super) past: [Vec<(Tails, f32)>; 4],
    /// How far it went in any way, in standard deviations of its own past; what was lost counts a hundred in all.
    pub(super) size: f64,
    /// Series are held against such as have as heavy tails.
    pub(super) tails: Tails,
    /// Bins from the instant to the first that has left what was before by half of the change: negative moved earlier.
    pub onset: Option<i64>,
}

/// Figures of some bins; NaN where it cannot be told.
#[derive(Debug, Clone, Copy)]
struct Window {
    /// Below and above which a third of them lies, and the median.
    thirds: [f64; 3],
    spread: f64,
    rate: f64,
    alive: f64,
}

/// What was before and after a place.
#[derive(Debug, Clone, Copy)]
struct Place {
    /// A kind each.
    figures: [(f64, f64); 4],
    /// The distance of the medians.
    apart: f64,
}

impl Place {
    const UNKNOWN: Self = Self {
        figures: [UNKNOWN; 4],
        apart: f64::NAN,
    };
}

const UNKNOWN: (f64, f64) = (f64::NAN, f64::NAN);

/// A series as it is looked at.
struct Looked<'s> {
    bins: &'s [f64],
    /// The bins, or what is left of them without their season.
    left: &'s [f64],
    zero_is_usual: bool,
    /// The usual distance from one bin to the next.
    noise: f64,
    frame: &'s Frame,
}

/// Measures one series. `None` where its past cannot be measured: it is too new, or was silent.
#[must_use]
pub fn profile(bins: &[f64], frame: &Frame) -> Option<Profile> {
    if bins.len() != frame.count {
        return None;
    }
    let past = &bins[..frame.at.saturating_sub(frame.guard)];
    let zeros = past.iter().filter(|bin| **bin == 0.0).count();
    let without_season = differences(bins, frame);
    let left = without_season.as_deref().unwrap_or(bins);
    let looked = Looked {
        bins,
        left,
        noise: steps(&left[..frame.at], &mut Vec::new()).unwrap_or(0.0),
        zero_is_usual: zeros as f64 > ZEROS * past.len() as f64,
        frame,
    };
    looked.profile()
}

impl Looked<'_> {
    fn profile(&self) -> Option<Profile> {
        let frame = self.frame;
        let mut room = Vec::with_capacity(frame.count);
        let places = self.places(&mut room);
        if places.iter().filter(|(_, place)| place.apart.is_finite()).count() < PLACES_MIN {
            return None;
        }
        let now = self.place(frame.at, &mut room);
        let reach = frame.before + frame.guard + frame.after;
        let block = ((frame.at - frame.guard) / BLOCKS).max(1);
        let moves: Vec<f64> = self.left[..frame.at - frame.guard]
            .windows(2)
            .map(|pair| (pair[1] - pair[0]).abs())
            .collect();
        let tails: [Tails; BLOCKS + 1] = std::array::from_fn(|n| match n {
            BLOCKS => self.tails(&places, &moves, &(0..0)),
            _ => self.tails(
                &places,
                &moves,
                &((n * block).saturating_sub(reach)..(n + 1) * block + reach),
            ),
        });
        let mut changes = [Change {
            score: 0.0,
            before: f64::NAN,
            after: f64::NAN,
        }; 4];
        let mut past: [Vec<(Tails, f32)>; 4] = Default::default();
        for (at, kind) in Kind::ALL.into_iter().enumerate() {
            let floor = floor_of(kind, self.noise, frame);
            let deltas = places
                .iter()
                .map(|(place, figures)| (*place, delta(kind, figures.figures[at])));
            let usual = Usual::new(deltas.filter(|(_, delta)| delta.is_finite()).collect());
            let past_score = |(place, delta, usual): (usize, f64, f64)| {
                (
                    tails[(place / block).min(BLOCKS - 1)],
                    score(delta, usual, floor) as f32,
                )
            };
            past[at] = usual.elsewhere(reach).map(past_score).collect();
            changes[at].before = now.figures[at].0;
            changes[at].after = now.figures[at].1;
            let value = delta(kind, now.figures[at]);
            if value.is_finite() && !usual.is_empty() {
                changes[at].score = score(value, usual.of_all(), floor);
            }
        }
        let size = self.size(&now, &mut room);
        let onset = onset(self.left, frame, &changes[0], self.noise);
        let level = median(&self.bins[frame.at..], &mut room).unwrap_or(f64::NAN);
        changes[0].before += level - changes[0].after;
        changes[0].after = level;
        Some(Profile {
            changes,
            past,
            size,
            tails: tails[BLOCKS],
            onset,
        })
    }

    /// The tails of the past without a part of it.
    fn tails(&self, places: &[(usize, Place)], moves: &[f64], without: &Range<usize>) -> Tails {
        let inside = places.iter().filter(|(place, _)| !without.contains(place));
        let mut deltas: Vec<f64> = inside.map(|(_, figures)| figures.apart).collect();
        deltas.retain(|delta| delta.is_finite());
        let rest = |all: &[f64]| {
            let (from, to) = (without.start.min(all.len()), without.end.min(all.len()));
            [&all[..from], &all[to..]].concat()
        };
        let past = &self.left[..self.frame.at - self.frame.guard];
        Tails::of(&mut deltas, &mut rest(past), &mut rest(moves))
    }

    /// What was before and after each place of the past, as far as the series lived before it.
    fn places(&self, room: &mut Vec<f64>) -> Vec<(usize, Place)> {
        let frame = self.frame;
        let (back, step) = (frame.guard + frame.before, frame.step());
        let Some(first) = frame.places().next() else {
            return Vec::new();
        };
        let shared = back.is_multiple_of(step) && frame.before == frame.after;
        // What is before one place is after another: each window is looked at once.
        let count = if shared {
            frame.places().count() + back / step
        } else {
            0
        };
        let windows: Vec<Window> = (0..count)
            .map(|n| self.window(first - back + n * step, frame.after, room))
            .collect();
        let of = |(n, at): (usize, usize)| match windows.get(n + back / step) {
            Some(after) => (at, between(&windows[n], after, self.noise)),
            None => (at, self.place(at, room)),
        };
        let all = frame.places().enumerate().map(of);
        all.filter(|(_, place)| place.figures[3].0.is_finite()).collect()
    }

    /// What was before and after a place.
    fn place(&self, at: usize, room: &mut Vec<f64>) -> Place {
        let frame = self.frame;
        let Some(start) = at.checked_sub(frame.guard + frame.before) else {
            return Place::UNKNOWN;
        };
        let before = self.window(start, frame.before, room);
        between(&before, &self.window(at, frame.after, room), self.noise)
    }

    /// What is said of some bins.
    fn window(&self, from: usize, count: usize, room: &mut Vec<f64>) -> Window {
        let range = from..(from + count).min(self.frame.count);
        let alive = share_alive(&self.bins[range.clone()], self.zero_is_usual);
        let left = &self.left[range];
        let mut window = Window {
            thirds: [f64::NAN; 3],
            spread: f64::NAN,
            rate: f64::NAN,
            alive,
        };
        if share_known(left) >= KNOWN_MIN {
            window.thirds = thirds(left, room).unwrap_or(window.thirds);
            window.spread = steps(left, room).unwrap_or(f64::NAN);
            window.rate = rate(left, room).unwrap_or(f64::NAN);
        }
        window
    }

    /// How far the series went, in whichever way it went furthest.
    fn size(&self, now: &Place, room: &mut Vec<f64>) -> f64 {
        let frame = self.frame;
        let (mean, spread) = moments(&self.bins[..frame.at - frame.guard]).unwrap_or((0.0, 0.0));
        let unit = spread.max(mean.abs() * STILL_UNIT).max(f64::MIN_POSITIVE);
        let after = &self.left[frame.at..];
        let away = |value: f64| (value - now.figures[0].0).abs() / unit;
        let late = median(last_third(after), room).unwrap_or(f64::NAN);
        let apart = moments(after).map_or(f64::NAN, |(_, spread)| spread / unit);
        let lost = 100.0 * (now.figures[3].0 - now.figures[3].1);
        let level = median(after, room).unwrap_or(f64::NAN);
        let sizes = [away(level), away(late), apart, lost];
        sizes.into_iter().filter(|size| size.is_finite()).fold(0.0, f64::max)
    }
}

/// Two windows held against each other. Nothing is said where the series did not live before.
fn between(before: &Window, after: &Window, noise: f64) -> Place {
    if before.alive < KNOWN_MIN {
        return Place::UNKNOWN;
    }
    let lives = (before.alive, after.alive);
    let ([low, level, high], [low_after, level_after, high_after]) = (before.thirds, after.thirds);
    if level.is_nan() || level_after.is_nan() {
        return Place {
            figures: [UNKNOWN, UNKNOWN, UNKNOWN, lives],
            ..Place::UNKNOWN
        };
    }
    // The level moved by as much as lies between the thirds: a burst within either window moves neither.
    let moved = (low_after - high).max(0.0) - (low - high_after).max(0.0);
    // Two spreads of zero are no change; a spread out of nothing is one, of the size of the level's digits.
    let least = (level.abs().max(level_after.abs()) * 1e-9)
        .max(STEADY * noise)
        .max(f64::MIN_POSITIVE);
    let spread = (before.spread.max(least), after.spread.max(least));
    Place {
        figures: [(level, level + moved), spread, (before.rate, after.rate), lives],
        apart: (level_after - level).abs(),
    }
}

/// What is noise whatever the past says, in the unit of the kind's change.
fn floor_of(kind: Kind, noise: f64, frame: &Frame) -> f64 {
    match kind {
        Kind::Level => FLOOR * noise,
        Kind::Rate => FLOOR * noise / frame.after as f64,
        Kind::Spread => SPREAD_FLOOR,
        Kind::Silence => SILENCE_FLOOR,
    }
}

/// How much something changed, in its own unit.
fn delta(kind: Kind, (before, after): (f64, f64)) -> f64 {
    match kind {
        Kind::Spread => (after / before).ln().abs(),
        // Only what stays away is told; what comes back is no trouble.
        Kind::Silence => (before - after).max(0.0),
        Kind::Level | Kind::Rate => (after - before).abs(),
    }
}

fn score(delta: f64, usual: f64, floor: f64) -> f64 {
    let unit = usual + floor;
    if delta <= 0.0 {
        0.0
    } else if unit > 0.0 {
        (delta / unit).min(SCORE_MAX)
    } else {
        SCORE_MAX
    }
}

/// The first bin, from the guard on, from which most of the next ones lie beyond half of the change.
fn onset(bins: &[f64], frame: &Frame, level: &Change, noise: f64) -> Option<i64> {
    let change = level.after - level.before;
    let first = frame.at.saturating_sub(frame.guard);
    let last = (frame.at + frame.after).min(bins.len());
    if !change.is_finite() || change.abs() <= noise {
        return None;
    }
    let half = level.before + change / 2.0;
    let beyond = |bin: f64| bin.is_finite() && (bin - half) * change.signum() > 0.0;
    (first..last)
        .find(|&at| {
            let next = &bins[at..(at + 3).min(last)];
            beyond(bins[at]) && next.iter().filter(|bin| beyond(**bin)).count() * 2 > next.len()
        })
        .map(|at| at as i64 - frame.at as i64)
}
