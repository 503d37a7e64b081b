//! The tests on clusters, which are brought up for them and ended after them.
//!
//! Most tests want many datasets and no containers, and run on fake nodes; those that look into containers need a real one. Where both can be
//! had, there are two clusters, one after the other.

use std::ffi::OsString;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use xtask::cluster::{self, Cluster, Node, Options, images};
use xtask::guests::Package;
use xtask::installer;

use super::On;
use super::binaries::{Built, TestProgram};
use super::needs;
use super::report::Report;
use crate::commands::interrupt;
use crate::commands::surroundings::{REDIS, Surroundings};

/// Files whose tests look into containers.
const NEED_CONTAINERS: [&str; 8] = [
    "adoption",
    "alluxio_real",
    "alluxio_s3",
    "jindo_real",
    "juicefs",
    "sidecar",
    "thin_real",
    "volume",
];
/// How many fake nodes there are.
const NODES: u32 = 3;

/// Some tests, and the cluster for them.
struct Round<'a> {
    options: Options,
    tests: Vec<&'a TestProgram>,
    /// What a test's name must contain.
    filter: Option<&'a str>,
}

/// Brings up what the tests need, runs them, and ends every cluster that did not run before.
pub fn run(report: &mut Report, built: &Built, packages: &[Package], filter: Option<&str>, on: &On) -> Result<()> {
    let mut failed = Vec::new();
    for round in rounds(report, built, filter, on) {
        let name = round.options.name.clone();
        let ran_before = Cluster::find(&name)?.is_some();
        let began = Instant::now();
        let outcome = Cluster::up(&round.options).and_then(|cluster| {
            interrupt::check()?;
            println!("the cluster is up after {:.1} s", began.elapsed().as_secs_f32());
            tests(report, &round, &cluster, built, packages)
        });
        if ran_before || on.keep {
            println!("the cluster {name} is left running; end it with: cargo xtask cluster down --name {name}");
        } else if Cluster::down(&name).context("ending the cluster")? {
            println!("the cluster {name} is gone");
        }
        interrupt::check()?;
        // What keeps one cluster from being tested is no reason not to test on the next.
        match outcome {
            Ok(names) => failed.extend(names),
            Err(error) => failed.push(format!("all that run on the cluster {name}: {error:#}")),
        }
    }
    ensure!(failed.is_empty(), "tests failed in {}", failed.join(", "));
    Ok(())
}

/// Which tests run on which cluster.
fn rounds<'a>(report: &mut Report, built: &'a Built, filter: Option<&'a str>, on: &On) -> Vec<Round<'a>> {
    let of_file = built.end_to_end().any(|test| Some(test.name.as_str()) == filter);
    let chosen = built.end_to_end().filter(|test| !of_file || Some(test.name.as_str()) == filter);
    let (containers, others): (Vec<_>, Vec<_>) = chosen.partition(|test| NEED_CONTAINERS.contains(&test.name.as_str()));
    let filter = filter.filter(|_| !of_file);
    let round = |node, suffix: &str, tests| Round {
        options: Options {
            name: format!("{}{suffix}", on.name),
            node,
            nodes: NODES,
            stand_ins: true,
        },
        tests,
        filter,
    };
    let is_there = std::env::var_os("KUBECONFIG").is_some_and(|path| !path.is_empty());
    let rounds = match (on.node, cluster::real::obstacle()) {
        _ if is_there => vec![round(None, "", containers.into_iter().chain(others).collect())],
        (Some(Node::Real), _) => vec![round(Some(Node::Real), "", containers.into_iter().chain(others).collect())],
        (None, None) => vec![round(Some(Node::Fake), "-fake", others), round(Some(Node::Real), "", containers)],
        (_, obstacle) => {
            let why = obstacle.map_or_else(
                || "fake nodes were asked for".to_owned(),
                |why| format!("no real node can be had here: {why}"),
            );
            for test in containers {
                report.skipped(&format!("{}, which looks into containers: {why}", test.display()));
            }
            vec![round(Some(Node::Fake), "-fake", others)]
        }
    };
    rounds.into_iter().filter(|round| !round.tests.is_empty()).collect()
}

/// Runs the tests of a round. Gives the programs in which one failed.
fn tests(report: &mut Report, round: &Round<'_>, cluster: &Cluster, built: &Built, packages: &[Package]) -> Result<Vec<String>> {
    let surroundings = Surroundings::of(cluster)?;
    println!(
        "pods run {}",
        if surroundings.real {
            "in containers of a real node"
        } else {
            "nowhere: the nodes are fake"
        }
    );
    let mut environment: Vec<(&str, OsString)> = vec![
        ("KUBECONFIG", cluster.kubeconfig().into()),
        ("KUBECTL", surroundings.programs.join("kubectl").into()),
        ("HELM", surroundings.programs.join("helm").into()),
        ("WASSER_BIN", built.wasser.clone().into()),
        ("WASSER_NODE", if surroundings.real { "real" } else { "fake" }.into()),
        (
            "WASSER_CLUSTER",
            cluster.state().map(|state| state.name.clone()).unwrap_or_default().into(),
        ),
    ];
    if surroundings.real && cluster.state().is_some() {
        installer::load(cluster, &images::wasser(&built.wasser, packages, installer::VERSION)?)?;
        environment.push(("WASSER_CHART", installer::build(packages)?.directory.into()));
    }
    environment.extend(surroundings.redis.as_ref().map(|url| (REDIS, url.into())));
    // One after the other: each has an operator of its own, and all of these serve the whole cluster.
    let arguments: Vec<&str> = ["--ignored", "--test-threads=1"].into_iter().chain(round.filter).collect();
    let mut failed = Vec::new();
    for test in &round.tests {
        let needs_containers = NEED_CONTAINERS.contains(&test.name.as_str());
        if needs_containers && !surroundings.real {
            report.skipped(&format!(
                "{}, which looks into containers: the nodes of this cluster are fake",
                test.display()
            ));
        } else if needs_containers && surroundings.redis.is_none() {
            report.skipped(&format!(
                "{}: set {REDIS} to the URL of a Redis that pods of this cluster reach",
                test.display()
            ));
        } else {
            let outcome = run_one(report, cluster, test, &arguments, &environment);
            interrupt::check()?;
            match outcome {
                Ok(true) => {}
                Ok(false) => failed.push(test.display()),
                Err(error) => failed.push(format!("{} ({error:#})", test.display())),
            }
        }
    }
    Ok(failed)
}

/// Runs the tests of one file. False if a test failed.
///
/// # Errors
/// What they need is missing, or they end without a result.
fn run_one(
    report: &mut Report,
    cluster: &Cluster,
    test: &TestProgram,
    arguments: &[&str],
    environment: &[(&'static str, OsString)],
) -> Result<bool> {
    let Some(needs) = needs::meet(cluster, &test.name)? else {
        report.skipped(&format!(
            "{}: its images and servers come only with a cluster of this project",
            test.display()
        ));
        return Ok(true);
    };
    test.run(arguments, &[environment, &needs].concat(), report)
}
