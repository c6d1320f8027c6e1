//! Seeded estates and incidents: seasonal, slow, bursty, counter-like, stepping and heavy-tailed series, one of which goes wrong
//! and takes others with it.

/// `SplitMix64`.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x1234_5678)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// 0…1.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        (self.unit() * n as f64) as usize
    }

    pub(crate) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    pub(crate) fn normal(&mut self) -> f64 {
        let radius = (-2.0 * self.unit().max(1e-300).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Fault {
    Level,
    Spread,
    Rate,
    Outage,
    Leak,
}

impl Fault {
    pub(crate) const ALL: [Self; 5] = [Self::Level, Self::Spread, Self::Rate, Self::Outage, Self::Leak];
    /// What happens to some of those that follow: all but an outage, which would be the greater trouble.
    const OF_FOLLOWERS: [Self; 4] = [Self::Level, Self::Spread, Self::Rate, Self::Leak];
}

/// Series on one grid of minutes.
pub(crate) struct Estate {
    pub(crate) series: Vec<Vec<f64>>,
}

impl Estate {
    pub(crate) fn new(series: usize, count: usize, random: &mut Random) -> Self {
        Self {
            series: (0..series).map(|n| one(n % KINDS, count, random)).collect(),
        }
    }

    /// Makes a series go wrong at a bin, and others with it, weaker and 5 minutes earlier to 2 later. Returns the culprit and
    /// all that moved.
    pub(crate) fn inject(
        &mut self,
        fault: Fault,
        at: usize,
        followers: usize,
        random: &mut Random,
    ) -> (usize, Vec<usize>) {
        let mut culprit = random.below(self.series.len());
        if fault == Fault::Rate {
            // A rate is that of a counter.
            culprit = culprit / KINDS * KINDS + COUNTER;
        }
        let size = random.between(3.0, 8.0);
        let mut moved = vec![culprit];
        spoil(&mut self.series[culprit], fault, at, (size, 1.0), random);
        for _ in 0..followers {
            let follower = random.below(self.series.len());
            if moved.contains(&follower) {
                continue;
            }
            let lag = random.below(8) as i64 - 5;
            let as_well = if random.unit() < 0.7 {
                fault
            } else {
                Fault::OF_FOLLOWERS[random.below(4)]
            };
            let weaker = random.between(0.3, 0.9);
            let from = usize::try_from(at as i64 + lag).unwrap();
            spoil(
                &mut self.series[follower],
                as_well,
                from,
                (size * weaker, weaker),
                random,
            );
            moved.push(follower);
        }
        (culprit, moved)
    }
}

/// Kinds of series; the one that counts.
const KINDS: usize = 7;
const COUNTER: usize = 3;

/// One series of a kind that estates are made of.
fn one(kind: usize, count: usize, random: &mut Random) -> Vec<f64> {
    let level = random.between(1.0, 100.0);
    let scale = level * random.between(0.02, 0.3);
    let phase = random.between(0.0, std::f64::consts::TAU);
    let period = [60.0, 180.0, 1_440.0][random.below(3)];
    let mut state = 0.0;
    let mut burst = (0_usize, 0.0);
    (0..count)
        .map(|n| match kind {
            // Seasonal, with noise that remembers.
            0 => {
                state = 0.7 * state + 0.3 * random.normal();
                level + scale * ((n as f64 / period * std::f64::consts::TAU + phase).sin() * 2.0 + state)
            }
            // Slow: it wanders and comes back late.
            1 => {
                state = 0.99 * state + 0.14 * random.normal();
                level + scale * state
            }
            // Bursts of one to ten minutes, of heavy-tailed size.
            2 => {
                if burst.0 == 0 && random.unit() < 0.02 {
                    burst = (1 + random.below(10), scale * random.unit().max(1e-3).powf(-0.6));
                }
                burst.0 = burst.0.saturating_sub(1);
                let on = if burst.0 > 0 { burst.1 } else { 0.0 };
                level + on + 0.1 * scale * random.normal()
            }
            // The rate of a counter: counts a minute.
            COUNTER => {
                let noise = level.sqrt() * random.normal();
                (level + noise).max(0.0).round()
            }
            // A setting: constant, with a rare step.
            4 => {
                if random.unit() < 0.001 {
                    state += scale * random.between(-3.0, 3.0);
                }
                level + state
            }
            // Heavy-tailed noise (Student, 3 degrees of freedom).
            5 => {
                let chi: f64 = (0..3).map(|_| random.normal().powi(2)).sum();
                level + scale * random.normal() / (chi / 3.0).sqrt().max(0.05)
            }
            // A saw: it fills and is emptied.
            _ => {
                let length = period.min(180.0);
                level + scale * 3.0 * ((n as f64 + phase * 20.0) % length) / length + 0.1 * scale * random.normal()
            }
        })
        .collect()
}

/// Adds a fault of a size in standard deviations of the series' own past; `whole`: how much of an outage it is.
fn spoil(bins: &mut [f64], fault: Fault, at: usize, (size, whole): (f64, f64), random: &mut Random) {
    let past = &bins[..at];
    let mean = past.iter().sum::<f64>() / past.len() as f64;
    let spread = (past.iter().map(|b| (b - mean).powi(2)).sum::<f64>() / past.len() as f64).sqrt();
    // What never varied is spoilt in tenths of its level.
    let unit = spread.max(mean.abs() * 0.01);
    let sign = if random.unit() < 0.7 { 1.0 } else { -1.0 };
    let count = bins.len() - at;
    for (n, bin) in bins[at..].iter_mut().enumerate() {
        match fault {
            Fault::Level => *bin += sign * size * unit,
            Fault::Spread => *bin += size * unit * random.normal(),
            Fault::Rate => *bin += size * unit * (1.0 + 0.1 * random.normal()),
            // What depends on it loses a part.
            Fault::Outage if whole < 1.0 => *bin *= 1.0 - whole,
            Fault::Outage => *bin = if size > 5.5 { f64::NAN } else { 0.0 },
            Fault::Leak => *bin += size * unit * (n + 1) as f64 / count as f64,
        }
    }
}
