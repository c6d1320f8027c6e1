//! From two pictures to the fewest bytes that turn the first into the second.

use std::io::Write as _;

use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::{Position, Rect};
use ratatui::style::{Color, Modifier};
use unicode_width::UnicodeWidthStr as _;

use crate::widget::marks::Marks;

/// Unchanged cells between two changes that are written again rather than jumped over: a jump costs at least 4 bytes.
const REWRITE_GAP_MAX: u16 = 3;
/// DEC private mode 2026, synchronized output: the terminal shows the frame when it is whole.
const FRAME_BEGIN: &[u8] = b"\x1b[?2026h";
const FRAME_END: &[u8] = b"\x1b[?2026l";
/// OSC 8: what follows leads to the address between, or, without one, nowhere.
const LINK_BEGIN: &[u8] = b"\x1b]8;;";
const LINK_END: &[u8] = b"\x1b\\";

/// The style the terminal will use for the next character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pen {
    fg: Color,
    bg: Color,
    modifier: Modifier,
}

const PLAIN: Pen = Pen {
    fg: Color::Reset,
    bg: Color::Reset,
    modifier: Modifier::empty(),
};

/// What is on the screen, as far as bytes were handed to the terminal.
#[derive(Debug)]
pub(crate) struct Encoder {
    screen: Option<Buffer>,
    /// What was on it beside its cells.
    marks: Marks,
    pen: Pen,
    /// Where the terminal's own cursor is; `None` after a wide character or at the right edge, where terminals differ.
    at: Option<(u16, u16)>,
}

impl Encoder {
    pub(crate) fn new() -> Self {
        Self {
            screen: None,
            marks: Marks::default(),
            pen: PLAIN,
            at: None,
        }
    }

    /// Forgets what is on the screen: the next frame clears and paints everything.
    pub(crate) fn invalidate(&mut self) {
        self.screen = None;
    }

    /// Appends to `out` the bytes that show `next`, and returns the buffer that was shown before for reuse.
    /// Nothing is appended when nothing changed.
    pub(crate) fn encode(&mut self, next: Buffer, marks: Marks, out: &mut Vec<u8>) -> Buffer {
        let start = out.len();
        out.extend_from_slice(FRAME_BEGIN);
        let opened = out.len();
        let previous = match self.screen.take() {
            Some(previous) if previous.area == next.area => previous,
            _ => {
                out.extend_from_slice(b"\x1b[0m\x1b[?25l\x1b[2J");
                self.pen = PLAIN;
                self.at = None;
                self.marks = Marks::default();
                Buffer::empty(next.area)
            }
        };
        self.changes(&previous, (&next, &marks), out);
        self.place_cursor(marks.cursor, opened, out);
        self.marks = marks;
        if out.len() == opened {
            out.truncate(start);
        } else {
            out.extend_from_slice(FRAME_END);
        }
        self.screen = Some(next);
        previous
    }

    fn changes(&mut self, previous: &Buffer, (next, marks): (&Buffer, &Marks), out: &mut Vec<u8>) {
        let mut cells: Vec<(u16, u16, &Cell)> = previous.diff_iter(next).collect();
        // A cell that leads elsewhere is written again, whatever it shows.
        let led = marks.differing(&self.marks).into_iter();
        let led: Vec<_> = led.filter_map(|(x, y)| Some((x, y, next.cell((x, y))?))).collect();
        if !led.is_empty() {
            cells.extend(led);
            cells.sort_by_key(|&(x, y, _)| (y, x));
            cells.dedup_by_key(|&mut (x, y, _)| (y, x));
        }
        let mut open: Option<&str> = None;
        for (x, y, cell) in cells {
            let address = marks.address_at(x, y);
            if open != address {
                write_link(address, out);
                open = address;
            }
            self.travel((x, y), (next, marks), out);
            self.paint(cell, out);
            let width = cell.symbol().width().max(1) as u16;
            let right = x + width;
            self.at = (width == 1 && right < next.area.width).then_some((right, y));
        }
        // Nothing that is written between two frames leads anywhere.
        if open.is_some() {
            write_link(None, out);
        }
    }

    fn travel(&mut self, (x, y): (u16, u16), (next, marks): (&Buffer, &Marks), out: &mut Vec<u8>) {
        match self.at {
            Some((at_x, at_y)) if (at_x, at_y) == (x, y) => {}
            Some((at_x, at_y)) if at_y == y && at_x < x => {
                let gap = x - at_x;
                let led = marks.address_at(x, y);
                let same = |between| self.same_pen_ascii(next, between, y) && marks.address_at(between, y) == led;
                let cheap = gap <= REWRITE_GAP_MAX && (at_x..x).all(same);
                if cheap {
                    for between in at_x..x {
                        if let Some(cell) = next.cell((between, y)) {
                            out.extend_from_slice(cell.symbol().as_bytes());
                        }
                    }
                } else if gap == 1 {
                    out.extend_from_slice(b"\x1b[C");
                } else {
                    let _ = write!(out, "\x1b[{gap}C");
                }
            }
            _ if x == 0 => {
                let _ = write!(out, "\x1b[{}H", y + 1);
            }
            _ => {
                let _ = write!(out, "\x1b[{};{}H", y + 1, x + 1);
            }
        }
        self.at = Some((x, y));
    }

