//! A reconcile without a cluster: the calls to the plugin in the order of a reconcile, and the objects
//! that would be applied.
//!
//! What a real one waits for is taken to have happened, so that every method is seen.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::{Value, json};
use wasser_chart::{Chart, Renderer};
use wasser_plugin::bindings::types::{Error, Role, UfsChange};
use wasser_plugin::{Context, Instance};

use crate::cluster::Scripted;
use crate::step::{Outcome, Step, changed, refusal};
use crate::trial::Trial;

/// One call to the plugin.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Call {
    /// The question.
    pub step: String,
    /// The answer; `{"error": …}` if it is one, and `{"failed": …}` if there is none.
    pub answer: Value,
    /// How long it took.
    #[serde(serialize_with = "micros", rename = "micros")]
    pub took: Duration,
    /// The bytes of memory that the instance has needed so far.
    pub memory: Option<u64>,
    /// What it asked of the cluster.
    pub imports: Vec<String>,
}

fn micros<S: serde::Serializer>(took: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_u64(u64::try_from(took.as_micros()).unwrap_or(u64::MAX))
}

/// What came of a reconcile.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// The calls, in their order.
    pub calls: Vec<Call>,
    /// The values of the chart, as the host completes them.
    pub values: Option<Value>,
    /// The objects that would be applied.
    pub objects: Vec<Value>,
    /// Why nothing would be installed.
    pub refused: Option<String>,
}

impl Run {
    /// Returns the calls that gave no answer: each is a fault of the plugin.
    pub fn faults(&self) -> impl Iterator<Item = (&str, &str)> {
        let calls = self.calls.iter();
        calls.filter_map(|call| Some((call.step.as_str(), call.answer.get("failed")?.as_str()?)))
    }
}

/// Runs a reconcile. Without a chart, nothing is rendered.
pub async fn reconcile(trial: &Trial<'_>, chart: Option<(Arc<Chart>, &Renderer)>) -> Run {
    let cluster = trial.cluster();
    let mut dry = Dry {
        trial,
        instance: trial.instance(&cluster),
        cluster,
        run: Run::default(),
    };
    let mut context = trial.context();
    if let Err(refused) = dry.install(&context, chart).await {
        dry.run.refused = Some(refused);
        return dry.run;
    }
    if context.installed.is_none() {
        context.installed = dry.run.values.as_ref().map(Value::to_string);
    }
    dry.set_up(&context).await;
    dry.sync(&context).await;
    dry.ask(&Step::Shutdown, &context).await;
    dry.run
}

struct Dry<'a> {
    trial: &'a Trial<'a>,
    cluster: Arc<Scripted>,
    instance: Instance,
    run: Run,
}

