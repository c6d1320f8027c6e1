//! The table, asked for page by page.

use sla_proto::retrieval::v1::ListSeriesRowsRequest;
use sla_proto::series::v1::Query;

use crate::context::Context;

/// Rows asked for at once.
pub(super) const PAGE_ROWS: u32 = 500;
/// Rows held, of as many as there are.
pub(super) const ROWS_MAX: usize = 2_000;
/// Columns of a sparkline asked for.
const SPARK_COLUMNS: u32 = 40;

/// The rows of these queries, in an order that the server knows, from a page on.
pub(super) fn rows_request(cx: &Context, queries: Vec<Query>, sort: &str, page_token: String) -> ListSeriesRowsRequest {
    ListSeriesRowsRequest {
        queries,
        window_ms: cx.window_ms(),
        columns: SPARK_COLUMNS,
        page_size: PAGE_ROWS,
        page_token,
        sort: sort.to_owned(),
        ..ListSeriesRowsRequest::default()
    }
}
