//! Datasets in a storm: created, scaled and deleted while the connection is bad and the operator is
//! killed, and looked at when it is over.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use serde_json::{Map, Value, json};
use wasser_bench::objects::{self, NAMESPACE, System};
use wasser_test_cluster::Cluster;

use crate::operator::Operator;
use crate::proxy::Proxy;
use crate::state;
use crate::weather::{Event, Weather, storm};

/// The size of the workers in the end.
const WORKERS: u64 = 2;
/// Between two looks at the cluster.
const PAUSE: Duration = Duration::from_secs(1);
/// Between two looks at the operator.
const TICK: Duration = Duration::from_millis(50);

/// What is done.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Datasets, each with a runtime and a Secret.
    pub count: u32,
    /// What serves them, by turns.
    pub systems: Vec<System>,
    /// Decides on the weather and on when the operator is killed.
    pub seed: u64,
    /// How long each storm lasts.
    pub lasts: Duration,
    /// How long everything may take to come right after a storm.
    pub calm: Duration,
}

/// The storms, as far as they have come.
pub struct Storms<'a> {
    /// The cluster, reached without the proxy.
    pub cluster: &'a Cluster,
    /// Where files are kept.
    pub directory: &'a Path,
    /// What is between the operator and the cluster.
    pub proxy: &'a Proxy,
    /// The operator.
    pub operator: Operator<'a>,
    /// What is done.
    pub plan: &'a Plan,
    /// What was wrong.
    faults: Vec<String>,
    report: Map<String, Value>,
}

impl<'a> Storms<'a> {
    /// Nothing has happened yet.
    pub fn new(
        cluster: &'a Cluster,
        directory: &'a Path,
        proxy: &'a Proxy,
        operator: Operator<'a>,
        plan: &'a Plan,
    ) -> Self {
        Self {
            cluster,
            directory,
            proxy,
            operator,
            plan,
            faults: Vec::new(),
            report: Map::new(),
        }
    }

    /// Goes through all storms. Returns the report, and whether nothing was wrong.
    pub fn run(mut self) -> Result<(Value, bool)> {
        let before = state::node_labels(self.cluster)?;
        let (cluster, directory, plan) = (self.cluster, self.directory, self.plan);
        let secrets = self.weather("create", 0, || create(cluster, directory, plan))?;
        self.bound("create")?;
        self.weather("scale", 1, || scale(cluster, plan))?;
        self.calm("scaled", |cluster| state::unscaled(cluster, WORKERS))?;
        self.bound("scale")?;
        self.weather("delete", 2, || delete(cluster, plan))?;
        self.calm("gone", |cluster| state::leftovers(cluster, &before))?;
        if state::secrets(self.cluster)? != secrets {
            self.faults.push("Secrets of users are not as they were".to_owned());
        }
        let (events, most) = state::events(self.cluster)?;
        let (kills, exits) = (self.operator.kills, self.operator.exits);
        self.operator.stop()?;
        let fine = self.faults.is_empty();
        Ok((
            json!({
                "seed": plan.seed,
                "datasets": plan.count,
                "systems": plan.systems,
                "secondsOfEachStorm": plan.lasts.as_secs(),
                "kills": kills,
                "endsByItself": exits,
                "proxy": self.proxy.counts().json(),
                "secondsToRest": self.report,
                "events": events,
                "mostOfOneEvent": most,
                "faults": self.faults,
            }),
            fine,
        ))
    }

    /// Lets a storm pass in which users do something.
    fn weather<T: Send>(&mut self, name: &str, number: u64, users: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        let seed = self.plan.seed.wrapping_mul(3).wrapping_add(number);
        let events = storm(seed, self.plan.lasts);
        eprintln!(
            "storm `{name}`: {} events in {} s",
            events.len(),
            self.plan.lasts.as_secs()
        );
        std::thread::scope(|scope| {
            let users = scope.spawn(users);
            let passed = self.pass(events);
            self.proxy.turn(Weather::Fair);
            let done = users.join().map_err(|_| anyhow!("the thread of the users panicked"))?;
            passed.and(done)
        })
    }

