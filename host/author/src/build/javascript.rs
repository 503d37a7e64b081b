//! The component of a project in JavaScript, built by componentize-js.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::{Compilers, compiler};

/// The file with the runtime.
pub const MAIN: &str = "app.js";
/// The compiler, where npm installs it, and the program that calls it.
const COMPILER: &str = "node_modules/@bytecodealliance/componentize-js";
const PACKAGE: &str = "@bytecodealliance/componentize-js";
/// The file that names the version of a package, and of those that it is built with.
const MANIFEST: &str = "package.json";
const PROGRAM: &str = include_str!("componentize.mjs");
/// The package `node` of npm, in a project that does without that of the machine.
const OWN_NODE: &str = "node_modules/.bin/node";
/// The remedy if there is no compiler, or another one than the project was made for.
const REMEDY: &str = "npm install";
/// What stands between the compiler's own words and the fault of the project, and what follows it.
const BEGIN: &str = "Exception while evaluating top-level script\n";
const END: &str = "\nAdditionally, some promises were rejected";
/// The fault of a project without a runtime is found by the SDK.
const SDK: &str = "wasser/";

/// Builds the component of a project, and returns its bytes.
///
/// # Errors
/// Node or the compiler is missing, or the compiler finds something wrong.
pub fn component(directory: &Path, compilers: &Compilers) -> Result<Vec<u8>> {
    let directory = std::path::absolute(directory).with_context(|| format!("looking for {}", directory.display()))?;
    let own = directory.join(OWN_NODE);
    let node = if own.is_file() { own } else { PathBuf::from("node") };
    build(&directory, &mut Command::new(node), compilers)
}

fn build(directory: &Path, node: &mut Command, compilers: &Compilers) -> Result<Vec<u8>> {
    ensure!(
        directory.join(COMPILER).is_dir(),
        "there is no {COMPILER} in {}; install it there: {REMEDY}; or give the component with `--module`",
        directory.display()
    );
    if let (Some(wanted), Some(has)) = (wanted(directory), version(directory)) {
        compiler::require_version(PACKAGE, &has, &wanted, MANIFEST, REMEDY)?;
    }
    node.args(["--input-type=module", "--eval", PROGRAM, "--"]);
    let missing = format!(
        "there is no `node` in PATH, which builds {MAIN}; install Node.js 20 or later from https://nodejs.org, or give \
         the component with `--module`"
    );
    compiler::component(directory, MAIN, (node, compilers), missing, explained)
}

/// Returns the version of the compiler that a project asks for, if it asks for exactly one.
fn wanted(directory: &Path) -> Option<String> {
    let manifest = manifest(directory)?;
    let mut sections = ["devDependencies", "dependencies"].into_iter();
    let wanted = sections.find_map(|section| manifest[section][PACKAGE].as_str())?;
    let is_exact = wanted.starts_with(|first: char| first.is_ascii_digit()) && !wanted.contains([' ', 'x', '*', '|']);
    is_exact.then(|| wanted.to_owned())
}

/// Returns the version of the compiler that is installed.
fn version(directory: &Path) -> Option<String> {
    let manifest = manifest(&directory.join(COMPILER))?;
    manifest["version"].as_str().map(str::to_owned)
}

fn manifest(directory: &Path) -> Option<Value> {
    serde_json::from_slice(&fs::read(directory.join(MANIFEST)).ok()?).ok()
}

