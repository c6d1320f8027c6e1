//! Which file names what another file defines.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};

use super::names::{Meaning, meaning};
use super::tree::{FileId, Import, ModuleId, Tree, attributes, flatten, only_for_tests};

/// From each file to each file it needs, with the names that make it so.
pub(crate) type Arrows = BTreeMap<(FileId, FileId), BTreeSet<String>>;

/// Every arrow between files of the crate.
pub(crate) fn arrows(tree: &Tree) -> Arrows {
    let mut arrows = Arrows::new();
    for (id, module) in tree.modules.iter().enumerate() {
        let mut reader = Reader {
            tree,
            module: id,
            locals: Vec::new(),
            arrows: &mut arrows,
        };
        for import in &module.imports {
            reader.import(import);
        }
        for item in &module.items {
            reader.visit_item(item);
        }
    }
    arrows
}

/// Reads what stands in one module.
struct Reader<'t> {
    tree: &'t Tree,
    module: ModuleId,
    /// Paths imported inside the bodies that are being read, by the names they have there.
    locals: Vec<(String, Vec<String>)>,
    arrows: &'t mut Arrows,
}

impl Reader<'_> {
    fn import(&mut self, import: &Import) {
        match meaning(self.tree, self.module, &import.path) {
            // A glob says nothing by itself: the names used are followed one by one.
            Some(Meaning::Module(_)) | None => {}
            Some(Meaning::Item(file)) if import.reexported && self.is_below(file) => {}
            Some(Meaning::Item(file)) => self.arrow(file, &import.path),
        }
    }

    /// Whether `file` holds a module somewhere under this one.
    fn is_below(&self, file: FileId) -> bool {
        let mut above = self.tree.modules.iter().find(|module| module.file == file);
        while let Some(module) = above {
            if module.parent == Some(self.module) {
                return true;
            }
            above = module.parent.map(|parent| &self.tree.modules[parent]);
        }
        false
    }

    fn named(&mut self, path: &[String]) {
        let Some(first) = path.first() else { return };
        let local = self.locals.iter().rev().find(|(alias, _)| alias == first);
        let whole: Vec<String> = match local {
            Some((_, imported)) => imported.iter().chain(&path[1..]).cloned().collect(),
            None => path.to_vec(),
        };
        if let Some(Meaning::Item(file)) = meaning(self.tree, self.module, &whole) {
            self.arrow(file, path);
        }
    }

    fn arrow(&mut self, to: FileId, path: &[String]) {
        let from = self.tree.modules[self.module].file;
        if from != to {
            let name = path.last().cloned().unwrap_or_default();
            self.arrows.entry((from, to)).or_default().insert(name);
        }
    }

    /// Paths among the tokens of a macro: what looks like `a::b` or like a type.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.named_in_macro(&path);
                        path.clear();
                    }
                    path.push(ident.to_string());
                    colons = 0;
                }
                other => {
                    self.named_in_macro(&path);
                    path.clear();
                    colons = 0;
                    if let TokenTree::Group(group) = other {
                        self.tokens(group.stream());
                    }
                }
            }
        }
        self.named_in_macro(&path);
    }

    fn named_in_macro(&mut self, path: &[String]) {
        let is_type = |name: &String| name.starts_with(char::is_uppercase);
        if path.len() > 1 || path.first().is_some_and(is_type) {
            self.named(path);
        }
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        if !only_for_tests(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        if !only_for_tests(&function.attrs) {
            visit::visit_impl_item_fn(self, function);
        }
    }

    fn visit_block(&mut self, block: &'ast syn::Block) {
        let outside = self.locals.len();
        visit::visit_block(self, block);
        self.locals.truncate(outside);
    }

    /// An import inside a body: one arrow, and a name for what follows in the body.
    fn visit_item_use(&mut self, used: &'ast syn::ItemUse) {
        let mut found = Vec::new();
        flatten(&used.tree, &mut Vec::new(), &mut |path, alias| {
            found.push((alias, path));
        });
        for (alias, path) in found {
            self.named(&path);
            self.locals.extend(alias.map(|alias| (alias, path)));
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.leading_colon.is_none() {
            let segments: Vec<_> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
            self.named(&segments);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, called: &'ast syn::Macro) {
        visit::visit_macro(self, called);
        self.tokens(called.tokens.clone());
    }
}
