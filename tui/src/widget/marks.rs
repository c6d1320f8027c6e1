//! What a picture has beside its cells: the terminal's cursor, and texts that lead somewhere.

use ratatui::layout::{Position, Rect};

/// Links of one picture, and bytes of one address: terminals cut longer ones.
const LINKS_MAX: usize = 16;
const ADDRESS_BYTES_MAX: usize = 2_000;

/// Beside the cells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Marks {
    /// Where the terminal's cursor is shown.
    pub(crate) cursor: Option<Position>,
    links: Vec<Link>,
}

/// A text of one row that leads to an address.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Link {
    area: Rect,
    address: String,
}

impl Marks {
    /// The cells of `area` lead to `address`; one that is none, or too long, leads nowhere.
    pub(crate) fn link(&mut self, area: Rect, address: &str) {
        let scheme = address.starts_with("http://") || address.starts_with("https://");
        let harmless = scheme && address.bytes().all(|byte| byte.is_ascii_graphic());
        if harmless && address.len() <= ADDRESS_BYTES_MAX && self.links.len() < LINKS_MAX && !area.is_empty() {
            self.links.push(Link {
                area,
                address: address.to_owned(),
            });
        }
    }

    /// Something else is drawn over `area`.
    pub(crate) fn cover(&mut self, area: Rect) {
        self.links.retain(|link| !link.area.intersects(area));
    }

    /// Where a cell leads.
    pub(crate) fn address_at(&self, x: u16, y: u16) -> Option<&str> {
        let at = Position::new(x, y);
        let link = self.links.iter().find(|link| link.area.contains(at))?;
        Some(&link.address)
    }

    /// Cells that lead elsewhere than in `other`, row by row.
    pub(crate) fn differing(&self, other: &Self) -> Vec<(u16, u16)> {
        if self.links == other.links {
            return Vec::new();
        }
        let all = self.links.iter().chain(&other.links);
        let mut cells: Vec<(u16, u16)> = all
            .flat_map(|link| link.area.positions())
            .map(|at| (at.y, at.x))
            .filter(|&(y, x)| self.address_at(x, y) != other.address_at(x, y))
            .collect();
        cells.sort_unstable();
        cells.dedup();
        cells.into_iter().map(|(y, x)| (x, y)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_web_without_blanks_and_controls_lead_somewhere() {
        let area = Rect::new(2, 1, 3, 1);
        for hostile in [
            "javascript:alert(1)",
            "file:///etc/passwd",
            "http://a\u{1b}\\b",
            "http://a b",
            "http://\u{202e}a",
            &format!("http://{}", "a".repeat(ADDRESS_BYTES_MAX)),
        ] {
            let mut marks = Marks::default();
            marks.link(area, hostile);
            assert_eq!(marks, Marks::default(), "{hostile:?}");
        }
        let mut marks = Marks::default();
        marks.link(area, "https://prom/graph?g0.expr=up");
        assert_eq!(marks.address_at(4, 1), Some("https://prom/graph?g0.expr=up"));
        assert_eq!((marks.address_at(5, 1), marks.address_at(4, 0)), (None, None));
        assert_eq!(marks.differing(&Marks::default()), [(2, 1), (3, 1), (4, 1)]);
        assert!(marks.differing(&marks.clone()).is_empty());
        marks.cover(Rect::new(4, 0, 10, 10));
        assert_eq!(marks, Marks::default(), "what lies over it has its cells");
        for _ in 0..2 * LINKS_MAX {
            marks.link(area, "http://a");
        }
        assert_eq!(marks.links.len(), LINKS_MAX);
    }
}
