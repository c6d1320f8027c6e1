//! The console without a screen, for screen readers and terminals that cannot be addressed: a line in, lines out.

use std::io::BufRead as _;
use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use sla_proto::Peer;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::event_loop::{Exit, write_new};
use super::input::sleep_until;
use super::run::{TuiError, TuiOptions, start_of};
use super::term::Term;
use crate::app::{App, Msg, draw, update};
use crate::context::request::Effect;
use crate::context::{HEADER_ROWS, Now};
use crate::link::{Link, LinkCommand, PeerWire, Wire};
use crate::say;
use crate::widget::canvas::Canvas;
use crate::widget::marks::Marks;

/// The picture that is read out: wide enough for whole rows, few enough of them to listen to.
const SIZE: (u16, u16) = (100, 40);
/// A terminal that is narrower would break each row in two; narrower than this no screen is made.
const WIDTH_MIN: u16 = 60;
/// Lines typed that may wait.
const LINES_MAX: usize = 16;
/// How long answers are awaited after a line, and how long a silence ends that.
const SETTLE: Duration = Duration::from_millis(1_500);
const SILENCE: Duration = Duration::from_millis(250);

/// Runs the console line by line on standard input and output until `quit` or the end of the input.
pub async fn run_plain(peer: Peer, options: TuiOptions) -> Result<Exit, TuiError> {
    Box::pin(run_plain_on(PeerWire(peer), options, stdin_lines(), std::io::stdout())).await
}

/// How large a picture is read out.
fn size() -> (u16, u16) {
    let width = if rustix::termios::isatty(rustix::stdio::stdout()) {
        Term::size().0.clamp(WIDTH_MIN, SIZE.0)
    } else {
        SIZE.0
    };
    (width, SIZE.1)
}

/// The app, its link, and where words go.
struct Plain<O> {
    app: App,
    options: TuiOptions,
    started: Instant,
    link: Link,
    out: O,
    /// State and what is wrong, as they were told last.
    told: Vec<String>,
    left: bool,
}

pub(crate) async fn run_plain_on(
    wire: impl Wire,
    mut options: TuiOptions,
    mut lines: mpsc::Receiver<String>,
    out: impl std::io::Write,
) -> Result<Exit, TuiError> {
    options.caps.colour = crate::theme::caps::ColourDepth::Mono;
    let now = Now {
        wall_ms: options.clock.now_ms(),
        mono_ms: 0,
    };
    let app = App::new(start_of(&options, size()), now)?;
    let link = Link::start(wire, options.attach.clone());
    let mut plain = Plain {
        app,
        options,
        started: Instant::now(),
        link,
        out,
        told: Vec::new(),
        left: false,
    };
    plain.say(say::shell::sla_without_a_screen())?;
    plain.settle().await?;
    plain.read_out()?;
    while !plain.left {
        tokio::select! {
            line = lines.recv() => {
                let Some(line) = line else { return Ok(Exit::Quit) };
                for key in keys_of(&line) {
                    plain.take(Msg::Key(key))?;
                }
                if !plain.left {
                    plain.settle().await?;
                    plain.read_out()?;
                }
            }
            more = plain.news() => {
                if !more? {
                    return Ok(Exit::Gone);
                }
            }
        }
    }
    Ok(Exit::Quit)
}

impl<O: std::io::Write> Plain<O> {
    fn say(&mut self, text: &str) -> std::io::Result<()> {
        writeln!(self.out, "{text}")?;
        self.out.flush()
    }

    /// Takes what the link tells, or lets time pass; false when the link is gone.
    async fn news(&mut self) -> std::io::Result<bool> {
        let deadline = self.app.deadline_ms();
        let wake_at = deadline.map(|ms| self.started + Duration::from_millis(ms.max(0) as u64));
        let message = tokio::select! {
            event = self.link.events.recv() => match event {
                Some(event) => Msg::Link(event),
                None => return Ok(false),
            },
            () = sleep_until(wake_at) => Msg::Tick,
        };
        self.take(message)?;
        Ok(true)
    }

    /// Waits until nothing has come for a moment.
    async fn settle(&mut self) -> std::io::Result<()> {
        let until = Instant::now() + SETTLE;
        while Instant::now() < until {
            match tokio::time::timeout(SILENCE, self.news()).await {
                Ok(Ok(true)) => {}
                Ok(Ok(false)) | Err(_) => return Ok(()),
                Ok(Err(error)) => return Err(error),
            }
        }
        Ok(())
    }

    fn take(&mut self, message: Msg) -> std::io::Result<()> {
        let now = Now {
            wall_ms: self.options.clock.now_ms(),
            mono_ms: self.started.elapsed().as_millis() as i64,
        };
        for effect in update(&mut self.app, message, now) {
            self.perform(effect)?;
        }
        Ok(())
    }

