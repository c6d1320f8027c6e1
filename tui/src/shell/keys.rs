//! Bytes from a terminal to keys: pure, with time as an argument.
//!
//! Sources: ECMA-48 §5.4 (control sequences), xterm ctlseqs (function keys, bracketed paste, SGR mouse).

use std::collections::VecDeque;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// A paste is cut after this many bytes.
pub(crate) const PASTE_BYTES_MAX: usize = 64 * 1024;
/// A paste that has begun and brings nothing for this long has lost its end; what came is delivered.
pub(crate) const PASTE_SILENCE_MS: i64 = 1_000;
/// A control sequence longer than this is garbage.
const SEQUENCE_BYTES_MAX: usize = 64;
const PASTE_END: &[u8] = b"\x1b[201~";

/// One thing the user did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum InputEvent {
    Key(KeyEvent),
    /// Pasted text; `true` when it was cut or its end was lost.
    Paste(String, bool),
    /// Wheel, lines down.
    Wheel(i8),
    /// Left button, zero-based cell.
    Click(u16, u16),
    /// The terminal is gone.
    Closed,
}

/// The parser. Feed it what arrives; ask it for its deadline; tell it when that passed.
#[derive(Debug)]
pub(crate) struct KeyParser {
    pending: Vec<u8>,
    paste: Option<Paste>,
    ready: VecDeque<InputEvent>,
    deadline_ms: Option<i64>,
    hold_ms: i64,
}

#[derive(Debug, Default)]
struct Paste {
    bytes: Vec<u8>,
    cut: bool,
}

enum Step {
    /// Consumed this many bytes, gave this event or none.
    Took(usize, Option<InputEvent>),
    /// A paste begins after this many bytes.
    Paste(usize),
    /// More bytes are needed.
    Wait,
}

impl KeyParser {
    /// `hold_ms`: how long an Esc waits for the rest of a sequence that latency cut in two (25 to 50).
    pub(crate) fn new(hold_ms: i64) -> Self {
        Self {
            pending: Vec::new(),
            paste: None,
            ready: VecDeque::new(),
            deadline_ms: None,
            hold_ms,
        }
    }

    /// The next event that is complete.
    pub(crate) fn next(&mut self) -> Option<InputEvent> {
        self.ready.pop_front()
    }

    /// When [`KeyParser::expire`] wants to be called, in the caller's milliseconds.
    pub(crate) fn deadline_ms(&self) -> Option<i64> {
        self.deadline_ms
    }

    /// Takes bytes that arrived at `now_ms`.
    pub(crate) fn feed(&mut self, bytes: &[u8], now_ms: i64) {
        self.pending.extend_from_slice(bytes);
        self.parse(now_ms, false);
    }

    /// The deadline has passed: what is held is taken for what it is.
    pub(crate) fn expire(&mut self, now_ms: i64) {
        if let Some(paste) = self.paste.take() {
            let mut bytes = paste.bytes;
            bytes.append(&mut self.pending);
            self.deliver_paste(&bytes, true);
        }
        self.parse(now_ms, true);
    }

    fn parse(&mut self, now_ms: i64, expired: bool) {
        self.deadline_ms = None;
        loop {
            if self.paste.is_some() {
                if !self.take_paste() {
                    self.deadline_ms = Some(now_ms + PASTE_SILENCE_MS);
                    return;
                }
                continue;
            }
            if self.pending.is_empty() {
                return;
            }
            match step(&self.pending, expired) {
                Step::Took(count, event) => {
                    self.pending.drain(..count.min(self.pending.len()));
                    self.ready.extend(event);
                }
                Step::Paste(count) => {
                    self.pending.drain(..count);
                    self.paste = Some(Paste::default());
                }
                Step::Wait => {
                    self.deadline_ms = Some(now_ms + self.hold_ms);
                    return;
                }
            }
        }
    }

    /// Moves pending bytes into the paste; true when its end was found.
    fn take_paste(&mut self) -> bool {
        let end = self
            .pending
            .windows(PASTE_END.len())
            .position(|window| window == PASTE_END);
        // The tail may be the beginning of the end mark: keep it.
        let keep = (1..PASTE_END.len())
            .rev()
            .find(|&n| self.pending.ends_with(&PASTE_END[..n]))
            .unwrap_or(0);
        let take = end.unwrap_or(self.pending.len() - keep);
        let Some(paste) = &mut self.paste else { return true };
        let room = PASTE_BYTES_MAX.saturating_sub(paste.bytes.len());
        paste.cut |= take > room;
        paste.bytes.extend_from_slice(&self.pending[..take.min(room)]);
        self.pending.drain(..take);
        if end.is_none() {
            return false;
        }
        self.pending.drain(..PASTE_END.len());
        if let Some(paste) = self.paste.take() {
            self.deliver_paste(&paste.bytes, paste.cut);
        }
        true
    }

