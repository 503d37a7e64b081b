//! `wasser plugin new --lang`, and how the compiler of a language is found. Compilers are scripts here;
//! wasser-author has the tests with the real ones.

#![allow(clippy::unwrap_used, clippy::panic)] // Tests fail by panicking.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use rstest::rstest;

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

/// The commands of a section of the guide, without its comments.
fn guide(section: &str) -> Vec<String> {
    let guide = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/writing-a-runtime.md");
    let guide = fs::read_to_string(guide).unwrap();
    let (_, section) = guide.split_once(&format!("\n## {section}\n")).unwrap();
    let (_, block) = section.split_once("```sh\n").unwrap();
    let (block, _) = block.split_once("```").unwrap();
    let without_comment = |line: &str| line.split("  #").next().unwrap_or_default().trim().to_owned();
    block.lines().map(without_comment).collect()
}

#[rstest]
#[case::python(
    "Python",
    "in PATH; install it there: python3 -m venv .venv && .venv/bin/pip install -r requirements.txt"
)]
#[case::javascript("JavaScript", "install it there: npm install; or give")]
fn a_new_plugin_needs_no_sdk_and_names_its_next_commands(#[case] section: &str, #[case] remedy: &str) {
    let directory = tempfile::tempdir().unwrap();
    let guide = guide(section);
    let (new, others) = guide.split_first().unwrap();
    let new: Vec<&str> = new.strip_prefix("wasser plugin ").unwrap().split(' ').collect();
    let written = wasser(&new, directory.path());
    let said = text(&written);
    assert!(written.status.success(), "{said}");
    let next: Vec<&str> = said.lines().skip(1).map(str::trim).collect();
    assert_eq!(next, others, "the guide says something else");
    let says = text(&wasser(&["pack", "my-cache"], directory.path()));
    assert!(says.contains(remedy), "{says}");
}

#[test]
fn javascript_has_two_names_and_is_built_by_the_node_of_the_path() {
    let directory = tempfile::tempdir().unwrap();
    let root = fs::canonicalize(directory.path()).unwrap();
    let new = ["new", "my-cache", "--lang", "javascript"];
    assert!(wasser(&new, &root).status.success());
    let project = root.join("my-cache");
    fs::create_dir_all(project.join("node_modules/@bytecodealliance/componentize-js")).unwrap();
    script(&root.join("bin/node"), SAYS);
    let said = text(&wasser(&["pack", "my-cache"], &root));
    let called = format!("in {} with --input-type=module --eval", project.display());
    let out = format!("-- {}/target/plugin/app.component.", project.display());
    assert!(said.contains(&called) && said.contains(&out), "{said}");
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

#[test]
fn a_project_whose_sdk_is_of_another_version_is_named_and_updated() {
    let directory = tempfile::tempdir().unwrap();
    let new = ["new", "my-cache", "--lang", "python"];
    assert!(wasser(&new, directory.path()).status.success());
    let told = |arguments: &[&str]| text(&wasser(arguments, directory.path()));
    assert_eq!(told(&["update", "my-cache"]), "nothing to update\n");
    assert!(!told(&["pack", "my-cache"]).contains("of this version"));

    fs::write(directory.path().join("my-cache/wasser/host.py"), "old").unwrap();
    let says = "wasser/host.py is not that of this version of wasser, nor are 0 other files of `wasser` and `wit`; if it \
                should be: wasser plugin update my-cache\n";
    for command in [
        &["pack", "my-cache"][..],
        &["test", "my-cache"],
        &["push", "my-cache", "registry.example.org/me/my-cache:1"],
        &["dev", "my-cache"],
    ] {
        let told = told(command);
        assert!(told.starts_with(says), "{command:?}: {told}");
    }
    assert_eq!(told(&["update", "my-cache"]), "wasser/host.py\n");
    assert!(!told(&["pack", "my-cache"]).contains("of this version"));
}
