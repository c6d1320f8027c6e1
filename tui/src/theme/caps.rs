//! What the terminal can do. Decided once, by the launcher's environment, handed in as a value.

/// How many colours may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ColourDepth {
    /// None: bold, dim, underline and reverse only (`NO_COLOR`, `TERM=dumb`, vt100).
    Mono,
    /// The sixteen ANSI colours.
    Ansi16,
    /// The 256-colour palette.
    Ansi256,
    /// 24 bit.
    True,
}

/// What lies behind the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Background {
    /// Light text on dark.
    Dark,
    /// Dark text on light.
    Light,
}

/// The abilities of one terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caps {
    /// Colours.
    pub colour: ColourDepth,
    /// Background.
    pub background: Background,
    /// Whether the locale is UTF-8: otherwise every glyph is ASCII.
    pub unicode: bool,
    /// Whether texts may lead to addresses (OSC 8).
    pub links: bool,
}

impl Default for Caps {
    fn default() -> Self {
        Self {
            colour: ColourDepth::Ansi256,
            background: Background::Dark,
            unicode: true,
            links: false,
        }
    }
}

impl Caps {
    /// Reads the abilities from an environment given as a lookup, so that only the launcher touches the real one.
    /// Sources: no-color.org (`NO_COLOR` not empty), the `COLORTERM` and `COLORFGBG` conventions, POSIX locale order.
    pub fn from_environment(lookup: impl Fn(&str) -> Option<String>) -> Self {
        let get = |name: &str| lookup(name).filter(|value| !value.is_empty());
        let term = get("TERM").unwrap_or_default();
        let colour_term = get("COLORTERM").unwrap_or_default();
        let colour = if get("NO_COLOR").is_some() || term == "dumb" || term.starts_with("vt1") || term.ends_with("-m") {
            ColourDepth::Mono
        } else if colour_term == "truecolor" || colour_term == "24bit" || term.ends_with("-direct") {
            ColourDepth::True
        } else if term.contains("256") {
            ColourDepth::Ansi256
        } else {
            ColourDepth::Ansi16
        };
        // COLORFGBG is "foreground;background" with ANSI numbers; 7 and 15 are the light ones.
        let light = get("COLORFGBG")
            .and_then(|value| value.rsplit(';').next().map(|last| matches!(last, "7" | "15")))
            .unwrap_or(false);
        let locale = get("LC_ALL")
            .or_else(|| get("LC_CTYPE"))
            .or_else(|| get("LANG"))
            .unwrap_or_default();
        let locale = locale.to_ascii_lowercase().replace('-', "");
        Self {
            colour,
            background: if light { Background::Light } else { Background::Dark },
            unicode: locale.contains("utf8"),
            // These print what they do not know; all others leave it out.
            links: !["", "dumb", "linux"].contains(&term.as_str()) && !term.starts_with("vt"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caps(vars: &[(&str, &str)]) -> Caps {
        Caps::from_environment(|name| vars.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()))
    }

    #[test]
    fn no_color_wins_over_truecolor() {
        assert_eq!(
            caps(&[("NO_COLOR", "1"), ("COLORTERM", "truecolor")]).colour,
            ColourDepth::Mono
        );
        assert_eq!(
            caps(&[("NO_COLOR", ""), ("COLORTERM", "truecolor")]).colour,
            ColourDepth::True
        );
    }

    #[test]
    fn depth_follows_term() {
        assert_eq!(caps(&[("TERM", "xterm-256color")]).colour, ColourDepth::Ansi256);
        assert_eq!(caps(&[("TERM", "linux")]).colour, ColourDepth::Ansi16);
        assert_eq!(caps(&[("TERM", "dumb")]).colour, ColourDepth::Mono);
    }

    #[test]
    fn locale_decides_glyphs_in_posix_order() {
        assert!(caps(&[("LANG", "it_IT.UTF-8")]).unicode);
        assert!(!caps(&[("LANG", "it_IT.UTF-8"), ("LC_ALL", "C")]).unicode);
        assert!(!caps(&[]).unicode);
    }

    #[test]
    fn terminals_that_print_what_they_do_not_know_get_no_links() {
        assert!(caps(&[("TERM", "xterm-256color")]).links && caps(&[("TERM", "tmux-256color")]).links);
        for term in ["", "dumb", "linux", "vt100", "vt220"] {
            assert!(!caps(&[("TERM", term)]).links, "{term}");
        }
    }

    #[test]
    fn light_background_is_seen() {
        assert_eq!(caps(&[("COLORFGBG", "0;15")]).background, Background::Light);
        assert_eq!(caps(&[("COLORFGBG", "15;0")]).background, Background::Dark);
    }
}
