//! A subscription is a set: limits become objectives, and objectives are read back as limits.

use sla_domain::{Invalid, MatchOp, Query};
use sla_proto::objective::v1 as pb;
use sla_proto::series::v1 as series;
use sla_proto::weather::v1::{City, Limits, Subscription};

use crate::options::SOURCE;
use crate::place::Place;
use crate::reading::{RAIN, SNOW, TEMPERATURE};

/// Degrees that a limit may have.
const CELSIUS: std::ops::RangeInclusive<f64> = -100.0..=70.0;
/// A reading counts for so many rounds, at least an hour and at most half a day, milliseconds: one poll may fail.
const HOLD_ROUNDS: i64 = 4;
const MIN_HOLD_MS: i64 = 3_600_000;
const MAX_HOLD_MS: i64 = 12 * 3_600_000;
/// A day is looked ahead, milliseconds: weather is no matter of ten minutes.
const HORIZON_MS: i64 = 86_400_000;
/// Characters of a set's name.
const MAX_NAME_CHARS: usize = 80;

/// Least and greatest value.
type Bounds = (Option<f64>, Option<f64>);

/// Everything that is wrong with limits.
pub(crate) fn problems(limits: &Limits) -> Vec<Invalid> {
    let mut found = Vec::new();
    for (field, bound) in [("limits.t_min", limits.t_min), ("limits.t_max", limits.t_max)] {
        if let Some(bound) = bound.filter(|bound| !CELSIUS.contains(bound)) {
            let rule = "must lie between -100 and 70 °C";
            found.push(Invalid::new(field, &bound.to_string(), rule, "give degrees Celsius"));
        }
    }
    if let (Some(t_min), Some(t_max), true) = (limits.t_min, limits.t_max, found.is_empty())
        && t_min > t_max
    {
        let rule = format!("must not lie above t_max ({t_max})");
        found.push(Invalid::new(
            "limits.t_min",
            &t_min.to_string(),
            rule,
            "a notice is due outside of t_min to t_max: lower t_min or raise t_max",
        ));
    }
    if limits.t_min.is_none() && limits.t_max.is_none() && !limits.rain && !limits.snow {
        found.push(Invalid::new(
            "limits",
            "",
            "are missing, so no notice could ever be due",
            "give at least one of t_min, t_max, rain and snow",
        ));
    }
    found
}

/// What the set is called: each user has one a city.
pub(crate) fn name(place: &Place, owner: &str) -> String {
    let whose = if owner.is_empty() {
        String::new()
    } else {
        format!(" · {owner}")
    };
    let room = MAX_NAME_CHARS.saturating_sub("Weather ".len() + whose.chars().count());
    let city: String = place.full_name().chars().take(room).collect();
    format!("Weather {}{whose}", city.trim_end())
}

/// The objectives of limits, in the order temperature, rain, snow.
pub(crate) fn objectives(place: &Place, limits: &Limits, round_ms: i64) -> Vec<pb::Objective> {
    let dry = |wanted: bool| wanted.then_some((None, Some(0.0)));
    let has_temperature = limits.t_min.is_some() || limits.t_max.is_some();
    let wanted = [
        (
            "Temperature",
            TEMPERATURE,
            has_temperature.then_some((limits.t_min, limits.t_max)),
        ),
        ("Rain", RAIN, dry(limits.rain)),
        ("Snow", SNOW, dry(limits.snow)),
    ];
    let one = |(title, metric, range): (&str, &str, Option<Bounds>)| {
        let (min, max) = range?;
        Some(pb::Objective {
            name: title.to_owned(),
            query: Some(series::Query {
                query: Some(series::query::Query::Selector(place.selector(metric)?)),
                source: SOURCE.to_owned(),
                step_ms: 0,
            }),
            range: Some(pb::AllowedRange {
                min,
                max,
                ..pb::AllowedRange::default()
            }),
            missing: pb::MissingPolicy::Hold.into(),
            horizon_ms: HORIZON_MS,
            hold_max_ms: (HOLD_ROUNDS * round_ms).clamp(MIN_HOLD_MS, MAX_HOLD_MS),
            ..pb::Objective::default()
        })
    };
    wanted.into_iter().filter_map(one).collect()
}

