//! Evaluations carried on from round to round, by objective and series: a round costs what is new.

use std::collections::HashMap;

use sla_domain::counter::{self, RateLine};
use sla_domain::evaluation::{Evaluation, Judgement, Rolling, evaluate_windows};
use sla_domain::window::Window;
use sla_domain::{Samples, SeriesId};

use crate::evaluation::asked::Asked;
use crate::samples::series::{Edges, SeriesMemory, SeriesTimes};

/// One series under one objective.
#[derive(Debug)]
pub struct Track {
    judgement: Judgement,
    /// The rate is taken over this long, milliseconds; without it the value is judged.
    rate_over_ms: Option<i64>,
    /// `None` where the policy for unknown time is not carried on.
    going: Option<Going>,
}

#[derive(Debug)]
struct Going {
    rolling: Rolling,
    line: Option<RateLine>,
    revision: u64,
    edges: Edges,
}

impl Track {
    /// Of one judgement; nothing is looked at yet.
    pub fn new(judgement: Judgement, rate_over_ms: Option<i64>) -> Self {
        let going = Rolling::new(judgement).map(|rolling| Going {
            rolling,
            line: rate_over_ms.map(RateLine::new),
            revision: 0,
            edges: Edges::default(),
        });
        Self {
            judgement,
            rate_over_ms,
            going,
        }
    }

    /// Whether it is of this judgement.
    pub fn is_of(&self, judgement: &Judgement, rate_over_ms: Option<i64>) -> bool {
        self.judgement == *judgement && self.rate_over_ms == rate_over_ms
    }

    /// One evaluation a window: what is new of the series is looked at, what was revised of it makes it begin anew. An
    /// instant before the newest sample is evaluated as a whole.
    pub fn evaluate(&mut self, series: &SeriesMemory, asked: &Asked) -> Vec<Evaluation> {
        let carried_on = self.carry_on(series, asked);
        carried_on.unwrap_or_else(|| evaluate_anew(&series.samples(), &self.judgement, self.rate_over_ms, asked))
    }

    fn carry_on(&mut self, series: &SeriesMemory, asked: &Asked) -> Option<Vec<Evaluation>> {
        if self.going.as_ref()?.revision != series.revision() {
            *self = Self::new(self.judgement, self.rate_over_ms);
        }
        let going = self.going.as_mut()?;
        going.revision = series.revision();
        let Going { rolling, line, .. } = going;
        series.each_from(rolling.len(), |time, value| match line {
            Some(line) => rolling.push(time, line.push(time, value)),
            None => rolling.push(time, Some(value)),
        });
        let mut times = SeriesTimes {
            series,
            edges: &mut going.edges,
        };
        going.rolling.windows(asked.at_ms, &asked.windows_ms, &mut times)
    }
}

/// One evaluation a window, from all samples.
pub fn evaluate_anew(
    samples: &Samples,
    judgement: &Judgement,
    rate_over_ms: Option<i64>,
    asked: &Asked,
) -> Vec<Evaluation> {
    let windows: Vec<Window> = asked.windows().collect();
    match rate_over_ms {
        Some(over_ms) => evaluate_windows(&counter::rate(samples, over_ms), judgement, &windows),
        None => evaluate_windows(samples, judgement, &windows),
    }
}

/// The series of one objective.
#[derive(Debug, Default)]
pub struct ObjectiveTracks {
    /// Of which generation of the objective.
    pub generation: u32,
    /// By series: what is carried on, and its spacing.
    pub series: HashMap<SeriesId, SpacedTrack>,
}

/// A series' track, and how far apart its samples lie.
#[derive(Debug)]
pub struct SpacedTrack {
    /// As fixed for this objective, milliseconds.
    pub spacing_ms: i64,
    /// Whether that is for good: a handful of samples fixes nothing.
    pub is_fixed: bool,
    /// What is carried on.
    pub track: Track,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::series::tests::head;
    use proptest::prelude::*;
    use sla_domain::range::AllowedRange;
    use sla_domain::{MissingPolicy, STALE_NAN_BITS};
    use sla_proto::series::v1::SeriesKind;

    /// What one round brings: how long it waited, the samples read back to how many milliseconds ago.
    #[derive(Debug, Clone)]
    enum Arrival {
        Next(Vec<(i64, f64)>),
        Late(i64, f64),
        Taken(i64),
        Older(i64),
        Evicted(i64),
    }

    fn value() -> impl Strategy<Value = f64> {
        prop_oneof![
            6 => (-3_i32..=3).prop_map(f64::from),
            1 => Just(f64::NAN),
            1 => Just(f64::INFINITY),
            1 => Just(f64::from_bits(STALE_NAN_BITS)),
        ]
    }

