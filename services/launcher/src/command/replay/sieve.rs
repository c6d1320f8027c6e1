//! What of a recording may reach a terminal: what the console's own writer of frames (`tui/src/shell/encode.rs`) writes. A file
//! of others could fill the clipboard, set titles and modes, or have the terminal type answers.

use sla_domain::SafeText;

/// Longest parameters of a sequence, bytes: a pen with all its marks and two colours has 50.
const PARAMETERS_MAX: usize = 96;
/// Longest operating system command: a link to a server's graph.
const COMMAND_BYTES_MAX: usize = 2_100;
const ESC: char = '\u{1b}';
const BEL: char = '\u{7}';
/// End a sequence at once.
const CAN: char = '\u{18}';
const SUB: char = '\u{1a}';
/// OSC 8 without parameters.
const LINK: &str = "8;;";

/// Where in the stream it stands: frames are cut anywhere.
#[derive(Debug, Default)]
enum State {
    #[default]
    Text,
    /// After ESC.
    Escape,
    /// After ESC and an intermediate byte.
    Short,
    /// Within a control sequence: its parameters so far.
    Control(String),
    /// Within an operating system command: what it says so far. Other strings begin with the letter that opened them, and so
    /// with nothing that passes.
    Command(String),
}

/// Lets through what is ours, and counts the rest.
#[derive(Debug, Default)]
pub(super) struct Sieve {
    state: State,
    dropped: u64,
}

impl Sieve {
    /// What of `text` may be shown.
    pub(super) fn passed(&mut self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        for c in text.chars() {
            self.state = self.step(c, &mut out);
        }
        out
    }

    /// Sequences and characters that did not pass.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped + u64::from(!matches!(self.state, State::Text))
    }

    fn step(&mut self, c: char, out: &mut String) -> State {
        match std::mem::take(&mut self.state) {
            State::Text => match c {
                ESC => return State::Escape,
                c if is_shown(c) => out.push(c),
                _ => self.dropped += 1,
            },
            State::Escape => match c {
                '[' => return State::Control(String::new()),
                ']' => return State::Command(String::new()),
                'P' | 'X' | '^' | '_' => return State::Command(c.to_string()),
                ' '..='/' => return State::Short,
                // The end of a command, which is judged already.
                '\\' => {}
                _ => return self.broken(c),
            },
            State::Short => match c {
                ' '..='/' => return State::Short,
                _ => return self.broken(c),
            },
            State::Control(mut parameters) => match c {
                ' '..='?' => {
                    // One too many tells that it is too long.
                    if parameters.len() <= PARAMETERS_MAX {
                        parameters.push(c);
                    }
                    return State::Control(parameters);
                }
                '@'..='~' if is_ours(&parameters, c) => {
                    out.extend(["\u{1b}[", &parameters, c.encode_utf8(&mut [0; 4])]);
                }
                _ => return self.broken(c),
            },
            State::Command(mut said) => match c {
                BEL | ESC => {
                    match said.strip_prefix(LINK).filter(|address| leads(address)) {
                        Some(address) => out.extend(["\u{1b}]", LINK, address, "\u{1b}\\"]),
                        None => self.dropped += 1,
                    }
                    if c == ESC {
                        return State::Escape;
                    }
                }
                CAN | SUB => self.dropped += 1,
                _ => {
                    if said.len() <= COMMAND_BYTES_MAX {
                        said.push(c);
                    }
                    return State::Command(said);
                }
            },
        }
        State::Text
    }

    /// A sequence that is none of ours ends, or another one begins in it.
    fn broken(&mut self, c: char) -> State {
        self.dropped += 1;
        if c == ESC { State::Escape } else { State::Text }
    }
}

/// Colours, moves, erasing what is seen, the cursor, and whole frames. Not the alternate screen: it is entered and left by us.
fn is_ours(parameters: &str, end: char) -> bool {
    let numbers = parameters.bytes().all(|byte| byte.is_ascii_digit() || byte == b';');
    match end {
        'h' | 'l' => matches!(parameters, "?2026" | "?25"),
        'J' | 'K' => matches!(parameters, "" | "0" | "1" | "2"),
        'm' | 'A'..='D' | 'G' | 'H' | 'd' | 'f' => numbers && parameters.len() <= PARAMETERS_MAX,
        _ => false,
    }
}

/// The end of a link, or an address as the console links to.
fn leads(address: &str) -> bool {
    let scheme = address.starts_with("http://") || address.starts_with("https://");
    let plain = address.bytes().all(|byte| byte.is_ascii_graphic());
    address.is_empty() || (scheme && plain && address.len() + LINK.len() <= COMMAND_BYTES_MAX)
}

/// Whether a character is one of those that the console draws.
fn is_shown(c: char) -> bool {
    // A mark needs something to sit on.
    c == ' ' || c.is_ascii_graphic() || SafeText::new(&format!("x{c}")).as_str().ends_with(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sieved(parts: &[&str]) -> (String, u64) {
        let mut sieve = Sieve::default();
        let passed = parts.iter().map(|part| sieve.passed(part)).collect();
        (passed, sieve.dropped())
    }

    #[test]
    fn what_the_console_writes_passes_as_it_is() {
        let frame = "\u{1b}[?2026h\u{1b}[0m\u{1b}[?25l\u{1b}[2J\u{1b}[3;4H\u{1b}[0;1;38;2;1;2;3;48;5;7mup ⣿日e\u{301}\u{1b}[m\u{1b}[C\
            \u{1b}]8;;http://p/graph?g0.expr=up\u{1b}\\x\u{1b}]8;;\u{1b}\\\u{1b}[?25h\u{1b}[?2026l";
        assert_eq!(sieved(&[frame]), (frame.to_owned(), 0));
        // However it was cut.
        let cut: Vec<String> = frame.chars().map(String::from).collect();
        let cut: Vec<&str> = cut.iter().map(String::as_str).collect();
        assert_eq!(sieved(&cut), (frame.to_owned(), 0));
    }

    #[test]
    fn all_else_is_dropped_and_counted() {
        for hostile in [
            "\u{1b}]52;c;cm0gLXJm\u{1b}\\",
            "\u{1b}]0;title\u{7}",
            "\u{1b}]8;;file:///etc/passwd\u{1b}\\",
            "\u{1b}]8;id=1;http://a\u{1b}\\",
            "\u{1b}[?1000h",
            "\u{1b}[?1049l",
            "\u{1b}[?25;1000h",
            "\u{1b}[>4;2m",
            "\u{1b}[3J",
            "\u{1b}[6n",
            "\u{1b}[c",
            "\u{1b}[1 q",
            "\u{1b}c",
            "\u{1b}(0",
            "\u{1b}P$q\"p\u{1b}\\",
            "\u{1b}_Ga=q;8;;http://a\u{1b}\\",
            "\u{1b}]8;;\u{18}",
            "\u{9b}",
            "\u{7}",
            "\u{202e}",
            &format!("\u{1b}[{}m", "1;".repeat(PARAMETERS_MAX)),
            &format!("\u{1b}]8;;http://{}\u{1b}\\", "a".repeat(COMMAND_BYTES_MAX)),
        ] {
            assert_eq!(sieved(&["a", hostile, "b"]), ("ab".to_owned(), 1), "{hostile:?}");
        }
        assert_eq!(sieved(&["a\u{1b}[1\u{1b}[1m"]), ("a\u{1b}[1m".to_owned(), 1));
        assert_eq!(sieved(&["a\u{1b}]0;never ends"]), ("a".to_owned(), 1));
    }
}
