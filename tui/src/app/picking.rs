//! What is asked about the row on screen: where its numbers come from, which columns it has.

use sla_domain::SafeText;

use super::App;
use crate::command::Cmd;
use crate::overlay::{Item, Overlay, Pick, PickKind};
use crate::say;

impl App {
    /// Where the numbers of the chosen row come from.
    pub(super) fn why(&self) -> Overlay {
        let (title, lines) = self.screen().why(&self.cx);
        let lines = lines.iter().map(|line| SafeText::new(line).into_string()).collect();
        Overlay::text(say::notices::why(&SafeText::new(&title)), lines)
    }

    /// The columns of the table on screen, to show, hide and move.
    pub(super) fn pick_columns(&mut self) {
        match self
            .here()
            .0
            .columns_mut()
            .map(|columns| columns.heads().collect::<Vec<_>>())
        {
            Some(heads) => {
                let items = heads
                    .into_iter()
                    .map(|(head, shown)| Item {
                        ticked: Some(shown),
                        ..Item::new(head, head)
                    })
                    .collect();
                self.overlay = Some(Overlay::Pick(Pick::new(
                    say::notices::columns_left_to_right(),
                    PickKind::Columns,
                    items,
                )));
            }
            None => self.cx.complain(say::notices::columns_this_screen_has()),
        }
    }

    /// A command while a list is open; false when it is none of the list's.
    pub(super) fn pick(&mut self, cmd: Cmd, page: usize) -> bool {
        let Some(Overlay::Pick(pick)) = &mut self.overlay else {
            return false;
        };
        if pick.command(cmd, page) {
            return true;
        }
        let kind = pick.kind;
        match (kind, cmd) {
            (PickKind::Run(_) | PickKind::Moved, Cmd::Open) => {
                let run = if let PickKind::Run(run) = kind { run } else { Cmd::Show };
                let value = pick.current().map(|item| item.value.clone());
                self.overlay = None;
                match value {
                    Some(value) if !value.is_empty() => self.run(run, Some(value)),
                    Some(_) => self.ask_argument(run),
                    None => {}
                }
            }
            (PickKind::Columns, Cmd::Tick | Cmd::MoveUp | Cmd::MoveDown) => {
                let at = pick.chosen;
                self.change_columns(cmd, at);
            }
            (PickKind::Moved, Cmd::Sort) => self.turn_moved(),
            (PickKind::Columns, Cmd::Open) => self.overlay = None,
            _ => return false,
        }
        true
    }

    fn change_columns(&mut self, cmd: Cmd, at: usize) {
        let Some(columns) = self.here().0.columns_mut() else {
            return;
        };
        let chosen = match cmd {
            Cmd::MoveUp => columns.shift(at, -1),
            Cmd::MoveDown => columns.shift(at, 1),
            _ => {
                columns.turn(at);
                at
            }
        };
        self.pick_columns();
        if let Some(Overlay::Pick(pick)) = &mut self.overlay {
            pick.chosen = chosen;
        }
    }
}
