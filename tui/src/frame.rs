//! A whole picture as text, for tests.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::theme::Theme;
use crate::theme::caps::Caps;
use crate::widget::canvas::Canvas;
use crate::widget::marks::Marks;

/// The rows of a buffer, right-trimmed.
pub(crate) fn rows_of(buffer: &Buffer) -> Vec<String> {
    let Rect { width, height, .. } = buffer.area;
    (0..height)
        .map(|y| {
            let mut row = String::new();
            let mut skip = 0;
            for x in 0..width {
                if skip > 0 {
                    skip -= 1;
                    continue;
                }
                let symbol = buffer[(x, y)].symbol();
                skip = unicode_width::UnicodeWidthStr::width(symbol).saturating_sub(1);
                row.push_str(symbol);
            }
            row.trim_end().to_owned()
        })
        .collect()
}

/// Draws on a canvas of that size and gives its rows.
pub(crate) fn picture(width: u16, height: u16, caps: Caps, draw: impl FnOnce(&mut Canvas<'_>)) -> Vec<String> {
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
    let theme = Theme::new(caps);
    draw(&mut Canvas::new(&mut buffer, &mut Marks::default(), &theme));
    rows_of(&buffer)
}
