//! What is usual for a series: the trimmed mean of the changes of its past.

/// Share of the greatest changes of the past that does not count for what is usual.
const TRIMMED: f64 = 0.1;

/// Changes of the past by place, ready to be averaged with and without those near a place.
pub(super) struct Usual {
    /// Rising places with their changes.
    deltas: Vec<(usize, f64)>,
    /// The rank of each change among all by size, and sums of the smallest.
    ranks: Vec<usize>,
    sums: Vec<f64>,
    sorted: Vec<f64>,
}

impl Usual {
    /// `deltas`: finite, places rising.
    pub(super) fn new(deltas: Vec<(usize, f64)>) -> Self {
        let mut order: Vec<usize> = (0..deltas.len()).collect();
        order.sort_unstable_by(|a, b| deltas[*a].1.total_cmp(&deltas[*b].1));
        let mut ranks = vec![0; deltas.len()];
        let mut sums = vec![0.0; deltas.len() + 1];
        for (rank, at) in order.iter().enumerate() {
            ranks[*at] = rank;
            sums[rank + 1] = sums[rank] + deltas[*at].1;
        }
        Self {
            sorted: order.iter().map(|at| deltas[*at].1).collect(),
            deltas,
            ranks,
            sums,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.deltas.is_empty()
    }

    /// Of all places.
    pub(super) fn of_all(&self) -> f64 {
        self.without(&[])
    }

    /// At each place, rising: the place, its change, and what is usual without the places nearer than `reach`, for no change is
    /// its own measure.
    pub(super) fn elsewhere(&self, reach: usize) -> impl Iterator<Item = (usize, f64, f64)> {
        let (mut from, mut to) = (0, 0);
        let mut near = Vec::new();
        self.deltas.iter().map(move |&(place, delta)| {
            while self.deltas[from].0 + reach <= place {
                from += 1;
            }
            while self.deltas.get(to).is_some_and(|(other, _)| *other < place + reach) {
                to += 1;
            }
            near.clear();
            near.extend_from_slice(&self.ranks[from..to]);
            near.sort_unstable();
            (place, delta, self.without(&near))
        })
    }

    /// The trimmed mean without some ranks (rising).
    fn without(&self, ranks: &[usize]) -> f64 {
        let count = self.deltas.len() - ranks.len();
        if count == 0 {
            // A past so short that every place lies near: all of it but the greatest.
            let kept = self.deltas.len().saturating_sub(1).max(1).min(self.deltas.len());
            return self.sums[kept] / kept.max(1) as f64;
        }
        let kept = ((count as f64 * (1.0 - TRIMMED)).ceil() as usize).max(1);
        let mut until = kept;
        let mut left_out = 0.0;
        for &rank in ranks {
            if rank >= until {
                break;
            }
            until += 1;
            left_out += self.sorted[rank];
        }
        // Differences of sums can fall below what they are made of.
        ((self.sums[until] - left_out) / kept as f64).max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_change_is_its_own_measure() {
        let usual = Usual::new((0..20).map(|n| (n * 5, if n == 10 { 100.0 } else { 1.0 })).collect());
        assert_eq!(usual.of_all(), 1.0, "the greatest tenth does not count");
        for (place, delta, elsewhere) in usual.elsewhere(12) {
            assert_eq!(elsewhere, 1.0, "{place}");
            assert_eq!(delta, if place == 50 { 100.0 } else { 1.0 });
        }
        let far = Usual::new(vec![(0, 1.0), (10, 2.0), (20, 9.0)]);
        let elsewhere: Vec<f64> = far.elsewhere(10).map(|(_, _, usual)| usual).collect();
        assert_eq!(elsewhere, [5.5, 5.0, 1.5]);
        let near: Vec<f64> = far.elsewhere(100).map(|(_, _, usual)| usual).collect();
        assert_eq!(near, [1.5; 3]);
        assert_eq!(Usual::new(Vec::new()).of_all(), 0.0);
    }
}
