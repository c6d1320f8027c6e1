//! How the sources do, as far as reads have told.

use std::collections::BTreeMap;

use sla_proto::convert::timestamp;
use sla_proto::series::v1::SourceStatus;

/// By the name that queries give a source: the default one, whose name is empty, comes first.
#[derive(Debug, Default)]
pub(crate) struct Sources(BTreeMap<String, SourceStatus>);

impl Sources {
    /// A read has told how a source does.
    pub(crate) fn told(&mut self, source: &str, status: SourceStatus) {
        self.0.insert(source.to_owned(), status);
    }

    /// A read failed: what is known of the source stays; what is wrong with it is new.
    pub(crate) fn failed(&mut self, source: &str, at_ms: i64, words: String) {
        let status = self.0.entry(source.to_owned()).or_insert_with(|| SourceStatus {
            // It never told its own.
            source: source.to_owned(),
            ..SourceStatus::default()
        });
        status.failing_since.get_or_insert_with(|| timestamp(at_ms));
        status.problem = words;
    }

    /// Whether something is wrong with a source, as far as is known.
    pub(crate) fn is_troubled(&self, source: &str) -> bool {
        self.0.get(source).is_some_and(|status| !status.problem.is_empty())
    }

    /// Forgets those of which nothing is wanted any more.
    pub(crate) fn retain(&mut self, is_wanted: impl Fn(&str) -> bool) {
        self.0.retain(|source, _| is_wanted(source));
    }

    /// The one that is shown where there is room for one: the first with a problem, else the default one.
    pub(crate) fn face(&self) -> SourceStatus {
        let troubled = self.0.values().find(|status| !status.problem.is_empty());
        troubled.or_else(|| self.0.values().next()).cloned().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> SourceStatus {
        SourceStatus {
            source: name.to_owned(),
            ..SourceStatus::default()
        }
    }

    #[test]
    fn a_source_that_is_well_does_not_hide_one_that_is_away() {
        let mut sources = Sources::default();
        sources.told("weather", named("weather"));
        sources.told("", named("prometheus"));
        assert_eq!(sources.face().source, "prometheus", "the default one is the face");
        sources.failed("", 5_000, "no route to host".to_owned());
        sources.told("weather", named("weather"));
        let face = sources.face();
        assert_eq!(
            (face.source.as_str(), face.problem.as_str()),
            ("prometheus", "no route to host")
        );
        sources.failed("", 9_000, "no route to host".to_owned());
        assert_eq!(sources.face().failing_since, Some(timestamp(5_000)), "since it began");
        sources.told("", named("prometheus"));
        sources.failed("weather", 7_000, "the key is refused".to_owned());
        assert_eq!(sources.face().source, "weather");
        sources.failed("eu", 8_000, "no worker answers".to_owned());
        sources.retain(|source| source != "weather");
        assert_eq!(
            sources.face().source,
            "eu",
            "one that never told its name has the one it is asked by"
        );
        sources.retain(str::is_empty);
        assert_eq!(sources.face(), named("prometheus"));
    }
}
