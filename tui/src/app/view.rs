//! The picture: header, what is wrong, tabs, screen, footer. It only looks.

use super::{App, headline, overlay_view};
use crate::command::{COMMANDS, Cmd, Scope, Tab};
use crate::context::toast::Level;
use crate::context::wire::{self, Mark, State};
use crate::context::{Connection, Context, HEADER_ROWS, STALE_MS};
use crate::say;
use crate::theme::Role;
use crate::widget::canvas::{Align, Canvas};

/// Row of the tabs, the last of the header.
pub(crate) const TABS_ROW: u16 = HEADER_ROWS - 1;
/// Below this the console is one line.
const WIDTH_MIN: u16 = 30;
const HEIGHT_MIN: u16 = 8;

/// Draws everything.
pub(crate) fn draw(app: &App, canvas: &mut Canvas<'_>) {
    let (width, height) = (canvas.width(), canvas.height());
    if width == 0 || height == 0 {
        return;
    }
    if width < WIDTH_MIN || height < HEIGHT_MIN {
        draw_one_line(app, canvas);
        return;
    }
    draw_status(app, &mut canvas.rows(0, 1));
    headline::draw(app, &mut canvas.rows(1, 1));
    draw_tabs(app, &mut canvas.rows(TABS_ROW, 1));
    let mut screen = canvas.rows(HEADER_ROWS, height - HEADER_ROWS - 1);
    app.screen().draw(&app.cx, &mut screen);
    draw_footer(app, &mut canvas.rows(height - 1, 1));
    if let Some(open) = &app.overlay {
        overlay_view::draw(app, open, canvas);
    }
    if let Some(first) = app.pending {
        overlay_view::draw_follow(app, first, canvas);
    }
}

/// Marks with their counts, worst first. What is well but for an unproven forecast is not counted as well.
fn counts(app: &App) -> Vec<(Mark, u32)> {
    let overview = app.cx.overview.get();
    let counts = overview.and_then(|o| o.counts).unwrap_or_default();
    let objectives = overview.map_or(&[][..], |o| o.objectives.as_slice());
    let unproven = objectives
        .iter()
        .filter(|status| Mark::of_objective(status) == Mark::Unproven)
        .count() as u32;
    let of = |state| Mark::of(state, None);
    vec![
        (of(State::Violated), counts.violated),
        (of(State::NoData), counts.no_data),
        (of(State::AtRisk), counts.at_risk),
        (Mark::Unproven, unproven),
        (of(State::Ok), counts.ok.saturating_sub(unproven)),
        (of(State::Excluded), counts.excluded),
        (Mark::NotWatched, app.cx.not_watched() as u32),
    ]
}

fn draw_one_line(app: &App, canvas: &mut Canvas<'_>) {
    let mut x = canvas.text(0, 0, "sla ", Role::Title);
    if app.cx.connection != Connection::Connected {
        canvas.text(x, 0, say::frame::no_connection(), Role::Error);
        return;
    }
    for (mark, count) in counts(app) {
        if count > 0 {
            x = canvas.text(x, 0, &format!("{}{count} ", mark.glyph()), mark.role());
        }
    }
}

fn draw_status(app: &App, line: &mut Canvas<'_>) {
    let cx = &app.cx;
    let width = line.width();
    let mut x = line.text(1, 0, "sla", Role::Title) + 2;
    if cx.server.get().is_some_and(|s| s.demo) {
        x = line.text(x, 0, say::frame::demo(), Role::TabActive) + 2;
    }
    if app.read_only {
        x = line.text(x, 0, say::frame::read_only(), Role::TabActive) + 2;
    }
    let name = cx.source().map_or(cx.target.as_str(), |s| s.source.as_str());
    let name_width = (width / 5).min(name.chars().count() as u16);
    line.field(x, 0, name_width, name, Align::Left, Role::Strong);
    x += name_width + 2;
    let mut right = status_time(app);
    let right_width = right.chars().count() as u16;
    let judged = cx.overview.get().is_some_and(|o| o.evaluated.is_some());
    if judged {
        let always = [State::Violated, State::Ok].map(|state| Mark::of(state, None));
        let shown: Vec<(Mark, u32)> = counts(app)
            .into_iter()
            .filter(|(mark, count)| *count > 0 || always.contains(mark))
            .collect();
        let told = |(mark, count): &(Mark, u32)| format!("{} {count} {}", mark.glyph(), mark.word());
        let length: usize = shown.iter().map(|cell| told(cell).chars().count() + 2).sum();
        // Words where the time of the judgement fits behind them.
        let words = usize::from(x + right_width) + length < usize::from(width);
        for cell in &shown {
            let (mark, count) = cell;
            let role = if *count == 0 { Role::Dim } else { mark.role() };
            let text = if words {
                told(cell)
            } else {
                format!("{}{count}", mark.glyph())
            };
            x = line.text(x, 0, &text, role) + 2;
        }
        // What is counted: a tab counts series.
        let all: u32 = shown.iter().map(|(_, count)| count).sum();
        let counted = say::frame::of_all(&say::counts::objectives(&all));
        let end = usize::from(x) + counted.chars().count();
        if words && end + 2 + usize::from(right_width) < usize::from(width) {
            x = line.text(x, 0, &counted, Role::Dim) + 2;
        }
    } else if cx.connection == Connection::Connected {
        x = line.text(x, 0, say::frame::nothing_judged_yet(), Role::Dim) + 2;
    }
    if x + right_width >= width {
        right = right.trim_start_matches(say::frame::judged()).to_owned();
    }
    let right_width = right.chars().count() as u16;
    if x + right_width < width {
        line.text(width - right_width - 1, 0, &right, Role::Dim);
    }
}

