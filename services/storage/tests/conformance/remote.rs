//! The ports over gRPC: a store that is a [`Peer`] with the role `storage` behind it. Errors keep their status as their
//! cause.

use async_trait::async_trait;
use sla_domain::SeriesId;
use sla_proto::account::v1::AuditEntry;
use sla_proto::etl::v1::{Run, Schedule};
use sla_proto::result::v1::{ReadShare, SeriesResult};
use sla_proto::series::v1::Series;
use sla_proto::storage::v1::{
    AcquireLeaseRequest, ApplyBatchRequest, ChangeAccountsRequest, ClaimPartitionsRequest, CreateRunRequest,
    DeadLetter, GetLeaseRequest, GetPositionRequest, GetStateRequest, GetStoredRunRequest, GetStoredScheduleRequest,
    LatestResult, Lease, LedgerChange, ListDeadLettersRequest, ListForecastsRequest, ListPlacementsRequest,
    ListResultSeriesRequest, ListRunResultsRequest, ListSeriesHistoryRequest, ListStoredAccountsRequest,
    ListStoredAuditRequest, ListStoredRunsRequest, ListStoredTokensRequest, ListStoredViolationsRequest,
    MovePositionRequest, PartitionClaim, Placement, PutForecastsRequest, PutStateRequest, PutStoredScheduleRequest,
    PutViolationsRequest, ReadLatestResultsRequest, ReadLedgerChangesRequest, ReleaseLeaseRequest, RenewLeaseRequest,
    ReplayDeadLetterRequest, ScoreForecastsRequest, ScoredForecast, StateEntry, StoredAccount, StoredToken,
    StreamRecord, UpdateRunRequest,
};
use sla_proto::violation::v1::Violation;
use sla_proto::{Peer, convert};
use tonic::Status;

use sla_storage::StoreError;
use sla_storage::port::{
    AccountStore, Applied, Batch, ChangeLimits, Claim, Fence, ForecastFilter, LeaseStore, LedgerStore, Page, Paged,
    PlacementStore, Progress, Replayed, ResultStore, RunStore, StateStore, ViolationFilter, Written,
};

/// All stores behind a peer.
#[derive(Debug, Clone)]
pub(crate) struct RemoteStore(pub(crate) Peer);

pub(crate) fn remote(status: Status) -> StoreError {
    StoreError::Database(Box::new(status))
}

pub(crate) fn absent(field: &'static str) -> StoreError {
    remote(Status::internal(format!("the answer lacks {field}")))
}

pub(crate) fn paged<T>(rows: Vec<T>, next_page_token: String) -> Paged<T> {
    Paged {
        rows,
        next: (!next_page_token.is_empty()).then_some(next_page_token),
    }
}

fn bytes(series: &[SeriesId]) -> Vec<Vec<u8>> {
    series.iter().map(|id| id.0.to_vec()).collect()
}

#[async_trait]
impl ResultStore for RemoteStore {
    async fn apply(&self, batch: Batch) -> Result<Applied, StoreError> {
        let records = batch
            .records
            .into_iter()
            .map(|record| StreamRecord {
                offset: record.offset,
                body: record.body,
            })
            .collect();
        let request = ApplyBatchRequest {
            source: batch.source,
            partition: batch.partition,
            after: batch.after,
            records,
        };
        let answer = self
            .0
            .results()
            .apply_batch(request)
            .await
            .map_err(remote)?
            .into_inner();
        Ok(Applied {
            inserted: answer.inserted,
            duplicates: answer.duplicates,
            dead_letters: answer.dead_letters,
            next_offset: answer.next_offset,
        })
    }

    async fn position(&self, source: &str, partition: u32) -> Result<u64, StoreError> {
        let request = GetPositionRequest {
            source: source.to_owned(),
            partition,
        };
        Ok(self
            .0
            .results()
            .get_position(request)
            .await
            .map_err(remote)?
            .into_inner()
            .next_offset)
    }

    async fn move_position(&self, source: &str, partition: u32, to: u64, back: bool) -> Result<u64, StoreError> {
        let request = MovePositionRequest {
            source: source.to_owned(),
            partition,
            to,
            back,
        };
        let answer = self.0.results().move_position(request).await.map_err(remote)?;
        Ok(answer.into_inner().from)
    }

    async fn latest(&self, series: &[SeriesId]) -> Result<Vec<LatestResult>, StoreError> {
        let request = ReadLatestResultsRequest {
            series_ids: bytes(series),
        };
        Ok(self
            .0
            .results()
            .read_latest_results(request)
            .await
            .map_err(remote)?
            .into_inner()
            .results)
    }

