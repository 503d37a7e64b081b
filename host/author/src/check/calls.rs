//! Calls each method with each context, several times, and looks at what comes back.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use wasser_api::text::one_line;
use wasser_engine::differences;
use wasser_plugin::bindings::types::{Error, UfsChange};
use wasser_plugin::{CallError, Context, Instance, Plugin};

use super::case::Case;
use super::report::Finding;
use crate::cluster::Scripted;
use crate::step::{Answer, Step, is_mute, refusal};
use crate::trial::{MOUNT_ROOT, Trial};

/// How much later it is for a plugin that is asked once more: each unit of time is another one, from
/// days to milliseconds.
const LATER_MS: u64 = 90_061_001;

/// What was found, by what it is about.
#[derive(Default)]
pub struct Findings {
    /// Traps, limits, answers that cannot be used, and refusals without a message.
    pub answers: Vec<Finding>,
    /// Other bytes for the same context.
    pub deterministic: Vec<Finding>,
    /// A second call that does something else than the first.
    pub idempotent: Vec<Finding>,
    /// Values that do not come to rest.
    pub rest: Vec<Finding>,
    /// The number of calls.
    pub calls: usize,
    /// The calls of them that did not end.
    pub endless: usize,
}

/// Asks a plugin everything with one context. Returns the complete values, or why there are none.
///
/// # Errors
/// The plugin refuses the context, or gives no answer.
pub async fn ask(plugin: &Plugin, case: &Case, keep: &Keep<'_>, found: &mut Findings) -> Result<Value, String> {
    let trial = Trial::new(plugin, &case.pair, MOUNT_ROOT);
    let mut asked = Asked {
        trial: &trial,
        case,
        keep,
        found,
    };
    let context = trial.context();
    let validated = asked.twice(&Step::Validate, &context).await;
    let desired = asked.twice(&Step::Desired, &context).await;
    let values = match &desired {
        Some(Ok(Value::String(text))) => asked.complete(text),
        Some(Err(error)) => Err(format!("`desired` refuses it: {}", refusal(error))),
        _ => Err("`desired` gives no values".to_owned()),
    };
    let mut later = context.clone();
    if let Ok(values) = &values {
        later.installed = Some(values.to_string());
        later.now = later.now.saturating_add(LATER_MS);
        asked.rests(values, &context, &later).await;
        later.now = context.now;
    }
    for step in steps(plugin) {
        let answer = asked.twice(&step, &later).await;
        if step == Step::ShouldUpdateUfs && answer.is_some() {
            asked.twice(&Step::UpdateUfs(changes(case)), &later).await;
        }
    }
    let mut gone = later;
    gone.dataset = None;
    asked.twice(&Step::Shutdown, &gone).await;
    match validated {
        Some(Err(error)) if error != Error::NotSupported => Err(format!("`validate` refuses it: {}", refusal(&error))),
        None if Step::Validate.is_asked(plugin) => Err("`validate` gives no answer".to_owned()),
        _ => values,
    }
}

/// The methods after `validate` and `desired`, in the order of a reconcile.
fn steps(plugin: &Plugin) -> Vec<Step> {
    let roles = plugin
        .description
        .roles
        .iter()
        .map(|role| Step::CheckReady(role.name.clone()));
    let operation = |kind: &'static str| {
        let object = json!({"kind": kind, "metadata": {"name": "op", "namespace": "default"},
            "spec": {"dataset": {"name": "demo"}, "target": [{"path": "/", "replicas": -1}]}});
        Step::DataOperation(kind, object)
    };
    roles
        .chain([
            Step::ShouldCheckUfs,
            Step::PrepareUfs,
            Step::SetupWorkers,
            Step::SyncMetadata,
            Step::StorageStats,
            Step::SyncReplicas,
            Step::CheckRuntimeHealthy,
            Step::CacheStates,
            Step::ShouldUpdateUfs,
            Step::Shutdown,
        ])
        .chain(["DataLoad", "DataMigrate", "DataBackup"].map(operation))
        .collect()
}

/// A change that the Dataset of a case may ask for.
fn changes(case: &Case) -> UfsChange {
    let mounts = case
        .pair
        .dataset
        .as_ref()
        .and_then(|dataset| dataset.pointer("/spec/mounts"));
    let added = mounts
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .take(3)
        .map(|mount| {
            let name = mount["name"].as_str().unwrap_or_default();
            wasser_plugin::bindings::types::Mount {
                path: format!("/{name}"),
                spec: mount.to_string(),
            }
        });
    UfsChange {
        added: added.collect(),
        removed: Vec::new(),
        changed: Vec::new(),
    }
}

/// Where contexts are kept in which something was found.
pub struct Keep<'a> {
    /// The directory.
    pub directory: &'a Path,
}

impl Keep<'_> {
    /// Returns something that was found with a case, which is kept.
    pub fn finding(&self, case: &Case, message: String) -> Finding {
        Finding {
            message,
            context: Some(case.name.clone()),
            file: self.file(case),
        }
    }

    /// Writes the manifest of a case, and returns its file. A directory that cannot be written to
    /// costs the file, and not the finding.
    pub fn file(&self, case: &Case) -> Option<PathBuf> {
        let documents = case.pair.documents().ok()?;
        let texts: Option<Vec<String>> = documents
            .iter()
            .map(|document| yaml_serde::to_string(document).ok())
            .collect();
        let file = self.directory.join(format!("{}.yaml", case.file));
        std::fs::create_dir_all(self.directory).ok()?;
        let text = format!("# {}\n{}", one_line(&case.name), texts?.join("---\n"));
        std::fs::write(&file, text).ok()?;
        Some(file)
    }
}

