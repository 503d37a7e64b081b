//! What `wasser plugin new --lang python` writes is a plugin: its tests pass, it becomes a component, and
//! passes its own scenarios and every check. With its SDK everything of the WIT can be used.

#![allow(clippy::unwrap_used, clippy::panic)] // Tests fail by panicking.

mod everything;
mod projects;

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use projects::{Loaded, NAME};
use wasser_author::{Language, create};
use wasser_test_cluster::machine::tools::python_environment;

/// A new project in a directory of this name, with the environment that its README makes.
fn project(name: &str) -> PathBuf {
    let directory = create(&projects::parent(name), NAME, &Language::Python).unwrap();
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
    ] {
        let refused = loaded.refusal(name).await;
        assert!(refused.contains(says), "{name}: {refused}");
    }
    everything::operate_and_migrate(&loaded).await;
}