    fn deliver_paste(&mut self, bytes: &[u8], cut: bool) {
        self.pending
            .truncate(if self.paste.is_some() { 0 } else { self.pending.len() });
        if !bytes.is_empty() {
            self.ready
                .push_back(InputEvent::Paste(String::from_utf8_lossy(bytes).into_owned(), cut));
        }
    }
}

fn step(bytes: &[u8], expired: bool) -> Step {
    let first = bytes[0];
    if first == 0x1b {
        return escape(bytes, expired);
    }
    if first < 0x20 || first == 0x7f {
        return Step::Took(1, Some(InputEvent::Key(control(first))));
    }
    match utf8(bytes) {
        Some((c, count)) => Step::Took(count, Some(key_event(KeyCode::Char(c), KeyModifiers::NONE))),
        None if utf8_may_complete(bytes) && !expired => Step::Wait,
        None => Step::Took(1, None),
    }
}

fn escape(bytes: &[u8], expired: bool) -> Step {
    let alone = || Step::Took(1, Some(key_event(KeyCode::Esc, KeyModifiers::NONE)));
    match bytes.get(1) {
        None if expired => alone(),
        None => Step::Wait,
        Some(b'[') => sequence(bytes, expired),
        Some(b'O') => match bytes.get(2) {
            None if expired => Step::Took(2, Some(key_event(KeyCode::Char('O'), KeyModifiers::ALT))),
            None => Step::Wait,
            Some(last) => match letter_code(*last) {
                Some(code) => Step::Took(3, Some(key_event(code, KeyModifiers::NONE))),
                None => Step::Took(3, None),
            },
        },
        Some(0x1b) => alone(),
        Some(&second) if second < 0x20 || second == 0x7f => {
            let mut key = control(second);
            key.modifiers |= KeyModifiers::ALT;
            Step::Took(2, Some(InputEvent::Key(key)))
        }
        Some(_) => match utf8(&bytes[1..]) {
            Some((c, count)) => Step::Took(1 + count, Some(key_event(KeyCode::Char(c), KeyModifiers::ALT))),
            None if utf8_may_complete(&bytes[1..]) && !expired => Step::Wait,
            None => alone(),
        },
    }
}

/// `ESC [` parameters, intermediates, final byte.
fn sequence(bytes: &[u8], expired: bool) -> Step {
    // The Linux console sends ESC [ [ A for F1 to ESC [ [ E for F5.
    if bytes.get(2) == Some(&b'[') {
        return match bytes.get(3) {
            Some(letter @ b'A'..=b'E') => {
                Step::Took(4, Some(key_event(KeyCode::F(letter - b'A' + 1), KeyModifiers::NONE)))
            }
            Some(_) => Step::Took(4, None),
            None if expired => Step::Took(3, None),
            None => Step::Wait,
        };
    }
    let Some(end) = bytes[2..]
        .iter()
        .position(|b| (0x40..=0x7e).contains(b))
        .map(|at| at + 2)
    else {
        let broken = bytes[2..].iter().any(|b| !(0x20..=0x3f).contains(b)) || bytes.len() > SEQUENCE_BYTES_MAX;
        return match (broken, expired) {
            (true, _) => Step::Took(2, None),
            (false, true) => Step::Took(1, Some(key_event(KeyCode::Esc, KeyModifiers::NONE))),
            (false, false) => Step::Wait,
        };
    };
    let parameters = String::from_utf8_lossy(&bytes[2..end]);
    let last = bytes[end];
    let took = end + 1;
    if last == b'~' && parameters == "200" {
        return Step::Paste(took);
    }
    if let Some(mouse) = parameters.strip_prefix('<') {
        return Step::Took(took, mouse_event(mouse, last));
    }
    let numbers: Vec<u16> = parameters.split(';').map(|part| part.parse().unwrap_or(0)).collect();
    let modifiers = numbers.get(1).map_or(KeyModifiers::NONE, |n| modifiers_of(*n));
    let code = if last == b'~' {
        tilde_code(numbers[0])
    } else {
        letter_code(last)
    };
    Step::Took(took, code.map(|code| key_event(code, modifiers)))
}

