//! What `wasser plugin new --lang js` writes is a plugin: its tests pass, it becomes a component, and passes
//! its own scenarios and every check. With its SDK everything of the WIT can be used.

#![allow(clippy::unwrap_used, clippy::panic)] // Tests fail by panicking.

mod everything;
mod projects;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use projects::{Loaded, NAME};
use wasser_author::{Language, Project, create};
use wasser_test_cluster::machine::tools::javascript_packages;

/// A new project in a directory of this name, with the packages that its README installs.
fn project(parent: &str) -> PathBuf {
    named(parent, NAME)
}

/// The same, of another name.
fn named(parent: &str, name: &str) -> PathBuf {
    let directory = create(&projects::parent(parent), name, &Language::JavaScript).unwrap();
    let packages = javascript_packages(&directory.join("package.json")).unwrap();
    symlink(packages, directory.join("node_modules")).unwrap();
    directory
}

/// Runs the tests in a directory with the Node that a project is built with.
fn node_test(project: &Path, directory: &Path) {
    let own = project.join("node_modules/.bin/node");
    let node = if own.is_file() { own } else { PathBuf::from("node") };
    let output = Command::new(node)
        .current_dir(directory)
        .args(["--test", "--test-reporter=tap"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && !said.contains("# tests 0"), "{said}");
}

#[test]
fn the_sdk_and_a_new_plugin_have_tests_that_pass() {
    let directory = project("javascript-tests");
    node_test(&directory, &directory);
    node_test(&directory, &projects::root().join("plugins/javascript"));
}

#[test]
fn a_plugin_of_any_name_has_tests_that_pass() {
    for name in projects::OTHER_NAMES {
        let directory = named("javascript-names", name);
        node_test(&directory, &directory);
    }
}

#[tokio::test]
async fn a_new_plugin_passes_its_scenarios_and_every_check() {
    let loaded = Loaded::built(&project("javascript")).await;
    loaded.play(2, false).await;
    loaded.check().await;
}

#[tokio::test]
async fn every_function_can_be_used_and_every_mistake_reaches_its_author() {
    let directory = project("javascript-everything");
    everything::put(&directory, "app.js");
    let loaded = Loaded::built(&directory).await;
    loaded.play(1, true).await;

    let clock = "there is no clock, so that the same context leads to the same answer; use `ctx.nowMs` at app.js:";
    let random = "there is no randomness, so that the same context leads to the same answer at app.js:";
    for (name, says) in [
        ("broken", "RangeError: nobody expected broken at app.js:"),
        ("deep", "InternalError: too much recursion at app.js:"),
        (
            "missing",
            "TypeError: can't access property 0, ctx.spec.value.levels is undefined at app.js:",
        ),
        ("clock", clock),
        ("clock-as-text", clock),
        ("clock-in-ms", clock),
        ("timer", clock),
        ("random", random),
        ("uuid", random),
        ("wait", "nothing waits here; throw RetryAfter at app.js:"),
        (
            "network",
            "there is no network; ask pods with `host.run` and `host.httpGet` at app.js:",
        ),
        ("process", "ReferenceError: process is not defined at app.js:"),
        (
            "type",
            "TypeError: Bytes is 1.5, and must be a whole number from 0 on, above 2^53 a BigInt at app.js:",
        ),
        ("text", "what is not an Error was thrown: a text"),
        ("symbol", "what is not an Error was thrown: Symbol(a symbol)"),
        ("bare", "what is not an Error was thrown: [object Object]"),
        ("argv", "commands[0].argv is \"du\", and must be a list at app.js:"),
        (
            "stdin",
            "commands[0].stdin is \"text\", and must be a Uint8Array, as of",
        ),
        (
            "command",
            "commands[0].timout is not known; there are pod, argv, timeout",
        ),
        ("state", "TypeError: value is \"1\", and must be a Uint8Array, as of"),
        (
            "port",
            "TypeError: port is 70000, and must be a port from 1 to 65535 at app.js:",
        ),
        (
            "hole",
            "TypeError: desired.size[0] is undefined, and must be what JSON can have",
        ),
        (
            "surrogate",
            "TypeError: desired.size has half a character at 0, which UTF-8 does not have",
        ),
        ("half", "half a character: \u{fffd}."),
        (
            "async",
            "TypeError: desired is a Promise, as of an async function, and must be an object",
        ),
        ("nan", "TypeError: desired.size[0] is NaN, and must be a finite number"),
        (
            "fields",
            "TypeError: desired.resources is of the type Fields, and must be what JSON can have",
        ),
    ] {
        let refused = loaded.refusal(name).await;
        assert!(refused.contains(says), "{name}: {refused}");
    }
    everything::operate_and_migrate(&loaded).await;
}

#[test]
fn what_the_compiler_refuses_is_said_with_its_place() {
    let directory = project("javascript-refused");
    let template = fs::read_to_string(directory.join("app.js")).unwrap();
    // The others are in the tests of wasser-author's `build`: each build takes seconds.
    for (code, says) in [
        (
            format!("{template}let x = (;\n"),
            "app.js:79:10 SyntaxError: expected expression, got ';'",
        ),
        (
            format!("{template}const began = Date.now();\n"),
            "app.js:79:20 Error: there is no clock",
        ),
        (
            template.replace("  cacheStates(", "  cacheState("),
            "TypeError: `cacheState` of MyCacheRuntime is never called; the host calls `cacheStates`",
        ),
    ] {
        fs::write(directory.join("app.js"), code).unwrap();
        let refused = Project::open(&directory).unwrap().pack(None).unwrap_err();
        let refused = format!("{refused:#}");
        let begins = format!("{} does not become a component: ", directory.join("app.js").display());
        assert!(refused.contains(&begins) && refused.contains(says), "{refused}");
        assert!(!refused.contains("wizer") && !refused.contains("wasser/"), "{refused}");
    }
}

#[tokio::test]
async fn an_error_of_describe_reaches_its_author() {
    let directory = project("javascript-describe");
    let file = directory.join("app.js");
    let code = fs::read_to_string(&file).unwrap();
    let changed = code.replace("  describe() {\n", "  describe() {\n    throw new Failed(\"why\");\n");
    assert_ne!(changed, code);
    fs::write(file, changed).unwrap();
    let refused = Loaded::refused(&directory).await;
    assert!(refused.contains("Failed: why at app.js:"), "{refused}");
}
