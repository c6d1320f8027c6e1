//! How often a change of a size comes: the pooled measures of many series at many places of their past.

/// A pool of fewer measures tells too little of what is rare.
const POOL_MIN: u64 = 1_000;
/// Cells of the measures, on a logarithmic scale from 2⁻⁸ on.
const CELLS: usize = 2_048;
const CELLS_AN_OCTAVE: f64 = 64.0;
const OCTAVES_BELOW_ONE: f64 = 8.0;
/// The greatest measures of a pool, from which is told how rare greater ones are: this share of them, and at least so many.
const TAIL_SHARE: f64 = 0.01;
/// See [`TAIL_SHARE`].
const TAIL_MIN: u64 = 50;
/// Shapes of tails above this are those of a power law.
const HEAVY: f64 = 0.2;

/// Counts of the pooled past by size, and how fast the greatest of them become rarer.
pub(super) struct Pool {
    /// Of scores at least as great as a cell's lower edge.
    above: Vec<u64>,
    count: u64,
    tail: Option<Tail>,
}

impl Pool {
    pub(super) fn new(scores: impl Iterator<Item = f32>) -> Self {
        let mut above = vec![0_u64; CELLS];
        let mut count = 0;
        for score in scores {
            above[cell(f64::from(score))] += 1;
            count += 1;
        }
        for at in (1..CELLS).rev() {
            above[at - 1] += above[at];
        }
        let least = TAIL_MIN.max((count as f64 * TAIL_SHARE) as u64);
        let tail = above.iter().rposition(|above| *above >= least);
        Self {
            tail: tail.and_then(|from| Tail::fitted(&above, from)),
            above,
            count,
        }
    }

    /// Whether it is large enough to tell what is rare.
    pub(super) fn is_large(&self) -> bool {
        self.count >= POOL_MIN
    }

    /// Share of the past with a score at least as great: counted, and beyond what was seen often as its tail goes on; whichever
    /// is more.
    pub(super) fn p(&self, score: f64) -> f64 {
        let count = self.count as f64 + 1.0;
        let counted = self.above[cell(score)] as f64;
        match &self.tail {
            Some(tail) if score > tail.from => tail.expected(score).max(counted) / count,
            _ => (counted + 1.0) / count,
        }
    }
}

/// The greatest scores of a pool, and how they go on.
struct Tail {
    /// The score from which on it is fitted, and how many are as great.
    from: f64,
    count: f64,
    /// Of the generalised Pareto distribution, by probability-weighted moments (Hosking & Wallis 1987); never lighter than
    /// exponential.
    scale: f64,
    shape: f64,
    /// Mean of the logarithms of the scores over `from` (Hill 1975).
    hill: f64,
}

impl Tail {
    /// `None` where nothing lies above the cell, or all the same.
    fn fitted(above: &[u64], from: usize) -> Option<Self> {
        if from == 0 {
            return None;
        }
        let start = edge(from);
        let count = above[from] as f64;
        let (mut mean, mut weighted, mut logs) = (0.0, 0.0, 0.0);
        for at in from + 1..above.len() {
            let inside = above[at] - above.get(at + 1).copied().unwrap_or(0);
            if inside > 0 {
                let inside = inside as f64;
                let over = edge(at) - start;
                // The mean share of the tail above them.
                let beyond = (above[at] as f64 - inside / 2.0) / count;
                mean += inside * over / count;
                weighted += inside * over * beyond / count;
                logs += inside * (edge(at) / start).ln() / count;
            }
        }
        let apart = mean - 2.0 * weighted;
        if mean <= 0.0 || apart <= 0.0 {
            return None;
        }
        let shape = 2.0 - mean / apart;
        let (scale, shape) = if shape > 0.0 {
            (2.0 * mean * weighted / apart, shape)
        } else {
            (mean, 0.0)
        };
        Some(Self {
            from: start,
            count,
            scale,
            shape,
            hill: logs,
        })
    }

    /// How many scores of the pool are to be expected at least as great as one beyond its beginning.
    fn expected(&self, score: f64) -> f64 {
        let over = (score - self.from) / self.scale;
        let share = if self.shape < 1e-6 {
            (-over).exp()
        } else {
            (1.0 + self.shape * over).powf(-1.0 / self.shape)
        };
        let power = if self.shape > HEAVY {
            (score / self.from).powf(-1.0 / self.hill)
        } else {
            0.0
        };
        self.count * share.max(power)
    }
}

fn cell(score: f64) -> usize {
    if score <= 0.0 || score.is_nan() {
        return 0;
    }
    let at = (score.log2() + OCTAVES_BELOW_ONE) * CELLS_AN_OCTAVE;
    at.clamp(0.0, (CELLS - 2) as f64) as usize + 1
}

/// The lower edge of a cell.
fn edge(cell: usize) -> f64 {
    ((cell.max(1) - 1) as f64 / CELLS_AN_OCTAVE - OCTAVES_BELOW_ONE).exp2()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_keep_the_order_of_scores() {
        let scores = [0.0, 1e-6, 0.01, 0.5, 1.0, 1.5, 3.0, 100.0, 1e5, 1e6, f64::INFINITY];
        let cells: Vec<usize> = scores.iter().map(|score| cell(*score)).collect();
        assert!(cells.is_sorted() && cells.iter().all(|at| *at < CELLS), "{cells:?}");
        assert!(cells[4] < cells[5] && cells[7] < cells[8]);
        assert!((edge(cell(3.0)) / 3.0 - 1.0).abs() < 0.02);
    }

    #[test]
    fn tails_go_on_as_they_went() {
        let share = |n: u32| f64::from(n) / 10_000.0;
        // A power law: one in n exceeds the square root of n.
        let heavy = Pool::new((1..=10_000).map(|n| share(n).powf(-0.5) as f32));
        let told = heavy.p(1_000.0) * 1e6;
        assert!((0.3..3.0).contains(&told), "one in a million: {told}");
        assert!(heavy.p(0.0) >= 1.0 && heavy.p(1e6) > 0.0);
        assert!(heavy.p(5.0) > heavy.p(10.0) && heavy.p(10.0) > heavy.p(20.0));
        // Exponential: one in a million exceeds 13.8.
        let light = Pool::new((1..=10_000).map(|n| -share(n).ln() as f32));
        let told = light.p(13.8) * 1e6;
        assert!((0.3..5.0).contains(&told), "one in a million: {told}");
    }

    #[test]
    fn what_was_never_seen_is_as_rare_as_the_past_can_tell() {
        let still = Pool::new([0.0; 2_000].into_iter());
        assert_eq!(still.p(3.0), 1.0 / 2_001.0);
        // One in ten steps, always by as much: how far a greater step is, is not known.
        let steps = Pool::new((0..2_000).map(|n| if n % 10 == 0 { 8.0 } else { 0.0 }));
        assert_eq!(steps.p(80.0), 1.0 / 2_001.0);
        assert!(!Pool::new([1.0; 10].into_iter()).is_large());
    }
}
