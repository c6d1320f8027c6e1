//! All series: how surprising each change is among the changes that all of them usually have.

use super::frame::Kind;
use super::pool::Pool;
use super::profile::{Change, Profile};
use super::tails::Tails;

/// However rare: no past of hours tells more.
const P_MIN: f64 = 1e-9;
/// Where [`Kind::Spread`] stands, and how rare it must be to be told instead of a rate.
const SPREAD: usize = Kind::Spread as usize;
/// See [`SPREAD`].
const SPREAD_TOLD: f64 = 0.001;

/// One series that moved.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moved {
    /// Its place among the series that were given.
    pub index: usize,
    /// How.
    pub kind: Kind,
    /// How often a change as great comes without anything having happened, 0…1, before correcting for many series.
    pub p: f64,
    /// How far it went, in standard deviations of its own past; what was lost counts a hundred in all.
    pub size: f64,
    /// The change itself.
    pub change: Change,
    /// Bins from the instant to its first move, where its level moved.
    pub onset: Option<i64>,
}

/// What moved, the most surprising first.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Ranking {
    /// Only what is more than chance, at the share of false discoveries asked for.
    pub moved: Vec<Moved>,
    /// Series that were measured.
    pub tested: usize,
    /// Series without a past that could be measured.
    pub untested: usize,
}

/// The pools of one way of changing.
struct Pools {
    all: Pool,
    by_tails: Vec<Pool>,
}

impl Pools {
    fn p(&self, tails: Tails, score: f64) -> f64 {
        let own = &self.by_tails[tails as usize];
        if own.is_large() {
            own.p(score)
        } else {
            self.all.p(score)
        }
    }
}

/// Ranks what was measured. `false_share`: of the series told, so many may be there by chance (0.1 = one in ten).
#[must_use]
pub fn rank(profiles: &[Option<&Profile>], false_share: f64) -> Ranking {
    let known = || profiles.iter().copied().flatten();
    let of = |kind: usize, tails: Option<usize>| {
        let past = known().flat_map(move |profile| &profile.past[kind]);
        let alike = past.filter(move |(of, _)| tails.is_none_or(|tails| *of as usize == tails));
        Pool::new(alike.map(|(_, score)| *score))
    };
    let pools: Vec<Pools> = (0..Kind::ALL.len())
        .map(|kind| Pools {
            all: of(kind, None),
            by_tails: (0..Tails::COUNT).map(|tails| of(kind, Some(tails))).collect(),
        })
        .collect();
    let mut all: Vec<Moved> = profiles
        .iter()
        .enumerate()
        .filter_map(|(index, profile)| Some(most_surprising(index, (*profile)?, &pools)))
        .collect();
    let tested = all.len();
    all.sort_unstable_by(|a, b| a.p.total_cmp(&b.p).then(a.index.cmp(&b.index)));
    // Benjamini & Hochberg (1995): the longest beginning that is still worth telling.
    let kept = all
        .iter()
        .enumerate()
        .rposition(|(at, moved)| moved.p <= false_share * (at + 1) as f64 / tested.max(1) as f64)
        .map_or(0, |at| at + 1);
    all.truncate(kept);
    for moved in &mut all {
        moved.p = moved.p.max(P_MIN);
    }
    // Among those that are more than chance, how far they went decides.
    all.sort_by(|a, b| b.size.total_cmp(&a.size).then(a.index.cmp(&b.index)));
    Ranking {
        moved: all,
        tested,
        untested: profiles.len() - tested,
    }
}

/// The way in which a series changed most; that there are several is corrected for.
fn most_surprising(index: usize, profile: &Profile, pools: &[Pools]) -> Moved {
    let p: Vec<f64> = profile
        .changes
        .iter()
        .enumerate()
        .map(|(kind, change)| (pools[kind].p(profile.tails, change.score) * Kind::ALL.len() as f64).min(1.0))
        .collect();
    let rarest = (0..p.len()).min_by(|a, b| p[*a].total_cmp(&p[*b])).unwrap_or(0);
    // What swings more widely also seems to rise or fall.
    let swings = Kind::ALL[rarest] == Kind::Rate && p[SPREAD] <= SPREAD_TOLD;
    let told = if swings { SPREAD } else { rarest };
    Moved {
        index,
        kind: Kind::ALL[told],
        p: p[rarest],
        size: profile.size,
        change: profile.changes[told],
        onset: profile.onset,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_at_all_is_an_answer() {
        assert_eq!(rank(&[], 0.1), Ranking::default());
        let none = rank(&[None, None], 0.1);
        assert_eq!((none.tested, none.untested, none.moved.len()), (0, 2, 0));
    }
}
