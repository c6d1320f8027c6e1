//! What pieces of text and marks mean; a theme gives each a style.

/// What a piece of text or a mark means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Role {
    Text,
    Strong,
    Dim,
    Title,
    Accent,
    Key,
    Border,
    Ok,
    AtRisk,
    Violated,
    NoData,
    Excluded,
    Banner,
    Error,
    Line,
    Band50,
    Band80,
    Band95,
    /// Between the lowest and the highest of a column.
    Extent,
    /// What is usual at an hour.
    Usual,
    Bound,
    Now,
    Cursor,
    Input,
    Tab,
    TabActive,
}

impl Role {
    /// As themes write it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Strong => "strong",
            Self::Dim => "dim",
            Self::Title => "title",
            Self::Accent => "accent",
            Self::Key => "key",
            Self::Border => "border",
            Self::Ok => "ok",
            Self::AtRisk => "at_risk",
            Self::Violated => "violated",
            Self::NoData => "no_data",
            Self::Excluded => "excluded",
            Self::Banner => "banner",
            Self::Error => "error",
            Self::Line => "line",
            Self::Band50 => "band_50",
            Self::Band80 => "band_80",
            Self::Band95 => "band_95",
            Self::Extent => "extent",
            Self::Usual => "usual",
            Self::Bound => "bound",
            Self::Now => "now",
            Self::Cursor => "cursor",
            Self::Input => "input",
            Self::Tab => "tab",
            Self::TabActive => "tab_active",
        }
    }

    pub(crate) const ALL: [Self; 26] = [
        Self::Text,
        Self::Strong,
        Self::Dim,
        Self::Title,
        Self::Accent,
        Self::Key,
        Self::Border,
        Self::Ok,
        Self::AtRisk,
        Self::Violated,
        Self::NoData,
        Self::Excluded,
        Self::Banner,
        Self::Error,
        Self::Line,
        Self::Band50,
        Self::Band80,
        Self::Band95,
        Self::Extent,
        Self::Usual,
        Self::Bound,
        Self::Now,
        Self::Cursor,
        Self::Input,
        Self::Tab,
        Self::TabActive,
    ];
}
