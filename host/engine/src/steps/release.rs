//! The release of a runtime: what is installed, and how values come to be.

use std::sync::Arc;

use futures::FutureExt;
use kube::Api;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind};
use serde_json::Value;
use wasser_chart::{Policy, ReleaseError, Workers};

use crate::error::EngineError;
use crate::objects::owner::owner_reference;
use crate::release::Installed;
use crate::release::policy::policy;
use crate::release::prepare::prepare;
use crate::release::values::complete;
use crate::request::Request;
use crate::shared::ports;

impl Request {
    /// The release as it is, from memory where it was seen before.
    pub async fn installed(&mut self) -> Result<Option<Arc<Installed>>, EngineError> {
        if let Some(known) = self.shared.known_release(&self.uid) {
            return Ok(known);
        }
        let (namespace, name) = (&self.identity.namespace, &self.identity.name);
        let found = if self.shared.caches.has_record(namespace, name) {
            let found = self.shared.releases.find(name, &self.policy()).await;
            found.map_err(|source| self.release_failed(source))?
        } else {
            // Should the watch be late, the record that the installation wants to write is there
            // already, and is then read.
            self.shared.releases.take_for_absent(namespace, name);
            None
        };
        if let Some(release) = &found {
            self.restore_ports(release.values())?;
        }
        let release = found
            // What Fluid's Helm did not end may run nevertheless.
            .filter(|release| release.is_deployed() || (release.is_adopted() && self.is_set_up()))
            .map(|release| Arc::new(Installed::recorded(&release)));
        self.shared.remember_release(&self.uid, release.clone());
        self.context.installed = release.as_ref().map(|release| release.text().to_owned());
        if let Some(release) = &release {
            self.read_roles(release);
        }
        Ok(release)
    }

    /// Whether some object of the release that the host watches is missing, or is somebody else's by
    /// now. A watch may lag behind
    /// an installation, so the API server is asked about each object that the watch does not show.
    pub(crate) async fn is_damaged(&self, release: &Installed) -> Result<bool, EngineError> {
        for (kind, name) in self.unseen(release) {
            let attempt = format!("looking for {kind} {}/{name}", self.identity.namespace);
            let group = if kind == "ConfigMap" { "" } else { "apps" };
            let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, "v1", kind));
            let client = self.shared.client.clone();
            let api = Api::<DynamicObject>::namespaced_with(client, &self.identity.namespace, &resource);
            let found = api.get_metadata_opt(name).await.map_err(EngineError::kube(attempt))?;
            if found.is_none_or(|found| !self.owner().owns(&found.metadata)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Kind and name of the objects of the release that their watch does not show as the runtime's.
    pub(crate) fn unseen<'a>(&self, release: &'a Installed) -> Vec<&'a (String, String)> {
        let (caches, owner) = (&self.shared.caches, self.owner());
        let objects = release.objects().iter();
        objects
            .filter(|(kind, name)| !caches.has_own(kind, owner, name))
            .collect()
    }

    /// Installs or upgrades the release to these values. `workers` says how workers begin that it
    /// makes. False if it already was so.
    pub async fn apply_values(&mut self, text: &str, workers: Option<Workers>) -> Result<bool, EngineError> {
        let values = self.complete(text)?;
        let before = self.installed().await?;
        if let Some(before) = &before {
            if *before.values() == values && !self.is_damaged(before).await? {
                return Ok(false);
            }
            self.check_repeated(before, &values)?;
        }
        let chart = self.shared.chart(&self.plugin)?;
        let renderer = &self.shared.renderer;
        let is_upgrade = before.is_some();
        let preparing = prepare(
            &self.plugin,
            chart,
            renderer,
            &self.identity,
            &self.uid,
            values,
            is_upgrade,
        )
        .boxed();
        // Rendering, requests and hooks have limits, and the turns before them are others' time.
        let prepared = self.own_time.wait(preparing).await?;
        // The name of the map may be somebody's, which has to be known before anything is installed.
        // What was refused just now is not written again: the events of that would lead to the next
        // attempt.
        let (namespace, name) = (&self.identity.namespace, &self.identity.name);
        let looks = is_upgrade || self.shared.releases.was_refused(namespace, name);
        let values_map = match (self.shows_values(), looks) {
            (true, true) => self.find_values_map().await?,
            (true, false) => self.record_values(prepared.values(), None).await?,
            (false, _) => None,
        };
        // Until the record says otherwise, nobody knows what is installed: an interruption must
        // lead to a fresh look.
        self.shared.forget_release(&self.uid);
        let own_time = self.own_time.clone();
        let installing = async {
            let _turn = self.shared.installing.take(&self.identity.namespace).await;
            prepared.install(&self.shared.releases, workers).await
        }
        .boxed();
        let installed = match own_time.wait(installing).await {
            Ok(installed) => installed,
            Err(source) => {
                if let (false, true, Some(uid)) = (looks, source.is_taken(), values_map) {
                    self.delete_values_map(uid).await?;
                }
                return Err(self.release_failed(source));
            }
        };
        if self.shows_values() && looks {
            self.record_values(installed.values(), values_map).await?;
        }
        self.context.installed = Some(installed.text().to_owned());
        self.read_roles(&installed);
        if is_upgrade {
            self.shared.upgrades.upgraded(&self.uid);
        }
        // Right after, there is nothing to show yet.
        self.shared.status_throttle.restart(&self.uid);
        self.shared.remember_release(&self.uid, Some(Arc::new(installed)));
        Ok(true)
    }

    /// A failure of the release. If something is in its way, the runtime is looked at again as soon
    /// as that is gone.
    pub(super) fn release_failed(&self, source: ReleaseError) -> EngineError {
        let wake = Arc::clone(&self.wake);
        let (name, policy) = (&self.identity.name, self.policy());
        self.shared
            .releases
            .wake_when_free(name, &policy, &source, move || wake());
        EngineError::Release {
            release: self.identity.display(),
            source: Box::new(source),
        }
    }

    /// What the chart of this runtime may install.
    pub fn policy(&self) -> Policy {
        policy(&self.plugin, &self.identity, &self.uid)
    }

    /// Adds what all charts are given to the plugin's values, and records the ports of the runtime
    /// among them.
    pub(crate) fn complete(&self, text: &str) -> Result<Value, EngineError> {
        let owner = owner_reference(&self.identity.kind, &self.identity.name, &self.uid);
        let mut values = complete(text, &self.identity, &owner)?;
        ports::record(&mut values, &self.shared.ports.held(&self.uid));
        Ok(values)
    }
}
