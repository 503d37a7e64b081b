//! The chart with values that the plugin gives: it must render to objects that the operator would
//! install, and to the workloads that the plugin describes.

use std::sync::Arc;

use serde_json::Value;
use wasser_chart::{Chart, RenderError, Renderer};
use wasser_engine::EngineError;
use wasser_plugin::Plugin;

use super::case::Case;
use super::report::Finding;
use super::workloads::{Seen, workload};
use crate::trial::{MOUNT_ROOT, Trial};

/// The chart of a plugin, and Helm's engine.
pub struct Helm<'a> {
    /// The chart.
    pub chart: Arc<Chart>,
    /// Helm's engine.
    pub renderer: &'a Renderer,
    /// The roles and workloads of all contexts that are meant to work.
    pub seen: Seen,
}

impl Helm<'_> {
    /// Renders a context that is meant to work. Returns what is wrong.
    pub async fn sane(&mut self, plugin: &Plugin, case: &Case, values: Value) -> Vec<Finding> {
        let trial = Trial::new(plugin, &case.pair, MOUNT_ROOT);
        let found = |message: String| Finding {
            context: Some(case.name.clone()),
            ..Finding::plain(message)
        };
        match trial.prepare(self.chart.clone(), self.renderer, values).await {
            Err(error) => vec![found(format!("the operator would refuse the chart: {error}"))],
            Ok(prepared) => {
                let objects = prepared.objects();
                let objects: Vec<Value> = objects
                    .iter()
                    .filter_map(|object| serde_json::to_value(object).ok())
                    .collect();
                let roles = &plugin.description.roles;
                let strays = self.seen.note(roles, &trial, &objects);
                let faults = roles.iter().flat_map(|role| workload(role, &trial, &objects));
                faults.chain(strays).map(found).collect()
            }
        }
    }

    /// Renders a hostile context that the plugin has accepted. That the operator refuses what came of
    /// it is all right; that it is not YAML any more is not.
    pub async fn hostile(&self, plugin: &Plugin, case: &Case, values: Value) -> Option<String> {
        let trial = Trial::new(plugin, &case.pair, MOUNT_ROOT);
        match trial.prepare(self.chart.clone(), self.renderer, values).await {
            Err(EngineError::Render { source, .. }) if !is_refusal(&source) => {
                Some(format!("the chart does not render: {source}"))
            }
            _ => None,
        }
    }
}

/// Whether the chart itself refuses the values: by its schema, or by `fail` and `required`.
fn is_refusal(error: &RenderError) -> bool {
    matches!(error, RenderError::Template(template) if !template.message.contains("YAML"))
}
