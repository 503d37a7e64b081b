//! Helm 3 releases: the objects in the cluster and the records about them.
//!
//! # Records
//! Wasser keeps the records that Helm's Secret driver keeps, so that `helm ls`, `get`, `history`, `rollback` and `uninstall` work. A release that Fluid
//! installed has its record in a ConfigMap, where `helm` does not look by default. It is found there, and moves to Secrets with its first upgrade:
//! the revision that Fluid installed is copied as superseded, and the ConfigMaps are deleted. (Left there, an upgraded release would be
//! uninstalled by a Fluid that comes back: it wants revision 1 to be the deployed one. Found nowhere, it is adopted.)
//!
//! # Interruptions
//! The record is written last and once, so that nothing is recorded that is not there. A process that dies before leaves objects without
//! a record, or with that of the earlier revision: the next attempt applies everything again, which changes nothing where it is done already.
//! Should no attempt follow, the objects go with the runtime, which owns them and the record. Failures are not recorded either: the last complete
//! revision stays the newest, and a user learns of the failure from the runtime.
//!
//! # Objects
//! Objects are written by server-side apply under the field manager `wasser`, so fields that others set (the host: affinity and replicas) stay. How
//! replicas are treated is in `apply.rs`, hooks in `hooks.rs`.

mod adopt;
mod apply;
mod error;
mod history;
mod hooks;
mod objects;
mod prune;
mod record;
mod release;
mod status;
mod store;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt as _;
use kube::Client;
use kube::api::DynamicObject;
use serde_json::Value;

pub use error::ReleaseError;
pub use release::{Release, is_unchanged};
pub use status::Status;

use crate::chart::Chart;
use crate::policy::Policy;
use crate::render::{ReleaseMeta, Rendered};
use hooks::Hooks;
use objects::{Kinds, Reference};
use release::belongs;
use store::{Driver, Entry, Store};

/// The releases of a cluster.
#[derive(Clone)]
pub struct Releases {
    client: Client,
    kinds: Kinds,
    /// Namespaces and names for which the last look found nothing, so that an installation need not look again.
    absent: Arc<Mutex<HashSet<(String, String)>>>,
}

/// What a release is to become.
struct Change<'a> {
    chart: &'a Chart,
    meta: &'a ReleaseMeta,
    rendered: &'a Rendered,
    values: &'a Value,
    policy: &'a Policy,
}

/// What was there before: the records, and the newest of them read.
struct Before {
    entries: Vec<Entry>,
    release: Release,
    /// Whether Wasser wrote the newest record, and so applied the objects.
    own: bool,
}

impl Rendered {
    /// The objects as they are applied for a runtime, and those of hooks after them.
    pub fn dressed(&self, policy: &Policy, release: &str) -> Vec<DynamicObject> {
        let hooks = self.hooks.iter().filter_map(|hook| hook.object.as_ref());
        let all = self.objects.iter().chain(hooks);
        all.map(|object| apply::dress(object, policy, release)).collect()
    }
}

impl Releases {
    /// Releases in the cluster of this client.
    pub fn new(client: Client) -> Self {
        Self {
            kinds: Kinds::new(client.clone()),
            absent: Arc::default(),
            client,
        }
    }

    /// The newest revision of a release, from either of Helm's drivers. One request, two if there is none in Secrets.
    ///
    /// # Errors
    /// If a request fails or the record is damaged.
    pub async fn find(&self, namespace: &str, name: &str) -> Result<Option<Release>, ReleaseError> {
        let entries = Store::new(&self.client, namespace, name).current().await?;
        self.set_absent(namespace, name, entries.is_empty());
        entries.last().map(|entry| Release::read(entry, namespace)).transpose()
    }

    /// Installs a release, or takes over what an interrupted process or a failed installation left.
    ///
    /// # Errors
    /// If the policy or the API server refuses an object, a hook fails, or the release is of another chart.
    pub async fn install(
        &self,
        chart: &Chart,
        meta: &ReleaseMeta,
        rendered: &Rendered,
        values: &Value,
        policy: &Policy,
    ) -> Result<Release, ReleaseError> {
        policy.admit_release(rendered)?;
        let change = Change {
            chart,
            meta,
            rendered,
            values,
            policy,
        };
        let fresh = self.set_absent(&meta.namespace, &meta.name, false);
        let before = if fresh { None } else { self.before(&change).await? };
        let hooks = self.hooks(policy, &meta.name);
        hooks.run(&rendered.hooks, "pre-install").await?;
        self.apply(&change, before.as_ref()).await?;
        hooks.run(&rendered.hooks, "post-install").await?;
        if let Some(release) = self.record(&change, before.as_ref()).await? {
            return Ok(release);
        }
        // A record has been written since it was looked for; what it names and this release has not must go.
        let before = self.before(&change).await?;
        self.apply(&change, before.as_ref()).await?;
        self.record(&change, before.as_ref()).await?.ok_or_else(|| contended(meta))
    }

