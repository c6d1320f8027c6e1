//! Stretches of time, half open, and their unions.

/// The time [start, end), in Unix milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// Included.
    pub start_ms: i64,
    /// Excluded; not before the start.
    pub end_ms: i64,
}

impl Span {
    /// Its length in milliseconds.
    pub fn length_ms(self) -> i64 {
        self.end_ms.saturating_sub(self.start_ms).max(0)
    }
}

/// The union of spans in any order: sorted, apart from each other, none empty.
pub fn union(spans: impl IntoIterator<Item = Span>) -> Vec<Span> {
    let mut all: Vec<Span> = spans.into_iter().filter(|span| span.length_ms() > 0).collect();
    all.sort_unstable();
    let mut out: Vec<Span> = Vec::with_capacity(all.len());
    for span in all {
        match out.last_mut() {
            Some(last) if span.start_ms <= last.end_ms => last.end_ms = last.end_ms.max(span.end_ms),
            _ => out.push(span),
        }
    }
    out
}

/// The length of sorted spans that do not overlap, in milliseconds.
pub fn length_ms(spans: &[Span]) -> i64 {
    spans.iter().map(|span| span.length_ms()).sum()
}

/// What of `whole` lies outside `spans` (sorted, apart from each other).
pub fn complement(whole: Span, spans: &[Span]) -> Vec<Span> {
    let mut out = Vec::new();
    let mut at = whole.start_ms;
    for span in spans {
        if span.start_ms > at {
            out.push(Span {
                start_ms: at,
                end_ms: span.start_ms.min(whole.end_ms),
            });
        }
        at = at.max(span.end_ms);
    }
    if at < whole.end_ms {
        out.push(Span {
            start_ms: at,
            end_ms: whole.end_ms,
        });
    }
    out.retain(|span| span.length_ms() > 0);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(start_ms: i64, end_ms: i64) -> Span {
        Span { start_ms, end_ms }
    }

    #[test]
    fn unions_merge_what_touches() {
        let merged = union([span(5, 7), span(0, 2), span(2, 3), span(6, 9), span(4, 4)]);
        assert_eq!(merged, [span(0, 3), span(5, 9)]);
        assert_eq!(length_ms(&merged), 7);
        assert_eq!(complement(span(1, 12), &merged), [span(3, 5), span(9, 12)]);
        assert_eq!(complement(span(0, 3), &merged), []);
        assert_eq!(complement(span(-5, 1), &merged), [span(-5, 0)]);
        assert_eq!(complement(span(0, 2), &[]), [span(0, 2)]);
    }
}
