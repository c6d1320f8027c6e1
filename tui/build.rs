//! Makes functions of the catalogues `locales/LANGUAGE/*.ftl` (Fluent): a text that is missing, or that nobody uses, then is
//! an error of the compiler, a frame looks nothing up, and nothing is read or parsed while the console runs.
//!
//! `saved = { $name } is saved` in `sets.ftl` becomes `say::sets::saved(&name)`; a text without placeables is a `&'static str`.

#![allow(clippy::disallowed_methods, reason = "cargo tells a build script its folders so")]

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

use fluent_syntax::ast::{Entry, Expression, InlineExpression, Pattern, PatternElement, VariantKey};
use fluent_syntax::parser;
use fluent_syntax::unicode::unescape_unicode_to_string;

/// Folder and variant of `Language`; the first is the one that tells which texts there are.
const LANGUAGES: [(&str, &str); 2] = [("en", "English"), ("it", "Italian")];

type Failure = Box<dyn Error>;
type Catalogue = BTreeMap<String, Text>;

/// A message: its pieces, and its placeables in the order in which they are first met.
#[derive(Default)]
struct Text {
    pieces: Vec<Piece>,
    placeables: Vec<(String, bool)>,
}

enum Piece {
    Words(String),
    Placeable(String),
    /// By how many: what is said of one, what of any other number.
    Choice(String, Vec<Piece>, Vec<Piece>),
}

fn main() -> Result<(), Failure> {
    println!("cargo::rerun-if-changed=locales");
    let root = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("locales");
    let mut files: Vec<_> = fs::read_dir(root.join(LANGUAGES[0].0))?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<Result<_, Failure>>()?;
    files.sort();
    let (mut out, mut all) = (String::new(), String::new());
    for file in files {
        let module = file.strip_suffix(".ftl").ok_or_else(|| format!("{file}: is no .ftl"))?;
        let catalogues = LANGUAGES.map(|(folder, _)| read(&root.join(folder).join(&file)));
        let [english, italian] = catalogues;
        let english = english?;
        write_module(&mut out, module, &english, &italian?).map_err(|why| format!("locales/*/{file}: {why}"))?;
        write_entries(&mut all, module, &english)?;
    }
    write!(
        out,
        "/// Module, id, placeables, and what is said when these are numbers.\n#[cfg(test)]\n"
    )?;
    writeln!(
        out,
        "type Entry = (&'static str, &'static str, &'static [&'static str], fn(&[u64]) -> String);"
    )?;
    writeln!(
        out,
        "#[cfg(test)]\n#[allow(clippy::all, clippy::pedantic, reason = \"made by build.rs\")]\nstatic ALL_TEXTS: &[Entry] = &[\n{all}];"
    )?;
    fs::write(Path::new(&env::var("OUT_DIR")?).join("say.rs"), out)?;
    Ok(())
}

fn read(path: &Path) -> Result<Catalogue, Failure> {
    let at = |why: String| format!("{}: {why}", path.display());
    let source = fs::read_to_string(path).map_err(|error| at(error.to_string()))?;
    let resource = parser::parse(source.as_str()).map_err(|(_, errors)| at(format!("{errors:?}")))?;
    let mut catalogue = Catalogue::new();
    for entry in &resource.body {
        let message = match entry {
            Entry::Message(message) => message,
            Entry::Comment(_) | Entry::GroupComment(_) | Entry::ResourceComment(_) => continue,
            Entry::Term(_) | Entry::Junk { .. } => return Err(at("holds more than messages".to_owned()).into()),
        };
        let id = message.id.name;
        let pattern = message.value.as_ref().ok_or_else(|| at(format!("{id}: has no text")))?;
        let mut text = Text::default();
        text.pieces = pieces(pattern, &mut text.placeables).map_err(|why| at(format!("{id}: {why}")))?;
        if catalogue.insert(id.replace('-', "_"), text).is_some() {
            return Err(at(format!("{id}: stands there twice")).into());
        }
    }
    Ok(catalogue)
}

fn pieces(pattern: &Pattern<&str>, placeables: &mut Vec<(String, bool)>) -> Result<Vec<Piece>, Failure> {
    let mut out = Vec::new();
    for element in &pattern.elements {
        let expression = match element {
            PatternElement::TextElement { value } => {
                out.push(Piece::Words((*value).to_owned()));
                continue;
            }
            PatternElement::Placeable { expression } => expression,
        };
        out.push(match expression {
            Expression::Inline(InlineExpression::StringLiteral { value }) => {
                Piece::Words(unescape_unicode_to_string(value).into_owned())
            }
            Expression::Inline(InlineExpression::VariableReference { id }) => {
                Piece::Placeable(met(placeables, id.name, false))
            }
            Expression::Select {
                selector: InlineExpression::VariableReference { id },
                variants,
            } => {
                let number = met(placeables, id.name, true);
                let mut of = |wanted: &str| {
                    let variant = variants
                        .iter()
                        .find(|variant| matches!(variant.key, VariantKey::Identifier { name } if name == wanted));
                    pieces(&variant.ok_or_else(|| format!("no [{wanted}]"))?.value, placeables)
                };
                let (one, other) = (of("one")?, of("other")?);
                if variants.len() != 2 {
                    return Err("chooses between one and other only".into());
                }
                Piece::Choice(number, one, other)
            }
            _ => return Err("holds what is neither a placeable nor a choice by number".into()),
        });
    }
    Ok(out)
}

