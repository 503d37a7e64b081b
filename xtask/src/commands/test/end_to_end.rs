//! The tests on clusters, which are brought up for them and ended after them.
//!
//! Most tests want many datasets and no containers, and run on fake nodes; tests that look into
//! containers need a real one. They mostly wait, so several clusters run at the same time: some
//! with fake nodes, which share these tests, and one with a real node. On one cluster, tests run
//! one after the other, because each has an operator that serves all of it.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use wasser_test_cluster::packages::guests::Package;
use wasser_test_cluster::packages::images;
use wasser_test_cluster::{self as cluster, Cluster, Node, Options, install};

use super::binaries::{Built, TestProgram};
use super::cluster_options::ClusterOptions;
use super::needs::{self, Met};
use super::report::Report;
use crate::commands::environment::{Environment, REDIS};
use crate::commands::interrupt;

/// Files whose tests look into containers.
const NEED_CONTAINERS: [&str; 12] = [
    "adoption",
    "alluxio_real",
    "alluxio_s3",
    "guide_javascript",
    "guide_python",
    "guide_rust",
    "jindo_real",
    "juicefs",
    "operations_real",
    "sidecar",
    "thin_real",
    "volume",
];
/// Files that take longest. They begin first, so that none of them is left alone at the end.
const LONGEST: [&str; 6] = ["masters", "world", "manifests", "again", "thin", "alluxio"];
/// Files that start one Java machine after another, each of which takes a processor for seconds.
/// They come at the end, so that they run when the tests without a cluster are through: on two
/// processors beside those, a look at Alluxio does not end within the time that it has.
const LAST: [&str; 1] = ["alluxio_real"];
/// How many fake nodes a cluster has.
const NODES: u32 = 3;
/// How many clusters with fake nodes run at the same time.
const FAKE_CLUSTERS: usize = 2;

/// Tests that wait for a cluster, and what a test's name must contain.
struct Queue<'a> {
    tests: Mutex<VecDeque<&'a TestProgram>>,
    filter: Option<&'a str>,
}

impl<'a> Queue<'a> {
    fn new(mut tests: Vec<&'a TestProgram>, filter: Option<&'a str>) -> Self {
        let rank = |name: &str| match LONGEST.iter().position(|long| *long == name) {
            Some(rank) => rank,
            None => LONGEST.len() + usize::from(LAST.contains(&name)),
        };
        tests.sort_by_key(|test| rank(&test.name));
        Self {
            tests: Mutex::new(tests.into()),
            filter,
        }
    }

