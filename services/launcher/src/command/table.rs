//! Aligned columns on stdout. Cells are outside text and are made harmless here.

use sla_domain::SafeText;

/// Columns at most; longer cells are cut.
const MAX_CELL_COLUMNS: usize = 60;

/// Rows below a head; columns as wide as their widest cell. A column whose head ends in `>` is right-aligned.
pub(crate) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let right: Vec<bool> = head.iter().map(|name| name.ends_with('>')).collect();
    let mut cells: Vec<Vec<SafeText>> = vec![
        head.iter()
            .map(|name| SafeText::new(name.trim_end_matches('>')))
            .collect(),
    ];
    cells.extend(rows.iter().map(|row| {
        row.iter()
            .map(|cell| SafeText::new(cell).truncate(MAX_CELL_COLUMNS))
            .collect::<Vec<_>>()
    }));
    let widths: Vec<usize> = (0..head.len())
        .map(|column| {
            cells
                .iter()
                .map(|row| row.get(column).map_or(0, SafeText::width))
                .max()
                .unwrap_or(0)
        })
        .collect();
    let mut text = String::new();
    for row in &cells {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let pad = " ".repeat(widths[column].saturating_sub(cell.width()));
            if column > 0 {
                line.push_str("  ");
            }
            if right[column] {
                line.push_str(&pad);
                line.push_str(cell.as_str());
            } else {
                line.push_str(cell.as_str());
                line.push_str(&pad);
            }
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_outside_text_is_harmless() {
        let text = table(
            &["NAME", "N>"],
            &[vec!["a\u{1b}[31m".into(), "7".into()], vec!["bb".into(), "1234".into()]],
        );
        assert!(!text.contains('\u{1b}'));
        let widths: Vec<usize> = text.lines().map(|line| line.chars().count()).collect();
        assert!(widths.windows(2).all(|pair| pair[0] == pair[1]), "{text}");
    }
}
