//! `docs/template-engine.md` names files and methods that exist.
#![allow(clippy::unwrap_used, clippy::panic)] // Tests fail by panicking.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The texts in backticks of a line.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// The methods of the WIT interface that plugins export.
fn methods(wit: &str) -> BTreeSet<&str> {
    let functions = wit.lines().filter_map(|line| line.trim().split_once(": func("));
    functions.map(|(name, _)| name).collect()
}

#[test]
fn every_file_and_every_method_exists() {
    let engine = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = engine.ancestors().nth(2).unwrap();
    let guide = fs::read_to_string(root.join("docs/template-engine.md")).unwrap();
    let wit = fs::read_to_string(root.join("wit/implement.wit")).unwrap();
    let (known, mut named) = (methods(&wit), BTreeSet::new());
    for row in guide.lines().filter(|line| line.starts_with('|')) {
        for text in quoted(row) {
            if text.ends_with(".rs") {
                let exists = root.join(text).is_file() || engine.join("src").join(text).is_file();
                assert!(exists, "{text} does not exist: {row}");
            }
        }
        let plugin = row.trim_end_matches('|').rsplit('|').next().unwrap_or_default();
        for text in quoted(plugin).filter(|text| text.contains('-')) {
            named.extend(known.get(text));
            assert!(known.contains(text), "the interface `implement` has no {text}: {row}");
        }
    }
    // One word, such as `validate`, may mean something else in a table.
    let unnamed: Vec<_> = known.difference(&named).filter(|name| name.contains('-')).collect();
    assert!(
        unnamed.is_empty(),
        "docs/template-engine.md does not say what is done with {unnamed:?}"
    );
}
