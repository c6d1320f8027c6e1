//! Seeded incidents and windows without one, ranked by us and by the largest |z|.

use sla_analysis::around::{Frame, Ranking, profile, rank};

use crate::injector::{Estate, Fault, Random};

/// Minutes looked at after the instant, and left out before it.
const SPAN: usize = 15;
const GUARD: usize = 5;
pub(crate) const SERIES: usize = 1_000;
pub(crate) const FALSE_SHARE: f64 = 0.1;
/// The generated past, minutes: sizes of faults are measured by it, whatever of it is looked at.
const GENERATED: usize = 720;

/// How much of the past is read, minutes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Trial {
    pub(crate) past: usize,
}

/// Counts over incidents of one kind.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Score {
    pub(crate) incidents: u32,
    pub(crate) told: u32,
    pub(crate) first: u32,
    pub(crate) third: u32,
    pub(crate) fifth: u32,
    pub(crate) z_third: u32,
    pub(crate) z_fifth: u32,
    /// Series told, and those among them that nothing was done to.
    pub(crate) rows: u32,
    pub(crate) wrong: u32,
}

impl Score {
    pub(crate) fn add(&mut self, other: &Self) {
        for (sum, part) in [
            (&mut self.incidents, other.incidents),
            (&mut self.told, other.told),
            (&mut self.first, other.first),
            (&mut self.third, other.third),
            (&mut self.fifth, other.fifth),
            (&mut self.z_third, other.z_third),
            (&mut self.z_fifth, other.z_fifth),
            (&mut self.rows, other.rows),
            (&mut self.wrong, other.wrong),
        ] {
            *sum += part;
        }
    }

    pub(crate) fn share(&self, part: u32) -> f64 {
        f64::from(part) / f64::from(self.incidents.max(1))
    }
}

impl Trial {
    /// Of what was generated, the part that is read.
    fn read(self, bins: &[f64]) -> &[f64] {
        &bins[GENERATED - self.past..]
    }

    pub(crate) fn ranked(self, all: &[Vec<f64>]) -> Ranking {
        let frame = Frame::new(self.past + SPAN, self.past, SPAN, GUARD).unwrap();
        let profiles: Vec<_> = all.iter().map(|bins| profile(self.read(bins), &frame)).collect();
        rank(&profiles.iter().map(Option::as_ref).collect::<Vec<_>>(), FALSE_SHARE)
    }

    /// One incident of a kind.
    pub(crate) fn incident(self, fault: Fault, seed: u64) -> Score {
        let mut random = Random::new(seed);
        let mut estate = Estate::new(SERIES, GENERATED + SPAN, &mut random);
        let followers = 1 + random.below(30);
        let (culprit, moved) = estate.inject(fault, GENERATED, followers, &mut random);
        let ranking = self.ranked(&estate.series);
        let place = ranking.moved.iter().position(|m| m.index == culprit);
        let z = by_z(&estate.series).iter().position(|at| *at == culprit);
        let within = |place: Option<usize>, n: usize| u32::from(place.is_some_and(|place| place < n));
        Score {
            incidents: 1,
            told: u32::from(place.is_some()),
            first: within(place, 1),
            third: within(place, 3),
            fifth: within(place, 5),
            z_third: within(z, 3),
            z_fifth: within(z, 5),
            rows: ranking.moved.len() as u32,
            wrong: ranking.moved.iter().filter(|m| !moved.contains(&m.index)).count() as u32,
        }
    }

    /// How many series are told of a window without an incident.
    pub(crate) fn quiet(self, seed: u64) -> usize {
        let estate = Estate::new(SERIES, GENERATED + SPAN, &mut Random::new(seed));
        let ranking = self.ranked(&estate.series);
        assert!(ranking.tested > SERIES * 9 / 10, "{} measured", ranking.tested);
        ranking.moved.len()
    }
}

/// The rule that is held against: the largest |z| of the mean after the instant against the hour before it. What falls silent
/// is infinitely far for it.
fn by_z(all: &[Vec<f64>]) -> Vec<usize> {
    let z = |bins: &Vec<f64>| {
        let known = |range: &[f64]| range.iter().copied().filter(|b| b.is_finite()).collect::<Vec<f64>>();
        let (before, after) = (known(&bins[GENERATED - 60..GENERATED]), known(&bins[GENERATED..]));
        if before.is_empty() || after.is_empty() {
            return f64::INFINITY;
        }
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let centre = mean(&before);
        let spread = (before.iter().map(|b| (b - centre).powi(2)).sum::<f64>() / before.len() as f64).sqrt();
        (mean(&after) - centre).abs() / spread.max(1e-9)
    };
    let mut order: Vec<(f64, usize)> = all.iter().map(z).zip(0..).collect();
    order.sort_by(|a, b| b.0.total_cmp(&a.0));
    order.into_iter().map(|(_, at)| at).collect()
}