struct Asked<'a> {
    trial: &'a Trial<'a>,
    case: &'a Case,
    keep: &'a Keep<'a>,
    found: &'a mut Findings,
}

impl Asked<'_> {
    fn finding(&self, step: &Step, message: &str) -> Finding {
        self.keep.finding(self.case, format!("`{step}` {message}"))
    }

    async fn once(&mut self, step: &Step, context: &Context, instance: &mut Instance) -> Answer {
        self.found.calls += 1;
        step.ask(instance, context).await
    }

    /// Returns the complete values.
    fn complete(&mut self, text: &str) -> Result<Value, String> {
        self.trial.complete(text).map_err(|error| {
            let message = format!("gives values that cannot be used: {error}");
            let finding = self.finding(&Step::Desired, &message);
            self.found.answers.push(finding);
            format!("`desired` {message}")
        })
    }

    /// Asks in two clusters that are the same, and once more in the second, as a reconcile does that
    /// comes by the same place twice.
    async fn twice(&mut self, step: &Step, context: &Context) -> Option<Result<Value, Error>> {
        if !step.is_asked(self.trial.plugin) {
            return None;
        }
        let (one, other) = (self.trial.cluster(), self.trial.cluster());
        let (mut instance, mut fresh) = (self.trial.instance(&one), self.trial.instance(&other));
        let first = match self.once(step, context, &mut instance).await {
            Ok(answer) => answer,
            Err(error) => {
                let is_endless = matches!(error, CallError::CpuLimit { .. } | CallError::Deadline { .. });
                self.found.endless += usize::from(is_endless);
                let finding = self.finding(step, &format!("failed: {error}"));
                self.found.answers.push(finding);
                return None;
            }
        };
        if first.as_ref().is_err_and(is_mute) {
            let finding = self.finding(step, "refuses without a message");
            self.found.answers.push(finding);
        }
        let second = self.once(step, context, &mut fresh).await;
        let mut differs = difference(&first, &second).or_else(|| other_calls(&one, &other));
        let kept = other.state();
        let again = self.once(step, context, &mut fresh).await;
        let is_same = kept == other.state();
        if differs.is_none() && is_same && [Step::Validate, Step::Desired].contains(step) {
            differs = difference(&first, &again);
        }
        if let Some(message) = differs {
            let finding = self.finding(step, &message);
            self.found.deterministic.push(finding);
        } else if let Err(error) = again {
            let finding = self.finding(step, &format!("failed when it was called again: {error}"));
            self.found.idempotent.push(finding);
        }
        if !is_same {
            let finding = self.finding(step, "keeps other state when it is called again");
            self.found.idempotent.push(finding);
        }
        Some(first)
    }

    /// Asks for values once more, as if those that it wants had been installed the day before.
    async fn rests(&mut self, values: &Value, before: &Context, later: &Context) {
        let cluster = self.trial.cluster();
        // Ports are the same for as long as the runtime lives.
        let _same = self
            .once(&Step::Desired, before, &mut self.trial.instance(&cluster))
            .await;
        let mut instance = self.trial.instance(&cluster);
        let message = match self.once(&Step::Desired, later, &mut instance).await {
            Ok(Ok(Value::String(text))) => match self.trial.complete(&text) {
                Ok(next) => differences(values, &next).map(|paths| {
                    format!(
"asks for other values at {paths} once its own are installed, so that releases are upgraded for \
                         ever"
)
                }),
                Err(error) => Some(format!("gives values that cannot be used once its own are installed: {error}")),
            },
            Ok(Err(error)) => Some(format!("refuses once its own values are installed: {}", refusal(&error))),
            Ok(Ok(_)) => None,
            Err(error) => Some(format!("failed once its own values were installed: {error}")),
        };
        if let Some(message) = message {
            let finding = self.finding(&Step::Desired, &message);
            self.found.rest.push(finding);
        }
    }
}

/// How two answers to the same question differ.
fn difference(first: &Result<Value, Error>, second: &Answer) -> Option<String> {
    let second = match second {
        Ok(second) => second,
        Err(error) => return Some(format!("answered once, and then failed with the same context: {error}")),
    };
    let parsed = |answer: &Value| match answer {
        Value::String(text) => serde_json::from_str(text).unwrap_or_else(|_| answer.clone()),
        other => other.clone(),
    };
    match (first, second) {
        (first, second) if first == second => None,
        (Ok(a), Ok(b)) => Some(match differences(&parsed(a), &parsed(b)) {
            Some(paths) => format!("gives different values for the same context at {paths}"),
            None => "gives the same values in another order of bytes for the same context".to_owned(),
        }),
        _ => Some("accepts and refuses the same context, or refuses it with different messages".to_owned()),
    }
}

/// How what was asked of two clusters that are the same differs.
fn other_calls(one: &Scripted, other: &Scripted) -> Option<String> {
    let (one, other) = (one.calls(), other.calls());
    let at = (0..one.len().max(other.len())).find(|at| one.get(*at) != other.get(*at))?;
    let shown = |calls: &[String]| calls.get(at).cloned().unwrap_or_else(|| "nothing".to_owned());
    Some(format!(
        "asks the cluster differently with the same context: `{}`, and then `{}`",
        shown(&one),
        shown(&other)
    ))
}