    async fn result_series(&self, page: Page) -> Result<Paged<Series>, StoreError> {
        let request = ListResultSeriesRequest {
            page_size: page.size as u32,
            page_token: page.after.unwrap_or_default(),
        };
        let answer = self
            .0
            .results()
            .list_result_series(request)
            .await
            .map_err(remote)?
            .into_inner();
        Ok(paged(answer.series, answer.next_page_token))
    }

    async fn history(
        &self,
        series: SeriesId,
        after_ms: i64,
        until_ms: i64,
        page: Page,
    ) -> Result<Paged<SeriesResult>, StoreError> {
        let bound = |ms: i64| (ms != i64::MIN && ms != i64::MAX).then(|| convert::timestamp(ms));
        let request = ListSeriesHistoryRequest {
            series_id: series.0.to_vec(),
            after: bound(after_ms),
            until: bound(until_ms),
            page_size: page.size as u32,
            page_token: page.after.unwrap_or_default(),
        };
        let answer = self
            .0
            .results()
            .list_series_history(request)
            .await
            .map_err(remote)?
            .into_inner();
        Ok(paged(answer.results, answer.next_page_token))
    }

    async fn run_results(
        &self,
        run_id: &str,
        failures_only: bool,
        page: Page,
    ) -> Result<Paged<SeriesResult>, StoreError> {
        let request = ListRunResultsRequest {
            run_id: run_id.to_owned(),
            page_size: page.size as u32,
            page_token: page.after.unwrap_or_default(),
            failures_only,
        };
        let answer = self
            .0
            .results()
            .list_run_results(request)
            .await
            .map_err(remote)?
            .into_inner();
        Ok(paged(answer.results, answer.next_page_token))
    }

    async fn progress(&self, run_id: &str) -> Result<Option<Progress>, StoreError> {
        let request = GetStoredRunRequest { id: run_id.to_owned() };
        let answer = self.0.run_store().get_stored_run(request).await;
        let answer = answer.map_err(remote)?.into_inner();
        let share = |samples, bytes| ReadShare { samples, bytes };
        Ok(answer.progress.map(|progress| Progress {
            done: progress.done,
            failed: progress.failed,
            expected: progress.expected,
            read: progress
                .samples_read
                .map(|samples| share(samples, progress.bytes_read())),
        }))
    }

    async fn dead_letters(&self, page: Page) -> Result<(Paged<DeadLetter>, u32), StoreError> {
        let request = ListDeadLettersRequest {
            page_size: page.size as u32,
            page_token: page.after.unwrap_or_default(),
        };
        let answer = self
            .0
            .results()
            .list_dead_letters(request)
            .await
            .map_err(remote)?
            .into_inner();
        Ok((paged(answer.letters, answer.next_page_token), answer.total))
    }

    async fn replay(&self, body_hash: &[u8]) -> Result<Replayed, StoreError> {
        let request = ReplayDeadLetterRequest {
            body_hash: body_hash.to_vec(),
        };
        let answer = self
            .0
            .results()
            .replay_dead_letter(request)
            .await
            .map_err(remote)?
            .into_inner();
        Ok(Replayed {
            applied: answer.applied,
            reason: answer.reason,
        })
    }
}

#[async_trait]
impl RunStore for RemoteStore {
    async fn create_run(&self, request_id: &str, run: Run) -> Result<(Run, bool), StoreError> {
        let request = CreateRunRequest {
            request_id: request_id.to_owned(),
            run: Some(run),
        };
        let answer = self
            .0
            .run_store()
            .create_run(request)
            .await
            .map_err(remote)?
            .into_inner();
        Ok((answer.run.ok_or_else(|| absent("run"))?, answer.existed))
    }

    async fn update_run(&self, run: Run) -> Result<(), StoreError> {
        self.0
            .run_store()
            .update_run(UpdateRunRequest { run: Some(run) })
            .await
            .map_err(remote)?;
        Ok(())
    }

    async fn run(&self, id: &str) -> Result<Run, StoreError> {
        let request = GetStoredRunRequest { id: id.to_owned() };
        let answer = self.0.run_store().get_stored_run(request).await.map_err(remote)?;
        answer.into_inner().run.ok_or_else(|| absent("run"))
    }