    /// Brings a release to these objects, removing what it had and has no more.
    ///
    /// # Errors
    /// As [`Releases::install`], and if a field would change that cannot.
    pub async fn upgrade(
        &self,
        chart: &Chart,
        meta: &ReleaseMeta,
        rendered: &Rendered,
        values: &Value,
        policy: &Policy,
    ) -> Result<Release, ReleaseError> {
        policy.admit_release(rendered)?;
        let change = Change {
            chart,
            meta,
            rendered,
            values,
            policy,
        };
        let Some(before) = self.before(&change).await? else {
            return self.install(chart, meta, rendered, values, policy).await;
        };
        let hooks = self.hooks(policy, &meta.name);
        hooks.run(&rendered.hooks, "pre-upgrade").await?;
        self.apply(&change, Some(&before)).await?;
        hooks.run(&rendered.hooks, "post-upgrade").await?;
        self.record(&change, Some(&before)).await?.ok_or_else(|| contended(meta))
    }

    /// Deletes a release: its objects, then its records, with its hooks around. False if the runtime has none. Interrupted, it starts over.
    ///
    /// Objects of hooks stay, as with Helm, and go with the runtime. `config_maps` says whether there may be records in ConfigMaps, as Fluid's
    /// Helm writes them.
    ///
    /// # Errors
    /// If a request or a hook fails.
    pub async fn uninstall(&self, namespace: &str, name: &str, policy: &Policy, config_maps: bool) -> Result<bool, ReleaseError> {
        self.set_absent(namespace, name, false);
        let store = Store::new(&self.client, namespace, name);
        let secrets = store.secrets().await?;
        let config_maps = if config_maps { store.config_maps().await? } else { Vec::new() };
        let Some(newest) = secrets.last().or(config_maps.last()) else {
            return Ok(false);
        };
        match Release::read(newest, namespace) {
            Ok(release) if !belongs(newest, &release, policy) => {
                tracing::warn!(
                    namespace,
                    name,
                    chart = release.chart,
                    "a Helm release of the runtime's name is not the runtime's; it is left"
                );
                return Ok(false);
            }
            Ok(release) => {
                let hooks = self.hooks(policy, name);
                hooks.run_recorded(&release.hooks, "pre-delete").await?;
                prune::all(&self.kinds, policy, &release.objects).await?;
                hooks.run_recorded(&release.hooks, "post-delete").await?;
            }
            // What it installed is owned by the runtime and goes with it.
            Err(error) => tracing::warn!(namespace, name, %error, "only the records are deleted"),
        }
        let all: Vec<&Entry> = secrets.iter().chain(&config_maps).collect();
        history::delete_all(&store, &all).await?;
        Ok(true)
    }

    /// Notes that there is no release of this name, as somebody knows who watches the records: the installation need not look for one. What
    /// it finds in its way all the same, it takes over.
    pub fn take_for_absent(&self, namespace: &str, name: &str) {
        self.set_absent(namespace, name, true);
    }

    /// Notes whether there is no release, and answers what was noted before.
    fn set_absent(&self, namespace: &str, name: &str, absent: bool) -> bool {
        let mut known = self.absent.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (namespace.to_owned(), name.to_owned());
        if absent { !known.insert(key) } else { known.remove(&key) }
    }

    fn hooks<'a>(&'a self, policy: &'a Policy, release: &'a str) -> Hooks<'a> {
        Hooks {
            client: &self.client,
            kinds: &self.kinds,
            policy,
            release,
        }
    }

    /// Reads what is there, and refuses what belongs to somebody else.
    async fn before(&self, change: &Change<'_>) -> Result<Option<Before>, ReleaseError> {
        let (namespace, name) = (&change.meta.namespace, &change.meta.name);
        let entries = Store::new(&self.client, namespace, name).current().await?;
        let Some(newest) = entries.last() else { return Ok(None) };
        let release = Release::read(newest, namespace)?;
        if release.chart != change.chart.name() && !belongs(newest, &release, change.policy) {
            return Err(ReleaseError::Foreign {
                namespace: namespace.clone(),
                name: name.clone(),
                chart: release.chart,
            });
        }
        let own = newest.driver == Driver::Secret && newest.owners.contains(&change.policy.owner.uid);
        Ok(Some(Before { entries, release, own }))
    }

    /// Applies the objects, and removes those that the chart no longer has.
    async fn apply(&self, change: &Change<'_>, before: Option<&Before>) -> Result<(), ReleaseError> {
        let Change {
            meta, rendered, policy, ..
        } = change;
        let earlier = before.map_or(&[][..], |before| &before.release.objects);
        let now: Vec<Reference> = rendered.objects.iter().filter_map(Reference::of).collect();
        if before.is_some_and(|before| !before.own) {
            let common = now.iter().filter(|object| earlier.iter().any(|other| other.key() == object.key()));
            let adoptions = common.map(|object| adopt::object(&self.kinds, &meta.namespace, object).boxed());
            apply::together(adoptions.collect()).await?;
        }
        let prepared = rendered
            .objects
            .iter()
            .filter_map(|object| apply::prepare(object, policy, &meta.name, earlier));
        apply::all(&self.kinds, &meta.namespace, prepared.collect()).await?;
        prune::dropped(&self.kinds, policy, &objects::dropped(earlier, &now)).await
    }
}

fn contended(meta: &ReleaseMeta) -> ReleaseError {
    let record = format!("release {}/{}", meta.namespace, meta.name);
    ReleaseError::Record {
        record,
        message: "somebody else upgrades it at the same time".to_owned(),
    }
}
