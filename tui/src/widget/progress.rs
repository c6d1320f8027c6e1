//! How far something is, and how long it may still take.

use super::canvas::Canvas;
use crate::format::duration;
use crate::say;
use crate::theme::Role;

/// Draws a bar of `width` columns for `done` of `total`.
pub(crate) fn draw(canvas: &mut Canvas<'_>, x: u16, y: u16, width: u16, done: u64, total: u64) {
    let filled = (done.min(total) * u64::from(width)).checked_div(total).unwrap_or(0) as u16;
    canvas.run(x, y, filled, '█', Role::Line);
    canvas.run(x + filled, y, width - filled, '░', Role::Dim);
}

/// `~6s`, or nothing when unknown.
pub(crate) fn left(remaining_ms: Option<i64>) -> String {
    remaining_ms.map_or_else(String::new, |ms| format!("~{}", duration(ms)))
}

/// How old data are, in words, in steps that do not repaint every second: under a minute it is "seconds".
pub(crate) fn age(ms: i64) -> String {
    match ms {
        ..60_000 => say::phase::seconds_old().to_owned(),
        60_000..3_600_000 => say::phase::min_old(&(ms / 60_000)),
        3_600_000..172_800_000 => say::phase::h_old(&(ms / 3_600_000)),
        _ => say::phase::d_old(&(ms / 86_400_000)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::picture;
    use crate::theme::caps::Caps;

    #[test]
    fn a_bar_is_full_only_at_the_end() {
        let bar = |done| picture(10, 1, Caps::default(), |c| draw(c, 0, 0, 10, done, 312))[0].clone();
        assert_eq!(bar(0), "░░░░░░░░░░");
        assert_eq!(bar(311), "█████████░");
        assert_eq!(bar(312), "██████████");
        assert_eq!(bar(999), "██████████");
    }

    #[test]
    fn ages_move_in_steps() {
        assert_eq!(age(3_000), age(50_000));
        assert_eq!(age(61_000), "1 min old");
        assert_eq!(age(7_300_000), "2 h old");
    }
}