/// The placeable's name; whether it counts is remembered.
fn met(placeables: &mut Vec<(String, bool)>, name: &str, counts: bool) -> String {
    let name = name.replace('-', "_");
    match placeables.iter_mut().find(|(have, _)| *have == name) {
        Some(have) => have.1 |= counts,
        None => placeables.push((name.clone(), counts)),
    }
    name
}

fn write_module(out: &mut String, module: &str, english: &Catalogue, italian: &Catalogue) -> Result<(), Failure> {
    if let Some(id) = italian.keys().find(|id| !english.contains_key(*id)) {
        return Err(format!("{id}: is not in English").into());
    }
    writeln!(
        out,
        "#[allow(clippy::all, clippy::pedantic, unused_imports, reason = \"made by build.rs\")]\n\
         pub(crate) mod {module} {{\nuse std::fmt::Write as _;"
    )?;
    for (id, text) in english {
        let other = italian.get(id).ok_or_else(|| format!("{id}: is not in Italian"))?;
        let names = |text: &Text| {
            let mut names: Vec<_> = text.placeables.clone();
            names.sort();
            names
        };
        let mut both = names(text);
        for (name, counts) in names(other) {
            match both.iter_mut().find(|(have, _)| *have == name) {
                Some(have) => have.1 |= counts,
                None => return Err(format!("{id}: ${name} is not in English").into()),
            }
        }
        if names(other).len() != both.len() {
            return Err(format!("{id}: the placeables of Italian are not those of English").into());
        }
        write_text(out, id, &[text, other], &both)?;
    }
    writeln!(out, "}}")?;
    Ok(())
}

/// Every text of a module as a row of the table that tests walk through.
fn write_entries(out: &mut String, module: &str, catalogue: &Catalogue) -> Result<(), Failure> {
    for (id, text) in catalogue {
        let names = text.placeables.iter().map(|(name, _)| name.replace('_', "-"));
        let names: Vec<String> = names.collect();
        let arguments: Vec<String> = (0..names.len()).map(|at| format!("&n[{at}]")).collect();
        let (given, arguments) = (if names.is_empty() { "_" } else { "n" }, arguments.join(", "));
        let kebab = id.replace('_', "-");
        writeln!(
            out,
            "({module:?}, {kebab:?}, &{names:?}, |{given}| {module}::{id}({arguments}).into()),"
        )?;
    }
    Ok(())
}

fn write_text(out: &mut String, id: &str, texts: &[&Text; 2], counting: &[(String, bool)]) -> Result<(), Failure> {
    let whole = |text: &Text| -> String {
        let words = text.pieces.iter().map(|piece| match piece {
            Piece::Words(words) => words.as_str(),
            _ => "",
        });
        words.collect()
    };
    if counting.is_empty() {
        let words = texts.map(whole);
        writeln!(out, "// {:?}", words[0])?;
        writeln!(
            out,
            "pub(crate) fn {id}() -> &'static str {{ match super::language() {{"
        )?;
        for ((_, language), words) in LANGUAGES.iter().zip(&words) {
            writeln!(out, "super::Language::{language} => {words:?},")?;
        }
        writeln!(
            out,
            "#[cfg(test)] super::Language::Strange => {:?},\n}} }}",
            strange(&words[0])
        )?;
        return Ok(());
    }
    let arguments = texts[0].placeables.iter().map(|(name, _)| {
        let counts = counting.iter().any(|(have, counts)| have == name && *counts);
        format!(
            "{name}: &dyn {}",
            if counts { "super::Count" } else { "std::fmt::Display" }
        )
    });
    let arguments = arguments.collect::<Vec<_>>().join(", ");
    writeln!(out, "// {:?}", whole(texts[0]))?;
    writeln!(out, "pub(crate) fn {id}({arguments}) -> String {{")?;
    writeln!(
        out,
        "let mut text_ = String::with_capacity({ROOM});\nmatch super::language() {{"
    )?;
    for ((_, language), text) in LANGUAGES.iter().zip(texts) {
        writeln!(out, "super::Language::{language} => {{")?;
        write_pieces(out, &text.pieces, &str::to_owned)?;
        writeln!(out, "}}")?;
    }
    writeln!(out, "#[cfg(test)] super::Language::Strange => {{")?;
    write_pieces(out, &texts[0].pieces, &strange)?;
    writeln!(out, "}} }}\ntext_ }}")?;
    Ok(())
}

/// Bytes that most texts fit in.
const ROOM: usize = 96;

fn write_pieces(out: &mut String, pieces: &[Piece], spelt: &dyn Fn(&str) -> String) -> Result<(), Failure> {
    for piece in pieces {
        match piece {
            Piece::Words(words) => writeln!(out, "text_.push_str({:?});", spelt(words))?,
            Piece::Placeable(name) => writeln!(out, "let _ = write!(text_, \"{{{name}}}\");")?,
            Piece::Choice(number, one, other) => {
                writeln!(out, "if {number}.is_one() {{")?;
                write_pieces(out, one, spelt)?;
                writeln!(out, "}} else {{")?;
                write_pieces(out, other, spelt)?;
                writeln!(out, "}}")?;
            }
        }
    }
    Ok(())
}

/// Every letter as another one of the same width that no text of ours or of a server has: what then still stands on the
/// screen in Latin letters came from no catalogue.
fn strange(words: &str) -> String {
    let other = |c: char| match c {
        'a'..='z' => char::from_u32(0x0561 + (c as u32 - 'a' as u32)),
        'A'..='Z' => char::from_u32(0x0531 + (c as u32 - 'A' as u32)),
        c => Some(c),
    };
    words.chars().filter_map(other).collect()
}