/// Returns what the compiler says of the project, without what it says of itself.
fn explained(said: &str) -> String {
    let Some((_, fault)) = said.split_once(BEGIN) else {
        let said = said.trim();
        if said.starts_with("Node.js ") {
            return said.to_owned();
        }
        return format!("{said}\ncomponentize-js may be another version than that in package.json: {REMEDY}");
    };
    let (fault, trace) = fault.split_once(END).unwrap_or((fault, ""));
    let fault = fault.trim();
    if fault.contains("Error loading module") {
        return format!(
            "{fault}\na component has only files of the project, imported by a path such as `./other.js`; bundle a \
             package into one"
        );
    }
    let Some((_, message)) = fault.strip_prefix(SDK).and_then(|fault| fault.split_once(' ')) else {
        return fault.to_owned();
    };
    // What the SDK refuses has been done by the innermost place that is not in it.
    let places = trace.lines().filter_map(|line| line.split_once('@'));
    let place = places.map(|(_, place)| place).find(|place| !place.starts_with(SDK));
    match place {
        Some(place) => format!("{place} {message}"),
        None => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::no_compiler(false, "install it there: npm install; or give")]
    #[case::no_node(true, "there is no `node` in PATH, which builds app.js; install Node.js 20 or later")]
    fn what_is_missing_is_named_with_its_installation(#[case] installed: bool, #[case] says: &str) {
        let directory = tempfile::tempdir().unwrap();
        if installed {
            fs::create_dir_all(directory.path().join(COMPILER)).unwrap();
        }
        let missing = directory.path().join("node");
        let refused = build(directory.path(), &mut Command::new(missing), &Compilers::default()).unwrap_err();
        assert!(refused.to_string().contains(says), "{refused}");
    }

    #[rstest]
    #[case::pinned("0.23.0", Some("asks for 0.23.0; install it: npm install"))]
    #[case::open("^0.23.0", None)]
    fn another_version_than_the_project_asks_for_is_refused(#[case] wanted: &str, #[case] says: Option<&str>) {
        let directory = tempfile::tempdir().unwrap();
        let installed = directory.path().join(COMPILER);
        fs::create_dir_all(&installed).unwrap();
        fs::write(installed.join(MANIFEST), "{\"version\": \"0.22.0\"}").unwrap();
        let project = format!("{{\"devDependencies\": {{\"{PACKAGE}\": \"{wanted}\"}}}}");
        fs::write(directory.path().join(MANIFEST), project).unwrap();
        let node = directory.path().join("node");
        let refused = build(directory.path(), &mut Command::new(node), &Compilers::default())
            .unwrap_err()
            .to_string();
        assert!(refused.contains(says.unwrap_or("there is no `node`")), "{refused}");
    }

    #[rstest]
    #[case::code(
        "Failed to initialize component (wizer (/a/wizer)):\nException while evaluating top-level script\n\
         app.js:79:10 SyntaxError: expected expression, got ';':\napp.js:79:10 let x = (;\n\n",
        "app.js:79:10 SyntaxError: expected expression, got ';':\napp.js:79:10 let x = (;"
    )]
    #[case::no_runtime(
        "Exception while evaluating top-level script\nwasser/component.js:19:9 Error: app.js must have a class\n\
         Additionally, some promises were rejected, but the rejection never handled:\nStack:\n  \
         @wasser/component.js:19:9\n",
        "Error: app.js must have a class"
    )]
    #[case::no_clock(
        "Exception while evaluating top-level script\nwasser/sandbox.js:24:11 Error: there is no clock\n\
         Additionally, some promises were rejected, but the rejection never handled:\nStack:\n  \
         refuse/<@wasser/sandbox.js:24:11\n  @app.js:5:3\n",
        "app.js:5:3 Error: there is no clock"
    )]
    #[case::package(
        "Exception while evaluating top-level script\nReferenceError: Error loading module \"lodash\"\n",
        "ReferenceError: Error loading module \"lodash\"\na component has only files of the project, imported by a \
         path such as `./other.js`; bundle a package into one"
    )]
    #[case::old_node("Node.js 18.1.0 is too old; install 20\n", "Node.js 18.1.0 is too old; install 20")]
    #[case::another_version(
        "componentize is not a function",
        "componentize is not a function\ncomponentize-js may be another version than that in package.json: npm install"
    )]
    fn what_the_compiler_says_is_shown_without_its_own_functions(#[case] said: &str, #[case] shown: &str) {
        assert_eq!(explained(said), shown);
    }
}
