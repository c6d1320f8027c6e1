//! One agreement: what is looked at, what is allowed, what a missing value means.

use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;

use crate::invalid::{Invalid, check_harmless, check_length};
use crate::query::Query;
use crate::range::AllowedRange;
use crate::target::Target;

/// Identifies an objective over all its edits: 1 to 64 of `a–z 0–9 _ -`. Cheap to clone: all that is known of an objective is kept
/// under it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectiveId(Arc<str>);

impl ObjectiveId {
    /// The longest id, in characters.
    pub const MAX_CHARS: usize = 64;

    /// An id; other characters or lengths are refused.
    pub fn new(text: impl Into<String>) -> Result<Self, Invalid> {
        let text = text.into();
        check_id("id", &text, Self::MAX_CHARS)?;
        Ok(Self(text.into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ObjectiveId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

pub(crate) fn check_id(field: &str, text: &str, max_chars: usize) -> Result<(), Invalid> {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_');
    if !text.is_empty() && text.len() <= max_chars && text.bytes().all(allowed) {
        return Ok(());
    }
    Err(Invalid::new(
        field,
        text,
        format!("must be 1 to {max_chars} characters of a–z, 0–9, - and _"),
        "choose another id or leave it empty to get one",
    ))
}

/// What the unknown time of a series means (semantics §7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum MissingPolicy {
    /// Dropped; the coverage falls.
    #[default]
    Gap,
    /// Counted as kept.
    Good,
    /// Counted as broken.
    Bad,
    /// The last value holds on for up to this long instead of the usual cap.
    Hold {
        /// Milliseconds, above 0.
        max_ms: i64,
    },
    /// The value 0 is judged.
    Zero,
}

impl MissingPolicy {
    /// The word used on screens, in files and JSON: `gap`, `good`, `bad`, `hold`, `zero`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Gap => "gap",
            Self::Good => "good",
            Self::Bad => "bad",
            Self::Hold { .. } => "hold",
            Self::Zero => "zero",
        }
    }
}

/// `gap`, `good`, `bad`, `hold(10m)`, `zero`.
impl fmt::Display for MissingPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hold { max_ms } => write!(f, "hold({})", crate::duration::format_ms(*max_ms)),
            other => f.write_str(other.word()),
        }
    }
}

impl std::str::FromStr for MissingPolicy {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let bare = text.trim();
        match bare {
            "gap" => return Ok(Self::Gap),
            "good" => return Ok(Self::Good),
            "bad" => return Ok(Self::Bad),
            "zero" => return Ok(Self::Zero),
            _ => {}
        }
        bare.strip_prefix("hold(")
            .and_then(|rest| rest.strip_suffix(')'))
            .and_then(|inner| crate::duration::parse_ms(inner).ok())
            .map(|max_ms| Self::Hold { max_ms })
            .ok_or_else(|| {
                Invalid::new(
                    "missing",
                    text,
                    "is no policy for missing data",
                    "use gap, good, bad, zero or hold(10m)",
                )
            })
    }
}

/// How a counter is read (semantics §9). Ignored for anything else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CounterMode {
    /// Per-second rate.
    Rate {
        /// Over how long, in milliseconds; `None` = 4 × the series' spacing.
        over_ms: Option<i64>,
    },
    /// The counter's own value.
    Raw,
}

impl Default for CounterMode {
    fn default() -> Self {
        Self::Rate { over_ms: None }
    }
}

/// One objective of an SLA set.
#[derive(Debug, Clone, PartialEq)]
pub struct Objective {
    /// Stays the same over edits.
    pub id: ObjectiveId,
    /// What people call it; unique in its set (without regard to case).
    pub name: String,
    /// What is looked at.
    pub query: Query,
    /// The configured name of the metric source that is asked; empty = the default one.
    pub source: String,
    /// What is allowed.
    pub range: AllowedRange,
    /// What unknown time means.
    pub missing: MissingPolicy,
    /// How counters are read.
    pub counter: CounterMode,
    /// The step an expression is evaluated at, in milliseconds. Selectors are judged on raw samples and ignore it.
    pub step_ms: i64,
    /// The promised percentage of time, if any.
    pub target: Option<Target>,
    /// Below this share of known time a window shows no percentage and no budget; in [0, 1].
    pub coverage_floor: f64,
    /// Violations shorter than this are hidden on display (never from storage), in milliseconds.
    pub min_duration_ms: i64,
    /// Proposed by the product, not yet confirmed by a person.
    pub suggested: bool,
    /// Whether its future is forecast.
    pub forecast: bool,
    /// How far ahead it is forecast, in milliseconds; `None` = as far as the instance looks.
    pub horizon_ms: Option<i64>,
    /// Counts changes of what is judged; the history of older generations is not mixed in (semantics §15).
    pub generation: u32,
}

