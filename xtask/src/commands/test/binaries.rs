//! The test programs, which cargo builds once and which are then run from here, so that unit tests
//! and end-to-end tests are of one build.

use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use wasser_test_cluster::machine::paths;

use super::failures::failures;
use super::report::Report;
use crate::commands::interrupt::{self, Running};

/// With the CRDs of the plugins, so that their files are checked as well.
pub const FEATURES: &str = "wasser-alluxio/crd,wasser-cache/crd,wasser-efc/crd,wasser-jindo/crd,wasser-juicefs/crd,wasser-thin/crd,wasser-vineyard/crd";
/// The variable that names the compiler for the workspace's crates, and its value. Crates that
/// another compiler has built are built again.
const WRAPPER: &str = "RUSTC_WORKSPACE_WRAPPER";
const CLIPPY: &str = "clippy-driver";
/// The compiler, with what libFuzzer has to know of each branch.
const WITH_COVERAGE: &str = "tests/mutations/rustc-with-coverage";
/// The package with the templates of plugins.
const AUTHOR: &str = "wasser-author";
/// The package of the end-to-end tests.
const END_TO_END: &str = "wasser-e2e";
/// The package whose tests of releases need a cluster too.
const RELEASES: (&str, &str) = ("wasser-chart", "releases");
/// The package of the node plugin.
const NODE_PLUGIN: &str = "wasser-csi";

/// The cargo that runs this.
pub fn cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// What one call of cargo has built.
#[derive(Default)]
struct Programs {
    tests: Vec<TestProgram>,
    wasser: Option<PathBuf>,
    warnings: Vec<String>,
}

/// What cargo has built.
pub struct Built {
    tests: Vec<TestProgram>,
    /// The program `wasser`.
    pub wasser: PathBuf,
    /// Warnings of the compiler and of the lints.
    warnings: Vec<String>,
}

/// A program of tests.
pub struct TestProgram {
    package: String,
    /// The target's name: that of the library, or of a file in `tests`.
    pub name: String,
    is_integration: bool,
    program: PathBuf,
    directory: PathBuf,
}

/// A message of cargo, as far as it matters.
#[derive(Deserialize)]
struct Message {
    message: Option<Diagnostic>,
    executable: Option<PathBuf>,
    manifest_path: Option<PathBuf>,
    target: Option<Target>,
    profile: Option<Profile>,
}

/// A finding of the compiler or of a lint.
#[derive(Deserialize)]
struct Diagnostic {
    level: String,
    rendered: Option<String>,
    code: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

#[derive(Deserialize)]
struct Profile {
    test: bool,
}

impl Programs {
    /// Lets cargo build test programs, and shows what it finds.
    fn build(command: &mut Command) -> Result<Self> {
        command
            .current_dir(paths::root())
            .args(["--no-run", "--message-format=json"])
            .stdout(Stdio::piped());
        let mut cargo = Running::start(command)?;
        let mut built = Self::default();
        for line in BufReader::new(cargo.output()?).lines() {
            let line = line.context("reading what cargo says")?;
            // Cargo's messages only; a build script's are of other shapes.
            if let Ok(message) = serde_json::from_str(&line) {
                built.take(message)?;
            }
        }
        let status = cargo.wait()?;
        interrupt::check()?;
        ensure!(status.success(), "cargo could not build everything ({status})");
        let key = |test: &TestProgram| (test.package.clone(), test.is_integration, test.name.clone());
        built.tests.sort_by_key(key);
        Ok(built)
    }

    fn take(&mut self, message: Message) -> Result<()> {
        if let Some(Diagnostic { level, rendered, code }) = message.message {
            let text = rendered.unwrap_or_default();
            eprint!("{text}");
            // The compiler's own summary of a crate has no code.
            if level == "warning" && code.is_some() {
                self.warnings.push(text);
            }
            return Ok(());
        }
        let (Some(program), Some(manifest), Some(target), Some(profile)) = (
            message.executable,
            message.manifest_path,
            message.target,
            message.profile,
        ) else {
            return Ok(());
        };
        if profile.test {
            let directory = manifest.parent().unwrap_or(paths::root()).to_owned();
            let is_integration = target.kind.iter().any(|kind| kind == "test");
            self.tests.push(TestProgram {
                package: package(&manifest)?,
                name: target.name,
                is_integration,
                program,
                directory,
            });
        } else if target.name == "wasser" {
            self.wasser = Some(program);
        }
        Ok(())
    }
}

/// Builds a test program of a package whose inputs libFuzzer makes. `target` is what cargo selects it by.
pub fn with_libfuzzer(package: &str, target: &[&str]) -> Result<TestProgram> {
    let mut command = Command::new(cargo());
    command
        .args(["test", "--package", package, "--package", "wasser-test-mutations"])
        .args(["--features", "wasser-test-mutations/libfuzzer"])
        .args(target)
        .env(WRAPPER, paths::root().join(WITH_COVERAGE));
    let built = Programs::build(&mut command)?;
    built
        .tests
        .into_iter()
        .find(|test| test.package == package)
        .with_context(|| format!("cargo has not built {} of {package}", target.join(" ")))
}

impl Built {
    /// Builds every test of the workspace, and the programs. The compiler is that of clippy, so
    /// that the lints need no separate build.
    pub fn all() -> Result<Self> {
        let mut command = Command::new(cargo());
        command
            .args(["test", "--workspace", "--features", FEATURES])
            .env(WRAPPER, CLIPPY);
        let Programs {
            tests,
            wasser,
            warnings,
        } = Programs::build(&mut command)?;
        Ok(Self {
            tests,
            wasser: wasser.context("cargo has not built the program wasser")?,
            warnings,
        })
    }

