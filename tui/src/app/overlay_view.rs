//! Drawing overlays.

use crokey::KeyCombination;

use super::App;
use crate::command::keymap::show_chord;
use crate::command::{COMMANDS, Command, Danger, Scope, palette};
use crate::overlay::{Overlay, Purpose};
use crate::say;
use crate::theme::Role;
use crate::widget::canvas::{Align, Canvas};
use crate::widget::field::TextField;
use crate::widget::wrap::{wrap, wrap_hanging};

/// Rows of the palette's list.
const PALETTE_ROWS: u16 = 10;
const PALETTE_WIDTH_MAX: u16 = 110;
/// Columns for names and keys in the palette.
const NAME_WIDTH: u16 = 20;
const PALETTE_KEY_WIDTH: u16 = 7;
/// Columns that a filter being typed keeps beside what is wrong with it.
const TYPED_WIDTH_MIN: u16 = 16;
/// Columns of the list of what may follow a key.
const FOLLOW_WIDTH: u16 = 34;
/// Columns for the keys in the help.
const KEY_WIDTH: u16 = 20;

/// Draws the open overlay over the whole screen.
#[expect(clippy::too_many_lines, reason = "one arm an overlay")]
pub(crate) fn draw(app: &App, overlay: &Overlay, canvas: &mut Canvas<'_>) {
    match overlay {
        Overlay::Find(find) => find.draw(canvas),
        Overlay::Help {
            scopes,
            scroll,
            search,
            typing,
        } => {
            draw_help(app, scopes, *scroll, search.as_ref(), canvas);
            if let Some(field) = search.as_ref().filter(|_| *typing) {
                let mut line = canvas.rows(canvas.height().saturating_sub(1), 1);
                line.clear();
                let x = line.text(0, 0, "/", Role::Key);
                let width = line.width().saturating_sub(x);
                field.draw(&mut line, x, 0, width, true);
            }
        }
        Overlay::Palette { field, chosen, scopes } => {
            let found = palette::matching(field.value(), scopes);
            let width = canvas.width().min(PALETTE_WIDTH_MAX);
            let height = PALETTE_ROWS.min(canvas.height().saturating_sub(4)) + 3;
            let x = (canvas.width() - width) / 2;
            let mut popup = canvas.part(x, 1, width, height);
            popup.clear();
            let mut inside = popup.frame(say::frame::command(), Role::Title);
            inside.text(0, 0, ":", Role::Key);
            let (w, rows) = (inside.width(), usize::from(inside.height().saturating_sub(1)));
            let top = chosen.saturating_sub(rows.saturating_sub(1));
            for (line, command) in found.iter().skip(top).take(rows).enumerate() {
                let y = line as u16 + 1;
                let reason = app.lacks(command);
                let role = if reason.is_some() { Role::Dim } else { Role::Text };
                if top + line == *chosen {
                    inside.glyph(0, y, '▸', Role::Accent);
                }
                let argument = command.argument.map(|a| format!(" {a}")).unwrap_or_default();
                let name = format!("{}{argument}", command.id);
                inside.field(2, y, NAME_WIDTH, &name, Align::Left, role);
                let key = app.keymap.keys(command.cmd).first().cloned().unwrap_or_default();
                inside.field(NAME_WIDTH + 3, y, PALETTE_KEY_WIDTH, &key, Align::Left, Role::Key);
                let text = reason.map_or_else(|| command.help().to_owned(), |why| say::frame::not_now(&why));
                let x = NAME_WIDTH + PALETTE_KEY_WIDTH + 4;
                inside.field(x, y, w.saturating_sub(x), &text, Align::Left, Role::Dim);
            }
            field.draw(&mut inside, 1, 0, w.saturating_sub(1), true);
            field.draw_offer(&mut inside.part(2, 1, w.saturating_sub(2), rows as u16), true);
        }
        Overlay::Prompt { purpose, label, field } => {
            let y = canvas.height().saturating_sub(1);
            let mut line = canvas.rows(y, 1);
            line.clear();
            let lead = if *purpose == Purpose::Filter {
                "/".to_owned()
            } else {
                format!("{label}: ")
            };
            let x = line.text(0, 0, &lead, Role::Key);
            let problem = app.screen().filter_problem().filter(|_| *purpose == Purpose::Filter);
            let mut width = line.width().saturating_sub(x);
            if let Some(problem) = problem {
                // The typed text keeps a third; what is wrong with it has the rest.
                let typed = (width / 3).max(TYPED_WIDTH_MIN).min(width);
                let at = x + typed + 1;
                let room = line.width().saturating_sub(at);
                line.field(at, 0, room, problem, Align::Left, Role::Error);
                width = typed;
            }
            field.draw(&mut line, x, 0, width, true);
            let left = x.min(canvas.width());
            field.draw_offer(&mut canvas.part(left, 0, canvas.width() - left, y), false);
        }
        Overlay::Confirm { question, .. } => {
            let width = canvas.width().min(64);
            let lines = wrap(question, usize::from(width.saturating_sub(4)));
            let height = lines.len() as u16 + 4;
            let (x, y) = ((canvas.width() - width) / 2, canvas.height().saturating_sub(height) / 2);
            let mut popup = canvas.part(x, y, width, height);
            popup.clear();
            let mut inside = popup.frame(say::frame::really(), Role::Violated);
            for (row, line) in lines.iter().enumerate() {
                inside.text(1, row as u16, line, Role::Text);
            }
            inside.text(1, lines.len() as u16 + 1, say::frame::y_yes_n_no(), Role::Key);
        }
        Overlay::Log { scroll } => {
            let mut inside = full(canvas, say::frame::log_of_this_console());
            let rows = usize::from(inside.height());
            if app.cx.log.len() == 0 {
                inside.text(1, 0, say::frame::nothing_was_logged(), Role::Dim);
            }
            let skip = (*scroll).min(app.cx.log.len().saturating_sub(rows));
            for (y, line) in app.cx.log.tail(rows, skip).iter().enumerate() {
                let width = inside.width();
                inside.field(0, y as u16, width, line, Align::Left, Role::Text);
            }
        }
        Overlay::Login(login) => login.draw(canvas),
        Overlay::Pick(pick) => pick.draw(canvas),
        Overlay::Text { title, lines, scroll } => {
            let columns = usize::from(canvas.width().saturating_sub(2));
            let lines: Vec<String> = lines.iter().flat_map(|line| wrap_hanging(line, columns)).collect();
            let rows = usize::from(canvas.height().saturating_sub(2));
            let top = (*scroll).min(lines.len().saturating_sub(rows));
            let place = if lines.len() > rows {
                say::frame::place_behind(&(top + 1), &(top + rows).min(lines.len()), &lines.len())
            } else {
                String::new()
            };
            let mut inside = full(canvas, &format!("{title}{place}"));
            let width = inside.width();
            for (y, line) in lines.iter().skip(top).take(rows).enumerate() {
                inside.field(0, y as u16, width, line, Align::Left, Role::Text);
            }
        }
    }
}

