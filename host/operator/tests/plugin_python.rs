//! `wasser plugin new --lang python`, and how its compiler is found. The compiler is a script here;
//! wasser-author has the tests with the real one.

#![allow(clippy::unwrap_used, clippy::panic)] // Tests fail by panicking.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

/// A compiler that says how it was called.
const SAYS: &str = "#!/bin/sh\necho \"by $0 in $PWD with $* and ${VIRTUAL_ENV:-none}\" >&2; exit 1\n";

fn wasser(arguments: &[&str], directory: &Path) -> Output {
    let path = format!("{}:/usr/bin:/bin", directory.join("bin").display());
    let mut command = Command::new(env!("CARGO_BIN_EXE_wasser"));
    command.arg("plugin").args(arguments).current_dir(directory);
    command
        .env("PATH", path)
        .env_remove("VIRTUAL_ENV")
        .env_remove("WASSER_SDK")
        .output()
        .unwrap()
}

fn script(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned()
}

/// The commands of the guide, without its comments.
fn guide() -> Vec<String> {
    let guide = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/writing-a-runtime.md");
    let guide = fs::read_to_string(guide).unwrap();
    let (_, section) = guide.split_once("\n## Python\n").unwrap();
    let (_, block) = section.split_once("```sh\n").unwrap();
    let (block, _) = block.split_once("```").unwrap();
    let without_comment = |line: &str| line.split("  #").next().unwrap_or_default().trim().to_owned();
    block.lines().map(without_comment).collect()
}

#[test]
fn a_new_plugin_in_python_needs_no_sdk_and_names_its_next_commands() {
    let directory = tempfile::tempdir().unwrap();
    assert_eq!(
        guide().first().map(String::as_str),
        Some("wasser plugin new my-cache --lang python")
    );
    let written = wasser(&["new", "my-cache", "--lang", "python"], directory.path());
    let said = text(&written);
    assert!(written.status.success(), "{said}");
    let next: Vec<&str> = said.lines().skip(1).map(str::trim).collect();
    assert_eq!(next, guide().get(1..).unwrap(), "the guide says something else");
    let says = text(&wasser(&["pack", "my-cache"], directory.path()));
    let remedy = "or in PATH; install it there: python3 -m venv .venv && .venv/bin/pip install -r requirements.txt";
    assert!(says.contains(remedy), "{says}");
}

#[test]
fn the_compiler_is_that_of_the_project_or_that_of_the_path() {
    let directory = tempfile::tempdir().unwrap();
    let root = fs::canonicalize(directory.path()).unwrap();
    assert!(wasser(&["new", "my-cache", "--lang", "python"], &root).status.success());
    let project = root.join("my-cache");
    script(&root.join("bin/componentize-py"), SAYS);
    let said = text(&wasser(&["pack", "my-cache"], &root));
    let arguments = "--quiet --wit-path wit --world runtime-with-all componentize app --stub-wasi";
    let called = format!("in {} with {arguments}", project.display());
    assert!(said.contains(&called) && said.contains(" and none"), "{said}");

    let environment = project.join(".venv");
    script(&environment.join("bin/componentize-py"), SAYS);
    let said = text(&wasser(&["test", "my-cache"], &root));
    let own = format!("by {}/bin/componentize-py in", environment.display());
    let with = format!(" and {}", environment.display());
    assert!(
        said.contains(&own) && said.contains(&called) && said.contains(&with),
        "{said}"
    );
}

#[test]
fn a_project_is_of_one_language() {
    let directory = tempfile::tempdir().unwrap();
    let new = ["new", "my-cache", "--lang", "python"];
    assert!(wasser(&new, directory.path()).status.success());
    fs::remove_file(directory.path().join("my-cache/app.py")).unwrap();
    let says = text(&wasser(&["pack", "my-cache"], directory.path()));
    assert!(says.contains("has none of Cargo.toml, app.py, app.js; give"), "{says}");
}
