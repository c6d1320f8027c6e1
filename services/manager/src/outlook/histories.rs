//! Which series are forecast, and the history they stand on: further back than windows reach, and for them alone.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use sla_analysis::scoring::TrackRecord;
use sla_domain::objective::Objective;
use sla_domain::query::Query;
use sla_domain::{Selector, SeriesId};
use sla_proto::convert;
use sla_proto::series::v1::Query as QueryMessage;
use sla_proto::violation::v1::NoOutlook;

use crate::core::ManagerCore;
use crate::error::SlaError;
use crate::options::forecast_history_ms;
use crate::outlook::absence::Absence;
use crate::outlook::board::OutlookKey;
use crate::outlook::case::Case;
use crate::outlook::message;
use crate::outlook::predicted::Predicted;
use crate::samples::memory::SharedMemory;
use crate::samples::reader::{ReadParts, ReadPlan, decode};
use crate::samples::series::{SeriesHead, SeriesMemory};
use crate::sets::catalog::KnownObjective;

/// Older history that is not there is asked for again after this long, milliseconds: the source may have learned it.
const ASK_AGAIN_MS: i64 = 3_600_000;
/// Read at a time, milliseconds (2 d): as much as one call may bring.
const PIECE_MS: i64 = 2 * 86_400_000;
/// History that begins this much late is long enough, milliseconds.
const SLACK_MS: i64 = 3_600_000;

/// An objective, and those of its series that are forecast.
type Chosen = (Arc<KnownObjective>, Vec<Arc<SeriesMemory>>);

type Active = Arc<Vec<Arc<KnownObjective>>>;

/// When older history was asked for, by series.
#[derive(Debug, Default)]
pub(crate) struct Histories {
    asked_ms: HashMap<SeriesId, i64>,
    /// Of these objectives all that found no room were told so, while queries had grown so much.
    told_beyond: Option<(Active, u64)>,
}

impl Histories {
    /// The series of these objectives that are forecast, each with its history.
    pub(crate) async fn read(
        &mut self,
        core: &ManagerCore,
        active: &Active,
        now_ms: i64,
    ) -> Result<Vec<Case>, SlaError> {
        let mut refused = false;
        let forecast = self.chosen(&core.memory, core.options.max_outlooks, active, |known, series| {
            refused |= refuse(core, known, series);
        });
        if refused {
            // The screens are told before anything is read.
            core.expected.notify_one();
        }
        let mut lengths_ms: HashMap<SeriesId, i64> = HashMap::new();
        for (known, series) in &forecast {
            for series in series {
                let length_ms = forecast_history_ms(core.spacings.see(known, series, false).0);
                let longest_ms = lengths_ms.entry(series.head.id).or_default();
                *longest_ms = length_ms.max(*longest_ms);
            }
        }
        self.asked_ms.retain(|id, _| lengths_ms.contains_key(id));
        core.memory.lock().keep_history_of(&lengths_ms);
        for (known, series) in &forecast {
            if let Err(error) = self.reach_back(core, known, series, &lengths_ms, now_ms).await {
                // What windows need is there: a forecast stands on less for now.
                tracing::debug!(error = %error.words(), "older history cannot be read");
            }
        }
        let case = |known: &Arc<KnownObjective>, series: Arc<SeriesMemory>, at_ms: i64| Case {
            known: known.clone(),
            spacing_ms: core.spacings.see(known, &series, false).0,
            key: OutlookKey::new(&known.objective, series.head.id),
            series,
            at_ms,
            horizon_ms: core.horizon_ms(&known.objective),
        };
        let mut cases = Vec::new();
        for (known, chosen) in forecast {
            let memory = core.memory.lock();
            let fine = memory.problem(&known.wanted.key).is_empty();
            // A source that is away leaves series behind until they count as silent.
            let at_ms = memory
                .read_until_ms(&known.wanted.key)
                .filter(|_| fine)
                .unwrap_or(now_ms);
            let ids: HashSet<SeriesId> = chosen.iter().map(|series| series.head.id).collect();
            let series = memory.series(&known.wanted.key);
            drop(memory);
            let series = series.into_iter().filter(|series| ids.contains(&series.head.id));
            cases.extend(series.map(|series| case(&known, series, at_ms)));
        }
        Ok(cases)
    }

    /// Reads what lies before the series' oldest sample and was not asked for lately, the newest pieces first.
    async fn reach_back(
        &mut self,
        core: &ManagerCore,
        known: &KnownObjective,
        series: &[Arc<SeriesMemory>],
        lengths_ms: &HashMap<SeriesId, i64>,
        now_ms: i64,
    ) -> Result<(), SlaError> {
        let after_ms = |series: &SeriesMemory| now_ms - lengths_ms.get(&series.head.id).copied().unwrap_or(0);
        let short: Vec<&Arc<SeriesMemory>> = series
            .iter()
            .filter(|series| {
                let enough_ms = after_ms(series) + SLACK_MS;
                series.oldest_ms().is_none_or(|oldest_ms| oldest_ms > enough_ms)
            })
            .filter(|series| self.is_due(series.head.id, now_ms))
            .collect();
        let ends = short.iter().filter_map(|series| series.oldest_ms()).max();
        let begins = short.iter().map(|series| after_ms(series)).min();
        let (Some(mut until_ms), Some(from_ms)) = (ends, begins) else {
            return Ok(());
        };
        self.asked_ms
            .extend(short.iter().map(|series| (series.head.id, now_ms)));
        let whole = core.memory.lock().series(&known.wanted.key).len() == short.len();
        let queries = if whole {
            vec![known.wanted.message.clone()]
        } else {
            let source = known.wanted.key.source();
            let queries = short.iter().filter_map(|series| query_of(&series.head, source));
            queries.collect()
        };
        let wanted: HashSet<SeriesId> = short.iter().map(|series| series.head.id).collect();
        while until_ms > from_ms {
            let after_ms = from_ms.max(until_ms - PIECE_MS);
            let plan = ReadPlan {
                queries: queries.clone(),
                after_ms,
                until_ms,
                max_series: core.options.max_series,
                cached_only: false,
            };
            if absorb(core, plan, &wanted).await? == 0 {
                // The source knows nothing older.
                break;
            }
            until_ms = after_ms;
        }
        Ok(())
    }