    fn arrival() -> impl Strategy<Value = Arrival> {
        let step = prop_oneof![5 => Just(15_000_i64), 1 => 1_i64..120_000];
        prop_oneof![
            12 => proptest::collection::vec((step, value()), 0..60).prop_map(Arrival::Next),
            2 => (1_i64..280_000, value()).prop_map(|(ago, value)| Arrival::Late(ago, value)),
            1 => (1_i64..4_000_000).prop_map(Arrival::Taken),
            1 => (1_i64..900_000).prop_map(Arrival::Older),
            1 => (600_000_i64..9_000_000).prop_map(Arrival::Evicted),
        ]
    }

    fn judgement() -> impl Strategy<Value = Judgement> {
        let missing = prop_oneof![
            4 => Just(MissingPolicy::Gap),
            1 => Just(MissingPolicy::Bad),
            1 => Just(MissingPolicy::Zero),
            1 => (1_i64..300_000).prop_map(|max_ms| MissingPolicy::Hold { max_ms }),
        ];
        (-2_i32..2, 0_i32..3, 1_i64..60_000, missing).prop_map(|(min, width, cap_ms, missing)| {
            let range = AllowedRange::new(Some(f64::from(min)), Some(f64::from(min + width))).unwrap();
            Judgement::new(range, cap_ms).with_missing(missing)
        })
    }

    /// A read of everything after `after_ms`: what is known there, changed as `change` says.
    fn reread(memory: &mut SeriesMemory, after_ms: i64, change: impl FnOnce(&mut Vec<(i64, f64)>)) {
        let known = memory.samples();
        let mut after: Vec<(i64, f64)> = known.iter().filter(|(time, _)| *time > after_ms).collect();
        change(&mut after);
        let read = Samples::from_columns(after.iter().map(|s| s.0).collect(), after.iter().map(|s| s.1).collect());
        memory.absorb(&read, after_ms);
    }

    fn arrive(memory: &mut SeriesMemory, now_ms: &mut i64, arrival: Arrival) {
        match arrival {
            Arrival::Next(samples) => {
                let after_ms = *now_ms - 300_000;
                let last_ms = memory.newest_ms().unwrap_or(*now_ms);
                let mut at_ms = last_ms;
                reread(memory, after_ms, |known| {
                    for (delta, value) in samples {
                        at_ms += delta;
                        known.push((at_ms, value));
                    }
                });
                *now_ms = at_ms.max(*now_ms);
            }
            Arrival::Late(ago_ms, value) => {
                reread(memory, *now_ms - 300_000, |known| known.push((*now_ms - ago_ms, value)));
            }
            Arrival::Taken(back_ms) => reread(memory, *now_ms - back_ms, |known| {
                if known.len() > 2 {
                    known.remove(known.len() / 2);
                }
            }),
            Arrival::Older(back_ms) => {
                let oldest_ms = memory.oldest_ms().unwrap_or(*now_ms);
                memory.extend_back(&Samples::from_columns(vec![oldest_ms - back_ms], vec![1.0]));
            }
            Arrival::Evicted(back_ms) => memory.evict(*now_ms - back_ms),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]

        #[test]
        fn what_is_carried_on_equals_what_is_evaluated_anew_whatever_arrives(
            arrivals in proptest::collection::vec((arrival(), 0_i64..90_000), 1..40),
            judgement in judgement(), rate_over_ms in prop_oneof![3 => Just(None), 1 => (1_i64..200_000).prop_map(Some)],
        ) {
            let mut memory = SeriesMemory::new(head("x", "a", SeriesKind::Gauge), 15_000, Samples::default());
            let mut track = Track::new(judgement, rate_over_ms);
            let mut now_ms = 1_700_000_000_000;
            for (arrival, later_ms) in arrivals {
                arrive(&mut memory, &mut now_ms, arrival);
                let asked = Asked {
                    // A clock that was set back asks about an instant before the newest sample.
                    at_ms: now_ms + later_ms - 20_000,
                    windows_ms: vec![60_000, 900_000, 3_600_000],
                    cap_ms: None,
                };
                let found = track.evaluate(&memory, &asked);
                let anew = evaluate_anew(&memory.samples(), &judgement, rate_over_ms, &asked);
                prop_assert_eq!(format!("{found:?}"), format!("{anew:?}"));
            }
        }
    }

    #[test]
    fn only_what_is_new_is_looked_at() {
        let mut memory = SeriesMemory::new(head("x", "a", SeriesKind::Gauge), 15_000, Samples::default());
        let judgement = Judgement::new(AllowedRange::at_most(1.0).unwrap(), 30_000);
        let mut track = Track::new(judgement, None);
        for at in 1..500 {
            memory.absorb(&Samples::from_columns(vec![at * 15_000], vec![0.0]), at * 15_000 - 1);
            let asked = Asked {
                at_ms: at * 15_000,
                windows_ms: vec![3_600_000],
                cap_ms: None,
            };
            track.evaluate(&memory, &asked);
        }
        assert_eq!(memory.revision(), 0, "nothing made it begin anew");
        assert_eq!(track.going.unwrap().rolling.len(), 499);
    }
}
