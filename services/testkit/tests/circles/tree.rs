//! The modules of a crate as its files declare them: what each defines, imports and re-exports.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use syn::{Attribute, Item, ItemMod, UseTree, Visibility};

/// A file of the crate, by its place in [`Tree`].
pub(crate) type FileId = usize;
/// A module of the crate, by its place in [`Tree`].
pub(crate) type ModuleId = usize;

/// An imported path and where it was written.
pub(crate) struct Import {
    /// The segments as written, `crate`, `self` and `super` among them.
    pub(crate) path: Vec<String>,
    /// The name it has here; `None` for a glob.
    pub(crate) alias: Option<String>,
    /// Whether others may import it from here in turn.
    pub(crate) reexported: bool,
}

/// Has the text of a path, or nothing where there is no file.
type ReadFile = Box<dyn Fn(&Path) -> Option<String>>;

/// One module: a file, or a part of one in braces.
pub(crate) struct Module {
    pub(crate) file: FileId,
    pub(crate) parent: Option<ModuleId>,
    pub(crate) children: BTreeMap<String, ModuleId>,
    pub(crate) defined: BTreeSet<String>,
    pub(crate) imports: Vec<Import>,
    /// Everything written here but the modules it declares, for reading bodies.
    pub(crate) items: Vec<Item>,
}

/// All modules reachable from one crate root; the root is module 0.
pub(crate) struct Tree {
    pub(crate) modules: Vec<Module>,
    files: Vec<String>,
    read: ReadFile,
}

impl Tree {
    /// Reads the crate whose root is `root` from the disk.
    pub(crate) fn read(root: &Path) -> Self {
        Self::read_with(root, Box::new(|path| fs::read_to_string(path).ok()))
    }

    /// Reads the crate whose root is `root` by `read`.
    pub(crate) fn read_with(root: &Path, read: ReadFile) -> Self {
        let mut tree = Self {
            modules: Vec::new(),
            files: Vec::new(),
            read,
        };
        let folder = root.parent().expect("a root lies in a folder");
        tree.add_file(root, folder, folder, None);
        tree
    }

    /// The path of a file, from the folder of the root.
    pub(crate) fn file(&self, file: FileId) -> &str {
        &self.files[file]
    }

    /// `top` is the folder of the root, `folder` the one in which the file's modules are looked for.
    fn add_file(&mut self, path: &Path, top: &Path, folder: &Path, parent: Option<ModuleId>) -> ModuleId {
        let text = (self.read)(path).unwrap_or_else(|| panic!("{} cannot be read", path.display()));
        let parsed = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        self.files
            .push(path.strip_prefix(top).unwrap_or(path).display().to_string());
        let file = self.files.len() - 1;
        self.add_module(parsed.items, file, top, folder, parent)
    }

    fn add_module(
        &mut self,
        items: Vec<Item>,
        file: FileId,
        top: &Path,
        folder: &Path,
        parent: Option<ModuleId>,
    ) -> ModuleId {
        let id = self.modules.len();
        self.modules.push(Module {
            file,
            parent,
            children: BTreeMap::new(),
            defined: BTreeSet::new(),
            imports: Vec::new(),
            items: Vec::new(),
        });
        for item in items {
            if only_for_tests(attributes(&item)) {
                continue;
            }
            match item {
                Item::Mod(declared) => {
                    let name = declared.ident.to_string();
                    let child = self.add_declared(declared, file, top, folder, id);
                    self.modules[id].children.insert(name, child);
                }
                Item::Use(used) => {
                    let reexported = !matches!(used.vis, Visibility::Inherited);
                    flatten(&used.tree, &mut Vec::new(), &mut |path, alias| {
                        self.modules[id].imports.push(Import {
                            path,
                            alias,
                            reexported,
                        });
                    });
                }
                item => {
                    self.modules[id].defined.extend(name_of(&item));
                    self.modules[id].items.push(item);
                }
            }
        }
        id
    }

