//! `cargo xtask test`: everything that a contributor and the CI run, in one command.

mod binaries;
mod cluster_options;
mod end_to_end;
mod failures;
mod faults;
mod fuzz;
mod needs;
mod report;

use std::process::Command;

use anyhow::{Result, bail};
use clap::Subcommand;
use wasser_test_cluster as cluster;
use wasser_test_cluster::machine::debian::{self, Need};
use wasser_test_cluster::machine::tools::{Tool, javascript_packages, python_environment};
use wasser_test_cluster::machine::{self, paths};
use wasser_test_cluster::packages::guests::{self, Package};

use super::interrupt;
use binaries::Built;
use cluster_options::ClusterOptions;
use report::Report;

/// Runs all checks and tests: formatting, licences, unit and golden tests, end-to-end tests on a
/// cluster, lints, and libFuzzer for some minutes.
///
/// Brings up clusters, one of them with a real node if this machine allows it, and ends them
/// afterwards, also after a failure and on Ctrl-C. With KUBECONFIG set, uses that cluster, which
/// must not be served by another Wasser or Fluid at the same time. The last line says how many
/// tests passed and failed.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    part: Option<Part>,
    #[command(flatten)]
    on: ClusterOptions,
}

#[derive(Debug, Subcommand)]
enum Part {
    /// Run only the tests that need no cluster, and of these only the ones whose name contains
    /// FILTER
    Unit {
        /// Part of a test's name
        filter: Option<String>,
    },
    /// Run only the tests on a cluster, and of these only the ones whose name contains FILTER, or
    /// the ones of the file FILTER
    E2e {
        /// Part of a test's name, or the name of a file in tests/e2e/tests
        filter: Option<String>,
        #[command(flatten)]
        on: ClusterOptions,
    },
    /// Only let storms pass between the operator and the API server of a cluster with fake nodes:
    /// the connection is slow, cut, silent or answers with errors, and the operator is killed again
    /// and again. Prints counts as JSON
    Faults(faults::Storms),
    /// Only look for inputs that panic, hang or get past a check, in what reads components,
    /// registrations, values, objects, records and reports. libFuzzer makes them
    Fuzz(fuzz::Fuzzing),
}

pub fn run(args: Args) -> Result<()> {
    interrupt::listen()?;
    let report = Report::default();
    if !matches!(args.part, Some(Part::Unit { .. } | Part::Faults(_) | Part::Fuzz(_))) {
        debian::prepare(&Need::ALL);
    }
    let outcome = match args.part {
        Some(Part::Faults(storms)) => return faults::run(&storms),
        Some(Part::Fuzz(fuzzing)) => report.step("inputs by libFuzzer", |report| fuzz::run(&fuzzing, report)),
        None => all(&report, &args.on),
        Some(Part::Unit { filter }) => unit(&report, filter.as_deref()),
        Some(Part::E2e { filter, on }) => end_to_end(&report, filter.as_deref(), &on),
    };
    if let Err(error) = outcome {
        report.aborted(&error);
    }
    if report.print() { Ok(()) } else { std::process::exit(1) }
}

fn all(report: &Report, on: &ClusterOptions) -> Result<()> {
    report.step("formatting", |_| cargo(&["fmt", "--all", "--check"]))?;
    report.step("licences and advisories", licences)?;
    let Some(built) = build(report)? else { return Ok(()) };
    report.step("lints", |_| built.check_lints())?;
    let packages = plugins(report)?;
    // Tests on clusters mostly wait, and leave the processors to the others.
    std::thread::scope(|scope| {
        let on_clusters = scope.spawn(|| cluster_part(report, &built, &packages, None, on));
        let here = without_cluster(report, &built);
        let there = on_clusters
            .join()
            .unwrap_or_else(|_| Err(anyhow::anyhow!("the thread that runs the end-to-end tests panicked")));
        here.and(there)
    })
}

fn without_cluster(report: &Report, built: &Built) -> Result<()> {
    let untested = compilers_of_templates(report)?;
    report.step("unit and golden tests, generated files", |report| {
        built.run_units(None, &untested, report)
    })?;
    report.step("mounts of the node plugin", |report| mounts(report, built))?;
    report.step("examples in the documentation", binaries::documentation)?;
    report.step("inputs by libFuzzer", |report| fuzz::run(&fuzz::Fuzzing::USUAL, report))
}

fn unit(report: &Report, filter: Option<&str>) -> Result<()> {
    if let Some(built) = build(report)? {
        // Some tests run the operator with them.
        plugins(report)?;
        let untested = compilers_of_templates(report)?;
        report.step("unit and golden tests, generated files", |report| {
            built.run_units(filter, &untested, report)
        })?;
    }
    Ok(())
}

fn end_to_end(report: &Report, filter: Option<&str>, on: &ClusterOptions) -> Result<()> {
    match build(report)? {
        Some(built) => cluster_part(report, &built, &plugins(report)?, filter, on),
        None => Ok(()),
    }
}

fn build(report: &Report) -> Result<Option<Built>> {
    let mut built = None;
    report.step("build, with lints", |_| {
        built = Some(Built::all()?);
        Ok(())
    })?;
    Ok(built)
}

fn plugins(report: &Report) -> Result<Vec<Package>> {
    let mut packages = Vec::new();
    report.step("plugins", |_| {
        packages = guests::build(paths::root(), &[])?;
        Ok(())
    })?;
    Ok(packages)
}

fn cluster_part(
    report: &Report,
    built: &Built,
    packages: &[Package],
    filter: Option<&str>,
    on: &ClusterOptions,
) -> Result<()> {
    report.step("end-to-end tests", |report| {
        end_to_end::run(report, built, packages, filter, on)
    })
}

/// Installs what the templates for plugins in Python and JavaScript are built with, so that their tests need
/// no network. Returns the tests of those of which the registry cannot be reached: they are left out, and
/// the report says so.
fn compilers_of_templates(report: &Report) -> Result<Vec<&'static str>> {
    let templates = paths::root().join("host/author/templates");
    let mut untested = Vec::new();
    report.step("compilers for Python and JavaScript", |report| {
        for (test, installed) in [
            ("python", python_environment(&templates.join("python/requirements.txt"))),
            ("javascript", javascript_packages(&templates.join("js/package.json"))),
        ] {
            if let Err(error) = installed {
                report.skipped(&format!("the tests of plugins in {test}: {error:#}"));
                untested.push(test);
            }
        }
        Ok(())
    })?;
    Ok(untested)
}

/// Runs the tests of the node plugin on real mounts, if this machine allows it.
fn mounts(report: &Report, built: &Built) -> Result<()> {
    if let Some(why) = cluster::real::unmet_requirement() {
        report.skipped(&format!("the tests of the node plugin that mount: {why}"));
        return Ok(());
    }
    built.run_mounts(&Tool::CsiSanity.ensure()?, report)
}

/// Runs `cargo deny`, if it is installed.
fn licences(report: &Report) -> Result<()> {
    if !machine::has_program("cargo-deny") {
        report.skipped("cargo-deny is not installed; to check licences and advisories: cargo install cargo-deny");
        return Ok(());
    }
    // The lists of advisories come over the network, which tests must not depend on.
    cargo(&["deny", "--offline", "check", "bans", "licenses", "sources"])
}

fn cargo(arguments: &[&str]) -> Result<()> {
    let status = interrupt::run(
        Command::new(binaries::cargo())
            .current_dir(paths::root())
            .args(arguments),
    )?;
    if !status.success() {
        bail!("cargo {} failed ({status})", arguments.first().unwrap_or(&""));
    }
    Ok(())
}
