//! The wheel and clicks: a tab, the line of what is wrong, a header to sort by, a row; twice on a row opens it.

use super::App;
use crate::command::{Cmd, Tab};
use crate::context::HEADER_ROWS;

/// Two clicks on a row within this time are one double click, milliseconds.
const DOUBLE_MS: i64 = 400;

impl App {
    pub(super) fn wheel(&mut self, lines: isize) {
        let cmd = if lines < 0 { Cmd::Up } else { Cmd::Down };
        for _ in 0..lines.unsigned_abs() {
            if let Some(overlay) = &mut self.overlay {
                overlay.scroll(cmd, 1);
                self.pick(cmd, 1);
            } else {
                self.screen_command(cmd, None);
            }
        }
    }

    pub(super) fn click(&mut self, x: u16, y: u16) {
        if self.overlay.is_some() {
            return;
        }
        let now = self.cx.now.mono_ms;
        let twice = self.clicked.is_some_and(|(row, at)| row == y && now - at <= DOUBLE_MS);
        self.clicked = None;
        if y == super::view::TABS_ROW {
            if let Some(tab) = super::view::tab_at(&self.cx, self.tab, x) {
                self.run(Cmd::Go(tab), None);
            }
        } else if let Some(row) = y.checked_sub(HEADER_ROWS) {
            let (screen, cx) = self.here();
            if !screen.click(cx, (x, row)) {
                return;
            }
            if twice {
                self.run(Cmd::Open, None);
            } else {
                self.clicked = Some((y, now));
            }
        } else if y == 1 {
            // The line of what is wrong leads to all that is.
            self.run(Cmd::Go(Tab::Now), None);
        }
    }
}
