//! What the console says, in the language of its user: every text is a function here, made of `locales/` by `build.rs`.

use std::fmt::Display;
#[cfg(not(test))]
use std::sync::atomic::{AtomicU8, Ordering};

/// A language of the console.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    /// The one in which the texts are written first.
    #[default]
    English,
    /// Italian.
    Italian,
    /// English in letters of no language of ours: a text that stands outside the catalogues is seen by its Latin letters.
    #[cfg(test)]
    Strange,
}

impl Language {
    /// What can be chosen, by the word that chooses it.
    pub(crate) const ALL: [(&'static str, Self); 2] = [("en", Self::English), ("it", Self::Italian)];

    /// By its word: `it`, and a locale such as `it_IT.UTF-8`. `None` for any other.
    pub fn named(word: &str) -> Option<Self> {
        let tongue = word.split(['_', '-', '.', '@']).next().unwrap_or_default();
        let known = Self::ALL.iter().find(|(word, _)| tongue.eq_ignore_ascii_case(word));
        known.map(|(_, language)| *language)
    }

    /// What the environment asks for: the first of `LC_ALL`, `LC_MESSAGES` and `LANG` that says anything; English where that
    /// is none of ours.
    pub fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Self {
        let mut told = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().filter_map(variable);
        let locale = told.find(|value| !value.is_empty());
        locale.and_then(|locale| Self::named(&locale)).unwrap_or_default()
    }
}

/// A text of the catalogues without placeables.
pub(crate) type Text = fn() -> &'static str;

/// A number by which a text may choose its words.
pub(crate) trait Count: Display {
    /// Whether it is exactly one: English and Italian ask no more of a whole number.
    fn is_one(&self) -> bool;
}

macro_rules! count {
    ($($number:ty),*) => {
        $(impl Count for $number {
            fn is_one(&self) -> bool {
                *self == 1
            }
        })*
    };
}

count!(usize, u64, u32);

impl<T: Count + ?Sized> Count for &T {
    fn is_one(&self) -> bool {
        (**self).is_one()
    }
}

/// The language of this process: there is one console in it.
#[cfg(not(test))]
static SPOKEN: AtomicU8 = AtomicU8::new(Language::English as u8);

#[cfg(test)]
thread_local! {
    static SPOKEN: std::cell::Cell<Language> = const { std::cell::Cell::new(Language::English) };
}

/// From now on everything is said in `language`.
#[cfg(not(test))]
pub(crate) fn speak(language: Language) {
    SPOKEN.store(language as u8, Ordering::Relaxed);
}

/// Tests run side by side, each in its own language.
#[cfg(test)]
pub(crate) fn speak(language: Language) {
    SPOKEN.set(language);
}

/// The language spoken.
#[cfg(not(test))]
pub(crate) fn language() -> Language {
    if SPOKEN.load(Ordering::Relaxed) == Language::Italian as u8 {
        Language::Italian
    } else {
        Language::English
    }
}

#[cfg(test)]
pub(crate) fn language() -> Language {
    SPOKEN.get()
}

include!(concat!(env!("OUT_DIR"), "/say.rs"));

#[cfg(test)]
mod tests;
