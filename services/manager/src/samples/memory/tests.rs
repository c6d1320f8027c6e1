use super::*;
use crate::samples::reader::tests::raw;
use sla_domain::query::Query;
use sla_proto::etl::v1::QueryFailure;
use sla_proto::series::v1 as pb;

const H: i64 = 3_600_000;
const REACH_MS: i64 = 5 * H;

fn wanted(text: &str) -> Wanted {
    let query = Query::parse(text).unwrap();
    Wanted {
        key: QueryKey::new("", &query, 60_000),
        message: pb::Query {
            query: Some(pb::query::Query::Selector(text.to_owned())),
            step_ms: 0,
            source: String::new(),
        },
        query,
    }
}

fn memory() -> SampleMemory {
    SampleMemory::new(1 << 20)
}

fn absorb(memory: &mut SampleMemory, due: &DueRead, part: &[RawSeries]) {
    memory.absorb(due, part).unwrap();
    memory.finish(due, &Ok(ReadEnd::default()));
}

#[test]
fn tails_follow_a_whole_read_and_a_new_series_is_read_whole() {
    let mut memory = memory();
    let want = [wanted("up")];
    let at = 100 * H;
    let first = memory.due(&want, at, 12 * H, 10);
    assert!(first.len() == 1 && first[0].full && first[0].plan.after_ms == 88 * H);
    absorb(
        &mut memory,
        &first[0],
        &[raw("up", "a", 0, &[&[(99 * H, 1.0), (at, 1.0)]])],
    );
    let later = at + 15_000;
    let tail = memory.due(&want, later, 12 * H, 10);
    assert!(!tail[0].full);
    assert_eq!(tail[0].plan.after_ms, at - LATE_SAMPLES_MS);
    let part = [
        raw("up", "a", 0, &[&[(99 * H, 1.0), (at - 5, 0.0), (later, 1.0)]]),
        raw("up", "b", 0, &[&[(later, 1.0)]]),
    ];
    absorb(&mut memory, &tail[0], &part);
    let series = memory.series(&want[0].key);
    let a = series
        .iter()
        .find(|series| series.head.labels.get("instance") == Some("a"))
        .unwrap();
    assert_eq!(
        a.samples().times_ms,
        [99 * H, at - 5, later],
        "revised tail replaces the old one"
    );
    assert!(
        memory.due(&want, later + 15_000, 12 * H, 10)[0].full,
        "series b has a past"
    );
}

#[test]
fn overlapping_selectors_share_a_series_that_comes_once_also_one_that_is_wanted_later() {
    let mut memory = memory();
    let want = [
        wanted("up"),
        wanted("up{instance=\"a\"}"),
        wanted("up{instance=~\"a|b\"}"),
    ];
    let due = memory.due(&want[..2], 10 * H, H, 10);
    let part = [
        raw("up", "a", 0, &[&[(10 * H, 1.0)]]),
        raw("up", "b", 0, &[&[(10 * H, 1.0)]]),
    ];
    absorb(&mut memory, &due[0], &part);
    let counts = |memory: &SampleMemory| want.each_ref().map(|want| memory.series(&want.key).len());
    assert_eq!(counts(&memory), [2, 1, 0]);
    let due = memory.due(&want, 10 * H + 1, H, 10);
    let full = due.iter().find(|due| due.full).unwrap();
    assert_eq!(full.wanted.len(), 1);
    absorb(
        &mut memory,
        full,
        &[
            raw("up", "b", 0, &[&[(10 * H, 1.0)]]),
            raw("up", "a", 0, &[&[(10 * H, 1.0)]]),
        ],
    );
    assert_eq!(counts(&memory), [2, 1, 2]);
    assert!(Arc::ptr_eq(
        &memory.series(&want[1].key)[0],
        memory
            .series(&want[2].key)
            .iter()
            .find(|s| s.head.labels.get("instance") == Some("a"))
            .unwrap()
    ));
}

#[test]
fn a_failure_keeps_the_samples_and_says_why() {
    let mut memory = memory();
    let want = [wanted("up"), wanted("down")];
    let due = memory.due(&want, 10 * H, H, 10);
    let failures = vec![QueryFailure {
        query_index: 1,
        reason: "X".into(),
        message: "503".into(),
    }];
    memory
        .absorb(&due[0], &[raw("up", "a", 0, &[&[(10 * H, 1.0)]])])
        .unwrap();
    let end = ReadEnd {
        failures,
        ..ReadEnd::default()
    };
    memory.finish(&due[0], &Ok(end));
    assert_eq!(
        (memory.problem(&want[0].key), memory.problem(&want[1].key)),
        ("", "503")
    );
    assert_eq!(memory.read_until_ms(&want[0].key), Some(10 * H));
    assert_eq!(memory.read_until_ms(&want[1].key), None);
    memory.finish(&due[0], &Err("connection refused".into()));
    assert_eq!(memory.problem(&want[0].key), "connection refused");
    assert_eq!(memory.series(&want[0].key).len(), 1);
    // Not read since: the next read goes back to where the last good one ended.
    let next = memory.due(&want[..1], 10 * H + 60_000, H, 10);
    assert_eq!(next[0].plan.after_ms, 10 * H - LATE_SAMPLES_MS);
}

