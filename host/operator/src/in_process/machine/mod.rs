//! Every scenario once undisturbed, and then again with each disturbance at each place: it must
//! come to the same objects, on the same way.
//!
//! `WASSER_FAULTS` chooses the runs: `all`, a prefix of `<scenario>/<disturbance>/<place>`, or
//! `seed:<number>` for another sample than that of the regular tests.

mod disturb;
mod fields;
pub mod guest;
mod oracle;
pub mod scenario;
pub mod world;

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use futures::StreamExt;
use serde_json::json;
use tokio::sync::Mutex;

use self::disturb::Disturbance;
use self::oracle::{Reference, Revisions};
use self::scenario::Scenario;
use self::world::World;
use super::scene::{Operator, QUIET, Scene};

/// Runs at the same time; most of their time is waiting.
const AT_ONCE: usize = 24;
static SCENARIOS: &[Scenario] = &scenario::ALL;
/// Runs of the sample.
const SAMPLE: usize = 40;
/// Runs that are always in the sample, since they have found what nothing else finds.
const KEPT: [&str; 5] = [
    "operation/both/7",
    "adopted/behind/8",
    "adopted/hold/2",
    "adopted/hold/9",
    "cache/kill-late/74",
];

/// One run.
#[derive(Debug, Clone)]
struct Run {
    scenario: &'static str,
    name: &'static str,
    disturbance: Disturbance,
    place: usize,
}

impl Run {
    fn id(&self) -> String {
        format!("{}/{}/{}", self.scenario, self.name, self.place)
    }
}

/// The outcome of a run.
struct Outcome {
    run: Run,
    /// Whether the disturbance came.
    hit: bool,
    failure: Option<String>,
}

/// The environment's choice of runs.
enum Choice {
    Prefix(String),
    Sample(u64),
}

impl Choice {
    fn read() -> Self {
        match std::env::var("WASSER_FAULTS").ok().filter(|text| !text.is_empty()) {
            None => Self::Sample(1),
            Some(text) => match text.strip_prefix("seed:") {
                Some(seed) => Self::Sample(seed.parse().unwrap()),
                None if text == "all" => Self::Prefix(String::new()),
                None => Self::Prefix(text),
            },
        }
    }

    /// Whether the other test is meant.
    fn is_of_fields(&self) -> bool {
        matches!(self, Self::Prefix(prefix) if prefix.starts_with("fields"))
    }

    /// Whether a run of a scenario may be chosen.
    fn includes(&self, scenario: &Scenario) -> bool {
        match self {
            Self::Prefix(prefix) => {
                let name = prefix.split('/').next().unwrap_or_default();
                name.is_empty() || name == scenario.name
            }
            Self::Sample(_) => true,
        }
    }

