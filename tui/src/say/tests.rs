use std::collections::BTreeMap;
use std::path::Path;

use fluent_bundle::{FluentArgs, FluentBundle, FluentResource};

use super::*;

/// The catalogues of a language as Fluent itself reads them, by module.
fn catalogues(folder: &str) -> BTreeMap<String, FluentBundle<FluentResource>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("locales").join(folder);
    let mut out = BTreeMap::new();
    for entry in std::fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        let resource = FluentResource::try_new(std::fs::read_to_string(&path).unwrap()).unwrap();
        let mut bundle = FluentBundle::new(vec![folder.parse().unwrap()]);
        bundle.set_use_isolating(false);
        bundle.add_resource(resource).unwrap();
        out.insert(path.file_stem().unwrap().to_str().unwrap().to_owned(), bundle);
    }
    out
}

#[test]
fn every_text_is_what_fluent_makes_of_it() {
    for (folder, language) in Language::ALL {
        speak(language);
        let catalogues = catalogues(folder);
        for (module, id, placeables, said) in ALL_TEXTS {
            let bundle = &catalogues[*module];
            let pattern = bundle.get_message(id).and_then(|message| message.value()).unwrap();
            for first in [0, 1, 2, 21, 1_000_000_u64] {
                let numbers: Vec<u64> = (first..).take(placeables.len()).collect();
                let mut arguments = FluentArgs::new();
                for (name, number) in placeables.iter().zip(&numbers) {
                    arguments.set(*name, *number);
                }
                let mut errors = Vec::new();
                let wanted = bundle.format_pattern(pattern, Some(&arguments), &mut errors);
                assert!(errors.is_empty(), "{folder} {module} {id}: {errors:?}");
                assert_eq!(said(&numbers), wanted, "{folder} {module} {id} of {numbers:?}");
            }
        }
    }
    speak(Language::English);
}

#[test]
fn padded_words_and_blanks_around_stay_in_both_languages() {
    let around = |text: &str| (text.starts_with(' '), text.ends_with(' '), text.contains('\n'));
    for (module, id, placeables, said) in ALL_TEXTS {
        let numbers = vec![2; placeables.len()];
        let both = Language::ALL.map(|(_, language)| {
            speak(language);
            said(&numbers)
        });
        assert!(both.iter().all(|text| !text.is_empty()), "{module} {id}");
        // English pads the singular to the width of the plural; in Italian both are as wide.
        if (*module, *id) != ("sets", "violation") {
            assert_eq!(around(&both[0]), around(&both[1]), "{module} {id}: {both:?}");
        }
        // `source     …`: what follows stands in a column of its own.
        let column = |text: &str| Some(text.find("   ")? + text[text.find("   ")?..].find(|c| c != ' ')?);
        let characters = |text: &str| column(text).map(|at| text[..at].chars().count());
        if characters(&both[0]) == Some(11) {
            assert_eq!(characters(&both[1]).or(Some(11)), Some(11), "{module} {id}: {both:?}");
        }
    }
    speak(Language::English);
}

#[test]
fn the_language_is_that_of_the_environment() {
    let of = |pairs: &[(&str, &str)]| {
        let pairs: BTreeMap<String, String> = pairs.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
        Language::from_environment(|name| pairs.get(name).cloned())
    };
    assert_eq!(of(&[]), Language::English);
    assert_eq!(of(&[("LANG", "it_IT.UTF-8")]), Language::Italian);
    assert_eq!(of(&[("LANG", "it_IT.UTF-8"), ("LC_MESSAGES", "C")]), Language::English);
    assert_eq!(
        of(&[("LC_ALL", ""), ("LC_MESSAGES", "it"), ("LANG", "C")]),
        Language::Italian
    );
    assert_eq!(of(&[("LC_ALL", "de_DE.UTF-8"), ("LANG", "it_IT")]), Language::English);
    assert_eq!(Language::named("italian"), None);
}

#[test]
fn letters_of_no_language_of_ours_have_no_latin_ones_among_them() {
    speak(Language::Strange);
    for (module, id, placeables, said) in ALL_TEXTS {
        let text = said(&vec![3; placeables.len()]);
        assert!(
            !text.contains(|c: char| c.is_ascii_alphabetic()),
            "{module} {id}: {text}"
        );
    }
    speak(Language::English);
}
