//! The form of one objective: checked at each key, with what the range would have meant beside it.

mod view;

use crossterm::event::{KeyCode, KeyEvent};
use sla_domain::{Invalid, Unit, quantity};
use sla_proto::etl::v1::CheckQueryResponse;
use sla_proto::objective::v1::{AllowedRange, MissingPolicy, Objective};
use sla_proto::series::v1::{CounterMode, Query};

use super::draft::bound_text;
use crate::context::request::{Answer, Reply, RequestId};
use crate::context::{Context, wire};
use crate::format::parse_duration_ms;
use crate::say;
use crate::widget::canvas::Canvas;
use crate::widget::complete;
use crate::widget::field::{Choice, TextField};

const MISSING: [(&str, MissingPolicy); 5] = [
    ("gap", MissingPolicy::Gap),
    ("good", MissingPolicy::Good),
    ("bad", MissingPolicy::Bad),
    ("hold", MissingPolicy::Hold),
    ("zero", MissingPolicy::Zero),
];
const COUNTER: [(&str, CounterMode); 3] = [
    ("auto", CounterMode::Auto),
    ("raw", CounterMode::Raw),
    ("rate", CounterMode::Rate),
];

/// The fields in the order of Tab.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Focus {
    Query,
    Name,
    Min,
    Max,
    WarnBelow,
    WarnAbove,
    Missing,
    Hold,
    Target,
    Counter,
    Forecast,
    Horizon,
}

const ORDER: [Focus; 12] = [
    Focus::Query,
    Focus::Name,
    Focus::Min,
    Focus::Max,
    Focus::WarnBelow,
    Focus::WarnAbove,
    Focus::Missing,
    Focus::Hold,
    Focus::Target,
    Focus::Counter,
    Focus::Forecast,
    Focus::Horizon,
];

/// One objective being edited.
#[derive(Debug, Clone)]
pub(crate) struct Form {
    /// Place in the draft; its length for a new one.
    pub(crate) at: usize,
    base: Objective,
    focus: usize,
    query: TextField,
    name: TextField,
    min: TextField,
    max: TextField,
    warn_below: TextField,
    warn_above: TextField,
    missing: Choice,
    hold: TextField,
    target: TextField,
    counter: Choice,
    forecast: Choice,
    horizon: TextField,
    check: Check,
    /// As it was opened, to see whether anything was changed.
    opened: String,
    /// A key was taken: what is wrong may be said.
    touched: bool,
    /// The last key asked to close it in spite of its changes.
    closing: bool,
}

/// What the server says about the query.
#[derive(Debug, Clone, Default)]
struct Check {
    text: String,
    pending: Option<RequestId>,
    /// Words, and whether they are good.
    said: Option<(bool, String)>,
}