/// Metric and coordinates that an objective of the source `weather` is about.
fn about(objective: &pb::Objective) -> Option<(&'static str, String)> {
    let query = objective.query.as_ref().filter(|query| query.source == SOURCE)?;
    let Some(series::query::Query::Selector(text)) = &query.query else {
        return None;
    };
    let selector = Query::parse_selector(text).ok()?;
    let value = |name: &str| {
        let mut equals = selector
            .matchers()
            .iter()
            .filter(|matcher| matcher.op() == MatchOp::Equal);
        equals
            .find(|matcher| matcher.name() == name)
            .map(|matcher| matcher.value().to_owned())
    };
    let metric = selector.metric_name()?;
    let metric = [TEMPERATURE, RAIN, SNOW].into_iter().find(|known| *known == metric)?;
    Some((metric, format!("{},{}", value("lat")?, value("lon")?)))
}

/// The key of the city that an objective is about.
pub(crate) fn place_of(objective: &pb::Objective) -> Option<String> {
    Some(about(objective)?.1)
}

/// The key of the city that a set is a subscription to; `None` for a set about anything else.
pub(crate) fn city_key(set: &pb::SlaSet) -> Option<String> {
    set.objectives.iter().find_map(place_of)
}

/// The same set with other limits: what else it holds stays, and objectives that stay keep their history.
pub(crate) fn with_limits(set: &pb::SlaSet, place: &Place, limits: &Limits, round_ms: i64) -> pb::SlaSet {
    let mut wanted = objectives(place, limits, round_ms);
    let mut set = set.clone();
    set.objectives.retain_mut(|stored| {
        let Some((metric, _)) = about(stored) else { return true };
        let at = wanted
            .iter()
            .position(|one| about(one).is_some_and(|(other, _)| other == metric));
        let Some(at) = at else { return false };
        let wanted = wanted.remove(at);
        stored.range = wanted.range;
        if stored.horizon_ms == 0 {
            // Of the time when objectives had none of their own.
            stored.horizon_ms = wanted.horizon_ms;
        }
        true
    });
    set.objectives.append(&mut wanted);
    set
}

/// A set as the subscription that it is.
pub(crate) fn of_set(set: &pb::SlaSet, city: impl Fn(&str) -> City) -> Option<Subscription> {
    let key = city_key(set)?;
    let mut limits = Limits::default();
    for objective in &set.objectives {
        let (Some((metric, _)), Some(range)) = (about(objective), objective.range.as_ref()) else {
            continue;
        };
        match metric {
            TEMPERATURE => (limits.t_min, limits.t_max) = (range.min, range.max),
            RAIN => limits.rain = true,
            _ => limits.snow = true,
        }
    }
    Some(Subscription {
        id: set.id.clone(),
        version: set.version,
        name: set.name.clone(),
        city: Some(city(&key)),
        limits: Some(limits),
        active: set.active,
        owner: set.owner.clone(),
        private: set.private,
    })
}

#[cfg(test)]
mod tests {
    use sla_domain::{AllowedRange, Side, Verdict};
    use sla_proto::convert;

    use super::*;

    fn limits(t_min: Option<f64>, t_max: Option<f64>, rain: bool, snow: bool) -> Limits {
        Limits {
            t_min,
            t_max,
            rain,
            snow,
        }
    }

    fn oslo() -> Place {
        Place::new("Oslo", "", "NO", 59.91, 10.75).unwrap()
    }

