//! `SourceService`.

use std::collections::BTreeSet;

use sla_domain::SafeText;
use sla_proto::etl::v1::source_service_server::SourceService;
use sla_proto::etl::v1::{
    CheckQueryRequest, CheckQueryResponse, GetSourceRequest, GetSourceResponse, ListMetricNamesRequest,
    ListMetricNamesResponse, ListSeriesRequest, ListSeriesResponse, MetricName, RetrySourceRequest,
    RetrySourceResponse, SampleCache,
};
use sla_runtime::page::{self, Token};
use sla_source::MetricFamily;
use tonic::{Request, Response, Status};

use super::refused;
use crate::error::EtlError;
use crate::query::SourcedQuery;
use crate::samples::SampleReader;
use crate::service::Core;
use crate::sources::SourceUnit;

/// Longest filter text, characters.
const MAX_FILTER_CHARS: usize = 200;

fn metric_name(family: &MetricFamily) -> MetricName {
    let text = |text: &Option<String>| {
        text.as_deref()
            .map(|text| SafeText::new(text).into_string())
            .unwrap_or_default()
    };
    MetricName {
        name: family.name.clone(),
        series: u32::try_from(family.series).unwrap_or(u32::MAX),
        r#type: if family.is_disputed {
            disputed(family)
        } else {
            text(&family.kind).replace("unknown", "")
        },
        help: text(&family.help),
        unit: text(&family.unit),
    }
}

impl Core {
    fn source_answer(&self, name: &str) -> Result<GetSourceResponse, EtlError> {
        let unit = self.sources.named(name)?;
        Ok(GetSourceResponse {
            status: Some(unit.reader.status()),
            cache: Some(cache(&unit.reader)),
            sources: self.sources.statuses(),
        })
    }

    /// Tries sources again at once; whether it helped stands in their status.
    async fn retry(&self, name: &str) -> Result<(), EtlError> {
        let named = self.sources.named(name)?;
        let away = |unit: &&SourceUnit| unit.health.next_attempt().is_some();
        let mut units: Vec<&SourceUnit> = self.sources.all().iter().filter(away).collect();
        if units.is_empty() || !name.is_empty() {
            units = vec![named];
        }
        for unit in units {
            unit.health.forgive();
            if let Err(error) = unit.identify(&self.call()).await {
                tracing::debug!(source = unit.name(), %error, "the source is still away");
            }
        }
        Ok(())
    }
}

/// How full the memory of a source's samples is.
fn cache(reader: &SampleReader) -> SampleCache {
    let fill = reader.fill();
    SampleCache {
        series: fill.series as u64,
        samples: fill.samples,
        bytes: fill.bytes,
        cap_bytes: fill.cap_bytes,
        shed_series: fill.shed_series,
    }
}

/// The kinds that jobs declare for one name: `counter or gauge`.
fn disputed(family: &MetricFamily) -> String {
    let kinds: BTreeSet<&str> = family.kinds_by_job.values().map(String::as_str).collect();
    let kinds: Vec<&str> = kinds.into_iter().collect();
    SafeText::new(&kinds.join(" or ")).into_string()
}

#[tonic::async_trait]
impl SourceService for Core {
    async fn get_source(&self, request: Request<GetSourceRequest>) -> Result<Response<GetSourceResponse>, Status> {
        let answer = self.source_answer(&request.get_ref().source);
        Ok(Response::new(answer.map_err(|error| refused("GetSource", &error))?))
    }

    async fn list_metric_names(
        &self,
        request: Request<ListMetricNamesRequest>,
    ) -> Result<Response<ListMetricNamesResponse>, Status> {
        let request = request.into_inner();
        if request.contains.chars().count() > MAX_FILTER_CHARS {
            let rule = format!("has more than {MAX_FILTER_CHARS} characters");
            return Err(refused(
                "ListMetricNames",
                &EtlError::invalid("contains", &request.contains, rule, "shorten it"),
            ));
        }
        let unit = self.sources.named(&request.source);
        let unit = unit.map_err(|error| refused("ListMetricNames", &error))?;
        let filter = format!("names {} {}", unit.name(), request.contains);
        let after = Token::decode(&request.page_token, &filter)?;
        let names = unit
            .catalogue
            .names(&self.call())
            .await
            .map_err(|error| refused("ListMetricNames", &error))?;
        let size = page::size(request.page_size);
        // Sorted by name: the page goes on behind the last name, whatever came or went meanwhile.
        let mut page: Vec<&MetricFamily> = names
            .families
            .iter()
            .filter(|family| after.as_ref().is_none_or(|after| family.name > *after))
            .filter(|family| family.name.contains(&request.contains))
            .take(size + 1)
            .collect();
        let more = page.len() > size;
        page.truncate(size);
        let next_page_token = match page.last() {
            Some(last) if more => Token::encode(&filter, &last.name),
            _ => String::new(),
        };
        Ok(Response::new(ListMetricNamesResponse {
            names: page.into_iter().map(metric_name).collect(),
            next_page_token,
            total_names: names.families.len() as u32,
            total_series: u32::try_from(names.total_series).unwrap_or(u32::MAX),
        }))
    }

    async fn list_series(&self, request: Request<ListSeriesRequest>) -> Result<Response<ListSeriesResponse>, Status> {
        let request = request.into_inner();
        let parsed = SourcedQuery::parse("query", &request.query.unwrap_or_default());
        let SourcedQuery { source, query } = parsed.map_err(|error| refused("ListSeries", &error))?;
        let unit = self
            .sources
            .named(&source)
            .map_err(|error| refused("ListSeries", &error))?;
        let filter = format!("series {} {}", unit.name(), query.text());
        // The listing stays the same while it is paged, so a position in it is a good key.
        let from: usize = match Token::decode(&request.page_token, &filter)? {
            Some(key) => key.parse().map_err(|_| Token::refused())?,
            None => 0,
        };
        let all = unit
            .catalogue
            .series(&query, &self.call())
            .await
            .map_err(|error| refused("ListSeries", &error))?;
        let to = from.saturating_add(page::size(request.page_size)).min(all.len());
        let series = all.get(from..to).unwrap_or_default().to_vec();
        let next_page_token = if to < all.len() && from < to {
            Token::encode(&filter, &to.to_string())
        } else {
            String::new()
        };
        Ok(Response::new(ListSeriesResponse {
            series,
            next_page_token,
            total: all.len() as u32,
        }))
    }

    async fn check_query(&self, request: Request<CheckQueryRequest>) -> Result<Response<CheckQueryResponse>, Status> {
        let query = request.into_inner().query.unwrap_or_default();
        let unit = self
            .sources
            .named(&query.source)
            .map_err(|error| refused("CheckQuery", &error))?;
        let answer = unit
            .catalogue
            .check(&query, &self.call())
            .await
            .map_err(|error| refused("CheckQuery", &error))?;
        Ok(Response::new(answer))
    }

    async fn retry_source(
        &self,
        request: Request<RetrySourceRequest>,
    ) -> Result<Response<RetrySourceResponse>, Status> {
        let name = &request.get_ref().source;
        self.retry(name).await.map_err(|error| refused("RetrySource", &error))?;
        let unit = self
            .sources
            .named(name)
            .map_err(|error| refused("RetrySource", &error))?;
        Ok(Response::new(RetrySourceResponse {
            status: Some(unit.reader.status()),
        }))
    }
}