#[test]
fn what_finds_no_room_is_told_of_its_query_until_it_does() {
    let mut memory = SampleMemory::new(1);
    let want = [wanted("up"), wanted("down")];
    let due = memory.due(&want, 10 * H, H, 10);
    let part = [
        raw("down", "a", 1, &[&[(10 * H, 1.0)]]),
        raw("up", "a", 0, &[&[(10 * H, 1.0)]]),
        raw("up", "b", 0, &[&[(10 * H, 1.0)]]),
    ];
    absorb(&mut memory, &due[0], &part);
    let left_out = |memory: &SampleMemory| want.each_ref().map(|want| memory.gap(&want.key).left_out);
    assert_eq!(left_out(&memory), [2, 0], "the first found room");
    assert_eq!(memory.fill().2, 2);
    assert!(memory.gap(&want[0].key).hides_series(10 * H, H));
    assert!(memory.gap(&want[0].key).words().contains("evaluation.memory_mib"));
    // A tail brings only one of them; a read of the whole window says how many there are.
    memory.forget(None, 10 * H, REACH_MS);
    let tail = memory.due(&want, 10 * H + 15_000, H, 10);
    assert!(!tail[0].full);
    absorb(
        &mut memory,
        &tail[0],
        &[raw("up", "b", 0, &[&[(10 * H + 15_000, 1.0)]])],
    );
    assert_eq!(left_out(&memory), [2, 0]);
    memory.cap_bytes = usize::MAX;
    absorb(&mut memory, &due[0], &part[1..]);
    assert_eq!(left_out(&memory), [0, 0]);
}

#[test]
fn a_query_hides_series_when_it_was_not_read_for_longer_than_samples_hold() {
    let gap = |problem: &str, read_until_ms| Gap {
        problem: problem.to_owned(),
        read_until_ms,
        left_out: 0,
    };
    assert!(
        !gap("", None).hides_series(H, 30_000),
        "nothing was asked yet, and nothing failed"
    );
    assert!(gap("503", None).hides_series(H, 30_000), "never read");
    assert!(
        !gap("503", Some(H - 30_000)).hides_series(H, 30_000),
        "what was read holds still"
    );
    assert!(gap("503", Some(H - 30_001)).hides_series(H, 30_000));
}

#[test]
fn what_no_window_reaches_is_forgotten_and_the_history_of_forecasts_kept() {
    let mut memory = memory();
    let want = [wanted("up")];
    let due = memory.due(&want, 10 * H, 20 * H, 10);
    let old: Vec<(i64, f64)> = (0..100).map(|i| (i64::from(i) * H / 10, 1.0)).collect();
    let part = [
        raw("up", "a", 0, &[&old]),
        raw("up", "b", 0, &[&old]),
        raw("up", "gone", 0, &[&[(H, 1.0)]]),
    ];
    absorb(&mut memory, &due[0], &part);
    let forecast = memory.series(&want[0].key)[0].head.id;
    memory.keep_history_of(&HashMap::from([(forecast, 8 * H)]));
    memory.forget(Some(&want), 10 * H, REACH_MS);
    let left = memory.series(&want[0].key);
    assert_eq!(left.len(), 2);
    for series in &left {
        let oldest = if series.head.id == forecast { 0 } else { 5 * H };
        assert_eq!(
            series.oldest_ms(),
            Some(oldest),
            "one sample at the edge carries its value in"
        );
    }
    let older = Samples::from_columns(vec![-H, 0], vec![3.0, 3.0]);
    memory.extend_back(forecast, &older);
    assert_eq!(
        memory.series(&want[0].key).iter().map(|s| s.oldest_ms()).min(),
        Some(Some(-H))
    );
    memory.forget(Some(&[]), 10 * H, REACH_MS);
    assert!(memory.series(&want[0].key).is_empty());
    assert_eq!(memory.fill().0, 0, "no byte is counted that is not held");
}

