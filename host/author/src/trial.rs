//! A plugin with one Dataset and its runtime, as a reconcile sees them.

use std::sync::Arc;

use anyhow::Result;
use serde_json::Value;
use wasser_chart::{Chart, Renderer};
use wasser_engine::{
    EngineError, Identity, Prepared, Revision, Surroundings, complete, context, named, owner_reference, prepare,
};
use wasser_plugin::bindings::types::RoleStatus;
use wasser_plugin::{Context, Instance, Plugin};

use crate::cluster::Scripted;
use crate::manifest::{Pair, UID};

/// Where clients mount unless somebody says otherwise.
pub const MOUNT_ROOT: &str = "/runtime-mnt";
/// The time of a scenario that does not say it: the same each time, 2026 having begun.
const NOW: u64 = 1_767_225_600_000;

/// A plugin with one Dataset and its runtime.
pub struct Trial<'a> {
    /// The plugin.
    pub plugin: &'a Plugin,
    /// The objects, and what else the plugin finds.
    pub pair: &'a Pair,
    /// The names of what belongs to them.
    pub identity: Identity,
    mount_root: &'a str,
}

impl<'a> Trial<'a> {
    /// Puts a plugin and a pair together. Clients mount below `mount_root`.
    pub fn new(plugin: &'a Plugin, pair: &'a Pair, mount_root: &'a str) -> Self {
        Self {
            identity: Identity::new(&pair.namespace, &pair.name, UID, &plugin.description),
            plugin,
            pair,
            mount_root,
        }
    }

    /// Returns what the plugin is told.
    pub fn context(&self) -> Context {
        let Pair {
            dataset,
            runtime,
            scenario,
            ..
        } = self.pair;
        let dataset = dataset.as_ref().map(Value::to_string);
        let mut context = context(self.plugin, &self.identity, self.mount_root, runtime, dataset);
        context.now = scenario.now.unwrap_or(NOW);
        context.installed = scenario.installed.as_ref().map(Value::to_string);
        context.roles = self.roles();
        for (given, fact) in [
            (&scenario.images, &mut context.images),
            (&scenario.settings, &mut context.settings),
        ] {
            if let Some(given) = given {
                *fact = given.clone().into_iter().collect();
            }
        }
        context
    }

    /// Returns the pods of the roles, as the scenario counts them, or as its pods are.
    fn roles(&self) -> Vec<RoleStatus> {
        let scenario = &self.pair.scenario;
        let status = |name: &str, desired, ready| RoleStatus {
            name: name.to_owned(),
            desired,
            ready,
        };
        if !scenario.roles.is_empty() {
            let counted = scenario.roles.iter();
            return counted
                .map(|(name, counts)| status(name, counts.desired, counts.ready))
                .collect();
        }
        let roles = self.plugin.description.roles.iter().filter_map(|role| {
            let pods = || scenario.cluster.pods.iter().filter(|pod| pod.role == role.name);
            let count = |pods: usize| u32::try_from(pods).unwrap_or(u32::MAX);
            let desired = count(pods().count());
            (desired > 0).then(|| status(&role.name, desired, count(pods().filter(|pod| pod.ready).count())))
        });
        roles.collect()
    }

    /// Returns the cluster of the scenario, as it is before any call.
    pub fn cluster(&self) -> Arc<Scripted> {
        Arc::new(Scripted::new(
            self.pair.others.clone(),
            self.pair.scenario.cluster.clone(),
        ))
    }

    /// Returns a fresh instance of the plugin in a cluster.
    pub fn instance(&self, cluster: &Arc<Scripted>) -> Instance {
        self.plugin.instance(self.identity.key(), cluster.clone())
    }

    /// Adds to the values of a plugin what all charts are given.
    ///
    /// # Errors
    /// The values are not a JSON object.
    pub fn complete(&self, text: &str) -> Result<Value, EngineError> {
        complete(
            text,
            &self.identity,
            &owner_reference(&self.pair.kind, &self.pair.name, UID),
        )
    }

    /// Renders the chart with complete values, and admits what came of it.
    ///
    /// # Errors
    /// The operator would refuse it.
    pub async fn prepare(
        &self,
        chart: Arc<Chart>,
        renderer: &Renderer,
        values: Value,
    ) -> Result<Prepared, EngineError> {
        let named_objects = self.pair.named(self.plugin);
        let around = Surroundings {
            uid: UID.to_owned(),
            mount_path: self.identity.mount_path(self.mount_root),
            named: named(&self.pair.runtime, self.pair.dataset.iter().chain(&named_objects)),
            claimed_secrets: self.pair.volume_secrets(),
        };
        let revision = match self.pair.scenario.installed {
            Some(_) => Revision::upgrade(2),
            None => Revision::FIRST,
        };
        prepare(self.plugin, chart, renderer, &self.identity, &around, values, revision).await
    }
}
