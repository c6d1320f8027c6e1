//! Completing what is typed: selectors, filters, and the arguments of commands.

/// Where the words of selectors come from.
pub(crate) trait Words {
    fn metrics(&self) -> Vec<&str>;
    fn labels(&self, metric: &str) -> Vec<&str>;
    fn values(&self, metric: &str, label: &str) -> Vec<&str>;
}

/// What may stand in the place of the end of a text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Offer {
    /// Byte where the word begins that is replaced.
    pub(crate) from: usize,
    pub(crate) options: Vec<String>,
}

/// Words offered at once.
pub(crate) const OPTIONS_MAX: usize = 200;

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | ':')
}

fn word_start(text: &str) -> usize {
    text.rfind(|c: char| !is_word(c))
        .map_or(0, |at| at + text[at..].chars().next().map_or(1, char::len_utf8))
}

/// The last `{` that is not closed.
fn open_brace(text: &str) -> Option<usize> {
    let mut open = None;
    let mut quoted = false;
    for (at, c) in text.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '{' if !quoted => open = Some(at),
            '}' if !quoted => open = None,
            _ => {}
        }
    }
    open
}

/// The metric whose labels are being typed.
pub(crate) fn metric_before(text: &str) -> Option<&str> {
    let head = &text[..open_brace(text)?];
    let metric = &head[word_start(head)..];
    (!metric.is_empty()).then_some(metric)
}

/// Words that begin with what is typed, else those that hold it; nothing when it is one of them already.
pub(crate) fn among<'w>(typed: &str, words: impl Iterator<Item = &'w str>) -> Vec<String> {
    let wanted = typed.to_lowercase();
    let (mut first, mut second) = (Vec::new(), Vec::new());
    for word in words {
        if word == typed {
            return Vec::new();
        }
        match word.to_lowercase().find(&wanted) {
            Some(0) => first.push(word.to_owned()),
            Some(_) => second.push(word.to_owned()),
            None => {}
        }
    }
    let mut found = if first.is_empty() { second } else { first };
    found.truncate(OPTIONS_MAX);
    found
}

/// A selector or an expression: metric names, and inside braces labels and their values.
pub(crate) fn selector(text: &str, words: &impl Words) -> Offer {
    let Some(brace) = open_brace(text) else {
        let from = word_start(text);
        let typed = &text[from..];
        if typed.is_empty() && !text.is_empty() {
            return Offer::default();
        }
        return Offer {
            from,
            options: among(typed, words.metrics().into_iter()),
        };
    };
    let metric = metric_before(text).unwrap_or_default();
    let inside = &text[brace + 1..];
    if inside.matches('"').count() % 2 == 1 {
        // Inside a value.
        let quote = brace + 1 + inside.rfind('"').unwrap_or_default();
        let before = text[..quote].trim_end_matches(['=', '~', '!', ' ']);
        let label = &before[word_start(before)..];
        let options = among(&text[quote + 1..], words.values(metric, label).into_iter());
        return Offer {
            from: quote + 1,
            options: options
                .into_iter()
                .map(|value| format!("{}\"", escaped(&value)))
                .collect(),
        };
    }
    let from = word_start(text).max(brace + 1);
    let lead = text[brace + 1..from].trim_end();
    if !(lead.is_empty() || lead.ends_with(',')) {
        return Offer::default();
    }
    let options = among(&text[from..], words.labels(metric).into_iter());
    Offer {
        from,
        options: options.into_iter().map(|label| format!("{label}=\"")).collect(),
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', r"\\").replace('"', "\\\"")
}

/// The last term of a filter: fields, then the values of the one that is typed.
pub(crate) fn filter(text: &str, fields: &[String], values: impl Fn(&str) -> Vec<String>) -> Offer {
    let blank = text.char_indices().rev().find(|(_, c)| c.is_whitespace());
    let start = blank.map_or(0, |(at, c)| at + c.len_utf8());
    let term = text[start..].trim_start_matches('!');
    let at = text.len() - term.len();
    let operator = term.find(['=', '<', '>', '!']);
    let Some(operator) = operator else {
        if term.starts_with(['~', '/', '"']) {
            return Offer::default();
        }
        let options = among(term, fields.iter().map(String::as_str));
        return Offer { from: at, options };
    };
    let value = term[operator..].trim_start_matches(['=', '<', '>', '!']);
    let known = values(&term[..operator]);
    let options = among(value, known.iter().map(String::as_str));
    Offer {
        from: text.len() - value.len(),
        options: options.into_iter().map(|value| quoted(&value)).collect(),
    }
}