    fn same_pen_ascii(&self, next: &Buffer, x: u16, y: u16) -> bool {
        next.cell((x, y))
            .is_some_and(|cell| pen_of(cell) == self.pen && cell.symbol().len() == 1)
    }

    fn paint(&mut self, cell: &Cell, out: &mut Vec<u8>) {
        self.switch_pen(pen_of(cell), out);
        out.extend_from_slice(cell.symbol().as_bytes());
    }

    fn switch_pen(&mut self, pen: Pen, out: &mut Vec<u8>) {
        if pen == self.pen {
            return;
        }
        let mut codes: Vec<u8> = Vec::with_capacity(32);
        let mut have = self.pen;
        if !(have.modifier - pen.modifier).is_empty() || pen == PLAIN {
            codes.extend_from_slice(b"0;");
            have = PLAIN;
        }
        for (flag, code) in [
            (Modifier::BOLD, "1;"),
            (Modifier::DIM, "2;"),
            (Modifier::ITALIC, "3;"),
            (Modifier::UNDERLINED, "4;"),
            (Modifier::REVERSED, "7;"),
            (Modifier::CROSSED_OUT, "9;"),
        ] {
            if (pen.modifier - have.modifier).contains(flag) {
                codes.extend_from_slice(code.as_bytes());
            }
        }
        if pen.fg != have.fg {
            colour_code(pen.fg, false, &mut codes);
        }
        if pen.bg != have.bg {
            colour_code(pen.bg, true, &mut codes);
        }
        codes.pop();
        out.extend_from_slice(b"\x1b[");
        out.extend_from_slice(if codes == b"0" { b"" } else { &codes });
        out.push(b'm');
        self.pen = pen;
    }

    fn place_cursor(&mut self, cursor: Option<Position>, opened: usize, out: &mut Vec<u8>) {
        let painted = out.len() > opened;
        if let Some(Position { x, y }) = cursor {
            if painted || self.marks.cursor != cursor {
                let _ = write!(out, "\x1b[{};{}H", y + 1, x + 1);
                self.at = Some((x, y));
            }
            if self.marks.cursor.is_none() {
                out.extend_from_slice(b"\x1b[?25h");
            }
        } else if self.marks.cursor.is_some() {
            out.extend_from_slice(b"\x1b[?25l");
        }
    }
}

fn write_link(address: Option<&str>, out: &mut Vec<u8>) {
    out.extend_from_slice(LINK_BEGIN);
    out.extend_from_slice(address.unwrap_or_default().as_bytes());
    out.extend_from_slice(LINK_END);
}

fn pen_of(cell: &Cell) -> Pen {
    Pen {
        fg: cell.fg,
        bg: cell.bg,
        modifier: cell.modifier,
    }
}

fn colour_code(colour: Color, background: bool, codes: &mut Vec<u8>) {
    let (base, bright) = if background { (40, 100) } else { (30, 90) };
    let lead = base + 8;
    let _ = match colour {
        Color::Reset => write!(codes, "{};", base + 9),
        Color::Black => write!(codes, "{base};"),
        Color::Red => write!(codes, "{};", base + 1),
        Color::Green => write!(codes, "{};", base + 2),
        Color::Yellow => write!(codes, "{};", base + 3),
        Color::Blue => write!(codes, "{};", base + 4),
        Color::Magenta => write!(codes, "{};", base + 5),
        Color::Cyan => write!(codes, "{};", base + 6),
        Color::Gray => write!(codes, "{};", base + 7),
        Color::DarkGray => write!(codes, "{bright};"),
        Color::LightRed => write!(codes, "{};", bright + 1),
        Color::LightGreen => write!(codes, "{};", bright + 2),
        Color::LightYellow => write!(codes, "{};", bright + 3),
        Color::LightBlue => write!(codes, "{};", bright + 4),
        Color::LightMagenta => write!(codes, "{};", bright + 5),
        Color::LightCyan => write!(codes, "{};", bright + 6),
        Color::White => write!(codes, "{};", bright + 7),
        Color::Indexed(index) => write!(codes, "{lead};5;{index};"),
        Color::Rgb(r, g, b) => write!(codes, "{lead};2;{r};{g};{b};"),
    };
}

