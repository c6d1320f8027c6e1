//! What a path means: followed through imports, re-exports and globs to the file that defines it.

use std::collections::BTreeSet;

use super::tree::{FileId, ModuleId, Tree};

/// What a path leads to inside the crate.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// A module itself.
    Module(ModuleId),
    /// An item (or a part of one) that this file defines.
    Item(FileId),
}

/// What `path` means in `module`; `None` for what other crates define, locals and generics.
pub(crate) fn meaning(tree: &Tree, module: ModuleId, path: &[String]) -> Option<Meaning> {
    follow(tree, module, path, &mut BTreeSet::new())
}

/// Names being looked up: a name that leads back to itself leads nowhere.
type Asked = BTreeSet<(ModuleId, String, bool)>;

fn follow(tree: &Tree, module: ModuleId, path: &[String], asked: &mut Asked) -> Option<Meaning> {
    let (first, mut rest) = path.split_first()?;
    let mut here = match first.as_str() {
        "crate" => Meaning::Module(0),
        "self" => Meaning::Module(module),
        "super" => Meaning::Module(tree.modules[module].parent?),
        name => look_up(tree, module, name, rest.is_empty(), asked)?,
    };
    while let Some((next, after)) = rest.split_first() {
        let Meaning::Module(inside) = here else {
            return Some(here);
        };
        here = if next == "super" {
            Meaning::Module(tree.modules[inside].parent?)
        } else {
            look_up(tree, inside, next, after.is_empty(), asked)?
        };
        rest = after;
    }
    Some(here)
}

/// What one name means in a module. As the `last` of a path an item goes before a module of the same name, else after it.
fn look_up(tree: &Tree, module: ModuleId, name: &str, last: bool, asked: &mut Asked) -> Option<Meaning> {
    if !asked.insert((module, name.to_owned(), last)) {
        return None;
    }
    let here = &tree.modules[module];
    let child = here.children.get(name).map(|child| Meaning::Module(*child));
    if !last && child.is_some() {
        return child;
    }
    if here.defined.contains(name) {
        return Some(Meaning::Item(here.file));
    }
    let named = here
        .imports
        .iter()
        .filter(|import| import.alias.as_deref() == Some(name));
    let mut module_of_that_name = child;
    for import in named {
        match follow(tree, module, &import.path, asked) {
            Some(Meaning::Module(found)) => module_of_that_name = Some(Meaning::Module(found)),
            Some(item) if last => return Some(item),
            Some(item) => module_of_that_name = module_of_that_name.or(Some(item)),
            None => {}
        }
    }
    if module_of_that_name.is_some() {
        return module_of_that_name;
    }
    let globs = here.imports.iter().filter(|import| import.alias.is_none());
    for glob in globs {
        if let Some(Meaning::Module(opened)) = follow(tree, module, &glob.path, asked)
            && let Some(found) = look_up(tree, opened, name, last, asked)
        {
            return Some(found);
        }
    }
    None
}