    #[test]
    fn what_is_wrong_with_limits_is_named() {
        let cases = [
            (limits(None, None, false, false), "limits", "are missing"),
            (
                limits(Some(5.0), Some(4.0), false, false),
                "limits.t_min",
                "must not lie above t_max (4)",
            ),
            (
                limits(Some(f64::NAN), None, true, false),
                "limits.t_min",
                "must lie between",
            ),
            (
                limits(None, Some(f64::INFINITY), false, false),
                "limits.t_max",
                "must lie between",
            ),
            (
                limits(Some(-101.0), None, false, false),
                "limits.t_min",
                "must lie between",
            ),
            (
                limits(None, Some(300.0), false, true),
                "limits.t_max",
                "must lie between",
            ),
        ];
        for (wrong, field, rule) in cases {
            let found = problems(&wrong);
            assert_eq!(found.len(), 1, "{wrong:?}");
            assert_eq!(found[0].field, field);
            assert!(found[0].rule.contains(rule), "{}", found[0].rule);
        }
        assert_eq!(problems(&limits(Some(f64::NAN), Some(f64::NAN), false, false)).len(), 2);
        for right in [
            limits(Some(3.0), Some(3.0), false, false),
            limits(None, Some(38.0), true, false),
            limits(None, None, false, true),
        ] {
            assert_eq!(problems(&right), []);
        }
    }

    #[test]
    fn a_notice_is_due_outside_and_when_something_falls() {
        let all = objectives(&oslo(), &limits(Some(0.0), Some(25.0), true, true), 900_000);
        let names: Vec<_> = all.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["Temperature", "Rain", "Snow"]);
        let judge = |at: usize, value: f64| {
            let mut asked = all[at].clone();
            "x".clone_into(&mut asked.id);
            let objective = convert::objective(&asked).unwrap();
            assert_eq!(objective.source, SOURCE);
            assert_eq!(objective.horizon_ms, Some(86_400_000));
            let range: AllowedRange = objective.range;
            range.judge(value)
        };
        assert_eq!(judge(0, -0.1), Verdict::Outside(Side::Below));
        assert_eq!(judge(0, 25.1), Verdict::Outside(Side::Above));
        assert_eq!((judge(0, 0.0), judge(0, 25.0)), (Verdict::Good, Verdict::Good));
        for at in [1, 2] {
            assert_eq!(judge(at, 0.0), Verdict::Good);
            assert_eq!(judge(at, 0.1), Verdict::Outside(Side::Above));
        }
        assert_eq!(
            objectives(&oslo(), &limits(None, Some(1.0), false, false), 0)[0].hold_max_ms,
            MIN_HOLD_MS
        );
    }

    #[test]
    fn a_set_is_read_back_and_keeps_what_is_not_ours() {
        let first = limits(Some(0.0), None, true, false);
        let own = pb::Objective {
            name: "Up".to_owned(),
            query: Some(series::Query {
                query: Some(series::query::Query::Selector("up".to_owned())),
                ..series::Query::default()
            }),
            ..pb::Objective::default()
        };
        let mut set = pb::SlaSet {
            id: "s".to_owned(),
            objectives: objectives(&oslo(), &first, 900_000),
            ..pb::SlaSet::default()
        };
        set.objectives[0].id = "kept".to_owned();
        set.objectives.push(own);
        let read = |set: &pb::SlaSet| {
            of_set(set, |key| City {
                key: key.to_owned(),
                ..City::default()
            })
            .unwrap()
        };
        assert_eq!(read(&set).limits, Some(first));
        assert_eq!(read(&set).city.unwrap().key, oslo().key());
        let second = limits(None, Some(9.5), false, true);
        let changed = with_limits(&set, &oslo(), &second, 900_000);
        assert_eq!(read(&changed).limits, Some(second));
        let names: Vec<_> = changed.objectives.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["Temperature", "Up", "Snow"]);
        assert_eq!(changed.objectives[0].id, "kept", "its history goes on");
        set.objectives.drain(..2);
        assert_eq!(city_key(&set), None, "no weather, no subscription");
    }

    #[test]
    fn a_name_fits_however_long_the_place_is() {
        let long = Place::new(&"L".repeat(60), &"R".repeat(60), "XX", 1.0, 1.0).unwrap();
        let text = name(&long, "ada.lovelace@example.org");
        assert!(
            text.chars().count() <= MAX_NAME_CHARS && text.ends_with("· ada.lovelace@example.org"),
            "{text}"
        );
        assert_eq!(name(&oslo(), ""), "Weather Oslo, NO");
    }
}
