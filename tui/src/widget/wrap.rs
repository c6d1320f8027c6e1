//! Long lines on narrow terminals.

/// The widest word column that a line may begin with.
const LEAD_MAX: usize = 14;

/// Breaks a line that is too long. A line of `word    text` goes on below its text; what fits stays as it is.
pub(crate) fn wrap_hanging(line: &str, columns: usize) -> Vec<String> {
    if line.chars().count() <= columns {
        return vec![line.to_owned()];
    }
    let text_at = line
        .char_indices()
        .zip(line.chars().skip(1))
        .find(|((at, c), next)| *c == ' ' && *next != ' ' && line[..*at].ends_with(' '))
        .map_or(0, |((at, _), _)| at + 1);
    let (lead, text) = if line[..text_at].chars().count() <= LEAD_MAX {
        line.split_at(text_at)
    } else {
        ("", line)
    };
    let room = columns.saturating_sub(lead.chars().count()).max(8);
    let blank = " ".repeat(lead.chars().count());
    let pieces = wrap(text, room).into_iter().enumerate();
    pieces
        .map(|(at, piece)| format!("{}{piece}", if at == 0 { lead } else { &blank }))
        .collect()
}

/// Breaks `text` at spaces into lines of at most `columns` characters.
pub(crate) fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let Some(last) = lines.last_mut() else { break };
        if !last.is_empty() && last.chars().count() + 1 + word.chars().count() > columns {
            lines.push(word.to_owned());
        } else {
            if !last.is_empty() {
                last.push(' ');
            }
            last.push_str(word);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::wrap_hanging;

    #[test]
    fn a_long_line_goes_on_below_its_text() {
        assert_eq!(wrap_hanging("range      [0, 230]", 30), ["range      [0, 230]"]);
        assert_eq!(
            wrap_hanging("read by    remote read of compressed chunks", 26),
            [
                "read by    remote read of",
                "           compressed",
                "           chunks"
            ]
        );
        assert_eq!(wrap_hanging("    name one two", 12), ["    name one", "    two"]);
        assert_eq!(
            wrap_hanging("no columns here at all", 12),
            ["no columns", "here at all"]
        );
    }
}
