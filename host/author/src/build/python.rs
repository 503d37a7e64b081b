//! The component of a project in Python, built by componentize-py.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::{Compilers, compiler};

/// The file with the runtime, and its module.
pub const MAIN: &str = "app.py";
const MODULE: &str = "app";
/// The WIT of the project, and the world that its component is of.
const WIT: &str = "wit";
const WORLD: &str = "runtime-with-all";
/// The compiler, and the environment in which a project has its own.
const COMPILER: &str = "componentize-py";
const ENVIRONMENT: &str = ".venv";
/// The file that names the version of the compiler.
const REQUIREMENTS: &str = "requirements.txt";
/// The remedy if there is no compiler, or another one than the project was made for.
const REMEDY: &str = "python3 -m venv .venv && .venv/bin/pip install -r requirements.txt";

/// Builds the component of a project, and returns its bytes.
///
/// # Errors
/// The compiler cannot be started, or finds something wrong.
pub fn component(directory: &Path, compilers: &Compilers) -> Result<Vec<u8>> {
    let absolute = std::path::absolute(directory).with_context(|| format!("looking for {}", directory.display()))?;
    let environment = absolute.join(ENVIRONMENT);
    let own = environment.join("bin").join(COMPILER);
    let mut command = if own.is_file() {
        let mut command = Command::new(own);
        // So that packages beside the compiler are found.
        command.env("VIRTUAL_ENV", environment);
        command
    } else {
        Command::new(COMPILER)
    };
    build(&absolute, &mut command, compilers)
}

fn build(directory: &Path, compiler: &mut Command, compilers: &Compilers) -> Result<Vec<u8>> {
    if let (Some(wanted), Some(has)) = (wanted(directory), version(compiler)) {
        compiler::require_version(COMPILER, &has, &wanted, REQUIREMENTS, REMEDY)?;
    }
    compiler
        .args(["--quiet", "--wit-path", WIT, "--world", WORLD, "componentize", MODULE])
        // WASI has nothing behind it in the sandbox.
        .args(["--stub-wasi", "--python-path", ".", "--output"])
        // It would show the compiler's own functions.
        .env("RUST_BACKTRACE", "0");
    let missing = format!(
        "there is no {COMPILER} in {ENVIRONMENT} of {} or in PATH; install it there: {REMEDY}; or give the component \
         with `--module`",
        directory.display()
    );
    compiler::component(directory, MAIN, (compiler, compilers), missing, explained)
}

/// Returns the version of the compiler that a project asks for, if it asks for one.
fn wanted(directory: &Path) -> Option<String> {
    let requirements = fs::read_to_string(directory.join(REQUIREMENTS)).ok()?;
    let version = requirements.lines().find_map(|line| {
        let version = line.trim().strip_prefix(COMPILER)?.trim_start().strip_prefix("==")?;
        version.split([' ', ';', '#']).find(|word| !word.is_empty())
    });
    version.map(str::to_owned)
}

/// Returns the version of a compiler. One that does not say it is tried all the same.
fn version(compiler: &Command) -> Option<String> {
    let said = Command::new(compiler.get_program()).arg("--version").output().ok()?;
    let said = said.status.success().then_some(said.stdout)?;
    let said = String::from_utf8(said).ok()?;
    said.trim()
        .strip_prefix(COMPILER)
        .map(|version| version.trim().to_owned())
}

/// Returns what the compiler says of the project, without what it says of itself.
fn explained(said: &str) -> String {
    let from = said.split_once("AssertionError: ").map_or(said, |(_, from)| from);
    let ends = ["\nCaused by:", "\nStack backtrace:"]
        .iter()
        .filter_map(|end| from.find(end));
    let to = ends.min().unwrap_or(from.len());
    // The directory of the project has this name for the compiler.
    let text = from.get(..to).unwrap_or(from).trim().replace("\"/0/", "\"");
    let remedy = if text.contains(&format!("module '{MODULE}' has no attribute")) {
        format!("\n{MAIN} must end with `wasser.export(…)` of its class")
    } else if text.contains("Error: ") {
        String::new()
    } else {
        format!("\n{COMPILER} may be another version than that in requirements.txt: {REMEDY}")
    };
    format!("{text}{remedy}")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use rstest::rstest;

    use super::*;

    #[test]
    fn without_a_compiler_its_installation_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let missing = directory.path().join("componentize-py");
        let refused = build(directory.path(), &mut Command::new(missing), &Compilers::default()).unwrap_err();
        let says = refused.to_string();
        assert!(says.contains("or in PATH; install it there: python3 -m venv"), "{says}");
    }

    #[rstest]
    #[case::pinned("componentize-py==0.25.1\n", Some("0.25.1"))]
    #[case::commented("six\ncomponentize-py == 0.25.1 # the compiler\n", Some("0.25.1"))]
    #[case::open("componentize-py>=0.25\n", None)]
    #[case::another("componentize-python==1\n", None)]
    fn the_version_is_that_of_the_requirements(#[case] requirements: &str, #[case] version: Option<&str>) {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(wanted(directory.path()), None);
        fs::write(directory.path().join(REQUIREMENTS), requirements).unwrap();
        assert_eq!(wanted(directory.path()).as_deref(), version);
    }

    #[test]
    fn another_version_than_the_project_asks_for_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(REQUIREMENTS), "componentize-py==0.25.1\n").unwrap();
        let script = directory.path().join("compiler");
        fs::write(&script, "#!/bin/sh\necho componentize-py 0.24.0\n").unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        let refused = build(directory.path(), &mut Command::new(script), &Compilers::default())
            .unwrap_err()
            .to_string();
        assert!(
            refused.starts_with("componentize-py has the version 0.24.0, and requirements.txt asks for 0.25.1"),
            "{refused}"
        );
    }

    #[rstest]
    #[case::code(
        "Traceback (most recent call last):\n  File \".venv/bin/componentize-py\", line 8, in <module>\nAssertionError:   \
         File \"/0/app.py\", line 67\n    def x(:\n          ^\nSyntaxError: invalid syntax\n\n\nCaused by:\n    \
         SyntaxError\n\nStack backtrace:\n   0: <anyhow::Error>::msg\n",
        "File \"app.py\", line 67\n    def x(:\n          ^\nSyntaxError: invalid syntax"
    )]
    #[case::no_export(
        "AssertionError: AttributeError: module 'app' has no attribute 'Implement'\n",
        "AttributeError: module 'app' has no attribute 'Implement'\napp.py must end with `wasser.export(…)` of its class"
    )]
    #[case::another_version(
        "unexpected argument '--stub-wasi'",
        "unexpected argument '--stub-wasi'\ncomponentize-py may be another version than that in requirements.txt: \
         python3 -m venv .venv && .venv/bin/pip install -r requirements.txt"
    )]
    fn what_the_compiler_says_is_shown_without_its_own_functions(#[case] said: &str, #[case] shown: &str) {
        assert_eq!(explained(said), shown);
    }
}
