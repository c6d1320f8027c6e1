//! Small crates with and without circles: what the reading of arrows must see and must not.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::arrows::arrows;
use super::groups::groups;
use super::tree::Tree;

/// The circles of a crate of these files (path in `src/`, text), each as its sorted paths.
fn circles(files: &[(&str, &str)]) -> Vec<Vec<String>> {
    let sources: BTreeMap<PathBuf, String> = files
        .iter()
        .map(|(path, text)| (Path::new("src").join(path), (*text).to_owned()))
        .collect();
    let tree = Tree::read_with(
        Path::new("src/lib.rs"),
        Box::new(move |path| sources.get(path).cloned()),
    );
    groups(&arrows(&tree))
        .into_iter()
        .map(|group| group.into_iter().map(|file| tree.file(file).to_owned()).collect())
        .collect()
}

const LIB: (&str, &str) = ("lib.rs", "mod one; mod two;");

fn one_and_two_are_a_circle(one: &str, two: &str) -> bool {
    circles(&[LIB, ("one.rs", one), ("two.rs", two)]) == [["one.rs", "two.rs"]]
}

#[test]
fn imports_make_arrows() {
    assert!(one_and_two_are_a_circle(
        "use crate::two::Two; pub struct One;",
        "use super::one::One; pub struct Two;"
    ));
    assert!(!one_and_two_are_a_circle(
        "use crate::two::Two; pub struct One;",
        "pub struct Two;"
    ));
}

#[test]
fn paths_in_bodies_make_arrows() {
    assert!(one_and_two_are_a_circle(
        "pub fn one() { crate::two::two() }",
        "pub fn two() { super::one::one() }"
    ));
    assert!(one_and_two_are_a_circle(
        "use crate::two; pub fn one() { two::two() }",
        "pub fn two() { use crate::one; one::one() }"
    ));
}

#[test]
fn paths_in_types_patterns_and_macros_make_arrows() {
    let one = "pub struct One; pub enum Side { Left } pub fn one() { crate::two::two() }";
    for two in [
        "pub struct Two(crate::one::One);",
        "impl crate::one::One {}",
        "pub fn f(side: u8) { match side { crate::one::Side::Left => {} _ => {} } }",
        "pub fn f() { println!(\"{}\", crate::one::one()) }",
        "pub fn f<T: Into<crate::one::One>>() {}",
        "use super::one::Side::*; pub fn f() -> Option<u8> { None }",
    ] {
        assert!(
            one_and_two_are_a_circle(one, &format!("{two} pub fn two() {{}}")),
            "{two}"
        );
    }
}

#[test]
fn a_reexport_leads_to_the_file_that_defines() {
    let files = [
        ("lib.rs", "mod one; mod two; pub use two::Two; pub use one::*;"),
        ("one.rs", "use crate::Two; pub struct One;"),
        ("two.rs", "pub struct Two(crate::One);"),
    ];
    assert_eq!(circles(&files), [["one.rs", "two.rs"]]);
}

#[test]
fn a_parent_that_declares_and_reexports_is_in_no_circle() {
    let files = [
        ("lib.rs", "mod parent;"),
        ("parent.rs", "mod low; mod high; pub use high::High;"),
        ("parent/low.rs", "pub struct Low;"),
        ("parent/high.rs", "use super::low::Low; pub struct High(Low);"),
    ];
    assert_eq!(circles(&files), Vec::<Vec<String>>::new());
}

#[test]
fn a_parent_that_uses_its_child_and_is_used_by_it_is_in_one() {
    let files = [
        ("lib.rs", "mod parent;"),
        (
            "parent.rs",
            "mod child; pub struct Inner; pub fn f() { child::g(Inner) }",
        ),
        ("parent/child.rs", "use super::Inner; pub fn g(_: Inner) {}"),
    ];
    assert_eq!(circles(&files), [["parent.rs", "parent/child.rs"]]);
}

#[test]
fn a_longer_way_round_is_one_group() {
    let files = [
        ("lib.rs", "mod a; mod b; mod c; mod d;"),
        ("a.rs", "pub struct A(crate::b::B);"),
        ("b.rs", "pub struct B(crate::c::C);"),
        ("c.rs", "pub struct C(Box<crate::a::A>, crate::d::D);"),
        ("d.rs", "pub struct D;"),
    ];
    assert_eq!(circles(&files), [["a.rs", "b.rs", "c.rs"]]);
}

#[test]
fn tests_inside_files_are_not_read() {
    assert!(!one_and_two_are_a_circle(
        "pub struct One; #[cfg(test)] mod tests { use crate::two::Two; }",
        "pub struct Two(crate::one::One);"
    ));
}

#[test]
fn what_tests_and_benchmarks_share_is_not_read() {
    let files = [
        ("lib.rs", "#[cfg(any(test, feature = \"bench\"))] mod one; mod two;"),
        ("one.rs", "pub struct One(crate::two::Two);"),
        ("two.rs", "pub struct Two(crate::one::One);"),
    ];
    assert_eq!(circles(&files), Vec::<Vec<String>>::new());
}

#[test]
fn a_name_that_leads_to_itself_leads_nowhere() {
    assert!(!one_and_two_are_a_circle(
        "pub use super::two::*; pub struct One;",
        "pub use super::one::*; pub fn two(_: Missing) {}"
    ));
}