    /// Fails if the compiler or a lint has found something.
    pub fn check_lints(&self) -> Result<()> {
        ensure!(
            self.warnings.is_empty(),
            "{} warnings, which the build has shown; see them again with `cargo clippy --workspace --all-targets`",
            self.warnings.len()
        );
        Ok(())
    }

    /// Runs the tests that need no cluster.
    pub fn run_units(&self, filter: Option<&str>, untested: &[&str], report: &Report) -> Result<()> {
        let arguments: Vec<&str> = filter.into_iter().collect();
        let mut failed = Vec::new();
        let is_left_out = |test: &TestProgram| test.package == AUTHOR && untested.contains(&test.name.as_str());
        for test in self.tests.iter().filter(|test| !is_left_out(test)) {
            if !test.run(&arguments, &[], report)? {
                failed.push(test.display());
            }
        }
        ensure!(failed.is_empty(), "tests failed in {}", failed.join(", "));
        Ok(())
    }

    /// Returns the tests that need a cluster.
    pub fn end_to_end(&self) -> impl Iterator<Item = &TestProgram> {
        let releases = |test: &TestProgram| (test.package.as_str(), test.name.as_str()) == RELEASES;
        self.tests
            .iter()
            .filter(move |test| test.is_integration && (test.package == END_TO_END || releases(test)))
    }

    /// Runs the tests of the node plugin that mount, each in a separate mount namespace. They need
    /// root.
    pub fn run_mounts(&self, sanity: &Path, report: &Report) -> Result<()> {
        let is_it = |test: &&TestProgram| test.is_integration && test.package == NODE_PLUGIN;
        let test = self
            .tests
            .iter()
            .find(is_it)
            .context("cargo has not built the tests of the node plugin")?;
        ensure!(
            test.run(&["--ignored"], &[("CSI_SANITY", sanity.into())], report)?,
            "tests failed in {}",
            test.display()
        );
        Ok(())
    }
}

impl TestProgram {
    /// A command that runs the program where cargo would.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command
            .current_dir(&self.directory)
            .env("CARGO_MANIFEST_DIR", &self.directory);
        command
    }

    /// Runs the program, and adds its tests to the report. Returns false if a test failed.
    pub fn run(&self, arguments: &[&str], environment: &[(&str, OsString)], report: &Report) -> Result<bool> {
        let mut command = self.command();
        command.args(arguments);
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        counted(&mut command, &self.display(), report)
    }

    /// Returns package and target, for people.
    pub fn display(&self) -> String {
        if self.is_integration {
            format!("{} (tests/{}.rs)", self.package, self.name)
        } else {
            format!("{} ({})", self.package, self.name)
        }
    }
}

/// Compiles and runs the examples in the documentation.
pub fn documentation(report: &Report) -> Result<()> {
    let mut command = Command::new(cargo());
    command
        .current_dir(paths::root())
        .args([
            "test",
            "--quiet",
            "--workspace",
            "--doc",
            "--features",
            FEATURES,
            "--no-fail-fast",
        ])
        .env(WRAPPER, CLIPPY);
    ensure!(
        counted(&mut command, "documentation", report)?,
        "an example in the documentation failed"
    );
    Ok(())
}

/// Runs a program that prints as Rust's tests do, and counts them. Its output is shown when it has
/// ended, so that the outputs of programs that run at the same time do not mix.
fn counted(command: &mut Command, name: &str, report: &Report) -> Result<bool> {
    println!("--> {name}");
    let began = Instant::now();
    let mut running = Running::start(command.stdout(Stdio::piped()))?;
    let (mut results, mut printed) = (0, String::new());
    for line in BufReader::new(running.output()?).split(b'\n') {
        let line = line.with_context(|| format!("reading what {name} prints"))?;
        let line = String::from_utf8_lossy(&line);
        printed.push_str(&line);
        printed.push('\n');
        if let Some((passed, failed)) = result(&line) {
            results += 1;
            report.counted(passed, failed);
        }
    }
    failures(&printed).for_each(|failure| report.failed(format!("{name}: {failure}")));
    let status = running.wait()?;
    println!("\n<-- {name}, after {:.1} s\n{printed}", began.elapsed().as_secs_f32());
    interrupt::check()?;
    if results == 0 {
        bail!("{name} ended without a result ({status})");
    }
    Ok(status.success())
}

/// Parses a line such as `test result: ok. 3 passed; 0 failed; 1 ignored; …`.
fn result(line: &str) -> Option<(u64, u64)> {
    let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let count = |word: &str| {
        counts
            .split("; ")
            .find_map(|part| part.strip_suffix(word)?.trim().parse().ok())
    };
    Some((count("passed")?, count("failed")?))
}

fn package(manifest: &Path) -> Result<String> {
    let text = std::fs::read_to_string(manifest).with_context(|| format!("reading {}", manifest.display()))?;
    let name = text
        .lines()
        .find_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'));
    Ok(name
        .with_context(|| format!("{} has no name", manifest.display()))?
        .to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_read() {
        let line = "test result: FAILED. 3 passed; 2 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s";
        assert_eq!(result(line), Some((3, 2)));
        assert_eq!(result("test a ... ok"), None);
    }

    #[test]
    fn a_manifest_names_its_package() {
        assert_eq!(package(&paths::root().join("xtask/Cargo.toml")).unwrap(), "xtask");
    }
}
