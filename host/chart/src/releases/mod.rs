//! Helm 3 releases: the objects in the cluster and the records about them.
//!
//! # Records
//! Wasser keeps the records that Helm's Secret driver keeps, so that `helm ls`, `get`, `history`,
//! `rollback` and `uninstall` work. A release that Fluid installed has its record in a ConfigMap,
//! where `helm` does not look by default. It is found there, and moves to Secrets with its first
//! upgrade: the revision that Fluid installed is copied as superseded, and the ConfigMaps are
//! deleted. (Left there, an upgraded release would be uninstalled by a Fluid that comes back: it
//! wants revision 1 to be the deployed one. Found nowhere, it is adopted.) Until then, nothing of
//! it is written but a note about it (`Releases::note`).
//!
//! # Interruptions
//! The record is written last and once, so that nothing is recorded that is not there. A process
//! that dies before leaves objects without a record, or with that of the earlier revision: the next
//! attempt applies everything again, which changes nothing where it is done already. Should no
//! attempt follow, the objects go with the runtime, which owns them and the record. Failures are
//! not recorded either: the last complete revision stays the newest, and a user learns of the
//! failure from the runtime. An upgrade first marks the record that it leaves, and completes it or
//! goes back to it with everything applied again: what it wrote before it stopped may be of either.
//!
//! # Whose objects
//! What is there must be the runtime's (`ownership.rs`). Nothing of an upgrade is written before
//! every name in it, hooks included, has been looked at (`survey.rs`). A first installation creates
//! its objects instead, which the API server refuses for a name that is there; it then takes back
//! what it has made, so that a refused release leaves nothing. Two releases that want one name come
//! one after the other (`claims.rs`). What is in the way is waited for (`waiting.rs`).
//!
//! # Objects
//! Objects are created, and afterwards written by server-side apply, both under the field manager
//! `wasser`, so fields that others set (the host: affinity and replicas) stay. How replicas are
//! treated is in `apply.rs`, the change from one to the other in `adopt.rs`, hooks in `hooks.rs`.

mod adopt;
mod apply;
mod change;
mod claims;
mod drift;
mod error;
mod history;
mod hooks;
mod immutable;
mod kinds;
mod obstacle;
mod ownership;
mod preview;
mod prune;
mod record;
mod recorded;
mod reference;
mod release;
mod status;
mod store;
mod survey;
#[cfg(test)]
mod tests;
mod waiting;
mod workers;

use std::collections::HashSet;
use std::sync::Arc;

use futures::FutureExt;
use kube::Client;
use kube::api::DynamicObject;
use parking_lot::Mutex;

pub use change::Change;
pub use drift::{Drift, without_host_fields};
pub use error::ReleaseError;
pub use ownership::{RELEASE_NAME, RELEASE_NAMESPACE, check_kept};
pub use preview::Preview;
pub use release::{Release, is_unchanged};
pub use status::Status;
pub use store::RecordPlace;
pub use workers::Workers;

use crate::policy::Policy;
use crate::render::{ReleaseMeta, Rendered};
use claims::Claims;
use history::Next;
use hooks::Hooks;
use kinds::Kinds;
use ownership::Ownership;
use release::belongs;
use store::{Entry, Store};
use survey::Seen;
use waiting::Waiting;

/// Characters that the name of a release may have, as in Helm.
const MAX_NAME: usize = 53;

/// The releases of a cluster.
#[derive(Clone)]
pub struct Releases {
    client: Client,
    kinds: Kinds,
    claims: Claims,
    waiting: Waiting,
    /// Namespaces and names for which the last look found nothing, so that an installation need not
    /// look again.
    absent: Arc<Mutex<HashSet<(String, String)>>>,
}

/// What was there before: the records, and the newest of them read.
struct Before {
    entries: Vec<Entry>,
    release: Release,
}

/// All that is known before the first write.
struct Ready {
    before: Option<Before>,
    seen: Seen,
    next: Next,
}

impl Rendered {
    /// The objects as they are applied for a runtime, and those of hooks after them.
    pub fn dressed(&self, policy: &Policy, release: &str) -> Vec<DynamicObject> {
        let hooks = self.hooks.iter().filter_map(|hook| hook.object.as_ref());
        let all = self.objects.iter().chain(hooks);
        all.map(|object| apply::dress(object, policy, release)).collect()
    }
}

impl ReleaseMeta {
    /// Checks that a release may have this name.
    ///
    /// # Errors
    /// If the name is longer than Helm allows: no `helm` command could do anything with the
    /// release.
    pub fn check(&self) -> Result<(), ReleaseError> {
        if self.name.len() <= MAX_NAME {
            return Ok(());
        }
        Err(ReleaseError::Name {
            namespace: self.namespace.clone(),
            name: self.name.clone(),
            limit: MAX_NAME,
        })
    }
}

