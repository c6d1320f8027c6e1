//! The only way to the picture: every text is made safe, clipped and, where the locale asks for it, ASCII.

use std::borrow::Cow;

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use sla_domain::SafeText;
use unicode_width::UnicodeWidthStr as _;

use super::marks::Marks;
use crate::theme::{Role, Theme, to_ascii};

/// Where a text sits in its field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
    Centre,
    /// Left; what does not fit is cut in the middle, for both ends of a metric name tell.
    Ends,
}

/// A rectangle to draw in. Coordinates count from its top left corner; what lies outside is not drawn.
pub(crate) struct Canvas<'a> {
    buffer: &'a mut Buffer,
    marks: &'a mut Marks,
    theme: &'a Theme,
    area: Rect,
}

impl<'a> Canvas<'a> {
    pub(crate) fn new(buffer: &'a mut Buffer, marks: &'a mut Marks, theme: &'a Theme) -> Self {
        let area = buffer.area;
        Self {
            buffer,
            marks,
            theme,
            area,
        }
    }

    pub(crate) fn width(&self) -> u16 {
        self.area.width
    }

    pub(crate) fn height(&self) -> u16 {
        self.area.height
    }

    pub(crate) fn theme(&self) -> &Theme {
        self.theme
    }

    /// A part of this canvas, cut where it sticks out.
    pub(crate) fn part(&mut self, x: u16, y: u16, width: u16, height: u16) -> Canvas<'_> {
        let wanted = Rect::new(
            self.area.x.saturating_add(x),
            self.area.y.saturating_add(y),
            width,
            height,
        );
        let area = wanted.intersection(self.area);
        Canvas {
            buffer: self.buffer,
            marks: self.marks,
            theme: self.theme,
            area,
        }
    }

    /// The rows from `y` on, `height` of them.
    pub(crate) fn rows(&mut self, y: u16, height: u16) -> Canvas<'_> {
        self.part(0, y, self.area.width, height)
    }

    /// Draws `text` at (x, y) and returns the column after it. What does not fit is cut without a mark.
    pub(crate) fn text(&mut self, x: u16, y: u16, text: &str, role: Role) -> u16 {
        self.styled(x, y, text, self.theme.style(role))
    }

    fn styled(&mut self, x: u16, y: u16, text: &str, style: Style) -> u16 {
        if x >= self.area.width || y >= self.area.height {
            return x;
        }
        let safe = self.drawable(text);
        let room = usize::from(self.area.width - x);
        let (end, _) = self
            .buffer
            .set_stringn(self.area.x + x, self.area.y + y, safe, room, style);
        end - self.area.x
    }

    /// Draws `text` in a field of `width` columns; a cut tail shows as an ellipsis.
    pub(crate) fn field(&mut self, x: u16, y: u16, width: u16, text: &str, align: Align, role: Role) {
        let width = width.min(self.area.width.saturating_sub(x));
        if width == 0 || y >= self.area.height {
            return;
        }
        let drawable = self.drawable(text);
        let safe = match align {
            Align::Ends => cut_middle(&drawable, usize::from(width)),
            _ => cut(&drawable, usize::from(width)),
        }
        .into_owned();
        let used = safe.width() as u16;
        let lead = match align {
            Align::Left | Align::Ends => 0,
            Align::Right => width - used.min(width),
            Align::Centre => (width - used.min(width)) / 2,
        };
        self.text(x + lead, y, &safe, role);
    }

    /// One glyph of ours.
    pub(crate) fn glyph(&mut self, x: u16, y: u16, c: char, role: Role) {
        if x < self.area.width && y < self.area.height {
            let c = if self.theme.unicode() { c } else { to_ascii(c) };
            let style = self.theme.style(role);
            if let Some(cell) = self.buffer.cell_mut((self.area.x + x, self.area.y + y)) {
                cell.set_char(c).set_style(style);
            }
        }
    }

    /// A horizontal run of one glyph.
    pub(crate) fn run(&mut self, x: u16, y: u16, width: u16, c: char, role: Role) {
        for column in x..x.saturating_add(width).min(self.area.width) {
            self.glyph(column, y, c, role);
        }
    }

    /// Blanks the whole canvas (popups lie over other things).
    pub(crate) fn clear(&mut self) {
        self.marks.cover(self.area);
        for y in 0..self.area.height {
            for x in 0..self.area.width {
                if let Some(cell) = self.buffer.cell_mut((self.area.x + x, self.area.y + y)) {
                    cell.reset();
                }
            }
        }
    }

    /// A frame around the canvas with a title; the inside is what is left.
    pub(crate) fn frame(&mut self, title: &str, role: Role) -> Canvas<'_> {
        let (w, h) = (self.area.width, self.area.height);
        if w >= 2 && h >= 2 {
            self.run(1, 0, w - 2, '─', Role::Border);
            self.run(1, h - 1, w - 2, '─', Role::Border);
            for y in 1..h - 1 {
                self.glyph(0, y, '│', Role::Border);
                self.glyph(w - 1, y, '│', Role::Border);
            }
            for (x, y, c) in [(0, 0, '┌'), (w - 1, 0, '┐'), (0, h - 1, '└'), (w - 1, h - 1, '┘')] {
                self.glyph(x, y, c, Role::Border);
            }
            if w > 6 && !title.is_empty() {
                let text = format!(" {title} ");
                self.field(2, 0, w - 4, &text, Align::Left, role);
            }
        }
        self.part(1, 1, w.saturating_sub(2), h.saturating_sub(2))
    }

    /// Puts the terminal's cursor here.
    pub(crate) fn set_cursor(&mut self, x: u16, y: u16) {
        if x < self.area.width && y < self.area.height {
            self.marks.cursor = Some(Position::new(self.area.x + x, self.area.y + y));
        }
    }

    /// The text of `width` columns at (x, y) leads to an address.
    pub(crate) fn link(&mut self, x: u16, y: u16, width: u16, address: &str) {
        let wanted = Rect::new(self.area.x.saturating_add(x), self.area.y.saturating_add(y), width, 1);
        self.marks.link(wanted.intersection(self.area), address);
    }

    fn drawable<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if text.bytes().all(|b| (0x20..0x7f).contains(&b)) {
            return Cow::Borrowed(text);
        }
        let safe = SafeText::new(text).into_string();
        if self.theme.unicode() {
            return Cow::Owned(safe);
        }
        Cow::Owned(safe.chars().map(to_ascii).collect())
    }
}

