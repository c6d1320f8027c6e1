//! The form of a subscription: a new one, or one that is there.

use crossterm::event::{KeyCode, KeyEvent};
use sla_domain::SafeText;
use sla_domain::quantity::bare;
use sla_proto::weather::v1::{Limits, SubscribeRequest, Subscription, UpdateSubscriptionRequest};

use crate::context::Context;
use crate::context::request::{Problem, Slot};
use crate::say::{self, Text};
use crate::theme::Role;
use crate::widget::canvas::{Align, Canvas};
use crate::widget::field::{Choice, TextField};
use crate::widget::wrap::wrap;

/// Labels, in the order of the fields.
const LABELS: [Text; 6] = [
    say::weather::city,
    say::weather::min,
    say::weather::max,
    say::weather::rain,
    say::weather::snow,
    say::weather::seen_by,
];
/// Fields of text; the others are choices.
const TEXTS: usize = 3;
/// Rows of what is wrong.
const PROBLEM_ROWS: u16 = 4;

/// City, limits, and who may see it.
#[derive(Debug)]
pub(super) struct Subscribe {
    texts: [TextField; TEXTS],
    choices: [Choice; 3],
    focus: usize,
    problem: String,
    is_asked: bool,
    /// The one that is changed: its city stays.
    stored: Option<Subscription>,
}

impl Subscribe {
    pub(super) fn new(city: &str) -> Self {
        let falls = || Choice::new(&[say::weather::does_not_matter(), say::weather::is_a_violation()], 0);
        Self {
            texts: [TextField::new(city), TextField::default(), TextField::default()],
            choices: [
                falls(),
                falls(),
                Choice::new(&[say::weather::me_and_admins(), say::weather::everybody()], 0),
            ],
            focus: 0,
            problem: String::new(),
            is_asked: false,
            stored: None,
        }
    }

    /// Of a subscription that is there, as it was read.
    pub(super) fn of(stored: &Subscription) -> Self {
        let city = stored.city.as_ref().map_or("", |city| &city.name);
        let mut form = Self::new(SafeText::new(city).as_str());
        let limits = stored.limits.unwrap_or_default();
        for (field, bound) in form.texts[1..].iter_mut().zip([limits.t_min, limits.t_max]) {
            *field = TextField::new(&bound.map(bare).unwrap_or_default());
        }
        for (choice, is_second) in form.choices.iter_mut().zip([limits.rain, limits.snow, !stored.private]) {
            choice.at = usize::from(is_second);
        }
        Self {
            focus: 1,
            stored: Some(stored.clone()),
            ..form
        }
    }

    pub(super) fn turn(&mut self, by: isize) {
        // The city of one that is there is no field.
        let first = isize::from(self.stored.is_some());
        let fields = LABELS.len() as isize - first;
        self.focus = ((self.focus as isize - first + by).rem_euclid(fields) + first) as usize;
    }

    pub(super) fn type_key(&mut self, key: KeyEvent) {
        if let Some(text) = self.texts.get_mut(self.focus) {
            text.handle(key);
            return;
        }
        let choice = &mut self.choices[self.focus - TEXTS];
        match key.code {
            KeyCode::Left => choice.turn(-1),
            KeyCode::Right | KeyCode::Char(' ') => choice.turn(1),
            _ => {}
        }
    }

    pub(super) fn paste(&mut self, text: &str) {
        if let Some(field) = self.texts.get_mut(self.focus) {
            field.paste(text);
        }
    }

    /// Degrees of a field; nothing where it is empty.
    fn degrees(&self, at: usize) -> Result<Option<f64>, String> {
        let text = self.texts[at].value().trim();
        if text.is_empty() {
            return Ok(None);
        }
        let number = text
            .replace('−', "-")
            .parse::<f64>()
            .ok()
            .filter(|number| number.is_finite());
        number
            .map(Some)
            .ok_or_else(|| say::weather::is_no_number_give(&LABELS[at](), &text))
    }

    fn request(&self) -> Result<SubscribeRequest, String> {
        let limits = Limits {
            t_min: self.degrees(1)?,
            t_max: self.degrees(2)?,
            rain: self.choices[0].at == 1,
            snow: self.choices[1].at == 1,
        };
        let city = self.texts[0].value().trim().to_owned();
        if city.is_empty() {
            return Err(say::weather::city_is_empty_type().to_owned());
        }
        Ok(SubscribeRequest {
            city,
            limits: Some(limits),
            shared: self.choices[2].at == 1,
        })
    }

    /// Sends it, once.
    pub(super) fn submit(&mut self, cx: &mut Context) {
        if self.is_asked {
            return;
        }
        match (self.request(), &self.stored) {
            (Ok(request), None) => cx.call(Slot::Subscribe, request),
            (Ok(request), Some(stored)) => cx.call(Slot::Subscribe, change(stored, &request)),
            (Err(problem), _) => {
                self.problem = problem;
                return;
            }
        };
        self.problem.clear();
        self.is_asked = true;
    }

