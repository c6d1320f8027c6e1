//! What the source is asked before an answer is made from memory: which series a selector means, their new end, and older
//! history than the first read brought.

use std::collections::{HashMap, HashSet};

use sla_domain::{ByLabel, Clock as _, Labels, Selector, SeriesId};
use sla_source::reader::{DOUBTED_MS, DOUBTED_SERIES};
use sla_source::{Call, ReadLimits, ReadRequest, Refreshed, SeriesListing, SourceError, Targets};
use tokio::sync::SemaphorePermit;
use tokio::time::Instant;

use super::clip::held;
use super::memory::{LOOK_BACK_MS, MAX_HELD_SERIES, SampleMemory};
use super::reading::{ReadPlan, ReadTally};
use crate::health::Asked;

/// Samples older than asked by less than this were asked for a moment ago by somebody else: they are new enough, milliseconds.
const TOLERANCE_MS: i64 = 500;

/// A selector and the index of its query.
type Selected<'a> = (usize, &'a Selector);

/// One answer's questions to the source, in the order in which they are asked.
pub(super) struct Tail<'a> {
    pub(super) memory: &'a SampleMemory,
    pub(super) plan: &'a ReadPlan,
    pub(super) call: &'a Call,
    pub(super) tally: &'a mut ReadTally,
}

/// All members of these selectors, each once.
pub(super) fn union(memory: &SampleMemory, selectors: &[Selected<'_>]) -> Vec<Labels> {
    let mut remembered = memory.remembered();
    let mut seen = HashSet::new();
    let mut out = Vec::new();
    for (_, selector) in selectors {
        if let Some(members) = remembered.membership.get(selector.text()) {
            let new = members.series.iter().filter(|labels| seen.insert((*labels).clone()));
            out.extend(new.cloned());
        }
    }
    out
}

/// Waits for the one turn there is.
async fn turn<'a>(memory: &'a SampleMemory, call: &Call) -> Result<SemaphorePermit<'a>, SourceError> {
    let acquired = async {
        memory.turn.acquire().await.map_err(|_| SourceError::Cancelled {
            tried: "reading samples".to_owned(),
        })
    };
    call.guard("waiting for a read that is under way", call.remaining(), acquired)
        .await
}

