//! What the lanes are drawn from: the ledger, where samples are missing, and what is expected.

use std::collections::HashMap;
use std::sync::Arc;

use sla_domain::SafeText;
use sla_proto::convert as time;
use sla_proto::notify::v1::{ListMarksRequest, ListMarksResponse, Mark};
use sla_proto::objective::v1::AllowedRange;
use sla_proto::retrieval::v1::{ListSeriesRowsRequest, ListSeriesRowsResponse};
use sla_proto::violation::v1::{
    ListFutureViolationsRequest, ListFutureViolationsResponse, ListViolationsRequest, ListViolationsResponse, Outlook,
    Violation,
};

use crate::context::remote::Remote;
use crate::context::request::{Answer, Reply, RequestId, Slot};
use crate::context::{Context, wire};
use crate::widget::lane::{Axis, Cell};

/// Violations read, of all objectives.
const LEDGER_ROWS: u32 = 1_000;
/// Columns in which it is asked whether there are samples.
const SEEN_COLUMNS: u32 = 144;
/// Of so many series, the worst first: lanes of others are drawn by the ledger alone.
const SEEN_ROWS: u32 = 200;
/// Series whose bands are drawn, what breaks first before others; of others the evaluation tells enough.
const FUTURE_ROWS: u32 = 200;
/// Queries of one request (limit of the contract).
const QUERIES_MAX: usize = 50;
/// The ledger and the outlook are read again at most this often, and where samples are missing, milliseconds.
const AGAIN_MS: i64 = 10_000;
/// As long as nothing is expected of any series, milliseconds.
const YOUNG_AGAIN_MS: i64 = 1_000;
const SEEN_AGAIN_MS: i64 = 60_000;
/// So many violations of one series within so long are flapping.
const FLAPS: usize = 3;
const FLAPS_WITHIN_MS: i64 = 30 * 60_000;

/// Where one series has samples.
#[derive(Debug, Clone)]
struct Seen {
    after_ms: i64,
    until_ms: i64,
    columns: Vec<bool>,
}

/// One violation of one series, Unix milliseconds; no end while it goes on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Span {
    pub(super) start_ms: i64,
    pub(super) end_ms: Option<i64>,
    /// One of several in a short time.
    pub(super) flaps: bool,
}

/// Set, objective and series.
pub(super) type Key = (String, String, Vec<u8>);

/// Somebody takes care of a series, or wants to hear nothing of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Care {
    /// Who said so.
    pub(super) author: SafeText,
    /// When a silence ends, Unix milliseconds; `None`: somebody takes care until the violation ends.
    pub(super) until_ms: Option<i64>,
}

/// All of it.
#[derive(Debug, Default)]
pub(super) struct History {
    ledger: Remote<HashMap<Key, Vec<Violation>>>,
    seen: Remote<HashMap<Vec<u8>, Seen>>,
    future: Remote<HashMap<Key, Arc<Outlook>>>,
    /// Of an instance whose role notify tells them.
    marks: Vec<Mark>,
    asked_ms: Option<i64>,
    seen_asked_ms: Option<i64>,
}

impl History {
    /// Asks for what is old; all of it when `again`.
    pub(super) fn refresh(&mut self, cx: &mut Context, again: bool) {
        let due = |asked: Option<i64>, every: i64| asked.is_none_or(|at| cx.now.mono_ms - at >= every);
        // Nothing is expected yet: the first forecasts come within seconds of the first evaluation.
        let young = self.future.get().is_none_or(HashMap::is_empty);
        let every = if young { YOUNG_AGAIN_MS } else { AGAIN_MS };
        let (soon, seen) = (
            again || due(self.asked_ms, every),
            due(self.seen_asked_ms, if again { AGAIN_MS } else { SEEN_AGAIN_MS }),
        );
        if soon {
            self.asked_ms = Some(cx.now.mono_ms);
            let request = ListViolationsRequest {
                after: Some(time::timestamp(cx.data_now_ms() - past_ms(cx))),
                page_size: LEDGER_ROWS,
                ..ListViolationsRequest::default()
            };
            let id = cx.call(Slot::NowLedger, request);
            self.ledger.asked(id, cx.now.wall_ms);
            let request = ListFutureViolationsRequest {
                max_rows: FUTURE_ROWS,
                ..ListFutureViolationsRequest::default()
            };
            let id = cx.call(Slot::NowFuture, request);
            self.future.asked(id, cx.now.wall_ms);
            cx.call(Slot::NowMarks, ListMarksRequest {});
        }
        let mut queries = cx.agreed_queries.clone().unwrap_or_default();
        queries.truncate(QUERIES_MAX);
        if seen && !queries.is_empty() {
            self.seen_asked_ms = Some(cx.now.mono_ms);
            let request = ListSeriesRowsRequest {
                queries,
                window_ms: past_ms(cx),
                columns: SEEN_COLUMNS,
                page_size: SEEN_ROWS,
                sort: "-state".to_owned(),
                ..ListSeriesRowsRequest::default()
            };
            let id = cx.call(Slot::NowSeen, request);
            self.seen.asked(id, cx.now.wall_ms);
        }
    }