fn full<'c>(canvas: &'c mut Canvas<'_>, title: &str) -> Canvas<'c> {
    canvas.clear();
    let (w, h) = (canvas.width(), canvas.height());
    let title = say::frame::esc_back(&title);
    canvas.frame(&title, Role::Title);
    canvas.part(1, 1, w.saturating_sub(2), h.saturating_sub(2))
}

/// What may follow the key that was pressed.
pub(crate) fn draw_follow(app: &App, first: KeyCombination, canvas: &mut Canvas<'_>) {
    let follow = app.keymap.follow(&app.scopes(), first);
    let title = format!("{} ...", show_chord(first));
    let height = (follow.len() as u16 + 2).min(canvas.height());
    let width = FOLLOW_WIDTH.min(canvas.width());
    let (x, y) = (canvas.width() - width, canvas.height().saturating_sub(height + 1));
    let mut popup = canvas.part(x, y, width, height);
    popup.clear();
    let mut inside = popup.frame(&title, Role::Title);
    let room = inside.width();
    for (line, (key, command)) in follow.iter().enumerate() {
        let y = line as u16;
        let role = if app.lacks(command).is_some() {
            Role::Dim
        } else {
            Role::Text
        };
        inside.field(1, y, 6, key, Align::Left, Role::Key);
        inside.field(8, y, room.saturating_sub(8), command.title(), Align::Left, role);
    }
}

