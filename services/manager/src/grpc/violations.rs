//! `sla.violation.v1.ViolationService`.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::BoxStream;
use sla_domain::invalid::Invalid;
use sla_proto::convert::{self, timestamp};
use sla_proto::storage::v1::ListStoredViolationsRequest;
use sla_proto::violation::v1 as pb;
use sla_proto::violation::v1::violation_service_server::ViolationService;
use sla_runtime::status::{Problem, ToStatus as _, reason};
use tokio::sync::oneshot;
use tonic::{Code, Request, Response, Status};

use crate::core::ManagerCore;
use crate::error::SlaError;
use crate::evaluation::cadence::NOW_TIMEOUT;
use crate::evaluation::snapshot::{Snapshot, counts};
use crate::evaluation::what_if;
use crate::ledger;
use crate::options::{MAX_FUTURE_ROWS, MAX_OVERVIEW_WAIT};
use crate::outlook::board::{OutlookKey, breaks_first, brief};
use crate::sets::sight::{Asker, Shown};
use crate::watch;

/// Refuses a horizon that no agreement is forecast over.
fn another_horizon(asked_ms: i64, have_ms: &BTreeSet<i64>) -> SlaError {
    let have: Vec<String> = have_ms
        .iter()
        .map(|ms| sla_domain::duration::format_short_ms(*ms))
        .collect();
    let invalid = Invalid::new(
        "horizon",
        &sla_domain::duration::format_ms(asked_ms),
        format!("forecasts are kept for a horizon of {}", have.join(" or ")),
        "leave it out, give an objective a horizon of its own, or configure evaluation.horizon",
    );
    SlaError::invalid("no forecasts of that horizon", invalid)
}

/// The edge: messages in, messages out.
#[derive(Debug, Clone)]
pub(crate) struct ViolationsApi(pub(crate) Arc<ManagerCore>);

impl ViolationsApi {
    /// The sets that may be told of: the one named by id or name, or all.
    async fn shown(&self, set: &str, asker: &Asker) -> Result<Shown, SlaError> {
        if set.is_empty() {
            // An instance that knows no sets yet has none to hide.
            let sets = self.0.catalog.sets().unwrap_or_default();
            return Ok(asker.shown(&sets, None));
        }
        let sets = self.0.sets().await?;
        let found = asker.find(&sets, set)?.message.id.clone();
        Ok(asker.shown(&sets, Some(found)))
    }