impl Releases {
    /// Releases in the cluster of this client.
    pub fn new(client: Client) -> Self {
        Self {
            kinds: Kinds::new(client.clone()),
            claims: Claims::default(),
            waiting: Waiting::default(),
            absent: Arc::default(),
            client,
        }
    }

    /// The newest revision of a runtime's release, from either of Helm's drivers. One request, two
    /// if there is none in Secrets, and one more for each earlier revision that an interrupted
    /// upgrade has left as deployed.
    ///
    /// # Errors
    /// If a request fails, the record is damaged, or the release is somebody else's.
    pub async fn find(&self, name: &str, policy: &Policy) -> Result<Option<Release>, ReleaseError> {
        let found = self.newest(&policy.namespace, name, policy).await?;
        self.set_absent(&policy.namespace, name, found.is_none());
        if let Some((entries, release)) = &found
            && release.is_deployed()
        {
            let store = Store::new(&self.client, &policy.namespace, name);
            history::supersede_earlier(&store, entries, &policy.owner).await?;
        }
        Ok(found.map(|(_, release)| release))
    }

    /// The same, without a write.
    ///
    /// # Errors
    /// As [`Releases::find`].
    pub async fn look(&self, name: &str, policy: &Policy) -> Result<Option<Release>, ReleaseError> {
        let found = self.newest(&policy.namespace, name, policy).await?;
        Ok(found.map(|(_, release)| release))
    }

    /// Installs a release, or takes over what an interrupted process or a failed installation left.
    ///
    /// # Errors
    /// If the policy or the API server refuses an object, something is in the way, a hook fails, or
    /// the release is somebody else's.
    pub async fn install(&self, change: &Change<'_>) -> Result<Release, ReleaseError> {
        change.check()?;
        let meta = change.meta;
        let _claim = self.claims.take(change.keys()).await;
        let events = ("pre-install", "post-install");
        let is_absent = self.set_absent(&meta.namespace, &meta.name, false);
        // A hook cannot be taken back, so its name is looked at; and what was refused just now is not
        // tried without a look.
        if is_absent && !self.was_refused(&meta.namespace, &meta.name) && change.rendered.hooks.is_empty() {
            match self.run(change, Self::make_fresh(change)?, events).boxed().await {
                // Perhaps there is a record by which they are the runtime's, and the watch was late
                // with it. If not, all that are in the way are named.
                Err(ReleaseError::Taken { .. }) => {}
                outcome => return outcome,
            }
        }
        let ready = self
            .make_ready(change, self.before(change).boxed().await?)
            .boxed()
            .await?;
        self.run(change, ready, events).boxed().await
    }

    /// Brings a release to these objects, removing what it had and has no more.
    ///
    /// # Errors
    /// As [`Releases::install`], and if a field would change that cannot.
    pub async fn upgrade(&self, change: &Change<'_>) -> Result<Release, ReleaseError> {
        change.check()?;
        let _claim = self.claims.take(change.keys()).await;
        let before = self.before(change).await?;
        if let Some(done) = Self::done(change, before.as_ref()) {
            return Ok(done.clone());
        }
        let events = if before.is_some() {
            ("pre-upgrade", "post-upgrade")
        } else {
            ("pre-install", "post-install")
        };
        let ready = self.make_ready(change, before).boxed().await?;
        self.run(change, ready, events).boxed().await
    }

    /// Deletes a release: its objects, then its records, with its hooks around. False if the
    /// runtime has none. Interrupted, it starts over.
    ///
    /// Objects of hooks stay, as with Helm, and go with the runtime. `config_maps` says whether
    /// there may be records in ConfigMaps, as Fluid's Helm writes them.
    ///
    /// # Errors
    /// If a request or a hook fails.
    pub async fn uninstall(
        &self,
        namespace: &str,
        name: &str,
        policy: &Policy,
        config_maps: bool,
    ) -> Result<bool, ReleaseError> {
        self.set_absent(namespace, name, false);
        self.waiting.end(namespace, name);
        let store = Store::new(&self.client, namespace, name);
        let secrets = store.secrets().await?;
        let config_maps = if config_maps {
            store.config_maps().await?
        } else {
            Vec::new()
        };
        let all: Vec<Entry> = secrets.iter().chain(&config_maps).cloned().collect();
        let Some(newest) = secrets.last().or(config_maps.last()) else {
            return Ok(false);
        };
        match Release::read(newest, namespace) {
            Ok(release) if !belongs(&all, &release, policy) => {
                tracing::warn!(
                    namespace,
                    name,
                    chart = release.chart,
                    "a Helm release of the runtime's name is not the runtime's; it is left"
                );
                return Ok(false);
            }
            Ok(release) => {
                let ownership = ownership(policy, name, true);
                let hooks = self.hooks(ownership);
                hooks.run_recorded(&release, "pre-delete").boxed().await?;
                prune::all(&self.kinds, &ownership, &release.objects).boxed().await?;
                hooks.run_recorded(&release, "post-delete").boxed().await?;
            }
            // What it installed is owned by the runtime and goes with it. What another runtime or
            // user has is not the runtime's to delete.
            Err(error) if all.iter().any(|entry| entry.owners.contains(&policy.owner.uid)) => {
                tracing::warn!(namespace, name, %error, "only the records are deleted");
            }
            Err(error) => {
                tracing::warn!(namespace, name, %error, "a Helm release of the runtime's name cannot be read; it is \
                    left");
                return Ok(false);
            }
        }
        history::delete_all(&store, &all.iter().collect::<Vec<_>>()).await?;
        Ok(true)
    }