    /// It was refused: what was typed stays.
    pub(super) fn refused(&mut self, problem: &Problem) {
        self.is_asked = false;
        self.problem = problem.sentence();
    }

    fn waiting(&self) -> &'static str {
        match self.stored {
            None => say::weather::asking_the_provider(),
            Some(_) => say::weather::saving(),
        }
    }

    fn keys(&self) -> &'static str {
        match self.stored {
            None => say::weather::enter_subscribes_tab_next(),
            Some(_) => say::weather::enter_changes_tab_next(),
        }
    }

    pub(super) fn draw(&self, canvas: &mut Canvas<'_>) {
        let width = canvas.width().min(74);
        let height = (LABELS.len() as u16 + PROBLEM_ROWS + 4).min(canvas.height());
        let x = (canvas.width() - width) / 2;
        let mut popup = canvas.part(x, 0, width, height);
        popup.clear();
        let name = self.stored.as_ref().map(|stored| SafeText::new(&stored.name));
        let title = match &name {
            Some(name) => name.as_str(),
            None => say::weather::new_subscription(),
        };
        let mut inside = popup.frame(title, Role::Title);
        let room = inside.width().saturating_sub(12);
        for (at, label) in LABELS.iter().enumerate() {
            let (y, focused) = (at as u16, self.focus == at);
            inside.text(1, y, label(), Role::Dim);
            match self.texts.get(at) {
                Some(text) => text.draw(&mut inside, 11, y, room, focused),
                None => self.choices[at - TEXTS].draw(&mut inside, 11, y, 20.min(room), focused),
            }
        }
        let y = LABELS.len() as u16 + 1;
        let (text, role) = if self.is_asked {
            (self.waiting().to_owned(), Role::Dim)
        } else if self.problem.is_empty() {
            let words = say::weather::a_violation_is_a();
            (words.to_owned(), Role::Dim)
        } else {
            (self.problem.clone(), Role::Error)
        };
        let lines = wrap(&text, usize::from(room + 10));
        for (row, line) in lines.iter().take(usize::from(PROBLEM_ROWS)).enumerate() {
            inside.text(1, y + row as u16, line, role);
        }
        inside.field(1, y + PROBLEM_ROWS, room + 10, self.keys(), Align::Left, Role::Key);
    }
}

/// What was changed of a subscription: the limits as a whole, and who may see it where that is another one.
fn change(stored: &Subscription, wanted: &SubscribeRequest) -> UpdateSubscriptionRequest {
    UpdateSubscriptionRequest {
        id: stored.id.clone(),
        version: stored.version,
        limits: wanted.limits,
        active: None,
        shared: (wanted.shared == stored.private).then_some(wanted.shared),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(texts: [&str; TEXTS], choices: [usize; 3]) -> Result<SubscribeRequest, String> {
        let mut form = Subscribe::new(texts[0]);
        form.texts = texts.map(TextField::new);
        for (choice, at) in form.choices.iter_mut().zip(choices) {
            choice.at = at;
        }
        form.request()
    }

    #[test]
    fn what_is_typed_becomes_a_request_or_a_word_about_a_field() {
        let request = typed([" Oslo, NO ", "-5", "12.5"], [1, 0, 1]).unwrap();
        let limits = request.limits.unwrap();
        assert_eq!((request.city.as_str(), request.shared), ("Oslo, NO", true));
        assert_eq!(
            (limits.t_min, limits.t_max, limits.rain, limits.snow),
            (Some(-5.0), Some(12.5), true, false)
        );
        let stored = Subscription {
            id: "s".to_owned(),
            version: 3,
            limits: Some(Limits {
                t_min: Some(-5.0),
                rain: true,
                ..Limits::default()
            }),
            private: true,
            ..Subscription::default()
        };
        let mut form = Subscribe::of(&stored);
        form.texts[0] = TextField::new("Oslo");
        let same = change(&stored, &form.request().unwrap());
        assert_eq!((same.limits, same.shared, same.version), (stored.limits, None, 3));
        form.choices[2].at = 1;
        assert_eq!(change(&stored, &form.request().unwrap()).shared, Some(true));
        form.turn(-1);
        form.turn(1);
        assert_eq!(form.focus, 1, "the city is no field");
        assert!(typed(["", "", ""], [1, 0, 0]).unwrap_err().starts_with("city:"));
        assert!(
            typed(["Oslo", "cold", ""], [0, 0, 0])
                .unwrap_err()
                .starts_with("min °C: `cold`")
        );
        assert!(
            typed(["Oslo", "", "inf"], [0, 0, 0])
                .unwrap_err()
                .starts_with("max °C:")
        );
    }
}
