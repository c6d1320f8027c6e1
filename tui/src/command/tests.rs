use std::collections::{BTreeMap, BTreeSet};

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::keymap::{Keymap, KeymapError, parse_chord};
use super::*;

#[test]
fn ids_and_commands_are_unique_and_told_in_words() {
    let ids: BTreeSet<_> = COMMANDS.iter().map(|c| c.id).collect();
    let cmds: BTreeSet<_> = COMMANDS.iter().map(|c| c.cmd).collect();
    assert_eq!((ids.len(), cmds.len()), (COMMANDS.len(), COMMANDS.len()));
    for command in COMMANDS {
        assert!(
            command.help().ends_with('.') && command.help().len() >= 8,
            "{}",
            command.id
        );
        assert!(
            !command.title().is_empty() && command.id.chars().all(|c| c.is_ascii_lowercase() || c == '-'),
            "{}",
            command.id
        );
    }
}

#[test]
fn defaults_are_keys_and_do_not_conflict() {
    Keymap::build(&BTreeMap::new()).unwrap();
    for command in COMMANDS {
        for chord in command.chords {
            assert!(parse_chord(chord).is_some(), "{}: {chord}", command.id);
        }
    }
}

#[test]
fn every_command_is_reachable_by_name_and_all_but_show_by_key() {
    let keymap = Keymap::default();
    for command in COMMANDS {
        if !matches!(command.scope, Scope::Form | Scope::Confirm | Scope::Pick) {
            let (found, argument) = palette::resolve(&format!("{} some text", command.id), &[Scope::Global]).unwrap();
            assert_eq!((found.id, argument.as_deref()), (command.id, Some("some text")));
        }
        assert!(
            !keymap.keys(command.cmd).is_empty() || command.argument.is_some(),
            "{} has no key",
            command.id
        );
    }
}

#[test]
fn a_key_taken_by_an_inner_scope_leaves_the_outer_command_another_key() {
    // Inner scopes that lie over the lists and the globals.
    for inner in [
        Scope::Now,
        Scope::Timeline,
        Scope::Metrics,
        Scope::Sets,
        Scope::Past,
        Scope::Runs,
        Scope::Weather,
        Scope::Detail,
    ] {
        let taken: BTreeSet<_> = COMMANDS
            .iter()
            .filter(|c| c.works_in(&[inner]))
            .flat_map(|c| c.chords)
            .collect();
        let outer = [Scope::Global, Scope::List];
        for command in COMMANDS.iter().filter(|c| outer.contains(&c.scope)) {
            if inner == Scope::Detail && matches!(command.cmd, Cmd::NextTab | Cmd::PreviousTab | Cmd::Open) {
                // In the detail these keys turn pages; tabs are reached by their numbers.
                continue;
            }
            let free = command.chords.is_empty() || command.chords.iter().any(|chord| !taken.contains(chord));
            assert!(free, "{} cannot be reached in {}", command.id, inner.word());
        }
    }
}

#[test]
fn vim_and_arrow_keys_mean_the_same() {
    let keymap = Keymap::default();
    let scopes = [Scope::Metrics, Scope::List, Scope::Global];
    let look = |code| keymap.lookup(&scopes, KeyEvent::new(code, KeyModifiers::NONE));
    assert_eq!(look(KeyCode::Char('j')), Some(Cmd::Down));
    assert_eq!(look(KeyCode::Down), Some(Cmd::Down));
    assert_eq!(look(KeyCode::Char('?')), Some(Cmd::Help));
    assert_eq!(look(KeyCode::Char(':')), Some(Cmd::Palette));
    assert_eq!(look(KeyCode::Char('/')), Some(Cmd::Filter));
    assert_eq!(look(KeyCode::Char(' ')), Some(Cmd::Select));
    let shifted = KeyEvent::new(KeyCode::Char('G'), KeyModifiers::SHIFT);
    assert_eq!(keymap.lookup(&scopes, shifted), Some(Cmd::Bottom));
    let backtab = KeyEvent::new(KeyCode::BackTab, KeyModifiers::SHIFT);
    assert_eq!(keymap.lookup(&scopes, backtab), Some(Cmd::PreviousTab));
}

#[test]
fn rebinding_replaces_and_refuses_with_a_reason() {
    let of = |id: &str, chords: &[&str]| {
        BTreeMap::from([(id.to_owned(), chords.iter().map(|&c| c.to_owned()).collect::<Vec<_>>())])
    };
    let keymap = Keymap::build(&of("quit", &["ctrl-q"])).unwrap();
    let look = |code, modifiers| keymap.lookup(&[Scope::Global], KeyEvent::new(code, modifiers));
    assert_eq!(look(KeyCode::Char('q'), KeyModifiers::NONE), None);
    assert_eq!(look(KeyCode::Char('q'), KeyModifiers::CONTROL), Some(Cmd::Quit));
    assert!(matches!(
        Keymap::build(&of("quit", &["?"])),
        Err(KeymapError::Conflict { .. })
    ));
    assert!(matches!(
        Keymap::build(&of("quit", &["hyper-q"])),
        Err(KeymapError::BadChord { .. })
    ));
    assert!(matches!(
        Keymap::build(&of("leave", &["q"])),
        Err(KeymapError::UnknownCommand { .. })
    ));
}

#[test]
fn two_keys_are_one_chord_and_their_first_means_nothing_alone() {
    let of = |id: &str, chord: &str| BTreeMap::from([(id.to_owned(), vec![chord.to_owned()])]);
    let keymap = Keymap::build(&of("redraw", "z,x")).unwrap();
    let key = |c| KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE);
    let scopes = [Scope::Now, Scope::List, Scope::Global];
    let first = keymap.begins(&scopes, key('z')).unwrap();
    assert_eq!(keymap.pair(&scopes, first, key('x')), Some(Cmd::Redraw));
    assert_eq!(keymap.pair(&scopes, first, key('q')), None);
    assert_eq!(keymap.keys(Cmd::Redraw), ["z x"]);
    let follow: Vec<String> = keymap.follow(&scopes, first).into_iter().map(|(key, _)| key).collect();
    assert!(follow.contains(&"x".to_owned()) && follow.len() > 4, "{follow:?}");
    for (id, chord) in [("redraw", "z"), ("redraw", "q,x"), ("redraw", "z,t")] {
        assert!(
            matches!(Keymap::build(&of(id, chord)), Err(KeymapError::Conflict { .. })),
            "{chord}"
        );
    }
}

#[test]
fn the_palette_forgives_typing() {
    let first = |typed: &str| palette::matching(typed, &[Scope::Global])[0].id;
    assert_eq!(first("evnow"), "evaluate-now");
    assert_eq!(first("quit"), "quit");
    assert!(palette::matching("zzzzqq", &[]).is_empty());
}

#[test]
fn docs_name_every_command() {
    let (table, roff) = (commands_markdown(), commands_roff());
    for command in COMMANDS {
        assert!(table.contains(&format!("`{}", command.id)), "{}", command.id);
        assert!(roff.contains(&command.id.replace('-', "\\-")), "{}", command.id);
    }
}
