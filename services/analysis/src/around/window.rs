//! What is said of the bins of a window.

/// The median of what is known.
pub(super) fn median(bins: &[f64], room: &mut Vec<f64>) -> Option<f64> {
    thirds(bins, room).map(|[_, middle, _]| middle)
}

/// Below and above which a third of what is known lies, and its median between them.
pub(super) fn thirds(bins: &[f64], room: &mut Vec<f64>) -> Option<[f64; 3]> {
    room.clear();
    room.extend(bins.iter().copied().filter(|bin| bin.is_finite()));
    if room.is_empty() {
        return None;
    }
    room.sort_unstable_by(f64::total_cmp);
    let third = room.len() / 3;
    Some([third, (room.len() - 1) / 2, room.len() - 1 - third].map(|at| room[at]))
}

fn middle(room: &mut [f64]) -> Option<f64> {
    if room.is_empty() {
        return None;
    }
    let at = (room.len() - 1) / 2;
    Some(*room.select_nth_unstable_by(at, f64::total_cmp).1)
}

/// The median distance of a bin from the one before it.
pub(super) fn steps(bins: &[f64], room: &mut Vec<f64>) -> Option<f64> {
    room.clear();
    let steps = bins.windows(2).map(|pair| (pair[1] - pair[0]).abs());
    room.extend(steps.filter(|step| step.is_finite()));
    middle(room)
}

/// How much the last third lies above the first, a bin.
pub(super) fn rate(bins: &[f64], room: &mut Vec<f64>) -> Option<f64> {
    let third = (bins.len() / 3).max(1);
    let first = median(&bins[..third], room)?;
    let last = median(last_third(bins), room)?;
    let apart = (bins.len() - third).max(1);
    Some((last - first) / apart as f64)
}

/// Where what grows has got to.
pub(super) fn last_third(bins: &[f64]) -> &[f64] {
    let third = (bins.len() / 3).max(1);
    &bins[bins.len().saturating_sub(third)..]
}

/// Mean and standard deviation of what is known.
pub(super) fn moments(bins: &[f64]) -> Option<(f64, f64)> {
    let known = || bins.iter().copied().filter(|bin| bin.is_finite());
    let count = known().count();
    if count == 0 {
        return None;
    }
    let mean = known().sum::<f64>() / count as f64;
    let square = known().map(|bin| (bin - mean).powi(2)).sum::<f64>() / count as f64;
    Some((mean, square.sqrt()))
}

/// The share of bins of which something is known.
pub(super) fn share_known(bins: &[f64]) -> f64 {
    let known = bins.iter().filter(|bin| bin.is_finite()).count();
    known as f64 / bins.len().max(1) as f64
}

/// The share of bins in which the series lives: known, and other than zero unless zero is usual for it.
pub(super) fn share_alive(bins: &[f64], zero_is_usual: bool) -> f64 {
    let alive = |bin: &&f64| bin.is_finite() && (zero_is_usual || **bin != 0.0);
    bins.iter().filter(alive).count() as f64 / bins.len().max(1) as f64
}