/// Whether a command holds what is looked for: in its name, its title, its keys or its sentence.
fn is_about(app: &App, command: &Command, wanted: &str) -> bool {
    let keys = app.keymap.keys(command.cmd).join(" ");
    let texts = [command.id, command.title(), command.help(), &keys];
    texts.iter().any(|text| text.to_lowercase().contains(wanted))
}

fn draw_help(app: &App, scopes: &[Scope], scroll: usize, search: Option<&TextField>, canvas: &mut Canvas<'_>) {
    let width = usize::from(canvas.width().saturating_sub(KEY_WIDTH + 5)).max(10);
    // Role of the line, keys, words.
    let mut lines: Vec<(Role, String, String)> = Vec::new();
    let wanted = search
        .map(|field| field.value().trim().to_lowercase())
        .filter(|wanted| !wanted.is_empty());
    // What is looked for is found wherever it works.
    let mut places: Vec<Scope> = scopes.to_vec();
    if wanted.is_some() {
        let others = COMMANDS.iter().flat_map(Command::scopes);
        for scope in others {
            if !places.contains(&scope) {
                places.push(scope);
            }
        }
    }
    for scope in &places {
        let here: Vec<&Command> = COMMANDS
            .iter()
            .filter(|c| c.works_in(&[*scope]) && wanted.as_ref().is_none_or(|wanted| is_about(app, c, wanted)))
            .collect();
        if here.is_empty() {
            continue;
        }
        lines.push((Role::Title, scope.word().to_owned(), String::new()));
        for command in here {
            let mut keys = wrap(&app.keymap.keys(command.cmd).join(" "), usize::from(KEY_WIDTH)).into_iter();
            let why = app
                .lacks(command)
                .map(|why| say::frame::not_now_behind(&why))
                .unwrap_or_default();
            let ask = if command.danger == Danger::Confirm {
                say::frame::asks_first()
            } else {
                ""
            };
            let role = if why.is_empty() { Role::Text } else { Role::Dim };
            for text in wrap(&format!("{}{ask}{why}", command.help()), width) {
                lines.push((role, keys.next().unwrap_or_default(), text));
            }
            lines.extend(keys.map(|rest| (role, rest, " ".to_owned())));
        }
    }
    let rows = usize::from(canvas.height().saturating_sub(2));
    let top = scroll.min(lines.len().saturating_sub(rows));
    let place = say::frame::place(&(top + 1), &(top + rows).min(lines.len()), &lines.len());
    let title = match &wanted {
        Some(wanted) if lines.is_empty() => say::frame::help_nothing_about(&wanted),
        Some(wanted) => say::frame::help_about(&wanted, &place),
        None => say::frame::help_what_works_here(&place),
    };
    let mut inside = full(canvas, &title);
    let width = inside.width();
    for (y, (role, keys, text)) in lines.iter().skip(top).take(rows).enumerate() {
        let y = y as u16;
        if text.is_empty() {
            inside.field(0, y, width, keys, Align::Left, *role);
        } else {
            inside.field(1, y, KEY_WIDTH, keys, Align::Left, Role::Key);
            let x = KEY_WIDTH + 2;
            inside.field(x, y, width.saturating_sub(x), text, Align::Left, *role);
        }
    }
}
