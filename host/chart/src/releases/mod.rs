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
//! Before that, the API server is asked by dry runs whether it would refuse one of the objects; then
//! nothing is marked or written.
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
mod bounds;
mod change;
mod claims;
mod differences;
mod drift;
mod entry;
mod error;
mod history;
mod hooks;
mod immutable;
mod kinds;
mod listing;
mod lists;
mod moving;
mod obstacle;
mod ownership;
mod preview;
mod prune;
mod record;
mod recorded;
mod reference;
mod release;
mod signature;
mod status;
mod store;
mod survey;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_of_size;
mod uninstall;
mod waiting;
mod workers;

use std::collections::HashSet;
use std::sync::Arc;

use futures::FutureExt;
use kube::Client;
use kube::api::DynamicObject;
use parking_lot::Mutex;
use serde_json::Value;
use wasser_share::FairPlaces;

pub use change::Change;
pub use drift::{Drift, without_host_fields};
pub use entry::{Driver, RecordPlace};
pub use error::ReleaseError;
pub use moving::move_records;
pub use ownership::{RELEASE_NAME, RELEASE_NAMESPACE, check_kept};
pub use preview::Preview;
pub use record::Installer;
pub use release::{Release, is_unchanged};
pub use signature::{KEY_BYTES, SigningKey};
pub use status::Status;
pub use store::Recording;
pub use workers::Workers;

use crate::policy::Policy;
use crate::render::{ReleaseMeta, Rendered};
use claims::Claims;
use entry::Entry;
use history::Next;
use hooks::Hooks;
use kinds::Kinds;
use ownership::Ownership;
use release::belongs;
use store::Store;
use survey::Seen;
use waiting::Waiting;

/// Characters that the name of a release may have, as in Helm.
const MAX_NAME: usize = 53;

/// How many releases are written at a time, of all kinds: each is some ten requests, eight of them at
/// the same time. A namespace alone gets half of them.
const WRITTEN_AT_ONCE: usize = 16;

/// The releases of a cluster.
#[derive(Clone)]
pub struct Releases {
    client: Client,
    recording: Recording,
    kinds: Kinds,
    claims: Claims,
    /// For releases that are being written, which is not said of one that waits for a hook.
    places: FairPlaces,
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
    pub fn new(client: Client, recording: Recording) -> Self {
        Self {
            recording,
            kinds: Kinds::new(client.clone()),
            claims: Claims::default(),
            places: FairPlaces::new(WRITTEN_AT_ONCE),
            waiting: Waiting::default(),
            absent: Arc::default(),
            client,
        }
    }

    /// The newest revision of a runtime's release, from either of Helm's drivers. One request, two
    /// if there is none in Secrets, and one more for each earlier revision that an interrupted
    /// upgrade has left as deployed. `only` is the record that a watch shows, if it is the only one.
    ///
    /// # Errors
    /// If a request fails, the record is damaged, or the release is somebody else's.
    pub async fn find(
        &self,
        name: &str,
        policy: &Policy,
        only: Option<&RecordPlace>,
    ) -> Result<Option<Release>, ReleaseError> {
        let store = self.store(&policy.namespace, name);
        let entries = match only {
            Some(record) => store.with_only(record).await?,
            None => store.current().await?,
        };
        let found = self.newest_of(entries, name, policy)?;
        self.set_absent(&policy.namespace, name, found.is_none());
        if let Some((entries, release)) = &found
            && release.is_deployed()
        {
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
        let mut place = self.places.take(&meta.namespace).await;
        let events = ("pre-install", "post-install");
        let is_absent = self.set_absent(&meta.namespace, &meta.name, false);
        // A hook cannot be taken back, so its name is looked at; and what was refused just now is not
        // tried without a look.
        if is_absent && !self.was_refused(&meta.namespace, &meta.name) && change.rendered.hooks.is_empty() {
            match self.run(change, self.make_fresh(change)?, events, place).boxed().await {
                // Perhaps there is a record by which they are the runtime's, and the watch was late
                // with it. If not, all that are in the way are named.
                Err(ReleaseError::Taken { .. }) => {}
                outcome => return outcome,
            }
            place = self.places.take(&meta.namespace).await;
        }
        let before = self.before(change).boxed().await?;
        self.go_on(change, before, events, place).await
    }

    /// Brings a release to these objects, removing what it had and has no more.
    ///
    /// # Errors
    /// As [`Releases::install`], and if a field would change that cannot.
    pub async fn upgrade(&self, change: &Change<'_>) -> Result<Release, ReleaseError> {
        change.check()?;
        let _claim = self.claims.take(change.keys()).await;
        let place = self.places.take(&change.meta.namespace).await;
        let before = self.before(change).await?;
        let events = if before.is_some() {
            ("pre-upgrade", "post-upgrade")
        } else {
            ("pre-install", "post-install")
        };
        self.go_on(change, before, events, place).await
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
        self.store(namespace, name).note(record, note).await
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

    fn store<'a>(&'a self, namespace: &'a str, name: &'a str) -> Store<'a> {
        Store::new(&self.client, &self.recording, namespace, name)
    }

    fn hooks<'a>(&'a self, ownership: Ownership<'a>, revision: u32, content: (&Value, &str)) -> Hooks<'a> {
        Hooks {
            client: &self.client,
            kinds: &self.kinds,
            ownership,
            attempt: hooks::attempt(revision, content),
        }
    }

    fn read(&self, entry: &Entry, name: &str, policy: &Policy) -> Result<Release, ReleaseError> {
        let (key, namespace) = (&self.recording.key, &policy.namespace);
        let author = entry.author(key, namespace, name, &policy.owner.uid);
        Release::read(entry, author, namespace)
    }

    /// The records and the newest of them, read. Refuses what belongs to somebody else.
    async fn newest(
        &self,
        namespace: &str,
        name: &str,
        policy: &Policy,
    ) -> Result<Option<(Vec<Entry>, Release)>, ReleaseError> {
        let entries = self.store(namespace, name).current().await?;
        self.newest_of(entries, name, policy)
    }

    fn newest_of(
        &self,
        entries: Vec<Entry>,
        name: &str,
        policy: &Policy,
    ) -> Result<Option<(Vec<Entry>, Release)>, ReleaseError> {
        let Some(newest) = newest_complete(&entries, policy).or(entries.last()) else {
            return Ok(None);
        };
        let mut release = self.read(newest, name, policy)?;
        release.adopted = !is_own(&entries, policy);
        release.newest = entries.last().map_or(release.revision, |last| last.revision);
        if !belongs(&entries, &release, policy) {
            return Err(ReleaseError::Foreign {
                namespace: policy.namespace.clone(),
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
    entries.iter().rfind(|entry| entry.is_deployed())
}

fn ownership<'a>(policy: &'a Policy, release: &'a str, recorded: bool) -> Ownership<'a> {
    Ownership {
        policy,
        release,
        recorded,
    }
}