impl Tail<'_> {
    /// Asks which series the selectors mean, all in one question where possible.
    pub(super) async fn discover(&mut self, selectors: &[Selected<'_>]) {
        let until_ms = self.plan.until_ms;
        let mut due: Vec<Selected<'_>> = {
            let remembered = self.memory.remembered();
            let is_due = |selector: &Selector| remembered.membership.is_due(selector.text(), until_ms);
            selectors
                .iter()
                .filter(|(_, selector)| is_due(selector))
                .copied()
                .collect()
        };
        if due.len() > 1 {
            let texts: Vec<String> = due.iter().map(|(_, selector)| selector.text().to_owned()).collect();
            match self.members(&texts).await {
                Ok(found) => {
                    for text in &texts {
                        self.memory.health.warned(Asked::Series, text, &found.warnings);
                    }
                    let by_label = ByLabel::new(&found.series);
                    due.retain(|(_, selector)| {
                        let own = by_label.places(selector).into_iter().map(|at| found.series[at].clone());
                        let own: Vec<Labels> = own.collect();
                        // Who has nothing while something was left out is asked alone: that is its answer then.
                        let is_unclear = own.is_empty() && !found.warnings.is_empty();
                        if !is_unclear {
                            self.answered(selector, own);
                        }
                        is_unclear
                    });
                }
                Err(error) if error.is_outage() || matches!(error, SourceError::Cancelled { .. }) => {
                    self.tally.outage.get_or_insert(error);
                    return;
                }
                // One of them is to blame: ask one by one.
                Err(_) => {}
            }
        }
        for (index, selector) in due {
            match self.members(&[selector.text().to_owned()]).await {
                Ok(found) => {
                    let health = &self.memory.health;
                    health.warned(Asked::Series, selector.text(), &found.warnings);
                    self.answered(selector, found.series);
                }
                Err(error) => self.tally.problem(index, error),
            }
            if self.tally.outage.is_some() {
                return;
            }
        }
    }

    /// Keeps whom the source named. Who had samples a short while ago and is not named is missing, not gone: it is asked for
    /// on, as its samples are.
    fn answered(&self, selector: &Selector, mut found: Vec<Labels>) {
        let until_ms = self.plan.until_ms;
        let mut remembered = self.memory.remembered();
        if let Some(before) = remembered.membership.get(selector.text()) {
            let named: HashSet<&Labels> = found.iter().collect();
            let unnamed = before.series.iter().filter(|labels| !named.contains(labels));
            let recent = |labels: &&Labels| self.memory.cache.has_sample(labels, until_ms - DOUBTED_MS, until_ms);
            let missing: Vec<Labels> = unnamed.filter(recent).take(DOUBTED_SERIES).cloned().collect();
            if !missing.is_empty() {
                found.extend(missing);
                found.sort();
            }
        }
        remembered.membership.answered(selector.text(), found, until_ms);
    }

    async fn members(&mut self, texts: &[String]) -> Result<SeriesListing, SourceError> {
        self.memory.health.gate()?;
        let ReadPlan {
            after_ms,
            until_ms,
            max_series,
            ..
        } = *self.plan;
        let start_ms = after_ms.min(until_ms - self.memory.longest_window_ms);
        let begun = Instant::now();
        let answer = self
            .memory
            .source
            .series(texts, start_ms, until_ms, max_series, self.call)
            .await;
        self.tally.source_time += begun.elapsed();
        answer.inspect_err(|error| self.memory.failed(error))
    }

    /// The selectors among these whose samples are older than the plan asks for.
    fn stale<'s>(&self, selectors: &[Selected<'s>]) -> Vec<Selected<'s>> {
        // Nobody can know more than the present: what was read "up to" a time that has not come yet is not known.
        let present_ms = self.memory.clock.now_ms();
        let wanted_ms = self.plan.until_ms.min(present_ms) - TOLERANCE_MS;
        let is_known = |fresh_ms: i64| (wanted_ms..=present_ms + TOLERANCE_MS).contains(&fresh_ms);
        let mut remembered = self.memory.remembered();
        let mut is_stale = |selector: &Selector| {
            let members = remembered.membership.get(selector.text());
            members.is_some_and(|members| !members.fresh_until_ms.is_some_and(is_known))
        };
        selectors
            .iter()
            .filter(|(_, selector)| is_stale(selector))
            .copied()
            .collect()
    }

    /// Brings the members' samples up to the instant asked for.
    pub(super) async fn refresh(&mut self, selectors: &[Selected<'_>]) {
        if self.tally.outage.is_some() || self.stale(selectors).is_empty() {
            return;
        }
        let _turn = match turn(self.memory, self.call).await {
            Ok(turn) => turn,
            Err(error) => return self.tally.problems_of(selectors, &error),
        };
        let stale = self.stale(selectors);
        if stale.is_empty() {
            self.memory.metrics.coalesced_reads.inc();
            return;
        }
        if let Err(error) = self.memory.health.gate() {
            self.tally.outage = Some(error);
            return;
        }
        let wanted = union(self.memory, &stale);
        let new = self.never_read(&wanted);
        let until_ms = self.plan.until_ms.min(self.memory.clock.now_ms());
        let begun = Instant::now();
        let answer = self.memory.cache.refresh(&wanted, until_ms, self.call).await;
        self.tally.source_time += begun.elapsed();
        match answer {
            Ok(done) => {
                // The answer may have shown that the server's clock is behind ours.
                let known_until_ms = until_ms.min(self.memory.clock.now_ms());
                self.book(done, &stale, known_until_ms);
                if !new.is_empty() && self.memory.backfill.try_send(new).is_err() {
                    tracing::debug!("too many series wait for their older history; it is read when somebody asks");
                }
            }
            Err(error) => {
                self.memory.failed(&error);
                self.tally.problems_of(&stale, &error);
            }
        }
    }

    fn never_read(&self, series: &[Labels]) -> Vec<Labels> {
        let cache = &self.memory.cache;
        let is_new = |labels: &&Labels| cache.about(cache.id_of(labels)).is_none();
        series.iter().filter(is_new).cloned().collect()
    }

    /// Books a read that brought something: bytes, health, and how new the members are now.
    fn book(&mut self, done: Refreshed, stale: &[Selected<'_>], until_ms: i64) {
        let memory = self.memory;
        memory.metrics.source_reads.inc();
        self.tally.bytes += done.bytes;
        let failed = done.failures.into_iter();
        let failures: HashMap<SeriesId, SourceError> =
            failed.map(|one| (memory.cache.id_of(&one.labels), one.error)).collect();
        let outage = failures.values().find(|error| error.is_outage());
        if let Some(error) = outage.filter(|_| done.series == 0) {
            memory.failed(error);
            self.tally.outage = Some(error.clone());
        } else if done.way.is_some() {
            memory.health.succeeded(done.way);
            for (_, selector) in stale {
                memory.health.warned(Asked::Samples, selector.text(), &done.warnings);
            }
        }
        let mut remembered = memory.remembered();
        for (_, selector) in stale {
            if let Some(members) = remembered.membership.get(selector.text()) {
                members.failures.clone_from(&failures);
                // With failures the next reader tries again.
                members.fresh_until_ms = failures.is_empty().then_some(until_ms);
            }
        }
    }

    /// Where somebody asks for more history than the first read brought: fetches it now, into memory as far as that keeps it.
    pub(super) async fn reach_back(&mut self, selectors: &[Selected<'_>]) {
        if self.tally.outage.is_some() {
            return;
        }
        let cache = &self.memory.cache;
        let mut short = union(self.memory, selectors);
        short.retain(|labels| {
            let known = cache.about(cache.id_of(labels));
            known.is_some_and(|known| known.covered_after_ms > self.plan.after_ms)
        });
        if short.is_empty() {
            return;
        }
        let begun = Instant::now();
        let kept_from_ms = self.memory.clock.now_ms() - self.memory.history_ms;
        let answer = if self.plan.after_ms >= kept_from_ms {
            let done = cache.extend_back(&short, self.call).await;
            done.map(|done| (done.bytes, done.warnings))
        } else {
            self.read_directly(short).await
        };
        self.tally.source_time += begun.elapsed();
        match answer {
            Ok((bytes, warnings)) => {
                self.tally.bytes += bytes;
                for (_, selector) in selectors {
                    self.memory.health.warned(Asked::History, selector.text(), &warnings);
                }
            }
            Err(error) => {
                self.memory.failed(&error);
                self.tally.problems_of(selectors, &error);
            }
        }
    }

    /// Reads what the cache would drop at once, for this answer only.
    async fn read_directly(&mut self, series: Vec<Labels>) -> Result<(u64, Vec<String>), SourceError> {
        let (after_ms, until_ms) = (self.plan.after_ms - LOOK_BACK_MS, self.plan.until_ms);
        let request = ReadRequest {
            targets: Targets::Series(series),
            after_ms,
            until_ms,
            limits: ReadLimits {
                max_series: MAX_HELD_SERIES,
            },
        };
        let read = self.memory.source.read(&request, self.call).await?;
        for one in &read.series {
            match one.samples(after_ms, until_ms) {
                Ok(samples) => {
                    let id = self.memory.cache.id_of(&one.labels);
                    self.tally.direct.insert(id, held(&samples));
                }
                Err(error) => tracing::warn!(%error, "a chunk of the source cannot be decoded"),
            }
        }
        Ok((read.bytes, read.warnings))
    }
}