/// A buffer of `width` × `height` blank cells; `old` is reused when there is one.
pub(crate) fn blank(old: Option<Buffer>, width: u16, height: u16) -> Buffer {
    let area = Rect::new(0, 0, width, height);
    match old {
        Some(mut buffer) => {
            buffer.resize(area);
            buffer.reset();
            buffer
        }
        None => Buffer::empty(area),
    }
}

#[cfg(test)]
mod tests {
    use ratatui::style::Style;

    use super::*;

    fn picture(lines: &[&str]) -> Buffer {
        Buffer::with_lines(lines.iter().copied())
    }

    fn bytes(encoder: &mut Encoder, next: Buffer) -> String {
        let mut out = Vec::new();
        encoder.encode(next, Marks::default(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn an_equal_frame_costs_nothing() {
        let mut encoder = Encoder::new();
        assert!(!bytes(&mut encoder, picture(&["abc", "def"])).is_empty());
        assert_eq!(bytes(&mut encoder, picture(&["abc", "def"])), "");
    }

    #[test]
    fn only_the_change_is_written() {
        let mut encoder = Encoder::new();
        bytes(&mut encoder, picture(&["abc", "def"]));
        assert_eq!(
            bytes(&mut encoder, picture(&["abc", "dXf"])),
            "\x1b[?2026h\x1b[2;2HX\x1b[?2026l"
        );
    }

    #[test]
    fn a_resize_clears_first() {
        let mut encoder = Encoder::new();
        bytes(&mut encoder, picture(&["abc"]));
        assert!(bytes(&mut encoder, picture(&["abcd"])).contains("\x1b[2J"));
    }

    #[test]
    fn what_vt100_shows_is_what_was_drawn() {
        let mut encoder = Encoder::new();
        let mut parser = vt100::Parser::new(4.try_into().unwrap(), 20.try_into().unwrap(), 0);
        let frames = [
            ["one two three", "‹braille ⣿⣶⣤›", "", "end of the frame1234"],
            ["one 222 three", "‹braille ⣿⣿⣤›", "日本 wide", "end of the frame1235"],
            ["", "x", "日a wide", "                   !"],
        ];
        for (round, frame) in frames.iter().enumerate() {
            let mut next = Buffer::empty(Rect::new(0, 0, 20, 4));
            for (y, line) in frame.iter().enumerate() {
                let style = if (round + y) % 2 == 0 {
                    Style::new().bold().fg(Color::Blue)
                } else {
                    Style::new()
                };
                next.set_string(0, y as u16, line, style);
            }
            parser.process(bytes(&mut encoder, next).as_bytes());
            for (y, line) in frame.iter().enumerate() {
                let shown = parser.screen().contents_between(y as u16, 0, y as u16, 20);
                assert_eq!(shown.trim_end(), line.trim_end(), "frame {round} row {y}");
            }
        }
    }

    #[test]
    fn a_link_is_opened_and_closed_within_its_frame() {
        let mut encoder = Encoder::new();
        let linked = |encoder: &mut Encoder, address: &str| {
            let (mut out, mut marks) = (Vec::new(), Marks::default());
            marks.link(Rect::new(1, 0, 2, 1), address);
            encoder.encode(picture(&["abcd"]), marks, &mut out);
            String::from_utf8(out).unwrap()
        };
        let close = "\x1b]8;;\x1b\\";
        let shown = linked(&mut encoder, "http://p/graph?g0.expr=up");
        assert!(
            shown.contains(&format!("a\x1b]8;;http://p/graph?g0.expr=up\x1b\\bc{close}d")),
            "{shown:?}"
        );
        assert_eq!(
            linked(&mut encoder, "http://p/graph?g0.expr=up"),
            "",
            "the same again costs nothing"
        );
        assert_eq!(
            linked(&mut encoder, "http://q"),
            format!("\x1b[?2026h\x1b]8;;http://q\x1b\\\x1b[1;2Hbc{close}\x1b[?2026l"),
            "another address under the same text"
        );
        let plain = bytes(&mut encoder, picture(&["abcd"]));
        assert_eq!(plain, "\x1b[?2026h\x1b[1;2Hbc\x1b[?2026l", "a link that is gone");
        assert!(!linked(&mut encoder, "file:///etc/passwd").contains("]8;"));
    }

    #[test]
    fn removing_a_modifier_resets_the_pen() {
        let mut encoder = Encoder::new();
        let mut bold = Buffer::empty(Rect::new(0, 0, 2, 1));
        bold.set_string(0, 0, "a", Style::new().bold());
        bytes(&mut encoder, bold);
        let mut plain = Buffer::empty(Rect::new(0, 0, 2, 1));
        plain.set_string(0, 0, "b", Style::new());
        assert!(bytes(&mut encoder, plain).contains("\x1b[mb"));
    }
}
