//! What things mean, and how that looks on the terminal at hand.
//!
//! Screens name roles, never colours. Colour-blind safe: good is blue, bad is orange, and every state also has a shape and a word.

pub(crate) mod caps;
mod glyph;
pub(crate) mod own;
mod role;

pub(crate) use glyph::to_ascii;
pub(crate) use role::Role;

use ratatui::style::{Color, Modifier, Style};

use caps::{Background, Caps, ColourDepth};
use own::OwnTheme;

/// Themes of the console's own. The first is the default: blue against orange on the background that the terminal tells.
pub(crate) const THEMES: [&str; 4] = ["auto", "dark", "light", "high-contrast"];

/// The palette of one terminal.
#[derive(Debug, Clone)]
pub(crate) struct Theme {
    caps: Caps,
    name: String,
    high_contrast: bool,
    own: std::collections::BTreeMap<String, OwnTheme>,
    chosen: Option<OwnTheme>,
}

/// One colour in every depth: 24 bit, 256, 16; dark background, then light.
struct Hue {
    rgb: (u8, u8, u8),
    indexed: u8,
    ansi: Color,
}

const fn hue(rgb: (u8, u8, u8), indexed: u8, ansi: Color) -> Hue {
    Hue { rgb, indexed, ansi }
}

impl Theme {
    pub(crate) fn new(caps: Caps) -> Self {
        Self {
            caps,
            name: THEMES[0].to_owned(),
            high_contrast: false,
            own: std::collections::BTreeMap::new(),
            chosen: None,
        }
    }

    /// The same with themes of the user's own beside ours.
    pub(crate) fn with_own(caps: Caps, own: std::collections::BTreeMap<String, OwnTheme>) -> Self {
        Self { own, ..Self::new(caps) }
    }

