//! An operation before it is created: made from options, checked as the operator would, printed.

use std::sync::Arc;

use kube::api::DynamicObject;
use serde_json::{Map, Value, json};
use wasser_api::operations::{OperationKind, Policy, RunAfter};
use wasser_engine::TenantRules;
use wasser_engine::operations::{Operation, check};

use super::inputs;
use super::names::{self, Named};
use super::problem::Problem;

/// How objects are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// As YAML.
    Yaml,
    /// As JSON.
    Json,
    /// Only the name: `dataload.data.fluid.io/warm`.
    Name,
}

/// What operations of all kinds have.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct CommonArgs {
    /// The name of the operation [default: made up, such as load-demo-x7k2p].
    #[arg(long)]
    pub name: Option<String>,
    /// Remove the operation this long after it has ended: 1h, 30m, 0 [default: it is kept].
    #[arg(long, value_name = "DURATION", value_parser = inputs::ttl)]
    pub ttl: Option<i32>,
    /// Run after this operation is complete: dataload/warm.
    #[arg(long, value_name = "KIND/NAME")]
    pub after: Option<Named>,
}

impl CommonArgs {
    /// Returns the operation to wait for, as specs have it.
    pub fn run_after(&self) -> Option<RunAfter> {
        self.after.as_ref().map(|after| RunAfter {
            kind: after.kind,
            name: after.name.clone(),
            ..RunAfter::default()
        })
    }
}

/// When an operation runs.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct ScheduleArgs {
    /// Run again and again, by a schedule in the form of cron: "0 3 * * *".
    #[arg(long, value_name = "CRON")]
    pub schedule: Option<String>,
}

impl ScheduleArgs {
    /// Returns the policy that goes with the schedule.
    pub fn policy(&self) -> Policy {
        match self.schedule {
            Some(_) => Policy::Cron,
            None => Policy::Once,
        }
    }
}

/// An operation that is not created yet.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The kind.
    pub kind: OperationKind,
    /// The Dataset that a made-up name mentions.
    pub about: String,
    /// The spec.
    pub spec: Value,
}

impl Draft {
    /// Returns the draft of a spec.
    ///
    /// # Errors
    /// The spec cannot be written as JSON.
    pub fn new(kind: OperationKind, about: &str, spec: &impl serde::Serialize) -> Result<Self, Problem> {
        let spec = serde_json::to_value(spec)
            .map_err(|error| Problem::usage(format!("the spec cannot be written as JSON: {error}")))?;
        Ok(Self {
            kind,
            about: about.to_owned(),
            spec: without_empty(spec),
        })
    }

    /// Gives the draft its name and namespace, and checks it. A made-up name follows from `random`.
    ///
    /// # Errors
    /// The operator would refuse the operation.
    pub fn place(self, common: &CommonArgs, namespace: &str, random: u64) -> Result<Manifest, Problem> {
        let name = match &common.name {
            Some(name) => name.clone(),
            None => names::made_up(self.kind, &self.about, random),
        };
        let object = json!({
            "apiVersion": wasser_api::API_VERSION, "kind": self.kind.as_str(),
            "metadata": {"name": name, "namespace": namespace}, "spec": self.spec,
        });
        let unreadable = |error: serde_json::Error| Problem::usage(format!("the manifest cannot be read: {error}"));
        let object: DynamicObject = serde_json::from_value(object).map_err(unreadable)?;
        let refused = |refused: wasser_engine::operations::Refused| Problem::Refused(refused.message);
        let operation = Operation::read(self.kind, Arc::new(object.clone())).map_err(refused)?;
        // What the installation forbids in addition, only the operator knows.
        check(&operation, &TenantRules::default()).map_err(refused)?;
        Ok(Manifest {
            named: Named { kind: self.kind, name },
            datasets: operation.datasets().into_iter().map(|dataset| dataset.name).collect(),
            is_scheduled: operation.is_cron(),
            object,
        })
    }
}

/// A checked operation that can be created.
#[derive(Debug, Clone)]
pub struct Manifest {
    /// Kind and name.
    pub named: Named,
    /// The Datasets that it needs, in its namespace.
    pub datasets: Vec<String>,
    /// Whether a schedule starts it.
    pub is_scheduled: bool,
    /// The object.
    pub object: DynamicObject,
}

/// Returns an operation as text.
///
/// # Errors
/// It cannot be written in this form.
pub fn print(object: &DynamicObject, named: &Named, format: Format) -> anyhow::Result<String> {
    Ok(match format {
        Format::Yaml => yaml_serde::to_string(object)?,
        Format::Json => format!("{}\n", serde_json::to_string_pretty(object)?),
        Format::Name => format!("{}\n", named.qualified()),
    })
}

/// Leaves out objects of the spec that have nothing in them.
fn without_empty(spec: Value) -> Value {
    let is_empty = |value: &Value| value.as_object().is_some_and(Map::is_empty);
    match spec {
        Value::Object(fields) => {
            let kept = fields.into_iter().map(|(key, value)| (key, without_empty(value)));
            Value::Object(kept.filter(|(_, value)| !is_empty(value)).collect())
        }
        other => other,
    }
}