fn quoted(value: &str) -> String {
    if value.contains(char::is_whitespace) {
        format!("\"{value}\"")
    } else {
        value.to_owned()
    }
}

/// What all options begin with.
pub(crate) fn common(options: &[String]) -> &str {
    let Some((first, others)) = options.split_first() else {
        return "";
    };
    let shared = |other: &String| {
        let same = first.char_indices().zip(other.chars()).take_while(|((_, a), b)| a == b);
        same.map(|((at, c), _)| at + c.len_utf8()).last().unwrap_or(0)
    };
    let end = others.iter().map(shared).min().unwrap_or(first.len());
    &first[..end]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    struct Estate;

    impl Words for Estate {
        fn metrics(&self) -> Vec<&str> {
            vec!["node_load1", "node_load15", "node_load5", "up"]
        }
        fn labels(&self, metric: &str) -> Vec<&str> {
            if metric == "up" {
                vec!["instance", "job"]
            } else {
                Vec::new()
            }
        }
        fn values(&self, metric: &str, label: &str) -> Vec<&str> {
            match (metric, label) {
                ("up", "job") => vec!["node", "say \"hi\""],
                _ => Vec::new(),
            }
        }
    }

    fn offered(text: &str) -> (usize, Vec<String>) {
        let offer = selector(text, &Estate);
        (offer.from, offer.options)
    }

    #[test]
    fn metrics_labels_and_values() {
        assert_eq!(offered("node_lo").1, ["node_load1", "node_load15", "node_load5"]);
        assert_eq!(
            offered("load5"),
            (0, vec!["node_load5".to_owned()]),
            "also by its middle"
        );
        assert_eq!(offered("rate(u").0, 5);
        assert_eq!(offered("up{").1, ["instance=\"", "job=\""]);
        assert_eq!(offered("1 - up{instance=\"a\", j"), (21, vec!["job=\"".to_owned()]));
        assert_eq!(offered("up{job=~\"n"), (9, vec!["node\"".to_owned()]));
        assert_eq!(offered("up{job=\"s").1, ["say \\\"hi\\\"\""], "as PromQL writes it");
        assert!(offered("up").1.is_empty(), "it is whole");
        assert!(offered("up{job=\"node\"}").1.is_empty());
        assert!(offered("up{job=\"node\" ").1.is_empty(), "a comma is missing");
    }

    #[test]
    fn filters_offer_fields_and_values() {
        let fields = ["state", "last", "job"].map(str::to_owned);
        let values = |field: &str| match field {
            "state" => vec!["violated".to_owned(), "ok".to_owned()],
            "job" => vec!["a b".to_owned()],
            _ => Vec::new(),
        };
        let of = |text: &str| filter(text, &fields, values);
        assert_eq!(of("load !st").options, ["state"]);
        assert_eq!(
            (of("state>=v").from, of("state>=v").options),
            (7, vec!["violated".to_owned()])
        );
        assert_eq!(of("job=").options, ["\"a b\""]);
        assert!(of("/st").options.is_empty() && of("last>").options.is_empty());
    }

    #[test]
    fn the_common_beginning() {
        let of = |words: &[&str]| common(&words.iter().map(|&w| w.to_owned()).collect::<Vec<_>>()).to_owned();
        assert_eq!(of(&["node_load1", "node_load5"]), "node_load");
        assert_eq!(of(&["a", "b"]), "");
        assert_eq!(of(&["äb", "äc"]), "ä");
        assert_eq!(of(&[]), "");
    }

    proptest! {
        #[test]
        fn no_text_breaks_it(text in "\\PC{0,40}") {
            let offer = selector(&text, &Estate);
            prop_assert!(text.is_char_boundary(offer.from));
            let offer = filter(&text, &["state".to_owned()], |_| vec!["ok".to_owned()]);
            prop_assert!(text.is_char_boundary(offer.from));
            let _ = metric_before(&text);
        }
    }
}
