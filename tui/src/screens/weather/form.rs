//! The form of a new subscription.

use crossterm::event::{KeyCode, KeyEvent};
use sla_proto::weather::v1::{Limits, SubscribeRequest};

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
        }
    }

    pub(super) fn turn(&mut self, by: isize) {
        self.focus = (self.focus as isize + by).rem_euclid(LABELS.len() as isize) as usize;
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
        match self.request() {
            Ok(request) => {
                self.problem.clear();
                self.is_asked = true;
                cx.call(Slot::Subscribe, request);
            }
            Err(problem) => self.problem = problem,
        }
    }

    /// It was refused: what was typed stays.
    pub(super) fn refused(&mut self, problem: &Problem) {
        self.is_asked = false;
        self.problem = problem.sentence();
    }

    pub(super) fn draw(&self, canvas: &mut Canvas<'_>) {
        let width = canvas.width().min(74);
        let height = (LABELS.len() as u16 + PROBLEM_ROWS + 4).min(canvas.height());
        let x = (canvas.width() - width) / 2;
        let mut popup = canvas.part(x, 0, width, height);
        popup.clear();
        let mut inside = popup.frame(say::weather::new_subscription(), Role::Title);
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
            (say::weather::asking_the_provider().to_owned(), Role::Dim)
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
        inside.field(
            1,
            y + PROBLEM_ROWS,
            room + 10,
            say::weather::enter_subscribes_tab_next(),
            Align::Left,
            Role::Key,
        );
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
