//! What a pane says about the age of what it shows.

use crate::context::Context;
use crate::context::remote::{Phase, Remote};
use crate::context::request::Problem;
use crate::say;
use crate::theme::Role;
use crate::widget::canvas::{Align, Canvas};
use crate::widget::wrap::wrap;

/// What a pane says while it has nothing to show, or when what it shows is old. Returns whether there is a value to draw.
pub(crate) fn draw_phase<T>(cx: &Context, remote: &Remote<T>, canvas: &mut Canvas<'_>, noun: &str) -> bool {
    let width = canvas.width();
    match remote.phase() {
        Phase::Ready | Phase::Stale(_) => true,
        Phase::Idle => {
            canvas.field(
                1,
                0,
                width,
                &say::phase::waiting_for_the_connection(&noun),
                Align::Left,
                Role::Dim,
            );
            false
        }
        Phase::Loading(_) => {
            canvas.field(1, 0, width, &say::phase::reading(&noun), Align::Left, Role::Dim);
            false
        }
        Phase::Failed(since) => {
            let text = remote.problem().map(Problem::sentence).unwrap_or_default();
            canvas.field(
                1,
                0,
                width,
                &say::phase::failing_since(&noun, &cx.zone.clock(since)),
                Align::Left,
                Role::Error,
            );
            for (row, line) in wrap(&text, usize::from(width.saturating_sub(4))).iter().enumerate() {
                canvas.text(3, row as u16 + 1, line, Role::Text);
            }
            false
        }
    }
}

/// The edge above what is said about rows: how old they are, or a line where there is room. How many rows it took, and whether
/// they are old.
pub(crate) fn draw_edge<T>(cx: &Context, remote: &Remote<T>, canvas: &mut Canvas<'_>) -> (u16, bool) {
    let (width, height) = (canvas.width(), canvas.height());
    let stale = stale_words(cx, remote);
    match &stale {
        Some(stale) => canvas.field(1, 0, width.saturating_sub(2), stale, Align::Left, Role::Error),
        None if height > 1 => canvas.run(0, 0, width, '─', Role::Border),
        None => {}
    }
    (u16::from(height > 1 || stale.is_some()), stale.is_some())
}

/// ` STALE since 14:21:05: why`, or nothing.
pub(crate) fn stale_words<T>(cx: &Context, remote: &Remote<T>) -> Option<String> {
    let Phase::Stale(since) = remote.phase() else {
        return None;
    };
    let why = remote.problem().map(Problem::sentence).unwrap_or_default();
    Some(say::phase::stale_since(&cx.zone.clock(since), &why))
}