    async fn overview(&self, request: pb::GetOverviewRequest, asker: &Asker) -> Result<pb::Overview, SlaError> {
        let wait = request
            .wait
            .as_ref()
            .map_or(Duration::ZERO, |wait| {
                Duration::from_millis(convert::duration_ms(wait).max(0).unsigned_abs())
            })
            .min(MAX_OVERVIEW_WAIT);
        let deadline = tokio::time::Instant::now() + wait;
        // On the first start even the set may still be in the making.
        let shown = loop {
            match self.shown(&request.set, asker).await {
                Ok(found) => break found,
                // Where there are sets, a name that none has is a mistake and not news to come.
                Err(error) if self.0.catalog.sets().is_ok_and(|sets| !sets.all.is_empty()) => return Err(error),
                Err(error) if tokio::time::Instant::now() >= deadline => return Err(error),
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        };
        let mut snapshots = self.0.board.snapshots();
        let ready = |snapshot: &Arc<Snapshot>| snapshot.at_ms.is_some() && snapshot.of_set(&shown).next().is_some();
        // What is known when the time is over is the answer, whatever it is.
        let _ = tokio::time::timeout_at(deadline, snapshots.wait_for(ready)).await;
        let mut overview = self.0.board.snapshot().overview(&shown, request.skip as usize);
        if let Some(name) = self.inactive(shown.only()) {
            let told = pb::Headline {
                kind: pb::HeadlineKind::NotWatched.into(),
                name,
                ..pb::Headline::default()
            };
            overview.headlines.insert(0, crate::wording::headline(&told, 0));
            overview.told.insert(0, told);
        }
        Ok(overview)
    }

    fn inactive(&self, set_id: Option<&str>) -> Option<String> {
        let sets = self.0.catalog.sets().ok()?;
        let set = sets.by_id(set_id?)?;
        let name = sla_domain::SafeText::new(&set.message.name).to_string();
        (!set.message.active).then_some(name)
    }

    async fn stored(
        &self,
        request: pb::ListViolationsRequest,
        asker: &Asker,
    ) -> Result<pb::ListViolationsResponse, SlaError> {
        let shown = match self.shown(&request.set, asker).await {
            Ok(shown) => shown,
            // A deleted set is still in the ledger, by its id.
            Err(SlaError::NotFound { .. }) if request.with_retired => {
                let sets = self.0.sets().await?;
                asker.shown(&sets, Some(request.set.clone()))
            }
            Err(error) => return Err(error),
        };
        let (after, until) = (
            request.after.as_ref().map(convert::millis),
            request.until.as_ref().map(convert::millis),
        );
        if let (Some(after), Some(until)) = (after, until)
            && after > until
        {
            let given = sla_domain::instant::format_ms(after);
            return Err(SlaError::Invalid {
                what: "the ledger cannot be read",
                problems: vec![Invalid::new("after", &given, "lies after `until`", "swap the two")],
            });
        }
        let page_size = sla_runtime::page::size(request.page_size) as u32;
        let answer = self
            .0
            .peer
            .ledger()
            .list_stored_violations(ListStoredViolationsRequest {
                set_id: shown.only().unwrap_or_default().to_owned(),
                objective_id: request.objective_id,
                series_id: request.series_id,
                after: request.after,
                until: request.until,
                open_only: request.open_only,
                with_retired: request.with_retired,
                page_size,
                page_token: request.page_token,
            })
            .await
            .map_err(|status| SlaError::upstream("read the ledger", status))?
            .into_inner();
        // One stretch of time is told once: by the bounds of today, unless those of before are asked for.
        let sets = self.0.sets().await?;
        let today = |row: &pb::Violation| {
            let mut objectives = sets.by_id(&row.set_id)?.objectives.iter().map(|known| &known.objective);
            objectives.find(|objective| objective.id.as_str() == row.objective_id)
        };
        let violations = answer.violations.into_iter().filter_map(|row| {
            let superseded = today(&row).is_some_and(|objective| row.generation < objective.generation);
            let seen = shown.has(&row.set_id) && asker.sees_past_of(&sets, &row.set_id);
            let told = seen && !ledger::is_withdrawn(&row) && (request.with_retired || !superseded);
            told.then_some(pb::Violation {
                retired: row.retired || superseded,
                ..row
            })
        });
        Ok(pb::ListViolationsResponse {
            violations: violations.collect(),
            next_page_token: answer.next_page_token,
        })
    }

    async fn future(
        &self,
        request: pb::ListFutureViolationsRequest,
        asker: &Asker,
    ) -> Result<Vec<pb::FutureRow>, SlaError> {
        let shown = self.shown(&request.set, asker).await?;
        let asked_ms = request.horizon.as_ref().map(convert::duration_ms);
        let mut horizons_ms = BTreeSet::from([self.0.options.horizon_ms]);
        let snapshot = self.0.board.snapshot();
        let mut found: Vec<(&pb::ObjectiveStatus, &pb::SeriesStatus)> = Vec::new();
        let sets = self.0.sets().await?;
        for status in snapshot.of_set(&shown) {
            if let Some(known) = sets.known(status) {
                let horizon_ms = self.0.horizon_ms(&known.objective);
                horizons_ms.insert(horizon_ms);
                let other_source = !request.source.is_empty() && request.source != known.objective.source;
                if other_source || asked_ms.is_some_and(|asked_ms| asked_ms != horizon_ms) {
                    continue;
                }
            }
            found.extend(status.series.iter().map(|series| (&**status, series)));
        }
        if let Some(asked_ms) = asked_ms.filter(|asked_ms| !horizons_ms.contains(asked_ms)) {
            return Err(another_horizon(asked_ms, &horizons_ms));
        }
        let none = pb::Outlook::default();
        // Chosen by what the last evaluation knew, told as it is known now.
        found.sort_by(|(_, a), (_, b)| {
            breaks_first(a.outlook.as_ref().unwrap_or(&none), b.outlook.as_ref().unwrap_or(&none))
        });
        let most = match request.max_rows as usize {
            0 => MAX_FUTURE_ROWS,
            rows => rows.min(MAX_FUTURE_ROWS),
        };
        found.truncate(most);
        let row = |(status, series): (&pb::ObjectiveStatus, &pb::SeriesStatus)| {
            let mut series = series.clone();
            let id = series.series.as_ref().and_then(convert::series_id);
            if let (Some(known), Some(id)) = (sets.known(status), id)
                && let Some(newest) = self.0.outlooks.get(&OutlookKey::new(&known.objective, id))
            {
                let told = if request.brief {
                    brief(&newest.message)
                } else {
                    newest.message.clone()
                };
                series.outlook = Some(told);
            }
            pb::FutureRow {
                set_id: status.set_id.clone(),
                objective: status.objective.clone(),
                series: Some(series),
            }
        };
        let mut rows: Vec<pb::FutureRow> = found.into_iter().map(row).collect();
        let outlook = |row: &pb::FutureRow| row.series.as_ref().and_then(|series| series.outlook.clone());
        rows.sort_by_cached_key(|row| FirstBroken(outlook(row).unwrap_or_default()));
        Ok(rows)
    }

    async fn now(&self, asker: &Asker) -> Result<pb::EvaluateNowResponse, Status> {
        let (tell, told) = oneshot::channel();
        let closing = || SlaError::Closing.to_status();
        self.0
            .now_requests
            .send_timeout(tell, NOW_TIMEOUT)
            .await
            .map_err(|_| closing())?;
        let outcome = tokio::time::timeout(NOW_TIMEOUT, told)
            .await
            .map_err(|_| SlaError::SourceSlow { after: NOW_TIMEOUT }.to_status())?
            .map_err(|_| closing())?;
        outcome.map_err(|words| Problem::new(Code::Unavailable, reason::UNAVAILABLE, words).status())?;
        let snapshot = self.0.board.snapshot();
        let shown = asker.shown(&self.0.catalog.sets().unwrap_or_default(), None);
        Ok(pb::EvaluateNowResponse {
            evaluated: snapshot.at_ms.map(timestamp),
            counts: Some(counts(snapshot.of_set(&shown).map(Arc::as_ref))),
        })
    }
}

/// Orders outlooks by what breaks first.
struct FirstBroken(pb::Outlook);

impl PartialEq for FirstBroken {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}
impl Eq for FirstBroken {}
impl PartialOrd for FirstBroken {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for FirstBroken {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        breaks_first(&self.0, &other.0)
    }
}

#[tonic::async_trait]
impl ViolationService for ViolationsApi {
    type WatchViolationsStream = BoxStream<'static, Result<pb::WatchViolationsResponse, Status>>;