    fn perform(&mut self, effect: Effect) -> std::io::Result<()> {
        let command = match effect {
            Effect::Call { slot, id, request } => LinkCommand::Call { slot, id, request },
            Effect::Cancel(slot) => LinkCommand::Cancel(slot),
            Effect::WatchRun(run_id) => LinkCommand::WatchRun(run_id),
            Effect::Reconnect => LinkCommand::Reconnect,
            Effect::UseToken(token) => {
                let kept = match &self.options.keep_token {
                    Some(keep) => keep(token.as_ref().map(|token| token.0.as_str())),
                    None => Ok(()),
                };
                return kept.or_else(|why| self.say(&why));
            }
            Effect::Quit => {
                self.left = true;
                return Ok(());
            }
            Effect::Alert(text) => return self.say(&format!("! {text}")),
            Effect::Copy(text) => return self.say(&text),
            Effect::WriteFile { path, text } => {
                let note = write_new(std::path::Path::new(&path), &text);
                return self.say(&note.unwrap_or_else(|why| why));
            }
            Effect::Reload => {
                let settings = match &self.options.reload {
                    Some(reload) => reload(),
                    None => Err(say::shell::this_console_has_no().to_owned()),
                };
                return self.take(Msg::Settings(settings));
            }
            Effect::Edit { .. } => return self.say(say::shell::an_editor_needs_a()),
            Effect::Suspend | Effect::Redraw => return Ok(()),
        };
        if self.link.commands.try_send(command).is_err() {
            self.say(say::shell::the_link_is_overloaded())?;
        }
        Ok(())
    }

    /// The picture as lines: what is wrong where that changed, then the tab, without what only frames it.
    fn read_out(&mut self) -> std::io::Result<()> {
        let (width, height) = self.app.cx.size;
        let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
        draw(
            &self.app,
            &mut Canvas::new(&mut buffer, &mut Marks::default(), &self.app.cx.theme),
        );
        let rows: Vec<String> = (0..height).map(|y| row_of(&buffer, y)).collect();
        let head: Vec<String> = rows[..usize::from(HEADER_ROWS) - 1].to_vec();
        let mut lines: Vec<String> = Vec::new();
        if head != self.told {
            lines.extend(head.iter().cloned());
            self.told = head;
        }
        lines.push(format!("-- {}", self.app.tab.title()));
        lines.extend(
            rows[usize::from(HEADER_ROWS)..]
                .iter()
                .filter(|row| has_words(row))
                .cloned(),
        );
        for line in lines {
            writeln!(self.out, "{line}")?;
        }
        self.out.flush()
    }
}

fn row_of(buffer: &Buffer, y: u16) -> String {
    let cells = (0..buffer.area.width).filter_map(|x| buffer.cell((x, y)));
    let row: String = cells.map(ratatui::buffer::Cell::symbol).collect();
    row.trim_end().to_owned()
}

/// Frames, axes and dots of a chart are not read out.
fn has_words(row: &str) -> bool {
    row.chars().filter(|c| c.is_alphanumeric()).count() > 2
}

/// A line as the keys that type it.
fn keys_of(line: &str) -> Vec<KeyEvent> {
    let plain = |code| KeyEvent::new(code, KeyModifiers::NONE);
    let typed = |text: &str| text.chars().map(|c| plain(KeyCode::Char(c))).collect::<Vec<_>>();
    let line = line.trim();
    let mut chars = line.chars();
    let key = match (chars.next(), chars.next(), line) {
        (None, ..) => return Vec::new(),
        (Some(c), None, _) => {
            let modifiers = if c.is_uppercase() {
                KeyModifiers::SHIFT
            } else {
                KeyModifiers::NONE
            };
            KeyEvent::new(KeyCode::Char(c), modifiers)
        }
        (_, _, "enter") => plain(KeyCode::Enter),
        (_, _, "esc") => plain(KeyCode::Esc),
        (_, _, "up") => plain(KeyCode::Up),
        (_, _, "down") => plain(KeyCode::Down),
        (_, _, "tab") => plain(KeyCode::Tab),
        (Some('/'), ..) => {
            let mut keys = vec![
                plain(KeyCode::Char('/')),
                KeyEvent::new(KeyCode::Char('u'), KeyModifiers::CONTROL),
            ];
            keys.extend(typed(&line[1..]));
            keys.push(plain(KeyCode::Enter));
            return keys;
        }
        _ => {
            let mut keys = vec![plain(KeyCode::Char(':'))];
            keys.extend(typed(line.trim_start_matches(':')));
            keys.push(plain(KeyCode::Enter));
            return keys;
        }
    };
    vec![key]
}

/// Standard input, read by a thread of its own.
fn stdin_lines() -> mpsc::Receiver<String> {
    let (send, lines) = mpsc::channel(LINES_MAX);
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if send.blocking_send(line).is_err() {
                return;
            }
        }
    });
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::wire::FakeWire;
    use crate::theme::caps::Caps;
    use std::sync::Arc;

    #[test]
    fn lines_are_keys_filters_and_commands() {
        assert!(keys_of("  ").is_empty());
        assert_eq!(keys_of("3")[0].code, KeyCode::Char('3'));
        assert_eq!(keys_of("G")[0].modifiers, KeyModifiers::SHIFT);
        assert_eq!(keys_of("enter")[0].code, KeyCode::Enter);
        assert_eq!(keys_of("/up").len(), 5);
        assert_eq!(keys_of("window 6h").first().map(|k| k.code), Some(KeyCode::Char(':')));
    }

    #[tokio::test]
    async fn what_is_wrong_is_read_out_and_commands_are_taken() {
        let (send, lines) = mpsc::channel(4);
        for line in ["past", "/load", "quit"] {
            send.send(line.to_owned()).await.unwrap();
        }
        let mut out = Vec::new();
        let options = TuiOptions::new(Caps::default(), Arc::new(sla_domain::SystemClock));
        let exit = run_plain_on(FakeWire::default(), options, lines, &mut out)
            .await
            .unwrap();
        assert_eq!(exit, Exit::Quit);
        let text = String::from_utf8(out).unwrap();
        assert!(text.starts_with("sla without a screen"), "{text}");
        assert!(text.contains("-- Now") && text.contains("-- Past"), "{text}");
        assert!(!text.contains('\u{1b}'), "{text}");
    }
}