    fn is_due(&self, id: SeriesId, now_ms: i64) -> bool {
        let asked_ms = self.asked_ms.get(&id);
        asked_ms.is_none_or(|asked| !(0..ASK_AGAIN_MS).contains(&(now_ms - asked)))
    }

    /// The first series of the objectives, in their order; those beyond the limit are refused, each time that there are others.
    fn chosen(
        &mut self,
        memory: &SharedMemory,
        most: usize,
        active: &Active,
        mut refuse: impl FnMut(&KnownObjective, SeriesId),
    ) -> Vec<Chosen> {
        let mut room = most;
        let mut chosen = Vec::new();
        let grown = memory.lock().grown();
        let is_told = |(told, of): &(Active, u64)| Arc::ptr_eq(told, active) && *of == grown;
        let is_told = self.told_beyond.as_ref().is_some_and(is_told);
        for known in active.iter() {
            if room == 0 && is_told {
                break;
            }
            let mut series = memory.lock().series(&known.wanted.key);
            let beyond = series.split_off(series.len().min(room));
            room -= series.len();
            for series in beyond {
                refuse(known, series.head.id);
            }
            if !series.is_empty() {
                chosen.push((known.clone(), series));
            }
        }
        self.told_beyond = Some((active.clone(), grown));
        chosen
    }
}

/// Tells that a series is none of those that are forecast, also where it was one; says whether that is new.
fn refuse(core: &ManagerCore, known: &KnownObjective, series: SeriesId) -> bool {
    let key = OutlookKey::new(&known.objective, series);
    let before = core.outlooks.get(&key);
    if before.is_some_and(|before| before.message.no_outlook() == NoOutlook::TooManySeries) {
        return false;
    }
    let (now_ms, horizon_ms) = (core.clock.now_ms(), core.horizon_ms(&known.objective));
    let (beyond, record) = (Absence::too_many(core.options.max_outlooks), TrackRecord::default());
    let none = message::unknown(beyond, &record, Predicted::default(), now_ms, horizon_ms);
    core.outlooks.put(key, none);
    true
}

/// Puts what a plan brings in front of what is known of the wanted series; returns how many samples came.
async fn absorb(core: &ManagerCore, plan: ReadPlan, wanted: &HashSet<SeriesId>) -> Result<usize, SlaError> {
    let mut parts = ReadParts::new(core.peer.clone(), plan);
    let mut came = 0;
    while let Some(part) = parts.next().await? {
        let memory = core.memory.clone();
        let wanted = wanted.clone();
        let absorbing = core.pool.run(move || {
            let mut came = 0;
            for raw in part.iter().filter(|raw| wanted.contains(&raw.id)) {
                let older = decode(raw)?;
                came += older.len();
                memory.lock().extend_back(raw.id, &older);
            }
            Ok::<_, SlaError>(came)
        });
        came += absorbing.await??;
    }
    Ok(came)
}

/// The query of one plain series of a source; the series of an expression cannot be asked for one by one.
fn query_of(head: &SeriesHead, source: &str) -> Option<QueryMessage> {
    let selector = Selector::of_labels(&head.labels).filter(|_| head.expression.is_empty())?;
    Some(QueryMessage {
        source: source.to_owned(),
        ..convert::query_message(&Query::Selector(selector), Objective::DEFAULT_STEP_MS)
    })
}

#[cfg(test)]
mod tests {
    use sla_domain::range::AllowedRange;

    use super::*;
    use crate::evaluation::judge::tests::known;
    use crate::samples::reader::tests::raw;
    use crate::samples::series::tests::head;
    use sla_proto::series::v1::SeriesKind;

    #[test]
    fn older_history_is_asked_of_the_source_of_the_objective() {
        let asked = query_of(&head("up", "a", SeriesKind::Gauge), "eu").unwrap();
        assert_eq!(
            (asked.source.as_str(), convert::query_text(&asked)),
            ("eu", "up{instance=\"a\"}")
        );
    }

    #[test]
    fn who_finds_no_room_later_is_told_so_once() {
        let memory = SharedMemory::new(1 << 20);
        let range = AllowedRange::at_most(1.0).unwrap();
        let active: Active = Arc::new(vec![known("up", range), known("load", range)]);
        let mut histories = Histories::default();
        let mut chosen = |memory: &SharedMemory| {
            let mut told = 0;
            let chosen = histories.chosen(memory, 1, &active, |_, _| told += 1);
            (chosen.iter().map(|(_, series)| series.len()).sum::<usize>(), told)
        };
        // The source was away when the first round came.
        assert_eq!(chosen(&memory), (0, 0));
        let read = |name: &str, host: &str| {
            let wanted = [known(name, range).wanted.clone()];
            let mut memory = memory.lock();
            let due = memory.due(&wanted, 3_600_000, 3_600_000, 10);
            memory
                .absorb(&due[0], &[raw(name, host, 0, &[&[(3_600_000, 1.0)]])])
                .unwrap();
        };
        read("up", "a");
        read("load", "a");
        assert_eq!(chosen(&memory), (1, 1));
        assert_eq!(chosen(&memory), (1, 0), "nothing is new");
        read("load", "b");
        assert_eq!(chosen(&memory), (1, 2), "two are beyond now");
    }
}