    /// Notes something about a release that Helm has made, in an annotation of its record. The next
    /// [`find`](Self::find) returns it; it goes with the record.
    ///
    /// # Errors
    /// If the record is gone, or the request fails.
    pub async fn note(
        &self,
        namespace: &str,
        name: &str,
        record: &RecordPlace,
        note: &str,
    ) -> Result<(), ReleaseError> {
        Store::new(&self.client, namespace, name).note(record, note).await
    }

    /// Whether a release of this name was refused for what is in its way, and has been neither
    /// installed nor uninstalled since.
    pub fn was_refused(&self, namespace: &str, name: &str) -> bool {
        self.waiting.has(namespace, name)
    }

    /// Notes that there is no release of this name, as somebody knows who watches the records: the
    /// installation need not look for one.
    pub fn take_for_absent(&self, namespace: &str, name: &str) {
        self.set_absent(namespace, name, true);
    }

    /// Calls `wake` once what the error names as being in the way of a release is gone, or after
    /// some minutes. Does nothing for errors that name nothing of that kind. A release waits for
    /// one error at a time, until it is uninstalled.
    pub fn wake_when_free(
        &self,
        name: &str,
        policy: &Policy,
        error: &ReleaseError,
        wake: impl FnOnce() + Send + 'static,
    ) {
        self.waiting.start(&self.kinds, policy, name, error, wake);
    }

    /// Notes whether there is no release, and answers what was noted before.
    fn set_absent(&self, namespace: &str, name: &str, absent: bool) -> bool {
        let mut known = self.absent.lock();
        let key = (namespace.to_owned(), name.to_owned());
        if absent { !known.insert(key) } else { known.remove(&key) }
    }

    fn hooks<'a>(&'a self, ownership: Ownership<'a>) -> Hooks<'a> {
        Hooks {
            client: &self.client,
            kinds: &self.kinds,
            ownership,
        }
    }

    /// The records and the newest of them, read. Refuses what belongs to somebody else.
    async fn newest(
        &self,
        namespace: &str,
        name: &str,
        policy: &Policy,
    ) -> Result<Option<(Vec<Entry>, Release)>, ReleaseError> {
        let entries = Store::new(&self.client, namespace, name).current().await?;
        let Some(newest) = newest_complete(&entries, policy).or(entries.last()) else {
            return Ok(None);
        };
        let mut release = Release::read(newest, namespace)?;
        release.adopted = !is_own(&entries, policy);
        if !belongs(&entries, &release, policy) {
            return Err(ReleaseError::Foreign {
                namespace: namespace.to_owned(),
                name: name.to_owned(),
                chart: release.chart,
                record: newest.reference().into(),
            });
        }
        Ok(Some((entries, release)))
    }
}

/// Whether Wasser has written any of the records, for this runtime.
fn is_own(entries: &[Entry], policy: &Policy) -> bool {
    entries.iter().any(|entry| entry.owners.contains(&policy.owner.uid))
}

/// The newest complete revision of a release that Helm has made for Fluid: that of an upgrade which
/// was interrupted does not say what is there. Wasser records complete revisions only.
fn newest_complete<'a>(entries: &'a [Entry], policy: &Policy) -> Option<&'a Entry> {
    if is_own(entries, policy) {
        return None;
    }
    entries.iter().rfind(|entry| entry.status == Status::Deployed.as_str())
}

fn ownership<'a>(policy: &'a Policy, release: &'a str, recorded: bool) -> Ownership<'a> {
    Ownership {
        policy,
        release,
        recorded,
    }
}