    async fn list_runs(&self, unfinished_only: bool, page: Page) -> Result<Paged<Run>, StoreError> {
        let request = ListStoredRunsRequest {
            page_size: page.size as u32,
            page_token: page.after.unwrap_or_default(),
            unfinished_only,
        };
        let answer = self
            .0
            .run_store()
            .list_stored_runs(request)
            .await
            .map_err(remote)?
            .into_inner();
        Ok(paged(answer.runs, answer.next_page_token))
    }

    async fn schedule(&self) -> Result<Option<Schedule>, StoreError> {
        let answer = self
            .0
            .run_store()
            .get_stored_schedule(GetStoredScheduleRequest {})
            .await
            .map_err(remote)?;
        Ok(answer.into_inner().schedule)
    }

    async fn put_schedule(&self, schedule: Schedule, author: &str) -> Result<(), StoreError> {
        let request = PutStoredScheduleRequest {
            schedule: Some(schedule),
            author: author.to_owned(),
        };
        self.0.run_store().put_stored_schedule(request).await.map_err(remote)?;
        Ok(())
    }
}

#[async_trait]
impl LedgerStore for RemoteStore {
    async fn put_violations(&self, fence: Fence, violations: Vec<Violation>) -> Result<Written, StoreError> {
        let answer = self
            .0
            .ledger()
            .put_violations(PutViolationsRequest {
                violations,
                fence: fence.0,
            })
            .await
            .map_err(remote)?;
        let answer = answer.into_inner();
        Ok(Written {
            inserted: answer.inserted,
            updated: answer.updated,
        })
    }

    async fn list_violations(&self, filter: &ViolationFilter, page: Page) -> Result<Paged<Violation>, StoreError> {
        let request = ListStoredViolationsRequest {
            set_id: filter.set_id.clone(),
            objective_id: filter.objective_id.clone(),
            series_id: filter.series.clone(),
            after: filter.after_ms.map(convert::timestamp),
            until: filter.until_ms.map(convert::timestamp),
            open_only: filter.open_only,
            with_retired: filter.with_retired,
            page_size: page.size as u32,
            page_token: page.after.unwrap_or_default(),
        };
        let answer = self
            .0
            .ledger()
            .list_stored_violations(request)
            .await
            .map_err(remote)?
            .into_inner();
        Ok(paged(answer.violations, answer.next_page_token))
    }

    async fn changes(&self, after: u64, limits: ChangeLimits) -> Result<(Vec<LedgerChange>, u64), StoreError> {
        let request = ReadLedgerChangesRequest {
            after,
            max_changes: limits.count as u32,
            max_bytes: limits.bytes as u64,
        };
        let answer = self.0.ledger().read_ledger_changes(request).await.map_err(remote)?;
        let answer = answer.into_inner();
        Ok((answer.changes, answer.newest))
    }

    async fn put_forecasts(&self, fence: Fence, forecasts: Vec<ScoredForecast>) -> Result<u32, StoreError> {
        let answer = self
            .0
            .ledger()
            .put_forecasts(PutForecastsRequest {
                forecasts,
                fence: fence.0,
            })
            .await
            .map_err(remote)?;
        Ok(answer.into_inner().inserted)
    }

    async fn score_forecasts(&self, fence: Fence, forecasts: Vec<ScoredForecast>) -> Result<u32, StoreError> {
        let answer = self
            .0
            .ledger()
            .score_forecasts(ScoreForecastsRequest {
                forecasts,
                fence: fence.0,
            })
            .await
            .map_err(remote)?;
        Ok(answer.into_inner().updated)
    }

    async fn list_forecasts(&self, filter: &ForecastFilter, page: Page) -> Result<Paged<ScoredForecast>, StoreError> {
        let request = ListForecastsRequest {
            objective_id: filter.objective_id.clone(),
            series_id: filter.series.clone(),
            due_before: filter.due_before_ms.map(convert::timestamp),
            scored_only: filter.scored_only,
            page_size: page.size as u32,
            page_token: page.after.unwrap_or_default(),
        };
        let answer = self
            .0
            .ledger()
            .list_forecasts(request)
            .await
            .map_err(remote)?
            .into_inner();
        Ok(paged(answer.forecasts, answer.next_page_token))
    }
}

#[async_trait]
impl StateStore for RemoteStore {
    async fn put_state(&self, entries: Vec<StateEntry>) -> Result<(), StoreError> {
        self.0
            .state()
            .put_state(PutStateRequest { entries })
            .await
            .map_err(remote)?;
        Ok(())
    }

    async fn state(&self, objective_id: &str, keys: &[String]) -> Result<(Vec<StateEntry>, usize), StoreError> {
        let request = GetStateRequest {
            objective_id: objective_id.to_owned(),
            keys: keys.to_vec(),
        };
        let answer = self.0.state().get_state(request).await.map_err(remote)?.into_inner();
        Ok((answer.entries, answer.looked_up as usize))
    }
}