impl Objective {
    /// The longest name of a source, in characters.
    pub const MAX_SOURCE_CHARS: usize = 120;
    /// The longest name, in characters.
    pub const MAX_NAME_CHARS: usize = 120;
    /// The usual coverage floor.
    pub const DEFAULT_COVERAGE_FLOOR: f64 = 0.9;
    /// The step of an expression that names none, in milliseconds; the same for all who read expressions.
    pub const DEFAULT_STEP_MS: i64 = 60_000;
    /// The finest step, in milliseconds.
    pub const MIN_STEP_MS: i64 = 1_000;
    /// The coarsest step, in milliseconds.
    pub const MAX_STEP_MS: i64 = 3_600_000;
    /// The longest duration any setting of an objective may have, in milliseconds: 31 days.
    pub const MAX_DURATION_MS: i64 = 31 * 86_400_000;
    /// The shortest horizon of a forecast, in milliseconds.
    pub const MIN_HORIZON_MS: i64 = 60_000;
    /// The longest horizon of a forecast, in milliseconds: what came of it is judged on the samples kept, which are of 26 h.
    pub const MAX_HORIZON_MS: i64 = 86_400_000;

    /// An objective with the usual settings: gap policy, rate of counters, no target, forecast on, generation 1.
    pub fn new(id: ObjectiveId, name: impl Into<String>, query: Query, range: AllowedRange) -> Self {
        Self {
            id,
            name: name.into(),
            query,
            source: String::new(),
            range,
            missing: MissingPolicy::default(),
            counter: CounterMode::default(),
            step_ms: Self::DEFAULT_STEP_MS,
            target: None,
            coverage_floor: Self::DEFAULT_COVERAGE_FLOOR,
            min_duration_ms: 0,
            suggested: false,
            forecast: true,
            horizon_ms: None,
            generation: 1,
        }
    }

    /// Everything that is wrong with the parts that have no type of their own (query, range, target and id are right
    /// by construction). Empty means it may be saved.
    pub fn check(&self) -> Vec<Invalid> {
        let mut found = Vec::new();
        found.extend(check_name("name", &self.name, Self::MAX_NAME_CHARS).err());
        if !self.source.is_empty() {
            found.extend(check_name("source", &self.source, Self::MAX_SOURCE_CHARS).err());
        }
        if let MissingPolicy::Hold { max_ms } = self.missing {
            found.extend(check_duration("missing", max_ms, 1..=Self::MAX_DURATION_MS).err());
        }
        if let CounterMode::Rate { over_ms: Some(over_ms) } = self.counter {
            found.extend(check_duration("rate_over", over_ms, Self::MIN_STEP_MS..=Self::MAX_DURATION_MS).err());
        }
        found.extend(check_duration("step", self.step_ms, Self::MIN_STEP_MS..=Self::MAX_STEP_MS).err());
        found.extend(check_duration("min_duration", self.min_duration_ms, 0..=Self::MAX_DURATION_MS).err());
        if let Some(horizon_ms) = self.horizon_ms {
            let allowed_ms = Self::MIN_HORIZON_MS..=Self::MAX_HORIZON_MS;
            found.extend(check_duration("horizon", horizon_ms, allowed_ms).err());
        }
        if !(0.0..=1.0).contains(&self.coverage_floor) {
            found.push(Invalid::new(
                "coverage_floor",
                &self.coverage_floor.to_string(),
                "must lie between 0 and 1",
                "give a share, for example 0.9",
            ));
        }
        if self.generation == 0 {
            found.push(Invalid::new(
                "generation",
                "0",
                "generations count from 1",
                "leave it out",
            ));
        }
        found
    }