    fn is_empty(&self) -> bool {
        self.tests.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    fn len(&self) -> usize {
        self.tests.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn next(&self) -> Option<&'a TestProgram> {
        self.tests.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

/// What all clusters share.
struct Common<'a> {
    report: &'a Report,
    built: &'a Built,
    packages: &'a [Package],
    keep: bool,
}

/// Brings up what the tests need, runs them, and ends every cluster that did not run before.
pub fn run(
    report: &Report,
    built: &Built,
    packages: &[Package],
    filter: Option<&str>,
    on: &ClusterOptions,
) -> Result<()> {
    let (fake, real, is_there) = queues(report, built, filter, on);
    let common = Common {
        report,
        built,
        packages,
        keep: on.keep,
    };
    let options = |node, suffix: String| Options {
        name: format!("{}{suffix}", on.name),
        node,
        nodes: NODES,
        stand_ins: true,
    };
    let mut clusters = Vec::new();
    if !real.is_empty() {
        let node = if is_there { None } else { Some(Node::Real) };
        clusters.push((options(node, String::new()), &real));
    }
    for number in 1..=FAKE_CLUSTERS.min(fake.len()) {
        let suffix = if number == 1 {
            "-fake".to_owned()
        } else {
            format!("-fake{number}")
        };
        clusters.push((options(Some(Node::Fake), suffix), &fake));
    }
    let failed: Vec<String> = std::thread::scope(|scope| {
        let running: Vec<_> = clusters
            .iter()
            .map(|(options, queue)| scope.spawn(|| on_cluster(&common, options, queue)))
            .collect();
        let results = running.into_iter().map(|thread| thread.join());
        results
            .flat_map(|result| result.unwrap_or_else(|_| vec!["a thread that ran tests, which panicked".to_owned()]))
            .collect()
    });
    interrupt::check()?;
    ensure!(failed.is_empty(), "tests failed in {}", failed.join(", "));
    Ok(())
}

/// The tests for fake nodes, those for another cluster, and whether that one exists already.
type Queues<'a> = (Queue<'a>, Queue<'a>, bool);

/// Sorts the tests by the cluster that they run on.
fn queues<'a>(report: &Report, built: &'a Built, filter: Option<&'a str>, on: &ClusterOptions) -> Queues<'a> {
    let of_file = built.end_to_end().any(|test| Some(test.name.as_str()) == filter);
    let chosen = built
        .end_to_end()
        .filter(|test| !of_file || Some(test.name.as_str()) == filter);
    let (containers, others): (Vec<_>, Vec<_>) = chosen.partition(|test| NEED_CONTAINERS.contains(&test.name.as_str()));
    let filter = filter.filter(|_| !of_file);
    let queue = |tests| Queue::new(tests, filter);
    let all = |containers: Vec<&'a TestProgram>, others| containers.into_iter().chain::<Vec<_>>(others).collect();
    let is_there = std::env::var_os("KUBECONFIG").is_some_and(|path| !path.is_empty());
    match (on.node, cluster::real::unmet_requirement()) {
        _ if is_there => (queue(Vec::new()), queue(all(containers, others)), true),
        (Some(Node::Real), _) => (queue(Vec::new()), queue(all(containers, others)), false),
        (None, None) => (queue(others), queue(containers), false),
        (_, unmet) => {
            let why = unmet.map_or_else(
                || "fake nodes were asked for".to_owned(),
                |why| format!("a real node is not possible here: {why}"),
            );
            for test in containers {
                report.skipped(&format!("{}, which looks into containers: {why}", test.display()));
            }
            (queue(others), queue(Vec::new()), false)
        }
    }
}

/// Brings up a cluster, runs tests on it until none is left, and ends it. Returns what failed.
fn on_cluster(common: &Common<'_>, options: &Options, queue: &Queue<'_>) -> Vec<String> {
    let name = &options.name;
    let began = Instant::now();
    let outcome = Cluster::find(name).and_then(|before| {
        let tested = Cluster::up(options).and_then(|cluster| {
            interrupt::check()?;
            common.report.took(format!("{name}: start"), began.elapsed());
            tests(common, queue, &cluster)
        });
        if before.is_some() || common.keep {
            println!("the cluster {name} is left running; end it with: cargo xtask cluster down --name {name}");
        } else if Cluster::down(name).context("ending the cluster")? {
            println!("the cluster {name} is gone");
        }
        tested
    });
    // A failure to bring up one cluster must not stop the tests on the others.
    outcome.unwrap_or_else(|error| vec![format!("what was to run on the cluster {name} ({error:#})")])
}

/// Runs the tests of a queue on a cluster. Returns the programs in which one failed.
fn tests(common: &Common<'_>, queue: &Queue<'_>, cluster: &Cluster) -> Result<Vec<String>> {
    let environment = Environment::of(cluster)?;
    let name = cluster.state().map(|state| state.name.clone()).unwrap_or_default();
    let mut variables: Vec<(&str, OsString)> = vec![
        ("KUBECONFIG", cluster.kubeconfig().into()),
        ("KUBECTL", environment.programs.join("kubectl").into()),
        ("HELM", environment.programs.join("helm").into()),
        ("WASSER_BIN", common.built.wasser.clone().into()),
        ("WASSER_NODE", if environment.real { "real" } else { "fake" }.into()),
        ("WASSER_CLUSTER", name.clone().into()),
    ];
    if environment.real && cluster.state().is_some() {
        let image = images::wasser(&common.built.wasser, common.packages, install::VERSION)?;
        install::load(cluster, &image)?;
        variables.push(("WASSER_CHART", install::build(common.packages)?.directory.into()));
    }
    variables.extend(environment.redis.as_ref().map(|url| (REDIS, url.into())));
    let arguments: Vec<&str> = ["--ignored", "--test-threads=1"]
        .into_iter()
        .chain(queue.filter)
        .collect();
    let mut failed = Vec::new();
    while let Some(test) = queue.next() {
        interrupt::check()?;
        let began = Instant::now();
        let outcome = run_one(common.report, cluster, &environment, test, &arguments, &variables);
        common.report.took(format!("{name}: {}", test.name), began.elapsed());
        interrupt::check()?;
        match outcome {
            Ok(true) => {}
            Ok(false) => failed.push(test.display()),
            Err(error) => failed.push(format!("{} ({error:#})", test.display())),
        }
    }
    Ok(failed)
}

/// Runs the tests of one file. Returns false if a test failed.
///
/// # Errors
/// Fails if something that the tests need is missing, or if they end without a result.
fn run_one(
    report: &Report,
    cluster: &Cluster,
    environment: &Environment,
    test: &TestProgram,
    arguments: &[&str],
    variables: &[(&'static str, OsString)],
) -> Result<bool> {
    let needs_containers = NEED_CONTAINERS.contains(&test.name.as_str());
    let skip = |why: &str| {
        report.skipped(&format!("{}: {why}", test.display()));
        Ok(true)
    };
    if needs_containers && !environment.real {
        return skip("it looks into containers, and the nodes of this cluster are fake");
    }
    if needs_containers && environment.redis.is_none() {
        return skip(&format!(
            "set {REDIS} to the URL of a Redis that pods of this cluster reach"
        ));
    }
    match needs::meet(cluster, &test.name)? {
        Met::With(needs) => test.run(arguments, &[variables, &needs].concat(), report),
        Met::Not(why) => skip(&why),
    }
}

#[cfg(test)]
mod tests {
    use wasser_test_cluster::machine::paths;

    use super::NEED_CONTAINERS;

    #[test]
    fn the_guide_for_contributors_names_what_needs_a_real_node() {
        let guide = std::fs::read_to_string(paths::root().join("CONTRIBUTING.md")).unwrap();
        let section = guide
            .split("\n## ")
            .find(|section| section.starts_with("End-to-end tests"));
        let sentence = section.unwrap().split(" on a real node").next().unwrap();
        for file in NEED_CONTAINERS {
            assert!(sentence.contains(&format!("`{file}`")), "{file} is not in: {sentence}");
        }
    }
}