#[async_trait]
impl LeaseStore for RemoteStore {
    async fn acquire_lease(&self, name: &str, holder: &str, keep_ms: i64) -> Result<(Lease, bool), StoreError> {
        let request = AcquireLeaseRequest {
            name: name.to_owned(),
            holder: holder.to_owned(),
            keep: Some(convert::duration(keep_ms)),
        };
        let answer = self
            .0
            .leases()
            .acquire_lease(request)
            .await
            .map_err(remote)?
            .into_inner();
        Ok((answer.lease.ok_or_else(|| absent("lease"))?, answer.acquired))
    }

    async fn renew_lease(&self, name: &str, token: u64, keep_ms: i64) -> Result<(Lease, bool), StoreError> {
        let request = RenewLeaseRequest {
            name: name.to_owned(),
            token,
            keep: Some(convert::duration(keep_ms)),
        };
        let answer = self.0.leases().renew_lease(request).await.map_err(remote)?.into_inner();
        Ok((answer.lease.ok_or_else(|| absent("lease"))?, answer.held))
    }

    async fn release_lease(&self, name: &str, token: u64) -> Result<(), StoreError> {
        let name = name.to_owned();
        let request = ReleaseLeaseRequest { name, token };
        self.0.leases().release_lease(request).await.map_err(remote)?;
        Ok(())
    }

    async fn lease(&self, name: &str) -> Result<Lease, StoreError> {
        let request = GetLeaseRequest { name: name.to_owned() };
        let answer = self.0.leases().get_lease(request).await.map_err(remote)?.into_inner();
        answer.lease.ok_or_else(|| absent("lease"))
    }
}

#[async_trait]
impl PlacementStore for RemoteStore {
    async fn claim(&self, address: &str, claims: Vec<Claim>) -> Result<Vec<(Placement, bool)>, StoreError> {
        let claims = claims.into_iter().map(|claim| PartitionClaim {
            partition: claim.partition,
            expected_epoch: claim.expected_epoch,
        });
        let request = ClaimPartitionsRequest {
            address: address.to_owned(),
            claims: claims.collect(),
        };
        let answer = self.0.placements().claim_partitions(request).await.map_err(remote)?;
        let partitions = answer.into_inner().partitions.into_iter();
        partitions
            .map(|claimed| Ok((claimed.placement.ok_or_else(|| absent("placement"))?, claimed.won)))
            .collect()
    }

    async fn placements(&self) -> Result<Vec<Placement>, StoreError> {
        let answer = self.0.placements().list_placements(ListPlacementsRequest {}).await;
        Ok(answer.map_err(remote)?.into_inner().placements)
    }
}

#[async_trait]
impl AccountStore for RemoteStore {
    async fn accounts(&self, page: Page) -> Result<Paged<StoredAccount>, StoreError> {
        let request = ListStoredAccountsRequest {
            page_size: page.size as u32,
            page_token: page.after.unwrap_or_default(),
        };
        let answer = self
            .0
            .account_store()
            .list_stored_accounts(request)
            .await
            .map_err(remote)?;
        let answer = answer.into_inner();
        Ok(paged(answer.accounts, answer.next_page_token))
    }

    async fn tokens(&self, page: Page) -> Result<Paged<StoredToken>, StoreError> {
        let request = ListStoredTokensRequest {
            page_size: page.size as u32,
            page_token: page.after.unwrap_or_default(),
        };
        let answer = self
            .0
            .account_store()
            .list_stored_tokens(request)
            .await
            .map_err(remote)?;
        let answer = answer.into_inner();
        Ok(paged(answer.tokens, answer.next_page_token))
    }

    async fn change_accounts(&self, change: ChangeAccountsRequest) -> Result<Vec<StoredAccount>, StoreError> {
        let answer = self.0.account_store().change_accounts(change).await.map_err(remote)?;
        Ok(answer.into_inner().accounts)
    }

    async fn audit(&self, page: Page) -> Result<Paged<AuditEntry>, StoreError> {
        let request = ListStoredAuditRequest {
            page_size: page.size as u32,
            page_token: page.after.unwrap_or_default(),
        };
        let answer = self
            .0
            .account_store()
            .list_stored_audit(request)
            .await
            .map_err(remote)?;
        let answer = answer.into_inner();
        Ok(paged(answer.entries, answer.next_page_token))
    }
}