    /// What can be chosen.
    pub(crate) fn names(&self) -> Vec<String> {
        let ours = THEMES.iter().map(|&name| name.to_owned());
        ours.chain(self.own.keys().cloned()).collect()
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The theme of another name, for a terminal with these abilities; `None` when there is none.
    pub(crate) fn named(&self, caps: Caps, name: &str) -> Option<Self> {
        let own = self.own.get(name).cloned();
        if own.is_none() && !THEMES.contains(&name) {
            return None;
        }
        let background = match name {
            "dark" => Background::Dark,
            "light" => Background::Light,
            _ => caps.background,
        };
        Some(Self {
            caps: Caps { background, ..caps },
            name: name.to_owned(),
            high_contrast: name == "high-contrast",
            own: self.own.clone(),
            chosen: own,
        })
    }

    /// Whether glyphs beyond ASCII may be drawn.
    pub(crate) fn unicode(&self) -> bool {
        self.caps.unicode
    }

    /// How `role` looks here.
    pub(crate) fn style(&self, role: Role) -> Style {
        let coloured = self.caps.colour != ColourDepth::Mono;
        if let Some(style) = self
            .chosen
            .as_ref()
            .and_then(|own| own.style(role))
            .filter(|_| coloured)
        {
            return style;
        }
        let modifier = modifier_of(role, !coloured);
        let style = Style::new().add_modifier(modifier);
        if self.high_contrast && coloured {
            return self.contrasting(role, style);
        }
        match self.hue(role) {
            Some(hue) if self.caps.colour != ColourDepth::Mono => style.fg(self.colour(&hue)),
            _ => style,
        }
    }

    /// Nothing dim, trouble bold: for bright rooms and tired eyes.
    fn contrasting(&self, role: Role, style: Style) -> Style {
        let strong = style.add_modifier(Modifier::BOLD);
        match role {
            Role::Dim | Role::Excluded | Role::Border | Role::Usual => style,
            Role::AtRisk | Role::NoData | Role::Key => {
                self.hue(role).map_or(strong, |hue| strong.fg(self.colour(&hue)))
            }
            _ => self.hue(role).map_or(style, |hue| style.fg(self.colour(&hue))),
        }
    }

    fn colour(&self, hue: &Hue) -> Color {
        match self.caps.colour {
            ColourDepth::Mono => Color::Reset,
            ColourDepth::Ansi16 => hue.ansi,
            ColourDepth::Ansi256 => Color::Indexed(hue.indexed),
            ColourDepth::True => Color::Rgb(hue.rgb.0, hue.rgb.1, hue.rgb.2),
        }
    }

    /// The hue of a role; `None` keeps the terminal's own foreground.
    fn hue(&self, role: Role) -> Option<Hue> {
        let dark = self.caps.background == Background::Dark;
        let pick = |on_dark: Hue, on_light: Hue| Some(if dark { on_dark } else { on_light });
        match role {
            Role::Text | Role::Strong | Role::Tab | Role::Input | Role::Cursor | Role::TabActive => None,
            Role::Dim | Role::Border | Role::Excluded | Role::Usual => pick(
                hue((138, 138, 138), 245, Color::DarkGray),
                hue((108, 108, 108), 242, Color::DarkGray),
            ),
            Role::Title | Role::Accent | Role::Key | Role::Now => {
                pick(hue((95, 215, 215), 80, Color::Cyan), hue((0, 95, 135), 24, Color::Cyan))
            }
            Role::Ok | Role::Line => pick(
                hue((95, 175, 255), 75, Color::LightBlue),
                hue((0, 95, 215), 26, Color::Blue),
            ),
            Role::AtRisk => pick(
                hue((255, 215, 95), 221, Color::LightYellow),
                hue((135, 95, 0), 94, Color::Yellow),
            ),
            Role::Violated | Role::Bound | Role::Error | Role::Banner => pick(
                hue((255, 135, 0), 208, Color::LightRed),
                hue((175, 63, 0), 130, Color::Red),
            ),
            Role::NoData => pick(
                hue((175, 135, 215), 140, Color::LightMagenta),
                hue((95, 0, 135), 54, Color::Magenta),
            ),
            Role::Extent => pick(
                hue((68, 100, 138), 60, Color::Blue),
                hue((160, 190, 225), 110, Color::Blue),
            ),
            Role::Band50 => pick(
                hue((135, 175, 215), 110, Color::Blue),
                hue((95, 135, 175), 67, Color::Blue),
            ),
            Role::Band80 => pick(
                hue((95, 135, 175), 67, Color::Blue),
                hue((135, 175, 215), 110, Color::Blue),
            ),
            Role::Band95 => pick(
                hue((88, 108, 138), 60, Color::DarkGray),
                hue((175, 195, 225), 146, Color::DarkGray),
            ),
        }
    }
}

fn modifier_of(role: Role, mono: bool) -> Modifier {
    match role {
        Role::Strong | Role::Title | Role::Violated | Role::Error => Modifier::BOLD,
        Role::Banner | Role::TabActive => Modifier::BOLD.union(Modifier::REVERSED),
        Role::Cursor => Modifier::REVERSED,
        Role::Input => Modifier::UNDERLINED,
        Role::AtRisk | Role::Key if mono => Modifier::BOLD,
        Role::NoData if mono => Modifier::UNDERLINED,
        Role::Dim | Role::Excluded | Role::Border if mono => Modifier::DIM,
        _ => Modifier::empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn theme(colour: ColourDepth, background: Background) -> Theme {
        Theme::new(Caps {
            colour,
            background,
            ..Caps::default()
        })
    }

    #[test]
    fn themes_are_chosen_by_name() {
        let own = OwnTheme::parse("night", "ok = \"#010203\"").unwrap();
        let own = std::collections::BTreeMap::from([("night".to_owned(), own)]);
        let caps = Caps {
            colour: ColourDepth::True,
            ..Caps::default()
        };
        let theme = Theme::with_own(caps, own);
        assert_eq!(theme.names(), ["auto", "dark", "light", "high-contrast", "night"]);
        let night = theme.named(caps, "night").unwrap();
        assert_eq!(night.style(Role::Ok).fg, Some(Color::Rgb(1, 2, 3)));
        assert_eq!(night.style(Role::Violated), theme.style(Role::Violated));
        let mono = Caps {
            colour: ColourDepth::Mono,
            ..caps
        };
        assert_eq!(
            theme.named(mono, "night").unwrap().style(Role::Ok).fg,
            None,
            "NO_COLOR wins"
        );
        assert!(theme.named(caps, "pink").is_none());
        let light = theme.named(caps, "light").unwrap();
        assert_ne!(light.style(Role::Ok), theme.style(Role::Ok));
        let strong = theme.named(caps, "high-contrast").unwrap();
        assert_eq!(strong.style(Role::Dim), Style::new());
    }

    #[test]
    fn mono_uses_no_colour_at_all() {
        for role in Role::ALL {
            let style = theme(ColourDepth::Mono, Background::Dark).style(role);
            assert_eq!((style.fg, style.bg), (None, None), "{role:?}");
        }
    }

    #[test]
    fn each_depth_uses_only_its_own_colours() {
        for role in Role::ALL {
            for background in [Background::Dark, Background::Light] {
                let fg = |depth| theme(depth, background).style(role).fg;
                assert!(
                    !matches!(fg(ColourDepth::Ansi16), Some(Color::Indexed(_) | Color::Rgb(..))),
                    "{role:?}"
                );
                assert!(
                    matches!(fg(ColourDepth::Ansi256), None | Some(Color::Indexed(_))),
                    "{role:?}"
                );
                assert!(matches!(fg(ColourDepth::True), None | Some(Color::Rgb(..))), "{role:?}");
            }
        }
    }

    #[test]
    fn good_and_bad_differ_in_blue_against_orange() {
        for background in [Background::Dark, Background::Light] {
            let rgb = |role| match theme(ColourDepth::True, background).style(role).fg {
                Some(Color::Rgb(r, _, b)) => (r, b),
                other => panic!("{other:?}"),
            };
            let (ok, bad) = (rgb(Role::Ok), rgb(Role::Violated));
            assert!(ok.1 > ok.0 && bad.0 > bad.1, "blue for good, orange for bad");
        }
    }
}