/// `text` (safe already) cut to `columns`, with an ellipsis in place of what is gone.
pub(crate) fn cut(text: &str, columns: usize) -> Cow<'_, str> {
    if text.width() <= columns {
        return Cow::Borrowed(text);
    }
    Cow::Owned(SafeText::new(text).truncate(columns).into_string())
}

/// `text` (safe already) cut to `columns` in its middle.
pub(crate) fn cut_middle(text: &str, columns: usize) -> Cow<'_, str> {
    if text.width() <= columns {
        return Cow::Borrowed(text);
    }
    let tail = SafeText::new(text).truncate_start(columns.div_ceil(2)).into_string();
    let mut head = String::new();
    for c in text.chars() {
        head.push(c);
        if head.width() + tail.width() > columns {
            head.pop();
            break;
        }
    }
    Cow::Owned(head + &tail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::theme::caps::Caps;

    fn drawn(unicode: bool, draw: impl FnOnce(&mut Canvas<'_>)) -> String {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 12, 2));
        let theme = Theme::new(Caps {
            unicode,
            ..Caps::default()
        });
        draw(&mut Canvas::new(&mut buffer, &mut Marks::default(), &theme));
        (0..12)
            .map(|x| buffer[(x, 0)].symbol().to_owned())
            .collect::<String>()
            .trim_end()
            .to_owned()
    }

    #[test]
    fn hostile_text_cannot_pass() {
        let out = drawn(true, |canvas| {
            canvas.text(0, 0, "a\u{1b}[31m\u{202e}b", Role::Text);
        });
        assert_eq!(out, "a·[31m·b");
    }

    #[test]
    fn an_ascii_locale_gets_ascii() {
        let out = drawn(false, |canvas| {
            canvas.text(0, 0, "✗ 日 – …", Role::Text);
        });
        assert!(out.is_ascii(), "{out}");
        assert!(out.starts_with("X ? "), "{out}");
    }

    #[test]
    fn both_ends_of_a_name_stay() {
        assert_eq!(cut_middle("node_memory_MemAvailable_bytes", 16), "node_mem…e_bytes");
        assert_eq!(cut_middle("日本語日本語", 7), "日本…語");
        assert_eq!(cut_middle("abc", 3), "abc");
        for columns in 0..8 {
            assert!(cut_middle("日本語日本語", columns).width() <= columns, "{columns}");
        }
    }

    #[test]
    fn parts_clip() {
        let out = drawn(true, |canvas| {
            canvas.part(8, 0, 100, 1).text(0, 0, "longer than that", Role::Text);
            canvas.field(0, 0, 6, "abcdefgh", Align::Left, Role::Text);
        });
        assert_eq!(out, "abcde…  long");
    }
}
