//! Finding a command by typing some of it.

use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};

use super::{COMMANDS, Command, Scope};

/// Commands that match `typed` (its first word), best first; those of `scopes` before others.
pub(crate) fn matching(typed: &str, scopes: &[Scope]) -> Vec<&'static Command> {
    let word = typed.split_whitespace().next().unwrap_or("");
    let usable = |c: &&Command| !matches!(c.scope, Scope::Form | Scope::Confirm | Scope::Pick) || c.works_in(scopes);
    let near = |c: &Command| {
        let places = scopes.iter();
        places.take_while(|scope| !c.works_in(&[**scope])).count()
    };
    if word.is_empty() {
        let mut all: Vec<_> = COMMANDS.iter().filter(usable).collect();
        all.sort_by_key(|c| near(c));
        return all;
    }
    let mut matcher = Matcher::new(Config::DEFAULT);
    let pattern = Pattern::parse(word, CaseMatching::Ignore, Normalization::Smart);
    let mut chars = Vec::new();
    let mut found: Vec<(u32, &Command)> = COMMANDS
        .iter()
        .filter(usable)
        .filter_map(|c| {
            let exact = if c.id == word { 10_000 } else { 0 };
            let by_id = pattern
                .score(Utf32Str::new(c.id, &mut chars), &mut matcher)
                .map(|score| score * 2);
            let by_title = pattern.score(Utf32Str::new(c.title(), &mut chars), &mut matcher);
            by_id.max(by_title).map(|score| (score + exact, c))
        })
        .collect();
    found.sort_by_key(|(score, c)| (std::cmp::Reverse(*score), near(c)));
    found.into_iter().map(|(_, c)| c).collect()
}

/// The command that `:typed` means and its argument; an exact name wins over a better score.
pub(crate) fn resolve(typed: &str, scopes: &[Scope]) -> Option<(&'static Command, Option<String>)> {
    let typed = typed.trim();
    let (word, rest) = typed.split_once(char::is_whitespace).unwrap_or((typed, ""));
    let command = COMMANDS
        .iter()
        .find(|c| c.id == word)
        .or_else(|| matching(word, scopes).into_iter().next())?;
    let rest = rest.trim();
    Some((command, (!rest.is_empty()).then(|| rest.to_owned())))
}