    fn pass(&mut self, events: Vec<(Duration, Event)>) -> Result<()> {
        let began = Instant::now();
        for (at, event) in events {
            while began.elapsed() < at {
                std::thread::sleep(TICK.min(at.saturating_sub(began.elapsed())));
                self.operator.tend()?;
            }
            match event {
                Event::Turn(weather) => self.proxy.turn(weather),
                Event::Kill => self.operator.kill()?,
            }
        }
        Ok(())
    }

    /// Looks at the cluster until a list of what is wrong is empty. What is still in it when the
    /// time is over is a fault.
    fn calm(&mut self, what: &str, look: impl Fn(&Cluster) -> Result<Vec<String>>) -> Result<()> {
        let began = Instant::now();
        loop {
            let wrong = look(self.cluster)?;
            let took = began.elapsed();
            if wrong.is_empty() {
                eprintln!("{what} after {:.0} s", took.as_secs_f64());
                self.report.insert(what.to_owned(), json!(took.as_secs()));
                return Ok(());
            }
            if took > self.plan.calm {
                let within = self.plan.calm.as_secs();
                eprintln!("not {what} within {within} s:\n  {}", wrong.join("\n  "));
                self.faults
                    .push(format!("not {what} within {within} s: {}", wrong.join("; ")));
                return Ok(());
            }
            self.operator.tend()?;
            std::thread::sleep(PAUSE);
        }
    }

    /// Waits until every Dataset is Bound, with one release each.
    fn bound(&mut self, storm: &str) -> Result<()> {
        let count = self.plan.count;
        self.calm(&format!("bound after {storm}"), |cluster| {
            let phases = state::phases(cluster)?;
            let wrong = phases.iter().filter(|(phase, _)| *phase != "Bound");
            let mut wrong: Vec<String> = wrong.map(|(phase, count)| format!("{count} `{phase}`")).collect();
            let bound = phases.get("Bound").copied().unwrap_or_default();
            if wrong.is_empty() && bound != count {
                wrong.push(format!("{bound} of {count} Datasets"));
            }
            Ok(wrong)
        })?;
        let odd = state::odd_records(self.cluster, count)?;
        self.faults.extend(
            odd.into_iter()
                .map(|record| format!("after {storm}, Helm's records of {record}")),
        );
        Ok(())
    }
}

/// Creates all objects, and returns the versions of the Secrets.
fn create(cluster: &Cluster, directory: &Path, plan: &Plan) -> Result<BTreeMap<String, String>> {
    let list = objects::manifest(NAMESPACE, &plan.systems, plan.count, true);
    let file = directory.join("objects.json");
    fs::write(&file, serde_json::to_vec(&list)?).with_context(|| format!("writing {}", file.display()))?;
    cluster.kubectl(&["create", "-f", &file.display().to_string()])?;
    let secrets = state::secrets(cluster)?;
    ensure!(
        secrets.len() == plan.count as usize,
        "{} Secrets were created, not {}",
        secrets.len(),
        plan.count
    );
    Ok(secrets)
}

/// Asks for more workers of everything that has workers.
fn scale(cluster: &Cluster, plan: &Plan) -> Result<()> {
    let patch = json!({"spec": {"replicas": WORKERS}}).to_string();
    let systems: BTreeSet<System> = plan.systems.iter().copied().collect();
    for system in systems.into_iter().filter(|system| *system != System::Thin) {
        let (resource, _) = system.watched();
        let names = cluster.kubectl(&["get", resource, "-n", NAMESPACE, "-o", "name"])?;
        let names: Vec<&str> = names.lines().collect();
        let options = ["-n", NAMESPACE, "--type=merge", "-p", &patch];
        cluster.kubectl(&[&["patch"], names.as_slice(), &options].concat())?;
    }
    Ok(())
}

/// Deletes every Dataset and every runtime, and does not wait.
fn delete(cluster: &Cluster, plan: &Plan) -> Result<()> {
    let resources = state::resources(&plan.systems);
    cluster.kubectl(&["delete", &resources, "--all", "-n", NAMESPACE, "--wait=false"])?;
    Ok(())
}
