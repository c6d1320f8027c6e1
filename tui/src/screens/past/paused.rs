//! What the ledger has of sets that nobody watches: who stops watching keeps what was.

use std::collections::BTreeSet;

use sla_domain::span::{Span, length_ms, union};
use sla_proto::convert as time;
use sla_proto::violation::v1::{ListViolationsRequest, ListViolationsResponse, Violation, WindowResult};

use super::rows::Kept;
use crate::context::request::{Answer, Reply, RequestId, Slot};
use crate::context::{Context, wire};

/// Violations of one page, of all sets.
const PAGE_ROWS: u32 = 1_000;
/// Pages read at most: with more, what is counted is told as "at least".
const PAGES_MAX: usize = 5;
/// Read again at most this often, milliseconds: nothing is added, it only grows older.
const AGAIN_MS: i64 = 60_000;

/// The violations of these sets in the longest window.
#[derive(Debug, Default)]
pub(super) struct Paused {
    sets: BTreeSet<String>,
    known: Vec<Violation>,
    /// More were there than were read.
    more: bool,
    /// The pages of the reading that goes on, and what it has brought.
    pages: usize,
    coming: Vec<Violation>,
    asked: Option<(RequestId, ListViolationsRequest)>,
    asked_ms: i64,
}

impl Paused {
    /// Asks for them where others are paused than before, or it is time to.
    pub(super) fn refresh(&mut self, cx: &mut Context) {
        let paused = cx.sets.rows().iter().filter(|set| !set.active);
        let sets: BTreeSet<String> = paused.map(|set| set.id.clone()).collect();
        if self.sets == sets && (sets.is_empty() || cx.now.mono_ms - self.asked_ms < AGAIN_MS) {
            return;
        }
        self.sets = sets;
        self.known.retain(|row| self.sets.contains(&row.set_id));
        self.asked = None;
        if self.sets.is_empty() {
            return;
        }
        self.asked_ms = cx.now.mono_ms;
        self.pages = 0;
        self.coming.clear();
        let longest_ms = cx.windows_ms().last().copied().unwrap_or_default();
        let request = ListViolationsRequest {
            after: Some(time::timestamp(cx.data_now_ms() - longest_ms)),
            page_size: PAGE_ROWS,
            ..ListViolationsRequest::default()
        };
        self.ask(cx, request);
    }

    fn ask(&mut self, cx: &mut Context, request: ListViolationsRequest) {
        self.pages += 1;
        let id = cx.call(Slot::PausedLedger, request.clone());
        self.asked = Some((id, request));
    }

    /// Takes a page in; what is known stays where it fails.
    pub(super) fn answer(&mut self, cx: &mut Context, id: RequestId, result: Answer) {
        let Some((_, request)) = self.asked.take_if(|(asked, _)| *asked == id) else {
            return;
        };
        let Ok(page) = result.and_then(Reply::take::<ListViolationsResponse>) else {
            return;
        };
        let of_these = page
            .violations
            .into_iter()
            .filter(|row| self.sets.contains(&row.set_id));
        self.coming.extend(of_these);
        self.more = !page.next_page_token.is_empty();
        if self.more && self.pages < PAGES_MAX {
            let page_token = page.next_page_token;
            self.ask(cx, ListViolationsRequest { page_token, ..request });
        } else {
            self.known = std::mem::take(&mut self.coming);
        }
    }

    /// What the ledger has of an objective, window by window; none is no all-clear, and is not told.
    pub(super) fn kept(&self, cx: &Context, set: &str, objective: &str) -> Kept {
        let now_ms = cx.data_now_ms();
        let rows = || {
            let of_this = |row: &&Violation| row.set_id == set && row.objective_id == objective;
            self.known.iter().filter(of_this)
        };
        let lengths = cx.windows_ms().iter();
        let window = |&window_ms: &i64| {
            let inside = || {
                rows().filter_map(|row| {
                    let span = Span {
                        start_ms: wire::ms(row.start.as_ref())?.max(now_ms - window_ms),
                        end_ms: wire::ms(row.end.as_ref()).unwrap_or(now_ms).min(now_ms),
                    };
                    (span.length_ms() > 0).then_some((row, span))
                })
            };
            let worst = inside()
                .map(|(row, _)| row)
                .max_by(|a, b| a.excess.total_cmp(&b.excess))?;
            Some(WindowResult {
                window_ms,
                violations: inside().count() as u64,
                violated_ms: length_ms(&union(inside().map(|(_, span)| span))),
                worst: Some(worst.worst),
                ..WindowResult::default()
            })
        };
        Kept {
            windows: lengths.filter_map(window).collect(),
            at_least: self.more,
        }
    }
}
