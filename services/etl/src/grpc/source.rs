//! `SourceService`.

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
use crate::query::ReadQuery;
use crate::service::Core;

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
        r#type: text(&family.kind).replace("unknown", ""),
        help: text(&family.help),
        unit: text(&family.unit),
    }
}

impl Core {
    fn cache(&self) -> SampleCache {
        let fill = self.reader.fill();
        SampleCache {
            series: fill.series as u64,
            samples: fill.samples,
            bytes: fill.bytes,
            cap_bytes: fill.cap_bytes,
            shed_series: fill.shed_series,
        }
    }
}

#[tonic::async_trait]
impl SourceService for Core {
    async fn get_source(&self, _: Request<GetSourceRequest>) -> Result<Response<GetSourceResponse>, Status> {
        Ok(Response::new(GetSourceResponse {
            status: Some(self.reader.status()),
            cache: Some(self.cache()),
        }))
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
        let filter = format!("names {}", request.contains);
        let after = Token::decode(&request.page_token, &filter)?;
        let names = self
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
        let query = ReadQuery::parse("query", &request.query.unwrap_or_default())
            .map_err(|error| refused("ListSeries", &error))?;
        let filter = format!("series {}", query.text());
        // The listing stays the same while it is paged, so a position in it is a good key.
        let from: usize = match Token::decode(&request.page_token, &filter)? {
            Some(key) => key.parse().map_err(|_| Token::refused())?,
            None => 0,
        };
        let all = self
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
        let answer = self
            .catalogue
            .check(&query, &self.call())
            .await
            .map_err(|error| refused("CheckQuery", &error))?;
        Ok(Response::new(answer))
    }

    async fn retry_source(&self, _: Request<RetrySourceRequest>) -> Result<Response<RetrySourceResponse>, Status> {
        self.health.forgive();
        // Whether it helped stands in the status: that is the answer.
        if let Err(error) = self.identify().await {
            tracing::debug!(%error, "the source is still away");
        }
        Ok(Response::new(RetrySourceResponse {
            status: Some(self.reader.status()),
        }))
    }
}
