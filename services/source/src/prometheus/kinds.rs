//! What kind of metric each name is, as the scraped targets declare it. Two jobs may declare different kinds for one name:
//! then the kind is known by name and job only, and where one job contradicts itself it is not known at all.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::Prometheus;
use super::json::{self, QueryData};
use super::plan::{self, Matcher};
use super::question::Question;
use crate::error::{SourceError, excerpt};
use crate::port::Call;
use crate::reply::{MetricFamily, NATIVE_HISTOGRAM};

/// Most declarations looked at of one name.
const MAX_DECLARATIONS: usize = 100;
/// Most names whose kind is asked for by job.
const MAX_DISPUTED: usize = 50;
/// Most series looked at to find native histograms among names that nobody declares.
const MAX_UNDECLARED_SERIES: u64 = 2_000;
/// Endings of the series of a classic histogram, a summary and a counter, behind the name of their family.
const FAMILY_ENDINGS: [&str; 4] = ["_bucket", "_count", "_sum", "_total"];

/// What all targets together say of one name.
#[derive(Debug, Default)]
struct Declared {
    kinds: BTreeSet<String>,
    help: BTreeSet<String>,
    unit: BTreeSet<String>,
}

/// Declarations by the name of the family.
#[derive(Debug, Default)]
pub(super) struct Kinds {
    declared: BTreeMap<String, Declared>,
    /// Of names with more kinds than one: what each job says, all its kinds.
    by_job: BTreeMap<String, BTreeMap<String, BTreeSet<String>>>,
}

#[derive(Deserialize)]
struct Declaration {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    help: String,
    #[serde(default)]
    unit: String,
}

#[derive(Deserialize)]
struct TargetDeclaration {
    target: BTreeMap<String, String>,
    #[serde(rename = "type", default)]
    kind: String,
}

impl Prometheus {
    /// What the server tells about each name; empty where it does not tell.
    pub(super) async fn kinds(&self, call: &Call) -> Result<Kinds, SourceError> {
        let question = Question::Get {
            path: "api/v1/metadata",
            parameters: vec![("limit_per_metric", MAX_DECLARATIONS.to_string())],
        };
        let mut kinds = Kinds::default();
        let answer = match self.client.ask(&question, call).await {
            Ok(answer) => answer,
            Err(error @ (SourceError::Cancelled { .. } | SourceError::Unreachable { .. })) => return Err(error),
            Err(_) => return Ok(kinds),
        };
        let Ok(read) = json::success::<BTreeMap<String, Vec<Declaration>>>(&answer) else {
            return Ok(kinds);
        };
        for (name, list) in read.data {
            let declared = kinds.declared.entry(name).or_default();
            // The server gives them in any order: sets make every start see the same.
            for one in list.into_iter().take(MAX_DECLARATIONS) {
                declared.kinds.extend(known(&one.kind));
                declared.help.insert(excerpt(&one.help));
                declared.unit.insert(excerpt(&one.unit));
            }
        }
        Ok(kinds)
    }

    /// Asks the targets of the names in use that have more kinds than one, which job declares which.
    pub(super) async fn settle(
        &self,
        kinds: &mut Kinds,
        names: impl Iterator<Item = &str>,
        call: &Call,
    ) -> Result<(), SourceError> {
        let disputed: BTreeSet<String> = names
            .flat_map(|name| [name, family(name)])
            .filter(|name| {
                kinds
                    .declared
                    .get(*name)
                    .is_some_and(|declared| declared.kinds.len() > 1)
            })
            .map(str::to_owned)
            .collect();
        for name in disputed.into_iter().take(MAX_DISPUTED) {
            let question = Question::Get {
                path: "api/v1/targets/metadata",
                parameters: vec![("metric", name.clone())],
            };
            let answer = match self.client.ask(&question, call).await {
                Ok(answer) => answer,
                Err(error @ (SourceError::Cancelled { .. } | SourceError::Unreachable { .. })) => return Err(error),
                Err(_) => continue,
            };
            let Ok(read) = json::success::<Vec<TargetDeclaration>>(&answer) else {
                continue;
            };
            let jobs = kinds.by_job.entry(name).or_default();
            for one in read.data {
                let job = one.target.get("job").cloned().unwrap_or_default();
                jobs.entry(job).or_default().extend(known(&one.kind));
            }
        }
        Ok(())
    }

    /// Marks the names that nobody declares and whose series are native histograms.
    pub(super) async fn find_histograms(&self, families: &mut [MetricFamily], call: &Call) -> Result<(), SourceError> {
        let mut undeclared: Vec<(u64, &str)> = families
            .iter()
            .filter(|one| one.kind.is_none() && !one.is_disputed && !looks_plain(&one.name))
            .map(|one| (one.series, one.name.as_str()))
            .collect();
        undeclared.sort_unstable();
        let mut room = MAX_UNDECLARED_SERIES;
        let mut names: Vec<String> = undeclared
            .into_iter()
            .take_while(|(series, _)| {
                room = room.saturating_sub((*series).max(1));
                room > 0
            })
            .map(|(_, name)| name.to_owned())
            .collect();
        let matcher = match (names.len(), names.pop()) {
            (0, _) | (_, None) => return Ok(()),
            (1, Some(name)) => Matcher::Equal(sla_domain::METRIC_NAME.into(), name),
            (_, Some(last)) => {
                names.push(last);
                Matcher::OneOf(sla_domain::METRIC_NAME.into(), names)
            }
        };
        let question = Question::Form {
            path: "api/v1/query",
            parameters: vec![("query", plan::text(&vec![matcher]))],
        };
        let answer = match self.client.ask(&question, call).await {
            Ok(answer) => answer,
            Err(error @ (SourceError::Cancelled { .. } | SourceError::Unreachable { .. })) => return Err(error),
            // Their kind stays unknown.
            Err(_) => return Ok(()),
        };
        let Ok(read) = json::success::<QueryData>(&answer) else {
            return Ok(());
        };
        let native: BTreeSet<&str> = read
            .data
            .series
            .iter()
            .filter(|one| one.has_histograms)
            .map(|one| one.labels.metric_name())
            .collect();
        for one in families.iter_mut().filter(|one| native.contains(one.name.as_str())) {
            one.kind = Some(NATIVE_HISTOGRAM.to_owned());
        }
        Ok(())
    }
}