impl Form {
    pub(crate) fn new(at: usize, objective: &Objective) -> Self {
        let range = objective.range.unwrap_or_default();
        let unit = wire::bound_unit(objective.query.as_ref(), objective.counter_mode());
        let query = wire::query_text(objective.query.as_ref());
        let words = |options: &[(&'static str, MissingPolicy)]| options.iter().map(|o| o.0).collect::<Vec<_>>();
        let missing = MISSING.iter().position(|m| m.1 == objective.missing()).unwrap_or(0);
        let counter = COUNTER
            .iter()
            .position(|c| c.1 == objective.counter_mode())
            .unwrap_or(0);
        let span = |ms: i64| {
            if ms > 0 {
                crate::format::duration(ms)
            } else {
                String::new()
            }
        };
        let mut form = Self {
            at,
            base: objective.clone(),
            // An existing objective is opened to change its bounds.
            focus: if query.is_empty() { 0 } else { 2 },
            query: TextField::new(query),
            name: TextField::new(&objective.name),
            min: TextField::new(&bound_text(range.min, unit)),
            max: TextField::new(&bound_text(range.max, unit)),
            warn_below: TextField::new(&bound_text(range.warn_below, unit)),
            warn_above: TextField::new(&bound_text(range.warn_above, unit)),
            missing: Choice::new(&words(&MISSING), missing),
            hold: TextField::new(&span(objective.hold_max_ms)),
            target: TextField::new(&objective.target_percent),
            counter: Choice::new(&COUNTER.map(|c| c.0), counter),
            forecast: Choice::new(&[say::form::yes(), say::form::no()], usize::from(objective.no_forecast)),
            horizon: TextField::new(&span(objective.horizon_ms)),
            check: Check::default(),
            opened: String::new(),
            touched: false,
            closing: false,
        };
        form.opened = form.typed();
        form
    }

    /// Everything that was typed and chosen.
    fn typed(&self) -> String {
        let fields = [
            &self.query,
            &self.name,
            &self.min,
            &self.max,
            &self.warn_below,
            &self.warn_above,
            &self.hold,
            &self.target,
            &self.horizon,
        ];
        let choices = [&self.missing, &self.counter, &self.forecast].map(Choice::value);
        let texts: Vec<&str> = fields.iter().map(|field| field.value()).chain(choices).collect();
        texts.join("\u{0}")
    }

    /// Whether it is as it was opened.
    pub(crate) fn is_untouched(&self) -> bool {
        self.typed() == self.opened
    }

    /// Of the objective that it is about; empty for a new one.
    pub(crate) fn objective_id(&self) -> &str {
        &self.base.id
    }

    /// Whether it may be closed: a form with changes is closed by asking twice.
    pub(crate) fn may_close(&mut self) -> bool {
        std::mem::replace(&mut self.closing, true) || self.is_untouched()
    }

    pub(crate) fn query(&self) -> Query {
        let mut query = wire::query_from_text(self.query.value());
        query.step_ms = self.base.query.as_ref().map_or(0, |q| q.step_ms);
        query
    }

    /// What the bounds are measured in.
    fn unit(&self) -> Unit {
        wire::bound_unit(Some(&self.query()), COUNTER[self.counter.at].1)
    }

    /// The bounds that were typed with a prefix or a unit, as they were understood: `max 6Gi = 6442450944 (6.44 GB)`.
    fn understood(&self) -> String {
        let unit = self.unit();
        let fields = [
            ("min", &self.min),
            ("max", &self.max),
            (say::form::warn_below(), &self.warn_below),
            (say::form::above(), &self.warn_above),
        ];
        let told = fields.iter().filter_map(|(name, field)| {
            let text = field.value().trim();
            let value = quantity::parse(text, unit)
                .ok()
                .filter(|_| text.parse::<f64>().is_err())?;
            let (bare, short) = (quantity::bare(value), quantity::short(value, unit));
            let again = if bare == short {
                String::new()
            } else {
                format!(" ({short})")
            };
            Some(format!("{name} {text} = {bare}{again}; "))
        });
        told.collect()
    }

    /// The query when the server has not been asked about it yet.
    pub(crate) fn unchecked_query(&mut self) -> Option<Query> {
        let text = self.query.value().trim().to_owned();
        if text.is_empty() || text == self.check.text {
            return None;
        }
        self.check = Check {
            text,
            ..Check::default()
        };
        Some(self.query())
    }

    pub(crate) fn checking(&mut self, id: RequestId) {
        self.check.pending = Some(id);
    }

    pub(crate) fn checked(&mut self, id: RequestId, result: Answer) {
        if self.check.pending != Some(id) {
            return;
        }
        self.check.pending = None;
        self.check.said = Some(match result.and_then(Reply::take::<CheckQueryResponse>) {
            Ok(check) if check.problem.is_empty() && check.series > 0 => (true, say::form::series_match(&check.series)),
            Ok(check) if check.problem.is_empty() => (false, say::form::query_no_series_matches().to_owned()),
            Ok(check) => {
                let place = check
                    .position
                    .map_or_else(String::new, |p| say::form::at_character(&(p + 1)));
                (false, say::form::query(&place, &check.problem))
            }
            Err(problem) => (false, problem.sentence()),
        });
    }

    pub(crate) fn suggest(&mut self, range: Option<&AllowedRange>) {
        let range = range.copied().unwrap_or_default();
        let unit = self.unit();
        self.min = TextField::new(&bound_text(range.min, unit));
        self.max = TextField::new(&bound_text(range.max, unit));
        self.base.suggested = true;
    }

    /// What was typed under the name that the draft has: a name that is wrong yet changes no figure.
    pub(crate) fn preview(&self) -> Option<Objective> {
        let mut form = self.clone();
        let name = if self.base.name.is_empty() {
            say::form::new()
        } else {
            &self.base.name
        };
        form.name = TextField::new(name);
        form.objective().ok()
    }

    /// What was typed, as an objective, or everything that is wrong with it.
    pub(crate) fn objective(&self) -> Result<Objective, Vec<Invalid>> {
        let mut problems = Vec::new();
        let unit = self.unit();
        let mut number = |field: &TextField, name: &str| {
            let text = field.value().trim();
            if text.is_empty() {
                return None;
            }
            let invalid = match quantity::parse(text, unit) {
                Ok(value) => return Some(value),
                Err(invalid) => invalid,
            };
            problems.push(Invalid {
                field: name.to_owned(),
                ..invalid
            });
            None
        };
        let range = AllowedRange {
            min: number(&self.min, "min"),
            max: number(&self.max, "max"),
            warn_below: number(&self.warn_below, say::form::warn_below()),
            warn_above: number(&self.warn_above, say::form::warn_above()),
        };
        let hold_text = self.hold.value().trim();
        let missing = MISSING[self.missing.at].1;
        let hold_max_ms = match (missing, parse_duration_ms(hold_text)) {
            (MissingPolicy::Hold, None) => {
                problems.push(Invalid::new(
                    say::form::hold_at_most(),
                    hold_text,
                    say::form::must_be_a_duration(),
                    say::form::write_it_like_90s(),
                ));
                0
            }
            (MissingPolicy::Hold, Some(ms)) => ms,
            _ => 0,
        };
        let horizon_text = self.horizon.value().trim();
        let horizon_ms = match (horizon_text, parse_duration_ms(horizon_text)) {
            ("", _) => 0,
            (_, Some(ms)) => ms,
            (_, None) => {
                let (rule, fix) = (say::form::must_be_a_duration(), say::form::write_it_like_10m());
                problems.push(Invalid::new(say::form::ahead(), horizon_text, rule, fix));
                0
            }
        };
        if !problems.is_empty() {
            return Err(problems);
        }
        let bounds = |o: &Objective| o.range.map(|r| (r.min, r.max));
        let mut objective = self.base.clone();
        objective.query = Some(self.query());
        self.name.value().trim().clone_into(&mut objective.name);
        if objective.name.is_empty() {
            self.query.value().trim().clone_into(&mut objective.name);
        }
        objective.range = Some(range);
        objective.set_missing(missing);
        objective.hold_max_ms = hold_max_ms;
        self.target
            .value()
            .trim()
            .trim_end_matches('%')
            .trim()
            .clone_into(&mut objective.target_percent);
        objective.set_counter_mode(COUNTER[self.counter.at].1);
        objective.no_forecast = self.forecast.at == 1;
        objective.horizon_ms = horizon_ms;
        if bounds(&objective) != bounds(&self.base) {
            objective.suggested = false;
        }
        sla_proto::convert::objective(&objective).map(|_| objective)
    }

    pub(crate) fn turn(&mut self, by: isize) {
        let count = ORDER.len() as isize;
        self.focus = (self.focus as isize + by).rem_euclid(count) as usize;
        // A field that has no meaning is passed over.
        if ORDER[self.focus] == Focus::Hold && MISSING[self.missing.at].1 != MissingPolicy::Hold {
            self.focus = (self.focus as isize + by.signum()).rem_euclid(count) as usize;
        }
    }

    fn field_mut(&mut self) -> Option<&mut TextField> {
        Some(match ORDER[self.focus] {
            Focus::Query => &mut self.query,
            Focus::Name => &mut self.name,
            Focus::Min => &mut self.min,
            Focus::Max => &mut self.max,
            Focus::WarnBelow => &mut self.warn_below,
            Focus::WarnAbove => &mut self.warn_above,
            Focus::Hold => &mut self.hold,
            Focus::Target => &mut self.target,
            Focus::Horizon => &mut self.horizon,
            Focus::Missing | Focus::Counter | Focus::Forecast => return None,
        })
    }

    pub(crate) fn paste(&mut self, text: &str) {
        if let Some(field) = self.field_mut() {
            field.paste(text);
        }
    }

    /// Tab in the query completes it; false when there is nothing to complete.
    pub(crate) fn complete(&mut self, cx: &Context, key: KeyEvent) -> bool {
        let by = match key.code {
            KeyCode::Tab => 1,
            KeyCode::BackTab => -1,
            _ => return false,
        };
        if ORDER[self.focus] != Focus::Query {
            return false;
        }
        let offer = complete::selector(self.query.value(), &cx.vocabulary);
        let done = !self.query.value().trim().is_empty() && self.query.complete(&offer, by);
        self.touched |= done;
        done
    }

    /// The text whose words are needed while the query is typed.
    pub(crate) fn query_typed(&self) -> Option<&str> {
        (ORDER[self.focus] == Focus::Query).then(|| self.query.value())
    }

    /// Words that may stand at the end of the query, over what lies below it.
    pub(crate) fn draw_offer(&self, canvas: &mut Canvas<'_>) {
        let (width, height) = (canvas.width(), canvas.height());
        self.query.draw_offer(
            &mut canvas.part(7, 1, width.saturating_sub(8), height.saturating_sub(1)),
            true,
        );
    }

    /// Takes a key; true when something changed.
    pub(crate) fn type_key(&mut self, key: KeyEvent) -> bool {
        self.closing = false;
        let changed = self.take_key(key);
        self.touched |= changed;
        changed
    }

    fn take_key(&mut self, key: KeyEvent) -> bool {
        if let Some(field) = self.field_mut() {
            return field.handle(key);
        }
        let choice = match ORDER[self.focus] {
            Focus::Missing => &mut self.missing,
            Focus::Forecast => &mut self.forecast,
            _ => &mut self.counter,
        };
        match key.code {
            KeyCode::Left => choice.turn(-1),
            KeyCode::Right | KeyCode::Char(' ') => choice.turn(1),
            _ => return false,
        }
        true
    }
}

/// What the fields mean, for `F1`.
pub(crate) fn help() -> Vec<String> {
    [
        say::form::tab_arrows_next_field(),
        say::form::enter_takes_what_was(),
        say::form::esc_closes_the_form(),
        say::form::ctrl_g_suggests_a(),
        "",
        say::form::query_a_selector_such(),
        say::form::name_how_it_is(),
        say::form::min_max_the_bounds(),
        say::form::warn_below_above_inside(),
        say::form::missing_what_unknown_time(),
        say::form::target_how_much_of(),
        say::form::counter_auto_a_counter(),
        say::form::forecast_whether_it_is(),
        say::form::ahead_how_far_it(),
        say::form::choices_space_or_the(),
    ]
    .map(str::to_owned)
    .to_vec()
}

#[cfg(test)]
mod tests {
    use crossterm::event::KeyModifiers;

    use super::*;

    fn typed(form: &mut Form, text: &str) {
        for c in text.chars() {
            form.type_key(KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE));
        }
    }

    fn load() -> Form {
        let range = AllowedRange {
            max: Some(4.0),
            ..AllowedRange::default()
        };
        let query = wire::query_from_text("node_load1");
        Form::new(
            0,
            &Objective {
                name: "load".into(),
                query: Some(query),
                range: Some(range),
                ..Objective::default()
            },
        )
    }

    #[test]
    fn an_untouched_form_gives_its_objective_back() {
        let objective = load().objective().unwrap();
        assert_eq!(
            (objective.name.as_str(), objective.range.unwrap().max),
            ("load", Some(4.0))
        );
    }

    #[test]
    fn what_is_wrong_is_said_while_typing() {
        let mut form = load();
        typed(&mut form, "5");
        assert!(form.words().1.contains("min"), "5 lies above max 4: {}", form.words().1);
        assert!(form.preview().is_none());
        let mut form = load();
        typed(&mut form, "abc");
        let problem = form.objective().unwrap_err().remove(0);
        assert_eq!((problem.field.as_str(), problem.value.as_str()), ("min", "abc"));
        assert!(!problem.fix.is_empty());
    }

    #[test]
    fn a_wrong_name_changes_no_figure_and_nothing_is_red_before_the_first_key() {
        let mut form = load();
        form.name = TextField::new(&"x".repeat(1_000));
        assert!(form.objective().is_err());
        assert_eq!(form.preview().unwrap().name, "load");
        let mut form = Form::new(0, &Objective::default());
        assert_eq!(form.words().0, None);
        typed(&mut form, "u");
        assert_ne!(form.words().0, None);
    }

    #[test]
    fn a_changed_form_is_closed_by_asking_twice() {
        assert!(load().may_close(), "nothing was changed");
        let mut form = load();
        typed(&mut form, "1");
        assert!(!form.may_close());
        typed(&mut form, "2");
        assert!(!form.may_close(), "a key in between takes it back");
        assert!(form.may_close());
    }

    #[test]
    fn a_horizon_of_its_own_is_a_duration() {
        let mut form = load();
        assert_eq!(form.objective().unwrap().horizon_ms, 0);
        form.horizon = TextField::new("24h");
        assert_eq!(form.objective().unwrap().horizon_ms, 86_400_000);
        for (text, field) in [("soon", "ahead"), ("25h", "horizon"), ("1s", "horizon")] {
            form.horizon = TextField::new(text);
            let problem = form.objective().unwrap_err().remove(0);
            assert_eq!(problem.field, field, "{text}");
        }
    }

    #[test]
    fn suffixes_are_understood() {
        let mut form = load();
        form.max = TextField::new("2.5G");
        assert_eq!(form.objective().unwrap().range.unwrap().max, Some(2.5e9));
    }

    #[test]
    fn hold_is_passed_over_unless_chosen() {
        let mut form = load();
        let mut seen = Vec::new();
        for _ in 0..ORDER.len() {
            form.turn(1);
            seen.push(ORDER[form.focus]);
        }
        assert!(!seen.contains(&Focus::Hold) && seen.contains(&Focus::Counter));
    }
}
