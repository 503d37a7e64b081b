//! Prints what changes in a namespace, and when.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;
use wasser_test_cluster::Cluster;

use crate::commands::interrupt;

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(100);
/// The kinds that are shown.
const KINDS: &str = "dataset,juicefsruntime,statefulset,pod,pvc";

/// The objects of a namespace as they were last printed.
pub struct Progress<'a> {
    cluster: &'a Cluster,
    namespace: &'a str,
    began: Instant,
    seen: BTreeMap<String, String>,
}

impl<'a> Progress<'a> {
    /// Starts with nothing printed yet. Times are in seconds since `began`.
    pub fn new(cluster: &'a Cluster, namespace: &'a str, began: Instant) -> Self {
        Self {
            cluster,
            namespace,
            began,
            seen: BTreeMap::new(),
        }
    }

    /// Prints changes until the Dataset and its claim are Bound and, with real nodes, its size is
    /// known. `check` fails if there is no use in waiting any longer.
    pub fn wait_until_bound<F>(&mut self, name: &str, real: bool, patience: Duration, mut check: F) -> Result<()>
    where
        F: FnMut() -> Result<()>,
    {
        while self.began.elapsed() < patience {
            interrupt::check()?;
            check()?;
            self.print_changes()?;
            let dataset = self.seen.get(&format!("Dataset {name}")).map_or("", String::as_str);
            let claim = self
                .seen
                .get(&format!("PersistentVolumeClaim {name}"))
                .map_or("", String::as_str);
            let sized = !real || dataset.contains("files");
            if dataset.starts_with("Bound") && claim == "Bound" && sized {
                return Ok(());
            }
            std::thread::sleep(PAUSE);
        }
        bail!(
            "after {} s, the Dataset {name} is not Bound with a bound claim and a known size",
            patience.as_secs()
        );
    }

    /// Prints changes until the state of an object is as wanted.
    pub fn wait_for(&mut self, name: &str, patience: Duration, wanted: impl Fn(&str) -> bool) -> Result<()> {
        let began = Instant::now();
        while began.elapsed() < patience {
            interrupt::check()?;
            self.print_changes()?;
            if self.seen.get(name).is_some_and(|state| wanted(state)) {
                return Ok(());
            }
            std::thread::sleep(PAUSE);
        }
        bail!(
            "after {} s, the {name} is still: {}",
            patience.as_secs(),
            self.seen.get(name).map_or("not there", String::as_str)
        );
    }

    /// Prints what has changed since the last look.
    pub fn print_changes(&mut self) -> Result<()> {
        let text = self
            .cluster
            .kubectl(&["get", KINDS, "-n", self.namespace, "-o", "json"])?;
        let list: Value = serde_json::from_str(&text).context("reading what kubectl prints")?;
        let mut now = BTreeMap::new();
        for object in list["items"].as_array().into_iter().flatten() {
            let name = format!("{} {}", text_of(&object["kind"]), text_of(&object["metadata"]["name"]));
            now.insert(name, state(object));
        }
        for (name, state) in &now {
            if self.seen.get(name) != Some(state) {
                self.say(name, state);
            }
        }
        for name in self.seen.keys().filter(|name| !now.contains_key(*name)) {
            self.say(name, "gone");
        }
        self.seen = now;
        Ok(())
    }

    fn say(&self, name: &str, state: &str) {
        println!("    {:>6.1} s  {name:<32} {state}", self.began.elapsed().as_secs_f32());
    }
}

/// Describes the state of an object in a few words.
fn state(object: &Value) -> String {
    let status = &object["status"];
    let mut state = match text_of(&object["kind"]) {
        "Dataset" => dataset(status),
        "JuiceFSRuntime" => {
            let phase = Some(text_of(&status["workerPhase"]))
                .filter(|phase| !phase.is_empty())
                .unwrap_or("new");
            format!(
                "workers {phase}, {} of {} ready",
                number(&status["workerNumberReady"]),
                number(&status["desiredWorkerNumberScheduled"])
            )
        }
        "StatefulSet" => format!(
            "{} of {} pods ready",
            number(&status["readyReplicas"]),
            number(&object["spec"]["replicas"])
        ),
        "Pod" => pod(status),
        _ => text_of(&status["phase"]).to_owned(),
    };
    if object["metadata"].get("deletionTimestamp").is_some() {
        state.push_str(" (being deleted)");
    }
    state
}

fn dataset(status: &Value) -> String {
    let mut state = match text_of(&status["phase"]) {
        "" => "new".to_owned(),
        phase => phase.to_owned(),
    };
    let (size, files) = (text_of(&status["ufsTotal"]), text_of(&status["fileNum"]));
    if files.parse::<u64>().is_ok() {
        state.push_str(&format!(", {size} in {files} files"));
    }
    if let Some(cached) = status["cacheStates"]["cached"]
        .as_str()
        .filter(|cached| !cached.is_empty())
    {
        state.push_str(&format!(", {cached} cached"));
    }
    let failed = |condition: &&Value| condition["type"] == "NotReady" && condition["status"] == "True";
    if let Some(condition) = status["conditions"]
        .as_array()
        .and_then(|conditions| conditions.iter().find(failed))
    {
        state.push_str(&format!(": {}", text_of(&condition["message"])));
    }
    state
}

fn pod(status: &Value) -> String {
    let containers = status["containerStatuses"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let waiting = containers
        .iter()
        .find_map(|container| container["state"]["waiting"]["reason"].as_str());
    if let Some(reason) = waiting {
        return reason.to_owned();
    }
    let ready = status["conditions"]
        .as_array()
        .is_some_and(|all| all.iter().any(|one| one["type"] == "Ready" && one["status"] == "True"));
    let phase = text_of(&status["phase"]);
    if ready { "ready".to_owned() } else { phase.to_owned() }
}

fn text_of(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn states_are_described_in_a_few_words() {
        let dataset = json!({"kind": "Dataset", "status": {"phase": "Bound", "ufsTotal": "1.00MiB", "fileNum": "3"}});
        assert_eq!(state(&dataset), "Bound, 1.00MiB in 3 files");
        let dataset = json!({"kind": "Dataset", "status": {
            "phase": "NotBound", "ufsTotal": "[Calculating]", "fileNum": "[Calculating]",
            "conditions": [{"type": "NotReady", "status": "True", "message": "no"}]}});
        assert_eq!(state(&dataset), "NotBound: no");
        let pod = json!({"kind": "Pod", "metadata": {"deletionTimestamp": "now"}, "status": {"phase": "Running"}});
        assert_eq!(state(&pod), "Running (being deleted)");
        let creating = json!({"state": {"waiting": {"reason": "ContainerCreating"}}});
        let waiting = json!({"kind": "Pod", "status": {"phase": "Pending", "containerStatuses": [creating]}});
        assert_eq!(state(&waiting), "ContainerCreating");
        let set = json!({"kind": "StatefulSet", "spec": {"replicas": 2}, "status": {"readyReplicas": 1}});
        assert_eq!(state(&set), "1 of 2 pods ready");
    }
}
