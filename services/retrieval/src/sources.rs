//! Which of the metric sources an answer is about, and how they do.

use sla_proto::etl::v1::GetSourceResponse;
use sla_proto::series::v1::{Query, SourceStatus};

/// Of all sources those of these names, in their order.
pub(crate) fn named(told: GetSourceResponse, names: &[&str]) -> Vec<SourceStatus> {
    // The default one, which has no name here, stands first.
    let of = |name: &&str| told.sources.iter().find(|one| name.is_empty() || one.source == **name);
    let found: Vec<SourceStatus> = match names {
        [] => told.sources.clone(),
        names => names.iter().filter_map(of).cloned().collect(),
    };
    // What is not configured is told where it is read.
    if found.is_empty() {
        vec![told.status.unwrap_or_default()]
    } else {
        found
    }
}

/// The names of the sources that queries ask, each once.
pub(crate) fn sources_of(queries: &[Query]) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for query in queries {
        if !names.contains(&query.source.as_str()) {
            names.push(&query.source);
        }
    }
    names
}

/// The one that is shown where there is room for one: the first with a problem, else the first.
pub(crate) fn face(sources: &[SourceStatus]) -> SourceStatus {
    let troubled = sources.iter().find(|source| !source.problem.is_empty());
    troubled.or_else(|| sources.first()).cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, problem: &str) -> SourceStatus {
        SourceStatus {
            source: name.to_owned(),
            problem: problem.to_owned(),
            ..SourceStatus::default()
        }
    }

    #[test]
    fn of_several_sources_those_tell_that_are_asked() {
        let told = GetSourceResponse {
            status: Some(of("prom", "")),
            sources: vec![of("prom", ""), of("eu", "no route"), of("us", "")],
            ..GetSourceResponse::default()
        };
        let query = |source: &str| Query {
            source: source.to_owned(),
            ..Query::default()
        };
        let face_of = |sources: &[&str]| {
            let queries: Vec<Query> = sources.iter().map(|source| query(source)).collect();
            face(&named(told.clone(), &sources_of(&queries))).source
        };
        assert_eq!(face_of(&[""]), "prom");
        assert_eq!(face_of(&["us", "us"]), "us");
        assert_eq!(face_of(&["us", "eu"]), "eu", "what is away is told first");
        assert_eq!(face_of(&["nobody"]), "prom");
        assert_eq!(face_of(&[]), "eu", "all are meant");
    }
}
