//! Dead letters: records that could not be decoded, and trying one again.

use sla_proto::storage::v1::{DeadLetter, ListDeadLettersRequest, ReplayDeadLetterRequest};

use crate::command::Cmd;
use crate::context::request::{Answer, Problem, Reply, Slot};
use crate::context::{Context, wire};
use crate::format::bytes;
use crate::overlay::{Item, Overlay, Pick, PickKind};
use crate::say;

/// Letters listed.
const LETTERS_MAX: u32 = 200;

/// Lists the letters.
pub(super) fn read_letters(cx: &mut Context) {
    let request = ListDeadLettersRequest {
        page_size: LETTERS_MAX,
        page_token: String::new(),
    };
    cx.call(Slot::DeadLetters, request);
}

/// Tries one again, by its hash.
pub(super) fn replay_letter(cx: &mut Context, hash: &str) {
    match bytes_of(hash) {
        Some(body_hash) => {
            let request = ReplayDeadLetterRequest { body_hash };
            cx.call(Slot::DeadLetters, request);
        }
        None => cx.complain(say::runs::replay_letter_is_no(&hash)),
    }
}

/// The letters, or what became of one that was tried.
pub(super) fn letters_told(cx: &mut Context, result: Answer) {
    match result {
        Ok(Reply::DeadLetters(list)) if list.letters.is_empty() => cx.say(say::runs::there_is_no_dead()),
        Ok(Reply::DeadLetters(list)) => {
            let items = list.letters.iter().map(|letter| item(cx, letter)).collect();
            let total = u64::from(list.total).max(list.letters.len() as u64);
            let title = say::runs::enter_tries_one_again(&say::counts::dead_letters(&total));
            let pick = Pick::new(title, PickKind::Run(Cmd::ReplayLetter), items);
            cx.overlay = Some(Overlay::Pick(pick));
        }
        Ok(Reply::ReplayLetter(answer)) if answer.applied => {
            cx.say(say::runs::the_record_is_applied());
            read_letters(cx);
        }
        Ok(Reply::ReplayLetter(answer)) => cx.complain(say::runs::it_stays_a_dead(&answer.reason)),
        Ok(other) => cx.complain(Problem::unexpected(&other).text),
        Err(problem) => cx.complain(problem.sentence()),
    }
}

fn item(cx: &Context, letter: &DeadLetter) -> Item {
    let seen = wire::ms(letter.first_seen.as_ref())
        .map_or_else(String::new, |t| format!("{} ", cx.zone.moment(t, cx.data_now_ms())));
    let times = if letter.count > 1 {
        say::runs::times(&letter.count)
    } else {
        String::new()
    };
    let text = format!(
        "{seen}{} {}/{}, {}{times}: {}",
        letter.source,
        letter.partition,
        letter.offset,
        bytes(u64::from(letter.size)),
        letter.reason
    );
    Item::new(text, hex_of(&letter.body_hash))
}

fn hex_of(hash: &[u8]) -> String {
    use std::fmt::Write as _;
    hash.iter()
        .fold(String::with_capacity(hash.len() * 2), |mut out, byte| {
            let _ = write!(out, "{byte:02x}");
            out
        })
}

fn bytes_of(hex: &str) -> Option<Vec<u8>> {
    let digits = hex.trim().as_bytes();
    if digits.is_empty() || !digits.len().is_multiple_of(2) {
        return None;
    }
    digits
        .chunks(2)
        .map(|pair| {
            std::str::from_utf8(pair)
                .ok()
                .and_then(|pair| u8::from_str_radix(pair, 16).ok())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{bytes_of, hex_of};

    #[test]
    fn hashes_are_typed_as_they_are_shown() {
        let hash = [0, 1, 0xab, 0xff];
        assert_eq!(bytes_of(&hex_of(&hash)), Some(hash.to_vec()));
        for wrong in ["", "abc", "zz", "é1"] {
            assert_eq!(bytes_of(wrong), None, "{wrong}");
        }
    }
}