    fn choose(&self, mut runs: Vec<Run>) -> Vec<Run> {
        match self {
            Self::Prefix(prefix) => runs.retain(|run| {
                let id = run.id();
                id.strip_prefix(prefix.as_str())
                    .is_some_and(|rest| prefix.is_empty() || rest.is_empty() || rest.starts_with('/'))
            }),
            Self::Sample(seed) => {
                runs.sort_by_key(|run| {
                    let mut hasher = DefaultHasher::new();
                    (seed, run.id()).hash(&mut hasher);
                    (!KEPT.contains(&run.id().as_str()), hasher.finish())
                });
                runs.truncate(SAMPLE);
            }
        }
        runs
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_disturbed_life_comes_to_the_same_end() {
    let choice = Choice::read();
    let references: Vec<(&Scenario, Arc<Reference>)> = futures::stream::iter(SCENARIOS)
        .filter(|scenario| std::future::ready(choice.includes(scenario)))
        .map(async |scenario| (scenario, Arc::new(reference(scenario).await)))
        .buffered(AT_ONCE)
        .collect()
        .await;
    let mut runs = Vec::new();
    for (scenario, reference) in &references {
        for (name, disturbance) in disturb::ALL {
            let places = disturbance.places(scenario.steps.len(), reference.writes);
            runs.extend((0..places).map(|place| Run {
                scenario: scenario.name,
                name,
                disturbance,
                place,
            }));
        }
    }
    let runs = choice.choose(runs);
    assert!(
        !runs.is_empty() || choice.is_of_fields(),
        "WASSER_FAULTS chooses no run"
    );
    let outcomes: Vec<Outcome> = futures::stream::iter(runs)
        .map(|run| {
            let of = references.iter().find(|(scenario, _)| scenario.name == run.scenario);
            let (scenario, reference) = of.cloned().unwrap();
            async move {
                let playing = tokio::spawn(play(scenario, run.clone(), reference));
                let (hit, failure) = match playing.await {
                    Ok(hit) => (hit, None),
                    Err(error) => (true, Some(message(error))),
                };
                if let Some(failure) = &failure {
                    eprintln!("{} failed: {failure}", run.id());
                }
                Outcome { run, hit, failure }
            }
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    report(&outcomes);
}

fn message(error: tokio::task::JoinError) -> String {
    let panic = error.into_panic();
    match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(other) => other
            .downcast::<&str>()
            .map_or_else(|_| "it panicked".to_owned(), |text| text.to_string()),
    }
}

/// Prints the counts, and fails if a run has failed.
fn report(outcomes: &[Outcome]) {
    let mut counts = BTreeMap::<String, BTreeMap<&str, usize>>::new();
    for outcome in outcomes {
        let key = format!("{}/{}", outcome.run.scenario, outcome.run.name);
        let count = counts.entry(key).or_default();
        *count.entry("runs").or_default() += 1;
        *count.entry("hit").or_default() += usize::from(outcome.hit);
        *count.entry("failed").or_default() += usize::from(outcome.failure.is_some());
    }
    println!("{}", json!(counts));
    let failed: Vec<String> = outcomes
        .iter()
        .filter(|outcome| outcome.failure.is_some())
        .map(|outcome| {
            format!(
                "WASSER_FAULTS={} cargo test -p wasser in_process::machine",
                outcome.run.id()
            )
        })
        .collect();
    assert!(
        failed.is_empty(),
        "{} of {} runs failed:\n{}",
        failed.len(),
        outcomes.len(),
        failed.join("\n")
    );
}

/// Plays a scenario without a disturbance.
async fn reference(scenario: &Scenario) -> Reference {
    let scene = (scenario.scene)();
    let _world = World::start(&scene.server);
    let _operator = scene.start().await;
    scene.server.settled(QUIET).await;
    let before = oracle::look(&scene.server);
    let mut after = Vec::new();
    for step in scenario.steps {
        (step.act)(&scene.server);
        after.push(oracle::undisturbed(&scene.server, step).await);
    }
    let left = after
        .last()
        .map(|last| oracle::differences(&before, last))
        .unwrap_or_default();
    assert_eq!(left, "", "{} does not end as it began", scenario.name);
    Reference::new(&scene.server, after)
}

/// Plays a scenario with a disturbance. Returns whether that came.
async fn play(scenario: &Scenario, run: Run, reference: Arc<Reference>) -> bool {
    let scene = Arc::new((scenario.scene)());
    let server = scene.server.clone();
    let _world = World::start(&server);
    let operator = Arc::new(Mutex::new(Some(scene.start().await)));
    server.settled(QUIET).await;
    let armed = run.disturbance.arm(&server, run.place).map(Arc::new);
    let watching = armed.clone().map(|armed| {
        let (scene, operator, disturbance) = (scene.clone(), operator.clone(), run.disturbance);
        tokio::spawn(async move {
            armed.hit(1).await;
            disturbance.hit(&scene.server);
            if disturbance.kills() {
                restart(&scene, &operator).await;
            } else if disturbance.starts() {
                overlap(&scene, &operator).await;
            }
        })
    });
    let revisions = match run.disturbance {
        Disturbance::Both => Revisions::OfTwo,
        Disturbance::KillLate if scenario.tells_time => Revisions::OfLate,
        _ => Revisions::Same,
    };
    let mut hit = false;
    for (index, (step, expected)) in scenario.steps.iter().zip(&reference.after).enumerate() {
        let is_disturbed = run.disturbance.begin(&server, scenario.runtimes, index, run.place);
        (step.act)(&server);
        if is_disturbed {
            hit = true;
            server.settled(QUIET).await;
            server.release_all();
        }
        oracle::same(&server, step, expected, revisions).await;
        if run.disturbance == Disturbance::KillLate {
            // A write that arrives after its step would meet what a user has done since.
            server.settled(QUIET).await;
            oracle::same(&server, step, expected, revisions).await;
        }
    }
    let hit = hit || armed.is_some_and(|armed| armed.hits() > 0);
    if let Some(watching) = watching {
        if hit {
            watching.await.unwrap();
        } else {
            watching.abort();
        }
    }
    reference.check(&server, usize::from(hit && run.disturbance.starts()), revisions);
    hit
}

/// Kills the operator, and starts another one.
async fn restart(scene: &Scene, operator: &Mutex<Option<Operator>>) {
    let mut operator = operator.lock().await;
    if let Some(first) = operator.take() {
        scene.kill(first);
    }
    *operator = Some(scene.start().await);
}

/// Starts another operator, and kills the first one once both have nothing to do.
async fn overlap(scene: &Scene, operator: &Mutex<Option<Operator>>) {
    let second = scene.start().await;
    scene.server.settled(QUIET).await;
    if let Some(first) = operator.lock().await.replace(second) {
        Scene::end(first);
    }
}