/// The time of the data, which stands still while nothing new comes.
fn status_time(app: &App) -> String {
    let cx = &app.cx;
    let Some(evaluated) = cx.overview.get().and_then(|o| wire::ms(o.evaluated.as_ref())) else {
        return String::new();
    };
    let age = cx.data_now_ms() - evaluated;
    let time = format!(
        "{}{} {}",
        say::frame::judged(),
        cx.zone.clock(evaluated),
        cx.zone.word()
    );
    if age > STALE_MS {
        say::frame::stale(&time, &crate::widget::progress::age(age))
    } else {
        time
    }
}

/// How the names of the tabs are written, most words first.
#[derive(Debug, Clone, Copy)]
enum Naming {
    Whole,
    LastWord,
    LastWordTight,
    Short,
    /// Only the tab that is open has more than its digit.
    Digits,
}

impl Naming {
    const ALL: [Self; 5] = [
        Self::Whole,
        Self::LastWord,
        Self::LastWordTight,
        Self::Short,
        Self::Digits,
    ];

    fn text(self, tab: Tab, open: Tab) -> String {
        let (at, title) = (tab.at(), tab.title());
        let last = title.split(' ').next_back().unwrap_or("");
        match self {
            Self::Whole => format!(" {at} {title} "),
            Self::LastWord => format!(" {at} {last} "),
            Self::LastWordTight => format!("{at} {last} "),
            Self::Short => format!("{at} {} ", tab.short()),
            Self::Digits if tab == open => format!("{at} {} ", tab.short()),
            Self::Digits => format!("{at} "),
        }
    }
}

/// Each tab with its column and its text: the fullest way of naming them in which all have room.
fn tab_texts(cx: &Context, open: Tab, width: u16) -> Vec<(Tab, u16, String)> {
    let there = Tab::ALL.map(|(tab, _)| tab).into_iter().filter(|tab| cx.has_tab(*tab));
    let placed = |naming: Naming| {
        let mut x = 1;
        let place = |tab: Tab| {
            let (text, start) = (naming.text(tab, open), x);
            x += text.chars().count() as u16;
            (tab, start, text)
        };
        there.clone().map(place).collect::<Vec<_>>()
    };
    let end = |placed: &Vec<(Tab, u16, String)>| {
        let last = placed.last();
        last.map_or(0, |(_, start, text)| start + text.trim_end().chars().count() as u16)
    };
    let mut namings = Naming::ALL.into_iter().map(placed);
    let fitting = namings.find(|placed| end(placed) <= width);
    fitting.unwrap_or_else(|| placed(Naming::Digits))
}

/// The tab at a column of the tab row.
pub(crate) fn tab_at(cx: &Context, open: Tab, x: u16) -> Option<Tab> {
    tab_texts(cx, open, cx.size.0)
        .into_iter()
        .find(|(_, start, text)| (*start..*start + text.chars().count() as u16).contains(&x))
        .map(|t| t.0)
}

fn draw_tabs(app: &App, line: &mut Canvas<'_>) {
    for (tab, x, text) in tab_texts(&app.cx, app.tab, line.width()) {
        let role = if tab == app.tab { Role::TabActive } else { Role::Tab };
        line.text(x, 0, &text, role);
    }
}

fn draw_footer(app: &App, line: &mut Canvas<'_>) {
    let width = line.width();
    if let Some(toast) = app.cx.toasts.shown() {
        let role = if toast.level == Level::Error {
            Role::Error
        } else {
            Role::Accent
        };
        line.field(1, 0, width.saturating_sub(2), &toast.text, Align::Left, role);
        return;
    }
    let scopes = app.scopes();
    let mut keys: Vec<_> = COMMANDS
        .iter()
        .filter(|c| c.footer > 0 && c.works_in(&scopes))
        .filter(|c| app.lacks(c).is_none() && app.keymap.leads(c.cmd, &scopes))
        // Nothing is filtered or opened inside a detail, and only figures of the metrics follow the window.
        .filter(|c| {
            !scopes.contains(&Scope::Detail) || c.scope != Scope::List || matches!(c.cmd, Cmd::Copy | Cmd::Export)
        })
        .filter(|c| c.cmd != Cmd::Window || app.tab == Tab::Metrics)
        .filter(|c| {
            app.overlay
                .as_ref()
                .map_or_else(|| app.screen().offers(c.cmd), |open| open.offers(c.cmd))
        })
        .collect();
    keys.sort_by_key(|c| c.footer);
    // `? help` and `q quit` are always there: they tell the rest.
    let tail: Vec<_> = keys.iter().copied().filter(|c| c.footer >= 90).collect();
    let pieces = |c: &crate::command::Command| {
        (
            app.keymap.keys(c.cmd).first().cloned().unwrap_or_default(),
            c.title().to_owned(),
        )
    };
    let length = |c: &crate::command::Command| {
        let (key, title) = pieces(c);
        (key.chars().count() + title.chars().count() + 3) as u16
    };
    let reserved: u16 = tail.iter().map(|c| length(c)).sum();
    let mut x = 1;
    for command in keys
        .iter()
        .copied()
        .filter(|c| c.footer < 90)
        .chain(tail.iter().copied())
    {
        let is_tail = command.footer >= 90;
        if x + length(command) + if is_tail { 0 } else { reserved } > width + 2 {
            continue;
        }
        let (key, title) = pieces(command);
        x = line.text(x, 0, &key, Role::Key);
        x = line.text(x + 1, 0, &title, Role::Dim) + 2;
    }
    if scopes.contains(&Scope::Form) {
        // Esc leaves every form, whatever is bound.
        x = line.text(x, 0, "Esc", Role::Key);
        line.text(x + 1, 0, say::frame::back(), Role::Dim);
    }
}