    pub(super) fn reply(&mut self, cx: &Context, slot: Slot, id: RequestId, result: Answer) {
        let now_ms = cx.now.wall_ms;
        match slot {
            Slot::NowLedger => {
                let ledger = result.and_then(Reply::take::<ListViolationsResponse>).map(|told| {
                    let mut by_key: HashMap<Key, Vec<Violation>> = HashMap::new();
                    // Newest first, as they come.
                    for mut violation in told.violations {
                        // What the key says need not be kept twice.
                        let id = violation.series.as_ref().map(|s| s.id.clone()).unwrap_or_default();
                        let set = std::mem::take(&mut violation.set_id);
                        let key = (set, std::mem::take(&mut violation.objective_id), id);
                        by_key.entry(key).or_default().push(violation);
                    }
                    by_key
                });
                self.ledger.answer(id, ledger, now_ms);
            }
            Slot::NowMarks => {
                // Where nobody tells them, there are none that are known; what was told once is kept.
                if let Ok(told) = result.and_then(Reply::take::<ListMarksResponse>) {
                    self.marks = told.marks;
                }
            }
            Slot::NowSeen => {
                let past = past_ms(cx);
                let seen = result
                    .and_then(Reply::take::<ListSeriesRowsResponse>)
                    .map(|told| seen_of(&told, past));
                self.seen.answer(id, seen, now_ms);
                if self.seen.get().is_none_or(HashMap::is_empty) {
                    // Nothing is known yet: it is asked again with the next evaluation.
                    self.seen_asked_ms = None;
                }
            }
            _ => {
                let future = result
                    .and_then(Reply::take::<ListFutureViolationsResponse>)
                    .map(|told| {
                        let rows = told.rows.into_iter().filter_map(|row| {
                            let series = row.series?;
                            let key = (row.set_id, row.objective?.id, series.series?.id);
                            Some((key, Arc::new(series.outlook?)))
                        });
                        rows.collect()
                    });
                self.future.answer(id, future, now_ms);
            }
        }
    }

    /// Why the lanes are old or not there, in words.
    pub(super) fn problem(&self) -> Option<String> {
        let problem = self.ledger.problem().or(self.future.problem())?;
        Some(problem.sentence())
    }

    /// Whether the past is known at all.
    pub(super) fn knows_past(&self) -> bool {
        self.ledger.get().is_some()
    }

    pub(super) fn violations(&self, key: &Key) -> &[Violation] {
        self.ledger
            .get()
            .and_then(|ledger| ledger.get(key))
            .map_or(&[], Vec::as_slice)
    }

    /// What is expected, with its bands.
    pub(super) fn outlook(&self, key: &Key) -> Option<&Arc<Outlook>> {
        self.future.get()?.get(key)
    }

    /// Who takes care of a series, or silenced it; taking care says more.
    pub(super) fn care(&self, key: &Key) -> Option<Care> {
        let is_about = |mark: &&Mark| {
            let series = mark.series.as_ref().map_or(&[][..], |series| &series.id);
            (mark.set_id.as_str(), mark.objective_id.as_str(), series) == (key.0.as_str(), key.1.as_str(), &key.2)
        };
        let mark = self
            .marks
            .iter()
            .filter(is_about)
            .min_by_key(|mark| mark.until.is_some())?;
        Some(Care {
            author: SafeText::new(&mark.author),
            until_ms: wire::ms(mark.until.as_ref()),
        })
    }