/// xterm: parameter = 1 + shift 1 + alt 2 + ctrl 4.
fn modifiers_of(parameter: u16) -> KeyModifiers {
    let bits = parameter.saturating_sub(1);
    let mut out = KeyModifiers::NONE;
    for (bit, modifier) in [
        (1, KeyModifiers::SHIFT),
        (2, KeyModifiers::ALT),
        (4, KeyModifiers::CONTROL),
    ] {
        if bits & bit != 0 {
            out |= modifier;
        }
    }
    out
}

fn letter_code(last: u8) -> Option<KeyCode> {
    Some(match last {
        b'A' => KeyCode::Up,
        b'B' => KeyCode::Down,
        b'C' => KeyCode::Right,
        b'D' => KeyCode::Left,
        b'H' => KeyCode::Home,
        b'F' => KeyCode::End,
        b'M' => KeyCode::Enter,
        b'P'..=b'S' => KeyCode::F(last - b'P' + 1),
        b'Z' => KeyCode::BackTab,
        _ => return None,
    })
}

fn tilde_code(number: u16) -> Option<KeyCode> {
    Some(match number {
        1 | 7 => KeyCode::Home,
        2 => KeyCode::Insert,
        3 => KeyCode::Delete,
        4 | 8 => KeyCode::End,
        5 => KeyCode::PageUp,
        6 => KeyCode::PageDown,
        11..=15 => KeyCode::F(number as u8 - 10),
        17..=21 => KeyCode::F(number as u8 - 11),
        23 | 24 => KeyCode::F(number as u8 - 12),
        _ => return None,
    })
}

fn mouse_event(text: &str, last: u8) -> Option<InputEvent> {
    let mut parts = text.split(';').map(|part| part.parse::<u16>().ok());
    let (button, x, y) = (parts.next()??, parts.next()??, parts.next()??);
    match (button, last) {
        (64, b'M') => Some(InputEvent::Wheel(-3)),
        (65, b'M') => Some(InputEvent::Wheel(3)),
        (0, b'M') => Some(InputEvent::Click(x.saturating_sub(1), y.saturating_sub(1))),
        _ => None,
    }
}

fn key_event(code: KeyCode, modifiers: KeyModifiers) -> InputEvent {
    // Upper case comes with shift, as key configuration expects it.
    let modifiers = match code {
        KeyCode::Char(c) if c.is_uppercase() => modifiers | KeyModifiers::SHIFT,
        KeyCode::BackTab => modifiers | KeyModifiers::SHIFT,
        _ => modifiers,
    };
    InputEvent::Key(KeyEvent::new(code, modifiers))
}

fn control(byte: u8) -> KeyEvent {
    let plain = |code| KeyEvent::new(code, KeyModifiers::NONE);
    match byte {
        b'\r' => plain(KeyCode::Enter),
        b'\t' => plain(KeyCode::Tab),
        0x7f | 0x08 => plain(KeyCode::Backspace),
        0x00 => KeyEvent::new(KeyCode::Char(' '), KeyModifiers::CONTROL),
        0x01..=0x1a => KeyEvent::new(KeyCode::Char((byte - 1 + b'a') as char), KeyModifiers::CONTROL),
        _ => KeyEvent::new(KeyCode::Char((byte - 0x1c + b'4') as char), KeyModifiers::CONTROL),
    }
}

fn utf8_length(first: u8) -> usize {
    match first {
        0x00..=0x7f => 1,
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => 0,
    }
}

fn utf8(bytes: &[u8]) -> Option<(char, usize)> {
    let length = utf8_length(*bytes.first()?);
    let text = std::str::from_utf8(bytes.get(..length)?).ok()?;
    text.chars().next().map(|c| (c, length))
}

