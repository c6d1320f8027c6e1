//! The ASCII form of every glyph we draw. One character for one, so that no layout depends on the locale.

/// `c` itself when it is printable ASCII, else what stands for it.
#[expect(clippy::match_same_arms, reason = "one line a kind of glyph")]
pub(crate) fn to_ascii(c: char) -> char {
    match c {
        ' '..='~' => c,
        '✓' | '┼' | '┌' | '┐' | '└' | '┘' | '├' | '┤' | '┬' | '┴' => '+',
        '✗' | '▓' => 'X',
        '▲' | '↑' => '^',
        '▼' | '▾' | '↓' => 'v',
        '▸' | '▶' | '→' | '›' => '>',
        '◂' | '←' | '‹' => '<',
        '●' | '■' | '•' | '▪' => '*',
        '○' | '□' | '◇' => 'o',
        '⏸' => '=',
        '─' | '–' | '—' | '╌' | '┄' => '-',
        '│' | '┊' | '┆' => '|',
        '…' => '~',
        '·' | '▁' => '.',
        '▂' => ':',
        '▃' => '-',
        '▄' => '=',
        '▅' => '+',
        '▆' => '*',
        '▇' => '%',
        '█' | '▌' => '#',
        '▒' => '%',
        '░' => '-',
        '▀' => '=',
        '╱' => '/',
        '≥' => '>',
        '≤' => '<',
        '±' => '~',
        '×' => 'x',
        'µ' | 'μ' => 'u',
        'é' | 'è' | 'ê' | 'ë' => 'e',
        'à' | 'á' | 'â' | 'ä' => 'a',
        'ö' | 'ô' | 'ò' | 'ó' => 'o',
        'ü' | 'û' | 'ù' | 'ú' => 'u',
        _ => '?',
    }
}

#[cfg(test)]
mod tests {
    use super::to_ascii;

    #[test]
    fn states_and_marks_stay_apart() {
        let states: std::collections::BTreeSet<char> =
            ['✓', '▲', '✗', '?', '–', '◇', '⏸'].map(to_ascii).into_iter().collect();
        assert_eq!(states.len(), 7);
    }

    #[test]
    fn sparklines_keep_their_order_of_ink() {
        let levels: Vec<char> = "▁▂▃▄▅▆▇█".chars().map(to_ascii).collect();
        let distinct: std::collections::BTreeSet<_> = levels.iter().collect();
        assert_eq!(distinct.len(), levels.len(), "{levels:?}");
        assert!(levels.iter().all(char::is_ascii));
    }
}
