//! What `wasser plugin new --lang python` writes is a plugin: its tests pass, it becomes a component, and
//! passes its own scenarios and every check. With its SDK everything of the WIT can be used.

#![allow(clippy::unwrap_used, clippy::panic)] // Tests fail by panicking.

mod everything;
mod projects;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use projects::{Loaded, NAME};
use wasser_author::{Language, Project, create};
use wasser_test_cluster::machine::tools::python_environment;

/// A new project in a directory of this name, with the environment that its README makes.
fn project(parent: &str) -> PathBuf {
    named(parent, NAME)
}

/// The same, of another name.
fn named(parent: &str, name: &str) -> PathBuf {
    let directory = create(&projects::parent(parent), name, &Language::Python).unwrap();
    let environment = python_environment(&directory.join("requirements.txt")).unwrap();
    symlink(environment, directory.join(".venv")).unwrap();
    directory
}

/// Runs the tests of Python in a directory.
fn unittest(project: &Path, tests: &Path) {
    let output = Command::new(project.join(".venv/bin/python3"))
        .current_dir(tests)
        // Nothing is left in the directory.
        .args(["-B", "-m", "unittest"])
        .env("PYTHONPATH", project)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !said.contains("Ran 0 tests"), "{said}");
}

#[test]
fn the_sdk_and_a_new_plugin_have_tests_that_pass() {
    let directory = project("python-tests");
    unittest(&directory, &directory);
    unittest(&directory, &projects::root().join("plugins/python/tests"));
}

#[test]
fn a_plugin_of_any_name_has_tests_that_pass() {
    for name in projects::OTHER_NAMES {
        let directory = named("python-names", name);
        unittest(&directory, &directory);
    }
}

#[tokio::test]
async fn a_new_plugin_passes_its_scenarios_and_every_check() {
    let loaded = Loaded::built(&project("python")).await;
    loaded.play(2, false).await;
    loaded.check().await;
}

#[tokio::test]
async fn every_function_can_be_used_and_every_mistake_reaches_its_author() {
    let directory = project("python-everything");
    everything::put(&directory, "app.py");
    let loaded = Loaded::built(&directory).await;
    loaded.play(1, true).await;

    let random = "there is no randomness, so that the same context leads to the same answer at app.py:";
    for (name, says) in [
        ("broken", "KeyError: 'nobody expected broken' at app.py:"),
        ("deep", "in deep < … < app.py:"),
        (
            "late-import",
            "ImportError: `calendar` is not in the component; import it",
        ),
        ("clock", "there is no clock, so that"),
        ("file", "there are no files in a component (open) at app.py:"),
        ("sleep", "nothing waits here; raise RetryAfter"),
        ("exit", "SystemExit: 1 at app.py:"),
        ("type", "TypeError: Bytes.value is 1.5, and must be int at app.py:"),
        ("half", "half a character: ?."),
        ("process-time", "there is no clock, so that"),
        ("local-time", "there is no clock, so that"),
        ("urandom", random),
        ("uuid", random),
        ("secrets", random),
        ("seed", random),
        ("seed-again", random),
        ("environment", "the environment is {} and None"),
        (
            "in-python",
            "JSONDecodeError: Expecting property name enclosed in double quotes: line 1 column 2 (char 1) at app.py:",
        ),
        (
            "async",
            "TypeError: validate is a coroutine, as of an async function, and must be None",
        ),
        (
            "generator",
            "TypeError: validate is a generator, as of a function with `yield`, and must be None",
        ),
        (
            "set",
            "TypeError: desired.a[0] is of the type set, and must be what JSON can have",
        ),
        ("key", "TypeError: a key of desired.a is 1, and must be str"),
        ("nan", "ValueError: desired.a is nan, and must be finite"),
        (
            "surrogate",
            "ValueError: desired.a has half a character at 0, which UTF-8 does not have",
        ),
        (
            "argv",
            "TypeError: Command.argv is 'du', and must be list[str] at app.py:",
        ),
        (
            "stdin",
            "TypeError: Command.stdin is 'text', and must be bytes at app.py:",
        ),
        ("state", "TypeError: value is '1', and must be bytes at app.py:"),
        (
            "port",
            "ValueError: port is 70000, and must be from 1 to 65535 at app.py:",
        ),
    ] {
        let refused = loaded.refusal(name).await;
        assert!(refused.contains(says), "{name}: {refused}");
    }
    everything::operate_and_migrate(&loaded).await;
}

/// Replaces a part of `app.py`.
fn change(directory: &Path, from: &str, to: &str) {
    let file = directory.join("app.py");
    let code = fs::read_to_string(&file).unwrap();
    assert!(code.contains(from), "{code}");
    fs::write(file, code.replace(from, to)).unwrap();
}

#[tokio::test]
async fn what_can_be_found_before_a_runtime_is_there_is_refused_with_its_reason() {
    let directory = project("python-refused");
    change(&directory, "def cache_states(", "def cache_state(");
    let refused = Project::open(&directory).unwrap().pack(None).unwrap_err();
    let says = "TypeError: `cache_state` of MyCacheRuntime is never called; the host calls `cache_states`";
    assert!(format!("{refused:#}").contains(says), "{refused:#}");

    change(&directory, "def cache_state(", "def cache_states(");
    change(
        &directory,
        "        return Description(",
        "        raise Failed(\"why\")\n        return Description(",
    );
    let refused = Loaded::refused(&directory).await;
    assert!(refused.contains("Failed: why at app.py:"), "{refused}");
}