impl Kinds {
    /// The family `name`, with `series` series.
    pub(super) fn family(&self, name: String, series: u64) -> MetricFamily {
        let own = self.declared.get_key_value(&name);
        let of = own.or_else(|| self.declared.get_key_value(family(&name)));
        let mut out = MetricFamily {
            kind: None,
            kinds_by_job: BTreeMap::new(),
            is_disputed: false,
            help: None,
            unit: None,
            name,
            series,
        };
        let Some((key, declared)) = of else {
            return out;
        };
        let first = |set: &BTreeSet<String>| set.iter().find(|text| !text.is_empty()).cloned();
        (out.help, out.unit) = (first(&declared.help), first(&declared.unit));
        if declared.kinds.len() > 1 {
            out.is_disputed = true;
            out.kinds_by_job = self.by_job.get(key).map(one_kind_a_job).unwrap_or_default();
        } else {
            out.kind = declared.kinds.first().cloned();
        }
        // A classic histogram has no series of its bare name.
        if out.kind.as_deref() == Some("histogram") && *key == out.name {
            out.kind = Some(NATIVE_HISTOGRAM.to_owned());
        }
        out
    }

    /// One sentence for each name that is disputed.
    pub(super) fn conflicts(&self) -> Vec<String> {
        let sentence = |(name, jobs): (&String, &BTreeMap<String, BTreeSet<String>>)| {
            let said: Vec<String> = jobs
                .iter()
                .map(|(job, kinds)| {
                    let kinds: Vec<&str> = kinds.iter().map(String::as_str).collect();
                    format!("job {} says {}", excerpt(job), kinds.join(" and "))
                })
                .collect();
            format!(
                "{name} has more kinds than one: {}; each job is read as it says, and raw where it says two",
                said.join(", ")
            )
        };
        self.by_job.iter().map(sentence).collect()
    }
}

/// The jobs that contradict neither themselves nor are silent.
fn one_kind_a_job(jobs: &BTreeMap<String, BTreeSet<String>>) -> BTreeMap<String, String> {
    jobs.iter()
        .filter(|(_, kinds)| kinds.len() == 1)
        .filter_map(|(job, kinds)| Some((job.clone(), kinds.first()?.clone())))
        .collect()
}

/// A kind that says something, made harmless.
fn known(kind: &str) -> Option<String> {
    let kind = excerpt(kind);
    (!kind.is_empty() && kind != "unknown").then_some(kind)
}

/// The family a histogram's, summary's or counter's series belongs to.
fn family(name: &str) -> &str {
    FAMILY_ENDINGS
        .iter()
        .find_map(|ending| name.strip_suffix(ending))
        .unwrap_or(name)
}

/// Whether a name is never one of a native histogram: those of scrapes, of rules, and with the endings of plain series.
fn looks_plain(name: &str) -> bool {
    family(name) != name || name.contains(':') || name.starts_with("scrape_") || matches!(name, "up" | "ALERTS")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(declared: &[(&str, &[&str])], by_job: &[(&str, &str, &str)]) -> Kinds {
        let mut kinds = Kinds::default();
        for (name, list) in declared {
            let one = kinds.declared.entry((*name).to_owned()).or_default();
            one.kinds.extend(list.iter().map(|kind| (*kind).to_owned()));
        }
        for (name, job, kind) in by_job {
            let jobs = kinds.by_job.entry((*name).to_owned()).or_default();
            jobs.entry((*job).to_owned()).or_default().insert((*kind).to_owned());
        }
        kinds
    }

    #[test]
    fn kinds_that_jobs_dispute_are_known_by_job() {
        let kinds = kinds(
            &[
                ("x", &["counter", "gauge"]),
                ("y_seconds", &["histogram"]),
                ("z", &["gauge"]),
            ],
            &[
                ("x", "a", "counter"),
                ("x", "b", "gauge"),
                ("x", "c", "counter"),
                ("x", "c", "gauge"),
            ],
        );
        let x = kinds.family("x".into(), 3);
        assert_eq!((x.kind.as_deref(), x.is_disputed), (None, true));
        assert_eq!(x.kind_in("a"), Some("counter"));
        assert_eq!(x.kind_in("b"), Some("gauge"));
        assert_eq!((x.kind_in("c"), x.kind_in("d")), (None, None));
        assert!(
            kinds.conflicts()[0].contains("job c says counter and gauge"),
            "{:?}",
            kinds.conflicts()
        );
        assert_eq!(kinds.family("z".into(), 1).kind_in("any"), Some("gauge"));
        assert_eq!(
            kinds.family("y_seconds_bucket".into(), 1).kind.as_deref(),
            Some("histogram")
        );
        assert_eq!(
            kinds.family("y_seconds".into(), 1).kind.as_deref(),
            Some(NATIVE_HISTOGRAM)
        );
        assert_eq!(kinds.family("nobody".into(), 1).kind, None);
    }
}