impl Dry<'_> {
    /// Asks the plugin, and writes it down. Returns the answer if there is one.
    async fn ask(&mut self, step: &Step, context: &Context) -> Option<Result<Value, Error>> {
        if !step.is_asked(self.trial.plugin) {
            return None;
        }
        let began = self.begin();
        let outcome = step.ask(&mut self.instance, context).await;
        self.note(step, began, &outcome, |value| match value {
            // The values are shown once, as they are completed.
            Value::String(text) if *step == Step::Desired => json!(format!("{} bytes", text.len())),
            value => value.clone(),
        });
        outcome.ok()
    }

    /// Asks how the mounts differ; the answer is needed as it is.
    async fn ufs_change(&mut self, context: &Context) -> Option<UfsChange> {
        let step = Step::ShouldUpdateUfs;
        if !step.is_asked(self.trial.plugin) {
            return None;
        }
        let began = self.begin();
        let outcome = self.instance.should_update_ufs(context).await;
        self.note(&step, began, &outcome, changed);
        outcome.ok()?.ok()
    }

    /// When a call begins, and how much was asked of the cluster before.
    fn begin(&self) -> (Instant, usize) {
        (Instant::now(), self.cluster.calls().len())
    }

    fn note<T>(
        &mut self,
        step: &Step,
        (began, before): (Instant, usize),
        outcome: &Outcome<T>,
        shown: impl FnOnce(&T) -> Value,
    ) {
        self.run.calls.push(Call {
            step: step.to_string(),
            took: began.elapsed(),
            answer: match outcome {
                Ok(Ok(value)) => shown(value),
                Ok(Err(error)) => json!({"error": refusal(error)}),
                Err(error) => json!({"failed": error.to_string()}),
            },
            memory: self.instance.memory(),
            imports: self.cluster.calls().split_off(before),
        });
    }

    /// Refuses what cannot work, and makes the objects. The error is what a user would read.
    async fn install(&mut self, context: &Context, chart: Option<(Arc<Chart>, &Renderer)>) -> Result<(), String> {
        let fault = |run: &Run| {
            run.faults()
                .last()
                .map(|(_, fault)| fault.to_owned())
                .unwrap_or_default()
        };
        match self.ask(&Step::Validate, context).await {
            Some(Err(error)) if error != Error::NotSupported => return Err(refusal(&error)),
            None if self.run.faults().next().is_some() => return Err(fault(&self.run)),
            _ => {}
        }
        let values = match self.ask(&Step::Desired, context).await {
            Some(Ok(Value::String(text))) => self.trial.complete(&text).map_err(|error| error.to_string())?,
            Some(Err(error)) => return Err(refusal(&error)),
            _ => return Err(fault(&self.run)),
        };
        self.run.values = Some(values.clone());
        let Some((chart, renderer)) = chart else {
            return Ok(());
        };
        let prepared = self
            .trial
            .prepare(chart, renderer, values)
            .await
            .map_err(|error| error.to_string())?;
        let objects = prepared.objects();
        let objects: Result<Vec<Value>, _> = objects.iter().map(serde_json::to_value).collect();
        self.run.objects = objects.map_err(|error| error.to_string())?;
        Ok(())
    }

    /// The roles whose workloads the chart has rendered; all if there is no chart.
    fn roles(&self) -> Vec<Role> {
        let objects = &self.run.objects;
        let is_there = |role: &&Role| {
            let name = format!("{}{}", self.trial.pair.name, role.suffix);
            objects.is_empty()
                || objects
                    .iter()
                    .any(|object| object["kind"] == role.workload && object["metadata"]["name"] == name)
        };
        self.trial
            .plugin
            .description
            .roles
            .iter()
            .filter(is_there)
            .cloned()
            .collect()
    }

    async fn set_up(&mut self, context: &Context) {
        let (masters, others): (Vec<Role>, Vec<Role>) =
            self.roles().into_iter().partition(|role| role.name == "master");
        let has_workers = others.iter().any(|role| role.name == "worker");
        for role in masters {
            self.ask(&Step::CheckReady(role.name), context).await;
        }
        if let Some(Ok(Value::Bool(true))) = self.ask(&Step::ShouldCheckUfs, context).await {
            self.ask(&Step::PrepareUfs, context).await;
        }
        if has_workers {
            self.ask(&Step::SetupWorkers, context).await;
        }
        for role in others.into_iter().filter(|role| role.needed_for_bound) {
            self.ask(&Step::CheckReady(role.name), context).await;
        }
    }

    async fn sync(&mut self, context: &Context) {
        for step in [
            Step::SyncMetadata,
            Step::StorageStats,
            Step::SyncReplicas,
            Step::Desired,
            Step::CheckRuntimeHealthy,
            Step::CacheStates,
        ] {
            self.ask(&step, context).await;
        }
        if let Some(change) = self.ufs_change(context).await
            && !is_empty(&change)
        {
            self.ask(&Step::UpdateUfs(change), context).await;
        }
    }
}

fn is_empty(change: &UfsChange) -> bool {
    change.added.is_empty() && change.removed.is_empty() && change.changed.is_empty()
}