    async fn get_overview(
        &self,
        request: Request<pb::GetOverviewRequest>,
    ) -> Result<Response<pb::GetOverviewResponse>, Status> {
        let _asking = self.0.asks.begin();
        let asker = Asker::of(request.extensions());
        let overview = self.overview(request.into_inner(), &asker).await?;
        Ok(Response::new(pb::GetOverviewResponse {
            overview: Some(overview),
        }))
    }

    async fn watch_violations(
        &self,
        request: Request<pb::WatchViolationsRequest>,
    ) -> Result<Response<Self::WatchViolationsStream>, Status> {
        let asker = Asker::of(request.extensions());
        let shown = self.shown(&request.into_inner().set, &asker).await?;
        Ok(Response::new(watch::stream(
            &self.0,
            asker,
            shown.only().map(str::to_owned),
        )))
    }

    async fn list_violations(
        &self,
        request: Request<pb::ListViolationsRequest>,
    ) -> Result<Response<pb::ListViolationsResponse>, Status> {
        let _asking = self.0.asks.begin();
        let asker = Asker::of(request.extensions());
        let answer = self.stored(request.into_inner(), &asker).await?;
        Ok(Response::new(answer))
    }

    async fn evaluate(&self, request: Request<pb::EvaluateRequest>) -> Result<Response<pb::EvaluateResponse>, Status> {
        let _asking = self.0.asks.begin();
        let asker = Asker::of(request.extensions());
        let answer = what_if::evaluate(&self.0, request.into_inner(), &asker).await?;
        Ok(Response::new(answer))
    }

    async fn list_future_violations(
        &self,
        request: Request<pb::ListFutureViolationsRequest>,
    ) -> Result<Response<pb::ListFutureViolationsResponse>, Status> {
        let _asking = self.0.asks.begin();
        let asker = Asker::of(request.extensions());
        let rows = self.future(request.into_inner(), &asker).await?;
        Ok(Response::new(pb::ListFutureViolationsResponse { rows }))
    }

    async fn evaluate_now(
        &self,
        request: Request<pb::EvaluateNowRequest>,
    ) -> Result<Response<pb::EvaluateNowResponse>, Status> {
        let _asking = self.0.asks.begin();
        let asker = Asker::of(request.extensions());
        Ok(Response::new(self.now(&asker).await?))
    }
}
