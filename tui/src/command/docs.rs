//! The registry as a table for `docs/` and as a section of the man page.

use std::fmt::Write as _;

use super::keymap::Keymap;
use super::{COMMANDS, Command, Danger};
use crate::say;

/// A Markdown table of every command: name, keys, where it works, what it does.
pub fn commands_markdown() -> String {
    let keymap = Keymap::default();
    let mut out = String::from("| command | keys | where | what it does |\n|---|---|---|---|\n");
    for command in COMMANDS {
        let _ = writeln!(
            out,
            "| `{}` | {} | {} | {} |",
            usage(command),
            keys(&keymap, command)
                .iter()
                .map(|key| format!("`{}`", key.replace('|', "\\|")))
                .collect::<Vec<_>>()
                .join(" "),
            command.place(),
            sentence(command).replace('|', "\\|"),
        );
    }
    out
}

/// The same as roff, the section COMMANDS of the man page.
pub fn commands_roff() -> String {
    let keymap = Keymap::default();
    let mut out = String::from(".SH CONSOLE COMMANDS\nType : and a name, or press a key.\n");
    for command in COMMANDS {
        let keys = keys(&keymap, command)
            .join(", ")
            .replace('\\', "\\e")
            .replace('-', "\\-");
        let text = sentence(command).replace('\\', "\\e").replace('-', "\\-");
        let _ = writeln!(
            out,
            ".TP\n.B {}\n{}{}{text}",
            usage(command).replace('-', "\\-"),
            keys,
            if keys.is_empty() { "" } else { ": " }
        );
    }
    out
}

fn keys<'k>(keymap: &'k Keymap, command: &Command) -> &'k [String] {
    keymap.keys(command.cmd)
}

fn usage(command: &Command) -> String {
    match command.argument {
        Some(name) => format!("{} [{name}]", command.id),
        None => command.id.to_owned(),
    }
}

fn sentence(command: &Command) -> String {
    let ask = if command.danger == Danger::Confirm {
        say::frame::asks_first()
    } else {
        ""
    };
    format!("{}{ask}", command.help())
}