fn utf8_may_complete(bytes: &[u8]) -> bool {
    let length = utf8_length(bytes[0]);
    bytes.len() < length && bytes[1..].iter().all(|b| b & 0xc0 == 0x80)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(parser: &mut KeyParser) -> Vec<InputEvent> {
        std::iter::from_fn(|| parser.next()).collect()
    }

    fn plain(code: KeyCode) -> InputEvent {
        key_event(code, KeyModifiers::NONE)
    }

    #[test]
    fn an_arrow_split_by_latency_stays_one_key() {
        for cut in 1..3 {
            let mut parser = KeyParser::new(40);
            parser.feed(&b"\x1b[A"[..cut], 0);
            assert_eq!(all(&mut parser), vec![]);
            assert_eq!(parser.deadline_ms(), Some(40));
            parser.feed(&b"\x1b[A"[cut..], 39);
            assert_eq!(all(&mut parser), vec![plain(KeyCode::Up)]);
            assert_eq!(parser.deadline_ms(), None);
        }
    }

    #[test]
    fn a_lone_escape_is_given_after_the_hold() {
        let mut parser = KeyParser::new(40);
        parser.feed(b"\x1b", 0);
        parser.expire(40);
        assert_eq!(all(&mut parser), vec![plain(KeyCode::Esc)]);
        parser.feed(b"j", 41);
        assert_eq!(all(&mut parser), vec![plain(KeyCode::Char('j'))]);
    }

    #[test]
    fn a_lone_paste_start_does_not_wedge() {
        let mut parser = KeyParser::new(40);
        parser.feed(b"\x1b[200~", 0);
        assert_eq!(parser.deadline_ms(), Some(PASTE_SILENCE_MS));
        parser.expire(PASTE_SILENCE_MS);
        parser.feed(b"q", 1_001);
        assert_eq!(all(&mut parser), vec![plain(KeyCode::Char('q'))]);
        parser.feed(b"\x1b[200~abc", 2_000);
        parser.expire(3_000);
        assert_eq!(all(&mut parser), vec![InputEvent::Paste("abc".into(), true)]);
    }

    #[test]
    fn a_paste_is_one_event_and_is_capped() {
        let mut parser = KeyParser::new(40);
        parser.feed(b"\x1b[200~up{a=\"b\"}\x1b[20", 0);
        assert_eq!(all(&mut parser), vec![]);
        parser.feed(b"1~x", 1);
        assert_eq!(
            all(&mut parser),
            vec![
                InputEvent::Paste("up{a=\"b\"}".into(), false),
                plain(KeyCode::Char('x'))
            ]
        );
        parser.feed(b"\x1b[200~", 2);
        parser.feed(&vec![b'y'; PASTE_BYTES_MAX + 5], 3);
        parser.feed(PASTE_END, 4);
        assert_eq!(
            all(&mut parser),
            vec![InputEvent::Paste("y".repeat(PASTE_BYTES_MAX), true)]
        );
    }

    #[test]
    fn known_sequences() {
        let cases: [(&[u8], KeyCode, KeyModifiers); 12] = [
            (b"\r", KeyCode::Enter, KeyModifiers::NONE),
            (b"\x7f", KeyCode::Backspace, KeyModifiers::NONE),
            (b"\x03", KeyCode::Char('c'), KeyModifiers::CONTROL),
            (b"\x1bOP", KeyCode::F(1), KeyModifiers::NONE),
            (b"\x1b[[B", KeyCode::F(2), KeyModifiers::NONE),
            (b"\x1b[5~", KeyCode::PageUp, KeyModifiers::NONE),
            (b"\x1b[1;5C", KeyCode::Right, KeyModifiers::CONTROL),
            (b"\x1b[Z", KeyCode::BackTab, KeyModifiers::SHIFT),
            (b"\x1bx", KeyCode::Char('x'), KeyModifiers::ALT),
            (b"G", KeyCode::Char('G'), KeyModifiers::SHIFT),
            ("é".as_bytes(), KeyCode::Char('é'), KeyModifiers::NONE),
            (b"\x1b[24~", KeyCode::F(12), KeyModifiers::NONE),
        ];
        for (bytes, code, modifiers) in cases {
            let mut parser = KeyParser::new(40);
            parser.feed(bytes, 0);
            assert_eq!(
                all(&mut parser),
                vec![InputEvent::Key(KeyEvent::new(code, modifiers))],
                "{bytes:?}"
            );
        }
    }

    #[test]
    fn the_wheel_scrolls() {
        let mut parser = KeyParser::new(40);
        parser.feed(b"\x1b[<65;10;5M\x1b[<0;1;1M\x1b[<0;1;1m", 0);
        assert_eq!(all(&mut parser), vec![InputEvent::Wheel(3), InputEvent::Click(0, 0)]);
    }

    proptest! {
        #[test]
        fn no_bytes_wedge_the_parser(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut parser = KeyParser::new(40);
            parser.feed(&bytes, 0);
            parser.expire(5_000);
            parser.expire(10_000);
            all(&mut parser);
            parser.feed(b"q", 20_000);
            prop_assert_eq!(all(&mut parser), vec![plain(KeyCode::Char('q'))]);
        }
    }
}
