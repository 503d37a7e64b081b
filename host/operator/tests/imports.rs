//! Imports between the files of a crate form no circle, so that each can be read after those that
//! it builds on.
#![allow(clippy::unwrap_used, clippy::panic)] // Tests fail by panicking.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};
use syn::{Attribute, ItemMod, ItemUse, UseTree};

/// A module as its path of names; the crate itself is the empty one.
type Module = Vec<String>;

/// What the code of one module names by `crate`, `self` or `super`, tests left out.
struct Imports<'a> {
    module: &'a Module,
    /// How many inline modules the visit is in: each is one more `super`.
    inline: usize,
    found: BTreeSet<Module>,
}

impl Imports<'_> {
    fn add(&mut self, path: &[String]) {
        let mut names = path.iter().map(String::as_str).peekable();
        let mut base = match names.next() {
            Some("crate") => Vec::new(),
            Some("self") if self.inline == 0 => self.module.clone(),
            Some("super") => {
                let mut up = 1;
                while names.next_if_eq(&"super").is_some() {
                    up += 1;
                }
                let Some(up) = usize::checked_sub(up, self.inline) else {
                    return;
                };
                let kept = self.module.len().saturating_sub(up);
                self.module.iter().take(kept).cloned().collect()
            }
            _ => return,
        };
        base.extend(names.map(str::to_owned));
        self.found.insert(base);
    }

    fn add_tree(&mut self, tree: &UseTree, path: &mut Vec<String>) {
        match tree {
            UseTree::Path(inner) => {
                path.push(inner.ident.to_string());
                self.add_tree(&inner.tree, path);
                path.pop();
            }
            UseTree::Name(name) => self.add_with(path, name.ident.to_string()),
            UseTree::Rename(name) => self.add_with(path, name.ident.to_string()),
            UseTree::Glob(_) => self.add(path),
            UseTree::Group(group) => group.items.iter().for_each(|item| self.add_tree(item, path)),
        }
    }

    fn add_with(&mut self, path: &[String], name: String) {
        let whole: Vec<String> = path.iter().cloned().chain((name != "self").then_some(name)).collect();
        self.add(&whole);
    }
}

/// Whether an item is compiled for tests only.
fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let list = attribute.meta.require_list();
        attribute.path().is_ident("cfg") && list.is_ok_and(|list| list.tokens.to_string() == "test")
    })
}

impl<'ast> Visit<'ast> for Imports<'_> {
    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        if !is_test(&item.attrs) {
            self.inline += 1;
            visit::visit_item_mod(self, item);
            self.inline -= 1;
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.add_tree(&item.tree, &mut Vec::new());
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.add(&names);
        visit::visit_path(self, path);
    }
}

fn imports(module: &Module, code: &str) -> BTreeSet<Module> {
    let mut imports = Imports {
        module,
        inline: 0,
        found: BTreeSet::new(),
    };
    imports.visit_file(&syn::parse_file(code).unwrap());
    imports.found
}

/// The files below a directory, by module.
fn modules(directory: &Path, module: &Module, found: &mut BTreeMap<Module, PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let inner: Module = module.iter().cloned().chain([name.clone()]).collect();
        if path.is_dir() {
            modules(&path, &inner, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let is_root = ["mod", "lib", "main"].contains(&name.as_str());
            found.insert(if is_root { module.clone() } else { inner }, path);
        }
    }
}

/// Which modules each module imports. The crate's own file lists all of them, and files of tests
/// import what they test: both are left out.
fn graph(source: &Path) -> BTreeMap<Module, BTreeSet<Module>> {
    let mut files = BTreeMap::new();
    modules(source, &Vec::new(), &mut files);
    files.retain(|module, _| module.last().is_some_and(|name| name != "tests"));
    let known: BTreeSet<Module> = files.keys().cloned().collect();
    let edges = |(module, path): (&Module, &PathBuf)| {
        let found = imports(module, &fs::read_to_string(path).unwrap());
        let owners = found
            .iter()
            .filter_map(|path| (1..=path.len()).rev().find_map(|length| known.get(path.get(..length)?)));
        let others = owners.filter(|other| *other != module).cloned().collect();
        (module.clone(), others)
    };
    files.iter().map(edges).collect()
}

/// A circle of modules, if there is one.
fn circle(graph: &BTreeMap<Module, BTreeSet<Module>>) -> Option<Vec<String>> {
    fn walk(
        graph: &BTreeMap<Module, BTreeSet<Module>>,
        at: &Module,
        path: &mut Vec<Module>,
        done: &mut BTreeSet<Module>,
    ) -> Option<Vec<String>> {
        if let Some(begin) = path.iter().position(|module| module == at) {
            return Some(path.iter().skip(begin).map(|module| module.join("::")).collect());
        }
        if done.contains(at) {
            return None;
        }
        path.push(at.clone());
        let found = graph
            .get(at)
            .into_iter()
            .flatten()
            .find_map(|next| walk(graph, next, path, done));
        path.pop();
        done.insert(at.clone());
        found
    }
    let mut done = BTreeSet::new();
    graph
        .keys()
        .find_map(|module| walk(graph, module, &mut Vec::new(), &mut done))
}

#[test]
fn imports_form_no_circle() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let (mut crates, mut circles) = (0, Vec::new());
    for group in ["host", "plugins", "tests"] {
        for package in fs::read_dir(root.join(group)).unwrap() {
            let source = package.unwrap().path().join("src");
            // The watches and the state of the API server in the tests' process know each other.
            if source.is_dir() && !source.ends_with("api-server/src") {
                crates += 1;
                let found = circle(&graph(&source));
                circles.extend(found.map(|circle| format!("{}: {}", source.display(), circle.join(" → "))));
            }
        }
    }
    assert!(crates > 10, "only {crates} crates were found");
    assert!(circles.is_empty(), "{}", circles.join("\n"));
}

#[test]
fn imports_are_found_wherever_they_stand() {
    let module: Module = vec!["a".to_owned(), "b".to_owned()];
    let code = "
        use crate::x::{self, y::Z};
        use super::c::D as E;
        use std::fmt;
        fn f() { crate::p::q(); self::r::s(); }
        mod inner { use super::super::t; }
        #[cfg(test)]
        mod tests { use crate::not::this; }
    ";
    let found: Vec<String> = imports(&module, code).iter().map(|path| path.join("::")).collect();
    assert_eq!(found, ["a::b::r::s", "a::c::D", "a::t", "p::q", "x", "x::y::Z"]);
}

#[test]
fn a_circle_is_found_and_named() {
    let module = |name: &str| vec![name.to_owned()];
    let edges = |pairs: &[(&str, &[&str])]| {
        let edge = |(from, to): &(&str, &[&str])| (module(from), to.iter().map(|name| module(name)).collect());
        pairs.iter().map(edge).collect()
    };
    assert_eq!(circle(&edges(&[("a", &["b", "c"]), ("b", &["c"]), ("c", &[])])), None);
    let found = circle(&edges(&[("a", &["b"]), ("b", &["c"]), ("c", &["b"])]));
    assert_eq!(found.unwrap(), ["b", "c"]);
}
