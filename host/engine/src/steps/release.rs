//! The release of a runtime: what is installed, and how values come to be.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use futures::FutureExt;
use serde_json::Value;
use wasser_chart::{Chart, Policy, ReleaseError, Workers, powerful_images};

use crate::error::EngineError;
use crate::objects::owner::owner_reference;
use crate::release::Installed;
use crate::release::claims;
use crate::release::origin::is_to_migrate;
use crate::release::policy::{Surroundings, named, policy};
use crate::release::prepare::{Prepared, Revision, draft};
use crate::release::values::complete;
use crate::request::Request;
use crate::shared::ports;
use crate::steps::damage::Damage;

impl Request {
    /// The release as it is, from memory where it was seen before.
    pub async fn installed(&mut self) -> Result<Option<Arc<Installed>>, EngineError> {
        match self.shared.known_release(&self.uid) {
            Some(Some(known)) if self.is_outdated(&known) || is_to_migrate(&self.plugin, known.installer()) => {}
            Some(known) => return Ok(known),
            None => {}
        }
        let (namespace, name) = (&self.identity.namespace, &self.identity.name);
        // What was set up has a record. Where the watch shows none, it is late or there is none by now,
        // and an installation would change what Fluid has installed.
        let found = if self.shared.caches.has_record(namespace, name) || self.is_set_up() {
            let only = self.shared.caches.only_record(namespace, name);
            let found = self.shared.releases.find(name, &self.policy(), only.as_ref()).await;
            found.map_err(|source| self.release_failed(source))?
        } else {
            // Should the watch be late, the record that the installation wants to write is there
            // already, and is then read.
            self.shared.releases.take_for_absent(namespace, name);
            None
        };
        self.first_revision = found.as_ref().map_or(1, wasser_chart::Release::next_revision);
        if let Some(release) = &found {
            self.restore_ports(release.values())?;
            self.compare(release);
        }
        // What Fluid's Helm did not end may run nevertheless.
        let found = found.filter(|release| release.is_deployed() || (release.is_adopted() && self.is_set_up()));
        let release = match &found {
            Some(release) => Some(Arc::new(self.migrated(release).await?)),
            None => None,
        };
        self.shared.remember_release(&self.uid, release.clone());
        self.context.installed = release.as_ref().map(|release| release.text().to_owned());
        if let Some(release) = &release {
            self.read_roles(release);
        }
        Ok(release)
    }

    /// Whether somebody else has written a later revision: another operator, or a user with `helm`.
    fn is_outdated(&self, known: &Installed) -> bool {
        let newest = || {
            self.shared
                .caches
                .newest_record(&self.identity.namespace, &self.identity.name)
        };
        known.adoption().is_none() && newest().is_some_and(|newest| newest > known.revision())
    }

