//! The server's own graph of what is on screen.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::Context;
use super::shown::Shown;
use crate::format::iso;

/// What stays as it is in a query (RFC 3986, unreserved).
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// What ends less than this before the present follows it, milliseconds.
const PRESENT_MS: i64 = 60_000;

impl Context {
    /// Where the server draws what is shown; nothing when the terminal takes no links, or the server has no such address.
    pub(crate) fn graph(&self, shown: &Shown) -> Option<String> {
        if !self.links {
            return None;
        }
        let source = self.source_named(&shown.source)?;
        address(&source.address, &source.version, shown, self.data_now_ms())
    }
}

/// Prometheus 3 draws on `/query`, servers before it and those that are like it on `/graph`.
fn address(base: &str, version: &str, shown: &Shown, now_ms: i64) -> Option<String> {
    // A name and password in the address are nobody's business.
    let host = base.strip_prefix("http://").or_else(|| base.strip_prefix("https://"))?;
    if host.split('/').next()?.contains('@') {
        return None;
    }
    let third = version.strip_prefix("Prometheus ").and_then(|v| v.split('.').next());
    let new = third.and_then(|major| major.trim_start_matches('v').parse::<u32>().ok()) >= Some(3);
    let (path, tab) = if new { ("query", "graph") } else { ("graph", "0") };
    let expression = utf8_percent_encode(&shown.promql, ENCODED);
    let span_s = ((shown.until_ms - shown.after_ms) / 1_000).max(1);
    let end = if now_ms - shown.until_ms < PRESENT_MS {
        String::new()
    } else {
        // As its own page writes it: UTC, a blank between day and time.
        let moment = iso(shown.until_ms).replace('T', " ");
        let moment = moment.trim_end_matches('Z');
        format!("&g0.end_input={}", utf8_percent_encode(moment, ENCODED))
    };
    let base = base.trim_end_matches('/');
    Some(format!(
        "{base}/{path}?g0.expr={expression}&g0.tab={tab}&g0.range_input={span_s}s{end}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::wire;

    const NOW_MS: i64 = 1_700_003_600_000;

    fn shown(promql: &str, until_ms: i64) -> Shown {
        Shown::new(&wire::query_from_text(promql), until_ms - 3_600_000, until_ms)
    }

    #[test]
    fn the_page_is_that_of_the_server_at_hand() {
        let follows = shown("up{job=\"a b\"}", NOW_MS);
        assert_eq!(
            address("http://prom:9090/prefix/", "Prometheus 2.42.0", &follows, NOW_MS).unwrap(),
            "http://prom:9090/prefix/graph?g0.expr=up%7Bjob%3D%22a%20b%22%7D&g0.tab=0&g0.range_input=3600s"
        );
        let past = shown("up", NOW_MS - 7_200_000);
        assert_eq!(
            address("https://prom", "Prometheus 3.5.0", &past, NOW_MS).unwrap(),
            "https://prom/query?g0.expr=up&g0.tab=graph&g0.range_input=3600s&g0.end_input=2023-11-14%2021%3A13%3A20"
        );
        let other = address("http://vm", "VictoriaMetrics 1.9", &follows, NOW_MS).unwrap();
        assert!(other.starts_with("http://vm/graph?"), "{other}");
    }

    #[test]
    fn secrets_and_what_is_no_web_address_are_no_links() {
        let up = shown("up", NOW_MS);
        for base in ["http://me:secret@prom/", "replay", "unix:/run/prom", "ftp://prom", ""] {
            assert_eq!(address(base, "", &up, NOW_MS), None, "{base}");
        }
    }
}