    /// The settings that differ, by name; id and generation are not compared.
    pub fn differences(&self, other: &Self) -> Vec<&'static str> {
        [
            ("name", self.name != other.name),
            ("query", self.query.text() != other.query.text()),
            ("source", self.source != other.source),
            ("range", !self.range.same_bounds(&other.range)),
            (
                "warning",
                self.range.warn_min() != other.range.warn_min() || self.range.warn_max() != other.range.warn_max(),
            ),
            ("missing", self.missing != other.missing),
            ("counter", self.counter != other.counter),
            ("step", self.step_ms != other.step_ms),
            ("target", self.target != other.target),
            ("coverage_floor", self.coverage_floor != other.coverage_floor),
            ("min_duration", self.min_duration_ms != other.min_duration_ms),
            ("suggested", self.suggested != other.suggested),
            ("forecast", self.forecast != other.forecast),
            ("horizon", self.horizon_ms != other.horizon_ms),
        ]
        .into_iter()
        .filter_map(|(name, differs)| differs.then_some(name))
        .collect()
    }

    /// Whether `other` judges time differently, so that its history must be computed anew: another query or source, other bounds,
    /// another policy for missing data, another reading of counters, another step of an expression.
    pub fn judges_otherwise(&self, other: &Self) -> bool {
        self.differences(other).iter().any(|&name| match name {
            "query" | "source" | "range" | "missing" | "counter" => true,
            "step" => !self.query.is_selector(),
            _ => false,
        })
    }
}

/// A name people type: not blank, no blanks around, no control or invisible character, not too long.
pub(crate) fn check_name(field: &str, name: &str, max_chars: usize) -> Result<(), Invalid> {
    if name.trim().is_empty() {
        return Err(Invalid::new(field, name, "must not be empty", "give it a name"));
    }
    check_length(field, name, max_chars)?;
    check_harmless(field, name, false)?;
    if name.trim() != name {
        return Err(Invalid::new(
            field,
            name,
            "starts or ends with a blank",
            "take the blank away",
        ));
    }
    Ok(())
}

fn check_duration(field: &str, ms: i64, allowed_ms: RangeInclusive<i64>) -> Result<(), Invalid> {
    if allowed_ms.contains(&ms) {
        return Ok(());
    }
    Err(Invalid::new(
        field,
        &crate::duration::format_ms(ms),
        format!(
            "must lie between {} and {}",
            crate::duration::format_ms(*allowed_ms.start()),
            crate::duration::format_ms(*allowed_ms.end())
        ),
        "give a duration such as 5m",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objective() -> Objective {
        Objective::new(
            ObjectiveId::new("load").unwrap(),
            "Load",
            Query::parse("node_load1").unwrap(),
            AllowedRange::at_most(4.0).unwrap(),
        )
    }

    #[test]
    fn usual_settings_are_valid() {
        assert_eq!(objective().check(), Vec::new());
    }

    #[test]
    fn each_bad_field_is_named() {
        let mut bad = objective();
        bad.name = "a\u{202e}b".into();
        bad.missing = MissingPolicy::Hold { max_ms: 0 };
        bad.counter = CounterMode::Rate { over_ms: Some(-1) };
        bad.step_ms = 0;
        bad.min_duration_ms = i64::MAX;
        bad.horizon_ms = Some(Objective::MAX_HORIZON_MS + 1);
        bad.coverage_floor = f64::NAN;
        bad.generation = 0;
        let fields: Vec<String> = bad.check().into_iter().map(|invalid| invalid.field).collect();
        assert_eq!(
            fields,
            [
                "name",
                "missing",
                "rate_over",
                "step",
                "min_duration",
                "horizon",
                "coverage_floor",
                "generation"
            ]
        );
        for name in ["", "  ", " x", "x ", &"x".repeat(121), "a\nb"] {
            bad = objective();
            bad.name = name.into();
            assert_eq!(bad.check().len(), 1, "{name:?}");
        }
        for id in ["", "A", "a b", &"x".repeat(65)] {
            assert!(ObjectiveId::new(id).is_err());
        }
    }

    #[test]
    fn only_what_is_judged_starts_a_new_history() {
        let before = objective();
        let mut after = objective();
        after.target = Some(Target::parse("99").unwrap());
        after.name = "Other".into();
        after.step_ms = 30_000;
        after.horizon_ms = Some(86_400_000);
        after.range = after.range.with_warning(None, Some(3.0)).unwrap();
        assert_eq!(
            before.differences(&after),
            ["name", "warning", "step", "target", "horizon"]
        );
        assert!(!before.judges_otherwise(&after));
        after.range = AllowedRange::at_most(5.0).unwrap();
        assert!(before.judges_otherwise(&after));
    }

    #[test]
    fn policies_read_back() {
        for policy in [
            MissingPolicy::Gap,
            MissingPolicy::Good,
            MissingPolicy::Bad,
            MissingPolicy::Zero,
            MissingPolicy::Hold { max_ms: 600_000 },
        ] {
            assert_eq!(policy.to_string().parse(), Ok(policy));
        }
        assert!("hold(x)".parse::<MissingPolicy>().is_err());
        assert!("Gap".parse::<MissingPolicy>().is_err());
    }
}
