//! The form of a login: a name, and a password that is not shown.

use crate::say;
use crate::theme::Role;
use crate::widget::canvas::Canvas;
use crate::widget::field::TextField;
use crate::widget::wrap::wrap;

/// Columns of the form.
const WIDTH: u16 = 60;
/// Columns before what is typed.
const LABEL: u16 = 11;

/// What is typed, and what became of it.
#[derive(Clone, Default)]
pub(crate) struct Login {
    name: TextField,
    password: TextField,
    at_password: bool,
    /// Sent, and not answered yet.
    pub(crate) is_waiting: bool,
    /// Why the last try failed, or why it is asked.
    problem: String,
}

/// Never with the password.
impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Login")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Login {
    /// For `name`, when it is known; `why` it is asked.
    pub(crate) fn new(name: &str, why: impl Into<String>) -> Self {
        Self {
            name: TextField::new(name),
            at_password: !name.is_empty(),
            problem: why.into(),
            ..Self::default()
        }
    }

    /// The field that is being typed in.
    pub(crate) fn field_mut(&mut self) -> &mut TextField {
        if self.at_password {
            &mut self.password
        } else {
            &mut self.name
        }
    }

    /// Goes to the other field.
    pub(crate) fn turn(&mut self) {
        self.at_password = !self.at_password;
    }

    /// Takes what was typed, when all of it is there; else goes to what is missing.
    pub(crate) fn submit(&mut self) -> Option<(String, String)> {
        if self.is_waiting {
            return None;
        }
        let (name, password) = (self.name.value().trim(), self.password.value());
        if name.is_empty() || password.is_empty() {
            self.at_password = !name.is_empty();
            return None;
        }
        let typed = (name.to_owned(), password.to_owned());
        self.is_waiting = true;
        self.problem.clear();
        Some(typed)
    }

    /// It was refused: the password is typed anew.
    pub(crate) fn refused(&mut self, why: String) {
        self.is_waiting = false;
        self.password = TextField::default();
        self.at_password = true;
        self.problem = why;
    }

    /// In the middle of the screen.
    pub(crate) fn draw(&self, canvas: &mut Canvas<'_>) {
        let width = canvas.width().min(WIDTH);
        let told = if self.is_waiting {
            say::frame::logging_in()
        } else {
            self.problem.as_str()
        };
        let lines = wrap(told, usize::from(width.saturating_sub(4)));
        let height = lines.len() as u16 + 6;
        let (x, y) = ((canvas.width() - width) / 2, canvas.height().saturating_sub(height) / 2);
        let mut popup = canvas.part(x, y, width, height);
        popup.clear();
        let mut inside = popup.frame(say::frame::log_in_esc_not(), Role::Title);
        let room = inside.width().saturating_sub(LABEL + 1);
        inside.text(1, 0, say::frame::name(), Role::Key);
        self.name.draw(&mut inside, LABEL, 0, room, !self.at_password);
        inside.text(1, 1, say::frame::password(), Role::Key);
        let stars = "*".repeat(self.password.value().chars().count());
        TextField::new(&stars).draw(&mut inside, LABEL, 1, room, self.at_password);
        let role = if self.is_waiting { Role::Dim } else { Role::Error };
        for (row, line) in lines.iter().enumerate() {
            inside.text(1, row as u16 + 3, line, role);
        }
    }
}