    /// Installs or upgrades the release to these values, or writes it again if it is damaged.
    /// `workers` says how workers begin that it makes. False if there was nothing to do.
    pub async fn apply_values(
        &mut self,
        text: &str,
        workers: Option<Workers>,
        damage: Option<&Damage>,
    ) -> Result<bool, EngineError> {
        let values = self.complete(text)?;
        let before = self.installed().await?;
        if let Some(before) = &before {
            if before.has(&values) && damage.is_none() {
                return Ok(false);
            }
            self.check_repeated(before, &values, damage)?;
        }
        let chart = self.shared.chart(&self.plugin)?;
        let revision = self.next_revision(before.as_deref());
        let is_upgrade = revision.is_upgrade;
        let damaged = before
            .as_ref()
            .filter(|_| damage.is_some())
            .map(|before| before.revision());
        // Others want the plugin meanwhile.
        self.implement.let_go();
        // Rendering, requests and hooks have limits, and the turns before them are others' time.
        let own_time = self.own_time.clone();
        let prepared = own_time.wait(self.prepare(&chart, values, revision).boxed()).await?;
        if let Some(before) = &before {
            self.check_unsigned(before, &prepared).boxed().await?;
        }
        // The name of the map may be somebody's, which has to be known before anything is installed.
        // What was refused just now is not written again: the events of that would lead to the next
        // attempt.
        let (namespace, name) = (&self.identity.namespace, &self.identity.name);
        let looks = is_upgrade || self.shared.releases.was_refused(namespace, name);
        let values_map = match (self.shows_values(), looks) {
            (true, true) => self.find_values_map().await?.and_then(|found| found.uid),
            (true, false) => self.record_values(prepared.values(), None).await?,
            (false, _) => None,
        };
        // Until the record says otherwise, nobody knows what is installed: an interruption must
        // lead to a fresh look.
        self.shared.forget_release(&self.uid);
        self.shared.seen_objects.forget(&self.uid);
        let installing = prepared.install(&self.shared.releases, workers, damaged).boxed();
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
            self.record_values(&installed.values(), values_map).await?;
        }
        self.context.installed = Some(installed.text().to_owned());
        self.read_roles(&installed);
        if is_upgrade {
            self.upgraded_now();
            self.shared.upgrades.upgraded(&self.uid);
        } else {
            self.shared.rush.installed(Instant::now());
        }
        // Right after, there is nothing to show yet.
        self.shared.status_throttle.restart(&self.uid);
        self.shared.remember_release(&self.uid, Some(Arc::new(installed)));
        Ok(true)
    }

    /// The revision that would be made now.
    pub(super) fn next_revision(&self, before: Option<&Installed>) -> Revision {
        match before {
            Some(before) => Revision::upgrade(before.next_revision()),
            None => Revision {
                number: self.first_revision,
                ..Revision::FIRST
            },
        }
    }

    /// Renders the release and admits it. What is not named in the objects at hand is looked for
    /// where it can be besides: images in the record, since clients keep theirs while nobody asks
    /// for another one, and Secrets in the volumes of the claims that the Dataset mounts.
    pub(super) async fn prepare(
        &self,
        chart: &Arc<Chart>,
        values: Value,
        revision: Revision,
    ) -> Result<Prepared, EngineError> {
        let (plugin, renderer, identity) = (&self.plugin, &self.shared.renderer, &self.identity);
        let users = self.objects_of_users().await;
        let mut around = self.surroundings();
        around.named = named(&self.object, &users);
        let draft = draft(plugin, chart.clone(), renderer, identity, values, revision).await?;
        let (mut asks_record, mut asks_volumes) = (revision.is_upgrade, true);
        loop {
            let error = match draft.admit(plugin, identity, &around) {
                Ok(policy) => return Ok(draft.admitted(policy)),
                Err(error) => error,
            };
            if error.is_about_image() && std::mem::take(&mut asks_record) {
                around.named = around.named.with_installed_images(self.installed_images().await?);
            } else if error.is_about_secret() && std::mem::take(&mut asks_volumes) {
                let client = &self.shared.client;
                around.claimed_secrets = claims::secrets(client, &identity.namespace, &users).await?;
            } else {
                return Err(error);
            }
        }
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

    /// What is the runtime's, and what its chart may install that no user has to name.
    pub fn policy(&self) -> Policy {
        policy(&self.plugin, &self.identity, &self.surroundings())
    }

    /// What the chart of this runtime may install, as far as runtime and Dataset name it.
    pub fn policy_of_hooks(&self) -> Policy {
        let dataset = self.dataset_of_users();
        let around = Surroundings {
            named: named(&self.object, &dataset),
            ..self.surroundings()
        };
        policy(&self.plugin, &self.identity, &around)
    }

    fn surroundings(&self) -> Surroundings {
        Surroundings {
            uid: self.uid.clone(),
            mount_path: self.context.mount_path.clone(),
            ..Surroundings::default()
        }
    }

    fn dataset_of_users(&self) -> Option<Value> {
        let dataset = self.dataset.as_deref()?;
        serde_json::to_value(dataset).ok()
    }

    /// The Dataset, and the objects of the whole cluster that the runtime names. One that cannot be
    /// read names nothing.
    async fn objects_of_users(&self) -> Vec<Value> {
        let mut objects = Vec::from_iter(self.dataset_of_users());
        for (kind, pointer) in self.plugin.grants.named_objects() {
            let Some(name) = self.object.pointer(pointer).and_then(Value::as_str) else {
                continue;
            };
            if let Ok(Some(found)) = self.shared.caches.cluster_objects.get(kind, name).await {
                objects.push(found.data.clone());
            }
        }
        objects
    }

    /// The images that the release, as it is recorded, lets run with powers over nodes.
    async fn installed_images(&self) -> Result<BTreeSet<String>, EngineError> {
        let found = self.shared.releases.look(&self.identity.name, &self.policy()).await;
        let found = found.map_err(|source| self.release_failed(source))?;
        Ok(found
            .map(|release| powerful_images(&release.manifest))
            .unwrap_or_default())
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
