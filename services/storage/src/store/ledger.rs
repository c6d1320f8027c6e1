//! `LedgerStore`: what comes in is checked here, before the database is touched.

use async_trait::async_trait;
use prost::Message;
use sla_domain::SeriesId;
use sla_proto::convert;
use sla_proto::storage::v1::{LedgerChange, ScoredForecast};
use sla_proto::violation::v1::Violation;

use super::violations::ViolationRow;
use super::{SqlStore, forecasts, leases, violations};
use crate::error::StoreError;
use crate::port::{
    ChangeLimits, Fence, ForecastFilter, LedgerStore, MAX_LEDGER_ROWS, MAX_ROW_BYTES, Page, Paged, ViolationFilter,
    Written,
};
use crate::stored::signed;
use crate::transaction::{Database, Subject};

/// The longest id, in bytes.
const MAX_ID_BYTES: usize = 256;

#[async_trait]
impl<D: Database> LedgerStore for SqlStore<D> {
    async fn put_violations(&self, fence: Fence, violations: Vec<Violation>) -> Result<Written, StoreError> {
        limit("violations", violations.len())?;
        let rows: Vec<ViolationRow> = violations
            .into_iter()
            .enumerate()
            .map(|(at, violation)| checked(at, violation))
            .collect::<Result<_, _>>()?;
        self.database
            .write(move |tx| {
                leases::fence(tx, fence)?;
                violations::put(tx, &rows)
            })
            .await
    }

    async fn list_violations(&self, filter: &ViolationFilter, page: Page) -> Result<Paged<Violation>, StoreError> {
        let query = violations::listing(filter, &page)?;
        self.database.read(move |tx| query.page(tx, violations::listed)).await
    }

    async fn changes(&self, after: u64, limits: ChangeLimits) -> Result<(Vec<LedgerChange>, u64), StoreError> {
        let after = signed("after", after)?;
        let written = self.database.written(Subject::Ledger);
        if let Some(newest) = self.looks.ledger.known(written)
            && after.unsigned_abs() >= newest
        {
            return Ok((Vec::new(), newest));
        }
        let found = self.database.read(move |tx| violations::changes(tx, after, limits));
        let (changes, newest) = found.await?;
        self.looks.ledger.found(written, newest);
        Ok((changes, newest))
    }

    async fn put_forecasts(&self, fence: Fence, forecasts: Vec<ScoredForecast>) -> Result<u32, StoreError> {
        limit("forecasts", forecasts.len())?;
        check_forecasts(&forecasts)?;
        self.database
            .write(move |tx| {
                leases::fence(tx, fence)?;
                forecasts::put(tx, &forecasts)
            })
            .await
    }

    async fn score_forecasts(&self, fence: Fence, forecasts: Vec<ScoredForecast>) -> Result<u32, StoreError> {
        limit("forecasts", forecasts.len())?;
        check_forecasts(&forecasts)?;
        if let Some(at) = forecasts.iter().position(|forecast| forecast.left.is_none()) {
            return Err(StoreError::invalid(
                format!("forecasts[{at}].left"),
                "",
                "an outcome is given",
                "set `left` when the time of the forecast has come",
            ));
        }
        self.database
            .write(move |tx| {
                leases::fence(tx, fence)?;
                forecasts::score(tx, &forecasts)
            })
            .await
    }

    async fn list_forecasts(&self, filter: &ForecastFilter, page: Page) -> Result<Paged<ScoredForecast>, StoreError> {
        let query = forecasts::listing(filter, &page)?;
        self.database.read(move |tx| query.page(tx, forecasts::listed)).await
    }
}

fn limit(field: &'static str, count: usize) -> Result<(), StoreError> {
    if count > MAX_LEDGER_ROWS {
        return Err(StoreError::invalid(
            field,
            count,
            "at most 500 rows",
            "write them in several calls",
        ));
    }
    Ok(())
}

fn check_size(field: &str, message: &impl Message) -> Result<(), StoreError> {
    let bytes = message.encoded_len();
    if bytes > MAX_ROW_BYTES {
        return Err(StoreError::invalid(
            field,
            format!("{bytes} bytes"),
            "at most 256 KiB",
            "leave this row out; shorten the labels of the series",
        ));
    }
    Ok(())
}

fn check_id(field: &str, id: &str) -> Result<(), StoreError> {
    if id.is_empty() || id.len() > MAX_ID_BYTES {
        return Err(StoreError::invalid(
            field,
            id,
            "must have 1 to 256 bytes",
            "give the id",
        ));
    }
    Ok(())
}

fn check_series(field: &str, id: &[u8]) -> Result<(), StoreError> {
    if SeriesId::from_slice(id).is_none() {
        return Err(StoreError::invalid(
            field,
            format!("{} bytes", id.len()),
            "must have 16 bytes",
            "give the series",
        ));
    }
    Ok(())
}

fn check_forecasts(forecasts: &[ScoredForecast]) -> Result<(), StoreError> {
    for (at, forecast) in forecasts.iter().enumerate() {
        check_size(&format!("forecasts[{at}]"), forecast)?;
        check_id(&format!("forecasts[{at}].objective_id"), &forecast.objective_id)?;
        check_series(&format!("forecasts[{at}].series_id"), &forecast.series_id)?;
        if forecast.made.is_none() {
            let field = format!("forecasts[{at}].made");
            return Err(StoreError::invalid(
                field,
                "",
                "a time is given",
                "say when it was made",
            ));
        }
    }
    Ok(())
}

fn checked(at: usize, violation: Violation) -> Result<ViolationRow, StoreError> {
    let field = |name: &str| format!("violations[{at}].{name}");
    check_size(&format!("violations[{at}]"), &violation)?;
    check_id(&field("objective_id"), &violation.objective_id)?;
    if violation.set_id.len() > MAX_ID_BYTES {
        check_id(&field("set_id"), &violation.set_id)?;
    }
    let series = violation
        .series
        .as_ref()
        .map(|series| series.id.clone())
        .unwrap_or_default();
    check_series(&field("series.id"), &series)?;
    let Some(start_ms) = violation.start.as_ref().map(convert::millis) else {
        return Err(StoreError::invalid(
            field("start"),
            "",
            "a time is given",
            "say when it began",
        ));
    };
    let end_ms = violation.end.as_ref().map(convert::millis);
    if end_ms.is_some_and(|end_ms| end_ms < start_ms) {
        return Err(StoreError::invalid(
            field("end"),
            end_ms.unwrap_or_default(),
            "not before the start",
            "give an end at or after the start, or none",
        ));
    }
    Ok(ViolationRow {
        series,
        start_ms,
        end_ms,
        duration_ms: end_ms.map_or(violation.duration_ms, |end_ms| end_ms - start_ms),
        violation,
    })
}