    /// The violations of a series, oldest first.
    pub(super) fn spans(&self, key: &Key) -> Vec<Span> {
        let mut spans: Vec<Span> = self
            .violations(key)
            .iter()
            .map(|v| Span {
                start_ms: wire::ms(v.start.as_ref()).unwrap_or_default(),
                end_ms: wire::ms(v.end.as_ref()),
                flaps: false,
            })
            .collect();
        spans.sort_by_key(|span| span.start_ms);
        for from in 0..spans.len().saturating_sub(FLAPS - 1) {
            let together = from..from + FLAPS;
            if spans[together.end - 1].start_ms - spans[from].start_ms <= FLAPS_WITHIN_MS {
                spans[together].iter_mut().for_each(|span| span.flaps = true);
            }
        }
        spans
    }

    /// When a series was violated, oldest first, Unix milliseconds.
    pub(super) fn violated(&self, key: &Key, now_ms: i64) -> Vec<(i64, i64)> {
        let spans = self.spans(key).into_iter();
        spans
            .map(|span| (span.start_ms, span.end_ms.unwrap_or(now_ms)))
            .collect()
    }

    /// The lane of one series. `silent_ms`: since when it has no data.
    pub(super) fn cells(&self, axis: &Axis, key: &Key, range: &AllowedRange, silent_ms: Option<i64>) -> Vec<Cell> {
        let spans = self.spans(key);
        let seen = self.seen.get().and_then(|seen| seen.get(&key.2));
        let outlook = self.outlook(key).map(Arc::as_ref);
        (0..axis.width())
            .map(|column| {
                let (after, until) = axis.span(column);
                if column > axis.past {
                    return outlook.map_or(Cell::Unknown, |outlook| expected(outlook, range, (after, until)));
                }
                let bad = spans
                    .iter()
                    .filter(|span| span.start_ms <= until && span.end_ms.unwrap_or(axis.now_ms) >= after)
                    .map(|span| match span {
                        Span { flaps: true, .. } => Cell::Flapping,
                        Span { end_ms: None, .. } => Cell::Open,
                        _ => Cell::Bad,
                    })
                    .max();
                let silent = silent_ms.is_some_and(|since| until > since) && column < axis.past;
                match bad {
                    _ if silent => Cell::Unknown,
                    Some(bad) => bad,
                    None if !self.knows_past() || self.seen.get().is_none() => Cell::Unknown,
                    // Of a series beyond those that were looked at, the ledger alone speaks.
                    None if seen.is_some_and(|seen| !seen.any(after, until)) => Cell::Unknown,
                    None => Cell::Good,
                }
            })
            .collect()
    }
}

impl Seen {
    /// Whether any sample lies in a stretch; what lies beyond the reading is not held against it.
    fn any(&self, after: i64, until: i64) -> bool {
        let count = self.columns.len() as i64;
        let length = ((self.until_ms - self.after_ms) / count.max(1)).max(1);
        let at = |time: i64| (time - self.after_ms).div_euclid(length).clamp(0, count - 1) as usize;
        count == 0 || until > self.until_ms || self.columns[at(after)..=at(until)].contains(&true)
    }
}

/// How far back the lanes reach: the longest window, milliseconds.
pub(super) fn past_ms(cx: &Context) -> i64 {
    cx.windows_ms().last().copied().unwrap_or(43_200_000)
}

fn seen_of(told: &ListSeriesRowsResponse, past_ms: i64) -> HashMap<Vec<u8>, Seen> {
    let until_ms = told.as_of.as_ref().map_or(0, time::millis);
    let rows = told.rows.iter().filter_map(|row| {
        let columns = row.sparkline.iter().map(|c| c.min.is_some()).collect();
        let seen = Seen {
            after_ms: until_ms - past_ms,
            until_ms,
            columns,
        };
        Some((row.series.as_ref()?.id.clone(), seen))
    });
    rows.collect()
}

/// What the bands say about a stretch of the future.
fn expected(outlook: &Outlook, range: &AllowedRange, (after, until): (i64, i64)) -> Cell {
    let outside = |value: f64| range.min.is_some_and(|min| value < min) || range.max.is_some_and(|max| value > max);
    let length = (until - after).max(1);
    let near = outlook.fan.iter().filter(|point| {
        let at = point.time.as_ref().map_or(0, time::millis);
        // A stretch narrower than a step takes the step that ends in or after it.
        at > after && at <= until.max(after + length.max(60_000))
    });
    near.map(|point| {
        if outside(point.median) {
            Cell::Likely
        } else if outside(point.low_80) || outside(point.high_80) {
            Cell::Possible
        } else {
            Cell::Good
        }
    })
    .max()
    .unwrap_or(if outlook.fan.is_empty() {
        Cell::Unknown
    } else {
        Cell::Good
    })
}
