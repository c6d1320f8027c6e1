//! Themes of the user's own: a TOML table of roles, each a colour and attributes.

use std::collections::BTreeMap;

use ratatui::style::{Color, Modifier, Style};

use super::role::Role;

/// A file beyond this size is no theme, bytes.
pub const THEME_BYTES_MAX: u64 = 64 * 1024;

/// What is wrong with a theme, where, and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ThemeError {
    /// Not TOML, or not a table of texts.
    #[error("theme {name}: {what}")]
    Syntax {
        /// Of the theme.
        name: String,
        /// Line, column and what was expected there.
        what: String,
    },
    /// Not a role.
    #[error("theme {name}: there is no role `{role}`; there are {known}")]
    Role {
        /// Of the theme.
        name: String,
        /// As it was given.
        role: String,
        /// All of them.
        known: String,
    },
    /// Not a look.
    #[error(
        "theme {name}: {role} = `{word}`: must be a colour (#ff8700, 208, lightred) or bold, dim, underlined, reversed, plain"
    )]
    Look {
        /// Of the theme.
        name: String,
        /// The role.
        role: String,
        /// The word that is neither.
        word: String,
    },
}

/// The looks that a theme gives to roles; the others keep their own.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OwnTheme {
    looks: BTreeMap<&'static str, Style>,
}

impl OwnTheme {
    /// Reads `role = "colour attributes"` lines, such as `violated = "#ff8700 bold"`.
    pub fn parse(name: &str, text: &str) -> Result<Self, ThemeError> {
        let name = name.to_owned();
        let table: BTreeMap<String, String> = toml::from_str(text).map_err(|error| ThemeError::Syntax {
            name: name.clone(),
            what: error.to_string().trim().replace('\n', " "),
        })?;
        let mut looks = BTreeMap::new();
        for (role, look) in table {
            let known = Role::ALL.iter().map(|known| known.word());
            let Some(word) = known.clone().find(|known| *known == role) else {
                return Err(ThemeError::Role {
                    name,
                    role,
                    known: known.collect::<Vec<_>>().join(", "),
                });
            };
            let mut style = Style::new();
            for part in look.split_whitespace() {
                style = look_of(style, part).ok_or_else(|| ThemeError::Look {
                    name: name.clone(),
                    role: role.clone(),
                    word: part.to_owned(),
                })?;
            }
            looks.insert(word, style);
        }
        Ok(Self { looks })
    }

    pub(super) fn style(&self, role: Role) -> Option<Style> {
        self.looks.get(role.word()).copied()
    }
}

fn look_of(style: Style, word: &str) -> Option<Style> {
    Some(match word {
        "bold" => style.add_modifier(Modifier::BOLD),
        "dim" => style.add_modifier(Modifier::DIM),
        "underlined" => style.add_modifier(Modifier::UNDERLINED),
        "reversed" => style.add_modifier(Modifier::REVERSED),
        "plain" => style,
        colour => style.fg(colour.parse::<Color>().ok()?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_get_colours_and_attributes() {
        let theme = OwnTheme::parse(
            "night",
            "violated = \"#ff8700 bold\"\nok = \"plain\"\ndim = \"244 dim\"\n",
        )
        .unwrap();
        let violated = theme.style(Role::Violated).unwrap();
        assert_eq!(violated.fg, Some(Color::Rgb(255, 135, 0)));
        assert!(violated.add_modifier.contains(Modifier::BOLD));
        assert_eq!(theme.style(Role::Ok), Some(Style::new()));
        assert_eq!(theme.style(Role::Dim).unwrap().fg, Some(Color::Indexed(244)));
        assert_eq!(theme.style(Role::Bound), None, "the others keep their own");
    }

    #[test]
    fn what_is_wrong_has_a_place_and_a_fix() {
        let refused = |text: &str| OwnTheme::parse("night", text).unwrap_err().to_string();
        assert!(refused("violated = ").contains("line 1"), "{}", refused("violated = "));
        assert!(refused("red = \"red\"").contains("there is no role `red`; there are text, strong"));
        let look = refused("ok = \"rainbow\"");
        assert!(look.contains("ok = `rainbow`") && look.contains("#ff8700"), "{look}");
    }
}