#[test]
fn how_far_apart_samples_lie_is_believed_when_there_are_enough_of_them() {
    let mut memory = memory();
    let want = [wanted("rain")];
    let at = |sample: i64| 10 * H + sample * H / 4;
    let mut tell = |samples: i64, spacing_ms: i64| {
        let due = memory.due(&want, at(samples), REACH_MS, 10).remove(0);
        let all: Vec<(i64, f64)> = (0..samples).map(|sample| (at(sample), 1.0)).collect();
        let told = RawSeries {
            spacing_ms,
            ..raw("rain", "a", 0, &[&all])
        };
        absorb(&mut memory, &due, &[told]);
        memory.series(&want[0].key)[0].spacing_ms
    };
    assert_eq!(tell(1, 0), 0);
    assert_eq!(tell(2, 2 * H), 2 * H);
    assert_eq!(tell(3, H / 4), H / 4, "a gap came first");
    assert_eq!(tell(12, H / 4), H / 4);
    assert_eq!(tell(13, H), H / 4, "history does not change under its reader");
}

#[test]
fn a_full_memory_takes_no_new_series_and_says_how_many() {
    let mut memory = SampleMemory::new(1);
    let want = [wanted("up")];
    let due = memory.due(&want, 10 * H, H, 10);
    let part: Vec<RawSeries> = ["a", "b", "c"]
        .map(|host| raw("up", host, 0, &[&[(10 * H, 1.0)]]))
        .into();
    absorb(&mut memory, &due[0], &part);
    assert_eq!(memory.series(&want[0].key).len(), 1);
    assert_eq!(memory.fill().2, 2);
    absorb(&mut memory, &due[0], &part);
    assert_eq!(memory.fill().2, 2, "told once each");
    memory.forget(Some(&[]), 10 * H, REACH_MS);
    assert_eq!(memory.fill().2, 0);
}

#[test]
fn what_was_missed_in_a_silence_is_read_when_it_is_over() {
    let mut memory = memory();
    let wants = [wanted("load")];
    let even = |from_ms: i64, until_ms: i64| -> Vec<(i64, f64)> {
        (from_ms / 15_000..=until_ms / 15_000)
            .map(|at| (at * 15_000, 1.0))
            .collect()
    };
    let at = 10 * H;
    let full = memory.due(&wants, at, REACH_MS, 100).remove(0);
    absorb(&mut memory, &full, &[raw("load", "a", 0, &[&even(9 * H, at)])]);
    // Nothing is told for ten minutes.
    let mut now_ms = at;
    while now_ms < at + 600_000 {
        now_ms += 15_000;
        let tail = memory.due(&wants, now_ms, REACH_MS, 100).remove(0);
        assert!(!tail.full);
        absorb(&mut memory, &tail, &[]);
        assert!(
            memory.holes(&wants, now_ms, REACH_MS, 100).is_none(),
            "nobody asks twice for nothing"
        );
    }
    // Then everything is there again; a tail begins with the sample before it.
    now_ms += 15_000;
    let tail = memory.due(&wants, now_ms, REACH_MS, 100).remove(0);
    absorb(
        &mut memory,
        &tail,
        &[raw("load", "a", 0, &[&even(tail.plan.after_ms - 15_000, now_ms)])],
    );
    let hole = memory.holes(&wants, now_ms, REACH_MS, 100).unwrap();
    assert_eq!((hole.plan.after_ms, hole.plan.until_ms, hole.full), (at, now_ms, false));
    absorb(
        &mut memory,
        &hole,
        &[raw("load", "a", 0, &[&even(at - 15_000, now_ms)])],
    );
    let held = memory.series(&wants[0].key).remove(0).held();
    let want: Vec<i64> = even(9 * H, now_ms).iter().map(|(time, _)| *time).collect();
    assert_eq!(held.samples.times_ms, want);
    assert!(memory.holes(&wants, now_ms, REACH_MS, 100).is_none());
    // A silence that is one: the sample before the tail is the newest known.
    now_ms += 600_000;
    let tail = memory.due(&wants, now_ms, REACH_MS, 100).remove(0);
    let (before, after) = ((now_ms - 600_000, 1.0), (now_ms, 2.0));
    let tail = DueRead {
        plan: ReadPlan {
            after_ms: now_ms - 300_000,
            ..tail.plan.clone()
        },
        ..tail
    };
    absorb(&mut memory, &tail, &[raw("load", "a", 0, &[&[before, after]])]);
    assert!(memory.holes(&wants, now_ms, REACH_MS, 100).is_none());
    assert_eq!(memory.series(&wants[0].key)[0].newest_ms(), Some(now_ms));
}