    fn add_declared(
        &mut self,
        declared: ItemMod,
        file: FileId,
        top: &Path,
        folder: &Path,
        parent: ModuleId,
    ) -> ModuleId {
        let name = declared.ident.to_string();
        let below = folder.join(&name);
        if let Some((_, items)) = declared.content {
            return self.add_module(items, file, top, &below, Some(parent));
        }
        let written = [folder.join(format!("{name}.rs")), below.join("mod.rs")];
        let path: &PathBuf = written
            .iter()
            .find(|path| (self.read)(path).is_some())
            .unwrap_or_else(|| panic!("no file for `mod {name};` in {}", folder.display()));
        self.add_file(path, top, &below, Some(parent))
    }
}

/// Calls `each` with every path that a `use` imports and the name it gets, `None` for a glob.
pub(crate) fn flatten(tree: &UseTree, prefix: &mut Vec<String>, each: &mut impl FnMut(Vec<String>, Option<String>)) {
    match tree {
        UseTree::Path(path) => {
            prefix.push(path.ident.to_string());
            flatten(&path.tree, prefix, each);
            prefix.pop();
        }
        UseTree::Name(name) if name.ident == "self" => each(prefix.clone(), prefix.last().cloned()),
        UseTree::Name(name) => each(with(prefix, &name.ident), Some(name.ident.to_string())),
        UseTree::Rename(renamed) if renamed.ident == "self" => each(prefix.clone(), Some(renamed.rename.to_string())),
        UseTree::Rename(renamed) => each(with(prefix, &renamed.ident), Some(renamed.rename.to_string())),
        UseTree::Glob(_) => each(prefix.clone(), None),
        UseTree::Group(group) => group.items.iter().for_each(|tree| flatten(tree, prefix, each)),
    }
}

fn with(prefix: &[String], last: &syn::Ident) -> Vec<String> {
    prefix.iter().cloned().chain([last.to_string()]).collect()
}

/// Whether an item exists for tests (and benchmarks) only: `cfg(test)`, `cfg(any(test, …))`, `cfg(all(test, …))`.
pub(crate) fn only_for_tests(attributes: &[Attribute]) -> bool {
    attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("cfg"))
        .filter_map(|attribute| attribute.parse_args::<syn::Meta>().ok())
        .any(|condition| match condition {
            syn::Meta::Path(name) => name.is_ident("test"),
            syn::Meta::List(list) if list.path.is_ident("any") || list.path.is_ident("all") => list
                .tokens
                .into_iter()
                .any(|token| matches!(token, proc_macro2::TokenTree::Ident(name) if name == "test")),
            _ => false,
        })
}

fn name_of(item: &Item) -> Option<String> {
    match item {
        Item::Const(it) => Some(it.ident.to_string()),
        Item::Enum(it) => Some(it.ident.to_string()),
        Item::Fn(it) => Some(it.sig.ident.to_string()),
        Item::Macro(it) => it.ident.as_ref().map(ToString::to_string),
        Item::Static(it) => Some(it.ident.to_string()),
        Item::Struct(it) => Some(it.ident.to_string()),
        Item::Trait(it) => Some(it.ident.to_string()),
        Item::TraitAlias(it) => Some(it.ident.to_string()),
        Item::Type(it) => Some(it.ident.to_string()),
        Item::Union(it) => Some(it.ident.to_string()),
        _ => None,
    }
}

/// What is written in `#[…]` before an item.
pub(crate) fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(it) => &it.attrs,
        Item::Enum(it) => &it.attrs,
        Item::Fn(it) => &it.attrs,
        Item::Impl(it) => &it.attrs,
        Item::Macro(it) => &it.attrs,
        Item::Mod(it) => &it.attrs,
        Item::Static(it) => &it.attrs,
        Item::Struct(it) => &it.attrs,
        Item::Trait(it) => &it.attrs,
        Item::Type(it) => &it.attrs,
        Item::Use(it) => &it.attrs,
        _ => &[],
    }
}
