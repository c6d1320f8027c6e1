//! Secrets taken out of what others say: who is told a secret may repeat it in his error, as it is or the way it travelled.

use std::cmp::Reverse;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use percent_encoding::percent_decode_str;

/// Shorter ones are none: they stand in words of all kinds.
const LEAST_BYTES: usize = 4;

/// What must not be repeated, in each form in which it may come back; the longest first.
#[derive(Clone, Default)]
pub struct Secrets(Vec<String>);

/// Never shows one.
impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({})", self.0.len())
    }
}

impl Secrets {
    /// A secret: as it stands, in a string of JSON, in base64, and without the escapes of an address.
    pub fn add(&mut self, secret: &str) {
        self.put(secret.to_owned());
        self.put(secret.replace('\\', r"\\").replace('"', r#"\""#));
        self.put(STANDARD_NO_PAD.encode(secret));
        self.put(decoded(secret));
    }

    /// A password, also as it travels with its user: by HTTP's `Basic` and by SMTP's `AUTH PLAIN`.
    pub fn add_login(&mut self, user: &str, password: &str) {
        self.add(password);
        // From an address they come with its escapes, and travel without.
        for (user, password) in [(user, password), (&*decoded(user), &*decoded(password))] {
            self.put(STANDARD_NO_PAD.encode(format!("{user}:{password}")));
            self.put(STANDARD_NO_PAD.encode(format!("\0{user}\0{password}")));
        }
    }

    fn put(&mut self, form: String) {
        if form.len() >= LEAST_BYTES && !self.0.contains(&form) {
            self.0.push(form);
            self.0.sort_by_key(|form| Reverse(form.len()));
        }
    }

    /// `text` with an ellipsis for each of them. Before it is cut: what a cut leaves of one is not known again.
    pub fn take_out(&self, text: &str) -> String {
        let mut left = text.to_owned();
        for form in &self.0 {
            left = left.replace(form, "…");
        }
        left
    }
}

fn decoded(part: &str) -> String {
    percent_decode_str(part).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_goes_in_each_form_and_the_words_around_it_stay() {
        let mut secrets = Secrets::default();
        secrets.add_login("ada", "pa\"ss wörd");
        secrets.add("T0/a%2Fb");
        secrets.add("of");
        for (said, left) in [
            ("wrong: pa\"ss wörd, sorry", "wrong: …, sorry"),
            (r#"{"got":"pa\"ss wörd"}"#, r#"{"got":"…"}"#),
            ("no T0/a%2Fb, no T0/a/b", "no …, no …"),
            ("Basic YWRhOnBhInNzIHfDtnJk", "Basic …"),
            ("AUTH PLAIN AGFkYQBwYSJzcyB3w7ZyZA==", "AUTH PLAIN …=="),
            ("AUTH LOGIN cGEic3Mgd8O2cmQ=", "AUTH LOGIN …="),
            ("out of order", "out of order"),
        ] {
            assert_eq!(secrets.take_out(said), left);
        }
        assert!(!format!("{secrets:?}").contains("ss"), "{secrets:?}");
    }
}
